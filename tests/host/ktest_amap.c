/*
 * Storage of amaps against dense arrays: uvm/uvm_amap_slots.c and
 * uvm/uvm_amap_cover.c, with memory that fails at random.
 */
#include <sys/types.h>
#include <sys/errno.h>
#include <uvm/uvm_amap.h>

#include "test.h"

/* libc, which this file does not see */
void *calloc(size_t n, size_t size);
void free(void *p);

#define NSLOT 5000 /* slots of the model */
#define NANON 64

static struct vm_anon anons[NANON];
static struct vm_anon *model[NSLOT];
static struct amap_store store;
static long nodes, arrays; /* allocated */
static unsigned fail_percent;

/* Where slot i of the model lies in the store: close, sparse or huge. */
static unsigned stride;

/* -- Memory ---------------------------------------------------------------- */

static bool
fails(void)
{
	return fail_percent != 0 && test_below(100) < fail_percent;
}

struct amap_node *
amap_node_get(void)
{
	if (fails())
		return NULL;
	nodes++;
	return calloc(1, sizeof(struct amap_node));
}

void
amap_node_put(struct amap_node *nd)
{
	unsigned i;

	CHECK_EQ(nd->nd_count, 0);
	for (i = 0; i < AMAP_NODE_SLOTS; i++)
		CHECK(nd->nd_slot[i] == NULL);
	nodes--;
	free(nd);
}

struct amap_step *
amap_steps_get(u_int n)
{
	if (fails())
		return NULL;
	arrays++;
	return calloc(n, sizeof(struct amap_step));
}

void
amap_steps_put(struct amap_step *st, u_int n)
{
	arrays--;
	free(st);
}

/* -- Storage --------------------------------------------------------------- */

/* Nodes below nd; checks that each counts what it holds and none is empty. */
static unsigned
tree_check(struct amap_node *nd, unsigned height, unsigned *anonsp)
{
	unsigned i, used = 0, n = 1;

	for (i = 0; i < AMAP_NODE_SLOTS; i++) {
		if (nd->nd_slot[i] == NULL)
			continue;
		used++;
		if (height == 1)
			++*anonsp;
		else
			n += tree_check(nd->nd_slot[i], height - 1, anonsp);
	}
	CHECK_EQ(used, nd->nd_count);
	CHECK(used > 0);
	return n;
}

static void
store_check(struct amap_store *as, const char *what)
{
	unsigned i, count = 0, found = 0;

	if (as->as_top == 0) {
		for (i = 0; i < AMAP_INLINE; i++)
			found += as->as_inline[i] != NULL;
	} else
		(void)tree_check(
		    AMAP_TOP_ROOT(as->as_top), amap_store_height(as), &found);
	CHECK_EQ(found, as->as_count);
	for (i = 0; i < NSLOT; i++) {
		count += model[i] != NULL;
		if (amap_store_lookup(as, i * stride) != model[i]) {
			test_note("%s: slot %u", what, i * stride);
			CHECK(!"lookup");
		}
	}
	CHECK_EQ(count, as->as_count);
}

static void
iterate_check(struct amap_store *as, unsigned from, unsigned to)
{
	struct vm_anon *anon;
	unsigned i = from;
	u_int s = from * stride;

	for (;; i++, s++) {
		anon = amap_store_next(as, &s, to * stride);
		while (i < to && model[i] == NULL)
			i++;
		if (i == to) {
			CHECK(anon == NULL);
			return;
		}
		CHECK(anon == model[i]);
		CHECK_EQ(s, i * stride);
	}
}

static unsigned wiped;

static void
count_wiped(void *arg, struct vm_anon **slots, u_int n)
{
	u_int i;

	for (i = 0; i < n; i++) {
		if (slots[i] != NULL) {
			slots[i]->an_ref--;
			wiped++;
		}
	}
}

/* => wipes like uvm_amap.c does: in pieces */
static void
wipe(struct amap_store *as, unsigned from, unsigned to)
{
	u_int s = from * stride, end = to * stride;

	while (s != end)
		s = amap_store_wipe(
		    as, s, end, 1 + (u_int)test_below(100), count_wiped, NULL);
}

static void
model_wipe(unsigned from, unsigned to)
{
	unsigned i, expect = 0;

	wiped = 0;
	for (i = from; i < to; i++) {
		expect += model[i] != NULL;
		model[i] = NULL;
	}
	wipe(&store, from, to);
	CHECK_EQ(wiped, expect);
}

/* A copy holds the same anons, each with one more reference; or nothing. */
static void
copy_check(unsigned from, unsigned to)
{
	struct amap_store dst = { 0 };
	struct vm_anon *anon;
	unsigned i, n = 0;
	int before[NANON];
	u_int s = 0;

	for (i = 0; i < NANON; i++)
		before[i] = anons[i].an_ref;
	if (amap_store_copy(
		&dst, &store, from * stride, (to - from) * stride) != 0) {
		CHECK(fail_percent != 0);
		CHECK_EQ(dst.as_count, 0);
		CHECK_EQ(dst.as_top, 0);
		for (i = 0; i < NANON; i++)
			CHECK_EQ(anons[i].an_ref, before[i]);
		return;
	}
	for (i = from; i < to; i++) {
		n += model[i] != NULL;
		CHECK(amap_store_lookup(&dst, (i - from) * stride) == model[i]);
	}
	CHECK_EQ(dst.as_count, n);
	while ((anon = amap_store_next(&dst, &s, AMAP_END)) != NULL) {
		anon->an_ref--;
		CHECK(amap_store_clear(&dst, s) == anon);
	}
	for (i = 0; i < NANON; i++)
		CHECK_EQ(anons[i].an_ref, before[i]);
	CHECK_EQ(dst.as_top, 0);
}

static void
set_check(unsigned i, struct vm_anon *anon)
{
	struct vm_anon **where = amap_store_slot(&store, i * stride);

	if (where != NULL && *where == NULL && test_below(2)) {
		amap_store_fill(&store, i * stride, where, anon);
		model[i] = anon;
	} else if (amap_store_set(&store, i * stride, anon) == 0)
		model[i] = anon;
	else
		CHECK(fail_percent != 0 && model[i] == NULL);
}

static void
storage_run(unsigned rounds, unsigned the_stride, unsigned percent)
{
	unsigned r, i, j, k;

	stride = the_stride;
	fail_percent = percent;
	for (r = 0; r < rounds; r++) {
		i = (unsigned)test_below(NSLOT);
		switch (test_below(16)) {
		case 0:
			j = i + (unsigned)test_below(NSLOT - i + 1);
			model_wipe(i, j);
			break;
		case 1:
			j = i + (unsigned)test_below(NSLOT - i + 1);
			copy_check(i, j);
			break;
		case 2:
			j = i + (unsigned)test_below(NSLOT - i + 1);
			iterate_check(&store, i, j);
			break;
		case 3:
		case 4:
		case 5:
			CHECK(amap_store_clear(&store, i * stride) == model[i]);
			model[i] = NULL;
			break;
		case 6:
			i = (unsigned)test_below(6);
			/* FALLTHROUGH */
		case 7:
			j = i + (unsigned)test_below(200);
			for (k = i; k < j && k < NSLOT; k++)
				set_check(k, &anons[test_below(NANON)]);
			break;
		default:
			set_check(i, &anons[test_below(NANON)]);
		}
		if (r % 64 == 0)
			store_check(&store, "random");
	}
	model_wipe(0, NSLOT);
	CHECK_EQ(store.as_top, 0);
	CHECK_EQ(nodes, 0);
}

TEST(amap_storage_random)
{
	storage_run(4000, 1, 0);
	storage_run(2000, 7, 0);
	storage_run(2000, 13421, 0); /* up to slot 2^26 */
	storage_run(500, 858993, 0); /* up to 2^32 */
}

TEST(amap_storage_nomem)
{
	storage_run(3000, 1, 20);
	storage_run(3000, 13421, 30);
	storage_run(500, 858993, 60);
}

/* What is empty or small takes no memory, and a range none by itself. */
TEST(amap_storage_memory)
{
	unsigned i;

	for (i = 0; i < AMAP_INLINE; i++)
		CHECK_EQ(amap_store_set(&store, i, &anons[i]), 0);
	CHECK_EQ(nodes, 0);
	CHECK_EQ(amap_store_set(&store, 16383, &anons[5]), 0);
	CHECK(nodes <= 5);
	CHECK(amap_store_lookup(&store, 2) == &anons[2]);
	CHECK(amap_store_clear(&store, 16383) == &anons[5]);
	CHECK(amap_store_lookup(&store, 2) == &anons[2]);
	for (i = 0; i < AMAP_INLINE; i++)
		CHECK(amap_store_clear(&store, i) == &anons[i]);
	CHECK_EQ(nodes, 0);
	CHECK(amap_store_clear(&store, 0) == NULL);
	CHECK(amap_store_lookup(&store, AMAP_END - 1) == NULL);
}

/* -- Entries per slot ------------------------------------------------------ */

#define NENTRY 40

static unsigned count[NSLOT]; /* entries that refer to the slot */
static bool kept[NSLOT]; /* it has not been released */
static struct amap_cover cover;

/* Exact: released exactly when the count falls to 0; else never too early. */
static void
released(void *arg, u_int start, u_int end)
{
	u_int i;

	for (i = start; i < end && i < NSLOT; i++) {
		CHECK_EQ(count[i], 0);
		kept[i] = false;
	}
}

static void
cover_check(bool exact)
{
	unsigned i, s = 0, refs;

	for (i = 0; i < NSLOT; i++) {
		while (s + 1 < cover.ac_n && cover.ac_step[s + 1].st_slot <= i)
			s++;
		refs = cover.ac_step[s].st_refs;
		CHECK(refs >= 1);
		if (count[i] > 0)
			CHECK(exact ? refs == count[i] : refs >= count[i]);
		else if (exact)
			CHECK(!kept[i]);
	}
	for (s = 0; s + 1 < cover.ac_n; s++)
		CHECK(cover.ac_step[s].st_slot < cover.ac_step[s + 1].st_slot);
	CHECK(cover.ac_n <= cover.ac_max);
}

struct entry {
	unsigned start, end; /* start == end: not in use */
};

static unsigned
cover_end(unsigned end)
{
	return end == NSLOT ? AMAP_END : end;
}

static void
entry_drop(struct entry *e, unsigned start, unsigned end)
{
	unsigned i;

	for (i = start; i < end; i++)
		count[i]--;
	amap_cover_unref(&cover, start, cover_end(end), released, NULL);
}

/*
 * Entries are copied (fork), split, and unmapped in part, the way maps do it:
 * a reference is only taken to what another entry refers to.
 */
static void
cover_run(unsigned rounds, unsigned percent)
{
	struct entry e[NENTRY] = { { 0, NSLOT } };
	unsigned r, i, j, k, len;

	fail_percent = percent;
	amap_cover_init(&cover);
	for (i = 0; i < NSLOT; i++) {
		count[i] = 1;
		kept[i] = true;
	}
	for (r = 0; r < rounds; r++) {
		i = (unsigned)test_below(NENTRY);
		j = (unsigned)test_below(NENTRY);
		len = e[i].end - e[i].start;
		if (len == 0)
			continue;
		k = e[i].start + (unsigned)test_below(len);
		switch (test_below(4)) {
		case 0: /* fork */
		case 1:
			if (e[j].start != e[j].end)
				break;
			e[j] = e[i];
			for (k = e[i].start; k < e[i].end; k++)
				count[k]++;
			amap_cover_ref(&cover, e[i].start, cover_end(e[i].end));
			break;
		case 2: /* split */
			if (e[j].start != e[j].end || k == e[i].start)
				break;
			e[j].start = k;
			e[j].end = e[i].end;
			e[i].end = k;
			break;
		default: /* unmap the head, the tail or all, but not the last */
			len = test_below(2) ? e[i].end - k : k - e[i].start;
			if (e[i].end - e[i].start == len && r % 4 != 0)
				break;
			if (len == 0)
				break;
			if (k + len == e[i].end) {
				e[i].end = k;
				entry_drop(&e[i], k, k + len);
			} else {
				e[i].start = k;
				entry_drop(&e[i], k - len, k);
			}
		}
		cover_check(percent == 0);
	}
	for (i = 0; i < NENTRY; i++)
		if (e[i].start != e[i].end)
			entry_drop(&e[i], e[i].start, e[i].end);
	for (i = 0; i < NSLOT && percent == 0; i++)
		CHECK(!kept[i]);
	amap_cover_fini(&cover);
	CHECK_EQ(arrays, 0);
}

TEST(amap_cover_random)
{
	unsigned i;

	for (i = 0; i < 20; i++)
		cover_run(200, 0);
}

TEST(amap_cover_nomem)
{
	unsigned i;

	for (i = 0; i < 20; i++)
		cover_run(200, 70);
}

/* The common cases stay at one step: splits, and fork with all of it. */
TEST(amap_cover_uniform)
{
	amap_cover_init(&cover);
	amap_cover_ref(&cover, 0, 10);
	CHECK_EQ(cover.ac_n, 2);
	CHECK(!amap_cover_single(&cover, 5, 12));
	CHECK(amap_cover_single(&cover, 10, 12));
	amap_cover_ref(&cover, 10, AMAP_END);
	CHECK_EQ(cover.ac_n, 1);
	CHECK_EQ(cover.ac_step[0].st_refs, 2);
	amap_cover_unref(&cover, 0, 10, released, NULL);
	amap_cover_unref(&cover, 10, AMAP_END, released, NULL);
	CHECK_EQ(cover.ac_n, 1);
	CHECK_EQ(cover.ac_step[0].st_refs, 1);
	CHECK_EQ(arrays, 0);
}

/* Growing behind an end that several entries share. */
TEST(amap_cover_extend)
{
	amap_cover_init(&cover);
	amap_cover_ref(&cover, 0, AMAP_END);
	CHECK_EQ(amap_cover_extend(&cover, 8), 0);
	CHECK(!amap_cover_single(&cover, 7, 9));
	CHECK(amap_cover_single(&cover, 8, 100));
	CHECK_EQ(cover.ac_n, 2);
	CHECK_EQ(amap_cover_extend(&cover, 20), 0);
	CHECK_EQ(cover.ac_n, 2);
}
