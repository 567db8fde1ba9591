/*
 * First look at a page fault: does the entry permit the access already?
 *
 * Three reasons for such a fault: reference or modify is clear and the hart
 * leaves setting it to us, or we withheld rights to notice (ad=soft); another
 * hart made the entry valid or wider after this one cached less, which the
 * specification allows it to keep until a fence.  What it keeps may be an
 * entry of a higher level, from before there was a table: "leaf page table
 * entries" of a fence by address need not mean that, so if there is nothing to
 * set, the whole address space is fenced.
 */
#include <pmap/sv39/pmap_i.h>

static bool
access_permitted(pt_entry_t pte, vm_prot_t access, bool user)
{
	return pte != 0 && (pte_prot(pte, user) & access) == access;
}

/* Something is mapped at va: does it, looked at under the lock, permit? */
static __noinline boolean_t
resolve_mapped(struct pmap *pm, vaddr_t va, vm_prot_t access)
{
	bool user = pmap_is_user(pm), write = (access & PROT_WRITE) != 0;
	pt_entry_t *ptep, old = 0, new = 0;
	boolean_t resolved = FALSE;
	unsigned long asid = user ? pm->pm_asid : HW_ALL_ASIDS;
	int level;

	mtx_enter(&pm->pm_mtx);
	ptep = pmap_walk(pm, va, &level);
	if (ptep != NULL) {
		old = atomic_load(ptep);
		while (access_permitted(old, access, user)) {
			resolved = TRUE;
			new = pte_mark(old, write, user);
			if (new == old || atomic_cas(ptep, &old, new))
				break;
			resolved = FALSE;
		}
	}
	mtx_leave(&pm->pm_mtx);
	if (!resolved || MUTANT(SPURIOUS_NO_FENCE))
		return resolved;
	if (new == old)
		pmap_hw_fence_asid(asid);
	else
		pmap_hw_fence_va(va, asid);
	return TRUE;
}

/*
 * Usually nothing is mapped.  Looking without the lock may read a table that
 * is just being freed: what seems mapped is looked at again, and the fault
 * handler finds out about what seems not to be.
 */
boolean_t
pmap_fault(struct pmap *pm, vaddr_t va, vm_prot_t access)
{
	pt_entry_t *ptep;

	if (!sv39_canonical(va))
		return FALSE;
	if (pmap_is_user(pm)) {
		ptep = pmap_leaf(pm, va);
		if (ptep == NULL || atomic_load(ptep) == 0)
			return FALSE;
	}
	return resolve_mapped(pm, va, access);
}
