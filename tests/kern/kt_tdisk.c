/* Disks in memory: see kt_tdisk.h. */
#include <tests/kern/kt_tdisk.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <pmap/pmap.h>
#include <uvm/uvm_extern.h>

/*
 * Locks used to protect members:
 *	t	td_mtx
 *	x	the test thread, while nothing is asked of the disk
 */
struct tdisk {
	struct mutex td_mtx;
	struct disk td_disk;
	bool td_known; /* [x] registered: for ever */
	vaddr_t td_data; /* [x] 0: closed */
	vsize_t td_size; /* [x] bytes */
	bool td_stalled; /* [t] */
	TAILQ_HEAD(, buf) td_queue; /* [t] */
	u_int td_queued; /* [t] */
	u_int td_failr, td_failw; /* [t] */
	uint64_t td_bad, td_badend; /* [t] bytes */
	uint64_t td_last; /* [t] end of the last request */
	struct tdisk_stats td_stats; /* [t] */
};
static struct tdisk tdisk[TDISKS];

/* => td_mtx held: notes the request down; TRUE: it shall fail */
static bool
note(struct tdisk *td, struct buf *bp)
{
	struct tdisk_stats *ts = &td->td_stats;
	uint64_t off = bp->b_rawblkno << DEV_BSHIFT;
	bool write = (bp->b_flags & B_READ) == 0;
	u_int *fail = write ? &td->td_failw : &td->td_failr;

	if (write)
		ts->ts_writes++;
	else
		ts->ts_reads++;
	if (ts->ts_nlog < TDISK_LOG)
		ts->ts_log[ts->ts_nlog++] = (struct tdisk_request){ off,
			(uint32_t)bp->b_bcount, write };
	ts->ts_seeks += off != td->td_last;
	td->td_last = off + bp->b_bcount;
	if (off < td->td_badend && off + bp->b_bcount > td->td_bad)
		return true;
	if (*fail == 0)
		return false;
	(*fail)--;
	return true;
}

static void
serve(struct tdisk *td, struct buf *bp)
{
	char *at = (char *)td->td_data + (bp->b_rawblkno << DEV_BSHIFT);
	bool fail;

	mtx_enter(&td->td_mtx);
	fail = note(td, bp);
	mtx_leave(&td->td_mtx);
	if (fail || td->td_data == 0) {
		biodone_error(bp, EIO);
		return;
	}
	for (u_int i = 0; i < bp->b_nsegs; i++) {
		void *mem = (void *)PHYS_TO_DMAP(bp->b_seg[i].bs_addr);
		size_t n = bp->b_seg[i].bs_len;

		if (bp->b_flags & B_READ)
			memcpy(mem, at, n);
		else
			memcpy(at, mem, n);
		at += n;
	}
	bp->b_resid = 0;
	biodone(bp);
}

static void
tdisk_strategy(struct disk *dk, struct buf *bp)
{
	struct tdisk *td = dk->dk_priv;
	bool stalled;

	mtx_enter(&td->td_mtx);
	stalled = td->td_stalled;
	if (stalled) {
		TAILQ_INSERT_TAIL(&td->td_queue, bp, b_link);
		td->td_queued++;
	}
	mtx_leave(&td->td_mtx);
	if (!stalled)
		serve(td, bp);
}

static void
tdisk_poll(struct disk *dk)
{
}

static const struct disk_ops tdisk_ops = { tdisk_strategy, tdisk_poll };

static bool
tdisk_setup(struct tdisk *td)
{
	td->td_disk.dk_ops = &tdisk_ops;
	td->td_disk.dk_priv = td;
	td->td_disk.dk_blksize = td->td_disk.dk_physblksize = DEV_BSIZE;
	mtx_init(&td->td_mtx, LR_MISC, "tdisk");
	TAILQ_INIT(&td->td_queue);
	td->td_known =
	    disk_register(&td->td_disk, td->td_size >> DEV_BSHIFT, "test") == 0;
	return td->td_known;
}

struct bdev *
tdisk_open(u_int n, uint32_t npages)
{
	struct tdisk *td = &tdisk[n];

	td->td_size = ptoa((vsize_t)npages);
	td->td_data = uvm_km_zalloc(kernel_map, td->td_size);
	if (td->td_data == 0)
		return NULL;
	if (!td->td_known && !tdisk_setup(td))
		return NULL;
	td->td_disk.dk_part[0].bd_size = td->td_size >> DEV_BSHIFT;
	td->td_stalled = false;
	td->td_failr = td->td_failw = 0;
	td->td_bad = td->td_badend = 0;
	tdisk_reset_stats(n);
	return &td->td_disk.dk_part[0];
}

void
tdisk_close(u_int n)
{
	struct tdisk *td = &tdisk[n];

	KT_EQ(td->td_queued, 0);
	uvm_km_free(kernel_map, td->td_data, td->td_size);
	td->td_data = 0;
}

void
tdisk_stall(u_int n, bool stalled)
{
	struct tdisk *td = &tdisk[n];
	struct buf *bp;

	mtx_enter(&td->td_mtx);
	td->td_stalled = stalled;
	while (!td->td_stalled && (bp = TAILQ_FIRST(&td->td_queue)) != NULL) {
		TAILQ_REMOVE(&td->td_queue, bp, b_link);
		td->td_queued--;
		mtx_leave(&td->td_mtx);
		serve(td, bp);
		mtx_enter(&td->td_mtx);
	}
	mtx_leave(&td->td_mtx);
}

void
tdisk_fail_reads(u_int n, u_int count)
{
	mtx_enter(&tdisk[n].td_mtx);
	tdisk[n].td_failr = count;
	mtx_leave(&tdisk[n].td_mtx);
}

void
tdisk_fail_writes(u_int n, u_int count)
{
	mtx_enter(&tdisk[n].td_mtx);
	tdisk[n].td_failw = count;
	mtx_leave(&tdisk[n].td_mtx);
}

void
tdisk_bad(u_int n, uint32_t first, uint32_t last)
{
	mtx_enter(&tdisk[n].td_mtx);
	tdisk[n].td_bad = ptoa((uint64_t)first);
	tdisk[n].td_badend = ptoa((uint64_t)last);
	mtx_leave(&tdisk[n].td_mtx);
}

void
tdisk_stats(u_int n, struct tdisk_stats *ts)
{
	mtx_enter(&tdisk[n].td_mtx);
	*ts = tdisk[n].td_stats;
	mtx_leave(&tdisk[n].td_mtx);
}

void
tdisk_reset_stats(u_int n)
{
	mtx_enter(&tdisk[n].td_mtx);
	memset(&tdisk[n].td_stats, 0, sizeof(tdisk[n].td_stats));
	mtx_leave(&tdisk[n].td_mtx);
}

u_int
tdisk_queued(u_int n)
{
	return atomic_load(&tdisk[n].td_queued);
}

bool
tdisk_holds(u_int n, uint64_t word)
{
	const uint64_t *p = (const uint64_t *)tdisk[n].td_data;
	const uint64_t *end = p + tdisk[n].td_size / sizeof(*p);

	for (; p < end; p++)
		if (*p == word)
			return true;
	return false;
}
