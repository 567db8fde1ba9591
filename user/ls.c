/*
 * ls: list files.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "box.h"

struct item {
	char *name;
	struct stat st;
};

struct list {
	struct item *items;
	size_t n;
};

/* Options, set once by ls_main. */
static int opt_all, opt_inode, opt_long, opt_recursive, opt_single, opt_dirs;

static void
list_add(struct list *l, const char *name, const struct stat *st)
{
	if ((l->n & (l->n - 1)) == 0)
		l->items = xrealloc(
		    l->items, (l->n > 0 ? 2 * l->n : 1) * sizeof(*l->items));
	l->items[l->n].name = xstrdup(name);
	l->items[l->n++].st = *st;
}

static void
list_free(struct list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->items[i].name);
	free(l->items);
	*l = (struct list){ 0 };
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(
	    ((const struct item *)a)->name, ((const struct item *)b)->name);
}

static void
print_long(const struct item *it, const char *dir)
{
	char target[256], text[24], *path;
	ssize_t n;

	format_mode(text, it->st.st_mode);
	printf("%s %3lu %4u %4u", text, (unsigned long)it->st.st_nlink,
	    it->st.st_uid, it->st.st_gid);
	if (S_ISCHR(it->st.st_mode) || S_ISBLK(it->st.st_mode))
		printf(
		    " %4u, %4u", major(it->st.st_rdev), minor(it->st.st_rdev));
	else
		printf(" %10lld", (long long)it->st.st_size);
	format_date(text, it->st.st_mtime);
	printf(" %.16s %s", text, it->name);
	if (S_ISLNK(it->st.st_mode)) {
		path = path_join(dir, it->name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n >= 0)
			printf(" -> %.*s", (int)n, target);
		free(path);
	}
	putchar('\n');
}

/*
 * Names in as many columns as the terminal has room for.
 */
static void
print_columns(const struct list *l)
{
	struct winsize ws;
	size_t width = 0, columns = 80, rows, per_row;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
		columns = ws.ws_col;
	for (size_t i = 0; i < l->n; i++)
		if (strlen(l->items[i].name) > width)
			width = strlen(l->items[i].name);
	width += 2;
	per_row = columns / width > 0 ? columns / width : 1;
	rows = (l->n + per_row - 1) / per_row;
	for (size_t row = 0; row < rows; row++) {
		for (size_t i = row; i < l->n; i += rows) {
			if (i + rows < l->n)
				printf("%-*s", (int)width, l->items[i].name);
			else
				fputs(l->items[i].name, stdout);
		}
		putchar('\n');
	}
}

static void
print_list(struct list *l, const char *dir)
{
	qsort(l->items, l->n, sizeof(*l->items), by_name);
	if (!opt_long && !opt_inode && !opt_single && isatty(STDOUT_FILENO)) {
		print_columns(l);
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		if (opt_inode)
			printf("%8lu ", (unsigned long)l->items[i].st.st_ino);
		if (opt_long)
			print_long(&l->items[i], dir);
		else
			puts(l->items[i].name);
	}
}

static int list_dir(const char *dir, int heading);

static int
list_below(const struct list *l, const char *dir)
{
	int rv = 0;

	for (size_t i = 0; i < l->n; i++) {
		const char *name = l->items[i].name;
		char *path;

		if (!S_ISDIR(l->items[i].st.st_mode) ||
		    strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			continue;
		path = path_join(dir, name);
		putchar('\n');
		if (list_dir(path, 1) != 0)
			rv = -1;
		free(path);
	}
	return rv;
}

static int
list_dir(const char *dir, int heading)
{
	struct list l = { 0 };
	struct dirent *e;
	struct stat st;
	DIR *d = opendir(dir);
	int rv = 0;

	if (d == NULL) {
		complain("%s", dir);
		return -1;
	}
	if (heading)
		printf("%s:\n", dir);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.' && !opt_all)
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ==
		    0) {
			list_add(&l, e->d_name, &st);
		} else {
			complain("%s/%s", dir, e->d_name);
			rv = -1;
		}
	}
	closedir(d);
	print_list(&l, dir);
	if (opt_recursive && list_below(&l, dir) != 0)
		rv = -1;
	list_free(&l);
	return rv;
}

/*
 * Files among the operands come first, in one list, then the directories.
 */
static int
list_operands(int n, char **paths)
{
	struct list files = { 0 };
	int rv = 0, shown;

	for (int i = 0; i < n; i++) {
		struct stat st;

		if ((opt_long || opt_dirs ? lstat : stat)(paths[i], &st) != 0 &&
		    lstat(paths[i], &st) != 0) {
			complain("%s", paths[i]);
			paths[i] = NULL;
			rv = -1;
		} else if (!S_ISDIR(st.st_mode) || opt_dirs) {
			list_add(&files, paths[i], &st);
			paths[i] = NULL;
		}
	}
	shown = files.n > 0;
	if (shown)
		print_list(&files, "");
	list_free(&files);
	for (int i = 0; i < n; i++) {
		if (paths[i] == NULL)
			continue;
		if (shown)
			putchar('\n');
		if (list_dir(paths[i], n > 1 || opt_recursive) != 0)
			rv = -1;
		shown = 1;
	}
	return rv;
}

int
ls_main(int argc, char **argv)
{
	static char dot[] = ".", *here[] = { dot };
	int opt, rv;

	while ((opt = getopt(argc, argv, "1adilR")) != -1) {
		switch (opt) {
		case '1':
			opt_single = 1;
			break;
		case 'a':
			opt_all = 1;
			break;
		case 'd':
			opt_dirs = 1;
			break;
		case 'i':
			opt_inode = 1;
			break;
		case 'l':
			opt_long = 1;
			break;
		case 'R':
			opt_recursive = 1;
			break;
		default:
			usage();
		}
	}
	if (optind < argc)
		rv = list_operands(argc - optind, argv + optind);
	else
		rv = list_operands(1, here);
	return rv != 0 || fflush(stdout) != 0;
}
