/* Scattered I/O requests. */
#ifndef _SYS_UIO_H_
#define _SYS_UIO_H_

#include <sys/types.h>

/* Fields [c]: of whoever made the copy. */
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
	int uio_advice; /* [thread] MADV_*: how the file is read */
};
#define UIO_MAXIOV 1024

/*
 * Move n bytes between cp and the request.
 * => may fault pages; 0 or EFAULT, then uio_resid tells how far it came
 */
int uiomove(void *cp, size_t n, struct uio *uio);
/* => the same with zeros for cp; UIO_READ */
int uiozero(size_t n, struct uio *uio);
/* => n bytes of the first vector, which has as many, were moved otherwise */
void uio_skip(struct uio *uio, size_t n);
/*
 * A program's n vectors and how long they are together; what is beyond the
 * longest transfer is cut off.
 * => 0; EFAULT; EINVAL: a length is negative
 */
int iovec_copyin(const void *uiov, int n, struct iovec *iov, size_t *totalp);
/*
 * Between the steps of a long transfer, not before the first: lets others run.
 * => thread context, no mutex held; EINTR: the process has been killed
 */
int uio_breathe(struct uio *uio);

#endif
