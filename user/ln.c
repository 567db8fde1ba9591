/*
 * ln: give files more names, or make links to names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "box.h"

static int opt_force, opt_symbolic; /* set once by ln_main */

static int
link_one(const char *target, const char *name)
{
	int rv;

	rv = opt_symbolic ? symlink(target, name) : link(target, name);
	if (rv != 0 && errno == EEXIST && opt_force && unlink(name) == 0)
		rv = opt_symbolic ? symlink(target, name) : link(target, name);
	if (rv != 0)
		complain("%s to %s", name, target);
	return rv != 0;
}

static int
link_into(char *target, const char *dir)
{
	char *copy = xstrdup(target), *name = path_join(dir, path_base(copy));
	int rv = link_one(target, name);

	free(name);
	free(copy);
	return rv;
}

int
ln_main(int argc, char **argv)
{
	int opt, status = 0;
	const char *last;

	opt_force = opt_symbolic = 0;
	while ((opt = getopt(argc, argv, "fs")) != -1) {
		if (opt == 'f')
			opt_force = 1;
		else if (opt == 's')
			opt_symbolic = 1;
		else
			usage();
	}
	if (optind == argc)
		usage();
	if (optind == argc - 1)
		return link_into(argv[optind], ".");
	last = argv[--argc];
	if (!is_dir(last)) {
		if (argc - optind > 1) {
			complainx("%s: is not a directory", last);
			return 1;
		}
		return link_one(argv[optind], last);
	}
	for (; optind < argc; optind++)
		status |= link_into(argv[optind], last);
	return status;
}
