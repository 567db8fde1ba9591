/*
 * What the invariant auditor (tests/audit) asks of a pmap.  Test images and
 * the simulator only; a port provides it beside its other files.
 *
 * Everything here is called at a quiet point: no other thread is in UVM or in
 * the pmap, so nothing takes a lock.
 */
#ifndef _PMAP_PMAP_AUDIT_H_
#define _PMAP_PMAP_AUDIT_H_

#include <sys/types.h>

struct pmap;
struct vm_page;

/* A mapping of one page.  All members: the auditor's own copy. */
struct audit_mapping {
	vaddr_t va; /* [I] */
	paddr_t pa; /* [I] */
	vm_prot_t prot; /* [I] what it grants once reference, modify are set */
	bool wired; /* [I] counted in the pmap's wired count */
	bool managed; /* [I] found from its page */
};

/*
 * Call fn for every mapping of a user pmap, or of the kernel's in
 * [VM_MIN_KERNEL_ADDRESS, VM_MAX_KERNEL_ADDRESS).
 * => ascending addresses; fn changes nothing
 */
void audit_pmap_foreach(struct pmap *pm,
    void (*fn)(const struct audit_mapping *m, void *arg), void *arg);
/* => fn for every mapping that pg knows of */
void audit_pmap_page(struct vm_page *pg,
    void (*fn)(struct pmap *pm, vaddr_t va, void *arg), void *arg);
/* => fn for every page that holds tables of pm, each once */
void audit_pmap_tables(
    struct pmap *pm, void (*fn)(struct vm_page *pg, void *arg), void *arg);
/*
 * The port's own structures.
 * => bad() is called, as printf(), for each thing that is wrong
 */
void audit_pmap_check(
    struct pmap *pm, void (*bad)(const char *fmt, ...) __printflike(1, 2));
/* => the same of what the pmap keeps in a page */
void audit_pmap_check_page(struct vm_page *pg, bool is_free,
    void (*bad)(const char *fmt, ...) __printflike(1, 2));

#endif
