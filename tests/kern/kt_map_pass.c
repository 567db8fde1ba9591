/* Map entry passing (7.2) and uvm_io() (1.6). */
#include "kt_map.h"
#include <sys/ktrace.h>
#include <sys/timeout.h>
#include <sys/pool.h>
#include <sys/uio.h>

#define TO 512 /* page number the tests pass to */

static int
extract(
    struct vmspace *src, int i, int n, struct vmspace *dst, int to, int flags)
{
	vaddr_t va = KTF_VA(to);
	int error;

	error = uvm_map_extract(
	    &src->vm_map, KTF_VA(i), ptoa(n), &dst->vm_map, &va, flags);
	if (error == 0)
		KT_EQ(va, KTF_VA(to));
	uvm_map_audit(&src->vm_map);
	uvm_map_audit(&dst->vm_map);
	return error;
}

/* T-extract-1: a move copies nothing and leaves nothing */
KTEST(extract_1_move)
{
	struct vmspace *src = ktf_space(), *dst = ktf_space();
	struct vm_page *pg[64];
	struct uvmexp s;

	KT_EQ(ktm_map(src, 0, 100, UVM_PROT_RW, KTM_ANON), 0);
	ktm_fill(src, 0, 100, 9);
	for (int i = 0; i < 64; i++)
		pg[i] = ktf_page(src, KTF_VA(10 + i));
	KT_EQ(ktm_map(dst, TO + 80, TO + 81, UVM_PROT_RW, KTM_ANON), 0);
	ktf_write(dst, TO + 80, 1); /* warm */
	kt_settle();
	KT_SNAP(&s);
	KT_EQ(extract(src, 10, 64, dst, TO, UVM_EXTRACT_REMOVE), 0);
	kt_settle();
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, free), 0);
	for (int i = 0; i < 64; i++) {
		KT_EQ(ktf_fault(src, 10 + i, PROT_READ), EFAULT);
		KT_EQ(ktf_prot(src, 10 + i), -1);
		KT_EQ(ktf_read(dst, TO + i), 9 + 10 + (uint64_t)i);
		KT_CHECK(ktf_page(dst, KTF_VA(TO + i)) == pg[i]);
		ktf_write(dst, TO + i, 1);
	}
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_CHECK(ktm_filled(src, 0, 10, 9));
	KT_CHECK(ktm_filled(src, 74, 100, 9));
	KT_EQ(src->vm_map.size, ptoa(36));
	KT_EQ(dst->vm_map.size, ptoa(65));
	uvmspace_free(src);
	KT_EQ(ktf_read(dst, TO + 63), 1);
	uvmspace_free(dst);
}

/* Moved inside one map, with a wired page, a copied one and one never touched */
KTEST(extract_1_inside)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvmexp s;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktm_fill(vm, 0, 7, 20);
	child = uvmspace_fork_vm(vm);
	KT_SNAP(&s);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(2), KTF_VA(3), FALSE, 0), 0);
	KT_EQ(KT_DELTA(&s, wired), 1);
	KT_EQ(extract(vm, 1, 7, vm, TO, UVM_EXTRACT_REMOVE), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EFAULT);
	KT_EQ(ktf_read(vm, 0), 20);
	for (int i = 1; i < 7; i++) {
		KT_EQ(ktf_read(vm, TO + i - 1), 20 + (uint64_t)i);
		ktf_write(vm, TO + i - 1, 5);
	}
	KT_EQ(ktf_read(vm, TO + 6), 0);
	KT_CHECK(ktm_filled(child, 0, 7, 20));
	KT_EQ(vm->vm_map.size, ptoa(8));
	uvmspace_free(child);
	uvmspace_free(vm);
}

/* T-extract-2: shared, whatever state the source is in */
KTEST(extract_2_share)
{
	struct vmspace *src = ktf_space(), *dst = ktf_space(), *child;

	ktf_map_anon(src, 8, MADV_RANDOM);
	ktm_fill(src, 0, 4, 60);
	child = uvmspace_fork_vm(src); /* needs-copy from here on */
	KT_EQ(extract(src, 1, 6, dst, TO, 0), 0);
	ktf_write(src, 2, 1000);
	KT_EQ(ktf_read(dst, TO + 1), 1000);
	ktf_write(dst, TO + 2, 2000);
	KT_EQ(ktf_read(src, 3), 2000);
	KT_EQ(ktf_page(src, KTF_VA(3)), ktf_page(dst, KTF_VA(TO + 2)));
	/* never touched by either */
	ktf_write(dst, TO + 4, 3000);
	KT_EQ(ktf_read(src, 5), 3000);
	KT_CHECK(ktm_filled(child, 0, 4, 60));
	uvmspace_free(child);
	/* one side goes, the other has it all */
	uvmspace_free(src);
	KT_EQ(ktf_read(dst, TO + 1), 1000);
	KT_EQ(ktf_read(dst, TO + 0), 61);
	KT_EQ(ktf_read(dst, TO + 4), 3000);
	uvmspace_free(dst);
}

/* An entry nobody has touched: nothing to share but what comes */
KTEST(extract_2_untouched)
{
	struct vmspace *src = ktf_space(), *dst = ktf_space();

	ktf_map_anon(src, 4, MADV_RANDOM);
	KT_EQ(extract(src, 0, 2, dst, TO, 0), 0);
	ktf_write(dst, TO + 1, 8);
	KT_EQ(ktf_read(src, 1), 8);
	ktf_write(src, 0, 9);
	KT_EQ(ktf_read(dst, TO), 9);
	uvmspace_free(src);
	KT_EQ(ktf_read(dst, TO), 9);
	uvmspace_free(dst);
}

/* Of an object: shared stays shared, private is shared from now on */
KTEST(extract_2_object)
{
	struct uvm_object *uobj = uao_create(ptoa(8), 0);
	struct vmspace *src = ktf_space(), *dst = ktf_space();

	uao_reference(uobj);
	uao_reference(uobj);
	ktf_map_obj(src, KTF_VA(0), uobj, 8, false, MADV_RANDOM);
	ktf_map_obj(src, KTF_VA(8), uobj, 8, true, MADV_RANDOM);
	ktm_fill(src, 0, 8, 40);
	KT_EQ(extract(src, 4, 8, dst, TO, 0), 0);
	KT_EQ(uobj->uo_refs, 5);
	KT_EQ(ktf_entry(dst, TO)->offset, ptoa(4));
	KT_EQ(ktf_entry(dst, TO + 4)->offset, 0);
	KT_EQ(ktf_read(dst, TO + 3), 47);
	KT_EQ(ktf_read(dst, TO + 4), 40);
	ktf_write(dst, TO + 4, 1); /* private: the object's stays */
	KT_EQ(ktf_read(src, 8), 1);
	KT_EQ(ktf_read(src, 0), 40);
	ktf_write(dst, TO, 2);
	KT_EQ(ktf_read(src, 4), 2);
	KT_EQ(ktf_read(src, 12), 2);
	uvmspace_free(src);
	uvmspace_free(dst);
	KT_EQ(uobj->uo_refs, 1);
	uao_detach(uobj);
}

/* T-extract-3 */
KTEST(extract_3_holes)
{
	struct vmspace *src = ktf_space(), *dst = ktf_space();
	struct uvmexp s;

	KT_EQ(ktm_map(src, 0, 3, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktm_map(src, 5, 8, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktm_map(src, 8, 9, UVM_PROT_NONE, UVM_FLAG_FIXED | UVM_FLAG_HOLE),
	    0);
	ktm_fill(src, 0, 3, 1);
	ktm_fill(src, 5, 8, 1);
	KT_SNAP(&s);
	KT_EQ(extract(src, 0, 8, dst, TO, UVM_EXTRACT_CONTIG), EFAULT);
	KT_EQ(extract(src, 5, 4, dst, TO, UVM_EXTRACT_CONTIG), EFAULT);
	KT_EQ(extract(src, 3, 2, dst, TO, 0), EFAULT);
	KT_EQ(extract(src, 8, 1, dst, TO, 0), EFAULT);
	KT_EQ(extract(src, 20, 2, dst, TO, UVM_EXTRACT_REMOVE), EFAULT);
	KT_EQ(ktm_entries(src), 3);
	KT_EQ(ktm_entries(dst), 0);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(extract(src, 1, 9, dst, TO, 0), 0);
	KT_EQ(ktm_entries(dst), 2);
	KT_CHECK(ktm_filled(src, 0, 3, 1));
	KT_EQ(ktf_read(dst, TO), 2);
	KT_EQ(ktf_read(dst, TO + 4), 6);
	KT_EQ(ktf_fault(dst, TO + 2, PROT_READ), EFAULT);
	KT_EQ(ktf_fault(dst, TO + 7, PROT_READ), EFAULT);
	uvmspace_free(dst);

	dst = ktf_space();
	KT_EQ(extract(src, 1, 9, dst, TO, UVM_EXTRACT_REMOVE), 0);
	KT_EQ(ktf_read(dst, TO), 2);
	KT_EQ(ktf_read(dst, TO + 6), 8);
	KT_EQ(ktf_fault(src, 1, PROT_READ), EFAULT);
	KT_EQ(ktf_read(src, 0), 1);
	KT_EQ(src->vm_map.size, PAGE_SIZE);
	uvmspace_free(src);
	uvmspace_free(dst);
}

/* T-extract-5 and the other refusals: nothing is changed */
KTEST(extract_5_errors)
{
	struct vmspace *src = ktf_space(), *dst = ktf_space();
	struct vmspace *tiny = uvmspace_alloc(KTF_VA(0), KTF_VA(2), TRUE, TRUE);
	static const int bad[] = { UVM_EXTRACT_REMOVE | UVM_EXTRACT_QREF,
		UVM_EXTRACT_REMOVE | UVM_EXTRACT_CONTIG, UVM_EXTRACT_QREF };
	vaddr_t va;

	ktf_map_anon(src, 4, MADV_RANDOM);
	ktm_fill(src, 0, 4, 1);
	for (size_t i = 0; i < nitems(bad); i++)
		KT_EQ(extract(src, 0, 4, dst, TO, bad[i]), EINVAL);
	va = KTF_VA(TO);
	KT_EQ(uvm_map_extract(
		  &src->vm_map, KTF_VA(0) + 1, PAGE_SIZE, &dst->vm_map, &va, 0),
	    EINVAL);
	KT_EQ(
	    uvm_map_extract(&src->vm_map, KTF_VA(0), 100, &dst->vm_map, &va, 0),
	    EINVAL);
	KT_EQ(uvm_map_extract(&src->vm_map, KTF_VA(0), 0, &dst->vm_map, &va, 0),
	    EINVAL);
	KT_EQ(uvm_map_extract(&src->vm_map, KTF_VA(0), -(vsize_t)PAGE_SIZE,
		  &dst->vm_map, &va, 0),
	    EINVAL);
	KT_EQ(va, KTF_VA(TO));
	va = KTF_VA(0);
	KT_EQ(uvm_map_extract(
		  &src->vm_map, KTF_VA(0), ptoa(4), &tiny->vm_map, &va, 0),
	    ENOMEM);
	KT_EQ(uvm_map_extract(&src->vm_map, KTF_VA(0), ptoa(4), &tiny->vm_map,
		  &va, UVM_EXTRACT_REMOVE),
	    ENOMEM);
	KT_EQ(ktm_entries(src), 1);
	KT_EQ(ktm_entries(dst), 0);
	KT_EQ(ktm_entries(tiny), 0);
	KT_CHECK(ktm_filled(src, 0, 4, 1));
	/* a hint that is taken: the next place, or the first there is */
	KT_EQ(ktm_map(dst, TO, TO + 2, UVM_PROT_RW, KTM_ANON), 0);
	va = KTF_VA(TO + 1);
	KT_EQ(uvm_map_extract(
		  &src->vm_map, KTF_VA(0), ptoa(4), &dst->vm_map, &va, 0),
	    0);
	KT_EQ(va, KTF_VA(TO + 2));
	uvmspace_free(src);
	uvmspace_free(dst);
	uvmspace_free(tiny);
}

/* FIXPROT gives all the maximum allows; what is moved keeps its attributes. */
KTEST(extract_rights)
{
	struct vmspace *src = ktf_space(), *dst = ktf_space();
	struct vm_map_entry *e;

	ktf_map_anon(src, 4, MADV_SEQUENTIAL);
	ktm_fill(src, 0, 4, 1);
	KT_EQ(uvm_map_protect(&src->vm_map, KTF_VA(0), KTF_VA(4),
		  PROT_READ | PROT_WRITE, TRUE),
	    0);
	KT_EQ(uvm_map_protect(
		  &src->vm_map, KTF_VA(0), KTF_VA(4), PROT_READ, FALSE),
	    0);
	KT_EQ(extract(src, 0, 2, dst, TO, 0), 0);
	KT_EQ(ktf_fault(dst, TO, PROT_WRITE), EACCES);
	KT_EQ(extract(src, 0, 2, dst, TO + 2, UVM_EXTRACT_FIXPROT), 0);
	ktf_write(dst, TO + 2, 5);
	KT_EQ(ktf_read(src, 0), 5);
	KT_EQ(ktf_fault(src, 0, PROT_WRITE), EACCES);
	KT_EQ(extract(src, 2, 2, dst, TO + 8, UVM_EXTRACT_REMOVE), 0);
	e = ktf_entry(dst, TO + 8);
	KT_EQ(e->protection, PROT_READ);
	KT_EQ(e->max_protection, PROT_READ | PROT_WRITE);
	KT_EQ(e->advice, MADV_SEQUENTIAL);
	KT_EQ(e->inheritance, MAP_INHERIT_COPY);
	uvmspace_free(src);
	uvmspace_free(dst);
}

/* Into the kernel: read and written there, never executable. */
KTEST(extract_kernel)
{
	struct vmspace *vm = ktf_space();
	struct vm_map_entry *e;
	struct uvmexp s;
	vaddr_t va;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	ktm_fill(vm, 0, 4, 70);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(4), PROT_MASK, FALSE),
	    0);
	KT_SNAP(&s);
	for (int flags = 0; flags <= UVM_EXTRACT_QREF;
	     flags += UVM_EXTRACT_QREF) {
		va = vm_map_min(kernel_map);
		KT_EQ(
		    uvm_map_extract(&vm->vm_map, KTF_VA(0), ptoa(4), kernel_map,
			&va, flags | UVM_EXTRACT_CONTIG | UVM_EXTRACT_FIXPROT),
		    0);
		vm_map_lock_read(kernel_map);
		KT_CHECK(uvm_map_lookup_entry(kernel_map, va, &e));
		KT_EQ(e->protection, PROT_READ | PROT_WRITE);
		KT_EQ(e->max_protection, PROT_READ | PROT_WRITE);
		vm_map_unlock_read(kernel_map);
		KT_EQ(*(volatile uint64_t *)(va + ptoa(3)), 73);
		*(volatile uint64_t *)(va + ptoa(1)) = 71;
		uvm_unmap(kernel_map, va, va + ptoa(4));
		KT_EQ(KT_DELTA(&s, kmapent), 0);
	}
	KT_CHECK(ktm_filled(vm, 0, 4, 70));
	KT_EQ(vm->vm_map.vm_head.me_next->aref.ar_amap->am_flags, 0);
	uvmspace_free(vm);
}

/*
 * The program unmaps what the kernel still has mapped: the kernel's mapping is
 * then the only one, and reading memory that was never touched gives zeros.
 */
KTEST(extract_kernel_outlives)
{
	struct vmspace *vm = ktf_space();
	vaddr_t va = vm_map_min(kernel_map);

	ktf_map_anon(vm, 4, MADV_RANDOM);
	ktm_fill(vm, 0, 2, 70);
	KT_REQUIRE(uvm_map_extract(&vm->vm_map, KTF_VA(0), ptoa(4), kernel_map,
		       &va, UVM_EXTRACT_QREF | UVM_EXTRACT_CONTIG) == 0);
	uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(4));
	KT_EQ(*(volatile uint64_t *)(va + ptoa(1)), 71);
	KT_EQ(*(volatile uint64_t *)(va + ptoa(3)), 0);
	*(volatile uint64_t *)(va + ptoa(3)) = 73;
	KT_EQ(*(volatile uint64_t *)(va + ptoa(3)), 73);
	uvm_unmap(kernel_map, va, va + ptoa(4));
	uvmspace_free(vm);
}

/* => two pages of the first of two spaces go to the second */
static void
share_two(void *arg)
{
	struct vmspace **vm = arg;
	vaddr_t va = KTF_VA(TO);

	KT_EQ(uvm_map_extract(
		  &vm[0]->vm_map, KTF_VA(0), ptoa(2), &vm[1]->vm_map, &va, 0),
	    0);
	KT_EQ(va, KTF_VA(TO));
}

/*
 * A map is kept busy by a thread that may wait for a fault in the other map:
 * who waits for it has let go of that one.
 */
KTEST(extract_waits_unlocked)
{
	struct vmspace *one = ktf_space(), *vm[2] = { one, ktf_space() };
	vm_map_t first = MIN(&vm[0]->vm_map, &vm[1]->vm_map);
	vm_map_t second = MAX(&vm[0]->vm_map, &vm[1]->vm_map);
	struct kt_thread *t;
	u_int stamp;

	ktf_map_anon(vm[0], 2, MADV_RANDOM);
	ktm_fill(vm[0], 0, 2, 30);
	vm_map_lock(second);
	vm_map_busy(second);
	vm_map_unlock(second);
	stamp = second->timestamp;
	t = kt_spawn(share_two, vm, 0);
	for (int i = 0;
	     i < 400 && (atomic_load(&second->flags) & VM_MAP_WANTLOCK) == 0;
	     i++)
		kt_sleep_ms(5);
	KT_CHECK(atomic_load(&second->flags) & VM_MAP_WANTLOCK);
	if (vm_map_lock_try(first))
		vm_map_unlock(first);
	else
		KT_CHECK(!"the other map is locked");
	vm_map_lock(second);
	vm_map_unbusy(second);
	vm_map_unlock(second);
	kt_join(t);
	/* who unlocked it meanwhile sees that it was changed */
	KT_CHECK(second->timestamp - stamp >= 2);
	KT_EQ(ktf_read(vm[1], TO + 1), 31);
	uvmspace_free(vm[0]);
	uvmspace_free(vm[1]);
}

/* -- uvm_io ---------------------------------------------------------------------------- */

#define IOLEN 10000

static int
io(struct vmspace *vm, vaddr_t va, void *buf, size_t len, enum uio_rw rw,
    size_t *residp)
{
	struct iovec iov = { buf, len };
	struct uio uio = { .uio_iov = &iov,
		.uio_iovcnt = 1,
		.uio_offset = (off_t)va,
		.uio_resid = len,
		.uio_segflg = UIO_SYSSPACE,
		.uio_rw = rw,
		.uio_procp = curproc };
	int error = uvm_io(&vm->vm_map, &uio);

	*residp = uio.uio_resid;
	KT_EQ(uio.uio_offset, va + (len - uio.uio_resid));
	return error;
}

static bool
pattern(const uint8_t *buf, size_t len, uint8_t add)
{
	for (size_t i = 0; i < len; i++)
		if (buf[i] != (uint8_t)(i * 7 + add))
			return false;
	return true;
}

static void
make_pattern(uint8_t *buf, size_t len, uint8_t add)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)(i * 7 + add);
}

/* T-uvm_io-1, -2, T-extract-4 */
KTEST(uvm_io_1)
{
	struct vmspace *vm = ktf_space(), *child;
	uint8_t *out = kmem_alloc(IOLEN, PR_WAITOK);
	uint8_t *in = kmem_alloc(IOLEN, PR_WAITOK);
	uint64_t since = nsecuptime();
	vaddr_t at = KTF_VA(1) - 1900;
	struct uvmexp s;
	size_t resid;

	ktf_map_anon(vm, 40, MADV_RANDOM);
	make_pattern(out, IOLEN, 1);
	memset(in, 0, IOLEN);
	KT_SNAP(&s);
	KT_EQ(io(vm, at, out, IOLEN, UIO_WRITE, &resid), 0);
	KT_EQ(resid, 0);
	KT_CHECK(ktrace_seen("uvm_map_extract", (uint64_t)&vm->vm_map, since));
	KT_EQ(io(vm, at, in, IOLEN, UIO_READ, &resid), 0);
	KT_EQ(resid, 0);
	KT_CHECK(pattern(in, IOLEN, 1));
	KT_EQ(KT_DELTA(&s, kmapent), 0);

	child = uvmspace_fork_vm(vm);
	make_pattern(out, IOLEN, 100);
	KT_EQ(io(child, at, out, IOLEN, UIO_WRITE, &resid), 0);
	KT_EQ(io(vm, at, in, IOLEN, UIO_READ, &resid), 0);
	KT_CHECK(pattern(in, IOLEN, 1));
	KT_EQ(io(child, at, in, IOLEN, UIO_READ, &resid), 0);
	KT_CHECK(pattern(in, IOLEN, 100));
	/* also as the processes see it */
	KT_EQ((uint8_t)ktf_read(vm, 1), (uint8_t)(1900 * 7 + 1));
	KT_EQ((uint8_t)ktf_read(child, 1), (uint8_t)(1900 * 7 + 100));
	uvmspace_free(child);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
	uvmspace_free(vm);
	kmem_free(out, IOLEN);
	kmem_free(in, IOLEN);
}

/* More than one chunk; memory that may only be read; memory that has nothing. */
KTEST(uvm_io_large)
{
	const size_t len = 5 * MAXBSIZE / 2;
	struct vmspace *vm = ktf_space();
	int n = (int)atop(len) + 2;
	vaddr_t buf, at = KTF_VA(0) + 77;
	size_t resid;

	buf = uvm_km_zalloc(kernel_map, len);
	KT_REQUIRE(buf != 0);
	ktf_map_anon(vm, n, MADV_RANDOM);
	KT_EQ(io(vm, at, (void *)buf, len, UIO_READ, &resid), 0);
	KT_EQ(resid, 0);
	make_pattern((uint8_t *)buf, len, 3);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(n), PROT_NONE, FALSE),
	    0);
	KT_EQ(io(vm, at, (void *)buf, len, UIO_WRITE, &resid), 0);
	memset((void *)buf, 0, len);
	KT_EQ(io(vm, at, (void *)buf, len, UIO_READ, &resid), 0);
	KT_CHECK(pattern((uint8_t *)buf, len, 3));
	uvm_km_free(kernel_map, buf, len);
	uvmspace_free(vm);
}

/* T-uvm_io-3, and what cannot be done */
KTEST(uvm_io_errors)
{
	struct vmspace *vm = ktf_space();
	uint8_t *buf = kmem_alloc(IOLEN, PR_WAITOK);
	struct uvm_object *uobj = uao_create(PAGE_SIZE, 0);
	vaddr_t max = vm_map_max(&vm->vm_map), va;
	struct uvmexp s;
	size_t resid;

	memset(buf, 1, IOLEN);
	KT_EQ(ktm_map(vm, 0, 2, UVM_PROT_RW, KTM_ANON), 0);
	va = max - PAGE_SIZE;
	KT_EQ(uvm_map(&vm->vm_map, &va, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(
		      UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY, 0, KTM_ANON)),
	    0);
	KT_SNAP(&s);
	KT_EQ(io(vm, ~0UL - 10, buf, 100, UIO_READ, &resid), EIO);
	KT_EQ(resid, 100);
	KT_EQ(io(vm, max, buf, 100, UIO_READ, &resid), 0);
	KT_EQ(resid, 100);
	KT_EQ(io(vm, max - 40, buf, 100, UIO_READ, &resid), 0);
	KT_EQ(resid, 60);
	KT_EQ(io(vm, KTF_VA(1), buf, IOLEN, UIO_READ, &resid), EFAULT);
	KT_CHECK(resid > 0);
	KT_EQ(io(vm, KTF_VA(8), buf, 1, UIO_WRITE, &resid), EFAULT);
	KT_EQ(resid, 1);
	/* an object that ends before its mapping does */
	ktf_map_obj(vm, KTF_VA(20), uobj, 2, false, MADV_RANDOM);
	KT_CHECK(io(vm, KTF_VA(21), buf, 10, UIO_READ, &resid) != 0);
	KT_EQ(resid, 10);
	/* memory that may never be written */
	va = KTF_VA(30);
	KT_EQ(
	    uvm_map(&vm->vm_map, &va, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET, 0,
		UVM_MAPFLAG(UVM_PROT_R, UVM_PROT_R, UVM_INH_COPY, 0, KTM_ANON)),
	    0);
	KT_EQ(io(vm, va, buf, 10, UIO_WRITE, &resid), EACCES);
	KT_EQ(resid, 10);
	KT_EQ(io(vm, va, buf, 10, UIO_READ, &resid), 0);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
	uvmspace_free(vm);
	kmem_free(buf, IOLEN);
}
