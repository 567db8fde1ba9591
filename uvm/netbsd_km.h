/*
 * Kernel memory as NetBSD 7's uvm_km(9) shows it (UVM-API.md 2.6, 4.4): the type
 * of the memory is in the flags.  Include it instead of <uvm/uvm.h>, or compile
 * with -DUVM_VIEW_NETBSD_KM.
 */
#ifndef _UVM_NETBSD_KM_H_
#define _UVM_NETBSD_KM_H_

#ifdef _UVM_COMPAT_MIROS_H_
#error "pick one UVM view"
#endif

#include <uvm/uvm.h>

#undef UVM_KMF_NOWAIT
#undef UVM_KMF_VALLOC
#undef UVM_KMF_TRYLOCK
#undef uvm_km_alloc
#undef uvm_km_zalloc

#define UVM_KMF_WIRED    UVM_KMT_WIRED
#define UVM_KMF_PAGEABLE UVM_KMT_PAGEABLE
#define UVM_KMF_VAONLY   UVM_KMT_VAONLY
#define UVM_KMF_TYPEMASK UVM_KMT_TYPEMASK
#define UVM_KMF_CANFAIL  UVM_KMT_CANFAIL
#define UVM_KMF_ZERO     UVM_KMT_ZERO
#define UVM_KMF_TRYLOCK  UVM_KMT_TRYLOCK
#define UVM_KMF_NOWAIT   UVM_KMT_NOWAIT
#define UVM_KMF_WAITVA   UVM_KMT_WAITVA

CTASSERT(UVM_KMF_WIRED == 0x1 && UVM_KMF_PAGEABLE == 0x2);
CTASSERT(UVM_KMF_VAONLY == 0x4 && UVM_KMF_TYPEMASK == 0x7);
CTASSERT(UVM_KMF_CANFAIL == 0x8 && UVM_KMF_ZERO == 0x10);
CTASSERT(UVM_KMF_TRYLOCK == 0x200000 && UVM_KMF_NOWAIT == 0x400000);
CTASSERT(UVM_KMF_WAITVA == 0x800000);

/* => as uvm_km_alloc_typed() */
static inline vaddr_t
uvm_nb_uvm_km_alloc(
    struct vm_map *map, vsize_t size, vsize_t align, uvm_flag_t flags)
{
	return uvm_km_alloc_typed(map, size, align, flags);
}

/* => as uvm_km_free_typed(); other bits than the type are allowed */
static inline void
uvm_nb_uvm_km_free(
    struct vm_map *map, vaddr_t addr, vsize_t size, uvm_flag_t flags)
{
	uvm_km_free_typed(map, addr, size, flags & UVM_KMF_TYPEMASK);
}

/* => as uvm_km_suballoc() */
static inline struct vm_map *
uvm_nb_uvm_km_suballoc(struct vm_map *map, vaddr_t *min, vaddr_t *max,
    vsize_t size, int flags, bool fixed, struct vm_map *submap)
{
	return uvm_km_suballoc(
	    map, min, max, size, flags, fixed ? TRUE : FALSE, submap);
}

#define uvm_km_alloc    uvm_nb_uvm_km_alloc
#define uvm_km_free     uvm_nb_uvm_km_free
#define uvm_km_suballoc uvm_nb_uvm_km_suballoc

#endif
