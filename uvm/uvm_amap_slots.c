/*
 * Storage of an amap's slots.  Pure: memory comes through amap_node_get(), so
 * that the host tests can run it against a dense array and fail it at will.
 *
 * Up to AMAP_INLINE slots need no memory at all.  A tree of height h covers
 * 64^h slots; it grows at the root when a higher slot is used, and falls back
 * to inline storage when its last slot is cleared.
 */
#include <sys/types.h>
#include <sys/errno.h>
#include <sys/mutant.h>
#include <uvm/uvm_amap.h>

#define AMAP_NODE_MASK (AMAP_NODE_SLOTS - 1)

/* Slots that a node of this level covers below each of its own. */
#define NODE_SPAN(level) ((uint64_t)1 << (AMAP_NODE_SHIFT * ((level)-1)))
/* Slots that a tree of this height covers. */
#define TREE_SPAN(height) NODE_SPAN((height) + 1)

static inline struct amap_node *
store_root(const struct amap_store *as)
{
	return AMAP_TOP_ROOT(as->as_top);
}

static inline u_int
node_index(u_int slot, u_int level)
{
	return (slot >> (AMAP_NODE_SHIFT * (level - 1))) & AMAP_NODE_MASK;
}

/*
 * Leaf that holds the slot.
 * => NULL: there is none, and *level is that of the empty subtree (its node
 *    is missing), so that the caller can skip what it covers
 */
static inline struct amap_node *
store_leaf(const struct amap_store *as, u_int slot, u_int *level)
{
	struct amap_node *nd = store_root(as);
	u_int l = amap_store_height(as);

	if (slot >= TREE_SPAN(l)) {
		*level = AMAP_MAXHEIGHT + 1;
		return NULL;
	}
	for (; l > 1; l--) {
		nd = nd->nd_slot[node_index(slot, l)];
		if (nd == NULL)
			break;
	}
	*level = l - 1;
	return nd;
}

struct vm_anon **
amap_store_run(struct amap_store *as, u_int slot, u_int *n)
{
	struct amap_node *nd;
	uint64_t span;
	u_int level;

	if (as->as_top == 0) {
		*n = slot < AMAP_INLINE ? AMAP_INLINE - slot : AMAP_END - slot;
		return slot < AMAP_INLINE ? as->as_inline + slot : NULL;
	}
	nd = store_leaf(as, slot, &level);
	if (nd == NULL) {
		if (level > AMAP_MAXHEIGHT) {
			*n = AMAP_END - slot;
			return NULL;
		}
		span = TREE_SPAN(level);
		*n = span - (slot & (span - 1));
		return NULL;
	}
	slot &= AMAP_NODE_MASK;
	*n = AMAP_NODE_SLOTS - slot;
	return (struct vm_anon **)nd->nd_slot + slot;
}

struct vm_anon *
amap_store_next(struct amap_store *as, u_int *slot, u_int end)
{
	struct vm_anon **run;
	u_int s, i, n;

	for (s = *slot; s < end; s += n) {
		run = amap_store_run(as, s, &n);
		if (n > end - s)
			n = end - s;
		if (run == NULL)
			continue;
		for (i = 0; i < n; i++) {
			if (run[i] != NULL) {
				*slot = s + i;
				return run[i];
			}
		}
	}
	*slot = end;
	return NULL;
}

/*
 * Free the empty nodes on the way to a slot, from the bottom.
 * => a tree without slots becomes inline storage
 */
static void
store_prune(struct amap_store *as, u_int slot)
{
	struct amap_node *path[AMAP_MAXHEIGHT + 1], *nd;
	u_int i, height = amap_store_height(as), level = height;

	path[level] = store_root(as);
	while (level > 1) {
		nd = path[level]->nd_slot[node_index(slot, level)];
		if (nd == NULL)
			break;
		path[--level] = nd;
	}
	for (; path[level]->nd_count == 0; level++) {
		amap_node_put(path[level]);
		if (level == height) {
			for (i = 0; i < AMAP_INLINE; i++)
				as->as_inline[i] = NULL;
			as->as_top = 0;
			return;
		}
		path[level + 1]->nd_slot[node_index(slot, level + 1)] = NULL;
		path[level + 1]->nd_count--;
	}
}

/* Nodes for one insertion: taken before anything is changed. */
struct node_stock {
	struct amap_node *ns_node[2 * AMAP_MAXHEIGHT]; /* [thread] */
	u_int ns_n; /* [thread] how many */
};

/* => n nodes, or FALSE and none */
static bool
stock_fill(struct node_stock *ns, u_int n)
{
	for (ns->ns_n = 0; ns->ns_n < n; ns->ns_n++) {
		ns->ns_node[ns->ns_n] = amap_node_get();
		if (ns->ns_node[ns->ns_n] == NULL) {
			while (ns->ns_n > 0)
				amap_node_put(ns->ns_node[--ns->ns_n]);
			return false;
		}
	}
	return true;
}

static inline struct amap_node *
stock_take(struct node_stock *ns)
{
	return ns->ns_node[--ns->ns_n];
}

/* Height of a tree that reaches the slot. */
static u_int
height_for(u_int slot)
{
	u_int height = 1;

	while (slot >= TREE_SPAN(height))
		height++;
	return height;
}

/* How many nodes the way to a slot lacks, with a tree of that height. */
static u_int
nodes_missing(const struct amap_store *as, u_int slot, u_int height)
{
	u_int have = amap_store_height(as), level, n;

	if (as->as_count == 0)
		return height; /* inline, and nothing to keep */
	n = height - have;
	if (have == 0)
		have = 1; /* the leaf of the inline slots, counted above */
	if (slot >= TREE_SPAN(have))
		return n + height - 1;
	if (as->as_top == 0 || store_leaf(as, slot, &level) != NULL)
		return n;
	return n + level;
}

/*
 * Make the tree reach as high as `height'.
 * => the old tree, or a leaf with the inline slots, becomes the first child
 */
static void
store_grow(struct amap_store *as, struct node_stock *ns, u_int height)
{
	struct amap_node *nd, *root = store_root(as);
	u_int i, level = amap_store_height(as);

	if (level == 0) {
		root = stock_take(ns);
		for (i = 0; i < AMAP_INLINE; i++)
			root->nd_slot[i] = as->as_inline[i];
		root->nd_count = as->as_count;
		level = 1;
	}
	for (; level < height; level++) {
		nd = stock_take(ns);
		nd->nd_slot[0] = root;
		nd->nd_count = 1;
		root = nd;
	}
	atomic_store_rel(&as->as_top, AMAP_TOP(root, height));
}

/*
 * A branch of new nodes that ends at the slot.
 * => its top, of this level, not linked yet
 */
static struct amap_node *
branch_make(
    struct node_stock *ns, u_int slot, u_int level, struct vm_anon *anon)
{
	struct amap_node *nd = stock_take(ns), *up;
	u_int l;

	nd->nd_slot[slot & AMAP_NODE_MASK] = anon;
	nd->nd_count = 1;
	for (l = 2; l <= level; l++) {
		up = stock_take(ns);
		up->nd_slot[node_index(slot, l)] = nd;
		up->nd_count = 1;
		nd = up;
	}
	return nd;
}

/* The slot is empty and its way complete but for what is in the stock. */
static void
store_insert(struct amap_store *as, struct node_stock *ns, u_int slot,
    struct vm_anon *anon)
{
	struct amap_node *nd = store_root(as);
	u_int i, level;

	for (level = amap_store_height(as); level > 1; level--) {
		i = node_index(slot, level);
		if (nd->nd_slot[i] == NULL) {
			nd->nd_count++;
			atomic_store_rel(&nd->nd_slot[i],
			    (void *)branch_make(ns, slot, level - 1, anon));
			return;
		}
		nd = nd->nd_slot[i];
	}
	nd->nd_count++;
	atomic_store(&nd->nd_slot[slot & AMAP_NODE_MASK], (void *)anon);
}

int
amap_store_set(struct amap_store *as, u_int slot, struct vm_anon *anon)
{
	struct vm_anon **where = amap_store_slot(as, slot);
	struct node_stock ns;
	u_int height;

	if (where != NULL) {
		if (*where == NULL)
			amap_store_fill(as, slot, where, anon);
		else
			atomic_store(where, anon);
		return 0;
	}
	height = height_for(slot);
	if (height < amap_store_height(as))
		height = amap_store_height(as);
	if (!stock_fill(&ns, nodes_missing(as, slot, height)))
		return ENOMEM;
	if (as->as_count == 0)
		atomic_store_rel(&as->as_top,
		    AMAP_TOP(branch_make(&ns, slot, height, anon), height));
	else {
		if (height > amap_store_height(as))
			store_grow(as, &ns, height);
		store_insert(as, &ns, slot, anon);
	}
	as->as_count++;
	return 0;
}

struct vm_anon *
amap_store_clear(struct amap_store *as, u_int slot)
{
	struct amap_node *nd;
	struct vm_anon *anon;
	u_int level;

	if (as->as_top == 0) {
		if (slot >= AMAP_INLINE || as->as_inline[slot] == NULL)
			return NULL;
		anon = as->as_inline[slot];
		as->as_inline[slot] = NULL;
		as->as_count--;
		return anon;
	}
	nd = store_leaf(as, slot, &level);
	if (nd == NULL)
		return NULL;
	anon = nd->nd_slot[slot & AMAP_NODE_MASK];
	if (anon == NULL)
		return NULL;
	nd->nd_slot[slot & AMAP_NODE_MASK] = NULL;
	as->as_count--;
	if (--nd->nd_count == 0)
		store_prune(as, slot);
	return anon;
}

/* => anons taken out of run[0..n) */
static u_int
run_empty(struct vm_anon **run, u_int n)
{
	u_int i, count = 0;

	for (i = 0; i < n; i++) {
		count += run[i] != NULL;
		run[i] = NULL;
	}
	return count;
}

u_int
amap_store_wipe(struct amap_store *as, u_int start, u_int end, u_int max,
    void (*fn)(void *arg, struct vm_anon **slots, u_int n), void *arg)
{
	struct amap_node *nd;
	struct vm_anon **run;
	u_int s, n, count, done = 0;

	for (s = start; s < end && done < max && as->as_count > 0; s += n) {
		run = amap_store_run(as, s, &n);
		if (n > end - s)
			n = end - s;
		if (run == NULL)
			continue;
		done += n;
		fn(arg, run, n);
		count = run_empty(run, n);
		as->as_count -= count;
		if (as->as_top == 0)
			continue;
		nd = container_of((void *)(run - (s & AMAP_NODE_MASK)),
		    struct amap_node, nd_slot);
		nd->nd_count -= count;
		if (nd->nd_count == 0)
			store_prune(as, s);
	}
	return as->as_count == 0 || s > end ? end : s;
}

/* Undo for amap_store_copy(). */
static void
run_drop(void *arg, struct vm_anon **run, u_int n)
{
	u_int i;

	for (i = 0; i < n; i++) {
		if (run[i] != NULL && !MUTANT(AMAP_COPY_UNDO_LEAK))
			run[i]->an_ref--;
	}
}

/*
 * One run of the source into as many leaves of the destination as it meets.
 * => 0, or ENOMEM with part of it done
 */
static int
run_copy(struct amap_store *dst, u_int slot, struct vm_anon **run, u_int n)
{
	struct amap_node *nd;
	struct vm_anon **to;
	u_int i, room, count;

	for (i = 0; i < n; i++) {
		if (run[i] == NULL)
			continue;
		/* The first one makes the leaf; the rest of it is direct. */
		if (amap_store_set(dst, slot + i, run[i]) != 0)
			return ENOMEM;
		run[i]->an_ref++;
		if (dst->as_top == 0)
			continue;
		to = amap_store_run(dst, slot + i, &room);
		nd = container_of((void *)(to - ((slot + i) & AMAP_NODE_MASK)),
		    struct amap_node, nd_slot);
		if (room > n - i)
			room = n - i;
		for (count = 0, to -= i, room += i, i++; i < room; i++) {
			if (run[i] == NULL)
				continue;
			if (!MUTANT(AMAP_COPY_NO_ANON_REF))
				run[i]->an_ref++;
			to[i] = run[i];
			count++;
		}
		nd->nd_count += count;
		dst->as_count += count;
		i--;
	}
	return 0;
}

int
amap_store_copy(
    struct amap_store *dst, struct amap_store *src, u_int off, u_int len)
{
	struct vm_anon **run;
	u_int s, n;

	for (s = 0; s < len; s += n) {
		run = amap_store_run(src, off + s, &n);
		if (n > len - s)
			n = len - s;
		if (run != NULL && run_copy(dst, s, run, n) != 0) {
			(void)amap_store_wipe(
			    dst, 0, len, AMAP_END, run_drop, NULL);
			return ENOMEM;
		}
	}
	return 0;
}
