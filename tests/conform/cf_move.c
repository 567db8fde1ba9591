/* Moving mappings to other addresses of the same pmap. */
#include "conform.h"

#define TO       (3 * GB1 + MB2 - ptoa(2)) /* an edge of tables is near */
#define TO_AT(n) (TO + ptoa(n))

KTEST(conform_move_keeps_what_it_moves)
{
	struct conf f;
	long pv;

	conf_setup(&f);
	for (int i = 0; i < 4; i++)
		conf_fill(f.pg[i], 50 + (uint64_t)i);
	CONF_ENTER(&f, 0, 0, RW, 0);
	CONF_ENTER(&f, 2, 1, PROT_READ, PMAP_WIRED);
	CONF_ENTER(&f, 3, 2, RW, 0);
	CONF_ENTER(&f, 4, 3, RW, 0); /* just behind */
	CONF_ENTER(&f, -1, 3, RW, 0); /* just before */
	KT_EQ(conf_store(f.pm, AT(3), 77), 0);
	pv = pmap_pv_count();
	KT_EQ(pmap_move(f.pm, AT(0), TO, ptoa(4)), 0);
	KT_EQ(pmap_pv_count(), pv);
	KT_EQ(pmap_resident_count(f.pm), 5);
	KT_EQ(pmap_wired_count(f.pm), 1);
	KT_CHECK(pmap_is_wired(f.pm, TO_AT(2)));
	for (int i = 0; i < 4; i++)
		KT_EQ(conf_peek(f.pm, AT(i)), ~0UL);
	KT_CHECK(!pmap_is_modified(f.pg[0]) && pmap_is_modified(f.pg[2]));
	KT_EQ(conf_probe(f.pm, TO_AT(0)), RW);
	KT_EQ(conf_probe(f.pm, TO_AT(2)), PROT_READ);
	KT_EQ(conf_store(f.pm, TO_AT(2), 1), EFAULT);
	KT_EQ(conf_peek(f.pm, TO_AT(0)), 50);
	KT_EQ(conf_peek(f.pm, TO_AT(1)), ~0UL);
	KT_EQ(conf_peek(f.pm, TO_AT(2)), 51);
	KT_EQ(conf_peek(f.pm, TO_AT(3)), 77);
	KT_EQ(conf_peek(f.pm, AT(4)), 53);
	KT_EQ(conf_peek(f.pm, AT(-1)), 53);
	conf_teardown(&f);
}

/* From the side of the page the mapping is where it went, among others. */
KTEST(conform_move_is_known_to_the_page)
{
	struct conf f;

	for (int which = 0; which < 3; which++) {
		conf_setup(&f);
		for (int i = 0; i < 3; i++)
			CONF_ENTER(&f, i, 0, RW, 0);
		KT_EQ(pmap_move(f.pm, AT(which), TO, ptoa(1)), 0);
		KT_EQ(conf_store(f.pm, TO, 5), 0);
		KT_CHECK(pmap_clear_modify(f.pg[0]));
		KT_EQ(conf_store(f.pm, TO, 6), 0);
		KT_CHECK(pmap_is_modified(f.pg[0]));
		pmap_page_protect(f.pg[0], PROT_READ);
		KT_EQ(conf_store(f.pm, TO, 7), EFAULT);
		pmap_page_protect(f.pg[0], PROT_NONE);
		KT_EQ(conf_peek(f.pm, TO), ~0UL);
		KT_EQ(pmap_resident_count(f.pm), 0);
		conf_teardown(&f);
	}
}

/* What was written without a trap is not forgotten on the way. */
KTEST(conform_move_keeps_modified)
{
	struct conf f;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RW, PROT_READ);
	conf_clear(f.pg[0]);
	KT_EQ(conf_store(f.pm, AT(0), 1), 0);
	KT_EQ(pmap_move(f.pm, AT(0), TO, ptoa(1)), 0);
	KT_CHECK(pmap_is_modified(f.pg[0]));
	KT_CHECK(pmap_is_referenced(f.pg[0]));
	pmap_remove(f.pm, TO, TO_AT(1));
	KT_CHECK(pmap_is_modified(f.pg[0]));
	conf_teardown(&f);
}

KTEST(conform_move_unmanaged)
{
	struct conf f;

	conf_setup(&f);
	KT_EQ(pmap_enter_zero(f.pm, AT(0)), 0);
	KT_EQ(pmap_move(f.pm, AT(0), TO, ptoa(1)), 0);
	KT_EQ(conf_peek(f.pm, AT(0)), ~0UL);
	KT_EQ(conf_peek(f.pm, TO), 0);
	KT_EQ(conf_store(f.pm, TO, 1), EFAULT);
	KT_EQ(pmap_resident_count(f.pm), 1);
	/* and an address that was looked up in vain is no trap */
	KT_EQ(pmap_move(f.pm, TO, AT(0), ptoa(1)), 0);
	KT_EQ(conf_peek(f.pm, AT(0)), 0);
	KT_EQ(pmap_move(f.pm, TO, TO + GB1, ptoa(1)), 0); /* nothing there */
	KT_EQ(pmap_move(f.pm, AT(0), TO, 0), 0);
	KT_EQ(conf_peek(f.pm, AT(0)), 0);
	conf_teardown(&f);
}

/*
 * All kinds of edges: tables that go as a whole, and offsets between source
 * and destination that are no multiple of a table.
 */
KTEST(conform_move_edges)
{
	static const int span[][2] = { { 1, 1 }, { 3, 4 }, { 512, 512 },
		{ 512, 0 }, { 0, 512 }, { 513, 511 }, { 511, 513 },
		{ 1024, 1024 } };
	static const long shift[] = { 0, 1, 255, 511 };
	struct conf f;

	conf_setup(&f);
	for (size_t i = 0; i < nitems(span); i++) {
		for (size_t k = 0; k < nitems(shift); k++) {
			vaddr_t mid = 9 * MB2, dmid = 5 * GB1 + ptoa(shift[k]);
			vaddr_t sva = mid - ptoa(span[i][0]);
			vsize_t len = ptoa(span[i][0] + span[i][1]);
			vaddr_t dva = dmid - ptoa(span[i][0]);

			for (int j = -3; j < 3; j++)
				KT_EQ(pmap_enter(f.pm, mid + ptoa(j),
					  VM_PAGE_TO_PHYS(f.pg[j & 7]), RW,
					  PROT_WRITE),
				    0);
			KT_EQ(pmap_move(f.pm, sva, dva, len), 0);
			for (int j = -3; j < 3; j++) {
				vaddr_t va = mid + ptoa(j);
				bool moved = va >= sva && va < sva + len;

				KT_EQ(conf_store(f.pm, va, 1),
				    moved ? EFAULT : 0);
				KT_EQ(conf_store(f.pm, dva + (va - sva), 2),
				    moved ? 0 : EFAULT);
			}
			KT_EQ(pmap_resident_count(f.pm), 6);
			pmap_remove(f.pm, 0, VM_MAXUSER_ADDRESS);
			pmap_collect(f.pm);
		}
	}
	conf_teardown(&f);
}

/* There and back, many pages at once: what a hart has cached is dropped. */
KTEST(conform_move_many_and_back)
{
	struct conf f;

	conf_setup(&f);
	for (int i = 0; i < CONF_NPG; i++)
		conf_fill(f.pg[i], 10 + (uint64_t)i);
	for (int i = 0; i < 40; i++)
		CONF_ENTER(&f, i, i % CONF_NPG, RW, 0);
	for (int round = 0; round < 6; round++) {
		vaddr_t at = round & 1 ? TO : AT(0),
			to = round & 1 ? AT(0) : TO;

		for (int i = 0; i < 40; i++)
			KT_EQ(conf_peek(f.pm, at + ptoa(i)), 10UL + i % 8);
		KT_EQ(pmap_move(f.pm, at, to, ptoa(40)), 0);
		for (int i = 0; i < 40; i++) {
			KT_EQ(conf_peek(f.pm, at + ptoa(i)), ~0UL);
			KT_EQ(conf_peek(f.pm, to + ptoa(i)), 10UL + i % 8);
		}
	}
	conf_teardown(&f);
}

/* No memory for a table: ENOMEM and all is where it was. */
KTEST(conform_move_without_memory)
{
	enum { N = 400 };
	struct conf f;
	vaddr_t at = AT(0);
	int error;

	conf_setup(&f);
	conf_fill(f.pg[0], 95);
	CONF_ENTER(&f, 0, 0, RW, PMAP_WIRED);
	KT_CHECK(kt_balloon(uvmexp.reserve_kernel));
	for (int i = 0; i < N; i++) {
		error = pmap_move(f.pm, at, 16 * GB1 + i * MB2, ptoa(1));
		KT_CHECK(error == 0 || error == ENOMEM);
		if (error == 0) {
			KT_EQ(conf_peek(f.pm, at), ~0UL);
			at = 16 * GB1 + i * MB2;
		}
		KT_EQ(conf_peek(f.pm, at), 95);
		KT_EQ(pmap_wired_count(f.pm), 1);
	}
	kt_balloon_release();
	KT_EQ(pmap_resident_count(f.pm), 1);
	conf_teardown(&f);
}
