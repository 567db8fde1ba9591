/* Kernel memory (UVM-API.md 1.7) and u-areas (1.3). */
#include <sys/ktest.h>
#include <uvm/uvm.h>
#include <uvm/uvm_pdaemon.h>
#include <sys/pool.h>

static bool
all_bytes(vaddr_t va, vsize_t size, uint8_t byte)
{
	const uint8_t *p = (const uint8_t *)va;

	for (vsize_t i = 0; i < size; i++)
		if (p[i] != byte)
			return false;
	return true;
}

static bool
unmapped(vaddr_t va, vsize_t size)
{
	for (vaddr_t end = va + size; va < end; va += PAGE_SIZE)
		if (pmap_extract(pmap_kernel(), va, NULL))
			return false;
	return true;
}

/* Page tables of the kernel stay: make them before pages are counted. */
static void
warm(vm_map_t map)
{
	vaddr_t va = uvm_km_alloc(map, 64 * PAGE_SIZE);

	KT_CHECK(va != 0);
	if (va != 0)
		uvm_km_free(map, va, 64 * PAGE_SIZE);
	kt_settle();
}

/* -- Allocators ------------------------------------------------------------------- */

/* T-uvm_km_alloc-1, T-uvm_km_alloc1-1, -2, T-uvm_km_zalloc-1, T-uvm_km_free-1 */
KTEST(km_alloc)
{
	struct uvmexp s;
	vaddr_t va, vb;

	warm(kernel_map);
	KT_SNAP(&s);
	va = uvm_km_alloc(kernel_map, 4 * PAGE_SIZE);
	KT_REQUIRE(va != 0);
	memset((void *)va, 0x5a, 4 * PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, free), -4);
	KT_EQ(KT_DELTA(&s, faults), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(va & PAGE_MASK, 0);
	vb = uvm_km_alloc1(kernel_map, PAGE_SIZE + 1, 65536, TRUE);
	KT_REQUIRE(vb != 0);
	KT_EQ(vb & 65535, 0);
	KT_EQ(KT_DELTA(&s, free), -6);
	KT_CHECK(all_bytes(vb, 2 * PAGE_SIZE, 0));
	KT_CHECK(all_bytes(va, 4 * PAGE_SIZE, 0x5a));
	uvm_km_free(kernel_map, va, 4 * PAGE_SIZE);
	KT_CHECK(unmapped(va, 4 * PAGE_SIZE));
	uvm_km_free(kernel_map, vb, 2 * PAGE_SIZE);
	va = uvm_km_zalloc(kernel_map, 8 * PAGE_SIZE);
	KT_REQUIRE(va != 0);
	KT_CHECK(all_bytes(va, 8 * PAGE_SIZE, 0));
	uvm_km_free(kernel_map, va, 8 * PAGE_SIZE);
	va = (uvm_km_zalloc)(kernel_map, PAGE_SIZE);
	KT_REQUIRE(va != 0);
	uvm_km_free(kernel_map, va, PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
}

/* T-uvm_km_kmemalloc-1, -2 and the VALLOC half of -3 */
KTEST(km_kmemalloc)
{
	struct uvmexp s;
	vaddr_t va;

	warm(kernel_map);
	KT_SNAP(&s);
	va = uvm_km_kmemalloc(kernel_map, NULL, 3 * PAGE_SIZE, 0);
	KT_REQUIRE(va != 0);
	memset((void *)va, 1, 3 * PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, free), -3);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, faults), 0);
	uvm_km_free(kernel_map, va, 3 * PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_CHECK(unmapped(va, 3 * PAGE_SIZE));

	va = uvm_km_kmemalloc(kernel_map, kernel_object, 3 * PAGE_SIZE, 0);
	KT_REQUIRE(va != 0);
	memset((void *)va, 2, 3 * PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, anonpages), 3);
	uvm_km_free(kernel_map, va, 3 * PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, free), 0);

	va = uvm_km_kmemalloc(kernel_map, NULL, 3 * PAGE_SIZE, UVM_KMF_VALLOC);
	KT_REQUIRE(va != 0);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_CHECK(unmapped(va, 3 * PAGE_SIZE));
	uvm_km_free(kernel_map, va, 3 * PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
}

static volatile int lock_state; /* [a] */

static void
hold_map(void *arg)
{
	vm_map_lock(arg);
	atomic_store_rel(&lock_state, 1);
	while (atomic_load_acq(&lock_state) != 2)
		kt_sleep_ms(1);
	vm_map_unlock(arg);
}

/* T-uvm_km_kmemalloc-3 */
KTEST(km_kmemalloc_fails)
{
	struct kt_thread *t;

	warm(kernel_map);
	KT_CHECK(kt_balloon(uvmexp.reserve_pagedaemon));
	KT_EQ(uvm_km_kmemalloc(kernel_map, NULL, 3 * PAGE_SIZE, UVM_KMF_NOWAIT),
	    0);
	KT_EQ(uvm_km_kmemalloc(
		  kernel_map, kernel_object, 3 * PAGE_SIZE, UVM_KMF_NOWAIT),
	    0);
	KT_EQ(uvm_free_count(), uvmexp.reserve_pagedaemon);
	kt_balloon_release();

	atomic_store(&lock_state, 0);
	t = kt_spawn(hold_map, kernel_map, 0);
	while (atomic_load_acq(&lock_state) != 1)
		kt_sleep_ms(1);
	KT_EQ(uvm_km_kmemalloc(kernel_map, NULL, PAGE_SIZE,
		  UVM_KMF_TRYLOCK | UVM_KMF_NOWAIT),
	    0);
	atomic_store_rel(&lock_state, 2);
	kt_join(t);
}

/* T-uvm_km_valloc-1, -2 */
KTEST(km_valloc)
{
	struct uvmexp s;
	vaddr_t va, vb;
	uint8_t *p;

	warm(kernel_map);
	KT_SNAP(&s);
	va = uvm_km_valloc(kernel_map, 8 * PAGE_SIZE);
	KT_REQUIRE(va != 0);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_CHECK(unmapped(va, 8 * PAGE_SIZE));
	p = (uint8_t *)va + 3 * PAGE_SIZE;
	KT_EQ(*(volatile uint8_t *)p, 0);
	KT_EQ(KT_DELTA(&s, free), -1);
	KT_EQ(KT_DELTA(&s, faults), 1);
	KT_EQ(KT_DELTA(&s, flt_obj), 1);
	KT_EQ(KT_DELTA(&s, anonpages), 1);
	memset(p, 0xee, PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, faults), 1);
	uvm_km_free(kernel_map, va, 8 * PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, free), 0);
	vb = uvm_km_valloc(kernel_map, 8 * PAGE_SIZE);
	KT_REQUIRE(vb != 0);
	KT_EQ(va, vb);
	KT_CHECK(all_bytes(vb, 8 * PAGE_SIZE, 0));
	KT_EQ(KT_DELTA(&s, free), -8);
	uvm_km_free(kernel_map, vb, 8 * PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(KT_DELTA(&s, active), 0);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
}

static volatile bool alloc1_go; /* [a] */
static volatile vaddr_t alloc1_va; /* [a] */

static void
alloc1_waits(void *arg)
{
	while (!atomic_load_acq(&alloc1_go))
		kt_sleep_ms(1);
	atomic_store_rel(
	    &alloc1_va, uvm_km_alloc1(kernel_map, 4 * PAGE_SIZE, 0, TRUE));
}

/* T-uvm_km_alloc1-3 */
KTEST(km_alloc1_waits)
{
	struct kt_thread *t;
	vm_map_t sub;
	vaddr_t min, max;

	warm(kernel_map);
	atomic_store(&alloc1_va, 0);
	atomic_store(&alloc1_go, false);
	t = kt_spawn(alloc1_waits, NULL, 0); /* its stack comes first */
	KT_CHECK(kt_balloon(uvmexp.reserve_pagedaemon));
	atomic_store_rel(&alloc1_go, true);
	kt_sleep_ms(20);
	KT_EQ(atomic_load(&alloc1_va), 0);
	kt_balloon_release();
	kt_join(t);
	KT_CHECK(atomic_load(&alloc1_va) != 0);
	if (alloc1_va != 0)
		uvm_km_free(kernel_map, alloc1_va, 4 * PAGE_SIZE);
	sub = uvm_km_suballoc(kernel_map, &min, &max, 4 * PAGE_SIZE,
	    VM_MAP_PAGEABLE, FALSE, NULL);
	KT_EQ(uvm_km_alloc(sub, 5 * PAGE_SIZE), 0);
	uvm_km_free(kernel_map, min, max - min);
}

/* -- Submaps --------------------------------------------------------------------------- */

static void
suballoc_occupied(void *arg)
{
	vaddr_t min = *(vaddr_t *)arg, max;

	(void)uvm_km_suballoc(
	    kernel_map, &min, &max, 4 * PAGE_SIZE, VM_MAP_PAGEABLE, TRUE, NULL);
}

/* => ends a submap that is empty */
static void
submap_end(vm_map_t sub, vaddr_t min, vaddr_t max)
{
	KT_EQ(sub->nentries, 0);
	uvm_km_free(kernel_map, min, max - min);
}

/* T-uvm_km_suballoc-1, -2 */
KTEST(km_suballoc)
{
	static struct vm_map store;
	struct vm_map_entry *e;
	vaddr_t min, max, at;
	struct uvmexp s;
	vm_map_t sub;

	KT_SNAP(&s);
	sub = uvm_km_suballoc(kernel_map, &min, &max, 64 * PAGE_SIZE,
	    VM_MAP_PAGEABLE, FALSE, &store);
	KT_CHECK(sub == &store);
	KT_EQ(KT_DELTA(&s, kmapent), 1);
	KT_EQ(max - min, 64 * PAGE_SIZE);
	KT_EQ(vm_map_min(sub), min);
	KT_EQ(vm_map_max(sub), max);
	vm_map_lock_read(kernel_map);
	KT_CHECK(uvm_map_lookup_entry(kernel_map, min, &e) &&
	    UVM_ET_ISSUBMAP(e) && e->object.sub_map == sub);
	vm_map_unlock_read(kernel_map);
	KT_PANICS(suballoc_occupied, &min, "no room");
	submap_end(sub, min, max);
	at = min;
	sub = uvm_km_suballoc(kernel_map, &at, &max, 4 * PAGE_SIZE,
	    VM_MAP_PAGEABLE, TRUE, &store);
	KT_EQ(at, min);
	submap_end(sub, at, max);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
}

/* T-uvm_km_suballoc-3 */
KTEST(km_suballoc_direction)
{
	static struct vm_map store;
	vaddr_t min, max, a, b;
	vm_map_t sub;

	for (int topdown = 0; topdown < 2; topdown++) {
		sub = uvm_km_suballoc(kernel_map, &min, &max, 16 * PAGE_SIZE,
		    VM_MAP_PAGEABLE | (topdown ? VM_MAP_TOPDOWN : 0), FALSE,
		    &store);
		a = uvm_km_valloc(sub, PAGE_SIZE);
		b = uvm_km_valloc(sub, PAGE_SIZE);
		KT_EQ(a, topdown ? max - PAGE_SIZE : min);
		KT_EQ(b, topdown ? a - PAGE_SIZE : a + PAGE_SIZE);
		uvm_km_free(sub, a, PAGE_SIZE);
		uvm_km_free(sub, b, PAGE_SIZE);
		submap_end(sub, min, max);
	}
}

static struct {
	vm_map_t map; /* [I] while the timeout runs */
	volatile vaddr_t va; /* [a] */
	struct timeout to;
} intr;

static void
intr_alloc(void *arg)
{
	vaddr_t va =
	    uvm_km_kmemalloc(intr.map, NULL, 2 * PAGE_SIZE, UVM_KMF_NOWAIT);

	if (va != 0)
		memset((void *)va, 0x77, 2 * PAGE_SIZE);
	atomic_store_rel(&intr.va, va);
}

static void
intr_free(void *arg)
{
	uvm_km_free(intr.map, intr.va, 2 * PAGE_SIZE);
	atomic_store_rel(&intr.va, 1);
}

/* => intr.va is no longer `old'; FALSE: it did not change */
static bool
intr_wait(vaddr_t old)
{
	for (int i = 0; i < 200; i++) {
		if (atomic_load_acq(&intr.va) != old)
			return true;
		kt_sleep_ms(5);
	}
	return false;
}

/* T-uvm_km_suballoc-4 */
KTEST(km_intrsafe)
{
	static struct vm_map store;
	vaddr_t min, max, va;
	struct uvmexp s;

	warm(kernel_map);
	intr.map = uvm_km_suballoc(kernel_map, &min, &max, 32 * PAGE_SIZE,
	    VM_MAP_INTRSAFE, FALSE, &store);
	va = uvm_km_kmemalloc(intr.map, NULL, PAGE_SIZE, 0);
	KT_REQUIRE(va != 0);
	uvm_km_free(intr.map, va, PAGE_SIZE);
	KT_SNAP(&s);
	intr.va = 0;
	timeout_set(&intr.to, intr_alloc, NULL);
	timeout_add_nsec(&intr.to, 1000000);
	KT_CHECK(intr_wait(0));
	va = intr.va;
	KT_CHECK(va >= min && va < max);
	if (va != 0) {
		KT_CHECK(all_bytes(va, 2 * PAGE_SIZE, 0x77));
		KT_EQ(KT_DELTA(&s, free), -2);
		timeout_set(&intr.to, intr_free, NULL);
		timeout_add_nsec(&intr.to, 1000000);
		KT_CHECK(intr_wait(va));
		KT_EQ(KT_DELTA(&s, free), 0);
		KT_CHECK(unmapped(va, 2 * PAGE_SIZE));
	}
	KT_EQ(uvm_fault(intr.map, min, VM_FAULT_INVALID, PROT_READ), EFAULT);
	va = uvm_km_alloc1(intr.map, 3 * PAGE_SIZE, 0, TRUE);
	KT_REQUIRE(va != 0);
	KT_CHECK(all_bytes(va, 3 * PAGE_SIZE, 0));
	uvm_km_free(intr.map, va, 3 * PAGE_SIZE);
	submap_end(intr.map, min, max);
}

/* -- Waiting for addresses ----------------------------------------------------------------- */

static struct vm_map wait_store;
static volatile int waiters_done; /* [a] */

static void
valloc_waiter(void *arg)
{
	vm_map_t map = &wait_store;
	vaddr_t va = uvm_km_valloc_wait(map, PAGE_SIZE);

	KT_CHECK(va != 0);
	atomic_add(&waiters_done, 1);
	while (atomic_load_acq(&waiters_done) < 2)
		kt_sleep_ms(1);
	if (va != 0)
		uvm_km_free(map, va, PAGE_SIZE);
}

/* T-uvm_km_valloc_wait-1, -2, T-uvm_km_free_wakeup-1, -2 */
KTEST(km_valloc_wait)
{
	struct kt_thread *t[2];
	vaddr_t min, max, va, vb;
	vm_map_t sub;

	sub = uvm_km_suballoc(kernel_map, &min, &max, 4 * PAGE_SIZE,
	    VM_MAP_PAGEABLE, FALSE, &wait_store);
	KT_EQ(uvm_km_valloc_wait(sub, 5 * PAGE_SIZE), 0);
	va = uvm_km_valloc(sub, 2 * PAGE_SIZE);
	vb = uvm_km_valloc(sub, 2 * PAGE_SIZE);
	KT_REQUIRE(va != 0 && vb != 0);
	KT_EQ(uvm_km_valloc(sub, PAGE_SIZE), 0);
	waiters_done = 0;
	t[0] = kt_spawn(valloc_waiter, NULL, 0);
	t[1] = kt_spawn(valloc_waiter, NULL, 0);
	for (int i = 0; i < 200 && (sub->flags & VM_MAP_WANTVA) == 0; i++)
		kt_sleep_ms(1);
	kt_sleep_ms(20);
	uvm_km_free(sub, va, 2 * PAGE_SIZE);
	kt_sleep_ms(20);
	KT_EQ(atomic_load(&waiters_done), 0);
	uvm_km_free_wakeup(sub, vb, 2 * PAGE_SIZE);
	kt_join(t[0]);
	kt_join(t[1]);
	KT_EQ(atomic_load(&waiters_done), 2);
	submap_end(sub, min, max);
}

/* -- U-areas ----------------------------------------------------------------------------------- */

/* T-uvm_uarea_alloc-1, -2, T-uvm_uarea_free-1 */
KTEST(km_uarea)
{
	struct proc *p = kmem_zalloc(sizeof(*p), PR_WAITOK);
	struct uvmexp s;
	vaddr_t a, b;

	warm(kernel_map);
	KT_SNAP(&s);
	a = uvm_uarea_alloc();
	b = uvm_uarea_alloc();
	KT_REQUIRE(a != 0 && b != 0);
	KT_EQ(KT_DELTA(&s, free), -2 * USPACE_PAGES);
	KT_EQ(KT_DELTA(&s, wired), 2 * USPACE_PAGES);
	KT_EQ((a | b) & PAGE_MASK, 0);
	KT_CHECK(a + USPACE <= b || b + USPACE <= a);
	KT_CHECK(all_bytes(a, USPACE, 0) && all_bytes(b, USPACE, 0));
	memset((void *)a, 0xff, USPACE);
	KT_CHECK(all_bytes(b, USPACE, 0));
	/* the page below is a guard: no access brings it */
	KT_EQ(
	    uvm_fault(kernel_map, a - PAGE_SIZE, VM_FAULT_INVALID, PROT_WRITE),
	    EACCES);
	p->p_flag = P_INMEM;
	p->p_addr = (struct user *)a;
	uvm_uarea_free(p);
	KT_CHECK(p->p_addr == NULL);
	p->p_addr = (struct user *)b;
	uvm_uarea_free(p);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
	KT_CHECK(unmapped(a, USPACE));
	kmem_free(p, sizeof(*p));
}

static void
free_own_uarea(void *arg)
{
	uvm_uarea_free(curproc);
}

KTEST(km_uarea_own)
{
	KT_PANICS(free_own_uarea, NULL, "in use");
}

static struct proc *volatile sleeper; /* [a] */
static volatile int sleeper_go; /* [a] */

static void
sleep_with_stack(void *arg)
{
	volatile uint64_t mark[32];

	for (int i = 0; i < 32; i++)
		mark[i] = (uint64_t)i * 0x9e3779b97f4a7c15;
	atomic_store_rel(&sleeper, curproc);
	while (atomic_load_acq(&sleeper_go) == 0)
		tsleep(&sleeper_go, PWAIT, "ktswap", INFSLP);
	for (int i = 0; i < 32; i++)
		KT_CHECK(mark[i] == (uint64_t)i * 0x9e3779b97f4a7c15);
}

/* T-uvm_swapin-1: its u-area unwired and wired again */
KTEST(km_swapin)
{
	struct kt_thread *t;
	struct uvmexp s;
	struct proc *p;

	sleeper = NULL;
	sleeper_go = 0;
	t = kt_spawn(sleep_with_stack, NULL, 0);
	while ((p = atomic_load_acq(&sleeper)) == NULL ||
	    atomic_load(&p->p_stat) != SSLEEP || atomic_load_acq(&p->p_oncpu))
		kt_sleep_ms(1);
	KT_SNAP(&s);
	uvm_swapout(p);
	KT_EQ(KT_DELTA(&s, swapouts), 1);
	KT_EQ(KT_DELTA(&s, wired), -USPACE_PAGES);
	KT_EQ(p->p_flag & P_INMEM, 0);
	uvm_swapin(p);
	KT_EQ(KT_DELTA(&s, swapins), 1);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(p->p_swtime, 0);
	KT_EQ(p->p_flag & P_INMEM, P_INMEM);
	atomic_store_rel(&sleeper_go, 1);
	wakeup((const void *)&sleeper_go);
	kt_join(t);
}
