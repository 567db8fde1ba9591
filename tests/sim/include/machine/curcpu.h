/* The running thread and hart of the simulated machine; interrupt enable. */
#ifndef _MACHINE_CURCPU_H_
#define _MACHINE_CURCPU_H_

#include <sys/types.h>
#include <machine/point.h>

extern struct proc *sim_curproc; /* of the hart that executes */
#define curproc sim_curproc

/* p_cpu of the running thread: where the trap frame ends (sys/proc.h). */
static __always_inline struct cpu_info *
curcpu(void)
{
	return *(struct cpu_info *volatile *)((char *)sim_curproc + 288);
}

extern bool *sim_sie; /* interrupt enable of the hart that executes */

/* => an interrupt that was held back may come now */
void sim_interrupts(void);
extern volatile uint32_t sim_pending; /* harts (a bit each) with one to come */

static __always_inline unsigned long
intr_disable(void)
{
	bool on = *sim_sie;

	*sim_sie = false;
	return on;
}

static __always_inline void
intr_enable(void)
{
	*sim_sie = true;
	if (__predict_false(sim_pending != 0))
		sim_interrupts();
}

static __always_inline void
intr_restore(unsigned long s)
{
	if (s)
		intr_enable();
}

static __always_inline bool
intr_enabled(void)
{
	return *sim_sie;
}

/* Variables lie where the compiler puts them, which must change nothing. */
uintptr_t sim_wchan(const volatile void *ident);
#define WCHAN_NUMBER(ident) sim_wchan(ident)

/* => another hart runs: what is waited for comes from there */
void sim_spin(void);
#define cpu_spinwait() sim_spin()

#endif
