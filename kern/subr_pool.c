/*
 * Pools of equal-sized items.
 *
 * pool_get() and pool_put() work on this hart's stock, a small array used with
 * interrupts off and no lock.  An empty stock is filled by half from the
 * slabs, a full one emptied by half, under pr_mtx.  A slab is a page in the
 * direct map that begins with its header, so the slab of an item is found by
 * masking its address.  It is never more: of memory in use all over, pages can
 * be freed, but a run of them may not come for ever.
 *
 * Memory held in stocks of other harts cannot be taken from here; a hart whose
 * bit is set in pool_drain_mask gives its stocks back at its next tick, or in
 * its idle loop.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/mutant.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_page.h>
#include <kern/kmem.h>

#define POOL_STOCK_BYTES 4096 /* most a hart keeps of one pool */
#define POOL_POISON      0xdeadbeefdeadbeefUL

LIST_HEAD(poollist, pool);
static struct poollist pool_list; /* [pool_list_mtx] */
static struct mutex pool_list_mtx = MUTEX_INITIALIZER(LR_TIMEOUT, "pools");
volatile uint32_t pool_drain_mask;

#ifdef FAULT_INJECT
static volatile long fault_left; /* [a] allocations until one fails */
static volatile bool fault_forever; /* [a] and all after it */
bool (*alloc_fail_hook)(void);
bool (*alloc_forbid_hook)(void);

void
alloc_check_wait(int flags)
{
	if ((flags & PR_WAITOK) != 0 && alloc_forbid_hook != NULL &&
	    alloc_forbid_hook())
		panic("memory is waited for by who is to free it");
}

void
alloc_fail_at(long nth, bool from_there_on)
{
	atomic_store(&fault_forever, from_there_on);
	atomic_store(&fault_left, nth);
}

long
alloc_fail_left(void)
{
	return atomic_load(&fault_left);
}

bool
alloc_fail_now(void)
{
	long left = atomic_load(&fault_left);

	if (left == 0)
		return alloc_fail_hook != NULL && alloc_fail_hook();
	left = atomic_add(&fault_left, -1) - 1;
	if (left == 0 && fault_forever)
		atomic_store(&fault_left, 1);
	return left == 0;
}
#endif

/* -- Poison (DEBUG) ------------------------------------------------------------- */

#ifdef DEBUG
/* An item that is free holds POOL_POISON, but for a slab's link in word 0. */
static void
poison_set(struct pool *pp, void *item)
{
	uint64_t *w = item;

	for (uint32_t i = 0; i < pp->pr_size / sizeof(*w); i++)
		w[i] = POOL_POISON;
}

static bool
poison_intact(struct pool *pp, void *item, uint32_t *wherep)
{
	uint64_t *w = item;

	for (uint32_t i = 0; i < pp->pr_size / sizeof(*w); i++)
		if (w[i] != POOL_POISON) {
			*wherep = i * sizeof(*w);
			return false;
		}
	return true;
}

static void
poison_check_get(struct pool *pp, void *item)
{
	uint32_t at;

	if (!poison_intact(pp, item, &at))
		panic("pool %s: free item %p was written to at offset %u",
		    pp->pr_name, item, at);
}

static void
poison_put(struct pool *pp, void *item)
{
	uint32_t at;

	if (poison_intact(pp, item, &at))
		panic("pool %s: item %p is freed twice", pp->pr_name, item);
	poison_set(pp, item);
}

#define poison_relink(item)   (*(uint64_t *)(item) = POOL_POISON)
#define poison_fill(pp, item) memset((item), 0xa5, (pp)->pr_size)
#else
#define poison_set(pp, item)       ((void)0)
#define poison_check_get(pp, item) ((void)0)
#define poison_put(pp, item)       ((void)0)
#define poison_relink(item)        ((void)0)
#define poison_fill(pp, item)      ((void)0)
#endif

/* -- Slabs ------------------------------------------------------------------------ */

static inline struct pool_page *
slab_of(const void *item)
{
	return (struct pool_page *)trunc_page((vaddr_t)item);
}

static inline void *
slab_item(const struct pool *pp, struct pool_page *ph, uint32_t i)
{
	return (char *)ph + pp->pr_first + (size_t)i * pp->pr_size;
}

/*
 * => a block of size bytes (a power of two pages), aligned to its size, in the
 *    direct map; NULL: no memory; any context, never sleeps
 */
void *
kmem_pages_alloc(size_t size)
{
	struct pglist list;
	struct vm_page *pg;

	if (size == PAGE_SIZE) {
		pg = uvm_pagealloc(NULL, 0, NULL, UVM_PGA_USERESERVE);
		return pg != NULL ? (void *)VM_PAGE_TO_DMAP(pg) : NULL;
	}
	TAILQ_INIT(&list);
	if (uvm_pglistalloc(size, 0, ~0UL, powerof2(size) ? size : PAGE_SIZE, 0,
		&list, 1, UVM_PLA_NOWAIT) != 0)
		return NULL;
	return (void *)VM_PAGE_TO_DMAP(TAILQ_FIRST(&list));
}

void
kmem_pages_free(void *p, size_t size)
{
	struct vm_page *pg = PHYS_TO_VM_PAGE(DMAP_TO_PHYS(p));
	struct pglist list;

	KASSERT(pg != NULL);
	if (size == PAGE_SIZE) {
		uvm_pagefree(pg);
		return;
	}
	TAILQ_INIT(&list);
	for (size_t i = 0; i < atop(size); i++)
		TAILQ_INSERT_TAIL(&list, &pg[i], pageq);
	uvm_pglistfree(&list);
}

/*
 * Add a slab to the pool.
 * => no mutex of ours held; FALSE: no memory
 */
static bool
pool_grow(struct pool *pp)
{
	struct pool_page *ph = kmem_pages_alloc(PAGE_SIZE);

	if (ph == NULL)
		return false;
	ph->ph_pool = pp;
	ph->ph_free = NULL;
	ph->ph_nfree = pp->pr_perpage;
	ph->ph_fresh = 0;
	mtx_enter(&pp->pr_mtx);
	LIST_INSERT_HEAD(&pp->pr_partial, ph, ph_link);
	pp->pr_nslabs++;
	pp->pr_nempty++;
	pp->pr_nfree += pp->pr_perpage;
	mtx_leave(&pp->pr_mtx);
	return true;
}

/*
 * Take up to n items from a slab that has some.
 * => pr_mtx held; how many are in item[] now
 */
static uint32_t
slab_get(struct pool *pp, struct pool_page *ph, void **item, uint32_t n)
{
	void *next = ph->ph_free;
	uint32_t i;

	n = MIN(n, ph->ph_nfree);
	if (ph->ph_nfree == pp->pr_perpage)
		pp->pr_nempty--;
	for (i = 0; i < n && next != NULL; i++) {
		item[i] = next;
		next = *(void **)next;
		poison_relink(item[i]);
	}
	if (!MUTANT(POOL_ITEM_TWICE))
		ph->ph_free = next;
	for (; i < n; i++) {
		item[i] = slab_item(pp, ph, ph->ph_fresh++);
		poison_set(pp, item[i]);
	}
	pp->pr_nfree -= n;
	ph->ph_nfree -= n;
	if (ph->ph_nfree == 0) {
		LIST_REMOVE(ph, ph_link);
		LIST_INSERT_HEAD(&pp->pr_full, ph, ph_link);
	}
	return n;
}

/* => pr_mtx held */
static void
slab_put(struct pool *pp, void *item)
{
	struct pool_page *ph = slab_of(item);

	KASSERT(ph->ph_pool == pp);
	*(void **)item = ph->ph_free;
	ph->ph_free = item;
	pp->pr_nfree++;
	if (ph->ph_nfree++ == 0) {
		LIST_REMOVE(ph, ph_link);
		LIST_INSERT_HEAD(&pp->pr_partial, ph, ph_link);
	}
	if (ph->ph_nfree == pp->pr_perpage)
		pp->pr_nempty++;
}

/* -- The stock of a hart --------------------------------------------------------------- */

/*
 * Move items from the slabs to this hart's stock until it has half of what it
 * may hold.
 * => interrupts off
 */
static void
stock_fill(struct pool *pp, struct pool_cache *pc)
{
	uint32_t want = (pp->pr_stock + 1) / 2;
	struct pool_page *ph;

	mtx_enter(&pp->pr_mtx);
	while (
	    pc->pc_count < want && (ph = LIST_FIRST(&pp->pr_partial)) != NULL)
		pc->pc_count += slab_get(
		    pp, ph, &pc->pc_item[pc->pc_count], want - pc->pc_count);
	mtx_leave(&pp->pr_mtx);
}

/* => interrupts off: the stock is left with keep items */
static void
stock_empty(struct pool *pp, struct pool_cache *pc, uint64_t keep)
{
	if (pc->pc_count <= keep)
		return;
	mtx_enter(&pp->pr_mtx);
	while (pc->pc_count > keep)
		slab_put(pp, pc->pc_item[--pc->pc_count]);
	mtx_leave(&pp->pr_mtx);
}

/*
 * The stock was empty.
 * => interrupts off, s says what they were; NULL: no item in the slabs either,
 *    nor memory for one
 */
static __noinline void *
pool_get_slow(struct pool *pp, int flags, unsigned long s)
{
	struct pool_cache *pc;
	void *item;

	for (;;) {
		pc = &pp->pr_cache[curcpu()->ci_index];
		if (pc->pc_count == 0)
			stock_fill(pp, pc);
		if (pc->pc_count > 0) {
			item = pc->pc_item[--pc->pc_count];
			intr_restore(s);
			return item;
		}
		intr_restore(s);
		if (!pool_grow(pp)) {
			if ((flags & PR_WAITOK) == 0)
				return NULL;
			uvm_wait("pool");
		}
		s = intr_disable();
	}
}

static inline void *
pool_get_raw(struct pool *pp, int flags)
{
	unsigned long s = intr_disable();
	struct pool_cache *pc = &pp->pr_cache[curcpu()->ci_index];
	void *item;

	if (__predict_false(pc->pc_count == 0))
		return pool_get_slow(pp, flags, s);
	item = pc->pc_item[--pc->pc_count];
	intr_restore(s);
	return item;
}

/* The ways of getting that are not just an item as it comes. */
static __noinline void *
pool_get_special(struct pool *pp, int flags)
{
	void *item;

#ifdef FAULT_INJECT
	alloc_check_wait(flags);
	if ((flags & PR_WAITOK) == 0 && alloc_fail_now())
		return NULL;
#endif
	item = pool_get_raw(pp, flags);
	if (item == NULL)
		return NULL;
	poison_check_get(pp, item);
	if ((flags & PR_ZERO) != 0)
		memset(item, 0, pp->pr_size);
	else
		poison_fill(pp, item);
	return item;
}

void *
pool_get(struct pool *pp, int flags)
{
#if defined(DEBUG) || defined(FAULT_INJECT)
	return pool_get_special(pp, flags);
#else
	if ((flags & PR_ZERO) != 0)
		return pool_get_special(pp, flags);
	return pool_get_raw(pp, flags);
#endif
}

/* => interrupts off, s says what they were; stock full: half of it goes back */
static __noinline void
pool_put_slow(struct pool *pp, void *item, unsigned long s)
{
	struct pool_cache *pc = &pp->pr_cache[curcpu()->ci_index];

	stock_empty(pp, pc, pp->pr_stock / 2);
	if (!MUTANT(POOL_ITEM_LOST))
		pc->pc_item[pc->pc_count++] = item;
	intr_restore(s);
}

void
pool_put(struct pool *pp, void *item)
{
	struct pool_cache *pc;
	unsigned long s;

	KDASSERT(item != NULL && slab_of(item)->ph_pool == pp);
	poison_put(pp, item);
	s = intr_disable();
	pc = &pp->pr_cache[curcpu()->ci_index];
	if (__predict_false(pc->pc_count == pp->pr_stock)) {
		pool_put_slow(pp, item, s);
		return;
	}
	pc->pc_item[pc->pc_count++] = item;
	intr_restore(s);
}

/* -- Pools --------------------------------------------------------------------------------- */

static bool
pool_known(const struct pool *pp)
{
	struct pool *q;

	mtx_enter(&pool_list_mtx);
	for (q = LIST_FIRST(&pool_list); q != NULL && q != pp;)
		q = LIST_NEXT(q, pr_list);
	mtx_leave(&pool_list_mtx);
	return q == pp;
}

void
pool_init(struct pool *pp, size_t size, size_t align, const char *name)
{
	if (align == 0)
		align = 8;
	KASSERT(powerof2(align) && size > 0);
	KASSERTMSG(!pool_known(pp), "pool %s is initialised twice", name);
	memset(pp, 0, sizeof(*pp));
	mtx_init(&pp->pr_mtx, LR_POOL, name);
	pp->pr_name = name;
	pp->pr_align = (uint32_t)MAX(align, sizeof(void *));
	pp->pr_size = (uint32_t)roundup2(MAX(size, 16), pp->pr_align);
	pp->pr_first =
	    (uint32_t)roundup2(sizeof(struct pool_page), pp->pr_align);
	KASSERT(pp->pr_first + pp->pr_size <= PAGE_SIZE);
	pp->pr_perpage = ((uint32_t)PAGE_SIZE - pp->pr_first) / pp->pr_size;
	pp->pr_stock =
	    MAX(2, MIN(POOL_CACHE_ITEMS, POOL_STOCK_BYTES / pp->pr_size));
	LIST_INIT(&pp->pr_partial);
	LIST_INIT(&pp->pr_full);
	mtx_enter(&pool_list_mtx);
	LIST_INSERT_HEAD(&pool_list, pp, pr_list);
	mtx_leave(&pool_list_mtx);
}

long
pool_inuse(struct pool *pp)
{
	long n;

	mtx_enter(&pp->pr_mtx);
	n = (long)pp->pr_nslabs * pp->pr_perpage - pp->pr_nfree;
	mtx_leave(&pp->pr_mtx);
	for (u_int i = 0; i < MAXCPUS; i++)
		n -= (long)atomic_load(&pp->pr_cache[i].pc_count);
	return n;
}

/*
 * => pool_list_mtx is not held while fn runs: pools are never destroyed, and
 *    new ones go to the head of the list
 */
void
pool_foreach(void (*fn)(struct pool *, void *), void *arg)
{
	struct pool *pp;

	mtx_enter(&pool_list_mtx);
	pp = LIST_FIRST(&pool_list);
	mtx_leave(&pool_list_mtx);
	for (; pp != NULL; pp = LIST_NEXT(pp, pr_list))
		fn(pp, arg);
}

static void
pool_count_one(struct pool *pp, void *arg)
{
	*(long *)arg += pool_inuse(pp);
}

long
pool_inuse_all(void)
{
	long n = kmem_inuse_large();

	pool_foreach(pool_count_one, &n);
	return n;
}

/* -- Giving memory back ---------------------------------------------------------------------- */

static void
pool_drain_one(struct pool *pp, void *arg)
{
	unsigned long s = intr_disable();

	stock_empty(pp, &pp->pr_cache[curcpu()->ci_index], 0);
	intr_restore(s);
}

void
pool_drain_cpu(void)
{
	pool_foreach(pool_drain_one, NULL);
	atomic_and_acq_rel(&pool_drain_mask, ~(1U << curcpu()->ci_index));
}

/* => a slab without items in use, off the pool's list, or NULL */
static struct pool_page *
pool_take_empty(struct pool *pp)
{
	struct pool_page *ph;

	mtx_enter(&pp->pr_mtx);
	LIST_FOREACH (ph, &pp->pr_partial, ph_link)
		if (ph->ph_nfree + MUTANT(POOL_FREES_USED_SLAB) ==
		    pp->pr_perpage)
			break;
	if (ph != NULL) {
		LIST_REMOVE(ph, ph_link);
		pp->pr_nslabs--;
		pp->pr_nempty--;
		pp->pr_nfree -= pp->pr_perpage;
	}
	mtx_leave(&pp->pr_mtx);
	return ph;
}

static void
pool_reclaim_one(struct pool *pp, void *arg)
{
	struct pool_page *ph;

	while (pp->pr_nempty > 0 && (ph = pool_take_empty(pp)) != NULL) {
		kmem_pages_free(ph, PAGE_SIZE);
		++*(int *)arg;
	}
}

int
pool_reclaim_all(void)
{
	struct cpu_info *ci;
	int pages = 0;

	atomic_or_acq_rel(&pool_drain_mask, (1U << ncpus) - 1);
	pool_drain_cpu();
	membar_sync(); /* a hart that goes idle now sees the mask itself */
	CPU_FOREACH (ci)
		if (ci->ci_curproc == ci->ci_idleproc && ci != curcpu())
			cpu_ipi(ci, IPI_RESCHED);
	pool_foreach(pool_reclaim_one, &pages);
	return pages;
}

int
pool_drain_wait(void)
{
	int pages = pool_reclaim_all();

	while (atomic_load(&pool_drain_mask) != 0)
		tsleep(&pool_drain_mask, PVM, "drain", 1000000);
	pool_foreach(pool_reclaim_one, &pages);
	return pages;
}
