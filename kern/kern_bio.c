/* Requests to block devices: building, completing, waiting. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/buf.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/mutant.h>
#include <sys/pool.h>
#include <sys/timeout.h>
#include <machine/cpu.h>
#include <pmap/pmap.h>
#include <uvm/uvm_page.h>

/* Threads that wait for different bufs seldom meet at one of these. */
#define BIO_LOCKS 16
#define BOOT_NSEC 10000000000UL /* for an answer while booting */

static struct mutex bio_mtx[BIO_LOCKS];
static struct pool buf_pool;

static struct mutex *
bio_lock(const struct buf *bp)
{
	return &bio_mtx[(uintptr_t)bp / 256 % BIO_LOCKS];
}

void
bio_init(void)
{
	for (int i = 0; i < BIO_LOCKS; i++)
		mtx_init(&bio_mtx[i], LR_MISC, "bio");
	pool_init(&buf_pool, sizeof(struct buf), 0, "buf");
}

/* -- Building -------------------------------------------------------------- */

void
buf_init(struct buf *bp, uint32_t flags, int64_t blkno)
{
	KASSERT((flags & (B_DONE | B_ERROR)) == 0);
	bp->b_flags = flags;
	bp->b_error = 0;
	bp->b_dev = NULL;
	bp->b_blkno = blkno;
	bp->b_bcount = bp->b_resid = 0;
	bp->b_iodone = NULL;
	bp->b_private = NULL;
	bp->b_nsegs = 0;
}

struct buf *
buf_get(uint32_t flags, int64_t blkno)
{
	struct buf *bp = pool_get(&buf_pool, PR_WAITOK);

	buf_init(bp, flags, blkno);
	return bp;
}

void
buf_put(struct buf *bp)
{
	pool_put(&buf_pool, bp);
}

bool
buf_add_phys(struct buf *bp, paddr_t pa, size_t len)
{
	struct buf_seg *last = &bp->b_seg[bp->b_nsegs - 1];

	KASSERT((bp->b_flags & B_NODATA) == 0);
	if (((pa | len) & (DEV_BSIZE - 1)) != 0 || len == 0 ||
	    len > MAXPHYS - bp->b_bcount)
		return false;
	if (bp->b_nsegs > 0 &&
	    (last->bs_addr + last->bs_len == pa || MUTANT(BUF_JOINS_ANY)))
		last->bs_len += (uint32_t)len;
	else if (bp->b_nsegs == B_MAXSEGS)
		return false;
	else
		bp->b_seg[bp->b_nsegs++] =
		    (struct buf_seg){ pa, (uint32_t)len };
	bp->b_bcount += len;
	return true;
}

bool
buf_add_page(struct buf *bp, struct vm_page *pg)
{
	return buf_add_phys(bp, VM_PAGE_TO_PHYS(pg), PAGE_SIZE);
}

bool
buf_add_kva(struct buf *bp, const void *va, size_t len)
{
	u_int nsegs = bp->b_nsegs;
	uint64_t bcount = bp->b_bcount;
	uint32_t lastlen = nsegs > 0 ? bp->b_seg[nsegs - 1].bs_len : 0;
	vaddr_t at = (vaddr_t)va, end = at + len;
	paddr_t pa;
	size_t n;

	for (; at < end; at += n) {
		n = MIN(end - at, PAGE_SIZE - (at & PAGE_MASK));
		if (pmap_extract(pmap_kernel(), at, &pa) &&
		    buf_add_phys(bp, pa, n))
			continue;
		bp->b_nsegs = nsegs;
		bp->b_bcount = bcount;
		if (nsegs > 0)
			bp->b_seg[nsegs - 1].bs_len = lastlen;
		return false;
	}
	return true;
}

/* -- Completing ------------------------------------------------------------ */

static void
count(struct bdev *bd, const struct buf *bp)
{
	uint64_t bytes =
	    bp->b_flags & B_NODATA ? 0 : bp->b_bcount - bp->b_resid;

	if ((bp->b_flags & B_ERROR) && !MUTANT(BIO_ERRORS_UNCOUNTED))
		(void)atomic_add(&bd->bd_errors, 1);
	if (bp->b_flags & B_READ) {
		(void)atomic_add(&bd->bd_reads, 1);
		(void)atomic_add(&bd->bd_rbytes, bytes);
	} else {
		(void)atomic_add(&bd->bd_writes, 1);
		(void)atomic_add(&bd->bd_wbytes, bytes);
	}
}

void
biodone(struct buf *bp)
{
	struct mutex *m = bio_lock(bp);

	if (bp->b_flags & B_DONE)
		panic("biodone: %p is done already", bp);
	KASSERT(bp->b_resid <= bp->b_bcount);
	KASSERT(((bp->b_flags & B_ERROR) != 0) == (bp->b_error != 0));
	if (bp->b_dev != NULL)
		count(bp->b_dev, bp);
	if (bp->b_iodone != NULL) {
		bp->b_flags |= B_DONE;
		bp->b_iodone(bp);
		return;
	}
	/* once it is unlocked, the waiter may have freed it */
	if (!MUTANT(BIODONE_UNLOCKED))
		mtx_enter(m);
	bp->b_flags |= B_DONE;
	wakeup(bp);
	if (!MUTANT(BIODONE_UNLOCKED))
		mtx_leave(m);
}

void
biodone_error(struct buf *bp, int error)
{
	bp->b_error = error;
	bp->b_flags |= B_ERROR;
	biodone(bp);
}

int
biowait_poll(struct buf *bp, uint64_t nsecs)
{
	uint64_t end = nsecuptime() + nsecs;
	struct disk *dk;

	while ((atomic_load_acq(&bp->b_flags) & B_DONE) == 0) {
		dk = bp->b_dev->bd_disk;
		if (nsecuptime() < end)
			dk->dk_ops->do_poll(dk);
		else
			dk->dk_ops->do_abort(dk);
	}
	return bp->b_error;
}

int
biowait(struct buf *bp)
{
	struct mutex *m = bio_lock(bp);

	KASSERT(bp->b_iodone == NULL && (bp->b_flags & B_ASYNC) == 0);
	if (cold)
		return biowait_poll(bp, BOOT_NSEC);
	mtx_enter(m);
	while ((bp->b_flags & B_DONE) == 0)
		(void)msleep(bp, m, PRIBIO, "biowait", INFSLP);
	mtx_leave(m);
	return MUTANT(BIOWAIT_NO_ERROR) ? 0 : bp->b_error;
}
