/*
 * Traps: what happened, and who deals with it.
 *
 * A page fault goes to the pmap first, which knows about reference and modify
 * emulation and stale translations, then to UVM.  What UVM refuses becomes a
 * signal for a user program, EFAULT for copyin and its kin, and a panic for
 * everything else in the kernel.
 */
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/csr.h>
#include <pmap/pmap.h>
#include <uvm/uvm_extern.h>
#include "riscv.h"

bool errata_stval; /* set once by riscv_init() */
bool trap_pmap_up; /* set once by bootmem_init() */

static const char *
trap_name(u_long cause)
{
	static const char *const name[] = { "instruction misaligned",
		"instruction access fault", "illegal instruction", "breakpoint",
		"load misaligned", "load access fault", "store misaligned",
		"store access fault", "ecall from user mode",
		"ecall from supervisor mode", "trap 10", "trap 11",
		"instruction page fault", "load page fault", "trap 14",
		"store page fault" };

	return cause < nitems(name) ? name[cause] : "unknown trap";
}

#define EXC_IS_PAGE(cause)                                     \
	((cause) < 64 &&                                       \
	    (1UL << (cause) &                                  \
		(1UL << EXC_INSN_PAGE | 1UL << EXC_LOAD_PAGE | \
		    1UL << EXC_STORE_PAGE)) != 0)

/*
 * Fetch, load, store: causes 12, 13 and 15, a digit each.
 */
static inline vm_prot_t
fault_access(u_long cause)
{
	CTASSERT(
	    EXC_INSN_PAGE == 12 && EXC_LOAD_PAGE == 13 && EXC_STORE_PAGE == 15);
	CTASSERT(PROT_READ == 1 && PROT_WRITE == 2 && PROT_EXEC == 4);
	return 0x2014 >> 4 * (cause - EXC_INSN_PAGE) & PROT_MASK;
}

/*
 * Some harts report the address of a failed instruction fetch with bits above
 * the virtual address clear.
 */
static inline vaddr_t
fault_address(const struct trapframe *tf)
{
	vaddr_t va = tf->tf_stval;

	if (__predict_false(errata_stval) && tf->tf_scause != EXC_LOAD_PAGE &&
	    tf->tf_scause != EXC_STORE_PAGE && (va >> 38 & 1) != 0)
		va |= ~0UL << 39;
	return va;
}

/* -- Interrupts -------------------------------------------------------------- */

static void
interrupt(struct trapframe *tf, bool usermode)
{
	struct cpu_info *ci = curcpu();

	ci->ci_intrdepth++;
	UVMCNT_INC(intrs);
	switch (tf->tf_scause & ~SCAUSE_INTR) {
	case IRQ_TIMER:
		clock_intr(tf, usermode);
		break;
	case IRQ_SOFT:
		ipi_interrupt(ci, usermode);
		break;
	case IRQ_EXT:
		plic_interrupt(ci);
		break;
	default:
		panic("interrupt %#lx", tf->tf_scause);
	}
	if (--ci->ci_intrdepth == 0 && ci->ci_softq != NULL)
		softintr_run();
}

/* -- User mode ------------------------------------------------------------------ */

/*
 * What UVM could not resolve, as a signal.  No memory left ends the process:
 * its instruction can neither complete nor fail.
 */
static void
fault_signal(struct proc *p, vaddr_t va, int error)
{
	switch (error) {
	case ENOMEM:
		if ((p->p_flag & P_OOMKILL) == 0)
			printf("pid %d (%s): killed: no memory for %#lx\n",
			    p->p_p->ps_pid, p->p_comm, va);
		psignal(p->p_p, SIGKILL, NULL);
		break;
	case EIO:
		trapsignal(p, SIGBUS, BUS_ADRERR, va);
		break;
	case EACCES:
		trapsignal(p, SIGSEGV, SEGV_ACCERR, va);
		break;
	default:
		trapsignal(p, SIGSEGV, SEGV_MAPERR, va);
		break;
	}
}

/*
 * A fault at a user address, by the program or by the kernel on its behalf.
 * => interrupts on, no spin mutex held; may sleep; 0 or errno
 */
static inline int
user_fault(struct proc *p, vaddr_t va, vm_prot_t access)
{
	struct vmspace *vm = p->p_vmspace;
	vaddr_t page = trunc_page(va);
	long majflt;
	int error;

	if (va >= VM_MAXUSER_ADDRESS)
		return EFAULT;
	if (pmap_fault(vm_map_pmap(&vm->vm_map), page, access))
		return 0;
	if (va >= vm->vm_maxsaddr && va < vm->vm_minsaddr && !uvm_grow(p, va))
		return EFAULT; /* above RLIMIT_STACK */
	majflt = p->p_ru_majflt;
	error = uvm_fault(&vm->vm_map, page, VM_FAULT_INVALID, access);
	if (error == 0 && p->p_ru_majflt == majflt)
		p->p_ru_minflt++;
	return error;
}

static void
user_page_fault(struct proc *p)
{
	vaddr_t va = fault_address(&p->p_tf);
	int error = user_fault(p, va, fault_access(p->p_tf.tf_scause));

	if (__predict_false(error != 0))
		fault_signal(p, va, error);
}

static void
user_exception(struct proc *p)
{
	const struct trapframe *tf = &p->p_tf;

	switch (tf->tf_scause) {
	case EXC_ILLEGAL:
		if (!fpu_trap(p))
			trapsignal(p, SIGILL, ILL_ILLOPC, tf->tf_sepc);
		break;
	case EXC_BREAK:
		trapsignal(p, SIGTRAP, TRAP_BRKPT, tf->tf_sepc);
		break;
	case EXC_INSN_ALIGN:
	case EXC_LOAD_ALIGN:
	case EXC_STORE_ALIGN:
		trapsignal(p, SIGBUS, BUS_ADRALN, fault_address(tf));
		break;
	case EXC_INSN_ACCESS:
	case EXC_LOAD_ACCESS:
	case EXC_STORE_ACCESS:
		trapsignal(p, SIGBUS, BUS_ADRERR, fault_address(tf));
		break;
	default:
		printf("pid %d (%s): trap %lu at %#lx\n", p->p_p->ps_pid,
		    p->p_comm, tf->tf_scause, tf->tf_sepc);
		trapsignal(p, SIGILL, ILL_ILLOPC, tf->tf_sepc);
		break;
	}
}

void
user_trap(struct proc *p)
{
	u_long cause = p->p_tf.tf_scause;

	if ((long)cause < 0) {
		interrupt(&p->p_tf, true);
		return;
	}
	UVMCNT_INC(traps);
	intr_enable();
	if (__predict_true(EXC_IS_PAGE(cause)))
		user_page_fault(p);
	else
		user_exception(p);
}

/* -- Kernel mode -------------------------------------------------------------------- */

static inline bool
pc_within(const struct trapframe *tf, const char *begin, const char *end)
{
	return tf->tf_sepc - (vaddr_t)begin < (vaddr_t)(end - begin);
}

/*
 * What the tables say about an address the kernel could not access.
 */
static void
fault_autopsy(vaddr_t va)
{
	struct pmap *pm = pmap_kernel();
	vm_prot_t prot = PROT_NONE;
	paddr_t pa = 0;

	if (!trap_pmap_up)
		return;
	if (va < VM_MAXUSER_ADDRESS && curproc->p_vmspace != NULL)
		pm = vm_map_pmap(&curproc->p_vmspace->vm_map);
	if (pmap_extract(pm, va, &pa) && pmap_probe(pm, va, &prot))
		printf("trap: %#lx maps physical %#lx, rights %c%c%c\n", va, pa,
		    prot & PROT_READ ? 'r' : '-', prot & PROT_WRITE ? 'w' : '-',
		    prot & PROT_EXEC ? 'x' : '-');
	else
		printf("trap: %#lx is not mapped\n", va);
}

static void
kern_trap_fatal(struct trapframe *tf)
{
	unsigned long off = 0, raoff = 0;
	const char *name = ksym_lookup(tf->tf_sepc, &off);
	const char *raname = ksym_lookup(tf->tf_ra, &raoff);

	printf("trap: %s in the kernel at %#lx (%s+%#lx, ra %s+%#lx), "
	       "stval %#lx\n",
	    trap_name(tf->tf_scause), tf->tf_sepc, name ? name : "?", off,
	    raname ? raname : "?", raoff, tf->tf_stval);
	trapframe_print(tf);
	fault_autopsy(tf->tf_stval);
	panic("%s, stval %#lx", trap_name(tf->tf_scause), tf->tf_stval);
}

/*
 * May this trap sleep?  Only where the thread itself could have.
 */
static inline bool
trap_may_sleep(const struct trapframe *tf)
{
	return (tf->tf_sstatus & SSTATUS_SPIE) != 0 &&
	    curcpu()->ci_intrdepth == 0 && !cold;
}

/*
 * The kernel touched a user address: only copy.S may.
 * => true: access it again
 */
static bool
kern_fault_user(struct trapframe *tf, vaddr_t va, vm_prot_t access)
{
	int error;

	if (!pc_within(tf, copy_begin, copy_end))
		return false;
	KASSERT(trap_may_sleep(tf) && curcpu()->ci_mtxdepth == 0);
	intr_enable();
	error = user_fault(curproc, va, access);
	intr_disable();
	if (error != 0)
		tf->tf_sepc = (vaddr_t)copy_fault;
	return true;
}

/*
 * copyout_pages() touched a user address, perhaps with locks held that a fault
 * needs: what is not there ends the copy.
 * => true: access it again, or tf goes on elsewhere
 */
static bool
kern_fault_pages(struct trapframe *tf, vaddr_t va)
{
	vm_map_t map = &curproc->p_vmspace->vm_map;

	if ((long)va < 0)
		return false;
	if (!EXC_IS_PAGE(tf->tf_scause) ||
	    !pmap_fault(
		vm_map_pmap(map), trunc_page(va), fault_access(tf->tf_scause)))
		tf->tf_sepc = (vaddr_t)pages_fault;
	return true;
}

static bool
kern_fault_kernel(struct trapframe *tf, vaddr_t va, vm_prot_t access)
{
	vaddr_t page = trunc_page(va);
	int error;

	if (pmap_fault(pmap_kernel(), page, access))
		return true;
	if (va - VM_MIN_KERNEL_ADDRESS >= KVA_SIZE || !trap_may_sleep(tf))
		return false;
	intr_enable();
	error = uvm_fault(kernel_map, page, VM_FAULT_INVALID, access);
	intr_disable();
	if (error != 0 && pc_within(tf, copy_begin, copy_end)) {
		/* a program's memory that the kernel has mapped is gone */
		tf->tf_sepc = (vaddr_t)copy_fault;
		return true;
	}
	return error == 0;
}

/*
 * => true: resolved, or tf goes on elsewhere
 */
static bool
kern_exception(struct trapframe *tf)
{
	vaddr_t va = fault_address(tf);
	vm_prot_t access;

	if (pc_within(tf, nofault_begin, nofault_end)) {
		/* must not sleep, whatever the address is */
		if (!EXC_IS_PAGE(tf->tf_scause) || !trap_pmap_up ||
		    !pmap_fault(pmap_kernel(), trunc_page(va),
			fault_access(tf->tf_scause)))
			tf->tf_sepc = (vaddr_t)nofault_fault;
		return true;
	}
	if (pc_within(tf, pages_begin, pages_end))
		return kern_fault_pages(tf, va);
	switch (tf->tf_scause) {
	case EXC_INSN_PAGE:
	case EXC_LOAD_PAGE:
	case EXC_STORE_PAGE:
		if (!trap_pmap_up)
			return false;
		access = fault_access(tf->tf_scause);
		if ((long)va >= 0)
			return kern_fault_user(tf, va, access);
		return kern_fault_kernel(tf, va, access);
	case EXC_LOAD_ACCESS:
	case EXC_STORE_ACCESS:
		if (!pc_within(tf, copy_begin, copy_end) || (long)va < 0)
			return false;
		tf->tf_sepc = (vaddr_t)copy_fault;
		return true;
	}
	return false;
}

void
kern_trap(struct trapframe *tf)
{
	if ((long)tf->tf_scause < 0) {
		interrupt(tf, false);
		return;
	}
	UVMCNT_INC(traps);
	if (__predict_false(!kern_exception(tf)))
		kern_trap_fatal(tf);
}

void
kstack_overflow(vaddr_t sp, vaddr_t pc, vaddr_t fp, vaddr_t top)
{
	unsigned long off = 0;
	const char *name = ksym_lookup(pc, &off);

	printf("trap: the kernel stack below %#lx is full:\n", top);
	backtrace_from(fp, pc, top);
	panic("kernel stack overflow: sp %#lx in %s+%#lx", sp,
	    name ? name : "?", off);
}
