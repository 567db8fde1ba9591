/*
 * Granting write to mappings that exist already: mprotect(2) that makes memory
 * writable again.
 */
#include <pmap/sv39/pmap_i.h>

/*
 * Bits are only set, by one atomic operation each: harts set A and D meanwhile.
 * Nobody takes an entry away between the look and that, for which he would need
 * pm_mtx or the owner's lock.
 */
static void
raise_span(struct pmap *pm, pt_entry_t *ptep, vaddr_t va, unsigned n, void *arg)
{
	struct tlb_batch *batch = arg;
	const bool soft = pmap_soft_ad;
	pt_entry_t pte;

	for (; n > 0; n--, ptep++, va += PAGE_SIZE) {
		pte = atomic_load(ptep);
		if (pte == 0 || (pte & (PTE_W | PTE_WANTW)) != 0)
			continue;
		if (soft && (pte & PTE_D) == 0)
			atomic_or(ptep, PTE_R | PTE_WANTW);
		else
			atomic_or(ptep, PTE_R | PTE_W);
		if (pte & PTE_X)
			pmap_page_modified_text(PHYS_TO_VM_PAGE(pte_pa(pte)));
		tlb_batch_add(batch, va);
	}
}

/*
 * => owner's locks of the pages held; user pmap; every page mapped there may
 *    be written; its modify attribute is set by the first write
 */
void
pmap_raise(struct pmap *pm, vaddr_t sva, vaddr_t eva)
{
	struct tlb_batch batch;

	KASSERT(pmap_is_user(pm) && sva <= eva);
	tlb_batch_init(&batch, pm);
	mtx_enter(&pm->pm_mtx);
	pmap_foreach_span(pm, sva, eva, raise_span, &batch, NULL);
	/* Nobody may go on with the old right and fault for every page. */
	tlb_batch_flush(&batch);
	mtx_leave(&pm->pm_mtx);
}
