/*
 * Pools of equal-sized items, and kernel memory of any size over them.
 *
 * Each hart keeps a small stock of free items per pool; pages come from the
 * page layer through the direct map.  DEBUG builds poison freed items and
 * panic when one was written to, or is freed twice.
 */
#ifndef _SYS_POOL_H_
#define _SYS_POOL_H_

#include <sys/param.h>
#include <sys/lock.h>
#include <sys/queue.h>

#define PR_WAITOK        0x01 /* sleep for memory, never NULL */
#define PR_NOWAIT        0x02 /* NULL when no memory; any context */
#define PR_ZERO          0x04 /* zero-filled */

#define POOL_CACHE_ITEMS 15 /* most free items a hart keeps */

/*
 * A slab: a page, this header first.
 * Locks used to protect members:
 *	I	immutable
 *	p	pr_mtx
 */
struct pool_page {
	LIST_ENTRY(pool_page) ph_link; /* [p] */
	struct pool *ph_pool; /* [I] */
	void *ph_free; /* [p] items that came back, linked by first word */
	uint32_t ph_nfree; /* [p] free items, never used ones included */
	uint32_t ph_fresh; /* [p] items from this one on were never used */
};
LIST_HEAD(pool_pagelist, pool_page);

/*
 * Locks used to protect members of a pool:
 *	I	immutable after pool_init()
 *	h	only by the hart itself, with its interrupts off
 *	p	pr_mtx
 */
struct pool_cache {
	uint64_t pc_count; /* [h] items in stock */
	void *pc_item[POOL_CACHE_ITEMS]; /* [h] */
} __aligned(CACHE_LINE);

struct pool {
	struct mutex pr_mtx; /* LR_POOL, [I] but for taking it */
	const char *pr_name; /* [I] */
	uint32_t pr_size; /* [I] bytes per item, rounded to its alignment */
	uint32_t pr_align; /* [I] */
	uint32_t pr_perpage; /* [I] items in one slab */
	uint32_t pr_first; /* [I] offset of the first item in a slab */
	uint32_t pr_stock; /* [I] most items in a hart's stock */
	struct pool_pagelist pr_partial; /* [p] slabs with free items */
	struct pool_pagelist pr_full; /* [p] slabs without */
	uint32_t pr_nslabs; /* [p] */
	uint32_t pr_nfree; /* [p] free items in the slabs, stocks not counted */
	uint32_t pr_nempty; /* [p] slabs of pr_partial that are all free */
	struct pool_cache pr_cache[MAXCPUS]; /* [h] */
	LIST_ENTRY(pool) pr_list; /* [pool list lock] all pools */
};

/* => thread context or boot; once per pool; align 0 means 8 */
void pool_init(struct pool *pp, size_t size, size_t align, const char *name);
/* => item, or NULL only without PR_WAITOK; PR_WAITOK: thread context */
void *pool_get(struct pool *pp, int flags);
/* => any context; the item is not used any more */
void pool_put(struct pool *pp, void *item);
/* => items handed out now; exact while no hart uses the pool */
long pool_inuse(struct pool *pp);
/* => items handed out now by all pools: the leak oracle of the tests */
long pool_inuse_all(void);
/* => gives slabs that hold no item back; returns pages freed */
int pool_reclaim_all(void);
/* => this hart's stocks go back to their slabs; any context */
void pool_drain_cpu(void);
/* => thread context: as pool_reclaim_all(), with every hart's stock */
int pool_drain_wait(void);
/* => nonzero bit: that hart is asked for its stocks (see pool_drain_cpu) */
extern volatile uint32_t pool_drain_mask;
/* => call fn for every pool; thread context */
void pool_foreach(void (*fn)(struct pool *, void *), void *arg);

/* => boot, before the first kmem_alloc(); needs no memory itself */
void kmem_init(void);
/*
 * Memory of any size; the caller remembers the size and gives it back.
 * => flags as for pool_get(); NULL only without PR_WAITOK
 */
void *kmem_alloc(size_t size, int flags) __alloc_size(1);
#define kmem_zalloc(size, flags) kmem_alloc((size), (flags) | PR_ZERO)
/* => p from kmem_alloc() of that size; may sleep if it does not fit a pool */
void kmem_free(void *p, size_t size);

#ifdef FAULT_INJECT
/* => tests: the nth allocation from now on fails (0: none), once or always */
void alloc_fail_at(long nth, bool from_there_on);
/* => how many are still to come before that one; 0: it has failed */
long alloc_fail_left(void);
/* => TRUE: this allocation, which may fail, is to fail; any context */
bool alloc_fail_now(void);
/* asked by alloc_fail_now() too, if not NULL; set at boot */
extern bool (*alloc_fail_hook)(void);
/* tests: if not NULL and TRUE, the thread may not wait for memory: panics */
extern bool (*alloc_forbid_hook)(void);
/* => who asks with PR_WAITOK has passed here first */
void alloc_check_wait(int flags);
#endif

#endif
