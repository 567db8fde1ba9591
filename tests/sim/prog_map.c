/* Random programs: operations on the mappings of a thread's own slice. */
#include "prog_i.h"

/* -- Ranges ------------------------------------------------------------------------ */

struct prog_range
prog_range(int slice, const struct prog_op *o)
{
	struct prog_range r;

	r.i = (int)(o->arg[0] % ORC_PAGES);
	r.j = r.i + 1 + (int)((o->arg[1] + ORC_PAGES - 1) % ORC_PAGES);
	r.j = MIN(r.j, ORC_PAGES);
	r.start = orc_va(slice, r.i);
	r.end = orc_va(slice, r.j);
	return r;
}

int
prog_first_fit(
    const struct orc_slice *sl, int from, int n, int align, vaddr_t base)
{
	int run = 0, i;

	for (i = from;; i++) {
		if (i < ORC_PAGES && sl->page[i].mapped) {
			run = 0;
			continue;
		}
		if (run == 0 && ((atop(base) + (u_long)i) % (u_long)align) != 0)
			continue;
		if (++run == n)
			return i + 1 - n;
	}
}

bool
prog_any_mapped(const struct orc_slice *sl, int i, int j)
{
	for (; i < j; i++)
		if (sl->page[i].mapped)
			return true;
	return false;
}

bool
prog_all_mapped(const struct orc_slice *sl, int i, int j)
{
	for (; i < j; i++)
		if (!sl->page[i].mapped)
			return false;
	return true;
}

static inline struct orc_slice *
own(struct prog_thread *t)
{
	return &t->op->slice[t->slice];
}

static inline vm_map_t
own_map(struct prog_thread *t)
{
	return &t->op->vm->vm_map;
}

/* => nobody else is at the slice's mappings; FALSE: the thread should leave */
static bool
settle(struct prog_thread *t)
{
	struct orc_slice *sl = own(t);

	while (sl->held || sl->changing) {
		if (prog_ended(t))
			return false;
		(void)tsleep(&sl->held, PVM, "simheld", 100000);
	}
	return true;
}

bool
prog_begin(struct prog_thread *t, int i, int j)
{
	if (!settle(t))
		return false;
	orc_begin(own(t), i, j);
	return true;
}

/* -- map ---------------------------------------------------------------------------- */

enum backing {
	B_PRIVATE, /* anonymous, copy-on-write */
	B_OVERLAY, /* the same with its amap from the start */
	B_SHARED, /* anonymous, shared */
	B_OBJ, /* an object, shared */
	B_OBJCOW, /* an object, private */
	B_COUNT
};

/* A request, decoded from an operation; belongs to the thread. */
struct request {
	enum backing backing; /* [thread] */
	vm_prot_t prot, max; /* [thread] */
	vm_inherit_t inherit; /* [thread] */
	int flags; /* [thread] UVM_FLAG_* */
	int obj, off; /* [thread] object and its page */
	vsize_t align; /* [thread] bytes */
	int at; /* [thread] page where it should go */
	int n; /* [thread] pages */
	int advice; /* [thread] */
	u_int forks; /* [thread] of the process, done when it began */
};

static const vm_prot_t prots[16] = { PROT_READ | PROT_WRITE, PROT_READ,
	PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_NONE, PROT_READ,
	PROT_READ | PROT_EXEC, PROT_READ | PROT_WRITE, PROT_MASK,
	PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC,
	PROT_READ | PROT_WRITE, PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE };

/*
 * map: arg 2: backing, rights, place, advice, inheritance; arg 3: object,
 * offset, alignment.
 */
static void
map_decode(struct request *q, struct prog_range r, const struct prog_op *o)
{
	static const uint8_t backings[8] = { B_PRIVATE, B_PRIVATE, B_OVERLAY,
		B_SHARED, B_OBJ, B_OBJ, B_OBJCOW, B_OBJCOW };
	static const vsize_t aligns[4] = { 0, 0, 16 * PAGE_SIZE, 2UL << 20 };
	uint32_t b = o->arg[2], c = o->arg[3];

	q->backing = backings[b % 8];
	q->prot = prots[b >> 4 & 15];
	q->max = (b >> 8 & 7) == 0 ? q->prot | PROT_READ : PROT_MASK;
	if ((b >> 11 & 31) == 0)
		q->max = PROT_READ; /* may be less than prot */
	q->inherit = q->backing == B_SHARED || q->backing == B_OBJ
	    ? MAP_INHERIT_SHARE
	    : MAP_INHERIT_COPY;
	if ((b >> 16 & 7) == 0)
		q->inherit = (vm_inherit_t)(b >> 19 & 3) << 4;
	q->advice = (int)(b >> 21 & 3) % 3;
	q->flags = 0;
	if ((b >> 23 & 3) == 0)
		q->flags |= UVM_FLAG_FIXED;
	else if ((b >> 23 & 3) != 3)
		q->flags |= UVM_FLAG_FIXED | UVM_FLAG_UNMAP;
	if ((b >> 25 & 7) == 0)
		q->flags |= UVM_FLAG_TRYLOCK;
	if ((b >> 28 & 3) == 0)
		q->flags |= UVM_FLAG_AMAPPAD;
	if ((b >> 30 & 3) == 0)
		q->flags |= UVM_FLAG_NOMERGE;
	if (q->backing != B_SHARED && q->backing != B_OBJ)
		q->flags |= UVM_FLAG_COPYONW;
	if (q->backing == B_SHARED || q->backing == B_OVERLAY)
		q->flags |= UVM_FLAG_OVERLAY;
	q->obj = (int)(c % ORC_OBJS);
	q->off = (int)((c >> 8) % (u_int)orc_obj[q->obj].npages);
	q->align = q->flags & UVM_FLAG_FIXED ? 0 : aligns[c >> 24 & 3];
	q->at = r.i;
	q->n = r.j - r.i;
	if ((q->flags & UVM_FLAG_FIXED) == 0 && (c >> 26 & 3) == 0)
		q->n += (int)(c >> 28) * 16; /* beyond the window */
}

/* What a page of the request is. */
static void
map_page(struct prog_thread *t, struct request *q, int i)
{
	struct orc_page *pg = &own(t)->page[q->at + i];
	int off = q->off + i;

	orc_page_clear(pg);
	pg->mapped = true;
	pg->prot = (uint8_t)q->prot;
	pg->max = (uint8_t)q->max;
	pg->inherit = (uint8_t)q->inherit;
	pg->priv = (q->flags & UVM_FLAG_COPYONW) != 0;
	/* a fork that came when the entry was there made it copy-on-write */
	if (q->backing == B_SHARED && t->op->forks != q->forks)
		pg->priv = ORC_MAYBE;
	pg->ptime = ++orc_now;
	if (q->backing == B_SHARED) {
		orc_page_slot(pg)->present = true;
	} else if (q->backing == B_OBJ || q->backing == B_OBJCOW) {
		pg->obj = (uint8_t)(q->obj + 1);
		pg->past = off >= orc_obj[q->obj].npages;
		if (pg->past)
			return;
		if (q->backing == B_OBJCOW)
			pg->slot = orc_slot_new();
		*(q->backing == B_OBJ ? &pg->slot : &pg->slot->lower) =
		    orc_obj[q->obj].slot[off];
		orc_slot_ref(orc_obj[q->obj].slot[off]);
	}
}

/* => errno of the request where nothing else interferes */
static int
map_want(struct prog_thread *t, const struct request *q)
{
	if ((q->prot & ~q->max) != 0)
		return EACCES;
	if ((q->flags & (UVM_FLAG_FIXED | UVM_FLAG_UNMAP)) == UVM_FLAG_FIXED &&
	    prog_any_mapped(own(t), q->at, q->at + q->n))
		return ENOMEM;
	return 0;
}

static bool
map_may_fail(struct prog_thread *t, const struct request *q, int error)
{
	if ((q->flags & UVM_FLAG_TRYLOCK) != 0 &&
	    (error == EFAULT || error == ENOMEM))
		return true;
	if (error == ENOMEM && prog_tight())
		return true;
	/* The range should have been wired.  What others stored there meanwhile
	   may be in swap already, and lost. */
	return t->op->wirefuture && q->prot != PROT_NONE && error == EIO &&
	    (q->backing == B_OBJ || q->backing == B_OBJCOW ||
		(prog_cfg->diskerr & PROG_ERR_LOSES) != 0);
}

/* Stores go to the object as soon as it is mapped. */
static void
map_next(struct prog_thread *t, const struct request *q)
{
	const struct orc_obj *obj = &orc_obj[q->obj];

	if (q->backing != B_OBJ)
		return;
	for (int i = 0; i < q->n && q->at + i < ORC_PAGES; i++)
		if (q->off + i < obj->npages)
			own(t)->next[q->at + i] = obj->slot[q->off + i];
}

/* It failed, perhaps when what was there was unmapped already. */
static void
map_failed(struct prog_thread *t, struct request *q, int error)
{
	if (!map_may_fail(t, q, error))
		sim_fail("uvm_map: %d, expected %d", error, map_want(t, q));
	if (!t->op->wirefuture || q->prot == PROT_NONE ||
	    (q->flags & UVM_FLAG_UNMAP) == 0)
		return;
	uvm_unmap(own_map(t), orc_va(t->slice, q->at),
	    orc_va(t->slice, q->at + q->n));
	for (int i = 0; i < q->n; i++)
		orc_page_clear(&own(t)->page[q->at + i]);
}

static void
map_done(struct prog_thread *t, struct request *q, vaddr_t va, uint64_t since)
{
	bool wired = t->op->wirefuture && q->prot != PROT_NONE;
	int i, at = (int)atop(va - orc_base(t->slice));

	if (q->align != 0 ? (va & (q->align - 1)) != 0 || at < q->at
			  : at != q->at)
		sim_fail("uvm_map: page %d, expected %d", at, q->at);
	q->at = at;
	if (at + q->n > ORC_PAGES) {
		uvm_unmap(own_map(t), va, va + ptoa((u_long)q->n));
		return;
	}
	if (prog_any_mapped(own(t), at, at + q->n) &&
	    (q->flags & UVM_FLAG_UNMAP) == 0)
		sim_fail("uvm_map: page %d is in use", at);
	for (i = 0; i < q->n; i++) {
		map_page(t, q, i);
		if (wired)
			prog_wired(&own(t)->page[at + i], since, true);
	}
}

void
prog_map(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_range r = prog_range(t->slice, o);
	struct uvm_object *uobj = NULL;
	uint64_t since = orc_now;
	struct request q;
	vaddr_t va;
	int error, want;

	map_decode(&q, r, o);
	va = orc_va(t->slice, q.at);
	if (q.backing == B_OBJ || q.backing == B_OBJCOW) {
		uobj = simobj_hold(q.obj);
		if (uobj == NULL)
			return;
	}
	if (!settle(t)) {
		if (uobj != NULL)
			simobj_release(q.obj, uobj);
		return;
	}
	if ((q.flags & UVM_FLAG_FIXED) == 0)
		q.at = prog_first_fit(own(t), q.at, q.n,
		    (int)MAX(atop(q.align), 1), orc_base(t->slice));
	/* an aligned place may be any that fits */
	if (q.align != 0)
		orc_begin(own(t), 0, ORC_PAGES);
	else
		orc_begin(own(t), q.at, q.at + q.n);
	q.forks = t->op->forks - t->op->forking;
	map_next(t, &q);
	want = map_want(t, &q);
	error = uvm_map(own_map(t), &va, ptoa((u_long)q.n), uobj,
	    uobj != NULL ? (voff_t)ptoa((u_long)q.off) : UVM_UNKNOWN_OFFSET,
	    q.align, UVM_MAPFLAG(q.prot, q.max, q.inherit, q.advice, q.flags));
	sim_trace_mix((uint64_t)error);
	if (error == 0 && want != 0)
		sim_fail("uvm_map succeeded, expected %d", want);
	if (error == 0)
		map_done(t, &q, va, since);
	else if (error != want)
		map_failed(t, &q, error);
	orc_end(own(t));
	if (uobj != NULL)
		simobj_release(q.obj, error != 0 ? uobj : NULL);
}

/* unmap: arg 2 selects the function */
void
prog_unmap(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_range r = prog_range(t->slice, o);
	int error = 0;

	if (!prog_begin(t, r.i, r.j))
		return;
	switch (o->arg[2] % 3) {
	case 0:
		uvm_unmap(own_map(t), r.start, r.end);
		break;
	case 1:
		error = uvm_unmap_user(own_map(t), r.start, r.end);
		break;
	default:
		error = uvm_deallocate(
		    own_map(t), r.start + 1, r.end - r.start - 2);
	}
	(void)prog_expect(t, error, 0);
	for (int i = r.i; i < r.j; i++)
		orc_page_clear(&own(t)->page[i]);
	orc_end(own(t));
}

void
prog_query(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_range r = prog_range(t->slice, o);
	int error, n = r.j - r.i, at, want = 0;
	vaddr_t va = r.start;
	bool fixed = o->arg[2] % 2;
	u_int gen;

	if (!settle(t))
		return;
	gen = own(t)->gen;
	at = prog_first_fit(own(t), r.i, n, 1, orc_base(t->slice));
	if (fixed && at != r.i)
		want = ENOMEM;
	error = uvm_map_query(
	    own_map(t), &va, ptoa((u_long)n), UVM_UNKNOWN_OFFSET, fixed);
	if (own(t)->gen != gen)
		return;
	if (prog_expect(t, error, want) && error == 0 &&
	    va != orc_va(t->slice, at))
		sim_fail("uvm_map_query: %#lx, expected %#lx", va,
		    orc_va(t->slice, at));
}

/* -- protect, inherit ------------------------------------------------------------------ */

static int
protect_want(struct prog_thread *t, struct prog_range r, vm_prot_t prot)
{
	for (int i = r.i; i < r.j; i++)
		if (own(t)->page[i].mapped &&
		    (prot & ~own(t)->page[i].max) != 0)
			return EACCES;
	return 0;
}

/* => ok: what had to be wired was */
static void
protect_page(struct prog_thread *t, struct orc_page *pg, vm_prot_t prot,
    bool set_max, bool ok)
{
	struct orc_slot *s = pg->slot;
	vm_prot_t old = pg->prot;

	if (!pg->mapped)
		return;
	pg->prot = (uint8_t)prot;
	if (set_max)
		pg->max = (uint8_t)prot;
	if (prot != old)
		pg->ptime = ++orc_now;
	if (prot == PROT_NONE)
		pg->wired = ORC_NO;
	else if ((prot & PROT_WRITE) != 0 && pg->wired != ORC_NO &&
	    (old & PROT_WRITE) == 0 && s != NULL && !s->present &&
	    s->lower != NULL)
		s->murky = true; /* any fault may make it present now */
	if (t->op->wirefuture && pg->wired != ORC_YES && old == PROT_NONE &&
	    prot != PROT_NONE) {
		prog_wired(pg, 0, false);
		pg->wired = ok ? ORC_YES : ORC_MAYBE;
	}
}

/* protect, setmax: arg 2 selects the rights and the function */
void
prog_protect(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_range r = prog_range(t->slice, o);
	vm_prot_t prot = prots[o->arg[2] & 15];
	bool set_max = o->kind == OP_setmax, nogap;
	int error, want;

	nogap = !set_max && (o->arg[2] >> 4) % 4 == 0;
	if (!prog_begin(t, r.i, r.j))
		return;
	want = protect_want(t, r, prot);
	if (nogap && !prog_all_mapped(own(t), r.i, r.j))
		want = want == 0 ? ENOMEM : want;
	if (nogap)
		error = uvm_map_protect_nogap(own_map(t), r.start, r.end, prot);
	else
		error =
		    uvm_map_protect(own_map(t), r.start, r.end, prot, set_max);
	sim_trace_mix((uint64_t)error);
	if (nogap && want == EACCES && error == ENOMEM)
		want = ENOMEM; /* whichever comes first */
	if (want == 0 && error == ENOMEM && t->op->wirefuture) {
		for (int i = r.i; i < r.j; i++)
			protect_page(t, &own(t)->page[i], prot, set_max, false);
	} else if (prog_expect(t, error, want) && want == 0) {
		for (int i = r.i; i < r.j; i++)
			protect_page(t, &own(t)->page[i], prot, set_max, true);
	}
	orc_end(own(t));
}

void
prog_inherit(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_range r = prog_range(t->slice, o);
	vm_inherit_t inherit = (vm_inherit_t)(o->arg[2] & 3) << 4;
	int error;

	if (!prog_begin(t, r.i, r.j))
		return;
	error = uvm_map_inherit(
	    own_map(t), r.start, r.end, o->arg[2] & 4 ? inherit >> 4 : inherit);
	if (prog_expect(t, error, 0))
		for (int i = r.i; i < r.j; i++)
			if (own(t)->page[i].mapped)
				own(t)->page[i].inherit = (uint8_t)inherit;
	orc_end(own(t));
}

/* -- wire ------------------------------------------------------------------------------- */

/*
 * A page that was not wired has been faulted in with all its rights; if it
 * failed later (not done), it may have been.
 */
void
prog_wired(struct orc_page *pg, uint64_t since, bool done)
{
	struct orc_slot *s = pg->slot;

	if (!pg->mapped || pg->prot == PROT_NONE || pg->wired == ORC_YES)
		return;
	if (s != NULL && !s->present && s->lower != NULL &&
	    pg->priv != ORC_NO && (pg->prot & PROT_WRITE) != 0) {
		if (done && pg->wired == ORC_NO)
			orc_promote(s, since);
		else
			s->murky = true;
	}
	if (done)
		pg->wired = ORC_YES;
}

/* => errno of the range; *iop: a transfer may have failed */
static int
wire_want(struct prog_thread *t, struct prog_range r, bool wire, bool *iop)
{
	struct orc_page *pg = &own(t)->page[r.i];

	*iop = false;
	if (!pg->mapped)
		return EFAULT;
	if (!prog_all_mapped(own(t), r.i, r.j))
		return EINVAL;
	for (int i = r.i; wire && i < r.j; i++, pg++) {
		if (pg->prot == PROT_NONE || pg->wired == ORC_YES)
			continue;
		*iop |= pg->obj != 0 && simobj_has_io(pg->obj - 1);
		if (orc_past(pg) != ORC_YES && orc_lost(pg) != ORC_YES)
			continue;
		if (pg->wired == ORC_NO)
			return EIO;
		*iop = true; /* what is wired is not looked for */
	}
	return 0;
}

void
prog_wire(struct prog_thread *t, const struct prog_op *o)
{
	struct prog_range r = prog_range(t->slice, o);
	bool wire = o->kind == OP_wire, io;
	u_int sizegen = orc_sizegen;
	uint64_t since = orc_now;
	int error, want;

	if (!prog_begin(t, r.i, r.j))
		return;
	want = wire_want(t, r, wire, &io);
	error = uvm_map_pageable(own_map(t), r.start, r.end, !wire, 0);
	sim_trace_mix((uint64_t)error);
	io |= error == EIO && prog_lost_any(t, r.i, r.j);
	io |= orc_resized(sizegen);
	if (error != want && !(io && error == EIO) &&
	    !(want == EIO && error == 0 && orc_resized(sizegen)))
		(void)prog_expect(t, error, want);
	if (error == 0)
		for (int i = r.i; i < r.j; i++) {
			if (wire)
				prog_wired(&own(t)->page[i], since, true);
			else
				own(t)->page[i].wired = ORC_NO;
		}
	else if (error != EFAULT && error != EINVAL)
		for (int i = r.i; i < r.j; i++)
			prog_wired(&own(t)->page[i], since, false);
	orc_end(own(t));
}

/*
 * wireall: of a process with one thread.  What is there is unwired again soon:
 * memory is scarce.
 */
void
prog_wireall(struct prog_thread *t, const struct prog_op *o)
{
	int flags = (int)(o->arg[2] % 4), error;
	uint64_t since = orc_now;
	bool io = false;
	struct orc_page *pg;

	if (prog_cfg->threads > 1 || t->op->holds != 0 ||
	    !prog_begin(t, 0, ORC_PAGES))
		return;
	error = uvm_map_pageable_all(own_map(t), flags, 0);
	sim_trace_mix((uint64_t)error);
	if (flags == 0)
		t->op->wirefuture = false;
	else if (flags & MCL_FUTURE)
		t->op->wirefuture = true;
	for (int i = 0; i < ORC_PAGES; i++) {
		pg = &own(t)->page[i];
		io |= pg->mapped && pg->obj != 0 && pg->prot != PROT_NONE;
		if (flags == 0)
			pg->wired = ORC_NO;
		else if ((flags & MCL_CURRENT) != 0)
			prog_wired(pg, since, error == 0);
	}
	io |= error == EIO && prog_lost_any(t, 0, ORC_PAGES);
	/* ENOMEM: above the limit */
	if (error != 0 && error != ENOMEM && !(error == EIO && io))
		sim_fail("uvm_map_pageable_all: %d", error);
	orc_end(own(t));
}
