/*
 * A process of the lowest priority that spins, so that the machine never
 * idles, and publishes the time it was given: all other time is the work.
 */
#ifndef _BENCH_SPINNER_H_
#define _BENCH_SPINNER_H_

#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t
clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* => its process, and *spunp: nanoseconds it had; -1 and errno */
static inline pid_t
start_spinner(volatile uint64_t **spunp)
{
	const size_t size = sizeof(**spunp);
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	volatile uint64_t *spun = p;
	pid_t pid;

	if (p == MAP_FAILED || mlock(p, size) != 0)
		return -1;
	*spunp = spun;
	pid = fork();
	if (pid != 0)
		return pid;
	setpriority(PRIO_PROCESS, 0, 19);
	for (;;) {
		for (volatile int i = 0; i < 200; i++)
			continue;
		*spun = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	}
}

static inline void
stop_spinner(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#endif
