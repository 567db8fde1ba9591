/*
 * The page daemon, and the protocol between it and who waits for memory.
 *
 * A thread that finds no page calls uvm_wait(): under uvm.fpageqlock it sees
 * that free memory is still at the reserve, counts itself and sleeps on
 * &pd_waiters.  Whoever gives pages back does so under that lock too, sees the
 * waiters (uvm_pd_freed) and wakes them.  The daemon is asked for by
 * pd_wanted; it scans the queues, shrinks what caches memory, and when nothing
 * more is to be had has a process killed.
 */
#include <uvm/uvm_pgcache.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_pdpolicy.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_swap.h>
#include <uvm/uvm_vnode.h>
#include <sys/mcache.h>
#include <sys/mount.h>
#include <sys/pool.h>
#include <sys/signalvar.h>

#define WAIT_NS       500000000UL /* a waiter looks up: is it being killed? */
#define WAIT_TRY_NS   20000000UL /* between tries of an unusual request */
#define WAIT_MIN_NS   1000000UL /* when there is memory, but not for us */
#define POLL_NS       10000000UL /* between looks at what others free */
#define OOM_POLLS     300 /* before another victim is chosen */
#define DROPSWAP      128 /* slots that are taken from pages in use at once */
#define TURNED_AWAY   64 /* pages not written for want of requests: scan ends */
#define HOLD_PAGES    64 /* pages of one owner looked at before others may */
#define CLEAN_PAGES   16 /* freed together: so late the minimums are seen */
#define SKIP_PAUSE    16 /* locked objects met before they get a pause */
#define FRUITLESS     16 /* passes that gave nothing before a victim is chosen */
#define SWAPPER_POLLS 10 /* for what process zero may free */

/* All but wait_nothing: uvm.fpageqlock. */
static bool pd_wanted; /* the daemon has something to do */
static u_int pd_waiters; /* threads in uvm_wait */
static u_int pd_fruitless_passes; /* only the daemon */
static int
    pd_since_look; /* only the daemon: pages freed since uvmexp_collect() */
static u_int pd_gave_seen; /* only the daemon: pd_gave when last looked at */
static const char wait_nothing; /* slept on for a time, woken by nobody */
/*
 * Pages freed by the daemon and by pageouts that it started: atomic.  Whether
 * it gets anywhere does not show in how many are free: those who wait take them
 * as they come.
 */
static u_int pd_gave;
/*
 * After a scan that freed nothing: wake the daemon only below this many free
 * pages, until memory was plentiful again.  Else: no limit.
 */
static long pd_quiet_above = __LONG_MAX__;

/* -- Asking for memory ------------------------------------------------------------ */

/* => fpageqlock held */
static void
pd_wake(void)
{
	if (!pd_wanted) {
		pd_wanted = true;
		wakeup(&uvm.pagedaemon);
	}
}

void
uvm_pd_check(long free)
{
	int inactive = uvm_pageq_inactive();

	if (uvm_pdpolicy_wake(free, uvmexp.freemin, uvmexp.freetarg, inactive,
		uvmexp.inactarg) &&
	    free < pd_quiet_above)
		pd_wake();
}

void
uvm_pd_freed(long free)
{
	if (__predict_false(pd_waiters != 0) && free > uvmexp.reserve_kernel)
		wakeup(&pd_waiters);
	if (free >= uvmexp.freetarg)
		pd_quiet_above = __LONG_MAX__;
}

bool
uvm_being_killed(struct proc *p)
{
	return (p->p_flag & P_OOMKILL) != 0 || sig_killed(p);
}

/* What every wait checks first. */
static void
wait_check(const char *wmesg)
{
	if (UVM_IS_PAGEDAEMON())
		panic("uvm_wait: the page daemon waits for itself (%s)", wmesg);
	if (uvm.pagedaemon == NULL)
		panic("out of memory before the page daemon runs (%s)", wmesg);
	KASSERT(curcpu()->ci_mtxdepth == 0 && curcpu()->ci_intrdepth == 0);
}

/*
 * Sleep until there is free memory above the kernel's reserve.  Memory there is
 * may not be what was asked for: then let others on, and when it is little,
 * tell the daemon that it will not do.
 * => thread context, no short lock held; not for the page daemon
 * => TRUE soon if the process is being killed: it must not wait for what its
 *    own death sets free.  Who cannot give up asks again, so it is a waiter
 *    like others: without one nothing is paged out, and nobody else killed.
 */
bool
uvm_wait_killed(const char *wmesg)
{
	struct proc *p = curproc;

	wait_check(wmesg);
	mtx_enter(&uvm.fpageqlock);
	if (uvm_free_count() > uvmexp.freemin ||
	    (uvm_being_killed(p) && MUTANT(KILLED_ASKS_NOT))) {
		(void)msleep(&wait_nothing, &uvm.fpageqlock, PVM | PNORELOCK,
		    wmesg, WAIT_MIN_NS);
		return uvm_being_killed(p);
	}
	do {
		pd_waiters++;
		pd_wake();
		(void)msleep(&pd_waiters, &uvm.fpageqlock, PVM, wmesg,
		    uvm_free_count() > uvmexp.reserve_kernel ? WAIT_MIN_NS
			: uvm_being_killed(p)                ? WAIT_TRY_NS
							     : WAIT_NS);
		pd_waiters--;
	} while (
	    uvm_free_count() <= uvmexp.reserve_kernel && !uvm_being_killed(p));
	mtx_leave(&uvm.fpageqlock);
	return uvm_being_killed(p);
}

void
uvm_wait(const char *wmesg)
{
	(void)uvm_wait_killed(wmesg);
}

bool
uvm_wait_pages(const char *wmesg)
{
	wait_check(wmesg);
	if (uvm_being_killed(curproc))
		return false;
	mtx_enter(&uvm.fpageqlock);
	pd_wake();
	(void)msleep(&wait_nothing, &uvm.fpageqlock, PVM, wmesg, WAIT_TRY_NS);
	mtx_leave(&uvm.fpageqlock);
	return true;
}

/*
 * Pages of files can be read again.  Anonymous ones need room in swap.
 */
bool
uvm_reclaimable(void)
{
	uvmexp_collect();
	if (uvmexp.vnodepages + uvmexp.vtextpages > 0)
		return true;
	if (uvmexp.nswapdev == 0)
		return false;
	/* on their way; or clean copies of what swap has; or room for more */
	return uvmexp.paging > 0 ||
	    (uvmexp.active + uvmexp.inactive > 0 &&
		(uvm_swap_nfree() > 0 || uvmexp.swpginuse > uvmexp.swpgonly));
}

/* -- Scanning ----------------------------------------------------------------------- */

/* The lock of a queued page's owner. => pageqlock held: the owner stays */
static struct rwlock *
owner_lock(struct vm_page *pg)
{
	return pg->uobject != NULL ? &pg->uobject->uo_lock
				   : &pg->uanon->an_lock->aml_lock;
}

/*
 * Wait for the lock of an anon, which is in use: whoever has it waits neither
 * for memory nor for a page.  The family's lock is kept from going meanwhile.
 * => pageqlock held
 * => TRUE: locked, and the page is still queued and the anon's; pageqlock
 *    dropped
 */
static bool
wait_anon_lock(struct vm_page *pg)
{
	struct amap_lock *lock = pg->uanon->an_lock;
	bool same;

	refcnt_take(&lock->aml_refs);
	mtx_leave(&uvm.pageqlock);
	rw_enter_write(&lock->aml_lock);
	mtx_enter(&uvm.pageqlock);
	same = ((pg->pg_flags & PQ_QUEUED) != 0 && pg->uanon != NULL &&
		   pg->uanon->an_lock == lock) ||
	    MUTANT(DAEMON_NO_RECHECK);
	mtx_leave(&uvm.pageqlock);
	if (!same)
		rw_exit(&lock->aml_lock);
	amap_lock_rele(lock);
	if (!same)
		mtx_enter(&uvm.pageqlock);
	return same;
}

/*
 * Move the first page of a queue to its end and lock its owner.
 * => *heldp: the lock of the last page's owner, still held, or NULL; it is
 *    kept if this page has the same
 * => pageqlock held; dropped with PD_LOCKED, kept otherwise
 * => PD_SKIP: the owner is locked by another thread
 */
enum pd_next { PD_NONE, PD_SKIP, PD_LOCKED };

static enum pd_next
next_page(struct pglist *queue, struct vm_page **pgp, struct rwlock **heldp)
{
	struct vm_page *pg = TAILQ_FIRST(queue);
	struct rwlock *lock;

	if (pg == NULL)
		return PD_NONE;
	TAILQ_REMOVE(queue, pg, pageq);
	TAILQ_INSERT_TAIL(queue, pg, pageq);
	*pgp = pg;
	lock = owner_lock(pg);
	if (*heldp != NULL && *heldp != lock) {
		rw_exit(*heldp);
		*heldp = NULL;
	}
	/* inner before outer: so only if it is free */
	if (*heldp == lock || rw_enter(lock, RW_WRITE | RW_NOSLEEP) == 0 ||
	    MUTANT(DAEMON_STEALS_LOCK)) {
		*heldp = lock;
		mtx_leave(&uvm.pageqlock);
		return PD_LOCKED;
	}
	if (pg->uanon == NULL || !wait_anon_lock(pg))
		return PD_SKIP;
	*heldp = lock;
	return PD_LOCKED;
}

/*
 * A page was looked at.  Its owner stays locked for the next one, which often
 * has the same, but not for long.  Who waits for the lock gets time to take it:
 * the next page would have us lock it again at once.
 * => pageqlock held on exit
 */
static void
page_done(struct rwlock **heldp, int n)
{
	bool wanted;

	if (n % HOLD_PAGES == 0) {
		wanted = rw_wanted(*heldp);
		rw_exit(*heldp);
		*heldp = NULL;
		if (wanted)
			(void)tsleep(&wait_nothing, PVM, "pdlock", WAIT_MIN_NS);
	}
	mtx_enter(&uvm.pageqlock);
}

/*
 * Objects cannot be waited for like that: whoever holds the lock of one gets
 * time to let go of it.
 * => pageqlock held, dropped meanwhile; n pages were skipped so far
 */
static void
skip_pause(int n)
{
	if (n % SKIP_PAUSE != 0)
		return;
	mtx_leave(&uvm.pageqlock);
	(void)tsleep(&wait_nothing, PVM, "pdlock", WAIT_MIN_NS);
	mtx_enter(&uvm.pageqlock);
}

/*
 * Is a kind with so many pages under its protected share?  The counters are
 * those of the last look; what went since then is taken for of this kind, until
 * that makes a difference.
 */
static bool
kind_spared(const int *pages, int min)
{
	long total = uvm_free_count();

	total += uvmexp.active + uvmexp.inactive;
	if (pd_since_look != 0 && !MUTANT(DAEMON_SPARES_BY_STALE) &&
	    uvm_pdpolicy_spared(*pages - pd_since_look, min, total)) {
		uvmexp_collect();
		pd_since_look = 0;
	}
	return uvm_pdpolicy_spared(*pages, min, total);
}

/*
 * If the page's kind is under its protected share it is reactivated.
 * => owner locked
 */
static bool
spare_page(struct vm_page *pg)
{
	if (pg->pg_flags & (PQ_ANON | PQ_AOBJ)) {
		if (!kind_spared(&uvmexp.anonpages, uvmexp.anonmin))
			return false;
		UVMCNT_INC(pdreanon);
	} else if (pg->pg_flags & PG_TEXT) {
		if (!kind_spared(&uvmexp.vtextpages, uvmexp.vtextmin))
			return false;
		UVMCNT_INC(pdrevtext);
	} else {
		if (!kind_spared(&uvmexp.vnodepages, uvmexp.vnodemin))
			return false;
		UVMCNT_INC(pdrevnode);
	}
	uvm_pageactivate(pg);
	return true;
}

/* => slot in swap that the page has, or 0; owner locked */
static int
page_swslot(struct vm_page *pg)
{
	if (pg->pg_flags & PQ_ANON)
		return pg->uanon->an_swslot;
	if (pg->pg_flags & PQ_AOBJ)
		return uao_find_swslot(
		    pg->uobject, (u_long)pg->offset >> PAGE_SHIFT);
	return 0;
}

/* => owner locked: the page's slot, if it has one, is free again */
static void
page_dropswap(struct vm_page *pg)
{
	atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
	if (pg->pg_flags & PQ_ANON)
		uvm_anon_dropswap(pg->uanon);
	else if (pg->pg_flags & PQ_AOBJ)
		uao_dropswap(pg->uobject, (u_long)pg->offset >> PAGE_SHIFT);
}

/* => owner locked: does backing store hold what the page held when last seen? */
static bool
page_isclean(struct vm_page *pg)
{
	bool swapped = (pg->pg_flags & (PQ_ANON | PQ_AOBJ)) != 0;

	return (pg->pg_flags & PG_CLEAN) != 0 &&
	    (!swapped || page_swslot(pg) != 0 || MUTANT(CLEAN_WITHOUT_SLOT));
}

static inline bool
page_isfile(const struct vm_page *pg)
{
	return pg->uobject != NULL && UVM_OBJ_IS_VNODE(pg->uobject);
}

/* => owner locked, page clean and unmapped; FALSE: written to after all */
static bool
free_unmapped(struct vm_page *pg)
{
	if (pmap_is_modified(pg) && !MUTANT(DAEMON_FREES_DIRTY)) {
		atomic_and(&pg->pg_flags, ~(uint32_t)PG_CLEAN);
		return false;
	}
	if ((pg->pg_flags & (PQ_ANON | PQ_AOBJ)) && !MUTANT(DAEMON_ONLY_DRIFT))
		uvm_swap_only(1);
	uvm_pagefree(pg);
	if (UVM_IS_PAGEDAEMON())
		pd_since_look++;
	UVMCNT_INC(pdfreed);
	(void)atomic_add(&pd_gave, 1);
	return true;
}

bool
uvm_pd_freeclean(struct vm_page *pg)
{
	if (!page_isclean(pg))
		return false;
	if (!MUTANT(DAEMON_FREES_MAPPED))
		pmap_page_protect(pg, PROT_NONE);
	return free_unmapped(pg);
}

/*
 * Pages of one owner that the pmap treats together: fences are dear.
 * All members: [thread], the daemon; the owner is locked throughout.
 */
struct page_batch {
	void (*pb_treat)(struct vm_page **pgs, u_int n);
	u_int pb_max; /* that many at once */
	struct vm_page *pb_page[HOLD_PAGES];
	u_int pb_n;
};

static void
batch_treat(struct page_batch *pb)
{
	if (pb->pb_n != 0)
		pb->pb_treat(pb->pb_page, pb->pb_n);
	pb->pb_n = 0;
}

static void
batch_add(struct page_batch *pb, struct vm_page *pg)
{
	pb->pb_page[pb->pb_n++] = pg;
	if (pb->pb_n == pb->pb_max)
		batch_treat(pb);
}

/*
 * Clean pages, which are on no queue so that none is met twice.
 */
static void
clean_free(struct vm_page **pgs, u_int n)
{
	if (!MUTANT(DAEMON_FREES_MAPPED))
		pmap_pages_remove(pgs, n);
	for (u_int i = 0; i < n; i++)
		if (!free_unmapped(pgs[i]))
			uvm_pageactivate(pgs[i]);
}

/* => may the page go to swap at all? owner locked, page not busy */
static bool
may_pageout(const struct vm_page *pg)
{
	return uvmexp.nswapdev != 0 && pg->wire_count == 0 &&
	    pg->loan_count == 0 &&
	    ((pg->pg_flags & PQ_ANON) != 0 ||
		((pg->pg_flags & PQ_AOBJ) != 0 &&
		    uao_may_pageout(pg->uobject)));
}

bool
uvm_pd_reclaim(struct vm_page *pg, struct swapio **sip, bool wait,
    struct swap_batch *batch)
{
	if (uvm_pd_freeclean(pg))
		return true;
	if (!may_pageout(pg))
		return false;
	/* what is in the slot is outdated: it may serve for the new contents */
	page_dropswap(pg);
	if (*sip == NULL)
		*sip = uvm_swapout_begin(wait, batch);
	return *sip != NULL && uvm_swapout_add(*sip, pg);
}

/*
 * One inactive page, tested in the order UVM-API.md 3.7 gives.
 * => owner locked
 * => FALSE: it should be written, but every request is under way
 */
static bool
treat_inactive(
    struct vm_page *pg, struct swapio **sip, struct page_batch *clean)
{
	if (pmap_is_referenced(pg) && !MUTANT(DAEMON_IGNORES_USE)) {
		UVMCNT_INC(pdreact);
		uvm_pageactivate(pg);
		return true;
	}
	if (!MUTANT(DAEMON_SPARES_NONE) && spare_page(pg))
		return true;
	if ((pg->pg_flags & PG_BUSY) && !MUTANT(DAEMON_FREES_BUSY)) {
		UVMCNT_INC(pdbusy);
		return true;
	}
	if (pg->uobject != NULL)
		UVMCNT_INC(pdobscan);
	else
		UVMCNT_INC(pdanscan);
	if (page_isfile(pg) && uvn_page_dirty(pg) &&
	    !MUTANT(UVN_DAEMON_WRITES_NOT)) {
		/* it stays where it is, and goes when it is found clean */
		if (!uvn_pageout(pg))
			uvm_pageactivate(pg);
		return true;
	}
	if (page_isclean(pg)) {
		uvm_pagedequeue(pg);
		batch_add(clean, pg);
		return true;
	}
	if (uvm_pd_reclaim(pg, sip, false, NULL))
		return true;
	if (may_pageout(pg) && *sip == NULL && uvm_swap_nfree() > 0)
		return false;
	/*
	 * There is no place to write anonymous pages to: out of the way, so
	 * that the queue shows others.
	 */
	uvm_pageactivate(pg);
	return true;
}

/*
 * Is enough free, or about to be?
 */
static bool
pd_enough(void)
{
	long free = uvm_free_count();

	return free + atomic_load(&uvmexp.paging) >= uvmexp.freetarg;
}

/* A pageout that was begun is filled up. */
static bool
scan_enough(const struct swapio *si)
{
	return si == NULL && pd_enough();
}

/*
 * The lock that the pages of a batch are under goes when the next page of the
 * queue has another owner.
 * => pageqlock held, perhaps dropped meanwhile
 */
static void
before_next(
    struct page_batch *pb, struct pglist *queue, const struct rwlock *held)
{
	struct vm_page *pg = TAILQ_FIRST(queue);

	if (pb->pb_n == 0 || (pg != NULL && owner_lock(pg) == held))
		return;
	mtx_leave(&uvm.pageqlock);
	batch_treat(pb);
	mtx_enter(&uvm.pageqlock);
}

/* Look at each inactive page once, while memory is short. */
static void
scan_inactive(void)
{
	int left = uvm_pageq_inactive(), turned_away = 0, skipped = 0;
	struct page_batch clean = {
		.pb_treat = clean_free,
		.pb_max = CLEAN_PAGES,
	};
	struct swapio *si = NULL;
	struct rwlock *held = NULL;
	struct vm_page *pg;

	mtx_enter(&uvm.pageqlock);
	for (; left-- > 0 && !scan_enough(si);) {
		before_next(&clean, &uvm.page_inactive, held);
		switch (next_page(&uvm.page_inactive, &pg, &held)) {
		case PD_NONE:
			left = 0;
			break;
		case PD_SKIP:
			UVMCNT_INC(pdscans);
			UVMCNT_INC(pdbusy);
			skip_pause(++skipped);
			break;
		case PD_LOCKED:
			UVMCNT_INC(pdscans);
			if (!treat_inactive(pg, &si, &clean) &&
			    ++turned_away == TURNED_AWAY)
				left = 0;
			if (si != NULL && uvm_swapout_full(si)) {
				batch_treat(&clean);
				rw_exit(held);
				held = NULL;
				uvm_swapout_start(si);
				si = NULL;
				mtx_enter(&uvm.pageqlock);
			} else {
				if (left % HOLD_PAGES == 0)
					batch_treat(&clean);
				page_done(&held, left);
			}
			break;
		}
	}
	mtx_leave(&uvm.pageqlock);
	batch_treat(&clean);
	if (held != NULL)
		rw_exit(held);
	if (si != NULL && !MUTANT(DAEMON_STARTS_NO_REST))
		uvm_swapout_start(si);
}

/* What a scan of the active queue is about.  All members: [thread]. */
struct active_scan {
	struct page_batch as_aged; /* moved to the inactive queue */
	int as_shortage; /* pages to be moved yet */
};

/*
 * Call fn for the active pages that are not busy, at most once round, until it
 * returns FALSE.
 * => fn: owner locked
 */
static void
each_active(bool (*fn)(struct vm_page *pg, struct active_scan *as),
    struct active_scan *as)
{
	int left = uvm_pageq_active();
	struct rwlock *held = NULL;
	struct vm_page *pg;

	mtx_enter(&uvm.pageqlock);
	for (bool more = true; left > 0 && more; left--) {
		before_next(&as->as_aged, &uvm.page_active, held);
		switch (next_page(&uvm.page_active, &pg, &held)) {
		case PD_NONE:
			more = false;
			break;
		case PD_SKIP:
			break;
		case PD_LOCKED:
			if ((pg->pg_flags & PG_BUSY) == 0)
				more = fn(pg, as);
			if (left % HOLD_PAGES == 0)
				batch_treat(&as->as_aged);
			page_done(&held, left);
			break;
		}
	}
	mtx_leave(&uvm.pageqlock);
	if (!MUTANT(DAEMON_AGES_NO_REST))
		batch_treat(&as->as_aged);
	if (held != NULL)
		rw_exit(held);
}

static bool
take_slot(struct vm_page *pg, struct active_scan *unused)
{
	if (page_swslot(pg) > 0)
		page_dropswap(pg);
	return uvm_swap_nfree() < DROPSWAP;
}

static bool
deactivate(struct vm_page *pg, struct active_scan *as)
{
	if (uvm_pageq_deactivate(pg))
		batch_add(&as->as_aged, pg);
	UVMCNT_INC(pddeact);
	return --as->as_shortage > 0;
}

/*
 * Swap is full, but some of it holds what is in memory too: take slots from
 * pages in use, so that pages not in use can be written.
 */
static void
scan_dropswap(void)
{
	struct active_scan as = { .as_shortage = 0 };

	each_active(take_slot, &as);
}

/* Refill the inactive queue from the active one. */
static void
scan_active(void)
{
	struct active_scan as = {
		.as_aged.pb_treat = uvm_pages_age,
		.as_aged.pb_max = HOLD_PAGES,
		.as_shortage = uvmexp.inactarg - uvm_pageq_inactive(),
	};

	if (as.as_shortage > 0)
		each_active(deactivate, &as);
}

static void
pd_scan(void)
{
	UVMCNT_INC(pdrevs);
	uvm_pageq_flush();
	uvmexp_collect();
	if (uvm_free_count() < uvmexp.freetarg) {
		UVMCNT_INC(pdswout);
		uvm_swapout_threads();
		if (uvmexp.nswapdev != 0) {
			uao_swapnodes_refill();
			if (uvm_swap_nfree() == 0 &&
			    uvmexp.swpginuse > uvmexp.swpgonly &&
			    !MUTANT(DAEMON_TAKES_NO_SLOTS))
				scan_dropswap();
		}
		scan_inactive();
	}
	scan_active();
}

/* -- Out of memory ---------------------------------------------------------------------- */

/*
 * Sleep until there are `enough' free pages or nobody waits for any, or for a
 * number of polls.
 */
static void
pd_poll(long enough, int polls)
{
	mtx_enter(&uvm.fpageqlock);
	while (polls-- > 0 && uvm_free_count() < enough) {
		(void)msleep(
		    &pd_quiet_above, &uvm.fpageqlock, PVM, "pdpoll", POLL_NS);
		if (pd_waiters == 0)
			break;
	}
	mtx_leave(&uvm.fpageqlock);
}

/*
 * Nothing can be freed and threads wait: have a process killed and give it
 * time to let go of its memory, before another one is looked for.
 */
static void
pd_oom(void)
{
	long enough = uvm_free_count() + uvmexp.reserve_kernel;

	for (int i = 0; i < SWAPPER_POLLS && uvm_swapper_pending(); i++)
		pd_poll(enough, 1);
	if (uvm_free_count() >= enough)
		return;
	if (!oom_kill())
		TRACE("pagedaemon: nothing to kill", enough, 0);
	wakeup(&pd_waiters); /* the victim may be among them */
	pd_poll(enough, OOM_POLLS);
}

/* -- The loop ---------------------------------------------------------------------------- */

void
uvm_pd_params(void)
{
	uvmexp.freemin = uvm_pdpolicy_freemin(
	    uvmexp.npages, uvmexp.reserve_kernel, uvmexp.pagesize);
	uvmexp.freetarg = uvm_pdpolicy_freetarg(uvmexp.freemin);
	uvmexp.wiredmax = uvm_pdpolicy_wiredmax(uvmexp.npages);
	uvm_pgcache_setlow(uvmexp.freetarg);
}

/* Sleep until someone wants memory; a wakeup alone is counted too. */
static void
pd_sleep(void)
{
	mtx_enter(&uvm.fpageqlock);
	if (!pd_wanted || MUTANT(DAEMON_SLEEPS_BLINDLY))
		(void)msleep(
		    &uvm.pagedaemon, &uvm.fpageqlock, PVM, "pgdaemon", INFSLP);
	pd_wanted = false;
	mtx_leave(&uvm.fpageqlock);
	UVMCNT_INC(pdwoke);
}

/*
 * Tell who waits how the pass went.  Who waits although there is a page needs
 * more than one, and comes back for them.
 * => waited: somebody did when the pass began
 * => TRUE: threads wait and the pass has nothing more for them
 */
static bool
pd_report(bool waited, bool freed)
{
	bool stuck;
	long free;

	mtx_enter(&uvm.fpageqlock);
	free = uvm_free_count();
	stuck = (waited || pd_waiters != 0) && !freed;
	if (free > uvmexp.reserve_kernel)
		wakeup(&pd_waiters);
	if (!freed && free < uvmexp.freemin && uvmexp.paging == 0)
		pd_quiet_above = free / 2;
	mtx_leave(&uvm.fpageqlock);
	return stuck;
}

/*
 * A pass that gave nothing.  Pages under way to swap will be free soon, and
 * pages that were in use may not be any more when they are looked at again;
 * but not for ever.  Nor are those that pools gave back: a thread that needs
 * more than that takes them and lets go of them, time and again.
 */
static void
pd_fruitless(bool drained)
{
	if (atomic_load(&uvmexp.paging) > 0) {
		pd_fruitless_passes = 0;
		return;
	}
	if (uvn_pending())
		pd_fruitless_passes = 0;
	if ((drained || uvm_reclaimable()) &&
	    ++pd_fruitless_passes < FRUITLESS) {
		pd_poll(uvm_free_count() + 1, 1);
		mtx_enter(&uvm.fpageqlock);
		pd_wanted = true;
		mtx_leave(&uvm.fpageqlock);
		return;
	}
	pd_fruitless_passes = 0;
	pd_oom();
}

void
uvm_pd_iodone(bool freed)
{
	mtx_enter(&uvm.fpageqlock);
	if (freed) {
		pd_quiet_above = __LONG_MAX__;
		(void)atomic_add(&pd_gave, 1);
	}
	if (pd_waiters != 0 || uvm_free_count() < uvmexp.freetarg)
		pd_wake();
	mtx_leave(&uvm.fpageqlock);
}

/* One pass: scan, shrink, and if all that gave nothing, kill. */
static void
pd_pass(void)
{
	long before = uvm_free_count();
	bool freed, drained = false, waited = atomic_load(&pd_waiters) != 0;
	int active = uvm_pageq_active();
	u_int gave;

	uvmexp.inactarg = uvm_pdpolicy_inactarg(
	    active, uvm_pageq_inactive(), uvmexp.freetarg);
	if (uvm_pdpolicy_scan(
		before, uvmexp.freetarg, uvm_pageq_inactive(), uvmexp.inactarg))
		pd_scan();
	gave = atomic_load(&pd_gave);
	freed = uvm_free_count() > before || gave != pd_gave_seen;
	pd_gave_seen = gave;
	if (freed)
		pd_fruitless_passes = 0;
	if (!pd_enough()) {
		cache_shrink();
		(void)mc_shrink_all();
		drained = pool_drain_wait() > 0;
	}
	if (pd_report(waited, freed))
		pd_fruitless(drained);
}

bool
uvm_pd_rests(void)
{
	bool rests;

	mtx_enter(&uvm.fpageqlock);
	rests = !pd_wanted &&
	    atomic_load(&uvm.pagedaemon->p_wchan) == &uvm.pagedaemon;
	mtx_leave(&uvm.fpageqlock);
	return rests && !uvm_swapper_pending();
}

/*
 * The page daemon's main loop.
 * => a kernel thread of its own; never returns; the argument is ignored
 */
void
uvm_pageout(void *arg)
{
	uvm.pagedaemon = curproc;
	uvm_pd_params();
	for (;;) {
		pd_sleep();
		pd_pass();
	}
}
