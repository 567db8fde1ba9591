/*
 * Loads that page; run by paging.host.py, which gives the disks, makes them
 * fail, and looks at images and messages afterwards.  What is paged to is
 * /dev/vda.
 *
 *	paging work MIB PROCS	each fills so much, checks it front to back and
 *				in random order, writes half of it again
 *	paging fork MIB		parent and child share it, then each changes it
 *	paging lossy MIB PROCS [now]	as work, but SIGBUS may happen; `now':
 *				one after the other
 *	paging hogs PROCS	each takes more and more until it is killed
 *	paging marker MIB TEXT	memory full of the text
 *	paging full MIB		fills the devices to the last slot
 */
#include "paging.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/swap.h>

#define DISK "/dev/vda"

/* -- Loads ----------------------------------------------------------------------- */

/*
 * Wait until all who hold the pipe's writing end have come here or died: else
 * a quick one would be done before the next begins, and memory would do.
 */
static void
meet(const int *all)
{
	char c;

	CHECK(close(all[1]) == 0);
	CHECK_EQ(read(all[0], &c, 1), 0);
	CHECK(close(all[0]) == 0);
}

/* => all: a pipe to meet the others at, or NULL */
static void
work(size_t pages, uint64_t salt, const int *all)
{
	uint64_t *p = map_anon(pages * PAGE);

	fill(p, pages, salt);
	if (all != NULL)
		meet(all);
	verify(p, pages, salt);
	verify_random(p, pages, salt, pages / 8, salt);
	fill(p, pages / 2, salt + 100);
	verify_random(p, pages / 2, salt + 100, pages / 8, salt);
	for (size_t i = pages; i-- > 0;)
		verify_page(p, i, i < pages / 2 ? salt + 100 : salt);
	CHECK(munmap(p, pages * PAGE) == 0);
}

static void
shared(size_t pages)
{
	uint64_t *p = map_anon(pages * PAGE);
	int status;
	pid_t pid;

	fill(p, pages, 7);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		for (size_t i = 0; i < pages; i++) {
			verify_page(p, i, 7);
			if (i % 4 == 0)
				fill_page(p, i, 8);
		}
		for (size_t i = 0; i < pages; i++)
			verify_page(p, i, i % 4 == 0 ? 8 : 7);
		_exit(0);
	}
	for (size_t i = 0; i < pages; i++) {
		verify_page(p, i, 7);
		if (i % 4 == 1)
			fill_page(p, i, 9);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	for (size_t i = 0; i < pages; i++)
		verify_page(p, i, i % 4 == 1 ? 9 : 7);
}

/* -- Children, and what is left of them ------------------------------------------ */

struct ends {
	int ok, bus, killed;
};

static void
count_end(struct ends *e)
{
	int status;

	CHECK(wait(&status) > 0);
	if (status == 0)
		e->ok++;
	else if ((status & 0x7f) == SIGBUS)
		e->bus++;
	else if ((status & 0x7f) == SIGKILL)
		e->killed++;
	else
		CHECK_EQ(status, 0);
}

static struct ends
run_work(size_t pages, int procs, int one_by_one)
{
	struct ends e = { 0 };
	int all[2];

	fflush(NULL);
	CHECK(pipe(all) == 0);
	for (int i = 0; i < procs; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			work(pages, (uint64_t)i + 1, one_by_one ? NULL : all);
			_exit(0);
		}
		if (one_by_one)
			count_end(&e);
	}
	CHECK(close(all[1]) == 0);
	CHECK(close(all[0]) == 0);
	while (!one_by_one && procs-- > 0)
		count_end(&e);
	return e;
}

/*
 * The device is taken away, which brings back what other programs have there,
 * or, if it cannot be read, gives it up.  Then no slot and no anon is left.
 */
static void
nothing_left(int anons)
{
	struct uvmexp u;
	int error = swapoff(DISK);

	/* the first time says what was lost, the second time it is gone */
	if (error != 0 && errno == EIO)
		error = swapoff(DISK);
	CHECK_EQ(error, 0);
	u = counters();
	CHECK_EQ(u.nswapdev, 0);
	CHECK_EQ(u.swpages, 0);
	CHECK_EQ(u.swpginuse, 0);
	CHECK_EQ(u.swpgonly, 0);
	CHECK_EQ(anons_used(), anons);
}

static void
report(const struct ends *e, const struct uvmexp *before)
{
	struct uvmexp u = counters();

	printf("ok %d bus %d killed %d retired %d out %d writes %d in %d\n",
	    e->ok, e->bus, e->killed, before->swpages - u.swpages,
	    u.pgswapout - before->pgswapout, u.pdpageouts - before->pdpageouts,
	    u.pgswapin - before->pgswapin);
	fflush(stdout);
}

/* -- Hogs -------------------------------------------------------------------------- */

static void __attribute__((noreturn)) hog(uint64_t salt)
{
	uint64_t seed = salt;

	for (size_t chunk = 0;; chunk++) {
		uint64_t *p = map_anon(MIB);
		static uint64_t *chunks[4096];

		chunks[chunk % NELEM(chunks)] = p;
		fill(p, MIB / PAGE, salt + chunk);
		for (int i = 0; i < 16; i++) {
			size_t c = random_next(&seed) % (chunk + 1);

			verify_page(
			    chunks[c], random_next(&seed) % 256, salt + c);
		}
	}
}

/* => nanoseconds that a new shell takes to run a command */
static uint64_t
ask_shell(void)
{
	uint64_t begin = now_ns();
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "true | true", NULL);
		_exit(1);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return now_ns() - begin;
}

/*
 * The machine is never idle, so that under icount its clock counts instructions
 * and nothing else: else it goes on by the host's while all wait for the disk.
 * => a process that runs when no other does
 */
static pid_t
spin(void)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid != 0)
		return pid;
	CHECK(setpriority(PRIO_PROCESS, 0, 19) == 0);
	for (volatile int i = 0;; i++)
		continue;
}

static void
hogs(int procs)
{
	uint64_t worst = 0, t;
	pid_t pid[64], spinner = spin();
	int status, left = procs, asked = 0;

	CHECK(procs <= (int)NELEM(pid));
	for (int i = 0; i < procs; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0)
			hog((uint64_t)i << 16);
		printf("hog %d\n", (int)pid[i]);
	}
	fflush(stdout);
	for (; left > 0; asked++) {
		t = ask_shell();
		worst = t > worst ? t : worst;
		for (int i = 0; i < procs; i++)
			if (pid[i] > 0 &&
			    waitpid(pid[i], &status, WNOHANG) == pid[i]) {
				CHECK_EQ(status & 0x7f, SIGKILL);
				printf("dead %d\n", (int)pid[i]);
				fflush(stdout);
				pid[i] = 0;
				left--;
			}
		sleep_ms(50);
	}
	CHECK(kill(spinner, SIGKILL) == 0);
	CHECK_EQ(waitpid(spinner, &status, 0), spinner);
	printf("asked %d worst %llu ms\n", asked,
	    (unsigned long long)worst / 1000000);
}

/* -- Contents ----------------------------------------------------------------------- */

static void
marker(size_t bytes, const char *text)
{
	char *p = map_anon(bytes);
	size_t len = strlen(text);

	for (size_t i = 0; i + len <= bytes; i += len)
		memcpy(p + i, text, len);
	for (size_t i = 0; i + len <= bytes; i += len)
		CHECK(memcmp(p + i, text, len) == 0);
}

/* => as many pages as there is room for in swap are there, and only there */
static void
full(size_t pages)
{
	uint64_t *p = map_anon(pages * PAGE);
	struct uvmexp u;

	fill(p, pages, 3);
	for (int i = 0; i < 5; i++)
		CHECK(madvise(p, pages * PAGE, MADV_PAGEOUT) == 0);
	u = counters();
	printf("slots %d used %d\n", u.swpages, u.swpginuse);
	CHECK_EQ(u.swpginuse, u.swpages);
	verify(p, pages, 3);
}

static size_t
number(const char *s)
{
	CHECK(s != NULL && atol(s) > 0);
	return (size_t)atol(s);
}

int
main(int argc, char **argv)
{
	struct uvmexp before = counters();
	struct ends e = { 0 };
	const char *what = argc > 2 ? argv[1] : "";
	size_t n;
	int anons;

	CHECK(argc > 2);
	n = number(argv[2]);
	stay_in_memory();
	run_work(1, 1, 1);
	anons = anons_used();
	if (strcmp(what, "work") == 0) {
		e = run_work(n * MIB / PAGE, (int)number(argv[3]), 0);
		CHECK_EQ(e.bus + e.killed, 0);
	} else if (strcmp(what, "lossy") == 0)
		e = run_work(n * MIB / PAGE, (int)number(argv[3]), argc > 4);
	else if (fork() == 0) {
		if (strcmp(what, "fork") == 0)
			shared(n * MIB / PAGE);
		else if (strcmp(what, "hogs") == 0) {
			stay_in_memory();
			hogs((int)n);
		} else if (strcmp(what, "marker") == 0)
			marker(n * MIB, argv[3]);
		else if (strcmp(what, "full") == 0)
			full(n * MIB / PAGE);
		else
			CHECK(!"known");
		fflush(NULL);
		_exit(0);
	} else {
		count_end(&e);
		CHECK_EQ(e.ok, 1);
	}
	report(&e, &before);
	run_work(512, 1, 1); /* the kernel goes on */
	nothing_left(anons);
	return 0;
}
