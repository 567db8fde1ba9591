/*
 * Random operations on several address spaces and pages against a naive model,
 * on one hart after the other and on all harts at once.
 */
#include "conform.h"

enum { NPM = 4, GROUP = 8, NGROUP = 3, NSLOT = GROUP * NGROUP };

/* Where groups of neighbouring slots begin: two of them lie across an edge. */
static const vaddr_t group_va[NGROUP] = { UVA, 9 * MB2 - ptoa(3),
	4 * GB1 - ptoa(5) };

struct slot {
	int page; /* -1: nothing mapped */
	vm_prot_t prot;
	bool wired;
};

/* [the thread that runs the test] */
struct model {
	uint64_t seed;
	bool alone; /* nobody else: counts of the system are exact */
	long pv; /* managed mappings of others, if alone */
	struct pmap *pm[NPM];
	struct slot slot[NPM][NSLOT];
	struct vm_page *pg[CONF_NPG];
	uint64_t word[CONF_NPG]; /* first word of the page */
	bool mod[CONF_NPG], ref[CONF_NPG];
	int in; /* pmap the thread is in, -1: none */
	struct conf_user cu;
};

/* What one operation works on. */
struct choice {
	int p; /* pmap */
	int first, n; /* slots, of one group */
	int page;
	vm_prot_t prot; /* not NONE */
	uint64_t r; /* more chance */
};

static vaddr_t
slot_va(int s)
{
	return group_va[s / GROUP] + ptoa(s % GROUP);
}

static vm_prot_t
granted(vm_prot_t prot)
{
	return (prot & PROT_WRITE) ? prot | PROT_READ : prot;
}

static void
forget(struct slot *s)
{
	s->page = -1;
	s->wired = false;
}

/* What an access means for the attributes. */
static void
accessed(struct model *m, int page, vm_prot_t access)
{
	if (access != PROT_NONE)
		m->ref[page] = true;
	if (access & PROT_WRITE)
		m->mod[page] = true;
}

/* -- Operations --------------------------------------------------------------------- */

static void
op_enter(struct model *m, const struct choice *c)
{
	struct slot *s = &m->slot[c->p][c->first];
	vm_prot_t access = c->r & granted(c->prot);
	bool wired = (c->r >> 8 & 3) == 0;

	KT_EQ(pmap_enter(m->pm[c->p], slot_va(c->first),
		  VM_PAGE_TO_PHYS(m->pg[c->page]), c->prot,
		  access | (wired ? PMAP_WIRED : 0)),
	    0);
	*s = (struct slot){
		.page = c->page, .prot = granted(c->prot), .wired = wired
	};
	accessed(m, c->page, access);
}

static void
op_enter_neighbours(struct model *m, const struct choice *c)
{
	struct vm_page *run[GROUP] = { NULL };
	unsigned want = 0;

	for (int i = 0; i < c->n; i++) {
		struct slot *s = &m->slot[c->p][c->first + i];
		int page = (int)(c->r >> (3 * i)) & 7;

		if (s->page >= 0 || (c->r >> 32 >> i & 1))
			continue;
		*s = (struct slot){ .page = page, .prot = granted(c->prot) };
		run[i] = m->pg[page];
		want++;
	}
	KT_EQ(pmap_enter_neighbours(
		  m->pm[c->p], slot_va(c->first), run, c->n, c->prot),
	    want);
}

static void
op_remove(struct model *m, const struct choice *c)
{
	pmap_remove(
	    m->pm[c->p], slot_va(c->first), slot_va(c->first) + ptoa(c->n));
	for (int i = 0; i < c->n; i++)
		forget(&m->slot[c->p][c->first + i]);
}

static void
op_remove_much(struct model *m, const struct choice *c)
{
	vaddr_t sva = c->r & 1 ? 0 : MB2, eva = c->r & 2 ? 4 * GB1 : 200 * GB1;

	if ((c->r & 0x1c) != 0)
		return; /* rarely */
	pmap_remove(m->pm[c->p], sva, eva);
	for (int s = 0; s < NSLOT; s++)
		if (slot_va(s) >= sva && slot_va(s) < eva)
			forget(&m->slot[c->p][s]);
}

/* To slots of another group, from which everything is removed first. */
static void
op_move(struct model *m, const struct choice *c)
{
	int group = (c->first / GROUP + 1 + (int)(c->r & 1)) % NGROUP;
	int to = group * GROUP + (int)(c->r >> 1 & 0xff) % (GROUP - c->n + 1);

	pmap_remove(m->pm[c->p], slot_va(to), slot_va(to) + ptoa(c->n));
	KT_EQ(
	    pmap_move(m->pm[c->p], slot_va(c->first), slot_va(to), ptoa(c->n)),
	    0);
	for (int i = 0; i < c->n; i++) {
		m->slot[c->p][to + i] = m->slot[c->p][c->first + i];
		forget(&m->slot[c->p][c->first + i]);
	}
}

static void
reduce(struct slot *s, vm_prot_t prot)
{
	if (s->page < 0)
		return;
	s->prot &= prot;
	if (!(s->prot & PROT_READ))
		s->prot &= ~PROT_WRITE;
	if (s->prot == PROT_NONE)
		forget(s);
}

static void
op_protect(struct model *m, const struct choice *c)
{
	vm_prot_t prot = c->r & PROT_MASK;

	pmap_protect(m->pm[c->p], slot_va(c->first),
	    slot_va(c->first) + ptoa(c->n), prot);
	for (int i = 0; i < c->n; i++)
		reduce(&m->slot[c->p][c->first + i], prot);
}

static void
op_raise(struct model *m, const struct choice *c)
{
	pmap_raise(
	    m->pm[c->p], slot_va(c->first), slot_va(c->first) + ptoa(c->n));
	for (int i = 0; i < c->n; i++)
		if (m->slot[c->p][c->first + i].page >= 0)
			m->slot[c->p][c->first + i].prot |= RW;
}

static void
op_page_protect(struct model *m, const struct choice *c)
{
	static const vm_prot_t to[] = { PROT_NONE, PROT_READ, RX, RW };
	static const vm_prot_t left[] = { PROT_NONE, RX, RX, RWX };
	int k = (int)(c->r & 3);

	pmap_page_protect(m->pg[c->page], to[k]);
	for (int p = 0; p < NPM; p++)
		for (int s = 0; s < NSLOT; s++)
			if (m->slot[p][s].page == c->page)
				reduce(&m->slot[p][s], left[k]);
}

static void
op_unwire(struct model *m, const struct choice *c)
{
	pmap_unwire(m->pm[c->p], slot_va(c->first));
	m->slot[c->p][c->first].wired = false;
}

static void
op_clear_modify(struct model *m, const struct choice *c)
{
	KT_EQ(pmap_clear_modify(m->pg[c->page]), m->mod[c->page]);
	m->mod[c->page] = false;
}

static void
op_clear_reference(struct model *m, const struct choice *c)
{
	bool was = pmap_clear_reference(m->pg[c->page]);

	KT_CHECK(was || !m->ref[c->page]);
	KT_CHECK(was == m->ref[c->page] || !conf_exact_reference());
	m->ref[c->page] = false;
}

/* This and the next two: of all pages from one on. */
static void
op_pages_protect(struct model *m, const struct choice *c)
{
	pmap_pages_protect(&m->pg[c->page], (unsigned)(CONF_NPG - c->page));
	for (int p = 0; p < NPM; p++)
		for (int s = 0; s < NSLOT; s++)
			if (m->slot[p][s].page >= c->page)
				reduce(&m->slot[p][s], RX);
}

static void
op_clear_modifies(struct model *m, const struct choice *c)
{
	pmap_pages_clear_modify(
	    &m->pg[c->page], (unsigned)(CONF_NPG - c->page));
	for (int i = c->page; i < CONF_NPG; i++)
		m->mod[i] = false;
}

static void
op_clear_references(struct model *m, const struct choice *c)
{
	pmap_pages_clear_reference(
	    &m->pg[c->page], (unsigned)(CONF_NPG - c->page));
	for (int i = c->page; i < CONF_NPG; i++)
		m->ref[i] = false;
}

static void
op_load(struct model *m, const struct choice *c)
{
	const struct slot *s = &m->slot[c->p][c->first];
	uint64_t v = 0;
	bool may = s->page >= 0 && (s->prot & PROT_READ);

	KT_EQ(conf_load(m->pm[c->p], slot_va(c->first), &v), may ? 0 : EFAULT);
	if (may) {
		KT_EQ(v, m->word[s->page]);
		accessed(m, s->page, PROT_READ);
	}
}

static void
op_store(struct model *m, const struct choice *c)
{
	const struct slot *s = &m->slot[c->p][c->first];
	bool may = s->page >= 0 && (s->prot & PROT_WRITE);

	KT_EQ(
	    conf_store(m->pm[c->p], slot_va(c->first), c->r), may ? 0 : EFAULT);
	if (may) {
		m->word[s->page] = c->r;
		accessed(m, s->page, PROT_WRITE);
	}
}

static void
op_collect(struct model *m, const struct choice *c)
{
	pmap_collect(m->pm[c->p]);
	for (int s = 0; s < NSLOT; s++)
		if (!m->slot[c->p][s].wired &&
		    !pmap_extract(m->pm[c->p], slot_va(s), NULL))
			forget(&m->slot[c->p][s]);
}

static void
leave(struct model *m)
{
	if (m->in >= 0)
		conf_unuse(&m->cu);
	m->in = -1;
}

static void
op_switch(struct model *m, const struct choice *c)
{
	leave(m);
	if (m->alone)
		kt_pin((u_int)(c->r % ncpus));
	if (c->r >> 8 & 3) {
		m->in = c->p;
		conf_use(&m->cu, m->pm[c->p]);
	}
}

static void
op_new_pmap(struct model *m, const struct choice *c)
{
	if ((c->r & 7) != 0)
		return; /* rarely */
	if (m->in == c->p)
		leave(m);
	conf_destroy(m->pm[c->p]);
	m->pm[c->p] = pmap_create();
	for (int s = 0; s < NSLOT; s++)
		forget(&m->slot[c->p][s]);
}

/* The page is freed; another, maybe the same, takes its place. */
static void
op_new_page(struct model *m, const struct choice *c)
{
	if ((c->r & 3) != 0)
		return; /* rarely */
	conf_free_page(m->pg[c->page]);
	for (int p = 0; p < NPM; p++)
		for (int s = 0; s < NSLOT; s++)
			if (m->slot[p][s].page == c->page)
				forget(&m->slot[p][s]);
	m->pg[c->page] = conf_page();
	m->word[c->page] = 0;
	m->mod[c->page] = m->ref[c->page] = false;
}

static void (*const ops[])(struct model *, const struct choice *) = { op_enter,
	op_enter, op_enter, op_enter_neighbours, op_remove, op_move,
	op_remove_much, op_protect, op_raise, op_page_protect, op_pages_protect,
	op_unwire, op_clear_modifies, op_clear_modify, op_clear_reference,
	op_clear_references, op_load, op_load, op_store, op_store, op_store,
	op_collect, op_switch, op_switch, op_new_pmap, op_new_page };

/* -- Checking -------------------------------------------------------------------------- */

static void
check_pmap(struct model *m, int p)
{
	long resident = 0, wired = 0;
	vm_prot_t prot;

	for (int i = 0; i < NSLOT; i++) {
		const struct slot *s = &m->slot[p][i];

		if (s->page < 0) {
			KT_CHECK(!pmap_extract(m->pm[p], slot_va(i), NULL));
			continue;
		}
		resident++;
		wired += s->wired;
		KT_CHECK(conf_maps(m->pm[p], slot_va(i), m->pg[s->page]));
		KT_CHECK(pmap_probe(m->pm[p], slot_va(i), &prot));
		KT_EQ(prot, s->prot);
	}
	KT_EQ(pmap_resident_count(m->pm[p]), resident);
	KT_EQ(pmap_wired_count(m->pm[p]), wired);
	if (m->alone)
		m->pv += resident;
}

static void
check_all(struct model *m, long others)
{
	m->pv = others;
	for (int p = 0; p < NPM; p++)
		check_pmap(m, p);
	if (m->alone)
		KT_EQ(pmap_pv_count(), m->pv);
	for (int i = 0; i < CONF_NPG; i++) {
		KT_EQ(pmap_is_modified(m->pg[i]), m->mod[i]);
		KT_CHECK(conf_referenced_is(m->pg[i], m->ref[i]));
		KT_EQ(conf_get(m->pg[i], 0), m->word[i]);
	}
}

static void
choose(struct model *m, struct choice *c)
{
	uint64_t r = kt_random_r(&m->seed);

	c->p = m->in >= 0 && (r & 1) ? m->in : (int)(r >> 1 & (NPM - 1));
	c->first = (int)(r >> 8 & 0xff) % NSLOT;
	c->n = 1 + (int)(r >> 16 & 0xff) % (GROUP - c->first % GROUP);
	c->page = (int)(r >> 24 & (CONF_NPG - 1));
	c->prot = 1 + (vm_prot_t)(r >> 32 & 0xff) % PROT_MASK;
	c->r = kt_random_r(&m->seed);
}

static void
run_model(struct model *m, int steps)
{
	const long others = pmap_pv_count();
	struct choice c;

	for (int p = 0; p < NPM; p++) {
		m->pm[p] = pmap_create();
		for (int s = 0; s < NSLOT; s++)
			forget(&m->slot[p][s]);
	}
	for (int i = 0; i < CONF_NPG; i++)
		m->pg[i] = conf_page();
	m->in = -1;
	for (int step = 0; step < steps; step++) {
		choose(m, &c);
		ops[kt_random_r(&m->seed) % nitems(ops)](m, &c);
		choose(m, &c);
		op_load(m, &c);
		if (step % 16 == 0)
			check_all(m, others);
	}
	leave(m);
	check_all(m, others);
	for (int i = 0; i < CONF_NPG; i++)
		conf_free_page(m->pg[i]);
	for (int p = 0; p < NPM; p++)
		conf_destroy(m->pm[p]);
}

KTEST(conform_random_against_model)
{
	static struct model m;

	memset(&m, 0, sizeof(m));
	m.seed = kt_random();
	m.alone = true;
	run_model(&m, 6000);
	kt_unpin();
}

static void
one_of_many(void *arg)
{
	struct model *m = kmem_zalloc(sizeof(*m), PR_WAITOK);

	m->seed = kt_seed() * 31 + *(const uint64_t *)arg;
	run_model(m, CONF_MUCH(2000));
	kmem_free(m, sizeof(*m));
}

/* More threads than harts, so that they take turns and move. */
KTEST(conform_random_on_all_harts)
{
	const int n = MIN(2 * (int)ncpus, 12);
	uint64_t who[12];

	for (int i = 0; i < n; i++)
		who[i] = (uint64_t)i;
	kt_parallel(n, one_of_many, who, sizeof(who[0]));
}
