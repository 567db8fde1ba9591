/*
 * Locks of flock(2): on whole files, held by open files.
 *
 * Few programs use them and none hold many, so all are on one list.  A waiter
 * sleeps on the list; whoever lets go wakes all.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/queue.h>
#include <sys/syscall.h>

/*
 * Locks used to protect members:
 *	I	immutable
 *	f	flock_mtx
 */
struct flock_held {
	LIST_ENTRY(flock_held) fl_link; /* [f] */
	const void *fl_object; /* [I] what is locked: the vnode, or the pipe */
	const struct file *fl_file; /* [I] by whom */
	bool fl_exclusive; /* [f] */
};

static struct mutex flock_mtx = MUTEX_INITIALIZER(LR_MISC, "flock");
static LIST_HEAD(, flock_held) flocks = LIST_HEAD_INITIALIZER(flocks);

static const void *
object_of(const struct file *fp)
{
	return fp->f_vnode != NULL ? (const void *)fp->f_vnode : fp->f_data;
}

/* => flock_mtx held; the lock fp holds, or NULL; *clash: somebody else's */
static struct flock_held *
find(const struct file *fp, bool exclusive, bool *clash)
{
	const void *object = object_of(fp);
	struct flock_held *fl, *own = NULL;

	*clash = false;
	LIST_FOREACH (fl, &flocks, fl_link) {
		if (fl->fl_object != object)
			continue;
		if (fl->fl_file == fp)
			own = fl;
		else if (exclusive || fl->fl_exclusive)
			*clash = true;
	}
	return own;
}

/* => flock_mtx held; the memory is the caller's to free */
static struct flock_held *
let_go(const struct file *fp)
{
	struct flock_held *fl;
	bool clash;

	fl = find(fp, false, &clash);
	if (fl != NULL) {
		LIST_REMOVE(fl, fl_link);
		wakeup(&flocks);
	}
	return fl;
}

void
flock_close(struct file *fp)
{
	struct flock_held *fl;

	mtx_enter(&flock_mtx);
	fl = let_go(fp);
	mtx_leave(&flock_mtx);
	if (fl != NULL)
		kmem_free(fl, sizeof(*fl));
}

/*
 * A lock that becomes another kind is given up first: as it is elsewhere, that
 * is not atomic, and two who wait for each other's do not wait for ever.
 * => *newp: memory for it; NULL afterwards if it was used
 */
static int
take(struct file *fp, bool exclusive, bool wait, struct flock_held **newp)
{
	struct flock_held *fl, *old = NULL;
	bool clash;
	int error = 0;

	mtx_enter(&flock_mtx);
	fl = find(fp, exclusive, &clash);
	if (fl != NULL && fl->fl_exclusive == exclusive) {
		mtx_leave(&flock_mtx);
		return 0;
	}
	if (fl != NULL)
		old = let_go(fp);
	while ((void)find(fp, exclusive, &clash), clash && error == 0)
		error = wait ? msleep(&flocks, &flock_mtx, PWAIT | PCATCH,
				   "flock", INFSLP)
			     : EWOULDBLOCK;
	if (error == 0) {
		**newp = (struct flock_held){ .fl_object = object_of(fp),
			.fl_file = fp,
			.fl_exclusive = exclusive };
		LIST_INSERT_HEAD(&flocks, *newp, fl_link);
		atomic_store(&fp->f_flocked, true);
		*newp = NULL;
	}
	mtx_leave(&flock_mtx);
	if (old != NULL)
		kmem_free(old, sizeof(*old));
	return error;
}

int
sys_flock(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int how = (int)a[1] & ~LOCK_NB, error = 0;
	struct flock_held *new;
	struct file *fp;

	if (how != LOCK_SH && how != LOCK_EX && how != LOCK_UN)
		return EINVAL;
	fp = fd_getfile(p, (int)a[0]);
	if (fp == NULL)
		return EBADF;
	if (how == LOCK_UN)
		flock_close(fp);
	else {
		new = kmem_alloc(sizeof(*new), PR_WAITOK);
		error = take(fp, how == LOCK_EX, (a[1] & LOCK_NB) == 0, &new);
		if (new != NULL)
			kmem_free(new, sizeof(*new));
	}
	file_rele(fp);
	return error;
}
