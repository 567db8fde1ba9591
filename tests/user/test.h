/*
 * What the guest tests share.  A test is one static program: exit status 0
 * when everything held, 1 after a line that says what did not, 77 when it
 * cannot run here (not with our kernel: there every test runs).
 *
 * With TEST_PEER set in the environment the test runs on another system,
 * which checks the test; what only our kernel has is left out then.
 */
#ifndef TEST_H
#define TEST_H

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uvm_bsd.h>

#define PAGE     ((size_t)4096)
#define RW       (PROT_READ | PROT_WRITE)
#define ANON     (MAP_PRIVATE | MAP_ANONYMOUS)
#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

static inline void __attribute__((noreturn, unused))
test_failed(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: pid %d: does not hold: %s (errno %d, %s)\n",
	    file, line, (int)getpid(), what, errno, strerror(errno));
	_exit(1);
}

/* The program gives up when the expression is false. */
#define CHECK(e) ((e) ? (void)0 : test_failed(__FILE__, __LINE__, #e))

/* Two numbers are the same; says which they were. */
#define CHECK_EQ(a, b)                                                      \
	do {                                                                \
		long long a_ = (long long)(a), b_ = (long long)(b);         \
		if (a_ != b_) {                                             \
			fprintf(stderr, "%s is %lld, %s is %lld\n", #a, a_, \
			    #b, b_);                                        \
			test_failed(__FILE__, __LINE__, #a " == " #b);      \
		}                                                           \
	} while (0)

/* What is cached of files nobody uses goes, so that counts can be compared. */
static inline void __attribute__((unused)) drop_caches(void)
{
	const int name[] = { CTL_VM, VM_DROPCACHES };
	int one = 1;

	sync();
	CHECK(bsd_sysctl(name, 2, NULL, NULL, &one, sizeof(one)) == 0);
}

/* The call fails with exactly this errno. */
#define CHECK_ERRNO(e, want)                                              \
	do {                                                              \
		errno = 0;                                                \
		if ((long)(e) != -1 || errno != (want))                   \
			test_failed(__FILE__, __LINE__, #e " -> " #want); \
	} while (0)

/* Nothing is ever mapped there; volatile, or the compiler would object. */
static void *volatile bad_pointer __attribute__((unused)) = (void *)16;

/* On another system, to check the test itself? */
static inline int __attribute__((unused)) on_peer(void)
{
	return getenv("TEST_PEER") != NULL;
}

/*
 * Run fn in a child.
 * => the status as waitpid() gives it; a return from fn is exit(0)
 */
static inline int __attribute__((unused)) in_child(void (*fn)(void))
{
	int status = -1;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		fn();
		fflush(NULL);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

/* fn succeeds in a child; is ended there by the signal. */
#define CHECK_CHILD(fn)       CHECK_EQ(in_child(fn), 0)
#define CHECK_KILLED(fn, sig) CHECK_EQ(in_child(fn) & 0x7f, sig)

static inline void *__attribute__((unused)) map_anon(size_t len)
{
	void *p = mmap(NULL, len, RW, ANON, -1, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

static inline void __attribute__((unused)) touch(void *p, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		((volatile char *)p)[i] = 1;
}

static inline uint64_t __attribute__((unused)) now_ns(void)
{
	struct timespec ts;

	CHECK(clock_gettime(CLOCK_MONOTONIC, &ts) == 0);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static inline void __attribute__((unused)) sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) != 0 && errno == EINTR)
		continue;
}

/* Small pseudo-random numbers; every seed gives another sequence. */
static inline uint32_t __attribute__((unused)) random_next(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) +
	    UINT64_C(1442695040888963407);
	return (uint32_t)(*state >> 33);
}

#endif /* !TEST_H */
