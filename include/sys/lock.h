/*
 * Locks.
 *
 * struct mutex is a spin lock that blocks interrupts on this hart while held,
 * so that it may be taken in an interrupt handler; nobody sleeps with one.
 * struct rwlock is a sleeping reader/writer lock: it spins while the writer
 * runs on another hart and sleeps otherwise; thread context only.  A reader
 * may not take the same lock again; a writer goes before new readers.
 *
 * Each lock has a class, its name given at initialisation, and a rank from
 * enum lock_rank: the one lock order of the kernel, outer before inner.  DEBUG
 * builds panic on the first acquisition against the order, on sleeping with a
 * mutex held, and on leaving the kernel with any lock held.  Two locks of one
 * rank may nest only when taken in ascending address order, or when the inner
 * one is taken with a try.
 */
#ifndef _SYS_LOCK_H_
#define _SYS_LOCK_H_

#include <sys/types.h>

enum lock_rank {
	LR_NONE, /* not checked: locks of tests */
	LR_PROCTREE, /* rw: process tree, pid hash, sessions and groups */
	LR_FILEDESC, /* rw: a process's descriptor table */
	LR_FILE, /* rw: offset of an open file */
	LR_MOUNTCTL, /* rw: mounting and unmounting, one at a time */
	LR_MOUNT, /* rw: what covers what, directory rename */
	LR_SWAPCTL, /* rw: configuring swap devices */
	LR_UVN, /* rw: attaching to vnodes, writing all of them */
	LR_VNODE, /* rw: a vnode */
	LR_FSSYNC, /* rw: writing a file system's metadata in order */
	LR_FSMAP, /* rw: what of an inode goes to disk, its blocks */
	LR_FSALLOC, /* rw: free blocks and inodes of a file system */
	LR_PIPE, /* rw: a pipe */
	LR_TTY, /* rw: a terminal */
	LR_FUTEX, /* rw: a futex bucket */
	LR_SHM, /* rw: System V shared memory segments */
	LR_PROCESS, /* rw: a process's threads, limits, timers */
	LR_MAP, /* rw: vm_map of a process */
	LR_KMAP, /* rw: kernel_map and its submaps */
	LR_AMAP, /* rw: an amap and its anons */
	LR_OBJECT, /* rw: a uvm_object and its pages */
	LR_KMAPINTR, /* mutex: interrupt-safe kernel maps */
	LR_SIGNAL, /* mutex: signal state of a process */
	LR_TIMEOUT, /* mutex: timer queue of a hart */
	LR_PAGEQ, /* mutex: active and inactive queues, wire counts */
	LR_PMAP, /* mutex: a pmap */
	LR_PV, /* mutex: mappings of a page */
	LR_ASID, /* mutex: address-space numbers */
	LR_POOL, /* mutex: a pool */
	LR_FPAGE, /* mutex: free pages */
	LR_SELINFO, /* mutex: who polls an object */
	LR_SWAP, /* mutex: swap devices and slots */
	LR_MISC, /* mutex: leaves that take no lock but the ones below */
	LR_SLEEPQ, /* mutex: a sleep queue */
	LR_RUNQ, /* mutex: a hart's run queue */
	LR_CONSOLE, /* mutex: the console, the log ring */
	LR_COUNT
};

struct proc;

/*
 * Locks used to protect members of a lock:
 *	a	atomic operations
 *	I	immutable after initialisation
 *	o	owner writes, anyone reads atomically
 */
struct mutex {
	volatile uint32_t mtx_locked; /* [a] 1: held */
	uint32_t mtx_rank; /* [I] */
	struct cpu_info *mtx_owner; /* [o] hart that holds it */
	const char *mtx_name; /* [I] */
};

struct rwlock {
	volatile uint64_t rwl_word; /* [a] owner or reader count, and flags */
	uint32_t rwl_rank; /* [I] */
	uint32_t rwl_unused; /* [I] padding */
	const char *rwl_name; /* [I] */
};

#define MUTEX_INITIALIZER(rank, name)   \
	{                               \
		0, (rank), NULL, (name) \
	}
#define RWLOCK_INITIALIZER(rank, name) \
	{                              \
		0, (rank), 0, (name)   \
	}

/* rwl_word: a writer's struct proc or the number of readers, and flags. */
#define RWL_WAIT   0x1UL /* someone sleeps: the release wakes them */
#define RWL_WRWANT 0x2UL /* a writer waits: new readers stay out */
#define RWL_WRITE  0x4UL /* the rest of the word is the owner */
#define RWL_READER 0x8UL /* one reader */
#define RWL_OWNER  (~0x7UL)

/* op of rw_enter() */
#define RW_WRITE   1
#define RW_READ    2
#define RW_NOSLEEP 0x10 /* EBUSY instead of waiting; ignores the order */

/* => nobody else knows the lock yet */
void mtx_init(struct mutex *m, enum lock_rank rank, const char *name);
/* => TRUE: entered; FALSE: it is held; ignores the lock order */
bool mtx_enter_try(struct mutex *m) __warn_unused;
bool mtx_owned(const struct mutex *m);

/* => nobody else knows the lock yet; name is not copied */
void rw_init(struct rwlock *l, enum lock_rank rank, const char *name);
/* => thread context, no mutex held; 0, or EBUSY with RW_NOSLEEP */
int rw_enter(struct rwlock *l, int op);
/* => read-held; TRUE: write-held now; FALSE: still read-held (another reader) */
bool rw_upgrade_try(struct rwlock *l) __warn_unused;
/* => write-held on entry, read-held on exit; waiting readers are let in */
void rw_downgrade(struct rwlock *l);
/* => RW_WRITE if this thread holds it for writing, RW_READ if anyone for reading */
int rw_status(const struct rwlock *l);

/* => as the functions without _slow, whose contended halves they are; nobody
 *    else calls them */
void mtx_enter_slow(struct mutex *m);
void rw_enter_read_slow(struct rwlock *l);
void rw_enter_write_slow(struct rwlock *l);
void rw_exit_slow(struct rwlock *l);

/*
 * mtx_enter: => any context; interrupts of this hart are off until mtx_leave()
 * mtx_leave: => held by this hart; interrupts return to the state of the
 *    outermost enter
 * rw_enter_read, rw_enter_write: => as rw_enter()
 * rw_exit: => held by this thread, for reading or writing
 */
#if defined(_KERNEL) && !defined(DEBUG) && !defined(HOST_TEST)
#include <sys/atomic.h>
#include <machine/cpu.h>

static __always_inline void
mtx_enter(struct mutex *m)
{
	unsigned long sie = intr_disable();
	struct cpu_info *ci = curcpu();

	if (ci->ci_mtxdepth++ == 0)
		ci->ci_mtxsie = (uint32_t)sie;
	if (__predict_false(atomic_swap_acq(&m->mtx_locked, 1) != 0))
		mtx_enter_slow(m);
	m->mtx_owner = ci;
}

static __always_inline void
mtx_leave(struct mutex *m)
{
	struct cpu_info *ci = curcpu();

	m->mtx_owner = NULL;
	atomic_store_rel(&m->mtx_locked, 0);
	if (--ci->ci_mtxdepth == 0)
		intr_restore(ci->ci_mtxsie);
}

static __always_inline void
rw_enter_read(struct rwlock *l)
{
	uint64_t w = atomic_load(&l->rwl_word);

	if (__predict_false((w & (RWL_WRITE | RWL_WRWANT)) != 0 ||
		!atomic_cas_acq(&l->rwl_word, &w, w + RWL_READER)))
		rw_enter_read_slow(l);
}

static __always_inline void
rw_enter_write(struct rwlock *l)
{
	uint64_t w = 0;

	if (__predict_false(!atomic_cas_acq(
		&l->rwl_word, &w, (uint64_t)curproc | RWL_WRITE)))
		rw_enter_write_slow(l);
}

static __always_inline void
rw_exit(struct rwlock *l)
{
	uint64_t w = atomic_load(&l->rwl_word);
	uint64_t new = (w & RWL_WRITE) != 0 ? 0 : w - RWL_READER;

	if (__predict_false(
		(w & RWL_WAIT) != 0 || !atomic_cas_rel(&l->rwl_word, &w, new)))
		rw_exit_slow(l);
}
#else
void mtx_enter(struct mutex *m);
void mtx_leave(struct mutex *m);
void rw_enter_read(struct rwlock *l);
void rw_enter_write(struct rwlock *l);
void rw_exit(struct rwlock *l);
#endif

/* => held: does somebody wait for it? a moment's view */
#define rw_wanted(l) \
	((atomic_load(&(l)->rwl_word) & (RWL_WAIT | RWL_WRWANT)) != 0)
#define rw_write_held(l)       (rw_status(l) == RW_WRITE)
#define rw_lock_held(l)        (rw_status(l) != 0)
#define MUTEX_ASSERT_LOCKED(m) KASSERT(mtx_owned(m))

#ifdef DEBUG
/* => panics in DEBUG builds if this thread holds any lock */
void lockorder_assert_none(const char *where);
#else
#define lockorder_assert_none(where) ((void)0)
#endif

#endif
