/*
 * The gap tree of a map against linear scans: uvm/uvm_maptree.c.
 */
#include <sys/param.h>
#include <uvm/uvm_map.h>

#include "test.h"

void *calloc(size_t n, size_t size);
void free(void *p);

#define MIN_VA PAGE_SIZE
#define PAGES  4000 /* in the map */
#define MAX_VA (MIN_VA + ptoa(PAGES))

static struct vm_map map;

static void
setup(void)
{
	map.min_offset = MIN_VA;
	map.max_offset = MAX_VA;
	map.vm_head.start = MAX_VA;
	map.vm_head.end = MIN_VA;
	map.vm_head.me_gap = MAX_VA - MIN_VA;
	map.vm_head.me_next = map.vm_head.me_prev = &map.vm_head;
	map.vm_root = NULL;
	map.nentries = 0;
}

static void
audit(void)
{
	const char *why = uvm_maptree_check(&map);

	if (why != NULL)
		test_fail(__FILE__, __LINE__, why);
}

static struct vm_map_entry *
insert(vaddr_t start, vaddr_t end, uint8_t flags)
{
	struct vm_map_entry *e = calloc(1, sizeof(*e)), *prev;

	prev = uvm_maptree_lookup(&map, start);
	if (prev == NULL)
		prev = &map.vm_head;
	e->start = start;
	e->end = end;
	e->me_flags = flags;
	uvm_maptree_insert(&map, prev, e);
	map.nentries++;
	return e;
}

static void
remove_entry(struct vm_map_entry *e)
{
	uvm_maptree_remove(&map, e);
	map.nentries--;
	free(e);
}

static void
clear(void)
{
	while (map.vm_head.me_next != &map.vm_head)
		remove_entry(map.vm_head.me_next);
	CHECK(map.vm_root == NULL);
	CHECK_EQ(map.vm_head.me_gap, MAX_VA - MIN_VA);
}

/* -- Models ---------------------------------------------------------------------- */

static struct vm_map_entry *
model_lookup(vaddr_t va)
{
	struct vm_map_entry *e, *best = NULL;

	VM_MAP_FOREACH (e, &map) {
		if (e->start <= va)
			best = e;
	}
	return best;
}

/* End of the free range behind e that a search may use. */
static vaddr_t
usable_end(const struct vm_map_entry *e)
{
	vaddr_t end = e->me_next->start;

	if (e->me_next->me_flags & ME_STACK)
		end = end - e->end > UVM_STACK_GUARD ? end - UVM_STACK_GUARD
						     : e->end;
	return end;
}

/* The placement by trying every page, in the order that is asked for. */
static bool
model_find(vsize_t size, vsize_t align, vaddr_t lo, vaddr_t hi, bool topdown,
    vaddr_t *vap)
{
	const struct vm_map_entry *e = &map.vm_head;
	bool found = false;
	vaddr_t va, from, to;

	do {
		from = MAX(e->end, lo);
		to = MIN(usable_end(e), hi);
		for (va = from; va + size <= to; va += PAGE_SIZE) {
			if (align > 1 && va % align != 0)
				continue;
			if (!found || topdown)
				*vap = va;
			found = true;
		}
		e = e->me_next;
	} while (e != &map.vm_head);
	return found;
}

static vaddr_t
random_va(void)
{
	return MIN_VA + ptoa(test_below(PAGES));
}

static void
compare_find(void)
{
	static const vsize_t aligns[] = { 0, 1, 1, 2, 3, 4, 7, 8, 16, 64 };
	vsize_t size = ptoa(1 + test_below(test_below(2) ? 4 : 200));
	vsize_t align = ptoa(aligns[test_below(nitems(aligns))]);
	vaddr_t lo = MIN_VA, hi = MAX_VA, va = 0, want = 0;
	bool topdown = test_below(2) != 0, found;

	if (test_below(2))
		lo = random_va();
	if (test_below(2))
		hi = random_va();
	found = uvm_maptree_find(&map, size, align, lo, hi, topdown, &va);
	CHECK_EQ(found, model_find(size, align, lo, hi, topdown, &want));
	if (found)
		CHECK_EQ(va, want);
}

/* -- Tests ------------------------------------------------------------------------ */

TEST(maptree_empty)
{
	vaddr_t va;

	setup();
	audit();
	CHECK(uvm_maptree_lookup(&map, MIN_VA) == NULL);
	CHECK(uvm_maptree_find(&map, PAGE_SIZE, 0, MIN_VA, MAX_VA, false, &va));
	CHECK_EQ(va, MIN_VA);
	CHECK(uvm_maptree_find(&map, PAGE_SIZE, 0, MIN_VA, MAX_VA, true, &va));
	CHECK_EQ(va, MAX_VA - PAGE_SIZE);
	CHECK(
	    uvm_maptree_find(&map, ptoa(PAGES), 0, MIN_VA, MAX_VA, false, &va));
	CHECK(!uvm_maptree_find(
	    &map, ptoa(PAGES + 1), 0, MIN_VA, MAX_VA, false, &va));
	CHECK(!uvm_maptree_find(&map, PAGE_SIZE, 0, MAX_VA, MIN_VA, true, &va));
}

/* Ascending and descending insertion stays balanced: height at most 1.44 log. */
TEST(maptree_sorted_insert)
{
	for (int down = 0; down < 2; down++) {
		setup();
		for (vaddr_t i = 0; i < PAGES / 2; i++) {
			vaddr_t n = down ? PAGES / 2 - 1 - i : i;

			insert(
			    MIN_VA + ptoa(2 * n), MIN_VA + ptoa(2 * n + 1), 0);
		}
		audit();
		CHECK(map.vm_root->me_height <= 15);
		clear();
	}
}

/* A change at either edge of an entry moves the gaps and nothing else. */
static void
resize_some(void)
{
	struct vm_map_entry *e = uvm_maptree_lookup(&map, random_va());
	vaddr_t start, end;

	if (e == NULL)
		return;
	start = e->me_prev->end;
	end = e->me_next->start;
	if (test_below(2))
		e->start = start + ptoa(test_below(atop(e->end - start)));
	else
		e->end = e->start + ptoa(1 + test_below(atop(end - e->start)));
	uvm_maptree_resize(&map, e);
}

static void
insert_some(void)
{
	vaddr_t va = random_va(), end = va + ptoa(1 + test_below(12));
	struct vm_map_entry *e = uvm_maptree_lookup(&map, va);

	if (e == NULL)
		e = &map.vm_head;
	else if (va < e->end)
		return;
	end = MIN(e->me_next->start, end);
	insert(va, end, test_below(50) == 0 ? ME_STACK : 0);
}

TEST(maptree_random)
{
	struct vm_map_entry *e;
	vaddr_t va;

	setup();
	for (int step = 0; step < 20000; step++) {
		/* Phases of growth and of decline. */
		bool grow = (step / 2500) % 2 == 0;

		va = random_va();
		e = uvm_maptree_lookup(&map, va);
		CHECK(e == model_lookup(va));
		if (test_below(10) < (grow ? 6 : 2))
			insert_some();
		else if (e != NULL && test_below(4) != 0)
			remove_entry(e);
		else
			resize_some();
		if (step % 8 == 0)
			compare_find();
		if (step % 16 == 0 || map.nentries < 40)
			audit();
	}
	clear();
	audit();
}

/* Built from a list: the tree is as good as one made by insertion. */
TEST(maptree_build)
{
	for (int n = 0; n < 200; n++) {
		struct vm_map_entry *last = &map.vm_head, *e;

		setup();
		for (int i = 0; i < n; i++) {
			e = calloc(1, sizeof(*e));
			e->start = last->end + ptoa(test_below(3));
			e->end = e->start + ptoa(1 + test_below(3));
			e->me_prev = last;
			last->me_next = e;
			last = e;
			map.nentries++;
		}
		last->me_next = &map.vm_head;
		map.vm_head.me_prev = last;
		uvm_maptree_build(&map);
		audit();
		if (n > 0)
			remove_entry(uvm_maptree_lookup(&map, random_va())
				?: map.vm_head.me_next);
		audit();
		clear();
	}
}

/* The space below a stack is not given out, but counts when it is gone. */
TEST(maptree_stack_guard)
{
	vaddr_t stack = MAX_VA - ptoa(8), va;
	struct vm_map_entry *e;

	setup();
	e = insert(stack, MAX_VA, ME_STACK);
	audit();
	CHECK(uvm_maptree_find(&map, PAGE_SIZE, 0, MIN_VA, MAX_VA, true, &va));
	CHECK_EQ(va, stack - UVM_STACK_GUARD - PAGE_SIZE);
	insert(stack - ptoa(9), stack - ptoa(8), 0);
	audit();
	CHECK(!uvm_maptree_find(
	    &map, PAGE_SIZE, 0, stack - ptoa(8), stack, false, &va));
	remove_entry(e);
	audit();
	CHECK(uvm_maptree_find(
	    &map, PAGE_SIZE, 0, stack - ptoa(8), stack, false, &va));
	clear();
}

/*
 * Thousands of gaps that are large enough but for the alignment: what fits is
 * found behind them, and if nothing does the answer is still right.
 */
TEST(maptree_misplaced_gaps)
{
	vaddr_t va, at;
	int i;

	setup();
	/* Gaps of two pages at odd page numbers, up to the last 32 pages. */
	for (i = 0, at = MIN_VA; at + ptoa(36) < MAX_VA; i++) {
		vaddr_t end = roundup2(at, ptoa(4)) + ptoa(1);

		insert(at, end, 0);
		at = end + ptoa(2);
	}
	insert(at, MAX_VA - ptoa(32), 0);
	audit();
	CHECK(uvm_maptree_find(
	    &map, ptoa(2), ptoa(4), MIN_VA, MAX_VA, false, &va));
	CHECK(va >= MAX_VA - ptoa(32) && va % ptoa(4) == 0);
	insert(MAX_VA - ptoa(32), MAX_VA, 0);
	CHECK(!uvm_maptree_find(
	    &map, ptoa(2), ptoa(4), MIN_VA, MAX_VA, false, &va));
	CHECK(!uvm_maptree_find(
	    &map, ptoa(2), ptoa(4), MIN_VA, MAX_VA, true, &va));
	/* One gap that fits exactly, among all the others. */
	remove_entry(map.vm_head.me_next->me_next);
	audit();
	CHECK(uvm_maptree_find(
	    &map, ptoa(2), ptoa(4), MIN_VA, MAX_VA, true, &va));
	clear();
}
