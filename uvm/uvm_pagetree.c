/*
 * Radix tree of an object's pages: see uvm_pagetree.h.
 *
 * Pure but for where nodes come from: uvm_ptnode_get() and uvm_ptnode_put()
 * are in uvm_object.c, and in the host tests.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <uvm/uvm_pagetree.h>

#define FAN_MASK   (UVM_PTREE_FAN - 1)
#define MAX_HEIGHT ((64 + UVM_PTREE_SHIFT - 1) / UVM_PTREE_SHIFT)

CTASSERT(sizeof(struct uvm_ptnode) == UVM_PTNODE_SIZE);

/* Bits of an index below those that a tree of this height tells apart. */
static inline unsigned
height_bits(uint32_t height)
{
	return height * UVM_PTREE_SHIFT;
}

/* => can a tree of this height hold the index? */
static inline bool
index_fits(uint64_t index, uint32_t height)
{
	return height_bits(height) >= 64 || index >> height_bits(height) == 0;
}

static inline unsigned
slot_of(uint64_t index, uint32_t level)
{
	return (index >> height_bits(level - 1)) & FAN_MASK;
}

void *
uvm_pagetree_lookup(const struct uvm_pagetree *t, uint64_t index)
{
	void *p = t->pt_root;
	uint32_t level = t->pt_height;

	if (!index_fits(index, level))
		return NULL;
	for (; level > 0 && p != NULL; level--)
		p = ((struct uvm_ptnode *)p)->pn_slot[slot_of(index, level)];
	return p;
}

/* => the node of the lowest level that index belongs to, or NULL */
static const struct uvm_ptnode *
leaf_node(const struct uvm_pagetree *t, uint64_t index)
{
	const struct uvm_ptnode *n = t->pt_root;

	if (!index_fits(index, t->pt_height))
		return NULL;
	for (uint32_t level = t->pt_height; level > 1 && n != NULL; level--)
		n = n->pn_slot[slot_of(index, level)];
	return n;
}

void
uvm_pagetree_lookup_run(
    const struct uvm_pagetree *t, uint64_t index, void **items, u_int n)
{
	const struct uvm_ptnode *leaf;
	u_int slot, room;

	if (t->pt_height == 0) {
		for (u_int i = 0; i < n; i++)
			items[i] = index + i == 0 ? t->pt_root : NULL;
		return;
	}
	for (; n > 0; n -= room, index += room, items += room) {
		leaf = leaf_node(t, index);
		slot = slot_of(index, 1);
		room = MIN(n, UVM_PTREE_FAN - slot);
		for (u_int i = 0; i < room; i++)
			items[i] =
			    leaf != NULL ? leaf->pn_slot[slot + i] : NULL;
	}
}

static uint32_t
height_for(uint64_t index)
{
	uint32_t height = 0;

	while (!index_fits(index, height))
		height++;
	return height;
}

/* New nodes are chained by their first slot until they are used. */
static void
chain_free(struct uvm_ptnode *n)
{
	struct uvm_ptnode *next;

	for (; n != NULL; n = next) {
		next = n->pn_slot[0];
		n->pn_slot[0] = NULL;
		uvm_ptnode_put(n);
	}
}

/* => chain of count empty nodes, or NULL */
static struct uvm_ptnode *
chain_get(uint32_t count)
{
	struct uvm_ptnode *chain = NULL, *n;

	while (count-- > 0) {
		n = uvm_ptnode_get();
		if (n == NULL) {
			chain_free(chain);
			return NULL;
		}
		n->pn_slot[0] = chain;
		chain = n;
	}
	return chain;
}

static struct uvm_ptnode *
chain_pop(struct uvm_ptnode **chain)
{
	struct uvm_ptnode *n = *chain;

	*chain = n->pn_slot[0];
	n->pn_slot[0] = NULL;
	return n;
}

/* Nodes that have to be made to hold index in a tree grown to height. */
static uint32_t
nodes_missing(const struct uvm_pagetree *t, uint64_t index, uint32_t height)
{
	const struct uvm_ptnode *n;
	uint32_t level = t->pt_height;

	if (t->pt_root == NULL)
		return height;
	/* new roots, and below them a path beside the old tree */
	if (height > level)
		return height - level + height - 1;
	for (n = t->pt_root; level > 1; level--) {
		n = n->pn_slot[slot_of(index, level)];
		if (n == NULL)
			return level - 1;
	}
	return 0;
}

/* Put new roots above the old one; a NULL root just changes its height. */
static void
grow(struct uvm_pagetree *t, uint32_t height, struct uvm_ptnode **chain)
{
	struct uvm_ptnode *n;

	for (; t->pt_root != NULL && t->pt_height < height; t->pt_height++) {
		n = chain_pop(chain);
		n->pn_slot[0] = t->pt_root;
		n->pn_count = 1;
		t->pt_root = n;
	}
	if (t->pt_root == NULL) {
		t->pt_height = height;
		if (height > 0)
			t->pt_root = chain_pop(chain);
	}
}

int
uvm_pagetree_insert(struct uvm_pagetree *t, uint64_t index, void *item)
{
	uint32_t height = MAX(height_for(index), t->pt_height), level, need;
	struct uvm_ptnode *chain = NULL, *n;
	void **slot;

	KASSERT(item != NULL);
	if (t->pt_root == NULL)
		height = height_for(index);
	need = nodes_missing(t, index, height);
	if (need > 0 && (chain = chain_get(need)) == NULL)
		return ENOMEM;
	if (t->pt_root == NULL || t->pt_height < height)
		grow(t, height, &chain);

	if (height == 0) {
		KASSERT(t->pt_root == NULL);
		t->pt_root = item;
		return 0;
	}
	for (n = t->pt_root, level = height;; level--, n = *slot) {
		slot = &n->pn_slot[slot_of(index, level)];
		if (level == 1)
			break;
		if (*slot == NULL) {
			*slot = chain_pop(&chain);
			n->pn_count++;
		}
	}
	KASSERTMSG(*slot == NULL, "uvm_pagetree_insert: index %lu is taken",
	    (u_long)index);
	*slot = item;
	n->pn_count++;
	KASSERT(chain == NULL);
	return 0;
}

void *
uvm_pagetree_replace(struct uvm_pagetree *t, uint64_t index, void *item)
{
	void **slot = &t->pt_root, *old;
	uint32_t level = t->pt_height;

	KASSERT(item != NULL);
	if (!index_fits(index, level))
		return NULL;
	for (; level > 0 && *slot != NULL; level--)
		slot = &((struct uvm_ptnode *)*slot)
			    ->pn_slot[slot_of(index, level)];
	old = *slot;
	if (old != NULL)
		*slot = item;
	return old;
}

void *
uvm_pagetree_remove(struct uvm_pagetree *t, uint64_t index)
{
	struct uvm_ptnode *path[MAX_HEIGHT + 1], *n;
	uint32_t level = t->pt_height;
	void *item, **slot;

	if (t->pt_root == NULL || !index_fits(index, level))
		return NULL;
	if (level == 0) {
		item = t->pt_root;
		t->pt_root = NULL;
		return item;
	}
	for (n = t->pt_root;; level--) {
		path[level] = n;
		slot = &n->pn_slot[slot_of(index, level)];
		if (*slot == NULL)
			return NULL;
		if (level == 1)
			break;
		n = *slot;
	}
	item = *slot;
	*slot = NULL;
	/* nodes that became empty go, from the leaf upwards */
	while (--path[level]->pn_count == 0) {
		uvm_ptnode_put(path[level]);
		if (level == t->pt_height) {
			t->pt_root = NULL;
			t->pt_height = 0;
			break;
		}
		level++;
		path[level]->pn_slot[slot_of(index, level)] = NULL;
	}
	return item;
}

/*
 * First item of a subtree at an index >= *index, *index lying in the subtree
 * or before it.
 */
static void *
subtree_next(void *p, uint32_t level, uint64_t *index)
{
	struct uvm_ptnode *n = p;
	unsigned s, bits;
	uint64_t next;
	void *item;

	if (level == 0)
		return p;
	bits = height_bits(level - 1);
	for (s = slot_of(*index, level); s < UVM_PTREE_FAN; s++) {
		next = ((*index >> bits) + 1) << bits;
		if (n->pn_slot[s] != NULL) {
			item = subtree_next(n->pn_slot[s], level - 1, index);
			if (item != NULL)
				return item;
		}
		*index = next; /* the first index of the next slot */
	}
	return NULL;
}

void *
uvm_pagetree_next(const struct uvm_pagetree *t, uint64_t *index)
{
	uint64_t at = *index;
	void *item;

	if (t->pt_root == NULL || !index_fits(at, t->pt_height))
		return NULL;
	item = subtree_next(t->pt_root, t->pt_height, &at);
	if (item != NULL)
		*index = at;
	return item;
}
