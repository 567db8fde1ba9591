/*
 * The load that scripts/report plots: memory pressure that rises, stays and
 * falls, and how long faults take meanwhile.
 *
 *	pressure MIB PROCS SECONDS
 *
 * PROCS processes share MIB of memory among them.  Each fills its part, then
 * reads and writes pages of it in random order for SECONDS.  Every half second
 * a line says how long the accesses that faulted took, in microseconds:
 *
 *	latency SECONDS COUNT P50 P90 P99 MAX
 *
 * SECONDS since boot.  An access faulted when mincore() says that the page was
 * not in memory right before.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE     4096
#define SAMPLES  65536 /* a process keeps so many of half a second */
#define MAXPROCS 16

/* Of one process; written by it, read and reset by the parent. */
struct ring {
	volatile unsigned n;
	uint32_t us[SAMPLES];
};

static struct ring *rings;

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
note(struct ring *r, uint64_t ns)
{
	unsigned n = __atomic_load_n(&r->n, __ATOMIC_ACQUIRE);

	if (n < SAMPLES) {
		r->us[n] = (uint32_t)(ns / 1000);
		__atomic_compare_exchange_n(
		    &r->n, &n, n + 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
	}
}

/* Access a page, and note how long that took if it was not there. */
static void
access_page(struct ring *r, volatile uint64_t *p, size_t page, int write)
{
	volatile uint64_t *at = p + page * (PAGE / 8);
	unsigned char here = 1;
	uint64_t begin;

	if (mincore((void *)(uintptr_t)at, PAGE, &here) != 0)
		exit(1);
	begin = now_ns();
	if (*at != page && *at != 0) {
		fprintf(stderr, "pressure: page %zu holds %llu\n", page,
		    (unsigned long long)*at);
		exit(1);
	}
	if (write)
		*at = page;
	if ((here & 1) == 0)
		note(r, now_ns() - begin);
}

static void
worker(struct ring *r, size_t npages, uint64_t seconds, uint64_t seed)
{
	uint64_t *p = mmap(NULL, npages * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t end;

	if (p == MAP_FAILED)
		exit(1);
	for (size_t i = 0; i < npages; i++)
		access_page(r, p, i, 1);
	end = now_ns() + seconds * 1000000000u;
	while (now_ns() < end) {
		seed = seed * UINT64_C(6364136223846793005) + 1;
		access_page(r, p, (size_t)(seed >> 33) % npages, seed >> 63);
	}
	exit(0);
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* What came in since the last time; a sample written meanwhile may be lost. */
static void
report(int procs)
{
	static uint32_t all[SAMPLES];
	uint64_t now = now_ns();
	size_t n = 0;

	for (int i = 0; i < procs; i++) {
		unsigned k =
		    __atomic_exchange_n(&rings[i].n, 0, __ATOMIC_ACQ_REL);

		for (unsigned j = 0; j < k && n < SAMPLES; j++)
			all[n++] = rings[i].us[j];
	}
	if (n == 0)
		return;
	qsort(all, n, sizeof(all[0]), by_value);
	printf("latency %.3f %zu %u %u %u %u\n", (double)now / 1e9, n,
	    all[n / 2], all[n * 9 / 10], all[n * 99 / 100], all[n - 1]);
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	size_t npages = argc > 3 ? strtoul(argv[1], NULL, 10) << 8 : 0;
	int procs = argc > 3 ? atoi(argv[2]) : 0, status, failed = 0;
	size_t size = sizeof(struct ring) * MAXPROCS;
	struct timespec half = { 0, 500000000 };

	if (npages == 0 || procs < 1 || procs > MAXPROCS) {
		fprintf(stderr, "usage: pressure MIB PROCS SECONDS\n");
		return 2;
	}
	rings = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (rings == MAP_FAILED)
		return 1;
	for (int i = 0; i < procs; i++)
		if (fork() == 0)
			worker(&rings[i], npages / (size_t)procs,
			    strtoul(argv[3], NULL, 10), (uint64_t)i + 1);
	for (int left = procs; left > 0;) {
		nanosleep(&half, NULL);
		report(procs);
		while (left > 0 && waitpid(-1, &status, WNOHANG) > 0) {
			failed |= status != 0;
			left--;
		}
	}
	return failed;
}
