/*
 * stat: all that is known of files, or of the file systems they are on.
 */
#include <stdio.h>
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
print_time(const char *what, const struct timespec *ts)
{
	char date[24];

	format_date(date, ts->tv_sec);
	printf("%s: %s.%09ld +0000\n", what, date, ts->tv_nsec);
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

	while ((opt = getopt(argc, argv, "Lf")) != -1) {
		if (opt == 'L')
			follow = 1;
		else if (opt == 'f')
			fs = 1;
		else
			usage();
	}
	if (optind == argc)
		usage();
	for (; optind < argc; optind++)
		status |= fs ? stat_fs(argv[optind])
			     : stat_file(argv[optind], follow);
	return status;
}
