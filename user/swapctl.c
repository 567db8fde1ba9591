/*
 * swapctl: which devices memory is paged to.  Lower priorities come first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <uvm_bsd.h>

#include "box.h"

#define BLOCKS_PER_KIB 2

static void
print_line(const char *name, long size, long used)
{
	printf("%-11s %11ld %10ld %10ld %8ld%%", name, size, used, size - used,
	    size > 0 ? used * 100 / size : 0);
}

static int
list(void)
{
	struct swapent *se;
	long size = 0, used = 0;
	int n = get_swaps(&se);

	if (n < 0)
		return 1;
	if (n == 0)
		puts("no swap devices configured");
	else
		printf("%-11s %11s %10s %10s %9s  %s\n", "Device", "KiB",
		    "Used", "Avail", "Capacity", "Priority");
	for (int i = 0; i < n; i++) {
		long kib = se[i].se_nblks / BLOCKS_PER_KIB;
		long inuse = se[i].se_inuse / BLOCKS_PER_KIB;

		print_line(se[i].se_path, kib, inuse);
		printf("  %d%s%s\n", se[i].se_priority,
		    se[i].se_flags & SWF_BUSY ? " (being emptied)" : "",
		    se[i].se_flags & (SWF_ENABLE | SWF_BUSY) ? ""
							     : " (failed)");
		size += kib;
		used += inuse;
	}
	if (n > 1) {
		print_line("Total", size, used);
		putchar('\n');
	}
	free(se);
	return 0;
}

static int
summary(void)
{
	struct swapent *se;
	long size = 0, used = 0;
	int n = get_swaps(&se);

	if (n < 0)
		return 1;
	for (int i = 0; i < n; i++) {
		size += se[i].se_nblks / BLOCKS_PER_KIB;
		used += se[i].se_inuse / BLOCKS_PER_KIB;
	}
	free(se);
	printf("total: %ld KiB, %ld used, %ld available\n", size, used,
	    size - used);
	return 0;
}

static int
change(int cmd, const char *path, int priority)
{
	if (swapctl(cmd, path, priority) >= 0)
		return 0;
	complain("%s", path);
	return 1;
}

int
swapctl_main(int argc, char **argv)
{
	unsigned long priority = 0;
	int opt, action = 0, given = 0, args;

	while ((opt = getopt(argc, argv, "acdlp:s")) != -1) {
		if (opt == '?' || (opt != 'p' && action != 0))
			usage();
		if (opt != 'p') {
			action = opt;
			continue;
		}
		if (parse_ulong(optarg, &priority) != 0 || priority > INT32_MAX)
			usage();
		given = 1;
	}
	args = action == 'a' || action == 'c' || action == 'd';
	if (action == 0 || argc - optind != args)
		usage();
	if (given ? action != 'a' && action != 'c' : action == 'c')
		usage();
	switch (action) {
	case 'a':
		return change(SWAP_ON, argv[optind], (int)priority);
	case 'c':
		return change(SWAP_CTL, argv[optind], (int)priority);
	case 'd':
		return change(SWAP_OFF, argv[optind], 0);
	case 'l':
		return list();
	default:
		return summary();
	}
}
