/*
 * sync: what was written is safe when it ends: everything, files, or the file
 * systems they are on.
 */
#include <fcntl.h>
#include <unistd.h>

#include "box.h"

static int
sync_file(const char *path, int all)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK), rv;

	if (fd < 0) {
		complain("%s", path);
		return 1;
	}
	rv = all ? syncfs(fd) : fsync(fd);
	if (rv != 0)
		complain("%s", path);
	close(fd);
	return rv != 0;
}

int
sync_main(int argc, char **argv)
{
	int opt, all = 0, status = 0;

	while ((opt = getopt(argc, argv, "f")) != -1) {
		if (opt != 'f')
			usage();
		all = 1;
	}
	if (optind == argc) {
		sync();
		return 0;
	}
	for (; optind < argc; optind++)
		status |= sync_file(argv[optind], all);
	return status;
}
