/*
 * The console: one serial line that carries the kernel log and a terminal.
 *
 * Log text is sent at once, polled, with cons_mtx held.  Terminal output goes
 * through a ring that is emptied by the device's transmit interrupt; a writer
 * that finds it full sleeps.  Both meet at the device only.  When the line is
 * framed, a log message may come between any two bytes of terminal output but
 * those of one escape sequence, so the message first sends the second of them.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/cons.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <machine/cpu.h>
#include <kern/cons_impl.h>

#define CONS_RING   2048 /* terminal output that waits; a power of two */
#define FRAME_BEGIN 0x0e
#define FRAME_END   0x0f
#define FRAME_ESC   0x10
#define FRAME_XOR   0x40

static struct mutex cons_mtx = MUTEX_INITIALIZER(LR_CONSOLE, "console");
static const struct consdev *volatile cons_dev; /* [cons_mtx to change] */
static bool cons_line_open; /* [cons_mtx] log text without end of line */
static volatile bool cons_panicking; /* set once */
static void (*volatile cons_input)(int c); /* [a] */
bool cons_framed;

/*
 * Terminal output that waits for the device.
 * Locks used to protect members:
 *	c	cons_mtx
 *	w	cons_wait_mtx
 */
static struct {
	uint32_t head; /* [c] next byte to send */
	uint32_t tail; /* [c] next free place */
	uint8_t last; /* [c] last byte sent */
	char ring[CONS_RING]; /* [c] */
} tty_out;
static struct mutex cons_wait_mtx = MUTEX_INITIALIZER(LR_MISC, "conswait");

void
cons_lock(void)
{
	if (!cons_panicking)
		mtx_enter(&cons_mtx);
}

void
cons_unlock(void)
{
	if (!cons_panicking)
		mtx_leave(&cons_mtx);
}

void
cons_attach(const struct consdev *cd)
{
	cons_lock();
	cons_dev = cd;
	cons_unlock();
}

/* -- Terminal output ---------------------------------------------------------------- */

static inline uint32_t
ring_count(void)
{
	return tty_out.tail - tty_out.head;
}

/* => console lock held: one byte from the ring to the device, polled */
static void
ring_send_polled(void)
{
	tty_out.last = (uint8_t)tty_out.ring[tty_out.head++ % CONS_RING];
	cons_dev->cn_putc(tty_out.last);
}

/*
 * Give the device what it takes.
 * => console lock held
 */
static void
ring_send(void)
{
	const struct consdev *cd = cons_dev;
	uint32_t off, n;
	size_t sent;

	while (ring_count() > 0) {
		if (cd->cn_write == NULL) {
			ring_send_polled();
			continue;
		}
		off = tty_out.head % CONS_RING;
		n = MIN(ring_count(), CONS_RING - off);
		sent = cd->cn_write(&tty_out.ring[off], n);
		if (sent > 0)
			tty_out.last = (uint8_t)tty_out.ring[off + sent - 1];
		tty_out.head += (uint32_t)sent;
		if (sent < n)
			return;
	}
}

static bool
byte_needs_escape(char c)
{
	return cons_framed &&
	    (c == FRAME_BEGIN || c == FRAME_END || c == FRAME_ESC);
}

/*
 * Put as much as fits into the ring.
 * => console lock held; returns the bytes taken
 */
static size_t
ring_put(const char *buf, size_t n)
{
	size_t i;

	for (i = 0; i < n && ring_count() + 2 <= CONS_RING; i++) {
		if (byte_needs_escape(buf[i])) {
			tty_out.ring[tty_out.tail++ % CONS_RING] = FRAME_ESC;
			tty_out.ring[tty_out.tail++ % CONS_RING] =
			    (char)(buf[i] ^ FRAME_XOR);
		} else {
			tty_out.ring[tty_out.tail++ % CONS_RING] = buf[i];
		}
	}
	return i;
}

/*
 * Sleep until the ring has been emptied by half, or a tenth of a second: a
 * device may lose its interrupt, its output must not stop for good.
 */
static void
ring_wait(void)
{
	bool full;

	mtx_enter(&cons_wait_mtx);
	cons_lock();
	ring_send();
	full = ring_count() > CONS_RING / 2;
	cons_unlock();
	if (full)
		msleep(&tty_out, &cons_wait_mtx, PZERO | PNORELOCK, "ttyout",
		    100000000);
	else
		mtx_leave(&cons_wait_mtx);
}

void
cons_tty_write(const char *buf, size_t n)
{
	size_t done;

	if (cons_dev == NULL)
		return;
	for (;;) {
		cons_lock();
		done = ring_put(buf, n);
		ring_send();
		cons_unlock();
		buf += done;
		n -= done;
		if (n == 0)
			return;
		ring_wait();
	}
}

void
cons_txready(void)
{
	bool room;

	mtx_enter(&cons_wait_mtx);
	cons_lock();
	ring_send();
	room = ring_count() <= CONS_RING / 2;
	cons_unlock();
	if (room)
		wakeup(&tty_out);
	mtx_leave(&cons_wait_mtx);
}

/* -- Log output ----------------------------------------------------------------------- */

/*
 * Nothing in a log message may look like the end of one.
 */
static void
log_putc(const struct consdev *cd, char c)
{
	if (cons_framed) {
		if (byte_needs_escape(c))
			c = '?';
	} else if (c == '\n') {
		cd->cn_putc('\r');
	}
	cd->cn_putc((u_char)c);
}

void
cons_log_locked(const char *buf, size_t n)
{
	const struct consdev *cd = cons_dev;

	if (cd == NULL || n == 0)
		return;
	if (cons_framed) {
		if (tty_out.last == FRAME_ESC && ring_count() > 0)
			ring_send_polled();
		cd->cn_putc(FRAME_BEGIN);
	} else if (!cons_line_open && tty_out.last != '\0' &&
	    tty_out.last != '\n') {
		/* The terminal's line is not done: ours begins on a new one. */
		cd->cn_putc('\r');
		cd->cn_putc('\n');
		tty_out.last = '\n';
	}
	for (size_t i = 0; i < n; i++)
		log_putc(cd, buf[i]);
	cons_line_open = buf[n - 1] != '\n';
	if (cons_framed)
		cd->cn_putc(FRAME_END);
}

void
cons_log(const char *buf, size_t n)
{
	cons_lock();
	cons_log_locked(buf, n);
	cons_unlock();
}

void
cons_panic(void)
{
	cons_panicking = true;
	/* What a terminal had written before comes before the message. */
	while (
	    cons_dev != NULL && ring_count() > 0 && ring_count() <= CONS_RING)
		ring_send_polled();
}

/* -- Input --------------------------------------------------------------------------------- */

void
cons_set_input(void (*fn)(int c))
{
	cons_input = fn;
}

void
cons_rint(int c)
{
	void (*fn)(int) = cons_input;

	if (fn != NULL)
		fn(c);
}
