/*
 * Contexts on an x86-64 host.
 *
 * void host_switch(void **save, void *sp): push what a function must keep,
 *	leave the stack pointer in *save, go on at sp.
 * int kern_setjmp(buf), void kern_longjmp(buf): as arch/riscv/setjmp.S.
 */
#ifndef __x86_64__
#error "tests/sim/host/switch.S knows x86-64 only: see CAVEATS.md"
#endif
	.text
	.globl	host_switch
	.type	host_switch, @function
host_switch:
	pushq	%rbp
	pushq	%rbx
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbx
	popq	%rbp
	ret
	.size	host_switch, . - host_switch

/* First code of a fiber: r12(r13); r14 is the fiber. */
	.globl	host_fiber_begin
	.type	host_fiber_begin, @function
host_fiber_begin:
	movq	%r14, %rdi
	call	host_fiber_started
	movq	%r13, %rdi
	call	*%r12
	ud2
	.size	host_fiber_begin, . - host_fiber_begin

	.globl	kern_setjmp
	.type	kern_setjmp, @function
kern_setjmp:
	movq	(%rsp), %rax
	movq	%rax, (%rdi)
	leaq	8(%rsp), %rax
	movq	%rax, 8(%rdi)
	movq	%rbp, 16(%rdi)
	movq	%rbx, 24(%rdi)
	movq	%r12, 32(%rdi)
	movq	%r13, 40(%rdi)
	movq	%r14, 48(%rdi)
	movq	%r15, 56(%rdi)
	xorl	%eax, %eax
	ret
	.size	kern_setjmp, . - kern_setjmp

	.globl	kern_longjmp
	.type	kern_longjmp, @function
kern_longjmp:
	pushq	%rdi
	call	host_skip_frames
	popq	%rdi
	movq	8(%rdi), %rsp
	movq	16(%rdi), %rbp
	movq	24(%rdi), %rbx
	movq	32(%rdi), %r12
	movq	40(%rdi), %r13
	movq	48(%rdi), %r14
	movq	56(%rdi), %r15
	movl	$1, %eax
	jmpq	*(%rdi)
	.size	kern_longjmp, . - kern_longjmp

/* No program returns from a signal here. */
	.section .rodata
	.globl	sigcode_start
	.globl	sigcode_end
sigcode_start:
	.quad	0
sigcode_end:

	.section .note.GNU-stack, "", @progbits
