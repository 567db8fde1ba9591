/* Start-up of UVM. */
#include <uvm/uvm.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_pdpolicy.h>

/* Protected shares at boot, percent. */
#define ANONMIN_PCT  10
#define VTEXTMIN_PCT 5
#define VNODEMIN_PCT 10

static bool init_done; /* set once by uvm_init */

static void
minimums_init(void)
{
	uvmexp.anonminpct = ANONMIN_PCT;
	uvmexp.vtextminpct = VTEXTMIN_PCT;
	uvmexp.vnodeminpct = VNODEMIN_PCT;
	uvmexp.anonmin = uvm_pdpolicy_share(ANONMIN_PCT);
	uvmexp.vtextmin = uvm_pdpolicy_share(VTEXTMIN_PCT);
	uvmexp.vnodemin = uvm_pdpolicy_share(VNODEMIN_PCT);
}

/* Every kind of object that keeps state of its own. */
static void
pager_init(void)
{
	static const struct uvm_pagerops *const pagers[] = { &aobj_pager,
		&uvm_vnodeops };

	for (size_t i = 0; i < nitems(pagers); i++)
		if (pagers[i]->pgo_init != NULL)
			pagers[i]->pgo_init();
}

/*
 * Bring UVM up.
 * => boot, once, one hart; memory was given to uvm_page_physload(), the kernel
 *    pmap works; panics: page size not set, no memory, a second call
 */
void
uvm_init(void)
{
	vaddr_t start, end;

	if (init_done)
		panic("uvm_init: called twice");
	init_done = true;
	if (uvmexp.pagesize == 0)
		panic("uvm_init: page size not set");
	if (vm_nphysseg == 0)
		panic("uvm_init: no memory");
	minimums_init();

	TRACE("uvm_init: page", 0, 0);
	uvm_page_init(&start, &end);
	uvm_pagetree_init();
	TRACE("uvm_init: map", uvmexp.npages, 0);
	uvm_map_init();
	TRACE("uvm_init: km", start, end);
	uvm_km_init(start, end);
	TRACE("uvm_init: pmap_init", 0, 0);
	pmap_init();
	/* its tables need nothing of us: main() has called kmem_init() */
	TRACE("uvm_init: malloc", 0, 0);
	TRACE("uvm_init: pager", 0, 0);
	pager_init();
	TRACE("uvm_init: anon", 0, 0);
	uvm_amap_init();
	uvm_anon_init();
	TRACE("uvm_init: kernswap", 0, 0);
	(void)uao_create(0, UAO_FLAG_KERNSWAP);
	uvmexp_collect();
}

/*
 * Memory limits of the first process, which all others inherit.
 * => its limits are set up, nobody else sees them
 */
void
uvm_init_limits(struct proc *p)
{
	struct rlimit *rl = p->p_p->ps_limit->pl_rlimit;

	rl[RLIMIT_STACK] = (struct rlimit){ DFLSSIZ, MAXSSIZ };
	rl[RLIMIT_DATA] = (struct rlimit){ DFLDSIZ, MAXDSIZ };
	rl[RLIMIT_RSS].rlim_cur = ptoa(uvm_free_count());
}
