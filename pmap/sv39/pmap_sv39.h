/* Sv39: struct pmap and the per-page part of pmap(9). */
#ifndef _PMAP_SV39_PMAP_SV39_H_
#define _PMAP_SV39_PMAP_SV39_H_

#include <sys/types.h>
#include <sys/lock.h>
#include <sys/queue.h>

struct vm_page;

typedef uint64_t pt_entry_t;

/*
 * A managed mapping, found from its page.  The first one of a page lies in the
 * page itself, so most pages need no allocation.
 * Locks used to protect members:
 *	v	the page's pv lock
 */
struct pv_entry {
	struct pv_entry *pv_next; /* [v] */
	struct pmap *pv_pmap; /* [v] NULL: the inline entry is not in use */
	vaddr_t pv_va; /* [v] */
};

/*
 * Locks used to protect members:
 *	v	the page's pv lock, which is bit PVA_LOCK of md_attr
 *	a	atomic operations
 */
struct vm_page_md {
	struct pv_entry md_pv; /* [v] first mapping */
	volatile uint32_t md_attr; /* [a] PVA_* */
};

/* => the page has no mappings and is about to be free: forget its past */
static inline void
vm_page_md_reset(struct vm_page_md *md)
{
	md->md_attr = 0;
}

/* => does any managed mapping of the page exist?  exact with its pv lock */
static inline bool
vm_page_md_ismapped(const struct vm_page_md *md)
{
	return md->md_pv.pv_pmap != NULL;
}

#define PVA_REF    0x1 /* page was referenced */
#define PVA_MOD    0x2 /* page was modified */
#define PVA_ICLEAN 0x4 /* every hart fetches what memory holds */
#define PVA_LOCK   0x8 /* pv lock */

/* Could an instruction fetch see old contents of pg? (pmap.h) */
#define PMAP_PAGE_FETCHABLE(pg) \
	((atomic_load(&(pg)->mdpage.md_attr) & PVA_ICLEAN) != 0)

/*
 * Is va's the first mapping of the page?  A hint that costs two loads: FALSE
 * says nothing if the page has several mappings.
 */
static inline bool
vm_page_md_first_at(
    const struct vm_page_md *md, const struct pmap *pm, vaddr_t va)
{
	return md->md_pv.pv_pmap == pm && md->md_pv.pv_va == va;
}

/*
 * Locks used to protect members of a pmap:
 *	I	immutable after pmap_create
 *	p	pm_mtx
 *	a	atomic operations
 */
struct pmap {
	struct mutex pm_mtx; /* LR_PMAP */
	pt_entry_t *pm_root; /* [I] root table, direct map */
	paddr_t pm_rootpa; /* [I] its physical address */
	unsigned long pm_asid; /* [I] 0: none, flush at each activation */
	volatile uint64_t pm_harts; /* [a] harts that may hold translations */
	unsigned int pm_refs; /* [a] */
	volatile unsigned int pm_unfenced; /* [a] harts that took rights from
					      it by a page, not fenced yet */
	long pm_resident; /* [a] */
	long pm_wired; /* [a] */
	struct {
		struct vm_page *tqh_first, **tqh_last;
	} pm_ptpages; /* [p] pages of its tables */
};

#endif
