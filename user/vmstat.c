/*
 * vmstat: the counters of UVM, summed up or one by one.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uvm_bsd.h>

#include "box.h"

static void
print_all(void)
{
	struct uvmexp u;

	get_uvmexp(&u);
#define UVMEXP(member, text) printf("%11d %s [%s]\n", u.member, text, #member);
#include "uvmexp_members.h"
#undef UVMEXP
}

/* -t: when, in seconds since boot, begins each line. */
static int opt_time;

static void
print_heading(void)
{
	const char *pad = opt_time ? "         " : "";

	printf("%s  procs     memory (KiB)                         pages a "
	       "second                        a second\n",
	    pad);
	printf("%s%3s%3s%3s %8s %8s %8s %8s %6s %5s %5s %5s %5s %6s %6s %6s "
	       "%6s\n",
	    opt_time ? "     time" : "", "r", "b", "sw", "active", "inact",
	    "free", "swap", "flt", "re", "pi", "po", "fr", "sr", "int", "sys",
	    "cs");
}

/*
 * One line: gauges as they are, counters per second since the last line.
 */
static void
print_line(
    const struct uvmexp *u, const struct uvmexp *old, uint64_t at, uint64_t ns)
{
	unsigned long kib = (unsigned)u->pagesize / 1024;
	struct vmtotal t;

	if (get_vm_param(VM_METER, &t, sizeof(t)) != 0)
		memset(&t, 0, sizeof(t));
	if (opt_time)
		printf("%9.3f", (double)at / 1e9);
#define RATE(member)                                                    \
	((unsigned)((unsigned)(u->member - old->member) * 1000000000. / \
		(double)ns +                                            \
	    .5))
	printf("%3d%3d%3d %8lu %8lu %8lu %8lu %6u %5u %5u %5u %5u %6u %6u %6u "
	       "%6u\n",
	    (int)t.t_rq, (int)(t.t_dw + t.t_pw), (int)t.t_sw,
	    (unsigned)u->active * kib, (unsigned)u->inactive * kib,
	    (unsigned)u->free * kib, (unsigned)u->swpginuse * kib, RATE(faults),
	    RATE(pdreact), RATE(pgswapin), RATE(pgswapout), RATE(pdfreed),
	    RATE(pdscans), RATE(intrs), RATE(syscalls), RATE(swtch));
#undef RATE
	fflush(stdout);
}

static uint64_t
uptime(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The first line tells of the time since boot. */
static void
print_lines(uint64_t wait, unsigned long count)
{
	struct uvmexp old = { 0 }, now;
	uint64_t before = 0, at;

	print_heading();
	for (unsigned long i = 0; i < count; i++) {
		if (i > 0)
			sleep_ns(wait);
		get_uvmexp(&now);
		at = uptime();
		print_line(&now, &old, at, at - before);
		old = now;
		before = at;
	}
}

int
vmstat_main(int argc, char **argv)
{
	unsigned long count = 1;
	uint64_t wait = 0;
	int opt, all = 0;

	opt_time = 0;
	while ((opt = getopt(argc, argv, "st")) != -1) {
		if (opt == 's')
			all = 1;
		else if (opt == 't')
			opt_time = 1;
		else
			usage();
	}
	if (optind < argc) {
		wait = parse_seconds(argv[optind++]);
		if (wait == 0)
			usage();
		count = ~0ul;
	}
	if (optind < argc && parse_ulong(argv[optind++], &count) != 0)
		usage();
	if (optind < argc || (all && (wait != 0 || opt_time)))
		usage();
	if (all)
		print_all();
	else
		print_lines(wait, count);
	return 0;
}
