/* vmrun: --smp 1,2,4 --timeout 60 */
/*
 * Threads: create, join, mutexes, conditions, thread-local storage, and
 * futexes by hand, between threads and between processes.
 */
#include "test.h"

#include <pthread.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>

#define THREADS 8

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long counter;
static int turn;
static __thread int mine;

static long
futex(void *addr, int op, uint32_t value, const void *timeout)
{
	return syscall(SYS_futex, addr, op, value, timeout, NULL, ~0u);
}

static void
run_threads(void *(*fn)(void *))
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, fn, (void *)i), 0);
	for (long i = 0; i < THREADS; i++) {
		void *result;

		CHECK_EQ(pthread_join(t[i], &result), 0);
		CHECK_EQ((long)result, i);
	}
}

static void *
count_up(void *arg)
{
	mine = (int)(long)arg;
	for (int i = 0; i < 5000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	CHECK_EQ(mine, (long)arg);
	return arg;
}

static void
test_mutex(void)
{
	counter = 0;
	run_threads(count_up);
	CHECK_EQ(counter, 5000 * THREADS);
	CHECK_EQ(mine, 0);
}

/* A token goes round: each waits for its turn. */
static void *
take_turns(void *arg)
{
	for (int i = 0; i < 200; i++) {
		pthread_mutex_lock(&mutex);
		while (turn != (long)arg)
			pthread_cond_wait(&cond, &mutex);
		turn = (turn + 1) % THREADS;
		pthread_cond_broadcast(&cond);
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

static void
test_condition(void)
{
	turn = 0;
	run_threads(take_turns);
	CHECK_EQ(turn, 0);
}

/* All threads fault the same memory, and memory of their own. */
static char *common;

static void *
fault_together(void *arg)
{
	char *own = map_anon(64 * PAGE);
	long me = (long)arg;

	for (size_t i = 0; i < 256; i++)
		common[i * PAGE + (size_t)me] = (char)(me + 1);
	for (int round = 0; round < 10; round++) {
		touch(own, 64 * PAGE);
		CHECK(madvise(own, 64 * PAGE, MADV_DONTNEED) == 0);
		CHECK_EQ(own[round * PAGE], 0);
	}
	CHECK(munmap(own, 64 * PAGE) == 0);
	return arg;
}

static void
test_faults(void)
{
	common = map_anon(256 * PAGE);
	run_threads(fault_together);
	for (size_t i = 0; i < 256; i++)
		for (size_t k = 0; k < THREADS; k++)
			CHECK_EQ(common[i * PAGE + k], (char)(k + 1));
	CHECK(munmap(common, 256 * PAGE) == 0);
}

/*
 * One thread takes the right to write away while others write: once mprotect
 * has returned, nothing changes any more until the right is given back.
 */
static volatile uint32_t *page;
static atomic_int stop, allowed;

static void *
write_while_allowed(void *arg)
{
	while (!atomic_load(&stop))
		page[(long)arg]++;
	return arg;
}

/* Wait for the right and try again. */
static void
on_segv(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	(void)context;
	CHECK(((uintptr_t)si->si_addr & -PAGE) == (uintptr_t)page);
	while (!atomic_load(&allowed))
		sched_yield();
}

static void
test_shootdown(void)
{
	uint64_t end = now_ns() + 3000000000u;
	uint32_t seen[3], started = 0;
	struct sigaction sa;
	pthread_t t[3];

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = on_segv;
	sa.sa_flags = SA_SIGINFO;
	CHECK(sigaction(SIGSEGV, &sa, NULL) == 0);
	page = map_anon(PAGE);
	atomic_store(&stop, 0);
	atomic_store(&allowed, 1);
	for (long i = 0; i < 3; i++)
		CHECK_EQ(
		    pthread_create(&t[i], NULL, write_while_allowed, (void *)i),
		    0);
	/* on one hart a round takes a time slice of every writer */
	for (int round = 0; round < 200 && now_ns() < end; round++) {
		atomic_store(&allowed, 0);
		CHECK(mprotect((void *)(uintptr_t)page, PAGE, PROT_READ) == 0);
		memcpy(seen, (const void *)(uintptr_t)page, sizeof(seen));
		for (volatile int i = 0; i < 2000; i++)
			continue;
		CHECK(memcmp(seen, (const void *)(uintptr_t)page,
			  sizeof(seen)) == 0);
		CHECK(mprotect((void *)(uintptr_t)page, PAGE, RW) == 0);
		atomic_store(&allowed, 1);
		sched_yield();
	}
	sleep_ms(50);
	atomic_store(&stop, 1);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(pthread_join(t[i], NULL), 0);
		started += page[i] != 0;
	}
	CHECK_EQ(started, 3);
	signal(SIGSEGV, SIG_DFL);
}

/* A page replaced under a reader: it sees the old one or the new one. */
static void *
replace_page(void *arg)
{
	for (int i = 1; i < 400; i++) {
		char *p = mmap(
		    (void *)(uintptr_t)page, PAGE, RW, ANON | MAP_FIXED, -1, 0);

		CHECK(p == (char *)(uintptr_t)page);
		CHECK_EQ(p[100], 0);
		p[100] = 1;
	}
	atomic_store(&stop, 1);
	return arg;
}

static void *
read_page(void *arg)
{
	while (!atomic_load(&stop)) {
		char c = ((volatile char *)page)[100];

		CHECK(c == 0 || c == 1);
	}
	return arg;
}

static void
test_replace(void)
{
	pthread_t a, b;

	page = map_anon(PAGE);
	atomic_store(&stop, 0);
	CHECK_EQ(pthread_create(&a, NULL, read_page, NULL), 0);
	CHECK_EQ(pthread_create(&b, NULL, replace_page, NULL), 0);
	CHECK_EQ(pthread_join(a, NULL), 0);
	CHECK_EQ(pthread_join(b, NULL), 0);
	CHECK(munmap((void *)(uintptr_t)page, PAGE) == 0);
}

static void
test_futex(void)
{
	struct timespec ts = { 0, 20000000 };
	uint32_t word = 5, *shared;
	int status;
	uint64_t start;
	pid_t pid;

	CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 4, NULL), EAGAIN);
	start = now_ns();
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 5, &ts), ETIMEDOUT);
	CHECK(now_ns() - start >= 20000000);
	CHECK_EQ(futex(&word, FUTEX_WAKE_PRIVATE, 10, NULL), 0);
	CHECK_ERRNO(futex(bad_pointer, FUTEX_WAIT, 0, &ts), EFAULT);
	CHECK_ERRNO(futex((char *)&word + 1, FUTEX_WAIT, 0, &ts), EINVAL);
	CHECK_ERRNO(futex(&word, 77, 0, &ts), ENOSYS);
	/* between processes, through shared memory */
	shared = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	if ((pid = fork()) == 0) {
		while (__atomic_load_n(shared, __ATOMIC_ACQUIRE) == 0)
			futex(shared, FUTEX_WAIT, 0, NULL);
		CHECK_EQ(*shared, 1);
		__atomic_store_n(shared, 2, __ATOMIC_RELEASE);
		futex(shared, FUTEX_WAKE, 1, NULL);
		_exit(0);
	}
	sleep_ms(20);
	__atomic_store_n(shared, 1, __ATOMIC_RELEASE);
	futex(shared, FUTEX_WAKE, 1, NULL);
	while (__atomic_load_n(shared, __ATOMIC_ACQUIRE) != 2)
		futex(shared, FUTEX_WAIT, 1, NULL);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK(munmap(shared, PAGE) == 0);
}

/* exit() of any thread, or a fatal signal, ends all of them. */
static void *
exit_all(void *arg)
{
	if (arg == NULL)
		_exit(17);
	for (;;)
		pause();
	return NULL;
}

static void
exit_from_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, exit_all, (void *)1);
	pthread_create(&t, NULL, exit_all, NULL);
	for (;;)
		pause();
}

static void *
crash(void *arg)
{
	(void)arg;
	*(volatile int *)bad_pointer = 1;
	return NULL;
}

static void
crash_in_thread(void)
{
	pthread_t t;

	pthread_create(&t, NULL, exit_all, (void *)1);
	pthread_create(&t, NULL, crash, NULL);
	for (;;)
		pause();
}

/* fork in a process with threads: the child has one. */
static void
fork_with_threads(void)
{
	pthread_t t;
	int status;
	pid_t pid;

	pthread_create(&t, NULL, exit_all, (void *)1);
	for (int i = 0; i < 20; i++) {
		if ((pid = fork()) == 0)
			_exit(syscall(SYS_gettid) == getpid() ? 0 : 1);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
}

static void *
do_nothing(void *arg)
{
	return arg;
}

static void
test_many(void)
{
	for (int i = 0; i < 300; i++) {
		pthread_t t;

		CHECK_EQ(pthread_create(&t, NULL, do_nothing, NULL), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
	}
}

int
main(void)
{
	test_mutex();
	test_condition();
	test_faults();
	test_shootdown();
	test_replace();
	test_futex();
	CHECK_EQ(in_child(exit_from_thread), 17 << 8);
	CHECK_KILLED(crash_in_thread, SIGSEGV);
	CHECK_CHILD(fork_with_threads);
	test_many();
	return 0;
}
