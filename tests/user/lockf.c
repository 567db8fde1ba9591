/* vmrun: --smp 1,2,4 --timeout 90 */
/*
 * Record locks, of processes and of open files: what is in whose way, who goes
 * on when, and what is left when descriptors, files and processes end.
 */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>

#define FILE_ "/tmp/lockf"
static const char *self; /* path of this program */
#define LAST 0x7fffffffffffffff

static int
opened(int flags)
{
	int fd = open(FILE_, flags | O_CREAT, 0600);

	CHECK(fd >= 0);
	return fd;
}

static int
op(int fd, int cmd, int type, long start, long len)
{
	struct flock fl = { .l_type = (short)type,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = len };

	return fcntl(fd, cmd, &fl);
}

static int
set(int fd, int type, long start, long len)
{
	return op(fd, F_SETLK, type, start, len);
}

/* What F_GETLK, or F_OFD_GETLK, says of a lock that would be asked for. */
static struct flock
get_at(int fd, int cmd, int type, int whence, long start, long len)
{
	struct flock fl = { .l_type = (short)type,
		.l_whence = (short)whence,
		.l_start = start,
		.l_len = len };

	CHECK(fcntl(fd, cmd, &fl) == 0);
	return fl;
}

static struct flock
get(int fd, int type, long start, long len)
{
	return get_at(fd, F_GETLK, type, SEEK_SET, start, len);
}

#define CHECK_FREE(fl) CHECK_EQ((fl).l_type, F_UNLCK)
/* The lock in the way; l: a struct flock, evaluated once. */
#define CHECK_LOCK(l, type, start, len, pid)     \
	do {                                     \
		struct flock l_ = (l);           \
		CHECK_EQ(l_.l_type, (type));     \
		CHECK_EQ(l_.l_whence, SEEK_SET); \
		CHECK_EQ(l_.l_start, (start));   \
		CHECK_EQ(l_.l_len, (len));       \
		CHECK_EQ(l_.l_pid, (pid));       \
	} while (0)

/* Does this in a child, who has none of our locks. */
#define CHILD(...)                                                 \
	do {                                                       \
		int st_;                                           \
		pid_t pid_ = fork();                               \
		CHECK(pid_ >= 0);                                  \
		if (pid_ == 0) {                                   \
			__VA_ARGS__;                               \
			_exit(0);                                  \
		}                                                  \
		CHECK(waitpid(pid_, &st_, 0) == pid_ && st_ == 0); \
	} while (0)

static void
test_ranges(void)
{
	int fd = opened(O_RDWR);
	pid_t me = getpid();

	CHECK(ftruncate(fd, 40) == 0);
	CHECK(set(fd, F_WRLCK, 10, 10) == 0);
	CHECK_FREE(get(fd, F_WRLCK, 0, 0)); /* not in one's own way */
	CHILD({
		CHECK_LOCK(get(fd, F_WRLCK, 0, 0), F_WRLCK, 10, 10, me);
		CHECK_FREE(get(fd, F_RDLCK, 0, 10));
		CHECK_FREE(get(fd, F_RDLCK, 20, 0));
		CHECK_ERRNO(set(fd, F_WRLCK, 19, 1), EAGAIN);
		CHECK_ERRNO(set(fd, F_RDLCK, 0, 11), EAGAIN);
		CHECK(set(fd, F_RDLCK, 0, 10) == 0);
		CHECK(set(fd, F_WRLCK, 20, 0) == 0);
		CHECK(set(fd, F_UNLCK, 0, 0) == 0); /* one's own only */
		CHECK_ERRNO(set(fd, F_WRLCK, 12, 1), EAGAIN);
	});
	/* a hole in the middle, part of it of another kind */
	CHECK(set(fd, F_UNLCK, 14, 2) == 0);
	CHECK(set(fd, F_RDLCK, 12, 1) == 0);
	CHILD({
		CHECK_LOCK(get(fd, F_WRLCK, 0, 0), F_WRLCK, 10, 2, me);
		CHECK_LOCK(get(fd, F_WRLCK, 12, 1), F_RDLCK, 12, 1, me);
		CHECK_FREE(get(fd, F_RDLCK, 12, 1));
		CHECK_LOCK(get(fd, F_RDLCK, 12, 2), F_WRLCK, 13, 1, me);
		CHECK_FREE(get(fd, F_WRLCK, 14, 2));
		CHECK_LOCK(get(fd, F_RDLCK, 14, 0), F_WRLCK, 16, 4, me);
	});
	/* what touches becomes one */
	CHECK(set(fd, F_WRLCK, 12, 4) == 0);
	CHILD(CHECK_LOCK(get(fd, F_RDLCK, 0, 0), F_WRLCK, 10, 10, me));
	/* the front and the end of it go */
	CHECK(set(fd, F_UNLCK, 0, 12) == 0);
	CHECK(set(fd, F_RDLCK, 18, 0) == 0);
	CHILD({
		CHECK_LOCK(get(fd, F_RDLCK, 0, 0), F_WRLCK, 12, 6, me);
		CHECK_LOCK(get(fd, F_WRLCK, 18, 1), F_RDLCK, 18, 0, me);
		CHECK_LOCK(get(fd, F_WRLCK, LAST, 1), F_RDLCK, 18, 0, me);
	});
	close(fd);
}

/* l_whence, and lengths below zero */
static void
test_whence(void)
{
	int fd = opened(O_RDWR);
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_END };
	pid_t me = getpid();

	fl.l_start = -5; /* of 40 bytes */
	CHECK(fcntl(fd, F_SETLK, &fl) == 0);
	CHILD(CHECK_LOCK(get(fd, F_WRLCK, 0, 0), F_WRLCK, 35, 0, me));
	fl.l_len = -5;
	CHECK(fcntl(fd, F_SETLK, &fl) == 0);
	CHILD(CHECK_LOCK(get(fd, F_WRLCK, 0, 0), F_WRLCK, 30, 0, me));
	CHECK_EQ(lseek(fd, 3, SEEK_SET), 3);
	fl = (struct flock){ .l_type = F_RDLCK,
		.l_whence = SEEK_CUR,
		.l_start = -1,
		.l_len = 2 };
	CHECK(fcntl(fd, F_SETLK, &fl) == 0);
	CHILD(CHECK_LOCK(
	    get_at(fd, F_GETLK, F_WRLCK, SEEK_CUR, 0, 1), F_RDLCK, 2, 2, me));
	CHECK(set(fd, F_RDLCK, 10, -10) == 0);
	CHILD(CHECK_LOCK(get(fd, F_WRLCK, 9, 1), F_RDLCK, 0, 10, me));
	close(fd);
}

static void
test_wrong(void)
{
	int fd = opened(O_RDWR), rd = open(FILE_, O_RDONLY);
	int wr = open(FILE_, O_WRONLY), path = open(FILE_, O_PATH), pip[2];
	struct flock fl = { .l_type = F_WRLCK, .l_whence = 5 };

	CHECK_ERRNO(fcntl(fd, F_SETLK, &fl), EINVAL);
	CHECK_ERRNO(set(fd, 7, 0, 0), EINVAL);
	CHECK_ERRNO(set(fd, F_WRLCK, -1, 0), EINVAL);
	CHECK_ERRNO(set(fd, F_WRLCK, 5, -6), EINVAL);
	CHECK_ERRNO(set(fd, F_WRLCK, LAST, 2), EOVERFLOW);
	CHECK(set(fd, F_WRLCK, LAST, 1) == 0);
	CHECK(set(fd, F_WRLCK, LAST, 0) == 0);
	fl.l_whence = SEEK_END;
	fl.l_start = LAST;
	CHECK_ERRNO(fcntl(fd, F_SETLK, &fl), EOVERFLOW);
	CHECK_ERRNO(op(fd, F_GETLK, F_UNLCK, 0, 0), EINVAL);
	CHECK_ERRNO(fcntl(fd, F_SETLK, (void *)16), EFAULT);
	CHECK_ERRNO(fcntl(fd, F_GETLK, (void *)16), EFAULT);
	/* a lock needs what it guards */
	CHECK_ERRNO(set(rd, F_WRLCK, 0, 0), EBADF);
	CHECK_ERRNO(set(wr, F_RDLCK, 0, 0), EBADF);
	CHECK(set(rd, F_RDLCK, 0, 0) == 0 && set(wr, F_WRLCK, 0, 0) == 0);
	CHECK(set(rd, F_UNLCK, 0, 0) == 0);
	CHECK_FREE(get(rd, F_WRLCK, 0, 0));
	CHECK_ERRNO(set(-1, F_RDLCK, 0, 0), EBADF);
	CHECK_ERRNO(set(path, F_RDLCK, 0, 0), EBADF);
	CHECK(pipe(pip) == 0);
	if (getenv("TEST_PEER") == NULL) /* there is nobody to ask for them */
		CHECK_ERRNO(set(pip[0], F_RDLCK, 0, 0), EINVAL);
	fl = (struct flock){ .l_type = F_WRLCK, .l_pid = 1 };
	CHECK_ERRNO(fcntl(fd, F_OFD_SETLK, &fl), EINVAL);
	CHECK_ERRNO(fcntl(fd, F_OFD_GETLK, &fl), EINVAL);
	CHECK(fcntl(fd, F_SETLK, &fl) == 0);
	close(pip[0]);
	close(pip[1]);
	close(path);
	close(wr);
	close(rd);
	close(fd);
}

/* => is this text in that file of /proc/PID? */
static bool
about(pid_t pid, const char *file, const char *text)
{
	char path[64], buf[512];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY);
	CHECK(fd >= 0);
	n = read(fd, buf, sizeof(buf) - 1);
	CHECK(n >= 0);
	buf[n] = '\0';
	close(fd);
	return strstr(buf, text) != NULL;
}

/* Any descriptor of the file that goes takes the process's locks with it. */
static void
test_close(void)
{
	int fd = opened(O_RDWR), go[2], st;
	pid_t pid, me = getpid();
	char c;

#define LOCKED_UNTIL(how)                                                     \
	do {                                                                  \
		CHECK(set(fd, F_WRLCK, 0, 1) == 0);                           \
		CHILD(CHECK_LOCK(get(fd, F_RDLCK, 0, 1), F_WRLCK, 0, 1, me)); \
		how;                                                          \
		CHILD(CHECK_FREE(get(fd, F_RDLCK, 0, 1)));                    \
	} while (0)
	LOCKED_UNTIL(close(dup(fd)));
	LOCKED_UNTIL(close(open(FILE_, O_RDONLY)));
	LOCKED_UNTIL(CHECK(dup2(open("/dev/null", O_RDONLY), dup(fd)) > 0));
	LOCKED_UNTIL(
	    CHECK(dup(fd) > 0 && close_range((unsigned)fd + 1, ~0U, 0) == 0));
	/* not one that only stands for it, and not one of a child's */
	CHECK(set(fd, F_WRLCK, 0, 1) == 0);
	close(open(FILE_, O_PATH));
	CHILD(close(fd));
	CHILD(CHECK_LOCK(get(fd, F_RDLCK, 0, 1), F_WRLCK, 0, 1, me));
	/* a process that ends, and one that goes on as another program */
	CHECK(pipe(go) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(set(fd, F_WRLCK, 1, 1) == 0);
		CHECK(write(go[1], "x", 1) == 1);
		pause();
	}
	CHECK(read(go[0], &c, 1) == 1);
	CHECK_LOCK(get(fd, F_RDLCK, 1, 1), F_WRLCK, 1, 1, pid);
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &st, 0) == pid);
	CHECK_FREE(get(fd, F_RDLCK, 1, 1));
	for (int cloexec = 0; cloexec < 2; cloexec++) {
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			CHECK(fcntl(fd, F_SETFD, cloexec) == 0);
			CHECK(set(fd, F_WRLCK, 1, 1) == 0);
			execl("/bin/sleep", "sleep", "30", NULL);
			_exit(1);
		}
		while (!about(pid, "comm", "sleep"))
			usleep(1000);
		if (cloexec)
			CHECK_FREE(get(fd, F_RDLCK, 1, 1));
		else
			CHECK_LOCK(get(fd, F_RDLCK, 1, 1), F_WRLCK, 1, 1, pid);
		CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, &st, 0) == pid);
	}
	close(go[0]);
	close(go[1]);
	close(fd);
}

/* Locks of open files */
static void
test_ofd(void)
{
	int a = opened(O_RDWR), b = opened(O_RDWR), c;

	CHECK(op(a, F_OFD_SETLK, F_WRLCK, 0, 10) == 0);
	CHECK_ERRNO(op(b, F_OFD_SETLK, F_WRLCK, 5, 10), EAGAIN);
	CHECK_LOCK(
	    get_at(b, F_OFD_GETLK, F_WRLCK, 0, 5, 10), F_WRLCK, 0, 10, -1);
	CHECK_FREE(get_at(a, F_OFD_GETLK, F_WRLCK, 0, 5, 10));
	/* the process is somebody else */
	CHECK_ERRNO(set(a, F_RDLCK, 5, 1), EAGAIN);
	CHECK_LOCK(get(a, F_RDLCK, 5, 1), F_WRLCK, 0, 10, -1);
	CHECK(set(a, F_WRLCK, 20, 1) == 0);
	CHECK_ERRNO(op(a, F_OFD_SETLK, F_RDLCK, 20, 1), EAGAIN);
	/* a child has the same file, and so the same locks */
	CHILD({
		CHECK(op(a, F_OFD_SETLK, F_RDLCK, 5, 5) == 0);
		CHECK(op(a, F_OFD_SETLK, F_UNLCK, 0, 2) == 0);
	});
	CHECK_LOCK(
	    get_at(b, F_OFD_GETLK, F_RDLCK, 0, 0, 10), F_WRLCK, 2, 3, -1);
	CHECK_LOCK(
	    get_at(b, F_OFD_GETLK, F_WRLCK, 0, 5, 10), F_RDLCK, 5, 5, -1);
	/* they go with the last descriptor */
	c = dup(a);
	close(open(FILE_, O_RDONLY));
	close(a);
	CHECK_ERRNO(op(b, F_OFD_SETLK, F_WRLCK, 2, 1), EAGAIN);
	close(c);
	CHECK(op(b, F_OFD_SETLK, F_WRLCK, 2, 1) == 0);
	CHECK(op(b, F_OFD_SETLKW, F_WRLCK, 0, 0) == 0);
	close(b);
}

/* -- Waiting ------------------------------------------------------------------------ */

static void
on_alarm(int sig)
{
	(void)sig;
}

/* Starts a child that waits for byte `at' after it has locked `own'. */
static pid_t
waiter(int fd, int own, int at, int *sync)
{
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		if (own >= 0)
			CHECK(set(fd, F_WRLCK, own, 1) == 0);
		CHECK(write(sync[1], "x", 1) == 1);
		if (op(fd, F_SETLKW, F_WRLCK, at, 1) != 0)
			_exit(errno);
		_exit(0);
	}
	return pid;
}

/* => the process has said so, and sleeps since */
static void
await(pid_t pid, int *sync)
{
	char c;

	CHECK(read(sync[0], &c, 1) == 1);
	while (!about(pid, "stat", ") S "))
		usleep(1000);
}

static int
ended(pid_t pid)
{
	int st;

	CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st));
	return WEXITSTATUS(st);
}

static void
test_wait(void)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	int fd = opened(O_RDWR), sync[2];
	pid_t pid;

	CHECK(pipe(sync) == 0);
	/* goes on when the byte is unlocked, when it is only read */
	CHECK(set(fd, F_WRLCK, 0, 8) == 0);
	pid = waiter(fd, -1, 3, sync);
	await(pid, sync);
	CHECK(set(fd, F_UNLCK, 4, 4) == 0);
	usleep(50000);
	CHECK(waitpid(pid, NULL, WNOHANG) == 0);
	CHECK(set(fd, F_UNLCK, 3, 1) == 0);
	CHECK_EQ(ended(pid), 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(write(sync[1], "x", 1) == 1);
		_exit(op(fd, F_SETLKW, F_RDLCK, 0, 3) == 0 ? 0 : errno);
	}
	await(pid, sync);
	CHECK(set(fd, F_RDLCK, 0, 3) == 0);
	CHECK_EQ(ended(pid), 0);
	/* a signal ends the waiting, or does not with SA_RESTART */
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		sa.sa_flags = flags;
		CHECK(sigaction(SIGUSR1, &sa, NULL) == 0);
		CHECK(set(fd, F_WRLCK, 3, 1) == 0);
		pid = waiter(fd, -1, 3, sync);
		await(pid, sync);
		CHECK(kill(pid, SIGUSR1) == 0);
		if (flags == 0)
			CHECK_EQ(ended(pid), EINTR);
		usleep(50000);
		CHECK(set(fd, F_UNLCK, 0, 0) == 0);
		if (flags != 0)
			CHECK_EQ(ended(pid), 0);
	}
	close(sync[0]);
	close(sync[1]);
	close(fd);
}

/* Who has been woken and has yet to look again is still a part of the ring. */
static void
ring_of_three(int fd, int *sync)
{
	pid_t one, two;

	CHECK(set(fd, F_WRLCK, 0, 1) == 0);
	one = waiter(fd, 1, 0, sync);
	await(one, sync);
	two = waiter(fd, 2, 1, sync);
	await(two, sync);
	CHECK_ERRNO(op(fd, F_SETLKW, F_RDLCK, 2, 1), EDEADLK);
	/* ours goes: one after the other gets what it waits for */
	CHECK(set(fd, F_UNLCK, 0, 0) == 0);
	CHECK_EQ(ended(one), 0);
	CHECK_EQ(ended(two), 0);
}

static void
test_deadlock(void)
{
	int fd = opened(O_RDWR), sync[2];
	pid_t one;

	CHECK(pipe(sync) == 0);
	/* two who wait for each other's */
	CHECK(set(fd, F_WRLCK, 0, 1) == 0);
	one = waiter(fd, 1, 0, sync);
	await(one, sync);
	CHECK_ERRNO(op(fd, F_SETLKW, F_WRLCK, 1, 1), EDEADLK);
	/* what has not to be waited for, and asking, is no deadlock */
	CHECK_ERRNO(set(fd, F_WRLCK, 1, 1), EAGAIN);
	CHECK(op(fd, F_SETLKW, F_WRLCK, 5, 1) == 0);
	CHECK(set(fd, F_UNLCK, 0, 1) == 0);
	CHECK_EQ(ended(one), 0);
	for (int i = 0; i < 20; i++)
		ring_of_three(fd, sync);
	/*
	 * Whom we have just let go on waits for us no more, though he may not
	 * know it yet: over and over, as it is a race.
	 */
	for (int i = 0; i < 30; i++) {
		CHECK(set(fd, F_WRLCK, 0, 1) == 0);
		one = waiter(fd, 1, 0, sync);
		CHECK(read(sync[0], &(char){ 0 }, 1) == 1);
		usleep(i * 300);
		CHECK(set(fd, F_UNLCK, 0, 1) == 0);
		CHECK(op(fd, F_SETLKW, F_WRLCK, 1, 1) == 0);
		CHECK(set(fd, F_UNLCK, 0, 0) == 0);
		CHECK_EQ(ended(one), 0);
	}
	close(sync[0]);
	close(sync[1]);
	close(fd);
}

static void *
thread_waits(void *arg)
{
	CHECK(op(*(int *)arg, F_SETLKW, F_WRLCK, 1, 1) == 0);
	return NULL;
}

/*
 * A process with another thread that can let go is no part of a deadlock,
 * whoever waits first.
 */
static void
threads_round(int fd, unsigned child_waits, unsigned thread_starts)
{
	int sync[2], st;
	pthread_t t;
	pid_t pid;
	char c;

	CHECK(pipe(sync) == 0);
	CHECK(set(fd, F_WRLCK, 0, 1) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(set(fd, F_WRLCK, 1, 1) == 0);
		CHECK(write(sync[1], "x", 1) == 1);
		usleep(child_waits);
		CHECK(op(fd, F_SETLKW, F_WRLCK, 0, 1) == 0);
		_exit(0);
	}
	CHECK(read(sync[0], &c, 1) == 1);
	usleep(thread_starts);
	CHECK(pthread_create(&t, NULL, thread_waits, &fd) == 0);
	usleep(200000);
	CHECK(set(fd, F_UNLCK, 0, 1) == 0);
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(set(fd, F_UNLCK, 0, 0) == 0);
	close(sync[0]);
	close(sync[1]);
}

static void
test_threads(void)
{
	int fd = opened(O_RDWR);

	threads_round(fd, 100000, 0);
	threads_round(fd, 0, 100000);
	close(fd);
}

static int wait_fd, wait_errno;

static void *
thread_loses(void *arg)
{
	(void)arg;
	wait_errno = op(wait_fd, F_SETLKW, F_WRLCK, 0, 1) == 0 ? 0 : errno;
	return NULL;
}

/* A lock that comes after its descriptor went does not stay. */
static void
test_close_race(void)
{
	int fd = opened(O_RDWR), sync[2], go[2], st;
	pthread_t t;
	pid_t pid;
	char c;

	CHECK(pipe(sync) == 0 && pipe(go) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(set(fd, F_WRLCK, 0, 1) == 0);
		CHECK(write(sync[1], "x", 1) == 1);
		CHECK(read(go[0], &c, 1) == 1);
		_exit(0);
	}
	CHECK(read(sync[0], &c, 1) == 1);
	wait_fd = opened(O_RDWR);
	CHECK(pthread_create(&t, NULL, thread_loses, NULL) == 0);
	usleep(100000);
	close(wait_fd);
	CHECK(write(go[1], "x", 1) == 1);
	CHECK(waitpid(pid, &st, 0) == pid && st == 0);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK_EQ(wait_errno, EBADF);
	CHILD(CHECK_FREE(get(fd, F_WRLCK, 0, 0)));
	close(sync[0]);
	close(sync[1]);
	close(go[0]);
	close(go[1]);
	close(fd);
}

/* Each adds to its own slot and to the file's, which one at a time does. */
#define STORM  4
#define ROUNDS 150
static void
test_storm(void)
{
	int fd = opened(O_RDWR), st;
	long n = 0;

	CHECK(pwrite(fd, &n, sizeof(n), 0) == sizeof(n));
	for (int i = 0; i < STORM; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid != 0)
			continue;
		for (int k = 0; k < ROUNDS; k++) {
			CHECK(op(fd, F_SETLKW, F_WRLCK, 0, 8) == 0);
			CHECK(pread(fd, &n, sizeof(n), 0) == sizeof(n));
			if (k % 3 == 0)
				sched_yield();
			n++;
			CHECK(pwrite(fd, &n, sizeof(n), 0) == sizeof(n));
			CHECK(set(fd, k % 2 ? F_UNLCK : F_RDLCK, 0, 8) == 0);
			if (k % 2 == 0)
				CHECK(set(fd, F_UNLCK, 0, 8) == 0);
		}
		_exit(0);
	}
	for (int i = 0; i < STORM; i++)
		CHECK(wait(&st) > 0 && st == 0);
	CHECK(pread(fd, &n, sizeof(n), 0) == sizeof(n));
	CHECK_EQ(n, STORM * ROUNDS);
	close(fd);
}

/* Who looks at a process's descriptors does not take its locks away. */
static void
test_watched(void)
{
	int fd = opened(O_RDWR), st, n = 0;
	char path[64], arg[16];
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(set(fd, F_WRLCK, 0, 1) == 0);
		snprintf(arg, sizeof(arg), "%d", fd);
		execl(self, self, "exec", arg, "40", NULL);
		_exit(1);
	}
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	while (waitpid(pid, &st, WNOHANG) == 0) {
		DIR *dir = opendir(path);

		while (dir != NULL && readdir(dir) != NULL)
			n++;
		if (dir != NULL)
			closedir(dir);
	}
	CHECK(st == 0 && n > 0);
	close(fd);
}

/* Becomes itself again and again, and has its lock each time. */
static int
role_exec(const char *fd, int left)
{
	char arg[16];

	CHILD(
	    CHECK_LOCK(get(atoi(fd), F_RDLCK, 0, 1), F_WRLCK, 0, 1, getppid()));
	if (left == 0)
		return 0;
	snprintf(arg, sizeof(arg), "%d", left - 1);
	execl(self, self, "exec", fd, arg, NULL);
	return 1;
}

/* -- Random requests against a model ------------------------------------------------- */

#define OWNERS 4
#define BYTES  24
static char model[OWNERS][BYTES + 1]; /* F_UNLCK, ...; the end counts as one */
static uint32_t seed;

static uint32_t
rnd(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

/* => first byte of the first lock in the way (as locks are, whole), or -1 */
static int
model_clash(int who, int type, int start, int end, int *whose)
{
	int best = -1;

	for (int o = 0; o < OWNERS; o++)
		for (int i = start; i <= end && o != who; i++) {
			int first = i, kind = model[o][i];

			if (kind == F_UNLCK ||
			    (kind == F_RDLCK && type == F_RDLCK))
				continue;
			while (first > 0 && model[o][first - 1] == kind)
				first--;
			if (best < 0 || first < best) {
				best = first;
				*whose = o;
			}
		}
	return best;
}

static void
random_op(const int *fd)
{
	int who = (int)rnd(OWNERS), type = (int)rnd(3), whose = -1;
	int start = (int)rnd(BYTES), len = (int)rnd(6);
	int end = len == 0 ? BYTES : start + len - 1, clash, last;
	struct flock fl;

	if (end > BYTES - 1 && len != 0)
		end = BYTES - 1, len = end - start + 1;
	clash =
	    type == F_UNLCK ? -1 : model_clash(who, type, start, end, &whose);
	if (type != F_UNLCK) {
		fl = get_at(fd[who], F_OFD_GETLK, type, SEEK_SET, start, len);
		if (clash < 0)
			CHECK_FREE(fl);
		else if (getenv("TEST_PEER") == NULL) {
			/* the lowest; elsewhere it is any */
			CHECK_EQ(fl.l_start, clash);
			/* it may be any of those that begin there */
			last = clash;
			for (int o = 0; o < OWNERS; o++)
				if (o != who && model[o][clash] == fl.l_type)
					whose = o;
			while (
			    last < BYTES && model[whose][last + 1] == fl.l_type)
				last++;
			if (fl.l_type == F_WRLCK)
				CHECK_EQ(fl.l_len,
				    last == BYTES ? 0 : last - clash + 1);
		}
	}
	if (clash >= 0) {
		CHECK_ERRNO(op(fd[who], F_OFD_SETLK, type, start, len), EAGAIN);
		return;
	}
	CHECK(op(fd[who], F_OFD_SETLK, type, start, len) == 0);
	for (int i = start; i <= end; i++)
		model[who][i] = (char)type;
}

static void
test_random(void)
{
	int fd[OWNERS];

	for (int round = 0; round < 20; round++) {
		seed = (uint32_t)round + 1;
		memset(model, F_UNLCK, sizeof(model));
		for (int o = 0; o < OWNERS; o++)
			fd[o] = opened(O_RDWR);
		for (int i = 0; i < 400; i++)
			random_op(fd);
		for (int o = 0; o < OWNERS; o++)
			close(fd[o]);
	}
}

/* A program that takes all locks there are hurts itself. */
static void
test_limit(void)
{
	int fd = opened(O_RDWR), n = 0;

	CHILD({
		while (set(fd, F_WRLCK, 2L * n, 1) == 0)
			n++;
		CHECK_EQ(errno, ENOLCK);
		CHECK(n > 4000);
		/* to unlock goes on, unless it takes one more */
		CHECK(set(fd, F_UNLCK, 0, 1) == 0);
		CHECK(set(fd, F_WRLCK, 2L * n, 3) == 0);
		CHECK_ERRNO(set(fd, F_UNLCK, 2L * n + 1, 1), ENOLCK);
		CHECK(set(fd, F_UNLCK, 0, 0) == 0);
		CHECK(set(fd, F_WRLCK, 0, 1) == 0);
	});
	CHECK_FREE(get(fd, F_WRLCK, 0, 0));
	close(fd);
}

int
main(int argc, char **argv)
{
	self = argv[0];
	if (argc > 3)
		return role_exec(argv[2], atoi(argv[3]));
	test_ranges();
	test_whence();
	test_wrong();
	test_close();
	test_ofd();
	test_wait();
	test_deadlock();
	if (getenv("TEST_PEER") == NULL) /* Linux takes it for a deadlock */
		test_threads();
	test_close_race();
	test_watched();
	test_storm();
	test_random();
	if (getenv("TEST_PEER") == NULL)
		test_limit();
	CHECK(unlink(FILE_) == 0);
	return 0;
}
