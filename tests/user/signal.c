/* vmrun: --smp 1,2,4 --timeout 60 */
/*
 * Signals: delivery, masks, queues, restart, stacks, default actions.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/time.h>

static volatile sig_atomic_t count, last_sig, last_code, last_value;
static volatile pid_t last_pid;
static volatile int last_status;

static void
on_signal(int sig)
{
	count++;
	last_sig = sig;
}

static void
on_info(int sig, siginfo_t *si, void *context)
{
	(void)context;
	count++;
	last_sig = sig;
	last_code = si->si_code;
	last_pid = si->si_pid;
	last_status = si->si_status;
	last_value = si->si_value.sival_int;
}

static void
install(int sig, void (*fn)(int), int flags)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = fn;
	sa.sa_flags = flags;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static void
install_info(int sig, int flags)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_info;
	sa.sa_flags = flags | SA_SIGINFO;
	CHECK(sigaction(sig, &sa, NULL) == 0);
}

static sigset_t
set_of(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

static void
test_kill_self(void)
{
	install_info(SIGUSR1, 0);
	count = 0;
	CHECK(kill(getpid(), SIGUSR1) == 0);
	CHECK_EQ(count, 1);
	CHECK_EQ(last_sig, SIGUSR1);
	CHECK_EQ(last_code, SI_USER);
	CHECK_EQ(last_pid, getpid());
	CHECK(raise(SIGUSR1) == 0);
	CHECK_EQ(count, 2);
	CHECK_EQ(last_code, SI_TKILL);
	CHECK(kill(getpid(), 0) == 0);
	CHECK_ERRNO(kill(getpid(), 65), EINVAL);
	CHECK_ERRNO(kill(999999, SIGUSR1), ESRCH);
	CHECK_ERRNO(sigaction(SIGKILL, &(struct sigaction){ 0 }, NULL), EINVAL);
}

static void
test_mask(void)
{
	sigset_t set = set_of(SIGUSR1), old, pending;

	install(SIGUSR1, on_signal, 0);
	count = 0;
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(count, 0);
	CHECK(sigpending(&pending) == 0);
	CHECK(sigismember(&pending, SIGUSR1) == 1);
	CHECK(sigismember(&pending, SIGUSR2) == 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK_EQ(count, 1);
	/* ignoring a pending signal drops it */
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	kill(getpid(), SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	install(SIGUSR1, on_signal, 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	CHECK_EQ(count, 1);
	/* KILL and STOP cannot be blocked */
	set = set_of(SIGKILL);
	CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
	CHECK(sigprocmask(SIG_BLOCK, NULL, &old) == 0);
	CHECK(sigismember(&old, SIGKILL) == 0);
	CHECK_ERRNO(sigprocmask(77, &set, NULL), EINVAL);
}

static volatile int nested, max_nested;

static void
on_nested(int sig)
{
	if (++nested > max_nested)
		max_nested = nested;
	if (count++ < 3)
		raise(sig);
	nested--;
}

/* A handler's own signal waits for its end, unless SA_NODEFER. */
static void
test_nesting(void)
{
	install(SIGUSR1, on_nested, 0);
	count = nested = max_nested = 0;
	raise(SIGUSR1);
	CHECK_EQ(count, 4);
	CHECK_EQ(max_nested, 1);
	install(SIGUSR1, on_nested, SA_NODEFER);
	count = max_nested = 0;
	raise(SIGUSR1);
	CHECK_EQ(count, 4);
	CHECK_EQ(max_nested, 4);
	install(SIGUSR1, on_signal, SA_RESETHAND);
	raise(SIGUSR1);
	struct sigaction sa;

	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0);
	CHECK(sa.sa_handler == SIG_DFL);
}

static volatile uintptr_t handler_sp;

static void
on_stack(int sig)
{
	stack_t ss;

	on_signal(sig);
	handler_sp = (uintptr_t)&ss;
	CHECK(sigaltstack(NULL, &ss) == 0);
	CHECK(ss.ss_flags & SS_ONSTACK);
	CHECK_ERRNO(
	    sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL), EPERM);
}

static void
test_altstack(void)
{
	static char memory[32 * 1024];
	stack_t ss = { .ss_sp = memory, .ss_size = sizeof(memory) }, old;

	CHECK(sigaltstack(&ss, &old) == 0);
	CHECK(old.ss_flags & SS_DISABLE);
	install(SIGUSR1, on_stack, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(handler_sp > (uintptr_t)memory &&
	    handler_sp < (uintptr_t)memory + sizeof(memory));
	CHECK(sigaltstack(NULL, &ss) == 0);
	CHECK_EQ(ss.ss_flags & SS_ONSTACK, 0);
	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, NULL) == 0);
	ss.ss_flags = 0;
	ss.ss_size = 100;
	CHECK_ERRNO(sigaltstack(&ss, NULL), ENOMEM);
}

static void
test_sigchld(void)
{
	int status;
	pid_t pid;
	sigset_t set = set_of(SIGCHLD), old;

	install_info(SIGCHLD, 0);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	count = 0;
	if ((pid = fork()) == 0)
		_exit(42);
	while (count == 0)
		sigsuspend(&old);
	CHECK_EQ(last_code, CLD_EXITED);
	CHECK_EQ(last_pid, pid);
	CHECK_EQ(last_status, 42);
	CHECK(waitpid(pid, &status, 0) == pid);
	count = 0;
	if ((pid = fork()) == 0)
		for (;;)
			pause();
	kill(pid, SIGTERM);
	while (count == 0)
		sigsuspend(&old);
	CHECK_EQ(last_code, CLD_KILLED);
	CHECK_EQ(last_status, SIGTERM);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	/* ignored explicitly: children vanish by themselves */
	signal(SIGCHLD, SIG_IGN);
	if ((pid = fork()) == 0)
		_exit(1);
	CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
	signal(SIGCHLD, SIG_DFL);
}

/* A read that a handler interrupts goes on, or gives EINTR. */
static void
interrupt_read(int flags, int want_errno)
{
	int fd[2], status;
	char c;
	ssize_t n;
	pid_t pid, parent = getpid();

	CHECK(pipe(fd) == 0);
	install(SIGUSR2, on_signal, flags);
	count = 0;
	if ((pid = fork()) == 0) {
		sleep_ms(50);
		kill(parent, SIGUSR2);
		sleep_ms(50);
		(void)!write(fd[1], "r", 1);
		_exit(0);
	}
	n = read(fd[0], &c, 1);
	CHECK_EQ(count, 1);
	if (want_errno != 0) {
		CHECK_EQ(n, -1);
		CHECK_EQ(errno, want_errno);
	} else {
		CHECK_EQ(n, 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	close(fd[0]);
	close(fd[1]);
}

static void
test_restart(void)
{
	int status;
	pid_t pid, parent = getpid();

	interrupt_read(0, EINTR);
	interrupt_read(SA_RESTART, 0);
	/* wait restarts, a sleep never does, and tells what is left */
	install(SIGUSR2, on_signal, SA_RESTART);
	if ((pid = fork()) == 0) {
		sleep_ms(30);
		kill(parent, SIGUSR2);
		sleep_ms(30);
		_exit(5);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(WEXITSTATUS(status), 5);
	if ((pid = fork()) == 0) {
		sleep_ms(30);
		kill(parent, SIGUSR2);
		_exit(0);
	}
	struct timespec ts = { 5, 0 }, left;

	CHECK_ERRNO(nanosleep(&ts, &left), EINTR);
	CHECK(left.tv_sec <= 4 && left.tv_sec >= 2);
	CHECK(waitpid(pid, &status, 0) == pid);
}

static void
test_timedwait(void)
{
	sigset_t set = set_of(SIGUSR1), old;
	struct timespec ts = { 0, 30000000 };
	siginfo_t si;
	uint64_t start;

	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	start = now_ns();
	CHECK_ERRNO(sigtimedwait(&set, &si, &ts), EAGAIN);
	CHECK(now_ns() - start >= 30000000);
	/* real-time signals queue, with their values */
	for (int i = 0; i < 5; i++)
		CHECK(sigqueue(getpid(), SIGRTMIN,
			  (union sigval){ .sival_int = 100 + i }) == 0);
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(sigtimedwait(&set, &si, &ts), SIGRTMIN);
		CHECK_EQ(si.si_code, SI_QUEUE);
		CHECK_EQ(si.si_value.sival_int, 100 + i);
		CHECK_EQ(si.si_pid, getpid());
	}
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(sigtimedwait(&set, &si, &ts), SIGUSR1);
	ts.tv_nsec = 0;
	CHECK_ERRNO(sigtimedwait(&set, &si, &ts), EAGAIN);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
}

/* sigsuspend: the wait and the change of the mask are one. */
static void
test_suspend(void)
{
	sigset_t set = set_of(SIGUSR1), old;
	int status;
	pid_t pid, parent = getpid();

	install(SIGUSR1, on_signal, 0);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	if ((pid = fork()) == 0) {
		CHECK(sigprocmask(SIG_SETMASK, &set, NULL) == 0);
		for (int i = 0; i < 200; i++) {
			kill(parent, SIGUSR1);
			sigsuspend(&old);
		}
		_exit(0);
	}
	for (int i = 0; i < 200; i++) {
		CHECK_ERRNO(sigsuspend(&old), EINTR);
		kill(pid, SIGUSR1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
}

static void
test_defaults(void)
{
	static const int fatal[] = { SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP,
		SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV, SIGUSR2,
		SIGPIPE, SIGALRM, SIGTERM, SIGXCPU, SIGVTALRM, SIGSYS };
	static const int harmless[] = { SIGCHLD, SIGURG, SIGWINCH, SIGCONT };
	int status;
	pid_t pid;

	for (size_t i = 0; i < NELEM(fatal); i++) {
		if ((pid = fork()) == 0) {
			signal(fatal[i], SIG_DFL);
			kill(getpid(), fatal[i]);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status));
		CHECK_EQ(WTERMSIG(status), fatal[i]);
	}
	for (size_t i = 0; i < NELEM(harmless); i++) {
		if ((pid = fork()) == 0) {
			signal(harmless[i], SIG_DFL);
			kill(getpid(), harmless[i]);
			_exit(3);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK_EQ(status, 3 << 8);
	}
}

/* Many signals from several processes: none of the queued ones is lost. */
static void
test_storm(void)
{
	enum { SENDERS = 4, EACH = 50 };
	sigset_t set = set_of(SIGRTMIN + 1), old;
	int status;
	pid_t parent = getpid();

	install_info(SIGRTMIN + 1, 0);
	CHECK(sigprocmask(SIG_BLOCK, &set, &old) == 0);
	count = 0;
	for (int k = 0; k < SENDERS; k++)
		if (fork() == 0) {
			for (int i = 0; i < EACH; i++)
				while (
				    sigqueue(parent, SIGRTMIN + 1,
					(union sigval){ .sival_int = i }) != 0)
					CHECK_EQ(errno, EAGAIN);
			_exit(0);
		}
	CHECK(sigprocmask(SIG_SETMASK, &old, NULL) == 0);
	for (int k = 0; k < SENDERS;) {
		if (wait(&status) > 0) {
			CHECK_EQ(status, 0);
			k++;
		}
	}
	CHECK_EQ(count, SENDERS * EACH);
}

static void
test_group(void)
{
	int status, fd[2];
	char c;
	pid_t pids[3];

	CHECK(pipe(fd) == 0);
	for (int i = 0; i < 3; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			setpgid(0, i == 0 ? 0 : pids[0]);
			(void)!write(fd[1], "x", 1);
			for (;;)
				pause();
		}
		setpgid(pids[i], pids[0]);
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK(killpg(pids[0], SIGTERM) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(waitpid(pids[i], &status, 0) == pids[i]);
		CHECK_EQ(WTERMSIG(status), SIGTERM);
	}
	CHECK_ERRNO(killpg(pids[0], SIGTERM), ESRCH);
	close(fd[0]);
	close(fd[1]);
}

int
main(void)
{
	test_kill_self();
	test_mask();
	test_nesting();
	test_altstack();
	test_sigchld();
	test_restart();
	test_timedwait();
	test_suspend();
	test_defaults();
	test_storm();
	test_group();
	return 0;
}
