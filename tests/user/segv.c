/* vmrun: --smp 1,4 --timeout 60 */
/*
 * Faults as signals: si_addr and si_code, a handler on the alternate stack
 * that repairs the mapping and returns, and what happens without a handler.
 */
#include "test.h"

#include <setjmp.h>
#include <ucontext.h>

static char *area;
static volatile int caught, code;
static void *volatile addr;
static volatile uintptr_t handler_sp;
static char alt_stack[64 * 1024] __attribute__((aligned(16)));
static sigjmp_buf escape;

static void
install(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = fn;
	sa.sa_flags = SA_SIGINFO | flags;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void
use_alt_stack(void)
{
	stack_t ss = { .ss_sp = alt_stack, .ss_size = sizeof(alt_stack) };

	CHECK(sigaltstack(&ss, NULL) == 0);
}

static void
repair(int sig, siginfo_t *si, void *context)
{
	stack_t ss;

	(void)context;
	caught++;
	addr = si->si_addr;
	code = si->si_code;
	handler_sp = (uintptr_t)__builtin_frame_address(0);
	CHECK_EQ(sig, SIGSEGV);
	CHECK_EQ(si->si_signo, SIGSEGV);
	CHECK(sigaltstack(NULL, &ss) == 0);
	CHECK_EQ(ss.ss_flags & SS_ONSTACK, SS_ONSTACK);
	CHECK(
	    mprotect((void *)((uintptr_t)si->si_addr & -PAGE), PAGE, RW) == 0);
}

/* Every page is made writable by the handler, once. */
static void
test_repair(void)
{
	volatile char *p = area;

	install(SIGSEGV, repair, SA_ONSTACK);
	CHECK(mprotect(area, 64 * PAGE, PROT_READ) == 0);
	for (size_t i = 0; i < 64; i++) {
		caught = 0;
		p[i * PAGE + 17] = (char)i;
		CHECK_EQ(caught, 1);
		CHECK(addr == area + i * PAGE + 17);
		CHECK_EQ(code, SEGV_ACCERR);
		CHECK(handler_sp > (uintptr_t)alt_stack &&
		    handler_sp < (uintptr_t)alt_stack + sizeof(alt_stack));
		p[i * PAGE + 18] = 1;
		CHECK_EQ(caught, 1);
	}
	for (size_t i = 0; i < 64; i++)
		CHECK_EQ(p[i * PAGE + 17], (char)i);
	CHECK(mprotect(area, PAGE, PROT_NONE) == 0);
	caught = 0;
	CHECK_EQ(p[17], 0);
	CHECK_EQ(caught, 1);
	CHECK_EQ(code, SEGV_ACCERR);
}

static void
jump_out(int sig, siginfo_t *si, void *context)
{
	(void)context;
	addr = si->si_addr;
	code = si->si_code;
	siglongjmp(escape, sig);
}

static int
fault_on(volatile char *p, int writing)
{
	int sig = sigsetjmp(escape, 1);

	if (sig != 0)
		return sig;
	if (writing)
		*p = 1;
	else
		(void)*p;
	return 0;
}

static void
check_fault(char *p, int writing, int want_code)
{
	addr = NULL;
	code = 0;
	CHECK_EQ(fault_on(p, writing), SIGSEGV);
	CHECK(addr == p);
	CHECK_EQ(code, want_code);
}

static void
test_codes(void)
{
	char *hole = map_anon(3 * PAGE);

	install(SIGSEGV, jump_out, SA_ONSTACK);
	CHECK(munmap(hole + PAGE, PAGE) == 0);
	check_fault(hole + PAGE + 5, 0, SEGV_MAPERR);
	check_fault(hole + PAGE + 5, 1, SEGV_MAPERR);
	check_fault(NULL, 0, SEGV_MAPERR);
	check_fault((char *)8, 1, SEGV_MAPERR);
	CHECK(mprotect(hole, PAGE, PROT_READ) == 0);
	check_fault(hole + 100, 1, SEGV_ACCERR);
	CHECK_EQ(fault_on(hole + 100, 0), 0);
	CHECK(mprotect(hole, PAGE, PROT_NONE) == 0);
	check_fault(hole + 100, 0, SEGV_ACCERR);
	/* the kernel's half, and addresses no Sv39 machine can map */
	CHECK_EQ(fault_on((char *)UINT64_C(0xffffffc000000000), 0), SIGSEGV);
	CHECK_EQ(fault_on((char *)UINT64_C(0xffffffff80000000), 1), SIGSEGV);
	CHECK_EQ(fault_on((char *)UINT64_C(0x0000004000000000), 0), SIGSEGV);
	CHECK_EQ(fault_on((char *)UINT64_C(0x8000000000000000), 0), SIGSEGV);
	CHECK(munmap(hole, 3 * PAGE) == 0);
}

/* A write to the program's text, a jump into its data. */
static void
test_text(void)
{
	static uint32_t data[4] __attribute__((aligned(16))) = { 0x00008067 };
	void (*volatile fn)(void) = (void (*)(void))(uintptr_t)data;
	char *text = (char *)((uintptr_t)test_text & ~(uintptr_t)3);
	int sig;

	check_fault(text, 1, SEGV_ACCERR);
	sig = sigsetjmp(escape, 1);
	if (sig == 0) {
		fn();
		CHECK(!"data was executed");
	}
	CHECK_EQ(sig, SIGSEGV);
	CHECK_EQ(code, SEGV_ACCERR);
	CHECK(addr == (void *)data);
}

static void
test_traps(void)
{
	int sig;

	install(SIGILL, jump_out, 0);
	install(SIGTRAP, jump_out, 0);
	sig = sigsetjmp(escape, 1);
	if (sig == 0) {
#ifdef __riscv
		__asm__ volatile(".half 0");
#else
		__builtin_trap();
#endif
	}
	CHECK_EQ(sig, SIGILL);
	sig = sigsetjmp(escape, 1);
	if (sig == 0) {
#ifdef __riscv
		__asm__ volatile("ebreak");
#else
		raise(SIGTRAP);
#endif
	}
	CHECK_EQ(sig, SIGTRAP);
#ifdef __riscv
	/* privileged: reading the satp register */
	sig = sigsetjmp(escape, 1);
	if (sig == 0)
		__asm__ volatile("csrr t0, 0x180" ::: "t0");
	CHECK_EQ(sig, SIGILL);
#endif
	signal(SIGILL, SIG_DFL);
	signal(SIGTRAP, SIG_DFL);
}

static void
die_null(void)
{
	signal(SIGSEGV, SIG_DFL);
	*(volatile int *)(void *)map_anon(PAGE) = 1;
	*(volatile int *)NULL = 1;
}

/* A fault while SIGSEGV is blocked or ignored kills all the same. */
static void
die_blocked(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*(volatile int *)NULL = 1;
}

static void
die_ignored(void)
{
	signal(SIGSEGV, SIG_IGN);
	*(volatile int *)NULL = 1;
}

/* The handler's frame cannot be written: nowhere to run it. */
static void
die_bad_stack(void)
{
#ifdef __riscv
	install(SIGSEGV, jump_out, 0);
	__asm__ volatile("li sp, 64\n\tsd zero, 0(sp)" ::: "memory");
#else
	die_null();
#endif
}

/* The registers survive a handler, and one it changes is changed. */
static void
change_t0(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)si;
#ifdef __riscv
	ucontext_t *uc = context;

	uc->uc_mcontext.__gregs[5] = 0x1234;
	uc->uc_mcontext.__gregs[REG_PC] += 4;
#else
	(void)context;
#endif
	caught++;
}

static void
test_context(void)
{
#ifdef __riscv
	unsigned long t0 = 1, s2 = 2, bad = 0;

	install(SIGSEGV, change_t0, SA_ONSTACK);
	caught = 0;
	__asm__ volatile("li t0, 77\n\tli s2, 78\n\t"
			 ".option push\n\t.option norvc\n\t"
			 "sd zero, 0(%2)\n\t.option pop\n\t"
			 "mv %0, t0\n\tmv %1, s2"
			 : "=&r"(t0), "=&r"(s2)
			 : "r"(bad)
			 : "t0", "s2", "memory");
	CHECK_EQ(caught, 1);
	CHECK_EQ(t0, 0x1234);
	CHECK_EQ(s2, 78);
#else
	(void)change_t0;
#endif
}

int
main(void)
{
	area = map_anon(64 * PAGE);
	use_alt_stack();
	test_repair();
	test_codes();
	test_text();
	test_traps();
	test_context();
	CHECK_KILLED(die_null, SIGSEGV);
	CHECK_KILLED(die_blocked, SIGSEGV);
	CHECK_KILLED(die_ignored, SIGSEGV);
	CHECK_KILLED(die_bad_stack, SIGSEGV);
	return 0;
}
