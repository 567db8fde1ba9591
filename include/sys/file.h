/* Open files. */
#ifndef _SYS_FILE_H_
#define _SYS_FILE_H_

#include <sys/atomic.h>
#include <sys/filedesc.h>
#include <sys/lock.h>
#include <sys/uio.h>

struct file;
struct pollwait;
struct proc;
struct stat;
struct vnode;

/*
 * => thread context, no lock held but those named; 0 or errno
 * fo_read, fo_write: uio_offset is where; with FOF_OFFSET the file's own
 *    offset is neither used nor moved; uio_resid tells what was not moved
 * Immutable.
 */
struct fileops {
	int (*fo_read)(struct file *fp, struct uio *uio, int flags);
	int (*fo_write)(struct file *fp, struct uio *uio, int flags);
	int (*fo_ioctl)(
	    struct file *fp, u_long cmd, uint64_t arg, struct proc *p);
	int (*fo_poll)(struct file *fp, int events, struct pollwait *pw);
	int (*fo_stat)(struct file *fp, struct stat *st);
	void (*fo_close)(struct file *fp);
	/* => what was written is safe; NULL: as far as it can be, it always is */
	int (*fo_sync)(struct file *fp);
	/* f_lock held; => new offset in *to; NULL: what a vnode's size says */
	int (*fo_seek)(struct file *fp, off_t off, int whence, off_t *to);
};
#define FOF_OFFSET 0x1
/* For this request, as if the file had been opened with O_APPEND, ... */
#define FOF_APPEND 0x2
#define FOF_DSYNC  0x4
#define FOF_SYNC   0x8

/*
 * Locks used to protect members of a file:
 *	I	immutable
 *	a	atomic operations
 *	f	f_lock
 */
struct file {
	refcnt_t f_refs; /* [a] descriptors and calls in progress */
	volatile int f_flags; /* [a] O_* of open, as F_SETFL left them */
	int f_mode; /* [I] FM_* */
	volatile int f_advice; /* [a] MADV_*, of posix_fadvise */
	volatile bool f_flocked; /* [a] has, or had, a lock of its own */
	const struct fileops *f_ops; /* [I] */
	void *f_data; /* [I] pipe, or driver's */
	struct vnode *f_vnode; /* [I] referenced, or NULL */
	struct rwlock f_lock; /* LR_FILE: serialises users of f_offset */
	off_t f_offset; /* [f] of a named pipe [I]: writers before us */
};

/* f_mode: what may be done with it. */
#define FM_READ       0x1
#define FM_WRITE      0x2
#define FM_PATH       0x4 /* O_PATH: it only stands for a place */
#define FM_SEEK       0x8 /* it has an offset */
#define FM_ADDRESS    0x10 /* which is an address: may be negative */
#define FREADABLE(fp) (((fp)->f_mode & FM_READ) != 0)
#define FWRITABLE(fp) (((fp)->f_mode & FM_WRITE) != 0)

/* => new file, one reference, or NULL; vp's reference is taken over */
struct file *
file_alloc(int flags, const struct fileops *ops, void *data, struct vnode *vp);
/* => undoes file_alloc(): fo_close is not called, vp is the caller's again */
void file_free(struct file *fp);
void file_rele(struct file *fp);
/* => changes bits of f_flags */
void file_setflags(struct file *fp, int clear, int set);
/* => referenced file, or NULL (EBADF); O_PATH files are not found */
struct file *fd_getfile(struct proc *p, int fd);
/* => the same, O_PATH files too */
struct file *fd_getpath(struct proc *p, int fd);
/*
 * fd_getfile() for the time of a call by p = curproc that neither closes
 * descriptors nor makes threads: without a reference of its own if nobody
 * else can close the descriptor.
 * => NULL (EBADF); *counted: the caller has a reference and releases it
 */
struct file *fd_hold(struct proc *p, int fd, bool *counted);
static inline void
fd_drop(struct file *fp, bool counted)
{
	if (__predict_false(counted))
		file_rele(fp);
}
/*
 * A descriptor for a file that has yet to be opened.
 * => lowest free one >= from is the caller's, and nobody's to look at, until
 *    fd_fill() (takes fp's reference over) or fd_unreserve(); EMFILE, ENOMEM
 */
int fd_reserve(struct proc *p, int from, bool cloexec, int *fdp);
void fd_fill(struct proc *p, int fd, struct file *fp);
void fd_unreserve(struct proc *p, int fd);
/* => both in one; fp stays the caller's on error */
int
fd_install(struct proc *p, struct file *fp, int from, bool cloexec, int *fdp);
/* => takes a descriptor out; its file, or NULL */
struct file *fd_remove(struct proc *p, int fd);
/* => closes a descriptor, if no other thread has */
void fd_discard(struct proc *p, int fd);
/* => poll for objects that never block */
int fo_poll_always(struct file *fp, int events, struct pollwait *pw);
int fo_ioctl_none(struct file *fp, u_long cmd, uint64_t arg, struct proc *p);

/* => root and current directory, referenced */
struct vnode *fd_cwd(struct proc *p);
struct vnode *fd_root(struct proc *p);
/* Has there ever been a process whose root is not that of all? */
extern volatile bool fd_chroots; /* [a] */
/* => vp's reference is taken over, that on the old one dropped */
void fd_set_cwd(struct proc *p, struct vnode *vp);
/* => the same, of the root */
void fd_set_root(struct proc *p, struct vnode *vp);
/*
 * Another process's, by number.
 * => fd_next_of: the first descriptor >= from in use, or -1
 * => fd_file_of: referenced, or NULL
 * => fd_dir_of: referenced; NULL: the table was closed
 */
int fd_next_of(struct filedesc *fdp, int from);
struct file *fd_file_of(struct filedesc *fdp, int fd);
struct vnode *fd_dir_of(struct filedesc *fdp, bool root);

/* => the file is closed: its lock goes; may wake others (kern/vfs_lock.c) */
void flock_close(struct file *fp);

/*
 * Locks of ranges (kern/vfs_lockf.c).
 * => lockf_close: a descriptor of vp in table fdp is closed: those of the table
 *    go; may wake others, does not sleep
 * => lockf_close_file: the same of the open file itself, its last reference
 * => lockf_fcntl: F_GETLK, F_SETLK, F_SETLKW and F_OFD_*, by p = curproc, whose
 *    descriptor fd is fp; arg: struct flock of p; EAGAIN, EDEADLK, EINTR,
 *    ERESTART, ENOLCK, EBADF, EINVAL, EOVERFLOW, EFAULT
 */
void lockf_close(struct vnode *vp, const struct filedesc *fdp);
void lockf_close_file(struct file *fp);
int lockf_fcntl(struct proc *p, int fd, struct file *fp, int cmd, uint64_t arg);

/* => boot, from vfs_init() */
void file_init(void);
void pipe_init(void);
/* => two files, ends of one pipe, the caller's; 0 or ENOMEM; may sleep */
int pipe_create(struct file **rfp, struct file **wfp, int flags);
/*
 * Makes fp, open on a named pipe's vnode, an end of its pipe; waits for
 * somebody at the other end.
 * => 0; ENXIO, EINTR, ERESTART, ENOMEM
 */
int fifo_open(struct file *fp);
/* => F_GETPIPE_SZ, F_SETPIPE_SZ; EBADF: no pipe */
int pipe_fcntl(struct file *fp, int cmd, uint64_t arg, int64_t *ret);

#endif
