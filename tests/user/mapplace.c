/* vmrun: --smp 1 --timeout 60 */
/*
 * Where mappings go and how much of them there may be: hints, what is in the
 * way of the heap, RLIMIT_AS and RLIMIT_DATA.
 */
#include "test.h"

#include <sys/resource.h>

#define MB ((size_t)1 << 20)

static void
limit(int which, rlim_t value)
{
	struct rlimit rl = { value, value };

	CHECK(setrlimit(which, &rl) == 0);
}

/* A hint inside a page means that page. */
static void
test_hint_rounds_down(void)
{
	char *p = map_anon(4 * PAGE), *q;

	CHECK(munmap(p, 4 * PAGE) == 0);
	q = mmap(p + PAGE + 100, PAGE, RW, ANON, -1, 0);
	CHECK(q == p + PAGE);
	CHECK(munmap(q, PAGE) == 0);
}

/*
 * A hint that is taken is as good as none: what is mapped does not go behind
 * the heap, where it would stop its growth.
 */
static void
test_hint_taken(void)
{
	char *end = sbrk(PAGE), *p;

	CHECK(end != (char *)-1);
	p = mmap(
	    end - ((uintptr_t)end & (PAGE - 1)), 4 * PAGE, RW, ANON, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, 4 * PAGE);
	CHECK(p < end - PAGE || p > end + 256 * MB);
	CHECK(sbrk(64 * MB) == end + PAGE);
	end[64 * MB] = 1;
	CHECK(sbrk(-(intptr_t)(64 * MB)) != (void *)-1);
	CHECK(munmap(p, 4 * PAGE) == 0);
}

/* What a fixed mapping replaces does not count against the limit. */
static void
replace_at_limit(void)
{
	char *p;

	limit(RLIMIT_AS, 300 * MB);
	p = mmap(NULL, 180 * MB, RW, ANON | MAP_NORESERVE, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(
	    mmap(NULL, 180 * MB, RW, ANON | MAP_NORESERVE, -1, 0), ENOMEM);
	p[5 * PAGE] = 1;
	CHECK(mmap(p, 180 * MB, RW, ANON | MAP_NORESERVE | MAP_FIXED, -1, 0) ==
	    p);
	CHECK_EQ(p[5 * PAGE], 0);
	/* half of it in the way, the other half too much */
	CHECK_ERRNO(mmap(p + 90 * MB, 240 * MB, RW,
			ANON | MAP_NORESERVE | MAP_FIXED, -1, 0),
	    ENOMEM);
	CHECK_EQ(p[100 * MB], 0);
}

static void
heap_at_limit(void)
{
	char *p, *end;

	limit(RLIMIT_DATA, 8 * MB);
	end = sbrk(0);
	CHECK_ERRNO((long)sbrk(16 * MB), ENOMEM);
	CHECK(sbrk(0) == end);
	p = sbrk(2 * MB);
	CHECK(p == end);
	memset(p, 7, 2 * MB);
	CHECK(sbrk(-(intptr_t)MB) == end + 2 * MB);
	CHECK(sbrk(MB) == end + MB);
	/* given back and taken again: zero, but for the page the end lies in */
	for (size_t i = MB + PAGE; i < 2 * MB; i += PAGE)
		CHECK_EQ(p[i], 0);
	CHECK_EQ(p[MB - 1], 7);
}

static void
heap_at_space_limit(void)
{
	char *end = sbrk(0);

	limit(RLIMIT_AS, 100 * MB);
	CHECK_ERRNO((long)sbrk(120 * MB), ENOMEM);
	CHECK(sbrk(0) == end);
	CHECK(sbrk(MB) == end);
}

/* Discarding what may not be written changes what may not be changed. */
static void
test_immutable(void)
{
	char *p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	p[0] = p[PAGE] = 1;
	CHECK(madvise(p + PAGE, PAGE, MADV_REMOVE) == 0);
	CHECK_EQ(p[PAGE], 0);
	if (on_peer())
		return;
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	CHECK(mimmutable(p, PAGE) == 0);
	CHECK_ERRNO(madvise(p, PAGE, MADV_REMOVE), EPERM);
	CHECK_EQ(p[0], 1);
}

int
main(void)
{
	test_hint_rounds_down();
	test_hint_taken();
	CHECK_CHILD(replace_at_limit);
	CHECK_CHILD(heap_at_limit);
	CHECK_CHILD(heap_at_space_limit);
	test_immutable();
	return 0;
}
