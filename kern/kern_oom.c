/*
 * Memory and swap are gone: somebody has to go.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/signalvar.h>
#include <uvm/uvm.h>

#define PATIENCE 2000000000UL /* ns for a victim to end */

static uint64_t last_kill; /* uptime; atomic */
static uint32_t choosing; /* atomic; not 0: somebody looks for a victim */

/* What a process holds, in pages; belongs to the caller. */
struct oom_size {
	uint64_t os_resident; /* [caller] */
	uint64_t os_swapped; /* [caller] */
};

/*
 * => amap may be busy: then its swapped pages do not count
 */
static uint64_t
amap_swapped(struct vm_map_entry *e)
{
	struct vm_amap *amap = e->aref.ar_amap;
	u_int slot = e->aref.ar_pageoff;
	u_int end = slot + (u_int)atop(e->end - e->start);
	struct vm_anon *anon;
	uint64_t n = 0;

	if (rw_enter(&amap->am_lock->aml_lock, RW_READ | RW_NOSLEEP) != 0)
		return 0;
	for (; (anon = amap_next(amap, &slot, end)) != NULL; slot++) {
		if (anon->an_page == NULL && anon->an_swslot != 0 &&
		    !MUTANT(OOM_IGNORES_SWAP))
			n++;
	}
	amap_unlock(amap);
	return n;
}

/*
 * Nobody must be waited for here: whoever holds a lock may itself be waiting
 * for the memory we are to find.
 */
static uint64_t
vmspace_swapped(struct vmspace *vm)
{
	struct vm_map *map = &vm->vm_map;
	struct vm_map_entry *e;
	uint64_t n = 0;

	if (uvmexp.nswapdev == 0 || !vm_map_lock_try(map))
		return 0;
	VM_MAP_FOREACH (e, map) {
		if (e->aref.ar_amap != NULL)
			n += amap_swapped(e);
	}
	vm_map_unlock(map);
	return n;
}

/*
 * => proctree lock held; TRUE: pr may be chosen, its size is in *os
 * => *again set: it cannot be looked at now
 */
static bool
oom_measure(struct process *pr, struct oom_size *os, bool *again)
{
	struct vmspace *vm;

	if (((pr->ps_flags & PS_SYSTEM) || pr == initprocess) &&
	    !MUTANT(OOM_SPARES_NOBODY))
		return false;
	if (rw_enter(&pr->ps_lock, RW_READ | RW_NOSLEEP) != 0) {
		*again = true;
		return false;
	}
	vm = pr->ps_vmspace;
	if (vm != NULL) {
		os->os_resident =
		    (uint64_t)pmap_resident_count(vm->vm_map.pmap);
		os->os_swapped = vmspace_swapped(vm);
	}
	rw_exit(&pr->ps_lock);
	return vm != NULL;
}

/* => some thread of pr has been told to die for memory */
static bool
oom_dying(struct process *pr)
{
	struct proc *p;
	bool dying = false;

	mtx_enter(&pr->ps_sigmtx);
	TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link) {
		if (atomic_load(&p->p_flag) & P_OOMKILL)
			dying = true;
	}
	mtx_leave(&pr->ps_sigmtx);
	return dying;
}

/* => the last victim may need more time; the clock is read last, it is later */
static bool
oom_patient(void)
{
	uint64_t killed = atomic_load(&last_kill);

	return nsecuptime() - killed < PATIENCE;
}

/*
 * A victim may be held up: by a thread of another process, which does I/O to
 * its memory and itself waits for some.  Then that one has to go, too.
 * => proctree lock held; the largest process, or NULL; *again set: there is a
 *    victim already, or could be when asked again
 */
static struct process *
oom_choose(struct oom_size *best, bool *again)
{
	struct process *pr, *victim = NULL;
	struct oom_size os = { 0 };

	best->os_resident = best->os_swapped = 0;
	LIST_FOREACH (pr, &allprocess, ps_list) {
		if ((pr->ps_flags & PS_SYSTEM) == 0 && oom_dying(pr)) {
			*again = true;
			if (oom_patient() && !MUTANT(OOM_NO_PATIENCE))
				return NULL;
			continue;
		}
		if (!oom_measure(pr, &os, again))
			continue;
		if (os.os_resident + os.os_swapped >
			best->os_resident + best->os_swapped ||
		    MUTANT(OOM_TAKES_LAST)) {
			*best = os;
			victim = pr;
		}
	}
	return victim;
}

static void
oom_sacrifice(struct process *pr, const struct oom_size *os)
{
	const uint64_t kib = PAGE_SIZE / 1024;
	struct proc *p;

	printf("oom: killed pid %d (%s): %lu KiB resident, %lu KiB swapped, "
	       "free %lu KiB\n",
	    pr->ps_pid, pr->ps_comm, os->os_resident * kib,
	    os->os_swapped * kib, (uint64_t)uvm_free_count() * kib);
	atomic_store(&last_kill, nsecuptime());
	mtx_enter(&pr->ps_sigmtx);
	TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link)
		atomic_or(&p->p_flag, P_OOMKILL);
	sig_post(pr, NULL, SIGKILL, NULL);
	mtx_leave(&pr->ps_sigmtx);
}

/*
 * One at a time: two would not see each other's victim, and measure less while
 * the other holds the locks.  Locks that are busy say nothing about whether
 * there is a victim: whoever asked would otherwise die in its place.
 */
bool
oom_kill(void)
{
	struct process *victim = NULL;
	struct oom_size os;
	bool again = false;

	if (atomic_swap_acq(&choosing, 1) != 0)
		return true;
	if (rw_enter(&proctree_lock, RW_READ | RW_NOSLEEP) == 0) {
		victim = oom_choose(&os, &again);
		if (victim != NULL)
			oom_sacrifice(victim, &os);
		rw_exit(&proctree_lock);
	} else
		again = !MUTANT(OOM_BUSY_IS_NOBODY);
	atomic_store_rel(&choosing, 0);
	return again || victim != NULL;
}
