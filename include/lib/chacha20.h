#ifndef _LIB_CHACHA20_H_
#define _LIB_CHACHA20_H_

/*
 * ChaCha20 as in RFC 8439: 256-bit key, 96-bit nonce, 32-bit block counter.
 * Constant time: no branch and no address depends on key or data.
 */

#include <stddef.h>
#include <stdint.h>

#define CHACHA20_KEYLEN   32
#define CHACHA20_NONCELEN 12
#define CHACHA20_BLOCKLEN 64

/*
 * Locks: [o] belongs to the caller, who serialises use of it.
 */
struct chacha20 {
	uint32_t state[16]; /* [o] constants, key, counter, nonce */
};

/*
 * chacha20_init: set key, nonce and first block number.
 *
 * => key and nonce may have any alignment and may be wiped afterwards
 */
void
chacha20_init(struct chacha20 *, const uint8_t *, const uint8_t *, uint32_t);

/*
 * chacha20_block: the next 64 bytes of key stream.
 *
 * => the block number wraps after 2^32 blocks; the caller must have changed
 *    the nonce before that
 */
void chacha20_block(struct chacha20 *, uint8_t *);

/*
 * chacha20_xor: xor len bytes with the key stream.
 *
 * => dst and src are equal or do not overlap
 * => starts at a block boundary; what remains of the last block is dropped
 */
void chacha20_xor(struct chacha20 *, uint8_t *, const uint8_t *, size_t);

/*
 * One block: from the state, 16 words, to the words of the key stream.
 */
typedef void chacha20_rounds_t(const uint32_t *, uint32_t *);

/*
 * chacha20_rounds_generic: what is used where the machine has no faster way.
 *
 * => any context
 */
void chacha20_rounds_generic(const uint32_t *, uint32_t *);

/*
 * chacha20_set_rounds: what is used from now on.
 *
 * => at boot, while one hart runs
 */
void chacha20_set_rounds(chacha20_rounds_t *);

#endif /* _LIB_CHACHA20_H_ */
