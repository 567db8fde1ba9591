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
		/* The kernel must not fault: no hart may go on without it. */
		if (!pmap_is_user(pm))
			tlb_flush_pmap(pm);
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

/* How many of the n entries at p come before the first that is not zero. */
unsigned
pmap_skip_empty(const pt_entry_t *p, unsigned n)
{
	unsigned i = 0;

	for (; i + 8 <= n; i += 8)
		if (p[i] | p[i + 1] | p[i + 2] | p[i + 3] | p[i + 4] |
		    p[i + 5] | p[i + 6] |
		    (MUTANT(SKIP_LOSES_EIGHTH) ? 0 : p[i + 7]))
			break;
	while (i < n && p[i] == 0)
		i++;
	return i;
}

/* Take the table below *ptep out of pm. => no leaf is left in it */
static void
unlink_table(struct pmap *pm, pt_entry_t *ptep, struct pglist *dead)
{
	struct vm_page *pg = PHYS_TO_VM_PAGE(pte_pa(*ptep));

	atomic_store(ptep, 0);
	TAILQ_REMOVE(&pm->pm_ptpages, pg, pageq);
	TAILQ_INSERT_TAIL(dead, pg, pageq);
}

/*
 * The part of a walk that lies below one root entry.  Empty second-level
 * entries are passed over eight at a time: an address space is sparse.
 */
static void
foreach_in_l1(struct pmap *pm, pt_entry_t *l1, vaddr_t va, vaddr_t eva,
    pmap_span_fn *fn, void *arg, struct pglist *dead)
{
	const vsize_t span = 1UL << SV39_L1_SHIFT;
	unsigned last = sv39_index(eva - 1, 1), i = sv39_index(va, 1);
	pt_entry_t *ptep;
	vaddr_t end;

	for (;;) {
		unsigned skip = pmap_skip_empty(&l1[i], last - i + 1);

		i += skip;
		if (i > last)
			return;
		if (skip > 0)
			va = rounddown2(va, span) + skip * span;
		end = span_end(va, eva, SV39_L1_SHIFT);
		ptep = &l1[i];
		if (pte_kind(*ptep) == PTE_TABLE) {
			fn(pm, &pte_to_table(*ptep)[sv39_index(va, 0)], va,
			    (end - va) >> PAGE_SHIFT, arg);
			if (dead != NULL && end - va == span)
				unlink_table(pm, ptep, dead);
		}
		if (i++ == last)
			return;
		va = end;
	}
}

void
pmap_foreach_span(struct pmap *pm, vaddr_t sva, vaddr_t eva, pmap_span_fn *fn,
    void *arg, struct pglist *dead)
{
	unsigned i, last;
	pt_entry_t pte;
	vaddr_t end;

	if (sva == eva)
		return;
	last = sv39_index(eva - 1, 2);
	for (i = sv39_index(sva, 2); i <= last; i++, sva = end) {
		unsigned skip = pmap_skip_empty(&pm->pm_root[i], last - i + 1);

		i += skip;
		if (i > last)
			return;
		if (skip > 0)
			sva = rounddown2(sva, 1UL << SV39_L2_SHIFT) +
			    ((vaddr_t)skip << SV39_L2_SHIFT);
		end = span_end(sva, eva, SV39_L2_SHIFT);
		pte = pm->pm_root[i];
		if (pte_kind(pte) == PTE_TABLE)
			foreach_in_l1(
			    pm, pte_to_table(pte), sva, end, fn, arg, dead);
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

/*
 * Give back tables that hold no leaf any more.  Mappings stay: dropping them
 * would only make their owner fault.
 * => no owner's lock needed; any thread context
 */
void
pmap_collect(struct pmap *pm)
{
	struct pglist dead = TAILQ_HEAD_INITIALIZER(dead);
	pt_entry_t root, *l1;

	if (!pmap_is_user(pm))
		return;
	mtx_enter(&pm->pm_mtx);
	for (unsigned r = 0; r < SV39_ENTRIES / 2; r++) {
		root = pm->pm_root[r];
		if (pte_kind(root) != PTE_TABLE)
			continue;
		l1 = pte_to_table(root);
		for (unsigned i = 0; i < SV39_ENTRIES; i++)
			if (l1[i] != 0 &&
			    pmap_skip_empty(pte_to_table(l1[i]),
				SV39_ENTRIES) == SV39_ENTRIES)
				unlink_table(pm, &l1[i], &dead);
	}
	if (!TAILQ_EMPTY(&dead))
		tlb_flush_pmap(pm);
	mtx_leave(&pm->pm_mtx);
	pmap_free_tables(&dead);
}
