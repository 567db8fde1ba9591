/* Disks in memory: see kt_tdisk.h. */
#include <tests/kern/kt_tdisk.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <sys/timeout.h>
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
	struct vm_page **td_page; /* [x] contents, or NULL */
	char *td_mem; /* [x] the same, the caller's; both NULL: closed */
	uint32_t td_npages; /* [x] */
	struct timeout td_timeout; /* [x] a request that was delayed is due */
	struct tdisk_faults td_faults; /* [t] */
	uint64_t td_random; /* [t] state: what the faults draw from */
	bool td_stalled; /* [t] */
	TAILQ_HEAD(, buf) td_queue; /* [t] */
	u_int td_queued; /* [t] */
	u_int td_failr, td_failw; /* [t] */
	uint64_t td_bad, td_badend; /* [t] bytes */
	uint64_t td_last; /* [t] end of the last request */
	struct tdisk_stats td_stats; /* [t] */
};
static struct tdisk tdisk[TDISKS];

/* => td_mtx held: 0 <= result < n */
static uint64_t
draw(struct tdisk *td, uint64_t n)
{
	return kt_random_r(&td->td_random) % n;
}

/* => td_mtx held: one in n, for a request that may fail once; n 0: never */
static bool
chance(struct tdisk *td, u_int n)
{
	return n != 0 && draw(td, n) == 0;
}

/* => td_mtx held: does what does not work for ever hit this request? */
static bool
always_fails(const struct tdisk *td, uint64_t off, uint64_t end, bool write)
{
	const struct tdisk_faults *tf = &td->td_faults;

	if (tf->tf_gone || (off < td->td_badend && end > td->td_bad))
		return true;
	return write && off < ptoa((uint64_t)tf->tf_rdonlyend) &&
	    end > ptoa((uint64_t)tf->tf_rdonly);
}

/* => td_mtx held: notes the request down; TRUE: it shall fail */
static bool
note(struct tdisk *td, struct buf *bp)
{
	const struct tdisk_faults *tf = &td->td_faults;
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
	if (always_fails(td, off, td->td_last, write))
		return true;
	if (*fail != 0) {
		(*fail)--;
		return true;
	}
	return chance(td, write ? tf->tf_write : tf->tf_read);
}

/* => the place of a byte of the disk; n: bytes from it that adjoin */
static char *
place(struct tdisk *td, uint64_t off, size_t *n)
{
	if (td->td_mem != NULL)
		return td->td_mem + off;
	*n = MIN(*n, PAGE_SIZE - (off & PAGE_MASK));
	return (char *)VM_PAGE_TO_DMAP(td->td_page[atop(off)]) +
	    (off & PAGE_MASK);
}

/* The first count bytes of a request. */
static void
transfer(struct tdisk *td, struct buf *bp, uint64_t count)
{
	uint64_t off = bp->b_rawblkno << DEV_BSHIFT;

	for (u_int i = 0; i < bp->b_nsegs && count > 0; i++) {
		char *mem = (char *)PHYS_TO_DMAP(bp->b_seg[i].bs_addr), *at;
		size_t left = MIN(bp->b_seg[i].bs_len, count), n;

		count -= left;
		for (; left > 0; left -= n, off += n, mem += n) {
			n = left;
			at = place(td, off, &n);
			if ((bp->b_flags & B_READ) == 0)
				memcpy(at, mem, n);
			else
				memcpy(mem, at, n);
		}
	}
}

static void
serve(struct tdisk *td, struct buf *bp)
{
	bool fail, torn;
	uint64_t blocks = 0;

	mtx_enter(&td->td_mtx);
	fail = note(td, bp);
	torn = fail && td->td_faults.tf_torn;
	if (torn)
		blocks = draw(td, bp->b_bcount / DEV_BSIZE + 1);
	mtx_leave(&td->td_mtx);
	if (td->td_page == NULL && td->td_mem == NULL)
		fail = true;
	else
		transfer(td, bp, fail ? blocks << DEV_BSHIFT : bp->b_bcount);
	if (td->td_faults.tf_done != NULL)
		td->td_faults.tf_done((u_int)(td - tdisk), bp, fail);
	if (fail) {
		biodone_error(bp, EIO);
		return;
	}
	bp->b_resid = 0;
	biodone(bp);
}

/*
 * => a request that waits, any of them, or NULL: none, or they shall wait
 * => *delay: until the next one, or 0
 */
static struct buf *
pick(struct tdisk *td, uint64_t *delay)
{
	struct buf *bp = NULL;
	uint64_t n;

	*delay = 0;
	mtx_enter(&td->td_mtx);
	if (td->td_queued != 0 && !td->td_stalled) {
		n = draw(td, td->td_queued--);
		for (bp = TAILQ_FIRST(&td->td_queue); n > 0; n--)
			bp = TAILQ_NEXT(bp, b_link);
		TAILQ_REMOVE(&td->td_queue, bp, b_link);
		if (td->td_queued != 0)
			*delay = 1 + draw(td, td->td_faults.tf_delay + 1);
	}
	mtx_leave(&td->td_mtx);
	return bp;
}

static void
tdisk_due(void *arg)
{
	struct tdisk *td = arg;
	struct buf *bp;
	uint64_t delay;

	bp = pick(td, &delay);
	if (delay != 0)
		(void)timeout_add_nsec(&td->td_timeout, delay);
	if (bp != NULL)
		serve(td, bp);
}

static void
tdisk_strategy(struct disk *dk, struct buf *bp)
{
	struct tdisk *td = dk->dk_priv;
	uint64_t delay = 0;
	bool wait;

	mtx_enter(&td->td_mtx);
	wait = td->td_stalled || td->td_faults.tf_delay != 0;
	if (wait) {
		TAILQ_INSERT_TAIL(&td->td_queue, bp, b_link);
		td->td_queued++;
	}
	if (wait && !td->td_stalled)
		delay = 1 + draw(td, td->td_faults.tf_delay);
	mtx_leave(&td->td_mtx);
	if (delay != 0)
		(void)timeout_add_nsec(&td->td_timeout, delay);
	if (!wait)
		serve(td, bp);
}

static void
tdisk_poll(struct disk *dk)
{
	tdisk_due(dk->dk_priv);
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
	timeout_set(&td->td_timeout, tdisk_due, td);
	td->td_known = disk_register(&td->td_disk, blocks(td), "test") == 0;
	return td->td_known;
}

/* => the disk, all members but its contents as they are at first */
static struct bdev *
open_disk(u_int n, uint32_t npages)
{
	struct tdisk *td = &tdisk[n];

	td->td_npages = npages;
	if (!td->td_known && !tdisk_setup(td))
		return NULL;
	td->td_disk.dk_part[0].bd_size = blocks(td);
	td->td_disk.dk_gone = 0;
	td->td_disk.dk_flags = 0;
	td->td_stalled = false;
	td->td_failr = td->td_failw = 0;
	td->td_bad = td->td_badend = 0;
	td->td_faults = (struct tdisk_faults){ 0 };
	tdisk_reset_stats(n);
	return &td->td_disk.dk_part[0];
}

struct bdev *
tdisk_open(u_int n, uint32_t npages)
{
	struct tdisk *td = &tdisk[n];

	td->td_page = kmem_alloc(npages * sizeof(*td->td_page), PR_WAITOK);
	for (uint32_t i = 0; i < npages; i++)
		while ((td->td_page[i] = uvm_page_get_unowned(UVM_PGA_ZERO)) ==
		    NULL)
			uvm_wait("tdisk");
	return open_disk(n, npages);
}

struct bdev *
tdisk_open_at(u_int n, void *mem, uint32_t npages)
{
	tdisk[n].td_mem = mem;
	return open_disk(n, npages);
}

void
tdisk_close(u_int n)
{
	struct tdisk *td = &tdisk[n];

	KT_EQ(td->td_queued, 0);
	(void)timeout_del_barrier(&td->td_timeout);
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
tdisk_faults(u_int n, const struct tdisk_faults *tf, uint64_t seed)
{
	mtx_enter(&tdisk[n].td_mtx);
	tdisk[n].td_faults = *tf;
	tdisk[n].td_random = seed;
	mtx_leave(&tdisk[n].td_mtx);
	if (tf->tf_gone && tf->tf_known)
		disk_gone(&tdisk[n].td_disk);
}

void
tdisk_cache(u_int n, bool has)
{
	tdisk[n].td_disk.dk_flags = has ? DK_FLUSH : 0;
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
	size_t len = PAGE_SIZE;

	return (const uint64_t *)(const void *)place(
	    &tdisk[n], ptoa((uint64_t)page), &len);
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
