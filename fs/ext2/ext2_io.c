/*
 * Data of files: pages to and from blocks, bytes to and from pages.
 *
 * What moves pages takes i_maplock only, and no memory: it may be what memory
 * is waiting for.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/proc.h>
#include <sys/uio.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_object.h>
#include <uvm/uvm_page.h>
#include <uvm/uvm_pager.h>
#include <fs/ext2/ext2_vnode.h>

/* A transfer; belongs to the thread. */
struct transfer {
	struct ext2_inode *tr_ip; /* [thread] */
	struct vm_page **tr_pgs; /* [thread] */
	uint64_t tr_off; /* [thread] of the first page */
	uint32_t tr_flags; /* [thread] B_READ, B_WRITE */
};

/* -- Pages ------------------------------------------------------------------------- */

/* => blocks the file has by its size */
static uint64_t
blocks_of(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	uint64_t size;

	rw_enter_read(&ip->i_maplock);
	size = ip->i_size;
	rw_exit(&ip->i_maplock);
	return (size + fs->fs_bsize - 1) >> fs->fs_bshift;
}

/* => page of the transfer with byte off of the file, and where in it */
static struct vm_page *
page_at(const struct transfer *tr, uint64_t off, size_t *atp)
{
	*atp = (off - tr->tr_off) & PAGE_MASK;
	return tr->tr_pgs[(off - tr->tr_off) >> PAGE_SHIFT];
}

static void
zero(const struct transfer *tr, uint64_t off, uint64_t end, bool hole)
{
	struct vm_page *pg;
	size_t at, n;

	for (; off < end; off += n) {
		pg = page_at(tr, off, &at);
		n = MIN(PAGE_SIZE - at, end - off);
		memset((char *)VM_PAGE_TO_DMAP(pg) + at, 0, n);
		if (hole)
			atomic_or(&pg->pg_flags, PG_HOLE);
	}
}

/* => 0; EIO: more pieces than a request has */
static int
add_run(const struct transfer *tr, struct buf *bp, uint64_t off, size_t len)
{
	struct vm_page *pg;
	size_t at, n;

	for (; len > 0; len -= n, off += n) {
		pg = page_at(tr, off, &at);
		n = MIN(PAGE_SIZE - at, len);
		if (!buf_add_phys(bp, VM_PAGE_TO_PHYS(pg) + at, n))
			return EIO;
	}
	return 0;
}

/*
 * A request is taken for the time of the transfer only: to find out where the
 * next run lies may need another.
 * => len bytes of the file from off on, which lie at blk in a row
 */
static int
move_run(const struct transfer *tr, uint64_t off, size_t len, uint32_t blk)
{
	struct ext2fs *fs = tr->tr_ip->i_fs;
	struct buf *bp = mc_buf_take(fs->fs_mc);
	int error;

	buf_init(bp, tr->tr_flags,
	    (int64_t)((uint64_t)blk << (fs->fs_bshift - DEV_BSHIFT)));
	error = add_run(tr, bp, off, len);
	if (error == 0) {
		bdev_strategy(fs->fs_dev, bp);
		error = biowait(bp);
	}
	mc_buf_give(fs->fs_mc, bp);
	return error;
}

/* => [off, end), whole blocks of the file */
static int
move_blocks(const struct transfer *tr, uint64_t off, uint64_t end)
{
	struct ext2fs *fs = tr->tr_ip->i_fs;
	uint32_t blk, n;
	int error = 0;
	size_t len;

	for (; off < end && error == 0; off += len) {
		error = ext2_bmap(tr->tr_ip, off >> fs->fs_bshift,
		    (uint32_t)((end - off) >> fs->fs_bshift), &blk, &n);
		if (error)
			break;
		len = (size_t)n << fs->fs_bshift;
		if (blk != 0)
			error = move_run(tr, off, len, blk);
		else if (tr->tr_flags & B_READ)
			zero(tr, off, off + len, true);
	}
	return error;
}

/* => [off, off + n pages) as far as the file goes; the end in *endp */
static int
move_pages(struct vnode *vp, voff_t off, struct vm_page **pgs, int n,
    uint32_t flags, uint64_t *endp)
{
	struct transfer tr = { VTOI(vp), pgs, (uint64_t)off, flags };
	struct ext2fs *fs = tr.tr_ip->i_fs;

	KASSERT(ptoa(n) <= MAXPHYS);
	*endp = MIN((uint64_t)off + ptoa(n),
	    MAX((uint64_t)off, blocks_of(tr.tr_ip) << fs->fs_bshift));
	return move_blocks(&tr, (uint64_t)off, *endp);
}

int
ext2_readpages(struct vnode *vp, voff_t off, struct vm_page **pgs, int n)
{
	struct transfer tr = { VTOI(vp), pgs, (uint64_t)off, B_READ };
	uint64_t end, all = (uint64_t)off + ptoa(n), size;
	int error = move_pages(vp, off, pgs, n, B_READ, &end);

	rw_enter_read(&tr.tr_ip->i_maplock);
	size = tr.tr_ip->i_size;
	rw_exit(&tr.tr_ip->i_maplock);
	/* the last block's rest may hold anything */
	if (size < end)
		end = MAX(size, (uint64_t)off);
	zero(&tr, end, all, false);
	return error;
}

int
ext2_writepages(struct vnode *vp, voff_t off, struct vm_page **pgs, int n)
{
	uint64_t end;

	return move_pages(vp, off, pgs, n, B_WRITE, &end);
}

/* => blocks for [off, end), rounded up to a block */
static int
alloc_range(struct ext2_inode *ip, uint64_t off, uint64_t end)
{
	struct ext2fs *fs = ip->i_fs;
	uint64_t lbn = off >> fs->fs_bshift;
	uint64_t last = (end + fs->fs_bsize - 1) >> fs->fs_bshift;

	return lbn < last ? ext2_bmap_alloc(ip, lbn, (uint32_t)(last - lbn))
			  : 0;
}

int
ext2_allocpages(struct vnode *vp, voff_t off, int n)
{
	struct ext2_inode *ip = VTOI(vp);

	return alloc_range(ip, (uint64_t)off,
	    MIN((uint64_t)off + ptoa(n), blocks_of(ip) << ip->i_fs->fs_bshift));
}

/* -- Size --------------------------------------------------------------------------- */

/*
 * Blocks behind the old end in the last page: it is no hole, and nobody will
 * ask for them.  The pager makes it dirty when the size changes.
 */
static int
fill_last_page(struct ext2_inode *ip, uint64_t old, uint64_t size)
{
	uint64_t from = roundup2(old, (uint64_t)ip->i_fs->fs_bsize);
	uint64_t to = MIN(round_page(old), size);

	return from < to ? alloc_range(ip, from, to) : 0;
}

static void
put_size(struct ext2_inode *ip, uint64_t size)
{
	rw_enter_write(&ip->i_maplock);
	ip->i_size = size;
	rw_exit(&ip->i_maplock);
}

/* => v_lock write-held */
static int
grow(struct vnode *vp, uint64_t size)
{
	struct ext2_inode *ip = VTOI(vp);
	uint64_t old = ip->i_size;
	int error;

	if (size > ip->i_fs->fs_maxsize)
		return EFBIG;
	error = fill_last_page(ip, old, size);
	if (error) {
		(void)ext2_truncate(ip, old);
		return error;
	}
	put_size(ip, size);
	uvm_vnp_setsize(vp, (voff_t)size);
	return 0;
}

static int
shrink(struct vnode *vp, uint64_t size)
{
	uvm_vnp_setsize(vp, (voff_t)size);
	return ext2_truncate(VTOI(vp), size);
}

int
ext2_setsize(struct vnode *vp, off_t size)
{
	struct ext2_inode *ip = VTOI(vp);
	int error = 0;

	if (vp->v_type != VREG)
		return vp->v_type == VDIR ? EISDIR : EINVAL;
	if (size > (off_t)ip->i_size &&
	    vn_limit_write(curproc, size - 1, 1) == 0)
		return EFBIG;
	if ((uint64_t)size > ip->i_size)
		error = grow(vp, (uint64_t)size);
	else
		error = shrink(vp, (uint64_t)size);
	ext2_touch(ip, true);
	return error;
}

/* -- Bytes -------------------------------------------------------------------------- */

static void
accessed(struct vnode *vp)
{
	struct ext2_inode *ip = VTOI(vp);

	if (ip->i_fs->fs_rdonly ||
	    (vp->v_mount->mnt_flag & (MNT_RDONLY | MNT_NOATIME)) != 0 ||
	    ip->i_atime > MAX(ip->i_mtime, ip->i_ctime))
		return;
	rw_enter_write(&ip->i_maplock);
	ip->i_atime = (int64_t)(nsecwall() / 1000000000);
	rw_exit(&ip->i_maplock);
	ext2_idirty(ip);
}

int
ext2_read(struct vnode *vp, struct uio *uio)
{
	struct ext2_inode *ip = VTOI(vp);
	struct uvm_object *uobj;
	int error = 0;

	if (vp->v_type != VREG)
		return vp->v_type == VDIR ? EISDIR : EINVAL;
	uobj = uvn_attach(vp, PROT_READ);
	if (uobj == NULL)
		return EIO;
	rw_enter_read(&vp->v_lock);
	if (uio->uio_offset < (off_t)ip->i_size)
		error = uvm_obj_uiomove(uobj, uio,
		    MIN(uio->uio_resid,
			ip->i_size - (uint64_t)uio->uio_offset));
	rw_exit(&vp->v_lock);
	accessed(vp);
	uobj->pgops->pgo_detach(uobj);
	return error;
}

/* => v_lock write-held; as uvm_obj_uiomove(), the file as long as needed */
static int
write_locked(
    struct vnode *vp, struct uvm_object *uobj, struct uio *uio, size_t len)
{
	struct ext2_inode *ip = VTOI(vp);
	uint64_t start = (uint64_t)uio->uio_offset, end = start + len;
	uint64_t old = ip->i_size;
	int error = 0;

	if (end > old)
		error = grow(vp, end);
	if (error == 0)
		error = uvm_obj_uiomove(uobj, uio, len);
	/* nothing written behind the end makes no hole before it */
	if (error && ip->i_size > old)
		(void)shrink(vp,
		    (uint64_t)uio->uio_offset == start
			? old
			: MAX(old, (uint64_t)uio->uio_offset));
	ext2_touch(ip, true);
	return error;
}

/* => v_lock write-held; what was freed but not written yet is used, too */
static int
write_again(
    struct vnode *vp, struct uvm_object *uobj, struct uio *uio, size_t len)
{
	struct ext2fs *fs = VTOI(vp)->i_fs;
	size_t resid = uio->uio_resid;
	int error = write_locked(vp, uobj, uio, len);

	if (error != ENOSPC || !ext2_frees_pending(fs) || ext2_sync(fs) != 0)
		return error;
	return write_locked(vp, uobj, uio, len - (resid - uio->uio_resid));
}

int
ext2_write(struct vnode *vp, struct uio *uio, bool append)
{
	struct ext2_inode *ip = VTOI(vp);
	size_t len = uio->uio_resid;
	struct uvm_object *uobj;
	int error;

	if (vp->v_type != VREG)
		return vp->v_type == VDIR ? EISDIR : EINVAL;
	if (ip->i_fs->fs_rdonly)
		return EROFS;
	if (len == 0)
		return 0;
	uobj = uvn_attach(vp, PROT_READ | PROT_WRITE);
	if (uobj == NULL)
		return EIO;
	rw_enter_write(&vp->v_lock);
	if (append)
		uio->uio_offset = (off_t)ip->i_size;
	len = uio->uio_offset >= (off_t)ip->i_fs->fs_maxsize
	    ? 0
	    : MIN(len, ip->i_fs->fs_maxsize - (uint64_t)uio->uio_offset);
	if (len > 0)
		len = vn_limit_write(uio->uio_procp, uio->uio_offset, len);
	error = len == 0 ? EFBIG : write_again(vp, uobj, uio, len);
	rw_exit(&vp->v_lock);
	uobj->pgops->pgo_detach(uobj);
	return error;
}
