/*
 * Instruction fetch: what becomes executable after it was written is fetched as
 * it was written, on every hart.
 */
#include "conform.h"

struct text {
	struct pmap *pm;
	vaddr_t va;
	uint64_t want;
};

static void
fetch_here(void *arg)
{
	const struct text *t = arg;
	uint64_t got = 0;

	KT_EQ(conf_fetch(t->pm, t->va, &got), 0);
	KT_EQ(got, t->want);
}

static void
fetch_everywhere(struct pmap *pm, vaddr_t va, uint64_t want)
{
	struct text t = { .pm = pm, .va = va, .want = want };

	conf_on_each_hart(fetch_here, &t);
}

KTEST(conform_text_written_by_program)
{
	struct conf f;

	conf_setup(&f);
	for (int n = 1; n < 12; n++) {
		CONF_ENTER(&f, 0, 0, RW, PROT_WRITE);
		KT_EQ(conf_store(f.pm, AT(0), CONF_CODE(n)), 0);
		CONF_ENTER(&f, 0, 0, RX, PROT_EXEC);
		fetch_everywhere(f.pm, AT(0), n);
		if (n & 1)
			pmap_remove(f.pm, AT(0), AT(1));
	}
	conf_teardown(&f);
}

/* The kernel writes (exec, read(2)) and says so; then it is mapped. */
KTEST(conform_text_written_by_kernel)
{
	struct conf f;

	conf_setup(&f);
	for (int n = 1; n < 12; n++) {
		conf_put(f.pg[0], 64, CONF_CODE(n));
		pmap_page_modified_text(f.pg[0]);
		CONF_ENTER(&f, 0, 0, RX, n & 1 ? PROT_EXEC : 0);
		fetch_everywhere(f.pm, AT(0) + 64, n);
		if (n & 2)
			pmap_remove(f.pm, AT(0), AT(1));
	}
	conf_teardown(&f);
}

KTEST(conform_text_in_every_way_of_entering)
{
	struct vm_page *run[1];
	struct conf f;

	conf_setup(&f);
	for (int n = 1; n < 13; n++) {
		conf_put(f.pg[0], 0, CONF_CODE(100 + n));
		pmap_page_modified_text(f.pg[0]);
		run[0] = f.pg[0];
		CONF_ENTER(&f, 1, 1, PROT_READ, 0); /* the table is there */
		switch (n % 3) {
		case 0:
			CONF_ENTER(&f, 0, 0, PROT_EXEC, 0);
			break;
		case 1:
			KT_EQ(
			    pmap_enter_new(f.pm, AT(0), f.pg[0], RX, PROT_EXEC),
			    0);
			break;
		case 2:
			KT_EQ(
			    pmap_enter_neighbours(f.pm, AT(0), run, 1, RX), 1);
			break;
		}
		fetch_everywhere(f.pm, AT(0), 100 + n);
		pmap_page_protect(f.pg[0], PROT_NONE);
	}
	conf_teardown(&f);
}

/* A page of text that gets new contents by copying and zeroing. */
KTEST(conform_text_copied)
{
	struct conf f;

	conf_setup(&f);
	for (int n = 1; n < 10; n++) {
		conf_put(f.pg[1], 0, CONF_CODE(n));
		pmap_page_protect(f.pg[0], PROT_NONE);
		pmap_zero_page(f.pg[0]);
		pmap_copy_page(f.pg[1], f.pg[0]);
		CONF_ENTER(&f, 0, 0, RX, PROT_EXEC);
		fetch_everywhere(f.pm, AT(0), n);
	}
	conf_teardown(&f);
}

/* A freed page forgets that it was clean for fetch. */
KTEST(conform_text_in_a_page_used_before)
{
	struct vm_page *pg;
	struct conf f;

	conf_setup(&f);
	for (int n = 1; n < 30; n++) {
		pg = conf_page();
		conf_put(pg, 128, CONF_CODE(n));
		KT_EQ(
		    pmap_enter(f.pm, AT(0), VM_PAGE_TO_PHYS(pg), RX, PROT_EXEC),
		    0);
		fetch_everywhere(f.pm, AT(0) + 128, n);
		conf_free_page(pg);
	}
	conf_teardown(&f);
}

/* Executable, then writable, then executable: by protecting and raising. */
KTEST(conform_text_protected_and_raised)
{
	struct conf f;

	conf_setup(&f);
	conf_put(f.pg[0], 0, CONF_CODE(200));
	pmap_page_modified_text(f.pg[0]);
	CONF_ENTER(&f, 0, 0, RX, PROT_EXEC);
	fetch_everywhere(f.pm, AT(0), 200);
	for (int n = 201; n < 210; n++) {
		if (n & 1)
			pmap_protect(f.pm, AT(0), AT(1), PROT_READ);
		pmap_raise(f.pm, AT(0), AT(1));
		KT_EQ(conf_store(f.pm, AT(0), CONF_CODE(n)), 0);
		pmap_protect(f.pm, AT(0), AT(1), RX);
		CONF_ENTER(&f, 0, 0, RX, PROT_EXEC);
		fetch_everywhere(f.pm, AT(0), n);
	}
	conf_teardown(&f);
}

/* Written through the mapping itself, which then loses only that right. */
KTEST(conform_text_loses_write)
{
	struct conf f;

	conf_setup(&f);
	for (int n = 1; n < 10; n++) {
		CONF_ENTER(&f, 0, 0, RWX, PROT_WRITE);
		KT_EQ(conf_store(f.pm, AT(0), CONF_CODE(n)), 0);
		pmap_protect(f.pm, AT(0), AT(1), RX);
		fetch_everywhere(f.pm, AT(0), n);
	}
	conf_teardown(&f);
}

/* Written through another address that stays writable. */
KTEST(conform_text_written_through_alias)
{
	struct conf f;

	conf_setup(&f);
	CONF_ENTER(&f, 50, 0, RW, PROT_WRITE);
	for (int n = 1; n < 10; n++) {
		KT_EQ(conf_store(f.pm, AT(50), CONF_CODE(n)), 0);
		CONF_ENTER(&f, 0, 0, RX, PROT_EXEC);
		fetch_everywhere(f.pm, AT(0), n);
		pmap_remove(f.pm, AT(0), AT(1));
	}
	conf_teardown(&f);
}

/* Clean for fetch, then written through a mapping that comes and goes. */
KTEST(conform_text_written_between_two_uses)
{
	struct conf f;

	conf_setup(&f);
	for (int n = 1; n < 10; n++) {
		CONF_ENTER(&f, 50, 0, RW, PROT_WRITE);
		KT_EQ(conf_store(f.pm, AT(50), CONF_CODE(n)), 0);
		pmap_remove(f.pm, AT(50), AT(51));
		CONF_ENTER(&f, 0, 0, RX, PROT_EXEC);
		fetch_everywhere(f.pm, AT(0), n);
		pmap_remove(f.pm, AT(0), AT(1));
	}
	conf_teardown(&f);
}

/* What changes under a mapping that stays executable: on demand. */
KTEST(conform_text_flushed_on_demand)
{
	struct conf f;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RWX, PROT_WRITE);
	for (int n = 1; n < 10; n++) {
		if (n & 1)
			KT_EQ(conf_store(f.pm, AT(0), CONF_CODE(n)), 0);
		else
			conf_put(f.pg[0], 0, CONF_CODE(n));
		pmap_proc_iflush(curproc, AT(0), 8);
		fetch_everywhere(f.pm, AT(0), n);
	}
	conf_teardown(&f);
}

/* Execute-only, and what is not executable, is not fetched, on any hart. */
static void
fetch_fails_here(void *arg)
{
	const struct text *t = arg;
	uint64_t got;

	KT_EQ(conf_fetch(t->pm, t->va, &got), EFAULT);
}

KTEST(conform_text_loses_execute)
{
	struct conf f;
	struct text t;

	conf_setup(&f);
	conf_put(f.pg[0], 0, CONF_CODE(3));
	pmap_page_modified_text(f.pg[0]);
	t = (struct text){ .pm = f.pm, .va = AT(0), .want = 3 };
	for (int round = 0; round < 5; round++) {
		CONF_ENTER(&f, 0, 0, RX, PROT_EXEC);
		conf_on_each_hart(fetch_here, &t);
		if (round & 1)
			pmap_protect(f.pm, AT(0), AT(1), PROT_READ);
		else
			CONF_ENTER(&f, 0, 0, PROT_READ, PROT_READ);
		pmap_update(f.pm);
		conf_on_each_hart(fetch_fails_here, &t);
		KT_EQ(conf_peek(f.pm, AT(0)), CONF_CODE(3));
	}
	conf_teardown(&f);
}
