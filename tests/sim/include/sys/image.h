/*
 * The kernel image of the simulated machine: addresses where arch/riscv has
 * it, and nothing there.
 */
#ifndef _SYS_IMAGE_H_
#define _SYS_IMAGE_H_

#include <machine/param.h>

#define SIM_IMAGE      ((char *)(KERNEL_LINK_BASE + 0x200000))
#define __kernel_start (SIM_IMAGE)
#define __text_end     (SIM_IMAGE + 0x100000)
#define __rodata_start (SIM_IMAGE + 0x100000)
#define __rodata_end   (SIM_IMAGE + 0x180000)
#define __data_start   (SIM_IMAGE + 0x180000)
#define __kernel_end   (SIM_IMAGE + 0x200000)

#endif
