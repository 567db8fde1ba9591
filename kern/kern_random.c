/*
 * Random numbers: ChaCha20 with fast key erasure.
 *
 * Each hart has a generator: a buffer of key stream whose first bytes became
 * the next key the moment it was made, and whose other bytes are wiped as they
 * are handed out.  Whoever learns the state later learns nothing about output
 * given before.  Entropy goes into one key for all, the root; every hart takes
 * a new key from it when its generation is behind the root's.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>
#include <lib/chacha20.h>

#define RANDOM_BUF (4 * CHACHA20_BLOCKLEN)

/*
 * Locks used to protect members:
 *	h	by the hart itself with interrupts off
 */
struct random_cpu {
	uint32_t rc_generation; /* [h] root generation the key came from */
	uint32_t rc_left; /* [h] unused bytes at the end of rc_buf */
	uint8_t rc_key[CHACHA20_KEYLEN]; /* [h] */
	uint8_t rc_buf[RANDOM_BUF]; /* [h] */
};
static struct random_cpu random_cpus[MAXCPUS];

static struct mutex random_mtx = MUTEX_INITIALIZER(LR_MISC, "random");
static uint8_t random_root[CHACHA20_KEYLEN]; /* [random_mtx] */
static volatile uint32_t random_generation; /* [random_mtx], read freely */

/*
 * Replace key by key stream made with it, and give more of that out.
 */
static void
key_erase(uint8_t key[CHACHA20_KEYLEN], uint64_t nonce,
    uint8_t block[CHACHA20_BLOCKLEN])
{
	uint8_t n[CHACHA20_NONCELEN] = { 0 };
	struct chacha20 c;

	memcpy(n, &nonce, sizeof(nonce));
	chacha20_init(&c, key, n, 0);
	chacha20_block(&c, block);
	memcpy(key, block, CHACHA20_KEYLEN);
	memset(&c, 0, sizeof(c));
}

void
random_add(const void *buf, size_t len)
{
	uint8_t block[CHACHA20_BLOCKLEN];
	const uint8_t *src = buf;
	size_t n;

	mtx_enter(&random_mtx);
	do {
		n = MIN(len, CHACHA20_KEYLEN);
		for (size_t i = 0; i < n; i++)
			random_root[i] ^= src[i];
		key_erase(random_root, nsecuptime(), block);
		src += n;
		len -= n;
	} while (len > 0);
	atomic_store(&random_generation, random_generation + 1);
	mtx_leave(&random_mtx);
	memset(block, 0, sizeof(block));
}

/*
 * A key of this hart's own, from the root.
 * => interrupts off
 */
static void
random_rekey(struct random_cpu *rc, uint32_t hart)
{
	uint8_t block[CHACHA20_BLOCKLEN];

	mtx_enter(&random_mtx);
	key_erase(random_root, nsecuptime() ^ ((uint64_t)hart << 56), block);
	rc->rc_generation = random_generation;
	mtx_leave(&random_mtx);
	for (size_t i = 0; i < CHACHA20_KEYLEN; i++)
		rc->rc_key[i] ^= block[CHACHA20_KEYLEN + i];
	memset(block, 0, sizeof(block));
}

/* => interrupts off: the buffer is full of fresh bytes */
static void
random_refill(struct random_cpu *rc, uint32_t hart)
{
	static const uint8_t nonce[CHACHA20_NONCELEN];
	struct chacha20 c;

	if (rc->rc_generation != atomic_load(&random_generation))
		random_rekey(rc, hart);
	chacha20_init(&c, rc->rc_key, nonce, 0);
	for (size_t i = 0; i < RANDOM_BUF; i += CHACHA20_BLOCKLEN)
		chacha20_block(&c, rc->rc_buf + i);
	memcpy(rc->rc_key, rc->rc_buf, CHACHA20_KEYLEN);
	memset(rc->rc_buf, 0, CHACHA20_KEYLEN);
	memset(&c, 0, sizeof(c));
	rc->rc_left = RANDOM_BUF - CHACHA20_KEYLEN;
}

/*
 * Up to what the buffer holds.
 * => returns the bytes given
 */
static size_t
random_take(uint8_t *dst, size_t len)
{
	unsigned long s = intr_disable();
	uint32_t hart = curcpu()->ci_index;
	struct random_cpu *rc = &random_cpus[hart];
	uint8_t *src;

	if (rc->rc_left == 0 ||
	    rc->rc_generation != atomic_load(&random_generation))
		random_refill(rc, hart);
	len = MIN(len, rc->rc_left);
	src = rc->rc_buf + RANDOM_BUF - rc->rc_left;
	memcpy(dst, src, len);
	memset(src, 0, len);
	rc->rc_left -= (uint32_t)len;
	intr_restore(s);
	return len;
}

void
arc4random_buf(void *buf, size_t len)
{
	uint8_t *dst = buf;
	size_t n;

	while (len > 0) {
		n = random_take(dst, len);
		dst += n;
		len -= n;
	}
}

uint32_t
arc4random(void)
{
	uint32_t x;

	arc4random_buf(&x, sizeof(x));
	return x;
}

uint64_t
arc4random64(void)
{
	uint64_t x;

	arc4random_buf(&x, sizeof(x));
	return x;
}

/*
 * The boot code has added the tree's rng-seed, if there is one; the clocks
 * differ from boot to boot even if it has none.
 */
void
random_init(void)
{
	uint64_t noise[4] = { nsecuptime(), nsecwall(),
		(uint64_t)(uintptr_t)&noise, curcpu()->ci_hartid };

	random_add(noise, sizeof(noise));
	for (int i = 0; i < 32; i++) {
		noise[i % 4] = nsecuptime();
		random_add(noise, sizeof(noise));
	}
}
