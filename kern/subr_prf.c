/*
 * The kernel log: printf, the ring that keeps what was said, and its way to
 * the console.
 *
 * A call formats into a buffer of its own and hands it over in one piece, so
 * that calls of two harts never mix.  A line is opened with the time; when a
 * hart left its line open and another one speaks, the open line is ended.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/cons.h>
#include <sys/lock.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>
#include <lib/format.h>
#include <kern/cons_impl.h>

#define LOG_SIZE   (64 * 1024) /* history kept; a power of two */
#define LOG_STAMP  20 /* room for "[ssssss.uuuuuu] " */
#define PRINTF_BUF 512 /* most text handed over at once */

/*
 * Locks used to protect members:
 *	c	cons_mtx
 */
static struct {
	uint64_t next; /* [c] position of the next byte since boot */
	struct cpu_info *open; /* [c] hart whose line has no end yet */
	char ring[LOG_SIZE]; /* [c] */
} kernlog;

/* -- The ring ---------------------------------------------------------------------- */

static void
log_append(const char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		kernlog.ring[kernlog.next++ % LOG_SIZE] = buf[i];
}

/* => cons_mtx held: to the ring and the console */
static void
log_put(const char *buf, size_t n)
{
	log_append(buf, n);
	cons_log_locked(buf, n);
}

/* => cons_mtx held */
static void
log_stamp(void)
{
	uint64_t us = nsecuptime() / 1000;
	char stamp[LOG_STAMP];
	int n;

	n = snprintf(stamp, sizeof(stamp), "[%5lu.%06lu] ",
	    (u_long)(us / 1000000), (u_long)(us % 1000000));
	log_put(stamp, MIN((size_t)n, sizeof(stamp) - 1));
}

/*
 * Text of one call: stamps go before each line it begins.
 * => cons_mtx held
 */
static void
log_write(const char *buf, size_t n)
{
	struct cpu_info *ci = curcpu();
	size_t len;

	if (kernlog.open != NULL && kernlog.open != ci) {
		log_put("\n", 1);
		kernlog.open = NULL;
	}
	while (n > 0) {
		if (kernlog.open == NULL)
			log_stamp();
		for (len = 0; len < n && buf[len] != '\n'; len++)
			;
		kernlog.open = len < n ? NULL : ci;
		len += len < n;
		log_put(buf, len);
		buf += len;
		n -= len;
	}
}

/* => position of the oldest byte kept; cons_mtx held */
static uint64_t
log_oldest(void)
{
	return kernlog.next > LOG_SIZE ? kernlog.next - LOG_SIZE : 0;
}

size_t
log_read(char *buf, size_t n, uint64_t *seq)
{
	size_t i;

	cons_lock();
	if (*seq < log_oldest())
		*seq = log_oldest();
	n = MIN(n, kernlog.next > *seq ? kernlog.next - *seq : 0);
	for (i = 0; i < n; i++)
		buf[i] = kernlog.ring[(*seq + i) % LOG_SIZE];
	*seq += n;
	cons_unlock();
	return n;
}

void
log_bounds(uint64_t *oldest, uint64_t *next)
{
	cons_lock();
	*oldest = log_oldest();
	*next = kernlog.next;
	cons_unlock();
}

/* -- printf ------------------------------------------------------------------------- */

/*
 * Locks used to protect members: o the calling thread
 */
struct prfbuf {
	size_t pb_len; /* [o] */
	char pb_text[PRINTF_BUF]; /* [o] */
};

static void
prfbuf_flush(struct prfbuf *pb)
{
	cons_lock();
	log_write(pb->pb_text, pb->pb_len);
	cons_unlock();
	pb->pb_len = 0;
}

static void
prfbuf_putc(int c, void *arg)
{
	struct prfbuf *pb = arg;

	if (pb->pb_len == sizeof(pb->pb_text))
		prfbuf_flush(pb);
	pb->pb_text[pb->pb_len++] = (char)c;
}

int
vprintf(const char *fmt, va_list ap)
{
	struct prfbuf pb;
	int n;

	pb.pb_len = 0;
	n = kvformat(prfbuf_putc, &pb, fmt, ap);
	if (pb.pb_len > 0)
		prfbuf_flush(&pb);
	return n;
}

int
printf(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vprintf(fmt, ap);
	va_end(ap);
	return n;
}
