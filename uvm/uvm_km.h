/* Kernel memory: internals behind uvm_km_* (UVM-API.md 1.7, 4.4). */
#ifndef _UVM_UVM_KM_H_
#define _UVM_UVM_KM_H_

#include <uvm/uvm_extern.h>

extern struct uvm_object *kernel_object; /* set once by uvm_km_init */

/*
 * Flags of uvm_km_alloc_typed(): what <uvm/netbsd_km.h> calls UVM_KMF_*.
 * Exactly one of the first three says what the memory is.
 */
#define UVM_KMT_WIRED    0x1 /* resident, no owner */
#define UVM_KMT_PAGEABLE 0x2 /* demand-zero, of the kernel object */
#define UVM_KMT_VAONLY   0x4 /* addresses, the caller maps them */
#define UVM_KMT_TYPEMASK 0x7
#define UVM_KMT_CANFAIL  0x8 /* 0 when waiting cannot help */
#define UVM_KMT_ZERO     0x10 /* WIRED: zero-filled */
#define UVM_KMT_TRYLOCK  UVM_FLAG_TRYLOCK /* 0 if the map is locked */
#define UVM_KMT_NOWAIT   0x400000 /* never sleep */
#define UVM_KMT_WAITVA   0x800000 /* sleep for addresses */

/* => boot, from uvm_init: kernel_map over [start, end), the image's entries */
void uvm_km_init(vaddr_t start, vaddr_t end);
/*
 * Free an object's pages at offsets [start, end), whose mappings are gone.
 * => object write-locked on entry and exit; dropped to wait for busy pages
 */
void uvm_km_pgremove(struct uvm_object *uobj, vaddr_t start, vaddr_t end);
/*
 * Unmap [start, end) and free the pages there that have no owner.
 * => any context; addresses are the caller's: no map needs to be locked
 */
void uvm_km_pgremove_intrsafe(vaddr_t start, vaddr_t end);

#endif
