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
	LR_MOUNT, /* rw: mount table, directory rename */
	LR_VNODE, /* rw: a vnode */
	LR_PIPE, /* rw: a pipe */
	LR_TTY, /* rw: a terminal */
	LR_FUTEX, /* rw: a futex bucket */
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

#define MUTEX_INITIALIZER(rank, name) { 0, (rank), NULL, (name) }
#define RWLOCK_INITIALIZER(rank, name) { 0, (rank), 0, (name) }

/* => nobody else knows the lock yet */
void mtx_init(struct mutex *m, enum lock_rank rank, const char *name);
/* => any context; interrupts of this hart are off until mtx_leave() */
void mtx_enter(struct mutex *m);
/* => TRUE: entered; FALSE: it is held; ignores the lock order */
bool mtx_enter_try(struct mutex *m) __warn_unused;
/* => held by this hart; interrupts return to the state of the outermost enter */
void mtx_leave(struct mutex *m);
bool mtx_owned(const struct mutex *m);

/* op of rw_enter() */
#define RW_WRITE   1
#define RW_READ	   2
#define RW_NOSLEEP 0x10 /* EBUSY instead of waiting; ignores the order */

void rw_init(struct rwlock *l, enum lock_rank rank, const char *name);
/* => thread context, no mutex held; 0, or EBUSY with RW_NOSLEEP */
int rw_enter(struct rwlock *l, int op);
void rw_enter_read(struct rwlock *l);
void rw_enter_write(struct rwlock *l);
void rw_exit(struct rwlock *l);
/* => read-held; TRUE: write-held now; FALSE: still read-held (another reader) */
bool rw_upgrade_try(struct rwlock *l) __warn_unused;
/* => write-held on entry, read-held on exit; waiting readers are let in */
void rw_downgrade(struct rwlock *l);
/* RW_WRITE if this thread holds it for writing, RW_READ if anyone for reading */
int rw_status(const struct rwlock *l);

#define rw_write_held(l)      (rw_status(l) == RW_WRITE)
#define rw_lock_held(l)	      (rw_status(l) != 0)
#define MUTEX_ASSERT_LOCKED(m) KASSERT(mtx_owned(m))

/* => panics in DEBUG builds if this thread holds any lock */
void lockorder_assert_none(const char *where);

#endif
