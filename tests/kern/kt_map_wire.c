/* Wiring by map: uvm_map_pageable(_all), uvm_vslock (1.3, 1.11). */
#include <sys/pool.h>
#include "kt_map.h"

static int
pageable(struct vmspace *vm, int i, int j, boolean_t unwire)
{
	return uvm_map_pageable(&vm->vm_map, KTF_VA(i), KTF_VA(j), unwire, 0);
}

/* T-uvm_map_pageable-1, -4 */
KTEST(uvm_map_pageable_1)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_anon(vm, 10, MADV_RANDOM);
	KT_SNAP(&s);
	KT_EQ(pageable(vm, 1, 9, FALSE), 0);
	KT_EQ(KT_DELTA(&s, wired), 8);
	KT_EQ(KT_DELTA(&s, active), 0);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 8);
	KT_EQ(pageable(vm, 1, 9, TRUE), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, active), 8);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 0);
	/* however often it was wired, one unwire releases */
	KT_EQ(pageable(vm, 1, 9, FALSE), 0);
	KT_EQ(pageable(vm, 0, 4, FALSE), 0);
	KT_EQ(KT_DELTA(&s, wired), 9);
	KT_EQ(pageable(vm, 0, 9, TRUE), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	/* D20: nothing to release is all right */
	KT_EQ(pageable(vm, 0, 10, TRUE), 0);
	/* truncated and rounded to pages */
	KT_EQ(uvm_map_pageable(
		  &vm->vm_map, KTF_VA(2) + 100, KTF_VA(3) + 1, FALSE, 0),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 2);
	KT_EQ(uvm_map_pageable(
		  &vm->vm_map, KTF_VA(2) + 4000, KTF_VA(3) + 4000, TRUE, 0),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

/* T-uvm_map_pageable-2 and the other errors; all is undone */
KTEST(uvm_map_pageable_2)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	KT_EQ(ktm_map(vm, 5, 8, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 8, 10, UVM_PROT_NONE, UVM_FLAG_FIXED | UVM_FLAG_HOLE),
	    0);
	KT_SNAP(&s);
	KT_EQ(pageable(vm, 0, 8, FALSE), EINVAL);
	KT_EQ(pageable(vm, 4, 8, FALSE), EFAULT);
	KT_EQ(pageable(vm, 8, 9, FALSE), EFAULT);
	KT_EQ(pageable(vm, 5, 9, FALSE), EINVAL);
	KT_EQ(pageable(vm, 3, 1, FALSE), EINVAL);
	KT_EQ(pageable(vm, 0, 8, TRUE), EINVAL);
	KT_EQ(uvm_map_pageable(
		  &vm->vm_map, KTF_VA(0), ~0UL - PAGE_SIZE, FALSE, 0),
	    EINVAL);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), ~0UL, FALSE, 0), EINVAL);
	KT_EQ(pageable(vm, 2, 2, FALSE), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, faults), 0);
	/* inaccessible memory is passed over, and stays what it is */
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(1), KTF_VA(2), PROT_NONE, FALSE),
	    0);
	KT_EQ(pageable(vm, 0, 4, FALSE), 0);
	KT_EQ(KT_DELTA(&s, wired), 3);
	KT_EQ(ktf_prot(vm, 1), -1);
	/* and is released when it becomes so */
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(2), KTF_VA(3), PROT_NONE, FALSE),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 2);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, wired), 0);
}

/* A fault half way: what this call wired is not, what was wired stays. */
KTEST(uvm_map_pageable_undo)
{
	struct uvm_object *uobj = uao_create(ptoa(2), 0);
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	/* four pages of an object that has two */
	ktf_map_obj(vm, KTF_VA(4), uobj, 4, false, MADV_RANDOM);
	KT_EQ(pageable(vm, 0, 1, FALSE), 0);
	KT_SNAP(&s);
	KT_CHECK(pageable(vm, 0, 8, FALSE) != 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(ktf_entry(vm, 0)->wired_count, 1);
	KT_EQ(ktf_entry(vm, 2)->wired_count, 0);
	KT_EQ(ktf_entry(vm, 5)->wired_count, 0);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 1);
	KT_CHECK((vm->vm_map.flags & VM_MAP_BUSY) == 0);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
}

static void
pageable_locks(struct vmspace *vm, int from, int to, boolean_t unwire, int want)
{
	vm_map_t map = &vm->vm_map;

	for (int flags = 0; flags <= (UVM_LK_ENTER | UVM_LK_EXIT); flags++) {
		if (flags & UVM_LK_ENTER)
			vm_map_lock(map);
		KT_EQ(uvm_map_pageable(
			  map, KTF_VA(from), KTF_VA(to), unwire, flags),
		    want);
		KT_EQ(rw_status(&map->vm_lock),
		    flags & UVM_LK_EXIT ? RW_WRITE : 0);
		if (flags & UVM_LK_EXIT)
			vm_map_unlock(map);
	}
}

/* T-uvm_map_pageable-3, D30 */
KTEST(uvm_map_pageable_3)
{
	struct vmspace *vm = ktf_space();

	ktf_map_anon(vm, 4, MADV_RANDOM);
	pageable_locks(vm, 0, 4, FALSE, 0);
	pageable_locks(vm, 0, 4, TRUE, 0);
	pageable_locks(vm, 0, 6, FALSE, EINVAL);
	pageable_locks(vm, 6, 7, FALSE, EFAULT);
	pageable_locks(vm, 3, 1, FALSE, EINVAL);
	pageable_locks(vm, 0, 6, TRUE, EINVAL);
	pageable_locks(vm, 2, 2, FALSE, 0);
	uvmspace_free(vm);
}

/* T-uvm_map_pageable_all-1, -2, -3 as far as the kernel sees them */
KTEST(uvm_map_pageable_all)
{
	struct vmspace *vm = ktf_space();
	vm_map_t map = &vm->vm_map;
	struct uvmexp s;

	ktf_map_anon(vm, 2, MADV_RANDOM);
	KT_EQ(ktm_map(vm, 4, 6, UVM_PROT_R, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 6, 7, UVM_PROT_NONE, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 8, 9, UVM_PROT_NONE, UVM_FLAG_FIXED | UVM_FLAG_HOLE),
	    0);
	KT_SNAP(&s);
	KT_EQ(uvm_map_pageable_all(map, MCL_CURRENT, PAGE_SIZE), ENOMEM);
	KT_EQ(
	    uvm_map_pageable_all(map, MCL_CURRENT, 4 * PAGE_SIZE - 1), ENOMEM);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(uvm_map_pageable_all(map, MCL_CURRENT, 4 * PAGE_SIZE), 0);
	KT_EQ(KT_DELTA(&s, wired), 4);
	/* what is wired counts, but not twice */
	KT_EQ(uvm_map_pageable_all(map, MCL_CURRENT, 4 * PAGE_SIZE), 0);
	KT_EQ(ktm_map(vm, 10, 11, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(uvm_map_pageable_all(map, MCL_CURRENT, 4 * PAGE_SIZE), ENOMEM);
	KT_EQ(KT_DELTA(&s, wired), 4);

	KT_EQ(uvm_map_pageable_all(map, MCL_FUTURE, PAGE_SIZE), 0);
	KT_EQ(ktm_map(vm, 20, 24, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(KT_DELTA(&s, wired), 8);
	KT_EQ(ktm_map(vm, 24, 26, UVM_PROT_NONE, KTM_ANON), 0);
	KT_EQ(
	    ktm_map(vm, 26, 28, UVM_PROT_NONE, UVM_FLAG_FIXED | UVM_FLAG_HOLE),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 8);
	/* what becomes accessible is wired then */
	KT_EQ(uvm_map_protect(
		  map, KTF_VA(25), KTF_VA(26), PROT_READ | PROT_WRITE, FALSE),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 9);
	uvm_unmap(map, KTF_VA(20), KTF_VA(22));
	KT_EQ(KT_DELTA(&s, wired), 7);
	KT_EQ(uvm_map_pageable_all(map, 0, 0), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(ktm_map(vm, 30, 32, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvm_map_audit(map);
	uvmspace_free(vm);
}

/* Above wiredmax nothing is wired; a new mapping that cannot be is not made. */
KTEST(uvm_map_pageable_limits)
{
	struct uvm_object *uobj = uao_create(ptoa(2), 0);
	struct vmspace *vm = ktf_space();
	uvm_flag_t rw = UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_SHARE,
	    UVM_ADV_RANDOM, UVM_FLAG_FIXED);
	vaddr_t va = KTF_VA(8);
	struct uvmexp s;
	int max = uvmexp.wiredmax;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	KT_SNAP(&s);
	uvmexp.wiredmax = uvmexp.wired + 3;
	KT_EQ(uvm_map_pageable_all(&vm->vm_map, MCL_CURRENT, 0), ENOMEM);
	uvmexp.wiredmax = max;
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(uvm_map_pageable_all(&vm->vm_map, MCL_FUTURE, 0), 0);
	/* the object's third page cannot be had */
	KT_CHECK(uvm_map(&vm->vm_map, &va, ptoa(3), uobj, 0, 0, rw) != 0);
	KT_EQ(uobj->uo_refs, 1);
	KT_EQ(ktf_fault(vm, 8, PROT_READ), EFAULT);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(uvm_map(&vm->vm_map, &va, ptoa(2), uobj, 0, 0, rw), 0);
	KT_EQ(KT_DELTA(&s, wired), 2);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, wired), 0);
}

/* -- Copies of wired memory ---------------------------------------------------------- */

/*
 * A sharer of wired memory forks: the page that is wired must stay the one
 * that the wired map has, whoever writes first.
 */
static void
wired_sharer(bool wired_writes)
{
	struct vmspace *vm = ktf_space(), *sharer, *copy;
	struct uvmexp s;
	struct vm_page *pg;

	KT_SNAP(&s);
	ktf_map_anon(vm, 2, MADV_RANDOM);
	ktm_fill(vm, 0, 2, 5);
	KT_EQ(uvm_map_inherit(
		  &vm->vm_map, KTF_VA(0), KTF_VA(2), MAP_INHERIT_SHARE),
	    0);
	sharer = uvmspace_fork_vm(vm);
	KT_EQ(pageable(vm, 0, 1, FALSE), 0);
	pg = ktf_page(vm, KTF_VA(0));
	KT_EQ(uvm_map_inherit(
		  &sharer->vm_map, KTF_VA(0), KTF_VA(2), MAP_INHERIT_COPY),
	    0);
	copy = uvmspace_fork_vm(sharer);
	KT_EQ(KT_DELTA(&s, wired), 1);
	ktm_fill(wired_writes ? vm : sharer, 0, 2, 30);
	KT_CHECK(ktf_page(vm, KTF_VA(0)) == pg);
	KT_CHECK(ktm_filled(vm, 0, 2, 30));
	KT_CHECK(ktm_filled(sharer, 0, 2, 30));
	KT_CHECK(ktm_filled(copy, 0, 2, 5));
	KT_EQ(KT_DELTA(&s, wired), 1);
	KT_EQ(pageable(vm, 0, 1, TRUE), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvmspace_free(vm);
	uvmspace_free(sharer);
	uvmspace_free(copy);
}

KTEST(uvm_map_wired_sharer)
{
	wired_sharer(false);
	wired_sharer(true);
}

/* -- uvm_vslock ------------------------------------------------------------------------- */

static caddr_t
user_addr(vaddr_t va)
{
	return (caddr_t)va;
}

/* T-uvm_vslock-1, -2, T-uvm_vsunlock-1 */
KTEST(uvm_vslock)
{
	struct vmspace *vm = ktf_space(), *child;
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	struct vm_page *pg;
	struct uvmexp s;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	KT_SNAP(&s);
	KT_EQ(uvm_vslock(
		  p, user_addr(KTF_VA(2) - 50), 100, PROT_READ | PROT_WRITE),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 2);
	KT_EQ(KT_DELTA(&s, faults), 2);
	KT_EQ(KT_DELTA(&s, active), 0);
	pg = ktf_page(vm, KTF_VA(1));
	KT_CHECK(pg != NULL && ktf_page(vm, KTF_VA(2)) != NULL);
	/* nested pairs */
	KT_EQ(uvm_vslock(p, user_addr(KTF_VA(1)), 1, PROT_READ), 0);
	KT_EQ(KT_DELTA(&s, wired), 2);
	uvm_vsunlock(p, user_addr(KTF_VA(1)), 1);
	KT_EQ(KT_DELTA(&s, wired), 2);
	KT_CHECK(ktf_page(vm, KTF_VA(1)) == pg);
	uvm_vsunlock(p, user_addr(KTF_VA(2) - 50), 100);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, active), 2);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 0);

	/* for writing: private first */
	ktm_fill(vm, 0, 4, 11);
	child = uvmspace_fork_vm(vm);
	KT_SNAP(&s);
	KT_EQ(uvm_vslock(
		  p, user_addr(KTF_VA(0)), PAGE_SIZE, PROT_READ | PROT_WRITE),
	    0);
	KT_EQ(KT_DELTA(&s, flt_acow), 1);
	pg = ktf_page(vm, KTF_VA(0));
	KT_CHECK(pg != ktf_page(child, KTF_VA(0)));
	KT_EQ(KT_DELTA(&s, wired), 1);
	uvm_vsunlock(p, user_addr(KTF_VA(0)), PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_CHECK(ktm_filled(child, 0, 4, 11));
	uvmspace_free(child);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* What is locked for a transfer moves away: it is not wired for ever. */
KTEST(uvm_vslock_moved)
{
	struct vmspace *vm = ktf_space(), *to = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	vaddr_t va = KTF_VA(0);
	struct uvmexp s;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	ktm_fill(vm, 0, 4, 5);
	KT_SNAP(&s);
	KT_EQ(uvm_vslock(&kp->kp_proc, user_addr(KTF_VA(0)), ptoa(3),
		  PROT_READ | PROT_WRITE),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 3);
	KT_EQ(uvm_map_extract(&vm->vm_map, KTF_VA(1), ptoa(3), &to->vm_map, &va,
		  UVM_EXTRACT_REMOVE),
	    0);
	KT_EQ(KT_DELTA(&s, wired), 1);
	uvm_vsunlock(&kp->kp_proc, user_addr(KTF_VA(0)), ptoa(3));
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 0);
	KT_EQ(ktf_read(vm, 0), 5);
	for (int i = 0; i < 3; i++)
		KT_EQ(ktf_read(to, i), (uint64_t)(5 + 1 + i));
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvmspace_free(vm);
	uvmspace_free(to);
	ktm_proc_free(kp);
}

/* T-uvm_vslock-3 */
KTEST(uvm_vslock_errors)
{
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	struct uvmexp s;

	ktf_map_anon(vm, 2, MADV_RANDOM);
	KT_EQ(ktm_map(vm, 3, 4, UVM_PROT_R, KTM_ANON), 0);
	KT_SNAP(&s);
	KT_EQ(uvm_vslock(p, user_addr(KTF_VA(0)), ptoa(4), PROT_READ), EFAULT);
	KT_EQ(uvm_vslock(p, user_addr(KTF_VA(3)), 1, PROT_WRITE), EACCES);
	KT_EQ(uvm_vslock(p, user_addr(KTF_VA(0)), 0, PROT_READ), EINVAL);
	KT_EQ(uvm_vslock(p, user_addr(KTF_VA(0)), ~0UL, PROT_READ), EINVAL);
	KT_EQ(uvm_vslock(p, user_addr(~0UL - 10), 5, PROT_READ), EINVAL);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 0);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* Under a shortage of memory what is locked stays where it is. */
KTEST(uvm_vslock_pressure)
{
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	paddr_t before, after;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	ktm_fill(vm, 0, 4, 77);
	KT_EQ(uvm_vslock(p, user_addr(KTF_VA(1)), 1, PROT_READ), 0);
	KT_CHECK(pmap_extract(vm->vm_map.pmap, KTF_VA(1), &before));
	KT_CHECK(kt_balloon(uvmexp.freemin + 8));
	wakeup(&uvm.pagedaemon);
	kt_sleep_ms(50);
	kt_balloon_release();
	KT_CHECK(pmap_extract(vm->vm_map.pmap, KTF_VA(1), &after));
	KT_EQ(before, after);
	KT_CHECK(ktm_filled(vm, 0, 4, 77));
	uvm_vsunlock(p, user_addr(KTF_VA(1)), 1);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* The range is unmapped under the lock: nothing is counted wrong. */
KTEST(uvm_vslock_unmapped)
{
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	struct uvmexp s;

	ktf_map_anon(vm, 4, MADV_RANDOM);
	KT_SNAP(&s);
	KT_EQ(uvm_vslock(p, user_addr(KTF_VA(0)), ptoa(3), PROT_WRITE), 0);
	KT_EQ(KT_DELTA(&s, wired), 3);
	uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(2));
	KT_EQ(KT_DELTA(&s, wired), 1);
	/* and something else is there */
	KT_EQ(ktm_map(vm, 1, 2, UVM_PROT_RW, KTM_ANON), 0);
	ktf_write(vm, 1, 1);
	uvm_vsunlock(p, user_addr(KTF_VA(0)), ptoa(3));
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* Sharing the memory takes no mapping from under the lock. */
KTEST(uvm_vslock_shared)
{
	struct vmspace *vm = ktf_space(), *sharer;
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	struct vm_page *pg;
	struct uvmexp s;

	ktf_map_anon(vm, 6, MADV_RANDOM);
	for (int i = 0; i < 6; i++)
		KT_EQ(ktf_read(vm, i), 0); /* the page of zeros */
	KT_SNAP(&s);
	KT_EQ(uvm_vslock(p, user_addr(KTF_VA(2)), ptoa(2), PROT_WRITE), 0);
	pg = ktf_page(vm, KTF_VA(2));
	KT_EQ(uvm_map_inherit(
		  &vm->vm_map, KTF_VA(0), KTF_VA(6), MAP_INHERIT_SHARE),
	    0);
	sharer = uvmspace_fork_vm(vm);
	KT_CHECK(pg != NULL && ktf_page(vm, KTF_VA(2)) == pg);
	KT_EQ(KT_DELTA(&s, wired), 2);
	uvm_vsunlock(p, user_addr(KTF_VA(2)), ptoa(2));
	KT_EQ(KT_DELTA(&s, wired), 0);
	/* what was read as zero is read again */
	ktm_fill(sharer, 0, 6, 50);
	KT_CHECK(ktm_filled(vm, 0, 6, 50));
	uvmspace_free(sharer);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* -- Wired pages that others replace ---------------------------------------------------- */

/*
 * A file's page is wired through private memory that is shared and read-only;
 * the other side writes.  The file's page is not wired any more, the copy is as
 * soon as it is mapped.
 */
KTEST(uvm_map_wired_promoted)
{
	struct uvm_object *uobj = uao_create(PAGE_SIZE, 0);
	struct vmspace *vm = ktf_space(), *sharer;
	struct vm_page *pg;
	struct uvmexp s;

	uao_reference(uobj);
	ktf_map_obj(vm, KTF_BASE, uobj, 1, true, MADV_RANDOM);
	KT_EQ(uvm_map_inherit(
		  &vm->vm_map, KTF_VA(0), KTF_VA(1), MAP_INHERIT_SHARE),
	    0);
	sharer = uvmspace_fork_vm(vm);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(1), PROT_READ, FALSE),
	    0);
	KT_SNAP(&s);
	KT_EQ(pageable(vm, 0, 1, FALSE), 0);
	KT_EQ(KT_DELTA(&s, wired), 1);
	pg = ktf_page(vm, KTF_VA(0));
	KT_CHECK(pg == uvm_pagelookup(uobj, 0));
	ktf_write(sharer, 0, 9);
	KT_EQ(pg->wire_count, 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(ktf_read(vm, 0), 9);
	KT_CHECK(pmap_is_wired(vm->vm_map.pmap, KTF_VA(0)));
	KT_EQ(KT_DELTA(&s, wired), 1);
	KT_EQ(pageable(vm, 0, 1, TRUE), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvmspace_free(sharer);
	uvmspace_free(vm);
	uao_detach(uobj);
}

/* A fault that comes while the range is being wired leaves it wired. */
KTEST(uvm_map_wired_refault)
{
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct uvmexp s;

	ktf_map_anon(vm, 2, MADV_RANDOM);
	KT_SNAP(&s);
	KT_EQ(
	    uvm_vslock(&kp->kp_proc, user_addr(KTF_VA(0)), ptoa(2), PROT_WRITE),
	    0);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), 0);
	KT_EQ(ktf_fault(vm, 1, PROT_WRITE), 0);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 2);
	KT_EQ(KT_DELTA(&s, wired), 2);
	uvm_vsunlock(&kp->kp_proc, user_addr(KTF_VA(0)), ptoa(2));
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 0);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

#ifdef FAULT_INJECT
/*
 * A page shared by fork is wired, and replaced by the first write; the nth
 * allocation of that fails.
 * => FALSE: there are not so many
 */
static bool
replace_in_vain(long nth)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvmexp s;
	bool failed;

	ktf_map_anon(vm, 1, MADV_RANDOM);
	ktf_write(vm, 0, 1);
	child = uvmspace_fork_vm(vm);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(1), PROT_READ, FALSE),
	    0);
	KT_SNAP(&s);
	KT_EQ(pageable(vm, 0, 1, FALSE), 0);
	KT_EQ(uvm_map_protect(
		  &vm->vm_map, KTF_VA(0), KTF_VA(1), UVM_PROT_RW, FALSE),
	    0);
	alloc_fail_at(nth, false);
	KT_EQ(ktf_fault(vm, 0, PROT_WRITE), 0);
	failed = alloc_fail_left() == 0;
	alloc_fail_at(0, false);
	KT_EQ(KT_DELTA(&s, wired), 1);
	KT_EQ(pageable(vm, 0, 1, TRUE), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	uvmspace_free(child);
	uvmspace_free(vm);
	return failed;
}

KTEST(uvm_map_wired_replaced_in_vain)
{
	long nth = 0;

	while (replace_in_vain(++nth))
		;
	KT_CHECK(nth > 1);
}
#endif
