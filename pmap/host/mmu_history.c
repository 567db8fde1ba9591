/*
 * What happened, for the message of a failure: changes of page table entries
 * as far as they were seen, copies taken, fences.  A ring of the last events.
 */
#include <pmap/host/mmu_i.h>

#define EVENTS 16384
#define SEEN   16384 /* entries whose last value is known */
#define SHOWN  100 /* lines a history has at most */

static struct mmu_event events[EVENTS];
static uint64_t nevents; /* since mmu_init(); the last EVENTS are kept */

/* The value of an entry when it was last read, by a hash of its address. */
static struct {
	paddr_t pa;
	uint64_t pte;
	vaddr_t va; /* served when it was read */
	int level;
} seen[SEEN];

/* The first time all is zero: there is no need to touch it. */
void
mmu_history_init(void)
{
	static bool used;

	nevents = 0;
	for (unsigned i = 0; i < SEEN && used; i++)
		seen[i].pa = 0;
	used = true;
}

struct mmu_event *
mmu_event(enum mmu_event_type type, unsigned hart)
{
	struct mmu_event *ev = &events[nevents++ % EVENTS];

	*ev = (struct mmu_event){
		.ev_type = type,
		.ev_hart = hart,
		.ev_time = mmu.mc.mc_now(),
	};
	return ev;
}

void
mmu_event_fence(enum mmu_event_type type, unsigned hart,
    const struct mmu_fence *f, uint64_t harts)
{
	struct mmu_event *ev = mmu_event(type, hart);

	ev->ev_va = f->f_va;
	ev->ev_size = f->f_size;
	ev->ev_asid = f->f_asid;
	ev->ev_harts = harts;
	if (f->f_size != 0)
		mmu_remember(f->f_va);
}

/* -- Changes of entries -------------------------------------------------------- */

static unsigned
seen_slot(paddr_t pa)
{
	return (pa >> 3) * 0x9e3779b97f4a7c15UL >> 50;
}

_Static_assert(SEEN == 1 << (64 - 50), "what seen_slot() leaves");

void
mmu_seen(paddr_t pa, uint64_t pte, vaddr_t va, int level, unsigned hart,
    enum mmu_event_type type)
{
	unsigned i = seen_slot(pa);
	struct mmu_event *ev;

	if (seen[i].pa == pa && seen[i].pte == pte)
		return;
	if (seen[i].pa == pa) {
		ev = mmu_event(type, hart);
		ev->ev_va = va & MMU_VA_MASK;
		ev->ev_level = level;
		ev->ev_old = seen[i].pte;
		ev->ev_new = pte;
		ev->ev_pte_pa = pa;
	}
	seen[i].pa = pa;
	seen[i].pte = pte;
	seen[i].va = va & MMU_VA_MASK;
	seen[i].level = level;
}

void
mmu_known(paddr_t pa, uint64_t pte)
{
	unsigned i = seen_slot(pa);

	if (seen[i].pa == pa)
		seen[i].pte = pte;
}

void
mmu_stored(paddr_t pa)
{
	unsigned i = seen_slot(pa);
	uint64_t pte;

	if (seen[i].pa == pa && mmu_read(pa, &pte))
		mmu_seen(pa, pte, seen[i].va, seen[i].level, mmu.mc.mc_hart(),
		    EV_STORE);
}

/* -- Printing ------------------------------------------------------------------ */

static const char *const why_names[] = {
	[WHY_LOAD] = "load",
	[WHY_STORE] = "store",
	[WHY_FETCH] = "fetch",
	[WHY_SPECULATION] = "speculation",
};

static const char *const what_names[] = {
	[EV_PTE] = "finds changed",
	[EV_STORE] = "stores to",
	[EV_SET] = "sets A or D in",
};

/* An entry in words: flags, then where it leads. */
static void
print_pte(uint64_t pte)
{
	char text[11];

	if (pte == 0) {
		mmu.mc.mc_printf("0");
		return;
	}
	for (int i = 0; i < 10; i++)
		text[i] = (pte >> (9 - i)) & 1 ? "sidagUxwrv"[i] : '-';
	text[10] = '\0';
	mmu.mc.mc_printf("[%s %lx]", text, pte_pa(pte));
}

static void
print_fence(const struct mmu_event *ev)
{
	if (ev->ev_size == 0 && ev->ev_asid == HW_ALL_ASIDS)
		mmu.mc.mc_printf("everything");
	else if (ev->ev_size == 0)
		mmu.mc.mc_printf("all of asid %lu", ev->ev_asid);
	else if (ev->ev_asid == HW_ALL_ASIDS)
		mmu.mc.mc_printf("leaves at %lx+%lx in all address spaces",
		    ev->ev_va, ev->ev_size);
	else
		mmu.mc.mc_printf("leaves at %lx+%lx of asid %lu", ev->ev_va,
		    ev->ev_size, ev->ev_asid);
}

/* Has it to do with va? */
static bool
concerns(const struct mmu_event *ev, vaddr_t va)
{
	switch ((enum mmu_event_type)ev->ev_type) {
	case EV_PTE:
	case EV_STORE:
	case EV_SET:
	case EV_FILL:
		return mmu_same_block(ev->ev_va, va, ev->ev_level);
	case EV_FENCE:
	case EV_SEND:
	case EV_ARRIVE:
		break;
	}
	return ev->ev_size == 0 ||
	    ((va >> MMU_SHIFT) >= (ev->ev_va >> MMU_SHIFT) &&
		va < ev->ev_va + ev->ev_size) ||
	    mmu_same_block(ev->ev_va, va, 0);
}

static void
print_event(const struct mmu_event *ev)
{
	mmu.mc.mc_printf("  %lu hart %u: ", ev->ev_time, ev->ev_hart);
	switch ((enum mmu_event_type)ev->ev_type) {
	case EV_PTE:
	case EV_STORE:
	case EV_SET:
		mmu.mc.mc_printf("%s level %u entry at %lx: ",
		    what_names[ev->ev_type], ev->ev_level, ev->ev_pte_pa);
		print_pte(ev->ev_old);
		mmu.mc.mc_printf(" -> ");
		print_pte(ev->ev_new);
		break;
	case EV_FILL:
		mmu.mc.mc_printf(
		    "%s keeps level %u entry for %lx, asid %lu%s: ",
		    why_names[ev->ev_why], ev->ev_level, ev->ev_va, ev->ev_asid,
		    ev->ev_global ? ", global" : "");
		print_pte(ev->ev_new);
		break;
	case EV_FENCE:
		mmu.mc.mc_printf("fences itself: ");
		print_fence(ev);
		break;
	case EV_SEND:
		mmu.mc.mc_printf("calls harts %lx to fence: ", ev->ev_harts);
		print_fence(ev);
		break;
	case EV_ARRIVE:
		mmu.mc.mc_printf("fences for hart %lu: ", ev->ev_harts);
		print_fence(ev);
		break;
	}
	mmu.mc.mc_printf("\n");
}

static void
print_events(vaddr_t va)
{
	uint64_t first = nevents > EVENTS ? nevents - EVENTS : 0, i;
	unsigned shown = 0;

	for (i = nevents; i > first && shown < SHOWN; i--)
		shown += concerns(&events[(i - 1) % EVENTS], va);
	for (; i < nevents; i++)
		if (concerns(&events[i % EVENTS], va))
			print_event(&events[i % EVENTS]);
}

/* The fences that would have removed a copy, weakest first. */
static void
print_remedy(const struct mmu_entry *me)
{
	bool leaf = me->me_kind != PTE_TABLE &&
	    (me->me_kind == PTE_LEAF || me->me_level == 0 ||
		!mmu.mc.mc_upper_invalid_stays);

	mmu.mc.mc_printf("    missing in hart %u: sfence.vma ", me->me_hart);
	if (leaf && !me->me_global)
		mmu.mc.mc_printf("va, %u or ", me->me_asid);
	if (!me->me_global)
		mmu.mc.mc_printf("x0, %u or ", me->me_asid);
	if (leaf)
		mmu.mc.mc_printf("va, x0 or ");
	mmu.mc.mc_printf("x0, x0\n");
}

void
mmu_print_entry(const struct mmu_entry *me)
{
	uint64_t now = 0;

	mmu.mc.mc_printf("  hart %u keeps since %lu (%s), asid %u%s, level %u "
			 "entry at %lx: ",
	    me->me_hart, me->me_time, why_names[me->me_why], me->me_asid,
	    me->me_global ? ", global" : "", me->me_level, me->me_pte_pa);
	print_pte(me->me_pte);
	if (mmu_read(me->me_pte_pa, &now) && now == me->me_pte) {
		mmu.mc.mc_printf(", as in memory\n");
		return;
	}
	mmu.mc.mc_printf(", STALE: memory holds ");
	print_pte(now);
	mmu.mc.mc_printf("\n");
	print_remedy(me);
}

/* What memory says now, in the address space of a hart. */
static void
print_walk(unsigned hart, vaddr_t va)
{
	uint64_t satp = mmu_harts[hart].h_satp;
	struct mmu_walk w;

	mmu.mc.mc_printf("  hart %u has since %lu root %lx, asid %lu; memory:",
	    hart, mmu_harts[hart].h_satp_time, mmu_satp_root(satp),
	    mmu_satp_asid(satp));
	mmu_walk_root(&w, va, hart);
	for (int level = w.w_top; level >= w.w_end; level--) {
		if (level == w.w_end && w.w_outside)
			break;
		mmu.mc.mc_printf(" ");
		print_pte(w.w_pte[level]);
	}
	mmu.mc.mc_printf("\n");
}

void
mmu_history(vaddr_t va)
{
	struct mmu_entry *found[MMU_WAYS];
	unsigned n;

	va &= MMU_VA_MASK;
	mmu.mc.mc_printf("history of %lx (low 39 bits):\n", va);
	print_events(va);
	for (unsigned h = 0; h < mmu.mc.mc_harts; h++) {
		if (mmu_satp_on(mmu_harts[h].h_satp))
			print_walk(h, va);
		for (enum mmu_class c = CL_4K; c < CL_COUNT; c++) {
			n = mmu_cache_find(h, c, va, true, found);
			for (unsigned i = 0; i < n; i++)
				mmu_print_entry(found[i]);
		}
	}
}
