/* Disks in memory: see kt_tdisk.h. */
#include <tests/kern/kt_tdisk.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <uvm/uvm.h>

/*
 * Locks used to protect members:
 *	t	td_mtx
 *	x	the test thread, while nothing is asked of the disk
 */
struct tdisk {
	struct mutex td_mtx;
	struct disk td_disk;
	bool td_known; /* [x] registered: for ever */
	struct vm_page **td_page; /* [x] contents; NULL: closed */
	uint32_t td_npages; /* [x] */
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

/* => a stretch within one page of the disk, to or from memory */
static void
copy(struct tdisk *td, uint64_t off, char *mem, size_t n, bool write)
{
	char *at =
	    (char *)VM_PAGE_TO_DMAP(td->td_page[atop(off)]) + (off & PAGE_MASK);

	if (write)
		memcpy(at, mem, n);
	else
		memcpy(mem, at, n);
}

static void
transfer(struct tdisk *td, struct buf *bp)
{
	uint64_t off = bp->b_rawblkno << DEV_BSHIFT;

	for (u_int i = 0; i < bp->b_nsegs; i++) {
		char *mem = (char *)PHYS_TO_DMAP(bp->b_seg[i].bs_addr);
		size_t left = bp->b_seg[i].bs_len, n;

		for (; left > 0; left -= n, off += n, mem += n) {
			n = MIN(left, PAGE_SIZE - (off & PAGE_MASK));
			copy(td, off, mem, n, (bp->b_flags & B_READ) == 0);
		}
	}
}

static void
serve(struct tdisk *td, struct buf *bp)
{
	bool fail;

	mtx_enter(&td->td_mtx);
	fail = note(td, bp);
	mtx_leave(&td->td_mtx);
	if (fail || td->td_page == NULL) {
		biodone_error(bp, EIO);
		return;
	}
	transfer(td, bp);
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

static const struct disk_ops tdisk_ops = {
	.do_strategy = tdisk_strategy,
	.do_poll = tdisk_poll,
	.do_abort = tdisk_poll,
};

static uint64_t
blocks(const struct tdisk *td)
{
	return (uint64_t)td->td_npages * (PAGE_SIZE / DEV_BSIZE);
}

static bool
tdisk_setup(struct tdisk *td)
{
	td->td_disk.dk_ops = &tdisk_ops;
	td->td_disk.dk_priv = td;
	td->td_disk.dk_blksize = td->td_disk.dk_physblksize = DEV_BSIZE;
	mtx_init(&td->td_mtx, LR_MISC, "tdisk");
	TAILQ_INIT(&td->td_queue);
	td->td_known = disk_register(&td->td_disk, blocks(td), "test") == 0;
	return td->td_known;
}

struct bdev *
tdisk_open(u_int n, uint32_t npages)
{
	struct tdisk *td = &tdisk[n];

	td->td_npages = npages;
	td->td_page = kmem_alloc(npages * sizeof(*td->td_page), PR_WAITOK);
	for (uint32_t i = 0; i < npages; i++)
		while ((td->td_page[i] = uvm_page_get_unowned(UVM_PGA_ZERO)) ==
		    NULL)
			uvm_wait("tdisk");
	if (!td->td_known && !tdisk_setup(td))
		return NULL;
	td->td_disk.dk_part[0].bd_size = blocks(td);
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
	for (uint32_t i = 0; i < td->td_npages; i++)
		uvm_pagefree(td->td_page[i]);
	kmem_free(td->td_page, td->td_npages * sizeof(*td->td_page));
	td->td_page = NULL;
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

const uint64_t *
tdisk_page(u_int n, uint32_t page)
{
	return (const uint64_t *)VM_PAGE_TO_DMAP(tdisk[n].td_page[page]);
}

bool
tdisk_holds(u_int n, uint64_t word)
{
	const uint64_t *p;

	for (uint32_t i = 0; i < tdisk[n].td_npages; i++) {
		p = tdisk_page(n, i);
		for (size_t k = 0; k < PAGE_SIZE / sizeof(*p); k++)
			if (p[k] == word)
				return true;
	}
	return false;
}
