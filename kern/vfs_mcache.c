/*
 * A cache of blocks of metadata; see sys/mcache.h.
 *
 * A buffer is busy (somebody's), or on one of three queues: spare (holds no
 * block), clean (oldest first) or dirty.  Total less dirty less reserved never
 * falls below MC_MIN, so a getter that finds all the rest busy need only wait
 * for a moment.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/mcache.h>
#include <sys/pool.h>

#define FLUSH_BATCH 32 /* blocks sorted at a time */
#define NONE        UINT64_MAX

static LIST_HEAD(, mcache) caches; /* [caches_mtx] */
static struct mutex caches_mtx = MUTEX_INITIALIZER(LR_TIMEOUT, "mcaches");
static struct pool mblk_pool, data_pool[2]; /* 1, 2 KiB */
static bool pools_done; /* [caches_mtx] */

/* A block of 4 KiB is a page, smaller ones are from pools. */
static void *
data_alloc(const struct mcache *mc, int flags)
{
	if (mc->mc_bsize == PAGE_SIZE)
		return kmem_alloc(PAGE_SIZE, flags);
	return pool_get(&data_pool[mc->mc_bsize / 2048], flags);
}

static void
data_free(const struct mcache *mc, void *data)
{
	if (mc->mc_bsize == PAGE_SIZE)
		kmem_free(data, PAGE_SIZE);
	else
		pool_put(&data_pool[mc->mc_bsize / 2048], data);
}

/* -- Buffers ------------------------------------------------------------------ */

/* => no mutex held; NULL only with PR_NOWAIT */
static struct mblk *
mblk_alloc(struct mcache *mc, int flags)
{
	struct mblk *mb = pool_get(&mblk_pool, flags | PR_ZERO);

	if (mb == NULL)
		return NULL;
	mb->mb_mc = mc;
	mb->mb_blkno = NONE;
	mb->mb_data = data_alloc(mc, flags);
	if (mb->mb_data == NULL) {
		pool_put(&mblk_pool, mb);
		return NULL;
	}
	return mb;
}

static void
mblk_free(struct mblk *mb)
{
	data_free(mb->mb_mc, mb->mb_data);
	pool_put(&mblk_pool, mb);
}

/* => mc_mtx held; new buffer joins the spare ones */
static void
add_spare(struct mcache *mc, struct mblk *mb)
{
	TAILQ_INSERT_HEAD(&mc->mc_spare, mb, mb_link);
	if (mc->mc_waiters != 0)
		wakeup(&mc->mc_waiters);
}

/* => mc_mtx held, mb busy or on no queue: it holds no block any more */
static void
unhash(struct mblk *mb)
{
	LIST_REMOVE(mb, mb_hash);
	if (mb->mb_dirty)
		mb->mb_mc->mc_ndirty--;
	mb->mb_blkno = NONE;
	mb->mb_valid = mb->mb_dirty = false;
	mb->mb_class = 0;
}

/* => mc_mtx held; a buffer on no queue that holds no block, or NULL */
static struct mblk *
take_buffer(struct mcache *mc, bool recycle)
{
	struct mblk *mb = TAILQ_FIRST(&mc->mc_spare);

	if (mb != NULL) {
		TAILQ_REMOVE(&mc->mc_spare, mb, mb_link);
		return mb;
	}
	mb = recycle ? TAILQ_FIRST(&mc->mc_clean) : NULL;
	if (mb != NULL) {
		TAILQ_REMOVE(&mc->mc_clean, mb, mb_link);
		unhash(mb);
	}
	return mb;
}

/*
 * One buffer more, if there is memory; else wait until one is free.
 * => mc_mtx held, but not all the time: look again
 */
static void
more_buffers(struct mcache *mc)
{
	struct mblk *mb;

	mtx_leave(&mc->mc_mtx);
	mb = mblk_alloc(mc, PR_NOWAIT);
	mtx_enter(&mc->mc_mtx);
	if (mb != NULL) {
		mc->mc_total++;
		add_spare(mc, mb);
	} else if (TAILQ_EMPTY(&mc->mc_spare) && TAILQ_EMPTY(&mc->mc_clean)) {
		mc->mc_waiters++;
		(void)msleep(
		    &mc->mc_waiters, &mc->mc_mtx, PRIBIO, "mcbuf", INFSLP);
		mc->mc_waiters--;
	}
}

/* -- Requests ------------------------------------------------------------------ */

/* => mc_mtx held: one that nobody has, or NULL */
static struct buf *
take_free_buf(struct mcache *mc)
{
	for (u_int i = 0; i < MC_BUFS; i++)
		if ((mc->mc_bufbusy & (1U << i)) == 0) {
			mc->mc_bufbusy |= 1U << i;
			return &mc->mc_buf[i];
		}
	return NULL;
}

struct buf *
mc_buf_take(struct mcache *mc)
{
	struct buf *bp;

	mtx_enter(&mc->mc_mtx);
	while ((bp = take_free_buf(mc)) == NULL) {
		mc->mc_waiters++;
		(void)msleep(
		    &mc->mc_waiters, &mc->mc_mtx, PRIBIO, "mcreq", INFSLP);
		mc->mc_waiters--;
	}
	mtx_leave(&mc->mc_mtx);
	return bp;
}

/* => the same without waiting, or NULL */
static struct buf *
buf_try(struct mcache *mc)
{
	struct buf *bp;

	mtx_enter(&mc->mc_mtx);
	bp = take_free_buf(mc);
	mtx_leave(&mc->mc_mtx);
	return bp;
}

void
mc_buf_give(struct mcache *mc, struct buf *bp)
{
	mtx_enter(&mc->mc_mtx);
	mc->mc_bufbusy &= ~(1U << (bp - mc->mc_buf));
	if (mc->mc_waiters != 0)
		wakeup(&mc->mc_waiters);
	mtx_leave(&mc->mc_mtx);
}

/* => held */
static int
transfer(struct mblk *mb, uint32_t flags)
{
	struct mcache *mc = mb->mb_mc;
	struct buf *bp = mc_buf_take(mc);
	int error = bdev_rw(mc->mc_dev, bp, flags, mb->mb_data, mc->mc_bsize,
	    mb->mb_blkno * mc->mc_bsize);

	mc_buf_give(mc, bp);
	mtx_enter(&mc->mc_mtx);
	if (flags & B_READ)
		mc->mc_reads++;
	else
		mc->mc_writes++;
	mtx_leave(&mc->mc_mtx);
	return error;
}

int
mc_sync(struct mcache *mc)
{
	struct buf *bp = mc_buf_take(mc);
	int error;

	buf_init(bp, B_FLUSH, 0);
	bdev_strategy(mc->mc_dev, bp);
	error = biowait(bp);
	mc_buf_give(mc, bp);
	return error;
}

/* -- Getting ------------------------------------------------------------------- */

/* => mc_mtx held */
static struct mblk *
lookup(struct mcache *mc, uint64_t blkno)
{
	struct mblk *mb;

	LIST_FOREACH (mb, &mc->mc_hash[blkno % MC_HASH], mb_hash)
		if (mb->mb_blkno == blkno)
			return mb;
	return NULL;
}

/* => mc_mtx held, but not all the time; mb busy: waits for a change */
static void
wait_busy(struct mcache *mc, struct mblk *mb)
{
	mb->mb_wanted = true;
	(void)msleep(mb, &mc->mc_mtx, PRIBIO, "mcbusy", INFSLP);
}

/* => mc_mtx held; mb, on a queue and not busy, is the caller's now */
static void
make_busy(struct mcache *mc, struct mblk *mb)
{
	if (mb->mb_dirty)
		TAILQ_REMOVE(&mc->mc_dirty, mb, mb_link);
	else
		TAILQ_REMOVE(&mc->mc_clean, mb, mb_link);
	mb->mb_busy = true;
}

/* => mc_mtx held: the block, busy; maybe without contents */
static struct mblk *
get_locked(struct mcache *mc, uint64_t blkno)
{
	struct mblk *mb;

	for (;;) {
		mb = lookup(mc, blkno);
		if (mb != NULL && mb->mb_busy) {
			wait_busy(mc, mb);
			continue;
		}
		if (mb != NULL) {
			mc->mc_hits++;
			make_busy(mc, mb);
			return mb;
		}
		mb = take_buffer(mc, mc->mc_total >= mc->mc_max);
		if (mb != NULL)
			break;
		more_buffers(mc);
		if (TAILQ_EMPTY(&mc->mc_spare) && lookup(mc, blkno) == NULL) {
			mb = take_buffer(mc, true);
			if (mb != NULL)
				break;
		}
	}
	mb->mb_blkno = blkno;
	mb->mb_busy = true;
	LIST_INSERT_HEAD(&mc->mc_hash[blkno % MC_HASH], mb, mb_hash);
	return mb;
}

/* => mc_mtx held; not busy any more, and on no queue */
static void
unbusy(struct mblk *mb)
{
	mb->mb_busy = false;
	if (mb->mb_wanted)
		wakeup(mb);
	mb->mb_wanted = false;
}

/* => held: it becomes a buffer without a block */
static void
drop(struct mcache *mc, struct mblk *mb)
{
	mtx_enter(&mc->mc_mtx);
	unhash(mb);
	unbusy(mb);
	add_spare(mc, mb);
	mtx_leave(&mc->mc_mtx);
}

int
mc_get(struct mcache *mc, uint64_t blkno, int how, struct mblk **mbp)
{
	struct mblk *mb;
	int error = 0;

	mtx_enter(&mc->mc_mtx);
	mb = get_locked(mc, blkno);
	mtx_leave(&mc->mc_mtx);
	if (how == MC_FRESH)
		memset(mb->mb_data, 0, mc->mc_bsize);
	else if (!mb->mb_valid)
		error = transfer(mb, B_READ);
	if (error) {
		drop(mc, mb);
		return error;
	}
	mb->mb_valid = true;
	*mbp = mb;
	return 0;
}

void
mc_put(struct mblk *mb)
{
	struct mcache *mc = mb->mb_mc;

	mtx_enter(&mc->mc_mtx);
	KASSERT(mb->mb_busy && mb->mb_valid);
	unbusy(mb);
	TAILQ_INSERT_TAIL(
	    mb->mb_dirty ? &mc->mc_dirty : &mc->mc_clean, mb, mb_link);
	if (mc->mc_waiters != 0 && !mb->mb_dirty)
		wakeup(&mc->mc_waiters);
	mtx_leave(&mc->mc_mtx);
}

void
mc_dirty(struct mblk *mb, uint64_t owner, uint32_t class)
{
	struct mcache *mc = mb->mb_mc;

	mtx_enter(&mc->mc_mtx);
	KASSERT(mb->mb_busy && class != 0);
	if (!mb->mb_dirty)
		mc->mc_ndirty++;
	mb->mb_dirty = true;
	mb->mb_owner = owner;
	mb->mb_class |= class;
	mtx_leave(&mc->mc_mtx);
}

void
mc_forget(struct mcache *mc, uint64_t blkno)
{
	struct mblk *mb;

	mtx_enter(&mc->mc_mtx);
	while ((mb = lookup(mc, blkno)) != NULL && mb->mb_busy)
		wait_busy(mc, mb);
	if (mb != NULL) {
		make_busy(mc, mb);
		unhash(mb);
		unbusy(mb);
		add_spare(mc, mb);
	}
	mtx_leave(&mc->mc_mtx);
}

/* -- Writing -------------------------------------------------------------------- */

/* => held: it is on the device */
static void
mark_clean(struct mblk *mb)
{
	struct mcache *mc = mb->mb_mc;

	mtx_enter(&mc->mc_mtx);
	if (mb->mb_dirty)
		mc->mc_ndirty--;
	mb->mb_dirty = false;
	mb->mb_class = 0;
	mtx_leave(&mc->mc_mtx);
}

int
mc_write(struct mblk *mb)
{
	int error = transfer(mb, B_WRITE);

	if (error == 0)
		mark_clean(mb);
	return error;
}

static bool
matches(const struct mblk *mb, uint64_t owner, uint32_t classes)
{
	return mb->mb_dirty && (mb->mb_class & ~classes) == 0 &&
	    (owner == 0 || mb->mb_owner == owner);
}

/* => no[], n of them sorted, keeps the lowest FLUSH_BATCH; how many now */
static uint32_t
insert_sorted(uint64_t *no, uint32_t n, uint64_t blkno)
{
	uint32_t i = n;

	if (n == FLUSH_BATCH && no[--i] < blkno)
		return n;
	for (; i > 0 && no[i - 1] > blkno; i--)
		no[i] = no[i - 1];
	no[i] = blkno;
	return MIN(n + 1, FLUSH_BATCH);
}

/* => numbers from `from' on of dirty blocks that match, the lowest few */
static uint32_t
gather(struct mcache *mc, uint64_t owner, uint32_t classes, uint64_t from,
    uint64_t *no)
{
	struct mblk *mb;
	uint32_t n = 0;

	mtx_enter(&mc->mc_mtx);
	for (u_int h = 0; h < MC_HASH; h++)
		LIST_FOREACH (mb, &mc->mc_hash[h], mb_hash)
			if (mb->mb_blkno >= from && matches(mb, owner, classes))
				n = insert_sorted(no, n, mb->mb_blkno);
	mtx_leave(&mc->mc_mtx);
	return n;
}

/*
 * Writes under way.  Their blocks are held, so whoever has some waits neither
 * for a block nor for a request of others, but for his own first: land().
 * All members belong to the thread.
 */
struct flight {
	struct mcache *fl_mc; /* [thread] */
	uint64_t fl_owner; /* [thread] what is looked for */
	uint32_t fl_classes; /* [thread] */
	uint32_t fl_done; /* [thread] blocks written */
	int fl_error; /* [thread] the first */
	u_int fl_n; /* [thread] under way */
	struct mblk *fl_mb[MC_FLIGHT]; /* [thread] */
	struct buf *fl_bp[MC_FLIGHT]; /* [thread] */
};

/* => none is under way */
static void
land(struct flight *fl)
{
	struct mcache *mc = fl->fl_mc;
	int error;

	for (u_int i = 0; i < fl->fl_n; i++) {
		error = biowait(fl->fl_bp[i]);
		mc_buf_give(mc, fl->fl_bp[i]);
		if (error == 0) {
			mark_clean(fl->fl_mb[i]);
			fl->fl_done++;
		} else if (fl->fl_error == 0)
			fl->fl_error = error;
		mc_put(fl->fl_mb[i]);
	}
	mtx_enter(&mc->mc_mtx);
	mc->mc_writes += fl->fl_n;
	mtx_leave(&mc->mc_mtx);
	fl->fl_n = 0;
}

/* => the block, held, if it still is what is looked for, else NULL; *busyp:
 *    somebody has it; waits for that only with none under way */
static struct mblk *
claim(struct flight *fl, uint64_t blkno, bool *busyp)
{
	struct mcache *mc = fl->fl_mc;
	struct mblk *mb;

	*busyp = false;
	mtx_enter(&mc->mc_mtx);
	while ((mb = lookup(mc, blkno)) != NULL && mb->mb_busy) {
		if (fl->fl_n > 0) {
			*busyp = true;
			break;
		}
		wait_busy(mc, mb);
	}
	if (*busyp ||
	    (mb != NULL && !matches(mb, fl->fl_owner, fl->fl_classes)))
		mb = NULL;
	if (mb != NULL)
		make_busy(mc, mb);
	mtx_leave(&mc->mc_mtx);
	return mb;
}

/* => a request, none of the others' waited for with blocks under way; the one
 *    block held besides needs nothing of theirs */
static struct buf *
flight_buf(struct flight *fl)
{
	struct buf *bp = buf_try(fl->fl_mc);

	if (bp != NULL)
		return bp;
	land(fl);
	return mc_buf_take(fl->fl_mc);
}

/* Write a block if it still is what mc_flush() looks for. */
static void
take_off(struct flight *fl, uint64_t blkno)
{
	struct mcache *mc = fl->fl_mc;
	struct mblk *mb;
	struct buf *bp;
	bool busy;

	mb = claim(fl, blkno, &busy);
	if (busy) {
		land(fl);
		mb = claim(fl, blkno, &busy);
	}
	if (mb == NULL)
		return;
	bp = flight_buf(fl);
	buf_init(bp, B_WRITE, (int64_t)(blkno * (mc->mc_bsize >> DEV_BSHIFT)));
	if (!buf_add_kva(bp, mb->mb_data, mc->mc_bsize))
		panic("mc_flush: a block is not in memory");
	bdev_strategy(mc->mc_dev, bp);
	fl->fl_mb[fl->fl_n] = mb;
	fl->fl_bp[fl->fl_n++] = bp;
	if (fl->fl_n == MC_FLIGHT)
		land(fl);
}

int
mc_flush(struct mcache *mc, uint64_t owner, uint32_t classes, uint32_t *np)
{
	struct flight fl = {
		.fl_mc = mc, .fl_owner = owner, .fl_classes = classes
	};
	uint64_t no[FLUSH_BATCH], from = 0;
	uint32_t n;

	do {
		n = gather(mc, owner, classes, from, no);
		for (uint32_t i = 0; i < n; i++) {
			take_off(&fl, no[i]);
			from = no[i] + 1;
		}
		land(&fl);
	} while (n == FLUSH_BATCH);
	if (np != NULL)
		*np += fl.fl_done;
	return fl.fl_error;
}

bool
mc_any(struct mcache *mc, uint64_t owner, uint32_t classes)
{
	uint64_t no[FLUSH_BATCH];

	return atomic_load(&mc->mc_ndirty) != 0 &&
	    gather(mc, owner, classes, 0, no) > 0;
}

uint32_t
mc_classes(struct mcache *mc, uint64_t blkno)
{
	const struct mblk *mb;
	uint32_t classes;

	mtx_enter(&mc->mc_mtx);
	mb = lookup(mc, blkno);
	classes = mb != NULL && mb->mb_dirty ? mb->mb_class : 0;
	mtx_leave(&mc->mc_mtx);
	return classes;
}

/* -- Limits ---------------------------------------------------------------------- */

/* => mc_mtx held: buffers that must be there */
static uint32_t
needed(const struct mcache *mc)
{
	return mc->mc_ndirty + mc->mc_resv + MC_MIN;
}

void
mc_reserve(struct mcache *mc, uint32_t n)
{
	struct mblk *mb;

	mtx_enter(&mc->mc_mtx);
	mc->mc_resv += n;
	while (mc->mc_total < needed(mc)) {
		mtx_leave(&mc->mc_mtx);
		mb = mblk_alloc(mc, PR_WAITOK);
		mtx_enter(&mc->mc_mtx);
		mc->mc_total++;
		add_spare(mc, mb);
	}
	mtx_leave(&mc->mc_mtx);
}

void
mc_unreserve(struct mcache *mc, uint32_t n)
{
	mtx_enter(&mc->mc_mtx);
	KASSERT(mc->mc_resv >= n);
	mc->mc_resv -= n;
	mtx_leave(&mc->mc_mtx);
}

bool
mc_crowded(struct mcache *mc)
{
	bool yes;

	mtx_enter(&mc->mc_mtx);
	yes = mc->mc_ndirty > mc->mc_max / 2;
	mtx_leave(&mc->mc_mtx);
	return yes;
}

/* => mc_mtx held: moves what is not needed to a list of its own */
static void
take_surplus(struct mcache *mc, struct mblkq *q)
{
	struct mblk *mb;

	while (
	    mc->mc_total > needed(mc) && (mb = take_buffer(mc, true)) != NULL) {
		mc->mc_total--;
		TAILQ_INSERT_TAIL(q, mb, mb_link);
	}
}

static int
free_list(struct mblkq *q)
{
	struct mblk *mb;
	size_t bytes = 0;

	while ((mb = TAILQ_FIRST(q)) != NULL) {
		TAILQ_REMOVE(q, mb, mb_link);
		bytes += mb->mb_mc->mc_bsize;
		mblk_free(mb);
	}
	return (int)atop(bytes);
}

int
mc_shrink_all(void)
{
	struct mcache *mc;
	struct mblkq q;
	int pages;

	TAILQ_INIT(&q);
	mtx_enter(&caches_mtx);
	LIST_FOREACH (mc, &caches, mc_all) {
		mtx_enter(&mc->mc_mtx);
		take_surplus(mc, &q);
		mtx_leave(&mc->mc_mtx);
	}
	/* while a cache is on the list it is not destroyed */
	pages = free_list(&q);
	mtx_leave(&caches_mtx);
	return pages;
}

/* -- Caches ---------------------------------------------------------------------- */

static void
init_pools(void)
{
	static const char *const name[] = { "mcache1k", "mcache2k" };
	bool done;

	mtx_enter(&caches_mtx);
	done = pools_done;
	pools_done = true;
	mtx_leave(&caches_mtx);
	if (done)
		return;
	pool_init(&mblk_pool, sizeof(struct mblk), 0, "mblk");
	for (u_int i = 0; i < nitems(data_pool); i++)
		pool_init(&data_pool[i], 1024UL << i, DEV_BSIZE, name[i]);
}

struct mcache *
mc_create(struct bdev *bd, uint32_t bsize, uint32_t max)
{
	struct mcache *mc;

	KASSERT(bsize == 1024 || bsize == 2048 || bsize == 4096);
	init_pools();
	mc = kmem_zalloc(sizeof(*mc), PR_WAITOK);
	mtx_init(&mc->mc_mtx, LR_MISC, "mcache");
	mc->mc_dev = bd;
	mc->mc_bsize = bsize;
	mc->mc_max = MAX(max, 4 * MC_MIN);
	for (u_int h = 0; h < MC_HASH; h++)
		LIST_INIT(&mc->mc_hash[h]);
	TAILQ_INIT(&mc->mc_spare);
	TAILQ_INIT(&mc->mc_clean);
	TAILQ_INIT(&mc->mc_dirty);
	mc_reserve(mc, 0);
	mtx_enter(&caches_mtx);
	LIST_INSERT_HEAD(&caches, mc, mc_all);
	mtx_leave(&caches_mtx);
	return mc;
}

void
mc_destroy(struct mcache *mc)
{
	struct mblkq q;
	struct mblk *mb;

	mtx_enter(&caches_mtx);
	LIST_REMOVE(mc, mc_all);
	mtx_leave(&caches_mtx);
	TAILQ_INIT(&q);
	mtx_enter(&mc->mc_mtx);
	KASSERT(mc->mc_resv == 0 && mc->mc_bufbusy == 0);
	while ((mb = TAILQ_FIRST(&mc->mc_dirty)) != NULL) {
		make_busy(mc, mb);
		unhash(mb);
		unbusy(mb);
		add_spare(mc, mb);
	}
	while ((mb = take_buffer(mc, true)) != NULL) {
		mc->mc_total--;
		TAILQ_INSERT_TAIL(&q, mb, mb_link);
	}
	KASSERTMSG(mc->mc_total == 0, "mc_destroy: blocks are in use");
	mtx_leave(&mc->mc_mtx);
	(void)free_list(&q);
	kmem_free(mc, sizeof(*mc));
}
