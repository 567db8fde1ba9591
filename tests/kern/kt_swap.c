/* Swap: devices, slots, paging out and in (UVM-API.md 3.4, 6.3, 7.4). */
#define _UVM_SWAP_PRIVATE
#include <tests/kern/kt_audit.h>
#include <tests/kern/kt_map.h>
#include <tests/kern/kt_tdisk.h>
#include <tests/kern/kt_tvfs.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_pdaemon.h>
#include <uvm/uvm_swap.h>
#include <sys/pool.h>
#include <uvm_bsd.h>

/* -- Helpers -------------------------------------------------------------------- */

#define DISK_PAGES 256
#define OUT_PAGES  48 /* that files' pages make room for */

/*
 * Pages of files in memory that were there before the test: wired, so that
 * only the test's own pages come and go.  Both: the test thread's.
 */
static struct vm_page *others[1024];
static u_int nothers;

/* => a page of some object on the queue, wired, or NULL */
static struct vm_page *
wire_one(struct pglist *queue)
{
	struct rwlock *lock = NULL;
	struct vm_page *pg;

	mtx_enter(&uvm.pageqlock);
	TAILQ_FOREACH (pg, queue, pageq) {
		if (pg->uobject != NULL && (pg->pg_flags & PG_BUSY) == 0 &&
		    rw_enter(&pg->uobject->uo_lock, RW_WRITE | RW_NOSLEEP) == 0)
			break;
	}
	mtx_leave(&uvm.pageqlock);
	if (pg == NULL)
		return NULL;
	lock = &pg->uobject->uo_lock;
	uvm_pagewire(pg);
	rw_exit(lock);
	return pg;
}

static void
hold_others(void)
{
	struct vm_page *pg;

	uvm_pageq_flush();
	while (nothers < nitems(others) &&
	    ((pg = wire_one(&uvm.page_active)) != NULL ||
		(pg = wire_one(&uvm.page_inactive)) != NULL))
		others[nothers++] = pg;
}

static void
release_others(void)
{
	struct rwlock *lock;

	while (nothers > 0) {
		lock = &others[--nothers]->uobject->uo_lock;
		rw_enter_write(lock);
		uvm_pageunwire(others[nothers]);
		rw_exit(lock);
	}
}

/* => swap_mtx held, no page under way to the device: its tables agree */
static void
check_device(const struct swapdev *sd)
{
	int owned = 0, nfree = 0, used = 0;
	bool failed = (sd->sd_flags & SWF_FAILED) != 0;
	const struct swap_section *ss = sd->sd_section;

	for (uint32_t i = 0; i < sd->sd_npages; i++) {
		owned += sd->sd_owner[i] != 0;
		nfree += uvm_swapmap_isfree(&sd->sd_map, i);
		KT_CHECK(sd->sd_owner[i] == 0 ||
		    !uvm_swapmap_isfree(&sd->sd_map, i));
	}
	KT_EQ(sd->sd_inuse, owned);
	KT_EQ(sd->sd_map.sm_nfree, nfree);
	KT_EQ(sd->sd_usable, owned + (failed ? 0 : nfree));
	for (uint32_t i = 0; i < sd->sd_npages; i += SWAP_SECTION, ss++) {
		used += (int)ss->ss_used;
		KT_CHECK(ss->ss_used != 0 || !ss->ss_keyed);
		for (u_int k = 0; k < SWAP_KEYLEN && !ss->ss_keyed; k++)
			KT_EQ(ss->ss_key[k], 0);
	}
	KT_EQ(used, owned);
}

/* What is counted of swap is what there is; nothing is under way. */
static void
check_swap(void)
{
	int usable = 0, inuse = 0, nfree = 0;

	mtx_enter(&swap_mtx);
	for (int d = 0; d < swap_ndev; d++) {
		check_device(swap_dev[d]);
		usable += swap_dev[d]->sd_usable;
		inuse += swap_dev[d]->sd_inuse;
		if (swap_dev[d]->sd_flags & SWF_ENABLE)
			nfree += (int)swap_dev[d]->sd_map.sm_nfree;
	}
	KT_EQ(uvmexp.swpages, usable);
	KT_EQ(uvmexp.swpginuse, inuse);
	KT_EQ(uvmexp.nswapdev, swap_ndev);
	KT_EQ(uvm_swap_nfree(), nfree);
	KT_RANGE(uvmexp.swpgonly, 0, inuse);
	mtx_leave(&swap_mtx);
}

/* => disk n serves as swap */
static struct bdev *
swap_on(u_int n, uint32_t npages, int priority)
{
	struct bdev *bd = tdisk_open(n, npages);

	if (bd == NULL)
		panic("swap_on: no disk");
	if (uvmexp.nswapdev == 0)
		hold_others();
	KT_EQ(uvm_swap_on(bd, priority), 0);
	return bd;
}

static void
swap_off(u_int n, struct bdev *bd)
{
	check_swap();
	KT_EQ(uvm_swap_off(bd), 0);
	check_swap();
	tdisk_close(n);
	if (uvmexp.nswapdev == 0)
		release_others();
}

static uint64_t
word_of(int i)
{
	return 0x5eed5eed00000000UL + (uint64_t)i;
}

/* => the anon of page i, its lock write-locked; the page is in memory */
static struct vm_anon *
lock_anon(struct vmspace *vm, int i, vm_prot_t access, int *error)
{
	struct vm_map_entry *e;
	struct vm_anon *anon;

	for (;;) {
		*error = ktf_fault(vm, i, access);
		if (*error != 0)
			return NULL;
		e = ktf_entry(vm, i);
		amap_lock_write(e->aref.ar_amap);
		anon = amap_lookup(&e->aref, KTF_VA(i) - e->start);
		if (anon != NULL && anon->an_page != NULL &&
		    (anon->an_page->pg_flags & PG_BUSY) == 0)
			return anon;
		amap_unlock(e->aref.ar_amap);
	}
}

/* Every word of the page, as a program would write it; 0 or errno. */
static int
put_page(struct vmspace *vm, int i, uint64_t value)
{
	struct vm_anon *anon;
	uint64_t *p;
	int error;

	anon = lock_anon(vm, i, PROT_READ | PROT_WRITE, &error);
	if (anon == NULL)
		return error;
	KT_EQ(anon->an_ref, 1);
	atomic_and(&anon->an_page->pg_flags, ~(uint32_t)PG_CLEAN);
	p = (uint64_t *)VM_PAGE_TO_DMAP(anon->an_page);
	for (size_t k = 0; k < PAGE_SIZE / sizeof(*p); k++)
		p[k] = value;
	rw_exit(&anon->an_lock->aml_lock);
	return 0;
}

/* => 0: every word of the page is value; EDOM: one is not; or errno */
static int
check_page(struct vmspace *vm, int i, uint64_t value)
{
	struct vm_anon *anon;
	const uint64_t *p;
	int error;

	anon = lock_anon(vm, i, PROT_READ, &error);
	if (anon == NULL)
		return error;
	p = (const uint64_t *)VM_PAGE_TO_DMAP(anon->an_page);
	for (size_t k = 0; k < PAGE_SIZE / sizeof(*p); k++)
		if (p[k] != value)
			error = EDOM;
	rw_exit(&anon->an_lock->aml_lock);
	return error;
}

static void
put_pages(struct vmspace *vm, int from, int to)
{
	for (int i = from; i < to; i++)
		KT_EQ(put_page(vm, i, word_of(i)), 0);
}

static void
check_pages(struct vmspace *vm, int from, int to)
{
	for (int i = from; i < to; i++)
		KT_EQ(check_page(vm, i, word_of(i)), 0);
}

static int
page_out(struct vmspace *vm, int from, int to)
{
	return uvm_map_pageout(&vm->vm_map, KTF_VA(from), KTF_VA(to));
}

/* => private memory of n pages, written */
static struct vmspace *
written_space(int n, int advice)
{
	struct vmspace *vm = ktf_space();

	ktf_map_anon(vm, n, advice);
	put_pages(vm, 0, n);
	return vm;
}

/* -- Devices and counters -------------------------------------------------------- */

/* nswapdev, swpages, nanon, nanonneeded, nfreeanon (3.4) */
KTEST(swap_on_off)
{
	struct bdev *bd;
	struct uvmexp s;
	int nanon;

	KT_SNAP(&s);
	bd = swap_on(0, DISK_PAGES, 0);
	KT_EQ(KT_DELTA(&s, nswapdev), 1);
	KT_EQ(KT_DELTA(&s, swpages), DISK_PAGES - 1);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(KT_DELTA(&s, nanonneeded), DISK_PAGES - 1);
	KT_EQ(uvm_swap_on(bd, 0), EBUSY);
	nanon = uvmexp.nanon;
	swap_off(0, bd);
	KT_EQ(KT_DELTA(&s, nswapdev), 0);
	KT_EQ(KT_DELTA(&s, swpages), 0);
	KT_EQ(KT_DELTA(&s, nanonneeded), 0);
	uvmexp_collect();
	KT_EQ(uvmexp.nanon, nanon);
	KT_EQ(uvm_swap_off(bd), ENXIO);
}

/* A device without room for a page; a malformed header. */
KTEST(swap_on_refused)
{
	struct bdev *bd = tdisk_open(0, 1);
	char *page = kmem_zalloc(PAGE_SIZE, PR_WAITOK);

	KT_REQUIRE(bd != NULL);
	KT_EQ(uvm_swap_on(bd, 0), EINVAL);
	tdisk_close(0);
	bd = tdisk_open(0, 64);
	memcpy(page + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	*(uint32_t *)(void *)(page + 1024) = 7; /* version */
	KT_EQ(bdev_rw(bd, NULL, B_WRITE, page, PAGE_SIZE, 0), 0);
	KT_EQ(uvm_swap_on(bd, 0), EINVAL);
	tdisk_fail_reads(0, 1);
	KT_EQ(uvm_swap_on(bd, 0), EIO);
	tdisk_close(0);
	kmem_free(page, PAGE_SIZE);
}

/* Bad pages of a mkswap header are never used. */
KTEST(swap_on_header)
{
	struct bdev *bd = tdisk_open(0, 64);
	char *page = kmem_zalloc(PAGE_SIZE, PR_WAITOK);
	struct tdisk_stats ts;
	struct vmspace *vm;
	struct uvmexp s;

	KT_REQUIRE(bd != NULL);
	memcpy(page + PAGE_SIZE - 10, "SWAPSPACE2", 10);
	*(uint32_t *)(void *)(page + 1024) = 1;
	*(uint32_t *)(void *)(page + 1028) = 39; /* last page */
	*(uint32_t *)(void *)(page + 1032) = 2;
	*(uint32_t *)(void *)(page + 1536) = 5;
	*(uint32_t *)(void *)(page + 1540) = 20;
	KT_EQ(bdev_rw(bd, NULL, B_WRITE, page, PAGE_SIZE, 0), 0);
	kmem_free(page, PAGE_SIZE);
	KT_SNAP(&s);
	KT_EQ(uvm_swap_on(bd, 0), 0);
	KT_EQ(KT_DELTA(&s, swpages), 37);
	tdisk_reset_stats(0);
	vm = written_space(37, MADV_NORMAL);
	KT_EQ(page_out(vm, 0, 37), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 37);
	tdisk_stats(0, &ts);
	for (u_int i = 0; i < ts.ts_nlog; i++) {
		uint64_t first = atop(ts.ts_log[i].tr_off);
		uint64_t end = first + atop(ts.ts_log[i].tr_len);

		KT_CHECK(first > 0 && end <= 40);
		KT_CHECK(end <= 5 || first > 5);
		KT_CHECK(end <= 20 || first > 20);
	}
	check_pages(vm, 0, 37);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* -- Out and in ------------------------------------------------------------------ */

/*
 * 16 pages out: one write of 64 KiB that tells nothing; 5 back, one by one;
 * slots stay until the pages change or go (3.4, 3.5).
 */
KTEST(swap_out_in)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct tdisk_stats ts;
	struct vmspace *vm = written_space(16, MADV_RANDOM);
	struct uvmexp s;

	tdisk_reset_stats(0);
	KT_SNAP(&s);
	KT_EQ(page_out(vm, 0, 16), 0);
	KT_EQ(KT_DELTA(&s, pgswapout), 16);
	KT_EQ(KT_DELTA(&s, pdpageouts), 1);
	KT_EQ(KT_DELTA(&s, pdpending), 1);
	KT_EQ(KT_DELTA(&s, pdfreed), 16);
	KT_EQ(KT_DELTA(&s, swpginuse), 16);
	KT_EQ(KT_DELTA(&s, swpgonly), 16);
	KT_EQ(KT_DELTA(&s, paging), 0);
	KT_EQ(KT_DELTA(&s, anonpages), -16);
	tdisk_stats(0, &ts);
	KT_EQ(ts.ts_writes, 1);
	KT_EQ(ts.ts_log[0].tr_len, 16 * PAGE_SIZE);
	for (int i = 0; i < 16; i++)
		KT_CHECK(!tdisk_holds(0, word_of(i)));

	KT_SNAP(&s);
	check_pages(vm, 0, 5);
	KT_EQ(KT_DELTA(&s, nswget), 5);
	KT_EQ(KT_DELTA(&s, pageins), 5);
	KT_EQ(KT_DELTA(&s, pgswapin), 5);
	KT_EQ(KT_DELTA(&s, swpgonly), -5);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	/* clean: out again without writing */
	KT_EQ(page_out(vm, 0, 5), 0);
	KT_EQ(KT_DELTA(&s, pgswapout), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 0);
	/* changed: its slot goes */
	KT_EQ(put_page(vm, 3, 77), 0);
	KT_EQ(KT_DELTA(&s, swpginuse), -1);
	KT_EQ(page_out(vm, 0, 16), 0);
	KT_EQ(KT_DELTA(&s, pgswapout), 1);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(check_page(vm, 3, 77), 0);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, swpginuse), -16);
	KT_EQ(KT_DELTA(&s, swpgonly), -16);
	swap_off(0, bd);
}

/* The fault group of one swap-in (3.6). */
KTEST(swap_fault_counters)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(2, MADV_RANDOM);
	struct uvmexp s;

	KT_EQ(page_out(vm, 0, 2), 0);
	KT_SNAP(&s);
	KT_EQ(ktf_fault(vm, 0, PROT_READ), 0);
	KTF_EXPECT(&s, .faults = 1, .fltanget = 1, .fltrelck = 1,
	    .fltrelckok = 1, .fltanretry = 1, .flt_anon = 1);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* Neighbours come with the page; a program that jumps about gets one each. */
KTEST(swap_read_around)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(128, MADV_NORMAL);
	struct uvmexp s;

	KT_EQ(page_out(vm, 0, 128), 0);
	KT_SNAP(&s);
	check_pages(vm, 0, 64);
	KT_EQ(KT_DELTA(&s, nswget), 4);
	KT_EQ(KT_DELTA(&s, pgswapin), 64);
	KT_EQ(page_out(vm, 0, 128), 0);
	KT_EQ(KT_DELTA(&s, pgswapout), 0);
	KT_SNAP(&s);
	for (int i = 0; i < 8; i++)
		KT_EQ(
		    check_page(vm, (i * 37) % 128, word_of((i * 37) % 128)), 0);
	KT_EQ(KT_DELTA(&s, nswget), 8);
	KT_RANGE(KT_DELTA(&s, pgswapin), 8, 8 + 15);
	check_pages(vm, 0, 128);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* What lies beside a page in swap is read along only if it is of its family. */
KTEST(swap_read_around_own)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm[2];
	struct uvmexp s;

	/* whole clusters: the second begins where the first ends */
	for (int k = 0; k < 2; k++) {
		vm[k] = written_space(16, MADV_NORMAL);
		KT_EQ(page_out(vm[k], 0, 16), 0);
	}
	KT_SNAP(&s);
	KT_EQ(check_page(vm[0], 15, word_of(15)), 0);
	check_pages(vm[0], 0, 16);
	KT_EQ(KT_DELTA(&s, nswget), 1);
	KT_EQ(KT_DELTA(&s, swpgonly), -16);
	KT_EQ(check_page(vm[1], 0, word_of(0)), 0);
	check_pages(vm[1], 0, 16);
	KT_EQ(KT_DELTA(&s, nswget), 2);
	KT_EQ(KT_DELTA(&s, swpgonly), -32);
	for (int k = 0; k < 2; k++)
		uvmspace_free(vm[k]);
	swap_off(0, bd);
}

/* T-clust-2: scattered slots are given up for new ones in a row. */
KTEST(swap_reassign)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(64, MADV_RANDOM);
	struct tdisk_stats ts;
	struct uvmexp s;

	KT_EQ(page_out(vm, 0, 64), 0);
	KT_SNAP(&s);
	for (int i = 0; i < 64; i += 4)
		KT_EQ(put_page(vm, i, word_of(i)), 0);
	tdisk_reset_stats(0);
	KT_EQ(page_out(vm, 0, 64), 0);
	tdisk_stats(0, &ts);
	KT_EQ(ts.ts_writes, 1);
	KT_EQ(ts.ts_log[ts.ts_nlog - 1].tr_len, 16 * PAGE_SIZE);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	check_pages(vm, 0, 64);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* T-clust-3, T-clust-4: room only in small runs, and hardly any. */
KTEST(swap_full)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(300, MADV_RANDOM);
	struct uvmexp s;

	KT_SNAP(&s);
	KT_EQ(page_out(vm, 0, 300), 0);
	KT_EQ(uvmexp.swpginuse, DISK_PAGES - 1);
	KT_EQ(uvm_swap_nfree(), 0);
	/* every eighth slot is free: writes of one page */
	for (int i = 0; i < 240; i += 8)
		KT_EQ(put_page(vm, i, word_of(i + 1000)), 0);
	KT_EQ(uvm_swap_nfree(), 30);
	check_swap();
	KT_EQ(page_out(vm, 0, 300), 0);
	KT_EQ(uvm_swap_nfree(), 0);
	for (int i = 0; i < 300; i++)
		KT_EQ(check_page(
			  vm, i, word_of(i < 240 && i % 8 == 0 ? i + 1000 : i)),
		    0);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(uvm_swap_nfree(), DISK_PAGES - 1);
	swap_off(0, bd);
}

/* -- Encryption ------------------------------------------------------------------ */

/* => words of two pages that are the same */
static int
same_words(const uint64_t *a, const uint64_t *b)
{
	int n = 0;

	for (size_t k = 0; k < PAGE_SIZE / sizeof(*a); k++)
		n += a[k] == b[k];
	return n;
}

/*
 * The same contents look different in each slot, and each time they are written
 * to one: another page keeps the section in use, and so its key.
 */
KTEST(swap_key_streams)
{
	struct bdev *bd = swap_on(0, 4, 0);
	struct vmspace *vm = written_space(2, MADV_RANDOM);
	uint64_t *before = kmem_alloc(PAGE_SIZE, PR_WAITOK);

	KT_EQ(put_page(vm, 0, 8), 0);
	KT_EQ(put_page(vm, 1, 8), 0);
	KT_EQ(page_out(vm, 0, 2), 0);
	KT_EQ(same_words(tdisk_page(0, 1), tdisk_page(0, 2)), 0);
	memcpy(before, tdisk_page(0, 1), PAGE_SIZE);
	/* by way of the third slot, which comes next, to the first one again */
	for (int i = 0; i < 2; i++) {
		KT_EQ(put_page(vm, 0, 8), 0);
		KT_EQ(page_out(vm, 0, 1), 0);
	}
	KT_EQ(ktf_entry(vm, 0)->aref.ar_amap->am_nslot, 2);
	KT_EQ(same_words(tdisk_page(0, 1), before), 0);
	KT_EQ(check_page(vm, 0, 8), 0);
	KT_EQ(check_page(vm, 1, 8), 0);
	kmem_free(before, PAGE_SIZE);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* => the device's first section has a key; it goes to *key */
static bool
section_key(uint8_t *key)
{
	const struct swap_section *ss = swap_dev[0]->sd_section;
	bool any = false;

	mtx_enter(&swap_mtx);
	for (u_int k = 0; k < SWAP_KEYLEN; k++) {
		key[k] = ss->ss_key[k];
		any |= key[k] != 0;
	}
	mtx_leave(&swap_mtx);
	return any;
}

/* A key is there as long as something can be read with it, and no longer. */
KTEST(swap_key_wiped)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(2, MADV_RANDOM);
	uint8_t key[2][SWAP_KEYLEN];

	KT_CHECK(!section_key(key[0]));
	KT_EQ(page_out(vm, 0, 2), 0);
	KT_CHECK(section_key(key[0]));
	KT_EQ(put_page(vm, 0, 1), 0);
	KT_CHECK(section_key(key[1]));
	KT_CHECK(memcmp(key[0], key[1], SWAP_KEYLEN) == 0);
	KT_EQ(put_page(vm, 1, 1), 0);
	KT_CHECK(!section_key(key[1]));
	KT_EQ(page_out(vm, 0, 2), 0);
	KT_CHECK(section_key(key[1]));
	KT_CHECK(memcmp(key[0], key[1], SWAP_KEYLEN) != 0);
	uvmspace_free(vm);
	KT_CHECK(!section_key(key[1]));
	swap_off(0, bd);
}

/* -- Several devices ------------------------------------------------------------- */

/* The lower number first; equal ones in turn. */
KTEST(swap_priorities)
{
	struct bdev *bd[3];
	struct vmspace *vm;
	struct tdisk_stats ts[3];

	bd[0] = swap_on(0, 64, 5);
	bd[1] = swap_on(1, 128, 1);
	bd[2] = swap_on(2, 128, 1);
	for (u_int i = 0; i < 3; i++)
		tdisk_reset_stats(i);
	vm = written_space(290, MADV_NORMAL);
	KT_EQ(page_out(vm, 0, 128), 0);
	for (u_int i = 0; i < 3; i++)
		tdisk_stats(i, &ts[i]);
	KT_EQ(ts[0].ts_writes, 0);
	KT_EQ(ts[1].ts_writes, 4);
	KT_EQ(ts[2].ts_writes, 4);
	KT_EQ(page_out(vm, 128, 290), 0);
	tdisk_stats(0, &ts[0]);
	KT_CHECK(ts[0].ts_writes > 0);
	KT_EQ(uvmexp.swpgonly, 290);
	check_pages(vm, 0, 290);
	KT_EQ(page_out(vm, 0, 290), 0);
	/* from two devices into the third and memory */
	swap_off(1, bd[1]);
	swap_off(2, bd[2]);
	check_pages(vm, 0, 290);
	uvmspace_free(vm);
	swap_off(0, bd[0]);
}

/* 6.3: 40 pages out, the device goes, all is there. */
KTEST(swap_off_brings_back)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(40, MADV_NORMAL);
	struct uvm_object *obj = uao_create(ptoa(40), 0);

	ktf_map_obj(vm, KTF_VA(100), obj, 40, false, MADV_NORMAL);
	for (int i = 100; i < 140; i++)
		ktf_write(vm, i, word_of(i));
	KT_EQ(page_out(vm, 0, 40), 0);
	KT_EQ(page_out(vm, 100, 140), 0);
	KT_EQ(uvmexp.swpgonly, 80);
	swap_off(0, bd);
	KT_EQ(uvmexp.swpginuse, 0);
	KT_EQ(uvmexp.swpgonly, 0);
	check_pages(vm, 0, 40);
	for (int i = 100; i < 140; i++)
		KT_EQ(ktf_read(vm, i), word_of(i));
	uvmspace_free(vm);
}

/* No room in memory for it all: refused, and nothing changed. */
KTEST(swap_off_no_room)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(200, MADV_NORMAL);
	struct uvmexp s;

	KT_EQ(page_out(vm, 0, 200), 0);
	KT_SNAP(&s);
	KT_CHECK(kt_balloon(uvmexp.freemin + 50));
	KT_EQ(uvm_swap_off(bd), ENOMEM);
	KT_EQ(KT_DELTA(&s, swpages), 0);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(uvm_swap_nfree(), DISK_PAGES - 1 - 200);
	kt_balloon_release();
	check_pages(vm, 0, 200);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/*
 * There is room, but the daemon has to make it: pages of a file go for what
 * comes in.  They are wired while memory is taken, which would free them.
 */
KTEST(swap_off_files_go)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct tvnode *tv = tvfs_make(ptoa(TVFS_PAGES));
	struct vmspace *vm = written_space(OUT_PAGES, MADV_NORMAL);
	int vnodemin = uvmexp.vnodemin;
	struct vm_map *map = &vm->vm_map;
	struct uvmexp s;

	uvmexp.vnodemin = 0;
	ktf_map_obj(vm, KTF_VA(100), uvn_attach(&tv->tv_vnode, PROT_READ),
	    TVFS_PAGES, false, MADV_NORMAL);
	KT_EQ(page_out(vm, 0, OUT_PAGES), 0);
	KT_EQ(uvm_map_pageable(
		  map, KTF_VA(100), KTF_VA(100 + TVFS_PAGES), FALSE, 0),
	    0);
	KT_CHECK(kt_balloon(uvmexp.freemin + 8));
	KT_SNAP(&s);
	KT_EQ(uvm_map_pageable(
		  map, KTF_VA(100), KTF_VA(100 + TVFS_PAGES), TRUE, 0),
	    0);
	KT_EQ(uvm_swap_off(bd), 0);
	KT_CHECK(KT_DELTA(&s, vnodepages) < 0);
	KT_EQ(uvmexp.swpginuse, 0);
	kt_balloon_release();
	check_pages(vm, 0, OUT_PAGES);
	uvmexp.vnodemin = vnodemin;
	uvmspace_free(vm);
	tvfs_end(tv);
	tdisk_close(0);
	release_others();
}

/* -- Fork ------------------------------------------------------------------------ */

KTEST(swap_fork)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(32, MADV_NORMAL), *child;
	struct uvmexp s;

	KT_SNAP(&s);
	KT_EQ(page_out(vm, 0, 32), 0);
	child = uvmspace_fork_vm(vm);
	KT_REQUIRE(child != NULL);
	for (int i = 0; i < 32; i += 2)
		KT_EQ(put_page(child, i, 5), 0);
	KT_EQ(page_out(child, 0, 32), 0);
	KT_EQ(page_out(vm, 0, 32), 0);
	check_pages(vm, 0, 32);
	for (int i = 0; i < 32; i++)
		KT_EQ(check_page(child, i, i % 2 == 0 ? 5 : word_of(i)), 0);
	uvmspace_free(vm);
	KT_EQ(page_out(child, 0, 32), 0);
	for (int i = 0; i < 32; i++)
		KT_EQ(check_page(child, i, i % 2 == 0 ? 5 : word_of(i)), 0);
	uvmspace_free(child);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 0);
	swap_off(0, bd);
}

/* Wiring brings a page in and takes its slot away (3.4). */
KTEST(swap_wire)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(16, MADV_RANDOM);
	struct uvmexp s;

	KT_EQ(page_out(vm, 0, 16), 0);
	check_pages(vm, 0, 2);
	KT_SNAP(&s);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), KTF_VA(5), FALSE, 0), 0);
	KT_EQ(KT_DELTA(&s, swpginuse), -5);
	KT_EQ(page_out(vm, 0, 16), 0);
	KT_EQ(KT_DELTA(&s, swpginuse), -5);
	check_pages(vm, 0, 16);
	KT_EQ(uvm_map_pageable(&vm->vm_map, KTF_VA(0), KTF_VA(5), TRUE, 0), 0);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* -- Objects --------------------------------------------------------------------- */

/* T-uao_create-2, T-uao_detach-2; shrinking brings the cut page in. */
KTEST(swap_aobj)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct uvm_object *obj = uao_create(ptoa(20), 0);
	struct vmspace *vm = ktf_space();
	struct uvmexp s;

	ktf_map_obj(vm, KTF_VA(0), obj, 20, false, MADV_NORMAL);
	for (int i = 0; i < 20; i++)
		ktf_write(vm, i, word_of(i));
	KT_SNAP(&s);
	KT_EQ(page_out(vm, 0, 20), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 20);
	KT_EQ(uao_pages(obj), 0);
	KT_CHECK(uao_has_page(obj, ptoa(7)));
	for (int i = 0; i < 20; i++)
		KT_EQ(ktf_read(vm, i), word_of(i));
	KT_EQ(KT_DELTA(&s, swpgonly), 0);
	KT_EQ(KT_DELTA(&s, nswget), 2);
	KT_EQ(page_out(vm, 0, 20), 0);
	KT_EQ(uao_shrink(obj, ptoa(8) + 8), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 8);
	KT_EQ(KT_DELTA(&s, swpginuse), 9);
	KT_EQ(ktf_read(vm, 8), word_of(8));
	KT_EQ(ktf_fault(vm, 9, PROT_READ), EIO);
	KT_EQ(page_out(vm, 0, 20), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 9);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 0);
	swap_off(0, bd);
}

/* => a space with an object of n pages, which is written */
static struct vmspace *
written_object(int n)
{
	struct vmspace *vm = ktf_space();

	ktf_map_obj(
	    vm, KTF_VA(0), uao_create(ptoa(n), 0), n, false, MADV_NORMAL);
	for (int i = 0; i < n; i++)
		ktf_write(vm, i, word_of(i));
	return vm;
}

static void
check_object(struct vmspace *vm, int n)
{
	for (int i = 0; i < n; i++)
		KT_EQ(ktf_read(vm, i), word_of(i));
}

/* tmpfs gives a part of a file back: pages and slots go, others stay. */
KTEST(swap_punch)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_object(12);
	struct uvm_object *obj = ktf_entry(vm, 0)->object.uvm_obj;
	struct uvmexp s;

	KT_SNAP(&s);
	KT_EQ(page_out(vm, 0, 6), 0);
	KT_EQ(KT_DELTA(&s, swpginuse), 6);
	/* two in swap, one in both, two in memory only */
	KT_EQ(ktf_read(vm, 5), word_of(5));
	uao_punch(obj, (voff_t)ptoa(3), (voff_t)ptoa(8));
	for (int i = 0; i < 12; i++)
		KT_EQ(ktf_read(vm, i), i >= 3 && i < 8 ? 0 : word_of(i));
	KT_EQ(uao_shrink(obj, 0), 0);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 0);
	/* nothing there, nothing to do */
	uao_punch(obj, 0, (voff_t)ptoa(12));
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* The end of a file is in swap and cannot be read: it does not get shorter. */
KTEST(swap_shrink_read_error)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_object(4);
	struct uvm_object *obj = ktf_entry(vm, 0)->object.uvm_obj;

	KT_EQ(page_out(vm, 0, 4), 0);
	tdisk_bad(0, 0, DISK_PAGES);
	KT_EQ(uao_shrink(obj, ptoa(1) + 8), EIO);
	tdisk_bad(0, 0, 0);
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EIO); /* it stays lost */
	KT_EQ(ktf_read(vm, 3), word_of(3));
	KT_EQ(uao_shrink(obj, ptoa(1)), 0);
	KT_EQ(ktf_fault(vm, 3, PROT_READ), EIO);
	KT_EQ(ktf_read(vm, 0), word_of(0));
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* A map says how many of its pages are in swap only. */
KTEST(swap_mapinfo)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_object(10);
	struct uvm_mapinfo mi[2];

	KT_EQ(ktm_map(vm, 20, 26, UVM_PROT_RW, KTM_ANON), 0);
	put_pages(vm, 20, 26);
	KT_EQ(page_out(vm, 0, 7), 0);
	KT_EQ(page_out(vm, 20, 24), 0);
	KT_EQ(check_page(vm, 20, word_of(20)), 0);
	memset(mi, 0, sizeof(mi));
	KT_EQ(uvm_map_snapshot(vm, mi, 2), 2);
	KT_EQ(mi[0].type, UVM_MI_AOBJ);
	KT_EQ(mi[0].swapped, 7);
	KT_EQ(mi[0].resident, 3);
	KT_EQ(mi[1].type, UVM_MI_ANON);
	KT_EQ(mi[1].resident + mi[1].swapped, 6);
	KT_RANGE(mi[1].swapped, 0, 3); /* neighbours came along */
	/* entries for which there is no room are left out */
	memset(mi, 0, sizeof(mi));
	KT_EQ(uvm_map_snapshot(vm, mi, 1), 1);
	KT_EQ(mi[1].type, 0);
	KT_EQ(mi[1].end, 0);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* => pages [0, n), busy, with the slots from slot on for their own */
static void
own_slots(struct vmspace *vm, int slot, struct vm_page **pgs, int n)
{
	struct vm_anon *anon;
	int error;

	for (int i = 0; i < n; i++) {
		anon = lock_anon(vm, i, PROT_READ | PROT_WRITE, &error);
		KASSERT(anon != NULL && anon->an_swslot == 0);
		anon->an_swslot = slot + i;
		uvm_swap_setanon(slot + i, anon);
		pgs[i] = anon->an_page;
		atomic_or(&pgs[i]->pg_flags, PG_BUSY);
		rw_exit(&anon->an_lock->aml_lock);
	}
}

/* 7.3: pages are put, waiting for it or not. */
KTEST(swap_put)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(3, MADV_RANDOM);
	struct vm_page *pgs[3];
	struct uvmexp s;
	int n = 3, slot = uvm_swap_alloc(&n, FALSE);

	KT_REQUIRE(slot > 0 && n == 3);
	own_slots(vm, slot, pgs, 3);
	KT_SNAP(&s);
	tdisk_fail_writes(0, 1);
	KT_EQ(uvm_swap_put(slot, pgs, 3, PGO_SYNCIO), VM_PAGER_ERROR);
	KT_EQ(uvm_swap_put(slot, pgs, 3, PGO_SYNCIO), VM_PAGER_OK);
	for (int i = 0; i < 3; i++)
		KT_CHECK((pgs[i]->pg_flags & PG_BUSY) != 0);
	KT_EQ(KT_DELTA(&s, paging), 0);
	KT_EQ(KT_DELTA(&s, pgswapout), 6);
	KT_EQ(uvm_swap_put(slot, pgs, 3, 0), VM_PAGER_PEND);
	while (!uvm_swapio_idle())
		kt_sleep_ms(1);
	KT_EQ(KT_DELTA(&s, swpgonly), 3);
	KT_EQ(KT_DELTA(&s, free), 3);
	check_pages(vm, 0, 3);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* Pages of an object that lie elsewhere on the disk than beside each other. */
KTEST(swap_aobj_scattered)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_object(16);
	struct uvmexp s;

	for (int i = 0; i < 16; i++)
		KT_EQ(page_out(vm, i * 5 % 16, i * 5 % 16 + 1), 0);
	KT_SNAP(&s);
	check_object(vm, 16);
	KT_EQ(KT_DELTA(&s, pgswapin), 16);
	KT_EQ(KT_DELTA(&s, swpgonly), -16);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* -- Errors ---------------------------------------------------------------------- */

/* A cluster with a bad spot: that slot is retired, nothing is lost. */
KTEST(swap_write_error)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(64, MADV_NORMAL);
	struct uvmexp s;

	KT_SNAP(&s);
	tdisk_bad(0, 5, 6);
	KT_EQ(page_out(vm, 0, 64), 0);
	KT_EQ(KT_DELTA(&s, swpages), -1);
	KT_EQ(KT_DELTA(&s, swpginuse), 63);
	KT_EQ(KT_DELTA(&s, swpgonly), 63);
	KT_EQ(page_out(vm, 0, 64), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 64);
	check_pages(vm, 0, 64);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(KT_DELTA(&s, swpages), -1);
	tdisk_bad(0, 0, 0);
	swap_off(0, bd);
}

/* A device that cannot be written at all is given up, and says so. */
KTEST(swap_device_dead)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(100, MADV_NORMAL);

	KT_EQ(page_out(vm, 0, 10), 0);
	tdisk_bad(0, 11, DISK_PAGES);
	KT_EQ(page_out(vm, 0, 100), 0);
	KT_EQ(uvm_swap_nfree(), 0);
	KT_EQ(uvmexp.swpages, 10);
	check_pages(vm, 0, 100);
	uvmspace_free(vm);
	KT_EQ(uvmexp.swpages, 0);
	swap_off(0, bd);
}

/* T-uvm_fault-3: who needs the page gets EIO, its neighbours are fine. */
KTEST(swap_read_error)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(16, MADV_NORMAL);
	struct uvmexp s;

	KT_EQ(page_out(vm, 0, 16), 0);
	KT_SNAP(&s);
	tdisk_bad(0, 4, 5);
	/* down, so that the page that matters is not the first of its cluster */
	for (int i = 15; i >= 0; i--)
		KT_EQ(check_page(vm, i, word_of(i)), i == 3 ? EIO : 0);
	KT_EQ(KT_DELTA(&s, pgswapin), 15);
	KT_EQ(KT_DELTA(&s, swpgonly), -15);
	/* it is lost for good, and its slot goes with it */
	tdisk_bad(0, 0, 0);
	KT_EQ(check_page(vm, 3, word_of(3)), EIO);
	uvmspace_free(vm);
	KT_EQ(uvmexp.swpginuse, 0);
	KT_EQ(uvmexp.swpgonly, 0);
	KT_EQ(KT_DELTA(&s, swpages), -1);
	swap_off(0, bd);
}

/* The same with a page of an object. */
KTEST(swap_read_error_object)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_object(16);

	KT_EQ(page_out(vm, 0, 16), 0);
	tdisk_bad(0, 4, 5);
	for (int i = 0; i < 16; i++)
		if (i == 3)
			KT_EQ(ktf_fault(vm, i, PROT_READ), EIO);
		else
			KT_EQ(ktf_read(vm, i), word_of(i));
	tdisk_bad(0, 0, 0);
	uvmspace_free(vm);
	KT_EQ(uvmexp.swpgonly, 0);
	swap_off(0, bd);
}

/* A device with many bad spots that are not in a row serves on. */
KTEST(swap_bad_spots)
{
	const int spots = 80; /* more than may be in a row */
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(1, MADV_RANDOM);

	for (int i = 0; i < spots; i++) {
		KT_EQ(put_page(vm, 0, word_of(i)), 0);
		tdisk_fail_writes(0, 1);
		KT_EQ(page_out(vm, 0, 1), 0);
		KT_EQ(uvmexp.swpgonly, 0);
		KT_EQ(page_out(vm, 0, 1), 0);
		KT_EQ(uvmexp.swpgonly, 1);
		KT_EQ(check_page(vm, 0, word_of(i)), 0);
	}
	KT_EQ(uvmexp.swpages, DISK_PAGES - 1 - spots);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* An object's page that is lost does not come back with its neighbour. */
KTEST(swap_lost_neighbour)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_object(4);

	KT_EQ(page_out(vm, 0, 4), 0);
	tdisk_bad(0, 2, 3);
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EIO);
	tdisk_bad(0, 0, 0);
	KT_EQ(ktf_read(vm, 0), word_of(0));
	KT_EQ(ktf_fault(vm, 1, PROT_READ), EIO);
	for (int i = 2; i < 4; i++)
		KT_EQ(ktf_read(vm, i), word_of(i));
	uvmspace_free(vm);
	KT_EQ(uvmexp.swpginuse, 0);
	swap_off(0, bd);
}

static void
off_lost(bool object)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm =
	    object ? written_object(16) : written_space(16, MADV_RANDOM);

	KT_EQ(page_out(vm, 0, 16), 0);
	tdisk_bad(0, 4, 5);
	KT_EQ(uvm_swap_off(bd), EIO);
	KT_EQ(uvmexp.nswapdev, 1);
	swap_off(0, bd);
	for (int i = 0; i < 16; i++)
		if (i == 3)
			KT_EQ(ktf_fault(vm, i, PROT_READ), EIO);
		else
			KT_EQ(ktf_read(vm, i), word_of(i));
	tdisk_bad(0, 0, 0);
	uvmspace_free(vm);
	KT_EQ(uvmexp.swpgonly, 0);
}

/* swapoff with what cannot be read: refused once, then given up. */
KTEST(swap_off_lost)
{
	off_lost(false);
	off_lost(true);
}

/* -- The auditor ------------------------------------------------------------------ */

/* One wrong value at a time: it has to be found.  Nobody is wired for it. */
KTEST(audit_swap)
{
	struct bdev *bd = tdisk_open(0, DISK_PAGES);
	struct vmspace *vm = written_space(4, MADV_RANDOM);
	uint32_t used, unused = DISK_PAGES - 1;
	struct vm_map_entry *e;
	struct swap_section *ss;
	struct vm_anon *anon;
	struct swapdev *sd;

	KT_REQUIRE(bd != NULL && uvm_swap_on(bd, 0) == 0);
	sd = swap_dev[0];
	ss = sd->sd_section;
	KT_EQ(page_out(vm, 0, 4), 0);
	e = ktf_entry(vm, 0);
	anon = amap_lookup(&e->aref, 0);
	KT_REQUIRE(anon->an_page == NULL && anon->an_swslot > 0);
	used = (uint32_t)(anon->an_swslot - sd->sd_base);
	const struct kta_poke poke[] = {
		KTA_POKE(anon->an_swslot, 0, "neither page nor swap slot"),
		KTA_POKE(anon->an_swslot, anon->an_swslot + 1, "sd_owner is"),
		KTA_POKE(anon->an_swslot, 9999, "no device has it"),
		KTA_POKE(sd->sd_owner[used], 0, "sd_owner is 0"),
		KTA_POKE(sd->sd_owner[unused], 0x1000, "free, sd_owner is"),
		KTA_POKE(sd->sd_inuse, 5, "sd_inuse is 5"),
		KTA_POKE(sd->sd_usable, 3, "sd_usable is 3"),
		KTA_POKE(sd->sd_map.sm_nfree, 3, "sm_nfree is 3"),
		KTA_POKE(sd->sd_flags, SWF_INUSE | SWF_ENABLE | SWF_BUSY,
		    "being emptied"),
		KTA_POKE(sd->sd_flags, SWF_INUSE, "uvm_swap_nfree() is"),
		KTA_POKE(ss[0].ss_used, 3, "ss_used is 3"),
		KTA_POKE(ss[1].ss_key[5], 1, "its key is not wiped"),
		KTA_POKE(ss[1].ss_keyed, 1, "has a key, and nothing else"),
		KTA_POKE(uvmexp.swpgonly, 3, "swpgonly is 3"),
		KTA_POKE(uvmexp.swpginuse, 3, "swpginuse is 3"),
		KTA_POKE(uvmexp.swpages, 3, "swpages is 3"),
		KTA_POKE(uvmexp.nswapdev, 2, "nswapdev is 2"),
	};
	kta_pokes(poke, nitems(poke));
	uvmspace_free(vm);
	KT_EQ(uvm_swap_off(bd), 0);
	tdisk_close(0);
}

/* -- Memory is short ------------------------------------------------------------- */

#define HOGS      4
#define HOG_PAGES 400
#define HOG_FREE  500 /* pages left for everybody */

/* One thread with more memory than its share. All: [its thread]. */
struct hog {
	struct vmspace *vm;
	uint64_t seed;
	int ops;
	bool forks;
	uint32_t version[HOG_PAGES];
};

static uint64_t
hog_word(const struct hog *h, int i)
{
	return (h->seed << 32 ^ (uint64_t)i << 48) + h->version[i];
}

static void
hog_check(struct hog *h, struct vmspace *vm, int i)
{
	if (h->version[i] != 0)
		KT_EQ(check_page(vm, i, hog_word(h, i)), 0);
}

/* A child sees what its parent wrote, and changes nothing of it. */
static void
hog_fork(struct hog *h, uint64_t *rnd)
{
	struct vmspace *child = uvmspace_fork_vm(h->vm);
	int i = (int)(kt_random_r(rnd) % HOG_PAGES);

	for (int n = 0; n < 20; n++) {
		i = (i + 7) % HOG_PAGES;
		hog_check(h, child, i);
		KT_EQ(put_page(child, i, 1), 0);
		hog_check(h, h->vm, i);
		KT_EQ(check_page(child, i, 1), 0);
	}
	uvmspace_free(child);
}

static void
hog_run(void *arg)
{
	struct hog *h = arg;
	uint64_t rnd = h->seed;

	h->vm = ktf_space();
	ktf_map_anon(
	    h->vm, HOG_PAGES, h->seed % 2 == 0 ? MADV_NORMAL : MADV_RANDOM);
	for (int n = 0; n < h->ops; n++) {
		uint64_t r = kt_random_r(&rnd);
		int i = (int)((r >> 8) % HOG_PAGES);

		if (h->forks && r % 64 == 0) {
			hog_fork(h, &rnd);
		} else if (r % 64 == 1) {
			KT_EQ(page_out(h->vm, i, MIN(i + 40, HOG_PAGES)), 0);
		} else if (r % 2 == 0) {
			h->version[i]++;
			KT_EQ(put_page(h->vm, i, hog_word(h, i)), 0);
		} else
			hog_check(h, h->vm, i);
	}
	for (int i = 0; i < HOG_PAGES; i++)
		hog_check(h, h->vm, i);
	uvmspace_free(h->vm);
}

static void
hogs_run(int ops, bool forks)
{
	struct hog *h = kmem_zalloc(HOGS * sizeof(*h), PR_WAITOK);

	for (int i = 0; i < HOGS; i++) {
		h[i].seed = kt_random();
		h[i].ops = ops;
		h[i].forks = forks;
	}
	kt_parallel(HOGS, hog_run, h, sizeof(*h));
	kmem_free(h, HOGS * sizeof(*h));
}

/* Four threads with three times the memory there is. */
KTEST(swap_pressure)
{
	struct bdev *bd = swap_on(0, 2500, 0);
	struct uvmexp s;

	KT_SNAP(&s);
	KT_CHECK(kt_balloon(uvmexp.freemin + HOG_FREE));
	hogs_run(3000, false);
	KT_CHECK(KT_DELTA(&s, pgswapout) > HOG_PAGES);
	kt_balloon_release();
	swap_off(0, bd);
}

/* The same with forks in the middle, and two devices, one of them going. */
KTEST(swap_pressure_fork)
{
	struct bdev *bd[2];

	for (u_int i = 0; i < nitems(bd); i++)
		bd[i] = swap_on(i, 2000, 0);
	KT_CHECK(kt_balloon(uvmexp.freemin + HOG_FREE));
	hogs_run(1000, true);
	kt_balloon_release();
	swap_off(1, bd[1]);
	swap_off(0, bd[0]);
}

static volatile bool toggling; /* [a] */

static void
toggle(void *arg)
{
	struct bdev **bd = arg;
	int error;

	for (int i = 0; atomic_load(&toggling); i ^= 1) {
		error = uvm_swap_off(bd[i]);
		if (error == 0)
			KT_EQ(uvm_swap_on(bd[i], 0), 0);
		else
			KT_EQ(error, ENOMEM);
		kt_sleep_ms(1);
	}
}

/* Devices come and go while pages do. */
KTEST(swap_off_under_load)
{
	struct bdev *bd[3];
	struct kt_thread *t;

	for (u_int i = 0; i < nitems(bd); i++)
		bd[i] = swap_on(i, i < 2 ? 200 : 2500, 0);
	KT_CHECK(kt_balloon(uvmexp.freemin + HOG_FREE));
	atomic_store(&toggling, true);
	t = kt_spawn(toggle, bd, 0);
	hogs_run(1500, true);
	atomic_store(&toggling, false);
	kt_join(t);
	kt_balloon_release();
	for (u_int i = 0; i < 3; i++)
		swap_off(i, bd[i]);
}

/*
 * Swap is full of copies of what is in memory and in use: some of them go, so
 * that there is room for what is not.
 */
KTEST(swap_full_of_copies)
{
	struct bdev *bd = swap_on(0, 64, 0);
	struct vmspace *vm = written_space(63, MADV_NORMAL);
	struct uvmexp s;

	KT_EQ(page_out(vm, 0, 63), 0);
	check_pages(vm, 0, 63);
	KT_EQ(uvm_swap_nfree(), 0);
	KT_EQ(uvmexp.swpgonly, 0);
	KT_SNAP(&s);
	(void)kt_balloon(uvmexp.freemin - 1);
	for (int i = 0; i < 200 && KT_DELTA(&s, pdrevs) == 0; i++)
		kt_sleep_ms(5);
	kt_balloon_release();
	KT_CHECK(uvm_swap_nfree() > 0 || KT_DELTA(&s, pgswapout) > 0);
	check_pages(vm, 0, 63);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* => n pages of a space, written and on the inactive queue */
static struct vmspace *
inactive_space(int n)
{
	struct vmspace *vm = written_space(n, MADV_RANDOM);

	KT_EQ(uvm_map_clean(&vm->vm_map, KTF_VA(0), KTF_VA(n), PGO_DEACTIVATE),
	    0);
	return vm;
}

/* A few pages do not fill a request: they are written at the end of a scan. */
KTEST(swap_daemon_few)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = inactive_space(5);
	int anonmin = uvmexp.anonmin;

	uvmexp.anonmin = 0;
	(void)kt_balloon(uvmexp.freemin - 1);
	for (int i = 0; i < 400 && uvmexp.swpgonly != 5; i++)
		kt_sleep_ms(5);
	KT_EQ(uvmexp.swpgonly, 5);
	kt_balloon_release();
	uvmexp.anonmin = anonmin;
	check_pages(vm, 0, 5);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* The daemon waits for the lock of an anon whose page is freed meanwhile. */
KTEST(swap_daemon_waits)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = inactive_space(8);
	struct vm_map_entry *e = ktf_entry(vm, 0);
	int anonmin = uvmexp.anonmin;

	uvmexp.anonmin = 0;
	amap_lock_write(e->aref.ar_amap);
	(void)kt_balloon(uvmexp.freemin - 1);
	KT_CHECK(rw_wanted(&e->aref.ar_amap->am_lock->aml_lock));
	amap_discard(&e->aref, 0, 8);
	amap_unlock(e->aref.ar_amap);
	kt_balloon_release();
	uvmexp.anonmin = anonmin;
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* -- Waiting --------------------------------------------------------------------- */

static void
read_page0(void *arg)
{
	KT_EQ(check_page(arg, 0, word_of(0)), 0);
}

/* => the disk has n requests that wait */
static bool
disk_waits(u_int n, u_int count)
{
	for (int i = 0; i < 400 && tdisk_queued(n) != count; i++)
		kt_sleep_ms(5);
	return tdisk_queued(n) == count;
}

/* fltpgwait: two want the same page of a stalled disk (3.6). */
KTEST(swap_two_readers)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(1, MADV_RANDOM), *child;
	struct kt_thread *a, *b;
	struct uvmexp s;

	KT_EQ(page_out(vm, 0, 1), 0);
	child = uvmspace_fork_vm(vm);
	KT_SNAP(&s);
	tdisk_stall(0, true);
	a = kt_spawn(read_page0, vm, 0);
	KT_CHECK(disk_waits(0, 1));
	b = kt_spawn(read_page0, child, 0);
	for (int i = 0; i < 400 && KT_DELTA(&s, fltpgwait) == 0; i++)
		kt_sleep_ms(5);
	KT_EQ(KT_DELTA(&s, fltpgwait), 1);
	tdisk_stall(0, false);
	kt_join(a);
	kt_join(b);
	KT_EQ(KT_DELTA(&s, nswget), 1);
	uvmspace_free(child);
	uvmspace_free(vm);
	swap_off(0, bd);
}

static void
read_gone(void *arg)
{
	KT_EQ(ktf_fault(arg, 0, PROT_READ), EFAULT);
}

/* fltpgrele: unmapped while it is read (3.6). */
KTEST(swap_unmapped_meanwhile)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(4, MADV_RANDOM);
	struct kt_thread *a;
	struct uvmexp s;

	KT_EQ(page_out(vm, 0, 4), 0);
	KT_SNAP(&s);
	tdisk_stall(0, true);
	a = kt_spawn(read_gone, vm, 0);
	KT_CHECK(disk_waits(0, 1));
	uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(4));
	KT_EQ(KT_DELTA(&s, swpgonly), -3);
	tdisk_stall(0, false);
	kt_join(a);
	KT_EQ(KT_DELTA(&s, fltpgrele), 1);
	KT_EQ(KT_DELTA(&s, swpginuse), -4);
	KT_EQ(KT_DELTA(&s, swpgonly), -4);
	uvmspace_free(vm);
	swap_off(0, bd);
}

static void
push_out(void *arg)
{
	KT_EQ(page_out(arg, 0, 16), 0);
}

/* paging: + at the start, - at the end (3.2); freed and wanted meanwhile. */
KTEST(swap_paging)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(16, MADV_RANDOM);
	struct kt_thread *a, *b;
	struct uvmexp s;

	KT_SNAP(&s);
	tdisk_stall(0, true);
	a = kt_spawn(push_out, vm, 0);
	KT_CHECK(disk_waits(0, 1));
	KT_EQ(KT_DELTA(&s, paging), 16);
	uvm_map_clean(&vm->vm_map, KTF_VA(8), KTF_VA(12), PGO_DEACTIVATE);
	b = kt_spawn(read_page0, vm, 0);
	for (int i = 0; i < 400 && KT_DELTA(&s, fltpgwait) == 0; i++)
		kt_sleep_ms(5);
	tdisk_stall(0, false);
	kt_join(a);
	kt_join(b);
	KT_EQ(KT_DELTA(&s, paging), 0);
	/* page 0 was wanted, so it stayed */
	KT_EQ(KT_DELTA(&s, swpgonly), 15);
	KT_EQ(KT_DELTA(&s, nswget), 0);
	/* and it is clean: it goes without being written again */
	KT_SNAP(&s);
	KT_EQ(page_out(vm, 0, 16), 0);
	KT_EQ(KT_DELTA(&s, pgswapout), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 1);
	check_pages(vm, 0, 16);
	uvmspace_free(vm);
	swap_off(0, bd);
}

/* Memory of a process that goes while it is written. */
KTEST(swap_freed_meanwhile)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(16, MADV_RANDOM);
	struct vm_map_entry *e;
	struct kt_thread *a;
	struct uvmexp s;

	KT_SNAP(&s);
	tdisk_stall(0, true);
	a = kt_spawn(push_out, vm, 0);
	KT_CHECK(disk_waits(0, 1));
	tdisk_fail_writes(0, 3);
	e = ktf_entry(vm, 0);
	amap_lock_write(e->aref.ar_amap);
	amap_discard(&e->aref, 0, 8);
	amap_unlock(e->aref.ar_amap);
	tdisk_stall(0, false);
	kt_join(a);
	KT_EQ(KT_DELTA(&s, paging), 0);
	check_pages(vm, 8, 16);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 0);
	swap_off(0, bd);
}

static void
empty_device(void *arg)
{
	KT_EQ(uvm_swap_off(arg), 0);
}

/* A device goes; memory that is on it goes while it is read from there. */
KTEST(swap_off_unmapped_meanwhile)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(4, MADV_RANDOM);
	struct kt_thread *a;

	KT_EQ(page_out(vm, 0, 4), 0);
	tdisk_stall(0, true);
	a = kt_spawn(empty_device, bd, 0);
	KT_CHECK(disk_waits(0, 1));
	uvm_unmap(&vm->vm_map, KTF_VA(0), KTF_VA(2));
	tdisk_stall(0, false);
	kt_join(a);
	check_swap();
	KT_EQ(uvmexp.swpginuse, 0);
	KT_EQ(uvmexp.swpgonly, 0);
	check_pages(vm, 2, 4);
	uvmspace_free(vm);
	tdisk_close(0);
	release_others();
}

/* A device goes while a request has slots of it that are nobody's yet. */
KTEST(swap_off_request_open)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct swapio *si = uvm_swapout_begin(true, NULL);
	struct kt_thread *a;

	KT_REQUIRE(si != NULL);
	a = kt_spawn(empty_device, bd, 0);
	kt_sleep_ms(20);
	KT_EQ(uvmexp.nswapdev, 1);
	uvm_swapout_start(si);
	kt_join(a);
	KT_EQ(uvmexp.nswapdev, 0);
	tdisk_close(0);
	release_others();
}

/* A device goes while pages are under way to it, which nobody waits for. */
KTEST(swap_off_while_written)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct vmspace *vm = written_space(16, MADV_RANDOM);
	struct kt_thread *a, *b;

	tdisk_stall(0, true);
	a = kt_spawn(push_out, vm, 0);
	KT_CHECK(disk_waits(0, 1));
	b = kt_spawn(empty_device, bd, 0);
	kt_sleep_ms(20);
	tdisk_stall(0, false);
	kt_join(a);
	kt_join(b);
	KT_EQ(uvmexp.swpginuse, 0);
	KT_EQ(uvmexp.swpgonly, 0);
	check_pages(vm, 0, 16);
	uvmspace_free(vm);
	tdisk_close(0);
	release_others();
}

static void
free_space(void *arg)
{
	uvmspace_free(arg);
}

/* An object that dies while its pages are written: its slots go uncounted. */
KTEST(swap_object_dies_meanwhile)
{
	struct bdev *bd = swap_on(0, DISK_PAGES, 0);
	struct uvm_object *obj = uao_create(ptoa(16), 0);
	struct vmspace *vm = ktf_space();
	struct kt_thread *a, *b;
	struct uvmexp s;

	ktf_map_obj(vm, KTF_VA(0), obj, 16, false, MADV_NORMAL);
	for (int i = 0; i < 16; i++)
		ktf_write(vm, i, word_of(i));
	KT_SNAP(&s);
	tdisk_stall(0, true);
	a = kt_spawn(push_out, vm, 0);
	KT_CHECK(disk_waits(0, 1));
	b = kt_spawn(free_space, vm, 0);
	for (int i = 0; i < 400 && atomic_load(&obj->uo_refs) != 0; i++)
		kt_sleep_ms(5);
	tdisk_stall(0, false);
	kt_join(a);
	kt_join(b);
	KT_EQ(KT_DELTA(&s, swpginuse), 0);
	KT_EQ(KT_DELTA(&s, swpgonly), 0);
	swap_off(0, bd);
}

#ifdef FAULT_INJECT
/* => the thread that finishes pageouts */
static bool
no_memory_for_daemons(void)
{
	return curproc == uvm.pagedaemon ||
	    strcmp(curproc->p_comm, "swapdone") == 0;
}

/*
 * The daemon gets no memory at all, and memory is short all the time: anons
 * and objects go out none the less.
 */
KTEST(swap_without_memory)
{
	struct bdev *bd = swap_on(0, 2500, 0);
	struct uvm_object *obj = uao_create(ptoa(300), 0);
	struct vmspace *vm = ktf_space();
	bool (*before)(void) = alloc_fail_hook;

	ktf_map_obj(vm, KTF_VA(0), obj, 300, false, MADV_NORMAL);
	KT_CHECK(kt_balloon(uvmexp.freemin + HOG_FREE));
	alloc_fail_hook = alloc_forbid_hook = no_memory_for_daemons;
	for (int i = 0; i < 300; i++)
		KT_EQ(ktf_fault(vm, i, PROT_READ | PROT_WRITE), 0);
	hogs_run(1000, false);
	alloc_fail_hook = before;
	alloc_forbid_hook = NULL;
	kt_balloon_release();
	uvmspace_free(vm);
	swap_off(0, bd);
}
#endif
