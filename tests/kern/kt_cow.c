/*
 * T-cow: copy-on-write with reference-counted anons, checked by hand and
 * against a model that knows which page each space sees (UVM-API.md 7.3).
 */
#include "kt_fault.h"

/* T-cow-1 */
KTEST(cow_1)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvmexp s, t;
	int i;

	KT_SNAP(&s);
	ktf_map_anon(vm, 4, MADV_RANDOM);
	for (i = 0; i < 4; i++)
		ktf_write(vm, i, i);
	child = uvmspace_fork_vm(vm);
	KT_EQ(KT_DELTA(&s, anonpages), 4);
	KT_SNAP(&t);
	ktf_write(vm, 0, 100);
	KT_EQ(KT_DELTA(&t, flt_acow), 1);
	KT_EQ(KT_DELTA(&t, anonpages), 1);
	uvmspace_free(child);
	KT_SNAP(&t);
	ktf_write(vm, 1, 101);
	KT_EQ(KT_DELTA(&t, flt_acow), 0);
	KT_EQ(KT_DELTA(&t, flt_anon), 1);
	KT_EQ(KT_DELTA(&s, anonpages), 4);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
}

/* T-cow-2: no chain grows over 100 generations. */
KTEST(cow_2)
{
	struct vmspace *vm = ktf_space(), *child;
	struct uvmexp s;
	int gen, i;

	KT_SNAP(&s);
	ktf_map_anon(vm, 8, MADV_RANDOM);
	for (i = 0; i < 8; i++)
		ktf_write(vm, i, 1000 + i);
	for (gen = 0; gen < 100; gen++) {
		child = uvmspace_fork_vm(vm);
		ktf_write(child, gen % 8, gen);
		KT_EQ(KT_DELTA(&s, anonpages), 9);
		uvmspace_free(vm);
		vm = child;
		KT_EQ(KT_DELTA(&s, anonpages), 8);
	}
	for (i = 0; i < 8; i++)
		KT_EQ(ktf_read(vm, i), 96 + i - (i >= 4 ? 8 : 0));
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
}

static volatile uint32_t looked; /* [a] enough */

/* Reads the first word, as /proc/PID/cmdline and process_vm_readv() do. */
static void
look(void *arg)
{
	struct vmspace *vm = arg;
	uint64_t word;

	while (!atomic_load_acq(&looked))
		KT_EQ(ktf_word_io(vm, KTF_VA(0), &word, UIO_READ), 0);
}

/* While another looks its memory is shared, at one moment and not at the next. */
KTEST(cow_while_another_looks)
{
	struct vmspace *vm = ktf_space(), *child;
	struct kt_thread *t;

	ktf_map_anon(vm, 2, MADV_RANDOM);
	ktf_write(vm, 0, 1);
	atomic_store(&looked, 0);
	t = kt_spawn(look, vm, 1UL << (ncpus - 1));
	for (int i = 0; i < 200; i++) {
		ktf_write(vm, 0, i);
		child = uvmspace_fork_vm(vm);
		ktf_write(vm, 0, i + 1);
		KT_EQ(ktf_read(child, 0), i);
		uvmspace_free(child);
	}
	atomic_store_rel(&looked, 1);
	kt_join(t);
	uvmspace_free(vm);
}

/* 6.2: forks without writes allocate no pages but tables. */
KTEST(cow_fork_only)
{
	struct vmspace *vm = ktf_space(), *child[16];
	struct uvmexp s;
	int i;

	ktf_map_anon(vm, 100, MADV_RANDOM);
	for (i = 0; i < 100; i++)
		ktf_write(vm, i, i);
	KT_SNAP(&s);
	for (i = 0; i < 16; i++)
		child[i] = uvmspace_fork_vm(vm);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
	for (i = 0; i < 16; i++)
		uvmspace_free(child[i]);
	uvmspace_free(vm);
	KT_EQ(KT_DELTA(&s, anonpages), -100);
	KT_EQ(KT_DELTA(&s, nfreeanon), 100);
}

/* T-cow-4: a private object mapping: reads take no anon, a write one. */
KTEST(cow_4)
{
	struct uvm_object *uobj = uao_create(ptoa(4), 0);
	struct vmspace *a = ktf_space(), *b = ktf_space();
	struct uvmexp s;

	uao_reference(uobj);
	ktf_map_obj(a, KTF_BASE, uobj, 4, true, MADV_RANDOM);
	ktf_map_obj(b, KTF_BASE, uobj, 4, true, MADV_RANDOM);
	KT_SNAP(&s);
	(void)ktf_read(a, 0);
	(void)ktf_read(b, 0);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
	ktf_write(a, 0, 1);
	KT_EQ(KT_DELTA(&s, nfreeanon), -1);
	KT_EQ(ktf_read(b, 0), 0);
	uvmspace_free(a);
	uvmspace_free(b);
}

/* -- Against a model ------------------------------------------------------- */

#define NSPACE 6
#define NPAGE  40
#define NCELL  (NSPACE * NPAGE)

/*
 * A page of a space refers to a cell; spaces that share memory refer to the
 * same one.  A cell holds a number that stands for a physical page, and is
 * written into it; 0: never touched.  Cells of relatives may hold the same
 * number: that is copy-on-write.
 */
static struct {
	int refs; /* spaces that refer to it */
	int id; /* number */
} cell[NCELL];
static int seen[NSPACE][NPAGE]; /* cell; -1: not mapped */
static bool shares[NSPACE][NPAGE]; /* inheritance: share, else copy */
static struct vmspace *space[NSPACE];
static int next_id;

static int
cell_new(int id)
{
	int c;

	for (c = 0; cell[c].refs != 0; c++)
		continue;
	cell[c].refs = 1;
	cell[c].id = id;
	return c;
}

static int
live_pages(void)
{
	int c, d, n = 0;

	for (c = 0; c < NCELL; c++) {
		if (cell[c].refs == 0 || cell[c].id == 0)
			continue;
		/* Count each number once: at the first cell that has it. */
		for (d = 0; d < c; d++)
			if (cell[d].refs != 0 && cell[d].id == cell[c].id)
				break;
		n += d == c;
	}
	return n;
}

/* => does no other cell have the number? */
static bool
cell_is_own(int c)
{
	int d;

	for (d = 0; d < NCELL; d++)
		if (d != c && cell[d].refs != 0 && cell[d].id == cell[c].id)
			return false;
	return true;
}

static void
model_drop(int s, int from, int to)
{
	int i;

	for (i = from; i < to; i++) {
		if (seen[s][i] >= 0)
			cell[seen[s][i]].refs--;
		seen[s][i] = -1;
	}
}

static void
model_unmap(int s, int from, int to)
{
	uvm_unmap(&space[s]->vm_map, KTF_VA(from), KTF_VA(to));
	model_drop(s, from, to);
}

static void
model_free(int s)
{
	uvmspace_free(space[s]);
	space[s] = NULL;
	model_drop(s, 0, NPAGE);
}

static void
model_fork(int from, int to)
{
	int i, c;

	space[to] = uvmspace_fork_vm(space[from]);
	for (i = 0; i < NPAGE; i++) {
		shares[to][i] = shares[from][i];
		c = seen[from][i];
		if (c >= 0 && shares[from][i])
			cell[c].refs++;
		else if (c >= 0)
			c = cell_new(cell[c].id);
		seen[to][i] = c;
	}
}

static void
model_write(int s, int i)
{
	int c = seen[s][i];
	bool own = cell[c].id != 0 && cell_is_own(c);
	struct uvmexp before;

	KT_SNAP(&before);
	ktf_write(space[s], i, (uint64_t)++next_id);
	/* A copy if and only if somebody else has the page. */
	KT_EQ(KT_DELTA(&before, anonpages), own ? 0 : 1);
	cell[c].id = next_id;
}

static void
model_read(int s, int i)
{
	int c = seen[s][i];
	uint64_t v = ktf_read(space[s], i);

	KT_EQ(v, cell[c].id);
	if (cell[c].id == 0) {
		/* It has a page of zeros now; name it. */
		ktf_write(space[s], i, (uint64_t)++next_id);
		cell[c].id = next_id;
	}
}

static void
model_map(int s, int from, int to)
{
	vaddr_t va = KTF_VA(from);
	int i;

	model_unmap(s, from, to);
	KT_EQ(uvm_map(&space[s]->vm_map, &va, ptoa(to - from), NULL,
		  UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX, UVM_INH_COPY,
		      MADV_RANDOM, UVM_FLAG_FIXED | UVM_FLAG_COPYONW)),
	    0);
	for (i = from; i < to; i++) {
		seen[s][i] = cell_new(0);
		shares[s][i] = false;
	}
}

static void
model_inherit(int s, int from, int to, bool share)
{
	int i;

	KT_EQ(uvm_map_inherit(&space[s]->vm_map, KTF_VA(from), KTF_VA(to),
		  share ? MAP_INHERIT_SHARE : MAP_INHERIT_COPY),
	    0);
	for (i = from; i < to; i++)
		if (seen[s][i] >= 0)
			shares[s][i] = share;
}

static void
model_protect(int s, int from, int to)
{
	KT_EQ(uvm_map_protect(&space[s]->vm_map, KTF_VA(from), KTF_VA(to),
		  PROT_READ, FALSE),
	    0);
	KT_EQ(uvm_map_protect(&space[s]->vm_map, KTF_VA(from), KTF_VA(to),
		  PROT_READ | PROT_WRITE, FALSE),
	    0);
}

static void
model_touch(int s, int from, int to)
{
	int i;

	for (i = from; i < to; i++) {
		if (seen[s][i] < 0)
			KT_EQ(ktf_fault(space[s], i, PROT_READ), EFAULT);
		else if (kt_random() % 2)
			model_write(s, i);
		else
			model_read(s, i);
	}
}

static void
model_step(bool sharing)
{
	int s = kt_random() % NSPACE, t = kt_random() % NSPACE;
	int from = kt_random() % NPAGE;
	int to = from + 1 + kt_random() % (NPAGE - from);

	if (space[s] == NULL)
		return;
	switch (kt_random() % 16) {
	case 0:
	case 1:
		if (space[t] == NULL)
			model_fork(s, t);
		break;
	case 2:
		if (s != 0)
			model_free(s);
		break;
	case 3:
		model_unmap(s, from, MIN(to, from + 6));
		break;
	case 4:
		model_map(s, from, MIN(to, from + 10));
		break;
	case 5:
		model_protect(s, from, to);
		break;
	case 6:
		if (sharing)
			model_inherit(s, from, to, kt_random() % 2);
		break;
	case 7:
	case 8:
		model_touch(s, from, to);
		break;
	default:
		model_touch(s, from, from + 1);
	}
}

/*
 * Forks, writes, and unmaps of parts: pages in use are exactly those that some
 * space can see; when the last one lets go of it a page is freed at once.
 */
static void
model_run(int steps, bool sharing)
{
	struct uvmexp s;
	int step, i;

	KT_SNAP(&s);
	memset(space, 0, sizeof(space));
	memset(cell, 0, sizeof(cell));
	memset(seen, 0xff, sizeof(seen));
	next_id = 0;
	space[0] = ktf_space();
	model_map(0, 0, NPAGE);
	for (step = 0; step < steps; step++) {
		model_step(sharing);
		KT_EQ(KT_DELTA(&s, nfreeanon), -live_pages());
		if (KT_DELTA(&s, anonpages) != live_pages()) {
			kt_fail(__FILE__, __LINE__,
			    "at step %d: %d pages, expected %d", step,
			    KT_DELTA(&s, anonpages), live_pages());
			break;
		}
	}
	for (i = 0; i < NSPACE; i++)
		if (space[i] != NULL)
			model_free(i);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
}

KTEST(cow_model)
{
	model_run(3000, false);
}

/* The same with memory that relatives share. */
KTEST(cow_model_share)
{
	model_run(3000, true);
}
