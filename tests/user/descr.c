/* vmrun: --smp 1,4 --timeout 60 */
/*
 * Descriptor tables: lowest numbers, limits, ranges, O_PATH, flags of open,
 * and threads that open, close and duplicate under each other's hands.
 */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/select.h>
#include <sys/uio.h>

#ifndef CLOSE_RANGE_UNSHARE
#define CLOSE_RANGE_UNSHARE 2
#define CLOSE_RANGE_CLOEXEC 4
#endif

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void
test_lowest(void)
{
	int fd[8];

	for (int i = 0; i < 8; i++) {
		fd[i] = open("/dev/null", O_RDONLY);
		CHECK_EQ(fd[i], 3 + i);
	}
	close(5);
	close(8);
	CHECK_EQ(dup(0), 5);
	CHECK_EQ(fcntl(0, F_DUPFD, 7), 8);
	CHECK_EQ(fcntl(0, F_DUPFD, 7), 11);
	CHECK_EQ(fcntl(0, F_DUPFD_CLOEXEC, 100), 100);
	CHECK_EQ(fcntl(100, F_GETFD), FD_CLOEXEC);
	CHECK(fcntl(100, F_SETFD, 0) == 0);
	CHECK_EQ(fcntl(100, F_GETFD), 0);
	CHECK_EQ(dup(0), 12);
	CHECK_ERRNO(fcntl(99, F_DUPFD, -1), EBADF);
	CHECK_ERRNO(fcntl(0, F_DUPFD, -1), EINVAL);
	CHECK_ERRNO(dup3(0, 13, O_NONBLOCK), EINVAL);
	CHECK_ERRNO(dup3(0, -1, 0), EBADF);
	CHECK_ERRNO(dup3(-1, 13, 0), EBADF);
	CHECK_ERRNO(dup(-1), EBADF);
	CHECK(ioctl(12, FIOCLEX) == 0);
	CHECK_EQ(fcntl(12, F_GETFD), FD_CLOEXEC);
	CHECK(ioctl(12, FIONCLEX) == 0);
	CHECK_EQ(fcntl(12, F_GETFD), 0);
	CHECK(syscall(SYS_close_range, 3, ~0U, 0) == 0);
	CHECK(!is_open(100) && !is_open(3) && is_open(2));
}

static void
test_limit(void)
{
	struct rlimit old, lim;
	struct stat st;
	int fd[2], n = 0;

	CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
	lim = old;
	lim.rlim_cur = 20;
	CHECK_EQ(fcntl(0, F_DUPFD, 30), 30);
	CHECK(setrlimit(RLIMIT_NOFILE, &lim) == 0);
	CHECK(is_open(30)); /* what is open stays open */
	CHECK_ERRNO(fcntl(0, F_DUPFD, 20), EINVAL);
	CHECK_ERRNO(dup2(0, 20), EBADF);
	while (dup(0) >= 0)
		n++;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(n, 17);
	CHECK_ERRNO(fcntl(0, F_DUPFD, 5), EMFILE);
	CHECK_ERRNO(memfd_create("m", 0), EMFILE);
	CHECK_ERRNO(pipe(fd), EMFILE);
	/* for want of a descriptor nothing is created, nothing cut */
	CHECK_ERRNO(open("new", O_WRONLY | O_CREAT, 0644), EMFILE);
	CHECK_ERRNO(access("new", F_OK), ENOENT);
	close(10);
	CHECK_ERRNO(pipe(fd), EMFILE);
	CHECK_EQ(open("new", O_WRONLY | O_CREAT, 0644), 10);
	CHECK_EQ(write(10, "x", 1), 1);
	CHECK_ERRNO(open("new", O_WRONLY | O_TRUNC), EMFILE);
	CHECK(stat("new", &st) == 0 && st.st_size == 1);
	CHECK(setrlimit(RLIMIT_NOFILE, &old) == 0);
	CHECK(syscall(SYS_close_range, 3, ~0U, 0) == 0);
	CHECK(unlink("new") == 0);
}

static void
cloexec_child(void)
{
	/* a table of its own: what it closes stays open in the parent */
	CHECK(syscall(SYS_close_range, 10, 20, CLOSE_RANGE_UNSHARE) == 0);
	CHECK(!is_open(10) && is_open(9));
}

static int
sharing_child(void *arg)
{
	(void)arg;
	syscall(SYS_close_range, 10, 12, CLOSE_RANGE_UNSHARE);
	syscall(SYS_close_range, 13, 14, 0); /* its own copy */
	_exit(0);
}

static void
test_close_range(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int status;
	pid_t pid;

	for (int i = 5; i <= 20; i++)
		CHECK_EQ(dup2(0, i), i);
	CHECK_ERRNO(syscall(SYS_close_range, 10, 9, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_close_range, 10, 20, 1), EINVAL);
	CHECK(syscall(SYS_close_range, 1000, 2000, 0) == 0);
	CHECK(syscall(SYS_close_range, 7, 8, CLOSE_RANGE_CLOEXEC) == 0);
	CHECK_EQ(fcntl(7, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(8, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(9, F_GETFD), 0);
	CHECK_CHILD(cloexec_child);
	CHECK(is_open(10));
	/* with a table that is really shared, too */
	pid = clone(sharing_child, stack + sizeof(stack),
	    CLONE_FILES | CLONE_VM | SIGCHLD, NULL);
	CHECK(pid > 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	for (int i = 10; i <= 14; i++)
		CHECK(is_open(i));
	CHECK(syscall(SYS_close_range, 6, 18, 0) == 0);
	CHECK(is_open(5) && !is_open(6) && !is_open(18) && is_open(19));
	CHECK(syscall(SYS_close_range, 3, ~0U, 0) == 0);
}

/* A descriptor that stands for a place is good for little else. */
static void
test_path(void)
{
	struct pollfd p = { .events = POLLIN };
	struct stat st;
	fd_set set;
	char c;
	int fd, fd2;

	close(open("f", O_WRONLY | O_CREAT, 0644));
	fd = open("f", O_PATH | O_RDWR | O_CREAT | O_TRUNC, 0);
	CHECK_EQ(fd, 3);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_PATH | O_ACCMODE), O_PATH);
	CHECK(fstat(fd, &st) == 0 && S_ISREG(st.st_mode));
	CHECK_ERRNO(read(fd, &c, 1), EBADF);
	CHECK_ERRNO(write(fd, &c, 1), EBADF);
	CHECK_ERRNO(pread(fd, &c, 1, 0), EBADF);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
	CHECK_ERRNO(fchmod(fd, 0600), EBADF);
	CHECK_ERRNO(fchown(fd, 0, 0), EBADF);
	CHECK_ERRNO(ftruncate(fd, 0), EBADF);
	CHECK_ERRNO(fsync(fd), EBADF);
	CHECK_ERRNO(ioctl(fd, FIONREAD, &c), EBADF);
	CHECK_ERRNO(fcntl(fd, F_SETFL, O_NONBLOCK), EBADF);
	CHECK_ERRNO(fcntl(fd, F_GETPIPE_SZ), EBADF);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, EBADF);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, &st, 100), EBADF);
	p.fd = fd;
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLNVAL);
	FD_ZERO(&set);
	FD_SET(fd, &set);
	CHECK_EQ(select(fd + 1, &set, NULL, NULL, NULL), 1);
	CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0);
	fd2 = dup(fd);
	CHECK_EQ(fd2, 4);
	CHECK_ERRNO(read(fd2, &c, 1), EBADF);
	CHECK(linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH) == 0);
	CHECK(unlink("g") == 0);
	close(fd);
	close(fd2);
	/* it creates nothing and opens nothing */
	CHECK_ERRNO(open("none", O_PATH | O_CREAT, 0644), ENOENT);
	CHECK_ERRNO(open("f", O_PATH | O_DIRECTORY), ENOTDIR);
	fd = open(".", O_PATH);
	CHECK(fstatat(fd, "f", &st, 0) == 0);
	CHECK(fchdir(fd) == 0);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, &st, 100), EBADF);
	close(fd);
	CHECK(unlink("f") == 0);
}

static void
test_open_flags(void)
{
	struct stat st;
	int fd, off = 0;

	CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	fd = open(".", O_TMPFILE | O_RDWR, 0600);
	CHECK(fd >= 0 || errno == EOPNOTSUPP || errno == EISDIR);
	if (fd >= 0)
		close(fd);
	CHECK_ERRNO(open("x", O_CREAT | O_DIRECTORY | O_RDWR, 0600), EINVAL);
	CHECK_ERRNO(access("x", F_OK), ENOENT);
	CHECK_ERRNO(open(".", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERRNO(open(".", O_RDONLY | O_TRUNC), EISDIR);
	CHECK_ERRNO(open("/tmp", O_RDWR), EISDIR);
	/* the mode is for later opens, not for this one */
	fd = open("x", O_RDWR | O_CREAT | O_EXCL, 0);
	CHECK_EQ(write(fd, "hello", 5), 5);
	close(fd);
	CHECK(stat("x", &st) == 0);
	CHECK_EQ(st.st_mode, S_IFREG);
	fd = open("x", O_RDONLY | O_TRUNC);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 0);
	CHECK(fcntl(fd, F_SETFL, O_NONBLOCK | O_RDWR) == 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & (O_ACCMODE | O_NONBLOCK | O_APPEND),
	    O_NONBLOCK);
	CHECK(ioctl(fd, FIONBIO, &off) == 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	CHECK_ERRNO(write(fd, "x", 1), EBADF);
	close(fd);
	CHECK_ERRNO(openat(99, "x", O_RDONLY), EBADF);
	fd = open("/dev/null", O_RDONLY);
	CHECK_ERRNO(openat(fd, "x", O_RDONLY), ENOTDIR);
	close(fd);
	CHECK(unlink("x") == 0);
}

static void
test_vectors(void)
{
	static char many[1024];
	static struct iovec iov[1025];
	char a[4], b[4];
	int fd = open("v", O_RDWR | O_CREAT, 0644);

	for (int i = 0; i < 1025; i++)
		iov[i] = (struct iovec){ &many[i % 1024], 1 };
	memset(many, 'v', sizeof(many));
	CHECK_EQ(writev(fd, iov, 1024), 1024);
	CHECK_ERRNO(writev(fd, iov, 1025), EINVAL);
	CHECK_ERRNO(syscall(SYS_writev, fd, iov, -1L), EINVAL);
	CHECK_ERRNO(writev(99, iov, 1025), EBADF);
	CHECK_ERRNO(syscall(SYS_writev, fd, bad_pointer, 1), EFAULT);
	CHECK_EQ(writev(fd, iov, 0), 0);
	iov[1].iov_len = (size_t)-1;
	CHECK_ERRNO(writev(fd, iov, 2), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 1024);
	/* both lengths fit alone, and reading stops at the end of the file */
	iov[0] = (struct iovec){ a, 4 };
	iov[1] = (struct iovec){ b, 4 };
	CHECK_EQ(lseek(fd, 1019, SEEK_SET), 1019);
	CHECK_EQ(readv(fd, iov, 2), 5);
	/* the second half is nowhere: what fits is read, and no more */
	iov[1].iov_base = bad_pointer;
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(readv(fd, iov, 2), 4);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	close(fd);
	fd = open("v", O_WRONLY);
	CHECK_ERRNO(syscall(SYS_readv, fd, bad_pointer, 1), EBADF);
	close(fd);
	CHECK(unlink("v") == 0);
}

/* -- Threads ------------------------------------------------------------------ */

static volatile bool stop;
static volatile int shared_fd;

/* Opens and closes; never sees a descriptor that belongs to another. */
static void *
opener(void *arg)
{
	struct stat st;
	char name[16];
	int fd[3];

	sprintf(name, "thread%ld", (long)arg);
	for (int i = 0; i < 1500; i++) {
		fd[0] = open(name, O_RDWR | O_CREAT, 0644);
		CHECK(fd[0] >= 0);
		CHECK(fstat(fd[0], &st) == 0 && S_ISREG(st.st_mode));
		CHECK(pipe(fd + 1) == 0);
		CHECK_EQ(write(fd[2], name, 7), 7);
		CHECK_EQ(read(fd[1], name, 7), 7);
		CHECK(close(fd[0]) == 0);
		CHECK(close(fd[1]) == 0 && close(fd[2]) == 0);
	}
	return NULL;
}

/* Uses a descriptor that others replace all the time; it never crashes. */
static void *
user(void *arg)
{
	struct stat st;
	char buf[64];
	ssize_t n;

	(void)arg;
	while (!stop) {
		n = read(shared_fd, buf, sizeof(buf));
		CHECK(n >= 0 || errno == EBADF || errno == EAGAIN);
		CHECK(fstat(shared_fd, &st) == 0 || errno == EBADF);
		(void)lseek(shared_fd, 0, SEEK_SET);
	}
	return NULL;
}

static void *
replacer(void *arg)
{
	int p[2], fd = open("/dev/zero", O_RDONLY);

	(void)arg;
	CHECK(pipe2(p, O_NONBLOCK) == 0);
	for (int i = 0; i < 3000; i++) {
		CHECK(dup2(i & 1 ? fd : p[0], shared_fd) == shared_fd ||
		    errno == EBUSY);
		if (i % 16 == 0)
			close(shared_fd);
	}
	close(p[0]);
	close(p[1]);
	close(fd);
	return NULL;
}

static void
test_threads(void)
{
	pthread_t t[6];
	int first;

	first = open("/dev/zero", O_RDONLY);
	shared_fd = dup2(first, 50);
	CHECK_EQ(shared_fd, 50);
	close(first);
	stop = false;
	for (long i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, opener, (void *)i) == 0);
	for (int i = 2; i < 4; i++)
		CHECK(pthread_create(&t[i], NULL, user, NULL) == 0);
	for (int i = 4; i < 6; i++)
		CHECK(pthread_create(&t[i], NULL, replacer, NULL) == 0);
	for (int i = 0; i < 6; i++) {
		if (i == 2) {
			CHECK(pthread_join(t[4], NULL) == 0);
			CHECK(pthread_join(t[5], NULL) == 0);
			stop = true;
		}
		if (i < 4)
			CHECK(pthread_join(t[i], NULL) == 0);
	}
	close(shared_fd);
	for (int i = 3; i < 50; i++)
		CHECK(!is_open(i));
	CHECK(unlink("thread0") == 0 && unlink("thread1") == 0);
}

/* A call in progress keeps the file that another thread closes. */
static void *
blocked_reader(void *arg)
{
	char c = 0;

	CHECK_EQ(read(*(int *)arg, &c, 1), 1);
	CHECK_EQ(c, 'z');
	return NULL;
}

static void
test_close_in_use(void)
{
	pthread_t t;
	int p[2];

	CHECK(pipe(p) == 0);
	CHECK(pthread_create(&t, NULL, blocked_reader, &p[0]) == 0);
	sleep_ms(50);
	CHECK(close(p[0]) == 0);
	CHECK_ERRNO(read(p[0], &t, 1), EBADF);
	CHECK_EQ(write(p[1], "z", 1), 1);
	CHECK(pthread_join(t, NULL) == 0);
	close(p[1]);
}

int
main(void)
{
	/* 0, 1, 2 and nothing else */
	CHECK(syscall(SYS_close_range, 3, ~0U, 0) == 0);
	CHECK(mkdir("/tmp/descr-test", 0755) == 0);
	CHECK(chdir("/tmp/descr-test") == 0);
	umask(022);
	test_lowest();
	test_limit();
	test_close_range();
	test_path();
	test_open_flags();
	test_vectors();
	test_threads();
	test_close_in_use();
	CHECK(chdir("/") == 0);
	CHECK(rmdir("/tmp/descr-test") == 0);
	return 0;
}
