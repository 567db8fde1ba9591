/*
 * Pages and their owners: allocation, freeing, busy pages.
 */
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_pgcache.h>
#include <uvm/uvm_vnode.h>
#include <sys/pool.h>

struct uvm uvm;
struct uvmexp uvmexp;

/* Pages kept back, see uvm_pagealloc(). */
#define RESERVE_PAGEDAEMON 4
#define RESERVE_KERNEL     6

/* -- Boot -------------------------------------------------------------------- */

/*
 * Derive the page size's mask and shift.
 * => boot, before the first uvm_page_physload(); idempotent
 */
void
uvm_setpagesize(void)
{
	if (uvmexp.pagesize == 0)
		uvmexp.pagesize = PAGE_SIZE;
	uvmexp.pagemask = uvmexp.pagesize - 1;
	if (uvmexp.pagesize < 0 || (uvmexp.pagesize & uvmexp.pagemask) != 0)
		panic("uvm_setpagesize: %d is not a power of two",
		    uvmexp.pagesize);
	for (uvmexp.pageshift = 0; (1 << uvmexp.pageshift) != uvmexp.pagesize;)
		uvmexp.pageshift++;
}

/* What pages keep for ever; the array is zero otherwise. => ppn behind them */
static inline uint32_t
init_pages(struct vm_page *pg, struct vm_page *end, uint32_t ppn,
    const struct vm_physseg *seg, uint32_t flags)
{
	uint8_t list = (uint8_t)seg->free_list;
	uint16_t index = (uint16_t)(seg - vm_physmem);

	for (; pg < end; pg++) {
		pg->pg_flags = flags;
		pg->pg_ppn = ppn++;
		pg->pg_freelist = list;
		pg->pg_seg = index;
	}
	return ppn;
}

/* The pages of a segment, free where it is available. */
static void
segment_init(struct vm_physseg *seg)
{
	paddr_t end = MAX(seg->avail_start, seg->avail_end);
	struct vm_page *first, *last;
	uint32_t ppn = (uint32_t)atop(seg->start);

	first = seg->pgs + atop(seg->avail_start - seg->start);
	last = seg->pgs + atop(end - seg->start);
	ppn = init_pages(seg->pgs, first, ppn, seg, 0);
	ppn = init_pages(first, last, ppn, seg, PQ_FREE);
	(void)init_pages(last, seg->lastpg, ppn, seg, 0);
	if (first == last)
		return;
	uvm_buddy_add_range(&uvm_fp.fp_list[seg->free_list], seg, first,
	    (size_t)(last - first));
	uvm_fp.fp_free += last - first;
	uvmexp.npages += (int)(last - first);
}

void
uvm_page_init(vaddr_t *kvm_start, vaddr_t *kvm_end)
{
	struct vm_physseg *seg;

	uvmexp.reserve_pagedaemon = RESERVE_PAGEDAEMON;
	uvmexp.reserve_kernel = RESERVE_KERNEL;
	uvm_pgcache_init();
	uvm_pageq_init();

	pmap_virtual_space(kvm_start, kvm_end);
	uvm_physseg_arrays(kvm_start, kvm_end);
	/* stealing is over: what is left of each segment is free */
	for (seg = vm_physmem; seg < vm_physmem + vm_nphysseg; seg++)
		segment_init(seg);
	uvm.page_init_done = true;
}

void
uvm_page_addrange(paddr_t start, paddr_t end)
{
	struct vm_physseg *seg;
	struct vm_page *pg;
	size_t n;

	KASSERT(uvm.page_init_done);
	start = round_page(start);
	end = trunc_page(end);
	for (seg = vm_physmem; seg < vm_physmem + vm_nphysseg; seg++) {
		paddr_t s = MAX(start, seg->start), e = MIN(end, seg->end);

		if (s >= e)
			continue;
		KASSERT(e <= seg->avail_start || s >= seg->avail_end);
		for (pg = PHYS_TO_VM_PAGE(s); s < e; s += PAGE_SIZE, pg++)
			if (pg->pg_flags & (PQ_FREE | PQ_MAGAZINE))
				panic(
				    "uvm_page_addrange: page %#lx is free", s);
		n = atop(e - MAX(start, seg->start));
		mtx_enter(&uvm.fpageqlock);
		uvm_buddy_free_range(
		    &uvm_fp.fp_list[seg->free_list], seg, pg - n, n);
		uvm_fp.fp_free += (long)n;
		uvmexp.npages += (int)n;
		uvm_pd_freed(uvm_fp.fp_free);
		mtx_leave(&uvm.fpageqlock);
	}
}

/* -- Owners ------------------------------------------------------------------- */

/*
 * Pages of an aobj, the kernel object among them, count as anonymous.
 * => the object has become the page's owner; its lock held for writing
 */
static inline void
count_object_page(struct vm_page *pg, struct uvm_object *obj)
{
	if (UVM_OBJ_IS_AOBJ(obj)) {
		atomic_or(&pg->pg_flags, PQ_AOBJ);
		UVMCNT_INC(anonpages);
	} else if (UVM_OBJ_IS_VNODE(obj)) {
		if (to_uvn(obj)->u_flags & UVN_TEXT) {
			atomic_or(&pg->pg_flags, PG_TEXT);
			UVMCNT_INC(vtextpages);
		} else
			UVMCNT_INC(vnodepages);
	}
}

/* => the same when the owner gives it up */
static inline void
uncount_object_page(struct vm_page *pg)
{
	if (pg->pg_flags & PG_DIRTY)
		uvn_undirty(pg);
	if (pg->pg_flags & PG_TEXT)
		UVMCNT_DEC(vtextpages);
	else if (UVM_OBJ_IS_VNODE(pg->uobject) && !MUTANT(UVN_PAGES_DRIFT))
		UVMCNT_DEC(vnodepages);
}

/*
 * Insert a page into an object.
 * => object write-locked; 0 or ENOMEM
 */
static int
page_insert(struct vm_page *pg, struct uvm_object *obj, voff_t off)
{
	int error;

	error =
	    uvm_pagetree_insert(&obj->uo_tree, (uint64_t)off >> PAGE_SHIFT, pg);
	if (error)
		return error;
	pg->uobject = obj;
	pg->offset = off;
	atomic_or(&pg->pg_flags, PG_TABLED);
	obj->uo_npages++;
	count_object_page(pg, obj);
	return 0;
}

#define PLACE_TAKEN ((voff_t)-1) /* offset: another page is there already */

/* => owner write-locked; pg belongs to nobody afterwards */
static void
page_disown(struct vm_page *pg)
{
	struct uvm_object *obj = pg->uobject;
	void *item __unused;

	if (pg->pg_flags & (PQ_ANON | PQ_AOBJ))
		UVMCNT_DEC(anonpages);
	else if (obj != NULL)
		uncount_object_page(pg);
	if ((pg->pg_flags & PG_TABLED) != 0 && pg->offset != PLACE_TAKEN) {
		item = uvm_pagetree_remove(
		    &obj->uo_tree, (uint64_t)pg->offset >> PAGE_SHIFT);
		KASSERT(item == pg);
		obj->uo_npages--;
	} else if (pg->uanon != NULL && pg->uanon->an_page == pg)
		pg->uanon->an_page = NULL;
	pg->uobject = NULL;
	pg->uanon = NULL;
	atomic_and(&pg->pg_flags,
	    ~(uint32_t)(PG_TABLED | PG_TEXT | PG_HOLE | PG_DIRTY | PQ_ANON |
		PQ_AOBJ));
}

/* -- Allocation ----------------------------------------------------------------- */

/* Pages that must stay free after an allocation on whose behalf? */
static inline long
reserve_for(const struct uvm_object *obj, int flags)
{
	const struct proc *p = curproc;

	if (__predict_false(p == uvm.pagedaemon && p != NULL))
		return 0;
	if ((flags & UVM_PGA_USERESERVE) || (p->p_flag & P_OOMKILL) ||
	    uvn_is_writer(p) || (obj != NULL && UVM_OBJ_IS_KERN(obj)))
		return uvmexp.reserve_pagedaemon;
	return uvmexp.reserve_kernel;
}

/*
 * A page off the free lists, zeroed or not.
 * => pg_flags: PG_ZERO or not; no owner
 */
static __always_inline struct vm_page *
page_take(const struct uvm_object *obj, int flags)
{
	bool zero = (flags & UVM_PGA_ZERO) != 0;
	struct vm_page *pg;

#ifdef FAULT_INJECT
	if ((flags & UVM_PGA_USERESERVE) == 0 && obj != uvm.kernel_object &&
	    alloc_fail_now())
		return NULL;
#endif
	pg = uvm_magazine_get(zero);
	if (__predict_false(pg == NULL))
		pg = uvm_pgcache_get_slow(zero, reserve_for(obj, flags));
	return pg;
}

/* Zero a page that is not yet, and count. */
static __always_inline void
page_make_zero(struct vm_page *pg, bool hit)
{
	if (hit) {
		UVMCNT_INC(pga_zerohit);
	} else {
		UVMCNT_INC(pga_zeromiss);
		pmap_zero_page(pg);
	}
}

static __noinline struct vm_page *
pagealloc_object(
    struct uvm_object *uobj, voff_t off, struct vm_anon *anon, int flags)
{
	struct vm_page *pg;
	bool hit;

	if (anon != NULL)
		panic("uvm_pagealloc: two owners");
	pg = page_take(uobj, flags);
	if (pg == NULL)
		return NULL;
	hit = (pg->pg_flags & PG_ZERO) != 0;
	pg->pg_flags =
	    flags & UVM_PGA_ZERO ? PG_BUSY : PG_BUSY | PG_CLEAN | PG_FAKE;
	if (page_insert(pg, uobj, off) != 0) {
		if (!MUTANT(PAGE_INSERT_ERROR_LEAK))
			uvm_pgcache_put_slow(pg);
		return NULL;
	}
	if (flags & UVM_PGA_ZERO)
		page_make_zero(pg, hit);
	return pg;
}

/*
 * Allocate a page for (uobj, off), for an anon, or for nobody.
 * => owner write-locked; any context for an unowned page; never sleeps
 * => busy, in no queue; PG_CLEAN and PG_FAKE, or zero-filled with
 *    UVM_PGA_ZERO; NULL if no more than the caller's reserve is free
 */
struct vm_page *
uvm_pagealloc(
    struct uvm_object *uobj, voff_t off, struct vm_anon *anon, int flags)
{
	struct vm_page *pg;
	uint32_t new;
	bool hit;

	if (__predict_false((off & (voff_t)PAGE_MASK) != 0))
		panic("uvm_pagealloc: offset %#lx", (u_long)off);
	if (uobj != NULL)
		return pagealloc_object(uobj, off, anon, flags);
	pg = page_take(NULL, flags);
	if (__predict_false(pg == NULL))
		return NULL;
	hit = (pg->pg_flags & PG_ZERO) != 0;
	new = flags &UVM_PGA_ZERO ? PG_BUSY : PG_BUSY | PG_CLEAN | PG_FAKE;
	if (anon != NULL) {
		new |= PQ_ANON;
		pg->uanon = anon;
		anon->an_page = pg;
		UVMCNT_INC(anonpages);
	}
	pg->pg_flags = new;
	if (flags & UVM_PGA_ZERO)
		page_make_zero(pg, hit);
	return pg;
}

/*
 * Move a page to (newobj, newoff), or away from any owner (newobj NULL).
 * => old and new object write-locked; contents, queue and flags stay
 * => panics if the place is taken, or if there is no memory for the index
 */
void
uvm_pagerealloc(struct vm_page *pg, struct uvm_object *newobj, voff_t newoff)
{
	if (newobj != NULL && uvm_pagelookup(newobj, newoff) != NULL)
		panic("uvm_pagerealloc: offset %#lx is taken", (u_long)newoff);
	uvm_pagesettle(pg);
	/* the page daemon finds a queued page's owner under this lock */
	mtx_enter(&uvm.pageqlock);
	page_disown(pg);
	if (newobj != NULL && page_insert(pg, newobj, newoff) != 0)
		panic("uvm_pagerealloc: no memory");
	mtx_leave(&uvm.pageqlock);
}

/*
 * Take a page that is on loan from its owner.  The end of the last loan frees a
 * page without an owner, and leaves one that has: under pageqlock one of us is
 * second.  The daemon must not meet it without an owner on a queue either.
 * => owner write-locked; FALSE: the last loan has ended, nothing was done
 */
static __noinline bool
disown_loaned(struct vm_page *pg)
{
	uint32_t flags = pg->pg_flags;

	uvm_pagesettle(pg);
	mtx_enter(&uvm.pageqlock);
	if (pg->loan_count == 0) {
		mtx_leave(&uvm.pageqlock);
		return false;
	}
	uvm_pageq_remove(pg);
	page_disown(pg);
	atomic_and(
	    &pg->pg_flags, ~(uint32_t)(PG_BUSY | PG_WANTED | PG_RELEASED));
	mtx_leave(&uvm.pageqlock);
	if (flags & PG_WANTED)
		wakeup(pg);
	return true;
}

/*
 * Free a page.
 * => owner write-locked, no mappings left, pageqlock not held; any context
 *    for an unowned page
 * => a loaned page is only disowned: the end of the last loan frees it
 */
void
uvm_pagefree(struct vm_page *pg)
{
	uint32_t flags;

	/* the end of the last loan may have put it on a queue: look after */
	if (__predict_false(atomic_load_acq(&pg->loan_count) != 0) &&
	    disown_loaned(pg))
		return;
	flags = pg->pg_flags;
	if (__predict_false(flags & (PQ_FREE | PQ_MAGAZINE)))
		panic("uvm_pagefree: page %p (%#lx) is free already", pg,
		    VM_PAGE_TO_PHYS(pg));
	/* off the queue first: until then the daemon may look at the owner */
	if (((flags & (PQ_QUEUED | PQ_PENDING)) || pg->wire_count != 0) &&
	    !MUTANT(FREE_STAYS_QUEUED))
		uvm_pageq_release(pg);
	if (flags & PQ_ANON) {
		UVMCNT_DEC(anonpages);
		if (pg->uanon->an_page == pg)
			pg->uanon->an_page = NULL;
		pg->uanon = NULL;
	} else if (flags & PG_TABLED)
		page_disown(pg);
	KASSERT(pg->uobject == NULL && pg->uanon == NULL);
	if (__predict_false(flags & PG_WANTED))
		wakeup(pg);
	KASSERT(!vm_page_md_ismapped(&pg->mdpage));
	vm_page_md_reset(&pg->mdpage);
	if (__predict_false(!uvm_magazine_put(pg)))
		uvm_pgcache_put_slow(pg);
}

void
uvm_pagereplace(struct vm_page *pg, struct vm_page *new)
{
	struct uvm_object *obj = pg->uobject;
	bool dirty = (pg->pg_flags & PG_DIRTY) != 0;
	void *item __unused;

	KASSERT(new->uobject == NULL);
	KASSERT(new->uanon == NULL);
	mtx_enter(&uvm.pageqlock);
	item = uvm_pagetree_replace(
	    &obj->uo_tree, (uint64_t)pg->offset >> PAGE_SHIFT, new);
	KASSERT(item == pg);
	new->uobject = obj;
	new->offset = pg->offset;
	atomic_or(&new->pg_flags, PG_TABLED);
	count_object_page(new, obj);
	pg->offset = PLACE_TAKEN;
	mtx_leave(&uvm.pageqlock);
	if (dirty)
		(void)uvn_dirty(new);
	uvm_pagefree(pg);
}

int
uvm_page_adopt(struct vm_page *pg, struct uvm_object *obj, voff_t off)
{
	KASSERT(pg->uobject == NULL && pg->uanon == NULL);
	KASSERT(uvm_pagelookup(obj, off) == NULL);
	pg->pg_flags = PG_BUSY;
	return page_insert(pg, obj, off);
}

/* => pg is off the queues: belongs to nobody, forgets its past */
static inline int
bulk_disown(struct vm_page *pg)
{
	uint32_t flags = pg->pg_flags;
	int anon = (flags & PQ_ANON) != 0;

	if (anon) {
		if (pg->uanon->an_page == pg)
			pg->uanon->an_page = NULL;
		pg->uanon = NULL;
	}
	KASSERT(pg->uobject == NULL && pg->uanon == NULL);
	KASSERT(!vm_page_md_ismapped(&pg->mdpage));
	if (__predict_false(flags & PG_WANTED))
		wakeup(pg);
	vm_page_md_reset(&pg->mdpage);
	return anon;
}

void
uvm_pagefree_bulk(struct vm_page **pgs, size_t n)
{
	bool queued = false;
	int anons = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (__predict_false(pgs[i]->pg_flags & (PQ_FREE | PQ_MAGAZINE)))
			panic("uvm_pagefree_bulk: page %p is free already",
			    pgs[i]);
		KASSERT(pgs[i]->loan_count == 0);
		if (__predict_false(pgs[i]->pg_flags & PQ_PENDING))
			uvm_pagesettle(pgs[i]);
		queued |= (pgs[i]->pg_flags & PQ_QUEUED) != 0 ||
		    pgs[i]->wire_count != 0;
	}
	if (queued)
		uvm_pageq_release_bulk(pgs, n);
	for (i = 0; i < n; i++)
		anons += bulk_disown(pgs[i]);
	UVMCNT_ADD(anonpages, -anons);
	uvm_pgcache_put_bulk(pgs, n);
}

/* -- Busy pages -------------------------------------------------------------------- */

void
uvm_page_unmap(struct vm_page *pg)
{
	u_int n = pg->wire_count != 0 ? pmap_page_wirings(pg) : 0;

	pmap_page_protect(pg, PROT_NONE);
	for (; n > 0 && !MUTANT(UNMAP_KEEPS_WIRED); n--)
		uvm_pageunwire(pg);
}

/* => the daemon should know of pg, an object's page, but does not */
static inline bool
unbusy_activates(const struct vm_page *pg, uint32_t flags)
{
	return (flags & (PQ_QUEUED | PQ_PENDING | PG_TABLED)) == PG_TABLED &&
	    pg->wire_count == 0 && atomic_load_acq(&pg->loan_count) == 0 &&
	    !UVM_OBJ_IS_KERN(pg->uobject);
}

bool
uvm_page_unbusy(struct vm_page *pg)
{
	struct uvm_object *obj = pg->uobject;
	uint32_t flags;

	flags = atomic_and(&pg->pg_flags, ~(uint32_t)(PG_BUSY | PG_WANTED));
	KASSERT(flags & PG_BUSY);
	if (__predict_false(flags & PG_WANTED)) {
		if (MUTANT(UNBUSY_WAKES_ONE))
			wakeup_one(pg);
		else
			wakeup(pg);
	}
	if (__predict_true((flags & PG_RELEASED) == 0)) {
		if (unbusy_activates(pg, flags))
			uvm_pageactivate(pg);
		return false;
	}
	/* its slot goes with it: later nobody knows that the page was here */
	if (obj != NULL && obj->uo_refs == 0 && UVM_OBJ_IS_AOBJ(obj))
		uao_dropswap(obj, (u_long)pg->offset >> PAGE_SHIFT);
	uvm_page_unmap(pg);
	uvm_pagefree(pg);
	/* whoever detached the object waits for its last page */
	if (obj != NULL && obj->uo_npages == 0 && obj->uo_refs == 0)
		wakeup(obj);
	return true;
}

void
uvm_page_wait(struct vm_page *pg, struct rwlock *owner, const char *wmesg)
{
	KASSERT(pg->pg_flags & PG_BUSY);
	if (!MUTANT(PAGE_WAIT_NOT_WANTED))
		atomic_or(&pg->pg_flags, PG_WANTED);
	rwsleep(pg, owner, PVM | PNORELOCK, wmesg, INFSLP);
}

struct vm_page *
uvm_pagelookup(struct uvm_object *obj, voff_t off)
{
	return uvm_pagetree_lookup(&obj->uo_tree, (uint64_t)off >> PAGE_SHIFT);
}

/* => pg busy or otherwise the caller's; contents become zero and dirty */
void
uvm_pagezero(struct vm_page *pg)
{
	atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
	pmap_zero_page(pg);
}

/* => as uvm_pagezero; src is stable */
void
uvm_pagecopy(struct vm_page *src, struct vm_page *dst)
{
	atomic_and(&dst->pg_flags, ~(uint32_t)PG_CLEAN);
	pmap_copy_page(src, dst);
}
