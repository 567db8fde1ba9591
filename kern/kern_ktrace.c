/*
 * The trace ring: the newest events of each hart, for the post-mortem.
 *
 * An event takes the next slot by a plain increment.  An interrupt between the
 * load and the store of the index has finished with its own events by the time
 * the store is made, and loses them; no slot is ever written by two at once.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/ktrace.h>
#include <sys/proc.h>
#include <sys/timeout.h>
#include <machine/cpu.h>

#define KTRACE_EVENTS 256 /* per hart; a power of two */

/*
 * Locks used to protect members:
 *	h	written by the hart itself
 */
struct ktrace_slot {
	uint64_t kt_time; /* [h] uptime, ns; 0: never used */
	const char *kt_name; /* [h] */
	uint64_t kt_a, kt_b; /* [h] */
	pid_t kt_tid; /* [h] */
};
struct ktrace_ring {
	uint32_t kr_next; /* [h] events so far */
	struct ktrace_slot kr_slot[KTRACE_EVENTS]; /* [h] */
};

static struct ktrace_ring ktrace_rings[MAXCPUS];

void
ktrace_cpu_prepare(struct cpu_info *ci)
{
	ci->ci_ktrace = &ktrace_rings[ci->ci_index];
}

void
ktrace_event(const char *name, uint64_t a, uint64_t b)
{
	ktrace_event_at(nsecuptime(), name, a, b);
}

void
ktrace_event_at(uint64_t uptime, const char *name, uint64_t a, uint64_t b)
{
	struct ktrace_ring *kr = curcpu()->ci_ktrace;
	struct ktrace_slot *kt;

	if (__predict_false(kr == NULL))
		return; /* too early in boot */
	kt = &kr->kr_slot[kr->kr_next++ % KTRACE_EVENTS];
	kt->kt_time = uptime;
	kt->kt_name = name;
	kt->kt_a = a;
	kt->kt_b = b;
	kt->kt_tid = curproc->p_tid;
}

/* => the i-th newest event of the ring, or NULL */
static const struct ktrace_slot *
ktrace_newest(const struct ktrace_ring *kr, uint32_t i)
{
	const struct ktrace_slot *kt;

	if (i >= KTRACE_EVENTS || i >= kr->kr_next)
		return NULL;
	kt = &kr->kr_slot[(kr->kr_next - 1 - i) % KTRACE_EVENTS];
	return kt->kt_name != NULL ? kt : NULL;
}

/*
 * Step back over the newest max events of all harts together.
 * => back[hart]: how many of each hart's events are among them
 */
static void
ktrace_rewind(int max, uint32_t back[MAXCPUS])
{
	const struct ktrace_slot *kt, *best;
	u_int besthart;

	memset(back, 0, MAXCPUS * sizeof(back[0]));
	for (int n = 0; n < max; n++) {
		best = NULL;
		besthart = 0;
		for (u_int h = 0; h < MAXCPUS; h++) {
			kt = ktrace_newest(&ktrace_rings[h], back[h]);
			if (kt != NULL &&
			    (best == NULL || kt->kt_time > best->kt_time)) {
				best = kt;
				besthart = h;
			}
		}
		if (best == NULL)
			return;
		back[besthart]++;
	}
}

/* => hart whose next event is the oldest, or -1: none is left */
static int
ktrace_oldest(const uint32_t back[MAXCPUS])
{
	const struct ktrace_slot *kt, *best = NULL;
	int hart = -1;

	for (u_int h = 0; h < MAXCPUS; h++) {
		if (back[h] == 0)
			continue;
		kt = ktrace_newest(&ktrace_rings[h], back[h] - 1);
		if (kt != NULL &&
		    (best == NULL || kt->kt_time < best->kt_time)) {
			best = kt;
			hart = (int)h;
		}
	}
	return hart;
}

void
ktrace_dump(int max)
{
	const struct ktrace_slot *kt;
	uint32_t back[MAXCPUS];
	int h;

	ktrace_rewind(max, back);
	printf("last events (time hart thread name):\n");
	while ((h = ktrace_oldest(back)) >= 0) {
		kt = ktrace_newest(&ktrace_rings[h], --back[h]);
		printf("  %lu.%09lu %d %d %s %#lx %#lx\n",
		    (u_long)(kt->kt_time / 1000000000),
		    (u_long)(kt->kt_time % 1000000000), h, kt->kt_tid,
		    kt->kt_name, (u_long)kt->kt_a, (u_long)kt->kt_b);
	}
}

bool
ktrace_seen(const char *name, uint64_t a, uint64_t since)
{
	const struct ktrace_slot *kt;

	for (u_int h = 0; h < MAXCPUS; h++)
		for (uint32_t i = 0;
		     (kt = ktrace_newest(&ktrace_rings[h], i)) != NULL &&
		     kt->kt_time >= since;
		     i++)
			if (kt->kt_a == a && strcmp(kt->kt_name, name) == 0)
				return true;
	return false;
}
