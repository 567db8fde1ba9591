/*
 * find: walk trees and print what fits.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

/* What is asked for; set once by find_main. */
static struct {
	const char *name; /* pattern, or NULL */
	char type; /* letter, or 0 */
	unsigned long depth; /* most levels below the start */
	char end; /* after each path */
} want;

static int
fits_type(mode_t mode)
{
	static const char letters[] = "?pc?d?b?f?l?s???";

	return want.type == 0 || letters[mode >> 12 & 15] == want.type;
}

static void
visit(const char *path, mode_t mode)
{
	char *copy = xstrdup(path);

	if (fits_type(mode) &&
	    (want.name == NULL || fnmatch(want.name, path_base(copy), 0) == 0))
		printf("%s%c", path, want.end);
	free(copy);
}

static int walk(const char *path, unsigned long depth);

static int
walk_dir(const char *path, unsigned long depth)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int status = 0;
	char *below;

	if (dir == NULL) {
		complain("%s", path);
		return 1;
	}
	while ((errno = 0, d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		below = path_join(path, d->d_name);
		status |= walk(below, depth + 1);
		free(below);
	}
	if (errno != 0) {
		complain("%s", path);
		status = 1;
	}
	closedir(dir);
	return status;
}

static int
walk(const char *path, unsigned long depth)
{
	struct stat st;

	if (lstat(path, &st) != 0) {
		complain("%s", path);
		return 1;
	}
	visit(path, st.st_mode);
	return S_ISDIR(st.st_mode) && depth < want.depth ? walk_dir(path, depth)
							 : 0;
}

/* => the argument of the primary at argv[*i] */
static const char *
operand(int argc, char **argv, int *i)
{
	if (++*i >= argc)
		usage();
	return argv[*i];
}

static void
parse(int argc, char **argv, int i)
{
	const char *arg;

	for (; i < argc; i++) {
		if (strcmp(argv[i], "-name") == 0)
			want.name = operand(argc, argv, &i);
		else if (strcmp(argv[i], "-type") == 0) {
			arg = operand(argc, argv, &i);
			if (arg[0] == '\0' ||
			    strchr("bcdflps", arg[0]) == NULL || arg[1] != '\0')
				usage();
			want.type = arg[0];
		} else if (strcmp(argv[i], "-maxdepth") == 0) {
			if (parse_ulong(operand(argc, argv, &i), &want.depth) !=
			    0)
				usage();
		} else if (strcmp(argv[i], "-print") == 0)
			want.end = '\n';
		else if (strcmp(argv[i], "-print0") == 0)
			want.end = '\0';
		else
			usage();
	}
}

int
find_main(int argc, char **argv)
{
	int paths = 1, status = 0;

	want.name = NULL;
	want.type = 0;
	want.depth = (unsigned long)-1;
	want.end = '\n';
	while (paths < argc && argv[paths][0] != '-')
		paths++;
	parse(argc, argv, paths);
	if (paths == 1)
		return walk(".", 0);
	for (int i = 1; i < paths; i++)
		status |= walk(argv[i], 0);
	return status;
}
