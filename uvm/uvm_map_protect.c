/*
 * Rights and attributes of a range: protection, inheritance, advice,
 * immutability; and the gate every change of an entry goes through.
 */
#include <uvm/uvm.h>

/*
 * May this entry be changed so?
 * => map locked; 0; EINVAL: submap; EPERM: immutable; EACCES: prot is above
 *    the maximum, or would make kernel memory writable and executable
 */
int
uvm_map_gate(vm_map_t map, struct vm_map_entry *e, enum uvm_change change,
    vm_prot_t prot)
{
	bool immutable = (e->me_flags & ME_IMMUTABLE) != 0;

	switch (change) {
	case UVM_CHANGE_MAXPROT:
		if (immutable && prot != e->max_protection)
			return EPERM;
		/* FALLTHROUGH */
	case UVM_CHANGE_PROT:
		if (UVM_ET_ISSUBMAP(e))
			return EINVAL;
		if (immutable && prot != e->protection)
			return EPERM;
		if ((prot & ~e->max_protection) != 0)
			return EACCES;
		if (vm_map_is_kernel(map) && (prot & PROT_WRITE) &&
		    (prot & PROT_EXEC))
			return EACCES;
		return 0;
	case UVM_CHANGE_DISCARD:
		/* Contents of immutable memory change as its rights allow. */
		return immutable && (e->protection & PROT_WRITE) == 0 ? EPERM
								      : 0;
	case UVM_CHANGE_UNMAP:
	case UVM_CHANGE_INHERIT:
		break;
	}
	return immutable ? EPERM : 0;
}

/* -- Protection ----------------------------------------------------------------- */

/* First pass: nothing is changed if this fails. */
static int
protect_check(vm_map_t map, struct vm_map_entry *first, vaddr_t start,
    vaddr_t end, vm_prot_t prot, bool set_max, bool nogap)
{
	enum uvm_change change = set_max ? UVM_CHANGE_MAXPROT : UVM_CHANGE_PROT;
	struct vm_map_entry *e;
	vaddr_t at = start;
	int error;

	for (e = first; e != &map->vm_head && e->start < end; e = e->me_next) {
		if (nogap && (e->start > at || UVM_ET_ISHOLE(e)))
			return ENOMEM;
		error = uvm_map_gate(map, e, change, prot);
		if (error != 0)
			return error;
		at = e->end;
	}
	return nogap && at < end ? ENOMEM : 0;
}

/*
 * Would a write fault on this anon only set the write right?  Asked for every
 * page of an mprotect(): few branches.
 */
static inline bool
write_is_free(const struct vm_anon *anon)
{
	const struct vm_page *pg;

	if (anon == NULL ||
	    ((MUTANT(RAISE_SHARED_ANON) ? 0 : anon->an_ref ^ 1) |
		anon->an_swslot) != 0)
		return false;
	pg = anon->an_page;
	return pg != NULL &&
	    ((pg->pg_flags & (PG_BUSY | PG_CLEAN | PG_RDONLY)) |
		(MUTANT(RAISE_LOANED) ? 0 : pg->loan_count)) == 0;
}

/*
 * How many of the n anons, from the first on, may be written at once; their
 * pages are told.
 */
static u_int
count_free(struct vm_anon **run, u_int n)
{
	u_int i;

	for (i = 0; i < n && write_is_free(run[i]); i++) {
		if (__predict_false(PMAP_PAGE_FETCHABLE(run[i]->an_page)))
			pmap_page_modified_text(run[i]->an_page);
	}
	return i;
}

/*
 * The entry became writable.  Its own pages, which nobody shares, may be
 * written at once; giving them the right here, in one walk of the tables,
 * saves a fault each.  All others are left to the fault handler.
 */
static void
raise_entry(vm_map_t map, struct vm_map_entry *e)
{
	struct vm_amap *amap = e->aref.ar_amap;
	u_int slot = e->aref.ar_pageoff, n, done;
	vaddr_t va = e->start, from = va;
	struct vm_anon **run;

	amap_lock_write(amap);
	while (va < e->end) {
		run = amap_store_run(&amap->am_store, slot, &n);
		n = (u_int)MIN(n, atop(e->end - va));
		done = run != NULL ? count_free(run, n) : 0;
		if (done < n) {
			/* One that is left out ends a stretch. */
			if (from < va + ptoa(done))
				pmap_raise(map->pmap, from, va + ptoa(done));
			done = run != NULL ? done + 1 : n;
			from = va + ptoa(done);
		}
		va += ptoa(done);
		slot += done;
	}
	if (from < va)
		pmap_raise(map->pmap, from, va);
	amap_unlock(amap);
}

/* One entry that lies wholly inside the range; result of a wiring if any. */
static int
protect_entry(vm_map_t map, struct vm_map_entry *e, vm_prot_t prot)
{
	vm_prot_t old = e->protection;

	if (prot == PROT_NONE && VM_MAPENT_ISWIRED(e) &&
	    !MUTANT(PROTECT_NONE_STAYS_WIRED)) {
		/* What cannot be accessed is not kept wired. */
		e->wired_count = 0;
		uvm_fault_unwire_locked(map, e->start, e->end);
	}
	e->protection = (uint8_t)prot;
	if ((old & ~prot) != 0) {
		/* An entry never touched has nothing in the pmap. */
		if ((e->aref.ar_amap != NULL || UVM_ET_ISOBJ(e)) &&
		    !MUTANT(PROTECT_NOT_APPLIED))
			pmap_protect(map->pmap, e->start, e->end, prot);
	} else if ((prot & PROT_WRITE) && old != PROT_NONE &&
	    e->aref.ar_amap != NULL &&
	    (!UVM_ET_ISNEEDSCOPY(e) || MUTANT(RAISE_NEEDSCOPY))) {
		raise_entry(map, e);
	}

	if ((map->flags & VM_MAP_WIREFUTURE) && !VM_MAPENT_ISWIRED(e) &&
	    old == PROT_NONE && prot != PROT_NONE)
		return uvm_map_pageable(
		    map, e->start, e->end, FALSE, UVM_LK_ENTER | UVM_LK_EXIT);
	return 0;
}

/* Second pass.  Wiring may let go of the lock, so go on by address. */
static int
protect_range(vm_map_t map, struct vm_map_entry *first, vaddr_t start,
    vaddr_t end, vm_prot_t prot, bool set_max)
{
	struct vm_map_entry *e = first;
	int error = 0;

	for (; e != &map->vm_head && e->start < end; e = e->me_next) {
		if (UVM_ET_ISHOLE(e))
			continue;
		if (e->protection == prot &&
		    (!set_max || e->max_protection == prot))
			continue;
		uvm_map_clip_start(map, e, start);
		uvm_map_clip_end(map, e, end);
		if (set_max)
			e->max_protection = (uint8_t)prot;
		if (e->protection != prot && protect_entry(map, e, prot) != 0)
			error = ENOMEM;
	}
	pmap_update(map->pmap);
	return error;
}

static int
protect(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t prot, bool set_max,
    bool nogap)
{
	struct vm_map_entry *first;
	int error;

	if (start > end)
		return EINVAL;
	if (start == end)
		return 0;
	vm_map_lock(map);
	first = uvm_map_first(map, start);
	error = protect_check(map, first, start, end, prot, set_max, nogap);
	if (error == 0)
		error = protect_range(map, first, start, end, prot, set_max);
	vm_map_unlock(map);
	return error;
}

/*
 * => map unlocked on entry and exit; [start, end) page-aligned; may sleep
 * => 0; EINVAL: start > end, submap; EACCES; EPERM: nothing was changed;
 *    ENOMEM: all was changed but not all could be wired (WIREFUTURE)
 */
int
uvm_map_protect(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t new_prot,
    boolean_t set_max)
{
	return protect(map, start, end, new_prot, set_max != FALSE, false);
}

/* => as above; a gap in the range is ENOMEM, with nothing changed */
int
uvm_map_protect_nogap(
    vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t new_prot)
{
	return protect(map, start, end, new_prot, false, true);
}

/* -- Attributes ------------------------------------------------------------------- */

/*
 * => map unlocked; 0; EINVAL: no such inheritance, start > end; EPERM:
 *    immutable, nothing changed
 */
int
uvm_map_inherit(vm_map_t map, vaddr_t start, vaddr_t end, vm_inherit_t inherit)
{
	struct vm_map_entry *first, *e;
	int error = 0;

	if ((inherit & ~MAP_INHERIT_MASK & ~3) != 0 || start > end ||
	    ((inherit & 3) != 0 && (inherit & MAP_INHERIT_MASK) != 0))
		return EINVAL;
	inherit = UVM_INH_NORM(inherit);
	vm_map_lock(map);
	first = uvm_map_first(map, start);
	for (e = first; e != &map->vm_head && e->start < end && error == 0;
	     e = e->me_next)
		error = uvm_map_gate(map, e, UVM_CHANGE_INHERIT, 0);
	for (e = first; error == 0 && e != &map->vm_head && e->start < end;
	     e = e->me_next) {
		if (e->inheritance == inherit)
			continue;
		uvm_map_clip_start(map, e, start);
		if (!MUTANT(INHERIT_NO_CLIP))
			uvm_map_clip_end(map, e, end);
		e->inheritance = (uint8_t)inherit;
	}
	vm_map_unlock(map);
	return error;
}

/* => map unlocked; 0; EINVAL: not NORMAL, RANDOM or SEQUENTIAL, start > end */
int
uvm_map_advice(vm_map_t map, vaddr_t start, vaddr_t end, int advice)
{
	struct vm_map_entry *e;

	if (advice < MADV_NORMAL || advice > MADV_SEQUENTIAL || start > end)
		return EINVAL;
	vm_map_lock(map);
	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next) {
		if (e->advice == advice || UVM_ET_ISSUBMAP(e))
			continue;
		uvm_map_clip_start(map, e, start);
		uvm_map_clip_end(map, e, end);
		e->advice = (uint8_t)advice;
	}
	vm_map_unlock(map);
	return 0;
}

/*
 * => map unlocked; from now on the gate refuses changes of the range's
 *    entries; 0; ENOMEM: a gap, nothing changed
 */
int
uvm_map_immutable(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;
	int error = 0;

	vm_map_lock(map);
	if (!uvm_map_covered(map, start, end))
		error = ENOMEM;
	for (e = uvm_map_first(map, start);
	     error == 0 && e != &map->vm_head && e->start < end;
	     e = e->me_next) {
		if (e->me_flags & ME_IMMUTABLE)
			continue;
		uvm_map_clip_start(map, e, start);
		uvm_map_clip_end(map, e, end);
		e->me_flags |= ME_IMMUTABLE;
	}
	vm_map_unlock(map);
	return error;
}
