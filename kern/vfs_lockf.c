/*
 * Record locks: ranges of bytes of a file, shared or exclusive, asked for with
 * fcntl().
 *
 * Those of POSIX belong to a table of descriptors (a process, and whoever
 * shares its table) and go when any descriptor of the file in that table is
 * closed.  Those of open files (F_OFD_*) belong to the open file and go with
 * its last descriptor.  Both are kept in one list per vnode and exclude each
 * other; a lock does not reference its vnode, as its owner has the file open.
 *
 * Who has to wait is on one list for all files, with what he asks for; whoever
 * lets go of bytes wakes all who wait for that file, and they look again.
 * Before somebody waits, the way from owner to owner of the first lock in his
 * way is followed: if it comes back to him nobody would ever go on (EDEADLK).
 * The way ends at an owner with more than one thread, of which another may let
 * go, and at one that nobody is in the way of any more, though he may not know
 * it yet.  It is enough to look at one of several in the way: once that one has
 * let go the waiter looks again, and with him at the next.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/queue.h>
#include <sys/vnode.h>

#define LOCKF_MAX \
	8192 /* locks of all files: a program may not take all memory */
#define EOF_ INT64_MAX /* last byte of a lock without an end */
#define CHAIN_MAX \
	1024 /* owners that wait for each other, as far as looked at */

/*
 * Locks used to protect members of a record lock:
 *	I	immutable
 *	l	lockf_mtx
 */
struct lockf {
	LIST_ENTRY(lockf) lf_link; /* [l] of the vnode, by lf_start */
	const void *lf_owner; /* [I] table of descriptors, or open file */
	pid_t lf_pid; /* [I] who asked for it; -1: an open file */
	off_t lf_start, lf_end; /* [l] first and last byte */
	bool lf_exclusive; /* [l] */
};

/* What a call asks for; all members belong to the thread. */
struct lockf_req {
	struct vnode *lr_vp; /* [thread] */
	const void *lr_owner; /* [thread] */
	pid_t lr_pid; /* [thread] */
	off_t lr_start, lr_end; /* [thread] first and last byte */
	int lr_type; /* [thread] F_RDLCK, F_WRLCK, F_UNLCK */
	struct lockf_list lr_spare; /* [thread] memory to use, or to free */
};

/*
 * Somebody who waits, on his stack.
 * Locks used to protect members:
 *	I	immutable
 *	l	lockf_mtx
 */
struct lockf_wait {
	LIST_ENTRY(lockf_wait) lw_link; /* [l] */
	const struct lockf_req *lw_req; /* [I] what for */
	const struct process *lw_process; /* [I] who waits */
};

static struct mutex lockf_mtx = MUTEX_INITIALIZER(LR_MISC, "lockf");
static LIST_HEAD(, lockf_wait) waiters = LIST_HEAD_INITIALIZER(waiters);
static int lockf_count; /* [lockf_mtx] locks of all files */

/* -- The list of a file: lockf_mtx is held ----------------------------------------- */

static void
list_insert(struct vnode *vp, struct lockf *lf)
{
	struct lockf *at = NULL, *next;

	LIST_FOREACH (next, &vp->v_locks, lf_link) {
		if (next->lf_start > lf->lf_start)
			break;
		at = next;
	}
	if (at == NULL)
		LIST_INSERT_HEAD(&vp->v_locks, lf, lf_link);
	else
		LIST_INSERT_AFTER(at, lf, lf_link);
}

static void
list_remove(struct lockf *lf, struct lockf_list *spare)
{
	LIST_REMOVE(lf, lf_link);
	LIST_INSERT_HEAD(spare, lf, lf_link);
	lockf_count--;
}

/* => a lock like the one asked for but with other bytes is in the list */
static void
list_add(struct lockf_req *lr, off_t start, off_t end, bool exclusive)
{
	struct lockf *lf = LIST_FIRST(&lr->lr_spare);

	KASSERT(lf != NULL);
	LIST_REMOVE(lf, lf_link);
	*lf = (struct lockf){ .lf_owner = lr->lr_owner,
		.lf_pid = lr->lr_pid,
		.lf_start = start,
		.lf_end = end,
		.lf_exclusive = exclusive };
	list_insert(lr->lr_vp, lf);
	lockf_count++;
}

/* => the first lock that is in the way, or NULL */
static struct lockf *
find_clash(const struct lockf_req *lr)
{
	struct lockf *lf;

	LIST_FOREACH (lf, &lr->lr_vp->v_locks, lf_link) {
		if (lf->lf_start > lr->lr_end)
			break;
		if (lf->lf_end >= lr->lr_start &&
		    lf->lf_owner != lr->lr_owner &&
		    (lf->lf_exclusive || lr->lr_type == F_WRLCK))
			return lf;
	}
	return NULL;
}

/* => is one of the owner's locks cut in two by the request? */
static bool
splits(const struct lockf_req *lr)
{
	struct lockf *lf;

	LIST_FOREACH (lf, &lr->lr_vp->v_locks, lf_link)
		if (lf->lf_owner == lr->lr_owner &&
		    lf->lf_start < lr->lr_start && lf->lf_end > lr->lr_end)
			return true;
	return false;
}

/*
 * The owner's lock lf gives the bytes asked for back, which it has at least
 * one of.
 */
static void
cut(struct lockf *lf, struct lockf_req *lr, off_t start, off_t end)
{
	if (lf->lf_start < start) {
		if (lf->lf_end > end)
			list_add(lr, end + 1, lf->lf_end, lf->lf_exclusive);
		lf->lf_end = start - 1;
	} else if (lf->lf_end > end) {
		lf->lf_start = end + 1;
		LIST_REMOVE(lf, lf_link);
		list_insert(lr->lr_vp, lf);
	} else
		list_remove(lf, &lr->lr_spare);
}

/*
 * Nobody is in the way: the bytes are locked as asked, or not at all, and the
 * owner's locks neither overlap nor touch one of their own kind.
 */
static void
apply(struct lockf_req *lr)
{
	const bool exclusive = lr->lr_type == F_WRLCK;
	off_t start = lr->lr_start, end = lr->lr_end;
	struct lockf *lf, *next;

	LIST_FOREACH_SAFE (lf, &lr->lr_vp->v_locks, lf_link, next) {
		if (lf->lf_owner != lr->lr_owner)
			continue;
		if (lr->lr_type != F_UNLCK && lf->lf_exclusive == exclusive) {
			/* beside each other counts too */
			if ((end != EOF_ && lf->lf_start > end + 1) ||
			    (lf->lf_end != EOF_ && lf->lf_end + 1 < start))
				continue;
			start = MIN(start, lf->lf_start);
			end = MAX(end, lf->lf_end);
			list_remove(lf, &lr->lr_spare);
		} else if (lf->lf_start <= end && lf->lf_end >= start)
			cut(lf, lr, start, end);
	}
	if (lr->lr_type != F_UNLCK)
		list_add(lr, start, end, exclusive);
	wakeup(&lr->lr_vp->v_locks);
}

/* -- Waiting -------------------------------------------------------------------------- */

/* => one who waits and is all there is of an owner; NULL: another can go on */
static const struct lockf_wait *
waiter_of(const void *owner)
{
	const struct lockf_wait *lw;

	LIST_FOREACH (lw, &waiters, lw_link)
		if (lw->lw_req->lr_owner == owner)
			return atomic_load(&lw->lw_process->ps_nthreads) == 1
			    ? lw
			    : NULL;
	return NULL;
}

/* => would the owner, waiting for the blocker, wait for itself? */
static bool
deadlock(const void *owner, const void *blocker)
{
	const struct lockf_wait *lw;
	const struct lockf *lf;

	/* one that had threads when it began to wait may have closed a ring */
	for (int i = 0; i < CHAIN_MAX; i++) {
		lw = waiter_of(blocker);
		lf = lw == NULL ? NULL : find_clash(lw->lw_req);
		if (lf == NULL)
			break;
		blocker = lf->lf_owner;
		if (blocker == owner)
			return true;
	}
	return false;
}

/*
 * => lockf_mtx held: nobody is in the way
 * => EDEADLK, EINTR, ERESTART
 */
static int
wait_turn(struct proc *p, struct lockf_req *lr)
{
	struct lockf_wait lw = { .lw_req = lr, .lw_process = p->p_p };
	struct lockf *lf;
	int error = 0;

	while (error == 0 && (lf = find_clash(lr)) != NULL) {
		if (atomic_load(&p->p_p->ps_nthreads) == 1 &&
		    deadlock(lr->lr_owner, lf->lf_owner))
			return EDEADLK;
		LIST_INSERT_HEAD(&waiters, &lw, lw_link);
		error = msleep(&lr->lr_vp->v_locks, &lockf_mtx, PWAIT | PCATCH,
		    "lockf", INFSLP);
		LIST_REMOVE(&lw, lw_link);
	}
	return error;
}

/* -- Requests -------------------------------------------------------------------------- */

static void
req_free(struct lockf_req *lr)
{
	struct lockf *lf;

	while ((lf = LIST_FIRST(&lr->lr_spare)) != NULL) {
		LIST_REMOVE(lf, lf_link);
		kmem_free(lf, sizeof(*lf));
	}
}

/* => 0; EAGAIN, or what waiting ends with; ENOLCK */
static int
req_set(struct proc *p, struct lockf_req *lr, bool wait)
{
	struct lockf *lf;
	int error = 0;

	/* a lock cut in two, and the one between them */
	for (int i = 0; i < 2; i++) {
		lf = kmem_alloc(sizeof(*lf), PR_WAITOK);
		LIST_INSERT_HEAD(&lr->lr_spare, lf, lf_link);
	}
	mtx_enter(&lockf_mtx);
	if (lr->lr_type != F_UNLCK) {
		if (wait)
			error = wait_turn(p, lr);
		else if (find_clash(lr) != NULL)
			error = EAGAIN;
	}
	if (error == 0 && lockf_count >= LOCKF_MAX &&
	    (lr->lr_type != F_UNLCK || splits(lr)))
		error = ENOLCK;
	if (error == 0)
		apply(lr);
	mtx_leave(&lockf_mtx);
	req_free(lr);
	return error;
}

/* => what is in the way of the lock, or that nothing is, in *fl */
static void
req_test(struct lockf_req *lr, struct flock *fl)
{
	struct lockf *lf;

	mtx_enter(&lockf_mtx);
	lf = find_clash(lr);
	if (lf == NULL)
		fl->l_type = F_UNLCK;
	else {
		fl->l_type = lf->lf_exclusive ? F_WRLCK : F_RDLCK;
		fl->l_whence = SEEK_SET;
		fl->l_start = lf->lf_start;
		fl->l_len =
		    lf->lf_end == EOF_ ? 0 : lf->lf_end - lf->lf_start + 1;
		fl->l_pid = lf->lf_pid;
	}
	mtx_leave(&lockf_mtx);
}

/* => all locks of the owner on vp are gone */
static void
release_all(struct vnode *vp, const void *owner)
{
	struct lockf_req lr = { .lr_vp = vp,
		.lr_owner = owner,
		.lr_end = EOF_,
		.lr_type = F_UNLCK };

	/* nobody but the owner, who is here, makes locks of his */
	if (__predict_true(atomic_load(&vp->v_locks.lh_first) == NULL))
		return;
	mtx_enter(&lockf_mtx);
	apply(&lr);
	mtx_leave(&lockf_mtx);
	req_free(&lr);
}

void
lockf_close(struct vnode *vp, const struct filedesc *fdp)
{
	release_all(vp, fdp);
}

void
lockf_close_file(struct file *fp)
{
	if (fp->f_vnode != NULL)
		release_all(fp->f_vnode, fp);
}

/* => bytes that fl means; EINVAL, EOVERFLOW */
static int
range_of(struct file *fp, const struct flock *fl, struct lockf_req *lr)
{
	struct vattr va;
	off_t base = 0;
	int error;

	if (fl->l_whence == SEEK_CUR)
		base = fp->f_offset;
	else if (fl->l_whence == SEEK_END) {
		error = fp->f_vnode->v_op->vop_getattr(fp->f_vnode, &va);
		if (error)
			return error;
		base = va.va_size;
	} else if (fl->l_whence != SEEK_SET)
		return EINVAL;
	if (__builtin_add_overflow(base, fl->l_start, &lr->lr_start))
		return fl->l_start < 0 ? EINVAL : EOVERFLOW;
	lr->lr_end = EOF_;
	if (fl->l_len > 0 &&
	    __builtin_add_overflow(lr->lr_start, fl->l_len - 1, &lr->lr_end))
		return EOVERFLOW;
	if (fl->l_len < 0) {
		lr->lr_end = lr->lr_start - 1;
		if (__builtin_add_overflow(
			lr->lr_start, fl->l_len, &lr->lr_start))
			return EINVAL;
	}
	return lr->lr_start < 0 ? EINVAL : 0;
}

static int
set_check(const struct file *fp, int type)
{
	switch (type) {
	case F_RDLCK:
		return FREADABLE(fp) ? 0 : EBADF;
	case F_WRLCK:
		return FWRITABLE(fp) ? 0 : EBADF;
	default:
		return type == F_UNLCK ? 0 : EINVAL;
	}
}

/* A lock that came after its descriptor went would stay for ever. */
static int
set_lock(struct proc *p, int fd, struct file *fp, struct lockf_req *lr,
    bool wait, bool ofd)
{
	struct file *now;
	int error = set_check(fp, lr->lr_type);

	if (error)
		return error;
	if (ofd)
		atomic_store(&fp->f_flocked, true);
	error = req_set(p, lr, wait);
	if (error != 0 || ofd || lr->lr_type == F_UNLCK)
		return error;
	now = fd_getfile(p, fd);
	if (now != fp) {
		lockf_close(fp->f_vnode, p->p_p->ps_fd);
		error = EBADF;
	}
	if (now != NULL)
		file_rele(now);
	return error;
}

int
lockf_fcntl(struct proc *p, int fd, struct file *fp, int cmd, uint64_t arg)
{
	bool ofd =
	    cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	struct lockf_req lr = { .lr_vp = fp->f_vnode };
	struct flock fl;
	int error = copyin((void *)arg, &fl, sizeof(fl));

	if (error)
		return error;
	if (fp->f_vnode == NULL || (ofd && fl.l_pid != 0))
		return EINVAL;
	error = range_of(fp, &fl, &lr);
	if (error)
		return error;
	lr.lr_owner = ofd ? (const void *)fp : p->p_p->ps_fd;
	lr.lr_pid = ofd ? -1 : p->p_p->ps_pid;
	lr.lr_type = fl.l_type;
	if (cmd != F_GETLK && cmd != F_OFD_GETLK)
		return set_lock(p, fd, fp, &lr,
		    cmd == F_SETLKW || cmd == F_OFD_SETLKW, ofd);
	if (fl.l_type != F_RDLCK && fl.l_type != F_WRLCK)
		return EINVAL;
	req_test(&lr, &fl);
	return copyout(&fl, (void *)arg, sizeof(fl));
}
