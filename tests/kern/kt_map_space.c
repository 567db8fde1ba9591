/* Address spaces: uvmspace_*, uvm_fork, uvm_grow (1.3, 1.11). */
#include "kt_map.h"
#include <sys/ktrace.h>
#include <sys/timeout.h>
#include <sys/resource.h>

/* T-uvmspace_alloc-1, -2, -3 */
KTEST(uvmspace_alloc)
{
	struct vmspace *vm;
	uint64_t since = nsecuptime();

	vm = uvmspace_alloc(KTF_VA(0), KTF_VA(64), FALSE, FALSE);
	KT_EQ(vm_map_min(&vm->vm_map), KTF_VA(0));
	KT_EQ(vm_map_max(&vm->vm_map), KTF_VA(64));
	KT_EQ(vm->vm_refcnt, 1);
	KT_EQ(vm->vm_map.size, 0);
	KT_EQ(vm->vm_map.nentries, 0);
	KT_EQ(vm->vm_ssize, 0);
	KT_CHECK(!ktrace_seen("pmap_remove_holes", (uint64_t)vm, since));
	/* not pageable: faults are not resolved */
	KT_EQ(ktm_map(vm, 0, 1, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), EFAULT);
	uvmspace_free(vm);
	since = nsecuptime();
	vm = uvmspace_alloc(VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS, TRUE, TRUE);
	KT_CHECK(ktrace_seen("pmap_remove_holes", (uint64_t)vm, since));
	KT_EQ(ktm_map(vm, 0, 1, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), 0);
	uvmspace_free(vm);
}

/* T-uvmspace_free-1, -2 */
KTEST(uvmspace_free)
{
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_anon(vm, 32, MADV_NORMAL);
	ktm_fill(vm, 0, 32, 0);
	uvmspace_free(vm);
	kt_settle();
	KT_SNAP(&s);
	vm = ktf_space();
	ktf_map_anon(vm, 32, MADV_NORMAL);
	ktm_fill(vm, 0, 32, 0);
	KT_CHECK(KT_DELTA(&s, free) <= -32);
	vm->vm_refcnt = 2;
	uvmspace_free(vm);
	KT_EQ(vm->vm_refcnt, 1);
	KT_CHECK(ktm_filled(vm, 0, 32, 0));
	uvmspace_free(vm);
	kt_settle();
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, active), 0);
}

static void
free_twice(void *arg)
{
	struct vmspace *vm = arg;

	vm->vm_refcnt = 0;
	uvmspace_free(vm);
}

KTEST(uvmspace_free_panics)
{
	struct vmspace *vm = ktf_space();

	KT_PANICS(free_twice, vm, "uvmspace_free");
	vm->vm_refcnt = 1;
	uvmspace_free(vm);
}

/* T-uvmspace_exec-1, -2; WIREFUTURE is revoked (-3 as far as the map goes) */
KTEST(uvmspace_exec)
{
	struct vmspace *vm = ktf_space(), *old;
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktm_fill(vm, 0, 8, 0);
	KT_EQ(
	    uvm_map_pageable_all(&vm->vm_map, MCL_CURRENT | MCL_FUTURE, 0), 0);
	uvmspace_exec(p, KTF_VA(0), KTF_VA(128));
	KT_CHECK(p->p_vmspace == vm && kp->kp_process.ps_vmspace == vm);
	KT_EQ(vm->vm_refcnt, 1);
	KT_EQ(vm->vm_map.nentries, 0);
	KT_EQ(vm->vm_map.size, 0);
	KT_EQ(vm_map_min(&vm->vm_map), KTF_VA(0));
	KT_EQ(vm_map_max(&vm->vm_map), KTF_VA(128));
	KT_CHECK((vm->vm_map.flags & VM_MAP_WIREFUTURE) == 0);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 0);
	ktf_map_anon(vm, 8, MADV_RANDOM);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 0);
	ktm_fill(vm, 0, 8, 6);

	KT_EQ(uvm_map_pageable_all(&vm->vm_map, MCL_FUTURE, 0), 0);
	old = uvmspace_share(&kp->kp_process);
	KT_CHECK(old == vm);
	uvmspace_exec(p, VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS);
	vm = p->p_vmspace;
	KT_CHECK(vm != old && kp->kp_process.ps_vmspace == vm);
	KT_EQ(vm->vm_refcnt, 1);
	KT_EQ(vm->vm_map.nentries, 0);
	KT_EQ(vm_map_max(&vm->vm_map), VM_MAXUSER_ADDRESS);
	KT_CHECK((vm->vm_map.flags & VM_MAP_WIREFUTURE) == 0);
	KT_EQ(old->vm_refcnt, 1);
	KT_CHECK(ktm_filled(old, 0, 8, 6));
	uvmspace_free(old);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* T-uvmspace_fork-1: the four inheritances */
KTEST(uvmspace_fork_inherit)
{
	static const vm_inherit_t inherit[] = { MAP_INHERIT_SHARE,
		MAP_INHERIT_COPY, MAP_INHERIT_NONE, MAP_INHERIT_ZERO };
	struct vmspace *vm = ktf_space(), *child;
	struct ktm_proc *kp = ktm_proc_make(vm);

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktm_fill(vm, 0, 4, 0x55);
	for (int i = 0; i < 4; i++)
		KT_EQ(uvm_map_inherit(
			  &vm->vm_map, KTF_VA(i), KTF_VA(i + 1), inherit[i]),
		    0);
	KT_EQ(ktm_map(vm, 8, 9, UVM_PROT_NONE, UVM_FLAG_FIXED | UVM_FLAG_HOLE),
	    0);
	KT_EQ(ktm_map(vm, 9, 10, UVM_PROT_NONE, UVM_FLAG_FIXED | UVM_FLAG_HOLE),
	    0);
	KT_EQ(uvm_map_inherit(
		  &vm->vm_map, KTF_VA(9), KTF_VA(10), MAP_INHERIT_ZERO),
	    0);
	child = uvmspace_fork(&kp->kp_process);
	uvm_map_audit(&child->vm_map);
	KT_EQ(child->vm_refcnt, 1);
	KT_EQ(ktf_read(child, 0), 0x55);
	ktf_write(child, 0, 0x66);
	KT_EQ(ktf_read(vm, 0), 0x66);
	KT_EQ(ktf_page(child, KTF_VA(0)), ktf_page(vm, KTF_VA(0)));
	KT_EQ(ktf_read(child, 1), 0x56);
	ktf_write(child, 1, 0x67);
	KT_EQ(ktf_read(vm, 1), 0x56);
	KT_EQ(ktf_fault(child, 2, PROT_READ), EFAULT);
	KT_EQ(ktf_read(child, 3), 0);
	ktf_write(child, 3, 1);
	KT_EQ(ktf_read(vm, 3), 0x58);
	/* a hole is a hole in every generation, and takes no memory */
	KT_EQ(ktf_fault(child, 8, PROT_READ), EFAULT);
	KT_EQ(ktf_fault(child, 9, PROT_READ), EFAULT);
	KT_EQ(child->vm_map.size, vm->vm_map.size - PAGE_SIZE);
	uvm_map_audit(&vm->vm_map);
	uvmspace_free(child);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* T-uvmspace_fork-2, -3; nothing is copied that need not be */
KTEST(uvmspace_fork_copy)
{
	struct vmspace *vm = ktf_space(), *child;
	struct vm_page *wired;
	struct uvmexp s;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktm_fill(vm, 0, 8, 1);
	KT_SNAP(&s);
	child = uvmspace_fork_vm(vm);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
	KT_CHECK(KT_DELTA(&s, free) >= -3);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 2, PROT_READ | PROT_WRITE), 0);
	KTF_EXPECT(
	    &s, .faults = 1, .fltamcopy = 1, .fltanget = 1, .flt_acow = 1);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(child, 2, PROT_READ | PROT_WRITE), 0);
	KTF_EXPECT(
	    &s, .faults = 1, .fltamcopy = 1, .fltanget = 1, .flt_anon = 1);
	uvmspace_free(child);

	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(3), KTF_VA(4), FALSE, 0), 0);
	wired = ktf_page(vm, KTF_VA(3));
	KT_SNAP(&s);
	child = uvmspace_fork_vm(vm);
	KT_EQ(KT_DELTA(&s, anonpages), 1);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(ktf_prot(vm, 3), PROT_READ | PROT_WRITE);
	KT_CHECK(ktf_page(vm, KTF_VA(3)) == wired);
	KT_EQ(ktf_read(child, 3), 4);
	KT_CHECK(ktf_page(child, KTF_VA(3)) != wired);
	KT_EQ(ktf_entry(child, 3)->wired_count, 0);
	uvm_map_audit(&child->vm_map);
	uvmspace_free(child);
	uvmspace_free(vm);
}

/* A child has all that is said of its parent's layout. */
KTEST(uvmspace_fork_layout)
{
	struct vmspace *vm = ktf_space(), *child;

	vm->vm_tsize = 1;
	vm->vm_dsize = 2;
	vm->vm_ssize = 3;
	vm->vm_taddr = 4;
	vm->vm_daddr = 5;
	vm->vm_maxsaddr = 6;
	vm->vm_minsaddr = 7;
	vm->vm_brkbase = 8;
	vm->vm_brk = 9;
	vm->vm_sigcode = 10;
	vm->vm_map.vm_seed = 11;
	vm->vm_map.vm_base = 12;
	KT_EQ(uvm_map_pageable_all(&vm->vm_map, MCL_FUTURE, 0), 0);
	child = uvmspace_fork_vm(vm);
	KT_EQ(child->vm_tsize, 1);
	KT_EQ(child->vm_dsize, 2);
	KT_EQ(child->vm_ssize, 3);
	KT_EQ(child->vm_taddr, 4);
	KT_EQ(child->vm_daddr, 5);
	KT_EQ(child->vm_maxsaddr, 6);
	KT_EQ(child->vm_minsaddr, 7);
	KT_EQ(child->vm_brkbase, 8);
	KT_EQ(child->vm_brk, 9);
	KT_EQ(child->vm_sigcode, 10);
	KT_EQ(child->vm_map.vm_seed, 11);
	KT_EQ(child->vm_map.vm_base, 12);
	/* what is wired in future is the parent's own affair */
	KT_CHECK((child->vm_map.flags & VM_MAP_WIREFUTURE) == 0);
	KT_CHECK((child->vm_map.flags & VM_MAP_PAGEABLE) != 0);
	uvmspace_free(child);
	uvmspace_free(vm);
}

/* T-uvmspace_share-1, T-uvmspace_unshare-1, -2 */
KTEST(uvmspace_share)
{
	struct vmspace *vm = ktf_space(), *other;
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;

	ktf_map_anon(vm, 2, MADV_RANDOM);
	ktm_fill(vm, 0, 2, 3);
	uvmspace_unshare(p);
	KT_CHECK(p->p_vmspace == vm);
	KT_EQ(vm->vm_refcnt, 1);
	other = uvmspace_share(&kp->kp_process);
	KT_CHECK(other == vm);
	KT_EQ(vm->vm_refcnt, 2);
	uvmspace_unshare(p);
	KT_CHECK(p->p_vmspace != other);
	KT_CHECK(kp->kp_process.ps_vmspace == p->p_vmspace);
	KT_EQ(other->vm_refcnt, 1);
	KT_EQ(p->p_vmspace->vm_refcnt, 1);
	KT_CHECK(ktm_filled(p->p_vmspace, 0, 2, 3));
	ktm_fill(p->p_vmspace, 0, 2, 40);
	KT_CHECK(ktm_filled(other, 0, 2, 3));
	/* for a look from outside */
	KT_CHECK(uvmspace_hold(&kp->kp_process) == p->p_vmspace);
	KT_EQ(p->p_vmspace->vm_refcnt, 2);
	uvmspace_free(p->p_vmspace);
	vm = p->p_vmspace;
	kp->kp_process.ps_vmspace = NULL;
	KT_CHECK(uvmspace_hold(&kp->kp_process) == NULL);
	uvmspace_free(vm);
	uvmspace_free(other);
	ktm_proc_free(kp);
}

/* -- uvm_fork ------------------------------------------------------------------------ */

static struct {
	volatile uint32_t started; /* [a] */
	void *arg; /* [thread that starts] */
	struct proc *p; /* [thread that starts] */
	uint64_t user_sp; /* [thread that starts] */
} forked;

static void
forked_main(void *arg)
{
	sched_thread_start();
	forked.arg = arg;
	forked.p = curproc;
	forked.user_sp = curproc->p_tf.tf_sp;
	atomic_store_rel(&forked.started, 1);
	wakeup((const void *)&forked);
	/* as a thread that shares nothing any more */
	pmap_deactivate(curproc);
	curproc->p_vmspace = proc0.p_vmspace;
	sched_exit();
}

/*
 * T-uvm_fork-1, -2.  The child is a thread of the tests' process that is in no
 * list of anybody.
 */
static void
check_uvm_fork(struct ktm_proc *kp, bool shared)
{
	struct vmspace *vm = kp->kp_process.ps_vmspace, *vm2;
	struct ktm_proc *kp2 = ktm_proc_make(NULL);
	struct proc *p1 = curproc, *p2;
	char *stack = (char *)KTF_VA(4);

	p2 = thread_alloc(&kp2->kp_process, "ktfork");
	KT_REQUIRE(p2 != NULL);
	p2->p_flag |= P_KTHREAD;
	kp2->kp_process.ps_mainproc = p2;
	forked.started = 0;
	/* cpu_fork wants the running thread to be the parent */
	p1->p_p = &kp->kp_process;
	uvm_fork(p1, p2, shared, stack, ptoa(2), forked_main, kp2);
	p1->p_p = &process0;
	vm2 = p2->p_vmspace;
	KT_EQ(vm2 == vm, shared);
	KT_EQ(vm->vm_refcnt, shared ? 2 : 1);
	KT_CHECK(kp2->kp_process.ps_vmspace == vm2);
	KT_EQ(p2->p_tf.tf_sp, KTF_VA(6));
	if (!shared) {
		ktf_write(vm2, 0, 1234);
		KT_EQ(ktf_read(vm, 0), 3);
		KT_EQ(ktf_read(vm2, 1), 4);
	}
	p2->p_cpumask = ~0UL;
	setrunnable(p2);
	while (!atomic_load_acq(&forked.started))
		kt_sleep_ms(1);
	KT_CHECK(forked.p == p2 && forked.arg == kp2);
	KT_EQ(forked.user_sp, KTF_VA(6));
	/* until the thread is off its stack */
	kt_sleep_ms(20);
	uvmspace_free(vm2);
	ktm_proc_free(kp2);
}

KTEST(uvm_fork)
{
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktm_fill(vm, 0, 8, 3);
	check_uvm_fork(kp, true);
	check_uvm_fork(kp, false);
	KT_EQ(vm->vm_refcnt, 1);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* -- uvm_grow -------------------------------------------------------------------------- */

/* T-uvm_grow-2, D25 */
KTEST(uvm_grow)
{
	struct vmspace *vm = ktf_space();
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct proc *p = &kp->kp_proc;
	static struct plimit limits;

	limits = *process0.ps_limit;
	kp->kp_process.ps_limit = &limits;
	limits.pl_rlimit[RLIMIT_STACK].rlim_cur = ptoa(100);
	vm->vm_maxsaddr = KTF_VA(0);
	vm->vm_minsaddr = KTF_VA(1000);
	KT_EQ(uvm_grow(p, KTF_VA(999)), 1);
	KT_EQ(vm->vm_ssize, 1);
	KT_EQ(uvm_grow(p, KTF_VA(996) + 8), 1);
	KT_EQ(vm->vm_ssize, 4);
	KT_EQ(uvm_grow(p, KTF_VA(996) + 8), 1);
	KT_EQ(uvm_grow(p, KTF_VA(998)), 1);
	KT_EQ(vm->vm_ssize, 4);
	KT_EQ(uvm_grow(p, KTF_VA(900)), 1);
	KT_EQ(vm->vm_ssize, 100);
	KT_EQ(uvm_grow(p, KTF_VA(900) - 1), 0);
	KT_EQ(vm->vm_ssize, 100);
	KT_EQ(uvm_grow(p, KTF_VA(0) - 1), 0);
	KT_EQ(uvm_grow(p, KTF_VA(1000)), 0);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}
