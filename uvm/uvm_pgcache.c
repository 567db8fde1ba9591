/* Per-hart magazines over the free lists: see uvm_pgcache.h. */
#include <uvm/uvm_pgcache.h>

struct uvm_cpu uvm_cpus[MAXCPUS];
struct uvm_fpages uvm_fp;

#define IDLE_ZERO_MAX 1024 /* most pages kept zeroed */
#define HOT_MAX       4096 /* most pages kept from merging */

static inline const struct vm_physseg *
page_seg(const struct vm_page *pg)
{
	return &vm_physmem[pg->pg_seg];
}

static inline struct uvm_buddy *
page_list(const struct vm_page *pg)
{
	return &uvm_fp.fp_list[pg->pg_freelist];
}

void
uvm_pgcache_init(void)
{
	mtx_init(&uvm.fpageqlock, LR_FPAGE, "fpageqlock");
	for (int i = 0; i < VM_NFREELIST; i++)
		uvm_buddy_init(&uvm_fp.fp_list[i]);
	uvm_pgcache_setlow(uvmexp.reserve_kernel);
	uvm_cpu_prepare(curcpu());
}

void
uvm_cpu_prepare(struct cpu_info *ci)
{
	KASSERT(ci->ci_index < MAXCPUS);
	ci->ci_uvm = &uvm_cpus[ci->ci_index];
}

void
uvm_pgcache_setlow(long freetarg)
{
	mtx_enter(&uvm.fpageqlock);
	uvm_fp.fp_low = MAX(freetarg, uvmexp.reserve_kernel) + UVM_MAG_BATCH;
	uvm_fp.fp_hotmax = MIN(HOT_MAX, uvmexp.npages / 8);
	mtx_leave(&uvm.fpageqlock);
}

/* Magazines open again a good deal above the mark where they are closed. */
static inline bool
may_open(void)
{
	return uvm_fp.fp_free >
	    uvm_fp.fp_low + (long)(ncpus + 1) * 2 * UVM_MAG_SIZE;
}

static void
magazine_open(struct cpu_info *ci, struct uvm_cpu *uc)
{
	uc->uc_max = UVM_MAG_SIZE;
	uvm_fp.fp_open |= 1U << ci->ci_index;
}

/* -- Hot pages: fpageqlock held -------------------------------------------------- */

static inline void
hot_put(struct vm_page **pgs, size_t n)
{
	struct vm_page *head = uvm_fp.fp_hot;

	for (size_t i = 0; i < n; i++) {
		pgs[i]->pg_flags = PQ_FREE;
		pgs[i]->pg_order = 0;
		pgs[i]->pageq.tqe_next = head;
		head = pgs[i];
	}
	uvm_fp.fp_hot = head;
	uvm_fp.fp_nhot += (long)n;
}

/* => number taken; each has exactly pg_flags flags */
static size_t
hot_take(struct vm_page **pgs, size_t npages, uint32_t flags)
{
	struct vm_page *pg = uvm_fp.fp_hot;
	size_t got = 0;

	for (; got < npages && pg != NULL; pg = pg->pageq.tqe_next) {
		pg->pg_flags = flags;
		pgs[got++] = pg;
	}
	uvm_fp.fp_hot = pg;
	uvm_fp.fp_nhot -= (long)got;
	return got;
}

/* => pages of unknown contents: hot ones, or else of blocks of list b */
static size_t
unknown_take(
    struct uvm_buddy *b, struct vm_page **pgs, size_t npages, uint32_t flags)
{
	size_t got = 0;

	if (b == &uvm_fp.fp_list[VM_FREELIST_DEFAULT])
		got = hot_take(pgs, npages, flags);
	if (got == 0)
		got = uvm_buddy_take(b, pgs, npages, flags);
	return got;
}

/* -- Taking -------------------------------------------------------------------- */

/*
 * One page of the best list that has any.
 * => fpageqlock held; NULL: all lists are empty
 */
static struct vm_page *
take_one(bool want_zero)
{
	struct vm_page *pg;
	struct uvm_buddy *b;

	for (b = uvm_fp.fp_list; b < uvm_fp.fp_list + VM_NFREELIST; b++) {
		if ((want_zero && uvm_buddy_take_zero(b, &pg, 1, PG_ZERO)) ||
		    unknown_take(b, &pg, 1, 0) ||
		    uvm_buddy_take_zero(b, &pg, 1, PG_ZERO)) {
			uvm_fp.fp_free--;
			return pg;
		}
	}
	return NULL;
}

/*
 * Move pages of the default list to a stack of this hart's magazine.
 * => fpageqlock and uc_lock held, magazine open
 */
static void
refill(struct uvm_cpu *uc, bool want_zero)
{
	struct uvm_buddy *b = &uvm_fp.fp_list[VM_FREELIST_DEFAULT];
	uint64_t *n = uc->uc_n;
	size_t got = 0;

	if (want_zero || (b->ub_npages == 0 && uvm_fp.fp_nhot == 0)) {
		got = uvm_buddy_take_zero(b,
		    &uc->uc_pg[UVM_MAG_ZERO][n[UVM_MAG_ZERO]],
		    MIN(UVM_MAG_BATCH, uc->uc_max - n[UVM_MAG_ZERO]),
		    PQ_MAGAZINE | PG_ZERO);
		n[UVM_MAG_ZERO] += got;
	}
	if (got == 0) {
		got = unknown_take(b,
		    &uc->uc_pg[UVM_MAG_UNKNOWN][n[UVM_MAG_UNKNOWN]],
		    MIN(UVM_MAG_BATCH, uc->uc_max - n[UVM_MAG_UNKNOWN]),
		    PQ_MAGAZINE);
		n[UVM_MAG_UNKNOWN] += got;
	}
	uvm_fp.fp_free -= (long)got;
}

/* => uc_lock held; NULL: no page of the wanted kind, nor of the other */
static struct vm_page *
magazine_pop(struct uvm_cpu *uc, bool want_zero)
{
	int k = want_zero && uc->uc_n[UVM_MAG_ZERO] > 0 ? UVM_MAG_ZERO
							: UVM_MAG_UNKNOWN;

	if (uc->uc_n[k] == 0) {
		k = UVM_MAG_ZERO;
		if (uc->uc_n[k] == 0)
			return NULL;
	}
	return uc->uc_pg[k][--uc->uc_n[k]];
}

/*
 * Plenty of memory: refill this hart's magazine, opening it if need be.
 * => fpageqlock held; NULL: take a page from the lists instead
 */
static struct vm_page *
get_plentiful(bool want_zero)
{
	struct cpu_info *ci = curcpu();
	struct uvm_cpu *uc = ci->ci_uvm;
	struct vm_page *pg = NULL;

	if (!uvm_spin_try(&uc->uc_lock))
		return NULL;
	if (uc->uc_max == 0 && may_open())
		magazine_open(ci, uc);
	if (uc->uc_max != 0) {
		refill(uc, want_zero);
		pg = magazine_pop(uc, want_zero);
	}
	uvm_spin_leave(&uc->uc_lock);
	return pg;
}

/*
 * Memory is short: all free pages are on the lists, and counted.
 * => fpageqlock held; dropped and taken again
 */
static struct vm_page *
get_short(bool want_zero, long reserve)
{
	struct vm_page *pg = NULL;

	for (int tries = 0; uvm_fp.fp_open != 0 && tries < 2; tries++) {
		mtx_leave(&uvm.fpageqlock);
		uvm_pgcache_drain();
		mtx_enter(&uvm.fpageqlock);
	}
	if (uvm_fp.fp_free > reserve)
		pg = take_one(want_zero);
	uvm_pd_check(uvm_fp.fp_free);
	return pg;
}

struct vm_page *
uvm_pgcache_get_slow(bool want_zero, long reserve)
{
	struct vm_page *pg = NULL;

	mtx_enter(&uvm.fpageqlock);
	if (uvm_fp.fp_free - UVM_MAG_BATCH > uvm_fp.fp_low) {
		pg = get_plentiful(want_zero);
		if (pg == NULL &&
		    (uvm_fp.fp_list[VM_FREELIST_DEFAULT].ub_npages > 0 ||
			uvm_fp.fp_nhot > 0))
			pg = take_one(want_zero);
	}
	if (pg == NULL)
		pg = get_short(want_zero, reserve);
	mtx_leave(&uvm.fpageqlock);
	return pg;
}

/* -- Giving back ------------------------------------------------------------------ */

/* => fpageqlock held; pg, in nobody's hands, goes to its free list */
static void
list_put(struct vm_page *pg)
{
	if (pg->pg_flags & PG_ZERO)
		uvm_buddy_put_zero(page_list(pg), pg);
	else if (uvm_fp.fp_nhot < uvm_fp.fp_hotmax &&
	    pg->pg_freelist == VM_FREELIST_DEFAULT)
		hot_put(&pg, 1);
	else
		uvm_buddy_free(page_list(pg), page_seg(pg), pg);
	uvm_fp.fp_free++;
}

void
uvm_pgcache_put_slow(struct vm_page *pg)
{
	struct cpu_info *ci = curcpu();
	struct uvm_cpu *uc = ci->ci_uvm;
	uint64_t n;

	pg->pg_flags = MUTANT(PUT_MARKED_ZERO) ? PG_ZERO : 0;
	mtx_enter(&uvm.fpageqlock);
	list_put(pg);
	if (uvm_spin_try(&uc->uc_lock)) {
		if (uc->uc_max == 0) {
			if (may_open())
				magazine_open(ci, uc);
		} else if (uc->uc_n[UVM_MAG_UNKNOWN] == uc->uc_max) {
			n = uc->uc_max - UVM_MAG_BATCH;
			for (uint64_t i = n; i < uc->uc_max; i++)
				list_put(uc->uc_pg[UVM_MAG_UNKNOWN][i]);
			if (!MUTANT(MAGAZINE_KEEPS_TOO))
				uc->uc_n[UVM_MAG_UNKNOWN] = n;
		}
		uvm_spin_leave(&uc->uc_lock);
	}
	uvm_pd_freed(uvm_fp.fp_free);
	mtx_leave(&uvm.fpageqlock);
}

/* => FALSE: no room for all of them, nothing was done */
static bool
magazine_put_bulk(struct vm_page **pgs, size_t n)
{
	unsigned long s = intr_disable();
	struct uvm_cpu *uc = curcpu()->ci_uvm;
	struct vm_page **stack = uc->uc_pg[UVM_MAG_UNKNOWN];
	uint64_t top;
	bool ok = false;

	if (uvm_spin_try(&uc->uc_lock)) {
		top = uc->uc_n[UVM_MAG_UNKNOWN];
		ok = top + n <= uc->uc_max;
		for (size_t i = 0; ok && i < n; i++) {
			pgs[i]->pg_flags = PQ_MAGAZINE;
			stack[top + i] = pgs[i];
		}
		if (ok)
			uc->uc_n[UVM_MAG_UNKNOWN] = top + n;
		uvm_spin_leave(&uc->uc_lock);
	}
	intr_restore(s);
	return ok;
}

void
uvm_pgcache_put_bulk(struct vm_page **pgs, size_t n)
{
	bool deflt = true;

	for (size_t i = 0; i < n; i++)
		deflt &= pgs[i]->pg_freelist == VM_FREELIST_DEFAULT;
	if (deflt && magazine_put_bulk(pgs, n))
		return;
	mtx_enter(&uvm.fpageqlock);
	if (deflt && uvm_fp.fp_nhot + (long)n <= uvm_fp.fp_hotmax) {
		hot_put(pgs, n);
		uvm_fp.fp_free += (long)n;
	} else {
		for (size_t i = 0; i < n; i++) {
			pgs[i]->pg_flags = 0;
			list_put(pgs[i]);
		}
	}
	uvm_pd_freed(uvm_fp.fp_free);
	mtx_leave(&uvm.fpageqlock);
}

/* -- Draining ---------------------------------------------------------------------- */

static void
magazine_close(struct uvm_cpu *uc, uint32_t index)
{
	unsigned long s = intr_disable();

	uvm_spin_enter(&uc->uc_lock);
	mtx_enter(&uvm.fpageqlock);
	for (int k = 0; k < 2; k++) {
		for (uint64_t i = MUTANT(MAGAZINE_LOSES_ONE); i < uc->uc_n[k];
		     i++)
			list_put(uc->uc_pg[k][i]);
		uc->uc_n[k] = 0;
	}
	uc->uc_max = 0;
	uvm_fp.fp_open &= ~(1U << index);
	uvm_pd_freed(uvm_fp.fp_free);
	mtx_leave(&uvm.fpageqlock);
	uvm_spin_leave(&uc->uc_lock);
	intr_restore(s);
}

void
uvm_pgcache_drain(void)
{
	uint32_t open = atomic_load(&uvm_fp.fp_open);

	for (uint32_t i = 0; open != 0; i++, open >>= 1)
		if (open & 1)
			magazine_close(&uvm_cpus[i], i);
}

/* Hot and zeroed pages go to the blocks. => fpageqlock held */
static void
merge_all(void)
{
	struct uvm_buddy *b;
	struct vm_page *pg;

	while (hot_take(&pg, 1, 0))
		uvm_buddy_free(page_list(pg), page_seg(pg), pg);
	for (b = uvm_fp.fp_list; b < uvm_fp.fp_list + VM_NFREELIST; b++)
		while (uvm_buddy_take_zero(b, &pg, 1, 0))
			uvm_buddy_free(b, page_seg(pg), pg);
}

void
uvm_pgcache_gather(void)
{
	uvm_pgcache_drain();
	mtx_enter(&uvm.fpageqlock);
	uvm_fp.fp_hold++;
	/* a handler may have interrupted the very hart it would wait for */
	while (uvm_fp.fp_idle != 0 && curcpu()->ci_intrdepth == 0) {
		mtx_leave(&uvm.fpageqlock);
		cpu_spinwait();
		mtx_enter(&uvm.fpageqlock);
	}
	merge_all();
}

void
uvm_pgcache_release(void)
{
	KASSERT(uvm_fp.fp_hold > 0);
	uvm_fp.fp_hold--;
}

/* -- Counting ------------------------------------------------------------------------ */

long
uvm_free_count(void)
{
	long n = atomic_load(&uvm_fp.fp_free);

	for (u_int i = 0; i < MAXCPUS; i++) {
		n += (long)atomic_load(&uvm_cpus[i].uc_n[UVM_MAG_UNKNOWN]);
		n += (long)atomic_load(&uvm_cpus[i].uc_n[UVM_MAG_ZERO]);
	}
	return n;
}

long
uvm_zero_count(void)
{
	long n = 0;

	for (int i = 0; i < VM_NFREELIST; i++)
		n += atomic_load(&uvm_fp.fp_list[i].ub_nzero);
	for (u_int i = 0; i < MAXCPUS; i++)
		n += (long)atomic_load(&uvm_cpus[i].uc_n[UVM_MAG_ZERO]);
	return n;
}

/* -- Idle zeroing -------------------------------------------------------------------- */

/*
 * A page worth zeroing.  It stays counted as free: idle work is not seen.
 * => NULL: enough are zeroed, or memory is too short to play with
 */
static struct vm_page *
idle_take(void)
{
	struct uvm_buddy *b = &uvm_fp.fp_list[VM_FREELIST_DEFAULT];
	long target = MIN(uvmexp.npages / 16, IDLE_ZERO_MAX);
	struct vm_page *pg = NULL;

	if (atomic_load(&b->ub_nzero) >= target)
		return NULL;
	mtx_enter(&uvm.fpageqlock);
	if (b->ub_nzero >= target || uvm_fp.fp_free <= uvm_fp.fp_low ||
	    uvm_fp.fp_hold != 0 || unknown_take(b, &pg, 1, 0) == 0)
		pg = NULL;
	else
		uvm_fp.fp_idle++;
	mtx_leave(&uvm.fpageqlock);
	return pg;
}

/*
 * Zero free pages until work appears or there are enough.
 * => idle loop of a hart, interrupts on, no locks
 */
void
uvm_pageidlezero(void)
{
	struct uvm_buddy *b = &uvm_fp.fp_list[VM_FREELIST_DEFAULT];
	struct vm_page *pg;
	bool done;

	do {
		if (atomic_load(&curcpu()->ci_resched) ||
		    (pg = idle_take()) == NULL)
			return;
		done = pmap_pageidlezero(pg);
		mtx_enter(&uvm.fpageqlock);
		if (done || MUTANT(IDLE_ZERO_ABORTED))
			uvm_buddy_put_zero(b, pg);
		else
			uvm_buddy_free(b, page_seg(pg), pg);
		uvm_fp.fp_idle--;
		mtx_leave(&uvm.fpageqlock);
	} while (done);
	UVMCNT_INC(zeroaborts);
}
