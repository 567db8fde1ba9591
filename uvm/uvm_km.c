/*
 * Kernel memory.
 *
 * Memory that is resident for good is of two kinds: pages of the kernel object,
 * entered as managed mappings, and pages without owner under pmap_kenter_pa,
 * which is all an interrupt-safe map may hold.  Pageable memory is pages of the
 * kernel object that faults bring.
 */
#include <uvm/uvm.h>
#include <uvm/uvm_aobj.h>
#include <uvm/uvm_pdaemon.h>
#include <sys/image.h>

struct vm_map *kernel_map;
struct uvm_object *kernel_object;

static struct vm_map kernel_map_store; /* see struct vm_map */

/*
 * Waiting for address space: everyone who waits for some map sleeps under
 * km_va_mtx, and km_va_gen (same lock to change) tells that some was freed
 * since the search that failed.
 */
static struct mutex km_va_mtx = MUTEX_INITIALIZER(LR_MISC, "kmva");
static volatile u_int km_va_gen;

#define KM_RW (PROT_READ | PROT_WRITE)
/* Nothing is mapped beside what is asked for, and no child inherits. */
#define KM_FLAGS(flags) \
	UVM_MAPFLAG(KM_RW, KM_RW, MAP_INHERIT_NONE, MADV_RANDOM, (flags))

/* -- Boot -------------------------------------------------------------------------- */

/* An entry over addresses that are mapped for good, or that nobody gets. */
static void
enter_fixed(vaddr_t start, vaddr_t end, vm_prot_t prot)
{
	vaddr_t va = start;

	if (start < end &&
	    uvm_map(kernel_map, &va, end - start, NULL, UVM_UNKNOWN_OFFSET, 0,
		UVM_MAPFLAG(prot, prot, MAP_INHERIT_NONE, MADV_RANDOM,
		    UVM_FLAG_FIXED | UVM_FLAG_NOFAULT)) != 0)
		panic("uvm_km_init: %#lx-%#lx", start, end);
}

/*
 * The kernel map reaches to the top of the address space, so that uvm_kernacc()
 * finds the image in it.  Only [start, end) is for allocation.
 */
void
uvm_km_init(vaddr_t start, vaddr_t end)
{
	vaddr_t top = trunc_page(~0UL);

	kernel_object = uvm.kernel_object =
	    uao_create(end - VM_MIN_KERNEL_ADDRESS, UAO_FLAG_KERNOBJ);
	kernel_map = &kernel_map_store;
	uvm_map_setup(kernel_map, pmap_kernel(), VM_MIN_KERNEL_ADDRESS, top,
	    VM_MAP_PAGEABLE);
	enter_fixed(VM_MIN_KERNEL_ADDRESS, start, KM_RW);
	enter_fixed(end, (vaddr_t)__kernel_start, PROT_NONE);
	enter_fixed((vaddr_t)__kernel_start, (vaddr_t)__text_end,
	    PROT_READ | PROT_EXEC);
	enter_fixed((vaddr_t)__rodata_start, (vaddr_t)__rodata_end, PROT_READ);
	enter_fixed((vaddr_t)__data_start, (vaddr_t)__kernel_end, KM_RW);
	enter_fixed((vaddr_t)__kernel_end, top, PROT_NONE);
}

/* -- Pages -------------------------------------------------------------------------- */

void
uvm_km_pgremove(struct uvm_object *uobj, vaddr_t start, vaddr_t end)
{
	uint64_t i = start >> PAGE_SHIFT, last = end >> PAGE_SHIFT;
	struct vm_page *pg;

	KASSERT(rw_write_held(&uobj->uo_lock));
	while (
	    (pg = uvm_pagetree_next(&uobj->uo_tree, &i)) != NULL && i < last) {
		if (pg->pg_flags & PG_BUSY) {
			uvm_page_wait(pg, &uobj->uo_lock, "kmpgrm");
			rw_enter_write(&uobj->uo_lock);
			continue;
		}
		uao_dropswap(uobj, (u_long)i);
		uvm_pagefree(pg);
	}
	uao_freeslots(uobj, (u_long)(start >> PAGE_SHIFT), (u_long)last);
}

#define PGREMOVE_BATCH 16 /* pages per flush of the translation caches */

void
uvm_km_pgremove_intrsafe(vaddr_t start, vaddr_t end)
{
	struct vm_page *pg[PGREMOVE_BATCH];
	vaddr_t va, stop;
	paddr_t pa;
	int n;

	for (; start < end; start = stop) {
		stop = MIN(end, start + PGREMOVE_BATCH * PAGE_SIZE);
		n = 0;
		for (va = start; va < stop; va += PAGE_SIZE) {
			if (!pmap_extract(pmap_kernel(), va, &pa))
				continue;
			pg[n] = PHYS_TO_VM_PAGE(pa);
			/* pages with an owner are the owner's to free */
			if (pg[n] != NULL && pg[n]->uobject == NULL &&
			    pg[n]->uanon == NULL && pg[n]->wire_count == 0)
				n++;
		}
		if (n == 0)
			continue;
		pmap_kremove(start, stop - start);
		uvm_pagefree_bulk(pg, (size_t)n);
	}
}

/*
 * Back [va, va + size) with pages of nobody.
 * => wait: sleep for memory; else, or with canfail when no memory can come:
 *    FALSE, and what was entered stays for the caller to free
 */
static bool
enter_unowned(vaddr_t va, vsize_t size, bool zero, bool wait, bool canfail)
{
	int pga = UVM_PGA_USERESERVE | (zero ? UVM_PGA_ZERO : 0);
	struct vm_page *pg;

	for (; size > 0; va += PAGE_SIZE, size -= PAGE_SIZE) {
		while ((pg = uvm_pagealloc(NULL, 0, NULL, pga)) == NULL) {
			if (!wait || (canfail && !uvm_reclaimable()))
				return false;
			uvm_wait("kmalloc");
		}
		atomic_and(
		    &pg->pg_flags, ~(uint32_t)(PG_BUSY | PG_FAKE | PG_CLEAN));
		pmap_kenter_pa(va, VM_PAGE_TO_PHYS(pg), KM_RW);
	}
	return true;
}

/*
 * Back [va, va + size) with pages of an object.
 * => object unlocked; FALSE only without wait
 */
static bool
enter_object(struct uvm_object *uobj, voff_t off, vaddr_t va, vsize_t size,
    bool zero, bool wait)
{
	vaddr_t end = va + size;
	struct vm_page *pg;
	int error;

	while (va < end) {
		rw_enter_write(&uobj->uo_lock);
		for (; va < end; va += PAGE_SIZE, off += PAGE_SIZE) {
			pg = uvm_pagealloc(uobj, off, NULL,
			    UVM_PGA_USERESERVE | (zero ? UVM_PGA_ZERO : 0));
			if (pg == NULL)
				break;
			error =
			    pmap_enter(pmap_kernel(), va, VM_PAGE_TO_PHYS(pg),
				KM_RW, KM_RW | PMAP_WIRED | PMAP_CANFAIL);
			atomic_and(
			    &pg->pg_flags, ~(uint32_t)(PG_FAKE | PG_CLEAN));
			uvm_page_unbusy(pg);
			if (error) {
				uvm_pagefree(pg);
				break;
			}
		}
		rw_exit(&uobj->uo_lock);
		if (va < end) {
			if (!wait)
				return false;
			uvm_wait("kmalloc");
		}
	}
	return true;
}

/* -- 5.x allocators -------------------------------------------------------------------- */

static inline voff_t
object_offset(vm_map_t map, struct uvm_object *uobj, vaddr_t va)
{
	return (
	    voff_t)(va - vm_map_min(UVM_OBJ_IS_KERN(uobj) ? kernel_map : map));
}

/*
 * Wired memory of size bytes, aligned (0 or a power of two), zeroed if zeroit.
 * => map unlocked; waits for pages, not for addresses
 * => address, or 0 if no range of that size and alignment is free
 */
vaddr_t
uvm_km_alloc1(vm_map_t map, vsize_t size, vsize_t align, boolean_t zeroit)
{
	bool intrsafe = (map->flags & VM_MAP_INTRSAFE) != 0;
	struct uvm_object *uobj = intrsafe ? NULL : kernel_object;
	vaddr_t va = vm_map_min(map);

	size = round_page(size);
	if (uvm_map(map, &va, size, uobj, UVM_UNKNOWN_OFFSET, align,
		KM_FLAGS(0)) != 0)
		return 0;
	if (intrsafe)
		(void)enter_unowned(va, size, zeroit, true, false);
	else
		(void)enter_object(
		    uobj, object_offset(map, uobj, va), va, size, zeroit, true);
	return va;
}

/* => as the macros of these names, for who needs a function's address */
vaddr_t(uvm_km_alloc)(vm_map_t map, vsize_t size)
{
	return uvm_km_alloc1(map, size, 0, FALSE);
}

/* => the same */
vaddr_t(uvm_km_zalloc)(vm_map_t map, vsize_t size)
{
	return uvm_km_alloc1(map, size, 0, TRUE);
}

/*
 * Wired memory, contents undefined, in obj or without owner (obj NULL).
 * => map unlocked; UVM_KMF_NOWAIT: never sleeps, any context for an
 *    interrupt-safe map; UVM_KMF_VALLOC: addresses only; UVM_KMF_TRYLOCK: the
 *    map lock is tried
 * => address, or 0: no addresses, with NOWAIT no memory, with either locked
 */
vaddr_t
uvm_km_kmemalloc(vm_map_t map, struct uvm_object *obj, vsize_t size, int flags)
{
	bool wait = (flags & UVM_KMF_NOWAIT) == 0, ok;
	vaddr_t va = vm_map_min(map);

	KASSERT(obj == NULL || (map->flags & VM_MAP_INTRSAFE) == 0);
	size = round_page(size);
	if (obj != NULL)
		obj->pgops->pgo_reference(obj);
	/* a map that is only tried allocates its entry without sleeping */
	if (uvm_map(map, &va, size, obj, UVM_UNKNOWN_OFFSET, 0,
		KM_FLAGS(flags & UVM_KMF_TRYLOCK || !wait ? UVM_FLAG_TRYLOCK
							  : 0)) != 0) {
		if (obj != NULL)
			obj->pgops->pgo_detach(obj);
		return 0;
	}
	if (flags & UVM_KMF_VALLOC)
		return va;
	if (obj == NULL)
		ok = enter_unowned(va, size, false, wait, false);
	else
		ok = enter_object(
		    obj, object_offset(map, obj, va), va, size, false, wait);
	if (ok)
		return va;
	uvm_km_free(map, va, size);
	return 0;
}

/*
 * Addresses backed by the kernel object: zero-filled when first touched.
 * => map unlocked; may sleep on its lock; address or 0
 */
vaddr_t
uvm_km_valloc(vm_map_t map, vsize_t size)
{
	vaddr_t va = vm_map_min(map);

	KASSERT((map->flags & VM_MAP_INTRSAFE) == 0);
	if (uvm_map(map, &va, round_page(size), kernel_object,
		UVM_UNKNOWN_OFFSET, 0, KM_FLAGS(0)) != 0)
		return 0;
	return va;
}

/* => sleeps until some map got addresses back since gen was read */
static void
va_wait(vm_map_t map, u_int gen)
{
	mtx_enter(&km_va_mtx);
	if (km_va_gen == gen) {
		atomic_or(&map->flags, VM_MAP_WANTVA);
		(void)msleep(map, &km_va_mtx, PVM, "kmva", INFSLP);
	}
	mtx_leave(&km_va_mtx);
}

/* => map write-locked: its addresses grew; wakes everyone in va_wait */
static void
va_wake(vm_map_t map)
{
	mtx_enter(&km_va_mtx);
	km_va_gen++;
	atomic_and(&map->flags, ~(uint32_t)VM_MAP_WANTVA);
	wakeup(map);
	mtx_leave(&km_va_mtx);
}

/*
 * As uvm_km_valloc(), but sleeps for addresses until uvm_km_free_wakeup().
 * => address; 0 only if size is more than the whole map
 */
vaddr_t
uvm_km_valloc_wait(vm_map_t map, vsize_t size)
{
	vaddr_t va;
	u_int gen;

	size = round_page(size);
	if (size > vm_map_max(map) - vm_map_min(map))
		return 0;
	for (;;) {
		gen = atomic_load_acq(&km_va_gen);
		va = uvm_km_valloc(map, size);
		if (va != 0)
			return va;
		va_wait(map, gen);
	}
}

/*
 * Carve a submap of size bytes out of map, at *min if fixed.
 * => parent unlocked; may sleep; panics if the range is not to be had
 * => the map: submap, or a new one, which goes when its entry is unmapped; its
 *    bounds in *min, *max
 */
struct vm_map *
uvm_km_suballoc(vm_map_t map, vaddr_t *min, vaddr_t *max, vsize_t size,
    int flags, boolean_t fixed, vm_map_t submap)
{
	bool created = submap == NULL;

	size = round_page(size);
	if (!fixed)
		*min = vm_map_min(map);
	if (uvm_map(map, min, size, NULL, UVM_UNKNOWN_OFFSET, 0,
		UVM_MAPFLAG(PROT_MASK, PROT_MASK, MAP_INHERIT_NONE, MADV_RANDOM,
		    UVM_FLAG_NOMERGE | (fixed ? UVM_FLAG_FIXED : 0))) != 0)
		panic("uvm_km_suballoc: no room for %lu KiB", size >> 10);
	*max = *min + size;
	pmap_reference(vm_map_pmap(map));
	if (created)
		submap = uvm_map_create(vm_map_pmap(map), *min, *max, flags);
	else
		uvm_map_setup(submap, vm_map_pmap(map), *min, *max, flags);
	if (uvm_map_submap(map, *min, *max, submap) != 0)
		panic("uvm_km_suballoc: %#lx-%#lx", *min, *max);
	if (created)
		uvm_map_teardown(submap); /* the entry's reference stays */
	return submap;
}

/* -- Freeing ------------------------------------------------------------------------------ */

/*
 * Take [start, end) off, which one allocation or several got.
 * => map unlocked; type: 0, or what every entry must be (typed allocator)
 */
static void
km_remove(vm_map_t map, vaddr_t start, vaddr_t end, uint8_t type, bool wake)
{
	struct vm_map_entry *dead = NULL, *e;

	/* an interrupt-safe map does this itself, under its lock */
	if ((map->flags & VM_MAP_INTRSAFE) == 0 &&
	    (type == 0 || type == UVM_KMT_WIRED))
		uvm_km_pgremove_intrsafe(start, end);
	vm_map_lock(map);
	if (type != 0) {
		if (!uvm_map_lookup_entry(map, start, &e) ||
		    e->start != start || e->end != end)
			panic("uvm_km_free: %#lx-%#lx is no allocation", start,
			    end);
		if ((e->me_flags & ME_KMTYPE) != ME_KMTYPE_OF(type))
			panic("uvm_km_free: %#lx-%#lx is not of type %d", start,
			    end, type);
	}
	uvm_unmap_remove(map, start, end, &dead);
	if (wake)
		va_wake(map);
	vm_map_unlock(map);
	uvm_unmap_detach(dead);
}

/*
 * Free a range: addresses and pages.
 * => map unlocked; start truncated, end rounded
 */
void
uvm_km_free(vm_map_t map, vaddr_t addr, vsize_t size)
{
	km_remove(map, trunc_page(addr), round_page(addr + size), 0, false);
}

/* => as uvm_km_free(), and everyone in uvm_km_valloc_wait() on map wakes */
void
uvm_km_free_wakeup(vm_map_t map, vaddr_t addr, vsize_t size)
{
	km_remove(map, trunc_page(addr), round_page(addr + size), 0, true);
}

/* -- NetBSD's typed allocator (4.4) ---------------------------------------------------------- */

/*
 * uvm_map() for an alignment that is no power of two: look for a place, then
 * claim it.
 * => as uvm_map()
 */
static int
map_modulus(vm_map_t map, vaddr_t *vap, vsize_t size, struct uvm_object *uobj,
    vsize_t align, uvm_flag_t flags)
{
	bool found, topdown = (map->flags & VM_MAP_TOPDOWN) != 0;
	int error;

	do {
		if ((flags & UVM_FLAG_TRYLOCK) == 0)
			vm_map_lock_read(map);
		else if (!vm_map_lock_try(map))
			return EFAULT;
		found = uvm_maptree_find(map, size, align, vm_map_min(map),
		    vm_map_max(map), topdown, vap);
		vm_map_unlock(map);
		if (!found)
			return ENOMEM;
		/* ENOMEM: someone was faster; the map has changed */
		error = uvm_map(map, vap, size, uobj, UVM_UNKNOWN_OFFSET, 0,
		    flags | UVM_FLAG_FIXED);
	} while (error == ENOMEM);
	return error;
}

/* Note down in the new entry what it was allocated as. */
static void
set_type(vm_map_t map, vaddr_t va, uint8_t type)
{
	struct vm_map_entry *e;
	bool found __unused;

	vm_map_lock(map);
	found = uvm_map_lookup_entry(map, va, &e);
	KASSERT(found && e->start == va);
	e->me_flags |= ME_KMTYPE_OF(type);
	vm_map_unlock(map);
}

/*
 * Even the entry needs memory.  Who may not wait for that gets a map that is
 * only tried, which allocates without sleeping.
 */
static uvm_flag_t
typed_mapflags(uvm_flag_t flags)
{
	bool nosleep = (flags & (UVM_KMT_TRYLOCK | UVM_KMT_NOWAIT)) != 0;

	if ((flags & UVM_KMT_CANFAIL) &&
	    uvm_free_count() <= uvmexp.reserve_kernel && !uvm_reclaimable())
		nosleep = true;
	return KM_FLAGS(UVM_FLAG_NOMERGE | (nosleep ? UVM_FLAG_TRYLOCK : 0));
}

/* => address range of its own, or 0 as the table of 4.4 says */
static vaddr_t
typed_addresses(vm_map_t map, vsize_t size, vsize_t align, uvm_flag_t flags)
{
	struct uvm_object *uobj =
	    flags & UVM_KMT_PAGEABLE ? kernel_object : NULL;
	bool never = size > vm_map_max(map) - vm_map_min(map);
	uvm_flag_t mapflags;
	vaddr_t va;
	u_int gen;
	int error;

	for (;;) {
		gen = atomic_load_acq(&km_va_gen);
		mapflags = typed_mapflags(flags);
		va = vm_map_min(map);
		if (powerof2(align))
			error = uvm_map(map, &va, size, uobj,
			    UVM_UNKNOWN_OFFSET, align, mapflags);
		else
			error =
			    map_modulus(map, &va, size, uobj, align, mapflags);
		if (error == 0)
			return va;
		if (error != ENOMEM || (flags & UVM_KMT_WAITVA) == 0 ||
		    (flags & UVM_KMT_NOWAIT) ||
		    (never && (flags & UVM_KMT_CANFAIL)))
			return 0;
		va_wait(map, gen);
	}
}

/*
 * NetBSD 7's uvm_km_alloc(): flags are UVM_KMT_*.
 * => map unlocked; sleeps as the flags allow; address or 0
 * => panics: not exactly one type, ZERO without WIRED, align no page multiple
 */
vaddr_t
uvm_km_alloc_typed(vm_map_t map, vsize_t size, vsize_t align, uvm_flag_t flags)
{
	uint8_t type = flags & UVM_KMT_TYPEMASK;
	vaddr_t va;

	if (type == 0 || !powerof2(type))
		panic("uvm_km_alloc: not one type (%#x)", flags);
	if ((flags & UVM_KMT_ZERO) && type != UVM_KMT_WIRED)
		panic("uvm_km_alloc: zero without wired (%#x)", flags);
	if (align & PAGE_MASK)
		panic("uvm_km_alloc: alignment %#lx", align);
	KASSERT(
	    type != UVM_KMT_PAGEABLE || (map->flags & VM_MAP_INTRSAFE) == 0);
	size = round_page(size);
	va = typed_addresses(map, size, align, flags);
	if (va == 0)
		return 0;
	set_type(map, va, type);
	if (type == UVM_KMT_WIRED &&
	    !enter_unowned(va, size, (flags & UVM_KMT_ZERO) != 0,
		(flags & UVM_KMT_NOWAIT) == 0,
		(flags & UVM_KMT_CANFAIL) != 0)) {
		uvm_km_free_typed(map, va, size, type);
		return 0;
	}
	return va;
}

/*
 * NetBSD 7's uvm_km_free(): a whole allocation, with the type it was made as.
 * => map unlocked; wakes who waits for addresses; panics on another type
 */
void
uvm_km_free_typed(vm_map_t map, vaddr_t addr, vsize_t size, uvm_flag_t type)
{
	type &= UVM_KMT_TYPEMASK;
	if (type == 0 || !powerof2(type))
		panic("uvm_km_free: not one type (%#x)", type);
	km_remove(map, addr, addr + round_page(size), (uint8_t)type, true);
}
