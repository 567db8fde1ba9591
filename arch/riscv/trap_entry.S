/*
 * Trap entry and return.
 *
 * sscratch holds the thread (struct proc) while a hart is in user mode, and 0
 * while it is in the kernel.  A user trap saves into the thread's own frame, in
 * the direct map or the image, and so cannot fault; a kernel trap saves on the
 * kernel stack, after a look whether it still fits.
 *
 * Between the two csrr of an entry and the return, sstatus of the frame is the
 * truth about user mode; the live FS field is not (see fpu.c).
 */
#include <machine/csr.h>
#include <machine/frame.h>
#include "assym.h"

	.macro	SAVE_REGS base		/* all but sp, tp */
	sd	ra, TF_RA(\base)
	sd	gp, TF_GP(\base)
	sd	t0, TF_T0(\base)
	sd	t1, TF_T1(\base)
	sd	t2, TF_T2(\base)
	sd	s0, TF_S0(\base)
	sd	s1, TF_S1(\base)
	sd	a0, TF_A0(\base)
	sd	a1, TF_A1(\base)
	sd	a2, TF_A2(\base)
	sd	a3, TF_A3(\base)
	sd	a4, TF_A4(\base)
	sd	a5, TF_A5(\base)
	sd	a6, TF_A6(\base)
	sd	a7, TF_A7(\base)
	sd	s2, TF_S2(\base)
	sd	s3, TF_S3(\base)
	sd	s4, TF_S4(\base)
	sd	s5, TF_S5(\base)
	sd	s6, TF_S6(\base)
	sd	s7, TF_S7(\base)
	sd	s8, TF_S8(\base)
	sd	s9, TF_S9(\base)
	sd	s10, TF_S10(\base)
	sd	s11, TF_S11(\base)
	sd	t3, TF_T3(\base)
	sd	t4, TF_T4(\base)
	sd	t5, TF_T5(\base)
	sd	t6, TF_T6(\base)
	.endm

	.macro	LOAD_REGS base		/* all but sp, tp, t0, t1 */
	ld	ra, TF_RA(\base)
	ld	gp, TF_GP(\base)
	ld	t2, TF_T2(\base)
	ld	s0, TF_S0(\base)
	ld	s1, TF_S1(\base)
	ld	a0, TF_A0(\base)
	ld	a1, TF_A1(\base)
	ld	a2, TF_A2(\base)
	ld	a3, TF_A3(\base)
	ld	a4, TF_A4(\base)
	ld	a5, TF_A5(\base)
	ld	a6, TF_A6(\base)
	ld	a7, TF_A7(\base)
	ld	s2, TF_S2(\base)
	ld	s3, TF_S3(\base)
	ld	s4, TF_S4(\base)
	ld	s5, TF_S5(\base)
	ld	s6, TF_S6(\base)
	ld	s7, TF_S7(\base)
	ld	s8, TF_S8(\base)
	ld	s9, TF_S9(\base)
	ld	s10, TF_S10(\base)
	ld	s11, TF_S11(\base)
	ld	t3, TF_T3(\base)
	ld	t4, TF_T4(\base)
	ld	t5, TF_T5(\base)
	ld	t6, TF_T6(\base)
	.endm

	.section .text.hot.trap, "ax"
	.balign	64
	.globl	trap_vector
trap_vector:
	csrrw	tp, sscratch, tp
	beqz	tp, trap_kernel

	/* From user mode: tp = curproc, sscratch = the user's tp. */
	SAVE_REGS tp
	sd	sp, TF_SP(tp)
	csrrw	t0, sscratch, zero
	csrr	t1, sepc
	csrr	t2, sstatus
	csrr	t3, scause
	sd	t0, TF_TP(tp)
	sd	t2, TF_SSTATUS(tp)
	sd	t3, TF_SCAUSE(tp)
	ld	sp, P_KSTACK(tp)
	li	s0, 0			/* last frame record */
	li	t4, EXC_UCALL
	mv	a0, tp
	bne	t3, t4, trap_user

	addi	t1, t1, 4
	sd	t1, TF_SEPC(tp)
	csrsi	sstatus, SSTATUS_SIE
	call	syscall
	j	user_return

trap_user:
	csrr	t0, stval
	sd	t1, TF_SEPC(tp)
	sd	t0, TF_STVAL(tp)
	call	user_trap

/*
 * Back to user mode, or to userret() first if something waits there.
 * Interrupts go off before the test, so that no request slips in behind it.
 */
	.globl	cpu_return_to_user
user_return:
	csrci	sstatus, SSTATUS_SIE
	ld	t1, P_CPU(tp)
	lw	t0, P_FLAG(tp)
	lw	t1, CI_RESCHED(t1)
	andi	t0, t0, P_FLAG_NEEDAST
	or	t0, t0, t1
	bnez	t0, user_ast
	ld	t0, TF_SSTATUS(tp)
	ld	t1, TF_SEPC(tp)
	csrw	sscratch, tp
	csrw	sstatus, t0
	csrw	sepc, t1
	LOAD_REGS tp
	ld	t0, TF_T0(tp)
	ld	t1, TF_T1(tp)
	ld	sp, TF_SP(tp)
	ld	tp, TF_TP(tp)
	sret

cpu_return_to_user:			/* a thread's first time */
	ld	sp, P_KSTACK(tp)
	li	s0, 0
	j	user_return

user_ast:
	csrsi	sstatus, SSTATUS_SIE
	mv	a0, tp
	call	userret
	j	user_return

/*
 * From the kernel: sscratch and tp are exchanged.  t0 goes to sscratch while
 * the stack is looked at: p_kstack - sp + frame must stay below USPACE.
 */
	.balign	64
trap_kernel:
	csrrw	tp, sscratch, t0
	ld	t0, P_KSTACK(tp)
	sub	t0, t0, sp
	addi	t0, t0, KFRAME_SIZE
	srli	t0, t0, USPACE_LOG2
	bnez	t0, stack_overflow
	csrrw	t0, sscratch, zero
	addi	sp, sp, -KFRAME_SIZE
	SAVE_REGS sp
	addi	t0, sp, KFRAME_SIZE
	csrr	t1, sepc
	csrr	t2, sstatus
	csrr	t3, scause
	csrr	t4, stval
	sd	t0, TF_SP(sp)
	sd	tp, TF_TP(sp)
	sd	t1, TF_SEPC(sp)
	sd	t2, TF_SSTATUS(sp)
	sd	t3, TF_SCAUSE(sp)
	sd	t4, TF_STVAL(sp)
	sd	s0, TF_SIZE(sp)		/* frame record: the backtrace */
	sd	t1, TF_SIZE + 8(sp)	/* shows where the trap came from */
	mv	s0, t0
	li	t5, SSTATUS_SUM
	csrc	sstatus, t5
	mv	a0, sp
	call	kern_trap
	csrci	sstatus, SSTATUS_SIE
	ld	t0, TF_SSTATUS(sp)
	ld	t1, TF_SEPC(sp)
	csrw	sstatus, t0
	csrw	sepc, t1
	LOAD_REGS sp
	ld	t0, TF_T0(sp)
	ld	t1, TF_T1(sp)
	ld	sp, TF_SP(sp)
	sret

/*
 * The stack is full or sp is wild.  One hart gets the emergency stack, and
 * keeps it: the kernel is about to panic.  Others wait for it to do so.
 */
stack_overflow:
	csrrw	t0, sscratch, zero
	mv	a0, sp
	csrr	a1, sepc
	lla	t1, emergency_taken
	li	t2, 1
	amoswap.w.aq t2, t2, (t1)
1:	beqz	t2, 2f
	wfi
	j	1b
2:	mv	a2, s0
	ld	a3, P_KSTACK(tp)
	lla	sp, emergency_top
	sd	sp, P_KSTACK(tp)
	call	kstack_overflow
	unimp

	.section .bss.page, "aw", @nobits
	.balign	16
	.zero	1 << USPACE_LOG2
emergency_top:
emergency_taken:
	.zero	16
