/*
 * Disks in memory, for tests of paging (UVM-API.md 0.4): they can be stalled,
 * told to fail, to take their time and to answer in any order, and say what was
 * asked of them.
 */
#ifndef _TESTS_KERN_KT_TDISK_H_
#define _TESTS_KERN_KT_TDISK_H_

#include <sys/ktest.h>
#include <sys/disk.h>

#define TDISKS    4
#define TDISK_LOG 64

/*
 * Locks used to protect members:
 *	t	the disk's mutex
 */
struct tdisk_request {
	uint64_t tr_off; /* [t] bytes */
	uint32_t tr_len; /* [t] bytes */
	bool tr_write; /* [t] */
};
struct tdisk_stats {
	u_int ts_reads, ts_writes; /* [t] requests */
	u_int ts_seeks; /* [t] that did not begin where the last one ended */
	u_int ts_nlog; /* [t] requests in the log, the newest left out */
	struct tdisk_request ts_log[TDISK_LOG]; /* [t] */
};

/*
 * What goes wrong by chance, or from now on.
 * Locks used to protect members:
 *	t	the disk's mutex
 */
struct tdisk_faults {
	uint64_t tf_delay; /* [t] ns a request takes at most, in no order; 0:
			      done at once */
	u_int tf_read, tf_write; /* [t] one request in so many fails; 0: none */
	uint32_t tf_rdonly, tf_rdonlyend; /* [t] pages that cannot be written */
	bool tf_torn; /* [t] a request that fails was done in part */
	bool tf_gone; /* [t] every request fails */
	bool tf_known; /* [t] and the driver says so */
	/*
	 * => any context; before biodone(); n: the disk; a request was served,
	 *    or fails
	 */
	void (*tf_done)(u_int n, const struct buf *bp, bool failed); /* [t] */
};

/* => disk number n, of npages, all zeros; NULL: it was refused */
struct bdev *tdisk_open(u_int n, uint32_t npages);
/* => the same with its contents at mem, which stays the caller's */
struct bdev *tdisk_open_at(u_int n, void *mem, uint32_t npages);
/* => has it a cache that B_FLUSH writes? not at first */
void tdisk_cache(u_int n, bool has);
/* => from now on; what they draw follows from seed; tdisk_open() ends them */
void tdisk_faults(u_int n, const struct tdisk_faults *tf, uint64_t seed);
/* => nothing is asked of it any more */
void tdisk_close(u_int n);
/* => requests wait, until they may go on */
void tdisk_stall(u_int n, bool stalled);
/* => so many requests from now on fail */
void tdisk_fail_reads(u_int n, u_int count);
void tdisk_fail_writes(u_int n, u_int count);
/* => every request that touches these pages fails; none if first == last */
void tdisk_bad(u_int n, uint32_t first, uint32_t last);
void tdisk_stats(u_int n, struct tdisk_stats *ts);
void tdisk_reset_stats(u_int n);
/* => requests that wait */
u_int tdisk_queued(u_int n);
/* => contents of a page of it; whoever writes there may be seen at it */
const uint64_t *tdisk_page(u_int n, uint32_t page);
/* => does any byte sequence of 8 on the disk equal this word, aligned? */
bool tdisk_holds(u_int n, uint64_t word);

#endif
