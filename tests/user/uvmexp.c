/* vmrun: --smp 1 --timeout 60 */
/*
 * The counters move exactly by the events that define them.  One hart, quiet,
 * and MADV_RANDOM, so that a fault maps no neighbours.
 */
#include "test.h"

#include <sched.h>

static struct uvmexp before, after;
static volatile int sink;

static void
snapshot(struct uvmexp *u)
{
	int name[2] = { CTL_VM, VM_UVMEXP };
	size_t len = sizeof(*u);

	CHECK(bsd_sysctl(name, 2, u, &len, NULL, 0) == 0);
	CHECK(len >= sizeof(*u));
}

/* Change of a counter between the two snapshots. */
#define DELTA(member) (after.member - before.member)
#define CHECK_DELTA(member, n)                                               \
	do {                                                                 \
		if (DELTA(member) != (n)) {                                  \
			fprintf(stderr, "%s moved by %d, not %d\n", #member, \
			    DELTA(member), (int)(n));                        \
			test_failed(__FILE__, __LINE__, #member);            \
		}                                                            \
	} while (0)

/* All fault subcounters; those that are to move are named, in order. */
struct flt {
	int fltamcopy, fltanget, flt_anon, flt_acow, flt_obj, flt_prcopy,
	    flt_przero, fltlget, fltget;
};

static void
check_faults(int faults, struct flt want)
{
	CHECK_DELTA(faults, faults);
	CHECK_DELTA(fltamcopy, want.fltamcopy);
	CHECK_DELTA(fltanget, want.fltanget);
	CHECK_DELTA(flt_anon, want.flt_anon);
	CHECK_DELTA(flt_acow, want.flt_acow);
	CHECK_DELTA(flt_obj, want.flt_obj);
	CHECK_DELTA(flt_prcopy, want.flt_prcopy);
	CHECK_DELTA(flt_przero, want.flt_przero);
	CHECK_DELTA(fltlget, want.fltlget);
	CHECK_DELTA(fltget, want.fltget);
	CHECK_DELTA(fltnoram, 0);
	CHECK_DELTA(fltnoanon, 0);
	CHECK_DELTA(fltpgwait, 0);
	CHECK_DELTA(fltpgrele, 0);
	CHECK_DELTA(fltanretry, 0);
}

/*
 * A narrow area.  A page of it at either end has been touched, so that page
 * tables are there and only the pages in between count.
 */
static char *
narrow(size_t pages, int flags)
{
	char *p = mmap(NULL, pages * PAGE, RW, flags | MAP_ANONYMOUS, -1, 0);

	CHECK(p != MAP_FAILED);
	CHECK(madvise(p, pages * PAGE, MADV_RANDOM) == 0);
	return p;
}

static char *
warm(size_t pages)
{
	char *p = narrow(pages + 2, MAP_PRIVATE);

	p[0] = p[(pages + 1) * PAGE] = 1;
	return p + PAGE;
}

static void
test_constants(void)
{
	snapshot(&before);
	CHECK_EQ(before.pagesize, 4096);
	CHECK_EQ(before.pagemask, 4095);
	CHECK_EQ(before.pageshift, 12);
	CHECK(before.npages > 1000);
	CHECK(before.free > 0 && before.free < before.npages);
	CHECK(before.free + before.active + before.inactive + before.wired <=
	    before.npages);
	CHECK(0 < before.reserve_pagedaemon);
	CHECK(before.reserve_pagedaemon < before.reserve_kernel);
	CHECK(before.reserve_kernel < before.freemin);
	CHECK(before.freemin < before.freetarg);
	CHECK_EQ(before.wiredmax, before.npages / 3);
	CHECK_EQ(before.anonmin, before.anonminpct * 256 / 100);
	CHECK_EQ(before.vtextmin, before.vtextminpct * 256 / 100);
	CHECK_EQ(before.vnodemin, before.vnodeminpct * 256 / 100);
	CHECK_EQ(before.nswapdev, 0);
	CHECK_EQ(before.swpginuse, 0);
	CHECK_EQ(before.paging, 0);
}

/* T-uvm_fault-1: the first write resolves needs-copy, the next does not. */
static void
test_zero_fill(void)
{
	char *p = narrow(64, MAP_PRIVATE);

	snapshot(&before);
	p[0] = 1;
	snapshot(&after);
	check_faults(1, (struct flt){ .fltamcopy = 1, .flt_przero = 1 });
	before = after;
	p[PAGE] = 1;
	snapshot(&after);
	check_faults(1, (struct flt){ .flt_przero = 1 });
	CHECK_DELTA(anonpages, 1);
	CHECK_DELTA(active, 1);
	CHECK_DELTA(nfreeanon, -1);
	CHECK_DELTA(free, -1);
	CHECK_DELTA(traps, 1);
	CHECK(munmap(p, 64 * PAGE) == 0);
}

static void
test_sixteen(void)
{
	char *p = warm(16);

	snapshot(&before);
	for (size_t i = 0; i < 16; i++)
		p[i * PAGE] = 1;
	snapshot(&after);
	check_faults(16, (struct flt){ .flt_przero = 16 });
	CHECK_DELTA(traps, 16);
	CHECK_DELTA(free, -16);
	CHECK_DELTA(active, 16);
	CHECK_DELTA(inactive, 0);
	CHECK_DELTA(anonpages, 16);
	CHECK_DELTA(nfreeanon, -16);
	CHECK_EQ(DELTA(pga_zerohit) + DELTA(pga_zeromiss), 16);
	before = after;
	CHECK(munmap(p, 16 * PAGE) == 0);
	snapshot(&after);
	CHECK_DELTA(faults, 0);
	CHECK_DELTA(free, 16);
	CHECK_DELTA(active, -16);
	CHECK_DELTA(anonpages, -16);
	CHECK_DELTA(nfreeanon, 16);
	CHECK(munmap(p - PAGE, 18 * PAGE) == 0);
}

/* BSD's DONTNEED: off the active queue, data kept, back by one fault each. */
static void
test_deactivate(void)
{
	char *p = warm(16);

	for (size_t i = 0; i < 16; i++)
		p[i * PAGE] = (char)i;
	snapshot(&before);
	CHECK(bsd_madvise(p, 16 * PAGE, BSD_MADV_DONTNEED) == 0);
	snapshot(&after);
	CHECK_DELTA(active, -16);
	CHECK_DELTA(inactive, 16);
	CHECK_DELTA(free, 0);
	before = after;
	for (size_t i = 0; i < 16; i++)
		p[i * PAGE + 1] = 1;
	snapshot(&after);
	check_faults(16, (struct flt){ .fltanget = 16, .flt_anon = 16 });
	CHECK_DELTA(active, 16);
	CHECK_DELTA(inactive, -16);
	for (size_t i = 0; i < 16; i++)
		CHECK_EQ(p[i * PAGE], (char)i);
	CHECK(munmap(p - PAGE, 18 * PAGE) == 0);
}

static void
test_wired(void)
{
	char *p = warm(8);

	touch(p, 8 * PAGE);
	snapshot(&before);
	CHECK(mlock(p, 8 * PAGE) == 0);
	snapshot(&after);
	CHECK_DELTA(wired, 8);
	CHECK_DELTA(active, -8);
	CHECK_DELTA(free, 0);
	before = after;
	CHECK(munlock(p, 8 * PAGE) == 0);
	snapshot(&after);
	CHECK_DELTA(wired, -8);
	CHECK_DELTA(active, 8);
	CHECK(munmap(p - PAGE, 10 * PAGE) == 0);
}

/* Shared anonymous memory is a shared amap: its pages are anons, too. */
static void
test_shared(void)
{
	char *p = narrow(16, MAP_SHARED);

	p[0] = 1;
	snapshot(&before);
	p[PAGE] = 1;
	snapshot(&after);
	check_faults(1, (struct flt){ .flt_przero = 1 });
	CHECK_DELTA(anonpages, 1);
	CHECK_DELTA(nfreeanon, -1);
	CHECK(munmap(p, 16 * PAGE) == 0);
}

/*
 * Run step in a child that waits for the go and reports its two snapshots
 * through shared memory; the parent is asleep in between.
 */
static struct report {
	struct uvmexp before, after;
} * report;

static void
child_snapshots(void (*step)(char *), char *arg)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		report->before.faults = report->after.faults = 0;
		snapshot(&before);
		snapshot(&after); /* the paths and the stack are warm now */
		touch(&report->after, sizeof(report->after));
		snapshot(&before);
		step(arg);
		snapshot(&after);
		report->before = before;
		report->after = after;
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	before = report->before;
	after = report->after;
}

static void
write_page(char *p)
{
	p[0] = 2;
}

static void
read_page(char *p)
{
	sink = p[0];
}

static void
read_eight(char *p)
{
	sink = p[3 * PAGE];
}

static void
nothing(char *p)
{
	(void)p;
}

/*
 * Fork: the anon is shared; the child's write copies it, its read does not.
 */
static void
test_copy_on_write(void)
{
	char *p = warm(4);

	touch(p, 4 * PAGE);
	child_snapshots(nothing, p);
	check_faults(0, (struct flt){ 0 });
	child_snapshots(write_page, p);
	check_faults(
	    1, (struct flt){ .fltamcopy = 1, .fltanget = 1, .flt_acow = 1 });
	CHECK_DELTA(anonpages, 1);
	CHECK_DELTA(nfreeanon, -1);
	child_snapshots(read_page, p);
	CHECK_DELTA(faults, 1);
	CHECK_DELTA(flt_acow, 0);
	CHECK_DELTA(flt_anon, 1);
	CHECK_DELTA(anonpages, 0);
	CHECK_EQ(p[0], 1);
	CHECK(munmap(p - PAGE, 6 * PAGE) == 0);
}

/* T-cow-1: when the child is gone, the parent's write needs no copy. */
static void
test_no_copy_afterwards(void)
{
	char *p = warm(4);

	touch(p, 4 * PAGE);
	child_snapshots(nothing, p);
	snapshot(&before);
	p[PAGE] = 3;
	snapshot(&after);
	CHECK_DELTA(flt_acow, 0);
	CHECK_DELTA(anonpages, 0);
	CHECK(DELTA(flt_anon) <= 1);
	CHECK(munmap(p - PAGE, 6 * PAGE) == 0);
}

/* Neighbours: with normal advice one read fault maps the seven others. */
static void
test_neighbours(void)
{
	char *p = map_anon(8 * PAGE);

	touch(p, 8 * PAGE);
	child_snapshots(read_eight, p);
	CHECK_DELTA(faults, 1);
	CHECK_DELTA(fltnamap, 7);
	CHECK(munmap(p, 8 * PAGE) == 0);
}

static void
test_forks(void)
{
	snapshot(&before);
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
	snapshot(&after);
	CHECK_DELTA(forks, 10);
	CHECK_DELTA(forks_ppwait, 0);
	CHECK_DELTA(forks_sharevm, 0);
	before = after;
	for (int i = 0; i < 3; i++) {
		pid_t pid = vfork();

		if (pid == 0)
			_exit(0);
		CHECK(waitpid(pid, NULL, 0) == pid);
	}
	snapshot(&after);
	CHECK_DELTA(forks, 3);
	CHECK_DELTA(forks_ppwait, 3);
	CHECK_DELTA(forks_sharevm, 3);
}

static void
test_syscalls(void)
{
	snapshot(&before);
	for (int i = 0; i < 100; i++)
		(void)syscall(SYS_getppid);
	snapshot(&after);
	CHECK_DELTA(syscalls, 101); /* and the one that reads it */
	before = after;
	errno = 0;
	CHECK_EQ(syscall(999), -1);
	CHECK_EQ(errno, ENOSYS);
	snapshot(&after);
	CHECK_DELTA(syscalls, 2);
}

/* An addition by the floating-point unit. */
static void
compute(void)
{
	static volatile double sum = 1;

	sum = sum + 0.5;
}

/*
 * Two processes take turns through pipes: two switches for each round, and as
 * many loads of the floating-point unit, which both have used (a C library
 * saves its registers before main).
 */
static void
test_switches(void)
{
	enum { N = 200 };
	int there[2], back[2];
	char c = 0;
	pid_t pid;

	CHECK(pipe(there) == 0 && pipe(back) == 0);
	pid = fork();
	if (pid == 0) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1) {
			compute();
			CHECK_EQ(write(back[1], &c, 1), 1);
		}
		_exit(0);
	}
	close(there[0]);
	for (int i = 0; i < N + 1; i++) {
		if (i == 1)
			snapshot(&before);
		compute();
		CHECK_EQ(write(there[1], &c, 1), 1);
		CHECK_EQ(read(back[0], &c, 1), 1);
	}
	snapshot(&after);
	/* the clock may let somebody else run now and then */
	CHECK(DELTA(swtch) >= 2 * N - 2 && DELTA(swtch) <= 2 * N + N / 4);
	CHECK(
	    DELTA(fpswtch) >= 2 * N - 2 && DELTA(fpswtch) <= DELTA(swtch) + 2);
	close(there[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	close(back[0]);
	close(back[1]);
}

/* Nobody else computes: the unit keeps its values while we sleep. */
static void
test_alone(void)
{
	compute();
	snapshot(&before);
	for (int i = 0; i < 10; i++) {
		sleep_ms(1);
		compute();
	}
	snapshot(&after);
	CHECK(DELTA(swtch) >= 20);
	CHECK_DELTA(fpswtch, 0);
}

static void
test_errors(void)
{
	int name[3] = { CTL_VM, VM_UVMEXP, 0 };
	struct uvmexp u;
	size_t len = sizeof(u);

	CHECK_ERRNO(bsd_sysctl(name, 3, &u, &len, NULL, 0), ENOTDIR);
	name[1] = 99;
	CHECK_ERRNO(bsd_sysctl(name, 2, &u, &len, NULL, 0), EOPNOTSUPP);
	name[1] = VM_UVMEXP;
	CHECK_ERRNO(bsd_sysctl(name, 2, NULL, NULL, &u, sizeof(u)), EPERM);
	len = 8;
	CHECK_ERRNO(bsd_sysctl(name, 2, &u, &len, NULL, 0), ENOMEM);
	len = sizeof(u);
	CHECK_ERRNO(bsd_sysctl(name, 2, bad_pointer, &len, NULL, 0), EFAULT);
	CHECK_ERRNO(bsd_sysctl(bad_pointer, 2, &u, &len, NULL, 0), EFAULT);
	len = 0;
	CHECK(bsd_sysctl(name, 2, NULL, &len, NULL, 0) == 0);
	CHECK(len >= UVMEXP_NMEMBERS * sizeof(int));
}

static void
test_vmtotal(void)
{
	int name[2] = { CTL_VM, VM_METER };
	struct vmtotal t;
	size_t len = sizeof(t);

	CHECK(bsd_sysctl(name, 2, &t, &len, NULL, 0) == 0);
	snapshot(&after);
	CHECK_EQ(t.t_free, after.free);
	CHECK_EQ(t.t_rm, after.npages - after.free);
}

static void
set_percent(int id, int percent, int want_errno)
{
	int name[2] = { CTL_VM, id };

	if (want_errno != 0)
		CHECK_ERRNO(
		    bsd_sysctl(name, 2, NULL, NULL, &percent, sizeof(percent)),
		    want_errno);
	else
		CHECK(bsd_sysctl(
			  name, 2, NULL, NULL, &percent, sizeof(percent)) == 0);
}

static void
test_minimums(void)
{
	snapshot(&before);
	set_percent(VM_ANONMIN, 20, 0);
	snapshot(&after);
	CHECK_EQ(after.anonminpct, 20);
	CHECK_EQ(after.anonmin, 51);
	set_percent(VM_ANONMIN, 95, EINVAL);
	set_percent(VM_ANONMIN, -1, EINVAL);
	snapshot(&after);
	CHECK_EQ(after.anonminpct, 20);
	set_percent(VM_ANONMIN, before.anonminpct, 0);
}

static void
run_all(void)
{
	report =
	    mmap(NULL, sizeof(*report), RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(report != MAP_FAILED);
	touch(report, sizeof(*report));
	snapshot(&before);
	snapshot(&after);
	test_constants();
	test_zero_fill();
	test_sixteen();
	test_deactivate();
	test_wired();
	test_shared();
	test_copy_on_write();
	test_no_copy_afterwards();
	test_neighbours();
	test_forks();
	test_syscalls();
	test_switches();
	test_alone();
	test_errors();
	test_vmtotal();
	test_minimums();
}

/*
 * The figures are those of a quiet machine, and a process of ours cannot keep
 * the others quiet: init or the runner may wake, and fault, between two looks.
 * That adds to a figure now and then, a defect does so every time.
 */
int
main(int argc, char **argv)
{
	char once[] = "once", *again[] = { argv[0], once, NULL };
	int status = 1;

	if (on_peer())
		return 77;
	if (argc > 1) {
		run_all();
		return 0;
	}
	for (int tries = 0; tries < 4 && status != 0; tries++) {
		pid_t pid = fork();

		if (pid == 0) {
			execv(argv[0], again); /* nothing to be copied */
			_exit(127);
		}
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	}
	return status != 0;
}
