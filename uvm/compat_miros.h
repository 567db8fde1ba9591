/*
 * UVM as MirOS's uvm(9) shows it (UVM-API.md 4.3): status values, older
 * signatures.  Include it instead of <uvm/uvm.h>, or compile with
 * -DUVM_VIEW_MIROS.
 *
 * Every function here is a thin shell over the primary one and has its locks,
 * sleeps and panics; only what the shell changes is said.
 */
#ifndef _UVM_COMPAT_MIROS_H_
#define _UVM_COMPAT_MIROS_H_

#ifdef _UVM_NETBSD_KM_H_
#error "pick one UVM view"
#endif

#include <uvm/uvm.h>

#define KERN_SUCCESS            0
#define KERN_INVALID_ADDRESS    1
#define KERN_PROTECTION_FAILURE 2
#define KERN_NO_SPACE           3
#define KERN_INVALID_ARGUMENT   4
#define KERN_FAILURE            5
#define KERN_RESOURCE_SHORTAGE  6
#define KERN_NOT_RECEIVER       7
#define KERN_NO_ACCESS          8
#define KERN_PAGES_LOCKED       9

#define UVM_INH_DONATE          0x30 /* not used: refused (D4) */

#define thread_wakeup(x)        wakeup(x)
#define simple_lock_try(l)      mtx_enter_try(l)

/*
 * What ENOMEM and EFAULT mean depends on the function.
 * => a KERN_* value
 */
static inline int
uvm_miros_status(int error, int enomem, int efault)
{
	switch (error) {
	case 0:
		return KERN_SUCCESS;
	case EACCES:
	case EIO:
		return KERN_PROTECTION_FAILURE;
	case ENOMEM:
		return enomem;
	case EFAULT:
		return efault;
	case EINVAL:
		return KERN_INVALID_ARGUMENT;
	default:
		return KERN_FAILURE;
	}
}

/* => inheritance 0x30 and the bit of UVM_FLAG_HOLE are invalid arguments */
static inline int
uvm_miros_uvm_map(vm_map_t map, vaddr_t *startp, vsize_t size,
    struct uvm_object *uobj, voff_t uoffset, vsize_t alignment,
    uvm_flag_t flags)
{
	if (UVM_INHERIT(flags) == UVM_INH_DONATE || (flags & UVM_FLAG_HOLE))
		return KERN_INVALID_ARGUMENT;
	return uvm_miros_status(
	    uvm_map(map, startp, size, uobj, uoffset, alignment, flags),
	    KERN_NO_SPACE, KERN_FAILURE);
}

static inline int
uvm_miros_uvm_map_pageable(vm_map_t map, vaddr_t start, vaddr_t end,
    boolean_t new_pageable, int lockflags)
{
	return uvm_miros_status(
	    uvm_map_pageable(map, start, end, new_pageable, lockflags),
	    KERN_RESOURCE_SHORTAGE, KERN_INVALID_ADDRESS);
}

static inline int
uvm_miros_uvm_map_pageable_all(vm_map_t map, int flags, vsize_t limit)
{
	return uvm_miros_status(uvm_map_pageable_all(map, flags, limit),
	    KERN_NO_SPACE, KERN_INVALID_ADDRESS);
}

static inline int
uvm_miros_uvm_map_protect(vm_map_t map, vaddr_t start, vaddr_t end,
    vm_prot_t new_prot, boolean_t set_max)
{
	return uvm_miros_status(
	    uvm_map_protect(map, start, end, new_prot, set_max),
	    KERN_RESOURCE_SHORTAGE, KERN_INVALID_ADDRESS);
}

static inline int
uvm_miros_uvm_deallocate(vm_map_t map, vaddr_t start, vsize_t size)
{
	(void)uvm_deallocate(map, start, size);
	return KERN_SUCCESS;
}

/* => KERN_FAILURE if faults in that map are not resolved at all */
static inline int
uvm_miros_uvm_fault(vm_map_t map, vaddr_t va, vm_fault_t type, vm_prot_t access)
{
	bool pageable = (map->flags & (VM_MAP_PAGEABLE | VM_MAP_INTRSAFE)) ==
	    VM_MAP_PAGEABLE;

	return uvm_miros_status(uvm_fault(map, va, type, access),
	    KERN_RESOURCE_SHORTAGE,
	    pageable ? KERN_INVALID_ADDRESS : KERN_FAILURE);
}

static inline struct uvm_object *
uvm_miros_uvn_attach(void *arg, vm_prot_t accessprot)
{
	return uvn_attach((struct vnode *)arg, accessprot);
}

static inline struct vmspace *
uvm_miros_uvmspace_alloc(vaddr_t min, vaddr_t max, int pageable)
{
	return uvmspace_alloc(min, max, pageable != 0, FALSE);
}

static inline struct vmspace *
uvm_miros_uvmspace_fork(struct vmspace *vm)
{
	return uvmspace_fork_vm(vm);
}

/* => p2, new, uses p1's address space */
static inline void
uvm_miros_uvmspace_share(struct proc *p1, struct proc *p2)
{
	p2->p_vmspace = uvmspace_share(p1->p_p);
	if (p2->p_p->ps_mainproc == p2)
		p2->p_p->ps_vmspace = p2->p_vmspace;
}

static inline vaddr_t
uvm_miros_uvm_km_alloc1(vm_map_t map, vsize_t size, boolean_t zeroit)
{
	return uvm_km_alloc1(map, size, 0, zeroit);
}

static inline vaddr_t
uvm_miros_uvm_km_alloc(vm_map_t map, vsize_t size)
{
	return uvm_km_alloc1(map, size, 0, FALSE);
}

static inline vaddr_t
uvm_miros_uvm_km_zalloc(vm_map_t map, vsize_t size)
{
	return uvm_km_alloc1(map, size, 0, TRUE);
}

/* => one segment, without sleeping, whatever nsegs and waitok say; errno */
static inline int
uvm_miros_uvm_pglistalloc(psize_t size, paddr_t low, paddr_t high,
    paddr_t alignment, paddr_t boundary, struct pglist *rlist, int nsegs,
    int waitok)
{
	return uvm_pglistalloc(
	    size, low, high, alignment, boundary, rlist, 1, UVM_PLA_NOWAIT);
}

static inline void
uvm_miros_uvm_page_physload(vaddr_t start, vaddr_t end, vaddr_t avail_start,
    vaddr_t avail_end, int free_list)
{
	uvm_page_physload((paddr_t)start, (paddr_t)end, (paddr_t)avail_start,
	    (paddr_t)avail_end, free_list);
}

/*
 * The counters in MirOS's layout.
 * All members:
 *	s	belongs to the caller, no lock: [s] throughout
 */
struct uvmexp_miros {
	int pagesize, pagemask, pageshift, npages, free, active, inactive;
	int paging, wired, reserve_pagedaemon, reserve_kernel, freemin;
	int freetarg, inactarg, wiredmax, nswapdev, swpages, swpginuse;
	int nswget, nanon, nfreeanon, faults, traps, intrs, swtch, softs;
	int syscalls, pageins, swapins, swapouts, pgswapin, pgswapout, forks;
	int forks_ppwait, forks_sharevm, fltnoram, fltnoanon, fltpgwait;
	int fltpgrele, fltrelck, fltrelckok, fltanget, fltanretry, fltamcopy;
	int fltnamap, fltnomap, fltlget, fltget, flt_anon, flt_acow, flt_obj;
	int flt_prcopy, flt_przero, pdwoke, pdrevs, pdswout, pdfreed, pdscans;
	int pdanscan, pdobscan, pdreact, pdbusy, pdpageouts, pdpending;
	int pddeact;
};
_Static_assert(
    sizeof(struct uvmexp_miros) == 65 * sizeof(int), "MirOS has 65 counters");

/* => uvmexp_collect() was called if the counters are to be current */
static inline void
uvmexp_to_miros(struct uvmexp_miros *dst, const struct uvmexp *src)
{
	dst->pagesize = src->pagesize;
	dst->pagemask = src->pagemask;
	dst->pageshift = src->pageshift;
	dst->npages = src->npages;
	dst->free = src->free;
	dst->active = src->active;
	dst->inactive = src->inactive;
	dst->paging = src->paging;
	dst->wired = src->wired;
	dst->reserve_pagedaemon = src->reserve_pagedaemon;
	dst->reserve_kernel = src->reserve_kernel;
	dst->freemin = src->freemin;
	dst->freetarg = src->freetarg;
	dst->inactarg = src->inactarg;
	dst->wiredmax = src->wiredmax;
	dst->nswapdev = src->nswapdev;
	dst->swpages = src->swpages;
	dst->swpginuse = src->swpginuse;
	dst->nswget = src->nswget;
	dst->nanon = src->nanon;
	dst->nfreeanon = src->nfreeanon;
	dst->faults = src->faults;
	dst->traps = src->traps;
	dst->intrs = src->intrs;
	dst->swtch = src->swtch;
	dst->softs = src->softs;
	dst->syscalls = src->syscalls;
	dst->pageins = src->pageins;
	dst->swapins = src->swapins;
	dst->swapouts = src->swapouts;
	dst->pgswapin = src->pgswapin;
	dst->pgswapout = src->pgswapout;
	dst->forks = src->forks;
	dst->forks_ppwait = src->forks_ppwait;
	dst->forks_sharevm = src->forks_sharevm;
	dst->fltnoram = src->fltnoram;
	dst->fltnoanon = src->fltnoanon;
	dst->fltpgwait = src->fltpgwait;
	dst->fltpgrele = src->fltpgrele;
	dst->fltrelck = src->fltrelck;
	dst->fltrelckok = src->fltrelckok;
	dst->fltanget = src->fltanget;
	dst->fltanretry = src->fltanretry;
	dst->fltamcopy = src->fltamcopy;
	dst->fltnamap = src->fltnamap;
	dst->fltnomap = src->fltnomap;
	dst->fltlget = src->fltlget;
	dst->fltget = src->fltget;
	dst->flt_anon = src->flt_anon;
	dst->flt_acow = src->flt_acow;
	dst->flt_obj = src->flt_obj;
	dst->flt_prcopy = src->flt_prcopy;
	dst->flt_przero = src->flt_przero;
	dst->pdwoke = src->pdwoke;
	dst->pdrevs = src->pdrevs;
	dst->pdswout = src->pdswout;
	dst->pdfreed = src->pdfreed;
	dst->pdscans = src->pdscans;
	dst->pdanscan = src->pdanscan;
	dst->pdobscan = src->pdobscan;
	dst->pdreact = src->pdreact;
	dst->pdbusy = src->pdbusy;
	dst->pdpageouts = src->pdpageouts;
	dst->pdpending = src->pdpending;
	dst->pddeact = src->pddeact;
}

#undef uvm_km_alloc
#undef uvm_km_zalloc
#define uvm_map              uvm_miros_uvm_map
#define uvm_map_pageable     uvm_miros_uvm_map_pageable
#define uvm_map_pageable_all uvm_miros_uvm_map_pageable_all
#define uvm_map_protect      uvm_miros_uvm_map_protect
#define uvm_deallocate       uvm_miros_uvm_deallocate
#define uvm_fault            uvm_miros_uvm_fault
#define uvn_attach           uvm_miros_uvn_attach
#define uvmspace_alloc       uvm_miros_uvmspace_alloc
#define uvmspace_fork        uvm_miros_uvmspace_fork
#define uvmspace_share       uvm_miros_uvmspace_share
#define uvm_km_alloc1        uvm_miros_uvm_km_alloc1
#define uvm_km_alloc         uvm_miros_uvm_km_alloc
#define uvm_km_zalloc        uvm_miros_uvm_km_zalloc
#define uvm_pglistalloc      uvm_miros_uvm_pglistalloc
#define uvm_page_physload    uvm_miros_uvm_page_physload

#endif
