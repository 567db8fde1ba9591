/* From the page: its mappings, its attributes, its contents. */
#include "conform.h"

enum { NPM = 3 };

/* A page at several addresses of several address spaces. */
struct many {
	struct conf f[NPM];
	struct vm_page *pg;
};

static void
many_setup(struct many *m, vm_prot_t prot, int flags)
{
	for (int i = 0; i < NPM; i++)
		conf_setup(&m->f[i]);
	m->pg = m->f[0].pg[0];
	for (int i = 0; i < NPM; i++)
		for (int n = 0; n <= i; n++)
			KT_EQ(pmap_enter(m->f[i].pm, AT(n * 600),
				  VM_PAGE_TO_PHYS(m->pg), prot, flags),
			    0);
	conf_clear(m->pg);
}

static void
many_teardown(struct many *m)
{
	for (int i = 0; i < NPM; i++)
		conf_teardown(&m->f[i]);
}

KTEST(conform_page_protect_none)
{
	static struct many m;
	long pv = pmap_pv_count();

	many_setup(&m, RW, PMAP_WIRED);
	KT_EQ(pmap_pv_count() - pv, 6);
	KT_EQ(
	    pmap_enter(m.f[2].pm, AT(1), VM_PAGE_TO_PHYS(m.f[2].pg[1]), RW, 0),
	    0);
	KT_EQ(conf_store(m.f[1].pm, AT(600), 1), 0);
	pmap_page_protect(m.pg, PROT_NONE);
	KT_EQ(pmap_pv_count() - pv, 1);
	for (int i = 0; i < NPM; i++) {
		for (int n = 0; n <= i; n++) {
			KT_CHECK(!pmap_extract(m.f[i].pm, AT(n * 600), NULL));
			KT_EQ(conf_peek(m.f[i].pm, AT(n * 600)), ~0UL);
		}
		KT_EQ(pmap_resident_count(m.f[i].pm), i == 2);
		KT_EQ(pmap_wired_count(m.f[i].pm), 0);
	}
	KT_EQ(conf_peek(m.f[2].pm, AT(1)), 0);
	KT_CHECK(pmap_is_modified(m.pg) && pmap_is_referenced(m.pg));
	pmap_page_protect(m.pg, PROT_NONE); /* nothing left */
	many_teardown(&m);
}

/* Two pages, of several programs and of the kernel: all mappings go. */
KTEST(conform_pages_remove)
{
	long pv = pmap_pv_count();
	struct vm_page *pgs[2];
	static struct many m;
	vaddr_t va = uvm_km_valloc(kernel_map, PAGE_SIZE);

	many_setup(&m, RW, 0);
	pgs[0] = m.pg;
	pgs[1] = m.f[1].pg[1];
	CONF_ENTER(&m.f[1], 1, 1, RW, 0);
	KT_EQ(pmap_enter(pmap_kernel(), va, VM_PAGE_TO_PHYS(pgs[0]), RW,
		  RW | PMAP_CANFAIL),
	    0);
	KT_EQ(conf_store(m.f[2].pm, AT(1200), 5), 0);
	KT_EQ(conf_peek(pmap_kernel(), va), 5);
	pmap_pages_remove(pgs, 2);
	KT_EQ(pmap_pv_count(), pv);
	for (int i = 0; i < NPM; i++) {
		for (int n = 0; n <= i; n++)
			KT_EQ(conf_peek(m.f[i].pm, AT(n * 600)), ~0UL);
		KT_EQ(pmap_resident_count(m.f[i].pm), 0);
	}
	KT_EQ(conf_peek(m.f[1].pm, AT(1)), ~0UL);
	KT_EQ(conf_peek(pmap_kernel(), va), ~0UL);
	KT_CHECK(pmap_is_modified(pgs[0]));
	pmap_pages_remove(pgs, 2); /* nothing left */
	uvm_km_free(kernel_map, va, PAGE_SIZE);
	many_teardown(&m);
}

KTEST(conform_page_protect_read)
{
	static struct many m;

	many_setup(&m, RWX, PMAP_WIRED);
	conf_put(m.pg, 0, CONF_CODE(4));
	pmap_proc_iflush(curproc, AT(0), 8);
	pmap_page_protect(m.pg, RW); /* takes nothing */
	KT_EQ(conf_rights(m.f[2].pm, AT(1200)), RWX);
	KT_CHECK(pmap_is_modified(m.pg));
	pmap_page_protect(m.pg, PROT_READ);
	for (int i = 0; i < NPM; i++) {
		for (int n = 0; n <= i; n++)
			KT_EQ(conf_rights(m.f[i].pm, AT(n * 600)), RX);
		KT_EQ(pmap_resident_count(m.f[i].pm), i + 1);
		KT_EQ(pmap_wired_count(m.f[i].pm), i + 1);
	}
	KT_CHECK(pmap_is_modified(m.pg));
	many_teardown(&m);
}

/* A mapping that can only be executed is nothing one could write through. */
KTEST(conform_page_protect_execute_only)
{
	struct conf f;

	conf_setup(&f);
	conf_put(f.pg[0], 0, CONF_CODE(4));
	pmap_page_modified_text(f.pg[0]);
	CONF_ENTER(&f, 0, 0, PROT_EXEC, 0);
	pmap_page_protect(f.pg[0], PROT_READ);
	KT_EQ(conf_rights(f.pm, AT(0)), PROT_EXEC);
	pmap_protect(f.pm, AT(0), AT(1), PROT_READ);
	KT_CHECK(!pmap_extract(f.pm, AT(0), NULL));
	KT_EQ(conf_rights(f.pm, AT(0)), PROT_NONE);
	KT_EQ(pmap_resident_count(f.pm), 0);
	conf_teardown(&f);
}

/* Lists of a page stay whole in whatever order its mappings go. */
KTEST(conform_mappings_go_in_any_order)
{
	enum { N = 12 };
	struct conf f;
	int slot[N], left, k;

	conf_setup(&f);
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < N; i++) {
			slot[i] = i;
			CONF_ENTER(&f, i * 3, 0, RW, 0);
		}
		for (left = N; left > round % N; left--) {
			k = (int)(kt_random() % (uint64_t)left);
			pmap_remove(f.pm, AT(slot[k] * 3), AT(slot[k] * 3 + 1));
			slot[k] = slot[left - 1];
			KT_EQ(pmap_resident_count(f.pm), left - 1);
		}
		for (int i = 0; i < left; i++)
			KT_CHECK(conf_maps(f.pm, AT(slot[i] * 3), f.pg[0]));
		pmap_page_protect(f.pg[0], PROT_NONE);
		KT_EQ(pmap_resident_count(f.pm), 0);
	}
	conf_teardown(&f);
}

/* -- Attributes -------------------------------------------------------------------- */

KTEST(conform_modify_follows_stores)
{
	struct conf f;
	uint64_t v;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RW, 0);
	for (int round = 0; round < 10; round++) {
		KT_EQ(conf_load(f.pm, AT(0), &v), 0);
		KT_CHECK(!pmap_is_modified(f.pg[0]));
		KT_EQ(conf_store(f.pm, AT(0), round), 0);
		KT_CHECK(pmap_is_modified(f.pg[0]));
		KT_CHECK(pmap_is_modified(f.pg[0])); /* asking is no change */
		KT_EQ(conf_store(f.pm, AT(0), round), 0);
		KT_CHECK(pmap_clear_modify(f.pg[0]));
		KT_CHECK(!pmap_clear_modify(f.pg[0]));
		KT_CHECK(!pmap_is_modified(f.pg[0]));
	}
	conf_teardown(&f);
}

KTEST(conform_reference_follows_accesses)
{
	struct conf f;
	uint64_t v;

	conf_setup(&f);
	conf_put(f.pg[0], 0, CONF_CODE(9));
	pmap_page_modified_text(f.pg[0]);
	CONF_ENTER(&f, 0, 0, RWX, 0);
	for (int round = 0; round < 12; round++) {
		KT_CHECK(conf_referenced_is(f.pg[0], false));
		switch (round % 3) {
		case 0:
			KT_EQ(conf_load(f.pm, AT(0), &v), 0);
			break;
		case 1:
			/* not what was stored, but the machine may mind */
			pmap_proc_iflush(curproc, AT(0), 8);
			KT_EQ(conf_fetch(f.pm, AT(0), &v), 0);
			break;
		case 2:
			KT_EQ(conf_store(f.pm, AT(0) + 64, 1), 0);
			break;
		}
		KT_CHECK(pmap_is_referenced(f.pg[0]));
		KT_EQ(pmap_is_modified(f.pg[0]), round >= 2);
		KT_CHECK(pmap_clear_reference(f.pg[0]));
		KT_CHECK(conf_referenced_is(f.pg[0], false));
	}
	conf_teardown(&f);
}

/* One attribute for all mappings of the page: set by any, cleared in all. */
KTEST(conform_attributes_of_many_mappings)
{
	static struct many m;

	many_setup(&m, RW, 0);
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < NPM; i++)
			for (int n = 0; n <= i; n++) {
				KT_CHECK(!pmap_is_modified(m.pg));
				KT_EQ(conf_store(m.f[i].pm, AT(n * 600), 1), 0);
				KT_CHECK(pmap_is_modified(m.pg));
				KT_CHECK(pmap_clear_modify(m.pg));
				(void)pmap_clear_reference(m.pg);
				KT_EQ(conf_peek(m.f[i].pm, AT(n * 600)), 1);
				KT_CHECK(pmap_is_referenced(m.pg));
			}
	/* all at once, then one clear */
	for (int i = 0; i < NPM; i++)
		for (int n = 0; n <= i; n++)
			KT_EQ(conf_store(m.f[i].pm, AT(n * 600), 2), 0);
	KT_CHECK(pmap_clear_modify(m.pg));
	KT_CHECK(!pmap_clear_modify(m.pg));
	many_teardown(&m);
}

/* Ways to lose a mapping; none loses what it knew. */
static void
lose_remove(struct conf *f)
{
	pmap_remove(f->pm, AT(0), AT(1));
}

static void
lose_remove_span(struct conf *f)
{
	pmap_remove(f->pm, UVA & ~(MB2 - 1), (UVA & ~(MB2 - 1)) + MB2);
}

static void
lose_protect(struct conf *f)
{
	pmap_protect(f->pm, AT(0), AT(1), PROT_NONE);
}

static void
lose_page_protect(struct conf *f)
{
	pmap_page_protect(f->pg[0], PROT_NONE);
}

static void
lose_replace(struct conf *f)
{
	CONF_ENTER(f, 0, 1, RW, 0);
}

static void
keep_protect(struct conf *f)
{
	pmap_protect(f->pm, AT(0), AT(1), PROT_READ);
}

static void
keep_page_protect(struct conf *f)
{
	pmap_page_protect(f->pg[0], PROT_READ);
}

static void
keep_collect(struct conf *f)
{
	pmap_collect(f->pm);
}

KTEST(conform_attributes_survive_the_mapping)
{
	static void (*const way[])(struct conf *) = { lose_remove,
		lose_remove_span, lose_protect, lose_page_protect, lose_replace,
		keep_protect, keep_page_protect, keep_collect };
	struct conf f;

	conf_setup(&f);
	for (size_t i = 0; i < nitems(way); i++)
		for (int kind = 0; kind < 3; kind++) {
			conf_clear(f.pg[0]);
			CONF_ENTER(&f, 0, 0, RW, 0);
			if (kind == 1)
				KT_EQ(conf_peek(f.pm, AT(0)),
				    conf_get(f.pg[0], 0));
			if (kind == 2)
				KT_EQ(conf_store(f.pm, AT(0), i), 0);
			way[i](&f);
			KT_CHECK(conf_referenced_is(f.pg[0], kind > 0));
			KT_EQ(pmap_is_modified(f.pg[0]), kind == 2);
			/* and clearing them now is for good */
			KT_EQ(pmap_clear_modify(f.pg[0]), kind == 2);
			pmap_remove(f.pm, AT(0), AT(1));
			KT_CHECK(!pmap_is_modified(f.pg[0]));
		}
	conf_teardown(&f);
}

/*
 * The page daemon's way: a page it found clean has the contents it had when it
 * was cleaned.  Every way to take the right to write keeps that.
 */
KTEST(conform_no_modification_is_lost)
{
	struct conf f;
	uint64_t saved, n = 0;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RW, 0);
	saved = conf_get(f.pg[0], 0);
	for (int round = 0; round < 500; round++) {
		uint64_t r = kt_random();

		if (r & 1)
			KT_EQ(conf_store(f.pm, AT(0), ++n), 0);
		if (r & 2)
			(void)pmap_clear_reference(f.pg[0]);
		if (r & 4)
			CONF_ENTER(&f, 0, 0, RW, r & 8 ? PROT_READ : 0);
		switch (r >> 8 & 3) {
		case 0:
			pmap_page_protect(f.pg[0], PROT_READ);
			break;
		case 1:
			pmap_page_protect(f.pg[0], PROT_NONE);
			break;
		case 2:
			pmap_protect(f.pm, AT(0), AT(1), PROT_READ);
			break;
		case 3:
			CONF_ENTER(&f, 0, 1, PROT_READ, 0);
			break;
		}
		if (pmap_clear_modify(f.pg[0]))
			saved = conf_get(f.pg[0], 0);
		KT_EQ(saved, conf_get(f.pg[0], 0));
		KT_EQ(saved, n);
		CONF_ENTER(&f, 0, 0, RW, 0);
	}
	conf_teardown(&f);
}

/* A page goes from one address space to another and back. */
KTEST(conform_page_moves_between_pmaps)
{
	struct conf a, b;
	struct conf_user cu;

	conf_setup(&a);
	conf_setup(&b);
	conf_use(&cu, a.pm);
	for (uint64_t n = 1; n < 60; n++) {
		CONF_ENTER(&a, 0, 0, RW, PROT_WRITE);
		KT_EQ(conf_store(a.pm, AT(0), n), 0);
		pmap_remove(a.pm, AT(0), AT(1));
		pmap_update(a.pm);
		KT_EQ(pmap_enter(
			  b.pm, AT(0), VM_PAGE_TO_PHYS(a.pg[0]), RW, PROT_READ),
		    0);
		conf_unuse(&cu);
		KT_EQ(conf_peek(b.pm, AT(0)), n);
		KT_EQ(conf_store(b.pm, AT(0), 1000 + n), 0);
		conf_use(&cu, a.pm);
		KT_EQ(conf_peek(a.pm, AT(0)), ~0UL);
		pmap_page_protect(a.pg[0], PROT_NONE);
		KT_EQ(conf_get(a.pg[0], 0), 1000 + n);
	}
	conf_unuse(&cu);
	conf_teardown(&b);
	conf_teardown(&a);
}

/* -- Contents ------------------------------------------------------------------------- */

/* => three pages in a row; conf_fill() of each with its number */
static void
three_in_a_row(struct pglist *list, struct vm_page *pg[3])
{
	struct vm_page *p;
	int n = 0;

	TAILQ_INIT(list);
	KT_EQ(uvm_pglistalloc(3 * PAGE_SIZE, 0, ~0UL, PAGE_SIZE, 0, list, 1,
		  UVM_PLA_WAITOK),
	    0);
	TAILQ_FOREACH (p, list, pageq) {
		conf_fill(p, 0x0101010101010101UL * (n + 1));
		pg[n++] = p;
	}
	KT_EQ(VM_PAGE_TO_PHYS(pg[2]) - VM_PAGE_TO_PHYS(pg[0]), ptoa(2));
}

static void
check_fill(struct vm_page *pg, uint64_t value)
{
	vsize_t off = 0;

	while (off < PAGE_SIZE && conf_get(pg, off) == value)
		off += 8;
	KT_EQ(off, PAGE_SIZE);
}

KTEST(conform_zero_page)
{
	struct vm_page *pg[3];
	struct pglist list;

	three_in_a_row(&list, pg);
	pmap_zero_page(pg[1]);
	check_fill(pg[0], 0x0101010101010101UL);
	check_fill(pg[1], 0);
	check_fill(pg[2], 0x0303030303030303UL);
	uvm_pglistfree(&list);
}

KTEST(conform_copy_page)
{
	struct vm_page *pg[3];
	struct pglist list;
	struct vm_page *src = conf_page();

	three_in_a_row(&list, pg);
	for (vsize_t off = 0; off < PAGE_SIZE; off += 8)
		conf_put(src, off, off * 0x9e3779b97f4a7c15UL + 1);
	conf_clear(src);
	pmap_copy_page(src, pg[1]);
	for (vsize_t off = 0; off < PAGE_SIZE; off += 8) {
		KT_EQ(conf_get(pg[1], off), off * 0x9e3779b97f4a7c15UL + 1);
		KT_EQ(conf_get(src, off), off * 0x9e3779b97f4a7c15UL + 1);
	}
	check_fill(pg[0], 0x0101010101010101UL);
	check_fill(pg[2], 0x0303030303030303UL);
	KT_CHECK(!pmap_is_modified(src));
	conf_free_page(src);
	uvm_pglistfree(&list);
}

/* Work or not: TRUE means zero, and nothing else is touched. */
KTEST(conform_pageidlezero)
{
	struct vm_page *pg[3];
	struct pglist list;
	int done = 0;

	three_in_a_row(&list, pg);
	for (int i = 0; i < 50; i++) {
		conf_fill(pg[1], ~0UL);
		if (pmap_pageidlezero(pg[1])) {
			check_fill(pg[1], 0);
			done++;
		}
		yield();
	}
	KT_CHECK(done > 0);
	check_fill(pg[0], 0x0101010101010101UL);
	check_fill(pg[2], 0x0303030303030303UL);
	uvm_pglistfree(&list);
}
