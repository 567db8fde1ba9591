/*
 * rmdir: remove empty directories.
 */
#include <string.h>
#include <unistd.h>

#include "box.h"

/* With parents, those above it too. */
static int
remove_one(char *path, int parents)
{
	char *slash = NULL;

	do {
		if (slash != NULL)
			*slash = '\0';
		if (rmdir(path) != 0) {
			complain("%s", path);
			return 1;
		}
		slash = strrchr(path, '/');
	} while (parents && slash != NULL && slash != path);
	return 0;
}

int
rmdir_main(int argc, char **argv)
{
	int opt, parents = 0, status = 0;

	while ((opt = getopt(argc, argv, "p")) != -1) {
		if (opt != 'p')
			usage();
		parents = 1;
	}
	if (optind == argc)
		usage();
	for (; optind < argc; optind++)
		status |= remove_one(argv[optind], parents);
	return status;
}
