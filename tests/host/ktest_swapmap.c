/* The tree of free swap slots against a plain array: uvm/uvm_swapmap.c. */
#include <sys/param.h>
#include <uvm/uvm_swapmap.h>

#include "test.h"

void *calloc(size_t n, size_t size);
void free(void *p);

#define MAXSLOTS 5000

static struct uvm_swapmap map;
static bool is_free[MAXSLOTS];
static uint32_t nslots, nfree;
static void *mem;

static void
setup(uint32_t n)
{
	nslots = n;
	nfree = 0;
	mem = calloc(1, uvm_swapmap_size(n));
	uvm_swapmap_init(&map, n, mem);
	for (uint32_t i = 0; i < n; i++)
		is_free[i] = false;
}

static uint32_t
longest(void)
{
	uint32_t run = 0, best = 0;

	for (uint32_t i = 0; i < nslots; i++) {
		run = is_free[i] ? run + 1 : 0;
		best = MAX(best, run);
	}
	return MIN(best, SWAPMAP_RUN);
}

static void
audit(void)
{
	for (uint32_t i = 0; i < nslots; i++)
		CHECK_EQ(uvm_swapmap_isfree(&map, i), is_free[i]);
	CHECK_EQ(map.sm_nfree, nfree);
	CHECK_EQ(uvm_swapmap_longest(&map), longest());
}

static void
give(uint32_t slot, uint32_t n)
{
	uvm_swapmap_free(&map, slot, n);
	for (uint32_t i = slot; i < slot + n; i++) {
		CHECK(!is_free[i]);
		is_free[i] = true;
	}
	nfree += n;
}

/* => TRUE: there was a run */
static bool
take(uint32_t n)
{
	uint32_t slot = 0, best = longest();
	bool ok = uvm_swapmap_alloc(&map, n, &slot);

	CHECK_EQ(ok, best >= n);
	if (!ok)
		return false;
	CHECK(slot < nslots && n <= nslots - slot);
	for (uint32_t i = slot; i < slot + n; i++) {
		CHECK(is_free[i]);
		is_free[i] = false;
	}
	nfree -= n;
	return true;
}

static void
give_some(void)
{
	uint32_t slot = (uint32_t)test_below(nslots);
	uint32_t most = 1 + (uint32_t)test_below(200), n = 0;

	while (slot + n < nslots && n < most && !is_free[slot + n])
		n++;
	if (n != 0)
		give(slot, n);
}

TEST(swapmap_model)
{
	for (int round = 0; round < 40; round++) {
		setup(1 + (uint32_t)test_below(MAXSLOTS));
		give(0, nslots);
		audit();
		for (int i = 0; i < 400; i++) {
			if (test_below(5) < 2)
				give_some();
			else
				(void)take(
				    1 + (uint32_t)test_below(i % 2 ? 16 : 64));
			if (i % 16 == 0)
				audit();
		}
		audit();
		free(mem);
	}
}

/* Every length, at every place, alone in an otherwise full map. */
TEST(swapmap_every_place)
{
	uint32_t slot;

	setup(300);
	for (uint32_t n = 1; n <= SWAPMAP_RUN; n++) {
		for (uint32_t at = 0; at + n <= nslots; at++) {
			map.sm_next = (uint32_t)test_below(nslots + 1);
			uvm_swapmap_free(&map, at, n);
			CHECK_EQ(uvm_swapmap_longest(&map), n);
			CHECK(n == SWAPMAP_RUN ||
			    !uvm_swapmap_alloc(&map, n + 1, &slot));
			CHECK(uvm_swapmap_alloc(&map, n, &slot));
			CHECK_EQ(slot, at);
		}
	}
	free(mem);
}

/* What is taken in a row lies in a row, and the end leads to the start. */
TEST(swapmap_next_fit)
{
	uint32_t slot;

	setup(256);
	give(0, 256);
	for (uint32_t i = 0; i < 16; i++) {
		CHECK(uvm_swapmap_alloc(&map, 16, &slot));
		CHECK_EQ(slot, 16 * i);
		if (i == 8)
			uvm_swapmap_free(&map, 0, 16);
	}
	CHECK(uvm_swapmap_alloc(&map, 16, &slot));
	CHECK_EQ(slot, 0);
	CHECK(!uvm_swapmap_alloc(&map, 1, &slot));
	free(mem);
}
