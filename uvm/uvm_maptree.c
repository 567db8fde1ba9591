/*
 * The gap tree of a map.
 *
 * A height-balanced (AVL) tree over the entries by address, threaded by the
 * list.  An entry knows the free space behind it (me_gap) and the largest such
 * space in its subtree (me_maxgap); the space before the first entry is the
 * head's me_gap and not in the tree.
 *
 *		 [30,40) gap 10, maxgap 25
 *		/			\
 *	[10,20) gap 10			[50,60) gap 0, maxgap 25
 *						\
 *						[60,65) gap 25
 *
 * A search follows subtrees whose me_maxgap is large enough, so it either goes
 * straight to a gap that fits or knows at the root that there is none.
 *
 * Nothing here allocates, locks or knows about memory: tests/host runs it.
 */
#include <sys/mutant.h>
#include <uvm/uvm_map.h>

#define MISPLACED_MAX 32 /* gaps tried that only alignment rules out */

static inline int
height(const struct vm_map_entry *e)
{
	return e != NULL ? e->me_height : 0;
}

static inline vsize_t
maxgap(const struct vm_map_entry *e)
{
	return e != NULL ? e->me_maxgap : 0;
}

/* Free space behind e, less what a stack above it keeps as its guard. */
static inline vsize_t
gap_after(const struct vm_map_entry *e)
{
	const struct vm_map_entry *next = e->me_next;
	vsize_t gap = next->start - e->end;

	if (next->me_flags & ME_STACK)
		gap = gap > UVM_STACK_GUARD ? gap - UVM_STACK_GUARD : 0;
	return gap;
}

/* Height and largest gap of e from its children's. */
static inline void
update(struct vm_map_entry *e)
{
	int lh = height(e->me_left), rh = height(e->me_right);
	vsize_t gap = e->me_gap;

	if (maxgap(e->me_left) > gap)
		gap = e->me_left->me_maxgap;
	if (maxgap(e->me_right) > gap)
		gap = e->me_right->me_maxgap;
	e->me_maxgap = gap;
	e->me_height = (uint8_t)((lh > rh ? lh : rh) + 1);
}

/* Make `new` the child of parent that old was. */
static inline void
replace_child(struct vm_map *map, struct vm_map_entry *parent,
    struct vm_map_entry *old, struct vm_map_entry *new)
{
	if (parent == NULL)
		map->vm_root = new;
	else if (parent->me_left == old)
		parent->me_left = new;
	else
		parent->me_right = new;
	if (new != NULL)
		new->me_parent = parent;
}

/* Rotate: e takes the place of its parent, which becomes its child. */
static void
lift(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *p = e->me_parent, *inner;

	replace_child(map, p->me_parent, p, e);
	if (p->me_left == e) {
		inner = e->me_right;
		p->me_left = inner;
		e->me_right = p;
	} else {
		inner = e->me_left;
		p->me_right = inner;
		e->me_left = p;
	}
	if (inner != NULL)
		inner->me_parent = p;
	p->me_parent = e;
	if (!MUTANT(ROTATE_NO_FIXUP))
		update(p);
	update(e);
}

/* Balance at e if one side is two levels higher; returns the subtree's top. */
static struct vm_map_entry *
balance(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *child;
	int diff = height(e->me_left) - height(e->me_right);

	if (diff > 1) {
		child = e->me_left;
		if (height(child->me_left) < height(child->me_right))
			lift(map, child->me_right);
		lift(map, e->me_left);
	} else if (diff < -1) {
		child = e->me_right;
		if (height(child->me_right) < height(child->me_left))
			lift(map, child->me_left);
		lift(map, e->me_right);
	} else {
		update(e);
		return e;
	}
	return e->me_parent;
}

/* Repair e and its ancestors, up to the first one that does not change. */
static void
retrace(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *top;
	vsize_t gap;
	int h;

	while (e != NULL) {
		gap = e->me_maxgap;
		h = e->me_height;
		top = balance(map, e);
		if ((top->me_maxgap == gap || MUTANT(RETRACE_STOPS)) &&
		    top->me_height == h)
			break;
		e = top->me_parent;
	}
}

/* The gap behind e may have changed; e may be the head. */
static void
refresh_gap(struct vm_map *map, struct vm_map_entry *e)
{
	e->me_gap = gap_after(e);
	if (e != &map->vm_head)
		retrace(map, e);
}

/*
 * => map write-locked; e->start, e->end set, prev is its lower neighbour or
 *    the head
 */
void
uvm_maptree_insert(
    struct vm_map *map, struct vm_map_entry *prev, struct vm_map_entry *e)
{
	struct vm_map_entry *next = prev->me_next, *parent;

	e->me_prev = prev;
	e->me_next = next;
	prev->me_next = e;
	next->me_prev = e;
	e->me_left = e->me_right = NULL;
	e->me_gap = e->me_maxgap = gap_after(e);
	e->me_height = 1;

	/* Neighbours in order: one of them has room for a child between. */
	if (prev != &map->vm_head && prev->me_right == NULL) {
		parent = prev;
		prev->me_right = e;
	} else if (next != &map->vm_head) {
		parent = next;
		next->me_left = e;
	} else {
		parent = NULL;
		map->vm_root = e;
	}
	e->me_parent = parent;
	if (!MUTANT(GAP_STALE_INSERT))
		prev->me_gap = gap_after(prev);
	retrace(map, parent);
	if (prev != parent && prev != &map->vm_head)
		retrace(map, prev);
}

/* Take e, which has two children, out: its successor goes there instead. */
static struct vm_map_entry *
remove_inner(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *next = e->me_next, *low;

	low = next->me_parent;
	if (low == e) {
		low = next;
	} else {
		replace_child(map, low, next, next->me_right);
		next->me_right = e->me_right;
		next->me_right->me_parent = next;
	}
	next->me_left = e->me_left;
	next->me_left->me_parent = next;
	replace_child(map, e->me_parent, e, next);
	/* Whoever looks for a change has to compare with what was here. */
	if (!MUTANT(REMOVE_INNER_NO_HEIGHT))
		next->me_height = e->me_height;
	next->me_maxgap = e->me_maxgap;
	return low;
}

/* => map write-locked; e's own links are stale afterwards */
void
uvm_maptree_remove(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_map_entry *prev = e->me_prev, *next = e->me_next;
	struct vm_map_entry *low;
	bool inner = e->me_left != NULL && e->me_right != NULL;

	prev->me_next = next;
	next->me_prev = prev;
	if (!MUTANT(GAP_STALE_REMOVE))
		prev->me_gap = gap_after(prev);
	if (inner) {
		low = remove_inner(map, e);
	} else {
		low = e->me_parent;
		replace_child(
		    map, low, e, e->me_left != NULL ? e->me_left : e->me_right);
	}
	retrace(map, low);
	if (inner && low != next)
		retrace(map, next);
	if (prev != low && prev != &map->vm_head)
		retrace(map, prev);
}

/* => map write-locked; e stays between its neighbours */
void
uvm_maptree_resize(struct vm_map *map, struct vm_map_entry *e)
{
	refresh_gap(map, e);
	refresh_gap(map, e->me_prev);
}

/* A balanced tree over the next n entries of the list at *nextp. */
static struct vm_map_entry *
build(struct vm_map_entry **nextp, u_int n)
{
	struct vm_map_entry *left, *e;

	if (n == 0)
		return NULL;
	left = build(nextp, n / 2);
	e = *nextp;
	*nextp = e->me_next;
	e->me_gap = gap_after(e);
	e->me_left = left;
	if (left != NULL)
		left->me_parent = e;
	e->me_right = build(nextp, n - n / 2 - 1);
	if (e->me_right != NULL)
		e->me_right->me_parent = e;
	update(e);
	return e;
}

/* => map write-locked; nentries says how many entries the list has */
void
uvm_maptree_build(struct vm_map *map)
{
	struct vm_map_entry *next = map->vm_head.me_next;

	map->vm_head.me_gap = gap_after(&map->vm_head);
	map->vm_root = build(&next, (u_int)map->nentries);
	if (map->vm_root != NULL)
		map->vm_root->me_parent = NULL;
}

/* => map locked either way */
struct vm_map_entry *
uvm_maptree_lookup(const struct vm_map *map, vaddr_t va)
{
	struct vm_map_entry *e = map->vm_root, *best = NULL;

	while (e != NULL) {
		if (va < e->start) {
			e = e->me_left;
		} else {
			best = e;
			if (va < e->end)
				break;
			e = e->me_right;
		}
	}
	return best;
}

/* -- Search for space -------------------------------------------------------- */

/* The lowest entry of a subtree with a gap of need; there is one. */
static struct vm_map_entry *
first_fit(struct vm_map_entry *e, vsize_t need)
{
	for (;;) {
		if (maxgap(e->me_left) >= need)
			e = e->me_left;
		else if (e->me_gap >= need)
			return e;
		else
			e = e->me_right;
	}
}

static struct vm_map_entry *
last_fit(struct vm_map_entry *e, vsize_t need)
{
	for (;;) {
		if (maxgap(e->me_right) >= need)
			e = e->me_right;
		else if (e->me_gap >= need)
			return e;
		else
			e = e->me_left;
	}
}

/* The next entry above e with a gap of need, or NULL; e may be the head. */
static struct vm_map_entry *
next_fit(const struct vm_map *map, struct vm_map_entry *e, vsize_t need)
{
	struct vm_map_entry *p;

	if (e == &map->vm_head)
		return maxgap(map->vm_root) >= need
		    ? first_fit(map->vm_root, need)
		    : NULL;
	for (;;) {
		if (maxgap(e->me_right) >= need)
			return first_fit(e->me_right, need);
		for (p = e->me_parent; p != NULL && e == p->me_right;
		     p = e->me_parent)
			e = p;
		if (p == NULL || p->me_gap >= need)
			return p;
		e = p;
	}
}

/* The next one below; the head is below all. */
static struct vm_map_entry *
prev_fit(const struct vm_map *map, struct vm_map_entry *e, vsize_t need)
{
	struct vm_map_entry *head = (struct vm_map_entry *)&map->vm_head, *p;

	if (e == head)
		return NULL;
	for (;;) {
		if (maxgap(e->me_left) >= need)
			return last_fit(e->me_left, need);
		for (p = e->me_parent; p != NULL && e == p->me_left;
		     p = e->me_parent)
			e = p;
		if (p == NULL)
			return head->me_gap >= need ? head : NULL;
		if (p->me_gap >= need)
			return p;
		e = p;
	}
}

/* What is looked for; belongs to the caller of uvm_maptree_find(). */
struct gap_req {
	vsize_t size; /* [thread] */
	vsize_t align; /* [thread] at least 1 */
	vaddr_t lo, hi; /* [thread] */
	bool topdown; /* [thread] */
	vaddr_t va; /* [thread] result */
};

/* Does the request fit in the gap behind e? */
static bool
fits(struct gap_req *req, const struct vm_map_entry *e)
{
	vaddr_t lo = e->end, hi = e->end + e->me_gap, va;

	if (MUTANT(FIND_OFF_BY_ONE))
		hi += PAGE_SIZE;
	if (lo < req->lo)
		lo = req->lo;
	if (hi > req->hi)
		hi = req->hi;
	if (hi < lo || hi - lo < req->size)
		return false;
	if (req->topdown) {
		va = hi - req->size;
		va -= va % req->align;
		if (va < lo)
			return false;
	} else {
		va = lo + (req->align - lo % req->align) % req->align;
		if (va < lo || va > hi - req->size)
			return false;
	}
	req->va = va;
	return true;
}

/* TRUE: found; FALSE: nothing, or more than `tries` gaps were misplaced. */
static bool
scan(const struct vm_map *map, struct gap_req *req, vsize_t need, int tries)
{
	struct vm_map_entry *head = (struct vm_map_entry *)&map->vm_head, *e;

	e = uvm_maptree_lookup(map, req->topdown ? req->hi : req->lo);
	if (e == NULL)
		e = head;
	while (tries-- > 0 && e != NULL) {
		if (fits(req, e))
			return true;
		if (req->topdown ? e->end <= req->lo : e->end >= req->hi)
			return false;
		e = req->topdown ? prev_fit(map, e, need)
				 : next_fit(map, e, need);
	}
	return false;
}

/* => map locked either way; TRUE: *vap is the address */
bool
uvm_maptree_find(const struct vm_map *map, vsize_t size, vsize_t align,
    vaddr_t lo, vaddr_t hi, bool topdown, vaddr_t *vap)
{
	struct gap_req req = { size, align > 1 ? align : 1, lo, hi, topdown,
		0 };
	bool found;

	found = scan(map, &req, size, MISPLACED_MAX);
	if (!found && req.align > 1 && size + req.align > size)
		found = scan(map, &req, size + req.align - 1, MISPLACED_MAX);
	if (!found && req.align > 1)
		found = scan(map, &req, size, INT32_MAX);
	if (found)
		*vap = req.va;
	return found;
}

/* -- Audit --------------------------------------------------------------------- */

static const char *
check_node(const struct vm_map_entry *e)
{
	const struct vm_map_entry *l = e->me_left, *r = e->me_right;
	int lh = height(l), rh = height(r);
	vsize_t gap = e->me_gap;

	if ((l != NULL && l->me_parent != e) ||
	    (r != NULL && r->me_parent != e))
		return "child with another parent";
	if ((l != NULL && l->end > e->start) ||
	    (r != NULL && r->start < e->end))
		return "tree out of order";
	if (lh - rh > 1 || rh - lh > 1)
		return "tree out of balance";
	if (e->me_height != (lh > rh ? lh : rh) + 1)
		return "wrong height";
	if (maxgap(l) > gap)
		gap = l->me_maxgap;
	if (maxgap(r) > gap)
		gap = r->me_maxgap;
	if (e->me_maxgap != gap)
		return "wrong largest gap";
	return NULL;
}

/* => map locked either way */
const char *
uvm_maptree_check(const struct vm_map *map)
{
	const struct vm_map_entry *e, *head = &map->vm_head;
	const char *why;
	int n = 0;

	if (head->end != map->min_offset || head->start != map->max_offset)
		return "head does not match the bounds";
	if (map->vm_root != NULL && map->vm_root->me_parent != NULL)
		return "root with a parent";
	e = head;
	do {
		if (e->me_next->me_prev != e)
			return "broken list";
		if (e->me_next->start < e->end)
			return "entries overlap";
		if (e->me_gap != gap_after(e))
			return "wrong gap";
		if (e != head && e->start >= e->end)
			return "empty entry";
		if (e != head && uvm_maptree_lookup(map, e->start) != e)
			return "entry not in the tree";
		if (e != head && (why = check_node(e)) != NULL)
			return why;
		n += e != head;
		e = e->me_next;
	} while (e != head);
	return n == map->nentries ? NULL : "wrong number of entries";
}
