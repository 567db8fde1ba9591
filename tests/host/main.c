/*
 * Runs the host tests: shuffled by a seed, each in a process of its own,
 * results as TAP.
 */

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "test.h"

#define EXIT_SKIP  77 /* status of a child that skipped its test */
#define TIME_LIMIT 300 /* seconds for one test */

void panic(const char *fmt, ...)
    __attribute__((__format__(__printf__, 1, 2), __noreturn__));
void kassert_fail(const char *expr, const char *file, int line,
    const char *func) __attribute__((__noreturn__));

static struct test *tests; /* all of them; filled by constructors */
static unsigned int ntests; /* how many */
static uint64_t seed; /* of this run */
static uint64_t state; /* of the generator */
static bool verbose; /* show what tests print that pass */
static const char *rerun = "test-host"; /* make target that runs us */

void
test_register(struct test *t)
{
	t->next = tests;
	tests = t;
	ntests++;
}

/* splitmix64: passes every test of randomness a test needs. */
uint64_t
test_rnd(void)
{
	uint64_t z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t
test_below(uint64_t n)
{
	return test_rnd() % n;
}

void
test_fail(const char *file, int line, const char *what)
{
	printf("# %s:%d: failed: %s\n", file, line, what);
	exit(EXIT_FAILURE);
}

void
test_check_eq(
    const char *file, int line, const char *what, uint64_t a, uint64_t b)
{
	if (a == b)
		return;
	printf("# 0x%jx (%jd) and 0x%jx (%jd)\n", (uintmax_t)a, (intmax_t)a,
	    (uintmax_t)b, (intmax_t)b);
	test_fail(file, line, what);
}

void
test_check_str(
    const char *file, int line, const char *what, const char *a, const char *b)
{
	if (a == b || (a != NULL && b != NULL && strcmp(a, b) == 0))
		return;
	printf("# \"%s\" and \"%s\"\n", a == NULL ? "(null)" : a,
	    b == NULL ? "(null)" : b);
	test_fail(file, line, what);
}

void
test_skip(const char *why)
{
	printf("# skipped: %s\n", why);
	exit(EXIT_SKIP);
}

void
test_note(const char *fmt, ...)
{
	va_list ap;

	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

uint8_t *
test_read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	uint8_t *p;
	long n;

	if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (n = ftell(f)) < 0) {
		test_note("%s: %s", path, strerror(errno));
		test_fail(__FILE__, __LINE__, "file can be read");
	}
	rewind(f);
	p = malloc(n > 0 ? n : 1);
	if (p == NULL || fread(p, 1, n, f) != (size_t)n)
		test_fail(__FILE__, __LINE__, "file can be read");
	fclose(f);
	*size = n;
	return p;
}

/* What the code under test calls when an assertion of its own fails. */
void
panic(const char *fmt, ...)
{
	va_list ap;

	printf("# panic: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	abort();
}

void
kassert_fail(const char *expr, const char *file, int line, const char *func)
{
	panic("%s:%d: %s: assertion \"%s\" failed", file, line, func, expr);
}

/* The generator's state at the start of a test: seed and name, mixed. */
static void
seed_test(const struct test *t)
{
	const char *c;

	state = seed;
	for (c = t->name; *c != '\0'; c++)
		state = state * 1099511628211 + (unsigned char)*c;
	test_rnd();
}

/* Show what a test that failed has printed, as TAP comments. */
static void
show(FILE *log)
{
	char line[1000];

	rewind(log);
	while (fgets(line, sizeof(line), log) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		printf("%s%s\n", line[0] == '#' ? "" : "# ", line);
	}
}

static int
run(const struct test *t)
{
	FILE *log = tmpfile();
	int status;
	pid_t pid;

	fflush(stdout);
	pid = log == NULL ? -1 : fork();
	if (pid == 0) {
		dup2(fileno(log), STDOUT_FILENO);
		dup2(fileno(log), STDERR_FILENO);
		setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
		alarm(TIME_LIMIT);
		seed_test(t);
		t->fn();
		exit(EXIT_SUCCESS);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		perror("fork");
		exit(EXIT_FAILURE);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS ||
	    verbose)
		show(log);
	fclose(log);
	if (WIFSIGNALED(status))
		printf("# killed by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(
	    (*(struct test *const *)a)->name, (*(struct test *const *)b)->name);
}

/* All tests in an array, sorted by name; names must be unique. */
static struct test **
collect(void)
{
	struct test **v = calloc(ntests + 1, sizeof(*v)), *t;
	unsigned int i = 0;

	for (t = tests; t != NULL; t = t->next)
		v[i++] = t;
	qsort(v, ntests, sizeof(*v), by_name);
	for (i = 1; i < ntests; i++) {
		if (strcmp(v[i - 1]->name, v[i]->name) == 0) {
			fprintf(stderr, "two tests are called %s: %s, %s\n",
			    v[i]->name, v[i - 1]->file, v[i]->file);
			exit(EXIT_FAILURE);
		}
	}
	return v;
}

/* Keep only the named one. */
static void
select_name(struct test **v, const char *name)
{
	unsigned int i;

	for (i = 0; i < ntests; i++) {
		if (strcmp(v[i]->name, name) == 0) {
			v[0] = v[i];
			ntests = 1;
			return;
		}
	}
	fprintf(stderr, "no test is called %s; --list shows them\n", name);
	exit(EXIT_FAILURE);
}

static void
shuffle(struct test **v)
{
	struct test *t;
	unsigned int i, j;

	state = seed;
	for (i = ntests; i > 1; i--) {
		j = test_below(i);
		t = v[i - 1];
		v[i - 1] = v[j];
		v[j] = t;
	}
}

static int
run_all(struct test **v)
{
	unsigned int i, passed = 0, failed = 0, skipped = 0;

	printf("TAP version 13\n1..%u\n# seed %ju\n", ntests, (uintmax_t)seed);
	for (i = 0; i < ntests; i++) {
		switch (run(v[i])) {
		case EXIT_SUCCESS:
			passed++;
			printf("ok %u - %s\n", i + 1, v[i]->name);
			break;
		case EXIT_SKIP:
			skipped++;
			printf("ok %u - %s # SKIP\n", i + 1, v[i]->name);
			break;
		default:
			failed++;
			printf("not ok %u - %s\n", i + 1, v[i]->name);
			printf("# rerun: make %s T=%s SEED=%ju\n", rerun,
			    v[i]->name, (uintmax_t)seed);
			break;
		}
	}
	printf("%u passed, %u failed, %u skipped\n", passed, failed, skipped);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void
usage(void)
{
	fprintf(stderr,
	    "usage: run-tests [--list] [--name NAME] [--seed N] "
	    "[--nofork] [--rerun TARGET]\n"
	    "  --nofork  with --name: run in this process, for a debugger\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	struct test **v = collect();
	bool list = false, nofork = false;
	const char *name = NULL;
	unsigned int i;
	int a, status;

	seed = (uint64_t)time(NULL) * 1000003 + getpid();
	seed %= 1000000000;
	for (a = 1; a < argc; a++) {
		bool more = a + 1 < argc;

		if (strcmp(argv[a], "--list") == 0)
			list = true;
		else if (strcmp(argv[a], "--nofork") == 0)
			nofork = true;
		else if (strcmp(argv[a], "--name") == 0 && more)
			name = argv[++a];
		else if (strcmp(argv[a], "--rerun") == 0 && more)
			rerun = argv[++a];
		else if (strcmp(argv[a], "--seed") == 0 && more &&
		    isdigit((unsigned char)argv[a + 1][0]))
			seed = strtoull(argv[++a], NULL, 0);
		else
			usage();
	}
	verbose = name != NULL;
	if (name != NULL)
		select_name(v, name);
	for (i = 0; list && i < ntests; i++)
		printf("%s\t%s\n", v[i]->name, v[i]->file);
	if (list) {
		free(v);
		return EXIT_SUCCESS;
	}
	if (nofork && name != NULL) {
		seed_test(v[0]);
		v[0]->fn();
		return EXIT_SUCCESS;
	}
	shuffle(v);
	status = run_all(v);
	free(v);
	return status;
}
