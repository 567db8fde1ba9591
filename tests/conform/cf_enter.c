/* Entering: rights, replacing, counts, what the causing access sets. */
#include "conform.h"

/* What a program may do under prot: write brings read along. */
static vm_prot_t
granted(vm_prot_t prot)
{
	return (prot & PROT_WRITE) ? prot | PROT_READ : prot;
}

/* A page that conf_rights() can try everything on. */
static void
put_code(struct vm_page *pg, unsigned n)
{
	conf_put(pg, 0, CONF_CODE(n));
	pmap_page_modified_text(pg);
}

KTEST(conform_enter_rights_by_protection_and_access)
{
	struct conf f;

	conf_setup(&f);
	put_code(f.pg[0], 5);
	for (vm_prot_t prot = 1; prot <= PROT_MASK; prot++)
		for (int access = 0; access <= PROT_MASK; access++) {
			CONF_ENTER(&f, 0, 0, prot, access);
			KT_EQ(conf_rights(f.pm, AT(0)), granted(prot));
			pmap_remove(f.pm, AT(0), AT(1));
			KT_EQ(conf_rights(f.pm, AT(0)), PROT_NONE);
		}
	conf_teardown(&f);
}

/* The same page again: the new rights, more or less, at once. */
KTEST(conform_enter_again_changes_rights)
{
	struct conf f;

	conf_setup(&f);
	put_code(f.pg[0], 6);
	for (vm_prot_t from = 1; from <= PROT_MASK; from++)
		for (vm_prot_t to = 1; to <= PROT_MASK; to++) {
			CONF_ENTER(&f, 0, 0, from, RW);
			KT_EQ(conf_rights(f.pm, AT(0)), granted(from));
			CONF_ENTER(&f, 0, 0, to, 0);
			KT_EQ(conf_rights(f.pm, AT(0)), granted(to));
			KT_EQ(conf_probe(f.pm, AT(0)), granted(to));
		}
	KT_EQ(pmap_resident_count(f.pm), 1);
	conf_teardown(&f);
}

KTEST(conform_enter_replaces_page)
{
	struct conf f;
	long pv = pmap_pv_count();

	conf_setup(&f);
	conf_fill(f.pg[0], 10);
	conf_fill(f.pg[1], 11);
	CONF_ENTER(&f, 0, 0, RW, PROT_WRITE);
	KT_EQ(conf_peek(f.pm, AT(0)), 10);
	CONF_ENTER(&f, 0, 1, PROT_READ, PROT_READ);
	KT_EQ(conf_peek(f.pm, AT(0)), 11);
	KT_EQ(pmap_resident_count(f.pm), 1);
	KT_EQ(pmap_pv_count() - pv, 1);
	KT_CHECK(conf_maps(f.pm, AT(0), f.pg[1]));
	/* the first page is not concerned any more */
	pmap_page_protect(f.pg[0], PROT_NONE);
	KT_EQ(conf_peek(f.pm, AT(0)), 11);
	KT_EQ(conf_store(f.pm, AT(0), 1), EFAULT);
	conf_teardown(&f);
}

/* Attributes are the page's: replacing its mapping does not lose them. */
KTEST(conform_enter_replacing_keeps_attributes)
{
	struct conf f;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RW, 0);
	KT_EQ(conf_store(f.pm, AT(0), 1), 0);
	CONF_ENTER(&f, 0, 1, RW, 0);
	KT_CHECK(pmap_is_modified(f.pg[0]) && pmap_is_referenced(f.pg[0]));
	KT_CHECK(
	    !pmap_is_modified(f.pg[1]) && conf_referenced_is(f.pg[1], false));
	conf_teardown(&f);
}

KTEST(conform_enter_again_keeps_attributes)
{
	struct conf f;

	conf_setup(&f);
	for (vm_prot_t prot = 1; prot <= PROT_MASK; prot++) {
		CONF_ENTER(&f, 0, 0, RW, 0);
		KT_EQ(conf_store(f.pm, AT(0), prot), 0);
		CONF_ENTER(&f, 0, 0, prot, 0);
		KT_CHECK(pmap_is_modified(f.pg[0]));
		KT_CHECK(pmap_is_referenced(f.pg[0]));
		/* and a mapping made writable again does not set them */
		conf_clear(f.pg[0]);
		CONF_ENTER(&f, 0, 0, RW, 0);
		KT_CHECK(!pmap_is_modified(f.pg[0]));
		KT_CHECK(conf_referenced_is(f.pg[0], false));
	}
	conf_teardown(&f);
}

/* Modified and not referenced is a state like others. */
KTEST(conform_enter_again_adds_no_reference)
{
	struct conf f;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RW, 0);
	for (vm_prot_t prot = 1; prot <= PROT_MASK; prot++) {
		KT_EQ(conf_store(f.pm, AT(0), prot), 0);
		(void)pmap_clear_reference(f.pg[0]);
		CONF_ENTER(&f, 0, 0, prot, 0);
		KT_CHECK(conf_referenced_is(f.pg[0], false));
		CONF_ENTER(&f, 0, 0, RW, 0);
		KT_CHECK(conf_referenced_is(f.pg[0], false));
		KT_CHECK(pmap_is_modified(f.pg[0]));
	}
	conf_teardown(&f);
}

KTEST(conform_enter_sets_attributes_of_access)
{
	struct conf f;

	conf_setup(&f);
	for (vm_prot_t prot = 1; prot <= PROT_MASK; prot++)
		for (int access = 0; access <= PROT_MASK; access++) {
			/* an access the rights do not cover caused no fault */
			if ((access & ~granted(prot)) != 0)
				continue;
			conf_clear(f.pg[0]);
			CONF_ENTER(&f, 0, 0, prot, access);
			KT_CHECK(conf_referenced_is(f.pg[0], access != 0));
			KT_EQ(pmap_is_modified(f.pg[0]),
			    (access & PROT_WRITE) != 0);
			pmap_remove(f.pm, AT(0), AT(1));
			KT_CHECK(conf_referenced_is(f.pg[0], access != 0));
			KT_EQ(pmap_is_modified(f.pg[0]),
			    (access & PROT_WRITE) != 0);
		}
	conf_teardown(&f);
}

KTEST(conform_enter_wired_counts)
{
	struct conf f;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RW, PMAP_WIRED);
	CONF_ENTER(&f, 1, 1, RW, 0);
	KT_EQ(pmap_resident_count(f.pm), 2);
	KT_EQ(pmap_wired_count(f.pm), 1);
	KT_CHECK(pmap_is_wired(f.pm, AT(0)) && !pmap_is_wired(f.pm, AT(1)));
	KT_CHECK(!pmap_is_wired(f.pm, AT(2)));
	KT_CHECK(!pmap_is_wired(f.pm, AT(1000000)));
	CONF_ENTER(&f, 0, 0, PROT_READ, PMAP_WIRED); /* stays */
	KT_EQ(pmap_wired_count(f.pm), 1);
	CONF_ENTER(&f, 0, 2, RW, PMAP_WIRED); /* another page, wired too */
	KT_EQ(pmap_wired_count(f.pm), 1);
	CONF_ENTER(&f, 3, 2, RW, PMAP_WIRED); /* that page elsewhere */
	CONF_ENTER(&f, 4, 2, RW, 0);
	KT_EQ(pmap_page_wirings(f.pg[2]), 2);
	KT_EQ(pmap_page_wirings(f.pg[0]), 0);
	pmap_remove(f.pm, AT(3), AT(5));
	KT_EQ(pmap_page_wirings(f.pg[2]), 1);
	CONF_ENTER(&f, 0, 2, RW, 0); /* not wired any more */
	KT_EQ(pmap_page_wirings(f.pg[2]), 0);
	KT_CHECK(!pmap_is_wired(f.pm, AT(0)));
	KT_EQ(pmap_wired_count(f.pm), 0);
	CONF_ENTER(&f, 1, 1, RW, PMAP_WIRED); /* wired now */
	KT_EQ(pmap_wired_count(f.pm), 1);
	CONF_ENTER(&f, 1, 3, RW, 0); /* another page, not wired */
	KT_EQ(pmap_wired_count(f.pm), 0);
	KT_EQ(pmap_resident_count(f.pm), 2);
	CONF_ENTER(&f, 2, 4, RW, PMAP_WIRED);
	pmap_remove(f.pm, AT(0), AT(3));
	KT_EQ(pmap_resident_count(f.pm), 0);
	KT_EQ(pmap_wired_count(f.pm), 0);
	conf_teardown(&f);
}

KTEST(conform_unwire)
{
	struct conf f;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RW, PMAP_WIRED | PROT_WRITE);
	CONF_ENTER(&f, 1, 1, PROT_READ, PMAP_WIRED);
	conf_fill(f.pg[0], 3);
	KT_CHECK(pmap_unwire(f.pm, AT(0)));
	KT_EQ(pmap_wired_count(f.pm), 1);
	KT_CHECK(!pmap_unwire(f.pm, AT(0))); /* not wired */
	KT_CHECK(!pmap_unwire(f.pm, AT(2))); /* not mapped */
	KT_CHECK(!pmap_unwire(f.pm, AT(1000000))); /* nor anything near */
	KT_EQ(pmap_wired_count(f.pm), 1);
	KT_EQ(pmap_resident_count(f.pm), 2);
	KT_EQ(conf_peek(f.pm, AT(0)), 3);
	KT_EQ(conf_store(f.pm, AT(0), 4), 0);
	pmap_unwire(f.pm, AT(1));
	KT_EQ(pmap_wired_count(f.pm), 0);
	conf_teardown(&f);
}

/* Memory types come with the address; they are no part of it. */
KTEST(conform_enter_strips_memory_type)
{
	static const paddr_t type[] = { PMAP_NOCACHE, PMAP_WC, PMAP_DEVICE };
	struct conf f;
	paddr_t pa;

	conf_setup(&f);
	for (size_t i = 0; i < nitems(type); i++) {
		KT_EQ(pmap_enter(f.pm, AT(i),
			  VM_PAGE_TO_PHYS(f.pg[i]) | type[i], RW, 0),
		    0);
		KT_CHECK(pmap_extract(f.pm, AT(i), &pa));
		KT_EQ(pa, VM_PAGE_TO_PHYS(f.pg[i]));
	}
	pmap_page_protect(f.pg[0], PROT_NONE); /* still managed */
	KT_EQ(pmap_resident_count(f.pm), nitems(type) - 1);
	conf_teardown(&f);
}

/* Device memory: a mapping like others, but no page knows of it. */
KTEST(conform_enter_unmanaged)
{
	const paddr_t device = 0x100000; /* never touched by this test */
	long pv = pmap_pv_count();
	struct conf f;
	paddr_t pa;

	KT_REQUIRE(PHYS_TO_VM_PAGE(device) == NULL);
	conf_setup(&f);
	KT_EQ(pmap_enter(f.pm, AT(0), device | PMAP_DEVICE, RW,
		  PMAP_WIRED | PROT_WRITE),
	    0);
	KT_EQ(pmap_pv_count(), pv);
	KT_EQ(pmap_resident_count(f.pm), 1);
	KT_EQ(pmap_wired_count(f.pm), 1);
	KT_CHECK(pmap_extract(f.pm, AT(0) + 0x18, &pa));
	KT_EQ(pa, device + 0x18);
	pmap_protect(f.pm, AT(0), AT(1), PROT_READ);
	KT_EQ(conf_probe(f.pm, AT(0)), PROT_READ);
	/* to memory and back */
	CONF_ENTER(&f, 0, 0, RW, 0);
	KT_EQ(pmap_pv_count(), pv + 1);
	KT_EQ(pmap_enter(f.pm, AT(0), device, PROT_READ, 0), 0);
	KT_EQ(pmap_pv_count(), pv);
	KT_EQ(pmap_resident_count(f.pm), 1);
	KT_EQ(pmap_wired_count(f.pm), 0);
	pmap_remove(f.pm, AT(0), AT(1));
	KT_CHECK(!pmap_extract(f.pm, AT(0), NULL));
	KT_EQ(pmap_resident_count(f.pm), 0);
	conf_teardown(&f);
}

/* One page many times in one address space: one memory. */
KTEST(conform_enter_aliases_are_one_memory)
{
	enum { N = 20 };
	long pv = pmap_pv_count();
	struct conf f;

	conf_setup(&f);
	for (int i = 0; i < N; i++)
		CONF_ENTER(&f, i * 37, 0, RW, 0);
	KT_EQ(pmap_resident_count(f.pm), N);
	KT_EQ(pmap_pv_count() - pv, N);
	for (int i = 0; i < N; i++) {
		KT_EQ(conf_store(f.pm, AT(i * 37) + 8, 100 + i), 0);
		KT_EQ(conf_peek(f.pm, AT((N - 1 - i) * 37) + 8), 100 + i);
	}
	KT_EQ(conf_get(f.pg[0], 8), 100 + N - 1);
	conf_teardown(&f);
}

KTEST(conform_extract)
{
	struct conf f;
	paddr_t pa = 0;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, PROT_EXEC, 0);
	for (vsize_t off = 0; off < PAGE_SIZE; off += 511) {
		KT_CHECK(pmap_extract(f.pm, AT(0) + off, &pa));
		KT_EQ(pa, VM_PAGE_TO_PHYS(f.pg[0]) + off);
	}
	KT_CHECK(pmap_extract(f.pm, AT(0), NULL));
	pa = 77;
	KT_CHECK(!pmap_extract(f.pm, AT(1), &pa));
	KT_CHECK(!pmap_extract(f.pm, AT(-1), NULL));
	pmap_protect(f.pm, AT(0), AT(1), PROT_NONE);
	KT_CHECK(!pmap_extract(f.pm, AT(0), &pa));
	KT_EQ(pa, 77);
	conf_teardown(&f);
}

KTEST(conform_probe)
{
	struct conf f;
	vm_prot_t prot;

	conf_setup(&f);
	KT_CHECK(!pmap_probe(f.pm, AT(0), &prot));
	for (vm_prot_t want = 1; want <= PROT_MASK; want++)
		for (int access = 0; access <= PROT_MASK; access++) {
			CONF_ENTER(&f, 0, 0, want, access);
			KT_CHECK(pmap_probe(f.pm, AT(0), &prot));
			KT_EQ(prot, granted(want));
			/* a clear attribute does not show */
			conf_clear(f.pg[0]);
			KT_CHECK(pmap_probe(f.pm, AT(0), &prot));
			KT_EQ(prot, granted(want));
		}
	pmap_protect(f.pm, AT(0), AT(1), PROT_READ);
	KT_EQ(conf_probe(f.pm, AT(0)), PROT_READ);
	conf_teardown(&f);
}

/* -- Variants for the fault handler ---------------------------------------------- */

KTEST(conform_enter_new)
{
	struct conf f;
	struct vm_page *pg;

	conf_setup(&f);
	/* where nothing is, where something is, wired, executable */
	KT_EQ(pmap_enter_new(f.pm, AT(0), f.pg[0], RW, PROT_WRITE), 0);
	KT_CHECK(pmap_is_modified(f.pg[0]) && pmap_is_referenced(f.pg[0]));
	KT_EQ(conf_store(f.pm, AT(0), 9), 0);
	KT_EQ(pmap_enter_new(f.pm, AT(0), f.pg[1], PROT_READ, PROT_READ), 0);
	KT_CHECK(!pmap_is_modified(f.pg[1]) && pmap_is_referenced(f.pg[1]));
	KT_EQ(conf_peek(f.pm, AT(0)), 0);
	KT_EQ(conf_store(f.pm, AT(0), 1), EFAULT);
	KT_EQ(pmap_enter_new(f.pm, AT(1), f.pg[2], RW, PMAP_WIRED), 0);
	KT_CHECK(
	    !pmap_is_modified(f.pg[2]) && conf_referenced_is(f.pg[2], false));
	KT_EQ(pmap_wired_count(f.pm), 1);
	put_code(f.pg[3], 33);
	KT_EQ(pmap_enter_new(f.pm, AT(2), f.pg[3], RX, PROT_EXEC), 0);
	KT_EQ(conf_rights(f.pm, AT(2)), RX);
	KT_EQ(pmap_resident_count(f.pm), 3);
	/* a new page is found from its mapping as any other */
	pg = f.pg[1];
	pmap_page_protect(pg, PROT_NONE);
	KT_EQ(conf_peek(f.pm, AT(0)), ~0UL);
	/* again after its mapping went */
	KT_EQ(pmap_enter_new(f.pm, AT(700), pg, RW, PROT_WRITE), 0);
	KT_EQ(conf_peek(f.pm, AT(700)), 0);
	KT_EQ(pmap_resident_count(f.pm), 3);
	conf_teardown(&f);
}

KTEST(conform_enter_zero)
{
	long pv = pmap_pv_count();
	struct conf f;
	paddr_t pa;

	conf_setup(&f);
	conf_fill(f.pg[0], 12);
	KT_EQ(pmap_enter_zero(f.pm, AT(0)), 0);
	KT_EQ(pmap_enter_zero(f.pm, AT(600)), 0);
	KT_EQ(pmap_enter_zero(f.pm, AT(0)), 0); /* as it is already */
	KT_EQ(pmap_resident_count(f.pm), 2);
	KT_EQ(pmap_pv_count(), pv);
	for (vsize_t off = 0; off < PAGE_SIZE; off += 512)
		KT_EQ(conf_peek(f.pm, AT(0) + off), 0);
	KT_EQ(conf_rights(f.pm, AT(600)), PROT_READ);
	KT_CHECK(pmap_extract(f.pm, AT(0), &pa) && PHYS_TO_VM_PAGE(pa) == NULL);
	/* it gives way to a page, and does not replace one */
	CONF_ENTER(&f, 0, 0, RW, PROT_WRITE);
	KT_EQ(conf_peek(f.pm, AT(0)), 12);
	KT_EQ(pmap_enter_zero(f.pm, AT(0)), 0);
	KT_EQ(conf_peek(f.pm, AT(0)), 12);
	KT_EQ(conf_store(f.pm, AT(0), 13), 0);
	KT_EQ(conf_peek(f.pm, AT(600)), 0);
	pmap_remove(f.pm, AT(600), AT(601));
	KT_EQ(conf_peek(f.pm, AT(600)), ~0UL);
	KT_EQ(pmap_resident_count(f.pm), 1);
	conf_teardown(&f);
}

KTEST(conform_enter_neighbours)
{
	/* the last of a 2 MiB range and the first of the next */
	const vaddr_t va = roundup2(UVA, MB2) - ptoa(4);
	struct vm_page *run[32] = { NULL };
	struct conf f;

	conf_setup(&f);
	for (int i = 0; i < CONF_NPG; i++) {
		conf_fill(f.pg[i], 20 + i);
		conf_clear(f.pg[i]);
		run[i * 4] = f.pg[i];
	}
	KT_EQ(pmap_enter_neighbours(f.pm, va, run, 0, PROT_READ), 0);
	KT_EQ(pmap_enter_neighbours(f.pm, va, run, 32, PROT_READ), CONF_NPG);
	KT_EQ(pmap_resident_count(f.pm), CONF_NPG);
	for (int i = 0; i < 32; i++)
		KT_EQ(conf_peek(f.pm, va + ptoa(i)),
		    i % 4 == 0 ? 20UL + i / 4 : ~0UL);
	KT_EQ(conf_store(f.pm, va, 1), EFAULT);
	conf_teardown(&f);
}

/* What is mapped stays as it is: within a table, and where two meet. */
KTEST(conform_enter_neighbours_mapped)
{
	const vaddr_t edge = roundup2(UVA, MB2) - ptoa(2);
	const vaddr_t at[2] = { UVA, edge };
	struct conf f;

	conf_setup(&f);
	for (int i = 0; i < 2; i++) {
		KT_EQ(pmap_enter(f.pm, at[i], VM_PAGE_TO_PHYS(f.pg[0]), RW,
			  PROT_READ | PMAP_WIRED),
		    0);
		KT_EQ(pmap_enter(f.pm, at[i] + ptoa(3),
			  VM_PAGE_TO_PHYS(f.pg[4]), RW, PROT_READ),
		    0);
		KT_EQ(
		    pmap_enter_neighbours(f.pm, at[i], f.pg, 4, PROT_READ), 2);
		KT_CHECK(pmap_is_wired(f.pm, at[i]));
		KT_EQ(conf_probe(f.pm, at[i]), RW);
		KT_EQ(conf_probe(f.pm, at[i] + ptoa(3)), RW);
		KT_EQ(pmap_wired_count(f.pm), 1);
		KT_EQ(pmap_resident_count(f.pm), 4);
		pmap_remove(f.pm, at[i], at[i] + ptoa(4));
	}
	conf_teardown(&f);
}

/* Entered for no access: the attributes stay clear. */
KTEST(conform_enter_neighbours_attributes_and_rights)
{
	struct conf f;

	conf_setup(&f);
	/* with a table there and without, mapped elsewhere and not */
	for (int i = 0; i < CONF_NPG; i++) {
		conf_put(f.pg[i], 0, CONF_CODE(40 + i));
		pmap_page_modified_text(f.pg[i]);
	}
	CONF_ENTER(&f, 100, 7, PROT_READ, 0);
	CONF_ENTER(&f, 101, 3, PROT_READ, 0);
	conf_clear(f.pg[3]);
	for (vm_prot_t prot = 1; prot <= PROT_MASK; prot++) {
		KT_EQ(pmap_enter_neighbours(f.pm, AT(0), f.pg, 7, prot), 7);
		for (int i = 0; i < 7; i++) {
			KT_CHECK(conf_referenced_is(f.pg[i], false));
			KT_CHECK(!pmap_is_modified(f.pg[i]));
			KT_EQ(conf_probe(f.pm, AT(i)), granted(prot));
			KT_EQ(conf_rights(f.pm, AT(i)), granted(prot));
			KT_CHECK(pmap_is_referenced(f.pg[i]));
		}
		pmap_remove(f.pm, AT(0), AT(7));
		for (int i = 0; i < 7; i++)
			conf_clear(f.pg[i]);
	}
	conf_teardown(&f);
}

/* => the same for pages and holes around what is there */
KTEST(conform_mapped_mask)
{
	const vaddr_t edge = 5 * GB1;
	struct conf f;

	conf_setup(&f);
	KT_EQ(pmap_mapped_mask(f.pm, edge - ptoa(16), 32), 0);
	for (int i = 0; i < 32; i += 5)
		KT_EQ(pmap_enter(f.pm, edge + ptoa(i) - ptoa(16),
			  VM_PAGE_TO_PHYS(f.pg[i % CONF_NPG]), RW, 0),
		    0);
	KT_EQ(pmap_mapped_mask(f.pm, edge - ptoa(16), 32), 0x42108421);
	KT_EQ(pmap_mapped_mask(f.pm, edge - ptoa(16), 31), 0x42108421);
	KT_EQ(pmap_mapped_mask(f.pm, edge - ptoa(16), 30), 0x2108421);
	KT_EQ(pmap_mapped_mask(f.pm, edge - ptoa(16), 1), 1);
	KT_EQ(pmap_mapped_mask(f.pm, edge - ptoa(15), 1), 0);
	KT_EQ(pmap_mapped_mask(f.pm, edge - ptoa(1), 2), 1);
	KT_EQ(pmap_mapped_mask(f.pm, edge - ptoa(16), 0), 0);
	conf_teardown(&f);
}

KTEST(conform_raise)
{
	struct conf f;

	conf_setup(&f);
	put_code(f.pg[0], 50);
	put_code(f.pg[1], 51);
	CONF_ENTER(&f, 0, 0, PROT_READ, PROT_READ);
	CONF_ENTER(&f, 2, 1, RX, PMAP_WIRED);
	CONF_ENTER(&f, 3, 2, RW, 0);
	CONF_ENTER(&f, 5, 3, PROT_READ, 0); /* behind the range */
	KT_EQ(conf_store(f.pm, AT(0), 1), EFAULT);
	pmap_raise(f.pm, AT(0), AT(5));
	pmap_update(f.pm);
	KT_EQ(conf_probe(f.pm, AT(0)), RW);
	KT_EQ(conf_probe(f.pm, AT(2)), RWX);
	KT_EQ(conf_probe(f.pm, AT(3)), RW);
	KT_EQ(conf_probe(f.pm, AT(5)), PROT_READ);
	KT_CHECK(!pmap_extract(f.pm, AT(1), NULL));
	KT_EQ(pmap_resident_count(f.pm), 4);
	KT_EQ(pmap_wired_count(f.pm), 1);
	for (int i = 0; i < 4; i++)
		KT_CHECK(!pmap_is_modified(f.pg[i]));
	KT_EQ(conf_store(f.pm, AT(0), 60), 0);
	KT_EQ(conf_store(f.pm, AT(2) + 8, 61), 0);
	KT_CHECK(pmap_is_modified(f.pg[0]) && pmap_is_modified(f.pg[1]));
	KT_CHECK(!pmap_is_modified(f.pg[2]));
	KT_EQ(conf_store(f.pm, AT(5), 1), EFAULT);
	conf_teardown(&f);
}
