#ifndef _LIB_STRING_H_
#define _LIB_STRING_H_

/*
 * Freestanding string functions.  None of them sleeps, locks or keeps state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* => the C11 meaning of each, no more; any context */
void *memcpy(void *restrict, const void *restrict, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
void *memchr(const void *, int, size_t);
size_t strlen(const char *);
size_t strnlen(const char *, size_t);
int strcmp(const char *, const char *);
int strncmp(const char *, const char *, size_t);
char *strchr(const char *, int);
char *strrchr(const char *, int);

/*
 * BSD meaning: always NUL-terminate when the size is not zero.
 *
 * => return the length the whole result needed; truncation happened when
 *    that is not less than the size
 */
size_t strlcpy(char *restrict, const char *restrict, size_t);
size_t strlcat(char *restrict, const char *restrict, size_t);

/*
 * strtou64: read an unsigned number at the start of a string.
 *
 * => base is 2..36, or 0: 0x, 0b and 0 prefixes choose it
 * => no white space, no sign
 * => true: *out is the value, *end (when end is not NULL) the first
 *    character after it
 * => false: no digit, bad base, or the value does not fit in 64 bits;
 *    *out is untouched and *end is the start of the string
 */
bool strtou64(const char *, const char **, int, uint64_t *);

#endif /* _LIB_STRING_H_ */
