/* vmrun: --smp 1,2,4 --timeout 60 */
/*
 * Floating-point registers, rounding mode and flags belong to a thread:
 * across preemption, fork, signals, and between processes.
 */
#include "test.h"

#include <fenv.h>
#include <sched.h>

static volatile sig_atomic_t ticks;

/* Load all callee-saved registers, spin, and look at them again. */
static void
hold_registers(double seed, int rounds)
{
#ifdef __riscv
	double v[12], w[12];

	for (int i = 0; i < 12; i++)
		v[i] = seed + i * 1.25;
	for (int r = 0; r < rounds; r++) {
		__asm__ volatile(
		    "fld fs0, 0(%0)\n\tfld fs1, 8(%0)\n\tfld fs2, 16(%0)\n\t"
		    "fld fs3, 24(%0)\n\tfld fs4, 32(%0)\n\tfld fs5, 40(%0)\n\t"
		    "fld fs6, 48(%0)\n\tfld fs7, 56(%0)\n\tfld fs8, 64(%0)\n\t"
		    "fld fs9, 72(%0)\n\tfld fs10, 80(%0)\n\t"
		    "fld ft0, 88(%0)\n\t"
		    "li t0, 20000\n1:\taddi t0, t0, -1\n\tbnez t0, 1b\n\t"
		    "fsd fs0, 0(%1)\n\tfsd fs1, 8(%1)\n\tfsd fs2, 16(%1)\n\t"
		    "fsd fs3, 24(%1)\n\tfsd fs4, 32(%1)\n\tfsd fs5, 40(%1)\n\t"
		    "fsd fs6, 48(%1)\n\tfsd fs7, 56(%1)\n\tfsd fs8, 64(%1)\n\t"
		    "fsd fs9, 72(%1)\n\tfsd fs10, 80(%1)\n\t"
		    "fsd ft0, 88(%1)\n\t"
		    :
		    : "r"(v), "r"(w)
		    : "t0", "fs0", "fs1", "fs2", "fs3", "fs4", "fs5", "fs6",
		    "fs7", "fs8", "fs9", "fs10", "ft0", "memory");
		for (int i = 0; i < 12; i++)
			CHECK(w[i] == v[i]);
	}
#else
	volatile double x = seed;

	for (int r = 0; r < rounds; r++)
		CHECK(x == seed);
#endif
}

static void
on_alarm(int sig)
{
	volatile double x = 1e10;

	(void)sig;
	ticks++;
	for (int i = 0; i < 20; i++)
		x = x / 3.0 + 7.0;
	fesetround(FE_UPWARD);
	feraiseexcept(FE_DIVBYZERO | FE_INEXACT);
}

/* Six processes that all use the registers, on fewer harts. */
static void
test_processes(void)
{
	int status;

	for (int i = 0; i < 6; i++)
		if (fork() == 0) {
			hold_registers(1000.0 * i, 150);
			_exit(0);
		}
	hold_registers(-5.0, 150);
	for (int i = 0; i < 6; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
}

/* A handler may clobber everything, rounding mode included. */
static void
test_signals(void)
{
	struct itimerval {
		struct timeval {
			long sec, usec;
		} interval, value;
	} it = { { 0, 2000 }, { 0, 2000 } }, off = { 0 };

	signal(SIGALRM, on_alarm);
	CHECK(fesetround(FE_TOWARDZERO) == 0);
	feclearexcept(FE_ALL_EXCEPT);
	CHECK(syscall(SYS_setitimer, 0, &it, NULL) == 0);
	for (int i = 0; i < 1000 && ticks < 10; i++) {
		hold_registers(3.0, 20);
		CHECK_EQ(fegetround(), FE_TOWARDZERO);
		CHECK_EQ(fetestexcept(FE_DIVBYZERO), 0);
	}
	CHECK(syscall(SYS_setitimer, 0, &off, NULL) == 0);
	CHECK(ticks > 0);
}

static void
child_sees_mode(void)
{
	CHECK_EQ(fegetround(), FE_DOWNWARD);
	CHECK(fesetround(FE_UPWARD) == 0);
}

static void
test_fork(void)
{
	CHECK(fesetround(FE_DOWNWARD) == 0);
	CHECK_CHILD(child_sees_mode);
	CHECK_EQ(fegetround(), FE_DOWNWARD);
	CHECK(fesetround(FE_TONEAREST) == 0);
}

/* Two processes that switch on purpose, with sums that must come out. */
static void
test_yield(void)
{
	double sum = 0;
	int status;
	pid_t pid = fork();
	double step = pid == 0 ? 0.5 : 0.25;

	for (int i = 0; i < 20000; i++) {
		sum += step;
		if (i % 10 == 0)
			sched_yield();
	}
	CHECK(sum == 20000 * step);
	if (pid == 0)
		_exit(0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

int
main(void)
{
	test_processes();
	test_signals();
	test_fork();
	test_yield();
	return 0;
}
