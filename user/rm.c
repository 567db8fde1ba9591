/*
 * rm: remove files and trees.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

static int
remove_file(const char *path, int force)
{
	if (unlink(path) == 0 || (force && errno == ENOENT))
		return 0;
	complain("%s", path);
	return -1;
}

int
rm_main(int argc, char **argv)
{
	int opt, recursive = 0, force = 0, status = 0;

	while ((opt = getopt(argc, argv, "rRf")) != -1) {
		if (opt == 'f')
			force = 1;
		else if (opt == 'r' || opt == 'R')
			recursive = 1;
		else
			usage();
	}
	if (optind == argc && !force)
		usage();
	for (; optind < argc; optind++)
		if ((recursive ? remove_tree : remove_file)(
			argv[optind], force) != 0)
			status = 1;
	return status;
}
