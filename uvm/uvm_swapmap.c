/* Free slots of a swap device: see uvm_swapmap.h. */
#include <sys/param.h>
#include <sys/systm.h>
#include <uvm/uvm_swapmap.h>

#define WORD 64U /* slots of a word */

static inline uint32_t
words_of(uint32_t nslots)
{
	return (nslots + WORD - 1) / WORD;
}

static uint32_t
leaves_of(uint32_t nslots)
{
	uint32_t leaves = 1;

	while (leaves < words_of(nslots))
		leaves *= 2;
	return leaves;
}

size_t
uvm_swapmap_size(uint32_t nslots)
{
	return words_of(nslots) * sizeof(uint64_t) +
	    2UL * leaves_of(nslots) * sizeof(struct swapmap_node);
}

void
uvm_swapmap_init(struct uvm_swapmap *sm, uint32_t nslots, void *mem)
{
	sm->sm_nslots = nslots;
	sm->sm_nfree = 0;
	sm->sm_next = 0;
	sm->sm_leaves = leaves_of(nslots);
	sm->sm_free = mem;
	sm->sm_node = (struct swapmap_node *)(sm->sm_free + words_of(nslots));
}

/* -- Words ---------------------------------------------------------------------- */

/* => bit i: n free slots begin at i, all in this word */
static inline uint64_t
runs_in(uint64_t free, uint32_t n)
{
	uint32_t have = 1, step;

	for (; have < n; have += step) {
		step = MIN(have, n - have);
		free &= free >> step;
	}
	return free;
}

/* => the longest run in a word */
static uint32_t
longest_in(uint64_t free)
{
	uint32_t n = 0;

	for (; free != 0; n++)
		free &= free >> 1;
	return n;
}

static struct swapmap_node
leaf_node(uint64_t free)
{
	if (~free == 0)
		return (struct swapmap_node){ WORD, WORD, WORD, 0 };
	return (struct swapmap_node){
		.sn_first = (uint8_t)__builtin_ctzl(~free),
		.sn_last = (uint8_t)__builtin_clzl(~free),
		.sn_best = (uint8_t)longest_in(free),
	};
}

/*
 * A half is never shorter than the longest run that counts, so the run at the
 * start of the whole is the one at the start of its first half.
 */
static struct swapmap_node
join(struct swapmap_node a, struct swapmap_node b)
{
	uint32_t across = MIN((uint32_t)a.sn_last + b.sn_first, SWAPMAP_RUN);
	uint32_t inside = MAX(a.sn_best, b.sn_best);

	return (struct swapmap_node){
		.sn_first = a.sn_first,
		.sn_last = b.sn_last,
		.sn_best = (uint8_t)MAX(across, inside),
	};
}

/* Word w was changed. */
static void
update(struct uvm_swapmap *sm, uint32_t w)
{
	uint32_t i = sm->sm_leaves + w;

	sm->sm_node[i] = leaf_node(sm->sm_free[w]);
	while ((i /= 2) != 0)
		sm->sm_node[i] =
		    join(sm->sm_node[2 * i], sm->sm_node[2 * i + 1]);
}

/* -- Slots ---------------------------------------------------------------------- */

static void
change(struct uvm_swapmap *sm, uint32_t slot, uint32_t n, bool free)
{
	uint32_t w, at, count;
	uint64_t mask;

	for (; n > 0; n -= count, slot += count) {
		w = slot / WORD;
		at = slot % WORD;
		count = MIN(n, WORD - at);
		mask = (count == WORD ? ~0UL : (1UL << count) - 1) << at;
		KASSERT((sm->sm_free[w] & mask) == (free ? 0 : mask));
		sm->sm_free[w] ^= mask;
		update(sm, w);
	}
}

void
uvm_swapmap_free(struct uvm_swapmap *sm, uint32_t slot, uint32_t n)
{
	KASSERT(slot < sm->sm_nslots && n <= sm->sm_nslots - slot);
	change(sm, slot, n, true);
	sm->sm_nfree += n;
}

/*
 * Where a free run of n begins, in the subtree of node i, whose words begin at
 * w; `span' of them.
 * => sn_best says that there is one
 */
static uint32_t
descend(const struct uvm_swapmap *sm, uint32_t i, uint32_t w, uint32_t span,
    uint32_t n)
{
	const struct swapmap_node *node = sm->sm_node;

	while (i < sm->sm_leaves) {
		i *= 2;
		span /= 2;
		if (node[i].sn_best >= n)
			continue;
		w += span;
		if ((uint32_t)node[i].sn_last + node[i + 1].sn_first >= n)
			return w * WORD - node[i].sn_last;
		i++;
	}
	return w * WORD + (uint32_t)__builtin_ctzl(runs_in(sm->sm_free[w], n));
}

/*
 * The first free run of n that begins in a word behind w, or reaches into one.
 * => FALSE: none
 */
static bool
find_behind(
    const struct uvm_swapmap *sm, uint32_t w, uint32_t n, uint32_t *slot)
{
	const struct swapmap_node *node = sm->sm_node;
	uint32_t i = sm->sm_leaves + w, span = 1, last = node[i].sn_last;

	/* up: what follows the subtree we come from is its right neighbour */
	for (; i > 1; i /= 2, span *= 2) {
		if ((i & 1) != 0)
			continue;
		w = ((i + 1) * span - sm->sm_leaves); /* its first word */
		if (last + node[i + 1].sn_first >= n) {
			*slot = w * WORD - last;
			return true;
		}
		if (node[i + 1].sn_best >= n) {
			*slot = descend(sm, i + 1, w, span, n);
			return true;
		}
		last = node[i + 1].sn_last;
	}
	return false;
}

/* => the first free run of n at `from' or behind it; FALSE: none */
static bool
find(const struct uvm_swapmap *sm, uint32_t from, uint32_t n, uint32_t *slot)
{
	uint32_t w = from / WORD;
	uint64_t runs;

	if (sm->sm_node[1].sn_best < n || from >= sm->sm_nslots)
		return false;
	runs = runs_in(sm->sm_free[w], n) & (~0UL << from % WORD);
	if (runs != 0) {
		*slot = w * WORD + (uint32_t)__builtin_ctzl(runs);
		return true;
	}
	/* a run across the word's end must not begin before `from' */
	if (find_behind(sm, w, n, slot) && *slot >= from)
		return true;
	if (w + 1 >= words_of(sm->sm_nslots))
		return false;
	return find(sm, (w + 1) * WORD, n, slot);
}

bool
uvm_swapmap_alloc(struct uvm_swapmap *sm, uint32_t n, uint32_t *slot)
{
	KASSERT(n >= 1 && n <= SWAPMAP_RUN);
	if (!find(sm, sm->sm_next, n, slot) && !find(sm, 0, n, slot))
		return false;
	change(sm, *slot, n, false);
	sm->sm_nfree -= n;
	sm->sm_next = *slot + n;
	return true;
}

uint32_t
uvm_swapmap_longest(const struct uvm_swapmap *sm)
{
	return sm->sm_node[1].sn_best;
}

bool
uvm_swapmap_isfree(const struct uvm_swapmap *sm, uint32_t slot)
{
	return (sm->sm_free[slot / WORD] >> slot % WORD & 1) != 0;
}
