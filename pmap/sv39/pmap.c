/*
 * The Sv39 pmap: life of a pmap and its mappings (UVM-API.md part 5).
 */
#include <pmap/sv39/pmap_i.h>
#include <sys/pool.h>
#include <uvm/uvm.h>

struct pmap kernel_pmap_store;
bool pmap_soft_ad;
paddr_t pmap_zero_pa;
bool pmap_svpbmt;

static struct pool pmap_pool;

struct pmap *
pmap_kernel(void)
{
	return &kernel_pmap_store;
}

void
pmap_init(void)
{
	pool_init(&pmap_pool, sizeof(struct pmap), 0, "pmap");
	pv_init();
}

void
pmap_virtual_space(vaddr_t *start, vaddr_t *end)
{
	*start = VM_MIN_KERNEL_ADDRESS;
	*end = VM_MAX_KERNEL_ADDRESS;
}

/* -- Life ------------------------------------------------------------------------ */

/*
 * The kernel half of a root: the few entries pmap_bootstrap() has made, which
 * are listed when the first one is asked for (boot; no other hart runs).
 */
static void
copy_kernel_half(pt_entry_t *root)
{
	static uint16_t used[SV39_ENTRIES / 2]; /* [set once] */
	static unsigned nused; /* [set once] */
	const pt_entry_t *kroot = kernel_pmap_store.pm_root;

	if (__predict_false(nused == 0))
		for (unsigned i = SV39_ENTRIES / 2; i < SV39_ENTRIES; i++)
			if (kroot[i] != 0)
				used[nused++] = i;
	for (unsigned i = 0; i < nused; i++)
		root[used[i]] = kroot[used[i]];
}

struct pmap *
pmap_create(void)
{
	struct pmap *pm = pool_get(&pmap_pool, PR_WAITOK);
	struct vm_page *pg;

	while ((pg = uvm_page_get_unowned(UVM_PGA_ZERO)) == NULL)
		uvm_wait("pmap_create");
	mtx_init(&pm->pm_mtx, LR_PMAP, "pmap");
	TAILQ_INIT(&pm->pm_ptpages);
	TAILQ_INSERT_TAIL(&pm->pm_ptpages, pg, pageq);
	pm->pm_rootpa = VM_PAGE_TO_PHYS(pg);
	pm->pm_root = (pt_entry_t *)VM_PAGE_TO_DMAP(pg);
	copy_kernel_half(pm->pm_root);
	pm->pm_asid = asid_alloc();
	pm->pm_harts = 0;
	pm->pm_unfenced = 0;
	pm->pm_refs = 1;
	pm->pm_resident = pm->pm_wired = 0;
	return pm;
}

void
pmap_reference(struct pmap *pm)
{
	atomic_add(&pm->pm_refs, 1);
}

void
pmap_destroy(struct pmap *pm)
{
	struct pglist dead = TAILQ_HEAD_INITIALIZER(dead);

	KASSERT(pmap_is_user(pm));
	if (atomic_sub_acq_rel(&pm->pm_refs, 1) != 1)
		return;
	KASSERTMSG(pm->pm_resident == 0, "pmap_destroy: %ld pages mapped",
	    pm->pm_resident);
	pmap_leave_all(pm);
	asid_free(pm->pm_asid);
	TAILQ_CONCAT(&dead, &pm->pm_ptpages, pageq);
	pmap_free_tables(&dead);
	pool_put(&pmap_pool, pm);
}

/* Everything a child inherits is in its map. */
void
pmap_fork(struct pmap *src, struct pmap *dst)
{
}

/* Pre-copying would only save faults the child may never take. */
void
pmap_copy(
    struct pmap *dst, struct pmap *src, vaddr_t dva, vsize_t len, vaddr_t sva)
{
}

/* Nothing of the old image outlives its mappings. */
void
pmap_unuse_final(struct proc *p)
{
}

/* Sv39 maps every page of the user range. */
void
pmap_remove_holes(struct vmspace *vm)
{
}

/* Every change is made at once. */
void
pmap_update(struct pmap *pm)
{
}

long
pmap_resident_count(struct pmap *pm)
{
	return atomic_load(&pm->pm_resident);
}

long
pmap_wired_count(struct pmap *pm)
{
	return atomic_load(&pm->pm_wired);
}

/* Caches are physically tagged as far as a program can tell. */
vaddr_t
pmap_prefer(voff_t hint, vaddr_t va)
{
	return va;
}

/* -- Entering -------------------------------------------------------------------- */

static pt_entry_t
memory_type(paddr_t pa)
{
	if (!pmap_svpbmt)
		return 0;
	if (pa & (PMAP_NOCACHE | PMAP_DEVICE))
		return PTE_PBMT_IO;
	return (pa & PMAP_WC) ? PTE_PBMT_NC : 0;
}

/*
 * Instruction coherence: a page that becomes executable is made clean for
 * fetch on all harts, one that becomes writable loses that.  It is not clean
 * for long while it can be written through another mapping.
 */
static void
icache_sync(struct vm_page *pg, vm_prot_t prot)
{
	uint32_t clean = atomic_load(&pg->mdpage.md_attr) & PVA_ICLEAN;

	if ((prot & PROT_EXEC) && !clean) {
		if (!MUTANT(ICACHE_NO_FENCE))
			pmap_fencei_all();
		clean = PVA_ICLEAN;
		if (!(prot & PROT_WRITE) && !pv_writable(pg))
			atomic_or(&pg->mdpage.md_attr, PVA_ICLEAN);
	} else if ((prot & PROT_WRITE) && clean && !MUTANT(ICACHE_STAYS_CLEAN))
		atomic_and(&pg->mdpage.md_attr, ~(uint32_t)PVA_ICLEAN);
}

/* The managed page of a present leaf, or NULL. */
static struct vm_page *
leaf_page(struct pmap *pm, pt_entry_t pte)
{
	if (!pmap_is_user(pm) && (pte & PTE_UNMANAGED))
		return NULL;
	return PHYS_TO_VM_PAGE(pte_pa(pte));
}

/*
 * Remove the leaf at ptep; another hart may just be removing it from the page's
 * side.
 * => pm_mtx held; the entry that was there, or 0
 */
static pt_entry_t
remove_leaf(struct pmap *pm, pt_entry_t *ptep, vaddr_t va)
{
	struct pv_entry *pv = NULL;
	pt_entry_t pte = atomic_load(ptep);
	struct vm_page *pg;

	if (pte == 0)
		return 0;
	pg = leaf_page(pm, pte);
	if (pg == NULL)
		return atomic_swap_acq_rel(ptep, 0);
	if (!MUTANT(REMOVE_NO_PV_LOCK))
		pv_lock(pg);
	pte = atomic_swap_acq_rel(ptep, 0);
	if (pte != 0) {
		pmap_fold_attr(pg, pte);
		if (!MUTANT(REMOVE_KEEPS_PV))
			pv = pv_remove(pg, pm, va);
	}
	if (!MUTANT(REMOVE_NO_PV_LOCK))
		pv_unlock(pg);
	if (pv != NULL)
		pv_free(pv);
	return pte;
}

/*
 * The page is mapped here already: change rights and wiring, keep what its
 * attributes say.
 * => pm_mtx held; FALSE: it was removed meanwhile
 */
static bool
reenter_leaf(struct pmap *pm, pt_entry_t *ptep, vaddr_t va, pt_entry_t npte,
    pt_entry_t old)
{
	bool user = pmap_is_user(pm);
	pt_entry_t new;

	do {
		if (old == 0)
			return false;
		new = npte;
		if (old & PTE_A)
			new = pte_mark(new, false, user);
		if ((old & PTE_D) && (pte_prot(npte, user) & PROT_WRITE))
			new = pte_mark_mod(new, user);
		else if (!MUTANT(REENTER_LOSES_D))
			new |= old &PTE_D;
	} while (new != old && !atomic_cas(ptep, &old, new));
	if ((old ^ new) & PTE_WIRED)
		atomic_add(&pm->pm_wired, (new &PTE_WIRED) ? 1 : -1);
	if (old & ~new &(PTE_V | PTE_RIGHTS))
		tlb_flush_va(pm, va);
	else if (old != new)
		pmap_hw_fence_va(va, user ? pm->pm_asid : HW_ALL_ASIDS);
	return true;
}

/*
 * Put a new leaf where none is.
 * => pm_mtx held; 0, or ENOMEM with nothing entered
 */
static int
enter_leaf(struct pmap *pm, pt_entry_t *ptep, vaddr_t va, pt_entry_t npte,
    struct vm_page *pg)
{
	struct pv_entry *spare = NULL;

	if (pg != NULL) {
		pv_lock(pg);
		if (!pv_insert(pg, pm, va, &spare)) {
			/* the pool may reclaim: not under the page's lock */
			pv_unlock(pg);
			spare = pv_alloc();
			if (spare == NULL)
				return ENOMEM;
			pv_lock(pg);
			pv_insert(pg, pm, va, &spare);
		}
		atomic_store(ptep, npte);
		pv_unlock(pg);
		if (spare != NULL)
			pv_free(spare);
	} else
		atomic_store(ptep, npte);
	atomic_add(&pm->pm_resident, 1);
	if (npte & PTE_WIRED)
		atomic_add(&pm->pm_wired, 1);
	return 0;
}

/*
 * A kernel stack must not fault on any hart, not even spuriously, so a wired
 * kernel mapping is made known everywhere at once.
 */
static void
kernel_mapping_made(struct pmap *pm, vaddr_t va, pt_entry_t npte)
{
	if (!pmap_is_user(pm) && (npte & PTE_WIRED))
		tlb_flush_va(pm, va);
}

static int
enter_locked(struct pmap *pm, vaddr_t va, paddr_t pa, pt_entry_t npte,
    struct vm_page *pg, vm_prot_t prot)
{
	pt_entry_t old, *ptep = pmap_leaf_alloc(pm, va);
	int error;

	if (ptep == NULL)
		return ENOMEM;
	if (pg != NULL)
		icache_sync(pg, prot);
	old = atomic_load(ptep);
	if (old != 0) {
		if (pte_pa(old) == pa && leaf_page(pm, old) == pg &&
		    reenter_leaf(pm, ptep, va, npte, old))
			return 0;
		/* another page: break before make, on every hart */
		tlb_unfenced_begin();
		old = remove_leaf(pm, ptep, va);
		if (old != 0) {
			atomic_add(&pm->pm_resident, -1);
			if (old & PTE_WIRED)
				atomic_add(&pm->pm_wired, -1);
			if (!MUTANT(ENTER_NO_BREAK))
				tlb_flush_va(pm, va);
		}
		tlb_unfenced_end();
	}
	error = enter_leaf(pm, ptep, va, npte, pg);
	if (error == 0)
		kernel_mapping_made(pm, va, npte);
	return error;
}

/*
 * => owner's lock of a managed page held
 */
int
pmap_enter(struct pmap *pm, vaddr_t va, paddr_t pa, vm_prot_t prot, int flags)
{
	pt_entry_t npte = memory_type(pa);
	struct vm_page *pg;
	int error;

	KASSERT(sv39_canonical(va) && (va & PAGE_MASK) == 0);
	KASSERT((va < VM_MAXUSER_ADDRESS) == pmap_is_user(pm));
	KASSERT(prot != PROT_NONE);
	pa = trunc_page(pa);
	pg = PHYS_TO_VM_PAGE(pa);
	if (pmap_is_user(pm))
		npte |= pte_make_user(
		    pa, prot, flags & PROT_MASK, pmap_soft_ad && pg != NULL);
	else
		npte |= pte_make_kernel(pa, prot) |
		    (pg == NULL ? PTE_UNMANAGED : 0);
	if (flags & PMAP_WIRED)
		npte |= PTE_WIRED;

	mtx_enter(&pm->pm_mtx);
	error = enter_locked(pm, va, pa, npte, pg, prot);
	mtx_leave(&pm->pm_mtx);
	if (error && !(flags & PMAP_CANFAIL))
		panic("pmap_enter: no memory to map %#lx", va);
	return error;
}

void
pmap_kenter_pa(vaddr_t va, paddr_t pa, vm_prot_t prot)
{
	struct pmap *pm = pmap_kernel();
	struct vm_page *pg = PHYS_TO_VM_PAGE(trunc_page(pa));
	pt_entry_t *ptep, old,
	    npte = memory_type(pa) | pte_make_kernel(trunc_page(pa), prot) |
	    PTE_UNMANAGED;

	KASSERT(va >= VM_MIN_KERNEL_ADDRESS && (va & PAGE_MASK) == 0);
	if (pg != NULL)
		icache_sync(pg, prot);
	mtx_enter(&pm->pm_mtx);
	ptep = pmap_leaf_alloc(pm, va);
	old = atomic_swap_acq_rel(ptep, npte);
	KASSERTMSG(old == 0 || (old & PTE_UNMANAGED),
	    "pmap_kenter_pa: %#lx is mapped and managed", va);
	/* not only replaced ones: nobody may fault here, spuriously or not */
	tlb_flush_va(pm, va);
	mtx_leave(&pm->pm_mtx);
}

/* -- Removing and reducing ------------------------------------------------------- */

/* What an operation on a range does and did.  All members: [thread]. */
struct span_arg {
	struct tlb_batch batch;
	pt_entry_t clear; /* protect: bits to take away */
	long resident, wired; /* entries removed */
	long managed; /* of them, not counted yet by pv_count_add() */
	bool kremove; /* only unmanaged ones */
	bool text; /* protect: text that may have been written stays text */
};

/*
 * The usual case of remove_leaf(): a program's page that is mapped nowhere
 * else.
 * => as remove_leaf(), not counted; 0: nothing was done, for want of that
 */
static __always_inline pt_entry_t
remove_only_leaf(struct pmap *pm, pt_entry_t *ptep, vaddr_t va)
{
	pt_entry_t pte = atomic_load(ptep);
	struct vm_page *pg = PHYS_TO_VM_PAGE(pte_pa(pte));
	struct pv_entry *pv;

	if (__predict_false(pg == NULL))
		return 0;
	pv = &pg->mdpage.md_pv;
	pv_lock(pg);
	if (__predict_true(
		pv->pv_pmap == pm && pv->pv_va == va && pv->pv_next == NULL)) {
		pte = atomic_swap_acq_rel(ptep, 0);
		pmap_fold_attr(pg, pte);
		pv->pv_pmap = NULL;
	} else
		pte = 0;
	pv_unlock(pg);
	return pte;
}

static void
remove_span(
    struct pmap *pm, pt_entry_t *ptep, vaddr_t va, unsigned n, void *arg)
{
	struct span_arg *a = arg;
	bool user = pmap_is_user(pm);
	pt_entry_t pte;

	if (MUTANT(REMOVE_SHORT) && n > 1)
		n--;
	for (unsigned skip; n > 0; n--, ptep++, va += PAGE_SIZE) {
		if (*ptep == 0) {
			skip = pmap_skip_empty(ptep, n);
			n -= skip;
			ptep += skip;
			va += ptoa(skip);
			if (n == 0)
				return;
		}
		if (a->kremove && !(*ptep & PTE_UNMANAGED))
			continue;
		pte = user ? remove_only_leaf(pm, ptep, va) : 0;
		if (__predict_true(pte != 0))
			a->managed++;
		else if ((pte = remove_leaf(pm, ptep, va)) == 0)
			continue;
		a->resident++;
		a->wired += (pte & PTE_WIRED) != 0;
		tlb_batch_add(&a->batch, va);
	}
}

/* What was removed counts no more. => pm_mtx held */
static inline void
span_count(struct pmap *pm, const struct span_arg *a)
{
	pv_count_add(-a->managed);
	atomic_add(&pm->pm_resident, -a->resident);
	if (a->wired)
		atomic_add(&pm->pm_wired, -a->wired);
}

void
pmap_remove(struct pmap *pm, vaddr_t sva, vaddr_t eva)
{
	struct pglist dead = TAILQ_HEAD_INITIALIZER(dead);
	struct span_arg a = { .resident = 0 };

	KASSERT(sva <= eva);
	tlb_batch_init(&a.batch, pm);
	mtx_enter(&pm->pm_mtx);
	tlb_unfenced_begin();
	pmap_foreach_span(
	    pm, sva, eva, remove_span, &a, pmap_is_user(pm) ? &dead : NULL);
	if (!TAILQ_EMPTY(&dead) && !MUTANT(TLB_TABLES_BY_VA))
		tlb_flush_pmap(pm);
	else
		tlb_batch_flush(&a.batch);
	tlb_unfenced_end();
	span_count(pm, &a);
	mtx_leave(&pm->pm_mtx);
	pmap_unfenced_wait(pm);
	pmap_free_tables(&dead);
}

void
pmap_kremove(vaddr_t va, vsize_t size)
{
	struct pmap *pm = pmap_kernel();
	struct span_arg a = { .kremove = true };

	tlb_batch_init(&a.batch, pm);
	mtx_enter(&pm->pm_mtx);
	pmap_foreach_span(pm, va, va + size, remove_span, &a, NULL);
	if (!MUTANT(KREMOVE_NO_FLUSH))
		tlb_batch_flush(&a.batch);
	mtx_leave(&pm->pm_mtx);
}

/*
 * Text that loses the right to be written is fetched as it is from now on; the
 * entry need not show that right, a first write would have given it.  What
 * keeps other rights than that to be executed is not clean for fetch any more
 * when it is executable again: pmap_raise() may make it writable unseen.
 */
static __noinline void
protect_text(struct pmap *pm, pt_entry_t pte, struct span_arg *a)
{
	struct vm_page *pg = leaf_page(pm, pte);

	if (pg == NULL)
		return;
	if (!(a->clear & PTE_X))
		a->text |= (a->clear & PTE_W) && !PMAP_PAGE_FETCHABLE(pg);
	else if (pte & ~a->clear & PTE_RIGHTS)
		pmap_page_modified_text(pg);
}

/*
 * Take rights from the entries of a span.  An entry left without any right
 * would read as a pointer to a table: it is removed instead.
 */
static void
protect_span(
    struct pmap *pm, pt_entry_t *ptep, vaddr_t va, unsigned n, void *arg)
{
	struct span_arg *a = arg;
	const pt_entry_t clear = a->clear;
	pt_entry_t pte;

	for (; n > 0; n--, ptep++, va += PAGE_SIZE) {
		pte = atomic_load(ptep);
		if (__predict_false(pte & PTE_X))
			protect_text(pm, pte, a);
		if (!(pte & clear))
			continue;
		if (__predict_false(!(pte & ~clear & PTE_RIGHTS))) {
			remove_span(pm, ptep, va, 1, arg);
			continue;
		}
		atomic_and(ptep, ~clear);
		if (!MUTANT(PROTECT_NO_FLUSH))
			tlb_batch_add(&a->batch, va);
	}
}

void
pmap_protect(struct pmap *pm, vaddr_t sva, vaddr_t eva, vm_prot_t prot)
{
	bool user = pmap_is_user(pm);
	struct span_arg a = { .clear = 0 };

	if (!(prot & (PROT_READ | PROT_EXEC))) {
		pmap_remove(pm, sva, eva);
		return;
	}
	if (!(prot & PROT_WRITE))
		a.clear |= ~pte_write_mask(user);
	if (!(prot & PROT_EXEC))
		a.clear |= PTE_X;
	if (!(prot & PROT_READ))
		a.clear |= PTE_R | ~pte_write_mask(user);
	if (a.clear == 0)
		return;
	tlb_batch_init(&a.batch, pm);
	mtx_enter(&pm->pm_mtx);
	tlb_unfenced_begin();
	pmap_foreach_span(pm, sva, eva, protect_span, &a, NULL);
	tlb_batch_flush(&a.batch);
	tlb_unfenced_end();
	if (a.text && !MUTANT(PROTECT_TEXT_NO_FENCE))
		pmap_fencei_all();
	span_count(pm, &a);
	mtx_leave(&pm->pm_mtx);
	pmap_unfenced_wait(pm);
}

boolean_t
pmap_unwire(struct pmap *pm, vaddr_t va)
{
	pt_entry_t *ptep;
	boolean_t wired;

	mtx_enter(&pm->pm_mtx);
	ptep = pmap_leaf(pm, va);
	wired = ptep != NULL && (atomic_and(ptep, ~PTE_WIRED) & PTE_WIRED);
	if (wired && !MUTANT(PMAP_WIRED_DRIFT))
		atomic_add(&pm->pm_wired, -1);
	mtx_leave(&pm->pm_mtx);
	return wired;
}

/* -- Asking ------------------------------------------------------------------------ */

boolean_t
pmap_is_wired(struct pmap *pm, vaddr_t va)
{
	pt_entry_t *ptep;
	boolean_t wired;

	mtx_enter(&pm->pm_mtx);
	ptep = pmap_leaf(pm, va);
	wired = ptep != NULL && (atomic_load(ptep) & PTE_WIRED) != 0;
	mtx_leave(&pm->pm_mtx);
	return wired;
}

boolean_t
pmap_extract(struct pmap *pm, vaddr_t va, paddr_t *pap)
{
	pt_entry_t *ptep, pte = 0;
	int level = 0;

	if (!sv39_canonical(va))
		return FALSE;
	mtx_enter(&pm->pm_mtx);
	ptep = pmap_walk(pm, va, &level);
	if (ptep != NULL)
		pte = atomic_load(ptep);
	mtx_leave(&pm->pm_mtx);
	if (pte == 0)
		return FALSE;
	if (pap != NULL)
		*pap = pte_pa(pte) +
		    (va & ((1UL << (SV39_L0_SHIFT + 9 * level)) - 1));
	return TRUE;
}

boolean_t
pmap_probe(struct pmap *pm, vaddr_t va, vm_prot_t *protp)
{
	pt_entry_t *ptep, pte = 0;
	int level;

	mtx_enter(&pm->pm_mtx);
	ptep = pmap_walk(pm, va, &level);
	if (ptep != NULL)
		pte = atomic_load(ptep);
	mtx_leave(&pm->pm_mtx);
	*protp = pte_prot(pte, pmap_is_user(pm));
	return pte != 0;
}

/* -- Contents ------------------------------------------------------------------------ */

void
pmap_page_modified_text(struct vm_page *pg)
{
	if (atomic_load(&pg->mdpage.md_attr) & PVA_ICLEAN)
		atomic_and(&pg->mdpage.md_attr, ~(uint32_t)PVA_ICLEAN);
}

#define ZERO8(p)                                                        \
	((p)[0] = (p)[1] = (p)[2] = (p)[3] = (p)[4] = (p)[5] = (p)[6] = \
		(p)[7] = 0)

/* As memset(), which spends a twentieth on finding out what it is to do. */
void
pmap_zero_page(struct vm_page *pg)
{
	uint64_t *p = (uint64_t *)VM_PAGE_TO_DMAP(pg);
	const uint64_t *end = p + PAGE_SIZE / sizeof(*p);

	pmap_page_modified_text(pg);
	for (; p != end; p += 64) {
		ZERO8(p);
		ZERO8(p + 8);
		ZERO8(p + 16);
		ZERO8(p + 24);
		ZERO8(p + 32);
		ZERO8(p + 40);
		ZERO8(p + 48);
		ZERO8(p + 56);
	}
}

void
pmap_copy_page(struct vm_page *src, struct vm_page *dst)
{
	pmap_page_modified_text(dst);
	memcpy((void *)VM_PAGE_TO_DMAP(dst), (void *)VM_PAGE_TO_DMAP(src),
	    PAGE_SIZE);
}

/* In pieces, so that a thread which becomes runnable waits for one at most. */
boolean_t
pmap_pageidlezero(struct vm_page *pg)
{
	const size_t piece = 512;
	char *va = (char *)VM_PAGE_TO_DMAP(pg);

	pmap_page_modified_text(pg);
	for (size_t off = 0; off < PAGE_SIZE; off += piece) {
		if (atomic_load(&curcpu()->ci_resched))
			return FALSE;
		memset(va + off, 0, piece);
	}
	return TRUE;
}

/*
 * => p's text in [va, va + len) was written through other mappings; it is
 *    fetched anew from now on
 */
void
pmap_proc_iflush(struct proc *p, vaddr_t va, vsize_t len)
{
	pmap_fencei_all();
}

boolean_t
pmap_chgkprot(vaddr_t sva, vaddr_t eva, bool write)
{
	struct pmap *pm = pmap_kernel();
	pt_entry_t *ptep;
	boolean_t mapped = sva < eva;
	vaddr_t va;

	mtx_enter(&pm->pm_mtx);
	for (va = sva; va < eva && mapped; va += PAGE_SIZE) {
		ptep = pmap_leaf(pm, va);
		mapped = ptep != NULL && *ptep != 0;
	}
	for (va = sva; va < eva && mapped; va += PAGE_SIZE) {
		ptep = pmap_leaf(pm, va);
		if (write)
			atomic_or(ptep, PTE_W | PTE_D);
		else
			atomic_and(ptep, pte_write_mask(false));
	}
	if (mapped)
		tlb_flush_pmap(pm);
	mtx_leave(&pm->pm_mtx);
	if (mapped)
		pmap_fencei_all();
	return mapped;
}
