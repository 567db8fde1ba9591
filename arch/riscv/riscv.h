/* Interfaces among the files of arch/riscv. */
#ifndef _RISCV_RISCV_H_
#define _RISCV_RISCV_H_

#include <sys/types.h>
#include <machine/cpu.h>
#include <machine/frame.h>

struct proc;

/*
 * What a starting hart is told; found by its physical address.
 * Locks used to protect members:
 *	I	immutable once the hart was asked to start
 *	a	atomic operations
 */
struct hart_start {
	uint64_t hs_satp; /* [I] kernel tables */
	struct proc *hs_proc; /* [I] its idle thread */
	vaddr_t hs_sp; /* [I] top of that thread's stack */
	struct hart_start *hs_self; /* [I] virtual address of this */
	struct cpu_info *hs_cpu; /* [I] */
	volatile uint32_t hs_state; /* [a] HS_* */
};
#define HS_WAITING   0 /* not arrived yet */
#define HS_ARRIVED   1 /* set by the hart: it runs and waits for HS_GO */
#define HS_GO        2 /* set by the boot hart: it counts, may schedule */
#define HS_ABANDONED 3 /* set by the boot hart: too late, stay away */

/* kern/init_main.c: the rest of the start; does not return */
void main(void);

/* -- locore.S ---------------------------------------------------------------- */
extern uint64_t boot_l1[]; /* boot tables: the kernel image's GiB */
extern char boot_stack_top[];
extern uint64_t
    boot_starting[2]; /* [boot hart] who is being started, locore.S */
extern char hart_entry[]; /* where a starting hart arrives */

/* -- boot.c ------------------------------------------------------------------- */
/* => from locore.S: boot tables, boot stack, tp = &proc0; does not return */
void riscv_init(unsigned long hartid, paddr_t fdt_pa) __dead;
/* => physical address of something in the kernel image */
paddr_t kernel_pa(const void *p);

/* -- chacha20_zbb.S ----------------------------------------------------------- */
/* => as chacha20_rounds_t; only where every hart has Zbb */
void chacha20_rounds_zbb(const uint32_t *state, uint32_t *x);

/* -- bootmem.c ------------------------------------------------------------------ */
/* => boot: maps the tree; its size, or 0 with *why naming the fault */
size_t boottree_map(paddr_t pa, const void **blobp, const char **why);
/* => boot: hands memory to the page layer, bootstraps the pmap */
void bootmem_init(paddr_t fdt_pa, size_t fdt_size);
void bootmem_print(void);

/* -- trap_entry.S, trap.c --------------------------------------------------------- */
extern char trap_vector[];
/* => from trap_entry.S: interrupts off; user: any trap but an ecall */
void user_trap(struct proc *p);
void kern_trap(struct trapframe *tf);
void kstack_overflow(vaddr_t sp, vaddr_t pc, vaddr_t fp, vaddr_t top) __dead;
extern bool errata_stval; /* CIP-453; set once at boot */
extern bool trap_pmap_up; /* pmap functions work; set once at boot */

/* -- fpu.c, fpu_regs.S ------------------------------------------------------------------ */
/*
 * Give p the FPU if the instruction that trapped needs it.
 * => curproc, user trap frame; true: run the instruction again
 */
bool fpu_trap(struct proc *p);
/* => from cpu_switchto(), interrupts off */
void fpu_switch(struct proc *old, struct proc *new);
/* => FS is on */
void fpu_save(struct fpregs *fp);
void fpu_load(const struct fpregs *fp);

/* -- copy.S: code whose faults are survived ------------------------------------------ */
extern char copy_begin[], copy_end[], copy_fault[];
extern char pages_begin[], pages_end[], pages_fault[];
extern char nofault_begin[], nofault_end[], nofault_fault[];

/* -- plic.c --------------------------------------------------------------------------- */
/* => boot hart, before plic_cpu_init() of any: every source masked, handlers none */
void plic_init(void);
/* => a hart that is about to take interrupts, interrupts off */
void plic_cpu_init(struct cpu_info *ci);
/* => external interrupt of this hart, interrupts off */
void plic_interrupt(struct cpu_info *ci);

/* -- timer.c -------------------------------------------------------------------------- */
/* => boot: after the tree was read; the time now becomes uptime 0 */
void timer_init(uint64_t timebase, uint64_t entry, bool sstc);
/* => a hart: nothing armed, timer interrupt enabled */
void timer_cpu_init(void);
/* => reads the real-time clock, if there is one */
void rtc_init(void);

/* -- cpu.c ------------------------------------------------------------------------------ */
/* => software interrupt of this hart, interrupts off */
void ipi_interrupt(struct cpu_info *ci, bool usermode);
/* => from locore.S: a started hart on its idle thread's stack */
void cpu_hatch(struct hart_start *hs) __dead;
void reset_init(void);

/* -- switch.S ----------------------------------------------------------------------------- */
extern char thread_trampoline[];

/* -- backtrace.c ------------------------------------------------------------------------------ */
/* => name of the function that holds addr, *offp bytes into it; NULL: none */
const char *ksym_lookup(vaddr_t addr, unsigned long *offp);
/* => pc 0: not printed; top: where the stack that fp points into begins */
void backtrace_from(vaddr_t fp, vaddr_t pc, vaddr_t top);
void trapframe_print(const struct trapframe *tf);

#endif
