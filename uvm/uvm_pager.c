/*
 * Pages on their way to swap and back.
 *
 * A request for writing has everything it will need from the start: a buf and
 * a page to encrypt into for each page it may carry.  The page daemon fills it
 * with pages from wherever they live and starts it; the device's interrupt puts
 * it on the list of those that are done, and a thread of its own finishes it,
 * since that takes the locks of the pages' owners.  Nothing on this way
 * allocates memory.
 *
 * Reading is done by whoever needs the page, straight into it: nobody else
 * sees the page before it is decrypted.
 */
#define _UVM_SWAP_PRIVATE
#include <uvm/uvm.h>
#include <uvm/uvm_swap.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_pdaemon.h>
#include <sys/buf.h>
#include <sys/disk.h>
#include <sys/pool.h>

#define SWAPIO_READS      16 /* requests for reading */
#define SWAPIO_WRITES_MIN 2
#define SWAPIO_WRITES_MAX 16
#define SWAPIO_PAGES      2048 /* of memory, for each request for writing */

/*
 * Locks used to protect members:
 *	p	swapio_mtx
 *	b	who has taken the request off its list
 *	I	immutable while reserved
 */
struct swapio {
	TAILQ_ENTRY(swapio) si_link; /* [p] free or done */
	struct buf si_buf; /* [b] */
	struct bdev *si_dev; /* [b] */
	int64_t si_blkno; /* [b] place of si_slot */
	int si_slot; /* [b] of the first page */
	int si_room; /* [b] slots allocated */
	int si_n; /* [b] pages */
	struct swap_batch *si_batch; /* [b] who waits for it, or NULL */
	struct vm_page *si_pg[SWAP_CLUSTER]; /* [b] */
	struct vm_page *si_bounce[SWAP_CLUSTER]; /* [I] NULL: for reading */
};
TAILQ_HEAD(swapio_list, swapio);

static struct mutex swapio_mtx = MUTEX_INITIALIZER(LR_MISC, "swapio");
/* All: swapio_mtx. */
static struct swapio_list swapio_reads = TAILQ_HEAD_INITIALIZER(swapio_reads);
static struct swapio_list swapio_writes = TAILQ_HEAD_INITIALIZER(swapio_writes);
static struct swapio_list swapio_done = TAILQ_HEAD_INITIALIZER(swapio_done);
static u_int swapio_total; /* requests there are */
static u_int swapio_nfree; /* on the first two lists */

/* -- Requests ------------------------------------------------------------------- */

/*
 * => a request off the list; NULL: none, and not to be waited for, or swap was
 *    configured away
 */
static struct swapio *
swapio_take(struct swapio_list *list, bool wait)
{
	struct swapio *si;

	mtx_enter(&swapio_mtx);
	while ((si = TAILQ_FIRST(list)) == NULL && wait && swapio_total != 0)
		(void)msleep(list, &swapio_mtx, PVM, "swapio", INFSLP);
	if (si != NULL) {
		TAILQ_REMOVE(list, si, si_link);
		swapio_nfree--;
	}
	mtx_leave(&swapio_mtx);
	return si;
}

static void
swapio_give(struct swapio_list *list, struct swapio *si)
{
	mtx_enter(&swapio_mtx);
	TAILQ_INSERT_HEAD(list, si, si_link);
	swapio_nfree++;
	if (!MUTANT(SWAPIO_NO_WAKEUP))
		wakeup_one(list);
	if (swapio_nfree == swapio_total)
		wakeup(&swapio_total);
	mtx_leave(&swapio_mtx);
}

bool
uvm_swapio_idle(void)
{
	bool idle;

	mtx_enter(&swapio_mtx);
	idle = swapio_nfree == swapio_total;
	mtx_leave(&swapio_mtx);
	return idle;
}

static void
swapio_destroy(struct swapio *si)
{
	for (int i = 0; i < SWAP_CLUSTER; i++)
		if (si->si_bounce[i] != NULL)
			uvm_pagefree(si->si_bounce[i]);
	kmem_free(si, sizeof(*si));
}

/*
 * => one request more, maybe with pages to encrypt to; may sleep
 * => 0, or ENOMEM: no memory, and the process is being killed
 */
static int
reserve_one(struct swapio_list *list, bool write)
{
	struct swapio *si;
	int i = 0;

	while ((si = kmem_zalloc(sizeof(*si), PR_NOWAIT)) == NULL)
		if (uvm_wait_killed("swapres"))
			return ENOMEM;
	while (write && i < SWAP_CLUSTER) {
		si->si_bounce[i] = uvm_page_get_unowned(0);
		if (si->si_bounce[i] != NULL)
			i++;
		else if (uvm_wait_killed("swapres")) {
			swapio_destroy(si);
			return ENOMEM;
		}
	}
	mtx_enter(&swapio_mtx);
	swapio_total++;
	mtx_leave(&swapio_mtx);
	swapio_give(list, si);
	return 0;
}

int
uvm_swapio_reserve(void)
{
	int n = uvmexp.npages / SWAPIO_PAGES, error = 0;

	n = MAX(SWAPIO_WRITES_MIN, MIN(n, SWAPIO_WRITES_MAX));
	for (int i = 0; i < SWAPIO_READS && error == 0; i++)
		error = reserve_one(&swapio_reads, false);
	for (int i = 0; i < n && error == 0; i++)
		error = reserve_one(&swapio_writes, true);
	if (error == 0)
		uao_swapnodes_reserve();
	else
		uvm_swapio_unreserve();
	return error;
}

/* The last ones may still be on their way back to the lists. */
void
uvm_swapio_unreserve(void)
{
	struct swapio *si;

	mtx_enter(&swapio_mtx);
	while (swapio_nfree != swapio_total)
		(void)msleep(
		    &swapio_total, &swapio_mtx, PVM, "swapunres", INFSLP);
	while ((si = TAILQ_FIRST(&swapio_reads)) != NULL ||
	    (si = TAILQ_FIRST(&swapio_writes)) != NULL) {
		if (si->si_bounce[0] == NULL)
			TAILQ_REMOVE(&swapio_reads, si, si_link);
		else
			TAILQ_REMOVE(&swapio_writes, si, si_link);
		swapio_nfree--;
		swapio_total--;
		mtx_leave(&swapio_mtx);
		swapio_destroy(si);
		mtx_enter(&swapio_mtx);
	}
	wakeup(&swapio_writes);
	mtx_leave(&swapio_mtx);
	uao_swapnodes_unreserve();
}

/* -- Reading -------------------------------------------------------------------- */

/* => 0 or errno; pages [from, from + n) of a request */
static int
read_pages(struct swapio *si, struct vm_page **pps, int from, int n)
{
	struct buf *bp = &si->si_buf;

	buf_init(
	    bp, B_READ, si->si_blkno + (int64_t)from * (PAGE_SIZE / DEV_BSIZE));
	for (int i = from; i < from + n; i++)
		if (!buf_add_page(bp, pps[i]))
			panic("swap: a request of %d pages", n);
	bdev_strategy(si->si_dev, bp);
	return biowait(bp);
}

/* => pages read and decrypted */
static void
read_done(struct vm_page **pps, int slot, int n)
{
	for (int i = 0; i < n; i++) {
		uvm_swap_decrypt(slot + i, (void *)VM_PAGE_TO_DMAP(pps[i]));
		atomic_and(&pps[i]->pg_flags, ~(uint32_t)PG_FAKE);
	}
	UVMCNT_ADD(pgswapin, n);
	if (!MUTANT(SWAP_ONLY_DRIFT))
		uvm_swap_only(-n);
}

int
uvm_swap_get_run(struct vm_page **pps, int slot, int n, int want)
{
	struct swapio *si;
	int got = 0;

	UVMCNT_INC(nswget);
	if (uvm_swap_isbad(slot + want))
		return 0;
	UVMCNT_INC(pageins);
	si = swapio_take(&swapio_reads, true);
	si->si_dev = uvm_swap_place(slot, &si->si_blkno);
	if (read_pages(si, pps, 0, n) == 0 || MUTANT(SWAP_READ_NO_ERROR))
		got = n;
	else if (n > 1 && !MUTANT(SWAP_CLUSTER_ERROR_LOSES) &&
	    read_pages(si, pps, want, 1) == 0)
		got = 1;
	swapio_give(&swapio_reads, si);
	if (got == n)
		read_done(pps, slot, n);
	else if (got == 1)
		read_done(pps + want,
		    slot + (MUTANT(SWAP_READ_WRONG_SLOT) ? 0 : want), 1);
	else if (!MUTANT(SWAP_LOST_STAYS_GOOD))
		uvm_swap_markbad(slot + want, 1);
	return got;
}

int
uvm_swap_get(struct vm_page *pg, int slot, int flags)
{
	return uvm_swap_get_run(&pg, slot, 1, 0) == 1 ? VM_PAGER_OK
						      : VM_PAGER_ERROR;
}

/* -- Writing -------------------------------------------------------------------- */

/* => any context: the device is done with it */
static void
swapio_iodone(struct buf *bp)
{
	struct swapio *si = bp->b_private;

	mtx_enter(&swapio_mtx);
	TAILQ_INSERT_TAIL(&swapio_done, si, si_link);
	wakeup(&swapio_done);
	mtx_leave(&swapio_mtx);
}

/* => 0 or errno, if async is NULL; pages [from, from + n) */
static int
write_pages(struct swapio *si, int from, int n, void (*async)(struct buf *))
{
	struct buf *bp = &si->si_buf;

	buf_init(bp, async != NULL ? B_WRITE | B_ASYNC : B_WRITE,
	    si->si_blkno +
		(MUTANT(SWAP_REWRITE_MISPLACED) ? 0 : (int64_t)from) *
		    (PAGE_SIZE / DEV_BSIZE));
	bp->b_iodone = async;
	bp->b_private = si;
	for (int i = from; i < from + n; i++)
		if (!buf_add_page(bp, si->si_bounce[i]))
			panic("swap: a request of %d pages", n);
	bdev_strategy(si->si_dev, bp);
	return async != NULL ? 0 : biowait(bp);
}

/*
 * What the pages hold, encrypted, so that they may go.  They are busy, so what
 * is unmapped here stays so.
 */
static void
encrypt_pages(struct swapio *si)
{
	if (!MUTANT(PAGEOUT_STAYS_MAPPED))
		pmap_pages_remove(si->si_pg, (u_int)si->si_n);
	if (!MUTANT(PAGEOUT_STAYS_MODIFIED))
		pmap_pages_clear_modify(si->si_pg, (u_int)si->si_n);
	si->si_dev = uvm_swap_place(si->si_slot, &si->si_blkno);
	for (int i = 0; i < si->si_n; i++)
		uvm_swap_encrypt(si->si_slot + i,
		    (void *)VM_PAGE_TO_DMAP(si->si_bounce[i]),
		    (const void *)VM_PAGE_TO_DMAP(si->si_pg[i]));
	UVMCNT_ADD(pgswapout, si->si_n);
	UVMCNT_INC(pdpageouts);
	(void)atomic_add((u_int *)&uvmexp.paging, (u_int)si->si_n);
}

/* => a request was finished; who waits for the batch goes on after the last */
static void
batch_done(struct swap_batch *sb, u_int freed)
{
	if (sb == NULL)
		return;
	mtx_enter(&swapio_mtx);
	sb->sb_pages += freed;
	if (--sb->sb_running == 0)
		wakeup(sb);
	mtx_leave(&swapio_mtx);
}

void
uvm_swapout_wait(struct swap_batch *sb)
{
	mtx_enter(&swapio_mtx);
	while (sb->sb_running != 0 && !MUTANT(PAGEOUT_WAITS_NOT))
		(void)msleep(sb, &swapio_mtx, PVM, "swapout", INFSLP);
	mtx_leave(&swapio_mtx);
}

struct swapio *
uvm_swapout_begin(bool wait, struct swap_batch *batch)
{
	struct swapio *si;

	if (uvm_swap_nfree() == 0 ||
	    (si = swapio_take(&swapio_writes, wait)) == NULL)
		return NULL;
	si->si_n = 0;
	si->si_room = SWAP_CLUSTER;
	si->si_slot = uvm_swap_alloc(&si->si_room, TRUE);
	if (si->si_slot == 0) {
		swapio_give(&swapio_writes, si);
		return NULL;
	}
	si->si_batch = batch;
	if (batch != NULL) {
		mtx_enter(&swapio_mtx);
		batch->sb_running++;
		mtx_leave(&swapio_mtx);
	}
	return si;
}

/* => owner locked; the page's old slot, if any, is free again */
static bool
assign_slot(struct vm_page *pg, int slot)
{
	struct vm_anon *anon = pg->uanon;
	int old;

	if (anon != NULL) {
		uvm_anon_dropswap(anon);
		anon->an_swslot = slot;
		uvm_swap_setanon(slot, anon);
		return true;
	}
	old =
	    uao_set_swslot(pg->uobject, (u_long)pg->offset >> PAGE_SHIFT, slot);
	if (old == -1)
		return false;
	uvm_swap_free(old, 1);
	uvm_swap_setaobj(slot, pg->uobject);
	return true;
}

bool
uvm_swapout_full(const struct swapio *si)
{
	return si->si_n == si->si_room;
}

bool
uvm_swapout_add(struct swapio *si, struct vm_page *pg)
{
	if (uvm_swapout_full(si) || (pg->pg_flags & PG_BUSY) ||
	    pg->wire_count != 0 || pg->loan_count != 0 ||
	    (pg->pg_flags & (PQ_ANON | PQ_AOBJ)) == 0 ||
	    !assign_slot(pg, si->si_slot + si->si_n))
		return false;
	atomic_or(&pg->pg_flags, PG_BUSY);
	si->si_pg[si->si_n++] = pg;
	return true;
}

void
uvm_swapout_start(struct swapio *si)
{
	if (!MUTANT(PAGEOUT_REST_LEAK))
		uvm_swap_free(si->si_slot + si->si_n, si->si_room - si->si_n);
	if (si->si_n == 0) {
		batch_done(si->si_batch, 0);
		swapio_give(&swapio_writes, si);
		return;
	}
	encrypt_pages(si);
	UVMCNT_INC(pdpending);
	(void)write_pages(si, 0, si->si_n, swapio_iodone);
}

int
uvm_swap_put(int slot, struct vm_page **pps, int n, int flags)
{
	struct swapio *si = swapio_take(&swapio_writes, true);
	int error = 0;

	KASSERT(n > 0 && n <= SWAP_CLUSTER);
	si->si_slot = slot;
	si->si_room = si->si_n = n;
	si->si_batch = NULL;
	memcpy(si->si_pg, pps, (size_t)n * sizeof(*pps));
	if ((flags & PGO_SYNCIO) == 0) {
		uvm_swapout_start(si);
		return VM_PAGER_PEND;
	}
	encrypt_pages(si);
	error = write_pages(si, 0, n, NULL);
	(void)atomic_add((u_int *)&uvmexp.paging, (u_int)-n);
	swapio_give(&swapio_writes, si);
	return error == 0 ? VM_PAGER_OK : VM_PAGER_ERROR;
}

/* -- Finishing pageouts --------------------------------------------------------- */

/* The lock of a busy page's owner, who stays as long as it is busy. */
static struct rwlock *
owner_lock(struct vm_page *pg)
{
	return pg->uobject != NULL ? &pg->uobject->uo_lock
				   : &pg->uanon->an_lock->aml_lock;
}

/*
 * The slot does not hold the page, and will not be used again.
 * => owner locked
 */
static void
lose_slot(struct vm_page *pg, int slot)
{
	if (!MUTANT(SWAP_UNWRITTEN_STAYS_GOOD))
		uvm_swap_markbad(slot, 1);
	if (pg->uanon != NULL)
		uvm_anon_dropswap(pg->uanon);
	else
		uao_dropswap(pg->uobject, (u_long)pg->offset >> PAGE_SHIFT);
}

/*
 * A page whose owner gave it up meanwhile.
 * => its lock write-locked; FALSE: dropped
 */
static bool
release_page(struct vm_page *pg)
{
	if (pg->uanon != NULL) {
		uvm_anon_release(pg->uanon);
		return false;
	}
	(void)uvm_page_unbusy(pg);
	return true;
}

/*
 * One page of a pageout that is done.
 * => owner write-locked; FALSE: dropped
 */
static bool
finish_page(struct vm_page *pg, int slot, bool ok, u_int *freed)
{
	if ((pg->pg_flags & PG_RELEASED) && !MUTANT(PAGEOUT_KEEPS_RELEASED)) {
		if (!ok)
			uvm_swap_markbad(slot, 1);
		(*freed)++;
		return release_page(pg);
	}
	if (!ok && !MUTANT(PAGEOUT_ERROR_KEEPS_SLOT))
		lose_slot(pg, slot);
	else
		atomic_or(&pg->pg_flags, PG_CLEAN);
	if (!ok ||
	    ((pg->pg_flags & PG_WANTED) != 0 &&
		!MUTANT(PAGEOUT_FREES_WANTED))) {
		uvm_pageactivate(pg);
		if (ok || !MUTANT(PAGEOUT_ERROR_STAYS_BUSY))
			(void)uvm_page_unbusy(pg);
	} else {
		atomic_and(&pg->pg_flags, ~(uint32_t)PG_BUSY);
		uvm_swap_only(1);
		uvm_pagefree(pg);
		UVMCNT_INC(pdfreed);
		(*freed)++;
	}
	return true;
}

/*
 * If a cluster could not be written, its pages are tried one by one: only what
 * is really bad is retired.
 */
static bool
page_written(struct swapio *si, int i, int error)
{
	bool ok = error == 0 || MUTANT(PAGEOUT_NO_ERROR) ||
	    (si->si_n > 1 && write_pages(si, i, 1, NULL) == 0);

	uvm_swap_written(si->si_slot + i, ok);
	return ok;
}

/* => pages that are free now */
static u_int
finish_pages(struct swapio *si, const bool *ok)
{
	struct rwlock *held = NULL, *lock;
	u_int freed = 0;

	for (int i = 0; i < si->si_n; i++) {
		lock = owner_lock(si->si_pg[i]);
		if (lock != held) {
			if (held != NULL)
				rw_exit(held);
			rw_enter_write(lock);
			held = lock;
		}
		if (!finish_page(si->si_pg[i], si->si_slot + i, ok[i], &freed))
			held = NULL;
	}
	if (held != NULL)
		rw_exit(held);
	return freed;
}

static void
swapio_finish(struct swapio *si)
{
	int error = si->si_buf.b_error;
	bool ok[SWAP_CLUSTER];
	u_int freed;

	for (int i = 0; i < si->si_n; i++)
		ok[i] = page_written(si, i, error);
	freed = finish_pages(si, ok);
	if (!MUTANT(PAGING_DRIFT))
		(void)atomic_add((u_int *)&uvmexp.paging, (u_int)-si->si_n);
	batch_done(si->si_batch, freed);
	swapio_give(&swapio_writes, si);
	uvm_pd_iodone(freed != 0);
}

/* The thread that finishes pageouts; the argument is ignored. */
static void
swapio_thread(void *arg)
{
	struct swapio *si;

	mtx_enter(&swapio_mtx);
	for (;;) {
		si = TAILQ_FIRST(&swapio_done);
		if (si == NULL) {
			(void)msleep(
			    &swapio_done, &swapio_mtx, PVM, "swapdone", INFSLP);
			continue;
		}
		TAILQ_REMOVE(&swapio_done, si, si_link);
		mtx_leave(&swapio_mtx);
		swapio_finish(si);
		mtx_enter(&swapio_mtx);
	}
}

void
uvm_swapio_init(void)
{
	if (kthread_create(swapio_thread, NULL, NULL, "swapdone") != 0)
		panic("uvm_swap_init: no thread");
}
