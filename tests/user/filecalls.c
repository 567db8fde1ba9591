/* vmrun: --smp 1,2,4 --timeout 60 */
/*
 * The less usual calls on files: memory for ranges and holes in them, locks,
 * vectors at an offset, data from file to file, and making things safe.
 */
#include "test.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

#define DIR_ "/tmp/calls"

static int
make(const char *name, const char *data, size_t len)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, data, len), len);
	return fd;
}

static long
pages(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	return st.st_blocks / 8;
}

static off_t
size(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	return st.st_size;
}

static void
test_fallocate(void)
{
	char buf[4096], *p;
	int fd = make("f", "", 0), rd, pip[2];
	struct statfs sf;

	CHECK(fstatfs(fd, &sf) == 0);
	if (sf.f_type == 0xef53) { /* ext2 has no such thing */
		CHECK_ERRNO(fallocate(fd, 0, 0, 10000), EOPNOTSUPP);
		close(fd);
		return;
	}
	CHECK(fallocate(fd, 0, 0, 10000) == 0);
	CHECK_EQ(size(fd), 10000);
	CHECK_EQ(pages(fd), 3);
	CHECK(fallocate(fd, 0, 100, 100) == 0);
	CHECK_EQ(size(fd), 10000);
	/* what cannot be had whole is not taken in part, in a file as long */
	CHECK(ftruncate(fd, 1L << 40) == 0);
	CHECK_ERRNO(fallocate(fd, 0, 4096, 1L << 39), ENOSPC);
	CHECK_EQ(size(fd), 1L << 40);
	CHECK_EQ(pages(fd), 3);
	CHECK_ERRNO(fallocate(fd, 0, 0, 1L << 41), ENOSPC);
	CHECK_EQ(size(fd), 1L << 40);
	CHECK_EQ(pages(fd), 3);
	CHECK(ftruncate(fd, 10000) == 0);
	/* a hole: whole pages go, parts become zero, mappings see it */
	memset(buf, 'x', sizeof(buf));
	for (int i = 0; i < 5; i++)
		CHECK_EQ(pwrite(fd, buf, 4096, i * 4096), 4096);
	p = mmap(NULL, 5 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && p[PAGE] == 'x');
	CHECK_EQ(pages(fd), 5);
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 4000,
		  4096 * 2) == 0);
	CHECK_EQ(pages(fd), 4);
	CHECK_EQ(size(fd), 5 * 4096);
	CHECK(p[3999] == 'x' && p[4000] == 0 && p[PAGE] == 0);
	CHECK(p[4000 + 8191] == 0 && p[4000 + 8192] == 'x');
	CHECK_EQ(pread(fd, buf, 1, 4096), 1);
	CHECK_EQ(buf[0], 0);
	p[PAGE + 5] = 'n';
	CHECK_EQ(pread(fd, buf, 1, 4096 + 5), 1);
	CHECK_EQ(buf[0], 'n');
	/* behind the end there is nothing */
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 100000,
		  4096) == 0);
	CHECK_EQ(size(fd), 5 * 4096);
	/* zeros that are there */
	CHECK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 6 * 4096) == 0);
	CHECK_EQ(size(fd), 6 * 4096);
	CHECK_EQ(pages(fd), 6);
	CHECK(p[0] == 0 && p[4 * PAGE] == 0);
	munmap(p, 5 * PAGE);
	CHECK_ERRNO(fallocate(fd, 0, -1, 1), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
	CHECK_ERRNO(fallocate(fd, 0x40000000, 0, 1), EOPNOTSUPP);
	CHECK_ERRNO(fallocate(fd, 0, INT64_MAX, 1), EFBIG);
	CHECK_ERRNO(fallocate(-1, 0, 0, 1), EBADF);
	rd = open("f", O_RDONLY);
	CHECK_ERRNO(fallocate(rd, 0, 0, 1), EBADF);
	CHECK(pipe(pip) == 0);
	CHECK_ERRNO(fallocate(pip[1], 0, 0, 1), ESPIPE);
	close(pip[0]);
	close(pip[1]);
	close(rd);
	close(fd);
	/* no room: nothing changes */
	CHECK(mkdir("m", 0755) == 0);
	CHECK(mount("m", "m", "tmpfs", 0, "size=16k") == 0);
	fd = make("m/f", "ab", 2);
	CHECK_ERRNO(fallocate(fd, 0, 0, 8 * 4096), ENOSPC);
	CHECK_EQ(size(fd), 2);
	CHECK(fallocate(fd, 0, 0, 4 * 4096) == 0);
	CHECK_EQ(pread(fd, buf, 3, 0), 3);
	CHECK(buf[0] == 'a' && buf[2] == 0);
	close(fd);
	CHECK(umount("m") == 0 && rmdir("m") == 0);
}

/* -- Locks ------------------------------------------------------------------------- */

static int lock_pipe[2];

static void
must_not_get(void)
{
	int fd = open("l", O_RDWR);

	CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
	CHECK_ERRNO(flock(fd, LOCK_SH | LOCK_NB), EWOULDBLOCK);
}

static void
gets_shared(void)
{
	int fd = open("l", O_RDONLY);

	CHECK(flock(fd, LOCK_SH | LOCK_NB) == 0);
	CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_NB), EWOULDBLOCK);
}

static void
on_alarm(int sig)
{
	(void)sig;
}

static void
is_interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	int fd = open("l", O_RDWR);

	sigaction(SIGALRM, &sa, NULL);
	alarm(1);
	CHECK_ERRNO(flock(fd, LOCK_EX), EINTR);
}

static void
test_flock(void)
{
	int fd = make("l", "0", 1), two, status;
	pid_t pid;
	char c;

	CHECK_ERRNO(flock(fd, 0), EINVAL);
	CHECK_ERRNO(flock(fd, LOCK_EX | LOCK_SH), EINVAL);
	CHECK_ERRNO(flock(-1, LOCK_EX), EBADF);
	CHECK(flock(fd, LOCK_EX) == 0 && flock(fd, LOCK_EX) == 0);
	CHECK_CHILD(must_not_get);
	CHECK_CHILD(is_interrupted);
	/* a second open file is a stranger, a copy of the descriptor is not */
	two = open("l", O_RDWR);
	CHECK_ERRNO(flock(two, LOCK_SH | LOCK_NB), EWOULDBLOCK);
	close(two);
	two = dup(fd);
	CHECK(flock(two, LOCK_SH | LOCK_NB) == 0);
	close(two);
	CHECK_CHILD(gets_shared);
	CHECK(flock(fd, LOCK_EX) == 0);
	/* who waits gets it when the last descriptor goes */
	CHECK(pipe(lock_pipe) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(fd);
		fd = open("l", O_RDWR);
		CHECK_EQ(write(lock_pipe[1], "w", 1), 1);
		CHECK(flock(fd, LOCK_EX) == 0);
		CHECK_EQ(write(lock_pipe[1], "g", 1), 1);
		_exit(0);
	}
	CHECK(read(lock_pipe[0], &c, 1) == 1 && c == 'w');
	sleep_ms(50);
	close(fd);
	CHECK(read(lock_pipe[0], &c, 1) == 1 && c == 'g');
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	close(lock_pipe[0]);
	close(lock_pipe[1]);
}

/* Each adds to a number in a file, with a lock around it. */
static void
test_flock_storm(void)
{
	int fd = make("n", "\0\0\0\0", 4), status, n;
	pid_t pid[4];

	close(fd);
	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] != 0)
			continue;
		fd = open("n", O_RDWR);
		for (int k = 0; k < 200; k++) {
			CHECK(flock(fd, LOCK_EX) == 0);
			CHECK_EQ(pread(fd, &n, 4, 0), 4);
			n++;
			CHECK_EQ(pwrite(fd, &n, 4, 0), 4);
			CHECK(flock(fd, k % 2 ? LOCK_UN : LOCK_SH) == 0);
		}
		_exit(0);
	}
	for (int i = 0; i < 4; i++)
		CHECK(waitpid(pid[i], &status, 0) == pid[i] && status == 0);
	fd = open("n", O_RDONLY);
	CHECK_EQ(read(fd, &n, 4), 4);
	CHECK_EQ(n, 800);
	close(fd);
}

/* -- Reading and writing ------------------------------------------------------------ */

static void
test_vectors(void)
{
	char a[4] = "", b[8] = "";
	struct iovec iov[2] = { { a, 3 }, { b, 7 } };
	struct iovec out[2] = { { "XY", 2 }, { "Z", 1 } };
	int fd = make("v", "0123456789", 10), p[2];

	CHECK_EQ(preadv(fd, iov, 2, 2), 8);
	CHECK(strcmp(a, "234") == 0 && strcmp(b, "56789") == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(pwritev(fd, out, 2, 1), 3);
	CHECK_EQ(preadv2(fd, iov, 1, 0, 0), 3);
	CHECK(strcmp(a, "0XY") == 0);
	CHECK_EQ(lseek(fd, 4, SEEK_SET), 4);
	CHECK_EQ(preadv2(fd, iov, 1, -1, 0), 3);
	CHECK(strcmp(a, "456") == 0);
	CHECK_EQ(pwritev2(fd, out, 2, -1, 0), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_ERRNO(preadv(fd, iov, 2, -1), EINVAL);
	CHECK_ERRNO(preadv2(fd, iov, 2, 0, 0x1000), EOPNOTSUPP);
	/* as if opened otherwise, for one request */
	CHECK_EQ(pwritev2(fd, out, 2, 0, 0x10 /* RWF_APPEND */), 3);
	CHECK_EQ(size(fd), 13);
	CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
	CHECK_EQ(pwritev2(fd, out, 1, -1, 0x10), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 15);
	CHECK_EQ(pwritev2(fd, out, 1, 0, 0x2 | 0x4 /* DSYNC, SYNC */), 2);
	CHECK_EQ(preadv2(fd, iov, 1, 12, 0x1 | 0x4 | 0x10), 3);
	CHECK(strcmp(a, "ZXY") == 0);
	CHECK_EQ(write(fd, "w", 1), 1); /* where the last append ended */
	CHECK_EQ(size(fd), 16);
	CHECK_ERRNO(syscall(SYS_pwritev, fd, iov, -1, 0, 0), EINVAL);
	CHECK(pipe(p) == 0);
	CHECK_ERRNO(preadv(p[0], iov, 1, 0), ESPIPE);
	close(p[0]);
	close(p[1]);
	close(fd);
}

/* What cannot be written stays where it was. */
static void
test_pipe_to_pipe(void)
{
	static char fill[4096], got[4096];
	int a[2], b[2];

	CHECK(pipe(a) == 0 && pipe2(b, O_NONBLOCK) == 0);
	CHECK_EQ(write(a[1], "abc", 3), 3);
	CHECK_EQ(splice(a[0], NULL, b[1], NULL, 2, 0), 2);
	CHECK(read(b[0], got, 9) == 2 && memcmp(got, "ab", 2) == 0);
	while (write(b[1], fill, sizeof(fill)) > 0)
		continue;
	CHECK_ERRNO(splice(a[0], NULL, b[1], NULL, 2, 0), EAGAIN);
	signal(SIGPIPE, SIG_IGN);
	close(b[0]);
	CHECK_ERRNO(splice(a[0], NULL, b[1], NULL, 2, 0), EPIPE);
	signal(SIGPIPE, SIG_DFL);
	CHECK(read(a[0], got, 9) == 1 && got[0] == 'c');
	CHECK_ERRNO(splice(a[0], NULL, a[1], NULL, 2, 0), EINVAL);
	close(a[0]);
	close(a[1]);
	close(b[1]);
}

/* One process fills a pipe from a file and empties it, again and again. */
static void
test_splice_pump(int from, size_t size)
{
	static char back[200000], data[200000];
	int to = make("pumped", "", 0), p[2];
	size_t total = 0;
	ssize_t in, out;

	CHECK(size <= sizeof(data));
	CHECK_EQ(pread(from, data, size, 0), size);
	CHECK(pipe(p) == 0 && lseek(from, 0, SEEK_SET) == 0);
	CHECK_ERRNO(splice(p[0], NULL, to, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	while ((in = splice(from, NULL, p[1], NULL, 1 << 20, 0)) > 0) {
		CHECK(in >= 4096 || total + (size_t)in == size);
		for (ssize_t left = in; left > 0; left -= out) {
			out = splice(p[0], NULL, to, NULL, 1 << 20, 0);
			CHECK(out == left); /* all that is in it */
		}
		total += (size_t)in;
	}
	CHECK_EQ(in, 0);
	CHECK_EQ(total, size);
	CHECK_EQ(pread(to, back, sizeof(back), 0), size);
	CHECK(memcmp(back, data, size) == 0);
	/* a pipe that is full is told at once, if asked so */
	CHECK_EQ(lseek(from, 0, SEEK_SET), 0);
	CHECK(splice(from, NULL, p[1], NULL, 1 << 20, 0) > 0);
	CHECK_ERRNO(
	    splice(from, NULL, p[1], NULL, 1 << 20, SPLICE_F_NONBLOCK), EAGAIN);
	/* and what was in it when the last writer went is not lost */
	close(p[1]);
	CHECK(splice(p[0], NULL, to, NULL, 10, 0) == 10);
	while ((out = splice(p[0], NULL, to, NULL, 1 << 20, 0)) > 0)
		continue;
	CHECK_EQ(out, 0);
	close(p[0]);
	close(to);
	CHECK(unlink("pumped") == 0);
}

static void
test_copies(void)
{
	static char big[200000], back[200000];
	int from, to, p[2], app;
	off_t off = 5, out = 0;
	ssize_t n;
	char c;

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 31 >> 3);
	from = make("from", big, sizeof(big));
	to = make("to", "", 0);
	/* with an offset the file's own stays */
	CHECK_EQ(lseek(from, 7, SEEK_SET), 7);
	CHECK_EQ(sendfile(to, from, &off, 100000), 100000);
	CHECK_EQ(off, 100005);
	CHECK_EQ(lseek(from, 0, SEEK_CUR), 7);
	CHECK_EQ(pread(to, back, sizeof(back), 0), 100000);
	CHECK(memcmp(back, big + 5, 100000) == 0);
	/* without, it moves; the end ends it */
	CHECK_EQ(sendfile(to, from, NULL, sizeof(big) * 2), sizeof(big) - 7);
	CHECK_EQ(lseek(from, 0, SEEK_CUR), sizeof(big));
	CHECK_EQ(sendfile(to, from, NULL, 1), 0);
	CHECK_ERRNO(sendfile(to, -1, NULL, 1), EBADF);
	app = open("to", O_WRONLY | O_APPEND);
	CHECK_ERRNO(sendfile(app, from, NULL, 1), EINVAL);
	off = -1;
	CHECK_ERRNO(sendfile(to, from, &off, 1), EINVAL);
	/* a pipe takes what it has room for, the rest is not lost */
	CHECK(pipe2(p, O_NONBLOCK) == 0);
	off = 0;
	n = sendfile(p[1], from, &off, sizeof(big));
	CHECK(n >= 65536 && n < (ssize_t)sizeof(big) && off == n);
	CHECK_EQ(read(p[0], back, sizeof(back)), n);
	CHECK(memcmp(back, big, (size_t)n) == 0);
	CHECK_ERRNO(sendfile(to, p[0], NULL, 1), EINVAL);
	/* within files */
	CHECK(ftruncate(to, 0) == 0);
	off = 1;
	CHECK_EQ(copy_file_range(from, &off, to, &out, 70000, 0), 70000);
	CHECK(off == 70001 && out == 70000);
	CHECK_EQ(pread(to, back, sizeof(back), 0), 70000);
	CHECK(memcmp(back, big + 1, 70000) == 0);
	off = 0;
	out = 10;
	CHECK_ERRNO(copy_file_range(from, &off, from, &out, 11, 0), EINVAL);
	CHECK_EQ(copy_file_range(from, &off, from, &out, 10, 0), 10);
	CHECK_ERRNO(copy_file_range(from, NULL, to, NULL, 1, 1), EINVAL);
	CHECK_ERRNO(copy_file_range(from, NULL, app, NULL, 1, 0), EBADF);
	CHECK_ERRNO(copy_file_range(p[0], NULL, to, NULL, 1, 0), EINVAL);
	/* from and to pipes */
	CHECK_EQ(write(p[1], "pipe", 4), 4);
	out = 3;
	CHECK_EQ(splice(p[0], NULL, to, &out, 100, 0), 4);
	CHECK_EQ(out, 7);
	CHECK(pread(to, back, 4, 3) == 4 && memcmp(back, "pipe", 4) == 0);
	CHECK_ERRNO(splice(p[0], NULL, to, NULL, 1, 0), EAGAIN);
	off = 3;
	CHECK_EQ(splice(to, &off, p[1], NULL, 4, 0), 4);
	CHECK(read(p[0], back, 10) == 4 && memcmp(back, "pipe", 4) == 0);
	CHECK_ERRNO(splice(from, NULL, to, NULL, 1, 0), EINVAL);
	CHECK_ERRNO(splice(p[0], &off, to, NULL, 1, 0), ESPIPE);
	CHECK_ERRNO(splice(to, NULL, p[1], NULL, 1, 0x100), EINVAL);
	CHECK_ERRNO(sendfile(to, from, bad_pointer, 1), EFAULT);
	test_pipe_to_pipe();
	test_splice_pump(from, sizeof(big));
	signal(SIGPIPE, SIG_IGN);
	close(p[0]);
	CHECK_ERRNO(sendfile(p[1], from, &off, 1), EPIPE);
	close(p[1]);
	CHECK_EQ(pread(from, &c, 1, 0), 1);
	close(app);
	close(from);
	close(to);
}

struct how {
	uint64_t flags, mode, resolve, more[4];
};
#define HOW_SIZE 24
enum {
	NO_XDEV = 1,
	NO_MAGIC = 2,
	NO_LINKS = 4,
	BENEATH = 8,
	IN_ROOT = 16,
};

static void
test_openat2(void)
{
	struct how how = { O_RDWR | O_CREAT, 0640, 0, { 0 } };
	struct stat st;
	int fd;

	fd = (int)syscall(437, AT_FDCWD, "o2", &how, HOW_SIZE);
	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	CHECK_EQ(st.st_mode & 0777, 0640);
	close(fd);
	CHECK_ERRNO(syscall(437, AT_FDCWD, "o2", &how, 8), EINVAL);
	/* a struct with more in it, and one with more that means something */
	fd = (int)syscall(437, AT_FDCWD, "o2", &how, sizeof(how));
	CHECK(fd >= 0 && close(fd) == 0);
	how.more[2] = 1L << 56;
	CHECK_ERRNO(syscall(437, AT_FDCWD, "o2", &how, sizeof(how)), E2BIG);
	CHECK_ERRNO(syscall(437, AT_FDCWD, "o2", &how, 5000), E2BIG);
	how.flags = 1L << 31;
	CHECK_ERRNO(syscall(437, AT_FDCWD, "o2", &how, HOW_SIZE), EINVAL);
	how.flags = O_PATH | O_RDWR;
	CHECK_ERRNO(syscall(437, AT_FDCWD, "o2", &how, HOW_SIZE), EINVAL);
	how.flags = O_RDONLY;
	CHECK_ERRNO(syscall(437, AT_FDCWD, "o2", &how, HOW_SIZE), EINVAL);
	how.mode = 0;
	how.resolve = 0x40;
	CHECK_ERRNO(syscall(437, AT_FDCWD, "o2", &how, HOW_SIZE), EINVAL);
	how.resolve = BENEATH | IN_ROOT;
	CHECK_ERRNO(syscall(437, AT_FDCWD, "o2", &how, HOW_SIZE), EINVAL);
	CHECK_ERRNO(
	    syscall(437, AT_FDCWD, "o2", bad_pointer, HOW_SIZE), EFAULT);
}

/* => openat2() with the restrictions */
static int
resolved(int dir, const char *path, uint64_t resolve)
{
	struct how how = { O_RDONLY, 0, resolve, { 0 } };

	return (int)syscall(437, dir, path, &how, HOW_SIZE);
}

/* => the same, closed: the file's number */
static ino_t
found(int dir, const char *path, uint64_t resolve)
{
	int fd = resolved(dir, path, resolve);
	struct stat st;

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	close(fd);
	return st.st_ino;
}

static ino_t
number(const char *path)
{
	struct stat st;

	CHECK(stat(path, &st) == 0);
	return st.st_ino;
}

static void
test_resolve(void)
{
	int top;

	CHECK(mkdir("top", 0755) == 0 && mkdir("top/d", 0755) == 0);
	close(make("top/d/f", "x", 1));
	close(make("out", "x", 1));
	CHECK(symlink("d/f", "top/rel") == 0);
	CHECK(symlink("/d/f", "top/abs") == 0);
	CHECK(symlink("../out", "top/up") == 0);
	CHECK(symlink("../../../d/f", "top/d/ups") == 0);
	top = open("top", O_PATH | O_DIRECTORY);
	CHECK(top >= 0);
	CHECK_EQ(found(top, "d/f", NO_LINKS), number("top/d/f"));
	CHECK_ERRNO(resolved(top, "rel", NO_LINKS), ELOOP);
	CHECK_ERRNO(resolved(AT_FDCWD, "/proc/self/fd", NO_LINKS), ELOOP);
	CHECK_EQ(found(top, "rel", NO_MAGIC), number("top/d/f"));
	CHECK_ERRNO(resolved(AT_FDCWD, "/proc/self/exe", NO_MAGIC), ELOOP);
	CHECK_EQ(found(top, "up", NO_XDEV), number("out"));
	CHECK_ERRNO(resolved(AT_FDCWD, "/proc/self/stat", NO_XDEV), EXDEV);
	CHECK_ERRNO(resolved(top, "../../../proc", NO_XDEV), EXDEV);
	/* nothing leads out, not even for a moment */
	CHECK_EQ(found(top, "d/../d/f", BENEATH), number("top/d/f"));
	CHECK_EQ(found(top, "rel", BENEATH), number("top/d/f"));
	CHECK_EQ(found(top, "d/..", BENEATH), number("top"));
	CHECK_ERRNO(resolved(top, "..", BENEATH), EXDEV);
	CHECK_ERRNO(resolved(top, "../top/d/f", BENEATH), EXDEV);
	CHECK_ERRNO(resolved(top, "d/../../out", BENEATH), EXDEV);
	CHECK_ERRNO(resolved(top, "up", BENEATH), EXDEV);
	CHECK_ERRNO(resolved(top, "abs", BENEATH), EXDEV);
	CHECK_ERRNO(resolved(top, "/", BENEATH), EXDEV);
	CHECK_ERRNO(resolved(top, "none", BENEATH), ENOENT);
	/* as after chroot */
	CHECK_EQ(found(top, "/d/f", IN_ROOT), number("top/d/f"));
	CHECK_EQ(found(top, "abs", IN_ROOT), number("top/d/f"));
	CHECK_EQ(found(top, "d/ups", IN_ROOT), number("top/d/f"));
	CHECK_EQ(found(top, "/../..", IN_ROOT), number("top"));
	CHECK_ERRNO(resolved(top, "up", IN_ROOT), ENOENT);
	CHECK_ERRNO(resolved(AT_FDCWD, "/proc/self/exe", IN_ROOT), ENOENT);
	close(top);
}

/* A directory is moved out and back in while somebody goes up from it. */
static void
test_resolve_race(void)
{
	int top = open("top", O_PATH | O_DIRECTORY), fd, st;
	ino_t inside = number("top");
	struct stat s;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0)
		for (;;) {
			CHECK(rename("top/d", "moved") == 0);
			CHECK(rename("moved", "top/d") == 0);
			sched_yield();
		}
	for (int i = 0; i < 3000; i++) {
		fd = resolved(top, "d/..", BENEATH);
		if (fd < 0) {
			CHECK(errno == EAGAIN || errno == ENOENT);
			continue;
		}
		CHECK(fstat(fd, &s) == 0);
		CHECK_EQ(s.st_ino, inside);
		close(fd);
	}
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &st, 0) == pid);
	(void)rename("moved", "top/d");
	close(top);
	for (size_t i = 0; i < 6; i++) {
		static const char *const names[] = { "top/d/f", "top/d/ups",
			"top/rel", "top/abs", "top/up", "out" };

		CHECK(unlink(names[i]) == 0);
	}
	CHECK(rmdir("top/d") == 0 && rmdir("top") == 0);
}

static void
test_sync(void)
{
	int fd = open("s", O_RDWR | O_CREAT | O_SYNC, 0644), p[2];
	int dir = open(".", O_RDONLY), null = open("/dev/null", O_RDWR);
	struct statfs sf;

	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && syncfs(fd) == 0);
	CHECK(fsync(dir) == 0 && syncfs(dir) == 0);
	sync();
	CHECK(pipe(p) == 0);
	CHECK_ERRNO(fsync(p[0]), EINVAL);
	CHECK_ERRNO(fdatasync(p[1]), EINVAL);
	CHECK_ERRNO(fsync(null), EINVAL);
	CHECK_ERRNO(fsync(-1), EBADF);
	CHECK_ERRNO(syncfs(-1), EBADF);
	CHECK(fstatfs(p[0], &sf) == 0);
	CHECK_ERRNO(fstatfs(-1, &sf), EBADF);
	CHECK_ERRNO(statfs("none", &sf), ENOENT);
	CHECK_ERRNO(statfs(".", bad_pointer), EFAULT);
	CHECK(posix_fadvise(fd, 0, 100, POSIX_FADV_SEQUENTIAL) == 0);
	CHECK_EQ(posix_fadvise(fd, 0, 100, 77), EINVAL);
	CHECK_EQ(posix_fadvise(p[0], 0, 100, 0), ESPIPE);
	CHECK_EQ(posix_fadvise(-1, 0, 100, 0), EBADF);
	close(p[0]);
	close(p[1]);
	close(null);
	close(dir);
	close(fd);
}

static void
run(void)
{
	CHECK(chdir(DIR_) == 0);
	test_fallocate();
	test_flock();
	test_flock_storm();
	test_vectors();
	test_copies();
	test_openat2();
	test_resolve();
	test_resolve_race();
	test_sync();
}

int
main(void)
{
	static const char *const names[] = { "f", "l", "n", "v", "from", "to",
		"o2", "s" };

	CHECK(mkdir(DIR_, 0755) == 0);
	CHECK_CHILD(run);
	CHECK(chdir(DIR_) == 0);
	for (size_t i = 0; i < NELEM(names); i++)
		CHECK(unlink(names[i]) == 0);
	CHECK(chdir("/") == 0 && rmdir(DIR_) == 0);
	return 0;
}
