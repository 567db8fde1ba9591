/* vmrun: --smp 1,2,4 --timeout 60 */
/*
 * The files of /proc: each is there and says something true, reading in pieces
 * gives one text, links lead where they say, and processes that end meanwhile
 * do no harm.
 */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static char text[65536];

/* => the whole file, in pieces of that many bytes; its length */
static size_t
slurp(const char *path, size_t piece)
{
	int fd = open(path, O_RDONLY);
	size_t len = 0;
	ssize_t n;

	CHECK(fd >= 0);
	while ((n = read(fd, text + len, piece)) > 0)
		len += (size_t)n;
	CHECK_EQ(n, 0);
	close(fd);
	text[len] = '\0';
	return len;
}

/* The number behind a word. */
static long
value(const char *path, const char *word)
{
	char *at;

	slurp(path, 4096);
	at = strstr(text, word);
	CHECK(at != NULL);
	return strtol(at + strlen(word), NULL, 10);
}

static void
test_system(void)
{
	struct sysinfo si;
	struct utsname un;
	double up, idle, load;
	long total;

	CHECK(sysinfo(&si) == 0 && uname(&un) == 0);
	total = value("/proc/meminfo", "MemTotal:");
	CHECK_EQ(total, (long)(si.totalram / 1024));
	CHECK(value("/proc/meminfo", "MemFree:") < total);
	CHECK_EQ(value("/proc/meminfo", "SwapTotal:"), 0);
	CHECK_EQ(value("/proc/cpuinfo", "processor\t: "), 0);
	CHECK(value("/proc/stat", "processes ") > 1);
	CHECK(value("/proc/stat", "btime ") > 1700000000);
	CHECK(value("/proc/vmstat", "pgfault ") > 0);
	CHECK_EQ(value("/proc/vmstat", "pswpout "), 0);
	slurp("/proc/uptime", 4096);
	CHECK(sscanf(text, "%lf %lf", &up, &idle) == 2);
	CHECK(up >= (double)si.uptime && up < (double)si.uptime + 5);
	slurp("/proc/loadavg", 4096);
	CHECK(sscanf(text, "%lf", &load) == 1 && load >= 0);
	slurp("/proc/sys/kernel/osrelease", 4096);
	text[strlen(text) - 1] = '\0';
	CHECK(strcmp(text, un.release) == 0);
	CHECK(value("/proc/sys/kernel/pid_max", "") > getpid());
	slurp("/proc/swaps", 4096);
	CHECK(strncmp(text, "Filename", 8) == 0);
	slurp("/proc/filesystems", 4096);
	CHECK(strstr(text, "nodev\ttmpfs\n") != NULL);
}

static void
test_numbers(void)
{
	int fd = open("/proc/sys/vm/anonmin", O_RDWR | O_TRUNC);
	long was = value("/proc/sys/vm/anonmin", "");
	char back[16];

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "7\n", 2), 2);
	CHECK_EQ(value("/proc/sys/vm/anonmin", ""), 7);
	CHECK_ERRNO(write(fd, "x", 1), EINVAL);
	CHECK_ERRNO(write(fd, "1000", 4), EINVAL);
	snprintf(back, sizeof(back), "%ld", was);
	CHECK_EQ(write(fd, back, strlen(back)), strlen(back));
	close(fd);
	fd = open("/proc/sys/vm/maxslp", O_WRONLY);
	CHECK(fd >= 0);
	CHECK_ERRNO(write(fd, "1", 1), EINVAL);
	close(fd);
	was = value("/proc/sys/vm/drop_caches", "");
	fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
	CHECK(fd >= 0);
	CHECK_ERRNO(write(fd, "0", 1), EINVAL);
	CHECK_EQ(write(fd, "3", 1), 1);
	CHECK_EQ(value("/proc/sys/vm/drop_caches", ""), was + 1);
	close(fd);
	CHECK_ERRNO(open("/proc/new", O_CREAT | O_WRONLY, 0644), ENOENT);
	CHECK_ERRNO(mkdir("/proc/new", 0755), ENOENT);
	CHECK_ERRNO(unlink("/proc/stat"), EPERM);
	CHECK_ERRNO(rename("/proc/stat", "/proc/x"), EPERM);
	CHECK_ERRNO(chmod("/proc/stat", 0), EPERM);
	CHECK_ERRNO(truncate("/proc/stat", 0), EPERM);
}

/* One text, however it is read; a new one from the beginning. */
static void
test_pieces(void)
{
	char before[256], after[256];
	size_t whole = slurp("/proc/self/maps", sizeof(text) - 1);
	void *p = map_anon(PAGE);
	int fd = open("/proc/self/maps", O_RDONLY);

	CHECK(whole > 100);
	CHECK_EQ(pread(fd, before, 200, 0), 200);
	CHECK_EQ(pread(fd, before, 100, 50), 100);
	CHECK_EQ(lseek(fd, 100000, SEEK_SET), 100000);
	CHECK_EQ(read(fd, after, 10), 0);
	munmap(p, PAGE);
	/* small pieces */
	CHECK(slurp("/proc/self/status", 1) > 100);
	CHECK(strstr(text, "Name:\t") == text);
	CHECK(strstr(text, "Threads:\t1\n") != NULL);
	/* the same file as a process changes */
	fd = open("/proc/self/statm", O_RDONLY);
	CHECK(pread(fd, before, sizeof(before), 0) > 0);
	p = map_anon(64 * PAGE);
	CHECK(pread(fd, after, sizeof(after), 0) > 0);
	CHECK_EQ(atol(after) - atol(before), 64);
	munmap(p, 64 * PAGE);
	close(fd);
}

static void
test_maps(void)
{
	char want[64];
	char *p = map_anon(3 * PAGE);

	CHECK(mprotect(p + PAGE, PAGE, PROT_READ) == 0);
	slurp("/proc/self/maps", 4096);
	snprintf(want, sizeof(want), "%08lx-%08lx r--p", (long)(p + PAGE),
	    (long)(p + 2 * PAGE));
	CHECK(strstr(text, want) != NULL);
	CHECK(strstr(text, "[stack]\n") != NULL);
	munmap(p, 3 * PAGE);
}

static void
test_self(void)
{
	char link[PATH_MAX], want[PATH_MAX];
	struct stat a, b;
	ssize_t n;
	int fd, p[2];

	CHECK((n = readlink("/proc/self", link, sizeof(link))) > 0);
	link[n] = '\0';
	CHECK_EQ(atoi(link), getpid());
	CHECK_EQ(value("/proc/self/stat", ""), getpid());
	CHECK_EQ(value("/proc/self/status", "PPid:\t"), getppid());
	n = readlink("/proc/self/exe", link, sizeof(link) - 1);
	CHECK(n > 0);
	link[n] = '\0';
	CHECK(stat("/proc/self/exe", &a) == 0 && stat(link, &b) == 0);
	CHECK_EQ(a.st_ino, b.st_ino);
	CHECK(lstat("/proc/self/exe", &a) == 0 && S_ISLNK(a.st_mode));
	n = readlink("/proc/self/cwd", link, sizeof(link) - 1);
	CHECK(n > 0);
	link[n] = '\0';
	CHECK(getcwd(want, sizeof(want)) != NULL && strcmp(link, want) == 0);
	CHECK(stat("/proc/self/root", &a) == 0 && stat("/", &b) == 0);
	CHECK(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
	/* descriptors */
	fd = open("/tmp/procfs-file", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0 && write(fd, "abc", 3) == 3);
	snprintf(want, sizeof(want), "/proc/self/fd/%d", fd);
	n = readlink(want, link, sizeof(link) - 1);
	CHECK(n > 0);
	link[n] = '\0';
	CHECK(strcmp(link, "/tmp/procfs-file") == 0);
	CHECK(unlink("/tmp/procfs-file") == 0);
	n = readlink(want, link, sizeof(link) - 1);
	CHECK(n > 0 && strncmp(link, "(deleted)", 9) == 0);
	/* what has no name any more can be opened here */
	CHECK(slurp(want, 4096) == 3 && strcmp(text, "abc") == 0);
	close(fd);
	CHECK_ERRNO(open(want, O_RDONLY), ENOENT);
	CHECK(pipe(p) == 0);
	snprintf(want, sizeof(want), "/proc/self/fd/%d", p[0]);
	n = readlink(want, link, sizeof(link) - 1);
	CHECK(n > 6 && strncmp(link, "pipe:[", 6) == 0);
	close(p[0]);
	close(p[1]);
}

static int
listed(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	CHECK(d != NULL);
	while ((e = readdir(d)) != NULL)
		n += strcmp(e->d_name, name) == 0;
	closedir(d);
	return n;
}

static void
test_others(void)
{
	char name[64], dir[32], cwd[64];
	int p[2], status, fd;
	pid_t pid;

	CHECK(pipe(p) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(p[1]);
		(void)!read(p[0], name, 1);
		_exit(0);
	}
	snprintf(dir, sizeof(dir), "%d", pid);
	CHECK_EQ(listed("/proc", dir), 1);
	snprintf(name, sizeof(name), "/proc/%d/fd", pid);
	CHECK_EQ(listed(name, "0"), 1);
	snprintf(name, sizeof(name), "/proc/%d", pid);
	CHECK(chdir(name) == 0 && getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(strcmp(cwd, name) == 0);
	CHECK_EQ(value("stat", ""), pid);
	CHECK(slurp("cmdline", 4096) > 0);
	fd = open("status", O_RDONLY);
	CHECK(fd >= 0);
	close(p[1]);
	close(p[0]);
	CHECK(waitpid(pid, &status, 0) == pid);
	/* it is gone; we are still in its directory */
	CHECK_EQ(listed("/proc", dir), 0);
	CHECK_ERRNO(open("stat", O_RDONLY), ENOENT);
	CHECK_ERRNO(read(fd, name, sizeof(name)), ESRCH);
	CHECK_EQ(listed(".", "0"), 0);
	CHECK(chdir("/") == 0);
	close(fd);
	CHECK_ERRNO(open("/proc/999999", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("/proc/01", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("/proc/1k", O_RDONLY), ENOENT);
}

static void
test_mounts(void)
{
	struct statfs sf;

	slurp("/proc/mounts", 4096);
	CHECK(strstr(text, "rootfs / tmpfs rw,") == text ||
	    strstr(text, "vda / ext2 rw,") == text);
	CHECK(strstr(text, "\nproc /proc proc rw,") != NULL);
	CHECK(statfs("/proc", &sf) == 0 && sf.f_type == 0x9fa0);
	CHECK(mkdir("/tmp/pm", 0755) == 0);
	CHECK(mount("p", "/tmp/pm", "proc", 0, NULL) == 0);
	slurp("/tmp/pm/self/mounts", 4096);
	CHECK(strstr(text, "\np /tmp/pm proc rw,relatime 0 0\n") != NULL);
	CHECK_ERRNO(mount("x", "/tmp/pm/sys", "tmpfs", 0, NULL), EINVAL);
	CHECK(chdir("/tmp/pm/self/fd") == 0);
	CHECK_ERRNO(umount("/tmp/pm"), EBUSY);
	CHECK(chdir("/") == 0 && umount("/tmp/pm") == 0);
	CHECK(rmdir("/tmp/pm") == 0);
}

/* Processes come and go while everything of them is read. */
static void
reader(void)
{
	static const char *const files[] = { "stat", "status", "statm", "maps",
		"cmdline", "comm", "fd", "exe", "cwd" };
	char name[300], buf[512];
	struct dirent *e;
	DIR *d;

	for (int round = 0; round < 15; round++) {
		d = opendir("/proc");
		CHECK(d != NULL);
		while ((e = readdir(d)) != NULL)
			for (size_t i = 0; i < NELEM(files); i++) {
				int fd;

				snprintf(name, sizeof(name), "/proc/%s/%s",
				    e->d_name, files[i]);
				(void)!readlink(name, buf, sizeof(buf));
				fd = open(name, O_RDONLY);
				if (fd < 0)
					continue;
				(void)!read(fd, buf, sizeof(buf));
				(void)syscall(
				    SYS_getdents64, fd, buf, sizeof(buf));
				close(fd);
			}
		closedir(d);
	}
}

static void
forker(void)
{
	int status;

	for (int i = 0; i < 60; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			if (i % 3 == 0)
				execl("/bin/true", "true", (char *)NULL);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK_EQ(status, 0);
	}
}

static void
test_storm(void)
{
	void (*const what[])(void) = { reader, forker, reader, forker };
	pid_t pid[NELEM(what)];
	int status;

	for (size_t i = 0; i < NELEM(what); i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			what[i]();
			_exit(0);
		}
	}
	for (size_t i = 0; i < NELEM(what); i++) {
		CHECK(waitpid(pid[i], &status, 0) == pid[i]);
		CHECK_EQ(status, 0);
	}
}

int
main(void)
{
	test_system();
	test_numbers();
	test_pieces();
	test_maps();
	test_self();
	test_others();
	test_mounts();
	test_storm();
	return 0;
}
