/*
 * Buddy allocator over the pages of physical segments.
 *
 * Pure: no locks, no globals.  The caller's lock (uvm.fpageqlock) protects a
 * struct uvm_buddy and the free pages in it.  A block of order o is 2^o pages
 * at a multiple of 2^o page numbers, within one segment; its first page, the
 * head, has pg_order o + 1, the others 0.  Every free page has PQ_FREE.
 * Pages known to be zero are kept singly on a list of their own and do not
 * merge.
 */
#ifndef _UVM_UVM_BUDDY_H_
#define _UVM_UVM_BUDDY_H_

#include <uvm/uvm_page.h>

#define UVM_BUDDY_ORDERS 11 /* 4 KiB to 4 MiB */

/*
 * The free pages of one free list.
 * Locks used to protect members:
 *	F	uvm.fpageqlock
 */
struct uvm_buddy {
	struct pglist ub_block[UVM_BUDDY_ORDERS]; /* [F] heads by order */
	struct pglist ub_zero; /* [F] single zeroed pages */
	uint32_t ub_orders; /* [F] bit o: ub_block[o] is not empty */
	long ub_npages; /* [F] pages in blocks */
	long ub_nzero; /* [F] pages on ub_zero */
};

/* => not yet known to anyone */
void uvm_buddy_init(struct uvm_buddy *b);
/* => pg becomes free and merges with its free buddies; seg is its segment */
void uvm_buddy_free(
    struct uvm_buddy *b, const struct vm_physseg *seg, struct vm_page *pg);
/* => same for npages consecutive pages of seg */
void uvm_buddy_free_range(struct uvm_buddy *b, const struct vm_physseg *seg,
    struct vm_page *first, size_t npages);
/* => same for pages whose pg_flags are PQ_FREE and pg_order 0 already */
void uvm_buddy_add_range(struct uvm_buddy *b, const struct vm_physseg *seg,
    struct vm_page *first, size_t npages);
/*
 * Take up to npages single pages, the smallest blocks first.
 * => number taken; each has exactly pg_flags flags
 */
size_t uvm_buddy_take(
    struct uvm_buddy *b, struct vm_page **pgs, size_t npages, uint32_t flags);
/* => head of the free block that pg lies in, NULL if it lies in none */
struct vm_page *
uvm_buddy_head(const struct vm_physseg *seg, struct vm_page *pg);
/*
 * Take npages consecutive pages from first, all in free blocks.
 * => each has exactly pg_flags flags; what is left of the blocks stays free
 */
void uvm_buddy_carve(struct uvm_buddy *b, const struct vm_physseg *seg,
    struct vm_page *first, size_t npages, uint32_t flags);
/* => pg, zero-filled, becomes free on the list of zeroed pages */
void uvm_buddy_put_zero(struct uvm_buddy *b, struct vm_page *pg);
/* => as uvm_buddy_take, from the zeroed pages */
size_t uvm_buddy_take_zero(
    struct uvm_buddy *b, struct vm_page **pgs, size_t npages, uint32_t flags);

#endif
