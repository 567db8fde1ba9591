/*
 * Faults on several harts in one address space: on the same pages and on
 * different ones, with forks, unmaps and protection changes going on.
 *
 * Threads have kernel stacks, so only anons are counted, not pages; what is
 * left of pages in the end the framework compares.
 */
#include "kt_fault.h"

#define NPAGE 256
#define NTHR  4

static struct vmspace *race_vm;
static struct kt_barrier race_barrier;
static volatile uint32_t race_stop;

struct racer {
	int index; /* [I] */
	uint64_t random; /* [thread] */
	int faults; /* [thread] */
};

static void
racers_start(struct racer *r, int n)
{
	int i;

	race_stop = 0;
	kt_barrier_init(&race_barrier, (uint32_t)n);
	for (i = 0; i < n; i++) {
		r[i].index = i;
		r[i].random = kt_random();
		r[i].faults = 0;
	}
}

/* One thread per hart, so that they meet; at least two. */
static int
race_width(void)
{
	return MIN(NTHR, MAX(2, (int)ncpus));
}

/* Everybody writes a word of his own into every page. */
static void
same_pages(void *arg)
{
	struct racer *r = arg;
	volatile uint64_t *p;
	struct vm_page *pg;
	int i;

	for (i = 0; i < NPAGE; i++) {
		if (i % 8 == 0)
			kt_barrier_wait(&race_barrier); /* at the same time */
		KT_EQ(ktf_fault(race_vm, i, PROT_WRITE), 0);
		pg = ktf_page(race_vm, KTF_VA(i));
		KT_REQUIRE(pg != NULL);
		p = (volatile uint64_t *)VM_PAGE_TO_DMAP(pg);
		p[r->index] = (uint64_t)(i * NTHR + r->index);
	}
}

/* A page is made once, whoever comes first, and nobody's word is lost. */
KTEST(fault_race_same)
{
	struct racer r[NTHR];
	struct uvmexp s;
	int round, i, j, n = race_width();

	for (round = 0; round < 4; round++) {
		KT_SNAP(&s);
		race_vm = ktf_space();
		ktf_map_anon(
		    race_vm, NPAGE, round % 2 ? MADV_NORMAL : MADV_RANDOM);
		racers_start(r, n);
		kt_parallel(n, same_pages, r, sizeof(r[0]));
		KT_EQ(KT_DELTA(&s, nfreeanon), -NPAGE);
		KT_EQ(KT_DELTA(&s, flt_przero), NPAGE);
		for (i = 0; i < NPAGE; i++)
			for (j = 0; j < n; j++)
				KT_EQ(((volatile uint64_t *)VM_PAGE_TO_DMAP(
					  ktf_page(race_vm, KTF_VA(i))))[j],
				    i * NTHR + j);
		uvmspace_free(race_vm);
	}
}

/* Every second one of them reads first. */
static void
same_shared_pages(void *arg)
{
	struct racer *r = arg;
	vm_prot_t access = r->index % 2 != 0 ? PROT_READ : PROT_WRITE;
	volatile uint64_t *p;
	struct vm_page *pg;

	for (int i = 0; i < NPAGE; i++) {
		kt_barrier_wait(&race_barrier);
		KT_EQ(ktf_fault(race_vm, i, access), 0);
		pg = ktf_page(race_vm, KTF_VA(i));
		KT_REQUIRE(pg != NULL);
		p = (volatile uint64_t *)VM_PAGE_TO_DMAP(pg);
		p[r->index] = (uint64_t)(i * NTHR + r->index);
	}
}

/* Memory shared with another process: who reads makes pages as well. */
KTEST(fault_race_shared)
{
	struct vmspace *parent = ktf_space();
	int i, j, n = race_width();
	struct racer r[NTHR];
	struct uvmexp s;

	KT_SNAP(&s);
	ktf_map_anon(parent, NPAGE, MADV_RANDOM);
	KT_EQ(uvm_map_inherit(
		  &parent->vm_map, KTF_VA(0), KTF_VA(NPAGE), MAP_INHERIT_SHARE),
	    0);
	race_vm = uvmspace_fork_vm(parent);
	racers_start(r, n);
	kt_parallel(n, same_shared_pages, r, sizeof(r[0]));
	KT_EQ(KT_DELTA(&s, nfreeanon), -NPAGE);
	for (i = 0; i < NPAGE; i++)
		for (j = 0; j < n; j++)
			KT_EQ(((volatile uint64_t *)VM_PAGE_TO_DMAP(
				  ktf_page(race_vm, KTF_VA(i))))[j],
			    i * NTHR + j);
	uvmspace_free(parent);
	uvmspace_free(race_vm);
}

/* The same with pages that must be copied. */
KTEST(fault_race_cow)
{
	struct racer r[NTHR];
	struct vmspace *parent;
	struct uvmexp s;
	int round, i, j, n = race_width();

	for (round = 0; round < 4; round++) {
		parent = ktf_space();
		ktf_map_anon(parent, NPAGE, MADV_RANDOM);
		for (i = 0; i < NPAGE; i++)
			ktf_write(parent, i, 0xabc);
		race_vm = uvmspace_fork_vm(parent);
		racers_start(r, n);
		KT_SNAP(&s);
		kt_parallel(n, same_pages, r, sizeof(r[0]));
		KT_EQ(KT_DELTA(&s, nfreeanon), -NPAGE);
		KT_EQ(KT_DELTA(&s, flt_acow), NPAGE);
		for (i = 0; i < NPAGE; i++) {
			KT_EQ(ktf_read(parent, i), 0xabc);
			for (j = 0; j < n; j++)
				KT_EQ(((volatile uint64_t *)VM_PAGE_TO_DMAP(
					  ktf_page(race_vm, KTF_VA(i))))[j],
				    i * NTHR + j);
		}
		uvmspace_free(parent);
		uvmspace_free(race_vm);
	}
}

/* Faults at random until told to stop; unmapped and protected is all right. */
static void
any_pages(struct racer *r)
{
	vm_prot_t access;
	int i, error;

	while (!atomic_load(&race_stop)) {
		i = kt_random_r(&r->random) % NPAGE;
		access = kt_random_r(&r->random) % 2 ? PROT_WRITE : PROT_READ;
		error = ktf_fault(race_vm, i, access);
		KT_CHECK(error == 0 || error == EFAULT || error == EACCES);
		if (++r->faults % 32 == 0)
			yield(); /* there may be but one hart */
	}
}

/* One thread changes what the others fault in. */
static void
map_changer(struct racer *r)
{
	struct vmspace *child = NULL;
	vaddr_t va;
	int step, i, n;

	for (step = 0; step < 600; step++) {
		i = kt_random_r(&r->random) % NPAGE;
		n = 1 + kt_random_r(&r->random) % MIN(32, NPAGE - i);
		switch (kt_random_r(&r->random) % 6) {
		case 0:
		case 1:
			if (child != NULL)
				uvmspace_free(child);
			child = uvmspace_fork_vm(race_vm);
			break;
		case 2:
			KT_EQ(uvm_map_protect(&race_vm->vm_map, KTF_VA(i),
				  KTF_VA(i + n), PROT_READ, FALSE),
			    0);
			break;
		case 3:
			KT_EQ(uvm_map_protect(&race_vm->vm_map, KTF_VA(i),
				  KTF_VA(i + n), PROT_READ | PROT_WRITE, FALSE),
			    0);
			break;
		case 4:
			uvm_unmap(&race_vm->vm_map, KTF_VA(i), KTF_VA(i + n));
			va = KTF_VA(i);
			KT_EQ(uvm_map(&race_vm->vm_map, &va, ptoa(n), NULL,
				  UVM_UNKNOWN_OFFSET, 0,
				  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX,
				      UVM_INH_COPY, UVM_ADV_NORMAL,
				      UVM_FLAG_FIXED | UVM_FLAG_COPYONW)),
			    0);
			break;
		default:
			if (child != NULL)
				(void)ktf_fault(child, i, PROT_WRITE);
		}
		if (step % 4 == 0)
			yield();
	}
	if (child != NULL)
		uvmspace_free(child);
	atomic_store(&race_stop, 1);
}

static void
fault_or_change(void *arg)
{
	struct racer *r = arg;

	kt_barrier_wait(&race_barrier);
	if (r->index == 0)
		map_changer(r);
	else
		any_pages(r);
}

KTEST(fault_race_changes)
{
	struct racer r[NTHR];
	struct uvmexp s;
	int round;

	KT_SNAP(&s);
	for (round = 0; round < 5; round++) {
		race_vm = ktf_space();
		ktf_map_anon(race_vm, NPAGE, MADV_NORMAL);
		racers_start(r, NTHR);
		kt_parallel(NTHR, fault_or_change, r, sizeof(r[0]));
		uvm_map_audit(&race_vm->vm_map);
		uvmspace_free(race_vm);
		KT_EQ(KT_DELTA(&s, nfreeanon), 0);
	}
}

/* Wiring and unwiring while others fault. */
static void
wire_or_fault(void *arg)
{
	struct racer *r = arg;
	int step, i, n;

	kt_barrier_wait(&race_barrier);
	if (r->index != 0) {
		any_pages(r);
		return;
	}
	for (step = 0; step < 100; step++) {
		i = kt_random_r(&r->random) % NPAGE;
		n = 1 + kt_random_r(&r->random) % MIN(16, NPAGE - i);
		KT_EQ(uvm_map_pageable(
			  &race_vm->vm_map, KTF_VA(i), KTF_VA(i + n), FALSE, 0),
		    0);
		KT_EQ(uvm_map_pageable(
			  &race_vm->vm_map, KTF_VA(i), KTF_VA(i + n), TRUE, 0),
		    0);
		yield();
	}
	atomic_store(&race_stop, 1);
}

KTEST(fault_race_wire)
{
	struct racer r[NTHR];
	struct uvmexp s;

	KT_SNAP(&s);
	race_vm = ktf_space();
	ktf_map_anon(race_vm, NPAGE, MADV_NORMAL);
	racers_start(r, NTHR);
	kt_parallel(NTHR, wire_or_fault, r, sizeof(r[0]));
	uvmspace_free(race_vm);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
}

/* An aobj that several spaces map, and copy. */
static struct uvm_object *race_obj;

static void
object_pages(void *arg)
{
	struct racer *r = arg;
	struct vmspace *vm = ktf_space();
	int i;

	uao_reference(race_obj);
	ktf_map_obj(vm, KTF_BASE, race_obj, NPAGE, r->index % 2,
	    r->index < 2 ? MADV_NORMAL : MADV_SEQUENTIAL);
	kt_barrier_wait(&race_barrier);
	for (i = 0; i < NPAGE; i++) {
		if (r->index % 2)
			ktf_write(vm, i, 1000 + i);
		else
			(void)ktf_read(vm, i);
	}
	for (i = 0; i < NPAGE; i++)
		KT_EQ(ktf_read(vm, i), r->index % 2 ? 1000 + i : 0);
	uvmspace_free(vm);
}

KTEST(fault_race_object)
{
	struct racer r[NTHR];
	struct uvmexp s;
	int round;

	KT_SNAP(&s);
	for (round = 0; round < 5; round++) {
		race_obj = uao_create(ptoa(NPAGE), 0);
		racers_start(r, NTHR);
		kt_parallel(NTHR, object_pages, r, sizeof(r[0]));
		uao_detach(race_obj);
	}
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
}
