/*
 * How many pages of files are dirty, how many may be, and who waits for that.
 *
 * PG_DIRTY marks a page that is counted.  Without it no mapping may write to
 * the page, so that the first store is a fault, which sets it; it goes when the
 * page is clean and its mappings have lost the right again.  So the count may
 * be too high by pages that were not stored to after all, never too low.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_pdpolicy.h>
#include <uvm/uvm_vnode.h>

#define THROTTLE_NS 100000000UL /* a waiter looks up: is it being killed? */

/*
 * Locks used to protect members:
 *	a	atomic operations
 *	w	the writer thread changes it
 */
static struct {
	u_int d_pages; /* [a] with PG_DIRTY */
	u_int d_stuck; /* [w] could not be cleaned by the last whole pass */
	u_int d_waiters; /* [a] in uvn_throttle() */
	u_int d_min, d_max; /* [a] limits as of uvn_limits() */
} dirty = { .d_min = ~0U, .d_max = ~0U };

int uvn_dirtyage = UVN_DIRTYAGE; /* [a] */
int uvn_dirtymin = UVN_DIRTYMIN; /* [a] */
int uvn_dirtymax = UVN_DIRTYMAX; /* [a] */

/* -- The count --------------------------------------------------------------- */

u_int
uvn_ndirty(void)
{
	return atomic_load(&dirty.d_pages);
}

/* What waiting can do something about. */
static inline u_int
cleanable(void)
{
	/* one load after the other: each is a point of the simulator */
	u_int n = uvn_ndirty(), stuck = atomic_load(&dirty.d_stuck);

	return n > stuck ? n - stuck : 0;
}

bool
uvn_dirty(struct vm_page *pg)
{
	struct uvm_vnode *un = to_uvn(pg->uobject);

	uvn_dirtied(un);
	if (pg->pg_flags & PG_DIRTY)
		return false;
	atomic_or(&pg->pg_flags, PG_DIRTY);
	(void)atomic_add(&dirty.d_pages, 1);
	if (!MUTANT(UVN_WRITER_UNLISTED))
		uvn_note_write(&un->u_obj);
	if (uvn_dirty_enough())
		uvn_wake_writer();
	return true;
}

void
uvn_undirty(struct vm_page *pg)
{
	atomic_and(&pg->pg_flags, ~(uint32_t)PG_DIRTY);
	if (!MUTANT(UVN_DIRTY_DRIFTS))
		(void)atomic_add(&dirty.d_pages, -1u);
}

/* -- Limits ------------------------------------------------------------------ */

void
uvn_limits(void)
{
	long free = uvm_free_count(), files, total;
	bool shortage = free < uvmexp.freetarg;
	u_int n = uvn_ndirty();

	if (n < atomic_load(&dirty.d_stuck))
		atomic_store(&dirty.d_stuck, n);
	uvmexp_collect();
	files = (long)uvmexp.vnodepages + uvmexp.vtextpages;
	total = free + uvmexp.active + uvmexp.inactive;
	atomic_store(&dirty.d_min,
	    (u_int)uvm_pdpolicy_dirty(
		total, files, atomic_load(&uvn_dirtymin), shortage));
	atomic_store(&dirty.d_max,
	    (u_int)uvm_pdpolicy_dirty(
		total, files, atomic_load(&uvn_dirtymax), shortage));
}

bool
uvn_dirty_enough(void)
{
	u_int n = cleanable();

	return n > atomic_load(&dirty.d_min);
}

void
uvn_stuck(u_int n)
{
	if (!MUTANT(UVN_STUCK_WAITED_FOR))
		atomic_store(&dirty.d_stuck, n);
	uvn_throttle_wakeup();
}

/* -- Waiting ----------------------------------------------------------------- */

static inline bool
too_many(void)
{
	u_int n = cleanable();

	return n > atomic_load(&dirty.d_max) && !MUTANT(UVN_THROTTLES_NOBODY);
}

void
uvn_throttle_wakeup(void)
{
	if (atomic_load(&dirty.d_waiters) != 0 && !too_many())
		wakeup(&dirty.d_waiters);
}

void
uvn_throttle(void)
{
	if (__predict_true(!too_many()) || uvn_is_writer(curproc))
		return;
	uvn_limits();
	(void)atomic_add(&dirty.d_waiters, 1);
	while (too_many() && !uvm_being_killed(curproc)) {
		uvn_wake_writer();
		(void)tsleep(&dirty.d_waiters, PVM, "throttle", THROTTLE_NS);
	}
	(void)atomic_add(&dirty.d_waiters, -1u);
}

u_int
uvn_throttled(void)
{
	return atomic_load(&dirty.d_waiters);
}

void
uvn_dirty_limits(u_int *minp, u_int *maxp)
{
	uvn_limits();
	*minp = atomic_load(&dirty.d_min);
	*maxp = atomic_load(&dirty.d_max);
}
