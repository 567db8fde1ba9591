/* vmrun: --smp 1,4 --timeout 90 */
/*
 * The darker corners of processes, threads and signals: job control, queued
 * signals, restarted sleeps, timers' overruns, robust locks, clone's forms,
 * scripts.
 */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/utsname.h>

static volatile sig_atomic_t count, last_sig, last_code, last_value;
static volatile sig_atomic_t order[16];

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static void
on_signal(int sig, siginfo_t *si, void *context)
{
	(void)context;
	if (count < 16)
		order[count] = sig * 1000 + si->si_value.sival_int;
	count++;
	last_sig = sig;
	last_code = si->si_code;
	last_value = si->si_value.sival_int;
}

static void
handle(int sig, int flags)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_signal;
	sa.sa_flags = SA_SIGINFO | flags;
	CHECK_EQ(sigaction(sig, &sa, NULL), 0);
	count = 0;
}

static void
ms_sleep(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		continue;
}

static int
wait_status(pid_t pid, int options)
{
	int status = -1;

	CHECK_EQ(waitpid(pid, &status, options), pid);
	return status;
}

/* -- Queued signals --------------------------------------------------------- */

static void
test_queue(void)
{
	const union sigval one = { .sival_int = 1 }, two = { .sival_int = 2 };
	sigset_t set, old;
	siginfo_t si;
	int rt = SIGRTMIN + 3;

	sigemptyset(&set);
	sigaddset(&set, rt);
	sigaddset(&set, rt + 1);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, &old), 0);
	handle(rt, 0);
	handle(rt + 1, 0);
	handle(SIGUSR1, 0);
	CHECK_EQ(sigqueue(getpid(), rt + 1, one), 0);
	CHECK_EQ(sigqueue(getpid(), rt, two), 0);
	CHECK_EQ(sigqueue(getpid(), rt, one), 0);
	CHECK_EQ(sigqueue(getpid(), SIGUSR1, one), 0);
	CHECK_EQ(sigqueue(getpid(), SIGUSR1, two), 0);
	CHECK_EQ(count, 0);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	/* frames stack up: the one set up last runs first; the second of a
	   number waits until the handler of the first has returned */
	CHECK_EQ(count, 4);
	CHECK_EQ(order[0], (rt + 1) * 1000 + 1);
	CHECK_EQ(order[1], rt * 1000 + 2);
	CHECK_EQ(order[2], rt * 1000 + 1);
	CHECK_EQ(order[3], SIGUSR1 * 1000 + 1);

	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, NULL), 0);
	CHECK_EQ(sigqueue(getpid(), rt, two), 0);
	CHECK_EQ(sigwaitinfo(&set, &si), rt);
	CHECK_EQ(si.si_code, SI_QUEUE);
	CHECK_EQ(si.si_value.sival_int, 2);
	CHECK_EQ(si.si_pid, getpid());
	CHECK_EQ(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	CHECK_ERRNO(sigqueue(getpid(), 65, one), EINVAL);
	CHECK_ERRNO(sigqueue(99999, rt, one), ESRCH);
	signal(rt, SIG_DFL);
	signal(rt + 1, SIG_DFL);
	signal(SIGUSR1, SIG_DFL);
}

/* SIG_IGN throws away what waits; SIG_DFL of an ignored one, too. */
static void
test_ignore_flushes(void)
{
	sigset_t set, old, pend;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, &old);
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
	CHECK_EQ(sigpending(&pend), 0);
	CHECK(sigismember(&pend, SIGUSR2));
	signal(SIGUSR2, SIG_IGN);
	CHECK_EQ(sigpending(&pend), 0);
	CHECK(!sigismember(&pend, SIGUSR2));
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGUSR2, SIG_DFL);
}

/* -- Stop and continue ------------------------------------------------------- */

static void
sleep_a_second(void)
{
	uint64_t t = now_ms();
	struct timespec ts = { 0, 700000000 };

	/* stopped and continued meanwhile: not interrupted, not longer */
	CHECK_EQ(nanosleep(&ts, NULL), 0);
	t = now_ms() - t;
	CHECK(t >= 700 && t < 1600);
	_exit(0);
}

static void
test_stop_sleep(void)
{
	pid_t pid = fork();
	siginfo_t si;

	if (pid == 0)
		sleep_a_second();
	ms_sleep(100);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitid(P_PID, (id_t)pid, &si, WSTOPPED | WNOWAIT), 0);
	CHECK_EQ(si.si_code, CLD_STOPPED);
	CHECK_EQ(si.si_status, SIGSTOP);
	CHECK(WIFSTOPPED(wait_status(pid, WUNTRACED)));
	CHECK_EQ(waitpid(pid, NULL, WUNTRACED | WNOHANG), 0);
	ms_sleep(200);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	CHECK(WIFCONTINUED(wait_status(pid, WCONTINUED)));
	CHECK_EQ(wait_status(pid, 0), 0);
}

/* A stopped process dies of SIGKILL, and only of that. */
static void
test_stop_kill(void)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK(WIFSTOPPED(wait_status(pid, WUNTRACED)));
	CHECK_EQ(kill(pid, SIGTERM), 0);
	ms_sleep(50);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(WTERMSIG(wait_status(pid, 0)), SIGKILL);
}

static void *
spin_thread(void *arg)
{
	for (;;)
		atomic_fetch_add((_Atomic long *)arg, 1);
	return NULL;
}

static void *
pause_thread(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* Stopping stops all threads. */
static void
test_stop_threads(void)
{
	_Atomic long *n =
	    mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_t t;
	long seen;
	pid_t pid = fork();

	CHECK(n != MAP_FAILED);
	if (pid == 0) {
		pthread_create(&t, NULL, spin_thread, n);
		pthread_create(&t, NULL, spin_thread, n + 64);
		for (;;)
			pause();
	}
	while (n[0] == 0 || n[64] == 0)
		ms_sleep(1);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK(WIFSTOPPED(wait_status(pid, WUNTRACED)));
	ms_sleep(50);
	seen = n[0] + n[64];
	ms_sleep(50);
	CHECK_EQ(n[0] + n[64], seen);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	while (n[0] + n[64] == seen)
		ms_sleep(1);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(WTERMSIG(wait_status(pid, 0)), SIGKILL);
	munmap((void *)n, PAGE);
}

/* A group nobody can continue gets SIGHUP and SIGCONT when it is orphaned. */
static void
orphan_leader(int fd)
{
	pid_t pid;

	CHECK_EQ(setpgid(0, 0), 0);
	pid = fork();
	if (pid == 0) {
		CHECK_EQ(setpgid(0, 0), 0);
		raise(SIGSTOP);
		_exit(9); /* SIGHUP comes first */
	}
	CHECK(WIFSTOPPED(wait_status(pid, WUNTRACED)));
	CHECK_EQ(write(fd, &pid, sizeof(pid)), sizeof(pid));
	_exit(0);
}

static void
test_orphaned_group(void)
{
	int fds[2];
	pid_t pid, orphan;

	CHECK_EQ(pipe(fds), 0);
	pid = fork();
	if (pid == 0)
		orphan_leader(fds[1]);
	close(fds[1]);
	CHECK_EQ(wait_status(pid, 0), 0);
	CHECK_EQ(read(fds[0], &orphan, sizeof(orphan)), sizeof(orphan));
	close(fds[0]);
	for (int i = 0; kill(orphan, 0) == 0; i++) {
		CHECK(i < 200);
		ms_sleep(10);
	}
	CHECK_EQ(errno, ESRCH);
}

/* SIGTSTP does nothing in an orphaned group, as there is no one to continue. */
static void
tstp_orphan(void)
{
	CHECK(setsid() > 0);
	CHECK_EQ(raise(SIGTSTP), 0);
}

static void
test_groups(void)
{
	pid_t pid = fork();

	CHECK_EQ(in_child(tstp_orphan), 0);
	if (pid == 0) {
		pause();
		_exit(0);
	}
	CHECK_EQ(setpgid(pid, pid), 0);
	CHECK_EQ(getpgid(pid), pid);
	CHECK_EQ(getsid(pid), getsid(0));
	CHECK_ERRNO(setpgid(pid, 99999), EPERM);
	CHECK_ERRNO(setpgid(99999, 0), ESRCH);
	CHECK_ERRNO(setpgid(pid, -1), EINVAL);
	CHECK_ERRNO(waitpid(-getpgrp(), NULL, WNOHANG), ECHILD);
	CHECK_EQ(waitpid(-pid, NULL, WNOHANG), 0);
	CHECK_EQ(kill(-pid, SIGUSR1), 0);
	CHECK_EQ(WTERMSIG(wait_status(pid, 0)), SIGUSR1);
}

/* -- Waiting in the kernel and signals ----------------------------------------- */

static void
test_sleep_remainder(void)
{
	struct timespec ts = { 2, 0 }, rem = { 0, 0 };
	struct itimerval it = { { 0, 0 }, { 0, 200000 } };
	uint64_t t = now_ms();

	handle(SIGALRM, SA_RESTART);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_ERRNO(nanosleep(&ts, &rem), EINTR);
	t = now_ms() - t;
	CHECK(t >= 200 && t < 1500);
	CHECK(rem.tv_sec == 1 && rem.tv_nsec > 0);
	CHECK_EQ(count, 1);

	/* an absolute sleep gives no remainder */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += 2;
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_EQ(
	    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), EINTR);
	CHECK_EQ(count, 2);
	/* one in the past does not sleep */
	ts.tv_sec = 0;
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
	signal(SIGALRM, SIG_DFL);
}

/* An ignored signal does not end a sleep; one without SA_RESTART does. */
static void
test_interrupt(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 50000 } }, off;
	int fds[2];
	char c;

	memset(&off, 0, sizeof(off));
	CHECK_EQ(pipe(fds), 0);
	handle(SIGALRM, 0);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_ERRNO(read(fds[0], &c, 1), EINTR);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_ERRNO(pause(), EINTR);
	CHECK_EQ(count, 2);
	/* no child ends: wait is interrupted, too */
	pid_t pid = fork();
	if (pid == 0) {
		ms_sleep(400);
		_exit(0);
	}
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_ERRNO(waitpid(pid, NULL, 0), EINTR);
	handle(SIGALRM, SA_RESTART);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	CHECK_EQ(wait_status(pid, 0), 0);
	CHECK_EQ(count, 1);
	signal(SIGALRM, SIG_IGN);
	CHECK_EQ(setitimer(ITIMER_REAL, &it, NULL), 0);
	ms_sleep(100);
	signal(SIGALRM, SIG_DFL);
	close(fds[0]);
	close(fds[1]);
}

/* -- Timers ----------------------------------------------------------------- */

static void
test_overrun(void)
{
	struct sigevent ev;
	struct itimerspec its = { { 0, 10000000 }, { 0, 10000000 } }, cur;
	sigset_t set, old;
	siginfo_t si;
	timer_t id;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = SIGRTMIN + 1;
	ev.sigev_value.sival_int = 77;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, &old);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &ev, &id), 0);
	CHECK_EQ(timer_settime(id, 0, &its, NULL), 0);
	ms_sleep(120);
	CHECK_EQ(sigwaitinfo(&set, &si), SIGRTMIN + 1);
	CHECK_EQ(si.si_code, SI_TIMER);
	CHECK_EQ(si.si_value.sival_int, 77);
	CHECK(si.si_overrun >= 5 && si.si_overrun < 100);
	CHECK_EQ(timer_getoverrun(id), si.si_overrun);
	CHECK_EQ(timer_gettime(id, &cur), 0);
	CHECK_EQ(cur.it_interval.tv_nsec, 10000000);
	CHECK_EQ(timer_delete(id), 0);
	CHECK_ERRNO(timer_delete(id), EINVAL);
	while (sigtimedwait(&set, &si, &(struct timespec){ 0, 0 }) > 0)
		continue;
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static _Atomic int notified;

static void
on_expiry(union sigval v)
{
	notified += v.sival_int;
}

static void
test_timer_thread(void)
{
	struct itimerspec its = { { 0, 0 }, { 0, 20000000 } };
	struct sigevent ev;
	timer_t id;

	memset(&ev, 0, sizeof(ev));
	ev.sigev_notify = SIGEV_THREAD;
	ev.sigev_notify_function = on_expiry;
	ev.sigev_value.sival_int = 5;
	CHECK_EQ(timer_create(CLOCK_REALTIME, &ev, &id), 0);
	CHECK_EQ(timer_settime(id, 0, &its, NULL), 0);
	for (int i = 0; notified != 5; i++) {
		CHECK(i < 100);
		ms_sleep(10);
	}
	CHECK_EQ(timer_delete(id), 0);
}

static void
test_cpu_clock(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 100000 } };
	struct timespec ts;
	struct tms tms;
	uint64_t cpu;

	handle(SIGPROF, 0);
	CHECK_EQ(setitimer(ITIMER_PROF, &it, NULL), 0);
	while (count == 0)
		continue;
	CHECK_EQ(getitimer(ITIMER_PROF, &it), 0);
	CHECK_EQ(it.it_value.tv_sec + it.it_value.tv_usec, 0);
	CHECK_EQ(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts), 0);
	cpu = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	CHECK(cpu >= 90);
	CHECK(times(&tms) != (clock_t)-1);
	CHECK(tms.tms_utime + tms.tms_stime >= 9);
	signal(SIGPROF, SIG_DFL);
}

/* -- Threads ------------------------------------------------------------------ */

static void *
take_and_die(void *arg)
{
	CHECK_EQ(pthread_mutex_lock(arg), 0);
	return NULL;
}

static void
test_robust(void)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t *m =
	    mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_t t;
	pid_t pid;

	CHECK(m != MAP_FAILED);
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	CHECK_EQ(pthread_mutex_init(m, &attr), 0);
	CHECK_EQ(pthread_create(&t, NULL, take_and_die, m), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(m), 0);
	/* another process waits for it, and we die holding it: the other way
	   round, so that it is we who wait */
	CHECK_EQ(pthread_mutex_unlock(m), 0);
	pid = fork();
	if (pid == 0) {
		pthread_mutex_lock(m);
		ms_sleep(100);
		kill(getpid(), SIGKILL);
	}
	ms_sleep(30);
	CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(m), 0);
	CHECK_EQ(pthread_mutex_unlock(m), 0);
	CHECK_EQ(WTERMSIG(wait_status(pid, 0)), SIGKILL);
	munmap(m, PAGE);
}

static _Atomic pid_t sig_tid;

static void
on_usr1(int sig)
{
	(void)sig;
	sig_tid = gettid();
}

static _Atomic int stop_waiting;

static void *
wait_open(void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	atomic_store((_Atomic pid_t *)arg, gettid());
	while (!stop_waiting)
		ms_sleep(5);
	return NULL;
}

/* A signal to the process goes to a thread that does not block it. */
static void
test_thread_signal(void)
{
	_Atomic pid_t tid = 0;
	sigset_t set, old;
	pthread_t t;

	signal(SIGUSR1, on_usr1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	CHECK_EQ(pthread_create(&t, NULL, wait_open, &tid), 0);
	while (tid == 0)
		ms_sleep(1);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	for (int i = 0; sig_tid == 0; i++) {
		CHECK(i < 200);
		ms_sleep(5);
	}
	CHECK_EQ(sig_tid, tid);
	stop_waiting = 1;
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid(), tid, 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tgkill, getpid() + 1, getpid(), 0), ESRCH);
	CHECK_ERRNO(syscall(SYS_tkill, -1, 0), EINVAL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	signal(SIGUSR1, SIG_DFL);
}

static void *
exit_all(void *arg)
{
	(void)arg;
	ms_sleep(20);
	_exit(23);
}

static void
main_thread_leaves(void)
{
	pthread_t t;

	pthread_create(&t, NULL, exit_all, NULL);
	pthread_exit(NULL);
}

static void
threads_in_kernel(void)
{
	pthread_t t[8];

	for (int i = 0; i < 8; i++)
		pthread_create(&t[i], NULL, pause_thread, NULL);
	ms_sleep(20);
	_exit(5);
}

static char *const true_argv[] = { (char *)"/bin/true", NULL };

static void *
exec_true(void *arg)
{
	(void)arg;
	execv(true_argv[0], true_argv);
	return NULL;
}

static void
exec_from_thread(void)
{
	pthread_t t;

	for (int i = 0; i < 4; i++)
		pthread_create(&t, NULL, pause_thread, NULL);
	ms_sleep(10);
	pthread_create(&t, NULL, exec_true, NULL);
	pthread_join(t, NULL);
	_exit(1);
}

/* -- clone -------------------------------------------------------------------- */

static int
child_of_clone(void *arg)
{
	*(volatile int *)arg = 42;
	_exit(6);
}

static void
test_clone_forms(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	volatile int value = 0;
	pid_t ptid = 0, pid;
	int status;
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal;
		uint64_t stack, stack_size, tls, set_tid, set_tid_size, cgroup;
	} args;

	/* shared memory, own process */
	pid = clone(child_of_clone, stack + sizeof(stack),
	    CLONE_VM | CLONE_PARENT_SETTID | SIGCHLD, (void *)&value, &ptid);
	CHECK(pid > 0);
	CHECK_EQ(ptid, pid);
	CHECK_EQ(WEXITSTATUS(wait_status(pid, 0)), 6);
	CHECK_EQ(value, 42);
	/* no signal at exit: only __WALL or __WCLONE waits for it */
	pid = clone(
	    child_of_clone, stack + sizeof(stack), CLONE_VM, (void *)&value);
	CHECK(pid > 0);
	CHECK_ERRNO(waitpid(pid, &status, WNOHANG), ECHILD);
	CHECK_EQ(WEXITSTATUS(wait_status(pid, __WCLONE)), 6);

	memset(&args, 0, sizeof(args));
	args.exit_signal = SIGCHLD;
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0)
		_exit(8);
	CHECK_EQ(WEXITSTATUS(wait_status(pid, 0)), 8);
	CHECK_ERRNO(syscall(SYS_clone3, &args, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_clone3, &args, 8192), E2BIG);
	CHECK_ERRNO(syscall(SYS_clone3, bad_pointer, sizeof(args)), EFAULT);
	CHECK_ERRNO(
	    syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERRNO(
	    syscall(SYS_clone, CLONE_THREAD | CLONE_VM, 0, 0, 0, 0), EINVAL);
}

/*
 * A sibling: its parent, which is that of its maker, hears of its end as it
 * does of the maker's, whatever signal the maker asked for.
 */
static void
test_clone_parent(void)
{
	int status, p[2];
	pid_t maker, sibling = 0;

	CHECK(pipe(p) == 0);
	maker = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
	if (maker == 0) {
		sibling = (pid_t)syscall(
		    SYS_clone, CLONE_PARENT | SIGUSR1, 0, 0, 0, 0);
		if (sibling == 0)
			_exit(9);
		CHECK_ERRNO(waitpid(sibling, &status, __WALL), ECHILD);
		CHECK_EQ(
		    write(p[1], &sibling, sizeof(sibling)), sizeof(sibling));
		_exit(0);
	}
	CHECK(maker > 0);
	CHECK_EQ(read(p[0], &sibling, sizeof(sibling)), sizeof(sibling));
	/* a child that does not end in SIGCHLD would not be found */
	CHECK_EQ(WEXITSTATUS(wait_status(sibling, 0)), 9);
	CHECK_EQ(wait_status(maker, 0), 0);
	close(p[0]);
	close(p[1]);
}

/* A parent that waits in vfork() can be killed. */
static void
vfork_and_wait(void)
{
	if (vfork() == 0) {
		ms_sleep(2000);
		_exit(0);
	}
}

static void
test_vfork_kill(void)
{
	uint64_t t = now_ms();
	pid_t pid = fork();

	if (pid == 0) {
		vfork_and_wait();
		_exit(0);
	}
	ms_sleep(100);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	ms_sleep(50);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_EQ(kill(pid, SIGTERM), 0);
	CHECK_EQ(WTERMSIG(wait_status(pid, 0)), SIGTERM);
	CHECK(now_ms() - t < 1500);
}

/* Queued signals are limited; standard ones are not. */
static void
test_queue_limit(void)
{
	const union sigval v = { .sival_int = 1 };
	struct rlimit rl = { 5, 5 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_EQ(setrlimit(RLIMIT_SIGPENDING, &rl), 0);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(sigqueue(getpid(), SIGRTMIN, v), 0);
	CHECK_ERRNO(sigqueue(getpid(), SIGRTMIN, v), EAGAIN);
	CHECK_EQ(kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(sigtimedwait(&set, NULL, &(struct timespec){ 0, 0 }), SIGUSR1);
}

/* -- Shared futexes ------------------------------------------------------------ */

static long
futex(void *word, int op, unsigned val, const struct timespec *ts, void *word2,
    unsigned val3)
{
	return syscall(SYS_futex, word, op, val, ts, word2, val3);
}

static void
test_shared_futex(void)
{
	_Atomic unsigned *w =
	    mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct timespec ts = { 0, 30000000 };
	pid_t pid;

	CHECK(w != MAP_FAILED);
	pid = fork();
	if (pid == 0) {
		CHECK_EQ(futex((void *)w, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
		_exit(3);
	}
	for (int i = 0; futex((void *)w, FUTEX_WAKE, 1, NULL, NULL, 0) == 0;
	     i++) {
		CHECK(i < 500);
		ms_sleep(2);
	}
	CHECK_EQ(WEXITSTATUS(wait_status(pid, 0)), 3);
	CHECK_ERRNO(futex((void *)w, FUTEX_WAIT, 1, NULL, NULL, 0), EAGAIN);
	CHECK_ERRNO(futex((void *)w, FUTEX_WAIT, 0, &ts, NULL, 0), ETIMEDOUT);
	CHECK_ERRNO(futex((char *)w + 1, FUTEX_WAIT, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(
	    futex((void *)w, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(bad_pointer, FUTEX_WAIT, 0, NULL, NULL, 0), EFAULT);
	ts.tv_nsec = 1000000000;
	CHECK_ERRNO(futex((void *)w, FUTEX_WAIT, 0, &ts, NULL, 0), EINVAL);
	CHECK_ERRNO(futex((void *)w, 77, 0, NULL, NULL, 0), ENOSYS);
	munmap((void *)w, PAGE);
}

/* -- Programs -------------------------------------------------------------------- */

static void
put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(close(fd), 0);
}

static int
run_path(const char *path, char *const *argv)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execv(path, argv);
		_exit(100 + errno);
	}
	return WEXITSTATUS(wait_status(pid, 0));
}

static void
test_scripts(void)
{
	char a0[] = "x", a1[] = "17";
	char *argv[] = { a0, a1, NULL };

	put_file("/tmp/s1", "#!/bin/sh\nexit $1\n");
	CHECK_EQ(run_path("/tmp/s1", argv), 17);
	put_file("/tmp/s2", "#! \t/tmp/s1 \n");
	/* runs /tmp/s1 /tmp/s2 17: the shell cannot exit with a path */
	CHECK(run_path("/tmp/s2", argv) != 17);
	put_file("/tmp/s3", "#!/tmp/s3\n");
	CHECK_EQ(run_path("/tmp/s3", argv), 100 + ELOOP);
	put_file("/tmp/s4", "#!\n");
	CHECK_EQ(run_path("/tmp/s4", argv), 100 + ENOEXEC);
	put_file("/tmp/s5", "#!/nowhere\n");
	CHECK_EQ(run_path("/tmp/s5", argv), 100 + ENOENT);
	put_file("/tmp/s6", "neither\n");
	CHECK_EQ(run_path("/tmp/s6", argv), 100 + ENOEXEC);
	/* what is behind the interpreter is one argument, however many words */
	put_file("/tmp/s7",
	    "#!/bin/sh\n[ $# = 3 ] && [ \"$1\" = '-a b' ] && "
	    "[ $2 = /tmp/s8 ] && [ $3 = 17 ]\n");
	put_file("/tmp/s8", "#!/tmp/s7 \t-a b  \n");
	CHECK_EQ(run_path("/tmp/s8", argv), 0);
	put_file("/tmp/s9", "#!/tmp/s7\n");
	CHECK_EQ(run_path("/tmp/s9", argv), 1);
	for (char n = '1'; n <= '9'; n++) {
		char path[] = "/tmp/s0";

		path[6] = n;
		unlink(path);
	}
}

/* -- Nice values ------------------------------------------------------------------ */

static void *
nice_of_thread(void *arg)
{
	(void)arg;
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 9), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)gettid()), 9);
	return NULL;
}

static void
nice_calls(void)
{
	char stat[512] = "";
	FILE *f;
	pthread_t t;
	pid_t pid;
	int pri, nice;
	bool mounted;

	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, 3), 0);
	/* inherited by threads and children, and each thread's own then */
	CHECK_EQ(pthread_create(&t, NULL, nice_of_thread, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)getpid()), 3);
	pid = fork();
	if (pid == 0) {
		CHECK_EQ(setpgid(0, 0), 0);
		CHECK_EQ(getpriority(PRIO_PGRP, 0), 3);
		CHECK_EQ(setpriority(PRIO_PGRP, 0, 100), 0);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), 19);
		CHECK_EQ(setpriority(PRIO_PROCESS, 0, -100), 0);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), -20);
		/* of many the highest priority, which is the lowest value */
		CHECK_EQ(getpriority(PRIO_USER, 0), -20);
		CHECK_EQ(
		    getpriority(PRIO_PGRP, (id_t)getpgid(getppid())) <= 3, 1);
		_exit(0);
	}
	CHECK_EQ(wait_status(pid, 0), 0);
	CHECK_ERRNO(setpriority(3, 0, 0), EINVAL);
	CHECK_ERRNO(setpriority(-1, 0, 0), EINVAL);
	CHECK_ERRNO(getpriority(PRIO_PROCESS, 99999), ESRCH);
	CHECK_ERRNO(getpriority(PRIO_PGRP, 99999), ESRCH);
	CHECK_ERRNO(setpriority(PRIO_USER, 99999, 0), ESRCH);
	mounted = mount("proc", "/proc", "proc", 0, NULL) == 0;
	f = fopen("/proc/self/stat", "r");
	CHECK(f != NULL && fgets(stat, sizeof(stat), f) != NULL);
	fclose(f);
	CHECK(!mounted || umount("/proc") == 0);
	CHECK_EQ(sscanf(stat,
		     "%*d %*s %*c %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d %*d "
		     "%*d %*d %*d %d %d",
		     &pri, &nice),
	    2);
	CHECK_EQ(pri, 23);
	CHECK_EQ(nice, 3);
}

/* => a process that counts in *n, on hart 0 */
static pid_t
count_at(int nice, volatile uint64_t *n)
{
	pid_t pid = fork();
	cpu_set_t set;

	CHECK(pid >= 0);
	if (pid != 0)
		return pid;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
	CHECK_EQ(setpriority(PRIO_PROCESS, 0, nice), 0);
	for (;;)
		++*n;
}

static void
advances(const volatile uint64_t *n)
{
	uint64_t before = *n;

	for (int i = 0; *n == before; i++) {
		CHECK(i < 600);
		ms_sleep(50);
	}
}

static void
end_counting(pid_t pid)
{
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(WTERMSIG(wait_status(pid, 0)), SIGKILL);
}

/*
 * Who is nice gets less of a hart, and still something, as does who has had
 * much of it when others come that want it all.
 */
static void
test_nice(void)
{
	volatile uint64_t *n =
	    mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[4];

	CHECK_EQ(in_child(nice_calls), 0);
	CHECK(n != MAP_FAILED);
	pid[0] = count_at(0, &n[0]);
	ms_sleep(2500);
	pid[1] = count_at(0, &n[8]);
	pid[2] = count_at(0, &n[16]);
	ms_sleep(500);
	advances(&n[0]);
	pid[3] = count_at(19, &n[24]);
	advances(&n[24]);
	end_counting(pid[0]);
	end_counting(pid[1]);
	n[16] = n[24] = 0;
	ms_sleep(1000);
	advances(&n[24]);
	CHECK(n[16] > 2 * n[24]);
	end_counting(pid[2]);
	end_counting(pid[3]);
	munmap((void *)n, PAGE);
}

/* -- The system ------------------------------------------------------------------- */

static void
test_system(void)
{
	char name[16], log[256];
	struct utsname un;
	struct sysinfo si;
	cpu_set_t set;
	unsigned cpu;

	CHECK_EQ(prctl(PR_SET_NAME, "a name that is too long"), 0);
	CHECK_EQ(prctl(PR_GET_NAME, name), 0);
	CHECK_EQ(strcmp(name, "a name that is "), 0);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	CHECK_ERRNO(prctl(12345), EINVAL);
	CHECK_EQ(uname(&un), 0);
	CHECK_EQ(strcmp(un.machine, "riscv64"), 0);
	CHECK_EQ(sysinfo(&si), 0);
	CHECK(si.totalram > si.freeram && si.mem_unit == 1 && si.procs > 1);
	CHECK_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
	CHECK(CPU_COUNT(&set) >= 1);
	CPU_ZERO(&set);
	CHECK_ERRNO(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CPU_SET(0, &set);
	CHECK_EQ(sched_setaffinity(0, sizeof(set), &set), 0);
	CHECK_EQ(syscall(SYS_getcpu, &cpu, NULL, NULL), 0);
	CHECK_EQ(cpu, 0);
	CHECK(syscall(SYS_membarrier, 0, 0, 0) > 0);
	CHECK_EQ(syscall(SYS_membarrier, 1, 0, 0), 0);
	CHECK(klogctl(3, log, sizeof(log)) > 0);
	CHECK(klogctl(10, NULL, 0) > 0);
	CHECK_ERRNO(syscall(SYS_getrandom, log, 10, 0x80), EINVAL);
	CHECK_EQ(syscall(SYS_getrandom, log, sizeof(log), 0), sizeof(log));
}

int
main(void)
{
	test_queue();
	test_ignore_flushes();
	test_stop_sleep();
	test_stop_kill();
	test_stop_threads();
	test_orphaned_group();
	test_groups();
	test_sleep_remainder();
	test_interrupt();
	test_overrun();
	test_timer_thread();
	test_cpu_clock();
	test_robust();
	test_thread_signal();
	CHECK_EQ(in_child(main_thread_leaves), 23 << 8);
	CHECK_EQ(in_child(threads_in_kernel), 5 << 8);
	CHECK_EQ(in_child(exec_from_thread), 0);
	test_clone_forms();
	test_clone_parent();
	test_vfork_kill();
	CHECK_EQ(in_child(test_queue_limit), 0);
	test_shared_futex();
	test_scripts();
	test_nice();
	test_system();
	return 0;
}
