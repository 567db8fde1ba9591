/*
 * swapoff: bring back what was paged to a device, and leave it alone.
 */
#include <stdlib.h>
#include <unistd.h>
#include <uvm_bsd.h>

#include "box.h"

static int
off(const char *path)
{
	if (swapctl(SWAP_OFF, path, 0) == 0)
		return 0;
	complain("%s", path);
	return 1;
}

static int
all_off(void)
{
	struct swapent *se;
	int n = get_swaps(&se), status = 0;

	if (n < 0)
		return 1;
	for (int i = 0; i < n; i++)
		status |= off(se[i].se_path);
	free(se);
	return status;
}

int
swapoff_main(int argc, char **argv)
{
	int opt, all = 0, status = 0;

	while ((opt = getopt(argc, argv, "a")) != -1) {
		if (opt != 'a')
			usage();
		all = 1;
	}
	if (all ? optind < argc : optind == argc)
		usage();
	if (all)
		return all_off();
	for (int i = optind; i < argc; i++)
		status |= off(argv[i]);
	return status;
}
