/*
 * Dirty pages of files: that they are counted, written by age and by amount, and
 * that who makes too many waits; what advice does to pages of files.
 */
#include "kt_user.h"
#include "kt_tvfs.h"
#include <sys/errno.h>
#include <sys/syscall.h>
#include <sys/timeout.h>
#include <uvm/uvm_mman.h>
#include <uvm/uvm_pdpolicy.h>

#define RW    (PROT_READ | PROT_WRITE)
#define FILES 4 /* with all their pages dirty: four times what is let be */
#define LEAST UVM_PD_DIRTYLEAST

/* Parameters for a test; the ones before. */
struct params {
	int age, min, max; /* [thread] */
};

static struct params
set_params(struct params p)
{
	struct params old = { uvn_dirtyage, uvn_dirtymin, uvn_dirtymax };

	atomic_store(&uvn_dirtyage, p.age);
	atomic_store(&uvn_dirtymin, p.min);
	atomic_store(&uvn_dirtymax, p.max);
	uvn_limits();
	uvn_wake_writer();
	return old;
}

/* => no more than n pages are dirty, after a while */
static bool
falls_to(u_int n, int ms)
{
	for (; ms > 0 && uvn_ndirty() > n; ms -= 5)
		kt_sleep_ms(5);
	return uvn_ndirty() <= n;
}

/* -- The count --------------------------------------------------------------- */

/* Each dirty page once, whoever made it so, and as long as it is. */
KTEST(uvn_dirty_count)
{
	struct tvnode *tv = tvfs_make(ptoa(16));
	u_int base = uvn_ndirty();
	struct kt_user ku;

	tv->tv_blocks &= ~(1UL << 9);
	tvfs_user_map(&ku, tv, 16, false);
	for (int i = 0; i < 16; i++)
		(void)kt_user_load(KTF_VA(i));
	KT_EQ(uvn_ndirty() - base, 0);
	kt_user_store(KTF_VA(1), 1);
	kt_user_store(KTF_VA(1), 2);
	kt_user_store(KTF_VA(9), 9);
	KT_EQ(tvfs_write_word(tv, 1, 3), 0);
	KT_EQ(tvfs_write_word(tv, 2, 4), 0);
	KT_EQ(uvn_ndirty() - base, 3);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(uvn_ndirty() - base, 0);
	KT_EQ(tv->tv_wpages, 3);
	/* what was written can be stored to again, which is noticed */
	kt_user_store(KTF_VA(1), 5);
	kt_user_store(KTF_VA(14), 6);
	KT_EQ(uvn_ndirty() - base, 2);
	tv->tv_badw = 1UL << 1;
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), EIO);
	KT_EQ(uvn_ndirty() - base, 1);
	tv->tv_badw = 0;
	kt_user_store(KTF_VA(14), 7);
	tvfs_setsize(tv, (off_t)ptoa(4));
	KT_EQ(uvn_ndirty() - base, 1);
	kt_user_leave(&ku);
	uvm_vnp_terminate(&tv->tv_vnode);
	KT_EQ(uvn_ndirty() - base, 0);
	KT_EQ(*tvfs_word(tv, 1, 0), 5);
	tvfs_end(tv);
}

/* -- Age --------------------------------------------------------------------- */

/* => written so many pages, within ms */
static bool
writes(struct tvnode *tv, u_int pages, int ms)
{
	for (; ms > 0 && atomic_load(&tv->tv_wpages) < pages; ms -= 5)
		kt_sleep_ms(5);
	return atomic_load(&tv->tv_wpages) >= pages;
}

/* Nobody asks, but after a while it is on the disk; and not before. */
KTEST(uvn_dirty_age)
{
	struct params old = set_params((struct params){ 1, 50, 50 });
	struct tvnode *tv = tvfs_make(ptoa(8)), *other = tvfs_make(ptoa(8));
	uint64_t start = nsecuptime();
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 8, false);
	kt_user_store(KTF_VA(3), 33);
	KT_EQ(tvfs_write_word(other, 5, 55), 0);
	KT_CHECK(writes(tv, 1, 3000));
	KT_CHECK(nsecuptime() - start >= 1000000000);
	KT_CHECK(writes(other, 1, 1000));
	KT_EQ(*tvfs_word(tv, 3, 0), 33);
	KT_EQ(*tvfs_word(other, 5, 0), 55);
	/* through a mapping that has been there since */
	start = nsecuptime();
	kt_user_store(KTF_VA(3), 34);
	KT_CHECK(writes(tv, 2, 3000));
	KT_CHECK(nsecuptime() - start >= 1000000000);
	KT_EQ(*tvfs_word(tv, 3, 0), 34);
	/* a disk that fails for a while */
	atomic_store(&other->tv_failw, 1);
	KT_EQ(tvfs_write_word(other, 6, 66), 0);
	KT_CHECK(writes(other, 2, 6000));
	KT_EQ(*tvfs_word(other, 6, 0), 66);
	KT_EQ(uvm_vnp_flush(&other->tv_vnode, 0, UVN_MAXOFF), EIO);
	kt_user_leave(&ku);
	tvfs_end(tv);
	tvfs_end(other);
	(void)set_params(old);
}

/* -- Amount ------------------------------------------------------------------ */

/* Pages of all files, by write(2) or by stores to a mapping. */
struct dirtier {
	struct tvnode *tv[FILES]; /* [I] */
	bool store; /* [I] */
	volatile bool done; /* [a] */
};

static void
dirty_all(void *arg)
{
	struct dirtier *d = arg;
	struct kt_user ku;

	for (int f = 0; f < FILES; f++) {
		if (d->store)
			tvfs_user_map(&ku, d->tv[f], TVFS_PAGES, false);
		for (int i = 0; i < TVFS_PAGES; i++)
			if (d->store)
				kt_user_store(
				    KTF_VA(i), (uint64_t)(100 * f + i));
			else
				KT_EQ(tvfs_write_word(
					  d->tv[f], i, (uint64_t)(100 * f + i)),
				    0);
		if (d->store)
			kt_user_leave(&ku);
	}
	atomic_store_rel(&d->done, true);
}

static void
dirtier_make(struct dirtier *d, bool store)
{
	for (int f = 0; f < FILES; f++)
		d->tv[f] = tvfs_make(ptoa(TVFS_PAGES));
	d->store = store;
	d->done = false;
}

/* => all that was written is on the disk after the end */
static void
dirtier_end(struct dirtier *d)
{
	for (int f = 0; f < FILES; f++) {
		KT_EQ(uvm_vnp_flush(&d->tv[f]->tv_vnode, 0, UVN_MAXOFF), 0);
		for (int i = 0; i < TVFS_PAGES; i++)
			KT_EQ(*tvfs_word(d->tv[f], i, 0), 100 * f + i);
		tvfs_end(d->tv[f]);
	}
}

KTEST(uvn_dirty_amount)
{
	struct params old = set_params((struct params){ 10000, 0, 100 });
	struct dirtier d;

	dirtier_make(&d, false);
	dirty_all(&d);
	KT_CHECK(falls_to(LEAST, 2000));
	dirtier_end(&d);
	(void)set_params(old);
}

/* => d has come as far as it should: it waits */
static bool
waits(struct dirtier *d)
{
	for (int i = 0; i < 400 && uvn_throttled() == 0 && !d->done; i++)
		kt_sleep_ms(5);
	kt_sleep_ms(20);
	return uvn_throttled() == 1 && !d->done;
}

/* A disk that takes its time: the writer goes at its pace. */
static void
throttle(bool store)
{
	struct params old = set_params((struct params){ 10000, 0, 0 });
	struct kt_thread *t;
	struct dirtier d;

	dirtier_make(&d, store);
	for (int f = 0; f < FILES; f++) {
		tvfs_make_resident(
		    d.tv[f], TVFS_PAGES); /* reading stalls, too */
		d.tv[f]->tv_stalled = true;
	}
	t = kt_spawn(dirty_all, &d, 0);
	KT_CHECK(waits(&d));
	KT_RANGE(uvn_ndirty(), LEAST, LEAST + 2);
	for (int f = 0; f < FILES; f++)
		tvfs_resume(d.tv[f]);
	kt_join(t);
	KT_EQ(uvn_throttled(), 0);
	dirtier_end(&d);
	(void)set_params(old);
}

KTEST(uvn_dirty_throttle_write)
{
	throttle(false);
}

KTEST(uvn_dirty_throttle_store)
{
	throttle(true);
}

/* A disk that takes nothing: nobody waits for it for ever, nothing is lost. */
KTEST(uvn_dirty_stuck)
{
	struct params old = set_params((struct params){ 10000, 0, 0 });
	struct kt_thread *t;
	struct dirtier d;

	dirtier_make(&d, false);
	for (int f = 0; f < FILES; f++)
		d.tv[f]->tv_badw = ~0UL;
	t = kt_spawn(dirty_all, &d, 0);
	for (int i = 0; i < 3000 && !d.done; i++)
		kt_sleep_ms(5);
	KT_CHECK(d.done);
	for (int f = 0; f < FILES; f++) {
		d.tv[f]->tv_badw = 0;
		(void)uvm_vnp_flush(&d.tv[f]->tv_vnode, 0, UVN_MAXOFF);
	}
	kt_join(t);
	dirtier_end(&d);
	(void)set_params(old);
}

/* -- Advice ------------------------------------------------------------------ */

static int
advise(int i, int n, int advice)
{
	return KT_CALL(sys_madvise, KTF_VA(i), ptoa(n), (uint64_t)advice);
}

KTEST(uvn_willneed)
{
	struct tvnode *tv = tvfs_make(ptoa(TVFS_PAGES));
	struct kt_user ku;
	struct uvmexp s;

	tvfs_user_map(&ku, tv, TVFS_PAGES, false);
	KT_EQ(kt_user_load(KTF_VA(20)), 1020);
	tv->tv_reads = 0;
	KT_EQ(advise(10, 40, LINUX_MADV_WILLNEED), 0);
	tvfs_settle(tv);
	KT_RANGE(tv->tv_reads, 2, 3); /* as many at once as there may be */
	for (int i = 10; i < 50; i++)
		KT_CHECK(uvm_pagelookup(&tv->tv_vnode.v_uvm->u_obj,
			     (voff_t)ptoa(i)) != NULL);
	KT_CHECK(uvm_pagelookup(&tv->tv_vnode.v_uvm->u_obj, 0) == NULL);
	KT_SNAP(&s);
	for (int i = 10; i < 50; i++)
		KT_EQ(kt_user_load(KTF_VA(i)), 1000 + i);
	KT_EQ(KT_DELTA(&s, pageins), 0);
	/* what cannot be read is for who reads it; nor is the end a fault */
	tv->tv_badr = ~0UL;
	KT_EQ(advise(0, TVFS_PAGES, LINUX_MADV_WILLNEED), 0);
	tvfs_settle(tv);
	tv->tv_badr = 0;
	tvfs_setsize(tv, (off_t)ptoa(12));
	KT_EQ(advise(0, TVFS_PAGES, LINUX_MADV_WILLNEED), 0);
	tvfs_settle(tv);
	KT_EQ(tvfs_resident(tv), 12);
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/* The pages go, wherever they are mapped; what was stored is on the disk. */
KTEST(uvn_advise_pageout)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 8, false);
	for (int i = 0; i < 8; i++)
		kt_user_store(KTF_VA(i), 50 + (uint64_t)i);
	KT_EQ(advise(2, 4, LINUX_MADV_PAGEOUT), 0);
	KT_EQ(tvfs_resident(tv), 4);
	KT_EQ(tv->tv_wpages, 4);
	for (int i = 2; i < 6; i++)
		KT_EQ(*tvfs_word(tv, i, 0), 50 + i);
	for (int i = 0; i < 8; i++)
		KT_EQ(kt_user_load(KTF_VA(i)), 50 + i);
	tv->tv_badw = ~0UL;
	kt_user_store(KTF_VA(3), 77);
	KT_EQ(advise(0, 8, LINUX_MADV_PAGEOUT), 0);
	KT_EQ(kt_user_load(KTF_VA(3)), 77);
	tv->tv_badw = 0;
	kt_user_leave(&ku);
	tvfs_end(tv);
}

/* DONTNEED of a shared mapping unmaps; the file has what was stored. */
KTEST(uvn_advise_dontneed)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	struct kt_user ku;

	tvfs_user_map(&ku, tv, 8, false);
	kt_user_store(KTF_VA(3), 77);
	KT_EQ(advise(0, 8, LINUX_MADV_DONTNEED), 0);
	KT_EQ(ktf_prot(ku.ku_vm, 3), -1);
	KT_EQ(kt_user_load(KTF_VA(3)), 77);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 3, 0), 77);
	kt_user_leave(&ku);
	tvfs_end(tv);
}
