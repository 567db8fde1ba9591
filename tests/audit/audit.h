/*
 * The invariant auditor: walks all data structures of UVM and of the pmap and
 * checks everything that must hold.  tests/audit/README.md lists it.
 *
 * Used by the kernel's tests (tests/kern/kt_audit.c) and by the simulator; no
 * code of it is in the ordinary kernel image.
 */
#ifndef _TESTS_AUDIT_AUDIT_H_
#define _TESTS_AUDIT_AUDIT_H_

#include <sys/types.h>

struct uvm_object;
struct vm_page;

/* => bytes that audit_init() wants for the memory there is; after uvm_init */
size_t audit_size(void);
/* => mem: audit_size() bytes of the auditor's own from now on; once */
void audit_init(void *mem);

/*
 * Check everything.  Free pool items are marked in their second word, all else
 * is left as it was.
 * => audit_init() was called; a quiet point: no other thread runs in UVM, and
 *    none does until this returns; no lock held
 * => number of violations; report is called, as printf() without the newline,
 *    for each (the first AUDIT_LINES)
 */
#define AUDIT_LINES 40
int audit_all(void (*report)(const char *fmt, ...) __printflike(1, 2));

/*
 * What the caller knows and UVM does not, so that more can be demanded.
 * Members: set by the caller between audits.
 */
struct audit_known {
	/* references to an object other than those of map entries; -1: unknown
	   (then only too few are found); NULL: always unknown */
	long (*object_holders)(struct uvm_object *obj);
	/* pages wired other than by entries and loans, how often; NULL: none */
	long (*page_wires)(const struct vm_page *pg);
	/* nobody ever accessed the page's memory: it is zero, and a look at it
	   costs some; NULL: not known of any */
	bool (*untouched)(const struct vm_page *pg);
	/* allocations may have failed: amap_cover may count too many */
	bool shortage;
	/* uvm_vslock()s, or busy pages, of the caller are outstanding */
	bool io;
};
extern struct audit_known audit_known;

/* Where all pages are, as of the last audit. */
struct audit_census {
	long ac_free; /* all lists and magazines */
	long ac_object, ac_anon; /* owned */
	long ac_pool; /* slabs */
	long ac_table; /* page tables */
	long ac_kernel; /* unowned, mapped in the kernel map */
	long ac_unknown; /* unowned, or never given to the page layer */
};
extern struct audit_census audit_census;

#endif
