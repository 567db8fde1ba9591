/*
 * test, [: evaluate a condition.
 *
 *	or:      and [-o or]
 *	and:     not [-a and]
 *	not:     ! not | ( or ) | unary operand | operand binary operand | operand
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

struct cursor {
	char **at, **end;
};

static int eval_or(struct cursor *c);

static int
is_next(const struct cursor *c, const char *word)
{
	return c->at < c->end && strcmp(*c->at, word) == 0;
}

static long
number(const char *s)
{
	char *end;
	long n = strtol(s, &end, 10);

	if (end == s || *end != '\0') {
		complainx("%s: not a number", s);
		usage();
	}
	return n;
}

static int
eval_unary(char op, const char *arg)
{
	struct stat st;

	switch (op) {
	case 'n':
		return *arg != '\0';
	case 'z':
		return *arg == '\0';
	case 't':
		return isatty((int)number(arg));
	case 'r':
		return access(arg, R_OK) == 0;
	case 'w':
		return access(arg, W_OK) == 0;
	case 'x':
		return access(arg, X_OK) == 0;
	}
	if ((op == 'h' || op == 'L' ? lstat : stat)(arg, &st) != 0)
		return 0;
	switch (op) {
	case 'f':
		return S_ISREG(st.st_mode);
	case 'd':
		return S_ISDIR(st.st_mode);
	case 'c':
		return S_ISCHR(st.st_mode);
	case 'b':
		return S_ISBLK(st.st_mode);
	case 'p':
		return S_ISFIFO(st.st_mode);
	case 'h':
	case 'L':
		return S_ISLNK(st.st_mode);
	case 's':
		return st.st_size > 0;
	default:
		return 1; /* e */
	}
}

/*
 * => 0 or 1; -1 when op is not a binary operator
 */
static int
eval_binary(const char *a, const char *op, const char *b)
{
	static const char *const numeric[] = { "-eq", "-ne", "-lt", "-le",
		"-gt", "-ge" };
	size_t i;
	long x, y;

	if (strcmp(op, "=") == 0 || strcmp(op, "==") == 0)
		return strcmp(a, b) == 0;
	if (strcmp(op, "!=") == 0)
		return strcmp(a, b) != 0;
	for (i = 0; i < 6 && strcmp(op, numeric[i]) != 0; i++)
		continue;
	if (i == 6)
		return -1;
	x = number(a);
	y = number(b);
	switch (i) {
	case 0:
		return x == y;
	case 1:
		return x != y;
	case 2:
		return x < y;
	case 3:
		return x <= y;
	case 4:
		return x > y;
	default:
		return x >= y;
	}
}

static int
eval_primary(struct cursor *c)
{
	char **a = c->at;
	long left = c->end - c->at;
	int value;

	if (left >= 3 && (value = eval_binary(a[0], a[1], a[2])) >= 0) {
		c->at += 3;
		return value;
	}
	if (left >= 2 && a[0][0] == '-' && a[0][1] != '\0' && a[0][2] == '\0' &&
	    strchr("nztrwxfdcbphLse", a[0][1]) != NULL) {
		c->at += 2;
		return eval_unary(a[0][1], a[1]);
	}
	c->at++;
	return a[0][0] != '\0';
}

static int
eval_not(struct cursor *c)
{
	int value;

	if (c->at >= c->end)
		usage();
	if (c->end - c->at > 1 && is_next(c, "!")) {
		c->at++;
		return !eval_not(c);
	}
	if (c->end - c->at > 2 && is_next(c, "(")) {
		c->at++;
		value = eval_or(c);
		if (!is_next(c, ")"))
			usage();
		c->at++;
		return value;
	}
	return eval_primary(c);
}

static int
eval_and(struct cursor *c)
{
	int value = eval_not(c);

	while (is_next(c, "-a")) {
		c->at++;
		value &= eval_not(c);
	}
	return value;
}

static int
eval_or(struct cursor *c)
{
	int value = eval_and(c);

	while (is_next(c, "-o")) {
		c->at++;
		value |= eval_and(c);
	}
	return value;
}

int
test_main(int argc, char **argv)
{
	struct cursor c = { argv + 1, argv + argc };
	const char *slash = strrchr(argv[0], '/');
	int value;

	if (strcmp(slash != NULL ? slash + 1 : argv[0], "[") == 0) {
		if (argc < 2 || strcmp(argv[argc - 1], "]") != 0)
			usage();
		c.end--;
	}
	if (c.at == c.end)
		return 1;
	value = eval_or(&c);
	if (c.at != c.end)
		usage();
	return !value;
}
