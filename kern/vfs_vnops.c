/* Vnodes as open files, and for exec and mmap. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/vnode.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_object.h>

static int
vn_fo_read(struct file *fp, struct uio *uio, int flags)
{
	struct vnode *vp = fp->f_vnode;
	int error;

	if (flags & FOF_OFFSET)
		return vp->v_op->vop_read(vp, uio);
	rw_enter_write(&fp->f_lock);
	uio->uio_offset = fp->f_offset;
	error = vp->v_op->vop_read(vp, uio);
	fp->f_offset = uio->uio_offset;
	rw_exit(&fp->f_lock);
	return error;
}

/* RLIMIT_FSIZE: a write that starts below it is cut, one above refused. */
static int
check_fsize(struct file *fp, struct uio *uio)
{
	uint64_t limit = lim_cur(uio->uio_procp->p_p, RLIMIT_FSIZE);

	if (fp->f_vnode->v_type != VREG || limit == RLIM_INFINITY ||
	    (uint64_t)uio->uio_offset + uio->uio_resid <= limit)
		return 0;
	ptsignal(uio->uio_procp, SIGXFSZ, NULL);
	return EFBIG;
}

static int
vn_fo_write(struct file *fp, struct uio *uio, int flags)
{
	bool append = (fp->f_flags & O_APPEND) != 0;
	struct vnode *vp = fp->f_vnode;
	int error;

	if (flags & FOF_OFFSET) {
		error = check_fsize(fp, uio);
		return error ? error : vp->v_op->vop_write(vp, uio, append);
	}
	rw_enter_write(&fp->f_lock);
	uio->uio_offset = fp->f_offset;
	error = check_fsize(fp, uio);
	if (error == 0)
		error = vp->v_op->vop_write(vp, uio, append);
	fp->f_offset = uio->uio_offset;
	rw_exit(&fp->f_lock);
	return error;
}

void
vn_stat(struct vnode *vp, const struct vattr *va, struct stat *st)
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
	st->st_atim.tv_sec = va->va_atime / 1000000000;
	st->st_atim.tv_nsec = va->va_atime % 1000000000;
	st->st_mtim.tv_sec = va->va_mtime / 1000000000;
	st->st_mtim.tv_nsec = va->va_mtime % 1000000000;
	st->st_ctim.tv_sec = va->va_ctime / 1000000000;
	st->st_ctim.tv_nsec = va->va_ctime % 1000000000;
}

static int
vn_fo_stat(struct file *fp, struct stat *st)
{
	struct vattr va;
	int error = fp->f_vnode->v_op->vop_getattr(fp->f_vnode, &va);

	if (error == 0)
		vn_stat(fp->f_vnode, &va, st);
	return error;
}

static void
vn_fo_close(struct file *fp)
{
	if (FWRITABLE(fp) && !(fp->f_flags & O_PATH) &&
	    fp->f_vnode->v_type == VREG)
		atomic_add(&fp->f_vnode->v_writers, -1);
}

static const struct fileops vn_fileops = {
	.fo_read = vn_fo_read,
	.fo_write = vn_fo_write,
	.fo_ioctl = fo_ioctl_none,
	.fo_poll = fo_poll_always,
	.fo_stat = vn_fo_stat,
	.fo_close = vn_fo_close,
};

static int
open_check(struct vnode *vp, int flags)
{
	bool writing = (flags & O_ACCMODE) != O_RDONLY;

	if (vp->v_type == VLNK)
		return ELOOP;
	if (vp->v_type != VDIR && (flags & O_DIRECTORY))
		return ENOTDIR;
	if (vp->v_type == VDIR && (writing || (flags & O_TRUNC)))
		return EISDIR;
	if (vp->v_type == VFIFO || vp->v_type == VSOCK || vp->v_type == VBLK)
		return ENXIO;
	if (vp->v_type == VREG && writing && atomic_load(&vp->v_text) > 0)
		return ETXTBSY;
	return 0;
}

int
vn_open(struct proc *p, struct vnode *vp, int flags, struct file **fpp)
{
	const struct vattr zero = { .va_size = 0 };
	const struct fileops *ops = &vn_fileops;
	void *data = NULL;
	int error = 0;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY;
	else
		error = open_check(vp, flags);
	if (error == 0 && vp->v_type == VCHR && !(flags & O_PATH))
		error = dev_open(p, vp->v_rdev, flags, &ops, &data);
	if (error == 0 && (flags & O_TRUNC) && vp->v_type == VREG)
		error = vp->v_op->vop_setattr(vp, &zero, VA_SIZE);
	if (error)
		return error;
	flags &= ~(O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC);
	*fpp = file_alloc(flags, ops, data, vp);
	if (*fpp == NULL)
		return ENFILE;
	if (ops == &vn_fileops && FWRITABLE(*fpp) && !(flags & O_PATH) &&
	    vp->v_type == VREG)
		atomic_add(&vp->v_writers, 1);
	return 0;
}

/* -- exec and mmap ------------------------------------------------------------------ */

int
vn_lookup_exec(struct proc *p, const char *path, struct vnode **vpp,
    off_t *sizep)
{
	struct nameidata nd;
	struct vattr va;
	int error = namei(p, AT_FDCWD, path, UIO_SYSSPACE, NAMEI_FOLLOW, &nd);

	if (error)
		return error;
	error = nd.ni_vp->v_op->vop_getattr(nd.ni_vp, &va);
	if (error == 0 && (nd.ni_vp->v_type != VREG ||
	    !(va.va_mode & 0111)))
		error = EACCES;
	if (error == 0 && atomic_load(&nd.ni_vp->v_writers) > 0)
		error = ETXTBSY;
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
	struct uio uio = { &iov, 1, off, len, UIO_SYSSPACE, UIO_READ, NULL };
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

/* Builds the path from its end, going up. */
void
vn_path(struct vnode *vp, char *buf, size_t len)
{
	char name[256], *end = buf + len - 1, *p = end;
	struct vnode *at = vp, *up;
	size_t n;

	*p = '\0';
	vref(at);
	while (at != rootvnode &&
	    at->v_op->vop_parent(at, name, sizeof(name), &up) == 0) {
		n = strlen(name);
		vrele(at);
		at = up;
		if ((size_t)(p - buf) < n + 1) {
			p = end;
			break;
		}
		p -= n;
		memcpy(p, name, n);
		*--p = '/';
	}
	if (at != rootvnode || (p == end && vp != rootvnode))
		strlcpy(buf, "?", len);
	else if (p == end)
		strlcpy(buf, "/", len);
	else
		memmove(buf, p, end - p + 1);
	vrele(at);
}

/* => rights for a mapping of fp; EACCES as mmap(2) says */
static int
mmap_rights(struct file *fp, bool shared, vm_prot_t prot, vm_prot_t *maxprot)
{
	if (!FREADABLE(fp) || (fp->f_flags & O_PATH))
		return EACCES;
	*maxprot = PROT_READ | PROT_EXEC | PROT_WRITE;
	if (shared && !FWRITABLE(fp))
		*maxprot = PROT_READ | PROT_EXEC;
	return (prot & ~*maxprot) ? EACCES : 0;
}

int
fd_mmap(struct proc *p, int fd, bool shared, vm_prot_t prot,
    vm_prot_t *maxprot, struct uvm_object **uobjp)
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
			error = vn_uobj(fp->f_vnode, uobjp);
		else if (!dev_is_zero(fp->f_vnode->v_rdev))
			error = ENODEV;
	}
	file_rele(fp);
	return error;
}
