/*
 * Moving mappings to other addresses of the same pmap (mremap).
 *
 * A leaf moves under pm_mtx and its page's pv lock: whoever comes from the side
 * of the page finds it at the old place or at the new one, and waits for the
 * fence of the old one (tlb_unfenced_wait()) before he relies on what he did.
 */
#include <pmap/sv39/pmap_i.h>
#include <uvm/uvm.h>

/* All members: [thread]. */
struct move_arg {
	struct tlb_batch batch;
	vaddr_t sva, dva; /* from, to */
	bool failed; /* no memory for a table */
};

static inline vaddr_t
moved_va(const struct move_arg *a, vaddr_t va)
{
	return a->dva + (va - a->sva);
}

/*
 * Tables for where the leaves of a span go: it holds less than two tables'
 * addresses, so those of the first and the last leaf are all.
 */
static void
prepare_span(
    struct pmap *pm, pt_entry_t *ptep, vaddr_t va, unsigned n, void *arg)
{
	struct move_arg *a = arg;
	unsigned first = pmap_skip_empty(ptep, n), last = n;

	if (first == n)
		return;
	while (ptep[last - 1] == 0)
		last--;
	if (pmap_leaf_alloc(pm, moved_va(a, va + ptoa(first))) == NULL ||
	    pmap_leaf_alloc(pm, moved_va(a, va + ptoa(last - 1))) == NULL)
		a->failed = true;
}

/*
 * => FALSE: nothing was mapped (any more)
 */
static bool
move_leaf(
    struct pmap *pm, pt_entry_t *from, vaddr_t va, pt_entry_t *to, vaddr_t tova)
{
	struct vm_page *pg;
	pt_entry_t pte;

	pte = atomic_load(from);
	if (pte == 0)
		return false;
	KASSERT(*to == 0);
	pg = PHYS_TO_VM_PAGE(pte_pa(pte));
	if (pg == NULL) {
		/* a device's or the page of zeros: nobody else knows of it */
		pte = atomic_swap_acq_rel(from, 0);
		atomic_store(to, pte);
		return true;
	}
	pv_lock(pg);
	pte = atomic_swap_acq_rel(from, 0);
	if (pte != 0) {
		if (!MUTANT(PMAP_MOVE_PV_STAYS))
			pv_move(pg, pm, va, tova);
		if (MUTANT(PMAP_MOVE_LOSES_D))
			pte &= ~PTE_D;
		atomic_store(to, pte);
	}
	pv_unlock(pg);
	return pte != 0;
}

static void
move_span(struct pmap *pm, pt_entry_t *ptep, vaddr_t va, unsigned n, void *arg)
{
	struct move_arg *a = arg;
	pt_entry_t *to = NULL;
	vaddr_t tova;

	for (; n > 0; n--, ptep++, va += PAGE_SIZE) {
		tova = moved_va(a, va);
		if (to != NULL)
			to = sv39_index(tova, 0) != 0 ? to + 1 : NULL;
		if (*ptep == 0)
			continue;
		if (to == NULL)
			to = pmap_leaf(pm, tova);
		if (move_leaf(pm, ptep, va, to, tova))
			tlb_batch_add(&a->batch, va);
	}
}

int
pmap_move(struct pmap *pm, vaddr_t sva, vaddr_t dva, vsize_t len)
{
	struct pglist dead = TAILQ_HEAD_INITIALIZER(dead);
	struct move_arg a = { .sva = sva, .dva = dva };

	KASSERT(pmap_is_user(pm));
	KASSERT(sva + len <= dva || dva + len <= sva);
	tlb_batch_init(&a.batch, pm);
	mtx_enter(&pm->pm_mtx);
	pmap_foreach_span(pm, sva, sva + len, prepare_span, &a, NULL);
	if (a.failed) {
		mtx_leave(&pm->pm_mtx);
		return ENOMEM;
	}
	tlb_unfenced_begin();
	pmap_foreach_span(pm, sva, sva + len, move_span, &a, &dead);
	if (!TAILQ_EMPTY(&dead))
		tlb_flush_pmap(pm);
	else if (!MUTANT(PMAP_MOVE_NO_FENCE))
		tlb_batch_flush(&a.batch);
	tlb_unfenced_end();
	mtx_leave(&pm->pm_mtx);
	pmap_unfenced_wait(pm);
	pmap_free_tables(&dead);
	return 0;
}
