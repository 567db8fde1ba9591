/*
 * Formatted output: C99 conversions without floating point.
 */

#include <stdbool.h>
#include <stdint.h>
#include <lib/format.h>
#include <lib/string.h>

#define INT_MAX __INT_MAX__ /* limits.h is not freestanding everywhere */
#define INT_MIN (-INT_MAX - 1)

#define F_LEFT  1 /* - */
#define F_PLUS  2 /* + */
#define F_SPACE 4 /* blank in place of a plus */
#define F_ALT   8 /* # */
#define F_ZERO  16 /* 0 */

#define NOPREC  (-1) /* no precision given */
#define MAXDIGS 24 /* 64 bits in octal, and a leading 0 */

enum length { L_INT, L_CHAR, L_SHORT, L_LONG, L_LLONG, L_MAX, L_SIZE, L_DIFF };

/*
 * One call of kvformat().  Locks: [o] belongs to the call.
 */
struct out {
	void (*put)(int, void *); /* [o] consumer of characters */
	void *arg; /* [o] its argument */
	uint64_t count; /* [o] characters put */
};

/*
 * One conversion.  Locks: [o] belongs to the call.
 */
struct conv {
	unsigned int flags; /* [o] F_* */
	int width; /* [o] least characters */
	int prec; /* [o] precision or NOPREC */
	enum length len; /* [o] type of the argument */
	char spec; /* [o] conversion character */
	const char *sign; /* [o] what goes before the digits */
};

/* A va_list that functions can share by reference, whatever its type is. */
struct args {
	va_list ap; /* [o] next argument */
};

static void
put_char(struct out *o, char c)
{
	o->put((unsigned char)c, o->arg);
	o->count++;
}

static void
put_fill(struct out *o, char c, int n)
{
	while (n-- > 0)
		put_char(o, c);
}

static void
put_bytes(struct out *o, const char *s, int n)
{
	while (n-- > 0)
		put_char(o, *s++);
}

/*
 * Text padded to the width.
 */
static void
put_text(struct out *o, const struct conv *c, const char *s, int n)
{
	int pad = c->width > n ? c->width - n : 0;

	if ((c->flags & F_LEFT) == 0)
		put_fill(o, ' ', pad);
	put_bytes(o, s, n);
	if ((c->flags & F_LEFT) != 0)
		put_fill(o, ' ', pad);
}

/*
 * Digits of a number, most significant first, ending at end; returns how
 * many.  Zero has none: the precision puts it back.
 */
static int
make_digits(char *end, uint64_t value, unsigned int base, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char *p = end;

	for (; value != 0; value /= base)
		*--p = digits[value % base];
	return end - p;
}

static void
put_number(struct out *o, struct conv *c, uint64_t value)
{
	char buf[MAXDIGS], *end = buf + sizeof(buf);
	unsigned int base = 10;
	int n, zeros, signlen, pad;

	if (c->spec == 'o')
		base = 8;
	else if (c->spec == 'x' || c->spec == 'X')
		base = 16;
	n = make_digits(end, value, base, c->spec == 'X');
	if (base == 16 && (c->flags & F_ALT) != 0 && value != 0)
		c->sign = c->spec == 'X' ? "0X" : "0x";

	zeros = (c->prec == NOPREC ? 1 : c->prec) - n;
	if (zeros < 0)
		zeros = 0;
	if (base == 8 && (c->flags & F_ALT) != 0 && zeros == 0)
		zeros = 1;
	signlen = strlen(c->sign);
	pad = c->width > n + signlen ? c->width - n - signlen : 0;
	if ((c->flags & (F_ZERO | F_LEFT)) == F_ZERO && c->prec == NOPREC &&
	    zeros < pad)
		zeros = pad;
	pad = pad > zeros ? pad - zeros : 0;

	if ((c->flags & F_LEFT) == 0)
		put_fill(o, ' ', pad);
	put_bytes(o, c->sign, signlen);
	put_fill(o, '0', zeros);
	put_bytes(o, end - n, n);
	if ((c->flags & F_LEFT) != 0)
		put_fill(o, ' ', pad);
}

/*
 * A signed argument of the conversion's length.
 */
static int64_t
arg_signed(struct args *a, enum length len)
{
	switch (len) {
	case L_CHAR:
		return (signed char)va_arg(a->ap, int);
	case L_SHORT:
		return (short)va_arg(a->ap, int);
	case L_LONG:
		return va_arg(a->ap, long);
	case L_LLONG:
		return va_arg(a->ap, long long);
	case L_MAX:
		return va_arg(a->ap, intmax_t);
	case L_SIZE:
	case L_DIFF:
		return va_arg(a->ap, ptrdiff_t);
	default:
		return va_arg(a->ap, int);
	}
}

static uint64_t
arg_unsigned(struct args *a, enum length len)
{
	switch (len) {
	case L_CHAR:
		return (unsigned char)va_arg(a->ap, unsigned int);
	case L_SHORT:
		return (unsigned short)va_arg(a->ap, unsigned int);
	case L_LONG:
		return va_arg(a->ap, unsigned long);
	case L_LLONG:
		return va_arg(a->ap, unsigned long long);
	case L_MAX:
		return va_arg(a->ap, uintmax_t);
	case L_SIZE:
	case L_DIFF:
		return va_arg(a->ap, size_t);
	default:
		return va_arg(a->ap, unsigned int);
	}
}

static void
put_signed(struct out *o, struct conv *c, int64_t value)
{
	if (value < 0)
		c->sign = "-";
	else if ((c->flags & F_PLUS) != 0)
		c->sign = "+";
	else if ((c->flags & F_SPACE) != 0)
		c->sign = " ";
	put_number(o, c, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

static void
put_pointer(struct out *o, struct conv *c, const void *p)
{
	c->spec = 'x';
	c->flags |= F_ALT;
	if (p == NULL)
		c->sign = "0x"; /* put_number() gives 0 no prefix */
	put_number(o, c, (uintptr_t)p);
}

static void
put_string(struct out *o, const struct conv *c, const char *s)
{
	size_t max = c->prec == NOPREC ? INT_MAX : (size_t)c->prec;

	if (s == NULL)
		s = "(null)";
	put_text(o, c, s, strnlen(s, max));
}

/*
 * One conversion; false when the character is none.
 */
static bool
convert(struct out *o, struct conv *c, struct args *a)
{
	char ch;

	switch (c->spec) {
	case 'd':
	case 'i':
		put_signed(o, c, arg_signed(a, c->len));
		return true;
	case 'u':
	case 'o':
	case 'x':
	case 'X':
		put_number(o, c, arg_unsigned(a, c->len));
		return true;
	case 'c':
		ch = (char)va_arg(a->ap, int);
		put_text(o, c, &ch, 1);
		return true;
	case 's':
		put_string(o, c, va_arg(a->ap, const char *));
		return true;
	case 'p':
		put_pointer(o, c, va_arg(a->ap, const void *));
		return true;
	case '%':
		put_char(o, '%');
		return true;
	default:
		return false;
	}
}

static const char *
parse_flags(const char *f, struct conv *c)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			c->flags |= F_LEFT;
			break;
		case '+':
			c->flags |= F_PLUS;
			break;
		case ' ':
			c->flags |= F_SPACE;
			break;
		case '#':
			c->flags |= F_ALT;
			break;
		case '0':
			c->flags |= F_ZERO;
			break;
		default:
			return f;
		}
	}
}

/*
 * A width or precision; *n is left alone when there is none, and becomes
 * INT_MAX when the number does not fit.
 */
static const char *
parse_count(const char *f, int *n, struct args *a)
{
	if (*f == '*') {
		*n = va_arg(a->ap, int);
		return f + 1;
	}
	for (; *f >= '0' && *f <= '9'; f++) {
		if (__builtin_mul_overflow(*n, 10, n) ||
		    __builtin_add_overflow(*n, *f - '0', n))
			*n = INT_MAX;
	}
	return f;
}

static const char *
parse_length(const char *f, struct conv *c)
{
	switch (*f) {
	case 'h':
		c->len = f[1] == 'h' ? L_CHAR : L_SHORT;
		return f + (c->len == L_CHAR ? 2 : 1);
	case 'l':
		c->len = f[1] == 'l' ? L_LLONG : L_LONG;
		return f + (c->len == L_LLONG ? 2 : 1);
	case 'j':
		c->len = L_MAX;
		return f + 1;
	case 'z':
		c->len = L_SIZE;
		return f + 1;
	case 't':
		c->len = L_DIFF;
		return f + 1;
	default:
		return f;
	}
}

/*
 * Everything between the % and the conversion character, and that.
 */
static const char *
parse(const char *f, struct conv *c, struct args *a)
{
	*c = (struct conv){ .prec = NOPREC, .len = L_INT, .sign = "" };
	f = parse_flags(f, c);
	f = parse_count(f, &c->width, a);
	if (c->width < 0) {
		c->flags |= F_LEFT;
		c->width = c->width == INT_MIN ? INT_MAX : -c->width;
	}
	if (*f == '.') {
		c->prec = 0;
		f = parse_count(f + 1, &c->prec, a);
		if (c->prec < 0)
			c->prec = NOPREC;
	}
	f = parse_length(f, c);
	c->spec = *f;
	return f;
}

int
kvformat(void (*put)(int, void *), void *arg, const char *fmt, va_list ap)
{
	struct out o = { .put = put, .arg = arg };
	const char *start;
	struct args a;
	struct conv c;

	va_copy(a.ap, ap);
	for (; *fmt != '\0'; fmt++) {
		if (*fmt != '%') {
			put_char(&o, *fmt);
			continue;
		}
		start = fmt;
		fmt = parse(fmt + 1, &c, &a);
		if (c.width == INT_MAX ||
		    (c.prec == INT_MAX && c.spec != 's')) {
			/* the result cannot be counted: do not begin */
			o.count = (uint64_t)INT_MAX + 1;
			break;
		}
		if (convert(&o, &c, &a))
			continue;
		put_bytes(&o, start, fmt - start);
		fmt--; /* the loop sees that character as text, or the end */
	}
	va_end(a.ap);
	return o.count > INT_MAX ? -1 : (int)o.count;
}

/*
 * Destination of snprintf().  Locks: [o] belongs to the call.
 */
struct buffer {
	char *next; /* [o] next character's place */
	size_t left; /* [o] places left, one of them for the NUL */
};

static void
put_buffer(int c, void *arg)
{
	struct buffer *b = arg;

	if (b->left > 1) {
		*b->next++ = (char)c;
		b->left--;
	}
}

int
vsnprintf(char *restrict buf, size_t size, const char *restrict fmt, va_list ap)
{
	struct buffer b = { .next = buf, .left = size };
	int n;

	n = kvformat(put_buffer, &b, fmt, ap);
	if (size > 0)
		*b.next = '\0';
	return n;
}

int
snprintf(char *restrict buf, size_t size, const char *restrict fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
