/*
 * Vnodes of ext2: one for each inode in use, and for some that were.
 *
 * A vnode that nobody refers to is idle and keeps its pages, until there are
 * too many.  References go from none to one only here (ext2_vget()), and only
 * when vop_inactive has finished: each time the last one goes it is called
 * once, by somebody who still may touch the vnode.
 */
#ifndef _FS_EXT2_EXT2_VNODE_H_
#define _FS_EXT2_EXT2_VNODE_H_

#include <sys/mount.h>
#include <sys/vnode.h>
#include <fs/ext2/ext2_var.h>

/*
 * Locks used to protect members:
 *	I	immutable
 *	t	fs_mtx
 */
struct ext2_vnode {
	struct vnode ev_vnode;
	struct ext2_inode *ev_ip; /* [I] referenced */
	struct ext2_mount *ev_mount; /* [I] */
	TAILQ_ENTRY(ext2_vnode) ev_link; /* [t] idle */
	uint32_t ev_dir; /* [t] of a file: a directory that names it, or 0 */
	bool ev_idle; /* [t] on em_idle, no references */
};
TAILQ_HEAD(ext2_vnodeq, ext2_vnode);

/*
 * A mount.
 * Locks used to protect members:
 *	I	immutable
 *	t	fs_mtx
 */
struct ext2_mount {
	struct ext2fs *em_fs; /* [I] */
	struct mount *em_mount; /* [I] */
	struct rwlock em_rename; /* LR_MOUNT: directories move or go */
	struct ext2_vnodeq em_idle; /* [t] the oldest first */
	u_int em_nidle, em_maxidle; /* [t]; [I] */
};

#define VTOEV(vp) container_of(vp, struct ext2_vnode, ev_vnode)
#define VTOI(vp)  (VTOEV(vp)->ev_ip)

extern const struct vnodeops ext2_vnodeops;

/* => the vnode of inode ino, referenced; may sleep; 0, EIO */
int ext2_vget(struct ext2_mount *em, uint32_t ino, struct vnode **vpp);
/* => the same of a new inode, whose reference is taken over; never fails */
struct vnode *ext2_vnew(struct ext2_mount *em, struct ext2_inode *ip);
/* => the vnode an inode has, referenced, or NULL */
struct vnode *ext2_vfind(struct ext2_inode *ip);
void ext2_inactive(struct vnode *vp);

/* -- ext2_io.c --------------------------------------------------------------------- */

/* => as vop_readpages and so on, in sys/vnode.h */
int ext2_readpages(struct vnode *vp, voff_t off, struct vm_page **pgs, int n);
int ext2_writepages(struct vnode *vp, voff_t off, struct vm_page **pgs, int n);
int ext2_startpages(
    struct vnode *vp, voff_t off, struct vm_page **pgs, int n, struct buf *bp);
void ext2_endpages(struct vnode *vp, voff_t off, size_t len, int error);
int ext2_allocpages(struct vnode *vp, voff_t off, int n);
int ext2_read(struct vnode *vp, struct uio *uio);
int ext2_write(struct vnode *vp, struct uio *uio, bool append);
/* => v_lock held for writing; EISDIR, EINVAL, EFBIG, EIO */
int ext2_setsize(struct vnode *vp, off_t size);

#endif
