/* vmrun: --smp 1 --timeout 60 */
/*
 * Resource limits are kept, inherited, and enforced.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/resource.h>

static void
limit(int which, rlim_t value)
{
	struct rlimit rl;

	CHECK(getrlimit(which, &rl) == 0);
	rl.rlim_cur = value;
	CHECK(setrlimit(which, &rl) == 0);
	CHECK(getrlimit(which, &rl) == 0);
	CHECK_EQ(rl.rlim_cur, value);
}

static void
limit_files(void)
{
	int fd, n = 0;

	limit(RLIMIT_NOFILE, 20);
	while ((fd = open("/dev/null", O_RDONLY)) >= 0)
		n++;
	CHECK_EQ(errno, EMFILE);
	CHECK(n > 10 && n <= 20);
	CHECK_ERRNO(dup(0), EMFILE);
	CHECK_ERRNO(fcntl(0, F_DUPFD, 20), EINVAL);
	CHECK_EQ(dup2(0, 19), 19);
}

static void
limit_space(void)
{
	/* room for the stack's reservation, which may count in full */
	limit(RLIMIT_AS, 256 << 20);
	CHECK_ERRNO(mmap(NULL, 256 << 20, RW, ANON, -1, 0), ENOMEM);
	CHECK(mmap(NULL, 1 << 20, RW, ANON, -1, 0) != MAP_FAILED);
}

static void
use_cpu(void)
{
	limit(RLIMIT_CPU, 1);
	for (;;)
		continue;
}

/* Recursion until the stack limit: SIGSEGV, neither earlier nor later. */
static volatile uintptr_t deepest;

static int __attribute__((noinline)) recurse(int depth)
{
	volatile char frame[2048];

	frame[0] = (char)depth;
	deepest = (uintptr_t)frame;
	if (depth > 1000000)
		return 0;
	return recurse(depth + 1) + frame[0];
}

static uintptr_t stack_base;

static void
on_overflow(int sig)
{
	size_t used = stack_base - deepest;

	/* 1 MiB was the limit; the frame at the end is 2 KiB large */
	if (sig == SIGSEGV && used > (900 << 10) && used < (1100 << 10))
		_exit(33);
	_exit(1);
}

static void
overflow_stack(void)
{
	static char alt[32768];
	stack_t ss = { .ss_sp = alt, .ss_size = sizeof(alt) };
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_overflow;
	sa.sa_flags = SA_ONSTACK;
	limit(RLIMIT_STACK, 1 << 20);
	stack_base = (uintptr_t)__builtin_frame_address(0);
	CHECK(sigaltstack(&ss, NULL) == 0);
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	recurse(0);
}

static void
overflow_unhandled(void)
{
	limit(RLIMIT_STACK, 1 << 20);
	recurse(0);
}

static void
use_deep_stack(void)
{
	volatile char big[4 << 20];

	for (size_t i = sizeof(big); i > 0; i -= PAGE)
		big[i - 1] = 1;
	CHECK_EQ(big[sizeof(big) - 1], 1);
}

static void
inherited(void)
{
	struct rlimit rl;

	CHECK(getrlimit(RLIMIT_NOFILE, &rl) == 0);
	CHECK_EQ(rl.rlim_cur, 77);
}

static void
test_prlimit(void)
{
	struct rlimit rl = { 100, 50 }, old;

	CHECK_ERRNO(setrlimit(RLIMIT_NOFILE, &rl), EINVAL);
	CHECK_ERRNO(getrlimit(99, &rl), EINVAL);
	CHECK_ERRNO(syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, bad_pointer),
	    EFAULT);
	CHECK(prlimit(0, RLIMIT_NOFILE, NULL, &old) == 0);
	rl = (struct rlimit){ 77, old.rlim_max };
	CHECK(prlimit(getpid(), RLIMIT_NOFILE, &rl, NULL) == 0);
	CHECK_CHILD(inherited);
	CHECK(prlimit(0, RLIMIT_NOFILE, &old, NULL) == 0);
}

int
main(void)
{
	test_prlimit();
	CHECK_CHILD(limit_files);
	CHECK_CHILD(limit_space);
	CHECK_KILLED(use_cpu, SIGXCPU);
	CHECK_EQ(in_child(overflow_stack), 33 << 8);
	CHECK_KILLED(overflow_unhandled, SIGSEGV);
	CHECK_CHILD(use_deep_stack);
	return 0;
}
