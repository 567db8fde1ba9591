/*
 * Open files and descriptor tables.
 *
 * A table grows by doubling and never shrinks.  A lookup takes a reference, so
 * that close() in another thread does not end a call in progress; a process
 * that has one thread and a table of its own does without (fd_hold()).
 *
 * A descriptor is reserved before the file it is for is looked up, created or
 * truncated: a call that fails for want of descriptors changes nothing.
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
#define NFD_MAX    4096 /* more than any limit allows */

/* f_flags that say how a file was opened, not what it is like. */
#define O_ONCE (O_CREAT | O_EXCL | O_TRUNC | O_NOCTTY | O_CLOEXEC)

struct fdent {
	struct file *fe_file; /* [fd_lock] NULL: free, or reserved */
	bool fe_used; /* [fd_lock] not free */
	bool fe_cloexec; /* [fd_lock] */
};

/*
 * Locks used to protect members of a filedesc:
 *	a	atomic operations
 *	d	fd_lock; to read, fd_hold() too
 */
struct filedesc {
	struct rwlock fd_lock; /* LR_FILEDESC */
	refcnt_t fd_refs; /* [a] processes that share it */
	refcnt_t fd_watchers; /* [a] who looks at it, and one for fd_refs */
	u_int fd_size; /* [d] entries in fd_ent */
	u_int fd_hint; /* [d] no free descriptor below */
	u_int fd_last; /* [d] none in use at or above */
	struct fdent *fd_ent; /* [d] */
	struct vnode *fd_cdir; /* [d] current directory */
	struct vnode *volatile fd_rdir; /* [d] root; NULL: the root of all */
	struct fdent fd_inline[NFD_INLINE]; /* [d] */
};

static struct pool file_pool, filedesc_pool;

void
file_init(void)
{
	pool_init(&file_pool, sizeof(struct file), 0, "file");
	pool_init(&filedesc_pool, sizeof(struct filedesc), 0, "filedesc");
}

long
fd_open_files(void)
{
	return pool_inuse(&file_pool);
}

/* -- Files ------------------------------------------------------------------------ */

static int
file_mode(int flags)
{
	if (flags & O_PATH)
		return FM_PATH;
	return ((flags & O_ACCMODE) != O_WRONLY ? FM_READ : 0) |
	    ((flags & O_ACCMODE) != O_RDONLY ? FM_WRITE : 0);
}

struct file *
file_alloc(int flags, const struct fileops *ops, void *data, struct vnode *vp)
{
	struct file *fp = pool_get(&file_pool, PR_NOWAIT);

	if (fp == NULL)
		return NULL;
	refcnt_init(&fp->f_refs);
	fp->f_flags = flags & ~O_ONCE;
	fp->f_mode = file_mode(flags);
	fp->f_flocked = false;
	fp->f_advice = 0;
	fp->f_ops = ops;
	fp->f_data = data;
	fp->f_vnode = vp;
	rw_init(&fp->f_lock, LR_FILE, "file");
	fp->f_offset = 0;
	return fp;
}

void
file_free(struct file *fp)
{
	pool_put(&file_pool, fp);
}

void
file_rele(struct file *fp)
{
	if (!refcnt_drop(&fp->f_refs))
		return;
	if (__predict_false(fp->f_flocked)) {
		flock_close(fp);
		lockf_close_file(fp);
	}
	fp->f_ops->fo_close(fp);
	if (fp->f_vnode != NULL)
		vrele(fp->f_vnode);
	file_free(fp);
}

void
file_setflags(struct file *fp, int clear, int set)
{
	int old = atomic_load(&fp->f_flags);

	while (!atomic_cas(&fp->f_flags, &old, (old & ~clear) | set))
		continue;
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

/* => fp, which was a descriptor of the table, is not any more; may sleep */
static void
file_close(struct filedesc *fdp, struct file *fp)
{
	struct vnode *vp = fp->f_vnode;

	if (vp != NULL && (fp->f_mode & FM_PATH) == 0)
		lockf_close(vp, fdp);
	file_rele(fp);
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
	refcnt_init(&fdp->fd_watchers);
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

/* => old locked, new large enough; what is reserved is free in the copy */
static void
fd_copy_entries(const struct filedesc *old, struct filedesc *new)
{
	u_int hole = old->fd_last;

	for (u_int i = 0; i < old->fd_last; i++) {
		if (old->fd_ent[i].fe_file == NULL) {
			hole = MIN(hole, i);
			continue;
		}
		new->fd_ent[i] = old->fd_ent[i];
		new->fd_last = i + 1;
		refcnt_take(&old->fd_ent[i].fe_file->f_refs);
	}
	new->fd_hint = hole;
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
	fd_copy_entries(old, fdp);
	fdp->fd_cdir = old->fd_cdir;
	vref(fdp->fd_cdir);
	fdp->fd_rdir = old->fd_rdir;
	if (fdp->fd_rdir != NULL)
		vref(fdp->fd_rdir);
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
	struct vnode *cdir, *rdir;
	u_int last;

	if (fdp == NULL || !refcnt_drop(&fdp->fd_refs))
		return;
	/* who looks on sees nothing from now on */
	rw_enter_write(&fdp->fd_lock);
	last = fdp->fd_last;
	cdir = fdp->fd_cdir;
	rdir = fdp->fd_rdir;
	fdp->fd_last = 0;
	fdp->fd_cdir = NULL;
	fdp->fd_rdir = NULL;
	rw_exit(&fdp->fd_lock);
	for (u_int i = 0; i < last; i++)
		if (fdp->fd_ent[i].fe_file != NULL)
			file_close(fdp, fdp->fd_ent[i].fe_file);
	vrele(cdir);
	if (rdir != NULL)
		vrele(rdir);
	fd_unwatch(fdp);
}

struct filedesc *
fd_watch(struct filedesc *fdp)
{
	refcnt_take(&fdp->fd_watchers);
	return fdp;
}

void
fd_unwatch(struct filedesc *fdp)
{
	if (refcnt_drop(&fdp->fd_watchers))
		fd_release(fdp);
}

/* => write-locked: fd, which was in use, is free now */
static void
fd_clear(struct filedesc *fdp, u_int fd)
{
	fdp->fd_ent[fd].fe_file = NULL;
	fdp->fd_ent[fd].fe_used = false;
	fdp->fd_hint = MIN(fdp->fd_hint, fd);
	while (fdp->fd_last > 0 && !fdp->fd_ent[fdp->fd_last - 1].fe_used)
		fdp->fd_last--;
}

/* => write-locked; the file taken out, or NULL */
static struct file *
fd_take(struct filedesc *fdp, u_int fd)
{
	struct file *fp = NULL;

	if (fd < fdp->fd_last)
		fp = fdp->fd_ent[fd].fe_file;
	if (fp != NULL)
		fd_clear(fdp, fd);
	return fp;
}

/*
 * Give p's process a table of its own.
 * => no other thread of the process uses the table; 0 or ENOMEM
 */
static int
fd_unshare(struct proc *p)
{
	struct filedesc *fdp = p->p_p->ps_fd, *copy;

	if (refcnt_read(&fdp->fd_refs) == 1)
		return 0;
	copy = fd_copy(fdp);
	if (copy == NULL)
		return ENOMEM;
	rw_enter_write(&p->p_p->ps_lock);
	p->p_p->ps_fd = copy;
	rw_exit(&p->p_p->ps_lock);
	fd_free(fdp);
	return 0;
}

int
fd_exec(struct proc *p)
{
	struct filedesc *fdp;
	struct file *fp;
	int error = fd_unshare(p);

	if (error)
		return error;
	fdp = p->p_p->ps_fd;
	for (u_int i = 0; i < fdp->fd_last; i++) {
		if (!fdp->fd_ent[i].fe_cloexec)
			continue;
		rw_enter_write(&fdp->fd_lock);
		fp = fd_take(fdp, i);
		rw_exit(&fdp->fd_lock);
		if (fp != NULL)
			file_close(fdp, fp);
	}
	return 0;
}

static struct file *
fd_lookup(struct proc *p, u_int fd, int notmode)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	struct file *fp = NULL;

	rw_enter_read(&fdp->fd_lock);
	if (fd < fdp->fd_last) {
		fp = fdp->fd_ent[fd].fe_file;
		if (fp != NULL && (fp->f_mode & notmode) != 0)
			fp = NULL;
		if (fp != NULL)
			refcnt_take(&fp->f_refs);
	}
	rw_exit(&fdp->fd_lock);
	return fp;
}

struct file *
fd_getfile(struct proc *p, int fd)
{
	return fd_lookup(p, (u_int)fd, FM_PATH);
}

struct file *
fd_getpath(struct proc *p, int fd)
{
	return fd_lookup(p, (u_int)fd, 0);
}

struct file *
fd_hold(struct proc *p, int fd, bool *counted)
{
	struct process *pr = p->p_p;
	struct filedesc *fdp = pr->ps_fd;
	struct file *fp;

	if (__predict_false(atomic_load(&pr->ps_nthreads) != 1 ||
		refcnt_read(&fdp->fd_refs) != 1)) {
		*counted = true;
		return fd_getfile(p, fd);
	}
	*counted = false;
	if ((u_int)fd >= fdp->fd_last)
		return NULL;
	fp = fdp->fd_ent[fd].fe_file;
	if (__predict_false(fp != NULL && (fp->f_mode & FM_PATH) != 0))
		return NULL;
	return fp;
}

/* Descriptors are below this. */
static u_int
fd_limit(struct proc *p)
{
	return MIN(lim_cur(p->p_p, RLIMIT_NOFILE), NFD_MAX);
}

/* => write-locked; lowest free one >= from is in use now; EMFILE, ENOMEM */
static int
fd_findfree(
    struct proc *p, struct filedesc *fdp, u_int from, bool cloexec, u_int *out)
{
	u_int fd = MAX(from, fdp->fd_hint);
	int error;

	while (fd < fdp->fd_last && fdp->fd_ent[fd].fe_used)
		fd++;
	if (fd >= fd_limit(p))
		return EMFILE;
	error = fd_grow(fdp, fd);
	if (error)
		return error;
	if (from <= fdp->fd_hint)
		fdp->fd_hint = fd + 1;
	fdp->fd_ent[fd] = (struct fdent){ NULL, true, cloexec };
	fdp->fd_last = MAX(fdp->fd_last, fd + 1);
	*out = fd;
	return 0;
}

/* fp NULL: the descriptor stays reserved */
static int
fd_enter(struct proc *p, struct file *fp, int from, bool cloexec, int *fdp)
{
	struct filedesc *table = p->p_p->ps_fd;
	u_int fd = 0;
	int error;

	rw_enter_write(&table->fd_lock);
	error = fd_findfree(p, table, (u_int)from, cloexec, &fd);
	if (error == 0)
		table->fd_ent[fd].fe_file = fp;
	rw_exit(&table->fd_lock);
	*fdp = (int)fd;
	return error;
}

int
fd_install(struct proc *p, struct file *fp, int from, bool cloexec, int *fdp)
{
	return fd_enter(p, fp, from, cloexec, fdp);
}

int
fd_reserve(struct proc *p, int from, bool cloexec, int *fdp)
{
	return fd_enter(p, NULL, from, cloexec, fdp);
}

void
fd_fill(struct proc *p, int fd, struct file *fp)
{
	struct filedesc *fdp = p->p_p->ps_fd;

	rw_enter_write(&fdp->fd_lock);
	KASSERT((u_int)fd < fdp->fd_last && fdp->fd_ent[fd].fe_used &&
	    fdp->fd_ent[fd].fe_file == NULL);
	fdp->fd_ent[fd].fe_file = fp;
	rw_exit(&fdp->fd_lock);
}

void
fd_unreserve(struct proc *p, int fd)
{
	struct filedesc *fdp = p->p_p->ps_fd;

	rw_enter_write(&fdp->fd_lock);
	KASSERT((u_int)fd < fdp->fd_last && fdp->fd_ent[fd].fe_used &&
	    fdp->fd_ent[fd].fe_file == NULL);
	fd_clear(fdp, (u_int)fd);
	rw_exit(&fdp->fd_lock);
}

struct file *
fd_remove(struct proc *p, int fd)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	struct file *fp;

	rw_enter_write(&fdp->fd_lock);
	fp = fd_take(fdp, (u_int)fd);
	rw_exit(&fdp->fd_lock);
	return fp;
}

void
fd_discard(struct proc *p, int fd)
{
	struct file *fp = fd_remove(p, fd);

	if (fp != NULL)
		file_close(p->p_p->ps_fd, fp);
}

struct vnode *
fd_dir_of(struct filedesc *fdp, bool root)
{
	struct vnode *vp;

	/* most processes have no root of their own */
	if (root && (fdp == NULL || atomic_load(&fdp->fd_rdir) == NULL)) {
		vref(rootvnode);
		return rootvnode;
	}
	rw_enter_read(&fdp->fd_lock);
	vp = root ? fdp->fd_rdir : fdp->fd_cdir;
	if (__predict_true(vp != NULL))
		vref(vp);
	rw_exit(&fdp->fd_lock);
	return vp;
}

struct vnode *
fd_cwd(struct proc *p)
{
	return fd_dir_of(p->p_p->ps_fd, false);
}

struct vnode *
fd_root(struct proc *p)
{
	return fd_dir_of(p->p_p->ps_fd, true);
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

volatile bool fd_chroots;

void
fd_set_root(struct proc *p, struct vnode *vp)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	struct vnode *old;

	rw_enter_write(&fdp->fd_lock);
	old = fdp->fd_rdir;
	atomic_store(&fd_chroots, true);
	atomic_store_rel(&fdp->fd_rdir, vp);
	rw_exit(&fdp->fd_lock);
	if (old != NULL)
		vrele(old);
}

int
fd_next_of(struct filedesc *fdp, int from)
{
	int fd = -1;

	rw_enter_read(&fdp->fd_lock);
	for (u_int i = (u_int)from; i < fdp->fd_last && fd < 0; i++)
		if (fdp->fd_ent[i].fe_file != NULL)
			fd = (int)i;
	rw_exit(&fdp->fd_lock);
	return fd;
}

struct file *
fd_file_of(struct filedesc *fdp, int fd)
{
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

/* -- System calls ----------------------------------------------------------------------- */

int
sys_close(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_remove(p, (int)a[0]);

	if (fp == NULL)
		return EBADF;
	file_close(p->p_p->ps_fd, fp);
	return 0;
}

#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4

static void
range_cloexec(struct filedesc *fdp, u_int first, u_int last)
{
	rw_enter_write(&fdp->fd_lock);
	for (u_int fd = first; fd <= last && fd < fdp->fd_last; fd++)
		if (fdp->fd_ent[fd].fe_file != NULL)
			fdp->fd_ent[fd].fe_cloexec = true;
	rw_exit(&fdp->fd_lock);
}

static void
range_close(struct filedesc *fdp, u_int first, u_int last)
{
	struct file *fp;
	u_int fd = first;
	bool end;

	do {
		rw_enter_write(&fdp->fd_lock);
		for (fp = NULL; fp == NULL && fd <= last && fd < fdp->fd_last;
		     fd++)
			fp = fd_take(fdp, fd);
		end = fd > last || fd >= fdp->fd_last;
		rw_exit(&fdp->fd_lock);
		if (fp != NULL)
			file_close(fdp, fp);
	} while (!end);
}

/*
 * UNSHARE is for the calling thread alone, says its documentation; a table per
 * thread we do not have, so a process with threads may not ask for it.
 */
int
sys_close_range(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	u_int first = a[0], last = a[1], flags = a[2];
	int error;

	if (first > last ||
	    (flags & ~(u_int)(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0)
		return EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE) {
		if (atomic_load(&p->p_p->ps_nthreads) != 1)
			return EINVAL;
		error = fd_unshare(p);
		if (error)
			return error;
	}
	if (flags & CLOSE_RANGE_CLOEXEC)
		range_cloexec(p->p_p->ps_fd, first, last);
	else
		range_close(p->p_p->ps_fd, first, last);
	return 0;
}

/*
 * A second descriptor for the file at fd, the lowest from `from' on.
 * => EINVAL: from is no descriptor
 */
static int
dup_from(struct proc *p, int fd, uint64_t from, bool cloexec, int64_t *ret)
{
	struct file *fp = fd_getpath(p, fd);
	int error, newfd;

	if (fp == NULL)
		return EBADF;
	error = from >= fd_limit(p) && from != 0
	    ? EINVAL
	    : fd_install(p, fp, (int)from, cloexec, &newfd);
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

/*
 * => write-locked; fp becomes newfd, what was there before is in *oldp
 * => EBUSY: another thread is opening a file as newfd right now
 */
static int
fd_replace(struct filedesc *fdp, u_int newfd, struct file *fp, bool cloexec,
    struct file **oldp)
{
	int error = fd_grow(fdp, newfd);

	*oldp = NULL;
	if (error)
		return error;
	if (newfd < fdp->fd_last) {
		*oldp = fdp->fd_ent[newfd].fe_file;
		if (*oldp == NULL && fdp->fd_ent[newfd].fe_used)
			return EBUSY;
	}
	fdp->fd_ent[newfd] = (struct fdent){ fp, true, cloexec };
	fdp->fd_last = MAX(fdp->fd_last, newfd + 1);
	return 0;
}

int
sys_dup3(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct filedesc *fdp = p->p_p->ps_fd;
	u_int newfd = a[1], flags = a[2];
	struct file *fp, *old;
	int error;

	if ((u_int)a[0] == newfd || (flags & ~(u_int)O_CLOEXEC) != 0)
		return EINVAL;
	if (newfd >= fd_limit(p))
		return EBADF;
	fp = fd_getpath(p, (int)a[0]);
	if (fp == NULL)
		return EBADF;
	rw_enter_write(&fdp->fd_lock);
	error = fd_replace(fdp, newfd, fp, (flags & O_CLOEXEC) != 0, &old);
	rw_exit(&fdp->fd_lock);
	if (error)
		file_rele(fp);
	else if (old != NULL)
		file_close(fdp, old);
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

static int
fcntl_file(struct proc *p, int fd, struct file *fp, int cmd, uint64_t arg,
    int64_t *ret)
{
	switch (cmd) {
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
		return fp->f_mode & FM_PATH ? EBADF
					    : lockf_fcntl(p, fd, fp, cmd, arg);
	case F_GETFL:
		*ret = fp->f_flags;
		return 0;
	case F_SETFL:
		if (fp->f_mode & FM_PATH)
			return EBADF;
		file_setflags(fp, O_SETFL, (int)arg & O_SETFL);
		return 0;
	case F_ADD_SEALS:
	case F_GET_SEALS:
		return fp->f_mode & FM_PATH ? EBADF
					    : seals_fcntl(fp, cmd, arg, ret);
	case F_GETPIPE_SZ:
	case F_SETPIPE_SZ:
		return pipe_fcntl(fp, cmd, arg, ret);
	default:
		return fp->f_mode & FM_PATH ? EBADF : EINVAL;
	}
}

int
sys_fcntl(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	bool cloexec = (a[2] & FD_CLOEXEC) != 0;
	int fd = (int)a[0], cmd = (int)a[1], error;
	struct file *fp;

	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return dup_from(p, fd, a[2], cmd == F_DUPFD_CLOEXEC, ret);
	case F_GETFD:
		return fd_cloexec(p, (u_int)fd, NULL, ret);
	case F_SETFD:
		return fd_cloexec(p, (u_int)fd, &cloexec, ret);
	default:
		fp = fd_getpath(p, fd);
		if (fp == NULL)
			return EBADF;
		error = fcntl_file(p, fd, fp, cmd, a[2], ret);
		file_rele(fp);
		return error;
	}
}
