/*
 * Sleep queues: threads that wait, hashed by what they wait for.
 *
 * Why no wakeup is lost: a sleeper puts itself on the queue (p_wchan set,
 * under the queue's lock) while it still holds the lock that protects its
 * condition, and only then releases that lock.  Whoever changes the condition
 * takes the same lock first, so when it calls wakeup() the sleeper is either
 * on the queue, or has not yet tested the condition and will see the change.
 * For waiters that test a word without a lock (rwlocks) the order is: on the
 * queue, then look at the word again; and for the waker: change the word,
 * full fence, look at the queue.  One of the two sees the other; wakeup()
 * begins with that fence, so it may skip the queue's lock when the queue is
 * empty.
 *
 * The sleeper still runs after it is queued.  A wakeup that comes before it
 * has switched away finds p_oncpu set and queues it on its own hart, where
 * nobody but that hart, in mi_switch(), takes it off again.
 *
 * A sleep ends exactly once: the one who takes the thread off the sleep queue,
 * under the queue's lock, writes p_wakeres and makes it runnable: wakeup() 0,
 * the timeout EWOULDBLOCK, a signal EINTR.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/mutant.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>
#include <kern/lockorder.h>
#include <kern/sched.h>

#define SLEEPQ_COUNT 128 /* power of two */
#ifndef WCHAN_NUMBER /* machine/curcpu.h may not want to use addresses */
#define WCHAN_NUMBER(ident) ((uintptr_t)(ident))
#endif

/*
 * Locks used to protect members:
 *	s	sq_mtx
 */
struct sleepq {
	struct mutex sq_mtx; /* LR_SLEEPQ */
	TAILQ_HEAD(, proc) sq_threads; /* [s] oldest first */
};

static struct sleepq sleepqs[SLEEPQ_COUNT];

static inline struct sleepq *
sleepq_of(const volatile void *ident)
{
	uintptr_t i = WCHAN_NUMBER(ident);

	return &sleepqs[((i >> 5) ^ (i >> 12)) & (SLEEPQ_COUNT - 1)];
}

/* => boot */
void
sleep_init(void)
{
	for (u_int i = 0; i < SLEEPQ_COUNT; i++) {
		mtx_init(&sleepqs[i].sq_mtx, LR_SLEEPQ, "sleepq");
		TAILQ_INIT(&sleepqs[i].sq_threads);
	}
}

/*
 * Take p off its queue, for reason res.
 * => queue locked and p on it; p is the caller's to make runnable
 */
static inline void
sleepq_remove(struct sleepq *sq, struct proc *p, int res)
{
	TAILQ_REMOVE(&sq->sq_threads, p, p_runq);
	p->p_wchan = NULL;
	p->p_wakeres = res;
}

/*
 * End p's sleep for reason res if it (still) sleeps and has all flags of need.
 * => p cannot go away; any context
 */
static void
sleepq_end(struct proc *p, int res, uint32_t need)
{
	const volatile void *ident;
	struct sleepq *sq;

	while ((ident = p->p_wchan) != NULL) {
		sq = sleepq_of(ident);
		mtx_enter(&sq->sq_mtx);
		if (p->p_wchan == ident) {
			if ((atomic_load(&p->p_flag) & need) == need) {
				sleepq_remove(sq, p, res);
				setrunnable(p);
			}
			mtx_leave(&sq->sq_mtx);
			return;
		}
		mtx_leave(&sq->sq_mtx);
	}
}

/*
 * Whoever wakes it holds the lock of the queue, so it either sees that there
 * is no stack or has taken p off the queue before.
 */
bool
sched_swapout(struct proc *p)
{
	const uint32_t held = MUTANT(SWAPOUT_HELD_STACK) ? 0 : P_STACKHELD;
	const volatile void *ident = p->p_wchan;
	struct sleepq *sq;
	bool out;

	if (ident == NULL)
		return false;
	sq = sleepq_of(ident);
	mtx_enter(&sq->sq_mtx);
	out = p->p_wchan == ident && atomic_load_acq(&p->p_oncpu) == 0 &&
	    (p->p_flag & (held | P_INMEM)) == P_INMEM;
	if (out)
		atomic_and(&p->p_flag, ~(uint32_t)P_INMEM);
	mtx_leave(&sq->sq_mtx);
	return out;
}

static void
sleep_timeout(void *arg)
{
	sleepq_end(arg, EWOULDBLOCK, 0);
}

void
sched_unsleep(struct proc *p)
{
	struct cpu_info *ci;

	/* Whoever posted the signal stored it before; see tsleep's look. */
	membar_sync();
	sleepq_end(p, EINTR, P_SINTR);
	ci = p->p_cpu;
	if (p->p_stat == SONPROC && ci != curcpu())
		cpu_ipi(ci, IPI_RESCHED);
}

/* -- Going to sleep ---------------------------------------------------------------- */

void
sleep_setup(const volatile void *ident, int priority, const char *wmesg)
{
	struct proc *p = curproc;
	struct sleepq *sq = sleepq_of(ident);

	KASSERT(ident != NULL && p->p_wchan == NULL);
	KASSERT((p->p_flag & P_IDLE) == 0);
	mtx_enter(&sq->sq_mtx);
	p->p_wmesg = wmesg;
	p->p_priority = priority & PRIMASK;
	p->p_stat = SSLEEP;
	p->p_wchan = ident;
	TAILQ_INSERT_TAIL(&sq->sq_threads, p, p_runq);
	mtx_leave(&sq->sq_mtx);
	membar_sync();
}

int
sleep_block(void)
{
	struct proc *p = curproc;

	lockorder_assert_cansleep(p->p_wmesg, 0);
	p->p_ru_nvcsw++;
	sched_lock();
	mi_switch();
	return p->p_wakeres;
}

/*
 * Was woken, or never mind: be a running thread again.
 */
void
sleep_cancel(void)
{
	struct proc *p = curproc;

	sleepq_end(p, 0, 0);
	sched_lock();
	mi_switch();
}

/*
 * The part after the interlock is released: timeout, signals, sleep.
 * => curproc is on a sleep queue; 0, EWOULDBLOCK, EINTR, ERESTART
 */
static int
sleep_interruptible(bool catch, uint64_t nsecs)
{
	struct proc *p = curproc;
	int res;

	if (nsecs != INFSLP) {
		if (__predict_false(p->p_sleep_to.to_fn == NULL))
			timeout_set(&p->p_sleep_to, sleep_timeout, p);
		timeout_add_nsec(&p->p_sleep_to, nsecs);
	}
	if (catch && sig_pending(p))
		sleepq_end(p, EINTR, 0);
	res = sleep_block();
	if (nsecs != INFSLP && res != EWOULDBLOCK)
		timeout_del_barrier(&p->p_sleep_to);
	if (catch)
		atomic_and(&p->p_flag, ~P_SINTR);
	if (res == EINTR) {
		res = sig_sleep_result(p);
	}
	return res;
}

static inline int
sleep_wait(int priority, uint64_t nsecs)
{
	bool catch = (priority & PCATCH) != 0;

	if (__predict_false(catch || nsecs != INFSLP))
		return sleep_interruptible(catch, nsecs);
	return sleep_block();
}

static inline void
sleep_prepare(const volatile void *ident, int priority, const char *wmesg)
{
	if ((priority & PCATCH) != 0)
		atomic_or(&curproc->p_flag, P_SINTR);
	sleep_setup(ident, priority, wmesg);
}

int
tsleep(
    const volatile void *ident, int priority, const char *wmesg, uint64_t nsecs)
{
	lockorder_assert_cansleep(wmesg, 0);
	sleep_prepare(ident, priority, wmesg);
	return sleep_wait(priority, nsecs);
}

int
msleep(const volatile void *ident, struct mutex *mtx, int priority,
    const char *wmesg, uint64_t nsecs)
{
	int error;

	lockorder_assert_cansleep(wmesg, 1);
	sleep_prepare(ident, priority, wmesg);
	mtx_leave(mtx);
	error = sleep_wait(priority, nsecs);
	if ((priority & PNORELOCK) == 0)
		mtx_enter(mtx);
	return error;
}

int
rwsleep(const volatile void *ident, struct rwlock *rwl, int priority,
    const char *wmesg, uint64_t nsecs)
{
	int held = rw_status(rwl), error;

	KASSERT(held != 0);
	lockorder_assert_cansleep(wmesg, 0);
	sleep_prepare(ident, priority, wmesg);
	rw_exit(rwl);
	error = sleep_wait(priority, nsecs);
	if ((priority & PNORELOCK) != 0)
		return error;
	if (held == RW_WRITE)
		rw_enter_write(rwl);
	else
		rw_enter_read(rwl);
	return error;
}

/* -- Waking ------------------------------------------------------------------------- */

void
wakeup_n(const volatile void *ident, int n)
{
	struct sleepq *sq = sleepq_of(ident);
	struct proc *p, *next;

	membar_sync();
	if (TAILQ_EMPTY(&sq->sq_threads))
		return;
	mtx_enter(&sq->sq_mtx);
	TAILQ_FOREACH_SAFE (p, &sq->sq_threads, p_runq, next) {
		if (p->p_wchan != ident)
			continue;
		sleepq_remove(sq, p, 0);
		setrunnable(p);
		if (--n == 0)
			break;
	}
	mtx_leave(&sq->sq_mtx);
}

void
wakeup(const volatile void *ident)
{
	wakeup_n(ident, -1);
}
