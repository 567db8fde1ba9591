/* What the boot loader and the device tree told; arch/riscv/boot.c. */
#ifndef _MACHINE_BOOT_H_
#define _MACHINE_BOOT_H_

#include <sys/types.h>
#include <lib/fdt_platform.h>

/*
 * The machine as its device tree describes it; constant once main() runs.
 * Drivers find their devices here (virtio[], console, rtc).
 */
extern struct fdt_platform platform;

/* boot_init_argv() is in sys/proc.h, boot_option() in sys/cons.h */

/*
 * The initial file system as the boot loader left it.
 * => true: *basep is readable until boot_initrd_free(); any alignment
 */
bool boot_initrd(const void **basep, size_t *sizep);
/* => once, thread context: its pages join the free pages */
void boot_initrd_free(void);

#endif
