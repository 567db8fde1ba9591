/* vmrun: --smp 1,2,4 --timeout 60 */
/*
 * Pipes with a name: who waits for whom when they are opened, and what is left
 * when an end goes.
 */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>

#define F "fifo"

static void
on_signal(int sig)
{
	(void)sig;
}

static int
ready(int fd, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

static void
test_nature(void)
{
	struct stat st;
	char c;
	int fd;

	CHECK_ERRNO(mkfifo(F, 0600), EEXIST);
	CHECK(stat(F, &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0640);
	fd = open(F, O_RDWR); /* both ends: nobody to wait for */
	CHECK(fd >= 0);
	CHECK(fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
	CHECK_ERRNO(pread(fd, &c, 1, 0), ESPIPE);
	CHECK_ERRNO(pwrite(fd, &c, 1, 0), ESPIPE);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	CHECK_ERRNO(fsync(fd), EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, ENODEV);
	CHECK_EQ(fcntl(fd, F_GETPIPE_SZ), 65536);
	CHECK_EQ(write(fd, "ab", 2), 2);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'a');
	close(fd);
	/* the last one is gone, and what was not read with it */
	fd = open(F, O_RDWR | O_NONBLOCK);
	CHECK_ERRNO(read(fd, &c, 1), EAGAIN);
	close(fd);
	fd = open(F, O_PATH);
	CHECK(fd >= 0);
	CHECK_ERRNO(read(fd, &c, 1), EBADF);
	close(fd);
	CHECK_ERRNO(open(F, O_RDONLY | O_DIRECTORY), ENOTDIR);
}

static void
test_nonblock(void)
{
	char c;
	int r, w, n;

	CHECK_ERRNO(open(F, O_WRONLY | O_NONBLOCK), ENXIO);
	r = open(F, O_RDONLY | O_NONBLOCK);
	CHECK(r >= 0);
	/* no writer ever: end of file, but nobody has hung up */
	CHECK_EQ(read(r, &c, 1), 0);
	CHECK_EQ(ready(r, POLLIN), 0);
	w = open(F, O_WRONLY | O_NONBLOCK);
	CHECK(w >= 0);
	CHECK_ERRNO(read(r, &c, 1), EAGAIN);
	CHECK_EQ(ready(r, POLLIN), 0);
	CHECK_EQ(ready(w, POLLOUT), POLLOUT);
	CHECK_EQ(write(w, "xyz", 3), 3);
	CHECK(ioctl(r, FIONREAD, &n) == 0 && n == 3);
	CHECK_EQ(ready(r, POLLIN), POLLIN);
	close(w);
	CHECK_EQ(ready(r, POLLIN), POLLIN | POLLHUP);
	CHECK_EQ(read(r, &c, 1), 1);
	CHECK_EQ(c, 'x');
	/* another writer brings it back to life */
	w = open(F, O_WRONLY | O_NONBLOCK);
	CHECK_EQ(ready(r, POLLIN), POLLIN);
	close(r);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERRNO(write(w, "x", 1), EPIPE);
	CHECK(ready(w, POLLOUT) & POLLERR);
	close(w);
	signal(SIGPIPE, SIG_DFL);
}

/* Each end waits for the other; the time shows that it did. */
static void
test_meet(int child_flags, int own_flags)
{
	uint64_t start = now_ns();
	int fd, status;
	pid_t pid = fork();
	char c = 0;

	if (pid == 0) {
		sleep_ms(50);
		fd = open(F, child_flags);
		CHECK(fd >= 0);
		if (child_flags == O_WRONLY)
			CHECK_EQ(write(fd, "m", 1), 1);
		else
			CHECK(read(fd, &c, 1) == 1 && c == 'm');
		_exit(0);
	}
	fd = open(F, own_flags);
	CHECK(fd >= 0);
	CHECK(now_ns() - start >= 50000000);
	if (own_flags == O_WRONLY)
		CHECK_EQ(write(fd, "m", 1), 1);
	else
		CHECK(read(fd, &c, 1) == 1 && c == 'm');
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	close(fd);
}

/* The other end comes and goes at once: that was a meeting, too. */
static void
test_brief(void)
{
	int fd, status;
	pid_t pid;

	for (int i = 0; i < 20; i++) {
		pid = fork();
		if (pid == 0)
			_exit(close(open(F, O_WRONLY)) != 0);
		fd = open(F, O_RDONLY);
		CHECK(fd >= 0);
		CHECK_EQ(read(fd, &status, 1), 0);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		close(fd);
	}
}

/* A signal ends the wait, and nothing of the attempt is left. */
static void
test_interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct itimerval it = { { 0, 0 }, { 0, 30000 } };
	int r;

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	CHECK_ERRNO(open(F, O_RDONLY), EINTR);
	CHECK_ERRNO(open(F, O_WRONLY | O_NONBLOCK), ENXIO);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	CHECK_ERRNO(open(F, O_WRONLY), EINTR);
	r = open(F, O_RDONLY | O_NONBLOCK);
	CHECK(r >= 0);
	CHECK_EQ(ready(r, POLLIN) & POLLIN, 0);
	CHECK_EQ(read(r, &it, 1), 0);
	close(r);
}

/* One pipe, however many names and readers it has. */
static void
test_links(void)
{
	char c[8];
	int r, r2, w;

	CHECK(link(F, "fifo2") == 0);
	r = open(F, O_RDONLY | O_NONBLOCK);
	w = open("fifo2", O_WRONLY);
	r2 = open("fifo2", O_RDONLY);
	CHECK(r >= 0 && w >= 0 && r2 >= 0);
	CHECK(unlink("fifo2") == 0);
	CHECK_EQ(write(w, "1234", 4), 4);
	CHECK_EQ(read(r, c, 2), 2);
	CHECK_EQ(read(r2, c + 2, 2), 2);
	CHECK(memcmp(c, "1234", 4) == 0);
	close(r);
	CHECK_EQ(write(w, "5", 1), 1); /* there is another reader */
	close(w);
	CHECK_EQ(read(r2, c, 8), 1);
	CHECK_EQ(read(r2, c, 8), 0);
	close(r2);
}

/* Processes that open and close both ends as fast as they can. */
static void
test_storm(void)
{
	int status;

	for (int k = 0; k < 4; k++)
		if (fork() == 0) {
			uint64_t seed = (uint64_t)k + 1;
			char buf[64];

			signal(SIGPIPE, SIG_IGN);
			for (int i = 0; i < 200; i++) {
				int fd = open(F, O_RDWR | O_NONBLOCK);

				CHECK(fd >= 0);
				if (random_next(&seed) & 1)
					(void)!write(fd, buf, sizeof(buf));
				else
					(void)!read(fd, buf, sizeof(buf));
				close(fd);
			}
			_exit(0);
		}
	for (int k = 0; k < 4; k++)
		CHECK(wait(&status) > 0 && status == 0);
	CHECK_ERRNO(open(F, O_WRONLY | O_NONBLOCK), ENXIO);
}

int
main(void)
{
	CHECK(mkdir("/tmp/fifo-test", 0755) == 0);
	CHECK(chdir("/tmp/fifo-test") == 0);
	umask(027);
	CHECK(mkfifo(F, 0666) == 0);
	test_nature();
	test_nonblock();
	test_meet(O_WRONLY, O_RDONLY);
	test_meet(O_RDONLY, O_WRONLY);
	test_brief();
	test_interrupted();
	test_links();
	test_storm();
	CHECK(unlink(F) == 0);
	CHECK(chdir("/") == 0);
	CHECK(rmdir("/tmp/fifo-test") == 0);
	return 0;
}
