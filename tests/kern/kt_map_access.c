/* Who may access what: uvm_kernacc, uvm_useracc, uvm_chgkprot (1.11). */
#include "kt_map.h"

static caddr_t
addr(vaddr_t va)
{
	return (caddr_t)va;
}

/* T-uvm_kernacc-1, -3; -2 is in kt_arch.c */
KTEST(uvm_kernacc)
{
	vaddr_t va = uvm_km_alloc(kernel_map, 2 * PAGE_SIZE);
	struct uvmexp s;

	KT_REQUIRE(va != 0);
	KT_SNAP(&s);
	KT_CHECK(uvm_kernacc(addr(va), 2 * PAGE_SIZE, B_READ) == TRUE);
	KT_CHECK(uvm_kernacc(addr(va), 2 * PAGE_SIZE, B_WRITE) == TRUE);
	uvm_km_free(kernel_map, va + PAGE_SIZE, PAGE_SIZE);
	KT_CHECK(uvm_kernacc(addr(va), PAGE_SIZE, B_WRITE) == TRUE);
	KT_CHECK(!uvm_kernacc(addr(va + PAGE_SIZE), PAGE_SIZE, B_READ));
	KT_CHECK(!uvm_kernacc(addr(va), PAGE_SIZE + 1, B_READ));
	KT_CHECK(uvm_kernacc(addr(va + PAGE_SIZE - 1), 1, B_READ) == TRUE);
	KT_CHECK(!uvm_kernacc(addr(va + PAGE_SIZE - 1), 2, B_READ));
	KT_CHECK(!uvm_kernacc(addr(va), -va, B_READ));
	KT_CHECK(!uvm_kernacc(addr(va), ~0UL, B_READ));
	KT_CHECK(!uvm_kernacc(addr(KTF_BASE), 1, B_READ));
	uvm_kernacc(addr(va), 1, B_READ); /* as the manual's void */
	uvm_km_free(kernel_map, va, PAGE_SIZE);

	KT_EQ(KT_DELTA(&s, faults), 0);
}

/* Memory in submaps of both kinds, and what is between them. */
KTEST(uvm_kernacc_submap)
{
	static struct vm_map store; /* the map outlives its use by nobody */
	vaddr_t min, max, va;
	vm_map_t sub;

	for (int flags = 0; flags <= VM_MAP_INTRSAFE;
	     flags += VM_MAP_INTRSAFE) {
		sub = uvm_km_suballoc(kernel_map, &min, &max, 8 * PAGE_SIZE,
		    flags, FALSE, flags ? &store : NULL);
		KT_CHECK(!uvm_kernacc(addr(min), PAGE_SIZE, B_READ));
		va = uvm_km_kmemalloc(
		    sub, flags ? NULL : uvm.kernel_object, 2 * PAGE_SIZE, 0);
		KT_REQUIRE(va != 0);
		KT_CHECK(uvm_kernacc(addr(va), 2 * PAGE_SIZE, B_WRITE));
		KT_CHECK(!uvm_kernacc(addr(va), 2 * PAGE_SIZE + 1, B_READ));
		uvm_km_free(sub, va, 2 * PAGE_SIZE);
		uvm_km_free(kernel_map, min, max - min);
	}
}

/* The direct map has no entries but is kernel memory. */
KTEST(uvm_kernacc_dmap)
{
	struct vm_page *pg = uvm_pagealloc(NULL, 0, NULL, 0);

	KT_REQUIRE(pg != NULL);
	KT_CHECK(uvm_kernacc(addr(VM_PAGE_TO_DMAP(pg)), PAGE_SIZE, B_WRITE));
	uvm_pagefree(pg);
	KT_CHECK(!uvm_kernacc(addr(PHYS_TO_DMAP(1UL << 37)), 8, B_READ));
}

/* T-uvm_useracc-1 */
KTEST(uvm_useracc)
{
	struct vmspace *vm = ktf_space(), *own = curproc->p_vmspace;
	struct uvmexp s;

	KT_EQ(ktm_map(vm, 0, 2, UVM_PROT_R, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 2, 4, UVM_PROT_RW, KTM_ANON), 0);
	KT_EQ(ktm_map(vm, 6, 7, UVM_PROT_NONE, UVM_FLAG_FIXED | UVM_FLAG_HOLE),
	    0);
	KT_SNAP(&s);
	curproc->p_vmspace = vm;
	KT_CHECK(uvm_useracc(addr(KTF_VA(0)), 2 * PAGE_SIZE, B_READ) == TRUE);
	KT_CHECK(uvm_useracc(addr(KTF_VA(0)), 1, B_WRITE) == FALSE);
	KT_CHECK(uvm_useracc(addr(KTF_VA(2) + 9), 10, B_WRITE) == TRUE);
	KT_CHECK(uvm_useracc(addr(KTF_VA(1)), 2 * PAGE_SIZE, B_WRITE) == FALSE);
	KT_CHECK(uvm_useracc(addr(KTF_VA(1)), 2 * PAGE_SIZE, B_READ) == TRUE);
	KT_CHECK(uvm_useracc(addr(KTF_VA(3)), PAGE_SIZE + 1, B_READ) == FALSE);
	KT_CHECK(uvm_useracc(addr(KTF_VA(5)), 1, B_READ) == FALSE);
	KT_CHECK(uvm_useracc(addr(KTF_VA(6)), 1, B_READ) == FALSE);
	KT_CHECK(uvm_useracc(addr(KTF_VA(0)), -KTF_VA(0), B_READ) == FALSE);
	KT_CHECK(uvm_useracc(addr(KTF_VA(0)), ~0UL, B_READ) == FALSE);
	KT_CHECK(uvm_useracc(addr(VM_MAXUSER_ADDRESS - 1), 2, B_READ) == FALSE);
	KT_CHECK(uvm_useracc(addr((vaddr_t)curproc), 1, B_READ) == FALSE);
	curproc->p_vmspace = own;
	KT_EQ(KT_DELTA(&s, faults), 0);
	uvmspace_free(vm);
}

#ifdef KGDB
static bool
kernel_writable(vaddr_t va)
{
	vm_prot_t prot;

	return pmap_probe(pmap_kernel(), va, &prot) && (prot & PROT_WRITE) != 0;
}

/* T-uvm_chgkprot-3; -1 and -2, on pages of the image, are in kt_arch.c */
KTEST(uvm_chgkprot)
{
	vaddr_t km = uvm_km_zalloc(kernel_map, 3 * PAGE_SIZE);

	/* one page of the range is missing: none is changed */
	KT_REQUIRE(km != 0);
	uvm_km_free(kernel_map, km + 2 * PAGE_SIZE, PAGE_SIZE);
	KT_CHECK(uvm_chgkprot(addr(km), 2 * PAGE_SIZE + 1, B_READ) == FALSE);
	KT_CHECK(kernel_writable(km) && kernel_writable(km + PAGE_SIZE));
	KT_CHECK(uvm_chgkprot(addr(km), 2 * PAGE_SIZE, B_READ) == TRUE);
	KT_CHECK(!kernel_writable(km) && !kernel_writable(km + PAGE_SIZE));
	KT_CHECK(uvm_chgkprot(addr(km), 2 * PAGE_SIZE, B_WRITE) == TRUE);
	KT_CHECK(uvm_chgkprot(addr(km + 2 * PAGE_SIZE), 4, B_WRITE) == FALSE);
	KT_CHECK(uvm_chgkprot(addr(km), -km, B_READ) == FALSE);
	KT_CHECK(uvm_chgkprot(addr(km), ~0UL, B_READ) == FALSE);
	KT_CHECK(uvm_chgkprot(addr(KTF_BASE), 4, B_READ) == FALSE);
	KT_CHECK(kernel_writable(km) && kernel_writable(km + PAGE_SIZE));
	uvm_km_free(kernel_map, km, 2 * PAGE_SIZE);
}
#endif
