/* uvm_km(9) of NetBSD 7. */
#include <sys/param.h>
#include <uvm/netbsd_km.h>
#include "views.h"

SIG(uvm_km_alloc, vaddr_t, (struct vm_map *, vsize_t, vsize_t, uvm_flag_t));
SIG(uvm_km_free, void, (struct vm_map *, vaddr_t, vsize_t, uvm_flag_t));
SIG(uvm_km_suballoc, struct vm_map *,
    (struct vm_map *, vaddr_t *, vaddr_t *, vsize_t, int, bool,
	struct vm_map *));

/* Named in the prose. */
SIG(uvm_unmap, void, (struct vm_map *, vaddr_t, vaddr_t));
SIG(uvm_map_pageable, int, (struct vm_map *, vaddr_t, vaddr_t, int, int));

CTASSERT(UVM_KMF_WIRED == 0x1 && UVM_KMF_PAGEABLE == 0x2);
CTASSERT(UVM_KMF_VAONLY == 0x4 && UVM_KMF_TYPEMASK == 0x7);
CTASSERT(UVM_KMF_NOWAIT == 0x400000 && UVM_KMF_WAITVA == 0x800000);
CTASSERT(UVM_KMF_TRYLOCK == UVM_FLAG_TRYLOCK);
CTASSERT(VM_MAP_PAGEABLE == 0x01 && VM_MAP_INTRSAFE == 0x02);
CTASSERT(VM_MAP_TOPDOWN == 0x40);
