/* System calls on any open file: reading, writing, seeking, control. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/vnode.h>

#define IOV_INLINE 8
#define IO_MAX     0x7ffff000UL /* most bytes one call moves */

#define FIOCLEX    0x5451
#define FIONCLEX   0x5450
#define FIONBIO    0x5421

/* A pipe nobody reads from: the writer dies of it, or is told. */
static __noinline void
broken_pipe(struct proc *p)
{
	siginfo_t info = { .si_signo = SIGPIPE, .si_code = SI_USER };

	info.si_u.rt.pid = p->p_p->ps_pid;
	info.si_u.rt.uid = p->p_p->ps_cred->cr_ruid;
	ptsignal(p, SIGPIPE, &info);
}

/*
 * Do a request that fp was opened for.  A call that moved bytes before it was
 * interrupted, or before it would block or fault, succeeds with those.
 */
static inline int
file_io(struct proc *p, struct file *fp, struct uio *uio, enum uio_rw rw,
    int flags, int64_t *ret)
{
	size_t len = uio->uio_resid;
	int error;

	if (rw == UIO_READ)
		error = fp->f_ops->fo_read(fp, uio, flags);
	else
		error = fp->f_ops->fo_write(fp, uio, flags);
	*ret = (int64_t)(len - uio->uio_resid);
	if (__predict_true(error == 0))
		return 0;
	if (rw == UIO_WRITE && error == EPIPE)
		broken_pipe(p);
	return uio->uio_resid != len ? 0 : error;
}

static __always_inline int
simple_io(struct proc *p, const uint64_t a[6], int64_t *ret, enum uio_rw rw,
    int flags)
{
	struct iovec iov = { (void *)a[1], MIN(a[2], IO_MAX) };
	struct uio uio = { &iov, 1, 0, iov.iov_len, UIO_USERSPACE, rw, p, 0 };
	struct file *fp;
	bool counted;
	int error;

	if (flags & FOF_OFFSET)
		uio.uio_offset = (off_t)a[3];
	fp = fd_hold(p, (int)a[0], &counted);
	if (fp == NULL)
		return uio.uio_offset < 0 ? EINVAL : EBADF;
	if (__predict_false(
		uio.uio_offset < 0 && (fp->f_mode & FM_ADDRESS) == 0))
		error = EINVAL;
	else if ((flags & FOF_OFFSET) && (fp->f_mode & FM_SEEK) == 0)
		error = ESPIPE;
	else if (__predict_true(
		     fp->f_mode & (rw == UIO_READ ? FM_READ : FM_WRITE)))
		error = file_io(p, fp, &uio, rw, flags, ret);
	else
		error = EBADF;
	fd_drop(fp, counted);
	return error;
}

int
sys_read(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return simple_io(p, a, ret, UIO_READ, 0);
}

int
sys_write(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return simple_io(p, a, ret, UIO_WRITE, 0);
}

int
sys_pread64(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return simple_io(p, a, ret, UIO_READ, FOF_OFFSET);
}

int
sys_pwrite64(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return simple_io(p, a, ret, UIO_WRITE, FOF_OFFSET);
}

int
iovec_copyin(const void *uiov, int n, struct iovec *iov, size_t *totalp)
{
	size_t total = 0;
	int error = copyin(uiov, iov, n * sizeof(*iov));

	for (int i = 0; error == 0 && i < n; i++) {
		if ((ssize_t)iov[i].iov_len < 0)
			return EINVAL;
		iov[i].iov_len = MIN(iov[i].iov_len, IO_MAX - total);
		total += iov[i].iov_len;
	}
	*totalp = total;
	return error;
}

static int
vector_file(struct proc *p, struct file *fp, const void *uiov, int n,
    int64_t *ret, enum uio_rw rw, off_t off, int flags)
{
	struct iovec small[IOV_INLINE], *iov = small;
	struct uio uio;
	size_t total;
	int error;

	if (off >= 0)
		flags |= FOF_OFFSET;
	if (off >= 0 && (fp->f_mode & FM_SEEK) == 0)
		return ESPIPE;
	if ((fp->f_mode & (rw == UIO_READ ? FM_READ : FM_WRITE)) == 0)
		return EBADF;
	if (n < 0 || n > UIO_MAXIOV)
		return EINVAL;
	if (n > IOV_INLINE) {
		iov = kmem_alloc(n * sizeof(*iov), PR_NOWAIT);
		if (iov == NULL)
			return ENOMEM;
	}
	error = iovec_copyin(uiov, n, iov, &total);
	if (error == 0) {
		uio = (struct uio){ iov, n, MAX(off, 0), total, UIO_USERSPACE,
			rw, p, 0 };
		error = file_io(p, fp, &uio, rw, flags, ret);
	}
	if (iov != small)
		kmem_free(iov, n * sizeof(*iov));
	return error;
}

/* => off < 0: where the file is, which moves; flags: FOF_*, without OFFSET */
static int
vector_io(struct proc *p, const uint64_t a[6], int64_t *ret, enum uio_rw rw,
    off_t off, int flags)
{
	struct file *fp;
	bool counted;
	int error;

	fp = fd_hold(p, (int)a[0], &counted);
	if (fp == NULL)
		return EBADF;
	error =
	    vector_file(p, fp, (void *)a[1], (int)a[2], ret, rw, off, flags);
	fd_drop(fp, counted);
	return error;
}

int
sys_readv(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return vector_io(p, a, ret, UIO_READ, -1, 0);
}

int
sys_writev(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return vector_io(p, a, ret, UIO_WRITE, -1, 0);
}

int
sys_preadv(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return (off_t)a[3] < 0 ? EINVAL
			       : vector_io(p, a, ret, UIO_READ, (off_t)a[3], 0);
}

int
sys_pwritev(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return (off_t)a[3] < 0
	    ? EINVAL
	    : vector_io(p, a, ret, UIO_WRITE, (off_t)a[3], 0);
}

/* preadv2, pwritev2: what the file was not opened for, for one request */
#define RWF_HIPRI  0x1 /* nobody here polls for the end of a request */
#define RWF_DSYNC  0x2
#define RWF_SYNC   0x4
#define RWF_APPEND 0x10

static int
vector2_io(struct proc *p, const uint64_t a[6], int64_t *ret, enum uio_rw rw)
{
	const u_int how = (u_int)a[5];

	if (how & ~(u_int)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND))
		return EOPNOTSUPP;
	if ((off_t)a[3] < -1)
		return EINVAL;
	return vector_io(p, a, ret, rw, (off_t)a[3],
	    ((how & RWF_DSYNC) ? FOF_DSYNC : 0) |
		((how & RWF_SYNC) ? FOF_SYNC : 0) |
		((how & RWF_APPEND) ? FOF_APPEND : 0));
}

int
sys_preadv2(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return vector2_io(p, a, ret, UIO_READ);
}

int
sys_pwritev2(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return vector2_io(p, a, ret, UIO_WRITE);
}

/*
 * Files have no holes to be found: all of them is data, then comes the end.
 * => f_lock held
 */
static int
seek_in(struct file *fp, off_t off, int whence, off_t *to)
{
	struct vattr va = { .va_size = 0 };
	off_t base = 0;
	int error = 0;

	if (whence == SEEK_END || whence == SEEK_DATA || whence == SEEK_HOLE)
		error = fp->f_vnode->v_op->vop_getattr(fp->f_vnode, &va);
	if (error)
		return error;
	switch (whence) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = fp->f_offset;
		break;
	case SEEK_END:
		base = va.va_size;
		break;
	case SEEK_DATA:
	case SEEK_HOLE:
		if (off < 0 || off >= va.va_size)
			return ENXIO;
		*to = whence == SEEK_DATA ? off : va.va_size;
		return 0;
	default:
		return EINVAL;
	}
	if (__builtin_add_overflow(base, off, to) || *to < 0)
		return EINVAL;
	return 0;
}

int
sys_lseek(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_getfile(p, (int)a[0]);
	off_t to = 0;
	int error;

	if (fp == NULL)
		return EBADF;
	if ((fp->f_mode & FM_SEEK) == 0) {
		file_rele(fp);
		return ESPIPE;
	}
	rw_enter_write(&fp->f_lock);
	if (fp->f_ops->fo_seek != NULL)
		error = fp->f_ops->fo_seek(fp, (off_t)a[1], (int)a[2], &to);
	else
		error = seek_in(fp, (off_t)a[1], (int)a[2], &to);
	if (error == 0)
		*ret = fp->f_offset = to;
	rw_exit(&fp->f_lock);
	file_rele(fp);
	return error;
}

int
sys_ioctl(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_getfile(p, (int)a[0]);
	uint64_t setfd[6] = { a[0], F_SETFD };
	uint32_t on;
	int error = 0;

	if (fp == NULL)
		return EBADF;
	switch ((uint32_t)a[1]) {
	case FIOCLEX:
	case FIONCLEX:
		setfd[2] = (uint32_t)a[1] == FIOCLEX ? FD_CLOEXEC : 0;
		error = sys_fcntl(p, setfd, ret);
		break;
	case FIONBIO:
		error = copyin((void *)a[2], &on, sizeof(on));
		if (error == 0)
			file_setflags(fp, O_NONBLOCK, on ? O_NONBLOCK : 0);
		break;
	default:
		error = fp->f_ops->fo_ioctl(fp, (uint32_t)a[1], a[2], p);
	}
	file_rele(fp);
	return error;
}
