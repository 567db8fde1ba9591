/*
 * struct uvmexp: the counters and parameters of the UVM system.
 *
 * The 85 members come in the order the specification prints them, all of
 * type int; the order is an interface, so new members go behind the last.
 * The header stands alone: the kernel and user programs share it.
 *
 * How a member is kept:
 *	b	set once while booting, constant afterwards
 *	d	written by the pagedaemon alone
 *	p	written by sysctl, under the sysctl lock
 *	g	gauge, kept under the lock of what it counts
 *	h	counter per hart, never locked, summed up by the reader
 */
#ifndef _SYS_UVMEXP_H
#define _SYS_UVMEXP_H

struct uvmexp {
	/* constants of the page layer */
	int pagesize; /* [b] bytes in a page, a power of two */
	int pagemask; /* [b] pagesize - 1 */
	int pageshift; /* [b] log2 of pagesize */

	/* page counters */
	int npages; /* [b] pages under management */
	int free; /* [g] pages on the free lists */
	int active; /* [g] pages on the active queue */
	int inactive; /* [g] pages on the inactive queue */
	int paging; /* [g] pages on their way to backing store */
	int wired; /* [g] pages wired at least once */
	int zeropages; /* [g] free pages known to hold zeros */
	int reserve_pagedaemon; /* [b] pages kept for the pagedaemon */
	int reserve_kernel; /* [b] pages kept for the kernel */
	int anonpages; /* [g] pages owned by anons and aobjs */
	int vnodepages; /* [g] pages owned by plain vnodes */
	int vtextpages; /* [g] pages owned by vnodes run as text */

	/* parameters of the pagedaemon */
	int freemin; /* [b] below this the pagedaemon is woken */
	int freetarg; /* [b] above this the pagedaemon rests */
	int inactarg; /* [d] wanted length of the inactive queue */
	int wiredmax; /* [b] most pages mlock may wire */
	int anonmin; /* [p] protected share of anon pages, 1/256 */
	int vtextmin; /* [p] protected share of text pages, 1/256 */
	int vnodemin; /* [p] protected share of vnode pages, 1/256 */
	int anonminpct; /* [p] the same share for anon, percent */
	int vtextminpct; /* [p] the same share for text, percent */
	int vnodeminpct; /* [p] the same share for vnode, percent */

	/* swap and anons */
	int nswapdev; /* [g] swap devices in use */
	int swpages; /* [g] usable swap slots */
	int swpginuse; /* [g] swap slots allocated */
	int swpgonly; /* [g] swap slots whose page is not in memory */
	int nswget; /* [h] calls of uvm_swap_get */
	int nanon; /* [g] anons there are */
	int nanonneeded; /* [g] anons wanted */
	int nfreeanon; /* [g] anons not in use */

	/* event counters */
	int faults; /* [h] page faults */
	int traps; /* [h] exceptions other than system calls */
	int intrs; /* [h] interrupts */
	int swtch; /* [h] thread switches */
	int softs; /* [h] software interrupt handlers run */
	int syscalls; /* [h] system calls */
	int pageins; /* [h] reads started by the pager */
	int swapins; /* [h] processes swapped in */
	int swapouts; /* [h] processes swapped out */
	int pgswapin; /* [h] pages read from swap */
	int pgswapout; /* [h] pages written to swap */
	int forks; /* [h] processes and kernel threads made */
	int forks_ppwait; /* [h] forks whose parent waited */
	int forks_sharevm; /* [h] forks that share the address space */
	int pga_zerohit; /* [h] zeroed page wanted and at hand */
	int pga_zeromiss; /* [h] zeroed page wanted, zeroed in line */
	int zeroaborts; /* [h] idle zeroing given up for work */

	/* what faults did */
	int fltnoram; /* [h] no page could be had */
	int fltnoanon; /* [h] no anon could be had */
	int fltpgwait; /* [h] slept for a busy page */
	int fltpgrele; /* [h] page was released meanwhile */
	int fltrelck; /* [h] relock attempted after a wait */
	int fltrelckok; /* [h] relock found the map unchanged */
	int fltanget; /* [h] page of an anon fetched */
	int fltanretry; /* [h] anon looked at again after a wait */
	int fltamcopy; /* [h] needs-copy resolved */
	int fltnamap; /* [h] neighbour anon page mapped */
	int fltnomap; /* [h] neighbour object page mapped */
	int fltlget; /* [h] locked pgo_get */
	int fltget; /* [h] unlocked pgo_get, page not resident */
	int flt_anon; /* [h] case 1A: page of an anon */
	int flt_acow; /* [h] case 1B: anon copied on write */
	int flt_obj; /* [h] case 2A: page of an object */
	int flt_prcopy; /* [h] case 2B: object page copied */
	int flt_przero; /* [h] case 2B: zero-filled page */

	/* what the pagedaemon did */
	int pdwoke; /* [h] pagedaemon woken */
	int pdrevs; /* [h] scans started */
	int pdswout; /* [h] scans that asked for process swapout */
	int pdfreed; /* [h] pages freed */
	int pdscans; /* [h] inactive pages looked at */
	int pdanscan; /* [h] of those taken up, anon */
	int pdobscan; /* [h] of those taken up, object */
	int pdreact; /* [h] of those referenced, reactivated */
	int pdbusy; /* [h] of those busy, skipped */
	int pdpageouts; /* [h] pageouts started */
	int pdpending; /* [h] pageouts left running */
	int pddeact; /* [h] active pages deactivated */
	int pdreanon; /* [h] anon reactivated, share too small */
	int pdrevnode; /* [h] vnode reactivated, share too small */
	int pdrevtext; /* [h] text reactivated, share too small */

	/* others */
	int fpswtch; /* [h] FPU state loaded for another thread */
	int kmapent; /* [g] entries in kernel maps */
};

/* The number of members, for tools that walk the structure. */
#define UVMEXP_NMEMBERS 85

_Static_assert(sizeof(struct uvmexp) == UVMEXP_NMEMBERS * sizeof(int),
    "struct uvmexp must hold exactly its 85 int members");

#endif /* !_SYS_UVMEXP_H */
