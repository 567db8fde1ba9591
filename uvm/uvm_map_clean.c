/*
 * Contents of a range: flush, deactivate, discard, make resident.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_vnode.h>

/* -- Discarding ---------------------------------------------------------------- */

/*
 * Has another map a part of [start, end) of this entry's memory?  The amap's
 * own flag stays for as long as more than one entry refers to it, be they all
 * of one map.
 * => map locked, the entry has an amap, locked either way
 */
bool
uvm_map_amap_shared(const struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	struct vm_amap *amap = e->aref.ar_amap;
	u_int slot = e->aref.ar_pageoff + (u_int)atop(start - e->start);

	return (amap->am_flags & AMAP_SHARED) != 0 &&
	    !amap_cover_single(
		&amap->am_cover, slot, slot + (u_int)atop(end - start));
}

/* Private memory whose amap a relative still uses: leave it to him. */
static void
discard_needscopy(
    vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	struct vm_amap *amap;

	uvm_map_clip_start(map, e, start);
	uvm_map_clip_end(map, e, end);
	if (!MUTANT(DISCARD_NEEDSCOPY_MAPPED))
		pmap_remove(map->pmap, start, end);
	amap = e->aref.ar_amap;
	e->aref.ar_amap = NULL;
	amap_unref(amap, e->aref.ar_pageoff, (u_int)atop(end - start), 0);
	e->aref.ar_pageoff = 0;
}

/*
 * => map write-locked on entry and exit; [start, end) lies in e; the gate was
 *    asked; private memory is freed, shared memory only unmapped; the entry may
 *    be clipped to the range
 */
void
uvm_map_discard(
    vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	struct vm_amap *amap = e->aref.ar_amap;

	KASSERT(start >= e->start && end <= e->end);
	if (pmap_wired_count(map->pmap) != 0)
		uvm_fault_unwire_locked(map, start, end); /* uvm_vslock */
	if (amap == NULL) {
		if (UVM_ET_ISOBJ(e))
			pmap_remove(map->pmap, start, end);
		return;
	}
	if (UVM_ET_ISNEEDSCOPY(e)) {
		discard_needscopy(map, e, start, end);
		return;
	}
	if (!MUTANT(DISCARD_LEAVES_MAPPED))
		pmap_remove(map->pmap, start, end);
	if (!UVM_ET_ISCOPYONWRITE(e))
		return;
	amap_lock_write(amap);
	if (!uvm_map_amap_shared(e, start, end) || MUTANT(DISCARD_SHARED))
		amap_discard(
		    &e->aref, start - e->start, (u_int)atop(end - start));
	amap_unlock(amap);
}

/* -- Flushing ------------------------------------------------------------------- */

/* The anonymous pages of [start, end) become candidates for reclaim. */
static void
deactivate_anons(struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	struct vm_amap *amap = e->aref.ar_amap;
	u_int slot = e->aref.ar_pageoff + (u_int)atop(start - e->start);
	u_int stop = slot + (u_int)atop(end - start);
	struct vm_anon *anon;
	struct vm_page *pg;

	amap_lock_write(amap);
	for (; (anon = amap_next(amap, &slot, stop)) != NULL; slot++) {
		pg = anon->an_page;
		if (pg == NULL || pg->wire_count != 0 || pg->loan_count != 0 ||
		    (pg->pg_flags & PG_BUSY))
			continue;
		/* without its mappings, so that the next touch is noticed */
		pmap_page_protect(pg, PROT_NONE);
		uvm_pagedeactivate(pg);
	}
	amap_unlock(amap);
}

/* => 0; EIO: what was to be written could not be */
static int
flush_entry(struct vm_map_entry *e, vaddr_t start, vaddr_t end, int flags)
{
	struct uvm_object *uobj = e->object.uvm_obj;
	voff_t from = e->offset + (voff_t)(start - e->start);
	boolean_t ok;

	if (!UVM_ET_ISOBJ(e) || uobj->pgops->pgo_flush == NULL)
		return 0;
	/* Private memory: the object's pages are others' too. */
	if (UVM_ET_ISCOPYONWRITE(e))
		flags &= ~(PGO_FREE | PGO_INVALIDATE);
	if ((flags &
		(PGO_CLEANIT | PGO_FREE | PGO_DEACTIVATE | PGO_INVALIDATE)) ==
	    0)
		return 0;
	rw_enter_write(&uobj->uo_lock);
	ok = uobj->pgops->pgo_flush(
	    uobj, from, from + (voff_t)(end - start), flags);
	rw_exit(&uobj->uo_lock);
	if (ok && (flags & PGO_CLEANIT) && (flags & PGO_SYNCIO) &&
	    UVM_OBJ_IS_VNODE(uobj) && !UVM_ET_ISCOPYONWRITE(e))
		return uvn_fsync(uobj);
	return ok ? 0 : EIO;
}

/*
 * The pager waits for busy pages, and a fault that keeps one busy waits for
 * the map's lock: so without it.  The map is busy instead, its entries stay.
 */
int
uvm_map_flush(vm_map_t map, vaddr_t start, vaddr_t end, int flags)
{
	struct vm_map_entry *e;
	int error = 0;

	vm_map_busy(map);
	vm_map_unlock(map);
	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next)
		if (flush_entry(
			e, MAX(start, e->start), MIN(end, e->end), flags) != 0)
			error = EIO; /* whatever it was */
	vm_map_lock(map);
	vm_map_unbusy(map);
	return error;
}

static int
clean_check(vm_map_t map, vaddr_t start, vaddr_t end, int flags)
{
	struct vm_map_entry *e;
	int error = 0;

	if (!uvm_map_covered(map, start, end))
		return EFAULT;
	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end && error == 0;
	     e = e->me_next) {
		if (UVM_ET_ISSUBMAP(e) ||
		    ((flags & PGO_FREE) && VM_MAPENT_ISWIRED(e)))
			return EINVAL;
		if (flags & PGO_FREE)
			error = uvm_map_gate(map, e, UVM_CHANGE_DISCARD, 0);
	}
	return error;
}

/*
 * Flush (PGO_CLEANIT, PGO_SYNCIO), deactivate (PGO_DEACTIVATE) or free
 * (PGO_FREE; PGO_INVALIDATE: only clean pages of files) the pages of a range.
 * => map unlocked; 0; EFAULT: a hole; EINVAL: a submap, or FREE of wired
 *    memory; EPERM: FREE of immutable memory; nothing was done then
 * => EIO: something could not be written, which is said once
 */
int
uvm_map_clean(vm_map_t map, vaddr_t start, vaddr_t end, int flags)
{
	struct vm_map_entry *e;
	bool objects = false;
	vaddr_t from, to;
	int error;

	vm_map_lock(map);
	error = clean_check(map, start, end, flags);
	for (e = uvm_map_first(map, start);
	     error == 0 && e != &map->vm_head && e->start < end;
	     e = e->me_next) {
		from = MAX(start, e->start);
		to = MIN(end, e->end);
		objects |= UVM_ET_ISOBJ(e);
		if (flags & PGO_FREE)
			uvm_map_discard(map, e, from, to);
		else if ((flags & PGO_DEACTIVATE) && e->aref.ar_amap != NULL)
			deactivate_anons(e, from, to);
	}
	if (error == 0 && objects)
		error = uvm_map_flush(map, start, end, flags);
	vm_map_unlock(map);
	return error;
}

/* -- Untouched memory --------------------------------------------------------------- */

/* Over an object no page of zeros is ever mapped. */
void
uvm_map_unshare_zero(vm_map_t map, struct vm_map_entry *e)
{
	struct vm_amap *amap = e->aref.ar_amap;
	u_int first = e->aref.ar_pageoff, slot = first, from = first;
	u_int end = first + (u_int)atop(e->end - e->start);

	if (!UVM_ET_ISCOPYONWRITE(e) || UVM_ET_ISOBJ(e) ||
	    MUTANT(ZERO_PAGE_LEFT))
		return;
	amap_lock_read(amap);
	for (;; from = ++slot) {
		if (amap_next(amap, &slot, end) == NULL)
			slot = end;
		if (from < slot)
			pmap_remove(map->pmap, e->start + ptoa(from - first),
			    e->start + ptoa(slot - first));
		if (slot == end)
			break;
	}
	amap_unlock(amap);
	pmap_update(map->pmap);
}

/* -- Reading ahead ------------------------------------------------------------------ */

int
uvm_map_fetch(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct uvm_object *uobj;
	struct vm_map_entry *e;
	voff_t from = 0;
	bool covered;
	vaddr_t to;

	vm_map_lock_read(map);
	covered = uvm_map_covered(map, start, end);
	for (; start < end; start = to) {
		e = uvm_map_first(map, start);
		if (e == &map->vm_head || e->start >= end)
			break;
		start = MAX(start, e->start);
		to = MIN(end, e->end);
		if (!UVM_ET_ISOBJ(e) || !UVM_OBJ_IS_VNODE(e->object.uvm_obj))
			continue;
		uobj = e->object.uvm_obj;
		from = e->offset + (voff_t)(start - e->start);
		uobj->pgops->pgo_reference(uobj);
		vm_map_unlock_read(map);
		uvn_fetch(uobj, from, from + (voff_t)(to - start));
		uobj->pgops->pgo_detach(uobj);
		vm_map_lock_read(map);
	}
	vm_map_unlock_read(map);
	return covered ? 0 : ENOMEM;
}

/* -- Making resident --------------------------------------------------------------- */

/*
 * => map unlocked; page by page as by an access; 0 or the errno of the first
 *    fault that fails; what is resident by then stays
 */
int
uvm_map_populate(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t access)
{
	vm_prot_t prot;
	vaddr_t va;
	int error;

	for (va = start; va < end; va += PAGE_SIZE) {
		/* A range may be long, and nobody else gets this hart. */
		if (__predict_false(atomic_load(&curcpu()->ci_resched) != 0))
			preempt();
		if (pmap_probe(map->pmap, va, &prot) &&
		    (prot & access) == access)
			continue;
		error = uvm_fault(map, va, VM_FAULT_INVALID, access);
		if (error != 0)
			return error;
	}
	return 0;
}
