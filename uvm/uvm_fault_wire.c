/* Wiring by faulting pages in, and the way back. */
#include <uvm/uvm.h>

#define WIRE_BATCH 64 /* pages wired under one hold of the amap's lock */

/* -- Wiring ---------------------------------------------------------------- */

/*
 * Can the page be wired where it is, with all rights of its entry, and without
 * waiting?
 * => amap write-locked
 */
static inline bool
anon_is_wirable(const struct vm_anon *anon, vm_prot_t prot)
{
	const struct vm_page *pg;

	if (anon == NULL || (anon->an_ref > 1 && (prot & PROT_WRITE) != 0))
		return false;
	pg = anon->an_page;
	return pg != NULL && anon->an_swslot == 0 && pg->loan_count == 0 &&
	    (pg->pg_flags & PG_BUSY) == 0;
}

/*
 * => map read-locked, the entry has an amap; pages wired from va on
 */
static u_int
wire_anons(vm_map_t map, struct vm_map_entry *entry, vaddr_t va, u_int n)
{
	struct vm_amap *amap = entry->aref.ar_amap;
	u_int i, slot = entry->aref.ar_pageoff + atop(va - entry->start);
	vm_prot_t prot = entry->protection;
	struct vm_anon *anon;

	amap_lock_write(amap);
	for (i = 0; i < n; i++, va += PAGE_SIZE) {
		anon = amap_store_lookup(&amap->am_store, slot + i);
		if (!anon_is_wirable(anon, prot) ||
		    pmap_enter(vm_map_pmap(map), va,
			VM_PAGE_TO_PHYS(anon->an_page), prot,
			prot | PMAP_WIRED | PMAP_CANFAIL) != 0)
			break;
		uvm_pagewire(anon->an_page);
	}
	pmap_update(vm_map_pmap(map));
	amap_unlock(amap);
	return i;
}

/*
 * Wire what needs no fault: resident pages of the entry's own.
 * => no lock held; pages wired from start on, perhaps none
 */
static u_int
wire_resident(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t access)
{
	struct vm_map_entry *entry;
	u_int n = 0;

	if (!uvmfault_pageable(map))
		return 0;
	rw_enter_read(&map->vm_lock);
	if (uvm_map_lookup_entry(map, start, &entry) &&
	    entry->aref.ar_amap != NULL &&
	    (entry->etype & (UVM_ET_SUBMAP | UVM_ET_NEEDSCOPY | UVM_ET_HOLE)) ==
		0 &&
	    (entry->me_flags & ME_NOFAULT) == 0 &&
	    entry->protection != PROT_NONE &&
	    (access & ~entry->protection) == 0)
		n = wire_anons(map, entry, start,
		    MIN(atop(MIN(end, entry->end) - start), WIRE_BATCH));
	rw_exit(&map->vm_lock);
	return n;
}

int
uvm_fault_wire_part(vm_map_t map, vaddr_t start, vaddr_t end,
    vm_prot_t access_type, vaddr_t *donep)
{
	vaddr_t va = start;
	int error = 0;
	u_int n;

	while (va < end) {
		n = wire_resident(map, va, end, access_type);
		va += ptoa(n);
		if (n == WIRE_BATCH || va >= end)
			continue;
		error = uvm_fault(map, va, VM_FAULT_WIRE, access_type);
		if (error != 0)
			break;
		va += PAGE_SIZE;
	}
	*donep = va;
	return error;
}

int
uvm_fault_wire(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t access_type)
{
	vaddr_t done;
	int error;

	error = uvm_fault_wire_part(map, start, end, access_type, &done);
	if (error != 0 && done > start && !MUTANT(WIRE_ERROR_LEAK))
		uvm_fault_unwire(map, start, done);
	return error;
}

/* -- Unwiring -------------------------------------------------------------- */

void
uvm_fault_unwire(vm_map_t map, vaddr_t start, vaddr_t end)
{
	vm_map_lock_read(map);
	uvm_fault_unwire_locked(map, start, end);
	vm_map_unlock_read(map);
}

/*
 * The page mapped at va, which is mapped.
 * => owners locked; NULL: not a page of ours, a device's
 */
static struct vm_page *
mapped_page(vm_map_t map, struct vm_map_entry *entry, vaddr_t va)
{
	struct vm_anon *anon = NULL;
	paddr_t pa;

	if (entry->aref.ar_amap != NULL)
		anon = amap_lookup(&entry->aref, va - entry->start);
	if (anon != NULL && anon->an_page != NULL)
		return anon->an_page;
	if (!pmap_extract(vm_map_pmap(map), va, &pa))
		return NULL;
	return PHYS_TO_VM_PAGE(pa);
}

/*
 * => map locked, owners of the entry's pages write-locked
 */
static void
unwire_pages(vm_map_t map, struct vm_map_entry *entry, vaddr_t va, u_int n)
{
	uint32_t mapped = pmap_mapped_mask(vm_map_pmap(map), va, n);
	bool wired = VM_MAPENT_ISWIRED(entry);
	struct vm_page *pg;

	for (; mapped != 0; mapped >>= 1, va += PAGE_SIZE) {
		if ((mapped & 1) == 0)
			continue;
		if (!wired && !pmap_unwire(vm_map_pmap(map), va))
			continue;
		pg = mapped_page(map, entry, va);
		if (pg != NULL && !MUTANT(UNWIRE_KEEPS_COUNT))
			uvm_pageunwire(pg);
	}
}

/* => map locked; the part of the entry in [start, end) */
static void
unwire_entry(
    vm_map_t map, struct vm_map_entry *entry, vaddr_t start, vaddr_t end)
{
	struct vm_amap *amap = entry->aref.ar_amap;
	struct uvm_object *uobj =
	    UVM_ET_ISOBJ(entry) ? entry->object.uvm_obj : NULL;
	vaddr_t va;

	if (amap != NULL)
		amap_lock_write(amap);
	if (uobj != NULL)
		rw_enter_write(&uobj->uo_lock);
	for (va = start; va < end; va += ptoa(32))
		unwire_pages(map, entry, va, MIN(32, atop(end - va)));
	if (uobj != NULL)
		rw_exit(&uobj->uo_lock);
	if (amap != NULL)
		amap_unlock(amap);
}

void
uvm_fault_unwire_locked(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *entry;

	KASSERT((map->flags & VM_MAP_INTRSAFE) == 0);
	if (!uvm_map_lookup_entry(map, start, &entry))
		panic("uvm_fault_unwire: %#lx is not mapped", start);
	while (start < end) {
		KASSERT(entry != &map->vm_head && entry->start <= start);
		unwire_entry(map, entry, start, MIN(end, entry->end));
		start = entry->end;
		entry = entry->me_next;
	}
}
