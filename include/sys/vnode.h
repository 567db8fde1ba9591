/*
 * Files as the rest of the kernel sees them.
 *
 * A vnode is a file in use; its file system keeps what lies behind it.  An
 * operation takes the locks it needs itself: a directory's lock before the
 * lock of what is in it (LR_VNODE, by address where two are needed), under
 * rename_lock when directories move.  Vnode locks come before map locks: data
 * is copied to and from programs with the vnode locked.
 */
#ifndef _SYS_VNODE_H_
#define _SYS_VNODE_H_

#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/fcntl.h>
#include <sys/uio.h>

struct file;
struct fileops;
struct mount;
struct proc;
struct stat;
struct uvm_object;
struct uvm_vnode;
struct vm_page;
struct pipe;
struct vnode;

#define PATH_MAX 4096 /* bytes of a path, with the NUL */

enum vtype { VNON, VREG, VDIR, VCHR, VBLK, VLNK, VFIFO, VSOCK };

/* Fields [c]: of whoever made the copy. */
struct vattr {
	mode_t va_mode; /* type and permissions */
	uint32_t va_nlink;
	uid_t va_uid;
	gid_t va_gid;
	dev_t va_dev, va_rdev;
	ino_t va_ino;
	off_t va_size;
	uint64_t va_bytes; /* of memory or disk */
	int64_t va_atime, va_mtime, va_ctime; /* ns since 1970 */
};
/* vop_setattr: which of them */
#define VA_MODE     0x1
#define VA_UID      0x2
#define VA_GID      0x4
#define VA_ATIME    0x8
#define VA_MTIME    0x10
#define VA_SIZE     0x20
#define VA_KILLSUID 0x40 /* not a member: set-id bits go (chown) */

/* vop_fsync */
#define FSYNC_DATA 0x1 /* fdatasync: what is needed to read the data again */

/* One directory entry; returns false to stop. */
typedef bool vn_emit_t(void *arg, const char *name, size_t len, ino_t ino,
    enum vtype type, off_t next);

/*
 * => thread context, vnode referenced and unlocked; 0 or errno
 * names: len bytes without '/', not "." or ".." unless said
 * Immutable.
 */
struct vnodeops {
	/* => referenced *vpp; ".." allowed */
	int (*vop_lookup)(struct vnode *dvp, const char *name, size_t len,
	    struct vnode **vpp);
	/* => EEXIST if it is there; target: of a symbolic link, else NULL */
	int (*vop_create)(struct vnode *dvp, const char *name, size_t len,
	    const struct vattr *va, const char *target, struct vnode **vpp);
	int (*vop_link)(
	    struct vnode *dvp, const char *name, size_t len, struct vnode *vp);
	int (*vop_remove)(
	    struct vnode *dvp, const char *name, size_t len, bool dir);
	int (*vop_rename)(struct vnode *fdvp, const char *fname, size_t flen,
	    struct vnode *tdvp, const char *tname, size_t tlen, int flags);
	int (*vop_readdir)(
	    struct vnode *dvp, off_t from, vn_emit_t *emit, void *arg);
	int (*vop_readlink)(
	    struct vnode *vp, char *buf, size_t size, size_t *lenp);
	int (*vop_getattr)(struct vnode *vp, struct vattr *va);
	int (*vop_setattr)(struct vnode *vp, const struct vattr *va, int which);
	int (*vop_read)(struct vnode *vp, struct uio *uio);
	/* => append: at the end, whatever uio_offset says (and set to it) */
	int (*vop_write)(struct vnode *vp, struct uio *uio, bool append);
	/* => name of vp in its parent, and the parent, referenced; ENOENT */
	int (*vop_parent)(
	    struct vnode *vp, char *name, size_t size, struct vnode **dvpp);
	/*
	 * The vnode pager's (uvm/uvm_vnode.h); NULL: not supported, nothing to
	 * do.  Called with pages busy, by anyone who needs them, and with the
	 * vnode's lock held when vop_read or vop_write copies: they must not
	 * take it.  Until uvm_vnp_terminate() returns they may be called
	 * without a reference to the vnode.
	 *
	 * readpages: fill n pages from off on, which lie within the file
	 * rounded up to pages; holes, and what is behind the end, with zeros.
	 * A page of which any part has no blocks gets PG_HOLE.
	 */
	int (*vop_readpages)(
	    struct vnode *vp, voff_t off, struct vm_page **pgs, int n);
	/*
	 * => written to the device, not necessarily through its cache; what is
	 *    behind the end is not; parts of a page with PG_HOLE that have no
	 *    blocks are zero, and left alone
	 */
	int (*vop_writepages)(
	    struct vnode *vp, voff_t off, struct vm_page **pgs, int n);
	/* => each of n pages has all its blocks, within the size; ENOSPC */
	int (*vop_allocpages)(struct vnode *vp, voff_t off, int n);
	/* => waits for the device and its cache */
	int (*vop_fsync)(struct vnode *vp, int flags);
	/* => object with the pages, referenced */
	int (*vop_uobj)(struct vnode *vp, struct uvm_object **uobjp);
	/* => last reference gone */
	void (*vop_inactive)(struct vnode *vp);
	/* => the vnode a link of procfs stands for, referenced; NULL: no such */
	int (*vop_jump)(struct vnode *vp, struct vnode **vpp);
	/*
	 * => before the file's offset and the vnode are locked: something is
	 *    read from off on, or the directory's names are; NULL: nothing to do
	 */
	int (*vop_refresh)(struct vnode *vp, off_t off);
	/* => 0: give [off, off + len) memory, or take it (FALLOC_FL_*) */
	int (*vop_allocate)(struct vnode *vp, int mode, off_t off, off_t len);
};

/*
 * Locks used to protect members of a vnode:
 *	I	immutable
 *	a	atomic operations
 *	v	v_lock
 */
struct vnode {
	struct rwlock v_lock; /* LR_VNODE */
	refcnt_t v_refs; /* [a] */
	enum vtype v_type; /* [I] */
	const struct vnodeops *v_op; /* [I] */
	dev_t v_rdev; /* [I] devices */
	volatile int v_writers; /* [a] opens for writing; < 0: programs that */
	/* are being executed from it, negated */
	volatile bool v_mapped; /* [a] mapped shared by a writer at some time */
	struct mount *v_mount; /* [I] or NULL */
	struct uvm_vnode *v_uvm; /* [see uvm_vnode.c] NULL: never attached */
	struct pipe *v_fifo; /* [v] of a named pipe that is open, or NULL */
	struct mount *v_covered; /* [m, v: mount.h] what is mounted on it */
	volatile u_int v_cached; /* [a] names in it that are cached */
};

extern struct vnode *rootvnode; /* [I] set at boot */

/* => one reference more, of somebody who has one; one less, may free: may sleep */
void vref(struct vnode *vp);
void vrele(struct vnode *vp);
/* => type of S_IFMT's bits; VREG for none */
enum vtype mode_to_vtype(mode_t mode);

/* -- Names (kern/vfs_lookup.c) -------------------------------------------------- */

#define NAMEI_FOLLOW 0x1 /* follow a symbolic link at the end */
#define NAMEI_PARENT 0x2 /* the directory, and the last component */
#define NAMEI_EMPTY  0x4 /* "" is the starting point itself */

#define NI_INLINE    96 /* most paths are shorter */

/*
 * All members belong to the thread that looks the name up.  Not to be copied:
 * it points into itself.
 */
struct nameidata {
	struct vnode *ni_vp; /* [thread] what was found, or NULL */
	struct vnode *ni_dvp; /* [thread] NAMEI_PARENT: its directory */
	const char *ni_name; /* [thread] last component, in ni_path */
	size_t ni_len; /* [thread] */
	bool ni_slash; /* [thread] name ended in '/': must be a directory */
	struct mount *ni_walk; /* [thread] see mount_walk(), or NULL */
	char *ni_path; /* [thread] ni_inline, or PATH_MAX bytes */
	char ni_inline[NI_INLINE]; /* [thread] */
};
/*
 * Resolve a path of user or kernel space.
 * => 0: with NAMEI_PARENT ni_dvp is set and ni_vp may be NULL (not there) or,
 *    in spite of ni_slash, no directory; else ni_vp is set; namei_done()
 *    releases everything
 * => errno: nothing to release
 * => a symbolic link at the end is followed with NAMEI_FOLLOW, and, without
 *    NAMEI_PARENT, if slashes come after it
 */
int namei(struct proc *p, int dirfd, const char *path, enum uio_seg seg,
    int flags, struct nameidata *nd);
void namei_done(struct nameidata *nd);

/* -- For exec and mmap (kern/vfs_vnops.c) ------------------------------------------ */

/*
 * => vnode of an executable regular file, size in *sizep; path in kernel
 *    space, relative to p's directory; or errno
 * => referenced, and held as text: vn_text_rele() gives both up
 */
int vn_lookup_exec(
    struct proc *p, const char *path, struct vnode **vpp, off_t *sizep);
/*
 * A file is either open for writing or executed.
 * => text_ref: vp is held as text already, a second time now
 * => text_rele: gives up a hold and its reference
 * => write_get: FALSE: it is being executed (ETXTBSY)
 */
void vn_text_ref(struct vnode *vp);
void vn_text_rele(struct vnode *vp);
bool vn_write_get(struct vnode *vp);
void vn_write_put(struct vnode *vp);
/*
 * RLIMIT_FSIZE for n bytes at off by p (NULL: the kernel).
 * => bytes that may be written; 0 of n > 0: none, SIGXFSZ was sent (EFBIG)
 */
size_t vn_limit_write(struct proc *p, off_t off, size_t n);
/* => kernel-space read; *residp (may be NULL) bytes not read at the end */
int vn_read(struct vnode *vp, void *buf, size_t len, off_t off, size_t *residp);
/* => object with the file's pages, one reference for the caller; errno */
int vn_uobj(struct vnode *vp, struct uvm_object **uobjp);
/*
 * The path of a directory, or of a file if that is known, up to `root', or from the root of all with
 * "(unreachable)" before it if it does not lie below that.
 * => ENOENT, ENAMETOOLONG: it is "?"
 */
int vn_path(struct vnode *vp, struct vnode *root, char *buf, size_t len);
/* => opens vp (reference taken over on success) as a file */
int vn_open(struct proc *p, struct vnode *vp, int flags, struct file **fpp);
/* => the file of a path, made if it is to be (O_CREAT, mode); or errno */
int vn_open_path(struct proc *p, int dirfd, const char *path, enum uio_seg seg,
    int flags, mode_t mode, struct file **fpp);
/* => MNT_* of its mount, if it has one */
uint32_t vn_mntflags(const struct vnode *vp);
void vn_stat(const struct vattr *va, struct stat *st);
/* => fo_stat of every file that has a vnode */
int vn_fo_stat(struct file *fp, struct stat *st);
/*
 * mmap of len bytes at off of descriptor fd: object (referenced) and rights the open mode allows.
 * => 0; EBADF, EACCES, ENODEV; *uobjp NULL: anonymous memory (/dev/zero)
 */
int fd_mmap(struct proc *p, int fd, voff_t off, vsize_t len, bool shared,
    vm_prot_t prot, vm_prot_t *maxprot, struct uvm_object **uobjp);

/* -- Character devices (fs/devfs.c) ---------------------------------------------------- */

/* => file operations and data for a device; ENXIO if there is none */
int dev_open(struct proc *p, dev_t rdev, int flags, const struct fileops **opsp,
    void **datap);
/* => the same for a block device (fs/blkdev.c); EROFS, EBUSY */
int
blkdev_open(dev_t rdev, int flags, const struct fileops **opsp, void **datap);
/* => boot, root mounted, /dev writable: nodes of all character devices */
void dev_make_nodes(void);
/* => is it /dev/zero, whose mapping is anonymous memory? */
bool dev_is_zero(dev_t rdev);
/* => are offsets in it addresses, of any size? */
bool dev_is_address(dev_t rdev);
/* => the device's memory, referenced; ENODEV; EPERM: not that part, not so */
int dev_mmap(dev_t rdev, voff_t off, vsize_t len, vm_prot_t maxprot,
    struct uvm_object **uobjp);

/* -- Boot (kern/vfs_init.c, fs/) --------------------------------------------------------- */
/* => boot, once, before any vnode: pools, the root */
void vfs_init(void);
/* => boot, with a root: mounts type on the directory path; flags: MNT_* */
void vfs_mount_boot(const char *type, const char *path, uint32_t flags);
/* => boot, once, before any vnode: the root, unless a disk is to be it */
void vfs_root_early(void);
/* => first thread of the kernel that may wait, disks are known: the root if a
 *    disk is to be it, with /dev and /proc; says what is wrong, or panics */
void vfs_root(void);
/*
 * The machine stops.
 * => vfs_shutdown: curproc p, which returns to the kernel only: ends all
 *    processes but p's and init, leaves the file systems on disks clean
 * => vfs_shutdown_wait: p is about to go on in user mode; init does not then
 */
void vfs_shutdown(struct proc *p);
void vfs_shutdown_wait(struct proc *p);
/* => unpacks a cpio archive into the root; panics if there is none or broken;
 *    the archive's memory is the caller's to free */
void initramfs_load(const void *archive, size_t size);
/* => opens /dev/console as descriptors 0, 1, 2 of p; 0 or errno */
int fd_open_console(struct proc *p);

#endif
