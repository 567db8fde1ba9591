/* vmrun: --smp 1,2,4 --timeout 90 */
/*
 * Many threads change one address space at once: each has a stretch of it to
 * itself and knows what every page there must hold; one more wires, unwires
 * and advises everybody's memory; some fork in the middle of it.
 */
#include "test.h"

#include <pthread.h>

#define THREADS   5
#define NPAGES    96 /* of each thread */
#define RUN_NS    UINT64_C(4000000000)
#define FORK_EACH 200 /* steps */

enum state {
	UNMAPPED,
	KNOWN, /* the page holds value */
	EITHER /* value, or zero: discarded or not */
};

struct page {
	enum state state;
	int prot;
	uint32_t value;
};

struct worker {
	pthread_t thread;
	char *base;
	uint64_t seed;
	uint32_t next_value;
	struct page page[NPAGES];
};

static struct worker workers[THREADS];
static uint64_t deadline;
static volatile int done;

static char *
page_at(struct worker *w, size_t i)
{
	return w->base + i * PAGE;
}

/* What is readable holds what it should. */
static void
check_page(struct worker *w, size_t i)
{
	struct page *pg = &w->page[i];
	uint32_t got;

	if (pg->state == UNMAPPED || (pg->prot & PROT_READ) == 0)
		return;
	got = *(volatile uint32_t *)page_at(w, i);
	if (pg->state == EITHER && got == 0)
		pg->value = 0;
	CHECK_EQ(got, pg->value);
	pg->state = KNOWN;
}

static void
write_page(struct worker *w, size_t i)
{
	struct page *pg = &w->page[i];

	if (pg->state == UNMAPPED || (pg->prot & PROT_WRITE) == 0)
		return;
	pg->value = ++w->next_value;
	pg->state = KNOWN;
	*(volatile uint32_t *)page_at(w, i) = pg->value;
}

static void
do_map(struct worker *w, size_t at, size_t n)
{
	char *p = mmap(page_at(w, at), n * PAGE, RW, ANON | MAP_FIXED, -1, 0);

	CHECK(p == page_at(w, at));
	for (size_t i = at; i < at + n; i++)
		w->page[i] = (struct page){ KNOWN, RW, 0 };
}

static void
do_unmap(struct worker *w, size_t at, size_t n)
{
	CHECK(munmap(page_at(w, at), n * PAGE) == 0);
	for (size_t i = at; i < at + n; i++)
		w->page[i].state = UNMAPPED;
}

static void
do_protect(struct worker *w, size_t at, size_t n)
{
	static const int prots[] = { RW, RW, PROT_READ, PROT_NONE };
	int prot = prots[random_next(&w->seed) % NELEM(prots)];

	for (size_t i = at; i < at + n; i++)
		if (w->page[i].state == UNMAPPED)
			n = i - at;
	if (n == 0)
		return;
	CHECK(mprotect(page_at(w, at), n * PAGE, prot) == 0);
	for (size_t i = at; i < at + n; i++)
		w->page[i].prot = prot;
}

/* Part of it may be wired, which leaves the rest half done. */
static void
do_discard(struct worker *w, size_t at, size_t n)
{
	int error = madvise(page_at(w, at), n * PAGE, MADV_DONTNEED);

	CHECK(error == 0 || errno == EINVAL || errno == ENOMEM);
	for (size_t i = at; i < at + n; i++) {
		if (w->page[i].state == UNMAPPED)
			continue;
		if (error == 0)
			w->page[i] = (struct page){ KNOWN, w->page[i].prot, 0 };
		else if (w->page[i].state == KNOWN)
			w->page[i].state = EITHER;
	}
}

static void
do_wire(struct worker *w, size_t at, size_t n, int wire)
{
	if (wire)
		(void)mlock(page_at(w, at), n * PAGE);
	else
		(void)munlock(page_at(w, at), n * PAGE);
}

/* Writable, read-only, writable again: no right too many comes of it. */
static void
cycle_protection(struct worker *w)
{
	for (size_t i = 0; i < NPAGES; i++) {
		if (w->page[i].state == UNMAPPED || w->page[i].prot != RW)
			continue;
		CHECK(mprotect(page_at(w, i), PAGE, PROT_READ) == 0);
		check_page(w, i);
		CHECK(mprotect(page_at(w, i), PAGE, RW) == 0);
	}
}

/* The child sees what the parent has now, whatever the parent does next. */
static void
do_fork(struct worker *w)
{
	int status, go[2];
	char byte = 0;
	pid_t pid;

	CHECK(pipe(go) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(read(go[0], &byte, 1) == 1);
		for (size_t i = 0; i < NPAGES; i++)
			check_page(w, i);
		for (size_t i = 0; i < NPAGES; i += 3)
			write_page(w, i);
		for (size_t i = 0; i < NPAGES; i++)
			check_page(w, i);
		_exit(0);
	}
	for (size_t i = 0; i < NPAGES; i += 8)
		write_page(w, i);
	cycle_protection(w);
	for (size_t i = 0; i < NPAGES; i += 2)
		write_page(w, i);
	CHECK(write(go[1], &byte, 1) == 1);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	close(go[0]);
	close(go[1]);
}

static void
step(struct worker *w)
{
	size_t at = random_next(&w->seed) % NPAGES;
	size_t n = 1 + random_next(&w->seed) % 12;

	if (n > NPAGES - at)
		n = NPAGES - at;
	switch (random_next(&w->seed) % 10) {
	case 0:
		do_map(w, at, n);
		break;
	case 1:
		do_unmap(w, at, n);
		break;
	case 2:
	case 3:
		do_protect(w, at, n);
		break;
	case 4:
		do_discard(w, at, n);
		break;
	case 5:
		do_wire(w, at, n, random_next(&w->seed) & 1);
		break;
	default:
		for (size_t i = at; i < at + n; i++)
			write_page(w, i);
	}
	for (size_t i = 0; i < NPAGES; i += 1 + random_next(&w->seed) % 7)
		check_page(w, i);
}

static void *
work(void *arg)
{
	struct worker *w = arg;

	for (unsigned i = 1; now_ns() < deadline; i++) {
		step(w);
		if (i % FORK_EACH == 0)
			do_fork(w);
	}
	for (size_t i = 0; i < NPAGES; i++)
		check_page(w, i);
	return NULL;
}

/* Nothing here changes what memory holds. */
static void *
meddle(void *arg)
{
	static unsigned char vec[NPAGES];
	uint64_t seed = 99;

	(void)arg;
	while (!done) {
		struct worker *w = &workers[random_next(&seed) % THREADS];
		size_t at = random_next(&seed) % NPAGES;
		size_t n = 1 + random_next(&seed) % (NPAGES - at);
		char *p = page_at(w, at);

		switch (random_next(&seed) % 6) {
		case 0:
			(void)mlock(p, n * PAGE);
			break;
		case 1:
			(void)munlock(p, n * PAGE);
			break;
		case 2:
			(void)mincore(p, n * PAGE, vec);
			break;
		case 3:
			(void)madvise(p, n * PAGE, MADV_RANDOM);
			break;
		case 4:
			(void)madvise(p, n * PAGE, MADV_NORMAL);
			break;
		case 5:
			(void)msync(p, n * PAGE, MS_SYNC);
			break;
		}
	}
	return NULL;
}

int
main(void)
{
	char *base = map_anon(THREADS * NPAGES * PAGE);
	pthread_t meddler;

	deadline = now_ns() + RUN_NS;
	for (size_t i = 0; i < THREADS; i++) {
		struct worker *w = &workers[i];

		w->base = base + i * NPAGES * PAGE;
		w->seed = i + 1;
		do_map(w, 0, NPAGES);
	}
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(
		    pthread_create(&workers[i].thread, NULL, work, &workers[i]),
		    0);
	CHECK_EQ(pthread_create(&meddler, NULL, meddle, NULL), 0);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(workers[i].thread, NULL), 0);
	done = 1;
	CHECK_EQ(pthread_join(meddler, NULL), 0);
	return 0;
}
