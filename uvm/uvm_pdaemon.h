/* The page daemon, and waiting for memory. */
#ifndef _UVM_UVM_PDAEMON_H_
#define _UVM_UVM_PDAEMON_H_

#include <sys/types.h>

struct proc;
struct vm_page;

/*
 * Will the thread's process be gone soon, giving memory instead of taking?
 * => any context; a moment's view
 */
bool uvm_being_killed(struct proc *p);
/*
 * As uvm_wait(), for a request that free memory alone may not satisfy: sleeps
 * a little while even if some is free.
 * => FALSE: the process is being killed, asking again is no use
 */
bool uvm_wait_pages(const char *wmesg);
/* => is anything left that the daemon could free? any context */
bool uvm_reclaimable(void);
/*
 * => is the daemon asleep, and with it what it asked of process zero?  Nothing
 *    is freed on their part until memory is asked for again; no locks
 */
bool uvm_pd_rests(void);
/* => parameters of the daemon from npages; boot, and the daemon's start */
void uvm_pd_params(void);

/* => a pageout was finished; pages were freed; no lock held */
void uvm_pd_iodone(bool freed);
struct swapio;
struct swap_batch;
/*
 * Free a page that is clean, if its contents are kept elsewhere.
 * => owner write-locked, page unbusy and unwired; TRUE: freed
 */
bool uvm_pd_freeclean(struct vm_page *pg);
/*
 * A page that is not referenced any more: free it, or add it to a pageout,
 * which is begun if need be and started when it is full.
 * => owner write-locked; page unbusy; *sip: the pageout, or NULL
 * => FALSE: neither is possible
 */
bool uvm_pd_reclaim(struct vm_page *pg, struct swapio **sip, bool wait,
    struct swap_batch *batch);

/* -- uvm_swapper.c ---------------------------------------------------------- */

/*
 * Memory is short: ask process zero to make the u-area of a long sleeper
 * pageable (with swap only) and to free cached threads.
 * => any context
 */
void uvm_swapout_threads(void);
/* => has it still to finish what it was asked? */
bool uvm_swapper_pending(void);
/* => p sleeps and stays asleep: its u-area becomes pageable; thread context */
void uvm_swapout(struct proc *p);

#define MAXSLP 20 /* seconds asleep that make a thread a long sleeper */
extern int maxslp; /* set once */

#endif
