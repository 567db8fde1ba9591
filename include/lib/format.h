#ifndef _LIB_FORMAT_H_
#define _LIB_FORMAT_H_

/*
 * Formatted output, C99 without floating point.  None of these sleeps,
 * locks or keeps state; each may run in any context.
 */

#include <stdarg.h>
#include <stddef.h>

#ifdef __GNUC__
#define FORMAT_PRINTF(fmt, args) \
	__attribute__((__format__(__printf__, fmt, args)))
#else
#define FORMAT_PRINTF(fmt, args)
#endif

/*
 * kvformat: format, handing out one character at a time.
 *
 * => conversions d i u x X o c s p %; flags - + space # 0; width and
 *    precision as number or *; lengths hh h l ll z j t
 * => an unknown conversion is copied out as it stands and takes no argument
 * => %s of a null pointer prints "(null)"; %p prints as %#lx
 * => returns the number of characters put, or -1 when it exceeds INT_MAX
 */
int kvformat(void (*)(int, void *), void *, const char *, va_list)
    FORMAT_PRINTF(3, 0);

/*
 * snprintf, vsnprintf: as C99; the result is always terminated when the
 * size is not zero.
 *
 * => returns the length the whole result needs, without the NUL
 */
int
snprintf(char *restrict, size_t, const char *restrict, ...) FORMAT_PRINTF(3, 4);
int vsnprintf(char *restrict, size_t, const char *restrict, va_list)
    FORMAT_PRINTF(3, 0);

#endif /* _LIB_FORMAT_H_ */
