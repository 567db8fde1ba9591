/*
 * Copies between user and kernel space, and copies that survive a fault.
 *
 * A fault inside [copy_begin, copy_end) that cannot be resolved goes on at
 * copy_fault; one inside [nofault_begin, nofault_end) or [pages_begin,
 * pages_end) that cannot be resolved at once at nofault_fault or pages_fault.
 * The functions are leaves without a stack frame, so these can return to the
 * caller at once.
 *
 * User addresses are accessible only between SUM_ON and SUM_OFF: once per call,
 * for changing SUM is dear on some machines.
 */
#include <machine/csr.h>
#include "assym.h"

#define LOCAL_SUM	t6

	.macro	SUM_ON
	li	LOCAL_SUM, SSTATUS_SUM
	csrs	sstatus, LOCAL_SUM
	.endm

	.macro	SUM_OFF
	csrc	sstatus, LOCAL_SUM
	.endm

/*
 * Is [addr, addr + len) in the user half?  The unmapped page at its end needs
 * no test of its own.  Uses t0.
 */
	.macro	CHECK_USER addr, len
	add	t0, \addr, \len
	or	t0, t0, \addr
	or	t0, t0, \len
	srli	t0, t0, 38
	bnez	t0, copy_badaddr
	.endm

/* 64 bytes from \off on.  Uses a3-a7, t1-t3. */
	.macro	COPY64 src, dst, off
	ld	a3, \off(\src)
	ld	a4, \off + 8(\src)
	ld	a5, \off + 16(\src)
	ld	a6, \off + 24(\src)
	ld	a7, \off + 32(\src)
	ld	t1, \off + 40(\src)
	ld	t2, \off + 48(\src)
	ld	t3, \off + 56(\src)
	sd	a3, \off(\dst)
	sd	a4, \off + 8(\dst)
	sd	a5, \off + 16(\dst)
	sd	a6, \off + 24(\dst)
	sd	a7, \off + 32(\dst)
	sd	t1, \off + 40(\dst)
	sd	t2, \off + 48(\dst)
	sd	t3, \off + 56(\dst)
	.endm

	.macro	COPY256 src, dst
	COPY64	\src, \dst, 0
	COPY64	\src, \dst, 64
	COPY64	\src, \dst, 128
	COPY64	\src, \dst, 192
	.endm

/*
 * Copy a2 bytes from a0 to a1.  Uses a0-a7, t0-t5.
 * Long copies run in steps of 256 and of 64 bytes where both sides can be
 * aligned, else by aligned loads, shifts and aligned stores; such a load never
 * touches an aligned word that holds none of the bytes wanted.
 */
	.macro	COPY
	sltiu	t0, a2, 8
	bnez	t0, 50f
	xor	t0, a0, a1
	andi	t0, t0, 7
	bnez	t0, 30f
	andi	t0, a0, 7
	beqz	t0, 12f
11:	lbu	t1, 0(a0)		/* up to the boundary */
	addi	a2, a2, -1
	sb	t1, 0(a1)
	addi	a0, a0, 1
	addi	a1, a1, 1
	andi	t0, a0, 7
	bnez	t0, 11b
12:	li	t0, 64
	bltu	a2, t0, 14f
	li	t4, 256
	bltu	a2, t4, 13f
16:	COPY256	a0, a1
	addi	a2, a2, -256
	addi	a0, a0, 256
	addi	a1, a1, 256
	bgeu	a2, t4, 16b
	bltu	a2, t0, 14f
13:	COPY64	a0, a1, 0
	addi	a2, a2, -64
	addi	a0, a0, 64
	addi	a1, a1, 64
	bgeu	a2, t0, 13b
14:	sltiu	t0, a2, 8
	bnez	t0, 50f
15:	ld	t1, 0(a0)
	addi	a2, a2, -8
	sd	t1, 0(a1)
	sltiu	t0, a2, 8
	addi	a0, a0, 8
	addi	a1, a1, 8
	beqz	t0, 15b
	j	50f

30:	sltiu	t0, a2, 24		/* different alignments */
	bnez	t0, 50f
	j	32f
31:	lbu	t1, 0(a0)
	addi	a2, a2, -1
	sb	t1, 0(a1)
	addi	a0, a0, 1
	addi	a1, a1, 1
32:	andi	t0, a1, 7
	bnez	t0, 31b
	andi	t1, a0, 7
	sub	a3, a0, t1		/* aligned source */
	slli	t2, t1, 3		/* bits of the first word to drop */
	neg	t3, t2			/* shifts count modulo 64 */
	ld	a4, 0(a3)
33:	ld	a5, 8(a3)
	srl	a4, a4, t2
	sll	a6, a5, t3
	or	a6, a6, a4
	mv	a4, a5
	sd	a6, 0(a1)
	addi	a2, a2, -8
	addi	a3, a3, 8
	addi	a1, a1, 8
	sltiu	t0, a2, 8
	beqz	t0, 33b
	add	a0, a3, t1

50:	beqz	a2, 52f			/* the rest, or a short copy */
51:	lbu	t1, 0(a0)
	addi	a2, a2, -1
	sb	t1, 0(a1)
	addi	a0, a0, 1
	addi	a1, a1, 1
	bnez	a2, 51b
52:
	.endm

	.section .text.copy, "ax"
	.globl	copy_begin, copy_end, copy_fault
	.globl	nofault_begin, nofault_end, nofault_fault
	.globl	copyin, copyout, copyinstr, copyin32, copyout32, ucas32, kcopy
	.globl	pages_begin, pages_end, pages_fault
	.globl	kcopy_nofault, copyout_pages

	.balign	64
copy_begin:

/* int copyin(const void *uaddr, void *kaddr, size_t len) */
copyin:
	CHECK_USER a0, a2
	SUM_ON
	COPY
	SUM_OFF
	li	a0, 0
	ret

/* int copyout(const void *kaddr, void *uaddr, size_t len) */
	.balign	16
copyout:
	CHECK_USER a1, a2
	SUM_ON
	COPY
	SUM_OFF
	li	a0, 0
	ret

/* int kcopy(const void *src, void *dst, size_t len): both in the upper half */
	.balign	16
kcopy:
	and	t0, a0, a1
	li	LOCAL_SUM, 0		/* for copy_fault */
	bgez	t0, copy_badaddr
	COPY
	li	a0, 0
	ret

/* int copyinstr(const void *uaddr, void *kaddr, size_t len, size_t *lenp) */
	.balign	16
copyinstr:
	li	t1, 0
	CHECK_USER a0, t1
	mv	t2, a2
	beqz	a2, 2f
	SUM_ON
1:	lbu	t1, 0(a0)
	addi	a2, a2, -1
	sb	t1, 0(a1)
	addi	a0, a0, 1
	addi	a1, a1, 1
	beqz	t1, 3f
	bnez	a2, 1b
	SUM_OFF
2:	li	a0, A_ENAMETOOLONG
	j	4f
3:	SUM_OFF
	li	a0, 0
4:	beqz	a3, 5f
	sub	t2, t2, a2
	sd	t2, 0(a3)
5:	ret

/* int copyin32(const uint32_t *uaddr, uint32_t *kaddr) */
	.balign	16
copyin32:
	srli	t0, a0, 38
	andi	t1, a0, 3
	or	t0, t0, t1
	bnez	t0, copy_badaddr
	SUM_ON
	lw	t0, 0(a0)
	SUM_OFF
	sw	t0, 0(a1)
	li	a0, 0
	ret

/* int copyout32(uint32_t value, uint32_t *uaddr) */
	.balign	16
copyout32:
	srli	t0, a1, 38
	andi	t1, a1, 3
	or	t0, t0, t1
	bnez	t0, copy_badaddr
	SUM_ON
	sw	a0, 0(a1)
	SUM_OFF
	li	a0, 0
	ret

/* int ucas32(uint32_t *uaddr, uint32_t *old, uint32_t new) */
	.balign	16
ucas32:
	srli	t0, a0, 38
	andi	t1, a0, 3
	or	t0, t0, t1
	bnez	t0, copy_badaddr
	lw	t0, 0(a1)
	SUM_ON
1:	lr.w.aqrl t1, (a0)
	bne	t1, t0, 2f
	sc.w.rl	t2, a2, (a0)
	bnez	t2, 1b
2:	SUM_OFF
	sw	t1, 0(a1)
	li	a0, 0
	ret
copy_end:

copy_fault:				/* the trap brought SUM back */
	SUM_OFF
copy_badaddr:
	li	a0, A_EFAULT
	ret

/*
 * size_t copyout_pages(void *const kaddr[], size_t n, void *uaddr)
 *
 * What faults and cannot be resolved at once goes on at pages_fault.
 */
	.balign	16
pages_begin:
copyout_pages:
	li	LOCAL_SUM, SSTATUS_SUM
	slli	t5, a1, 12
	add	t5, a2, t5		/* where it ends */
	or	t0, t5, a2
	srli	t0, t0, 38
	mv	t4, a0
	mv	a1, a2			/* where it is */
	bnez	t0, 3f
	csrs	sstatus, LOCAL_SUM
1:	beq	a1, t5, 3f
	ld	a0, 0(t4)
	addi	t4, t4, 8
	li	t0, 4096
	add	t0, t0, a1
2:	COPY256	a0, a1
	addi	a0, a0, 256
	addi	a1, a1, 256
	bne	a1, t0, 2b
	j	1b
pages_end:
pages_fault:
3:	SUM_OFF
	sub	a0, a1, a2		/* whole pages */
	srli	a0, a0, 12
	ret

	.balign	16
nofault_begin:
/* int kcopy_nofault(const void *src, void *dst, size_t len) */
kcopy_nofault:
	COPY
	li	a0, 0
	ret
nofault_end:

nofault_fault:
	li	a0, A_EFAULT
	ret
