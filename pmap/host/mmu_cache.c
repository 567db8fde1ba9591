/*
 * What harts keep of the page tables (privileged specification, "Supervisor
 * Memory-Management Fence Instruction").
 *
 * A hart keeps copies of single entries, of every kind and level, each as it
 * was when it was read.  Several copies may serve one address.  A copy is
 * good until a fence covers it:
 *
 *	sfence.vma x0, x0	all
 *	sfence.vma x0, asid	of that address space, not global
 *	sfence.vma va, x0	leaves that map va
 *	sfence.vma va, asid	leaves that map va, of the space, not global
 *
 * A copy of a superpage may serve a piece of it only; a fence for any address
 * in the superpage covers it ("a virtual address within that mapping").  An
 * invalid entry counts as a leaf, but see mc_upper_invalid_stays.  Fences without address do not look for what
 * they cover: a copy older than such a fence is dead, and reused when found.
 *
 * Forgetting a copy is always allowed.  When a set is full, copies that agree
 * with memory go first: they are read again at any time.
 */
#include <pmap/host/mmu_i.h>

#define CHAINS      16384
#define FEW_PAGES   16 /* fences for more look at all copies at once */
#define KEEP_ONE_OF 8 /* this often any copy goes, not a fresh one */
#define ENTRY_NUMBER(me)                          \
	((uint32_t)((me)->me_hart * MMU_ENTRIES + \
	    ((me)-mmu_harts[(me)->me_hart].h_entry)))

/* By class: first number, sets (a power of 2), and the level of the blocks. */
static const struct {
	unsigned first, sets;
	int size;
} classes[CL_COUNT] = {
	[CL_4K] = { 0, 64, 0 },
	[CL_2M] = { 64 * MMU_WAYS, 8, 1 },
	[CL_1G] = { 72 * MMU_WAYS, 4, 2 },
	[CL_TABLE1] = { 76 * MMU_WAYS, 16, 1 },
	[CL_TABLE2] = { 92 * MMU_WAYS, 4, 2 },
};

struct mmu_hart mmu_harts[MMU_HARTS_MAX];

/* Copies by the page they name, a number + 1 each; to find who reaches it. */
static uint32_t chains[CHAINS];

void
mmu_cache_init(void)
{
	static bool used; /* else all is zero */

	for (unsigned i = 0; i < CHAINS && used; i++)
		chains[i] = 0;
	for (unsigned h = 0; h < MMU_HARTS_MAX; h++) {
		struct mmu_hart *mh = &mmu_harts[h];

		for (unsigned i = 0; i < MMU_ENTRIES && used; i++)
			mh->h_tag[i] = 0;
		mh->h_all_fence = mh->h_fencei = mmu.seq;
		mh->h_satp = 0;
		mh->h_stuck = 0;
		mh->h_pieces = mh->h_large = 0;
	}
	used = true;
}

/* -- One copy ---------------------------------------------------------------- */

bool
mmu_cache_live(const struct mmu_entry *me)
{
	const struct mmu_hart *mh = &mmu_harts[me->me_hart];

	return me->me_seq > mh->h_all_fence &&
	    (me->me_global || me->me_seq > mh->h_asid_fence[me->me_asid]);
}

paddr_t
mmu_entry_pa(const struct mmu_entry *me)
{
	vsize_t size = 1UL << mmu_level_shift(me->me_level);

	if (me->me_kind == PTE_TABLE)
		return pte_pa(me->me_pte);
	return pte_pa(me->me_pte) +
	    (((vaddr_t)me->me_vpn << MMU_SHIFT) & (size - 1));
}

/* Does an access of the hart find it, with its satp? */
static bool
usable(const struct mmu_entry *me)
{
	return (me->me_global ||
		   me->me_asid ==
		       mmu_satp_asid(mmu_harts[me->me_hart].h_satp)) &&
	    mmu_cache_live(me);
}

/* Does it name one 4 KiB page, and so belong on a chain? */
static bool
names_page(const struct mmu_entry *me)
{
	return me->me_kind == PTE_TABLE ||
	    (me->me_kind == PTE_LEAF && me->me_size == 0);
}

static uint32_t *
chain_of(paddr_t pa)
{
	return &chains[(pa >> MMU_SHIFT) % CHAINS];
}

static struct mmu_entry *
entry_of(uint32_t link)
{
	link--;
	return &mmu_harts[link / MMU_ENTRIES].h_entry[link % MMU_ENTRIES];
}

static void
link_entry(struct mmu_entry *me)
{
	uint32_t *head = chain_of(mmu_entry_pa(me));

	me->me_prev = 0;
	me->me_next = *head;
	*head = ENTRY_NUMBER(me) + 1;
	if (me->me_next != 0)
		entry_of(me->me_next)->me_prev = *head;
}

static void
unlink_entry(struct mmu_entry *me)
{
	if (me->me_next != 0)
		entry_of(me->me_next)->me_prev = me->me_prev;
	if (me->me_prev != 0)
		entry_of(me->me_prev)->me_next = me->me_next;
	else
		*chain_of(mmu_entry_pa(me)) = me->me_next;
}

static void
drop(struct mmu_hart *mh, unsigned i)
{
	struct mmu_entry *me = &mh->h_entry[i];

	if (names_page(me))
		unlink_entry(me);
	mh->h_pieces -= me->me_size < me->me_level && me->me_kind == PTE_LEAF;
	mh->h_large -= me->me_size > 0 && me->me_kind == PTE_LEAF;
	mh->h_tag[i] = 0;
}

/* -- Looking up -------------------------------------------------------------- */

static uint32_t
tag_of(enum mmu_class c, vaddr_t va)
{
	return ((va & MMU_VA_MASK) >> mmu_level_shift(classes[c].size)) + 1;
}

/* => number of the first way of the set for va */
static unsigned
set_of(enum mmu_class c, vaddr_t va)
{
	return classes[c].first +
	    ((tag_of(c, va) - 1) & (classes[c].sets - 1)) * MMU_WAYS;
}

/* => a bit for each way with that tag; no branches, this is the hot spot */
static inline unsigned
tag_hits(const uint32_t *tags, uint32_t tag)
{
	unsigned hits = 0;

#pragma GCC unroll 8
	for (unsigned i = 0; i < MMU_WAYS; i++)
		hits |= (unsigned)(tags[i] == tag) << i;
	return hits;
}

unsigned
mmu_cache_find(unsigned hart, enum mmu_class c, vaddr_t va, bool any,
    struct mmu_entry **found)
{
	struct mmu_hart *mh = &mmu_harts[hart];
	unsigned first = set_of(c, va), n = 0, hits;
	struct mmu_entry *me;

	hits = tag_hits(&mh->h_tag[first], tag_of(c, va));
	for (; hits != 0; hits &= hits - 1) {
		me = &mh->h_entry[first + __builtin_ctz(hits)];
		if (any ? mmu_cache_live(me) : usable(me))
			found[n++] = me;
	}
	return n;
}

/* -- Filling ----------------------------------------------------------------- */

static enum mmu_class
class_of(enum pte_kind kind, int size)
{
	if (kind == PTE_TABLE)
		return size == 1 ? CL_TABLE1 : CL_TABLE2;
	return size == 0 ? CL_4K : size == 1 ? CL_2M : CL_1G;
}

static bool
same_copy(const struct mmu_entry *a, const struct mmu_entry *b)
{
	return a->me_pte == b->me_pte && a->me_pte_pa == b->me_pte_pa &&
	    a->me_level == b->me_level && a->me_global == b->me_global &&
	    a->me_asid == b->me_asid;
}

/* Does memory still hold what was read? */
static bool
fresh(const struct mmu_entry *me)
{
	uint64_t pte;

	return mmu_read(me->me_pte_pa, &pte) && pte == me->me_pte;
}

/* => a way of the set to use for a new copy, empty */
static unsigned
make_room(struct mmu_hart *mh, unsigned first)
{
	unsigned start = mmu_below(MMU_WAYS), i, n;

	for (i = first; i < first + MMU_WAYS; i++)
		if (mh->h_tag[i] == 0)
			return i;
	for (i = first; i < first + MMU_WAYS; i++)
		if (!mmu_cache_live(&mh->h_entry[i]))
			goto found;
	i = first + start;
	if (mmu_below(KEEP_ONE_OF) != 0)
		for (n = 0; n < MMU_WAYS; n++) {
			i = first + (start + n) % MMU_WAYS;
			if (fresh(&mh->h_entry[i]))
				break;
		}
found:
	drop(mh, i);
	return i;
}

/* A copy is taken now, for an access of va: when, and a line of history. */
static void
stamp(struct mmu_entry *me, vaddr_t va)
{
	struct mmu_event *ev = mmu_event(EV_FILL, me->me_hart);

	me->me_seq = ++mmu.seq;
	me->me_time = ev->ev_time;
	ev->ev_va = va;
	ev->ev_new = me->me_pte;
	ev->ev_pte_pa = me->me_pte_pa;
	ev->ev_asid = me->me_asid;
	ev->ev_level = me->me_level;
	ev->ev_why = me->me_why;
	ev->ev_global = me->me_global;
}

void
mmu_cache_add(
    unsigned hart, const struct mmu_walk *w, int level, enum mmu_why why)
{
	struct mmu_hart *mh = &mmu_harts[hart];
	enum pte_kind kind = level == w->w_end ? w->w_kind : PTE_TABLE;
	int size =
	    kind == PTE_LEAF && level > 0 ? (int)mmu_below(level + 1) : level;
	enum mmu_class c = class_of(kind, size);
	unsigned first = set_of(c, w->w_va), hits, i;
	uint32_t tag = tag_of(c, w->w_va);
	struct mmu_entry new = {
		.me_pte = w->w_pte[level],
		.me_pte_pa = w->w_pte_pa[level],
		.me_vpn = (tag - 1) << (9 * size),
		.me_asid = mmu_satp_asid(mh->h_satp),
		.me_kind = kind,
		.me_level = level,
		.me_size = size,
		.me_why = why,
		.me_hart = hart,
		.me_global = w->w_global[level],
	};

	hits = tag_hits(&mh->h_tag[first], tag);
	for (; hits != 0; hits &= hits - 1) {
		i = first + __builtin_ctz(hits);
		if (same_copy(&mh->h_entry[i], &new) &&
		    mmu_cache_live(&mh->h_entry[i]))
			return;
	}
	i = make_room(mh, first);
	stamp(&new, w->w_va);
	mh->h_tag[i] = tag;
	mh->h_entry[i] = new;
	mh->h_pieces += kind == PTE_LEAF && size < level;
	mh->h_large += kind == PTE_LEAF && size > 0;
	if (names_page(&new))
		link_entry(&mh->h_entry[i]);
}

/* -- Fences ------------------------------------------------------------------ */

/* Does a fence with address [lo, last] cover a copy of a leaf's class? */
static bool
covers(const struct mmu_fence *f, const struct mmu_entry *me, vaddr_t last)
{
	vsize_t size = 1UL << mmu_level_shift(me->me_level);
	vaddr_t start = ((vaddr_t)me->me_vpn << MMU_SHIFT) & ~(size - 1);

	if (f->f_asid != HW_ALL_ASIDS &&
	    (me->me_global || me->me_asid != f->f_asid))
		return false;
	if (mmu.mc.mc_upper_invalid_stays && me->me_level > 0 &&
	    me->me_kind != PTE_LEAF)
		return false;
	return f->f_va <= start + size - 1 && start <= last;
}

/* One number, if the fence covers what is there. */
static void
fence_one(
    struct mmu_hart *mh, unsigned i, const struct mmu_fence *f, vaddr_t last)
{
	struct mmu_entry *me = &mh->h_entry[i];
	uint64_t pte;

	if (mh->h_tag[i] == 0 || !covers(f, me, last))
		return;
	if (mmu_read(me->me_pte_pa, &pte))
		mmu_seen(me->me_pte_pa, pte, f->f_va, me->me_level, me->me_hart,
		    EV_PTE);
	drop(mh, i);
}

/* The sets that can hold copies which serve one page. */
static void
fence_page(struct mmu_hart *mh, const struct mmu_fence *f, vaddr_t va)
{
	for (enum mmu_class c = CL_4K; c <= CL_1G; c++) {
		unsigned first = set_of(c, va), hits;

		hits = tag_hits(&mh->h_tag[first], tag_of(c, va));
		for (; hits != 0; hits &= hits - 1)
			fence_one(mh, first + __builtin_ctz(hits), f, va);
	}
}

static void
fence_leaves(struct mmu_hart *mh, const struct mmu_fence *f)
{
	vaddr_t last = f->f_va + f->f_size - 1, va;

	/* pieces of a superpage lie in the sets of other addresses */
	if (mh->h_pieces == 0 && f->f_size >> MMU_SHIFT <= FEW_PAGES) {
		for (va = f->f_va >> MMU_SHIFT; va <= last >> MMU_SHIFT; va++)
			fence_page(mh, f, va << MMU_SHIFT);
		return;
	}
	for (unsigned i = 0; i < classes[CL_TABLE1].first; i++)
		fence_one(mh, i, f, last);
}

void
mmu_cache_fence(unsigned hart, const struct mmu_fence *f)
{
	struct mmu_hart *mh = &mmu_harts[hart];

	if (f->f_size != 0)
		fence_leaves(mh, f);
	else if (f->f_asid == HW_ALL_ASIDS)
		mh->h_all_fence = ++mmu.seq;
	else
		mh->h_asid_fence[f->f_asid] = ++mmu.seq;
}

/* -- Who reaches a page ------------------------------------------------------- */

static bool
in_direct_map(const struct mmu_entry *me)
{
	vaddr_t va = (vaddr_t)me->me_vpn << MMU_SHIFT;

	return va >= (mmu.mc.mc_dmap_lo & MMU_VA_MASK) &&
	    va <= ((mmu.mc.mc_dmap_hi - 1) & MMU_VA_MASK) &&
	    mmu.mc.mc_dmap_lo != mmu.mc.mc_dmap_hi;
}

/*
 * May an access go through this copy?  Not without A: it then is only a
 * reason to read the entry again, or to fault.
 */
static bool
reaches(const struct mmu_entry *me)
{
	return (me->me_kind == PTE_TABLE || (me->me_pte & PTE_A)) &&
	    !in_direct_map(me) && usable(me);
}

static void
fail_reached(const struct mmu_entry *me, paddr_t pa)
{
	vaddr_t va = (vaddr_t)me->me_vpn << MMU_SHIFT;

	mmu_history(va);
	mmu_print_entry(me);
	mmu.mc.mc_fail("mmu: page %lx is about to be free, and hart %u still "
		       "reaches it %s %lx (low 39 bits)",
	    pa, me->me_hart,
	    me->me_kind == PTE_TABLE ? "as the table for" : "through", va);
}

static void
check_large(const struct mmu_hart *mh, paddr_t pa)
{
	for (unsigned i = classes[CL_2M].first; i < classes[CL_TABLE1].first;
	     i++) {
		const struct mmu_entry *me = &mh->h_entry[i];

		if (mh->h_tag[i] != 0 && me->me_kind == PTE_LEAF &&
		    pa - mmu_entry_pa(me) < 1UL
			    << mmu_level_shift(me->me_size) &&
		    reaches(me))
			fail_reached(me, pa);
	}
}

void
mmu_check_unreachable(paddr_t pa)
{
	const struct mmu_entry *me;

	pa = pa >> MMU_SHIFT << MMU_SHIFT;
	for (uint32_t link = *chain_of(pa); link != 0; link = me->me_next) {
		me = entry_of(link);
		if (mmu_entry_pa(me) == pa && reaches(me))
			fail_reached(me, pa);
	}
	for (unsigned h = 0; h < mmu.mc.mc_harts; h++) {
		uint64_t satp = mmu_harts[h].h_satp;

		if (mmu_satp_on(satp) && mmu_satp_root(satp) == pa)
			mmu.mc.mc_fail("mmu: page %lx is about to be free, and "
				       "is the root in satp of hart %u",
			    pa, h);
		if (mmu_harts[h].h_large > 0)
			check_large(&mmu_harts[h], pa);
	}
}
