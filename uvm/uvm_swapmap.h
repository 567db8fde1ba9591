/*
 * Free slots of a swap device: a bitmap, and over its words a tree that knows
 * the longest free run below each node.
 *
 * Finding a run of n slots from a place on, and telling how long the longest
 * is, take O(log slots).  Pure: no locks, no memory of its own.
 */
#ifndef _UVM_UVM_SWAPMAP_H_
#define _UVM_UVM_SWAPMAP_H_

#include <sys/types.h>

#define SWAPMAP_RUN 64 /* longest run that can be asked for; slots of a word */

/*
 * Lengths of free runs; none is longer than SWAPMAP_RUN for us.
 * All members: [s] swap_mtx.
 */
struct swapmap_node {
	uint8_t sn_first; /* of the run at the start */
	uint8_t sn_last; /* of the run at the end */
	uint8_t sn_best; /* of the longest run */
	uint8_t sn_unused;
};

/*
 * All members: [s] swap_mtx.
 */
struct uvm_swapmap {
	uint32_t sm_nslots;
	uint32_t sm_nfree;
	uint32_t sm_leaves; /* words, rounded up to a power of two */
	uint32_t sm_next; /* where the next search begins */
	uint64_t *sm_free; /* bit i of word w: slot 64 * w + i is free */
	struct swapmap_node *sm_node; /* heap order: root 1, leaves from
					 sm_leaves on */
};

/* => bytes that a map of nslots needs, a multiple of 8 */
size_t uvm_swapmap_size(uint32_t nslots);
/* => mem: zeroed, that many bytes; every slot is in use */
void uvm_swapmap_init(struct uvm_swapmap *sm, uint32_t nslots, void *mem);
/*
 * Take n slots that adjoin, the next ones behind those taken last if they are
 * free.
 * => 1 <= n <= SWAPMAP_RUN; the first of them in *slot; FALSE: no such run
 */
bool uvm_swapmap_alloc(struct uvm_swapmap *sm, uint32_t n, uint32_t *slot);
/* => slots [slot, slot + n), all in use, become free */
void uvm_swapmap_free(struct uvm_swapmap *sm, uint32_t slot, uint32_t n);
/* => slots of the longest free run, SWAPMAP_RUN if it is longer */
uint32_t uvm_swapmap_longest(const struct uvm_swapmap *sm);
bool uvm_swapmap_isfree(const struct uvm_swapmap *sm, uint32_t slot);

#endif
