/*
 * Locking the map of a fault: look the address up through submaps, let go of
 * everything, and find out by timestamp whether anything changed meanwhile.
 */
#include <uvm/uvm.h>

/*
 * An interrupt-safe map must not even be locked: the fault may have happened
 * under its lock.
 */
bool
uvmfault_lookup(struct uvm_faultinfo *ufi, bool write_lock)
{
	vm_map_t map;

	for (map = ufi->orig_map; uvmfault_pageable(map);
	     map = ufi->entry->object.sub_map) {
		ufi->map = map;
		if (write_lock)
			vm_map_lock(map);
		else
			vm_map_lock_read(map);
		if (!uvm_map_lookup_entry(map, ufi->orig_rvaddr, &ufi->entry)) {
			uvmfault_unlockmaps(ufi, write_lock);
			return false;
		}
		if (!UVM_ET_ISSUBMAP(ufi->entry)) {
			ufi->mapv = map->timestamp;
			ufi->size = ufi->entry->end - ufi->orig_rvaddr;
			return true;
		}
		/* A submap stays as long as the map that holds it. */
		uvmfault_unlockmaps(ufi, write_lock);
	}
	return false;
}

bool
uvmfault_relock(struct uvm_faultinfo *ufi)
{
	UVMCNT_INC(fltrelck);
	vm_map_lock_read(ufi->map);
	if (ufi->mapv != ufi->map->timestamp && !MUTANT(RELOCK_NO_CHECK)) {
		vm_map_unlock_read(ufi->map);
		return false;
	}
	UVMCNT_INC(fltrelckok);
	return true;
}
