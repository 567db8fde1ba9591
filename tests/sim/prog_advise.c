/* Random programs: madvise and flushing, and what is left of the contents. */
#include "prog_i.h"
#include <sys/syscall.h>
#include <uvm/uvm_mman.h>

static inline struct orc_slice *
own(struct prog_thread *t)
{
	return &t->op->slice[t->slice];
}

/*
 * May a part of the range's private memory be shared with somebody, now or
 * until a moment ago?  Then it is left to him.  Without memory an amap counts
 * too many users (uvm_amap_cover.c), which lasts.
 */
static bool
is_shared(struct prog_thread *t, struct prog_range r)
{
	const struct orc_slot *s;

	if (orc_ghosts != 0 || t->op->forking != 0 ||
	    atomic_load(&amap_cover_short) != 0)
		return true;
	for (int i = r.i; i < r.j; i++) {
		s = own(t)->page[i].slot;
		if (own(t)->page[i].priv == ORC_NO)
			continue;
		/* beyond its object it has no slot to tell by */
		if (s != NULL ? s->refs > 1 || s->pins != 0
			      : own(t)->page[i].past)
			return true;
	}
	return false;
}

/* -- Discarding --------------------------------------------------------------------- */

/* Which pages an advice discards, and the errno of one it does not. */
static int
discard_error(const struct orc_page *pg, int advice)
{
	if (pg->wired == ORC_YES)
		return EINVAL;
	if (advice == LINUX_MADV_FREE && (pg->obj != 0 || pg->priv == ORC_NO))
		return EINVAL;
	return 0;
}

/* => forked: a fork came meanwhile, and may have made it copy-on-write */
static bool
is_clear(const struct orc_page *pg, bool forked)
{
	return pg->wired != ORC_MAYBE && pg->priv != ORC_MAYBE &&
	    !(forked && pg->priv == ORC_NO && pg->obj == 0);
}

/* What is private goes; what a fork may have made so, perhaps. */
static void
discard(struct orc_page *pg, bool maybe, bool forked)
{
	if (pg->priv != ORC_NO)
		orc_discard(pg, maybe || pg->priv == ORC_MAYBE);
	else if (forked && pg->obj == 0)
		orc_discard(pg, true);
}

/*
 * DONTNEED, FREE: page by page until one that may not be.
 * => was: a page was shared before the operation, too; forked: see is_clear()
 */
static void
discard_range(struct prog_thread *t, struct prog_range r, int advice, int error,
    bool was, bool forked)
{
	bool maybe = was || is_shared(t, r), sure = true;
	int want = prog_all_mapped(own(t), r.i, r.j) ? 0 : ENOMEM;
	struct orc_page *pg;

	for (int i = r.i; i < r.j; i++) {
		pg = &own(t)->page[i];
		if (!pg->mapped)
			continue;
		sure &= is_clear(pg, forked);
		if (sure && discard_error(pg, advice) != 0) {
			want = discard_error(pg, advice);
			break;
		}
		discard(pg, maybe || !sure, forked);
	}
	if (sure)
		(void)prog_expect(t, error, want);
}

/* => errno of REMOVE for a page */
static int
remove_error(const struct orc_page *pg)
{
	if (pg->wired == ORC_YES || pg->priv == ORC_YES)
		return EINVAL;
	if ((pg->max & PROT_WRITE) == 0)
		return EACCES;
	if (pg->obj != 0) /* which the simulator holds, too */
		return EOPNOTSUPP;
	return 0;
}

/* REMOVE: shared anonymous memory is zero for everybody. */
static void
remove_range(struct prog_thread *t, struct prog_range r, int error,
    uint64_t since, bool forked)
{
	int want = prog_all_mapped(own(t), r.i, r.j) ? 0 : ENOMEM;
	struct orc_page *pg;
	bool sure = true;

	for (int i = r.i; i < r.j; i++) {
		pg = &own(t)->page[i];
		if (!pg->mapped)
			continue;
		sure &= is_clear(pg, forked);
		if (sure && remove_error(pg) != 0) {
			want = remove_error(pg);
			break;
		}
		if (pg->obj == 0 && pg->priv != ORC_YES)
			orc_zero(pg, since, !sure);
	}
	if (sure)
		(void)prog_expect(t, error, want);
}

/* Some pages of the range are private to a degree that is not known. */
static bool
is_unclear(struct prog_thread *t, struct prog_range r)
{
	for (int i = r.i; i < r.j; i++)
		if (own(t)->page[i].mapped && own(t)->page[i].priv == ORC_MAYBE)
			return true;
	return false;
}

/* -- Inheritance by advice ---------------------------------------------------------------- */

static void
inherit_range(struct prog_thread *t, struct prog_range r, int advice, int error)
{
	int want = prog_all_mapped(own(t), r.i, r.j) ? 0 : ENOMEM;
	struct orc_page *pg;

	for (int i = r.i; i < r.j; i++) {
		pg = &own(t)->page[i];
		if (!pg->mapped)
			continue;
		if (advice == LINUX_MADV_WIPEONFORK &&
		    (pg->priv == ORC_NO || pg->obj != 0)) {
			want = EINVAL;
			break;
		}
		if (advice == LINUX_MADV_DONTFORK)
			pg->inherit = MAP_INHERIT_NONE;
		else if (advice == LINUX_MADV_WIPEONFORK)
			pg->inherit = MAP_INHERIT_ZERO;
		else
			pg->inherit = pg->priv == ORC_YES ? MAP_INHERIT_COPY
							  : MAP_INHERIT_SHARE;
	}
	(void)prog_expect(t, error, want);
}

/* A fork came in between: the inheritance is not known, so it is set. */
static void
inherit_anew(struct prog_thread *t, struct prog_range r)
{
	int error = uvm_map_inherit(
	    &t->op->vm->vm_map, r.start, r.end, MAP_INHERIT_COPY);

	if (error != 0)
		sim_fail("uvm_map_inherit: %d", error);
	for (int i = r.i; i < r.j; i++)
		if (own(t)->page[i].mapped)
			own(t)->page[i].inherit = MAP_INHERIT_COPY;
}

/* -- Populate ------------------------------------------------------------------------------- */

/*
 * For stores: a private page that shows an object's becomes a copy.
 * => done: it has; else it may have
 */
static void
populate_copy(struct orc_page *pg, uint64_t since, bool done)
{
	struct orc_slot *s = pg->slot;

	if (s == NULL || s->lower == NULL || s->present)
		return;
	if (done && pg->priv != ORC_NO)
		orc_promote(s, since);
	else
		s->murky = true;
}

/*
 * What lies behind the end of its file now may have been copied before, and
 * what follows it: a copy stays.
 */
static void
populate_resized(struct prog_thread *t, struct prog_range r, uint64_t since)
{
	for (int i = r.i; i < r.j; i++)
		populate_copy(&own(t)->page[i], since, false);
}

static void
populate_range(struct prog_thread *t, struct prog_range r, bool write,
    int error, uint64_t since, u_int sizegen)
{
	vm_prot_t need = write ? PROT_WRITE : PROT_READ | PROT_WRITE;
	bool io = false;
	struct orc_page *pg;
	int want = 0;

	for (int i = r.i; i < r.j && want == 0; i++) {
		pg = &own(t)->page[i];
		if (!pg->mapped)
			want = ENOMEM;
		else if ((pg->prot & need) == 0)
			want = EINVAL;
		else if (orc_past(pg) == ORC_YES || orc_was_lost(pg, since))
			want = EFAULT;
		io |= pg->obj != 0 && simobj_has_io(pg->obj - 1);
		if (want == 0 && write)
			populate_copy(pg, since, error == 0);
	}
	if (write && orc_resized(sizegen))
		populate_resized(t, r, since);
	io |= error == EFAULT && prog_lost_any(t, r.i, r.j);
	io |= orc_resized(sizegen);
	if (error != want && !(io && error == EFAULT) &&
	    !(want == EFAULT && orc_resized(sizegen)))
		(void)prog_expect(t, error, want);
}

/* -- madvise ---------------------------------------------------------------------------------- */

static const uint8_t advices[16] = { LINUX_MADV_DONTNEED, LINUX_MADV_DONTNEED,
	LINUX_MADV_DONTNEED, LINUX_MADV_FREE, LINUX_MADV_REMOVE, MADV_NORMAL,
	MADV_RANDOM, MADV_SEQUENTIAL, LINUX_MADV_WILLNEED, LINUX_MADV_DONTFORK,
	LINUX_MADV_DOFORK, LINUX_MADV_WIPEONFORK, LINUX_MADV_COLD,
	LINUX_MADV_PAGEOUT, LINUX_MADV_POPULATE_READ,
	LINUX_MADV_POPULATE_WRITE };

static void
set_flux(struct prog_thread *t, struct prog_range r, int by)
{
	struct orc_page *pg;

	for (int i = r.i; i < r.j; i++) {
		pg = &own(t)->page[i];
		if (pg->mapped && pg->obj == 0 && pg->priv != ORC_YES)
			orc_page_slot(pg)->flux += (u_int)by;
	}
}

/* madvise: arg 2 selects the advice */
void
prog_madvise(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_range r = prog_range(t->slice, o);
	int advice = advices[o->arg[2] & 15], error;
	uint64_t a[6] = { r.start, r.end - r.start, (uint64_t)advice };
	u_int forks, sizegen = orc_sizegen;
	uint64_t since = orc_now;
	int64_t ret;
	bool was, forked;

	if (!prog_begin(t, r.i, r.j))
		return;
	was = is_shared(t, r);
	forks = t->op->forks - t->op->forking;
	if (advice >= LINUX_MADV_DONTFORK && advice <= LINUX_MADV_WIPEONFORK &&
	    is_unclear(t, r)) {
		orc_end(own(t));
		return;
	}
	if (advice == LINUX_MADV_REMOVE)
		set_flux(t, r, 1);
	error = sys_madvise(curproc, a, &ret);
	if (advice == LINUX_MADV_REMOVE)
		set_flux(t, r, -1);
	sim_trace_mix((uint64_t)error);
	forked = t->op->forks != forks;
	if (advice == LINUX_MADV_DONTNEED || advice == LINUX_MADV_FREE)
		discard_range(t, r, advice, error, was, forked);
	else if (advice == LINUX_MADV_REMOVE)
		remove_range(t, r, error, since, forked);
	else if (advice >= LINUX_MADV_DONTFORK &&
	    advice <= LINUX_MADV_WIPEONFORK && is_unclear(t, r))
		inherit_anew(t, r);
	else if (advice >= LINUX_MADV_DONTFORK &&
	    advice <= LINUX_MADV_WIPEONFORK)
		inherit_range(t, r, advice, error);
	else if (advice >= LINUX_MADV_POPULATE_READ)
		populate_range(t, r, advice == LINUX_MADV_POPULATE_WRITE, error,
		    since, sizegen);
	else
		(void)prog_expect(
		    t, error, prog_all_mapped(own(t), r.i, r.j) ? 0 : ENOMEM);
	orc_end(own(t));
}

/* -- clean ---------------------------------------------------------------------------------------- */

/* => transfers of the range's objects that failed so far */
static u_long
range_errors(struct prog_thread *t, struct prog_range r)
{
	const struct orc_page *pg;
	u_long n = 0;

	for (int i = r.i; i < r.j; i++) {
		pg = &own(t)->page[i];
		if (pg->obj != 0)
			n += (u_long)orc_obj[pg->obj - 1].errors;
	}
	return n;
}

/* => a file of the range has an error that nobody was told yet */
static bool
range_failed(struct prog_thread *t, struct prog_range r)
{
	for (int i = r.i; i < r.j; i++)
		if (own(t)->page[i].obj != 0 &&
		    prog_file_failed(own(t)->page[i].obj - 1))
			return true;
	return false;
}

void
prog_msync_result(struct prog_thread *t, struct prog_range r, bool invalidate,
    bool sync, int error, bool failed)
{
	int want = prog_all_mapped(own(t), r.i, r.j) ? 0 : ENOMEM;
	bool sure = true;

	for (int i = r.i; i < r.j && invalidate; i++) {
		if (!own(t)->page[i].mapped)
			continue;
		if (own(t)->page[i].wired == ORC_YES && sure) {
			(void)prog_expect(t, error, EBUSY);
			return;
		}
		sure &= own(t)->page[i].wired == ORC_NO;
	}
	if (!sure && error == EBUSY)
		return;
	if (error == EIO && want == 0 && sync && (failed || range_failed(t, r)))
		return;
	(void)prog_expect(t, error, want);
}

/* clean: arg 2 selects what is done to the pages */
void
prog_clean(struct prog_thread *t, const struct prog_op *o)
{
	static const int flags[8] = { PGO_CLEANIT, PGO_CLEANIT | PGO_SYNCIO,
		PGO_DEACTIVATE, PGO_FREE, PGO_FREE, PGO_CLEANIT | PGO_FREE,
		PGO_CLEANIT | PGO_DEACTIVATE, PGO_DEACTIVATE };
	int how = flags[o->arg[2] & 7], error, want = 0;
	struct prog_range r = prog_range(t->slice, o);
	bool was, sure = true, io;
	struct orc_page *pg;
	u_long errors;
	u_int forks;

	if (!prog_begin(t, r.i, r.j))
		return;
	forks = t->op->forks - t->op->forking;
	was = is_shared(t, r);
	errors = range_errors(t, r);
	if (how & PGO_SYNCIO)
		prog_file_asking(true);
	error = uvm_map_clean(&t->op->vm->vm_map, r.start, r.end, how);
	if (how & PGO_SYNCIO)
		prog_file_asking(false);
	sim_trace_mix((uint64_t)error);
	if (!prog_all_mapped(own(t), r.i, r.j))
		want = EFAULT;
	for (int i = r.i; i < r.j && (how & PGO_FREE) != 0; i++) {
		pg = &own(t)->page[i];
		if (pg->wired == ORC_MAYBE)
			sure = false;
		else if (pg->wired == ORC_YES && want == 0)
			want = EINVAL;
	}
	/* all was done, but that something could not be written */
	io = error == EIO && want == 0 &&
	    (range_errors(t, r) != errors || range_failed(t, r));
	if ((sure || want == EFAULT) && !io)
		(void)prog_expect(t, error, want);
	was |= is_shared(t, r);
	for (int i = r.i;
	     i < r.j && (how & PGO_FREE) != 0 && (error == 0 || io); i++)
		discard(&own(t)->page[i], was, t->op->forks != forks);
	orc_end(own(t));
}
