/* Kernel memory: internals behind uvm_km_* (UVM-API.md 1.7, 4.4). */
#ifndef _UVM_UVM_KM_H_
#define _UVM_UVM_KM_H_

#include <uvm/uvm_extern.h>

extern struct uvm_object *kernel_object; /* set once by uvm_km_init */

/* => boot, from uvm_init: kernel_map over [start, end), the image's entries */
void uvm_km_init(vaddr_t start, vaddr_t end);
/* => object pages of [start, end) freed; object write-locked */
void uvm_km_pgremove(struct uvm_object *uobj, vaddr_t start, vaddr_t end);
/* => pages under kenter'ed mappings freed */
void uvm_km_pgremove_intrsafe(vaddr_t start, vaddr_t end);

#endif
