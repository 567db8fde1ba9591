/*
 * Pages of physical memory.
 *
 * A page belongs to a uvm_object or to an anon and is then protected by that
 * owner's lock, or to nobody (kernel memory, page tables, free).
 */
#ifndef _UVM_UVM_PAGE_H_
#define _UVM_UVM_PAGE_H_

#include <sys/param.h>
#include <sys/atomic.h>
#include <sys/queue.h>
#include <uvm/uvm_extern.h>
#include <pmap/pmap.h> /* struct vm_page_md */

/*
 * Locks used to protect members of a page:
 *	I	immutable after uvm_page_init
 *	o	owner's lock (amap lock of the anon, or object lock)
 *	Q	page-queue lock (uvm.pageqlock)
 *	F	free-page lock, or the magazine's hart with interrupts off
 *	a	atomic operations
 *	p	pmap (see pmap/pmap.h)
 * pageq is [Q] on a paging queue, [F] on a free list, else the owner's.
 */
struct vm_page {
	TAILQ_ENTRY(vm_page) pageq;
	struct uvm_object *uobject; /* [o] object, or NULL */
	struct vm_anon *uanon; /* [o] anon, or NULL */
	voff_t offset; /* [o] in uobject, bytes */
	volatile uint32_t pg_flags; /* [a] PG_* by owner, PQ_* by [Q] */
	uint32_t pg_ppn; /* [I] physical page number */
	uint16_t wire_count; /* [Q] + [o] to change */
	uint16_t loan_count; /* [Q] */
	uint8_t pg_order; /* [F] free: order of the block it heads, plus one; */
	/* PQ_PENDING: hart in whose batch it is */
	uint8_t pg_freelist; /* [I] */
	uint16_t pg_seg; /* [I] index of its vm_physseg */
	struct vm_page_md mdpage; /* [p] */
};

#define PG_BUSY     0x00000001 /* [o] under I/O or construction */
#define PG_WANTED   0x00000002 /* [o] someone waits for PG_BUSY to go */
#define PG_TABLED   0x00000004 /* [o] in its object's tree */
#define PG_CLEAN    0x00000008 /* [o] backing store holds the same */
#define PG_CLEANCHK 0x00000010 /* [o] clean bit checked by clustering */
#define PG_RELEASED 0x00000020 /* [o] free it when no longer busy */
#define PG_FAKE     0x00000040 /* [o] contents not defined yet */
#define PG_RDONLY   0x00000080 /* [o] mapped read-only only */
#define PG_ZERO     0x00000100 /* [F] free and zero-filled */
#define PG_TEXT     0x00000200 /* [o] counted in vtextpages */
#define PG_HOLE     0x00000400 /* [o] of a file that has no place for it yet */
#define PG_DIRTY \
	0x00000800 /* [o] of a file, counted as dirty: only then may a */
/* mapping write to it */

#define PQ_FREE             0x00010000 /* [F] on a free list */
#define PQ_INACTIVE         0x00020000 /* [Q] */
#define PQ_ACTIVE           0x00040000 /* [Q] */
#define PQ_MAGAZINE         0x00080000 /* [F] free, in a hart's magazine */
#define PQ_ANON             0x00100000 /* [o] counted in anonpages, owned by an anon */
#define PQ_AOBJ             0x00200000 /* [o] counted in anonpages, owned by an aobj */
#define PQ_PENDING          0x00400000 /* in a hart's batch of activations */
#define PQ_GAP              0x00800000 /* [I] no page: between two segments */
#define PQ_QUEUED           (PQ_INACTIVE | PQ_ACTIVE)

#define VM_PAGE_TO_PHYS(pg) ((paddr_t)(pg)->pg_ppn << PAGE_SHIFT)
#define VM_PAGE_TO_DMAP(pg) PHYS_TO_DMAP(VM_PAGE_TO_PHYS(pg))

/* A range of physical memory handed to uvm_page_physload(); byte addresses. */
struct vm_physseg {
	paddr_t start, end; /* [I] */
	paddr_t avail_start, avail_end; /* [I] but pmap_steal_memory at boot */
	int free_list; /* [I] */
	struct vm_page *pgs, *lastpg; /* [I] its pages, last + 1 */
};
extern struct vm_physseg vm_physmem[VM_PHYSSEG_MAX]; /* [I], ascending */
extern int vm_nphysseg; /* [I] */

/*
 * Where most memory lies: segments that are close together share one array of
 * pages, with PQ_GAP for what lies between them.
 */
struct vm_physmain {
	paddr_t pm_start; /* [I] first byte */
	psize_t pm_size; /* [I] bytes; 0 as long as there are no pages */
	struct vm_page *pm_pgs; /* [I] */
};
extern struct vm_physmain vm_physmain; /* [I] after uvm_page_init */
struct vm_page *vm_physseg_search(paddr_t pa); /* => as PHYS_TO_VM_PAGE() */

/* => page of a physical address, NULL if not managed; any context */
static inline struct vm_page *
PHYS_TO_VM_PAGE(paddr_t pa)
{
	paddr_t off = pa - vm_physmain.pm_start;
	struct vm_page *pg;

	if (__predict_true(off < vm_physmain.pm_size)) {
		pg = vm_physmain.pm_pgs + atop(off);
		return __predict_true((pg->pg_flags & PQ_GAP) == 0) ? pg : NULL;
	}
	return vm_physseg_search(pa);
}

/* => boot, from uvm_init: builds the page array, the free lists */
void uvm_page_init(vaddr_t *kvm_start, vaddr_t *kvm_end);
/*
 * Pages of a loaded segment that lay outside its avail range (the initrd, once
 * unpacked) become free; npages grows.
 * => byte addresses, cut inwards to whole pages; thread context
 */
void uvm_page_addrange(paddr_t start, paddr_t end);

/* -- Owner's view (uvm_page.c); owner's lock held for writing ---------------- */
/*
 * => PG_BUSY goes; wakes waiters; frees the page if PG_RELEASED (TRUE then)
 * => else an object's page that may be paged out is on a queue, whatever it was
 *    busy for: the daemon finds it there only
 */
bool uvm_page_unbusy(struct vm_page *pg);
/*
 * Take away all mappings of a page, for instance because another one is in its
 * place now, and with wired mappings their wirings: the next fault on a wired
 * address wires what it finds.
 * => owner's lock held for writing
 */
void uvm_page_unmap(struct vm_page *pg);
/* => sleep until pg may not be busy any more; the owner's lock is dropped and
 *    NOT retaken: look everything up again */
void uvm_page_wait(struct vm_page *pg, struct rwlock *owner, const char *wmesg);
/*
 * Free n pages at once: anons' or nobody's, not loaned, not busy to anyone else.
 * => as uvm_pagefree() of each, for a fraction of its cost
 */
void uvm_pagefree_bulk(struct vm_page **pgs, size_t n);
/* => object's page at off (page-aligned), or NULL; object lock held */
struct vm_page *uvm_pagelookup(struct uvm_object *obj, voff_t off);
void uvm_pagezero(struct vm_page *pg);
void uvm_pagecopy(struct vm_page *src, struct vm_page *dst);

/* -- Paging queues (uvm_pageq.c): they take uvm.pageqlock themselves ---------- */
/* => owner's lock held for writing */
void uvm_pagewire(struct vm_page *pg);
void uvm_pageunwire(struct vm_page *pg);
void uvm_pageactivate(struct vm_page *pg);
/* => clears the reference attribute, re-evaluates PG_CLEAN; no mutex held */
void uvm_pagedeactivate(struct vm_page *pg);
/*
 * The same in two steps, for the second is dear for one page and cheap for many.
 * => TRUE: moved; uvm_pages_age() follows before the owner's lock is released,
 *    so that nobody sees the page as referenced by what was before
 */
bool uvm_pageq_deactivate(struct vm_page *pg);
void uvm_pages_age(struct vm_page **pgs, u_int n);
void uvm_pagedequeue(struct vm_page *pg);
/*
 * Put every hart's pending activations on the queue (they are batched).
 * => no page queue lock held
 */
void uvm_pageq_flush(void);
/* => uvm.pageqlock held, pg is in no batch; it is on no queue afterwards */
void uvm_pageq_remove(struct vm_page *pg);
/* => boot */
void uvm_pageq_init(void);
/* => off its queue and not wired any more: it is about to be freed */
void uvm_pageq_release(struct vm_page *pg);
/* => same for n pages, none of them pending */
void uvm_pageq_release_bulk(struct vm_page **pgs, size_t n);
/*
 * Page new, which nobody owns, takes the place of pg in its object; pg is freed.
 * => object write-locked, pg without mappings; needs no memory
 */
void uvm_pagereplace(struct vm_page *pg, struct vm_page *new);
/*
 * Page pg, which is the caller's alone, becomes the object's.
 * => object write-locked, no page at off; busy on exit; 0, ENOMEM
 */
int uvm_page_adopt(struct vm_page *pg, struct uvm_object *obj, voff_t off);
/* => owner write-locked; pg is on its queue or on none, but in no batch */
void uvm_pagesettle(struct vm_page *pg);
/* => lengths of the queues, pages pending for the active one included */
int uvm_pageq_active(void);
int uvm_pageq_inactive(void);
/* => pages with a wire count */
int uvm_pageq_wired(void);

/* => unowned page: for page tables, pools; NULL, never sleeps */
#define uvm_page_get_unowned(flags) uvm_pagealloc(NULL, 0, NULL, (flags))

#endif
