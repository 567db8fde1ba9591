/*
 * Pipes, with a name or without.
 *
 * The buffer is a ring of pages, which are allocated when the ring first
 * reaches them and kept until the pipe goes.  A write of at most PIPE_BUF bytes
 * goes in as one piece.
 *
 * A named pipe exists while somebody has it open: the vnode then points to it,
 * and what was written and not read is gone with the last one.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/selinfo.h>
#include <sys/syscall.h>
#include <sys/vnode.h>

#define PIPE_PAGES     16 /* of a new pipe */
#define PIPE_PAGES_MAX 256
#define PIPE_BUF       4096
#define PIPE_DEV       2 /* st_dev of pipes without a name */
#define FIONREAD       0x541B

/*
 * Locks used to protect members of a pipe:
 *	I	immutable
 *	a	atomic operations
 *	p	pi_lock
 *	v	v_lock of the vnode of a named pipe; else as a
 */
struct pipe {
	struct rwlock pi_lock; /* LR_PIPE */
	refcnt_t pi_refs; /* [v] files */
	u_int pi_npages; /* [p] size of the ring, a power of two */
	size_t pi_in, pi_out; /* [p] bytes written, read, since it was empty */
	u_int pi_readers, pi_writers; /* [p] files open at each end */
	u_int pi_ropens, pi_wopens; /* [p] how often an end was opened */
	u_int pi_rwait, pi_wwait; /* [p] sleepers */
	char **pi_page; /* [p] NULL in it: not needed yet */
	struct selinfo pi_rsel, pi_wsel;
	ino_t pi_ino; /* [I] */
	int64_t pi_time; /* [I] when it was made, ns since 1970 */
	char *pi_inline[PIPE_PAGES]; /* [p] pi_page of most pipes */
};

static struct pool pipe_pool;
static ino_t pipe_lastino; /* [a] */

void
pipe_init(void)
{
	pool_init(&pipe_pool, sizeof(struct pipe), 0, "pipe");
}

static inline size_t
pipe_size(const struct pipe *pi)
{
	return (size_t)pi->pi_npages * PAGE_SIZE;
}

static inline size_t
pipe_used(const struct pipe *pi)
{
	return pi->pi_in - pi->pi_out;
}

/* => no references, no ends; NULL: no memory */
static struct pipe *
pipe_alloc(void)
{
	struct pipe *pi = pool_get(&pipe_pool, PR_NOWAIT | PR_ZERO);

	if (pi == NULL)
		return NULL;
	rw_init(&pi->pi_lock, LR_PIPE, "pipe");
	selinfo_init(&pi->pi_rsel);
	selinfo_init(&pi->pi_wsel);
	pi->pi_npages = PIPE_PAGES;
	pi->pi_page = pi->pi_inline;
	pi->pi_ino = atomic_add(&pipe_lastino, 1) + 1;
	pi->pi_time = (int64_t)nsecwall();
	return pi;
}

/* => pi_lock held, or nobody knows the pipe */
static void
ring_free(struct pipe *pi)
{
	for (u_int i = 0; i < pi->pi_npages; i++)
		if (pi->pi_page[i] != NULL)
			kmem_free(pi->pi_page[i], PAGE_SIZE);
	if (pi->pi_page != pi->pi_inline)
		kmem_free(pi->pi_page, pi->pi_npages * sizeof(char *));
}

static void
pipe_free(struct pipe *pi)
{
	ring_free(pi);
	pool_put(&pipe_pool, pi);
}

/* A file less. => pi_lock not held; vp: of a named pipe, or NULL */
static void
pipe_rele(struct pipe *pi, struct vnode *vp)
{
	bool last;

	if (vp != NULL)
		rw_enter_write(&vp->v_lock);
	last = refcnt_drop(&pi->pi_refs);
	if (vp != NULL) {
		if (last)
			vp->v_fifo = NULL;
		rw_exit(&vp->v_lock);
	}
	if (last)
		pipe_free(pi);
}

/* -- Reading and writing -------------------------------------------------------------- */

/* Contiguous room at ring position pos, at most n bytes. */
static inline char *
pipe_chunk(struct pipe *pi, size_t pos, size_t *n)
{
	size_t off = pos & PAGE_MASK;
	char **pagep = &pi->pi_page[(pos >> PAGE_SHIFT) & (pi->pi_npages - 1)];

	*n = MIN(*n, PAGE_SIZE - off);
	if (__predict_false(*pagep == NULL))
		*pagep = kmem_alloc(PAGE_SIZE, PR_WAITOK);
	return *pagep + off;
}

/*
 * uiomove() of one chunk, all of it or nothing: what a pipe is said to have
 * taken or given is what it has.
 */
static int
pipe_move(char *cp, size_t n, struct uio *uio)
{
	size_t before = uio->uio_resid;
	int error = uiomove(cp, n, uio);

	if (error)
		uio->uio_resid = before;
	return error;
}

/*
 * The common request: in one piece on both sides.
 * => where in the ring n > 0 bytes at pos are, or NULL: something is special
 */
static __always_inline char *
pipe_plain(const struct pipe *pi, size_t pos, size_t n, const struct uio *uio)
{
	char *page = pi->pi_page[(pos >> PAGE_SHIFT) & (pi->pi_npages - 1)];
	size_t off = pos & PAGE_MASK;

	return n <= uio->uio_iov->iov_len && off + n <= PAGE_SIZE &&
		page != NULL && uio->uio_segflg == UIO_USERSPACE
	    ? page + off
	    : NULL;
}

/* => pi_lock held: sleep on one side until the other side changes something */
static int
pipe_wait(struct pipe *pi, struct file *fp, u_int *waiters, const char *why)
{
	int error;

	if (fp->f_flags & O_NONBLOCK)
		return EAGAIN;
	++*waiters;
	error = rwsleep(waiters, &pi->pi_lock, PZERO | PCATCH, why, INFSLP);
	--*waiters;
	return error;
}

static inline void
pipe_wake(u_int *waiters, struct selinfo *si)
{
	if (*waiters > 0)
		wakeup(waiters);
	selwakeup(si);
}

/* => pi_lock held; what there is, up to what is wanted */
static __noinline int
pipe_take(struct pipe *pi, struct uio *uio)
{
	int error = 0;
	size_t n;
	char *p;

	while (error == 0 && uio->uio_resid > 0 && pipe_used(pi) > 0) {
		n = MIN(uio->uio_resid, pipe_used(pi));
		p = pipe_chunk(pi, pi->pi_out, &n);
		error = pipe_move(p, n, uio);
		if (error == 0)
			pi->pi_out += n;
	}
	return error;
}

static int
pipe_read(struct file *fp, struct uio *uio, int flags)
{
	struct pipe *pi = fp->f_data;
	size_t n, start = uio->uio_resid;
	int error = 0;
	char *p;

	if (start == 0)
		return 0;
	rw_enter_write(&pi->pi_lock);
	while (pipe_used(pi) == 0 && pi->pi_writers > 0 && error == 0)
		error = pipe_wait(pi, fp, &pi->pi_rwait, "piperd");
	n = MIN(start, pipe_used(pi));
	if (error || n == 0)
		goto out;
	p = pipe_plain(pi, pi->pi_out, n, uio);
	if (__predict_true(p != NULL)) {
		error = copyout(p, uio->uio_iov->iov_base, n);
		if (error)
			goto out;
		pi->pi_out += n;
		uio->uio_resid -= n;
	} else
		error = pipe_take(pi, uio);
	if (uio->uio_resid != start) {
		/* empty: the same page again, which is in the cache */
		if (pipe_used(pi) == 0)
			pi->pi_in = pi->pi_out = 0;
		pipe_wake(&pi->pi_wwait, &pi->pi_wsel);
	}
out:
	rw_exit(&pi->pi_lock);
	return error;
}

/* => pi_lock held; some, at least, of what is left is in the ring, or errno */
static int
pipe_put(struct pipe *pi, struct uio *uio)
{
	size_t n, room = pipe_size(pi) - pipe_used(pi);
	int error = 0;
	char *p;

	while (room > 0 && uio->uio_resid > 0) {
		n = MIN(uio->uio_resid, room);
		p = pipe_chunk(pi, pi->pi_in, &n);
		error = pipe_move(p, n, uio);
		if (error)
			break;
		pi->pi_in += n;
		room -= n;
	}
	return error;
}

/* => pi_lock held */
static __noinline int
pipe_write_waiting(struct pipe *pi, struct file *fp, struct uio *uio)
{
	size_t need, before;
	int error = 0;

	/* what must go in at once: all of a small write, a byte of a large */
	need = uio->uio_resid <= PIPE_BUF ? uio->uio_resid : 1;
	while (uio->uio_resid > 0 && error == 0) {
		if (pi->pi_readers == 0) {
			error = EPIPE;
		} else if (pipe_size(pi) - pipe_used(pi) < need) {
			error = pipe_wait(pi, fp, &pi->pi_wwait, "pipewr");
		} else {
			before = uio->uio_resid;
			error = pipe_put(pi, uio);
			if (uio->uio_resid != before)
				pipe_wake(&pi->pi_rwait, &pi->pi_rsel);
			need = 1;
		}
	}
	return error;
}

static int
pipe_write(struct file *fp, struct uio *uio, int flags)
{
	struct pipe *pi = fp->f_data;
	size_t n = uio->uio_resid;
	char *p = NULL;
	int error;

	rw_enter_write(&pi->pi_lock);
	if (__predict_true(n > 0 && pi->pi_readers > 0 &&
		pipe_size(pi) - pipe_used(pi) >= n))
		p = pipe_plain(pi, pi->pi_in, n, uio);
	if (__predict_true(p != NULL)) {
		error = copyin(uio->uio_iov->iov_base, p, n);
		if (error == 0) {
			pi->pi_in += n;
			uio->uio_resid = 0;
			pipe_wake(&pi->pi_rwait, &pi->pi_rsel);
		}
	} else
		error = pipe_write_waiting(pi, fp, uio);
	rw_exit(&pi->pi_lock);
	return error;
}

/* -- The rest ----------------------------------------------------------------------------- */

static int
pipe_ioctl(struct file *fp, u_long cmd, uint64_t arg, struct proc *p)
{
	struct pipe *pi = fp->f_data;
	int n;

	if (cmd != FIONREAD)
		return ENOTTY;
	rw_enter_read(&pi->pi_lock);
	n = (int)pipe_used(pi);
	rw_exit(&pi->pi_lock);
	return copyout(&n, (void *)arg, sizeof(n));
}

static int
pipe_poll(struct file *fp, int events, struct pollwait *pw)
{
	struct pipe *pi = fp->f_data;
	int revents = 0;

	if (FREADABLE(fp))
		selrecord(pw, &pi->pi_rsel);
	if (FWRITABLE(fp))
		selrecord(pw, &pi->pi_wsel);
	rw_enter_read(&pi->pi_lock);
	if (FREADABLE(fp)) {
		if (pipe_used(pi) > 0)
			revents |= POLLIN | POLLRDNORM;
		/* nobody has hung up whom we never met */
		if (pi->pi_writers == 0 && pi->pi_wopens != (u_int)fp->f_offset)
			revents |= POLLHUP;
	}
	if (FWRITABLE(fp)) {
		if (pipe_size(pi) - pipe_used(pi) >= PIPE_BUF)
			revents |= POLLOUT | POLLWRNORM;
		if (pi->pi_readers == 0)
			revents |= POLLERR;
	}
	rw_exit(&pi->pi_lock);
	return revents & events;
}

static int
pipe_stat(struct file *fp, struct stat *st)
{
	const struct pipe *pi = fp->f_data;
	struct vattr va = { .va_mode = S_IFIFO | 0600,
		.va_nlink = 1,
		.va_dev = PIPE_DEV,
		.va_ino = pi->pi_ino,
		.va_atime = pi->pi_time,
		.va_mtime = pi->pi_time,
		.va_ctime = pi->pi_time };

	vn_stat(&va, st);
	return 0;
}

/* => pi_lock held */
static void
pipe_ends(struct pipe *pi, struct file *fp, int change)
{
	if (FREADABLE(fp))
		pi->pi_readers += (u_int)change;
	if (FWRITABLE(fp))
		pi->pi_writers += (u_int)change;
	if (change > 0) {
		pi->pi_ropens += FREADABLE(fp) ? 1 : 0;
		pi->pi_wopens += FWRITABLE(fp) ? 1 : 0;
	}
	pipe_wake(&pi->pi_rwait, &pi->pi_rsel);
	pipe_wake(&pi->pi_wwait, &pi->pi_wsel);
}

static void
pipe_close(struct file *fp)
{
	struct pipe *pi = fp->f_data;

	rw_enter_write(&pi->pi_lock);
	pipe_ends(pi, fp, -1);
	rw_exit(&pi->pi_lock);
	pipe_rele(pi, fp->f_vnode);
}

/*
 * Move the pages of the ring to another, which has room for them.  When the
 * ring is so full that its end lies in the page it begins in, they part.
 * => pi_lock held; 0 or ENOMEM
 */
static int
ring_move(struct pipe *pi, char **page, u_int npages, size_t first, size_t end)
{
	char **old = pi->pi_page, *last = NULL;
	u_int mask = pi->pi_npages - 1;

	if (end - first > pi->pi_npages) {
		last = kmem_alloc(PAGE_SIZE, PR_NOWAIT);
		if (last == NULL)
			return ENOMEM;
		memcpy(last, old[first & mask], PAGE_SIZE);
		page[--end & (npages - 1)] = last;
	}
	for (; first < end; first++) {
		page[first & (npages - 1)] = old[first & mask];
		old[first & mask] = NULL;
	}
	return 0;
}

/*
 * Another size of the ring: the pages keep their places modulo the size.
 * => pi_lock held; EBUSY: what is in it does not fit; ENOMEM
 */
static int
pipe_resize(struct pipe *pi, u_int npages)
{
	size_t first = pi->pi_out >> PAGE_SHIFT;
	size_t end = pipe_used(pi) == 0 ? first : atop(round_page(pi->pi_in));
	char **page;

	if (end - first > npages)
		return EBUSY;
	page = kmem_zalloc(npages * sizeof(*page), PR_NOWAIT);
	if (page == NULL)
		return ENOMEM;
	if (ring_move(pi, page, npages, first, end) != 0) {
		kmem_free(page, npages * sizeof(*page));
		return ENOMEM;
	}
	ring_free(pi);
	pi->pi_page = page;
	pi->pi_npages = npages;
	pipe_wake(&pi->pi_wwait, &pi->pi_wsel);
	return 0;
}

static int
pipe_setsize(struct pipe *pi, uint64_t size)
{
	u_int npages = 1;
	int error = 0;

	if (size > PIPE_PAGES_MAX * PAGE_SIZE)
		return size > INT32_MAX ? EINVAL : EPERM;
	while (npages * PAGE_SIZE < size)
		npages *= 2;
	rw_enter_write(&pi->pi_lock);
	if (npages != pi->pi_npages)
		error = pipe_resize(pi, npages);
	rw_exit(&pi->pi_lock);
	return error;
}

static const struct fileops pipe_fileops, fifo_fileops;

int
pipe_fcntl(struct file *fp, int cmd, uint64_t arg, int64_t *ret)
{
	struct pipe *pi = fp->f_data;
	int error = 0;

	if (fp->f_ops != &pipe_fileops && fp->f_ops != &fifo_fileops)
		return EBADF;
	if (cmd == F_SETPIPE_SZ)
		error = pipe_setsize(pi, (u_int)arg);
	rw_enter_read(&pi->pi_lock);
	*ret = (int64_t)pipe_size(pi);
	rw_exit(&pi->pi_lock);
	return error;
}

static const struct fileops pipe_fileops = {
	.fo_read = pipe_read,
	.fo_write = pipe_write,
	.fo_ioctl = pipe_ioctl,
	.fo_poll = pipe_poll,
	.fo_stat = pipe_stat,
	.fo_close = pipe_close,
};

/* -- Pipes with a name ----------------------------------------------------------------------- */

static const struct fileops fifo_fileops = {
	.fo_read = pipe_read,
	.fo_write = pipe_write,
	.fo_ioctl = pipe_ioctl,
	.fo_poll = pipe_poll,
	.fo_stat = vn_fo_stat,
	.fo_close = pipe_close,
};

/* => the pipe behind vp with one more reference; or NULL: no memory */
static struct pipe *
fifo_pipe(struct vnode *vp)
{
	struct pipe *pi;

	rw_enter_write(&vp->v_lock);
	pi = vp->v_fifo;
	if (pi != NULL)
		refcnt_take(&pi->pi_refs);
	else if ((pi = pipe_alloc()) != NULL) {
		refcnt_init(&pi->pi_refs);
		vp->v_fifo = pi;
	}
	rw_exit(&vp->v_lock);
	return pi;
}

/*
 * Wait until the other end has been opened; that it may have been closed since
 * makes no difference.
 * => pi_lock held; 0, EINTR, ERESTART
 */
static int
fifo_meet(struct pipe *pi, const u_int *opens, u_int *waiters)
{
	u_int seen = *opens;
	int error = 0;

	++*waiters;
	while (error == 0 && *opens == seen)
		error = rwsleep(
		    waiters, &pi->pi_lock, PZERO | PCATCH, "fifoopen", INFSLP);
	--*waiters;
	return error;
}

/* => pi_lock held */
static int
fifo_connect(struct pipe *pi, struct file *fp)
{
	bool wait = (fp->f_flags & O_NONBLOCK) == 0;
	int error = 0;

	if (!FREADABLE(fp) && pi->pi_readers == 0 && !wait)
		return ENXIO;
	pipe_ends(pi, fp, 1);
	if (!FWRITABLE(fp) && pi->pi_writers == 0) {
		if (wait)
			error = fifo_meet(pi, &pi->pi_wopens, &pi->pi_rwait);
		else
			fp->f_offset = pi->pi_wopens;
	} else if (!FREADABLE(fp) && pi->pi_readers == 0)
		error = fifo_meet(pi, &pi->pi_ropens, &pi->pi_wwait);
	if (error)
		pipe_ends(pi, fp, -1);
	return error;
}

int
fifo_open(struct file *fp)
{
	struct pipe *pi = fifo_pipe(fp->f_vnode);
	int error;

	if (pi == NULL)
		return ENOMEM;
	rw_enter_write(&pi->pi_lock);
	error = fifo_connect(pi, fp);
	rw_exit(&pi->pi_lock);
	if (error) {
		pipe_rele(pi, fp->f_vnode);
		return error;
	}
	fp->f_data = pi;
	fp->f_ops = &fifo_fileops;
	return 0;
}

/* -- Pipes without ------------------------------------------------------------------------------ */

int
pipe_create(struct file **rfp, struct file **wfp, int flags)
{
	struct pipe *pi = pipe_alloc();

	*rfp = file_alloc(O_RDONLY | flags, &pipe_fileops, pi, NULL);
	*wfp = file_alloc(O_WRONLY | flags, &pipe_fileops, pi, NULL);
	if (pi != NULL && *rfp != NULL && *wfp != NULL) {
		pi->pi_refs.r_refs = 2;
		pi->pi_readers = pi->pi_writers = 1;
		pi->pi_ropens = pi->pi_wopens = 1;
		return 0;
	}
	if (*rfp != NULL)
		file_free(*rfp);
	if (*wfp != NULL)
		file_free(*wfp);
	if (pi != NULL)
		pipe_free(pi);
	return ENOMEM;
}

/* => two descriptors reserved, their numbers with the program; or errno */
static int
pipe_reserve(struct proc *p, void *ufd, bool cloexec, int fd[2])
{
	int error;

	error = fd_reserve(p, 0, cloexec, &fd[0]);
	if (error)
		return error;
	error = fd_reserve(p, 0, cloexec, &fd[1]);
	if (error == 0) {
		error = copyout(fd, ufd, 2 * sizeof(fd[0]));
		if (error == 0)
			return 0;
		fd_unreserve(p, fd[1]);
	}
	fd_unreserve(p, fd[0]);
	return error;
}

int
sys_pipe2(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *rfp, *wfp;
	u_int flags = a[1];
	int fd[2], error;

	if (flags & ~(u_int)(O_CLOEXEC | O_NONBLOCK))
		return EINVAL;
	error = pipe_create(&rfp, &wfp, flags & O_NONBLOCK);
	if (error)
		return error;
	error = pipe_reserve(p, (void *)a[0], (flags & O_CLOEXEC) != 0, fd);
	if (error == 0) {
		fd_fill(p, fd[0], rfp);
		fd_fill(p, fd[1], wfp);
		return 0;
	}
	file_rele(rfp);
	file_rele(wfp);
	return error;
}
