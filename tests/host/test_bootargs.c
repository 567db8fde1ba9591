/*
 * Boot arguments.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lib/bootargs.h>

#include "test.h"

static struct bootargs b;

TEST(bootargs_words)
{
	const struct bootarg *a;
	unsigned int i = 0;

	CHECK_EQ(bootargs_parse(&b, "  quiet root=/dev/vda\tx=  y=a=b\n"), 0);
	CHECK_EQ(b.nargs, 4);
	CHECK_EQ(b.argc, 0);
	CHECK(b.argv[0] == NULL);
	a = bootarg_next(&b, &i);
	CHECK_STR(a->key, "quiet");
	CHECK(a->value == NULL);
	a = bootarg_next(&b, &i);
	CHECK_STR(a->key, "root");
	CHECK_STR(a->value, "/dev/vda");
	a = bootarg_next(&b, &i);
	CHECK_STR(a->key, "x");
	CHECK_STR(a->value, "");
	a = bootarg_next(&b, &i);
	CHECK_STR(a->key, "y");
	CHECK_STR(a->value, "a=b");
	CHECK(bootarg_next(&b, &i) == NULL);
	CHECK(bootarg_next(&b, &i) == NULL);
}

TEST(bootargs_none)
{
	CHECK_EQ(bootargs_parse(&b, NULL), 0);
	CHECK_EQ(b.nargs + b.argc, 0);
	CHECK_EQ(bootargs_parse(&b, ""), 0);
	CHECK_EQ(bootargs_parse(&b, " \t "), 0);
	CHECK_EQ(b.nargs + b.argc, 0);
	CHECK_EQ(bootargs_parse(&b, "--"), 0);
	CHECK_EQ(b.nargs + b.argc, 0);
}

TEST(bootargs_quotes)
{
	CHECK_EQ(bootargs_parse(&b,
		     "a=\"x y\" 'b=1'=2 c=it\\'s d='\\' e=\"\\\"\\\\\" "
		     "f=p\"q r\"'s t'u g=\"\" h=\\ i"),
	    0);
	CHECK_STR(bootarg_get(&b, "a"), "x y");
	CHECK_STR(bootarg_get(&b, "b=1"), "2");
	CHECK_STR(bootarg_get(&b, "c"), "it's");
	CHECK_STR(bootarg_get(&b, "d"), "\\");
	CHECK_STR(bootarg_get(&b, "e"), "\"\\");
	CHECK_STR(bootarg_get(&b, "f"), "pq rs tu");
	CHECK_STR(bootarg_get(&b, "g"), "");
	CHECK_STR(bootarg_get(&b, "h"), " i");
}

TEST(bootargs_command)
{
	CHECK_EQ(bootargs_parse(&b,
		     "init=/sbin/init -- /bin/sh -c 'exit 3' k=v -- \"\" "
		     "x\\ y"),
	    0);
	CHECK_EQ(b.nargs, 1);
	CHECK_EQ(b.argc, 7);
	CHECK_STR(b.argv[0], "/bin/sh");
	CHECK_STR(b.argv[1], "-c");
	CHECK_STR(b.argv[2], "exit 3");
	CHECK_STR(b.argv[3], "k=v");
	CHECK_STR(b.argv[4], "--");
	CHECK_STR(b.argv[5], "");
	CHECK_STR(b.argv[6], "x y");
	CHECK(b.argv[7] == NULL);
	/* only a bare one separates */
	CHECK_EQ(bootargs_parse(&b, "'--' --x -- a"), 0);
	CHECK_EQ(b.nargs, 2);
	CHECK_STR(b.args[0].key, "--");
	CHECK_STR(b.args[1].key, "--x");
	CHECK_EQ(b.argc, 1);
}

static void
refused(const char *line, int error, const char *why)
{
	CHECK_EQ(bootargs_parse(&b, line), error);
	CHECK_STR(b.why, why);
}

TEST(bootargs_refused)
{
	static char line[BOOTARGS_LEN + 2];
	int i;

	refused("a=\"x", EINVAL, "open quote in boot arguments");
	refused("ok 'x", EINVAL, "open quote in boot arguments");
	CHECK_EQ(b.nargs, 1);
	refused("x\\", EINVAL, "backslash at the end of boot arguments");
	refused("\"x\\", EINVAL, "backslash at the end of boot arguments");
	refused("=5", EINVAL, "boot argument without a key");
	memset(line, 'a', sizeof(line) - 1);
	refused(line, E2BIG, "boot arguments too long");
	line[BOOTARGS_LEN - 1] = '\0';
	CHECK_EQ(bootargs_parse(&b, line), 0);
	CHECK_EQ(strlen(b.args[0].key), BOOTARGS_LEN - 1);
	for (i = 0; i < BOOTARGS_LEN - 2; i += 2)
		memcpy(line + i, "k ", 3);
	refused(line, E2BIG, "too many boot arguments");
	CHECK_EQ(b.nargs, BOOTARGS_WORDS);
	memcpy(line, "-- ", 3);
	refused(line, E2BIG, "too many words after --");
	CHECK_EQ(b.argc, BOOTARGS_WORDS);
	CHECK(b.argv[BOOTARGS_WORDS] == NULL);
}

TEST(bootargs_last_wins)
{
	CHECK_EQ(bootargs_parse(&b, "a=1 f a=2 n=no f=0 g=yes g h=on"), 0);
	CHECK_STR(bootarg_get(&b, "a"), "2");
	CHECK(bootarg_get(&b, "zz") == NULL);
	CHECK_STR(bootarg_get(&b, "g"), "");
	CHECK(!bootarg_flag(&b, "f"));
	CHECK(bootarg_flag(&b, "g"));
	CHECK(bootarg_flag(&b, "h"));
	CHECK(!bootarg_flag(&b, "n"));
	CHECK(!bootarg_flag(&b, "zz"));
}

static void
number(const char *line, int error, uint64_t want)
{
	uint64_t v = 99;

	CHECK_EQ(bootargs_parse(&b, line), 0);
	CHECK_EQ(bootarg_u64(&b, "n", &v), error);
	CHECK_EQ(v, error == 0 ? want : 99);
}

TEST(bootargs_numbers)
{
	number("n=0", 0, 0);
	number("n=010", 0, 10);
	number("n=128M", 0, 128ull << 20);
	number("n=4k", 0, 4096);
	number("n=0x10g", 0, 16ull << 30);
	number("n=2T", 0, 2ull << 40);
	number("n=0xffffffffffffffff", 0, UINT64_MAX);
	number("m=1", ENOENT, 0);
	number("n", EINVAL, 0);
	number("n=", EINVAL, 0);
	number("n=x", EINVAL, 0);
	number("n=-1", EINVAL, 0);
	number("n=1MM", EINVAL, 0);
	number("n=1q", EINVAL, 0);
	number("n=18446744073709551616", EOVERFLOW, 0);
	number("n=0x1000000000000000T", EOVERFLOW, 0);
	number("n=16777216T", EOVERFLOW, 0);
}

/* Quoting random words and parsing them gives the words back. */
TEST(bootargs_round_trip)
{
	char words[20][30], line[2000], *p;
	int round, n, i;
	size_t j, k;

	for (round = 0; round < 20000; round++) {
		n = test_below(20);
		p = line + sprintf(line, "-- ");
		for (i = 0; i < n; i++) {
			k = test_below(sizeof(words[0]));
			*p++ = '"';
			for (j = 0; j < k; j++) {
				words[i][j] = "ab '\"\\=-\t"[test_below(9)];
				if (strchr("\"\\", words[i][j]) != NULL)
					*p++ = '\\';
				*p++ = words[i][j];
			}
			words[i][j] = '\0';
			*p++ = '"';
			*p++ = ' ';
		}
		*p = '\0';
		CHECK_EQ(bootargs_parse(&b, line), 0);
		CHECK_EQ(b.argc, n);
		for (i = 0; i < n; i++)
			CHECK_STR(b.argv[i], words[i]);
	}
}
