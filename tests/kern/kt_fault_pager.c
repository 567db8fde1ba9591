/*
 * Faults that wait: a pager that answers as told reaches every branch after
 * which locks are taken again, and anons' pages are kept busy by hand.
 */
#include <sys/errno.h>
#include <sys/uio.h>
#include "kt_user.h"
#include "kt_map.h"

/* -- A pager that does as it is told --------------------------------------- */

#define STUB_PAGES 8

static struct stub {
	struct uvm_object obj; /* first */
	int resident; /* [o] answer locked gets from the tree */
	int script[8]; /* [o] results of the next unlocked gets */
	int nscript; /* [o] how many */
	int gets; /* [o] unlocked gets so far */
	void (*during)(struct stub *); /* [o] called unlocked, in the get */
	bool release; /* [o] mark the page released */
	struct vmspace *vm; /* [o] who maps it */
} stub;

static void
stub_reference(struct uvm_object *uobj)
{
	rw_enter_write(&uobj->uo_lock);
	uobj->uo_refs++;
	rw_exit(&uobj->uo_lock);
}

static void
stub_detach(struct uvm_object *uobj)
{
	struct vm_page *pg;
	uint64_t i = 0;

	rw_enter_write(&uobj->uo_lock);
	if (--uobj->uo_refs == 0) {
		while ((pg = uvm_pagetree_next(&uobj->uo_tree, &i)) != NULL) {
			KT_EQ(pg->pg_flags & PG_BUSY, 0);
			pmap_page_protect(pg, PROT_NONE);
			uvm_pagefree(pg);
		}
	}
	rw_exit(&uobj->uo_lock);
}

static boolean_t
stub_flush(struct uvm_object *uobj, voff_t start, voff_t stop, int flags)
{
	return TRUE;
}

static int
stub_get_locked(struct uvm_object *uobj, voff_t off, struct vm_page **pps,
    int *npages, int centre)
{
	struct vm_page *pg;
	int i, n = 0;

	for (i = 0; i < *npages; i++) {
		pg = uvm_pagelookup(uobj, off + (voff_t)ptoa(i));
		if (pps[i] != NULL || pg == NULL || !stub.resident ||
		    (pg->pg_flags & PG_BUSY) != 0)
			continue;
		atomic_or(&pg->pg_flags, PG_BUSY);
		pps[i] = pg;
		n++;
	}
	*npages = n;
	return pps[centre] != NULL ? VM_PAGER_OK : VM_PAGER_UNLOCK;
}

/* => the page, busy; NULL: no memory */
static struct vm_page *
stub_fetch(struct uvm_object *uobj, voff_t off)
{
	struct vm_page *pg = uvm_pagelookup(uobj, off);

	if (pg != NULL) {
		atomic_or(&pg->pg_flags, PG_BUSY);
		return pg;
	}
	pg = uvm_pagealloc(uobj, off, NULL, UVM_PGA_ZERO);
	if (pg != NULL)
		*(uint64_t *)VM_PAGE_TO_DMAP(pg) = 7000 + atop(off);
	return pg;
}

static int
stub_get(struct uvm_object *uobj, voff_t off, struct vm_page **pps, int *npages,
    int centre, vm_prot_t access, int advice, int flags)
{
	void (*fn)(struct stub *) = stub.during;
	int rv = VM_PAGER_OK;

	KT_CHECK(rw_write_held(&uobj->uo_lock));
	if ((flags & PGO_LOCKED) != 0)
		return stub_get_locked(uobj, off, pps, npages, centre);
	if (stub.gets < stub.nscript)
		rv = stub.script[stub.gets];
	stub.gets++;
	if (fn != NULL) {
		stub.during = NULL;
		rw_exit(&uobj->uo_lock);
		fn(&stub);
		rw_enter_write(&uobj->uo_lock);
	}
	if (rv == VM_PAGER_OK) {
		pps[centre] = stub_fetch(uobj, off);
		if (pps[centre] == NULL)
			rv = VM_PAGER_AGAIN;
		else if (stub.release) {
			stub.release = false;
			atomic_or(&pps[centre]->pg_flags, PG_RELEASED);
		}
	}
	rw_exit(&uobj->uo_lock);
	return rv;
}

static const struct uvm_pagerops stub_pager = {
	.pgo_reference = stub_reference,
	.pgo_detach = stub_detach,
	.pgo_flush = stub_flush,
	.pgo_get = stub_get,
};

/* => a space with the stub mapped at KTF_BASE */
static struct vmspace *
stub_space(bool cow, int advice)
{
	struct vmspace *vm = ktf_space();

	memset(&stub, 0, sizeof(stub));
	uvm_obj_init(&stub.obj, &stub_pager, 1);
	stub.vm = vm;
	stub.resident = 1;
	ktf_map_obj(vm, KTF_BASE, &stub.obj, STUB_PAGES, cow, advice);
	return vm;
}

static void
stub_end(struct vmspace *vm)
{
	uvmspace_free(vm);
	KT_EQ(stub.obj.uo_refs, 0);
	KT_EQ(stub.obj.uo_npages, 0);
	uvm_obj_destroy(&stub.obj);
}

/* -- Branches of the object layer ------------------------------------------ */

/* Not resident: one unlocked get, one relock that finds nothing changed. */
KTEST(uvm_fault_pager_get)
{
	struct vmspace *vm = stub_space(false, MADV_RANDOM);
	struct uvmexp s;

	KT_SNAP(&s);
	KT_EQ(ktf_read(vm, 3), 7003);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .fltget = 1, .fltrelck = 1,
	    .fltrelckok = 1, .flt_obj = 1);
	KT_EQ(stub.obj.uo_refs, 1);
	stub_end(vm);
}

KTEST(uvm_fault_pager_promote)
{
	struct vmspace *vm = stub_space(true, MADV_RANDOM);
	struct uvmexp s;

	KT_SNAP(&s);
	ktf_write(vm, 3, 1);
	KTF_EXPECT(&s, .faults = 1, .fltamcopy = 1, .fltlget = 1, .fltget = 1,
	    .fltrelck = 1, .fltrelckok = 1, .flt_prcopy = 1);
	KT_EQ(ktf_read(vm, 3), 1);
	stub_end(vm);
}

KTEST(uvm_fault_pager_error)
{
	struct vmspace *vm = stub_space(false, MADV_RANDOM);
	struct uvmexp s;

	stub.nscript = 2;
	stub.script[0] = VM_PAGER_ERROR;
	stub.script[1] = VM_PAGER_BAD;
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), EIO);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), EIO);
	KTF_EXPECT(&s, .faults = 2, .fltlget = 2, .fltget = 2);
	KT_EQ(ktf_read(vm, 0), 7000);
	stub_end(vm);
}

/* No memory for the pager: the fault waits and asks again. */
KTEST(uvm_fault_pager_again)
{
	struct vmspace *vm = stub_space(false, MADV_RANDOM);
	struct uvmexp s;

	stub.nscript = 2;
	stub.script[0] = stub.script[1] = VM_PAGER_AGAIN;
	KT_SNAP(&s);
	KT_EQ(ktf_read(vm, 0), 7000);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 3, .fltget = 3, .fltrelck = 1,
	    .fltrelckok = 1, .flt_obj = 1, .fltnoram = 2);
	stub_end(vm);
}

static void
change_map(struct stub *st)
{
	vaddr_t va = KTF_VA(100);

	KT_EQ(uvm_map(&st->vm->vm_map, &va, PAGE_SIZE, NULL, UVM_UNKNOWN_OFFSET,
		  0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, UVM_INH_COPY,
		      UVM_ADV_NORMAL, UVM_FLAG_FIXED | UVM_FLAG_COPYONW)),
	    0);
}

/* The map changes during the I/O: the fault starts again. */
KTEST(uvm_fault_pager_changed)
{
	struct vmspace *vm = stub_space(false, MADV_RANDOM);
	struct uvmexp s;

	stub.during = change_map;
	KT_SNAP(&s);
	KT_EQ(ktf_read(vm, 0), 7000);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 2, .fltget = 1, .fltrelck = 1,
	    .fltrelckok = 0, .flt_obj = 1);
	stub_end(vm);
}

static void
write_meanwhile(struct stub *st)
{
	ktf_write(st->vm, 0, 42);
}

/*
 * Another thread gives the entry its amap during the I/O, and a copy of the
 * page: the fault must not map the object's page over it.
 */
KTEST(uvm_fault_pager_copied)
{
	struct vmspace *vm = stub_space(true, MADV_RANDOM);

	stub.during = write_meanwhile;
	KT_EQ(ktf_read(vm, 0), 42);
	stub_end(vm);
}

static void
unmap_all(struct stub *st)
{
	uvm_unmap(&st->vm->vm_map, KTF_VA(0), KTF_VA(STUB_PAGES));
}

/* The mapping goes away during the I/O, and the object with it. */
KTEST(uvm_fault_pager_unmapped)
{
	struct vmspace *vm = stub_space(false, MADV_RANDOM);
	struct uvmexp s;

	stub.during = unmap_all;
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), EFAULT);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .fltget = 1, .fltrelck = 1);
	stub_end(vm);
}

/* The page was released during the I/O: it is freed and fetched again. */
KTEST(uvm_fault_pager_released)
{
	struct vmspace *vm = stub_space(false, MADV_RANDOM);
	struct uvmexp s;

	stub.release = true;
	KT_SNAP(&s);
	KT_EQ(ktf_read(vm, 0), 7000);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 2, .fltget = 2, .fltrelck = 2,
	    .fltrelckok = 2, .fltpgrele = 1, .flt_obj = 1);
	stub_end(vm);
}

/* Somebody else promotes the page during the I/O: his is used. */
static void
promote_first(struct stub *st)
{
	ktf_write(st->vm, 2, 99);
}

KTEST(uvm_fault_pager_overtaken)
{
	struct vmspace *vm = stub_space(true, MADV_RANDOM);

	ktf_write(vm, 0, 1); /* needs-copy is resolved */
	stub.resident = 0;
	stub.during = promote_first;
	KT_EQ(ktf_fault(vm, 2, PROT_READ), 0);
	KT_EQ(ktf_read(vm, 2), 99);
	stub_end(vm);
}

/* -- A busy page of an anon ------------------------------------------------ */

struct busy {
	struct vmspace *vm; /* [I] */
	volatile uint32_t done; /* [a] */
	int error; /* [a, by done] */
};

static void
busy_toucher(void *arg)
{
	struct busy *b = arg;

	b->error = ktf_fault(b->vm, 1, PROT_WRITE);
	atomic_store_rel(&b->done, 1);
}

/* => the anon of page 1, made busy; or no longer */
static struct vm_anon *
busy_set(struct vmspace *vm, bool busy)
{
	struct vm_map_entry *entry = ktf_entry(vm, 1);
	struct vm_amap *amap = entry->aref.ar_amap;
	struct vm_anon *anon;

	amap_lock_write(amap);
	anon = amap_lookup(&entry->aref, KTF_VA(1) - entry->start);
	if (busy)
		atomic_or(&anon->an_page->pg_flags, PG_BUSY);
	else
		(void)uvm_page_unbusy(anon->an_page);
	amap_unlock(amap);
	return anon;
}

/* => waits until the toucher sleeps; *s is the snapshot before it began */
static struct kt_thread *
busy_start(struct busy *b, struct uvmexp *s)
{
	struct kt_thread *t;
	int i;

	b->vm = ktf_space();
	b->done = 0;
	ktf_map_anon(b->vm, 4, MADV_RANDOM);
	ktf_write(b->vm, 1, 5);
	ktf_unmap_hw(b->vm, 0, 4);
	(void)busy_set(b->vm, true);
	KT_SNAP(s);
	t = kt_spawn(busy_toucher, b, 0);
	for (i = 0; i < 500 && KT_DELTA(s, fltpgwait) == 0; i++)
		kt_sleep_ms(2);
	kt_sleep_ms(20);
	KT_EQ(b->done, 0);
	return t;
}

KTEST(uvm_fault_busy)
{
	struct kt_thread *t;
	struct uvmexp s;
	struct busy b;

	t = busy_start(&b, &s);
	(void)busy_set(b.vm, false);
	kt_join(t);
	KT_EQ(b.error, 0);
	KT_EQ(KT_DELTA(&s, fltpgwait), 1);
	KT_EQ(KT_DELTA(&s, fltrelck), 1);
	KT_EQ(KT_DELTA(&s, fltrelckok), 1);
	KT_EQ(KT_DELTA(&s, fltanget), 1);
	KT_EQ(KT_DELTA(&s, fltanretry), 1);
	KT_EQ(KT_DELTA(&s, flt_anon), 1);
	KT_EQ(ktf_read(b.vm, 1), 5);
	uvmspace_free(b.vm);
}

KTEST(uvm_fault_busy_changed)
{
	struct kt_thread *t;
	struct uvmexp s;
	struct busy b;

	t = busy_start(&b, &s);
	KT_EQ(uvm_map_protect(
		  &b.vm->vm_map, KTF_VA(2), KTF_VA(3), PROT_READ, FALSE),
	    0);
	(void)busy_set(b.vm, false);
	kt_join(t);
	KT_EQ(b.error, 0);
	KT_EQ(KT_DELTA(&s, fltrelck), 1);
	KT_EQ(KT_DELTA(&s, fltrelckok), 0);
	KT_EQ(KT_DELTA(&s, fltanget), 2);
	KT_EQ(KT_DELTA(&s, fltanretry), 0);
	uvmspace_free(b.vm);
}

/* The page is unmapped while busy: its owner ends it, the waiter fails. */
KTEST(uvm_fault_busy_released)
{
	struct vm_anon *anon;
	struct kt_thread *t;
	struct uvmexp s;
	struct busy b;
	struct vm_map_entry *entry;

	t = busy_start(&b, &s);
	entry = ktf_entry(b.vm, 1);
	amap_lock_read(entry->aref.ar_amap);
	anon = amap_lookup(&entry->aref, KTF_VA(1) - entry->start);
	amap_unlock(entry->aref.ar_amap);
	uvm_unmap(&b.vm->vm_map, KTF_VA(0), KTF_VA(4));
	KT_EQ(anon->an_ref, 0);
	KT_CHECK((anon->an_page->pg_flags & PG_RELEASED) != 0);
	rw_enter_write(&anon->an_lock->aml_lock);
	uvm_anon_release(anon);
	kt_join(t);
	KT_EQ(b.error, EFAULT);
	uvmspace_free(b.vm);
}

static void
unmap_first(struct stub *st)
{
	uvm_unmap(&st->vm->vm_map, KTF_VA(0), KTF_VA(1));
}

/* uvm_vslock() fails, and meanwhile a part of the range went: no panic. */
KTEST(uvm_vslock_error_unmapped)
{
	struct vmspace *vm = stub_space(false, MADV_RANDOM);
	struct ktm_proc *kp = ktm_proc_make(vm);
	struct uvmexp s;

	KT_EQ(ktf_read(vm, 0), 7000);
	KT_EQ(ktf_read(vm, 1), 7001);
	stub.gets = 0;
	stub.nscript = 1;
	stub.script[0] = VM_PAGER_ERROR;
	stub.during = unmap_first;
	KT_SNAP(&s);
	KT_EQ(uvm_vslock(&kp->kp_proc, (caddr_t)KTF_VA(0), ptoa(3), PROT_READ),
	    EIO);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(pmap_wired_count(vm->vm_map.pmap), 0);
	uvmspace_free(vm);
	ktm_proc_free(kp);
}

/* -- What goes while it is copied ----------------------------------------------- */

#define CUT_LEN 1024 /* more than is loaded before the first store */

/* Page 0 goes, as if its file was cut, when page 1 is fetched. */
static void
cut_first(struct stub *st)
{
	struct vm_page *pg;

	rw_enter_write(&st->obj.uo_lock);
	pg = uvm_pagelookup(&st->obj, 0);
	pmap_page_protect(pg, PROT_NONE);
	uvm_pagefree(pg);
	rw_exit(&st->obj.uo_lock);
}

/*
 * Between page 0, by uvm_io(), and page 1 at `other', which nobody has touched.
 * => script[2] and on: the next gets of page 0 fail
 */
static int
io_cut(struct vmspace *vm, vaddr_t other, enum uio_seg seg, enum uio_rw rw,
    int nfail)
{
	struct iovec iov = { (void *)other, CUT_LEN };
	struct uio uio = { .uio_iov = &iov,
		.uio_iovcnt = 1,
		.uio_offset = (off_t)KTF_VA(0),
		.uio_resid = CUT_LEN,
		.uio_segflg = seg,
		.uio_rw = rw,
		.uio_procp = curproc };
	struct uvmexp s;
	int error;

	KT_EQ(ktf_read(vm, 0), 7000);
	stub.gets = 1;
	stub.nscript = 2 + nfail;
	for (int i = 0; i < stub.nscript; i++)
		stub.script[i] = i < 2 ? VM_PAGER_OK : VM_PAGER_ERROR;
	stub.during = cut_first;
	KT_SNAP(&s);
	error = uvm_io(&vm->vm_map, &uio);
	KT_EQ(KT_DELTA(&s, kmapent), 0);
	KT_EQ(uio.uio_resid, error != 0 ? CUT_LEN : 0);
	KT_EQ(uio.uio_offset, KTF_VA(0) + (CUT_LEN - uio.uio_resid));
	KT_CHECK(stub.during == NULL);
	stub.nscript = 0;
	return error;
}

/* Page 1 is not in memory again. */
static void
forget_second(void)
{
	struct vm_page *pg;

	rw_enter_write(&stub.obj.uo_lock);
	pg = uvm_pagelookup(&stub.obj, PAGE_SIZE);
	pmap_page_protect(pg, PROT_NONE);
	uvm_pagefree(pg);
	rw_exit(&stub.obj.uo_lock);
}

/* process_vm_readv() and process_vm_writev() of a file that is cut meanwhile. */
KTEST(uvm_io_cut_user)
{
	vaddr_t other = KTF_VA(1);
	struct kt_user ku;

	kt_user_enter(&ku);
	memset(&stub, 0, sizeof(stub));
	uvm_obj_init(&stub.obj, &stub_pager, 1);
	stub.resident = 1;
	ktf_map_obj(
	    ku.ku_vm, KTF_BASE, &stub.obj, STUB_PAGES, false, MADV_RANDOM);
	KT_EQ(io_cut(ku.ku_vm, other, UIO_USERSPACE, UIO_READ, 6), EIO);
	forget_second();
	KT_EQ(io_cut(ku.ku_vm, other, UIO_USERSPACE, UIO_WRITE, 6), EIO);
	forget_second();
	/* the page comes back: nothing is lost */
	KT_EQ(io_cut(ku.ku_vm, other, UIO_USERSPACE, UIO_READ, 2), 0);
	KT_EQ(kt_user_load(other), 7000);
	forget_second();
	KT_EQ(io_cut(ku.ku_vm, other, UIO_USERSPACE, UIO_WRITE, 2), 0);
	KT_EQ(kt_user_load(KTF_VA(0)), 7001);
	kt_user_leave(&ku);
	KT_EQ(stub.obj.uo_refs, 0);
	uvm_obj_destroy(&stub.obj);
}

/* The same for the kernel's own use: /proc, core files. */
KTEST(uvm_io_cut_kernel)
{
	struct vmspace *vm = stub_space(false, MADV_RANDOM);
	vaddr_t other = vm_map_min(kernel_map);

	stub_reference(&stub.obj);
	KT_EQ(uvm_map(kernel_map, &other, PAGE_SIZE, &stub.obj, PAGE_SIZE, 0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RW, MAP_INHERIT_NONE,
		      MADV_RANDOM, 0)),
	    0);
	KT_EQ(io_cut(vm, other, UIO_SYSSPACE, UIO_READ, 6), EIO);
	forget_second();
	KT_EQ(io_cut(vm, other, UIO_SYSSPACE, UIO_WRITE, 6), EIO);
	forget_second();
	KT_EQ(io_cut(vm, other, UIO_SYSSPACE, UIO_READ, 2), 0);
	KT_EQ(ktf_read(vm, 1), 7000);
	uvm_unmap(kernel_map, other, other + PAGE_SIZE);
	stub_end(vm);
}

/* -- What can be fetched again -------------------------------------------------- */

/* Page i was fetched, is mapped, and nobody has looked at it since. */
static void
stub_inactive(int i)
{
	struct vm_page *pg;

	KT_EQ(ktf_read(stub.vm, i), 7000 + i);
	rw_enter_write(&stub.obj.uo_lock);
	pg = uvm_pagelookup(&stub.obj, (voff_t)ptoa(i));
	atomic_or(&pg->pg_flags, PG_CLEAN);
	uvm_pagedeactivate(pg);
	rw_exit(&stub.obj.uo_lock);
}

/* A program stores through the mapping it has; that was a while ago. */
static void
stub_modify(int i)
{
	struct vm_page *pg;

	KT_CHECK(
	    pmap_fault(vm_map_pmap(&stub.vm->vm_map), KTF_VA(i), PROT_WRITE));
	rw_enter_write(&stub.obj.uo_lock);
	pg = uvm_pagelookup(&stub.obj, (voff_t)ptoa(i));
	*(uint64_t *)VM_PAGE_TO_DMAP(pg) = 42;
	pmap_clear_reference(pg);
	rw_exit(&stub.obj.uo_lock);
}

/* => the daemon has freed page 0 */
static bool
daemon_came(void)
{
	bool freed = false;

	for (int i = 0; i < 200 && !freed; i++) {
		kt_sleep_ms(5);
		rw_enter_read(&stub.obj.uo_lock);
		freed = uvm_pagelookup(&stub.obj, 0) == NULL;
		rw_exit(&stub.obj.uo_lock);
	}
	return freed;
}

/*
 * The daemon frees what is clean, mapped or not, and keeps what a mapping says
 * was modified.
 */
KTEST(uvm_fault_pager_daemon)
{
	struct vmspace *vm = stub_space(false, MADV_RANDOM);
	int vnodemin = uvmexp.vnodemin;

	uvmexp.vnodemin = 0;
	stub_inactive(1);
	stub_modify(1);
	stub_inactive(0); /* behind it in the queue */
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	KT_CHECK(daemon_came());
	kt_balloon_release();
	uvmexp.vnodemin = vnodemin;
	KT_CHECK(!pmap_extract(vm_map_pmap(&vm->vm_map), KTF_VA(0), NULL));
	KT_EQ(ktf_read(vm, 0), 7000);
	KT_EQ(ktf_read(vm, 1), 42);
	stub_end(vm);
}
