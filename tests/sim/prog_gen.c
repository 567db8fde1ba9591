/* Programs from seeds.  Pure: the same on every machine. */
#include <tests/sim/prog.h>

struct rng {
	uint64_t state;
};

static uint64_t
draw(struct rng *r)
{
	uint64_t x = (r->state += 0x9e3779b97f4a7c15UL);

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9UL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebUL;
	return x ^ x >> 31;
}

static uint32_t
below(struct rng *r, uint32_t n)
{
	return (uint32_t)((draw(r) >> 32) * n >> 32);
}

/* -- Tables ------------------------------------------------------------------ */

#define PROG_ENTRY(name, weight, who) { #name, weight, who },
static const struct {
	const char *name;
	uint16_t weight;
	char who;
} op_table[] = { PROG_OPS(PROG_ENTRY) };

const char *
prog_name(unsigned kind)
{
	return kind < OP_COUNT ? op_table[kind].name : "?";
}

static bool
same_name(const char *a, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < len && a[i] != '\0'; i++)
		if (a[i] != name[i])
			return false;
	return i == len && a[i] == '\0';
}

unsigned
prog_kind_of(const char *name, size_t len)
{
	unsigned kind;

	for (kind = 0; kind < OP_COUNT; kind++)
		if (same_name(op_table[kind].name, name, len))
			break;
	return kind;
}

bool
prog_fits(const struct prog_config *cfg, const struct prog_op *op)
{
	uint64_t users = cfg->procs * cfg->threads;

	if (op->kind >= OP_COUNT)
		return false;
	switch (op_table[op->kind].who) {
	case 'U':
		return op->thread < users;
	case 'K':
		return op->thread >= users &&
		    op->thread < users + cfg->kthreads;
	case 'S':
	case 'F':
		return op->thread < users + cfg->kthreads;
	default:
		return op->thread == PROG_ALL;
	}
}

/* -- The machine --------------------------------------------------------------- */

/*
 * Memory is short, and swap may be so too.  Half of the disks lose nothing: a
 * third never fails, the others cannot always be written.
 */
static void
configure_swap(struct prog_config *cfg, struct rng *r)
{
	static const uint8_t errors[] = { 0, 0, PROG_ERR_WRITE,
		PROG_ERR_WRITE | PROG_ERR_RDONLY | PROG_ERR_TORN,
		PROG_ERR_READ | PROG_ERR_WRITE,
		PROG_ERR_BAD | PROG_ERR_WRITE | PROG_ERR_TORN,
		PROG_ERR_GONE | PROG_ERR_WRITE | PROG_ERR_TORN, 0x3f };

	cfg->swap = 1 + below(r, PROG_MAXDISKS);
	cfg->swpages =
	    below(r, 3) == 0 ? 8 + below(r, 100) : 200 + below(r, 1000);
	cfg->diskerr = errors[below(r, sizeof(errors))];
	if (below(r, 4) != 0)
		cfg->npages = 900 + below(r, 500);
}

/* Files: blocks of 1, 2 or 4 KiB; one disk in four is too small for them. */
static void
configure_files(struct prog_config *cfg, struct rng *r)
{
	static const uint8_t errors[] = { 0, 0, 0, PROG_ERR_WRITE,
		PROG_ERR_READ, PROG_ERR_READ | PROG_ERR_WRITE | PROG_ERR_TORN };

	cfg->files = 1 + below(r, 3);
	cfg->fspages =
	    below(r, 4) == 0 ? 200 + below(r, 200) : 1200 + below(r, 600);
	cfg->fileerr = errors[below(r, sizeof(errors))];
	cfg->cuts = below(r, 2) == 0 ? 1 + below(r, 3) : 0;
	if (below(r, 3) == 0)
		cfg->npages = 1000 + below(r, 500);
}

void
prog_configure(struct prog_config *cfg, uint64_t seed)
{
	static const uint16_t preempt[] = { 3, 10, 30, 100, 400 };
	static const uint16_t fail[] = { 0, 0, 0, 0, 400, 60 };
	static const uint16_t asid[] = { 0, 6, 8, 16 };
	static const uint16_t speculate[] = { 0, 20, 100 };
	static const uint16_t stall[] = { 0, 2, 6, 30 };
	struct rng r = { .state = seed ^ 0x7369 };

	cfg->seed = seed;
	cfg->harts = 1 + below(&r, 4);
	cfg->npages =
	    below(&r, 4) == 0 ? 900 + below(&r, 900) : 3000 + below(&r, 3000);
	cfg->asid_bits = asid[below(&r, sizeof(asid) / sizeof(asid[0]))];
	cfg->ad = below(&r, 4);
	cfg->preempt = preempt[below(&r, sizeof(preempt) / sizeof(preempt[0]))];
	cfg->fail = fail[below(&r, sizeof(fail) / sizeof(fail[0]))];
	cfg->speculate =
	    speculate[below(&r, sizeof(speculate) / sizeof(speculate[0]))];
	cfg->procs = 1 + below(&r, PROG_MAXPROCS);
	cfg->threads = 1 + below(&r, PROG_MAXTHREADS);
	cfg->kthreads = below(&r, PROG_MAXKTHREADS + 1);
	cfg->stall = stall[below(&r, sizeof(stall) / sizeof(stall[0]))];
	cfg->swap = cfg->swpages = cfg->diskerr = 0;
	if (below(&r, 2) == 0)
		configure_swap(cfg, &r);
	cfg->files = cfg->fspages = cfg->fileerr = cfg->cuts = 0;
	if (below(&r, 3) == 0)
		configure_files(cfg, &r);
}

/* -- Operations ------------------------------------------------------------------- */

static uint8_t
any_kind(struct rng *r, char who)
{
	uint32_t total = 0, n;
	uint8_t kind;

	for (kind = 0; kind < OP_COUNT; kind++)
		if (op_table[kind].who == who)
			total += op_table[kind].weight;
	n = below(r, total);
	for (kind = 0;; kind++) {
		if (op_table[kind].who != who)
			continue;
		if (n < op_table[kind].weight)
			return kind;
		n -= op_table[kind].weight;
	}
}

/* Counts of pages: mostly few, sometimes many. */
static uint32_t
any_count(struct rng *r)
{
	switch (below(r, 8)) {
	case 0:
		return 1 + below(r, 100);
	case 1:
	case 2:
		return 1 + below(r, 24);
	default:
		return 1 + below(r, 6);
	}
}

static void
any_op(struct rng *r, const struct prog_config *cfg, struct prog_op *op)
{
	uint32_t users = (uint32_t)(cfg->procs * cfg->threads);
	uint32_t n = users * 8 + (uint32_t)cfg->kthreads * 2;
	uint32_t pick = below(r, n);

	if (cfg->swap != 0 && below(r, 4) == 0) {
		op->thread = (uint8_t)below(r, users + (uint32_t)cfg->kthreads);
		op->kind = any_kind(r, 'S');
	} else if (cfg->files != 0 && below(r, 5) < 2) {
		op->thread = (uint8_t)below(r, users + (uint32_t)cfg->kthreads);
		op->kind = any_kind(r, 'F');
	} else if (pick < users * 8) {
		op->thread = (uint8_t)(pick / 8);
		op->kind = any_kind(r, 'U');
	} else {
		op->thread = (uint8_t)(users + (pick - users * 8) / 2);
		op->kind = any_kind(r, 'K');
	}
	/* Low pages more often: that programs meet. */
	op->arg[0] = below(r, 2) ? below(r, 24) : below(r, 128);
	op->arg[1] = any_count(r);
	op->arg[2] = (uint32_t)draw(r);
	op->arg[3] = (uint32_t)draw(r);
}

void
prog_generate(const struct prog_config *cfg, struct prog_op *ops, size_t n)
{
	struct rng r = { .state = cfg->seed };
	uint32_t left = 40;
	size_t i;

	for (i = 0; i < n; i++) {
		if (left-- == 0) {
			ops[i] = (struct prog_op){ .thread = PROG_ALL,
				.kind = OP_barrier };
			left = 100 + below(&r, 400);
		} else
			any_op(&r, cfg, &ops[i]);
	}
}
