/*
 * Amaps: the anonymous layer of a mapping, an array of anons by slot.
 *
 * Two things grow with what is present and never with the range: the storage
 * of the anons (struct amap_store, uvm_amap_slots.c) and the count of map
 * entries per slot (struct amap_cover, uvm_amap_cover.c), which tells which
 * pages nobody maps any more when a part of a shared amap is unmapped.
 */
#ifndef _UVM_UVM_AMAP_H_
#define _UVM_UVM_AMAP_H_

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/atomic.h>
#include <uvm/uvm_anon.h>

struct vm_map;
struct vm_map_entry;

#define UVM_AMAP_LARGE 256 /* pages above which needs-copy is cut to pieces */
#define UVM_AMAP_CHUNK 16 /* of this many pages (amap_copy, canchunk) */
#define AMAP_SHARED    1 /* may be written through more than one map */
#define AMAP_REFALL    2 /* the operation concerns every slot */

/*
 * One lock serves an amap and, because anons move between the amaps of a
 * family by copy-on-write, all amaps made from it by amap_copy().
 */
struct amap_lock {
	struct rwlock aml_lock; /* LR_AMAP */
	refcnt_t aml_refs; /* [a] amaps, and loaned anons, that use it */
};

/*
 * Storage of slots: four of them inline, beyond that a radix tree of nodes
 * with 64 slots, as high as the largest slot in use needs.
 *
 * The owner's lock protects it, with one exception: as long as nobody can
 * clear slots, a thread may look for a slot without the lock.  Therefore a
 * node is complete before it is linked, and root and height are one word.
 * Locks used to protect members: l owner's lock
 */
#define AMAP_INLINE     4
#define AMAP_NODE_SHIFT 6
#define AMAP_NODE_SLOTS (1 << AMAP_NODE_SHIFT)

struct amap_node {
	uint32_t nd_count; /* [l] slots in use */
	uint32_t nd_unused; /* [l] padding */
	void *nd_slot[AMAP_NODE_SLOTS]; /* [l] anons in a leaf, else nodes */
};

struct amap_store {
	uintptr_t as_top; /* [l] root and height of the tree; 0: inline */
	uint32_t as_count; /* [l] anons present */
	uint32_t as_unused; /* [l] padding */
	struct vm_anon *as_inline[AMAP_INLINE]; /* [l] if as_top is 0 */
};

#define AMAP_MAXHEIGHT        6UL /* levels of nodes: 32 bits of slot */
#define AMAP_TOP(root, h)     ((uintptr_t)(root) | (h))
#define AMAP_TOP_HEIGHT(t)    ((u_int)((t)&7))
#define AMAP_TOP_ROOT(t)      ((struct amap_node *)((t) & ~(uintptr_t)7))
#define amap_store_height(as) AMAP_TOP_HEIGHT((as)->as_top)

/*
 * Map entries per slot, as a step function: step i holds from its slot to the
 * next step's, the last one for ever.  What it says of slots that no entry
 * refers to is meaningless.
 * Members [l]: the amap's lock.
 */
struct amap_step {
	uint32_t st_slot; /* first slot; 0 in the first step */
	uint32_t st_refs; /* entries that refer to each slot, at least 1 */
};

#define AMAP_STEPS 4 /* inline */
#define AMAP_END   UINT32_MAX /* beyond every slot */

/* Members [l]: the amap's lock. */
struct amap_cover {
	struct amap_step *ac_step; /* ascending; ac_inline or allocated */
	uint32_t ac_n; /* steps, at least 1 */
	uint32_t ac_max; /* room for steps */
	struct amap_step ac_inline[AMAP_STEPS];
};

/*
 * Locks used to protect members of an amap:
 *	l	am_lock
 *	I	immutable
 */
struct vm_amap {
	struct amap_lock *am_lock; /* [I] */
	int am_ref; /* [l] map entries that refer to it; falls to 1 only after
		       the slots nobody refers to were emptied */
	int am_flags; /* [l] AMAP_SHARED */
	uint32_t am_nslot; /* [l] size in pages; entries end here or before */
	uint32_t am_swapin; /* [l] slot read from swap last, plus one, or 0 */
	struct amap_store am_store; /* [l] anon by slot */
	struct amap_cover am_cover; /* [l] entries by slot */
};

/* An entry's reference: which amap and where in it the entry begins. */
struct vm_aref {
	uint32_t ar_pageoff; /* [map lock] first slot */
	uint32_t ar_unused; /* [map lock] padding */
	struct vm_amap *ar_amap; /* [map lock] or NULL */
};

#define amap_lock_write(am) rw_enter_write(&(am)->am_lock->aml_lock)
#define amap_lock_read(am)  rw_enter_read(&(am)->am_lock->aml_lock)
#define amap_unlock(am)     rw_exit(&(am)->am_lock->aml_lock)
#define amap_write_held(am) rw_write_held(&(am)->am_lock->aml_lock)
#define amap_held(am)       rw_lock_held(&(am)->am_lock->aml_lock)
#define anon_write_held(an) rw_write_held(&(an)->an_lock->aml_lock)

/* => boot, once: pools */
void uvm_amap_init(void);

/* -- Life and references (uvm_amap.c) -------------------------------------- */

/* => new amap of npages slots, one reference to all of it, unlocked
 * => NULL: no memory (waitok: sleeps instead) */
struct vm_amap *amap_alloc(u_int npages, bool waitok);
/* => last reference gone, no anons left; unlocked */
void amap_free(struct vm_amap *amap);
/* => drops a reference to a family's lock, which nobody holds */
void amap_lock_rele(struct amap_lock *lock);
/*
 * References of map entries to the slots [offset, offset + len).
 * => amap unlocked; neither fails nor sleeps for memory
 * => flags: AMAP_REFALL: all slots; AMAP_SHARED (amap_ref): both sides may
 *    write without copying
 * => amap_unref frees the anons nobody else maps, and with the last reference
 *    the amap
 */
void amap_ref(struct vm_amap *amap, u_int offset, u_int len, int flags);
void amap_unref(struct vm_amap *amap, u_int offset, u_int len, int flags);
/*
 * Clear needs-copy of an entry: give it an amap of its own, unless nobody else
 * refers to its slots.
 * => map write-locked, amap unlocked; 0, or ENOMEM with the entry unchanged
 *    (waitok: sleeps for memory instead, unless the process is being killed)
 * => canchunk: an entry without amap of more than UVM_AMAP_LARGE pages is
 *    clipped to UVM_AMAP_CHUNK-aligned pieces around [start, end)
 */
int amap_copy(struct vm_map *map, struct vm_map_entry *entry, bool waitok,
    bool canchunk, vaddr_t start, vaddr_t end);
/*
 * Fork of a wired entry: a page of the child's own for each wired one.
 * => map: the child's, known to nobody else; the entry has its own amap
 *    (amap_copy); amap unlocked; sleeps for memory, until it is killed: the
 *    child must not run then
 */
void amap_cow_now(struct vm_map *map, struct vm_map_entry *entry);
/*
 * Grow the amap under an entry by addpages at the entry's end.
 * => map write-locked, amap unlocked; 0, or ENOMEM: other slots follow the
 *    entry's, or no memory
 */
int amap_extend(struct vm_map_entry *entry, u_int addpages);
/* => entry is being split at splitpages: second half takes a reference;
 *    map write-locked, amap unlocked */
void
amap_splitref(struct vm_aref *orig, struct vm_aref *split, u_int splitpages);
/* => two neighbouring entries became one: undoes an amap_splitref */
void amap_mergeref(struct vm_amap *amap);
/* => no more rights than prot for every mapping of the entry's anons; map
 *    locked, amap unlocked */
void amap_share_protect(struct vm_map_entry *entry, vm_prot_t prot);

/* -- Slots ----------------------------------------------------------------- */

/* => offset in bytes from the entry's start; amap locked (either way) */
struct vm_anon *amap_lookup(struct vm_aref *aref, vaddr_t offset);
void amap_lookups(
    struct vm_aref *aref, vaddr_t offset, struct vm_anon **anons, int npages);
/*
 * => amap write-locked; 0, or ENOMEM with nothing changed (never if replace)
 * => the amap takes over the caller's reference to anon, and gives up the one
 *    to the anon it replaces, whose mappings elsewhere are removed if shared
 */
int amap_add(
    struct vm_aref *aref, vaddr_t offset, struct vm_anon *anon, bool replace);
/* => the same as amap_add() with replace, by slot; there is an anon */
void amap_replace(struct vm_amap *amap, u_int slot, struct vm_anon *anon);
/* => amap and map write-locked; the caller takes over the slot's reference */
void amap_unadd(struct vm_aref *aref, vaddr_t offset);
/*
 * Drop the anons of a range that is discarded (madvise), leave slots empty.
 * => amap and map write-locked, mappings already removed, entry not needs-copy
 */
void amap_discard(struct vm_aref *aref, vaddr_t offset, u_int npages);
/* => next anon at slot >= *slot (which becomes its slot) below end, or NULL;
 *    amap locked (either way) */
struct vm_anon *amap_next(struct vm_amap *amap, u_int *slot, u_int end);

/* -- Storage (uvm_amap_slots.c, pure) -------------------------------------- */

/*
 * => where the slot is kept, or NULL: its leaf does not exist, it is empty
 * => amap locked (either way), the result good as long as it is; or not
 *    locked, but am_ref 1 and the only map that refers to it locked (either
 *    way): the result is good as long as that lock, what it points to a hint
 */
static inline struct vm_anon **
amap_store_slot(struct amap_store *as, u_int slot)
{
	uintptr_t top = atomic_load(&as->as_top);
	u_int level = AMAP_TOP_HEIGHT(top);
	struct amap_node *nd = AMAP_TOP_ROOT(top);

	if (level == 0)
		return slot < AMAP_INLINE ? &as->as_inline[slot] : NULL;
	if ((uint64_t)slot >> (AMAP_NODE_SHIFT * level) != 0)
		return NULL;
	while (--level > 0) {
		nd = atomic_load(
		    &nd->nd_slot[(slot >> (AMAP_NODE_SHIFT * level)) &
			(AMAP_NODE_SLOTS - 1)]);
		if (nd == NULL)
			return NULL;
	}
	return (struct vm_anon **)&nd->nd_slot[slot & (AMAP_NODE_SLOTS - 1)];
}

static inline struct vm_anon *
amap_store_lookup(struct amap_store *as, u_int slot)
{
	struct vm_anon **where = amap_store_slot(as, slot);

	return where == NULL ? NULL : *where;
}

/* => amap write-locked; amap_store_set() of an empty slot, where
 *    amap_store_slot() found it */
static inline void
amap_store_fill(struct amap_store *as, u_int slot, struct vm_anon **where,
    struct vm_anon *anon)
{
	if (as->as_top != 0)
		container_of((void *)(where - (slot & (AMAP_NODE_SLOTS - 1))),
		    struct amap_node, nd_slot)
		    ->nd_count++;
	as->as_count++;
	atomic_store(where, anon);
}

/* => a run of slots: *n of them from slot on; NULL: they are all empty */
struct vm_anon **amap_store_run(struct amap_store *as, u_int slot, u_int *n);
/* => 0, or ENOMEM with nothing changed (never if the slot is in use) */
int amap_store_set(struct amap_store *as, u_int slot, struct vm_anon *anon);
/* => what was there, or NULL; empty nodes are freed */
struct vm_anon *amap_store_clear(struct amap_store *as, u_int slot);
struct vm_anon *amap_store_next(struct amap_store *as, u_int *slot, u_int end);
/*
 * Empty [start, end), at most about max slots in one call.
 * => fn is told of each run of slots that may hold anons before it is emptied
 * => first slot not done, or end
 */
u_int amap_store_wipe(struct amap_store *as, u_int start, u_int end, u_int max,
    void (*fn)(void *arg, struct vm_anon **slots, u_int n), void *arg);
/*
 * Fill the empty store dst with slots [off, off + len) of src, each anon with
 * one more reference.
 * => 0, or ENOMEM with dst empty and no reference taken
 */
int amap_store_copy(
    struct amap_store *dst, struct amap_store *src, u_int off, u_int len);
/* => memory of nodes: zero-filled or NULL; never sleep */
struct amap_node *amap_node_get(void);
void amap_node_put(struct amap_node *nd);

/* -- Entries per slot (uvm_amap_cover.c, pure) ----------------------------- */

/* how often a count was left too high; atomic, for tests */
extern u_int amap_cover_short;
/* => one entry refers to every slot */
void amap_cover_init(struct amap_cover *ac);
/* => frees what it allocated */
void amap_cover_fini(struct amap_cover *ac);
/*
 * One entry more for [start, end).
 * => without memory it counts too many, which keeps pages longer, never shorter
 */
void amap_cover_ref(struct amap_cover *ac, u_int start, u_int end);
/*
 * One entry less for [start, end).
 * => release is told each run of slots that no entry refers to any more
 */
void amap_cover_unref(struct amap_cover *ac, u_int start, u_int end,
    void (*release)(void *arg, u_int start, u_int end), void *arg);
/* => FALSE: more than one entry refers to a slot of [start, end) */
bool amap_cover_single(const struct amap_cover *ac, u_int start, u_int end);
/* => from slot on one entry refers to each; 0 or ENOMEM */
int amap_cover_extend(struct amap_cover *ac, u_int slot);
/* => memory of steps: NULL when there is none; never sleep */
struct amap_step *amap_steps_get(u_int n);
void amap_steps_put(struct amap_step *st, u_int n);

#endif
