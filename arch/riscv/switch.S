/* Thread switch, and the start of a new thread. */
#include <machine/frame.h>
#include <machine/csr.h>
#include "assym.h"

	.section .text.hot.switch, "ax"

/*
 * cpu_switchto(old, new): see machine/cpu.h.
 *
 * The FPU is looked after only if the old thread left it dirty or the new one
 * has ever used it.  The failing store-conditional gives up a reservation the
 * old thread may hold in the middle of an atomic sequence.
 */
	.balign	16
	.globl	cpu_switchto
cpu_switchto:
	ld	t0, TF_SSTATUS(a0)
	lw	t1, P_PCB + PCB_FPUSED(a1)
	sd	ra, P_PCB + PCB_RA(a0)
	sd	sp, P_PCB + PCB_SP(a0)
	sd	s0, P_PCB + PCB_S + 0(a0)
	sd	s1, P_PCB + PCB_S + 8(a0)
	sd	s2, P_PCB + PCB_S + 16(a0)
	sd	s3, P_PCB + PCB_S + 24(a0)
	sd	s4, P_PCB + PCB_S + 32(a0)
	sd	s5, P_PCB + PCB_S + 40(a0)
	sd	s6, P_PCB + PCB_S + 48(a0)
	sd	s7, P_PCB + PCB_S + 56(a0)
	sd	s8, P_PCB + PCB_S + 64(a0)
	sd	s9, P_PCB + PCB_S + 72(a0)
	sd	s10, P_PCB + PCB_S + 80(a0)
	sd	s11, P_PCB + PCB_S + 88(a0)
	addi	t2, a0, TF_SCRATCH
	sc.d	zero, zero, (t2)
	li	t3, SSTATUS_FS
	and	t0, t0, t3
	or	t0, t0, t1
	bnez	t0, 2f
1:	mv	tp, a1
	ld	ra, P_PCB + PCB_RA(a1)
	ld	sp, P_PCB + PCB_SP(a1)
	ld	s0, P_PCB + PCB_S + 0(a1)
	ld	s1, P_PCB + PCB_S + 8(a1)
	ld	s2, P_PCB + PCB_S + 16(a1)
	ld	s3, P_PCB + PCB_S + 24(a1)
	ld	s4, P_PCB + PCB_S + 32(a1)
	ld	s5, P_PCB + PCB_S + 40(a1)
	ld	s6, P_PCB + PCB_S + 48(a1)
	ld	s7, P_PCB + PCB_S + 56(a1)
	ld	s8, P_PCB + PCB_S + 64(a1)
	ld	s9, P_PCB + PCB_S + 72(a1)
	ld	s10, P_PCB + PCB_S + 80(a1)
	ld	s11, P_PCB + PCB_S + 88(a1)
	ret
2:	mv	s1, a1			/* s1 and ra are saved already */
	call	fpu_switch
	mv	a1, s1
	j	1b

/*
 * First code of a thread made by cpu_thread_setup(): s1 = function, s2 = its
 * argument, s0 = 0 to end backtraces.
 */
	.balign	16
	.globl	thread_trampoline
thread_trampoline:
	mv	a0, s2
	jalr	s1
	call	kthread_exit
	unimp
