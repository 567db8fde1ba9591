/*
 * An Sv39 MMU that does everything the privileged specification allows and
 * nothing it forbids, for the real pmap/sv39 on the host.
 *
 *	mmu_model.c	accesses, speculation, instruction coherence
 *	mmu_walk.c	walks
 *	mmu_cache.c	what harts keep, and what a fence takes away
 *	mmu_fence.c	pmap_hw.h: local and remote fences, satp
 *	mmu_history.c	what happened, for messages
 *
 * An access turns out as any translation says that the hart may have: a leaf
 * it keeps, an invalid entry it keeps, or a walk that reads memory now, from
 * the root or from any table it keeps the address of.  After a fault by a copy
 * it uses that one again while it has it: only a fence ends that.
 *
 * Left out: a store is seen by all harts at once (they run in turn), so the
 * fences between stores and walks are not tested; MXR; Svnapot; access faults,
 * which are page faults here.
 */
#include <pmap/host/mmu_i.h>

#define RECENT 64 /* pages remembered for speculation */

struct mmu mmu;

/* When a page of RAM was last written, in mmu.seq. */
static uint64_t written[MMU_RAM_PAGES];

/* Pages lately accessed or fenced, by any hart; low 39 bits. */
static vaddr_t recent[RECENT];
static unsigned recent_next;

/* One way an access can go, and how to go it. */
struct candidate {
	struct mmu_outcome ca_mo;
	struct mmu_entry *ca_entry; /* used as it is kept, or NULL: */
	const struct mmu_entry *ca_from; /* walk from here; NULL: the root */
};

struct candidates {
	unsigned cs_hart, cs_n;
	vaddr_t cs_va;
	enum mmu_access cs_access;
	bool cs_user;
	struct candidate cs[MMU_OUTCOMES_MAX];
};

_Static_assert(MMU_OUTCOMES_MAX >= CL_COUNT * MMU_WAYS + 1,
    "every copy and the walk from the root");

void
mmu_init(const struct mmu_config *mc)
{
	mmu.mc = *mc;
	mmu.start = ++mmu.seq;
	mmu.asid_mask = (1UL << mc->mc_asid_bits) - 1;
	mmu.full_fences = false;
	if (mc->mc_harts > MMU_HARTS_MAX || mc->mc_ram_pages > MMU_RAM_PAGES ||
	    mc->mc_asid_bits > 16)
		mc->mc_fail("mmu: %u harts, %u pages, %u ASID bits",
		    mc->mc_harts, mc->mc_ram_pages, mc->mc_asid_bits);
	for (unsigned i = 0; i < RECENT; i++)
		recent[i] = 0;
	recent_next = 0;
	mmu_cache_init();
	mmu_history_init();
}

/* -- What an entry says -------------------------------------------------------- */

static bool
allows(uint64_t pte, enum mmu_access access, bool user)
{
	static const uint64_t right[] = {
		[MMU_LOAD] = PTE_R,
		[MMU_STORE] = PTE_W,
		[MMU_FETCH] = PTE_X,
	};

	return (pte & right[access]) != 0 && ((pte & PTE_U) != 0) == user;
}

/*
 * How the access ends with this entry.
 * => false: not with this copy, which lacks A or D and is not what memory
 *    holds any more
 */
static bool
judge(const struct candidates *cs, uint64_t pte, paddr_t pte_pa, int level,
    enum pte_kind kind, bool kept, struct mmu_outcome *mo)
{
	uint64_t want = PTE_A | (cs->cs_access == MMU_STORE ? PTE_D : 0), now;

	mo->mo_entry = pte;
	mo->mo_entry_pa = pte_pa;
	mo->mo_fault =
	    kind != PTE_LEAF || !allows(pte, cs->cs_access, cs->cs_user);
	mo->mo_set = 0;
	mo->mo_pa = 0;
	if (mo->mo_fault)
		return true;
	want &= ~pte;
	if (want != 0 && !mmu_hard_ad(cs->cs_hart)) {
		mo->mo_fault = true;
		return true;
	}
	/* "compare pte to the value of the PTE at address a": all of it */
	if (want != 0 && kept && (!mmu_read(pte_pa, &now) || now != pte))
		return false;
	mo->mo_set = want;
	mo->mo_pa = mmu_leaf_pa(pte, cs->cs_va, level);
	return true;
}

/* Two ways with the same end count once. */
static void
add(struct candidates *cs, const struct candidate *ca)
{
	const struct mmu_outcome *a = &ca->ca_mo;

	for (unsigned i = 0; i < cs->cs_n; i++) {
		const struct mmu_outcome *b = &cs->cs[i].ca_mo;

		if (a->mo_fault == b->mo_fault && a->mo_pa == b->mo_pa &&
		    a->mo_set == b->mo_set &&
		    (a->mo_set == 0 || a->mo_entry_pa == b->mo_entry_pa))
			return;
	}
	cs->cs[cs->cs_n++] = *ca;
}

/* -- All the ways -------------------------------------------------------------- */

static void
add_kept(struct candidates *cs, struct mmu_entry *me)
{
	struct candidate ca = { .ca_entry = me };

	ca.ca_mo.mo_from =
	    me->me_kind == PTE_LEAF ? "cached entry" : "cached invalid entry";
	if (judge(cs, me->me_pte, me->me_pte_pa, me->me_level, me->me_kind,
		true, &ca.ca_mo))
		add(cs, &ca);
}

static void
add_walk(struct candidates *cs, const struct mmu_walk *w,
    const struct mmu_entry *from)
{
	struct candidate ca = { .ca_from = from };
	int level = w->w_end;

	if (w->w_outside) {
		ca.ca_mo.mo_fault = true;
		ca.ca_mo.mo_from = "table outside memory";
	} else {
		ca.ca_mo.mo_from =
		    from != NULL ? "walk from cached table" : "walk";
		judge(cs, w->w_pte[level], w->w_pte_pa[level], level, w->w_kind,
		    false, &ca.ca_mo);
	}
	add(cs, &ca);
}

/* Did the walk from the root pass that table?  Then nothing new comes of it. */
static bool
passed(const struct mmu_walk *root, const struct mmu_entry *me)
{
	int level = me->me_level;

	return !(root->w_outside && root->w_end >= level) &&
	    root->w_end < level && root->w_pte[level] == me->me_pte;
}

static void
add_one(struct candidates *cs, bool fault, paddr_t pa, const char *from)
{
	cs->cs[0] = (struct candidate){
		.ca_mo = { .mo_fault = fault, .mo_pa = pa, .mo_from = from },
	};
	cs->cs_n = 1;
}

/* => fills in all but the number of the access's ways; w: from the root */
static void
collect(struct candidates *cs, struct mmu_walk *root)
{
	struct mmu_entry *found[MMU_WAYS];
	struct mmu_walk w;
	unsigned n;

	cs->cs_n = 0;
	for (enum mmu_class c = CL_4K; c <= CL_1G; c++) {
		n = mmu_cache_find(cs->cs_hart, c, cs->cs_va, false, found);
		for (unsigned i = 0; i < n; i++)
			add_kept(cs, found[i]);
	}
	mmu_walk_root(root, cs->cs_va, cs->cs_hart);
	add_walk(cs, root, NULL);
	for (enum mmu_class c = CL_TABLE1; c <= CL_TABLE2; c++) {
		n = mmu_cache_find(cs->cs_hart, c, cs->cs_va, false, found);
		for (unsigned i = 0; i < n; i++) {
			if (passed(root, found[i]))
				continue;
			mmu_walk_from(&w, cs->cs_va, found[i], cs->cs_hart);
			add_walk(cs, &w, found[i]);
		}
	}
}

/* => false: nothing was translated, cs holds the one outcome */
static bool
translate(struct candidates *cs, struct mmu_walk *root, vaddr_t va,
    enum mmu_access access, bool user)
{
	cs->cs_hart = mmu.mc.mc_hart();
	cs->cs_va = va & MMU_VA_MASK;
	cs->cs_access = access;
	cs->cs_user = user;
	if (!mmu_satp_on(mmu_harts[cs->cs_hart].h_satp))
		add_one(cs, false, va, "no translation");
	else if (va >= MMU_USER_END && !(va & MMU_USER_END))
		add_one(cs, true, 0, "not canonical");
	else {
		collect(cs, root);
		return true;
	}
	return false;
}

unsigned
mmu_outcomes(
    vaddr_t va, enum mmu_access access, bool user, struct mmu_outcome *out)
{
	struct candidates cs;
	struct mmu_walk root;

	translate(&cs, &root, va, access, user);
	for (unsigned i = 0; i < cs.cs_n; i++)
		out[i] = cs.cs[i].ca_mo;
	return cs.cs_n;
}

/* -- One of them -------------------------------------------------------------- */

/*
 * Keep what a walk has read, by chance: a table every other time, a leaf
 * nearly always, what faults every other time.
 */
static void
keep(unsigned hart, const struct mmu_walk *w, enum mmu_why why)
{
	uint64_t chance = mmu.mc.mc_random();
	int level;

	for (level = w->w_top; level >= w->w_end; level--, chance >>= 3) {
		if (level == w->w_end && w->w_outside)
			break;
		if (level == w->w_end && w->w_kind == PTE_LEAF
			? (chance & 7) != 0
			: (chance & 1) != 0)
			mmu_cache_add(hart, w, level, why);
	}
}

/* The access takes this way: A and D, and what the hart keeps. */
static void
take(const struct candidates *cs, const struct candidate *ca,
    const struct mmu_walk *root)
{
	const struct mmu_outcome *mo = &ca->ca_mo;
	struct mmu_walk w = *root;

	if (ca->ca_entry != NULL) {
		if (mo->mo_set != 0) {
			mmu_set_bits(cs->cs_hart, mo->mo_entry_pa, mo->mo_entry,
			    mo->mo_set, cs->cs_va, ca->ca_entry->me_level);
			ca->ca_entry->me_pte |= mo->mo_set;
		}
		return;
	}
	if (ca->ca_from != NULL)
		mmu_walk_from(&w, cs->cs_va, ca->ca_from, cs->cs_hart);
	if (mo->mo_set != 0) {
		mmu_set_bits(cs->cs_hart, mo->mo_entry_pa, mo->mo_entry,
		    mo->mo_set, cs->cs_va, w.w_end);
		w.w_pte[w.w_end] |= mo->mo_set;
	}
	keep(cs->cs_hart, &w, (enum mmu_why)cs->cs_access);
}

void
mmu_remember(vaddr_t va)
{
	recent[recent_next++ % RECENT] = va & MMU_VA_MASK;
}

/* => the way this hart goes */
static const struct candidate *
pick(const struct candidates *cs)
{
	struct mmu_hart *mh = &mmu_harts[cs->cs_hart];
	const struct candidate *ca;
	unsigned i;

	for (i = 0; i < cs->cs_n; i++) {
		ca = &cs->cs[i];
		if (ca->ca_mo.mo_fault && ca->ca_entry != NULL &&
		    ca->ca_entry->me_seq == mh->h_stuck)
			return ca;
	}
	ca = &cs->cs[cs->cs_n > 1 ? mmu_below(cs->cs_n) : 0];
	mh->h_stuck = ca->ca_mo.mo_fault && ca->ca_entry != NULL
	    ? ca->ca_entry->me_seq
	    : 0;
	return ca;
}

struct mmu_outcome
mmu_access(vaddr_t va, enum mmu_access access, bool user)
{
	struct candidates cs;
	const struct candidate *ca;
	struct mmu_walk root;

	if (!translate(&cs, &root, va, access, user))
		return cs.cs[0].ca_mo;
	mmu_remember(va);
	ca = pick(&cs);
	take(&cs, ca, &root);
	return ca->ca_mo;
}

/* -- Ahead of use -------------------------------------------------------------- */

static vaddr_t
guess_va(void)
{
	uint64_t chance = mmu.mc.mc_random();
	unsigned known = recent_next < RECENT ? recent_next : RECENT;
	vaddr_t va = known == 0 ? 0 : recent[chance % known], delta = 0;

	chance >>= 8;
	switch (chance & 31) {
	case 0:
		va = chance; /* anywhere */
		break;
	case 1:
		delta = 1UL << mmu_level_shift(2);
		break;
	case 2:
	case 3:
		delta = 1UL << mmu_level_shift(1);
		break;
	case 4 ... 7:
		delta = (1 + (chance >> 8) % 16) << MMU_SHIFT;
		break;
	case 8 ... 15:
		delta = 1UL << MMU_SHIFT;
		break;
	default:
		break;
	}
	return ((chance >> 5) & 1 ? va + delta : va - delta) & MMU_VA_MASK;
}

/* => a table the hart keeps for va, by chance, or NULL */
static const struct mmu_entry *
guess_start(unsigned hart, vaddr_t va)
{
	struct mmu_entry *found[MMU_WAYS];
	unsigned n = mmu_cache_find(
	    hart, mmu_below(2) ? CL_TABLE1 : CL_TABLE2, va, false, found);

	return n == 0 ? NULL : found[mmu_below(n)];
}

/*
 * A hart that sets bits may set A for an access it only expects, never D
 * ("the A bit may be set as a result of speculation").
 */
void
mmu_speculate_hart(unsigned hart)
{
	const struct mmu_entry *from;
	struct mmu_walk w;
	uint64_t *pte;
	vaddr_t va;

	if (!mmu_satp_on(mmu_harts[hart].h_satp))
		return;
	va = guess_va();
	from = guess_start(hart, va);
	if (from != NULL)
		mmu_walk_from(&w, va, from, hart);
	else
		mmu_walk_root(&w, va, hart);
	pte = &w.w_pte[w.w_end];
	if (!w.w_outside && w.w_kind == PTE_LEAF && !(*pte & PTE_A) &&
	    mmu_hard_ad(hart) && mmu_below(2) == 0) {
		mmu_set_bits(
		    hart, w.w_pte_pa[w.w_end], *pte, PTE_A, va, w.w_end);
		*pte |= PTE_A;
	}
	keep(hart, &w, WHY_SPECULATION);
}

void
mmu_speculate(void)
{
	mmu_speculate_hart(mmu.mc.mc_hart());
}

/* -- Instruction fetch --------------------------------------------------------- */

static uint64_t *
written_at(paddr_t pa)
{
	paddr_t page = (pa - mmu.mc.mc_ram_base) >> MMU_SHIFT;

	if (pa < mmu.mc.mc_ram_base || page >= mmu.mc.mc_ram_pages)
		mmu.mc.mc_fail("mmu: %lx is not RAM", pa);
	return &written[page];
}

void
mmu_written(paddr_t pa, size_t len)
{
	paddr_t end = pa + len;

	mmu.seq++;
	for (pa = pa >> MMU_SHIFT << MMU_SHIFT; pa < end;
	     pa += 1UL << MMU_SHIFT)
		*written_at(pa) = mmu.seq;
}

/* Nothing written since mmu_init(), which fenced all harts: coherent too. */
bool
mmu_fetch_coherent(paddr_t pa)
{
	return *written_at(pa) <= mmu_harts[mmu.mc.mc_hart()].h_fencei;
}
