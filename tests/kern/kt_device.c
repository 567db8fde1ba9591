/*
 * The pager of device memory: one object for all mappings of a device, faults
 * that ask the device, private mappings that show it and never copy.
 */
#include "kt_map.h"
#include "kt_user.h"
#include <sys/errno.h>
#include <sys/pool.h>
#include <sys/syscall.h>
#include <uvm/uvm_device.h>
#include <uvm/uvm_loan.h>
#include <uvm/uvm_mman.h>
#include <uvm_bsd.h>

#define RW    (PROT_READ | PROT_WRITE)
#define REGS  0x100000UL /* no memory; mapped only, never touched */
#define PAGES 8 /* of a device */
#define DEV_A ((dev_t)0x7e01)
#define DEV_B ((dev_t)0x7e02)

/* -- A device --------------------------------------------------------------- */

/* What the devices permit, and the last question; the running test's. */
static struct {
	vm_prot_t allowed; /* [thread] rights a mapping may have */
	int pages; /* [thread] that there are */
	u_int asked; /* [thread] times */
	dev_t dev; /* [thread] the last time */
	voff_t off; /* [thread] the last time */
	vm_prot_t prot; /* [thread] the last time */
} fake;

/* => where page i of a device lies */
static paddr_t
fake_pa(dev_t dev, int i)
{
	return REGS + ptoa(PAGES) * (dev & 0xf) + ptoa(i);
}

static paddr_t
fake_mmap(dev_t dev, voff_t off, vm_prot_t prot)
{
	fake.asked++;
	fake.dev = dev;
	fake.off = off;
	fake.prot = prot;
	if (off < 0 || off >= (voff_t)ptoa(fake.pages) ||
	    (prot & ~fake.allowed) != 0)
		return UDV_NOADDR;
	return fake_pa(dev, (int)atop((vsize_t)off)) | PMAP_DEVICE;
}

static void
fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake.allowed = RW;
	fake.pages = PAGES;
}

static struct uvm_object *
attach(dev_t dev, vm_prot_t prot, int i, int n)
{
	return udv_attach(dev, fake_mmap, prot, (voff_t)ptoa(i), ptoa(n));
}

static void
detach(struct uvm_object *uobj)
{
	uobj->pgops->pgo_detach(uobj);
}

/* => pages [at, at + n) of the space show those of A from `from' on */
static void
map_device(struct vmspace *vm, int at, int n, int from, vm_prot_t prot,
    vm_inherit_t inherit)
{
	int flags = UVM_FLAG_FIXED;
	struct uvm_object *uobj = attach(DEV_A, PROT_READ, from, n);
	vaddr_t va = KTF_VA(at);

	KASSERT(uobj != NULL);
	if (inherit == UVM_INH_COPY)
		flags |= UVM_FLAG_COPYONW;
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(n), uobj, (voff_t)ptoa(from), 0,
		  UVM_MAPFLAG(prot, UVM_PROT_RW, inherit, MADV_NORMAL, flags)),
	    0);
}

/* => which page of A is mapped at page i; -1: none; -2: something else */
static int
mapped(struct vmspace *vm, int i)
{
	paddr_t pa;

	if (!pmap_extract(vm->vm_map.pmap, KTF_VA(i), &pa))
		return -1;
	if (pa < fake_pa(DEV_A, 0) || pa >= fake_pa(DEV_A, PAGES))
		return -2;
	return (int)atop(pa - fake_pa(DEV_A, 0));
}

/* -- Objects ---------------------------------------------------------------- */

/* All mappings of a device have one object, as long as one of them is left. */
KTEST(device_attach)
{
	struct uvm_object *a, *again, *b;

	fake_reset();
	a = attach(DEV_A, RW, 0, PAGES);
	KT_REQUIRE(a != NULL);
	KT_CHECK(UVM_OBJ_IS_DEVICE(a));
	KT_EQ(a->uo_refs, 1);
	b = attach(DEV_B, RW, 0, 1);
	KT_CHECK(b != NULL && b != a);
	again = attach(DEV_A, PROT_READ, 4, 1);
	KT_CHECK(again == a);
	KT_EQ(a->uo_refs, 2);
	KT_EQ(b->uo_refs, 1);
	a->pgops->pgo_reference(a);
	KT_EQ(a->uo_refs, 3);
	detach(a);
	detach(a);
	KT_EQ(a->uo_refs, 1);
	/* both are still found, in whatever order they came */
	KT_CHECK(attach(DEV_B, RW, 1, 1) == b);
	detach(b);
	detach(a);
	a = attach(DEV_A, RW, 0, 1);
	KT_REQUIRE(a != NULL && a != b);
	KT_EQ(a->uo_refs, 1);
	detach(b);
	detach(a);
}

/* Every page of the range is asked for, with the rights that are wanted. */
KTEST(device_attach_refused)
{
	struct uvm_object *a;

	fake_reset();
	KT_CHECK(attach(DEV_A, RW, PAGES, 1) == NULL);
	KT_EQ(fake.asked, 1);
	KT_EQ(fake.dev, DEV_A);
	KT_EQ(fake.prot, RW);
	KT_CHECK(attach(DEV_A, RW, PAGES - 2, 3) == NULL);
	KT_CHECK(attach(DEV_A, RW, -1, 1) == NULL);
	KT_CHECK(attach(DEV_A, PROT_READ | PROT_EXEC, 0, 1) == NULL);
	fake.allowed = PROT_READ;
	KT_CHECK(attach(DEV_A, RW, 0, 1) == NULL);
	/* a range that ends within a page has it all; the rest is not asked */
	fake.asked = 0;
	a = udv_attach(DEV_A, fake_mmap, PROT_READ, 0, ptoa(2) + 1);
	KT_REQUIRE(a != NULL);
	KT_EQ(fake.asked, 3);
	KT_EQ(fake.off, ptoa(2));
	KT_CHECK(attach(DEV_A, RW, 0, 1) == NULL);
	KT_EQ(a->uo_refs, 1);
	detach(a);
}

#define RACE_ROUNDS 20

/* Comes and goes with others that do the same; arg is not used. */
static void
attacher(void *arg)
{
	struct uvm_object *a;

	for (int i = 0; i < RACE_ROUNDS; i++) {
		a = udv_attach(DEV_A, arg, PROT_READ, 0, 0);
		KT_CHECK(a != NULL && a->uo_refs >= 1);
		a->pgops->pgo_reference(a);
		detach(a);
		KT_CHECK(a->uo_refs >= 1);
		detach(a);
	}
}

/* Whoever is last takes the object away, and nobody finds it then. */
KTEST(device_attach_race)
{
	struct uvm_object *a;

	fake_reset();
	kt_parallel(4, attacher, (void *)(uintptr_t)fake_mmap, 0);
	a = attach(DEV_A, RW, 0, 1);
	KT_REQUIRE(a != NULL);
	KT_EQ(a->uo_refs, 1);
	detach(a);
}

/* -- Faults ----------------------------------------------------------------- */

/* Each fault maps the one page, with all the rights of the mapping. */
KTEST(device_fault)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	fake_reset();
	map_device(vm, 0, 5, 2, UVM_PROT_RW, UVM_INH_SHARE);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 1, PROT_READ), 0);
	KTF_EXPECT(&s, .faults = 1, .flt_obj = 1);
	KT_EQ(fake.dev, DEV_A);
	KT_EQ(fake.off, ptoa(3));
	KT_EQ(fake.prot, RW);
	for (int i = 0; i < 5; i++)
		KT_EQ(mapped(vm, i), i == 1 ? 3 : -1);
	KT_EQ(ktf_prot(vm, 1), RW);
	KT_EQ(pmap_resident_count(vm->vm_map.pmap), 1);
	/* in the middle of a page; the entry in two */
	KT_EQ(uvm_fault(&vm->vm_map, KTF_VA(4) + 12, VM_FAULT_INVALID, RW), 0);
	KT_EQ(mapped(vm, 4), 6);
	uvm_unmap(&vm->vm_map, KTF_VA(1), KTF_VA(2));
	KT_EQ(mapped(vm, 1), -1);
	KT_EQ(mapped(vm, 4), 6);
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EFAULT);
	KT_EQ(ktf_fault(vm, 2, PROT_WRITE), 0);
	KT_EQ(mapped(vm, 2), 4);
	KT_EQ(ktf_entry(vm, 2)->object.uvm_obj->uo_refs, 2);
	uvmspace_free(vm);
}

KTEST(device_fault_prot)
{
	struct vmspace *vm = ktf_space();

	fake_reset();
	map_device(vm, 0, 4, 0, UVM_PROT_R, UVM_INH_SHARE);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), 0);
	KT_EQ(fake.prot, PROT_READ);
	KT_EQ(ktf_prot(vm, 0), PROT_READ);
	fake.asked = 0;
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), EACCES);
	KT_EQ(ktf_fault(vm, 0, PROT_EXEC), EACCES);
	KT_EQ(fake.asked, 0);
	/* more rights show in the next fault, fewer at once */
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(4), UVM_PROT_RW, FALSE),
	    0);
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), 0);
	KT_EQ(fake.prot, RW);
	KT_EQ(ktf_prot(vm, 0), RW);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(4), UVM_PROT_R, FALSE),
	    0);
	KT_EQ(ktf_prot(vm, 0), PROT_READ);
	KT_EQ(mapped(vm, 0), 0);
	uvmspace_free(vm);
}

/* What the device does not have is an error of the access, and maps nothing. */
KTEST(device_fault_refused)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	fake_reset();
	map_device(vm, 0, PAGES, 0, UVM_PROT_RW, UVM_INH_SHARE);
	fake.pages = 4;
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 4, PROT_READ), EIO);
	KTF_EXPECT(&s, .faults = 1);
	KT_EQ(mapped(vm, 4), -1);
	/* the rights of the mapping, though only a read was tried */
	fake.allowed = PROT_READ;
	KT_EQ(ktf_fault(vm, 0, PROT_READ), EIO);
	KT_EQ(mapped(vm, 0), -1);
	fake.allowed = RW;
	KT_EQ(ktf_fault(vm, 3, PROT_WRITE), 0);
	/* half of a wiring is undone */
	KT_EQ(
	    uvm_map_pageable(&vm->vm_map, KTF_VA(2), KTF_VA(6), FALSE, 0), EIO);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 0);
	KT_EQ(ktf_entry(vm, 2)->wired_count, 0);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), 0);
	uvmspace_free(vm);
}

/* => wired pages of the space */
static long
wired(struct vmspace *vm)
{
	return (long)pmap_wired_count(vm->vm_map.pmap);
}

KTEST(device_wire)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	fake_reset();
	map_device(vm, 0, 4, 1, UVM_PROT_RW, UVM_INH_SHARE);
	KT_SNAP(&s);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(1), KTF_VA(3), FALSE, 0), 0);
	KT_EQ(wired(vm), 2);
	KT_EQ(mapped(vm, 1), 2);
	KT_EQ(mapped(vm, 2), 3);
	/* a fault there wires again, one beside it does not */
	ktf_unmap_hw(vm, 1, 2);
	KT_EQ(wired(vm), 1);
	KT_EQ(ktf_fault(vm, 1, PROT_READ), 0);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), 0);
	KT_EQ(wired(vm), 2);
	/* it is not memory, which could be short */
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(1), KTF_VA(3), TRUE, 0), 0);
	KT_EQ(wired(vm), 0);
	KT_EQ(mapped(vm, 1), 2);
	/* with the mapping the wiring goes */
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), KTF_VA(4), FALSE, 0), 0);
	KT_EQ(wired(vm), 4);
	uvmspace_free(vm);
}

#ifdef FAULT_INJECT
/* No memory for a table: the fault waits for it, and does not fail. */
KTEST(device_nomem)
{
	struct vmspace *vm;
	struct uvmexp s;
	int calls, nth = 0;

	fake_reset();
	do {
		vm = ktf_space();
		map_device(vm, 0, 2, 0, UVM_PROT_RW, UVM_INH_SHARE);
		KT_SNAP(&s);
		ktf_fail_nth(++nth);
		KT_EQ(ktf_fault(vm, 1, PROT_READ), 0);
		calls = ktf_fail_end();
		KT_EQ(mapped(vm, 1), 1);
		KT_EQ(KT_DELTA(&s, fltnoram), nth <= calls ? 1 : 0);
		uvmspace_free(vm);
	} while (nth <= calls);
	KT_CHECK(nth > 1);
}
#endif

/* -- Private mappings, fork --------------------------------------------------- */

/* A private mapping may look: there is no page that could be copied. */
KTEST(device_private)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	fake_reset();
	map_device(vm, 0, 4, 1, UVM_PROT_RW, UVM_INH_COPY);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), 0);
	KT_EQ(fake.prot, PROT_READ);
	KT_EQ(mapped(vm, 0), 1);
	KT_EQ(ktf_prot(vm, 0), PROT_READ);
	fake.asked = 0;
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), EIO);
	KT_EQ(KT_DELTA(&s, fltamcopy), 1);
	KT_EQ(KT_DELTA(&s, flt_prcopy), 0);
	KT_EQ(fake.asked, 0);
	KT_EQ(ktf_prot(vm, 0), PROT_READ);
	/* it has an amap now, which stays empty */
	KT_CHECK(ktf_entry(vm, 0)->aref.ar_amap != NULL);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), 0);
	KT_EQ(mapped(vm, 2), 3);
	KT_EQ(ktf_prot(vm, 2), PROT_READ);
	KT_EQ(ktf_fault(vm, 2, PROT_WRITE), EIO);
	uvmspace_free(vm);
}

/* Both have the device, and one may go without the other. */
KTEST(device_fork)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvm_object *uobj;

	fake_reset();
	map_device(vm, 0, 2, 1, UVM_PROT_RW, UVM_INH_SHARE);
	map_device(vm, 4, 2, 1, UVM_PROT_RW, UVM_INH_COPY);
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), 0);
	KT_EQ(ktf_fault(vm, 4, PROT_READ), 0);
	uobj = ktf_entry(vm, 0)->object.uvm_obj;
	KT_CHECK(ktf_entry(vm, 4)->object.uvm_obj == uobj);
	KT_EQ(uobj->uo_refs, 2);
	child = uvmspace_fork_vm(vm);
	KT_REQUIRE(child != NULL);
	KT_EQ(uobj->uo_refs, 4);
	KT_EQ(ktf_prot(vm, 0), RW);
	KT_EQ(ktf_fault(child, 0, PROT_WRITE), 0);
	KT_EQ(ktf_fault(child, 4, PROT_READ), 0);
	KT_EQ(ktf_fault(child, 4, PROT_WRITE), EIO);
	KT_EQ(mapped(child, 0), 1);
	KT_EQ(mapped(child, 4), 1);
	uvmspace_free(vm);
	KT_EQ(uobj->uo_refs, 2);
	KT_EQ(ktf_fault(child, 1, PROT_WRITE), 0);
	KT_EQ(mapped(child, 1), 2);
	KT_EQ(mapped(child, 0), 1);
	uvmspace_free(child);
}

/* -- Calls that mean pages ----------------------------------------------------- */

static int
advise(int advice)
{
	return KT_CALL(sys_madvise, KTF_VA(0), ptoa(4), (uint64_t)advice);
}

/* There is nothing to write, to throw away, to page out or to fetch. */
KTEST(device_advice)
{
	static const int advice[] = { LINUX_MADV_WILLNEED, LINUX_MADV_COLD,
		LINUX_MADV_PAGEOUT, LINUX_MADV_POPULATE_WRITE };
	struct kt_user ku;
	struct uvmexp s;

	fake_reset();
	kt_user_enter(&ku);
	map_device(ku.ku_vm, 0, 4, 1, UVM_PROT_RW, UVM_INH_SHARE);
	KT_EQ(ktf_fault(ku.ku_vm, 1, PROT_WRITE), 0);
	KT_SNAP(&s);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), ptoa(4), MS_SYNC), 0);
	KT_EQ(KT_CALL(sys_msync, KTF_VA(0), ptoa(4), MS_INVALIDATE), 0);
	for (size_t i = 0; i < nitems(advice); i++)
		KT_EQ(advise(advice[i]), 0);
	KT_EQ(mapped(ku.ku_vm, 1), 2);
	KT_EQ(mapped(ku.ku_vm, 3), 4);
	KT_EQ(KT_DELTA(&s, pageins), 0);
	KT_EQ(KT_DELTA(&s, pdpageouts), 0);
	KT_EQ(advise(LINUX_MADV_DONTNEED), 0);
	KT_EQ(ktf_fault(ku.ku_vm, 1, PROT_READ), 0);
	KT_EQ(mapped(ku.ku_vm, 1), 2);
	KT_CHECK(!kt_user_resident(3));
	/* a device that has less than it said */
	fake.pages = 3;
	KT_EQ(advise(LINUX_MADV_POPULATE_READ), EFAULT);
	kt_user_leave(&ku);
}

/* Pages of a device cannot be lent, and a map says what they are. */
KTEST(device_info)
{
	struct vmspace *vm = ktf_space();
	struct vm_page *pg[2] = { NULL, NULL };
	struct uvm_mapinfo mi;

	fake_reset();
	map_device(vm, 0, 2, 3, UVM_PROT_RW, UVM_INH_SHARE);
	KT_EQ(uvm_loan(&vm->vm_map, KTF_VA(0), ptoa(2), (void **)pg,
		  UVM_LOAN_TOPAGE),
	    EINVAL);
	KT_CHECK(pg[0] == NULL && pg[1] == NULL);
	KT_EQ(mapped(vm, 0), -1);
	memset(&mi, 0, sizeof(mi));
	KT_EQ(uvm_map_snapshot(vm, &mi, 1), 1);
	KT_EQ(mi.type, UVM_MI_DEVICE);
	KT_EQ(mi.start, KTF_VA(0));
	KT_EQ(mi.offset, ptoa(3));
	KT_EQ(mi.resident, 0);
	uvmspace_free(vm);
}
