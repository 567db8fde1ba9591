/*
 * mremap(): mappings grow, shrink and move, with what is mapped in them; no
 * byte is copied and no page faults again.
 *
 * First everything that may fail is found out or allocated, then entries and
 * mappings go; one lock of the map covers both.
 */
#include <sys/syscall.h>
#include <uvm/uvm.h>
#include <uvm/uvm_mman.h>

/* A call; all members belong to the calling thread. */
struct remap {
	vm_map_t map; /* [thread] */
	struct proc *p; /* [thread] whose limits count, or NULL */
	vaddr_t old, to; /* [thread] */
	vsize_t osize, nsize; /* [thread] */
	int flags; /* [thread] MREMAP_* */
	struct uvm_mapent_chain chain; /* [thread] entries for the place */
	struct vm_map_entry *spare; /* [thread] of what is added, if apart */
	struct vm_map_entry *stay; /* [thread] what DONTUNMAP leaves there */
	struct vm_map_entry *dead; /* [thread] what was unmapped */
	vaddr_t wire; /* [thread] from there to the end, wire it; 0: nothing */
};

static inline bool
is_private_anon(const struct vm_map_entry *e)
{
	return UVM_ET_ISCOPYONWRITE(e) && !UVM_ET_ISOBJ(e);
}

/* Are the entry and the next one parts of what a program sees as one mapping? */
static bool
goes_on(vm_map_t map, const struct vm_map_entry *e)
{
	const struct vm_map_entry *n = e->me_next;
	const u_int flags = ME_NODUMP | ME_IMMUTABLE;

	if (n == &map->vm_head || e->end != n->start ||
	    ((e->etype ^ n->etype) & ~UVM_ET_NEEDSCOPY) != 0 ||
	    e->object.uvm_obj != n->object.uvm_obj)
		return false;
	if (UVM_ET_ISOBJ(e) &&
	    e->offset + (voff_t)(e->end - e->start) != n->offset &&
	    !MUTANT(MREMAP_ANY_OFFSET))
		return false;
	return e->protection == n->protection &&
	    e->max_protection == n->max_protection &&
	    e->inheritance == n->inheritance && e->advice == n->advice &&
	    ((e->me_flags ^ n->me_flags) & flags) == 0;
}

/* => map locked; 0 or EPERM: something in the range may not be unmapped */
static int
check_unmap(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;
	int error = 0;

	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end && error == 0; e = e->me_next)
		error = uvm_map_gate(map, e, UVM_CHANGE_UNMAP, 0);
	return error;
}

/* -- Limits ------------------------------------------------------------------------- */

/* Bytes that the map will have more when it is done. */
static vsize_t
added(const struct remap *rm)
{
	vsize_t n = rm->nsize;

	if ((rm->flags & MREMAP_DONTUNMAP) == 0)
		n -= rm->osize;
	if (rm->flags & MREMAP_FIXED)
		n -= MIN(n,
		    uvm_map_mapped_bytes(rm->map, rm->to, rm->to + rm->nsize));
	return n;
}

/* => 0; EAGAIN: wired memory; ENOMEM: address space */
static int
check_limits(const struct remap *rm, bool wired)
{
	vsize_t more = rm->nsize - rm->osize;

	if (rm->p == NULL)
		return 0;
	if (wired && more != 0 && uvm_mlock_allowed(rm->p, more) != 0)
		return EAGAIN;
	return uvm_size_allowed(rm->p, added(rm)) || MUTANT(MREMAP_NO_RLIMIT)
	    ? 0
	    : ENOMEM;
}

/* May what begins like `last' become so large? => 0, EINVAL, EFAULT */
static int
check_larger(const struct remap *rm, const struct vm_map_entry *last)
{
	vsize_t more = rm->nsize - rm->osize;
	voff_t end;

	if (!UVM_ET_ISOBJ(last) || more == 0)
		return 0;
	end = last->offset + (voff_t)(rm->old + rm->osize - last->start);
	if ((voff_t)more > INT64_MAX - end)
		return EINVAL;
	/* a device has no more registers than it was mapped with */
	return last->object.uvm_obj->pgops->pgo_fault != NULL ? EFAULT : 0;
}

/*
 * Is the source one mapping, and may this be done to it?
 * => 0 and the entry of its last page; EFAULT: no; EINVAL: not with these
 *    flags; EPERM: immutable; EAGAIN, ENOMEM: limits
 */
static int
check_source(
    struct remap *rm, struct vm_map_entry *e, struct vm_map_entry **lastp)
{
	vaddr_t end = rm->old + rm->osize;
	bool wired;
	int error;

	if (rm->osize == 0 && UVM_ET_ISCOPYONWRITE(e))
		return EINVAL;
	if ((rm->flags & MREMAP_DONTUNMAP) && !is_private_anon(e))
		return EINVAL;
	for (; e->end < end; e = e->me_next)
		if (!goes_on(rm->map, e))
			return EFAULT;
	error = check_unmap(rm->map, rm->old, end);
	if (error == 0)
		error = check_larger(rm, e);
	wired = VM_MAPENT_ISWIRED(e) || (rm->map->flags & VM_MAP_WIREFUTURE);
	if (error == 0)
		error = check_limits(rm, wired);
	if (wired && rm->nsize != rm->osize)
		rm->wire = end; /* in the source; see place_wire() */
	*lastp = e;
	return error;
}

/* -- What is added ------------------------------------------------------------------ */

/*
 * Can the last entry itself become larger?  What is wired cannot: what is added
 * is not, yet.
 * => its amap is as large as it will have to be, then
 */
static bool
extend_last(const struct remap *rm, struct vm_map_entry *last)
{
	struct vm_amap *amap = last->aref.ar_amap;

	if (rm->osize == 0 || rm->wire != 0 || last->end != rm->old + rm->osize)
		return false;
	if (amap == NULL)
		return true;
	/* Nobody but this entry can raise a count of one. */
	return amap->am_ref == 1 && !UVM_ET_ISNEEDSCOPY(last) &&
	    amap_extend(last, (u_int)atop(rm->nsize - rm->osize)) == 0;
}

/* An entry of size bytes for what follows the source. => NULL: no memory */
static struct vm_map_entry *
make_added(const struct remap *rm, const struct vm_map_entry *last)
{
	vsize_t size = rm->nsize - rm->osize;
	struct vm_map_entry *n = uvm_mapent_alloc(rm->map, false);

	if (n == NULL)
		return NULL;
	*n = *last;
	n->start = 0;
	n->end = size;
	n->me_next = NULL;
	n->aref = (struct vm_aref){ 0 };
	n->wired_count = 0;
	n->me_flags &= ME_NODUMP;
	if (UVM_ET_ISCOPYONWRITE(n))
		n->etype |= UVM_ET_NEEDSCOPY;
	if (UVM_ET_ISOBJ(n)) {
		if (!MUTANT(MREMAP_ADDS_FIRST_PAGE))
			n->offset +=
			    (voff_t)(rm->old + rm->osize - last->start);
		uvm_mapent_ref_object(n);
	} else if (!UVM_ET_ISCOPYONWRITE(n)) {
		n->aref.ar_amap = amap_alloc((u_int)atop(size), true);
		if (n->aref.ar_amap == NULL) {
			uvm_mapent_free(n);
			return NULL;
		}
	}
	return n;
}

/* => 0 and either room in the last entry or rm->spare; ENOMEM */
static int
plan_added(struct remap *rm, struct vm_map_entry *last)
{
	if (rm->nsize == rm->osize || extend_last(rm, last))
		return 0;
	rm->spare = make_added(rm, last);
	return rm->spare == NULL ? ENOMEM : 0;
}

/*
 * Commit: behind `last', which may be in another place by now.
 * => map write-locked; the range is free
 */
static void
add(struct remap *rm, struct vm_map_entry *last)
{
	vsize_t size = rm->nsize - rm->osize;
	struct vm_map_entry *n = rm->spare;

	if (size == 0)
		return;
	if (n == NULL) {
		last->end += size;
		if (!MUTANT(MREMAP_SIZE_DRIFT))
			rm->map->size += size;
		uvm_maptree_resize(rm->map, last);
		return;
	}
	n->start = last->end;
	n->end = n->start + size;
	uvm_mapent_link(rm->map, last, n);
	rm->spare = NULL;
}

/* -- Moving ------------------------------------------------------------------------- */

/* => 0 and rm->to, free or, FIXED, to be made so; ENOMEM, EPERM */
static int
find_place(struct remap *rm)
{
	vaddr_t va = rm->to;

	if (rm->flags & MREMAP_FIXED)
		return check_unmap(rm->map, rm->to, rm->to + rm->nsize);
	if ((rm->flags & MREMAP_DONTUNMAP) && va >= vm_map_min(rm->map) &&
	    uvm_map_query_locked(
		rm->map, &va, rm->nsize, UVM_UNKNOWN_OFFSET, true) == 0)
		return 0;
	rm->to = rm->map->vm_base;
	return uvm_map_query_locked(
	    rm->map, &rm->to, rm->nsize, UVM_UNKNOWN_OFFSET, false);
}

/* What stays behind is as it was before anybody touched it. */
static int
plan_stay(struct remap *rm, const struct vm_map_entry *last)
{
	struct vm_map_entry *n = uvm_mapent_alloc(rm->map, false);

	if (n == NULL)
		return ENOMEM;
	*n = *last;
	n->start = rm->old;
	n->end = rm->old + rm->osize;
	n->me_next = NULL;
	n->aref = (struct vm_aref){ 0 };
	if (MUTANT(MREMAP_STAYS_SHARED) && last->aref.ar_amap != NULL) {
		n->aref = last->aref;
		amap_ref(n->aref.ar_amap, n->aref.ar_pageoff,
		    (u_int)atop(rm->osize), AMAP_SHARED);
	}
	n->etype |= UVM_ET_NEEDSCOPY;
	n->wired_count = 0;
	n->me_flags &= ME_NODUMP;
	rm->stay = n;
	return 0;
}

/*
 * Give the source's ends to entries of their own, and end what uvm_vslock() of
 * other threads wired: they will look for it at the old place.
 * => first entry of the source; *wiredp: is any wired?
 */
static struct vm_map_entry *
cut_out(struct remap *rm, bool *wiredp)
{
	vaddr_t end = rm->old + rm->osize;
	struct vm_map_entry *e, *first = uvm_map_first(rm->map, rm->old);

	*wiredp = false;
	if (!MUTANT(MREMAP_NO_CLIP))
		uvm_map_clip_start(rm->map, first, rm->old);
	for (e = first; e != &rm->map->vm_head && e->start < end;
	     e = e->me_next) {
		uvm_map_clip_end(rm->map, e, end);
		if (VM_MAPENT_ISWIRED(e))
			*wiredp = true;
		else if (pmap_wired_count(rm->map->pmap) != 0)
			uvm_fault_unwire_locked(rm->map, e->start, e->end);
	}
	return first;
}

/*
 * Commit: take the source off, mappings and all, for the new place.
 * => 0; ENOMEM: wired mappings cannot go there, nothing was moved.  Others need
 *    not: they will be faulted in again.
 */
static int
take_source(struct remap *rm)
{
	vaddr_t end = rm->old + rm->osize;
	struct vm_map_entry *e, *next;
	bool wired;
	int error;

	e = cut_out(rm, &wired);
	error = pmap_move(rm->map->pmap, rm->old, rm->to, rm->osize);
	if (error != 0) {
		if (wired)
			return error;
		pmap_remove(rm->map->pmap, rm->old, end);
	}
	pmap_update(rm->map->pmap);
	for (; e != &rm->map->vm_head && e->start < end; e = next) {
		next = e->me_next;
		uvm_mapent_unlink(rm->map, e);
		e->start = rm->to + (e->start - rm->old);
		e->end = rm->to + (e->end - rm->old);
		uvm_mapent_chain_add(&rm->chain, e);
	}
	return 0;
}

static void
link_stay(struct remap *rm)
{
	struct vm_map_entry *prev;

	if (rm->stay == NULL)
		return;
	uvm_map_lookup_entry(rm->map, rm->old, &prev);
	uvm_mapent_link(rm->map, prev, rm->stay);
	rm->stay = NULL;
}

/* What is to be wired, wherever it was: at the new place now. */
static inline void
place_wire(struct remap *rm)
{
	if (rm->wire != 0)
		rm->wire = rm->to + (rm->wire - rm->old);
}

static void
unmap(struct remap *rm, vaddr_t start, vaddr_t end)
{
	if (start < end)
		uvm_unmap_remove(rm->map, start, end, &rm->dead);
}

/* => tail: where the source ended before it was cut to the new size */
static int
move(struct remap *rm, struct vm_map_entry *first, vaddr_t tail)
{
	vaddr_t end = rm->old + rm->osize;
	struct vm_map_entry *last;
	int error;

	error = check_source(rm, first, &last);
	if (error == 0)
		error = check_unmap(rm->map, end, tail);
	if (error == 0)
		error = find_place(rm);
	if (error == 0)
		error = plan_added(rm, last);
	if (error == 0 && (rm->flags & MREMAP_DONTUNMAP))
		error = plan_stay(rm, last);
	if (error != 0)
		return error;
	unmap(rm, end, tail);
	if ((rm->flags & MREMAP_FIXED) && !MUTANT(MREMAP_FIXED_KEEPS))
		unmap(rm, rm->to, rm->to + rm->nsize);
	error = take_source(rm);
	if (error != 0)
		return error;
	add(rm, uvm_mapent_chain_link(rm->map, rm->to, &rm->chain));
	link_stay(rm);
	place_wire(rm);
	return 0;
}

/* -- One mapping more ---------------------------------------------------------------- */

/* => entries that share the source, as far as it goes; 0 or ENOMEM */
static int
share_source(struct remap *rm, struct vm_map_entry **ep)
{
	vaddr_t from = rm->old, end = rm->old + rm->nsize, to;
	struct vm_map_entry *e = *ep, *n;
	int error;

	for (;; e = e->me_next, from = to) {
		to = MIN(e->end, end);
		error = uvm_mapent_share(rm->map, e, from, to, rm->map, &n);
		if (error != 0)
			return error;
		n->start = rm->to + (from - rm->old);
		n->end = rm->to + (to - rm->old);
		uvm_mapent_chain_add(&rm->chain, n);
		if (to == end || !goes_on(rm->map, e))
			break;
	}
	rm->osize = to - rm->old;
	*ep = e;
	return 0;
}

static int
duplicate(struct remap *rm, struct vm_map_entry *e)
{
	struct vm_map_entry *last;
	int error;

	error = check_source(rm, e, &last);
	if (error == 0)
		error = find_place(rm);
	if (error == 0)
		error = share_source(rm, &e);
	if (error == 0 && rm->nsize != rm->osize) {
		rm->spare = make_added(rm, e);
		if (rm->spare == NULL)
			error = ENOMEM;
	}
	if (error != 0)
		return error;
	if (rm->flags & MREMAP_FIXED)
		unmap(rm, rm->to, rm->to + rm->nsize);
	add(rm, uvm_mapent_chain_link(rm->map, rm->to, &rm->chain));
	place_wire(rm);
	return 0;
}

/* -- In place ------------------------------------------------------------------------- */

static int
shrink(struct remap *rm)
{
	vaddr_t start = rm->old + rm->nsize, end = rm->old + rm->osize;
	int error = check_unmap(rm->map, start, end);

	if (error == 0)
		unmap(rm, start, end);
	return error;
}

/* => ENOMEM also: something is in the way */
static int
grow(struct remap *rm, struct vm_map_entry *e)
{
	struct vm_map_entry *last;
	int error;

	error = check_source(rm, e, &last);
	if (error != 0)
		return error;
	if (rm->osize == 0 || last->end != rm->old + rm->osize ||
	    last->me_gap < rm->nsize - rm->osize)
		return ENOMEM;
	error = plan_added(rm, last);
	if (error == 0)
		add(rm, last);
	return error;
}

/* Could grow() do it? => map locked */
static bool
has_room(const struct remap *rm, const struct vm_map_entry *e)
{
	vaddr_t end = rm->old + rm->osize;

	while (e->end < end && e->me_next->start == e->end)
		e = e->me_next;
	return rm->osize != 0 && e->end == end &&
	    e->me_gap >= rm->nsize - rm->osize;
}

/* -- The call -------------------------------------------------------------------------- */

static int
remap_locked(struct remap *rm)
{
	bool elsewhere = (rm->flags & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0;
	vaddr_t tail = rm->old + rm->osize;
	struct vm_map_entry *e;

	if (!uvm_map_lookup_entry(rm->map, rm->old, &e) || UVM_ET_ISHOLE(e) ||
	    UVM_ET_ISSUBMAP(e))
		return EFAULT;
	if (!elsewhere) {
		rm->to = rm->old;
		if (rm->nsize <= rm->osize)
			return shrink(rm);
		if (!(rm->flags & MREMAP_MAYMOVE) || has_room(rm, e))
			return grow(rm, e);
	}
	if (rm->osize == 0)
		return duplicate(rm, e);
	rm->osize = MIN(rm->osize, rm->nsize);
	return move(rm, e, tail);
}

/* => what was planned and is not used goes; map unlocked */
static void
discard(struct remap *rm)
{
	uvm_unmap_detach(rm->chain.mc_first);
	uvm_unmap_detach(rm->spare);
	uvm_unmap_detach(rm->stay);
	uvm_unmap_detach(rm->dead);
}

/*
 * Do what rq says: move, resize, or (osize 0) map once more.
 * => map unlocked, one of a process; may sleep
 * => sizes are whole pages, nsize not 0; FIXED: [to, to + nsize) lies in the
 *    map and the source not in it
 * => 0 and rq->to; EFAULT: the source is not one mapping; EINVAL: the flags are
 *    not for such a mapping, or it would be too long; EPERM: immutable; EAGAIN:
 *    limit of wired memory; ENOMEM: no room or limits.  Nothing has changed
 *    then; but ENOMEM, of wired memory, may come after FIXED has unmapped.
 * => what is added to wired memory is wired if that is possible
 */
int
uvm_map_remap(vm_map_t map, struct proc *p, struct uvm_remap *rq)
{
	struct remap rm = { .map = map,
		.p = p,
		.old = rq->old,
		.to = rq->to,
		.osize = rq->osize,
		.nsize = rq->nsize,
		.flags = rq->flags };
	int error;

	TRACE("uvm_map_remap", map, rq->old);
	KASSERT(((rq->old | rq->osize | rq->nsize) & PAGE_MASK) == 0);
	KASSERT(rq->nsize != 0 && !vm_map_is_kernel(map));
	uvm_mapent_chain_init(&rm.chain);
	vm_map_lock(map);
	error = remap_locked(&rm);
	if (error == 0 && rm.wire != 0 && !MUTANT(MREMAP_GROWS_UNWIRED))
		/* what fails shows at the first access */
		(void)uvm_map_pageable(map, rm.wire, rm.to + rm.nsize, FALSE,
		    UVM_LK_ENTER | UVM_LK_EXIT);
	vm_map_unlock(map);
	discard(&rm);
	if (error == 0)
		rq->to = rm.to;
	return error;
}

/* FIXED, or a hint: is it right by itself? */
static int
check_destination(vm_map_t map, const struct uvm_remap *rq)
{
	vaddr_t max = vm_map_max(map);
	/* a source without size is where it is all the same */
	vaddr_t end = rq->old + MAX(rq->osize, PAGE_SIZE);

	if ((rq->to & PAGE_MASK) != 0 || rq->nsize > max ||
	    rq->to > max - rq->nsize)
		return EINVAL;
	if (end > rq->to && rq->to + rq->nsize > rq->old)
		return EINVAL;
	return (rq->flags & MREMAP_FIXED) && rq->to < vm_map_min(map) ? EPERM
								      : 0;
}

/*
 * mremap(addr, old_len, new_len, flags, new_addr)
 * => EINVAL: arguments; EPERM: a place that is not for programs, or immutable
 *    memory; the others as uvm_map_remap() says
 */
int
sys_mremap(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	const uint64_t known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
	vm_map_t map = &p->p_vmspace->vm_map;
	struct uvm_remap rq = { .old = a[0],
		.osize = round_page(a[1]),
		.nsize = round_page(a[2]),
		.flags = (int)a[3],
		.to = a[4] };
	bool elsewhere = (a[3] & (MREMAP_FIXED | MREMAP_DONTUNMAP)) != 0;
	int error;

	if ((a[3] & ~known) != 0 || (rq.old & PAGE_MASK) != 0 || rq.nsize == 0)
		return EINVAL;
	if (rq.flags != 0 && !(rq.flags & MREMAP_MAYMOVE))
		return EINVAL;
	if ((rq.flags & MREMAP_DONTUNMAP) && rq.osize != rq.nsize)
		return EINVAL;
	/* no mapping goes beyond the end, or around it */
	if (rq.osize > vm_map_max(map) || rq.old > vm_map_max(map) - rq.osize)
		return rq.nsize < rq.osize && !elsewhere ? EINVAL : EFAULT;
	if (elsewhere) {
		error = check_destination(map, &rq);
		if (error != 0)
			return error;
	}
	if (rq.nsize > vm_map_max(map) - vm_map_min(map))
		return ENOMEM;
	error = uvm_map_remap(map, p, &rq);
	if (error == 0)
		*ret = (int64_t)rq.to;
	return error;
}
