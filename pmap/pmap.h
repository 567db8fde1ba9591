/*
 * pmap(9): the machine-dependent half of UVM, and the porting guide.
 *
 * A pmap is a cache of what UVM knows.  Managed mappings (pmap_enter of a page
 * with a struct vm_page) are found from the page and keep its reference and
 * modify attributes, which belong to the page and survive unmapping; unmanaged
 * ones (pmap_kenter_pa, device memory) are not.  A port provides struct pmap,
 * struct vm_page_md and every function below; it is done when
 * tests/conform passes.
 *
 * Locks: callers hold the owner's lock of a managed page (amap or object) when
 * they enter or protect it, so that two changes to one page's rights never
 * race in UVM's own terms; the pmap's locks (LR_PMAP, LR_PV) are its own.  No
 * function sleeps but pmap_create (memory); none faults.
 */
#ifndef _PMAP_PMAP_H_
#define _PMAP_PMAP_H_

#include <sys/param.h>

struct proc;
struct vm_page;
struct vmspace;

#include <machine/pmap.h> /* struct pmap, struct vm_page_md */

#define PMAP_WIRED   0x010 /* never dropped; counts in wired_count */
#define PMAP_CANFAIL 0x020 /* ENOMEM instead of panic on shortage */
#define PMAP_MD0     0x040
#define PMAP_MD1     0x080
#define PMAP_MD2     0x100
#define PMAP_MD3     0x200

/* Or-ed into the low bits of a physical address. */
#define PMAP_NOCACHE 0x1UL
#define PMAP_WC      0x2UL
#define PMAP_DEVICE  0x4UL

/* => the kernel's; the caller needs no reference */
struct pmap *pmap_kernel(void);

/* -- Start-up ---------------------------------------------------------------- */
/* => from uvm_init, after the map and km layers: pools */
void pmap_init(void);
/* => kernel virtual space not used by the bootstrap; page-aligned */
void pmap_virtual_space(vaddr_t *start, vaddr_t *end);
/* => mapped, zeroed; before the page layer; shrinks a segment's avail range */
vaddr_t pmap_steal_memory(vsize_t size, vaddr_t *start, vaddr_t *end);

/* -- Life ---------------------------------------------------------------------- */
/* => empty, one reference, kernel half mapped; never NULL, may sleep */
struct pmap *pmap_create(void);
/* => at the last reference frees the tables; no mappings remain by contract */
void pmap_destroy(struct pmap *pm);
void pmap_reference(struct pmap *pm);
/* => end of uvmspace_fork: attributes not in the map */
void pmap_fork(struct pmap *src, struct pmap *dst);
/* => p's pmap becomes the hart's, if p is curproc */
void pmap_activate(struct proc *p);
void pmap_deactivate(struct proc *p);
void pmap_unuse_final(struct proc *p);
void pmap_remove_holes(struct vmspace *vm);

/* -- Mappings ------------------------------------------------------------------ */
/*
 * => 0, or ENOMEM with PMAP_CANFAIL (old mapping gone or intact)
 * => low three bits of flags: the access that caused it; sets reference and
 *    modify accordingly, so that this access does not trap again
 */
int
pmap_enter(struct pmap *pm, vaddr_t va, paddr_t pa, vm_prot_t prot, int flags);
/*
 * As pmap_enter() of a page that only the caller knows.
 * => just allocated, not mapped, in no queue
 */
int pmap_enter_new(
    struct pmap *pm, vaddr_t va, struct vm_page *pg, vm_prot_t prot, int flags);
/*
 * Map a page of zeros, which everybody shares, for reading, if nothing is
 * mapped at va.  It is no managed page: the caller sees to it that the mapping
 * is replaced or removed when the memory gets contents.
 * => user pmap; 0 or ENOMEM
 */
int pmap_enter_zero(struct pmap *pm, vaddr_t va);
/*
 * Enter pgs[i], where it is not NULL and nothing is mapped at sva + i pages,
 * for n <= 32 pages, as by pmap_enter() for no access.
 * => owners' locks held, so that nobody else maps something there
 * => how many were entered; a shortage leaves some out; what is mapped stays as
 *    it is, wired or not
 */
unsigned pmap_enter_neighbours(struct pmap *pm, vaddr_t sva,
    struct vm_page *const *pgs, unsigned n, vm_prot_t prot);
void pmap_remove(struct pmap *pm, vaddr_t sva, vaddr_t eva);
/*
 * What is mapped in [sva, sva + len) is mapped at dva instead, with the same
 * rights, wiring and attributes; on return no hart reaches it at sva.
 * => user pmap; the ranges do not overlap, nothing is mapped at dva; nobody
 *    enters anything in either meanwhile (the map is write-locked)
 * => 0, or ENOMEM with nothing moved
 */
int pmap_move(struct pmap *pm, vaddr_t sva, vaddr_t dva, vsize_t len);
/* => never adds rights; PROT_NONE removes; keeps wiring */
void pmap_protect(struct pmap *pm, vaddr_t sva, vaddr_t eva, vm_prot_t prot);
/*
 * Grant write to what is mapped in the range of a user pmap; nothing is entered.
 * => the owner's locks of all pages there are held, and each may be written
 */
void pmap_raise(struct pmap *pm, vaddr_t sva, vaddr_t eva);
void pmap_page_protect(struct vm_page *pg, vm_prot_t prot);
/*
 * Remove every mapping of n pages, with few fences.
 * => nobody enters them meanwhile: they are busy; thread context
 */
void pmap_pages_remove(struct vm_page **pgs, unsigned n);
/* => interrupt-safe; tables exist below pmap_growkernel's result */
void pmap_kenter_pa(vaddr_t va, paddr_t pa, vm_prot_t prot);
void pmap_kremove(vaddr_t va, vsize_t size);
/* => TRUE: va was mapped, and wired */
boolean_t pmap_unwire(struct pmap *pm, vaddr_t va);
/* => TRUE: va is mapped, and wired */
boolean_t pmap_is_wired(struct pmap *pm, vaddr_t va);
/* => how many wired mappings pg has; its owner's lock held for writing */
u_int pmap_page_wirings(struct vm_page *pg);
boolean_t pmap_extract(struct pmap *pm, vaddr_t va, paddr_t *pap);
/*
 * Protection of a present mapping.
 * => TRUE: mapped; *protp what it permits now (a write that would only set the
 *    modify attribute counts as permitted)
 */
boolean_t pmap_probe(struct pmap *pm, vaddr_t va, vm_prot_t *protp);
/*
 * Which of n <= 32 pages from sva on are mapped in a user pmap: a bit for each.
 * => the address space's map is locked; a hint: it may be out of date at once
 */
uint32_t pmap_mapped_mask(struct pmap *pm, vaddr_t sva, unsigned n);
void pmap_copy(
    struct pmap *dst, struct pmap *src, vaddr_t dva, vsize_t len, vaddr_t sva);
/* => everything delayed is visible on every hart */
void pmap_update(struct pmap *pm);
void pmap_collect(struct pmap *pm);
vaddr_t pmap_growkernel(vaddr_t maxkvaddr);
vaddr_t pmap_prefer(voff_t hint, vaddr_t va);
#define PMAP_PREFER(hint, va) pmap_prefer((hint), (va))
long pmap_resident_count(struct pmap *pm);
long pmap_wired_count(struct pmap *pm);
/* => mappings of managed pages in the system: the leak oracle of the tests */
long pmap_pv_count(void);

/* -- Pages ----------------------------------------------------------------------- */
/* => pages are the caller's alone, or their owners' locks are held; any context */
void pmap_zero_page(struct vm_page *pg);
void pmap_copy_page(struct vm_page *src, struct vm_page *dst);
/* => FALSE: work became runnable and the page is not zero */
boolean_t pmap_pageidlezero(struct vm_page *pg);
boolean_t pmap_clear_modify(struct vm_page *pg);
boolean_t pmap_clear_reference(struct vm_page *pg);
/*
 * As pmap_clear_reference() of each of n pages, with few fences: on return the
 * next access of any hart sets the attribute again.
 * => owners' locks held for writing: nobody enters them, or clears them too,
 *    meanwhile; thread context, no mutex held
 */
void pmap_pages_clear_reference(struct vm_page **pgs, unsigned n);
/*
 * As pmap_clear_modify() of each of n pages, or as pmap_page_protect() of each
 * to read and execute, with few fences.
 * => as pmap_pages_clear_reference()
 */
void pmap_pages_clear_modify(struct vm_page **pgs, unsigned n);
void pmap_pages_protect(struct vm_page **pgs, unsigned n);
boolean_t pmap_is_modified(struct vm_page *pg);
boolean_t pmap_is_referenced(struct vm_page *pg);
void pmap_proc_iflush(struct proc *p, vaddr_t va, vsize_t len);
/* => debugger: rights of kernel pages, now; FALSE: not all of them mapped */
boolean_t pmap_chgkprot(vaddr_t sva, vaddr_t eva, bool write);
/* => page's contents changed by other than its mappings (exec, I/O, copy):
 *    instruction fetch through a new mapping must see them */
void pmap_page_modified_text(struct vm_page *pg);
/* FALSE: pmap_page_modified_text(pg) has nothing to do; a port may know */
#ifndef PMAP_PAGE_FETCHABLE
#define PMAP_PAGE_FETCHABLE(pg) true
#endif

/* -- Traps ------------------------------------------------------------------------- */
/*
 * First look at a page fault: reference and modify emulation, spurious faults
 * by cached invalid entries, instruction coherence.
 * => TRUE: resolved, retry the access; interrupts as they were; any context
 */
boolean_t pmap_fault(struct pmap *pm, vaddr_t va, vm_prot_t access);

#endif
