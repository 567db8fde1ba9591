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

static void
print_heading(void)
{
	puts("   procs    memory (KiB)           page"
	     "                              traps\n"
	     "   r   s      avm       fre    flt   re   pi   po   fr   sr"
	     "    int    sys    cs");
}

/*
 * One line: gauges as they are, counters per second since the last line.
 */
static void
print_line(const struct uvmexp *u, const struct uvmexp *old, unsigned secs)
{
	struct vmtotal t;

	if (get_vm_param(VM_METER, &t, sizeof(t)) != 0)
		memset(&t, 0, sizeof(t));
#define RATE(member) ((unsigned)(u->member - old->member) / secs)
	printf("%4d%4d %8lu %9lu %6u %4u %4u %4u %4u %4u %6u %6u %5u\n",
	    (int)t.t_rq, (int)t.t_sl,
	    (unsigned long)t.t_avm * (unsigned)u->pagesize / 1024,
	    (unsigned long)u->free * (unsigned)u->pagesize / 1024, RATE(faults),
	    RATE(pdreact), RATE(pageins), RATE(pdpageouts), RATE(pdfreed),
	    RATE(pdscans), RATE(intrs), RATE(syscalls), RATE(swtch));
#undef RATE
	fflush(stdout);
}

int
vmstat_main(int argc, char **argv)
{
	unsigned long wait = 0, count = 1;
	struct uvmexp old, now;
	struct timespec up;
	unsigned secs;
	int opt, all = 0;

	while ((opt = getopt(argc, argv, "s")) != -1) {
		if (opt != 's')
			usage();
		all = 1;
	}
	if (optind < argc &&
	    (parse_ulong(argv[optind++], &wait) != 0 || wait == 0))
		usage();
	if (wait != 0)
		count = ~0ul;
	if (optind < argc && parse_ulong(argv[optind++], &count) != 0)
		usage();
	if (optind < argc || (all && wait != 0))
		usage();
	if (all) {
		print_all();
		return 0;
	}
	print_heading();
	memset(&old, 0, sizeof(old));
	clock_gettime(CLOCK_MONOTONIC, &up); /* the first line: since boot */
	secs = up.tv_sec > 0 ? (unsigned)up.tv_sec : 1;
	for (unsigned long i = 0; i < count; i++) {
		if (i > 0)
			sleep_ns(wait * UINT64_C(1000000000));
		get_uvmexp(&now);
		print_line(&now, &old, secs);
		old = now;
		secs = (unsigned)wait;
	}
	return 0;
}
