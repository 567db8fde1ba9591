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
#include <uvm/uvm_vnode.h>
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

/* => the request has all of it; FALSE: that is too much for one */
static bool
add_pages(const struct transfer *tr, struct buf *bp, uint64_t off, size_t len)
{
	struct vm_page *pg;
	size_t at, n;

	for (; len > 0; len -= n, off += n) {
		pg = page_at(tr, off, &at);
		n = MIN(PAGE_SIZE - at, len);
		if (!buf_add_phys(bp, VM_PAGE_TO_PHYS(pg) + at, n))
			return false;
	}
	return true;
}

/*
 * => len bytes of the file from off on, which lie at blk in a row
 * => the request is had for that alone: blocks of pointers are read with others
 *    of the same few, and who waits for one has none
 */
static int
move_run(const struct transfer *tr, uint64_t off, size_t len, uint32_t blk)
{
	struct ext2_inode *ip = tr->tr_ip;
	struct ext2fs *fs = ip->i_fs;
	uint64_t lbn = off >> fs->fs_bshift, nblks = len >> fs->fs_bshift;
	struct buf *bp;
	bool new = false;
	int error = EIO;

	if ((tr->tr_flags & B_READ) == 0)
		new = ext2_unwritten_begin(ip, lbn, nblks);
	bp = mc_buf_take(fs->fs_mc);
	buf_init(bp, tr->tr_flags,
	    (int64_t)((uint64_t)blk << (fs->fs_bshift - DEV_BSHIFT)));
	if (add_pages(tr, bp, off, len)) {
		bdev_strategy(fs->fs_dev, bp);
		error = biowait(bp);
	}
	mc_buf_give(fs->fs_mc, bp);
	if (new)
		ext2_unwritten_end(ip, lbn, nblks, error == 0);
	return error;
}

/* => [off, end), whole blocks of the file */
static int
move_blocks(const struct transfer *tr, uint64_t off, uint64_t end)
{
	bool reads = (tr->tr_flags & B_READ) != 0, new;
	struct ext2fs *fs = tr->tr_ip->i_fs;
	uint32_t blk, n;
	int error = 0;
	size_t len;

	for (; off < end && error == 0; off += len) {
		error = ext2_bmap(tr->tr_ip, off >> fs->fs_bshift,
		    (uint32_t)((end - off) >> fs->fs_bshift), &blk, &n);
		if (error)
			break;
		new = false;
		if (blk != 0 && reads)
			n = ext2_unwritten_run(
			    tr->tr_ip, off >> fs->fs_bshift, n, &new);
		len = (size_t)n << fs->fs_bshift;
		if (blk != 0 && !new)
			error = move_run(tr, off, len, blk);
		else if (reads)
			zero(tr, off, off + len, !new);
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
	/* once: the file may grow meanwhile */
	uint64_t end = blocks_of(tr.tr_ip) << fs->fs_bshift;

	KASSERT(ptoa(n) <= MAXPHYS);
	*endp = MIN((uint64_t)off + ptoa(n), MAX((uint64_t)off, end));
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

/* => i_maplock held: pages, from at on, that lie side by side, n at most; their
 *    place in *blkp, bytes in *lenp */
static int
pages_in_row(
    struct ext2_inode *ip, uint64_t at, int n, uint32_t *blkp, uint64_t *lenp)
{
	struct ext2fs *fs = ip->i_fs;
	uint64_t end = roundup2(ip->i_size, (uint64_t)fs->fs_bsize);
	uint32_t got;

	end = MIN(end, at + ptoa(n));
	if (at >= end ||
	    ext2_bmap_locked(ip, at >> fs->fs_bshift,
		(uint32_t)((end - at) >> fs->fs_bshift), blkp, &got) != 0 ||
	    *blkp == 0)
		return 0;
	*lenp = (uint64_t)got << fs->fs_bshift;
	/* the file's last page may have fewer blocks than others, no other */
	if (at + *lenp < end)
		*lenp = trunc_page(*lenp);
	return (int)atop(round_page(*lenp));
}

/* => has one of the blocks no data yet? */
static bool
any_unwritten(struct ext2_inode *ip, uint64_t off, uint64_t len)
{
	struct ext2fs *fs = ip->i_fs;
	uint32_t n = (uint32_t)(len >> fs->fs_bshift);
	bool new;

	return ext2_unwritten_run(ip, off >> fs->fs_bshift, n, &new) < n || new;
}

int
ext2_startpages(
    struct vnode *vp, voff_t off, struct vm_page **pgs, int n, struct buf *bp)
{
	struct ext2_inode *ip = VTOI(vp);
	struct ext2fs *fs = ip->i_fs;
	bool writes = (bp->b_flags & B_READ) == 0;
	uint64_t len = 0, at = (uint64_t)off;
	uint32_t blk;

	/* others may be under way: see ext2_unwritten.c */
	if (!writes)
		rw_enter_read(&ip->i_maplock);
	else if (rw_enter(&ip->i_maplock, RW_READ | RW_NOSLEEP) != 0)
		return 0;
	n = pages_in_row(ip, at, n, &blk, &len);
	rw_exit(&ip->i_maplock);
	if (n != 0 && !writes && any_unwritten(ip, at, len))
		return 0;
	for (int i = 0; i < n; i++)
		if (!buf_add_phys(bp, VM_PAGE_TO_PHYS(pgs[i]),
			MIN(PAGE_SIZE, len - ptoa(i))))
			return 0;
	if (n == 0 ||
	    (writes &&
		!ext2_unwritten_try(
		    ip, at >> fs->fs_bshift, len >> fs->fs_bshift)))
		return 0;
	bp->b_blkno = (int64_t)((uint64_t)blk << (fs->fs_bshift - DEV_BSHIFT));
	bdev_strategy(fs->fs_dev, bp);
	return n;
}

void
ext2_endpages(struct vnode *vp, voff_t off, size_t len, int error)
{
	struct ext2_inode *ip = VTOI(vp);
	struct ext2fs *fs = ip->i_fs;

	ext2_unwritten_end(ip, (uint64_t)off >> fs->fs_bshift,
	    len >> fs->fs_bshift, error == 0);
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
	uint64_t end = blocks_of(ip) << ip->i_fs->fs_bshift;

	return alloc_range(
	    ip, (uint64_t)off, MIN((uint64_t)off + ptoa(n), end));
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
	ext2_idirty(ip);
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
	/* what lies behind the end must not come back */
	error = ext2_cut_again(ip);
	if (error)
		return error;
	error = fill_last_page(ip, old, size);
	if (error) {
		(void)ext2_truncate(ip, old);
		return error;
	}
	put_size(ip, size);
	error = uvm_vnp_grow(vp, (voff_t)size);
	if (error)
		(void)ext2_truncate(ip, old);
	return error;
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
	ip->i_atime = (int64_t)nsecwall();
	rw_exit(&ip->i_maplock);
	ext2_idirty_times(ip);
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

	if (!ext2_try_again(fs, error))
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
