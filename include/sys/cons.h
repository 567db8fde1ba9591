/*
 * Console: the kernel log and one terminal on one serial line.
 *
 * With bootarg frame=1 log text is sent as 0x0e text 0x0f and terminal output
 * escapes 0x0e, 0x0f, 0x10 as 0x10 and the byte xor 0x40 (scripts/vmrun).
 */
#ifndef _SYS_CONS_H_
#define _SYS_CONS_H_

#include <sys/types.h>

/*
 * The line driver in use: SBI at first, then the tree's UART.
 * Locks used to protect members: I set before cons_attach()
 */
struct consdev {
	const char *cn_name; /* [I] */
	void (*cn_putc)(int c); /* [I] polled; any context; console lock held */
	int (*cn_getc)(void); /* [I] byte or -1; interrupt or polled */
	/* sends up to n bytes without waiting, returns how many; and calls
	   cons_txready() by interrupt when there is room again; NULL if the
	   device has no transmit interrupt */
	size_t (*cn_write)(const char *buf, size_t n); /* [I] */
};
/* => boot; from now on output goes there */
void cons_attach(const struct consdev *cd);
extern bool cons_framed; /* set once at boot from frame=1 */
/* => any context: log text (without framing) to the console, in one piece */
void cons_log(const char *buf, size_t n);
/* => thread context; terminal output, escaped when framed; may wait */
void cons_tty_write(const char *buf, size_t n);
/* => receive interrupt or poll: a byte arrived (kern/tty.c) */
void cons_rint(int c);
void cons_txready(void);
/* => who takes received bytes; fn runs in interrupt context */
void cons_set_input(void (*fn)(int c));
/* => panic: polled output only, no locks from here on */
void cons_panic(void);

/* Boot arguments, copied at boot: NUL-terminated. */
extern char bootargs_text[];
/* => value of key=..., or NULL; valid for ever (boot arguments are copied) */
const char *boot_option(const char *key);
uint64_t boot_option_u64(const char *key, uint64_t dflt);

#endif
