/*
 * The MMU model against a slow and obvious one, under random changes of random
 * page tables, random fences and random accesses.
 *
 * The slow model remembers every value every entry ever had, every root every
 * hart ever had in satp, and every fence.  An outcome is allowed if there is a
 * path from a root to an end, each entry with some value it had since the last
 * fence that covers it.  So it allows a little too much (entries of one path
 * need not have been seen in order) but nothing that was fenced.
 */
#include <sys/types.h>

#include "mmu_env.h"
#include "test.h"

#define HARTS  3
#define ROOTS  3
#define TABLES 12 /* roots included */
#define DATA   8
#define LARGE  0x140000000UL
#define NVALUE 65536
#define NFENCE 8192
#define NSATP  4096
#define NOW    (~0UL) /* still so */

/* A value of an entry, from one step to another. */
struct value {
	uint64_t v_pte;
	uint64_t v_to; /* step that replaced it, or NOW */
	unsigned v_older; /* number + 1, 0: none */
};

struct fence {
	unsigned f_hart;
	uint64_t f_step;
	vaddr_t f_va;
	vsize_t f_size; /* 0: all */
	unsigned long f_asid;
};

struct satp {
	unsigned s_hart;
	paddr_t s_root;
	unsigned long s_asid;
	uint64_t s_to;
};

static struct mmu_config mc;
static uint64_t step;
static struct value values[NVALUE];
static unsigned nvalues, newest[TABLES][SV39_ENTRIES]; /* number + 1 */
static uint64_t seen[TABLES][SV39_ENTRIES];
static struct fence fences[NFENCE];
static unsigned nfences;
static struct satp satps[NSATP];
static unsigned nsatps;
static paddr_t table_pa[TABLES], data_pa[DATA];
static bool inside; /* a remote fence is under way */
static unsigned stale; /* outcomes that memory alone does not explain */

static unsigned long
mask_asid(unsigned long asid)
{
	return asid & ((1UL << mc.mc_asid_bits) - 1);
}

/* -- What happened -------------------------------------------------------------- */

static void
note_value(unsigned t, unsigned i, uint64_t pte)
{
	unsigned old = newest[t][i];

	CHECK(nvalues < NVALUE);
	if (old != 0)
		values[old - 1].v_to = step;
	values[nvalues++] = (struct value){ pte, NOW, old };
	newest[t][i] = nvalues;
	seen[t][i] = pte;
}

/* After each step: who wrote does not matter, harts set A and D too. */
static void
note_changes(void)
{
	for (unsigned t = 0; t < TABLES; t++) {
		const uint64_t *pte = mc.mc_memory(table_pa[t]);

		for (unsigned i = 0; i < SV39_ENTRIES; i++)
			if (pte[i] != seen[t][i])
				note_value(t, i, pte[i]);
	}
}

static void
note_fence(
    unsigned hart, uint64_t when, vaddr_t va, vsize_t size, unsigned long asid)
{
	CHECK(nfences < NFENCE);
	fences[nfences++] = (struct fence){ hart, when, va, size,
		asid == HW_ALL_ASIDS ? asid : mask_asid(asid) };
}

static void
note_satp(unsigned hart, paddr_t root, unsigned long asid)
{
	for (unsigned i = 0; i < nsatps; i++)
		if (satps[i].s_hart == hart && satps[i].s_to == NOW)
			satps[i].s_to = step;
	CHECK(nsatps < NSATP);
	satps[nsatps++] = (struct satp){ hart, root, mask_asid(asid), NOW };
}

static void
begin(void)
{
	mc = env_config();
	mc.mc_harts = HARTS;
	mc.mc_asid_bits = test_below(3);
	mc.mc_hard_ad = test_below(1 << HARTS);
	mc.mc_upper_invalid_stays = test_below(2);
	env_start(&mc);
	step = nvalues = nfences = nsatps = 0;
	for (unsigned t = 0; t < TABLES; t++) {
		table_pa[t] = env_page();
		for (unsigned i = 0; i < SV39_ENTRIES; i++) {
			newest[t][i] = 0;
			note_value(t, i, 0);
		}
	}
	for (unsigned i = 0; i < DATA; i++)
		data_pa[i] = env_page();
}

/* -- What may be ----------------------------------------------------------------- */

/* The access in question, and the outcome to be explained. */
static struct {
	unsigned hart;
	vaddr_t va;
	enum mmu_access access;
	bool user, globals_only, memory_only;
	unsigned long asid;
	struct mmu_outcome mo;
} ask;

static uint64_t
block(vaddr_t va, int level)
{
	return (va & ((1UL << 39) - 1)) >> (12 + 9 * level);
}

static bool
fence_covers(const struct fence *f, bool end, int level, bool global)
{
	if (f->f_hart != ask.hart)
		return false;
	if (f->f_asid != HW_ALL_ASIDS && (global || f->f_asid != ask.asid))
		return false;
	return f->f_size == 0 ||
	    (end && block(f->f_va, level) <= block(ask.va, level) &&
		block(f->f_va + f->f_size - 1, level) >= block(ask.va, level));
}

/* => step of the last fence that covers an entry of that level, or 0 */
static uint64_t
fenced(bool end, int level, bool global)
{
	uint64_t last = 0;

	if (ask.memory_only)
		return step + 1;
	for (unsigned i = 0; i < nfences; i++)
		if (fences[i].f_step > last &&
		    fence_covers(&fences[i], end, level, global))
			last = fences[i].f_step;
	return last;
}

static enum pte_kind
kind_of(uint64_t pte, int level)
{
	bool rwx = pte & (PTE_R | PTE_W | PTE_X);

	if (!(pte & PTE_V))
		return PTE_INVALID;
	if (pte >> 54 || (!(pte & PTE_R) && (pte & PTE_W)))
		return PTE_RESERVED;
	if (!rwx)
		return level == 0 || (pte & (PTE_A | PTE_D | PTE_U))
		    ? PTE_RESERVED
		    : PTE_TABLE;
	return (pte_pa(pte) >> 12) % (1UL << (9 * level)) != 0 ? PTE_RESERVED
							       : PTE_LEAF;
}

/* Would the access end as asked with this entry? */
static bool
ends_so(uint64_t pte, paddr_t pa, int level)
{
	uint64_t right = ask.access == MMU_LOAD ? PTE_R
	    : ask.access == MMU_STORE           ? PTE_W
						: PTE_X;
	uint64_t need = PTE_A | (ask.access == MMU_STORE ? PTE_D : 0);
	bool hard = (mc.mc_hard_ad >> ask.hart) & 1, ok;
	const uint64_t *in_memory = mc.mc_memory(pa);

	ok = kind_of(pte, level) == PTE_LEAF && (pte & right) != 0 &&
	    ((pte & PTE_U) != 0) == ask.user;
	need &= ~pte;
	if (ok && need != 0 && hard && pte != *in_memory)
		return false;
	if (!ok || (need != 0 && !hard))
		return ask.mo.mo_fault;
	return !ask.mo.mo_fault && ask.mo.mo_set == need &&
	    (need == 0 || ask.mo.mo_entry_pa == pa) &&
	    ask.mo.mo_pa ==
	    pte_pa(pte) + (ask.va & ((1UL << (12 + 9 * level)) - 1));
}

/* => TABLES: none */
static unsigned
table_number(paddr_t pa)
{
	unsigned t;

	for (t = 0; t < TABLES && table_pa[t] != pa; t++)
		continue;
	return t;
}

static bool explained_by(paddr_t table, int level, bool global);

/* Does this value of an entry, if it may still be kept, explain it? */
static bool
value_explains(const struct value *v, paddr_t pa, int level, bool global)
{
	enum pte_kind kind = kind_of(v->v_pte, level);
	bool stays = mc.mc_upper_invalid_stays && level > 0 && kind != PTE_LEAF;

	if ((kind == PTE_TABLE || kind == PTE_LEAF) && (v->v_pte & PTE_G))
		global = true;
	if (kind == PTE_TABLE) {
		/* what led to a global entry may be forgotten by now */
		if (v->v_to <= fenced(false, level, global || ask.globals_only))
			return false;
		return explained_by(pte_pa(v->v_pte), level - 1, global);
	}
	if (ask.globals_only && !global)
		return false;
	return v->v_to > fenced(!stays, level, global) &&
	    ends_so(v->v_pte, pa, level);
}

static bool
explained_by(paddr_t table, int level, bool global)
{
	unsigned t = table_number(table), n;
	unsigned i = (ask.va >> (12 + 9 * level)) & 511;

	if (t == TABLES) /* data pages hold zeroes, elsewhere is nothing */
		return ask.mo.mo_fault && (global || !ask.globals_only);
	for (n = newest[t][i]; n != 0; n = values[n - 1].v_older)
		if (value_explains(
			&values[n - 1], table + i * 8, level, global))
			return true;
	return false;
}

static bool
explained(void)
{
	for (unsigned i = 0; i < nsatps; i++) {
		const struct satp *s = &satps[i];

		if (s->s_hart != ask.hart)
			continue;
		ask.globals_only = false;
		if (s->s_asid == ask.asid &&
		    s->s_to > fenced(false, 2, false) &&
		    explained_by(s->s_root, 2, false))
			return true;
		ask.globals_only = true;
		if (s->s_to > fenced(false, 2, true) &&
		    explained_by(s->s_root, 2, false))
			return true;
	}
	return false;
}

/* Often the one before: things must happen to the same address. */
static vaddr_t
random_va(void)
{
	static vaddr_t va;

	static const unsigned l2[] = { 0, 1, 256, 257 }, l1[] = { 0, 1, 511 },
			      l0[] = { 0, 1, 2, 511 };

	if (test_below(8) != 0)
		return va;
	va = (vaddr_t)l2[test_below(4)] << 30 |
	    (vaddr_t)l1[test_below(3)] << 21 |
	    (vaddr_t)l0[test_below(4)] << 12 | test_below(4096);
	if (va >> 38)
		va |= ENV_KERNEL;
	return va;
}

/* Every outcome is explained, and that of memory as it is now is there. */
static void
check_va(unsigned hart, vaddr_t va)
{
	struct mmu_outcome out[MMU_OUTCOMES_MAX];
	unsigned n, plain = 0, before = env_hart;

	ask.hart = hart;
	ask.va = va;
	ask.access = test_below(3);
	ask.user = test_below(2);
	ask.asid = (mmu_satp(hart) >> SATP_ASID_SHIFT) & SATP_ASID_MASK;
	env_hart = hart;
	n = mmu_outcomes(va, ask.access, ask.user, out);
	env_hart = before;
	for (unsigned i = 0; i < n; i++) {
		ask.mo = out[i];
		ask.memory_only = false;
		if (!explained()) {
			mmu_history(va);
			test_note("%s", env_text);
			test_note("hart %u access %u user %u entry %lx at %lx: "
				  "fault %u pa %lx (%s)",
			    hart, ask.access, ask.user, ask.mo.mo_entry,
			    ask.mo.mo_entry_pa, ask.mo.mo_fault, ask.mo.mo_pa,
			    ask.mo.mo_from);
			CHECK(!"allowed");
		}
		ask.memory_only = true;
		plain += explained();
	}
	CHECK_EQ(plain, 1);
	stale += n - plain;
}

/* -- What to do ------------------------------------------------------------------- */

static uint64_t
random_leaf(int level)
{
	static const uint64_t rights[] = { PTE_R, PTE_R | PTE_W, PTE_X,
		PTE_R | PTE_W | PTE_X, PTE_R | PTE_X, PTE_W };
	uint64_t pte = PTE_V | rights[test_below(6)];

	if (level == 0)
		pte |= pte_ppn_bits(data_pa[test_below(DATA)]);
	else
		pte |= pte_ppn_bits(LARGE + (test_below(4) << 30));
	if (test_below(4) != 0)
		pte |= PTE_A;
	if (test_below(2) != 0)
		pte |= PTE_D;
	if (test_below(8) == 0)
		pte |= PTE_G;
	if (test_below(2) != 0)
		pte |= PTE_U;
	return pte;
}

/* A value for an entry; tables are found at levels they were not made for. */
static uint64_t
random_pte(int level)
{
	switch (test_below(8)) {
	case 0:
	case 1:
		return 0;
	case 2:
		return random_leaf(level) & ~PTE_V;
	case 3 ... 5:
		return level == 0
		    ? random_leaf(0)
		    : pte_table(table_pa[ROOTS + test_below(TABLES - ROOTS)]) |
			(test_below(8) == 0 ? PTE_G : 0);
	default:
		return random_leaf(level);
	}
}

/* An entry this hart uses for the address, the lowest one half of the time. */
static void
change_entry(void)
{
	paddr_t pa = (mmu_satp(env_hart) << 12) & ((1UL << 56) - 1);
	vaddr_t va = random_va();
	uint64_t *pte;
	int level = 2;

	for (;; level--) {
		pa += sv39_index(va, level) * 8;
		pte = mc.mc_memory(pa);
		if (kind_of(*pte, level) != PTE_TABLE ||
		    table_number(pte_pa(*pte)) == TABLES || test_below(6) == 0)
			break;
		pa = pte_pa(*pte);
	}
	if (test_below(3) == 0)
		*pte ^= 1UL << test_below(8);
	else
		*pte = random_pte(level);
	mmu_stored(pa);
}

static unsigned long
random_asid(void)
{
	return test_below(4) == 0 ? HW_ALL_ASIDS : test_below(5);
}

static void
fence_here(void)
{
	unsigned long asid = random_asid();
	vaddr_t va = random_va();

	switch (test_below(8)) {
	case 0:
		pmap_hw_fence_all();
		note_fence(env_hart, step, 0, 0, HW_ALL_ASIDS);
		break;
	case 1:
	case 2:
		pmap_hw_fence_asid(asid);
		note_fence(env_hart, step, 0, 0, asid);
		break;
	default:
		pmap_hw_fence_va(va, asid);
		note_fence(env_hart, step, va, 1, asid);
	}
}

static void do_step(void);

static void
others_run(void)
{
	unsigned caller = env_hart;

	for (unsigned n = test_below(4); n > 0; n--) {
		env_hart = test_below(HARTS);
		if (env_hart != caller)
			do_step();
	}
	env_hart = caller;
}

/* Known to have happened on return, not when: perhaps at once. */
static void
fence_remotely(void)
{
	static const vsize_t sizes[] = { 0, 0x1000, 0x3000, 0x1000, 0x10000,
		0x200000, 0x80000 };
	uint64_t start = step, harts = test_below(1 << HARTS);
	vsize_t size = sizes[test_below(7)];
	vaddr_t va = random_va() & ~0xfffUL;
	unsigned long asid = random_asid();

	inside = true;
	pmap_hw_remote_fence(harts, va, size, asid);
	inside = false;
	for (unsigned h = 0; h < HARTS; h++)
		if (h != env_hart && (harts >> h) & 1)
			note_fence(h, start, va, size, asid);
}

static void
switch_space(void)
{
	paddr_t root = table_pa[test_below(ROOTS)];
	unsigned long asid = test_below(4);

	pmap_hw_load(pmap_hw_satp(root, asid));
	note_satp(env_hart, root, asid);
}

static void
access_va(void)
{
	struct mmu_outcome out[MMU_OUTCOMES_MAX], mo;
	vaddr_t va = random_va();
	enum mmu_access access = test_below(3);
	bool user = test_below(2), found = false;
	unsigned n = mmu_outcomes(va, access, user, out);

	mo = mmu_access(va, access, user);
	for (unsigned i = 0; i < n; i++)
		found |= mo.mo_fault == out[i].mo_fault &&
		    mo.mo_pa == out[i].mo_pa && mo.mo_set == out[i].mo_set;
	CHECK(found);
}

static void
do_step(void)
{
	step++;
	switch (test_below(16)) {
	case 0 ... 3:
		change_entry();
		break;
	case 4:
		fence_here();
		break;
	case 5:
		if (!inside)
			fence_remotely();
		break;
	case 6:
		if (test_below(4) == 0)
			switch_space();
		break;
	case 7 ... 9:
		mmu_speculate();
		break;
	default:
		access_va();
	}
	note_changes();
	check_va(env_hart, random_va());
}

TEST(mmu_against_slow_model)
{
	for (int run = 0; run < 20; run++) {
		begin();
		env_point = others_run;
		for (env_hart = 0; env_hart < HARTS; env_hart++)
			switch_space();
		for (int i = 0; i < 1000; i++) {
			env_hart = test_below(HARTS);
			do_step();
		}
		CHECK(!env_failed);
	}
	test_note("%u stale outcomes", stale);
	/* it was worth it */
	CHECK(stale > 500);
}
