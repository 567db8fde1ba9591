/* Sv39's side of the invariant auditor: see pmap/pmap_audit.h. */
#include <pmap/sv39/pmap_i.h>
#include <pmap/pmap_audit.h>

typedef void audit_bad_fn(const char *fmt, ...);

/* -- The tables ----------------------------------------------------------------- */

/*
 * A walk of the 4 KiB levels; both functions may be NULL.
 * Members belong to the caller of walk().
 */
struct walk {
	/* [thread] leaf != 0 at va */
	void (*leaf)(struct walk *w, vaddr_t va, pt_entry_t pte);
	/* [thread] level: of the entry that points to it */
	void (*table)(struct walk *w, paddr_t pa, int level, vaddr_t va);
	struct pmap *pm; /* [thread] */
	audit_bad_fn *bad; /* [thread] or NULL */
	void *fn, *arg; /* [thread] whatever the two need */
	long tables, leaves, managed, wired; /* [thread] */
};

static vaddr_t
va_extend(vaddr_t va)
{
	return va >> 38 == 0 ? va : va | SV39_UPPER << 39;
}

/* => number of entries that are not zero */
static unsigned
walk_table(struct walk *w, const pt_entry_t *table, int level, vaddr_t va,
    unsigned first, unsigned end)
{
	unsigned used = 0, i;
	vaddr_t at;

	for (i = first; i < end; i++) {
		at = va + ((vaddr_t)i << (SV39_L0_SHIFT + 9 * level));
		if (table[i] == 0)
			continue;
		used++;
		if (level == 0) {
			if (w->leaf != NULL)
				w->leaf(w, va_extend(at), table[i]);
		} else if (pte_kind(table[i]) == PTE_TABLE) {
			if (w->table != NULL)
				w->table(w, pte_pa(table[i]), level, at);
			walk_table(w, pte_to_table(table[i]), level - 1, at, 0,
			    SV39_ENTRIES);
		} else if (w->bad != NULL)
			w->bad("pmap %p: entry %#lx at level %d, va %#lx, is "
			       "no table",
			    w->pm, table[i], level, va_extend(at));
	}
	return used;
}

static void
walk(struct walk *w, struct pmap *pm)
{
	w->pm = pm;
	if (pmap_is_user(pm))
		walk_table(w, pm->pm_root, 2, 0, 0, SV39_ENTRIES / 2);
	else
		walk_table(w, pm->pm_root, 2, 0,
		    sv39_index(VM_MIN_KERNEL_ADDRESS, 2),
		    sv39_index(VM_MAX_KERNEL_ADDRESS - 1, 2) + 1);
}

static struct vm_page *
managed_page(struct pmap *pm, pt_entry_t pte)
{
	if (!pmap_is_user(pm) && (pte & PTE_UNMANAGED))
		return NULL;
	return PHYS_TO_VM_PAGE(pte_pa(pte));
}

/* -- For the machine-independent part -------------------------------------------- */

typedef void mapping_fn(const struct audit_mapping *m, void *arg);

static void
tell_mapping(struct walk *w, vaddr_t va, pt_entry_t pte)
{
	struct audit_mapping m = {
		.va = va,
		.pa = pte_pa(pte),
		.prot = pte_prot(pte, pmap_is_user(w->pm)),
		.wired = (pte & PTE_WIRED) != 0,
		.managed = managed_page(w->pm, pte) != NULL,
	};

	((mapping_fn *)w->fn)(&m, w->arg);
}

void
audit_pmap_foreach(struct pmap *pm,
    void (*fn)(const struct audit_mapping *m, void *arg), void *arg)
{
	struct walk w = { .leaf = tell_mapping, .fn = fn, .arg = arg };

	walk(&w, pm);
}

void
audit_pmap_page(struct vm_page *pg,
    void (*fn)(struct pmap *pm, vaddr_t va, void *arg), void *arg)
{
	struct pv_entry *pv = &pg->mdpage.md_pv;

	if (pv->pv_pmap == NULL)
		return;
	for (; pv != NULL; pv = pv->pv_next)
		fn(pv->pv_pmap, pv->pv_va, arg);
}

typedef void table_fn(struct vm_page *pg, void *arg);

static void
tell_table(struct walk *w, paddr_t pa, int level, vaddr_t va)
{
	struct vm_page *pg = PHYS_TO_VM_PAGE(pa);

	/* the first tables of the kernel are part of its image */
	if (pg != NULL)
		((table_fn *)w->fn)(pg, w->arg);
	else if (pmap_is_user(w->pm) && w->bad != NULL)
		w->bad(
		    "pmap %p: table at %#lx is no page of memory", w->pm, pa);
}

void
audit_pmap_tables(
    struct pmap *pm, void (*fn)(struct vm_page *pg, void *arg), void *arg)
{
	struct walk w = { .table = tell_table, .fn = fn, .arg = arg };

	if (pmap_is_user(pm))
		fn(PHYS_TO_VM_PAGE(pm->pm_rootpa), arg);
	walk(&w, pm);
}

/* -- Entries ---------------------------------------------------------------------- */

/* What an entry of a user pmap says about itself; NULL: nothing is wrong. */
static const char *
user_leaf_wrong(pt_entry_t pte, bool managed)
{
	bool soft = pmap_soft_ad && managed;

	if (!(pte & PTE_U))
		return "not a user entry";
	if (pte & PTE_G)
		return "global";
	if ((pte & (PTE_R | PTE_W)) == PTE_W || !(pte & PTE_RIGHTS))
		return "reserved encoding of rights";
	if (!(pte & PTE_V) && (!soft || (pte & PTE_A)))
		return "not valid";
	if ((pte & PTE_V) && soft && !(pte & PTE_A))
		return "valid, but not referenced";
	if ((pte & PTE_WANTW) && (!soft || (pte & (PTE_W | PTE_D))))
		return "write withheld for no reason";
	if (soft && (pte & PTE_W) && !(pte & PTE_D))
		return "writable, but not modified";
	return NULL;
}

static const char *
kernel_leaf_wrong(pt_entry_t pte)
{
	if (pte_kind(pte) != PTE_LEAF)
		return "no leaf";
	if (pte & PTE_U)
		return "user entry";
	if (!(pte & PTE_G) || !(pte & PTE_A))
		return "not global, or not referenced";
	if ((pte & PTE_W) && !(pte & PTE_D))
		return "writable, but not modified";
	if ((pte & PTE_W) && (pte & PTE_X))
		return "writable and executable";
	return NULL;
}

static void
check_leaf(struct walk *w, vaddr_t va, pt_entry_t pte)
{
	bool managed = managed_page(w->pm, pte) != NULL;
	const char *why = pmap_is_user(w->pm) ? user_leaf_wrong(pte, managed)
					      : kernel_leaf_wrong(pte);

	if (why != NULL)
		w->bad(
		    "pmap %p: entry %#lx at va %#lx: %s", w->pm, pte, va, why);
	w->leaves++;
	w->managed += managed;
	w->wired += (pte & PTE_WIRED) != 0;
}

static void
count_table(struct walk *w, paddr_t pa, int level, vaddr_t va)
{
	w->tables++;
}

/* -- A pmap ------------------------------------------------------------------------ */

static void
check_lists(struct pmap *pm, long tables, audit_bad_fn *bad)
{
	struct vm_page *pg, **prev = &pm->pm_ptpages.tqh_first;
	const pt_entry_t *kroot = kernel_pmap_store.pm_root;
	long n = 0;

	for (pg = pm->pm_ptpages.tqh_first; pg != NULL && n <= tables;
	     pg = pg->pageq.tqe_next, n++) {
		if (pg->pageq.tqe_prev != prev)
			bad("pmap %p: pm_ptpages is broken at page %#lx", pm,
			    VM_PAGE_TO_PHYS(pg));
		prev = &pg->pageq.tqe_next;
	}
	if (n != tables)
		bad("pmap %p: pm_ptpages has %ld pages, there are %ld tables",
		    pm, n, tables);
	for (unsigned i = SV39_ENTRIES / 2; i < SV39_ENTRIES; i++)
		if (pm->pm_root[i] != kroot[i])
			bad("pmap %p: root entry %u is %#lx, the kernel's %#lx",
			    pm, i, pm->pm_root[i], kroot[i]);
}

void
audit_pmap_check(struct pmap *pm, audit_bad_fn *bad)
{
	struct walk w = {
		.leaf = check_leaf, .table = count_table, .bad = bad
	};
	bool user = pmap_is_user(pm);

	walk(&w, pm);
	if (pm->pm_mtx.mtx_locked)
		bad("pmap %p: pm_mtx is held", pm);
	if (user ? pm->pm_resident != w.leaves : pm->pm_resident < w.managed)
		bad("pmap %p: pm_resident is %ld, should be %ld", pm,
		    pm->pm_resident, user ? w.leaves : w.managed);
	if (pm->pm_wired != w.wired)
		bad("pmap %p: pm_wired is %ld, wired entries: %ld", pm,
		    pm->pm_wired, w.wired);
	if (user) {
		if (pm->pm_refs != 1)
			bad("pmap %p: pm_refs is %u, one map uses it", pm,
			    pm->pm_refs);
		if (pm->pm_root != (pt_entry_t *)PHYS_TO_DMAP(pm->pm_rootpa))
			bad("pmap %p: pm_root and pm_rootpa disagree", pm);
		check_lists(pm, w.tables + 1, bad);
	}
}

/* -- A page ------------------------------------------------------------------------- */

void
audit_pmap_check_page(struct vm_page *pg, bool is_free, audit_bad_fn *bad)
{
	uint32_t attr = pg->mdpage.md_attr;

	if (attr & PVA_LOCK)
		bad("page %#lx: its pv lock is held", VM_PAGE_TO_PHYS(pg));
	if (attr & ~(uint32_t)(PVA_REF | PVA_MOD | PVA_ICLEAN | PVA_LOCK))
		bad("page %#lx: md_attr is %#x", VM_PAGE_TO_PHYS(pg), attr);
	if (is_free && (attr & (PVA_REF | PVA_MOD)))
		bad("page %#lx: free, but md_attr is %#x", VM_PAGE_TO_PHYS(pg),
		    attr);
}
