/* Waiting for one of several objects: poll and select. */
#ifndef _SYS_SELINFO_H_
#define _SYS_SELINFO_H_

#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/queue.h>

struct pollwait;

/* One thread's interest in one object; on the poller's memory. */
struct pollent {
	TAILQ_ENTRY(pollent) pe_link; /* [si_mtx] */
	struct selinfo *pe_si; /* [poller] */
	struct pollwait *pe_wait; /* [poller] */
};

/*
 * Of an object that can be polled.
 * Locks used to protect members: m si_mtx
 */
struct selinfo {
	struct mutex si_mtx; /* LR_SELINFO */
	TAILQ_HEAD(, pollent) si_waiters; /* [m] */
};

/* => object not yet known */
void selinfo_init(struct selinfo *si);
void selwakeup_all(struct selinfo *si);
/*
 * The object's state has changed.
 * => any context, with the lock held, or taken since, under which the object's
 *    poll operation looks at the state
 */
static inline void
selwakeup(struct selinfo *si)
{
	if (__predict_false(atomic_load(&TAILQ_FIRST(&si->si_waiters)) != NULL))
		selwakeup_all(si);
}
/*
 * Called by an object's poll operation: the poller also waits for si.
 * => pw NULL: it only asks; ENOMEM is remembered in pw
 */
void selrecord(struct pollwait *pw, struct selinfo *si);

#endif
