/* T-loan: page loanout (UVM-API.md 7.1). */
#include "kt_fault.h"
#include <uvm/uvm_loan.h>

#define WORD(pg) (*(volatile uint64_t *)VM_PAGE_TO_DMAP(pg))

/* => 4 private anonymous pages that hold 100 to 103 */
static struct vmspace *
loan_space(void)
{
	struct vmspace *vm = ktf_space();
	int i;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	for (i = 0; i < 4; i++)
		ktf_write(vm, i, 100 + i);
	return vm;
}

static int
loan_pages(struct vmspace *vm, int n, struct vm_page **pgs)
{
	return uvm_loan(
	    &vm->vm_map, KTF_BASE, ptoa(n), (void **)pgs, UVM_LOAN_TOPAGE);
}

/* T-loan-1 */
KTEST(loan_1)
{
	struct vmspace *vm = loan_space();
	struct vm_page *pgs[4];
	struct uvmexp s;
	int i;

	KT_SNAP(&s);
	KT_REQUIRE(loan_pages(vm, 4, pgs) == 0);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(KT_DELTA(&s, wired), 4);
	for (i = 0; i < 4; i++) {
		KT_CHECK(ktf_page(vm, KTF_VA(i)) == pgs[i]);
		KT_EQ(pgs[i]->loan_count, 1);
		KT_EQ(ktf_prot(vm, i), PROT_READ);
		KT_EQ(ktf_read(vm, i), 100 + i);
	}
	uvm_unloan(pgs, 4, UVM_LOAN_TOPAGE);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, active), 0);
	uvmspace_free(vm);
}

/* T-loan-2: the owner writes: the lender's page stays as it was. */
KTEST(loan_2)
{
	struct vmspace *vm = loan_space();
	struct vm_page *pgs[4];
	struct uvmexp s;

	KT_REQUIRE(loan_pages(vm, 4, pgs) == 0);
	KT_SNAP(&s);
	ktf_write(vm, 2, 7);
	KT_EQ(KT_DELTA(&s, free), -1);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(WORD(pgs[2]), 102);
	KT_CHECK(ktf_page(vm, KTF_VA(2)) != pgs[2]);
	uvm_unloan(pgs, 4, UVM_LOAN_TOPAGE);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(ktf_read(vm, 2), 7);
	ktf_write(vm, 1, 8); /* no longer lent: in place */
	KT_CHECK(ktf_page(vm, KTF_VA(1)) == pgs[1]);
	uvmspace_free(vm);
}

/* T-loan-3: the owner goes: the pages stay until the loan ends. */
KTEST(loan_3)
{
	struct vmspace *vm = loan_space();
	struct vm_page *pgs[4];
	struct uvmexp s;
	int i;

	KT_REQUIRE(loan_pages(vm, 4, pgs) == 0);
	KT_SNAP(&s);
	uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(4));
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(KT_DELTA(&s, anonpages), -4);
	KT_EQ(KT_DELTA(&s, wired), 0);
	for (i = 0; i < 4; i++)
		KT_EQ(WORD(pgs[i]), 100 + i);
	uvm_unloan(pgs, 4, UVM_LOAN_TOPAGE);
	KT_EQ(KT_DELTA(&s, free), 4);
	KT_EQ(KT_DELTA(&s, wired), -4);
	uvmspace_free(vm);
}

/* => anon enters vm's amap at page i, as a borrower would map it */
static void
borrow(struct vmspace *vm, int i, struct vm_anon *anon)
{
	struct vm_map_entry *entry = ktf_entry(vm, i);

	amap_lock_write(entry->aref.ar_amap);
	KT_EQ(amap_add(&entry->aref, KTF_VA(i) - entry->start, anon, false), 0);
	amap_unlock(entry->aref.ar_amap);
}

/* T-loan-4: an object's pages in another map; a write parts them. */
KTEST(loan_4)
{
	struct uvm_object *uobj = uao_create(ptoa(4), 0);
	struct vmspace *owner = ktf_space(), *vm = ktf_space();
	struct vm_anon *anons[4];
	struct uvmexp s;
	int i;

	ktf_map_obj(owner, KTF_BASE, uobj, 4, false, MADV_RANDOM);
	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktf_write(vm, 7, 1); /* it has an amap */
	for (i = 0; i < 4; i++)
		ktf_write(owner, i, 200 + i);
	KT_SNAP(&s);
	KT_REQUIRE(uvm_loan(&owner->vm_map, KTF_BASE, ptoa(4), (void **)anons,
		       UVM_LOAN_TOANON) == 0);
	KT_EQ(KT_DELTA(&s, free), 0);
	for (i = 0; i < 3; i++)
		borrow(vm, i, anons[i]);
	uvm_unloananon(&anons[3], 1);
	for (i = 0; i < 3; i++) {
		KT_EQ(ktf_read(vm, i), 200 + i);
		KT_EQ(ktf_page(vm, KTF_VA(i)), ktf_page(owner, KTF_VA(i)));
	}
	ktf_write(owner, 0, 300);
	KT_EQ(ktf_read(vm, 0), 200);
	ktf_write(vm, 1, 301);
	KT_EQ(ktf_read(owner, 1), 201);
	KT_EQ(ktf_read(vm, 1), 301);
	/* The lender goes, page 2 is still borrowed. */
	uvmspace_free(owner);
	KT_EQ(ktf_read(vm, 2), 202);
	ktf_write(vm, 2, 302);
	KT_EQ(ktf_read(vm, 2), 302);
	uvmspace_free(vm);
}

/* An anon lent as an anon outlives its amap and its family. */
KTEST(loan_anon)
{
	struct vmspace *vm = loan_space();
	struct vm_anon *anons[4];
	struct vm_page *pg;
	struct uvmexp s;

	KT_SNAP(&s);
	KT_REQUIRE(uvm_loan(&vm->vm_map, KTF_BASE, ptoa(4), (void **)anons,
		       UVM_LOAN_TOANON) == 0);
	pg = anons[1]->an_page;
	KT_CHECK(ktf_page(vm, KTF_VA(1)) == pg);
	ktf_write(vm, 1, 9);
	KT_EQ(KT_DELTA(&s, flt_acow), 1);
	KT_EQ(WORD(pg), 101);
	uvmspace_free(vm);
	KT_EQ(WORD(pg), 101);
	uvm_unloan(anons, 4, UVM_LOAN_TOANON);
	KT_EQ(KT_DELTA(&s, anonpages), -4);
	KT_EQ(KT_DELTA(&s, nfreeanon), 4);
}

/* Memory that was never touched, or only read, is lent like any other. */
KTEST(loan_untouched)
{
	struct vmspace *vm = ktf_space();
	struct vm_page *pgs[3];
	struct uvmexp s;

	ktf_map_anon(vm, 3, MADV_RANDOM);
	KT_EQ(ktf_read(vm, 1), 0);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(2), KTF_VA(3), PROT_READ, FALSE),
	    0);
	KT_SNAP(&s);
	KT_REQUIRE(loan_pages(vm, 3, pgs) == 0);
	KT_EQ(KT_DELTA(&s, wired), 3);
	KT_EQ(WORD(pgs[1]), 0);
	ktf_write(vm, 1, 5);
	KT_EQ(WORD(pgs[1]), 0);
	KT_EQ(ktf_read(vm, 2), 0);
	uvm_unloan(pgs, 3, UVM_LOAN_TOPAGE);
	uvmspace_free(vm);
}

KTEST(loan_errors)
{
	struct vmspace *vm = loan_space();
	struct vm_page *pgs[8];
	struct uvmexp s;

	KT_SNAP(&s);
	KT_EQ(uvm_loan(&vm->vm_map, KTF_BASE, PAGE_SIZE, (void **)pgs, 0),
	    EINVAL);
	KT_EQ(uvm_loan(&vm->vm_map, KTF_BASE, PAGE_SIZE, (void **)pgs,
		  UVM_LOAN_TOANON | UVM_LOAN_TOPAGE),
	    EINVAL);
	KT_EQ(
	    uvm_loan(&vm->vm_map, KTF_BASE, 100, (void **)pgs, UVM_LOAN_TOPAGE),
	    EINVAL);
	KT_EQ(loan_pages(vm, 5, pgs), EFAULT);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(1), KTF_VA(2), PROT_NONE, FALSE),
	    0);
	KT_EQ(loan_pages(vm, 4, pgs), EACCES);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, free), 0);
	uvmspace_free(vm);
}

static void
unloan_twice(void *arg)
{
	uvm_unloanpage(arg, 1);
}

KTEST(loan_panic)
{
	struct vmspace *vm = loan_space();
	struct vm_page *pg;

	KT_REQUIRE(loan_pages(vm, 1, &pg) == 0);
	uvm_unloanpage(&pg, 1);
	KT_PANICS(unloan_twice, &pg, "not on loan");
	uvmspace_free(vm);
}

/* T-loan-5: loans, ends of loans, writes, forks and unmaps at random. */
#define NLOAN 32
#define NPAGE 16

static void
loan_remap(struct vmspace *vm, int i)
{
	vaddr_t va = KTF_VA(i);

	uvm_unmap(&vm->vm_map, va, va + PAGE_SIZE);
	KT_EQ(uvm_map(&vm->vm_map, &va, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY,
		      MADV_RANDOM, UVM_FLAG_FIXED | UVM_FLAG_COPYONW)),
	    0);
}

KTEST(loan_5)
{
	struct vmspace *vm = ktf_space(), *child = NULL;
	struct vm_page *pgs[NLOAN] = { NULL };
	uint64_t words[NLOAN];
	struct uvmexp s;
	int step, i, n;

	KT_SNAP(&s);
	ktf_map_anon(vm, NPAGE, MADV_RANDOM);
	for (step = 0; step < 2000; step++) {
		i = kt_random() % NPAGE;
		n = kt_random() % NLOAN;
		switch (kt_random() % 8) {
		case 0:
			loan_remap(vm, i);
			break;
		case 1:
			if (child != NULL)
				uvmspace_free(child);
			child = step % 2 ? uvmspace_fork_vm(vm) : NULL;
			break;
		case 2:
		case 3:
			ktf_write(vm, i, (uint64_t)step);
			break;
		default:
			if (pgs[n] != NULL) {
				KT_EQ(WORD(pgs[n]), words[n]);
				uvm_unloanpage(&pgs[n], 1);
				pgs[n] = NULL;
			} else {
				KT_EQ(
				    uvm_loan(&vm->vm_map, KTF_VA(i), PAGE_SIZE,
					(void **)&pgs[n], UVM_LOAN_TOPAGE),
				    0);
				words[n] = WORD(pgs[n]);
			}
		}
	}
	for (n = 0; n < NLOAN; n++)
		if (pgs[n] != NULL)
			uvm_unloanpage(&pgs[n], 1);
	if (child != NULL)
		uvmspace_free(child);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
}

/*
 * Loans end while owners give the pages up by writing and unmapping, and a
 * third thread looks as the page daemon does: a page on a queue has an owner.
 */
#define RACE_STEPS 400

static struct loan_race {
	struct vmspace *lr_vm; /* [I] */
	volatile int lr_left; /* [a] threads that still lend or write */
	volatile int lr_lost; /* [a] pages seen without an owner */
} race;

static void
race_lend(void *arg)
{
	uint64_t state = kt_seed() + 1;
	struct vm_page *pg;

	for (int i = 0; i < RACE_STEPS; i++) {
		vaddr_t va = KTF_VA(kt_random_r(&state) % 4);

		if (uvm_loan(&race.lr_vm->vm_map, va, PAGE_SIZE, (void **)&pg,
			UVM_LOAN_TOPAGE) == 0)
			uvm_unloanpage(&pg, 1);
	}
	atomic_add(&race.lr_left, -1);
}

static void
race_write(void *arg)
{
	uint64_t state = kt_seed() + 2;

	for (int i = 0; i < RACE_STEPS; i++) {
		int n = kt_random_r(&state) % 4;

		if (kt_random_r(&state) % 2 == 0)
			loan_remap(race.lr_vm, n);
		else
			KT_EQ(uvm_fault(&race.lr_vm->vm_map, KTF_VA(n),
				  VM_FAULT_INVALID, PROT_READ | PROT_WRITE),
			    0);
	}
	atomic_add(&race.lr_left, -1);
}

static int
ownerless(struct pglist *queue)
{
	struct vm_page *pg;
	int n = 0;

	mtx_enter(&uvm.pageqlock);
	TAILQ_FOREACH (pg, queue, pageq)
		n += pg->uobject == NULL && pg->uanon == NULL;
	mtx_leave(&uvm.pageqlock);
	return n;
}

static void
race_look(void *arg)
{
	while (atomic_load(&race.lr_left) > 0) {
		atomic_add(&race.lr_lost, ownerless(&uvm.page_active));
		atomic_add(&race.lr_lost, ownerless(&uvm.page_inactive));
		yield();
	}
}

KTEST(loan_race)
{
	struct kt_thread *t[3];
	struct uvmexp s;

	KT_SNAP(&s);
	race = (struct loan_race){ .lr_vm = loan_space(), .lr_left = 2 };
	t[0] = kt_spawn(race_lend, NULL, 0);
	t[1] = kt_spawn(race_write, NULL, 0);
	t[2] = kt_spawn(race_look, NULL, 0);
	for (int i = 0; i < 3; i++)
		kt_join(t[i]);
	KT_EQ(race.lr_lost, 0);
	uvmspace_free(race.lr_vm);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
}

/* => an object's page in owner and, borrowed, at page 0 of the result */
static struct vmspace *
borrowed_space(struct vmspace *owner)
{
	struct vmspace *vm = ktf_space();
	struct vm_anon *anon;

	ktf_map_obj(
	    owner, KTF_BASE, uao_create(PAGE_SIZE, 0), 1, false, MADV_RANDOM);
	ktf_write(owner, 0, 70);
	ktf_map_anon(vm, 2, MADV_RANDOM);
	ktf_write(vm, 1, 1); /* it has an amap */
	KT_EQ(uvm_loan(&owner->vm_map, KTF_BASE, PAGE_SIZE, (void **)&anon,
		  UVM_LOAN_TOANON),
	    0);
	borrow(vm, 0, anon);
	KT_EQ(ktf_read(vm, 0), 70);
	return vm;
}

/* A borrowed page is wired by its owner only: the borrower gets a copy. */
KTEST(loan_wire_borrowed)
{
	struct vmspace *owner = ktf_space(), *vm = borrowed_space(owner);
	struct vm_page *pg = ktf_page(owner, KTF_VA(0));
	struct uvmexp s;

	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(1), PROT_READ, FALSE),
	    0);
	KT_SNAP(&s);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), KTF_VA(1), FALSE, 0), 0);
	KT_EQ(pg->wire_count, 0);
	KT_EQ(pg->loan_count, 0);
	KT_CHECK(ktf_page(vm, KTF_VA(0)) != pg);
	KT_EQ(KT_DELTA(&s, wired), 1);
	KT_EQ(ktf_read(vm, 0), 70);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvmspace_free(owner);
}

/* The borrower goes, or makes a copy: what the owner has wired stays wired. */
KTEST(loan_owner_wired)
{
	struct vmspace *owner = ktf_space(), *vm = borrowed_space(owner);
	struct vm_page *pg = ktf_page(owner, KTF_VA(0));
	struct vm_anon *anon;
	struct uvmexp s;

	KT_SNAP(&s);
	KT_EQ(uvm_map_protect(
		  &owner->vm_map, KTF_VA(0), KTF_VA(1), PROT_READ, FALSE),
	    0);
	KT_EQ(uvm_map_pageable(&owner->vm_map, KTF_VA(0), KTF_VA(1), FALSE, 0),
	    0);
	KT_EQ(pg->wire_count, 1);
	KT_EQ(uvm_loan(&owner->vm_map, KTF_BASE, PAGE_SIZE, (void **)&anon,
		  UVM_LOAN_TOANON),
	    0);
	uvm_unloananon(&anon, 1);
	KT_CHECK(ktf_page(owner, KTF_VA(0)) == pg);
	ktf_write(vm, 0, 71);
	KT_EQ(pg->loan_count, 0);
	KT_EQ(ktf_read(owner, 0), 70);
	KT_EQ(pg->wire_count, 1);
	KT_EQ(
	    uvm_map_pageable(&owner->vm_map, KTF_VA(0), KTF_VA(1), TRUE, 0), 0);
	KT_EQ(pg->wire_count, 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvmspace_free(vm);
	uvmspace_free(owner);
}
