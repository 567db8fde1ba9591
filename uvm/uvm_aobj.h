/* Anonymous objects beyond uao_create() and uvm_object.h: their swap slots. */
#ifndef _UVM_UVM_AOBJ_H_
#define _UVM_UVM_AOBJ_H_

#include <uvm/uvm_extern.h>

/* => aobjs there are, the kernel object not counted; any context */
long uao_count(void);

struct uvm_ptnode;

/*
 * Swap slot of a page: 0 is none, SWSLOT_BAD: it is lost.
 * => object write-locked (locked either way to find)
 * => set: the old slot, which is the caller's; -1: no memory to note it down
 * => drop: the slot goes back to swap
 */
int uao_find_swslot(struct uvm_object *uobj, u_long pageidx);
int uao_set_swslot(struct uvm_object *uobj, u_long pageidx, int slot);
void uao_dropswap(struct uvm_object *uobj, u_long pageidx);
/* => object write-locked; slots of pages in [first, last) not in memory go */
void uao_freeslots(struct uvm_object *uobj, u_long first, u_long last);
/* => object locked; pages in [first, last) that are in swap and not in memory */
uint32_t uao_swapped(struct uvm_object *uobj, uint64_t first, uint64_t last);
/* => FALSE: pages of this object stay in memory */
bool uao_may_pageout(const struct uvm_object *uobj);
/*
 * Bring in every page whose slot is in [first, last), so that it has none.
 * => object write-locked on entry and exit, dropped meanwhile; the caller has
 *    a reference
 * => what is known to be unreadable is given up, and gets SWSLOT_BAD
 * => 0; EIO; ENOMEM: no memory just now
 */
int uao_swapoff(struct uvm_object *uobj, int first, int last);

/*
 * => the tree of slots by page index, for the auditor: nothing in it changes
 *    while the caller looks
 */
const struct uvm_pagetree *uao_swslots(const struct uvm_object *uobj);
/* A slot as an item of that tree, which takes no NULL and no odd ones. */
#define UAO_SLOT_ITEM(slot) ((void *)((uintptr_t)(u_int)(slot) << 3))
#define UAO_ITEM_SLOT(item) ((int)(u_int)((uintptr_t)(item) >> 3))

/*
 * Nodes for the daemon: => unlocked; take: one of them, or NULL; kept: how many
 * there are
 */
void uao_swapnodes_reserve(void);
void uao_swapnodes_unreserve(void);
void uao_swapnodes_refill(void);
struct uvm_ptnode *uao_swapnode_take(void);
int uao_swapnodes_kept(void);

#endif
