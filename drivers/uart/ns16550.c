/*
 * 16550 serial ports and the DesignWare one, whose registers lie further apart
 * and want wider accesses.
 *
 * The interrupt enable register is written without a lock: it is set by whoever
 * found no room to send and cleared by the handler, which then calls
 * cons_txready(), and so whoever lost the race tries again.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/cons.h>
#include <drivers/uart/uart.h>

/* Registers. */
#define R_DATA      0
#define R_IER       1
#define R_IIR       2 /* read */
#define R_FCR       2 /* write */
#define R_MCR       4
#define R_LSR       5
#define R_DW_USR    31

#define IER_RX      0x01
#define IER_TX      0x02
#define IIR_MASK    0x0f
#define IIR_NONE    0x01
#define IIR_DW_BUSY 0x07
#define FCR_ENABLE  0x01
#define MCR_DTR     0x01
#define MCR_RTS     0x02
#define MCR_OUT2    0x08 /* gates the interrupt line on PC boards */
#define LSR_RX      0x01
#define LSR_TXEMPTY 0x20 /* FIFO or holding register empty */

#define TX_FIFO     16

/* Set once by ns16550_init(). */
static volatile void *ns_reg;
static uint32_t ns_shift, ns_width;
static bool ns_dw;

static inline uint32_t
ns_read(u_int r)
{
	volatile char *p = (volatile char *)ns_reg + ((u_long)r << ns_shift);

	return ns_width == 4 ? *(volatile uint32_t *)p
	    : ns_width == 2  ? *(volatile uint16_t *)p
			     : *(volatile uint8_t *)p;
}

static inline void
ns_write(u_int r, uint32_t v)
{
	volatile char *p = (volatile char *)ns_reg + ((u_long)r << ns_shift);

	if (ns_width == 4)
		*(volatile uint32_t *)p = v;
	else if (ns_width == 2)
		*(volatile uint16_t *)p = (uint16_t)v;
	else
		*(volatile uint8_t *)p = (uint8_t)v;
}

static void
ns16550_init(volatile void *reg, const struct fdt_console *fc)
{
	ns_reg = reg;
	ns_shift = fc->reg_shift;
	ns_width = fc->reg_io_width;
	ns_dw = fc->kind == FDT_UART_DW_APB;
	ns_write(R_IER, 0);
	ns_write(R_FCR, FCR_ENABLE);
	ns_write(R_MCR, MCR_DTR | MCR_RTS | MCR_OUT2);
}

static bool
ns16550_room(void)
{
	return (ns_read(R_LSR) & LSR_TXEMPTY) != 0;
}

static void
ns16550_putc(int c)
{
	if (uart_wait(ns16550_room))
		ns_write(R_DATA, (u_char)c);
}

static int
ns16550_getc(void)
{
	if ((ns_read(R_LSR) & LSR_RX) == 0)
		return -1;
	return (int)(ns_read(R_DATA) & 0xff);
}

static size_t
ns16550_write(const char *buf, size_t n)
{
	size_t sent = 0;

	if (ns16550_room())
		for (; sent < MIN(n, TX_FIFO); sent++)
			ns_write(R_DATA, (u_char)buf[sent]);
	if (sent < n)
		ns_write(R_IER, IER_RX | IER_TX);
	return sent;
}

static void
ns16550_rxenable(void)
{
	ns_write(R_IER, IER_RX);
}

/*
 * The transmit interrupt is level triggered: it goes off by being disabled, or
 * by cons_txready() sending more.
 */
static void
ns16550_intr(void *arg)
{
	if (ns_dw && (ns_read(R_IIR) & IIR_MASK) == IIR_DW_BUSY)
		(void)ns_read(R_DW_USR);
	while (ns_read(R_LSR) & LSR_RX)
		cons_rint((int)(ns_read(R_DATA) & 0xff));
	if ((ns_read(R_IER) & IER_TX) && ns16550_room()) {
		ns_write(R_IER, IER_RX);
		cons_txready();
	}
}

static const struct consdev ns16550_cons = {
	.cn_name = "ns16550",
	.cn_putc = ns16550_putc,
	.cn_getc = ns16550_getc,
	.cn_write = ns16550_write,
};

const struct uart_ops ns16550_ops = {
	.uo_cons = &ns16550_cons,
	.uo_init = ns16550_init,
	.uo_intr = ns16550_intr,
	.uo_rxenable = ns16550_rxenable,
};
