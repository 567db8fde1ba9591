/*
 * Walks (privileged specification, "Virtual Address Translation Process"), and
 * the fault each kind of entry means.
 */
#include <pmap/host/mmu_i.h>

#define PTE_RESERVED_BITS (0x7fUL << 54 | 1UL << 63)
#define PTE_PBMT_MASK     (PTE_PBMT_NC | PTE_PBMT_IO)

static bool
reserved_bits(uint64_t pte, enum pte_kind kind)
{
	uint64_t type = pte & PTE_PBMT_MASK;

	if (pte & PTE_RESERVED_BITS)
		return true;
	return type != 0 &&
	    (!mmu.mc.mc_svpbmt || kind != PTE_LEAF || type == PTE_PBMT_MASK);
}

enum pte_kind
mmu_kind(uint64_t pte, int level)
{
	enum pte_kind kind = pte_kind(pte);

	if (kind == PTE_INVALID || kind == PTE_RESERVED)
		return kind;
	if (reserved_bits(pte, kind))
		return PTE_RESERVED;
	if (kind == PTE_TABLE)
		return level == 0 ? PTE_RESERVED : PTE_TABLE;
	/* "misaligned superpage" */
	if (pte_pa(pte) & ((1UL << mmu_level_shift(level)) - 1))
		return PTE_RESERVED;
	return PTE_LEAF;
}

static volatile uint64_t *
entry_at(paddr_t pa)
{
	return mmu.mc.mc_memory(pa);
}

bool
mmu_read(paddr_t pa, uint64_t *pte)
{
	volatile uint64_t *p = entry_at(pa);

	if (p == NULL)
		return false;
	*pte = *p;
	return true;
}

/*
 * The caller has read `pte` in the same step of the simulation, so this is
 * the comparison and the update in one that the specification asks for.
 */
void
mmu_set_bits(unsigned hart, paddr_t pa, uint64_t pte, uint64_t bits, vaddr_t va,
    int level)
{
	volatile uint64_t *p = entry_at(pa);
	struct mmu_event *ev;

	if (*p != pte)
		mmu.mc.mc_fail("mmu: entry at %lx is %lx, not %lx", pa,
		    (unsigned long)*p, (unsigned long)pte);
	*p = pte | bits;
	mmu_seen(pa, pte, va, level, hart, EV_PTE);
	ev = mmu_event(EV_SET, hart);
	ev->ev_va = va & MMU_VA_MASK;
	ev->ev_old = pte;
	ev->ev_new = pte | bits;
	ev->ev_pte_pa = pa;
	ev->ev_level = level;
	mmu_known(pa, pte | bits);
}

static void
walk(struct mmu_walk *w, vaddr_t va, paddr_t pa, int level, bool global,
    unsigned hart)
{
	w->w_va = va & MMU_VA_MASK;
	w->w_top = level;
	w->w_outside = false;
	for (;; level--) {
		w->w_end = level;
		w->w_pte_pa[level] = pa + sv39_index(va, level) * 8;
		if (!mmu_read(w->w_pte_pa[level], &w->w_pte[level])) {
			w->w_outside = true;
			w->w_kind = PTE_INVALID;
			return;
		}
		mmu_seen(w->w_pte_pa[level], w->w_pte[level], va, level, hart,
		    EV_PTE);
		w->w_kind = mmu_kind(w->w_pte[level], level);
		/* "global bit in a non-leaf": all below it is global */
		if (w->w_kind == PTE_TABLE || w->w_kind == PTE_LEAF)
			global = global || (w->w_pte[level] & PTE_G);
		w->w_global[level] = global;
		if (w->w_kind != PTE_TABLE)
			return;
		pa = pte_pa(w->w_pte[level]);
	}
}

void
mmu_walk_root(struct mmu_walk *w, vaddr_t va, unsigned hart)
{
	walk(w, va, mmu_satp_root(mmu_harts[hart].h_satp), SV39_LEVELS - 1,
	    false, hart);
}

void
mmu_walk_from(
    struct mmu_walk *w, vaddr_t va, const struct mmu_entry *me, unsigned hart)
{
	walk(w, va, pte_pa(me->me_pte), me->me_level - 1, me->me_global, hart);
}
