/* vmrun: --smp 4 --mem 128M --timeout 150 10 25 */
/* vmrun: --smp 1 --mem 64M --timeout 120 5 8 */
/*
 * procstorm PROCESSES SECONDS: processes of several threads that at random
 * create and join threads, fork, vfork, exec, stop and continue, signal and
 * kill each other's children, set timers, and exit in the middle of it.
 */
#include "test.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/time.h>

static uint64_t deadline;
static _Atomic unsigned word;
static __thread uint64_t state;

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static unsigned
rnd(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 11) % n;
}

static void
nap(unsigned us)
{
	struct timespec ts = { 0, (long)us * 1000 };

	nanosleep(&ts, NULL);
}

static void
on_any(int sig)
{
	(void)sig;
	word++;
}

static void *
worker(void *arg)
{
	struct timespec ts = { 0, 2000000 };
	char *p;

	state = (uint64_t)(uintptr_t)arg * 0x9e3779b97f4a7c15u + 1;
	for (unsigned i = 0, n = rnd(30); i < n; i++) {
		switch (rnd(6)) {
		case 0:
			nap(rnd(1000));
			break;
		case 1:
			syscall(SYS_futex, &word, FUTEX_WAIT, word, &ts, 0, 0);
			break;
		case 2:
			syscall(SYS_futex, &word, FUTEX_WAKE, 3, 0, 0, 0);
			break;
		case 3:
			p = mmap(NULL, 8 * PAGE, RW, ANON, -1, 0);
			if (p != MAP_FAILED) {
				p[0] = p[5 * PAGE] = 1;
				munmap(p, 8 * PAGE);
			}
			break;
		case 4:
			kill(getpid(), rnd(2) ? SIGUSR1 : SIGRTMIN);
			break;
		default:
			sched_yield();
		}
	}
	return NULL;
}

static char *const true_argv[] = { (char *)"/bin/true", NULL };

static void *
exec_thread(void *arg)
{
	nap((unsigned)(uintptr_t)arg);
	execv(true_argv[0], true_argv);
	return NULL;
}

/* One life: threads that work, and one of many ends. */
static void
life(unsigned how, uint64_t seed)
{
	pthread_t t[6], ex;
	unsigned n;

	state = seed | 1;
	n = rnd(6);
	for (unsigned i = 0; i < n; i++)
		if (pthread_create(&t[i], NULL, worker,
			(void *)(uintptr_t)rnd(1000000)) != 0)
			n = i;
	switch (how) {
	case 0: /* in the middle of the threads' work */
		nap(rnd(2000));
		_exit(0);
	case 1: /* exec by one of the threads, while the others go on */
		if (pthread_create(&ex, NULL, exec_thread,
			(void *)(uintptr_t)rnd(1000)) == 0)
			pthread_join(ex, NULL);
		_exit(0);
	case 2:
		nap(rnd(500));
		execv(true_argv[0], true_argv);
		_exit(99);
	case 3: /* the last thread ends the process */
		pthread_exit(NULL);
	case 4:
		nap(rnd(500));
		raise(SIGKILL);
		/* FALLTHROUGH */
	default:
		for (unsigned i = 0; i < n; i++)
			pthread_join(t[i], NULL);
		_exit(0);
	}
}

static pid_t
spawn(void)
{
	unsigned how = rnd(7);
	uint64_t seed = state;
	pid_t pid;

	if (how == 6) {
		pid = vfork();
		if (pid == 0) {
			execv(true_argv[0], true_argv);
			_exit(99);
		}
		return pid;
	}
	pid = fork();
	if (pid == 0)
		life(how, seed);
	return pid;
}

static void
harass(pid_t pid)
{
	for (unsigned i = 0, n = rnd(5); i < n; i++) {
		switch (rnd(5)) {
		case 0:
			kill(pid, SIGSTOP);
			nap(rnd(300));
			kill(pid, SIGCONT);
			break;
		case 1:
			kill(pid, SIGUSR1);
			break;
		case 2:
			if (rnd(4) == 0)
				kill(pid, SIGKILL);
			break;
		case 3:
			waitpid(pid, NULL, WNOHANG | WUNTRACED | WCONTINUED);
			break;
		default:
			nap(rnd(500));
		}
	}
}

static void
run_process(unsigned id)
{
	struct itimerval it = { { 0, 700 }, { 0, 700 } };
	unsigned long rounds = 0;
	pid_t pid;
	int status;

	state = id * 7919 + 12345;
	signal(SIGUSR1, on_any);
	signal(SIGRTMIN, on_any);
	signal(SIGALRM, on_any);
	if (id % 2)
		setitimer(ITIMER_REAL, &it, NULL);
	while (now_ms() < deadline) {
		pid = spawn();
		if (pid < 0) {
			CHECK(errno == EAGAIN || errno == ENOMEM);
			continue;
		}
		harass(pid);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			continue;
		CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0);
		CHECK(!WIFSIGNALED(status) || WTERMSIG(status) == SIGKILL ||
		    /* before or after the handlers are there */
		    WTERMSIG(status) == SIGUSR1 ||
		    WTERMSIG(status) == SIGRTMIN);
		rounds++;
	}
	CHECK(rounds > 10);
	_exit(0);
}

int
main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)atoi(argv[1]) : 5;
	unsigned secs = argc > 2 ? (unsigned)atoi(argv[2]) : 8;
	int status;

	deadline = now_ms() + secs * 1000;
	for (unsigned i = 0; i < n; i++)
		if (fork() == 0)
			run_process(i);
	for (unsigned i = 0; i < n; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
	return 0;
}
