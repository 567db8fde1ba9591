/*
 * mv: rename files; between file systems, copy and remove them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "box.h"

static int
move(const char *from, const char *to)
{
	if (rename(from, to) == 0)
		return 0;
	if (errno == EXDEV) {
		if (copy_tree(from, to, 1) != 0)
			return -1;
		return remove_tree(from, 0);
	}
	complain("%s to %s", from, to);
	return -1;
}

static int
move_into(char *from, const char *dir)
{
	char *to = path_join(dir, path_base(from));
	int rv = move(from, to);

	free(to);
	return rv;
}

int
mv_main(int argc, char **argv)
{
	const char *target;
	int opt, status = 0;

	while ((opt = getopt(argc, argv, "f")) != -1)
		if (opt != 'f') /* never asks, so nothing to force */
			usage();
	if (argc - optind < 2)
		usage();
	target = argv[--argc];
	if (!is_dir(target)) {
		if (argc - optind > 1) {
			complainx("%s: is not a directory", target);
			return 1;
		}
		return move(argv[optind], target) != 0;
	}
	for (; optind < argc; optind++)
		if (move_into(argv[optind], target) != 0)
			status = 1;
	return status;
}
