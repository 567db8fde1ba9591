/*
 * Structure offsets and constants for the assembler files.
 * assym.c fails to compile when one of them is out of date.
 */
#ifndef _RISCV_ASSYM_H_
#define _RISCV_ASSYM_H_

/* struct proc; its trap frame comes first (machine/frame.h) */
#define P_CPU          288
#define P_KSTACK       296
#define P_PCB          312
#define P_FLAG         304
#define P_FLAG_NEEDAST 0x0080
#define TF_SCRATCH     280 /* tf_unused: target of a store that must fail */

/* struct pcb */
#define PCB_RA     0
#define PCB_SP     8
#define PCB_S      16
#define PCB_FP     112
#define PCB_FCSR   368
#define PCB_FPUSED 376

/* struct cpu_info */
#define CI_RESCHED 16

/* struct hart_start (riscv.h) */
#define HS_SATP 0
#define HS_PROC 8
#define HS_SP   16
#define HS_SELF 24

/* Address space and stacks. */
#define KERNEL_LINK     0xffffffff80200000
#define KERNEL_ROOT_IDX 510 /* of KERNEL_LINK in the root table */
#define USPACE_LOG2     14
#define MAXUSER_LOW     0x1000 /* VM_MAXUSER_ADDRESS = 2^38 - this */
#define KFRAME_SIZE     304 /* trap frame and a frame record */

#define A_EFAULT        14
#define A_ENAMETOOLONG  36

#endif
