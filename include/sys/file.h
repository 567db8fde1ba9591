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
 */
struct fileops {
	int (*fo_read)(struct file *fp, struct uio *uio, int flags);
	int (*fo_write)(struct file *fp, struct uio *uio, int flags);
	int (*fo_ioctl)(struct file *fp, u_long cmd, uint64_t arg,
	    struct proc *p);
	int (*fo_poll)(struct file *fp, int events, struct pollwait *pw);
	int (*fo_stat)(struct file *fp, struct stat *st);
	void (*fo_close)(struct file *fp);
};
#define FOF_OFFSET 1

/*
 * Locks used to protect members of a file:
 *	I	immutable
 *	a	atomic operations
 *	f	f_lock
 */
struct file {
	refcnt_t f_refs; /* [a] descriptors and calls in progress */
	volatile int f_flags; /* [a] O_* of open, as F_SETFL left them */
	const struct fileops *f_ops; /* [I] */
	void *f_data; /* [I] pipe, or driver's */
	struct vnode *f_vnode; /* [I] referenced, or NULL */
	struct rwlock f_lock; /* LR_FILE: serialises users of f_offset */
	off_t f_offset; /* [f] */
};
#define FREADABLE(fp)  (((fp)->f_flags & O_ACCMODE) != O_WRONLY)
#define FWRITABLE(fp)  (((fp)->f_flags & O_ACCMODE) != O_RDONLY)

/* => new file, one reference, or NULL; vp's reference is taken over */
struct file *file_alloc(int flags, const struct fileops *ops, void *data,
    struct vnode *vp);
void file_rele(struct file *fp);
/* => referenced file, or NULL (EBADF) */
struct file *fd_getfile(struct proc *p, int fd);
/* => lowest free descriptor >= from gets fp (reference taken over), or errno */
int fd_install(struct proc *p, struct file *fp, int from, bool cloexec,
    int *fdp);
/* => takes a descriptor out; its file, or NULL */
struct file *fd_remove(struct proc *p, int fd);
/* => closes a descriptor, if no other thread has */
void fd_discard(struct proc *p, int fd);
/* => poll for objects that never block */
int fo_poll_always(struct file *fp, int events, struct pollwait *pw);
int fo_ioctl_none(struct file *fp, u_long cmd, uint64_t arg, struct proc *p);

/* => root and current directory, referenced */
struct vnode *fd_cwd(struct proc *p);
void fd_set_cwd(struct proc *p, struct vnode *vp);

/* => boot, from vfs_init() */
void file_init(void);
void pipe_init(void);
/* kern/sys_pipe.c: two files, ends of one pipe; 0 or ENOMEM */
int pipe_create(struct file **rfp, struct file **wfp, int flags);

#endif
