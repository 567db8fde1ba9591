/*
 * Anonymous objects: memory that is shared, or the kernel's own.
 *
 * Pages are made, zero-filled, when first asked for.  A tree like that of the
 * pages holds the swap slots; it stays empty until a page is written to swap.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>
#include <sys/pool.h>

/*
 * Locks used to protect members:
 *	o	the object's lock
 *	I	immutable after creation
 */
struct uvm_aobj {
	struct uvm_object u_obj; /* first: the object is the aobj */
	u_long u_pages; /* [o] size */
	u_int u_flags; /* [o] UAO_FLAG_* that were given */
	struct uvm_pagetree u_swslots; /* [o] slot by page index */
};

#define UAO_MAXPAGES (1UL << (63 - PAGE_SHIFT)) /* offsets are signed */

static struct uvm_aobj kernel_aobj; /* its lock */
static struct pool aobj_pool; /* set up once by uao_init */
static volatile long aobj_count; /* [a] */

static inline struct uvm_aobj *
to_aobj(struct uvm_object *uobj)
{
	KASSERT(UVM_OBJ_IS_AOBJ(uobj));
	return (struct uvm_aobj *)uobj;
}

/* => boot: pager initialisation */
static void
uao_init(void)
{
	pool_init(&aobj_pool, sizeof(struct uvm_aobj), 0, "aobj");
}

/* -- Life ----------------------------------------------------------------------- */

static void
aobj_setup(struct uvm_aobj *aobj, u_long pages, u_int flags, int refs)
{
	uvm_obj_init(&aobj->u_obj, &aobj_pager, refs);
	aobj->u_pages = pages;
	aobj->u_flags = flags;
	aobj->u_swslots = (struct uvm_pagetree)UVM_PAGETREE_INITIALIZER;
}

/* The kernel object, in two steps at boot. */
static struct uvm_object *
kernel_object_step(u_long pages, int flags)
{
	struct uvm_aobj *aobj = &kernel_aobj;

	if (flags == UAO_FLAG_KERNOBJ) {
		if (aobj->u_flags != 0)
			panic("uao_create: a second kernel object");
		aobj_setup(aobj, pages, UAO_FLAG_KERNOBJ, UVM_OBJ_KERN);
	} else {
		if (aobj->u_flags != UAO_FLAG_KERNOBJ)
			panic("uao_create: kernel swap before its object, "
			      "or twice");
		aobj->u_flags |= UAO_FLAG_KERNSWAP;
	}
	return &aobj->u_obj;
}

/*
 * An anonymous object of size bytes, rounded up.
 * => thread context or boot; may sleep; one reference; never NULL
 * => UAO_FLAG_KERNOBJ, then UAO_FLAG_KERNSWAP: once each, at boot: the kernel
 *    object
 */
struct uvm_object *
uao_create(vsize_t size, int flags)
{
	u_long pages = atop(size) + ((size & PAGE_MASK) != 0);
	struct uvm_aobj *aobj;

	if (flags & (UAO_FLAG_KERNOBJ | UAO_FLAG_KERNSWAP))
		return kernel_object_step(pages, flags);
	aobj = pool_get(&aobj_pool, PR_WAITOK);
	aobj_setup(aobj, pages, 0, 1);
	atomic_add(&aobj_count, 1);
	return &aobj->u_obj;
}

/*
 * One reference more.
 * => object unlocked; nothing happens to the kernel object
 */
void
uao_reference(struct uvm_object *uobj)
{
	if (UVM_OBJ_IS_KERN(uobj))
		return;
	rw_enter_write(&uobj->uo_lock);
	KASSERT(uobj->uo_refs > 0);
	uobj->uo_refs++;
	rw_exit(&uobj->uo_lock);
}

/* => object write-locked, page unbusy: page and swap slot go */
static void
free_page(struct uvm_object *uobj, struct vm_page *pg)
{
	/* what looks unmapped may be just being unmapped by somebody */
	if (!MUTANT(AOBJ_FREES_MAPPED))
		uvm_page_unmap(pg);
	uao_dropswap(uobj, (u_long)pg->offset >> PAGE_SHIFT);
	uvm_pagefree(pg);
}

/*
 * Free the pages of a dead object.  Those that are busy are freed by whoever
 * keeps them so; the last one wakes us.
 * => object write-locked
 */
static void
free_all(struct uvm_aobj *aobj)
{
	struct uvm_object *uobj = &aobj->u_obj;
	struct vm_page *pg;

	for (uint64_t i = 0;
	     (pg = uvm_pagetree_next(&uobj->uo_tree, &i)) != NULL; i++) {
		if (pg->pg_flags & PG_BUSY)
			atomic_or(&pg->pg_flags, PG_RELEASED);
		else
			free_page(uobj, pg);
	}
	while (uobj->uo_npages > 0)
		(void)rwsleep(uobj, &uobj->uo_lock, PVM, "uaodead", INFSLP);
	KASSERT(aobj->u_swslots.pt_root == NULL);
}

/*
 * One reference less; the last one frees object, pages and swap slots.
 * => object unlocked; may sleep; nothing happens to the kernel object
 */
void
uao_detach(struct uvm_object *uobj)
{
	int refs;

	if (UVM_OBJ_IS_KERN(uobj))
		return;
	rw_enter_write(&uobj->uo_lock);
	KASSERT(uobj->uo_refs > 0);
	refs = --uobj->uo_refs;
	if (refs == 0)
		free_all(to_aobj(uobj));
	rw_exit(&uobj->uo_lock);
	if (refs == 0) {
		uvm_obj_destroy(uobj);
		pool_put(&aobj_pool, uobj);
		atomic_add(&aobj_count, -1);
	}
}

long
uao_count(void)
{
	return atomic_load(&aobj_count);
}

/* -- Size ------------------------------------------------------------------------- */

/*
 * => object write-locked on entry and exit; dropped while waiting
 * => the page at index i or behind, not busy; NULL: none
 */
static struct vm_page *
next_unbusy(struct uvm_object *uobj, uint64_t i)
{
	struct vm_page *pg;

	while ((pg = uvm_pagetree_next(&uobj->uo_tree, &i)) != NULL &&
	    (pg->pg_flags & PG_BUSY) && !MUTANT(AOBJ_FREES_BUSY)) {
		uvm_page_wait(pg, &uobj->uo_lock, "uaosize");
		rw_enter_write(&uobj->uo_lock);
	}
	return pg;
}

/* => object write-locked; bytes from offset size to the end of its page */
static void
zero_tail(struct uvm_object *uobj, vsize_t size)
{
	struct vm_page *pg = next_unbusy(uobj, size >> PAGE_SHIFT);

	if (pg == NULL || pg->offset != (voff_t)trunc_page(size))
		return;
	memset((char *)VM_PAGE_TO_DMAP(pg) + (size & PAGE_MASK), 0,
	    PAGE_SIZE - (size & PAGE_MASK));
	pmap_page_modified_text(pg);
	atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
}

/*
 * Make the object end at `size' bytes: pages behind are unmapped and freed,
 * the rest of the last one becomes zero.
 * => object unlocked; may sleep for busy pages; 0
 */
int
uao_shrink(struct uvm_object *uobj, vsize_t size)
{
	u_long pages = atop(size) + ((size & PAGE_MASK) != 0);
	struct uvm_aobj *aobj = to_aobj(uobj);
	struct vm_page *pg;

	rw_enter_write(&uobj->uo_lock);
	aobj->u_pages = MIN(aobj->u_pages, pages);
	while ((pg = next_unbusy(uobj, pages)) != NULL)
		free_page(uobj, pg);
	if ((size & PAGE_MASK) && !MUTANT(AOBJ_KEEPS_TAIL))
		zero_tail(uobj, size);
	rw_exit(&uobj->uo_lock);
	return 0;
}

/* => object unlocked; it holds at least `size' bytes from now on; 0 or EFBIG */
int
uao_grow(struct uvm_object *uobj, vsize_t size)
{
	u_long pages = atop(size) + ((size & PAGE_MASK) != 0);
	struct uvm_aobj *aobj = to_aobj(uobj);

	if (pages > UAO_MAXPAGES)
		return EFBIG;
	rw_enter_write(&uobj->uo_lock);
	aobj->u_pages = MAX(aobj->u_pages, pages);
	rw_exit(&uobj->uo_lock);
	return 0;
}

long
uao_pages(struct uvm_object *uobj)
{
	return atomic_load(&uobj->uo_npages);
}

/* -- Swap slots --------------------------------------------------------------------- */

int
uao_find_swslot(struct uvm_object *uobj, u_long pageidx)
{
	return (int)(intptr_t)uvm_pagetree_lookup(
	    &to_aobj(uobj)->u_swslots, pageidx);
}

int
uao_set_swslot(struct uvm_object *uobj, u_long pageidx, int slot)
{
	struct uvm_pagetree *t = &to_aobj(uobj)->u_swslots;
	int old = (int)(intptr_t)uvm_pagetree_remove(t, pageidx);

	if (slot != 0 &&
	    uvm_pagetree_insert(t, pageidx, (void *)(intptr_t)slot) != 0) {
		/* its node was there a moment ago unless old was 0 */
		KASSERT(old == 0);
		return -1;
	}
	return old;
}

void
uao_dropswap(struct uvm_object *uobj, u_long pageidx)
{
	/* No swap device can be configured yet, so there is no slot to free. */
	KASSERT(to_aobj(uobj)->u_swslots.pt_root == NULL);
}

/* -- Pager ---------------------------------------------------------------------------- */

/*
 * What is resident; the centre page is made if it is not.
 * => object write-locked on entry and exit; never sleeps
 */
static int
uao_get_locked(struct uvm_aobj *aobj, voff_t off, struct vm_page **pps,
    int *npagesp, int centre)
{
	u_long first = (u_long)off >> PAGE_SHIFT;
	struct uvm_object *uobj = &aobj->u_obj;
	struct vm_page *pg;
	int found = 0;

	for (int i = 0; i < *npagesp; i++) {
		if (pps[i] == PGO_DONTCARE)
			continue;
		pg = uvm_pagetree_lookup(&uobj->uo_tree, first + (u_long)i);
		if (pg == NULL && i == centre &&
		    first + (u_long)i < aobj->u_pages &&
		    uao_find_swslot(uobj, first + (u_long)i) == 0)
			pg = uvm_pagealloc(
			    uobj, off + (voff_t)ptoa(i), NULL, UVM_PGA_ZERO);
		else if (pg == NULL || (pg->pg_flags & PG_BUSY))
			continue;
		else
			atomic_or(&pg->pg_flags, PG_BUSY);
		pps[i] = pg;
		found += pg != NULL;
	}
	*npagesp = found;
	return pps[centre] != NULL && pps[centre] != PGO_DONTCARE
	    ? VM_PAGER_OK
	    : VM_PAGER_UNLOCK;
}

/*
 * The page at off, whatever it takes.
 * => object write-locked on entry, unlocked on exit; may sleep
 */
static int
uao_get_unlocked(struct uvm_aobj *aobj, voff_t off, struct vm_page **pgp)
{
	struct uvm_object *uobj = &aobj->u_obj;
	u_long idx = (u_long)off >> PAGE_SHIFT;
	struct vm_page *pg;
	int rv = VM_PAGER_OK;

	for (;;) {
		if (idx >= aobj->u_pages) {
			rv = VM_PAGER_BAD;
			break;
		}
		pg = uvm_pagelookup(uobj, off);
		if (pg == NULL) {
			pg = uvm_pagealloc(uobj, off, NULL, UVM_PGA_ZERO);
			*pgp = pg;
			if (pg == NULL)
				rv = VM_PAGER_AGAIN;
			break;
		}
		if ((pg->pg_flags & PG_BUSY) == 0 || MUTANT(AOBJ_GETS_BUSY)) {
			atomic_or(&pg->pg_flags, PG_BUSY);
			*pgp = pg;
			break;
		}
		uvm_page_wait(pg, &uobj->uo_lock, "uaoget");
		rw_enter_write(&uobj->uo_lock);
	}
	rw_exit(&uobj->uo_lock);
	return rv;
}

static int
uao_get(struct uvm_object *uobj, voff_t off, struct vm_page **pps, int *npagesp,
    int centreidx, vm_prot_t access, int advice, int flags)
{
	struct uvm_aobj *aobj = to_aobj(uobj);

	if (flags & PGO_LOCKED)
		return uao_get_locked(aobj, off, pps, npagesp, centreidx);
	return uao_get_unlocked(
	    aobj, off + (voff_t)ptoa(centreidx), &pps[centreidx]);
}

/* => object write-locked, page unbusy */
static void
flush_page(struct uvm_object *uobj, struct vm_page *pg, int flags)
{
	if (pg->loan_count != 0 || pg->wire_count != 0)
		return;
	if ((flags & PGO_FREE) &&
	    (uobj->uo_refs <= 1 || MUTANT(AOBJ_FLUSH_FREES_SHARED)) &&
	    !UVM_OBJ_IS_KERN(uobj)) {
		free_page(uobj, pg);
	} else if (flags & (PGO_DEACTIVATE | PGO_FREE)) {
		/* others use it too: only out of the way */
		pmap_page_protect(pg, PROT_NONE);
		uvm_pagedeactivate(pg);
	}
}

/*
 * Deactivate or free the pages of a range.  There is nothing to write: what
 * anonymous memory holds is in memory, or in swap for the daemon's reasons.
 * => object write-locked on entry and exit; may drop it to wait; TRUE
 */
static boolean_t
uao_flush(struct uvm_object *uobj, voff_t start, voff_t stop, int flags)
{
	uint64_t i = (uint64_t)start >> PAGE_SHIFT;
	uint64_t end = (uint64_t)round_page(stop) >> PAGE_SHIFT;
	struct vm_page *pg;

	if (flags & PGO_ALLPAGES) {
		i = 0;
		end = to_aobj(uobj)->u_pages;
	}
	if ((flags & (PGO_DEACTIVATE | PGO_FREE)) == 0)
		return TRUE;
	while ((pg = next_unbusy(uobj, i)) != NULL &&
	    (uint64_t)pg->offset >> PAGE_SHIFT < end) {
		i = ((uint64_t)pg->offset >> PAGE_SHIFT) + 1;
		flush_page(uobj, pg, flags);
	}
	return TRUE;
}

const struct uvm_pagerops aobj_pager = {
	.pgo_init = uao_init,
	.pgo_reference = uao_reference,
	.pgo_detach = uao_detach,
	.pgo_flush = uao_flush,
	.pgo_get = uao_get,
};
