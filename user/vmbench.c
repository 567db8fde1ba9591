/*
 * vmbench: what operations on virtual memory cost.
 *
 * One static program, no threads, only plain system calls: mmap, munmap,
 * mprotect, madvise, mlock, munlock, brk, fork (clone), wait4, execve, pipe,
 * read, write, close, open, fstat, getppid, exit.  The same binary runs here
 * and on Linux (scripts/bench, scripts/linrun), so that the two can be
 * compared.  A test that fails, or dies, does not keep the others from being
 * run.
 *
 *	vmbench [-l] [-s percent] [-r reps] [-f file] [-m MiB] [glob ...]
 *	-l	list the tests and exit
 *	-s	scale the iteration counts and the large areas, in percent
 *	-r	repetitions of each test (5)
 *	-f	file for fault_file_private (test skipped without it)
 *	-m	size in MiB of the working set of swap_stress (skipped without)
 *
 * Each test prints one line,
 *	vmbench <name> <best> <unit> (min of <reps>, median <median>)
 * where the unit says what one operation is.  The clock is the `time' CSR,
 * which user mode must be able to read.  Under `qemu -icount shift=0' a guest
 * instruction takes exactly one nanosecond of virtual time, so ns/page then
 * reads as instructions per page; calib_1000i is there to verify that.
 *
 * What is not to be measured (setting up a mapping, filling it, tearing it
 * down) lies outside the timed region, and every timed region is long
 * compared with the 100 ns resolution of the clock.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE     ((size_t)4096)
#define MiB(n)   ((size_t)(n) << 20)
#define TICK_NS  100 /* period of the `time' CSR on QEMU virt */
#define MAX_REPS 100
#define SPLIT    10000 /* pairs of one-page entries in a split map */
#define RW       (PROT_READ | PROT_WRITE)

/*
 * One repetition of a test.  The driver sets up n, arg, and len bytes of
 * memory at p; the test function fills in the rest by BEGIN and END.
 */
struct run {
	size_t n, len;
	char *p;
	int arg;
	uint64_t start, ns, ops; /* ops == 0: test skipped */
};

struct test {
	const char *name;
	void (*fn)(struct run *);
	const char *op; /* unit of work; with a slash: print a rate */
	size_t n; /* iterations, subject to -s */
	size_t len; /* bytes of anonymous memory for the test */
	/* untouched private or shared; populated; the same in a child */
	enum { NONE, FRESH, SHARED, DIRTY, FORKED } kind;
	int arg; /* variant, see the test function */
};

static const char *self; /* argv[0], for fork_exec */
static const char *current = "startup"; /* running test, for failed() */
static const char *opt_file;
static unsigned opt_scale = 100, opt_reps = 5;
static size_t opt_swap_mib;

/* -- Tools ---------------------------------------------------------------- */

static void
say(const char *format, ...)
{
	char line[200];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof line, format, ap);
	va_end(ap);
	if (write(STDOUT_FILENO, line, strlen(line)) < 0)
		_exit(2);
}

/* A test that cannot go on gives up its process. */
#define CHECK(e) ((e) ? (void)0 : failed(#e))

static void
failed(const char *what)
{
	say("vmbench %s FAILED: %s, errno %d\n", current, what, errno);
	_exit(1);
}

static inline uint64_t
now(void)
{
	uint64_t ticks;

	__asm__ volatile("rdtime %0" : "=r"(ticks) : : "memory");
	return ticks * TICK_NS;
}

#define BEGIN(r)  ((r)->start = now())
#define END(r, n) ((r)->ns = now() - (r)->start, (r)->ops = (n))

static char *
map(size_t len, int flags)
{
	void *p = mmap(NULL, len, RW, flags | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static inline void
write_pages(volatile char *p, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		p[i] = 1;
}

static inline void
read_pages(const volatile char *p, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		(void)p[i];
}

/* Wait for a child (pid < 0: any) that must have ended with status 0. */
static void
reap(pid_t pid)
{
	int status = 0;

	CHECK(waitpid(pid, &status, 0) > 0 && status == 0);
}

/* Let a child process execute the test function. */
static void
in_child(struct run *r, void (*fn)(struct run *))
{
	int fd[2];
	pid_t pid;

	CHECK(pipe(fd) == 0);
	if ((pid = fork()) == 0) {
		fn(r);
		CHECK(write(fd[1], r, sizeof *r) == sizeof *r);
		_exit(0);
	}
	reap(pid);
	CHECK(read(fd[0], r, sizeof *r) == sizeof *r);
	close(fd[0]), close(fd[1]);
}

/* Pseudo-random numbers: an index put through an invertible mixer. */
static inline uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 33) * UINT64_C(0xff51afd7ed558ccd);
	x = (x ^ x >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 33;
}

/* A fixed random order of the first SPLIT integers. */
static const uint16_t *
random_order(void)
{
	static uint16_t order[SPLIT];

	for (size_t i = 0; i < SPLIT; i++) {
		size_t j = mix(i) % (i + 1);

		order[i] = order[j];
		order[j] = (uint16_t)i;
	}
	return order;
}

/* -- Yardsticks: the clock, and the least that page-sized work can cost --- */

/* One operation is 1000 instructions: 100 rounds of 8 + 2. */
static void
calib_1000i(struct run *r)
{
	uint64_t rounds = r->n * 100, junk = 0;

	BEGIN(r);
	__asm__ volatile("1: .rept 8; addi %1, %1, 1; .endr;"
			 "addi %0, %0, -1; bnez %0, 1b"
			 : "+r"(rounds), "+r"(junk));
	END(r, r->n);
}

/*
 * Zero, or if arg is set copy, a page in the TLB: 512 sd (and ld), and two
 * (three) loop instructions for each 32 of them, three more for each page.
 */
static void
floor_page(struct run *r)
{
	char *d, *s, *to = r->p + PAGE;
	uint64_t w;

	BEGIN(r);
	for (size_t i = 0; i < r->n; i++) {
		d = r->p, s = to;
		if (r->arg)
			__asm__ volatile(
			    "1: .set off, 0; .rept 32;"
			    "ld %2, off(%1); sd %2, off(%0);"
			    ".set off, off + 8; .endr; addi %0, %0, 256;"
			    "addi %1, %1, 256; bne %0, %3, 1b"
			    : "+&r"(d), "+&r"(s), "=&r"(w)
			    : "r"(to)
			    : "memory");
		else
			__asm__ volatile(
			    "1: .set off, 0; .rept 32;"
			    "sd zero, off(%0); .set off, off + 8; .endr;"
			    "addi %0, %0, 256; bne %0, %1, 1b"
			    : "+&r"(d)
			    : "r"(to)
			    : "memory");
	}
	END(r, r->n);
}

/* -- System calls and processes ------------------------------------------- */

static void
null_syscall(struct run *r)
{
	BEGIN(r);
	for (size_t i = 0; i < r->n; i++)
		(void)getppid();
	END(r, r->n);
}

/* One byte to a second process and back: 2 writes, 2 reads, 2 switches. */
static void
ctxsw_pipe(struct run *r)
{
	int ping[2], pong[2];
	char c = 'x';
	pid_t pid;

	CHECK(pipe(ping) == 0 && pipe(pong) == 0);
	pid = fork();
	for (size_t i = 0; i < r->n + 1; i++) {
		if (i == 1) /* both are up and running now */
			BEGIN(r);
		if (pid != 0)
			CHECK(write(ping[1], &c, 1) == 1);
		CHECK(read(pid != 0 ? pong[0] : ping[0], &c, 1) == 1);
		if (pid == 0)
			CHECK(write(pong[1], &c, 1) == 1);
	}
	END(r, r->n);
	if (pid == 0)
		_exit(0);
	reap(pid);
	close(ping[0]), close(ping[1]), close(pong[0]), close(pong[1]);
}

/*
 * fork, exit of the child, wait; the parent owns len bytes of dirty memory.
 * If arg is set, the child executes this program again, to exit at once.
 */
static void
fork_child(struct run *r)
{
	char *argv[] = { (char *)self, "-X", NULL }, *envp[] = { NULL };
	pid_t pid;

	BEGIN(r);
	for (size_t i = 0; i < r->n; i++) {
		if ((pid = fork()) == 0) {
			if (r->arg)
				CHECK(execve(self, argv, envp) == 0);
			_exit(0);
		}
		reap(pid);
	}
	END(r, r->n);
}

/* -- Page faults ---------------------------------------------------------- */

/* Write to each page: a zero-fill fault if the memory is fresh. */
static void
fault_write(struct run *r)
{
	BEGIN(r);
	write_pages(r->p, r->len);
	END(r, r->len / PAGE);
}

static void
fault_read(struct run *r)
{
	BEGIN(r);
	read_pages(r->p, r->len);
	END(r, r->len / PAGE);
}

/* Write faults on memory that was populated and has been discarded. */
static void
fault_again(struct run *r)
{
	CHECK(madvise(r->p, r->len, MADV_DONTNEED) == 0);
	fault_write(r);
}

/* Read each page through a private mapping of a file that is in memory. */
static void
fault_file(struct run *r)
{
	int fd, pages = 0;

	if (opt_file == NULL)
		return; /* skipped */
	CHECK((fd = open(opt_file, O_RDONLY)) >= 0);
	while (read(fd, r->p, PAGE) == (ssize_t)PAGE)
		pages++; /* it is in memory after that */
	munmap(r->p, r->len);
	r->len = (size_t)pages * PAGE;
	r->p = mmap(NULL, r->len, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(r->p != MAP_FAILED);
	fault_read(r);
	close(fd);
}

/* -- Mapping operations --------------------------------------------------- */

/* mmap and munmap of |arg| pages, which are written to if arg > 0. */
static void
mmap_munmap(struct run *r)
{
	size_t len = (size_t)abs(r->arg) * PAGE;

	BEGIN(r);
	for (size_t i = 0; i < r->n; i++) {
		char *p = map(len, MAP_PRIVATE);

		if (r->arg > 0)
			write_pages(p, len);
		CHECK(munmap(p, len) == 0);
	}
	END(r, r->n);
}

/*
 * Toggle populated pages between read-only and read-write; an operation is
 * one mprotect.  If arg is set, every page is read after having been made
 * read-only and written after having been made writable, so that a kernel
 * which leaves work to the page fault handler is charged for that too.  The
 * pages lie between inaccessible ones, so that entries never merge or split.
 */
static void
toggle(struct run *r)
{
	size_t len = r->len - 2 * PAGE;
	char *p = r->p + PAGE;

	CHECK(mprotect(r->p, PAGE, PROT_NONE) == 0);
	CHECK(mprotect(p + len, PAGE, PROT_NONE) == 0);
	BEGIN(r);
	for (size_t i = 0; i < r->n; i++) {
		CHECK(mprotect(p, len, PROT_READ) == 0);
		if (r->arg)
			read_pages(p, len);
		CHECK(mprotect(p, len, RW) == 0);
		if (r->arg)
			write_pages(p, len);
	}
	END(r, 2 * r->n);
}

/* Cut a mapping into 2 * SPLIT one-page entries: rw, r, rw, r, ... */
static void
map_split(struct run *r)
{
	BEGIN(r);
	for (size_t i = 1; i < 2 * SPLIT; i += 2)
		CHECK(mprotect(r->p + i * PAGE, PAGE, PROT_READ) == 0);
	END(r, SPLIT);
}

/* Zero-fill faults, in random order, on the writable entries. */
static void
fault_in_split(struct run *r)
{
	const uint16_t *order = random_order();
	volatile char *p = r->p;

	map_split(r);
	BEGIN(r);
	for (size_t i = 0; i < SPLIT; i++)
		p[2 * order[i] * PAGE] = 1;
	END(r, SPLIT);
}

/* Unmap, in random order, the writable entries, one resident page in each. */
static void
munmap_random(struct run *r)
{
	const uint16_t *order = random_order();

	map_split(r);
	for (size_t i = 0; i < SPLIT; i++)
		r->p[2 * i * PAGE] = 1;
	BEGIN(r);
	for (size_t i = 0; i < SPLIT; i++)
		CHECK(munmap(r->p + 2 * order[i] * PAGE, PAGE) == 0);
	END(r, SPLIT);
}

/* An operation is mlock plus munlock of populated memory. */
static void
mlock_munlock(struct run *r)
{
	BEGIN(r);
	for (size_t i = 0; i < r->n; i++) {
		CHECK(mlock(r->p, r->len) == 0);
		CHECK(munlock(r->p, r->len) == 0);
	}
	END(r, r->n);
}

/* Give populated memory back, with advice arg; an operation is one page. */
static void
advise(struct run *r)
{
	BEGIN(r);
	CHECK(madvise(r->p, r->len, r->arg) == 0);
	END(r, r->len / PAGE);
}

/* The lowest stack address reached by `depth' further one-page frames. */
static __attribute__((noinline)) uintptr_t
dig(size_t depth)
{
	volatile char frame[4096];
	uintptr_t low;

	frame[0] = (char)depth;
	low = depth > 0 ? dig(depth - 1) : (uintptr_t)frame;
	frame[1] = frame[0]; /* the frame is needed until here */
	return low;
}

/* Use a page of stack after the other. */
static void
stack_grow(struct run *r)
{
	uintptr_t top = (uintptr_t)__builtin_frame_address(0), low;

	BEGIN(r);
	low = dig(r->n);
	END(r, (top - low) / PAGE);
}

/* Move the break up page by page, writing to each page. */
static void
brk_grow(struct run *r)
{
	long old = syscall(SYS_brk, 0), page = (long)PAGE;
	long at = (old + page - 1) & -page;

	CHECK(syscall(SYS_brk, at) == at);
	BEGIN(r);
	for (size_t i = 0; i < r->n; i++, at += page) {
		CHECK(syscall(SYS_brk, at + page) == at + page);
		*(volatile char *)at = 1;
	}
	END(r, r->n);
	CHECK(syscall(SYS_brk, old) == old);
}

/*
 * arg children each write to len bytes of fresh anonymous memory, starting
 * together; the time runs from the start signal to the moment at which the
 * last child is done.  No child exits before that.  An end of file, once all
 * write ends of a pipe are closed, serves as the signal to start and to exit.
 */
static void
parallel_fault(struct run *r)
{
	int go[2], done[2], quit[2];
	uint64_t at = 0, last = 0;
	char c;

	CHECK(pipe(go) == 0 && pipe(done) == 0 && pipe(quit) == 0);
	for (int i = 0; i < r->arg; i++) {
		if (fork() != 0)
			continue;
		close(go[1]), close(quit[1]);
		CHECK(write(done[1], &at, sizeof at) == sizeof at); /* ready */
		CHECK(read(go[0], &c, 1) == 0);
		write_pages(r->p, r->len);
		at = now();
		CHECK(write(done[1], &at, sizeof at) == sizeof at); /* done */
		CHECK(read(quit[0], &c, 1) == 0);
		_exit(0);
	}
	for (int i = 0; i < r->arg; i++)
		CHECK(read(done[0], &at, sizeof at) == sizeof at);
	BEGIN(r);
	close(go[1]);
	for (int i = 0; i < r->arg; i++) {
		CHECK(read(done[0], &at, sizeof at) == sizeof at);
		last = at > last ? at : last;
	}
	r->ns = last - r->start;
	r->ops = (size_t)r->arg * (r->len / PAGE);
	close(quit[1]);
	for (int i = 0; i < r->arg; i++)
		reap(-1);
	close(go[0]), close(done[0]), close(done[1]), close(quit[0]);
}

/* -- Paging --------------------------------------------------------------- */

/* Fill page number `index', or count the words that are not as filled. */
static size_t
pattern(char *page, size_t index, int verify)
{
	uint64_t *w = (uint64_t *)page, x = mix(index + 1);
	size_t bad = 0;

	for (size_t i = 0; i < PAGE / 8; i++) {
		x += UINT64_C(0x9e3779b97f4a7c15);
		if (verify)
			bad += w[i] != x;
		else
			w[i] = x;
	}
	return bad;
}

/*
 * Fill a working set that is meant to exceed main memory with pseudo-random
 * data that no page-level trick can shrink, then verify all of it twice in
 * ascending order and once in random order.  Prints a line for each pass.
 */
static void
swap_stress(struct run *r)
{
	const char *pass[] = { "write", "read1", "read2", "random" };
	size_t npages = MiB(opt_swap_mib) / PAGE, size = 1, at = 0, bad = 0;
	char *p = opt_swap_mib > 0 ? map(npages * PAGE, MAP_PRIVATE) : NULL;

	while (size < npages)
		size *= 2;
	for (int k = 0; k < 4 && p != NULL; k++) {
		BEGIN(r);
		for (size_t i = 0; i < size; i++) {
			/* the random order is a congruence of full period */
			at = (at * 2862933555777941757u + 3037000493u) % size;
			size_t n = k == 3 ? at ^ at >> 5 : i;

			if (n < npages)
				bad += pattern(p + n * PAGE, n, k > 0);
		}
		END(r, npages);
		say("vmbench swap_%s %llu KiB/s (1 run, %zu MiB)\n", pass[k],
		    npages * 4000000000ull / r->ns, opt_swap_mib);
	}
	say("vmbench swap_errors %zu words\n", bad);
	CHECK(bad == 0);
}

/* -- Driver --------------------------------------------------------------- */

#define P PAGE
#define S (2 * SPLIT * PAGE)

static const struct test tests[] = {
	{ "calib_1000i", calib_1000i, "block", 10000, 0, NONE, 0 },
	{ "floor_zero_4k", floor_page, "page", 10000, 2 * P, DIRTY, 0 },
	{ "floor_copy_4k", floor_page, "page", 10000, 2 * P, DIRTY, 1 },
	{ "null_syscall", null_syscall, "call", 100000, 0, NONE, 0 },
	{ "ctxsw_pipe", ctxsw_pipe, "roundtrip", 5000, 0, NONE, 0 },
	{ "fault_zero", fault_write, "page", 0, MiB(64), FRESH, 0 },
	{ "fault_zero_2nd", fault_again, "page", 0, MiB(64), DIRTY, 0 },
	{ "fault_read_zero", fault_read, "page", 0, MiB(64), FRESH, 0 },
	{ "fault_cow", fault_write, "page", 0, MiB(16), FORKED, 0 },
	{ "fault_shared_anon", fault_write, "page", 0, MiB(16), SHARED, 0 },
	{ "fault_file_private", fault_file, "page", 1, P, DIRTY, 0 },
	{ "fork_exit_1m", fork_child, "fork", 40, MiB(1), DIRTY, 0 },
	{ "fork_exit_16m", fork_child, "fork", 20, MiB(16), DIRTY, 0 },
	{ "fork_exit_64m", fork_child, "fork", 10, MiB(64), DIRTY, 0 },
	{ "fork_exec", fork_child, "exec", 20, 0, NONE, 1 },
	{ "mmap_munmap_1p", mmap_munmap, "pair", 10000, 0, NONE, -1 },
	{ "mmap_touch_munmap_1p", mmap_munmap, "pair", 10000, 0, NONE, 1 },
	{ "mmap_touch_munmap_1m", mmap_munmap, "pair", 50, 0, NONE, 256 },
	{ "mprotect_1p", toggle, "call", 10000, 3 * P, DIRTY, 0 },
	{ "mprotect_1024p", toggle, "call", 200, 1026 * P, DIRTY, 0 },
	{ "mprotect_touch_1p", toggle, "call", 10000, 3 * P, DIRTY, 1 },
	{ "mprotect_touch_1024p", toggle, "call", 20, 1026 * P, DIRTY, 1 },
	{ "map_split_10k", map_split, "call", 1, S, FRESH, 0 },
	{ "fault_with_20k_entries", fault_in_split, "page", 1, S, FRESH, 0 },
	{ "munmap_random_10k", munmap_random, "call", 1, S, FRESH, 0 },
	{ "mlock_munlock_1m", mlock_munlock, "pair", 100, MiB(1), DIRTY, 0 },
	{ "madv_free_16m", advise, "page", 1, MiB(16), DIRTY, MADV_FREE },
	{ "madv_dontneed_16m", advise, "page", 1, MiB(16), DIRTY,
	    MADV_DONTNEED },
	{ "stack_grow", stack_grow, "page", 1000, P, FORKED, 0 },
	{ "brk_grow", brk_grow, "page", 2000, 0, NONE, 0 },
	{ "parallel_fault_1", parallel_fault, "pages/s", 0, MiB(16), FRESH, 1 },
	{ "parallel_fault_2", parallel_fault, "pages/s", 0, MiB(16), FRESH, 2 },
	{ "parallel_fault_4", parallel_fault, "pages/s", 0, MiB(16), FRESH, 4 },
	{ "swap_stress", swap_stress, NULL, 0, 0, NONE, 0 },
};
#define NTESTS (sizeof tests / sizeof tests[0])

/* Execute one repetition.  Areas of tests without a count are scalable. */
static struct run
run_once(const struct test *t)
{
	struct run r = { (t->n * opt_scale + 99) / 100, t->len, .arg = t->arg };

	if (t->n == 0)
		r.len = (r.len / PAGE * opt_scale + 99) / 100 * PAGE;
	if (t->kind != NONE)
		r.p = map(r.len, t->kind == SHARED ? MAP_SHARED : MAP_PRIVATE);
	if (t->kind == DIRTY || t->kind == FORKED)
		write_pages(r.p, r.len);
	if (t->kind == FORKED)
		in_child(&r, t->fn);
	else
		t->fn(&r);
	if (t->kind != NONE)
		CHECK(munmap(r.p, r.len) == 0);
	return r;
}

/* Hundredths of the value to be printed. */
static unsigned long long
centi_value(const struct test *t, struct run *r)
{
	if (strchr(t->op, '/') != NULL)
		return r->ops * 100000000000 / r->ns;
	return (r->ns * 100 + r->ops / 2) / r->ops;
}

/* Repeat a test, keep the runs in order of time per operation, report. */
static void
run_test(const struct test *t)
{
	static struct run r[MAX_REPS], one;
	unsigned long long best, median;

	for (unsigned n = 0, at; n < opt_reps; n++) {
		one = run_once(t);
		for (at = n; at > 0; at--) {
			if (one.ns * r[at - 1].ops >= r[at - 1].ns * one.ops)
				break;
			r[at] = r[at - 1];
		}
		r[at] = one;
		if (t->op == NULL) /* has reported already */
			return;
	}
	if (one.ops == 0) {
		say("vmbench %s SKIPPED\n", t->name);
		return;
	}
	best = centi_value(t, &r[0]);
	median = centi_value(t, &r[opt_reps / 2]);
	say("vmbench %s %llu.%02llu %s%s (min of %u, median %llu.%02llu)\n",
	    t->name, best / 100, best % 100, strchr(t->op, '/') ? "" : "ns/",
	    t->op, opt_reps, median / 100, median % 100);
}

/* Run a test in a child if possible, so that it can die; 0 if it went well. */
static int
run_isolated(const struct test *t)
{
	int status = 0;
	pid_t pid;

	current = t->name;
	if ((pid = fork()) <= 0) {
		run_test(t);
		if (pid == 0)
			_exit(0);
		return 0;
	}
	CHECK(waitpid(pid, &status, 0) > 0);
	if (WIFSIGNALED(status))
		say("vmbench %s FAILED: signal %d\n", current, status & 127);
	return status != 0;
}

/* Is the name on a list of globs?  An empty list selects everything. */
static int
selected(const char *name, char **globs)
{
	if (*globs == NULL)
		return strcmp(name, "swap_stress") != 0 || opt_swap_mib > 0;
	while (*globs != NULL && fnmatch(*globs, name, 0) != 0)
		globs++;
	return *globs != NULL;
}

int
main(int argc, char **argv)
{
	int opt, list = 0, failures = 0;

	if (argc == 2 && strcmp(argv[1], "-X") == 0)
		_exit(0); /* see fork_child */
	self = argv[0];
	while ((opt = getopt(argc, argv, "ls:r:f:m:")) != -1) {
		unsigned n = optarg ? (unsigned)strtoul(optarg, NULL, 10) : 0;

		switch (opt) {
		case 'l':
			list = 1;
			break;
		case 's':
			opt_scale = n > 0 ? n : 100;
			break;
		case 'r':
			opt_reps = n > 0 && n <= MAX_REPS ? n : 5;
			break;
		case 'f':
			opt_file = optarg;
			break;
		case 'm':
			opt_swap_mib = n;
			break;
		default:
			return 2;
		}
	}
	for (size_t i = 0; i < NTESTS; i++) {
		if (list)
			say("%s\n", tests[i].name);
		else if (selected(tests[i].name, argv + optind))
			failures += run_isolated(&tests[i]);
	}
	return failures != 0;
}
