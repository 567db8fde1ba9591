/*
 * Random programs: loads and stores, access from outside, loans.
 */
#include "prog_i.h"
#include <sys/uio.h>

/* -- What an access may give ---------------------------------------------------- */

static u_int
page_errors(const struct orc_page *pg)
{
	return pg->obj != 0 ? orc_obj[pg->obj - 1].errors : 0;
}

void
prog_try_begin(struct prog_try *try, struct orc_proc *op, struct orc_slice *sl,
    int page, vm_prot_t need)
{
	try->op = op;
	try->sl = sl;
	try->page = page;
	try->pg = &sl->page[page];
	try->need = need;
	try->gen = sl->gen;
	try->since = orc_now;
	try->errors = page_errors(try->pg);
	try->obj = try->pg->obj;
	try->loose = sl->lost || orc_busy(sl, page);
	if (try->obj != 0) {
		try->sizegen = orc_obj[try->obj - 1].sizegen;
		try->loose |= orc_obj[try->obj - 1].sizing;
	}
}

/* => has no file the page is of changed its size? */
static bool
same_size(const struct prog_try *try)
{
	return try->obj == 0 || orc_obj[try->obj - 1].sizegen == try->sizegen;
}

bool
prog_try_quiet(const struct prog_try *try)
{
	return !try->loose && try->gen == try->sl->gen && !try->sl->lost &&
	    same_size(try);
}

void
prog_try_error(
    const struct prog_try *try, int error, int denied, vm_prot_t prot)
{
	const struct orc_page *pg = try->pg;
	int want = 0;

	sim_trace_mix((uint64_t)error);
	if (error == 0)
		return; /* checked at the access */
	if (error == ENOMEM && prog_tight())
		return;
	if (!prog_try_quiet(try))
		return;
	if (!pg->mapped)
		want = EFAULT;
	else if ((prot & try->need) == 0)
		want = denied;
	else if (orc_past(pg) == ORC_YES || page_errors(pg) != try->errors)
		want = EIO;
	else if (error == EIO &&
	    (orc_past(pg) == ORC_MAYBE || prog_file_full(pg)))
		return;
	else if (error == EIO && prog_lost(try))
		return;
	if (error != want)
		sim_fail("access %x to page %d of slice %d: %d, expected %d",
		    try->need, try->page, (int)(try->sl - try->op->slice),
		    error, want);
}

/* -- Loads and stores ---------------------------------------------------------------- */

struct access {
	struct prog_try try; /* [sim] */
	int word; /* [sim] */
	uint64_t value; /* [sim] to store */
	struct orc_slot *child; /* [sim] what may become a copy, or NULL */
	bool fetch; /* [sim] */
};

/* Could the access be allowed at this instant? */
static bool
access_allowed(const struct access *a)
{
	const struct orc_page *pg = a->try.pg;

	if (!pg->mapped || (pg->prot & a->try.need) == 0)
		return false;
	return orc_past(pg) != ORC_YES;
}

/*
 * Instructions: what was written after the page got its rights needs a fence
 * of the program's own, which it does not make.
 */
static bool
fetch_is_loose(const struct access *a)
{
	const struct orc_page *pg = a->try.pg;

	return (pg->prot & PROT_WRITE) != 0 || orc_mtime(pg) > pg->ptime;
}

static bool
load_check(void *arg, uint64_t x)
{
	struct access *a = arg;
	struct orc_slice *sl = a->try.sl;

	sim_trace_mix(x);
	if (sl->lost || orc_busy(sl, a->try.page)) {
		orc_stats.loose++;
		return true;
	}
	if (!access_allowed(a))
		return false;
	if (a->fetch && fetch_is_loose(a)) {
		orc_stats.loose++;
		return true;
	}
	return orc_check(a->try.pg, a->word, x);
}

static void
store_done(void *arg)
{
	struct access *a = arg;
	struct orc_slice *sl = a->try.sl;

	if (sl->lost || orc_busy(sl, a->try.page)) {
		orc_stats.loose++;
		orc_store_changing(sl, a->try.page);
	} else if (!access_allowed(a))
		sim_fail("store to page %d of slice %d: not allowed",
		    a->try.page, (int)(sl - a->try.op->slice));
	else
		orc_store(a->try.pg, a->word, a->value, a->try.since);
}

/*
 * A store that failed may have got a copy of an object's page: there was no
 * memory for the rest, or the page went elsewhere before the store was made.
 */
static void
store_failed(const struct access *a, int error)
{
	if (error == ENOMEM || !prog_try_quiet(&a->try))
		a->child->murky |= !a->child->present;
}

/*
 * => until it is done, or has failed, others may see the copy that the fault
 *    has made for it
 */
static int
store_word(vaddr_t va, struct access *a)
{
	const struct orc_page *pg = a->try.pg;
	int error;

	if (pg->slot != NULL && pg->slot->lower != NULL && !pg->slot->present &&
	    pg->priv != ORC_NO) {
		a->child = pg->slot;
		a->child->flux++;
		orc_slot_ref(a->child);
	}
	a->value = orc_value(a->word);
	error = sim_store(va, a->value, store_done, a);
	if (a->child != NULL) {
		a->child->flux--;
		if (error != 0)
			store_failed(a, error);
		orc_slot_rele(a->child);
	}
	return error;
}

void
prog_access(
    struct orc_proc *op, int slice, int page, int word, enum prog_kind kind)
{
	vaddr_t va = orc_va(slice, page) + orc_off(word);
	struct access a = { .word = word, .fetch = kind == OP_fetch };
	vm_prot_t need = PROT_READ | PROT_WRITE;
	int error;

	if (kind == OP_store)
		need = PROT_WRITE;
	else if (kind == OP_fetch)
		need = PROT_EXEC;
	prog_try_begin(&a.try, op, &op->slice[slice], page, need);
	if (kind == OP_store)
		error = store_word(va, &a);
	else if (kind == OP_fetch)
		error = sim_fetch(va, load_check, &a);
	else
		error = sim_load(va, load_check, &a);
	prog_try_error(&a.try, error, EACCES, a.try.pg->prot);
}

/* load, store, fetch: arg 2 selects the slice and how often, 3 the word */
void
prog_touch(struct prog_thread *t, const struct prog_op *o)
{
	u_int n = 1 + o->arg[2] % 3;
	int k = t->slice;

	if ((o->arg[2] >> 8) % 4 == 0)
		k = (int)((o->arg[2] >> 16) % prog_cfg->threads);
	for (u_int i = 0; i < n && !prog_ended(t); i++)
		prog_access(t->op, k, (int)((o->arg[0] + i) % ORC_PAGES),
		    (int)(o->arg[3] % orc_words), o->kind);
}

/* -- From outside ------------------------------------------------------------------------ */

static int
io_word(struct vmspace *vm, vaddr_t va, uint64_t *valuep, enum uio_rw rw)
{
	struct iovec iov = { valuep, sizeof(*valuep) };
	struct uio uio = { .uio_iov = &iov,
		.uio_iovcnt = 1,
		.uio_offset = (off_t)va,
		.uio_resid = sizeof(*valuep),
		.uio_segflg = UIO_SYSSPACE,
		.uio_rw = rw };

	return uvm_io(&vm->vm_map, &uio);
}

/* A word was read at some instant since the access began. */
static void
io_read_done(const struct prog_try *try, int w, uint64_t x)
{
	if (!prog_try_quiet(try) || orc_mtime(try->pg) > try->since) {
		orc_stats.loose++;
		return;
	}
	if (!try->pg->mapped || (try->pg->max & PROT_READ) == 0 ||
	    orc_past(try->pg) == ORC_YES)
		sim_fail("uvm_io read page %d, which it must not", try->page);
	if (!orc_check(try->pg, w, x))
		sim_fail(
		    "uvm_io read %#lx from page %d, word %d", x, try->page, w);
}

/*
 * A word was written at some instant since then: if nobody else was at the
 * page it is known, else it is not.
 * => FALSE: nothing is known of it
 */
static bool
io_write_done(const struct prog_try *try, struct orc_io *io, int w, uint64_t x)
{
	struct orc_page *pg = try->pg;

	if (!prog_try_quiet(try) || io->nslots == 0 ||
	    pg->slot != io->slot[0] || pg->slot->flux != 1 ||
	    pg->slot->mtime > try->since) {
		orc_stats.loose++;
		return false;
	}
	if (!pg->mapped || (pg->max & PROT_WRITE) == 0 ||
	    orc_past(pg) == ORC_YES)
		sim_fail("uvm_io wrote page %d, which it must not", try->page);
	orc_store(pg, w, x, try->since);
	return true;
}

/* A write that failed may have got a copy of an object's page. */
static void
io_write_failed(struct orc_io *io)
{
	struct orc_slot *s;

	for (u_int i = 0; i < io->nslots; i++) {
		s = io->slot[i];
		if (s->lower != NULL && !s->present)
			s->murky = true;
	}
}

static void
io_slot(struct prog_try *try, vm_prot_t need, struct orc_proc *op, int k,
    const struct prog_op *o)
{
	int w = (int)(o->arg[3] % orc_words);
	vaddr_t va = orc_va(k, try->page) + orc_off(w);
	struct orc_io io = {
		.sl = try->sl, .page = try->page, .write = need == PROT_WRITE
	};
	struct vmspace *vm;
	bool known = true;
	uint64_t x = 0;
	int error;

	vm = prog_hold(op);
	if (vm == NULL)
		return;
	orc_io_begin(&io);
	if (io.write)
		x = orc_value(w);
	error = io_word(vm, va, &x, io.write ? UIO_WRITE : UIO_READ);
	prog_try_error(try, error, EACCES, try->pg->max);
	if (error == 0 && io.write)
		known = io_write_done(try, &io, w, x);
	else if (error == 0)
		io_read_done(try, w, x);
	else if (io.write)
		io_write_failed(&io);
	orc_io_end(&io, !known);
	prog_release(op, vm);
}

/* ioread, iowrite: arg 2 selects the slice */
void
prog_io(struct prog_thread *t, const struct prog_op *o)
{
	vm_prot_t need = o->kind == OP_iowrite ? PROT_WRITE : PROT_READ;
	struct orc_proc *op;
	struct orc_slice *sl;
	struct prog_try try;
	int k;

	sl = prog_slice(t, o->arg[2], &op, &k);
	if (sl == NULL)
		return;
	prog_try_begin(&try, op, sl, (int)(o->arg[0] % ORC_PAGES), need);
	io_slot(&try, need, op, k, o);
}

/* -- Loans --------------------------------------------------------------------------------- */

/* => a page that was lent, NULL: an anon's that is in swap, or on its way */
static struct vm_page *
loan_page(const struct prog_loan *l, u_int i)
{
	struct vm_page *pg;

	if (l->flags == UVM_LOAN_TOPAGE)
		return l->what[i];
	pg = ((struct vm_anon *)l->what[i])->an_page;
	return pg != NULL && (pg->pg_flags & PG_FAKE) == 0 ? pg : NULL;
}

static uint64_t
page_word(struct vm_page *pg, int w)
{
	return *(volatile uint64_t *)(VM_PAGE_TO_DMAP(pg) + orc_off(w));
}

/*
 * The errno of a loan, by the first page it fails for.
 * => *iop: a transfer failed before that, which is EACCES too
 */
static int
loan_want(struct prog_thread *t, int page, u_int n, const u_int *errors,
    uint64_t since, bool *iop)
{
	const struct orc_page *pg = &t->op->slice[t->slice].page[page];

	*iop = false;
	for (u_int i = 0; i < n; i++, pg++) {
		if (!pg->mapped)
			return EFAULT;
		if ((pg->prot & PROT_READ) == 0 || orc_past(pg) == ORC_YES ||
		    orc_was_lost(pg, since))
			return EACCES;
		*iop |= orc_past(pg) == ORC_MAYBE;
		if (pg->obj != 0)
			*iop |=
			    orc_obj[pg->obj - 1].errors != errors[pg->obj - 1];
	}
	return 0;
}

/* Remember what was lent; it must be what the owner has. */
static void
loan_note(struct prog_thread *t, struct prog_loan *l, int page, uint64_t since)
{
	struct orc_page *pg = &t->op->slice[t->slice].page[page];
	struct vm_page *lent;
	uint64_t x;

	for (u_int i = 0; i < l->n; i++, pg++) {
		lent = loan_page(l, i);
		/* a write(2) that goes on may go on in what was lent */
		l->known[i] = lent != NULL &&
		    (pg->slot == NULL || !orc_written(pg->slot));
		for (int w = 0; lent != NULL && w < (int)orc_words; w++) {
			l->word[i][w] = x = page_word(lent, w);
			if (since != 0 && orc_mtime(pg) <= since &&
			    !orc_check(pg, w, x))
				sim_fail("page %d was lent with %#lx in it",
				    page + (int)i, x);
		}
	}
}

/* loan: arg 2 says of which kind */
void
prog_loan(struct prog_thread *t, const struct prog_op *o)
{
	int page = (int)(o->arg[0] % ORC_PAGES), error, want;
	u_int n = 1 + o->arg[1] % PROG_LOANPAGES, slot, errors[ORC_OBJS];
	u_int sizegen = orc_sizegen;
	uint64_t since = orc_now;
	struct prog_loan *l;
	struct prog_try try;
	bool io;

	for (slot = 0; slot < PROG_LOANS && t->loan[slot].flags != 0;)
		slot++;
	n = MIN(n, (u_int)(ORC_PAGES - page));
	if (slot == PROG_LOANS)
		return;
	l = &t->loan[slot];
	prog_try_begin(&try, t->op, &t->op->slice[t->slice], page, PROT_READ);
	try.loose |= try.sl->changing; /* moved away meanwhile? */
	for (int i = 0; i < ORC_OBJS; i++)
		errors[i] = orc_obj[i].errors;
	l->n = n;
	l->flags = o->arg[2] % 2 ? UVM_LOAN_TOPAGE : UVM_LOAN_TOANON;
	error = uvm_loan(&t->op->vm->vm_map, orc_va(t->slice, page), ptoa(n),
	    l->what, l->flags);
	sim_trace_mix((uint64_t)error);
	want = loan_want(t, page, n, errors, since, &io);
	if (error == EACCES)
		io |= prog_lost_any(t, page, page + (int)n);
	if (!prog_try_quiet(&try) || (io && error == EACCES) ||
	    orc_resized(sizegen))
		want = error;
	if (error == 0) {
		if (want != 0)
			sim_fail(
			    "uvm_loan of page %d, expected %d", page, want);
		loan_note(t, l, page,
		    prog_try_quiet(&try) && !orc_resized(sizegen) ? since : 0);
		return;
	}
	l->flags = 0;
	if (error != want && !(error == ENOMEM && prog_tight()))
		sim_fail("uvm_loan: %d, expected %d", error, want);
}

static void
unloan(struct prog_loan *l)
{
	struct vm_page *pg;
	uint64_t x;

	for (u_int i = 0; i < l->n; i++) {
		pg = loan_page(l, i);
		for (int w = 0; w < (int)orc_words; w++) {
			if (pg == NULL || !l->known[i])
				break;
			x = page_word(pg, w);
			if (x != l->word[i][w])
				sim_fail("a lent page changed from %#lx to "
					 "%#lx",
				    l->word[i][w], x);
		}
	}
	uvm_unloan(l->what, (int)l->n, l->flags);
	l->flags = 0;
}

void
prog_unloan(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_loan *l = &t->loan[o->arg[0] % PROG_LOANS];

	if (l->flags != 0)
		unloan(l);
}

void
prog_unloan_all(struct prog_thread *t)
{
	for (u_int i = 0; i < PROG_LOANS; i++)
		if (t->loan[i].flags != 0)
			unloan(&t->loan[i]);
}
