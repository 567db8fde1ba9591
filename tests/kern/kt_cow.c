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

/* -- Against a model ------------------------------------------------------------------ */

#define NSPACE 6
#define NPAGE  40

/*
 * What one space sees at each page: a number that stands for a physical page;
 * 0: mapped, not touched; -1: not mapped.  Values are written as that number.
 */
static int seen[NSPACE][NPAGE];
static struct vmspace *space[NSPACE];
static int next_id;

static int
live_pages(void)
{
	int s, i, s2, n = 0;

	/* Count each number once: at the first place that has it. */
	for (s = 0; s < NSPACE; s++)
		for (i = 0; i < NPAGE; i++) {
			if (space[s] == NULL || seen[s][i] <= 0)
				continue;
			for (s2 = 0; s2 < s; s2++)
				if (space[s2] != NULL &&
				    seen[s2][i] == seen[s][i])
					break;
			n += s2 == s;
		}
	return n;
}

static void
model_unmap(int s, int from, int to)
{
	int i;

	uvm_unmap(&space[s]->vm_map, KTF_VA(from), KTF_VA(to));
	for (i = from; i < to; i++)
		seen[s][i] = -1;
}

static void
model_fork(int from, int to)
{
	space[to] = uvmspace_fork_vm(space[from]);
	memcpy(seen[to], seen[from], sizeof(seen[to]));
}

/* Does nobody else see the page? */
static bool
model_own(int s, int i)
{
	int s2;

	for (s2 = 0; s2 < NSPACE; s2++)
		if (s2 != s && space[s2] != NULL && seen[s2][i] == seen[s][i])
			return false;
	return true;
}

static void
model_write(int s, int i)
{
	struct uvmexp before;
	bool own = seen[s][i] > 0 && model_own(s, i);

	KT_SNAP(&before);
	ktf_write(space[s], i, (uint64_t)++next_id);
	/* A copy if and only if somebody else sees the page. */
	KT_EQ(KT_DELTA(&before, anonpages), own ? 0 : 1);
	seen[s][i] = next_id;
}

static void
model_read(int s, int i)
{
	uint64_t v = ktf_read(space[s], i);

	if (seen[s][i] == 0) {
		KT_EQ(v, 0);
		/* It has a page of zeros now, known to this space alone. */
		ktf_write(space[s], i, (uint64_t)++next_id);
		seen[s][i] = next_id;
	} else
		KT_EQ(v, seen[s][i]);
}

static void
model_remap(int s, int from, int to)
{
	vaddr_t va = KTF_VA(from);
	int i;

	model_unmap(s, from, to);
	KT_EQ(uvm_map(&space[s]->vm_map, &va, ptoa(to - from), NULL,
		  UVM_UNKNOWN_OFFSET, 0,
		  UVM_MAPFLAG(UVM_PROT_RW, UVM_PROT_RWX, UVM_INH_COPY,
		      MADV_RANDOM, UVM_FLAG_FIXED | UVM_FLAG_COPYONW)),
	    0);
	for (i = from; i < to; i++)
		seen[s][i] = 0;
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
model_step(void)
{
	int s = kt_random() % NSPACE, t = kt_random() % NSPACE;
	int from = kt_random() % NPAGE, i;
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
		if (s != 0) {
			uvmspace_free(space[s]);
			space[s] = NULL;
		}
		break;
	case 3:
		model_unmap(s, from, MIN(to, from + 6));
		break;
	case 4:
		model_remap(s, from, MIN(to, from + 10));
		break;
	case 5:
		model_protect(s, from, to);
		break;
	case 6:
	case 7:
	case 8:
		for (i = from; i < to; i++)
			if (seen[s][i] >= 0)
				model_write(s, i);
		break;
	default:
		if (seen[s][from] >= 0) {
			if (kt_random() % 2)
				model_write(s, from);
			else
				model_read(s, from);
		}
	}
}

/*
 * Forks, writes, and unmaps of parts: pages in use are exactly those that some
 * space can see; when the last one lets go of it a page is freed at once.
 */
KTEST(cow_model)
{
	struct uvmexp s;
	int step, i;

	KT_SNAP(&s);
	memset(space, 0, sizeof(space));
	next_id = 0;
	space[0] = ktf_space();
	ktf_map_anon(space[0], NPAGE, MADV_RANDOM);
	memset(seen[0], 0, sizeof(seen[0]));
	for (step = 0; step < 4000; step++) {
		model_step();
		KT_EQ(KT_DELTA(&s, anonpages), live_pages());
		KT_EQ(KT_DELTA(&s, nfreeanon), -live_pages());
		if (KT_DELTA(&s, anonpages) != live_pages()) {
			kt_fail(__FILE__, __LINE__, "at step %d", step);
			break;
		}
	}
	for (i = 0; i < NSPACE; i++)
		if (space[i] != NULL)
			uvmspace_free(space[i]);
	KT_EQ(KT_DELTA(&s, anonpages), 0);
	KT_EQ(KT_DELTA(&s, nfreeanon), 0);
}
