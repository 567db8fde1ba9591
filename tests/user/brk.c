/* vmrun: --smp 1 --timeout 30 */
/*
 * brk: growing, shrinking, zeroing, limits.
 */
#include "test.h"

#include <sys/resource.h>

static char *
sys_brk(char *to)
{
	return (char *)syscall(SYS_brk, to);
}

int
main(void)
{
	char *old = sys_brk(NULL), *start, *top;
	struct rlimit rl;

	CHECK(old != NULL);
	start = (char *)(((uintptr_t)old + PAGE - 1) & -PAGE);
	top = start + 100 * PAGE;
	CHECK(sys_brk(top) == top);
	for (char *p = start; p < top; p += PAGE)
		CHECK_EQ(*p, 0);
	memset(start, 'x', 100 * PAGE);
	/* shrink, grow: what comes back is zero */
	CHECK(sys_brk(start + 10 * PAGE) == start + 10 * PAGE);
	CHECK(sys_brk(top) == top);
	CHECK_EQ(start[9 * PAGE], 'x');
	for (char *p = start + 10 * PAGE; p < top; p += PAGE)
		CHECK_EQ(*p, 0);
	/* not page by page */
	CHECK(sys_brk(top + 123) == top + 123);
	top[122] = 1;
	CHECK(sys_brk(top + 100) == top + 100);
	CHECK(sys_brk(top + 124) == top + 124);
	/* too low, too high: no change, and the answer is the old break */
	CHECK(sys_brk((char *)16) == top + 124);
	CHECK(sys_brk((char *)((uintptr_t)1 << 40)) == top + 124);
	CHECK(getrlimit(RLIMIT_DATA, &rl) == 0);
	rl.rlim_cur = 200 * PAGE;
	CHECK(setrlimit(RLIMIT_DATA, &rl) == 0);
	CHECK(sys_brk(top + 4000 * PAGE) == top + 124);
	CHECK(sys_brk(old) == old);
	return 0;
}
