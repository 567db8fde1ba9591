/*
 * The anonymous layer of a fault: map an anon's page (1A), copy it (1B), or
 * put a zeroed page where nothing is.
 */
#include <uvm/uvm_fault_i.h>
#include <uvm/uvm_loan.h>

/* The lock must be held for writing, and others read. => the stage restarts */
static enum uvm_fault_rv
upper_needwrite(struct uvm_faultctx *ctx)
{
	amap_unlock(ctx->amap);
	return UVM_FAULT_NEEDWRITE;
}

/* => TRUE: the amap is write-locked now and nothing changed */
static bool
upper_upgrade(struct uvm_faultctx *ctx)
{
	if (ctx->lockmode == RW_READ) {
		if (!rw_upgrade_try(&ctx->amap->am_lock->aml_lock))
			return false;
		ctx->lockmode = RW_WRITE;
	}
	return true;
}

static inline enum uvm_fault_rv
upper_done(struct uvm_faultctx *ctx)
{
	amap_unlock(ctx->amap);
	uvmfault_unlockmaps(&ctx->ufi, false);
	return UVM_FAULT_OK;
}

/* -- Cases ----------------------------------------------------------------- */

/*
 * Nothing there, and no object below: a page of zeros.
 * => where: the slot, or NULL if it needs storage
 */
static enum uvm_fault_rv
upper_zerofill(struct uvm_faultctx *ctx, struct vm_anon **where)
{
	struct vm_amap *amap = ctx->amap;
	enum uvm_fault_wait wait;
	struct vm_anon *anon;

	if (ctx->alone) {
		if (!uvm_fault_spare(ctx, NULL, NULL, &wait))
			return uvm_fault_retry(ctx, wait);
	} else if (ctx->spare == NULL || ctx->spare_src != NULL ||
	    ctx->lockmode == RW_READ) {
		amap_unlock(amap);
		if (uvm_fault_spare(ctx, NULL, NULL, &wait))
			return UVM_FAULT_NEEDWRITE;
		uvmfault_unlockmaps(&ctx->ufi, false);
		ctx->wait = wait;
		return UVM_FAULT_REFAULT;
	}
	if (where != NULL)
		amap_store_fill(&amap->am_store, ctx->slot, where, ctx->spare);
	else if (amap_store_set(&amap->am_store, ctx->slot, ctx->spare) != 0) {
		UVMCNT_INC(fltnoram);
		return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
	}
	anon = uvm_fault_spare_take(ctx);
	anon->an_lock = amap->am_lock;
	UVMCNT_INC(flt_przero);
	if (!uvm_fault_enter(ctx, anon->an_page, ctx->prot))
		return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
	return upper_done(ctx);
}

/*
 * 1B: a write to a page that others see too.
 *
 * The copy is made with the amap read-locked.  It is still good when the lock
 * must be let go to get it for writing: the page cannot be written while
 * an_ref > 1, and to fall to 1 and rise again it would take a fork of this
 * map, which we hold locked; or another map that writes through this very
 * amap, in which case the copy is made under the write lock at once.
 */
static enum uvm_fault_rv
upper_cow(struct uvm_faultctx *ctx, struct vm_anon *anon)
{
	enum uvm_fault_wait wait;

	if (ctx->lockmode == RW_READ &&
	    (ctx->amap->am_flags & AMAP_SHARED) != 0)
		return upper_needwrite(ctx);
	if ((ctx->spare == NULL || ctx->spare_of != anon ||
		ctx->spare_src != anon->an_page ||
		(ctx->amap->am_flags & AMAP_SHARED) != 0) &&
	    !uvm_fault_spare(ctx, anon, anon->an_page, &wait))
		return uvm_fault_retry(ctx, wait);
	if (!upper_upgrade(ctx))
		return upper_needwrite(ctx);
	anon = uvm_fault_spare_take(ctx);
	amap_replace(ctx->amap, ctx->slot, anon);
	UVMCNT_INC(flt_acow);
	if (!uvm_fault_enter(ctx, anon->an_page, ctx->prot))
		return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
	return upper_done(ctx);
}

/*
 * The page will differ from what its swap slot holds, or stay for good.
 * => amap write-locked
 */
static inline void
upper_dirty(struct vm_anon *anon)
{
	if (MUTANT(SWAP_DIRTY_KEEPS_SLOT))
		return;
	uvm_anon_dropswap(anon);
	atomic_and(&anon->an_page->pg_flags, ~(uint32_t)PG_CLEAN);
}

/* 1A: a read, or a write to a page that is ours alone. */
static enum uvm_fault_rv
upper_map(struct uvm_faultctx *ctx, struct vm_anon *anon)
{
	struct vm_page *pg = anon->an_page;
	bool dirty = (fault_is_write(ctx) && (pg->pg_flags & PG_CLEAN) != 0 &&
			 !MUTANT(WRITE_KEEPS_SLOT)) ||
	    (ctx->wired && anon->an_swslot != 0);
	vm_prot_t prot = ctx->prot;

	if ((dirty || uvm_fault_enter_writes(ctx, pg)) && !upper_upgrade(ctx))
		return upper_needwrite(ctx);
	if (dirty)
		upper_dirty(anon);
	if (anon->an_ref > 1 ||
	    (pg->loan_count != 0 && !MUTANT(LOANED_MAPPED_WRITABLE)))
		prot &= ~PROT_WRITE;
	if (!uvm_fault_enter(ctx, pg, prot))
		return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
	UVMCNT_INC(flt_anon);
	return upper_done(ctx);
}

/* There is an anon: cases 1A and 1B. */
static enum uvm_fault_rv
upper_anon(struct uvm_faultctx *ctx, struct vm_anon *anon)
{
	struct vm_page *pg = anon->an_page;
	bool borrowed;

	if (!ctx->anget) {
		ctx->anget = true;
		UVMCNT_INC(fltanget);
	} else if (ctx->resumed) {
		UVMCNT_INC(fltanretry);
	}
	ctx->resumed = false;
	if (__predict_false(pg == NULL)) {
		if (!upper_upgrade(ctx))
			return upper_needwrite(ctx);
		return uvm_fault_swapin(ctx, anon);
	}
	if (__predict_false((pg->pg_flags & PG_BUSY) != 0)) {
		if (ctx->lockmode == RW_READ)
			return upper_needwrite(ctx);
		uvmfault_unlockmaps(&ctx->ufi, false);
		ctx->wait = FAULT_WAIT_PAGE;
		ctx->wait_page = pg;
		return UVM_FAULT_REFAULT;
	}
	/* what is wired must be ours, or its owner's lock would have to be */
	borrowed = ctx->wired && pg->uanon != anon;
	if (!fault_is_write(ctx) && !borrowed)
		return upper_map(ctx, anon);
	if (fault_is_write(ctx) && anon->an_ref > 1)
		return upper_cow(ctx, anon);
	if (__predict_false(borrowed || pg->loan_count != 0)) {
		if (!upper_upgrade(ctx))
			return upper_needwrite(ctx);
		if (!uvm_anon_loanbreak(anon)) {
			UVMCNT_INC(fltnoram);
			return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
		}
	}
	return upper_map(ctx, anon);
}

enum uvm_fault_rv
uvm_fault_upper(struct uvm_faultctx *ctx)
{
	struct vm_anon **where;

	fault_lock_amap(ctx);
	where = amap_store_slot(&ctx->amap->am_store, ctx->slot);
	if (ctx->neighbours) {
		ctx->neighbours = false;
		uvm_fault_neighbours(ctx->ufi.map, ctx->ufi.entry,
		    ctx->ufi.orig_rvaddr, where, ctx->prot,
		    fault_is_write(ctx));
	}
	if (where != NULL && *where != NULL)
		return upper_anon(ctx, *where);
	if (ctx->uobj != NULL)
		return uvm_fault_lower(ctx);
	return upper_zerofill(ctx, where);
}
