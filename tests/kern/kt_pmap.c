/* pmap(9) on the running machine (UVM-API.md 5.3). */
#include <sys/param.h>
#include <sys/atomic.h>
#include <sys/ktest.h>
#include <sys/proc.h>
#include <uvm/uvm.h>

#define UVA 0x10000000UL /* user addresses of the tests */
#define NPG 8

/* A scratch address space and some pages nobody owns. */
struct fixture {
	struct vmspace *vm;
	struct pmap *pm;
	struct vm_page *pg[NPG];
};

static void
setup(struct fixture *f)
{
	f->vm = uvmspace_alloc(VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS, TRUE, TRUE);
	f->pm = vm_map_pmap(&f->vm->vm_map);
	for (int i = 0; i < NPG; i++) {
		while ((f->pg[i] = uvm_page_get_unowned(UVM_PGA_ZERO)) == NULL)
			uvm_wait("kt_pmap");
	}
}

static void
teardown(struct fixture *f)
{
	for (int i = 0; i < NPG; i++) {
		pmap_page_protect(f->pg[i], PROT_NONE);
		uvm_pagefree(f->pg[i]);
	}
	uvmspace_free(f->vm);
}

static int
enter(struct fixture *f, int slot, int page, vm_prot_t prot, int flags)
{
	return pmap_enter(
	    f->pm, UVA + ptoa(slot), VM_PAGE_TO_PHYS(f->pg[page]), prot, flags);
}

/* Touch user memory of another pmap from this kernel thread. */
static struct vmspace *
borrow(struct vmspace *vm)
{
	struct vmspace *old = curproc->p_vmspace;

	curproc->p_vmspace = vm;
	atomic_and(&curproc->p_flag, ~(uint32_t)P_KTHREAD);
	pmap_activate(curproc);
	return old;
}

static void
give_back(struct vmspace *old)
{
	pmap_deactivate(curproc);
	atomic_or(&curproc->p_flag, P_KTHREAD);
	curproc->p_vmspace = old;
}

KTEST(pmap_enter_counts_and_extract)
{
	struct fixture f;
	paddr_t pa;

	setup(&f);
	KT_EQ(pmap_resident_count(f.pm), 0);
	for (int i = 0; i < 4; i++)
		KT_EQ(enter(&f, i, i, PROT_READ | PROT_WRITE,
			  i == 3 ? PMAP_WIRED : 0),
		    0);
	KT_EQ(pmap_resident_count(f.pm), 4);
	KT_EQ(pmap_wired_count(f.pm), 1);
	KT_CHECK(pmap_extract(f.pm, UVA + 0x123, &pa));
	KT_EQ(pa, VM_PAGE_TO_PHYS(f.pg[0]) + 0x123);
	KT_CHECK(!pmap_extract(f.pm, UVA + ptoa(4), NULL));
	/* replace: A is not affected any more */
	KT_EQ(enter(&f, 0, 5, PROT_READ, 0), 0);
	KT_EQ(pmap_resident_count(f.pm), 4);
	pmap_page_protect(f.pg[0], PROT_NONE);
	KT_CHECK(pmap_extract(f.pm, UVA, &pa));
	KT_EQ(pa, VM_PAGE_TO_PHYS(f.pg[5]));
	pmap_unwire(f.pm, UVA + ptoa(3));
	pmap_unwire(f.pm, UVA + ptoa(3));
	KT_EQ(pmap_wired_count(f.pm), 0);
	KT_EQ(pmap_resident_count(f.pm), 4);
	pmap_remove(f.pm, UVA, UVA + ptoa(3));
	KT_EQ(pmap_resident_count(f.pm), 1);
	teardown(&f);
}

KTEST(pmap_rights_are_obeyed)
{
	struct fixture f;
	struct vmspace *old;
	uint32_t v = 7;

	setup(&f);
	KT_EQ(enter(&f, 0, 0, PROT_READ | PROT_WRITE, PROT_WRITE), 0);
	KT_EQ(enter(&f, 1, 1, PROT_READ, PROT_READ), 0);
	old = borrow(f.vm);
	KT_EQ(copyout(&v, (void *)UVA, sizeof(v)), 0);
	KT_EQ(*(uint32_t *)VM_PAGE_TO_DMAP(f.pg[0]), 7);
	KT_EQ(copyin((void *)(UVA + ptoa(1)), &v, sizeof(v)), 0);
	KT_EQ(copyout(&v, (void *)(UVA + ptoa(1)), sizeof(v)), EFAULT);
	KT_EQ(copyin((void *)(UVA + ptoa(2)), &v, sizeof(v)), EFAULT);
	/* reduce; a wider request does not give it back */
	pmap_protect(f.pm, UVA, UVA + ptoa(1), PROT_READ);
	KT_EQ(copyout(&v, (void *)UVA, sizeof(v)), EFAULT);
	pmap_protect(f.pm, UVA, UVA + ptoa(1), PROT_READ | PROT_WRITE);
	KT_EQ(copyout(&v, (void *)UVA, sizeof(v)), EFAULT);
	KT_EQ(copyin((void *)UVA, &v, sizeof(v)), 0);
	pmap_protect(f.pm, UVA, UVA + ptoa(1), PROT_NONE);
	KT_EQ(copyin((void *)UVA, &v, sizeof(v)), EFAULT);
	give_back(old);
	teardown(&f);
}

KTEST(pmap_exec_only_is_not_a_table)
{
	struct fixture f;
	vm_prot_t prot;

	setup(&f);
	KT_EQ(enter(&f, 0, 0, PROT_EXEC, 0), 0);
	KT_CHECK(pmap_probe(f.pm, UVA, &prot));
	KT_EQ(prot, PROT_EXEC);
	/* no right is left: the entry must go */
	pmap_protect(f.pm, UVA, UVA + ptoa(1), PROT_READ);
	KT_CHECK(!pmap_extract(f.pm, UVA, NULL));
	KT_EQ(pmap_resident_count(f.pm), 0);
	teardown(&f);
}

KTEST(pmap_modify_and_reference)
{
	struct fixture f;
	struct vmspace *old;
	uint32_t v = 1;

	setup(&f);
	pmap_clear_modify(f.pg[0]);
	pmap_clear_reference(f.pg[0]);
	KT_EQ(enter(&f, 0, 0, PROT_READ | PROT_WRITE, 0), 0);
	KT_CHECK(!pmap_is_modified(f.pg[0]));
	KT_CHECK(!pmap_is_referenced(f.pg[0]));
	old = borrow(f.vm);
	KT_EQ(copyin((void *)UVA, &v, sizeof(v)), 0);
	KT_CHECK(pmap_is_referenced(f.pg[0]));
	KT_CHECK(!pmap_is_modified(f.pg[0]));
	KT_CHECK(pmap_clear_reference(f.pg[0]));
	KT_CHECK(!pmap_clear_reference(f.pg[0]));
	KT_EQ(copyin((void *)UVA, &v, sizeof(v)), 0);
	KT_CHECK(pmap_is_referenced(f.pg[0]));
	KT_EQ(copyout(&v, (void *)UVA, sizeof(v)), 0);
	KT_CHECK(pmap_clear_modify(f.pg[0]));
	KT_CHECK(!pmap_clear_modify(f.pg[0]));
	KT_EQ(copyout(&v, (void *)UVA, sizeof(v)), 0);
	KT_CHECK(pmap_is_modified(f.pg[0]));
	give_back(old);
	/* they belong to the page: unmapping keeps them */
	pmap_remove(f.pm, UVA, UVA + ptoa(1));
	KT_CHECK(pmap_is_modified(f.pg[0]));
	KT_CHECK(pmap_is_referenced(f.pg[0]));
	KT_CHECK(pmap_clear_modify(f.pg[0]));
	teardown(&f);
}

/* The access that enters a page must not trap again. */
KTEST(pmap_enter_presets_access)
{
	struct fixture f;

	setup(&f);
	KT_EQ(enter(&f, 0, 0, PROT_READ | PROT_WRITE, PROT_WRITE), 0);
	KT_CHECK(pmap_is_modified(f.pg[0]) && pmap_is_referenced(f.pg[0]));
	KT_EQ(enter(&f, 1, 1, PROT_READ | PROT_WRITE, PROT_READ), 0);
	KT_CHECK(!pmap_is_modified(f.pg[1]) && pmap_is_referenced(f.pg[1]));
	/* entering again keeps what is known */
	KT_EQ(enter(&f, 0, 0, PROT_READ, 0), 0);
	KT_CHECK(pmap_is_modified(f.pg[0]) && pmap_is_referenced(f.pg[0]));
	teardown(&f);
}

KTEST(pmap_page_protect_all_mappings)
{
	struct fixture a, b;
	vm_prot_t prot;
	long pv = pmap_pv_count();

	setup(&a);
	setup(&b);
	for (int i = 0; i < 3; i++) {
		KT_EQ(enter(&a, i, 0, PROT_READ | PROT_WRITE, 0), 0);
		KT_EQ(pmap_enter(b.pm, UVA + ptoa(i), VM_PAGE_TO_PHYS(a.pg[0]),
			  PROT_READ | PROT_WRITE, 0),
		    0);
	}
	KT_EQ(pmap_pv_count() - pv, 6);
	pmap_page_protect(a.pg[0], PROT_READ);
	for (int i = 0; i < 3; i++) {
		KT_CHECK(pmap_probe(a.pm, UVA + ptoa(i), &prot) &&
		    prot == PROT_READ);
		KT_CHECK(pmap_probe(b.pm, UVA + ptoa(i), &prot) &&
		    prot == PROT_READ);
	}
	pmap_remove(a.pm, UVA, UVA + ptoa(1)); /* the inline entry's owner */
	pmap_page_protect(a.pg[0], PROT_NONE);
	KT_EQ(pmap_resident_count(a.pm), 0);
	KT_EQ(pmap_resident_count(b.pm), 0);
	KT_EQ(pmap_pv_count(), pv);
	teardown(&b);
	teardown(&a);
}

KTEST(pmap_kenter_is_unmanaged)
{
	struct fixture f;
	vaddr_t va =
	    uvm_km_kmemalloc(kernel_map, NULL, PAGE_SIZE, UVM_KMF_VALLOC);

	setup(&f);
	KT_REQUIRE(va != 0);
	pmap_kenter_pa(va, VM_PAGE_TO_PHYS(f.pg[0]), PROT_READ | PROT_WRITE);
	pmap_update(pmap_kernel());
	*(volatile uint32_t *)va = 0x1234;
	KT_EQ(*(uint32_t *)VM_PAGE_TO_DMAP(f.pg[0]), 0x1234);
	pmap_page_protect(f.pg[0], PROT_NONE);
	KT_CHECK(pmap_extract(pmap_kernel(), va, NULL));
	pmap_kremove(va, PAGE_SIZE);
	KT_CHECK(!pmap_extract(pmap_kernel(), va, NULL));
	KT_EQ(kcopy_nofault((void *)va, &(uint32_t){ 0 }, 4), EFAULT);
	uvm_km_free(kernel_map, va, PAGE_SIZE);
	teardown(&f);
}

KTEST(pmap_whole_tables_are_freed)
{
	struct fixture f;
	long before;

	setup(&f);
	KT_EQ(enter(&f, 0, 0, PROT_READ, 0), 0);
	pmap_remove(f.pm, UVA, UVA + ptoa(1));
	kt_settle();
	before = uvm_free_count();
	/* another 2 MiB: one more table, gone with the range or by collect */
	KT_EQ(pmap_enter(f.pm, UVA + (2UL << 20), VM_PAGE_TO_PHYS(f.pg[0]),
		  PROT_READ, 0),
	    0);
	kt_settle();
	KT_EQ(uvm_free_count(), before - 1);
	pmap_remove(f.pm, UVA + (2UL << 20), UVA + (4UL << 20));
	kt_settle();
	KT_EQ(uvm_free_count(), before);
	KT_EQ(pmap_enter(f.pm, UVA + (2UL << 20), VM_PAGE_TO_PHYS(f.pg[0]),
		  PROT_READ, 0),
	    0);
	pmap_remove(f.pm, UVA + (2UL << 20), UVA + (2UL << 20) + PAGE_SIZE);
	pmap_collect(f.pm);
	kt_settle();
	KT_CHECK(uvm_free_count() >= before);
	teardown(&f);
}

/* Random operations against a plain model of one address space. */
KTEST(pmap_random_against_model)
{
	enum { SLOTS = 24 };
	struct {
		int page;
		vm_prot_t prot;
	} model[SLOTS];
	struct fixture f;
	vm_prot_t prot;
	paddr_t pa;

	setup(&f);
	for (int i = 0; i < SLOTS; i++)
		model[i].page = -1;
	for (int step = 0; step < 4000; step++) {
		uint64_t r = kt_random();
		int s = r % SLOTS, n = 1 + (r >> 8) % 5, page = (r >> 16) % NPG;
		vaddr_t va = UVA + ptoa(s);

		n = MIN(n, SLOTS - s);
		prot = PROT_READ | ((r >> 24) & PROT_WRITE);
		switch ((r >> 32) % 5) {
		case 0:
		case 1:
			KT_EQ(enter(&f, s, page, prot, 0), 0);
			model[s].page = page;
			model[s].prot = prot;
			break;
		case 2:
			pmap_remove(f.pm, va, va + ptoa(n));
			for (int i = s; i < s + n; i++)
				model[i].page = -1;
			break;
		case 3:
			pmap_protect(f.pm, va, va + ptoa(n), PROT_READ);
			for (int i = s; i < s + n; i++)
				model[i].prot &= PROT_READ;
			break;
		case 4:
			pmap_page_protect(
			    f.pg[page], (r >> 40) & 1 ? PROT_READ : PROT_NONE);
			for (int i = 0; i < SLOTS; i++)
				if (model[i].page == page) {
					model[i].prot &= PROT_READ;
					if (!((r >> 40) & 1))
						model[i].page = -1;
				}
			break;
		}
		for (int i = 0; i < SLOTS; i++) {
			va = UVA + ptoa(i);
			if (model[i].page < 0) {
				KT_CHECK(!pmap_extract(f.pm, va, NULL));
				continue;
			}
			KT_CHECK(pmap_extract(f.pm, va, &pa) &&
			    pa == VM_PAGE_TO_PHYS(f.pg[model[i].page]));
			KT_CHECK(pmap_probe(f.pm, va, &prot) &&
			    prot == model[i].prot);
		}
	}
	teardown(&f);
}

/* -- Several harts ------------------------------------------------------------------ */

static struct {
	struct fixture f;
	struct kt_barrier barrier;
	volatile uint32_t stop; /* [a] */
	volatile uint32_t revoked; /* [a] round that took it away; 0: granted */
	volatile uint32_t stale; /* [a] writes that came through after revoke */
} race;

/* Keeps writing through the mapping until it is revoked. */
static void
race_writer(void *arg)
{
	struct vmspace *old = borrow(race.f.vm);
	uint32_t v = 0;

	kt_barrier_wait(&race.barrier);
	while (!atomic_load_acq(&race.stop)) {
		uint32_t revoked = atomic_load_acq(&race.revoked);
		int error;

		v++;
		error = copyout(&v, (void *)UVA, sizeof(v));
		membar_sync();
		/* revoked before and still the same round: must have failed */
		if (error == 0 && revoked != 0 &&
		    atomic_load_acq(&race.revoked) == revoked)
			atomic_add(&race.stale, 1);
	}
	give_back(old);
}

/* After pmap_protect returns, no hart writes through an old translation. */
KTEST(pmap_shootdown_reaches_every_hart)
{
	struct kt_thread *t[MAXCPUS];

	if (ncpus < 2) {
		kt_skip("needs two harts");
		return;
	}
	memset(&race, 0, sizeof(race));
	setup(&race.f);
	kt_barrier_init(&race.barrier, ncpus);
	kt_pin(0);
	for (u_int i = 1; i < ncpus; i++)
		t[i] = kt_spawn(race_writer, NULL, 1UL << i);
	kt_barrier_wait(&race.barrier);
	for (int round = 0; round < 200; round++) {
		atomic_store_rel(&race.revoked, 0);
		membar_sync();
		KT_EQ(enter(&race.f, 0, 0, PROT_READ | PROT_WRITE, PROT_WRITE),
		    0);
		for (volatile int spin = 0; spin < 2000; spin++)
			continue;
		if (round & 1)
			pmap_page_protect(race.f.pg[0], PROT_READ);
		else
			pmap_remove(race.f.pm, UVA, UVA + PAGE_SIZE);
		atomic_store_rel(&race.revoked, round + 1);
		for (volatile int spin = 0; spin < 2000; spin++)
			continue;
	}
	atomic_store_rel(&race.stop, 1);
	for (u_int i = 1; i < ncpus; i++)
		kt_join(t[i]);
	kt_unpin();
	KT_EQ(race.stale, 0);
	teardown(&race.f);
}

static void
race_enter_remove(void *arg)
{
	int me = *(int *)arg;
	uint64_t seed = kt_seed() + me;

	kt_barrier_wait(&race.barrier);
	for (int i = 0; i < 3000; i++) {
		uint64_t r = kt_random_r(&seed);
		int page = (r >> 8) % NPG;

		switch (r % 4) {
		case 0:
			(void)enter(&race.f, me * 4 + (r >> 16) % 4, page,
			    PROT_READ | PROT_WRITE, PMAP_CANFAIL);
			break;
		case 1:
			pmap_remove(race.f.pm, UVA + ptoa(me * 4),
			    UVA + ptoa(me * 4 + 4));
			break;
		case 2:
			pmap_clear_modify(race.f.pg[page]);
			break;
		case 3:
			pmap_page_protect(race.f.pg[page], PROT_NONE);
			break;
		}
	}
}

/* pv lists stay whole under operations from both sides on all harts. */
KTEST(pmap_pv_race)
{
	int me[MAXCPUS];

	memset(&race, 0, sizeof(race));
	setup(&race.f);
	kt_barrier_init(&race.barrier, MAX(ncpus, 2));
	for (u_int i = 0; i < nitems(me); i++)
		me[i] = i;
	kt_parallel(MAX(ncpus, 2), race_enter_remove, me, sizeof(me[0]));
	pmap_remove(race.f.pm, UVA, UVA + ptoa(4 * MAXCPUS));
	KT_EQ(pmap_resident_count(race.f.pm), 0);
	for (int i = 0; i < NPG; i++)
		KT_CHECK(race.f.pg[i]->mdpage.md_pv.pv_pmap == NULL);
	teardown(&race.f);
}
