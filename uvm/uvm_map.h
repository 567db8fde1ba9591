/* Maps: address ranges, what backs them and with what rights. */
#ifndef _UVM_UVM_MAP_H_
#define _UVM_UVM_MAP_H_

#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/mutant.h>
#include <pmap/pmap.h>
#include <uvm/uvm_amap.h>

struct proc;
struct uvm_object;

/*
 * An address range with one backing and one set of rights.
 * Locks used to protect members of an entry:
 *	m	map lock
 * The gap tree (uvm_maptree.c) is balanced and augmented with the largest gap,
 * so that lookup and the search for space take O(log n).
 */
struct vm_map_entry {
	struct vm_map_entry *me_left, *me_right, *me_parent; /* [m] tree */
	struct vm_map_entry *me_prev, *me_next; /* [m] by address */
	vaddr_t start, end; /* [m] */
	vsize_t
	    me_gap; /* [m] free bytes after end that a search may give out */
	vsize_t me_maxgap; /* [m] largest me_gap in the subtree */
	union {
		struct uvm_object *uvm_obj; /* [m] */
		struct vm_map *sub_map; /* [m] */
	} object;
	voff_t offset; /* [m] in the object */
	struct vm_aref aref; /* [m] anonymous layer */
	uint16_t etype; /* [m] UVM_ET_* */
	uint8_t protection, max_protection; /* [m] */
	uint8_t inheritance, advice; /* [m] */
	uint8_t me_height; /* [m] levels of the subtree */
	uint8_t me_flags; /* [m] ME_* */
	uint32_t wired_count; /* [m] */
};

#define UVM_ET_OBJ         0x01
#define UVM_ET_SUBMAP      0x02
#define UVM_ET_COPYONWRITE 0x04
#define UVM_ET_NEEDSCOPY   0x08
#define UVM_ET_HOLE        0x10

#define ME_STATIC          0x01 /* from the static pool of interrupt-safe maps */
#define ME_NOMERGE         0x02
#define ME_IMMUTABLE       0x04 /* mimmutable */
#define ME_STACK           0x08 /* searches keep a guard gap below it free */
#define ME_KMTYPE          0x30 /* type of uvm_km_alloc_typed(): checked at free */
/* WIRED 1, PAGEABLE 2, VAONLY 4 as 1, 2, 3 in the field */
#define ME_KMTYPE_OF(t)         (((t) == 4 ? 3 : (t)) << 4)
#define ME_NOFAULT              0x40 /* owner wires it: a fault here is an error */
#define ME_NODUMP               0x80 /* not in core files (MADV_DONTDUMP) */

#define UVM_ET_ISOBJ(e)         (((e)->etype & UVM_ET_OBJ) != 0)
#define UVM_ET_ISSUBMAP(e)      (((e)->etype & UVM_ET_SUBMAP) != 0)
#define UVM_ET_ISCOPYONWRITE(e) (((e)->etype & UVM_ET_COPYONWRITE) != 0)
#define UVM_ET_ISNEEDSCOPY(e)   (((e)->etype & UVM_ET_NEEDSCOPY) != 0)
#define UVM_ET_ISHOLE(e)        (((e)->etype & UVM_ET_HOLE) != 0)
#define VM_MAPENT_ISWIRED(e)    ((e)->wired_count != 0)

#define UVM_STACK_GUARD         0x100000UL /* bytes kept free below a ME_STACK entry */

/*
 * Locks used to protect members of a map:
 *	I	immutable after uvm_map_setup
 *	m	map lock: vm_lock, or vm_mtx if VM_MAP_INTRSAFE
 *	a	atomic operations
 */
struct vm_map {
	struct rwlock vm_lock; /* LR_MAP or LR_KMAP */
	struct mutex vm_mtx; /* LR_KMAPINTR */
	struct pmap *pmap; /* [I] */
	struct vm_map_entry *vm_root; /* [m] tree */
	struct vm_map_entry
	    *volatile vm_hint; /* [a] entry found last, or head */
	struct vm_map_entry vm_head; /* [m] both ends of the list: start is */
	/* max_offset, end is min_offset */
	int nentries; /* [m] */
	volatile uint32_t flags; /* [a] VM_MAP_* */
	vaddr_t min_offset, max_offset; /* [m] changed by exec only */
	vsize_t size; /* [m] bytes mapped */
	u_int timestamp; /* [m] +1 at each write lock */
	int ref_count; /* [a] kernel maps */
	uint64_t vm_seed; /* [m] address-space randomisation; 0: none */
	vaddr_t vm_base; /* [m] where mmap without a hint begins to search */
	struct proc *vm_busy; /* [m] thread that wires pages, or NULL */
};

/* Flags of a map (UVM-API.md 2.6, 2.7). */
#define VM_MAP_PAGEABLE       0x001 /* entries may be paged: faults resolved */
#define VM_MAP_INTRSAFE       0x002 /* usable in interrupt handlers */
#define VM_MAP_WIREFUTURE     0x004 /* wire later mappings at once */
#define VM_MAP_BUSY           0x008 /* only vm_busy may change entries */
#define VM_MAP_WANTLOCK       0x010 /* someone waits for that to end */
#define VM_MAP_GUARDPAGES     0x020
#define VM_MAP_TOPDOWN        0x040 /* search from the top */
#define VM_MAP_WANTVA         0x100 /* someone sleeps for address space */
#define VM_MAP_ISVMSPACE      0x200 /* part of a vmspace (D17) */

#define vm_map_is_kernel(map) (((map)->flags & VM_MAP_ISVMSPACE) == 0)
#define vm_map_min(map)       ((map)->min_offset)
#define vm_map_max(map)       ((map)->max_offset)
#define vm_map_pmap(map)      ((map)->pmap)

/* The entries by address; the head stands for both ends. */
#define VM_MAP_FOREACH(e, map)                                     \
	for ((e) = (map)->vm_head.me_next; (e) != &(map)->vm_head; \
	     (e) = (e)->me_next)

/* => boot */
void uvm_map_init(void);
/* => map not known to anyone */
void uvm_map_setup(
    vm_map_t map, struct pmap *pmap, vaddr_t min, vaddr_t max, int flags);
/* => thread context; sleeps for memory, never NULL */
vm_map_t uvm_map_create(struct pmap *pmap, vaddr_t min, vaddr_t max, int flags);
/* => drops a reference; the last one frees the map, which is empty then */
void uvm_map_teardown(vm_map_t map);
/* => write-locked or not yet known; no entries; new bounds */
void uvm_map_setbounds(vm_map_t map, vaddr_t min, vaddr_t max);
/* => map entries in use, static ones included: leak oracle of the tests */
long uvm_map_entry_count(void);

/* -- Lock of a map ----------------------------------------------------------- */

/* => write-locked and busy by another thread: waits until it is not */
void vm_map_wait_busy(vm_map_t map);
/* => write-locked; until vm_map_unbusy() only this thread gets write locks */
void vm_map_busy(vm_map_t map);
/* => write-locked, busy by this thread */
void vm_map_unbusy(vm_map_t map);
/* => TRUE: write-locked; never sleeps */
bool vm_map_lock_try(vm_map_t map);
/* => read-locked; FALSE: the read lock is lost too */
bool vm_map_upgrade(vm_map_t map);

/* => thread context (any for VM_MAP_INTRSAFE); write-locked on return */
static inline void
vm_map_lock(vm_map_t map)
{
	if (map->flags & VM_MAP_INTRSAFE) {
		mtx_enter(&map->vm_mtx);
	} else {
		rw_enter_write(&map->vm_lock);
		if ((map->flags & VM_MAP_BUSY) && !MUTANT(MAP_BUSY_IGNORED))
			vm_map_wait_busy(map);
	}
	map->timestamp++;
}

/* => as vm_map_lock(); read-locked on return */
static inline void
vm_map_lock_read(vm_map_t map)
{
	if (map->flags & VM_MAP_INTRSAFE)
		mtx_enter(&map->vm_mtx);
	else
		rw_enter_read(&map->vm_lock);
}

/* => locked either way */
static inline void
vm_map_unlock(vm_map_t map)
{
	if (map->flags & VM_MAP_INTRSAFE)
		mtx_leave(&map->vm_mtx);
	else
		rw_exit(&map->vm_lock);
}
#define vm_map_unlock_read(map) vm_map_unlock(map)

/* => write-locked on entry, read-locked on exit */
static inline void
vm_map_downgrade(vm_map_t map)
{
	if ((map->flags & VM_MAP_INTRSAFE) == 0)
		rw_downgrade(&map->vm_lock);
}

/* -- Gap tree (uvm_maptree.c): pure; the map is write-locked ------------------ */

/* => e->start, e->end set; inserted behind prev (the head: first) */
void uvm_maptree_insert(
    struct vm_map *map, struct vm_map_entry *prev, struct vm_map_entry *e);
void uvm_maptree_remove(struct vm_map *map, struct vm_map_entry *e);
/* => e->start or e->end was changed without passing a neighbour, or ME_STACK */
void uvm_maptree_resize(struct vm_map *map, struct vm_map_entry *e);
/* => the list is right: builds a tree over it in O(n) */
void uvm_maptree_build(struct vm_map *map);
/* => locked either way; entry with the greatest start <= va, or NULL */
struct vm_map_entry *uvm_maptree_lookup(const struct vm_map *map, vaddr_t va);
/*
 * Find size free bytes in [lo, hi) at a multiple of align (any number; 0, 1:
 * no constraint): the lowest such address, or with topdown the highest.
 * => locked either way; TRUE: in *vap.  With an alignment, more than a few
 *    dozen gaps that are large enough but badly placed are passed over for
 *    one that fits for sure, while there is one.
 */
bool uvm_maptree_find(const struct vm_map *map, vsize_t size, vsize_t align,
    vaddr_t lo, vaddr_t hi, bool topdown, vaddr_t *vap);
/* => NULL, or what is wrong with tree, list or gaps */
const char *uvm_maptree_check(const struct vm_map *map);

/* -- Entries (uvm_map_clip.c); map write-locked --------------------------------- */

/*
 * Clipping splits an entry at va if it lies inside it.  The given entry keeps
 * the part from va (start) or up to va (end).  It cannot fail: a map that may
 * sleep waits for memory, an interrupt-safe one has a static pool of entries.
 */
void uvm_map_clip_start(vm_map_t map, struct vm_map_entry *e, vaddr_t va);
void uvm_map_clip_end(vm_map_t map, struct vm_map_entry *e, vaddr_t va);
/* => boot, from uvm_map_init */
void uvm_mapent_init(void);
/* => blank entry; NULL only if nosleep or from an interrupt-safe map */
struct vm_map_entry *uvm_mapent_alloc(vm_map_t map, bool nosleep);
/* => any context; entry not on any map, references gone */
void uvm_mapent_free(struct vm_map_entry *e);
/* => insert behind prev / take out, with the map's counts */
void uvm_mapent_link(
    vm_map_t map, struct vm_map_entry *prev, struct vm_map_entry *e);
void uvm_mapent_unlink(vm_map_t map, struct vm_map_entry *e);
/* Entries on their way to a map, by me_next.  Fields: of whoever moves them. */
struct uvm_mapent_chain {
	struct vm_map_entry *mc_first; /* [thread] */
	struct vm_map_entry **mc_tailp; /* [thread] */
};
/* => the chain is empty */
void uvm_mapent_chain_init(struct uvm_mapent_chain *mc);
/* => entry on no map, behind the others of the chain */
void uvm_mapent_chain_add(struct uvm_mapent_chain *mc, struct vm_map_entry *e);
/* => map write-locked: the chain, whose addresses are free from va on, is on
 *    it, and empty; the last entry */
struct vm_map_entry *
uvm_mapent_chain_link(vm_map_t map, vaddr_t va, struct uvm_mapent_chain *mc);
/* => src write-locked; *np: an entry for dst, on no map, that shares the memory
 *    of [from, to) of e; 0 or ENOMEM */
int uvm_mapent_share(vm_map_t src, struct vm_map_entry *e, vaddr_t from,
    vaddr_t to, vm_map_t dst, struct vm_map_entry **np);
/* => for an entry that is copied: one more reference to object or submap */
void uvm_mapent_ref_object(struct vm_map_entry *e);

/*
 * The gate: may this entry be changed so?  Maximum protection, W^X of the
 * kernel, submaps and immutable entries are decided here and nowhere else.
 * => map locked; 0; EINVAL: submap; EPERM: immutable; EACCES: prot
 */
enum uvm_change {
	UVM_CHANGE_PROT, /* current protection to prot */
	UVM_CHANGE_MAXPROT, /* and the maximum with it */
	UVM_CHANGE_UNMAP, /* unmap or replace */
	UVM_CHANGE_INHERIT, /* inheritance */
	UVM_CHANGE_DISCARD /* throw its contents away */
};
int uvm_map_gate(vm_map_t map, struct vm_map_entry *e, enum uvm_change change,
    vm_prot_t prot);

/*
 * Unmapping in two steps: entries come off under the lock, their references
 * are dropped without it.
 * => map write-locked; removes pmap mappings; list (me_next) before *deadp
 */
void uvm_unmap_remove(
    vm_map_t map, vaddr_t start, vaddr_t end, struct vm_map_entry **deadp);
/* => as uvm_unmap_remove() of everything, with one walk of the pmap */
void uvm_unmap_all(vm_map_t map, struct vm_map_entry **deadp);
/* => unlocked */
void uvm_unmap_detach(struct vm_map_entry *dead);
/* => unlocked; as uvm_unmap(), but the gate is asked: 0 or EPERM, no change */
int uvm_unmap_user(vm_map_t map, vaddr_t start, vaddr_t end);

/* Tests: asked instead of PMAP_PREFER, which is nothing here; NULL: not. */
extern vaddr_t (*uvm_prefer_hook)(voff_t hint, vaddr_t va);
/* => unlocked; where uvm_map() would go, *vap the hint or (fixed) the place;
 *    0 or ENOMEM */
int uvm_map_query(
    vm_map_t map, vaddr_t *vap, vsize_t size, voff_t uoffset, bool fixed);

/* => the same with the map locked, either way */
int uvm_map_query_locked(
    vm_map_t map, vaddr_t *vap, vsize_t size, voff_t uoffset, bool fixed);

/* -- Range operations beyond uvm_extern.h ----------------------------------------- */

/* => unlocked; as uvm_map_protect(), but ENOMEM if the range has a gap */
int uvm_map_protect_nogap(
    vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t new_prot);
/* => write-locked on entry and exit; unwires what is wired in the range */
void uvm_map_unwire_range(vm_map_t map, vaddr_t start, vaddr_t end);
/*
 * Nothing of the entry is wired any more, also not by uvm_vslock().
 * => map write-locked; its mappings are about to go
 */
void uvm_mapent_unwire(vm_map_t map, struct vm_map_entry *e);
/* => map locked; first entry that ends above va, or the head */
struct vm_map_entry *uvm_map_first(vm_map_t map, vaddr_t va);
/* => map locked; TRUE: every address of the range is in an entry, no HOLE */
bool uvm_map_covered(vm_map_t map, vaddr_t start, vaddr_t end);
/* => map locked; bytes of the range that are in entries, no HOLE */
vsize_t uvm_map_mapped_bytes(vm_map_t map, vaddr_t start, vaddr_t end);
/*
 * Give the contents of a range back to the state they had when it was mapped
 * (zero, or the object's): private memory is freed, shared memory only unmapped.
 * => write-locked on entry and exit; the caller has asked the gate
 */
void uvm_map_discard(
    vm_map_t map, struct vm_map_entry *e, vaddr_t start, vaddr_t end);
/*
 * Let the pagers flush the objects' pages in a range.
 * => write-locked on entry and exit, not between; entries stay as they are
 * => 0; EIO: something could not be written
 */
int uvm_map_flush(vm_map_t map, vaddr_t start, vaddr_t end, int flags);
/* => map locked, the entry has an amap, locked either way: has another map a
 *    part of this memory, [start, end) of the entry? */
bool
uvm_map_amap_shared(const struct vm_map_entry *e, vaddr_t start, vaddr_t end);
/*
 * Page by page: make the range resident as by an access.
 * => unlocked; 0 or the errno of the first fault that fails
 */
int
uvm_map_populate(vm_map_t map, vaddr_t start, vaddr_t end, vm_prot_t access);
/*
 * Read pages of files that are mapped there, while there is memory to spare.
 * => unlocked; 0, or ENOMEM: a gap
 */
int uvm_map_fetch(vm_map_t map, vaddr_t start, vaddr_t end);
/*
 * Page a range out, and wait until that is done.
 * => map unlocked; what cannot be paged out stays; 0, or ENOMEM: a gap
 */
int uvm_map_pageout(vm_map_t map, vaddr_t start, vaddr_t end);
/* => fills struct uvm_mapinfo[] at user address oldp; *oldlenp bytes there are,
 *    then bytes written; oldp NULL: bytes needed; 0, ESRCH, ENOMEM, EFAULT */
struct uvm_mapinfo;
struct vmspace;
/*
 * Describe vm's entries in an array of room; entries that came since it was
 * sized are left out.
 * => vm referenced, unlocked; how many
 */
size_t
uvm_map_snapshot(struct vmspace *vm, struct uvm_mapinfo *mi, size_t room);
int uvm_map_sysctl_info(pid_t pid, void *oldp, size_t *oldlenp);

/*
 * The entry's amap is about to be shared: what was read here as zero may be
 * written elsewhere from now on, so it must fault again (uvm_fault_fast.c).
 * => write-locked, amap unlocked; pages of anons, wired perhaps, stay mapped
 */
void uvm_map_unshare_zero(vm_map_t map, struct vm_map_entry *e);

/* -- Moving and resizing (uvm_mremap.c) ------------------------------------------ */

struct proc;
/* What mremap() is asked for, in bytes, whole pages.  Members: [thread]. */
struct uvm_remap {
	vaddr_t old; /* [thread] */
	vsize_t osize, nsize; /* [thread] osize 0: one mapping more (shared) */
	int flags; /* [thread] MREMAP_* */
	vaddr_t to; /* [thread] FIXED: address, DONTUNMAP: hint; then where */
};
/* => unlocked; p: whose limits count, or NULL; see uvm_mremap.c */
int uvm_map_remap(vm_map_t map, struct proc *p, struct uvm_remap *rq);

/* -- Address-space randomisation ----------------------------------------------- */

/* => exec: seed of the space (0: off), and with it the base of mmap */
void uvm_map_set_seed(vm_map_t map, uint64_t seed);

/* -- Address spaces beyond uvm_extern.h (uvm_space.c) ---------------------------- */

struct process;
/* => boot, from uvm_map_init */
void uvm_space_init(void);
/* => pr's address space with a reference (uvmspace_free drops it); NULL: none;
 *    takes ps_lock */
struct vmspace *uvmspace_hold(struct process *pr);

/* DEBUG and tests: audits tree, list, gaps, counts; panics on a violation */
void uvm_map_audit(vm_map_t map);

#endif
