/*
 * Buddy allocator against a plain array of free flags: uvm/uvm_buddy.c.
 */
#include <sys/param.h>
#include <uvm/uvm_buddy.h>

#include "test.h"

void *calloc(size_t n, size_t size);
void free(void *p);

#define NPAGES 3000
#define FIRST  0x80123 /* page number: not aligned to anything */

static struct vm_physseg seg;
static struct uvm_buddy buddy;
static bool is_free[NPAGES], is_zero[NPAGES];
static size_t nfree, nzero;

static size_t
index_of(const struct vm_page *pg)
{
	CHECK(pg >= seg.pgs && pg < seg.lastpg);
	return (size_t)(pg - seg.pgs);
}

static void
setup(void)
{
	seg.start = (paddr_t)FIRST << PAGE_SHIFT;
	seg.end = seg.start + ((paddr_t)NPAGES << PAGE_SHIFT);
	seg.pgs = calloc(NPAGES, sizeof(struct vm_page));
	seg.lastpg = seg.pgs + NPAGES;
	for (uint32_t i = 0; i < NPAGES; i++)
		seg.pgs[i].pg_ppn = FIRST + i;
	uvm_buddy_init(&buddy);
}

/* What was noted down as free. */
static void
mark(size_t i, bool free_now, bool zero)
{
	CHECK(is_free[i] != free_now || is_zero[i] != zero);
	nfree +=
	    (size_t)(free_now && !zero) - (size_t)(is_free[i] && !is_zero[i]);
	nzero +=
	    (size_t)(free_now && zero) - (size_t)(is_free[i] && is_zero[i]);
	is_free[i] = free_now;
	is_zero[i] = zero;
}

/* Blocks lie where they may, do not overlap, and cannot be merged further. */
static void
audit(void)
{
	static bool seen[NPAGES];
	size_t pages = 0, zeroes = 0, i, n;
	struct vm_page *pg;

	for (i = 0; i < NPAGES; i++)
		seen[i] = false;
	for (int o = 0; o < UVM_BUDDY_ORDERS; o++) {
		n = (size_t)1 << o;
		CHECK_EQ((buddy.ub_orders >> o) & 1,
		    !TAILQ_EMPTY(&buddy.ub_block[o]));
		TAILQ_FOREACH (pg, &buddy.ub_block[o], pageq) {
			i = index_of(pg);
			CHECK_EQ(pg->pg_order, o + 1);
			CHECK_EQ(pg->pg_ppn & (n - 1), 0);
			CHECK(i + n <= NPAGES);
			for (size_t k = i; k < i + n; k++) {
				CHECK(!seen[k]);
				CHECK(is_free[k] && !is_zero[k]);
				CHECK_EQ(seg.pgs[k].pg_flags, PQ_FREE);
				CHECK(k == i || seg.pgs[k].pg_order == 0);
				CHECK(uvm_buddy_head(&seg, &seg.pgs[k]) == pg);
				seen[k] = true;
			}
			pages += n;
		}
	}
	TAILQ_FOREACH (pg, &buddy.ub_zero, pageq) {
		i = index_of(pg);
		CHECK(is_free[i] && is_zero[i] && !seen[i]);
		CHECK(uvm_buddy_head(&seg, pg) == NULL);
		seen[i] = true;
		zeroes++;
	}
	for (i = 0; i < NPAGES; i++)
		CHECK_EQ(seen[i], is_free[i]);
	CHECK_EQ(pages, nfree);
	CHECK_EQ(zeroes, nzero);
	CHECK_EQ(buddy.ub_npages, pages);
	CHECK_EQ(buddy.ub_nzero, zeroes);
}

/* With every page free, no two buddies may be left apart. */
static void
audit_maximal(void)
{
	struct vm_page *pg, *other;
	size_t n;

	for (int o = 0; o < UVM_BUDDY_ORDERS - 1; o++) {
		n = (size_t)1 << o;
		TAILQ_FOREACH (pg, &buddy.ub_block[o], pageq) {
			other = (pg->pg_ppn & n) ? pg - n : pg + n;
			CHECK(other < seg.pgs || other >= seg.lastpg ||
			    (other->pg_flags & PQ_FREE) == 0 ||
			    other->pg_order != o + 1);
		}
	}
}

static void
free_one(size_t i)
{
	seg.pgs[i].pg_flags = 0;
	uvm_buddy_free(&buddy, &seg, &seg.pgs[i]);
	mark(i, true, false);
}

static void
take_some(bool zero)
{
	struct vm_page *pgs[70];
	size_t want = 1 + test_below(nitems(pgs)), got;
	size_t had = zero ? nzero : nfree;

	got = zero ? uvm_buddy_take_zero(&buddy, pgs, want, PQ_MAGAZINE)
		   : uvm_buddy_take(&buddy, pgs, want, PQ_MAGAZINE);
	CHECK_EQ(got, MIN(want, had));
	for (size_t i = 0; i < got; i++) {
		CHECK_EQ(pgs[i]->pg_flags, PQ_MAGAZINE);
		mark(index_of(pgs[i]), false, false);
		/* what a page is used for must not confuse its return */
		pgs[i]->pg_order = (uint8_t)test_below(16);
	}
}

static void
carve_some(void)
{
	size_t i = test_below(NPAGES), n = 0, max = 1 + test_below(200);

	while (i + n < NPAGES && n < max && is_free[i + n] && !is_zero[i + n])
		n++;
	if (n == 0)
		return;
	uvm_buddy_carve(&buddy, &seg, &seg.pgs[i], n, PG_CLEAN);
	for (size_t k = i; k < i + n; k++) {
		CHECK_EQ(seg.pgs[k].pg_flags, PG_CLEAN);
		mark(k, false, false);
	}
}

static void
free_range(void)
{
	size_t i = test_below(NPAGES), n = 0, max = 1 + test_below(300);

	while (i + n < NPAGES && n < max && !is_free[i + n])
		n++;
	if (n == 0)
		return;
	uvm_buddy_free_range(&buddy, &seg, &seg.pgs[i], n);
	for (size_t k = i; k < i + n; k++)
		mark(k, true, false);
}

static void
random_step(void)
{
	size_t i = test_below(NPAGES);

	switch (test_below(6)) {
	case 0:
		take_some(false);
		break;
	case 1:
		take_some(true);
		break;
	case 2:
		carve_some();
		break;
	case 3:
		free_range();
		break;
	case 4:
		if (!is_free[i]) {
			uvm_buddy_put_zero(&buddy, &seg.pgs[i]);
			mark(i, true, true);
		}
		break;
	default:
		if (!is_free[i])
			free_one(i);
		break;
	}
}

TEST(buddy_random)
{
	setup();
	for (int step = 0; step < 6000; step++) {
		random_step();
		if (step % 16 == 0)
			audit();
	}
	audit();
	free(seg.pgs);
}

/* Freed in whatever order, all pages end in as few blocks as can be. */
TEST(buddy_merges_completely)
{
	size_t order[NPAGES], k, t;

	setup();
	for (size_t i = 0; i < NPAGES; i++)
		order[i] = i;
	for (size_t i = NPAGES - 1; i > 0; i--) {
		k = test_below(i + 1);
		t = order[i];
		order[i] = order[k];
		order[k] = t;
	}
	for (size_t i = 0; i < NPAGES; i++)
		free_one(order[i]);
	audit();
	audit_maximal();
	CHECK_EQ(nfree, NPAGES);
	CHECK(!TAILQ_EMPTY(&buddy.ub_block[UVM_BUDDY_ORDERS - 1]));
	free(seg.pgs);
}

/* Single pages come from the smallest blocks: big ones stay whole. */
TEST(buddy_spares_large_blocks)
{
	struct vm_page *pg;
	long large = 0;

	setup();
	uvm_buddy_free_range(&buddy, &seg, seg.pgs, NPAGES);
	TAILQ_FOREACH (pg, &buddy.ub_block[UVM_BUDDY_ORDERS - 1], pageq)
		large++;
	/* what does not belong to a largest block is enough for all of these */
	for (long i = 0; i < NPAGES - (large << (UVM_BUDDY_ORDERS - 1)); i++)
		CHECK_EQ(uvm_buddy_take(&buddy, &pg, 1, 0), 1);
	TAILQ_FOREACH (pg, &buddy.ub_block[UVM_BUDDY_ORDERS - 1], pageq)
		large--;
	CHECK_EQ(large, 0);
	free(seg.pgs);
}
