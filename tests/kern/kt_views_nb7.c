/* NetBSD 7's view of kernel memory (UVM-API.md 4.4). */
#include <sys/ktest.h>
#include <uvm/netbsd_km.h>
#include <uvm/uvm_pdaemon.h>
#include "kt_views.h"

bool
views_steps_nb7(void)
{
	vaddr_t va = uvm_km_alloc(
		    kernel_map, VIEW_PAGES * PAGE_SIZE, 0, UVM_KMF_PAGEABLE),
		at;
	bool ok = va != 0 && views_touch(va);

	uvm_km_free(kernel_map, va, VIEW_PAGES * PAGE_SIZE, UVM_KMF_PAGEABLE);
	at = vm_map_min(kernel_map);
	ok = ok &&
	    uvm_map(kernel_map, &at, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		UVM_MAPFLAG(PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		    MAP_INHERIT_NONE, MADV_RANDOM, 0)) == 0;
	ok = ok &&
	    uvm_map_protect(kernel_map, at, at + PAGE_SIZE, PROT_MASK, FALSE) ==
		EACCES;
	uvm_unmap(kernel_map, at, at + PAGE_SIZE);
	return ok;
}

/* T-uvm_km_alloc-2, -3, -4, T-uvm_km_free-2 */
KTEST(view_nb7_types)
{
	struct uvmexp s;
	vaddr_t va;

	va = uvm_km_alloc(kernel_map, 64 * PAGE_SIZE, 0, UVM_KMF_WIRED);
	KT_REQUIRE(va != 0);
	uvm_km_free(kernel_map, va, 64 * PAGE_SIZE, UVM_KMF_WIRED);
	kt_settle();

	KT_SNAP(&s);
	va = uvm_km_alloc(
	    kernel_map, 4 * PAGE_SIZE, 0, UVM_KMF_WIRED | UVM_KMF_ZERO);
	KT_REQUIRE(va != 0);
	for (size_t i = 0; i < 4 * PAGE_SIZE; i++)
		KT_REQUIRE(((char *)va)[i] == 0);
	KT_EQ(KT_DELTA(&s, free), -4);
	KT_EQ(KT_DELTA2(&s, pga_zerohit, pga_zeromiss), 4);
	KT_EQ(KT_DELTA(&s, faults), 0);
	KT_RANGE(KT_DELTA(&s, kmapent), 0, 1);
	uvm_km_free(kernel_map, va, 4 * PAGE_SIZE, UVM_KMF_WIRED);
	KT_EQ(KT_DELTA(&s, free), 0);

	va = uvm_km_alloc(kernel_map, 4 * PAGE_SIZE, 0, UVM_KMF_PAGEABLE);
	KT_REQUIRE(va != 0);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_CHECK(views_touch(va));
	KT_EQ(KT_DELTA(&s, free), -VIEW_TOUCHED);
	uvm_km_free(kernel_map, va, 4 * PAGE_SIZE, UVM_KMF_PAGEABLE);
	KT_EQ(KT_DELTA(&s, free), 0);

	va = uvm_km_alloc(kernel_map, 4 * PAGE_SIZE, 2UL << 20, UVM_KMF_VAONLY);
	KT_REQUIRE(va != 0);
	KT_EQ(va & ((2UL << 20) - 1), 0);
	for (int i = 0; i < 4; i++)
		KT_CHECK(!pmap_extract(pmap_kernel(), va + ptoa(i), NULL));
	KT_EQ(KT_DELTA(&s, free), 0);
	uvm_km_free(kernel_map, va, 4 * PAGE_SIZE, UVM_KMF_VAONLY);
	va = uvm_km_alloc(kernel_map, PAGE_SIZE, 3 * PAGE_SIZE, UVM_KMF_VAONLY);
	KT_REQUIRE(va != 0);
	KT_EQ(va % (3 * PAGE_SIZE), 0);
	uvm_km_free(kernel_map, va, PAGE_SIZE, UVM_KMF_VAONLY);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
}

/* -- Misuse ---------------------------------------------------------------------- */

static void
alloc_flags(void *arg)
{
	(void)uvm_km_alloc(kernel_map, PAGE_SIZE, 0, (int)(uintptr_t)arg);
}

static void
alloc_align(void *arg)
{
	(void)uvm_km_alloc(kernel_map, PAGE_SIZE, 100, UVM_KMF_VAONLY);
}

KTEST(view_nb7_misuse)
{
	KT_PANICS(alloc_flags, NULL, "type");
	KT_PANICS(alloc_flags,
	    (void *)(uintptr_t)(UVM_KMF_WIRED | UVM_KMF_VAONLY), "type");
	KT_PANICS(alloc_flags,
	    (void *)(uintptr_t)(UVM_KMF_PAGEABLE | UVM_KMF_ZERO), "zero");
	KT_PANICS(alloc_align, NULL, "alignment");
}

/* -- Shortage of addresses ----------------------------------------------------------- */

static struct vm_map small_map; /* set up by the test */
static volatile vaddr_t got; /* [a] */

static void
wait_for_va(void *arg)
{
	vaddr_t va = uvm_km_alloc(
	    &small_map, 2 * PAGE_SIZE, 0, UVM_KMF_VAONLY | UVM_KMF_WAITVA);

	atomic_store_rel(&got, va);
}

/* T-uvm_km_alloc-3 and the first two rows of the table of 4.4 */
KTEST(view_nb7_no_addresses)
{
	const int va_only = UVM_KMF_VAONLY;
	struct kt_thread *t;
	vaddr_t min, max, va;

	uvm_km_suballoc(kernel_map, &min, &max, 8 * PAGE_SIZE, VM_MAP_PAGEABLE,
	    false, &small_map);
	va = uvm_km_alloc(&small_map, 8 * PAGE_SIZE, 0, va_only);
	KT_REQUIRE(va != 0);
	KT_EQ(uvm_km_alloc(&small_map, PAGE_SIZE, 0, va_only), 0);
	KT_EQ(uvm_km_alloc(&small_map, PAGE_SIZE, 0, va_only | UVM_KMF_CANFAIL),
	    0);
	KT_EQ(uvm_km_alloc(&small_map, PAGE_SIZE, 0,
		  va_only | UVM_KMF_WAITVA | UVM_KMF_NOWAIT),
	    0);
	KT_EQ(uvm_km_alloc(&small_map, 9 * PAGE_SIZE, 0,
		  va_only | UVM_KMF_WAITVA | UVM_KMF_CANFAIL),
	    0);
	got = 0;
	t = kt_spawn(wait_for_va, NULL, 0);
	for (int i = 0; i < 200 && (small_map.flags & VM_MAP_WANTVA) == 0; i++)
		kt_sleep_ms(1);
	KT_EQ(atomic_load(&got), 0);
	uvm_km_free(&small_map, va, 8 * PAGE_SIZE, va_only);
	kt_join(t);
	KT_CHECK(got != 0);
	uvm_km_free(&small_map, got, 2 * PAGE_SIZE, va_only);
	KT_EQ(small_map.nentries, 0);
	vm_map_lock(&small_map);
	/* the table's last row: the lock is taken, by us */
	KT_EQ(uvm_km_alloc(&small_map, PAGE_SIZE, 0, va_only | UVM_KMF_TRYLOCK),
	    0);
	vm_map_unlock(&small_map);
	uvm_unmap(kernel_map, min, max);
}

/* -- Shortage of pages ------------------------------------------------------------------ */

static volatile int go; /* [a] */

static void
wait_for_pages(void *arg)
{
	vaddr_t va;

	while (atomic_load_acq(&go) == 0)
		kt_sleep_ms(1);
	va = uvm_km_alloc(kernel_map, 4 * PAGE_SIZE, 0, UVM_KMF_WIRED);
	atomic_store_rel(&got, va);
}

/* The third row: at once, when nothing can be freed, or when there is some */
KTEST(view_nb7_no_pages)
{
	struct kt_thread *t;
	vaddr_t va;

	va = uvm_km_alloc(kernel_map, 64 * PAGE_SIZE, 0, UVM_KMF_WIRED);
	KT_REQUIRE(va != 0);
	uvm_km_free(kernel_map, va, 64 * PAGE_SIZE, UVM_KMF_WIRED);
	got = 0;
	go = 0;
	t = kt_spawn(wait_for_pages, NULL, 0);
	KT_CHECK(kt_balloon(uvmexp.reserve_pagedaemon));
	KT_EQ(uvm_km_alloc(
		  kernel_map, 8 * PAGE_SIZE, 0, UVM_KMF_WIRED | UVM_KMF_NOWAIT),
	    0);
	if (!uvm_reclaimable())
		KT_EQ(uvm_km_alloc(kernel_map, 8 * PAGE_SIZE, 0,
			  UVM_KMF_WIRED | UVM_KMF_CANFAIL),
		    0);
	atomic_store_rel(&go, 1);
	kt_sleep_ms(20);
	KT_EQ(atomic_load(&got), 0);
	kt_balloon_release();
	kt_join(t);
	KT_CHECK(got != 0);
	uvm_km_free(kernel_map, got, 4 * PAGE_SIZE, UVM_KMF_WIRED);
}
