/* The fault handler's own: its context, results and stages. */
#ifndef _UVM_UVM_FAULT_I_H_
#define _UVM_UVM_FAULT_I_H_

#include <uvm/uvm.h>

/* Result of a stage.  With all but OK and NEEDWRITE every lock is released. */
enum uvm_fault_rv {
	UVM_FAULT_OK, /* resolved, or go on with the next stage */
	UVM_FAULT_REFAULT, /* wait for ctx->wait, then look again */
	UVM_FAULT_NEEDWRITE, /* again with the amap write-locked */
	UVM_FAULT_ERROR /* ctx->error says why */
};

/* What REFAULT waits for before the next look. */
enum uvm_fault_wait {
	FAULT_WAIT_NONE,
	FAULT_WAIT_MEM, /* free memory */
	FAULT_WAIT_ANON, /* an anon */
	FAULT_WAIT_PAGE /* wait_page is busy; its amap is still locked */
};

#define FAULT_MAXPAGES 16 /* window of the widest advice */

/*
 * All members belong to the thread that faults; those below "amap" are valid
 * while the map is locked.  Nothing here is cleared that a fault of the
 * simplest kind does not look at.
 */
struct uvm_faultctx {
	struct uvm_faultinfo ufi; /* [thread] map and entry */
	vm_fault_t type; /* [thread] VM_FAULT_* */
	vm_prot_t asked; /* [thread] rights as called */
	vm_prot_t access; /* [thread] rights the fault provides */
	vm_prot_t prot; /* [thread] rights the mapping may have */
	int lockmode; /* [thread] RW_READ or RW_WRITE: the amap */
	int error; /* [thread] with UVM_FAULT_ERROR */
	enum uvm_fault_wait wait; /* [thread] with UVM_FAULT_REFAULT */
	struct vm_page *wait_page; /* [thread] */
	bool wire; /* [thread] the page's wire count rises */
	bool wired; /* [thread] the mapping is or becomes wired */
	bool cow; /* [thread] writes must not reach the object */
	bool resumed; /* [thread] after a wait, map unchanged */
	bool anget; /* [thread] the anon was looked at in this pass */
	bool neighbours; /* [thread] still to be mapped */
	int nback, nforw; /* [thread] window around the page */
	/*
	 * An anon with a page, in no amap yet: made before the amap is locked
	 * for writing, which keeps the exclusive part of a fault short.
	 */
	struct vm_anon *spare; /* [thread] or NULL */
	struct vm_anon
	    *spare_of; /* [thread] anon it is a copy of; NULL: zero */
	struct vm_page
	    *spare_src; /* [thread] and the page it was copied from */

	struct vm_amap *amap; /* [thread] or NULL */
	struct uvm_object *uobj; /* [thread] or NULL */
	u_int slot; /* [thread] of the page in amap */
};

static inline bool
fault_is_write(const struct uvm_faultctx *ctx)
{
	return (ctx->access & PROT_WRITE) != 0;
}

static inline void
fault_lock_amap(struct uvm_faultctx *ctx)
{
	if (ctx->lockmode == RW_WRITE)
		amap_lock_write(ctx->amap);
	else
		amap_lock_read(ctx->amap);
}

/* -- uvm_fault.c: endings, shared by the stages ------------------------------- */

/* => map read-locked, amap locked if there is one; both released on exit */
enum uvm_fault_rv
uvm_fault_retry(struct uvm_faultctx *ctx, enum uvm_fault_wait wait);
enum uvm_fault_rv uvm_fault_fail(struct uvm_faultctx *ctx, int error);
/*
 * Have an anon with a page of its own at hand: ctx->spare.
 * => src: copy it, from; NULL: zero-filled
 * => no lock needed, src's owner's lock held if there is a src
 * => FALSE: no memory; counted, and *wait says what to wait for
 */
bool uvm_fault_spare(struct uvm_faultctx *ctx, struct vm_anon *from,
    struct vm_page *src, enum uvm_fault_wait *wait);
void uvm_fault_spare_free(struct uvm_faultctx *ctx);
/*
 * Put the spare into the faulting slot.
 * => map read-locked, amap write-locked; the anon, or NULL: no memory
 */
struct vm_anon *uvm_fault_promote(struct uvm_faultctx *ctx, bool replace);
/*
 * Map the page, wire or activate it.
 * => owner locked; for writing if the page is wired or not active
 * => FALSE: no memory for page tables; nothing is locked or unlocked
 */
bool
uvm_fault_enter(struct uvm_faultctx *ctx, struct vm_page *pg, vm_prot_t prot);
/* => TRUE: pg, a neighbour whose owner is locked, is not mapped at va yet */
bool
uvm_fault_unmapped(struct uvm_faultctx *ctx, struct vm_page *pg, vaddr_t va);
/* => TRUE: the page needs uvm_fault_enter() with the owner write-locked */
static inline bool
uvm_fault_enter_writes(const struct uvm_faultctx *ctx, const struct vm_page *pg)
{
	return ctx->wired || (pg->pg_flags & (PQ_ACTIVE | PQ_PENDING)) == 0;
}

/* -- Stages ---------------------------------------------------------------------- */

/* => map read-locked on entry, released on exit but with NEEDWRITE */
enum uvm_fault_rv uvm_fault_upper(struct uvm_faultctx *ctx);
/* => the same; the amap, if there is one, is locked in ctx->lockmode and has
 *    no anon in the slot; released on exit, always */
enum uvm_fault_rv uvm_fault_lower(struct uvm_faultctx *ctx);

#endif
