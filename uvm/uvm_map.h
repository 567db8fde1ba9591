/* Maps: address ranges, what backs them and with what rights. */
#ifndef _UVM_UVM_MAP_H_
#define _UVM_UVM_MAP_H_

#include <sys/lock.h>
#include <uvm/uvm_amap.h>

struct uvm_object;

/*
 * Locks used to protect members of an entry:
 *	m	map lock
 * The gap tree (uvm_maptree.c) is balanced and augmented with the largest gap,
 * so that lookup and the search for space take O(log n).
 */
struct vm_map_entry {
	struct vm_map_entry *me_left, *me_right, *me_parent; /* [m] tree */
	struct vm_map_entry *me_prev, *me_next; /* [m] by address */
	vaddr_t start, end; /* [m] */
	vsize_t me_gap; /* [m] free bytes after end, up to the next or max */
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
	uint8_t me_color; /* [m] tree balance */
	uint8_t me_flags; /* [m] ME_* */
	uint32_t wired_count; /* [m] */
};

#define UVM_ET_OBJ	   0x01
#define UVM_ET_SUBMAP	   0x02
#define UVM_ET_COPYONWRITE 0x04
#define UVM_ET_NEEDSCOPY   0x08
#define UVM_ET_HOLE	   0x10

#define ME_STATIC	   0x01 /* from the static pool of interrupt-safe maps */
#define ME_NOMERGE	   0x02
#define ME_IMMUTABLE	   0x04 /* mimmutable */
#define ME_STACK	   0x08
#define ME_KMTYPE	   0x30 /* NB7 allocation type + 1: checked at free */
#define ME_NOFAULT	   0x40 /* owner wires it: a fault here is an error */

#define UVM_ET_ISOBJ(e)	      (((e)->etype & UVM_ET_OBJ) != 0)
#define UVM_ET_ISSUBMAP(e)    (((e)->etype & UVM_ET_SUBMAP) != 0)
#define UVM_ET_ISCOPYONWRITE(e) (((e)->etype & UVM_ET_COPYONWRITE) != 0)
#define UVM_ET_ISNEEDSCOPY(e) (((e)->etype & UVM_ET_NEEDSCOPY) != 0)
#define UVM_ET_ISHOLE(e)      (((e)->etype & UVM_ET_HOLE) != 0)
#define VM_MAPENT_ISWIRED(e)  ((e)->wired_count != 0)

/*
 * Locks used to protect members of a map:
 *	I	immutable after uvm_map_setup
 *	m	map lock: vm_lock, or vm_mtx if VM_MAP_INTRSAFE
 *	f	vm_mtx (flags only)
 *	a	atomic operations
 */
struct vm_map {
	struct rwlock vm_lock; /* LR_MAP or LR_KMAP */
	struct mutex vm_mtx; /* LR_KMAPINTR */
	struct pmap *pmap; /* [I] */
	struct vm_map_entry *vm_root; /* [m] tree */
	struct vm_map_entry vm_head; /* [m] list head; start=end=min_offset */
	int nentries; /* [m] */
	volatile uint32_t flags; /* [a] VM_MAP_* */
	vaddr_t min_offset, max_offset; /* [m] changed by exec only */
	vsize_t size; /* [m] bytes mapped */
	vaddr_t vm_hint; /* [a] where the last search ended */
	u_int timestamp; /* [m] +1 at each change under a write lock */
	int ref_count; /* [a] kernel maps */
	uint64_t vm_seed; /* [m] address-space randomisation; 0: none */
};

#define vm_map_min(map)	 ((map)->min_offset)
#define vm_map_max(map)	 ((map)->max_offset)
#define vm_map_pmap(map) ((map)->pmap)

/* The entries by address; the head stands for both ends. */
#define VM_MAP_FOREACH(e, map)                                     \
	for ((e) = (map)->vm_head.me_next; (e) != &(map)->vm_head; \
	    (e) = (e)->me_next)

/* => boot */
void uvm_map_init(void);
/* => map not known to anyone */
void uvm_map_setup(vm_map_t map, struct pmap *pmap, vaddr_t min, vaddr_t max,
    int flags);
vm_map_t uvm_map_create(struct pmap *pmap, vaddr_t min, vaddr_t max,
    int flags);
/* => no entries are left, nobody knows the map */
void uvm_map_teardown(vm_map_t map);

/* => thread context (any for VM_MAP_INTRSAFE) */
void vm_map_lock(vm_map_t map);
/* => TRUE: write-locked */
bool vm_map_lock_try(vm_map_t map);
void vm_map_unlock(vm_map_t map);
void vm_map_lock_read(vm_map_t map);
void vm_map_unlock_read(vm_map_t map);
void vm_map_downgrade(vm_map_t map);
bool vm_map_upgrade(vm_map_t map); /* => FALSE: read lock is lost too */

/*
 * Map write-locked.  Clipping splits an entry at an address inside it; it
 * cannot fail: callers reserve entries with uvm_mapent_reserve() first where
 * that matters, otherwise the pool sleeps.
 */
void uvm_map_clip_start(vm_map_t map, struct vm_map_entry *e, vaddr_t va);
void uvm_map_clip_end(vm_map_t map, struct vm_map_entry *e, vaddr_t va);

/*
 * Unmapping in two steps: entries come off under the lock, their references
 * are dropped without it.
 * => map write-locked; removes pmap mappings; list in *deadp
 */
void uvm_unmap_remove(vm_map_t map, vaddr_t start, vaddr_t end,
    struct vm_map_entry **deadp);
/* => unlocked */
void uvm_unmap_detach(struct vm_map_entry *dead);

/* DEBUG and tests: audits tree, list, gaps, counts; panics on a violation */
void uvm_map_audit(vm_map_t map);

#endif
