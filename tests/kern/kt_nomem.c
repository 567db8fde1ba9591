/*
 * Memory that is not there: each operation of UVM is run with its first
 * allocation failing, then with its second, and so on until none is left to
 * fail.  It succeeds or says ENOMEM; what was mapped holds what it held; the
 * auditor finds every structure whole; and the harness counts pages and pool
 * items.
 */
#include "kt_user.h"
#include "kt_audit.h"
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/pool.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <tests/audit/audit.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_loan.h>
#include <uvm/uvm_mman.h>

#ifdef FAULT_INJECT

#define FAILS_MAX 400 /* no operation allocates that often */
#define RW        (PROT_READ | PROT_WRITE)
#define ANON      (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

/* -- What is mapped -------------------------------------------------------------------- */

/*
 * Pages of the space; each written one holds 100 plus its number.  Members
 * belong to the test's thread.
 */
enum {
	PRIV = 0, /* private, written */
	SHOBJ = 8, /* an object, shared; two pages written */
	COWOBJ = 12, /* the same object, private; one page written */
	SHANON = 16, /* shared anonymous; one page written */
	FRESH = 20, /* private, untouched */
	LARGE = 1024, /* private, LARGE_N pages, the first and last written */
	NEW = 8192, /* nothing: operations map here */
};
#define LARGE_N 5000

struct world {
	struct kt_user w_ku; /* [thread] */
	struct vmspace *w_vm; /* [thread] its space */
	vm_map_t w_map; /* [thread] and its map */
	struct uvm_object *w_obj; /* [thread] mapped at SHOBJ, COWOBJ */
	int w_fd; /* [thread] an empty file */
};

typedef int op_fn(struct world *w);

static const int written[] = { PRIV, PRIV + 1, PRIV + 2, PRIV + 3, PRIV + 4,
	PRIV + 5, PRIV + 6, PRIV + 7, SHOBJ, SHOBJ + 1, COWOBJ + 2, SHANON,
	LARGE, LARGE + LARGE_N - 1 };

static uint64_t
value_of(int i)
{
	return 100 + (uint64_t)i;
}

static void
map_shared_anon(struct world *w, int i, int n)
{
	vaddr_t va = KTF_VA(i);

	KT_EQ(uvm_map(w->w_map, &va, ptoa(n), NULL, UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(RW, UVM_PROT_RWX, UVM_INH_SHARE, UVM_ADV_RANDOM,
		      UVM_FLAG_FIXED | UVM_FLAG_OVERLAY)),
	    0);
}

static void
world_make(struct world *w, bool alone)
{
	kt_user_enter(&w->w_ku);
	w->w_vm = w->w_ku.ku_vm;
	w->w_map = &w->w_vm->vm_map;
	/* what others could use takes the long way */
	w->w_ku.ku_process->ps_nthreads = alone ? 1 : 2;
	w->w_fd = kt_user_file(0, O_RDWR);
	w->w_obj = uao_create(ptoa(64), 0);
	kt_user_map(PRIV, SHOBJ);
	uao_reference(w->w_obj);
	ktf_map_obj(w->w_vm, KTF_VA(SHOBJ), w->w_obj, 4, false, MADV_NORMAL);
	uao_reference(w->w_obj);
	ktf_map_obj(w->w_vm, KTF_VA(COWOBJ), w->w_obj, 4, true, MADV_NORMAL);
	map_shared_anon(w, SHANON, 4);
	kt_user_map(FRESH, FRESH + 8);
	kt_user_map(LARGE, LARGE + LARGE_N);
	for (size_t i = 0; i < nitems(written); i++)
		kt_user_store(KTF_VA(written[i]), value_of(written[i]));
}

static void
world_check(struct world *w)
{
	for (size_t i = 0; i < nitems(written); i++) {
		if (ktf_entry(w->w_vm, written[i]) == NULL)
			continue; /* unmapped on purpose */
		KT_EQ(ktf_read(w->w_vm, written[i]), value_of(written[i]));
	}
	uvm_map_audit(w->w_map);
}

static void
world_end(struct world *w)
{
	kt_user_leave(&w->w_ku);
	uao_detach(w->w_obj);
}

/* -- The loop ---------------------------------------------------------------------------- */

/* kt_frozen()'s. */
static void
audit(void *arg)
{
	kta_audit(arg);
}

static void
check_structures(const char *name, int nth)
{
	struct kta_result *r = kmem_alloc(sizeof(*r), PR_WAITOK);
	bool shortage = audit_known.shortage;

	audit_known.shortage = true;
	kt_frozen(audit, r);
	audit_known.shortage = shortage;
	if (r->n != 0)
		kt_fail(__FILE__, __LINE__, "%s, allocation %d: %d wrong: %s",
		    name, nth, r->n, r->line[0]);
	kmem_free(r, sizeof(*r));
}

/*
 * One run with the nth allocation failing.
 * => FALSE: there is no nth allocation
 */
static bool
run_failing(const char *name, op_fn *fn, bool alone, int nth)
{
	struct world w;
	int error, calls;

	world_make(&w, alone);
	ktf_fail_nth(nth);
	error = fn(&w);
	calls = ktf_fail_end();
	if (error != 0 && error != ENOMEM)
		kt_fail(__FILE__, __LINE__, "%s, allocation %d: error %d", name,
		    nth, error);
	if (calls < nth)
		KT_EQ(error, 0);
	world_check(&w);
	/* the way back is the same in both cases */
	if (!alone && calls >= nth)
		check_structures(name, nth);
	world_end(&w);
	return calls >= nth;
}

/* => it allocates at least `least' times, whether the process is alone or not */
static void
failing(const char *name, op_fn *fn, int least)
{
	bool (*hook)(void) = alloc_fail_hook;
	int n;

	for (int alone = 0; alone < 2; alone++) {
		for (n = 1; n < FAILS_MAX; n++)
			if (!run_failing(name, fn, alone != 0, n))
				break;
		if (n == FAILS_MAX || n <= least)
			kt_fail(__FILE__, __LINE__, "%s allocates %d times",
			    name, n - 1);
	}
	alloc_fail_hook = hook;
}

#define NOMEM(name, least)                           \
	static op_fn nomem_##name;                   \
	KTEST(nomem_##name)                          \
	{                                            \
		failing(#name, nomem_##name, least); \
	}                                            \
	static int nomem_##name(struct world *w)

/* => errno of a fault at page i, without hardware's own try */
static int
touch(struct world *w, int i, vm_prot_t access)
{
	return uvm_fault(w->w_map, KTF_VA(i), VM_FAULT_INVALID, access);
}

/* -- Mapping ------------------------------------------------------------------------------ */

/* Memory with its amap at once, and a mapping that grows over its end. */
NOMEM(map_overlay, 2)
{
	vaddr_t va = KTF_VA(NEW);
	uvm_flag_t flags =
	    UVM_MAPFLAG(RW, UVM_PROT_RWX, UVM_INH_COPY, UVM_ADV_RANDOM,
		UVM_FLAG_FIXED | UVM_FLAG_OVERLAY | UVM_FLAG_COPYONW |
		    UVM_FLAG_AMAPPAD);
	int error = 0;

	for (int i = 0; i < 3 && error == 0; i++, va += PAGE_SIZE) {
		error = uvm_map(w->w_map, &va, PAGE_SIZE, NULL,
		    UVM_UNKNOWN_OFFSET, 0, flags);
		if (error == 0)
			error = touch(w, NEW + i, RW);
	}
	return error;
}

NOMEM(map_object, 2)
{
	vaddr_t va = KTF_VA(NEW);
	int error;

	uao_reference(w->w_obj);
	error = uvm_map(w->w_map, &va, ptoa(4), w->w_obj, ptoa(8), 0,
	    UVM_MAPFLAG(RW, RW, UVM_INH_SHARE, UVM_ADV_NORMAL, UVM_FLAG_FIXED));
	if (error != 0) {
		uao_detach(w->w_obj);
		return error;
	}
	return touch(w, NEW + 2, RW);
}

/* A replacement that fails leaves the old mapping, or none. */
NOMEM(map_replace, 1)
{
	return KT_CALL(sys_mmap, KTF_VA(PRIV + 2), ptoa(2), RW,
		   ANON | MAP_POPULATE, (uint64_t)-1) == 0
	    ? KT_CALL(sys_munmap, KTF_VA(PRIV + 2), ptoa(2))
	    : ENOMEM;
}

NOMEM(discard, 0)
{
	int error = KT_CALL(
	    sys_madvise, KTF_VA(FRESH), ptoa(8), LINUX_MADV_POPULATE_WRITE);

	if (error == 0)
		error = KT_CALL(sys_madvise, KTF_VA(FRESH + 2), ptoa(3),
		    LINUX_MADV_DONTNEED);
	if (error == 0)
		error = KT_CALL(sys_msync, KTF_VA(PRIV), ptoa(12), MS_SYNC);
	return error;
}

/* -- Faults --------------------------------------------------------------------------------- */

/* The first touch of each kind of memory, then the first write. */
NOMEM(fault, 4)
{
	static const int page[] = { FRESH + 1, COWOBJ, COWOBJ + 1, SHANON + 2,
		SHOBJ + 3, LARGE + 700, LARGE + 2000, LARGE + 70 };
	int error = 0;

	for (size_t i = 0; i < nitems(page) && error == 0; i++) {
		error = touch(w, page[i], PROT_READ);
		if (error == 0)
			error = touch(w, page[i], RW);
	}
	return error;
}

/* Writes without a read before. */
NOMEM(fault_write, 4)
{
	static const int page[] = { FRESH + 1, FRESH + 3, COWOBJ, COWOBJ + 3,
		SHANON + 2, SHOBJ + 3, LARGE + 4000 };
	int error = 0;

	for (size_t i = 0; i < nitems(page) && error == 0; i++)
		error = touch(w, page[i], RW);
	return error;
}

/* More than 2 MiB apart: page tables, and nodes of amaps and objects. */
NOMEM(fault_far, 3)
{
	struct uvm_object *obj = uao_create(1UL << 40, 0);
	vaddr_t va = KTF_VA(NEW);
	int error;

	error = uvm_map(w->w_map, &va, 1UL << 34, obj, 0, 0,
	    UVM_MAPFLAG(RW, RW, UVM_INH_SHARE, UVM_ADV_RANDOM, UVM_FLAG_FIXED));
	if (error != 0) {
		uao_detach(obj);
		return error;
	}
	for (int i = 0; i < 4 && error == 0; i++)
		error = touch(w, NEW + (i * 100003), RW);
	return error;
}

/* -- Fork and copy-on-write ---------------------------------------------------------------- */

NOMEM(fork, 4)
{
	struct vmspace *child = uvmspace_fork(w->w_ku.ku_process);
	int error = 0;

	for (int i = 0; i < 4 && error == 0; i++)
		error = uvm_fault(
		    &child->vm_map, KTF_VA(PRIV + i), VM_FAULT_INVALID, RW);
	for (int i = 2; i < 6 && error == 0; i++)
		error = touch(w, PRIV + i, RW);
	if (error == 0)
		error = touch(w, LARGE + 100, RW);
	if (error == 0)
		error = touch(w, SHANON, RW);
	for (int i = PRIV; i < PRIV + 8 && error == 0; i++)
		KT_EQ(ktf_read(child, i), value_of(i));
	uvmspace_free(child);
	return error;
}

/* Wired memory is copied at once; shared memory stays shared. */
NOMEM(fork_wired, 8)
{
	struct vmspace *child;
	int error = KT_CALL(sys_mlock, KTF_VA(PRIV), ptoa(8));

	if (error == 0)
		error = KT_CALL(
		    sys_minherit, KTF_VA(COWOBJ), ptoa(4), MAP_INHERIT_SHARE);
	if (error != 0)
		return error;
	child = uvmspace_fork(w->w_ku.ku_process);
	for (int i = PRIV; i < PRIV + 8; i++)
		KT_EQ(ktf_read(child, i), value_of(i));
	KT_EQ(ktf_read(child, COWOBJ + 2), value_of(COWOBJ + 2));
	uvmspace_free(child);
	return 0;
}

/* A child's child, and shared memory that was to be copied. */
NOMEM(fork_shared, 4)
{
	struct vmspace *child = uvmspace_fork(w->w_ku.ku_process), *shared;
	int error =
	    KT_CALL(sys_minherit, KTF_VA(PRIV), ptoa(8), MAP_INHERIT_SHARE);

	if (error == 0) {
		shared = uvmspace_fork(w->w_ku.ku_process);
		error = uvm_fault(
		    &shared->vm_map, KTF_VA(PRIV + 1), VM_FAULT_INVALID, RW);
		if (error == 0)
			KT_EQ(ktf_read(shared, PRIV + 1), value_of(PRIV + 1));
		uvmspace_free(shared);
	}
	KT_EQ(ktf_read(child, PRIV + 1), value_of(PRIV + 1));
	uvmspace_free(child);
	return error;
}

/* Who refers to which part of a shared amap is known in ever more pieces. */
NOMEM(cover, 2)
{
	struct vmspace *child;

	map_shared_anon(w, NEW, 64);
	KT_EQ(touch(w, NEW + 63, RW) & ~ENOMEM, 0);
	child = uvmspace_fork(w->w_ku.ku_process);
	for (int i = 1; i < 40; i += 3)
		KT_EQ(uvm_unmap_user(
			  &child->vm_map, KTF_VA(NEW + i), KTF_VA(NEW + i + 1)),
		    0);
	for (int i = 2; i < 40; i += 7)
		KT_EQ(KT_CALL(sys_munmap, KTF_VA(NEW + i), ptoa(2)), 0);
	KT_EQ(KT_CALL(sys_munmap, KTF_VA(NEW), ptoa(64)), 0);
	uvmspace_free(child);
	return 0;
}

/* -- Wiring --------------------------------------------------------------------------------- */

NOMEM(wire, 4)
{
	int error = KT_CALL(sys_mlock, KTF_VA(PRIV + 2), ptoa(3));

	if (error == 0)
		error = KT_CALL(sys_mlock, KTF_VA(COWOBJ), ptoa(12));
	if (error == 0)
		error = KT_CALL(sys_munlock, KTF_VA(PRIV), ptoa(8));
	return error;
}

/* A copy takes the place of an object's page in wired memory. */
NOMEM(wire_promote, 2)
{
	int error = KT_CALL(sys_mprotect, KTF_VA(COWOBJ), ptoa(4), PROT_READ);

	if (error == 0)
		error = KT_CALL(sys_mlock, KTF_VA(COWOBJ), ptoa(2));
	if (error == 0)
		error = KT_CALL(sys_mprotect, KTF_VA(COWOBJ), ptoa(4), RW);
	if (error == 0)
		error = touch(w, COWOBJ + 1, RW);
	return error;
}

NOMEM(vslock, 2)
{
	caddr_t addr = (caddr_t)KTF_VA(COWOBJ);
	int error = uvm_vslock(curproc, addr, ptoa(12), RW);

	if (error != 0)
		return error;
	KT_EQ(ktf_page(w->w_vm, KTF_VA(COWOBJ))->wire_count, 1);
	uvm_vsunlock(curproc, addr, ptoa(12));
	KT_EQ(ktf_page(w->w_vm, KTF_VA(COWOBJ))->wire_count, 0);
	return 0;
}

/* -- Loans ------------------------------------------------------------------------------------ */

NOMEM(loan_pages, 2)
{
	struct vm_page *pgs[8];
	int error = uvm_loan(
	    w->w_map, KTF_VA(COWOBJ), ptoa(8), (void **)pgs, UVM_LOAN_TOPAGE);

	if (error != 0)
		return error;
	/* the owner writes: it gets pages of its own */
	error = touch(w, COWOBJ + 2, RW);
	if (error == 0)
		error = touch(w, SHANON, RW);
	uvm_unloan(pgs, 8, UVM_LOAN_TOPAGE);
	return error;
}

NOMEM(loan_object, 1)
{
	struct vm_page *pgs[4];
	int error = uvm_loan(
	    w->w_map, KTF_VA(SHOBJ), ptoa(4), (void **)pgs, UVM_LOAN_TOPAGE);

	if (error != 0)
		return error;
	for (int i = 0; i < 4 && error == 0; i++)
		error = touch(w, SHOBJ + i, RW);
	uvm_unloan(pgs, 4, UVM_LOAN_TOPAGE);
	return error;
}

NOMEM(loan_anons, 2)
{
	struct vm_anon *anons[8];
	int error = uvm_loan(
	    w->w_map, KTF_VA(SHOBJ), ptoa(8), (void **)anons, UVM_LOAN_TOANON);

	if (error != 0)
		return error;
	error = touch(w, SHOBJ + 1, RW);
	if (error == 0)
		error = touch(w, COWOBJ + 2, RW);
	uvm_unloan(anons, 8, UVM_LOAN_TOANON);
	return error;
}

/* Lent and wired: the owner's write moves the wiring. */
NOMEM(loan_wired, 2)
{
	struct vm_page *pgs[4];
	int error = KT_CALL(sys_mlock, KTF_VA(PRIV), ptoa(4));

	if (error == 0)
		error = KT_CALL(sys_mlock, KTF_VA(SHOBJ), ptoa(2));
	if (error == 0)
		error = uvm_loan(w->w_map, KTF_VA(PRIV), ptoa(4), (void **)pgs,
		    UVM_LOAN_TOPAGE);
	if (error != 0)
		return error;
	error = touch(w, PRIV + 1, RW);
	uvm_unloan(pgs, 4, UVM_LOAN_TOPAGE);
	if (error == 0)
		error = uvm_loan(w->w_map, KTF_VA(SHOBJ), ptoa(2), (void **)pgs,
		    UVM_LOAN_TOPAGE);
	if (error != 0)
		return error;
	error = touch(w, SHOBJ + 1, RW);
	uvm_unloan(pgs, 2, UVM_LOAN_TOPAGE);
	return error;
}

/* -- Passing ---------------------------------------------------------------------------------- */

NOMEM(extract, 2)
{
	vaddr_t to = 0;
	int error = uvm_map_extract(
	    w->w_map, KTF_VA(PRIV + 1), ptoa(26), kernel_map, &to, 0);

	if (error != 0)
		return error;
	KT_EQ(*(volatile uint64_t *)to, value_of(PRIV + 1));
	uvm_unmap(kernel_map, to, to + ptoa(26));
	return 0;
}

NOMEM(extract_move, 1)
{
	struct vmspace *vm = ktf_space();
	vaddr_t to = KTF_BASE;
	int error = uvm_map_extract(w->w_map, KTF_VA(PRIV + 2), ptoa(2),
	    &vm->vm_map, &to, UVM_EXTRACT_REMOVE);

	if (error == 0) {
		KT_CHECK(ktf_entry(w->w_vm, PRIV + 2) == NULL);
		KT_EQ(uvm_fault(&vm->vm_map, to, VM_FAULT_INVALID, RW), 0);
		KT_EQ(*(uint64_t *)VM_PAGE_TO_DMAP(ktf_page(vm, to)),
		    value_of(PRIV + 2));
	}
	uvmspace_free(vm);
	return error;
}

/* A part moves, growing, over something else; shared memory is mapped twice. */
NOMEM(mremap, 1)
{
	struct uvm_remap rq = { .old = KTF_VA(PRIV + 2),
		.osize = ptoa(3),
		.nsize = ptoa(6),
		.flags = MREMAP_MAYMOVE | MREMAP_FIXED,
		.to = KTF_VA(NEW) };
	int error;

	error = uvm_map_remap(w->w_map, NULL, &rq);
	if (error == 0) {
		KT_CHECK(ktf_entry(w->w_vm, PRIV + 2) == NULL);
		KT_EQ(kt_user_load(KTF_VA(NEW)), value_of(PRIV + 2));
	}
	rq = (struct uvm_remap){ .old = KTF_VA(SHANON),
		.nsize = ptoa(8),
		.flags = MREMAP_MAYMOVE | MREMAP_FIXED,
		.to = KTF_VA(NEW + 100) };
	if (error == 0)
		error = uvm_map_remap(w->w_map, NULL, &rq);
	if (error == 0)
		error = touch(w, NEW + 100, PROT_READ);
	if (error == 0)
		KT_EQ(kt_user_load(KTF_VA(NEW + 100)), value_of(SHANON));
	return error;
}

/* -- Files, brk, whole spaces ---------------------------------------------------------------------- */

/* A file that is written, read and mapped. */
NOMEM(file, 3)
{
	uint64_t fd = (uint64_t)w->w_fd;
	int error;

	error = KT_CALL(sys_pwrite64, fd, KTF_VA(PRIV), ptoa(4), 100);
	if (error == 0 && kt_result != (int64_t)ptoa(4))
		error = ENOMEM; /* a part */
	if (error == 0)
		error = KT_CALL(
		    sys_pread64, fd, KTF_VA(FRESH), ptoa(4), ptoa(1) + 100);
	if (error == 0)
		error = KT_CALL(sys_mmap, KTF_VA(NEW), ptoa(3), RW,
		    MAP_PRIVATE | MAP_FIXED | MAP_LOCKED, fd);
	if (error == 0)
		KT_EQ(kt_user_load(KTF_VA(NEW) + 100), value_of(PRIV));
	return error == ENOSPC ? ENOMEM : error;
}

/* brk memory, the stack, what mincore and sysctl need to answer. */
NOMEM(brk, 1)
{
	w->w_vm->vm_brkbase = w->w_vm->vm_brk = KTF_VA(NEW);
	for (int i = 1; i < 5; i++) {
		KT_EQ(KT_CALL(sys_brk, KTF_VA(NEW + i)), 0);
		if (kt_result != (int64_t)KTF_VA(NEW + i))
			return ENOMEM; /* where it was */
		if (touch(w, NEW + i - 1, RW) != 0)
			return ENOMEM;
	}
	return 0;
}

/* An address space that is replaced and its successor's first pages. */
NOMEM(space, 0)
{
	struct vmspace *vm = ktf_space();
	int error = 0;

	ktf_map_anon(vm, 300, MADV_SEQUENTIAL);
	for (int i = 0; i < 300 && error == 0; i += 37)
		error = uvm_fault(&vm->vm_map, KTF_VA(i), VM_FAULT_INVALID, RW);
	uvmspace_free(vm);
	return error;
}

#endif
