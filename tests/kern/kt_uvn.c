/*
 * Objects of vnodes: attaching, size, sync, going away (UVM-API.md 1.5), what
 * the page daemon does with them, and memory that is short.
 */
#include "kt_user.h"
#include "kt_tvfs.h"
#include <sys/errno.h>
#include <sys/pool.h>

#define RW (PROT_READ | PROT_WRITE)

/* => the file mapped shared at KTF_BASE, by a space of its own */
static struct vmspace *
map_file(struct tvnode *tv, int npages, bool cow, int advice)
{
	struct vmspace *vm = ktf_space();
	struct uvm_object *uobj = uvn_attach(&tv->tv_vnode, RW);

	KASSERT(uobj != NULL);
	ktf_map_obj(vm, KTF_BASE, uobj, npages, cow, advice);
	return vm;
}

/* As a program does: through its mapping, which notes it. */
static void
store(struct vmspace *vm, int i, uint64_t value)
{
	while (!pmap_fault(vm_map_pmap(&vm->vm_map), KTF_VA(i), PROT_WRITE))
		KT_EQ(ktf_fault(vm, i, PROT_WRITE), 0);
	*(uint64_t *)VM_PAGE_TO_DMAP(ktf_page(vm, KTF_VA(i))) = value;
}

static void
detach(struct uvm_object *uobj)
{
	uobj->pgops->pgo_detach(uobj);
}

/* -- Attaching --------------------------------------------------------------- */

/* T-uvn_attach-1 */
KTEST(uvn_attach_same)
{
	struct tvnode *tv = tvfs_make(ptoa(2));
	struct uvm_object *a, *b;

	a = uvn_attach(&tv->tv_vnode, PROT_READ);
	KT_EQ(refcnt_read(&tv->tv_vnode.v_refs), 2);
	b = uvn_attach(&tv->tv_vnode, RW);
	KT_CHECK(a != NULL && a == b);
	KT_EQ(a->uo_refs, 2);
	KT_EQ(refcnt_read(&tv->tv_vnode.v_refs), 2);
	a->pgops->pgo_reference(a);
	KT_EQ(a->uo_refs, 3);
	detach(a);
	detach(b);
	detach(a);
	KT_EQ(tv->tv_inactive, 0);
	tvfs_end(tv);
}

/* T-uvn_attach-2, and the counters of pages that come and stay */
KTEST(uvn_attach_cached)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct vmspace *vm = map_file(tv, 4, false, MADV_NORMAL);
	struct uvmexp s;

	KT_SNAP(&s);
	for (int i = 0; i < 4; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	KT_EQ(KT_DELTA(&s, vnodepages), 4);
	KT_EQ(KT_DELTA(&s, pageins), 1);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, vnodepages), 4);
	KT_EQ(refcnt_read(&tv->tv_vnode.v_refs), 1);
	vm = map_file(tv, 4, false, MADV_NORMAL);
	for (int i = 0; i < 4; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	KT_EQ(tv->tv_reads, 1);
	KT_EQ(KT_DELTA(&s, pageins), 1);
	uvmspace_free(vm);
	tvfs_end(tv);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);
}

/* T-uvn_attach-3, and what cannot be mapped */
KTEST(uvn_attach_noattr)
{
	struct tvnode *tv = tvfs_make(ptoa(2));
	struct uvm_object *uobj;

	tv->tv_noattr = true;
	KT_CHECK(uvn_attach(&tv->tv_vnode, RW) == NULL);
	KT_EQ(refcnt_read(&tv->tv_vnode.v_refs), 1);
	tv->tv_noattr = false;
	uobj = uvn_attach(&tv->tv_vnode, RW);
	KT_CHECK(uobj != NULL);
	if (uobj != NULL)
		detach(uobj);
	tvfs_end(tv);

	tv = tvfs_make(ptoa(2));
	tv->tv_vnode.v_type = VDIR;
	KT_CHECK(uvn_attach(&tv->tv_vnode, PROT_READ) == NULL);
	KT_CHECK(uvm_vnp_uncache(&tv->tv_vnode) == TRUE);
	tv->tv_vnode.v_type = VREG;
	tvfs_end(tv);
}

struct attacher {
	struct tvnode *tv; /* [I] */
	struct kt_barrier *kb; /* [I] */
	struct uvm_object *got; /* [thread] */
};

static void
attach_together(void *arg)
{
	struct attacher *at = arg;

	kt_barrier_wait(at->kb);
	at->got = uvn_attach(&at->tv->tv_vnode, RW);
}

/* Many at once make one object. */
KTEST(uvn_attach_race)
{
	struct tvnode *tv = tvfs_make(ptoa(2));
	struct attacher at[4];
	struct kt_barrier kb;

	kt_barrier_init(&kb, nitems(at));
	for (size_t i = 0; i < nitems(at); i++)
		at[i] = (struct attacher){ tv, &kb, NULL };
	kt_parallel(nitems(at), attach_together, at, sizeof(at[0]));
	for (size_t i = 0; i < nitems(at); i++) {
		KT_CHECK(at[i].got == at[0].got && at[i].got != NULL);
		KT_EQ(refcnt_read(&tv->tv_vnode.v_refs), 2);
		detach(at[i].got);
	}
	tvfs_end(tv);
}

/* -- Size -------------------------------------------------------------------- */

/* T-uvm_vnp_setsize-1 and -2 */
KTEST(uvn_setsize)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	struct vmspace *vm = map_file(tv, 8, false, MADV_NORMAL);
	struct uvmexp s;

	for (int i = 0; i < 8; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	KT_SNAP(&s);
	tvfs_setsize(tv, (off_t)(ptoa(2) + PAGE_SIZE / 2));
	KT_EQ(KT_DELTA(&s, vnodepages), -5);
	KT_EQ(KT_DELTA(&s, free), 5);
	KT_EQ(tv->tv_writes, 0);
	KT_EQ(ktf_fault(vm, 3, PROT_READ), EIO);
	KT_EQ(ktf_fault(vm, 7, PROT_WRITE), EIO);
	KT_EQ(ktf_read(vm, 2), 1002);
	KT_EQ(((uint64_t *)VM_PAGE_TO_DMAP(ktf_page(vm, KTF_VA(2))))[TVFS_LAST],
	    0);
	tvfs_setsize(tv, (off_t)ptoa(8));
	KT_EQ(ktf_read(vm, 3), 0);
	KT_EQ(ktf_read(vm, 2), 1002);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/*
 * What lies behind the end in the last page, in memory or on the disk only,
 * is not part of the file when it grows.
 */
KTEST(uvn_setsize_tail)
{
	struct tvnode *tv = tvfs_make((off_t)PAGE_SIZE / 2);
	struct vmspace *vm = map_file(tv, 1, false, MADV_NORMAL);

	/* in memory: through a mapping, which ends with the page */
	store(vm, 0, 5);
	((uint64_t *)VM_PAGE_TO_DMAP(ktf_page(vm, KTF_VA(0))))[TVFS_LAST] = 77;
	tvfs_setsize(tv, (off_t)ptoa(3));
	KT_EQ(((uint64_t *)VM_PAGE_TO_DMAP(ktf_page(vm, KTF_VA(0))))[TVFS_LAST],
	    0);
	KT_EQ(ktf_read(vm, 0), 5);
	uvmspace_free(vm);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 0, TVFS_LAST), 0);
	tvfs_end(tv);

	/* on the disk */
	tv = tvfs_make((off_t)PAGE_SIZE / 2);
	KT_EQ(*tvfs_word(tv, 0, TVFS_LAST), 2000);
	vm = map_file(tv, 3, false, MADV_NORMAL);
	tvfs_setsize(tv, (off_t)ptoa(3));
	KT_EQ(ktf_read(vm, 0), 1000);
	KT_EQ(((uint64_t *)VM_PAGE_TO_DMAP(ktf_page(vm, KTF_VA(0))))[TVFS_LAST],
	    0);
	uvmspace_free(vm);
	tvfs_end(tv);

	/* in a hole there is nothing, and that is where it stays */
	tv = tvfs_make_hole(100);
	vm = map_file(tv, 3, false, MADV_NORMAL);
	tvfs_setsize(tv, (off_t)ptoa(3));
	KT_EQ(ktf_read(vm, 0), 0);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(tv->tv_allocs, 0);
	uvmspace_free(vm);
	tvfs_end(tv);
}

static void
read_page_3(void *arg)
{
	(void)ktf_fault(arg, 3, PROT_READ);
}

static void
truncate_to_one(void *arg)
{
	tvfs_setsize(arg, (off_t)PAGE_SIZE);
}

/* Pages that are just being read are waited for. */
KTEST(uvn_setsize_busy)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	struct vmspace *vm = map_file(tv, 8, false, MADV_RANDOM);
	struct kt_thread *t, *u;

	tv->tv_stalled = true;
	t = kt_spawn(read_page_3, vm, 0);
	KT_CHECK(tvfs_waits(tv));
	u = kt_spawn(truncate_to_one, tv, 0);
	kt_sleep_ms(20);
	KT_EQ(tvfs_resident(tv), 1);
	tvfs_resume(tv);
	kt_join(t);
	kt_join(u);
	KT_EQ(tvfs_resident(tv), 0);
	KT_EQ(ktf_fault(vm, 3, PROT_READ), EIO);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* -- Sync -------------------------------------------------------------------- */

/* What was only read is not written, by whatever means it was read. */
KTEST(uvn_read_clean)
{
	struct tvnode *tv = tvfs_make(ptoa(8));
	struct vmspace *vm = map_file(tv, 8, false, MADV_NORMAL);

	tvfs_make_resident(tv, 6);
	for (int i = 0; i < 8; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	uvmspace_free(vm);
	uvm_vnp_sync(NULL);
	tvfs_setsize(tv, (off_t)ptoa(7));
	KT_EQ(tv->tv_writes, 0);
	tvfs_end(tv);
}

/* What is wired is written too, and a hole that is wired gets its blocks. */
KTEST(uvn_wired)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct vmspace *vm;

	tv->tv_blocks &= ~(1UL << 2);
	vm = map_file(tv, 4, false, MADV_NORMAL);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), KTF_VA(4), FALSE, 0), 0);
	KT_EQ(tv->tv_allocs, 1);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 2, 0), 0);
	store(vm, 1, 31);
	store(vm, 2, 32);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 1, 0), 31);
	KT_EQ(*tvfs_word(tv, 2, 0), 32);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), KTF_VA(4), TRUE, 0), 0);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* T-uvm_vnp_sync-1 and -2 */
KTEST(uvn_sync)
{
	struct tvnode *a = tvfs_make(ptoa(8)), *b = tvfs_make(ptoa(8));
	struct vmspace *vm = map_file(a, 8, false, MADV_NORMAL);

	a->tv_vnode.v_mount = (struct mount *)a;
	b->tv_vnode.v_mount = (struct mount *)b;
	for (int i = 0; i < 3; i++)
		store(vm, i * 2, 500 + (uint64_t)i);
	KT_EQ(tvfs_write_word(b, 1, 600), 0);
	KT_EQ(tvfs_write_word(b, 7, 601), 0);
	uvm_vnp_sync((struct mount *)a);
	KT_EQ(a->tv_wpages, 3);
	KT_EQ(b->tv_wpages, 0);
	uvm_vnp_sync(NULL);
	KT_EQ(a->tv_wpages, 3);
	KT_EQ(b->tv_wpages, 2);
	uvm_vnp_sync(NULL);
	KT_EQ(a->tv_wpages + b->tv_wpages, 5);
	KT_EQ(*tvfs_word(a, 4, 0), 502);
	KT_EQ(*tvfs_word(b, 7, 0), 601);
	KT_EQ(tvfs_read_word(a, 4), 502);
	KT_EQ(tvfs_read_word(b, 1), 600);
	/* nothing was left to do for b, and it is found again */
	KT_EQ(tvfs_write_word(b, 2, 603), 0);
	uvm_vnp_sync(NULL);
	KT_EQ(*tvfs_word(b, 2, 0), 603);
	uvmspace_free(vm);
	tvfs_end(a);
	tvfs_end(b);
}

/* -- The end ----------------------------------------------------------------- */

/* T-uvm_vnp_terminate-1; dirty pages are written */
KTEST(uvn_terminate)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct uvmexp s;

	KT_SNAP(&s);
	tvfs_make_resident(tv, 4);
	KT_EQ(tvfs_write_word(tv, 3, 44), 0);
	KT_EQ(KT_DELTA(&s, vnodepages), 4);
	uvm_vnp_terminate(&tv->tv_vnode);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);
	KT_EQ(KT_DELTA(&s, free), 0);
	KT_EQ(tv->tv_wpages, 1);
	KT_EQ(*tvfs_word(tv, 3, 0), 44);
	uvm_vnp_terminate(&tv->tv_vnode); /* there is nothing */
	KT_EQ(tvfs_read_word(tv, 3), 44);
	tvfs_end(tv);
}

/* T-uvm_vnp_terminate-2 */
KTEST(uvn_terminate_mapped)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct vmspace *vm = map_file(tv, 4, false, MADV_NORMAL);

	store(vm, 1, 55);
	uvm_vnp_terminate(&tv->tv_vnode);
	KT_EQ(*tvfs_word(tv, 1, 0), 55);
	KT_EQ(tvfs_resident(tv), 0);
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EIO);
	KT_EQ(ktf_fault(vm, 2, PROT_WRITE), EIO);
	KT_CHECK(uvn_attach(&tv->tv_vnode, PROT_READ) == NULL);
	uvmspace_free(vm);
	tvfs_end(tv);
}

/* T-uvm_vnp_uncache-1 to -3 */
KTEST(uvn_uncache)
{
	struct tvnode *tv = tvfs_make(ptoa(4));
	struct vmspace *vm;
	struct uvmexp s;

	KT_CHECK(uvm_vnp_uncache(&tv->tv_vnode) == TRUE);
	KT_SNAP(&s);
	tvfs_make_resident(tv, 4);
	KT_EQ(tvfs_write_word(tv, 0, 9), 0);
	KT_EQ(KT_DELTA(&s, vnodepages), 4);
	KT_CHECK(uvm_vnp_uncache(&tv->tv_vnode) == TRUE);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);
	KT_EQ(*tvfs_word(tv, 0, 0), 9);

	vm = map_file(tv, 4, false, MADV_NORMAL);
	store(vm, 0, 10);
	KT_CHECK(uvm_vnp_uncache(&tv->tv_vnode) == FALSE);
	KT_EQ(ktf_read(vm, 0), 10);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);
	KT_EQ(*tvfs_word(tv, 0, 0), 10);
	tv->tv_reads = 0;
	KT_EQ(tvfs_read_word(tv, 0), 10);
	KT_EQ(tv->tv_reads, 1);
	/* that was once: it is cached again */
	KT_EQ(tvfs_read_word(tv, 0), 10);
	KT_EQ(tv->tv_reads, 1);
	tvfs_end(tv);
}

/* Pages of text are counted apart. */
KTEST(uvn_text)
{
	struct tvnode *tv = tvfs_make(ptoa(12));
	struct uvmexp s;

	KT_SNAP(&s);
	tvfs_make_resident(tv, 8);
	KT_EQ(KT_DELTA(&s, vnodepages), 8);
	uvm_vnp_text(&tv->tv_vnode, true);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);
	KT_EQ(KT_DELTA(&s, vtextpages), 8);
	tvfs_make_resident(tv, 12);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);
	KT_EQ(KT_DELTA(&s, vtextpages), 12);
	tvfs_setsize(tv, (off_t)ptoa(5));
	KT_EQ(KT_DELTA(&s, vtextpages), 5);
	uvm_vnp_text(&tv->tv_vnode, false);
	KT_EQ(KT_DELTA(&s, vnodepages), 5);
	KT_EQ(KT_DELTA(&s, vtextpages), 0);
	tvfs_end(tv);
	KT_EQ(KT_DELTA(&s, vnodepages), 0);

	/* attached for the first time by exec */
	tv = tvfs_make(ptoa(2));
	tv->tv_vnode.v_writers = -1;
	tvfs_make_resident(tv, 2);
	KT_EQ(KT_DELTA(&s, vtextpages), 2);
	tvfs_end(tv);
}

/* -- The page daemon --------------------------------------------------------- */

#define PD_PAGES 32

/* => the pages of the file are inactive and not referenced */
static void
age(struct tvnode *tv)
{
	struct uvm_object *uobj = &tv->tv_vnode.v_uvm->u_obj;

	rw_enter_write(&uobj->uo_lock);
	(void)uobj->pgops->pgo_flush(uobj, 0, 0, PGO_ALLPAGES | PGO_DEACTIVATE);
	rw_exit(&uobj->uo_lock);
}

/* => fewer than n pages are left, after a while */
static bool
shrinks_below(struct tvnode *tv, int n)
{
	for (int i = 0; i < 400 && tvfs_resident(tv) >= n; i++)
		kt_sleep_ms(5);
	return tvfs_resident(tv) < n;
}

struct minimums {
	int anon, vnode, vtext; /* [thread] */
};

static struct minimums
set_minimums(struct minimums m)
{
	struct minimums old = { uvmexp.anonmin, uvmexp.vnodemin,
		uvmexp.vtextmin };

	uvmexp.anonmin = m.anon;
	uvmexp.vnodemin = m.vnode;
	uvmexp.vtextmin = m.vtext;
	return old;
}

/* Clean pages are freed, and counted; nothing is written. */
KTEST(uvn_daemon_clean)
{
	struct minimums old = set_minimums((struct minimums){ 0, 0, 0 });
	struct tvnode *tv = tvfs_make(ptoa(PD_PAGES));
	struct vmspace *vm = map_file(tv, PD_PAGES, false, MADV_NORMAL);
	struct uvmexp s;

	for (int i = 0; i < PD_PAGES; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	age(tv);
	KT_SNAP(&s);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	KT_CHECK(shrinks_below(tv, PD_PAGES / 2));
	KT_CHECK(KT_DELTA(&s, pdobscan) > 0);
	KT_CHECK(KT_DELTA(&s, pdfreed) >= PD_PAGES / 2);
	kt_balloon_release();
	KT_EQ(tv->tv_writes, 0);
	for (int i = 0; i < PD_PAGES; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	uvmspace_free(vm);
	tvfs_end(tv);
	(void)set_minimums(old);
}

/*
 * The minimum holds within one scan, too: what the daemon has freed in it does
 * not count any more.  It frees in batches, which may be one page late each.
 */
KTEST(uvn_daemon_minimum_in_scan)
{
	struct minimums old = set_minimums((struct minimums){ 0, 0, 0 });
	struct tvnode *tv = tvfs_make(ptoa(TVFS_PAGES));
	struct vmspace *vm = map_file(tv, TVFS_PAGES, false, MADV_NORMAL);
	struct uvmexp s;
	long total;
	int inactive;

	for (int i = 0; i < TVFS_PAGES; i++)
		KT_EQ(ktf_read(vm, i), 1000 + i);
	age(tv);
	KT_SNAP(&s);
	total = uvmexp.freemin - 1 + uvm_pageq_active();
	inactive = uvm_pageq_inactive();
	total += inactive;
	/* a quarter of the file's pages may go */
	uvmexp.vnodemin =
	    (int)(((s.vnodepages - TVFS_PAGES / 4) * 256L + total - 1) / total);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	KT_CHECK(shrinks_below(tv, TVFS_PAGES));
	kt_sleep_ms(50);
	KT_CHECK(tvfs_resident(tv) >= TVFS_PAGES * 3 / 8);
	KT_CHECK(KT_DELTA(&s, pdrevnode) > 0);
	kt_balloon_release();
	uvmspace_free(vm);
	tvfs_end(tv);
	(void)set_minimums(old);
}

/* Dirty ones, by a mapping or by write(2), are written first. */
KTEST(uvn_daemon_dirty)
{
	struct minimums old = set_minimums((struct minimums){ 0, 0, 0 });
	struct tvnode *tv = tvfs_make(ptoa(PD_PAGES));
	struct vmspace *vm = map_file(tv, PD_PAGES, false, MADV_NORMAL);
	struct uvmexp s;

	for (int i = 0; i < PD_PAGES; i++)
		if (i % 2 == 0)
			store(vm, i, 300 + (uint64_t)i);
		else
			KT_EQ(tvfs_write_word(tv, i, 300 + (uint64_t)i), 0);
	age(tv);
	KT_SNAP(&s);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	KT_CHECK(shrinks_below(tv, PD_PAGES / 2));
	KT_CHECK(KT_DELTA(&s, pdpageouts) > 0);
	KT_EQ(KT_DELTA(&s, pdpageouts), KT_DELTA(&s, pdpending));
	kt_balloon_release();
	KT_CHECK(tv->tv_wpages >= PD_PAGES / 2);
	for (int i = 0; i < PD_PAGES; i++)
		KT_EQ(ktf_read(vm, i), 300 + i);
	uvmspace_free(vm);
	tvfs_end(tv);
	(void)set_minimums(old);
}

/*
 * While the file system takes its time, the daemon frees what else there is,
 * and nobody loses anything.
 */
KTEST(uvn_daemon_stalled)
{
	struct minimums old = set_minimums((struct minimums){ 0, 0, 0 });
	struct tvnode *tv = tvfs_make(ptoa(8));
	struct tvnode *clean = tvfs_make(ptoa(PD_PAGES));

	for (int i = 0; i < 8; i++)
		KT_EQ(tvfs_write_word(tv, i, 300 + (uint64_t)i), 0);
	age(tv);
	tv->tv_stalled = true;
	tvfs_make_resident(clean, PD_PAGES);
	age(clean);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	KT_CHECK(shrinks_below(clean, PD_PAGES / 2));
	KT_CHECK(tvfs_waits(tv));
	KT_EQ(uvmexp.paging, 8);
	KT_EQ(tvfs_resident(tv), 8);
	kt_balloon_release();
	tvfs_resume(tv);
	for (int i = 0; i < 8; i++)
		KT_EQ(tvfs_read_word(tv, i), 300 + i);
	tvfs_end(tv);
	tvfs_end(clean);
	KT_EQ(uvmexp.paging, 0);
	(void)set_minimums(old);
}

/* A disk that does not take them: they are kept, and the error is. */
KTEST(uvn_daemon_error)
{
	struct minimums old = set_minimums((struct minimums){ 0, 0, 0 });
	struct tvnode *tv = tvfs_make(ptoa(4));

	for (int i = 0; i < 4; i++)
		KT_EQ(tvfs_write_word(tv, i, 300 + (uint64_t)i), 0);
	tv->tv_badw = ~0UL;
	age(tv);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	for (int i = 0; i < 200 && atomic_load(&tv->tv_writes) < 5; i++)
		kt_sleep_ms(5);
	for (int i = 0; i < 10; i++) {
		age(tv);
		wakeup(&uvm.pagedaemon);
		kt_sleep_ms(5);
	}
	kt_balloon_release();
	/* together, then each alone; and not again and again */
	KT_RANGE(tv->tv_writes, 5, 15);
	KT_EQ(tvfs_resident(tv), 4);
	tv->tv_badw = 0;
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), EIO);
	KT_EQ(uvm_vnp_flush(&tv->tv_vnode, 0, UVN_MAXOFF), 0);
	KT_EQ(*tvfs_word(tv, 3, 0), 303);
	tvfs_end(tv);
	(void)set_minimums(old);
}

/* pdrevnode, pdrevtext: a share under its minimum is left alone */
static void
minimum(bool text)
{
	struct minimums old = set_minimums(
	    (struct minimums){ 0, text ? 0 : 256, text ? 256 : 0 });
	struct tvnode *tv = tvfs_make(ptoa(PD_PAGES));
	struct uvmexp s;

	tvfs_make_resident(tv, PD_PAGES);
	uvm_vnp_text(&tv->tv_vnode, text);
	age(tv);
	KT_SNAP(&s);
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	for (int i = 0; i < 200 &&
	     KT_DELTA(&s, pdrevtext) + KT_DELTA(&s, pdrevnode) < PD_PAGES;
	     i++)
		kt_sleep_ms(5);
	kt_balloon_release();
	KT_CHECK(KT_DELTA(&s, pdrevtext) >= (text ? PD_PAGES : 0));
	KT_CHECK(KT_DELTA(&s, pdrevnode) >= (text ? 0 : PD_PAGES));
	KT_EQ(text ? KT_DELTA(&s, pdrevnode) : KT_DELTA(&s, pdrevtext), 0);
	KT_EQ(tvfs_resident(tv), PD_PAGES);
	tvfs_end(tv);
	(void)set_minimums(old);
}

KTEST(uvn_minimum_node)
{
	minimum(false);
}

KTEST(uvn_minimum_text)
{
	minimum(true);
}

/* -- Memory that is not there ------------------------------------------------ */

#ifdef FAULT_INJECT

static bool
no_memory_for_writers(void)
{
	return curproc == uvm.pagedaemon || uvn_is_writer(curproc);
}

/*
 * Dirty pages are written and freed although the daemon and the writer get no
 * memory at all, and must not wait for any.
 */
KTEST(uvn_without_memory)
{
	struct minimums old = set_minimums((struct minimums){ 0, 0, 0 });
	struct tvnode *tv = tvfs_make(ptoa(PD_PAGES));
	bool (*before)(void) = alloc_fail_hook;
	struct uvmexp s;

	for (int i = 0; i < PD_PAGES; i++)
		KT_EQ(tvfs_write_word(tv, i, 300 + (uint64_t)i), 0);
	age(tv);
	KT_SNAP(&s);
	alloc_fail_hook = alloc_forbid_hook = no_memory_for_writers;
	KT_CHECK(kt_balloon(uvmexp.freemin - 1));
	KT_CHECK(shrinks_below(tv, PD_PAGES / 2));
	kt_balloon_release();
	alloc_fail_hook = before;
	alloc_forbid_hook = NULL;
	KT_CHECK(KT_DELTA(&s, pdpageouts) > 0);
	for (int i = 0; i < PD_PAGES; i++)
		KT_EQ(tvfs_read_word(tv, i), 300 + i);
	tvfs_end(tv);
	(void)set_minimums(old);
}

/* Everything once, with one allocation failing. => FALSE: there is no nth */
static bool
run_failing(int nth)
{
	struct tvnode *tv = tvfs_make(ptoa(40));
	char *buf = kmem_alloc(2 * PAGE_SIZE, PR_WAITOK);
	bool (*old)(void) = alloc_fail_hook;
	struct vmspace *vm;
	int error, calls;

	memset(buf, 7, 2 * PAGE_SIZE);
	tv->tv_blocks &= ~(1UL << 20);
	vm = map_file(tv, 40, false, MADV_NORMAL);
	ktf_fail_nth(nth);
	error = ktf_fault(vm, 3, PROT_READ);
	if (error == 0)
		error = ktf_fault(vm, 20, PROT_WRITE);
	if (error == 0)
		error = tvfs_io(tv, buf, 2 * PAGE_SIZE, (off_t)ptoa(30),
		    UIO_WRITE, UIO_SYSSPACE);
	calls = ktf_fail_end();
	alloc_fail_hook = old;
	KT_CHECK(error == 0 || error == ENOMEM);
	KT_EQ(ktf_read(vm, 3), 1003);
	KT_EQ(ktf_read(vm, 20), 0);
	if (error == 0)
		KT_EQ(tvfs_read_word(tv, 31), 0x0707070707070707);
	uvmspace_free(vm);
	tvfs_end(tv);
	kmem_free(buf, 2 * PAGE_SIZE);
	return calls >= nth;
}

KTEST(uvn_nomem)
{
	int n = 1;

	while (n < 200 && run_failing(n))
		n++;
	KT_RANGE(n, 6, 199);
}

#endif
