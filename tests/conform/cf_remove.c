/* Ranges: removing, reducing, their edges; tables; want of memory. */
#include "conform.h"

KTEST(conform_remove_with_holes)
{
	struct conf f;
	long pv;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RW, 0);
	CONF_ENTER(&f, 2, 1, RW, PMAP_WIRED);
	CONF_ENTER(&f, 4, 2, RW, 0);
	CONF_ENTER(&f, 5, 3, RW, 0); /* just behind */
	CONF_ENTER(&f, -1, 4, RW, 0); /* just before */
	pv = pmap_pv_count();
	KT_EQ(conf_store(f.pm, AT(2), 5), 0);
	pmap_remove(f.pm, AT(0), AT(5));
	pmap_update(f.pm);
	KT_EQ(pmap_resident_count(f.pm), 2);
	KT_EQ(pmap_wired_count(f.pm), 0);
	KT_EQ(pv - pmap_pv_count(), 3);
	for (int i = 0; i < 5; i++) {
		KT_EQ(conf_peek(f.pm, AT(i)), ~0UL);
		KT_EQ(conf_store(f.pm, AT(i), 1), EFAULT);
	}
	KT_EQ(conf_peek(f.pm, AT(5)), 0);
	KT_EQ(conf_peek(f.pm, AT(-1)), 0);
	KT_CHECK(pmap_is_modified(f.pg[1]) && !pmap_is_modified(f.pg[0]));
	KT_EQ(conf_get(f.pg[1], 0), 5);
	conf_teardown(&f);
}

KTEST(conform_remove_nothing)
{
	struct conf f;

	conf_setup(&f);
	pmap_remove(f.pm, AT(0), AT(0));
	pmap_remove(f.pm, 0, VM_MAXUSER_ADDRESS);
	pmap_protect(f.pm, AT(0), AT(0), PROT_NONE);
	pmap_protect(f.pm, 0, VM_MAXUSER_ADDRESS, PROT_READ);
	CONF_ENTER(&f, 0, 0, RW, 0);
	pmap_remove(f.pm, AT(0), AT(0));
	pmap_remove(f.pm, AT(1), AT(100));
	pmap_remove(f.pm, AT(-100), AT(0));
	KT_EQ(pmap_resident_count(f.pm), 1);
	KT_EQ(conf_peek(f.pm, AT(0)), 0);
	conf_teardown(&f);
}

/* Edges of what tables of any size may cover. */
static const vaddr_t edge[] = { UVA, 9 * MB2, GB1, 3 * GB1, 7 * GB1 + MB2,
	64 * GB1 };

/*
 * Pages around an edge, and one far from it on either side; op takes those of
 * [edge - before, edge + after) pages.
 */
static void
around_edge(struct conf *f, vaddr_t at, int before, int after,
    void (*op)(struct pmap *, vaddr_t, vaddr_t))
{
	enum { W = 4 };
	const vaddr_t far[] = { at - MB2, at + MB2 - PAGE_SIZE, at + MB2 };
	vaddr_t sva = at - ptoa(before), eva = at + ptoa(after), va;

	for (int i = -W; i < W; i++)
		KT_EQ(pmap_enter(f->pm, at + ptoa(i),
			  VM_PAGE_TO_PHYS(f->pg[i & 7]), RW, PROT_WRITE),
		    0);
	for (size_t i = 0; i < nitems(far); i++)
		KT_EQ(pmap_enter(f->pm, far[i], VM_PAGE_TO_PHYS(f->pg[i]), RW,
			  PROT_WRITE),
		    0);
	op(f->pm, sva, eva);
	pmap_update(f->pm);
	for (int i = -W; i < W; i++) {
		va = at + ptoa(i);
		KT_EQ(conf_store(f->pm, va, 1),
		    va >= sva && va < eva ? EFAULT : 0);
	}
	for (size_t i = 0; i < nitems(far); i++)
		KT_EQ(conf_store(f->pm, far[i], 1),
		    far[i] >= sva && far[i] < eva ? EFAULT : 0);
	pmap_remove(f->pm, 0, VM_MAXUSER_ADDRESS);
	KT_EQ(pmap_resident_count(f->pm), 0);
}

static void
op_read_only(struct pmap *pm, vaddr_t sva, vaddr_t eva)
{
	pmap_protect(pm, sva, eva, PROT_READ);
}

static void
edges(void (*op)(struct pmap *, vaddr_t, vaddr_t))
{
	static const int cut[][2] = { { 1, 1 }, { 4, 4 }, { 0, 4 }, { 4, 0 },
		{ 2, 1 }, { 512, 512 }, { 512, 0 }, { 0, 512 }, { 0, 513 },
		{ 513, 511 }, { 511, 513 } };
	struct conf f;

	conf_setup(&f);
	for (size_t e = 0; e < nitems(edge); e++)
		for (size_t c = 0; c < nitems(cut); c++)
			around_edge(&f, edge[e], cut[c][0], cut[c][1], op);
	conf_teardown(&f);
}

KTEST(conform_remove_edges)
{
	edges(pmap_remove);
}

KTEST(conform_protect_edges)
{
	edges(op_read_only);
}

/* Ranges of several GiB, with little in them. */
KTEST(conform_remove_large_spans)
{
	struct conf f;

	conf_setup(&f);
	for (size_t e = 0; e < nitems(edge); e++)
		KT_EQ(pmap_enter(f.pm, edge[e], VM_PAGE_TO_PHYS(f.pg[e]), RW,
			  PROT_WRITE),
		    0);
	pmap_protect(f.pm, GB1 + PAGE_SIZE, 64 * GB1, PROT_READ);
	KT_EQ(conf_store(f.pm, GB1, 1), 0);
	KT_EQ(conf_store(f.pm, 3 * GB1, 1), EFAULT);
	KT_EQ(conf_store(f.pm, 64 * GB1, 1), 0);
	pmap_remove(f.pm, UVA + PAGE_SIZE, 64 * GB1);
	/* left: 18 MiB, the first and the last */
	KT_EQ(pmap_resident_count(f.pm), 3);
	KT_EQ(conf_peek(f.pm, 9 * MB2), 0);
	KT_EQ(conf_peek(f.pm, 3 * GB1), ~0UL);
	KT_EQ(conf_peek(f.pm, 64 * GB1), 1);
	KT_EQ(conf_peek(f.pm, UVA), 0);
	pmap_remove(f.pm, 0, VM_MAXUSER_ADDRESS);
	KT_EQ(pmap_resident_count(f.pm), 0);
	conf_teardown(&f);
}

KTEST(conform_first_and_last_user_page)
{
	const vaddr_t va[] = { 0, VM_MIN_ADDRESS,
		VM_MAXUSER_ADDRESS - PAGE_SIZE };
	struct conf f;

	conf_setup(&f);
	for (size_t i = 0; i < nitems(va); i++) {
		KT_EQ(pmap_enter(f.pm, va[i], VM_PAGE_TO_PHYS(f.pg[i]), RW, 0),
		    0);
		KT_EQ(conf_store(f.pm, va[i], 30 + i), 0);
		KT_EQ(conf_store(f.pm, va[i] + PAGE_SIZE - 8, 40 + i), 0);
	}
	for (size_t i = 0; i < nitems(va); i++) {
		KT_EQ(conf_get(f.pg[i], 0), 30 + i);
		KT_EQ(conf_get(f.pg[i], PAGE_SIZE - 8), 40 + i);
	}
	KT_EQ(conf_peek(f.pm, VM_MAXUSER_ADDRESS), ~0UL);
	pmap_remove(f.pm, 0, VM_MAXUSER_ADDRESS);
	KT_EQ(pmap_resident_count(f.pm), 0);
	for (size_t i = 0; i < nitems(va); i++)
		KT_EQ(conf_peek(f.pm, va[i]), ~0UL);
	conf_teardown(&f);
}

/* -- Reducing ------------------------------------------------------------------------ */

static vm_prot_t
granted(vm_prot_t prot)
{
	return (prot & PROT_WRITE) ? prot | PROT_READ : prot;
}

/*
 * At most what was there and what is asked for; without read, no write, and
 * nothing at all unless what is left can be executed.
 */
KTEST(conform_protect_never_adds)
{
	struct conf f;

	conf_setup(&f);
	conf_put(f.pg[0], 0, CONF_CODE(7));
	pmap_page_modified_text(f.pg[0]);
	for (vm_prot_t have = 1; have <= PROT_MASK; have++)
		for (vm_prot_t to = 0; to <= PROT_MASK; to++) {
			vm_prot_t want = granted(have) & to;

			if (!(want & PROT_READ))
				want &= ~PROT_WRITE;
			CONF_ENTER(&f, 0, 0, have, 0);
			pmap_protect(f.pm, AT(0), AT(1), to);
			pmap_update(f.pm);
			KT_EQ(conf_rights(f.pm, AT(0)), want);
			KT_EQ(conf_probe(f.pm, AT(0)), want);
			KT_EQ(pmap_resident_count(f.pm), want != 0);
			/* asking for more does not give it back */
			pmap_protect(f.pm, AT(0), AT(1), PROT_MASK);
			KT_EQ(conf_rights(f.pm, AT(0)), want);
		}
	conf_teardown(&f);
}

KTEST(conform_protect_keeps_wiring_and_attributes)
{
	struct conf f;

	conf_setup(&f);
	for (int i = 0; i < 4; i++) {
		CONF_ENTER(&f, i, i, RW, i < 2 ? PMAP_WIRED : 0);
		if (i & 1)
			KT_EQ(conf_store(f.pm, AT(i), 1), 0);
	}
	pmap_protect(f.pm, AT(0), AT(4), PROT_READ);
	KT_EQ(pmap_resident_count(f.pm), 4);
	KT_EQ(pmap_wired_count(f.pm), 2);
	for (int i = 0; i < 4; i++) {
		KT_EQ(pmap_is_modified(f.pg[i]), i & 1);
		KT_CHECK(conf_referenced_is(f.pg[i], i & 1));
	}
	pmap_protect(f.pm, AT(0), AT(4), PROT_NONE);
	KT_EQ(pmap_resident_count(f.pm), 0);
	KT_EQ(pmap_wired_count(f.pm), 0);
	for (int i = 0; i < 4; i++)
		KT_EQ(pmap_is_modified(f.pg[i]), i & 1);
	conf_teardown(&f);
}

/* -- Tables and memory ------------------------------------------------------------------ */

/* Ranges that end up empty give their memory back, at the latest at destroy. */
KTEST(conform_memory_comes_back)
{
	struct conf f;
	long before;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, PROT_READ, 0);
	pmap_remove(f.pm, AT(0), AT(1));
	kt_settle();
	before = uvm_free_count();
	for (vaddr_t va = 16 * GB1; va < 20 * GB1; va += GB1 / 4)
		KT_EQ(pmap_enter(
			  f.pm, va, VM_PAGE_TO_PHYS(f.pg[0]), PROT_READ, 0),
		    0);
	pmap_remove(f.pm, 16 * GB1, 20 * GB1);
	pmap_collect(f.pm);
	kt_settle();
	/* tables above those of leaves may stay until destroy: one per GiB */
	KT_RANGE(uvm_free_count(), before - 4, before);
	conf_teardown(&f);
}

KTEST(conform_destroy_frees_everything)
{
	struct conf f;
	struct pmap *pm;
	long before;

	conf_setup(&f);
	conf_destroy(pmap_create());
	kt_settle();
	before = uvm_free_count();
	for (int round = 0; round < 20; round++) {
		pm = pmap_create();
		for (int i = 0; i < 30; i++)
			KT_EQ(pmap_enter(pm, kt_random() % 250 * GB1 + AT(i),
				  VM_PAGE_TO_PHYS(f.pg[i % CONF_NPG]), RW, 0),
			    0);
		/* page by page, so that tables are still there */
		for (int i = 0; i < CONF_NPG; i++)
			pmap_page_protect(f.pg[i], PROT_NONE);
		KT_EQ(pmap_resident_count(pm), 0);
		pmap_destroy(pm);
	}
	kt_settle();
	KT_EQ(uvm_free_count(), before);
	conf_teardown(&f);
}

/*
 * Tables are made and freed under addresses that are used; the pages they lay
 * in get contents that would pass for entries.
 */
KTEST(conform_table_memory_is_reused)
{
	struct vm_page *data[8];
	struct conf_user cu;
	struct conf f;
	vaddr_t va = 8 * GB1;

	conf_setup(&f);
	conf_fill(f.pg[0], 70);
	conf_use(&cu, f.pm);
	for (int round = 0; round < 60; round++) {
		for (int i = 0; i < 3; i++)
			KT_EQ(pmap_enter(f.pm, va + i * MB2,
				  VM_PAGE_TO_PHYS(f.pg[0]), RW, PROT_READ),
			    0);
		for (int i = 0; i < 3; i++)
			KT_EQ(conf_peek(f.pm, va + i * MB2), 70);
		pmap_remove(f.pm, va, va + 4 * MB2);
		pmap_collect(f.pm);
		pmap_update(f.pm);
		for (size_t i = 0; i < nitems(data); i++) {
			data[i] = conf_page();
			/* valid, all rights, user, referenced, modified */
			conf_fill(
			    data[i], VM_PAGE_TO_PHYS(f.pg[0]) >> 2 | 0xdf);
		}
		for (int i = 0; i < 4; i++)
			KT_EQ(conf_peek(f.pm, va + i * MB2), ~0UL);
		for (size_t i = 0; i < nitems(data); i++)
			conf_free_page(data[i]);
	}
	conf_unuse(&cu);
	conf_teardown(&f);
}

KTEST(conform_collect)
{
	struct conf f;
	uint64_t v;
	int error;

	conf_setup(&f);
	for (int i = 0; i < 6; i++) {
		conf_put(f.pg[i], 0, 80 + i);
		CONF_ENTER(&f, i, i, RW, i < 3 ? PMAP_WIRED : 0);
	}
	KT_EQ(conf_store(f.pm, AT(4), 90), 0);
	pmap_collect(f.pm);
	pmap_update(f.pm);
	KT_EQ(pmap_wired_count(f.pm), 3);
	KT_RANGE(pmap_resident_count(f.pm), 3, 6);
	for (int i = 0; i < 6; i++) {
		error = conf_load(f.pm, AT(i), &v);
		if (i < 3)
			KT_EQ(error, 0);
		if (error == 0)
			KT_EQ(v, i == 4 ? 90 : 80 + i);
		CONF_ENTER(&f, i, i, RW, 0); /* as a fault would */
	}
	KT_CHECK(pmap_is_modified(f.pg[4]));
	KT_CHECK(!pmap_is_modified(f.pg[5]));
	KT_EQ(conf_peek(f.pm, AT(4)), 90);
	pmap_collect(pmap_kernel());
	conf_teardown(&f);
}

/*
 * With no memory left: ENOMEM, and what was mapped is still mapped or gone.
 * Anything else that was there is as it was.
 */
KTEST(conform_enter_without_memory)
{
	enum { N = 400 };
	static bool entered[N];
	struct conf f;
	int failed = 0, error;

	conf_setup(&f);
	conf_fill(f.pg[0], 95);
	conf_fill(f.pg[1], 96);
	CONF_ENTER(&f, 0, 0, RW, PROT_WRITE);
	KT_CHECK(kt_balloon(uvmexp.reserve_kernel));
	for (int i = 0; i < N; i++) {
		error = pmap_enter(f.pm, GB1 + i * MB2,
		    VM_PAGE_TO_PHYS(f.pg[1]), RW, PMAP_CANFAIL | PROT_READ);
		entered[i] = error == 0;
		if (error != 0) {
			KT_EQ(error, ENOMEM);
			failed++;
		}
	}
	KT_CHECK(failed > 0);
	KT_EQ(pmap_resident_count(f.pm), 1 + N - failed);
	for (int i = 0; i < N; i++)
		KT_EQ(conf_peek(f.pm, GB1 + i * MB2), entered[i] ? 96 : ~0UL);
	KT_EQ(conf_peek(f.pm, AT(0)), 95);
	kt_balloon_release();
	KT_EQ(pmap_enter(
		  f.pm, GB1 + (N - 1) * MB2, VM_PAGE_TO_PHYS(f.pg[1]), RW, 0),
	    0);
	KT_EQ(conf_peek(f.pm, GB1 + (N - 1) * MB2), 96);
	conf_teardown(&f);
}

/* Replacing with no memory left. */
KTEST(conform_replace_without_memory)
{
	enum { N = 64 };
	struct conf f;
	uint64_t v;
	int error;

	conf_setup(&f);
	for (int i = 0; i < CONF_NPG; i++)
		conf_fill(f.pg[i], 100 + i);
	for (int i = 0; i < N; i++)
		CONF_ENTER(&f, i, i % 4, RW, 0);
	KT_EQ(conf_store(f.pm, AT(1), 101), 0);
	KT_CHECK(kt_balloon(uvmexp.reserve_kernel));
	for (int i = 0; i < N; i++) {
		error = pmap_enter(f.pm, AT(i),
		    VM_PAGE_TO_PHYS(f.pg[4 + i % 4]), RW, PMAP_CANFAIL);
		KT_CHECK(error == 0 || error == ENOMEM);
		if (error == 0)
			KT_EQ(conf_peek(f.pm, AT(i)), 104 + i % 4);
		else if (conf_load(f.pm, AT(i), &v) == 0)
			KT_EQ(v, 100 + i % 4);
	}
	KT_CHECK(pmap_is_modified(f.pg[1]));
	kt_balloon_release();
	conf_teardown(&f);
}

/* The optional ones leave out what there is no memory for. */
KTEST(conform_neighbours_without_memory)
{
	struct conf f;
	unsigned done, seen;

	conf_setup(&f);
	for (int i = 0; i < CONF_NPG; i++)
		conf_fill(f.pg[i], 110 + i);
	KT_CHECK(kt_balloon(uvmexp.reserve_kernel));
	for (int round = 0; round < 100; round++) {
		vaddr_t va = GB1 + round * MB2;

		if (pmap_enter_zero(f.pm, va) == 0)
			KT_EQ(conf_peek(f.pm, va), 0);
		else
			KT_EQ(conf_peek(f.pm, va), ~0UL);
		va += ptoa(8);
		done =
		    pmap_enter_neighbours(f.pm, va, f.pg, CONF_NPG, PROT_READ);
		seen = 0;
		for (int i = 0; i < CONF_NPG; i++) {
			uint64_t v = conf_peek(f.pm, va + ptoa(i));

			KT_CHECK(v == ~0UL || v == 110UL + i);
			seen += v != ~0UL;
		}
		KT_EQ(seen, done);
	}
	kt_balloon_release();
	conf_teardown(&f);
}
