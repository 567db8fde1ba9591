/* vmrun: --smp 4 --mem 128M --timeout 240 200 60 */
/* vmrun: --smp 1,2 --mem 64M --timeout 120 20 10 */
/*
 * storm PROCESSES SECONDS: processes that fork, touch, share, protect, unmap
 * and exit at random, with every byte checked.
 */
#include "test.h"

#include <sched.h>

#define AREAS     8
#define MAX_PAGES 24

struct area {
	unsigned char *p;
	size_t pages;
	unsigned char value[MAX_PAGES];
	int shared; /* others write to it: do not look inside */
};

static struct area areas[AREAS];
static uint64_t seed;
static uint64_t deadline;

static void
check_area(const struct area *a)
{
	for (size_t i = 0; i < a->pages && !a->shared; i++) {
		CHECK_EQ(a->p[i * PAGE], a->value[i]);
		CHECK_EQ(a->p[i * PAGE + PAGE - 1], a->value[i]);
	}
}

static void
fill_page(struct area *a, size_t i, unsigned char value)
{
	a->p[i * PAGE] = a->p[i * PAGE + PAGE - 1] = value;
	a->value[i] = value;
}

static void
map_area(struct area *a)
{
	a->pages = 1 + random_next(&seed) % MAX_PAGES;
	a->shared = random_next(&seed) % 8 == 0;
	a->p = mmap(NULL, a->pages * PAGE, RW,
	    MAP_ANONYMOUS | (a->shared ? MAP_SHARED : MAP_PRIVATE), -1, 0);
	if (a->p == MAP_FAILED) {
		CHECK_EQ(errno, ENOMEM);
		a->p = NULL;
		return;
	}
	memset(a->value, 0, sizeof(a->value));
}

static void
change_area(struct area *a)
{
	size_t at = random_next(&seed) % a->pages;
	size_t n = 1 + random_next(&seed) % (a->pages - at);

	switch (random_next(&seed) % 6) {
	case 0:
	case 1:
		for (size_t i = at; i < at + n; i++)
			fill_page(a, i, (unsigned char)random_next(&seed));
		break;
	case 2:
		check_area(a);
		CHECK(munmap(a->p, a->pages * PAGE) == 0);
		a->p = NULL;
		break;
	case 3:
		CHECK(mprotect(a->p + at * PAGE, n * PAGE, PROT_READ) == 0);
		check_area(a);
		CHECK(mprotect(a->p + at * PAGE, n * PAGE, RW) == 0);
		break;
	case 4:
		if (a->shared)
			break;
		CHECK(madvise(a->p + at * PAGE, n * PAGE, MADV_DONTNEED) == 0);
		memset(a->value + at, 0, n);
		break;
	default:
		check_area(a);
	}
}

static void
churn(int steps)
{
	while (steps-- > 0) {
		struct area *a = &areas[random_next(&seed) % AREAS];

		if (a->p == NULL)
			map_area(a);
		else
			change_area(a);
	}
}

/*
 * A family: churn, fork a child that goes on with a copy, wait or not.
 */
static void __attribute__((noreturn)) family(int depth)
{
	int status, children = 0;

	while (now_ns() < deadline) {
		churn(20);
		if (depth < 2 && random_next(&seed) % 4 == 0) {
			uint32_t next = random_next(&seed);
			pid_t pid = fork();

			if (pid == 0) {
				seed ^= next;
				churn(20);
				if (random_next(&seed) % 4 == 0)
					kill(getpid(), SIGKILL);
				if (depth == 0 && random_next(&seed) % 8 == 0)
					family(depth + 2);
				_exit(0);
			}
			CHECK(pid > 0 || errno == EAGAIN || errno == ENOMEM);
			children += pid > 0;
		}
		/* where harts are few children come faster than they go */
		while (children > 0 &&
		    waitpid(-1, &status, children < 4 ? WNOHANG : 0) > 0) {
			CHECK(status == 0 || status == SIGKILL);
			children--;
		}
		if (depth > 0 && random_next(&seed) % 16 == 0)
			break;
	}
	for (int i = 0; i < AREAS; i++)
		if (areas[i].p != NULL)
			check_area(&areas[i]);
	while (children > 0) {
		CHECK(wait(&status) > 0);
		CHECK(status == 0 || status == SIGKILL);
		children--;
	}
	_exit(0);
}

int
main(int argc, char **argv)
{
	int procs = argc > 1 ? atoi(argv[1]) : 20;
	int seconds = argc > 2 ? atoi(argv[2]) : 5;
	int status, started = 0;

	deadline = now_ns() + (uint64_t)seconds * 1000000000u;
	for (int i = 0; i < procs; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			seed = (uint64_t)i * 7919 + 12345;
			family(0);
		}
		CHECK(pid > 0);
		started++;
	}
	while (started-- > 0) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
	printf("storm: %d processes, %d s\n", procs, seconds);
	return 0;
}
