/*
 * Pages of files on their way: read-ahead, holes, write-back and what happens
 * meanwhile, errors, msync.
 */
#include "kt_user.h"
#include "kt_tvfs.h"
#include <sys/errno.h>
#include <sys/pool.h>
#include <sys/syscall.h>
#include <uvm/uvm_mman.h>

#define RW (PROT_READ | PROT_WRITE)

/* The file mapped at KTF_BASE by the running thread, which is a process. */
static int
msync_pages(int i, int n, int flags)
{
	return KT_CALL(sys_msync, KTF_VA(i), ptoa(n), (uint64_t)flags);
}

/* -- Reading ----------------------------------------------------------------- */

/* => requests for the pages, in that order, of a fresh file */
static u_int
reads_for(int advice, const int *page, int n)
{
	struct tvnode *tv = tvfs_make(ptoa(64));
	struct uvm_object *uobj = uvn_attach(&tv->tv_vnode, PROT_READ);
	struct vmspace *vm = ktf_space();
	struct uvmexp s;
	u_int reads;

	ktf_map_obj(vm, KTF_BASE, uobj, 64, false, advice);
	KT_SNAP(&s);
	for (int i = 0; i < n; i++) {
		KT_EQ(ktf_read(vm, page[i]), 1000 + page[i]);
		tvfs_settle(tv);
	}
	reads = tv->tv_reads;
	KT_EQ(KT_DELTA(&s, pageins), reads);
	KT_EQ(KT_DELTA(&s, fltget), KT_DELTA(&s, fltrelckok));
	uvmspace_free(vm);
	tvfs_end(tv);
	return reads;
}

/* Clusters grow as long as the reader goes on; advice says more. */
KTEST(uvn_readahead)
{
	static const int scattered[] = { 40, 41, 43, 20, 23, 10, 44 };
	int all[64];

	for (int i = 0; i < 64; i++)
		all[i] = i;
	KT_EQ(reads_for(MADV_NORMAL, all, 64), 4); /* 8, 16, 32, 8 */
	KT_EQ(reads_for(MADV_SEQUENTIAL, all, 64), 2);
	KT_EQ(reads_for(MADV_RANDOM, all, 7), 7);
	KT_EQ(reads_for(MADV_NORMAL, scattered, 6), 3);
	KT_EQ(reads_for(MADV_RANDOM, scattered, 7), 7);
}

/* 3.6: not resident, then resident; case 2B */
KTEST(uvn_fault_counters)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_obj(
	    vm, KTF_BASE, uvn_attach(&tv->tv_vnode, RW), 4, true, MADV_RANDOM);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), 0);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .fltget = 1, .fltrelck = 1,
	    .fltrelckok = 1, .flt_obj = 1);
	ktf_unmap_hw(vm, 0, 4);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), 0);
	KTF_EXPECT(&s, .faults = 1, .fltlget = 1, .flt_obj = 1);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 2, PROT_WRITE), 0);
	KTF_EXPECT(
	    &s, .faults = 1, .fltamcopy = 1, .fltlget = 1, .flt_prcopy = 1);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* D21: what cannot be read is EIO, and nothing stays of it. */
KTEST(uvn_read_error)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	struct vmspace *vm = ktf_space();

	ktf_map_obj(
	    vm, KTF_BASE, uvn_attach(&tv->tv_vnode, RW), 8, false, MADV_NORMAL);
	tv->tv_badr = 1UL << 2;
	/* read along with its neighbour, which is not harmed */
	KT_EQ(ktf_fault(vm, 0, PROT_READ), 0);
	KT_EQ(ktf_read(vm, 0), 1000);
	KT_EQ(tvfs_resident(tv), 1);
	KT_EQ(ktf_fault(vm, 2, PROT_READ), EIO);
	KT_EQ(ktf_fault(vm, 2, PROT_WRITE), EIO);
	KT_EQ(tvfs_resident(tv), 1);
	tv->tv_badr = 0;
	KT_EQ(ktf_read(vm, 2), 1002);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* -- Holes ------------------------------------------------------------------- */

/*
 * A page of a hole is read as zeros, and mapped read-only wherever it is mapped
 * along; the first write gets blocks for it.
 */
KTEST(uvn_hole)
{
	struct tvnode *tv = tvfs_make_hole((off_t)ptoa(8));
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 8, false);
	KT_EQ(kt_user_load(KTF_VA(1)), 0);
	KT_EQ(ktf_fault(ku.ku_vm, 2, PROT_READ), 0);
	KT_EQ(ktf_prot(ku.ku_vm, 1) & PROT_WRITE, 0);
	KT_EQ(ktf_prot(ku.ku_vm, 2) & PROT_WRITE, 0);
	KT_EQ(ktf_prot(ku.ku_vm, 3) & PROT_WRITE, 0);
	kt_user_store(KTF_VA(1), 71);
	kt_user_store(KTF_VA(3), 73);
	KT_EQ(tv->tv_allocs, 2);
	kt_user_store(KTF_VA(3), 74);
	KT_EQ(tv->tv_allocs, 2);
	KT_EQ(msync_pages(0, 8, MS_SYNC), 0);
	KT_EQ(tv->tv_wpages, 2);
	KT_EQ(*tvfs_word(tv, 1, 0), 71);
	KT_EQ(*tvfs_word(tv, 3, 0), 74);
	KT_EQ(*tvfs_word(tv, 3, TVFS_LAST), 0);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/* The disk is full: SIGBUS, ENOSPC; nothing of the write is there. */
KTEST(uvn_hole_full)
{
	struct tvnode *tv = tvfs_make_hole((off_t)ptoa(8));
	char *buf = kmem_alloc(PAGE_SIZE, PR_WAITOK);
	struct kt_user ku;
	uint64_t value = 1;

	memset(buf, 1, PAGE_SIZE);
	tvfs_user_map(&ku, tv, 8, false);
	tv->tv_full = true;
	KT_EQ(ktf_fault(ku.ku_vm, 1, PROT_WRITE), EIO);
	KT_EQ(kt_user_load(KTF_VA(1)), 0);
	KT_EQ(ktf_fault(ku.ku_vm, 1, PROT_WRITE), EIO);
	KT_EQ(copyout(&value, (void *)KTF_VA(2), sizeof(value)), EFAULT);
	KT_EQ(tvfs_write_word(tv, 4, 5), ENOSPC);
	KT_EQ(tvfs_io(
		  tv, buf, PAGE_SIZE, (off_t)ptoa(6), UIO_WRITE, UIO_SYSSPACE),
	    ENOSPC);
	KT_EQ(tvfs_read_word(tv, 4), 0);
	KT_EQ(tvfs_read_word(tv, 6), 0);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(tv->tv_wpages, 0);
	tv->tv_full = false;
	kt_user_store(KTF_VA(1), 11);
	KT_EQ(tvfs_write_word(tv, 4, 5), 0);
	KT_EQ(tvfs_io(
		  tv, buf, PAGE_SIZE, (off_t)ptoa(6), UIO_WRITE, UIO_SYSSPACE),
	    0);
	KT_EQ(kt_user_load(KTF_VA(6)), 0x0101010101010101);
	KT_EQ(tv->tv_allocs, 3);
	kt_user_leave(&ku);
	kmem_free(buf, PAGE_SIZE);
	tvfs_end(tv);
}

/* Private memory needs no place in the file. */
KTEST(uvn_hole_private)
{
	struct tvnode *tv = tvfs_make_hole((off_t)ptoa(4));
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 4, true);
	tv->tv_full = true;
	KT_EQ(kt_user_load(KTF_VA(0)), 0);
	kt_user_store(KTF_VA(0), 3);
	kt_user_store(KTF_VA(1), 4);
	KT_EQ(kt_user_load(KTF_VA(0)), 3);
	KT_EQ(tv->tv_allocs, 0);
	KT_EQ(tvfs_read_word(tv, 0), 0);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/* -- Writing ----------------------------------------------------------------- */

/* A private copy is neither written nor seen by others; they see the file. */
KTEST(uvn_private)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 4, true);
	KT_EQ(kt_user_load(KTF_VA(1)), 1001);
	kt_user_store(KTF_VA(1), 5);
	KT_EQ(tvfs_write_word(tv, 2, 6), 0);
	KT_EQ(kt_user_load(KTF_VA(1)), 5);
	KT_EQ(kt_user_load(KTF_VA(2)), 6);
	KT_EQ(tvfs_read_word(tv, 1), 1001);
	KT_EQ(msync_pages(0, 4, MS_SYNC), 0);
	KT_EQ(*tvfs_word(tv, 1, 0), 1001);
	KT_EQ(msync_pages(0, 4, MS_SYNC | MS_INVALIDATE), 0);
	KT_EQ(kt_user_load(KTF_VA(1)), 5);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/* All modes, with dirty pages side by side in one request. */
KTEST(uvn_msync)
{
	struct tvnode *tv = tvfs_make(ptoa(16));
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 16, false);
	for (int i = 0; i < 6; i++)
		kt_user_store(KTF_VA(i), 100 + (uint64_t)i);
	kt_user_store(KTF_VA(9), 109);
	KT_EQ(msync_pages(0, 5, MS_SYNC), 0);
	KT_EQ(tv->tv_wpages, 5);
	KT_EQ(tv->tv_writes, 1);
	KT_EQ(msync_pages(0, 16, MS_SYNC), 0);
	KT_EQ(tv->tv_wpages, 7);
	KT_EQ(tv->tv_writes, 3);
	KT_EQ(msync_pages(0, 16, MS_SYNC), 0);
	KT_EQ(tv->tv_wpages, 7);
	KT_EQ(*tvfs_word(tv, 9, 0), 109);

	kt_user_store(KTF_VA(4), 204);
	KT_EQ(msync_pages(0, 16, MS_ASYNC), 0);
	for (int i = 0; i < 200 && atomic_load(&tv->tv_wpages) < 8; i++)
		kt_sleep_ms(5);
	KT_EQ(*tvfs_word(tv, 4, 0), 204);

	/* the page is read again; what is dirty does not go */
	*tvfs_word(tv, 9, 0) = 309;
	KT_EQ(kt_user_load(KTF_VA(9)), 109);
	KT_EQ(msync_pages(9, 1, MS_SYNC | MS_INVALIDATE), 0);
	KT_EQ(kt_user_load(KTF_VA(9)), 309);
	tv->tv_badw = 1UL << 9;
	kt_user_store(KTF_VA(9), 409);
	KT_EQ(msync_pages(9, 1, MS_SYNC | MS_INVALIDATE), EIO);
	KT_EQ(kt_user_load(KTF_VA(9)), 409);
	tv->tv_badw = 0;
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/* The running thread stores to the page that is just being written. */
static void
store_meanwhile(struct tvnode *tv, bool write)
{
	if (!write)
		return;
	tv->tv_during = NULL;
	kt_user_store(KTF_VA(1), 222);
}

KTEST(uvn_store_during_write)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 4, false);
	kt_user_store(KTF_VA(1), 111);
	tv->tv_during = store_meanwhile;
	KT_EQ(msync_pages(0, 4, MS_SYNC), 0);
	KT_EQ(*tvfs_word(tv, 1, 0), 111);
	KT_CHECK(tv->tv_during == NULL);
	KT_EQ(msync_pages(0, 4, MS_SYNC), 0);
	KT_EQ(*tvfs_word(tv, 1, 0), 222);
	KT_EQ(tv->tv_wpages, 2);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/*
 * While write(2) waits for a page of the program's buffer, the page it copies to
 * is written.
 */
static void
flush_meanwhile(struct tvnode *tv, bool write)
{
	struct tvnode *target = tv->tv_arg;

	tv->tv_during = NULL;
	KT_EQ(uvm_vnp_flush(&target->tv_vnode, 0, UVN_MAXOFF), 0);
}

KTEST(uvn_copy_during_write)
{
	struct tvnode *tv = tvfs_make(ptoa(4)), *buf = tvfs_make(ptoa(4));
	struct kt_user ku;

	tvfs_user_map(&ku, buf, 4, false);
	KT_EQ(tvfs_read_word(tv, 1), 1001);
	buf->tv_during = flush_meanwhile;
	buf->tv_arg = tv;
	KT_EQ(tvfs_io(tv, (void *)KTF_VA(2), PAGE_SIZE, (off_t)ptoa(1),
		  UIO_WRITE, UIO_USERSPACE),
	    0);
	KT_CHECK(buf->tv_during == NULL);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 1, 0), 1002);
	kt_user_leave(&ku);
	tvfs_end(tv);
	tvfs_end(buf);
}

/* Busy pages, got and put by whoever keeps them so. */
KTEST(uvn_put)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct uvm_object *uobj = uvn_attach(&tv->tv_vnode, RW);
	struct vm_page *pgs[2];
	int n = 1;

	for (int i = 0; i < 2; i++) {
		pgs[i] = NULL;
		rw_enter_write(&uobj->uo_lock);
		KT_EQ(uobj->pgops->pgo_get(uobj, (voff_t)ptoa(1 + i), &pgs[i],
			  &n, 0, RW, MADV_RANDOM, PGO_SYNCIO),
		    VM_PAGER_OK);
		KT_REQUIRE(pgs[i] != NULL);
		*(uint64_t *)VM_PAGE_TO_DMAP(pgs[i]) = 40 + (uint64_t)i;
	}
	rw_enter_write(&uobj->uo_lock);
	tv->tv_failw = 3; /* together, then each alone */
	KT_EQ(uobj->pgops->pgo_put(uobj, pgs, 2, PGO_SYNCIO), VM_PAGER_ERROR);
	KT_EQ(pgs[1]->pg_flags & PG_CLEAN, 0);
	KT_EQ(uobj->pgops->pgo_put(uobj, pgs, 2, PGO_SYNCIO), VM_PAGER_OK);
	KT_EQ(pgs[1]->pg_flags & PG_CLEAN, PG_CLEAN);
	for (int i = 0; i < 2; i++) {
		(void)uvm_page_unbusy(pgs[i]);
		KT_EQ(*tvfs_word(tv, 1 + i, 0), 40 + i);
	}
	rw_exit(&uobj->uo_lock);
	uobj->pgops->pgo_detach(uobj);
	tvfs_end(tv);
}

static volatile bool store_over; /* [a] */

static void
flush_always(void *arg)
{
	struct tvnode *tv = arg;

	while (!atomic_load_acq(&store_over)) {
		KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
		yield();
	}
}

/* The same by chance: a program stores while another thread writes back. */
KTEST(uvn_store_race)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	uint64_t last[8] = { 0 };
	struct kt_thread *t;
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 8, false);
	atomic_store(&store_over, false);
	t = kt_spawn(flush_always, tv, 0);
	for (uint64_t i = 1; i < 400; i++) {
		int page = (int)(kt_random() % 8);

		last[page] = i;
		kt_user_store(KTF_VA(page), i);
		if (i % 16 == 0)
			yield();
	}
	atomic_store_rel(&store_over, true);
	kt_join(t);
	KT_EQ(msync_pages(0, 8, MS_SYNC), 0);
	for (int i = 0; i < 8; i++)
		KT_EQ(*tvfs_word(tv, i, 0), last[i]);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

static void
sync_all(void *arg)
{
	uvm_vnp_sync(NULL);
}

static void
flush_file(void *arg)
{
	struct tvnode *tv = arg;

	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	atomic_store(&tv->tv_arg, tv);
}

/* fsync is done when what others write is. */
KTEST(uvn_flush_waits)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct kt_thread *t, *u;

	KT_EQ(tvfs_write_word(tv, 1, 8), 0);
	tv->tv_stalled = true;
	t = kt_spawn(sync_all, NULL, 0);
	KT_CHECK(tvfs_waits(tv));
	u = kt_spawn(flush_file, tv, 0);
	kt_sleep_ms(20);
	KT_CHECK(atomic_load(&tv->tv_arg) == NULL);
	tvfs_resume(tv);
	kt_join(t);
	kt_join(u);
	KT_EQ(tv->tv_wpages, 1);
	tvfs_end(tv);
}

/*
 * A page that is overwritten as a whole is not read, unless the program's
 * buffer ends too soon: then what was not overwritten is what it was.
 */
KTEST(uvn_write_whole)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	char *buf = kmem_alloc(3 * PAGE_SIZE, PR_WAITOK);
	struct kt_user ku;

	memset(buf, 3, 3 * PAGE_SIZE);
	KT_EQ(tvfs_io(tv, buf, 3 * PAGE_SIZE, (off_t)PAGE_SIZE, UIO_WRITE,
		  UIO_SYSSPACE),
	    0);
	KT_EQ(tv->tv_reads, 0);
	KT_EQ(tvfs_read_word(tv, 3), 0x0303030303030303);
	KT_EQ(tv->tv_reads, 0);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(tv->tv_wpages, 3);
	KT_EQ(*tvfs_word(tv, 2, TVFS_LAST), 0x0303030303030303);

	kt_user_enter(&ku);
	kt_user_map(0, 1);
	kt_user_store(KTF_VA(0) + PAGE_SIZE - 8, 99);
	KT_EQ(tvfs_io(tv, (void *)(KTF_VA(0) + PAGE_SIZE - 8), PAGE_SIZE,
		  (off_t)ptoa(6), UIO_WRITE, UIO_USERSPACE),
	    EFAULT);
	KT_EQ(tvfs_read_word(tv, 6), 99);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 6, 0), 99);
	KT_EQ(*tvfs_word(tv, 6, TVFS_LAST), 2006);
	kt_user_leave(&ku);
	kmem_free(buf, 3 * PAGE_SIZE);
	tvfs_end(tv);
}

/* -- Errors ------------------------------------------------------------------ */

/* Each error is said once, to whoever asks first; the pages stay dirty. */
KTEST(uvn_error_once)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 8, false);
	for (int i = 0; i < 4; i++)
		kt_user_store(KTF_VA(i), 100 + (uint64_t)i);
	tv->tv_badw = 1UL << 2;
	uvm_vnp_sync(NULL);
	KT_EQ(tv->tv_wpages, 3); /* one by one */
	KT_EQ(*tvfs_word(tv, 2, 0), 1002);
	tv->tv_badw = 0;
	KT_EQ(msync_pages(0, 8, MS_SYNC), EIO);
	KT_EQ(*tvfs_word(tv, 2, 0), 102);
	KT_EQ(msync_pages(0, 8, MS_SYNC), 0);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(tv->tv_wpages, 4);

	/* an error of its own, which fsync does not hear again */
	kt_user_store(KTF_VA(5), 105);
	tv->tv_failw = 1;
	KT_EQ(msync_pages(0, 8, MS_SYNC), EIO);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 5, 0), 105);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/* -- All of it at once ------------------------------------------------------- */

#define RACE_PAGES   24
#define RACE_THREADS 4
#define RACE_STEPS   120

struct racer {
	struct tvnode *tv; /* [I] */
	uint64_t seed; /* [thread] */
	int index; /* [I] pages that are index modulo RACE_THREADS are its own */
	uint64_t last[RACE_PAGES]; /* [thread] what it wrote there */
};

static void
race_step(struct racer *r, struct vmspace *vm)
{
	uint64_t draw = kt_random_r(&r->seed);
	int page =
	    (int)(draw / 16 % (RACE_PAGES / RACE_THREADS)) * RACE_THREADS +
	    r->index;

	switch (draw % 8) {
	case 0:
	case 1:
		r->last[page] = draw | 1;
		KT_EQ(tvfs_write_word(r->tv, page, r->last[page]), 0);
		break;
	case 2:
		KT_EQ(tvfs_read_word(r->tv, page), r->last[page]);
		break;
	case 3:
		KT_EQ(uvm_vnp_flush(&r->tv->tv_vnode, 0, UVN_MAXOFF), 0);
		break;
	case 4:
		uvm_vnp_sync(NULL);
		break;
	case 5:
		KT_EQ(ktf_fault(vm, page, PROT_READ), 0);
		break;
	case 6:
		KT_EQ(ktf_fault(vm, page, PROT_WRITE), 0);
		break;
	default:
		KT_EQ(uvm_map_clean(&vm->vm_map, KTF_VA(0), KTF_VA(RACE_PAGES),
			  PGO_CLEANIT | PGO_INVALIDATE |
			      (draw & 256 ? PGO_SYNCIO : 0)),
		    0);
	}
}

static void
race(void *arg)
{
	struct racer *r = arg;
	struct vmspace *vm = ktf_space();

	ktf_map_obj(vm, KTF_BASE, uvn_attach(&r->tv->tv_vnode, RW), RACE_PAGES,
	    false, MADV_NORMAL);
	for (int i = 0; i < RACE_STEPS; i++)
		race_step(r, vm);
	uvmspace_free(vm);
}

/*
 * Threads that write, read, fault, sync and drop pages: each finds what it
 * wrote, and the device has it in the end.
 */
KTEST(uvn_race)
{
	struct racer *r = kmem_zalloc(RACE_THREADS * sizeof(*r), PR_WAITOK);
	struct tvnode *tv = tvfs_make_hole((off_t)ptoa(RACE_PAGES));

	for (int i = 0; i < RACE_THREADS; i++) {
		r[i].tv = tv;
		r[i].seed = kt_random() | 1;
		r[i].index = i;
	}
	kt_parallel(RACE_THREADS, race, r, sizeof(*r));
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	for (int i = 0; i < RACE_PAGES; i++)
		KT_EQ((tv->tv_blocks & 1UL << i) ? *tvfs_word(tv, i, 0) : 0,
		    r[i % RACE_THREADS].last[i]);
	kmem_free(r, RACE_THREADS * sizeof(*r));
	tvfs_end(tv);
}
