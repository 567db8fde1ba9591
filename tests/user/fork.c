/* vmrun: --smp 1,2,4 --timeout 60 */
/*
 * fork, vfork, exit, wait4, waitid: what the child gets, what the parent
 * learns, who inherits orphans.
 */
#include "test.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>

static int shared_value = 1;

static void
test_separate(void)
{
	char *p = map_anon(16 * PAGE), *s;
	int status;
	pid_t pid;

	s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	memset(p, 'a', 16 * PAGE);
	s[0] = 1;
	pid = fork();
	if (pid == 0) {
		for (size_t i = 0; i < 16; i++)
			CHECK_EQ(p[i * PAGE], 'a');
		memset(p, 'c', 8 * PAGE);
		shared_value = 2;
		s[0] = 2;
		_exit(0);
	}
	memset(p + 8 * PAGE, 'p', 8 * PAGE);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	for (size_t i = 0; i < 16; i++)
		CHECK_EQ(p[i * PAGE + i], i < 8 ? 'a' : 'p');
	CHECK_EQ(shared_value, 1);
	CHECK_EQ(s[0], 2);
	munmap(p, 16 * PAGE);
	munmap(s, PAGE);
}

static void
test_status(void)
{
	static const int codes[] = { 0, 1, 77, 255, 256 + 3 };
	static const int sigs[] = { SIGKILL, SIGTERM, SIGUSR1, SIGABRT };
	int status;
	pid_t pid;

	for (size_t i = 0; i < NELEM(codes); i++) {
		if ((pid = fork()) == 0)
			_exit(codes[i]);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), codes[i] & 255);
	}
	for (size_t i = 0; i < NELEM(sigs); i++) {
		if ((pid = fork()) == 0) {
			kill(getpid(), sigs[i]);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status));
		CHECK_EQ(WTERMSIG(status), sigs[i]);
	}
	CHECK_ERRNO(waitpid(-1, &status, 0), ECHILD);
	CHECK_ERRNO(waitpid(getpid(), &status, 0), ECHILD);
	CHECK_ERRNO(waitpid(-1, &status, 0x1000), EINVAL);
}

static void
test_wait_options(void)
{
	int status, fd[2];
	siginfo_t si;
	char c;
	pid_t pid;

	CHECK(pipe(fd) == 0);
	if ((pid = fork()) == 0) {
		close(fd[1]);
		(void)!read(fd[0], &c, 1);
		_exit(9);
	}
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	memset(&si, 1, sizeof(si));
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOHANG) == 0);
	CHECK_EQ(si.si_pid, 0);
	close(fd[1]);
	CHECK(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT) == 0);
	CHECK_EQ(si.si_pid, pid);
	CHECK_EQ(si.si_code, CLD_EXITED);
	CHECK_EQ(si.si_status, 9);
	CHECK(waitpid(pid, &status, WNOHANG) == pid);
	CHECK_EQ(WEXITSTATUS(status), 9);
	CHECK_ERRNO(waitpid(pid, &status, 0), ECHILD);
	close(fd[0]);
}

static void
test_stop_continue(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(WSTOPSIG(status), SIGSTOP);
	kill(pid, SIGCONT);
	CHECK(waitpid(pid, &status, WCONTINUED) == pid);
	CHECK(WIFCONTINUED(status));
	kill(pid, SIGSTOP);
	CHECK(waitpid(pid, &status, WUNTRACED) == pid);
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(WTERMSIG(status), SIGKILL);
}

/* vfork: the parent waits, the memory is one. */
static void
test_vfork(void)
{
	static volatile int seen;
	int status;
	pid_t pid;

	for (int i = 0; i < 10; i++) {
		seen = 0;
		pid = vfork();
		if (pid == 0) {
			seen = i + 1;
			_exit(i);
		}
		CHECK(pid > 0);
		CHECK_EQ(seen, i + 1);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK_EQ(WEXITSTATUS(status), i);
	}
}

/* The grandchild outlives its parent and gets process 1 as its own. */
static void
test_orphan(void)
{
	int fd[2], status;
	pid_t pid, report[2];

	CHECK(pipe(fd) == 0);
	if ((pid = fork()) == 0) {
		pid_t parent = getpid();

		if (fork() == 0) {
			while (getppid() == parent)
				sched_yield();
			report[0] = getppid();
			report[1] = getpid();
			(void)!write(fd[1], report, sizeof(report));
			_exit(0);
		}
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(read(fd[0], report, sizeof(report)), sizeof(report));
	if (!on_peer())
		CHECK_EQ(report[0], 1);
	close(fd[0]);
	close(fd[1]);
}

static void
test_many(void)
{
	pid_t pids[64];
	int status, seen = 0;

	for (int i = 0; i < 64; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(i);
		for (int k = 0; k < i; k++)
			CHECK(pids[k] != pids[i]);
	}
	for (int i = 0; i < 64; i++) {
		pid_t pid = wait(&status);

		for (int k = 0; k < 64; k++)
			if (pids[k] == pid) {
				CHECK_EQ(WEXITSTATUS(status), k);
				seen++;
			}
	}
	CHECK_EQ(seen, 64);
}

static void
test_rusage(void)
{
	struct rusage ru;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		touch(map_anon(200 * PAGE), 200 * PAGE);
		for (volatile long i = 0; i < 5000000; i++)
			continue;
		_exit(0);
	}
	CHECK(wait4(pid, &status, 0, &ru) == pid);
	CHECK(ru.ru_minflt >= (on_peer() ? 1 : 200));
	CHECK(ru.ru_utime.tv_sec * 1000000 + ru.ru_utime.tv_usec +
		ru.ru_stime.tv_usec >
	    0);
	CHECK(getrusage(RUSAGE_CHILDREN, &ru) == 0);
	CHECK(ru.ru_minflt >= (on_peer() ? 1 : 200));
	CHECK(getrusage(RUSAGE_SELF, &ru) == 0);
	CHECK_ERRNO(getrusage(99, &ru), EINVAL);
}

static void
test_ids(void)
{
	int status;
	pid_t pid, parent = getpid();

	CHECK_EQ(getpgid(0), getpgrp());
	CHECK_EQ(syscall(SYS_gettid), getpid());
	if ((pid = fork()) == 0) {
		CHECK_EQ(getppid(), parent);
		CHECK_EQ(getpgrp(), getpgid(parent));
		CHECK(setpgid(0, 0) == 0);
		CHECK_EQ(getpgrp(), getpid());
		CHECK_ERRNO(setsid(), EPERM);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	if ((pid = fork()) == 0) {
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK_ERRNO(getpgid(999999), ESRCH);
}

int
main(void)
{
	test_separate();
	test_status();
	test_wait_options();
	test_stop_continue();
	test_vfork();
	test_orphan();
	test_many();
	test_rusage();
	test_ids();
	return 0;
}
