/*
 * The lock-order checker (DEBUG builds).
 *
 * Each hart has a list of the mutexes it holds and each thread one of its
 * rwlocks, in the order of acquisition.  A lock may be waited for only when no
 * lock of a higher rank is held, and none of the same rank at a higher
 * address; a try cannot deadlock and is exempt.  An interrupt handler is
 * checked against mutexes alone: the rwlocks belong to the thread it happens
 * to interrupt.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <kern/lockorder.h>

#ifdef DEBUG

#define LOCKLIST_MAX 24 /* deepest nesting anyone needs, with room */

/*
 * Locks used to protect members:
 *	o	the thread, or the hart with interrupts off
 */
struct heldlock {
	const void *hl_lock; /* [o] */
	const char *hl_name; /* [o] */
	const void *hl_where; /* [o] who acquired it */
	uint32_t hl_rank; /* [o] */
};
struct locklist {
	uint32_t ll_count; /* [o] */
	struct heldlock ll_held[LOCKLIST_MAX]; /* [o] */
};

static struct locklist lockorder_cpu[MAXCPUS]; /* [hart, interrupts off] */
static struct locklist lockorder_proc0; /* [proc0] */
static struct pool lockorder_pool;
static volatile uint32_t lockorder_pool_ready; /* [a] */

/* => list of this hart or thread; NULL: a thread without one (idle, boot) */
static struct locklist *
locklist(enum lock_kind kind)
{
	struct proc *p = curproc;

	if (kind == LK_MUTEX)
		return &lockorder_cpu[curcpu()->ci_index];
	if (p->p_locks == NULL && p == &proc0)
		p->p_locks = &lockorder_proc0;
	return p->p_locks;
}

static void
lockorder_check_list(const struct locklist *ll, const void *lock, uint32_t rank,
    const char *name, const void *where)
{
	const struct heldlock *hl;

	for (uint32_t i = 0; ll != NULL && i < ll->ll_count; i++) {
		hl = &ll->ll_held[i];
		if (hl->hl_lock == lock)
			panic("lock %s (%p) wanted at %p is already held, "
			      "since %p",
			    name, lock, where, hl->hl_where);
		if (rank == LR_NONE || hl->hl_rank == LR_NONE)
			continue;
		if (hl->hl_rank > rank ||
		    (hl->hl_rank == rank && hl->hl_lock > lock))
			panic("lock order: %s (%p, rank %u) wanted at %p "
			      "while %s (%p, rank %u) is held since %p",
			    name, lock, rank, where, hl->hl_name, hl->hl_lock,
			    hl->hl_rank, hl->hl_where);
	}
}

void
lockorder_check(const void *lock, enum lock_kind kind, uint32_t rank,
    const char *name, const void *where)
{
	struct cpu_info *ci = curcpu();

	if (panicstr != NULL)
		return;
	if (kind == LK_RWLOCK) {
		if (ci->ci_intrdepth > 0)
			panic("rwlock %s wanted at %p in an interrupt handler",
			    name, where);
		if (ci->ci_mtxdepth > 0)
			panic("rwlock %s wanted at %p with mutex %s held", name,
			    where,
			    lockorder_cpu[ci->ci_index].ll_count > 0
				? lockorder_cpu[ci->ci_index].ll_held[0].hl_name
				: "?");
	} else if (ci->ci_mtxdepth > 0)
		lockorder_check_list(
		    &lockorder_cpu[ci->ci_index], lock, rank, name, where);
	if (ci->ci_intrdepth == 0)
		lockorder_check_list(
		    locklist(LK_RWLOCK), lock, rank, name, where);
}

void
lockorder_enter(const void *lock, enum lock_kind kind, uint32_t rank,
    const char *name, const void *where)
{
	struct locklist *ll = locklist(kind);

	if (kind == LK_RWLOCK)
		curproc->p_nlocks++;
	if (ll == NULL || panicstr != NULL)
		return;
	if (ll->ll_count == LOCKLIST_MAX)
		panic("lock %s: more than %d locks held", name, LOCKLIST_MAX);
	ll->ll_held[ll->ll_count++] =
	    (struct heldlock){ lock, name, where, rank };
}

void
lockorder_leave(const void *lock, enum lock_kind kind)
{
	struct locklist *ll = locklist(kind);
	uint32_t i;

	if (kind == LK_RWLOCK)
		curproc->p_nlocks--;
	if (ll == NULL || panicstr != NULL)
		return;
	for (i = ll->ll_count; i-- > 0;)
		if (ll->ll_held[i].hl_lock == lock)
			break;
	if (i == UINT32_MAX)
		panic("lock %p released by who does not hold it", lock);
	for (ll->ll_count--; i < ll->ll_count; i++)
		ll->ll_held[i] = ll->ll_held[i + 1];
}

void
lockorder_assert_cansleep(const char *what, uint32_t n)
{
	struct cpu_info *ci = curcpu();
	struct locklist *ll = &lockorder_cpu[ci->ci_index];

	if (ci->ci_intrdepth > 0)
		panic("sleep on %s in an interrupt handler", what);
	if (ci->ci_mtxdepth > n)
		panic("sleep on %s with mutex %s held", what,
		    ll->ll_count > 0 ? ll->ll_held[0].hl_name : "?");
}

void
lockorder_assert_none(const char *where)
{
	struct locklist *ll = curproc->p_locks;
	struct cpu_info *ci = curcpu();

	if (ci->ci_mtxdepth > 0)
		panic("%s: mutex %s held", where,
		    lockorder_cpu[ci->ci_index].ll_held[0].hl_name);
	if (ll != NULL && ll->ll_count > 0)
		panic("%s: rwlock %s held since %p", where,
		    ll->ll_held[0].hl_name, ll->ll_held[0].hl_where);
	if (curproc->p_nlocks != 0)
		panic("%s: %u rwlocks held", where, curproc->p_nlocks);
}

void
lockorder_reset_cpu(void)
{
	lockorder_cpu[curcpu()->ci_index].ll_count = 0;
}

void *
lockorder_thread_alloc(void)
{
	if (atomic_swap_acq_rel(&lockorder_pool_ready, 1) == 0)
		pool_init(
		    &lockorder_pool, sizeof(struct locklist), 0, "locklist");
	return pool_get(&lockorder_pool, PR_WAITOK | PR_ZERO);
}

void
lockorder_thread_free(void *list)
{
	if (list != NULL)
		pool_put(&lockorder_pool, list);
}

static void
locklist_print(const struct locklist *ll, const char *what)
{
	for (uint32_t i = 0; ll != NULL && i < ll->ll_count; i++)
		printf("  %s %s (%p) since %p\n", what, ll->ll_held[i].hl_name,
		    ll->ll_held[i].hl_lock, ll->ll_held[i].hl_where);
}

void
lockorder_print(void)
{
	printf("locks held:\n");
	locklist_print(&lockorder_cpu[curcpu()->ci_index], "mutex");
	locklist_print(curproc->p_locks, "rwlock");
}

#else

void
lockorder_print(void)
{
	printf("mutexes held by this hart: %u\n", curcpu()->ci_mtxdepth);
}

#endif
