/*
 * Maps: life, lock, lookup and unmapping.
 *
 *	uvm_map.c		this file
 *	uvm_maptree.c		order and free space, pure
 *	uvm_map_clip.c		entries: allocation, splitting, references
 *	uvm_map_enter.c		uvm_map(): new mappings
 *	uvm_map_protect.c	rights, inheritance, advice, the gate
 *	uvm_map_wire.c		wiring
 *	uvm_map_clean.c		contents: flush, discard, populate
 *	uvm_map_extract.c	map entry passing
 *	uvm_mremap.c		moving and resizing
 *	uvm_map_info.c		what the sysctl shows
 *	uvm_space.c		address spaces of processes
 */
#include <sys/pool.h>
#include <uvm/uvm.h>

static struct pool map_pool; /* set up once by uvm_map_init */

/* => boot, from uvm_init */
void
uvm_map_init(void)
{
	pool_init(&map_pool, sizeof(struct vm_map), 0, "vmmap");
	uvm_mapent_init();
	uvm_space_init();
}

/*
 * => map not known to anyone; its bounds are [min, max), no entries
 */
void
uvm_map_setup(
    vm_map_t map, struct pmap *pmap, vaddr_t min, vaddr_t max, int flags)
{
	memset(map, 0, sizeof(*map));
	rw_init(&map->vm_lock, flags & VM_MAP_ISVMSPACE ? LR_MAP : LR_KMAP,
	    "vmmap");
	mtx_init(&map->vm_mtx, LR_KMAPINTR, "vmmapintr");
	map->pmap = pmap;
	map->flags = (uint32_t)flags;
	map->ref_count = 1;
	uvm_map_setbounds(map, min, max);
}

/*
 * Give an empty map its bounds.
 * => write-locked, or known to nobody; no entries
 */
void
uvm_map_setbounds(vm_map_t map, vaddr_t min, vaddr_t max)
{
	struct vm_map_entry *head = &map->vm_head;

	KASSERT(map->nentries == 0 && min < max);
	map->min_offset = map->vm_base = min;
	map->max_offset = max;
	head->start = max;
	head->end = min;
	head->me_gap = max - min;
	head->me_next = head->me_prev = head;
	map->vm_root = NULL;
	map->vm_hint = head;
}

/* => thread context; sleeps for memory, never NULL; one reference */
vm_map_t
uvm_map_create(struct pmap *pmap, vaddr_t min, vaddr_t max, int flags)
{
	vm_map_t map = pool_get(&map_pool, PR_WAITOK);

	uvm_map_setup(map, pmap, min, max, flags);
	return map;
}

/*
 * Drop a reference to a map; the last one frees it.
 * => map made by uvm_map_create(), empty if this is the last reference
 */
void
uvm_map_teardown(vm_map_t map)
{
	if (atomic_sub_acq_rel(&map->ref_count, 1) != 1)
		return;
	KASSERT(map->nentries == 0);
	pool_put(&map_pool, map);
}

/* -- Lock -------------------------------------------------------------------- */

/*
 * => write-locked on entry and exit; gives the lock up while another thread
 *    wires pages
 */
void
vm_map_wait_busy(vm_map_t map)
{
	while ((map->flags & VM_MAP_BUSY) && map->vm_busy != curproc) {
		atomic_or(&map->flags, VM_MAP_WANTLOCK);
		rwsleep(&map->flags, &map->vm_lock, PVM, "vmmapbsy", INFSLP);
		if (MUTANT(MAP_BUSY_NO_RECHECK))
			break;
	}
}

/* => write-locked; not busy */
void
vm_map_busy(vm_map_t map)
{
	KASSERT((map->flags & VM_MAP_BUSY) == 0);
	map->vm_busy = curproc;
	atomic_or(&map->flags, VM_MAP_BUSY);
}

/* => write-locked; busy by this thread; wakes who waits */
void
vm_map_unbusy(vm_map_t map)
{
	uint32_t old;

	KASSERT(map->vm_busy == curproc);
	map->vm_busy = NULL;
	old = atomic_and(&map->flags, ~(VM_MAP_BUSY | VM_MAP_WANTLOCK));
	if ((old & VM_MAP_WANTLOCK) && !MUTANT(MAP_UNBUSY_NO_WAKEUP))
		wakeup(&map->flags);
}

/* => TRUE: write-locked; FALSE: someone else has it; never sleeps */
bool
vm_map_lock_try(vm_map_t map)
{
	if (map->flags & VM_MAP_INTRSAFE) {
		if (!mtx_enter_try(&map->vm_mtx))
			return false;
	} else {
		if (rw_enter(&map->vm_lock, RW_WRITE | RW_NOSLEEP) != 0)
			return false;
		if ((map->flags & VM_MAP_BUSY) && map->vm_busy != curproc) {
			rw_exit(&map->vm_lock);
			return false;
		}
	}
	map->timestamp++;
	return true;
}

/*
 * => read-locked; TRUE: write-locked without having been unlocked; FALSE: not
 *    locked any more
 */
bool
vm_map_upgrade(vm_map_t map)
{
	if (map->flags & VM_MAP_INTRSAFE) {
		map->timestamp++;
		return true;
	}
	if (((map->flags & VM_MAP_BUSY) && map->vm_busy != curproc) ||
	    !rw_upgrade_try(&map->vm_lock)) {
		rw_exit(&map->vm_lock);
		return false;
	}
	map->timestamp++;
	return true;
}

/* -- Lookup ------------------------------------------------------------------ */

/*
 * => map locked either way; TRUE: *entryp holds va; FALSE: it is the entry
 *    below va, or the head
 */
boolean_t
uvm_map_lookup_entry(vm_map_t map, vaddr_t va, struct vm_map_entry **entryp)
{
	struct vm_map_entry *e = atomic_load(&map->vm_hint);

	if (va >= e->start && va < e->end) {
		*entryp = e;
		return TRUE;
	}
	e = uvm_maptree_lookup(map, va);
	if (e == NULL) {
		*entryp = &map->vm_head;
		return FALSE;
	}
	*entryp = e;
	if (va >= e->end)
		return FALSE;
	/* Readers may race here: any entry of the map is a good hint. */
	atomic_store(&map->vm_hint, e);
	return TRUE;
}

/* => map locked; the entry that holds va or the next one above, or the head */
struct vm_map_entry *
uvm_map_first(vm_map_t map, vaddr_t va)
{
	struct vm_map_entry *e;

	if (!uvm_map_lookup_entry(map, va, &e))
		e = e->me_next;
	return e;
}

/* => map locked; TRUE: no address of [start, end) lacks an entry with backing */
bool
uvm_map_covered(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e = uvm_map_first(map, start);

	for (; start < end; start = e->end, e = e->me_next) {
		if (e == &map->vm_head || e->start > start || UVM_ET_ISHOLE(e))
			return false;
	}
	return true;
}

/* => map locked; bytes of [start, end) that are mapped */
vsize_t
uvm_map_mapped_bytes(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e;
	vsize_t n = 0;

	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end; e = e->me_next)
		if (!UVM_ET_ISHOLE(e))
			n += MIN(end, e->end) - MAX(start, e->start);
	return n;
}

/*
 * => map locked; TRUE: the whole range is mapped with at least prot; TRUE for
 *    an empty range; never faults
 */
boolean_t
uvm_map_checkprot(
    vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t protection)
{
	struct vm_map_entry *e;

	if (start > end || start < vm_map_min(map) || end > vm_map_max(map))
		return start == end;
	for (e = uvm_map_first(map, start); start < end;
	     start = e->end, e = e->me_next) {
		if (e == &map->vm_head || e->start > start ||
		    UVM_ET_ISHOLE(e) ||
		    (e->protection & protection) != protection)
			return FALSE;
	}
	return TRUE;
}

/* -- Unmapping ----------------------------------------------------------------- */

/* Kernel maps: mappings and, where the map owns them, pages of [start, end). */
static void
unmap_kernel_range(
    vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	struct uvm_object *uobj = e->object.uvm_obj;
	vaddr_t base = vm_map_min(kernel_map);

	if (UVM_ET_ISSUBMAP(e) || UVM_ET_ISHOLE(e))
		return;
	if (map->flags & VM_MAP_INTRSAFE) {
		uvm_km_pgremove_intrsafe(start, end);
		pmap_kremove(start, end - start);
	} else if (uobj == NULL && e->aref.ar_amap == NULL) {
		/* Addresses only: their pages belong to somebody else. */
		pmap_kremove(start, end - start);
	} else {
		pmap_remove(map->pmap, start, end);
		if (UVM_ET_ISOBJ(e) && UVM_OBJ_IS_KERN(uobj)) {
			rw_enter_write(&uobj->uo_lock);
			uvm_km_pgremove(uobj, start - base, end - base);
			rw_exit(&uobj->uo_lock);
		}
	}
}

/*
 * What uvm_vslock() wired in an entry that is not is unwired with the mapping,
 * which is about to go.
 */
static inline bool
unmap_unwires(vm_map_t map, const struct vm_map_entry *e)
{
	return VM_MAPENT_ISWIRED(e) ||
	    (!vm_map_is_kernel(map) && pmap_wired_count(map->pmap) != 0);
}

void
uvm_mapent_unwire(vm_map_t map, struct vm_map_entry *e)
{
	if (!unmap_unwires(map, e) || UVM_ET_ISHOLE(e))
		return;
	e->wired_count = 0;
	uvm_fault_unwire_locked(map, e->start, e->end);
}

/*
 * Take [start, end) out of an entry that has no amap without splitting
 * references: the usual case of small maps that come and go.
 * => FALSE: the entry is of another kind, nothing was done
 */
static bool
unmap_trim(vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end)
{
	bool kernel = vm_map_is_kernel(map);

	if (e->aref.ar_amap != NULL || UVM_ET_ISSUBMAP(e) ||
	    unmap_unwires(map, e) || (start == e->start) == (end == e->end))
		return false;
	if (kernel)
		unmap_kernel_range(map, e, start, end);
	else if (UVM_ET_ISOBJ(e))
		pmap_remove(map->pmap, start, end);
	if (start == e->start) {
		if (UVM_ET_ISOBJ(e) && !MUTANT(TRIM_WRONG_OFFSET))
			e->offset += (voff_t)(end - start);
		e->start = end;
	} else {
		e->end = start;
	}
	if (!UVM_ET_ISHOLE(e) && !MUTANT(MAP_SIZE_DRIFT))
		map->size -= end - start;
	uvm_maptree_resize(map, e);
	return true;
}

/* Take all of an entry off; its user mappings are the caller's to remove. */
static void
unmap_entry(vm_map_t map, struct vm_map_entry *e, struct vm_map_entry **deadp)
{
	uvm_mapent_unwire(map, e);
	if (vm_map_is_kernel(map))
		unmap_kernel_range(map, e, e->start, e->end);
	uvm_mapent_unlink(map, e);
	e->me_next = *deadp;
	*deadp = e;
}

/*
 * => map write-locked; [start, end) page-aligned; entries come off and their
 *    mappings go; put before *deadp for uvm_unmap_detach()
 */
void
uvm_unmap_remove(
    vm_map_t map, vaddr_t start, vaddr_t end, struct vm_map_entry **deadp)
{
	struct vm_map_entry *e, *next, *head = &map->vm_head;
	bool mapped = false;

	if (start >= end)
		return;
	if (!uvm_map_lookup_entry(map, start, &e)) {
		e = e->me_next;
	} else if (e->start != start || e->end > end) {
		if (end <= e->end && unmap_trim(map, e, start, end))
			return;
		uvm_map_clip_start(map, e, start);
	}
	for (; e != head && e->start < end; e = next) {
		if (end < e->end)
			uvm_map_clip_end(map, e, end);
		next = e->me_next;
		mapped |= e->aref.ar_amap != NULL || UVM_ET_ISOBJ(e);
		unmap_entry(map, e, deadp);
	}
	if (mapped && !vm_map_is_kernel(map) && !MUTANT(UNMAP_LEAVES_MAPPED)) {
		pmap_remove(map->pmap, start, end);
		pmap_update(map->pmap);
	}
}

/* => map write-locked, a user map; everything comes off, as above */
void
uvm_unmap_all(vm_map_t map, struct vm_map_entry **deadp)
{
	struct vm_map_entry *e, *head = &map->vm_head;

	KASSERT(!vm_map_is_kernel(map));
	if (map->nentries == 0)
		return;
	VM_MAP_FOREACH (e, map)
		uvm_mapent_unwire(map, e);
	pmap_remove(map->pmap, head->me_next->start, head->me_prev->end);
	pmap_update(map->pmap);
	head->me_prev->me_next = *deadp;
	*deadp = head->me_next;
	map->nentries = 0;
	map->size = 0;
	uvm_map_setbounds(map, map->min_offset, map->max_offset);
}

/*
 * Drop what dead entries refer to, and the entries.
 * => no lock held: objects may have to sleep to go
 */
void
uvm_unmap_detach(struct vm_map_entry *dead)
{
	struct vm_map_entry *e;
	struct uvm_object *uobj;

	while ((e = dead) != NULL) {
		dead = e->me_next;
		if (e->aref.ar_amap != NULL)
			amap_unref(e->aref.ar_amap, e->aref.ar_pageoff,
			    (u_int)atop(e->end - e->start), 0);
		if (UVM_ET_ISSUBMAP(e)) {
			uvm_map_teardown(e->object.sub_map);
		} else if (UVM_ET_ISOBJ(e)) {
			uobj = e->object.uvm_obj;
			uobj->pgops->pgo_detach(uobj);
		}
		uvm_mapent_free(e);
	}
}

/* => unlocked; [start, end) page-aligned; gaps are fine; the gate is not asked */
void
uvm_unmap(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *dead = NULL;

	KASSERT(((start | end) & PAGE_MASK) == 0);
	vm_map_lock(map);
	uvm_unmap_remove(map, start, end, &dead);
	vm_map_unlock(map);
	uvm_unmap_detach(dead);
}

/* => unlocked; 0, or EPERM with nothing changed if a part is immutable */
int
uvm_unmap_user(vm_map_t map, vaddr_t start, vaddr_t end)
{
	struct vm_map_entry *e, *dead = NULL;
	int error = 0;

	vm_map_lock(map);
	for (e = uvm_map_first(map, start);
	     e != &map->vm_head && e->start < end && error == 0; e = e->me_next)
		error = uvm_map_gate(map, e, UVM_CHANGE_UNMAP, 0);
	if (error == 0)
		uvm_unmap_remove(map, start, end, &dead);
	vm_map_unlock(map);
	uvm_unmap_detach(dead);
	return error;
}

/* => unlocked; start truncated, end rounded; 0 always; panics without a map */
int
uvm_deallocate(vm_map_t map, vaddr_t start, vsize_t size)
{
	if (map == NULL)
		panic("uvm_deallocate: no map");
	uvm_unmap(map, trunc_page(start), round_page(start + size));
	return 0;
}

/*
 * Make the entry of [start, end) stand for a submap.
 * => unlocked; 0; EINVAL: not exactly one plain kernel entry without backing;
 *    the submap's reference is the entry's from now on
 */
int
uvm_map_submap(vm_map_t map, vaddr_t start, vaddr_t end, vm_map_t submap)
{
	struct vm_map_entry *e;
	int error = EINVAL;

	vm_map_lock(map);
	if (start >= vm_map_min(map) && end <= vm_map_max(map) &&
	    uvm_map_lookup_entry(map, start, &e) && e->end >= end &&
	    e->object.uvm_obj == NULL && e->aref.ar_amap == NULL &&
	    (e->etype & (UVM_ET_SUBMAP | UVM_ET_COPYONWRITE)) == 0) {
		uvm_map_clip_start(map, e, start);
		uvm_map_clip_end(map, e, end);
		e->etype |= UVM_ET_SUBMAP;
		e->object.sub_map = submap;
		e->offset = 0;
		atomic_add(&submap->ref_count, 1);
		error = 0;
	}
	vm_map_unlock(map);
	return error;
}

/* -- Audit ------------------------------------------------------------------------- */

static const char *
audit_entry(vm_map_t map, struct vm_map_entry *e)
{
	if (((e->start | e->end) & PAGE_MASK) != 0)
		return "unaligned entry";
	if ((e->protection & ~e->max_protection & PROT_MASK) != 0)
		return "protection above the maximum";
	if (UVM_ET_ISNEEDSCOPY(e) && !UVM_ET_ISCOPYONWRITE(e))
		return "needs-copy without copy-on-write";
	if (UVM_ET_ISOBJ(e) && UVM_ET_ISSUBMAP(e))
		return "object and submap";
	if (UVM_ET_ISHOLE(e) &&
	    (e->object.uvm_obj != NULL || e->aref.ar_amap != NULL ||
		VM_MAPENT_ISWIRED(e)))
		return "hole with backing";
	if (!UVM_ET_ISSUBMAP(e) &&
	    UVM_ET_ISOBJ(e) != (e->object.uvm_obj != NULL))
		return "object and type disagree";
	if (e->aref.ar_amap != NULL &&
	    e->aref.ar_pageoff + atop(e->end - e->start) >
		e->aref.ar_amap->am_nslot)
		return "amap smaller than the entry";
	if ((map->flags & VM_MAP_INTRSAFE) && !(e->me_flags & ME_STATIC))
		return "interrupt-safe map with an entry from the pool";
	return NULL;
}

/* => unlocked; panics on a violation */
void
uvm_map_audit(vm_map_t map)
{
	struct vm_map_entry *e;
	const char *why;
	vsize_t size = 0;

	vm_map_lock_read(map);
	why = uvm_maptree_check(map);
	if (why != NULL)
		panic("uvm_map_audit: %p: %s", (void *)map, why);
	VM_MAP_FOREACH (e, map) {
		why = audit_entry(map, e);
		if (why != NULL)
			panic("uvm_map_audit: %p: [%#lx, %#lx): %s",
			    (void *)map, e->start, e->end, why);
		if (!UVM_ET_ISHOLE(e))
			size += e->end - e->start;
	}
	if (size != map->size)
		panic("uvm_map_audit: %p: size %#lx, entries %#lx", (void *)map,
		    map->size, size);
	vm_map_unlock_read(map);
}
