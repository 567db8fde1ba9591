/*
 * What arch/riscv and pmap_boot.c do for the pmap before uvm_init(), on the
 * simulated machine: the MMU, the kernel's tables, memory before there are
 * pages.
 */
#include <tests/sim/host/machine.h>
#include <pmap/pmap.h>
#include <uvm/uvm.h>

#include <pmap/sv39/pmap_boot.h>
#include <pmap/sv39/pmap_hw.h>

#ifdef PMAP_REF
void
sim_access_init(void)
{
	pmap_ref_emulate = sim_config.ad != SIM_AD_HARD;
	pmap_ref_bootstrap(sim_zero_page(), sim_kva_forget);
}

/* It has no harts that keep anything. */
void
sim_paging_on(struct cpu_info *ci)
{
	ci->ci_curpmap = pmap_kernel();
}

void
pmap_ipi(void)
{
}

void
pmap_fencei_all(void)
{
}

void
pmap_hw_fencei(void)
{
}
#else
#include <pmap/sv39/pmap_i.h>

vaddr_t
pmap_steal_memory(vsize_t size, vaddr_t *startp, vaddr_t *endp)
{
	struct vm_physseg *seg = vm_physmem;
	paddr_t pa = seg->avail_start;

	KASSERT(!uvm.page_init_done);
	size = round_page(size);
	if (seg->avail_end - pa < size)
		panic("pmap_steal_memory: %lu KiB", size >> 10);
	seg->avail_start += size;
	if (startp != NULL)
		*startp = VM_MIN_KERNEL_ADDRESS;
	if (endp != NULL)
		*endp = VM_MAX_KERNEL_ADDRESS;
	memset(sim_ram(pa), 0, size);
	return PHYS_TO_DMAP(pa);
}

/* -- The MMU ------------------------------------------------------------------------ */

static void *
ram_or_null(paddr_t pa)
{
	return sim_is_ram(pa) ? sim_ram(pa) : NULL;
}

static unsigned
this_hart(void)
{
	return sim_cur;
}

/* During a remote fence: others go on, this hart waits. */
static void
point(void)
{
	sim_spin();
}

/* The model knows the low 39 bits of an address. */
static void
kernel_fenced(vaddr_t va, vsize_t size)
{
	if (size == 0)
		sim_kva_forget(KVA_BASE, KVA_SIZE);
	else
		sim_kva_forget(VM_UPPER_HALF + trunc_page(va),
		    round_page((va & PAGE_MASK) + size));
}

static void
mmu_printf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

static void
mmu_fail(const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sim_fail("%s", text);
}

static void
mmu_boot(void)
{
	struct mmu_config mc = {
		.mc_harts = sim_config.harts,
		.mc_asid_bits = sim_config.asid_bits,
		.mc_random = sim_random,
		.mc_point = point,
		.mc_hart = this_hart,
		.mc_now = sim_now,
		.mc_memory = ram_or_null,
		.mc_printf = mmu_printf,
		.mc_kernel_fenced = kernel_fenced,
		.mc_fail = mmu_fail,
		.mc_upper_invalid_stays = sim_config.seed % 2 != 0,
		.mc_dmap_lo = KDMAP_BASE,
		.mc_dmap_hi = KDMAP_BASE + KDMAP_SIZE,
		.mc_ram_base = vm_physmem[0].start,
		.mc_ram_pages = (unsigned)atop(
		    vm_physmem[vm_nphysseg - 1].end - vm_physmem[0].start),
	};

	switch (sim_config.ad) {
	case SIM_AD_HARD:
		mc.mc_hard_ad = ~0UL;
		break;
	case SIM_AD_MIXED:
		mc.mc_hard_ad = 0x5555;
		break;
	case SIM_AD_FAULT:
	case SIM_AD_SOFT:
		break;
	}
	mmu_init(&mc);
}

/* -- The kernel's tables -------------------------------------------------------------- */

static pt_entry_t *
table_below(pt_entry_t *ptep)
{
	if (*ptep == 0)
		*ptep = pte_table(
		    DMAP_TO_PHYS(pmap_steal_memory(PAGE_SIZE, NULL, NULL)));
	return pte_to_table(*ptep);
}

/* One leaf of the direct map, 2 MiB where that much is RAM. */
static psize_t
map_leaf(pt_entry_t *root, paddr_t pa, psize_t size)
{
	vaddr_t va = PHYS_TO_DMAP(pa);
	pt_entry_t *l1 = table_below(&root[sv39_index(va, 2)]);
	pt_entry_t *ptep = &l1[sv39_index(va, 1)];
	psize_t large = 1UL << SV39_L1_SHIFT;

	if ((pa & (large - 1)) != 0 || size < large) {
		ptep = &table_below(ptep)[sv39_index(va, 0)];
		large = PAGE_SIZE;
	}
	*ptep = pte_make_kernel(pa, PROT_READ | PROT_WRITE) | PTE_UNMANAGED;
	return large;
}

static void
map_ram(pt_entry_t *root)
{
	struct vm_physseg *seg;
	psize_t n;

	for (seg = vm_physmem; seg < vm_physmem + vm_nphysseg; seg++)
		for (paddr_t pa = seg->start; pa < seg->end; pa += n)
			n = map_leaf(root, pa, seg->end - pa);
}

/* Root entries that user pmaps copy must all exist before the first one. */
static void
reserve_roots(pt_entry_t *root)
{
	for (vaddr_t va = KVA_BASE; va < KVA_BASE + KVA_SIZE;
	     va += 1UL << SV39_L2_SHIFT)
		table_below(&root[sv39_index(va, 2)]);
}

/* What locore.S does before pmap_cpu_init(). */
void
sim_paging_on(struct cpu_info *ci)
{
	pmap_hw_load(pmap_kernel_satp());
	pmap_cpu_init(ci);
}

void
sim_access_init(void)
{
	struct pmap *pm = &kernel_pmap_store;

	mmu_boot();
	pmap_zero_pa = sim_zero_page();
	pmap_soft_ad = sim_config.ad == SIM_AD_SOFT;
	mtx_init(&pm->pm_mtx, LR_PMAP, "kernel_pmap");
	TAILQ_INIT(&pm->pm_ptpages);
	pm->pm_root = (pt_entry_t *)pmap_steal_memory(PAGE_SIZE, NULL, NULL);
	pm->pm_rootpa = DMAP_TO_PHYS(pm->pm_root);
	pm->pm_refs = 1;
	pm->pm_harts = ~0UL;
	map_ram(pm->pm_root);
	reserve_roots(pm->pm_root);
	asid_init(sim_config.asid_bits == 0);
	sim_paging_on(curcpu());
}
#endif
