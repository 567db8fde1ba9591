/* mremap(), process_vm_*() and core files, where they meet maps and pages. */
#include "kt_map.h"
#include "kt_user.h"
#include <sys/core.h>
#include <sys/fcntl.h>
#include <sys/pool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vnode.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_mman.h>

#define TO 512 /* page number the tests move to */
#define RW (PROT_READ | PROT_WRITE)

/* => osize pages at i become nsize pages at `to' (flags FIXED) or there */
static int
remap(struct vmspace *vm, int i, int osize, int nsize, int to, int flags)
{
	struct uvm_remap rq = { .old = KTF_VA(i),
		.osize = ptoa(osize),
		.nsize = ptoa(nsize),
		.flags = flags,
		.to = KTF_VA(to) };
	int error = uvm_map_remap(&vm->vm_map, NULL, &rq);

	if (error == 0)
		KT_EQ(rq.to, KTF_VA(flags & MREMAP_FIXED ? to : i));
	uvm_map_audit(&vm->vm_map);
	return error;
}

#define FIXED (MREMAP_MAYMOVE | MREMAP_FIXED)

/* Entries, pages and mappings go; nothing is copied, nothing faults again. */
KTEST(mremap_moves_mappings)
{
	struct vmspace *vm = ktf_space();
	struct vm_page *pg[64];
	struct uvmexp s;
	long pv;

	KT_EQ(ktm_map(vm, 0, 100, UVM_PROT_RW, KTM_ANON), 0);
	ktm_fill(vm, 0, 100, 9);
	KT_EQ(ktm_map(vm, TO, TO + 10, UVM_PROT_RW, KTM_ANON), 0);
	ktm_fill(vm, TO, TO + 10, 500);
	for (int i = 0; i < 64; i++)
		pg[i] = ktf_page(vm, KTF_VA(10 + i));
	kt_settle();
	KT_SNAP(&s);
	pv = pmap_pv_count();
	KT_EQ(remap(vm, 10, 64, 64, TO, FIXED), 0);
	KT_EQ(KT_DELTA(&s, faults), 0);
	KT_EQ(KT_DELTA(&s, anonpages), -10);
	KT_EQ(pmap_pv_count(), pv - 10);
	for (int i = 0; i < 64; i++) {
		KT_EQ(ktf_prot(vm, 10 + i), -1);
		KT_EQ(ktf_fault(vm, 10 + i, PROT_READ), EFAULT);
		KT_CHECK(ktf_page(vm, KTF_VA(TO + i)) == pg[i]);
		KT_EQ(ktf_prot(vm, TO + i), RW);
	}
	KT_CHECK(ktm_filled(vm, 0, 10, 9) && ktm_filled(vm, 74, 100, 9));
	KT_EQ(ktf_read(vm, TO + 63), 9 + 73);
	KT_EQ(vm->vm_map.size, ptoa(100));
	uvmspace_free(vm);
}

/* Growing in place and elsewhere; one entry as long as that can be. */
KTEST(mremap_grows)
{
	struct vmspace *vm = ktf_space();

	KT_EQ(ktm_map(vm, 0, 4, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(remap(vm, 0, 4, 6, 0, 0), 0); /* nobody has touched it */
	ktm_fill(vm, 0, 6, 30);
	for (int n = 6; n < 20; n++) {
		KT_EQ(remap(vm, 0, n, n + 1, 0, 0), 0);
		KT_EQ(ktf_read(vm, n), 0);
		ktf_write(vm, n, 30 + (uint64_t)n);
	}
	KT_EQ(ktm_entries(vm), 1);
	KT_EQ(vm->vm_map.size, ptoa(20));
	KT_EQ(ktm_map(vm, 22, 23, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(remap(vm, 0, 20, 23, 0, 0), ENOMEM);
	KT_EQ(remap(vm, 0, 20, 22, 0, 0), 0);
	KT_EQ(remap(vm, 0, 22, 40, TO, FIXED), 0);
	KT_EQ(ktf_read(vm, TO), 30);
	KT_EQ(ktf_read(vm, TO + 19), 49);
	KT_EQ(ktf_read(vm, TO + 39), 0);
	KT_EQ(ktm_entries(vm), 2);
	KT_EQ(vm->vm_map.size, ptoa(41));
	/* the middle cannot grow, and what is smaller gives its end back */
	KT_EQ(remap(vm, TO, 10, 11, 0, 0), ENOMEM);
	KT_EQ(remap(vm, TO + 10, 30, 3, TO + 10, 0), 0);
	KT_EQ(vm->vm_map.size, ptoa(14));
	KT_EQ(ktf_fault(vm, TO + 13, PROT_READ), EFAULT);
	uvmspace_free(vm);
}

/* The rest of an entry, of an amap shared by fork, and of nothing at all. */
KTEST(mremap_parts_and_relatives)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvmexp s;

	ktf_map_anon(vm, 12, MADV_RANDOM);
	ktm_fill(vm, 0, 8, 70);
	child = uvmspace_fork_vm(vm);
	KT_EQ(remap(vm, 2, 4, 9, TO, FIXED), 0);
	KT_CHECK(ktm_filled(child, 0, 8, 70));
	for (int i = 0; i < 4; i++) {
		KT_EQ(ktf_read(vm, TO + i), 72 + (uint64_t)i);
		ktf_write(vm, TO + i, 1);
	}
	for (int i = 4; i < 9; i++)
		ktf_write(vm, TO + i, 2);
	KT_CHECK(ktm_filled(child, 0, 8, 70));
	KT_EQ(remap(child, 1, 7, 7, TO, FIXED), 0);
	KT_EQ(ktf_read(child, TO + 1), 72);
	KT_SNAP(&s);
	uvmspace_free(child);
	KT_EQ(KT_DELTA(&s, anonpages), -4); /* those of vm's copies */
	KT_CHECK(ktm_filled(vm, 0, 2, 70) && ktm_filled(vm, 6, 8, 70));
	KT_EQ(ktf_read(vm, TO), 1);
	uvmspace_free(vm);
}

KTEST(mremap_leaves_a_fresh_range)
{
	struct vmspace *vm = ktf_space();
	struct uvm_object *uobj = uao_create(ptoa(8), 0);

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktm_fill(vm, 0, 8, 40);
	KT_EQ(remap(vm, 1, 6, 6, TO, FIXED | MREMAP_DONTUNMAP), 0);
	KT_EQ(vm->vm_map.size, ptoa(14));
	for (int i = 1; i < 7; i++) {
		KT_EQ(ktf_read(vm, TO + i - 1), 40 + (uint64_t)i);
		KT_EQ(ktf_read(vm, i), 0);
		ktf_write(vm, i, 7);
		KT_EQ(ktf_read(vm, TO + i - 1), 40 + (uint64_t)i);
	}
	ktf_map_obj(vm, KTF_VA(100), uobj, 4, true, MADV_NORMAL);
	KT_EQ(remap(vm, 100, 4, 4, TO, FIXED | MREMAP_DONTUNMAP), EINVAL);
	uvmspace_free(vm);
}

/* Objects: what is added goes on where the mapping ended. */
KTEST(mremap_objects)
{
	struct vmspace *vm = ktf_space();
	struct uvm_object *uobj = uao_create(ptoa(40), 0);

	for (int cow = 0; cow < 2; cow++) {
		uao_reference(uobj);
		ktf_map_obj(vm, KTF_VA(0), uobj, 30, false, MADV_NORMAL);
		ktm_fill(vm, 0, 30, 1000);
		KT_EQ(remap(vm, 4, 6, 6, 100, FIXED), 0);
		if (cow)
			uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(30));
		uao_reference(uobj);
		ktf_map_obj(vm, KTF_VA(200), uobj, 5, cow, MADV_NORMAL);
		ktf_write(vm, 202, 5);
		KT_EQ(remap(vm, 200, 5, 20, TO, FIXED), 0);
		for (int i = 5; i < 20; i++)
			KT_EQ(ktf_read(vm, TO + i), 1000 + (uint64_t)i);
		KT_EQ(ktf_read(vm, TO + 2), 5);
		/* one more mapping of what is shared */
		KT_EQ(remap(vm, 101, 0, 9, 300, FIXED), 0);
		for (int i = 0; i < 9; i++)
			KT_EQ(ktf_read(vm, 300 + i), 1005 + (uint64_t)i);
		ktf_write(vm, 300, 77);
		KT_EQ(ktf_read(vm, 101), 77);
		KT_EQ(remap(vm, TO, 0, 1, 400, FIXED), cow ? EINVAL : 0);
		uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(TO + 100));
	}
	/* neighbours whose offsets do not follow are two mappings */
	for (int i = 0; i < 2; i++) {
		uao_reference(uobj);
		ktf_map_obj(vm, KTF_VA(i), uobj, 1, false, MADV_NORMAL);
	}
	KT_EQ(remap(vm, 0, 2, 3, TO, FIXED), EFAULT);
	KT_EQ(remap(vm, 0, 2, 2, TO, FIXED), EFAULT);
	KT_EQ(remap(vm, 0, 1, 3, TO, FIXED), 0);
	uvmspace_free(vm);
	uao_detach(uobj);
}

KTEST(mremap_shared_memory_twice)
{
	struct vmspace *vm = ktf_space();

	KT_EQ(ktm_map(vm, 0, 8, UVM_PROT_RW, UVM_FLAG_FIXED | UVM_FLAG_OVERLAY),
	    0);
	ktm_fill(vm, 0, 6, 20);
	KT_EQ(remap(vm, 2, 0, 10, TO, FIXED), 0);
	for (int i = 2; i < 8; i++) {
		ktf_write(vm, TO + i - 2, 90 + (uint64_t)i);
		KT_EQ(ktf_read(vm, i), 90 + (uint64_t)i);
	}
	ktf_write(vm, TO + 9, 1); /* added */
	uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(8));
	KT_EQ(ktf_read(vm, TO + 5), 97);
	/* it grows, and moves, as such memory does */
	KT_EQ(remap(vm, TO, 10, 12, 50, FIXED), 0);
	KT_EQ(ktf_read(vm, 55), 97);
	KT_EQ(ktf_read(vm, 59), 1);
	ktf_write(vm, 61, 2);
	uvmspace_free(vm);
}

/* Wired pages stay wired, what is added is too, and all is undone once. */
KTEST(mremap_wired)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	KT_SNAP(&s);
	ktf_map_anon(vm, 8, MADV_RANDOM);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(2), KTF_VA(6), FALSE, 0), 0);
	KT_EQ(KT_DELTA(&s, wired), 4);
	ktm_fill(vm, 0, 8, 60);
	KT_EQ(remap(vm, 1, 7, 7, TO, FIXED), 0);
	KT_EQ(KT_DELTA(&s, wired), 4);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 4);
	KT_CHECK(pmap_is_wired(vm->vm_map.pmap, KTF_VA(TO + 1)));
	KT_EQ(ktf_read(vm, TO + 4), 65);
	/* a part, which grows */
	KT_EQ(remap(vm, TO + 3, 2, 7, 100, FIXED), 0);
	KT_EQ(KT_DELTA(&s, wired), 9);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 9);
	KT_EQ(ktf_read(vm, 101), 65);
	KT_EQ(remap(vm, 100, 7, 9, 0, 0), 0);
	KT_EQ(KT_DELTA(&s, wired), 11);
	KT_EQ(remap(vm, 100, 9, 1, 0, 0), 0);
	KT_EQ(KT_DELTA(&s, wired), 3);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(100), KTF_VA(101), TRUE, 0),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 2);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, wired), 0);
}

/* What a transfer of another thread has locked is let go by the move. */
KTEST(mremap_vslocked)
{
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct uvmexp s;

	KT_SNAP(&s);
	ktf_map_anon(vm, 4, MADV_RANDOM);
	ktm_fill(vm, 0, 4, 1);
	KT_EQ(uvm_vslock(&kp->kp_proc, (caddr_t)KTF_VA(0), ptoa(2), PROT_READ),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 2);
	KT_EQ(remap(vm, 0, 4, 4, TO, FIXED), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvm_vsunlock(&kp->kp_proc, (caddr_t)KTF_VA(0), ptoa(2));
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(ktf_read(vm, TO + 1), 2);
	ktm_proc_free(kp);
	uvmspace_free(vm);
}

/* Nothing changes when it is refused. */
KTEST(mremap_refused)
{
	struct vmspace *vm = ktf_space();

	KT_EQ(ktm_map(vm, 0, 8, UVM_PROT_RW, KTM_ANON), 0);
	ktm_fill(vm, 0, 8, 3);
	KT_EQ(ktm_map(vm, 8, 9, UVM_PROT_R, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, TO, TO + 4, UVM_PROT_RW, KTM_ANON), 0);
	ktm_fill(vm, TO, TO + 4, 600);
	KT_EQ(remap(vm, 6, 3, 3, TO, FIXED), EFAULT); /* other rights */
	KT_EQ(remap(vm, 8, 2, 2, TO, FIXED), EFAULT); /* nothing behind */
	KT_EQ(remap(vm, 50, 1, 1, TO, FIXED), EFAULT);
	KT_EQ(remap(vm, 0, 0, 1, TO, FIXED), EINVAL); /* private */
	KT_EQ(remap(vm, 0, 8, 9, 0, 0), ENOMEM);
	KT_EQ(
	    uvm_map_immutable(&vm->vm_map, KTF_VA(TO + 1), KTF_VA(TO + 2)), 0);
	KT_EQ(remap(vm, 0, 4, 4, TO, FIXED), EPERM);
	KT_EQ(remap(vm, TO + 1, 1, 1, 100, FIXED), EPERM);
	KT_EQ(remap(vm, TO, 4, 1, TO, 0), EPERM);
	KT_CHECK(ktm_filled(vm, 0, 8, 3) && ktm_filled(vm, TO, TO + 4, 600));
	KT_EQ(vm->vm_map.size, ptoa(13));
	uvmspace_free(vm);
}

/* Limits of the process, as the system call asks for them. */
KTEST(mremap_limits)
{
	struct kt_user ku;
	vsize_t size;

	kt_user_enter(&ku);
	kt_user_map(0, 8);
	size = ku.ku_vm->vm_map.size;
	kt_user_limit(&ku, RLIMIT_AS, size + ptoa(4));
	KT_EQ(KT_CALL(sys_mremap, KTF_VA(0), ptoa(8), ptoa(13), 0), ENOMEM);
	KT_EQ(KT_CALL(sys_mremap, KTF_VA(0), ptoa(8), ptoa(12), 0), 0);
	KT_EQ(kt_result, (int64_t)KTF_VA(0));
	KT_EQ(KT_CALL(sys_mremap, KTF_VA(0), ptoa(12), ptoa(13), 0), ENOMEM);
	/* what is replaced does not count, what stays does */
	KT_EQ(
	    KT_CALL(sys_mremap, KTF_VA(0), ptoa(6), ptoa(6), FIXED, KTF_VA(6)),
	    0);
	KT_EQ(KT_CALL(sys_mremap, KTF_VA(6), ptoa(6), ptoa(6),
		  MREMAP_MAYMOVE | MREMAP_DONTUNMAP),
	    0);
	KT_EQ(ku.ku_vm->vm_map.size, size + ptoa(4));
	KT_EQ(KT_CALL(sys_mremap, KTF_VA(6), ptoa(6), ptoa(6),
		  MREMAP_MAYMOVE | MREMAP_DONTUNMAP),
	    ENOMEM);
	kt_user_limit(&ku, RLIMIT_AS, RLIM_INFINITY);
	ku.ku_cred.cr_uid = 1;
	kt_user_limit(&ku, RLIMIT_MEMLOCK, ptoa(8));
	KT_EQ(KT_CALL(sys_mlock, KTF_VA(6), ptoa(6)), 0);
	KT_EQ(KT_CALL(sys_mremap, KTF_VA(6), ptoa(6), ptoa(9), 0), EAGAIN);
	KT_EQ(KT_CALL(sys_mremap, KTF_VA(6), ptoa(6), ptoa(8), 0), 0);
	KT_EQ(pmap_wired_count(ku.ku_vm->vm_map.pmap), 8);
	kt_user_leave(&ku);
}

/* -- process_vm_readv, process_vm_writev ------------------------------------------- */

/* The running thread can be found, by a number it has for a while. */
#define PROCVM_TID 4000000

static void
findable(bool yes)
{
	static pid_t tid;

	rw_enter_write(&proctree_lock);
	if (yes) {
		tid = curproc->p_tid;
		curproc->p_tid = PROCVM_TID;
		thread_hash_insert(curproc);
	} else {
		thread_hash_remove(curproc);
		curproc->p_tid = tid;
	}
	rw_exit(&proctree_lock);
}

/* To oneself: up to a hole, and only where the process itself may write. */
KTEST(procvm_rights_and_parts)
{
	struct iovec *iov;
	struct kt_user ku;
	const uint64_t pid = PROCVM_TID;

	kt_user_enter(&ku);
	findable(true);
	kt_user_map(0, 12);
	iov = kmem_alloc(2 * sizeof(*iov), PR_WAITOK);
	iov[0] = (struct iovec){ (void *)KTF_VA(1), ptoa(4) };
	iov[1] = (struct iovec){ (void *)KTF_VA(8), ptoa(8) };
	for (int i = 8; i < 12; i++)
		kt_user_store(KTF_VA(i), 100 + (uint64_t)i);
	KT_EQ(copyout(iov, (void *)KTF_VA(0), 2 * sizeof(*iov)), 0);
	uvm_unmap(&ku.ku_vm->vm_map, KTF_VA(10), KTF_VA(11));
	KT_EQ(KT_CALL(sys_process_vm_readv, pid, KTF_VA(0), 1,
		  KTF_VA(0) + sizeof(*iov), 1),
	    0);
	KT_EQ(kt_result, (int64_t)ptoa(2));
	KT_EQ(kt_user_load(KTF_VA(2)), 109);
	KT_EQ(uvm_map_protect(
		  &ku.ku_vm->vm_map, KTF_VA(8), KTF_VA(9), PROT_READ, FALSE),
	    0);
	KT_EQ(KT_CALL(sys_process_vm_writev, pid, KTF_VA(0), 1,
		  KTF_VA(0) + sizeof(*iov), 1),
	    EFAULT);
	findable(false);
	KT_EQ(KT_CALL(sys_process_vm_readv, pid, KTF_VA(0), 1,
		  KTF_VA(0) + sizeof(*iov), 1),
	    ESRCH);
	kmem_free(iov, 2 * sizeof(*iov));
	kt_user_leave(&ku);
}

/* -- Core files ---------------------------------------------------------------------- */

/* A file that takes a number of writes, and remembers where. */
static struct {
	struct vnode vn; /* [the test] */
	int left; /* [the test] writes before one fails */
	int n; /* [the test] writes */
	size_t bytes; /* [the test] in all, but headers */
	off_t end; /* [the test] */
	uint64_t seen; /* [the test] bits of pages 100 + i that came by */
} sink;

static int
sink_write(struct vnode *vp, struct uio *uio, bool append)
{
	const char *p = uio->uio_iov->iov_base;

	sink.n++;
	if (sink.left-- == 0)
		return EIO;
	if (uio->uio_offset >= (off_t)PAGE_SIZE)
		sink.bytes += uio->uio_resid;
	for (size_t at = 0; at + PAGE_SIZE <= uio->uio_resid; at += PAGE_SIZE)
		if (*(const uint64_t *)(p + at) - 100 < 64)
			sink.seen |= 1UL << (*(const uint64_t *)(p + at) - 100);
	sink.end = MAX(sink.end, uio->uio_offset + (off_t)uio->uio_resid);
	uio->uio_resid = 0;
	return 0;
}

static const struct vnodeops sink_ops = { .vop_write = sink_write };

static int
dump(int left, off_t limit, struct core *c)
{
	memset(&sink, 0, sizeof(sink));
	sink.vn.v_op = &sink_ops;
	sink.vn.v_type = VREG;
	sink.left = left;
	*c = (struct core){
		.c_phoff = 64, .c_off = PAGE_SIZE, .c_limit = limit
	};
	return uvm_coredump(curproc, &sink.vn, NULL, c);
}

/* T-uvm_coredump-2, and: untouched memory stays untouched */
KTEST(coredump_segments)
{
	struct kt_user ku;
	struct uvmexp s;
	struct core c;
	vm_map_t map;

	kt_user_enter(&ku);
	map = &ku.ku_vm->vm_map;
	kt_user_map(0, 3);
	for (int i = 0; i < 3; i++)
		kt_user_store(KTF_VA(i), 100 + (uint64_t)i);
	kt_user_map(10, 2000); /* two pages of it are touched */
	kt_user_store(KTF_VA(10), 103);
	kt_user_store(KTF_VA(1500), 104);
	kt_user_map(3000, 3004); /* not to be dumped */
	kt_user_store(KTF_VA(3000), 110);
	KT_EQ(KT_CALL(sys_madvise, KTF_VA(3000), ptoa(4), LINUX_MADV_DONTDUMP),
	    0);
	kt_user_map(4000, 4001); /* never written and read-only, as text */
	KT_EQ(
	    uvm_map_protect(map, KTF_VA(4000), KTF_VA(4001), PROT_READ, FALSE),
	    0);
	kt_user_map(5000, 5001); /* written, then read-only */
	kt_user_store(KTF_VA(5000), 105);
	KT_EQ(
	    uvm_map_protect(map, KTF_VA(5000), KTF_VA(5001), PROT_READ, FALSE),
	    0);
	KT_EQ(uvm_coredump_segments(curproc), 3);
	KT_SNAP(&s);
	KT_EQ(dump(1000, INT64_MAX, &c), 0);
	KT_EQ(c.c_nseg, 3);
	KT_EQ(sink.seen, 0x3f);
	KT_EQ(sink.bytes, ptoa(6));
	KT_EQ(c.c_off, (off_t)ptoa(1 + 3 + 1990 + 1));
	KT_EQ(c.c_phoff, 64 + 3 * (off_t)sizeof(struct elf64_phdr));
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	/* the nth write fails: so many segments are complete */
	KT_EQ(dump(0, INT64_MAX, &c), EIO);
	KT_EQ(c.c_nseg, 0);
	KT_EQ(dump(1, INT64_MAX, &c), EIO);
	KT_EQ(c.c_nseg, 0);
	KT_EQ(dump(3, INT64_MAX, &c), EIO);
	KT_EQ(c.c_nseg, 1);
	KT_EQ(dump(4, INT64_MAX, &c), EIO);
	KT_EQ(c.c_nseg, 2);
	/* a limit cuts */
	KT_EQ(dump(1000, (off_t)ptoa(3), &c), EFBIG);
	KT_EQ(c.c_nseg, 0);
	KT_EQ(sink.end, (off_t)ptoa(3));
	KT_EQ(sink.seen, 3);
	kt_user_leave(&ku);
}
