/*
 * stat: all that is known of files, or of the file systems they are on.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "box.h"

static const char *
type_name(mode_t mode)
{
	static const char *const names[] = { "?", "fifo",
		"character special file", "?", "directory", "?",
		"block special file", "?", "regular file", "?", "symbolic link",
		"?", "socket" };
	unsigned type = mode >> 12 & 15;

	return type < sizeof(names) / sizeof(names[0]) ? names[type] : "?";
}

static void
print_date(const struct timespec *ts)
{
	char date[24];

	format_date(date, ts->tv_sec);
	printf("%s.%09ld +0000", date, ts->tv_nsec);
}

static void
print_time(const char *what, const struct timespec *ts)
{
	printf("%s: ", what);
	print_date(ts);
	putchar('\n');
}

static int
stat_file(const char *path, int follow)
{
	char mode[12], target[256];
	struct stat st;
	ssize_t n = -1;

	if ((follow ? stat : lstat)(path, &st) != 0) {
		complain("%s", path);
		return 1;
	}
	if (S_ISLNK(st.st_mode))
		n = readlink(path, target, sizeof(target));
	printf("  File: %s", path);
	if (n >= 0)
		printf(" -> %.*s", (int)n, target);
	printf("\n  Size: %-15lld Blocks: %-10lld IO Block: %-6ld %s\n",
	    (long long)st.st_size, (long long)st.st_blocks, (long)st.st_blksize,
	    type_name(st.st_mode));
	printf("Device: %u,%u\tInode: %-11llu Links: %lu", major(st.st_dev),
	    minor(st.st_dev), (unsigned long long)st.st_ino,
	    (unsigned long)st.st_nlink);
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		printf("     Device type: %u,%u", major(st.st_rdev),
		    minor(st.st_rdev));
	format_mode(mode, st.st_mode);
	printf("\nAccess: (%04o/%s)  Uid: %5u   Gid: %5u\n", st.st_mode & 07777,
	    mode, st.st_uid, st.st_gid);
	print_time("Access", &st.st_atim);
	print_time("Modify", &st.st_mtim);
	print_time("Change", &st.st_ctim);
	return 0;
}

/* => what %c stands for is printed; 0: nothing that is known */
static int
print_field(char c, const char *path, const struct stat *st)
{
	char mode[12], target[256];
	ssize_t n = -1;

	switch (c) {
	case 'n':
	case 'N':
		if (c == 'N' && S_ISLNK(st->st_mode))
			n = readlink(path, target, sizeof(target));
		printf(c == 'N' ? "'%s'" : "%s", path);
		if (n >= 0)
			printf(" -> '%.*s'", (int)n, target);
		return 1;
	case 'a':
		return printf("%o", st->st_mode & 07777);
	case 'f':
		return printf("%x", st->st_mode);
	case 'A':
		format_mode(mode, st->st_mode);
		return printf("%s", mode);
	case 'F':
		return printf("%s",
		    S_ISREG(st->st_mode) && st->st_size == 0
			? "regular empty file"
			: type_name(st->st_mode));
	case 'U':
	case 'G':
		return printf("root"); /* there is one user */
	case 't':
		return printf("%x", major(st->st_rdev));
	case 'T':
		return printf("%x", minor(st->st_rdev));
	case 'x':
		print_date(&st->st_atim);
		return 1;
	case 'y':
		print_date(&st->st_mtim);
		return 1;
	case 'z':
		print_date(&st->st_ctim);
		return 1;
	default:
		return c == '%' && putchar('%') == '%';
	}
}

/* => the same for what is a number */
static int
print_number(char c, const struct stat *st)
{
	static const char letters[] = "sbBoihugdXYZ";
	const long long values[] = { st->st_size, st->st_blocks, 512,
		st->st_blksize, (long long)st->st_ino, (long long)st->st_nlink,
		st->st_uid, st->st_gid, (long long)st->st_dev, st->st_atime,
		st->st_mtime, st->st_ctime };
	const char *at = strchr(letters, c);

	return at != NULL && c != '\0' && printf("%lld", values[at - letters]);
}

static int
stat_format(const char *path, int follow, const char *format)
{
	struct stat st;

	if ((follow ? stat : lstat)(path, &st) != 0) {
		complain("%s", path);
		return 1;
	}
	for (; *format != '\0'; format++)
		if (*format != '%')
			putchar(*format);
		else if (!print_number(*++format, &st) &&
		    !print_field(*format, path, &st))
			usage();
	putchar('\n');
	return 0;
}

static int
stat_fs(const char *path)
{
	struct statfs sf;

	if (statfs(path, &sf) != 0) {
		complain("%s", path);
		return 1;
	}
	printf("  File: \"%s\"\n    ID: %x%08x Namelen: %ld Type: %lx\n", path,
	    (unsigned)sf.f_fsid.__val[1], (unsigned)sf.f_fsid.__val[0],
	    (long)sf.f_namelen, (unsigned long)sf.f_type);
	printf("Block size: %ld\nBlocks: Total: %llu Free: %llu "
	       "Available: %llu\nInodes: Total: %llu Free: %llu\n",
	    (long)sf.f_bsize, (unsigned long long)sf.f_blocks,
	    (unsigned long long)sf.f_bfree, (unsigned long long)sf.f_bavail,
	    (unsigned long long)sf.f_files, (unsigned long long)sf.f_ffree);
	return 0;
}

int
stat_main(int argc, char **argv)
{
	int opt, follow = 0, fs = 0, status = 0;
	const char *format = NULL;

	while ((opt = getopt(argc, argv, "Lfc:")) != -1) {
		if (opt == 'L')
			follow = 1;
		else if (opt == 'f')
			fs = 1;
		else if (opt == 'c')
			format = optarg;
		else
			usage();
	}
	if (optind == argc || (fs && format != NULL))
		usage();
	for (; optind < argc; optind++)
		if (fs)
			status |= stat_fs(argv[optind]);
		else if (format != NULL)
			status |= stat_format(argv[optind], follow, format);
		else
			status |= stat_file(argv[optind], follow);
	return status;
}
