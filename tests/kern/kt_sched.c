/* Sleeping, waking, scheduling. */
#include <sys/ktest.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>

#define TURNS 1200 /* of the token, all threads together */

/*
 * A token that goes round: thread i waits until turn % n == i.
 * Locks used to protect members: m mtx
 */
static struct {
	struct mutex mtx;
	struct rwlock rw;
	volatile uint64_t turn; /* [m] or [rw] */
	uint32_t n; /* [I] */
	bool userw; /* [I] wait with rwsleep() */
	bool timed; /* [I] every sleep with a timeout that does not expire */
} ring;

static void
ring_step(uint32_t i)
{
	uint64_t limit = ring.timed ? 20000000000UL : INFSLP;

	if (ring.userw) {
		rw_enter_write(&ring.rw);
		while (ring.turn % ring.n != i)
			KT_EQ(rwsleep((const void *)&ring.turn, &ring.rw, PWAIT,
				  "ring", limit),
			    0);
		ring.turn = ring.turn + 1;
		rw_exit(&ring.rw);
	} else {
		mtx_enter(&ring.mtx);
		while (ring.turn % ring.n != i)
			KT_EQ(msleep((const void *)&ring.turn, &ring.mtx, PWAIT,
				  "ring", limit),
			    0);
		ring.turn = ring.turn + 1;
		mtx_leave(&ring.mtx);
	}
	wakeup((const void *)&ring.turn);
}

static void
ring_thread(void *arg)
{
	uint32_t i = *(uint32_t *)arg;

	for (uint32_t r = 0; r < TURNS / ring.n; r++)
		ring_step(i);
}

static void
ring_run(uint32_t n, bool userw, bool timed)
{
	uint32_t index[8];

	mtx_init(&ring.mtx, LR_MISC, "ring");
	rw_init(&ring.rw, LR_PIPE, "ring");
	ring.turn = 0;
	ring.n = n;
	ring.userw = userw;
	ring.timed = timed;
	for (uint32_t i = 0; i < n; i++)
		index[i] = i;
	kt_parallel((int)n, ring_thread, index, sizeof(index[0]));
	KT_EQ(ring.turn, (uint64_t)n * (TURNS / n));
}

/* A lost wakeup would stop the token for ever. */
KTEST(wakeup_never_lost)
{
	ring_run(2, false, false);
	ring_run(8, false, false);
	ring_run(2, false, true);
	ring_run(3, true, false);
}

/* Woken, timed out, about to sleep: [a] atomic */
static volatile int once[3];

static void
sleep_once(void *arg)
{
	int error;

	atomic_add(&once[2], 1);
	error = tsleep((const void *)once, PWAIT, "once", 2000000000);
	atomic_add(&once[error == 0 ? 0 : 1], 1);
}

static void
once_reaches(int woken)
{
	for (int i = 0; i < 1000 && atomic_load(&once[0]) < woken; i++)
		kt_sleep_ms(1);
	kt_sleep_ms(20);
	KT_EQ(once[0], woken);
}

KTEST(wakeup_n_counts)
{
	struct kt_thread *t[6];

	memset((void *)(uintptr_t)once, 0, sizeof(once));
	for (int i = 0; i < 6; i++)
		t[i] = kt_spawn(sleep_once, NULL, 0);
	while (atomic_load(&once[2]) < 6)
		kt_sleep_ms(1);
	kt_sleep_ms(50);
	wakeup_one((const void *)once);
	once_reaches(1);
	wakeup_n((const void *)once, 3);
	once_reaches(4);
	for (int i = 0; i < 6; i++)
		kt_join(t[i]);
	KT_EQ(once[0], 4);
	KT_EQ(once[1], 2);
}

KTEST(sleep_timeout)
{
	uint64_t start, took;
	int chan;

	for (uint64_t ns = 1; ns < 30000000; ns = ns * 7 + 1) {
		start = nsecuptime();
		KT_EQ(tsleep(&chan, PWAIT, "timeout", ns), EWOULDBLOCK);
		took = nsecuptime() - start;
		KT_CHECK(took >= ns);
		/* An emulator's host may be busy; a tick late is too late
		   only if it always is. */
		KT_CHECK(took < ns + 2000000000UL);
	}
}

/* The end of a sleep is not bound to the tick. */
KTEST(sleep_precision)
{
	uint64_t start, best = INFSLP;
	int chan;

	for (int i = 0; i < 20; i++) {
		start = nsecuptime();
		tsleep(&chan, PWAIT, "precise", 1000000);
		best = MIN(best, nsecuptime() - start);
	}
	KT_RANGE(best, 1000000, 4000000);
}

static void
never_woken(void *arg)
{
	KT_EQ(tsleep(arg, PWAIT, "both", 1000000), EWOULDBLOCK);
}

/* Timeouts and wakeups that race: each sleep ends exactly once. */
static void
racer_sleeper(void *arg)
{
	volatile int *p = arg;
	int error;

	for (int i = 0; i < 500; i++) {
		error = tsleep(arg, PWAIT, "race", 20000 + (uint64_t)i * 100);
		KT_CHECK(error == 0 || error == EWOULDBLOCK);
		KT_CHECK(curproc->p_wchan == NULL);
	}
	*p = 1;
}

static void
racer_waker(void *arg)
{
	volatile int *p = arg;
	uint64_t until;

	while (*p == 0) {
		wakeup(arg);
		until = nsecuptime() + 25000;
		while (nsecuptime() < until)
			cpu_spinwait();
		yield();
	}
}

KTEST(sleep_race)
{
	volatile int done = 0;
	struct kt_thread *a, *b;

	never_woken((void *)(uintptr_t)&done);
	a = kt_spawn(racer_sleeper, (void *)(uintptr_t)&done, 1);
	b = kt_spawn(racer_waker, (void *)(uintptr_t)&done, 2);
	kt_join(a);
	kt_join(b);
}

/* -- Scheduling ---------------------------------------------------------------------- */

static void
where_am_i(void *arg)
{
	uint32_t mask = (uint32_t)curproc->p_cpumask;

	for (int i = 0; i < 50; i++) {
		KT_CHECK((mask & (1U << curcpu()->ci_index)) != 0);
		if (i % 3 == 0)
			kt_sleep_ms(1);
		else
			yield();
	}
}

KTEST(sched_affinity)
{
	struct kt_thread *t[2 * MAXCPUS];

	for (u_int i = 0; i < 2 * ncpus; i++)
		t[i] = kt_spawn(where_am_i, NULL, 1UL << (i % ncpus));
	for (u_int i = 0; i < 2 * ncpus; i++)
		kt_join(t[i]);
	for (u_int i = 0; i < ncpus; i++) {
		kt_pin(i);
		KT_EQ(curcpu()->ci_index, i);
	}
	kt_unpin();
}

static struct kt_barrier all_harts;

static void
meet(void *arg)
{
	*(uint32_t *)arg = curcpu()->ci_index;
	kt_barrier_wait(&all_harts);
}

/*
 * One thread per hart, none pinned: they can only meet quickly if they spread.
 */
KTEST(sched_spread)
{
	struct kt_thread *t[MAXCPUS];
	uint32_t where[MAXCPUS], n = ncpus;

	kt_barrier_init(&all_harts, n + 1);
	for (uint32_t i = 0; i < n; i++)
		t[i] = kt_spawn(meet, &where[i], 0);
	kt_barrier_wait(&all_harts);
	for (uint32_t i = 0; i < n; i++)
		kt_join(t[i]);
}

static void
burn(void *arg)
{
	uint64_t end = nsecuptime() + 60000000;

	while (nsecuptime() < end)
		cpu_spinwait();
	*(uint32_t *)arg = curcpu()->ci_index;
}

/*
 * Threads queued behind one that keeps its hart are stolen by idle harts.
 */
KTEST(sched_steal)
{
	struct kt_thread *t[4];
	uint32_t where[4];
	uint64_t start, took;

	if (ncpus < 2) {
		kt_skip("one hart");
		return;
	}
	kt_pin(0);
	start = nsecuptime();
	for (int i = 0; i < 4; i++)
		t[i] = kt_spawn(burn, &where[i], 0);
	for (int i = 0; i < 4; i++)
		kt_join(t[i]);
	took = nsecuptime() - start;
	kt_unpin();
	KT_CHECK(where[0] != where[1] || where[1] != where[2] ||
	    where[2] != where[3]);
	KT_CHECK(took < 2000000000UL);
}

/* swtch moves by one for each change of the running thread, and only then. */
KTEST(sched_swtch)
{
	struct uvmexp s;

	kt_pin(0);
	kt_sleep_ms(20);
	KT_SNAP(&s);
	for (int i = 0; i < 100; i++)
		yield(); /* alone: back to the same thread */
	KT_RANGE(KT_DELTA(&s, swtch), 0, 40);
	KT_SNAP(&s);
	for (int i = 0; i < 10; i++)
		kt_sleep_ms(1);
	KT_CHECK(KT_DELTA(&s, swtch) >= 20);
	kt_unpin();
}

static void
nothing(void *arg)
{
}

/* Dead threads' memory is used again, and given back when asked for. */
KTEST(thread_reuse)
{
	struct uvmexp s;

	KT_SNAP(&s);
	for (int i = 0; i < 50; i++)
		kt_join(kt_spawn(nothing, NULL, 0));
	KT_EQ(KT_DELTA(&s, forks), 50);
	kt_sleep_ms(20);
	KT_CHECK(thread_cache_count() > 0);
	thread_cache_drain();
	KT_CHECK(thread_cache_count() <= 1);
}
