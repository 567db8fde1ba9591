/* vmrun: --smp 1,2 --timeout 60 --alone */
/*
 * What typing does, typed by the program itself (TIOCSTI): lines and their
 * editing, single characters with their counts and times, signals, the flow
 * of output, and what is not for processes in the background.
 */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <termios.h>

static int tty;
static struct termios normal;
static volatile sig_atomic_t got[65];

static void
on_signal(int sig)
{
	got[sig]++;
}

static void
type(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		CHECK(ioctl(tty, TIOCSTI, s + i) == 0);
}

static void
types(const char *s)
{
	type(s, strlen(s));
}

/* The next read gives exactly this. */
static void
expect(const char *s)
{
	static char buf[8192];
	ssize_t n = read(tty, buf, sizeof(buf));

	CHECK_EQ(n, strlen(s));
	CHECK(memcmp(buf, s, (size_t)n) == 0);
}

/* And now there is nothing. */
static void
expect_nothing(void)
{
	char c;

	CHECK(fcntl(tty, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	CHECK_ERRNO(read(tty, &c, 1), EAGAIN);
	CHECK(fcntl(tty, F_SETFL, O_RDWR) == 0);
}

static void
set(const struct termios *t)
{
	CHECK(tcsetattr(tty, TCSAFLUSH, t) == 0);
}

static void
raw(int min, int time)
{
	struct termios t = normal;

	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_cc[VMIN] = (cc_t)min;
	t.c_cc[VTIME] = (cc_t)time;
	set(&t);
}

/* A child that does something while the parent waits. */
static pid_t
meanwhile(long ms, void (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		sleep_ms(ms);
		fn();
		_exit(0);
	}
	return pid;
}

static void
reap(pid_t pid)
{
	int status;

	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static int
ready(short events)
{
	struct pollfd p = { .fd = tty, .events = events };

	CHECK(poll(&p, 1, 0) >= 0);
	return p.revents;
}

/* -- Lines --------------------------------------------------------------------- */

static void
test_lines(void)
{
	char buf[8];
	int n;

	types("hello\n");
	expect("hello\n");
	types("one\ntwo\n");
	expect("one\n"); /* never more than one */
	expect("two\n");
	types("abcdef\n");
	CHECK_EQ(read(tty, buf, 4), 4);
	CHECK(memcmp(buf, "abcd", 4) == 0);
	expect("ef\n");
	types("not yet");
	expect_nothing();
	CHECK_EQ(ready(POLLIN), 0);
	CHECK(ioctl(tty, FIONREAD, &n) == 0 && n == 0);
	types("\n");
	CHECK_EQ(ready(POLLIN), POLLIN);
	CHECK(ioctl(tty, FIONREAD, &n) == 0 && n == 8);
	expect("not yet\n");
	CHECK_ERRNO(lseek(tty, 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(pread(tty, buf, 1, 0), ESPIPE);
	CHECK_ERRNO(ioctl(tty, TIOCSTI, bad_pointer), EFAULT);
}

static void
test_editing(void)
{
	types("abX\177c\n");
	expect("abc\n");
	types("\177\177x\177\177y\n");
	expect("y\n");
	types("all of it\025rest\n");
	expect("rest\n");
	types("one two\027three\n");
	expect("one three\n");
	types("path/name.c  \027\027x\n");
	expect("path/x\n");
	types("\026\003\026\177\026\004\n"); /* taken literally */
	expect("\003\177\004\n");
	types("cr\r");
	expect("cr\n");
}

static void
test_end_of_file(void)
{
	char buf[4];

	types("abc\004");
	expect("abc"); /* a line without an end */
	types("\004");
	expect("");
	types("x\n\004y\n");
	expect("x\n");
	expect("");
	expect("y\n");
	/* a read that just fits the line does not see the end once more */
	types("wxyz\004next\n");
	CHECK_EQ(read(tty, buf, 4), 4);
	expect("next\n");
}

static void
test_translation(void)
{
	struct termios t = normal;

	t.c_iflag = (t.c_iflag & ~(tcflag_t)ICRNL) | INLCR;
	t.c_cc[VEOL] = ';';
	set(&t);
	types("a\rb\nc;");
	expect("a\rb\rc;");
	t.c_iflag = IGNCR | ISTRIP;
	set(&t);
	type("a\r\xe1\n", 4);
	expect("aa\n");
	set(&normal);
}

static void
test_long_line(void)
{
	static char line[5001], buf[8192];

	memset(line, 'l', 5000);
	types(line);
	types("\n");
	/* what is too long is cut, and the end still is an end */
	CHECK_EQ(read(tty, buf, sizeof(buf)), 4096);
	CHECK_EQ(buf[4094], 'l');
	CHECK_EQ(buf[4095], '\n');
	expect_nothing();
}

/* What was typed before the mode changed. */
static void
test_mode_change(void)
{
	struct termios t = normal;

	t.c_lflag &= ~(tcflag_t)ICANON;
	types("half");
	expect_nothing();
	CHECK(tcsetattr(tty, TCSANOW, &t) == 0);
	expect("half");
	types("raw");
	CHECK(tcsetattr(tty, TCSANOW, &normal) == 0);
	expect("raw");
	types("more\n");
	expect("more\n");
	types("lost\n");
	CHECK(tcflush(tty, TCIFLUSH) == 0);
	expect_nothing();
	types("lost\n");
	set(&normal);
	expect_nothing();
	types("kept\n");
	CHECK(tcsetattr(tty, TCSADRAIN, &normal) == 0);
	expect("kept\n");
	CHECK_ERRNO(ioctl(tty, TCFLSH, 3), EINVAL);
}

/* -- Characters ------------------------------------------------------------------ */

static void
type_c(void)
{
	types("c");
}

static void
test_vmin(void)
{
	uint64_t start;
	char buf[4];
	pid_t pid;

	raw(3, 0);
	types("ab");
	CHECK_EQ(ready(POLLIN), 0);
	CHECK(fcntl(tty, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
	CHECK_EQ(read(tty, buf, 4), 2); /* better than nothing */
	CHECK_ERRNO(read(tty, buf, 4), EAGAIN);
	CHECK(fcntl(tty, F_SETFL, O_RDWR) == 0);
	types("ab");
	start = now_ns();
	pid = meanwhile(50, type_c);
	expect("abc");
	CHECK(now_ns() - start >= 50000000);
	reap(pid);
	types("wxyz");
	CHECK_EQ(ready(POLLIN), POLLIN);
	CHECK_EQ(read(tty, buf, 2), 2); /* a short request needs no more */
	CHECK_EQ(read(tty, buf, 2), 2);
	CHECK(memcmp(buf, "yz", 2) == 0);
	types("\003\004\r");
	CHECK(got[SIGINT] > 0); /* still a signal, and the rest is dropped */
	got[SIGINT] = 0;
	raw(0, 0);
	CHECK_EQ(read(tty, buf, 4), 0);
	types("q");
	CHECK_EQ(read(tty, buf, 4), 1);
}

static void
test_vtime(void)
{
	uint64_t start;
	char buf[16];
	pid_t pid;

	raw(0, 2); /* two tenths of a second for the first character */
	start = now_ns();
	CHECK_EQ(read(tty, buf, 4), 0);
	CHECK(now_ns() - start >= 190000000);
	raw(0, 100); /* it comes long before */
	start = now_ns();
	pid = meanwhile(50, type_c);
	CHECK_EQ(read(tty, buf, 4), 1);
	CHECK(now_ns() - start < 9900000000);
	reap(pid);
	raw(10, 2); /* ten characters, or a pause after the first */
	start = now_ns();
	pid = meanwhile(300, type_c);
	CHECK_EQ(read(tty, buf, 16), 1);
	CHECK(now_ns() - start >= 490000000);
	reap(pid);
	types("0123456789ab");
	CHECK_EQ(read(tty, buf, 16), 12);
	set(&normal);
}

/* -- Signals ------------------------------------------------------------------------ */

static void
test_signals(void)
{
	struct termios t = normal;

	for (int sig = SIGINT; sig <= SIGTSTP; sig++)
		got[sig] = 0;
	types("\003");
	CHECK_EQ(got[SIGINT], 1);
	types("\034");
	CHECK_EQ(got[SIGQUIT], 1);
	types("\032");
	CHECK_EQ(got[SIGTSTP], 1);
	types("gone\003here\n");
	expect("here\n");
	t.c_lflag |= NOFLSH;
	set(&t);
	types("not \003gone\n");
	expect("not gone\n");
	CHECK_EQ(got[SIGINT], 3);
	t.c_lflag &= ~(tcflag_t)(ISIG | ICANON);
	set(&t);
	type("\003\034\032", 3);
	expect("\003\034\032");
	CHECK_EQ(got[SIGINT], 3);
	t = normal;
	t.c_cc[VINTR] = 'i';
	t.c_cc[VSUSP] = 0; /* nothing stands for it */
	set(&t);
	types("i");
	CHECK_EQ(got[SIGINT], 4);
	type("\0\032\003\n", 4);
	CHECK_EQ(got[SIGTSTP], 1);
	set(&normal);
}

static void
type_intr(void)
{
	types("\003");
}

/* A signal ends a read that waits; without SA_RESTART it says so. */
static void
test_interrupted(void)
{
	pid_t pid;
	char c;

	pid = meanwhile(50, type_intr);
	CHECK_ERRNO(read(tty, &c, 1), EINTR);
	reap(pid);
}

static void
test_size_signal(void)
{
	struct winsize ws = { .ws_row = 11, .ws_col = 33 };

	got[SIGWINCH] = 0;
	CHECK(ioctl(tty, TIOCSWINSZ, &ws) == 0);
	CHECK_EQ(got[SIGWINCH], 1);
	CHECK(ioctl(tty, TIOCSWINSZ, &ws) == 0); /* no change, no signal */
	CHECK_EQ(got[SIGWINCH], 1);
}

/* -- Output --------------------------------------------------------------------------- */

static void
flow_on(void)
{
	CHECK(tcflow(tty, TCOON) == 0);
}

static void
type_start(void)
{
	types("\021");
}

static void
test_flow(void)
{
	void (*const on[])(void) = { flow_on, type_start };
	uint64_t start;
	pid_t pid;

	for (int i = 0; i < 2; i++) {
		if (i == 0)
			CHECK(tcflow(tty, TCOOFF) == 0);
		else
			types("\023");
		CHECK_EQ(ready(POLLOUT), 0);
		CHECK(fcntl(tty, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
		CHECK_ERRNO(write(tty, "x", 1), EAGAIN);
		CHECK(fcntl(tty, F_SETFL, O_RDWR) == 0);
		start = now_ns();
		pid = meanwhile(60, on[i]);
		CHECK_EQ(write(tty, ".", 1), 1);
		CHECK(now_ns() - start >= 60000000);
		CHECK_EQ(ready(POLLOUT), POLLOUT);
		reap(pid);
	}
	/* ^C starts it, too: what it interrupts has something to say */
	types("\023\003");
	CHECK_EQ(ready(POLLOUT), POLLOUT);
	CHECK_ERRNO(ioctl(tty, TCXONC, 9), EINVAL);
	set(&normal);
}

/* -- The background ----------------------------------------------------------------------- */

static void
bg_setattr(void)
{
	struct termios t = normal;

	(void)tcsetattr(tty, TCSANOW, &t);
}

static void
bg_flush(void)
{
	(void)tcflush(tty, TCIFLUSH);
}

static void
bg_setpgrp(void)
{
	(void)tcsetpgrp(tty, getpgrp());
}

static void
bg_write(void)
{
	(void)!write(tty, "b", 1);
}

/* Another group's process that does fn: which signal stops it, 0: none? */
static int
stopped_by(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_DFL);
		fn();
		_exit(0);
	}
	setpgid(pid, pid);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	if (!WIFSTOPPED(status)) {
		CHECK_EQ(status, 0);
		return 0;
	}
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return WSTOPSIG(status);
}

/* Nobody could ever continue it: an error takes the place of the signal. */
static void
orphan(void)
{
	char c;
	pid_t pid;
	int up[2];

	CHECK(pipe(up) == 0);
	if ((pid = fork()) == 0) {
		setpgid(0, 0);
		if (fork() != 0)
			_exit(0);
		sleep_ms(50); /* the parent, in another group, is gone now */
		c = read(tty, &c, 1) == -1 && errno == EIO ? 'y' : 'n';
		(void)!write(up[1], &c, 1);
		_exit(0);
	}
	close(up[1]);
	CHECK(waitpid(pid, NULL, 0) == pid);
	CHECK_EQ(read(up[0], &c, 1), 1);
	CHECK_EQ(c, 'y');
	close(up[0]);
}

static void
test_background(void)
{
	struct termios t = normal;

	CHECK_EQ(stopped_by(bg_setattr), SIGTTOU);
	CHECK_EQ(stopped_by(bg_flush), SIGTTOU);
	CHECK_EQ(stopped_by(bg_setpgrp), SIGTTOU);
	CHECK_EQ(stopped_by(bg_write), 0);
	t.c_lflag |= TOSTOP;
	set(&t);
	CHECK_EQ(stopped_by(bg_write), SIGTTOU);
	set(&normal);
	orphan();
}

/* The peer's console is not for this: a pseudo-terminal of our own. */
static void
peer_terminal(void)
{
	char name[32];
	int unlock = 0, master, n;

	(void)mkdir("/dev/pts", 0755);
	(void)mount("devpts", "/dev/pts", "devpts", 0, "");
	master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	CHECK(master >= 0);
	CHECK(ioctl(master, TIOCSPTLCK, &unlock) == 0);
	CHECK(ioctl(master, TIOCGPTN, &n) == 0);
	sprintf(name, "/dev/pts/%d", n);
	CHECK(setsid() >= 0);
	tty = open(name, O_RDWR);
}

static void
test_all(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	if (on_peer())
		peer_terminal();
	else
		tty = open("/dev/tty", O_RDWR);
	CHECK(tty >= 0);
	for (int sig = 1; sig < 32; sig++)
		if (sig == SIGINT || sig == SIGQUIT || sig == SIGTSTP ||
		    sig == SIGWINCH)
			CHECK(sigaction(sig, &sa, NULL) == 0);
	CHECK(tcgetattr(tty, &normal) == 0);
	normal.c_lflag &= ~(tcflag_t)ECHO;
	set(&normal);
	test_lines();
	test_editing();
	test_end_of_file();
	test_translation();
	test_long_line();
	test_mode_change();
	test_vmin();
	test_vtime();
	test_signals();
	test_interrupted();
	test_size_signal();
	test_flow();
	test_background();
}

int
main(void)
{
	if (on_peer())
		CHECK_CHILD(test_all); /* who may begin a session */
	else
		test_all();
	return 0;
}
