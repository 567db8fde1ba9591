/*
 * Faults on anonymous memory that is in swap: the page is read, and with it
 * what lies beside it there, for pages that went out together are often wanted
 * together.
 */
#include <uvm/uvm_fault_i.h>

/*
 * How many pages may be read at once?  Many if the last one read lay nearby,
 * or nothing is known; only what is needed if the program jumps about, asked
 * for it, or if memory is short.
 * => amap write-locked
 */
static int
swapin_width(struct uvm_faultctx *ctx)
{
	struct vm_amap *amap = ctx->amap;
	uint32_t last = amap->am_swapin, now = ctx->slot + 1;
	uint32_t jump = now > last ? now - last : last - now;
	long spare = uvm_free_count() - uvmexp.reserve_kernel;

	amap->am_swapin = now;
	if (ctx->narrow || (last != 0 && jump > SWAP_CLUSTER))
		return 1;
	return (int)MAX(1, MIN(spare / 4, SWAP_CLUSTER));
}

/* => TRUE: it is to be read too, and has a page for that */
static bool
swapin_add(struct vm_anon *anon, int slot)
{
	return anon != NULL && anon->an_page == NULL &&
	    anon->an_swslot == slot && uvm_pagealloc(NULL, 0, anon, 0) != NULL;
}

/*
 * Neighbours of the slot that are not in memory: those behind it first, then
 * those before it.
 * => amap write-locked, the anon's page is there; fills ctx->in_*
 */
static void
swapin_gather(struct uvm_faultctx *ctx, struct vm_anon *anon, int width)
{
	struct vm_anon *near[2 * SWAP_CLUSTER - 1];
	int slot = anon->an_swslot, back = 0, forw = 1;
	int first = MAX(1, slot - (SWAP_CLUSTER - 1));

	if (width > 1) {
		uvm_swap_anons(
		    first, slot + width - first, anon->an_lock, near);
		while (forw < width &&
		    swapin_add(near[slot + forw - first], slot + forw))
			forw++;
		while (slot - back > first && forw + back < width &&
		    swapin_add(near[slot - back - 1 - first], slot - back - 1))
			back++;
		for (int i = 0; i < back + forw; i++)
			ctx->in_anon[i] = near[slot - back + i - first];
	}
	ctx->in_anon[back] = anon;
	ctx->in_slot = slot - back;
	ctx->in_n = back + forw;
	ctx->in_want = back;
}

enum uvm_fault_rv
uvm_fault_swapin(struct uvm_faultctx *ctx, struct vm_anon *anon)
{
	int width;

	if (anon->an_swslot == SWSLOT_BAD && !MUTANT(SWAPIN_LOST_IS_FOUND))
		return uvm_fault_fail(ctx, EIO);
	KASSERTMSG(anon->an_swslot != 0, "uvm_fault: anon %p is nowhere", anon);
	if (uvm_pagealloc(NULL, 0, anon, 0) == NULL) {
		UVMCNT_INC(fltnoram);
		return uvm_fault_retry(ctx, FAULT_WAIT_MEM);
	}
	width = swapin_width(ctx);
	swapin_gather(ctx, anon, width);
	return uvm_fault_retry(ctx, FAULT_WAIT_SWAP);
}

/* -- Reading -------------------------------------------------------------------- */

/*
 * Let go of a page that was to be read.
 * => write-locked; the lock is dropped and taken again if the anon went
 * => FALSE: it went
 */
static bool
swapin_done(struct vm_anon *anon, struct rwlock *lock, bool wanted)
{
	struct vm_page *pg = anon->an_page;

	if ((pg->pg_flags & PG_RELEASED) && !MUTANT(SWAPIN_KEEPS_RELEASED)) {
		uvm_anon_release(anon);
		rw_enter_write(lock);
		return false;
	}
	if ((pg->pg_flags & PG_FAKE) && !MUTANT(SWAPIN_KEEPS_UNREAD)) {
		/* not read: it is where it was */
		atomic_or(&pg->pg_flags, PG_RELEASED);
		(void)uvm_page_unbusy(pg);
		return true;
	}
	if (wanted)
		uvm_pageactivate(pg);
	else
		uvm_pagedeactivate(pg);
	(void)uvm_page_unbusy(pg);
	return true;
}

/* => all pages are let go of; FALSE: the one the fault is about went */
static bool
swapin_finish(struct uvm_faultctx *ctx)
{
	struct amap_lock *lock = ctx->in_anon[ctx->in_want]->an_lock;
	bool kept = true;

	/* all anons have one lock, which a busy page keeps from going */
	rw_enter_write(&lock->aml_lock);
	refcnt_take(&lock->aml_refs);
	for (int i = 0; i < ctx->in_n; i++)
		if (!swapin_done(
			ctx->in_anon[i], &lock->aml_lock, i == ctx->in_want) &&
		    i == ctx->in_want)
			kept = false;
	rw_exit(&lock->aml_lock);
	amap_lock_rele(lock);
	return kept;
}

bool
uvm_fault_swapread(struct uvm_faultctx *ctx)
{
	struct vm_page *pgs[SWAP_CLUSTER];
	bool same, kept;
	int got;

	for (int i = 0; i < ctx->in_n; i++)
		pgs[i] = ctx->in_anon[i]->an_page;
	got = uvm_swap_get_run(pgs, ctx->in_slot, ctx->in_n, ctx->in_want);
	curproc->p_ru_majflt++;
	same = uvmfault_relock(&ctx->ufi);
	kept = swapin_finish(ctx);
	if (!kept)
		UVMCNT_INC(fltpgrele);
	if (same && kept && got != 0) {
		ctx->resumed = true;
		ctx->neighbours = !ctx->narrow;
		return true;
	}
	if (same)
		uvmfault_unlockmaps(&ctx->ufi, false);
	if (!same || !kept)
		return true;
	ctx->error = EIO;
	return false;
}
