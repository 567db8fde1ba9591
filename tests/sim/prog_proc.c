/*
 * Random programs: fork and what children do, exec.
 *
 * A child runs beside its parent: it touches some pages and ends.  At the
 * barrier all have ended.
 */
#include "prog_i.h"

#define NCHILDREN 8

enum child_kind { C_FORK, C_SHARE, C_UNSHARE, C_EXEC };

struct child {
	bool used; /* [sim] */
	enum child_kind kind; /* [sim] */
	struct orc_proc *op; /* [sim] */
	struct process *pr; /* [sim] */
	bool shares; /* [sim] op is its parent's */
	uint64_t seed; /* [sim] what it does */
};
static struct child children[NCHILDREN];

/* -- Children ------------------------------------------------------------------------ */

static uint64_t
child_draw(struct child *c)
{
	c->seed = c->seed * 6364136223846793005UL + 1442695040888963407UL;
	return c->seed >> 33;
}

static void
child_touch(struct child *c, u_int n)
{
	enum prog_kind kind;
	int page, k;

	for (u_int i = 0; i < n && !sim_killed(curproc->p_p); i++) {
		kind = child_draw(c) % 3 == 0 ? OP_store : OP_load;
		page = (int)(child_draw(c) % 2 ? child_draw(c) % 24
					       : child_draw(c) % ORC_PAGES);
		k = (int)(child_draw(c) % prog_cfg->threads);
		if (!c->op->slice[k].lost)
			prog_access(c->op, k, page,
			    (int)(child_draw(c) % orc_words), kind);
		orc_stats.ops++;
	}
}

static void
gens_of(struct orc_proc *op, u_int *gens)
{
	for (int k = 0; k < ORC_SLICES; k++)
		gens[k] = op->slice[k].gen;
}

/* The child no longer shares; what it shared with goes on. */
static void
child_unshare(struct child *c)
{
	struct orc_proc *old = c->op, *new = orc_proc_new();
	uint64_t since = orc_now;
	u_int gens[ORC_SLICES];

	gens_of(old, gens);
	old->forking++;
	old->forks++;
	uvmspace_unshare(curproc);
	old->forking--;
	if (curproc->p_vmspace == old->vm) {
		orc_proc_free(new); /* it was the last one */
		return;
	}
	orc_fork(new, old, since, gens);
	new->vm = curproc->p_vmspace;
	c->op = new;
	c->shares = false;
	old->holds--;
}

/* A new program: a little memory of its own. */
static void
child_exec(struct child *c)
{
	struct orc_proc *old = c->op;
	vaddr_t va = orc_va(0, 0);
	struct orc_page *pg;
	int error;

	c->op = orc_proc_new();
	uvmspace_exec(curproc, VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS);
	c->op->vm = curproc->p_vmspace;
	c->shares = false;
	old->holds--;
	error = uvm_map(&c->op->vm->vm_map, &va, ptoa(8), NULL,
	    UVM_UNKNOWN_OFFSET, 0,
	    UVM_MAPFLAG(PROT_READ | PROT_WRITE, PROT_MASK, MAP_INHERIT_COPY,
		MADV_NORMAL, UVM_FLAG_FIXED | UVM_FLAG_COPYONW));
	if (error != 0)
		sim_fail("uvm_map of a new program: %d", error);
	for (int i = 0; i < 8; i++) {
		pg = &c->op->slice[0].page[i];
		pg->mapped = true;
		pg->prot = PROT_READ | PROT_WRITE;
		pg->max = PROT_MASK;
		pg->inherit = MAP_INHERIT_COPY;
		pg->priv = ORC_YES;
	}
}

static void
child_main(void *arg)
{
	struct child *c = arg;

	child_touch(c, 1 + (u_int)(child_draw(c) % 12));
	if (c->kind == C_UNSHARE)
		child_unshare(c);
	else if (c->kind == C_EXEC)
		child_exec(c);
	if (c->kind >= C_UNSHARE)
		child_touch(c, 8);
	prog_children(-1);
}

static void
child_done(struct child *c)
{
	c->used = false;
	if (c->shares)
		c->op->holds--;
	else
		orc_proc_free(c->op);
}

static void
child_unborn(struct child *c)
{
	child_done(c);
	prog_children(-1);
}

void
prog_children_reap(void)
{
	struct child *c;

	for (c = children; c < children + NCHILDREN; c++) {
		if (!c->used)
			continue;
		sim_process_wait(c->pr);
		child_done(c);
	}
}

/* -- fork ------------------------------------------------------------------------------- */

/* => the child's vmspace; fills c->op */
static struct vmspace *
fork_space(struct prog_thread *t, struct child *c)
{
	struct orc_proc *op = t->op;
	uint64_t since = orc_now;
	u_int gens[ORC_SLICES];
	struct vmspace *vm;

	if (c->kind != C_FORK) {
		op->holds++;
		c->op = op;
		return uvmspace_share(op->pr);
	}
	gens_of(op, gens);
	op->forking++;
	op->forks++;
	vm = uvmspace_fork(op->pr);
	op->forking--;
	if (sim_killed(op->pr)) /* perhaps not everything was copied */
		memset(gens, -1, sizeof(gens));
	c->op = orc_proc_new();
	orc_fork(c->op, op, since, gens);
	c->op->vm = vm;
	return vm;
}

/* fork: arg 2 selects the kind, 3 what the child does */
void
prog_fork(struct prog_thread *t, const struct prog_op *o)
{
	static const enum child_kind kinds[8] = { C_FORK, C_FORK, C_FORK,
		C_FORK, C_SHARE, C_SHARE, C_UNSHARE, C_EXEC };
	struct vmspace *vm;
	struct child *c;
	u_int i;

	for (i = 0; i < NCHILDREN && children[i].used;)
		i++;
	if (i == NCHILDREN)
		return;
	c = &children[i];
	c->used = true;
	c->kind = kinds[o->arg[2] % 8];
	c->shares = c->kind != C_FORK;
	c->seed = o->arg[3];
	prog_children(1);
	vm = fork_space(t, c);
	if (sim_killed(t->op->pr)) { /* memory is for others to have now */
		uvmspace_free(vm);
		child_unborn(c);
		return;
	}
	c->pr = sim_process(vm);
	if (sim_thread(c->pr, child_main, c) == NULL) {
		sim_process_unborn(c->pr);
		child_unborn(c);
	}
}

/* -- exec -------------------------------------------------------------------------------- */

/* exec: of a process with one thread whose address space is not in use */
void
prog_exec(struct prog_thread *t, const struct prog_op *o)
{
	struct orc_slice *sl = &t->op->slice[t->slice];

	if (prog_cfg->threads > 1 || t->op->holds != 0 ||
	    !prog_begin(t, 0, ORC_PAGES))
		return;
	uvmspace_exec(curproc, VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS);
	t->op->vm = curproc->p_vmspace;
	t->op->wirefuture = false;
	for (int i = 0; i < ORC_PAGES; i++)
		orc_page_clear(&sl->page[i]);
	orc_end(sl);
}
