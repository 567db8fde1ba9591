/*
 * Free pages: the lists of all harts, and each hart's magazine.
 *
 * A magazine holds two stacks of free pages, of unknown contents and zeroed.
 * It is open while memory is plentiful; when the free lists run low all
 * magazines are emptied and closed, so that from there on every page is
 * counted exactly against the reserves, under uvm.fpageqlock.
 *
 * Lock order: uc_lock, then uvm.fpageqlock; who holds fpageqlock may only try
 * uc_lock.  Both are held with interrupts off.
 */
#ifndef _UVM_UVM_PGCACHE_H_
#define _UVM_UVM_PGCACHE_H_

#include <uvm/uvm.h>
#include <uvm/uvm_buddy.h>

#define UVM_MAG_SIZE    32 /* pages in a full stack */
#define UVM_MAG_BATCH   16 /* pages moved between stack and free list */
#define UVM_ACT_BATCH   16 /* pending activations of a hart */

#define UVM_MAG_UNKNOWN 0
#define UVM_MAG_ZERO    1

/*
 * A hart's share of the page layer.
 * Locks used to protect members:
 *	a	atomic operations
 *	m	uc_lock, a spin lock its own hart only ever tries
 *	q	uc_qlock, same (uvm_pageq.c)
 */
struct uvm_cpu {
	volatile uint32_t uc_lock; /* [a] 1: taken */
	uint64_t uc_max; /* [m] room in a stack; 0: closed */
	uint64_t uc_n[2]; /* [m] pages in each stack */
	struct vm_page *uc_pg[2][UVM_MAG_SIZE]; /* [m] */
	volatile uint32_t uc_qlock; /* [a] 1: taken */
	uint64_t uc_nact; /* [q] slots of uc_act in use, emptied ones too */
	struct vm_page *uc_act[UVM_ACT_BATCH]; /* [q] to be activated */
} __aligned(CACHE_LINE);

extern struct uvm_cpu uvm_cpus[MAXCPUS]; /* by ci_index */

/*
 * Free pages outside the magazines.
 * Locks used to protect members:
 *	F	uvm.fpageqlock
 */
struct uvm_fpages {
	struct uvm_buddy fp_list[VM_NFREELIST]; /* [F] */
	long fp_free; /* [F] pages on all lists */
	long fp_low; /* [F] below this magazines are closed */
	/*
	 * Pages that came back singly, of the default list: taken again before
	 * any other, so that small work neither splits nor merges blocks.
	 */
	struct vm_page *fp_hot; /* [F] chained by pageq.tqe_next */
	long fp_nhot; /* [F] how many */
	long fp_hotmax; /* [F] most of them; 0 until the daemon starts */
	uint32_t fp_open; /* [F] harts (bit ci_index) with an open magazine */
	uint32_t fp_idle; /* [F] pages being zeroed by idle harts just now */
	uint32_t fp_hold; /* [F] > 0: idle harts leave the lists alone */
};
extern struct uvm_fpages uvm_fp;

static __always_inline bool
uvm_spin_try(volatile uint32_t *lock)
{
	return atomic_swap_acq(lock, 1) == 0;
}

static __always_inline void
uvm_spin_leave(volatile uint32_t *lock)
{
	atomic_store_rel(lock, 0);
}

/* => interrupts off; another hart holds it for some tens of instructions */
static inline void
uvm_spin_enter(volatile uint32_t *lock)
{
	while (!uvm_spin_try(lock))
		cpu_spinwait();
}

/* => boot */
void uvm_pgcache_init(void);
/*
 * A free page when this hart's magazine has none; reserve: pages that must stay
 * free.
 * => any context; NULL: no more than the reserve is free; PG_ZERO of pg_flags
 *    says whether it is zero-filled
 */
struct vm_page *uvm_pgcache_get_slow(bool want_zero, long reserve);
/* => any context; pg is free from now on, contents unknown */
void uvm_pgcache_put_slow(struct vm_page *pg);
/* => same for n pages */
void uvm_pgcache_put_bulk(struct vm_page **pgs, size_t n);
/* => empties and closes every magazine; any context, no mutex held */
void uvm_pgcache_drain(void);
/*
 * Bring all free pages together in blocks: magazines are emptied, zeroed pages
 * lose that mark, idle harts are waited for and kept away until release.
 * => any context, fpageqlock not held on entry, held on exit
 */
void uvm_pgcache_gather(void);
/* => fpageqlock held */
void uvm_pgcache_release(void);
/* => freetarg is known or has changed: when to close the magazines */
void uvm_pgcache_setlow(long freetarg);
/* => free pages known to be zero, magazines included; any context */
long uvm_zero_count(void);
/* => boot, uvm_physseg.c: makes the page arrays of all segments */
void uvm_physseg_arrays(vaddr_t *kvm_start, vaddr_t *kvm_end);

/*
 * A page of this hart's magazine, zeroed if want_zero and there are any.
 * => any context; NULL: uvm_pgcache_get_slow() knows better
 */
static __always_inline struct vm_page *
uvm_magazine_get(bool want_zero)
{
	unsigned long s = intr_disable();
	struct uvm_cpu *uc = curcpu()->ci_uvm;
	struct vm_page *pg = NULL;
	int k = UVM_MAG_UNKNOWN;
	uint64_t n;

	if (__predict_true(uvm_spin_try(&uc->uc_lock))) {
		/* dirty pages do for a zeroed one if no list has those */
		if (want_zero &&
		    (uc->uc_n[UVM_MAG_ZERO] > 0 ||
			uvm_fp.fp_list[VM_FREELIST_DEFAULT].ub_nzero > 0))
			k = UVM_MAG_ZERO;
		n = uc->uc_n[k];
		if (__predict_true(n > 0)) {
			pg = uc->uc_pg[k][n - 1];
			uc->uc_n[k] = n - 1;
		}
		uvm_spin_leave(&uc->uc_lock);
	}
	intr_restore(s);
	return pg;
}

/* => any context; FALSE: uvm_pgcache_put_slow() has to take it */
static __always_inline bool
uvm_magazine_put(struct vm_page *pg)
{
	unsigned long s = intr_disable();
	struct uvm_cpu *uc = curcpu()->ci_uvm;
	bool done = false;
	uint64_t n;

	if (__predict_true(uvm_spin_try(&uc->uc_lock))) {
		n = uc->uc_n[UVM_MAG_UNKNOWN];
		if (__predict_true(n < uc->uc_max) &&
		    pg->pg_freelist == VM_FREELIST_DEFAULT) {
			pg->pg_flags = PQ_MAGAZINE;
			uc->uc_pg[UVM_MAG_UNKNOWN][n] = pg;
			uc->uc_n[UVM_MAG_UNKNOWN] = n + 1;
			done = true;
		}
		uvm_spin_leave(&uc->uc_lock);
	}
	intr_restore(s);
	return done;
}

/* -- uvm_pdaemon.c: called by the page layer -------------------------------- */

/*
 * Free memory is at `free' pages: wake the daemon if that is few.
 * => fpageqlock held
 */
void uvm_pd_check(long free);
/* => pages came back, free is now `free': wake who waits; fpageqlock held */
void uvm_pd_freed(long free);

#endif
