/*
 * The MMU model, rule by rule (privileged specification: "Virtual Address
 * Translation Process", "Supervisor Memory-Management Fence Instruction",
 * "Supervisor Address Translation and Protection Register").
 */
#include <sys/types.h>

#include "mmu_env.h"
#include "test.h"

#define VA     0x12345000UL /* of a user */
#define KVA    (ENV_KERNEL + 0x12345000UL)
#define LARGE  0x140000000UL /* 1 GiB aligned, and not in RAM: only mapped */
#define MORE   0x180000000UL
#define USER   true
#define SYSTEM false

static paddr_t root, page, other;

/* A root that maps VA to `page`; hart 0 and 1 run it with ASID 5. */
static void
start_with(const struct mmu_config *mc)
{
	env_start(mc);
	root = env_page();
	page = env_page();
	other = env_page();
	env_map(root, VA, page, ENV_USER);
	env_run(0, root, 5);
	env_run(1, root, 5);
}

static void
start(void)
{
	struct mmu_config mc = env_config();

	start_with(&mc);
}

static void
start_hard(void)
{
	struct mmu_config mc = env_config();

	mc.mc_hard_ad = ~0UL;
	start_with(&mc);
}

static uint64_t *
leaf(vaddr_t va)
{
	return env_entry(root, va, 0, 0);
}

/* -- Walks -------------------------------------------------------------------- */

TEST(mmu_walk_sizes)
{
	start();
	*env_entry(root, 0x40000000, 1, 0) = pte_ppn_bits(MORE) | ENV_USER;
	*env_entry(root, 0x80000000, 2, 0) = pte_ppn_bits(LARGE) | ENV_USER;
	CHECK(env_may(0, VA + 0xabc, MMU_LOAD, USER, page + 0xabc));
	CHECK(env_may(0, 0x40123456, MMU_STORE, USER, MORE + 0x123456));
	CHECK(env_may(0, 0xa3456789, MMU_FETCH, USER, LARGE + 0x23456789));
	CHECK_EQ(env_ways(0, VA, MMU_LOAD, USER), 1);
	CHECK_EQ(env_ways(0, 0xa3456789, MMU_LOAD, USER), 1);
	CHECK(env_may_fault(0, VA + 0x1000, MMU_LOAD, USER));
	CHECK(env_may_fault(0, 0x40200000, MMU_LOAD, USER));
	CHECK(env_may_fault(0, 0xc0000000, MMU_LOAD, USER));
}

TEST(mmu_no_translation)
{
	start();
	CHECK(env_may(2, 0x80001234, MMU_STORE, SYSTEM, 0x80001234));
	CHECK_EQ(mmu_satp(2), 0);
	CHECK_EQ(mmu_satp(0), pmap_hw_satp(root, 5));
}

TEST(mmu_canonical)
{
	start();
	env_map(root, KVA, other, ENV_SYSTEM);
	CHECK(env_may(0, KVA + 4, MMU_LOAD, SYSTEM, other + 4));
	/* the same entry by another base, as the host's address is arbitrary */
	CHECK(env_may(0, KVA - (1UL << 39), MMU_LOAD, SYSTEM, other));
	/* bit 38 clear above the user's half */
	CHECK(env_may_fault(0, VA + (1UL << 39), MMU_LOAD, USER));
	CHECK_EQ(env_ways(0, VA + (1UL << 39), MMU_LOAD, USER), 1);
}

TEST(mmu_rights)
{
	static const struct {
		uint64_t right;
		bool load, store, fetch;
	} want[] = {
		{ PTE_R, true, false, false },
		{ PTE_X, false, false, true },
		{ PTE_R | PTE_W, true, true, false },
		{ PTE_R | PTE_X, true, false, true },
		{ PTE_R | PTE_W | PTE_X, true, true, true },
	};

	start();
	for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		for (int user = 0; user < 2; user++) {
			*leaf(VA) = pte_ppn_bits(page) | PTE_V | PTE_A | PTE_D |
			    want[i].right | (user ? PTE_U : 0);
			CHECK_EQ(
			    env_may(0, VA, MMU_LOAD, user, page), want[i].load);
			CHECK_EQ(env_may(0, VA, MMU_STORE, user, page),
			    want[i].store);
			CHECK_EQ(env_may(0, VA, MMU_FETCH, user, page),
			    want[i].fetch);
			/* no SUM, and never the other way round */
			CHECK(env_may_fault(0, VA, MMU_LOAD, !user));
			CHECK_EQ(env_ways(0, VA, MMU_LOAD, !user), 1);
		}
}

static bool
faults_with(uint64_t pte, int level)
{
	*env_entry(root, 0x40000000, level, 0) = pte;
	return env_may_fault(0, 0x40000000, MMU_LOAD, USER);
}

TEST(mmu_reserved)
{
	uint64_t good = pte_ppn_bits(LARGE) | ENV_USER;

	start();
	CHECK(!faults_with(good, 2));
	CHECK(faults_with(good & ~PTE_V, 2));
	CHECK(faults_with(good & ~PTE_R, 2));
	CHECK(faults_with(good | 1UL << 54, 2));
	CHECK(faults_with(good | 1UL << 60, 2));
	CHECK(faults_with(good | 1UL << 63, 2));
	CHECK(faults_with(good | PTE_PBMT_IO, 2));
	/* misaligned superpages */
	CHECK(faults_with(pte_ppn_bits(LARGE + 0x200000) | ENV_USER, 2));
	CHECK(faults_with(0, 2));
	CHECK(!faults_with(pte_ppn_bits(LARGE + 0x200000) | ENV_USER, 1));
	CHECK(faults_with(pte_ppn_bits(LARGE + 0x1000) | ENV_USER, 1));
	/* tables: no A, D, U; none below the last level */
	CHECK(faults_with(0, 1));
	CHECK(!faults_with(good, 0));
	CHECK(faults_with(pte_table(page), 0));
	*env_entry(root, 0x40000000, 0, 0) = good;
	*env_entry(root, 0x40000000, 1, 0) |= PTE_A;
	CHECK(env_may_fault(0, 0x40000000, MMU_LOAD, USER));
}

TEST(mmu_memory_types)
{
	uint64_t good = pte_ppn_bits(LARGE) | ENV_USER;
	struct mmu_config mc = env_config();

	mc.mc_svpbmt = true;
	start_with(&mc);
	CHECK(!faults_with(good | PTE_PBMT_IO, 2));
	CHECK(!faults_with(good | PTE_PBMT_NC, 2));
	CHECK(faults_with(good | PTE_PBMT_NC | PTE_PBMT_IO, 2));
	CHECK(faults_with(pte_table(page) | PTE_PBMT_NC, 2));
}

TEST(mmu_table_outside_memory)
{
	start();
	*env_entry(root, 0x40000000, 2, 0) = pte_table(LARGE);
	CHECK(env_may_fault(0, 0x40000000, MMU_LOAD, USER));
	CHECK_EQ(env_ways(0, 0x40000000, MMU_LOAD, USER), 1);
	env_warm(0, 0x40000000, USER);
	CHECK(!env_failed);
}

/* -- What fences reach --------------------------------------------------------- */

TEST(mmu_stale_until_fence)
{
	start();
	env_touch(0, VA, USER);
	*leaf(VA) = pte_ppn_bits(other) | ENV_USER;
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(env_may(0, VA, MMU_LOAD, USER, other));
	CHECK_EQ(env_ways(0, VA, MMU_LOAD, USER), 2);
	pmap_hw_fence_va(VA, 5);
	CHECK_EQ(env_ways(0, VA, MMU_LOAD, USER), 1);
	CHECK(env_may(0, VA, MMU_LOAD, USER, other));
}

TEST(mmu_access_is_an_outcome)
{
	unsigned old = 0;

	for (int i = 0; i < 200; i++) {
		struct mmu_outcome mo;

		/* anew: a hart that has faulted goes on doing so */
		start();
		env_touch(0, VA, USER);
		*leaf(VA) = 0;
		mo = mmu_access(VA, MMU_LOAD, USER);
		CHECK(mo.mo_fault || mo.mo_pa == page);
		CHECK(mo.mo_entry_pa == env_entry_pa(leaf(VA)));
		old += !mo.mo_fault;
	}
	/* both happen, and often */
	CHECK(old > 40 && old < 160);
}

TEST(mmu_stale_rights)
{
	start();
	env_touch(0, VA, USER);
	*leaf(VA) &= ~(PTE_W | PTE_X);
	CHECK(env_may(0, VA, MMU_STORE, USER, page));
	CHECK(env_may_fault(0, VA, MMU_STORE, USER));
	CHECK(env_may(0, VA, MMU_FETCH, USER, page));
	pmap_hw_fence_va(VA, 5);
	CHECK(!env_may(0, VA, MMU_STORE, USER, page));
	CHECK(!env_may(0, VA, MMU_FETCH, USER, page));
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
}

TEST(mmu_spurious_fault_after_grant)
{
	start();
	*leaf(VA) &= ~PTE_W;
	env_touch(0, VA, USER);
	*leaf(VA) |= PTE_W;
	CHECK(env_may_fault(0, VA, MMU_STORE, USER));
	CHECK(env_may(0, VA, MMU_STORE, USER, page));
	pmap_hw_fence_va(VA, 5);
	CHECK(!env_may_fault(0, VA, MMU_STORE, USER));
}

TEST(mmu_fence_va_reach)
{
	start();
	env_map(root, VA + 0x1000, page, ENV_USER);
	for (unsigned h = 0; h < 2; h++) {
		env_touch(h, VA, USER);
		env_touch(h, VA + 0x1000, USER);
	}
	*leaf(VA) = *leaf(VA + 0x1000) = 0;
	/* another address, another address space, another hart */
	pmap_hw_fence_va(VA + 0x2000, 5);
	pmap_hw_fence_va(VA, 6);
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	pmap_hw_fence_va(VA + 0x7f8, 5);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(env_may(0, VA + 0x1000, MMU_LOAD, USER, page));
	CHECK(env_may(1, VA, MMU_LOAD, USER, page));
}

TEST(mmu_fence_va_all_spaces)
{
	start();
	env_map(root, KVA, page, ENV_SYSTEM | PTE_G);
	env_touch(0, VA, USER);
	env_touch(0, KVA, SYSTEM);
	*leaf(VA) = *leaf(KVA) = 0;
	env_run(0, root, 7);
	pmap_hw_fence_va(VA, HW_ALL_ASIDS);
	pmap_hw_fence_va(KVA, HW_ALL_ASIDS);
	CHECK(!env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	env_run(0, root, 5);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(!env_may(0, KVA, MMU_LOAD, SYSTEM, page));
}

TEST(mmu_fence_asid_reach)
{
	start();
	env_touch(0, VA, USER);
	env_map(root, KVA, page, ENV_SYSTEM | PTE_G);
	env_touch(0, KVA, SYSTEM);
	env_run(0, root, 6);
	env_touch(0, VA, USER);
	*leaf(VA) = *leaf(KVA) = 0;
	pmap_hw_fence_asid(5);
	/* not of 6, and no globals */
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	env_run(0, root, 5);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(env_may(0, KVA, MMU_LOAD, SYSTEM, page));
}

TEST(mmu_fence_all_reach)
{
	start();
	env_map(root, KVA, page, ENV_SYSTEM | PTE_G);
	for (unsigned asid = 5; asid < 8; asid++) {
		env_run(0, root, asid);
		env_warm(0, VA, USER);
		env_warm(0, KVA, SYSTEM);
	}
	env_touch(1, VA, USER);
	*env_entry(root, VA, 2, 0) = *env_entry(root, KVA, 2, 0) = 0;
	pmap_hw_fence_all();
	for (unsigned asid = 5; asid < 8; asid++) {
		env_run(0, root, asid);
		CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
		CHECK(!env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	}
	CHECK(env_may(1, VA, MMU_LOAD, USER, page));
}

TEST(mmu_fence_asid_spares_globals)
{
	start();
	env_map(root, KVA, page, ENV_SYSTEM | PTE_G);
	env_touch(0, KVA, SYSTEM);
	*leaf(KVA) = pte_ppn_bits(other) | ENV_SYSTEM | PTE_G;
	pmap_hw_fence_va(KVA, 5);
	pmap_hw_fence_asid(5);
	CHECK(env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	pmap_hw_fence_va(KVA, HW_ALL_ASIDS);
	CHECK(!env_may(0, KVA, MMU_LOAD, SYSTEM, page));
}

TEST(mmu_invalid_is_kept)
{
	start();
	*leaf(VA) = 0;
	env_touch(0, VA, USER);
	*leaf(VA) = pte_ppn_bits(page) | ENV_USER;
	CHECK(env_may_fault(0, VA, MMU_LOAD, USER));
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	pmap_hw_fence_va(VA, 5);
	CHECK(!env_may_fault(0, VA, MMU_LOAD, USER));
}

/* An invalid entry of a higher level: all it serves may fault. */
TEST(mmu_invalid_upper)
{
	start();
	env_touch(0, 0x40001000, USER);
	env_map(root, 0x40003000, page, ENV_USER);
	CHECK(env_may_fault(0, 0x40003000, MMU_LOAD, USER));
	pmap_hw_fence_va(0x40003000, 5);
	CHECK(!env_may_fault(0, 0x40003000, MMU_LOAD, USER));
}

TEST(mmu_invalid_upper_stays)
{
	struct mmu_config mc = env_config();

	mc.mc_upper_invalid_stays = true;
	start_with(&mc);
	env_touch(0, 0x40003000, USER);
	env_map(root, 0x40003000, page, ENV_USER);
	pmap_hw_fence_va(0x40003000, 5);
	CHECK(env_may_fault(0, 0x40003000, MMU_LOAD, USER));
	pmap_hw_fence_asid(5);
	CHECK(!env_may_fault(0, 0x40003000, MMU_LOAD, USER));
}

/* -- Tables -------------------------------------------------------------------- */

/* The table for VA is taken out of the tree; the hart has its address. */
static paddr_t
unlink_table(void)
{
	uint64_t *pte;
	paddr_t table;

	start();
	env_warm(0, VA, USER);
	pte = env_entry(root, VA, 1, 0);
	table = pte_pa(*pte);
	*pte = 0;
	return table;
}

TEST(mmu_table_survives_address_fences)
{
	unlink_table();
	pmap_hw_fence_va(VA, 5);
	pmap_hw_fence_va(VA, HW_ALL_ASIDS);
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(env_may_fault(0, VA, MMU_LOAD, USER));
	pmap_hw_fence_asid(5);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
}

/* What lies in the old table now is what a walk from it finds. */
TEST(mmu_table_reused)
{
	paddr_t table = unlink_table();
	uint64_t *pte = (uint64_t *)env_config().mc_memory(table);

	pmap_hw_fence_va(VA, 5);
	pte[sv39_index(VA, 0)] = pte_ppn_bits(other) | ENV_USER;
	CHECK(env_may(0, VA, MMU_LOAD, USER, other));
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(env_may_fault(0, VA, MMU_LOAD, USER));
}

TEST(mmu_table_replaced)
{
	paddr_t table = unlink_table();

	env_map(root, VA, other, ENV_USER);
	CHECK(pte_pa(*env_entry(root, VA, 1, 0)) != table);
	pmap_hw_fence_va(VA, 5);
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(env_may(0, VA, MMU_LOAD, USER, other));
	pmap_hw_fence_all();
	CHECK_EQ(env_ways(0, VA, MMU_LOAD, USER), 1);
	CHECK(env_may(0, VA, MMU_LOAD, USER, other));
}

TEST(mmu_root_table_kept)
{
	start();
	env_warm(0, VA, USER);
	*env_entry(root, VA, 2, 0) = 0;
	pmap_hw_fence_va(VA, 5);
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	/* also in a new root: the table was read in this address space */
	env_run(0, other, 5);
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	pmap_hw_fence_asid(5);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
}

TEST(mmu_global_table)
{
	uint64_t *pte;

	start();
	*env_entry(root, KVA, 2, 0) = pte_table(env_page()) | PTE_G;
	env_map(root, KVA, page, ENV_SYSTEM);
	env_warm(0, KVA, SYSTEM);
	pte = leaf(KVA);
	*env_entry(root, KVA, 2, 0) = 0;
	env_run(0, root, 9);
	pmap_hw_fence_asid(5);
	pmap_hw_fence_asid(9);
	CHECK(env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	/* the leaf below G is global too */
	*pte = 0;
	CHECK(env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	/* without it, the tables are left */
	pmap_hw_fence_va(KVA, HW_ALL_ASIDS);
	CHECK(!env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	*pte = pte_ppn_bits(page) | ENV_SYSTEM;
	CHECK(env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	pmap_hw_fence_all();
	CHECK(!env_may(0, KVA, MMU_LOAD, SYSTEM, page));
}

/* The same entry, once under a table without G, once under one with it. */
TEST(mmu_becomes_global)
{
	start();
	env_map(root, KVA, page, ENV_SYSTEM);
	env_warm(0, KVA, SYSTEM);
	*env_entry(root, KVA, 2, 0) |= PTE_G;
	env_warm(0, KVA, SYSTEM);
	*leaf(KVA) = 0;
	pmap_hw_fence_asid(5);
	CHECK(env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	pmap_hw_fence_va(KVA, HW_ALL_ASIDS);
	CHECK(!env_may(0, KVA, MMU_LOAD, SYSTEM, page));
}

/* -- Superpages ---------------------------------------------------------------- */

TEST(mmu_superpage_pieces)
{
	static const vsize_t at[] = { 0, 0x1000, 0x212000, 0x3fe00000 };
	vaddr_t va = 0x80000000;
	unsigned stale = 0;

	start();
	*env_entry(root, va, 2, 0) = pte_ppn_bits(LARGE) | ENV_USER;
	for (unsigned i = 0; i < 4; i++)
		env_touch(0, va + at[i], USER);
	*env_entry(root, va, 2, 0) = pte_ppn_bits(MORE) | ENV_USER;
	for (unsigned i = 0; i < 4; i++)
		stale += env_may(0, va + at[i], MMU_LOAD, USER, LARGE + at[i]);
	CHECK_EQ(stale, 4);
	/* one fence for any address of the page covers all of its pieces */
	pmap_hw_fence_va(va + 0x12345678, 5);
	for (unsigned i = 0; i < 4; i++) {
		CHECK_EQ(env_ways(0, va + at[i], MMU_LOAD, USER), 1);
		CHECK(env_may(0, va + at[i], MMU_LOAD, USER, MORE + at[i]));
	}
}

TEST(mmu_superpage_piece_serves_its_part)
{
	vaddr_t va = 0x80000000;
	bool seen = false, missed = false;

	/* by chance the hart keeps 4 KiB, 2 MiB or all of it */
	for (int i = 0; i < 100 && !(seen && missed); i++) {
		start();
		*env_entry(root, va, 2, 0) = pte_ppn_bits(LARGE) | ENV_USER;
		env_touch(0, va, USER);
		*env_entry(root, va, 2, 0) = 0;
		CHECK(env_may(0, va, MMU_LOAD, USER, LARGE));
		if (env_may(0, va + 0x5000, MMU_LOAD, USER, LARGE + 0x5000))
			seen = true;
		else
			missed = true;
	}
	CHECK(seen && missed);
}

TEST(mmu_several_sizes)
{
	vaddr_t va = 0x40000000;
	uint64_t *pte;

	start();
	pte = env_entry(root, va, 1, 0);
	*pte = pte_ppn_bits(LARGE) | ENV_USER;
	for (int i = 0; i < 16; i++)
		env_touch(0, va + i * 0x1000, USER);
	*pte = 0;
	env_map(root, va, page, ENV_USER);
	for (int i = 0; i < 64; i++)
		mmu_access(va, MMU_LOAD, USER);
	*pte = 0;
	CHECK(env_may(0, va, MMU_LOAD, USER, LARGE));
	CHECK(env_may(0, va, MMU_LOAD, USER, page));
	CHECK(env_may_fault(0, va, MMU_LOAD, USER));
	pmap_hw_fence_asid(5);
	CHECK_EQ(env_ways(0, va, MMU_LOAD, USER), 1);
}

/* -- Address spaces ------------------------------------------------------------ */

TEST(mmu_satp_flushes_nothing)
{
	start();
	env_touch(0, VA, USER);
	env_run(0, other, 6);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
	*leaf(VA) = 0;
	env_run(0, root, 5);
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
}

TEST(mmu_asid_reused)
{
	start();
	env_touch(0, VA, USER);
	/* the next owner of 5 has another root */
	env_run(0, other, 5);
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(env_may_fault(0, VA, MMU_LOAD, USER));
	pmap_hw_fence_asid(5);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
}

TEST(mmu_globals_serve_every_space)
{
	start();
	env_map(root, KVA, page, ENV_SYSTEM | PTE_G);
	env_map(root, KVA + 0x1000, page, ENV_SYSTEM);
	env_touch(0, KVA, SYSTEM);
	env_touch(0, KVA + 0x1000, SYSTEM);
	env_run(0, other, 6);
	CHECK(env_may(0, KVA, MMU_LOAD, SYSTEM, page));
	CHECK(!env_may(0, KVA + 0x1000, MMU_LOAD, SYSTEM, page));
}

TEST(mmu_no_asids)
{
	struct mmu_config mc = env_config();

	mc.mc_asid_bits = 0;
	start_with(&mc);
	CHECK_EQ(pmap_hw_asid_bits(), 0);
	CHECK_EQ(mmu_satp(0), pmap_hw_satp(root, 0));
	env_touch(0, VA, USER);
	env_run(0, other, 9);
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	pmap_hw_fence_asid(0);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
}

TEST(mmu_asid_width)
{
	struct mmu_config mc = env_config();

	mc.mc_asid_bits = 3;
	start_with(&mc);
	CHECK_EQ(pmap_hw_asid_bits(), 3);
	env_touch(0, VA, USER);
	/* 13 is 5 */
	env_run(0, other, 13);
	CHECK_EQ(mmu_satp(0), pmap_hw_satp(other, 5));
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	pmap_hw_fence_asid(13);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
}

/* Probing satp must fence: it went through other ASIDs. */
TEST(mmu_asid_probe_fences)
{
	start();
	env_touch(0, VA, USER);
	*leaf(VA) = 0;
	CHECK_EQ(pmap_hw_asid_bits(), 8);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
	CHECK_EQ(mmu_satp(0), pmap_hw_satp(root, 5));
}

/* -- Accessed and dirty --------------------------------------------------------- */

TEST(mmu_ad_by_fault)
{
	start();
	*leaf(VA) = pte_ppn_bits(page) | (ENV_USER & ~(PTE_A | PTE_D));
	env_touch(0, VA, USER);
	CHECK(mmu_access(VA, MMU_LOAD, USER).mo_fault);
	CHECK(mmu_access(VA, MMU_STORE, USER).mo_fault);
	CHECK_EQ(*leaf(VA), pte_ppn_bits(page) | (ENV_USER & ~(PTE_A | PTE_D)));
	*leaf(VA) |= PTE_A;
	/* the copy without A may go on faulting */
	CHECK(env_may_fault(0, VA, MMU_LOAD, USER));
	pmap_hw_fence_va(VA, 5);
	CHECK(!env_may_fault(0, VA, MMU_LOAD, USER));
	CHECK(mmu_access(VA, MMU_STORE, USER).mo_fault);
	CHECK(!(*leaf(VA) & PTE_D));
}

TEST(mmu_ad_by_hart)
{
	start_hard();
	*leaf(VA) = pte_ppn_bits(page) | (ENV_USER & ~(PTE_A | PTE_D));
	CHECK_EQ(env_ways(0, VA, MMU_STORE, USER), 1);
	CHECK(!(*leaf(VA) & PTE_A));
	CHECK(!mmu_access(VA, MMU_LOAD, USER).mo_fault);
	CHECK_EQ(*leaf(VA) & (PTE_A | PTE_D), PTE_A);
	env_touch(0, VA, USER);
	CHECK_EQ(*leaf(VA) & (PTE_A | PTE_D), PTE_A);
	CHECK(!mmu_access(VA, MMU_STORE, USER).mo_fault);
	CHECK_EQ(*leaf(VA) & (PTE_A | PTE_D), PTE_A | PTE_D);
}

TEST(mmu_ad_only_if_allowed)
{
	uint64_t pte;

	start_hard();
	*leaf(VA) = pte = pte_ppn_bits(page) | PTE_V | PTE_R | PTE_U;
	CHECK(mmu_access(VA, MMU_STORE, USER).mo_fault);
	CHECK(mmu_access(VA, MMU_FETCH, USER).mo_fault);
	CHECK(mmu_access(VA, MMU_LOAD, SYSTEM).mo_fault);
	CHECK_EQ(*leaf(VA), pte);
}

TEST(mmu_ad_mixed_harts)
{
	struct mmu_config mc = env_config();

	mc.mc_hard_ad = 1UL << 1;
	start_with(&mc);
	*leaf(VA) &= ~(PTE_A | PTE_D);
	CHECK(env_may_fault(0, VA, MMU_LOAD, USER));
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(env_may(1, VA, MMU_LOAD, USER, page));
	CHECK(!env_may_fault(1, VA, MMU_LOAD, USER));
}

/* A copy without D: the store looks at the entry again, all of it. */
TEST(mmu_dirty_rechecks)
{
	start_hard();
	*leaf(VA) &= ~PTE_D;
	env_touch(0, VA, USER);
	*leaf(VA) = 0;
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	CHECK(!env_may(0, VA, MMU_STORE, USER, page));
	for (int i = 0; i < 50; i++)
		CHECK(mmu_access(VA, MMU_STORE, USER).mo_fault);
	CHECK_EQ(*leaf(VA), 0);
	/* changed only in its rights: neither */
	*leaf(VA) = pte_ppn_bits(page) | (ENV_USER & ~(PTE_D | PTE_W));
	CHECK(!env_may(0, VA, MMU_STORE, USER, page));
}

TEST(mmu_dirty_set_through_copy)
{
	struct mmu_outcome out[MMU_OUTCOMES_MAX];

	start_hard();
	*leaf(VA) &= ~PTE_D;
	env_touch(0, VA, USER);
	CHECK_EQ(mmu_outcomes(VA, MMU_STORE, USER, out), 1);
	CHECK_EQ(out[0].mo_set, PTE_D);
	CHECK_EQ(out[0].mo_entry_pa, env_entry_pa(leaf(VA)));
	CHECK_EQ(mmu_access(VA, MMU_STORE, USER).mo_set, PTE_D);
	CHECK(*leaf(VA) & PTE_D);
	CHECK_EQ(mmu_access(VA, MMU_STORE, USER).mo_set, 0);
	/* the copy has D now */
	*leaf(VA) &= ~PTE_D;
	CHECK_EQ(mmu_outcomes(VA, MMU_STORE, USER, out), 2);
}

/* D taken away without a fence: stores go on and nobody is told. */
TEST(mmu_dirty_copy_hides_stores)
{
	struct mmu_outcome out[MMU_OUTCOMES_MAX];
	bool hidden = false;
	unsigned n;

	start_hard();
	env_touch(0, VA, USER);
	*leaf(VA) &= ~PTE_D;
	n = mmu_outcomes(VA, MMU_STORE, USER, out);
	CHECK_EQ(n, 2);
	for (unsigned i = 0; i < n; i++)
		hidden |= out[i].mo_set == 0 && (out[i].mo_entry & PTE_D);
	CHECK(hidden);
	pmap_hw_fence_va(VA, 5);
	CHECK_EQ(mmu_outcomes(VA, MMU_STORE, USER, out), 1);
	CHECK_EQ(out[0].mo_set, PTE_D);
}

/* One page by an old table and by the new one: A may be set in either. */
TEST(mmu_accessed_in_old_table)
{
	struct mmu_outcome out[MMU_OUTCOMES_MAX];
	uint64_t *old;

	start_hard();
	env_warm(0, VA, USER);
	old = leaf(VA);
	*old &= ~PTE_A;
	*env_entry(root, VA, 1, 0) = 0;
	env_map(root, VA, page, ENV_USER & ~PTE_A);
	pmap_hw_fence_va(VA, 5);
	CHECK_EQ(mmu_outcomes(VA, MMU_LOAD, USER, out), 2);
	CHECK_EQ(out[0].mo_set & out[1].mo_set, PTE_A);
	CHECK_EQ(out[0].mo_entry_pa ^ out[1].mo_entry_pa,
	    env_entry_pa(old) ^ env_entry_pa(leaf(VA)));
}

/* A taken away without a fence: it does not come back by itself. */
TEST(mmu_accessed_copy_hides_loads)
{
	struct mmu_outcome out[MMU_OUTCOMES_MAX];

	start_hard();
	env_touch(0, VA, USER);
	*leaf(VA) &= ~PTE_A;
	CHECK_EQ(mmu_outcomes(VA, MMU_LOAD, USER, out), 2);
	CHECK(out[0].mo_set == 0 || out[1].mo_set == 0);
	CHECK(out[0].mo_set == PTE_A || out[1].mo_set == PTE_A);
}

TEST(mmu_speculation_sets_a_not_d)
{
	start_hard();
	*leaf(VA) &= ~(PTE_A | PTE_D);
	mmu_access(VA + 0x1000, MMU_LOAD, USER);
	for (int i = 0; i < 1000; i++)
		mmu_speculate();
	CHECK_EQ(*leaf(VA) & (PTE_A | PTE_D), PTE_A);
}

TEST(mmu_speculation_changes_nothing_by_fault)
{
	uint64_t pte;

	start();
	pte = *leaf(VA) &= ~(PTE_A | PTE_D);
	mmu_access(VA + 0x1000, MMU_LOAD, USER);
	for (int i = 0; i < 1000; i++)
		mmu_speculate();
	CHECK_EQ(*leaf(VA), pte);
}

/* -- Speculation, capacity ------------------------------------------------------ */

/* Neighbours of what is used are kept, valid or not, without being touched. */
TEST(mmu_speculation_fills)
{
	start();
	env_map(root, VA + 0x1000, page, ENV_USER);
	mmu_access(VA, MMU_LOAD, USER);
	for (int i = 0; i < 2000; i++)
		mmu_speculate_hart(1);
	*leaf(VA + 0x1000) = 0;
	*leaf(VA - 0x1000) = pte_ppn_bits(page) | ENV_USER;
	CHECK(env_may(1, VA + 0x1000, MMU_LOAD, USER, page));
	CHECK(env_may_fault(1, VA - 0x1000, MMU_LOAD, USER));
	/* hart 0 did not */
	CHECK(!env_may_fault(0, VA - 0x1000, MMU_LOAD, USER));
}

TEST(mmu_speculation_without_translation)
{
	start();
	mmu_speculate_hart(3);
	CHECK(!env_failed);
}

/* Copies that agree with memory make room for those that do not. */
TEST(mmu_stale_outlives_pressure)
{
	vaddr_t base = 0x12200000;
	unsigned stale = 0;

	start();
	for (int i = 0; i < 64; i++) {
		env_map(root, base + i * 0x1000, page, ENV_USER);
		env_touch(0, base + i * 0x1000, USER);
	}
	for (int i = 0; i < 64; i++)
		*leaf(base + i * 0x1000) = pte_ppn_bits(other) | ENV_USER;
	/* 16 for each way that is left */
	for (int i = 64; i < 64 + 1024; i++)
		for (int n = 0; n < 4; n++) {
			env_map(root, base + i * 0x1000, page, ENV_USER);
			mmu_access(base + i * 0x1000, MMU_LOAD, USER);
		}
	for (int i = 0; i < 64; i++)
		stale += env_may(0, base + i * 0x1000, MMU_LOAD, USER, page);
	CHECK(stale > 36);
}

/* -- Remote fences --------------------------------------------------------------- */

static unsigned late; /* points at which a target still used its copy */

static void
look_late(void)
{
	late += env_may(1, VA, MMU_LOAD, USER, page);
}

TEST(mmu_remote_fence_is_late)
{
	for (int i = 0; i < 30; i++) {
		start();
		env_run(2, root, 5);
		for (unsigned h = 0; h < 3; h++)
			env_touch(h, VA, USER);
		*leaf(VA) = 0;
		env_point = look_late;
		pmap_hw_remote_fence(0x7, VA, 0x1000, 5);
		env_point = NULL;
		/* its own bit is ignored */
		CHECK(env_may(0, VA, MMU_LOAD, USER, page));
		CHECK(!env_may(1, VA, MMU_LOAD, USER, page));
		CHECK(!env_may(2, VA, MMU_LOAD, USER, page));
	}
	CHECK(late > 10);
}

TEST(mmu_remote_fence_only_targets)
{
	start();
	env_run(2, root, 5);
	env_touch(1, VA, USER);
	env_touch(2, VA, USER);
	*leaf(VA) = 0;
	pmap_hw_remote_fence(1UL << 2, VA, 0x1000, 5);
	CHECK(env_may(1, VA, MMU_LOAD, USER, page));
	CHECK(!env_may(2, VA, MMU_LOAD, USER, page));
	pmap_hw_remote_fence(1UL << 9, VA, 0x1000, 5);
	CHECK(env_failed);
}

static void
remote_range(unsigned pages)
{
	start();
	for (unsigned i = 0; i < pages + 2; i++) {
		env_map(root, VA + i * 0x1000, page, ENV_USER);
		env_touch(1, VA + i * 0x1000, USER);
	}
	for (unsigned i = 0; i < pages + 2; i++)
		*leaf(VA + i * 0x1000) = 0;
	pmap_hw_remote_fence(1UL << 1, VA + 0x1000, pages * 0x1000UL, 5);
	for (unsigned i = 0; i < pages + 2; i++)
		CHECK_EQ(env_may(1, VA + i * 0x1000, MMU_LOAD, USER, page),
		    i == 0 || i == pages + 1);
}

TEST(mmu_remote_range)
{
	remote_range(1);
	remote_range(7);
	remote_range(100);
}

TEST(mmu_remote_range_spares_tables)
{
	start();
	env_warm(1, VA, USER);
	*env_entry(root, VA, 1, 0) = 0;
	pmap_hw_remote_fence(2, VA & ~0x1fffffUL, 0x200000, HW_ALL_ASIDS);
	CHECK(env_may(1, VA, MMU_LOAD, USER, page));
	pmap_hw_remote_fence(2, 0, 0, 5);
	CHECK(!env_may(1, VA, MMU_LOAD, USER, page));
}

TEST(mmu_remote_full)
{
	start();
	env_map(root, KVA, page, ENV_SYSTEM | PTE_G);
	env_touch(1, VA, USER);
	env_touch(1, KVA, SYSTEM);
	*leaf(VA) = *leaf(KVA) = 0;
	pmap_hw_remote_fence(2, 0, 0, 5);
	CHECK(!env_may(1, VA, MMU_LOAD, USER, page));
	CHECK(env_may(1, KVA, MMU_LOAD, SYSTEM, page));
	pmap_hw_remote_fence(2, KVA, 0x1000, 5);
	CHECK(env_may(1, KVA, MMU_LOAD, SYSTEM, page));
	pmap_hw_remote_fence(2, 0, 0, HW_ALL_ASIDS);
	CHECK(!env_may(1, KVA, MMU_LOAD, SYSTEM, page));
}

/* -- Pages about to be free ------------------------------------------------------ */

static bool
reached(paddr_t pa)
{
	env_failed = false;
	mmu_check_unreachable(pa + 0x123);
	return env_failed;
}

TEST(mmu_unreachable_leaf)
{
	start();
	CHECK(!reached(page));
	env_touch(1, VA, USER);
	*leaf(VA) = 0;
	CHECK(reached(page));
	CHECK(!reached(other));
	/* not the one that keeps it */
	pmap_hw_fence_va(VA, 5);
	CHECK(reached(page));
	pmap_hw_remote_fence(2, VA, 0x1000, 5);
	CHECK(!reached(page));
}

TEST(mmu_unreachable_other_space)
{
	start();
	env_touch(0, VA, USER);
	env_map(root, KVA, other, ENV_SYSTEM | PTE_G);
	env_touch(0, KVA, SYSTEM);
	*leaf(VA) = *leaf(KVA) = 0;
	env_run(0, root, 6);
	/* the space that has it flushes before it runs again */
	CHECK(!reached(page));
	CHECK(reached(other));
	env_run(0, root, 5);
	CHECK(reached(page));
}

TEST(mmu_unreachable_table)
{
	paddr_t table = unlink_table();

	pmap_hw_fence_va(VA, 5);
	CHECK(reached(table));
	CHECK(env_said("as the table for"));
	pmap_hw_fence_asid(5);
	CHECK(!reached(table));
}

TEST(mmu_unreachable_root)
{
	start();
	CHECK(reached(root));
	env_run(0, other, 5);
	CHECK(reached(root));
	env_run(1, other, 5);
	CHECK(!reached(root));
}

TEST(mmu_unreachable_direct_map)
{
	struct mmu_config mc = env_config();

	mc.mc_dmap_lo = ENV_DMAP;
	mc.mc_dmap_hi = ENV_DMAP + (4UL << 30);
	start_with(&mc);
	env_map(root, ENV_DMAP + 0x80000000, page, ENV_SYSTEM);
	env_map(root, ENV_DMAP - 0x1000, other, ENV_SYSTEM);
	env_touch(0, ENV_DMAP + 0x80000000, SYSTEM);
	env_touch(0, ENV_DMAP - 0x1000, SYSTEM);
	CHECK(!reached(page));
	CHECK(reached(other));
}

TEST(mmu_unreachable_superpage)
{
	start();
	*env_entry(root, 0x40000000, 1, 0) = pte_ppn_bits(LARGE) | ENV_USER;
	for (int i = 0; i < 50; i++)
		env_touch(0, 0x40000000 + i * 0x1000, USER);
	CHECK(reached(LARGE));
	CHECK(reached(LARGE + 0x1f000));
	CHECK(!reached(LARGE + 0x200000));
	pmap_hw_fence_va(0x40100000, 5);
	CHECK(!reached(LARGE));
}

/* A copy without A serves no access: taking it away needs no fence. */
TEST(mmu_unreachable_not_accessed)
{
	for (int hard = 0; hard < 2; hard++) {
		if (hard)
			start_hard();
		else
			start();
		*leaf(VA) &= ~PTE_A;
		if (hard) {
			mmu_access(VA + 0x1000, MMU_LOAD, USER);
			mmu_speculate();
		} else
			env_touch(0, VA, USER);
		if (*leaf(VA) & PTE_A)
			continue;
		*leaf(VA) = 0;
		CHECK(!reached(page));
		CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
	}
}

/* -- Instruction fetch ------------------------------------------------------------ */

TEST(mmu_fetch_coherence)
{
	start();
	CHECK(mmu_fetch_coherent(page));
	mmu_written(page + 0xffc, 8);
	CHECK(!mmu_fetch_coherent(page));
	CHECK(!mmu_fetch_coherent(page + 0x1000));
	CHECK(mmu_fetch_coherent(page + 0x2000));
	pmap_hw_fencei();
	CHECK(mmu_fetch_coherent(page));
	env_hart = 1;
	CHECK(!mmu_fetch_coherent(page));
	env_hart = 0;
	mmu_written(page, 1);
	CHECK(!mmu_fetch_coherent(page));
}

static void
look_fetch(void)
{
	env_hart = 1;
	late += !mmu_fetch_coherent(page);
	env_hart = 0;
}

TEST(mmu_remote_fencei)
{
	for (int i = 0; i < 30; i++) {
		start();
		mmu_written(page, 4);
		env_point = look_fetch;
		pmap_hw_remote_fencei(0x7);
		for (env_hart = 0; env_hart < 4; env_hart++)
			CHECK_EQ(mmu_fetch_coherent(page),
			    env_hart == 1 || env_hart == 2);
	}
	CHECK(late > 5);
}

/* -- Errata, histories, starting again -------------------------------------------- */

TEST(mmu_errata)
{
	struct mmu_config mc = env_config();

	mc.mc_errata = true;
	start_with(&mc);
	env_touch(0, VA, USER);
	*leaf(VA) = 0;
	pmap_hw_fence_va(VA, 5);
	pmap_hw_fence_asid(5);
	CHECK(env_may(0, VA, MMU_LOAD, USER, page));
	pmap_hw_full_fences();
	pmap_hw_fence_va(VA, 5);
	CHECK(!env_may(0, VA, MMU_LOAD, USER, page));
}

TEST(mmu_history_tells)
{
	start();
	env_touch(1, VA, USER);
	*leaf(VA) = 0;
	mmu_stored(env_entry_pa(leaf(VA)));
	pmap_hw_fence_va(VA, 5);
	pmap_hw_remote_fence(1UL << 2, VA, 0x1000, 5);
	CHECK(reached(page));
	CHECK(env_said("hart 0: stores to level 0 entry"));
	CHECK(env_said("hart 1: load keeps level 0 entry"));
	CHECK(env_said("hart 0: fences itself: leaves at 12345000"));
	CHECK(env_said("hart 0: calls harts 4 to fence: leaves"));
	CHECK(env_said("hart 2: fences for hart 0: leaves"));
	CHECK(env_said("STALE: memory holds 0"));
	CHECK(env_said("missing in hart 1: sfence.vma va, 5 or x0, 5 or "
		       "va, x0 or x0, x0\n"));
	CHECK(
	    env_said("about to be free, and hart 1 still reaches it through"));
}

TEST(mmu_history_of_tables)
{
	unlink_table();
	mmu_history(VA);
	CHECK(env_said("missing in hart 0: sfence.vma x0, 5 or x0, x0\n"));
	CHECK(!env_said("fences itself"));
	CHECK(!env_failed);
}

/* Nothing of a former life is left. */
TEST(mmu_init_forgets)
{
	struct mmu_config mc = env_config();

	start();
	env_warm(0, VA, USER);
	mmu_written(page, 1);
	pmap_hw_full_fences();
	*env_entry(root, VA, 2, 0) = 0;
	mmu_init(&mc);
	CHECK_EQ(mmu_satp(0), 0);
	env_run(0, root, 5);
	CHECK_EQ(env_ways(0, VA, MMU_LOAD, USER), 1);
	CHECK(env_may_fault(0, VA, MMU_LOAD, USER));
	CHECK(!reached(page));
	CHECK(mmu_fetch_coherent(page));
}
