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
#include <uvm/uvm_amap.h>

#define AMAP_NODE_MASK (AMAP_NODE_SLOTS - 1)
#define AMAP_MAXHEIGHT 6 /* 32 bits of slot number */

/* Slots that a node of this level covers below each of its own. */
#define NODE_SPAN(level) ((uint64_t)1 << (AMAP_NODE_SHIFT * ((level)-1)))
/* Slots that a tree of this height covers. */
#define TREE_SPAN(height) NODE_SPAN((height) + 1)

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
	struct amap_node *nd = as->as_root;
	u_int l = as->as_height;

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

	if (as->as_height == 0) {
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

/* => a tree where the inline slots were; 0 or ENOMEM */
static int
store_leave_inline(struct amap_store *as)
{
	struct amap_node *nd;
	u_int i;

	nd = amap_node_get();
	if (nd == NULL)
		return ENOMEM;
	for (i = 0; i < AMAP_INLINE; i++)
		nd->nd_slot[i] = as->as_inline[i];
	nd->nd_count = as->as_count;
	as->as_root = nd;
	as->as_height = 1;
	return 0;
}

/*
 * => the tree reaches slot; 0 or ENOMEM
 * => an empty root is only ever seen inside amap_store_set()
 */
static int
store_grow(struct amap_store *as, u_int slot)
{
	struct amap_node *nd;
	int error;

	if (as->as_height == 0) {
		error = store_leave_inline(as);
		if (error != 0)
			return error;
	}
	while (slot >= TREE_SPAN(as->as_height)) {
		if (as->as_root->nd_count == 0) {
			/* Nothing to hang below: just call it higher. */
			as->as_height++;
			continue;
		}
		nd = amap_node_get();
		if (nd == NULL)
			return ENOMEM;
		nd->nd_slot[0] = as->as_root;
		nd->nd_count = 1;
		as->as_root = nd;
		as->as_height++;
	}
	return 0;
}

/*
 * Free the empty nodes on the way to a slot, from the bottom.
 * => a tree without slots becomes inline storage
 */
static void
store_prune(struct amap_store *as, u_int slot)
{
	struct amap_node *path[AMAP_MAXHEIGHT + 1], *nd;
	u_int i, level = as->as_height;

	path[level] = as->as_root;
	while (level > 1) {
		nd = path[level]->nd_slot[node_index(slot, level)];
		if (nd == NULL)
			break;
		path[--level] = nd;
	}
	for (; path[level]->nd_count == 0; level++) {
		amap_node_put(path[level]);
		if (level == as->as_height) {
			as->as_height = 0;
			for (i = 0; i < AMAP_INLINE; i++)
				as->as_inline[i] = NULL;
			return;
		}
		path[level + 1]->nd_slot[node_index(slot, level + 1)] = NULL;
		path[level + 1]->nd_count--;
	}
}

int
amap_store_set(struct amap_store *as, u_int slot, struct vm_anon *anon)
{
	struct amap_node *nd, *child;
	u_int i, level;

	if (as->as_height == 0 && slot < AMAP_INLINE) {
		as->as_count += as->as_inline[slot] == NULL;
		as->as_inline[slot] = anon;
		return 0;
	}
	if ((as->as_height == 0 || slot >= TREE_SPAN(as->as_height)) &&
	    store_grow(as, slot) != 0)
		goto nomem;
	nd = as->as_root;
	for (level = as->as_height; level > 1; level--) {
		i = node_index(slot, level);
		child = nd->nd_slot[i];
		if (child == NULL) {
			child = amap_node_get();
			if (child == NULL)
				goto nomem;
			nd->nd_slot[i] = child;
			nd->nd_count++;
		}
		nd = child;
	}
	i = slot & AMAP_NODE_MASK;
	if (nd->nd_slot[i] == NULL) {
		nd->nd_count++;
		as->as_count++;
	}
	nd->nd_slot[i] = anon;
	return 0;
nomem:
	if (as->as_height != 0)
		store_prune(as, slot < TREE_SPAN(as->as_height) ? slot : 0);
	return ENOMEM;
}

struct vm_anon *
amap_store_clear(struct amap_store *as, u_int slot)
{
	struct amap_node *nd;
	struct vm_anon *anon;
	u_int level;

	if (as->as_height == 0) {
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
		if (as->as_height == 0)
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
		if (run[i] != NULL)
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
		if (dst->as_height == 0)
			continue;
		to = amap_store_run(dst, slot + i, &room);
		nd = container_of((void *)(to - ((slot + i) & AMAP_NODE_MASK)),
		    struct amap_node, nd_slot);
		if (room > n - i)
			room = n - i;
		for (count = 0, to -= i, room += i, i++; i < room; i++) {
			if (run[i] == NULL)
				continue;
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
