/*
 * time: run a command and tell what it took.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "box.h"

static void
print_time(const char *label, long long us)
{
	fprintf(stderr, "%s %lld.%06lld\n", label, us / 1000000, us % 1000000);
}

static long long
to_us(const struct timeval *tv)
{
	return tv->tv_sec * 1000000LL + tv->tv_usec;
}

static void
run_child(char **argv)
{
	execvp(argv[0], argv);
	complain("%s", argv[0]);
	_exit(errno == ENOENT ? 127 : 126);
}

int
time_main(int argc, char **argv)
{
	struct timespec start, end;
	struct rusage ru;
	int status;
	pid_t pid;

	if (argc < 2 || argv[1][0] == '-')
		usage();
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (pid == 0)
		run_child(argv + 1);
	if (pid < 0) {
		complain("fork");
		return 1;
	}
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	while (wait4(pid, &status, 0, &ru) < 0)
		if (errno != EINTR) {
			complain("wait4");
			return 1;
		}
	clock_gettime(CLOCK_MONOTONIC, &end);
	print_time("real",
	    (end.tv_sec - start.tv_sec) * 1000000LL +
		(end.tv_nsec - start.tv_nsec) / 1000);
	print_time("user", to_us(&ru.ru_utime));
	print_time("sys ", to_us(&ru.ru_stime));
	fprintf(stderr, "faults %ld, with I/O %ld; %ld KiB resident at most\n",
	    ru.ru_minflt, ru.ru_majflt, ru.ru_maxrss);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
