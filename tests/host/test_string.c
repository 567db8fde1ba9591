/*
 * lib/string.c against libc: every small length and alignment, random large
 * ones, overlapping moves, and bytes around the block that must not change.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "klib.h"
#include "test.h"

#define BUF 9000

static uint8_t a[BUF], b[BUF], src[BUF];

static void
fill(void)
{
	size_t i;

	for (i = 0; i < BUF; i++) {
		a[i] = b[i] = test_rnd();
		src[i] = test_rnd();
	}
}

static void
try_copy(size_t d, size_t s, size_t n)
{
	CHECK(k_memcpy(a + d, src + s, n) == a + d);
	memcpy(b + d, src + s, n);
	if (memcmp(a, b, BUF) != 0)
		test_note("dst %zu src %zu len %zu", d, s, n);
	CHECK(memcmp(a, b, BUF) == 0);
}

static void
try_move(size_t d, size_t s, size_t n)
{
	CHECK(k_memmove(a + d, a + s, n) == a + d);
	memmove(b + d, b + s, n);
	if (memcmp(a, b, BUF) != 0)
		test_note("dst %zu src %zu len %zu", d, s, n);
	CHECK(memcmp(a, b, BUF) == 0);
}

static void
try_set(size_t d, int c, size_t n)
{
	CHECK(k_memset(a + d, c, n) == a + d);
	memset(b + d, c, n);
	if (memcmp(a, b, BUF) != 0)
		test_note("dst %zu c %d len %zu", d, c, n);
	CHECK(memcmp(a, b, BUF) == 0);
}

TEST(string_memcpy_small)
{
	size_t d, s, n;

	fill();
	for (d = 0; d < 9; d++)
		for (s = 0; s < 9; s++)
			for (n = 0; n < 80; n++)
				try_copy(d, s, n);
}

TEST(string_memcpy_random)
{
	int i;

	fill();
	for (i = 0; i < 20000; i++)
		try_copy(test_below(64), test_below(64), test_below(2000));
	for (i = 0; i < 500; i++)
		try_copy(test_below(16), test_below(16), test_below(8900));
}

/* A heap block of exactly the size: the sanitizer sees a read past it. */
TEST(string_memcpy_exact)
{
	size_t s, n;
	char *from, *to;

	for (s = 0; s < 8; s++) {
		for (n = 0; n < 200; n++) {
			from = malloc(s + n + 1);
			to = malloc(n + 1);
			memset(from, 1, s + n + 1);
			from = realloc(from, s + n > 0 ? s + n : 1);
			k_memcpy(to, from + s, n);
			CHECK(n == 0 || memcmp(to, from + s, n) == 0);
			free(from);
			free(to);
		}
	}
}

TEST(string_memmove)
{
	size_t d, s, n;
	int i;

	fill();
	for (d = 0; d < 40; d++)
		for (s = 0; s < 40; s++)
			for (n = 0; n < 50; n++)
				try_move(100 + d, 100 + s, n);
	for (i = 0; i < 20000; i++)
		try_move(test_below(300), test_below(300), test_below(2000));
	for (i = 0; i < 500; i++)
		try_move(test_below(100), test_below(100), test_below(8900));
}

TEST(string_memset)
{
	size_t d, n;
	int i;

	fill();
	for (d = 0; d < 9; d++)
		for (n = 0; n < 600; n++)
			try_set(d, test_rnd(), n);
	for (i = 0; i < 1000; i++)
		try_set(test_below(64), test_rnd(), test_below(8900));
}

static int
sign(int x)
{
	return (x > 0) - (x < 0);
}

TEST(string_memcmp)
{
	size_t n, d, s;
	int i;

	fill();
	for (i = 0; i < 100000; i++) {
		n = test_below(40);
		d = test_below(16);
		s = test_below(16);
		memcpy(a + d, src + s, n);
		if (n > 0 && test_below(2) != 0)
			a[d + test_below(n)] ^= 1 << test_below(8);
		CHECK_EQ(sign(k_memcmp(a + d, src + s, n)),
		    sign(memcmp(a + d, src + s, n)));
		CHECK(k_memchr(a, a[d], n) == memchr(a, a[d], n));
	}
}

/* Strings over a small alphabet, so that equal ones and hits happen. */
static void
random_string(char *s, size_t max)
{
	size_t n = test_below(max);

	while (n-- > 0)
		*s++ = "ab\xff"
		       "0/"[test_below(5)];
	*s = '\0';
}

TEST(string_compare_and_search)
{
	char x[20], y[20];
	size_t n;
	int i, c;

	for (i = 0; i < 200000; i++) {
		random_string(x, sizeof(x));
		random_string(y, test_below(2) ? 4 : sizeof(y));
		n = test_below(24);
		c = "ab\xff"
		    "0/z"[test_below(7)];
		CHECK_EQ(k_strlen(x), strlen(x));
		CHECK_EQ(k_strnlen(x, n), strnlen(x, n));
		CHECK_EQ(sign(k_strcmp(x, y)), sign(strcmp(x, y)));
		CHECK_EQ(sign(k_strncmp(x, y, n)), sign(strncmp(x, y, n)));
		CHECK(k_strchr(x, c) == strchr(x, c));
		CHECK(k_strrchr(x, c) == strrchr(x, c));
	}
}

/* The length is the whole source's, the result what snprintf makes. */
TEST(string_strlcpy)
{
	char x[20], y[20], want[64];
	size_t size;
	int i;

	for (i = 0; i < 100000; i++) {
		char got[40];

		random_string(x, sizeof(x));
		random_string(y, sizeof(y));
		size = 1 + test_below(39);
		memset(got, 'G', sizeof(got));
		CHECK_EQ(k_strlcpy(got, x, size), strlen(x));
		snprintf(want, size, "%s", x);
		CHECK_STR(got, want);

		snprintf(got, sizeof(got), "%s", x);
		size = strlen(x) + 1 + test_below(20);
		CHECK_EQ(k_strlcat(got, y, size), strlen(x) + strlen(y));
		snprintf(want, size, "%s%s", x, y);
		CHECK_STR(got, want);
	}
}

TEST(string_strlcpy_edges)
{
	char buf[4] = "xyz";

	CHECK_EQ(k_strlcpy(buf, "abc", 0), 3);
	CHECK_STR(buf, "xyz");
	/* no NUL within the size: nothing is appended */
	CHECK_EQ(k_strlcat(buf, "abc", 2), 5);
	CHECK_STR(buf, "xyz");
}

static void
number(const char *s, int base, uint64_t want, int used)
{
	uint64_t v = 42;
	const char *end;

	CHECK(strtou64(s, &end, base, &v));
	CHECK_EQ(v, want);
	CHECK_EQ(end - s, used);
	CHECK(strtou64(s, NULL, base, &v));
}

static void
no_number(const char *s, int base)
{
	uint64_t v = 42;
	const char *end;

	CHECK(!strtou64(s, &end, base, &v));
	CHECK_EQ(v, 42);
	CHECK(end == s);
}

TEST(string_strtou64)
{
	number("0", 0, 0, 1);
	number("12k", 0, 12, 2);
	number("0x1fG", 0, 0x1f, 4);
	number("0X1F", 16, 0x1f, 4);
	number("1F", 16, 0x1f, 2);
	number("0b101", 0, 5, 5);
	number("0b101", 2, 5, 5);
	number("0b1", 16, 0xb1, 3);
	number("017", 0, 15, 3);
	number("08", 0, 0, 1);
	number("0x", 0, 0, 1);
	number("0xg", 16, 0, 1);
	number("0b2", 0, 0, 1);
	number("zz", 36, 35 * 36 + 35, 2);
	number("18446744073709551615", 10, UINT64_MAX, 20);
	number("0xffffffffffffffff", 0, UINT64_MAX, 18);
	no_number("18446744073709551616", 10);
	no_number("0x10000000000000000", 0);
	no_number("99999999999999999999", 0);
	no_number("", 0);
	no_number("x", 0);
	no_number(" 1", 10);
	no_number("-1", 10);
	no_number("+1", 10);
	no_number("1", 1);
	no_number("1", 37);
	no_number("1", -3);
}

TEST(string_strtou64_random)
{
	uint64_t v, w;
	char buf[80];
	int i;

	for (i = 0; i < 50000; i++) {
		v = test_rnd() >> test_below(64);
		snprintf(buf, sizeof(buf),
		    (const char *[]){ "%#jx", "%ju", "%#jo" }[test_below(3)],
		    (uintmax_t)v);
		CHECK(strtou64(buf, NULL, 0, &w));
		CHECK_EQ(v, w);
	}
}
