/*
 * Smaller programs that still fail: first fewer operations (ddmin), then fewer
 * threads and a simpler machine.  A part of a program is scheduled in another
 * way than the whole, so a few seeds of the machine are tried for each.
 */
#include <stdlib.h>
#include <string.h>
#include <tests/sim/prog.h>

#define SEEDS 3

static bool (*still_fails)(const struct prog *);
static int runs_left;

/* => fails with one of a few seeds, which *p has then */
static bool
try_seeds(struct prog *p)
{
	uint64_t seed = p->cfg.seed;

	for (uint64_t i = 0; i < SEEDS && runs_left > 0; i++) {
		p->cfg.seed = seed + i * 1000003;
		runs_left--;
		if (still_fails(p))
			return true;
	}
	p->cfg.seed = seed;
	return false;
}

/* => without operations [from, to); memory to be freed */
static struct prog
without(const struct prog *p, size_t from, size_t to)
{
	struct prog q = *p;

	q.nops = p->nops - (to - from);
	q.ops = malloc((q.nops + 1) * sizeof(*q.ops));
	if (q.ops == NULL)
		abort();
	memcpy(q.ops, p->ops, from * sizeof(*q.ops));
	memcpy(q.ops + from, p->ops + to, (p->nops - to) * sizeof(*q.ops));
	return q;
}

/* => the candidate took p's place */
static bool
adopt(struct prog *p, struct prog q)
{
	if (!try_seeds(&q)) {
		free(q.ops);
		return false;
	}
	free(p->ops);
	*p = q;
	return true;
}

static void
fewer_ops(struct prog *p)
{
	size_t chunk, from;

	for (chunk = p->nops / 2; chunk > 0 && runs_left > 0; chunk /= 2) {
		/* From the end: what failed first is kept longest. */
		from = p->nops;
		while (from > 0 && runs_left > 0) {
			size_t to = from;

			from = from > chunk ? from - chunk : 0;
			(void)adopt(p, without(p, from, to));
		}
	}
}

/* All operations of one thread go. */
static void
fewer_threads(struct prog *p)
{
	struct prog q;
	unsigned t;

	for (t = 0; t < PROG_ALL && runs_left > 0; t++) {
		q = *p;
		q.nops = 0;
		q.ops = malloc((p->nops + 1) * sizeof(*q.ops));
		if (q.ops == NULL)
			abort();
		for (size_t i = 0; i < p->nops; i++)
			if (p->ops[i].thread != t)
				q.ops[q.nops++] = p->ops[i];
		if (q.nops == p->nops)
			free(q.ops);
		else
			(void)adopt(p, q);
	}
}

/* => as it was unless it still fails */
static void
simpler(struct prog *p, uint64_t *field, uint64_t value)
{
	uint64_t old = *field;

	if (old == value)
		return;
	*field = value;
	if (!try_seeds(p))
		*field = old;
}

static bool
uses_kernel_threads(const struct prog *p)
{
	for (size_t i = 0; i < p->nops; i++)
		if (p->ops[i].thread != PROG_ALL &&
		    p->ops[i].thread >= p->cfg.procs * p->cfg.threads)
			return true;
	return false;
}

static void
simpler_machine(struct prog *p)
{
	if (!uses_kernel_threads(p))
		simpler(p, &p->cfg.kthreads, 0);
	simpler(p, &p->cfg.fail, 0);
	simpler(p, &p->cfg.speculate, 0);
	simpler(p, &p->cfg.stall, 0);
	simpler(p, &p->cfg.preempt, 0);
	simpler(p, &p->cfg.harts, 1);
	if (p->cfg.harts > 2)
		simpler(p, &p->cfg.harts, 2);
	simpler(p, &p->cfg.npages, 4000);
}

void
prog_shrink(struct prog *prog, bool (*fails)(const struct prog *), int budget)
{
	size_t before;

	still_fails = fails;
	runs_left = budget;
	fewer_threads(prog);
	do {
		before = prog->nops;
		fewer_ops(prog);
		simpler_machine(prog);
	} while (prog->nops < before && runs_left > 0);
}
