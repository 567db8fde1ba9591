/*
 * Anons.  How many there may be is limited to what memory and swap can hold,
 * so that running out shows here, where a process can still be told.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_loan.h>
#include <uvm/uvm_swap.h>
#include <sys/pool.h>

static struct pool anon_pool; /* set up once by uvm_anon_init */

#define ANON_FREE_BATCH 16 /* pages given back at a time */

/*
 * Anons that may still be allocated: most of them in anon_free, some set aside
 * for each hart, so that harts do not fight for one counter.  A counter may
 * be below 0 for the moment it takes to find out that it was 0.
 */
#define ANON_BATCH 64 /* a hart takes this many, and keeps up to twice */
static volatile int anon_free; /* [a] */
static struct anon_credit {
	volatile int ac_n; /* [a] */
} __aligned(CACHE_LINE) anon_credit[MAXCPUS];
/* uvm_anwait() sleeps under it, so that no wakeup is lost. */
static struct mutex anon_mtx = MUTEX_INITIALIZER(LR_MISC, "anonwait");
static volatile int anon_waiters; /* [a] changed under anon_mtx */

/*
 * A waiter looks up now and then whether it is being killed: signals that do
 * not kill must not end the wait, so it cannot sleep interruptibly.
 */
#define ANWAIT_NS 100000000UL

/* -- The limit ------------------------------------------------------------- */

/* => from anon_free to c, less one; FALSE: it is used up */
static bool
anon_refill(struct anon_credit *c)
{
	int n = atomic_load(&anon_free), take;

	while (n > 0) {
		take = MIN(n, ANON_BATCH);
		if (atomic_cas(&anon_free, &n, n - take)) {
			atomic_add(&c->ac_n, take - 1);
			return true;
		}
	}
	return false;
}

/* This hart has none left: those of all first, then those of other harts. */
static __noinline bool
anon_take_slow(struct anon_credit *c)
{
	u_int i;

	atomic_add(&c->ac_n, 1);
	if (anon_refill(c))
		return true;
	for (i = 0; i < MAXCPUS; i++)
		atomic_add(
		    &anon_free, atomic_swap_acq_rel(&anon_credit[i].ac_n, 0));
	return anon_refill(c);
}

/* => TRUE: one anon may be allocated */
static inline bool
anon_take(void)
{
	struct anon_credit *c = &anon_credit[curcpu()->ci_index];

	return __predict_true(atomic_add(&c->ac_n, -1) > 0) ||
	    anon_take_slow(c);
}

/*
 * count anons more may be allocated.  The waiter counts itself, then looks for
 * some; we do it the other way round, so that one of us sees the other.
 */
static inline void
anon_give(int count)
{
	struct anon_credit *c = &anon_credit[curcpu()->ci_index];
	int n = atomic_add_acq_rel(&c->ac_n, count) + count;

	if (__predict_false(n > 2 * ANON_BATCH)) {
		atomic_add(&c->ac_n, ANON_BATCH - n);
		atomic_add_acq_rel(&anon_free, n - ANON_BATCH);
	}
	if (__predict_false(atomic_load_acq(&anon_waiters) != 0)) {
		mtx_enter(&anon_mtx);
		mtx_leave(&anon_mtx);
		wakeup((const void *)&anon_free);
	}
}

int
uvm_anon_left(void)
{
	int n = atomic_load(&anon_free);
	u_int i;

	for (i = 0; i < MAXCPUS; i++)
		n += atomic_load(&anon_credit[i].ac_n);
	return n;
}

void
uvm_anon_init(void)
{
	long nfree = uvm_free_count();

	pool_init(&anon_pool, sizeof(struct vm_anon), 0, "anon");
	uvm_anon_add(nfree - nfree / 16);
}

/*
 * Anons that were more than needed, since a device went, serve again.
 */
void
uvm_anon_add(int count)
{
	int more;

	UVMCNT_ADD(nanonneeded, count);
	uvmexp_collect();
	more = MIN(count, uvmexp.nanonneeded - uvmexp.nanon);
	if (more <= 0)
		return;
	UVMCNT_ADD(nanon, more);
	UVMCNT_ADD(nfreeanon, more);
	anon_give(more);
}

/* The anons themselves stay, as nanon says; only fewer are needed. */
void
uvm_anon_remove(int count)
{
	UVMCNT_ADD(nanonneeded, -count);
}

/* -- Anons ----------------------------------------------------------------- */

struct vm_anon *
uvm_analloc(void)
{
	struct vm_anon *anon;

	if (__predict_false(!anon_take()))
		return NULL;
	anon = pool_get(&anon_pool, PR_NOWAIT);
	if (__predict_false(anon == NULL)) {
		anon_give(1);
		return NULL;
	}
	UVMCNT_DEC(nfreeanon);
	anon->an_lock = NULL;
	anon->an_page = NULL;
	anon->an_ref = 1;
	anon->an_swslot = 0;
	return anon;
}

/* n structures went back to the pool. */
static inline void
anon_count_freed(int n)
{
	UVMCNT_ADD(nfreeanon, n);
	anon_give(n);
}

/* The slot is what the contents are in if there is no page, or none read. */
void
uvm_anon_dropswap(struct vm_anon *anon)
{
	struct vm_page *pg = anon->an_page;
	int slot = anon->an_swslot;

	if (slot == 0)
		return;
	anon->an_swslot = 0;
	if (slot == SWSLOT_BAD)
		return;
	if (pg == NULL || (pg->pg_flags & PG_FAKE) != 0)
		uvm_swap_only(-1);
	uvm_swap_free(slot, 1);
}

/* => as uvm_anfree(), but not counted; FALSE: it is freed later */
static inline bool
anon_free_one(struct vm_anon *anon)
{
	struct vm_page *pg = anon->an_page;

	KASSERT(anon->an_ref == 0);
	KDASSERT(anon->an_lock == NULL || anon_write_held(anon));
	if (__predict_false(pg == NULL))
		uvm_anon_dropswap(anon);
	else if (__predict_false(pg->uanon != anon))
		uvm_anon_unloan(anon);
	else if (__predict_false((pg->pg_flags & PG_BUSY) != 0)) {
		/* Whoever keeps it busy ends both: uvm_anon_release(). */
		atomic_or(&pg->pg_flags, PG_RELEASED);
		refcnt_take(&anon->an_lock->aml_refs);
		return false;
	} else {
		if (__predict_false(vm_page_md_ismapped(&pg->mdpage)))
			uvm_page_unmap(pg);
		if (__predict_false(anon->an_swslot != 0))
			uvm_anon_dropswap(anon);
		uvm_pagefree(pg);
	}
	KDASSERT(anon->an_swslot == 0);
	pool_put(&anon_pool, anon);
	return true;
}

void
uvm_anfree(struct vm_anon *anon)
{
	if (anon_free_one(anon))
		anon_count_freed(1);
}

/* Anons without references whose pages go together.  All members: [thread]. */
struct anon_batch {
	u_int ab_n;
	struct vm_anon *ab_anon[ANON_FREE_BATCH];
	struct vm_page *ab_page[ANON_FREE_BATCH];
};

/* => how many are freed: none is left in the batch */
static int
batch_free(struct anon_batch *ab)
{
	u_int i, n = ab->ab_n;

	if (n == 1)
		uvm_pagefree(ab->ab_page[0]);
	else if (n != 0)
		uvm_pagefree_bulk(ab->ab_page, n);
	for (i = 0; i < n; i++)
		pool_put(&anon_pool, ab->ab_anon[i]);
	ab->ab_n = 0;
	return (int)n;
}

/* May the page just be freed, with nothing to undo or to wait for? */
static inline bool
page_is_plain(const struct vm_anon *anon, const struct vm_page *pg)
{
	return pg != NULL && pg->uanon == anon &&
	    atomic_load_acq(&pg->loan_count) == 0 &&
	    (pg->pg_flags & PG_BUSY) == 0 && anon->an_swslot == 0 &&
	    !vm_page_md_ismapped(&pg->mdpage);
}

void
uvm_anon_drop(struct vm_anon **anons, u_int n)
{
	struct anon_batch ab;
	struct vm_anon *anon;
	int freed = 0;
	u_int i;

	ab.ab_n = 0;
	for (i = 0; i < n; i++) {
		anon = anons[i];
		if (anon == NULL || --anon->an_ref != 0)
			continue;
		if (__predict_false(!page_is_plain(anon, anon->an_page))) {
			freed += anon_free_one(anon);
			continue;
		}
		KDASSERT(anon->an_lock == NULL || anon_write_held(anon));
		ab.ab_anon[ab.ab_n] = anon;
		ab.ab_page[ab.ab_n++] = anon->an_page;
		if (ab.ab_n == ANON_FREE_BATCH)
			freed += batch_free(&ab);
	}
	freed += batch_free(&ab);
	if (freed != 0)
		anon_count_freed(freed);
}

void
uvm_anon_release(struct vm_anon *anon)
{
	struct amap_lock *lock = anon->an_lock;
	struct vm_page *pg = anon->an_page;

	KASSERT(anon->an_ref == 0 && pg->uanon == anon);
	KASSERT((pg->pg_flags & (PG_BUSY | PG_RELEASED)) ==
	    (PG_BUSY | PG_RELEASED));
	KASSERT(anon_write_held(anon));
	pmap_page_protect(pg, PROT_NONE);
	if (!MUTANT(SWAP_RELEASE_KEEPS_SLOT))
		uvm_anon_dropswap(anon);
	(void)uvm_page_unbusy(pg);
	pool_put(&anon_pool, anon);
	anon_count_freed(1);
	rw_exit(&lock->aml_lock);
	amap_lock_rele(lock);
}

void
uvm_anon_discard(struct vm_anon *anon)
{
	KASSERT(anon->an_ref == 1 && anon->an_lock == NULL);
	if (anon->an_page != NULL)
		uvm_pagefree(anon->an_page);
	pool_put(&anon_pool, anon);
	anon_count_freed(1);
}

void
uvm_anwait(void)
{
	mtx_enter(&anon_mtx);
	atomic_add_acq_rel(&anon_waiters, 1);
	if (uvm_anon_left() <= 0)
		(void)msleep((const void *)&anon_free, &anon_mtx, PVM, "anwait",
		    ANWAIT_NS);
	atomic_add(&anon_waiters, -1);
	mtx_leave(&anon_mtx);
}
