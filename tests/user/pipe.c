/* vmrun: --smp 1,2,4 --timeout 60 */
/*
 * Pipes: order, sizes, ends, blocking, poll and select.
 */
#include "test.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>

static void
test_simple(void)
{
	int fd[2], n;
	char text[16];
	struct stat st;

	CHECK(pipe(fd) == 0);
	CHECK(fstat(fd[0], &st) == 0 && S_ISFIFO(st.st_mode));
	CHECK_EQ(write(fd[1], "hello", 5), 5);
	CHECK(ioctl(fd[0], FIONREAD, &n) == 0);
	CHECK_EQ(n, 5);
	CHECK_EQ(read(fd[0], text, 2), 2);
	CHECK_EQ(read(fd[0], text + 2, 10), 3);
	CHECK(memcmp(text, "hello", 5) == 0);
	CHECK_ERRNO(read(fd[1], text, 1), EBADF);
	CHECK_ERRNO(write(fd[0], text, 1), EBADF);
	CHECK_ERRNO(lseek(fd[0], 0, SEEK_SET), ESPIPE);
	CHECK_ERRNO(pread(fd[0], text, 1, 0), ESPIPE);
	CHECK_EQ(write(fd[1], "", 0), 0);
	close(fd[1]);
	CHECK_EQ(read(fd[0], text, 1), 0);
	close(fd[0]);
	CHECK_ERRNO(read(fd[0], text, 1), EBADF);
	CHECK_ERRNO(pipe(bad_pointer), EFAULT);
	CHECK_ERRNO(pipe2(fd, 0x7f000000), EINVAL);
	CHECK(pipe2(fd, O_CLOEXEC | O_NONBLOCK) == 0);
	CHECK_EQ(fcntl(fd[0], F_GETFD), FD_CLOEXEC);
	CHECK(fcntl(fd[1], F_GETFL) & O_NONBLOCK);
	close(fd[0]);
	close(fd[1]);
}

static void
write_to_nobody(void)
{
	int fd[2];

	CHECK(pipe(fd) == 0);
	close(fd[0]);
	(void)!write(fd[1], "x", 1);
}

static void
test_epipe(void)
{
	int fd[2];

	CHECK_KILLED(write_to_nobody, SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK(pipe(fd) == 0);
	close(fd[0]);
	CHECK_ERRNO(write(fd[1], "x", 1), EPIPE);
	close(fd[1]);
}

/* Megabytes through a pipe, in pieces of all sizes, checked byte by byte. */
static void
test_large(void)
{
	enum { TOTAL = 3000000 };
	static unsigned char buf[200000];
	uint64_t seed = 1;
	size_t at = 0;
	int fd[2], status;
	pid_t pid;

	CHECK(pipe(fd) == 0);
	if ((pid = fork()) == 0) {
		close(fd[0]);
		while (at < TOTAL) {
			size_t n = 1 + random_next(&seed) % sizeof(buf);

			if (n > TOTAL - at)
				n = TOTAL - at;
			for (size_t i = 0; i < n; i++)
				buf[i] = (unsigned char)((at + i) * 7 >> 3);
			CHECK_EQ(write(fd[1], buf, n), n);
			at += n;
		}
		_exit(0);
	}
	close(fd[1]);
	for (;;) {
		ssize_t n = read(fd[0], buf, 1 + random_next(&seed) % 70000);

		CHECK(n >= 0);
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			CHECK_EQ(
			    buf[i], (unsigned char)((at + (size_t)i) * 7 >> 3));
		at += (size_t)n;
	}
	CHECK_EQ(at, TOTAL);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	close(fd[0]);
}

/* Writes up to PIPE_BUF do not mix. */
static void
test_atomic(void)
{
	enum { WRITERS = 4, EACH = 40 };
	char buf[PIPE_BUF];
	int fd[2], status, seen[WRITERS] = { 0 };

	CHECK(pipe(fd) == 0);
	for (int k = 0; k < WRITERS; k++)
		if (fork() == 0) {
			memset(buf, 'a' + k, sizeof(buf));
			for (int i = 0; i < EACH; i++)
				CHECK_EQ(write(fd[1], buf, sizeof(buf)),
				    sizeof(buf));
			_exit(0);
		}
	close(fd[1]);
	for (int i = 0; i < WRITERS * EACH; i++) {
		size_t have = 0;

		while (have < sizeof(buf)) {
			ssize_t n = read(fd[0], buf + have, sizeof(buf) - have);

			CHECK(n > 0);
			have += (size_t)n;
		}
		for (size_t k = 1; k < sizeof(buf); k++)
			CHECK_EQ(buf[k], buf[0]);
		seen[buf[0] - 'a']++;
	}
	for (int k = 0; k < WRITERS; k++) {
		CHECK_EQ(seen[k], EACH);
		CHECK(wait(&status) > 0 && status == 0);
	}
	close(fd[0]);
}

static void
test_nonblock(void)
{
	static char buf[4096];
	size_t total = 0;
	int fd[2];
	ssize_t n;

	CHECK(pipe2(fd, O_NONBLOCK) == 0);
	CHECK_ERRNO(read(fd[0], buf, 1), EAGAIN);
	while ((n = write(fd[1], buf, sizeof(buf))) > 0)
		total += (size_t)n;
	CHECK_EQ(errno, EAGAIN);
	CHECK(total >= PIPE_BUF);
	while ((n = read(fd[0], buf, sizeof(buf))) > 0)
		total -= (size_t)n;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(total, 0);
	close(fd[0]);
	close(fd[1]);
}

static void
test_poll(void)
{
	struct timespec ts = { 0, 30000000 };
	struct pollfd p[3];
	int a[2], b[2], status;
	uint64_t start;
	fd_set set;
	char c;
	pid_t pid;

	CHECK(pipe(a) == 0 && pipe(b) == 0);
	p[0] = (struct pollfd){ .fd = a[0], .events = POLLIN };
	p[1] = (struct pollfd){ .fd = b[0], .events = POLLIN };
	p[2] = (struct pollfd){ .fd = -1, .events = POLLIN };
	start = now_ns();
	CHECK_EQ(poll(p, 3, 30), 0);
	CHECK(now_ns() - start >= 30000000);
	if ((pid = fork()) == 0) {
		sleep_ms(30);
		(void)!write(b[1], "b", 1);
		sleep_ms(30);
		(void)!write(a[1], "a", 1);
		_exit(0);
	}
	CHECK_EQ(poll(p, 3, 5000), 1);
	CHECK_EQ(p[0].revents, 0);
	CHECK_EQ(p[1].revents, POLLIN);
	CHECK_EQ(read(b[0], &c, 1), 1);
	FD_ZERO(&set);
	FD_SET(a[0], &set);
	FD_SET(b[0], &set);
	CHECK_EQ(pselect(b[1] + 1, &set, NULL, NULL, NULL, NULL), 1);
	CHECK(FD_ISSET(a[0], &set) && !FD_ISSET(b[0], &set));
	CHECK(waitpid(pid, &status, 0) == pid);
	p[0] = (struct pollfd){ .fd = a[1], .events = POLLOUT };
	CHECK_EQ(poll(p, 1, 0), 1);
	CHECK_EQ(p[0].revents, POLLOUT);
	close(a[0]);
	CHECK_EQ(poll(p, 1, 0), 1);
	CHECK(p[0].revents & POLLERR);
	close(b[1]);
	p[0] = (struct pollfd){ .fd = b[0], .events = POLLIN };
	CHECK_EQ(poll(p, 1, 0), 1);
	CHECK_EQ(p[0].revents, POLLHUP);
	close(b[0]);
	CHECK_EQ(poll(p, 1, 0), 1);
	CHECK_EQ(p[0].revents, POLLNVAL);
	close(a[1]);
	FD_ZERO(&set);
	FD_SET(a[0], &set);
	CHECK_ERRNO(pselect(a[0] + 1, &set, NULL, NULL, &ts, NULL), EBADF);
}

static void
test_vectors(void)
{
	char x[3], y[4], z[5];
	struct iovec out[3] = { { "abc", 3 }, { "", 0 }, { "defgh", 5 } };
	struct iovec in[3] = { { x, 3 }, { y, 4 }, { z, 5 } };
	struct iovec bad[2] = { { "ok", 2 }, { bad_pointer, 5 } };
	int fd[2];

	CHECK(pipe(fd) == 0);
	CHECK_EQ(writev(fd[1], out, 3), 8);
	CHECK_EQ(readv(fd[0], in, 3), 8);
	CHECK(memcmp(x, "abc", 3) == 0 && memcmp(y, "defg", 4) == 0 &&
	    z[0] == 'h');
	CHECK_ERRNO(syscall(SYS_writev, fd[1], out, -1L), EINVAL);
	CHECK_ERRNO(writev(fd[1], bad + 1, 1), EFAULT);
	CHECK_ERRNO(writev(fd[1], bad_pointer, 2), EFAULT);
	close(fd[0]);
	close(fd[1]);
}

/* A chain of processes; the end of file runs through all of it. */
static void
test_chain(void)
{
	int in, fd[2], first, status;
	char buf[64];
	ssize_t n;

	CHECK(pipe(fd) == 0);
	first = fd[1];
	in = fd[0];
	for (int k = 0; k < 8; k++) {
		CHECK(pipe(fd) == 0);
		if (fork() == 0) {
			close(first);
			close(fd[0]);
			while ((n = read(in, buf, sizeof(buf))) > 0) {
				for (ssize_t i = 0; i < n; i++)
					buf[i]++;
				CHECK_EQ(write(fd[1], buf, (size_t)n), n);
			}
			_exit(n != 0);
		}
		close(in);
		close(fd[1]);
		in = fd[0];
	}
	for (int i = 0; i < 500; i++) {
		char c = (char)(i % 100);

		CHECK_EQ(write(first, &c, 1), 1);
		CHECK_EQ(read(in, buf, 1), 1);
		CHECK_EQ(buf[0], c + 8);
	}
	close(first);
	CHECK_EQ(read(in, buf, 1), 0);
	for (int k = 0; k < 8; k++)
		CHECK(wait(&status) > 0 && status == 0);
	close(in);
}

/* Small writes are whole or not at all; large ones are as much as fits. */
static void
test_partial(void)
{
	static char buf[100000];
	struct sigaction sa = { .sa_handler = SIG_IGN };
	int fd[2], n, size;
	size_t room;

	CHECK(pipe2(fd, O_NONBLOCK) == 0);
	size = fcntl(fd[1], F_GETPIPE_SZ);
	CHECK_EQ(size, 65536);
	CHECK_EQ(fcntl(fd[0], F_GETPIPE_SZ), size);
	/* more than PIPE_BUF: what fits */
	CHECK_EQ(write(fd[1], buf, sizeof(buf)), size);
	CHECK_ERRNO(write(fd[1], buf, 1), EAGAIN);
	CHECK_EQ(read(fd[0], buf, 4096), 4096);
	CHECK_EQ(write(fd[1], buf, 3000), 3000);
	room = 1096;
	/* up to PIPE_BUF: all or nothing (the peer has room by pages) */
	CHECK_ERRNO(write(fd[1], buf, 4096), EAGAIN);
	CHECK(ioctl(fd[0], FIONREAD, &n) == 0);
	CHECK_EQ(n, size - (int)room);
	if (!on_peer()) {
		CHECK_ERRNO(write(fd[1], buf, 1097), EAGAIN);
		CHECK_EQ(write(fd[1], buf, 1096), 1096);
	}
	/* the reader goes: so does the writer, or it is told */
	close(fd[0]);
	CHECK(sigaction(SIGPIPE, &sa, NULL) == 0);
	CHECK_ERRNO(write(fd[1], buf, 1), EPIPE);
	close(fd[1]);
}

/* What went in before the reader left counts, and the signal comes as well. */
static volatile sig_atomic_t pipes;

static void
on_pipe(int sig)
{
	(void)sig;
	pipes++;
}

static void
test_reader_leaves(void)
{
	static char buf[100000];
	int fd[2], status;
	pid_t pid;

	signal(SIGPIPE, on_pipe);
	CHECK(pipe(fd) == 0);
	if ((pid = fork()) == 0) {
		close(fd[1]);
		sleep_ms(50); /* the writer waits: the pipe is full */
		_exit(0);
	}
	close(fd[0]);
	CHECK_EQ(write(fd[1], buf, sizeof(buf)), 65536);
	CHECK_EQ(pipes, 1);
	CHECK_ERRNO(write(fd[1], buf, 1), EPIPE);
	CHECK_EQ(pipes, 2);
	CHECK_EQ(write(fd[1], buf, 0), 0);
	CHECK_EQ(pipes, 2);
	close(fd[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	signal(SIGPIPE, SIG_DFL);
}

/* A signal during a long write: what is in is counted, the rest is not lost. */
static void
test_write_interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_pipe };
	struct itimerval it = { { 0, 0 }, { 0, 40000 } };
	static char buf[100000];
	int fd[2];

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(pipe(fd) == 0);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	CHECK_EQ(write(fd[1], buf, sizeof(buf)), 65536);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
	CHECK_ERRNO(write(fd[1], buf, 1), EINTR);
	close(fd[1]);
	CHECK_EQ(read(fd[0], buf, sizeof(buf)), 65536);
	CHECK_EQ(read(fd[0], buf, 1), 0);
	close(fd[0]);
}

static void
check_sequence(const unsigned char *buf, size_t n, unsigned from)
{
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(buf[i], (unsigned char)((from + i) * 11 >> 2));
}

/* The size changes under what is in the pipe. */
static void
test_sizes(void)
{
	static unsigned char buf[300000], out[300000];
	int fd[2];

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (unsigned char)(i * 11 >> 2);
	CHECK(pipe2(fd, O_NONBLOCK) == 0);
	CHECK_ERRNO(fcntl(0, F_SETPIPE_SZ, 4096), EBADF);
	CHECK_EQ(fcntl(fd[0], F_SETPIPE_SZ, 1), 4096);
	CHECK_EQ(fcntl(fd[1], F_GETPIPE_SZ), 4096);
	CHECK_EQ(write(fd[1], out, 10000), 4096);
	CHECK_EQ(read(fd[0], buf, 4096), 4096);
	check_sequence(buf, 4096, 0);
	CHECK_EQ(fcntl(fd[0], F_SETPIPE_SZ, 5000), 8192);
	CHECK_EQ(fcntl(fd[0], F_SETPIPE_SZ, 200000), 262144);
	CHECK_EQ(write(fd[1], out, sizeof(out)), 262144);
	CHECK_ERRNO(fcntl(fd[0], F_SETPIPE_SZ, 65536), EBUSY);
	CHECK_EQ(fcntl(fd[0], F_GETPIPE_SZ), 262144);
	CHECK_EQ(read(fd[0], buf, 262144 - 3000), 262144 - 3000);
	check_sequence(buf, 262144 - 3000, 0);
	CHECK_EQ(fcntl(fd[0], F_SETPIPE_SZ, 4096), 4096);
	CHECK_EQ(read(fd[0], buf, 5000), 3000);
	check_sequence(buf, 3000, 262144 - 3000);
	/* full, its end in the page it begins in, and then larger */
	CHECK_EQ(fcntl(fd[0], F_SETPIPE_SZ, 8192), 8192);
	CHECK_EQ(write(fd[1], out, 8192), 8192);
	CHECK_EQ(read(fd[0], buf, 1000), 1000);
	if (!on_peer()) /* which has room by whole pages only */
		CHECK_EQ(write(fd[1], out + 8192, 5000), 1000);
	CHECK_EQ(fcntl(fd[0], F_SETPIPE_SZ, 65536), 65536);
	if (on_peer())
		CHECK_EQ(write(fd[1], out + 8192, 1000), 1000);
	CHECK_EQ(write(fd[1], out + 9192, 20000), 20000);
	CHECK_EQ(read(fd[0], buf, sizeof(buf)), 28192);
	check_sequence(buf, 28192, 1000);
	close(fd[0]);
	close(fd[1]);
}

/* Sizes at random, in the middle of everything. */
static void
test_resize_storm(void)
{
	static unsigned char buf[70000];
	uint64_t seed = 7;
	size_t in = 0, out = 0;
	int fd[2];
	ssize_t n;

	CHECK(pipe2(fd, O_NONBLOCK) == 0);
	for (int i = 0; i < 3000; i++) {
		switch (random_next(&seed) % 4) {
		case 0:
			(void)fcntl(fd[0], F_SETPIPE_SZ,
			    4096 << random_next(&seed) % 6);
			break;
		case 1:
			n = read(fd[0], buf, 1 + random_next(&seed) % 60000);
			if (n > 0) {
				check_sequence(buf, (size_t)n, (unsigned)out);
				out += (size_t)n;
			}
			break;
		default:
			n = 1 + random_next(&seed) % 9000;
			for (ssize_t k = 0; k < n; k++)
				buf[k] =
				    (unsigned char)(((unsigned)in + k) * 11 >>
					2);
			n = write(fd[1], buf, (size_t)n);
			if (n > 0)
				in += (size_t)n;
		}
	}
	while ((n = read(fd[0], buf, sizeof(buf))) > 0) {
		check_sequence(buf, (size_t)n, (unsigned)out);
		out += (size_t)n;
	}
	CHECK_EQ(in, out);
	CHECK(in > 1000000);
	close(fd[0]);
	close(fd[1]);
}

int
main(void)
{
	test_simple();
	test_epipe();
	test_large();
	test_atomic();
	test_nonblock();
	test_poll();
	test_vectors();
	test_chain();
	test_partial();
	test_reader_leaves();
	test_write_interrupted();
	test_sizes();
	test_resize_storm();
	return 0;
}
