/*
 * Mappings against maps: for each page mapped, which page should be there, and
 * may it be accessed so?
 */
#include <tests/audit/audit_i.h>

/* One pmap's walk.  Members: the walk's. */
struct pmwalk {
	struct vm_map *map;
	struct pmap *pm;
	long resident, nwired;
};

static paddr_t zero_pa; /* the page of zeros, once one is seen mapped */

static void
mapping_wrong(
    const struct pmwalk *pw, const struct audit_mapping *m, const char *why)
{
	audit_bad("pmap %p: va %#lx -> pa %#lx, prot %d%s%s: %s", pw->pm, m->va,
	    m->pa, m->prot, m->wired ? ", wired" : "",
	    m->managed ? "" : ", unmanaged", why);
}

/* => the entry that holds va, of a submap too, or NULL */
static struct vm_map_entry *
find_entry(struct vm_map **mapp, vaddr_t va)
{
	struct vm_map_entry *e;

	for (;;) {
		e = uvm_maptree_lookup(*mapp, va);
		if (e == NULL || va >= e->end || !UVM_ET_ISSUBMAP(e))
			break;
		*mapp = e->object.sub_map;
	}
	return e != NULL && va < e->end ? e : NULL;
}

/* -- What may be mapped ------------------------------------------------------------ */

/* => NULL, or what is wrong with an anon's page being mapped so */
static const char *
anon_wrong(const struct vm_map_entry *e, const struct vm_anon *anon,
    const struct audit_mapping *m)
{
	const struct vm_page *pg = anon->an_page;

	if (pg == NULL || VM_PAGE_TO_PHYS(pg) != m->pa)
		return "not the page of the anon there";
	if (!m->managed)
		return "an anon's page";
	if ((m->prot & PROT_WRITE) == 0)
		return NULL;
	if (UVM_ET_ISNEEDSCOPY(e))
		return "writable, the entry needs a copy";
	if (anon->an_ref != 1)
		return "writable, the anon is shared";
	if (pg->loan_count != 0)
		return "writable, the page is on loan";
	return NULL;
}

/* => the same of an object's page */
static const char *
object_wrong(const struct vm_map_entry *e, const struct audit_mapping *m)
{
	struct uvm_object *obj = e->object.uvm_obj;
	const struct vm_page *pg;

	if (obj == NULL)
		return "no object there";
	if (obj->pgops->pgo_fault != NULL)
		return NULL; /* the pager maps what it likes */
	pg = uvm_pagelookup(obj, e->offset + (voff_t)(m->va - e->start));
	if (pg == NULL || VM_PAGE_TO_PHYS(pg) != m->pa)
		return "not the page of the object there";
	if (!m->managed)
		return "an object's page";
	if ((m->prot & PROT_WRITE) == 0)
		return NULL;
	if (UVM_ET_ISCOPYONWRITE(e))
		return "writable, though an object's page copied on write";
	if (pg->loan_count != 0)
		return "writable, the page is on loan";
	if (pg->pg_flags & PG_RDONLY)
		return "writable, the page is PG_RDONLY";
	if (pg->pg_flags & PG_HOLE)
		return "writable, the file has no place for the page";
	if (pg->uobject != NULL && UVM_OBJ_IS_VNODE(pg->uobject) &&
	    (pg->pg_flags & PG_DIRTY) == 0)
		return "writable, though not counted as dirty";
	return NULL;
}

/*
 * May somebody put a page into the slot without asking this map?  Entries of a
 * shared amap's other slots do not matter: they never get to this one.
 */
static bool
slot_is_shared(const struct vm_map_entry *e, vaddr_t va)
{
	struct vm_amap *amap = e->aref.ar_amap;
	uint32_t slot = e->aref.ar_pageoff + (uint32_t)atop(va - e->start);
	const struct audit_ref *ref;
	size_t n, refs = 0;

	if (amap == NULL || (amap->am_flags & AMAP_SHARED) == 0 ||
	    UVM_ET_ISNEEDSCOPY(e))
		return false;
	ref = audit_ref_find(amap, &n);
	for (size_t i = 0; i < n; i++)
		refs += ref[i].ar_off <= slot && slot < ref[i].ar_end;
	return refs > 1;
}

/* => the same where nothing is: only the page of zeros, for reading */
static const char *
nothing_wrong(const struct vm_map_entry *e, const struct audit_mapping *m)
{
	if (m->managed || PHYS_TO_VM_PAGE(m->pa) != NULL)
		return "a page where there is none";
	if (zero_pa == 0)
		zero_pa = m->pa;
	if (m->pa != zero_pa)
		return "unmanaged, and not the page of zeros";
	if (m->prot & PROT_WRITE)
		return "the page of zeros, writable";
	if (!UVM_ET_ISCOPYONWRITE(e))
		return "the page of zeros in shared memory";
	if (!UVM_ET_ISNEEDSCOPY(e) && slot_is_shared(e, m->va))
		return "the page of zeros, the amap is shared";
	return NULL;
}

static const char *
contents_wrong(struct vm_map_entry *e, const struct audit_mapping *m)
{
	struct vm_anon *anon = NULL;

	if (e->aref.ar_amap != NULL) {
		if (!audit_pool_live(audit.au_pool.amap, e->aref.ar_amap))
			return "the amap is not in use";
		anon = amap_lookup(&e->aref, m->va - e->start);
	}
	if (anon != NULL)
		return anon_wrong(e, anon, m);
	if (UVM_ET_ISOBJ(e))
		return object_wrong(e, m);
	return nothing_wrong(e, m);
}

static const char *
entry_forbids(const struct vm_map_entry *e, const struct audit_mapping *m)
{
	vm_prot_t prot = e->protection;

	if (prot & PROT_WRITE)
		prot |= PROT_READ; /* the machine has no other way */
	if (UVM_ET_ISHOLE(e))
		return "in a hole";
	if ((m->prot & ~prot) != 0)
		return "more than the entry permits";
	return NULL;
}

/* -- One mapping ----------------------------------------------------------------------- */

/* Count it for its page. => page, NULL if unmanaged */
static struct vm_page *
note_mapping(struct pmwalk *pw, const struct audit_mapping *m)
{
	struct vm_page *pg = m->managed ? PHYS_TO_VM_PAGE(m->pa) : NULL;
	struct audit_page *ap;

	pw->resident++;
	pw->nwired += m->wired;
	if (pg == NULL)
		return NULL;
	ap = audit_page_of(pg);
	ap->ap_maps++;
	ap->ap_hash += audit_map_hash(pw->pm, m->va);
	if (AP_IS_FREE(ap->ap_place))
		mapping_wrong(pw, m, "the page is free");
	else if (pg->pg_flags & PG_FAKE && !audit_known.io)
		mapping_wrong(pw, m, "the page has no contents");
	return pg;
}

static void
user_mapping(const struct audit_mapping *m, void *arg)
{
	struct pmwalk *pw = arg;
	struct vm_page *pg = note_mapping(pw, m);
	struct vm_map *map = pw->map;
	struct vm_map_entry *e = find_entry(&map, m->va);
	const char *why;

	if (e == NULL) {
		mapping_wrong(pw, m, "no entry there");
		return;
	}
	why = entry_forbids(e, m);
	if (why == NULL)
		why = contents_wrong(e, m);
	if (why != NULL)
		mapping_wrong(pw, m, why);
	if (!VM_MAPENT_ISWIRED(e)) {
		if (m->wired && !audit_known.io)
			mapping_wrong(pw, m, "the entry is not wired");
		return;
	}
	if (!m->wired)
		mapping_wrong(pw, m, "the entry is wired");
	if (pg != NULL)
		audit_page_of(pg)->ap_wires++;
}

/* Memory of the kernel that its owner maps: without owner, or not free. */
static const char *
kenter_wrong(const struct pmwalk *pw, const struct audit_mapping *m)
{
	struct vm_page *pg = PHYS_TO_VM_PAGE(m->pa);
	struct audit_page *ap;

	if (pg == NULL)
		return NULL;
	ap = audit_page_of(pg);
	if (AP_IS_FREE(ap->ap_place))
		return "the page is free";
	if (ap->ap_place == AP_NONE && pg->uobject == NULL)
		(void)audit_place(pg, AP_KERNEL);
	return NULL;
}

static void
kernel_mapping(const struct audit_mapping *m, void *arg)
{
	struct pmwalk *pw = arg;
	struct vm_page *pg = note_mapping(pw, m);
	struct vm_map *map = pw->map;
	struct vm_map_entry *e = find_entry(&map, m->va);
	const char *why;

	if (e == NULL) {
		mapping_wrong(pw, m, "no entry there");
		return;
	}
	why = entry_forbids(e, m);
	if (why == NULL && m->managed)
		why = contents_wrong(e, m);
	else if (why == NULL)
		why = kenter_wrong(pw, m);
	if (why != NULL)
		mapping_wrong(pw, m, why);
	if (pg == NULL || !m->wired)
		return;
	if (VM_MAPENT_ISWIRED(e))
		audit_page_of(pg)->ap_wires++;
	else
		audit_page_of(pg)->ap_slack++;
}

/* -- One pmap ---------------------------------------------------------------------------- */

static void
place_table(struct vm_page *pg, void *arg)
{
	if (audit_place(pg, AP_TABLE) &&
	    (pg->uobject != NULL || pg->uanon != NULL))
		audit_bad("page %#lx: a page table with an owner",
		    VM_PAGE_TO_PHYS(pg));
}

/*
 * A page of a wired entry need not be mapped: whoever replaces it through
 * another map takes its mapping away, and the next fault wires the new one.
 */
static void
check_map(struct vm_map *map)
{
	struct pmwalk pw = { .map = map, .pm = map->pmap };
	bool kernel = vm_map_is_kernel(map);
	long resident, nwired;

	if (kernel && map != kernel_map)
		return; /* walked with its parent */
	audit_pmap_tables(pw.pm, place_table, NULL);
	audit_pmap_foreach(pw.pm, kernel ? kernel_mapping : user_mapping, &pw);
	audit_pmap_check(pw.pm, audit_bad);
	if (kernel)
		return;
	resident = pmap_resident_count(pw.pm);
	nwired = pmap_wired_count(pw.pm);
	if (resident != pw.resident || nwired != pw.nwired)
		audit_bad("pmap %p: resident %ld, wired %ld, should be %ld, "
			  "%ld",
		    pw.pm, resident, nwired, pw.resident, pw.nwired);
}

void
audit_pmaps(void)
{
	audit_map_foreach(check_map);
}
