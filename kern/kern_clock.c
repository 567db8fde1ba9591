/*
 * The clock: the timer interrupt, the tick, the time of day.
 *
 * Every hart has a tick at HZ while it runs threads.  A tick that finds the
 * hart idle is the last one; the switch to a thread starts it again.  So a hart
 * that is idle for less than a tick never touches its timer.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>
#include <kern/clock.h>

static volatile uint64_t wall_offset; /* [a] time of day minus uptime, ns */

uint64_t
nsecwall(void)
{
	uint64_t offset = atomic_load(&wall_offset);

	return nsecuptime() + offset;
}

void
set_wall(uint64_t nsecs)
{
	atomic_store(&wall_offset, nsecs - nsecuptime());
}

void
clock_alarm(struct timerq *tq, uint64_t when)
{
	if (when >= tq->tq_alarm)
		return;
	tq->tq_alarm = when;
	cpu_timer_arm(when);
}

/* => interrupts off */
static void
clock_start_tick(struct timerq *tq)
{
	tq->tq_ticking = true;
	tq->tq_nexttick = nsecuptime() + TICK_NSEC;
	clock_alarm(tq, tq->tq_nexttick);
}

void
clock_cpu_start(void)
{
	unsigned long s = intr_disable();

	clock_start_tick(curcpu()->ci_timer);
	intr_restore(s);
}

void
clock_unidle(struct cpu_info *ci)
{
	struct timerq *tq = ci->ci_timer;

	if (!tq->tq_ticking)
		clock_start_tick(tq);
}

/*
 * A tick: n ticks' worth of time belongs to whoever is running now.
 * => interrupt context
 */
static void
hardclock(struct cpu_info *ci, bool usermode, uint64_t n)
{
	struct proc *p = ci->ci_curproc;

	if ((pool_drain_mask & (1U << ci->ci_index)) != 0)
		pool_drain_cpu();
	if ((p->p_flag & P_IDLE) != 0)
		return;
	if (usermode)
		p->p_utime += n * TICK_NSEC;
	else
		p->p_stime += n * TICK_NSEC;
	sched_tick(ci, usermode);
}

static void
clock_tick(struct cpu_info *ci, struct timerq *tq, uint64_t now, bool usermode)
{
	uint64_t n = (now - tq->tq_nexttick) / TICK_NSEC + 1;

	hardclock(ci, usermode, n);
	if (ci->ci_curproc == ci->ci_idleproc)
		tq->tq_ticking = false;
	else
		tq->tq_nexttick += n * TICK_NSEC;
}

/* => interrupts off: the alarm for what comes next */
static void
clock_rearm(struct timerq *tq)
{
	uint64_t when = timeout_first(tq);

	if (tq->tq_ticking && tq->tq_nexttick < when)
		when = tq->tq_nexttick;
	clock_alarm(tq, when);
}

void
clock_intr(struct trapframe *tf, bool usermode)
{
	struct cpu_info *ci = curcpu();
	struct timerq *tq = ci->ci_timer;
	uint64_t now = nsecuptime();

	tq->tq_alarm = INFSLP; /* it has gone off */
	timeout_run(tq, now);
	if (tq->tq_ticking && now >= tq->tq_nexttick)
		clock_tick(ci, tq, now, usermode);
	clock_rearm(tq);
	if (tq->tq_alarm == INFSLP)
		cpu_timer_arm(INFSLP);
}

void
clock_ipi(void)
{
	clock_rearm(curcpu()->ci_timer);
}
