/* vmrun: --smp 1,4 --timeout 60 */
/*
 * execve: arguments, environment, auxiliary vector, what survives and what
 * does not, and its errors.
 */
#include "test.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/stat.h>

static const char *self;

/* Run this program again in the given role. */
static int
run_role(char *const argv[], char *const envp[])
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execve(self, argv, envp);
		_exit(99);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static int
role_args(int argc, char **argv)
{
	extern char **environ;

	CHECK_EQ(argc, 5);
	CHECK(strcmp(argv[2], "") == 0);
	CHECK(strcmp(argv[3], "two words\n\"quoted\"") == 0);
	CHECK_EQ(strlen(argv[4]), 3000);
	CHECK(argv[5] == NULL);
	CHECK(strcmp(environ[0], "A=1") == 0);
	CHECK(strcmp(getenv("EMPTY"), "") == 0);
	CHECK(environ[2] == NULL || strncmp(environ[2], "TEST_PEER", 9) == 0);
	CHECK(environ[2] == NULL || environ[3] == NULL);
	return 0;
}

static void
test_args(void)
{
	char big[3001];
	char *argv[] = { "exec", "args", "", "two words\n\"quoted\"", big,
		NULL };
	char *envp[] = { "A=1", "EMPTY=", on_peer() ? "TEST_PEER=1" : NULL,
		NULL };

	memset(big, 'b', 3000);
	big[3000] = '\0';
	CHECK_EQ(run_role(argv, envp), 0);
}

static int
role_auxv(void)
{
	const unsigned char *random = (void *)getauxval(AT_RANDOM);
	const Elf64_Phdr *ph = (void *)getauxval(AT_PHDR);
	int nonzero = 0, loads = 0;

	CHECK_EQ(getauxval(AT_PAGESZ), PAGE);
	CHECK(random != NULL);
	for (int i = 0; i < 16; i++)
		nonzero += random[i] != 0;
	CHECK(nonzero > 8);
	CHECK_EQ(getauxval(AT_PHENT), sizeof(Elf64_Phdr));
	CHECK(ph != NULL);
	for (unsigned long i = 0; i < getauxval(AT_PHNUM); i++)
		loads += ph[i].p_type == PT_LOAD;
	CHECK(loads >= 1);
	CHECK(getauxval(AT_ENTRY) != 0);
	CHECK_EQ(getauxval(AT_UID), getuid());
	CHECK_EQ(getauxval(AT_EGID), getegid());
	CHECK_EQ(getauxval(AT_SECURE), 0);
	CHECK(getauxval(AT_CLKTCK) > 0);
	CHECK(getauxval(AT_EXECFN) != 0);
	CHECK(strcmp((char *)getauxval(AT_EXECFN), getenv("SELF")) == 0);
#ifdef __riscv
	CHECK(
	    (getauxval(AT_HWCAP) & 0x112d) == 0x112d || on_peer()); /* imafdc */
#endif
	return 0;
}

/* Random bytes and, with ASLR, the stack differ between two runs. */
static int
role_random(void)
{
	fwrite((void *)getauxval(AT_RANDOM), 1, 16, stdout);
	return 0;
}

static void
test_random(void)
{
	char *argv[] = { "exec", "random", NULL }, *envp[] = { NULL };
	char a[2][16];

	for (int i = 0; i < 2; i++) {
		int fd[2], status;
		pid_t pid;

		CHECK(pipe(fd) == 0);
		if ((pid = fork()) == 0) {
			dup2(fd[1], 1);
			execve(self, argv, envp);
			_exit(99);
		}
		close(fd[1]);
		CHECK_EQ(read(fd[0], a[i], 16), 16);
		close(fd[0]);
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	}
	CHECK(memcmp(a[0], a[1], 16) != 0);
}

static void
on_signal(int sig)
{
	(void)sig;
}

/* Caught signals go back to default, ignored and blocked ones stay. */
static int
role_state(char **argv)
{
	struct sigaction sa;
	sigset_t set;

	CHECK(sigaction(SIGUSR1, NULL, &sa) == 0);
	CHECK(sa.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGUSR2, NULL, &sa) == 0);
	CHECK(sa.sa_handler == SIG_IGN);
	CHECK(sigprocmask(SIG_SETMASK, NULL, &set) == 0);
	CHECK(sigismember(&set, SIGHUP) == 1);
	CHECK(sigismember(&set, SIGUSR1) == 0);
	CHECK(fcntl(atoi(argv[2]), F_GETFD) >= 0);
	CHECK_ERRNO(fcntl(atoi(argv[3]), F_GETFD), EBADF);
	CHECK_EQ(getpid(), atoi(argv[4]));
	return 0;
}

static void
set_state(void)
{
	char keep[16], close_it[16], pid[16];
	char *argv[] = { "exec", "state", keep, close_it, pid, NULL };
	int a = open("/dev/null", O_RDONLY);
	int b = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t set;

	CHECK(a >= 0 && b >= 0);
	sprintf(keep, "%d", a);
	sprintf(close_it, "%d", b);
	sprintf(pid, "%d", (int)getpid());
	signal(SIGUSR1, on_signal);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	execv(self, argv);
	_exit(98);
}

static void
write_file(const char *path, const void *data, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, data, len), len);
	CHECK(close(fd) == 0);
}

static void
test_errors(void)
{
	char *argv[] = { "x", NULL }, *envp[] = { NULL };
	char long_path[5000];

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	CHECK_ERRNO(execve("/nonexistent", argv, envp), ENOENT);
	CHECK_ERRNO(execve("", argv, envp), ENOENT);
	CHECK_ERRNO(execve("/", argv, envp), EACCES);
	CHECK_ERRNO(execve("/dev/null/x", argv, envp), ENOTDIR);
	CHECK_ERRNO(execve(long_path, argv, envp), ENAMETOOLONG);
	CHECK_ERRNO(execve(bad_pointer, argv, envp), EFAULT);
	CHECK_ERRNO(execve(self, bad_pointer, envp), EFAULT);
	CHECK_ERRNO(execve(self, argv, bad_pointer), EFAULT);
	write_file("/tmp/plain", "hello\n", 6, 0644);
	CHECK_ERRNO(execve("/tmp/plain", argv, envp), EACCES);
	CHECK(unlink("/tmp/plain") == 0);
	write_file("/tmp/text", "no magic here\n", 14, 0755);
	CHECK_ERRNO(execve("/tmp/text", argv, envp), ENOEXEC);
	CHECK(unlink("/tmp/text") == 0);
}

/* Damaged ELF files: refused, or the new program dies; never worse. */
static void
test_damaged(void)
{
	static unsigned char image[4096];
	char *argv[] = { "x", NULL }, *envp[] = { NULL };
	int fd = open(self, O_RDONLY), status;
	uint64_t seed = 5;

	CHECK(fd >= 0);
	CHECK_EQ(read(fd, image, sizeof(image)), sizeof(image));
	close(fd);
	for (int round = 0; round < 60; round++) {
		unsigned char copy[4096];
		pid_t pid;

		memcpy(copy, image, sizeof(copy));
		for (int k = 0; k < 4; k++)
			copy[4 + random_next(&seed) % 400] =
			    (unsigned char)random_next(&seed);
		write_file("/tmp/damaged", copy, sizeof(copy), 0755);
		if ((pid = fork()) == 0) {
			alarm(2);
			execve("/tmp/damaged", argv, envp);
			_exit(50);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFSIGNALED(status) || WIFEXITED(status));
	}
	/* truncated inside the headers */
	for (size_t len = 0; len < 200; len += 13) {
		write_file("/tmp/damaged", image, len, 0755);
		CHECK(execve("/tmp/damaged", argv, envp) == -1);
		CHECK(errno == ENOEXEC || errno == EIO || errno == EACCES ||
		    errno == EINVAL);
	}
	CHECK(unlink("/tmp/damaged") == 0);
}

static void
test_too_big(void)
{
	enum { N = 3000 };
	static char *argv[N + 1];
	char *envp[] = { NULL }, *big = malloc(100000);
	int status;
	pid_t pid;

	memset(big, 'y', 99999);
	big[99999] = '\0';
	for (int i = 0; i < N; i++)
		argv[i] = big;
	if ((pid = fork()) == 0) {
		execve(self, argv, envp);
		_exit(errno == E2BIG ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_EQ(status, 0);
	free(big);
}

int
main(int argc, char **argv)
{
	char env_self[300],
	    *envp[] = { env_self, on_peer() ? "TEST_PEER=1" : NULL, NULL };
	char *auxv[] = { "exec", "auxv", NULL };

	if (argc > 1 && strcmp(argv[1], "args") == 0)
		return role_args(argc, argv);
	if (argc > 1 && strcmp(argv[1], "auxv") == 0)
		return role_auxv();
	if (argc > 1 && strcmp(argv[1], "random") == 0)
		return role_random();
	if (argc > 1 && strcmp(argv[1], "state") == 0)
		return role_state(argv);
	self = argv[0];
	snprintf(env_self, sizeof(env_self), "SELF=%s", self);
	test_args();
	CHECK_EQ(run_role(auxv, envp), 0);
	test_random();
	CHECK_CHILD(set_state);
	test_errors();
	test_damaged();
	test_too_big();
	return 0;
}
