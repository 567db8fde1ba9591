/*
 * Contents of swap are encrypted: who gets hold of the disk learns nothing of
 * what programs had in memory.
 *
 * Each section of a device has a key, drawn when its first slot is written and
 * wiped when its last slot is freed: from then on nobody can read it.  The
 * nonce is the slot and how often it was written, so that no key stream serves
 * twice.
 */
#define _UVM_SWAP_PRIVATE
#include <uvm/uvm.h>
#include <uvm/uvm_swap.h>
#include <lib/chacha20.h>

static int keys_created, keys_deleted; /* [swap_mtx] since boot */
static u_long cipher_ns; /* [atomic] spent on encryption since boot */

_Static_assert(SWAP_KEYLEN == CHACHA20_KEYLEN, "size of a key");

/* The compiler must not see that nobody reads it any more. */
static void
wipe(volatile uint8_t *p, size_t n)
{
	while (n-- > 0)
		*p++ = 0;
}

void
uvm_swapkey_take(struct swapdev *sd, uint32_t i, uint32_t n)
{
	MUTEX_ASSERT_LOCKED(&swap_mtx);
	for (; n > 0; n--, i++)
		sd->sd_section[i / SWAP_SECTION].ss_used++;
}

void
uvm_swapkey_drop(struct swapdev *sd, uint32_t i, uint32_t n)
{
	struct swap_section *ss;

	MUTEX_ASSERT_LOCKED(&swap_mtx);
	for (; n > 0; n--, i++) {
		ss = &sd->sd_section[i / SWAP_SECTION];
		KASSERT(ss->ss_used > 0);
		if (--ss->ss_used == 0 && ss->ss_keyed &&
		    !MUTANT(SWAP_KEY_STAYS)) {
			wipe(ss->ss_key, sizeof(ss->ss_key));
			ss->ss_keyed = false;
			keys_deleted++;
		}
	}
}

void
uvm_swapkey_counts(int *created, int *deleted)
{
	mtx_enter(&swap_mtx);
	*created = keys_created;
	*deleted = keys_deleted;
	mtx_leave(&swap_mtx);
}

/*
 * The cipher for a slot's contents.
 * => write: for new contents
 */
static void
slot_cipher(int slot, bool write, struct chacha20 *c)
{
	struct swap_section *ss;
	struct swapdev *sd;
	union {
		uint32_t word[CHACHA20_NONCELEN / 4];
		uint8_t byte[CHACHA20_NONCELEN];
	} nonce;
	uint32_t i;

	mtx_enter(&swap_mtx);
	sd = uvm_swap_devof(slot, &i);
	ss = &sd->sd_section[i / SWAP_SECTION];
	if (!ss->ss_keyed) {
		arc4random_buf(ss->ss_key, sizeof(ss->ss_key));
		ss->ss_keyed = true;
		keys_created++;
	}
	if (write && !MUTANT(SWAP_NONCE_REUSED))
		sd->sd_gen[i]++;
	nonce.word[0] = MUTANT(SWAP_NONCE_SHARED) ? 0 : i;
	nonce.word[1] = sd->sd_gen[i];
	nonce.word[2] = 0;
	chacha20_init(c, ss->ss_key, nonce.byte, 0);
	mtx_leave(&swap_mtx);
}

/* What encryption costs is part of what paging costs: bench/swapcost.c. */
static void
count_time(uint64_t begin)
{
	uint64_t now = nsecuptime();

	(void)atomic_add(&cipher_ns, now - begin);
}

uint64_t
uvm_swap_cipher_ns(void)
{
	return atomic_load(&cipher_ns);
}

void
uvm_swap_encrypt(int slot, void *dst, const void *src)
{
	uint64_t begin = nsecuptime();
	struct chacha20 c;

	slot_cipher(slot, true, &c);
	chacha20_xor(&c, dst, src, PAGE_SIZE);
	wipe((volatile uint8_t *)&c, sizeof(c));
	count_time(begin);
}

void
uvm_swap_decrypt(int slot, void *page)
{
	uint64_t begin = nsecuptime();
	struct chacha20 c;

	slot_cipher(slot, false, &c);
	chacha20_xor(&c, page, page, PAGE_SIZE);
	wipe((volatile uint8_t *)&c, sizeof(c));
	count_time(begin);
}
