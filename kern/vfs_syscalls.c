/* System calls on names and files. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/vnode.h>

#define UTIME_NOW  ((1L << 30) - 1)
#define UTIME_OMIT ((1L << 30) - 2)

/* -- open ----------------------------------------------------------------------------- */

static bool
name_is_dots(const struct nameidata *nd)
{
	return nd->ni_name[0] == '.' &&
	    (nd->ni_len == 1 || (nd->ni_len == 2 && nd->ni_name[1] == '.'));
}

static mode_t
creation_mode(struct proc *p, uint64_t mode, mode_t type)
{
	return type | (mode & ALLPERMS & ~p->p_p->ps_umask);
}

/* => the flags that count, in *flagsp; EINVAL, EOPNOTSUPP */
static int
open_flags(int *flagsp)
{
	int flags = *flagsp;

	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	else if ((flags & O_ACCMODE) == O_ACCMODE)
		return EINVAL;
	else if (flags & (O_TMPFILE & ~O_DIRECTORY)) {
		/* it needs O_DIRECTORY, so that old kernels refuse it too */
		return (flags & O_DIRECTORY) && (flags & O_ACCMODE) != O_RDONLY
		    ? EOPNOTSUPP
		    : EINVAL;
	} else if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
		return EINVAL;
	*flagsp = flags;
	return 0;
}

static int
create_in(struct nameidata *nd, const struct vattr *va, const char *target,
    struct vnode **vpp)
{
	struct vnode *dvp = nd->ni_dvp;
	int error = mount_write_get(dvp->v_mount);

	if (error)
		return error;
	error = dvp->v_op->vop_create(
	    dvp, nd->ni_name, nd->ni_len, va, target, vpp);
	mount_write_put(dvp->v_mount);
	return error;
}

/*
 * Found, or not found and to be created?
 * => vnode to open, referenced
 */
static int
open_or_create(struct proc *p, int flags, mode_t mode, struct nameidata *nd,
    struct vnode **vpp)
{
	const struct vattr va = { .va_mode = creation_mode(p, mode, S_IFREG) };

	if ((flags & O_CREAT) && nd->ni_slash)
		return EISDIR;
	if (nd->ni_vp == NULL)
		return name_is_dots(nd) ? ENOENT
					: create_in(nd, &va, NULL, vpp);
	if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		return EEXIST;
	if ((flags & O_CREAT) && nd->ni_vp->v_type == VDIR)
		return EISDIR;
	*vpp = nd->ni_vp;
	vref(*vpp);
	return 0;
}

static int
open_lookup(struct proc *p, int dirfd, const char *path, enum uio_seg seg,
    int flags, mode_t mode, struct vnode **vpp)
{
	struct nameidata nd;
	int how = 0, error;

	if (!(flags & O_NOFOLLOW) &&
	    (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		how |= NAMEI_FOLLOW;
	if (flags & O_CREAT)
		how |= NAMEI_PARENT;
	error = namei(p, dirfd, path, seg, how, &nd);
	if (error)
		return error;
	error = open_or_create(p, flags, mode, &nd, vpp);
	namei_done(&nd);
	return error;
}

int
vn_open_path(struct proc *p, int dirfd, const char *path, enum uio_seg seg,
    int flags, mode_t mode, struct file **fpp)
{
	int error, tries = 0;
	struct vnode *vp;

	/* another process may create the file between our look and our own */
	do
		error = open_lookup(p, dirfd, path, seg, flags, mode, &vp);
	while (error == EEXIST && !(flags & O_EXCL) && ++tries < 10);
	if (error)
		return error;
	error = vn_open(p, vp, flags, fpp);
	if (error)
		vrele(vp);
	return error;
}

int
sys_openat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int flags = (int)a[2], error, fd;
	struct file *fp;

	error = open_flags(&flags);
	if (error == 0)
		error = fd_reserve(p, 0, (flags & O_CLOEXEC) != 0, &fd);
	if (error)
		return error;
	error = vn_open_path(p, (int)a[0], (const char *)a[1], UIO_USERSPACE,
	    flags, (mode_t)a[3], &fp);
	if (error)
		fd_unreserve(p, fd);
	else
		fd_fill(p, fd, fp);
	*ret = fd;
	return error;
}

/* Fields [c]: of whoever made the copy. */
struct open_how {
	uint64_t flags, mode, resolve;
};

/* Resolution with restrictions (RESOLVE_*) is not offered. */
int
sys_openat2(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct open_how how;
	uint64_t args[6] = { a[0], a[1] };
	int error;

	if (a[3] < sizeof(how))
		return EINVAL;
	if (a[3] > sizeof(how))
		return E2BIG;
	error = copyin((void *)a[2], &how, sizeof(how));
	if (error)
		return error;
	if (how.flags > UINT32_MAX || (how.mode & ~(uint64_t)ALLPERMS) != 0 ||
	    (how.mode != 0 && (how.flags & O_CREAT) == 0))
		return EINVAL;
	if (how.resolve != 0)
		return EOPNOTSUPP;
	args[2] = how.flags;
	args[3] = how.mode;
	return sys_openat(p, args, ret);
}

/* -- Making and removing names ------------------------------------------------------------ */

/*
 * Look up where a new name goes.
 * => 0: nd->ni_dvp and the name are set; EEXIST
 */
static int
new_name(
    struct proc *p, int dirfd, uint64_t path, bool dir, struct nameidata *nd)
{
	int error =
	    namei(p, dirfd, (void *)path, UIO_USERSPACE, NAMEI_PARENT, nd);

	if (error)
		return error;
	if (nd->ni_vp != NULL)
		error = EEXIST;
	else if ((nd->ni_slash && !dir) || name_is_dots(nd))
		error = ENOENT;
	if (error)
		namei_done(nd);
	return error;
}

static int
make_node(struct proc *p, int dirfd, uint64_t path, const struct vattr *va,
    const char *target)
{
	struct nameidata nd;
	struct vnode *vp;
	int error = new_name(p, dirfd, path, S_ISDIR(va->va_mode), &nd);

	if (error)
		return error;
	error = create_in(&nd, va, target, &vp);
	if (error == 0)
		vrele(vp);
	namei_done(&nd);
	return error;
}

int
sys_mkdirat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	const mode_t mode = (mode_t)a[2] & 01777; /* no set-id bits */
	struct vattr va = { .va_mode = creation_mode(p, mode, S_IFDIR) };

	return make_node(p, (int)a[0], a[1], &va, NULL);
}

int
sys_mknodat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	mode_t type = a[2] & S_IFMT;
	struct vattr va = { .va_rdev = a[3] };

	if (type == 0)
		type = S_IFREG;
	if (type == S_IFDIR)
		return EPERM;
	if (type != S_IFREG && type != S_IFCHR && type != S_IFBLK &&
	    type != S_IFIFO && type != S_IFSOCK)
		return EINVAL;
	va.va_mode = creation_mode(p, a[2], type);
	return make_node(p, (int)a[0], a[1], &va, NULL);
}

int
sys_symlinkat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct vattr va = { .va_mode = S_IFLNK | 0777 };
	char *target = kmem_alloc(PATH_MAX, PR_WAITOK);
	int error = copyinstr((void *)a[0], target, PATH_MAX, NULL);

	if (error == 0 && target[0] == '\0')
		error = ENOENT;
	if (error == 0)
		error = make_node(p, (int)a[1], a[2], &va, target);
	kmem_free(target, PATH_MAX);
	return error;
}

static int
link_to(struct vnode *vp, const struct nameidata *to)
{
	struct vnode *dvp = to->ni_dvp;
	int error;

	if (vp->v_mount != dvp->v_mount)
		return EXDEV;
	if (vp->v_type == VDIR)
		return EPERM;
	error = mount_write_get(dvp->v_mount);
	if (error)
		return error;
	error = dvp->v_op->vop_link(dvp, to->ni_name, to->ni_len, vp);
	mount_write_put(dvp->v_mount);
	return error;
}

int
sys_linkat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int how = (a[4] & AT_SYMLINK_FOLLOW) ? NAMEI_FOLLOW : 0, error;
	struct nameidata from, to;

	if (a[4] & ~(uint64_t)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return EINVAL;
	if (a[4] & AT_EMPTY_PATH)
		how |= NAMEI_EMPTY;
	error = namei(p, (int)a[0], (void *)a[1], UIO_USERSPACE, how, &from);
	if (error)
		return error;
	error = new_name(p, (int)a[2], a[3], false, &to);
	if (error == 0) {
		error = link_to(from.ni_vp, &to);
		namei_done(&to);
	}
	namei_done(&from);
	return error;
}

/* => may the name be removed, as a directory or as something else? */
static int
unlink_check(const struct nameidata *nd, bool dir)
{
	bool dots = name_is_dots(nd);

	if (dots && !dir)
		return EISDIR;
	if (nd->ni_vp == rootvnode)
		return EBUSY;
	if (dots)
		return nd->ni_len == 1 ? EINVAL : ENOTEMPTY;
	if (nd->ni_vp == NULL)
		return ENOENT;
	if (nd->ni_vp->v_covered != NULL)
		return dir ? EBUSY : EISDIR;
	if (nd->ni_slash && !dir)
		return nd->ni_vp->v_type == VDIR ? EISDIR : ENOTDIR;
	return 0;
}

int
sys_unlinkat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	bool dir = (a[2] & AT_REMOVEDIR) != 0;
	struct nameidata nd;
	int error;

	if ((u_int)a[2] & ~(u_int)AT_REMOVEDIR)
		return EINVAL;
	error =
	    namei(p, (int)a[0], (void *)a[1], UIO_USERSPACE, NAMEI_PARENT, &nd);
	if (error)
		return error;
	error = unlink_check(&nd, dir);
	if (error == 0)
		error = mount_write_get(nd.ni_dvp->v_mount);
	if (error == 0) {
		error = nd.ni_dvp->v_op->vop_remove(
		    nd.ni_dvp, nd.ni_name, nd.ni_len, dir);
		mount_write_put(nd.ni_dvp->v_mount);
	}
	namei_done(&nd);
	return error;
}

static int
rename_check(
    const struct nameidata *from, const struct nameidata *to, u_int flags)
{
	if (from->ni_dvp->v_mount != to->ni_dvp->v_mount)
		return EXDEV;
	if (name_is_dots(from) || name_is_dots(to))
		return EBUSY;
	if (from->ni_vp == NULL)
		return ENOENT;
	if (from->ni_vp->v_covered != NULL ||
	    (to->ni_vp != NULL && to->ni_vp->v_covered != NULL))
		return EBUSY;
	if ((flags & RENAME_NOREPLACE) && to->ni_vp != NULL)
		return EEXIST;
	if (from->ni_vp->v_type != VDIR &&
	    (from->ni_slash || (to->ni_slash && !(flags & RENAME_EXCHANGE))))
		return ENOTDIR;
	if ((flags & RENAME_EXCHANGE) && to->ni_vp == NULL)
		return ENOENT;
	if ((flags & RENAME_EXCHANGE) && to->ni_slash &&
	    to->ni_vp->v_type != VDIR)
		return ENOTDIR;
	return 0;
}

int
sys_renameat2(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct nameidata from, to;
	u_int flags = (u_int)a[4];
	int error;

	if ((flags & ~(u_int)(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0 ||
	    flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return EINVAL;
	error = namei(
	    p, (int)a[0], (void *)a[1], UIO_USERSPACE, NAMEI_PARENT, &from);
	if (error)
		return error;
	error =
	    namei(p, (int)a[2], (void *)a[3], UIO_USERSPACE, NAMEI_PARENT, &to);
	if (error) {
		namei_done(&from);
		return error;
	}
	error = rename_check(&from, &to, flags);
	if (error == 0)
		error = mount_write_get(to.ni_dvp->v_mount);
	if (error == 0) {
		error = from.ni_dvp->v_op->vop_rename(from.ni_dvp, from.ni_name,
		    from.ni_len, to.ni_dvp, to.ni_name, to.ni_len, (int)flags);
		mount_write_put(to.ni_dvp->v_mount);
	}
	namei_done(&to);
	namei_done(&from);
	return error;
}

int
sys_readlinkat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct nameidata nd;
	size_t len;
	char *buf;
	int error;

	if ((int)a[3] <= 0)
		return EINVAL;
	error =
	    namei(p, (int)a[0], (void *)a[1], UIO_USERSPACE, NAMEI_EMPTY, &nd);
	if (error)
		return error;
	buf = kmem_alloc(PATH_MAX, PR_WAITOK);
	error = nd.ni_vp->v_op->vop_readlink(nd.ni_vp, buf, PATH_MAX, &len);
	if (error == 0) {
		*ret = (int64_t)MIN(len, (size_t)(int)a[3]);
		error = copyout(buf, (void *)a[2], (size_t)*ret);
	} else if (nd.ni_path[0] == '\0')
		error = ENOENT; /* the descriptor is no link's */
	kmem_free(buf, PATH_MAX);
	namei_done(&nd);
	return error;
}

/* -- Attributes ------------------------------------------------------------------------------ */

static int
stat_fd(struct proc *p, int fd, struct stat *st)
{
	struct file *fp = fd_getpath(p, fd);
	int error;

	if (fp == NULL)
		return EBADF;
	error = fp->f_ops->fo_stat(fp, st);
	file_rele(fp);
	return error;
}

/* => attributes of what (dirfd, path, flags) names, as fstatat has them */
static int
stat_at(
    struct proc *p, int dirfd, uint64_t path, uint64_t flags, struct stat *st)
{
	struct nameidata nd;
	struct vattr va;
	char c;
	int error, how = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : NAMEI_FOLLOW;

	if ((flags & AT_EMPTY_PATH) && dirfd != AT_FDCWD) {
		error = path == 0 ? 0 : copyin((void *)path, &c, 1);
		if (error)
			return error;
		if (path == 0 || c == '\0')
			return stat_fd(p, dirfd, st);
	}
	if (flags & AT_EMPTY_PATH)
		how |= NAMEI_EMPTY;
	error = namei(p, dirfd, (void *)path, UIO_USERSPACE, how, &nd);
	if (error)
		return error;
	error = nd.ni_vp->v_op->vop_getattr(nd.ni_vp, &va);
	if (error == 0)
		vn_stat(&va, st);
	namei_done(&nd);
	return error;
}

int
sys_newfstatat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct stat st;
	int error;

	if ((u_int)a[3] &
	    ~(u_int)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH))
		return EINVAL;
	error = stat_at(p, (int)a[0], a[1], a[3], &st);
	return error ? error : copyout(&st, (void *)a[2], sizeof(st));
}

int
sys_fstat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct stat st;
	int error = stat_fd(p, (int)a[0], &st);

	return error ? error : copyout(&st, (void *)a[1], sizeof(st));
}

static struct statx_timestamp
statx_time(struct timespec ts)
{
	return (struct statx_timestamp){ ts.tv_sec, (uint32_t)ts.tv_nsec, 0 };
}

#define STATX_SYNC (AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC)

int
sys_statx(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	u_int flags = (u_int)a[2];
	struct statx sx;
	struct stat st;
	int error;

	if ((flags &
		~(u_int)(AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH |
		    STATX_SYNC)) != 0 ||
	    (flags & STATX_SYNC) == STATX_SYNC ||
	    ((uint32_t)a[3] & STATX__RESERVED) != 0)
		return EINVAL;
	error = stat_at(p, (int)a[0], a[1], flags, &st);
	if (error)
		return error;
	memset(&sx, 0, sizeof(sx));
	sx.stx_mask = STATX_BASIC_STATS;
	sx.stx_blksize = st.st_blksize;
	sx.stx_nlink = st.st_nlink;
	sx.stx_uid = st.st_uid;
	sx.stx_gid = st.st_gid;
	sx.stx_mode = st.st_mode;
	sx.stx_ino = st.st_ino;
	sx.stx_size = st.st_size;
	sx.stx_blocks = st.st_blocks;
	sx.stx_atime = statx_time(st.st_atim);
	sx.stx_mtime = statx_time(st.st_mtim);
	sx.stx_ctime = statx_time(st.st_ctim);
	sx.stx_rdev_major = major(st.st_rdev);
	sx.stx_rdev_minor = minor(st.st_rdev);
	sx.stx_dev_major = major(st.st_dev);
	sx.stx_dev_minor = minor(st.st_dev);
	return copyout(&sx, (void *)a[4], sizeof(sx));
}

/* The one user is root: what is not writable or executable is so for all. */
static int
access_vnode(struct vnode *vp, int how)
{
	bool data = vp->v_type == VREG || vp->v_type == VDIR;
	struct vattr va;
	int error = vp->v_op->vop_getattr(vp, &va);

	if (error)
		return error;
	if ((how & W_OK) && data && (vn_mntflags(vp) & MNT_RDONLY))
		return EROFS;
	if ((how & X_OK) == 0 || vp->v_type == VDIR)
		return 0;
	return (va.va_mode & 0111) == 0 ||
		(vp->v_type == VREG && (vn_mntflags(vp) & MNT_NOEXEC))
	    ? EACCES
	    : 0;
}

static int
access_at(struct proc *p, const uint64_t a[6], uint64_t flags)
{
	struct nameidata nd;
	int error, how = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : NAMEI_FOLLOW;

	if ((u_int)a[2] & ~(u_int)(R_OK | W_OK | X_OK))
		return EINVAL;
	if (flags & AT_EMPTY_PATH)
		how |= NAMEI_EMPTY;
	error = namei(p, (int)a[0], (void *)a[1], UIO_USERSPACE, how, &nd);
	if (error)
		return error;
	error = access_vnode(nd.ni_vp, (int)a[2]);
	namei_done(&nd);
	return error;
}

int
sys_faccessat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return access_at(p, a, 0);
}

int
sys_faccessat2(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	if ((u_int)a[3] &
	    ~(u_int)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return EINVAL;
	return access_at(p, a, a[3]);
}

static int
setattr_vnode(struct vnode *vp, const struct vattr *va, int which)
{
	int error = mount_write_get(vp->v_mount);

	if (error)
		return error;
	error = vp->v_op->vop_setattr(vp, va, which);
	mount_write_put(vp->v_mount);
	return error;
}

/* Set attributes of an open file, or of a name. */
static int
setattr_fd(struct proc *p, int fd, const struct vattr *va, int which)
{
	struct file *fp = fd_getfile(p, fd);
	int error = EINVAL;

	if (fp == NULL)
		return EBADF;
	if ((which & VA_SIZE) && !FWRITABLE(fp))
		error = EINVAL;
	else if (fp->f_vnode != NULL)
		error = setattr_vnode(fp->f_vnode, va, which);
	file_rele(fp);
	return error;
}

static int
setattr_at(struct proc *p, int dirfd, uint64_t path, uint64_t flags,
    const struct vattr *va, int which)
{
	int how = (flags & AT_SYMLINK_NOFOLLOW) ? 0 : NAMEI_FOLLOW, error;
	struct nameidata nd;

	if (flags & AT_EMPTY_PATH)
		how |= NAMEI_EMPTY;
	error = namei(p, dirfd, (void *)path, UIO_USERSPACE, how, &nd);
	if (error)
		return error;
	error = setattr_vnode(nd.ni_vp, va, which);
	namei_done(&nd);
	return error;
}

int
sys_ftruncate(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct vattr va = { .va_size = (off_t)a[1] };

	if (va.va_size < 0)
		return EINVAL;
	return setattr_fd(p, (int)a[0], &va, VA_SIZE);
}

static int
truncate_vnode(struct vnode *vp, const struct vattr *va)
{
	int error;

	if (vp->v_type != VREG)
		return vp->v_type == VDIR ? EISDIR : EINVAL;
	if (mount_rdonly(vp->v_mount))
		return EROFS;
	if (!vn_write_get(vp))
		return ETXTBSY;
	error = setattr_vnode(vp, va, VA_SIZE);
	vn_write_put(vp);
	return error;
}

int
sys_truncate(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct vattr va = { .va_size = (off_t)a[1] };
	struct nameidata nd;
	int error;

	if (va.va_size < 0)
		return EINVAL;
	error =
	    namei(p, AT_FDCWD, (void *)a[0], UIO_USERSPACE, NAMEI_FOLLOW, &nd);
	if (error)
		return error;
	error = truncate_vnode(nd.ni_vp, &va);
	namei_done(&nd);
	return error;
}

#define FALLOC_ALL \
	(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)

static int
fallocate_file(struct file *fp, int mode, off_t off, off_t len)
{
	struct vnode *vp = fp->f_vnode;

	if (!FWRITABLE(fp))
		return EBADF;
	if (vp == NULL)
		return ESPIPE;
	if (vp->v_type != VREG)
		return vp->v_type == VFIFO ? ESPIPE : ENODEV;
	if (off > INT64_MAX - len)
		return EFBIG;
	return vp->v_op->vop_allocate != NULL
	    ? vp->v_op->vop_allocate(vp, mode, off, len)
	    : EOPNOTSUPP;
}

int
sys_fallocate(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int mode = (int)a[1], error;
	off_t off = (off_t)a[2], len = (off_t)a[3];
	struct file *fp;

	if (off < 0 || len <= 0)
		return EINVAL;
	if (mode & ~FALLOC_ALL)
		return EOPNOTSUPP;
	/* a hole is made in a file as it is, and is nothing else at once */
	if ((mode & FALLOC_FL_PUNCH_HOLE) &&
	    mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return EOPNOTSUPP;
	fp = fd_getfile(p, (int)a[0]);
	if (fp == NULL)
		return EBADF;
	error = fallocate_file(fp, mode, off, len);
	file_rele(fp);
	return error;
}

int
sys_fchmod(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct vattr va = { .va_mode = a[1] & ALLPERMS };

	return setattr_fd(p, (int)a[0], &va, VA_MODE);
}

int
sys_fchmodat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct vattr va = { .va_mode = a[2] & ALLPERMS };

	return setattr_at(p, (int)a[0], a[1], 0, &va, VA_MODE);
}

static int
chown_attr(uint64_t uid, uint64_t gid, struct vattr *va)
{
	va->va_uid = (uid_t)uid;
	va->va_gid = (gid_t)gid;
	return ((uid_t)uid != (uid_t)-1 ? VA_UID : 0) |
	    ((gid_t)gid != (gid_t)-1 ? VA_GID : 0) | VA_KILLSUID;
}

int
sys_fchown(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct vattr va;
	int which = chown_attr(a[1], a[2], &va);

	return setattr_fd(p, (int)a[0], &va, which);
}

int
sys_fchownat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct vattr va;
	int which = chown_attr(a[2], a[3], &va);

	if ((u_int)a[4] & ~(u_int)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return EINVAL;
	return setattr_at(p, (int)a[0], a[1], a[4], &va, which);
}

/* => bits for one of the two times, its value in *ns; EINVAL as -1 */
static int
utime_one(const struct timespec *ts, int which, int64_t *ns)
{
	const int64_t max = INT64_MAX / 1000000000 - 1;

	if (ts->tv_nsec == UTIME_OMIT)
		return 0;
	if (ts->tv_nsec == UTIME_NOW)
		*ns = (int64_t)nsecwall();
	else if ((uint64_t)ts->tv_nsec >= 1000000000)
		return -1;
	else
		*ns =
		    MIN(MAX(ts->tv_sec, -max), max) * 1000000000L + ts->tv_nsec;
	return which;
}

int
sys_utimensat(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct timespec ts[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	u_int flags = (u_int)a[3];
	struct vattr va;
	int error, at, mt;

	if (a[2] != 0 && (error = copyin((void *)a[2], ts, sizeof(ts))) != 0)
		return error;
	at = utime_one(&ts[0], VA_ATIME, &va.va_atime);
	mt = utime_one(&ts[1], VA_MTIME, &va.va_mtime);
	if (at < 0 || mt < 0)
		return EINVAL;
	if ((at | mt) == 0)
		return 0;
	if (a[1] == 0 && (int)a[0] != AT_FDCWD)
		return flags != 0 ? EINVAL
				  : setattr_fd(p, (int)a[0], &va, at | mt);
	if (flags & ~(u_int)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return EINVAL;
	return setattr_at(p, (int)a[0], a[1], flags, &va, at | mt);
}

/* -- Directories ------------------------------------------------------------------------------- */

int
sys_umask(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct process *pr = p->p_p;

	rw_enter_write(&pr->ps_lock);
	*ret = pr->ps_umask;
	pr->ps_umask = a[0] & 0777;
	rw_exit(&pr->ps_lock);
	return 0;
}

static int
set_dir(
    struct proc *p, uint64_t path, void (*set)(struct proc *, struct vnode *))
{
	struct nameidata nd;
	int error =
	    namei(p, AT_FDCWD, (void *)path, UIO_USERSPACE, NAMEI_FOLLOW, &nd);

	if (error)
		return error;
	if (nd.ni_vp->v_type != VDIR)
		error = ENOTDIR;
	else {
		vref(nd.ni_vp);
		set(p, nd.ni_vp);
	}
	namei_done(&nd);
	return error;
}

int
sys_chdir(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return set_dir(p, a[0], fd_set_cwd);
}

int
sys_chroot(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return set_dir(p, a[0], fd_set_root);
}

int
sys_fchdir(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_getpath(p, (int)a[0]);
	int error = 0;

	if (fp == NULL)
		return EBADF;
	if (fp->f_vnode == NULL || fp->f_vnode->v_type != VDIR)
		error = ENOTDIR;
	else {
		vref(fp->f_vnode);
		fd_set_cwd(p, fp->f_vnode);
	}
	file_rele(fp);
	return error;
}

int
sys_getcwd(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	char *buf = kmem_alloc(PATH_MAX, PR_WAITOK);
	struct vnode *vp = fd_cwd(p), *root = fd_root(p);
	int error = vn_path(vp, root, buf, PATH_MAX);

	vrele(vp);
	vrele(root);
	if (error == 0 && strlen(buf) + 1 > a[1])
		error = ERANGE;
	else if (error == 0) {
		*ret = strlen(buf) + 1;
		error = copyout(buf, (void *)a[0], *ret);
	}
	kmem_free(buf, PATH_MAX);
	return error;
}

/* What getdents64() has collected.  All members: [thread]. */
struct dirent_buf {
	char *db_buf;
	size_t db_size, db_used;
	off_t db_next; /* where the next call goes on */
	bool db_full; /* an entry did not fit */
};

static bool
emit_dirent(void *arg, const char *name, size_t len, ino_t ino, enum vtype type,
    off_t next)
{
	static const uint8_t dtype[] = { [VREG] = 8,
		[VDIR] = 4,
		[VCHR] = 2,
		[VBLK] = 6,
		[VLNK] = 10,
		[VFIFO] = 1,
		[VSOCK] = 12 };
	struct dirent_buf *db = arg;
	size_t reclen =
	    roundup2(offsetof(struct dirent64, d_name) + len + 1, 8);
	struct dirent64 *d = (void *)(db->db_buf + db->db_used);

	if (db->db_used + reclen > db->db_size) {
		db->db_full = true;
		return false;
	}
	memset(d, 0, reclen);
	d->d_ino = ino;
	d->d_off = next;
	d->d_reclen = reclen;
	d->d_type = dtype[type];
	memcpy(d->d_name, name, len);
	db->db_used += reclen;
	db->db_next = next;
	return true;
}

static int
read_dirents(struct file *fp, void *ubuf, size_t size, int64_t *ret)
{
	struct dirent_buf db = { .db_size = MIN(size, PAGE_SIZE) };
	size_t alloc = MAX(db.db_size, 1);
	int error;

	if (fp->f_vnode == NULL || fp->f_vnode->v_type != VDIR)
		return ENOTDIR;
	if (fp->f_vnode->v_op->vop_refresh != NULL) {
		error =
		    fp->f_vnode->v_op->vop_refresh(fp->f_vnode, fp->f_offset);
		if (error)
			return error;
	}
	db.db_buf = kmem_alloc(alloc, PR_WAITOK);
	rw_enter_write(&fp->f_lock);
	db.db_next = fp->f_offset;
	error = fp->f_vnode->v_op->vop_readdir(
	    fp->f_vnode, fp->f_offset, emit_dirent, &db);
	if (error == 0 && db.db_used > 0)
		error = copyout(db.db_buf, ubuf, db.db_used);
	else if (error == 0 && db.db_full)
		error = EINVAL;
	if (error == 0) {
		fp->f_offset = db.db_next;
		*ret = db.db_used;
	}
	rw_exit(&fp->f_lock);
	kmem_free(db.db_buf, alloc);
	return error;
}

int
sys_getdents64(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_getfile(p, (int)a[0]);
	int error;

	if (fp == NULL)
		return EBADF;
	error = read_dirents(fp, (void *)a[1], (u_int)a[2], ret);
	file_rele(fp);
	return error;
}

/* -- Synchronising ------------------------------------------------------------------------------ */

static int
sync_fd(struct proc *p, int fd, int flags)
{
	struct file *fp = fd_getfile(p, fd);
	int error = EINVAL;

	if (fp == NULL)
		return EBADF;
	if (flags != 0 && fp->f_vnode != NULL && fp->f_vnode->v_type == VREG)
		error = fp->f_vnode->v_op->vop_fsync != NULL
		    ? fp->f_vnode->v_op->vop_fsync(fp->f_vnode, flags)
		    : 0;
	else if (fp->f_ops->fo_sync != NULL)
		error = fp->f_ops->fo_sync(fp);
	file_rele(fp);
	return error;
}

int
sys_fsync(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return sync_fd(p, (int)a[0], 0);
}

int
sys_fdatasync(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return sync_fd(p, (int)a[0], FSYNC_DATA);
}
