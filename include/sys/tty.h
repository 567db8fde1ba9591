/* The terminal: line discipline over the console. */
#ifndef _SYS_TTY_H_
#define _SYS_TTY_H_

#include <sys/types.h>

struct fileops;
struct proc;

/*
 * The riscv64 Linux layout of TCGETS and TCSETS.
 * Fields [c]: of whoever made the copy.
 */
struct termios {
	uint32_t c_iflag, c_oflag, c_cflag, c_lflag;
	uint8_t c_line;
	uint8_t c_cc[19];
};
CTASSERT(sizeof(struct termios) == 36);

/* Fields [c]: of whoever made the copy. */
struct winsize {
	uint16_t ws_row, ws_col, ws_xpixel, ws_ypixel;
};

extern const struct fileops tty_fileops;
/* => boot, threads can be made: starts the input thread */
void tty_init(void);
/*
 * The console is being opened.
 * => a session leader without terminal gets it, unless O_NOCTTY
 */
int tty_open(struct proc *p, int flags);
/* => does p's session own the terminal (ENXIO for /dev/tty otherwise)? */
bool tty_is_controlling(struct proc *p);

#endif
