/*
 * ChaCha20 (RFC 8439, section 2.3 and 2.4).
 */

#include <lib/chacha20.h>

#define WORDS  16
#define ROUNDS 20

static uint32_t
rotl(uint32_t v, int n)
{
	return v << n | v >> (32 - n);
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
 * The quarter round on four words of x.
 */
static inline void
quarter(uint32_t *x, int a, int b, int c, int d)
{
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 16);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 12);
	x[a] += x[b];
	x[d] = rotl(x[d] ^ x[a], 8);
	x[c] += x[d];
	x[b] = rotl(x[b] ^ x[c], 7);
}

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

/*
 * The next block as words in x.
 */
static void
next_block(struct chacha20 *c, uint32_t *x)
{
	int i;

	for (i = 0; i < WORDS; i++)
		x[i] = c->state[i];
	for (i = 0; i < ROUNDS; i += 2) {
		quarter(x, 0, 4, 8, 12);
		quarter(x, 1, 5, 9, 13);
		quarter(x, 2, 6, 10, 14);
		quarter(x, 3, 7, 11, 15);
		quarter(x, 0, 5, 10, 15);
		quarter(x, 1, 6, 11, 12);
		quarter(x, 2, 7, 8, 13);
		quarter(x, 3, 4, 9, 14);
	}
	for (i = 0; i < WORDS; i++)
		x[i] += c->state[i];
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
