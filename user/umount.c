/*
 * umount: detach file systems.
 */
#include <sys/mount.h>
#include <unistd.h>

#include "box.h"

int
umount_main(int argc, char **argv)
{
	int opt, flags = 0, status = 0;

	while ((opt = getopt(argc, argv, "fl")) != -1) {
		if (opt == 'f')
			flags |= MNT_FORCE;
		else if (opt == 'l')
			flags |= MNT_DETACH;
		else
			usage();
	}
	if (optind == argc)
		usage();
	for (; optind < argc; optind++)
		if (umount2(argv[optind], flags) != 0) {
			complain("%s", argv[optind]);
			status = 1;
		}
	return status;
}
