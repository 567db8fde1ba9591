/* Machine parameters: 64-bit RISC-V with Sv39. */
#ifndef _MACHINE_PARAM_H_
#define _MACHINE_PARAM_H_

#define PAGE_SHIFT   12
#define MAXCPUS      16 /* harts the kernel can run on; a bit each in a mask */
#define USPACE_PAGES 4 /* u-area: kernel stack and PCB */
#define USPACE       (USPACE_PAGES << PAGE_SHIFT)
#define CACHE_LINE   64

/*
 * Virtual address space (docs/decisions/0002-address-space.md).
 *
 *	0			user, up to 2^38 less a page
 *	KDMAP_BASE		direct map: physical address 0 to 128 GiB
 *	KVA_BASE		kernel arena: kernel_map and its submaps
 *	KDEV_BASE		devices, mapped once by the bootstrap
 *	KERNEL_LINK_BASE	kernel image
 *
 * SV39_UPPER: bits 63 to 39 of an address of the upper half.  The simulator is
 * compiled with others, which a process of its host can have (pmap/sv39/pte.h).
 */
#ifndef SV39_UPPER
#define SV39_UPPER 0x1ffffffUL
#endif
#define VM_UPPER_HALF         (SV39_UPPER << 39)
#define VM_MIN_ADDRESS        0x0000000000001000UL
#define VM_MAXUSER_ADDRESS    0x0000003ffffff000UL
#define KDMAP_BASE            (VM_UPPER_HALF + 0x4000000000UL)
#define KDMAP_SIZE            0x0000002000000000UL
#define KVA_BASE              (VM_UPPER_HALF + 0x6000000000UL)
#define KVA_SIZE              0x0000000200000000UL
#define VM_MIN_KERNEL_ADDRESS KVA_BASE
#define VM_MAX_KERNEL_ADDRESS (KVA_BASE + KVA_SIZE)
#define KDEV_BASE             (VM_UPPER_HALF + 0x7000000000UL)
#define KDEV_SIZE             0x0000000040000000UL
#define KERNEL_LINK_BASE      (VM_UPPER_HALF + 0x7f80000000UL)

/* Process layout and limits. */
#define USRSTACK 0x0000003fffff0000UL /* highest stack end */
#define DFLSSIZ  (8UL << 20)
#define MAXSSIZ  (64UL << 20)
#define DFLDSIZ  (~0UL)
#define MAXDSIZ  (~0UL)

#ifndef __ASSEMBLER__
/* A usable physical address as the kernel sees it. */
#define PHYS_TO_DMAP(pa) ((vaddr_t)(pa) + KDMAP_BASE)
#define DMAP_TO_PHYS(va) ((paddr_t)((vaddr_t)(va)-KDMAP_BASE))
#define VA_IS_DMAP(va)   ((vaddr_t)(va)-KDMAP_BASE < KDMAP_SIZE)
#endif

#endif
