/*
 * What faults enter most: a page that was just made, and pages around the
 * fault, which nothing was mapped at yet.
 */
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
	pg->mdpage.md_pv.pv_pmap = pm;
	pg->mdpage.md_pv.pv_va = va;
	pv_count_add(1);
	atomic_store_rel(
	    ptep, pte_make_user(pa, prot, flags & PROT_MASK, pmap_soft_ad));
	atomic_add(&pm->pm_resident, 1);
	mtx_leave(&pm->pm_mtx);
	return 0;
}

int
pmap_enter_zero(struct pmap *pm, vaddr_t va)
{
	pt_entry_t *ptep;
	int error = ENOMEM;

	KASSERT(pmap_is_user(pm));
	mtx_enter(&pm->pm_mtx);
	ptep = pmap_leaf_alloc(pm, va);
	if (ptep != NULL) {
		error = 0;
		/* something mapped: another thread was faster */
		if (atomic_load(ptep) == 0 || MUTANT(ZERO_PAGE_TWICE)) {
			atomic_store(ptep,
			    pte_make_user(pmap_zero_pa,
				MUTANT(ZERO_PAGE_WRITABLE) ? PROT_WRITE
							   : PROT_READ,
				PROT_READ, false));
			atomic_add(&pm->pm_resident, 1);
		}
	}
	mtx_leave(&pm->pm_mtx);
	return error;
}

/*
 * Is there nothing to do about instruction fetch?  pmap_enter() knows what is.
 */
static inline bool
fetch_is_coherent(const struct vm_page *pg, vm_prot_t prot)
{
	bool clean = (pg->mdpage.md_attr & PVA_ICLEAN) != 0;

	return clean ? (prot & PROT_WRITE) == 0 : (prot & PROT_EXEC) == 0;
}

/*
 * => pm_mtx held, nothing mapped at va; FALSE: no memory
 */
static inline bool
enter_neighbour(struct pmap *pm, pt_entry_t *ptep, vaddr_t va,
    struct vm_page *pg, vm_prot_t prot, struct pv_entry **spare)
{
	bool ok;

	/* The pool may reclaim: not under the page's lock. */
	if (*spare == NULL && vm_page_md_ismapped(&pg->mdpage))
		*spare = pv_alloc();
	pv_lock(pg);
	ok = pv_insert(pg, pm, va, spare);
	if (ok)
		atomic_store(ptep,
		    pte_make_user(
			VM_PAGE_TO_PHYS(pg), prot, PROT_NONE, pmap_soft_ad));
	pv_unlock(pg);
	return ok;
}

/*
 * => pm_mtx held; ptep: va's leaf, those of all n pages lie behind it
 * => pages entered; bit i of *left: pgs[i] is left to pmap_enter()
 */
static unsigned
enter_neighbours(struct pmap *pm, pt_entry_t *ptep, vaddr_t va,
    struct vm_page *const *pgs, unsigned n, vm_prot_t prot, uint32_t *left)
{
	struct pv_entry *spare = NULL;
	unsigned i, entered = 0;

	for (i = 0; i < n; i++, va += PAGE_SIZE, ptep++) {
		if (pgs[i] == NULL || atomic_load(ptep) != 0)
			continue;
		if (!fetch_is_coherent(pgs[i], prot) &&
		    !MUTANT(NEIGHBOUR_NO_FENCEI))
			*left |= 1U << i;
		else if (enter_neighbour(pm, ptep, va, pgs[i], prot, &spare))
			entered++;
	}
	if (spare != NULL)
		pv_free(spare);
	atomic_add(&pm->pm_resident, entered);
	return entered;
}

unsigned
pmap_enter_neighbours(struct pmap *pm, vaddr_t va, struct vm_page *const *pgs,
    unsigned n, vm_prot_t prot)
{
	uint32_t left = 0;
	unsigned i, done = 0;
	pt_entry_t *ptep;

	KASSERT(n <= 32 && prot != PROT_NONE);
	mtx_enter(&pm->pm_mtx);
	ptep = pmap_leaf(pm, va);
	if (pmap_is_user(pm) && ptep != NULL &&
	    sv39_index(va, 0) + n <= SV39_ENTRIES)
		done = enter_neighbours(pm, ptep, va, pgs, n, prot, &left);
	else
		left = MUTANT(NEIGHBOUR_REENTERS)
		    ? ~0U
		    : ~pmap_mapped_mask(pm, va, n);
	mtx_leave(&pm->pm_mtx);
	for (i = 0; i < n && left >> i != 0; i++) {
		if ((left >> i & 1) != 0 && pgs[i] != NULL &&
		    pmap_enter(pm, va + ptoa(i), VM_PAGE_TO_PHYS(pgs[i]), prot,
			PMAP_CANFAIL) == 0)
			done++;
	}
	return done;
}
