/* vmrun: --smp 1,4 --timeout 60 */
/*
 * minherit: what a child gets of a mapping, in both encodings of the four
 * values.
 */
#include "test.h"

static char *area;

/*
 * The parent's four pages hold 'p'; the child looks at the middle two, which
 * have the inheritance under test, and writes to them if it can.
 */
static void
child_share(void)
{
	CHECK_EQ(area[PAGE], 'p');
	area[PAGE] = 'c';
	area[2 * PAGE] = 'c';
}

static void
child_copy(void)
{
	CHECK_EQ(area[PAGE], 'p');
	area[PAGE] = 'c';
	area[2 * PAGE] = 'c';
}

static void
child_zero(void)
{
	for (size_t i = PAGE; i < 3 * PAGE; i++)
		CHECK_EQ(area[i], 0);
	memset(area + PAGE, 'c', 2 * PAGE);
}

static void
child_none(void)
{
	area[PAGE] = 'c';
}

static void
child_none_is_free(void)
{
	char *p = mmap(area + PAGE, 2 * PAGE, RW, ANON | 0x100000, -1, 0);

	CHECK(p == area + PAGE);
	CHECK_EQ(p[0], 0);
}

static void
grandchild(void)
{
	CHECK_CHILD(child_share);
}

static void
prepare(int inherit)
{
	area = map_anon(4 * PAGE);
	memset(area, 'p', 4 * PAGE);
	CHECK(minherit(area + PAGE, 2 * PAGE, inherit) == 0);
}

/* What the parent sees afterwards in the middle; the rest is untouched. */
static void
finish(char middle)
{
	CHECK_EQ(area[0], 'p');
	CHECK_EQ(area[PAGE], middle);
	CHECK_EQ(area[2 * PAGE], middle);
	CHECK_EQ(area[3 * PAGE], 'p');
	CHECK(munmap(area, 4 * PAGE) == 0);
}

static void
test_encoding(int share, int copy, int none, int zero)
{
	prepare(share);
	CHECK_CHILD(child_share);
	finish('c');
	prepare(copy);
	CHECK_CHILD(child_copy);
	finish('p');
	prepare(none);
	CHECK_KILLED(child_none, SIGSEGV);
	CHECK_CHILD(child_none_is_free);
	finish('p');
	prepare(zero);
	CHECK_CHILD(child_zero);
	finish('p');
}

/* Sharing goes on from generation to generation. */
static void
test_generations(void)
{
	prepare(MAP_INHERIT_SHARE);
	CHECK_CHILD(grandchild);
	finish('c');
}

static void
test_errors(void)
{
	area = map_anon(2 * PAGE);
	CHECK_ERRNO(minherit(area, PAGE, 4), EINVAL);
	CHECK_ERRNO(minherit(area, PAGE, 0x40), EINVAL);
	CHECK_ERRNO(minherit(area, PAGE, -1), EINVAL);
	CHECK(munmap(area, 2 * PAGE) == 0);
}

/*
 * Linux's own words for three of them: MADV_DONTFORK and MADV_WIPEONFORK.
 */
static void
test_peer(void)
{
	area = map_anon(4 * PAGE);
	memset(area, 'p', 4 * PAGE);
	CHECK(madvise(area + PAGE, 2 * PAGE, MADV_DONTFORK) == 0);
	CHECK_KILLED(child_none, SIGSEGV);
	CHECK(madvise(area + PAGE, 2 * PAGE, MADV_DOFORK) == 0);
	CHECK_CHILD(child_copy);
	CHECK(madvise(area + PAGE, 2 * PAGE, MADV_WIPEONFORK) == 0);
	CHECK_CHILD(child_zero);
	finish('p');
}

int
main(void)
{
	if (on_peer()) {
		test_peer();
		return 0;
	}
	test_encoding(MAP_INHERIT_SHARE, MAP_INHERIT_COPY, MAP_INHERIT_NONE,
	    MAP_INHERIT_ZERO);
	test_encoding(0, 1, 2, 3);
	test_generations();
	test_errors();
	return 0;
}
