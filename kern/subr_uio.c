/* Moving bytes between the kernel and scattered requests. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/uio.h>

int
uiomove(void *cp, size_t n, struct uio *uio)
{
	struct iovec *iov;
	size_t len;
	int error = 0;

	while (n > 0 && uio->uio_resid > 0) {
		iov = uio->uio_iov;
		len = MIN(n, iov->iov_len);
		if (len == 0) {
			KASSERT(uio->uio_iovcnt > 0);
			uio->uio_iov++;
			uio->uio_iovcnt--;
			continue;
		}
		if (uio->uio_segflg == UIO_SYSSPACE)
			memmove(uio->uio_rw == UIO_READ ? iov->iov_base : cp,
			    uio->uio_rw == UIO_READ ? cp : iov->iov_base, len);
		else if (uio->uio_rw == UIO_READ)
			error = copyout(cp, iov->iov_base, len);
		else
			error = copyin(iov->iov_base, cp, len);
		if (error)
			break;
		iov->iov_base = (char *)iov->iov_base + len;
		iov->iov_len -= len;
		uio->uio_resid -= len;
		uio->uio_offset += len;
		cp = (char *)cp + len;
		n -= len;
	}
	return error;
}
