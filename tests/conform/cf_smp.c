/* Several harts at once: what is taken away is gone everywhere. */
#include "conform.h"

/* Few: emulated harts that share the host wait for each other in every one. */
#define ROUNDS CONF_MUCH(40)

static struct {
	struct conf f;
	struct kt_barrier barrier;
	vm_prot_t access;
	struct pmap *pm; /* where the harts access ... */
	vaddr_t va; /* ... what */
	volatile uint32_t stop; /* [a] */
	volatile uint32_t revoked; /* [a] round that took it away; 0: granted */
	volatile uint32_t worked; /* [a] accesses that did not fault */
	struct rwlock owner[CONF_NPG]; /* of the pages: who enters holds it */
} smp;

static void
smp_setup(vm_prot_t access)
{
	memset(&smp, 0, sizeof(smp));
	conf_setup(&smp.f);
	kt_barrier_init(&smp.barrier, ncpus);
	smp.access = access;
	smp.pm = smp.f.pm;
	smp.va = AT(0);
	for (int i = 0; i < CONF_NPG; i++)
		rw_init(&smp.owner[i], LR_NONE, "conform");
}

/* Keeps accessing, in the address space, until told to stop. */
static void
accessor(void *arg)
{
	struct conf_user cu;
	uint64_t v = 0;

	conf_use(&cu, smp.f.pm);
	kt_barrier_wait(&smp.barrier);
	while (!atomic_load_acq(&smp.stop)) {
		v++;
		if (conf_race(smp.pm, smp.va, smp.access, &v, &smp.revoked) ==
		    0)
			atomic_add(&smp.worked, 1);
	}
	conf_unuse(&cu);
}

/*
 * Let other harts do something; now and then until one of them has done it, and
 * in the first round however long it takes.
 */
static void
let_them(uint32_t round)
{
	uint32_t before = atomic_load(&smp.worked);
	int tries = round % 8 == 0 ? 100 : 0;

	conf_pause();
	while (
	    atomic_load(&smp.worked) == before && (round == 1 || tries-- > 0))
		conf_pause();
}

/*
 * Other harts access what this one grants and takes away.
 * => on return from revoke() no access works any more, until grant()
 */
static void
revoke_test(
    vm_prot_t access, void (*grant)(void), void (*revoke)(uint32_t round))
{
	struct kt_thread *t[MAXCPUS];

	for (u_int i = 1; i < ncpus; i++)
		t[i] = kt_spawn(accessor, NULL, 1UL << i);
	kt_pin(0);
	kt_barrier_wait(&smp.barrier);
	for (uint32_t round = 1; round <= ROUNDS; round++) {
		atomic_store_rel(&smp.revoked, 0);
		membar_sync();
		grant();
		let_them(round);
		revoke(round);
		pmap_update(smp.pm);
		atomic_store_rel(&smp.revoked, round);
		conf_pause();
	}
	atomic_store_rel(&smp.stop, 1);
	for (u_int i = 1; i < ncpus; i++)
		kt_join(t[i]);
	kt_unpin();
	KT_CHECK(smp.worked > 0);
}

static bool
one_hart(void)
{
	if (ncpus < 2)
		kt_skip("needs two harts");
	return ncpus < 2;
}

static void
grant_rw(void)
{
	CONF_ENTER(&smp.f, 0, 0, RW, PROT_WRITE);
}

static void
revoke_write(uint32_t round)
{
	switch (round % 5) {
	case 0:
		pmap_protect(smp.pm, AT(0), AT(1), PROT_READ);
		break;
	case 1:
		pmap_page_protect(smp.f.pg[0], PROT_READ);
		break;
	case 2:
		CONF_ENTER(&smp.f, 0, 0, PROT_READ, PROT_READ);
		break;
	case 3:
		CONF_ENTER(&smp.f, 0, 1, PROT_READ, PROT_READ);
		break;
	case 4:
		pmap_pages_protect(smp.f.pg, CONF_NPG);
		break;
	}
}

static void
revoke_all(uint32_t round)
{
	switch (round % 7) {
	case 0:
		pmap_remove(smp.pm, AT(0), AT(1));
		break;
	case 1:
		pmap_page_protect(smp.f.pg[0], PROT_NONE);
		break;
	case 2:
		pmap_protect(smp.pm, AT(0), AT(1), PROT_NONE);
		break;
	case 3: /* many pages: the whole address space at once */
		for (int i = 1; i < 40; i++)
			CONF_ENTER(&smp.f, i, i % CONF_NPG, PROT_READ, 0);
		pmap_remove(smp.pm, AT(0), AT(40));
		break;
	case 4: /* tables too */
		pmap_remove(smp.pm, 0, VM_MAXUSER_ADDRESS);
		pmap_collect(smp.pm);
		break;
	case 5: /* it goes on elsewhere */
	case 6:
		pmap_remove(smp.pm, AT(64), AT(128));
		KT_EQ(pmap_move(
			  smp.pm, AT(0), AT(64), ptoa(round % 7 == 5 ? 1 : 64)),
		    0);
		break;
	}
}

static void
revoked_on_every_hart(vm_prot_t access, void (*revoke)(uint32_t round))
{
	if (one_hart())
		return;
	smp_setup(access);
	revoke_test(access, grant_rw, revoke);
	conf_teardown(&smp.f);
}

KTEST(conform_revoked_write_on_every_hart)
{
	revoked_on_every_hart(PROT_WRITE, revoke_write);
}

KTEST(conform_revoked_store_on_every_hart)
{
	revoked_on_every_hart(PROT_WRITE, revoke_all);
}

KTEST(conform_revoked_load_on_every_hart)
{
	revoked_on_every_hart(PROT_READ, revoke_all);
}

/* The other side: takes rights from the page, time and again. */
static void
protect_page(void *arg)
{
	for (u_int round = 0; atomic_load(&smp.stop) == 0; round++) {
		rw_enter_write(&smp.owner[0]);
		if (round % 3 == 2)
			pmap_pages_protect(smp.f.pg, 1);
		else
			pmap_page_protect(smp.f.pg[0],
			    round % 3 == 1 ? PROT_READ : PROT_NONE);
		rw_exit(&smp.owner[0]);
		conf_pause();
	}
}

/*
 * The page daemon takes the page from its owner, who unmaps it at that moment
 * and finds nothing left to do.
 */
KTEST(conform_revoked_while_its_page_is_taken)
{
	struct conf_user cu;
	struct kt_thread *t;
	uint64_t v = 0;

	if (one_hart())
		return;
	smp_setup(PROT_WRITE);
	t = kt_spawn(protect_page, NULL, 1UL << 1);
	kt_pin(0);
	conf_use(&cu, smp.pm);
	for (uint32_t round = 1; round <= 8 * ROUNDS; round++) {
		atomic_store_rel(&smp.revoked, 0);
		rw_enter_write(&smp.owner[0]);
		grant_rw();
		rw_exit(&smp.owner[0]);
		(void)conf_race(smp.pm, AT(0), PROT_WRITE, &v, &smp.revoked);
		conf_pause();
		pmap_protect(
		    smp.pm, AT(0), AT(1), round & 2 ? PROT_READ : PROT_NONE);
		atomic_store_rel(&smp.revoked, round);
		(void)conf_race(smp.pm, AT(0), PROT_WRITE, &v, &smp.revoked);
	}
	conf_unuse(&cu);
	atomic_store_rel(&smp.stop, 1);
	kt_join(t);
	kt_unpin();
	conf_teardown(&smp.f);
}

/* -- Removed by another hart, which has not fenced yet ---------------------------- */

#define UNFENCED_SPAN 256 /* pages that are removed at once */

/* Removes everything, round after round. */
static void
remove_span(void *arg)
{
	for (int round = 0; round < ROUNDS; round++) {
		kt_barrier_wait(&smp.barrier);
		pmap_remove(smp.pm, AT(0), AT(UNFENCED_SPAN));
		pmap_update(smp.pm);
		kt_barrier_wait(&smp.barrier);
	}
}

/*
 * Taken away from the page's side, in one of several ways: nobody stores to it
 * any more.
 */
static void
page_is_gone(int round, int page, int ways)
{
	const uint32_t revoked = (uint32_t)round + 1;
	struct vm_page **pgs = &smp.f.pg[page];
	uint64_t v = 0;

	switch (round % ways) {
	case 0:
		pmap_pages_remove(pgs, 1);
		break;
	case 1:
		pmap_page_protect(*pgs, PROT_NONE);
		break;
	case 2:
		pmap_pages_protect(pgs, 1);
		break;
	case 3: /* it is not mapped: what is stored is seen by now */
		pmap_pages_clear_modify(pgs, 1);
		break;
	}
	KT_EQ(conf_race(smp.pm, AT(page), PROT_WRITE, &v, &revoked), EFAULT);
	kt_barrier_wait(&smp.barrier);
}

/* Rounds on this hart beside what another one does. */
static void
beside_a_hart(void (*other)(void *), void (*round_of)(int))
{
	struct conf_user cu;
	struct kt_thread *t;

	if (one_hart())
		return;
	smp_setup(PROT_WRITE);
	kt_barrier_init(&smp.barrier, 2);
	t = kt_spawn(other, NULL, 1UL << 1);
	kt_pin(0);
	conf_use(&cu, smp.pm);
	for (int round = 0; round < ROUNDS; round++)
		round_of(round);
	conf_unuse(&cu);
	kt_join(t);
	kt_unpin();
	conf_teardown(&smp.f);
}

/*
 * The owner of a page finds it unmapped, by a hart that has more to unmap before
 * it fences: once pmap_page_protect() or its kin returns, the page may be freed
 * all the same.
 */
static void
unfenced_round(int round)
{
	int page = round % (CONF_NPG - 1);

	for (int i = 0; i < UNFENCED_SPAN; i++)
		CONF_ENTER(&smp.f, i, MIN(i, CONF_NPG - 1), RW, PROT_WRITE);
	for (int i = 0; i < CONF_NPG; i++)
		KT_EQ(conf_store(smp.pm, AT(i), 1), 0);
	kt_barrier_wait(&smp.barrier);
	while (vm_page_md_ismapped(&smp.f.pg[page]->mdpage))
		cpu_spinwait();
	page_is_gone(round, page, 4);
}

KTEST(conform_revoked_by_a_hart_that_goes_on)
{
	beside_a_hart(remove_span, unfenced_round);
}

/* Ages all pages, round after round. */
static void
age_pages(void *arg)
{
	for (int round = 0; round < ROUNDS; round++) {
		kt_barrier_wait(&smp.barrier);
		pmap_pages_clear_reference(smp.f.pg, CONF_NPG);
		kt_barrier_wait(&smp.barrier);
	}
}

/*
 * The owner of a page finds it unused, because a hart ages it with others and
 * fences them all together, later: once it is unmapped nobody uses it.
 */
static void
aging_round(int round)
{
	int page = round % (CONF_NPG - 1);

	for (int i = 0; i < CONF_NPG; i++) {
		CONF_ENTER(&smp.f, i, i, RW, PROT_WRITE);
		KT_EQ(conf_store(smp.pm, AT(i), 1), 0);
	}
	kt_barrier_wait(&smp.barrier);
	while (pmap_is_referenced(smp.f.pg[page]))
		cpu_spinwait();
	page_is_gone(round, page, 3);
}

KTEST(conform_revoked_while_a_hart_ages)
{
	beside_a_hart(age_pages, aging_round);
}

/* -- Attributes -------------------------------------------------------------------- */

static void
clear_attributes(void *arg)
{
	struct vm_page *pg = arg;

	while (atomic_load(&smp.stop) == 0) {
		pmap_clear_modify(pg);
		pmap_clear_reference(pg);
		atomic_add(&smp.worked, 1);
	}
}

/* => what clear_attributes() was doing is done */
static void
attributes_cleared(void)
{
	uint32_t before = atomic_load(&smp.worked);

	while (atomic_load(&smp.worked) - before < 2)
		cpu_spinwait();
}

/* The page daemon looks at a page while its owner loses the right to write. */
KTEST(conform_revoked_while_attributes_are_cleared)
{
	struct kt_thread *t;

	if (one_hart())
		return;
	smp_setup(PROT_WRITE);
	t = kt_spawn(clear_attributes, smp.f.pg[0], 1UL << 1);
	kt_pin(0);
	for (int round = 0; round < 4 * ROUNDS; round++) {
		grant_rw();
		KT_EQ(conf_store(smp.pm, AT(0), 1), 0);
		pmap_protect(smp.pm, AT(0), AT(1), PROT_READ);
		pmap_update(smp.pm);
		attributes_cleared();
		KT_EQ(conf_store(smp.pm, AT(0), 2), EFAULT);
	}
	atomic_store_rel(&smp.stop, 1);
	kt_join(t);
	kt_unpin();
	conf_teardown(&smp.f);
}

static void
grant_kernel(void)
{
	pmap_kenter_pa(smp.va, VM_PAGE_TO_PHYS(smp.f.pg[0]), RW);
	pmap_update(pmap_kernel());
}

static void
revoke_kernel(uint32_t round)
{
	pmap_kremove(smp.va, round & 1 ? PAGE_SIZE : ptoa(40));
}

KTEST(conform_kremove_on_every_hart)
{
	if (one_hart())
		return;
	smp_setup(PROT_WRITE);
	smp.pm = pmap_kernel();
	smp.va = uvm_km_kmemalloc(kernel_map, NULL, ptoa(40), UVM_KMF_VALLOC);
	KT_REQUIRE(smp.va != 0);
	revoke_test(PROT_WRITE, grant_kernel, revoke_kernel);
	uvm_km_free(kernel_map, smp.va, ptoa(40));
	conf_teardown(&smp.f);
}

/* -- A page that is taken away keeps the contents it gets next --------------------- */

/* Stores wherever it may; the address is mapped all the time or at times. */
KTEST(conform_replaced_page_is_left_alone)
{
	struct kt_thread *t[MAXCPUS];
	struct vm_page *old, *new;

	if (one_hart())
		return;
	smp_setup(PROT_WRITE);
	for (u_int i = 1; i < ncpus; i++)
		t[i] = kt_spawn(accessor, NULL, 1UL << i);
	kt_pin(0);
	kt_barrier_wait(&smp.barrier);
	for (int round = 0; round < ROUNDS; round++) {
		old = smp.f.pg[round % CONF_NPG];
		new = smp.f.pg[(round + 1) % CONF_NPG];
		if (round % 3 == 0)
			pmap_remove(smp.pm, AT(0), AT(1));
		CONF_ENTER(&smp.f, 0, (round + 1) % CONF_NPG, RW, PROT_WRITE);
		pmap_update(smp.pm);
		KT_CHECK(conf_maps(smp.pm, AT(0), new));
		conf_put(old, 0, ~0UL - round);
		let_them((uint32_t)round);
		KT_EQ(conf_get(old, 0), ~0UL - round);
	}
	atomic_store_rel(&smp.stop, 1);
	for (u_int i = 1; i < ncpus; i++)
		kt_join(t[i]);
	kt_unpin();
	KT_CHECK(smp.worked > 0);
	conf_teardown(&smp.f);
}

/* -- Modifications while the page is being cleaned ------------------------------------ */

/*
 * The page daemon's protocol beside harts that store: a page found clean holds
 * what was saved when it was cleaned last.
 */
static void
clean_it(int round, uint64_t *saved)
{
	struct vm_page *pg = smp.f.pg[0];

	switch (round % 3) {
	case 0:
		pmap_page_protect(pg, PROT_NONE);
		break;
	case 1:
		pmap_page_protect(pg, PROT_READ);
		break;
	case 2:
		pmap_remove(smp.pm, AT(0), AT(1));
		break;
	}
	pmap_update(smp.pm);
	if (pmap_is_modified(pg)) {
		KT_CHECK(pmap_clear_modify(pg));
		*saved = conf_get(pg, 0);
	}
	KT_EQ(conf_get(pg, 0), *saved);
}

KTEST(conform_no_modification_is_lost_on_any_hart)
{
	struct kt_thread *t[MAXCPUS];
	uint64_t saved = 0;

	if (one_hart())
		return;
	smp_setup(PROT_WRITE);
	for (u_int i = 1; i < ncpus; i++)
		t[i] = kt_spawn(accessor, NULL, 1UL << i);
	kt_pin(0);
	kt_barrier_wait(&smp.barrier);
	for (int round = 0; round < 4 * ROUNDS; round++) {
		CONF_ENTER(&smp.f, 0, 0, RW, round & 1 ? PROT_READ : 0);
		if (round & 4)
			(void)pmap_clear_reference(smp.f.pg[0]);
		let_them((uint32_t)round);
		clean_it(round, &saved);
	}
	atomic_store_rel(&smp.stop, 1);
	for (u_int i = 1; i < ncpus; i++)
		kt_join(t[i]);
	kt_unpin();
	KT_CHECK(smp.worked > 0);
	conf_teardown(&smp.f);
}

/* Cleared on one hart, an attribute is set again by the next access of any. */
static void
touch_here(void *arg)
{
	struct conf *f = arg;
	struct conf_user cu;

	conf_use(&cu, f->pm);
	KT_CHECK(!pmap_is_modified(f->pg[0]));
	KT_EQ(conf_store(f->pm, AT(0), 1), 0);
	KT_CHECK(pmap_clear_modify(f->pg[0]));
	(void)pmap_clear_reference(f->pg[0]);
	KT_EQ(conf_peek(f->pm, AT(0)), 1);
	KT_CHECK(pmap_is_referenced(f->pg[0]));
	KT_CHECK(!pmap_is_modified(f->pg[0]));
	KT_EQ(conf_store(f->pm, AT(0), 1), 0);
	KT_CHECK(pmap_is_modified(f->pg[0]));
	KT_CHECK(pmap_clear_modify(f->pg[0]));
	conf_unuse(&cu);
}

KTEST(conform_cleared_attributes_on_every_hart)
{
	struct conf f;

	conf_setup(&f);
	CONF_ENTER(&f, 0, 0, RW, 0);
	for (int round = 0; round < 5; round++)
		conf_on_each_hart(touch_here, &f);
	conf_teardown(&f);
}

/* The same with the harts inside the address space all the time. */
static void
store_when_told(void *arg)
{
	struct conf_user cu;

	conf_use(&cu, smp.f.pm);
	for (int round = 0; round < ROUNDS; round++) {
		kt_barrier_wait(&smp.barrier); /* cleared */
		if (round % (int)ncpus == (int)curcpu()->ci_index)
			KT_EQ(conf_store(smp.f.pm, AT(0), round), 0);
		kt_barrier_wait(&smp.barrier); /* stored by one */
	}
	conf_unuse(&cu);
}

KTEST(conform_cleared_while_active_on_every_hart)
{
	struct kt_thread *t[MAXCPUS];

	smp_setup(PROT_WRITE);
	kt_barrier_init(&smp.barrier, ncpus + 1);
	CONF_ENTER(&smp.f, 0, 0, RW, PROT_WRITE);
	for (u_int i = 0; i < ncpus; i++)
		t[i] = kt_spawn(store_when_told, NULL, 1UL << i);
	for (int round = 0; round < ROUNDS; round++) {
		(void)pmap_clear_modify(smp.f.pg[0]);
		(void)pmap_clear_reference(smp.f.pg[0]);
		kt_barrier_wait(&smp.barrier);
		kt_barrier_wait(&smp.barrier);
		KT_CHECK(pmap_is_modified(smp.f.pg[0]));
		KT_CHECK(pmap_is_referenced(smp.f.pg[0]));
		KT_EQ(conf_get(smp.f.pg[0], 0), round);
	}
	for (u_int i = 0; i < ncpus; i++)
		kt_join(t[i]);
	conf_teardown(&smp.f);
}

/*
 * The same for many pages at once, which several address spaces share: more of
 * them than a pmap may care to treat together, some on several harts.
 */
enum { AGED_PMAPS = 6, AGED_THREADS = 8 };

static struct pmap *aged_pm[AGED_PMAPS];
static bool aged_stored; /* and cleared of "modified", not "referenced" */

static void
touch_all(struct pmap *pm)
{
	for (int i = 0; i < CONF_NPG; i++) {
		KT_EQ(conf_peek(pm, AT(i)), i);
		if (aged_stored)
			KT_EQ(conf_store(pm, AT(i), (uint64_t)i), 0);
	}
}

static void
touch_when_told(void *arg)
{
	const int me = *(const int *)arg;
	struct pmap *pm = aged_pm[me % AGED_PMAPS];
	struct conf_user cu;

	conf_use(&cu, pm);
	for (int round = 0; round < ROUNDS; round++) {
		touch_all(pm);
		kt_barrier_wait(&smp.barrier); /* touched by all */
		kt_barrier_wait(&smp.barrier); /* cleared */
		if (round % AGED_THREADS == me)
			touch_all(pm);
		kt_barrier_wait(&smp.barrier); /* touched by one */
		kt_barrier_wait(&smp.barrier); /* looked at */
	}
	conf_unuse(&cu);
}

static void
aged_setup(void)
{
	smp_setup(aged_stored ? PROT_WRITE : PROT_READ);
	kt_barrier_init(&smp.barrier, AGED_THREADS + 1);
	for (int p = 0; p < AGED_PMAPS; p++) {
		aged_pm[p] = p == 0 ? smp.f.pm : pmap_create();
		for (int i = 0; i < CONF_NPG; i++)
			KT_EQ(pmap_enter(aged_pm[p], AT(i),
				  VM_PAGE_TO_PHYS(smp.f.pg[i]), RW, 0),
			    0);
	}
	for (int i = 0; i < CONF_NPG; i++)
		conf_put(smp.f.pg[i], 0, (uint64_t)i);
}

static void
aged_are(bool set)
{
	for (int i = 0; i < CONF_NPG; i++)
		if (aged_stored)
			KT_EQ(pmap_is_modified(smp.f.pg[i]), set);
		else
			KT_CHECK(conf_referenced_is(smp.f.pg[i], set));
}

static void
aged_round(void)
{
	kt_barrier_wait(&smp.barrier);
	aged_are(true);
	if (aged_stored)
		pmap_pages_clear_modify(smp.f.pg, CONF_NPG);
	else
		pmap_pages_clear_reference(smp.f.pg, CONF_NPG);
	aged_are(false);
	kt_barrier_wait(&smp.barrier);
	kt_barrier_wait(&smp.barrier);
	aged_are(true);
	kt_barrier_wait(&smp.barrier);
}

static void
aged_on_every_hart(bool stored)
{
	struct kt_thread *t[AGED_THREADS];
	int me[AGED_THREADS];

	aged_stored = stored;
	aged_setup();
	for (int i = 0; i < AGED_THREADS; i++) {
		me[i] = i;
		t[i] =
		    kt_spawn(touch_when_told, &me[i], 1UL << (u_int)i % ncpus);
	}
	for (int round = 0; round < ROUNDS; round++)
		aged_round();
	for (int i = 0; i < AGED_THREADS; i++)
		kt_join(t[i]);
	for (int p = 1; p < AGED_PMAPS; p++)
		conf_destroy(aged_pm[p]);
	conf_teardown(&smp.f);
}

KTEST(conform_pages_aged_on_every_hart)
{
	aged_on_every_hart(false);
}

KTEST(conform_pages_cleaned_on_every_hart)
{
	aged_on_every_hart(true);
}

/* -- Moving about ----------------------------------------------------------------------- */

/* One thread goes from hart to hart; its mappings change on the way. */
KTEST(conform_migrating_thread_sees_changes)
{
	struct conf f;
	struct conf_user cu;

	conf_setup(&f);
	for (int i = 0; i < CONF_NPG; i++)
		conf_fill(f.pg[i], 500 + i);
	conf_use(&cu, f.pm);
	for (int round = 0; round < 150; round++) {
		int page = round % CONF_NPG;

		kt_pin((u_int)(kt_random() % ncpus));
		CONF_ENTER(&f, 0, page, RW, PROT_READ);
		KT_EQ(conf_peek(f.pm, AT(0)), 500 + page);
		kt_pin((u_int)(kt_random() % ncpus));
		KT_EQ(conf_store(f.pm, AT(0), 500 + page), 0);
		if (round & 1)
			pmap_protect(f.pm, AT(0), AT(1), PROT_READ);
		else
			pmap_page_protect(f.pg[page], PROT_READ);
		KT_EQ(conf_store(f.pm, AT(0), 1), EFAULT);
		kt_pin((u_int)(kt_random() % ncpus));
		KT_EQ(conf_store(f.pm, AT(0), 1), EFAULT);
		if (round & 2)
			pmap_remove(f.pm, AT(0), AT(1));
		kt_pin((u_int)(kt_random() % ncpus));
		KT_EQ(conf_peek(f.pm, AT(0)), round & 2 ? ~0UL : 500UL + page);
	}
	conf_unuse(&cu);
	kt_unpin();
	conf_teardown(&f);
}

/*
 * Harts go in and out of the address space while it changes: whether they were
 * fenced or have to look themselves is for the pmap to know.
 */
static void
in_and_out(void *arg)
{
	struct conf_user cu;
	uint64_t v = 0;

	kt_barrier_wait(&smp.barrier);
	while (!atomic_load_acq(&smp.stop)) {
		conf_use(&cu, smp.f.pm);
		for (int i = 0; i < 3; i++)
			if (conf_race(smp.pm, smp.va, smp.access, &v,
				&smp.revoked) == 0)
				atomic_add(&smp.worked, 1);
		conf_unuse(&cu);
	}
}

KTEST(conform_revoked_while_harts_come_and_go)
{
	struct kt_thread *t[MAXCPUS];

	if (one_hart())
		return;
	smp_setup(PROT_WRITE);
	for (u_int i = 1; i < ncpus; i++)
		t[i] = kt_spawn(in_and_out, NULL, 1UL << i);
	kt_pin(0);
	kt_barrier_wait(&smp.barrier);
	for (uint32_t round = 1; round <= 2 * ROUNDS; round++) {
		atomic_store_rel(&smp.revoked, 0);
		membar_sync();
		grant_rw();
		if (round == 1) /* emulated harts may all be late */
			let_them(round);
		for (uint32_t n = 0; n < round % 64; n++)
			cpu_spinwait();
		if (round & 1)
			revoke_write(round >> 1);
		else
			revoke_all(round >> 1);
		pmap_update(smp.pm);
		atomic_store_rel(&smp.revoked, round);
		for (uint32_t n = 0; n < round % 32; n++)
			cpu_spinwait();
	}
	atomic_store_rel(&smp.stop, 1);
	for (u_int i = 1; i < ncpus; i++)
		kt_join(t[i]);
	kt_unpin();
	KT_CHECK(smp.worked > 0);
	conf_teardown(&smp.f);
}

/* -- Everybody changes everything ---------------------------------------------------------- */

/*
 * Own addresses, shared pages, one address space: from the address's side, which
 * needs no owner's lock, and from the page's.
 */
static void
change_everything(void *arg)
{
	const int me = *(const int *)arg;
	uint64_t seed = kt_seed() + (uint64_t)me, r;
	struct vm_page *pg;
	struct rwlock *owner;
	vaddr_t va;

	kt_barrier_wait(&smp.barrier);
	for (int i = 0; i < 2500; i++) {
		r = kt_random_r(&seed);
		pg = smp.f.pg[r >> 8 & 7];
		owner = &smp.owner[r >> 8 & 7];
		va = AT(me * 4 + (int)(r >> 16 & 3));
		switch (r % 8) {
		case 0:
		case 1:
			rw_enter_write(owner);
			(void)pmap_enter(smp.pm, va, VM_PAGE_TO_PHYS(pg), RW,
			    PMAP_CANFAIL | (r & 64 ? PMAP_WIRED : 0));
			rw_exit(owner);
			break;
		case 2:
			pmap_remove(smp.pm, AT(me * 4), AT(me * 4 + 4));
			break;
		case 3:
			(void)pmap_clear_modify(pg);
			break;
		case 4:
			rw_enter_write(owner);
			pmap_page_protect(pg, r & 64 ? PROT_NONE : PROT_READ);
			rw_exit(owner);
			break;
		case 5:
			pmap_protect(smp.pm, va, va + PAGE_SIZE, PROT_READ);
			break;
		case 6:
			(void)conf_race(
			    smp.pm, va, PROT_WRITE, &r, &smp.revoked);
			break;
		case 7:
			(void)pmap_is_referenced(pg);
			pmap_unwire(smp.pm, va);
			break;
		}
	}
}

/*
 * => managed mappings of the system, once the stacks of threads that ended are
 *    gone, or there are as many as wanted
 */
static long
managed_settled(long want)
{
	for (int i = 0; i < 50 && pmap_pv_count() != want; i++) {
		kt_settle();
		kt_sleep_ms(1);
	}
	return pmap_pv_count();
}

KTEST(conform_changes_from_all_sides)
{
	const int n = MAX((int)ncpus, 2);
	const long pv = managed_settled(-1);
	int me[MAXCPUS];
	long mapped = 0;

	smp_setup(PROT_WRITE);
	kt_barrier_init(&smp.barrier, (uint32_t)n);
	for (int i = 0; i < n; i++)
		me[i] = i;
	kt_parallel(n, change_everything, me, sizeof(me[0]));
	for (int i = 0; i < 4 * n; i++)
		mapped += pmap_extract(smp.pm, AT(i), NULL);
	KT_EQ(pmap_resident_count(smp.pm), mapped);
	KT_EQ(managed_settled(pv + mapped) - pv, mapped);
	KT_CHECK(pmap_wired_count(smp.pm) >= 0 &&
	    pmap_wired_count(smp.pm) <= mapped);
	for (int i = 0; i < CONF_NPG; i++)
		pmap_page_protect(smp.f.pg[i], PROT_NONE);
	KT_EQ(pmap_resident_count(smp.pm), 0);
	KT_EQ(pmap_wired_count(smp.pm), 0);
	KT_EQ(managed_settled(pv), pv);
	conf_teardown(&smp.f);
}

/* Tables of one address space made and freed by all harts. */
static void
make_tables(void *arg)
{
	const int me = *(const int *)arg;
	uint64_t seed = kt_seed() * 3 + (uint64_t)me, r;
	vaddr_t base = (vaddr_t)(me + 1) * GB1, va;

	kt_barrier_wait(&smp.barrier);
	for (int i = 0; i < 600; i++) {
		r = kt_random_r(&seed);
		va = base + (r >> 8 & 3) * MB2;
		if (r & 1) {
			KT_EQ(pmap_enter(smp.pm, va,
				  VM_PAGE_TO_PHYS(smp.f.pg[me & 7]), RW, 0),
			    0);
			KT_EQ(conf_store(smp.pm, va + 8 * me, me), 0);
		} else if (r & 2)
			pmap_remove(smp.pm, va, va + MB2);
		else
			pmap_remove(smp.pm, va, va + PAGE_SIZE);
	}
	pmap_remove(smp.pm, base, base + GB1);
}

KTEST(conform_tables_from_all_sides)
{
	const int n = MAX((int)ncpus, 2);
	int me[MAXCPUS];

	smp_setup(PROT_WRITE);
	kt_barrier_init(&smp.barrier, (uint32_t)n);
	for (int i = 0; i < n; i++)
		me[i] = i;
	kt_parallel(n, make_tables, me, sizeof(me[0]));
	KT_EQ(pmap_resident_count(smp.pm), 0);
	conf_teardown(&smp.f);
}
