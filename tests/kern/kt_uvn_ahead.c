/*
 * Pages of files that are read before somebody needs them, and several writes
 * at a time: when that begins, when not, and what happens meanwhile.
 */
#include "kt_user.h"
#include "kt_tvfs.h"
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/syscall.h>
#include <uvm/uvm_mman.h>

#define RW    (PROT_READ | PROT_WRITE)
#define PAGES 64

static bool
is_resident(struct tvnode *tv, int i)
{
	struct uvm_object *uobj = &tv->tv_vnode.v_uvm->u_obj;
	bool is;

	rw_enter_read(&uobj->uo_lock);
	is = uvm_pagelookup(uobj, (voff_t)ptoa(i)) != NULL;
	rw_exit(&uobj->uo_lock);
	return is;
}

/* Pages [i, j) by read(2), one at a time. */
static void
read_through(struct tvnode *tv, int i, int j)
{
	for (; i < j; i++) {
		KT_EQ(tvfs_read_word(tv, i), 1000 + (uint64_t)i);
		tvfs_settle(tv);
	}
}

/* -- When ---------------------------------------------------------------------- */

/*
 * A window is begun when the reader comes to the one before, twice as large,
 * and not behind the end.
 */
KTEST(uvn_ahead_windows)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));

	read_through(tv, 0, 1);
	KT_EQ(tv->tv_started, 0);
	KT_EQ(tvfs_resident(tv), 8);
	read_through(tv, 1, 2);
	KT_EQ(tv->tv_started, 1);
	KT_EQ(tvfs_resident(tv), 24);
	read_through(tv, 2, 8);
	KT_EQ(tv->tv_started, 1);
	read_through(tv, 8, 9);
	KT_EQ(tv->tv_started, 2);
	KT_EQ(tvfs_resident(tv), 56);
	read_through(tv, 9, 24);
	KT_EQ(tv->tv_started, 2);
	read_through(tv, 24, 25);
	KT_EQ(tv->tv_started, 3);
	KT_EQ(tvfs_resident(tv), PAGES);
	read_through(tv, 25, PAGES);
	KT_EQ(tv->tv_started, 3);
	KT_EQ(tv->tv_reads, 4);
	KT_EQ(tv->tv_rpages, PAGES);
	tvfs_end(tv);
}

/* Nothing is read behind the end, and what is behind it in a page is zero. */
KTEST(uvn_ahead_end)
{
	struct tvnode *tv = tvfs_make((off_t)ptoa(20) + 8);
	struct vmspace *vm = ktf_space();

	tv->tv_blocks = ~0UL; /* the file had been longer */
	*tvfs_word(tv, 20, 1) = 77;
	*tvfs_word(tv, 20, TVFS_LAST) = 88;
	read_through(tv, 0, 2);
	KT_EQ(tv->tv_started, 1);
	KT_EQ(tvfs_resident(tv), 21);
	KT_EQ(tv->tv_rpages, 21);
	read_through(tv, 2, 21);
	KT_EQ(tv->tv_reads, 2);
	ktf_map_obj(vm, KTF_BASE, uvn_attach(&tv->tv_vnode, PROT_READ), 21,
	    false, MADV_NORMAL);
	KT_EQ(ktf_fault(vm, 20, PROT_READ), 0);
	KT_EQ(*(uint64_t *)(VM_PAGE_TO_DMAP(ktf_page(vm, KTF_VA(20))) + 8), 0);
	KT_EQ(*(uint64_t *)(VM_PAGE_TO_DMAP(ktf_page(vm, KTF_VA(20))) +
		  PAGE_SIZE - 8),
	    0);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* Who reads here and there, or said so, gets nothing ahead. */
KTEST(uvn_ahead_random)
{
	static const int scattered[] = { 40, 20, 50, 10, 30, 60, 21, 41 };
	struct tvnode *tv = tvfs_make(ptoa(PAGES));
	struct vmspace *vm = ktf_space();

	for (size_t i = 0; i < 8; i++)
		read_through(tv, scattered[i], scattered[i] + 1);
	KT_EQ(tv->tv_started, 0);
	tvfs_end(tv);

	tv = tvfs_make(ptoa(PAGES));
	ktf_map_obj(vm, KTF_BASE, uvn_attach(&tv->tv_vnode, PROT_READ), PAGES,
	    false, MADV_RANDOM);
	for (int i = 0; i < 12; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	tvfs_settle(tv);
	KT_EQ(tv->tv_started, 0);
	KT_EQ(tvfs_resident(tv), 12);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* A program that goes through a mapping does not find the file system. */
KTEST(uvn_ahead_fault)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));
	struct vmspace *vm = ktf_space();

	ktf_map_obj(vm, KTF_BASE, uvn_attach(&tv->tv_vnode, PROT_READ), PAGES,
	    false, MADV_NORMAL);
	for (int i = 0; i < PAGES; i++) {
		KT_EQ(ktf_read(vm, i), 1000 + i);
		tvfs_settle(tv);
	}
	KT_EQ(tv->tv_started, 3);
	KT_EQ(tv->tv_reads, 4);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* With less memory free than there should be, nothing is read ahead. */
KTEST(uvn_ahead_memory)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));
	int targ = uvmexp.freetarg;

	read_through(tv, 0, 1);
	uvmexp.freetarg = uvm_free_count() + 1;
	read_through(tv, 1, 8);
	uvmexp.freetarg = targ;
	KT_EQ(tv->tv_started, 0);
	KT_EQ(tvfs_resident(tv), 8);
	/* the reader goes on, and so does what is read for him */
	read_through(tv, 8, PAGES);
	KT_CHECK(tv->tv_started > 0);
	KT_CHECK(tv->tv_reads < 8);
	tvfs_end(tv);
}

/* Pages that are there are left out, and those that lie elsewhere come next. */
KTEST(uvn_ahead_pieces)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));

	tv->tv_gaps = 1UL << 11 | 1UL << 40;
	KT_EQ(tvfs_write_word(tv, 8, 1008), 0);
	KT_EQ(tvfs_write_word(tv, 20, 1020), 0);
	tv->tv_reads = tv->tv_started = 0;
	read_through(tv, 0, PAGES);
	KT_CHECK(tv->tv_started >= 4);
	KT_CHECK(tv->tv_reads < 12);
	KT_EQ(tvfs_resident(tv), PAGES);
	tvfs_end(tv);
}

/* -- What may happen meanwhile ------------------------------------------------- */

/* Nobody hears of an error; who needs a page reads it himself. */
KTEST(uvn_ahead_error)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));
	uint64_t value;

	tv->tv_badr = 1UL << 12;
	read_through(tv, 0, 2);
	KT_EQ(tv->tv_started, 1);
	KT_EQ(tvfs_resident(tv), 8);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	read_through(tv, 2, 12);
	KT_EQ(tvfs_io(tv, &value, sizeof(value), (off_t)ptoa(12), UIO_READ,
		  UIO_SYSSPACE),
	    EIO);
	read_through(tv, 13, PAGES);
	KT_CHECK(!is_resident(tv, 12));
	tv->tv_badr = 0;
	read_through(tv, 12, 13);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	tvfs_end(tv);
}

/* => a file whose pages 8 to 23 are on their way, and stay so */
static struct tvnode *
make_stalled(void)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));

	KT_EQ(tvfs_read_word(tv, 0), 1000);
	tv->tv_stalled = true;
	KT_EQ(tvfs_read_word(tv, 1), 1001);
	KT_CHECK(tvfs_waits(tv));
	KT_EQ(tvfs_resident(tv), 24);
	return tv;
}

static volatile bool done; /* [a] the other thread is */

static void
read_later(void *arg)
{
	KT_EQ(tvfs_read_word(arg, 10), 1010);
	atomic_store_rel(&done, true);
}

/* Who needs a page that is on its way waits for it, and no other does. */
KTEST(uvn_ahead_wait)
{
	struct tvnode *tv = make_stalled();
	struct vmspace *vm = ktf_space();
	struct kt_thread *t;

	ktf_map_obj(vm, KTF_BASE, uvn_attach(&tv->tv_vnode, PROT_READ), PAGES,
	    false, MADV_NORMAL);
	/* its neighbours are not mapped before they are there */
	KT_EQ(ktf_read(vm, 6), 1006);
	KT_EQ(ktf_prot(vm, 7), PROT_READ);
	KT_EQ(ktf_prot(vm, 8), -1);
	atomic_store(&done, false);
	t = kt_spawn(read_later, tv, 0);
	kt_sleep_ms(20);
	KT_CHECK(!atomic_load(&done));
	tvfs_resume(tv);
	kt_join(t);
	KT_EQ(ktf_read(vm, 8), 1008);
	uvmspace_free(vm);
	tvfs_settle(tv);
	KT_EQ(tv->tv_reads, 3); /* he came to the second window */
	tvfs_end(tv);
}

static void
truncate_later(void *arg)
{
	tvfs_setsize(arg, (off_t)ptoa(12));
	atomic_store_rel(&done, true);
}

/* Truncation waits for what is on its way, and nothing of that stays. */
KTEST(uvn_ahead_truncate)
{
	struct tvnode *tv = make_stalled();
	struct kt_thread *t;

	atomic_store(&done, false);
	t = kt_spawn(truncate_later, tv, 0);
	kt_sleep_ms(20);
	KT_CHECK(!atomic_load(&done));
	tvfs_resume(tv);
	kt_join(t);
	tvfs_settle(tv);
	KT_EQ(tvfs_resident(tv), 12);
	tvfs_setsize(tv, (off_t)ptoa(24));
	KT_EQ(tvfs_read_word(tv, 14), 0);
	KT_EQ(tvfs_read_word(tv, 11), 1011);
	tvfs_end(tv);
}

static void
end_later(void *arg)
{
	tvfs_end(arg);
	atomic_store_rel(&done, true);
}

/* So does the end of the vnode. */
KTEST(uvn_ahead_terminate)
{
	struct tvnode *tv = make_stalled();
	struct kt_thread *t;

	atomic_store(&done, false);
	t = kt_spawn(end_later, tv, 0);
	kt_sleep_ms(20);
	KT_CHECK(!atomic_load(&done));
	tvfs_resume(tv);
	kt_join(t);
}

/* Pages on their way are nobody's to free; what is there may go. */
KTEST(uvn_ahead_reclaim)
{
	struct tvnode *tv = make_stalled();
	struct uvm_object *uobj = uvn_attach(&tv->tv_vnode, PROT_READ);

	rw_enter_write(&uobj->uo_lock);
	(void)uobj->pgops->pgo_flush(uobj, 0, 0, PGO_ALLPAGES | PGO_FREE);
	rw_exit(&uobj->uo_lock);
	KT_EQ(tvfs_resident(tv), 16);
	tvfs_resume(tv);
	tvfs_settle(tv);
	KT_EQ(tvfs_resident(tv), 16);
	read_through(tv, 8, 24);
	uobj->pgops->pgo_detach(uobj);
	tvfs_end(tv);
}

#ifdef FAULT_INJECT
/* Without memory for it less is read ahead, or nothing; nobody hears of it. */
KTEST(uvn_ahead_nomem)
{
	struct tvnode *tv;
	int asked = 1;

	for (int nth = 1; asked >= nth; nth++) {
		tv = tvfs_make(ptoa(PAGES));
		KT_EQ(tvfs_read_word(tv, 0), 1000);
		ktf_fail_nth(nth);
		KT_EQ(tvfs_read_word(tv, 1), 1001);
		asked = ktf_fail_end();
		KT_RANGE(tv->tv_reads, 1, nth == 1 ? 1 : 2);
		read_through(tv, 2, PAGES);
		KT_EQ(tvfs_resident(tv), PAGES);
		tvfs_end(tv);
	}
}
#endif

/* -- Advice -------------------------------------------------------------------- */

/* => a descriptor of the file; the vnode's reference is the descriptor's */
static int
open_tvfs(struct tvnode *tv)
{
	int fd = kt_user_file(1, O_RDONLY);
	struct file *fp = fd_getfile(curproc, fd);

	vrele(fp->f_vnode);
	vref(&tv->tv_vnode);
	fp->f_vnode = &tv->tv_vnode;
	file_rele(fp);
	return fd;
}

static int
fadvise(int fd, int i, int n, int advice)
{
	return KT_CALL(
	    sys_fadvise64, (uint64_t)fd, ptoa(i), ptoa(n), (uint64_t)advice);
}

/* madvise and posix_fadvise ask for pages and do not wait for them. */
KTEST(uvn_ahead_willneed)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));
	struct kt_user ku;

	tvfs_user_map(&ku, tv, PAGES, false);
	tv->tv_stalled = true;
	KT_EQ(
	    KT_CALL(sys_madvise, KTF_VA(4), ptoa(50), LINUX_MADV_WILLNEED), 0);
	KT_CHECK(tvfs_waits(tv));
	tvfs_resume(tv);
	tvfs_settle(tv);
	KT_EQ(tvfs_resident(tv), 50);
	KT_CHECK(!is_resident(tv, 3) && is_resident(tv, 4));
	KT_EQ(tv->tv_reads, 2);
	for (int i = 4; i < 54; i++)
		KT_EQ(kt_user_load(KTF_VA(i)), 1000 + (uint64_t)i);
	KT_EQ(tv->tv_reads, 2);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

KTEST(uvn_ahead_fadvise)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));
	struct kt_user ku;
	int fd;

	kt_user_enter(&ku);
	fd = open_tvfs(tv);
	tvfs_make_resident(tv, 1);
	KT_EQ(fadvise(fd, 10, 20, POSIX_FADV_WILLNEED), 0);
	tvfs_settle(tv);
	KT_CHECK(is_resident(tv, 10) && is_resident(tv, 29));
	KT_CHECK(!is_resident(tv, 30));
	KT_EQ(tvfs_write_word(tv, 12, 5), 0);
	KT_EQ(fadvise(fd, 10, 10, POSIX_FADV_DONTNEED), 0);
	KT_CHECK(!is_resident(tv, 10) && !is_resident(tv, 19));
	KT_CHECK(is_resident(tv, 20));
	/* what is dirty is written, and may go then */
	for (int i = 0; i < 200 && atomic_load(&tv->tv_wpages) == 0; i++)
		kt_sleep_ms(5);
	KT_EQ(*tvfs_word(tv, 12, 0), 5);
	KT_EQ(tvfs_read_word(tv, 12), 5);
	KT_EQ(fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	KT_EQ(tvfs_resident(tv), 0);
	KT_EQ(fadvise(fd, 0, 0, MADV_RANDOM), 0);
	KT_EQ(fadvise(fd, 0, 0, 6), EINVAL);
	KT_EQ(KT_CALL(sys_fadvise64, (uint64_t)fd, 0, -1UL, 0), EINVAL);
	KT_EQ(KT_CALL(sys_close, (uint64_t)fd), 0);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/* -- Reading what is there ----------------------------------------------------- */

/* Runs of pages, to memory of which not all is mapped, or nothing is yet. */
KTEST(uvn_read_runs)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));
	struct kt_user ku;

	tvfs_make_resident(tv, PAGES);
	tvfs_settle(tv);
	kt_user_enter(&ku);
	kt_user_map(0, PAGES);
	for (int i = 0; i < PAGES; i += 3)
		kt_user_store(KTF_VA(i), 1);
	KT_EQ(tvfs_io(tv, (void *)KTF_VA(0), ptoa(PAGES), 0, UIO_READ,
		  UIO_USERSPACE),
	    0);
	for (int i = 0; i < PAGES; i++)
		KT_EQ(kt_user_load(KTF_VA(i)), 1000 + (uint64_t)i);
	/* not at a page's beginning, and up to what is not mapped */
	KT_EQ(tvfs_io(tv, (void *)(KTF_VA(PAGES - 4) + 512), ptoa(6),
		  (off_t)ptoa(20), UIO_READ, UIO_USERSPACE),
	    EFAULT);
	for (int i = 0; i < 3; i++)
		KT_EQ(kt_user_load(KTF_VA(PAGES - 4 + i) + 512),
		    1020 + (uint64_t)i);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/* -- Writing ------------------------------------------------------------------- */

static void
flush_later(void *arg)
{
	struct tvnode *tv = arg;

	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	atomic_store_rel(&done, true);
}

/* => the pages are dirty, page i holding value + i */
static void
dirty_pages(struct tvnode *tv, int n, uint64_t value)
{
	for (int i = 0; i < n; i++)
		KT_EQ(tvfs_write_word(tv, i, value + (uint64_t)i), 0);
	tvfs_settle(tv);
}

static void
check_device(struct tvnode *tv, int n, uint64_t value)
{
	for (int i = 0; i < n; i++)
		KT_EQ(*tvfs_word(tv, i, 0), value + (uint64_t)i);
}

/* All clusters are on their way before the first is done. */
KTEST(uvn_write_several)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));
	struct kt_thread *t;

	dirty_pages(tv, PAGES, 5000);
	tv->tv_stalled = true;
	atomic_store(&done, false);
	t = kt_spawn(flush_later, tv, 0);
	for (int i = 0; i < 200 && atomic_load(&tv->tv_nqueue) < 2; i++)
		kt_sleep_ms(5);
	KT_EQ(tv->tv_nqueue, 2);
	KT_CHECK(!atomic_load(&done));
	tvfs_resume(tv);
	kt_join(t);
	KT_EQ(tv->tv_writes, 2);
	check_device(tv, PAGES, 5000);
	tvfs_end(tv);
}

/* Each piece by itself, and nothing counts as written that was not. */
KTEST(uvn_write_pieces)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));

	dirty_pages(tv, PAGES, 6000);
	tv->tv_gaps = 1UL << 3 | 1UL << 4 | 1UL << 17 | 1UL << 50;
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	check_device(tv, PAGES, 6000);
	KT_EQ(tv->tv_wpages, PAGES);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(tv->tv_wpages, PAGES);
	tvfs_end(tv);
}

/* One of several fails: its pages are tried again, what is bad is told once. */
KTEST(uvn_write_several_error)
{
	struct tvnode *tv = tvfs_make(ptoa(PAGES));

	dirty_pages(tv, PAGES, 7000);
	tv->tv_badw = 1UL << 40;
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), EIO);
	KT_EQ(tv->tv_wpages, PAGES - 1);
	tv->tv_badw = 0;
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(tv->tv_wpages, PAGES);
	check_device(tv, PAGES, 7000);
	tvfs_end(tv);
}
