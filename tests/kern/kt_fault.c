/*
 * T-uvm_fault: every row of the case table and its counters (UVM-API.md 1.4
 * and 3.6), as far as they need neither swap nor files.
 */
#include "kt_fault.h"

/* T-uvm_fault-1 */
KTEST(uvm_fault_1_zero)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), 0);
	KTF_EXPECT(&s, .faults = 1, .fltamcopy = 1, .flt_przero = 1);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 1, PROT_WRITE), 0);
	KTF_EXPECT(&s, .faults = 1, .flt_przero = 1);
	KT_EQ(KT_DELTA(&s, anonpages), 1);
	KT_EQ(KT_DELTA(&s, nfreeanon), -1);
	KT_EQ(KT_DELTA(&s, active), 1);
	KT_EQ(ktf_prot(vm, 1), PROT_READ | PROT_WRITE);
	KT_EQ(ktf_read(vm, 1), 0);
	uvmspace_free(vm);
}

/*
 * Readers of fresh memory share the page of zeros: no anon, no page, until the
 * first write (docs/decisions/0006).
 */
KTEST(uvm_fault_2_readzero)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 3, PROT_READ), 0);
	KTF_EXPECT(&s, .faults = 1, .fltamcopy = 1);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(ktf_prot(vm, 3), PROT_READ);
	KT_EQ(ktf_read(vm, 3), 0);
	KT_SNAP(&s);
	ktf_write(vm, 3, 1);
	KTF_EXPECT(&s, .faults = 1, .flt_przero = 1);
	KT_EQ(ktf_read(vm, 3), 1);
	KT_EQ(ktf_fault(vm, 4, PROT_READ), 0);
	KT_EQ(ktf_read(vm, 4), 0);
	uvmspace_free(vm);
}

/* Memory read as zero here and then shared: what is written there is seen. */
KTEST(uvm_fault_2_readzero_shared)
{
	struct vmspace *vm = ktf_space(), *child;
	vaddr_t start = KTF_BASE;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	KT_EQ(ktf_read(vm, 2), 0);
	KT_EQ(uvm_map_inherit(
		  &vm->vm_map, start, start + ptoa(8), MAP_INHERIT_SHARE),
	    0);
	child = uvmspace_fork_vm(vm);
	ktf_write(child, 2, 7);
	KT_EQ(ktf_read(vm, 2), 7);
	/* and afterwards nobody maps the page of zeros again */
	KT_EQ(ktf_read(vm, 5), 0);
	ktf_write(child, 5, 9);
	KT_EQ(ktf_read(vm, 5), 9);
	uvmspace_free(child);
	uvmspace_free(vm);
}

/* The same when the other side is the kernel (uvm_io, process_vm_writev). */
KTEST(uvm_fault_2_readzero_extract)
{
	struct vmspace *vm = ktf_space();
	vaddr_t start = KTF_BASE;
	vaddr_t kva = vm_map_min(kernel_map);

	ktf_map_anon(vm, 8, MADV_RANDOM);
	KT_EQ(ktf_read(vm, 2), 0);
	KT_EQ(uvm_map_extract(&vm->vm_map, start, ptoa(8), kernel_map, &kva,
		  UVM_EXTRACT_CONTIG),
	    0);
	*(volatile uint8_t *)(kva + ptoa(2)) = 5;
	KT_EQ(ktf_read(vm, 2) & 0xff, 5);
	uvm_unmap(kernel_map, kva, kva + ptoa(8));
	uvmspace_free(vm);
}

/* Many untouched pages cost nothing; the entry is not cut. */
KTEST(uvm_fault_2_large)
{
	struct vmspace *vm = ktf_space();
	const int npages = 1 << 20; /* 4 GiB */
	struct uvmexp s;

	ktf_map_anon(vm, npages, MADV_RANDOM);
	KT_SNAP(&s);
	ktf_write(vm, 0, 1);
	ktf_write(vm, npages - 1, 2);
	ktf_write(vm, npages / 2, 3);
	KTF_EXPECT(&s, .faults = 3, .fltamcopy = 1, .flt_przero = 3);
	KT_EQ(vm->vm_map.nentries, 1);
	KT_EQ(KT_DELTA(&s, anonpages), 3);
	KT_RANGE(KT_DELTA(&s, free), -40, -3);
	KT_EQ(ktf_read(vm, npages - 1), 2);
	uvmspace_free(vm);
}

/* 1A: the page is there, only its mapping is gone. */
KTEST(uvm_fault_2_case1a)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktf_write(vm, 2, 42);
	ktf_unmap_hw(vm, 0, 8);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 2, PROT_WRITE), 0);
	KTF_EXPECT(&s, .faults = 1, .fltanget = 1, .flt_anon = 1);
	KT_EQ(ktf_read(vm, 2), 42);
	uvmspace_free(vm);
}

/* 1A and 1B after a fork. */
KTEST(uvm_fault_2_case1b)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvmexp s;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktf_write(vm, 2, 42);
	ktf_write(vm, 3, 43);
	child = uvmspace_fork_vm(vm);
	KT_EQ(ktf_prot(vm, 2), PROT_READ);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(child, 2, PROT_WRITE), 0);
	KTF_EXPECT(
	    &s, .faults = 1, .fltamcopy = 1, .fltanget = 1, .flt_acow = 1);
	ktf_write(child, 2, 52);
	KT_EQ(ktf_read(vm, 2), 42);
	KT_EQ(ktf_read(child, 3), 43);
	KT_EQ(ktf_prot(child, 3), PROT_READ);
	KT_EQ(ktf_page(child, KTF_VA(3)), ktf_page(vm, KTF_VA(3)));

	/* The parent's copy is its own again: no copying. */
	KT_SNAP(&s);
	ktf_write(vm, 2, 62);
	KTF_EXPECT(
	    &s, .faults = 1, .fltamcopy = 1, .fltanget = 1, .flt_anon = 1);
	KT_EQ(ktf_read(child, 2), 52);
	KT_EQ(ktf_read(vm, 2), 62);
	uvmspace_free(child);
	uvmspace_free(vm);
}

/* 2A: an aobj's page. */
KTEST(uvm_fault_2_case2a)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_obj(
	    vm, KTF_BASE, uao_create(ptoa(8), 0), 8, false, MADV_RANDOM);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 2, PROT_WRITE), 0);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .flt_obj = 1);
	ktf_unmap_hw(vm, 0, 8);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), 0);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .flt_obj = 1);
	uvmspace_free(vm);
}

/* 2B: copy-on-write of an object's page; a read leaves needs-copy alone. */
KTEST(uvm_fault_2_case2b)
{
	struct uvm_object *uobj = uao_create(ptoa(8), 0);
	struct vmspace *vm = ktf_space(), *other = ktf_space();
	struct uvmexp s;

	uao_reference(uobj);
	ktf_map_obj(other, KTF_BASE, uobj, 8, false, MADV_RANDOM);
	ktf_map_obj(vm, KTF_BASE, uobj, 8, true, MADV_RANDOM);
	ktf_write(other, 2, 7);
	KT_SNAP(&s);
	KT_EQ(ktf_read(vm, 2), 7);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .flt_obj = 1);
	KT_EQ(ktf_prot(vm, 2), PROT_READ);
	KT_CHECK(UVM_ET_ISNEEDSCOPY(ktf_entry(vm, 2)));
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 2, PROT_WRITE), 0);
	KTF_EXPECT(
	    &s, .faults = 1, .fltamcopy = 1, .fltlget = 1, .flt_prcopy = 1);
	ktf_write(vm, 2, 8);
	KT_EQ(ktf_read(other, 2), 7);
	ktf_write(other, 2, 9);
	KT_EQ(ktf_read(vm, 2), 8);
	uvmspace_free(vm);
	uvmspace_free(other);
}

/* Neighbours: anons after a fork. */
KTEST(uvm_fault_2_fltnamap)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvmexp s;
	int i;

	ktf_map_anon(vm, 8, MADV_NORMAL);
	for (i = 0; i < 8; i++)
		ktf_write(vm, i, i);
	child = uvmspace_fork_vm(vm);
	KT_SNAP(&s);
	KT_EQ(ktf_read(child, 3), 3);
	KTF_EXPECT(&s, .faults = 1, .fltamcopy = 1, .fltanget = 1,
	    .flt_anon = 1, .fltnamap = 7);
	KT_SNAP(&s);
	for (i = 0; i < 8; i++) {
		KT_EQ(ktf_prot(child, i), PROT_READ);
		KT_EQ(ktf_read(child, i), i);
	}
	KTF_EXPECT(&s, .faults = 0);
	uvmspace_free(child);
	uvmspace_free(vm);
}

/* Neighbours of an object: 3 behind, 4 ahead. */
KTEST(uvm_fault_2_fltnomap)
{
	struct uvm_object *uobj = uao_create(ptoa(16), 0);
	struct vmspace *vm = ktf_space(), *other = ktf_space();
	struct uvmexp s;
	int i;

	uao_reference(uobj);
	ktf_map_obj(other, KTF_BASE, uobj, 16, false, MADV_RANDOM);
	ktf_map_obj(vm, KTF_BASE, uobj, 16, false, MADV_NORMAL);
	for (i = 0; i < 16; i++)
		ktf_write(other, i, i);
	KT_SNAP(&s);
	KT_EQ(ktf_read(vm, 8), 8);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .flt_obj = 1, .fltnomap = 7);
	for (i = 0; i < 16; i++)
		KT_EQ(ktf_prot(vm, i) != -1, i >= 5 && i <= 12);
	/* Those that are mapped already do not count again. */
	KT_SNAP(&s);
	KT_EQ(ktf_read(vm, 13), 13);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .flt_obj = 1, .fltnomap = 2);
	uvmspace_free(vm);
	uvmspace_free(other);
}

/* A private mapping's neighbours hide behind its anons. */
KTEST(uvm_fault_2_shadowed)
{
	struct uvm_object *uobj = uao_create(ptoa(8), 0);
	struct vmspace *vm = ktf_space(), *other = ktf_space();
	struct uvmexp s;
	int i;

	uao_reference(uobj);
	ktf_map_obj(other, KTF_BASE, uobj, 8, false, MADV_RANDOM);
	ktf_map_obj(vm, KTF_BASE, uobj, 8, true, MADV_NORMAL);
	for (i = 0; i < 8; i++)
		ktf_write(other, i, i);
	ktf_write(vm, 2, 102);
	ktf_write(vm, 4, 104);
	ktf_unmap_hw(vm, 0, 8);
	KT_SNAP(&s);
	KT_EQ(ktf_read(vm, 3), 3);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .flt_obj = 1, .fltnamap = 2,
	    .fltnomap = 5);
	for (i = 0; i < 8; i++)
		KT_EQ(ktf_read(vm, i), i == 2 || i == 4 ? 100 + i : i);
	KT_EQ(KT_DELTA(&s, faults), 1);
	KT_EQ(ktf_prot(vm, 4), PROT_READ | PROT_WRITE);
	KT_EQ(ktf_prot(vm, 5), PROT_READ);
	uvmspace_free(vm);
	uvmspace_free(other);
}

/* 8 behind, 7 ahead, and what is behind goes to the inactive queue. */
KTEST(uvm_fault_2_sequential)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;
	int i;

	ktf_map_anon(vm, 32, MADV_RANDOM);
	for (i = 0; i < 32; i++)
		ktf_write(vm, i, i);
	ktf_unmap_hw(vm, 0, 32);
	KT_EQ(
	    uvm_map_advice(&vm->vm_map, KTF_VA(0), KTF_VA(32), MADV_SEQUENTIAL),
	    0);
	uvm_pageq_flush();
	KT_SNAP(&s);
	KT_EQ(ktf_read(vm, 16), 16);
	KTF_EXPECT(
	    &s, .faults = 1, .fltanget = 1, .flt_anon = 1, .fltnamap = 15);
	KT_EQ(KT_DELTA(&s, inactive), 8);
	KT_EQ(KT_DELTA(&s, active), -8);
	for (i = 0; i < 32; i++)
		KT_EQ(ktf_prot(vm, i) != -1, i >= 8 && i <= 23);
	uvmspace_free(vm);
}

/* A write fault on a page that became writable again. */
KTEST(uvm_fault_2_reprotect)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	ktf_write(vm, 1, 5);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(4), PROT_READ, FALSE),
	    0);
	KT_EQ(ktf_fault(vm, 1, PROT_WRITE), EACCES);
	KT_EQ(ktf_read(vm, 1), 5);
	KT_EQ(uvm_map_protect(&vm->vm_map, KTF_VA(0), KTF_VA(4),
		  PROT_READ | PROT_WRITE, FALSE),
	    0);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 1, PROT_WRITE), 0);
	KTF_EXPECT(&s, .faults = 1, .fltanget = 1, .flt_anon = 1);
	KT_EQ(ktf_prot(vm, 1), PROT_READ | PROT_WRITE);
	uvmspace_free(vm);
}

/* T-uvm_fault-3, and case 0 */
KTEST(uvm_fault_3_errors)
{
	struct vmspace *vm = ktf_space(), *np;
	struct uvmexp s;
	vaddr_t va;

	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), EFAULT);
	KTF_EXPECT(&s, .faults = 1);
	ktf_map_anon(vm, 4, MADV_NORMAL);
	KT_EQ(ktf_fault(vm, 4, PROT_READ), EFAULT);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(1), PROT_READ, FALSE),
	    0);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(1), KTF_VA(2), PROT_NONE, FALSE),
	    0);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), EACCES);
	KT_EQ(ktf_fault(vm, 0, PROT_EXEC), EACCES);
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EACCES);
	KTF_EXPECT(&s, .faults = 3);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), 0);

	va = KTF_VA(16);
	KT_EQ(uvm_map(&vm->vm_map, &va, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_NONE, UVM_PROT_NONE, UVM_INH_NONE,
		      UVM_ADV_NORMAL, UVM_FLAG_FIXED | UVM_FLAG_HOLE)),
	    0);
	KT_EQ(ktf_fault(vm, 16, PROT_READ), EFAULT);
	uvmspace_free(vm);

	/* A map whose faults nobody resolves. */
	np = uvmspace_alloc(VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS, FALSE, TRUE);
	ktf_map_anon(np, 1, MADV_NORMAL);
	KT_EQ(ktf_fault(np, 0, PROT_READ), EFAULT);
	uvmspace_free(np);
}

/* Write-only memory can be read: the machine has no other way. */
KTEST(uvm_fault_3_writeonly)
{
	struct vmspace *vm = ktf_space();

	ktf_map_anon(vm, 1, MADV_NORMAL);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(1), PROT_WRITE, FALSE),
	    0);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), 0);
	uvmspace_free(vm);
}

/* -- Wiring ---------------------------------------------------------------- */

KTEST(uvm_fault_wire)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;
	int i;

	ktf_map_anon(vm, 8, MADV_NORMAL);
	ktf_write(vm, 1, 1);
	KT_SNAP(&s);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), KTF_VA(8), FALSE, 0), 0);
	KT_EQ(KT_DELTA(&s, wired), 8);
	KT_EQ(KT_DELTA(&s, active), -1);
	/* The page that was there needs no fault. */
	KT_EQ(KT_DELTA(&s, faults), 7);
	KT_EQ(KT_DELTA(&s, fltnamap), 0);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 8);
	for (i = 0; i < 8; i++)
		KT_EQ(ktf_prot(vm, i), PROT_READ | PROT_WRITE);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(2), KTF_VA(6), TRUE, 0), 0);
	KT_EQ(KT_DELTA(&s, wired), 4);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 4);
	KT_EQ(KT_DELTA(&s, active), 3);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, wired), 0);
}

/* Wiring copies what is shared, fork copies what is wired. */
KTEST(uvm_fault_wire_fork)
{
	struct vmspace *vm = ktf_space(), *child, *second;
	struct uvmexp s;
	struct vm_page *pg;

	ktf_map_anon(vm, 4, MADV_NORMAL);
	ktf_write(vm, 0, 10);
	ktf_write(vm, 1, 11);
	child = uvmspace_fork_vm(vm);
	KT_SNAP(&s);
	KT_EQ(uvm_map_pageable(&child->vm_map, KTF_VA(0), KTF_VA(4), FALSE, 0),
	    0);
	KT_EQ(KT_DELTA(&s, flt_acow), 2);
	KT_EQ(KT_DELTA(&s, flt_przero), 2);
	KT_EQ(KT_DELTA(&s, wired), 4);
	pg = ktf_page(child, KTF_VA(0));
	second = uvmspace_fork_vm(child);
	KT_EQ(KT_DELTA(&s, wired), 4);
	KT_EQ(KT_DELTA(&s, anonpages), 8);
	KT_CHECK(ktf_page(child, KTF_VA(0)) == pg);
	KT_EQ(ktf_prot(child, 0), PROT_READ | PROT_WRITE);
	KT_EQ(ktf_read(second, 1), 11);
	uvmspace_free(second);
	uvmspace_free(child);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, wired), 0);
}

/* A wired read-only view of an object that is written later: wiring moves. */
KTEST(uvm_fault_wire_promote)
{
	struct uvm_object *uobj = uao_create(ptoa(2), 0);
	struct vmspace *vm = ktf_space(), *other = ktf_space();
	struct uvmexp s;

	uao_reference(uobj);
	ktf_map_obj(other, KTF_BASE, uobj, 2, false, MADV_RANDOM);
	ktf_map_obj(vm, KTF_BASE, uobj, 2, true, MADV_RANDOM);
	ktf_write(other, 0, 1);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(2), PROT_READ, FALSE),
	    0);
	KT_SNAP(&s);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), KTF_VA(2), FALSE, 0), 0);
	KT_EQ(KT_DELTA(&s, wired), 2);
	KT_EQ(KT_DELTA(&s, flt_prcopy), 0);
	KT_EQ(uvm_map_protect(&vm->vm_map, KTF_VA(0), KTF_VA(2),
		  PROT_READ | PROT_WRITE, FALSE),
	    0);
	ktf_write(vm, 0, 2);
	KT_EQ(KT_DELTA(&s, wired), 2);
	KT_EQ(ktf_read(other, 0), 1);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvmspace_free(other);
}

/* Kernel memory is backed by the kernel object and wired by faults (D34). */
KTEST(uvm_fault_kernel)
{
	vaddr_t va = vm_map_min(kernel_map);
	struct uvmexp s;

	KT_REQUIRE(uvm_map(kernel_map, &va, ptoa(4), uvm.kernel_object,
		       UVM_UNKNOWN_OFFSET, 0,
		       UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_NONE,
			   UVM_ADV_RANDOM, 0)) == 0);
	KT_SNAP(&s);
	KT_EQ(uvm_fault_wire(
		  kernel_map, va, va + ptoa(4), PROT_READ | PROT_WRITE),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 4);
	KT_EQ(KT_DELTA(&s, flt_obj), 4);
	*(volatile int *)va = 1;
	*(volatile int *)(va + ptoa(3)) = 2;
	uvm_fault_unwire(kernel_map, va, va + ptoa(4));
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvm_unmap(kernel_map, va, va + ptoa(4));
}

/* -- Shortage -------------------------------------------------------------- */

static volatile uint32_t ram_go, ram_done;

static void
ram_toucher(void *arg)
{
	while (!atomic_load_acq(&ram_go))
		kt_sleep_ms(1);
	ktf_write(arg, 1, 1);
	atomic_store_rel(&ram_done, 1);
}

/* Without memory the fault waits, and goes on when there is some. */
KTEST(uvm_fault_fltnoram)
{
	struct vmspace *vm = ktf_space();
	struct kt_thread *t;
	struct uvmexp s;
	int i;

	ktf_map_anon(vm, 2, MADV_RANDOM);
	ktf_write(vm, 0, 1);
	ram_go = ram_done = 0;
	t = kt_spawn(ram_toucher, vm, 0);
	KT_SNAP(&s);
	KT_CHECK(kt_balloon(uvmexp.reserve_kernel));
	atomic_store_rel(&ram_go, 1);
	for (i = 0; i < 200 && KT_DELTA(&s, fltnoram) == 0; i++)
		kt_sleep_ms(10);
	KT_CHECK(KT_DELTA(&s, fltnoram) >= 1);
	KT_EQ(atomic_load(&ram_done), 0);
	kt_balloon_release();
	kt_join(t);
	KT_EQ(ram_done, 1);
	KT_EQ(KT_DELTA(&s, flt_przero), 1);
	uvmspace_free(vm);
}

/* Without anons, and nobody to kill, the fault fails. */
KTEST(uvm_fault_fltnoanon)
{
	struct vmspace *vm = ktf_space();
	struct vm_anon *list = NULL, *an;
	struct uvmexp s;

	ktf_map_anon(vm, 2, MADV_RANDOM);
	ktf_write(vm, 0, 1);
	while ((an = uvm_analloc()) != NULL) {
		an->an_lock = (void *)list; /* until they are given back */
		list = an;
	}
	KT_SNAP(&s);
	KT_EQ(uvmexp.nfreeanon, 0);
	KT_EQ(ktf_fault(vm, 1, PROT_WRITE), ENOMEM);
	KTF_EXPECT(&s, .faults = 1, .fltnoanon = 1);
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), 0);
	while ((an = list) != NULL) {
		list = (void *)an->an_lock;
		an->an_lock = NULL;
		uvm_anon_discard(an);
	}
	KT_EQ(ktf_fault(vm, 1, PROT_WRITE), 0);
	uvmspace_free(vm);
}

/* An object's page that was only copied from can be reclaimed. */
KTEST(uvm_fault_promote_queue)
{
	struct uvm_object *uobj = uao_create(PAGE_SIZE, 0);
	struct vmspace *vm = ktf_space();
	struct vm_page *pg;

	uao_reference(uobj);
	ktf_map_obj(vm, KTF_BASE, uobj, 1, true, MADV_RANDOM);
	ktf_write(vm, 0, 1);
	pg = uvm_pagelookup(uobj, 0);
	KT_REQUIRE(pg != NULL);
	KT_CHECK(ktf_page(vm, KTF_BASE) != pg);
	KT_CHECK((pg->pg_flags & (PQ_QUEUED | PQ_PENDING)) != 0);
	uvmspace_free(vm);
	uao_detach(uobj);
}
