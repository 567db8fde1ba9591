/* Anonymous objects beyond uao_create() and uvm_object.h: their swap slots. */
#ifndef _UVM_UVM_AOBJ_H_
#define _UVM_UVM_AOBJ_H_

#include <uvm/uvm_extern.h>

/* => aobjs there are, the kernel object not counted; any context */
long uao_count(void);

/*
 * Swap slot of a page: 0 is none.
 * => object write-locked (locked either way to find)
 * => set: the old slot, which is the caller's; -1: no memory to note it down
 * => drop: the slot goes back to swap
 */
int uao_find_swslot(struct uvm_object *uobj, u_long pageidx);
int uao_set_swslot(struct uvm_object *uobj, u_long pageidx, int slot);
void uao_dropswap(struct uvm_object *uobj, u_long pageidx);

#endif
