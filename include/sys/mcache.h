/*
 * A cache of a file system's blocks of metadata, one for each device mounted.
 *
 * Whoever gets a block has it for himself until mc_put(); nobody holds two, or
 * two threads could wait for each other.  A block that was changed is written
 * only when the file system says so: the order of writing is the file
 * system's.  To that end it tags what it dirties.
 *
 * Getting a block never waits for memory, so that pages can be written out
 * when there is none: only changing blocks takes buffers away for longer, and
 * mc_reserve() waits for those beforehand.
 */
#ifndef _SYS_MCACHE_H_
#define _SYS_MCACHE_H_

#include <sys/param.h>
#include <sys/buf.h>
#include <sys/lock.h>
#include <sys/queue.h>

#define MC_HASH 64 /* buckets */
#define MC_BUFS 4 /* requests at a time */
#define MC_MIN  16 /* buffers that are always there and never dirty */

/*
 * A block.
 * Locks used to protect members:
 *	I	immutable
 *	c	mc_mtx
 *	b	whoever made it busy
 *	bc	both to change, either to read
 */
struct mblk {
	LIST_ENTRY(mblk) mb_hash; /* [c] */
	TAILQ_ENTRY(mblk) mb_link; /* [c] spare, clean or dirty, if not busy */
	struct mcache *mb_mc; /* [I] */
	uint64_t mb_blkno; /* [bc] in blocks of the file system */
	void *mb_data; /* [I], contents [b] */
	uint64_t mb_owner; /* [bc] of a dirty one: the file system's tag */
	uint32_t mb_class; /* [bc] of a dirty one: MC_CLASS() of it, or'ed */
	bool mb_busy; /* [c] */
	bool mb_wanted; /* [c] somebody waits until it is not busy */
	bool mb_valid; /* [bc] has contents */
	bool mb_dirty; /* [bc] newer than the device */
};
#define MC_CLASS(n) (1U << (n))
TAILQ_HEAD(mblkq, mblk);

/*
 * Locks used to protect members:
 *	I	immutable
 *	c	mc_mtx
 *	l	lock of the list of all
 */
struct mcache {
	struct mutex mc_mtx; /* LR_MISC */
	LIST_ENTRY(mcache) mc_all; /* [l] */
	struct bdev *mc_dev; /* [I] */
	uint32_t mc_bsize; /* [I] bytes of a block */
	uint32_t mc_max; /* [I] buffers when memory is not short */
	LIST_HEAD(, mblk) mc_hash[MC_HASH]; /* [c] those with a number */
	struct mblkq mc_spare; /* [c] without a number */
	struct mblkq mc_clean; /* [c] not busy, the next to go first */
	struct mblkq mc_dirty; /* [c] not busy */
	uint32_t mc_total; /* [c] buffers */
	uint32_t mc_ndirty; /* [c] dirty ones, busy or not */
	uint32_t mc_resv; /* [c] reserved: may become dirty */
	uint32_t mc_waiters; /* [c] for any buffer, or a request */
	uint32_t mc_bufbusy; /* [c] bit: that request is in use */
	struct buf mc_buf[MC_BUFS]; /* [c to take] */
	uint64_t mc_hits, mc_reads, mc_writes; /* [c] */
};

/* how */
#define MC_READ  0 /* from the device unless it is cached */
#define MC_FRESH 1 /* zeros, whatever was there; it is dirtied next */

/*
 * => thread context; sleeps for memory; block size 1, 2 or 4 KiB, no smaller
 *    than the device's; max: buffers to keep when memory is not short
 */
struct mcache *mc_create(struct bdev *bd, uint32_t bsize, uint32_t max);
/* => nothing busy or reserved; dirty blocks are dropped */
void mc_destroy(struct mcache *mc);

/*
 * => thread context, no other block held; waits for I/O and for who has it
 * => 0: *mbp is the caller's; errno of the device: nothing is
 */
int mc_get(struct mcache *mc, uint64_t blkno, int how, struct mblk **mbp);
/* => held on entry */
void mc_put(struct mblk *mb);
/* => held, within a reservation; owner and class: for mc_flush() */
void mc_dirty(struct mblk *mb, uint64_t owner, uint32_t class);
/* => held; on the device (not its cache) and clean, or errno and still dirty */
int mc_write(struct mblk *mb);
/*
 * Write dirty blocks in order of their numbers.
 * => thread context, no block held; owner 0: any; only those all of
 *    whose classes are among the given
 * => 0, or the first errno: what failed is still dirty, the rest is written;
 *    *np (may be NULL) grows by the blocks written
 */
int mc_flush(struct mcache *mc, uint64_t owner, uint32_t classes, uint32_t *np);
/* => no block held; the device's cache is safe; 0 or errno */
int mc_sync(struct mcache *mc);
/* => the classes of a dirty block, 0: it is not dirty; a moment's view */
uint32_t mc_classes(struct mcache *mc, uint64_t blkno);
/* => the block is of no use any more; not held by the caller */
void mc_forget(struct mcache *mc, uint64_t blkno);
/*
 * => n blocks may become dirty until mc_unreserve(); thread context, sleeps
 *    for memory: no lock held that writing pages out needs
 */
void mc_reserve(struct mcache *mc, uint32_t n);
void mc_unreserve(struct mcache *mc, uint32_t n);
/* => more is dirty than should be: time to write; a moment's view */
bool mc_crowded(struct mcache *mc);

/*
 * One of the cache's own requests, for data: there may be no memory for another.
 * => thread context; waits for others to give theirs back; no second one taken
 *    and no block got before this is given back: as many threads as there are
 *    requests would wait for each other
 */
struct buf *mc_buf_take(struct mcache *mc);
void mc_buf_give(struct mcache *mc, struct buf *bp);

/* => clean blocks give their memory back; any thread, never sleeps; pages */
int mc_shrink_all(void);

#endif
