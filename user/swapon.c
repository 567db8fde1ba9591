/*
 * swapon: page to a device from now on.  Lower priorities come first.
 */
#include <unistd.h>
#include <uvm_bsd.h>

#include "box.h"

int
swapon_main(int argc, char **argv)
{
	unsigned long priority = 0;
	int opt, status = 0;

	while ((opt = getopt(argc, argv, "p:")) != -1)
		if (opt != 'p' || parse_ulong(optarg, &priority) != 0 ||
		    priority > INT32_MAX)
			usage();
	if (optind == argc)
		usage();
	for (int i = optind; i < argc; i++)
		if (swapctl(SWAP_ON, argv[i], (int)priority) != 0) {
			complain("%s", argv[i]);
			status = 1;
		}
	return status;
}
