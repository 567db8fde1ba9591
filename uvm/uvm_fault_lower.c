/*
 * The object layer of a fault: find or fetch the object's page, then map it
 * (2A) or copy it into the amap (2B).
 */
#include <uvm/uvm_fault_i.h>
#include <uvm/uvm_loan.h>
#include <uvm/uvm_vnode.h>

/*
 * Is the next write to be a fault of its own?  A page of a file that is not
 * dirty becomes so by that.
 * => object locked
 */
static inline bool
lower_rdonly(const struct vm_page *pg)
{
	if (pg->loan_count != 0 || (pg->pg_flags & PG_RDONLY) != 0)
		return true;
	if ((pg->pg_flags & PG_HOLE) != 0 && !MUTANT(UVN_HOLE_WRITABLE))
		return true;
	return UVM_OBJ_IS_VNODE(pg->uobject) &&
	    (pg->pg_flags & (PG_DIRTY | PG_HOLE)) == 0 &&
	    !MUTANT(UVN_MAPPED_UNCOUNTED);
}

static inline voff_t
lower_offset(const struct uvm_faultctx *ctx)
{
	const struct vm_map_entry *entry = ctx->ufi.entry;

	return entry->offset + (voff_t)(ctx->ufi.orig_rvaddr - entry->start);
}

/* What is going to be done to the object's own page. */
static inline vm_prot_t
lower_access(const struct uvm_faultctx *ctx)
{
	return ctx->cow ? ctx->access & ~PROT_WRITE : ctx->access;
}

/* => page busy, object locked on entry; both not on exit */
static void
lower_release(struct uvm_faultctx *ctx, struct vm_page *pg)
{
	(void)uvm_page_unbusy(pg);
	rw_exit(&ctx->uobj->uo_lock);
}

static enum uvm_fault_rv
lower_done(struct uvm_faultctx *ctx)
{
	if (ctx->amap != NULL)
		amap_unlock(ctx->amap);
	uvmfault_unlockmaps(&ctx->ufi, false);
	return UVM_FAULT_OK;
}

/* -- Getting the page ------------------------------------------------------ */

/*
 * Let go of a neighbour.
 * => object write-locked; page busy by us, or not busy
 */
static inline void
neighbour_done(struct vm_page *pg, bool deactivate, bool busy)
{
	if (deactivate && pg->wire_count == 0)
		uvm_pagedeactivate(pg);
	else if ((pg->pg_flags & (PQ_QUEUED | PQ_PENDING)) == 0 &&
	    atomic_load_acq(&pg->loan_count) == 0)
		uvm_pageactivate(pg);
	if (!busy)
		return;
	if (__predict_true((pg->pg_flags & (PG_WANTED | PG_RELEASED)) == 0))
		atomic_and(&pg->pg_flags, ~(uint32_t)PG_BUSY);
	else
		(void)uvm_page_unbusy(pg);
}

/* A neighbour that may not be written yet, though the mapping says so. */
static void
neighbour_rdonly(struct uvm_faultctx *ctx, struct vm_page *pg, vaddr_t va)
{
	vm_prot_t prot = ctx->prot & ~PROT_WRITE;

	if (prot != PROT_NONE &&
	    !pmap_extract(vm_map_pmap(ctx->ufi.map), va, NULL) &&
	    pmap_enter(vm_map_pmap(ctx->ufi.map), va, VM_PAGE_TO_PHYS(pg), prot,
		PMAP_CANFAIL) == 0)
		UVMCNT_INC(fltnomap);
}

/*
 * Map the pages around the fault that are not mapped yet, and let go of them.
 * => pps[]: n pages, busy by us or not, or NULL or PGO_DONTCARE; overwritten;
 *    nothing is done to the page at index back
 * => object write-locked
 */
static void
lower_neighbours(struct uvm_faultctx *ctx, struct vm_page **pps, u_int back,
    u_int n, bool busy)
{
	bool seq = ctx->ufi.entry->advice == MADV_SEQUENTIAL;
	vaddr_t va = ctx->ufi.orig_rvaddr - ptoa(back);
	vm_prot_t prot = ctx->prot;
	struct vm_page *pg;
	u_int i, found = 0;

	if (ctx->cow && !MUTANT(OBJ_NEIGHBOUR_WRITABLE))
		prot &= ~PROT_WRITE;
	for (i = 0; i < n; i++) {
		pg = pps[i];
		if (pg == NULL)
			continue;
		if (i == back || pg == PGO_DONTCARE) {
			pps[i] = NULL;
		} else if ((prot & PROT_WRITE) != 0 && lower_rdonly(pg)) {
			neighbour_rdonly(ctx, pg, va + ptoa(i));
			neighbour_done(pg, seq && i < back, busy);
			pps[i] = NULL;
		} else
			found++;
	}
	if (found == 0)
		return;
	if (prot != PROT_NONE)
		UVMCNT_ADD(fltnomap,
		    pmap_enter_neighbours(
			vm_map_pmap(ctx->ufi.map), va, pps, n, prot));
	for (i = 0; i < n; i++) {
		if (pps[i] != NULL)
			neighbour_done(pps[i], seq && i < back, busy);
	}
}

/*
 * Not all neighbours are asked for: not those that an anon hides, nor, unless
 * they are to be deactivated, those that are mapped.
 * => bit i: not that at index i of n; the page itself, at index back, is
 */
static uint32_t
lower_hidden(const struct uvm_faultctx *ctx, u_int back, u_int n)
{
	uint32_t hidden = 0;
	u_int i;

	if (ctx->ufi.entry->advice != MADV_SEQUENTIAL)
		hidden = pmap_mapped_mask(vm_map_pmap(ctx->ufi.map),
		    ctx->ufi.orig_rvaddr - ptoa(back), n);
	if (ctx->amap != NULL) {
		for (i = 0; i < n; i++) {
			if (amap_store_lookup(&ctx->amap->am_store,
				ctx->slot - back + i) != NULL &&
			    !MUTANT(OBJ_NEIGHBOUR_OVER_ANON))
				hidden |= 1U << i;
		}
	}
	return hidden & ~(1U << back);
}

/*
 * Which neighbours to look at: those from the first to the last asked for.
 * => *backp, *forwp: how many before and behind the page; the bits that
 *    lower_hidden() gives for these
 */
static uint32_t
lower_window(const struct uvm_faultctx *ctx, u_int *backp, u_int *forwp)
{
	u_int first = 0, last;
	uint32_t hidden;

	*backp = *forwp = 0;
	if (ctx->narrow)
		return 0;
	uvm_fault_window(ctx->ufi.entry, ctx->ufi.orig_rvaddr, backp, forwp);
	last = *backp + *forwp;
	hidden = lower_hidden(ctx, *backp, last + 1);
	while (hidden >> first & 1)
		first++;
	while (hidden >> last & 1)
		last--;
	*forwp = last - *backp;
	*backp -= first;
	return hidden >> first;
}

/*
 * Ask the pager for what is resident.
 * => object write-locked; pps[]: n pages, busy, or NULL or PGO_DONTCARE; the
 *    one at index back, or NULL
 */
static struct vm_page *
lower_ask(struct uvm_faultctx *ctx, struct vm_page **pps, u_int back, u_int n,
    uint32_t hidden)
{
	int found = (int)n, rv;

	for (u_int i = 0; i < n; i++, hidden >>= 1)
		pps[i] = (hidden & 1) != 0 ? PGO_DONTCARE : NULL;
	rv = ctx->uobj->pgops->pgo_get(ctx->uobj,
	    lower_offset(ctx) - (voff_t)ptoa(back), pps, &found, (int)back,
	    lower_access(ctx), ctx->ufi.entry->advice, PGO_LOCKED);
	return rv == VM_PAGER_OK ? pps[back] : NULL;
}

/*
 * The same where the tree of the object's pages says it all: neighbours need
 * not be busy, for they are mapped before the object is unlocked.
 */
static struct vm_page *
lower_look(struct uvm_faultctx *ctx, struct vm_page **pps, u_int back, u_int n,
    uint32_t hidden)
{
	voff_t off = lower_offset(ctx) - (voff_t)ptoa(back);
	struct vm_page *pg;

	uvm_pagetree_lookup_run(
	    &ctx->uobj->uo_tree, (uint64_t)off >> PAGE_SHIFT, (void **)pps, n);
	for (u_int i = 0; i < n; i++, hidden >>= 1) {
		pg = pps[i];
		if (pg != NULL &&
		    ((hidden & 1) != 0 ||
			((pg->pg_flags & PG_BUSY) && !MUTANT(OBJ_MAPS_BUSY))))
			pps[i] = NULL;
	}
	pg = pps[back];
	if (pg == NULL ||
	    ((pg->pg_flags & PG_HOLE) && (lower_access(ctx) & PROT_WRITE)))
		return lower_ask(ctx, &pps[back], 0, 1, 0);
	atomic_or(&pg->pg_flags, PG_BUSY);
	return pg;
}

/*
 * What is resident of the window; neighbours are mapped on the spot.
 * => object write-locked; the centre page, busy, or NULL
 */
static struct vm_page *
lower_resident(struct uvm_faultctx *ctx)
{
	bool look = UVM_OBJ_IS_VNODE(ctx->uobj) || UVM_OBJ_IS_AOBJ(ctx->uobj);
	struct vm_page *pps[FAULT_MAXPAGES], *pg;
	uint32_t hidden;
	u_int back, forw;

	hidden = lower_window(ctx, &back, &forw);
	UVMCNT_INC(fltlget);
	if (UVM_OBJ_IS_VNODE(ctx->uobj) && !ctx->narrow)
		uvn_ahead_later(ctx->uobj, lower_offset(ctx));
	pg = (look ? lower_look : lower_ask)(
	    ctx, pps, back, back + 1 + forw, hidden);
	if (back + forw > 0)
		lower_neighbours(ctx, pps, back, back + 1 + forw, !look);
	return pg;
}

/*
 * Lock again what lower_io() unlocked.
 * => the page is ours, busy; TRUE: all is locked as before and the page still
 *    wanted; FALSE: nothing is locked, the page let go
 * => gives up the reference to the object
 */
static bool
lower_relock(struct uvm_faultctx *ctx, struct vm_page *pg)
{
	struct uvm_object *uobj = ctx->uobj;
	bool same = uvmfault_relock(&ctx->ufi), wanted = same;

	if (same) {
		/* The entry's reference serves from here. */
		uobj->pgops->pgo_detach(uobj);
		if (ctx->amap != NULL) {
			fault_lock_amap(ctx);
			wanted = MUTANT(LOWER_NO_RECHECK) ||
			    amap_store_lookup(
				&ctx->amap->am_store, ctx->slot) == NULL;
		}
	}
	rw_enter_write(&uobj->uo_lock);
	if ((pg->pg_flags & PG_RELEASED) != 0) {
		UVMCNT_INC(fltpgrele);
		wanted = false;
	}
	if (wanted)
		return true;
	lower_release(ctx, pg);
	if (same)
		(void)uvm_fault_retry(ctx, FAULT_WAIT_NONE);
	else
		uobj->pgops->pgo_detach(uobj);
	return false;
}

/*
 * Let the pager bring the page.
 * => object, amap and map locked on entry; with OK on exit too, and *pgp is
 *    the page, busy; else nothing is locked
 */
static enum uvm_fault_rv
lower_io(struct uvm_faultctx *ctx, struct vm_page **pgp)
{
	struct uvm_object *uobj = ctx->uobj;
	int advice = ctx->ufi.entry->advice, npages = 1, rv;
	voff_t off = lower_offset(ctx);

	/* The object must outlive the entry if that goes away meanwhile. */
	rw_exit(&uobj->uo_lock);
	if (!MUTANT(IO_NO_REF))
		uobj->pgops->pgo_reference(uobj);
	(void)uvm_fault_retry(ctx, FAULT_WAIT_NONE);

	*pgp = NULL;
	rw_enter_write(&uobj->uo_lock);
	UVMCNT_INC(fltget);
	rv = uobj->pgops->pgo_get(
	    uobj, off, pgp, &npages, 0, lower_access(ctx), advice, PGO_SYNCIO);
	if (rv != VM_PAGER_OK) {
		if (!MUTANT(IO_ERROR_KEEPS_REF))
			uobj->pgops->pgo_detach(uobj);
		ctx->error = EIO;
		if (rv != VM_PAGER_AGAIN && !MUTANT(IO_ERROR_IGNORED))
			return UVM_FAULT_ERROR;
		UVMCNT_INC(fltnoram);
		ctx->wait = FAULT_WAIT_MEM;
		return UVM_FAULT_REFAULT;
	}
	return lower_relock(ctx, *pgp) ? UVM_FAULT_OK : UVM_FAULT_REFAULT;
}

/* -- Cases ----------------------------------------------------------------- */

/*
 * 2A: map the object's own page.
 * => page busy, object, amap and map locked on entry; nothing on exit
 */
static enum uvm_fault_rv
lower_map(struct uvm_faultctx *ctx, struct vm_page *pg)
{
	vm_prot_t prot = ctx->prot;
	bool entered;

	if (__predict_false(pg->loan_count != 0 && fault_is_write(ctx) &&
		!MUTANT(LOANED_OBJ_WRITTEN))) {
		struct vm_page *own = uvm_obj_loanbreak(pg);

		if (own == NULL) {
			UVMCNT_INC(fltnoram);
			lower_release(ctx, pg);
			return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
		}
		pg = own;
	}
	if (fault_is_write(ctx)) {
		atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
		if (UVM_OBJ_IS_VNODE(ctx->uobj) && !ctx->cow)
			ctx->dirtied |= uvn_dirty(pg);
	} else if (lower_rdonly(pg))
		prot &= ~PROT_WRITE;
	if (ctx->cow)
		prot &= ~PROT_WRITE;
	entered = uvm_fault_enter(ctx, pg, prot);
	lower_release(ctx, pg);
	if (!entered)
		return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
	UVMCNT_INC(flt_obj);
	return lower_done(ctx);
}

/*
 * 2B: a page of our own with the object's contents.
 * => as lower_map(); amap write-locked
 */
static enum uvm_fault_rv
lower_promote(struct uvm_faultctx *ctx, struct vm_page *pg)
{
	enum uvm_fault_wait wait;
	struct vm_anon *anon;
	bool entered;

	KASSERT(ctx->amap != NULL && ctx->lockmode == RW_WRITE);
	if (!uvm_fault_spare(ctx, NULL, pg, &wait)) {
		lower_release(ctx, pg);
		return uvm_fault_retry(ctx, wait);
	}
	if (amap_store_set(&ctx->amap->am_store, ctx->slot, ctx->spare) != 0) {
		UVMCNT_INC(fltnoram);
		lower_release(ctx, pg);
		return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
	}
	anon = uvm_fault_spare_take(ctx);
	anon->an_lock = ctx->amap->am_lock;
	UVMCNT_INC(flt_prcopy);
	/* Others that use the amap must not go on seeing the object's page. */
	if ((ctx->amap->am_flags & AMAP_SHARED) != 0 &&
	    !MUTANT(PROMOTE_NO_PROTECT))
		uvm_page_unmap(pg);
	entered = uvm_fault_enter(ctx, anon->an_page, ctx->prot);
	lower_release(ctx, pg);
	if (!entered)
		return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
	return lower_done(ctx);
}

/* The pager does everything itself. => map and amap locked; nothing on exit */
static enum uvm_fault_rv
lower_device(struct uvm_faultctx *ctx)
{
	struct vm_page *pg = NULL;

	if (ctx->amap != NULL)
		amap_unlock(ctx->amap);
	switch (ctx->uobj->pgops->pgo_fault(&ctx->ufi, ctx->ufi.orig_rvaddr,
	    &pg, 1, 0, ctx->type, ctx->access, 0)) {
	case VM_PAGER_OK:
		UVMCNT_INC(flt_obj);
		return UVM_FAULT_OK;
	case VM_PAGER_REFAULT:
		ctx->wait = FAULT_WAIT_NONE;
		return UVM_FAULT_REFAULT;
	case VM_PAGER_AGAIN:
		UVMCNT_INC(fltnoram);
		ctx->wait = FAULT_WAIT_MEM;
		return UVM_FAULT_REFAULT;
	default:
		ctx->error = EIO;
		return UVM_FAULT_ERROR;
	}
}

enum uvm_fault_rv
uvm_fault_lower(struct uvm_faultctx *ctx)
{
	struct vm_page *pg;
	enum uvm_fault_rv rv;

	if (__predict_false(ctx->uobj == NULL))
		return uvm_fault_fail(ctx, EFAULT);
	if (ctx->uobj->pgops->pgo_fault != NULL)
		return lower_device(ctx);
	rw_enter_write(&ctx->uobj->uo_lock);
	pg = lower_resident(ctx);
	if (pg == NULL) {
		rv = lower_io(ctx, &pg);
		if (rv != UVM_FAULT_OK)
			return rv;
	}
	if (ctx->cow && fault_is_write(ctx))
		return lower_promote(ctx, pg);
	return lower_map(ctx, pg);
}
