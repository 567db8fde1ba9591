/*
 * sync: what was written is safe when it ends: everything, files, or the file
 * systems they are on.
 */
#include <fcntl.h>
#include <unistd.h>

#include "box.h"

/* how: 'f': its file system, 'd': its data, else all of it */
static int
sync_file(const char *path, int how)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK), rv;

	if (fd < 0) {
		complain("%s", path);
		return 1;
	}
	rv = how == 'f' ? syncfs(fd) : how == 'd' ? fdatasync(fd) : fsync(fd);
	if (rv != 0)
		complain("%s", path);
	close(fd);
	return rv != 0;
}

int
sync_main(int argc, char **argv)
{
	int opt, how = 0, status = 0;

	while ((opt = getopt(argc, argv, "df")) != -1) {
		if (opt != 'f' && opt != 'd')
			usage();
		how = opt;
	}
	if (optind == argc) {
		sync();
		return 0;
	}
	for (; optind < argc; optind++)
		status |= sync_file(argv[optind], how);
	return status;
}
