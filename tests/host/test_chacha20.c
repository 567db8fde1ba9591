/*
 * ChaCha20: the vectors of RFC 8439, and that pieces agree with the whole.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lib/chacha20.h>

#include "test.h"

static void
from_hex(const char *hex, uint8_t *out)
{
	unsigned int v;

	for (; *hex != '\0'; hex += 2) {
		while (*hex == ' ')
			hex++;
		CHECK(sscanf(hex, "%2x", &v) == 1);
		*out++ = v;
	}
}

static void
same(const uint8_t *got, const char *hex, size_t len)
{
	uint8_t want[256];

	from_hex(hex, want);
	CHECK(memcmp(got, want, len) == 0);
}

/* RFC 8439 2.3.2 */
TEST(chacha20_block_vector)
{
	uint8_t key[32], nonce[12], out[64];
	struct chacha20 c;
	int i;

	for (i = 0; i < 32; i++)
		key[i] = i;
	from_hex("000000090000004a00000000", nonce);
	chacha20_init(&c, key, nonce, 1);
	chacha20_block(&c, out);
	same(out,
	    "10f1e7e4d13b5915500fdd1fa32071c4c7d1f4c733c068030422aa9ac3d46c4e"
	    "d2826446079faa0914c2d705d98b02a2b5129cd1de164eb9cbd083e8a2503c4e",
	    64);
	CHECK_EQ(c.state[12], 2);
}

/* RFC 8439 2.4.2 */
TEST(chacha20_xor_vector)
{
	static const char text[] =
	    "Ladies and Gentlemen of the class of '99: If I could offer you "
	    "only one tip for the future, sunscreen would be it.";
	uint8_t key[32], nonce[12], out[sizeof(text)];
	size_t len = sizeof(text) - 1;
	struct chacha20 c;
	int i;

	for (i = 0; i < 32; i++)
		key[i] = i;
	from_hex("000000000000004a00000000", nonce);
	chacha20_init(&c, key, nonce, 1);
	chacha20_xor(&c, out, (const uint8_t *)text, len);
	CHECK_EQ(len, 114);
	same(out,
	    "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0b"
	    "f91b65c5524733ab8f593dabcd62b3571639d624e65152ab8f530c359f0861d8"
	    "07ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
	    "5af90bbf74a35be6b40b8eedf2785e42874d",
	    len);
	chacha20_init(&c, key, nonce, 1);
	chacha20_xor(&c, out, out, len); /* in place, back again */
	CHECK(memcmp(out, text, len) == 0);
}

/* RFC 8439 appendix A.1, vectors 1 to 3 and 5. */
TEST(chacha20_more_vectors)
{
	uint8_t key[32], nonce[12], out[64];
	struct chacha20 c;

	memset(key, 0, sizeof(key));
	memset(nonce, 0, sizeof(nonce));
	chacha20_init(&c, key, nonce, 0);
	chacha20_block(&c, out);
	same(out,
	    "76b8e0ada0f13d90405d6ae55386bd28bdd219b8a08ded1aa836efcc8b770dc7"
	    "da41597c5157488d7724e03fb8d84a376a43b8f41518a11cc387b669b2ee6586",
	    64);
	chacha20_block(&c, out);
	same(out,
	    "9f07e7be5551387a98ba977c732d080dcb0f29a048e3656912c6533e32ee7aed"
	    "29b721769ce64e43d57133b074d839d531ed1f28510afb45ace10a1f4b794d6f",
	    64);
	key[31] = 1;
	chacha20_init(&c, key, nonce, 1);
	chacha20_block(&c, out);
	same(out,
	    "3aeb5224ecf849929b9d828db1ced4dd832025e8018b8160b82284f3c949aa5a"
	    "8eca00bbb4a73bdad192b5c42f73f2fd4e273644c8b36125a64addeb006c13a0",
	    64);
	key[31] = 0;
	nonce[11] = 2;
	chacha20_init(&c, key, nonce, 0);
	chacha20_block(&c, out);
	same(out,
	    "c2c64d378cd536374ae204b9ef933fcd1a8b2288b3dfa49672ab765b54ee27c7"
	    "8a970e0e955c14f3a88e741b97c286f75f8fc299e8148362fa198a39531bed6d",
	    64);
}

/* Any length at any alignment is the key stream xored in. */
TEST(chacha20_lengths)
{
	uint8_t key[33], nonce[13], in[300], out[300], stream[320];
	struct chacha20 c, d;
	size_t len, off, i;
	int round;

	for (round = 0; round < 500; round++) {
		for (i = 0; i < sizeof(key); i++)
			key[i] = test_rnd();
		for (i = 0; i < sizeof(nonce); i++)
			nonce[i] = test_rnd();
		for (i = 0; i < sizeof(in); i++)
			in[i] = test_rnd();
		off = test_below(8);
		len = test_below(sizeof(in) - off);
		chacha20_init(&c, key + 1, nonce + 1, 0xfffffffe);
		d = c;
		for (i = 0; i < 5; i++)
			chacha20_block(&c, stream + 64 * i);
		memset(out, 0x77, sizeof(out));
		chacha20_xor(&d, out + off, in + off, len);
		for (i = 0; i < sizeof(out); i++)
			CHECK_EQ(out[i],
			    i < off || i >= off + len
				? 0x77
				: in[i] ^ stream[i - off]);
	}
}
