/* Services that nearly every part of the kernel uses. */
#ifndef _SYS_SYSTM_H_
#define _SYS_SYSTM_H_

#include <stdarg.h>
#include <sys/types.h>

struct mutex;
struct rwlock;
struct proc;

/* -- Assertions and panic (kern/subr_prf.c, kern/kern_panic.c) ------------ */

/* => any context; never returns: dumps state, then resets (vmrun: exit 70) */
void panic(const char *fmt, ...) __printflike(1, 2) __dead;
/* => any context, any lock; what a failed KASSERT calls */
void kassert_fail(
    const char *expr, const char *file, int line, const char *func) __dead;
/*
 * Tests: run fn(arg) and expect it to panic.
 * => thread context; one at a time; TRUE: it panicked with the text in msg;
 *    locks fn holds at that moment stay held, mutex nesting is undone
 */
bool panic_expect(void (*fn)(void *), void *arg, char *msg, size_t n);

#ifdef DIAGNOSTIC
#define KASSERT(e)                   \
	(__predict_true(e) ? (void)0 \
			   : kassert_fail(#e, __FILE__, __LINE__, __func__))
#define KASSERTMSG(e, ...) (__predict_true(e) ? (void)0 : panic(__VA_ARGS__))
#else
#define KASSERT(e)         ((void)sizeof(e))
#define KASSERTMSG(e, ...) ((void)sizeof(e))
#endif
/* DEBUG builds (make DEBUG=1): checks that cost more than a few percent. */
#ifdef DEBUG
#define KDASSERT(e) KASSERT(e)
#else
#define KDASSERT(e) ((void)sizeof(e))
#endif

/* -- Console log (kern/subr_prf.c) ---------------------------------------- */

/*
 * Kernel log: each line begins with the time in seconds since boot.
 * => any context; does not sleep; lines of two harts never mix
 */
int printf(const char *fmt, ...) __printflike(1, 2);
int vprintf(const char *fmt, va_list ap) __printflike(1, 0);
/* lib/format.c, C99 semantics, no floating point */
int snprintf(char *buf, size_t size, const char *fmt, ...) __printflike(3, 4);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
    __printflike(3, 0);

/*
 * Log text from byte *seq of the log's history on; *seq becomes the position
 * behind what was copied (text that is gone already is skipped).
 * => any context; returns the bytes copied, 0 at the end of the log
 */
size_t log_read(char *buf, size_t n, uint64_t *seq);
/* => position of the oldest and of the next byte */
void log_bounds(uint64_t *oldest, uint64_t *next);

/* -- Sleeping (kern/kern_synch.c) ----------------------------------------- */

#define INFSLP UINT64_MAX /* no timeout */

/*
 * Sleep on ident until wakeup(ident), a timeout of nsecs (EWOULDBLOCK), or,
 * with PCATCH, a signal (EINTR or ERESTART).  The lock is released while
 * asleep and held again on return unless priority has PNORELOCK; a wakeup
 * between the caller's test and the sleep is not lost as long as the waker
 * changes the condition under that lock.
 * => no other spin mutex held; thread context
 */
#define PNORELOCK 0x200
int tsleep(const volatile void *ident, int priority, const char *wmesg,
    uint64_t nsecs);
int msleep(const volatile void *ident, struct mutex *mtx, int priority,
    const char *wmesg, uint64_t nsecs);
int rwsleep(const volatile void *ident, struct rwlock *rwl, int priority,
    const char *wmesg, uint64_t nsecs);
/* => any context but under a run-queue lock; wakes everyone / at most n */
void wakeup(const volatile void *ident);
void wakeup_n(const volatile void *ident, int n);
#define wakeup_one(ident) wakeup_n((ident), 1)
/* => thread context, no spin mutex held; lets others run */
void yield(void);

/* -- Copying between kernel and user space (arch/riscv/copy.S) ------------ */

/*
 * => 0, or EFAULT with an unspecified part copied; ENAMETOOLONG from
 *    copyinstr when no NUL lies within len (lenp counts the NUL)
 * => thread context, may sleep in the page fault: no spin mutex held
 */
int copyin(const void *uaddr, void *kaddr, size_t len) __warn_unused;
int copyout(const void *kaddr, void *uaddr, size_t len) __warn_unused;
int copyinstr(
    const void *uaddr, void *kaddr, size_t len, size_t *lenp) __warn_unused;
/* => the same between kernel addresses that may be gone for good; no overlap */
int kcopy(const void *src, void *dst, size_t len) __warn_unused;
/*
 * Copy n whole pages of the kernel, wherever each is, to a user address; both
 * are multiples of 8.
 * => thread context; never sleeps and takes the pmap's locks only, so those of
 *    objects may be held; what is not mapped, or not writable, ends it early
 * => pages that were copied; of the next one an unspecified part
 */
size_t copyout_pages(void *const kaddr[], size_t n, void *uaddr) __warn_unused;
/* 32-bit atomic accesses for futexes */
int copyin32(const uint32_t *uaddr, uint32_t *kaddr) __warn_unused;
int copyout32(uint32_t value, uint32_t *uaddr) __warn_unused;
/* compare-and-swap on user memory; *old becomes what was found */
int ucas32(uint32_t *uaddr, uint32_t *old, uint32_t new) __warn_unused;
/*
 * Fault-safe access to any kernel address: 0 or EFAULT.
 * => any context; never sleeps (a page that is not resident is EFAULT)
 */
int kcopy_nofault(const void *src, void *dst, size_t len) __warn_unused;

/* -- lib/string.c ---------------------------------------------------------- */
#include <lib/string.h>

/* -- Random numbers (kern/kern_random.c): ChaCha20, seeded at boot --------- */
/* => any context after random_init(); never blocks */
void arc4random_buf(void *buf, size_t len);
uint32_t arc4random(void);
uint64_t arc4random64(void);
/* => mixes entropy in: rng-seed, timer, virtio-rng; any context */
void random_add(const void *buf, size_t len);
/* => boot, timers run */
void random_init(void);

/* => boot hart, from the machine's boot code; becomes the swapper */
void main(void);

extern int cold; /* still booting: no scheduler yet; set once */
extern const char *panicstr; /* message of the panic in progress */

#endif
