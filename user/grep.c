/*
 * grep: lines that a regular expression fits.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

/* Options, set once by grep_main. */
static int opt_extended, opt_fixed, opt_names, opt_without, opt_count;
static int opt_nonames, opt_icase, opt_list, opt_number, opt_only, opt_quiet;
static int opt_recursive, opt_silent, opt_invert, opt_word, opt_whole;
static unsigned long opt_max; /* lines of a file, 0: all */

/* What is looked for: any of these. */
struct pattern {
	char *text;
	regex_t regex; /* unless -F */
};
static struct pattern *patterns;
static size_t npatterns;
static int many_files; /* lines need their file's name */

static int
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* => does p fit at or behind line[from]? then where, in *m */
static int
find_pattern(
    const struct pattern *p, const char *line, size_t from, regmatch_t *m)
{
	const char *at;

	if (!opt_fixed) {
		if (regexec(&p->regex, line + from, 1, m,
			from > 0 ? REG_NOTBOL : 0) != 0)
			return 0;
		m->rm_so += (regoff_t)from;
		m->rm_eo += (regoff_t)from;
		return 1;
	}
	at = (opt_icase ? strcasestr : strstr)(line + from, p->text);
	if (at == NULL)
		return 0;
	m->rm_so = (regoff_t)(at - line);
	m->rm_eo = m->rm_so + (regoff_t)strlen(p->text);
	return 1;
}

static int
is_bounded(const char *line, const regmatch_t *m)
{
	if (opt_whole)
		return m->rm_so == 0 && line[m->rm_eo] == '\0';
	return !opt_word ||
	    ((m->rm_so == 0 || !is_word(line[m->rm_so - 1])) &&
		!is_word(line[m->rm_eo]));
}

/* => does p fit, as -w and -x want it? */
static int
fits_pattern(
    const struct pattern *p, const char *line, size_t from, regmatch_t *m)
{
	while (find_pattern(p, line, from, m)) {
		if (is_bounded(line, m))
			return 1;
		if (opt_whole && !opt_fixed)
			return 0;
		from = (size_t)m->rm_so + 1;
		if (line[m->rm_so] == '\0')
			return 0;
	}
	return 0;
}

/* => does any fit at or behind line[from]? the first, and longest, in *best */
static int
fits(const char *line, size_t from, regmatch_t *best)
{
	regmatch_t m;
	int found = 0;

	for (size_t i = 0; i < npatterns; i++) {
		if (!fits_pattern(&patterns[i], line, from, &m))
			continue;
		if (!found || m.rm_so < best->rm_so ||
		    (m.rm_so == best->rm_so && m.rm_eo > best->rm_eo))
			*best = m;
		found = 1;
		if (!opt_only)
			break;
	}
	return found;
}

static void
print_line(const char *name, unsigned long number, const char *line, int len)
{
	if (many_files)
		printf("%s:", name);
	if (opt_number)
		printf("%lu:", number);
	printf("%.*s\n", len, line);
}

/* With -o: what fits, each by itself. */
static void
print_matches(
    const char *name, unsigned long number, const char *line, regmatch_t m)
{
	size_t from;

	do {
		if (m.rm_eo > m.rm_so)
			print_line(name, number, line + m.rm_so,
			    (int)(m.rm_eo - m.rm_so));
		from = (size_t)m.rm_eo + (m.rm_eo == m.rm_so);
	} while (from <= strlen(line) && fits(line, from, &m));
}

/* => lines that fit; -1: could not be read */
static long
grep_stream(FILE *f, const char *name)
{
	char *line = NULL;
	size_t size = 0;
	unsigned long number = 0;
	long found = 0;
	regmatch_t m;
	ssize_t n;

	while ((n = getline(&line, &size, f)) >= 0) {
		number++;
		if (n > 0 && line[n - 1] == '\n')
			line[--n] = '\0';
		if (fits(line, 0, &m) == opt_invert)
			continue;
		found++;
		if (opt_quiet || opt_list || opt_without)
			break;
		if (!opt_count && opt_only && !opt_invert)
			print_matches(name, number, line, m);
		else if (!opt_count && !opt_only)
			print_line(name, number, line, (int)n);
		if (opt_max != 0 && (unsigned long)found == opt_max)
			break;
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
	if (found < 0) {
		if (!opt_silent)
			complain("%s", path);
	} else if (opt_list || opt_without) {
		if (!opt_quiet && (found > 0) == opt_list)
			printf("%s\n", path);
	} else if (opt_count && !opt_quiet) {
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
	static const char letters[] = "EFHLchilnoqrsvwx";
	static int *const flags[] = { &opt_extended, &opt_fixed, &opt_names,
		&opt_without, &opt_count, &opt_nonames, &opt_icase, &opt_list,
		&opt_number, &opt_only, &opt_quiet, &opt_recursive, &opt_silent,
		&opt_invert, &opt_word, &opt_whole };
	const char *at = strchr(letters, opt);

	if (at == NULL)
		usage();
	*flags[at - letters] = 1;
}

/* Each line of text is a pattern. */
static void
add_patterns(const char *text)
{
	size_t len;

	for (;; text += len + 1) {
		len = strcspn(text, "\n");
		patterns =
		    xrealloc(patterns, (npatterns + 1) * sizeof(*patterns));
		patterns[npatterns].text = xmalloc(len + 1);
		memcpy(patterns[npatterns].text, text, len);
		patterns[npatterns++].text[len] = '\0';
		if (text[len] == '\0')
			break;
	}
}

/* -f: a file without lines has no pattern, and nothing fits. */
static void
add_file(const char *path)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
	char *line = NULL;
	size_t size = 0;
	ssize_t n;

	if (f == NULL) {
		complain("%s", path);
		exit(2);
	}
	while ((n = getline(&line, &size, f)) >= 0) {
		if (n > 0 && line[n - 1] == '\n')
			line[n - 1] = '\0';
		add_patterns(line);
	}
	free(line);
	if (f != stdin)
		fclose(f);
}

static void
compile(struct pattern *p)
{
	char why[128];
	int error;

	if (opt_fixed)
		return;
	error = regcomp(&p->regex, p->text,
	    (opt_extended ? REG_EXTENDED : 0) | (opt_icase ? REG_ICASE : 0));
	if (error == 0)
		return;
	regerror(error, &p->regex, why, sizeof(why));
	complainx("%s: %s", p->text, why);
	exit(2);
}

static void
forget_patterns(void)
{
	for (size_t i = 0; i < npatterns; i++) {
		if (!opt_fixed)
			regfree(&patterns[i].regex);
		free(patterns[i].text);
	}
	free(patterns);
	patterns = NULL;
	npatterns = 0;
}

static void
parse_options(int argc, char **argv)
{
	int opt, given = 0;

	opt_extended = opt_fixed = opt_names = opt_without = opt_count = 0;
	opt_nonames = opt_icase = opt_list = opt_number = opt_only = 0;
	opt_quiet = opt_recursive = opt_silent = opt_invert = opt_word = 0;
	opt_whole = 0;
	opt_max = 0;
	while ((opt = getopt(argc, argv, "EFHLchilnoqrsvwxe:f:m:")) != -1) {
		if (opt == 'e')
			add_patterns(optarg);
		else if (opt == 'f')
			add_file(optarg);
		else if (opt == 'm') {
			if (parse_ulong(optarg, &opt_max) != 0)
				usage();
		} else
			set_option(opt);
		given |= opt == 'e' || opt == 'f';
	}
	if (!given && optind == argc)
		usage();
	if (!given)
		add_patterns(argv[optind++]);
}

int
grep_main(int argc, char **argv)
{
	int status = 1;
	long n;

	parse_options(argc, argv);
	for (size_t i = 0; i < npatterns; i++)
		compile(&patterns[i]);
	many_files =
	    opt_names || (!opt_nonames && (argc - optind > 1 || opt_recursive));
	if (optind == argc)
		argv[--optind] = opt_recursive ? "." : "-";
	for (; optind < argc; optind++) {
		n = grep_path(argv[optind]);
		if (n < 0)
			status = 2;
		else if ((opt_without ? n == 0 : n > 0) && status == 1)
			status = 0;
	}
	forget_patterns();
	return status;
}
