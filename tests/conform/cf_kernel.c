/* The kernel's own mappings. */
#include "conform.h"
#include <sys/timeout.h>

/* => kernel addresses with nothing mapped */
static vaddr_t
kva_alloc(vsize_t npages)
{
	vaddr_t va =
	    uvm_km_kmemalloc(kernel_map, NULL, ptoa(npages), UVM_KMF_VALLOC);

	KT_CHECK(va != 0);
	return va;
}

static void
kva_free(vaddr_t va, vsize_t npages)
{
	uvm_km_free(kernel_map, va, ptoa(npages));
}

KTEST(conform_virtual_space)
{
	vaddr_t start = 1, end = 0;

	pmap_virtual_space(&start, &end);
	KT_CHECK(start < end);
	KT_EQ(start & PAGE_MASK, 0);
	KT_EQ(end & PAGE_MASK, 0);
	KT_CHECK(start >= VM_MAXUSER_ADDRESS);
	/* nothing of the bootstrap lies there */
	KT_CHECK((vaddr_t)pmap_virtual_space < start ||
	    (vaddr_t)pmap_virtual_space >= end);
	KT_CHECK((vaddr_t)&uvmexp < start || (vaddr_t)&uvmexp >= end);
}

/* What pmap_steal_memory() took belongs to no free list and never will. */
KTEST(conform_stolen_memory_is_not_handed_out)
{
	const vaddr_t first = (vaddr_t)vm_physmem[0].pgs;
	const vaddr_t last = (vaddr_t)vm_physmem[0].lastpg;

	KT_REQUIRE(first != 0 && first < last);
	for (int i = 0; i < vm_nphysseg; i++) {
		const struct vm_physseg *seg = &vm_physmem[i];

		KT_CHECK(seg->start <= seg->avail_start &&
		    seg->avail_start <= seg->avail_end &&
		    seg->avail_end <= seg->end);
		KT_EQ(seg->avail_start & PAGE_MASK, 0);
		for (vaddr_t va = first; va < last; va += PAGE_SIZE) {
			paddr_t pa = DMAP_TO_PHYS(va);

			KT_CHECK(pa < seg->avail_start || pa >= seg->avail_end);
		}
	}
}

/* Below the end it returned, tables exist: entering allocates nothing. */
KTEST(conform_growkernel)
{
	const vaddr_t end = pmap_growkernel(VM_MIN_KERNEL_ADDRESS);
	struct vm_page *pg = conf_page();
	const vsize_t n = 1500;
	vaddr_t va = kva_alloc(n);
	long before;

	KT_CHECK(end >= VM_MIN_KERNEL_ADDRESS && (end & PAGE_MASK) == 0);
	KT_CHECK(pmap_growkernel(end) >= end);
	KT_EQ(pmap_growkernel(VM_MIN_KERNEL_ADDRESS), pmap_growkernel(end));
	KT_CHECK(pmap_growkernel(va + ptoa(n)) >= va + ptoa(n));
	kt_settle();
	before = uvm_free_count();
	for (vsize_t i = 0; i < n; i += 100)
		pmap_kenter_pa(va + ptoa(i), VM_PAGE_TO_PHYS(pg), PROT_READ);
	KT_EQ(uvm_free_count(), before);
	pmap_kremove(va, ptoa(n));
	kva_free(va, n);
	conf_free_page(pg);
}

KTEST(conform_kenter_is_unmanaged)
{
	struct vm_page *pg = conf_page();
	long pv = pmap_pv_count();
	vaddr_t va = kva_alloc(1);
	paddr_t pa;

	pmap_kenter_pa(va, VM_PAGE_TO_PHYS(pg), RW);
	pmap_update(pmap_kernel());
	KT_EQ(conf_store(pmap_kernel(), va, 0x1234), 0);
	KT_EQ(conf_get(pg, 0), 0x1234);
	KT_EQ(pmap_pv_count(), pv);
	KT_CHECK(!pmap_is_modified(pg) && !pmap_is_referenced(pg));
	pmap_page_protect(pg, PROT_READ);
	KT_EQ(conf_store(pmap_kernel(), va, 0x2345), 0);
	pmap_page_protect(pg, PROT_NONE);
	KT_EQ(conf_peek(pmap_kernel(), va), 0x2345);
	KT_CHECK(pmap_extract(pmap_kernel(), va + 0x18, &pa));
	KT_EQ(pa, VM_PAGE_TO_PHYS(pg) + 0x18);
	pmap_kremove(va, PAGE_SIZE);
	KT_CHECK(!pmap_extract(pmap_kernel(), va, NULL));
	KT_EQ(conf_peek(pmap_kernel(), va), ~0UL);
	KT_EQ(conf_store(pmap_kernel(), va, 1), EFAULT);
	kva_free(va, 1);
	conf_free_page(pg);
}

KTEST(conform_kenter_rights_and_replacing)
{
	struct vm_page *a = conf_page(), *b = conf_page();
	vaddr_t va = kva_alloc(1);
	struct pmap *k = pmap_kernel();

	conf_fill(a, 1);
	conf_fill(b, 2);
	for (int round = 0; round < 50; round++) {
		pmap_kenter_pa(va, VM_PAGE_TO_PHYS(a), PROT_READ);
		pmap_update(k);
		KT_EQ(conf_peek(k, va), 1);
		KT_EQ(conf_store(k, va, 9), EFAULT);
		pmap_kenter_pa(va, VM_PAGE_TO_PHYS(b), RW);
		pmap_update(k);
		KT_EQ(conf_peek(k, va), 2);
		KT_EQ(conf_store(k, va, 2), 0);
		pmap_kenter_pa(va, VM_PAGE_TO_PHYS(b), PROT_READ);
		pmap_update(k);
		KT_EQ(conf_store(k, va, 9), EFAULT);
	}
	pmap_kremove(va, PAGE_SIZE);
	kva_free(va, 1);
	KT_EQ(conf_get(a, 0), 1);
	conf_free_page(a);
	conf_free_page(b);
}

/* Ranges of many sizes, half of their pages mapped; nothing beside them goes. */
KTEST(conform_kremove_sizes)
{
	static const int size[] = { 1, 2, 3, 15, 16, 17, 18, 31, 64, 65, 511,
		512, 513, 1024, 1040 };
	const int n = 1100;
	struct vm_page *pg = conf_page();
	struct pmap *k = pmap_kernel();
	vaddr_t va = kva_alloc(n), at;

	conf_fill(pg, 3);
	for (size_t s = 0; s < nitems(size); s++) {
		int first = (int)(kt_random() % (n - size[s] + 1));

		for (int i = 0; i < n; i++)
			if (i % 2 == 0 || i == first)
				pmap_kenter_pa(va + ptoa(i),
				    VM_PAGE_TO_PHYS(pg), PROT_READ);
		pmap_update(k);
		KT_EQ(conf_peek(k, va + ptoa(first)), 3);
		pmap_kremove(va + ptoa(first), ptoa(size[s]));
		pmap_update(k);
		for (int i = 0; i < n; i++) {
			bool there =
			    i % 2 == 0 && (i < first || i >= first + size[s]);

			at = va + ptoa(i);
			KT_EQ(pmap_extract(k, at, NULL), there);
			KT_EQ(conf_peek(k, at), there ? 3 : ~0UL);
		}
	}
	pmap_kremove(va, ptoa(n));
	pmap_kremove(va, ptoa(n)); /* nothing there */
	kva_free(va, n);
	conf_free_page(pg);
}

/* pmap_kremove() takes what pmap_kenter_pa() made, and only that. */
KTEST(conform_kremove_spares_managed)
{
	struct vm_page *pg = conf_page();
	struct pmap *k = pmap_kernel();
	long resident = pmap_resident_count(k), pv = pmap_pv_count();
	vaddr_t va = kva_alloc(6);

	conf_fill(pg, 4);
	for (int i = 0; i < 6; i++)
		if (i & 1)
			KT_EQ(pmap_enter(
				  k, va + ptoa(i), VM_PAGE_TO_PHYS(pg), RW, 0),
			    0);
		else
			pmap_kenter_pa(
			    va + ptoa(i), VM_PAGE_TO_PHYS(pg), PROT_READ);
	KT_EQ(pmap_pv_count() - pv, 3);
	KT_EQ(pmap_resident_count(k) - resident, 3);
	pmap_kremove(va, ptoa(6));
	pmap_update(k);
	for (int i = 0; i < 6; i++)
		KT_EQ(conf_peek(k, va + ptoa(i)), i & 1 ? 4 : ~0UL);
	KT_EQ(pmap_resident_count(k) - resident, 3);
	pmap_remove(k, va, va + ptoa(6));
	KT_EQ(pmap_resident_count(k), resident);
	KT_EQ(pmap_pv_count(), pv);
	kva_free(va, 6);
	conf_free_page(pg);
}

KTEST(conform_kernel_managed_mappings)
{
	struct vm_page *pg = conf_page();
	struct pmap *k = pmap_kernel();
	long wired = pmap_wired_count(k);
	vaddr_t va = kva_alloc(2);

	/* what the kernel stores is never lost, known at once or not */
	KT_EQ(pmap_enter(k, va, VM_PAGE_TO_PHYS(pg), RW, PMAP_WIRED), 0);
	pmap_update(k);
	KT_EQ(pmap_wired_count(k), wired + 1);
	for (int i = 0; i < 4; i++) {
		KT_EQ(conf_store(k, va, 60 + i), 0);
		KT_CHECK(pmap_is_modified(pg) && pmap_is_referenced(pg));
		conf_clear(pg);
	}
	KT_EQ(conf_store(k, va, 70), 0);
	pmap_page_protect(pg, PROT_READ);
	KT_EQ(conf_store(k, va, 71), EFAULT);
	KT_EQ(conf_peek(k, va), 70);
	KT_CHECK(pmap_is_modified(pg));
	KT_EQ(pmap_enter(k, va + PAGE_SIZE, VM_PAGE_TO_PHYS(pg), PROT_READ, 0),
	    0);
	pmap_unwire(k, va);
	KT_EQ(pmap_wired_count(k), wired);
	pmap_page_protect(pg, PROT_NONE);
	KT_EQ(conf_peek(k, va), ~0UL);
	KT_EQ(conf_peek(k, va + PAGE_SIZE), ~0UL);
	KT_CHECK(pmap_is_modified(pg));
	/* and from the address's side */
	conf_clear(pg);
	KT_EQ(pmap_enter(k, va, VM_PAGE_TO_PHYS(pg), RW, 0), 0);
	KT_EQ(conf_store(k, va, 72), 0);
	pmap_protect(k, va, va + PAGE_SIZE, PROT_READ);
	KT_EQ(conf_store(k, va, 73), EFAULT);
	pmap_remove(k, va, va + PAGE_SIZE);
	KT_CHECK(pmap_is_modified(pg));
	KT_EQ(conf_get(pg, 0), 72);
	KT_EQ(conf_peek(k, va), ~0UL);
	kva_free(va, 2);
	conf_free_page(pg);
}

KTEST(conform_chgkprot)
{
	struct vm_page *pg[3];
	struct pmap *k = pmap_kernel();
	vaddr_t va = kva_alloc(4);

	for (int i = 0; i < 3; i++) {
		pg[i] = conf_page();
		pmap_kenter_pa(va + ptoa(i), VM_PAGE_TO_PHYS(pg[i]), RW);
	}
	KT_CHECK(pmap_chgkprot(va, va + ptoa(2), false));
	for (int i = 0; i < 3; i++)
		KT_EQ(conf_store(k, va + ptoa(i), 1), i < 2 ? EFAULT : 0);
	KT_CHECK(pmap_chgkprot(va, va + ptoa(3), true));
	for (int i = 0; i < 3; i++)
		KT_EQ(conf_store(k, va + ptoa(i), 2), 0);
	/* one is missing: nothing changes */
	KT_CHECK(!pmap_chgkprot(va, va + ptoa(4), false));
	for (int i = 0; i < 3; i++)
		KT_EQ(conf_store(k, va + ptoa(i), 3), 0);
	KT_CHECK(!pmap_chgkprot(va, va, false));
	pmap_kremove(va, ptoa(3));
	kva_free(va, 4);
	for (int i = 0; i < 3; i++)
		conf_free_page(pg[i]);
}

/* -- Interrupts ------------------------------------------------------------------------- */

static struct {
	vaddr_t va;
	struct vm_page *pg;
	volatile uint32_t runs; /* [a] */
	volatile uint32_t wrong; /* [a] */
} fromintr;

/* In an interrupt, or in a thread with interrupts on: the same. */
static void
kenter_round(vaddr_t va, struct vm_page *pg)
{
	uint64_t v = 0;

	pmap_kenter_pa(va, VM_PAGE_TO_PHYS(pg), PROT_READ);
	if (conf_access(pmap_kernel(), va, PROT_READ, &v, NULL) != 0 || v != 8)
		atomic_add(&fromintr.wrong, 1);
	pmap_kremove(va, PAGE_SIZE);
	if (conf_access(pmap_kernel(), va, PROT_READ, &v, NULL) != EFAULT)
		atomic_add(&fromintr.wrong, 1);
}

static void
kenter_handler(void *arg)
{
	kenter_round(fromintr.va, fromintr.pg);
	pmap_zero_page(fromintr.pg);
	conf_fill(fromintr.pg, 8);
	atomic_add(&fromintr.runs, 1);
}

KTEST(conform_kenter_from_interrupts)
{
	static struct timeout to;
	struct vm_page *pg = conf_page();
	vaddr_t va = kva_alloc(1);

	memset(&fromintr, 0, sizeof(fromintr));
	fromintr.va = kva_alloc(1);
	fromintr.pg = conf_page();
	conf_fill(fromintr.pg, 8);
	conf_fill(pg, 8);
	timeout_set(&to, kenter_handler, NULL);
	for (uint32_t i = 0; i < 30; i++) {
		timeout_add_nsec(&to, 200000);
		while (atomic_load(&fromintr.runs) == i) {
			kenter_round(va, pg);
			yield();
		}
	}
	timeout_del_barrier(&to);
	KT_EQ(fromintr.wrong, 0);
	kva_free(fromintr.va, 1);
	kva_free(va, 1);
	conf_free_page(fromintr.pg);
	conf_free_page(pg);
}

/* Pages that are mapped here and there, by programs and by the kernel. */
KTEST(conform_pages_remove_mixed)
{
	struct conf f;
	struct pmap *other = pmap_create();
	vaddr_t va = kva_alloc(2);

	conf_setup(&f);
	for (int i = 0; i < CONF_NPG; i++)
		CONF_ENTER(&f, i, i, RW, PROT_READ);
	for (int i = 0; i < 2; i++) {
		KT_EQ(pmap_enter(other, AT(i), VM_PAGE_TO_PHYS(f.pg[i]),
			  PROT_READ, PMAP_CANFAIL),
		    0);
		KT_EQ(pmap_enter(pmap_kernel(), va + ptoa(i),
			  VM_PAGE_TO_PHYS(f.pg[i + 1]), RW, PMAP_CANFAIL),
		    0);
	}
	KT_EQ(conf_store(f.pm, AT(3), 33), 0);
	KT_EQ(conf_peek(pmap_kernel(), va), 0);
	pmap_pages_remove(f.pg, CONF_NPG - 1);
	for (int i = 0; i < CONF_NPG; i++)
		KT_EQ(conf_peek(f.pm, AT(i)), i < CONF_NPG - 1 ? ~0UL : 0);
	for (int i = 0; i < 2; i++) {
		KT_EQ(conf_peek(other, AT(i)), ~0UL);
		KT_CHECK(!pmap_extract(pmap_kernel(), va + ptoa(i), NULL));
	}
	KT_EQ(pmap_resident_count(f.pm), 1);
	KT_EQ(pmap_resident_count(other), 0);
	KT_CHECK(pmap_is_modified(f.pg[3]));
	KT_EQ(conf_get(f.pg[3], 0), 33);
	conf_destroy(other);
	kva_free(va, 2);
	conf_teardown(&f);
}
