/*
 * Words to arguments: parameters, commands, arithmetic, fields, file names,
 * quotes.
 *
 * While a word is being expanded its characters are collected with a
 * backslash before each that was quoted and would mean something in a
 * pattern; the backslashes go when the field is complete.  Fields are split
 * at blanks and newlines.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"
#include "sh.h"

struct expansion {
	struct buf field;
	struct args *out; /* NULL: one string, no splitting */
	bool started; /* the field is there even if it is empty */
};

static void
expand_text(struct expansion *e, const char *s, size_t len, bool quoted);

/* -- Patterns ------------------------------------------------------------- */

/*
 * Does c belong to the set at p, which is behind the opening bracket?
 * => the position behind the set, NULL if it is not a set
 */
static const char *
match_set(const char *p, char c, bool *match)
{
	bool invert = *p == '!' || *p == '^', found = false;

	if (invert)
		p++;
	for (const char *first = p; *p != ']' || p == first; p++) {
		char low = *p == '\\' && p[1] != '\0' ? *++p : *p, high = low;

		if (low == '\0')
			return NULL;
		if (p[1] == '-' && p[2] != ']' && p[2] != '\0') {
			p += 2;
			high = *p == '\\' && p[1] != '\0' ? *++p : *p;
		}
		found |= (unsigned char)low <= (unsigned char)c &&
		    (unsigned char)c <= (unsigned char)high;
	}
	*match = found != invert;
	return p + 1;
}

/*
 * One element of the pattern, other than *, against one character.
 * => the position behind the element, NULL if it does not match
 */
static const char *
match_one(const char *p, char c)
{
	const char *behind;
	bool match;

	if (c == '\0')
		return NULL;
	if (*p == '?')
		return p + 1;
	if (*p == '[' && (behind = match_set(p + 1, c, &match)) != NULL)
		return match ? behind : NULL;
	if (*p == '\\' && p[1] != '\0')
		p++;
	return *p == c ? p + 1 : NULL;
}

/*
 * Only the last star ever needs to be tried again.
 */
bool
pattern_match(const char *p, const char *s)
{
	const char *star = NULL, *retry = NULL, *behind;

	for (;;) {
		if (*p == '*') {
			star = ++p;
			retry = s;
		} else if (*p == '\0' && *s == '\0') {
			return true;
		} else if (*p != '\0' && (behind = match_one(p, *s)) != NULL) {
			p = behind;
			s++;
		} else if (star != NULL && *retry != '\0') {
			p = star;
			s = ++retry;
		} else {
			return false;
		}
	}
}

static bool
has_pattern(const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '\\' && s[1] != '\0')
			s++;
		else if (*s == '*' || *s == '?' || *s == '[')
			return true;
	}
	return false;
}

/* Remove the protecting backslashes, in place. */
static char *
unprotect(char *s)
{
	char *to = s;

	for (const char *from = s; *from != '\0'; from++) {
		if (*from == '\\' && from[1] != '\0')
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return s;
}

static void
glob_component(const char *path, char *rest, struct args *out)
{
	char *slash, *component;
	struct dirent *e;
	bool last;
	DIR *d;

	while (*rest == '/')
		rest++;
	slash = strchr(rest, '/');
	last = slash == NULL;
	component = xstrdup(rest);
	if (!last)
		component[slash - rest] = '\0';
	d = has_pattern(component) ? opendir(*path ? path : ".") : NULL;
	if (d == NULL && !has_pattern(component)) {
		char *full = path_join(path, unprotect(component));
		struct stat st;

		if (last && lstat(full, &st) == 0)
			args_add(out, xstrdup(full));
		else if (!last && is_dir(full))
			glob_component(full, slash, out);
		free(full);
	}
	while (d != NULL && (e = readdir(d)) != NULL) {
		char *full;

		if ((e->d_name[0] == '.' && component[0] != '.') ||
		    !pattern_match(component, e->d_name))
			continue;
		full = *path ? path_join(path, e->d_name) : xstrdup(e->d_name);
		if (last)
			args_add(out, xstrdup(full));
		else if (is_dir(full))
			glob_component(full, slash, out);
		free(full);
	}
	if (d != NULL)
		closedir(d);
	free(component);
}

static int
by_string(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * File names that match; the pattern itself when none does.
 */
static void
add_matches(char *pattern, struct args *out)
{
	int before = out->n;

	if (has_pattern(pattern))
		glob_component(*pattern == '/' ? "/" : "", pattern, out);
	if (out->n == before)
		args_add(out, unprotect(xstrdup(pattern)));
	else
		qsort(out->v + before, (size_t)(out->n - before),
		    sizeof(*out->v), by_string);
}

/* -- Fields --------------------------------------------------------------- */

static void
put(struct expansion *e, char c, bool quoted)
{
	if (quoted ? strchr("*?[]\\-!^", c) != NULL : c == '\\')
		buf_putc(&e->field, '\\');
	buf_putc(&e->field, c);
	e->started = true;
}

static void
end_field(struct expansion *e)
{
	if (e->out == NULL || !e->started)
		return;
	add_matches(buf_str(&e->field), e->out);
	e->field.len = 0;
	e->started = false;
}

/*
 * The result of an expansion; blanks in it end fields unless quoted.
 */
static void
put_value(struct expansion *e, const char *value, bool quoted)
{
	if (quoted)
		e->started = true;
	for (; *value != '\0'; value++) {
		if (!quoted && e->out != NULL && strchr(" \t\n", *value))
			end_field(e);
		else
			put(e, *value, quoted);
	}
}

/* -- Parameters ----------------------------------------------------------- */

static void
put_all_params(struct expansion *e, bool quoted, bool joined)
{
	for (int i = 0; i < sh.nparams; i++) {
		if (i > 0) {
			if (e->out == NULL || (quoted && joined))
				put(e, ' ', quoted);
			else
				end_field(e);
		}
		put_value(e, sh.params[i], quoted);
	}
}

/*
 * => NULL when the parameter is not set; the text may be in the buffer
 */
static const char *
param_value(const char *name, size_t len, char *buf, size_t size)
{
	long n = -1;
	char *copy;
	const char *value;

	if (len == 1 && *name == '?')
		n = sh.status;
	else if (len == 1 && *name == '$')
		n = sh.pid;
	else if (len == 1 && *name == '#')
		n = sh.nparams;
	else if (len == 1 && *name == '!' && sh.last_bg != 0)
		n = sh.last_bg;
	if (n >= 0) {
		snprintf(buf, size, "%ld", n);
		return buf;
	}
	if (*name >= '0' && *name <= '9') {
		n = strtol(name, NULL, 10);
		if (n == 0)
			return sh.name;
		return n <= sh.nparams ? sh.params[n - 1] : NULL;
	}
	copy = xstrdup(name);
	copy[len] = '\0';
	value = var_get(copy);
	free(copy);
	return value;
}

/*
 * Length of the parameter's name at s.
 */
static size_t
param_length(const char *s, size_t len, bool braces)
{
	size_t n = 0;

	if (len > 0 && strchr("?$#!@*", *s) != NULL)
		return 1;
	if (len > 0 && *s >= '0' && *s <= '9') {
		while (++n < len && braces && s[n] >= '0' && s[n] <= '9')
			continue;
		return n;
	}
	while (n < len && is_name(s, n + 1))
		n++;
	return n;
}

/*
 * ${name%pattern}, ${name#pattern}, doubled for the longest match.
 */
static void
put_trimmed(struct expansion *e, const char *value, const char *op, size_t len,
    bool quoted)
{
	bool longest = len > 1 && op[1] == op[0], suffix = *op == '%';
	size_t skip = longest ? 2 : 1, n = strlen(value);
	char *raw = xstrdup(op + skip), *pattern, *text = xstrdup(value);

	raw[len - skip] = '\0';
	pattern = expand_pattern(raw);
	for (size_t i = 0; i <= n; i++) {
		size_t cut = suffix == longest ? i : n - i;
		char saved = text[cut];
		bool match;

		if (!suffix)
			text[cut] = '\0';
		match = pattern_match(pattern, suffix ? text + cut : text);
		text[cut] = saved;
		if (!match)
			continue;
		if (suffix)
			text[cut] = '\0';
		put_value(e, suffix ? text : text + cut, quoted);
		break;
	}
	if (suffix ? strlen(text) == n && !pattern_match(pattern, "") : false)
		put_value(e, "", quoted);
	free(text);
	free(pattern);
	free(raw);
}

/*
 * ${name-word} and its kin: op is behind the name, and behind the colon,
 * which makes an empty value count as none.
 */
static void
put_alternative(struct expansion *e, const char *name, size_t name_len,
    const char *value, const char *op, size_t len, bool quoted)
{
	char *word, *copy;

	if (*op == '+' ? value == NULL : value != NULL) {
		if (*op != '+')
			put_value(e, value, quoted);
		return;
	}
	if (*op == '-' || *op == '+') {
		expand_text(e, op + 1, len - 1, quoted);
		return;
	}
	word = xstrdup(op + 1);
	word[len - 1] = '\0';
	copy = xstrdup(name);
	copy[name_len] = '\0';
	if (*op == '=') {
		char *text = expand_string(word);

		var_set(copy, text);
		put_value(e, text, quoted);
		free(text);
	} else {
		char *text = expand_string(word);

		complainx(
		    "%s: %s", copy, *text != '\0' ? text : "parameter not set");
		free(text);
		sh.status = 1;
		sh.leaving = LEAVE_LINE;
		if (!sh.interactive)
			exit(1);
	}
	free(copy);
	free(word);
}

/*
 * What is between the braces of ${...}.
 */
static void
expand_braces(struct expansion *e, const char *s, size_t len, bool quoted)
{
	bool want_length = len > 1 && *s == '#', colon;
	const char *value;
	char number[24];
	size_t n;

	if (want_length)
		s++, len--;
	n = param_length(s, len, true);
	if (n == 0) {
		complainx("${%.*s}: bad substitution", (int)len, s);
		sh.leaving = LEAVE_LINE;
		sh.status = 1;
		return;
	}
	if (n == len && !want_length && (*s == '@' || *s == '*')) {
		put_all_params(e, quoted, *s == '*');
		return;
	}
	value = param_value(s, n, number, sizeof(number));
	if (want_length) {
		snprintf(number, sizeof(number), "%zu",
		    value != NULL ? strlen(value) : 0);
		put_value(e, number, quoted);
		return;
	}
	if (n == len) {
		put_value(e, value != NULL ? value : "", quoted);
		return;
	}
	if (s[n] == '%' || s[n] == '#') {
		put_trimmed(
		    e, value != NULL ? value : "", s + n, len - n, quoted);
		return;
	}
	colon = s[n] == ':';
	if (colon && value != NULL && *value == '\0')
		value = NULL;
	if (len - n - colon > 0 && strchr("-=+?", s[n + colon]) != NULL) {
		put_alternative(
		    e, s, n, value, s + n + colon, len - n - colon, quoted);
		return;
	}
	complainx("${%.*s}: bad substitution", (int)len, s);
	sh.leaving = LEAVE_LINE;
	sh.status = 1;
}

/* -- Commands and arithmetic ---------------------------------------------- */

static void
expand_command(struct expansion *e, const char *text, bool quoted)
{
	struct buf output = { 0 };
	char block[4096];
	ssize_t n;
	int fd[2];
	pid_t pid;

	if (pipe(fd) != 0) {
		complain("pipe");
		return;
	}
	pid = fork_shell();
	if (pid == 0) {
		close(fd[0]);
		if (fd[1] != STDOUT_FILENO) {
			dup2(fd[1], STDOUT_FILENO);
			close(fd[1]);
		}
		run_string(text);
		fflush(stdout);
		_exit(sh.status);
	}
	close(fd[1]);
	while (pid > 0 && (n = read(fd[0], block, sizeof(block))) != 0) {
		if (n > 0)
			buf_add(&output, block, (size_t)n);
		else if (errno != EINTR)
			break;
	}
	close(fd[0]);
	if (pid > 0)
		sh.status = sh.substituted = wait_for(pid);
	while (output.len > 0 && output.s[output.len - 1] == '\n')
		output.len--;
	put_value(e, buf_str(&output), quoted);
	buf_free(&output);
}

static void
expand_arith(struct expansion *e, char *text, bool quoted)
{
	char number[24], *expr = expand_string(text);
	long value;

	if (arith(expr, &value) == 0) {
		snprintf(number, sizeof(number), "%ld", value);
		put_value(e, number, quoted);
	} else {
		sh.status = 1;
		sh.leaving = LEAVE_LINE;
	}
	free(expr);
}

/* -- Words ---------------------------------------------------------------- */

/*
 * Length of the text from s on that the closing character ends, that one
 * left out.  The parser has seen to it that it is there.
 */
static size_t
enclosed(const char *s, size_t len, char close)
{
	size_t i = 0;

	while (i < len && s[i] != close) {
		char c = s[i++];

		if (close == '\'')
			continue;
		if (c == '\\')
			i++;
		else if (c == '\'' && close != '"')
			i += enclosed(s + i, len - i, c) + 1;
		else if (c == '"' || c == '`')
			i += enclosed(s + i, len - i, c) + 1;
		else if (c == '(' && close != '"' && close != '}')
			i += enclosed(s + i, len - i, ')') + 1;
		else if (c == '$' && i < len && s[i] == '{')
			i += enclosed(s + i + 1, len - i - 1, '}') + 2;
		else if (c == '$' && i < len && s[i] == '(')
			i += enclosed(s + i + 1, len - i - 1, ')') + 2;
	}
	return i < len ? i : len;
}

static char *
copy_text(const char *s, size_t len)
{
	char *copy = xmalloc(len + 1);

	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

/*
 * Text behind a dollar sign.
 * => how much of it has been used
 */
static size_t
expand_dollar(struct expansion *e, const char *s, size_t len, bool quoted)
{
	char number[24], *copy;
	const char *value;
	size_t n;

	if (len > 0 && *s == '{') {
		n = enclosed(s + 1, len - 1, '}');
		expand_braces(e, s + 1, n, quoted);
		return n + 2;
	}
	if (len > 0 && *s == '(') {
		n = enclosed(s + 1, len - 1, ')');
		if (n >= 2 && s[1] == '(' && s[n] == ')') {
			copy = copy_text(s + 2, n - 2);
			expand_arith(e, copy, quoted);
		} else {
			copy = copy_text(s + 1, n);
			expand_command(e, copy, quoted);
		}
		free(copy);
		return n + 2;
	}
	n = param_length(s, len, false);
	if (n == 0) {
		put(e, '$', quoted);
		return 0;
	}
	if (*s == '@' || *s == '*') {
		put_all_params(e, quoted, *s == '*');
		return n;
	}
	value = param_value(s, n, number, sizeof(number));
	put_value(e, value != NULL ? value : "", quoted);
	return n;
}

static void
expand_backquoted(struct expansion *e, const char *s, size_t len, bool quoted)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\\' && i + 1 < len && strchr("`\\$", s[i + 1]))
			i++;
		buf_putc(&b, s[i]);
	}
	expand_command(e, buf_str(&b), quoted);
	buf_free(&b);
}

/*
 * Text with quotes, or the inside of double quotes.
 */
static void
expand_text(struct expansion *e, const char *s, size_t len, bool quoted)
{
	size_t n;

	for (size_t i = 0; i < len && sh.leaving != LEAVE_LINE; i++) {
		if (s[i] == '\\' && i + 1 < len) {
			i++;
			if (s[i] == '\n')
				continue;
			if (quoted && strchr("$`\"\\", s[i]) == NULL)
				put(e, '\\', true);
			put(e, s[i], true);
		} else if (s[i] == '\'' && !quoted) {
			n = enclosed(s + i + 1, len - i - 1, '\'');
			e->started = true;
			for (size_t k = 0; k < n; k++)
				put(e, s[i + 1 + k], true);
			i += n + 1;
		} else if (s[i] == '"') {
			n = enclosed(s + i + 1, len - i - 1, '"');
			/* "$@" without parameters is no field at all. */
			if (n != 2 || strncmp(s + i + 1, "$@", 2) != 0)
				e->started = true;
			expand_text(e, s + i + 1, n, true);
			i += n + 1;
		} else if (s[i] == '`') {
			n = enclosed(s + i + 1, len - i - 1, '`');
			expand_backquoted(e, s + i + 1, n, quoted);
			i += n + 1;
		} else if (s[i] == '$') {
			i += expand_dollar(e, s + i + 1, len - i - 1, quoted);
		} else {
			/* what is written as a pattern is one */
			if (quoted)
				put(e, s[i], true);
			else
				buf_putc(&e->field, s[i]);
			e->started = true;
		}
	}
}

/* ~ and ~/... at the start of a word. */
static const char *
expand_tilde(struct expansion *e, const char *text)
{
	const char *home = var_get("HOME");

	if (text[0] != '~' || (text[1] != '/' && text[1] != '\0') ||
	    home == NULL)
		return text;
	put_value(
	    e, strcmp(home, "/") == 0 && text[1] == '/' ? "" : home, true);
	return text + 1;
}

void
expand_words(const struct word *w, struct args *out)
{
	struct expansion e = { .out = out };

	for (; w != NULL && sh.leaving != LEAVE_LINE; w = w->next) {
		const char *text = expand_tilde(&e, w->text);

		expand_text(&e, text, strlen(text), false);
		end_field(&e);
	}
	buf_free(&e.field);
}

char *
expand_pattern(const char *word)
{
	struct expansion e = { 0 };
	const char *text = expand_tilde(&e, word);

	expand_text(&e, text, strlen(text), false);
	return buf_str(&e.field);
}

char *
expand_string(const char *word)
{
	return unprotect(expand_pattern(word));
}

/* -- Arithmetic ----------------------------------------------------------- */

struct arith {
	const char *s;
	bool failed;
	int depth;
};

static const struct {
	char text[3];
	int level; /* binds tighter when higher */
} operators[] = { { "||", 1 }, { "&&", 2 }, { "==", 6 }, { "!=", 6 },
	{ "<=", 7 }, { ">=", 7 }, { "<<", 8 }, { ">>", 8 }, { "|", 3 },
	{ "^", 4 }, { "&", 5 }, { "<", 7 }, { ">", 7 }, { "+", 9 }, { "-", 9 },
	{ "*", 10 }, { "/", 10 }, { "%", 10 } };
#define NOPERATORS (sizeof(operators) / sizeof(operators[0]))

static long arith_binary(struct arith *a, int level);

static void
arith_blanks(struct arith *a)
{
	while (*a->s == ' ' || *a->s == '\t' || *a->s == '\n')
		a->s++;
}

static long
arith_operand(struct arith *a)
{
	unsigned long value = 0;
	const char *text;
	char *end, *name;
	size_t n;

	arith_blanks(a);
	if (++a->depth > 100)
		a->failed = true;
	if (a->failed) {
		value = 0;
	} else if (*a->s == '(') {
		a->s++;
		value = (unsigned long)arith_binary(a, 1);
		arith_blanks(a);
		a->failed |= *a->s != ')';
		a->s += *a->s == ')';
	} else if (strchr("-+!~", *a->s) != NULL && *a->s != '\0') {
		char op = *a->s++;

		value = (unsigned long)arith_operand(a);
		value = op == '-' ? -value
		    : op == '!'   ? value == 0
		    : op == '~'   ? ~value
				  : value;
	} else if (*a->s >= '0' && *a->s <= '9') {
		value = strtoul(a->s, &end, 0);
		a->s = end;
	} else {
		n = param_length(a->s, strlen(a->s), false);
		name = copy_text(a->s, n);
		text = n > 0 ? var_get(name) : NULL;
		a->failed |= n == 0 || !is_name(name, n);
		value = text != NULL ? strtoul(text, NULL, 0) : 0;
		free(name);
		a->s += n;
	}
	a->depth--;
	return (long)value;
}

/* Unsigned inside: overflow wraps instead of being undefined. */
static long
arith_apply(struct arith *a, const char *op, long x, long y)
{
	unsigned long u = (unsigned long)x, v = (unsigned long)y;
	int two = op[1] != '\0';

	switch (op[0]) {
	case '|':
		return two ? x || y : x | y;
	case '&':
		return two ? x && y : x & y;
	case '^':
		return x ^ y;
	case '=':
		return x == y;
	case '!':
		return x != y;
	case '<':
		return !two        ? x < y
		    : op[1] == '=' ? x <= y
				   : (long)(u << (v & 63));
	case '>':
		return !two ? x > y : op[1] == '=' ? x >= y : x >> (v & 63);
	case '+':
		return (long)(u + v);
	case '-':
		return (long)(u - v);
	case '*':
		return (long)(u * v);
	}
	if (y == 0) {
		a->failed = true;
		return 0;
	}
	if (y == -1)
		return op[0] == '/' ? (long)-u : 0;
	return op[0] == '/' ? x / y : x % y;
}

static long
arith_binary(struct arith *a, int level)
{
	long value = arith_operand(a);
	size_t i;

	for (;;) {
		arith_blanks(a);
		for (i = 0; i < NOPERATORS; i++)
			if (strncmp(a->s, operators[i].text,
				strlen(operators[i].text)) == 0)
				break;
		if (i == NOPERATORS || operators[i].level < level || a->failed)
			return value;
		a->s += strlen(operators[i].text);
		value = arith_apply(a, operators[i].text, value,
		    arith_binary(a, operators[i].level + 1));
	}
}

int
arith(const char *expr, long *out)
{
	struct arith a = { .s = expr };

	arith_blanks(&a);
	*out = *a.s != '\0' ? arith_binary(&a, 1) : 0;
	arith_blanks(&a);
	if (!a.failed && *a.s == '\0')
		return 0;
	complainx("%s: not an arithmetic expression", expr);
	return -1;
}
