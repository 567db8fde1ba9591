/* Scattered I/O requests. */
#ifndef _SYS_UIO_H_
#define _SYS_UIO_H_

#include <sys/types.h>

struct iovec {
	void *iov_base;
	size_t iov_len;
};

enum uio_rw { UIO_READ, UIO_WRITE };
enum uio_seg { UIO_USERSPACE, UIO_SYSSPACE };

/* All members belong to the thread that makes the request. */
struct uio {
	struct iovec *uio_iov; /* [thread] */
	int uio_iovcnt; /* [thread] */
	off_t uio_offset; /* [thread] */
	size_t uio_resid; /* [thread] bytes left */
	enum uio_seg uio_segflg; /* [thread] */
	enum uio_rw uio_rw; /* [thread] READ: to the iovecs */
	struct proc *uio_procp; /* [thread] */
};
#define UIO_MAXIOV 1024

/* => moves n bytes between cp and the request; 0 or EFAULT; may fault pages */
int uiomove(void *cp, size_t n, struct uio *uio);

#endif
