/*
 * What a signal handler returns to: a page of this is mapped into every
 * process.  Unwinders know a signal frame by these two instructions.
 */
	.section .rodata
	.balign	8
	.globl	sigcode_start, sigcode_end
sigcode_start:
	.option	push
	.option	norvc
	li	a7, 139			/* rt_sigreturn */
	ecall
	.option	pop
sigcode_end:
	.balign	8
