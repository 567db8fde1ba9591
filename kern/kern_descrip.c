/*
 * Open files and descriptor tables.
 *
 * A table grows by doubling and never shrinks; descriptors in use are found in
 * a bitmap.  A lookup takes a reference, so that close() in another thread
 * does not end a call in progress.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/vnode.h>

#define NFD_INLINE 16 /* descriptors without a separate array */
#define NFD_MAX	   4096 /* more than any limit allows */

struct fdent {
	struct file *fe_file; /* [fd_lock] */
	bool fe_cloexec; /* [fd_lock] */
};

/*
 * Locks used to protect members of a filedesc:
 *	a	atomic operations
 *	d	fd_lock
 */
struct filedesc {
	struct rwlock fd_lock; /* LR_FILEDESC */
	refcnt_t fd_refs; /* [a] processes that share it */
	u_int fd_size; /* [d] entries in fd_ent */
	u_int fd_hint; /* [d] no free descriptor below */
	u_int fd_last; /* [d] none in use at or above */
	struct fdent *fd_ent; /* [d] */
	struct vnode *fd_cdir; /* [d] current directory */
	struct fdent fd_inline[NFD_INLINE]; /* [d] */
};

static struct pool file_pool, filedesc_pool;
static long open_files; /* [a] */

void
file_init(void)
{
	pool_init(&file_pool, sizeof(struct file), 0, "file");
	pool_init(&filedesc_pool, sizeof(struct filedesc), 0, "filedesc");
}

long
fd_open_files(void)
{
	return atomic_load(&open_files);
}

/* -- Files ------------------------------------------------------------------------ */

struct file *
file_alloc(int flags, const struct fileops *ops, void *data, struct vnode *vp)
{
	struct file *fp = pool_get(&file_pool, PR_NOWAIT);

	if (fp == NULL)
		return NULL;
	refcnt_init(&fp->f_refs);
	fp->f_flags = flags;
	fp->f_ops = ops;
	fp->f_data = data;
	fp->f_vnode = vp;
	rw_init(&fp->f_lock, LR_FILE, "file");
	fp->f_offset = 0;
	atomic_add(&open_files, 1);
	return fp;
}

void
file_rele(struct file *fp)
{
	if (!refcnt_drop(&fp->f_refs))
		return;
	fp->f_ops->fo_close(fp);
	if (fp->f_vnode != NULL)
		vrele(fp->f_vnode);
	pool_put(&file_pool, fp);
	atomic_add(&open_files, -1);
}

int
fo_poll_always(struct file *fp, int events, struct pollwait *pw)
{
	return events & (POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
}

int
fo_ioctl_none(struct file *fp, u_long cmd, uint64_t arg, struct proc *p)
{
	return ENOTTY;
}

/* -- Tables ------------------------------------------------------------------------- */

static struct filedesc *
fd_alloc(void)
{
	struct filedesc *fdp = pool_get(&filedesc_pool, PR_NOWAIT | PR_ZERO);

	if (fdp == NULL)
		return NULL;
	rw_init(&fdp->fd_lock, LR_FILEDESC, "filedesc");
	refcnt_init(&fdp->fd_refs);
	fdp->fd_size = NFD_INLINE;
	fdp->fd_ent = fdp->fd_inline;
	return fdp;
}

static void
fd_release(struct filedesc *fdp)
{
	if (fdp->fd_ent != fdp->fd_inline)
		kmem_free(fdp->fd_ent, fdp->fd_size * sizeof(struct fdent));
	pool_put(&filedesc_pool, fdp);
}

/*
 * => write-locked; room for descriptor fd, or ENOMEM
 */
static int
fd_grow(struct filedesc *fdp, u_int fd)
{
	u_int size = fdp->fd_size;
	struct fdent *ent;

	if (fd < size)
		return 0;
	while (size <= fd)
		size *= 2;
	ent = kmem_zalloc(size * sizeof(*ent), PR_NOWAIT);
	if (ent == NULL)
		return ENOMEM;
	memcpy(ent, fdp->fd_ent, fdp->fd_size * sizeof(*ent));
	if (fdp->fd_ent != fdp->fd_inline)
		kmem_free(fdp->fd_ent, fdp->fd_size * sizeof(*ent));
	fdp->fd_ent = ent;
	fdp->fd_size = size;
	return 0;
}

struct filedesc *
fd_create(void)
{
	struct filedesc *fdp = fd_alloc();

	if (fdp == NULL)
		panic("fd_create: no memory for the first process");
	vref(rootvnode);
	fdp->fd_cdir = rootvnode;
	return fdp;
}

struct filedesc *
fd_copy(struct filedesc *old)
{
	struct filedesc *fdp = fd_alloc();

	if (fdp == NULL)
		return NULL;
	rw_enter_read(&old->fd_lock);
	if (old->fd_last > 0 && fd_grow(fdp, old->fd_last - 1) != 0) {
		rw_exit(&old->fd_lock);
		fd_release(fdp);
		return NULL;
	}
	for (u_int i = 0; i < old->fd_last; i++)
		if (old->fd_ent[i].fe_file != NULL) {
			fdp->fd_ent[i] = old->fd_ent[i];
			refcnt_take(&old->fd_ent[i].fe_file->f_refs);
		}
	fdp->fd_last = old->fd_last;
	fdp->fd_hint = old->fd_hint;
	fdp->fd_cdir = old->fd_cdir;
	vref(fdp->fd_cdir);
	rw_exit(&old->fd_lock);
	return fdp;
}

struct filedesc *
fd_share(struct filedesc *fdp)
{
	refcnt_take(&fdp->fd_refs);
	return fdp;
}

void
fd_free(struct filedesc *fdp)
{
	if (fdp == NULL || !refcnt_drop(&fdp->fd_refs))
		return;
	for (u_int i = 0; i < fdp->fd_last; i++)
		if (fdp->fd_ent[i].fe_file != NULL)
			file_rele(fdp->fd_ent[i].fe_file);
	vrele(fdp->fd_cdir);
	fd_release(fdp);
}

/* => write-locked: the file that was at fd, which is free now */
static struct file *
fd_clear(struct filedesc *fdp, u_int fd)
{
	struct file *fp = fdp->fd_ent[fd].fe_file;

	fdp->fd_ent[fd].fe_file = NULL;
	fdp->fd_hint = MIN(fdp->fd_hint, fd);
	while (fdp->fd_last > 0 &&
	    fdp->fd_ent[fdp->fd_last - 1].fe_file == NULL)
		fdp->fd_last--;
	return fp;
}

int
fd_exec(struct proc *p)
{
	struct filedesc *fdp = p->p_p->ps_fd, *copy;
	struct file *fp;

	if (refcnt_read(&fdp->fd_refs) > 1) {
		copy = fd_copy(fdp);
		if (copy == NULL)
			return ENOMEM;
		p->p_p->ps_fd = copy;
		fd_free(fdp);
		fdp = copy;
	}
	for (u_int i = 0; i < fdp->fd_last; i++) {
		rw_enter_write(&fdp->fd_lock);
		fp = NULL;
		if (i < fdp->fd_last && fdp->fd_ent[i].fe_file != NULL &&
		    fdp->fd_ent[i].fe_cloexec)
			fp = fd_clear(fdp, i);
		rw_exit(&fdp->fd_lock);
		if (fp != NULL)
			file_rele(fp);
	}
	return 0;
}

struct file *
fd_getfile(struct proc *p, int fd)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	struct file *fp = NULL;

	rw_enter_read(&fdp->fd_lock);
	if ((u_int)fd < fdp->fd_last) {
		fp = fdp->fd_ent[fd].fe_file;
		if (fp != NULL)
			refcnt_take(&fp->f_refs);
	}
	rw_exit(&fdp->fd_lock);
	return fp;
}

/* => write-locked; descriptor in *fdp_out, or EMFILE, ENOMEM */
static int
fd_findfree(struct proc *p, struct filedesc *fdp, u_int from, u_int *out)
{
	u_int limit = MIN(lim_cur(p->p_p, RLIMIT_NOFILE), NFD_MAX);
	u_int fd = MAX(from, fdp->fd_hint);

	while (fd < fdp->fd_last && fdp->fd_ent[fd].fe_file != NULL)
		fd++;
	if (fd >= limit)
		return EMFILE;
	if (from <= fdp->fd_hint)
		fdp->fd_hint = fd + 1;
	*out = fd;
	return fd_grow(fdp, fd);
}

static void
fd_set(struct filedesc *fdp, u_int fd, struct file *fp, bool cloexec)
{
	fdp->fd_ent[fd].fe_file = fp;
	fdp->fd_ent[fd].fe_cloexec = cloexec;
	fdp->fd_last = MAX(fdp->fd_last, fd + 1);
}

int
fd_install(struct proc *p, struct file *fp, int from, bool cloexec, int *fdp)
{
	struct filedesc *table = p->p_p->ps_fd;
	u_int fd = 0;
	int error;

	rw_enter_write(&table->fd_lock);
	error = fd_findfree(p, table, from, &fd);
	if (error == 0)
		fd_set(table, fd, fp, cloexec);
	rw_exit(&table->fd_lock);
	*fdp = fd;
	return error;
}

struct file *
fd_remove(struct proc *p, int fd)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	struct file *fp = NULL;

	rw_enter_write(&fdp->fd_lock);
	if ((u_int)fd < fdp->fd_last && fdp->fd_ent[fd].fe_file != NULL)
		fp = fd_clear(fdp, fd);
	rw_exit(&fdp->fd_lock);
	return fp;
}

void
fd_discard(struct proc *p, int fd)
{
	struct file *fp = fd_remove(p, fd);

	if (fp != NULL)
		file_rele(fp);
}

struct vnode *
fd_cwd(struct proc *p)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	struct vnode *vp;

	rw_enter_read(&fdp->fd_lock);
	vp = fdp->fd_cdir;
	vref(vp);
	rw_exit(&fdp->fd_lock);
	return vp;
}

void
fd_set_cwd(struct proc *p, struct vnode *vp)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	struct vnode *old;

	rw_enter_write(&fdp->fd_lock);
	old = fdp->fd_cdir;
	fdp->fd_cdir = vp;
	rw_exit(&fdp->fd_lock);
	vrele(old);
}

/* -- System calls ----------------------------------------------------------------------- */

int
sys_close(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_remove(p, (int)a[0]);

	if (fp == NULL)
		return EBADF;
	file_rele(fp);
	return 0;
}

#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4

int
sys_close_range(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	u_int first = a[0], last = a[1];
	struct filedesc *fdp, *copy;
	struct file *fp;

	if (first > last ||
	    (a[2] & ~(uint64_t)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)))
		return EINVAL;
	fdp = p->p_p->ps_fd;
	if ((a[2] & CLOSE_RANGE_UNSHARE) && refcnt_read(&fdp->fd_refs) > 1) {
		copy = fd_copy(fdp);
		if (copy == NULL)
			return ENOMEM;
		p->p_p->ps_fd = copy;
		fd_free(fdp);
		fdp = copy;
	}
	for (u_int fd = first; fd <= last && fd < fdp->fd_last; fd++) {
		if (a[2] & CLOSE_RANGE_CLOEXEC) {
			rw_enter_write(&fdp->fd_lock);
			if (fd < fdp->fd_last)
				fdp->fd_ent[fd].fe_cloexec = true;
			rw_exit(&fdp->fd_lock);
		} else if ((fp = fd_remove(p, fd)) != NULL)
			file_rele(fp);
	}
	return 0;
}

/* A second descriptor for the file at fd, the lowest from `from' on. */
static int
dup_from(struct proc *p, int fd, int from, bool cloexec, int64_t *ret)
{
	struct file *fp = fd_getfile(p, fd);
	int error, newfd;

	if (fp == NULL)
		return EBADF;
	error = fd_install(p, fp, from, cloexec, &newfd);
	if (error)
		file_rele(fp);
	else
		*ret = newfd;
	return error;
}

int
sys_dup(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return dup_from(p, (int)a[0], 0, false, ret);
}

int
sys_dup3(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	u_int newfd = a[1];
	struct file *fp, *old = NULL;
	int error;

	if ((int)a[0] == (int)a[1] || (a[2] & ~(uint64_t)O_CLOEXEC))
		return EINVAL;
	if (newfd >= MIN(lim_cur(p->p_p, RLIMIT_NOFILE), NFD_MAX))
		return EBADF;
	fp = fd_getfile(p, (int)a[0]);
	if (fp == NULL)
		return EBADF;
	rw_enter_write(&fdp->fd_lock);
	error = fd_grow(fdp, newfd);
	if (error == 0) {
		if (newfd < fdp->fd_last)
			old = fdp->fd_ent[newfd].fe_file;
		fd_set(fdp, newfd, fp, (a[2] & O_CLOEXEC) != 0);
	}
	rw_exit(&fdp->fd_lock);
	if (error)
		file_rele(fp);
	else if (old != NULL)
		file_rele(old);
	*ret = newfd;
	return error;
}

/* F_GETFD and F_SETFD: of the descriptor, not of the file. */
static int
fd_cloexec(struct proc *p, u_int fd, const bool *set, int64_t *ret)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	int error = 0;

	rw_enter_write(&fdp->fd_lock);
	if (fd >= fdp->fd_last || fdp->fd_ent[fd].fe_file == NULL)
		error = EBADF;
	else if (set != NULL)
		fdp->fd_ent[fd].fe_cloexec = *set;
	else
		*ret = fdp->fd_ent[fd].fe_cloexec ? FD_CLOEXEC : 0;
	rw_exit(&fdp->fd_lock);
	return error;
}

int
sys_fcntl(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	bool cloexec = (a[2] & FD_CLOEXEC) != 0;
	struct file *fp;

	switch ((int)a[1]) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		if (a[2] >= MIN(lim_cur(p->p_p, RLIMIT_NOFILE), NFD_MAX))
			return EINVAL;
		return dup_from(p, (int)a[0], (int)a[2],
		    a[1] == F_DUPFD_CLOEXEC, ret);
	case F_GETFD:
		return fd_cloexec(p, a[0], NULL, ret);
	case F_SETFD:
		return fd_cloexec(p, a[0], &cloexec, ret);
	case F_GETFL:
	case F_SETFL:
		fp = fd_getfile(p, (int)a[0]);
		if (fp == NULL)
			return EBADF;
		if (a[1] == F_GETFL)
			*ret = fp->f_flags;
		else
			fp->f_flags = (fp->f_flags & ~O_SETFL) |
			    (a[2] & O_SETFL);
		file_rele(fp);
		return 0;
	default:
		return EINVAL;
	}
}
