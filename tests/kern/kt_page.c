/* The page layer: allocation, owners, reserves, constraints (UVM-API.md 1.8). */
#include <sys/ktest.h>
#include <uvm/uvm_pgcache.h>
#include <uvm/uvm_pdaemon.h>

/* Pages of the test's own list. */
struct stack {
	struct pglist list;
	long n;
};

static void
stack_init(struct stack *st)
{
	TAILQ_INIT(&st->list);
	st->n = 0;
}

static bool
stack_push(struct stack *st, int flags)
{
	struct vm_page *pg = uvm_pagealloc(NULL, 0, NULL, flags);

	if (pg == NULL)
		return false;
	TAILQ_INSERT_TAIL(&st->list, pg, pageq);
	st->n++;
	return true;
}

static void
stack_free(struct stack *st)
{
	uvm_pglistfree(&st->list);
	st->n = 0;
}

static bool
is_zero(struct vm_page *pg)
{
	const uint64_t *p = (const uint64_t *)VM_PAGE_TO_DMAP(pg);

	for (size_t i = 0; i < PAGE_SIZE / sizeof(*p); i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* -- Start-up -------------------------------------------------------------------- */

/* T-uvm_init-1, T-uvm_setpagesize-1 */
KTEST(page_boot)
{
	vaddr_t va;

	uvmexp_collect();
	KT_EQ(uvmexp.pagesize, 4096);
	KT_EQ(uvmexp.pagemask, 4095);
	KT_EQ(uvmexp.pageshift, 12);
	KT_CHECK(kernel_map != NULL && kernel_object != NULL);
	KT_RANGE(uvmexp.free, 1, uvmexp.npages);
	KT_CHECK(0 < uvmexp.reserve_pagedaemon &&
	    uvmexp.reserve_pagedaemon < uvmexp.reserve_kernel &&
	    uvmexp.reserve_kernel < uvmexp.freemin);
	va = uvm_km_alloc(kernel_map, PAGE_SIZE);
	KT_CHECK(va != 0);
	if (va != 0)
		uvm_km_free(kernel_map, va, PAGE_SIZE);
}

static void
init_again(void *arg)
{
	uvm_init();
}

/* T-uvm_init-3 */
KTEST(page_init_twice)
{
	KT_PANICS(init_again, NULL, "twice");
}

static void
set_page_size(void *arg)
{
	uvm_setpagesize();
}

/* T-uvm_setpagesize-2; the page size is not looked at meanwhile */
KTEST(page_setpagesize)
{
	struct uvmexp saved = uvmexp;

	uvmexp.pagesize = 0;
	uvm_setpagesize();
	KT_EQ(uvmexp.pagesize, 4096);
	uvmexp.pagesize = 8192;
	uvm_setpagesize();
	KT_EQ(uvmexp.pagesize, 8192);
	KT_EQ(uvmexp.pagemask, 8191);
	KT_EQ(uvmexp.pageshift, 13);
	uvmexp.pagesize = 4097;
	KT_PANICS(set_page_size, NULL, "4097");
	uvmexp.pagesize = saved.pagesize;
	uvmexp.pagemask = saved.pagemask;
	uvmexp.pageshift = saved.pageshift;
}

/* T-uvm_page_physload-1, -2: every page of every segment, and none outside */
KTEST(page_physload)
{
	const struct vm_physseg *seg;
	struct vm_page *pg;
	long avail = 0;

	for (seg = vm_physmem; seg < vm_physmem + vm_nphysseg; seg++) {
		avail += (long)atop(seg->avail_end - seg->avail_start);
		for (paddr_t pa = seg->start; pa < seg->end; pa += PAGE_SIZE) {
			pg = PHYS_TO_VM_PAGE(pa);
			KT_REQUIRE(pg != NULL && VM_PAGE_TO_PHYS(pg) == pa);
			KT_REQUIRE(pg >= seg->pgs && pg < seg->lastpg);
			KT_REQUIRE(&vm_physmem[pg->pg_seg] == seg);
		}
		KT_CHECK(PHYS_TO_VM_PAGE(seg->start + 1) == seg->pgs);
		KT_CHECK(seg == vm_physmem || seg[-1].end == seg->start ||
		    PHYS_TO_VM_PAGE(seg->start - 1) == NULL);
		KT_CHECK(seg + 1 == vm_physmem + vm_nphysseg ||
		    seg[1].start == seg->end ||
		    PHYS_TO_VM_PAGE(seg->end) == NULL);
	}
	KT_CHECK(PHYS_TO_VM_PAGE(0) == NULL || vm_physmem[0].start == 0);
	KT_CHECK(PHYS_TO_VM_PAGE(~0UL) == NULL);
	/* the initrd joined later: npages may only be more */
	KT_RANGE(uvmexp.npages, avail, avail + (16 << 8));
}

/* -- Allocation --------------------------------------------------------------------- */

/* T-uvm_pagealloc-1, T-uvm_pagefree-1 */
KTEST(page_alloc_free)
{
	struct vm_page *pg;
	struct vm_anon *anon;
	struct uvmexp s;
	long before;

	kt_settle();
	before = uvm_free_count();
	pg = uvm_pagealloc(NULL, 0, NULL, 0);
	KT_REQUIRE(pg != NULL);
	KT_EQ(uvm_free_count(), before - 1);
	KT_EQ(pg->pg_flags, PG_BUSY | PG_CLEAN | PG_FAKE);
	KT_CHECK(pg->uobject == NULL && pg->uanon == NULL);
	uvm_pagefree(pg);
	KT_EQ(uvm_free_count(), before);

	anon = uvm_analloc();
	KT_REQUIRE(anon != NULL);
	KT_SNAP(&s);
	before = uvm_free_count();
	pg = uvm_pagealloc(NULL, 0, anon, 0);
	KT_CHECK(pg != NULL && anon->an_page == pg && pg->uanon == anon);
	KT_EQ(KT_DELTA(&s, anonpages), 1);
	if (pg != NULL)
		uvm_pagefree(pg);
	KT_CHECK(anon->an_page == NULL);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(uvm_free_count(), before);
	uvm_anon_discard(anon);
}

/* T-uvm_pagealloc-2 */
KTEST(page_alloc_zero)
{
	struct stack st;
	struct vm_page *pg;
	struct uvmexp s;

	stack_init(&st);
	for (int i = 0; i < 200 && stack_push(&st, 0); i++)
		memset((void *)VM_PAGE_TO_DMAP(TAILQ_LAST(&st.list, pglist)),
		    0xa5, PAGE_SIZE);
	stack_free(&st);
	KT_SNAP(&s);
	for (int i = 0; i < 300 && stack_push(&st, UVM_PGA_ZERO); i++)
		;
	KT_EQ(st.n, 300);
	KT_EQ(KT_DELTA2(&s, pga_zerohit, pga_zeromiss), 300);
	TAILQ_FOREACH (pg, &st.list, pageq) {
		KT_REQUIRE(is_zero(pg));
		KT_EQ(pg->pg_flags & (PG_CLEAN | PG_FAKE | PG_BUSY), PG_BUSY);
	}
	stack_free(&st);
}

/* zeropages, pga_zerohit: the idle loop fills the pool */
KTEST(page_idle_zero)
{
	struct vm_page *pg;
	struct uvmexp s;

	for (int i = 0; i < 100 && uvm_zero_count() < 4; i++)
		kt_sleep_ms(10);
	KT_SNAP(&s);
	KT_REQUIRE(s.zeropages >= 4);
	/* no idle time from here on this hart, and the others have enough */
	pg = uvm_pagealloc(NULL, 0, NULL, UVM_PGA_ZERO);
	KT_REQUIRE(pg != NULL);
	KT_EQ(KT_DELTA(&s, pga_zerohit), 1);
	KT_EQ(KT_DELTA(&s, pga_zeromiss), 0);
	KT_RANGE(KT_DELTA(&s, zeropages), -1, ncpus > 1 ? 16 : -1);
	KT_CHECK(is_zero(pg));
	uvm_pagefree(pg);
}

/* T-uvm_pagealloc-3 */
KTEST(page_reserves)
{
	struct uvm_object *obj = uao_create(PAGE_SIZE, 0);
	struct vm_page *pg;

	KT_CHECK(kt_balloon(uvmexp.reserve_kernel));
	KT_CHECK(uvm_pagealloc(NULL, 0, NULL, 0) == NULL);
	KT_EQ(uvm_free_count(), uvmexp.reserve_kernel);
	pg = uvm_pagealloc(NULL, 0, NULL, UVM_PGA_USERESERVE);
	KT_CHECK(pg != NULL);
	if (pg != NULL)
		uvm_pagefree(pg);
	rw_enter_write(&obj->uo_lock);
	KT_CHECK(uvm_pagealloc(obj, 0, NULL, 0) == NULL);
	KT_EQ(obj->uo_npages, 0);
	rw_exit(&obj->uo_lock);

	KT_CHECK(kt_balloon(uvmexp.reserve_pagedaemon));
	KT_CHECK(uvm_pagealloc(NULL, 0, NULL, UVM_PGA_USERESERVE) == NULL);
	KT_EQ(uvm_free_count(), uvmexp.reserve_pagedaemon);
	kt_balloon_release();
	pg = uvm_pagealloc(NULL, 0, NULL, 0);
	KT_CHECK(pg != NULL);
	if (pg != NULL)
		uvm_pagefree(pg);
	uao_detach(obj);
}

static void
alloc_two_owners(void *arg)
{
	struct vm_anon anon = { .an_ref = 1 };

	(void)uvm_pagealloc(arg, 0, &anon, 0);
}

static void
alloc_odd_offset(void *arg)
{
	(void)uvm_pagealloc(arg, 512, NULL, 0);
}

static void
free_page(void *arg)
{
	uvm_pagefree(arg);
}

/* Misuse panics; T-uvm_pagefree-3 */
KTEST(page_misuse)
{
	struct uvm_object *obj = uao_create(PAGE_SIZE, 0);
	struct vm_page *pg = uvm_pagealloc(NULL, 0, NULL, 0);

	KT_PANICS(alloc_two_owners, obj, "two owners");
	KT_PANICS(alloc_odd_offset, obj, "offset");
	KT_REQUIRE(pg != NULL);
	uvm_pagefree(pg);
	KT_PANICS(free_page, pg, "free already");
	uao_detach(obj);
}

/* T-uvm_pagefree-2 */
KTEST(page_free_loaned)
{
	struct vm_page *pg = uvm_pagealloc(NULL, 0, NULL, 0);
	long before;

	KT_REQUIRE(pg != NULL);
	before = uvm_free_count();
	pg->loan_count = 1;
	uvm_pagefree(pg);
	KT_EQ(uvm_free_count(), before);
	pg->loan_count = 0;
	uvm_pagefree(pg);
	KT_EQ(uvm_free_count(), before + 1);
}

/* T-uvm_pagerealloc-1, -2 */
KTEST(page_realloc)
{
	struct uvm_object *a = uao_create(16 * PAGE_SIZE, 0);
	struct uvm_object *b = uao_create(16 * PAGE_SIZE, 0);
	struct vm_page *pg;
	struct uvmexp s;
	uint8_t *p;

	rw_enter_write(&a->uo_lock);
	pg = uvm_pagealloc(a, 3 * PAGE_SIZE, NULL, 0);
	rw_exit(&a->uo_lock);
	KT_REQUIRE(pg != NULL);
	KT_SNAP(&s);
	p = (uint8_t *)VM_PAGE_TO_DMAP(pg);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		p[i] = (uint8_t)(i * 7);
	if (a < b) {
		rw_enter_write(&a->uo_lock);
		rw_enter_write(&b->uo_lock);
	} else {
		rw_enter_write(&b->uo_lock);
		rw_enter_write(&a->uo_lock);
	}
	uvm_pagerealloc(pg, b, 5 * PAGE_SIZE);
	KT_CHECK(uvm_pagelookup(a, 3 * PAGE_SIZE) == NULL);
	KT_CHECK(uvm_pagelookup(b, 5 * PAGE_SIZE) == pg);
	KT_EQ(a->uo_npages, 0);
	KT_EQ(b->uo_npages, 1);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, free), 0);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		KT_REQUIRE(p[i] == (uint8_t)(i * 7));
	uvm_pagerealloc(pg, NULL, 0);
	KT_CHECK(pg->uobject == NULL);
	KT_EQ(KT_DELTA(&s, anonpages), -1);
	rw_exit(&b->uo_lock);
	rw_exit(&a->uo_lock);
	uvm_pagefree(pg);
	uao_detach(a);
	uao_detach(b);
}

/* -- Constraints ------------------------------------------------------------------------ */

static void
check_segments(struct pglist *list, long n, paddr_t low, paddr_t high,
    paddr_t align, paddr_t bound, int nsegs)
{
	paddr_t pa, prev = 0, first = 0;
	struct vm_page *pg;
	int segs = 0;
	long count = 0;

	TAILQ_FOREACH (pg, list, pageq) {
		pa = VM_PAGE_TO_PHYS(pg);
		KT_CHECK(pa >= low && pa < high);
		KT_CHECK(pg->uobject == NULL && pg->uanon == NULL);
		KT_EQ(pg->pg_flags, PG_CLEAN);
		if (count == 0 || pa != prev + PAGE_SIZE ||
		    (bound != 0 && (pa & (bound - 1)) == 0)) {
			KT_EQ(pa & (align - 1), 0);
			first = pa;
			segs++;
		}
		KT_CHECK(bound == 0 ||
		    (first & ~(bound - 1)) == (pa & ~(bound - 1)));
		prev = pa;
		count++;
	}
	KT_EQ(count, n);
	KT_CHECK(segs <= nsegs);
}

/* T-uvm_pglistalloc-1 and its arguments; T-uvm_pglistfree-1 */
KTEST(pglist_constraints)
{
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	long before = uvm_free_count();

	KT_EQ(uvm_pglistalloc(16 * PAGE_SIZE, 0, ~0UL, 65536, 1 << 20, &list, 1,
		  UVM_PLA_NOWAIT),
	    0);
	KT_EQ(uvm_free_count(), before - 16);
	check_segments(&list, 16, 0, ~0UL, 65536, 1 << 20, 1);
	uvm_pglistfree(&list);
	KT_CHECK(TAILQ_EMPTY(&list));
	KT_EQ(uvm_free_count(), before);
	uvm_pglistfree(&list);

	/* rounded up; more than a buddy block; a boundary smaller than it */
	KT_EQ(uvm_pglistalloc(1, 0, ~0UL, 0, 0, &list, 1, UVM_PLA_NOWAIT), 0);
	check_segments(&list, 1, 0, ~0UL, PAGE_SIZE, 0, 1);
	uvm_pglistfree(&list);
	/* a small machine has no such stretch left */
	if (uvmexp.npages > 8192) {
		KT_EQ(uvm_pglistalloc(5 << 20, 0, ~0UL, 2 << 20, 0, &list, 1,
			  UVM_PLA_NOWAIT),
		    0);
		check_segments(&list, 1280, 0, ~0UL, 2 << 20, 0, 1);
		uvm_pglistfree(&list);
	}
	KT_EQ(uvm_pglistalloc(12 * PAGE_SIZE, 0, ~0UL, 0, 4 * PAGE_SIZE, &list,
		  3, UVM_PLA_NOWAIT),
	    0);
	check_segments(&list, 12, 0, ~0UL, PAGE_SIZE, 4 * PAGE_SIZE, 3);
	uvm_pglistfree(&list);
	KT_EQ(uvm_pglistalloc(12 * PAGE_SIZE, 0, ~0UL, 0, 4 * PAGE_SIZE, &list,
		  2, UVM_PLA_NOWAIT),
	    ENOMEM);
	KT_EQ(uvm_free_count(), before);
}

static int
pglist_flags(int flags, psize_t size, paddr_t align, paddr_t bound)
{
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	int error =
	    uvm_pglistalloc(size, 0, ~0UL, align, bound, &list, 1, flags);

	uvm_pglistfree(&list);
	return error;
}

/* D9, D10 and the rest of the errors */
KTEST(pglist_errors)
{
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	int nowait = UVM_PLA_NOWAIT;

	KT_EQ(pglist_flags(0, PAGE_SIZE, 0, 0), EINVAL);
	KT_EQ(pglist_flags(UVM_PLA_ZERO, PAGE_SIZE, 0, 0), EINVAL);
	KT_EQ(pglist_flags(UVM_PLA_WAITOK | nowait, PAGE_SIZE, 0, 0), EINVAL);
	KT_EQ(pglist_flags(nowait, 0, 0, 0), EINVAL);
	KT_EQ(pglist_flags(nowait, PAGE_SIZE, 3 * PAGE_SIZE, 0), EINVAL);
	KT_EQ(pglist_flags(nowait, PAGE_SIZE, 0, 3 * PAGE_SIZE), EINVAL);
	KT_EQ(pglist_flags(nowait, ~0UL, 0, 0), EINVAL);
	KT_EQ(uvm_pglistalloc(PAGE_SIZE, 0, ~0UL, 0, 0, &list, 0, nowait),
	    EINVAL);
	KT_EQ(pglist_flags(nowait, 2 * PAGE_SIZE, 0, PAGE_SIZE), ENOMEM);
	/* no page lies between two such multiples */
	KT_EQ(pglist_flags(nowait, 8, 0, 8), ENOMEM);
	/* more than there is: at once, even for who would wait */
	KT_EQ(pglist_flags(UVM_PLA_WAITOK, 1UL << 50, 0, 0), ENOMEM);
	KT_EQ(pglist_flags(UVM_PLA_WAITOK, PAGE_SIZE, 1UL << 60, 0), ENOMEM);
	KT_EQ(pglist_flags(UVM_PLA_WAITOK | UVM_PLA_ZERO, PAGE_SIZE, 0, 0), 0);
}

/* T-uvm_pglistalloc-2, both ways of giving `high' */
KTEST(pglist_range)
{
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	struct vm_page *pg = uvm_pagealloc(NULL, 0, NULL, 0);
	long before;
	paddr_t pa;

	KT_REQUIRE(pg != NULL);
	pa = VM_PAGE_TO_PHYS(pg);
	before = uvm_free_count();
	KT_EQ(uvm_pglistalloc(PAGE_SIZE, pa, pa + PAGE_SIZE, 0, 0, &list, 1,
		  UVM_PLA_NOWAIT),
	    ENOMEM);
	KT_EQ(uvm_free_count(), before);
	uvm_pagefree(pg);
	KT_EQ(uvm_pglistalloc(PAGE_SIZE, pa, pa + PAGE_SIZE, 0, 0, &list, 1,
		  UVM_PLA_NOWAIT),
	    0);
	KT_CHECK(TAILQ_FIRST(&list) == pg);
	uvm_pglistfree(&list);
	KT_EQ(uvm_pglistalloc(PAGE_SIZE, pa, pa + PAGE_MASK, 0, 0, &list, 1,
		  UVM_PLA_NOWAIT | UVM_PLA_ZERO),
	    0);
	KT_CHECK(TAILQ_FIRST(&list) == pg && is_zero(pg));
	uvm_pglistfree(&list);
	KT_EQ(uvm_pglistalloc(PAGE_SIZE, pa + 1, pa + PAGE_SIZE, 0, 0, &list, 1,
		  UVM_PLA_NOWAIT),
	    ENOMEM);
	KT_EQ(uvm_free_count(), before + 1);
}

/*
 * What a list leaves is the reserve, wherever the pages lie: programs get none
 * of it from a magazine.
 */
KTEST(pglist_keeps_the_reserve)
{
	struct vm_page *pg[8], *got;
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	u_long s;
	long n;

	s = intr_disable(); /* the daemon would be first */
	uvm_pgcache_gather(); /* so that the list is made at once */
	uvm_pgcache_release();
	mtx_leave(&uvm.fpageqlock);
	for (size_t i = 0; i < nitems(pg); i++)
		pg[i] = uvm_pagealloc(NULL, 0, NULL, 0);
	for (size_t i = 0; i < nitems(pg); i++)
		uvm_pagefree(pg[i]);
	n = atomic_load(&uvm_fp.fp_free) - uvmexp.reserve_kernel + 4;
	KT_EQ(uvm_pglistalloc((vsize_t)ptoa(n), 0, ~0UL, PAGE_SIZE, 0, &list,
		  (int)n, UVM_PLA_NOWAIT),
	    0);
	while ((got = uvm_pagealloc(NULL, 0, NULL, 0)) != NULL)
		TAILQ_INSERT_TAIL(&list, got, pageq);
	KT_CHECK(uvm_free_count() >= uvmexp.reserve_kernel);
	intr_restore(s);
	uvm_pglistfree(&list);
}

/* T-uvm_pglistalloc-3: alternate pages of one block */
KTEST(pglist_fragmented)
{
	struct pglist block = TAILQ_HEAD_INITIALIZER(block);
	struct pglist even = TAILQ_HEAD_INITIALIZER(even);
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	struct vm_page *pg;
	paddr_t low, high;

	KT_EQ(uvm_pglistalloc(64 * PAGE_SIZE, 0, ~0UL, 64 * PAGE_SIZE, 0,
		  &block, 1, UVM_PLA_NOWAIT),
	    0);
	KT_REQUIRE(!TAILQ_EMPTY(&block));
	low = VM_PAGE_TO_PHYS(TAILQ_FIRST(&block));
	high = low + 64 * PAGE_SIZE;
	while ((pg = TAILQ_FIRST(&block)) != NULL) {
		TAILQ_REMOVE(&block, pg, pageq);
		if (atop(VM_PAGE_TO_PHYS(pg)) & 1)
			TAILQ_INSERT_TAIL(&even, pg, pageq);
		else
			uvm_pagefree(pg);
	}
	KT_EQ(uvm_pglistalloc(
		  2 * PAGE_SIZE, low, high, 0, 0, &list, 1, UVM_PLA_NOWAIT),
	    ENOMEM);
	KT_EQ(uvm_pglistalloc(
		  2 * PAGE_SIZE, low, high, 0, 0, &list, 2, UVM_PLA_NOWAIT),
	    0);
	check_segments(&list, 2, low, high, PAGE_SIZE, 0, 2);
	uvm_pglistfree(&list);
	/* all 32 of them, and not one more */
	KT_EQ(uvm_pglistalloc(
		  32 * PAGE_SIZE, low, high, 0, 0, &list, 32, UVM_PLA_NOWAIT),
	    0);
	check_segments(&list, 32, low, high, PAGE_SIZE, 0, 32);
	uvm_pglistfree(&list);
	KT_EQ(uvm_pglistalloc(
		  33 * PAGE_SIZE, low, high, 0, 0, &list, 33, UVM_PLA_NOWAIT),
	    ENOMEM);
	uvm_pglistfree(&even);
	KT_EQ(uvm_pglistalloc(
		  64 * PAGE_SIZE, low, high, 0, 0, &list, 1, UVM_PLA_NOWAIT),
	    0);
	uvm_pglistfree(&list);
}

/* => bytes of the largest aligned block that can be had, 4 MiB at most */
static psize_t
largest_block(void)
{
	struct pglist list = TAILQ_HEAD_INITIALIZER(list);
	psize_t size;

	for (size = 4 << 20; size > PAGE_SIZE; size /= 2)
		if (uvm_pglistalloc(
			size, 0, ~0UL, size, 0, &list, 1, UVM_PLA_NOWAIT) == 0)
			break;
	uvm_pglistfree(&list);
	return size;
}

/* T-uvm_pglistfree-2 */
KTEST(pglist_churn)
{
	struct pglist held[8];
	long before = uvm_free_count();
	psize_t size, align, boundary, largest = largest_block();
	int k;

	for (k = 0; k < 8; k++)
		TAILQ_INIT(&held[k]);
	for (int i = 0; i < 1000; i++) {
		k = (int)(kt_random() % 8);
		if (!TAILQ_EMPTY(&held[k])) {
			uvm_pglistfree(&held[k]);
			continue;
		}
		size = (1 + kt_random() % 100) * PAGE_SIZE;
		align = PAGE_SIZE << kt_random() % 6;
		boundary = kt_random() % 4 == 0 ? 256 * PAGE_SIZE : 0;
		(void)uvm_pglistalloc(size, 0, ~0UL, align, boundary, &held[k],
		    1 + (int)(kt_random() % 4), UVM_PLA_NOWAIT);
	}
	for (k = 0; k < 8; k++)
		uvm_pglistfree(&held[k]);
	KT_EQ(uvm_free_count(), before);
	KT_CHECK(largest_block() >= largest);
}

/* -- Queues ------------------------------------------------------------------------------ */

/* active, inactive, wired of 3.2 */
KTEST(pageq_counts)
{
	struct uvm_object *obj = uao_create(40 * PAGE_SIZE, 0);
	struct vm_page *pg[40];
	struct uvmexp s;

	KT_SNAP(&s);
	rw_enter_write(&obj->uo_lock);
	for (int i = 0; i < 40; i++) {
		pg[i] = uvm_pagealloc(obj, (voff_t)ptoa(i), NULL, 0);
		KT_REQUIRE(pg[i] != NULL);
		uvm_page_unbusy(pg[i]);
		uvm_pageactivate(pg[i]);
		uvm_pageactivate(pg[i]);
		KT_EQ(KT_DELTA(&s, active), i + 1);
	}
	KT_EQ(KT_DELTA(&s, anonpages), 40);
	for (int i = 0; i < 10; i++)
		uvm_pagedeactivate(pg[i * 4]);
	KT_EQ(KT_DELTA(&s, active), 30);
	KT_EQ(KT_DELTA(&s, inactive), 10);
	for (int i = 0; i < 5; i++)
		uvm_pageactivate(pg[i * 4]);
	KT_EQ(KT_DELTA(&s, active), 35);
	for (int i = 0; i < 20; i++) {
		uvm_pagewire(pg[i]);
		uvm_pagewire(pg[i]);
	}
	KT_EQ(KT_DELTA(&s, wired), 20);
	KT_EQ(KT_DELTA2(&s, active, inactive), 20);
	uvm_pageactivate(pg[0]);
	uvm_pagedeactivate(pg[1]);
	KT_EQ(KT_DELTA2(&s, active, inactive), 20);
	for (int i = 0; i < 20; i++)
		uvm_pageunwire(pg[i]);
	KT_EQ(KT_DELTA(&s, wired), 20);
	for (int i = 0; i < 10; i++)
		uvm_pageunwire(pg[i]);
	KT_EQ(KT_DELTA(&s, wired), 10);
	uvm_pagedequeue(pg[39]);
	uvm_pagedequeue(pg[39]);
	KT_EQ(KT_DELTA2(&s, active, inactive), 29);
	rw_exit(&obj->uo_lock);
	/* ten pages are still wired: freeing takes care of that */
	uao_detach(obj);
	KT_EQ(KT_DELTA(&s, active), 0);
	KT_EQ(KT_DELTA(&s, inactive), 0);
	KT_EQ(KT_DELTA(&s, wired), 0);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
}

/* -- Many harts ---------------------------------------------------------------------------- */

#define RACERS 4
#define ROUNDS 20000
#define HELD   48

static volatile long lowest; /* [a] free pages ever seen */

/* Allocate and free, each page marked while it is ours. */
static void
page_racer(void *arg)
{
	uint64_t rnd = *(uint64_t *)arg, tag = (uint64_t)arg;
	struct vm_page *held[HELD] = { NULL };
	volatile uint64_t *p;

	for (int i = 0; i < ROUNDS; i++) {
		size_t k = kt_random_r(&rnd) % HELD;

		if (held[k] == NULL) {
			held[k] = uvm_pagealloc(NULL, 0, NULL,
			    kt_random_r(&rnd) % 3 == 0 ? UVM_PGA_ZERO : 0);
			if (held[k] == NULL)
				continue;
			p = (volatile uint64_t *)VM_PAGE_TO_DMAP(held[k]);
			p[0] = tag;
			p[511] = k;
		} else {
			p = (volatile uint64_t *)VM_PAGE_TO_DMAP(held[k]);
			KT_REQUIRE(p[0] == tag && p[511] == k);
			uvm_pagefree(held[k]);
			held[k] = NULL;
		}
		if (i % 64 == 0)
			yield();
	}
	for (size_t k = 0; k < HELD; k++)
		if (held[k] != NULL)
			uvm_pagefree(held[k]);
}

static void
run_racers(void)
{
	uint64_t seed[RACERS];

	for (int i = 0; i < RACERS; i++)
		seed[i] = kt_random();
	kt_parallel(RACERS, page_racer, seed, sizeof(seed[0]));
}

/* No page in two hands, none lost. */
KTEST(page_race)
{
	run_racers();
}

/* The same where magazines open and close all the time. */
KTEST(page_race_short)
{
	for (int i = 0; i < 4; i++) {
		KT_CHECK(kt_balloon(uvmexp.freetarg + 40 * i));
		run_racers();
		kt_balloon_release();
	}
}

/* Take all there is, and see how little is left. */
static void
page_grabber(void *arg)
{
	struct stack st;
	long free;

	for (int i = 0; i < 50; i++) {
		stack_init(&st);
		while (stack_push(&st, 0)) {
			free = uvm_free_count();
			if (free < atomic_load(&lowest))
				atomic_store(&lowest, free);
		}
		stack_free(&st);
		yield();
	}
}

/* The reserve is never exceeded, whoever races. */
KTEST(page_reserve_race)
{
	atomic_store(&lowest, uvmexp.npages);
	KT_CHECK(kt_balloon(uvmexp.freetarg + 300));
	kt_parallel(RACERS, page_grabber, NULL, 0);
	kt_balloon_release();
	KT_EQ(atomic_load(&lowest), uvmexp.reserve_kernel);
}

/* Activations batched on one hart are seen, and undone, on another. */
static void
activate_here(void *arg)
{
	struct uvm_object *obj = arg;

	rw_enter_write(&obj->uo_lock);
	for (int i = 0; i < 5; i++) {
		struct vm_page *pg =
		    uvm_pagealloc(obj, (voff_t)ptoa(i), NULL, 0);

		KT_REQUIRE(pg != NULL);
		uvm_page_unbusy(pg);
		uvm_pageactivate(pg);
	}
	rw_exit(&obj->uo_lock);
}

KTEST(pageq_batch_remote)
{
	struct uvm_object *obj = uao_create(5 * PAGE_SIZE, 0);
	struct uvmexp s;

	KT_SNAP(&s);
	kt_join(kt_spawn(activate_here, obj, 1UL << (ncpus - 1)));
	KT_EQ(KT_DELTA(&s, active), 5);
	kt_pin(0);
	uvm_pageq_flush();
	KT_EQ(KT_DELTA(&s, active), 5);
	uao_detach(obj);
	KT_EQ(KT_DELTA(&s, active), 0);
	obj = uao_create(5 * PAGE_SIZE, 0);
	kt_join(kt_spawn(activate_here, obj, 1UL << (ncpus - 1)));
	uao_detach(obj);
	KT_EQ(KT_DELTA(&s, active), 0);
	kt_unpin();
}

#define PEND_FEW  5
#define PEND_MANY 40 /* more than a batch holds */

static struct {
	struct uvm_object *few, *many;
	struct kt_barrier barrier;
} pend;

static void
requeue(struct uvm_object *obj, int n, bool active)
{
	struct vm_page *pg;

	for (int i = 0; i < n; i++) {
		rw_enter_write(&obj->uo_lock);
		pg = uvm_pagelookup(obj, (voff_t)ptoa(i));
		uvm_pagedequeue(pg);
		if (active)
			uvm_pageactivate(pg);
		rw_exit(&obj->uo_lock);
	}
}

/* The batch gets a few pages, and then so many others that it is emptied. */
static void
pend_fill(void *arg)
{
	for (int i = 0; i < 60; i++) {
		requeue(pend.few, PEND_FEW, true);
		kt_barrier_wait(&pend.barrier);
		requeue(pend.many, PEND_MANY, true);
		kt_barrier_wait(&pend.barrier);
	}
}

static struct uvm_object *
pend_object(int n)
{
	struct uvm_object *obj = uao_create(ptoa(n), 0);
	struct vm_page *pg;

	rw_enter_write(&obj->uo_lock);
	for (int i = 0; i < n; i++) {
		pg = uvm_pagealloc(obj, (voff_t)ptoa(i), NULL, 0);
		if (pg == NULL)
			panic("pageq_batch_race: no page");
		uvm_page_unbusy(pg);
	}
	rw_exit(&obj->uo_lock);
	return obj;
}

/* Taken from a batch while its own hart empties it onto the queue. */
KTEST(pageq_batch_race)
{
	struct kt_thread *t;
	struct uvmexp s;

	KT_SNAP(&s);
	pend.few = pend_object(PEND_FEW);
	pend.many = pend_object(PEND_MANY);
	kt_barrier_init(&pend.barrier, 2);
	t = kt_spawn(pend_fill, NULL, 1UL << (ncpus - 1));
	kt_pin(0);
	for (int i = 0; i < 60; i++) {
		kt_barrier_wait(&pend.barrier);
		requeue(pend.few, PEND_FEW, false);
		kt_barrier_wait(&pend.barrier);
	}
	kt_join(t);
	uvm_pageq_flush();
	KT_EQ(KT_DELTA(&s, active), PEND_MANY);
	uao_detach(pend.few);
	uao_detach(pend.many);
	KT_EQ(KT_DELTA(&s, active), 0);
	kt_unpin();
}
