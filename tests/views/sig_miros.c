/* uvm(9) of MirOS #10. */
#include <sys/param.h>
#include <uvm/compat_miros.h>
#include "views.h"

SIG(uvm_init, void, (void));
SIG(uvm_init_limits, void, (struct proc *));
SIG(uvm_setpagesize, void, (void));
SIG(uvm_map, int,
    (vm_map_t, vaddr_t *, vsize_t, struct uvm_object *, voff_t, vsize_t,
	uvm_flag_t));
SIG(uvm_map_pageable, int, (vm_map_t, vaddr_t, vaddr_t, boolean_t, int));
SIG(uvm_map_pageable_all, int, (vm_map_t, int, vsize_t));
SIG(uvm_map_checkprot, boolean_t, (vm_map_t, vaddr_t, vaddr_t, vm_prot_t));
SIG(uvm_map_protect, int, (vm_map_t, vaddr_t, vaddr_t, vm_prot_t, boolean_t));
SIG(uvm_deallocate, int, (vm_map_t, vaddr_t, vsize_t));
SIG(uvmspace_alloc, struct vmspace *, (vaddr_t, vaddr_t, int));
SIG(uvmspace_exec, void, (struct proc *, vaddr_t, vaddr_t));
SIG(uvmspace_fork, struct vmspace *, (struct vmspace *));
SIG(uvmspace_free, void, (struct vmspace *));
SIG(uvmspace_share, void, (struct proc *, struct proc *));
SIG(uvmspace_unshare, void, (struct proc *));
SIG(uvm_fault, int, (vm_map_t, vaddr_t, vm_fault_t, vm_prot_t));
SIG(uvn_attach, struct uvm_object *, (void *, vm_prot_t));
SIG(uvm_vnp_setsize, void, (struct vnode *, voff_t));
SIG(uvm_vnp_sync, void, (struct mount *));
SIG(uvm_vnp_terminate, void, (struct vnode *));
SIG(uvm_vnp_uncache, boolean_t, (struct vnode *));
SIG(uvm_io, int, (vm_map_t, struct uio *));
SIG(uvm_km_alloc, vaddr_t, (vm_map_t, vsize_t));
SIG(uvm_km_zalloc, vaddr_t, (vm_map_t, vsize_t));
SIG(uvm_km_alloc1, vaddr_t, (vm_map_t, vsize_t, boolean_t));
SIG(uvm_km_kmemalloc, vaddr_t, (vm_map_t, struct uvm_object *, vsize_t, int));
SIG(uvm_km_valloc, vaddr_t, (vm_map_t, vsize_t));
SIG(uvm_km_valloc_wait, vaddr_t, (vm_map_t, vsize_t));
SIG(uvm_km_suballoc, struct vm_map *,
    (vm_map_t, vaddr_t *, vaddr_t *, vsize_t, int, boolean_t, vm_map_t));
SIG(uvm_km_free, void, (vm_map_t, vaddr_t, vsize_t));
SIG(uvm_km_free_wakeup, void, (vm_map_t, vaddr_t, vsize_t));
SIG(uvm_pagealloc, struct vm_page *,
    (struct uvm_object *, voff_t, struct vm_anon *, int));
SIG(uvm_pagerealloc, void, (struct vm_page *, struct uvm_object *, voff_t));
SIG(uvm_pagefree, void, (struct vm_page *));
SIG(uvm_pglistalloc, int,
    (psize_t, paddr_t, paddr_t, paddr_t, paddr_t, struct pglist *, int, int));
SIG(uvm_pglistfree, void, (struct pglist *));
SIG(uvm_page_physload, void, (vaddr_t, vaddr_t, vaddr_t, vaddr_t, int));
SIG(uvm_pageout, void, (void *));
SIG(uvm_scheduler, void, (void));
SIG(uvm_swapin, void, (struct proc *));
SIG(uao_create, struct uvm_object *, (vsize_t, int));
SIG(uao_detach, void, (struct uvm_object *));
SIG(uao_reference, void, (struct uvm_object *));
SIG(uvm_chgkprot, boolean_t, (caddr_t, size_t, int));
SIG(uvm_vsunlock, void, (struct proc *, caddr_t, size_t));
SIG(uvm_meter, void, (void));
SIG(uvm_sysctl, int,
    (int *, u_int, void *, size_t *, void *, size_t, struct proc *));
SIG(uvm_grow, int, (struct proc *, vaddr_t));
SIG(uvm_coredump, int,
    (struct proc *, struct vnode *, struct ucred *, struct core *));
SIG(uvm_useracc, boolean_t, (caddr_t, size_t, int));

/* Printed as void; they return what D5 and D6 say.  As statements they fit. */
void view_miros(struct proc *p, caddr_t addr);
void
view_miros(struct proc *p, caddr_t addr)
{
	uvm_kernacc(addr, 1, 0);
	uvm_vslock(p, addr, 1, PROT_READ);
}

CTASSERT(_Generic(UVM_MAPFLAG(1, 3, 0, 0, 0), int : 1, default : 0));

CTASSERT(KERN_SUCCESS == 0 && KERN_PAGES_LOCKED == 9);
CTASSERT(UVM_INH_DONATE == 0x30 && UVM_PROT_RWX == 0x07);
CTASSERT(sizeof(struct uvmexp_miros) == 65 * sizeof(int));

void view_miros_macros(void *event, struct mutex *lock);
void
view_miros_macros(void *event, struct mutex *lock)
{
	thread_wakeup(event);
	if (simple_lock_try(lock))
		mtx_leave(lock);
}
