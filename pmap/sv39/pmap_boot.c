/*
 * The kernel's tables at boot: image, direct map, room for devices.
 *
 * Tables come from a static stock until the direct map covers some free
 * memory, then from the segments given to uvm_page_physload().
 */
#include <pmap/sv39/pmap_i.h>
#include <uvm/uvm.h>

#define BOOT_TABLES 24

static pt_entry_t
    boot_tables[BOOT_TABLES][SV39_ENTRIES] __aligned(1UL << PAGE_SHIFT);
/* In data, not in read-only data, for that is not in the direct map. */
static char zero_page[PAGE_SIZE] __aligned(1UL << PAGE_SHIFT);
static unsigned boot_tables_used; /* [boot hart] */
static paddr_t kern_pa; /* [set once] where the image begins */
static vaddr_t dev_next = KDEV_BASE; /* [kernel pmap's pm_mtx] */

static paddr_t
image_pa(const void *va)
{
	return (vaddr_t)va - (vaddr_t)__kernel_start + kern_pa;
}

/*
 * During bootstrap a table of the stock is reached through the image, for the
 * direct map is not there yet.
 */
static pt_entry_t *
boot_table_va(pt_entry_t pte)
{
	paddr_t pa = pte_pa(pte), first = image_pa(boot_tables);

	if (pa - first < sizeof(boot_tables))
		return boot_tables[(pa - first) >> PAGE_SHIFT];
	return pte_to_table(pte);
}

static pt_entry_t *
boot_table_below(pt_entry_t *ptep)
{
	if (*ptep == 0)
		*ptep = pte_table(boot_tables_used < BOOT_TABLES
			? image_pa(boot_tables[boot_tables_used++])
			: DMAP_TO_PHYS(
			      pmap_steal_memory(PAGE_SIZE, NULL, NULL)));
	return boot_table_va(*ptep);
}

/* The largest leaf level that fits at va and pa with `size' bytes to go. */
static int
leaf_level(vaddr_t va, paddr_t pa, psize_t size)
{
	for (int level = 2; level > 0; level--) {
		psize_t leaf = 1UL << (SV39_L0_SHIFT + 9 * level);

		if (((va | pa) & (leaf - 1)) == 0 && size >= leaf)
			return level;
	}
	return 0;
}

static void
boot_map(vaddr_t va, paddr_t pa, psize_t size, vm_prot_t prot)
{
	pt_entry_t *table, *ptep;
	int level, leaf;
	psize_t len;

	for (; size > 0; va += len, pa += len, size -= len) {
		leaf = leaf_level(va, pa, size);
		len = 1UL << (SV39_L0_SHIFT + 9 * leaf);
		table = kernel_pmap_store.pm_root;
		for (level = 2;; level--) {
			ptep = &table[sv39_index(va, level)];
			if (level == leaf)
				break;
			table = boot_table_below(ptep);
		}
		KASSERTMSG(*ptep == 0, "boot_map: %#lx is mapped", va);
		*ptep = pte_make_kernel(pa, prot) | PTE_UNMANAGED;
	}
}

static void
boot_map_image(void)
{
	const struct {
		const char *start, *end;
		vm_prot_t prot;
	} part[] = {
		{ __kernel_start, __text_end, PROT_READ | PROT_EXEC },
		{ __rodata_start, __rodata_end, PROT_READ },
		{ __data_start, __kernel_end, PROT_READ | PROT_WRITE },
	};

	for (size_t i = 0; i < nitems(part); i++)
		boot_map((vaddr_t)part[i].start, image_pa(part[i].start),
		    part[i].end - part[i].start, part[i].prot);
	/* data in the direct map too: static tables are reached there */
	boot_map(PHYS_TO_DMAP(image_pa(__data_start)), image_pa(__data_start),
	    __kernel_end - __data_start, PROT_READ | PROT_WRITE);
}

/*
 * Direct map of ranges from `i' on, while the stock has the tables that one
 * range may need: for each of its ends one of 2 MiB and one of 4 KiB leaves.
 * Once the direct map is in use tables can be stolen: no limit then.
 * => index of the first range that is left
 */
static size_t
boot_map_ram(const struct pmap_bootinfo *pb, size_t i, bool limited)
{
	for (; i < pb->pb_nram; i++) {
		const struct pmap_range *r = &pb->pb_ram[i];

		if (limited && boot_tables_used + 4 > BOOT_TABLES)
			break;
		if (r->end > KDMAP_SIZE)
			panic("memory above %#lx (range %#lx-%#lx) is beyond "
			      "the direct map",
			    KDMAP_SIZE, r->start, r->end);
		boot_map(PHYS_TO_DMAP(r->start), r->start, r->end - r->start,
		    PROT_READ | PROT_WRITE);
	}
	return i;
}

/* Root entries that user pmaps copy must all exist before the first one. */
static void
boot_reserve_roots(void)
{
	pt_entry_t *root = kernel_pmap_store.pm_root;

	for (vaddr_t va = KVA_BASE; va < KVA_BASE + KVA_SIZE;
	     va += 1UL << SV39_L2_SHIFT)
		boot_table_below(&root[sv39_index(va, 2)]);
	boot_table_below(&root[sv39_index(KDEV_BASE, 2)]);
}

void
pmap_bootstrap(const struct pmap_bootinfo *pb)
{
	struct pmap *pm = &kernel_pmap_store;
	size_t done;

	kern_pa = pb->pb_kern_pa;
	pmap_zero_pa = image_pa(zero_page);
	pmap_soft_ad = pb->pb_soft_ad;
	pmap_svpbmt = pb->pb_svpbmt;
	if (pb->pb_full_fence)
		pmap_hw_full_fences();

	mtx_init(&pm->pm_mtx, LR_PMAP, "kernel_pmap");
	TAILQ_INIT(&pm->pm_ptpages);
	pm->pm_root = boot_tables[boot_tables_used++];
	pm->pm_rootpa = image_pa(pm->pm_root);
	pm->pm_refs = 1;
	pm->pm_harts = ~0UL;
	boot_map_image();
	done = boot_map_ram(pb, 0, true);
	pmap_hw_load(pmap_kernel_satp());
	pmap_hw_fence_all();
	pm->pm_root = (pt_entry_t *)PHYS_TO_DMAP(pm->pm_rootpa);
	boot_map_ram(pb, done, false);
	boot_reserve_roots();
	asid_init(pb->pb_no_asid);
	pmap_cpu_init(curcpu());
}

/* Is the page at pa in the direct map by now? */
static bool
dmap_covers(paddr_t pa)
{
	int level;

	return pmap_walk(pmap_kernel(), PHYS_TO_DMAP(pa), &level) != NULL;
}

vaddr_t
pmap_steal_memory(vsize_t size, vaddr_t *startp, vaddr_t *endp)
{
	struct vm_physseg *seg;
	paddr_t pa;

	KASSERT(!uvm.page_init_done);
	size = round_page(size);
	for (seg = vm_physmem; seg < vm_physmem + vm_nphysseg; seg++) {
		if (seg->avail_end - seg->avail_start < size ||
		    !dmap_covers(seg->avail_start))
			continue;
		pa = seg->avail_start;
		seg->avail_start += size;
		memset((void *)PHYS_TO_DMAP(pa), 0, size);
		if (startp != NULL)
			*startp = VM_MIN_KERNEL_ADDRESS;
		if (endp != NULL)
			*endp = VM_MAX_KERNEL_ADDRESS;
		return PHYS_TO_DMAP(pa);
	}
	panic("pmap_steal_memory: no segment has %lu KiB left", size >> 10);
}

volatile void *
pmap_mapdev(paddr_t pa, psize_t size)
{
	struct pmap *pm = pmap_kernel();
	paddr_t first = trunc_page(pa), last = round_page(pa + size);
	vaddr_t va;

	mtx_enter(&pm->pm_mtx);
	va = dev_next;
	dev_next += last - first;
	if (dev_next > KDEV_BASE + KDEV_SIZE)
		panic(
		    "pmap_mapdev: no room for %lu KiB at %#lx", size >> 10, pa);
	for (paddr_t at = first; at < last; at += PAGE_SIZE)
		*pmap_leaf_alloc(pm, va + (at - first)) =
		    pte_make_kernel(at, PROT_READ | PROT_WRITE) |
		    PTE_UNMANAGED | (pmap_svpbmt ? PTE_PBMT_IO : 0);
	tlb_flush_pmap(pm);
	mtx_leave(&pm->pm_mtx);
	return (volatile void *)(va + (pa - first));
}

void
pmap_print_features(void)
{
	printf("pmap: Sv39, %d address-space numbers, %s reference/modify%s\n",
	    asid_count(), pmap_soft_ad ? "emulated" : "hardware or fault",
	    pmap_svpbmt ? ", memory types" : "");
}
