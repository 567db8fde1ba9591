/*
 * Random programs: what a file holds, by read(2) and write(2) and by its size.
 *
 * Mappings show the same slots (oracle.h).  Bytes that belong to no word are
 * zero.  While a write is under way its pages are in flux; while the size
 * changes, so are those from the shorter end to the longer one.
 */
#include "prog_file.h"
#include <sys/uio.h>

#define IO_PAGES 20 /* most of a transfer */
#define NBUFS    (PROG_MAXPROCS * PROG_MAXTHREADS + PROG_MAXKTHREADS + 1)

/* One buffer for each transfer under way. */
static char io_buf[NBUFS][(IO_PAGES + 1) * PAGE_SIZE];
static bool io_used[NBUFS];

static char *
buf_take(void)
{
	for (u_int i = 0; i < NBUFS; i++)
		if (!io_used[i]) {
			io_used[i] = true;
			return io_buf[i];
		}
	sim_fail("more transfers than threads");
}

static void
buf_give(char *buf)
{
	io_used[(size_t)(buf - io_buf[0]) / sizeof(io_buf[0])] = false;
}

uint64_t
file_byte(uint32_t page, uint32_t mid)
{
	static const uint16_t at[] = { 0, 8, 0x100, 0x418, 0x420, 0x7ff, 0x9f0,
		0xabc, 0x800, 0xff8, 0xc00, 0x400 };

	return ptoa((uint64_t)page) + at[mid % nitems(at)];
}

static int
transfer(struct file_use *fu, char *buf, uint64_t *offp, size_t *lenp,
    enum uio_rw rw, bool append)
{
	struct iovec iov = { buf, *lenp };
	struct uio uio = { .uio_iov = &iov,
		.uio_iovcnt = 1,
		.uio_offset = (off_t)*offp,
		.uio_resid = *lenp,
		.uio_segflg = UIO_SYSSPACE,
		.uio_rw = rw };
	const struct vnodeops *op = fu->vp->v_op;
	int error;

	error = rw == UIO_READ ? op->vop_read(fu->vp, &uio)
			       : op->vop_write(fu->vp, &uio, append);
	*lenp -= uio.uio_resid;
	sim_trace_mix((uint64_t)error << 32 | *lenp);
	return error;
}

/* => a transfer may fail with that */
static void
check_error(struct file_use *fu, int error, u_int errors, const char *what)
{
	if (error == EIO && orc_obj[fu->o].errors != errors)
		return;
	if (error == ENOSPC && prog_file_full(NULL))
		return;
	if ((error == ENOMEM || error == EINTR) && prog_tight())
		return;
	sim_fail("%s of %s: error %d", what, fu->f->name, error);
}

/* -- Words of a range ----------------------------------------------------------- */

/* => first page, and the one behind the last */
static int
first_page(uint64_t off)
{
	return (int)(off >> PAGE_SHIFT);
}

static int
end_page(uint64_t end)
{
	return (int)((end + PAGE_MASK) >> PAGE_SHIFT);
}

/* => word w of page i lies in [off, end) */
static bool
covers(uint64_t off, uint64_t end, int i, int w)
{
	uint64_t at = ptoa((uint64_t)i) + orc_off(w);

	return at >= off && at + sizeof(uint64_t) <= end;
}

static uint64_t *
word_in(char *buf, uint64_t off, int i, int w)
{
	return (uint64_t *)(void *)(buf + ptoa((uint64_t)i) + orc_off(w) - off);
}

static uint64_t
get_word(char *buf, uint64_t off, int i, int w)
{
	uint64_t x;

	memcpy(&x, word_in(buf, off, i, w), sizeof(x));
	return x;
}

static void
set_flux(struct file_use *fu, int i, int j, int by)
{
	for (; i < j; i++)
		orc_obj[fu->o].slot[i]->flux += (u_int)by;
}

/* -- Reading -------------------------------------------------------------------- */

/* => clears the words, so that what is left has to be zero */
static void
check_word(
    struct file_use *fu, char *buf, uint64_t off, int i, int w, uint64_t since)
{
	struct orc_slot *s = orc_obj[fu->o].slot[i];
	struct orc_page pg = { .slot = s };
	uint64_t x = get_word(buf, off, i, w), none = 0;

	sim_trace_mix(x);
	memcpy(word_in(buf, off, i, w), &none, sizeof(none));
	if (s->flux != 0 || s->sizing || s->mtime > since) {
		orc_stats.loose++;
		return;
	}
	if (!orc_check(&pg, w, x))
		sim_fail("read %#lx from %s, page %d, word %d, not %#lx", x,
		    fu->f->name, i, w, s->w[w].val);
}

static void
check_read(
    struct file_use *fu, char *buf, uint64_t off, size_t n, uint64_t since)
{
	for (int i = first_page(off); i < end_page(off + n); i++)
		for (int w = 0; w < (int)orc_words; w++)
			if (covers(off, off + n, i, w))
				check_word(fu, buf, off, i, w, since);
	for (size_t k = 0; k < n; k++)
		if (buf[k] != 0)
			sim_fail("read %#x from %s, byte %#lx, which is zero",
			    buf[k], fu->f->name, (u_long)(off + k));
}

void
file_read(struct file_use *fu, uint64_t off, size_t len)
{
	struct orc_obj *obj = &orc_obj[fu->o];
	u_int gen = obj->sizegen, errors = obj->errors;
	uint64_t since = orc_now, size = fu->f->size;
	bool loose = obj->sizing;
	size_t n = MIN(len, IO_PAGES * PAGE_SIZE), want;
	char *buf = buf_take();
	int error;

	want = off < size ? MIN(n, size - off) : 0;
	error = transfer(fu, buf, &off, &n, UIO_READ, false);
	if (error != 0)
		check_error(fu, error, errors, "read");
	loose |= obj->sizegen != gen;
	if (!loose && n > want)
		sim_fail("read %lu bytes of %s, %lu are there", n, fu->f->name,
		    want);
	if (!loose && error == 0 && n != want)
		sim_fail("read %lu bytes of %s, not %lu", n, fu->f->name, want);
	if (!loose)
		check_read(fu, buf, off, n, since);
	buf_give(buf);
}

/* -- Size ----------------------------------------------------------------------- */

static int
pages_of(uint64_t size)
{
	return end_page(size);
}

/* => pages whose contents, or presence, a change of the size may change */
static void
size_range(uint64_t old, uint64_t size, int *ip, int *jp)
{
	*ip = first_page(MIN(old, size));
	*jp = MIN(pages_of(MAX(old, size)), ORC_OBJPAGES);
}

static void
set_sizing(struct file_use *fu, uint64_t size, bool on)
{
	struct orc_obj *obj = &orc_obj[fu->o];
	int i, j;

	size_range(fu->f->size, size, &i, &j);
	set_flux(fu, i, j, on ? 1 : -1);
	for (; i < j; i++)
		obj->slot[i]->sizing = on;
	obj->sizing = on;
	obj->sizegen++;
	orc_sizegen++;
	orc_sizings += on ? 1 : -1u;
}

/*
 * The words of a page from its new end on are zero, unless they were stored to
 * meanwhile.  They are written, even if with what they were: a fetch may see
 * what was there before.
 */
static void
cut_words(struct orc_slot *s, uint16_t limit, bool raced)
{
	uint16_t old = s->limit;

	s->limit = limit;
	for (int w = 0; w < ORC_MAXWORDS; w++) {
		if ((limit == 0 || orc_off(w) < limit) &&
		    (old == 0 || orc_off(w) < old))
			continue;
		if (raced && w < (int)orc_words)
			orc_blur_word(s, w);
		else
			s->w[w] = (struct orc_word){ 0 };
	}
	s->mtime = ++orc_now;
}

/*
 * A page that is behind the end; or is not any more: then it is zero, but for
 * what was stored to it since.
 */
static void
set_beyond(struct orc_slot *s, bool beyond, uint16_t limit)
{
	s->beyond = beyond;
	s->limit = limit;
	s->mtime = ++orc_now;
	if (beyond)
		memset(s->w, 0, sizeof(s->w));
	for (int w = 0; w < (int)orc_words; w++)
		if (!beyond && s->w[w].val != 0 && limit != 0 &&
		    orc_off(w) >= limit)
			orc_blur_word(s, w);
}

static void
size_done(struct file_use *fu, uint64_t size, uint64_t since)
{
	struct orc_obj *obj = &orc_obj[fu->o];
	uint16_t limit = (uint16_t)(size & PAGE_MASK);
	int i, j, n = pages_of(size), was = pages_of(fu->f->size);
	struct orc_slot *s;

	size_range(fu->f->size, size, &i, &j);
	for (; i < j; i++) {
		s = obj->slot[i];
		if (i >= n || i >= was)
			set_beyond(s, i >= n, i == n - 1 ? limit : 0);
		else
			cut_words(s, i == n - 1 ? limit : 0, s->mtime > since);
	}
	fu->f->size = size;
}

/*
 * It should have become that long and did not, but may have been for a while:
 * what was stored behind the end meanwhile is gone.
 */
static void
size_short(struct file_use *fu, uint64_t size)
{
	int n = MIN(pages_of(size), ORC_OBJPAGES);

	for (int i = pages_of(fu->f->size); i < n; i++)
		set_beyond(orc_obj[fu->o].slot[i], true, 0);
}

void
file_check_size(struct file_use *fu, uint64_t size)
{
	struct vattr va;
	int error = fu->vp->v_op->vop_getattr(fu->vp, &va);

	if (error != 0 || (uint64_t)va.va_size != size)
		sim_fail("%s: error %d, %lu bytes, not %lu", fu->f->name, error,
		    (u_long)va.va_size, (u_long)size);
}

void
file_truncate(struct file_use *fu, uint64_t size)
{
	struct file_state *f = fu->f;
	struct vattr va = { .va_size = (off_t)size };
	u_int errors = orc_obj[fu->o].errors;
	uint64_t since = orc_now;
	bool done;
	int error;

	if (orc_obj[fu->o].sizing || f->writers != 0)
		return;
	set_sizing(fu, size, true);
	cut_size(f->id, size, true);
	error = fu->vp->v_op->vop_setattr(fu->vp, &va, VA_SIZE);
	sim_trace_mix((uint64_t)error);
	if (error != 0)
		check_error(fu, error, errors, "truncation");
	/* what could not be freed is not part of it any more either */
	done = error == 0 || size < f->size;
	file_check_size(fu, done ? size : f->size);
	set_sizing(fu, size, false);
	/* to the same size: what was stored behind it may stay there */
	if (done && size != f->size)
		size_done(fu, size, since);
	if (!done)
		size_short(fu, size);
	cut_size(f->id, f->size, false);
}

/* -- Writing -------------------------------------------------------------------- */

/* => new values for the words of the range, the rest zeros */
static void
fill(struct file_use *fu, char *buf, uint64_t off, size_t len)
{
	uint64_t v;

	memset(buf, 0, len);
	for (int i = first_page(off); i < end_page(off + len); i++)
		for (int w = 0; w < (int)orc_words; w++)
			if (covers(off, off + len, i, w)) {
				v = orc_value(w);
				memcpy(word_in(buf, off, i, w), &v, sizeof(v));
			}
}

/* The words have been written; whoever else was at the page may have been
 * first, or last. */
static void
written(struct file_use *fu, char *buf, uint64_t off, uint64_t end, int i,
    bool alone)
{
	struct orc_slot *s = orc_obj[fu->o].slot[i];
	uint64_t v;

	for (int w = 0; w < (int)orc_words; w++) {
		if (!covers(off, end, i, w))
			continue;
		v = get_word(buf, off, i, w);
		if (alone)
			orc_slot_store(s, w, v);
		else
			orc_blur_word(s, w);
		cut_value(fu->f->id, i, w, v);
	}
}

/* => was the page nobody else's since the write began? for [i, j) */
static void
note_alone(struct file_use *fu, int i, int j, uint64_t since, bool *alone)
{
	struct orc_slot *s;

	for (; i < j; i++) {
		s = orc_obj[fu->o].slot[i];
		*alone++ = s->flux == 0 && s->mtime <= since;
	}
}

static void
write_range(struct file_use *fu, uint64_t off, size_t len, bool append)
{
	struct file_state *f = fu->f;
	uint64_t since, size = MAX(f->size, off + len), at = off, now;
	u_int errors = orc_obj[fu->o].errors;
	bool grows = size > f->size, alone[IO_PAGES + 1];
	int i = first_page(off), j = end_page(off + len), error;
	char *buf = buf_take();
	size_t n = len;

	fill(fu, buf, off, len);
	since = orc_now;
	set_flux(fu, i, j, 1);
	if (grows) {
		set_sizing(fu, size, true);
		cut_size(f->id, size, true);
	} else
		f->writers++;
	error = transfer(fu, buf, &at, &n, UIO_WRITE, append);
	if (error != 0)
		check_error(fu, error, errors, "write");
	else if (n != len)
		sim_fail("wrote %lu bytes of %lu to %s", n, len, f->name);
	now = n > 0 ? MAX(f->size, off + n) : f->size;
	if (grows) {
		file_check_size(fu, now);
		set_sizing(fu, size, false);
	} else
		f->writers--;
	set_flux(fu, i, j, -1);
	note_alone(fu, i, j, since, alone);
	if (grows) {
		if (now != f->size)
			size_done(fu, now, since);
		size_short(fu, size);
		cut_size(f->id, now, false);
	}
	for (int k = i; k < end_page(off + n) && n > 0; k++)
		written(fu, buf, off, off + n, k, alone[k - i]);
	buf_give(buf);
}

/*
 * => the last byte up to `end' where a file may end: with a word only partly in
 *    it, the rest would become zero at any time
 */
static uint64_t
between_words(uint64_t end)
{
	uint64_t at = end & PAGE_MASK;

	for (int w = 0; w < ORC_MAXWORDS; w++)
		if (at > orc_off(w) && at < orc_off(w) + sizeof(uint64_t))
			return end - (at - orc_off(w));
	return end;
}

void
file_write(struct file_use *fu, uint64_t off, size_t len, bool append)
{
	len = MIN(len, (size_t)IO_PAGES * PAGE_SIZE - (off & PAGE_MASK));
	if (append)
		off = fu->f->size;
	if (off >= FILE_MAX || orc_obj[fu->o].sizing)
		return;
	len = MIN(len, FILE_MAX - off);
	len = between_words(off + len) - off;
	if (append || off + len > fu->f->size) {
		if (fu->f->writers != 0)
			return;
	}
	if (len != 0)
		write_range(fu, off, len, append);
}
