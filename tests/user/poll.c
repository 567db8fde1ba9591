/* vmrun: --smp 1,2,4 --timeout 90 */
/*
 * poll and select: many descriptors, limits, time that is left, signals and
 * masks, and wakeups that must not get lost.
 */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>

static volatile sig_atomic_t signals;

static void
on_signal(int sig)
{
	(void)sig;
	signals++;
}

static void
alarm_in(long us, int flags)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = flags };
	struct itimerval it = { { 0, 0 }, { 0, us } };

	CHECK(sigaction(SIGALRM, &sa, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &it, NULL) == 0);
}

static void
test_many(void)
{
	enum { N = 300 };
	static struct pollfd p[2 * N];
	static int fd[N][2];
	fd_set in, out;
	char c;

	for (int i = 0; i < N; i++) {
		CHECK(pipe(fd[i]) == 0);
		p[2 * i] = (struct pollfd){ .fd = fd[i][0], .events = POLLIN };
		p[2 * i + 1] = (struct pollfd){ .fd = -fd[i][1] };
	}
	CHECK_EQ(poll(p, 2 * N, 0), 0);
	for (int i = 7; i < N; i += 100)
		CHECK_EQ(write(fd[i][1], "x", 1), 1);
	CHECK_EQ(poll(p, 2 * N, -1), 3);
	for (int i = 0; i < N; i++)
		CHECK_EQ(p[2 * i].revents, i % 100 == 7 ? POLLIN : 0);
	/* the same descriptor twice counts twice */
	p[1] = p[2] = (struct pollfd){ .fd = fd[7][0], .events = POLLIN };
	CHECK_EQ(poll(p + 1, 2, -1), 2);
	FD_ZERO(&in);
	FD_ZERO(&out);
	for (int i = 0; i < N; i++) {
		FD_SET(fd[i][0], &in);
		FD_SET(fd[i][1], &out);
	}
	CHECK_EQ(select(fd[N - 1][1] + 1, &in, NULL, NULL, NULL), 3);
	CHECK(FD_ISSET(fd[107][0], &in) && !FD_ISSET(fd[106][0], &in));
	CHECK_EQ(select(fd[N - 1][1] + 1, &in, &out, NULL, NULL), 3 + N);
	/* bits from the number on are nobody's */
	FD_ZERO(&in);
	FD_SET(fd[7][0], &in);
	FD_SET(fd[107][0], &in);
	CHECK_EQ(select(fd[7][0] + 1, &in, NULL, NULL, NULL), 1);
	for (int i = 7; i < N; i += 100)
		CHECK_EQ(read(fd[i][0], &c, 1), 1);
	for (int i = 0; i < N; i++)
		close(fd[i][0]), close(fd[i][1]);
}

static void
test_errors(void)
{
	struct timespec bad = { 0, 1000000000 }, zero = { 0, 0 };
	struct rlimit lim;
	struct pollfd p = { .fd = 0, .events = POLLOUT };
	sigset_t set;

	sigemptyset(&set);
	CHECK(getrlimit(RLIMIT_NOFILE, &lim) == 0);
	CHECK_ERRNO(
	    syscall(SYS_ppoll, &p, lim.rlim_cur + 1, &zero, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_ppoll, &p, 1, &bad, NULL, 8), EINVAL);
	bad = (struct timespec){ -1, 0 };
	CHECK_ERRNO(syscall(SYS_ppoll, &p, 1, &bad, NULL, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_ppoll, bad_pointer, 1, &zero, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_ppoll, &p, 1, bad_pointer, NULL, 8), EFAULT);
	CHECK_ERRNO(syscall(SYS_ppoll, &p, 1, &zero, &set, 4), EINVAL);
	CHECK_ERRNO(syscall(SYS_ppoll, &p, 1, &zero, bad_pointer, 8), EFAULT);
	CHECK_EQ(syscall(SYS_ppoll, NULL, 0, &zero, NULL, 8), 0);
	CHECK_ERRNO(
	    syscall(SYS_pselect6, -1, NULL, NULL, NULL, &zero, NULL), EINVAL);
	CHECK_ERRNO(
	    syscall(SYS_pselect6, 64, bad_pointer, NULL, NULL, &zero, NULL),
	    EFAULT);
	CHECK_EQ(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &zero, NULL), 0);
	CHECK_EQ(
	    syscall(SYS_pselect6, 5000000, NULL, NULL, NULL, &zero, NULL), 0);
}

/* What the caller gets back of its timeout. */
static void
test_time_left(void)
{
	struct timespec ts = { 60, 0 };
	struct timeval tv = { 60, 0 };
	struct pollfd p;
	fd_set set;
	int fd[2];
	uint64_t start;

	CHECK(pipe(fd) == 0);
	p = (struct pollfd){ .fd = fd[0], .events = POLLIN };
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	alarm_in(50000, 0);
	CHECK_ERRNO(syscall(SYS_ppoll, &p, 1, &ts, NULL, 8), EINTR);
	/* less by the 50 ms it took, or more on a busy machine */
	CHECK(ts.tv_sec > 30 && ts.tv_sec < 60);
	CHECK(ts.tv_sec < 59 || ts.tv_nsec <= 950000000);
	alarm_in(50000, SA_RESTART); /* these calls do not restart */
	CHECK_ERRNO(select(fd[0] + 1, &set, NULL, NULL, &tv), EINTR);
	CHECK(tv.tv_sec > 30 && tv.tv_sec < 60);
	CHECK(FD_ISSET(fd[0], &set));
	ts = (struct timespec){ 0, 20000000 };
	start = now_ns();
	CHECK_EQ(syscall(SYS_ppoll, &p, 1, &ts, NULL, 8), 0);
	CHECK(now_ns() - start >= 20000000);
	CHECK(ts.tv_sec == 0 && ts.tv_nsec == 0);
	tv = (struct timeval){ 0, 20000 };
	CHECK_EQ(select(fd[0] + 1, &set, NULL, NULL, &tv), 0);
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
	CHECK(!FD_ISSET(fd[0], &set));
	CHECK_EQ(write(fd[1], "x", 1), 1);
	ts = (struct timespec){ 60, 0 };
	CHECK_EQ(syscall(SYS_ppoll, &p, 1, &ts, NULL, 8), 1);
	CHECK(ts.tv_sec > 30 && ts.tv_sec < 60);
	close(fd[0]);
	close(fd[1]);
}

/* A stop in between does not start the time anew. */
static void
test_stopped(void)
{
	uint64_t start = now_ns(), took;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		CHECK_EQ(poll(NULL, 0, 2000), 0);
		_exit(0);
	}
	sleep_ms(1500);
	CHECK(kill(pid, SIGSTOP) == 0);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status));
	CHECK(kill(pid, SIGCONT) == 0);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	took = now_ns() - start;
	CHECK(took >= 2000000000);
	CHECK(took < 3500000000 || on_peer());
}

static void
test_mask(void)
{
	struct pollfd p = { .fd = -1 };
	struct timespec ts = { 5, 0 }, zero = { 0, 0 };
	sigset_t blocked, none, now;

	sigemptyset(&none);
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGALRM);
	CHECK(sigprocmask(SIG_BLOCK, &blocked, NULL) == 0);
	signals = 0;
	alarm_in(1000, 0);
	CHECK_EQ(poll(NULL, 0, 30), 0);
	CHECK_EQ(signals, 0);
	/* it is let in only while the call lasts */
	CHECK_ERRNO(ppoll(&p, 1, &ts, &none), EINTR);
	CHECK_EQ(signals, 1);
	CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0);
	CHECK(sigismember(&now, SIGALRM));
	alarm_in(30000, 0);
	CHECK_ERRNO(pselect(0, NULL, NULL, NULL, &ts, &none), EINTR);
	CHECK_EQ(signals, 2);
	/* ready at once: the signal waits for another time */
	CHECK(raise(SIGALRM) == 0);
	p = (struct pollfd){ .fd = open("/dev/null", O_RDWR),
		.events = POLLIN };
	CHECK_EQ(ppoll(&p, 1, &ts, &blocked), 1);
	CHECK_EQ(signals, 2);
	CHECK_EQ(ppoll(&p, 1, &zero, &blocked), 1);
	close(p.fd);
	/* and the other way round: blocked for the time of the call */
	CHECK(sigprocmask(SIG_UNBLOCK, &blocked, NULL) == 0);
	CHECK_EQ(signals, 3);
	alarm_in(20000, 0);
	ts = (struct timespec){ 0, 60000000 };
	CHECK_EQ(ppoll(NULL, 0, &ts, &blocked), 0);
	CHECK_EQ(signals, 4);
}

/* Who asks only for exceptional things is not bothered with others. */
static void
test_exceptional(void)
{
	struct timeval tv = { 0, 30000 };
	fd_set set;
	int fd[2];

	CHECK(pipe(fd) == 0);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	close(fd[1]);
	FD_ZERO(&set);
	FD_SET(fd[0], &set);
	CHECK_EQ(select(fd[0] + 1, NULL, NULL, &set, &tv), 0);
	CHECK_EQ(tv.tv_usec, 0);
	CHECK(!FD_ISSET(fd[0], &set));
	close(fd[0]);
}

/* Full and empty: both sides find out, in both ways. */
static void
test_full(void)
{
	struct pollfd p;
	static char buf[4096];
	int fd[2];

	CHECK(pipe2(fd, O_NONBLOCK) == 0);
	p = (struct pollfd){ .fd = fd[1], .events = POLLOUT };
	while (write(fd[1], buf, sizeof(buf)) > 0)
		CHECK_EQ(poll(&p, 1, 0) >= 0, 1);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_EQ(read(fd[0], buf, sizeof(buf)), sizeof(buf));
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	/* room as promised */
	CHECK_EQ(write(fd[1], buf, sizeof(buf)), sizeof(buf));
	close(fd[0]);
	close(fd[1]);
}

/*
 * Lost wakeups: two threads answer each other through poll, each answer
 * starting as close to the other's sleep as can be.
 */
struct side {
	int in, out;
	bool use_select;
};

enum { ROUNDS = 3000 };

static void *
ping(void *arg)
{
	struct side *s = arg;
	struct pollfd p[2];
	fd_set set;
	char c;

	for (int i = 0; i < ROUNDS; i++) {
		p[0] = (struct pollfd){ .fd = s->in, .events = POLLIN };
		p[1] = (struct pollfd){ .fd = s->out, .events = 0 };
		FD_ZERO(&set);
		FD_SET(s->in, &set);
		if (s->use_select)
			CHECK_EQ(select(s->in + 1, &set, NULL, NULL, NULL), 1);
		else
			CHECK_EQ(poll(p, 2, 20000), 1);
		CHECK_EQ(read(s->in, &c, 1), 1);
		CHECK_EQ(write(s->out, &c, 1), 1);
	}
	return NULL;
}

static void
test_wakeups(void)
{
	struct side a, b;
	int x[2], y[2];
	pthread_t t;
	char c = 'w';

	CHECK(pipe(x) == 0 && pipe(y) == 0);
	a = (struct side){ x[0], y[1], false };
	b = (struct side){ y[0], x[1], true };
	CHECK(pthread_create(&t, NULL, ping, &a) == 0);
	CHECK_EQ(write(x[1], &c, 1), 1);
	ping(&b);
	CHECK(pthread_join(t, NULL) == 0);
	CHECK_EQ(read(x[0], &c, 1), 1);
	CHECK_EQ(c, 'w');
	close(x[0]), close(x[1]), close(y[0]), close(y[1]);
}

/* Everybody who waits for the same thing hears of it. */
static void *
waiter(void *arg)
{
	struct pollfd p = { .fd = *(int *)arg, .events = POLLIN };

	CHECK_EQ(poll(&p, 1, 20000), 1);
	return NULL;
}

static void
test_herd(void)
{
	pthread_t t[8];
	int fd[2];

	CHECK(pipe(fd) == 0);
	for (size_t i = 0; i < NELEM(t); i++)
		CHECK(pthread_create(&t[i], NULL, waiter, &fd[0]) == 0);
	sleep_ms(50);
	CHECK_EQ(write(fd[1], "h", 1), 1);
	for (size_t i = 0; i < NELEM(t); i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	close(fd[0]);
	close(fd[1]);
}

/* The object is closed by another thread while somebody polls it. */
static void
test_close_polled(void)
{
	pthread_t t;
	int fd[2], in;

	CHECK(pipe(fd) == 0);
	in = fd[0];
	CHECK(pthread_create(&t, NULL, waiter, &in) == 0);
	sleep_ms(50);
	close(fd[0]);
	CHECK_EQ(write(fd[1], "c", 1), 1); /* the poller still holds it */
	CHECK(pthread_join(t, NULL) == 0);
	close(fd[1]);
}

int
main(void)
{
	test_many();
	test_errors();
	test_time_left();
	test_stopped();
	test_mask();
	test_exceptional();
	test_full();
	test_wakeups();
	test_herd();
	test_close_polled();
	return 0;
}
