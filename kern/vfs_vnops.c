/* Vnodes as open files, and for exec and mmap. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/vnode.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_object.h>
#include <uvm/uvm_pager.h>
#include <uvm/uvm_vnode.h>

/* -- Open files -------------------------------------------------------------------- */

#define FIONREAD 0x541B

static int
vn_fo_read(struct file *fp, struct uio *uio, int flags)
{
	struct vnode *vp = fp->f_vnode;
	int error;

	uio->uio_advice = atomic_load(&fp->f_advice);
	if (__predict_false(vp->v_op->vop_refresh != NULL)) {
		error = vp->v_op->vop_refresh(
		    vp, flags & FOF_OFFSET ? uio->uio_offset : fp->f_offset);
		if (error)
			return error;
	}
	if (flags & FOF_OFFSET)
		return vp->v_op->vop_read(vp, uio);
	rw_enter_write(&fp->f_lock);
	uio->uio_offset = fp->f_offset;
	error = vp->v_op->vop_read(vp, uio);
	fp->f_offset = uio->uio_offset;
	rw_exit(&fp->f_lock);
	return error;
}

size_t
vn_limit_write(struct proc *p, off_t off, size_t n)
{
	uint64_t limit;

	if (p == NULL)
		return n;
	limit = lim_cur(p->p_p, RLIMIT_FSIZE);
	if (__predict_true(limit == RLIM_INFINITY))
		return n;
	if ((uint64_t)off < limit)
		return MIN(n, limit - (uint64_t)off);
	if (n > 0)
		ptsignal(p, SIGXFSZ, NULL);
	return 0;
}

static int
vn_fo_write(struct file *fp, struct uio *uio, int flags)
{
	bool append = (fp->f_flags & O_APPEND) || (flags & FOF_APPEND);
	struct vnode *vp = fp->f_vnode;
	size_t len = uio->uio_resid;
	int error;

	if (flags & FOF_OFFSET)
		return vp->v_op->vop_write(vp, uio, append);
	rw_enter_write(&fp->f_lock);
	uio->uio_offset = fp->f_offset;
	error = vp->v_op->vop_write(vp, uio, append);
	if (uio->uio_resid != len)
		fp->f_offset = uio->uio_offset;
	rw_exit(&fp->f_lock);
	return error;
}

uint32_t
vn_mntflags(const struct vnode *vp)
{
	return vp->v_mount != NULL ? vp->v_mount->mnt_flag : 0;
}

/* O_SYNC, O_DSYNC, or a mount that wants it: not done before it is safe. */
static int
vn_fo_write_sync(struct file *fp, struct uio *uio, int flags)
{
	struct vnode *vp = fp->f_vnode;
	int error = vn_fo_write(fp, uio, flags);
	bool all = (fp->f_flags & O_SYNC) == O_SYNC || (flags & FOF_SYNC) ||
	    (vn_mntflags(vp) & MNT_SYNCHRONOUS);

	if (error == 0 && vp->v_op->vop_fsync != NULL &&
	    (all || (fp->f_flags & O_DSYNC) || (flags & FOF_DSYNC)))
		error = vp->v_op->vop_fsync(vp, all ? 0 : FSYNC_DATA);
	return error;
}

static int
vn_fo_sync(struct file *fp)
{
	struct vnode *vp = fp->f_vnode;

	if (vp->v_type != VREG && vp->v_type != VDIR)
		return EINVAL;
	return vp->v_op->vop_fsync != NULL ? vp->v_op->vop_fsync(vp, 0) : 0;
}

/* Nanoseconds since 1970, which may be before 1970. */
static struct timespec
vn_time(int64_t ns)
{
	struct timespec ts = { ns / 1000000000, ns % 1000000000 };

	if (ts.tv_nsec < 0) {
		ts.tv_sec--;
		ts.tv_nsec += 1000000000;
	}
	return ts;
}

void
vn_stat(const struct vattr *va, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_dev = va->va_dev;
	st->st_ino = va->va_ino;
	st->st_mode = va->va_mode;
	st->st_nlink = va->va_nlink;
	st->st_uid = va->va_uid;
	st->st_gid = va->va_gid;
	st->st_rdev = va->va_rdev;
	st->st_size = va->va_size;
	st->st_blksize = PAGE_SIZE;
	st->st_blocks = va->va_bytes / 512;
	st->st_atim = vn_time(va->va_atime);
	st->st_mtim = vn_time(va->va_mtime);
	st->st_ctim = vn_time(va->va_ctime);
}

int
vn_fo_stat(struct file *fp, struct stat *st)
{
	struct vattr va;
	int error = fp->f_vnode->v_op->vop_getattr(fp->f_vnode, &va);

	if (error == 0)
		vn_stat(&va, st);
	return error;
}

static int
vn_fo_ioctl(struct file *fp, u_long cmd, uint64_t arg, struct proc *p)
{
	struct vattr va;
	int error, n;

	if (cmd != FIONREAD || fp->f_vnode->v_type != VREG)
		return ENOTTY;
	error = fp->f_vnode->v_op->vop_getattr(fp->f_vnode, &va);
	if (error)
		return error;
	n = (int)(va.va_size - fp->f_offset);
	return copyout(&n, (void *)arg, sizeof(n));
}

static void
vn_fo_close(struct file *fp)
{
	if (FWRITABLE(fp) && fp->f_vnode->v_type == VREG) {
		vn_write_put(fp->f_vnode);
		mount_write_put(fp->f_vnode->v_mount);
	}
}

static const struct fileops vn_fileops = {
	.fo_read = vn_fo_read,
	.fo_write = vn_fo_write_sync,
	.fo_ioctl = vn_fo_ioctl,
	.fo_poll = fo_poll_always,
	.fo_stat = vn_fo_stat,
	.fo_close = vn_fo_close,
	.fo_sync = vn_fo_sync,
};

/* -- Opening ------------------------------------------------------------------------- */

static int
open_check(struct vnode *vp, int flags)
{
	bool writing = (flags & O_ACCMODE) != O_RDONLY;

	if (vp->v_type != VDIR && (flags & O_DIRECTORY))
		return ENOTDIR;
	if (flags & O_PATH)
		return 0;
	if (vp->v_type == VLNK)
		return ELOOP;
	if (vp->v_type == VDIR && (writing || (flags & O_TRUNC)))
		return EISDIR;
	return vp->v_type == VSOCK ? ENXIO : 0;
}

/* => a writer from now on if it was opened for that; ETXTBSY */
static int
open_regular(struct vnode *vp, int flags)
{
	const struct vattr zero = { .va_size = 0 };
	bool writing = (flags & O_ACCMODE) != O_RDONLY;
	int error;

	if (!writing && (flags & O_TRUNC) == 0)
		return 0;
	error = mount_write_get(vp->v_mount);
	if (error)
		return error;
	if (!vn_write_get(vp)) {
		mount_write_put(vp->v_mount);
		return ETXTBSY;
	}
	if (flags & O_TRUNC)
		error = vp->v_op->vop_setattr(vp, &zero, VA_SIZE);
	if (!writing || error != 0) {
		vn_write_put(vp);
		mount_write_put(vp->v_mount);
	}
	return error;
}

static int
open_device(struct proc *p, struct file *fp, int flags)
{
	dev_t rdev = fp->f_vnode->v_rdev;
	int error;

	if (vn_mntflags(fp->f_vnode) & MNT_NODEV)
		return EACCES;
	error = fp->f_vnode->v_type == VBLK
	    ? blkdev_open(rdev, flags, &fp->f_ops, &fp->f_data)
	    : dev_open(p, rdev, flags, &fp->f_ops, &fp->f_data);

	if (error == 0 && fp->f_ops->fo_seek != NULL)
		fp->f_mode |= FM_SEEK;
	if (fp->f_vnode->v_type == VCHR && dev_is_address(rdev))
		fp->f_mode |= FM_ADDRESS;
	return error;
}

int
vn_open(struct proc *p, struct vnode *vp, int flags, struct file **fpp)
{
	struct file *fp;
	int error = open_check(vp, flags);

	if (error)
		return error;
	fp = file_alloc(flags, &vn_fileops, NULL, vp);
	if (fp == NULL)
		return ENOMEM;
	if (flags & O_PATH)
		error = 0;
	else if (vp->v_type == VREG)
		error = open_regular(vp, flags);
	else if (vp->v_type == VCHR || vp->v_type == VBLK)
		error = open_device(p, fp, flags);
	else if (vp->v_type == VFIFO)
		error = fifo_open(fp);
	if (error) {
		file_free(fp);
		return error;
	}
	if (fp->f_ops == &vn_fileops && (flags & O_PATH) == 0)
		fp->f_mode |= FM_SEEK;
	*fpp = fp;
	return 0;
}

/* -- Writers and programs ---------------------------------------------------------------- */

bool
vn_write_get(struct vnode *vp)
{
	int n = atomic_load(&vp->v_writers);

	do
		if (n < 0)
			return false;
	while (!atomic_cas(&vp->v_writers, &n, n + 1));
	if (n == 0)
		uvm_vnp_text(vp, false);
	return true;
}

void
vn_write_put(struct vnode *vp)
{
	int n __unused = atomic_sub_acq_rel(&vp->v_writers, 1);

	KASSERT(n > 0);
}

/*
 * Objects do not count such mappings apart from others, so once there was one,
 * the answer is yes until there is none of any kind.
 */
bool
vn_mapped_writable(struct vnode *vp)
{
	struct uvm_object *uobj;
	bool mapped;

	if (!atomic_load_acq(&vp->v_mapped) || vn_uobj(vp, &uobj) != 0)
		return false;
	/* the one we have just got, and that of a file kept in an object */
	mapped = atomic_load(&uobj->uo_refs) > (UVM_OBJ_IS_VNODE(uobj) ? 1 : 2);
	uobj->pgops->pgo_detach(uobj);
	if (!mapped)
		atomic_store(&vp->v_mapped, false);
	return mapped;
}

/* => vp is held as text, unless it is open, or mapped, for writing: ETXTBSY */
static int
vn_text_get(struct vnode *vp)
{
	int n = atomic_load(&vp->v_writers);

	do
		if (n > 0)
			return ETXTBSY;
	while (!atomic_cas(&vp->v_writers, &n, n - 1));
	/* a running program proves that nobody writes */
	if (n == 0 && vn_mapped_writable(vp)) {
		(void)atomic_add_acq_rel(&vp->v_writers, 1);
		return ETXTBSY;
	}
	uvm_vnp_text(vp, true);
	return 0;
}

void
vn_text_ref(struct vnode *vp)
{
	int n __unused = atomic_sub_acq_rel(&vp->v_writers, 1);

	KASSERT(n < 0);
	vref(vp);
}

void
vn_text_rele(struct vnode *vp)
{
	int n __unused = atomic_add_acq_rel(&vp->v_writers, 1);

	KASSERT(n < 0);
	vrele(vp);
}

/* -- exec and mmap ------------------------------------------------------------------ */

int
vn_lookup_exec(
    struct proc *p, const char *path, struct vnode **vpp, off_t *sizep)
{
	struct nameidata nd;
	struct vattr va;
	int error = namei(p, AT_FDCWD, path, UIO_SYSSPACE, NAMEI_FOLLOW, &nd);

	if (error)
		return error;
	error = nd.ni_vp->v_op->vop_getattr(nd.ni_vp, &va);
	if (error == 0 &&
	    (nd.ni_vp->v_type != VREG || !(va.va_mode & 0111) ||
		(vn_mntflags(nd.ni_vp) & MNT_NOEXEC)))
		error = EACCES;
	if (error == 0)
		error = vn_text_get(nd.ni_vp);
	if (error == 0) {
		*vpp = nd.ni_vp;
		*sizep = va.va_size;
		vref(nd.ni_vp);
	}
	namei_done(&nd);
	return error;
}

int
vn_read(struct vnode *vp, void *buf, size_t len, off_t off, size_t *residp)
{
	struct iovec iov = { buf, len };
	struct uio uio = { &iov, 1, off, len, UIO_SYSSPACE, UIO_READ, NULL, 0 };
	int error = vp->v_op->vop_read(vp, &uio);

	if (residp != NULL)
		*residp = uio.uio_resid;
	else if (error == 0 && uio.uio_resid != 0)
		error = EIO;
	return error;
}

int
vn_uobj(struct vnode *vp, struct uvm_object **uobjp)
{
	return vp->v_op->vop_uobj(vp, uobjp);
}

/*
 * Builds the path at the end of buf, going up.
 * => its beginning in *pathp; ENOENT, ENAMETOOLONG
 */
static int
path_upwards(
    struct vnode *vp, struct vnode *root, char *buf, size_t len, char **pathp)
{
	char name[256], *p = buf + len - 1;
	struct vnode *at = vp, *up;
	int error = 0;
	size_t n;

	*p = '\0';
	vref(at);
	while (at != root) {
		/* the root of all lies above ours, or beside it */
		if (!mount_up(&at, NULL)) {
			error = at == root ? 0 : ESRCH;
			break;
		}
		if (at == root)
			break;
		error = at->v_op->vop_parent(at, name, sizeof(name), &up);
		if (error && at->v_type != VDIR &&
		    cache_parent(at, name, sizeof(name), &up))
			error = 0;
		if (error)
			break;
		vrele(at);
		at = up;
		n = strlen(name);
		if ((size_t)(p - buf) < n + 1) {
			error = ENAMETOOLONG;
			break;
		}
		p -= n;
		memcpy(p, name, n);
		*--p = '/';
	}
	vrele(at);
	*pathp = p;
	return error;
}

int
vn_path(struct vnode *vp, struct vnode *root, char *buf, size_t len)
{
	static const char unreachable[] = "(unreachable)";
	char *p;
	int error = path_upwards(vp, root, buf, len, &p);
	bool outside = error == ESRCH;

	if (outside)
		error = 0;
	if (error == 0 && *p == '\0') {
		if (p == buf)
			error = ENAMETOOLONG;
		else
			*--p = '/';
	}
	if (error == 0 && outside) {
		if ((size_t)(p - buf) < sizeof(unreachable) - 1)
			error = ENAMETOOLONG;
		else {
			p -= sizeof(unreachable) - 1;
			memcpy(p, unreachable, sizeof(unreachable) - 1);
		}
	}
	if (error)
		strlcpy(buf, "?", len);
	else
		memmove(buf, p, (size_t)(buf + len - p));
	return error;
}

/* => rights for a mapping of fp; EACCES as mmap(2) says */
static int
mmap_rights(struct file *fp, bool shared, vm_prot_t prot, vm_prot_t *maxprot)
{
	if (!FREADABLE(fp))
		return EACCES;
	*maxprot = PROT_READ | PROT_EXEC | PROT_WRITE;
	if (shared && !FWRITABLE(fp))
		*maxprot = PROT_READ | PROT_EXEC;
	if (fp->f_vnode != NULL && (vn_mntflags(fp->f_vnode) & MNT_NOEXEC)) {
		if (prot & PROT_EXEC)
			return EPERM;
		*maxprot &= ~PROT_EXEC;
	}
	return (prot & ~*maxprot) ? EACCES : 0;
}

/*
 * => writing: it can be written through the mapping, which must be known
 *    before the file, open for writing, is closed
 */
static int
mmap_vnode(struct vnode *vp, bool writing, vm_prot_t prot, vm_prot_t *maxprot,
    struct uvm_object **uobjp)
{
	int error = vn_uobj(vp, uobjp), seals = 0;

	if (error != 0 || !writing)
		return error;
	/* who adds a seal from now on sees that it is too late */
	atomic_store_rel(&vp->v_mapped, true);
	if (vp->v_op->vop_seals == NULL ||
	    vp->v_op->vop_seals(vp, 0, &seals) != 0 ||
	    (seals & F_SEAL_NOWRITE) == 0)
		return 0;
	*maxprot &= ~PROT_WRITE;
	if ((prot & PROT_WRITE) == 0)
		return 0;
	(*uobjp)->pgops->pgo_detach(*uobjp);
	return EPERM;
}

/* Devices are not copied: a private mapping can be read and no more. */
static int
mmap_device(dev_t rdev, voff_t off, vsize_t len, bool shared, vm_prot_t prot,
    vm_prot_t *maxprot, struct uvm_object **uobjp)
{
	if (!shared && (prot & PROT_WRITE))
		return EINVAL;
	if (prot & PROT_EXEC)
		return EPERM;
	*maxprot &= ~PROT_EXEC;
	if (!shared)
		*maxprot &= ~PROT_WRITE;
	return dev_mmap(rdev, off, len, *maxprot, uobjp);
}

int
fd_mmap(struct proc *p, int fd, voff_t off, vsize_t len, bool shared,
    vm_prot_t prot, vm_prot_t *maxprot, struct uvm_object **uobjp)
{
	struct file *fp = fd_getfile(p, fd);
	int error;

	if (fp == NULL)
		return EBADF;
	*uobjp = NULL;
	error = mmap_rights(fp, shared, prot, maxprot);
	if (error == 0) {
		if (fp->f_vnode == NULL)
			error = ENODEV;
		else if (fp->f_vnode->v_type != VCHR)
			error = mmap_vnode(fp->f_vnode, shared && FWRITABLE(fp),
			    prot, maxprot, uobjp);
		else if (!dev_is_zero(fp->f_vnode->v_rdev))
			error = mmap_device(fp->f_vnode->v_rdev, off, len,
			    shared, prot, maxprot, uobjp);
	}
	file_rele(fp);
	return error;
}
