/*
 * From a page to its mappings: pv lists, and what pmap(9) does to all
 * mappings of a page at once.
 */
#include <pmap/sv39/pmap_i.h>
#include <sys/pool.h>

static struct pool pv_pool;
struct pv_count pv_counts[MAXCPUS];

void
pv_init(void)
{
	pool_init(&pv_pool, sizeof(struct pv_entry), 0, "pv");
}

struct pv_entry *
pv_alloc(void)
{
	return pool_get(&pv_pool, PR_NOWAIT);
}

void
pv_free(struct pv_entry *pv)
{
	pool_put(&pv_pool, pv);
}

long
pmap_pv_count(void)
{
	long n = 0;

	for (unsigned i = 0; i < MAXCPUS; i++)
		n += atomic_load(&pv_counts[i].n);
	return n;
}

bool
pv_insert(
    struct vm_page *pg, struct pmap *pm, vaddr_t va, struct pv_entry **spare)
{
	struct pv_entry *first = &pg->mdpage.md_pv, *pv = first;

	if (first->pv_pmap != NULL) {
		pv = *spare;
		if (pv == NULL)
			return false;
		*spare = NULL;
		pv->pv_next = first->pv_next;
		first->pv_next = pv;
	}
	pv->pv_pmap = pm;
	pv->pv_va = va;
	pv_count_add(1);
	return true;
}

struct pv_entry *
pv_remove(struct vm_page *pg, struct pmap *pm, vaddr_t va)
{
	struct pv_entry *first = &pg->mdpage.md_pv, *pv, **link;

	pv_count_add(-1);
	if (first->pv_pmap == pm && first->pv_va == va) {
		pv = first->pv_next;
		if (pv == NULL) {
			first->pv_pmap = NULL;
			return NULL;
		}
		if (!MUTANT(PV_INLINE_LOSES_NEXT))
			*first = *pv;
		return pv;
	}
	for (link = &first->pv_next; (pv = *link) != NULL; link = &pv->pv_next)
		if (pv->pv_pmap == pm && pv->pv_va == va) {
			*link = pv->pv_next;
			return pv;
		}
	panic("pv_remove: page %#lx is not mapped at %#lx", VM_PAGE_TO_PHYS(pg),
	    va);
}

/* Iterate over the mappings of a page; its pv lock is held. */
#define PV_FOREACH(pv, pg)                                                   \
	for ((pv) = (pg)->mdpage.md_pv.pv_pmap ? &(pg)->mdpage.md_pv : NULL; \
	     (pv) != NULL; (pv) = (pv)->pv_next)

void
pv_move(struct vm_page *pg, struct pmap *pm, vaddr_t va, vaddr_t to)
{
	struct pv_entry *pv;

	PV_FOREACH(pv, pg)
	{
		if (pv->pv_pmap == pm && pv->pv_va == va) {
			pv->pv_va = to;
			return;
		}
	}
	panic("pv_move: page %#lx is not mapped at %#lx", VM_PAGE_TO_PHYS(pg),
	    va);
}

bool
pv_writable(struct vm_page *pg)
{
	struct pv_entry *pv;
	unsigned long s;
	bool writable = false;

	if (atomic_load(&pg->mdpage.md_pv.pv_pmap) == NULL)
		return false;
	s = intr_disable();
	pv_lock(pg);
	PV_FOREACH(pv, pg)
	writable |= (pte_prot(atomic_load(pmap_leaf(pv->pv_pmap, pv->pv_va)),
			 pmap_is_user(pv->pv_pmap)) &
			PROT_WRITE) != 0;
	pv_unlock(pg);
	intr_restore(s);
	return writable;
}

/*
 * May a hart still use an entry that was removed?  Not if A was clear, unless
 * it was cleared a moment ago and is not fenced yet: who waits for
 * tlb_unfenced_wait() afterwards waits for that.  A hart may keep a copy without
 * A, but before it uses it, it sets A in memory if the entry there is the same
 * still, or faults (privileged specification, 4.3.1).
 */
static inline bool
removed_in_use(pt_entry_t pte)
{
	return (pte & PTE_A) != 0;
}

/*
 * Remove the first mapping of pg.
 * => pv locked; interrupts off; the entry to free, or NULL
 * => tb: of its pmap, to be fenced later; NULL: fenced at once
 */
static struct pv_entry *
pv_remove_first(struct vm_page *pg, struct tlb_batch *tb)
{
	struct pmap *pm = pg->mdpage.md_pv.pv_pmap;
	vaddr_t va = pg->mdpage.md_pv.pv_va;
	pt_entry_t pte;

	if (MUTANT(PV_FLUSH_BEFORE_STORE))
		tlb_flush_va(pm, va);
	if (tb == NULL)
		pmap_unfenced_begin(pm);
	pte = atomic_swap_acq_rel(pmap_leaf(pm, va), 0);
	KASSERT(pte != 0 && pte_pa(pte) == VM_PAGE_TO_PHYS(pg));
	pmap_fold_attr(pg, pte);
	if (!MUTANT(PV_RESIDENT_DRIFT))
		atomic_add(&pm->pm_resident, -1);
	if (pte & PTE_WIRED)
		atomic_add(&pm->pm_wired, -1);
	if (tb == NULL) {
		if (removed_in_use(pte) && !MUTANT(PV_FLUSH_BEFORE_STORE))
			tlb_flush_va(pm, va);
		pmap_unfenced_end(pm);
	} else if (removed_in_use(pte))
		tlb_batch_add(tb, va);
	return pv_remove(pg, pm, va);
}

static void
pmap_page_remove(struct vm_page *pg)
{
	struct pv_entry *pv;
	unsigned long s = intr_disable();

	pv_lock(pg);
	while (pg->mdpage.md_pv.pv_pmap != NULL)
		if ((pv = pv_remove_first(pg, NULL)) != NULL)
			pv_free(pv);
	pv_unlock(pg);
	intr_restore(s);
}

/*
 * Remove the mappings of pg as long as they are of tb's pmap, or of the first
 * one's, which tb then keeps from going; the kernel's never does.
 * => interrupts off
 * => TRUE: none is left
 */
static bool
page_remove_batched(struct vm_page *pg, struct tlb_batch *tb)
{
	struct pv_entry *pv;
	struct pmap *pm;

	pv_lock(pg);
	while ((pm = pg->mdpage.md_pv.pv_pmap) != NULL) {
		if (tb->tb_pm == NULL) {
			/* the kernel's is always there */
			if (pmap_is_user(pm))
				pmap_reference(pm);
			pmap_unfenced_begin(pm);
			tlb_batch_init(tb, pm);
		} else if (tb->tb_pm != pm)
			break;
		if ((pv = pv_remove_first(pg, tb)) != NULL)
			pv_free(pv);
	}
	pv_unlock(pg);
	return pm == NULL;
}

/*
 * One batch: of one pmap, and with interrupts off, for others wait for it.
 * => how many of the pages have no mapping left
 */
static unsigned
pages_remove_batch(struct vm_page **pgs, unsigned n)
{
	struct tlb_batch tb = { .tb_pm = NULL };
	unsigned long s = intr_disable();
	unsigned done = 0;

	while (done < n && page_remove_batched(pgs[done], &tb))
		done++;
	if (tb.tb_pm != NULL) {
		tlb_batch_flush(&tb);
		pmap_unfenced_end(tb.tb_pm);
	}
	intr_restore(s);
	if (tb.tb_pm != NULL && pmap_is_user(tb.tb_pm))
		pmap_destroy(tb.tb_pm);
	return done;
}

void
pmap_pages_remove(struct vm_page **pgs, unsigned n)
{
	for (unsigned done = 0; done < n;)
		done += pages_remove_batch(pgs + done, n - done);
	tlb_unfenced_wait();
}

/*
 * => owner's lock held for writing: nobody enters pg meanwhile
 */
void
pmap_page_protect(struct vm_page *pg, vm_prot_t prot)
{
	struct pv_entry *pv;
	unsigned long s;
	uint64_t mask;

	if (prot & PROT_WRITE)
		return;
	if (atomic_load_acq(&pg->mdpage.md_pv.pv_pmap) == NULL) {
		tlb_unfenced_wait();
		return;
	}
	if (!(prot & (PROT_READ | PROT_EXEC))) {
		pmap_page_remove(pg);
		tlb_unfenced_wait();
		return;
	}
	s = intr_disable();
	pv_lock(pg);
	PV_FOREACH(pv, pg)
	{
		mask = pte_write_mask(pmap_is_user(pv->pv_pmap));
		pmap_unfenced_begin(pv->pv_pmap);
		if ((atomic_and(pmap_leaf(pv->pv_pmap, pv->pv_va), mask) &
			~mask) &&
		    !MUTANT(PV_PROTECT_NO_FLUSH))
			tlb_flush_va(pv->pv_pmap, pv->pv_va);
		pmap_unfenced_end(pv->pv_pmap);
		if (MUTANT(PV_PROTECT_FIRST_ONLY))
			break;
	}
	pv_unlock(pg);
	intr_restore(s);
	tlb_unfenced_wait();
}

u_int
pmap_page_wirings(struct vm_page *pg)
{
	unsigned long s = intr_disable();
	struct pv_entry *pv;
	u_int n = 0;

	pv_lock(pg);
	PV_FOREACH(pv, pg)
	{
		n += (atomic_load(pmap_leaf(pv->pv_pmap, pv->pv_va)) &
			 PTE_WIRED) != 0;
	}
	pv_unlock(pg);
	intr_restore(s);
	return n;
}

/* -- Reference and modify of a page ----------------------------------------------- */

/* PVA_REF and PVA_MOD of a page, as its mappings and its past say. */
static uint32_t
page_attr(struct vm_page *pg, uint32_t want)
{
	struct pv_entry *pv;
	unsigned long s;
	uint32_t attr = atomic_load(&pg->mdpage.md_attr);
	pt_entry_t pte;

	if ((attr & want) || atomic_load(&pg->mdpage.md_pv.pv_pmap) == NULL)
		return attr;
	s = intr_disable();
	pv_lock(pg);
	PV_FOREACH(pv, pg)
	{
		pte = atomic_load(pmap_leaf(pv->pv_pmap, pv->pv_va));
		attr |= ((pte & PTE_A) ? PVA_REF : 0) |
		    ((pte & PTE_D) ? PVA_MOD : 0);
	}
	pv_unlock(pg);
	intr_restore(s);
	return attr;
}

boolean_t
pmap_is_modified(struct vm_page *pg)
{
	return (page_attr(pg, PVA_MOD) & PVA_MOD) != 0;
}

boolean_t
pmap_is_referenced(struct vm_page *pg)
{
	return (page_attr(pg, PVA_REF) & PVA_REF) != 0;
}

/*
 * Clear A (or D) of one mapping.  The loop ends when nobody, hardware
 * included, changed the entry in between.
 * => pv locked; TRUE if it was set: to be fenced
 */
static bool
pte_clear_attr(struct pv_entry *pv, bool mod)
{
	pt_entry_t *ptep, old, new, bit = mod ? PTE_D : PTE_A;

	if (!pmap_is_user(pv->pv_pmap))
		return false; /* kernel leaves keep A and D */
	ptep = pmap_leaf(pv->pv_pmap, pv->pv_va);
	old = atomic_load(ptep);
	do {
		if (!(old & bit))
			return false;
		new = mod ? pte_clear_mod(old, pmap_soft_ad)
			  : pte_clear_ref(old, pmap_soft_ad);
	} while (MUTANT(CLEAR_ATTR_BLIND) ? (atomic_store(ptep, new), false)
					  : !atomic_cas(ptep, &old, new));
	return true;
}

static boolean_t
pmap_clear_attr(struct vm_page *pg, bool mod)
{
	uint32_t attr = mod ? PVA_MOD : PVA_REF;
	struct pv_entry *pv;
	unsigned long s = intr_disable();
	bool was;

	pv_lock(pg);
	was = (atomic_and(&pg->mdpage.md_attr, ~attr) & attr) != 0;
	PV_FOREACH(pv, pg)
	{
		if (pte_clear_attr(pv, mod)) {
			tlb_flush_va(pv->pv_pmap, pv->pv_va);
			was = true;
		}
	}
	pv_unlock(pg);
	intr_restore(s);
	if (mod)
		tlb_unfenced_wait();
	return was;
}

boolean_t
pmap_clear_modify(struct vm_page *pg)
{
	return pmap_clear_attr(pg, true);
}

boolean_t
pmap_clear_reference(struct vm_page *pg)
{
	return pmap_clear_attr(pg, false);
}

/* -- Attributes and rights of many pages --------------------------------------------- */

#define BATCH_PMAPS   4 /* that share pages, each with a fence for all */
#define BATCH_SINGLES 16 /* fences of others before interrupts are on */

/* What every mapping of a page loses. */
enum page_loss { LOSS_REF, LOSS_MOD, LOSS_WRITE };

/*
 * Mappings that were changed and are not fenced yet, by pmap.  Each pmap is
 * kept from going: the page's pv lock, which did that, is released before the
 * fence.  Others fence what they remove or reduce themselves, with two
 * exceptions, who wait for this hart: who removes an entry without A from the
 * side of the page takes it for unused, and who takes away a right of one pmap
 * that is already gone has nothing to fence.
 * All members: [thread].
 */
struct page_batch {
	enum page_loss pb_loss;
	struct tlb_batch pb_tb[BATCH_PMAPS];
	unsigned pb_n; /* of them in use */
	unsigned pb_singles; /* mappings of further pmaps: fenced at once */
};

static inline void
loss_begin(const struct page_batch *pb, struct pmap *pm)
{
	if (pb->pb_loss == LOSS_WRITE && !MUTANT(PAGES_PROTECT_SEEMS_FENCED))
		pmap_unfenced_begin(pm);
}

static inline void
loss_end(const struct page_batch *pb, struct pmap *pm)
{
	if (pb->pb_loss == LOSS_WRITE && !MUTANT(PAGES_PROTECT_SEEMS_FENCED))
		pmap_unfenced_end(pm);
}

/* => where to note mappings of pm, or NULL: there are too many pmaps */
static struct tlb_batch *
page_batch_of(struct page_batch *pb, struct pmap *pm)
{
	struct tlb_batch *tb;

	for (tb = pb->pb_tb; tb < pb->pb_tb + pb->pb_n; tb++)
		if (tb->tb_pm == pm)
			return tb;
	if (pb->pb_n == BATCH_PMAPS)
		return NULL;
	pb->pb_n++;
	/* the kernel's is always there */
	if (pmap_is_user(pm))
		pmap_reference(pm);
	loss_begin(pb, pm);
	tlb_batch_init(tb, pm);
	return tb;
}

/* => does the mapping have what it is to lose?  Kernel leaves keep A and D. */
static bool
pv_has(struct pv_entry *pv, enum page_loss loss)
{
	bool user = pmap_is_user(pv->pv_pmap);
	pt_entry_t pte = atomic_load(pmap_leaf(pv->pv_pmap, pv->pv_va));

	if (loss == LOSS_WRITE)
		return (pte & ~pte_write_mask(user)) != 0;
	return user && (pte & (loss == LOSS_MOD ? PTE_D : PTE_A)) != 0;
}

/* => pv locked; TRUE: to be fenced */
static bool
pv_lose(struct pv_entry *pv, enum page_loss loss)
{
	uint64_t mask = pte_write_mask(pmap_is_user(pv->pv_pmap));

	if (loss != LOSS_WRITE)
		return pte_clear_attr(pv, loss == LOSS_MOD);
	return (atomic_and(pmap_leaf(pv->pv_pmap, pv->pv_va), mask) & ~mask) !=
	    0;
}

/* => interrupts off */
static void
page_lose(struct vm_page *pg, struct page_batch *pb)
{
	uint32_t attr = pb->pb_loss == LOSS_MOD ? PVA_MOD : PVA_REF;
	struct tlb_batch *tb;
	struct pv_entry *pv;

	pv_lock(pg);
	if (pb->pb_loss != LOSS_WRITE)
		atomic_and(&pg->mdpage.md_attr, ~attr);
	PV_FOREACH(pv, pg)
	{
		if (!pv_has(pv, pb->pb_loss))
			continue;
		tb = page_batch_of(pb, pv->pv_pmap);
		if (tb != NULL) {
			if (pv_lose(pv, pb->pb_loss))
				tlb_batch_add(tb, pv->pv_va);
			continue;
		}
		loss_begin(pb, pv->pv_pmap);
		if (pv_lose(pv, pb->pb_loss))
			tlb_flush_va(pv->pv_pmap, pv->pv_va);
		loss_end(pb, pv->pv_pmap);
		pb->pb_singles++;
	}
	pv_unlock(pg);
}

/* => interrupts off */
static void
page_batch_flush(struct page_batch *pb)
{
	for (unsigned i = 0; i < pb->pb_n; i++) {
		if (MUTANT(PAGES_FLUSH_FIRST_PAGE))
			pb->pb_tb[i].tb_n = 1;
		if (!MUTANT(PAGES_NO_FLUSH) &&
		    !(i > 0 && MUTANT(PAGES_FLUSH_FIRST_PMAP)))
			tlb_batch_flush(&pb->pb_tb[i]);
		loss_end(pb, pb->pb_tb[i].tb_pm);
	}
}

/*
 * One batch.  Interrupts are off until it is fenced, so it has an end.
 * => how many of the pages are done
 */
static unsigned
pages_lose_batch(struct vm_page **pgs, unsigned n, enum page_loss loss)
{
	struct page_batch pb = { .pb_loss = loss };
	unsigned long s = intr_disable();
	unsigned done = 0;

	if (!MUTANT(AGED_SEEMS_FENCED))
		tlb_unfenced_begin();
	do
		page_lose(pgs[done++], &pb);
	while (done < n && pb.pb_singles < BATCH_SINGLES);
	page_batch_flush(&pb);
	if (!MUTANT(AGED_SEEMS_FENCED))
		tlb_unfenced_end();
	intr_restore(s);
	for (unsigned i = 0; i < pb.pb_n; i++)
		if (pmap_is_user(pb.pb_tb[i].tb_pm))
			pmap_destroy(pb.pb_tb[i].tb_pm);
	return done;
}

static void
pages_lose(struct vm_page **pgs, unsigned n, enum page_loss loss)
{
	for (unsigned done = 0; done < n;)
		done += pages_lose_batch(pgs + done, n - done, loss);
}

void
pmap_pages_clear_reference(struct vm_page **pgs, unsigned n)
{
	pages_lose(pgs, n, LOSS_REF);
}

/*
 * A store through a mapping that another hart took away, or cleared, and has
 * not fenced must not come later either.
 */
void
pmap_pages_clear_modify(struct vm_page **pgs, unsigned n)
{
	pages_lose(pgs, n, LOSS_MOD);
	if (!MUTANT(PAGES_NO_WAIT))
		tlb_unfenced_wait();
}

void
pmap_pages_protect(struct vm_page **pgs, unsigned n)
{
	pages_lose(pgs, n, LOSS_WRITE);
	if (!MUTANT(PAGES_NO_WAIT))
		tlb_unfenced_wait();
}
