/*
 * Page trees against a plain array, with memory that fails: uvm/uvm_pagetree.c.
 */
#include <sys/param.h>
#include <sys/errno.h>
#include <uvm/uvm_pagetree.h>

#include "test.h"

void *calloc(size_t n, size_t size);
void free(void *p);

#define NITEM 700

static struct {
	uint64_t index;
	bool in;
} model[NITEM];
static char items[NITEM]; /* what is stored: addresses of these */
static size_t nmodel;
static long nodes; /* allocated */
static long fail_at; /* this allocation fails; 0: none */

struct uvm_ptnode *
uvm_ptnode_get(void)
{
	if (fail_at != 0 && --fail_at == 0)
		return NULL;
	nodes++;
	return calloc(1, sizeof(struct uvm_ptnode));
}

void
uvm_ptnode_put(struct uvm_ptnode *n)
{
	CHECK_EQ(n->pn_count, 0);
	for (int i = 0; i < UVM_PTREE_FAN; i++)
		CHECK(n->pn_slot[i] == NULL);
	nodes--;
	free(n);
}

/* => not in the model yet */
static bool
is_new(uint64_t index)
{
	for (size_t k = 0; k < nmodel; k++)
		if (model[k].index == index)
			return false;
	return true;
}

/* Different indices, close together and far apart, the extremes among them. */
static void
fill_model(void)
{
	uint64_t i;

	model[0].index = 0;
	model[1].index = UINT64_MAX;
	for (nmodel = 2; nmodel < NITEM; nmodel++) {
		do {
			i = test_below(3) == 0 ? test_rnd() >> test_below(64)
					       : test_below(NITEM);
		} while (!is_new(i));
		model[nmodel].index = i;
	}
}

static void
check_all(const struct uvm_pagetree *t)
{
	for (size_t k = 0; k < nmodel; k++)
		CHECK(uvm_pagetree_lookup(t, model[k].index) ==
		    (model[k].in ? &items[k] : NULL));
}

/* A run says what each lookup says. */
static void
check_run(const struct uvm_pagetree *t, uint64_t from)
{
	void *run[200];
	u_int n = 1 + (u_int)test_below(200);

	if (from > UINT64_MAX - n)
		from = UINT64_MAX - (n - 1);
	uvm_pagetree_lookup_run(t, from, run, n);
	for (u_int i = 0; i < n; i++)
		CHECK(run[i] == uvm_pagetree_lookup(t, from + i));
}

/* => the model's first item at an index >= at, or NULL */
static void *
model_next(uint64_t *at)
{
	size_t best = NITEM;

	for (size_t k = 0; k < nmodel; k++)
		if (model[k].in && model[k].index >= *at &&
		    (best == NITEM || model[k].index < model[best].index))
			best = k;
	if (best == NITEM)
		return NULL;
	*at = model[best].index;
	return &items[best];
}

static void
check_next(const struct uvm_pagetree *t, uint64_t from)
{
	uint64_t a = from, b = from;
	void *want = model_next(&b);

	CHECK(uvm_pagetree_next(t, &a) == want);
	if (want != NULL)
		CHECK_EQ(a, b);
}

static void
toggle(struct uvm_pagetree *t, size_t k)
{
	if (model[k].in) {
		CHECK(uvm_pagetree_remove(t, model[k].index) == &items[k]);
	} else {
		CHECK(uvm_pagetree_remove(t, model[k].index) == NULL);
		CHECK_EQ(uvm_pagetree_insert(t, model[k].index, &items[k]), 0);
	}
	model[k].in = !model[k].in;
}

static void
empty(struct uvm_pagetree *t)
{
	for (size_t k = 0; k < nmodel; k++)
		if (model[k].in)
			toggle(t, k);
	CHECK(t->pt_root == NULL);
	CHECK_EQ(nodes, 0);
}

TEST(pagetree_random)
{
	struct uvm_pagetree t = UVM_PAGETREE_INITIALIZER;

	fill_model();
	for (int step = 0; step < 4000; step++) {
		toggle(&t, test_below(nmodel));
		check_next(
		    &t, model[test_below(nmodel)].index + test_below(3) - 1);
		check_next(&t, test_rnd() >> test_below(64));
		check_run(&t, model[test_below(nmodel)].index);
		if (step % 100 == 0)
			check_all(&t);
	}
	check_all(&t);
	empty(&t);
}

/* A failed insertion changes nothing and loses nothing, at every allocation. */
TEST(pagetree_no_memory)
{
	struct uvm_pagetree t = UVM_PAGETREE_INITIALIZER;
	long had;

	fill_model();
	for (size_t k = 0; k < 200; k++) {
		had = nodes;
		for (long n = 1;; n++) {
			fail_at = n;
			if (uvm_pagetree_insert(
				&t, model[k].index, &items[k]) == 0)
				break;
			CHECK_EQ(fail_at, 0);
			CHECK_EQ(nodes, had);
			check_next(&t, 0);
		}
		fail_at = 0;
		model[k].in = true;
		check_all(&t);
	}
	empty(&t);
}

/* One page at the start costs no node; it is what most small objects have. */
TEST(pagetree_one_page)
{
	struct uvm_pagetree t = UVM_PAGETREE_INITIALIZER;
	uint64_t at = 0;

	CHECK(uvm_pagetree_next(&t, &at) == NULL);
	CHECK_EQ(uvm_pagetree_insert(&t, 0, &items[0]), 0);
	CHECK_EQ(nodes, 0);
	CHECK(uvm_pagetree_lookup(&t, 0) == &items[0]);
	CHECK(uvm_pagetree_lookup(&t, 1) == NULL);
	check_run(&t, 0);
	check_run(&t, 1);
	CHECK(uvm_pagetree_next(&t, &at) == &items[0]);
	at = 1;
	CHECK(uvm_pagetree_next(&t, &at) == NULL);
	CHECK_EQ(uvm_pagetree_insert(&t, 5000, &items[1]), 0);
	CHECK(uvm_pagetree_lookup(&t, 0) == &items[0]);
	CHECK(uvm_pagetree_lookup(&t, 5000) == &items[1]);
	CHECK(uvm_pagetree_remove(&t, 5000) == &items[1]);
	CHECK(uvm_pagetree_remove(&t, 0) == &items[0]);
	CHECK_EQ(nodes, 0);
}
