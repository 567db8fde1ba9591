/*
 * The door of the fault handler.  The commonest faults, those on private
 * memory with nothing unusual about it, are resolved here in one go.
 */
#include <uvm/uvm_fault_i.h>

/* -- Neighbours ------------------------------------------------------------ */

/*
 * Is there a point in mapping this neighbour, if it is not mapped already?
 * What a writer could only read he would fault on, and have unmapped, soon.
 */
static inline bool
wants_mapping(const struct vm_anon *anon, pmap_t pmap, vaddr_t va, bool write)
{
	const struct vm_page *pg = anon->an_page;

	return pg != NULL && (pg->pg_flags & PG_BUSY) == 0 &&
	    (anon->an_ref == 1 || !write) &&
	    !vm_page_md_first_at(&pg->mdpage, pmap, va);
}

/*
 * Map the neighbours of whose pages others see a copy (shared), or the rest:
 * as writable as each may be without a copy.  Whether it gets written is for
 * the pmap to notice.
 * => bit i of wanted: run[i], at va + i pages
 */
static void
map_neighbours(pmap_t pmap, vaddr_t va, struct vm_anon **run, uint32_t wanted,
    vm_prot_t prot, bool shared)
{
	struct vm_page *pgs[FAULT_MAXPAGES];
	u_int i, found = 0;

	for (i = 0; wanted >> i != 0; i++) {
		pgs[i] = NULL;
		if ((wanted >> i & 1) != 0 &&
		    (run[i]->an_ref > 1 || run[i]->an_page->loan_count != 0) ==
			shared) {
			pgs[i] = run[i]->an_page;
			found++;
		}
	}
	if (shared && !MUTANT(NEIGHBOUR_WRITABLE))
		prot &= ~PROT_WRITE;
	if (found != 0 && prot != PROT_NONE)
		UVMCNT_ADD(
		    fltnamap, pmap_enter_neighbours(pmap, va, pgs, i, prot));
}

/*
 * What a sequential reader has left behind goes first when memory is short.
 * => amap write-locked
 */
static void
deactivate_behind(struct vm_anon **run, u_int n)
{
	struct vm_page *pg, *aged[FAULT_MAXPAGES];
	u_int i, naged = 0;

	for (i = 0; i < n; i++) {
		pg = run[i] != NULL ? run[i]->an_page : NULL;
		if (pg != NULL && pg->wire_count == 0 && pg->loan_count == 0 &&
		    (pg->pg_flags & PG_BUSY) == 0 &&
		    (pg->pg_flags & (PQ_ACTIVE | PQ_PENDING)) != 0 &&
		    uvm_pageq_deactivate(pg))
			aged[naged++] = pg;
	}
	uvm_pages_age(aged, naged);
}

/*
 * Do back slots before and forw slots after `where' lie beside it in memory?
 */
static inline bool
window_is_run(const struct amap_store *as, struct vm_anon **where, u_int slot,
    u_int back, u_int forw)
{
	u_int at = slot % AMAP_NODE_SLOTS, room = AMAP_NODE_SLOTS;

	if (as->as_top == 0) {
		at = slot;
		room = AMAP_INLINE;
	}
	return where != NULL && at >= back && at + forw < room;
}

void
uvm_fault_neighbours(struct vm_map *map, struct vm_map_entry *entry, vaddr_t va,
    struct vm_anon **where, vm_prot_t prot, bool write)
{
	struct amap_store *as = &entry->aref.ar_amap->am_store;
	u_int slot = entry->aref.ar_pageoff + atop(va - entry->start);
	struct vm_anon *copy[FAULT_MAXPAGES], **run = copy;
	pmap_t pmap = vm_map_pmap(map);
	u_int i, back, forw;
	uint32_t wanted = 0;

	uvm_fault_window(entry, va, &back, &forw);
	if (window_is_run(as, where, slot, back, forw))
		run = where - back;
	else
		for (i = 0; i <= back + forw; i++)
			copy[i] = amap_store_lookup(as, slot - back + i);

	va -= ptoa(back);
	for (i = 0; i <= back + forw; i++) {
		if (run[i] != NULL && i != back &&
		    wants_mapping(run[i], pmap, va + ptoa(i), write))
			wanted |= 1U << i;
	}
	if (wanted != 0)
		wanted &= ~pmap_mapped_mask(pmap, va, back + 1 + forw);
	if (wanted != 0) {
		map_neighbours(pmap, va, run, wanted, prot, false);
		map_neighbours(pmap, va, run, wanted, prot, true);
	}
	if (entry->advice == MADV_SEQUENTIAL)
		deactivate_behind(run, back);
}

/* -- Common faults --------------------------------------------------------- */

/* A fault on private memory; all members belong to the thread that faults. */
struct fast {
	struct vm_map *map; /* [thread] read-locked */
	struct vm_map_entry *entry; /* [thread] */
	struct vm_amap *amap; /* [thread] locked */
	struct vm_anon **where; /* [thread] the slot */
	vaddr_t va; /* [thread] */
	u_int slot; /* [thread] */
	vm_prot_t access; /* [thread] */
	bool write; /* [thread] the amap is write-locked */
	struct vm_anon *spare; /* [thread] with a page of zeros, or NULL */
};

/* Is there nothing to map at the slot of va? */
static __always_inline bool
slot_is_settled(const struct vm_anon *anon, pmap_t pmap, vaddr_t va, bool write)
{
	return anon == NULL ||
	    (anon->an_page != NULL &&
		vm_page_md_first_at(&anon->an_page->mdpage, pmap, va)) ||
	    (anon->an_ref > 1 && write);
}

static __always_inline bool
slots_are_empty(struct vm_anon *const *p)
{
	CTASSERT(FAULT_AHEAD == 4);
	return ((uintptr_t)p[0] | (uintptr_t)p[1] | (uintptr_t)p[2] |
		   (uintptr_t)p[3]) == 0;
}

/*
 * As window_is_settled() where the window reaches beyond the node: slots from
 * slot on, the faulting one excepted, the first of them at va.
 */
static __noinline bool
edge_is_settled(struct amap_store *as, u_int slot, u_int back, u_int forw,
    pmap_t pmap, vaddr_t va, bool write)
{
	u_int i, n, end = slot + back + forw + 1, faulting = slot + back;
	struct vm_anon **run;

	for (; slot < end; slot += n, va += ptoa(n)) {
		run = amap_store_run(as, slot, &n);
		n = MIN(n, end - slot);
		for (i = 0; run != NULL && i < n; i++) {
			if (slot + i != faulting &&
			    !slot_is_settled(run[i], pmap, va + ptoa(i), write))
				return false;
		}
	}
	return true;
}

/*
 * Is nothing to be done about the neighbours?  Usually those behind were
 * touched before and are mapped, and those ahead are not there.
 * => FALSE: uvm_fault_neighbours() finds out
 */
static __always_inline bool
window_is_settled(const struct fast *f)
{
	struct amap_store *as = &f->amap->am_store;
	bool write = (f->access & PROT_WRITE) != 0;
	pmap_t pmap = vm_map_pmap(f->map);
	struct vm_anon **p, **first;
	u_int back, forw;
	vaddr_t va;

	uvm_fault_window(f->entry, f->va, &back, &forw);
	if (!window_is_run(as, f->where, f->slot, back, forw))
		return edge_is_settled(as, f->slot - back, back, forw, pmap,
		    f->va - ptoa(back), write);
	/* ahead there is usually nothing, which a look in one go shows */
	if (forw != FAULT_AHEAD || !slots_are_empty(f->where + 1)) {
		for (p = f->where + forw, va = f->va + ptoa(forw); p > f->where;
		     p--, va -= PAGE_SIZE)
			if (!slot_is_settled(*p, pmap, va, write))
				return false;
	}
	first = f->where - back;
	for (p = f->where - 1, va = f->va - PAGE_SIZE; p >= first;
	     p--, va -= PAGE_SIZE)
		if (!slot_is_settled(*p, pmap, va, write))
			return false;
	return true;
}

/*
 * Map a page that was just put into the slot.
 * => amap write-locked; FALSE: no memory for tables
 */
static __always_inline bool
fast_enter_new(const struct fast *f, struct vm_page *pg)
{
	uvm_pageactivate(pg);
	if (__predict_false(
		pmap_enter_new(vm_map_pmap(f->map), f->va, pg,
		    f->entry->protection, f->access | PMAP_CANFAIL) != 0))
		return false;
	pmap_update(vm_map_pmap(f->map));
	return true;
}

/*
 * => an anon with a page of its own, zero-filled or a copy of src, in no amap;
 *    NULL: no memory
 */
static __always_inline struct vm_anon *
fast_anon(struct vm_page *src)
{
	struct vm_anon *anon = uvm_analloc();
	struct vm_page *pg;

	if (__predict_false(anon == NULL))
		return NULL;
	pg = uvm_pagealloc(NULL, 0, anon, src == NULL ? UVM_PGA_ZERO : 0);
	if (__predict_false(pg == NULL)) {
		uvm_anon_discard(anon);
		return NULL;
	}
	if (src != NULL)
		pmap_copy_page(src, pg);
	/* Nobody else knows the page yet. */
	pg->pg_flags &= ~(uint32_t)(PG_BUSY | PG_FAKE | PG_CLEAN);
	return anon;
}

/*
 * A page of zeros.
 * => amap locked, for writing if f->write, on entry and exit
 */
static __always_inline bool
fast_zero(struct fast *f)
{
	struct amap_store *as = &f->amap->am_store;
	struct vm_anon *anon = f->spare;

	f->spare = NULL;
	if (anon == NULL) {
		if (!f->write)
			amap_unlock(f->amap);
		anon = fast_anon(NULL);
		if (!f->write) {
			amap_lock_write(f->amap);
			/* Somebody may have been faster. */
			f->where = amap_store_slot(as, f->slot);
		}
		if (__predict_false(anon == NULL))
			return false;
	}
	if (__predict_true(f->where != NULL &&
		(*f->where == NULL || MUTANT(FAST_ZERO_NO_RECHECK))))
		amap_store_fill(as, f->slot, f->where, anon);
	else if (f->where != NULL || amap_store_set(as, f->slot, anon) != 0) {
		uvm_anon_discard(anon);
		return false;
	}
	anon->an_lock = f->amap->am_lock;
	UVMCNT_INC(flt_przero);
	return fast_enter_new(f, anon->an_page);
}

/*
 * Lock the amap.  If the slot looks empty the page is made before, so that the
 * lock is taken once, for writing, and held for short; but if nobody else
 * wants the lock it does not matter.
 */
static __always_inline void
fast_lock(struct fast *f)
{
	struct vm_anon **where;

	f->write = uvm_fault_alone(f->map, f->amap);
	f->spare = NULL;
	if (!f->write && (f->access & PROT_WRITE) != 0 &&
	    !UVM_ET_ISOBJ(f->entry) && atomic_load_acq(&f->amap->am_ref) == 1) {
		where = amap_store_slot(&f->amap->am_store, f->slot);
		if (where == NULL || atomic_load(where) == NULL) {
			f->spare = fast_anon(NULL);
			f->write = f->spare != NULL;
		}
	}
	if (f->write)
		amap_lock_write(f->amap);
	else
		amap_lock_read(f->amap);
}

/*
 * May a reader share the page of zeros instead of getting one of his own?
 * Only this map can ever fill the slot: its fault will replace the mapping.
 * When the amap becomes shared, such mappings go (uvm_map_unshare_zero).  The
 * kernel's mappings of what a program had shared with it (uvm_io) and has
 * unmapped since are the kernel's own, so they get a page.
 */
static __always_inline bool
zero_may_be_shared(const struct fast *f)
{
	return f->access == PROT_READ && UVM_ET_ISCOPYONWRITE(f->entry) &&
	    ((f->amap->am_flags & AMAP_SHARED) == 0 ||
		MUTANT(ZERO_PAGE_IN_SHARED)) &&
	    !vm_map_is_kernel(f->map);
}

/* 1A, if nothing about the page changes. => amap locked */
static __always_inline bool
fast_map(const struct fast *f, struct vm_anon *anon)
{
	struct vm_page *pg = anon->an_page;
	vm_prot_t prot = f->entry->protection;

	/* a wired page is on no queue */
	if (pg == NULL || pg->loan_count != 0 ||
	    (pg->pg_flags & (PG_BUSY | PG_CLEAN)) != 0 ||
	    (pg->pg_flags & (PQ_ACTIVE | PQ_PENDING)) == 0)
		return false;
	if (anon->an_ref > 1 && !MUTANT(FAST_MAP_WRITABLE))
		prot &= ~PROT_WRITE;
	if (pmap_enter(vm_map_pmap(f->map), f->va, VM_PAGE_TO_PHYS(pg), prot,
		f->access | PMAP_CANFAIL) != 0)
		return false;
	pmap_update(vm_map_pmap(f->map));
	UVMCNT_INC(fltanget);
	UVMCNT_INC(flt_anon);
	return true;
}

/*
 * 1B.  The page cannot change while it is copied: the amap is locked.
 * => amap locked on entry and exit
 */
static __always_inline bool
fast_cow(const struct fast *f, struct vm_anon *old)
{
	struct vm_page *pg = old->an_page;
	struct vm_anon *anon;

	if (pg == NULL || (pg->pg_flags & PG_BUSY) != 0 ||
	    (f->amap->am_flags & AMAP_SHARED) != 0 || pg->wire_count != 0)
		return false;
	anon = fast_anon(pg);
	if (anon == NULL)
		return false;
	if (!f->write && !rw_upgrade_try(&f->amap->am_lock->aml_lock)) {
		uvm_anon_discard(anon);
		return false;
	}
	anon->an_lock = f->amap->am_lock;
	*f->where = anon;
	if (!MUTANT(COW_KEEPS_REF))
		old->an_ref--;
	UVMCNT_INC(fltanget);
	UVMCNT_INC(flt_acow);
	return fast_enter_new(f, anon->an_page);
}

static inline bool
entry_is_simple(const struct vm_map_entry *entry, vm_prot_t access)
{
	return (entry->etype & (UVM_ET_SUBMAP | UVM_ET_HOLE)) == 0 &&
	    (access & ~entry->protection) == 0 && access != PROT_NONE &&
	    entry->wired_count == 0 && (entry->me_flags & ME_NOFAULT) == 0 &&
	    entry->advice != MADV_SEQUENTIAL;
}

/*
 * Resolve needs-copy on the spot, if nobody is in the way.
 * => map read-locked on entry and exit
 */
static __noinline bool
fast_amapcopy(struct vm_map *map, struct vm_map_entry *entry)
{
	int error;

	if ((map->flags & VM_MAP_BUSY) != 0 || !rw_upgrade_try(&map->vm_lock))
		return false;
	if (!MUTANT(FAST_COPY_NO_STAMP))
		map->timestamp++;
	error = amap_copy(map, entry, false, false, 0, 0);
	if (error == 0)
		UVMCNT_INC(fltamcopy);
	rw_downgrade(&map->vm_lock);
	return error == 0 || MUTANT(FAST_COPY_IGNORES_ENOMEM);
}

/*
 * Everything unusual is left to the stages, which count it too: objects,
 * waiting, loans, wiring.  A page that cannot be mapped is found there as case
 * 1A.
 * => map read-locked; TRUE: resolved, map unlocked; FALSE: the map is still
 *    locked
 */
static __always_inline bool
fault_fast(struct vm_map *map, struct vm_map_entry *entry, vaddr_t va,
    vm_prot_t access)
{
	struct fast f = {
		.map = map, .entry = entry, .va = va, .access = access
	};
	struct vm_anon *anon;
	bool ok = false;

	if (!entry_is_simple(entry, access))
		return false;
	if (UVM_ET_ISNEEDSCOPY(entry) &&
	    (((access & PROT_WRITE) == 0 && UVM_ET_ISOBJ(entry)) ||
		!fast_amapcopy(map, entry)))
		return false;
	f.amap = entry->aref.ar_amap;
	if (f.amap == NULL)
		return false;
	f.slot = entry->aref.ar_pageoff + atop(va - entry->start);
	fast_lock(&f);
	f.where = amap_store_slot(&f.amap->am_store, f.slot);
	anon = f.where != NULL ? *f.where : NULL;
	if (anon == NULL && UVM_ET_ISOBJ(entry))
		goto out;
	if (entry->advice == MADV_NORMAL && !window_is_settled(&f))
		uvm_fault_neighbours(map, entry, va, f.where, entry->protection,
		    (access & PROT_WRITE) != 0);
	if (anon == NULL && zero_may_be_shared(&f))
		ok = pmap_enter_zero(vm_map_pmap(map), va) == 0;
	else if (anon == NULL)
		ok = fast_zero(&f);
	else if (anon->an_ref == 1 || (access & PROT_WRITE) == 0)
		ok = fast_map(&f, anon);
	else
		ok = fast_cow(&f, anon);
out:
	amap_unlock(f.amap);
	if (ok)
		rw_exit(&map->vm_lock);
	if (__predict_false(f.spare != NULL) && !MUTANT(FAST_SPARE_LEAK))
		uvm_anon_discard(f.spare); /* somebody was faster */
	return ok;
}

/*
 * => the entry that holds vaddr, its map read-locked; NULL: none, unlocked
 */
static __always_inline struct vm_map_entry *
fault_entry(struct vm_map *map, vaddr_t vaddr)
{
	struct vm_map_entry *entry;

	KDASSERT(curcpu()->ci_mtxdepth == 0);
	UVMCNT_INC(faults);
	if (!uvmfault_pageable(map))
		return NULL;
	rw_enter_read(&map->vm_lock);
	entry = atomic_load(&map->vm_hint);
	if ((vaddr < entry->start || vaddr >= entry->end) &&
	    !uvm_map_lookup_entry(map, vaddr, &entry)) {
		rw_exit(&map->vm_lock);
		return NULL;
	}
	return entry;
}

/*
 * Make the page at vaddr accessible, or wire it.
 * => thread context, no locks; may sleep
 * => 0: the access may be tried again; EFAULT: no entry, or beyond the object;
 *    EACCES: not allowed; ENOMEM: no memory and none to come; EIO: lost
 */
int
uvm_fault(vm_map_t orig_map, vaddr_t vaddr, vm_fault_t fault_type,
    vm_prot_t access_type)
{
	struct vm_map_entry *entry;

	vaddr = trunc_page(vaddr);
	entry = fault_entry(orig_map, vaddr);
	if (entry == NULL)
		return EFAULT;
	if (fault_type != VM_FAULT_WIRE &&
	    fault_fast(orig_map, entry, vaddr, access_type))
		return 0;
	return uvm_fault_loop(orig_map, entry, vaddr, fault_type, access_type);
}

int
uvm_fault_own(vm_map_t map, vaddr_t vaddr, vm_prot_t access_type)
{
	struct vm_map_entry *entry;

	vaddr = trunc_page(vaddr);
	entry = fault_entry(map, vaddr);
	if (entry == NULL)
		return EFAULT;
	return uvm_fault_loop(map, entry, vaddr, VM_FAULT_INVALID, access_type);
}
