/*
 * Formatted output with an arbitrary format: every conversion gets a pointer
 * to a string, which is at least as large as any argument it may take.
 */

#include <stdlib.h>
#include <string.h>

#include "klib.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define MAXFMT 60

/*
 * Counts that would fill the buffer for hours are cut: "*" and numbers of
 * more than four digits.
 */
static void
tame(char *f)
{
	int digits = 0;

	for (; *f != '\0'; f++) {
		digits = *f >= '0' && *f <= '9' ? digits + 1 : 0;
		if (*f == '*' || digits > 4)
			*f = '.';
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char s[] = "string";
	char fmt[MAXFMT + 1], out[64];
	size_t room = size % sizeof(out);
	int n;

	size = size < MAXFMT ? size : MAXFMT;
	memcpy(fmt, data, size);
	fmt[size] = '\0';
	tame(fmt);
	memset(out, '~', sizeof(out));
	n = k_snprintf(out, room, fmt, s, s, s, s, s, s, s, s, s, s, s, s, s, s,
	    s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s,
	    s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s);
	if (n < 0 || (room > 0 && memchr(out, '\0', room) == NULL) ||
	    out[room] != '~')
		abort();
	return 0;
}
