/* Saving and loading the FPU's registers; the only FP code of the kernel. */
#include "assym.h"

#define FP_FCSR	(PCB_FCSR - PCB_FP)

#ifndef __riscv_flen
	.option	arch, +d
#endif
	.text

	.macro	EACH op
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	\op	f\n, (8 * \n)(a0)
	.endr
	.irp	n, 16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	\op	f\n, (8 * \n)(a0)
	.endr
	.endm

	.globl	fpu_save
fpu_save:
	EACH	fsd
	frcsr	t0
	sw	t0, FP_FCSR(a0)
	ret

	.globl	fpu_load
fpu_load:
	lw	t0, FP_FCSR(a0)
	EACH	fld
	fscsr	t0
	ret
