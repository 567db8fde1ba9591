/*
 * In-kernel tests.
 *
 *	KTEST(name)
 *	{
 *		KT_EQ(1 + 1, 2);
 *	}
 *
 * in any file of tests/kern/.  Boot argument ktest=all runs all of them in an
 * order shuffled by seed=, ktest=a,b* these (a star at the end stands for
 * anything).  Each test runs in a kernel thread of its own, on any hart.  When
 * it is done, free pages, pool items, managed mappings and kernel map entries
 * must be what they were: a difference is a failure.
 */
#ifndef _SYS_KTEST_H_
#define _SYS_KTEST_H_

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/uvmexp.h>
#include <uvm/uvm_extern.h>

/* Immutable. */
struct ktest {
	const char *kt_name; /* [I] */
	void (*kt_fn)(void); /* [I] */
};

#define KTEST(name)                                                          \
	static void ktest_##name(void);                                      \
	static const struct ktest ktest_entry_##name = { #name,              \
		ktest_##name };                                              \
	static const struct ktest *const ktest_link_##name __used __section( \
	    "set_ktest") = &ktest_entry_##name;                              \
	static void ktest_##name(void)

/*
 * Checks: a failed one is printed and counted, the test goes on; KT_REQUIRE
 * ends the function it is in.
 * => from any thread of the test; any context
 */
void
kt_fail(const char *file, int line, const char *fmt, ...) __printflike(3, 4);
#define KT_CHECK(e) ((e) ? (void)0 : kt_fail(__FILE__, __LINE__, "%s", #e))
#define KT_REQUIRE(e)                                          \
	do {                                                   \
		if (!(e)) {                                    \
			kt_fail(__FILE__, __LINE__, "%s", #e); \
			return;                                \
		}                                              \
	} while (0)
#define KT_EQ(a, b)                                                           \
	do {                                                                  \
		long kt_a = (long)(a), kt_b = (long)(b);                      \
		if (kt_a != kt_b)                                             \
			kt_fail(__FILE__, __LINE__,                           \
			    "%s is %ld (%#lx), expected %s = %ld (%#lx)", #a, \
			    kt_a, (u_long)kt_a, #b, kt_b, (u_long)kt_b);      \
	} while (0)
/* a lies in [lo, hi] */
#define KT_RANGE(a, lo, hi)                                             \
	do {                                                            \
		long kt_a = (long)(a);                                  \
		if (kt_a < (long)(lo) || kt_a > (long)(hi))             \
			kt_fail(__FILE__, __LINE__,                     \
			    "%s is %ld, expected %ld to %ld", #a, kt_a, \
			    (long)(lo), (long)(hi));                    \
	} while (0)
/* => fails unless fn(arg) panics with a message that contains text; fn leaves
 *    nothing behind, as it does not return */
#define KT_PANICS(fn, arg, text) \
	kt_panics(__FILE__, __LINE__, (fn), (arg), (text))
void kt_panics(const char *file, int line, void (*fn)(void *), void *arg,
    const char *text);
/* => the test counts as skipped, unless a check fails; it should return */
void kt_skip(const char *why);

/* -- Helpers; thread context --------------------------------------------------- */

/* => name of the test that runs, or NULL; seed of the run; any context */
const char *kt_running(void);
uint64_t kt_seed(void);
/* => pseudo-random number of the test: the same for the same seed */
uint64_t kt_random(void);
/* => the same with a state of the caller's own (several threads) */
uint64_t kt_random_r(uint64_t *state);

/* => caches drained: what is free is free; may take a few ticks */
void kt_settle(void);

/*
 * Free pages as a test can foretell them: those that pools hold count as free,
 * for whether a pool grows depends on what the stock of this hart has left.
 * => may sleep
 */
long kt_free(void);

/*
 * Hold pages until exactly `free' are left (uvm_free_count()), the page daemon
 * and what it set going have come to rest, and it still is so.
 * => may sleep; the threads of the test neither allocate nor wait for memory
 * => TRUE: done; FALSE: there were fewer to begin with, or no rest
 */
bool kt_balloon(long free);
void kt_balloon_release(void);

/* Threads of a test. */
struct kt_thread;
/* => thread runs fn(arg) on the harts of mask (0: any); never NULL */
struct kt_thread *kt_spawn(void (*fn)(void *), void *arg, uint64_t mask);
/* => fn has returned and the thread is gone */
void kt_join(struct kt_thread *t);
/* => fn(arg + i * argsize) on n threads, spread over the harts; all joined */
void kt_parallel(int n, void (*fn)(void *), void *arg, size_t argsize);
void kt_sleep_ms(unsigned ms);
/* => curproc runs on hart `index' from now on; kt_unpin: on any */
void kt_pin(u_int index);
void kt_unpin(void);

/*
 * A barrier that spins, so that its threads leave together; it yields now and
 * then, as there may be more threads than harts.
 * Locks used to protect members: a atomic operations
 */
struct kt_barrier {
	volatile uint32_t kb_count; /* [a] arrived in this round */
	volatile uint32_t kb_round; /* [a] */
	uint32_t kb_n; /* [I] */
};
/* => for n threads, none of which waits yet; wait: all n have called it */
void kt_barrier_init(struct kt_barrier *kb, uint32_t n);
void kt_barrier_wait(struct kt_barrier *kb);

/* uvmexp counters over a stretch of a test; `free' is what kt_free() says. */
#define KT_SNAP(s) kt_snap(s)
#define KT_DELTA(s, member) \
	((int)(kt_count(offsetof(struct uvmexp, member)) - (s)->member))
/* Of two counters together. */
#define KT_DELTA2(s, a, b)                   \
	({                                   \
		int kt_d = KT_DELTA((s), a); \
		kt_d + KT_DELTA((s), b);     \
	})
/* => thread context: every counter as it is now, into s */
void kt_snap(struct uvmexp *s);
/* => the counter at that offset of struct uvmexp, now */
int kt_count(size_t offset);

/* => no test runs: number of invariants of UVM that do not hold, printed */
int ktest_audit(void);

/* => runs the tests the boot argument names and turns the machine off */
void ktest_main(const char *which) __dead;

#endif
