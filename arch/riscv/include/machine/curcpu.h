/* The running thread and hart; interrupt enable. */
#ifndef _MACHINE_CURCPU_H_
#define _MACHINE_CURCPU_H_

#include <sys/types.h>

/*
 * struct proc begins with its trap frame (TF_SIZE bytes), then p_cpu: see
 * sys/proc.h, which asserts it.
 */
static __always_inline struct proc *
curproc_get(void)
{
	struct proc *p;

	__asm__("mv %0, tp" : "=r"(p));
	return p;
}
#define curproc curproc_get()

/* => not kept over anything that may sleep: the thread may move */
static __always_inline struct cpu_info *
curcpu(void)
{
	struct cpu_info *ci;

	__asm__ volatile("ld %0, 288(tp)" : "=r"(ci));
	return ci;
}

#define SSTATUS_SIE_BIT 2UL

/* => returns non-zero if interrupts were on; they are off now */
static __always_inline unsigned long
intr_disable(void)
{
	unsigned long s;

	__asm__ volatile("csrrci %0, sstatus, 2" : "=r"(s) : : "memory");
	return s & SSTATUS_SIE_BIT;
}

static __always_inline void
intr_restore(unsigned long s)
{
	__asm__ volatile("csrs sstatus, %0" : : "r"(s) : "memory");
}

static __always_inline void
intr_enable(void)
{
	__asm__ volatile("csrsi sstatus, 2" : : : "memory");
}

static __always_inline bool
intr_enabled(void)
{
	unsigned long s;

	__asm__ volatile("csrr %0, sstatus" : "=r"(s));
	return (s & SSTATUS_SIE_BIT) != 0;
}

/* A hint inside a spin loop. */
static __always_inline void
cpu_spinwait(void)
{
	__asm__ volatile(".insn i 0x0f, 0, x0, x0, 0x010" : : : "memory");
}

#endif
