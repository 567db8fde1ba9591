/*
 * Random programs: mremap in the own slice.  The model knows pages, not
 * entries: whether neighbours that look alike are one mapping is the map's
 * business, so EFAULT is right for them too.
 */
#include "prog_i.h"

#include <uvm/uvm_mman.h>

enum remap_how {
	R_INPLACE,
	R_MOVE, /* MREMAP_FIXED */
	R_LEAVE, /* and MREMAP_DONTUNMAP */
	R_TWICE, /* old size 0: a page */
};

/* One operation; belongs to the thread. */
struct remap {
	struct prog_thread *t; /* [thread] */
	struct orc_slice *sl; /* [thread] */
	enum remap_how how; /* [thread] */
	int from, osize; /* [thread] pages */
	int to, nsize; /* [thread] pages */
	u_int forks; /* [thread] of the process, done when it began */
	struct orc_page last; /* [thread] what is added looks like it */
};

static inline struct orc_page *
page(const struct remap *rm, int i)
{
	return &rm->sl->page[i];
}

/* arg 2: how, and how much larger; arg 3: where to. => FALSE: nothing to do */
static bool
remap_decode(struct remap *rm, const struct prog_op *o)
{
	static const uint8_t hows[8] = { R_INPLACE, R_INPLACE, R_INPLACE,
		R_MOVE, R_MOVE, R_MOVE, R_LEAVE, R_TWICE };
	struct prog_range r = prog_range(rm->t->slice, o);

	rm->how = (enum remap_how)hows[o->arg[2] & 7];
	rm->from = r.i;
	rm->osize = rm->how == R_TWICE ? 1 : r.j - r.i;
	rm->to = rm->how == R_INPLACE ? r.i : (int)(o->arg[3] % ORC_PAGES);
	rm->nsize = rm->osize;
	if (rm->how == R_INPLACE || rm->how == R_MOVE)
		rm->nsize += (int)(o->arg[2] >> 8 & 15) - 6;
	if (rm->how == R_LEAVE)
		rm->nsize = rm->osize = MIN(rm->osize, ORC_PAGES - rm->to);
	rm->nsize = MIN(MAX(rm->nsize, 1), ORC_PAGES - rm->to);
	return rm->how == R_INPLACE || rm->to >= rm->from + rm->osize ||
	    rm->from >= rm->to + rm->nsize;
}

/* The slots of the source go elsewhere, and stores with them. */
static void
pin(struct remap *rm, int by)
{
	struct orc_page *pg;

	for (int i = 0; i < MIN(rm->osize, rm->nsize); i++) {
		pg = page(rm, rm->from + i);
		if (!pg->mapped || (pg->past && pg->slot == NULL))
			continue;
		orc_page_slot(pg)->pins += (u_int)by;
		if (by > 0)
			rm->sl->next[rm->to + i] = pg->slot;
	}
}

/* => what the model can tell: could pages i and i + 1 be of one mapping? */
static bool
alike(const struct remap *rm, int i)
{
	const struct orc_page *a = page(rm, i), *b = page(rm, i + 1);

	return a->mapped && b->mapped && a->prot == b->prot &&
	    a->max == b->max && a->inherit == b->inherit && a->obj == b->obj &&
	    (a->priv == b->priv || a->priv == ORC_MAYBE ||
		b->priv == ORC_MAYBE);
}

/* => 0 and alt[], what may come as well, or 0; or what must come */
static int
remap_want(const struct remap *rm, int alt[2])
{
	const struct orc_page *first = page(rm, rm->from);
	int end = rm->from +
	    (rm->how == R_MOVE ? MIN(rm->osize, rm->nsize) : rm->osize);
	int error = 0;

	alt[0] = alt[1] = 0;
	if (!first->mapped)
		return EFAULT;
	if (rm->how == R_INPLACE && rm->nsize <= rm->osize)
		return 0;
	if (rm->how == R_TWICE || rm->how == R_LEAVE) {
		if (first->priv == ORC_MAYBE)
			alt[0] = EINVAL;
		else if ((first->priv == ORC_YES) != (rm->how == R_LEAVE))
			return EINVAL;
		if (rm->how == R_LEAVE && first->obj != 0)
			return EINVAL;
		if (rm->how == R_TWICE)
			return 0;
	}
	for (int i = rm->from; i < end - 1 && error == 0; i++)
		if (!alike(rm, i))
			error = EFAULT;
	if (error == 0 && end - rm->from > 1)
		alt[1] = EFAULT;
	if (error == 0 && rm->how == R_INPLACE &&
	    prog_any_mapped(rm->sl, end, rm->from + rm->nsize))
		error = ENOMEM;
	return error;
}

/* -- What becomes of the pages -------------------------------------------------------- */

/* The page goes, or is shown once more, with its wiring if it goes. */
static void
take_page(struct remap *rm, int i)
{
	struct orc_page *from = page(rm, rm->from + i);
	struct orc_page *to = page(rm, rm->to + i);
	struct orc_page left = *from;
	struct orc_proc *op = rm->t->op;
	bool wired = op->wirefuture && from->prot != PROT_NONE;

	orc_page_share(to, from);
	/* a fork may have made it copy-on-write before it came here */
	if (op->forking != 0 && to->priv == ORC_NO && to->obj == 0)
		to->priv = ORC_MAYBE;
	if (rm->how == R_TWICE) {
		if (left.wired != ORC_NO || wired) {
			prog_wired(to, 0, false);
			to->wired = ORC_MAYBE;
		}
		return;
	}
	to->wired = left.wired;
	orc_page_clear(from);
	if (rm->how != R_LEAVE)
		return;
	from->mapped = true;
	from->prot = left.prot;
	from->max = left.max;
	from->inherit = left.inherit;
	from->priv = ORC_YES;
	from->ptime = ++orc_now;
}

/*
 * What the added page shows: only of anonymous memory is that simple.
 * => FALSE: not known
 */
static bool
added_page(struct remap *rm, int i)
{
	struct orc_page *pg = page(rm, i);
	const struct orc_page *like = &rm->last;

	if (like->obj != 0 || like->priv == ORC_MAYBE || like->past)
		return false;
	orc_page_clear(pg);
	pg->mapped = true;
	pg->prot = like->prot;
	pg->max = like->max;
	pg->inherit = like->inherit;
	pg->priv = like->priv;
	if (like->priv == ORC_NO && rm->t->op->forks != rm->forks)
		pg->priv = ORC_MAYBE;
	pg->ptime = ++orc_now;
	if (like->priv == ORC_NO)
		orc_page_slot(pg)->present = true;
	if ((like->wired != ORC_NO || rm->t->op->wirefuture) &&
	    like->prot != PROT_NONE) {
		prog_wired(pg, 0, false);
		pg->wired = ORC_MAYBE;
	}
	return true;
}

static void
unmap_pages(struct remap *rm, int i, int j)
{
	if (i >= j)
		return;
	uvm_unmap(&rm->t->op->vm->vm_map, orc_va(rm->t->slice, i),
	    orc_va(rm->t->slice, j));
	for (; i < j; i++)
		orc_page_clear(page(rm, i));
}

static void
remap_done(struct remap *rm)
{
	int both = MIN(rm->osize, rm->nsize), i;

	for (i = both; i < rm->osize; i++)
		orc_page_clear(page(rm, rm->from + i));
	if (rm->how != R_INPLACE) {
		for (i = 0; i < rm->nsize; i++)
			orc_page_clear(page(rm, rm->to + i));
		for (i = 0; i < both; i++)
			take_page(rm, i);
	}
	for (i = both; i < rm->nsize; i++)
		if (!added_page(rm, rm->to + i))
			break;
	unmap_pages(rm, rm->to + i, rm->to + rm->nsize);
}

/* For memory: what FIXED replaces, and what is cut off, may be gone. */
static void
remap_failed(struct remap *rm)
{
	if (rm->how == R_INPLACE)
		return;
	unmap_pages(rm, rm->to, rm->to + rm->nsize);
	unmap_pages(rm, rm->from + rm->nsize, rm->from + rm->osize);
}

static int
remap_call(struct remap *rm, vaddr_t *top)
{
	static const int flags[] = { [R_INPLACE] = 0,
		[R_MOVE] = MREMAP_MAYMOVE | MREMAP_FIXED,
		[R_LEAVE] = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
		[R_TWICE] = MREMAP_MAYMOVE | MREMAP_FIXED };
	struct uvm_remap rq = { .old = orc_va(rm->t->slice, rm->from),
		.osize = rm->how == R_TWICE ? 0 : ptoa((u_long)rm->osize),
		.nsize = ptoa((u_long)rm->nsize),
		.flags = flags[rm->how],
		.to = orc_va(rm->t->slice, rm->to) };
	int error = uvm_map_remap(&rm->t->op->vm->vm_map, NULL, &rq);

	*top = rq.to;
	return error;
}

/* remap: see remap_decode() */
void
prog_remap(struct prog_thread *t, const struct prog_op *o)
{
	struct remap rm = { .t = t, .sl = &t->op->slice[t->slice] };
	int error, want, alt[2];
	vaddr_t to;

	if (!remap_decode(&rm, o) || !prog_begin(t, 0, ORC_PAGES))
		return;
	rm.forks = t->op->forks - t->op->forking;
	rm.last = *page(&rm, rm.from + MIN(rm.osize, rm.nsize) - 1);
	want = remap_want(&rm, alt);
	pin(&rm, 1);
	error = remap_call(&rm, &to);
	pin(&rm, -1);
	/* a fork makes what only is shared as it may be private, and so alike */
	if (error != want && t->op->forks != rm.forks)
		want = remap_want(&rm, alt);
	if (error == 0 && want != 0)
		sim_fail("remap succeeded, expected %d", want);
	if (error != want && (error == alt[0] || error == alt[1])) {
		sim_trace_mix((uint64_t)error);
	} else if (prog_expect(t, error, want)) {
		if (error == 0 && to != orc_va(t->slice, rm.to))
			sim_fail("remap: %#lx, expected page %d", to, rm.to);
		if (error == 0)
			remap_done(&rm);
	} else
		remap_failed(&rm);
	orc_end(rm.sl);
}
