/*
 * UVM for its implementers.
 *
 * The lock order, outer before inner (enum lock_rank in sys/lock.h):
 *
 *	vm_map.vm_lock		entries of a map		sleeps
 *	amap_lock		amap slots, anons, their pages	sleeps
 *	uvm_object.uo_lock	an object and its pages		sleeps
 *	vm_map.vm_mtx		interrupt-safe kernel maps	spins
 *	uvm.pageqlock		active and inactive queues	spins
 *	pmap locks		(pmap/pmap.h)			spins
 *	pool locks						spins
 *	uvm.fpageqlock		free pages			spins
 *	swap_mtx		swap devices and slots		spins
 *
 * Nobody sleeps for I/O or for memory with an amap or object lock held: the
 * fault handler drops everything, waits, and looks again by map timestamp.
 * A map lock may be held while waiting for memory (the page daemon takes none).
 */
#ifndef _UVM_UVM_H_
#define _UVM_UVM_H_

#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/atomic.h>
#include <sys/ktrace.h>
#include <sys/mutant.h>
#include <sys/proc.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_page.h>
#include <uvm/uvm_object.h>
#include <uvm/uvm_pager.h>
#include <uvm/uvm_anon.h>
#include <uvm/uvm_amap.h>
#include <uvm/uvm_map.h>
#include <uvm/uvm_km.h>
#include <uvm/uvm_fault.h>
#include <pmap/pmap.h>

/*
 * State of UVM.
 * Locks used to protect members:
 *	Q	pageqlock
 *	F	fpageqlock
 *	I	immutable after uvm_init
 */
struct uvm {
	struct mutex pageqlock; /* LR_PAGEQ */
	struct pglist page_active; /* [Q] least recently activated first */
	struct pglist page_inactive; /* [Q] least recently deactivated first */
	struct mutex fpageqlock; /* LR_FPAGE */
	struct proc *pagedaemon; /* [I]; the channel the daemon sleeps on is */
	/* &uvm.pagedaemon */
	struct uvm_object *kernel_object; /* [I] */
	bool page_init_done; /* [I] */
};
extern struct uvm uvm;

/* => the daemon itself, or a process being killed: may use the reserve */
#define UVM_IS_PAGEDAEMON() (curproc == uvm.pagedaemon)

/* Another view of the same functions, chosen by the compiler's options. */
#ifdef UVM_VIEW_MIROS
#include <uvm/compat_miros.h>
#endif
#ifdef UVM_VIEW_NETBSD_KM
#include <uvm/netbsd_km.h>
#endif

#endif
