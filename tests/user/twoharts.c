/* vmrun: --smp 2 --timeout 60 */
/*
 * twoharts [RATIO]: threads of one process fault zero-fill pages; tells how
 * much faster two are than one, and with RATIO asks for at least that much.
 * The ratio means something only when two host processors are idle, which
 * scripts/test-boot sees to; alone this checks the memory only.
 */
#include "test.h"

#include <pthread.h>

#define PAGES 2048

static pthread_barrier_t barrier;

struct worker {
	char *p;
	uint64_t start, end;
};

static void *
fault(void *arg)
{
	struct worker *w = arg;

	pthread_barrier_wait(&barrier);
	w->start = now_ns();
	touch(w->p, PAGES * PAGE);
	w->end = now_ns();
	return NULL;
}

/* => pages per second with n threads, from the first start to the last end */
static double
measure(int n)
{
	char *p = map_anon((size_t)n * PAGES * PAGE);
	uint64_t start = UINT64_MAX, end = 0;
	struct worker w[2];
	pthread_t t[2];

	CHECK_EQ(pthread_barrier_init(&barrier, NULL, (unsigned)n), 0);
	for (int i = 0; i < n; i++) {
		w[i].p = p + (size_t)i * PAGES * PAGE;
		CHECK_EQ(pthread_create(&t[i], NULL, fault, &w[i]), 0);
	}
	for (int i = 0; i < n; i++) {
		CHECK_EQ(pthread_join(t[i], NULL), 0);
		start = w[i].start < start ? w[i].start : start;
		end = w[i].end > end ? w[i].end : end;
	}
	for (size_t i = 0; i < (size_t)n * PAGES; i++)
		CHECK_EQ(p[i * PAGE], 1);
	CHECK(munmap(p, (size_t)n * PAGES * PAGE) == 0);
	return n * PAGES * 1e9 / (double)(end - start);
}

int
main(int argc, char **argv)
{
	double best[3] = { 0 }, want = argc > 1 ? atof(argv[1]) : 0;

	for (int round = 0; round < 5; round++)
		for (int n = 1; n <= 2; n++) {
			double rate = measure(n);

			if (rate > best[n])
				best[n] = rate;
		}
	printf("one hart %.0f pages/s, two harts %.0f pages/s, ratio %.2f\n",
	    best[1], best[2], best[2] / best[1]);
	CHECK(best[2] / best[1] >= want);
	return 0;
}
