/*
 * Several threads change the same address spaces at random: map, unmap,
 * protect, fork, pass entries, wire, discard, read and write from outside,
 * fault.  What results is nobody's to say, but every map stays sound, no word
 * of memory is one that nobody wrote, and in the end everything is free.
 */
#include "kt_map.h"
#include <sys/pool.h>

#define NSPACE 3
#define NTHR   4
#define NPAGE  64
#define STEPS  300
#define NOBJ   16 /* pages of the object that is mapped here and there */

/*
 * Locks used to protect members:
 *	l	lock
 *	I	immutable while threads run
 */
static struct {
	struct rwlock lock; /* LR_NONE */
	struct vmspace *vm[NSPACE]; /* [l] */
	struct uvm_object *uobj; /* [I] */
	struct kt_barrier barrier;
} st;

/* All members belong to one thread. */
struct actor {
	uint64_t random; /* [thread] */
	int index; /* [thread] */
	struct vmspace *vm, *other; /* [thread] referenced */
	int i, n; /* [thread] range: n pages from page i on */
	int done[16]; /* [thread] operations that succeeded, by kind */
};

static uint64_t
rnd(struct actor *a, uint64_t n)
{
	return kt_random_r(&a->random) % n;
}

/* => a space with a reference for the caller */
static struct vmspace *
space_get(struct actor *a)
{
	struct vmspace *vm;

	rw_enter_read(&st.lock);
	vm = st.vm[rnd(a, NSPACE)];
	atomic_add(&vm->vm_refcnt, 1);
	rw_exit(&st.lock);
	return vm;
}

/* => vm takes the place of one of the spaces */
static void
space_put(struct actor *a, struct vmspace *vm)
{
	struct vmspace **slot = &st.vm[rnd(a, NSPACE)], *old;

	rw_enter_write(&st.lock);
	old = *slot;
	*slot = vm;
	rw_exit(&st.lock);
	uvmspace_free(old);
}

/* What is written, and no chance can make: the halves are each other's not. */
static uint64_t
stamp(struct actor *a)
{
	uint64_t low = kt_random_r(&a->random) & 0xffffffff;

	return low | ~low << 32;
}

static bool
is_stamp(uint64_t v)
{
	return v == 0 || (v & 0xffffffff) == (~v >> 32);
}

/* -- Operations ----------------------------------------------------------------- */

static vaddr_t
from(struct actor *a)
{
	return KTF_VA(a->i);
}

static vaddr_t
to(struct actor *a)
{
	return KTF_VA(a->i + a->n);
}

/* Anonymous, private or shared, or the object; at the place or anywhere. */
static int
op_map(struct actor *a)
{
	static const int flags[] = { UVM_FLAG_COPYONW, UVM_FLAG_COPYONW,
		UVM_FLAG_OVERLAY, UVM_FLAG_COPYONW | UVM_FLAG_AMAPPAD,
		UVM_FLAG_COPYONW | UVM_FLAG_TRYLOCK };
	vm_inherit_t inherit = (vm_inherit_t)rnd(a, 4) << 4;
	struct uvm_object *uobj = rnd(a, 4) == 0 ? st.uobj : NULL;
	int fl = flags[rnd(a, nitems(flags))], error;
	vaddr_t va = from(a);

	if (rnd(a, 3) != 0)
		fl |= UVM_FLAG_FIXED | UVM_FLAG_UNMAP;
	if (uobj != NULL) {
		fl &= ~UVM_FLAG_OVERLAY;
		uao_reference(uobj);
		a->n = MIN(a->n, NOBJ);
	}
	error = uvm_map(&a->vm->vm_map, &va, ptoa(a->n), uobj,
	    uobj != NULL ? (voff_t)ptoa(NOBJ - a->n) : UVM_UNKNOWN_OFFSET, 0,
	    UVM_MAPFLAG(
		UVM_PROT_RW, UVM_PROT_RWX, inherit, UVM_ADV_NORMAL, fl));
	if (error != 0 && uobj != NULL)
		uao_detach(uobj);
	KT_CHECK(error == 0 || error == EFAULT || error == ENOMEM);
	return error;
}

static int
op_unmap(struct actor *a)
{
	uvm_unmap(&a->vm->vm_map, from(a), to(a));
	return 0;
}

static int
op_protect(struct actor *a)
{
	static const vm_prot_t prots[] = { PROT_NONE, PROT_READ,
		PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE };

	return uvm_map_protect(&a->vm->vm_map, from(a), to(a),
	    prots[rnd(a, nitems(prots))], FALSE);
}

static int
op_inherit(struct actor *a)
{
	return uvm_map_inherit(
	    &a->vm->vm_map, from(a), to(a), (vm_inherit_t)rnd(a, 4) << 4);
}

static int
op_advice(struct actor *a)
{
	return uvm_map_advice(&a->vm->vm_map, from(a), to(a), (int)rnd(a, 3));
}

static int
op_fork(struct actor *a)
{
	struct vmspace *child = uvmspace_fork_vm(a->vm);

	uvm_map_audit(&child->vm_map);
	space_put(a, child);
	return 0;
}

static int
op_extract(struct actor *a)
{
	static const int flags[] = { 0, UVM_EXTRACT_CONTIG, UVM_EXTRACT_REMOVE,
		UVM_EXTRACT_FIXPROT };
	vaddr_t va = KTF_VA(rnd(a, NPAGE));
	int error;

	error = uvm_map_extract(&a->vm->vm_map, from(a), ptoa(a->n),
	    &a->other->vm_map, &va, flags[rnd(a, nitems(flags))]);
	KT_CHECK(error == 0 || error == EFAULT);
	/* spaces must not grow without end */
	if (error == 0 && va >= KTF_VA(NPAGE))
		uvm_unmap(&a->other->vm_map, va, va + ptoa(a->n));
	return error;
}

static int
op_wire(struct actor *a)
{
	int error = uvm_map_pageable(&a->vm->vm_map, from(a), to(a), FALSE, 0);

	KT_CHECK(
	    error == 0 || error == EFAULT || error == EINVAL || error == EIO);
	return error;
}

static int
op_unwire(struct actor *a)
{
	int error = uvm_map_pageable(&a->vm->vm_map, from(a), to(a), TRUE, 0);

	KT_CHECK(error == 0 || error == EFAULT || error == EINVAL);
	return error;
}

static int
op_wire_all(struct actor *a)
{
	static const int what[] = { 0, 0, 0, MCL_CURRENT, MCL_FUTURE };
	int error =
	    uvm_map_pageable_all(&a->vm->vm_map, what[rnd(a, nitems(what))], 0);

	KT_CHECK(error == 0 || error == ENOMEM || error == EIO);
	return error;
}

static int
op_clean(struct actor *a)
{
	static const int flags[] = { PGO_FREE, PGO_FREE, PGO_DEACTIVATE,
		PGO_CLEANIT | PGO_SYNCIO };
	int error = uvm_map_clean(
	    &a->vm->vm_map, from(a), to(a), flags[rnd(a, nitems(flags))]);

	KT_CHECK(error == 0 || error == EFAULT || error == EINVAL);
	return error;
}

static int
op_fault(struct actor *a)
{
	vm_prot_t access = rnd(a, 2) ? PROT_WRITE : PROT_READ;
	int error = 0;

	for (vaddr_t va = from(a); va < to(a); va += PAGE_SIZE) {
		error = uvm_fault(&a->vm->vm_map, va, VM_FAULT_INVALID, access);
		KT_CHECK(error == 0 || error == EFAULT || error == EACCES ||
		    error == EIO);
	}
	return error;
}

static int
op_populate(struct actor *a)
{
	return uvm_map_populate(&a->vm->vm_map, from(a), to(a), PROT_READ);
}

static int
op_io(struct actor *a)
{
	uint64_t word;
	int error = 0;

	for (vaddr_t va = from(a); va < to(a); va += PAGE_SIZE) {
		word = stamp(a);
		error = ktf_word_io(
		    a->vm, va, &word, rnd(a, 2) ? UIO_READ : UIO_WRITE);
		KT_CHECK(is_stamp(word));
		KT_CHECK(error == 0 || error == EFAULT || error == EIO);
	}
	return error;
}

static int
op_ask(struct actor *a)
{
	vaddr_t va = from(a);
	vm_map_t map = &a->vm->vm_map;
	int error;

	vm_map_lock_read(map);
	(void)uvm_map_checkprot(map, from(a), to(a), PROT_READ);
	(void)uvm_map_covered(map, from(a), to(a));
	vm_map_unlock_read(map);
	error = uvm_map_query(map, &va, ptoa(a->n), UVM_UNKNOWN_OFFSET, false);
	KT_CHECK(error == 0 && va >= from(a));
	return error;
}

static int (*const ops[])(struct actor *a) = { op_map, op_unmap, op_protect,
	op_inherit, op_advice, op_fork, op_extract, op_wire, op_unwire,
	op_wire_all, op_clean, op_fault, op_populate, op_io, op_ask, op_map };
CTASSERT(nitems(ops) == nitems(((struct actor *)0)->done));

/* -- The run ------------------------------------------------------------------------ */

static void
act(void *arg)
{
	struct actor *a = arg;
	size_t kind;

	kt_barrier_wait(&st.barrier);
	for (int step = 0; step < STEPS; step++) {
		a->vm = space_get(a);
		a->other = space_get(a);
		a->i = (int)rnd(a, NPAGE);
		a->n = 1 + (int)rnd(a, MIN(12, NPAGE - a->i));
		kind = rnd(a, nitems(ops));
		if (ops[kind](a) == 0)
			a->done[kind]++;
		uvm_map_audit(&a->vm->vm_map);
		uvm_map_audit(&a->other->vm_map);
		uvmspace_free(a->vm);
		uvmspace_free(a->other);
		/* there may be but one hart */
		if (rnd(a, 4) == 0)
			yield();
	}
}

KTEST(map_stress)
{
	struct actor *a = kmem_zalloc(NTHR * sizeof(*a), PR_WAITOK);
	struct uvmexp s;
	int done;

	kt_settle();
	KT_SNAP(&s);
	rw_init(&st.lock, LR_NONE, "stress");
	st.uobj = uao_create(ptoa(NOBJ), 0);
	kt_barrier_init(&st.barrier, NTHR);
	for (int i = 0; i < NSPACE; i++)
		st.vm[i] = ktf_space();
	for (int i = 0; i < NTHR; i++) {
		a[i].random = kt_random();
		a[i].index = i;
	}
	kt_parallel(NTHR, act, a, sizeof(*a));
	for (int i = 0; i < NSPACE; i++) {
		KT_EQ(st.vm[i]->vm_refcnt, 1);
		KT_CHECK((st.vm[i]->vm_map.flags & VM_MAP_BUSY) == 0);
		uvmspace_free(st.vm[i]);
	}
	KT_EQ(st.uobj->uo_refs, 1);
	uao_detach(st.uobj);
	/* a test in which nothing succeeds would show nothing */
	for (size_t k = 0; k < nitems(ops); k++) {
		done = 0;
		for (int i = 0; i < NTHR; i++)
			done += a[i].done[k];
		KT_CHECK(done > 0);
	}
	kmem_free(a, NTHR * sizeof(*a));
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
	/* the threads' stacks go a little later than the threads */
	for (int i = 0; i < 100 && KT_DELTA(&s, wired) != 0; i++) {
		kt_sleep_ms(10);
		kt_settle();
	}
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
}
