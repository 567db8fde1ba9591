/*
 * Trap frame: the registers of the interrupted context.  A user thread's lies
 * at the start of its struct proc, in the direct map, so that trap entry from
 * user mode cannot fault; a kernel one lies on the kernel stack.
 * trap_entry.S and gdb know the order; the C names are the ABI's.
 */
#ifndef _MACHINE_FRAME_H_
#define _MACHINE_FRAME_H_

#define TF_RA      0
#define TF_SP      8
#define TF_GP      16
#define TF_TP      24
#define TF_T0      32
#define TF_T1      40
#define TF_T2      48
#define TF_S0      56
#define TF_S1      64
#define TF_A0      72
#define TF_A1      80
#define TF_A2      88
#define TF_A3      96
#define TF_A4      104
#define TF_A5      112
#define TF_A6      120
#define TF_A7      128
#define TF_S2      136
#define TF_S3      144
#define TF_S4      152
#define TF_S5      160
#define TF_S6      168
#define TF_S7      176
#define TF_S8      184
#define TF_S9      192
#define TF_S10     200
#define TF_S11     208
#define TF_T3      216
#define TF_T4      224
#define TF_T5      232
#define TF_T6      240
#define TF_SEPC    248
#define TF_SSTATUS 256
#define TF_STVAL   264
#define TF_SCAUSE  272
#define TF_SIZE    288

#ifndef __ASSEMBLER__
#include <sys/types.h>

/* Registers of who was interrupted.  All members: [thread]. */
struct trapframe {
	uint64_t tf_ra, tf_sp, tf_gp, tf_tp;
	uint64_t tf_t0, tf_t1, tf_t2, tf_s0, tf_s1;
	uint64_t tf_a[8];
	uint64_t tf_s2, tf_s3, tf_s4, tf_s5, tf_s6, tf_s7, tf_s8, tf_s9;
	uint64_t tf_s10, tf_s11, tf_t3, tf_t4, tf_t5, tf_t6;
	uint64_t tf_sepc, tf_sstatus, tf_stval, tf_scause;
	uint64_t tf_unused;
};
CTASSERT(sizeof(struct trapframe) == TF_SIZE);
CTASSERT(offsetof(struct trapframe, tf_sepc) == TF_SEPC);
CTASSERT(offsetof(struct trapframe, tf_a) == TF_A0);

/* f0-f31 and fcsr.  All members: [thread]. */
struct fpregs {
	uint64_t fp_reg[32];
	uint32_t fp_fcsr;
	uint32_t fp_unused;
};
#endif

#endif
