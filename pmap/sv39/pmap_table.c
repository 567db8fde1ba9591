/*
 * Tables: walking, making and freeing them.
 *
 * Every page of a user pmap's tables is on pm_ptpages.  Kernel tables are
 * never freed; all kernel root entries exist before the first user pmap, which
 * copies them.
 */
#include <pmap/sv39/pmap_i.h>
#include <uvm/uvm.h>

pt_entry_t *
pmap_walk(struct pmap *pm, vaddr_t va, int *level)
{
	pt_entry_t *table = pm->pm_root, *ptep;

	for (*level = 2;; --*level) {
		ptep = &table[sv39_index(va, *level)];
		if (*level == 0 || pte_kind(*ptep) != PTE_TABLE)
			return *ptep == 0 ? NULL : ptep;
		table = pte_to_table(*ptep);
	}
}

/* => a zeroed page for a table of pm, or 0; pm_mtx held unless kernel boot */
static paddr_t
table_alloc(struct pmap *pm)
{
	struct vm_page *pg;

	if (!pmap_is_user(pm))
		return pmap_kernel_table();
	pg = uvm_page_get_unowned(UVM_PGA_ZERO);
	if (pg == NULL)
		return 0;
	TAILQ_INSERT_TAIL(&pm->pm_ptpages, pg, pageq);
	return VM_PAGE_TO_PHYS(pg);
}

paddr_t
pmap_kernel_table(void)
{
	struct vm_page *pg;

	if (!uvm.page_init_done)
		return DMAP_TO_PHYS(pmap_steal_memory(PAGE_SIZE, NULL, NULL));
	pg = uvm_page_get_unowned(UVM_PGA_ZERO | UVM_PGA_USERESERVE);
	if (pg == NULL)
		panic("pmap: no page for a kernel page table");
	return VM_PAGE_TO_PHYS(pg);
}

/* The table below *ptep, made if there is none; NULL: no memory. */
static pt_entry_t *
table_below(struct pmap *pm, pt_entry_t *ptep)
{
	paddr_t pa;

	if (*ptep == 0) {
		pa = table_alloc(pm);
		if (pa == 0)
			return NULL;
		/* its zeroes must be seen before the pointer to it */
		atomic_store_rel(ptep, pte_table(pa));
	}
	KASSERT(pte_kind(*ptep) == PTE_TABLE);
	return pte_to_table(*ptep);
}

pt_entry_t *
pmap_leaf_alloc(struct pmap *pm, vaddr_t va)
{
	pt_entry_t *table, *ptep = pmap_leaf(pm, va);

	if (__predict_true(ptep != NULL))
		return ptep;
	table = table_below(pm, &pm->pm_root[sv39_index(va, 2)]);
	if (table != NULL)
		table = table_below(pm, &table[sv39_index(va, 1)]);
	return table == NULL ? NULL : &table[sv39_index(va, 0)];
}

/* End of the level-sized block that holds va, or eva if that comes first. */
static vaddr_t
span_end(vaddr_t va, vaddr_t eva, int shift)
{
	vaddr_t next = rounddown2(va, 1UL << shift) + (1UL << shift);

	/* next is 0 at the very top of the address space */
	return next - 1 < eva - 1 ? next : eva;
}

void
pmap_foreach_span(struct pmap *pm, vaddr_t sva, vaddr_t eva,
    pmap_span_fn *fn, void *arg)
{
	pt_entry_t pte, *l1 = NULL;
	vaddr_t va, end;

	for (va = sva; va != eva; va = end) {
		if (l1 == NULL || (va & ((1UL << SV39_L2_SHIFT) - 1)) == 0) {
			pte = pm->pm_root[sv39_index(va, 2)];
			l1 = pte_to_table(pte);
			if (pte_kind(pte) != PTE_TABLE) {
				l1 = NULL;
				end = span_end(va, eva, SV39_L2_SHIFT);
				continue;
			}
		}
		end = span_end(va, eva, SV39_L1_SHIFT);
		pte = l1[sv39_index(va, 1)];
		if (pte_kind(pte) == PTE_TABLE)
			fn(pm, &pte_to_table(pte)[sv39_index(va, 0)], va,
			    (end - va) >> PAGE_SHIFT, arg);
	}
}

void
pmap_unlink_tables(struct pmap *pm, vaddr_t sva, vaddr_t eva,
    struct pglist *dead)
{
	const vsize_t span = 1UL << SV39_L1_SHIFT;
	struct vm_page *pg;
	pt_entry_t pte, *ptep;
	vaddr_t va;

	for (va = roundup2(sva, span); va + span <= eva; va += span) {
		pte = pm->pm_root[sv39_index(va, 2)];
		if (pte_kind(pte) != PTE_TABLE) {
			/* continue with the next GiB */
			va = (va | ((1UL << SV39_L2_SHIFT) - 1)) + 1 - span;
			continue;
		}
		ptep = &pte_to_table(pte)[sv39_index(va, 1)];
		if (*ptep == 0)
			continue;
		pg = PHYS_TO_VM_PAGE(pte_pa(*ptep));
		atomic_store(ptep, 0);
		TAILQ_REMOVE(&pm->pm_ptpages, pg, pageq);
		TAILQ_INSERT_TAIL(dead, pg, pageq);
	}
}

void
pmap_free_tables(struct pglist *dead)
{
	struct vm_page *pg;

	while ((pg = TAILQ_FIRST(dead)) != NULL) {
		TAILQ_REMOVE(dead, pg, pageq);
		uvm_pagefree(pg);
	}
}

/* -- Kernel tables ------------------------------------------------------------- */

/*
 * => tables for kernel addresses up to maxkvaddr exist; the new end
 */
vaddr_t
pmap_growkernel(vaddr_t maxkvaddr)
{
	static vaddr_t grown = KVA_BASE; /* [kernel pmap's pm_mtx] */
	struct pmap *pm = pmap_kernel();

	KASSERT(maxkvaddr <= VM_MAX_KERNEL_ADDRESS);
	mtx_enter(&pm->pm_mtx);
	for (; grown < maxkvaddr; grown += 1UL << SV39_L1_SHIFT)
		pmap_leaf_alloc(pm, grown);
	mtx_leave(&pm->pm_mtx);
	return grown;
}

/* Any leaf left in the table at ptep? */
static bool
table_empty(const pt_entry_t *ptep)
{
	for (unsigned i = 0; i < SV39_ENTRIES; i++)
		if (ptep[i] != 0)
			return false;
	return true;
}

/*
 * Give back tables that hold no leaf any more.  Mappings stay: dropping them
 * would only make their owner fault.
 * => no owner's lock needed; any thread context
 */
void
pmap_collect(struct pmap *pm)
{
	const vsize_t span = 1UL << SV39_L1_SHIFT;
	struct pglist dead = TAILQ_HEAD_INITIALIZER(dead);
	pt_entry_t root, *l1;
	vaddr_t va;

	if (!pmap_is_user(pm))
		return;
	mtx_enter(&pm->pm_mtx);
	for (va = 0; va < VM_MAXUSER_ADDRESS; va += 1UL << SV39_L2_SHIFT) {
		root = pm->pm_root[sv39_index(va, 2)];
		if (pte_kind(root) != PTE_TABLE)
			continue;
		l1 = pte_to_table(root);
		for (unsigned i = 0; i < SV39_ENTRIES; i++)
			if (l1[i] != 0 && table_empty(pte_to_table(l1[i])))
				pmap_unlink_tables(pm, va + i * span,
				    va + (i + 1) * span, &dead);
	}
	if (!TAILQ_EMPTY(&dead))
		tlb_flush_pmap(pm);
	mtx_leave(&pm->pm_mtx);
	pmap_free_tables(&dead);
}
