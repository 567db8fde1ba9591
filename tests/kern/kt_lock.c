/* Mutexes, rwlocks, and the lock-order checker. */
#include <sys/ktest.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>

#define NTHREADS 8

/* Locks used to protect members: m mtx, w rw for writing, a atomic */
static struct {
	struct mutex mtx;
	struct rwlock rw;
	struct kt_barrier barrier;
	volatile uint64_t count; /* [m] or [w] */
	volatile uint64_t copy; /* [m] or [w] always equal to count */
	volatile int inside; /* [a] readers in the lock */
	volatile int maxinside; /* [a] most at once */
	volatile uint64_t reads, writes; /* [a] */
} lk;

static void
lk_reset(uint32_t n)
{
	memset((void *)&lk, 0, sizeof(lk));
	mtx_init(&lk.mtx, LR_MISC, "test mutex");
	rw_init(&lk.rw, LR_PIPE, "test rwlock");
	kt_barrier_init(&lk.barrier, n);
}

static void
mutex_hammer(void *arg)
{
	kt_barrier_wait(&lk.barrier);
	for (int i = 0; i < 20000; i++) {
		mtx_enter(&lk.mtx);
		KT_EQ(lk.count, lk.copy);
		lk.count = lk.count + 1;
		lk.copy = lk.copy + 1;
		mtx_leave(&lk.mtx);
	}
}

KTEST(mutex_contention)
{
	lk_reset(NTHREADS);
	kt_parallel(NTHREADS, mutex_hammer, NULL, 0);
	KT_EQ(lk.count, NTHREADS * 20000);
	KT_CHECK(!mtx_owned(&lk.mtx));
}

KTEST(mutex_interrupts)
{
	struct mutex inner = MUTEX_INITIALIZER(LR_SLEEPQ, "inner");

	lk_reset(1);
	KT_CHECK(intr_enabled());
	mtx_enter(&lk.mtx);
	KT_CHECK(!intr_enabled());
	KT_CHECK(mtx_owned(&lk.mtx));
	mtx_enter(&inner);
	KT_EQ(curcpu()->ci_mtxdepth, 2);
	mtx_leave(&lk.mtx);
	KT_CHECK(!intr_enabled());
	mtx_leave(&inner);
	KT_CHECK(intr_enabled());
	KT_EQ(curcpu()->ci_mtxdepth, 0);

	intr_disable();
	mtx_enter(&lk.mtx);
	mtx_leave(&lk.mtx);
	KT_CHECK(!intr_enabled());
	intr_enable();
}

static void
mutex_try_other(void *arg)
{
	*(int *)arg = mtx_enter_try(&lk.mtx);
	if (*(int *)arg)
		mtx_leave(&lk.mtx);
}

KTEST(mutex_try)
{
	struct kt_thread *t;
	int got = -1;

	lk_reset(1);
	KT_CHECK(mtx_enter_try(&lk.mtx));
	KT_CHECK(!mtx_enter_try(&lk.mtx));
	KT_EQ(curcpu()->ci_mtxdepth, 1);
	mtx_leave(&lk.mtx);
	t = kt_spawn(mutex_try_other, &got, 0);
	kt_join(t);
	KT_EQ(got, 1);
}

static void
mutex_twice(void *arg)
{
	mtx_enter(arg);
	mtx_enter(arg);
}

KTEST(mutex_recursion_panics)
{
	static struct mutex m;

	mtx_init(&m, LR_MISC, "twice");
	KT_PANICS(mutex_twice, &m, "twice");
	KT_CHECK(intr_enabled());
}

/* -- rwlocks -------------------------------------------------------------------- */

static void
rw_reader(void)
{
	int n, max;

	rw_enter_read(&lk.rw);
	n = atomic_add(&lk.inside, 1) + 1;
	while ((max = atomic_load(&lk.maxinside)) < n)
		if (atomic_cas(&lk.maxinside, &max, n))
			break;
	KT_EQ(rw_status(&lk.rw), RW_READ);
	KT_EQ(lk.count, lk.copy);
	if (kt_random() % 8 == 0)
		yield(); /* sleep with the lock held */
	KT_EQ(lk.count, lk.copy);
	atomic_add(&lk.inside, -1);
	rw_exit(&lk.rw);
}

static void
rw_writer(uint64_t r)
{
	rw_enter_write(&lk.rw);
	KT_EQ(rw_status(&lk.rw), RW_WRITE);
	KT_EQ(atomic_load(&lk.inside), 0);
	lk.count = lk.count + 1;
	if (r % 8 == 0)
		yield();
	lk.copy = lk.copy + 1;
	if (r % 4 == 1) {
		rw_downgrade(&lk.rw);
		KT_EQ(rw_status(&lk.rw), RW_READ);
		KT_EQ(lk.count, lk.copy);
	}
	rw_exit(&lk.rw);
}

static void
rw_upgrader(void)
{
	rw_enter_read(&lk.rw);
	if (rw_upgrade_try(&lk.rw)) {
		KT_EQ(atomic_load(&lk.inside), 0);
		lk.count = lk.count + 1;
		yield();
		lk.copy = lk.copy + 1;
	}
	KT_EQ(lk.count, lk.copy);
	rw_exit(&lk.rw);
}

static void
rw_hammer(void *arg)
{
	uint64_t state = kt_seed() + (uintptr_t)curproc, r;

	kt_barrier_wait(&lk.barrier);
	for (int i = 0; i < 4000; i++) {
		r = kt_random_r(&state);
		switch (r % 8) {
		case 0:
		case 1:
			rw_writer(r >> 8);
			break;
		case 2:
			rw_upgrader();
			break;
		case 3:
			if (rw_enter(&lk.rw, RW_READ | RW_NOSLEEP) == 0)
				rw_exit(&lk.rw);
			break;
		default:
			rw_reader();
			break;
		}
	}
}

KTEST(rwlock_hammer)
{
	lk_reset(NTHREADS);
	kt_parallel(NTHREADS, rw_hammer, NULL, 0);
	KT_EQ(lk.count, lk.copy);
	KT_CHECK(lk.count > 0);
	KT_CHECK(lk.maxinside > 1);
	KT_EQ(lk.rw.rwl_word, 0);
}

KTEST(rwlock_states)
{
	lk_reset(1);
	KT_EQ(rw_status(&lk.rw), 0);
	KT_EQ(rw_enter(&lk.rw, RW_READ), 0);
	KT_EQ(rw_status(&lk.rw), RW_READ);
	KT_EQ(rw_enter(&lk.rw, RW_WRITE | RW_NOSLEEP), EBUSY);
	KT_CHECK(rw_upgrade_try(&lk.rw));
	KT_CHECK(rw_write_held(&lk.rw));
	KT_EQ(rw_enter(&lk.rw, RW_READ | RW_NOSLEEP), EBUSY);
	rw_downgrade(&lk.rw);
	KT_EQ(rw_status(&lk.rw), RW_READ);
	rw_exit(&lk.rw);
	KT_EQ(rw_enter(&lk.rw, RW_WRITE | RW_NOSLEEP), 0);
	rw_exit(&lk.rw);
	KT_EQ(lk.rw.rwl_word, 0);
}

static void
rw_late_writer(void *arg)
{
	rw_enter_write(&lk.rw);
	*(int *)arg = 1;
	rw_exit(&lk.rw);
}

KTEST(rwlock_writer_preference)
{
	struct kt_thread *t;
	int wrote = 0;

	lk_reset(1);
	rw_enter_read(&lk.rw);
	t = kt_spawn(rw_late_writer, &wrote, 0);
	while ((atomic_load(&lk.rw.rwl_word) & RWL_WRWANT) == 0)
		yield();
	/* A writer waits, so nobody new may read. */
	KT_EQ(rw_enter(&lk.rw, RW_READ | RW_NOSLEEP), EBUSY);
	KT_CHECK(!wrote);
	rw_exit(&lk.rw);
	kt_join(t);
	KT_EQ(wrote, 1);
	KT_EQ(rw_enter(&lk.rw, RW_READ | RW_NOSLEEP), 0);
	rw_exit(&lk.rw);
}

static uint64_t fair_end; /* [I] uptime at which the threads give up */

/* => both sides have got through often enough, or never will */
static bool
fair_done(void)
{
	return (lk.reads >= 1000 && lk.writes >= 200) ||
	    nsecuptime() > fair_end;
}

static void
rw_fair_reader(void *arg)
{
	for (int i = 1; !fair_done(); i++) {
		rw_enter_read(&lk.rw);
		atomic_add(&lk.reads, 1);
		rw_exit(&lk.rw);
		if (i % 64 == 0)
			yield(); /* nobody preempts the kernel */
	}
}

static void
rw_fair_writer(void *arg)
{
	for (int i = 1; !fair_done(); i++) {
		rw_enter_write(&lk.rw);
		lk.writes = lk.writes + 1;
		rw_exit(&lk.rw);
		if (i % 64 == 0)
			yield();
	}
}

/* Readers in a row do not starve writers, nor writers readers. */
KTEST(rwlock_fairness)
{
	struct kt_thread *t[6];

	lk_reset(1);
	fair_end = nsecuptime() + 30000000000UL;
	for (int i = 0; i < 6; i++)
		t[i] = kt_spawn(i < 4 ? rw_fair_reader : rw_fair_writer, NULL,
		    1UL << ((u_int)i % ncpus));
	for (int i = 0; i < 6; i++)
		kt_join(t[i]);
	KT_CHECK(lk.reads >= 1000);
	KT_CHECK(lk.writes >= 200);
}

#ifdef DIAGNOSTIC
static void
rw_exit_unheld(void *arg)
{
	rw_exit_slow(arg);
}

KTEST(rwlock_bad_release_panics)
{
	lk_reset(1);
	KT_PANICS(rw_exit_unheld, &lk.rw, "does not hold");
}
#endif

#ifdef DEBUG
static void
order_violation(void *arg)
{
	struct mutex inner = MUTEX_INITIALIZER(LR_SLEEPQ, "inner lock");

	mtx_enter(&inner);
	mtx_enter(&lk.mtx);
}

static void
sleep_with_mutex(void *arg)
{
	mtx_enter(&lk.mtx);
	tsleep(&lk, PWAIT, "bad", 1000);
}

static void
rank_address_order(void *arg)
{
	struct mutex m[2] = { MUTEX_INITIALIZER(LR_MISC, "low"),
		MUTEX_INITIALIZER(LR_MISC, "high") };

	mtx_enter(&m[0]);
	mtx_enter(&m[1]);
	mtx_leave(&m[1]);
	mtx_leave(&m[0]);
	mtx_enter(&m[1]);
	mtx_enter(&m[0]);
}

static void
leave_with_lock(void *arg)
{
	mtx_enter(&lk.mtx);
	lockorder_assert_none("test");
}

KTEST(lockorder)
{
	lk_reset(1);
	KT_PANICS(order_violation, NULL, "inner lock");
	lk_reset(1);
	KT_PANICS(sleep_with_mutex, NULL, "test mutex");
	lk_reset(1);
	KT_PANICS(rank_address_order, NULL, "lock order");
	KT_PANICS(leave_with_lock, NULL, "test mutex");
	lk_reset(1);
}
#endif
