/*
 * Helpers that several applets use.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uvm_bsd.h>

#include "box.h"

static void
vcomplain(const char *reason, const char *fmt, va_list ap)
{
	fflush(stdout);
	fprintf(stderr, "%s: ", applet_name());
	vfprintf(stderr, fmt, ap);
	if (reason != NULL)
		fprintf(stderr, ": %s", reason);
	fputc('\n', stderr);
}

void
complain(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	vcomplain(strerror(saved), fmt, ap);
	va_end(ap);
	errno = saved;
}

void
complainx(const char *fmt, ...)
{
	int saved = errno;
	va_list ap;

	va_start(ap, fmt);
	vcomplain(NULL, fmt, ap);
	va_end(ap);
	errno = saved;
}

void *
xmalloc(size_t size)
{
	return xrealloc(NULL, size);
}

void *
xrealloc(void *old, size_t size)
{
	void *p = realloc(old, size > 0 ? size : 1);

	if (p == NULL) {
		complain("%zu bytes", size);
		exit(1);
	}
	return p;
}

char *
xstrdup(const char *s)
{
	size_t len = strlen(s) + 1;

	return memcpy(xmalloc(len), s, len);
}

char *
path_join(const char *dir, const char *name)
{
	size_t len = strlen(dir);
	char *path = xmalloc(len + strlen(name) + 2);

	memcpy(path, dir, len);
	if (len > 0 && dir[len - 1] != '/')
		path[len++] = '/';
	strcpy(path + len, name);
	return path;
}

char *
path_base(char *path)
{
	size_t len = strlen(path);
	char *slash;

	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	slash = strrchr(path, '/');
	return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

int
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int
write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
copy_fd(int from, const char *from_name, int to, const char *to_name)
{
	static char buf[32768];
	ssize_t n;

	for (;;) {
		n = read(from, buf, sizeof(buf));
		if (n == 0)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			complain("%s", from_name);
			return -1;
		}
		if (write_all(to, buf, (size_t)n) != 0) {
			complain("%s", to_name);
			return -1;
		}
	}
}

static int
copy_file(const char *from, const char *to, mode_t mode)
{
	int in, out, rv = -1;

	in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0) {
		complain("%s", from);
		return -1;
	}
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode & 0777);
	if (out < 0)
		complain("%s", to);
	else {
		rv = copy_fd(in, from, out, to);
		if (close(out) != 0 && rv == 0) {
			complain("%s", to);
			rv = -1;
		}
	}
	close(in);
	return rv;
}

/*
 * Call fn for every entry of a directory but `.' and `..', with the entry's
 * path, and its path under another directory when there is one.
 */
static int
each_entry(const char *dir, const char *other,
    int (*fn)(const char *path, const char *other_path))
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int rv = 0;

	if (d == NULL) {
		complain("%s", dir);
		return -1;
	}
	while ((e = readdir(d)) != NULL) {
		char *path, *other_path = NULL;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		path = path_join(dir, e->d_name);
		if (other != NULL)
			other_path = path_join(other, e->d_name);
		if (fn(path, other_path) != 0)
			rv = -1;
		free(path);
		free(other_path);
	}
	closedir(d);
	return rv;
}

/* The first directory that a copy of a tree has made: not to be copied too. */
static struct stat copy_root;

static int
copy_entry(const char *from, const char *to)
{
	return copy_tree(from, to, 2);
}

/* => a link, or another file without contents of its own, like st */
static int
copy_special(const char *from, const char *to, const struct stat *st)
{
	char target[4096];
	ssize_t n;
	int rv;

	if (S_ISLNK(st->st_mode)) {
		n = readlink(from, target, sizeof(target) - 1);
		if (n < 0) {
			complain("%s", from);
			return -1;
		}
		target[n] = '\0';
		rv = symlink(target, to);
	} else
		rv = mknod(to, st->st_mode, st->st_rdev);
	if (rv != 0)
		complain("%s", to);
	return rv;
}

static int
copy_dir(const char *from, const char *to, const struct stat *st, int first)
{
	if (!first && st->st_dev == copy_root.st_dev &&
	    st->st_ino == copy_root.st_ino) {
		complainx("%s: is where the copy goes", from);
		return -1;
	}
	if (mkdir(to, (st->st_mode & 0777) | 0700) != 0 && !is_dir(to)) {
		complain("%s", to);
		return -1;
	}
	if (first && stat(to, &copy_root) != 0) {
		complain("%s", to);
		return -1;
	}
	return each_entry(from, to, copy_entry);
}

int
copy_tree(const char *from, const char *to, int recursive)
{
	struct stat st, target;

	if ((recursive ? lstat : stat)(from, &st) != 0) {
		complain("%s", from);
		return -1;
	}
	if (recursive && !S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return copy_special(from, to, &st);
	if (stat(to, &target) == 0 && target.st_dev == st.st_dev &&
	    target.st_ino == st.st_ino) {
		complainx("%s and %s are the same file", from, to);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return copy_file(from, to, st.st_mode);
	if (!recursive) {
		complainx("%s: is a directory (use -r)", from);
		return -1;
	}
	return copy_dir(from, to, &st, recursive == 1);
}

static int
remove_entry(const char *path, const char *unused)
{
	(void)unused;
	return remove_tree(path, 1);
}

int
remove_tree(const char *path, int force)
{
	struct stat st;
	int rv = 0;

	if (lstat(path, &st) != 0) {
		if (force && errno == ENOENT)
			return 0;
		complain("%s", path);
		return -1;
	}
	if (S_ISDIR(st.st_mode))
		rv = each_entry(path, NULL, remove_entry);
	if (rv == 0 &&
	    (S_ISDIR(st.st_mode) ? rmdir(path) : unlink(path)) != 0) {
		complain("%s", path);
		rv = -1;
	}
	return rv;
}

uint64_t
parse_size(const char *s)
{
	uint64_t value, unit = 1;
	char *end;

	errno = 0;
	value = strtoull(s, &end, 0);
	if (end == s || errno != 0 || *s == '-')
		usage();
	switch (*end) {
	case 'b':
		unit = 512;
		break;
	case 'k':
	case 'K':
		unit = UINT64_C(1) << 10;
		break;
	case 'm':
	case 'M':
		unit = UINT64_C(1) << 20;
		break;
	case 'g':
	case 'G':
		unit = UINT64_C(1) << 30;
		break;
	}
	if (unit != 1)
		end++;
	if (*end != '\0' || value > INT64_MAX / unit)
		usage();
	return value * unit;
}

uint64_t
parse_seconds(const char *s)
{
	uint64_t ns = 0, unit = 1000000000;
	int digits = 0;

	for (; *s >= '0' && *s <= '9'; s++, digits++) {
		if (ns > INT64_MAX / 100)
			usage();
		ns = ns * 10 + (uint64_t)(*s - '0') * 1000000000;
	}
	if (*s == '.')
		for (s++; *s >= '0' && *s <= '9'; s++, digits++) {
			unit /= 10;
			ns += (uint64_t)(*s - '0') * unit;
		}
	if (*s != '\0' || digits == 0)
		usage();
	return ns;
}

int
parse_ulong(const char *s, unsigned long *out)
{
	char *end;

	if (*s < '0' || *s > '9')
		return -1;
	errno = 0;
	*out = strtoul(s, &end, 10);
	return *end == '\0' && errno == 0 ? 0 : -1;
}

void
sleep_ns(uint64_t ns)
{
	struct timespec ts = { (time_t)(ns / 1000000000),
		(long)(ns % 1000000000) };

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		continue;
}

int
get_vm_param(int id, void *buf, size_t len)
{
	int name[2] = { CTL_VM, id };
	size_t got = len;

	if (bsd_sysctl(name, 2, buf, &got, NULL, 0) == 0 && got == len)
		return 0;
	complain("bsd_sysctl vm.%d", id);
	return -1;
}

ssize_t
get_vm_array(const int *name, unsigned namelen, void **out)
{
	size_t len = 0;

	*out = NULL;
	for (int tries = 0; tries < 20; tries++) {
		if (bsd_sysctl(name, namelen, NULL, &len, NULL, 0) != 0)
			break;
		len += len / 4 + 1024; /* it may grow in between */
		*out = xrealloc(*out, len);
		if (bsd_sysctl(name, namelen, *out, &len, NULL, 0) == 0)
			return (ssize_t)len;
		if (errno != ENOMEM)
			break;
	}
	free(*out);
	*out = NULL;
	return -1;
}

void
get_uvmexp(struct uvmexp *out)
{
	if (get_vm_param(VM_UVMEXP, out, sizeof(*out)) != 0)
		exit(1);
}

int
get_swaps(struct swapent **out)
{
	int n = swapctl(SWAP_NSWAP, NULL, 0);

	*out = xmalloc(sizeof(**out) * (size_t)(n > 0 ? n : 1));
	if (n > 0)
		n = swapctl(SWAP_STATS, *out, n);
	if (n >= 0)
		return n;
	complain("swapctl");
	free(*out);
	return -1;
}

void
format_uptime(char *buf, size_t len, uint64_t seconds)
{
	unsigned long days = (unsigned long)(seconds / 86400);
	unsigned hours = (unsigned)(seconds / 3600 % 24);
	unsigned minutes = (unsigned)(seconds / 60 % 60);

	if (days > 0)
		snprintf(buf, len, "%lu day%s, %u:%02u", days,
		    days == 1 ? "" : "s", hours, minutes);
	else if (hours > 0)
		snprintf(buf, len, "%u:%02u", hours, minutes);
	else
		snprintf(
		    buf, len, "%u min %u s", minutes, (unsigned)(seconds % 60));
}

static const struct {
	int number;
	const char *name;
} signals[] = {
	{ SIGHUP, "HUP" },
	{ SIGINT, "INT" },
	{ SIGQUIT, "QUIT" },
	{ SIGILL, "ILL" },
	{ SIGTRAP, "TRAP" },
	{ SIGABRT, "ABRT" },
	{ SIGBUS, "BUS" },
	{ SIGFPE, "FPE" },
	{ SIGKILL, "KILL" },
	{ SIGUSR1, "USR1" },
	{ SIGSEGV, "SEGV" },
	{ SIGUSR2, "USR2" },
	{ SIGPIPE, "PIPE" },
	{ SIGALRM, "ALRM" },
	{ SIGTERM, "TERM" },
	{ SIGCHLD, "CHLD" },
	{ SIGCONT, "CONT" },
	{ SIGSTOP, "STOP" },
	{ SIGTSTP, "TSTP" },
	{ SIGTTIN, "TTIN" },
	{ SIGTTOU, "TTOU" },
	{ SIGURG, "URG" },
	{ SIGXCPU, "XCPU" },
	{ SIGXFSZ, "XFSZ" },
	{ SIGVTALRM, "VTALRM" },
	{ SIGPROF, "PROF" },
	{ SIGWINCH, "WINCH" },
	{ SIGIO, "IO" },
	{ SIGPWR, "PWR" },
	{ SIGSYS, "SYS" },
};
#define NSIGNALS (sizeof(signals) / sizeof(signals[0]))

int
signal_number(const char *name)
{
	unsigned long n;

	if (parse_ulong(name, &n) == 0)
		return n <= 64 ? (int)n : -1;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (size_t i = 0; i < NSIGNALS; i++)
		if (strcmp(signals[i].name, name) == 0)
			return signals[i].number;
	return -1;
}

const char *
signal_name(int number)
{
	for (size_t i = 0; i < NSIGNALS; i++)
		if (signals[i].number == number)
			return signals[i].name;
	return NULL;
}

void
format_mode(char *text, mode_t mode)
{
	static const char types[] = "?pc?d?b?-?l?s???";

	memcpy(text, "?rwxrwxrwx", 11);
	text[0] = types[mode >> 12 & 15];
	for (int bit = 0; bit < 9; bit++)
		if ((mode >> bit & 1) == 0)
			text[9 - bit] = '-';
	if (mode & S_ISUID)
		text[3] = text[3] == 'x' ? 's' : 'S';
	if (mode & S_ISGID)
		text[6] = text[6] == 'x' ? 's' : 'S';
	if (mode & S_ISVTX)
		text[9] = text[9] == 'x' ? 't' : 'T';
}

/*
 * Days since 1970 to a date: years are counted from March, so that the leap
 * day comes last, and in cycles of 400 years (146097 days).
 */
void
format_date(char *text, time_t when)
{
	long days = (long)(when / 86400), secs = (long)(when % 86400);
	long cycle, day, year, month;

	if (secs < 0) {
		secs += 86400;
		days--;
	}
	days += 719468;
	cycle = (days >= 0 ? days : days - 146096) / 146097;
	day = days - cycle * 146097;
	year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	month = (5 * day + 2) / 153;
	day -= (153 * month + 2) / 5;
	month += month < 10 ? 3 : -9;
	year += cycle * 400 + (month <= 2);
	sprintf(text, "%04ld-%02ld-%02ld %02ld:%02ld:%02ld", year, month,
	    day + 1, secs / 3600, secs / 60 % 60, secs % 60);
}
