/*
 * Timeouts: a pairing heap per hart, ordered by due time.
 *
 * The heap needs no memory of its own, arming is O(1), disarming O(log n)
 * amortised.  A timeout stays with the hart that armed it; it may be armed
 * again from anywhere.  to_cpu changes only while the timeout is neither armed
 * nor running, with the lock of the old hart's queue held, so whoever locks the
 * queue of to_cpu and finds to_cpu unchanged owns the timeout.
 *
 * The hardware timer has one alarm per hart, and setting it may cost a call
 * into the firmware: it is left alone when it would go off early enough
 * anyway, and a timeout that is disarmed leaves its alarm behind.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>
#include <kern/clock.h>

static struct timerq timerqs[MAXCPUS]; /* see struct timerq */

/* => boot hart, once, before any timeout is armed */
void
timeout_init(void)
{
	struct timerq *tq;

	for (u_int i = 0; i < MAXCPUS; i++) {
		tq = &timerqs[i];
		mtx_init(&tq->tq_mtx, LR_TIMEOUT, "timeout");
		tq->tq_alarm = INFSLP;
		cpu_info_store[i].ci_timer = tq;
	}
}

/* -- Pairing heap; queue locked --------------------------------------------------- */

/* => root of the two heaps (neither NULL) */
static struct timeout *
heap_meld(struct timeout *a, struct timeout *b)
{
	struct timeout *t;

	if (b->to_when < a->to_when) {
		t = a;
		a = b;
		b = t;
	}
	b->to_next = a->to_child;
	if (b->to_next != NULL)
		b->to_next->to_prev = b;
	b->to_prev = a;
	a->to_child = b;
	a->to_next = a->to_prev = NULL;
	return a;
}

/*
 * Make one heap of a list of siblings: pairs from the left, then everything
 * onto the last, which is what keeps the cost logarithmic.
 * => root, or NULL
 */
static struct timeout *
heap_meld_siblings(struct timeout *first)
{
	struct timeout *done = NULL, *a, *b;

	while ((a = first) != NULL) {
		b = a->to_next;
		first = b != NULL ? b->to_next : NULL;
		if (b != NULL)
			a = heap_meld(a, b);
		a->to_next = done;
		done = a;
	}
	if (done == NULL)
		return NULL;
	a = done;
	b = a->to_next;
	a->to_next = a->to_prev = NULL;
	while (b != NULL) {
		done = b->to_next;
		a = heap_meld(a, b);
		b = done;
	}
	return a;
}

static void
heap_insert(struct timerq *tq, struct timeout *to)
{
	to->to_child = to->to_next = to->to_prev = NULL;
	to->to_armed = 1;
	tq->tq_root = tq->tq_root == NULL ? to : heap_meld(tq->tq_root, to);
}

static void
heap_remove(struct timerq *tq, struct timeout *to)
{
	struct timeout *sub = heap_meld_siblings(to->to_child);

	to->to_armed = 0;
	if (to == tq->tq_root) {
		tq->tq_root = sub;
		return;
	}
	if (to->to_prev->to_child == to)
		to->to_prev->to_child = to->to_next;
	else
		to->to_prev->to_next = to->to_next;
	if (to->to_next != NULL)
		to->to_next->to_prev = to->to_prev;
	if (sub != NULL)
		tq->tq_root = heap_meld(tq->tq_root, sub);
}

/* -- Arming -------------------------------------------------------------------------- */

void
timeout_set(struct timeout *to, void (*fn)(void *), void *arg)
{
	to->to_fn = fn;
	to->to_arg = arg;
	to->to_cpu = curcpu();
	to->to_armed = 0;
}

/* => the timeout's queue, locked */
static struct timerq *
timeout_lock(struct timeout *to)
{
	struct cpu_info *ci;
	struct timerq *tq;

	for (;;) {
		ci = to->to_cpu;
		tq = ci->ci_timer;
		mtx_enter(&tq->tq_mtx);
		if (to->to_cpu == ci)
			return tq;
		mtx_leave(&tq->tq_mtx);
	}
}

/*
 * See that the alarm of the hart whose queue is tq goes off in time for its
 * first timeout.
 * => tq locked
 */
static void
timerq_update(struct timerq *tq)
{
	struct cpu_info *ci = &cpu_info_store[tq - timerqs];

	if (ci == curcpu())
		clock_alarm(tq, tq->tq_root->to_when);
	else if (tq->tq_root->to_when < tq->tq_alarm)
		cpu_ipi(ci, IPI_TIMER);
}

bool
timeout_add_abs(struct timeout *to, uint64_t uptime)
{
	struct timerq *tq = timeout_lock(to);
	bool armed = to->to_armed;

	KASSERT(to->to_fn != NULL);
	if (armed) {
		heap_remove(tq, to);
	} else if (to->to_cpu != curcpu() && tq->tq_running != to) {
		to->to_cpu = curcpu();
		mtx_leave(&tq->tq_mtx);
		tq = timeout_lock(to);
		if (to->to_armed) { /* somebody else was faster */
			armed = true;
			heap_remove(tq, to);
		}
	}
	to->to_when = uptime;
	heap_insert(tq, to);
	if (tq->tq_root == to)
		timerq_update(tq);
	mtx_leave(&tq->tq_mtx);
	return armed;
}

bool
timeout_add_nsec(struct timeout *to, uint64_t nsecs)
{
	uint64_t now = nsecuptime();

	return timeout_add_abs(
	    to, nsecs < INFSLP - now ? now + nsecs : INFSLP - 1);
}

bool
timeout_del(struct timeout *to)
{
	struct timerq *tq;
	bool armed;

	if (to->to_fn == NULL)
		return false;
	tq = timeout_lock(to);
	armed = to->to_armed;
	if (armed)
		heap_remove(tq, to);
	mtx_leave(&tq->tq_mtx);
	return armed;
}

bool
timeout_del_barrier(struct timeout *to)
{
	struct timerq *tq;
	bool armed = timeout_del(to), running;

	if (to->to_fn == NULL)
		return false;
	KASSERT(curcpu()->ci_intrdepth == 0);
	do {
		tq = timeout_lock(to);
		running = tq->tq_running == to;
		mtx_leave(&tq->tq_mtx);
		if (running)
			cpu_spinwait();
	} while (running);
	return armed;
}

/*
 * Run what is due on this hart.
 * => interrupt context; now is the uptime
 */
void
timeout_run(struct timerq *tq, uint64_t now)
{
	struct timeout *to;

	mtx_enter(&tq->tq_mtx);
	while ((to = tq->tq_root) != NULL && to->to_when <= now) {
		heap_remove(tq, to);
		tq->tq_running = to;
		mtx_leave(&tq->tq_mtx);
		to->to_fn(to->to_arg);
		mtx_enter(&tq->tq_mtx);
		tq->tq_running = NULL;
	}
	mtx_leave(&tq->tq_mtx);
}

/* => when the first timeout of tq is due; INFSLP: there is none */
uint64_t
timeout_first(struct timerq *tq)
{
	uint64_t when;

	mtx_enter(&tq->tq_mtx);
	when = tq->tq_root != NULL ? tq->tq_root->to_when : INFSLP;
	mtx_leave(&tq->tq_mtx);
	return when;
}
