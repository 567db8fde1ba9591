/*
 * The rounds of ChaCha20 (RFC 8439, section 2.3) for harts that rotate in one
 * instruction (Zbb): 1,000 instructions a block instead of 1,700.
 */

	.option arch, +zbb

/* RFC 8439, section 2.1; roriw by 32 - n rotates left by n. */
.macro	quarter a, b, c, d
	addw	\a, \a, \b
	xor	\d, \d, \a
	roriw	\d, \d, 16
	addw	\c, \c, \d
	xor	\b, \b, \c
	roriw	\b, \b, 20
	addw	\a, \a, \b
	xor	\d, \d, \a
	roriw	\d, \d, 24
	addw	\c, \c, \d
	xor	\b, \b, \c
	roriw	\b, \b, 25
.endm

/* Word \n of the result: what the rounds made of it, plus what it was. */
.macro	finish n, x
	lw	s4, 4 * \n(a0)
	addw	s4, s4, \x
	sw	s4, 4 * \n(a1)
.endm

/*
 * void chacha20_rounds_zbb(const uint32_t *state, uint32_t *x)
 * Words 0 to 15 are in t0-t6, a2-a7, s1-s3.
 */
	.text
	.globl	chacha20_rounds_zbb
	.type	chacha20_rounds_zbb, @function
	.balign	4
chacha20_rounds_zbb:
	addi	sp, sp, -32
	sd	s1, 0(sp)
	sd	s2, 8(sp)
	sd	s3, 16(sp)
	sd	s4, 24(sp)
	lw	t0, 0(a0)
	lw	t1, 4(a0)
	lw	t2, 8(a0)
	lw	t3, 12(a0)
	lw	t4, 16(a0)
	lw	t5, 20(a0)
	lw	t6, 24(a0)
	lw	a2, 28(a0)
	lw	a3, 32(a0)
	lw	a4, 36(a0)
	lw	a5, 40(a0)
	lw	a6, 44(a0)
	lw	a7, 48(a0)
	lw	s1, 52(a0)
	lw	s2, 56(a0)
	lw	s3, 60(a0)
	li	s4, 10
1:
	quarter	t0, t4, a3, a7
	quarter	t1, t5, a4, s1
	quarter	t2, t6, a5, s2
	quarter	t3, a2, a6, s3
	quarter	t0, t5, a5, s3
	quarter	t1, t6, a6, a7
	quarter	t2, a2, a3, s1
	quarter	t3, t4, a4, s2
	addi	s4, s4, -1
	bnez	s4, 1b
	finish	0, t0
	finish	1, t1
	finish	2, t2
	finish	3, t3
	finish	4, t4
	finish	5, t5
	finish	6, t6
	finish	7, a2
	finish	8, a3
	finish	9, a4
	finish	10, a5
	finish	11, a6
	finish	12, a7
	finish	13, s1
	finish	14, s2
	finish	15, s3
	ld	s1, 0(sp)
	ld	s2, 8(sp)
	ld	s3, 16(sp)
	ld	s4, 24(sp)
	addi	sp, sp, 32
	ret
	.size	chacha20_rounds_zbb, . - chacha20_rounds_zbb
