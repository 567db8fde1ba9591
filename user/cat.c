/*
 * cat: write files, or the standard input, one after the other.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "box.h"

static int
cat_file(const char *path)
{
	int fd, rv;

	if (strcmp(path, "-") == 0)
		return copy_fd(STDIN_FILENO, "stdin", STDOUT_FILENO, "stdout");
	fd = open(path, O_RDONLY);
	if (fd < 0) {
		complain("%s", path);
		return -1;
	}
	rv = copy_fd(fd, path, STDOUT_FILENO, "stdout");
	close(fd);
	return rv;
}

int
cat_main(int argc, char **argv)
{
	int opt, status = 0;

	while ((opt = getopt(argc, argv, "u")) != -1)
		if (opt != 'u') /* output is never held back */
			usage();
	if (optind == argc)
		return cat_file("-") != 0;
	for (; optind < argc; optind++)
		if (cat_file(argv[optind]) != 0)
			status = 1;
	return status;
}
