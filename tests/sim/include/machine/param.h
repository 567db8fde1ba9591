/*
 * Machine parameters of the simulated machine: 64-bit RISC-V with Sv39, whose
 * kernel half lies at addresses that a process of the host can have.  Their
 * low 39 bits are those of arch/riscv, so the page tables look the same.
 */
#ifndef _MACHINE_PARAM_H_
#define _MACHINE_PARAM_H_

#define PAGE_SHIFT            12
#define MAXCPUS               16
#define USPACE_PAGES          4
#define USPACE                (USPACE_PAGES << PAGE_SHIFT)
#define CACHE_LINE            64

#define SIM_HIGH              0x0000100000000000UL /* what sign extension is there */
#define VM_MIN_ADDRESS        0x0000000000001000UL
#define VM_MAXUSER_ADDRESS    0x0000003ffffff000UL
#define KDMAP_BASE            (SIM_HIGH + 0x4000000000UL)
#define KDMAP_SIZE            0x0000002000000000UL
#define KVA_BASE              (SIM_HIGH + 0x6000000000UL)
#define KVA_SIZE              0x0000000200000000UL
#define VM_MIN_KERNEL_ADDRESS KVA_BASE
#define VM_MAX_KERNEL_ADDRESS (KVA_BASE + KVA_SIZE)
#define KDEV_BASE             (SIM_HIGH + 0x7000000000UL)
#define KDEV_SIZE             0x0000000040000000UL

#define USRSTACK              0x0000003fffff0000UL
#define DFLSSIZ               (8UL << 20)
#define MAXSSIZ               (64UL << 20)
#define DFLDSIZ               (~0UL)
#define MAXDSIZ               (~0UL)

#ifndef __ASSEMBLER__
#define PHYS_TO_DMAP(pa) ((vaddr_t)(pa) + KDMAP_BASE)
#define DMAP_TO_PHYS(va) ((paddr_t)((vaddr_t)(va)-KDMAP_BASE))
#define VA_IS_DMAP(va)   ((vaddr_t)(va)-KDMAP_BASE < KDMAP_SIZE)

/* Variables lie where the compiler puts them, which must change nothing. */
#include <stdint.h>
uintptr_t sim_wchan(const volatile void *ident);
#define WCHAN_NUMBER(ident) sim_wchan(ident)
#endif

#endif
