/*
 * Per-hart data.
 *
 * tp holds the running thread in kernel mode, so curproc costs nothing and
 * stays true over a context switch; the hart is found through it.
 */
#ifndef _MACHINE_CPU_H_
#define _MACHINE_CPU_H_

#include <sys/param.h>
#include <sys/uvmexp.h>
#include <sys/queue.h>
#include <machine/frame.h>

struct proc;
struct pmap;
struct softintr;
struct schedstate; /* kern/kern_sched.c */
struct uvm_cpu; /* uvm/uvm_page.c: magazine of free pages */

/*
 * What cpu_switchto() keeps of a thread that is not running.  Faults of copyin
 * and its kin are known by their address in copy.S.  Offsets are in arch/riscv/assym.h.
 * All members: [thread], and the hart that switches to or from it.
 */
struct pcb {
	uint64_t pcb_ra, pcb_sp;
	uint64_t pcb_s[12];
	struct fpregs pcb_fp;
	uint32_t pcb_fpused; /* thread has touched the FPU */
	uint32_t pcb_fphart; /* hart whose FPU held pcb_fp last, plus one */
};

/*
 * Locks used to protect members of a cpu_info:
 *	I	immutable once the hart runs
 *	h	only by the hart itself; interrupts off where a handler uses it
 *	w	written by the hart, read by anyone (atomic)
 *	a	atomic operations
 *	r	run queue lock of the hart
 */
struct cpu_info {
	struct proc *ci_idleproc; /* [I] */
	uint32_t ci_index; /* [I] 0 .. ncpus-1, in order of arrival */
	uint32_t ci_hartid; /* [I] */
	volatile uint32_t ci_resched; /* [a] reschedule at return to user mode;
					 trap_entry.S */
	struct proc *volatile ci_curproc; /* [w] */
	struct pmap *volatile ci_curpmap; /* [w] whose root is in satp */
	struct pmap
	    *volatile ci_prevpmap; /* [w] while leaving it: see pmap_tlb.c */
	volatile uint32_t ci_unfenced; /* [w] odd: entries it has changed may be
					  in use still: see pmap_tlb.c */
	struct proc *ci_fpowner; /* [h] whose values the FPU holds */
	uint32_t ci_mtxdepth; /* [h] mutexes held, interrupts off if > 0 */
	uint32_t ci_mtxsie; /* [h] interrupts were on before the first one */
	uint32_t ci_intrdepth; /* [h] > 0: in an interrupt handler */
	volatile uint32_t ci_ipi; /* [a] IPI_* bits asked of this hart */
	volatile uint32_t ci_online; /* [a] */
	struct softintr *ci_softq; /* [h] pending soft interrupts */
	struct schedstate *ci_sched; /* [I] run queue */
	struct uvm_cpu *ci_uvm; /* [I] */
	void *ci_timer; /* [I] timer queue */
	void *ci_ktrace; /* [I] trace ring */
	void *ci_pmap; /* [I] pmap's per-hart state */
	void *ci_locks; /* [I] lock-order checker's list (interrupt level) */
	uint64_t ci_idle_ns; /* [w] time spent idle */
	struct uvmexp ci_uvmexp; /* [h] this hart's share of the counters */
} __aligned(CACHE_LINE);

extern struct cpu_info cpu_info_store[MAXCPUS]; /* [I] */
extern u_int ncpus; /* harts running; set at boot, before init starts */

#define CPU_FOREACH(ci) \
	for ((ci) = cpu_info_store; (ci) < cpu_info_store + ncpus; (ci)++)

#include <machine/curcpu.h>

/* This hart's share of a uvmexp counter (uvm_meter.c adds them up). */
#define UVMCNT_ADD(member, n) ((void)(curcpu()->ci_uvmexp.member += (int)(n)))
#define UVMCNT_INC(member)    UVMCNT_ADD(member, 1)
#define UVMCNT_DEC(member)    UVMCNT_ADD(member, -1)

/* Reasons for an inter-processor interrupt. */
#define IPI_RESCHED 0x1 /* look at the run queue */
#define IPI_HALT    0x2 /* stop for good: another hart panics */
#define IPI_FENCEI  0x4 /* instruction fence */
#define IPI_TIMER   0x8 /* look at the timer queue */
#define IPI_PMAP    0x10 /* leave an address space that is going away */

/*
 * => any context; may programs map the page at pa: is it no memory, but maybe a
 *    device's registers, or memory that was kept from the kernel?
 */
bool cpu_paddr_mappable(paddr_t pa);
/* => any context; raises the software interrupt on another hart */
void cpu_ipi(struct cpu_info *ci, uint32_t reason);
/*
 * Leave `old` and run `new` on this hart.
 * => run queue lock of this hart held, interrupts off; returns in `new`
 */
void cpu_switchto(struct proc *old, struct proc *new);
/*
 * Make p start in func(arg) when first switched to, with the run queue lock
 * held (func begins with sched_thread_start(), see kern_sched.c).
 * => p->p_addr is its u-area
 */
void cpu_thread_setup(struct proc *p, void (*func)(void *), void *arg);
/*
 * Child side of fork: copies p1's user registers and FP state to p2, which
 * will return to user mode with result 0 on `stack` (its top) if not 0.
 * => p1 is curproc, p2 has not run; does not sleep
 */
void cpu_fork_user(struct proc *p1, struct proc *p2, vaddr_t stack);
/* => does not return; resumes user mode with p's trap frame */
void cpu_return_to_user(void) __dead;
/* => a fresh program: entry point, stack pointer, all else zero */
void cpu_setregs(struct proc *p, vaddr_t entry, vaddr_t sp);
/* => p is curproc: its FP state is in its PCB afterwards / is thrown away */
void cpu_fp_save(struct proc *p);
void cpu_fp_discard(struct proc *p);
/* => curproc computes with these values from now on (rt_sigreturn) */
void cpu_fp_set(struct proc *p, const struct fpregs *fp);
/* => interrupts off, called by the idle loop; returns after an interrupt */
void cpu_idle(void);
/* => instruction fence on every hart (this one at once) */
void cpu_fencei_all(void);
/* => never returns */
void cpu_reset(int howto) __dead;
#define RB_HALT     0
#define RB_POWEROFF 1
#define RB_REBOOT   2
#define RB_PANIC    3 /* power off; test device reports 70 where there is one */
/* => program this hart's timer for the given uptime in ns; INFSLP: never */
void cpu_timer_arm(uint64_t uptime);
/*
 * Interrupt controllers, console interrupts, clock and reset device; lets
 * interrupts in on the boot hart.
 * => from main(), once, after the page layer, the scheduler and timeouts
 */
void cpu_configure(void);
/* => from main(), once, after cpu_configure(): every usable hart runs, having
 *    called sched_cpu_start(); ncpus is final; waits for each */
void cpu_start_all(void);
/* => any context, in a panic too: prints the calls that led here */
void cpu_print_backtrace(void);

#endif
