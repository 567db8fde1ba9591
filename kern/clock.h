/* A hart's timer, for kern_timeout.c and kern_clock.c. */
#ifndef _KERN_CLOCK_H_
#define _KERN_CLOCK_H_

#include <sys/param.h>
#include <sys/lock.h>
#include <sys/timeout.h>

/*
 * Locks used to protect members:
 *	t	tq_mtx
 *	h	written by the hart itself with interrupts off; a reader on
 *		another hart may see an old value, and then interrupts the
 *		hart for nothing
 */
struct timerq {
	struct mutex tq_mtx; /* LR_TIMEOUT */
	struct timeout *tq_root; /* [t] due first, NULL: none */
	struct timeout *volatile tq_running; /* [t] whose function runs */
	volatile uint64_t tq_alarm; /* [h] uptime the timer is set to */
	uint64_t tq_nexttick; /* [h] */
	bool tq_ticking; /* [h] false: idle, no tick */
} __aligned(CACHE_LINE);

/* => interrupts off: the alarm goes off at uptime when, or before */
void clock_alarm(struct timerq *tq, uint64_t when);
void timeout_run(struct timerq *tq, uint64_t now);
uint64_t timeout_first(struct timerq *tq);

#endif
