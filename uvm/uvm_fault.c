/*
 * Page faults.
 *
 *	uvm_fault	the entry; common faults are resolved at once
 *			(uvm_fault_fast.c), the rest goes to
 *	uvm_fault_loop	until a pass neither waits nor restarts
 *	  fault_lookup	  the entry, read-locked; needs-copy resolved
 *	  fault_check	  rights, advice, window
 *	  uvm_fault_upper   anonymous layer: cases 1A, 1B, zero fill
 *	  uvm_fault_lower   object layer: cases 2A, 2B
 *	  fault_wait	  whatever the pass said it needs, with no lock held
 *
 * Locks of a pass: the map for reading, so that faults of one address space
 * run side by side; the amap for reading as long as nothing in it changes; the
 * object for writing.  A page that a fault adds to an amap is allocated and
 * filled first and the amap locked for writing only to insert and map it.
 */
#include <uvm/uvm_fault_i.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_vnode.h>

/* -- Endings --------------------------------------------------------------- */

enum uvm_fault_rv
uvm_fault_retry(struct uvm_faultctx *ctx, enum uvm_fault_wait wait)
{
	if (ctx->amap != NULL)
		amap_unlock(ctx->amap);
	uvmfault_unlockmaps(&ctx->ufi, false);
	ctx->wait = wait;
	return UVM_FAULT_REFAULT;
}

enum uvm_fault_rv
uvm_fault_fail(struct uvm_faultctx *ctx, int error)
{
	if (ctx->amap != NULL)
		amap_unlock(ctx->amap);
	uvmfault_unlockmaps(&ctx->ufi, false);
	ctx->error = error;
	return UVM_FAULT_ERROR;
}

/* -- The page that promotion puts into the amap ---------------------------- */

void
uvm_fault_spare_free(struct uvm_faultctx *ctx)
{
	if (ctx->spare != NULL)
		uvm_anon_discard(ctx->spare);
	ctx->spare = NULL;
}

/* What lacked when there was no anon? */
static enum uvm_fault_wait
spare_wait(void)
{
	if (uvm_anon_left() > 0) {
		UVMCNT_INC(fltnoram);
		return FAULT_WAIT_MEM;
	}
	UVMCNT_INC(fltnoanon);
	return FAULT_WAIT_ANON;
}

bool
uvm_fault_spare(struct uvm_faultctx *ctx, struct vm_anon *from,
    struct vm_page *src, enum uvm_fault_wait *wait)
{
	struct vm_anon *anon;
	struct vm_page *pg;

	if (src == NULL && ctx->spare != NULL) {
		if (ctx->spare_src == NULL)
			return true;
		uvm_fault_spare_free(ctx); /* it holds a copy */
	}
	anon = ctx->spare;
	if (anon == NULL) {
		anon = uvm_analloc();
		if (anon == NULL) {
			*wait = spare_wait();
			return false;
		}
		pg = uvm_pagealloc(
		    NULL, 0, anon, src == NULL ? UVM_PGA_ZERO : 0);
		if (pg == NULL) {
			UVMCNT_INC(fltnoram);
			if (!MUTANT(SPARE_ERROR_LEAK))
				uvm_anon_discard(anon);
			*wait = FAULT_WAIT_MEM;
			return false;
		}
		ctx->spare = anon;
	}
	ctx->spare_of = from;
	ctx->spare_src = src;
	if (src != NULL)
		pmap_copy_page(src, anon->an_page);
	return true;
}

/* -- Entering -------------------------------------------------------------- */

/*
 * Map the page at a wired address.  Usually it is being wired now.  Otherwise
 * it takes the place of another one, and the wiring moves over: unwiring will
 * count on it; or that of a mapping that was taken away with its wiring
 * (uvm_page_unmap), which comes back now.
 * => as uvm_fault_enter(), owner write-locked; the owner of the page that is
 *    replaced too
 */
bool
uvm_fault_enter_wired(
    struct uvm_faultctx *ctx, struct vm_page *pg, vm_prot_t prot)
{
	pmap_t pmap = vm_map_pmap(ctx->ufi.map);
	vaddr_t va = ctx->ufi.orig_rvaddr;
	struct vm_page *old = NULL;
	paddr_t pa;

	if (pmap_extract(pmap, va, &pa))
		old = PHYS_TO_VM_PAGE(pa);
	if (pmap_enter(pmap, va, VM_PAGE_TO_PHYS(pg), prot,
		ctx->access | PMAP_CANFAIL | PMAP_WIRED) != 0) {
		/* the old mapping may be gone already, its wiring with it */
		if (old != NULL && !ctx->wire && !pmap_extract(pmap, va, &pa))
			uvm_pageunwire(old);
		if (uvm_fault_activates(pg))
			uvm_pageactivate(pg);
		return false;
	}
	if (ctx->wire)
		uvm_pagewire(pg);
	else if (old != pg) {
		uvm_pagewire(pg);
		if (old != NULL && !MUTANT(WIRED_COW_KEEPS_OLD))
			uvm_pageunwire(old);
	}
	pmap_update(pmap);
	return true;
}

/* -- Lookup and check ------------------------------------------------------ */

/*
 * Give the entry an amap of its own.
 * => map read-locked on entry, nothing locked on exit
 */
static enum uvm_fault_rv
fault_amapcopy(struct uvm_faultctx *ctx)
{
	struct uvm_faultinfo *ufi = &ctx->ufi;
	int error = 0;

	if (!vm_map_upgrade(ufi->map) && !uvmfault_lookup(ufi, true)) {
		ctx->error = EFAULT;
		return UVM_FAULT_ERROR;
	}
	/* Storage follows the pages present: no reason to cut the entry. */
	if (UVM_ET_ISNEEDSCOPY(ufi->entry)) {
		error = amap_copy(ufi->map, ufi->entry, false, false,
		    ufi->orig_rvaddr, ufi->orig_rvaddr + PAGE_SIZE);
		if (error == 0)
			UVMCNT_INC(fltamcopy);
	}
	uvmfault_unlockmaps(ufi, true);
	ctx->wait = error == 0 ? FAULT_WAIT_NONE : FAULT_WAIT_MEM;
	return UVM_FAULT_REFAULT;
}

/*
 * May the access happen, and what rights may the mapping have?
 * => map read-locked on entry; with all but OK nothing is locked on exit
 */
static enum uvm_fault_rv
fault_check(struct uvm_faultctx *ctx)
{
	struct vm_map_entry *entry = ctx->ufi.entry;
	vm_prot_t prot = entry->protection;
	int error = 0;

	if ((prot & PROT_WRITE) != 0)
		prot |= PROT_READ; /* the machine has no other way */
	if (UVM_ET_ISHOLE(entry) || (entry->me_flags & ME_NOFAULT) != 0)
		error = EFAULT;
	else if ((ctx->asked & ~prot) != 0 || prot == PROT_NONE)
		error = EACCES;
	if (__predict_false(error != 0)) {
		uvmfault_unlockmaps(&ctx->ufi, false);
		ctx->error = error;
		return UVM_FAULT_ERROR;
	}
	ctx->prot = prot;
	ctx->wire = ctx->type == VM_FAULT_WIRE;
	ctx->wired = ctx->wire || VM_MAPENT_ISWIRED(entry);
	/* No fault shall come later to a wired page: all that is allowed. */
	ctx->access = ctx->wired ? prot : ctx->asked;
	ctx->cow = UVM_ET_ISCOPYONWRITE(entry);
	if (UVM_ET_ISNEEDSCOPY(entry)) {
		if (fault_is_write(ctx) || !UVM_ET_ISOBJ(entry))
			return fault_amapcopy(ctx);
		if (!MUTANT(NEEDSCOPY_WRITABLE))
			ctx->prot &= ~PROT_WRITE;
	}
	ctx->narrow = ctx->wired || entry->advice == MADV_RANDOM;
	ctx->neighbours = !ctx->narrow;
	return UVM_FAULT_OK;
}

/*
 * => OK: map read-locked, ctx describes what is there; else nothing is locked
 */
static enum uvm_fault_rv
fault_lookup(struct uvm_faultctx *ctx)
{
	struct vm_map_entry *entry;
	enum uvm_fault_rv rv;

	if (ctx->located) {
		ctx->located = false;
	} else if (!uvmfault_lookup(&ctx->ufi, false)) {
		ctx->error = EFAULT;
		return UVM_FAULT_ERROR;
	}
	rv = fault_check(ctx);
	if (rv != UVM_FAULT_OK)
		return rv;
	entry = ctx->ufi.entry;
	ctx->anget = false;
	ctx->amap = entry->aref.ar_amap;
	ctx->uobj = UVM_ET_ISOBJ(entry) ? entry->object.uvm_obj : NULL;
	ctx->slot =
	    entry->aref.ar_pageoff + atop(ctx->ufi.orig_rvaddr - entry->start);
	/*
	 * The amap is changed by copying an object's page into it, by wiring
	 * and by deactivating what lies behind.  What else changes it is found
	 * out on the way (UVM_FAULT_NEEDWRITE).
	 */
	ctx->alone =
	    ctx->amap != NULL && uvm_fault_alone(ctx->ufi.map, ctx->amap);
	if (ctx->alone || ctx->wired || entry->advice == MADV_SEQUENTIAL ||
	    (ctx->uobj != NULL && ctx->cow && fault_is_write(ctx)))
		ctx->lockmode = RW_WRITE;
	else
		ctx->lockmode = RW_READ;
	return UVM_FAULT_OK;
}

/* -- The loop -------------------------------------------------------------- */

/* One pass through the stages. => nothing locked on exit */
static enum uvm_fault_rv
fault_pass(struct uvm_faultctx *ctx)
{
	enum uvm_fault_rv rv;

	if (!ctx->resumed) {
		rv = fault_lookup(ctx);
		if (rv != UVM_FAULT_OK)
			return rv;
	}
	if (ctx->amap == NULL)
		return uvm_fault_lower(ctx);
	while ((rv = uvm_fault_upper(ctx)) == UVM_FAULT_NEEDWRITE)
		ctx->lockmode = RW_WRITE;
	return rv;
}

/*
 * A process that is being killed must not wait for what its death frees; the
 * kernel's own accesses cannot fail, but its requests to wire memory can.
 */
static bool
fault_is_dying(struct uvm_faultctx *ctx)
{
	if (ctx->ufi.orig_map->pmap == pmap_kernel() && !ctx->wire)
		return false;
	return uvm_being_killed(curproc);
}

/* With every slot the only place of a page, nothing can be paged out for us. */
static bool
swap_is_full(void)
{
	return uvmexp.swpages > 0 && uvmexp.swpgonly >= uvmexp.swpages &&
	    !uvm_reclaimable();
}

/*
 * Wait for what the last pass lacked.
 * => nothing locked but the amap of a busy page; nothing locked on exit
 * => TRUE: look again; FALSE: give up for ctx->error
 */
static bool
fault_wait(struct uvm_faultctx *ctx)
{
	ctx->resumed = false;
	if (ctx->wait == FAULT_WAIT_NONE)
		return true;
	if (ctx->wait == FAULT_WAIT_PAGE) {
		UVMCNT_INC(fltpgwait);
		uvm_page_wait(
		    ctx->wait_page, &ctx->amap->am_lock->aml_lock, "fltpage");
		ctx->resumed = uvmfault_relock(&ctx->ufi);
		return true;
	}
	if (ctx->wait == FAULT_WAIT_SWAP)
		return uvm_fault_swapread(ctx);
	uvm_fault_spare_free(ctx);
	ctx->error = ENOMEM;
	if (fault_is_dying(ctx))
		return false;
	if (ctx->wait == FAULT_WAIT_MEM) {
		if (!swap_is_full() || uvm_free_count() > uvmexp.freemin) {
			uvm_wait("fltnoram");
			return true;
		}
		UVMCNT_INC(fltnoanon);
		if (!oom_kill() || fault_is_dying(ctx))
			return false;
		uvm_wait("fltnoram");
		return true;
	}
	/* Only the end of a process brings anons back in time. */
	if (!oom_kill() || fault_is_dying(ctx))
		return false;
	uvm_anwait();
	return true;
}

int
uvm_fault_loop(struct vm_map *map, struct vm_map_entry *entry, vaddr_t va,
    vm_fault_t fault_type, vm_prot_t access_type)
{
	struct uvm_faultctx ctx;
	enum uvm_fault_rv rv;

	ctx.ufi.orig_map = ctx.ufi.map = map;
	ctx.ufi.orig_rvaddr = va;
	ctx.ufi.orig_size = PAGE_SIZE;
	ctx.ufi.entry = entry;
	ctx.ufi.size = entry->end - va;
	ctx.ufi.mapv = map->timestamp;
	ctx.type = fault_type;
	ctx.asked = access_type;
	ctx.resumed = false;
	ctx.spare = NULL;
	ctx.dirtied = false;
	ctx.located = !UVM_ET_ISSUBMAP(entry);
	if (!ctx.located)
		uvmfault_unlockmaps(&ctx.ufi, false);
	while ((rv = fault_pass(&ctx)) == UVM_FAULT_REFAULT && fault_wait(&ctx))
		continue;
	if (__predict_false(ctx.spare != NULL))
		uvm_fault_spare_free(&ctx);
	/* who wires has the map's lock */
	if (__predict_false(ctx.dirtied) && !ctx.wire)
		uvn_throttle();
	return rv == UVM_FAULT_OK ? 0 : ctx.error;
}
