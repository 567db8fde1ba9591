/* Pools and kernel memory. */
#include <sys/ktest.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <uvm/uvm_extern.h>

#define HELD 64

static struct pool small_pool, odd_pool, big_pool;
static volatile uint32_t
    pools_made; /* [a] pools are for ever: make them once */

static void
make_pools(void)
{
	if (atomic_swap_acq_rel(&pools_made, 1) != 0)
		return;
	pool_init(&small_pool, 24, 0, "kt_small");
	pool_init(&odd_pool, 200, 64, "kt_odd");
	pool_init(&big_pool, 2600, 0, "kt_big");
}

/* The first and last words of an item say whose it is. */
static void
item_mark(void *item, size_t size, uint64_t mark)
{
	uint64_t *w = item;

	w[0] = mark;
	w[size / 8 - 1] = mark;
}

static bool
item_ok(void *item, size_t size, uint64_t mark)
{
	uint64_t *w = item;

	return w[0] == mark && w[size / 8 - 1] == mark;
}

static void
pool_hammer(void *arg)
{
	struct pool *pools[3] = { &small_pool, &odd_pool, &big_pool };
	static const size_t sizes[3] = { 24, 200, 2600 };
	uint64_t state = kt_seed() ^ (uintptr_t)curproc, mark;
	void *held[HELD] = { NULL };
	uint32_t slot, k;

	for (int i = 0; i < 6000; i++) {
		slot = (uint32_t)(kt_random_r(&state) % HELD);
		k = slot % 3;
		mark = (uintptr_t)curproc + slot;
		if (held[slot] != NULL) {
			KT_CHECK(item_ok(held[slot], sizes[k], mark));
			pool_put(pools[k], held[slot]);
			held[slot] = NULL;
		} else {
			held[slot] = pool_get(pools[k], PR_WAITOK);
			KT_EQ((uintptr_t)held[slot] % pools[k]->pr_align, 0);
			item_mark(held[slot], sizes[k], mark);
		}
		if (i % 512 == 0)
			yield();
	}
	for (slot = 0; slot < HELD; slot++)
		if (held[slot] != NULL)
			pool_put(pools[slot % 3], held[slot]);
}

KTEST(pool_hammer)
{
	make_pools();
	kt_parallel(8, pool_hammer, NULL, 0);
	KT_EQ(pool_inuse(&small_pool), 0);
	KT_EQ(pool_inuse(&odd_pool), 0);
	KT_EQ(pool_inuse(&big_pool), 0);
	pool_drain_wait();
	KT_EQ(small_pool.pr_nslabs, 0);
	KT_EQ(big_pool.pr_nslabs, 0);
}

KTEST(pool_counts)
{
	void *item[100];
	long all;

	make_pools();
	all = pool_inuse_all();
	for (int i = 0; i < 100; i++) {
		item[i] = pool_get(&odd_pool, PR_NOWAIT);
		KT_REQUIRE(item[i] != NULL);
		for (int j = 0; j < i; j++)
			KT_CHECK(item[j] != item[i]);
	}
	KT_EQ(pool_inuse(&odd_pool), 100);
	KT_EQ(pool_inuse_all(), all + 100);
	for (int i = 0; i < 100; i++)
		pool_put(&odd_pool, item[i]);
	KT_EQ(pool_inuse(&odd_pool), 0);
}

KTEST(pool_zero)
{
	uint8_t *p;

	make_pools();
	for (int round = 0; round < 40; round++) {
		p = pool_get(&odd_pool, PR_WAITOK | PR_ZERO);
		for (int i = 0; i < 200; i++)
			KT_CHECK(p[i] == 0);
		memset(p, 0xff, 200);
		pool_put(&odd_pool, p);
	}
}

/* No memory: NULL for who does not wait; and a later success. */
KTEST(pool_exhaustion)
{
	void *first = NULL, *item;
	long n = 0;

	make_pools();
	pool_drain_wait();
	KT_REQUIRE(kt_balloon(0));
	while ((item = pool_get(&big_pool, PR_NOWAIT)) != NULL) {
		*(void **)item = first;
		first = item;
		if (++n > 1000)
			break;
	}
	KT_CHECK(n <= 1000);
	kt_balloon_release();
	item = pool_get(&big_pool, PR_NOWAIT);
	KT_CHECK(item != NULL);
	if (item != NULL)
		pool_put(&big_pool, item);
	while ((item = first) != NULL) {
		first = *(void **)item;
		pool_put(&big_pool, item);
	}
}

#ifdef DEBUG
static void
put_twice(void *arg)
{
	pool_put(&odd_pool, arg);
	pool_put(&odd_pool, arg);
}

static void
write_after_put(void *arg)
{
	uint64_t *w = arg;
	void *p[POOL_CACHE_ITEMS + 1];

	pool_put(&odd_pool, arg);
	w[5] = 0;
	for (int i = 0; i <= POOL_CACHE_ITEMS; i++)
		p[i] = pool_get(&odd_pool, PR_WAITOK);
	KT_CHECK(p[0] == NULL); /* not reached */
}

KTEST(pool_poison)
{
	uint64_t *item;

	make_pools();
	kt_pin(curcpu()->ci_index);
	item = pool_get(&odd_pool, PR_WAITOK);
	KT_PANICS(put_twice, item, "freed twice");
	item = pool_get(&odd_pool, PR_WAITOK);
	KT_PANICS(write_after_put, item, "written to");
	/* The stock dropped the item as it panicked; here it still is. */
	memset(item, 0, 200);
	pool_put(&odd_pool, item);
	kt_unpin();
}
#endif

KTEST(kmem_sizes)
{
	static const size_t size[] = { 1, 8, 16, 17, 48, 49, 100, 256, 257,
		1000, 1024, 2048, 2049, 3072, 3073, 4096, 4097, 8192, 20000,
		65536, 65537, 200000 };
	uint8_t *p[nitems(size)];

	for (size_t i = 0; i < nitems(size); i++) {
		p[i] = kmem_zalloc(size[i], PR_WAITOK);
		KT_EQ((uintptr_t)p[i] % 8, 0);
		KT_EQ(p[i][0] | p[i][size[i] / 2] | p[i][size[i] - 1], 0);
		memset(p[i], (int)i + 1, size[i]);
	}
	for (size_t i = 0; i < nitems(size); i++) {
		KT_EQ(p[i][0], i + 1);
		KT_EQ(p[i][size[i] - 1], i + 1);
		kmem_free(p[i], size[i]);
	}
}

static void
kmem_hammer(void *arg)
{
	uint64_t state = kt_seed() ^ (uintptr_t)curproc;
	size_t size[16] = { 0 };
	uint8_t *p[16] = { NULL };
	uint32_t k;

	for (int i = 0; i < 1500; i++) {
		k = (uint32_t)(kt_random_r(&state) % 16);
		if (p[k] == NULL) {
			size[k] = kt_random_r(&state) % 6000 + 1;
			p[k] = kmem_alloc(size[k], PR_WAITOK);
			memset(p[k], (int)k, size[k]);
		} else {
			KT_EQ(p[k][0], k);
			KT_EQ(p[k][size[k] - 1], k);
			kmem_free(p[k], size[k]);
			p[k] = NULL;
		}
	}
	for (k = 0; k < 16; k++)
		if (p[k] != NULL)
			kmem_free(p[k], size[k]);
}

KTEST(kmem_hammer)
{
	kt_parallel(4, kmem_hammer, NULL, 0);
}

#ifdef FAULT_INJECT
KTEST(fault_injection)
{
	void *p;

	make_pools();
	alloc_fail_at(2, false);
	p = pool_get(&odd_pool, PR_NOWAIT);
	KT_CHECK(p != NULL);
	pool_put(&odd_pool, p);
	KT_CHECK(kmem_alloc(100, PR_NOWAIT) == NULL);
	p = pool_get(&odd_pool, PR_NOWAIT);
	KT_CHECK(p != NULL);
	pool_put(&odd_pool, p);
	alloc_fail_at(1, true);
	KT_CHECK(pool_get(&odd_pool, PR_NOWAIT) == NULL);
	KT_CHECK(pool_get(&odd_pool, PR_NOWAIT) == NULL);
	p = pool_get(&odd_pool, PR_WAITOK);
	KT_CHECK(p != NULL);
	pool_put(&odd_pool, p);
	alloc_fail_at(0, false);
}
#endif
