/*
 * Amaps, their anons, their locks.
 *
 * References to anons and locks are counted in place: each holder takes one
 * away, what is left must be what loans account for, then all are given back.
 */
#include <tests/audit/audit_i.h>
#include <lib/sort.h>

/* -- Storage ---------------------------------------------------------------------- */

/* One amap's walk.  Members: the walk's. */
struct amapwalk {
	struct vm_amap *amap;
	const struct audit_ref *ref; /* entries, by first slot */
	size_t nref, next; /* next: the first that begins beyond the slot */
	uint32_t covered; /* slots below belong to some entry seen */
	uint32_t count; /* anons */
	bool ok; /* the tree can be followed */
	void (*fn)(struct amapwalk *aw, struct vm_anon **where, uint32_t slot);
};

static void
walk_leaf(struct amapwalk *aw, struct vm_anon **slots, uint32_t slot, u_int n)
{
	for (u_int i = 0; i < n && aw->ok; i++)
		if (slots[i] != NULL) {
			aw->count++;
			aw->fn(aw, &slots[i], slot + i);
		}
}

static void
walk_node(struct amapwalk *aw, struct amap_node *nd, u_int level, uint32_t slot)
{
	uint32_t used = 0;

	if (!audit_pool_live(audit.au_pool.node, nd)) {
		aw->ok = false;
		return;
	}
	audit.au_amapnodes++;
	for (u_int i = 0; i < AMAP_NODE_SLOTS; i++)
		used += nd->nd_slot[i] != NULL;
	if (used != nd->nd_count || used == 0)
		audit_bad("amap %p: nd_count of node %p is %u, slots in use: "
			  "%u",
		    aw->amap, nd, nd->nd_count, used);
	if (level == 1) {
		walk_leaf(
		    aw, (struct vm_anon **)nd->nd_slot, slot, AMAP_NODE_SLOTS);
		return;
	}
	for (u_int i = 0; i < AMAP_NODE_SLOTS && aw->ok; i++)
		if (nd->nd_slot[i] != NULL)
			walk_node(aw, nd->nd_slot[i], level - 1,
			    slot | i << (AMAP_NODE_SHIFT * (level - 1)));
}

/* => fn for each slot in use, ascending; FALSE: the storage is broken */
static bool
walk_slots(struct amapwalk *aw)
{
	struct amap_store *as = &aw->amap->am_store;
	u_int height = amap_store_height(as);

	aw->ok = height <= AMAP_MAXHEIGHT;
	if (height == 0)
		walk_leaf(aw, as->as_inline, 0, AMAP_INLINE);
	else if (aw->ok)
		walk_node(aw, AMAP_TOP_ROOT(as->as_top), height, 0);
	return aw->ok;
}

/* -- Slots ---------------------------------------------------------------------------- */

/* Slots come in ascending order: which ones belong to entries? */
static bool
slot_is_covered(struct amapwalk *aw, uint32_t slot)
{
	for (; aw->next < aw->nref && aw->ref[aw->next].ar_off <= slot;
	     aw->next++)
		aw->covered = MAX(aw->covered, aw->ref[aw->next].ar_end);
	return slot < aw->covered;
}

static void
check_slot(struct amapwalk *aw, struct vm_anon **where, uint32_t slot)
{
	struct vm_amap *amap = aw->amap;
	struct vm_anon *anon = *where;

	if (!audit_pool_live(audit.au_pool.anon, anon)) {
		audit_bad("amap %p: slot %u holds %p, no anon in use", amap,
		    slot, anon);
		return;
	}
	anon->an_ref--;
	if (anon->an_lock != amap->am_lock)
		audit_bad("anon %p: an_lock is %p, that of its amap %p", anon,
		    anon->an_lock, amap->am_lock);
	if (slot >= amap->am_nslot)
		audit_bad("amap %p: slot %u in use, am_nslot is %u", amap, slot,
		    amap->am_nslot);
	if (!slot_is_covered(aw, slot) && !audit_known.shortage)
		audit_bad("amap %p: slot %u in use, but no entry refers to it",
		    amap, slot);
}

static void
restore_slot(struct amapwalk *aw, struct vm_anon **where, uint32_t slot)
{
	if (audit_pool_live(audit.au_pool.anon, *where))
		(*where)->an_ref++;
}

/* -- Entries by slot --------------------------------------------------------------------- */

static int
end_cmp(const void *a, const void *b)
{
	const struct audit_ref *ra = &audit.au_ref[*(const uint32_t *)a];
	const struct audit_ref *rb = &audit.au_ref[*(const uint32_t *)b];

	return ra->ar_end < rb->ar_end ? -1 : ra->ar_end > rb->ar_end;
}

/* => the steps are as uvm_amap_cover.c keeps them */
static bool
check_steps(const struct vm_amap *amap)
{
	const struct amap_cover *ac = &amap->am_cover;
	bool ok = ac->ac_n >= 1 && ac->ac_n <= ac->ac_max &&
	    (ac->ac_step == ac->ac_inline) == (ac->ac_max == AMAP_STEPS) &&
	    ac->ac_step[0].st_slot == 0;

	for (u_int i = 0; ok && i < ac->ac_n; i++)
		ok = ac->ac_step[i].st_refs >= 1 &&
		    (i == 0 ||
			ac->ac_step[i - 1].st_slot < ac->ac_step[i].st_slot);
	if (!ok)
		audit_bad("amap %p: am_cover: %u steps of %u, out of order",
		    amap, ac->ac_n, ac->ac_max);
	return ok;
}

/* A run of slots that the same entries refer to.  Members: the sweep's. */
struct sweep {
	const struct vm_amap *amap;
	const struct audit_ref *ref; /* by ar_off */
	const uint32_t *end; /* by ar_end */
	size_t n, in, out; /* entries begun, ended */
	u_int step; /* step of the cover */
	int copying; /* needs-copy entries among those that refer */
};

static inline int
copies(const struct audit_ref *r)
{
	return UVM_ET_ISNEEDSCOPY(r->ar_entry) != 0;
}

/* => first slot beyond `slot' where something changes */
static uint32_t
sweep_to(struct sweep *sw, uint32_t slot)
{
	const struct amap_cover *ac = &sw->amap->am_cover;
	uint32_t next = AMAP_END;

	for (; sw->in < sw->n && sw->ref[sw->in].ar_off <= slot; sw->in++)
		sw->copying += copies(&sw->ref[sw->in]);
	for (; sw->out < sw->n && audit.au_ref[sw->end[sw->out]].ar_end <= slot;
	     sw->out++)
		sw->copying -= copies(&audit.au_ref[sw->end[sw->out]]);
	while (sw->step + 1 < ac->ac_n &&
	    ac->ac_step[sw->step + 1].st_slot <= slot)
		sw->step++;
	if (sw->in < sw->n)
		next = sw->ref[sw->in].ar_off;
	if (sw->out < sw->n)
		next = MIN(next, audit.au_ref[sw->end[sw->out]].ar_end);
	if (sw->step + 1 < ac->ac_n)
		next = MIN(next, ac->ac_step[sw->step + 1].st_slot);
	return next;
}

/*
 * The cover tells how many entries refer to each slot that has any; and memory
 * that two entries write to is either shared by all of them or copied by all.
 */
static void
check_cover(struct vm_amap *amap, const struct audit_ref *ref, size_t n)
{
	struct sweep sw = {
		.amap = amap, .ref = ref, .n = n, .end = audit.au_end
	};
	uint32_t first = (uint32_t)(ref - audit.au_ref), slot, next, refs;

	for (size_t i = 0; i < n; i++)
		audit.au_end[i] = first + (uint32_t)i;
	ksort(audit.au_end, n, sizeof(audit.au_end[0]), end_cmp);
	for (slot = ref[0].ar_off; sw.out < n; slot = next) {
		next = sweep_to(&sw, slot);
		refs = (uint32_t)(sw.in - sw.out);
		if (refs == 0)
			continue;
		if (amap->am_cover.ac_step[sw.step].st_refs < refs ||
		    (amap->am_cover.ac_step[sw.step].st_refs != refs &&
			!audit_known.shortage))
			audit_bad("amap %p: %u entries refer to slot %u, "
				  "am_cover says %u",
			    amap, refs, slot,
			    amap->am_cover.ac_step[sw.step].st_refs);
		if (refs > 1 && sw.copying != 0 && (uint32_t)sw.copying != refs)
			audit_bad("amap %p: slot %u: %d of %u entries need a "
				  "copy",
			    amap, slot, sw.copying, refs);
		if (refs > 1 && sw.copying == 0 &&
		    (amap->am_flags & AMAP_SHARED) == 0)
			audit_bad("amap %p: slot %u is shared by %u entries, "
				  "am_flags is %#x",
			    amap, slot, refs, amap->am_flags);
	}
}

/* -- Amaps -------------------------------------------------------------------------------- */

static bool
lock_is_live(struct vm_amap *amap)
{
	return audit_pool_live(audit.au_pool.lock, amap->am_lock);
}

static void
check_amap(void *item)
{
	struct amapwalk aw = { .amap = item, .fn = check_slot };
	struct vm_amap *amap = item;

	aw.ref = audit_ref_find(amap, &aw.nref);
	if (amap->am_ref != (int)aw.nref)
		audit_bad("amap %p: am_ref is %d, %lu entries refer to it",
		    amap, amap->am_ref, (u_long)aw.nref);
	if ((amap->am_flags & ~AMAP_SHARED) != 0)
		audit_bad("amap %p: am_flags is %#x", amap, amap->am_flags);
	if (lock_is_live(amap))
		amap->am_lock->aml_refs.r_refs--;
	else
		audit_bad(
		    "amap %p: am_lock %p is not in use", amap, amap->am_lock);
	if (!walk_slots(&aw))
		audit_bad("amap %p: its nodes are broken", amap);
	else if (aw.count != amap->am_store.as_count)
		audit_bad("amap %p: as_count is %u, should be %u", amap,
		    amap->am_store.as_count, aw.count);
	if (check_steps(amap) && aw.nref > 0)
		check_cover(amap, aw.ref, aw.nref);
}

static void
restore_amap(void *item)
{
	struct amapwalk aw = { .amap = item, .fn = restore_slot };
	long nodes = audit.au_amapnodes;

	if (lock_is_live(aw.amap))
		aw.amap->am_lock->aml_refs.r_refs++;
	(void)walk_slots(&aw);
	audit.au_amapnodes = nodes;
}

/* -- Anons ---------------------------------------------------------------------------------- */

static void
check_anon_page(struct vm_anon *anon)
{
	struct vm_page *pg = anon->an_page;

	if (pg == NULL) {
		if (anon->an_swslot == 0)
			audit_bad("anon %p: neither page nor swap slot", anon);
		return;
	}
	if (!audit_page_valid(pg)) {
		audit_bad("anon %p: an_page is %p, no page", anon, pg);
		return;
	}
	if (pg->uanon == anon) {
		(void)audit_place(pg, AP_ANON);
		return;
	}
	/* its page is borrowed, from an object or one that gave it up */
	audit_page_of(pg)->ap_borrow++;
	if (pg->loan_count == 0 || pg->uanon != NULL)
		audit_bad("anon %p: page %#lx is not its own, uanon %p, "
			  "loan_count %u",
		    anon, VM_PAGE_TO_PHYS(pg), pg->uanon, pg->loan_count);
}

/* What amaps do not hold are references of borrowers (uvm_loan). */
static void
check_anon(void *item)
{
	struct vm_anon *anon = item;

	if (anon->an_ref < 0)
		audit_bad("anon %p: an_ref is %d less than slots hold it", anon,
		    -anon->an_ref);
	if (anon->an_lock == NULL) {
		if (anon->an_ref != 1 || anon->an_page == NULL ||
		    anon->an_page->uanon == anon)
			audit_bad("anon %p: in no amap, an_ref %d, an_page %p",
			    anon, anon->an_ref, anon->an_page);
	} else if (!audit_pool_live(audit.au_pool.lock, anon->an_lock))
		audit_bad(
		    "anon %p: an_lock %p is not in use", anon, anon->an_lock);
	else
		anon->an_lock->aml_refs.r_refs -= (u_int)anon->an_ref;
	check_anon_page(anon);
	if (anon->an_swslot != 0)
		audit_slot(anon->an_swslot, (uintptr_t)anon, anon->an_page);
}

static void
restore_anon(void *item)
{
	struct vm_anon *anon = item;

	if (anon->an_lock != NULL &&
	    audit_pool_live(audit.au_pool.lock, anon->an_lock))
		anon->an_lock->aml_refs.r_refs += (u_int)anon->an_ref;
}

static void
check_lock(void *item)
{
	struct amap_lock *lock = item;

	audit_rwlock(&lock->aml_lock, "amap lock", lock);
	if (lock->aml_refs.r_refs != 0)
		audit_bad("amap lock %p: aml_refs is %d more than amaps and "
			  "borrowed anons",
		    lock, (int)lock->aml_refs.r_refs);
}

void
audit_amaps(void)
{
	audit_pool_items(audit.au_pool.amap, check_amap);
	audit_pool_items(audit.au_pool.anon, check_anon);
	audit_pool_items(audit.au_pool.lock, check_lock);
	audit_pool_items(audit.au_pool.anon, restore_anon);
	audit_pool_items(audit.au_pool.amap, restore_amap);
}
