/* What a fault knows while it is resolved. */
#ifndef _UVM_UVM_FAULT_H_
#define _UVM_UVM_FAULT_H_

#include <uvm/uvm_extern.h>

/* All members belong to the thread that faults. */
struct uvm_faultinfo {
	vm_map_t orig_map; /* [thread] as called */
	vaddr_t orig_rvaddr; /* [thread] page-aligned */
	vaddr_t orig_size;
	vm_map_t map; /* [thread] after following submaps */
	u_int mapv; /* [thread] its timestamp when it was unlocked */
	struct vm_map_entry *entry; /* [thread] valid while map is locked */
	vsize_t size;
};

/*
 * => on TRUE ufi->map is locked (write-locked if asked) and ufi->entry holds
 *    the address; on FALSE nothing is locked
 */
bool uvmfault_lookup(struct uvm_faultinfo *ufi, bool write_lock);
/* => after everything was unlocked: TRUE and read-locked if unchanged */
bool uvmfault_relock(struct uvm_faultinfo *ufi);
void uvmfault_unlockmaps(struct uvm_faultinfo *ufi, bool write_locked);

/* => fault pages of [start, end) in wired; no lock; 0 or errno, all undone */
int uvm_fault_wire(vm_map_t map, vaddr_t start, vaddr_t end,
    vm_prot_t access_type);
/* => unlocked / map locked (either way); unmapped pages are skipped */
void uvm_fault_unwire(vm_map_t map, vaddr_t start, vaddr_t end);
void uvm_fault_unwire_locked(vm_map_t map, vaddr_t start, vaddr_t end);

#endif
