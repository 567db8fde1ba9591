/*
 * mkdir: make directories.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

/*
 * Make a directory and those above it that are missing.
 */
static int
make_path(char *path)
{
	for (char *at = path + 1; *at != '\0'; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(path, 0777) != 0 && errno != EEXIST) {
			complain("%s", path);
			return -1;
		}
		*at = '/';
	}
	if (mkdir(path, 0777) != 0 && !(errno == EEXIST && is_dir(path))) {
		complain("%s", path);
		return -1;
	}
	return 0;
}

int
mkdir_main(int argc, char **argv)
{
	int opt, parents = 0, status = 0;

	while ((opt = getopt(argc, argv, "p")) != -1) {
		if (opt != 'p')
			usage();
		parents = 1;
	}
	if (optind == argc)
		usage();
	for (; optind < argc; optind++) {
		if (parents) {
			if (make_path(argv[optind]) != 0)
				status = 1;
		} else if (mkdir(argv[optind], 0777) != 0) {
			complain("%s", argv[optind]);
			status = 1;
		}
	}
	return status;
}
