/*
 * Entry of the first hart and of the others, at physical addresses.
 *
 * The image may have been loaded at any 2 MiB boundary, so nothing here holds
 * an absolute address but the distance to the link address, which is computed.
 * The kernel reaches its link address by a trap: stvec points to the next
 * instruction up there when satp is written, so no address needs to be mapped
 * twice and any physical address will do.
 */
#include <machine/csr.h>
#include "assym.h"

#define PTE_TABLE	0x01
#define PTE_KERNEL_RWX	0xef /* V R W X G A D; until pmap_bootstrap() */
#define SR_CLEAR	(SSTATUS_FS | SSTATUS_VS | SSTATUS_SUM | SSTATUS_MXR)

#define SBI_PUTCHAR	1
#define SBI_SRST	0x53525354

	.section .head.text, "ax"
	.option	norvc

	.globl	_start
_start:
	/* Linux image header: what U-Boot's booti wants to see. */
	j	boot_entry
	nop
	.dword	0x200000		/* load offset from the start of RAM */
	.dword	__kernel_end - __kernel_start
	.dword	0			/* flags: little endian */
	.word	2			/* header version 0.2 */
	.word	0
	.dword	0
	.dword	0x5643534952		/* "RISCV" */
	.word	0x05435352		/* "RSC\5" */
	.word	0

/*
 * First hart: a0 = hart id, a1 = device tree, no paging, interrupts off, no
 * stack, bss not cleared.  A trap would come back to _start, so stvec first.
 */
boot_entry:
	lla	t0, early_trap
	csrw	stvec, t0
	csrw	sie, zero
	li	t0, SR_CLEAR
	csrc	sstatus, t0
	lla	t0, boot_taken
	li	t1, 1
	amoswap.w.aq t1, t1, (t0)
	bnez	t1, late_entry
	mv	s1, a0
	mv	s2, a1
	li	s0, 0			/* last frame record */

	lla	s3, _start
	slli	t0, s3, 64 - 21
	bnez	t0, misloaded

	lla	t0, __bss_start
	lla	t1, __bss_end
1:	sd	zero, 0(t0)
	sd	zero, 8(t0)
	sd	zero, 16(t0)
	sd	zero, 24(t0)
	sd	zero, 32(t0)
	sd	zero, 40(t0)
	sd	zero, 48(t0)
	sd	zero, 56(t0)
	addi	t0, t0, 64
	bltu	t0, t1, 1b

	/* root table -> table of the last but one GiB -> 2 MiB leaves */
	lla	t0, boot_l2
	lla	t1, boot_l1
	srli	t2, t1, 12
	slli	t2, t2, 10
	ori	t2, t2, PTE_TABLE
	li	t3, KERNEL_ROOT_IDX * 8
	add	t3, t3, t0
	sd	t2, 0(t3)
	srli	t2, s3, 12
	slli	t2, t2, 10
	ori	t2, t2, PTE_KERNEL_RWX
	addi	t1, t1, 8		/* the image starts 2 MiB into it */
	lla	t4, __kernel_end
	mv	t3, s3
	li	t5, 1 << 21
	li	t6, 1 << (21 - 12 + 10)
2:	sd	t2, 0(t1)
	addi	t1, t1, 8
	add	t2, t2, t6
	add	t3, t3, t5
	bltu	t3, t4, 2b

	srli	t0, t0, 12
	li	t1, SATP_SV39
	or	t0, t0, t1
	lla	t1, 3f
	sub	t1, t1, s3
	li	t2, KERNEL_LINK
	add	t1, t1, t2
	csrw	stvec, t1
	sfence.vma
	csrw	satp, t0
	lla	s3, msg_sv39		/* satp refused the mode: still here */
	j	early_stop

	.balign	4
3:	lla	t0, early_trap
	csrw	stvec, t0
	csrw	sscratch, zero
	sfence.vma
	lla	tp, proc0
	lla	t0, cpu_info_store
	sd	t0, P_CPU(tp)
	lla	sp, boot_stack_top
	sd	sp, P_KSTACK(tp)
	mv	a0, s1
	mv	a1, s2
	call	riscv_init
	unimp

/*
 * A hart that was told to start at hart_entry and came here.  OpenSBI up to 1.1
 * marks it startable before it stores where: a hart that looks just then goes
 * to the address of the first boot.  a0 = hart id; only the hart that
 * cpu_start_all() waits for goes on.
 */
late_entry:
	lla	t0, boot_starting
	ld	t1, 8(t0)
	fence	r, r
	ld	a1, 0(t0)
	beq	t1, a0, hart_entry
	j	late_entry

/*
 * Another hart, started by the firmware: a0 = hart id, a1 = struct hart_start.
 */
	.balign	4
	.globl	hart_entry
hart_entry:
	lla	t0, early_trap
	csrw	stvec, t0
	csrw	sie, zero
	li	t0, SR_CLEAR
	csrc	sstatus, t0
	li	s0, 0
	ld	t0, HS_SATP(a1)
	ld	tp, HS_PROC(a1)
	ld	sp, HS_SP(a1)
	ld	a0, HS_SELF(a1)
	lla	s3, _start
	lla	t1, 4f
	sub	t1, t1, s3
	li	t2, KERNEL_LINK
	add	t1, t1, t2
	csrw	stvec, t1
	sfence.vma
	csrw	satp, t0
	lla	s3, msg_sv39
	j	early_stop

	.balign	4
4:	lla	t0, trap_vector
	csrw	stvec, t0
	csrw	sscratch, zero
	sfence.vma
	call	cpu_hatch
	unimp

/*
 * Trouble before the kernel can print: say so on the firmware's console and
 * stop.  Needs no stack and no memory but the message.
 */
misloaded:
	lla	s3, msg_misloaded
	j	early_stop

	.balign	4
early_trap:
	lla	t0, early_trap_again
	csrw	stvec, t0
	lla	s3, msg_trap
	csrr	s4, scause
	csrr	s5, sepc
	csrr	s6, stval
	jal	s7, early_puts
	mv	s8, s4
	jal	s7, early_hex
	mv	s8, s5
	jal	s7, early_hex
	mv	s8, s6
	jal	s7, early_hex
	lla	s3, msg_nl
early_stop:
	jal	s7, early_puts
	li	a0, 0			/* shut down */
	li	a1, 1			/* system failure */
	li	a6, 0
	li	a7, SBI_SRST
	ecall
	.balign	4
early_trap_again:
	wfi
	j	early_trap_again

early_puts:				/* s3 = string, s7 = return */
	lbu	a0, 0(s3)
	beqz	a0, 1f
	li	a7, SBI_PUTCHAR
	ecall
	addi	s3, s3, 1
	j	early_puts
1:	jr	s7

early_hex:				/* s8 = number, s7 = return */
	li	a0, 32			/* ' ' */
	li	a7, SBI_PUTCHAR
	ecall
	li	s9, 60
2:	srl	a0, s8, s9
	andi	a0, a0, 15
	addi	a0, a0, 48		/* '0' */
	li	t0, 58
	bltu	a0, t0, 3f
	addi	a0, a0, 39		/* 'a' - '0' - 10 */
3:	li	a7, SBI_PUTCHAR
	ecall
	addi	s9, s9, -4
	bgez	s9, 2b
	jr	s7

msg_misloaded:
	.asciz	"\r\nboot: the kernel image is not at a 2 MiB boundary\r\n"
msg_sv39:
	.asciz	"\r\nboot: this hart has no Sv39 paging\r\n"
msg_trap:
	.asciz	"\r\nboot: trap before the kernel was up: scause sepc stval ="
msg_nl:
	.asciz	"\r\n"

	.section .bss.page, "aw", @nobits
	.balign	4096
boot_l2:
	.zero	4096
	.globl	boot_l1
boot_l1:
	.zero	4096
	.zero	1 << USPACE_LOG2
	.globl	boot_stack_top
boot_stack_top:

	.data
	.balign	16
	.globl	boot_starting
boot_starting:				/* struct hart_start (physical), hart */
	.dword	0, -1
boot_taken:				/* the first hart has come by */
	.word	0
