/*
 * Random programs: threads, barriers, dispatch.
 *
 * The first thread of the machine is the conductor.  It starts processes and
 * threads, lets them execute the operations up to the next barrier, waits until
 * all have arrived, and audits.  A process that ended, by its own operation or
 * because the page daemon chose it, is replaced at the barrier.
 */
#include "prog_i.h"
#include <sys/ktest.h>
#include <sys/pool.h>
#include <uvm/uvm_swap.h>
#include <tests/audit/audit.h>
#include <tests/kern/kt_audit.h>
#include <tests/sim/host/host.h>

#define NUSERS    (PROG_MAXPROCS * PROG_MAXTHREADS)
#define NTHREADS  (NUSERS + PROG_MAXKTHREADS)
#define WARM_SIZE (128UL << 20)
#define NPOOLS    64
#define TIGHT     150 /* free pages with which anything may fail */
#define STARTING  64 /* free pages a process and its threads start with */
#define DRAIN     4 /* one in so many quiet points frees threads' stacks too */

static const struct prog *program;
static struct prog_stats *result;
const struct prog_config *prog_cfg;
static struct prog_thread threads[NTHREADS];
static struct orc_proc *procs[PROG_MAXPROCS];

/* Ended processes, with the model of what they had, until the barrier. */
static struct orc_proc *zombies;
static struct process *zombie_process[64];
static u_int nzombies;

/* The round; changed by the conductor, under prog_mtx to be slept on. */
static struct mutex prog_mtx = MUTEX_INITIALIZER(LR_NONE, "prog");
static size_t round_begin, round_end; /* operations */
static u_int round_number;
static int busy; /* threads and children that have not arrived */
static bool quiet; /* all have: they stay where they are */
static bool stopping;

/* What is left at the end must be what there was at the start. */
struct baseline {
	long inuse, entries, pv; /* [conductor] */
	long pool[NPOOLS], npools; /* [conductor] */
	int anon, wired; /* [conductor] */
};
static struct baseline base;

/* -- For operations ---------------------------------------------------------------- */

bool
prog_ended(struct prog_thread *t)
{
	if (t->kernel)
		return false;
	return t->op->dying || sim_killed(curproc->p_p);
}

bool
prog_tight(void)
{
	return prog_cfg->fail != 0 || prog_cfg->npages < 2000 ||
	    prog_ballooned != 0 || uvm_free_count() < TIGHT ||
	    sim_killed(curproc->p_p);
}

bool
prog_expect(struct prog_thread *t, int error, int want)
{
	sim_trace_mix((uint64_t)error);
	if (error == want)
		return true;
	if (error != ENOMEM || !prog_tight())
		sim_fail("%s: %d, expected %d",
		    t->now != NULL ? prog_name(t->now->kind) : "?", error,
		    want);
	return false;
}

struct orc_slice *
prog_slice(struct prog_thread *t, uint32_t arg, struct orc_proc **opp, int *kp)
{
	struct orc_proc *op = t->op;

	*kp = t->slice;
	if (arg & 1)
		*kp = (int)((arg >> 8) % prog_cfg->threads);
	if (arg & 2)
		op = procs[(arg >> 16) % prog_cfg->procs];
	if (op == NULL || op->pr == NULL)
		return NULL;
	*opp = op;
	return &op->slice[*kp];
}

struct vmspace *
prog_hold(struct orc_proc *op)
{
	struct vmspace *vm;

	op->holds++;
	vm = uvmspace_hold(op->pr);
	if (vm == NULL) /* it ended while we waited for its lock */
		op->holds--;
	return vm;
}

void
prog_release(struct orc_proc *op, struct vmspace *vm)
{
	uvmspace_free(vm);
	op->holds--;
}

void
prog_children(int n)
{
	mtx_enter(&prog_mtx);
	busy += n;
	wakeup(&busy);
	mtx_leave(&prog_mtx);
}

/* -- Dispatch ------------------------------------------------------------------------ */

static void
user_misc(struct prog_thread *t, const struct prog_op *o)
{
	static const char nothing;

	switch (o->kind) {
	case OP_exit:
		t->op->dying = true;
		break;
	case OP_collect:
		pmap_collect(t->op->vm->vm_map.pmap);
		break;
	case OP_ioerror:
		simobj_fail((int)(o->arg[0] % 4),
		    o->arg[2] % 8 == 0 ? -1 : (int)(o->arg[2] % 4));
		break;
	default:
		(void)tsleep(&nothing, PVM, "simpause", 1 + o->arg[1] * 500UL);
	}
}

typedef void op_fn(struct prog_thread *t, const struct prog_op *o);
static op_fn *const user_ops[OP_COUNT] = {
	[OP_load] = prog_touch,
	[OP_store] = prog_touch,
	[OP_fetch] = prog_touch,
	[OP_map] = prog_map,
	[OP_unmap] = prog_unmap,
	[OP_protect] = prog_protect,
	[OP_setmax] = prog_protect,
	[OP_inherit] = prog_inherit,
	[OP_madvise] = prog_madvise,
	[OP_clean] = prog_clean,
	[OP_wire] = prog_wire,
	[OP_unwire] = prog_wire,
	[OP_wireall] = prog_wireall,
	[OP_share] = prog_pass,
	[OP_move] = prog_pass,
	[OP_remap] = prog_remap,
	[OP_ioread] = prog_io,
	[OP_iowrite] = prog_io,
	[OP_loan] = prog_loan,
	[OP_unloan] = prog_unloan,
	[OP_fork] = prog_fork,
	[OP_exec] = prog_exec,
	[OP_query] = prog_query,
	[OP_exit] = user_misc,
	[OP_collect] = user_misc,
	[OP_ioerror] = user_misc,
	[OP_pause] = user_misc,
};

static void
execute(struct prog_thread *t, const struct prog_op *o)
{
	t->now = o;
	sim_trace_mix((uint64_t)o->kind << 8 | o->thread);
	if (t->kernel)
		prog_kernel_op(t, o);
	else if (user_ops[o->kind] != NULL)
		user_ops[o->kind](t, o);
	else if (o->kind >= OP_fopen)
		prog_file_op(t, o);
	else
		prog_swap_op(t, o);
	t->now = NULL;
	orc_stats.ops++;
}

static void
run_round(struct prog_thread *t)
{
	const struct prog_op *o;

	for (size_t i = round_begin; i < round_end && !prog_ended(t); i++) {
		o = &program->ops[i];
		if (o->thread == t->index)
			execute(t, o);
	}
}

/* -- Threads ------------------------------------------------------------------------- */

/*
 * Wait for the next round.
 * => FALSE: the thread should leave; it counts as busy then
 */
static bool
next_round(struct prog_thread *t)
{
	bool more = true;

	mtx_enter(&prog_mtx);
	busy--;
	wakeup(&busy);
	while (t->round == round_number) {
		(void)msleep(&round_number, &prog_mtx, PVM, "simround",
		    t->kernel ? INFSLP : 2000000);
		if (!quiet && t->round == round_number && prog_ended(t)) {
			busy++;
			more = false;
			break;
		}
	}
	t->round = round_number;
	if (stopping)
		more = false;
	mtx_leave(&prog_mtx);
	return more;
}

static void
thread_run(struct prog_thread *t)
{
	while (next_round(t)) {
		run_round(t);
		if (prog_ended(t))
			break;
	}
	prog_unloan_all(t);
}

/* The last thread of a process: it is not used from outside any more. */
static void
thread_left(struct prog_thread *t)
{
	struct orc_proc *op = t->op;

	if (--op->threads > 0)
		return;
	for (u_int i = 0; i < PROG_MAXPROCS; i++)
		if (procs[i] == op)
			procs[i] = NULL;
	zombie_process[nzombies++] = op->pr;
	if (sim_killed(op->pr))
		orc_stats.killed++;
	op->pr = NULL;
	op->next = zombies;
	zombies = op;
}

static void
thread_end(struct prog_thread *t)
{
	mtx_enter(&prog_mtx);
	if (!t->kernel) {
		t->op->dying = true;
		thread_left(t);
	}
	t->running = false;
	busy--;
	wakeup(&busy);
	mtx_leave(&prog_mtx);
}

static void
user_main(void *arg)
{
	thread_run(arg);
	thread_end(arg);
}

static void
kernel_main(void *arg)
{
	thread_run(arg);
	thread_end(arg);
	kthread_exit();
}

/* -- Starting ------------------------------------------------------------------------- */

/* => another process, at rest, or NULL */
static struct orc_proc *
any_proc(void)
{
	for (u_int i = 0; i < prog_cfg->procs; i++)
		if (procs[i] != NULL && !procs[i]->dying &&
		    !sim_killed(procs[i]->pr))
			return procs[i];
	return NULL;
}

/*
 * A new process: empty, or the child of another one, unless its wired pages
 * might have to be waited for: nobody ends while the conductor waits.
 */
static struct orc_proc *
start_space(void)
{
	struct orc_proc *op = orc_proc_new(), *parent = any_proc();
	u_int gens[ORC_SLICES];

	if (parent == NULL || sim_chance(2) ||
	    uvm_free_count() < PROG_MAXTHREADS * ORC_PAGES + TIGHT) {
		op->vm = uvmspace_alloc(
		    VM_MIN_ADDRESS, VM_MAXUSER_ADDRESS, TRUE, TRUE);
		return op;
	}
	for (int k = 0; k < ORC_SLICES; k++)
		gens[k] = parent->slice[k].gen;
	op->vm = uvmspace_fork_vm(parent->vm);
	orc_fork(op, parent, orc_now, gens);
	return op;
}

static void
start_thread(u_int index, struct orc_proc *op, int slice)
{
	struct prog_thread *t = &threads[index];

	memset(t, 0, sizeof(*t));
	t->index = index;
	t->running = true;
	t->kernel = op == NULL;
	t->round = round_number;
	t->op = op;
	t->slice = slice;
	busy++;
	if (op != NULL) {
		op->threads++;
		(void)sim_thread(op->pr, user_main, t);
	} else if (kthread_create(kernel_main, t, NULL, "simkthr") != 0)
		sim_fail("kthread_create");
}

/*
 * Is there memory for tables and stacks?  Nobody ends while the conductor waits
 * for some: the process comes at another barrier then.
 */
static bool
may_start(void)
{
	long free;

	sim_atomic_enter();
	free = uvm_free_count();
	sim_atomic_leave();
	return free >= STARTING;
}

/* => the number of the round is that of the threads that start now */
static void
start_missing(void)
{
	struct orc_proc *op;
	u_int i, k, n = (u_int)prog_cfg->threads;

	for (i = 0; i < prog_cfg->procs; i++) {
		if (procs[i] != NULL || !may_start())
			continue;
		op = start_space();
		op->pr = sim_process(op->vm);
		for (k = 0; k < n; k++)
			start_thread(i * n + k, op, (int)k);
		procs[i] = op;
	}
	for (i = 0; i < prog_cfg->kthreads; i++)
		if (!threads[prog_cfg->procs * n + i].running)
			start_thread((u_int)prog_cfg->procs * n + i, NULL, 0);
}

/* -- The conductor ------------------------------------------------------------------------ */

static bool
somebody_dies(void)
{
	for (u_int i = 0; i < prog_cfg->procs; i++)
		if (procs[i] != NULL && procs[i]->dying)
			return true;
	return false;
}

/* => everybody has arrived; what has ended is gone */
static void
wait_all(void)
{
	struct orc_proc *op;

	mtx_enter(&prog_mtx);
	while (busy > 0 || somebody_dies())
		(void)msleep(&busy, &prog_mtx, PVM, "simbusy", INFSLP);
	quiet = true;
	mtx_leave(&prog_mtx);
	prog_reserve(false);
	prog_children_reap();
	while (nzombies > 0)
		sim_process_wait(zombie_process[--nzombies]);
	while ((op = zombies) != NULL) {
		zombies = op->next;
		orc_proc_free(op);
	}
}

static void __printflike(1, 2) audit_report(const char *fmt, ...)
{
	char line[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	host_write(2, "audit: ", 7);
	host_write(2, line, strlen(line));
	host_write(2, "\n", 1);
}

/* => in *arg: violations; -1: something goes on, look again */
static void
audit_structures(void *arg)
{
	/* whoever stops the harts needs memory: the daemon may have begun */
	if (!uvm_swapio_idle() || !prog_file_rests()) {
		*(int *)arg = -1;
		return;
	}
	/* where memory was so short, the daemon has been woken */
	uvmexp_collect();
	audit_known.shortage = prog_cfg->fail != 0 || uvmexp.pdwoke != 0;
	sim_untouched_look();
	*(int *)arg = audit_all(audit_report);
}

static void
audit_at_rest(const char *when)
{
	int nbad;

	do {
		prog_swap_settle();
		if (sim_chance(DRAIN))
			thread_cache_drain();
		sim_at_rest(audit_structures, &nbad);
	} while (nbad < 0);
	if (nbad != 0)
		sim_fail("%d violations %s", nbad, when);
}

static void
audit(void)
{
	prog_swap_settle();
	for (u_int i = 0; i < prog_cfg->procs; i++)
		if (procs[i] != NULL)
			orc_audit(procs[i]);
	audit_at_rest("between operations");
	orc_stats.rounds++;
}

static void
begin_round(size_t begin, size_t end)
{
	u_int i;

	mtx_enter(&prog_mtx);
	round_begin = begin;
	round_end = end;
	round_number++;
	quiet = false;
	for (i = 0; i < NTHREADS; i++)
		busy += threads[i].running;
	wakeup(&round_number);
	mtx_leave(&prog_mtx);
}

/* But those of the lock checker, which the daemons get with their first lock. */
static void
count_items(struct pool *pp, void *arg)
{
	struct baseline *b = arg;
	long n = pool_inuse(pp);

	KASSERT(b->npools < NPOOLS);
	b->pool[b->npools++] = n;
	if (strcmp(pp->pr_name, "locklist") != 0)
		b->inuse += n;
}

static void
take_baseline(struct baseline *b)
{
	uvmexp_collect();
	b->inuse = b->npools = 0;
	pool_foreach(count_items, b);
	b->entries = uvm_map_entry_count();
	b->pv = pmap_pv_count();
	b->anon = uvmexp.anonpages;
	b->wired = uvmexp.wired;
}

static void
print_pool(struct pool *pp, void *arg)
{
	long *at = arg, n = pool_inuse(pp);

	if (base.pool[*at] != n)
		audit_report("pool %s: %ld items, %ld at the start",
		    pp->pr_name, n, base.pool[*at]);
	++*at;
}

/* Threads that have ended are freed by others, in their own time. */
static void
settle(struct baseline *b)
{
	static const char nothing;

	for (int tries = 0; tries < 50; tries++) {
		thread_cache_drain();
		(void)pool_drain_wait();
		take_baseline(b);
		if (b->inuse == base.inuse && b->entries == base.entries)
			break;
		(void)tsleep(&nothing, PVM, "simend", 1000000);
	}
}

static void
check_baseline(void)
{
	struct baseline b;
	long at = 0;

	settle(&b);
	if (b.inuse != base.inuse) {
		pool_foreach(print_pool, &at);
		sim_fail("%ld pool items at the end, %ld at the start", b.inuse,
		    base.inuse);
	}
	if (b.entries != base.entries)
		sim_fail("%ld map entries at the end, %ld at the start",
		    b.entries, base.entries);
	if (b.pv != base.pv)
		sim_fail(
		    "%ld mappings at the end, %ld at the start", b.pv, base.pv);
	if (b.anon != base.anon || b.wired != base.wired)
		sim_fail("%d anonymous, %d wired pages at the end, %d, %d at "
			 "the start",
		    b.anon, b.wired, base.anon, base.wired);
}

/* Everything the program has goes. */
static void
end_all(void)
{
	stopping = true;
	begin_round(0, 0);
	wait_all();
	prog_kernel_end();
	simobj_end();
	prog_file_end();
	prog_swap_end();
	check_baseline();
	audit_at_rest("at the end");
}

/* The index of the kernel object's pages grows, and does not shrink. */
static void
warm_up(void)
{
	vaddr_t va = vm_map_min(kernel_map) + WARM_SIZE;

	if (uvm_map(kernel_map, &va, PAGE_SIZE, kernel_object,
		UVM_UNKNOWN_OFFSET, 0,
		UVM_MAPFLAG(PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE,
		    MAP_INHERIT_NONE, MADV_RANDOM, 0)) != 0)
		sim_fail("no kernel address beyond %#lx", WARM_SIZE);
	sim_kstore(va, 0);
	uvm_km_free(kernel_map, va, PAGE_SIZE);
}

static void
conduct(void *arg)
{
	size_t begin, end;

	kta_init();
	audit_known.untouched = sim_untouched;
	warm_up();
	prog_swap_init();
	prog_file_init();
	take_baseline(&base);
	orc_init();
	simobj_init();
	prog_kernel_init();
	prog_swap_start();
	prog_file_start();
	for (begin = 0; begin < program->nops; begin = end + 1) {
		for (end = begin; end < program->nops &&
		     program->ops[end].kind != OP_barrier;)
			end++;
		start_missing();
		prog_reserve(true);
		begin_round(begin, end);
		wait_all();
		audit();
	}
	end_all();
	orc_stats.hash = sim_trace_hash();
	cut_check_all(); /* from here on e2fsck has a say */
	check_baseline();
	*result = orc_stats;
}

/* -- Failing --------------------------------------------------------------------------------- */

static void
print_now(void)
{
	const struct prog_op *o;
	char line[120];

	for (u_int i = 0; i < NTHREADS; i++) {
		o = threads[i].now;
		if (!threads[i].running || o == NULL)
			continue;
		snprintf(line, sizeof(line),
		    "t%u: operation %lu: %s(%u, %u, %#x, %#x)%s\n", i,
		    (u_long)(o - program->ops), prog_name(o->kind), o->arg[0],
		    o->arg[1], o->arg[2], o->arg[3],
		    threads[i].op != NULL && threads[i].op->pr != NULL &&
			    curproc->p_p == threads[i].op->pr
			? " (its process runs)"
			: "");
		host_write(2, line, strlen(line));
	}
}

/* -- From main.c ----------------------------------------------------------------------------- */

static struct sim_config
machine(const struct prog_config *c, bool verbose)
{
	return (struct sim_config){ .seed = c->seed,
		.harts = (u_int)c->harts,
		.npages = (u_int)c->npages,
		.asid_bits = (u_int)c->asid_bits,
		.ad = (enum sim_ad)c->ad,
		.preempt = (u_int)c->preempt,
		.fail = (u_int)c->fail,
		.speculate = (u_int)c->speculate,
		.stall = (u_int)c->stall,
		.verbose = verbose };
}

static void
ktest_begin(void *arg)
{
	ktest_main(arg);
}

void
prog_ktest(const struct prog_config *c, const char *which)
{
	struct sim_config cfg = machine(c, true);

	sim_boot(&cfg, ktest_begin, (void *)(uintptr_t)which);
}

void
prog_run(const struct prog *prog, bool verbose, struct prog_stats *stats)
{
	struct sim_config cfg = machine(&prog->cfg, verbose);

	program = prog;
	prog_cfg = &prog->cfg;
	sim_fail_hook = print_now;
	result = stats;
	sim_boot(&cfg, conduct, NULL);
}
