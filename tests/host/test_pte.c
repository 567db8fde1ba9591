/* Properties of Sv39 entry arithmetic (pmap/sv39/pte.h). */
#include "test.h"

#include <stdint.h>

#include "../../pmap/sv39/pte.h"

#define R 1
#define W 2
#define X 4

static const uint64_t some_pa[] = { 0, 0x1000, 0x80200000, 0x3fffffffff000,
	0xfffffffffff000 & 0xffffffffffffff };

/* Every combination of rights, access and emulation is a leaf, or invalid. */
TEST(pte_user_truth_table)
{
	for (int prot = 1; prot < 8; prot++)
		for (int access = 0; access < 8; access++)
			for (int soft = 0; soft < 2; soft++) {
				uint64_t p = pte_make_user(
				    0x80200000, prot, access, soft);
				enum pte_kind k = pte_kind(p);

				CHECK(p != 0);
				CHECK(p & PTE_U);
				CHECK(pte_pa(p) == 0x80200000);
				CHECK(k == PTE_LEAF ||
				    (soft && !access && k == PTE_INVALID));
				CHECK((pte_prot(p, true) & prot) == prot);
				/* write brings read, nothing else is added */
				CHECK((pte_prot(p, true) & ~prot &
					  ~((prot & W) ? R : 0)) == 0);
				/* hardware may not write unnoticed */
				if (soft && (p & PTE_W) && (p & PTE_V))
					CHECK(p & PTE_D);
				/* what was asked for does not trap again */
				if (access != 0)
					CHECK((p & (PTE_V | PTE_A)) ==
					    (PTE_V | PTE_A));
				if ((access & W) && (prot & W))
					CHECK((p & (PTE_W | PTE_D)) ==
					    (PTE_W | PTE_D));
			}
}

TEST(pte_kernel_leaf_is_complete)
{
	for (int prot = 1; prot < 8; prot++) {
		uint64_t p = pte_make_kernel(0x80200000, prot);

		CHECK(pte_kind(p) == PTE_LEAF);
		CHECK((p & (PTE_G | PTE_A | PTE_U)) == (PTE_G | PTE_A));
		CHECK(!(p & PTE_W) == !(prot & W));
		CHECK(!(p & PTE_D) == !(prot & W));
	}
}

TEST(pte_address_round_trip)
{
	for (size_t i = 0; i < sizeof(some_pa) / sizeof(some_pa[0]); i++) {
		uint64_t pa = some_pa[i] & ((1UL << 56) - 1);

		CHECK(pte_pa(pte_table(pa)) == pa);
		CHECK(pte_pa(pte_make_user(pa, R | W | X, W, false)) == pa);
		CHECK(pte_pa(pte_make_user(pa, R, 0, true) | PTE_WIRED) == pa);
	}
}

/* Clearing and marking change what they name and keep all else. */
TEST(pte_refmod_transitions)
{
	for (int prot = 1; prot < 8; prot++)
		for (int soft = 0; soft < 2; soft++) {
			uint64_t p =
			    pte_make_user(0x1000, prot, W, soft) | PTE_WIRED;
			uint64_t q = pte_clear_ref(p, soft);

			CHECK(!(q & PTE_A));
			CHECK(soft ? pte_kind(q) == PTE_INVALID
				   : pte_kind(q) == PTE_LEAF);
			CHECK(q != 0 && (q & PTE_WIRED));
			CHECK(pte_prot(q, true) == pte_prot(p, true));
			CHECK(pte_mark(q, false, true) == (p | PTE_A | PTE_V));
			q = pte_clear_mod(p, soft);
			CHECK(!(q & PTE_D));
			CHECK(pte_prot(q, true) == pte_prot(p, true));
			if (soft)
				CHECK(!(q & PTE_W));
			if (prot & W) {
				CHECK(pte_mark(q, true, true) == p);
				/* write protection takes both forms of W */
				CHECK(
				    !(pte_prot(q & pte_write_mask(true), true) &
					W));
			}
		}
}

TEST(pte_kinds)
{
	CHECK(pte_kind(0) == PTE_INVALID);
	CHECK(pte_kind(PTE_R | PTE_W) == PTE_INVALID);
	CHECK(pte_kind(pte_table(0x5000)) == PTE_TABLE);
	CHECK(pte_kind(PTE_V | PTE_W) == PTE_RESERVED);
	CHECK(pte_kind(PTE_V | PTE_W | PTE_X) == PTE_RESERVED);
	CHECK(pte_kind(PTE_V | PTE_A) == PTE_RESERVED);
	CHECK(pte_kind(PTE_V | PTE_X) == PTE_LEAF);
}

TEST(sv39_addresses)
{
	CHECK(sv39_canonical(0) && sv39_canonical(0x3fffffffff));
	CHECK(!sv39_canonical(0x4000000000));
	CHECK(sv39_canonical(0xffffffc000000000));
	CHECK(!sv39_canonical(0xffffff8000000000));
	CHECK(sv39_index(0xffffffff80200000, 2) == 510);
	CHECK(sv39_index(0xffffffff80200000, 1) == 1);
	CHECK(sv39_index(0x3ffffff000, 0) == 511);
}
