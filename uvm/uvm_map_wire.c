/*
 * Wiring: mlock(2) and kernel memory that must stay resident.
 *
 * An entry counts how often it was wired; its pages are wired once, when the
 * count leaves zero, and unwired by the first unwire, which sets it to zero.
 * Pages are faulted in without the map lock; meanwhile the map is busy, so
 * that its entries stay as they are.
 */
#include <uvm/uvm.h>

/* Inaccessible memory is never wired, a hole has nothing to be wired. */
static inline bool
wirable(const struct vm_map_entry *e)
{
	return e->protection != PROT_NONE && !UVM_ET_ISHOLE(e);
}

/* => map locked; 0; EFAULT: start is not mapped; EINVAL: gap, out of bounds */
static int
check_range(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;

	if (start > end || end > vm_map_max(map))
		return EINVAL;
	if (start == end)
		return 0;
	if (start < vm_map_min(map) || !uvm_map_lookup_entry(map, start, &e) ||
	    UVM_ET_ISHOLE(e))
		return EFAULT;
	return uvm_map_covered(map, start, end) ? 0 : EINVAL;
}

/* => write-locked on entry and exit; what is wired in the range is no more */
void
uvm_map_unwire_range(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;

	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next) {
		if (!VM_MAPENT_ISWIRED(e))
			continue;
		uvm_map_clip_start(map, e, start);
		uvm_map_clip_end(map, e, end);
		e->wired_count = 0;
		uvm_fault_unwire_locked(map, e->start, e->end);
	}
}

/*
 * Entries that are to be wired get their own amaps first: a page copied later
 * would not be the one that was wired.
 */
static int
prepare_entry(vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	uvm_map_clip_start(map, e, start);
	uvm_map_clip_end(map, e, end);
	if (!VM_MAPENT_ISWIRED(e) && UVM_ET_ISNEEDSCOPY(e) &&
	    ((e->max_protection & PROT_WRITE) || !UVM_ET_ISOBJ(e)))
		return amap_copy(map, e, true, false, start, end);
	return 0;
}

/*
 * Fault in what is not wired yet.  The counts rise only when all is wired: the
 * map is busy, so nobody else can wire or unwire meanwhile.
 * => write-locked on entry and exit, not between; the entries before end are
 *    prepared; 0 or errno with nothing wired that was not
 */
static int
fault_range(vm_map_t map, struct vm_map_entry *first, vaddr_t end)
{
	struct vm_map_entry *e, *failed;
	int error = 0;

	vm_map_busy(map);
	vm_map_unlock(map);
	for (e = first; e != &map->vm_head && e->start < end; e = e->me_next) {
		if (!wirable(e) || VM_MAPENT_ISWIRED(e))
			continue;
		error = uvm_fault_wire(map, e->start, e->end, e->protection);
		if (error != 0)
			break;
	}
	failed = e;
	vm_map_lock(map);
	for (e = first; e != failed; e = e->me_next) {
		if (!wirable(e))
			continue;
		if (error == 0)
			e->wired_count++;
		else if (!VM_MAPENT_ISWIRED(e) &&
		    !MUTANT(WIRE_RANGE_ERROR_LEAK))
			uvm_fault_unwire_locked(map, e->start, e->end);
	}
	vm_map_unbusy(map);
	return error;
}

/*
 * => write-locked on entry and exit, not between; 0 or errno with everything
 *    as before, but for clipped entries; holes are passed over
 */
static int
wire_range(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *first = uvm_map_first(map, start), *e;
	int error;

	for (e = first; e != &map->vm_head && e->start < end; e = e->me_next) {
		if (!wirable(e))
			continue;
		error = prepare_entry(map, e, start, end);
		if (error != 0)
			return error;
	}
	return fault_range(map, first, end);
}

/*
 * Wire (new_pageable FALSE) or unwire a range.
 * => lockflags: UVM_LK_ENTER: map write-locked on entry; UVM_LK_EXIT: on exit,
 *    whatever the result; the lock is given up while pages are faulted in
 * => 0; EINVAL, EFAULT: the range; else the errno of a fault; all undone
 */
int
uvm_map_pageable(vm_map_t map, vaddr_t start, vaddr_t end,
    boolean_t new_pageable, int lockflags)
{
	int error = EINVAL;

	if ((lockflags & UVM_LK_ENTER) == 0)
		vm_map_lock(map);
	if (start <= end) {
		start = trunc_page(start);
		end = round_page(end);
		error = check_range(map, start, end);
	}
	if (error == 0 && start < end) {
		if (new_pageable)
			uvm_map_unwire_range(map, start, end);
		else
			error = wire_range(map, start, end);
	}
	if ((lockflags & UVM_LK_EXIT) == 0)
		vm_map_unlock(map);
	return error;
}

/* -- All of a map ------------------------------------------------------------- */

/* Bytes that wiring everything would add. */
static vsize_t
unwired_size(vm_map_t map)
{
	struct vm_map_entry *e;
	vsize_t size = 0;

	VM_MAP_FOREACH (e, map) {
		if (wirable(e) && !VM_MAPENT_ISWIRED(e))
			size += e->end - e->start;
	}
	return size;
}

/* => write-locked; 0 or ENOMEM if wiring `size` more is against the limits */
static int
check_limits(vm_map_t map, vsize_t size, vsize_t limit)
{
	uvmexp_collect();
	if (atop(size) + (vsize_t)uvmexp.wired > (vsize_t)uvmexp.wiredmax)
		return ENOMEM;
	if (limit != 0 && size + ptoa(pmap_wired_count(map->pmap)) > limit)
		return ENOMEM;
	return 0;
}

/*
 * => map unlocked on entry and exit; flags 0: unwire everything; MCL_CURRENT,
 *    MCL_FUTURE as mlockall(2); limit in bytes, 0: none
 * => 0; ENOMEM: above a limit, nothing wired (MCL_FUTURE may be in force);
 *    else the errno of a fault, nothing wired
 */
int
uvm_map_pageable_all(vm_map_t map, int flags, vsize_t limit)
{
	int error = 0;

	vm_map_lock(map);
	if (flags == 0) {
		atomic_and(&map->flags, ~(uint32_t)VM_MAP_WIREFUTURE);
		uvm_map_unwire_range(map, vm_map_min(map), vm_map_max(map));
	}
	if (flags & MCL_FUTURE)
		atomic_or(&map->flags, VM_MAP_WIREFUTURE);
	if (flags & MCL_CURRENT) {
		error = check_limits(map, unwired_size(map), limit);
		if (error == 0)
			error =
			    wire_range(map, vm_map_min(map), vm_map_max(map));
	}
	vm_map_unlock(map);
	return error;
}
