/* Anonymous objects (UVM-API.md 1.10, 6.3). */
#include <sys/ktest.h>
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>

/* => the page at off, busy; object unlocked on entry and exit; or NULL */
static struct vm_page *
get(struct uvm_object *obj, voff_t off, int *rvp)
{
	struct vm_page *pg = NULL;
	int n = 1, rv;

	rw_enter_write(&obj->uo_lock);
	rv = obj->pgops->pgo_get(
	    obj, off, &pg, &n, 0, PROT_READ | PROT_WRITE, 0, 0);
	if (rvp != NULL)
		*rvp = rv;
	return rv == VM_PAGER_OK ? pg : NULL;
}

static void
unbusy(struct uvm_object *obj, struct vm_page *pg)
{
	rw_enter_write(&obj->uo_lock);
	uvm_pageactivate(pg);
	uvm_page_unbusy(pg);
	rw_exit(&obj->uo_lock);
}

static void
fill(struct uvm_object *obj, int pages)
{
	struct vm_page *pg;

	for (int i = 0; i < pages; i++) {
		pg = get(obj, (voff_t)ptoa(i), NULL);
		KT_REQUIRE(pg != NULL);
		memset((void *)VM_PAGE_TO_DMAP(pg), 'a' + i, PAGE_SIZE);
		unbusy(obj, pg);
	}
}

/* T-uao_create-1, as far as the pager goes; first bytes are zero */
KTEST(aobj_create)
{
	struct uvm_object *obj = uao_create(5000, 0);
	struct vm_page *pg;
	struct uvmexp s;
	int rv;

	KT_EQ(obj->uo_refs, 1);
	KT_SNAP(&s);
	for (int i = 0; i < 2; i++) {
		pg = get(obj, (voff_t)ptoa(i), &rv);
		KT_REQUIRE(pg != NULL);
		for (size_t k = 0; k < PAGE_SIZE; k++)
			KT_REQUIRE(((char *)VM_PAGE_TO_DMAP(pg))[k] == 0);
		KT_EQ(pg->pg_flags & (PG_BUSY | PG_CLEAN), PG_BUSY);
		unbusy(obj, pg);
	}
	KT_CHECK(get(obj, 2 * PAGE_SIZE, &rv) == NULL);
	KT_EQ(rv, VM_PAGER_BAD);
	KT_EQ(KT_DELTA(&s, anonpages), 2);
	KT_EQ(KT_DELTA(&s, active), 2);
	KT_EQ(uao_pages(obj), 2);
	uao_detach(obj);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, active), 0);
}

/* T-uao_create-1: the fault beyond the end */
KTEST(aobj_mapped)
{
	struct uvm_object *obj = uao_create(5000, 0);
	vaddr_t va = vm_map_min(kernel_map);

	KT_EQ(uvm_map(kernel_map, &va, 3 * PAGE_SIZE, obj, 0, 0,
		  UVM_MAPFLAG(PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		      MAP_INHERIT_NONE, MADV_RANDOM, 0)),
	    0);
	*(volatile char *)(va + PAGE_SIZE) = 1;
	KT_EQ(*(volatile char *)va, 0);
	KT_EQ(uvm_fault(
		  kernel_map, va + 2 * PAGE_SIZE, VM_FAULT_INVALID, PROT_READ),
	    EIO);
	uvm_unmap(kernel_map, va, va + 3 * PAGE_SIZE);
}

static void
second_kernel_object(void *arg)
{
	(void)uao_create(PAGE_SIZE, UAO_FLAG_KERNOBJ);
}

static void
second_kernel_swap(void *arg)
{
	(void)uao_create(0, UAO_FLAG_KERNSWAP);
}

/* T-uao_create-3 */
KTEST(aobj_kernobj_again)
{
	KT_PANICS(second_kernel_object, NULL, "second");
	KT_PANICS(second_kernel_swap, NULL, "twice");
}

/* T-uao_reference-1, T-uao_detach-1 */
KTEST(aobj_references)
{
	struct uvm_object *obj = uao_create(8 * PAGE_SIZE, 0);
	struct vm_page *pg;
	long before, objects = uao_count();

	fill(obj, 8);
	uao_reference(obj);
	KT_EQ(obj->uo_refs, 2);
	uao_detach(obj);
	KT_EQ(obj->uo_refs, 1);
	for (int i = 0; i < 8; i++) {
		pg = get(obj, (voff_t)ptoa(i), NULL);
		KT_REQUIRE(pg != NULL);
		KT_EQ(((char *)VM_PAGE_TO_DMAP(pg))[77], 'a' + i);
		unbusy(obj, pg);
	}
	before = uvm_free_count();
	uao_detach(obj);
	KT_EQ(uvm_free_count(), before + 8);
	KT_EQ(uao_count(), objects - 1);
	/* the kernel object is above that */
	uao_reference(kernel_object);
	uao_detach(kernel_object);
	KT_EQ(kernel_object->uo_refs, UVM_OBJ_KERN);
}

/* A locked get: what is resident, and the centre page made. */
KTEST(aobj_get_locked)
{
	struct uvm_object *obj = uao_create(20 * PAGE_SIZE, 0);
	struct vm_page *pps[8] = { NULL };
	int n = 8;

	fill(obj, 3);
	pps[1] = PGO_DONTCARE;
	rw_enter_write(&obj->uo_lock);
	uvm_pagelookup(obj, 2 * PAGE_SIZE)->pg_flags |= PG_BUSY;
	KT_EQ(obj->pgops->pgo_get(obj, 0, pps, &n, 5, PROT_READ, 0, PGO_LOCKED),
	    VM_PAGER_OK);
	KT_EQ(n, 2);
	KT_CHECK(pps[0] == uvm_pagelookup(obj, 0));
	KT_CHECK(pps[1] == PGO_DONTCARE);
	KT_CHECK(pps[2] == NULL && pps[3] == NULL && pps[4] == NULL);
	KT_CHECK(pps[5] == uvm_pagelookup(obj, 5 * PAGE_SIZE));
	KT_CHECK(pps[5] != NULL && (pps[5]->pg_flags & PG_BUSY));
	KT_EQ(obj->uo_npages, 4);
	uvm_page_unbusy(pps[0]);
	uvm_page_unbusy(pps[5]);
	uvm_page_unbusy(uvm_pagelookup(obj, 2 * PAGE_SIZE));
	n = 1;
	pps[0] = NULL;
	KT_EQ(obj->pgops->pgo_get(
		  obj, 20 * PAGE_SIZE, pps, &n, 0, PROT_READ, 0, PGO_LOCKED),
	    VM_PAGER_UNLOCK);
	rw_exit(&obj->uo_lock);
	uao_detach(obj);
}

static volatile int got; /* [a] */

static void
get_it(void *arg)
{
	struct uvm_object *obj = arg;
	struct vm_page *pg = NULL;
	int n = 1;

	rw_enter_write(&obj->uo_lock);
	KT_EQ(obj->pgops->pgo_get(
		  obj, 0, &pg, &n, 0, PROT_READ, MADV_NORMAL, PGO_SYNCIO),
	    VM_PAGER_OK);
	atomic_store_rel(&got, 1);
	KT_REQUIRE(pg != NULL);
	rw_enter_write(&obj->uo_lock);
	uvm_page_unbusy(pg);
	rw_exit(&obj->uo_lock);
}

/* A page that somebody keeps busy is waited for, not handed out again. */
KTEST(aobj_get_waits_for_busy)
{
	struct uvm_object *obj = uao_create(PAGE_SIZE, 0);
	struct kt_thread *t;
	struct vm_page *pg;

	got = 0;
	rw_enter_write(&obj->uo_lock);
	pg = uvm_pagealloc(obj, 0, NULL, UVM_PGA_ZERO); /* busy */
	rw_exit(&obj->uo_lock);
	KT_REQUIRE(pg != NULL);
	t = kt_spawn(get_it, obj, 0);
	kt_sleep_ms(20);
	KT_EQ(atomic_load_acq(&got), 0);
	rw_enter_write(&obj->uo_lock);
	uvm_page_unbusy(pg);
	rw_exit(&obj->uo_lock);
	kt_join(t);
	KT_EQ(atomic_load_acq(&got), 1);
	uao_detach(obj);
}

static volatile int detached; /* [a] */

static void
detach_it(void *arg)
{
	uao_detach(arg);
	atomic_store_rel(&detached, 1);
}

/* A busy page outlives the last reference until its owner is done. */
KTEST(aobj_detach_busy)
{
	struct uvm_object *obj = uao_create(4 * PAGE_SIZE, 0);
	struct kt_thread *t;
	struct vm_page *pg;
	bool freed;

	fill(obj, 4);
	pg = get(obj, 2 * PAGE_SIZE, NULL);
	KT_REQUIRE(pg != NULL);
	detached = 0;
	t = kt_spawn(detach_it, obj, 0);
	for (int i = 0; i < 200 && (pg->pg_flags & PG_RELEASED) == 0; i++)
		kt_sleep_ms(1);
	KT_CHECK(pg->pg_flags & PG_RELEASED);
	kt_sleep_ms(5);
	KT_EQ(atomic_load(&detached), 0);
	rw_enter_write(&obj->uo_lock);
	KT_EQ(obj->uo_npages, 1);
	freed = uvm_page_unbusy(pg);
	rw_exit(&obj->uo_lock);
	KT_CHECK(freed);
	kt_join(t);
	KT_EQ(atomic_load(&detached), 1);
}

/* tmpfs truncates: pages behind the end go, the last one's rest is zero. */
KTEST(aobj_shrink_grow)
{
	struct uvm_object *obj = uao_create(10 * PAGE_SIZE, 0);
	struct vm_page *pg;
	long before;
	char *p;
	int rv;

	fill(obj, 10);
	before = uvm_free_count();
	KT_EQ(uao_shrink(obj, 3 * PAGE_SIZE + 100), 0);
	KT_EQ(uvm_free_count(), before + 6);
	KT_EQ(uao_pages(obj), 4);
	KT_CHECK(get(obj, 4 * PAGE_SIZE, &rv) == NULL);
	KT_EQ(rv, VM_PAGER_BAD);
	KT_EQ(uao_grow(obj, 6 * PAGE_SIZE), 0);
	pg = get(obj, 3 * PAGE_SIZE, NULL);
	KT_REQUIRE(pg != NULL);
	p = (char *)VM_PAGE_TO_DMAP(pg);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		KT_REQUIRE(p[i] == (i < 100 ? 'd' : 0));
	unbusy(obj, pg);
	pg = get(obj, 5 * PAGE_SIZE, NULL);
	KT_REQUIRE(pg != NULL);
	KT_EQ(*(char *)VM_PAGE_TO_DMAP(pg), 0);
	unbusy(obj, pg);
	KT_EQ(uao_shrink(obj, 0), 0);
	KT_EQ(uao_pages(obj), 0);
	KT_EQ(uao_grow(obj, ~0UL), EFBIG);
	uao_detach(obj);
}

/* The last page is not there, whether or not one behind it is. */
KTEST(aobj_shrink_absent)
{
	struct uvm_object *obj = uao_create(ptoa(8), 0);
	struct vm_page *pg;
	int rv;

	fill(obj, 1);
	KT_EQ(uao_shrink(obj, ptoa(6) + 100), 0);
	KT_EQ(uao_pages(obj), 1);
	pg = get(obj, (voff_t)ptoa(4), &rv);
	KT_REQUIRE(pg != NULL);
	unbusy(obj, pg);
	KT_EQ(uao_shrink(obj, ptoa(2) + 100), 0);
	KT_EQ(uao_pages(obj), 1);
	pg = get(obj, 0, &rv);
	KT_REQUIRE(pg != NULL);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		KT_REQUIRE(((char *)VM_PAGE_TO_DMAP(pg))[i] == 'a');
	unbusy(obj, pg);
	uao_detach(obj);
}

/* pgo_flush: out of the way, or gone if nobody else has it */
KTEST(aobj_flush)
{
	struct uvm_object *obj = uao_create(8 * PAGE_SIZE, 0);
	struct uvmexp s;

	fill(obj, 8);
	KT_SNAP(&s);
	rw_enter_write(&obj->uo_lock);
	uvm_pagewire(uvm_pagelookup(obj, PAGE_SIZE));
	KT_CHECK(obj->pgops->pgo_flush(obj, 0, 4 * PAGE_SIZE, PGO_DEACTIVATE));
	KT_EQ(KT_DELTA(&s, inactive), 3);
	obj->uo_refs++;
	KT_CHECK(obj->pgops->pgo_flush(obj, 0, 0, PGO_FREE | PGO_ALLPAGES));
	KT_EQ(KT_DELTA(&s, inactive), 7);
	KT_EQ(obj->uo_npages, 8);
	obj->uo_refs--;
	KT_CHECK(obj->pgops->pgo_flush(obj, 0, 0, PGO_FREE | PGO_ALLPAGES));
	KT_EQ(obj->uo_npages, 1);
	KT_EQ(KT_DELTA(&s, inactive), 0);
	uvm_pageunwire(uvm_pagelookup(obj, PAGE_SIZE));
	rw_exit(&obj->uo_lock);
	uao_detach(obj);
}

/* Swap slots of pages are noted, found and taken back. */
KTEST(aobj_swslots)
{
	struct uvm_object *obj = uao_create(1UL << 30, 0);

	rw_enter_write(&obj->uo_lock);
	KT_EQ(uao_find_swslot(obj, 5), 0);
	KT_EQ(uao_set_swslot(obj, 5, 17), 0);
	KT_EQ(uao_set_swslot(obj, 100000, 18), 0);
	KT_EQ(uao_find_swslot(obj, 5), 17);
	KT_EQ(uao_set_swslot(obj, 5, 19), 17);
	KT_EQ(uao_set_swslot(obj, 5, 0), 19);
	KT_EQ(uao_set_swslot(obj, 100000, 0), 18);
	KT_EQ(uao_find_swslot(obj, 100000), 0);
	rw_exit(&obj->uo_lock);
	uao_detach(obj);
}
