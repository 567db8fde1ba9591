/* A look at a few neighbouring leaves, for the fault handler. */
#include <pmap/sv39/pmap_i.h>

/*
 * The caller's map lock keeps tables from being freed: that takes a write
 * lock.  Leaves may come and go, which a hint allows.
 */
uint32_t
pmap_mapped_mask(struct pmap *pm, vaddr_t sva, unsigned n)
{
	unsigned i, left = SV39_ENTRIES - (unsigned)sv39_index(sva, 0);
	pt_entry_t *ptep = pmap_leaf(pm, sva);
	uint32_t mask = 0;

	KASSERT(n <= 32);
	if (left > n)
		left = n;
	for (i = 0; ptep != NULL && i < left; i++)
		mask |= (uint32_t)(atomic_load(&ptep[i]) != 0) << i;
	if (left < n)
		mask |= pmap_mapped_mask(pm, sva + ptoa(left), n - left)
		    << left;
	return mask;
}
