/* vmrun: --smp 1,4 --timeout 60 */
/*
 * Clocks and timers.
 */
#include "test.h"

#include <sys/time.h>
#include <sys/times.h>

static volatile sig_atomic_t ticks;

static void
on_tick(int sig)
{
	(void)sig;
	ticks++;
}

static void
test_clocks(void)
{
	static const clockid_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC,
		CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW, CLOCK_MONOTONIC_COARSE,
		CLOCK_REALTIME_COARSE, CLOCK_PROCESS_CPUTIME_ID,
		CLOCK_THREAD_CPUTIME_ID };
	struct timespec a, b;
	uint64_t last = now_ns();

	for (size_t i = 0; i < NELEM(ids); i++) {
		CHECK(clock_getres(ids[i], &a) == 0);
		CHECK(a.tv_sec == 0 && a.tv_nsec > 0);
		CHECK(clock_gettime(ids[i], &a) == 0);
		CHECK(clock_gettime(ids[i], &b) == 0);
		CHECK(b.tv_sec > a.tv_sec ||
		    (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
		CHECK(b.tv_nsec >= 0 && b.tv_nsec < 1000000000);
	}
	for (int i = 0; i < 20000; i++) {
		uint64_t now = now_ns();

		CHECK(now >= last);
		last = now;
	}
	CHECK_ERRNO(clock_gettime(99, &a), EINVAL);
	CHECK_ERRNO(
	    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, bad_pointer), EFAULT);
}

static void
test_sleep(void)
{
	struct timespec ts = { 0, 15000000 }, at;
	uint64_t start = now_ns(), took;

	CHECK(nanosleep(&ts, NULL) == 0);
	took = now_ns() - start;
	CHECK(took >= 15000000 && took < 2000000000);
	CHECK(clock_gettime(CLOCK_MONOTONIC, &at) == 0);
	at.tv_nsec += 20000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_sec++;
		at.tv_nsec -= 1000000000;
	}
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
	CHECK(now_ns() >=
	    (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec);
	/* in the past: at once */
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL), 0);
	ts.tv_nsec = 1000000000;
	CHECK_ERRNO(nanosleep(&ts, NULL), EINVAL);
	ts = (struct timespec){ -1, 0 };
	CHECK_ERRNO(nanosleep(&ts, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_nanosleep, bad_pointer, NULL), EFAULT);
}

static void
test_itimer(void)
{
	struct itimerval it = { { 0, 5000 }, { 0, 5000 } }, now;

	signal(SIGALRM, on_tick);
	ticks = 0;
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	while (ticks < 10)
		pause();
	CHECK(getitimer(ITIMER_REAL, &now) == 0);
	CHECK_EQ(now.it_interval.tv_usec, 5000);
	it = (struct itimerval){ 0 };
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	ticks = 0;
	sleep_ms(30);
	CHECK_EQ(ticks, 0);
	/* once */
	it.it_value.tv_usec = 10000;
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	sleep_ms(50);
	CHECK_EQ(ticks, 1);
	CHECK(getitimer(ITIMER_REAL, &now) == 0);
	CHECK_EQ(now.it_value.tv_usec, 0);
	alarm(100);
	CHECK(alarm(0) >= 99);
}

static void
test_cpu_timers(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 30000 } };

	signal(SIGVTALRM, on_tick);
	signal(SIGPROF, on_tick);
	ticks = 0;
	CHECK(setitimer(ITIMER_VIRTUAL, &it, NULL) == 0);
	sleep_ms(100); /* asleep, the clock stands still */
	CHECK_EQ(ticks, 0);
	while (ticks == 0)
		continue;
	CHECK(setitimer(ITIMER_PROF, &it, NULL) == 0);
	while (ticks == 1)
		(void)getppid();
}

static void
test_posix_timer(void)
{
	struct sigevent ev;
	struct itimerspec it = { { 0, 5000000 }, { 0, 5000000 } }, now;
	timer_t id;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = SIGUSR1;
	signal(SIGUSR1, on_tick);
	ticks = 0;
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
	CHECK(timer_settime(id, 0, &it, NULL) == 0);
	while (ticks < 5)
		pause();
	CHECK(timer_gettime(id, &now) == 0);
	CHECK_EQ(now.it_interval.tv_nsec, 5000000);
	CHECK(now.it_value.tv_nsec > 0);
	CHECK(timer_getoverrun(id) >= 0);
	CHECK(timer_delete(id) == 0);
	CHECK_ERRNO(timer_settime(id, 0, &it, NULL), EINVAL);
	ticks = 0;
	sleep_ms(20);
	CHECK_EQ(ticks, 0);
}

static void
test_times(void)
{
	struct tms t0, t1;
	clock_t c0 = times(&t0), c1;

	CHECK(c0 != (clock_t)-1);
	do
		c1 = times(&t1);
	while (t1.tms_utime + t1.tms_stime < t0.tms_utime + t0.tms_stime + 10);
	CHECK(c1 - c0 >= 8);
}

int
main(void)
{
	test_clocks();
	test_sleep();
	test_itimer();
	test_cpu_timers();
	test_posix_timer();
	test_times();
	return 0;
}
