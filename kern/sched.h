/* The scheduler and the sleep queues, for the files that make them up. */
#ifndef _KERN_SCHED_H_
#define _KERN_SCHED_H_

#include <sys/param.h>
#include <sys/lock.h>
#include <sys/queue.h>
#include <machine/cpu.h>

struct proc;

#define SCHED_NQS   32 /* run queues of a hart, one bit each in ss_bits */
#define SCHED_PPQ   4 /* priorities in one of them */
#define SCHED_SLICE 1 /* ticks until others of the same priority run */
#define MAXPRI      127
#define PRI_IDLE    255 /* worse than any thread */

/*
 * A hart's run queue.
 * Locks used to protect members:
 *	r	ss_mtx
 *	a	written under ss_mtx, read by anyone
 *	h	only by the hart itself, with ss_mtx held
 */
struct schedstate {
	struct mutex ss_mtx; /* LR_RUNQ */
	uint32_t ss_bits; /* [r] queues that are not empty */
	volatile uint32_t ss_nrun; /* [a] threads on them */
	volatile uint32_t ss_curpri; /* [a] user priority of the running one */
	struct proc *ss_prev; /* [h] the thread being left */
	TAILQ_HEAD(, proc) ss_queue[SCHED_NQS]; /* [r] */
} __aligned(CACHE_LINE);

/*
 * Leave the running thread.  Its p_stat says why: SSLEEP (it is on a sleep
 * queue), SRUN (on this hart's run queue), SIDL (on none: it is made runnable
 * elsewhere once its context is saved), SDEAD.
 * => run queue lock of this hart held, no other mutex; released on return
 */
void mi_switch(void);
/* => this hart's run queue, locked */
struct schedstate *sched_lock(void);

/*
 * sleep_setup: put curproc on the sleep queue of ident.
 * => thread context; the caller may hold one mutex, the interlock, and looks
 *    at its condition again before it goes on with one of:
 * sleep_block: => no mutex held; returns when woken: 0, EWOULDBLOCK, EINTR
 * sleep_cancel: => takes curproc off the queue, unless it was woken already
 */
void sleep_setup(const volatile void *ident, int priority, const char *wmesg);
int sleep_block(void);
void sleep_cancel(void);
/* => boot */
void sleep_init(void);

/* => a thread that has been switched away from for good; any context */
void thread_dead(struct proc *p);
/* => boot, after the pools: structures of threads */
void thread_init(void);
/* => boot: starts the reaper */
void thread_start_reaper(void);

/* Lowest bit set in a word that is not 0 (the ISA has no such instruction). */
static inline uint32_t
sched_ffs(uint32_t x)
{
	static const uint8_t position[32] = { 0, 1, 28, 2, 29, 14, 24, 3, 30,
		22, 20, 15, 25, 17, 4, 8, 31, 27, 13, 23, 21, 19, 16, 7, 26, 12,
		18, 6, 11, 5, 10, 9 };

	return position[((x & -x) * 0x077cb531U) >> 27];
}

#endif
