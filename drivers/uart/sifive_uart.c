/*
 * SiFive serial ports.
 *
 * The interrupt enable register is written without a lock, for the reason
 * given in ns16550.c.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/cons.h>
#include <drivers/uart/uart.h>

/* Registers, in 32-bit words. */
#define R_TXDATA     0
#define R_RXDATA     1
#define R_TXCTRL     2
#define R_RXCTRL     3
#define R_IE         4

#define TXDATA_FULL  0x80000000U
#define RXDATA_EMPTY 0x80000000U
#define CTRL_ENABLE  0x1
#define CTRL_MARK(n) ((uint32_t)(n) << 16)
#define IE_TX        0x1 /* fewer bytes queued than the mark */
#define IE_RX        0x2 /* more bytes queued than the mark */

static volatile uint32_t *sf_reg; /* set once by sifive_init() */

static void
sifive_init(volatile void *reg, const struct fdt_console *fc)
{
	sf_reg = reg;
	sf_reg[R_IE] = 0;
	sf_reg[R_TXCTRL] = CTRL_ENABLE | CTRL_MARK(1);
	sf_reg[R_RXCTRL] = CTRL_ENABLE | CTRL_MARK(0);
}

static bool
sifive_room(void)
{
	return (sf_reg[R_TXDATA] & TXDATA_FULL) == 0;
}

static void
sifive_putc(int c)
{
	if (uart_wait(sifive_room))
		sf_reg[R_TXDATA] = (u_char)c;
}

static int
sifive_getc(void)
{
	uint32_t v = sf_reg[R_RXDATA];

	return v & RXDATA_EMPTY ? -1 : (int)(v & 0xff);
}

static size_t
sifive_write(const char *buf, size_t n)
{
	size_t sent = 0;

	while (sent < n && sifive_room())
		sf_reg[R_TXDATA] = (u_char)buf[sent++];
	if (sent < n)
		sf_reg[R_IE] = IE_RX | IE_TX;
	return sent;
}

static void
sifive_rxenable(void)
{
	sf_reg[R_IE] = IE_RX;
}

static void
sifive_intr(void *arg)
{
	int c;

	while ((c = sifive_getc()) >= 0)
		cons_rint(c);
	if (sf_reg[R_IE] & IE_TX && sifive_room()) {
		sf_reg[R_IE] = IE_RX;
		cons_txready();
	}
}

static const struct consdev sifive_cons = {
	.cn_name = "sifive uart",
	.cn_putc = sifive_putc,
	.cn_getc = sifive_getc,
	.cn_write = sifive_write,
};

const struct uart_ops sifive_uart_ops = {
	.uo_cons = &sifive_cons,
	.uo_init = sifive_init,
	.uo_intr = sifive_intr,
	.uo_rxenable = sifive_rxenable,
};
