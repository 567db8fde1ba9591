/* Choice of the console port, and polling where it has no interrupt. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/cons.h>
#include <sys/timeout.h>
#include <machine/intr.h>
#include <machine/sbi.h>
#include <pmap/sv39/pmap_boot.h>
#include <drivers/uart/uart.h>

#define UART_POLL_NSEC 10000000UL
#define UART_PATIENCE  2000000000UL /* nanoseconds */

static const struct uart_ops *uart_ops; /* set once; NULL: firmware console */
static struct fdt_dev uart_dev; /* set once with it */
static struct timeout uart_poll_to;

static const struct uart_ops *
uart_kind(enum fdt_uart kind)
{
	switch (kind) {
	case FDT_UART_NS16550:
	case FDT_UART_DW_APB:
		return &ns16550_ops;
	case FDT_UART_SIFIVE:
		return &sifive_uart_ops;
	case FDT_UART_NONE:
		break;
	}
	return NULL;
}

/*
 * The limit is a time, not a number of tries: on a busy machine the reader of
 * an emulated port may be away for longer than any number that suits a board.
 */
bool
uart_wait(bool (*room)(void))
{
	static bool hung; /* [c] nobody waits again until it has taken a byte */
	uint64_t start;

	if (room()) {
		hung = false;
		return true;
	}
	for (start = nsecuptime(); !hung && !room();)
		hung = nsecuptime() - start > UART_PATIENCE;
	return !hung;
}

void
uart_attach(const struct fdt_console *fc)
{
	const struct uart_ops *ops = uart_kind(fc->kind);
	psize_t off = fc->dev.base & PAGE_MASK;
	volatile char *page;

	if (ops == NULL || fc->dev.base == 0) {
		printf("console: no serial port known, firmware console\n");
		return;
	}
	page = pmap_mapdev(fc->dev.base - off, round_page(off + PAGE_SIZE));
	ops->uo_init(page + off, fc);
	uart_ops = ops;
	uart_dev = fc->dev;
	cons_attach(ops->uo_cons);
	printf("console: %s at %#lx, irq %u of plic%d, %s\n", fc->name,
	    (u_long)fc->dev.base, fc->dev.irq, fc->dev.plic,
	    ops->uo_cons->cn_name);
}

static void
uart_poll(void *arg)
{
	int c;

	if (uart_ops != NULL)
		uart_ops->uo_intr(NULL);
	else
		while ((c = sbi_getc()) >= 0)
			cons_rint(c);
	timeout_add_nsec(&uart_poll_to, UART_POLL_NSEC);
}

void
uart_enable_intr(void)
{
	if (uart_ops != NULL &&
	    intr_establish(
		uart_dev.irq, uart_dev.plic, uart_ops->uo_intr, NULL) == 0) {
		uart_ops->uo_rxenable();
		return;
	}
	printf("console: no interrupt, polled %lu times a second\n",
	    1000000000UL / UART_POLL_NSEC);
	timeout_set(&uart_poll_to, uart_poll, NULL);
	timeout_add_nsec(&uart_poll_to, UART_POLL_NSEC);
}
