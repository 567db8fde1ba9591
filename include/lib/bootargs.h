#ifndef _LIB_BOOTARGS_H_
#define _LIB_BOOTARGS_H_

/*
 * Boot arguments: words separated by blanks, each "key" or "key=value".
 * "..." and '...' quote, inside words too; a backslash takes the next
 * character literally except inside '...'.  After a bare -- every further
 * word belongs to the command init is to run.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BOOTARGS_LEN   4096 /* longest line with its NUL */
#define BOOTARGS_WORDS 256 /* most words, and most command words */

/*
 * Locks: [i] immutable after bootargs_parse().
 */
struct bootarg {
	const char *key; /* [i] up to the first '=' */
	const char *value; /* [i] after it; NULL without '=' */
};

/*
 * Locks: [i] immutable after bootargs_parse().
 */
struct bootargs {
	struct bootarg args[BOOTARGS_WORDS]; /* [i] words before the -- */
	unsigned int nargs; /* [i] how many */
	const char *argv[BOOTARGS_WORDS + 1]; /* [i] command, NULL at end */
	unsigned int argc; /* [i] how many, 0: no command */
	const char *why; /* [i] reason of a failure, or NULL */
	char text[BOOTARGS_LEN]; /* [i] the words, unquoted */
};

/*
 * bootargs_parse: split a line.
 *
 * => line may be NULL (no arguments) and is not needed afterwards
 * => 0, E2BIG: too long or too many words, EINVAL: open quote, lone
 *    backslash or "=value" without a key.  On failure b->why names the fault
 *    and the words read before it are kept
 */
int bootargs_parse(struct bootargs *, const char *);

/*
 * bootarg_next: iterate over the words before the --.
 *
 * => *i starts at 0; NULL at the end
 */
const struct bootarg *bootarg_next(const struct bootargs *, unsigned int *);

/*
 * bootarg_get: value of the last word with the key.
 *
 * => NULL: no such word; "": the word has no '=' or nothing after it
 */
const char *bootarg_get(const struct bootargs *, const char *);

/*
 * bootarg_flag: => was the key given, with no value or with 1, y, yes, on or
 * true, and not switched off later by another value?
 */
bool bootarg_flag(const struct bootargs *, const char *);

/*
 * bootarg_u64: value as a number; 0x prefix, suffix K, M, G or T (powers of
 * 1024, either case).
 *
 * => 0; ENOENT: no such word; EINVAL: no number; EOVERFLOW: too large;
 *    *out changes only on success
 */
int bootarg_u64(const struct bootargs *, const char *, uint64_t *);

#endif /* _LIB_BOOTARGS_H_ */
