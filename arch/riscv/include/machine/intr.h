/* Interrupts of devices; arch/riscv/plic.c. */
#ifndef _MACHINE_INTR_H_
#define _MACHINE_INTR_H_

#include <sys/types.h>

/*
 * Call fn(arg) when a source of an interrupt controller fires.
 * => irq and plic as in struct fdt_dev (plic: index in platform.plic[])
 * => thread context, after cpu_configure() has begun; fn runs in interrupt
 *    context, interrupts off, on whichever hart serves the controller, and
 *    must silence its device before it returns
 * => 0; ENXIO: no such controller or source, or no hart can serve it;
 *    EBUSY: the source has a handler; ENOMEM: the table is full
 */
int intr_establish(uint32_t irq, int plic, void (*fn)(void *), void *arg);
/* => no handler runs after return for new interrupts; EBUSY never */
void intr_disestablish(uint32_t irq, int plic);

#endif
