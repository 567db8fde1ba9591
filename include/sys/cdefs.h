/* Compiler attributes and helpers that every other header may use. */
#ifndef _SYS_CDEFS_H_
#define _SYS_CDEFS_H_

#define __packed           __attribute__((__packed__))
#define __aligned(n)       __attribute__((__aligned__(n)))
#define __section(s)       __attribute__((__section__(s)))
#define __used             __attribute__((__used__))
#define __unused           __attribute__((__unused__))
#define __dead             __attribute__((__noreturn__))
#define __noinline         __attribute__((__noinline__))
#define __always_inline    inline __attribute__((__always_inline__))
#define __warn_unused      __attribute__((__warn_unused_result__))
#define __printflike(f, a) __attribute__((__format__(__printf__, f, a)))
#define __predict_true(e)  __builtin_expect((e) != 0, 1)
#define __predict_false(e) __builtin_expect((e) != 0, 0)
#define __alloc_size(...)  __attribute__((__alloc_size__(__VA_ARGS__)))

#define CTASSERT(e)        _Static_assert(e, #e)
#define nitems(a)          (sizeof(a) / sizeof((a)[0]))
#define container_of(p, t, m) \
	((t *)(void *)((char *)(p) - __builtin_offsetof(t, m)))

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
/* Round x to a multiple of the power of two y. */
#define roundup2(x, y)   (((x) + ((y)-1)) & ~((__typeof__(x))(y)-1))
#define rounddown2(x, y) ((x) & ~((__typeof__(x))(y)-1))
#define powerof2(x)      ((((x)-1) & (x)) == 0)
#define howmany(x, y)    (((x) + ((y)-1)) / (y))

#endif
