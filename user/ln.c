/*
 * ln: give files more names, or make links to names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

static int opt_force, opt_symbolic, opt_nodir; /* set once by ln_main */

static int
same_file(const char *one, const char *two)
{
	struct stat a, b;

	return lstat(one, &a) == 0 && lstat(two, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* => where the name is; the caller frees it */
static char *
parent(const char *path)
{
	char *copy = xstrdup(path), *slash = strrchr(copy, '/');

	if (slash == NULL)
		strcpy(copy, ".");
	else
		slash[slash == copy] = '\0';
	return copy;
}

/* One name written in two ways?  To replace it by itself would lose the file. */
static int
same_name(const char *one, const char *two)
{
	char *a = xstrdup(one), *b = xstrdup(two);
	char *up = parent(one), *vp = parent(two);
	int same = same_file(one, two) && same_file(up, vp) &&
	    strcmp(path_base(a), path_base(b)) == 0;

	free(a);
	free(b);
	free(up);
	free(vp);
	return same;
}

static int
link_one(const char *target, const char *name)
{
	int rv;

	if (opt_force && same_name(target, name)) {
		complainx("%s and %s are the same file", target, name);
		return 1;
	}
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
	struct stat st;

	opt_force = opt_symbolic = opt_nodir = 0;
	while ((opt = getopt(argc, argv, "fns")) != -1) {
		if (opt == 'f')
			opt_force = 1;
		else if (opt == 's')
			opt_symbolic = 1;
		else if (opt == 'n')
			opt_nodir = 1;
		else
			usage();
	}
	if (optind == argc)
		usage();
	if (optind == argc - 1)
		return link_into(argv[optind], ".");
	last = argv[--argc];
	if (!is_dir(last) ||
	    (opt_nodir && lstat(last, &st) == 0 && S_ISLNK(st.st_mode))) {
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
