/* Mounts of ext2, and its vnodes: see ext2_vnode.h. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/mutant.h>
#include <sys/pool.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_vnode.h>
#include <fs/ext2/ext2_vnode.h>

#define EXT2_MINIDLE 64
#define EXT2_SUPER   0xef53 /* f_type */

/* -- Vnodes ------------------------------------------------------------------------- */

/* => fs_mtx held, but not all the time; the vnode, referenced, or NULL */
static struct vnode *
take_vnode(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	struct ext2_vnode *ev;

	while ((ev = ip->i_vnode) != NULL) {
		u_int n = refcnt_read(&ev->ev_vnode.v_refs);

		/* it may fall to 0 at any time, but rises only here */
		while (n > 0)
			if (atomic_cas(&ev->ev_vnode.v_refs.r_refs, &n, n + 1))
				return &ev->ev_vnode;
		if (ev->ev_idle) {
			TAILQ_REMOVE(&ev->ev_mount->em_idle, ev, ev_link);
			ev->ev_mount->em_nidle--;
			ev->ev_idle = false;
			refcnt_init(&ev->ev_vnode.v_refs);
			return &ev->ev_vnode;
		}
		/* vop_inactive is at work */
		(void)msleep(ip, &fs->fs_mtx, PVFS, "ext2vn", INFSLP);
	}
	return NULL;
}

struct vnode *
ext2_vfind(struct ext2_inode *ip)
{
	struct vnode *vp;

	mtx_enter(&ip->i_fs->fs_mtx);
	vp = take_vnode(ip);
	mtx_leave(&ip->i_fs->fs_mtx);
	return vp;
}

static struct ext2_vnode *
alloc_vnode(struct ext2_mount *em, struct ext2_inode *ip)
{
	struct ext2_vnode *ev = kmem_zalloc(sizeof(*ev), PR_WAITOK);
	struct vnode *vp = &ev->ev_vnode;

	rw_init(&vp->v_lock, LR_VNODE, "ext2");
	refcnt_init(&vp->v_refs);
	vp->v_type = mode_to_vtype(ip->i_mode);
	vp->v_op = &ext2_vnodeops;
	vp->v_mount = em->em_mount;
	if (vp->v_type == VCHR || vp->v_type == VBLK)
		vp->v_rdev = ext2_rdev(ip);
	ev->ev_ip = ip;
	ev->ev_mount = em;
	return ev;
}

/* => the inode's vnode, which may be somebody else's; its reference is used */
struct vnode *
ext2_vnew(struct ext2_mount *em, struct ext2_inode *ip)
{
	struct ext2_vnode *ev = alloc_vnode(em, ip);
	struct vnode *vp;

	mtx_enter(&ip->i_fs->fs_mtx);
	vp = take_vnode(ip);
	if (vp == NULL)
		ip->i_vnode = ev;
	mtx_leave(&ip->i_fs->fs_mtx);
	if (vp == NULL)
		return &ev->ev_vnode;
	kmem_free(ev, sizeof(*ev));
	ext2_iput(ip); /* the vnode has one */
	return vp;
}

int
ext2_vget(struct ext2_mount *em, uint32_t ino, struct vnode **vpp)
{
	struct ext2_inode *ip;
	int error = ext2_iget(em->em_fs, ino, &ip);

	if (error)
		return error;
	*vpp = ext2_vfind(ip);
	if (*vpp != NULL)
		ext2_iput(ip);
	else
		*vpp = ext2_vnew(em, ip);
	return 0;
}

/* The vnode goes. => no references, not idle; no locks */
static void
reclaim(struct ext2_vnode *ev)
{
	struct ext2_inode *ip = ev->ev_ip;
	struct ext2fs *fs = ip->i_fs;

	uvm_vnp_terminate(&ev->ev_vnode);
	mtx_enter(&fs->fs_mtx);
	ip->i_vnode = NULL;
	wakeup(ip);
	mtx_leave(&fs->fs_mtx);
	kmem_free(ev, sizeof(*ev));
	ext2_iput(ip);
}

/* => the oldest idle vnode if there are more than max; NULL: none */
static struct ext2_vnode *
take_idle(struct ext2_mount *em, u_int max)
{
	struct ext2_vnode *ev = NULL;

	mtx_enter(&em->em_fs->fs_mtx);
	if (em->em_nidle > max) {
		ev = TAILQ_FIRST(&em->em_idle);
		TAILQ_REMOVE(&em->em_idle, ev, ev_link);
		em->em_nidle--;
		ev->ev_idle = false;
	}
	mtx_leave(&em->em_fs->fs_mtx);
	return ev;
}

static void
trim(struct ext2_mount *em, u_int max)
{
	struct ext2_vnode *ev;

	while ((ev = take_idle(em, max)) != NULL)
		reclaim(ev);
}

void
ext2_inactive(struct vnode *vp)
{
	struct ext2_vnode *ev = VTOEV(vp);
	struct ext2_mount *em = ev->ev_mount;
	struct ext2fs *fs = em->em_fs;

	KASSERT(vp->v_fifo == NULL);
	if (ev->ev_ip->i_nlink == 0) {
		if (!fs->fs_rdonly) /* its data need not be written */
			uvm_vnp_setsize(vp, 0);
		reclaim(ev);
		return;
	}
	mtx_enter(&fs->fs_mtx);
	ev->ev_idle = true;
	TAILQ_INSERT_TAIL(&em->em_idle, ev, ev_link);
	em->em_nidle++;
	wakeup(ev->ev_ip);
	mtx_leave(&fs->fs_mtx);
	trim(em, em->em_maxidle);
}

/* => fs_flushdata: pages of the file to the device */
static int
flush_data(struct ext2_inode *ip, bool asked)
{
	voff_t end = (voff_t)round_page(ip->i_size);
	struct vnode *vp = S_ISREG(ip->i_mode) ? ext2_vfind(ip) : NULL;
	int error;

	if (vp == NULL)
		return 0;
	error = asked ? uvm_vnp_flush(vp, 0, end) : uvm_vnp_write(vp, 0, end);
	vrele(vp);
	return error;
}

/* -- Mounts ------------------------------------------------------------------------- */

static int
ext2_vmount(struct mount *mp, const char *options)
{
	struct ext2_mount *em = kmem_zalloc(sizeof(*em), PR_WAITOK);
	int error = ext2_mount(
	    mp->mnt_bdev, (mp->mnt_flag & MNT_RDONLY) != 0, &em->em_fs);

	if (error) {
		kmem_free(em, sizeof(*em));
		return error;
	}
	em->em_mount = mp;
	em->em_fs->fs_flushdata = flush_data;
	rw_init(&em->em_rename, LR_MOUNT, "ext2 rename");
	TAILQ_INIT(&em->em_idle);
	em->em_maxidle = MAX(EXT2_MINIDLE, (u_int)uvmexp.npages / 32);
	mp->mnt_data = em;
	mp->mnt_flag |= MNTK_NAMECACHE;
	if (em->em_fs->fs_rdonly)
		mp->mnt_flag |= MNT_RDONLY;
	error = ext2_vget(em, EXT2_ROOTINO, &mp->mnt_root);
	if (error) {
		(void)ext2_unmount(em->em_fs, true);
		kmem_free(em, sizeof(*em));
	}
	return error;
}

/*
 * What ext2_sync() says of data is not all: it looks at files whose inodes are
 * not copied yet, and an fsync may have copied one since its data failed.
 */
static int
ext2_vsync(struct mount *mp)
{
	struct ext2_mount *em = mp->mnt_data;
	int dataerror = uvm_vnp_writeall(mp), error = ext2_sync(em->em_fs);

	if (error == 0 && !MUTANT(EXT2_SYNC_FORGETS_DATA))
		error = dataerror;
	return error;
}

static int
ext2_remount(struct mount *mp, uint32_t flags, const char *options)
{
	struct ext2_mount *em = mp->mnt_data;
	bool rdonly = (flags & MNT_RDONLY) != 0;
	int error = 0;

	if (rdonly == em->em_fs->fs_rdonly)
		return 0;
	if (rdonly) /* nothing can be written later */
		error = ext2_vsync(mp);
	return error ? error : ext2_set_rdonly(em->em_fs, rdonly);
}

static bool
ext2_busy(struct mount *mp)
{
	struct ext2_mount *em = mp->mnt_data;
	struct ext2fs *fs = em->em_fs;
	struct ext2_inode *ip;
	struct ext2_vnode *ev;
	u_int refs = 0;

	mtx_enter(&fs->fs_mtx);
	for (u_int i = 0; i < EXT2_HASH; i++)
		LIST_FOREACH (ip, &fs->fs_hash[i], i_hash) {
			ev = ip->i_vnode;
			if (ev != NULL)
				refs += refcnt_read(&ev->ev_vnode.v_refs);
		}
	mtx_leave(&fs->fs_mtx);
	return refs != 1;
}

/* => somebody is in vop_inactive still */
static bool
has_vnodes(struct ext2fs *fs)
{
	struct ext2_inode *ip;
	bool yes = false;

	mtx_enter(&fs->fs_mtx);
	for (u_int i = 0; i < EXT2_HASH; i++)
		LIST_FOREACH (ip, &fs->fs_hash[i], i_hash)
			yes |= ip->i_vnode != NULL;
	mtx_leave(&fs->fs_mtx);
	return yes;
}

/* => fs_mtx held: of the inodes that go there, the next that may be mapped for
 *    writing, its vnode referenced, in *lastp its number; NULL: no more */
static struct vnode *
next_mapped(struct ext2fs *fs, u_int bucket, uint32_t *lastp)
{
	struct ext2_inode *ip, *found = NULL;
	struct ext2_vnode *ev;
	u_int n;

	LIST_FOREACH (ip, &fs->fs_hash[bucket], i_hash) {
		ev = ip->i_vnode;
		if (ip->i_ino > *lastp && ev != NULL && !ev->ev_idle &&
		    atomic_load_acq(&ev->ev_vnode.v_mapped) &&
		    (found == NULL || ip->i_ino < found->i_ino))
			found = ip;
	}
	if (found == NULL)
		return NULL;
	*lastp = found->i_ino;
	ev = found->i_vnode;
	n = refcnt_read(&ev->ev_vnode.v_refs);
	while (n > 0) /* or its last user is just going */
		if (atomic_cas(&ev->ev_vnode.v_refs.r_refs, &n, n + 1))
			return &ev->ev_vnode;
	return next_mapped(fs, bucket, lastp);
}

static bool
bucket_mapped(struct ext2fs *fs, u_int bucket)
{
	struct vnode *vp;
	uint32_t last = 0;
	bool yes = false;

	do {
		mtx_enter(&fs->fs_mtx);
		vp = next_mapped(fs, bucket, &last);
		mtx_leave(&fs->fs_mtx);
		if (vp != NULL) {
			yes = vn_mapped_writable(vp);
			vrele(vp);
		}
	} while (vp != NULL && !yes);
	return yes;
}

static bool
ext2_mapped(struct mount *mp)
{
	struct ext2_mount *em = mp->mnt_data;
	bool yes = false;

	for (u_int i = 0; i < EXT2_HASH && !yes; i++)
		yes = bucket_mapped(em->em_fs, i);
	return yes;
}

static void
ext2_vunmount(struct mount *mp)
{
	struct ext2_mount *em = mp->mnt_data;
	int error;

	vrele(mp->mnt_root);
	for (trim(em, 0); has_vnodes(em->em_fs); trim(em, 0))
		tsleep(em, PVFS, "ext2um", 1000000);
	error = ext2_unmount(em->em_fs, true);
	if (error)
		printf("ext2: %s: unmounted with error %d, not clean\n",
		    mp->mnt_from, error);
	kmem_free(em, sizeof(*em));
}

static int
ext2_statfs(struct mount *mp, struct statfs *sf)
{
	struct ext2_mount *em = mp->mnt_data;
	struct ext2fs *fs = em->em_fs;

	rw_enter_read(&fs->fs_alloclock);
	sf->f_type = EXT2_SUPER;
	sf->f_bsize = fs->fs_bsize;
	sf->f_blocks = fs->fs_nblocks - fs->fs_first -
	    (uint64_t)fs->fs_ngroups * (fs->fs_itblks + 2);
	sf->f_bfree = fs->fs_freeb;
	sf->f_bavail =
	    fs->fs_freeb > fs->fs_reserved ? fs->fs_freeb - fs->fs_reserved : 0;
	sf->f_files = fs->fs_ninodes;
	sf->f_ffree = fs->fs_freei;
	sf->f_namelen = EXT2_NAMELEN;
	rw_exit(&fs->fs_alloclock);
	return 0;
}

/* What was changed is written first, as ever when a vnode goes. */
static void
ext2_vdrop(struct mount *mp)
{
	trim(mp->mnt_data, 0);
}

static bool
ext2_vdirty(struct mount *mp)
{
	struct ext2_mount *em = mp->mnt_data;
	struct ext2fs *fs = em->em_fs;
	bool dirty;

	mtx_enter(&fs->fs_mtx);
	dirty = !TAILQ_EMPTY(&fs->fs_dirty);
	mtx_leave(&fs->fs_mtx);
	return dirty || atomic_load(&fs->fs_mc->mc_ndirty) != 0 ||
	    ext2_frees_pending(fs);
}

const struct vfsops ext2_vfsops = {
	.vfs_name = "ext2",
	.vfs_flags = VFS_DISK,
	.vfs_mount = ext2_vmount,
	.vfs_remount = ext2_remount,
	.vfs_busy = ext2_busy,
	.vfs_unmount = ext2_vunmount,
	.vfs_statfs = ext2_statfs,
	.vfs_sync = ext2_vsync,
	.vfs_dirty = ext2_vdirty,
	.vfs_mapped = ext2_mapped,
	.vfs_drop = ext2_vdrop,
};
