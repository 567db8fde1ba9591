/* Timers, soft interrupts and time. */
#ifndef _SYS_TIMEOUT_H_
#define _SYS_TIMEOUT_H_

#include <sys/types.h>
#include <sys/queue.h>

/*
 * Locks used to protect members of a timeout:
 *	I	set by timeout_set()
 *	t	timer queue lock of the hart in to_cpu
 */
struct timeout {
	TAILQ_ENTRY(timeout) to_link; /* [t] */
	uint64_t to_when; /* [t] uptime in ns at which it is due */
	void (*to_fn)(void *); /* [I] */
	void *to_arg; /* [I] */
	struct cpu_info *to_cpu; /* [t] hart whose queue it is on */
	uint32_t to_heap; /* [t] index in that queue, plus one; 0: not on it */
	uint32_t to_running; /* [t] */
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

/* => nanoseconds since boot; monotone on every hart; any context */
uint64_t nsecuptime(void);
/* => nanoseconds since 1970 (RTC at boot plus uptime) */
uint64_t nsecwall(void);
void set_wall(uint64_t nsecs);

struct timespec {
	int64_t tv_sec;
	int64_t tv_nsec;
};
struct timeval {
	int64_t tv_sec;
	int64_t tv_usec;
};
#define HZ 100 /* clock ticks per second, AT_CLKTCK */

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
void softintr_establish(struct softintr *si, void (*fn)(void *), void *arg);
/* => any context; fn runs once on this hart, interrupt context */
void softintr_schedule(struct softintr *si);

#endif
