/*
 * The reference pmap: struct pmap and the per-page part of pmap(9), as
 * pmap/sv39/pmap_sv39.h has them for Sv39.  See pmap_ref.c.
 */
#ifndef _PMAP_HOST_PMAP_REF_H_
#define _PMAP_HOST_PMAP_REF_H_

#include <sys/types.h>
#include <sys/atomic.h>
#include <sys/lock.h>
#include <sys/queue.h>

struct ref_mapping;
LIST_HEAD(ref_mappings, ref_mapping);

/*
 * Locks used to protect members:
 *	p	ref_mtx
 *	a	written under ref_mtx, read by anyone (atomic)
 */
struct vm_page_md {
	struct ref_mappings md_mappings; /* [p] managed mappings of the page */
	struct pmap *md_pmap; /* [a] where the first of them is, NULL: none */
	vaddr_t md_va; /* [a] */
	uint32_t md_attr; /* [a] REFA_* */
};

#define REFA_REF 0x1 /* page was referenced */
#define REFA_MOD 0x2 /* page was modified */

/* => the page has no mappings and is about to be free: forget its past */
static inline void
vm_page_md_reset(struct vm_page_md *md)
{
	atomic_store(&md->md_attr, 0);
}

/* => does any managed mapping of the page exist?  exact with owner's lock */
static inline bool
vm_page_md_ismapped(const struct vm_page_md *md)
{
	return atomic_load(&md->md_pmap) != NULL;
}

/* Is va's the first mapping of the page?  A hint. */
static inline bool
vm_page_md_first_at(
    const struct vm_page_md *md, const struct pmap *pm, vaddr_t va)
{
	return atomic_load(&md->md_pmap) == pm && atomic_load(&md->md_va) == va;
}

/* Instruction fetch sees every store at once: pmap_page_modified_text(). */
#define PMAP_PAGE_FETCHABLE(pg) ((void)(pg), false)

/*
 * Locks used to protect members of a pmap:
 *	p	ref_mtx
 *	a	written under ref_mtx, read by anyone (atomic)
 */
struct pmap {
	struct ref_mappings pm_mappings; /* [p] all but pmap_kenter_pa()'s */
	unsigned int pm_refs; /* [p] */
	long pm_resident; /* [a] mappings */
	long pm_wired; /* [a] wired ones of them */
};

/* -- For the machine and its simulator ---------------------------------------- */

/*
 * Accesses fault instead of setting reference and modify: pmap_fault() does it.
 * [set once, before any thread]
 */
extern bool pmap_ref_emulate;
/*
 * Called when kernel mappings of a range go or lose rights: who keeps
 * translations of them drops them.  NULL: nobody does.
 * [set once, before any thread]
 */
extern void (*pmap_ref_forget)(vaddr_t va, vsize_t size);

/*
 * => once, before anything else here
 * => zero: a page of zeros that is no part of a segment, for pmap_enter_zero()
 * => kernel_reduced(va, size): kernel mappings went or permit less than before;
 *    called with the pmap's lock held
 */
void pmap_ref_bootstrap(paddr_t zero, void (*kernel_reduced)(vaddr_t, vsize_t));
/*
 * Perform the translation of an access, as hardware would: page attributes are
 * set unless pmap_ref_emulate.
 * => user: by a program, which the kernel's half is closed to
 * => 0 and the physical address of the byte; EFAULT: page fault
 * => takes no lock, as hardware does not: no other simulated hart may go on
 *    before the address is used
 */
int pmap_ref_access(
    struct pmap *pm, vaddr_t va, vm_prot_t access, bool user, paddr_t *pap);

#endif
