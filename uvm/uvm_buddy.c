/* Buddy allocator: see uvm_buddy.h. */
#include <sys/param.h>
#include <sys/mutant.h>
#include <sys/systm.h>
#include <uvm/uvm_buddy.h>

#define MAX_ORDER (UVM_BUDDY_ORDERS - 1)

void
uvm_buddy_init(struct uvm_buddy *b)
{
	for (int o = 0; o < UVM_BUDDY_ORDERS; o++)
		TAILQ_INIT(&b->ub_block[o]);
	TAILQ_INIT(&b->ub_zero);
	b->ub_orders = 0;
	b->ub_npages = b->ub_nzero = 0;
}

static inline void
insert_block(struct uvm_buddy *b, struct vm_page *pg, int o)
{
	pg->pg_order = (uint8_t)(o + 1);
	TAILQ_INSERT_HEAD(&b->ub_block[o], pg, pageq);
	b->ub_orders |= 1U << o;
}

static inline void
remove_block(struct uvm_buddy *b, struct vm_page *pg, int o)
{
	TAILQ_REMOVE(&b->ub_block[o], pg, pageq);
	if (TAILQ_EMPTY(&b->ub_block[o]))
		b->ub_orders &= ~(1U << o);
	pg->pg_order = 0;
}

/* The other half of the block of twice the size. */
static inline struct vm_page *
buddy_of(struct vm_page *pg, int o)
{
	size_t n = (size_t)1 << o;

	return (pg->pg_ppn & n) ? pg - n : pg + n;
}

static inline bool
is_free_block(const struct vm_physseg *seg, const struct vm_page *pg, int o)
{
	return pg >= seg->pgs && pg < seg->lastpg &&
	    (pg->pg_order == o + 1 ||
		(MUTANT(BUDDY_ANY_ORDER) && pg->pg_order != 0)) &&
	    (pg->pg_flags & PQ_FREE) != 0;
}

/* Insert a block of pages that are marked free already, merging upwards. */
static void
merge_block(struct uvm_buddy *b, const struct vm_physseg *seg,
    struct vm_page *pg, int o)
{
	struct vm_page *other;

	for (; o < MAX_ORDER; o++) {
		other = buddy_of(pg, o);
		if (!is_free_block(seg, other, o))
			break;
		remove_block(b, other, o);
		if (other < pg) {
			pg->pg_order = 0;
			pg = other;
		}
	}
	insert_block(b, pg, o);
}

void
uvm_buddy_free(
    struct uvm_buddy *b, const struct vm_physseg *seg, struct vm_page *pg)
{
	pg->pg_flags = PQ_FREE;
	b->ub_npages++;
	merge_block(b, seg, pg, 0);
}

/* The largest order of a block that may begin at ppn and end within n pages. */
static int
largest_order(uint32_t ppn, size_t n)
{
	int o = 0;

	while (o < MAX_ORDER && (ppn & (1U << o)) == 0 && ((size_t)2 << o) <= n)
		o++;
	return o;
}

void
uvm_buddy_add_range(struct uvm_buddy *b, const struct vm_physseg *seg,
    struct vm_page *pg, size_t n)
{
	int o;

	KASSERT(pg >= seg->pgs && pg + n <= seg->lastpg);
	b->ub_npages += (long)n;
	for (; n > 0; pg += (size_t)1 << o, n -= (size_t)1 << o) {
		o = largest_order(pg->pg_ppn, n);
		merge_block(b, seg, pg, o);
	}
}

void
uvm_buddy_free_range(struct uvm_buddy *b, const struct vm_physseg *seg,
    struct vm_page *first, size_t npages)
{
	struct vm_page *pg, *end = first + npages;

	for (pg = first; pg < end; pg++) {
		pg->pg_flags = PQ_FREE;
		pg->pg_order = 0;
	}
	uvm_buddy_add_range(b, seg, first, npages);
}

/* Give back the part of a block that its taker does not need. */
static void
insert_rest(struct uvm_buddy *b, struct vm_page *pg, size_t n)
{
	int o;

	/* pieces of one block: their buddies are taken, nothing merges */
	for (; n > 0; pg += (size_t)1 << o, n -= (size_t)1 << o) {
		o = largest_order(pg->pg_ppn, n);
		insert_block(b, pg, o);
	}
}

size_t
uvm_buddy_take(
    struct uvm_buddy *b, struct vm_page **pgs, size_t npages, uint32_t flags)
{
	size_t got = 0, n, size;
	struct vm_page *pg;
	int o = 0;

	while (got < npages && b->ub_orders != 0) {
		while ((b->ub_orders & (1U << o)) == 0)
			o++;
		pg = TAILQ_FIRST(&b->ub_block[o]);
		remove_block(b, pg, o);
		size = (size_t)1 << o;
		n = MIN(size, npages - got);
		insert_rest(b, pg + n, size - n);
		for (size_t i = 0; i < n; i++, pg++) {
			pg->pg_flags = flags;
			pgs[got++] = pg;
		}
	}
	b->ub_npages -= (long)got;
	return got;
}

struct vm_page *
uvm_buddy_head(const struct vm_physseg *seg, struct vm_page *pg)
{
	struct vm_page *head;
	size_t off;

	if ((pg->pg_flags & (PQ_FREE | PG_ZERO)) != PQ_FREE)
		return NULL;
	for (int o = 0; o < UVM_BUDDY_ORDERS; o++) {
		off = pg->pg_ppn & (((size_t)1 << o) - 1);
		if ((size_t)(pg - seg->pgs) < off)
			break;
		head = pg - off;
		if (head->pg_order > o && (head->pg_flags & PQ_FREE) != 0)
			return head;
	}
	return NULL;
}

void
uvm_buddy_carve(struct uvm_buddy *b, const struct vm_physseg *seg,
    struct vm_page *first, size_t npages, uint32_t flags)
{
	struct vm_page *pg = first, *end = first + npages, *head, *stop;
	int o;

	while (pg < end) {
		head = uvm_buddy_head(seg, pg);
		KASSERT(head != NULL);
		o = head->pg_order - 1;
		remove_block(b, head, o);
		stop = head + ((size_t)1 << o);
		insert_rest(b, head, (size_t)(pg - head));
		if (stop > end) {
			if (!MUTANT(CARVE_LOSES_REST))
				insert_rest(b, end, (size_t)(stop - end));
			stop = end;
		}
		for (; pg < stop; pg++)
			pg->pg_flags = flags;
	}
	b->ub_npages -= (long)npages;
}

void
uvm_buddy_put_zero(struct uvm_buddy *b, struct vm_page *pg)
{
	pg->pg_flags = PQ_FREE | PG_ZERO;
	pg->pg_order = 0;
	TAILQ_INSERT_HEAD(&b->ub_zero, pg, pageq);
	b->ub_nzero++;
}

size_t
uvm_buddy_take_zero(
    struct uvm_buddy *b, struct vm_page **pgs, size_t npages, uint32_t flags)
{
	struct vm_page *pg;
	size_t got = 0;

	while (got < npages && (pg = TAILQ_FIRST(&b->ub_zero)) != NULL) {
		TAILQ_REMOVE(&b->ub_zero, pg, pageq);
		pg->pg_flags = flags;
		pgs[got++] = pg;
	}
	b->ub_nzero -= (long)got;
	return got;
}
