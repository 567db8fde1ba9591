/*
 * The scheduler: a run queue per hart.
 *
 * A thread runs until it sleeps, yields, or is on its way back to user mode
 * with ci_resched set.  The run queue lock of a hart is held over the switch:
 * the thread that leaves takes it, the thread that arrives releases it.
 *
 * p_oncpu is 1 from the moment a thread is chosen until its successor on that
 * hart runs, that is, until its registers are saved.  A thread with p_oncpu
 * set is queued on no other hart's queue than the one it is on, and stealing
 * passes it over; so no hart ever resumes a context that is still in use.
 * setrunnable() reads p_oncpu with acquire, switch_finish() clears it with
 * release.
 *
 * An idle hart looks at its queue with interrupts off and then waits for an
 * interrupt; one that is pending ends the wait.  Whoever queues a thread does it
 * with the hart's queue locked, under which ss_curpri says that the hart is
 * idle, and sends the interrupt before letting go.  So no thread waits on the
 * queue of a sleeping hart.  sched_idlemask only helps to choose: the waker
 * that takes an idle hart's bit has it for itself until it is idle again.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/ktrace.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>
#include <uvm/uvm_extern.h>
#include <pmap/pmap.h>
#include <kern/lockorder.h>
#include <kern/sched.h>

static struct schedstate schedstates[MAXCPUS]; /* see struct schedstate */
static volatile uint32_t sched_idlemask; /* [a] harts that have no work */

#define CPU_BIT(ci) (1U << (ci)->ci_index)

/* -- Run queues ---------------------------------------------------------------- */

/*
 * => run queue lock held, p on no queue
 */
static inline void
runq_insert(struct schedstate *ss, struct proc *p, bool head)
{
	uint32_t q = p->p_priority / SCHED_PPQ;

	if (head)
		TAILQ_INSERT_HEAD(&ss->ss_queue[q], p, p_runq);
	else
		TAILQ_INSERT_TAIL(&ss->ss_queue[q], p, p_runq);
	ss->ss_bits |= 1U << q;
	ss->ss_nrun = ss->ss_nrun + 1;
	p->p_stat = SRUN;
}

static inline void
runq_remove(struct schedstate *ss, struct proc *p, uint32_t q)
{
	TAILQ_REMOVE(&ss->ss_queue[q], p, p_runq);
	if (TAILQ_EMPTY(&ss->ss_queue[q]))
		ss->ss_bits &= ~(1U << q);
	ss->ss_nrun = ss->ss_nrun - 1;
}

/*
 * Take the best thread off the queue.
 * => run queue lock held; NULL: empty
 */
static inline struct proc *
runq_take(struct schedstate *ss)
{
	struct proc *p;
	uint32_t q;

	if (ss->ss_bits == 0)
		return NULL;
	q = sched_ffs(ss->ss_bits);
	p = TAILQ_FIRST(&ss->ss_queue[q]);
	runq_remove(ss, p, q);
	return p;
}

/* -- Switching ------------------------------------------------------------------ */

/* => returns this hart's run queue, locked */
struct schedstate *
sched_lock(void)
{
	struct schedstate *ss = curcpu()->ci_sched;

	mtx_enter(&ss->ss_mtx);
	return ss;
}

/*
 * What the arriving thread does for the one that left.
 * => run queue lock of this hart held; released on return
 */
static inline void
switch_finish(void)
{
	struct schedstate *ss = curcpu()->ci_sched;
	struct proc *prev = ss->ss_prev;
	int stat = prev->p_stat;

	atomic_store_rel(&prev->p_oncpu, 0);
	mtx_leave(&ss->ss_mtx);
	if (__predict_false(stat == SDEAD))
		thread_dead(prev);
	else if (__predict_false(stat == SIDL))
		setrunnable(prev);
}

/*
 * Account for old and make next the hart's thread, all but the registers.
 * => run queue lock held
 */
static inline void
switch_prepare(struct cpu_info *ci, struct schedstate *ss, struct proc *old,
    struct proc *next)
{
	uint64_t now = nsecuptime();

	old->p_runtime += now - old->p_lastrun;
	old->p_lastrun = next->p_lastrun = now;
	TRACE_AT(now, "switch", old, next);
	if (__predict_false(old == ci->ci_idleproc)) {
		ci->ci_idle_ns = old->p_runtime;
		clock_unidle(ci);
	}
	ss->ss_prev = old;
	ss->ss_curpri =
	    (next->p_flag & P_IDLE) != 0 ? PRI_IDLE : next->p_usrpri;
	next->p_priority = next->p_usrpri;
	next->p_stat = SONPROC;
	next->p_oncpu = 1;
	next->p_cpu = ci;
	ci->ci_curproc = next;
	ci->ci_resched = 0;
	ci->ci_uvmexp.swtch++;
	if ((next->p_flag & P_KTHREAD) == 0 &&
	    next->p_vmspace->vm_map.pmap != ci->ci_curpmap)
		pmap_activate(next);
}

void
mi_switch(void)
{
	struct proc *p = curproc, *next;
	struct cpu_info *ci = curcpu();
	struct schedstate *ss = ci->ci_sched;

	KASSERT(ci->ci_mtxdepth == 1 && ci->ci_intrdepth == 0);
	next = runq_take(ss);
	if (next == NULL)
		next = p->p_stat == SONPROC ? p : ci->ci_idleproc;
	if (next == p) {
		p->p_stat = SONPROC;
		p->p_priority = p->p_usrpri;
		ci->ci_resched = 0;
		mtx_leave(&ss->ss_mtx);
		return;
	}
	switch_prepare(ci, ss, p, next);
	cpu_switchto(p, next);
	switch_finish();
}

void
sched_thread_start(void)
{
	switch_finish();
	intr_enable();
}

/* -- Placement -------------------------------------------------------------------- */

/* => harts p may run on that are running; never empty */
static inline uint32_t
sched_allowed(const struct proc *p)
{
	uint32_t online = (1U << ncpus) - 1;
	uint32_t mask = (uint32_t)p->p_cpumask & online;

	return mask != 0 ? mask : online;
}

/*
 * Claim an idle hart out of mask: nobody else will be sent to it, and the
 * caller must interrupt it.
 * => hart, or NULL
 */
static struct cpu_info *
sched_claim_idle(uint32_t mask)
{
	uint32_t idle, bit;

	while ((idle = atomic_load(&sched_idlemask) & mask) != 0) {
		bit = idle & -idle;
		if (atomic_and_acq_rel(&sched_idlemask, ~bit) & bit)
			return &cpu_info_store[sched_ffs(bit)];
	}
	return NULL;
}

/* => hart out of mask with the shortest queue, `first' among equals */
static struct cpu_info *
sched_least_loaded(uint32_t mask, struct cpu_info *first)
{
	struct cpu_info *ci, *best = mask & CPU_BIT(first) ? first : NULL;

	CPU_FOREACH (ci)
		if ((mask & CPU_BIT(ci)) != 0 &&
		    (best == NULL ||
			ci->ci_sched->ss_nrun < best->ci_sched->ss_nrun))
			best = ci;
	return best;
}

/*
 * Where shall p run?  Its last hart if that is idle; or if that is this one
 * and has nothing else queued, since the waker is likely to sleep soon and its
 * cache holds what the two share; else an idle hart; else its last hart.
 */
static struct cpu_info *
sched_choose(struct proc *p)
{
	struct cpu_info *last = p->p_cpu, *ci;
	uint32_t mask;

	if (atomic_load_acq(&p->p_oncpu) || ncpus == 1)
		return last;
	mask = sched_allowed(p);
	if ((mask & CPU_BIT(last)) != 0) {
		if (sched_claim_idle(CPU_BIT(last)) != NULL)
			return last;
		if (p->p_stat != SIDL && last == curcpu() &&
		    last->ci_sched->ss_nrun == 0)
			return last;
	}
	ci = sched_claim_idle(mask);
	if (ci != NULL)
		return ci;
	if (p->p_stat != SIDL && (mask & CPU_BIT(last)) != 0)
		return last;
	return sched_least_loaded(mask, last);
}

/*
 * A thread of priority pri was queued on ci: see that the hart notices.
 * => its run queue is locked
 * => TRUE: it is to be interrupted.  That takes time, and the first thing it
 *    does is to take the lock: so not while this hart has it
 */
static inline bool
sched_kick(struct cpu_info *ci, uint32_t pri)
{
	if (pri >= ci->ci_sched->ss_curpri)
		return false;
	ci->ci_resched = 1;
	return ci != curcpu();
}

/* Wakes the swapper: a thread wants its stack back. */
static struct softintr swapin_softintr;

/*
 * => p is to run, but has no stack, unless sched_swapin() is just giving it
 *    back: TRUE: that will make it run
 */
static __noinline bool
wants_stack(struct proc *p)
{
	if (atomic_or_acq_rel(&p->p_flag, P_SWAPRUN) & P_INMEM) {
		atomic_and(&p->p_flag, ~(uint32_t)P_SWAPRUN);
		return false;
	}
	softintr_schedule(&swapin_softintr);
	return true;
}

void
sched_swapin(struct proc *p)
{
	if (atomic_or_acq_rel(&p->p_flag, P_INMEM) & P_SWAPRUN) {
		atomic_and(&p->p_flag, ~(uint32_t)P_SWAPRUN);
		setrunnable(p);
	}
}

void
setrunnable(struct proc *p)
{
	struct cpu_info *ci;
	struct schedstate *ss;
	uint32_t pri = p->p_priority;
	bool interrupt;

	if (__predict_false((p->p_flag & P_INMEM) == 0) && wants_stack(p))
		return;
	ci = sched_choose(p);
	ss = ci->ci_sched;
	mtx_enter(&ss->ss_mtx);
	p->p_slptime = 0;
	p->p_cpu = ci;
	runq_insert(ss, p, false);
	interrupt = sched_kick(ci, pri);
	mtx_leave(&ss->ss_mtx);
	if (interrupt)
		cpu_ipi(ci, IPI_RESCHED);
}

/*
 * Give the hart away with p runnable.
 * => thread context, no mutex held; p_priority says which queue p goes to
 */
static void
sched_requeue(struct schedstate *ss, struct proc *p, bool head)
{
	if (__predict_false((sched_allowed(p) & CPU_BIT(p->p_cpu)) == 0))
		p->p_stat = SIDL; /* switch_finish() finds it another hart */
	else
		runq_insert(ss, p, head);
	mi_switch();
}

/*
 * Behind everyone who is queued, whatever their priority: who spins for a
 * thread of lower priority must not keep it from running.
 */
void
yield(void)
{
	struct proc *p = curproc;
	struct schedstate *ss;
	uint32_t q = SCHED_NQS - 1;

	lockorder_assert_cansleep("yield", 0);
	p->p_ru_nvcsw++;
	ss = sched_lock();
	while (q > p->p_usrpri / SCHED_PPQ && (ss->ss_bits >> q & 1) == 0)
		q--;
	p->p_priority = (uint8_t)MAX(p->p_usrpri, q * SCHED_PPQ);
	sched_requeue(ss, p, false);
}

void
preempt(void)
{
	struct proc *p = curproc;
	struct schedstate *ss;
	bool expired = p->p_timeslice == 0;

	lockorder_assert_cansleep("preempt", 0);
	p->p_ru_nivcsw++;
	if (expired)
		p->p_timeslice = SCHED_SLICE;
	ss = sched_lock();
	p->p_priority = p->p_usrpri;
	sched_requeue(ss, p, !expired);
}

void
sched_setaffinity(struct proc *p, uint64_t mask)
{
	struct cpu_info *ci = p->p_cpu;

	KASSERT((mask & ((1U << ncpus) - 1)) != 0);
	p->p_cpumask = mask;
	membar_sync();
	if ((mask & CPU_BIT(ci)) != 0)
		return;
	ci->ci_resched = 1;
	if (ci != curcpu())
		cpu_ipi(ci, IPI_RESCHED);
}

void
sched_exit(void)
{
	struct proc *p = curproc;

	lockorder_assert_none("sched_exit");
	cpu_fp_discard(p);
	sched_lock();
	p->p_stat = SDEAD;
	mi_switch();
	panic("thread %d runs after its end", p->p_tid);
}

/* -- Idle harts ---------------------------------------------------------------------- */

/*
 * A thread of ss that may run on the harts in mask and whose registers are
 * saved, taken off the queue.
 * => ss locked; NULL: none
 */
static struct proc *
runq_steal(struct schedstate *ss, uint32_t mask)
{
	uint32_t bits = ss->ss_bits, q;
	struct proc *p;

	for (; bits != 0; bits &= bits - 1) {
		q = sched_ffs(bits);
		TAILQ_FOREACH (p, &ss->ss_queue[q], p_runq) {
			if (p->p_oncpu || (sched_allowed(p) & mask) == 0)
				continue;
			runq_remove(ss, p, q);
			p->p_stat = SIDL; /* on no queue, for a moment */
			return p;
		}
	}
	return NULL;
}

/*
 * Take a thread from another hart's queue to ours.
 * => idle thread, interrupts off; TRUE: got one
 */
static bool
sched_steal(struct cpu_info *self)
{
	struct schedstate *ss;
	struct cpu_info *ci;
	struct proc *p;

	CPU_FOREACH (ci) {
		ss = ci->ci_sched;
		if (ci == self || ss->ss_nrun == 0 ||
		    !mtx_enter_try(&ss->ss_mtx))
			continue;
		p = runq_steal(ss, CPU_BIT(self));
		if (p != NULL)
			p->p_cpu = self;
		mtx_leave(&ss->ss_mtx);
		if (p == NULL)
			continue;
		ss = sched_lock();
		runq_insert(ss, p, false);
		mtx_leave(&ss->ss_mtx);
		return true;
	}
	return false;
}

/*
 * Nothing to run: zero pages, steal, wait for an interrupt.
 * => idle thread; returns when there is a thread on the queue
 */
static void
sched_idle_wait(struct cpu_info *ci)
{
	struct schedstate *ss = ci->ci_sched;

	while (ss->ss_nrun == 0) {
		ci->ci_resched = 0;
		atomic_or_acq_rel(&sched_idlemask, CPU_BIT(ci));
		membar_sync();
		uvm_pageidlezero();
		if ((atomic_load(&pool_drain_mask) & CPU_BIT(ci)) != 0)
			pool_drain_cpu();
		intr_disable();
		if (ss->ss_nrun == 0 && !ci->ci_resched && !sched_steal(ci))
			cpu_idle();
		intr_enable();
	}
	atomic_and_acq_rel(&sched_idlemask, ~CPU_BIT(ci));
}

static void sched_idle_loop(struct cpu_info *ci) __dead;
static void
sched_idle_loop(struct cpu_info *ci)
{
	for (;;) {
		sched_idle_wait(ci);
		sched_lock();
		mi_switch();
	}
}

static void
sched_idle_thread(void *arg)
{
	sched_thread_start();
	sched_idle_loop(arg);
}

/* -- The clock ------------------------------------------------------------------------- */

/*
 * User priority from recent use and nice value.
 */
static uint8_t
sched_usrpri(const struct proc *p)
{
	int pri = PUSER + (int)MIN(p->p_estcpu / 4, 50) + 2 * p->p_nice;

	return (uint8_t)MAX(PUSER, MIN(pri, MAXPRI));
}

void
sched_setnice(struct proc *p, int8_t nice)
{
	p->p_nice = nice;
	p->p_usrpri = sched_usrpri(p);
}

void
sched_tick(struct cpu_info *ci, bool usermode)
{
	struct proc *p = ci->ci_curproc;
	struct schedstate *ss = ci->ci_sched;
	struct cpu_info *idle;

	if (p == ci->ci_idleproc)
		return;
	if (p->p_estcpu < UINT16_MAX)
		p->p_estcpu++;
	p->p_usrpri = sched_usrpri(p);
	ss->ss_curpri = p->p_usrpri;
	if (p->p_timeslice > 0)
		p->p_timeslice--;
	if (ss->ss_nrun == 0)
		return;
	if (p->p_timeslice == 0)
		ci->ci_resched = 1;
	idle = sched_claim_idle(((1U << ncpus) - 1) & ~CPU_BIT(ci));
	if (idle != NULL) {
		idle->ci_resched = 1;
		cpu_ipi(idle, IPI_RESCHED);
	}
}

/*
 * A thread's priority gets better while it waits for a hart, so its place in
 * the queue does: else those who share the hart well enough to stay before it
 * would keep it waiting for ever.  Who has waited for a second goes first.
 * => ps_lock held
 */
static void
sched_advance(struct proc *p)
{
	struct cpu_info *ci = p->p_cpu;
	struct schedstate *ss = ci->ci_sched;
	bool starves = nsecuptime() - p->p_lastrun >= 1000000000UL;
	uint8_t pri = starves ? PUSER : p->p_usrpri;
	bool interrupt = false;

	mtx_enter(&ss->ss_mtx);
	if (p->p_stat == SRUN && p->p_cpu == ci && pri < p->p_priority) {
		runq_remove(ss, p, p->p_priority / SCHED_PPQ);
		p->p_priority = pri;
		runq_insert(ss, p, false);
		interrupt = sched_kick(ci, pri);
	}
	mtx_leave(&ss->ss_mtx);
	if (interrupt)
		cpu_ipi(ci, IPI_RESCHED);
}

/*
 * One second has passed for thread p.
 * => ps_lock held; the counters are statistics: a lost update does no harm
 */
static void
sched_decay(struct proc *p)
{
	if (p->p_swtime < UINT32_MAX)
		p->p_swtime++;
	if (p->p_stat == SSLEEP || p->p_stat == SSTOP) {
		if (p->p_slptime < UINT16_MAX)
			p->p_slptime++;
	}
	p->p_estcpu /= 2;
	p->p_usrpri = sched_usrpri(p);
	if (p->p_stat == SRUN)
		sched_advance(p);
}

static void
sched_second(void)
{
	struct process *pr;
	struct proc *p;

	rw_enter_read(&proctree_lock);
	LIST_FOREACH (pr, &allprocess, ps_list) {
		rw_enter_read(&pr->ps_lock);
		TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link)
			sched_decay(p);
		rw_exit(&pr->ps_lock);
	}
	rw_exit(&proctree_lock);
	uvm_meter();
}

static void
sched_second_thread(void *arg)
{
	for (;;) {
		tsleep(&schedstates, PWAIT, "second", 1000000000UL);
		sched_second();
	}
}

void
sched_start_threads(void)
{
	int error;

	thread_start_reaper();
	error = kthread_create(sched_second_thread, NULL, NULL, "second");
	if (error != 0)
		panic("no memory for the scheduler's thread");
}

int
sched_nrunnable(void)
{
	struct cpu_info *ci;
	int n = 0;

	CPU_FOREACH (ci) {
		n += (int)ci->ci_sched->ss_nrun;
		if (ci->ci_curproc != ci->ci_idleproc)
			n++;
	}
	return n;
}

/* -- Start --------------------------------------------------------------------------------- */

/*
 * => interrupts as they are; the idle thread does not run yet
 */
void
sched_cpu_prepare(struct cpu_info *ci)
{
	struct schedstate *ss = &schedstates[ci->ci_index];
	struct proc *p;

	mtx_init(&ss->ss_mtx, LR_RUNQ, "runq");
	for (u_int q = 0; q < SCHED_NQS; q++)
		TAILQ_INIT(&ss->ss_queue[q]);
	ss->ss_curpri = PRI_IDLE;
	ci->ci_sched = ss;
	p = thread_alloc(&process0, "idle");
	if (p == NULL)
		panic(
		    "no memory for the idle thread of hart %u", ci->ci_hartid);
	p->p_flag |= P_KTHREAD | P_IDLE;
	p->p_vmspace = proc0.p_vmspace;
	p->p_cpu = ci;
	p->p_cpumask = CPU_BIT(ci);
	p->p_priority = p->p_usrpri = MAXPRI;
	ci->ci_idleproc = p;
	ktrace_cpu_prepare(ci);
}

void
sched_init(void)
{
	struct cpu_info *ci = curcpu();

	thread_init();
	sleep_init();
	softintr_establish(&swapin_softintr, uvm_swapin_wanted, NULL);
	proc0.p_stat = SONPROC;
	proc0.p_oncpu = 1;
	proc0.p_lastrun = nsecuptime();
	ci->ci_curproc = &proc0;
	sched_cpu_prepare(ci);
	ci->ci_sched->ss_curpri = proc0.p_usrpri;
	cpu_thread_setup(ci->ci_idleproc, sched_idle_thread, ci);
	ci->ci_idleproc->p_stat = SIDL;
}

/*
 * => idle thread of ci, on its stack, interrupts off
 */
void
sched_cpu_start(struct cpu_info *ci)
{
	struct proc *p = ci->ci_idleproc;

	KASSERT(curproc == p && curcpu() == ci);
	p->p_stat = SONPROC;
	p->p_oncpu = 1;
	p->p_lastrun = nsecuptime();
	ci->ci_curproc = p;
	clock_cpu_start();
	intr_enable();
	sched_idle_loop(ci);
}
