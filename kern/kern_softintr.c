/*
 * Soft interrupts: a list per hart of functions to call when its interrupt
 * handler is done.  Interrupts are only taken while no mutex is held, so at
 * the end of the outermost handler none is.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/timeout.h>
#include <machine/cpu.h>

void
softintr_establish(struct softintr *si, void (*fn)(void *), void *arg)
{
	si->si_fn = fn;
	si->si_arg = arg;
	si->si_pending = 0;
	si->si_next = NULL;
}

/*
 * Outside of a handler the hart interrupts itself, so that the function runs
 * as soon as interrupts are on.
 */
void
softintr_schedule(struct softintr *si)
{
	struct softintr **tail;
	struct cpu_info *ci;
	unsigned long s;

	if (atomic_swap_acq_rel(&si->si_pending, 1) != 0)
		return;
	s = intr_disable();
	ci = curcpu();
	for (tail = &ci->ci_softq; *tail != NULL; tail = &(*tail)->si_next)
		;
	si->si_next = NULL;
	*tail = si;
	if (ci->ci_intrdepth == 0)
		cpu_ipi(ci, IPI_RESCHED);
	intr_restore(s);
}

void
softintr_run(void)
{
	struct cpu_info *ci = curcpu();
	struct softintr *si;

	KASSERT(ci->ci_intrdepth == 0 && ci->ci_mtxdepth == 0);
	ci->ci_intrdepth++;
	while ((si = ci->ci_softq) != NULL) {
		ci->ci_softq = si->si_next;
		/* From here on it may be scheduled again, anywhere. */
		atomic_swap_acq_rel(&si->si_pending, 0);
		UVMCNT_INC(softs);
		si->si_fn(si->si_arg);
	}
	ci->ci_intrdepth--;
}
