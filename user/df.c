/*
 * df: how full file systems are, in KiB or in units people read.
 */
#include <stdio.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

static int opt_human, opt_inodes, opt_types; /* set once by df_main */

/* "1.5M", or KiB. */
static const char *
amount(char *buf, size_t len, uint64_t bytes)
{
	static const char units[] = "BKMGTP";
	double n = (double)bytes;
	int unit = 0;

	if (!opt_human) {
		snprintf(buf, len, "%llu", (unsigned long long)bytes / 1024);
		return buf;
	}
	while (n >= 1024 && units[unit + 1] != '\0') {
		n /= 1024;
		unit++;
	}
	snprintf(
	    buf, len, n < 10 && unit > 0 ? "%.1f%c" : "%.0f%c", n, units[unit]);
	return buf;
}

static void
print_line(
    const char *from, const char *type, const char *on, const struct statfs *sf)
{
	/* -i counts files, which are 1024 bytes each for amount() */
	uint64_t size = opt_inodes ? 1024 : (uint64_t)sf->f_bsize;
	uint64_t total = opt_inodes ? sf->f_files : sf->f_blocks;
	uint64_t avail = opt_inodes ? sf->f_ffree : sf->f_bavail;
	uint64_t used = total - (opt_inodes ? sf->f_ffree : sf->f_bfree);
	uint64_t all = used + avail;
	char a[24], b[24], c[24];

	printf("%-20s ", from);
	if (opt_types)
		printf("%-6s ", type);
	printf("%9s %9s %9s %3llu%% %s\n", amount(a, sizeof(a), total * size),
	    amount(b, sizeof(b), used * size),
	    amount(c, sizeof(c), avail * size),
	    all == 0 ? 0ULL
		     : (unsigned long long)((used * 100 + all - 1) / all),
	    on);
}

/* The mount whose device is that of path; the last one, which hides others. */
static int
find_mount(dev_t dev, char *from, char *type, char *on)
{
	char line[1024], f[256], o[256], t[32];
	FILE *mounts = fopen("/proc/self/mounts", "r");
	struct stat st;
	int found = 0;

	if (mounts == NULL)
		return 0;
	while (fgets(line, sizeof(line), mounts) != NULL)
		if (sscanf(line, "%255s %255s %31s", f, o, t) == 3 &&
		    stat(o, &st) == 0 && st.st_dev == dev) {
			strcpy(from, f);
			strcpy(type, t);
			strcpy(on, o);
			found = 1;
		}
	fclose(mounts);
	return found;
}

static int
df_file(const char *path)
{
	char from[256] = "-", on[256], type[32] = "-";
	struct statfs sf;
	struct stat st;

	if (stat(path, &st) != 0 || statfs(path, &sf) != 0) {
		complain("%s", path);
		return 1;
	}
	snprintf(on, sizeof(on), "%s", path);
	(void)find_mount(st.st_dev, from, type, on);
	print_line(from, type, on, &sf);
	return 0;
}

/* What has no blocks is no place for files. */
static int
df_all(void)
{
	char line[1024], from[256], on[256], type[32];
	FILE *mounts = fopen("/proc/self/mounts", "r");
	struct statfs sf;

	if (mounts == NULL) {
		complain("/proc/self/mounts");
		return 1;
	}
	while (fgets(line, sizeof(line), mounts) != NULL)
		if (sscanf(line, "%255s %255s %31s", from, on, type) == 3 &&
		    statfs(on, &sf) == 0 && sf.f_blocks != 0)
			print_line(from, type, on, &sf);
	fclose(mounts);
	return 0;
}

int
df_main(int argc, char **argv)
{
	int opt, status = 0;

	opt_human = opt_inodes = opt_types = 0;
	while ((opt = getopt(argc, argv, "hikPT")) != -1) {
		if (opt == 'h' || opt == 'k')
			opt_human = opt == 'h';
		else if (opt == 'i')
			opt_inodes = 1;
		else if (opt == 'T')
			opt_types = 1;
		else if (opt != 'P') /* each is one line anyway */
			usage();
	}
	printf("%-20s ", "Filesystem");
	if (opt_types)
		printf("%-6s ", "Type");
	printf("%9s %9s %9s %4s %s\n",
	    opt_inodes      ? "Inodes"
		: opt_human ? "Size"
			    : "1K-blocks",
	    "Used", "Available", "Use%", "Mounted on");
	if (optind == argc)
		return df_all();
	for (; optind < argc; optind++)
		status |= df_file(argv[optind]);
	return status;
}
