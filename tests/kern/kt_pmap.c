/*
 * What the Sv39 pmap promises beyond pmap(9), which tests/conform is about.
 */
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

static struct {
	struct fixture f;
	struct kt_barrier barrier;
} race;

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

/*
 * pv lists stay whole under operations from both sides on all harts, even if
 * nobody holds the owner's lock.
 */
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
