/* The page daemon, waiting for memory, load, sysctl (UVM-API.md 1.9, 1.11, 3). */
#include <sys/ktest.h>
#include <uvm/uvm_pgcache.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_pdpolicy.h>
#include <uvm/uvm_sysctl.h>
#include <sys/pool.h>
#include <uvm_bsd.h>

/* => the daemon has gone through its loop n times more */
static bool
daemon_ran(const struct uvmexp *s, int n)
{
	for (int i = 0; i < 200; i++) {
		if (KT_DELTA(s, pdwoke) >= n)
			return true;
		kt_sleep_ms(5);
	}
	return false;
}

/* Parameters of 3.3 */
KTEST(pd_parameters)
{
	uvmexp_collect();
	KT_EQ(uvmexp.freemin,
	    MAX(uvmexp.npages / 30, MAX(4, uvmexp.reserve_kernel + 1)));
	KT_EQ(uvmexp.freetarg, MAX(uvmexp.freemin * 4 / 3, uvmexp.freemin + 1));
	KT_EQ(uvmexp.wiredmax, uvmexp.npages / 3);
	KT_EQ(uvmexp.anonmin, uvmexp.anonminpct * 256 / 100);
	KT_EQ(uvmexp.vtextmin, uvmexp.vtextminpct * 256 / 100);
	KT_EQ(uvmexp.vnodemin, uvmexp.vnodeminpct * 256 / 100);
}

/* pdwoke: a wakeup with memory plentiful; nothing is freed, nobody asked */
KTEST(pd_wakeup)
{
	struct uvmexp s;

	KT_SNAP(&s);
	wakeup(&uvm.pagedaemon);
	KT_CHECK(daemon_ran(&s, 1));
	kt_sleep_ms(10);
	KT_EQ(KT_DELTA(&s, pdwoke), 1);
	KT_EQ(KT_DELTA(&s, pdswout), 0);
	KT_EQ(KT_DELTA(&s, pdscans), 0);
	KT_EQ(uvmexp.inactarg,
	    MAX((uvmexp.active + uvmexp.inactive) / 3, uvmexp.freetarg + 1));
}

#define SCAN_PAGES 60

/* => object with SCAN_PAGES inactive, unreferenced pages */
static struct uvm_object *
inactive_pages(struct vm_page **pgs)
{
	struct uvm_object *obj = uao_create(SCAN_PAGES * PAGE_SIZE, 0);

	rw_enter_write(&obj->uo_lock);
	for (int i = 0; i < SCAN_PAGES; i++) {
		pgs[i] = uvm_pagealloc(obj, (voff_t)ptoa(i), NULL, 0);
		if (pgs[i] == NULL)
			break;
		uvm_page_unbusy(pgs[i]);
		uvm_pagedeactivate(pgs[i]);
	}
	rw_exit(&obj->uo_lock);
	return obj;
}

/* As if a program had read the pages: through mappings that come and go. */
static void
reference_pages(struct vm_page **pgs, int n)
{
	struct pmap *pm = pmap_create();

	for (int i = 0; i < n; i++)
		KT_EQ(pmap_enter(pm, VM_MIN_ADDRESS, VM_PAGE_TO_PHYS(pgs[i]),
			  PROT_READ, PROT_READ | PMAP_CANFAIL),
		    0);
	pmap_remove(pm, VM_MIN_ADDRESS, VM_MIN_ADDRESS + PAGE_SIZE);
	pmap_update(pm);
	pmap_destroy(pm);
}

/* => what came of pages the daemon looked at, each counted once */
static int
scan_ends(const struct uvmexp *u)
{
	return u->pdreact + u->pdreanon + u->pdrevtext + u->pdrevnode +
	    u->pdbusy + u->pdanscan + u->pdobscan;
}

/*
 * Order and counters of the scan (3.7): referenced, busy, taken up; without
 * swap nothing is freed and nothing lost.
 */
KTEST(pd_scan)
{
	int anonmin = uvmexp.anonmin;
	struct vm_page *pgs[SCAN_PAGES];
	struct uvm_object *obj;
	struct uvmexp s, now;

	uvmexp.anonmin = 0;
	obj = inactive_pages(pgs);
	rw_enter_write(&obj->uo_lock);
	reference_pages(pgs, 10);
	rw_exit(&obj->uo_lock);
	for (int i = 10; i < 13; i++)
		atomic_or(&pgs[i]->pg_flags, PG_BUSY);
	KT_SNAP(&s);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	KT_CHECK(daemon_ran(&s, 1));
	kt_sleep_ms(50);
	KT_CHECK(KT_DELTA(&s, pdrevs) >= 1);
	KT_EQ(KT_DELTA(&s, pdswout), KT_DELTA(&s, pdrevs));
	KT_SNAP(&now);
	KT_EQ(now.pdscans - s.pdscans, scan_ends(&now) - scan_ends(&s));
	KT_CHECK(KT_DELTA(&s, pdreact) >= 10);
	KT_CHECK(KT_DELTA(&s, pdbusy) >= 3);
	KT_CHECK(KT_DELTA(&s, pdobscan) >= SCAN_PAGES - 13);
	KT_EQ(KT_DELTA(&s, pdfreed), 0);
	kt_balloon_release();
	rw_enter_write(&obj->uo_lock);
	for (int i = 10; i < 13; i++)
		uvm_page_unbusy(pgs[i]);
	KT_EQ(obj->uo_npages, SCAN_PAGES);
	rw_exit(&obj->uo_lock);
	uao_detach(obj);
	uvmexp.anonmin = anonmin;
}

/*
 * A page that becomes inactive is not referenced until somebody does again:
 * none comes back for what was before.
 */
KTEST(pd_ages)
{
	struct pmap *pm = pmap_create();
	struct vm_page *pgs[SCAN_PAGES];
	struct uvm_object *obj;
	struct uvmexp s;

	obj = inactive_pages(pgs);
	rw_enter_write(&obj->uo_lock);
	for (int i = 0; i < SCAN_PAGES; i++) {
		KT_EQ(pmap_enter(pm, VM_MIN_ADDRESS + ptoa(i),
			  VM_PAGE_TO_PHYS(pgs[i]), PROT_READ,
			  PROT_READ | PMAP_CANFAIL),
		    0);
		uvm_pageactivate(pgs[i]);
	}
	rw_exit(&obj->uo_lock);
	KT_SNAP(&s);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	KT_CHECK(daemon_ran(&s, 1));
	kt_sleep_ms(50);
	KT_CHECK(KT_DELTA(&s, pddeact) > 0);
	wakeup(&uvm.pagedaemon); /* looks at what it made inactive */
	KT_CHECK(daemon_ran(&s, 2));
	kt_sleep_ms(50);
	KT_CHECK(KT_DELTA(&s, pdrevs) >= 2);
	KT_EQ(KT_DELTA(&s, pdreact), 0);
	kt_balloon_release();
	pmap_remove(pm, VM_MIN_ADDRESS, VM_MIN_ADDRESS + ptoa(SCAN_PAGES));
	pmap_update(pm);
	pmap_destroy(pm);
	uao_detach(obj);
}

/* pdreanon: a share under its minimum is left alone */
KTEST(pd_minimum)
{
	int anonmin = uvmexp.anonmin;
	struct vm_page *pgs[SCAN_PAGES];
	struct uvm_object *obj;
	struct uvmexp s;

	obj = inactive_pages(pgs);
	uvmexp.anonmin = 256;
	KT_SNAP(&s);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	KT_CHECK(daemon_ran(&s, 1));
	kt_sleep_ms(50);
	KT_CHECK(KT_DELTA(&s, pdreanon) >= SCAN_PAGES);
	KT_EQ(KT_DELTA2(&s, pdobscan, pdanscan), 0);
	kt_balloon_release();
	uao_detach(obj);
	uvmexp.anonmin = anonmin;
}

/* -- Waiting ---------------------------------------------------------------------------- */

static volatile bool wait_go, wait_over; /* [a] */
static volatile uint32_t wait_hungry; /* [a] threads that found no page */
static volatile uint32_t wait_served; /* [a] threads that got one */

/*
 * What the daemon finds in caches while memory is short is given back: it is
 * not what this waits for.
 */
static void
wait_for_memory(void *arg)
{
	struct vm_page *pg;
	bool hungry = false;

	while (!atomic_load_acq(&wait_go))
		kt_sleep_ms(1);
	for (;;) {
		pg = uvm_pagealloc(NULL, 0, NULL, 0);
		if (pg != NULL) {
			uvm_pagefree(pg);
			if (atomic_load_acq(&wait_over))
				break;
			kt_sleep_ms(1);
			continue;
		}
		if (!hungry)
			atomic_add(&wait_hungry, 1);
		hungry = true;
		uvm_wait("ktwait");
	}
	atomic_add(&wait_served, 1);
}

/* Many wait, memory comes back, all go on. */
KTEST(pd_wait)
{
	struct kt_thread *t[6];
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);

	wait_go = wait_over = false;
	wait_hungry = wait_served = 0;
	KT_EQ(
	    uvm_pglistalloc(ptoa(30), 0, ~0UL, 0, 0, &list, 30, UVM_PLA_NOWAIT),
	    0);
	/* their stacks first: from the balloon on nobody takes a page */
	for (size_t i = 0; i < nitems(t); i++)
		t[i] = kt_spawn(wait_for_memory, NULL, 0);
	KT_CHECK(kt_balloon(uvmexp.reserve_kernel));
	atomic_store_rel(&wait_go, true);
	for (int i = 0; i < 100 && atomic_load(&wait_hungry) < nitems(t); i++) {
		kt_sleep_ms(5);
		if (uvm_free_count() > uvmexp.reserve_kernel)
			(void)kt_balloon(uvmexp.reserve_kernel);
	}
	KT_EQ(atomic_load(&wait_hungry), nitems(t));
	KT_EQ(atomic_load(&wait_served), 0);
	atomic_store_rel(&wait_over, true);
	uvm_pglistfree(&list);
	for (size_t i = 0; i < nitems(t); i++)
		kt_join(t[i]);
	KT_EQ(atomic_load(&wait_served), nitems(t));
}

/*
 * A killed thread waits for a moment only, but it asks the daemon: it may need
 * memory for the kernel on its way out.
 */
KTEST(pd_wait_killed)
{
	struct uvmexp s;

	KT_CHECK(kt_balloon(uvmexp.reserve_kernel));
	for (int i = 0; i < 200 && !uvm_pd_rests(); i++)
		kt_sleep_ms(5);
	(void)kt_balloon(uvmexp.reserve_kernel);
	KT_SNAP(&s);
	atomic_or(&curproc->p_flag, P_OOMKILL);
	for (int i = 0; i < 3; i++)
		KT_CHECK(uvm_wait_killed("ktkilled"));
	atomic_and(&curproc->p_flag, ~(uint32_t)P_OOMKILL);
	KT_CHECK(KT_DELTA(&s, pdwoke) > 0);
	kt_balloon_release();
}

static void
pglist_waits(void *arg)
{
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);

	KT_EQ(
	    uvm_pglistalloc(ptoa(64), 0, ~0UL, 0, 0, &list, 1, UVM_PLA_WAITOK),
	    0);
	uvm_pglistfree(&list);
}

/* D10: succeeds once memory is released */
KTEST(pd_pglist_wait)
{
	struct kt_thread *t;

	KT_CHECK(kt_balloon(uvmexp.reserve_kernel + 40));
	t = kt_spawn(pglist_waits, NULL, 0);
	kt_sleep_ms(30);
	kt_balloon_release();
	kt_join(t);
}

/* -- Load, limits, sysctl -------------------------------------------------------------------- */

/* T-uvm_init_limits-1 */
KTEST(meter_limits)
{
	struct process *pr = kmem_zalloc(sizeof(*pr), PR_WAITOK);
	struct plimit *pl = kmem_zalloc(sizeof(*pl), PR_WAITOK);
	struct proc *p = kmem_zalloc(sizeof(*p), PR_WAITOK);

	p->p_p = pr;
	pr->ps_limit = pl;
	uvm_init_limits(p);
	KT_CHECK(pl->pl_rlimit[RLIMIT_STACK].rlim_cur == DFLSSIZ);
	KT_CHECK(pl->pl_rlimit[RLIMIT_STACK].rlim_max == MAXSSIZ);
	KT_CHECK(pl->pl_rlimit[RLIMIT_DATA].rlim_cur == DFLDSIZ);
	KT_CHECK(pl->pl_rlimit[RLIMIT_DATA].rlim_max == MAXDSIZ);
	KT_EQ(pl->pl_rlimit[RLIMIT_RSS].rlim_cur,
	    uvm_free_count() * uvmexp.pagesize);
	kmem_free(p, sizeof(*p));
	kmem_free(pl, sizeof(*pl));
	kmem_free(pr, sizeof(*pr));
}

/* Counters of all harts add up, whoever counts. */
static void
count_here(void *arg)
{
	for (int i = 0; i < 1000; i++)
		UVMCNT_INC(fltnoanon);
}

KTEST(meter_collect)
{
	struct uvmexp s;

	KT_SNAP(&s);
	kt_parallel(8, count_here, NULL, 0);
	KT_EQ(KT_DELTA(&s, fltnoanon), 8000);
	/* what others change in the global itself is kept */
	uvmexp.fltnoanon -= 8000;
	KT_EQ(KT_DELTA(&s, fltnoanon), 0);
}

static int
sysctl_int(int id)
{
	size_t len = sizeof(int);
	int value = -1;

	KT_EQ(uvm_sysctl_kern(id, &value, &len, NULL, 0), 0);
	KT_EQ(len, sizeof(int));
	return value;
}

/* T-uvm_sysctl-1 to -3, 6.4 */
KTEST(sysctl_vm)
{
	struct uvmexp exp;
	struct vmtotal total;
	struct loadavg load;
	int name[2] = { VM_UVMEXP, 0 };
	size_t len = 0;

	KT_EQ(uvm_sysctl_kern(VM_UVMEXP, NULL, &len, NULL, 0), 0);
	KT_EQ(len, sizeof(exp));
	KT_CHECK(len >= 340);
	KT_EQ(uvm_sysctl_kern(VM_UVMEXP, &exp, &len, NULL, 0), 0);
	KT_EQ(exp.pagesize, 4096);
	len = sizeof(exp) - 1;
	KT_EQ(uvm_sysctl_kern(VM_UVMEXP, &exp, &len, NULL, 0), ENOMEM);
	len = sizeof(exp);
	KT_EQ(uvm_sysctl_kern(VM_UVMEXP, NULL, &len, &exp, len), EPERM);
	len = sizeof(total);
	KT_EQ(uvm_sysctl_kern(VM_METER, &total, &len, NULL, 0), 0);
	KT_EQ(total.t_free, uvmexp.free);
	KT_EQ(total.t_rm, uvmexp.npages - uvmexp.free);
	KT_EQ(total.t_arm, uvmexp.active);
	KT_EQ(total.t_vm, total.t_rm + (uint32_t)uvmexp.swpginuse);
	len = sizeof(load);
	KT_EQ(uvm_sysctl_kern(VM_LOADAVG, &load, &len, NULL, 0), 0);
	KT_EQ(load.fscale, FSCALE);
	KT_EQ(uvm_sysctl_kern(99, NULL, &len, NULL, 0), EOPNOTSUPP);
	KT_EQ(uvm_sysctl(name, 2, NULL, &len, NULL, 0, &proc0), ENOTDIR);
	KT_EQ(sysctl_int(VM_MAXSLP), maxslp);
	KT_EQ(sysctl_int(VM_USPACE), USPACE);
}

static int
set_int(int id, int value)
{
	size_t len = 0;

	return uvm_sysctl_kern(id, NULL, &len, &value, sizeof(value));
}

/* 3.3: write, read back, refuse */
KTEST(sysctl_minimums)
{
	int a = sysctl_int(VM_ANONMIN), t = sysctl_int(VM_VTEXTMIN);
	int v = sysctl_int(VM_VNODEMIN);

	KT_EQ(set_int(VM_ANONMIN, 20), 0);
	KT_EQ(sysctl_int(VM_ANONMIN), 20);
	KT_EQ(uvmexp.anonmin, 51);
	KT_EQ(set_int(VM_VTEXTMIN, 10), 0);
	KT_EQ(uvmexp.vtextmin, 25);
	KT_EQ(set_int(VM_VNODEMIN, 15), 0);
	KT_EQ(uvmexp.vnodemin, 38);
	KT_EQ(set_int(VM_VNODEMIN, 66), EINVAL);
	KT_EQ(set_int(VM_VNODEMIN, -1), EINVAL);
	KT_EQ(sysctl_int(VM_VNODEMIN), 15);
	KT_EQ(uvmexp.vnodemin, 38);
	KT_EQ(set_int(VM_ANONMIN, a), 0);
	KT_EQ(set_int(VM_VTEXTMIN, t), 0);
	KT_EQ(set_int(VM_VNODEMIN, v), 0);
}

/* Nothing of a quiet system counts twice: resources before and after agree. */
KTEST(sysctl_resources)
{
	struct uvm_resources a, b;
	size_t len = sizeof(a);
	struct uvm_object *obj;

	KT_EQ(uvm_sysctl_kern(VM_UVM_RESOURCES, &a, &len, NULL, 0), 0);
	obj = uao_create(PAGE_SIZE, 0);
	KT_EQ(uvm_sysctl_kern(VM_UVM_RESOURCES, &b, &len, NULL, 0), 0);
	KT_EQ(b.objects, a.objects + 1);
	KT_EQ(b.pool_items, a.pool_items + 1);
	KT_EQ(b.procs, a.procs);
	KT_RANGE(a.map_entries, 1, 100000);
	uao_detach(obj);
	KT_EQ(uvm_sysctl_kern(VM_UVM_RESOURCES, &b, &len, NULL, 0), 0);
	KT_CHECK(memcmp(&a, &b, sizeof(a)) == 0);
}
