/*
 * Pools: slabs, stocks, free items; and which items are in use, by which the
 * other parts find everything there is.
 */
#include <tests/audit/audit_i.h>

/* Second word of a free item; DEBUG builds of the pools put the same there. */
#define FREE_MARK 0xdeadbeefdeadbeefUL

static inline uint64_t *
mark_of(void *item)
{
	return (uint64_t *)item + 1;
}

/* => slab that would hold the item */
static inline struct pool_page *
slab_of(const void *item)
{
	return (struct pool_page *)trunc_page((vaddr_t)item);
}

/* => index of an item in its slab, -1 if nothing begins there */
static long
item_index(const struct pool *pp, const void *item)
{
	uintptr_t off = (uintptr_t)item - (uintptr_t)slab_of(item);

	if (off < pp->pr_first || (off - pp->pr_first) % pp->pr_size != 0)
		return -1;
	off = (off - pp->pr_first) / pp->pr_size;
	return off < pp->pr_perpage ? (long)off : -1;
}

static inline void *
item_at(const struct pool *pp, struct pool_page *ph, uint32_t i)
{
	return (char *)ph + pp->pr_first + (size_t)i * pp->pr_size;
}

/* -- Slabs ------------------------------------------------------------------------ */

/* => is the slab memory, and nobody else's? */
static bool
slab_place(const struct pool *pp, struct pool_page *ph)
{
	struct vm_page *pg;

	if (((uintptr_t)ph & PAGE_MASK) != 0 || !VA_IS_DMAP(ph) ||
	    (pg = PHYS_TO_VM_PAGE(DMAP_TO_PHYS(ph))) == NULL) {
		audit_bad("pool %s: slab %p is no slab", pp->pr_name, ph);
		return false;
	}
	return audit_place(pg, AP_POOL);
}

/* => fn for each item on the slab's list; FALSE: the list is broken */
static bool
slab_free_items(
    struct pool *pp, struct pool_page *ph, void (*fn)(struct pool *, void *))
{
	uint32_t n = 0, want = ph->ph_nfree - (pp->pr_perpage - ph->ph_fresh);
	void *item;

	for (item = ph->ph_free; item != NULL; item = *(void **)item) {
		if (slab_of(item) != ph || item_index(pp, item) < 0 ||
		    item_index(pp, item) >= (long)ph->ph_fresh || n == want)
			break;
		fn(pp, item);
		n++;
	}
	if (item == NULL && n == want)
		return true;
	audit_bad("pool %s: slab %p has %u free items on its list, ph_nfree "
		  "%u says %u",
	    pp->pr_name, ph, n, ph->ph_nfree, want);
	return false;
}

static void
mark_clear(struct pool *pp, void *item)
{
	*mark_of(item) = 0;
}

static void
mark_set(struct pool *pp, void *item)
{
	if (*mark_of(item) == FREE_MARK)
		audit_bad("pool %s: item %p is free twice", pp->pr_name, item);
	*mark_of(item) = FREE_MARK;
}

/* => sums: free items, empty slabs */
static void
check_slabs(struct pool *pp, struct pool_pagelist *list, bool full,
    uint32_t *slabs, uint32_t *nfree, uint32_t *nempty)
{
	struct pool_page *ph;

	LIST_FOREACH (ph, list, ph_link) {
		if (!slab_place(pp, ph))
			break;
		++*slabs;
		if (ph->ph_pool != pp || ph->ph_fresh > pp->pr_perpage ||
		    ph->ph_nfree > pp->pr_perpage ||
		    ph->ph_nfree < pp->pr_perpage - ph->ph_fresh) {
			audit_bad("pool %s: slab %p: pool %p, fresh %u, free "
				  "%u of %u",
			    pp->pr_name, ph, ph->ph_pool, ph->ph_fresh,
			    ph->ph_nfree, pp->pr_perpage);
			break;
		}
		if (full != (ph->ph_nfree == 0))
			audit_bad("pool %s: slab %p with %u free items is on "
				  "the list of %s ones",
			    pp->pr_name, ph, ph->ph_nfree,
			    full ? "full" : "partial");
		*nfree += ph->ph_nfree;
		*nempty += ph->ph_nfree == pp->pr_perpage;
		(void)slab_free_items(pp, ph, mark_clear);
	}
}

static void
mark_slabs(struct pool *pp, struct pool_pagelist *list)
{
	struct pool_page *ph;

	LIST_FOREACH (ph, list, ph_link)
		(void)slab_free_items(pp, ph, mark_set);
}

/* -- Stocks ------------------------------------------------------------------------ */

/* => is item, of any kind, in the used part of a slab of pp? */
static bool
in_slab(const struct pool *pp, const void *item)
{
	struct pool_page *ph = slab_of(item);
	struct vm_page *pg;

	if (!VA_IS_DMAP(item))
		return false;
	pg = PHYS_TO_VM_PAGE(DMAP_TO_PHYS(ph));
	return pg != NULL && audit_page_of(pg)->ap_place == AP_POOL &&
	    ph->ph_pool == pp && item_index(pp, item) >= 0 &&
	    item_index(pp, item) < (long)ph->ph_fresh;
}

static void
check_stocks(struct pool *pp, void (*fn)(struct pool *, void *))
{
	for (u_int c = 0; c < MAXCPUS; c++) {
		struct pool_cache *pc = &pp->pr_cache[c];

		if (pc->pc_count > pp->pr_stock) {
			audit_bad("pool %s: hart %u has a stock of %lu, at "
				  "most %u",
			    pp->pr_name, c, (u_long)pc->pc_count, pp->pr_stock);
			continue;
		}
		for (uint64_t i = 0; i < pc->pc_count; i++)
			if (in_slab(pp, pc->pc_item[i]))
				fn(pp, pc->pc_item[i]);
			else
				audit_bad("pool %s: %p in the stock of hart "
					  "%u is no item",
				    pp->pr_name, pc->pc_item[i], c);
	}
}

/* As pool_inuse(), without the lock, which may be what is wrong. */
long
audit_pool_count(const struct pool *pp)
{
	long n = (long)pp->pr_nslabs * pp->pr_perpage - pp->pr_nfree;

	for (u_int c = 0; c < MAXCPUS; c++)
		n -= (long)pp->pr_cache[c].pc_count;
	return n;
}

/* -- Pools --------------------------------------------------------------------------- */

static void
check_pool(struct pool *pp, void *arg)
{
	uint32_t slabs = 0, nfree = 0, nempty = 0;

	audit_mutex(&pp->pr_mtx, "pool", pp);
	check_slabs(pp, &pp->pr_partial, false, &slabs, &nfree, &nempty);
	check_slabs(pp, &pp->pr_full, true, &slabs, &nfree, &nempty);
	check_stocks(pp, mark_clear);
	mark_slabs(pp, &pp->pr_partial);
	check_stocks(pp, mark_set);
	if (pp->pr_nslabs != slabs || pp->pr_nfree != nfree ||
	    pp->pr_nempty != nempty)
		audit_bad("pool %s: slabs, free items, empty slabs: %u, %u, "
			  "%u, should be %u, %u, %u",
		    pp->pr_name, pp->pr_nslabs, pp->pr_nfree, pp->pr_nempty,
		    slabs, nfree, nempty);
	if (audit_pool_count(pp) < 0)
		audit_bad("pool %s: %ld items in use", pp->pr_name,
		    audit_pool_count(pp));
}

/* The pools whose items the other parts walk. */
static void
find_pool(struct pool *pp, void *arg)
{
	struct audit_pools *ap = arg;
	const struct {
		const char *name;
		struct pool **where;
	} known[] = {
		{ "vmspace", &ap->space },
		{ "vmmap", &ap->map },
		{ "vmmapent", &ap->entry },
		{ "amap", &ap->amap },
		{ "amaplock", &ap->lock },
		{ "amapnode", &ap->node },
		{ "anon", &ap->anon },
		{ "aobj", &ap->aobj },
		{ "ptnode", &ap->ptnode },
		{ "pmap", &ap->pmap },
		{ "pv", &ap->pv },
	};

	for (size_t i = 0; i < nitems(known); i++)
		if (strcmp(pp->pr_name, known[i].name) == 0)
			*known[i].where = pp;
}

void
audit_pools(void)
{
	pool_foreach(check_pool, NULL);
	pool_foreach(find_pool, &audit.au_pool);
}

static void
list_items(struct pool *pp, struct pool_pagelist *list, void (*fn)(void *item))
{
	struct pool_page *ph;
	void *item;

	LIST_FOREACH (ph, list, ph_link)
		for (uint32_t i = 0; i < ph->ph_fresh; i++) {
			item = item_at(pp, ph, i);
			if (*mark_of(item) != FREE_MARK)
				fn(item);
		}
}

void
audit_pool_items(struct pool *pp, void (*fn)(void *item))
{
	if (pp == NULL)
		return;
	list_items(pp, &pp->pr_full, fn);
	list_items(pp, &pp->pr_partial, fn);
}

bool
audit_pool_live(struct pool *pp, const void *item)
{
	return pp != NULL && ((uintptr_t)item & 7) == 0 && in_slab(pp, item) &&
	    *mark_of((void *)(uintptr_t)item) != FREE_MARK;
}
