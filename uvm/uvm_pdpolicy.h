/*
 * What the page daemon aims at, and which pages it spares.
 *
 * Pure: no locks, no globals; every argument and result is a number of pages
 * unless it says otherwise.
 */
#ifndef _UVM_UVM_PDPOLICY_H_
#define _UVM_UVM_PDPOLICY_H_

#include <sys/types.h>

/* Kinds of pages with a protected minimum. */
enum uvm_pdkind { PDK_ANON, PDK_VTEXT, PDK_VNODE };

/* => free pages below which the daemon is woken */
int uvm_pdpolicy_freemin(int npages, int reserve_kernel, int pagesize);
/* => free pages above which it rests */
int uvm_pdpolicy_freetarg(int freemin);
/* => wanted length of the inactive queue */
int uvm_pdpolicy_inactarg(int active, int inactive, int freetarg);
/* => most pages that mlock may wire */
int uvm_pdpolicy_wiredmax(int npages);
/* => percent as a share in 1/256 */
int uvm_pdpolicy_share(int percent);
/* => may the three minimum percentages be set together? */
bool uvm_pdpolicy_pct_ok(int anon, int vtext, int vnode);
/* => kind has `pages' of `total'; is that under its minimum (1/256)? */
bool uvm_pdpolicy_spared(int pages, int min, long total);
/*
 * => how many of `files' pages may be dirty, by a share of the `total'; with
 *    memory short half of them shall be there for the daemon to take
 */
long uvm_pdpolicy_dirty(long total, long files, int percent, bool shortage);
#define UVM_PD_DIRTYLEAST 64 /* dirty pages nobody is bothered about */
/* => should a scan run at all? */
bool uvm_pdpolicy_scan(long free, int freetarg, int inactive, int inactarg);
/* => should an allocation that left `free' pages wake the daemon? */
bool uvm_pdpolicy_wake(
    long free, int freemin, int freetarg, int inactive, int inactarg);

#endif
