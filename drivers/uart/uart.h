/* Serial ports as the console. */
#ifndef _DRIVERS_UART_UART_H_
#define _DRIVERS_UART_UART_H_

#include <sys/types.h>
#include <lib/fdt_platform.h>

struct consdev;

/*
 * A kind of serial port.  The boot loader has set the line up; nothing here
 * changes its speed.
 * Locks used to protect members: I immutable
 */
struct uart_ops {
	const struct consdev *uo_cons; /* [I] console entry points */
	/* [I] registers are mapped; polled output may follow at once */
	void (*uo_init)(volatile void *reg, const struct fdt_console *fc);
	void (*uo_intr)(void *arg); /* [I] interrupt handler */
	void (*uo_rxenable)(void); /* [I] let receive interrupts out */
};

extern const struct uart_ops ns16550_ops; /* and the DesignWare port */
extern const struct uart_ops sifive_uart_ops;

/*
 * Polled output: wait until the port takes a byte.
 * => console lock held; spins
 * => false: it takes none, and has not for two seconds: the byte is to be
 *    dropped, a port that hangs must not hang the kernel
 */
bool uart_wait(bool (*room)(void));
/*
 * Make the tree's console port the console.
 * => boot, after pmap_bootstrap(); without a known port the firmware's console
 *    stays; prints one line
 */
void uart_attach(const struct fdt_console *fc);
/*
 * Receive and transmit by interrupt from now on; without an interrupt the port
 * is polled by a timer.
 * => after plic_init() and timeout_init()
 */
void uart_enable_intr(void);

#endif
