/*
 * Anonymous objects: memory that is shared, or the kernel's own.
 *
 * Pages are made, zero-filled, when first asked for.  A tree like that of the
 * pages holds the swap slots; it stays empty until a page is written to swap.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_swap.h>
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

static int
read_swap(struct uvm_aobj *aobj, u_long idx, struct vm_page *pg, bool narrow);

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

/* => object write-locked; slots of pages [first, last) that are not resident */
static void
free_slots(struct uvm_aobj *aobj, uint64_t first, uint64_t last)
{
	uint64_t i = first;

	while (uvm_pagetree_next(&aobj->u_swslots, &i) != NULL && i < last) {
		if (uvm_pagetree_lookup(&aobj->u_obj.uo_tree, i) == NULL)
			uao_dropswap(&aobj->u_obj, (u_long)i);
		i++;
	}
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
	if (MUTANT(SWAP_AOBJ_KEEPS_SLOTS))
		return;
	free_slots(aobj, 0, UAO_MAXPAGES);
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
 * Bring the page at off into memory if it is in swap.
 * => object write-locked on entry and exit; dropped meanwhile; 0 or errno
 */
static int
tail_resident(struct uvm_object *uobj, voff_t off)
{
	u_long idx = (u_long)off >> PAGE_SHIFT;
	struct vm_page *pg;
	int n, rv = VM_PAGER_OK;

	while (uvm_pagelookup(uobj, off) == NULL &&
	    uao_find_swslot(uobj, idx) != 0) {
		pg = NULL;
		n = 1;
		rv = uobj->pgops->pgo_get(
		    uobj, off, &pg, &n, 0, PROT_READ, MADV_RANDOM, 0);
		if (rv == VM_PAGER_AGAIN)
			uvm_wait("uaotail");
		rw_enter_write(&uobj->uo_lock);
		if (rv == VM_PAGER_OK) {
			uvm_pageactivate(pg);
			(void)uvm_page_unbusy(pg);
		} else if (rv != VM_PAGER_AGAIN)
			return EIO;
	}
	return 0;
}

/*
 * Make the object end at `size' bytes: pages behind are unmapped and freed,
 * the rest of the last one becomes zero.
 * => object unlocked; may sleep for busy pages and to read from swap
 * => 0; EIO: the last page could not be read, and nothing happened
 */
int
uao_shrink(struct uvm_object *uobj, vsize_t size)
{
	u_long pages = atop(size) + ((size & PAGE_MASK) != 0);
	struct uvm_aobj *aobj = to_aobj(uobj);
	struct vm_page *pg;
	int error = 0;

	rw_enter_write(&uobj->uo_lock);
	if ((size & PAGE_MASK) && !MUTANT(AOBJ_TAIL_IN_SWAP))
		error = tail_resident(uobj, (voff_t)trunc_page(size));
	if (error != 0) {
		rw_exit(&uobj->uo_lock);
		return error;
	}
	if ((size & PAGE_MASK) && !MUTANT(AOBJ_KEEPS_TAIL))
		zero_tail(uobj, size);
	aobj->u_pages = MIN(aobj->u_pages, pages);
	while ((pg = next_unbusy(uobj, pages)) != NULL)
		free_page(uobj, pg);
	if (!MUTANT(AOBJ_SHRINK_KEEPS_SLOTS))
		free_slots(aobj, pages, UAO_MAXPAGES);
	rw_exit(&uobj->uo_lock);
	return 0;
}

/* => object unlocked; [start, end), in whole pages, reads as zeros; may sleep */
void
uao_punch(struct uvm_object *uobj, voff_t start, voff_t end)
{
	uint64_t i = (uint64_t)start >> PAGE_SHIFT;
	uint64_t last = (uint64_t)end >> PAGE_SHIFT;
	struct vm_page *pg;

	KASSERT(((start | end) & (voff_t)PAGE_MASK) == 0);
	if (MUTANT(AOBJ_PUNCH_ONE_MORE))
		last++;
	rw_enter_write(&uobj->uo_lock);
	while ((pg = next_unbusy(uobj, i)) != NULL &&
	    (uint64_t)pg->offset >> PAGE_SHIFT < last) {
		i = ((uint64_t)pg->offset >> PAGE_SHIFT) + 1;
		free_page(uobj, pg);
	}
	if (!MUTANT(AOBJ_PUNCH_KEEPS_SLOTS))
		free_slots(to_aobj(uobj), start >> PAGE_SHIFT, last);
	rw_exit(&uobj->uo_lock);
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

/*
 * The tree of slots needs nodes, and the page daemon must not depend on getting
 * memory for them: some are kept for it.
 */
#define SWAPNODES 32

/* All: swapnode_mtx. */
static struct mutex swapnode_mtx = MUTEX_INITIALIZER(LR_MISC, "swapnodes");
static struct uvm_ptnode *swapnode[SWAPNODES];
static int swapnodes, swapnodes_max;

/* A hint.  One load after the other: each is a point of the simulator. */
static bool
swapnodes_lack(void)
{
	int n = atomic_load(&swapnodes);

	return n < atomic_load(&swapnodes_max);
}

void
uao_swapnodes_refill(void)
{
	struct uvm_ptnode *n;

	while (swapnodes_lack() && (n = uvm_ptnode_fresh()) != NULL) {
		mtx_enter(&swapnode_mtx);
		if (swapnodes < swapnodes_max) {
			swapnode[swapnodes++] = n;
			n = NULL;
		}
		mtx_leave(&swapnode_mtx);
		if (n != NULL)
			uvm_ptnode_put(n);
	}
}

void
uao_swapnodes_reserve(void)
{
	mtx_enter(&swapnode_mtx);
	swapnodes_max = SWAPNODES;
	mtx_leave(&swapnode_mtx);
	uao_swapnodes_refill();
}

struct uvm_ptnode *
uao_swapnode_take(void)
{
	struct uvm_ptnode *n = NULL;

	mtx_enter(&swapnode_mtx);
	if (swapnodes > 0)
		n = swapnode[--swapnodes];
	mtx_leave(&swapnode_mtx);
	return n;
}

void
uao_swapnodes_unreserve(void)
{
	struct uvm_ptnode *n;

	mtx_enter(&swapnode_mtx);
	swapnodes_max = 0;
	mtx_leave(&swapnode_mtx);
	while ((n = uao_swapnode_take()) != NULL)
		uvm_ptnode_put(n);
}

int
uao_swapnodes_kept(void)
{
	return atomic_load(&swapnodes);
}

const struct uvm_pagetree *
uao_swslots(const struct uvm_object *uobj)
{
	return &to_aobj((struct uvm_object *)(uintptr_t)uobj)->u_swslots;
}

int
uao_find_swslot(struct uvm_object *uobj, u_long pageidx)
{
	return UAO_ITEM_SLOT(
	    uvm_pagetree_lookup(&to_aobj(uobj)->u_swslots, pageidx));
}

int
uao_set_swslot(struct uvm_object *uobj, u_long pageidx, int slot)
{
	struct uvm_pagetree *t = &to_aobj(uobj)->u_swslots;
	int old;

	if (slot == 0)
		return UAO_ITEM_SLOT(uvm_pagetree_remove(t, pageidx));
	old = UAO_ITEM_SLOT(
	    uvm_pagetree_replace(t, pageidx, UAO_SLOT_ITEM(slot)));
	if (old == 0 &&
	    uvm_pagetree_insert(t, pageidx, UAO_SLOT_ITEM(slot)) != 0)
		return -1;
	return old;
}

uint32_t
uao_swapped(struct uvm_object *uobj, uint64_t first, uint64_t last)
{
	struct uvm_aobj *aobj = to_aobj(uobj);
	uint64_t i = first;
	uint32_t n = 0;
	void *item;

	for (; (item = uvm_pagetree_next(&aobj->u_swslots, &i)) != NULL &&
	     i < last;
	     i++)
		n += UAO_ITEM_SLOT(item) > 0 &&
		    uvm_pagetree_lookup(&uobj->uo_tree, i) == NULL;
	return n;
}

void
uao_dropswap(struct uvm_object *uobj, u_long pageidx)
{
	struct uvm_aobj *aobj = to_aobj(uobj);
	struct vm_page *pg;
	int slot;

	if (aobj->u_swslots.pt_root == NULL)
		return;
	slot = UAO_ITEM_SLOT(uvm_pagetree_remove(&aobj->u_swslots, pageidx));
	if (slot == 0 || slot == SWSLOT_BAD)
		return;
	pg = uvm_pagetree_lookup(&uobj->uo_tree, pageidx);
	if ((pg == NULL || (pg->pg_flags & PG_FAKE) != 0) &&
	    !MUTANT(AOBJ_ONLY_DRIFT))
		uvm_swap_only(-1);
	uvm_swap_free(slot, 1);
}

/*
 * The page at index i has a slot that must go: bring it in, or if it is lost
 * with the device, note that.
 * => object write-locked on entry and exit, dropped to wait; 0: look again;
 *    EIO: it could not be read; ENOMEM: no memory for it
 */
static int
swapoff_page(struct uvm_aobj *aobj, u_long i)
{
	struct uvm_object *uobj = &aobj->u_obj;
	int slot = uao_find_swslot(uobj, i);
	struct vm_page *pg = uvm_pagetree_lookup(&uobj->uo_tree, i);

	if (pg != NULL && (pg->pg_flags & PG_BUSY)) {
		uvm_page_wait(pg, &uobj->uo_lock, "swapoff");
		rw_enter_write(&uobj->uo_lock);
		return 0;
	}
	if (pg == NULL && uvm_swap_isbad(slot)) {
		(void)uvm_pagetree_replace(
		    &aobj->u_swslots, i, UAO_SLOT_ITEM(SWSLOT_BAD));
		if (MUTANT(SWAP_OFF_FORGETS_LOST))
			(void)uvm_pagetree_remove(&aobj->u_swslots, i);
		uvm_swap_only(-1);
		uvm_swap_free(slot, 1);
		return 0;
	}
	if (pg == NULL) {
		pg = uvm_pagealloc(uobj, (voff_t)ptoa(i), NULL, 0);
		if (pg == NULL)
			return ENOMEM;
		if (read_swap(aobj, i, pg, false) != VM_PAGER_OK)
			return EIO;
		uvm_pageactivate(pg);
		if (uvm_page_unbusy(pg))
			return 0;
	}
	atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
	uao_dropswap(uobj, i);
	return 0;
}

int
uao_swapoff(struct uvm_object *uobj, int first, int last)
{
	struct uvm_aobj *aobj = to_aobj(uobj);
	uint64_t i = 0;
	int error = 0, slot;
	void *item;

	KASSERT(rw_write_held(&uobj->uo_lock));
	while (error == 0 &&
	    (item = uvm_pagetree_next(&aobj->u_swslots, &i)) != NULL) {
		slot = UAO_ITEM_SLOT(item);
		if (slot >= first && slot < last)
			error = swapoff_page(aobj, (u_long)i);
		else
			i++;
	}
	return error;
}

void
uao_freeslots(struct uvm_object *uobj, u_long first, u_long last)
{
	free_slots(to_aobj(uobj), first, last);
}

bool
uao_may_pageout(const struct uvm_object *uobj)
{
	return !UVM_OBJ_IS_KERN(uobj) ||
	    (to_aobj((struct uvm_object *)(uintptr_t)uobj)->u_flags &
		UAO_FLAG_KERNSWAP) != 0;
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
		    (uao_find_swslot(uobj, first + (u_long)i) == 0 ||
			MUTANT(AOBJ_FORGETS_SWAP)))
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
 * Is it to be read too, and has a page for that?  Not if its slot is bad: the
 * page would be taken for clean and freed, and nobody could read it again.
 * => object write-locked
 */
static bool
read_add(struct uvm_aobj *aobj, u_long idx, int slot)
{
	return idx < aobj->u_pages &&
	    (uao_find_swslot(&aobj->u_obj, idx) == slot ||
		MUTANT(AOBJ_READS_ANY_SLOT)) &&
	    (!uvm_swap_isbad(slot) || MUTANT(SWAP_BAD_READ_ALONG)) &&
	    uvm_pagetree_lookup(&aobj->u_obj.uo_tree, idx) == NULL &&
	    uvm_pagealloc(&aobj->u_obj, (voff_t)ptoa(idx), NULL, 0) != NULL;
}

/*
 * A neighbour that was read, or not, and that nobody asked for.
 * => object write-locked
 */
static void
read_done(struct vm_page *pg)
{
	if ((pg->pg_flags & PG_FAKE) && !MUTANT(AOBJ_KEEPS_UNREAD))
		atomic_or(&pg->pg_flags, PG_RELEASED);
	else
		uvm_pagedeactivate(pg);
	(void)uvm_page_unbusy(pg);
}

/*
 * Read a page from swap, and those beside it that follow it there too.
 * => object write-locked on entry and exit, dropped meanwhile; pg: its page,
 *    busy, just allocated
 * => VM_PAGER_OK, or VM_PAGER_ERROR with the page gone
 */
static int
read_swap(struct uvm_aobj *aobj, u_long idx, struct vm_page *pg, bool narrow)
{
	struct vm_page *pgs[SWAP_CLUSTER];
	struct uvm_object *uobj = &aobj->u_obj;
	int slot = uao_find_swslot(uobj, idx), n = 1, got;
	long spare = (uvm_free_count() - uvmexp.reserve_kernel) / 4;
	int width = narrow ? 1 : (int)MAX(1, MIN(spare, SWAP_CLUSTER));

	pgs[0] = pg;
	while (n < width && slot > 0 &&
	    read_add(aobj, idx + (u_long)n, slot + n)) {
		pgs[n] = uvm_pagetree_lookup(&uobj->uo_tree, idx + (u_long)n);
		n++;
	}
	rw_exit(&uobj->uo_lock);
	got = slot > 0 ? uvm_swap_get_run(pgs, slot, n, 0) : 0;
	rw_enter_write(&uobj->uo_lock);
	while (--n > 0)
		read_done(pgs[n]);
	if (got != 0)
		return VM_PAGER_OK;
	atomic_or(&pg->pg_flags, PG_RELEASED);
	(void)uvm_page_unbusy(pg);
	return VM_PAGER_ERROR;
}

/*
 * The page at off, whatever it takes.
 * => object write-locked on entry, unlocked on exit; may sleep
 */
static int
uao_get_unlocked(
    struct uvm_aobj *aobj, voff_t off, struct vm_page **pgp, int advice)
{
	struct uvm_object *uobj = &aobj->u_obj;
	u_long idx = (u_long)off >> PAGE_SHIFT;
	struct vm_page *pg;
	int rv = VM_PAGER_OK;
	bool swapped;

	for (;;) {
		if (idx >= aobj->u_pages) {
			rv = VM_PAGER_BAD;
			break;
		}
		pg = uvm_pagelookup(uobj, off);
		if (pg == NULL) {
			swapped = uao_find_swslot(uobj, idx) != 0;
			pg = uvm_pagealloc(
			    uobj, off, NULL, swapped ? 0 : UVM_PGA_ZERO);
			if (pg == NULL)
				rv = VM_PAGER_AGAIN;
			else if (swapped)
				rv = read_swap(
				    aobj, idx, pg, advice == MADV_RANDOM);
			if (rv == VM_PAGER_OK)
				*pgp = pg;
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
	    aobj, off + (voff_t)ptoa(centreidx), &pps[centreidx], advice);
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
	if ((flags & PGO_FREE) && uobj->uo_refs <= 1 && !UVM_OBJ_IS_KERN(uobj))
		free_slots(to_aobj(uobj), (uint64_t)start >> PAGE_SHIFT, end);
	return TRUE;
}

const struct uvm_pagerops aobj_pager = {
	.pgo_init = uao_init,
	.pgo_reference = uao_reference,
	.pgo_detach = uao_detach,
	.pgo_flush = uao_flush,
	.pgo_get = uao_get,
};
