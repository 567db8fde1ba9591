/* The offsets of assym.h, checked against the structures. */
#include <sys/param.h>
#include <sys/errno.h>
#include <sys/proc.h>
#include <machine/frame.h>
#include "assym.h"
#include "riscv.h"

CTASSERT(offsetof(struct proc, p_tf) == 0);
CTASSERT(offsetof(struct proc, p_cpu) == P_CPU);
CTASSERT(offsetof(struct proc, p_kstack) == P_KSTACK);
CTASSERT(offsetof(struct proc, p_pcb) == P_PCB);
CTASSERT(offsetof(struct proc, p_flag) == P_FLAG);
CTASSERT(P_NEEDAST == P_FLAG_NEEDAST);
CTASSERT(offsetof(struct trapframe, tf_unused) == TF_SCRATCH);
CTASSERT(offsetof(struct trapframe, tf_t6) == TF_T6);
CTASSERT(offsetof(struct trapframe, tf_s11) == TF_S11);
CTASSERT(offsetof(struct trapframe, tf_scause) == TF_SCAUSE);
CTASSERT(offsetof(struct trapframe, tf_stval) == TF_STVAL);
CTASSERT(offsetof(struct trapframe, tf_sstatus) == TF_SSTATUS);

CTASSERT(offsetof(struct pcb, pcb_ra) == PCB_RA);
CTASSERT(offsetof(struct pcb, pcb_sp) == PCB_SP);
CTASSERT(offsetof(struct pcb, pcb_s) == PCB_S);
CTASSERT(offsetof(struct pcb, pcb_fp) == PCB_FP);
CTASSERT(offsetof(struct pcb, pcb_fp.fp_fcsr) == PCB_FCSR);
CTASSERT(offsetof(struct pcb, pcb_fpused) == PCB_FPUSED);
CTASSERT(offsetof(struct cpu_info, ci_resched) == CI_RESCHED);

CTASSERT(offsetof(struct hart_start, hs_satp) == HS_SATP);
CTASSERT(offsetof(struct hart_start, hs_proc) == HS_PROC);
CTASSERT(offsetof(struct hart_start, hs_sp) == HS_SP);
CTASSERT(offsetof(struct hart_start, hs_self) == HS_SELF);

CTASSERT(KERNEL_LINK == KERNEL_LINK_BASE + 0x200000);
CTASSERT(((KERNEL_LINK >> 30) & 511) == KERNEL_ROOT_IDX);
CTASSERT(USPACE == 1 << USPACE_LOG2);
CTASSERT(VM_MAXUSER_ADDRESS == (1UL << 38) - MAXUSER_LOW);
CTASSERT(KFRAME_SIZE == TF_SIZE + 16 && KFRAME_SIZE % 16 == 0);
CTASSERT(EFAULT == A_EFAULT && ENAMETOOLONG == A_ENAMETOOLONG);
