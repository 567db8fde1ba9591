/*
 * U-areas, and the swapper, which makes those of long sleepers pageable.
 *
 * A u-area is pageable kernel memory, wired by faults.  The page below it is
 * never mapped: a kernel stack that overflows faults instead of writing to its
 * neighbour.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_vnode.h>

int maxslp = MAXSLP;

/* -- U-areas -------------------------------------------------------------------- */

/*
 * A u-area: USPACE bytes, zeroed and wired.
 * => may sleep; address, or 0
 */
vaddr_t
uvm_uarea_alloc(void)
{
	vaddr_t guard = uvm_km_valloc(kernel_map, USPACE + PAGE_SIZE);
	vaddr_t va = guard + PAGE_SIZE;

	if (guard == 0)
		return 0;
	if (uvm_map_protect(kernel_map, guard, va, PROT_NONE, TRUE) == 0 &&
	    uvm_fault_wire(
		kernel_map, va, va + USPACE, PROT_READ | PROT_WRITE) == 0)
		return va;
	uvm_km_free(kernel_map, guard, USPACE + PAGE_SIZE);
	return 0;
}

/*
 * Free p's u-area.
 * => p does not run any more, and is not the caller; may sleep
 */
void
uvm_uarea_free(struct proc *p)
{
	vaddr_t va = (vaddr_t)p->p_addr;

	if (p == curproc)
		panic("uvm_uarea_free: the stack is in use");
	p->p_addr = NULL;
	if (p->p_flag & P_INMEM)
		uvm_fault_unwire(kernel_map, va, va + USPACE);
	uvm_km_free(kernel_map, va - PAGE_SIZE, USPACE + PAGE_SIZE);
}

/* -- Swapping ------------------------------------------------------------------- */

/*
 * Wire p's u-area again, which may have to be read from swap.
 * => thread context, no locks; p is swapped out; panics if it cannot be wired
 */
void
uvm_swapin(struct proc *p)
{
	vaddr_t va = (vaddr_t)p->p_addr;

	KASSERT((p->p_flag & P_INMEM) == 0);
	if (uvm_fault_wire(
		kernel_map, va, va + USPACE, PROT_READ | PROT_WRITE) != 0)
		panic("uvm_swapin: u-area of thread %d", p->p_tid);
	p->p_swtime = 0;
	UVMCNT_INC(swapins);
	sched_swapin(p);
}

void
uvm_swapout(struct proc *p)
{
	vaddr_t va = (vaddr_t)p->p_addr;

	KASSERT(p != curproc && va != 0);
	if (!sched_swapout(p))
		return;
	p->p_swtime = 0;
	if (!MUTANT(SWAPOUT_STAYS_WIRED))
		uvm_fault_unwire(kernel_map, va, va + USPACE);
	/* what the kernel has mapped counts as used, always */
	if (!MUTANT(SWAPOUT_STAYS_MAPPED)) {
		pmap_remove(pmap_kernel(), va, va + USPACE);
		pmap_update(pmap_kernel());
	}
	UVMCNT_INC(swapouts);
}

/*
 * => the longest sleeper whose u-area may go, or NULL; proctree read-locked
 */
static struct proc *
swapout_victim(void)
{
	struct proc *p, *best = NULL;
	struct process *pr;

	LIST_FOREACH (pr, &allprocess, ps_list) {
		if (pr->ps_flags & (PS_SYSTEM | PS_EXITING))
			continue;
		rw_enter_read(&pr->ps_lock);
		TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link) {
			/* other sleeps are short, and own what is on stacks */
			if ((p->p_flag &
				(P_KTHREAD | P_INMEM | P_WEXIT | P_SINTR |
				    P_STACKHELD)) == (P_INMEM | P_SINTR) &&
			    p->p_stat == SSLEEP && p->p_addr != NULL &&
			    p->p_slptime > maxslp &&
			    (best == NULL || p->p_slptime > best->p_slptime))
				best = p;
		}
		rw_exit(&pr->ps_lock);
	}
	return best;
}

/*
 * Without a swap device an unwired u-area stays where it is, so nothing is
 * gained and nobody is swapped out.
 */
static void
swapout_one(void)
{
	struct proc *p;

	if (uvmexp.nswapdev == 0)
		return;
	rw_enter_read(&proctree_lock);
	p = swapout_victim();
	if (p != NULL)
		uvm_swapout(p);
	rw_exit(&proctree_lock);
}

/*
 * => the runnable thread without a stack to run on that deserves it most, or
 *    NULL
 */
static struct proc *
swapin_choose(void)
{
	struct proc *p, *best = NULL;
	struct process *pr;
	long pri, bestpri = -__LONG_MAX__;

	rw_enter_read(&proctree_lock);
	LIST_FOREACH (pr, &allprocess, ps_list) {
		rw_enter_read(&pr->ps_lock);
		TAILQ_FOREACH (p, &pr->ps_threads, p_thr_link) {
			if ((p->p_flag & (P_SWAPRUN | P_INMEM)) != P_SWAPRUN)
				continue;
			pri = (long)p->p_swtime + p->p_slptime - p->p_nice * 8L;
			if (pri > bestpri) {
				bestpri = pri;
				best = p;
			}
		}
		rw_exit(&pr->ps_lock);
	}
	rw_exit(&proctree_lock);
	return best;
}

/* -- Process zero --------------------------------------------------------------- */

/*
 * What the page daemon wants done but may not do itself, because it takes no
 * map lock: a holder may be waiting for the daemon.
 */
static struct mutex swapper_mtx = MUTEX_INITIALIZER(LR_MISC, "swapper");
static bool swapper_asked; /* swapper_mtx */
static bool swapper_busy; /* swapper_mtx */
static bool swapin_wanted; /* swapper_mtx */

void
uvm_swapin_wanted(void *arg)
{
	mtx_enter(&swapper_mtx);
	swapin_wanted = true;
	wakeup(&proc0);
	mtx_leave(&swapper_mtx);
}

void
uvm_swapout_threads(void)
{
	mtx_enter(&swapper_mtx);
	swapper_asked = true;
	wakeup(&proc0);
	mtx_leave(&swapper_mtx);
}

bool
uvm_swapper_pending(void)
{
	bool pending;

	mtx_enter(&swapper_mtx);
	pending = swapper_asked || swapper_busy;
	mtx_leave(&swapper_mtx);
	return pending;
}

/* => sleeps until asked, or until someone wakes proc0 */
static void
swapper_sleep(void)
{
	mtx_enter(&swapper_mtx);
	swapper_busy = false;
	if ((!swapper_asked && !swapin_wanted) ||
	    MUTANT(SWAPPER_SLEEPS_BLINDLY))
		(void)msleep(&proc0, &swapper_mtx, PVM, "scheduler", INFSLP);
	swapper_busy = swapper_asked;
	swapper_asked = swapin_wanted = false;
	mtx_leave(&swapper_mtx);
	if (swapper_busy) {
		thread_cache_drain();
		swapout_one();
	}
}

/*
 * Process zero's main loop.
 * => never returns
 */
void
uvm_scheduler(void)
{
	struct proc *p;

	for (;;) {
		p = swapin_choose();
		if (p == NULL)
			swapper_sleep();
		else if (uvm_free_count() > USPACE_PAGES)
			uvm_swapin(p);
		else
			uvm_wait("schedpwait");
	}
}

/* -- Threads ---------------------------------------------------------------------- */

/*
 * => boot, once, when threads can run; on return the daemon has started
 */
void
uvm_start_daemons(void)
{
	int error;

	error = kthread_create(uvm_pageout, NULL, NULL, "pagedaemon");
	if (error)
		panic("cannot start the page daemon: %d", error);
	while (atomic_load(&uvm.pagedaemon) == NULL)
		yield();
	uvn_start_writer();
	uvn_start_ahead();
}
