/* Faults: what the rest of UVM and the pagers see of their handling. */
#ifndef _UVM_UVM_FAULT_H_
#define _UVM_UVM_FAULT_H_

#include <uvm/uvm_extern.h>

/* All members belong to the thread that faults. */
struct uvm_faultinfo {
	vm_map_t orig_map; /* [thread] as called */
	vaddr_t orig_rvaddr; /* [thread] page-aligned */
	vsize_t orig_size; /* [thread] of the access: one page */
	vm_map_t map; /* [thread] after following submaps */
	u_int mapv; /* [thread] its timestamp when it was locked */
	struct vm_map_entry *entry; /* [thread] valid while map is locked */
	vsize_t size; /* [thread] up to the end of the entry */
};

/*
 * => on TRUE ufi->map is locked (write-locked if asked) and ufi->entry holds
 *    the address; on FALSE nothing is locked
 * => FALSE also for a map or submap whose faults are not resolved: not
 *    pageable, or interrupt-safe
 */
bool uvmfault_lookup(struct uvm_faultinfo *ufi, bool write_lock);
/* => after everything was unlocked: TRUE and read-locked if unchanged */
bool uvmfault_relock(struct uvm_faultinfo *ufi);
/* => ufi->map locked as by uvmfault_lookup(): never an interrupt-safe one */
static inline void
uvmfault_unlockmaps(struct uvm_faultinfo *ufi, bool write_locked)
{
	rw_exit(&ufi->map->vm_lock);
}
/* Are faults in this map resolved at all? */
static inline bool
uvmfault_pageable(const struct vm_map *map)
{
	return (map->flags & (VM_MAP_PAGEABLE | VM_MAP_INTRSAFE)) ==
	    VM_MAP_PAGEABLE;
}

/*
 * As uvm_fault() for no translation, but memory that was never written gets a
 * page of its own even if it is only read.
 * => errors and locks as for uvm_fault()
 */
int uvm_fault_own(vm_map_t map, vaddr_t vaddr, vm_prot_t access_type);
/*
 * Fault pages of [start, end) in and wire them.
 * => no lock held; the entries stay: the map is busy, or the kernel's
 * => 0 or errno, all undone
 */
int
uvm_fault_wire(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t access_type);
/* => as uvm_fault_wire(), but entries may go, and the pages before *donep are
 *    the caller's to unwire after an error */
int uvm_fault_wire_part(vm_map_t map, vaddr_t start, vaddr_t end,
    vm_prot_t access_type, vaddr_t *donep);
/*
 * Take one wiring from the mapped pages of [start, end).
 * => unlocked / map locked (either way); unmapped pages are skipped
 * => where wired_count is 0, pages mapped without wiring are skipped too, and
 *    the mappings lose theirs
 */
void uvm_fault_unwire(vm_map_t map, vaddr_t start, vaddr_t end);
void uvm_fault_unwire_locked(vm_map_t map, vaddr_t start, vaddr_t end);

#endif
