/* vmrun: --mem 40M --swap 96M --smp 1,4 --timeout 300 --alone */
/*
 * Kernel stacks of processes that sleep for long go to swap when memory is
 * short, are counted, and come back when their process is to go on, which
 * finds its stacks as it left them.
 */
#include "paging.h"

#define SLEEPERS     6
#define USPACE_PAGES (sysctl_int(VM_USPACE) / (int)PAGE)

static int
sysctl_int(int id)
{
	const int name[] = { CTL_VM, id };
	size_t len = sizeof(int);
	int value;

	CHECK(bsd_sysctl(name, 2, &value, &len, NULL, 0) == 0);
	return value;
}

/* => processes that are swapped out now */
static int
swapped_out(void)
{
	const int name[] = { CTL_VM, VM_METER };
	struct vmtotal t;
	size_t len = sizeof(t);

	CHECK(bsd_sysctl(name, 2, &t, &len, NULL, 0) == 0);
	return t.t_sw;
}

/* => a counter as vmstat -s prints it */
static int
vmstat(const char *what)
{
	char line[200], key[40];
	int value = -1, n;
	FILE *f = popen("vmstat -s", "r");

	CHECK(f != NULL);
	snprintf(key, sizeof(key), "[%s]", what);
	while (fgets(line, sizeof(line), f) != NULL)
		if (strstr(line, key) != NULL && sscanf(line, "%d", &n) == 1)
			value = n;
	CHECK_EQ(pclose(f), 0);
	CHECK(value >= 0);
	return value;
}

struct sleeper {
	pid_t pid;
	int ask, answer; /* pipes: ours of each */
};

/* Its own pages stay, so what goes of it is the kernel's. */
static void __attribute__((noreturn))
sleeper(int ask, int answer, uint64_t salt)
{
	volatile uint64_t onstack[256];
	char c;

	stay_in_memory();
	for (size_t i = 0; i < NELEM(onstack); i++)
		onstack[i] = salt * 1000 + i;
	for (;;) {
		CHECK_EQ(read(ask, &c, 1), 1);
		for (size_t i = 0; i < NELEM(onstack); i++)
			CHECK_EQ(onstack[i], salt * 1000 + i);
		CHECK_EQ(write(answer, &c, 1), 1);
	}
}

static void
start(struct sleeper *s, uint64_t salt)
{
	int ask[2], answer[2];

	CHECK(pipe(ask) == 0 && pipe(answer) == 0);
	s->pid = fork();
	CHECK(s->pid >= 0);
	if (s->pid == 0)
		sleeper(ask[0], answer[1], salt);
	CHECK(close(ask[0]) == 0 && close(answer[1]) == 0);
	s->ask = ask[1];
	s->answer = answer[0];
}

/* => ns until it answers */
static uint64_t
wake(const struct sleeper *s)
{
	uint64_t begin = now_ns();
	char c = 'x', d = 0;

	CHECK_EQ(write(s->ask, &c, 1), 1);
	CHECK_EQ(read(s->answer, &d, 1), 1);
	CHECK_EQ(c, d);
	return now_ns() - begin;
}

static void
some_pressure(void)
{
	size_t n = 40 * MIB / PAGE;

	fill(map_anon(n * PAGE), n, 1);
}

static void
pressure(void)
{
	size_t n = 64 * MIB / PAGE;
	uint64_t *p = map_anon(n * PAGE);

	fill(p, n, 1);
	verify(p, n, 1);
	verify_random(p, n, 1, 500, 2);
}

/*
 * Nobody has slept for long enough: pressure or not, all stay.  On a host with
 * much to do the pressure itself may take too long; then nothing is known.
 */
static void
awake(struct sleeper *s)
{
	uint64_t limit =
	    UINT64_C(1000000000) * (uint64_t)(sysctl_int(VM_MAXSLP) - 2);
	struct uvmexp u, v;
	uint64_t begin;

	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < SLEEPERS; i++)
			CHECK(wake(&s[i]) < UINT64_C(1000000000));
		u = counters();
		begin = now_ns();
		CHECK_CHILD(some_pressure);
		v = counters();
		if (now_ns() - begin >= limit)
			continue;
		CHECK(v.pdswout > u.pdswout);
		CHECK_EQ(v.swapouts, u.swapouts);
		return;
	}
	printf("the host is too busy to tell\n");
}

static void
asleep(struct sleeper *s)
{
	int pdswout = vmstat("pdswout"), stacks = SLEEPERS * USPACE_PAGES;
	struct uvmexp u, v, w;

	for (int i = 0; i < SLEEPERS; i++)
		CHECK(wake(&s[i]) < UINT64_C(1000000000));
	u = counters();
	sleep_ms(1000 * (unsigned)(sysctl_int(VM_MAXSLP) + 3));
	/* a process goes with each pass of the daemon, its stack later */
	for (int i = 0; i < 10; i++) {
		CHECK_CHILD(pressure);
		v = counters();
		if (swapped_out() >= SLEEPERS && v.swpgonly >= stacks)
			break;
	}
	CHECK(v.pdswout > u.pdswout && vmstat("pdswout") > pdswout);
	CHECK(v.swapouts - u.swapouts >= SLEEPERS);
	CHECK_EQ(vmstat("swapouts"), v.swapouts);
	CHECK(swapped_out() >= SLEEPERS);
	/* their stacks are nowhere but in swap */
	CHECK(v.swpgonly >= stacks);
	for (int i = 0; i < SLEEPERS; i++)
		CHECK(wake(&s[i]) < UINT64_C(1000000000));
	w = counters();
	CHECK(w.swapins - v.swapins >= SLEEPERS);
	CHECK_EQ(vmstat("swapins"), counters().swapins);
	CHECK(v.swpgonly - w.swpgonly >= stacks / 2);
	CHECK(swapped_out() <= v.swapouts - v.swapins - SLEEPERS);
}

int
main(void)
{
	struct sleeper s[SLEEPERS];

	stay_in_memory();
	for (int i = 0; i < SLEEPERS; i++)
		start(&s[i], (uint64_t)i + 1);
	awake(s);
	asleep(s);
	for (int i = 0; i < SLEEPERS; i++) {
		CHECK(wake(&s[i]) < UINT64_C(1000000000));
		CHECK(kill(s[i].pid, SIGKILL) == 0);
		CHECK_EQ(waitpid(s[i].pid, NULL, 0), s[i].pid);
	}
	return 0;
}
