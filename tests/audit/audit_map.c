/* Maps and their entries, address spaces, processes. */
#include <tests/audit/audit_i.h>

#define MAX_HEIGHT 60 /* of a balanced tree; more is a loop */

/* One map's walk.  Members: the walk's. */
struct mapwalk {
	struct vm_map *map;
	struct pool *pool; /* of its entries, NULL: static */
	struct vm_map_entry *last; /* of the tree's, in order */
	long n; /* of the tree's */
	bool ok; /* list and tree can be followed */
};

static void
entry_wrong(struct vm_map *map, const struct vm_map_entry *e, const char *why)
{
	audit_bad("map %p: entry [%#lx, %#lx): %s", map, e->start, e->end, why);
}

/* -- List, tree and gaps ---------------------------------------------------------- */

static bool
entry_is_live(const struct mapwalk *mw, const struct vm_map_entry *e)
{
	return e == &mw->map->vm_head || mw->pool == NULL ||
	    audit_pool_live(mw->pool, e);
}

/* What a search may give out behind e. */
static vsize_t
gap_behind(const struct vm_map_entry *e)
{
	vsize_t gap = e->me_next->start - e->end;
	vsize_t guard = (e->me_next->me_flags & ME_STACK) ? UVM_STACK_GUARD : 0;

	return gap < guard ? 0 : gap - guard;
}

static void
check_list(struct mapwalk *mw)
{
	struct vm_map *map = mw->map;
	struct vm_map_entry *e = &map->vm_head, *next;
	vsize_t size = 0;
	long n = 0;

	do {
		next = e->me_next;
		if (!entry_is_live(mw, next) || next->me_prev != e) {
			entry_wrong(map, e, "me_next is no entry of this map");
			mw->ok = false;
			return;
		}
		if (next->start < e->end)
			entry_wrong(map, next, "overlaps the one before it");
		if (e->me_gap != gap_behind(e))
			audit_bad("map %p: entry [%#lx, %#lx): me_gap is %#lx, "
				  "should be %#lx",
			    map, e->start, e->end, e->me_gap, gap_behind(e));
		if (e != &map->vm_head) {
			if (e->start >= e->end ||
			    ((e->start | e->end) & PAGE_MASK) != 0)
				entry_wrong(map, e, "empty or unaligned");
			if (!UVM_ET_ISHOLE(e))
				size += e->end - e->start;
			n++;
		}
		e = next;
	} while (e != &map->vm_head);
	if (n != map->nentries)
		audit_bad("map %p: nentries is %d, should be %ld", map,
		    map->nentries, n);
	if (size != map->size)
		audit_bad("map %p: size is %#lx, should be %#lx", map,
		    map->size, size);
}

/* => height; largest gap in *gapp */
static int
check_tree(struct mapwalk *mw, struct vm_map_entry *e,
    struct vm_map_entry *parent, int depth, vsize_t *gapp)
{
	vsize_t lgap = 0, rgap = 0;
	int lh, rh;

	*gapp = 0;
	if (e == NULL || !mw->ok)
		return 0;
	if (depth > MAX_HEIGHT || !entry_is_live(mw, e) ||
	    e->me_parent != parent) {
		audit_bad("map %p: tree: %p below %p is no child of it",
		    mw->map, e, parent);
		mw->ok = false;
		return 0;
	}
	lh = check_tree(mw, e->me_left, e, depth + 1, &lgap);
	if (!mw->ok)
		return 0;
	if (e->me_prev != mw->last)
		entry_wrong(mw->map, e, "not in the tree where the list says");
	mw->last = e;
	mw->n++;
	rh = check_tree(mw, e->me_right, e, depth + 1, &rgap);
	*gapp = MAX(e->me_gap, MAX(lgap, rgap));
	if (lh - rh > 1 || rh - lh > 1)
		entry_wrong(mw->map, e, "tree out of balance");
	if (e->me_height != MAX(lh, rh) + 1)
		entry_wrong(mw->map, e, "wrong me_height");
	if (mw->ok && e->me_maxgap != *gapp)
		audit_bad("map %p: entry [%#lx, %#lx): me_maxgap is %#lx, "
			  "should be %#lx",
		    mw->map, e->start, e->end, e->me_maxgap, *gapp);
	return MAX(lh, rh) + 1;
}

static void
check_order(struct mapwalk *mw)
{
	struct vm_map *map = mw->map;
	struct vm_map_entry *hint = map->vm_hint, *e;
	vsize_t gap;

	mw->last = &map->vm_head;
	(void)check_tree(mw, map->vm_root, NULL, 0, &gap);
	if (mw->ok &&
	    (mw->n != map->nentries || mw->last != map->vm_head.me_prev))
		audit_bad("map %p: the tree has %ld entries, nentries is %d",
		    map, mw->n, map->nentries);
	if (!mw->ok || hint == &map->vm_head)
		return;
	if (entry_is_live(mw, hint))
		VM_MAP_FOREACH (e, map)
			if (e == hint)
				return;
	audit_bad("map %p: vm_hint %p is no entry of it", map, hint);
}

/* -- One entry ----------------------------------------------------------------------- */

static void
check_rights(struct vm_map *map, struct vm_map_entry *e)
{
	bool kernel = vm_map_is_kernel(map);

	if (((e->protection | e->max_protection) & ~PROT_MASK) != 0 ||
	    (e->protection & ~e->max_protection) != 0)
		entry_wrong(map, e, "protection above max_protection");
	if (kernel && !UVM_ET_ISSUBMAP(e) && (e->protection & PROT_WRITE) &&
	    (e->protection & PROT_EXEC))
		entry_wrong(map, e, "kernel memory, writable and executable");
	if ((e->inheritance & ~MAP_INHERIT_MASK) != 0 ||
	    e->advice > MADV_SEQUENTIAL)
		entry_wrong(map, e, "unknown inheritance or advice");
	if (VM_MAPENT_ISWIRED(e) && e->protection == PROT_NONE)
		entry_wrong(map, e, "wired, but not accessible");
	/* what is written later would be another page than the wired one */
	if (VM_MAPENT_ISWIRED(e) && UVM_ET_ISNEEDSCOPY(e) &&
	    ((e->max_protection & PROT_WRITE) || !UVM_ET_ISOBJ(e)))
		entry_wrong(map, e, "wired and needs-copy");
}

static void
check_type(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_amap *amap = e->aref.ar_amap;

	if (UVM_ET_ISNEEDSCOPY(e) && !UVM_ET_ISCOPYONWRITE(e))
		entry_wrong(map, e, "needs-copy without copy-on-write");
	if (UVM_ET_ISCOPYONWRITE(e) && !UVM_ET_ISNEEDSCOPY(e) && amap == NULL)
		entry_wrong(map, e, "neither needs-copy nor an amap");
	if (UVM_ET_ISOBJ(e) && UVM_ET_ISSUBMAP(e))
		entry_wrong(map, e, "object and submap");
	if (!UVM_ET_ISSUBMAP(e) &&
	    UVM_ET_ISOBJ(e) != (e->object.uvm_obj != NULL))
		entry_wrong(map, e, "object and etype disagree");
	if (UVM_ET_ISSUBMAP(e) && !vm_map_is_kernel(map))
		entry_wrong(map, e, "submap in an address space");
	if (UVM_ET_ISHOLE(e) &&
	    (e->object.uvm_obj != NULL || amap != NULL || VM_MAPENT_ISWIRED(e)))
		entry_wrong(map, e, "hole with backing");
	if (((map->flags & VM_MAP_INTRSAFE) != 0) !=
	    ((e->me_flags & ME_STATIC) != 0))
		entry_wrong(map, e, "static, or not, unlike its map");
	if ((e->offset & (voff_t)PAGE_MASK) != 0 ||
	    (!UVM_ET_ISOBJ(e) && !UVM_ET_ISSUBMAP(e) && e->offset != 0))
		entry_wrong(map, e, "offset");
}

static void
check_backing(struct vm_map *map, struct vm_map_entry *e)
{
	struct vm_amap *amap = e->aref.ar_amap;
	uint64_t off = e->aref.ar_pageoff, end = off + atop(e->end - e->start);
	struct uvm_object *obj = e->object.uvm_obj;

	if (amap != NULL) {
		if (!audit_pool_live(audit.au_pool.amap, amap))
			entry_wrong(map, e, "its amap is not in use");
		else if (end > amap->am_nslot)
			audit_bad("map %p: entry [%#lx, %#lx): slots %lu to "
				  "%lu, am_nslot is %u",
			    map, e->start, e->end, (u_long)off, (u_long)end,
			    amap->am_nslot);
		else
			audit_ref(amap, e, (uint32_t)off, (uint32_t)end);
	}
	if (UVM_ET_ISSUBMAP(e) || obj == NULL)
		return;
	if (UVM_OBJ_IS_AOBJ(obj) && !UVM_OBJ_IS_KERN(obj) &&
	    !audit_pool_live(audit.au_pool.aobj, obj))
		entry_wrong(map, e, "its object is not in use");
	else
		audit_ref(obj, e, 0, 0);
}

/* -- One map --------------------------------------------------------------------------- */

static void
check_state(struct vm_map *map)
{
	audit_rwlock(&map->vm_lock, "map", map);
	audit_mutex(&map->vm_mtx, "map", map);
	if ((map->flags & (VM_MAP_BUSY | VM_MAP_WANTLOCK)) != 0 ||
	    map->vm_busy != NULL)
		audit_bad("map %p: flags is %#x, vm_busy %p", map, map->flags,
		    map->vm_busy);
	if (map->vm_head.start != map->max_offset ||
	    map->vm_head.end != map->min_offset)
		audit_bad("map %p: the head says [%#lx, %#lx), bounds are "
			  "[%#lx, %#lx)",
		    map, map->vm_head.end, map->vm_head.start, map->min_offset,
		    map->max_offset);
}

/* => TRUE: its list can be followed */
static bool
check_map(struct vm_map *map)
{
	struct mapwalk mw = { .map = map, .ok = true };
	struct vm_map_entry *e;

	if ((map->flags & VM_MAP_INTRSAFE) == 0) {
		mw.pool = audit.au_pool.entry;
		audit.au_entries += map->nentries;
	}
	if (vm_map_is_kernel(map))
		audit.au_kentries += map->nentries;
	check_state(map);
	check_list(&mw);
	if (!mw.ok)
		return false;
	check_order(&mw);
	VM_MAP_FOREACH (e, map) {
		check_rights(map, e);
		check_type(map, e);
		check_backing(map, e);
	}
	return mw.ok;
}

/* -- All of them ------------------------------------------------------------------------- */

static void (*foreach_fn)(struct vm_map *map); /* of audit_map_foreach */

static void
each_space(void *item)
{
	foreach_fn(&((struct vmspace *)item)->vm_map);
}

static void
each_submap(struct vm_map *map)
{
	struct vm_map_entry *e;

	foreach_fn(map);
	VM_MAP_FOREACH (e, map)
		if (UVM_ET_ISSUBMAP(e) && e->object.sub_map != NULL)
			each_submap(e->object.sub_map);
}

void
audit_map_foreach(void (*fn)(struct vm_map *map))
{
	foreach_fn = fn;
	each_submap(kernel_map);
	audit_pool_items(audit.au_pool.space, each_space);
}

static void
check_kernel_map(struct vm_map *map)
{
	struct vm_map_entry *e;
	bool pooled = audit_pool_live(audit.au_pool.map, map);

	audit.au_submaps += pooled;
	if (!check_map(map))
		return;
	if (map->pmap != pmap_kernel())
		audit_bad("map %p: a kernel map with pmap %p", map, map->pmap);
	VM_MAP_FOREACH (e, map)
		if (UVM_ET_ISSUBMAP(e) && e->object.sub_map != NULL) {
			check_kernel_map(e->object.sub_map);
			audit_ref(e->object.sub_map, e, 0, 0);
		}
}

static void
check_space(void *item)
{
	struct vmspace *vm = item;

	audit.au_spaces++;
	if ((vm->vm_map.flags & VM_MAP_ISVMSPACE) == 0)
		audit_bad("vmspace %p: its map is no VM_MAP_ISVMSPACE", vm);
	audit_rwlock(&vm->vm_brklock, "vmspace", vm);
	(void)check_map(&vm->vm_map);
}

/* Processes hold references; whoever else does is not known. */
static void
check_space_refs(void *item)
{
	struct vmspace *vm = item;
	size_t n;

	(void)audit_ref_find(vm, &n);
	if (vm->vm_refcnt < MAX((int)n, 1))
		audit_bad("vmspace %p: vm_refcnt is %d, %lu processes use it",
		    vm, vm->vm_refcnt, (u_long)n);
}

static void
count_processes(void)
{
	struct pool *pool = audit.au_pool.space;
	struct process *pr;

	LIST_FOREACH (pr, &allprocess, ps_list) {
		if (pr->ps_vmspace == NULL)
			continue;
		if (audit_pool_live(pool, pr->ps_vmspace))
			audit_ref(pr->ps_vmspace, NULL, 0, 0);
		else
			audit_bad("process %d: its vmspace %p is not in use",
			    pr->ps_pid, pr->ps_vmspace);
	}
}

static void
check_submap_refs(struct vm_map *map)
{
	size_t n;

	if (map == kernel_map || !vm_map_is_kernel(map))
		return;
	(void)audit_ref_find(map, &n);
	if (map->ref_count < (int)n ||
	    (map->ref_count != (int)n &&
		audit_pool_live(audit.au_pool.map, map)))
		audit_bad("map %p: ref_count is %d, %lu entries refer to it",
		    map, map->ref_count, (u_long)n);
}

/* -- Objects' references ---------------------------------------------------------------- */

static void
check_object_refs(void *item)
{
	struct uvm_object *obj = item;
	long others = -1;
	size_t n;

	(void)audit_ref_find(obj, &n);
	if (audit_known.object_holders != NULL)
		others = audit_known.object_holders(obj);
	if (obj->uo_refs < (long)n ||
	    (others >= 0 && obj->uo_refs != (long)n + others))
		audit_bad("object %p: uo_refs is %d, should be %lu %s", obj,
		    obj->uo_refs, (u_long)n + (others >= 0 ? others : 0),
		    others >= 0 ? "exactly" : "or more");
}

void
audit_maps(void)
{
	check_kernel_map(kernel_map);
	audit_pool_items(audit.au_pool.space, check_space);
	count_processes();
	audit_ref_sort();
	audit_pool_items(audit.au_pool.space, check_space_refs);
	audit_pool_items(audit.au_pool.aobj, check_object_refs);
	audit_map_foreach(check_submap_refs);
}
