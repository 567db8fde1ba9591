/*
 * Parser for boot arguments.
 */

#include <sys/errno.h>
#include <lib/bootargs.h>
#include <lib/string.h>

/*
 * State of one bootargs_parse().  Locks: [o] belongs to the call.
 */
struct parser {
	struct bootargs *b; /* [o] result */
	const char *in; /* [o] next character of the line */
	char *out; /* [o] next place in b->text */
};

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int
fail(struct parser *p, int error, const char *why)
{
	p->b->why = why;
	return error;
}

/*
 * Unquote one word.  Never longer than what it is read from, so that b->text
 * has room; *eq becomes the place of the first '=' that is not quoted.
 */
static int
read_word(struct parser *p, char **eq)
{
	char quote = '\0', c;

	*eq = NULL;
	for (; (c = *p->in) != '\0'; p->in++) {
		if (quote == '\0' && is_blank(c))
			break;
		if (c == quote) {
			quote = '\0';
			continue;
		}
		if (quote == '\0' && (c == '"' || c == '\'')) {
			quote = c;
			continue;
		}
		if (c == '\\' && quote != '\'') {
			c = *++p->in;
			if (c == '\0')
				return fail(p, EINVAL,
				    "backslash at the end of boot arguments");
		} else if (c == '=' && quote == '\0' && *eq == NULL) {
			*eq = p->out;
		}
		*p->out++ = c;
	}
	*p->out++ = '\0';
	if (quote != '\0')
		return fail(p, EINVAL, "open quote in boot arguments");
	return 0;
}

static int
add_arg(struct parser *p, char *word, char *eq)
{
	struct bootargs *b = p->b;

	if (b->nargs == BOOTARGS_WORDS)
		return fail(p, E2BIG, "too many boot arguments");
	if (eq == word)
		return fail(p, EINVAL, "boot argument without a key");
	if (eq != NULL)
		*eq++ = '\0';
	b->args[b->nargs].key = word;
	b->args[b->nargs++].value = eq;
	return 0;
}

static int
add_command(struct parser *p, char *word)
{
	struct bootargs *b = p->b;

	if (b->argc == BOOTARGS_WORDS)
		return fail(p, E2BIG, "too many words after --");
	b->argv[b->argc++] = word;
	b->argv[b->argc] = NULL;
	return 0;
}

/*
 * Is the next word a bare -- ?  A quoted one is a word like any other.
 */
static bool
skip_separator(struct parser *p)
{
	const char *s = p->in;

	if (s[0] != '-' || s[1] != '-' || (s[2] != '\0' && !is_blank(s[2])))
		return false;
	p->in += 2;
	return true;
}

int
bootargs_parse(struct bootargs *b, const char *line)
{
	struct parser p = { .b = b, .in = line, .out = b->text };
	bool command = false;
	char *word, *eq;
	int error = 0;

	b->nargs = 0;
	b->argc = 0;
	b->argv[0] = NULL;
	b->why = NULL;
	if (line == NULL)
		return 0;
	if (strnlen(line, BOOTARGS_LEN) == BOOTARGS_LEN)
		return fail(&p, E2BIG, "boot arguments too long");
	while (error == 0) {
		while (is_blank(*p.in))
			p.in++;
		if (*p.in == '\0')
			break;
		if (!command && skip_separator(&p)) {
			command = true;
			continue;
		}
		word = p.out;
		error = read_word(&p, &eq);
		if (error == 0)
			error = command ? add_command(&p, word)
					: add_arg(&p, word, eq);
	}
	return error;
}

const struct bootarg *
bootarg_next(const struct bootargs *b, unsigned int *i)
{
	return *i < b->nargs ? &b->args[(*i)++] : NULL;
}

/*
 * The last word with the key, or NULL.
 */
static const struct bootarg *
find(const struct bootargs *b, const char *key)
{
	unsigned int i;

	for (i = b->nargs; i-- > 0;)
		if (strcmp(b->args[i].key, key) == 0)
			return &b->args[i];
	return NULL;
}

const char *
bootarg_get(const struct bootargs *b, const char *key)
{
	const struct bootarg *a = find(b, key);

	if (a == NULL)
		return NULL;
	return a->value == NULL ? "" : a->value;
}

bool
bootarg_flag(const struct bootargs *b, const char *key)
{
	const struct bootarg *a = find(b, key);

	if (a == NULL)
		return false;
	return a->value == NULL || strcmp(a->value, "1") == 0 ||
	    strcmp(a->value, "y") == 0 || strcmp(a->value, "yes") == 0 ||
	    strcmp(a->value, "on") == 0 || strcmp(a->value, "true") == 0;
}

/*
 * How far a size suffix shifts; -1 when it is none.
 */
static int
suffix_shift(const char *s)
{
	int shift;

	switch (s[0] | 0x20) {
	case 'k':
		shift = 10;
		break;
	case 'm':
		shift = 20;
		break;
	case 'g':
		shift = 30;
		break;
	case 't':
		shift = 40;
		break;
	default:
		return s[0] == '\0' ? 0 : -1;
	}
	return s[1] == '\0' ? shift : -1;
}

/*
 * Tell a number too large from something that is none.
 */
static bool
is_number(const char *s)
{
	return s[0] >= '0' && s[0] <= '9';
}

int
bootarg_u64(const struct bootargs *b, const char *key, uint64_t *out)
{
	const struct bootarg *a = find(b, key);
	const char *end;
	uint64_t value;
	int base, shift;

	if (a == NULL)
		return ENOENT;
	if (a->value == NULL)
		return EINVAL;
	/* not base 0: nobody means octal by a leading 0 here */
	base = a->value[0] == '0' && (a->value[1] | 0x20) == 'x' ? 16 : 10;
	if (!strtou64(a->value, &end, base, &value))
		return is_number(a->value) ? EOVERFLOW : EINVAL;
	shift = suffix_shift(end);
	if (shift < 0)
		return EINVAL;
	if (value << shift >> shift != value)
		return EOVERFLOW;
	*out = value << shift;
	return 0;
}
