/*
 * Mutexes and rwlocks: the contended halves.  The uncontended ones are inline
 * in sys/lock.h, except in DEBUG builds, where the lock-order checker sits
 * between.
 *
 * An rwlock is one word.  A waiter sets RWL_WAIT by compare-and-swap, puts
 * itself on the sleep queue of the lock, and looks at the word again before it
 * lets go of the hart.  A release that finds RWL_WAIT clears it in the same
 * compare-and-swap that frees the lock, and then wakes the queue.  So either
 * the waiter's second look sees the flag gone, or the wakeup comes after the
 * waiter is on the queue and finds it.
 *
 * A writer that must wait sets RWL_WRWANT at once, which keeps new readers out;
 * there is always a writer awake, or to be woken by the next release, that will
 * take the lock and clear the flag.  A writer's release clears it too, so that
 * writers in a row cannot keep readers out.  Everybody woken competes again.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <kern/lockorder.h>
#include <kern/sched.h>

#define MTX_BACKOFF_MAX 64 /* pauses between two looks at a held mutex */
#define RW_SPIN_READERS 400 /* looks at a read-held lock before sleeping */

/* -- Mutexes ------------------------------------------------------------------ */

void
mtx_init(struct mutex *m, enum lock_rank rank, const char *name)
{
	KASSERT(rank < LR_COUNT);
	m->mtx_locked = 0;
	m->mtx_rank = rank;
	m->mtx_owner = NULL;
	m->mtx_name = name;
}

/*
 * The mutex was taken when we looked: wait until this hart gets it.
 * => interrupts off, ci_mtxdepth counts it already
 */
void
mtx_enter_slow(struct mutex *m)
{
	uint32_t backoff = 1;

	if (m->mtx_owner == curcpu())
		panic("mutex %s: entered again by its owner", m->mtx_name);
	do {
		while (atomic_load(&m->mtx_locked) != 0) {
			for (uint32_t i = 0; i < backoff; i++)
				cpu_spinwait();
			if (backoff < MTX_BACKOFF_MAX)
				backoff *= 2;
		}
	} while (atomic_swap_acq(&m->mtx_locked, 1) != 0);
}

bool
mtx_enter_try(struct mutex *m)
{
	unsigned long sie = intr_disable();
	struct cpu_info *ci = curcpu();

	if (atomic_swap_acq(&m->mtx_locked, 1) != 0) {
		intr_restore(sie);
		return false;
	}
	if (ci->ci_mtxdepth++ == 0)
		ci->ci_mtxsie = (uint32_t)sie;
	m->mtx_owner = ci;
	lockorder_enter(
	    m, LK_MUTEX, m->mtx_rank, m->mtx_name, __builtin_return_address(0));
	return true;
}

bool
mtx_owned(const struct mutex *m)
{
	return atomic_load(&m->mtx_locked) != 0 && m->mtx_owner == curcpu();
}

#ifdef DEBUG
void
mtx_enter(struct mutex *m)
{
	unsigned long sie = intr_disable();
	struct cpu_info *ci = curcpu();

	lockorder_check(
	    m, LK_MUTEX, m->mtx_rank, m->mtx_name, __builtin_return_address(0));
	if (ci->ci_mtxdepth++ == 0)
		ci->ci_mtxsie = (uint32_t)sie;
	if (atomic_swap_acq(&m->mtx_locked, 1) != 0)
		mtx_enter_slow(m);
	m->mtx_owner = ci;
	lockorder_enter(
	    m, LK_MUTEX, m->mtx_rank, m->mtx_name, __builtin_return_address(0));
}

void
mtx_leave(struct mutex *m)
{
	struct cpu_info *ci = curcpu();

	if (!mtx_owned(m) && panicstr == NULL)
		panic("mutex %s: left by who does not hold it", m->mtx_name);
	lockorder_leave(m, LK_MUTEX);
	m->mtx_owner = NULL;
	atomic_store_rel(&m->mtx_locked, 0);
	if (--ci->ci_mtxdepth == 0)
		intr_restore(ci->ci_mtxsie);
}
#endif

/* -- Rwlocks ------------------------------------------------------------------- */

void
rw_init(struct rwlock *l, enum lock_rank rank, const char *name)
{
	KASSERT(rank < LR_COUNT);
	l->rwl_word = 0;
	l->rwl_rank = rank;
	l->rwl_unused = 0;
	l->rwl_name = name;
}

/* The word of the lock with this thread in it, made from word w. */
static inline uint64_t
rw_taken(uint64_t w, int op)
{
	if (op == RW_READ)
		return w + RWL_READER;
	return (uint64_t)curproc | RWL_WRITE | (w & RWL_WAIT);
}

/* Must a thread that wants op wait while the word is w? */
static inline bool
rw_blocked(uint64_t w, int op)
{
	if (op == RW_READ)
		return (w & (RWL_WRITE | RWL_WRWANT)) != 0;
	return (w & (RWL_OWNER | RWL_WRITE)) != 0;
}

/*
 * Is the lock likely to be free in less time than a sleep takes?
 * The owner is only compared, never looked into: it may be gone by now.
 */
static bool
rw_spin_worthwhile(uint64_t w, uint32_t *spins)
{
	struct cpu_info *ci;
	struct proc *owner;

	if (ncpus == 1)
		return false;
	if ((w & RWL_WRITE) == 0)
		return ++*spins < RW_SPIN_READERS;
	owner = (struct proc *)(w & RWL_OWNER);
	CPU_FOREACH (ci)
		if (ci->ci_curproc == owner)
			return true;
	return false;
}

/*
 * Sleep until the lock may be free; w is what blocked us.
 * => returns at once if the word changed meanwhile
 */
static void
rw_wait(struct rwlock *l, int op, uint64_t w)
{
	if ((w & RWL_WAIT) == 0 && !atomic_cas(&l->rwl_word, &w, w | RWL_WAIT))
		return;
	sleep_setup(l, PVM, l->rwl_name);
	w = atomic_load(&l->rwl_word);
	if ((w & RWL_WAIT) == 0 || !rw_blocked(w, op))
		sleep_cancel();
	else
		sleep_block();
}

/*
 * Acquire the lock, however long it takes.
 * => thread context; the lock-order checks are done
 */
static void
rw_acquire(struct rwlock *l, int op)
{
	uint32_t spins = 0;
	uint64_t w = atomic_load(&l->rwl_word);

	for (;;) {
		if (!rw_blocked(w, op)) {
			if (atomic_cas_acq(&l->rwl_word, &w, rw_taken(w, op)))
				return;
			continue;
		}
		if ((w & RWL_WRITE) != 0 &&
		    (struct proc *)(w & RWL_OWNER) == curproc)
			panic("rwlock %s: entered again by its owner",
			    l->rwl_name);
		if (op == RW_WRITE && (w & RWL_WRWANT) == 0) {
			/* From now on no new reader comes in. */
			(void)atomic_cas(&l->rwl_word, &w, w | RWL_WRWANT);
		} else if (rw_spin_worthwhile(w, &spins)) {
			cpu_spinwait();
		} else {
			rw_wait(l, op, w);
			spins = 0;
		}
		w = atomic_load(&l->rwl_word);
	}
}

static bool
rw_try(struct rwlock *l, int op)
{
	uint64_t w = atomic_load(&l->rwl_word);

	while (!rw_blocked(w, op))
		if (atomic_cas_acq(&l->rwl_word, &w, rw_taken(w, op)))
			return true;
	return false;
}

void
rw_enter_read_slow(struct rwlock *l)
{
	rw_acquire(l, RW_READ);
}

void
rw_enter_write_slow(struct rwlock *l)
{
	rw_acquire(l, RW_WRITE);
}

/*
 * => TRUE: nobody was waiting and the lock is released
 */
static inline bool
rw_release(struct rwlock *l, uint64_t w)
{
	uint64_t new = (w & RWL_WRITE) != 0 ? 0 : w - RWL_READER;

	if ((w & RWL_WRITE) == 0 && (new &RWL_OWNER) == 0)
		new &= ~RWL_WAIT; /* the last reader wakes everyone */
	if (!atomic_cas_rel(&l->rwl_word, &w, new))
		return false;
	if ((w & RWL_WAIT) != 0 && (new &RWL_WAIT) == 0)
		wakeup(l);
	return true;
}

void
rw_exit_slow(struct rwlock *l)
{
	uint64_t w;

	do {
		w = atomic_load(&l->rwl_word);
		KASSERTMSG((w & RWL_WRITE) != 0
			? (struct proc *)(w & RWL_OWNER) == curproc
			: w >= RWL_READER,
		    "rwlock %s: released by who does not hold it", l->rwl_name);
	} while (!rw_release(l, w));
}

int
rw_enter(struct rwlock *l, int op)
{
	int mode = op & (RW_READ | RW_WRITE);

	if ((op & RW_NOSLEEP) != 0) {
		if (!rw_try(l, mode))
			return EBUSY;
	} else {
		lockorder_check(l, LK_RWLOCK, l->rwl_rank, l->rwl_name,
		    __builtin_return_address(0));
		rw_acquire(l, mode);
	}
	lockorder_enter(l, LK_RWLOCK, l->rwl_rank, l->rwl_name,
	    __builtin_return_address(0));
	return 0;
}

#ifdef DEBUG
void
rw_enter_read(struct rwlock *l)
{
	lockorder_check(l, LK_RWLOCK, l->rwl_rank, l->rwl_name,
	    __builtin_return_address(0));
	rw_acquire(l, RW_READ);
	lockorder_enter(l, LK_RWLOCK, l->rwl_rank, l->rwl_name,
	    __builtin_return_address(0));
}

void
rw_enter_write(struct rwlock *l)
{
	lockorder_check(l, LK_RWLOCK, l->rwl_rank, l->rwl_name,
	    __builtin_return_address(0));
	rw_acquire(l, RW_WRITE);
	lockorder_enter(l, LK_RWLOCK, l->rwl_rank, l->rwl_name,
	    __builtin_return_address(0));
}

void
rw_exit(struct rwlock *l)
{
	lockorder_leave(l, LK_RWLOCK);
	rw_exit_slow(l);
}
#endif

bool
rw_upgrade_try(struct rwlock *l)
{
	uint64_t w = atomic_load(&l->rwl_word);

	KASSERT((w & RWL_WRITE) == 0 && w >= RWL_READER);
	while ((w & RWL_OWNER) == RWL_READER)
		if (atomic_cas_acq(&l->rwl_word, &w,
			(uint64_t)curproc | RWL_WRITE | (w & RWL_WAIT)))
			return true;
	return false;
}

void
rw_downgrade(struct rwlock *l)
{
	uint64_t w = atomic_load(&l->rwl_word);

	KASSERT((struct proc *)(w & RWL_OWNER) == curproc);
	while (!atomic_cas_rel(&l->rwl_word, &w, RWL_READER))
		;
	if ((w & RWL_WAIT) != 0)
		wakeup(l);
}

int
rw_status(const struct rwlock *l)
{
	uint64_t w = atomic_load(&l->rwl_word);

	if ((w & RWL_WRITE) != 0)
		return (struct proc *)(w & RWL_OWNER) == curproc ? RW_WRITE : 0;
	return w >= RWL_READER ? RW_READ : 0;
}
