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

/* mode: of the directory itself, whatever umask is; -1: as usual */
static int
make_one(char *path, int parents, long mode)
{
	if (parents ? make_path(path) != 0 : mkdir(path, 0777) != 0) {
		if (!parents)
			complain("%s", path);
		return -1;
	}
	if (mode < 0 || chmod(path, (mode_t)mode) == 0)
		return 0;
	complain("%s", path);
	return -1;
}

int
mkdir_main(int argc, char **argv)
{
	int opt, parents = 0, status = 0;
	long mode = -1;
	char *end;

	while ((opt = getopt(argc, argv, "m:p")) != -1) {
		if (opt == 'p')
			parents = 1;
		else if (opt == 'm') {
			mode = strtol(optarg, &end, 8);
			if (*end != '\0' || mode < 0 || mode > 07777)
				usage();
		} else
			usage();
	}
	if (optind == argc)
		usage();
	for (; optind < argc; optind++)
		status |= make_one(argv[optind], parents, mode) != 0;
	return status;
}
