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
#define IO_MAX	   0x7ffff000UL /* most bytes one call moves */

#define FIOCLEX	   0x5451
#define FIONCLEX   0x5450
#define FIONBIO	   0x5421

/*
 * Do the request on fp.  A call that moved bytes before it was interrupted, or
 * before it would block or fault, succeeds with those.
 * => fp's reference is dropped
 */
static int
file_io(struct proc *p, struct file *fp, struct uio *uio, int flags,
    int64_t *ret)
{
	bool reading = uio->uio_rw == UIO_READ;
	size_t len = uio->uio_resid;
	int error;

	if (fp->f_flags & O_PATH || !(reading ? FREADABLE(fp) : FWRITABLE(fp)))
		error = EBADF;
	else if (reading)
		error = fp->f_ops->fo_read(fp, uio, flags);
	else
		error = fp->f_ops->fo_write(fp, uio, flags);
	if (uio->uio_resid != len && error != EPIPE)
		error = 0;
	if (error == EPIPE && !reading) {
		siginfo_t info = { .si_signo = SIGPIPE, .si_code = SI_USER };

		ptsignal(p, SIGPIPE, &info);
	}
	file_rele(fp);
	*ret = len - uio->uio_resid;
	return error;
}

static int
simple_io(struct proc *p, const uint64_t a[6], int64_t *ret, enum uio_rw rw,
    int flags)
{
	struct file *fp = fd_getfile(p, (int)a[0]);
	struct iovec iov = { (void *)a[1], MIN(a[2], IO_MAX) };
	struct uio uio = { &iov, 1, (off_t)a[3], iov.iov_len, UIO_USERSPACE,
		rw, p };

	if (fp == NULL)
		return EBADF;
	if ((flags & FOF_OFFSET) &&
	    (fp->f_vnode == NULL || fp->f_vnode->v_type == VFIFO)) {
		file_rele(fp);
		return ESPIPE;
	}
	if ((flags & FOF_OFFSET) && uio.uio_offset < 0) {
		file_rele(fp);
		return EINVAL;
	}
	return file_io(p, fp, &uio, flags, ret);
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

/* Copy the vectors in and add them up. */
static int
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
vector_io(struct proc *p, const uint64_t a[6], int64_t *ret, enum uio_rw rw)
{
	struct iovec small[IOV_INLINE], *iov = small;
	int error, n = (int)a[2];
	struct uio uio;
	struct file *fp;
	size_t total;

	if (n < 0 || n > UIO_MAXIOV)
		return EINVAL;
	fp = fd_getfile(p, (int)a[0]);
	if (fp == NULL)
		return EBADF;
	if (n > IOV_INLINE) {
		iov = kmem_alloc(n * sizeof(*iov), PR_NOWAIT);
		if (iov == NULL) {
			file_rele(fp);
			return ENOMEM;
		}
	}
	error = iovec_copyin((void *)a[1], n, iov, &total);
	if (error)
		file_rele(fp);
	else {
		uio = (struct uio){ iov, n, 0, total, UIO_USERSPACE, rw, p };
		error = file_io(p, fp, &uio, 0, ret);
	}
	if (iov != small)
		kmem_free(iov, n * sizeof(*iov));
	return error;
}

int
sys_readv(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return vector_io(p, a, ret, UIO_READ);
}

int
sys_writev(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	return vector_io(p, a, ret, UIO_WRITE);
}

int
sys_lseek(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_getfile(p, (int)a[0]);
	struct vattr va;
	off_t base = 0;
	int error = 0;

	if (fp == NULL)
		return EBADF;
	if (fp->f_vnode == NULL ||
	    (fp->f_vnode->v_type != VREG && fp->f_vnode->v_type != VDIR &&
		fp->f_vnode->v_type != VCHR)) {
		file_rele(fp);
		return ESPIPE;
	}
	rw_enter_write(&fp->f_lock);
	switch ((int)a[2]) {
	case SEEK_SET:
		break;
	case SEEK_CUR:
		base = fp->f_offset;
		break;
	case SEEK_END:
		error = fp->f_vnode->v_op->vop_getattr(fp->f_vnode, &va);
		base = va.va_size;
		break;
	default:
		error = EINVAL;
	}
	if (error == 0 && (__builtin_add_overflow(base, (off_t)a[1], &base) ||
	    base < 0))
		error = EINVAL;
	if (error == 0)
		*ret = fp->f_offset = base;
	rw_exit(&fp->f_lock);
	file_rele(fp);
	return error;
}

int
sys_ioctl(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_getfile(p, (int)a[0]);
	uint32_t on;
	int error = 0;

	if (fp == NULL)
		return EBADF;
	switch ((uint32_t)a[1]) {
	case FIOCLEX:
	case FIONCLEX: {
		uint64_t b[6] = { a[0], F_SETFD, a[1] == FIOCLEX };

		error = sys_fcntl(p, b, ret);
		break;
	}
	case FIONBIO:
		error = copyin((void *)a[2], &on, sizeof(on));
		if (error == 0)
			fp->f_flags = (fp->f_flags & ~O_NONBLOCK) |
			    (on ? O_NONBLOCK : 0);
		break;
	default:
		error = fp->f_ops->fo_ioctl(fp, (uint32_t)a[1], a[2], p);
	}
	file_rele(fp);
	return error;
}
