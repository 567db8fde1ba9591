/*
 * Requests to block devices.
 *
 * A struct buf belongs to whoever filled it in until bdev_strategy() (see
 * sys/disk.h), then to the device until biodone(), once, gives it back: to
 * b_iodone if there is one, else to the thread in biowait().  Errors of every
 * kind come that way too.  Doing I/O needs no memory besides the buf.
 */
#ifndef _SYS_BUF_H_
#define _SYS_BUF_H_

#include <sys/param.h>
#include <sys/queue.h>

struct bdev;
struct vm_page;

#define DEV_BSHIFT 9
#define DEV_BSIZE  (1UL << DEV_BSHIFT) /* unit of b_blkno */

#define MAXPHYS    (128 * 1024) /* most bytes of one request */
/* pages of it, one more where it does not begin with one */
#define B_MAXSEGS (MAXPHYS / PAGE_SIZE + 1)

/* b_flags.  UVM-API.md D27: B_WRITE is 0, B_READ is not. */
#define B_WRITE 0x0000
#define B_READ  0x0001
#define B_ASYNC 0x0002 /* nobody waits: b_iodone must be set */
#define B_FLUSH 0x0004 /* no data: what was done before is safe after it */
#define B_DISCARD \
	0x0008 /* b_bcount bytes from b_blkno are of no use; no data */
#define B_ZEROES 0x0010 /* b_bcount bytes from b_blkno become zero; no data */
#define B_DONE   0x0100 /* biodone() was called */
#define B_ERROR  0x0200 /* b_error says why */
#define B_NODATA (B_FLUSH | B_DISCARD | B_ZEROES)

/* Physical memory; [b] as the buf it is in. */
struct buf_seg {
	paddr_t bs_addr; /* [b] */
	uint32_t bs_len; /* [b] bytes, a multiple of DEV_BSIZE */
};

/*
 * Locks used to protect members:
 *	b	the caller until bdev_strategy(), the device until biodone(),
 *		then the caller again
 *	d	the device's, between strategy and biodone()
 *	w	bio_mtx of the buf while somebody may wait, else as b
 */
struct buf {
	TAILQ_ENTRY(buf) b_link; /* [d] its queue, else [b] */
	volatile uint32_t b_flags; /* [b] B_*; B_DONE [w] */
	int b_error; /* [b] errno, with B_ERROR */
	struct bdev *b_dev; /* [b] set by bdev_strategy() */
	int64_t b_blkno; /* [b] in units of DEV_BSIZE, on b_dev */
	uint64_t b_bcount; /* [b] bytes */
	uint64_t b_resid; /* [b] bytes not transferred, when it is done */
	void (*b_iodone)(struct buf *); /* [b] or NULL: see biodone() */
	void *b_private; /* [b] for b_iodone */
	uint64_t b_rawblkno; /* [d] b_blkno on the whole disk */
	uint64_t b_drvdone; /* [d] bytes done by the device so far */
	uint32_t b_drvtries; /* [d] times the device was reset under it */
	u_int b_nsegs; /* [b] memory of the transfer */
	struct buf_seg b_seg[B_MAXSEGS]; /* [b] b_bcount bytes together */
};

/* => a buf that is new, or done, becomes an empty request */
void buf_init(struct buf *bp, uint32_t flags, int64_t blkno);
/*
 * Add memory to a request; b_bcount grows.
 * => addresses and lengths are multiples of DEV_BSIZE
 * => false: it is full, or the memory is not mapped: nothing was added
 */
bool buf_add_phys(struct buf *bp, paddr_t pa, size_t len) __warn_unused;
bool buf_add_page(struct buf *bp, struct vm_page *pg) __warn_unused;
/* => wired kernel memory */
bool buf_add_kva(struct buf *bp, const void *va, size_t len) __warn_unused;

/* => a buf from the pool, buf_init() done; sleeps for memory */
struct buf *buf_get(uint32_t flags, int64_t blkno);
void buf_put(struct buf *bp);

/*
 * The device, or whoever takes its place, is done with a request.
 * => any context, no mutex held that b_iodone could need; b_error, B_ERROR
 *    and b_resid are set
 * => b_iodone, if set, is called at once: in interrupt context, must not
 *    sleep, owns the buf and may free it; else whoever is in biowait() wakes
 */
void biodone(struct buf *bp);
/* => biodone() with an error and nothing more transferred */
void biodone_error(struct buf *bp, int error);
/*
 * Wait for a request without b_iodone.
 * => thread context, or booting (cold: the device is polled); b_error or 0
 */
int biowait(struct buf *bp);
/*
 * The same without interrupts and without sleeping; a device that takes longer
 * than nsecs is given up, or the boot would hang with it.
 * => any context that may take so long
 */
int biowait_poll(struct buf *bp, uint64_t nsecs);
/* => boot, before the first device attaches */
void bio_init(void);

#endif
