/*
 * ChaCha20 (RFC 8439, section 2.3 and 2.4).
 */

#include <lib/chacha20.h>

#define WORDS  16
#define ROUNDS 20

/*
 * Words as RV64 keeps them, sign-extended: xor and or leave them so, and the
 * compiler need not extend them again after each step.
 */
static inline int64_t
add(int64_t a, int64_t b)
{
	return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int64_t
rotl(int64_t v, int n)
{
	int64_t high = (int32_t)((uint32_t)v << n);

	/* seen as a rotation it would be done, and extended, in 32 bits */
	__asm__("" : "+r"(high));
	return high | (int64_t)(int32_t)((uint32_t)v >> (32 - n));
}

static uint32_t
le32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static void
put_le32(uint8_t *p, uint32_t v)
{
	p[0] = v;
	p[1] = v >> 8;
	p[2] = v >> 16;
	p[3] = v >> 24;
}

/*
 * The quarter round on four words.  They are variables of their own and not
 * elements of an array, so that all of them stay in registers.
 */
#define QUARTER(a, b, c, d)                \
	do {                               \
		(a) = add((a), (b));       \
		(d) = rotl((d) ^ (a), 16); \
		(c) = add((c), (d));       \
		(b) = rotl((b) ^ (c), 12); \
		(a) = add((a), (b));       \
		(d) = rotl((d) ^ (a), 8);  \
		(c) = add((c), (d));       \
		(b) = rotl((b) ^ (c), 7);  \
	} while (0)

void
chacha20_init(struct chacha20 *c, const uint8_t *key, const uint8_t *nonce,
    uint32_t counter)
{
	int i;

	c->state[0] = 0x61707865; /* "expand 32-byte k" */
	c->state[1] = 0x3320646e;
	c->state[2] = 0x79622d32;
	c->state[3] = 0x6b206574;
	for (i = 0; i < 8; i++)
		c->state[4 + i] = le32(key + 4 * i);
	c->state[12] = counter;
	for (i = 0; i < 3; i++)
		c->state[13 + i] = le32(nonce + 4 * i);
}

void
chacha20_rounds_generic(const uint32_t *state, uint32_t *x)
{
	int64_t x0 = (int32_t)state[0], x1 = (int32_t)state[1];
	int64_t x2 = (int32_t)state[2], x3 = (int32_t)state[3];
	int64_t x4 = (int32_t)state[4], x5 = (int32_t)state[5];
	int64_t x6 = (int32_t)state[6], x7 = (int32_t)state[7];
	int64_t x8 = (int32_t)state[8], x9 = (int32_t)state[9];
	int64_t x10 = (int32_t)state[10], x11 = (int32_t)state[11];
	int64_t x12 = (int32_t)state[12], x13 = (int32_t)state[13];
	int64_t x14 = (int32_t)state[14], x15 = (int32_t)state[15];
	int i;

	for (i = 0; i < ROUNDS; i += 2) {
		QUARTER(x0, x4, x8, x12);
		QUARTER(x1, x5, x9, x13);
		QUARTER(x2, x6, x10, x14);
		QUARTER(x3, x7, x11, x15);
		QUARTER(x0, x5, x10, x15);
		QUARTER(x1, x6, x11, x12);
		QUARTER(x2, x7, x8, x13);
		QUARTER(x3, x4, x9, x14);
	}
	x[0] = (uint32_t)x0;
	x[1] = (uint32_t)x1;
	x[2] = (uint32_t)x2;
	x[3] = (uint32_t)x3;
	x[4] = (uint32_t)x4;
	x[5] = (uint32_t)x5;
	x[6] = (uint32_t)x6;
	x[7] = (uint32_t)x7;
	x[8] = (uint32_t)x8;
	x[9] = (uint32_t)x9;
	x[10] = (uint32_t)x10;
	x[11] = (uint32_t)x11;
	x[12] = (uint32_t)x12;
	x[13] = (uint32_t)x13;
	x[14] = (uint32_t)x14;
	x[15] = (uint32_t)x15;
	for (i = 0; i < WORDS; i++)
		x[i] += state[i];
}

/* Set once at boot. */
static chacha20_rounds_t *rounds = chacha20_rounds_generic;

void
chacha20_set_rounds(chacha20_rounds_t *fn)
{
	rounds = fn;
}

/*
 * The next block as words in x.
 */
static void
next_block(struct chacha20 *c, uint32_t *x)
{
	rounds(c->state, x);
	c->state[12]++;
}

/*
 * Key stream must not stay behind on a stack; the volatile accesses keep the
 * compiler from seeing that nobody reads it any more.
 */
static void
wipe(volatile uint32_t *x)
{
	int i;

	for (i = 0; i < WORDS; i++)
		x[i] = 0;
}

void
chacha20_block(struct chacha20 *c, uint8_t *out)
{
	uint32_t x[WORDS];
	int i;

	next_block(c, x);
	for (i = 0; i < WORDS; i++)
		put_le32(out + 4 * i, x[i]);
	wipe(x);
}

/* Memory as words, whatever else it is used as. */
typedef uint32_t __attribute__((may_alias)) word_alias;

/*
 * A whole block, when words of memory are what RFC 8439 serialises.
 * => 0: they are not here
 */
static inline int
xor_words(uint8_t *dst, const uint8_t *src, const uint32_t *x)
{
	word_alias *d = (word_alias *)(void *)dst;
	const word_alias *s = (const word_alias *)(const void *)src;
	int i;

	if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__ ||
	    (((uintptr_t)dst | (uintptr_t)src) % sizeof(*d)) != 0)
		return 0;
	for (i = 0; i < WORDS; i++)
		d[i] = s[i] ^ x[i];
	return 1;
}

void
chacha20_xor(struct chacha20 *c, uint8_t *dst, const uint8_t *src, size_t len)
{
	uint32_t x[WORDS];
	size_t i, n;

	for (; len > 0; len -= n, dst += n, src += n) {
		next_block(c, x);
		n = len < CHACHA20_BLOCKLEN ? len : CHACHA20_BLOCKLEN;
		if (n == CHACHA20_BLOCKLEN && xor_words(dst, src, x))
			continue;
		for (i = 0; i + 4 <= n; i += 4)
			put_le32(dst + i, le32(src + i) ^ x[i / 4]);
		for (; i < n; i++)
			dst[i] = src[i] ^ (uint8_t)(x[i / 4] >> i % 4 * 8);
	}
	wipe(x);
}
