/*
 * Freestanding string functions.
 *
 * Copying and clearing pages dominates the cost of a page fault, so the
 * block functions work in aligned words and unroll far enough that loop
 * overhead disappears.  No access is ever misaligned.  The build must keep
 * the compiler from turning these loops into calls of themselves
 * (-fno-builtin, -fno-tree-loop-distribute-patterns).
 */

#include <lib/string.h>

/* May alias anything: the blocks have whatever type the caller gave them. */
typedef unsigned long __attribute__((__may_alias__)) word_t;

#define WSIZE    sizeof(word_t)
#define WMASK    (WSIZE - 1)
#define MINWORDS (2 * WSIZE) /* shorter blocks go byte by byte */

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "copy_shifted() assumes little endian words"
#endif

/*
 * Four words from s[o..o+3] to d[o..o+3]: all loads before all stores, so
 * that an in-order pipeline does not wait for each load, and so that
 * overlapping blocks with d below s (d above s when going down) come out
 * right.  Four at a time fit in registers that need no saving.
 */
#define COPY4(d, s, o)                                       \
	do {                                                 \
		word_t w0 = (s)[(o) + 0], w1 = (s)[(o) + 1]; \
		word_t w2 = (s)[(o) + 2], w3 = (s)[(o) + 3]; \
                                                             \
		(d)[(o) + 0] = w0;                           \
		(d)[(o) + 1] = w1;                           \
		(d)[(o) + 2] = w2;                           \
		(d)[(o) + 3] = w3;                           \
	} while (0)

#define SET8(d, w, o)               \
	do {                        \
		(d)[(o) + 0] = (w); \
		(d)[(o) + 1] = (w); \
		(d)[(o) + 2] = (w); \
		(d)[(o) + 3] = (w); \
		(d)[(o) + 4] = (w); \
		(d)[(o) + 5] = (w); \
		(d)[(o) + 6] = (w); \
		(d)[(o) + 7] = (w); \
	} while (0)

/*
 * Copy whole words upwards, both pointers aligned.
 */
static inline void
copy_words(word_t *d, const word_t *s, size_t words)
{
	const word_t *e;

	for (e = s + (words & ~(size_t)31); s != e; s += 32, d += 32) {
		COPY4(d, s, 0);
		COPY4(d, s, 4);
		COPY4(d, s, 8);
		COPY4(d, s, 12);
		COPY4(d, s, 16);
		COPY4(d, s, 20);
		COPY4(d, s, 24);
		COPY4(d, s, 28);
	}
	for (e = s + (words & 28); s != e; s += 4, d += 4)
		COPY4(d, s, 0);
	for (e = s + (words & 3); s != e; s++, d++)
		*d = *s;
}

/*
 * Copy whole words upwards to an aligned d from an s that is not, reading
 * aligned words and shifting them together.  A word is read only when one of
 * its bytes is wanted, so no page is touched that the block is not in.
 */
static inline void
copy_shifted(word_t *d, const uint8_t *src, size_t words)
{
	unsigned int right = ((uintptr_t)src & WMASK) * 8;
	unsigned int left = WSIZE * 8 - right;
	const word_t *s = (const word_t *)((uintptr_t)src & ~WMASK);
	word_t w0, w1, w2, w3, w4;

	w0 = *s++;
	for (; words >= 4; words -= 4, s += 4, d += 4) {
		w1 = s[0];
		w2 = s[1];
		w3 = s[2];
		w4 = s[3];
		d[0] = w0 >> right | w1 << left;
		d[1] = w1 >> right | w2 << left;
		d[2] = w2 >> right | w3 << left;
		d[3] = w3 >> right | w4 << left;
		w0 = w4;
	}
	for (; words > 0; words--) {
		w1 = *s++;
		*d++ = w0 >> right | w1 << left;
		w0 = w1;
	}
}

/*
 * Copy upwards; right for overlapping blocks too when d is below s.
 */
static void *
copy_up(void *dst, const void *src, size_t n)
{
	uint8_t *d = dst;
	const uint8_t *s = src;
	size_t words;

	if (((uintptr_t)d | (uintptr_t)s) & WMASK) {
		if (n < MINWORDS)
			goto bytes;
		for (; ((uintptr_t)d & WMASK) != 0; n--)
			*d++ = *s++;
	}
	if (((uintptr_t)s & WMASK) == 0) {
		words = n / WSIZE;
		copy_words((word_t *)d, (const word_t *)s, words);
	} else {
		/* the last word read must lie inside the block */
		words = (n - WSIZE) / WSIZE;
		copy_shifted((word_t *)d, s, words);
	}
	d += words * WSIZE;
	s += words * WSIZE;
	n -= words * WSIZE;
bytes:
	for (; n > 0; n--)
		*d++ = *s++;
	return dst;
}

/*
 * Copy downwards from the ends of both blocks.
 */
static void
copy_down(uint8_t *d, const uint8_t *s, size_t n)
{
	word_t *dw;
	const word_t *sw;

	d += n;
	s += n;
	if (n >= MINWORDS && (((uintptr_t)d ^ (uintptr_t)s) & WMASK) == 0) {
		for (; ((uintptr_t)d & WMASK) != 0; n--)
			*--d = *--s;
		dw = (word_t *)d;
		sw = (const word_t *)s;
		for (; n >= 8 * WSIZE; n -= 8 * WSIZE) {
			dw -= 8;
			sw -= 8;
			COPY4(dw, sw, 4);
			COPY4(dw, sw, 0);
		}
		for (; n >= WSIZE; n -= WSIZE)
			*--dw = *--sw;
		d = (uint8_t *)dw;
		s = (const uint8_t *)sw;
	}
	for (; n > 0; n--)
		*--d = *--s;
}

void *
memcpy(void *restrict dst, const void *restrict src, size_t n)
{
	return copy_up(dst, src, n);
}

void *
memmove(void *dst, const void *src, size_t n)
{
	/* One comparison: below src wraps to a huge distance. */
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		return copy_up(dst, src, n);
	copy_down(dst, src, n);
	return dst;
}

void *
memset(void *dst, int c, size_t n)
{
	uint8_t *d = dst;
	word_t w, *dw, *e;

	if (n >= MINWORDS) {
		w = (uint8_t)c * (~(word_t)0 / 0xff);
		for (; ((uintptr_t)d & WMASK) != 0; n--)
			*d++ = (uint8_t)c;
		dw = (word_t *)d;
		for (e = dw + (n / WSIZE & ~(size_t)63); dw != e; dw += 64) {
			SET8(dw, w, 0);
			SET8(dw, w, 8);
			SET8(dw, w, 16);
			SET8(dw, w, 24);
			SET8(dw, w, 32);
			SET8(dw, w, 40);
			SET8(dw, w, 48);
			SET8(dw, w, 56);
		}
		for (e = dw + (n / WSIZE & 56); dw != e; dw += 8)
			SET8(dw, w, 0);
		for (e = dw + (n / WSIZE & 7); dw != e; dw++)
			*dw = w;
		d = (uint8_t *)dw;
		n &= WMASK;
	}
	for (; n > 0; n--)
		*d++ = (uint8_t)c;
	return dst;
}

int
memcmp(const void *va, const void *vb, size_t n)
{
	const uint8_t *a = va, *b = vb;

	if ((((uintptr_t)a | (uintptr_t)b) & WMASK) == 0) {
		/* the bytes decide about the first word that differs */
		for (; n >= WSIZE; n -= WSIZE, a += WSIZE, b += WSIZE)
			if (*(const word_t *)a != *(const word_t *)b)
				break;
	}
	for (; n > 0; n--, a++, b++)
		if (*a != *b)
			return *a < *b ? -1 : 1;
	return 0;
}

void *
memchr(const void *v, int c, size_t n)
{
	const uint8_t *s = v;

	for (; n > 0; n--, s++)
		if (*s == (uint8_t)c)
			return (void *)(uintptr_t)s;
	return NULL;
}

size_t
strlen(const char *s)
{
	const char *e = s;

	while (*e != '\0')
		e++;
	return e - s;
}

size_t
strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n] != '\0')
		n++;
	return n;
}

int
strcmp(const char *a, const char *b)
{
	for (; *a == *b; a++, b++)
		if (*a == '\0')
			return 0;
	return (uint8_t)*a < (uint8_t)*b ? -1 : 1;
}

int
strncmp(const char *a, const char *b, size_t n)
{
	for (; n > 0; n--, a++, b++) {
		if (*a != *b)
			return (uint8_t)*a < (uint8_t)*b ? -1 : 1;
		if (*a == '\0')
			break;
	}
	return 0;
}

char *
strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (*s == '\0')
			return NULL;
	return (char *)(uintptr_t)s;
}

char *
strrchr(const char *s, int c)
{
	const char *found = NULL;

	do {
		if (*s == (char)c)
			found = s;
	} while (*s++ != '\0');
	return (char *)(uintptr_t)found;
}

size_t
strlcpy(char *restrict dst, const char *restrict src, size_t size)
{
	size_t len = strlen(src);

	if (size > 0) {
		size_t n = len < size ? len : size - 1;

		memcpy(dst, src, n);
		dst[n] = '\0';
	}
	return len;
}

size_t
strlcat(char *restrict dst, const char *restrict src, size_t size)
{
	size_t len = strnlen(dst, size);

	return len + strlcpy(dst + len, src, size - len);
}

/*
 * Value of a digit, or something no base reaches.
 */
static int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'Z')
		return c - 'A' + 10;
	return 255;
}

/*
 * Find the base from the prefix and step over it.  A prefix that no digit
 * follows is no prefix: "0x" is a 0 and an x.
 */
static int
prefix(const char **s, int base)
{
	const char *p = *s;
	int implied = 0;

	if (p[0] == '0' && (p[1] | 0x20) == 'x')
		implied = 16;
	else if (p[0] == '0' && (p[1] | 0x20) == 'b')
		implied = 2;
	if (implied != 0 && (base == 0 || base == implied) &&
	    digit(p[2]) < implied) {
		*s += 2;
		return implied;
	}
	if (base == 0)
		return p[0] == '0' ? 8 : 10;
	return base;
}

bool
strtou64(const char *s, const char **end, int base, uint64_t *out)
{
	const char *p = s;
	uint64_t value = 0;
	bool ok;

	base = prefix(&p, base);
	ok = base >= 2 && base <= 36 && digit(*p) < base;
	for (; ok && digit(*p) < base; p++)
		ok = !__builtin_mul_overflow(value, base, &value) &&
		    !__builtin_add_overflow(value, digit(*p), &value);
	if (end != NULL)
		*end = ok ? p : s;
	if (ok)
		*out = value;
	return ok;
}
