/*
 * Files in memory, for tests of the vnode pager (UVM-API.md 0.4): they count
 * what is asked of them, and can fail, wait, be full and call back.
 */
#ifndef _TESTS_KERN_KT_TVFS_H_
#define _TESTS_KERN_KT_TVFS_H_

#include <sys/ktest.h>
#include <sys/buf.h>
#include <sys/vnode.h>
#include <uvm/uvm.h>
#include <uvm/uvm_vnode.h>
#include "kt_user.h"

#define TVFS_PAGES 64 /* most pages of a file */
#define TVFS_QUEUE 16 /* requests that wait */

/* A request that was begun and waits; all members: [a] as tv_queue. */
struct tvfs_request {
	struct buf *rq_buf; /* [a] */
	struct vm_page **rq_pgs; /* [a] */
	voff_t rq_off; /* [a] */
};

/*
 * Locks used to protect members:
 *	I	immutable
 *	a	atomic operations
 *	x	the test, while nothing is asked of the file
 *	v	tv_vnode.v_lock
 */
struct tvnode {
	struct vnode tv_vnode; /* first */
	struct vm_page *tv_page[TVFS_PAGES]; /* [I] the device */
	uint64_t tv_blocks; /* [a] bit i: page i has blocks */
	off_t tv_size; /* [v] bytes */
	u_int tv_reads, tv_writes; /* [a] requests, failed ones too */
	u_int tv_rpages, tv_wpages; /* [a] pages that were moved */
	u_int tv_allocs; /* [a] pages that got blocks */
	u_int tv_inactive; /* [a] last references that went */
	u_int tv_failr, tv_failw; /* [a] so many requests fail */
	uint64_t tv_badr, tv_badw; /* [x] bit i: page i always fails */
	bool tv_full; /* [x] no more blocks */
	bool tv_noattr; /* [x] attributes cannot be read */
	volatile bool tv_stalled; /* [a] requests wait */
	u_int tv_waiting; /* [a] requests that do, and threads for them */
	/* [a] that do, and no thread: filled by one thread at a time */
	struct tvfs_request tv_queue[TVFS_QUEUE];
	u_int tv_nqueue; /* [a] */
	u_int tv_started; /* [a] requests that were begun */
	uint64_t tv_gaps; /* [x] bit i: page i + 1 lies elsewhere */
	/* => called in a request, when its pages were moved; or NULL */
	void (*tv_during)(struct tvnode *tv, bool write); /* [x] */
	void *tv_arg; /* [x] the test's */
};

/*
 * => a file of size bytes that has all its blocks: word 0 of page i is 1000 + i,
 *    its last word 2000 + i; the test has a reference
 */
struct tvnode *tvfs_make(off_t size);
/* => the same without blocks, so that it reads as zeros */
struct tvnode *tvfs_make_hole(off_t size);
/* => nobody else uses the file: its object goes, what is dirty is written */
void tvfs_end(struct tvnode *tv);
/* => requests go on */
void tvfs_resume(struct tvnode *tv);
/* => somebody waits in a request; FALSE: not within a second */
bool tvfs_waits(struct tvnode *tv);
/* => no read-ahead is under way, or about to begin; none is stalled */
void tvfs_settle(struct tvnode *tv);
/* => word w of page i on the device */
uint64_t *tvfs_word(struct tvnode *tv, int i, int w);
#define TVFS_LAST (int)(PAGE_SIZE / sizeof(uint64_t) - 1)
/* => as truncate(2) */
void tvfs_setsize(struct tvnode *tv, off_t size);
/* => as pread(2) and pwrite(2); seg: where buf is; 0 or errno */
int tvfs_io(struct tvnode *tv, void *buf, size_t len, off_t off, enum uio_rw rw,
    enum uio_seg seg);
/* => the same of word 0 of page i, by the kernel */
uint64_t tvfs_read_word(struct tvnode *tv, int i);
int tvfs_write_word(struct tvnode *tv, int i, uint64_t value);
/* => pages [0, n) are in memory, no others, none of them mapped */
void tvfs_make_resident(struct tvnode *tv, int n);
/* => pages of the file in memory */
int tvfs_resident(struct tvnode *tv);
/* => the test is a program that has the file mapped at KTF_BASE */
void tvfs_user_map(struct kt_user *ku, struct tvnode *tv, int npages, bool cow);

#endif
