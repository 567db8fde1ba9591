/*
 * lib/format.c against libc's printf: random conversions with random flags,
 * widths, precisions, lengths and arguments.
 */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "klib.h"
#include "test.h"

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-zero-length"
#pragma GCC diagnostic ignored "-Wformat"

#define OUT 700

static char got[OUT], want[OUT];

/* Both results, and that both stay inside a buffer cut short. */
#define SAME(fmt, ...)                                                        \
	do {                                                                  \
		size_t cut = test_below(20) == 0 ? test_below(12) : OUT;      \
		int k, l;                                                     \
                                                                              \
		memset(got, '~', OUT);                                        \
		memset(want, '~', OUT);                                       \
		k = k_snprintf(got, cut, fmt, ##__VA_ARGS__);                 \
		l = snprintf(want, cut, fmt, ##__VA_ARGS__);                  \
		if (k != l || memcmp(got, want, OUT) != 0)                    \
			test_note("format \"%s\" size %zu: %d \"%.200s\","    \
				  " libc %d \"%.200s\"",                      \
			    fmt, cut, k, cut ? got : "", l, cut ? want : ""); \
		CHECK(k == l);                                                \
		CHECK(memcmp(got, want, OUT) == 0);                           \
	} while (0)

/*
 * A random conversion specification ending in one of specs, without * .
 */
static void
random_spec(char *f, const char *length, const char *flags, const char *specs)
{
	size_t i;

	*f++ = '%';
	for (i = test_below(4); i > 0; i--)
		*f++ = flags[test_below(strlen(flags))];
	if (test_below(2) != 0)
		f += sprintf(f, "%d", 1 + (int)test_below(40));
	if (test_below(3) == 0)
		f += sprintf(
		    f, ".%.*d", test_below(4) != 0, (int)test_below(30));
	f += sprintf(f, "%s", length);
	*f++ = specs[test_below(strlen(specs))];
	*f = '\0';
}

static uint64_t
random_value(void)
{
	switch (test_below(4)) {
	case 0:
		return 0;
	case 1:
		return test_below(2) ? INT64_MIN : -(int64_t)test_below(300);
	default:
		return test_rnd() >> test_below(64);
	}
}

TEST(format_integers)
{
	static const char *const lengths[] = { "", "hh", "h", "l", "ll", "z",
		"j", "t" };
	char f[80];
	uint64_t v;
	int i, l;

	for (i = 0; i < 300000; i++) {
		l = test_below(8);
		/* flags a conversion does not define are undefined in C */
		switch (test_below(3)) {
		case 0:
			random_spec(f, lengths[l], "-+ 0", "di");
			break;
		case 1:
			random_spec(f, lengths[l], "-0", "u");
			break;
		default:
			random_spec(f, lengths[l], "-#0", "xXo");
			break;
		}
		v = random_value();
		if (l < 3)
			SAME(f, (int)v);
		else
			SAME(f, v);
	}
}

TEST(format_text)
{
	char f[80], s[60];
	size_t n;
	int i, c;

	for (i = 0; i < 100000; i++) {
		n = test_below(sizeof(s));
		memset(s, 'a' + test_below(26), n);
		s[n] = '\0';
		random_spec(f, "", "-", "s");
		SAME(f, s);
		sprintf(f, "%%%s%dc", test_below(2) ? "-" : "",
		    1 + (int)test_below(20));
		c = test_rnd();
		SAME(f, c);
	}
}

TEST(format_star)
{
	unsigned long v;
	int i, w, p;

	for (i = 0; i < 100000; i++) {
		w = (int)test_below(100) - 50;
		p = (int)test_below(60) - 20;
		v = test_rnd();
		SAME("<%*d>", w, (int)v);
		SAME("<%.*x>", p, (int)(v % 1000));
		SAME("<%*.*s>", w, p, "hello, world");
		SAME("<%0*lu>", w, v);
	}
}

TEST(format_mixed)
{
	int x;

	SAME("plain");
	SAME("");
	SAME("%%|%d%%|%s", 5, "x");
	SAME("%d %s %c %lx %zu %p", -7, "seven", '7', 0x77ul, (size_t)77,
	    (void *)&x);
	SAME("%s", "a long one that is copied whole");
	SAME("%.0d|%.0x|%#.0o|%#x", 0, 0, 0, 0);
	SAME("%hhd %hhu %hd %hu", 300, 300, 70000, 70000);
	SAME("%jd %td %zd", INTMAX_MIN, PTRDIFF_MIN, (ssize_t)-1);
}

/* What C leaves open is fixed by our contract. */
TEST(format_own_rules)
{
	char b[64];

	CHECK_EQ(k_snprintf(b, sizeof(b), "%s", (char *)NULL), 6);
	CHECK_STR(b, "(null)");
	k_snprintf(b, sizeof(b), "%.3s", (char *)NULL);
	CHECK_STR(b, "(nu");
	k_snprintf(b, sizeof(b), "%p", (void *)NULL);
	CHECK_STR(b, "0x0");
	k_snprintf(b, sizeof(b), "%10p|%-10p|", (void *)NULL, (void *)0x1f);
	CHECK_STR(b, "       0x0|0x1f      |");
	k_snprintf(b, sizeof(b), "%y %d", 5);
	CHECK_STR(b, "%y 5");
	k_snprintf(b, sizeof(b), "%5");
	CHECK_STR(b, "%5");
	k_snprintf(b, sizeof(b), "100%");
	CHECK_STR(b, "100%");
	CHECK_EQ(k_snprintf(b, sizeof(b), "ab%2147483647d", 1), -1);
	CHECK_STR(b, "ab");
	CHECK_EQ(k_snprintf(b, sizeof(b), "%99999999999d", 1), -1);
	CHECK_EQ(k_snprintf(b, sizeof(b), "%.2147483647d", 1), -1);
	CHECK_EQ(k_snprintf(b, sizeof(b), "%*d", INT_MIN, 1), -1);
	CHECK_EQ(k_snprintf(b, sizeof(b), "%.*s", INT_MAX, "all"), 3);
	CHECK_EQ(k_snprintf(NULL, 0, "%d", 12345), 5);
}

/* %.*s must not look past its precision. */
TEST(format_bounded_string)
{
	char *s = malloc(5), b[16];

	memset(s, 'q', 5);
	CHECK_EQ(k_snprintf(b, sizeof(b), "%.5s", s), 5);
	CHECK_STR(b, "qqqqq");
	free(s);
}

static void
count(int c, void *arg)
{
	unsigned int *sums = arg;

	CHECK(c >= 0 && c <= 255);
	sums[0]++;
	sums[1] += c;
}

static int
collect(unsigned int *sums, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvformat(count, sums, fmt, ap);
	va_end(ap);
	return n;
}

TEST(format_callback)
{
	unsigned int sums[2] = { 0, 0 };

	CHECK_EQ(collect(sums, "%c%s%d", 0xff, "\x80", 9), 3);
	CHECK_EQ(sums[0], 3);
	CHECK_EQ(sums[1], 0xff + 0x80 + '9');
}
