/* Page loanout (UVM-API.md 7.1). */
#ifndef _UVM_UVM_LOAN_H_
#define _UVM_UVM_LOAN_H_

#include <uvm/uvm_extern.h>

#define UVM_LOAN_TOANON 0x01 /* result: struct vm_anon *[] */
#define UVM_LOAN_TOPAGE 0x02 /* result: struct vm_page *[]; pages are wired */

/*
 * Lend the pages of [start, start + len), read-only.
 * => page-aligned; no lock held; may sleep; flags: exactly one of the two
 * => 0 with a result per page; else errno and nothing lent: EINVAL, EFAULT,
 *    EACCES, ENOMEM
 */
int uvm_loan(
    struct vm_map *map, vaddr_t start, vsize_t len, void **result, int flags);
/*
 * End of a loan.
 * => no lock held
 * => a page that lost its owner meanwhile becomes free with its last loan;
 *    panics for a page that is not on loan
 */
void uvm_unloananon(struct vm_anon **aloans, int nanons);
void uvm_unloanpage(struct vm_page **ploans, int npages);

static inline void
uvm_unloan(void *v, int n, int flags)
{
	if ((flags & UVM_LOAN_TOANON) != 0)
		uvm_unloananon(v, n);
	else
		uvm_unloanpage(v, n);
}

/* -- For the fault handler and anons --------------------------------------- */

/*
 * An anon whose page is on loan, or borrowed, is going to be written: give it
 * a page of its own.
 * => anon's lock held for writing; no mapping of the old page is left, nor its
 *    wirings
 * => FALSE: no memory, nothing changed
 */
bool uvm_anon_loanbreak(struct vm_anon *anon);
/*
 * The same for an object's page.
 * => object write-locked, pg busy; the new page, busy in its stead (pg is not
 *    ours any more), or NULL: no memory, nothing changed
 */
struct vm_page *uvm_obj_loanbreak(struct vm_page *pg);
/* => the anon's page is not its own: gives it up; an_page is NULL then; where
 *    the anon was mapped it is no more */
void uvm_anon_unloan(struct vm_anon *anon);
/* => as uvm_page_unmap() of the anon's page, its own or borrowed; the anon's
 *    lock held for writing, no object's */
void uvm_anon_unmap(struct vm_anon *anon);

#endif
