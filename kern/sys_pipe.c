/*
 * Pipes.
 *
 * The buffer is a ring of up to PIPE_PAGES pages, which are allocated when the
 * ring first reaches them and kept until the pipe goes.  A write of at most
 * PIPE_BUF bytes goes in as one piece.
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

#define PIPE_PAGES 16
#define PIPE_SIZE  (PIPE_PAGES * PAGE_SIZE) /* a power of two */
#define PIPE_BUF   4096
#define FIONREAD   0x541B

/*
 * Locks used to protect members of a pipe:
 *	a	atomic operations
 *	p	pi_lock
 */
struct pipe {
	struct rwlock pi_lock; /* LR_PIPE */
	refcnt_t pi_refs; /* [a] open ends */
	size_t pi_in, pi_out; /* [p] bytes ever written, read */
	bool pi_reader, pi_writer; /* [p] ends that are open */
	u_int pi_rwait, pi_wwait; /* [p] sleepers */
	struct selinfo pi_rsel, pi_wsel;
	char *pi_page[PIPE_PAGES]; /* [p] NULL: not needed yet */
};

static struct pool pipe_pool;

void
pipe_init(void)
{
	pool_init(&pipe_pool, sizeof(struct pipe), 0, "pipe");
}

static size_t
pipe_used(const struct pipe *pi)
{
	return pi->pi_in - pi->pi_out;
}

static void
pipe_rele(struct pipe *pi)
{
	if (!refcnt_drop(&pi->pi_refs))
		return;
	for (int i = 0; i < PIPE_PAGES; i++)
		if (pi->pi_page[i] != NULL)
			kmem_free(pi->pi_page[i], PAGE_SIZE);
	pool_put(&pipe_pool, pi);
}

/* Contiguous room at ring position pos, at most n bytes. */
static char *
pipe_chunk(struct pipe *pi, size_t pos, size_t *n)
{
	size_t off = pos & PAGE_MASK;
	char **pagep = &pi->pi_page[(pos >> PAGE_SHIFT) % PIPE_PAGES];

	*n = MIN(*n, PAGE_SIZE - off);
	if (*pagep == NULL)
		*pagep = kmem_alloc(PAGE_SIZE, PR_WAITOK);
	return *pagep + off;
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

static void
pipe_wake(u_int *waiters, struct selinfo *si)
{
	if (*waiters > 0)
		wakeup(waiters);
	selwakeup(si);
}

static int
pipe_read(struct file *fp, struct uio *uio, int flags)
{
	struct pipe *pi = fp->f_data;
	size_t n, start = uio->uio_resid;
	int error = 0;

	if (start == 0)
		return 0;
	rw_enter_write(&pi->pi_lock);
	while (pipe_used(pi) == 0 && pi->pi_writer && error == 0)
		error = pipe_wait(pi, fp, &pi->pi_rwait, "piperd");
	while (error == 0 && uio->uio_resid > 0 && pipe_used(pi) > 0) {
		char *p;

		n = MIN(uio->uio_resid, pipe_used(pi));
		p = pipe_chunk(pi, pi->pi_out, &n);
		error = uiomove(p, n, uio);
		if (error == 0)
			pi->pi_out += n;
	}
	if (uio->uio_resid != start)
		pipe_wake(&pi->pi_wwait, &pi->pi_wsel);
	rw_exit(&pi->pi_lock);
	return error;
}

static int
pipe_write(struct file *fp, struct uio *uio, int flags)
{
	struct pipe *pi = fp->f_data;
	size_t n, need;
	int error = 0;

	rw_enter_write(&pi->pi_lock);
	/* what must go in at once: all of a small write, a byte of a large */
	need = uio->uio_resid <= PIPE_BUF ? uio->uio_resid : 1;
	while (error == 0 && uio->uio_resid > 0) {
		char *p;

		if (!pi->pi_reader) {
			error = EPIPE;
			break;
		}
		n = PIPE_SIZE - pipe_used(pi);
		if (n < need) {
			error = pipe_wait(pi, fp, &pi->pi_wwait, "pipewr");
			continue;
		}
		n = MIN(uio->uio_resid, n);
		p = pipe_chunk(pi, pi->pi_in, &n);
		error = uiomove(p, n, uio);
		if (error)
			break;
		pi->pi_in += n;
		need = MIN(need, 1);
		pipe_wake(&pi->pi_rwait, &pi->pi_rsel);
	}
	rw_exit(&pi->pi_lock);
	return error;
}

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
		if (!pi->pi_writer)
			revents |= POLLHUP;
	}
	if (FWRITABLE(fp)) {
		if (PIPE_SIZE - pipe_used(pi) >= PIPE_BUF)
			revents |= POLLOUT | POLLWRNORM;
		if (!pi->pi_reader)
			revents |= POLLERR;
	}
	rw_exit(&pi->pi_lock);
	return revents & events;
}

static int
pipe_stat(struct file *fp, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_mode = S_IFIFO | 0600;
	st->st_nlink = 1;
	st->st_ino = (uint64_t)fp->f_data >> 4;
	st->st_blksize = PIPE_BUF;
	return 0;
}

static void
pipe_close(struct file *fp)
{
	struct pipe *pi = fp->f_data;

	rw_enter_write(&pi->pi_lock);
	if (FREADABLE(fp))
		pi->pi_reader = false;
	else
		pi->pi_writer = false;
	pipe_wake(&pi->pi_rwait, &pi->pi_rsel);
	pipe_wake(&pi->pi_wwait, &pi->pi_wsel);
	rw_exit(&pi->pi_lock);
	pipe_rele(pi);
}

static const struct fileops pipe_fileops = {
	.fo_read = pipe_read,
	.fo_write = pipe_write,
	.fo_ioctl = pipe_ioctl,
	.fo_poll = pipe_poll,
	.fo_stat = pipe_stat,
	.fo_close = pipe_close,
};

int
pipe_create(struct file **rfp, struct file **wfp, int flags)
{
	struct pipe *pi = pool_get(&pipe_pool, PR_NOWAIT | PR_ZERO);

	if (pi == NULL)
		return ENOMEM;
	rw_init(&pi->pi_lock, LR_PIPE, "pipe");
	selinfo_init(&pi->pi_rsel);
	selinfo_init(&pi->pi_wsel);
	pi->pi_refs.r_refs = 2;
	pi->pi_reader = pi->pi_writer = true;
	*rfp = file_alloc(O_RDONLY | flags, &pipe_fileops, pi, NULL);
	*wfp = file_alloc(O_WRONLY | flags, &pipe_fileops, pi, NULL);
	if (*rfp != NULL && *wfp != NULL)
		return 0;
	if (*rfp == NULL && *wfp == NULL) {
		pool_put(&pipe_pool, pi);
		return ENOMEM;
	}
	pi->pi_refs.r_refs = 1;
	file_rele(*rfp != NULL ? *rfp : *wfp);
	return ENOMEM;
}

int
sys_pipe2(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *rfp, *wfp;
	int fd[2], error;

	if (a[1] & ~(uint64_t)(O_CLOEXEC | O_NONBLOCK))
		return EINVAL;
	error = pipe_create(&rfp, &wfp, a[1] & O_NONBLOCK);
	if (error)
		return error;
	error = fd_install(p, rfp, 0, (a[1] & O_CLOEXEC) != 0, &fd[0]);
	if (error) {
		file_rele(rfp);
		file_rele(wfp);
		return error;
	}
	error = fd_install(p, wfp, 0, (a[1] & O_CLOEXEC) != 0, &fd[1]);
	if (error)
		file_rele(wfp);
	else if ((error = copyout(fd, (void *)a[0], sizeof(fd))) != 0)
		fd_discard(p, fd[1]);
	if (error)
		fd_discard(p, fd[0]);
	return error;
}
