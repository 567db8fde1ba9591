/*
 * Map entries: where they come from, how they get on and off a map, how one
 * is split in two.
 */
#include <sys/pool.h>
#include <uvm/uvm.h>

/*
 * Entries for interrupt-safe maps, which cannot wait for memory.
 */
#define MAX_KMAPENT 192

static struct pool mapent_pool; /* set up once by uvm_map_init */
static struct mutex static_mtx; /* protects the two below */
static struct vm_map_entry static_entries[MAX_KMAPENT]; /* list by me_next */
static struct vm_map_entry *static_free; /* first free one */
static int static_used; /* entries not on the list */

/* => boot, from uvm_map_init */
void
uvm_mapent_init(void)
{
	int i;

	pool_init(&mapent_pool, sizeof(struct vm_map_entry), 0, "vmmapent");
	mtx_init(&static_mtx, LR_MISC, "kmapent");
	for (i = 0; i < MAX_KMAPENT; i++) {
		static_entries[i].me_next = static_free;
		static_free = &static_entries[i];
	}
}

static struct vm_map_entry *
static_alloc(void)
{
	struct vm_map_entry *e;

	mtx_enter(&static_mtx);
	e = static_free;
	if (e != NULL) {
		static_free = e->me_next;
		static_used++;
	}
	mtx_leave(&static_mtx);
	return e;
}

/*
 * => zeroed but for ME_STATIC; NULL: nosleep and no memory, or the static pool
 *    of interrupt-safe maps is used up
 */
struct vm_map_entry *
uvm_mapent_alloc(vm_map_t map, bool nosleep)
{
	struct vm_map_entry *e;

	if (map->flags & VM_MAP_INTRSAFE) {
		e = static_alloc();
		if (e == NULL)
			return NULL;
		memset(e, 0, sizeof(*e));
		e->me_flags = ME_STATIC;
		return e;
	}
	return pool_get(
	    &mapent_pool, PR_ZERO | (nosleep ? PR_NOWAIT : PR_WAITOK));
}

/* => any context for static entries; references of the entry are gone */
void
uvm_mapent_free(struct vm_map_entry *e)
{
	if ((e->me_flags & ME_STATIC) == 0) {
		pool_put(&mapent_pool, e);
		return;
	}
	mtx_enter(&static_mtx);
	e->me_next = static_free;
	static_free = e;
	static_used--;
	mtx_leave(&static_mtx);
}

/* => entries in use, of all maps; a moment's view */
long
uvm_map_entry_count(void)
{
	return pool_inuse(&mapent_pool) + static_used;
}

/* The gauge kmapent; a handler on this hart may count as well. */
static void
kmapent_add(vm_map_t map, int n)
{
	unsigned long s;

	if (!vm_map_is_kernel(map))
		return;
	s = intr_disable();
	UVMCNT_ADD(kmapent, n);
	intr_restore(s);
}

/* => map write-locked; prev is the lower neighbour of e or the head */
void
uvm_mapent_link(vm_map_t map, struct vm_map_entry *prev, struct vm_map_entry *e)
{
	KASSERT(e->start < e->end);
	KASSERT(prev->end <= e->start && e->end <= prev->me_next->start);
	uvm_maptree_insert(map, prev, e);
	map->nentries++;
	if (!UVM_ET_ISHOLE(e))
		map->size += e->end - e->start;
	kmapent_add(map, 1);
}

/* => map write-locked; e's references stay with it */
void
uvm_mapent_unlink(vm_map_t map, struct vm_map_entry *e)
{
	if (map->vm_hint == e && !MUTANT(HINT_DANGLES))
		map->vm_hint = &map->vm_head;
	uvm_maptree_remove(map, e);
	map->nentries--;
	if (!UVM_ET_ISHOLE(e))
		map->size -= e->end - e->start;
	kmapent_add(map, -1);
}

/* -- Chains of entries ---------------------------------------------------------- */

void
uvm_mapent_chain_init(struct uvm_mapent_chain *mc)
{
	mc->mc_first = NULL;
	mc->mc_tailp = &mc->mc_first;
}

void
uvm_mapent_chain_add(struct uvm_mapent_chain *mc, struct vm_map_entry *e)
{
	e->me_next = NULL;
	*mc->mc_tailp = e;
	mc->mc_tailp = &e->me_next;
}

struct vm_map_entry *
uvm_mapent_chain_link(vm_map_t map, vaddr_t va, struct uvm_mapent_chain *mc)
{
	struct vm_map_entry *prev, *e, *next;

	uvm_map_lookup_entry(map, va, &prev);
	for (e = mc->mc_first; e != NULL; e = next) {
		next = e->me_next;
		uvm_mapent_link(map, prev, e);
		prev = e;
	}
	uvm_mapent_chain_init(mc);
	return prev;
}

/* => object unlocked; for a copy of an entry, which refers to the same thing */
void
uvm_mapent_ref_object(struct vm_map_entry *e)
{
	struct uvm_object *uobj = e->object.uvm_obj;

	if (UVM_ET_ISSUBMAP(e))
		atomic_add(&e->object.sub_map->ref_count, 1);
	else if (UVM_ET_ISOBJ(e))
		uobj->pgops->pgo_reference(uobj);
}

/*
 * Split e at va: it keeps what is below, the result, not yet on the map, is
 * the upper part.
 */
static struct vm_map_entry *
split(vm_map_t map, struct vm_map_entry *e, vaddr_t va)
{
	struct vm_map_entry *upper;
	uint8_t is_static;

	KASSERT((va & PAGE_MASK) == 0);
	upper = uvm_mapent_alloc(map, false);
	if (upper == NULL)
		panic("uvm_map_clip: out of static map entries");
	is_static = upper->me_flags;
	*upper = *e;
	upper->me_flags = (uint8_t)((e->me_flags & ~ME_STATIC) | is_static);
	upper->start = va;
	if (e->etype & (UVM_ET_OBJ | UVM_ET_SUBMAP)) {
		if (!MUTANT(CLIP_WRONG_OFFSET))
			upper->offset += (voff_t)(va - e->start);
		if (!MUTANT(CLIP_NO_OBJ_REF))
			uvm_mapent_ref_object(upper);
	}
	if (e->aref.ar_amap != NULL)
		amap_splitref(
		    &e->aref, &upper->aref, (u_int)atop(va - e->start));
	return upper;
}

/* Exchange what two entries say, but for their links and flags of storage. */
static void
swap_contents(struct vm_map_entry *a, struct vm_map_entry *b)
{
	struct vm_aref aref = a->aref;
	voff_t offset = a->offset;
	vaddr_t start = a->start, end = a->end;

	a->aref = b->aref;
	a->offset = b->offset;
	a->start = b->start;
	a->end = b->end;
	b->aref = aref;
	b->offset = offset;
	b->start = start;
	b->end = end;
}

/*
 * => map write-locked; e begins at va afterwards; a new entry is the part
 *    below, if there is one; may sleep for memory unless interrupt-safe
 */
void
uvm_map_clip_start(vm_map_t map, struct vm_map_entry *e, vaddr_t va)
{
	struct vm_map_entry *lower;
	vaddr_t end = e->end;

	if (va <= e->start || va >= end)
		return;
	/* e is to be the upper part: what split() made takes its place below */
	lower = split(map, e, va);
	e->end = va;
	swap_contents(e, lower);
	if (!UVM_ET_ISHOLE(e))
		map->size -= va - lower->start; /* counted again by the link */
	if (e->me_flags & ME_STACK)
		e->me_flags &=
		    (uint8_t)~ME_STACK; /* the lowest part keeps it */
	uvm_mapent_link(map, e->me_prev, lower);
}

/*
 * => map write-locked; e ends at va afterwards; a new entry is the part above,
 *    if there is one; may sleep for memory unless interrupt-safe
 */
void
uvm_map_clip_end(vm_map_t map, struct vm_map_entry *e, vaddr_t va)
{
	struct vm_map_entry *upper;

	if (va <= e->start || va >= e->end)
		return;
	upper = split(map, e, va);
	if (!UVM_ET_ISHOLE(e))
		map->size -= e->end - va; /* counted again by the link */
	upper->me_flags &= (uint8_t)~ME_STACK;
	e->end = va;
	uvm_mapent_link(map, e, upper);
}
