/*
 * The gap tree of maps against a linear scan of every address:
 * uvm/uvm_maptree.c.  Addresses are small numbers here; the tree does not know
 * about pages.
 */
#include <sys/param.h>
#include <uvm/uvm_map.h>

#include "test.h"

void *calloc(size_t n, size_t size);
void free(void *p);

#define NUNIT     900
#define MISPLACED 32 /* as the tree's own limit, see uvm_maptree_find() */

/* A map and what is known about it without the tree. */
static struct {
	struct vm_map map;
	vaddr_t min,
	    unit; /* unit i is [min + i * unit, min + (i + 1) * unit) */
	struct vm_map_entry *owner[NUNIT]; /* NULL: free */
} sp;

static void
space_init(vaddr_t min, vaddr_t unit)
{
	struct vm_map_entry *head = &sp.map.vm_head;

	sp.min = min;
	sp.unit = unit;
	sp.map.min_offset = min;
	sp.map.max_offset = min + NUNIT * unit;
	head->start = sp.map.max_offset;
	head->end = min;
	head->me_gap = NUNIT * unit;
	head->me_next = head->me_prev = head;
}

static void
check_tree(void)
{
	const char *why = uvm_maptree_check(&sp.map);

	if (why != NULL)
		test_fail(__FILE__, __LINE__, why);
}

/* -- The model ------------------------------------------------------------------ */

/* The entry below unit i, or the head. */
static struct vm_map_entry *
below(int i)
{
	while (--i >= 0)
		if (sp.owner[i] != NULL)
			return sp.owner[i];
	return &sp.map.vm_head;
}

static void
own(struct vm_map_entry *e, struct vm_map_entry *owner)
{
	for (vaddr_t a = e->start; a < e->end; a += sp.unit)
		sp.owner[(a - sp.min) / sp.unit] = owner;
}

/* May a search give out this unit: free, and in no stack's guard? */
static bool
is_open(int i)
{
	vaddr_t end = sp.min + (vaddr_t)(i + 1) * sp.unit;

	if (i < 0 || i >= NUNIT || sp.owner[i] != NULL)
		return false;
	for (; i < NUNIT; i++) {
		if (sp.owner[i] == NULL)
			continue;
		return (sp.owner[i]->me_flags & ME_STACK) == 0 ||
		    end + UVM_STACK_GUARD <= sp.owner[i]->start;
	}
	return true;
}

static bool
range_is_open(vaddr_t va, vsize_t size)
{
	int last = (int)((va + size - 1 - sp.min) / sp.unit);

	for (int i = (int)((va - sp.min) / sp.unit); i <= last; i++)
		if (!is_open(i))
			return false;
	return true;
}

/* => the address a search shall find, or 0 */
static vaddr_t
scan(vsize_t size, vsize_t align, vaddr_t lo, vaddr_t hi, bool topdown)
{
	vaddr_t va, first, last;

	lo = MAX(lo, sp.map.min_offset);
	hi = MIN(hi, sp.map.max_offset);
	if (hi < lo || hi - lo < size)
		return 0;
	first = (lo + align - 1) / align * align;
	last = (hi - size) / align * align;
	if (first > last || last < lo)
		return 0;
	if (topdown) {
		for (va = last; va >= first; va -= align)
			if (range_is_open(va, size))
				return va;
	} else
		for (va = first; va <= last; va += align)
			if (range_is_open(va, size))
				return va;
	return 0;
}

/* Gaps that are large enough but give no room by alignment or bounds. */
static int
misplaced(vsize_t size, vsize_t align, vaddr_t lo, vaddr_t hi)
{
	struct vm_map_entry *e = &sp.map.vm_head;
	int n = 0;

	do {
		if (e->me_gap >= size &&
		    scan(size, align, MAX(lo, e->end),
			MIN(hi, e->end + e->me_gap), false) == 0)
			n++;
		e = e->me_next;
	} while (e != &sp.map.vm_head);
	return n;
}

/* What the tree says of the gaps is what the units say. */
static void
check_gaps(void)
{
	struct vm_map_entry *e = &sp.map.vm_head;
	vsize_t gap;

	check_tree();
	do {
		gap = 0;
		for (vaddr_t a = e->end; a < e->me_next->start; a += sp.unit)
			gap += is_open((int)((a - sp.min) / sp.unit)) * sp.unit;
		CHECK_EQ(e->me_gap, gap);
		e = e->me_next;
	} while (e != &sp.map.vm_head);
}

/* -- Steps ------------------------------------------------------------------------ */

static void
insert_at(int from, int n, uint8_t flags)
{
	struct vm_map_entry *e = calloc(1, sizeof(*e));

	e->start = sp.min + (vaddr_t)from * sp.unit;
	e->end = e->start + (vaddr_t)n * sp.unit;
	e->me_flags = flags;
	uvm_maptree_insert(&sp.map, below(from), e);
	sp.map.nentries++;
	own(e, e);
}

static void
step_insert(bool stacks)
{
	int from = (int)test_below(NUNIT), n = 0;
	int max = 1 + (int)test_below(test_below(4) == 0 ? 60 : 4);

	while (from + n < NUNIT && n < max && sp.owner[from + n] == NULL)
		n++;
	if (n > 0)
		insert_at(from, n, stacks && test_below(8) == 0 ? ME_STACK : 0);
}

static struct vm_map_entry *
any_entry(void)
{
	return sp.owner[test_below(NUNIT)];
}

static void
remove_entry(struct vm_map_entry *e)
{
	uvm_maptree_remove(&sp.map, e);
	sp.map.nentries--;
	own(e, NULL);
	free(e);
}

/* Move one end anywhere between the neighbours. */
static void
resize_entry(struct vm_map_entry *e)
{
	vaddr_t lo = e->me_prev->end, hi = e->me_next->start;

	own(e, NULL);
	if (test_below(2) == 0)
		e->start = lo + test_below((e->end - lo) / sp.unit) * sp.unit;
	else
		e->end = hi - test_below((hi - e->start) / sp.unit) * sp.unit;
	if (test_below(8) == 0)
		e->me_flags &= (uint8_t)~ME_STACK;
	own(e, e);
	uvm_maptree_resize(&sp.map, e);
}

static void
step_change(bool stacks)
{
	struct vm_map_entry *e = any_entry();

	if (test_below(3) == 0 || e == NULL)
		step_insert(stacks);
	else if (test_below(3) == 0)
		resize_entry(e);
	else if (test_below(2) == 0)
		remove_entry(e);
}

static void
check_lookup(void)
{
	vaddr_t va = sp.min + test_below(NUNIT * sp.unit);
	int i = (int)((va - sp.min) / sp.unit);
	struct vm_map_entry *e = below(i + 1);

	CHECK(uvm_maptree_lookup(&sp.map, va) ==
	    (e == &sp.map.vm_head ? NULL : e));
	CHECK(uvm_maptree_lookup(&sp.map, sp.min - 1) == NULL);
}

static void
check_one_find(
    vsize_t size, vsize_t align, vaddr_t lo, vaddr_t hi, bool topdown)
{
	vaddr_t want = scan(size, align, lo, hi, topdown), got = 0;
	bool found =
	    uvm_maptree_find(&sp.map, size, align, lo, hi, topdown, &got);

	test_note("size %#lx align %#lx [%#lx, %#lx) %s: %#lx, expected %#lx",
	    size, align, lo, hi, topdown ? "down" : "up", got, want);
	CHECK_EQ(found, want != 0);
	if (!found || got == want)
		return;
	/* Another place only where the contract allows to pass some over. */
	CHECK(align > 1 && misplaced(size, align, lo, hi) >= MISPLACED);
	CHECK(got % align == 0 && got >= lo && got + size <= hi);
	CHECK(range_is_open(got, size));
}

static vsize_t
any_align(void)
{
	switch (test_below(4)) {
	case 0:
		return 1;
	case 1:
		return (vsize_t)1 << test_below(7);
	case 2:
		return 1 + test_below(40);
	default:
		return 1 + test_below(NUNIT);
	}
}

/* Everything is a multiple of the unit but, with unit 1, nothing special. */
static void
check_find(void)
{
	vsize_t size = (1 + test_below(test_below(2) ? 5 : 120)) * sp.unit;
	vsize_t align = any_align() * sp.unit;
	vaddr_t lo = sp.min + test_below(NUNIT) * sp.unit;
	vaddr_t hi = lo + test_below(NUNIT) * sp.unit;

	if (test_below(4) == 0)
		lo = sp.map.min_offset;
	if (test_below(4) == 0 || hi > sp.map.max_offset)
		hi = sp.map.max_offset;
	check_one_find(size, align, lo, hi, test_below(2) == 0);
}

static void
random_run(vaddr_t min, vaddr_t unit, bool stacks, int steps)
{
	space_init(min, unit);
	check_tree();
	for (int step = 0; step < steps; step++) {
		/* fill and empty in turns, so that all densities come up */
		if (step / 400 % 2 == 0 && test_below(2) == 0)
			step_insert(stacks);
		step_change(stacks);
		if (step % 16 == 0)
			check_gaps();
		check_tree();
		check_lookup();
		check_find();
		check_find();
	}
	while (sp.map.vm_root != NULL) {
		remove_entry(sp.map.vm_root);
		check_tree();
	}
	CHECK_EQ(sp.map.nentries, 0);
	CHECK_EQ(sp.map.vm_head.me_gap, NUNIT * sp.unit);
}

TEST(mapscan_random)
{
	random_run(1000, 1, false, 6000);
}

/* The bottom of the address space, where address 0 is one to give out not. */
TEST(mapscan_random_low)
{
	random_run(1, 1, false, 2000);
}

/* With stacks, whose guard is larger than most gaps. */
TEST(mapscan_random_stacks)
{
	random_run(0x4000000, 0x20000, true, 4000);
}

/* -- Structure ------------------------------------------------------------------------ */

static void
clear(void)
{
	while (sp.map.vm_root != NULL)
		remove_entry(sp.map.vm_root);
}

static int
log2_up(int n)
{
	int l = 0;

	while ((1 << l) < n)
		l++;
	return l;
}

/* Height stays that of an AVL tree whatever the order of insertion. */
TEST(mapscan_height)
{
	for (int mode = 0; mode < 3; mode++) {
		space_init(4096, 1);
		for (int i = 0; i < NUNIT / 2; i++) {
			int at = mode == 0 ? i
			    : mode == 1    ? NUNIT / 2 - 1 - i
					   : i * 263 % (NUNIT / 2);

			insert_at(2 * at, 1, 0);
			check_tree();
		}
		CHECK_EQ(sp.map.nentries, NUNIT / 2);
		CHECK(sp.map.vm_root->me_height <=
		    log2_up(NUNIT / 2) * 3 / 2 + 1);
		clear();
	}
}

/* Built over a list in one go: as good as inserted one by one, and balanced. */
TEST(mapscan_build)
{
	struct vm_map_entry *head = &sp.map.vm_head, *e, *last;

	for (int n = 0; n <= 70; n++) {
		space_init(5000, 1);
		last = head;
		for (int i = 0; i < n; i++) {
			e = calloc(1, sizeof(*e));
			e->start = sp.min + (vaddr_t)i * 3;
			e->end = e->start + 1 + test_below(3);
			own(e, e);
			/* a copy of another map's entry */
			e->me_parent = e->me_left = e->me_right = e;
			e->me_prev = last;
			last->me_next = e;
			last = e;
		}
		last->me_next = head;
		head->me_prev = last;
		sp.map.nentries = n;
		uvm_maptree_build(&sp.map);
		check_tree();
		CHECK(n == 0 || sp.map.vm_root->me_height <= log2_up(n + 1));
		for (int i = 0; i < 20; i++) {
			check_lookup();
			check_find();
		}
		clear();
	}
}

/* A search among many misplaced gaps: found wherever the one that fits is. */
TEST(mapscan_misplaced)
{
	for (int fit = 0; fit < 100; fit += 3) {
		space_init(8 * 9 + 1, 1);
		/* gaps of 7 that hold no multiple of 8 with room for 7 */
		for (int i = 0; i < 100; i++)
			if (i != fit)
				insert_at(8 * i + 7, 1, 0);
		insert_at(800, 100, 0);
		check_tree();
		for (int topdown = 0; topdown < 2; topdown++)
			check_one_find(7, 8, sp.map.min_offset,
			    sp.map.max_offset, topdown != 0);
		clear();
	}
}

/* The largest numbers there are do not wrap around. */
TEST(mapscan_extremes)
{
	struct vm_map_entry *e;
	vaddr_t va = 7;

	space_init(1000, 1);
	CHECK(!uvm_maptree_find(
	    &sp.map, UINT64_MAX, 0, 0, UINT64_MAX, false, &va));
	CHECK(!uvm_maptree_find(
	    &sp.map, UINT64_MAX - 5, UINT64_MAX - 5, 0, UINT64_MAX, true, &va));
	CHECK(!uvm_maptree_find(
	    &sp.map, 1, UINT64_MAX, 0, UINT64_MAX, false, &va));
	CHECK(!uvm_maptree_find(&sp.map, 10, 1, 1500, 1509, false, &va));
	CHECK_EQ(va, 7);
	CHECK(uvm_maptree_find(&sp.map, NUNIT, 0, 0, UINT64_MAX, true, &va));
	CHECK_EQ(va, 1000);
	/* an address space that ends at the top */
	sp.map.min_offset = UINT64_MAX - 99;
	sp.map.max_offset = UINT64_MAX;
	sp.map.vm_head.end = sp.map.min_offset;
	sp.map.vm_head.start = UINT64_MAX;
	sp.map.vm_head.me_gap = 99;
	CHECK(uvm_maptree_find(&sp.map, 99, 1, 0, UINT64_MAX, false, &va));
	CHECK_EQ(va, UINT64_MAX - 99);
	CHECK(!uvm_maptree_find(
	    &sp.map, 60, 1UL << 40, 0, UINT64_MAX, false, &va));
	e = calloc(1, sizeof(*e));
	e->start = UINT64_MAX - 20;
	e->end = UINT64_MAX;
	uvm_maptree_insert(&sp.map, &sp.map.vm_head, e);
	sp.map.nentries = 1;
	CHECK(uvm_maptree_check(&sp.map) == NULL);
	CHECK(uvm_maptree_find(&sp.map, 79, 1, 0, UINT64_MAX, true, &va));
	CHECK_EQ(va, UINT64_MAX - 99);
	uvm_maptree_remove(&sp.map, e);
	free(e);
}
