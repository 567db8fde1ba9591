/* vmrun: --smp 1,4 --timeout 60 */
/*
 * An ordinary program: printf, malloc, qsort, fork, pipe, wait, setjmp, time.
 */
#include "test.h"

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <sys/time.h>

static void
test_printf(void)
{
	char text[200];

	snprintf(text, sizeof(text), "%d %5.2f %s %c %#lx %-6d| %e", -42,
	    3.14159, "string", 'x', 0xdeadbeefUL, 7, 1234.5);
	CHECK(strcmp(text,
		  "-42  3.14 string x 0xdeadbeef 7     | 1.234500e+03") == 0);
	CHECK(sscanf("17 2.5 word", "%*d %*f %199s", text) == 1);
	CHECK(strcmp(text, "word") == 0);
	CHECK(strtod("0x1.8p3", NULL) == 12.0);
}

/* Sizes from a byte to beyond the mmap threshold, in random order. */
static void
test_malloc(void)
{
	enum { N = 400 };
	static struct {
		unsigned char *p;
		size_t size;
	} block[N];
	uint64_t seed = 1;

	for (int round = 0; round < 4000; round++) {
		int i = (int)(random_next(&seed) % N);

		if (block[i].p != NULL) {
			for (size_t k = 0; k < block[i].size;
			     k += block[i].size / 7 + 1)
				CHECK_EQ(block[i].p[k], (unsigned char)i);
			free(block[i].p);
			block[i].p = NULL;
			continue;
		}
		block[i].size = (size_t)1 << random_next(&seed) % 19;
		block[i].size += random_next(&seed) % block[i].size;
		block[i].p = malloc(block[i].size);
		CHECK(block[i].p != NULL);
		memset(block[i].p, i, block[i].size);
	}
	for (int i = 0; i < N; i++)
		free(block[i].p);
	unsigned char *zero = calloc(1000, 1000);

	CHECK(zero != NULL);
	for (size_t i = 0; i < 1000000; i += 997)
		CHECK_EQ(zero[i], 0);
	zero = realloc(zero, 3000000);
	CHECK(zero != NULL);
	zero[2999999] = 1;
	free(zero);
	CHECK(
	    malloc((size_t)PTRDIFF_MAX / (size_t)getpagesize() * 2048) == NULL);
}

static int
by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void
test_qsort(void)
{
	static uint32_t v[50000];
	uint64_t seed = 7, sum = 0, sorted_sum = 0;

	for (size_t i = 0; i < NELEM(v); i++)
		sum += v[i] = random_next(&seed);
	qsort(v, NELEM(v), sizeof(v[0]), by_value);
	for (size_t i = 0; i < NELEM(v); i++) {
		sorted_sum += v[i];
		CHECK(i == 0 || v[i - 1] <= v[i]);
	}
	CHECK(sum == sorted_sum);
}

static void
test_pipe_to_child(void)
{
	int fd[2], status;
	char text[64];
	ssize_t n;
	pid_t pid;

	CHECK(pipe(fd) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(fd[0]);
		dprintf(fd[1], "child of %d", (int)getppid());
		_exit(23);
	}
	close(fd[1]);
	n = read(fd[0], text, sizeof(text) - 1);
	CHECK(n > 0);
	text[n] = '\0';
	CHECK_EQ(atoi(text + strlen("child of ")), getpid());
	CHECK_EQ(read(fd[0], text, sizeof(text)), 0);
	close(fd[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 23);
}

static jmp_buf jump;

static void __attribute__((noinline, noreturn)) leap(int depth)
{
	if (depth == 0)
		longjmp(jump, 5);
	leap(depth - 1);
}

static void
test_setjmp(void)
{
	volatile int passes = 0;
	int value = setjmp(jump);

	passes++;
	if (value == 0)
		leap(50);
	CHECK_EQ(value, 5);
	CHECK_EQ(passes, 2);
}

static void
test_time(void)
{
	struct timeval tv;
	uint64_t t0 = now_ns(), t1;
	clock_t c0 = clock();
	volatile double x = 1;

	CHECK(gettimeofday(&tv, NULL) == 0);
	CHECK(time(NULL) - tv.tv_sec <= 1);
	for (int i = 0; i < 2000000; i++)
		x = x * 1.0000001;
	t1 = now_ns();
	CHECK(t1 > t0);
	CHECK(clock() >= c0);
	CHECK(sqrt(x * x) - x < 1e-9);
	t0 = now_ns();
	usleep(20000);
	CHECK(now_ns() - t0 >= 20000000);
}

int
main(void)
{
	test_printf();
	test_malloc();
	test_qsort();
	for (int i = 0; i < 20; i++)
		test_pipe_to_child();
	test_setjmp();
	test_time();
	printf("libc: all well\n");
	return 0;
}
