/* vmrun: --smp 1,4 --mem 192M --timeout 90 */
/*
 * mremap: in place and elsewhere, what it leaves, what it refuses, and that it
 * moves no byte.
 */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4
#endif

static unsigned char vec[65536];

static int
mapped(void *p)
{
	return mincore(p, PAGE, vec) == 0;
}

static void
number(char *p, size_t pages, int base)
{
	for (size_t i = 0; i < pages; i++)
		*(size_t *)(void *)(p + i * PAGE) = i + (size_t)base;
}

static int
numbered(char *p, size_t pages, int base)
{
	for (size_t i = 0; i < pages; i++)
		if (*(size_t *)(void *)(p + i * PAGE) != i + (size_t)base)
			return 0;
	return 1;
}

static int
zeroed(char *p, size_t pages)
{
	for (size_t i = 0; i < pages * PAGE; i++)
		if (p[i] != 0)
			return 0;
	return 1;
}

static long
faults(void)
{
	struct rusage ru;

	CHECK(getrusage(RUSAGE_SELF, &ru) == 0);
	return ru.ru_minflt;
}

/* How many lines of /proc/self/maps lie in [p, p + len)? */
static int
map_lines(char *p, size_t len)
{
	FILE *f = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[512];
	int n = 0;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		CHECK(sscanf(line, "%lx-%lx", &from, &to) == 2);
		if (from < (uintptr_t)p + len && to > (uintptr_t)p) {
			CHECK(from >= (uintptr_t)p && to <= (uintptr_t)p + len);
			n++;
		}
	}
	fclose(f);
	return n;
}

static long
size_kb(const char *what)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = -1;

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, what, strlen(what)) == 0)
			kb = atol(line + strlen(what));
	fclose(f);
	return kb;
}

/* -- In place -------------------------------------------------------------------- */

static void
test_shrink(void)
{
	char *p = map_anon(8 * PAGE);
	long before;

	number(p, 8, 1);
	before = size_kb("VmSize:");
	CHECK(mremap(p, 8 * PAGE, 3 * PAGE, 0) == p);
	CHECK_EQ(size_kb("VmSize:"), before - 20);
	CHECK(numbered(p, 3, 1) && !mapped(p + 3 * PAGE));
	/* sizes are rounded up; the same size changes nothing */
	CHECK(mremap(p, 2 * PAGE + 1, 2 * PAGE + 7, 0) == p);
	CHECK(mapped(p + 2 * PAGE));
	/* what is cut off may have holes, and other mappings */
	CHECK(mmap(p + 5 * PAGE, PAGE, PROT_READ, ANON | MAP_FIXED, -1, 0) ==
	    p + 5 * PAGE);
	CHECK(mremap(p, 6 * PAGE, PAGE, MREMAP_MAYMOVE) == p);
	CHECK(!mapped(p + PAGE) && !mapped(p + 5 * PAGE));
	CHECK(munmap(p, PAGE) == 0);
}

static void
test_grow(void)
{
	char *p = map_anon(16 * PAGE);
	long before;

	number(p, 4, 5);
	CHECK(munmap(p + 4 * PAGE, 12 * PAGE) == 0);
	before = size_kb("VmSize:");
	for (size_t n = 4; n < 12; n++) {
		CHECK(mremap(p, n * PAGE, (n + 1) * PAGE, 0) == p);
		CHECK(zeroed(p + n * PAGE, 1));
		*(size_t *)(void *)(p + n * PAGE) = n + 5;
	}
	CHECK_EQ(size_kb("VmSize:"), before + 32);
	CHECK(numbered(p, 12, 5));
	CHECK_EQ(map_lines(p, 12 * PAGE), 1);
	/* something is in the way */
	CHECK(mmap(p + 13 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0) ==
	    p + 13 * PAGE);
	CHECK_ERRNO(mremap(p, 12 * PAGE, 14 * PAGE, 0), ENOMEM);
	CHECK(mremap(p, 12 * PAGE, 13 * PAGE, 0) == p);
	/* only the end of a mapping grows */
	CHECK_ERRNO(mremap(p, 4 * PAGE, 5 * PAGE, 0), ENOMEM);
	CHECK(numbered(p, 12, 5));
	CHECK(munmap(p, 14 * PAGE) == 0);
}

/* -- Moving ----------------------------------------------------------------------- */

static void
test_move(void)
{
	char *p = map_anon(9 * PAGE), *q;

	CHECK(mmap(p + 8 * PAGE, PAGE, PROT_NONE, ANON | MAP_FIXED, -1, 0) ==
	    p + 8 * PAGE);
	number(p, 8, 3);
	q = mremap(p, 8 * PAGE, 100 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	CHECK(!mapped(p) && !mapped(p + 7 * PAGE) && mapped(p + 8 * PAGE));
	CHECK(numbered(q, 8, 3) && zeroed(q + 8 * PAGE, 92));
	CHECK_EQ(map_lines(q, 100 * PAGE), 1);
	number(q, 100, 4);
	CHECK(munmap(p + 8 * PAGE, PAGE) == 0);

	/* the middle of a mapping, onto another one */
	p = map_anon(20 * PAGE);
	number(p, 20, 50);
	CHECK(mremap(q + 10 * PAGE, 5 * PAGE, 5 * PAGE,
		  MREMAP_MAYMOVE | MREMAP_FIXED, p + 4 * PAGE) == p + 4 * PAGE);
	CHECK(numbered(p, 4, 50) && numbered(p + 9 * PAGE, 11, 59));
	CHECK(numbered(p + 4 * PAGE, 5, 14));
	CHECK(!mapped(q + 10 * PAGE) && numbered(q, 10, 4) &&
	    numbered(q + 15 * PAGE, 85, 19));
	/* smaller: the rest goes */
	CHECK(mremap(p, 4 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
		  q + 11 * PAGE) == q + 11 * PAGE);
	CHECK(!mapped(p) && !mapped(p + 3 * PAGE) && mapped(p + 4 * PAGE));
	CHECK(numbered(q + 11 * PAGE, 2, 50));
	/* and larger */
	CHECK(mremap(q + 11 * PAGE, 2 * PAGE, 4 * PAGE,
		  MREMAP_MAYMOVE | MREMAP_FIXED, p) == p);
	CHECK(numbered(p, 2, 50) && zeroed(p + 2 * PAGE, 2));
	CHECK(munmap(p, 20 * PAGE) == 0 && munmap(q, 100 * PAGE) == 0);
}

static void
test_dontunmap(void)
{
	char *p = map_anon(6 * PAGE), *q;
	int fd;

	number(p, 6, 8);
	q = mremap(p + PAGE, 4 * PAGE, 4 * PAGE,
	    MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL);
	CHECK(q != MAP_FAILED && q != p + PAGE);
	CHECK(numbered(q, 4, 9));
	CHECK(zeroed(p + PAGE, 4));
	CHECK(numbered(p, 1, 8) && numbered(p + 5 * PAGE, 1, 13));
	number(p + PAGE, 4, 100);
	CHECK(numbered(q, 4, 9) && numbered(p + PAGE, 4, 100));
	/* again, to where it came from */
	CHECK(mremap(q, 4 * PAGE, 4 * PAGE,
		  MREMAP_MAYMOVE | MREMAP_DONTUNMAP | MREMAP_FIXED,
		  p + PAGE) == p + PAGE);
	CHECK(numbered(p, 6, 8) && zeroed(q, 4));
	CHECK_ERRNO(
	    mremap(p, 2 * PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL),
	    EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, PAGE, MREMAP_DONTUNMAP, NULL), EINVAL);
	CHECK(munmap(p, 6 * PAGE) == 0 && munmap(q, 4 * PAGE) == 0);
	if (on_peer())
		return; /* newer ones take other mappings, too */
	p = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(
	    mremap(p, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL),
	    EINVAL);
	fd = open("/proc/self/exe", O_RDONLY);
	q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(q != MAP_FAILED);
	CHECK_ERRNO(
	    mremap(q, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL),
	    EINVAL);
	CHECK(close(fd) == 0 && munmap(p, PAGE) == 0 && munmap(q, PAGE) == 0);
}

/* -- Other kinds of memory ------------------------------------------------------------ */

static void
test_twice(void)
{
	char *p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char *q, *r;

	number(p, 3, 1);
	q = mremap(p + PAGE, 0, 3 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && numbered(q, 2, 2));
	number(q, 3, 70);
	CHECK(numbered(p + PAGE, 3, 70) && numbered(p, 1, 1));
	r = map_anon(4 * PAGE);
	CHECK(mremap(p, 0, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r + PAGE) ==
	    r + PAGE);
	CHECK(munmap(p, 4 * PAGE) == 0);
	CHECK(numbered(r + PAGE, 1, 1) && numbered(r + 2 * PAGE, 1, 70));
	number(r + 2 * PAGE, 1, 99);
	CHECK(numbered(q, 1, 99));
	CHECK_ERRNO(mremap(q, 0, PAGE, 0), ENOMEM);
	CHECK_ERRNO(mremap(r, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
	CHECK(munmap(q, 3 * PAGE) == 0 && munmap(r, 4 * PAGE) == 0);
}

/* A child keeps its copy, in its place. */
static char *forked;

static void
child_moves(void)
{
	char *q = mremap(forked, 8 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);

	CHECK(q != MAP_FAILED && numbered(q, 8, 1));
	number(q, 8, 1000);
	CHECK(numbered(q, 8, 1000));
}

static void
test_fork(void)
{
	char *q;

	forked = map_anon(8 * PAGE);
	number(forked, 8, 1);
	CHECK_CHILD(child_moves);
	CHECK(numbered(forked, 8, 1));
	/* shared memory stays shared wherever it goes */
	q = mmap(NULL, 8 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(q != MAP_FAILED);
	number(q, 8, 1);
	CHECK(munmap(forked, 8 * PAGE) == 0);
	forked = q;
	CHECK_CHILD(child_moves);
	CHECK(numbered(forked, 8, 1000));
	CHECK(munmap(forked, 8 * PAGE) == 0);
}

static void
test_file(void)
{
	char *p, *q, buf[8];
	int fd = open("/tmp/mremap", O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)(16 * PAGE)) == 0);
	p = mmap(NULL, 16 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	number(p, 16, 0);
	CHECK(munmap(p, 16 * PAGE) == 0);
	p = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, (off_t)(2 * PAGE));
	CHECK(p != MAP_FAILED && numbered(p, 4, 2));
	q = mremap(p + PAGE, 3 * PAGE, 13 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && numbered(q, 13, 3) && numbered(p, 1, 2));
	memcpy(q + 2 * PAGE, "to disk", 8);
	CHECK(msync(q, 13 * PAGE, MS_SYNC) == 0);
	CHECK(pread(fd, buf, 8, (off_t)(5 * PAGE)) == 8);
	CHECK(strcmp(buf, "to disk") == 0);
	CHECK(munmap(p, PAGE) == 0 && munmap(q, 13 * PAGE) == 0);
	/* private, partly written */
	p = mmap(NULL, 4 * PAGE, RW, MAP_PRIVATE, fd, (off_t)(8 * PAGE));
	CHECK(p != MAP_FAILED);
	number(p + PAGE, 2, 500);
	q = mremap(p, 4 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && numbered(q, 1, 8) &&
	    numbered(q + PAGE, 2, 500) && numbered(q + 3 * PAGE, 5, 11));
	number(q, 8, 900);
	CHECK(munmap(q, 8 * PAGE) == 0);
	/* neighbours that do not follow each other are two */
	p = map_anon(2 * PAGE);
	for (int i = 0; i < 2; i++)
		CHECK(
		    mmap(p + (size_t)i * PAGE, PAGE, RW, MAP_SHARED | MAP_FIXED,
			fd, (off_t)PAGE) != MAP_FAILED);
	CHECK_ERRNO(mremap(p, 2 * PAGE, 9 * PAGE, MREMAP_MAYMOVE), EFAULT);
	CHECK(munmap(p, 2 * PAGE) == 0);
	/* the largest offset there is */
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, INT64_MAX - 2 * 4096 + 1);
	if (p != MAP_FAILED && !on_peer()) {
		CHECK_ERRNO(mremap(p, PAGE, 9 * PAGE, MREMAP_MAYMOVE), EINVAL);
		CHECK(munmap(p, PAGE) == 0);
	}
	CHECK(close(fd) == 0 && unlink("/tmp/mremap") == 0);
}

/* -- Wired memory, limits --------------------------------------------------------------- */

static void
test_locked(void)
{
	char *p = map_anon(16 * PAGE), *q;
	long before = size_kb("VmLck:");

	CHECK(mlock(p, 16 * PAGE) == 0);
	number(p, 16, 7);
	CHECK_EQ(size_kb("VmLck:"), before + 64);
	q = mremap(p, 16 * PAGE, 600 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && numbered(q, 16, 7));
	CHECK_EQ(size_kb("VmLck:"), before + 2400);
	CHECK(mincore(q, 600 * PAGE, vec) == 0);
	for (int i = 0; i < 600; i++)
		CHECK(vec[i] & 1);
	CHECK(mremap(q, 600 * PAGE, 20 * PAGE, 0) == q);
	CHECK_EQ(size_kb("VmLck:"), before + 80);
	CHECK(mremap(q, 20 * PAGE, 30 * PAGE, 0) == q);
	CHECK_EQ(size_kb("VmLck:"), before + 120);
	CHECK(munlock(q, 30 * PAGE) == 0);
	CHECK_EQ(size_kb("VmLck:"), before);
	CHECK(numbered(q, 16, 7) && munmap(q, 30 * PAGE) == 0);
}

static void
limit_space(void)
{
	struct rlimit rl = { 64 << 20, 64 << 20 };
	char *p = map_anon(16 << 20), *q;

	CHECK(setrlimit(RLIMIT_AS, &rl) == 0);
	CHECK_ERRNO(mremap(p, 16 << 20, 80 << 20, MREMAP_MAYMOVE), ENOMEM);
	CHECK_ERRNO(mremap(p, 16 << 20, 80 << 20, 0), ENOMEM);
	q = mremap(p, 16 << 20, 40 << 20, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED);
	/* a move needs nothing, whatever it replaces goes first */
	CHECK(mremap(q, 20 << 20, 20 << 20, MREMAP_MAYMOVE | MREMAP_FIXED,
		  q + (20 << 20)) == q + (20 << 20));
	/* leaving one there does */
	CHECK(mmap(NULL, 24 << 20, PROT_NONE, ANON, -1, 0) != MAP_FAILED);
	CHECK_ERRNO(mremap(q + (20 << 20), 20 << 20, 20 << 20,
			MREMAP_MAYMOVE | MREMAP_DONTUNMAP, NULL),
	    ENOMEM);
	CHECK(mremap(q + (20 << 20), 20 << 20, 1 << 20, 0) == q + (20 << 20));
	/* in place it counts as well */
	CHECK(mremap(q + (20 << 20), 1 << 20, 14 << 20, 0) == q + (20 << 20));
	CHECK_ERRNO(mmap(NULL, 30 << 20, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERRNO(mremap(q + (20 << 20), 14 << 20, 44 << 20, 0), ENOMEM);
}

static void
test_limits(void)
{
	CHECK_CHILD(limit_space);
}

static void
test_errors(void)
{
	const int fixed = MREMAP_MAYMOVE | MREMAP_FIXED;
	char *p = map_anon(8 * PAGE), *high = (char *)(uintptr_t)0x3ffffff000;

	CHECK_ERRNO(mremap(p + 1, PAGE, 2 * PAGE, 0), EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, 0, 0), EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, 2 * PAGE, 8), EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, PAGE, MREMAP_FIXED, high), EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, PAGE, fixed, p + 4 * PAGE + 1), EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, 2 * PAGE, fixed, high), EINVAL);
	CHECK_ERRNO(mremap(p, 4 * PAGE, PAGE, fixed, p + 3 * PAGE), EINVAL);
	CHECK_ERRNO(mremap(p + PAGE, PAGE, 2 * PAGE, fixed, p), EINVAL);
	CHECK_ERRNO(mremap(p, 0, PAGE, MREMAP_MAYMOVE), EINVAL);
	CHECK_ERRNO(mremap(p, PAGE, (size_t)1 << 40, MREMAP_MAYMOVE), ENOMEM);
	CHECK_ERRNO(mremap(bad_pointer, PAGE, PAGE, 0), EINVAL);
	CHECK_ERRNO(
	    mremap((char *)bad_pointer - 16, PAGE, 2 * PAGE, 0), EFAULT);
	CHECK(munmap(p + 4 * PAGE, PAGE) == 0);
	CHECK_ERRNO(mremap(p + 4 * PAGE, PAGE, 2 * PAGE, 1), EFAULT);
	CHECK_ERRNO(mremap(p + 3 * PAGE, 3 * PAGE, 9 * PAGE, 1), EFAULT);
	CHECK(mprotect(p + PAGE, PAGE, PROT_READ) == 0);
	CHECK_ERRNO(mremap(p, 2 * PAGE, 9 * PAGE, MREMAP_MAYMOVE), EFAULT);
	CHECK(munmap(p, 8 * PAGE) == 0);
	if (on_peer())
		return;
	p = map_anon(2 * PAGE);
	CHECK(mimmutable(p, PAGE) == 0);
	CHECK_ERRNO(mremap(p, PAGE, PAGE, fixed, p + 9 * PAGE), EPERM);
	CHECK_ERRNO(mremap(p, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EPERM);
	CHECK_ERRNO(mremap(p + PAGE, PAGE, PAGE, fixed, p), EPERM);
}

/* -- Cost ---------------------------------------------------------------------------- */

/* Nothing is copied nor faulted again: 64 MiB, grown by what realloc calls. */
static void
test_realloc(void)
{
	size_t mib = 1 << 20, size = 64 * mib;
	char *block = malloc(size), *old;
	long before;

	CHECK(block != NULL);
	for (size_t i = 0; i < size; i += PAGE)
		block[i + 100] = (char)(i / PAGE);
	old = map_anon(PAGE); /* nothing is to follow the block for long */
	before = faults();
	for (; size < 80 * mib; size += 4 * mib) {
		block = realloc(block, size + 4 * mib);
		CHECK(block != NULL);
	}
	for (size_t i = 0; i < 64 * mib; i += PAGE)
		CHECK_EQ(block[i + 100], (char)(i / PAGE));
	CHECK(faults() - before < 50);
	free(block);
	CHECK(munmap(old, PAGE) == 0);
}

/* -- Threads ----------------------------------------------------------------------------- */

#define N      64
#define ROUNDS 200

static volatile int stop;

static void *
disturb(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	char *p;

	while (!stop) {
		size_t n = 1 + random_next(&seed) % 40;

		p = map_anon(n * PAGE);
		number(p, n, 5);
		p = mremap(p, n * PAGE, (n + 30) * PAGE, MREMAP_MAYMOVE);
		CHECK(p != MAP_FAILED && numbered(p, n, 5));
		CHECK(zeroed(p + n * PAGE, 30));
		CHECK(munmap(p, (n + 30) * PAGE) == 0);
	}
	return NULL;
}

/* Many threads of one address space; each one's memory stays its own. */
static void
test_threads(void)
{
	char *p = map_anon(2 * N * PAGE), *q = p + N * PAGE, *t;
	pthread_t th[3];

	number(p, N, 0);
	for (size_t i = 0; i < NELEM(th); i++)
		CHECK(pthread_create(&th[i], NULL, disturb, (void *)(i + 1)) ==
		    0);
	for (int r = 0; r < ROUNDS; r++) {
		CHECK(mremap(p, N * PAGE, N * PAGE,
			  MREMAP_MAYMOVE | MREMAP_FIXED, q) == q);
		CHECK(numbered(q, N, r));
		number(q, N, r + 1);
		/* somebody else may have the place by now */
		t = mmap(
		    p, N * PAGE, PROT_NONE, ANON | MAP_FIXED_NOREPLACE, -1, 0);
		CHECK(t == p || errno == EEXIST);
		if (t != p)
			p = map_anon(N * PAGE);
		t = p;
		p = q;
		q = t;
	}
	stop = 1;
	for (size_t i = 0; i < NELEM(th); i++)
		CHECK(pthread_join(th[i], NULL) == 0);
	CHECK(munmap(p, N * PAGE) == 0 && munmap(q, N * PAGE) == 0);
}

int
main(void)
{
	test_shrink();
	test_grow();
	test_move();
	test_dontunmap();
	test_twice();
	test_fork();
	test_file();
	test_locked();
	test_limits();
	test_errors();
	test_realloc();
	test_threads();
	return 0;
}
