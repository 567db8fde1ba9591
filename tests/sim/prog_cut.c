/*
 * Random programs: what is left when the power goes.
 *
 * Each write to the disk is kept, in the order in which the disk served them.
 * When the program has ended, the image is put together that a power cut would
 * have left at one of them: what was flushed before it is there, of the rest
 * any part, data torn between sectors.  e2fsck has to be able to repair that,
 * and what was synced must be in it:
 *
 *	a word	is what it was when the last sync that had ended began, or what
 *		was stored to it later, or zero if the file was shorter later;
 *		never what was stored elsewhere
 *	a size	as it was then, or became later
 *	a name	is there if the file was synced, until it is removed; not any
 *		more when everything has been synced after that
 *
 * The model knows a value by its number, so it needs no history of each word.
 * Cuts are few: so of each sync, too, is asked whether the disk has ever held
 * what it has made safe.
 */
#include "prog_file.h"
#include <sys/disk.h>
#include <sys/uio.h>
#include <tests/sim/host/host.h>
#include <tests/kern/kt_tdisk.h>

#define LOG_BYTES  (192UL << 20)
#define LOG_MAX    100000 /* writes */
#define SYNC_MAX   3000
#define SIZE_MAXEV 20000
#define NAME_MAX   4096
#define VALUES     (1UL << 23)
#define FLUSH      UINT32_MAX /* in place of a sector */

/* A write, or a flush. All members: [sim]. */
struct cut_write {
	uint32_t sector, len; /* bytes; sector FLUSH: a flush */
	size_t data; /* in log_data */
	bool meta; /* not torn within a block */
};

/* A change of a size. All members: [sim]. */
struct cut_size {
	uint32_t id;
	uint64_t size, ended; /* orc_now; UINT64_MAX: not yet */
	size_t begun; /* writes by then */
};

/* Who had a name. All members: [sim]. */
struct cut_name {
	char name[FILE_NAMES];
	size_t created, removing, gone; /* writes by then */
	uint64_t removed; /* orc_now */
};

static uint8_t *disk_image;
static uint8_t base[PROG_MAXFSPAGES * PAGE_SIZE];
static uint8_t cut_image[PROG_MAXFSPAGES * PAGE_SIZE]
    __attribute__((aligned(PAGE_SIZE)));
static uint32_t disk_pages;
static uint8_t log_data[LOG_BYTES];
static size_t log_used;
static struct cut_write log[LOG_MAX];
static size_t nlog;
static bool log_full; /* nothing later is known */

static struct cut_sync syncs[SYNC_MAX];
static u_int nsyncs;
static struct cut_size sizes[SIZE_MAXEV];
static u_int nsizes;
static struct cut_name names[NAME_MAX];
static uint32_t value_owner[VALUES]; /* file and page; 0: not known */
static uint32_t value_stored[VALUES]; /* orc_now */
static bool value_held[VALUES]; /* by the disk, at some time */

/* -- What happens ---------------------------------------------------------------- */

void
cut_begin(uint8_t *image, uint32_t npages)
{
	disk_image = image;
	disk_pages = npages;
	memcpy(base, image, ptoa((size_t)npages));
}

/* => the request moves pages of files */
static bool
is_data(const struct buf *bp)
{
	struct vm_page *pg =
	    bp->b_nsegs != 0 ? PHYS_TO_VM_PAGE(bp->b_seg[0].bs_addr) : NULL;

	return pg != NULL && pg->uobject != NULL &&
	    UVM_OBJ_IS_VNODE(pg->uobject);
}

/* => data of files; other bytes than those of words are zero */
static void
note_held(const uint8_t *data, size_t len)
{
	uint64_t x;

	for (size_t at = 0; at + sizeof(x) <= len; at += sizeof(x)) {
		memcpy(&x, data + at, sizeof(x));
		if (x >> 2 < VALUES)
			value_held[x >> 2] = true;
	}
}

/* What a request that failed has written is on the disk, too. */
static void
log_write(const struct buf *bp)
{
	struct cut_write *cw = &log[nlog];

	if (nlog == LOG_MAX || log_used + bp->b_bcount > LOG_BYTES) {
		log_full = true;
		return;
	}
	cw->sector = (bp->b_flags & B_FLUSH) ? FLUSH : (uint32_t)bp->b_rawblkno;
	cw->len = (bp->b_flags & B_FLUSH) ? 0 : (uint32_t)bp->b_bcount;
	cw->data = log_used;
	cw->meta = !is_data(bp);
	memcpy(log_data + log_used,
	    disk_image + (cw->len ? (size_t)cw->sector << DEV_BSHIFT : 0),
	    cw->len);
	if (!cw->meta)
		note_held(log_data + log_used, cw->len);
	log_used += cw->len;
	nlog++;
}

void
cut_served(u_int n, const struct buf *bp, bool failed)
{
	if (failed)
		for (int o = 0; o < FILES; o++)
			orc_obj[o].errors++;
	if ((bp->b_flags & B_READ) == 0 && !log_full &&
	    !(failed && (bp->b_flags & B_FLUSH)))
		log_write(bp);
}

void
cut_value(uint32_t id, int i, int w, uint64_t v)
{
	uint64_t n = v >> 2;

	if (n >= VALUES)
		return;
	value_owner[n] = id << 8 | (uint32_t)i;
	value_stored[n] = (uint32_t)orc_now;
}

void
prog_file_stored(uint32_t id, int i, int w, uint64_t v)
{
	cut_value(id, i, w, v);
}

void
cut_size(uint32_t id, uint64_t size, bool begun)
{
	struct cut_size *cz = &sizes[nsizes];

	if (begun) {
		if (nsizes < SIZE_MAXEV)
			*cz = (struct cut_size){ id, size, UINT64_MAX, nlog };
		if (++nsizes > SIZE_MAXEV)
			log_full = true;
		return;
	}
	for (cz = sizes; cz < sizes + MIN(nsizes, SIZE_MAXEV); cz++)
		if (cz->id == id && cz->ended == UINT64_MAX)
			cz->ended = ++orc_now;
	/* one that failed in part has another */
	if (nsizes < SIZE_MAXEV)
		sizes[nsizes++] = (struct cut_size){ id, size, orc_now, nlog };
}

void
cut_created(uint32_t id, const char *name)
{
	struct cut_name *cn = &names[id];

	if (id >= NAME_MAX) {
		log_full = true;
		return;
	}
	strlcpy(cn->name, name, sizeof(cn->name));
	cn->created = nlog;
	cn->removing = cn->gone = SIZE_MAX;
	cn->removed = UINT64_MAX;
}

void
cut_unlinked(uint32_t id, bool gone)
{
	if (id >= NAME_MAX)
		return;
	if (!gone)
		names[id].removing = MIN(names[id].removing, nlog);
	else
		names[id].removed = ++orc_now;
}

void
cut_sync_names(uint64_t since)
{
	for (u_int id = 1; id < NAME_MAX; id++)
		if (names[id].removed <= since && names[id].gone == SIZE_MAX)
			names[id].gone = nlog;
}

/* -- Syncs ----------------------------------------------------------------------- */

struct cut_sync *
cut_sync_begin(int o)
{
	struct cut_sync *cs = &syncs[nsyncs];
	struct file_state *f = &prog_files[o];
	struct orc_slot *s;

	if (nsyncs == SYNC_MAX || log_full || !f->named || f->naming)
		return NULL;
	nsyncs++;
	cs->id = f->id;
	cs->since = orc_now;
	cs->at = SIZE_MAX;
	cs->sized = !orc_obj[o].sizing;
	cs->size = f->size;
	for (int i = 0; i < ORC_OBJPAGES; i++) {
		s = orc_obj[o].slot[i];
		for (int w = 0; w < (int)orc_words; w++) {
			cs->known[i][w] = s->flux == 0 && !s->sizing &&
			    !s->beyond && s->w[w].state == ORC_EXACT &&
			    (s->limit == 0 || orc_off(w) < s->limit);
			cs->val[i][w] = s->w[w].val;
		}
	}
	return cs;
}

void
cut_sync_range(struct cut_sync *cs, int i, int j)
{
	if (cs == NULL)
		return;
	cs->sized = false;
	for (int k = 0; k < ORC_OBJPAGES; k++)
		if (k < i || k >= j)
			memset(cs->known[k], 0, sizeof(cs->known[k]));
}

/* => is the word still what it was when the sync began? */
static bool
unchanged(const struct cut_sync *cs, const struct orc_slot *s, int i, int w)
{
	return s->flux == 0 && !s->sizing && !s->beyond &&
	    s->w[w].state == ORC_EXACT && s->w[w].val == cs->val[i][w] &&
	    (s->limit == 0 || orc_off(w) < s->limit);
}

/* => done: what it should have written of file o the disk has held */
static void
check_held(const struct cut_sync *cs, int o)
{
	uint64_t n;

	for (int i = 0; i < ORC_OBJPAGES; i++)
		for (int w = 0; w < (int)orc_words; w++) {
			n = cs->val[i][w] >> 2;
			if (cs->known[i][w] && n != 0 && n < VALUES &&
			    !value_held[n] &&
			    unchanged(cs, orc_obj[o].slot[i], i, w))
				sim_fail("%s, page %d, word %d: %#lx was "
					 "synced and not written",
				    names[cs->id].name, i, w, cs->val[i][w]);
		}
}

void
cut_sync_end(struct cut_sync *cs, bool done)
{
	/* nothing of a file without names survives */
	if (cs == NULL || !done || names[cs->id].removing != SIZE_MAX)
		return;
	cs->at = nlog;
	for (int o = 0; o < FILES && !log_full; o++)
		if (prog_files[o].id == cs->id)
			check_held(cs, o);
}

/* -- The image ------------------------------------------------------------------- */

static uint64_t cut_state;

static uint64_t
cut_draw(uint64_t n)
{
	return kt_random_r(&cut_state) % n;
}

enum cut_mode { CUT_NONE, CUT_ALL, CUT_SOME, CUT_TORN, CUT_MODES };

/* A write after the last flush. */
static void
apply_part(const struct cut_write *cw, enum cut_mode mode)
{
	uint32_t unit = cw->len, at, n;
	uint32_t bsize = 512U << prog_cfg->files;

	if (mode == CUT_TORN)
		unit = cw->meta ? bsize : DEV_BSIZE;
	for (at = 0; at < cw->len; at += n) {
		n = MIN(unit, cw->len - at);
		if (mode == CUT_NONE || (mode >= CUT_SOME && cut_draw(2) == 0))
			continue;
		memcpy(cut_image + ((size_t)cw->sector << DEV_BSHIFT) + at,
		    log_data + cw->data + at, n);
	}
}

static void
make_image(size_t cut, enum cut_mode mode)
{
	size_t flushed = 0;

	memcpy(cut_image, base, ptoa((size_t)disk_pages));
	for (size_t i = 0; i < cut; i++)
		if (log[i].sector == FLUSH)
			flushed = i;
	for (size_t i = 0; i < cut; i++)
		if (log[i].sector != FLUSH)
			apply_part(&log[i], i < flushed ? CUT_ALL : mode);
}

/* -- What has to be in it ------------------------------------------------------------ */

/* One that is looked into. All members: [sim]. */
static struct {
	size_t at;
	enum cut_mode mode;
	uint32_t id;
} cut;

static void __dead __printflike(1, 2) cut_fail(const char *fmt, ...)
{
	char why[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	sim_fail("power cut after write %lu of %lu (%d), %s: %s", cut.at, nlog,
	    cut.mode, cut.id != 0 ? names[cut.id].name : "disk", why);
}

/* => a change of the size that may be on the disk, and is newer */
static bool
newer_size(const struct cut_size *cz, uint64_t since)
{
	return cz->id == cut.id && cz->begun <= cut.at && cz->ended > since;
}

/*
 * A file that was growing may have blocks behind its end: to e2fsck they are
 * part of it.
 */
static bool
size_right(uint64_t size, const struct cut_sync *cs)
{
	uint64_t least = cs->size, most = cs->size;

	for (u_int i = 0; i < MIN(nsizes, SIZE_MAXEV); i++)
		if (newer_size(&sizes[i], cs->since)) {
			least = MIN(least, sizes[i].size);
			most = MAX(most, sizes[i].size);
		}
	if (most != cs->size)
		most = roundup2(most, 512UL << prog_cfg->files);
	return size >= least && size <= most;
}

static bool
was_shorter(uint64_t end, uint64_t since)
{
	for (u_int i = 0; i < MIN(nsizes, SIZE_MAXEV); i++)
		if (newer_size(&sizes[i], since) && sizes[i].size < end)
			return true;
	return false;
}

static bool
stored_later(uint64_t x, int i, int w, uint64_t since)
{
	uint64_t n = x >> 2;

	if ((x & 3) != (uint64_t)w || n > orc_now || n == 0)
		return false;
	if (n >= VALUES || value_owner[n] == 0)
		return true;
	return value_owner[n] == (cut.id << 8 | (uint32_t)i) &&
	    value_stored[n] > since;
}

/* => nothing that was ever stored there: what the block held before */
static bool
is_foreign(uint64_t x, int i, int w)
{
	uint64_t n = x >> 2;

	if (x == 0)
		return false;
	if ((x & 3) != (uint64_t)w || n > orc_now || n == 0)
		return true;
	return n < VALUES && value_owner[n] != 0 &&
	    value_owner[n] != (cut.id << 8 | (uint32_t)i);
}

/* => the newest that says something of the word, or of the size (i < 0) */
static const struct cut_sync *
last_sync(int i, int w)
{
	for (u_int k = nsyncs; k-- > 0;)
		if (syncs[k].id == cut.id && syncs[k].at <= cut.at &&
		    (i < 0 ? syncs[k].sized : syncs[k].known[i][w]))
			return &syncs[k];
	return NULL;
}

static void
check_word(int i, int w, uint64_t x)
{
	const struct cut_sync *cs = last_sync(i, w);
	uint64_t end = ptoa((uint64_t)i) + orc_off(w) + sizeof(x);

	if (is_foreign(x, i, w))
		cut_fail("page %d, word %d is %#lx, of %#x", i, w, x,
		    x >> 2 < VALUES ? value_owner[x >> 2] : 0);
	if (cs == NULL || x == cs->val[i][w] ||
	    stored_later(x, i, w, cs->since) ||
	    (x == 0 && was_shorter(end, cs->since)))
		return;
	cut_fail("page %d, word %d is %#lx (of %#x, stored at %u), synced was "
		 "%#lx (by one from %lu on)",
	    i, w, x, x >> 2 < VALUES ? value_owner[x >> 2] : 0,
	    x >> 2 < VALUES ? value_stored[x >> 2] : 0, cs->val[i][w],
	    (u_long)cs->since);
}

static char cut_buf[PAGE_SIZE];

static void
check_page(struct vnode *vp, int i, uint64_t size)
{
	struct iovec iov = { cut_buf, PAGE_SIZE };
	struct uio uio = { .uio_iov = &iov,
		.uio_iovcnt = 1,
		.uio_offset = (off_t)ptoa((uint64_t)i),
		.uio_resid = PAGE_SIZE,
		.uio_segflg = UIO_SYSSPACE,
		.uio_rw = UIO_READ };
	int error = vp->v_op->vop_read(vp, &uio);
	uint64_t x;

	if (error != 0)
		cut_fail("page %d: error %d", i, error);
	for (int w = 0; w < (int)orc_words; w++) {
		if (ptoa((uint64_t)i) + orc_off(w) + sizeof(x) > size)
			continue;
		memcpy(&x, cut_buf + orc_off(w), sizeof(x));
		check_word(i, w, x);
	}
}

static void
check_contents(struct vnode *vp)
{
	const struct cut_sync *cs = last_sync(-1, 0);
	struct vattr va;
	int error = vp->v_op->vop_getattr(vp, &va);

	if (error != 0)
		cut_fail("error %d", error);
	if (cs != NULL && !size_right((uint64_t)va.va_size, cs))
		cut_fail("%lu bytes, synced were %lu", (u_long)va.va_size,
		    (u_long)cs->size);
	for (int i = 0;
	     i < ORC_OBJPAGES && (off_t)ptoa((uint64_t)i) < va.va_size; i++)
		check_page(vp, i, (uint64_t)va.va_size);
}

static char said[16384]; /* by e2fsck */

static bool
says(const char *what)
{
	size_t n = strlen(what);

	for (const char *s = said; *s != '\0'; s++)
		if (strncmp(s, what, n) == 0)
			return true;
	return false;
}

static void
check_name(const struct cut_name *cn)
{
	struct vnode *dvp = prog_mount->mnt_root, *vp;
	char gone[FILE_NAMES + 40];
	bool synced = false;
	int error = dvp->v_op->vop_lookup(dvp, cn->name, strlen(cn->name), &vp);

	if (error != 0 && error != ENOENT)
		cut_fail("error %d", error);
	for (u_int k = 0; k < nsyncs; k++)
		synced |= syncs[k].id == cut.id && syncs[k].at <= cut.at;
	if (error == ENOENT && synced && cn->removing > cut.at)
		cut_fail("is gone");
	/* the name goes first, then the inode */
	snprintf(gone, sizeof(gone), "Entry '%s' in / (2) has deleted/unused",
	    cn->name);
	if (synced && says(gone))
		cut_fail("its inode went before its name");
	if (error == 0 && cn->gone <= cut.at)
		cut_fail("is there, and was removed");
	if (error != 0)
		return;
	check_contents(vp);
	vrele(vp);
}

/* What no order of writing may leave behind, whether it can be repaired or not. */
static bool
says_damage(void)
{
	static const char *const damage[] = { "ultiply-claimed", "llegal block",
		"corrupt", "too many illegal" };

	for (u_int i = 0; i < nitems(damage); i++)
		if (says(damage[i]))
			return true;
	return false;
}

static void
look_at_cut(size_t at, enum cut_mode mode)
{
	int status;

	cut.at = at;
	cut.mode = mode;
	cut.id = 0;
	make_image(at, mode);
	status = host_fsck(
	    cut_image, ptoa((size_t)disk_pages), false, said, sizeof(said));
	if ((status != 0 && status != 1) || says_damage()) {
		host_write(2, said, strlen(said));
		cut_fail("e2fsck: status %d", status);
	}
	prog_file_mount(CUT_DISK, true, cut_image, disk_pages);
	for (cut.id = 1; cut.id < NAME_MAX; cut.id++)
		if (names[cut.id].name[0] != '\0' &&
		    names[cut.id].created <= at)
			check_name(&names[cut.id]);
	prog_file_unmount();
	orc_stats.cuts++;
}

/*
 * Some cuts come soon after a sync, others before a flush, when most is in the
 * cache only.
 */
static size_t
some_write(void)
{
	uint64_t how = cut_draw(3);
	size_t at = cut_draw(nlog + 1), sync;

	if (how == 0 && nsyncs != 0) {
		sync = syncs[cut_draw(nsyncs)].at;
		if (sync != SIZE_MAX)
			at = sync + cut_draw(12);
	} else if (how == 1)
		while (at < nlog && log[at].sector != FLUSH)
			at++;
	return MIN(at, nlog);
}

void
cut_check_all(void)
{
	if (prog_cfg->files == 0)
		return;
	cut_state = prog_cfg->seed;
	if (prog_cfg->cuts == PROG_ALLCUTS)
		for (size_t at = 0; at <= nlog; at++)
			look_at_cut(at, (enum cut_mode)(at % CUT_MODES));
	else
		for (uint64_t i = 0; i < prog_cfg->cuts; i++) {
			size_t at = some_write();

			look_at_cut(at, (enum cut_mode)cut_draw(CUT_MODES));
		}
}

void
cut_check_clean(void)
{
	int status = host_fsck(
	    disk_image, ptoa((size_t)disk_pages), true, said, sizeof(said));

	if (status != 0)
		host_write(2, said, strlen(said));
	if (status != 0)
		sim_fail("e2fsck is not content after a clean end: status %d",
		    status);
}
