/* Wiring by faulting pages in, and the way back. */
#include <uvm/uvm.h>

int
uvm_fault_wire(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t access_type)
{
	vaddr_t va;
	int error;

	for (va = start; va < end; va += PAGE_SIZE) {
		error = uvm_fault(map, va, VM_FAULT_WIRE, access_type);
		if (error != 0) {
			if (va > start)
				uvm_fault_unwire(map, start, va);
			return error;
		}
	}
	return 0;
}

void
uvm_fault_unwire(vm_map_t map, vaddr_t start, vaddr_t end)
{
	vm_map_lock_read(map);
	uvm_fault_unwire_locked(map, start, end);
	vm_map_unlock_read(map);
}

/*
 * => map locked, owners of the entry's pages write-locked
 */
static void
unwire_page(vm_map_t map, struct vm_map_entry *entry, vaddr_t va)
{
	struct vm_page *pg;
	paddr_t pa;

	if (!pmap_extract(vm_map_pmap(map), va, &pa))
		return;
	if (!VM_MAPENT_ISWIRED(entry))
		pmap_unwire(vm_map_pmap(map), va);
	pg = PHYS_TO_VM_PAGE(pa);
	if (pg != NULL)
		uvm_pageunwire(pg);
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
	for (va = start; va < end; va += PAGE_SIZE)
		unwire_page(map, entry, va);
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
