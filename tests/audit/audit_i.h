/* The auditor for its own files. */
#ifndef _TESTS_AUDIT_AUDIT_I_H_
#define _TESTS_AUDIT_AUDIT_I_H_

#include <uvm/uvm.h>
#include <uvm/uvm_pgcache.h>
#include <sys/pool.h>
#include <pmap/pmap_audit.h>
#include <tests/audit/audit.h>

/* Where a page was found; every page is in one place at most. */
enum audit_place {
	AP_NONE,
	AP_BLOCK, /* buddy block */
	AP_HOT, /* chain of hot pages */
	AP_ZERO, /* list of zeroed pages */
	AP_MAGAZINE,
	AP_OBJECT, /* tree of an object */
	AP_ANON, /* page of an anon */
	AP_POOL, /* slab of a pool */
	AP_TABLE, /* page table */
	AP_KERNEL /* unowned, pmap_kenter_pa */
};
#define AP_IS_FREE(p) ((p) >= AP_BLOCK && (p) <= AP_MAGAZINE)

/* What the walks found out about a page.  Members: the audit's. */
struct audit_page {
	uint32_t ap_maps; /* managed mappings in page tables */
	uint32_t ap_hash; /* sum over them, less that over what pg knows */
	uint16_t ap_wires; /* mappings of wired entries */
	uint16_t ap_slack; /* kernel mappings that may have wired it */
	uint16_t ap_borrow; /* anons that borrow it */
	uint8_t ap_place; /* enum audit_place */
	uint8_t ap_unused;
};

/* A map entry's reference to an amap or object.  Members: the audit's. */
struct audit_ref {
	void *ar_key; /* the amap, the object or the vmspace */
	struct vm_map_entry *ar_entry; /* or NULL */
	uint32_t ar_off, ar_end; /* slots of an amap */
};

/* The pools whose items are looked at, NULL if there is none. */
struct audit_pools {
	struct pool *space, *map, *entry; /* uvm_space.c, uvm_map*.c */
	struct pool *amap, *lock, *node, *anon; /* uvm_amap.c, uvm_anon.c */
	struct pool *aobj, *ptnode; /* uvm_aobj.c, uvm_object.c */
	struct pool *pmap, *pv; /* the port's, if it has any */
};

/* Members: the audit's. */
struct audit {
	struct audit_pools au_pool;
	struct audit_page *au_page; /* of all segments, in order */
	struct audit_ref *au_ref; /* sorted once all are there */
	uint32_t *au_end; /* indices of one amap's, by ar_end */
	size_t au_nref, au_maxref;
	long au_entries; /* entries from the pool on maps seen */
	long au_kentries; /* entries of kernel maps */
	long au_submaps; /* maps from the pool */
	long au_spaces; /* live address spaces */
	long au_ptnodes; /* nodes of objects' trees */
	long au_amapnodes;
	long au_pvs; /* mappings that pages know of */
	long au_pvmany; /* those beyond the first of each page */
	long au_swaponly; /* pages that are in swap and not in memory */
	long au_active, au_inactive, au_pending, au_wired, au_anonpages;
	long au_filepages[2]; /* of vnodes: plain, text */
	long au_dirty; /* of vnodes, with PG_DIRTY */
};
extern struct audit audit;

/* -- audit.c --------------------------------------------------------------------- */

/* => one violation, one line */
void audit_bad(const char *fmt, ...) __printflike(1, 2);
/* => is pg a page of some segment? any pointer */
bool audit_page_valid(const struct vm_page *pg);
/* => pg valid */
struct audit_page *audit_page_of(const struct vm_page *pg);
/* => pg valid; it was found in that place; FALSE: it had one already */
bool audit_place(struct vm_page *pg, enum audit_place place);
/* => fn for each page that is none of PQ_GAP */
void audit_pages(void (*fn)(struct vm_page *pg, struct audit_page *ap));
void audit_rwlock(const struct rwlock *l, const char *what, const void *of);
void audit_mutex(const struct mutex *m, const char *what, const void *of);
/* => a reference of an entry (or of a process, NULL) to key */
void audit_ref(void *key, struct vm_map_entry *e, uint32_t off, uint32_t end);
/* => after all of them */
void audit_ref_sort(void);
/* => first of the *np references to key, NULL if there is none */
struct audit_ref *audit_ref_find(const void *key, size_t *np);

/* -- audit_pool.c ------------------------------------------------------------------ */

/* => every pool; first of all, marks slabs and free items */
void audit_pools(void);
/* => items in use */
long audit_pool_count(const struct pool *pp);
/* => fn for each item in use */
void audit_pool_items(struct pool *pp, void (*fn)(void *item));
/* => is item, any pointer, an item in use? */
bool audit_pool_live(struct pool *pp, const void *item);

/* => a mapping's part of ap_hash */
static inline uint32_t
audit_map_hash(const struct pmap *pm, vaddr_t va)
{
	uint64_t x = ((uintptr_t)pm ^ va) * 0x9e3779b97f4a7c15UL;

	return (uint32_t)((x ^ (x >> 29)) * 0xbf58476d1ce4e5b9UL >> 32);
}

/* -- Walks, in this order ------------------------------------------------------------ */

void audit_free(void); /* audit_page.c: free pages */
void audit_queues(void); /* paging queues and batches */
void audit_objects(void); /* audit_object.c: kernel object and aobjs */
void audit_object(struct uvm_object *obj);
void audit_maps(void); /* audit_map.c: all maps, collects references */
void audit_map_foreach(void (*fn)(struct vm_map *map));
void audit_amaps(void); /* audit_amap.c: amaps, anons, their locks */
/* => a reference of owner (see SWO_AOBJ) to a slot, pg: the page in memory */
void audit_slot(int slot, uintptr_t owner, const struct vm_page *pg);
void audit_swap(void); /* audit_swap.c: after all references */
void audit_pmaps(void); /* audit_pmap.c: mappings against maps */
void audit_each_page(void); /* audit_page.c: what every page says */
void audit_counters(void); /* audit.c */

#endif
