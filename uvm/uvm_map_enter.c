/*
 * uvm_map(): new mappings.
 *
 * First a plan is made: the arguments are checked, a place is found, what has
 * to be allocated is allocated.  That may fail and leaves the map as it was.
 * Then it is carried out, which cannot fail.
 */
#include <uvm/uvm.h>

/* A request and the plan for it; all members belong to the calling thread. */
struct map_plan {
	vm_map_t map; /* [thread] */
	vsize_t size; /* [thread] */
	vsize_t align; /* [thread] 0 or a power of two */
	struct uvm_object *uobj; /* [thread] */
	voff_t offset; /* [thread] as asked, then in the object */
	uvm_flag_t flags; /* [thread] UVM_MAPFLAG word */
	uint16_t etype; /* [thread] */
	uint8_t me_flags; /* [thread] */
	vaddr_t va; /* [thread] hint, then the place */
	struct vm_map_entry *prev; /* [thread] lower neighbour or head */
	struct vm_map_entry *spare; /* [thread] new entry, not on a map yet */
	struct vm_map_entry *dead; /* [thread] replaced entries */
	struct uvm_object
	    *extra; /* [thread] object with a reference too many */
};

/* Arguments that are wrong whatever the map looks like. */
static int
plan_check(const struct map_plan *pl)
{
	uvm_flag_t flags = pl->flags;
	vm_prot_t prot = UVM_PROTECTION(flags);

	if (pl->size == 0 || (pl->size & PAGE_MASK) != 0)
		return EINVAL;
	if (!powerof2(pl->align))
		return EINVAL;
	if ((flags & UVM_FLAG_HOLE) &&
	    (pl->uobj != NULL || (flags & UVM_FLAG_FIXED) == 0 ||
		(flags & (UVM_FLAG_OVERLAY | UVM_FLAG_COPYONW)) != 0))
		return EINVAL;
	if ((flags & UVM_FLAG_FIXED) &&
	    ((pl->va & PAGE_MASK) != 0 ||
		(pl->align > 1 && (pl->va & (pl->align - 1)) != 0)))
		return EINVAL;
	if ((prot & ~UVM_MAXPROTECTION(flags)) != 0)
		return EACCES;
	return 0;
}

static void
plan_type(struct map_plan *pl)
{
	uvm_flag_t flags = pl->flags;

	if (pl->uobj != NULL)
		pl->etype |= UVM_ET_OBJ;
	if (flags & UVM_FLAG_HOLE)
		pl->etype |= UVM_ET_HOLE;
	if (flags & UVM_FLAG_COPYONW) {
		pl->etype |= UVM_ET_COPYONWRITE;
		if ((flags & UVM_FLAG_OVERLAY) == 0)
			pl->etype |= UVM_ET_NEEDSCOPY;
	}
	if (flags & UVM_FLAG_NOMERGE)
		pl->me_flags |= ME_NOMERGE;
	if (flags & UVM_FLAG_STACK)
		pl->me_flags |= ME_STACK;
	if (flags & UVM_FLAG_NOFAULT)
		pl->me_flags |= ME_NOFAULT;
}

/* -- Place --------------------------------------------------------------------- */

vaddr_t (*uvm_prefer_hook)(voff_t hint, vaddr_t va);

/* Where the machine would like va to be, at or above it. */
static vaddr_t
prefer(voff_t hint, vaddr_t va)
{
	if (__predict_false(uvm_prefer_hook != NULL))
		return uvm_prefer_hook(hint, va);
	return PMAP_PREFER(hint, va);
}

/* FIXED: the range as given, if it is free (or may be made so). */
static int
place_fixed(struct map_plan *pl)
{
	vm_map_t map = pl->map;
	vaddr_t end = pl->va + pl->size;
	struct vm_map_entry *e;
	int error;

	if (end <= pl->va || pl->va < vm_map_min(map) || end > vm_map_max(map))
		return ENOMEM;
	if (!uvm_map_lookup_entry(map, pl->va, &e)) {
		pl->prev = e;
		if (e->me_next->start >= end)
			return 0;
		e = e->me_next;
	}
	if ((pl->flags & UVM_FLAG_UNMAP) == 0)
		return ENOMEM;
	for (; e != &map->vm_head && e->start < end; e = e->me_next) {
		error = uvm_map_gate(map, e, UVM_CHANGE_UNMAP, 0);
		if (error != 0)
			return error;
	}
	pl->prev = NULL; /* known when the range is free */
	return 0;
}

/* One search: at or above `from`, then from the start of the map. */
static bool
search(struct map_plan *pl, vsize_t size, vaddr_t from, vaddr_t *vap)
{
	vm_map_t map = pl->map;
	vaddr_t min = vm_map_min(map), max = vm_map_max(map);

	if (map->flags & VM_MAP_TOPDOWN) {
		if (from > min && size <= max - from &&
		    uvm_maptree_find(
			map, size, pl->align, min, from + size, true, vap))
			return true;
		return uvm_maptree_find(
		    map, size, pl->align, min, max, true, vap);
	}
	if (from > min && from < max &&
	    uvm_maptree_find(map, size, pl->align, from, max, false, vap))
		return true;
	return uvm_maptree_find(map, size, pl->align, min, max, false, vap);
}

/*
 * Not FIXED: the lowest free range at or above the hint.  The machine may
 * prefer another address for its caches, which then has to be free too.
 */
static int
place_search(struct map_plan *pl)
{
	vaddr_t from = trunc_page(pl->va), va, want;
	vsize_t guard = pl->flags & UVM_FLAG_STACK ? UVM_STACK_GUARD : 0;
	bool picky = pl->offset != UVM_UNKNOWN_OFFSET;
	int tries = 16;

	if (guard != 0 && pl->align > guard)
		guard = pl->align; /* the place above it is aligned too */
	if (picky)
		from = prefer(pl->offset, from);
	do {
		if (pl->size + guard < pl->size ||
		    !search(pl, pl->size + guard, from, &va))
			return ENOMEM;
		va += guard;
		want = picky ? prefer(pl->offset, va) : va;
		from = want;
	} while (want != va && --tries > 0);
	pl->va = va;
	uvm_map_lookup_entry(pl->map, va, &pl->prev);
	return 0;
}

/* The offset of the entry, now that the place is known (D37). */
static void
plan_offset(struct map_plan *pl)
{
	if (pl->uobj == NULL)
		pl->offset = 0;
	else if (pl->offset == UVM_UNKNOWN_OFFSET)
		pl->offset = (voff_t)(pl->va -
		    (UVM_OBJ_IS_KERN(pl->uobj) ? vm_map_min(kernel_map)
					       : vm_map_min(pl->map)));
}

/* -- Merging --------------------------------------------------------------------- */

/* Same attributes, so that one entry could stand for e and the request? */
static bool
compatible(const struct map_plan *pl, const struct vm_map_entry *e)
{
	uvm_flag_t flags = pl->flags;

	return (e->etype & ~UVM_ET_NEEDSCOPY) ==
	    (pl->etype & ~UVM_ET_NEEDSCOPY) &&
	    (e->me_flags & ~ME_STATIC) == 0 && pl->me_flags == 0 &&
	    e->object.uvm_obj == pl->uobj && !VM_MAPENT_ISWIRED(e) &&
	    e->protection == UVM_PROTECTION(flags) &&
	    (e->max_protection == UVM_MAXPROTECTION(flags) ||
		MUTANT(MERGE_MAXPROT)) &&
	    (e->inheritance == UVM_INHERIT(flags) || MUTANT(MERGE_INHERIT)) &&
	    e->advice == UVM_ADVICE(flags);
}

/* e stands for the request too; it has its reference to the object already. */
static void
merged(struct map_plan *pl, struct vm_map_entry *e)
{
	if (!UVM_ET_ISHOLE(e))
		pl->map->size += pl->size;
	uvm_maptree_resize(pl->map, e);
	if (!MUTANT(MERGE_KEEPS_REF))
		pl->extra = pl->uobj;
}

/*
 * Extend the lower neighbour upwards?  An entry with an amap is extended only
 * when growth is announced (AMAPPAD: brk memory): anything else that comes
 * and goes is cheaper in an entry of its own.
 */
static bool
merge_below(struct map_plan *pl)
{
	struct vm_map_entry *e = pl->prev;
	struct vm_amap *amap = e->aref.ar_amap;

	if (e == &pl->map->vm_head || e->end != pl->va || !compatible(pl, e))
		return false;
	if (pl->uobj != NULL &&
	    e->offset + (voff_t)(e->end - e->start) != pl->offset &&
	    !MUTANT(MERGE_OFFSET))
		return false;
	if (amap == NULL) {
		if (pl->flags & UVM_FLAG_OVERLAY ||
		    ((e->etype ^ pl->etype) & UVM_ET_NEEDSCOPY))
			return false;
	} else {
		/* Nobody but this entry can raise a count of one. */
		if ((pl->flags & UVM_FLAG_AMAPPAD) == 0 || amap->am_ref != 1 ||
		    UVM_ET_ISNEEDSCOPY(e) ||
		    amap_extend(e, (u_int)atop(pl->size)) != 0)
			return false;
	}
	e->end += pl->size;
	merged(pl, e);
	return true;
}

/* Extend the upper neighbour downwards?  Without amaps only. */
static bool
merge_above(struct map_plan *pl)
{
	struct vm_map_entry *e = pl->prev->me_next;

	if (e == &pl->map->vm_head || e->start != pl->va + pl->size ||
	    !compatible(pl, e) || e->aref.ar_amap != NULL ||
	    (pl->flags & UVM_FLAG_OVERLAY) || e->etype != pl->etype)
		return false;
	if (pl->uobj != NULL) {
		if (e->offset != pl->offset + (voff_t)pl->size)
			return false;
		e->offset = pl->offset;
	}
	e->start = pl->va;
	merged(pl, e);
	return true;
}

/* -- New entry --------------------------------------------------------------------- */

static int
plan_alloc(struct map_plan *pl)
{
	bool nosleep = (pl->flags & UVM_FLAG_TRYLOCK) != 0;
	struct vm_map_entry *e;

	e = uvm_mapent_alloc(pl->map, nosleep);
	if (e == NULL)
		return ENOMEM;
	if (pl->flags & UVM_FLAG_OVERLAY) {
		/* Room to grow (AMAPPAD) needs none now: storage is sparse. */
		e->aref.ar_amap = amap_alloc((u_int)atop(pl->size), !nosleep);
		if (e->aref.ar_amap == NULL) {
			uvm_mapent_free(e);
			return ENOMEM;
		}
	}
	pl->spare = e;
	return 0;
}

static void
plan_discard(struct map_plan *pl)
{
	struct vm_map_entry *e = pl->spare;

	if (e == NULL)
		return;
	if (e->aref.ar_amap != NULL)
		amap_unref(e->aref.ar_amap, 0, (u_int)atop(pl->size), 0);
	uvm_mapent_free(e);
	pl->spare = NULL;
}

/* Commit: the planned entry goes on the map. */
static void
enter_entry(struct map_plan *pl)
{
	struct vm_map_entry *e = pl->spare;
	uvm_flag_t flags = pl->flags;

	e->start = pl->va;
	e->end = pl->va + pl->size;
	e->object.uvm_obj = pl->uobj;
	e->offset = pl->offset;
	e->etype = pl->etype;
	e->me_flags |= pl->me_flags;
	e->protection = (uint8_t)UVM_PROTECTION(flags);
	e->max_protection = (uint8_t)UVM_MAXPROTECTION(flags);
	e->inheritance = (uint8_t)UVM_INHERIT(flags);
	e->advice = (uint8_t)UVM_ADVICE(flags);
	uvm_mapent_link(pl->map, pl->prev, e);
	pl->spare = NULL;
}

/* Map locked: find the place and map. */
static int
plan_execute(struct map_plan *pl)
{
	bool replace = false;
	int error;

	error = pl->flags & UVM_FLAG_FIXED ? place_fixed(pl) : place_search(pl);
	if (error != 0)
		return error;
	plan_offset(pl);
	if (pl->prev == NULL) {
		replace = true;
		error = plan_alloc(pl);
		if (error != 0)
			return error;
		uvm_unmap_remove(pl->map, pl->va, pl->va + pl->size, &pl->dead);
		uvm_map_lookup_entry(pl->map, pl->va, &pl->prev);
	}
	if (merge_below(pl) || merge_above(pl))
		return 0;
	if (!replace && (error = plan_alloc(pl)) != 0)
		return error;
	enter_entry(pl);
	return 0;
}

/*
 * WIREFUTURE: the new range has to be resident.  Map write-locked; on failure
 * it is unmapped again and the object's reference goes back to the caller.
 */
static int
wire_new(struct map_plan *pl)
{
	vm_map_t map = pl->map;
	vaddr_t end = pl->va + pl->size;
	int error;

	error = uvm_map_pageable(
	    map, pl->va, end, FALSE, UVM_LK_ENTER | UVM_LK_EXIT);
	if (error != 0) {
		if (pl->uobj != NULL && pl->extra == NULL)
			pl->uobj->pgops->pgo_reference(pl->uobj);
		uvm_unmap_remove(map, pl->va, end, &pl->dead);
	}
	return error;
}

/*
 * Establish a mapping (UVM-API.md 1.3).
 * => map unlocked; may sleep unless UVM_FLAG_TRYLOCK or an interrupt-safe map
 * => size in bytes, page multiple; *startp: hint or (FIXED) address in,
 *    address out
 * => 0: the caller's reference to uobj is the map's; errors leave it alone:
 *    EACCES, ENOMEM, EFAULT (TRYLOCK), EINVAL; EPERM: UNMAP of immutable memory
 */
int
uvm_map(vm_map_t map, vaddr_t *startp, vsize_t size, struct uvm_object *uobj,
    voff_t uoffset, vsize_t alignment, uvm_flag_t flags)
{
	struct map_plan plan = { .map = map,
		.size = size,
		.align = alignment,
		.uobj = uobj,
		.offset = uoffset,
		.flags = flags,
		.va = *startp };
	int error;

	error = plan_check(&plan);
	if (error != 0)
		return error;
	plan_type(&plan);
	if ((flags & UVM_FLAG_TRYLOCK) == 0)
		vm_map_lock(map);
	else if (!vm_map_lock_try(map))
		return EFAULT;
	error = plan_execute(&plan);
	if (error == 0 && (map->flags & VM_MAP_WIREFUTURE) &&
	    (flags & UVM_FLAG_HOLE) == 0 && UVM_PROTECTION(flags) != 0)
		error = wire_new(&plan);
	vm_map_unlock(map);

	plan_discard(&plan);
	uvm_unmap_detach(plan.dead);
	if (error != 0)
		return error;
	if (plan.extra != NULL)
		plan.extra->pgops->pgo_detach(plan.extra);
	*startp = plan.va;
	return 0;
}

/*
 * Where would uvm_map() put size bytes?  Maps nothing.
 * => map locked, either way; *vap: hint or (fixed) address in, address out
 * => 0; ENOMEM: no room, or fixed and the range is not free
 */
int
uvm_map_query_locked(
    vm_map_t map, vaddr_t *vap, vsize_t size, voff_t uoffset, bool fixed)
{
	struct map_plan plan = {
		.map = map, .size = size, .offset = uoffset, .va = *vap
	};
	int error;

	error = fixed ? place_fixed(&plan) : place_search(&plan);
	if (error == 0)
		*vap = plan.va;
	return error;
}

/* => as uvm_map_query_locked(), map unlocked */
int
uvm_map_query(
    vm_map_t map, vaddr_t *vap, vsize_t size, voff_t uoffset, bool fixed)
{
	int error;

	vm_map_lock_read(map);
	error = uvm_map_query_locked(map, vap, size, uoffset, fixed);
	vm_map_unlock_read(map);
	return error;
}
