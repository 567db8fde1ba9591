/* Entering a page that was just made: most of what faults enter. */
#include <pmap/sv39/pmap_i.h>

/*
 * Nobody else can look at the page's mappings, so its pv lock is not needed;
 * its contents must still be seen by whoever finds the leaf.
 */
int
pmap_enter_new(
    struct pmap *pm, vaddr_t va, struct vm_page *pg, vm_prot_t prot, int flags)
{
	paddr_t pa = VM_PAGE_TO_PHYS(pg);
	struct pv_entry *spare = NULL;
	pt_entry_t *ptep;

	KASSERT(!vm_page_md_ismapped(&pg->mdpage));
	if (!pmap_is_user(pm) || (prot & PROT_EXEC) || (flags & PMAP_WIRED))
		return pmap_enter(pm, va, pa, prot, flags);
	mtx_enter(&pm->pm_mtx);
	ptep = pmap_leaf(pm, va);
	if (__predict_false(ptep == NULL || atomic_load(ptep) != 0)) {
		mtx_leave(&pm->pm_mtx);
		return pmap_enter(pm, va, pa, prot, flags);
	}
	(void)pv_insert(pg, pm, va, &spare);
	atomic_store_rel(
	    ptep, pte_make_user(pa, prot, flags & PROT_MASK, pmap_soft_ad));
	atomic_add(&pm->pm_resident, 1);
	mtx_leave(&pm->pm_mtx);
	return 0;
}
