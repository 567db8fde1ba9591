/*
 * Lists of pages that satisfy physical constraints, for devices and for whoever
 * needs memory in one piece.
 *
 * A piece is a run of free pages that may serve as one segment of the answer:
 * it begins at a multiple of the alignment and crosses no boundary.
 */
#include <uvm/uvm_pgcache.h>
#include <uvm/uvm_pdaemon.h>

/* A request in pages.  All members: [thread]. */
struct pla {
	u_long pla_n; /* pages wanted */
	u_long pla_lo, pla_hi; /* page numbers, hi exclusive */
	u_long pla_align; /* pages, a power of two */
	u_long pla_bound; /* pages, a power of two, or 0 */
	u_long pla_nsegs; /* most segments */
};

/* The best piece found so far.  All members: [thread]. */
struct piece {
	struct vm_physseg *pc_seg;
	u_long pc_ppn, pc_n; /* first page, length */
};

/* The best piece of the run [run, end); stops at one of `want' pages. */
static void
cut_run(const struct pla *r, struct vm_physseg *seg, u_long run, u_long end,
    u_long want, struct piece *best)
{
	u_long start, stop;

	for (start = roundup2(run, r->pla_align);
	     start < end && best->pc_n < want;
	     start = roundup2(stop, r->pla_align)) {
		stop = end;
		if (r->pla_bound != 0)
			stop = MIN(end, (start | (r->pla_bound - 1)) + 1);
		if (stop - start > best->pc_n)
			*best = (struct piece){ seg, start, stop - start };
	}
}

static inline struct vm_page *
seg_page(const struct vm_physseg *seg, u_long ppn)
{
	return seg->pgs + (ppn - atop(seg->start));
}

/* => is ppn the first page of a free block? */
static inline bool
heads_block(const struct vm_physseg *seg, u_long ppn)
{
	const struct vm_page *pg = seg_page(seg, ppn);

	return (pg->pg_flags & (PQ_FREE | PG_ZERO)) == PQ_FREE &&
	    pg->pg_order != 0;
}

/* Look for pieces in one segment, block by block. => fpageqlock held */
static void
scan_seg(const struct pla *r, struct vm_physseg *seg, u_long want,
    struct piece *best)
{
	u_long ppn = MAX(atop(seg->start), r->pla_lo), run;
	u_long end = MIN(atop(seg->end), r->pla_hi);
	struct vm_page *head;

	while (ppn < end && best->pc_n < want) {
		head = uvm_buddy_head(seg, seg_page(seg, ppn));
		if (head == NULL) {
			ppn++;
			continue;
		}
		run = ppn;
		ppn = head->pg_ppn + (1UL << (head->pg_order - 1));
		while (ppn < end && heads_block(seg, ppn))
			ppn += 1UL << (seg_page(seg, ppn)->pg_order - 1);
		cut_run(r, seg, run, MIN(ppn, end), want, best);
	}
}

/* Take n pages of a piece; they go to the list in ascending order. */
static void
take_pages(struct vm_physseg *seg, u_long ppn, u_long n, struct pglist *list)
{
	struct vm_page *pg = seg_page(seg, ppn);

	uvm_buddy_carve(&uvm_fp.fp_list[seg->free_list], seg, pg, n, PG_CLEAN);
	uvm_fp.fp_free -= (long)n;
	for (; n > 0; n--, pg++)
		TAILQ_INSERT_TAIL(list, pg, pageq);
}

static void
put_pages(struct pglist *list)
{
	struct vm_page *pg;

	while ((pg = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, pg, pageq);
		uvm_buddy_free(&uvm_fp.fp_list[pg->pg_freelist],
		    &vm_physmem[pg->pg_seg], pg);
		uvm_fp.fp_free++;
	}
}

/*
 * One segment that is part of one block: the usual request.
 * => fpageqlock held; TRUE: satisfied
 */
static bool
take_block(const struct pla *r, struct pglist *list)
{
	struct uvm_buddy *b;
	struct vm_page *pg;
	int order = 0;

	while ((1UL << order) < r->pla_n)
		order++;
	/* a block of 2^order pages has that alignment, and crosses none */
	if (r->pla_align > 1UL << order ||
	    (r->pla_bound != 0 && r->pla_bound < r->pla_n))
		return false;
	for (int f = 0; f < VM_NFREELIST; f++) {
		b = &uvm_fp.fp_list[f];
		for (int o = order; o < UVM_BUDDY_ORDERS; o++)
			TAILQ_FOREACH (pg, &b->ub_block[o], pageq)
				if (pg->pg_ppn >= r->pla_lo &&
				    pg->pg_ppn + r->pla_n <= r->pla_hi) {
					take_pages(&vm_physmem[pg->pg_seg],
					    pg->pg_ppn, r->pla_n, list);
					return true;
				}
	}
	return false;
}

/*
 * Every page may be a segment of its own: take the smallest blocks.
 * => fpageqlock held; TRUE: satisfied
 */
static bool
take_any(const struct pla *r, struct pglist *list)
{
	struct vm_page *batch[16];
	u_long left = r->pla_n;
	size_t got;

	for (int f = 0; f < VM_NFREELIST; f++) {
		do {
			got = uvm_buddy_take(&uvm_fp.fp_list[f], batch,
			    MIN(left, nitems(batch)), PG_CLEAN);
			for (size_t i = 0; i < got; i++)
				TAILQ_INSERT_TAIL(list, batch[i], pageq);
			uvm_fp.fp_free -= (long)got;
			left -= got;
		} while (got > 0 && left > 0);
	}
	if (left == 0)
		return true;
	put_pages(list);
	return false;
}

/*
 * The general case: the longest pieces first, as many as allowed.
 * => fpageqlock held; TRUE: satisfied
 */
static bool
take_pieces(const struct pla *r, struct pglist *list)
{
	u_long left = r->pla_n;

	for (u_long segs = 0; left > 0 && segs < r->pla_nsegs; segs++) {
		struct piece best = { NULL, 0, 0 };

		for (int f = 0; f < VM_NFREELIST; f++)
			for (int i = 0; i < vm_nphysseg; i++)
				if (vm_physmem[i].free_list == f &&
				    best.pc_n < left)
					scan_seg(
					    r, &vm_physmem[i], left, &best);
		if (best.pc_n == 0)
			break;
		best.pc_n = MIN(best.pc_n, left);
		take_pages(best.pc_seg, best.pc_ppn, best.pc_n, list);
		left -= best.pc_n;
	}
	if (left == 0)
		return true;
	put_pages(list);
	return false;
}

/* => is any page as good as another? */
static bool
unconstrained(const struct pla *r)
{
	return r->pla_nsegs >= r->pla_n && r->pla_align == 1 &&
	    r->pla_lo <= atop(vm_physmem[0].start) &&
	    r->pla_hi >= atop(vm_physmem[vm_nphysseg - 1].end);
}

/* => fpageqlock held; reserve: pages that must stay free; TRUE: satisfied */
static bool
pla_take(const struct pla *r, long reserve, struct pglist *list)
{
	if (uvm_fp.fp_free - (long)r->pla_n < reserve)
		return false;
	if (unconstrained(r))
		return take_any(r, list);
	return (r->pla_n <= 1UL << (UVM_BUDDY_ORDERS - 1) &&
		   take_block(r, list)) ||
	    take_pieces(r, list);
}

/*
 * => 0 with the pages on list, or ENOMEM with nothing taken
 */
static int
pla_try(const struct pla *r, long reserve, struct pglist *list)
{
	bool ok, low;

	mtx_enter(&uvm.fpageqlock);
	ok = pla_take(r, reserve, list);
	if (!ok) {
		/* everything that is free into blocks, then once more */
		mtx_leave(&uvm.fpageqlock);
		uvm_pgcache_gather();
		ok = pla_take(r, reserve, list);
		uvm_pgcache_release();
	}
	if (ok)
		uvm_pd_check(uvm_fp.fp_free);
	low = uvm_fp.fp_free < uvm_fp.fp_low && !MUTANT(PLA_LEAVES_MAGAZINES);
	mtx_leave(&uvm.fpageqlock);
	/* what is left is the reserve, which magazines know nothing of */
	if (low)
		uvm_pgcache_drain();
	return ok ? 0 : ENOMEM;
}

/* => could the request be met if every managed page were free? */
static bool
pla_possible(const struct pla *r)
{
	struct piece best = { NULL, 0, 0 };
	u_long total = 0, lo, hi;

	for (int i = 0; i < vm_nphysseg; i++) {
		lo = MAX(r->pla_lo, atop(vm_physmem[i].start));
		hi = MIN(r->pla_hi, atop(vm_physmem[i].end));
		if (lo >= hi)
			continue;
		total += hi - lo;
		cut_run(r, &vm_physmem[i], lo, hi, r->pla_n, &best);
	}
	return best.pc_n != 0 && r->pla_n <= total &&
	    r->pla_n <= (u_long)uvmexp.npages &&
	    howmany(r->pla_n, best.pc_n) <= r->pla_nsegs;
}

/*
 * Allocate size bytes of pages, by constraints: see UVM-API.md 1.8.
 * => thread context with UVM_PLA_WAITOK, else any; no locks
 * => 0 and the pages on rlist: unowned, clean, not busy, in no queue; or
 *    EINVAL, ENOMEM with nothing taken
 */
int
uvm_pglistalloc(psize_t size, paddr_t low, paddr_t high, paddr_t alignment,
    paddr_t boundary, struct pglist *rlist, int nsegs, int flags)
{
	int wait = flags & (UVM_PLA_WAITOK | UVM_PLA_NOWAIT), error;
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	struct vm_page *pg;
	struct pla r;
	long reserve;

	if (size == 0 || size + PAGE_MASK < size || nsegs < 1 ||
	    !powerof2(alignment) || !powerof2(boundary) ||
	    (wait != UVM_PLA_WAITOK && wait != UVM_PLA_NOWAIT))
		return EINVAL;
	if (boundary != 0 && boundary < PAGE_SIZE)
		return ENOMEM; /* no page lies between two such multiples */
	r.pla_n = atop(round_page(size));
	r.pla_lo = atop(low) + ((low & PAGE_MASK) != 0);
	/* the last byte of a page, or the first byte not wanted */
	r.pla_hi = atop(high) + ((high & PAGE_MASK) == PAGE_MASK);
	r.pla_align = MAX(alignment >> PAGE_SHIFT, 1);
	r.pla_bound = boundary >> PAGE_SHIFT;
	r.pla_nsegs = (u_long)nsegs;
	if (!pla_possible(&r))
		return ENOMEM;

	/* who can wait leaves the daemon its pages */
	reserve = wait == UVM_PLA_WAITOK ? uvmexp.reserve_pagedaemon : 0;
	while ((error = pla_try(&r, reserve, &list)) != 0 &&
	    wait == UVM_PLA_WAITOK)
		if (!uvm_wait_pages("pglalloc"))
			break;
	if (error)
		return error;
	if (flags & UVM_PLA_ZERO)
		TAILQ_FOREACH (pg, &list, pageq)
			pmap_zero_page(pg);
	TAILQ_CONCAT(rlist, &list, pageq);
	return 0;
}

/*
 * Free every page of a list, which ends empty.
 * => any context; pages unowned and unmapped
 */
void
uvm_pglistfree(struct pglist *list)
{
	struct vm_page *pgs[UVM_MAG_BATCH], *pg;
	size_t n;

	while (!TAILQ_EMPTY(list)) {
		for (n = 0;
		     n < nitems(pgs) && (pg = TAILQ_FIRST(list)) != NULL;) {
			TAILQ_REMOVE(list, pg, pageq);
			pgs[n++] = pg;
		}
		uvm_pagefree_bulk(pgs, n);
	}
}
