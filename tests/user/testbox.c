/*
 * testbox LIST: runs tests one after the other in one boot of the guest and
 * prints TAP.  A line of the list is a name, a timeout in seconds, and the
 * command with its arguments, separated by tabs.
 *
 * Before and after each test it counts what the kernel has given out, with
 * nothing cached of files that nobody uses: the root may be on a disk.  After
 * the test, and up to two seconds later for what is freed late, all must be
 * back: pages on queues, anons, amaps, objects, map entries, processes, files,
 * pool items, mappings.  Only two may have changed, once: there may be fewer
 * free pages, because pools keep pages for their next items, and more pool
 * items, because the table of processes grows to the most there ever were.
 * Then the test is run again, and that must cost neither pages nor items.
 *
 * While a test runs testbox sleeps: tests count system calls and faults.  It
 * does not allocate either, so that its own memory stays as it is.
 */
#include "test.h"

#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/auxv.h>

#define MAX_ARGS   32
#define MAX_RUNS   3
#define POOL_PAGES 16 /* what pools may take or give back in one run */
#define POOL_ITEMS 4 /* tables that may have grown in the first run */

struct counts {
	struct uvm_resources r;
	struct uvmexp u;
};

static char list[65536];
static char output[8192];
static struct counts before, after;
static sigset_t no_signals, child_signal;

static void
on_child(int sig)
{
	(void)sig;
}

static int
count(struct counts *c)
{
	int name[2] = { CTL_VM, VM_UVM_RESOURCES };
	size_t len = sizeof(c->r);

	/* a signal that waits for us is an item in use */
	sigprocmask(SIG_UNBLOCK, &child_signal, NULL);
	sigprocmask(SIG_BLOCK, &child_signal, NULL);
	drop_caches();
	if (bsd_sysctl(name, 2, &c->r, &len, NULL, 0) != 0)
		return -1;
	name[1] = VM_UVMEXP;
	len = sizeof(c->u);
	return bsd_sysctl(name, 2, &c->u, &len, NULL, 0);
}

/* What must be as before, with its name. */
static const struct {
	const char *name;
	size_t offset;
	int wide; /* int64_t, not int */
} exact[] = {
#define RESOURCE(m)                                 \
	{                                           \
#m, offsetof(struct counts, r.m), 1 \
	}
#define GAUGE(m)                                    \
	{                                           \
#m, offsetof(struct counts, u.m), 0 \
	}
	RESOURCE(pv_entries),
	RESOURCE(map_entries),
	RESOURCE(procs),
	RESOURCE(threads),
	RESOURCE(files),
	RESOURCE(anons),
	RESOURCE(amaps),
	RESOURCE(objects),
	GAUGE(anonpages),
	GAUGE(nfreeanon),
	GAUGE(kmapent),
	GAUGE(wired),
};

static int64_t
value(const struct counts *c, size_t i)
{
	const char *at = (const char *)c + exact[i].offset;

	return exact[i].wide ? *(const int64_t *)at : *(const int *)at;
}

static int
is_back(void)
{
	for (size_t i = 0; i < NELEM(exact); i++)
		if (value(&after, i) != value(&before, i))
			return 0;
	return before.u.active + before.u.inactive ==
	    after.u.active + after.u.inactive;
}

static void
tell_difference(void)
{
	for (size_t i = 0; i < NELEM(exact); i++)
		if (value(&after, i) != value(&before, i))
			printf("# left behind: %s %lld, was %lld\n",
			    exact[i].name, (long long)value(&after, i),
			    (long long)value(&before, i));
	if (before.u.active + before.u.inactive !=
	    after.u.active + after.u.inactive)
		printf("# left behind: pages on queues %d, were %d\n",
		    after.u.active + after.u.inactive,
		    before.u.active + before.u.inactive);
	printf("# pool items %lld, were %lld; free pages %d, were %d\n",
	    (long long)after.r.pool_items, (long long)before.r.pool_items,
	    after.u.free, before.u.free);
}

/*
 * Wait until everything is back, for two seconds at most.
 */
static int
settle(void)
{
	for (int i = 0; i < 100; i++) {
		if (count(&after) != 0)
			return 0;
		if (is_back() && after.r.pool_items == before.r.pool_items)
			return 1;
		sleep_ms(20);
	}
	return is_back();
}

static void
start(char **argv, int out)
{
	int null = open("/dev/null", O_RDONLY);

	setsid();
	sigprocmask(SIG_SETMASK, &no_signals, NULL);
	signal(SIGCHLD, SIG_DFL);
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	close(null);
	close(out);
	execv(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

/*
 * Collect output (what does not fit is dropped) until the test has ended, or
 * its time.
 * => wait status, -1 for a timeout
 */
static int
watch(pid_t pid, int in, uint64_t deadline, size_t *len)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	char rest[512];
	int status;

	for (;;) {
		uint64_t now = now_ns();
		struct timespec left;
		ssize_t n;

		if (waitpid(pid, &status, WNOHANG) == pid)
			break;
		if (now >= deadline)
			return -1;
		left.tv_sec = (time_t)((deadline - now) / 1000000000);
		left.tv_nsec = (long)((deadline - now) % 1000000000);
		if (ppoll(&p, 1, &left, &no_signals) != 1)
			continue;
		if (*len < sizeof(output))
			n = read(in, output + *len, sizeof(output) - *len);
		else
			n = read(in, rest, sizeof(rest));
		if (n > 0 && *len < sizeof(output))
			*len += (size_t)n;
		if (n == 0)
			p.fd = -1;
	}
	fcntl(in, F_SETFL, O_NONBLOCK);
	while (*len < sizeof(output)) {
		ssize_t n = read(in, output + *len, sizeof(output) - *len);

		if (n <= 0)
			break;
		*len += (size_t)n;
	}
	return status;
}

static void
print_output(size_t len)
{
	int at_start = 1;

	for (size_t i = 0; i < len; i++) {
		if (at_start)
			fputs("# ", stdout);
		putchar(output[i]);
		at_start = output[i] == '\n';
	}
	if (!at_start)
		putchar('\n');
}

/*
 * => exit status, 128 + signal, or -1 for a timeout
 */
static int
run(char **argv, unsigned seconds)
{
	size_t len = 0;
	int fd[2], status;
	pid_t pid;

	fflush(stdout);
	if (pipe2(fd, O_CLOEXEC) != 0)
		return 126;
	pid = fork();
	if (pid == 0)
		start(argv, fd[1]);
	close(fd[1]);
	status = pid < 0 ? 126 << 8
			 : watch(pid, fd[0],
			       now_ns() + seconds * UINT64_C(1000000000), &len);
	if (status == -1) {
		/* nothing but init and this process lives through that */
		kill(-1, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	close(fd[0]);
	print_output(len);
	if (status == -1)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/*
 * => 0 when the test succeeded and left nothing behind, 77 when it was
 *    skipped
 */
static int
run_checked(char **argv, unsigned seconds)
{
	int64_t pages, items;
	int status;

	for (int runs = 0; runs < MAX_RUNS; runs++) {
		if (runs > 0)
			printf("# again\n");
		count(&before);
		status = run(argv, seconds);
		if (status == -1)
			printf("# timeout after %u s\n", seconds);
		else if (status != 0 && status != 77)
			printf("# exit status %d\n", status);
		if (status != 0)
			return status;
		if (!settle()) {
			tell_difference();
			kill(-1, SIGKILL);
			sleep_ms(100);
			return 1;
		}
		pages = before.u.free - after.u.free;
		items = after.r.pool_items - before.r.pool_items;
		if (pages <= POOL_PAGES && items == 0)
			return 0;
		/* fewer: something of an earlier test came back late */
		if (items > POOL_ITEMS)
			break;
	}
	tell_difference();
	return 1;
}

/*
 * Split a line in place.
 * => number of fields
 */
static int
split(char *line, char **field)
{
	int n = 0;

	for (char *tab; n < MAX_ARGS; line = tab + 1) {
		field[n++] = line;
		tab = strchr(line, '\t');
		if (tab == NULL)
			break;
		*tab = '\0';
	}
	field[n] = NULL;
	return n;
}

static int
run_line(char *line, int number)
{
	char *field[MAX_ARGS + 1];
	uint64_t t0 = now_ns();
	int status;

	if (split(line, field) < 3)
		return 1;
	printf("# run %s\n", field[0]);
	status = run_checked(field + 2, (unsigned)atoi(field[1]));
	printf("%sok %d - %s%s # %llu ms\n",
	    status == 0 || status == 77 ? "" : "not ", number, field[0],
	    status == 77 ? " # SKIP" : "",
	    (unsigned long long)(now_ns() - t0) / 1000000);
	fflush(stdout);
	return status != 0 && status != 77;
}

/*
 * Touch every page of this program, the writable ones by a write: none is to
 * be mapped for the first time between two counts; the same for some of the
 * stack.  Linked with -z norelro.
 */
static void
touch_all(void)
{
	const Elf64_Phdr *ph = (const void *)getauxval(AT_PHDR);
	volatile char stack[16 * PAGE];

	for (size_t i = sizeof(stack); i > 0; i -= PAGE)
		stack[i - 1] = 0;

	for (size_t i = getauxval(AT_PHNUM); i-- > 0; ph++) {
		volatile char *p = (char *)(ph->p_vaddr & -PAGE);
		volatile char *end = (char *)(ph->p_vaddr + ph->p_memsz);

		if (ph->p_type != PT_LOAD)
			continue;
		for (; p < end; p += PAGE) {
			char c = *p;

			if (ph->p_flags & PF_W)
				*p = c;
		}
	}
}

/* Everything that happens once in a while has happened: now counts hold. */
static void
warm_up(void)
{
	static char path[] = "/bin/echo", word[] = "warm";
	char *argv[] = { path, word, NULL };

	touch_all();
	raise(SIGCHLD);
	sigprocmask(SIG_UNBLOCK, &child_signal, NULL);
	sigprocmask(SIG_BLOCK, &child_signal, NULL);
	for (int i = 0; i < 4; i++) {
		count(&before);
		run(argv, 20);
		settle();
	}
}

int
main(int argc, char **argv)
{
	int fd, failed = 0, number = 0;
	char *line = list, *end;
	ssize_t n;

	if (argc != 2 || (fd = open(argv[1], O_RDONLY)) < 0)
		return 2;
	n = read(fd, list, sizeof(list) - 1);
	close(fd);
	if (n < 0)
		return 2;
	if (count(&before) != 0) {
		perror("testbox: bsd_sysctl");
		return 2;
	}
	memset(output, 0, sizeof(output));
	sigemptyset(&child_signal);
	sigaddset(&child_signal, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_signal, NULL);
	signal(SIGCHLD, on_child);
	warm_up();
	for (; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		failed += run_line(line, ++number);
	}
	printf("1..%d\n", number);
	return failed != 0;
}
