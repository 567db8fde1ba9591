/* Moving bytes between the kernel and scattered requests. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/proc.h>
#include <sys/uio.h>

/* What an unwritten part of a file, or /dev/zero, reads as. */
static const char zeroes[PAGE_SIZE];

static inline int
copy_one(void *cp, void *base, size_t len, const struct uio *uio)
{
	if (uio->uio_segflg == UIO_SYSSPACE)
		return uio->uio_rw == UIO_READ ? kcopy(cp, base, len)
					       : kcopy(base, cp, len);
	return uio->uio_rw == UIO_READ ? copyout(cp, base, len)
				       : copyin(base, cp, len);
}

/* => what was moved, as far as it is one piece of one vector */
static inline void
advance(struct uio *uio, size_t len)
{
	struct iovec *iov = uio->uio_iov;

	iov->iov_base = (char *)iov->iov_base + len;
	iov->iov_len -= len;
	uio->uio_resid -= len;
	uio->uio_offset += len;
}

/*
 * A copy of len bytes failed.  Programs are told exactly how far a request
 * came, so copy page by page up to the one that cannot be accessed.
 */
static __noinline void
copy_what_can_be(char *cp, size_t len, struct uio *uio)
{
	struct iovec *iov = uio->uio_iov;
	size_t n;

	while (len > 0) {
		n = PAGE_SIZE -
		    MAX((uintptr_t)iov->iov_base & PAGE_MASK,
			(uintptr_t)cp & PAGE_MASK);
		n = MIN(n, len);
		if (copy_one(cp, iov->iov_base, n, uio) != 0)
			return;
		advance(uio, n);
		cp += n;
		len -= n;
	}
}

int
uiomove(void *cp, size_t n, struct uio *uio)
{
	struct iovec *iov;
	size_t len;

	while (n > 0 && uio->uio_resid > 0) {
		iov = uio->uio_iov;
		len = MIN(n, iov->iov_len);
		if (len == 0) {
			KASSERT(uio->uio_iovcnt > 0);
			uio->uio_iov++;
			uio->uio_iovcnt--;
			continue;
		}
		if (__predict_false(
			copy_one(cp, iov->iov_base, len, uio) != 0)) {
			copy_what_can_be(cp, len, uio);
			return EFAULT;
		}
		advance(uio, len);
		cp = (char *)cp + len;
		n -= len;
	}
	return 0;
}

void
uio_skip(struct uio *uio, size_t n)
{
	KASSERT(n <= uio->uio_iov->iov_len && n <= uio->uio_resid);
	advance(uio, n);
}

int
uiozero(size_t n, struct uio *uio)
{
	int error = 0;

	KASSERT(uio->uio_rw == UIO_READ);
	for (size_t len; n > 0 && error == 0; n -= len) {
		len = MIN(n, sizeof(zeroes));
		error = uiomove((void *)zeroes, len, uio);
	}
	return error;
}

int
uio_breathe(struct uio *uio)
{
	struct proc *p = uio->uio_procp;

	if (__predict_false(curcpu()->ci_resched != 0))
		preempt();
	return p != NULL && (sig_killed(p) || thread_must_exit(p)) ? EINTR : 0;
}
