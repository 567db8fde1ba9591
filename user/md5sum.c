/*
 * md5sum: MD5 digests of files (RFC 1321), and whether files have those a list
 * says.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "box.h"

struct md5 {
	uint32_t state[4];
	uint64_t bytes;
	uint8_t block[64]; /* bytes % 64 of it are used */
};

/* floor(2^32 * |sin(i + 1)|) */
static const uint32_t md5_k[64] = { 0xd76aa478, 0xe8c7b756, 0x242070db,
	0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501, 0x698098d8,
	0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e,
	0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
	0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87,
	0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942,
	0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60,
	0xbebfbc70, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039,
	0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244, 0x432aff97, 0xab9423a7,
	0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1, 0x6fa87e4f,
	0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
	0xeb86d391 };
static const uint8_t md5_shift[4][4] = { { 7, 12, 17, 22 }, { 5, 9, 14, 20 },
	{ 4, 11, 16, 23 }, { 6, 10, 15, 21 } };

static uint32_t
rotate(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

/* One of four rounds' function of three words, and which word of the block. */
static uint32_t
mix(unsigned i, uint32_t b, uint32_t c, uint32_t d, unsigned *word)
{
	switch (i / 16) {
	case 0:
		*word = i;
		return (b & c) | (~b & d);
	case 1:
		*word = (5 * i + 1) % 16;
		return (d & b) | (~d & c);
	case 2:
		*word = (3 * i + 5) % 16;
		return b ^ c ^ d;
	default:
		*word = 7 * i % 16;
		return c ^ (b | ~d);
	}
}

static void
md5_block(struct md5 *m)
{
	uint32_t s[4], w[16], f, t;
	unsigned word;

	memcpy(s, m->state, sizeof(s));
	for (int i = 0; i < 16; i++)
		w[i] = (uint32_t)m->block[4 * i] |
		    (uint32_t)m->block[4 * i + 1] << 8 |
		    (uint32_t)m->block[4 * i + 2] << 16 |
		    (uint32_t)m->block[4 * i + 3] << 24;
	for (unsigned i = 0; i < 64; i++) {
		f = mix(i, s[1], s[2], s[3], &word) + s[0] + md5_k[i] + w[word];
		t = s[3];
		s[3] = s[2];
		s[2] = s[1];
		s[1] += rotate(f, md5_shift[i / 16][i % 4]);
		s[0] = t;
	}
	for (int i = 0; i < 4; i++)
		m->state[i] += s[i];
}

static void
md5_add(struct md5 *m, const void *data, size_t len)
{
	const uint8_t *p = data;
	size_t used, n;

	for (; len > 0; len -= n, p += n) {
		used = m->bytes % 64;
		n = 64 - used < len ? 64 - used : len;
		memcpy(m->block + used, p, n);
		m->bytes += n;
		if (used + n == 64)
			md5_block(m);
	}
}

static void
md5_end(struct md5 *m, char *hex)
{
	uint64_t bits = m->bytes * 8;
	uint8_t len[8];

	for (int i = 0; i < 8; i++)
		len[i] = (uint8_t)(bits >> 8 * i);
	md5_add(m, "\x80", 1);
	while (m->bytes % 64 != 56)
		md5_add(m, "", 1);
	md5_add(m, len, sizeof(len));
	for (int i = 0; i < 16; i++)
		sprintf(
		    hex + 2 * i, "%02x", m->state[i / 4] >> i % 4 * 8 & 255);
}

/* => digest of a file in hex[33]; -1 after a message */
static int
digest(const char *path, char *hex)
{
	struct md5 m = { { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 }, 0,
		{ 0 } };
	int fd = strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY);
	char buf[16384];
	ssize_t n = -1;

	while (fd >= 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		md5_add(&m, buf, (size_t)n);
	if (n < 0)
		complain("%s", path);
	if (fd > 0)
		close(fd);
	md5_end(&m, hex);
	return n < 0 ? -1 : 0;
}

/* Lines "digest  name", as they are printed. */
static int
check_list(const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char line[4200], hex[33];
	int status = 0, bad;

	if (f == NULL) {
		complain("%s", path);
		return 1;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strlen(line) < 35)
			continue;
		line[32] = '\0';
		bad = digest(line + 34, hex) != 0 || strcmp(hex, line) != 0;
		printf("%s: %s\n", line + 34, bad ? "FAILED" : "OK");
		status |= bad;
	}
	if (f != stdin)
		fclose(f);
	return status;
}

int
md5sum_main(int argc, char **argv)
{
	int opt, check = 0, status = 0;
	char hex[33];

	while ((opt = getopt(argc, argv, "c")) != -1) {
		if (opt != 'c')
			usage();
		check = 1;
	}
	if (optind == argc)
		argv[--optind] = "-";
	for (; optind < argc; optind++) {
		if (check)
			status |= check_list(argv[optind]);
		else if (digest(argv[optind], hex) == 0)
			printf("%s  %s\n", hex, argv[optind]);
		else
			status = 1;
	}
	return status;
}
