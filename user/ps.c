/*
 * ps: the processes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uvm_bsd.h>

#include "box.h"

static void
print_process(const struct uvm_procinfo *p, int wide)
{
	unsigned long long cs = (p->utime_ns + p->stime_ns) / 10000000;
	char stat[4] = { p->state, p->sid == p->pid ? 's' : '\0', '\0', '\0' };

	printf("%5d %5d ", p->pid, p->ppid);
	if (wide)
		printf("%5d %5d %4u %3u %4d ", p->pgid, p->sid, p->uid,
		    p->nthreads, p->hart);
	printf("%-4s %8llu %7llu %4llu:%02llu.%02llu %-10.*s %.*s\n", stat,
	    (unsigned long long)p->vsize / 1024, (unsigned long long)p->rss * 4,
	    cs / 6000, cs / 100 % 60, cs % 100, (int)sizeof(p->wmesg),
	    p->wmesg[0] != '\0' ? p->wmesg : "-", (int)sizeof(p->comm),
	    p->comm);
}

static int
by_pid(const void *a, const void *b)
{
	const struct uvm_procinfo *p = a, *q = b;

	return (p->pid > q->pid) - (p->pid < q->pid);
}

int
ps_main(int argc, char **argv)
{
	int name[2] = { CTL_VM, VM_UVM_PROCINFO };
	int opt, wide = 0;
	struct uvm_procinfo *p;
	void *data;
	ssize_t len;
	size_t n;

	while ((opt = getopt(argc, argv, "l")) != -1) {
		if (opt != 'l')
			usage();
		wide = 1;
	}
	if (optind < argc)
		usage();
	len = get_vm_array(name, 2, &data);
	if (len < 0) {
		complain("processes");
		return 1;
	}
	p = data;
	n = (size_t)len / sizeof(*p);
	qsort(p, n, sizeof(*p), by_pid);
	printf("%5s %5s ", "PID", "PPID");
	if (wide)
		printf("%5s %5s %4s %3s %4s ", "PGID", "SID", "UID", "THR",
		    "HART");
	printf("%-4s %8s %7s %10s %-10s %s\n", "STAT", "VSZ", "RSS", "TIME",
	    "WCHAN", "COMMAND");
	for (size_t i = 0; i < n; i++)
		print_process(&p[i], wide);
	free(data);
	return 0;
}
