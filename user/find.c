/*
 * find: walk trees and do what is said with what fits.
 *
 * The expression is a tree of nodes in the order of the command line; each
 * says whether the file fits, and some act.  One program runs one find.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "box.h"

/* The file that is looked at. */
struct found {
	const char *path;
	const struct stat *st;
	int prune; /* do not go below */
};

struct node;
typedef int eval_t(struct node *n, struct found *f);

struct node {
	eval_t *eval;
	struct node *left, *right; /* of an operator */
	const char *text; /* pattern */
	char **argv; /* -exec: command, up to ";" or "+" */
	int argc;
	int gather; /* -exec +: as many files as there are */
	char **files; /* gathered */
	size_t nfiles;
	long long number; /* to compare with */
	int compare; /* '+', '-' or '=' */
	long unit; /* of -size, seconds of -mtime */
	int which; /* letter that tells kinds of one test apart */
	struct timespec than; /* -newer */
	struct node *next; /* all of them */
};

/* What is asked for; set once by find_main. */
static struct {
	unsigned long mindepth, maxdepth; /* levels below the start */
	int follow; /* 'P', 'H', 'L' */
	int depth_first, one_fs;
	int acts; /* something is done already: no -print at the end */
	struct node *all;
	char **argv; /* what is left of the expression */
	int status;
} find;

#define ARGS_MAX 512 /* files in one command of -exec + */

/* -- Tests ------------------------------------------------------------------------------- */

static int
compare(const struct node *n, long long value)
{
	switch (n->compare) {
	case '+':
		return value > n->number;
	case '-':
		return value < n->number;
	default:
		return value == n->number;
	}
}

static int
eval_name(struct node *n, struct found *f)
{
	char *copy = xstrdup(f->path);
	const char *s = n->which == 'p' ? f->path : path_base(copy);
	int fits = fnmatch(n->text, s, n->which == 'i' ? FNM_CASEFOLD : 0) == 0;

	free(copy);
	return fits;
}

static int
eval_type(struct node *n, struct found *f)
{
	static const char letters[] = "?pc?d?b?f?l?s???";

	return letters[f->st->st_mode >> 12 & 15] == n->which;
}

static int
eval_size(struct node *n, struct found *f)
{
	return compare(n, (f->st->st_size + n->unit - 1) / n->unit);
}

/* -mtime, -mmin and so on: whole days, or minutes, ago */
static int
eval_age(struct node *n, struct found *f)
{
	const struct timespec *ts = n->which == 'm' ? &f->st->st_mtim
	    : n->which == 'a'                       ? &f->st->st_atim
						    : &f->st->st_ctim;

	return compare(n, (time(NULL) - ts->tv_sec) / n->unit);
}

static int
eval_newer(struct node *n, struct found *f)
{
	const struct timespec *ts = &f->st->st_mtim;

	return ts->tv_sec > n->than.tv_sec ||
	    (ts->tv_sec == n->than.tv_sec && ts->tv_nsec > n->than.tv_nsec);
}

static int
eval_links(struct node *n, struct found *f)
{
	return compare(n,
	    n->which == 'i' ? (long long)f->st->st_ino
			    : (long long)f->st->st_nlink);
}

/* mode: exactly; -mode: at least */
static int
eval_perm(struct node *n, struct found *f)
{
	long long mode = f->st->st_mode & 07777;

	return n->compare == '-' ? (mode & n->number) == n->number
				 : mode == n->number;
}

static int
eval_empty(struct node *n, struct found *f)
{
	struct dirent *d;
	int empty = 1;
	DIR *dir;

	(void)n;
	if (!S_ISDIR(f->st->st_mode))
		return S_ISREG(f->st->st_mode) && f->st->st_size == 0;
	dir = opendir(f->path);
	if (dir == NULL) {
		complain("%s", f->path);
		find.status = 1;
		return 0;
	}
	while (empty && (d = readdir(dir)) != NULL)
		empty =
		    strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

/* -- Actions ------------------------------------------------------------------------------- */

static int
eval_print(struct node *n, struct found *f)
{
	printf("%s%c", f->path, n->which);
	return 1;
}

static int
eval_prune(struct node *n, struct found *f)
{
	(void)n;
	f->prune = 1;
	return 1;
}

static int
eval_delete(struct node *n, struct found *f)
{
	int dir = S_ISDIR(f->st->st_mode);

	(void)n;
	if (strcmp(f->path, ".") == 0)
		return 1;
	if ((dir ? rmdir : unlink)(f->path) == 0)
		return 1;
	complain("%s", f->path);
	find.status = 1;
	return 0;
}

/* => did the command end well? */
static int
run(char **argv)
{
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		execvp(argv[0], argv);
		complain("%s", argv[0]);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		complain("%s", argv[0]);
		find.status = 1;
		return 0;
	}
	return status == 0;
}

/* => arg with every {} replaced by path; the caller frees it */
static char *
substitute(const char *arg, const char *path)
{
	size_t len = strlen(path), size = strlen(arg) + 1, used = 0;
	char *out;

	for (const char *at = arg; (at = strstr(at, "{}")) != NULL; at += 2)
		size += len;
	out = xmalloc(size);
	while (*arg != '\0') {
		if (arg[0] == '{' && arg[1] == '}') {
			memcpy(out + used, path, len);
			used += len;
			arg += 2;
		} else
			out[used++] = *arg++;
	}
	out[used] = '\0';
	return out;
}

/* => the command for all files gathered, which are forgotten then */
static void
run_gathered(struct node *n)
{
	size_t fixed = (size_t)n->argc - 1; /* the {} at the end */
	char **argv = xmalloc((fixed + n->nfiles + 1) * sizeof(*argv));

	memcpy(argv, n->argv, fixed * sizeof(*argv));
	memcpy(argv + fixed, n->files, n->nfiles * sizeof(*argv));
	argv[fixed + n->nfiles] = NULL;
	if (n->nfiles > 0 && !run(argv))
		find.status = 1;
	for (size_t i = 0; i < n->nfiles; i++)
		free(n->files[i]);
	n->nfiles = 0;
	free(argv);
}

static int
eval_exec(struct node *n, struct found *f)
{
	char **argv;
	int ok;

	if (n->gather) {
		if (n->files == NULL)
			n->files = xmalloc(ARGS_MAX * sizeof(*n->files));
		n->files[n->nfiles++] = xstrdup(f->path);
		if (n->nfiles == ARGS_MAX)
			run_gathered(n);
		return 1;
	}
	argv = xmalloc(((size_t)n->argc + 1) * sizeof(*argv));
	for (int i = 0; i < n->argc; i++)
		argv[i] = substitute(n->argv[i], f->path);
	argv[n->argc] = NULL;
	ok = run(argv);
	for (int i = 0; i < n->argc; i++)
		free(argv[i]);
	free(argv);
	return ok;
}

/* -- Operators ------------------------------------------------------------------------------- */

static int
eval_true(struct node *n, struct found *f)
{
	(void)n, (void)f;
	return 1;
}

static int
eval_not(struct node *n, struct found *f)
{
	return !n->left->eval(n->left, f);
}

static int
eval_and(struct node *n, struct found *f)
{
	return n->left->eval(n->left, f) && n->right->eval(n->right, f);
}

static int
eval_or(struct node *n, struct found *f)
{
	return n->left->eval(n->left, f) || n->right->eval(n->right, f);
}

/* -- The expression ---------------------------------------------------------------------- */

static struct node *
node_new(eval_t *eval)
{
	struct node *n = xmalloc(sizeof(*n));

	*n = (struct node){ .eval = eval, .next = find.all };
	find.all = n;
	return n;
}

static struct node *
operator(eval_t *eval, struct node *left, struct node *right)
{
	struct node *n = node_new(eval);

	n->left = left;
	n->right = right;
	return n;
}

/* => the next word of the expression is this one, and is taken */
static int
take(const char *word)
{
	if (*find.argv == NULL || strcmp(*find.argv, word) != 0)
		return 0;
	find.argv++;
	return 1;
}

static const char *
operand(void)
{
	if (*find.argv == NULL)
		usage();
	return *find.argv++;
}

/* => +n, -n or n, and letters after it */
static const char *
parse_number(struct node *n, const char *s)
{
	char *end;

	n->compare = *s == '+' || *s == '-' ? *s++ : '=';
	n->number = strtoll(s, &end, 10);
	if (end == s || n->number < 0)
		usage();
	return end;
}

static void
parse_size_test(struct node *n, const char *s)
{
	static const char letters[] = "bcwkMG";
	static const long units[] = { 512, 1, 2, 1024, 1 << 20, 1 << 30 };
	const char *end = parse_number(n, s), *at;

	n->unit = 512;
	if (*end == '\0')
		return;
	at = strchr(letters, *end);
	if (at == NULL || end[1] != '\0')
		usage();
	n->unit = units[at - letters];
}

static void
parse_perm(struct node *n, const char *s)
{
	char *end;

	n->compare = *s == '-' ? *s++ : '=';
	n->number = strtol(s, &end, 8);
	if (end == s || *end != '\0' || n->number < 0 || n->number > 07777)
		usage();
}

static void
parse_newer(struct node *n, const char *path)
{
	struct stat st;

	if (stat(path, &st) != 0) {
		complain("%s", path);
		exit(1);
	}
	n->than = st.st_mtim;
}

static void
parse_exec(struct node *n)
{
	n->argv = find.argv;
	while (*find.argv != NULL && strcmp(*find.argv, ";") != 0) {
		if (strcmp(*find.argv, "+") == 0 && n->argc > 1 &&
		    strcmp(find.argv[-1], "{}") == 0) {
			n->gather = 1;
			break;
		}
		n->argc++;
		find.argv++;
	}
	if (*find.argv == NULL || n->argc == 0)
		usage();
	find.argv++;
}

/* => letters tell -type, or the word is no test of one letter */
static void
parse_type(struct node *n, const char *s)
{
	if (s[0] == '\0' || strchr("bcdflps", s[0]) == NULL || s[1] != '\0')
		usage();
	n->which = s[0];
}

/* => "-mtime" and its like: which time, in days or minutes; 0: another word */
static int
is_age(const char *word, int *which, long *unit)
{
	if (word[0] != '-' || word[1] == '\0' || strchr("amc", word[1]) == NULL)
		return 0;
	*which = word[1];
	*unit = strcmp(word + 2, "min") == 0 ? 60 : 86400;
	return *unit == 60 || strcmp(word + 2, "time") == 0;
}

static unsigned long
depth_operand(void)
{
	unsigned long n;

	if (parse_ulong(operand(), &n) != 0)
		usage();
	return n;
}

/* Words that say how to walk; they always fit. => 0: another word */
static int
parse_global(void)
{
	if (take("-maxdepth"))
		find.maxdepth = depth_operand();
	else if (take("-mindepth"))
		find.mindepth = depth_operand();
	else if (take("-depth"))
		find.depth_first = 1;
	else if (take("-xdev"))
		find.one_fs = 1;
	else
		return 0;
	return 1;
}

/* => NULL: no action */
static struct node *
parse_action(void)
{
	struct node *n;

	if (take("-prune"))
		return node_new(eval_prune);
	if (take("-print") || take("-print0")) {
		n = node_new(eval_print);
		n->which = strcmp(find.argv[-1], "-print") == 0 ? '\n' : '\0';
	} else if (take("-delete")) {
		n = node_new(eval_delete);
		find.depth_first = 1;
	} else if (take("-exec")) {
		n = node_new(eval_exec);
		parse_exec(n);
	} else
		return NULL;
	find.acts = 1;
	return n;
}

/* => NULL: no test of names */
static struct node *
parse_name(void)
{
	int which = take("-name") ? 'n' : take("-iname") ? 'i' : 0;
	struct node *n;

	if (which == 0 && take("-path"))
		which = 'p';
	if (which == 0)
		return NULL;
	n = node_new(eval_name);
	n->which = which;
	n->text = operand();
	return n;
}

static struct node *
parse_test(void)
{
	const char *word = operand();
	struct node *n = node_new(eval_true);

	if (is_age(word, &n->which, &n->unit)) {
		n->eval = eval_age;
		if (*parse_number(n, operand()) != '\0')
			usage();
	} else if (strcmp(word, "-type") == 0) {
		n->eval = eval_type;
		parse_type(n, operand());
	} else if (strcmp(word, "-size") == 0) {
		n->eval = eval_size;
		parse_size_test(n, operand());
	} else if (strcmp(word, "-perm") == 0) {
		n->eval = eval_perm;
		parse_perm(n, operand());
	} else if (strcmp(word, "-newer") == 0) {
		n->eval = eval_newer;
		parse_newer(n, operand());
	} else if (strcmp(word, "-links") == 0 || strcmp(word, "-inum") == 0) {
		n->eval = eval_links;
		n->which = word[1];
		if (*parse_number(n, operand()) != '\0')
			usage();
	} else if (strcmp(word, "-empty") == 0)
		n->eval = eval_empty;
	else
		usage();
	return n;
}

static struct node *parse_or(void);

static struct node *
parse_primary(void)
{
	struct node *n;

	if (take("!") || take("-not"))
		return operator(eval_not, parse_primary(), NULL);
	if (take("(")) {
		n = parse_or();
		if (!take(")"))
			usage();
		return n;
	}
	if (parse_global())
		return node_new(eval_true);
	n = parse_action();
	if (n == NULL)
		n = parse_name();
	return n != NULL ? n : parse_test();
}

static struct node *
parse_and(void)
{
	struct node *n = parse_primary();

	while (*find.argv != NULL && strcmp(*find.argv, ")") != 0 &&
	    strcmp(*find.argv, "-o") != 0) {
		(void)take("-a");
		n = operator(eval_and, n, parse_primary());
	}
	return n;
}

static struct node *
parse_or(void)
{
	struct node *n = parse_and();

	while (take("-o"))
		n = operator(eval_or, n, parse_and());
	return n;
}

/* => the whole expression, which prints what fits if it does nothing else */
static struct node *
parse(void)
{
	struct node *n = *find.argv != NULL ? parse_or() : node_new(eval_true);
	struct node *print;

	if (*find.argv != NULL)
		usage();
	if (find.acts)
		return n;
	print = node_new(eval_print);
	print->which = '\n';
	return operator(eval_and, n, print);
}

/* -- Walking ---------------------------------------------------------------------------------- */

static void
walk(const char *path, unsigned long depth, dev_t dev, struct node *expr);

static void
walk_dir(const char *path, unsigned long depth, dev_t dev, struct node *expr)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	char *below;

	if (dir == NULL) {
		complain("%s", path);
		find.status = 1;
		return;
	}
	while ((errno = 0, d = readdir(dir)) != NULL) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		below = path_join(path, d->d_name);
		walk(below, depth + 1, dev, expr);
		free(below);
	}
	if (errno != 0) {
		complain("%s", path);
		find.status = 1;
	}
	closedir(dir);
}

/* => dev: of the start */
static void
walk(const char *path, unsigned long depth, dev_t dev, struct node *expr)
{
	int follow = find.follow == 'L' || (find.follow == 'H' && depth == 0);
	struct stat st;
	struct found f = { .path = path, .st = &st };
	int below;

	/* a link that leads nowhere is itself */
	if ((!follow || stat(path, &st) != 0) && lstat(path, &st) != 0) {
		complain("%s", path);
		find.status = 1;
		return;
	}
	if (depth == 0)
		dev = st.st_dev;
	below = S_ISDIR(st.st_mode) && depth < find.maxdepth &&
	    !(find.one_fs && st.st_dev != dev);
	if (!find.depth_first && depth >= find.mindepth)
		(void)expr->eval(expr, &f);
	if (below && !f.prune)
		walk_dir(path, depth, dev, expr);
	if (find.depth_first && depth >= find.mindepth)
		(void)expr->eval(expr, &f);
}

static int
is_expression(const char *s)
{
	return (s[0] == '-' && s[1] != '\0') || strcmp(s, "!") == 0 ||
	    strcmp(s, "(") == 0;
}

int
find_main(int argc, char **argv)
{
	struct node *expr, *n;
	int first = 1, last;

	memset(&find, 0, sizeof(find));
	find.maxdepth = (unsigned long)-1;
	find.follow = 'P';
	for (; first < argc && argv[first][0] == '-' &&
	     strchr("HLP", argv[first][1]) != NULL && argv[first][1] != '\0' &&
	     argv[first][2] == '\0';
	     first++)
		find.follow = argv[first][1];
	for (last = first; last < argc && !is_expression(argv[last]);)
		last++;
	find.argv = argv + last;
	expr = parse();
	if (first == last)
		walk(".", 0, 0, expr);
	for (; first < last; first++)
		walk(argv[first], 0, 0, expr);
	for (n = find.all; n != NULL; n = find.all) {
		if (n->gather)
			run_gathered(n);
		find.all = n->next;
		free(n->files);
		free(n);
	}
	return find.status;
}
