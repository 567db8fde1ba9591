/* What arch/riscv asks of the Sv39 pmap beyond pmap(9). */
#ifndef _PMAP_SV39_PMAP_BOOT_H_
#define _PMAP_SV39_PMAP_BOOT_H_

#include <sys/types.h>
#include <sys/image.h>

struct cpu_info;

/* All members: [boot]. */
struct pmap_range {
	paddr_t start, end; /* bytes, page-aligned */
};

/*
 * Facts the pmap needs before it can build the kernel's tables.
 * All members: [boot], read during pmap_bootstrap() only.
 */
struct pmap_bootinfo {
	paddr_t pb_kern_pa; /* where the image's first byte (link address
			       KERNEL_LINK_BASE + 0x200000) was loaded */
	const struct pmap_range *pb_ram; /* RAM for the direct map: usable
			       memory, the tree, the initrd; not the image,
			       not no-map, not the firmware; ascending */
	size_t pb_nram;
	bool pb_svinval, pb_svpbmt, pb_svnapot; /* every hart has it */
	bool pb_no_asid; /* boot option asid=0 */
	bool pb_soft_ad; /* boot option ad=soft: emulate A and D by rights */
	bool pb_full_fence; /* errata: only sfence.vma x0,x0 is reliable */
};

/*
 * Build the kernel's tables and switch this hart to them.
 * => boot hart, on locore's tables; segments are loaded already (its tables
 *    come from a static stock first, then from vm_physmem)
 */
void pmap_bootstrap(const struct pmap_bootinfo *pb);
/* => a starting hart, or again after pmap_bootstrap: satp for locore.S */
uint64_t pmap_kernel_satp(void);
/* => a starting hart, running on pmap_kernel_satp(): its own state */
void pmap_cpu_init(struct cpu_info *ci);
/* => device registers, uncached where the machine has a choice; never NULL */
volatile void *pmap_mapdev(paddr_t pa, psize_t size);
/* => one line for the boot log: ASID bits, leaf sizes, errata, A/D scheme */
void pmap_print_features(void);
/* => instruction fence on all harts */
void pmap_fencei_all(void);
/* => IPI_PMAP arrived; interrupt context */
void pmap_ipi(void);

#endif
