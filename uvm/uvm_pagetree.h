/*
 * Pages of an object by offset: a radix tree of 64-way nodes, as high as the
 * largest index needs.  An object of one page has no node at all.
 */
#ifndef _UVM_UVM_PAGETREE_H_
#define _UVM_UVM_PAGETREE_H_

#include <sys/types.h>

#define UVM_PTREE_SHIFT 6
#define UVM_PTREE_FAN   (1 << UVM_PTREE_SHIFT)

/*
 * A node.  All members: [o] the owner's lock.
 */
struct uvm_ptnode {
	void *pn_slot[UVM_PTREE_FAN]; /* nodes, or items at the lowest level */
	uint32_t pn_count; /* slots in use */
	uint32_t pn_unused;
};
#define UVM_PTNODE_SIZE (UVM_PTREE_FAN * sizeof(void *) + 8)

/* => zeroed node or NULL, never sleeps; any context (uvm_object.c) */
struct uvm_ptnode *uvm_ptnode_get(void);
struct uvm_ptnode *uvm_ptnode_fresh(void); /* not one kept for the daemon */
/* => n is in no tree; any context */
void uvm_ptnode_put(struct uvm_ptnode *n);

/* All members: [o] the owner's lock. */
struct uvm_pagetree {
	void *pt_root; /* page if height 0, else node */
	uint32_t pt_height; /* levels of nodes */
	uint32_t pt_unused;
};

#define UVM_PAGETREE_INITIALIZER \
	{                        \
		NULL, 0, 0       \
	}

/* => item at index, or NULL */
void *uvm_pagetree_lookup(const struct uvm_pagetree *t, uint64_t index);
/*
 * The items at n indexes from index on, or NULL, in items[].
 * => index + n - 1 is an index, too
 */
void uvm_pagetree_lookup_run(
    const struct uvm_pagetree *t, uint64_t index, void **items, u_int n);
/* => 0, or ENOMEM with the tree unchanged; the slot must be empty */
int uvm_pagetree_insert(struct uvm_pagetree *t, uint64_t index, void *item);
/* => the item that was there, or NULL: nothing was, and nothing changed */
void *uvm_pagetree_replace(struct uvm_pagetree *t, uint64_t index, void *item);
/* => the item taken out, or NULL; empty nodes are freed */
void *uvm_pagetree_remove(struct uvm_pagetree *t, uint64_t index);
/* => first item at an index >= *index, which becomes its index; or NULL */
void *uvm_pagetree_next(const struct uvm_pagetree *t, uint64_t *index);
/* => boot */
void uvm_pagetree_init(void);

#endif
