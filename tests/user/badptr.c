/* vmrun: --smp 1,4 --timeout 60 */
/*
 * Bad pointers give EFAULT, whatever kind of bad they are; unknown calls give
 * ENOSYS; nonsense never hurts the kernel.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/shm.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/utsname.h>

static char *read_only, *no_access, *last_byte, *hole;
static int pipe_fd[2], file_fd;

/* One call with a bad pointer in the given place. */
struct probe {
	const char *name;
	long nr;
	long args[6];
	int at; /* which argument is the pointer */
	int writes; /* the kernel would write there */
};

static const struct probe probes[] = {
	{ "read", SYS_read, { -2, 0, 8 }, 1, 1 },
	{ "write", SYS_write, { -3, 0, 8 }, 1, 0 },
	{ "openat", SYS_openat, { AT_FDCWD, 0, O_RDONLY }, 1, 0 },
	{ "newfstatat", SYS_newfstatat, { AT_FDCWD, 0, 0, 0 }, 1, 0 },
	{ "fstat", SYS_fstat, { -2, 0 }, 1, 1 },
	{ "pipe2", SYS_pipe2, { 0, 0 }, 0, 1 },
	{ "getcwd", SYS_getcwd, { 0, 100 }, 0, 1 },
	{ "chdir", SYS_chdir, { 0 }, 0, 0 },
	{ "mkdirat", SYS_mkdirat, { AT_FDCWD, 0, 0755 }, 1, 0 },
	{ "unlinkat", SYS_unlinkat, { AT_FDCWD, 0, 0 }, 1, 0 },
	{ "uname", SYS_uname, { 0 }, 0, 1 },
	{ "getrandom", SYS_getrandom, { 0, 16, 0 }, 0, 1 },
	{ "clock_gettime", SYS_clock_gettime, { 1, 0 }, 1, 1 },
	{ "gettimeofday", SYS_gettimeofday, { 0, 0 }, 0, 1 },
	{ "nanosleep", SYS_nanosleep, { 0, 0 }, 0, 0 },
	{ "rt_sigaction", SYS_rt_sigaction, { SIGUSR1, 0, 0, 8 }, 1, 0 },
	{ "rt_sigaction old", SYS_rt_sigaction, { SIGUSR1, 0, 0, 8 }, 2, 1 },
	{ "rt_sigprocmask", SYS_rt_sigprocmask, { SIG_BLOCK, 0, 0, 8 }, 1, 0 },
	{ "rt_sigpending", SYS_rt_sigpending, { 0, 8 }, 0, 1 },
	{ "sigaltstack", SYS_sigaltstack, { 0, 0 }, 0, 0 },
	{ "sigaltstack old", SYS_sigaltstack, { 0, 0 }, 1, 1 },
	{ "prlimit64", SYS_prlimit64, { 0, RLIMIT_DATA, 0, 0 }, 3, 1 },
	{ "getrusage", SYS_getrusage, { 0, 0 }, 1, 1 },
	{ "times", SYS_times, { 0 }, 0, 1 },
	{ "setitimer", SYS_setitimer, { ITIMER_REAL, 0, 0 }, 1, 0 },
	{ "getitimer", SYS_getitimer, { ITIMER_REAL, 0 }, 1, 1 },
	{ "ppoll", SYS_ppoll, { 0, 1, 0, 0, 8 }, 0, 0 },
	{ "readv", SYS_readv, { -2, 0, 1 }, 1, 0 },
	{ "writev", SYS_writev, { -3, 0, 1 }, 1, 0 },
	{ "pread64", SYS_pread64, { -4, 0, 4, 0 }, 1, 1 },
	{ "pwrite64", SYS_pwrite64, { -4, 0, 4, 0 }, 1, 0 },
	{ "getdents64", SYS_getdents64, { -5, 0, 1000 }, 1, 1 },
	{ "sysinfo", SYS_sysinfo, { 0 }, 0, 1 },
	{ "futex", SYS_futex, { 0, 0, 0, 0 }, 0, 0 },
	{ "sched_getaffinity", SYS_sched_getaffinity, { 0, 128, 0 }, 2, 1 },
};

/* Descriptors that exist only at run time. */
static long
real_fd(long fd)
{
	static int dir_fd = -1;

	if (dir_fd < 0)
		dir_fd = open("/", O_RDONLY | O_DIRECTORY);
	switch (fd) {
	case -2:
		CHECK_EQ(write(pipe_fd[1], "01234567", 8), 8);
		return pipe_fd[0];
	case -3:
		return pipe_fd[1];
	case -4:
		return file_fd;
	case -5:
		return dir_fd;
	default:
		return fd;
	}
}

static void
drain(void)
{
	static char buf[4096];

	while (read(pipe_fd[0], buf, sizeof(buf)) > 0)
		continue;
	CHECK_EQ(errno, EAGAIN);
}

static int
is_stream(long nr)
{
	return nr == SYS_read || nr == SYS_write || nr == SYS_pread64 ||
	    nr == SYS_pwrite64 || nr == SYS_getrandom;
}

static void
try_pointer(const struct probe *p, void *pointer, const char *kind)
{
	long a[6], rv;

	memcpy(a, p->args, sizeof(a));
	if (a[0] < 0 && a[0] != AT_FDCWD)
		a[0] = real_fd(a[0]);
	a[p->at] = (long)pointer;
	errno = 0;
	rv = syscall(p->nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	/* a byte stream may stop where the bad part begins */
	if (pointer == last_byte && rv == 1 && is_stream(p->nr))
		rv = -1, errno = EFAULT;
	if (rv != -1 || errno != EFAULT) {
		fprintf(stderr, "%s with %s pointer %p: %ld, errno %d\n",
		    p->name, kind, pointer, rv, errno);
		_exit(1);
	}
	drain();
}

static void
test_pointers(void)
{
	static const uint64_t wild[] = { 8, 0x4000000000, 0x7fffffffffffffff,
		0x8000000000000000, 0xffffffc000000000, 0xffffffff80000000,
		0xffffffffffffff00 };

	for (size_t i = 0; i < NELEM(probes); i++) {
		for (size_t k = 0; k < NELEM(wild); k++) {
			/* a misaligned futex is another error */
			if (probes[i].nr == SYS_futex && wild[k] % 4 != 0)
				continue;
			try_pointer(&probes[i], (void *)wild[k], "wild");
		}
		try_pointer(&probes[i], no_access, "inaccessible");
		try_pointer(&probes[i], hole, "unmapped");
		if (probes[i].writes)
			try_pointer(&probes[i], read_only, "read-only");
		if (probes[i].nr != SYS_futex)
			try_pointer(&probes[i], last_byte, "crossing");
	}
}

/* Good part first: a short count is fine, damage or success is not. */
static void
test_partial(void)
{
	char *edge = no_access - 4;
	ssize_t n;

	memcpy(edge, "abcd", 4);
	n = write(pipe_fd[1], edge, 8);
	CHECK(n == 4 || (n == -1 && errno == EFAULT));
	drain();
	n = pwrite(file_fd, edge, 8, 0);
	CHECK(n == 4 || (n == -1 && errno == EFAULT));
	CHECK_EQ(pwrite(file_fd, "0123456789", 10, 0), 10);
	n = pread(file_fd, edge, 10, 0);
	CHECK(n == 4 || (n == -1 && errno == EFAULT));
	/* a string without an end inside the memory */
	memset(no_access - PAGE, 'x', PAGE);
	CHECK_ERRNO(open(no_access - 10, O_RDONLY), EFAULT);
	/* and one that just fits */
	strcpy(no_access - 10, "/dev/null");
	CHECK(close(open(no_access - 10, O_RDONLY)) == 0);
}

static void
test_unknown(void)
{
	static const long numbers[] = { 244, 299, 500, 600, 999, 1007, 2000,
		100000, -1, INT32_MIN, INT32_MAX, INT64_MAX, INT64_MIN };

	for (size_t i = 0; i < NELEM(numbers); i++)
		CHECK_ERRNO(syscall(numbers[i], 1, 2, 3, 4, 5, 6), ENOSYS);
	CHECK_ERRNO(syscall(999), ENOSYS);
}

/* Random calls with random arguments, but for those that end or stop us. */
static void
random_calls(void)
{
	static const int excluded[] = { SYS_exit, SYS_exit_group, SYS_kill,
		SYS_tkill, SYS_tgkill, SYS_rt_sigreturn, SYS_reboot,
		SYS_rt_sigsuspend, SYS_rt_sigtimedwait, SYS_ppoll, SYS_pselect6,
		SYS_futex, SYS_clone, 435, SYS_nanosleep, SYS_clock_nanosleep,
		SYS_read, SYS_readv, SYS_wait4, SYS_waitid, SYS_rt_sigqueueinfo,
		240, SYS_munmap, SYS_brk, SYS_mmap, SYS_mremap, SYS_mprotect,
		SYS_setrlimit, SYS_prlimit64, SYS_close_range, SYS_close,
		SYS_dup3, SYS_unlinkat, SYS_renameat2, SYS_umount2, SYS_chroot,
		SYS_syslog, SYS_ioctl, SYS_madvise, SYS_setitimer,
		SYS_rt_sigaction, SYS_sigaltstack, SYS_execve, 281,
		SYS_timer_settime, SYS_vhangup, SYS_sethostname,
		SYS_settimeofday, SYS_clock_settime, SYS_mlockall, 1000, 1002,
		1003, 1006, 270, 271, SYS_setpgid, SYS_setsid, 425, 426, 427 };
	char *target = map_anon(16 * PAGE);
	uint64_t seed = 99;

	alarm(20);
	for (int i = 0; i < 30000; i++) {
		long nr = random_next(&seed) % 450, a[6], ret;
		int skip = 0;

		for (size_t k = 0; k < NELEM(excluded); k++)
			skip |= nr == excluded[k];
		for (int k = 0; k < 6; k++)
			switch (random_next(&seed) % 6) {
			case 0:
				a[k] = (long)(target +
				    random_next(&seed) % (15 * PAGE));
				break;
			case 1:
				a[k] = (long)no_access - 8 +
				    (long)(random_next(&seed) % 16);
				break;
			case 2:
				a[k] = (long)(random_next(&seed) % 16);
				break;
			case 3:
				a[k] = -(long)(random_next(&seed) % 200);
				break;
			case 4:
				a[k] =
				    (long)((uint64_t)random_next(&seed) << 33);
				break;
			default:
				a[k] = (long)(random_next(&seed) % 100000);
			}
		if (skip)
			continue;
		ret = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
		/* what nobody has attached stays for ever */
		if (nr == SYS_shmget && ret >= 0)
			CHECK(shmctl((int)ret, IPC_RMID, NULL) == 0);
	}
}

int
main(void)
{
	char *p = map_anon(4 * PAGE);

	CHECK(pipe2(pipe_fd, O_NONBLOCK) == 0);
	file_fd = open("/tmp/badptr", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(file_fd >= 0);
	CHECK_EQ(write(file_fd, "0123456789", 10), 10);
	read_only = p;
	no_access = p + 2 * PAGE;
	last_byte = p + 2 * PAGE - 1;
	hole = p + 3 * PAGE;
	p[PAGE] = 1;
	CHECK(mprotect(read_only, PAGE, PROT_READ) == 0);
	CHECK(mprotect(no_access, PAGE, PROT_NONE) == 0);
	CHECK(munmap(hole, PAGE) == 0);
	memset(p + PAGE, 'a', PAGE);
	test_pointers();
	test_partial();
	test_unknown();
	CHECK(unlink("/tmp/badptr") == 0);
	if (!on_peer()) {
		int status = in_child(random_calls);

		/* a call may well have been fatal for the caller */
		CHECK(WIFEXITED(status) || WTERMSIG(status) != SIGALRM);
	}
	return 0;
}
