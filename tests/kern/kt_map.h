/*
 * Helpers for tests of maps, beside those of kt_fault.h: entries of any kind
 * at page numbers from KTF_BASE on, and processes that are none.
 */
#ifndef _TESTS_KERN_KT_MAP_H_
#define _TESTS_KERN_KT_MAP_H_

#include <sys/proc.h>
#include "kt_fault.h"

#define KTM_ANON (UVM_FLAG_FIXED | UVM_FLAG_COPYONW)

/* => uvm_map() of anonymous memory at pages [i, j): its result */
int ktm_map(struct vmspace *vm, int i, int j, vm_prot_t prot, int flags);
/* => an address in kernel_map with n free pages around it that nobody uses */
vaddr_t ktm_kernel_area(int n);
/* => entries of the map */
int ktm_entries(struct vmspace *vm);
/* => the map's pages [i, j) hold their number, plus base */
void ktm_fill(struct vmspace *vm, int i, int j, uint64_t base);
bool ktm_filled(struct vmspace *vm, int i, int j, uint64_t base);

/* A process that only has an address space, and its thread, never run. */
struct ktm_proc {
	struct process kp_process; /* [thread] */
	struct proc kp_proc; /* [thread] */
};
/* => from kmem, with vm's reference; NULL: none */
struct ktm_proc *ktm_proc_make(struct vmspace *vm);
/* => frees the structure; its address space is the caller's to free */
void ktm_proc_free(struct ktm_proc *kp);

#endif
