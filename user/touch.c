/*
 * touch: make files, or set their times: to now, those of another file, or a
 * date.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "box.h"

static int
touch_file(const char *path, const struct timespec ts[2], int create, int flags)
{
	int fd;

	if (utimensat(AT_FDCWD, path, ts, flags) == 0)
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
set_times(struct timespec ts[2], const struct tm *tm)
{
	struct tm copy = *tm;
	time_t t = timegm(&copy);

	/* what is no day, or no hour, becomes another one */
	if (copy.tm_mday != tm->tm_mday || copy.tm_hour != tm->tm_hour ||
	    copy.tm_min != tm->tm_min || copy.tm_sec != tm->tm_sec)
		usage();
	ts[0] = ts[1] = (struct timespec){ t, 0 };
}

/* -d: seconds since 1970, or a date, of UTC as everything here */
static void
times_from(const char *s, struct timespec ts[2])
{
	static const char *const formats[] = { "%Y-%m-%d", "%Y-%m-%d %H:%M",
		"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S",
		"%Y-%m-%dT%H:%M:%SZ" };
	unsigned long n;
	const char *end;

	if (s[0] == '@' && parse_ulong(s + 1, &n) == 0) {
		ts[0] = ts[1] = (struct timespec){ (time_t)n, 0 };
		return;
	}
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		struct tm tm = { .tm_mday = 0 };

		end = strptime(s, formats[i], &tm);
		if (end != NULL && *end == '\0') {
			set_times(ts, &tm);
			return;
		}
	}
	usage();
}

/* => n digits at *s, which moves */
static int
digits(const char **s, int n)
{
	int value = 0;

	for (; n > 0; n--, ++*s) {
		if (**s < '0' || **s > '9')
			usage();
		value = value * 10 + (**s - '0');
	}
	return value;
}

/* -t: [[CC]YY]MMDDhhmm[.ss] */
static void
times_posix(const char *s, struct timespec ts[2])
{
	const size_t len = strcspn(s, ".");
	time_t now = time(NULL);
	struct tm tm = { .tm_sec = 0 };

	if (len != 8 && len != 10 && len != 12)
		usage();
	if (len == 8)
		tm.tm_year = gmtime(&now)->tm_year;
	else if (len == 12)
		tm.tm_year = digits(&s, 4) - 1900;
	else {
		tm.tm_year = digits(&s, 2);
		tm.tm_year += tm.tm_year < 69 ? 100 : 0;
	}
	tm.tm_mon = digits(&s, 2) - 1;
	tm.tm_mday = digits(&s, 2);
	tm.tm_hour = digits(&s, 2);
	tm.tm_min = digits(&s, 2);
	if (*s == '.') {
		s++;
		tm.tm_sec = digits(&s, 2);
	}
	if (*s != '\0' || tm.tm_mon < 0 || tm.tm_mon > 11)
		usage();
	set_times(ts, &tm);
}

int
touch_main(int argc, char **argv)
{
	struct timespec ts[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	int opt, create = 1, atime = 0, mtime = 0, status = 0, flags = 0;

	while ((opt = getopt(argc, argv, "achmr:d:t:")) != -1) {
		if (opt == 'a')
			atime = 1;
		else if (opt == 'm')
			mtime = 1;
		else if (opt == 'c')
			create = 0;
		else if (opt == 'h') {
			flags = AT_SYMLINK_NOFOLLOW;
			create = 0;
		} else if (opt == 't')
			times_posix(optarg, ts);
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
		status |= touch_file(argv[optind], ts, create, flags);
	return status;
}
