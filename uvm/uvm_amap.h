/*
 * Amaps: the anonymous layer of a mapping, an array of anons whose storage is
 * private to uvm_amap_slots.c and grows with the pages present.
 */
#ifndef _UVM_UVM_AMAP_H_
#define _UVM_UVM_AMAP_H_

#include <sys/lock.h>
#include <sys/atomic.h>
#include <uvm/uvm_anon.h>
#include <uvm/uvm_pagetree.h>

struct vm_map;
struct vm_map_entry;

#define UVM_AMAP_LARGE 256 /* slots above which needs-copy is cut to pieces */
#define UVM_AMAP_CHUNK 16
#define AMAP_SHARED    1 /* may be referenced by more than one map */
#define AMAP_REFALL    2 /* the operation concerns every slot */

/*
 * One lock serves an amap and, because anons move between the amaps of a
 * family by copy-on-write, all amaps made from it by amap_copy().
 */
struct amap_lock {
	struct rwlock aml_lock; /* LR_AMAP */
	refcnt_t aml_refs; /* [a] amaps that use it */
};

#define AMAP_INLINE 4 /* slots kept in the amap itself */

/*
 * Locks used to protect members of an amap:
 *	l	am_lock
 *	I	immutable
 */
struct vm_amap {
	struct amap_lock *am_lock; /* [I] */
	int am_ref; /* [l] map entries that refer to it */
	int am_flags; /* [l] AMAP_SHARED */
	uint32_t am_nslot; /* [l] slots in use by entries, size in pages */
	uint32_t am_nused; /* [l] slots that hold an anon */
	struct vm_anon *am_inline[AMAP_INLINE]; /* [l] if am_nslot fits */
	struct uvm_pagetree am_tree; /* [l] else: anon by slot */
	uint8_t *am_ppref; /* [l] reserved for partial references, or NULL */
};

/* An entry's reference: which amap and where in it the entry begins. */
struct vm_aref {
	uint32_t ar_pageoff; /* [map lock] first slot */
	uint32_t ar_unused;
	struct vm_amap *ar_amap; /* [map lock] or NULL */
};

#define amap_lock_write(am) rw_enter_write(&(am)->am_lock->aml_lock)
#define amap_lock_read(am)  rw_enter_read(&(am)->am_lock->aml_lock)
#define amap_unlock(am)	    rw_exit(&(am)->am_lock->aml_lock)
#define amap_write_held(am) rw_write_held(&(am)->am_lock->aml_lock)
#define anon_write_held(an) rw_write_held(&(an)->an_lock->aml_lock)

void uvm_amap_init(void);
/* => new amap of npages slots, one reference, unlocked; NULL: no memory
 *    (waitok: sleeps instead) */
struct vm_amap *amap_alloc(u_int npages, bool waitok);
/* => last reference gone, no anons left; unlocked */
void amap_free(struct vm_amap *amap);
/*
 * References of map entries: [offset, offset + len) slots in pages.
 * => amap unlocked; amap_unref frees anons nobody else maps, may free the amap
 */
void amap_ref(struct vm_amap *amap, u_int offset, u_int len, int flags);
void amap_unref(struct vm_amap *amap, u_int offset, u_int len, int flags);
/*
 * Clear needs-copy of an entry: give it an amap of its own.
 * => map write-locked; 0 or ENOMEM (entry unchanged); may clip the entry to a
 *    piece around [start, end) if it is large and canchunk
 */
int amap_copy(struct vm_map *map, struct vm_map_entry *entry, bool waitok,
    bool canchunk, vaddr_t start, vaddr_t end);
/* => fork of a wired entry: child's copy of every page now; child's map new */
void amap_cow_now(struct vm_map *map, struct vm_map_entry *entry);
/* => grow the amap under an entry by addpages at its end; 0 or ENOMEM */
int amap_extend(struct vm_map_entry *entry, u_int addpages);
/* => entry is being split at splitpages: second half takes a reference */
void amap_splitref(struct vm_aref *orig, struct vm_aref *split,
    u_int splitpages);
/* => write-protect every mapping of the entry's anons; map locked */
void amap_share_protect(struct vm_map_entry *entry, vm_prot_t prot);

/* => amap locked (either way) */
struct vm_anon *amap_lookup(struct vm_aref *aref, vaddr_t offset);
void amap_lookups(struct vm_aref *aref, vaddr_t offset,
    struct vm_anon **anons, int npages);
/* => amap write-locked; 0, or ENOMEM with nothing changed (storage) */
int amap_add(struct vm_aref *aref, vaddr_t offset, struct vm_anon *anon,
    bool replace);
/* => amap write-locked; the anon keeps its reference */
void amap_unadd(struct vm_aref *aref, vaddr_t offset);
/*
 * Drop the anons of a range that is discarded (madvise) and leave slots empty.
 * => amap write-locked, mappings already removed
 */
void amap_discard(struct vm_aref *aref, vaddr_t offset, u_int npages);
/* => iterate: next anon at slot >= *slot below end, or NULL; locked */
struct vm_anon *amap_next(struct vm_amap *amap, u_int *slot, u_int end);

#endif
