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

#define PVA_REF	    0x1 /* page was referenced */
#define PVA_MOD	    0x2 /* page was modified */
#define PVA_ICLEAN  0x4 /* every hart fetches what memory holds */
#define PVA_LOCK    0x8 /* pv lock */

/*
 * Locks used to protect members of a pmap:
 *	I	immutable after pmap_create
 *	p	pm_mtx
 *	a	atomic operations
 *	A	ASID lock
 */
struct pmap {
	struct mutex pm_mtx; /* LR_PMAP */
	pt_entry_t *pm_root; /* [I] root table, direct map */
	volatile uint64_t pm_asid; /* [a, A to change] generation and number */
	volatile uint64_t pm_harts; /* [a] harts that may hold translations */
	unsigned int pm_refs; /* [a] */
	unsigned int pm_unused;
	long pm_resident; /* [p] */
	long pm_wired; /* [p] */
	struct {
		struct vm_page *tqh_first, **tqh_last;
	} pm_ptpages; /* [p] pages of its tables */
};

#endif
