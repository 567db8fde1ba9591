/*
 * cp: copy files and trees.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "box.h"

static int
copy_into(char *from, const char *dir, int recursive)
{
	char *to = path_join(dir, path_base(from));
	int rv = copy_tree(from, to, recursive);

	free(to);
	return rv;
}

int
cp_main(int argc, char **argv)
{
	int opt, recursive = 0, status = 0;
	const char *target;

	while ((opt = getopt(argc, argv, "rR")) != -1) {
		if (opt != 'r' && opt != 'R')
			usage();
		recursive = 1;
	}
	if (argc - optind < 2)
		usage();
	target = argv[--argc];
	if (!is_dir(target)) {
		if (argc - optind > 1) {
			complainx("%s: is not a directory", target);
			return 1;
		}
		return copy_tree(argv[optind], target, recursive) != 0;
	}
	for (; optind < argc; optind++)
		if (copy_into(argv[optind], target, recursive) != 0)
			status = 1;
	return status;
}
