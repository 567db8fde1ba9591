/*
 * touch: make files, or set their times: to now, those of another file, or a
 * number of seconds since 1970.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

static int
touch_file(const char *path, const struct timespec ts[2], int create)
{
	int fd;

	if (utimensat(AT_FDCWD, path, ts, 0) == 0)
		return 0;
	if (errno != ENOENT || !create) {
		if (errno == ENOENT)
			return 0;
		complain("%s", path);
		return 1;
	}
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	if (fd < 0 || futimens(fd, ts) != 0) {
		complain("%s", path);
		if (fd >= 0)
			close(fd);
		return 1;
	}
	close(fd);
	return 0;
}

/* Times of another file. */
static void
times_of(const char *path, struct timespec ts[2])
{
	struct stat st;

	if (stat(path, &st) != 0) {
		complain("%s", path);
		exit(1);
	}
	ts[0] = st.st_atim;
	ts[1] = st.st_mtim;
}

static void
times_from(const char *s, struct timespec ts[2])
{
	unsigned long n;

	if (s[0] != '@' || parse_ulong(s + 1, &n) != 0)
		usage();
	ts[0] = ts[1] = (struct timespec){ (time_t)n, 0 };
}

int
touch_main(int argc, char **argv)
{
	struct timespec ts[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	int opt, create = 1, atime = 0, mtime = 0, status = 0;

	while ((opt = getopt(argc, argv, "acmr:d:")) != -1) {
		if (opt == 'a')
			atime = 1;
		else if (opt == 'm')
			mtime = 1;
		else if (opt == 'c')
			create = 0;
		else if (opt == 'r')
			times_of(optarg, ts);
		else if (opt == 'd')
			times_from(optarg, ts);
		else
			usage();
	}
	if (optind == argc)
		usage();
	if (atime && !mtime)
		ts[1].tv_nsec = UTIME_OMIT;
	if (mtime && !atime)
		ts[0].tv_nsec = UTIME_OMIT;
	for (; optind < argc; optind++)
		status |= touch_file(argv[optind], ts, create);
	return status;
}
