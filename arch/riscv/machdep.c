/* The machine's part of threads: first context, user registers, fork. */
#include <sys/systm.h>
#include <sys/proc.h>
#include <machine/csr.h>
#include <pmap/sv39/pmap_boot.h>
#include "riscv.h"

/* Interrupts on after sret, 64-bit user mode, FPU off. */
#define USER_SSTATUS (SSTATUS_SPIE | SSTATUS_UXL)

/*
 * The FP state is left alone: cpu_fork_user() may have set it already.
 */
void
cpu_thread_setup(struct proc *p, void (*func)(void *), void *arg)
{
	struct pcb *pcb = &p->p_pcb;

	KASSERT(p->p_kstack % 16 == 0);
	pcb->pcb_s[0] = 0;
	pcb->pcb_ra = (uint64_t)thread_trampoline;
	pcb->pcb_sp = p->p_kstack;
	pcb->pcb_s[1] = (uint64_t)func;
	pcb->pcb_s[2] = (uint64_t)arg;
}

void
cpu_fork_user(struct proc *p1, struct proc *p2, vaddr_t stack)
{
	KASSERT(p1 == curproc);
	if (p1->p_pcb.pcb_fpused) {
		cpu_fp_save(p1);
		p2->p_pcb.pcb_fp = p1->p_pcb.pcb_fp;
	}
	p2->p_pcb.pcb_fpused = p1->p_pcb.pcb_fpused;
	p2->p_pcb.pcb_fphart = 0;
	p2->p_tf = p1->p_tf;
	p2->p_tf.tf_a[0] = 0;
	if (stack != 0)
		p2->p_tf.tf_sp = stack;
}

void
cpu_setregs(struct proc *p, vaddr_t entry, vaddr_t sp)
{
	cpu_fp_discard(p);
	memset(&p->p_tf, 0, sizeof(p->p_tf));
	p->p_tf.tf_sepc = entry;
	p->p_tf.tf_sp = sp;
	p->p_tf.tf_sstatus = USER_SSTATUS;
}

void
cpu_fencei_all(void)
{
	pmap_fencei_all();
}
