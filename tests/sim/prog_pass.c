/* Random programs: map entry passing, from any process into the own slice. */
#include "prog_i.h"

/* One operation; belongs to the thread. */
struct pass {
	struct orc_proc *op; /* [thread] source */
	struct orc_slice *src, *dst; /* [thread] */
	int srck; /* [thread] number of the source slice */
	struct prog_range r; /* [thread] in the source */
	int to; /* [thread] first page in dst */
	int flags; /* [thread] */
};

/* What is passed may be shared for as long as the operation takes. */
static void
pin(struct pass *ps, int by)
{
	struct orc_page *pg;
	int to;

	for (int i = ps->r.i; i < ps->r.j; i++) {
		pg = &ps->src->page[i];
		to = ps->to + i - ps->r.i;
		if (!pg->mapped || (pg->past && pg->slot == NULL))
			continue;
		orc_page_slot(pg)->pins += (u_int)by;
		if (by > 0 && to < ORC_PAGES)
			ps->dst->next[to] = pg->slot;
	}
}

static int
pass_want(const struct pass *ps)
{
	if ((ps->flags & UVM_EXTRACT_REMOVE) != 0 &&
	    (ps->flags & UVM_EXTRACT_CONTIG) != 0)
		return EINVAL;
	if (!prog_any_mapped(ps->src, ps->r.i, ps->r.j))
		return EFAULT;
	if ((ps->flags & UVM_EXTRACT_CONTIG) != 0 &&
	    !prog_all_mapped(ps->src, ps->r.i, ps->r.j))
		return EFAULT;
	return 0;
}

static void
pass_page(struct pass *ps, int i)
{
	struct orc_page *from = &ps->src->page[ps->r.i + i];
	struct orc_page *to, none = { 0 };

	if (!from->mapped)
		return;
	to = ps->to + i < ORC_PAGES ? &ps->dst->page[ps->to + i] : &none;
	if (to->mapped)
		sim_fail("uvm_map_extract: page %d is in use", ps->to + i);
	orc_page_share(to, from);
	/* a fork may have made it copy-on-write before it came here */
	if (ps->op->forking != 0 && to->priv == ORC_NO && to->obj == 0)
		to->priv = ORC_MAYBE;
	if ((ps->flags & UVM_EXTRACT_FIXPROT) != 0)
		to->prot = to->max;
	if ((ps->flags & UVM_EXTRACT_REMOVE) != 0)
		orc_page_clear(from);
	if (to == &none)
		orc_page_clear(to);
}

static void
pass_done(struct prog_thread *t, struct pass *ps, vaddr_t va)
{
	vaddr_t end = va + (ps->r.end - ps->r.start);
	vaddr_t last = orc_va(t->slice, ORC_PAGES);
	int i, n = ps->r.j - ps->r.i;

	if (va != orc_va(t->slice, ps->to))
		sim_fail("uvm_map_extract: %#lx, expected %#lx", va,
		    orc_va(t->slice, ps->to));
	if (end > last)
		uvm_unmap(&t->op->vm->vm_map, MAX(va, last), end);
	/* the place may overlap the source, which is as it was */
	if (ps->to < ps->r.i)
		for (i = 0; i < n; i++)
			pass_page(ps, i);
	else
		for (i = n - 1; i >= 0; i--)
			pass_page(ps, i);
}

/* => FALSE: somebody is at the slices */
static bool
pass_lock(struct prog_thread *t, struct pass *ps)
{
	int n = ps->r.j - ps->r.i;

	if (ps->src->held || ps->src->changing || ps->dst->held ||
	    ps->dst->changing || ps->src->lost)
		return false;
	if (ps->src == ps->dst) {
		orc_begin(ps->dst, 0, ORC_PAGES);
		return true;
	}
	if ((ps->flags & UVM_EXTRACT_REMOVE) != 0)
		orc_begin(ps->src, ps->r.i, ps->r.j);
	orc_begin(ps->dst, ps->to, ps->to + n);
	ps->src->held = true;
	return true;
}

static void
pass_unlock(struct pass *ps)
{
	if (ps->src != ps->dst) {
		ps->src->held = false;
		if ((ps->flags & UVM_EXTRACT_REMOVE) != 0)
			orc_end(ps->src);
		wakeup(&ps->src->held);
	}
	orc_end(ps->dst);
}

/* share, move: arg 2 selects slice and flags, 3 the page to go to */
void
prog_pass(struct prog_thread *t, const struct prog_op *o)
{
	struct pass ps = { .dst = &t->op->slice[t->slice] };
	struct vmspace *vm;
	int error, want;
	vaddr_t va;

	ps.src = prog_slice(t, o->arg[2], &ps.op, &ps.srck);
	if (ps.src == NULL)
		return;
	ps.r = prog_range(ps.srck, o);
	ps.flags = o->kind == OP_move ? UVM_EXTRACT_REMOVE : 0;
	if ((o->arg[2] >> 24 & 7) == 0)
		ps.flags |= UVM_EXTRACT_CONTIG;
	if ((o->arg[2] >> 27 & 3) == 0)
		ps.flags |= UVM_EXTRACT_FIXPROT;
	ps.to = prog_first_fit(
	    ps.dst, (int)(o->arg[3] % ORC_PAGES), ps.r.j - ps.r.i, 1, 0);
	va = orc_va(t->slice, (int)(o->arg[3] % ORC_PAGES));
	if (!pass_lock(t, &ps))
		return;
	pin(&ps, 1); /* at once: stores there go to slots from now on */
	vm = prog_hold(ps.op);
	if (vm == NULL) {
		pin(&ps, -1);
		pass_unlock(&ps);
		return;
	}
	want = pass_want(&ps);
	error = uvm_map_extract(&vm->vm_map, ps.r.start, ps.r.end - ps.r.start,
	    &t->op->vm->vm_map, &va, ps.flags);
	pin(&ps, -1);
	if (prog_expect(t, error, want) && want == 0)
		pass_done(t, &ps, va);
	pass_unlock(&ps);
	prog_release(ps.op, vm);
}
