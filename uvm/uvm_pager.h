/* Pagers: what a kind of object does (UVM-API.md 6.3). */
#ifndef _UVM_UVM_PAGER_H_
#define _UVM_UVM_PAGER_H_

#include <sys/types.h>

struct uvm_faultinfo;
struct uvm_object;
struct vm_page;

/*
 * Contract of the operations:
 *
 * pgo_reference, pgo_detach
 *	=> object unlocked; detach may sleep and free the object
 * pgo_fault
 *	=> whole fault handled by the pager (devices); NULL for the rest
 *	=> map read-locked, object unlocked on entry; both unlocked on exit
 * pgo_get with PGO_LOCKED
 *	=> object write-locked on entry and exit; never sleeps
 *	=> pps[] gets the resident, unbusy pages of the *npages from off that
 *	   are asked for (entry NULL, not PGO_DONTCARE), marked PG_BUSY; a pager
 *	   that needs no I/O may create the centre page
 *	=> *npages: pages found; VM_PAGER_OK if the centre page is among them,
 *	   else VM_PAGER_UNLOCK (call again without PGO_LOCKED)
 * pgo_get without PGO_LOCKED
 *	=> object write-locked on entry, unlocked on exit; may sleep
 *	=> access with PROT_WRITE: the page itself will be written, so a pager
 *	   sees to it that there is a place for it
 *	=> VM_PAGER_OK: pps[centeridx] busy and valid; VM_PAGER_AGAIN: no memory
 *	   now; VM_PAGER_ERROR: I/O error; VM_PAGER_BAD: past the end;
 *	   VM_PAGER_FAIL: the file system is full
 * pgo_put
 *	=> object write-locked on entry and exit, dropped meanwhile; pages busy,
 *	   at consecutive offsets
 * pgo_flush
 *	=> object write-locked on entry and exit; may drop it while sleeping
 *	=> FALSE: what was to be written at once could not be; said once
 * All members: [I] immutable.
 */
struct uvm_pagerops {
	void (*pgo_init)(void);
	void (*pgo_reference)(struct uvm_object *uobj);
	void (*pgo_detach)(struct uvm_object *uobj);
	int (*pgo_fault)(struct uvm_faultinfo *ufi, vaddr_t vaddr,
	    struct vm_page **pps, int npages, int centeridx,
	    vm_fault_t fault_type, vm_prot_t access, int flags);
	boolean_t (*pgo_flush)(
	    struct uvm_object *uobj, voff_t start, voff_t stop, int flags);
	int (*pgo_get)(struct uvm_object *uobj, voff_t off,
	    struct vm_page **pps, int *npages, int centeridx, vm_prot_t access,
	    int advice, int flags);
	int (*pgo_put)(struct uvm_object *uobj, struct vm_page **pps,
	    int npages, int flags);
};

#define VM_PAGER_OK      0
#define VM_PAGER_BAD     1
#define VM_PAGER_FAIL    2
#define VM_PAGER_PEND    3
#define VM_PAGER_ERROR   4
#define VM_PAGER_AGAIN   5
#define VM_PAGER_UNLOCK  6
#define VM_PAGER_REFAULT 7

#define PGO_CLEANIT      0x001 /* write dirty pages */
#define PGO_SYNCIO       0x002 /* wait for the writes */
#define PGO_DEACTIVATE   0x004
#define PGO_FREE         0x008
#define PGO_ALLPAGES     0x010 /* the whole object */
#define PGO_DOACTCLUST   0x020
#define PGO_LOCKED       0x040 /* do not sleep */
#define PGO_PDFREECLUST  0x080
#define PGO_REALLOCSWAP  0x100
#define PGO_INVALIDATE   0x200 /* free what is clean, of files only */

#define PGO_DONTCARE     ((struct vm_page *)-1L)

#endif
