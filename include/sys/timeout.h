/* Timers, soft interrupts and time. */
#ifndef _SYS_TIMEOUT_H_
#define _SYS_TIMEOUT_H_

#include <sys/types.h>
#include <sys/queue.h>

/*
 * A timeout sits in the pairing heap of one hart while it is armed.
 * Locks used to protect members of a timeout:
 *	I	set by timeout_set()
 *	t	timer queue lock of the hart in to_cpu
 */
struct timeout {
	struct timeout *to_child; /* [t] first of those due later */
	struct timeout *to_next; /* [t] next sibling */
	struct timeout *to_prev; /* [t] previous sibling, or parent */
	uint64_t to_when; /* [t] uptime in ns at which it is due */
	void (*to_fn)(void *); /* [I] */
	void *to_arg; /* [I] */
	struct cpu_info *volatile to_cpu; /* [t] hart whose queue it uses */
	volatile uint32_t to_armed; /* [t] */
};

/* => before first use; fn runs in interrupt context, must not sleep */
void timeout_set(struct timeout *to, void (*fn)(void *), void *arg);
/* => any context; (re)arms for nsecs from now; TRUE if it was armed before */
bool timeout_add_nsec(struct timeout *to, uint64_t nsecs);
bool timeout_add_abs(struct timeout *to, uint64_t uptime);
/* => any context; TRUE if it was armed; fn may still be running */
bool timeout_del(struct timeout *to);
/* => thread context; as timeout_del(), and waits until fn is not running */
bool timeout_del_barrier(struct timeout *to);

struct cpu_info;
struct trapframe;
/* => boot hart, once, before any timeout is armed */
void timeout_init(void);
/*
 * Timer interrupt of this hart: due timeouts, the tick, the next alarm.
 * => interrupt context (ci_intrdepth > 0)
 */
void clock_intr(struct trapframe *tf, bool usermode);
/* => IPI_TIMER arrived: the head of the queue changed; interrupt context */
void clock_ipi(void);
/* => interrupts off: this hart leaves its idle thread; the tick goes on */
void clock_unidle(struct cpu_info *ci);
/* => boot: the hart's tick starts; interrupts on or off */
void clock_cpu_start(void);
struct proc;

/* => nanoseconds since boot; monotone on every hart; any context */
uint64_t nsecuptime(void);
/* => nanoseconds since 1970 (RTC at boot plus uptime) */
uint64_t nsecwall(void);
void set_wall(uint64_t nsecs);

/* Values: they belong to whoever holds them. */
struct timespec {
	int64_t tv_sec; /* [value] */
	int64_t tv_nsec; /* [value] */
};
struct timeval {
	int64_t tv_sec; /* [value] */
	int64_t tv_usec; /* [value] */
};
/* => 0, EINVAL: negative or no valid fraction; too long becomes INFSLP - 1 */
int timespec_to_ns(const struct timespec *ts, uint64_t *nsecs);
int timeval_to_ns(const struct timeval *tv, uint64_t *nsecs);
void ns_to_timespec(uint64_t nsecs, struct timespec *ts);
void ns_to_timeval(uint64_t nsecs, struct timeval *tv);
#define HZ        100 /* clock ticks per second, AT_CLKTCK */
#define TICK_NSEC (1000000000UL / HZ)

/*
 * Soft interrupts: work an interrupt handler leaves for the moment this hart
 * returns to a level where no lock is held.  Counted in uvmexp.softs.
 */
struct softintr {
	void (*si_fn)(void *); /* [I] */
	void *si_arg; /* [I] */
	volatile uint32_t si_pending; /* [a] */
	struct softintr *si_next; /* [hart, interrupts off] */
};
/* => nobody has scheduled it; fn runs in interrupt context and may not sleep */
void softintr_establish(struct softintr *si, void (*fn)(void *), void *arg);
/* => any context; fn runs once on this hart, interrupt context */
void softintr_schedule(struct softintr *si);
/*
 * Run what is pending on this hart.
 * => the trap code calls it with interrupts off when an interrupt handler is
 *    done, ci_intrdepth is back to 0 and ci_softq is not NULL
 */
void softintr_run(void);

#endif
