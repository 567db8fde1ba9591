/* vmrun: --smp 1 --timeout 30 --alone */
/*
 * The terminal: modes, size, job control calls.  What typing does is tested
 * from outside (typing.host.sh).
 */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int tty;

static void
test_modes(void)
{
	struct termios t, old, again;
	char c;

	CHECK(tcgetattr(tty, &old) == 0);
	CHECK(old.c_lflag & ICANON);
	CHECK(old.c_lflag & ISIG);
	CHECK_EQ(old.c_cc[VINTR], 3);
	CHECK_EQ(old.c_cc[VEOF], 4);
	t = old;
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	CHECK(tcsetattr(tty, TCSADRAIN, &t) == 0);
	CHECK(tcgetattr(tty, &again) == 0);
	CHECK_EQ(again.c_lflag, t.c_lflag);
	CHECK_EQ(again.c_cc[VMIN], 0);
	/* nothing typed, no wait asked for */
	CHECK_EQ(read(tty, &c, 1), 0);
	t.c_cc[VTIME] = 2;
	CHECK(tcsetattr(tty, TCSANOW, &t) == 0);
	uint64_t start = now_ns();

	CHECK_EQ(read(tty, &c, 1), 0);
	CHECK(now_ns() - start >= 190000000);
	CHECK(tcsetattr(tty, TCSAFLUSH, &old) == 0);
	CHECK(tcflush(tty, TCIOFLUSH) == 0);
	CHECK(tcdrain(tty) == 0);
}

static void
test_size(void)
{
	struct winsize ws = { .ws_row = 30, .ws_col = 100 }, got;

	CHECK(ioctl(tty, TIOCSWINSZ, &ws) == 0);
	CHECK(ioctl(tty, TIOCGWINSZ, &got) == 0);
	CHECK_EQ(got.ws_row, 30);
	CHECK_EQ(got.ws_col, 100);
	CHECK_ERRNO(ioctl(tty, TIOCGWINSZ, bad_pointer), EFAULT);
	CHECK_ERRNO(ioctl(tty, 0xdead, &got), ENOTTY);
}

static void
test_ready(void)
{
	struct pollfd p = { .fd = tty, .events = POLLIN | POLLOUT };
	char c;
	int n = -1;

	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK(ioctl(tty, FIONREAD, &n) == 0);
	CHECK_EQ(n, 0);
	CHECK(fcntl(tty, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	CHECK_ERRNO(read(tty, &c, 1), EAGAIN);
	CHECK(fcntl(tty, F_SETFL, O_RDWR) == 0);
}

/* A background group that reads is stopped; one that is alone gets EIO. */
static void
test_background(void)
{
	int status;
	char c;
	pid_t pid, own = getpgrp();

	CHECK_EQ(tcgetpgrp(tty), own);
	CHECK_EQ(tcgetsid(tty), getsid(0));
	if ((pid = fork()) == 0) {
		setpgid(0, 0);
		(void)!read(tty, &c, 1);
		_exit(1);
	}
	setpgid(pid, pid);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGTTIN);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
	if ((pid = fork()) == 0) {
		setpgid(0, 0);
		signal(SIGTTIN, SIG_IGN);
		CHECK_ERRNO(read(tty, &c, 1), EIO);
		signal(SIGTTOU, SIG_IGN);
		CHECK(tcsetpgrp(tty, getpid()) == 0);
		CHECK_EQ(tcgetpgrp(tty), getpid());
		CHECK(tcsetpgrp(tty, own) == 0);
		CHECK_ERRNO(tcsetpgrp(tty, 999999), ESRCH);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(tcgetpgrp(tty), own);
}

/* A session without a terminal has no /dev/tty. */
static void
leave_session(void)
{
	CHECK(setsid() == getpid());
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
}

int
main(void)
{
	if (on_peer())
		return 77;
	tty = open("/dev/tty", O_RDWR);
	CHECK(tty >= 0);
	CHECK(isatty(tty));
	test_modes();
	test_size();
	test_ready();
	test_background();
	CHECK_CHILD(leave_session);
	CHECK(!isatty(open("/dev/null", O_RDWR)));
	return 0;
}
