/*
 * The fault handler's own: its context, results and stages.  Only the
 * uvm_fault*.c files include this.
 */
#ifndef _UVM_UVM_FAULT_I_H_
#define _UVM_UVM_FAULT_I_H_

#include <uvm/uvm.h>
#include <uvm/uvm_swap.h>

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
	FAULT_WAIT_PAGE, /* wait_page is busy; its amap is still locked */
	FAULT_WAIT_SWAP /* the pages in ctx->in_* are read */
};

#define FAULT_MAXPAGES 16 /* window of the widest advice */
#define FAULT_AHEAD    4 /* slots ahead in the window of normal advice */

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
	bool located; /* [thread] ufi.entry is known and the map read-locked */
	bool resumed; /* [thread] after a wait, map unchanged */
	bool anget; /* [thread] the anon was looked at in this pass */
	bool narrow; /* [thread] no neighbours */
	bool neighbours; /* [thread] those in the amap are still to be mapped */
	bool alone; /* [thread] no other thread wants the amap's lock */
	/*
	 * An anon with a page, in no amap yet: made before the amap is locked
	 * for writing, which keeps the exclusive part of a fault short.
	 */
	struct vm_anon *spare; /* [thread] or NULL */
	struct vm_anon *spare_of; /* [thread] source of the copy, or NULL */
	struct vm_page *spare_src; /* [thread] its page; NULL: zeros */
	bool dirtied; /* [thread] a page of a file, which was not dirty */

	/*
	 * Pages to be read from swap, with FAULT_WAIT_SWAP: those of in_n slots
	 * from in_slot on, busy; in_want is the one the fault is about.
	 */
	int in_slot, in_n, in_want; /* [thread] */
	struct vm_anon *in_anon[SWAP_CLUSTER]; /* [thread] */

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

/* -- uvm_fault.c: endings, shared by the stages ---------------------------- */

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
/* => the spare, about to be put into the amap: its page is like any other */
static inline struct vm_anon *
uvm_fault_spare_take(struct uvm_faultctx *ctx)
{
	struct vm_anon *anon = ctx->spare;

	ctx->spare = NULL;
	/* Nobody else knows the page yet. */
	anon->an_page->pg_flags &= ~(uint32_t)(PG_BUSY | PG_FAKE | PG_CLEAN);
	return anon;
}

/*
 * What is wired stays so, whoever faults on it: the thread that is wiring the
 * range may have been here since we looked at the entry, which is not wired
 * before all of it is; or only its pages are (uvm_vslock).
 * => owner of the page locked
 */
static inline bool
uvm_fault_mapped_wired(struct vm_map *map, vaddr_t va)
{
	return pmap_wired_count(vm_map_pmap(map)) != 0 &&
	    pmap_is_wired(vm_map_pmap(map), va);
}

static inline bool
uvm_fault_is_wired(const struct uvm_faultctx *ctx)
{
	return ctx->wired ||
	    uvm_fault_mapped_wired(ctx->ufi.map, ctx->ufi.orig_rvaddr);
}
/* As uvm_fault_enter() for a wired address. */
bool uvm_fault_enter_wired(
    struct uvm_faultctx *ctx, struct vm_page *pg, vm_prot_t prot);
/*
 * Does the page belong on the active queue?  One on loan is left where it is:
 * perhaps we borrow it, then its owner's lock is not ours, or it has no owner
 * by whom the page daemon could find it.
 */
static inline bool
uvm_fault_activates(const struct vm_page *pg)
{
	/* Where the last loan ended, uvm_pageactivate() sees what it left. */
	return (pg->pg_flags & (PQ_ACTIVE | PQ_PENDING)) == 0 &&
	    atomic_load_acq(&pg->loan_count) == 0;
}

/*
 * Map the page, wire or activate it.
 * => owner locked; for writing if uvm_fault_enter_writes()
 * => FALSE: no memory for page tables; nothing is locked or unlocked
 */
static inline bool
uvm_fault_enter(struct uvm_faultctx *ctx, struct vm_page *pg, vm_prot_t prot)
{
	pmap_t pmap = vm_map_pmap(ctx->ufi.map);

	if (__predict_false(uvm_fault_is_wired(ctx)))
		return uvm_fault_enter_wired(ctx, pg, prot);
	/* It may be new, and stays if it cannot be mapped. */
	if (uvm_fault_activates(pg))
		uvm_pageactivate(pg);
	if (pmap_enter(pmap, ctx->ufi.orig_rvaddr, VM_PAGE_TO_PHYS(pg), prot,
		ctx->access | PMAP_CANFAIL) != 0)
		return false;
	pmap_update(pmap);
	return true;
}

static inline bool
uvm_fault_enter_writes(const struct uvm_faultctx *ctx, const struct vm_page *pg)
{
	return uvm_fault_is_wired(ctx) || uvm_fault_activates(pg);
}

/* Pages around va that are mapped with it, inside the entry. */
static inline void
uvm_fault_window(
    const struct vm_map_entry *entry, vaddr_t va, u_int *back, u_int *forw)
{
	u_int most_back = 3, most_forw = FAULT_AHEAD;
	u_long n;

	if (__predict_false(entry->advice == MADV_SEQUENTIAL)) {
		most_back = 8;
		most_forw = 7;
	}
	n = atop(va - entry->start);
	*back = n < most_back ? n : most_back;
	n = atop(entry->end - va) - (MUTANT(WINDOW_PAST_END) ? 0 : 1);
	*forw = n < most_forw ? n : most_forw;
}

/*
 * Would anybody wait if the amap stayed locked while a page is filled?  If not
 * the lock is taken once, for writing.  A hint: the answer may be outdated.
 */
static inline bool
uvm_fault_alone(const struct vm_map *map, const struct vm_amap *amap)
{
	const struct proc *p = curproc;
	const struct vmspace *vm = p->p_vmspace;

	return vm != NULL && &vm->vm_map == map && vm->vm_refcnt == 1 &&
	    p->p_p->ps_nthreads == 1 &&
	    refcnt_read(&amap->am_lock->aml_refs) == 1;
}

/*
 * Map the neighbours in the amap that are not mapped yet, by advice.
 * => map and amap locked, the amap for writing with MADV_SEQUENTIAL
 * => where: as amap_store_slot() says for va's slot
 * => prot: what a mapping may permit; write: the fault is a write
 */
void uvm_fault_neighbours(struct vm_map *map, struct vm_map_entry *entry,
    vaddr_t va, struct vm_anon **where, vm_prot_t prot, bool write);

/* -- Stages ---------------------------------------------------------------- */

/*
 * Resolve a fault stage by stage.
 * => map read-locked, entry holds va; unlocked on exit; may sleep; 0 or errno
 */
int uvm_fault_loop(struct vm_map *map, struct vm_map_entry *entry, vaddr_t va,
    vm_fault_t fault_type, vm_prot_t access_type);
/* => map read-locked on entry, released on exit but with NEEDWRITE */
enum uvm_fault_rv uvm_fault_upper(struct uvm_faultctx *ctx);
/* => the same; the amap, if there is one, is locked in ctx->lockmode and has
 *    no anon in the slot; released on exit, always */
enum uvm_fault_rv uvm_fault_lower(struct uvm_faultctx *ctx);

/* -- uvm_fault_swap.c ------------------------------------------------------ */

/*
 * The anon has no page: prepare to read it, and what lies beside it in swap.
 * => map read-locked, amap write-locked; released on exit
 */
enum uvm_fault_rv
uvm_fault_swapin(struct uvm_faultctx *ctx, struct vm_anon *anon);
/*
 * Read what uvm_fault_swapin() prepared.
 * => nothing locked; TRUE: go on; FALSE: give up for ctx->error
 */
bool uvm_fault_swapread(struct uvm_faultctx *ctx);

#endif
