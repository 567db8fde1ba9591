/* The auditor finds what is wrong with the tables and pv lists of Sv39. */
#include <sys/ktest.h>
#include <uvm/uvm.h>
#include <pmap/sv39/pmap_i.h>
#include "../../../tests/kern/kt_audit.h"
#include "../../../tests/kern/kt_fault.h"

KTEST(audit_sv39)
{
	struct vmspace *vm = ktf_space();
	struct pmap *pm = vm->vm_map.pmap;
	struct vm_page *pg;
	pt_entry_t *ptep, *zero, pte;
	struct pv_entry *pv;

	ktf_map_anon(vm, 8, MADV_RANDOM);
	ktf_write(vm, 0, 1);
	ktf_write(vm, 1, 1);
	(void)ktf_read(vm, 6);
	pg = ktf_page(vm, KTF_BASE);
	ptep = pmap_leaf(pm, KTF_BASE);
	zero = pmap_leaf(pm, KTF_VA(6));
	pte = *ptep;
	pv = &pg->mdpage.md_pv;
	const struct kta_poke poke[] = {
		KTA_POKE(pv->pv_pmap, NULL, "knows of 0 mappings"),
		KTA_POKE(pv->pv_va, KTF_VA(7), "are not those in the tables"),
		KTA_POKE(pg->mdpage.md_attr, PVA_LOCK, "pv lock is held"),
		KTA_POKE(*ptep, 0, "knows of 1 mappings, tables have 0"),
		KTA_POKE(*ptep, pte & ~PTE_U, "not a user entry"),
		KTA_POKE(*ptep, pte | PTE_G, "global"),
		KTA_POKE(*ptep, pte & ~PTE_R, "reserved encoding"),
		KTA_POKE(*ptep, pte | PTE_X, "more than the entry permits"),
		KTA_POKE(*ptep, pte | PTE_WIRED, "the entry is not wired"),
		KTA_POKE(*ptep, ptep[1], "not the page of the anon there"),
		KTA_POKE(ptep[7], pte, "a page where there is none"),
		KTA_POKE(ptep[100], pte, "no entry there"),
		KTA_POKE(*zero, *zero | PTE_W, "the page of zeros, writable"),
		KTA_POKE(*zero, pte_make_kernel(0x1000, PROT_READ) | PTE_U,
		    "not the page of zeros"),
		KTA_POKE(pm->pm_resident, 9, "pm_resident is 9, should be 3"),
		KTA_POKE(pm->pm_wired, 1, "pm_wired is 1"),
		KTA_POKE(pm->pm_refs, 2, "pm_refs is 2"),
		KTA_POKE(pm->pm_ptpages.tqh_first, NULL, "pm_ptpages has 0"),
		KTA_POKE(pm->pm_root[sv39_index(VM_MIN_KERNEL_ADDRESS, 2)], 0,
		    "root entry"),
		KTA_POKE(pm->pm_mtx.mtx_locked, 1, "pm_mtx is held"),
	};
	kta_pokes(poke, nitems(poke));
	uvmspace_free(vm);
}
