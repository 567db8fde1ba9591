/* The oracle: slots and pages; see oracle.h. */
#include <tests/sim/oracle.h>
#include <tests/sim/sim.h>
#include "prog_i.h"

#define NSLOTS 65536
#define NPROCS 64

static struct orc_slot slot_store[NSLOTS];
static struct orc_slot *slot_free; /* list by lower */
static u_int slots_used;
static struct orc_proc proc_store[NPROCS];
static struct orc_proc *proc_free; /* list by next */
static u_int procs_used;

struct orc_obj orc_obj[ORC_OBJS];
uint64_t orc_now = 1;
u_int orc_ghosts;
u_int orc_sizegen, orc_sizings;
u_int orc_words = 2;
struct prog_stats orc_stats;

/*
 * Sizes of the objects: the first are files, with contents from the start, the
 * others anonymous.
 */
void
orc_init(void)
{
	static const int npages[ORC_OBJS] = { 16, 40, 64, 100, 32, 80 };
	struct orc_slot *s;

	for (int o = 0; o < ORC_OBJS; o++) {
		orc_obj[o].npages = npages[o];
		for (int i = 0; i < npages[o]; i++) {
			s = orc_obj[o].slot[i] = orc_slot_new();
			s->present = true;
			for (int w = 0; w < (int)orc_words && o < 4; w++)
				s->w[w].val = orc_value(w);
		}
	}
}

uint64_t
orc_value(int w)
{
	return ++orc_now << 2 | (uint64_t)w;
}

/* -- Slots --------------------------------------------------------------------- */

/* => one reference, for the caller; not present: zero */
struct orc_slot *
orc_slot_new(void)
{
	struct orc_slot *s = slot_free;

	if (s != NULL) {
		slot_free = s->lower;
		memset(s, 0, sizeof(*s));
	} else {
		if (slots_used == NSLOTS)
			sim_fail("oracle: out of slots");
		s = &slot_store[slots_used++];
	}
	s->refs = 1;
	return s;
}

void
orc_slot_ref(struct orc_slot *s)
{
	s->refs++;
}

void
orc_slot_rele(struct orc_slot *s)
{
	struct orc_slot *lower;

	KASSERT(s->refs > 0);
	if (--s->refs > 0)
		return;
	lower = s->lower;
	s->lower = slot_free;
	slot_free = s;
	if (lower != NULL)
		orc_slot_rele(lower);
}

struct orc_slot *
orc_page_slot(struct orc_page *pg)
{
	if (pg->slot == NULL)
		pg->slot = orc_slot_new();
	return pg->slot;
}

/* => the word lies behind the end of the file, in its last page */
static bool
is_tail(const struct orc_slot *s, int w)
{
	return s->limit != 0 && orc_off(w) >= s->limit;
}

void
orc_blur_word(struct orc_slot *s, int w)
{
	s->w[w].state = is_tail(s, w) ? ORC_TAIL : ORC_ANY;
	s->w[w].alt = s->mtime = ++orc_now;
}

/* What happens to it may have replaced what was lost, or not. */
static void
maybe_found(struct orc_slot *s)
{
	if (s->lost == ORC_YES)
		s->lost = ORC_MAYBE;
}

void
orc_blur_slot(struct orc_slot *s)
{
	maybe_found(s);
	if (!s->present && s->lower != NULL)
		s->murky = true; /* has it been copied? */
	s->present = true;
	for (int w = 0; w < (int)orc_words; w++)
		orc_blur_word(s, w);
}

void
orc_blur_page(struct orc_page *pg)
{
	if (pg->mapped && (!pg->past || pg->slot != NULL))
		orc_blur_slot(orc_page_slot(pg));
}

/*
 * The copy was made at some instant between `since' and now.
 */
void
orc_promote(struct orc_slot *s, uint64_t since)
{
	struct orc_slot *lower = s->lower;

	if (s->present)
		return;
	s->present = true;
	s->lost = ORC_NO;
	s->mtime = ++orc_now;
	for (int w = 0; w < (int)orc_words; w++) {
		if (lower == NULL)
			s->w[w] = (struct orc_word){ 0 };
		else if (lower->flux != 0 || lower->murky ||
		    lower->mtime > since)
			orc_blur_word(s, w);
		else if (lower->w[w].state == ORC_TAIL)
			orc_blur_word(s, w);
		else
			s->w[w] = lower->w[w];
	}
}

/* Own contents of a copy stay when the file gets shorter. */
enum orc_tri
orc_past(const struct orc_page *pg)
{
	const struct orc_slot *s;
	bool open = false;

	if (pg->past)
		return ORC_YES;
	for (s = pg->slot; s != NULL; s = s->lower) {
		if (s->sizing)
			return ORC_MAYBE;
		if (s->beyond)
			return open ? ORC_MAYBE : ORC_YES;
		open |= s->flux != 0 || s->murky;
		if (s->present && !open)
			return ORC_NO;
	}
	return ORC_NO;
}

bool
orc_written(const struct orc_slot *s)
{
	for (; s != NULL; s = s->lower)
		if (s->flux != 0)
			return true;
	return false;
}

uint64_t
orc_mtime(const struct orc_page *pg)
{
	const struct orc_slot *s = pg->slot;
	uint64_t mtime = 0;

	for (; s != NULL; s = s->present ? NULL : s->lower) {
		if (s->flux != 0 || s->murky)
			return UINT64_MAX;
		mtime = MAX(mtime, s->mtime);
	}
	return mtime;
}

/* -- Words --------------------------------------------------------------------- */

/* => is x right? then the word is known to be x */
static bool
word_is(struct orc_word *word, int w, uint64_t x)
{
	switch (word->state) {
	case ORC_EXACT:
		return x == word->val;
	case ORC_EITHER:
		if (x != word->val && x != word->alt)
			return false;
		break;
	case ORC_ANY:
		if (x != 0 && ((x & 3) != (uint64_t)w || x >> 2 > word->alt))
			return false;
		break;
	case ORC_TAIL:
		return x == 0 ||
		    ((x & 3) == (uint64_t)w && x >> 2 <= word->alt);
	}
	word->val = x;
	word->state = ORC_EXACT;
	return true;
}

/* The word is what it was, or zero. */
static void
word_or_zero(struct orc_slot *s, int w)
{
	struct orc_word *word = &s->w[w];

	if (word->state == ORC_EXACT && word->val != 0) {
		word->state = ORC_EITHER;
		word->alt = 0;
	} else if (word->state == ORC_EITHER && word->val != 0 &&
	    word->alt != 0)
		orc_blur_word(s, w);
}

bool
orc_check(struct orc_page *pg, int w, uint64_t x)
{
	struct orc_slot *s = pg->slot;

	for (; s != NULL; s = s->lower) {
		if (s->flux != 0 || s->murky) {
			orc_stats.loose++;
			return true;
		}
		if (s->present)
			break;
	}
	orc_stats.checks++;
	if (s != NULL && s->lost == ORC_YES)
		return false;
	return s != NULL ? word_is(&s->w[w], w, x) : x == 0;
}

void
orc_store(struct orc_page *pg, int w, uint64_t v, uint64_t since)
{
	struct orc_slot *s = orc_page_slot(pg);

	if (orc_lost(pg) == ORC_YES)
		sim_fail("a store to a page that is lost");
	orc_promote(s, since);
	orc_slot_store(s, w, v);
}

void
orc_slot_store(struct orc_slot *s, int w, uint64_t v)
{
	s->w[w].val = v;
	s->w[w].state = ORC_EXACT;
	s->mtime = ++orc_now;
	if (s->file != 0)
		prog_file_stored(s->file, s->page, w, v);
	if (is_tail(s, w)) {
		s->w[w].state = ORC_TAIL;
		s->w[w].alt = s->mtime;
	}
}

/* -- Contents that swap lost ----------------------------------------------------- */

/*
 * => the slot whose contents the page shows; the last one if they are zero, or
 *    NULL; *known: is it the right one?
 */
static struct orc_slot *
shown(const struct orc_page *pg, bool *known)
{
	struct orc_slot *s = pg->slot;

	*known = true;
	while (s != NULL) {
		*known = s->flux == 0 && !s->murky;
		if (!*known || s->present || s->lower == NULL)
			break;
		s = s->lower;
	}
	return s;
}

void
orc_lose(struct orc_page *pg, bool own, uint64_t since)
{
	struct orc_slot *s;
	bool known;

	s = shown(pg, &known);
	if (!known)
		return;
	if (s == NULL)
		s = orc_page_slot(pg);
	if (own && s != pg->slot) {
		s = pg->slot;
		orc_promote(s, since);
	}
	if (!s->present) /* zeros that were never read */
		memset(s->w, 0, sizeof(s->w));
	s->present = true;
	if (s->lost != ORC_YES)
		s->ltime = ++orc_now;
	s->lost = ORC_YES;
}

enum orc_tri
orc_lost(const struct orc_page *pg)
{
	const struct orc_slot *s;
	bool known;

	s = shown(pg, &known);
	if (!known)
		return ORC_MAYBE;
	return s != NULL && s->present ? (enum orc_tri)s->lost : ORC_NO;
}

/* It may have been in memory when its turn came, and lost only then. */
bool
orc_was_lost(const struct orc_page *pg, uint64_t since)
{
	const struct orc_slot *s;
	bool known;

	s = shown(pg, &known);
	return known && s != NULL && s->present && s->lost == ORC_YES &&
	    s->ltime <= since;
}

/* -- Pages --------------------------------------------------------------------- */

void
orc_page_clear(struct orc_page *pg)
{
	struct orc_slot *s = pg->slot;

	memset(pg, 0, sizeof(*pg));
	if (s != NULL)
		orc_slot_rele(s);
}

void
orc_page_share(struct orc_page *to, struct orc_page *from)
{
	struct orc_slot *s = NULL;

	if (!from->past || from->slot != NULL) {
		s = orc_page_slot(from);
		orc_slot_ref(s);
	}
	orc_page_clear(to);
	*to = *from;
	to->slot = s;
	to->wired = ORC_NO;
	to->ptime = ++orc_now;
}

/* The copy of a slot that may have changed while it was made. */
static struct orc_slot *
slot_copy(const struct orc_slot *from, uint64_t since)
{
	struct orc_slot *s = orc_slot_new();

	s->present = from->present;
	s->lost = from->lost;
	s->ltime = from->ltime;
	s->lower = from->lower;
	if (s->lower != NULL)
		orc_slot_ref(s->lower);
	s->murky = from->murky || from->flux != 0;
	s->mtime = ++orc_now;
	memcpy(s->w, from->w, sizeof(s->w));
	if (from->mtime <= since)
		return s;
	if (s->lower != NULL)
		s->murky = true; /* was it present already? */
	s->present = true;
	maybe_found(s);
	for (int w = 0; w < (int)orc_words; w++)
		orc_blur_word(s, w);
	return s;
}

void
orc_page_copy(struct orc_page *to, struct orc_page *from, uint64_t since)
{
	struct orc_slot *s = NULL;

	if (from->obj != 0 && from->priv != ORC_YES && from->slot != NULL) {
		/* an object's page becomes the lower one */
		s = orc_slot_new();
		s->lower = from->slot;
		orc_slot_ref(s->lower);
	} else if (from->slot != NULL)
		s = slot_copy(from->slot, since);
	orc_page_clear(to);
	*to = *from;
	to->slot = s;
	to->priv = ORC_YES;
	to->wired = ORC_NO;
	to->ptime = ++orc_now;
}

void
orc_discard(struct orc_page *pg, bool maybe)
{
	struct orc_slot *s = pg->slot;

	if (s == NULL || (!s->present && !s->murky))
		return;
	s->mtime = ++orc_now;
	if (!maybe && s->flux == 0) {
		s->present = s->murky = false;
		s->lost = ORC_NO;
		return;
	}
	maybe_found(s);
	if (s->lower != NULL || s->flux != 0) {
		s->murky = true;
	} else {
		for (int w = 0; w < (int)orc_words; w++)
			word_or_zero(s, w);
	}
}

void
orc_zero(struct orc_page *pg, uint64_t since, bool maybe)
{
	struct orc_slot *s = orc_page_slot(pg);
	bool raced = s->mtime > since || s->flux != 0;

	s->present = true;
	s->mtime = ++orc_now;
	if (raced || maybe)
		maybe_found(s);
	else
		s->lost = ORC_NO;
	for (int w = 0; w < (int)orc_words; w++) {
		if (raced)
			orc_blur_word(s, w);
		else if (maybe)
			word_or_zero(s, w);
		else
			s->w[w] = (struct orc_word){ 0 };
	}
}

/* -- Transfers -------------------------------------------------------------------- */

static struct orc_io *ios;

static void
io_note_slot(struct orc_io *io, struct orc_slot *s)
{
	for (u_int i = 0; i < io->nslots; i++)
		if (io->slot[i] == s)
			return;
	orc_slot_ref(s);
	s->pins++;
	s->flux += io->write;
	if (io->nslots < ORC_IOSLOTS) /* else it stays so for ever */
		io->slot[io->nslots++] = s;
}

/*
 * What the page shows may be what is transferred, and what it was about to
 * show: it may have for a moment, even if that came to nothing.
 */
static void
io_note(struct orc_io *io)
{
	struct orc_page *pg = &io->sl->page[io->page];

	if (pg->mapped && !pg->past)
		io_note_slot(io, orc_page_slot(pg));
	if (orc_busy(io->sl, io->page) && io->sl->next[io->page] != NULL)
		io_note_slot(io, io->sl->next[io->page]);
}

void
orc_io_begin(struct orc_io *io)
{
	io->nslots = 0;
	io->next = ios;
	ios = io;
	io_note(io);
}

void
orc_io_end(struct orc_io *io, bool blur)
{
	struct orc_io **iop;

	for (iop = &ios; *iop != io;)
		iop = &(*iop)->next;
	*iop = io->next;
	if (blur && orc_busy(io->sl, io->page))
		orc_store_changing(io->sl, io->page);
	for (u_int i = 0; i < io->nslots; i++) {
		io->slot[i]->pins--;
		io->slot[i]->flux -= io->write;
		if (blur)
			orc_blur_slot(io->slot[i]);
		orc_slot_rele(io->slot[i]);
	}
}

/* -- Changes --------------------------------------------------------------------- */

void
orc_begin(struct orc_slice *sl, int lo, int hi)
{
	KASSERT(!sl->changing && !sl->held);
	sl->changing = true;
	/* beyond the window too it is a change, which others wait for */
	sl->lo = MIN(lo, ORC_PAGES);
	sl->hi = MIN(hi, ORC_PAGES);
	sl->gen++;
	memset(sl->blur, 0, sizeof(sl->blur));
	memset(sl->next, 0, sizeof(sl->next));
}

void
orc_store_changing(struct orc_slice *sl, int i)
{
	sl->blur[i / 64] |= 1UL << (i % 64);
	if (sl->page[i].slot != NULL)
		orc_blur_slot(sl->page[i].slot);
	if (sl->next[i] != NULL)
		orc_blur_slot(sl->next[i]);
}

/* A store during the change went to the page as it was, or as it is. */
void
orc_end(struct orc_slice *sl)
{
	for (struct orc_io *io = ios; io != NULL; io = io->next)
		if (io->sl == sl && orc_busy(sl, io->page))
			io_note(io);
	for (int i = sl->lo; i < sl->hi; i++)
		if ((sl->blur[i / 64] >> (i % 64) & 1) != 0)
			orc_blur_page(&sl->page[i]);
	sl->changing = false;
	sl->lo = sl->hi = 0;
	sl->gen++;
}

/* -- Processes ----------------------------------------------------------------------- */

struct orc_proc *
orc_proc_new(void)
{
	struct orc_proc *op = proc_free;

	if (op != NULL) {
		proc_free = op->next;
	} else {
		if (procs_used == NPROCS)
			sim_fail("oracle: out of processes");
		op = &proc_store[procs_used++];
	}
	memset(op, 0, sizeof(*op));
	return op;
}

void
orc_proc_free(struct orc_proc *op)
{
	KASSERT(op->threads == 0 && op->holds == 0);
	for (int k = 0; k < ORC_SLICES; k++)
		for (int i = 0; i < ORC_PAGES; i++)
			if (op->slice[k].page[i].mapped)
				orc_page_clear(&op->slice[k].page[i]);
	if (op->ghost)
		orc_ghosts--;
	op->next = proc_free;
	proc_free = op;
}

static void
fork_page(struct orc_page *to, struct orc_page *from, uint64_t since)
{
	if (!from->mapped)
		return;
	switch (from->inherit) {
	case MAP_INHERIT_SHARE:
		orc_page_share(to, from);
		break;
	case MAP_INHERIT_COPY:
		orc_page_copy(to, from, since);
		/* what nobody shares becomes copy-on-write itself */
		if (from->priv == ORC_NO && from->obj == 0)
			from->priv = ORC_MAYBE;
		break;
	case MAP_INHERIT_ZERO:
		*to = *from;
		to->slot = NULL;
		to->obj = 0;
		to->past = false;
		to->priv = ORC_YES;
		to->wired = ORC_NO;
		to->ptime = ++orc_now;
		break;
	}
}

void
orc_fork(struct orc_proc *child, struct orc_proc *parent, uint64_t since,
    const u_int *gens)
{
	struct orc_slice *from, *to;

	for (int k = 0; k < ORC_SLICES; k++) {
		from = &parent->slice[k];
		to = &child->slice[k];
		if (from->lost || from->gen != gens[k] || from->changing) {
			to->lost = true;
			orc_ghosts += !child->ghost;
			child->ghost = true;
			/* what was copied of shared memory is not known */
			for (int i = 0; i < ORC_PAGES; i++)
				if (from->page[i].priv == ORC_NO)
					from->page[i].priv = ORC_MAYBE;
			continue;
		}
		for (int i = 0; i < ORC_PAGES; i++)
			fork_page(&to->page[i], &from->page[i], since);
	}
}

/* -- Audit ----------------------------------------------------------------------------- */

static void
audit_entry(struct orc_proc *op, struct orc_page *pg, struct vm_map_entry *e,
    vaddr_t va)
{
	if (e->protection != pg->prot || e->max_protection != pg->max ||
	    e->inheritance != pg->inherit)
		sim_fail("%#lx: entry prot %x max %x inherit %x, "
			 "expected %x %x %x",
		    va, e->protection, e->max_protection, e->inheritance,
		    pg->prot, pg->max, pg->inherit);
	if (pg->wired != ORC_MAYBE && (e->wired_count != 0) != pg->wired)
		sim_fail("%#lx: wired %u, expected %d", va, e->wired_count,
		    pg->wired);
	if (pg->priv != ORC_MAYBE && UVM_ET_ISCOPYONWRITE(e) != pg->priv)
		sim_fail("%#lx: etype %#x, private %d", va, e->etype, pg->priv);
}

static uint64_t
expected(const struct orc_page *pg, int w)
{
	const struct orc_slot *s = pg->slot;

	while (s != NULL && !s->present)
		s = s->lower;
	return s != NULL ? s->w[w].val : 0;
}

static void
audit_page(struct orc_proc *op, struct orc_page *pg, vaddr_t va)
{
	vm_prot_t prot, most = pg->prot;
	uint64_t x;
	paddr_t pa;

	if (!pmap_extract(op->vm->vm_map.pmap, va, &pa))
		return;
	if (!pg->mapped)
		sim_fail("%#lx: mapped to %#lx without an entry", va, pa);
	if (orc_past(pg) == ORC_YES)
		sim_fail("%#lx: mapped to %#lx behind the end", va, pa);
	if (most & PROT_WRITE)
		most |= PROT_READ;
	if (!pmap_probe(op->vm->vm_map.pmap, va, &prot) || (prot & ~most) != 0)
		sim_fail("%#lx: hardware allows %x, entry %x", va, prot, most);
	for (int w = 0; w < (int)orc_words; w++) {
		x = *(volatile uint64_t *)(PHYS_TO_DMAP(pa) + orc_off(w));
		if (!orc_check(pg, w, x))
			sim_fail("%#lx: page %#lx holds %#lx in word %d, not "
				 "%#lx (object %d, private %d, wired %d)",
			    va, pa, x, w, expected(pg, w), pg->obj, pg->priv,
			    pg->wired);
	}
}

static void
audit_slice(struct orc_proc *op, int k)
{
	struct vm_map_entry *e = uvm_map_first(&op->vm->vm_map, orc_base(k));
	struct orc_page *pg;
	vaddr_t va;
	bool mapped;

	for (int i = 0; i < ORC_PAGES; i++) {
		pg = &op->slice[k].page[i];
		va = orc_va(k, i);
		while (e != &op->vm->vm_map.vm_head && e->end <= va)
			e = e->me_next;
		mapped = e != &op->vm->vm_map.vm_head && e->start <= va;
		if (mapped != pg->mapped)
			sim_fail("%#lx: %s mapped", va,
			    mapped ? "should not be" : "should be");
		if (mapped)
			audit_entry(op, pg, e, va);
		audit_page(op, pg, va);
	}
}

void
orc_audit(struct orc_proc *op)
{
	uvm_map_audit(&op->vm->vm_map);
	vm_map_lock_read(&op->vm->vm_map);
	for (int k = 0; k < ORC_SLICES; k++)
		if (!op->slice[k].lost)
			audit_slice(op, k);
	vm_map_unlock_read(&op->vm->vm_map);
}
