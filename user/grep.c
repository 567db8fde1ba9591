/*
 * grep: lines that a regular expression fits.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

/* Options, set once by grep_main. */
static int opt_extended, opt_fixed, opt_count, opt_nonames, opt_icase;
static int opt_list, opt_number, opt_quiet, opt_recursive, opt_invert;
static int opt_whole;

static const char *fixed; /* the pattern with -F */
static regex_t regex; /* else */
static int many_files; /* lines need their file's name */

static int
fits_fixed(const char *line)
{
	if (opt_whole)
		return (opt_icase ? strcasecmp : strcmp)(line, fixed) == 0;
	return (opt_icase ? strcasestr : strstr)(line, fixed) != NULL;
}

static int
fits(const char *line)
{
	regmatch_t m;
	int found;

	if (opt_fixed)
		found = fits_fixed(line);
	else {
		found = regexec(&regex, line, 1, &m, 0) == 0;
		if (found && opt_whole)
			found = m.rm_so == 0 && line[m.rm_eo] == '\0';
	}
	return found != opt_invert;
}

static void
print_line(const char *name, unsigned long number, const char *line)
{
	if (many_files)
		printf("%s:", name);
	if (opt_number)
		printf("%lu:", number);
	printf("%s\n", line);
}

/* => lines that fit; -1: could not be read */
static long
grep_stream(FILE *f, const char *name)
{
	char *line = NULL;
	size_t size = 0;
	unsigned long number = 0;
	long found = 0;
	ssize_t n;

	while ((n = getline(&line, &size, f)) >= 0) {
		number++;
		if (n > 0 && line[n - 1] == '\n')
			line[n - 1] = '\0';
		if (!fits(line))
			continue;
		found++;
		if (opt_quiet || opt_list)
			break;
		if (!opt_count)
			print_line(name, number, line);
	}
	free(line);
	return ferror(f) ? -1 : found;
}

static long grep_path(const char *path);

static long
grep_dir(const char *path)
{
	DIR *dir = opendir(path);
	long found = 0, n;
	struct dirent *d;
	char *below;

	if (dir == NULL)
		return -1;
	while ((d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		below = path_join(path, d->d_name);
		n = grep_path(below);
		free(below);
		if (n < 0)
			found = -1;
		else if (found >= 0)
			found += n;
	}
	closedir(dir);
	return found;
}

/* => lines found, or -1 after a message */
static long
grep_path(const char *path)
{
	int standard = strcmp(path, "-") == 0;
	struct stat st;
	long found;
	FILE *f;

	if (opt_recursive && !standard && lstat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return grep_dir(path);
		if (!S_ISREG(st.st_mode))
			return 0;
	}
	f = standard ? stdin : fopen(path, "r");
	found = f == NULL ? -1 : grep_stream(f, path);
	if (found < 0)
		complain("%s", path);
	else if (opt_list && found > 0)
		printf("%s\n", path);
	else if (opt_count && !opt_quiet && !opt_list) {
		if (many_files)
			printf("%s:", path);
		printf("%ld\n", found);
	}
	if (f != NULL && !standard)
		fclose(f);
	return found;
}

static void
set_option(int opt)
{
	static const char letters[] = "EFchilnqrvx";
	static int *const flags[] = { &opt_extended, &opt_fixed, &opt_count,
		&opt_nonames, &opt_icase, &opt_list, &opt_number, &opt_quiet,
		&opt_recursive, &opt_invert, &opt_whole };
	const char *at = strchr(letters, opt);

	if (at == NULL)
		usage();
	*flags[at - letters] = 1;
}

static void
compile(const char *pattern)
{
	char why[128];
	int error;

	if (opt_fixed) {
		fixed = pattern;
		return;
	}
	error = regcomp(&regex, pattern,
	    (opt_extended ? REG_EXTENDED : 0) | (opt_icase ? REG_ICASE : 0) |
		(opt_whole ? 0 : REG_NOSUB));
	if (error == 0)
		return;
	regerror(error, &regex, why, sizeof(why));
	complainx("%s: %s", pattern, why);
	exit(2);
}

int
grep_main(int argc, char **argv)
{
	const char *pattern = NULL;
	int opt, status = 1;
	long n;

	opt_extended = opt_fixed = opt_count = opt_nonames = opt_icase = 0;
	opt_list = opt_number = opt_quiet = opt_recursive = opt_invert = 0;
	opt_whole = 0;
	while ((opt = getopt(argc, argv, "EFchilnqrvxe:")) != -1) {
		if (opt == 'e')
			pattern = optarg;
		else
			set_option(opt);
	}
	if (pattern == NULL && optind < argc)
		pattern = argv[optind++];
	if (pattern == NULL)
		usage();
	compile(pattern);
	many_files = !opt_nonames && (argc - optind > 1 || opt_recursive);
	if (optind == argc)
		argv[--optind] = opt_recursive ? "." : "-";
	for (; optind < argc; optind++) {
		n = grep_path(argv[optind]);
		if (n < 0)
			status = 2;
		else if (n > 0 && status == 1)
			status = 0;
	}
	if (!opt_fixed)
		regfree(&regex);
	return status;
}
