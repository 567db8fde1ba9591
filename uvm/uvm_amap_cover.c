/*
 * How many map entries refer to each slot of an amap.  Pure.
 *
 * Almost every amap has one number for all its slots: splitting an entry
 * leaves the counts alone, and slots that lost their last entry keep a stale
 * 1, since nobody can ask about them again.  Steps appear only where entries
 * overlap in part, for instance when the child of a fork unmaps a piece.
 */
#include <sys/types.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/mutant.h>
#include <uvm/uvm_amap.h>

u_int amap_cover_short;

void
amap_cover_init(struct amap_cover *ac)
{
	ac->ac_step = ac->ac_inline;
	ac->ac_n = 1;
	ac->ac_max = AMAP_STEPS;
	ac->ac_inline[0].st_slot = 0;
	ac->ac_inline[0].st_refs = 1;
}

void
amap_cover_fini(struct amap_cover *ac)
{
	if (ac->ac_step != ac->ac_inline)
		amap_steps_put(ac->ac_step, ac->ac_max);
}

/* Index of the step that holds slot. */
static u_int
cover_find(const struct amap_cover *ac, u_int slot)
{
	u_int lo = 0, hi = ac->ac_n, mid;

	while (hi - lo > 1) {
		mid = (lo + hi) / 2;
		if (ac->ac_step[mid].st_slot <= slot)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static u_int
cover_end(const struct amap_cover *ac, u_int i)
{
	return i + 1 < ac->ac_n ? ac->ac_step[i + 1].st_slot : AMAP_END;
}

/* => room for `more' steps, or FALSE */
static bool
cover_room(struct amap_cover *ac, u_int more)
{
	struct amap_step *st;
	u_int i, max;

	if (ac->ac_n + more <= ac->ac_max)
		return true;
	max = ac->ac_max * 2 + more;
	st = amap_steps_get(max);
	if (st == NULL) {
		atomic_add(&amap_cover_short, 1);
		return false;
	}
	for (i = 0; i < ac->ac_n; i++)
		st[i] = ac->ac_step[i];
	amap_cover_fini(ac);
	ac->ac_step = st;
	ac->ac_max = max;
	return true;
}

/* Begin a step at slot, if none does; there is room. => its index */
static u_int
cover_cut(struct amap_cover *ac, u_int slot)
{
	u_int i, j;

	i = cover_find(ac, slot);
	if (ac->ac_step[i].st_slot == slot)
		return i;
	for (j = ac->ac_n++; j > i + 1; j--)
		ac->ac_step[j] = ac->ac_step[j - 1];
	ac->ac_step[i + 1].st_slot = slot;
	ac->ac_step[i + 1].st_refs = ac->ac_step[i].st_refs;
	return i + 1;
}

/* Unite equal steps among those from index i to index j (or the last). */
static void
cover_unite(struct amap_cover *ac, u_int i, u_int j)
{
	u_int from, to;

	if (j >= ac->ac_n)
		j = ac->ac_n - 1;
	for (to = i, from = i + 1; from < ac->ac_n; from++) {
		if (from <= j &&
		    ac->ac_step[from].st_refs == ac->ac_step[to].st_refs)
			continue;
		ac->ac_step[++to] = ac->ac_step[from];
	}
	ac->ac_n = to + 1;
}

void
amap_cover_ref(struct amap_cover *ac, u_int start, u_int end)
{
	u_int i, first, last;

	if (cover_room(ac, 2)) {
		first = cover_cut(ac, start);
		last = end == AMAP_END ? ac->ac_n : cover_cut(ac, end);
	} else {
		/* Too many is safe. */
		first = cover_find(ac, start);
		last = cover_find(ac, end - 1) + 1;
	}
	for (i = first; i < last; i++)
		ac->ac_step[i].st_refs++;
	cover_unite(ac, first > 0 ? first - 1 : 0, last);
}

/*
 * One less for the part of step i in [start, end).
 * => index of the step after that part
 */
static u_int
cover_lower(struct amap_cover *ac, u_int i, u_int start, u_int end)
{
	bool head = ac->ac_step[i].st_slot < start;
	bool tail = cover_end(ac, i) > end;

	if (!cover_room(ac, head + tail))
		return i + 1; /* too many is safe */
	if (tail && !MUTANT(COVER_LOWERS_TAIL))
		(void)cover_cut(ac, end);
	if (head)
		i = cover_cut(ac, start);
	ac->ac_step[i].st_refs--;
	return i + 1;
}

void
amap_cover_unref(struct amap_cover *ac, u_int start, u_int end,
    void (*release)(void *arg, u_int start, u_int end), void *arg)
{
	u_int i, first, lo, hi;

	first = i = cover_find(ac, start);
	while (i < ac->ac_n && ac->ac_step[i].st_slot < end) {
		if (ac->ac_step[i].st_refs > 1) {
			i = cover_lower(ac, i, start, end);
			continue;
		}
		lo = ac->ac_step[i].st_slot;
		hi = cover_end(ac, i);
		release(arg, lo > start ? lo : start,
		    hi < end || MUTANT(COVER_RELEASES_PAST) ? hi : end);
		i++;
	}
	cover_unite(ac, first > 0 ? first - 1 : 0, i);
}

bool
amap_cover_single(const struct amap_cover *ac, u_int start, u_int end)
{
	u_int i;

	for (i = cover_find(ac, start);
	     i < ac->ac_n && ac->ac_step[i].st_slot < end; i++) {
		if (ac->ac_step[i].st_refs > 1)
			return false;
		if (MUTANT(COVER_SINGLE_FIRST))
			break;
	}
	return true;
}

int
amap_cover_extend(struct amap_cover *ac, u_int slot)
{
	u_int i;

	if (ac->ac_n == 1 && ac->ac_step[0].st_refs == 1)
		return 0;
	if (!cover_room(ac, 1))
		return ENOMEM;
	i = slot == 0 ? 0 : cover_cut(ac, slot);
	ac->ac_n = i + 1;
	ac->ac_step[i].st_refs = 1;
	cover_unite(ac, i > 0 ? i - 1 : 0, i);
	return 0;
}
