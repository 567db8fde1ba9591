/* vmrun: --smp 1,4 --timeout 90 */
/*
 * Files as memory: holes, ends that move under mappings, requests that fail
 * half way, limits of size and space, and programs that are being executed.
 */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/uio.h>

static sigjmp_buf fault_env;
static volatile int fault_code;
static void *volatile fault_addr;

static void
on_bus(int sig, siginfo_t *info, void *ctx)
{
	(void)sig, (void)ctx;
	fault_code = info->si_code;
	fault_addr = info->si_addr;
	siglongjmp(fault_env, 1);
}

/* Does an access to p end in SIGBUS, as one behind the end of a file does? */
static bool
is_behind_end(volatile char *p, bool write)
{
	struct sigaction sa = { .sa_sigaction = on_bus,
		.sa_flags = SA_SIGINFO };

	CHECK(sigaction(SIGBUS, &sa, NULL) == 0);
	if (sigsetjmp(fault_env, 1) != 0) {
		CHECK_EQ(fault_code, BUS_ADRERR);
		CHECK(fault_addr == p);
		return true;
	}
	if (write)
		*p = 'w';
	else
		(void)*p;
	return false;
}

static blkcnt_t
blocks(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	return st.st_blocks;
}

/* Blocks, of PAGE, that tell where the data is: a disk has them. */
static blkcnt_t
map_blocks(int fd, int n)
{
	struct statfs sf;

	CHECK(fstatfs(fd, &sf) == 0);
	if (sf.f_type != 0xef53)
		return 0;
	CHECK_EQ(sf.f_bsize, PAGE);
	return n * 8;
}

/* What was never written takes no memory, not even when it is read. */
static void
test_holes(void)
{
	static char buf[1 << 20], zero[1 << 20];
	int fd = open("hole", O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct stat st;

	CHECK(fd >= 0);
	CHECK(ftruncate(fd, 1 << 20) == 0);
	CHECK_EQ(blocks(fd), 0);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	CHECK(memcmp(buf, zero, sizeof(buf)) == 0);
	CHECK_EQ(read(fd, buf, 1), 0);
	CHECK_EQ(blocks(fd), 0);
	CHECK_EQ(pwrite(fd, "x", 1, 500000), 1);
	CHECK_EQ(blocks(fd), 8 + map_blocks(fd, 1));
	CHECK_EQ(pread(fd, buf, 100, 499990), 100);
	CHECK(buf[10] == 'x' && buf[9] == 0 && buf[11] == 0);
	CHECK_EQ(blocks(fd), 8 + map_blocks(fd, 1));
	/* far away, nothing in between */
	CHECK_EQ(pwrite(fd, "y", 1, (off_t)1 << 40), 1);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, ((off_t)1 << 40) + 1);
	CHECK_EQ(blocks(fd), 16 + map_blocks(fd, 4));
	CHECK_EQ(lseek(fd, 10, SEEK_DATA) >= 10, 1);
	CHECK(lseek(fd, 10, SEEK_HOLE) >= 10);
	CHECK_ERRNO(lseek(fd, st.st_size, SEEK_DATA), ENXIO);
	CHECK_ERRNO(lseek(fd, st.st_size, SEEK_HOLE), ENXIO);
	CHECK(ftruncate(fd, 0) == 0);
	CHECK_EQ(blocks(fd), 0);
	CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
	CHECK_ERRNO(truncate("hole", -1), EINVAL);
	CHECK_ERRNO(truncate("none", 0), ENOENT);
	CHECK_ERRNO(truncate("/tmp", 0), EISDIR);
	CHECK(truncate("hole", 77) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 77);
	close(fd);
	fd = open("hole", O_RDONLY);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	close(fd);
	CHECK(unlink("hole") == 0);
}

/* A mapping sees the end of the file move. */
static void
test_truncate_mapped(void)
{
	int fd = open("map", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *s, *p, c;

	CHECK(ftruncate(fd, 4 * PAGE) == 0);
	s = mmap(NULL, 6 * PAGE, RW, MAP_SHARED, fd, 0);
	p = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(s != MAP_FAILED && p != MAP_FAILED);
	for (size_t i = 0; i < 4; i++)
		memset(s + i * PAGE, (int)('a' + i), PAGE);
	CHECK_EQ(p[3 * PAGE], 'd');
	CHECK_EQ(pread(fd, &c, 1, 4 * PAGE - 1), 1);
	CHECK_EQ(c, 'd');
	CHECK(is_behind_end(s + 4 * PAGE, false));
	CHECK(is_behind_end(s + 4 * PAGE, true));
	CHECK(ftruncate(fd, PAGE + 100) == 0);
	CHECK_EQ(s[PAGE + 99], 'b');
	CHECK_EQ(s[PAGE + 100], 0); /* the rest of the last page */
	CHECK_EQ(s[2 * PAGE - 1], 0);
	CHECK(is_behind_end(s + 2 * PAGE, false));
	CHECK(is_behind_end(s + 3 * PAGE, true));
	CHECK(is_behind_end(p + 3 * PAGE, false));
	CHECK(madvise(s, 2 * PAGE, MADV_POPULATE_WRITE) == 0);
	CHECK_ERRNO(madvise(s, 3 * PAGE, MADV_POPULATE_READ), EFAULT);
	/* what is written behind the end of the file is not in the file */
	memset(s + PAGE + 100, 'z', 50);
	CHECK(ftruncate(fd, 3 * PAGE) == 0);
	/* (Linux's file systems in memory disagree) */
	for (size_t i = PAGE + 100; !on_peer() && i < 3 * PAGE; i++)
		CHECK_EQ(s[i], 0);
	CHECK_EQ(s[PAGE], 'b');
	CHECK(is_behind_end(s + 3 * PAGE, false));
	/* a write makes it longer, and the mapping sees it at once */
	CHECK_EQ(pwrite(fd, "more", 4, 5 * PAGE), 4);
	CHECK(memcmp(s + 5 * PAGE, "more", 4) == 0);
	CHECK_EQ(s[3 * PAGE], 0);
	s[3 * PAGE + 5] = 'S';
	CHECK_EQ(pread(fd, &c, 1, 3 * PAGE + 5), 1);
	CHECK_EQ(c, 'S');
	/* the name and the descriptor go, the memory stays */
	CHECK(unlink("map") == 0);
	close(fd);
	CHECK_EQ(s[3 * PAGE + 5], 'S');
	munmap(s, 6 * PAGE);
	munmap(p, 4 * PAGE);
}

/* Locked pages, too, go with the end of the file. */
static void
test_truncate_locked(void)
{
	int fd = open("lock", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *s;

	CHECK(ftruncate(fd, 4 * PAGE) == 0);
	s = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(s != MAP_FAILED);
	CHECK(mlock(s, 4 * PAGE) == 0);
	s[3 * PAGE] = 1;
	CHECK(ftruncate(fd, PAGE) == 0);
	CHECK(is_behind_end(s + 3 * PAGE, false));
	s[0] = 1;
	CHECK(munlock(s, 4 * PAGE) == 0 || errno == ENOMEM);
	munmap(s, 4 * PAGE);
	close(fd);
	CHECK(unlink("lock") == 0);
}

/* The request's own memory ends half way. */
static void
test_short_requests(void)
{
	char *m = map_anon(3 * PAGE), buf[64];
	int fd = open("short", O_RDWR | O_CREAT | O_TRUNC, 0644);
	struct iovec iov[2];
	struct stat st;
	int p[2];

	memset(m, 'm', 2 * PAGE);
	CHECK(munmap(m + 2 * PAGE, PAGE) == 0);
	CHECK_ERRNO(write(fd, m + 2 * PAGE, 10), EFAULT);
	CHECK_ERRNO(pwrite(fd, m + 2 * PAGE, 10, 1000), EFAULT);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
#ifdef __riscv
	/* the peer tries again for ever, on this architecture alone */
	if (on_peer())
		goto pipes;
#endif
	/* written is what could be read, and the file is as long as that */
	CHECK_EQ(write(fd, m + 2 * PAGE - 100, 200), 100);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, 100);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 100);
	CHECK_EQ(write(fd, m, 4 * PAGE), 2 * PAGE);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, 100 + 2 * PAGE);
	CHECK_EQ(pread(fd, m + 2 * PAGE - 50, 80, 0), 50);
	/* behind what was counted nothing has changed */
	CHECK_EQ(pwrite(fd, "0123456789", 10, 0), 10);
	CHECK_EQ(pwrite(fd, m + 2 * PAGE - 4, 8, 0), 4);
	CHECK_EQ(pread(fd, buf, 10, 0), 10);
	CHECK(memcmp(buf, "mmmm456789", 10) == 0);
	iov[0] = (struct iovec){ m, 30 };
	iov[1] = (struct iovec){ m + 2 * PAGE, 30 };
	CHECK(ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	CHECK_EQ(writev(fd, iov, 2), 30);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, 30);
#ifdef __riscv
pipes:
#endif
	close(fd);
	/* a pipe does not lose what could not be taken out */
	CHECK(pipe(p) == 0);
	CHECK_EQ(write(p[1], "pipe", 4), 4);
	CHECK_ERRNO(read(p[0], m + 2 * PAGE, 4), EFAULT);
	CHECK_ERRNO(write(p[1], m + 2 * PAGE, 4), EFAULT);
	CHECK_ERRNO(write(p[1], m + 2 * PAGE - 2, 4), EFAULT);
	CHECK_EQ(read(p[0], buf, 10), 4);
	CHECK(memcmp(buf, "pipe", 4) == 0);
	close(p[0]);
	close(p[1]);
	munmap(m, 2 * PAGE);
	CHECK(unlink("short") == 0);
}

/* A file read into its own mapping, and written from it. */
static void
test_own_mapping(void)
{
	int fd = open("self", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *s;

	CHECK(ftruncate(fd, 8 * PAGE) == 0);
	s = mmap(NULL, 8 * PAGE, RW, MAP_SHARED, fd, 0);
	for (size_t i = 0; i < 4 * PAGE; i++)
		s[i] = (char)(i * 13 >> 4);
	CHECK_EQ(pwrite(fd, s, 4 * PAGE, 4 * PAGE), 4 * PAGE);
	CHECK(memcmp(s, s + 4 * PAGE, 4 * PAGE) == 0);
	CHECK_EQ(pread(fd, s + 10, PAGE, 10), PAGE); /* onto itself */
	CHECK_EQ(pread(fd, s + PAGE, PAGE, 2 * PAGE), PAGE);
	CHECK(memcmp(s + PAGE, s + 2 * PAGE, PAGE) == 0);
	munmap(s, 8 * PAGE);
	close(fd);
	CHECK(unlink("self") == 0);
}

static volatile sig_atomic_t xfsz;

static void
on_xfsz(int sig)
{
	(void)sig;
	xfsz++;
}

static void
size_limit_child(void)
{
	struct rlimit lim = { 1000, 1000 };
	int fd = open("limit", O_RDWR | O_CREAT | O_TRUNC, 0644);
	static char buf[2000];
	struct stat st;

	signal(SIGXFSZ, on_xfsz);
	CHECK(setrlimit(RLIMIT_FSIZE, &lim) == 0);
	CHECK_EQ(write(fd, buf, 600), 600);
	CHECK_EQ(write(fd, buf, 600), 400); /* cut at the limit */
	CHECK_EQ(xfsz, 0);
	CHECK_ERRNO(write(fd, buf, 1), EFBIG);
	CHECK_EQ(xfsz, 1);
	CHECK_EQ(write(fd, buf, 0), 0);
	CHECK_ERRNO(pwrite(fd, buf, 1, 5000), EFBIG);
	CHECK_EQ(xfsz, 2);
	CHECK_EQ(pwrite(fd, buf, 2000, 0), 1000);
	CHECK_ERRNO(ftruncate(fd, 1001), EFBIG);
	CHECK_EQ(xfsz, 3);
	CHECK(ftruncate(fd, 1000) == 0 && ftruncate(fd, 10) == 0);
	CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0);
	CHECK_EQ(lseek(fd, 999, SEEK_SET), 999);
	CHECK_EQ(write(fd, buf, 2000), 990); /* from the end of the file on */
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, 1000);
	close(fd);
	CHECK(unlink("limit") == 0);
}

/* Files may take much memory, but not all of it. */
static void
test_space(void)
{
	static char buf[1 << 20];
	int fd = open("full", O_RDWR | O_CREAT | O_TRUNC, 0644);
	off_t total = 0;
	struct stat st;
	ssize_t n;

	memset(buf, 'f', sizeof(buf));
	while ((n = write(fd, buf, sizeof(buf))) > 0)
		total += n;
	CHECK_EQ(errno, ENOSPC);
	CHECK(total > 16 << 20);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, total);
	CHECK_EQ(pread(fd, buf, 10, total - 10), 10);
	CHECK_EQ(buf[0], 'f');
	CHECK_ERRNO(pwrite(fd, buf, 1, total + (10 << 20)), ENOSPC);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, total);
	/* what is there can be written again, and what goes makes room */
	CHECK_EQ(pwrite(fd, buf, sizeof(buf), 0), sizeof(buf));
	CHECK(ftruncate(fd, total / 2) == 0);
	CHECK_EQ(pwrite(fd, buf, sizeof(buf), total), sizeof(buf));
	close(fd);
	CHECK(unlink("full") == 0);
}

/* -- Programs ------------------------------------------------------------------- */

static const char *self;

static void
copy_self(const char *to)
{
	static char buf[65536];
	int in = open(self, O_RDONLY), out;
	ssize_t n;

	out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(out, buf, (size_t)n), n);
	close(in);
	close(out);
}

/* => pid of ./prog, which runs until p is closed */
static pid_t
start_prog(int p[2])
{
	char c, fd[12];
	int up[2];
	pid_t pid;

	CHECK(pipe(p) == 0 && pipe(up) == 0);
	if ((pid = fork()) == 0) {
		close(p[1]);
		close(up[0]);
		CHECK(dup2(p[0], 0) == 0);
		sprintf(fd, "%d", up[1]);
		execl("./prog", "prog", "wait", fd, (char *)NULL);
		_exit(99);
	}
	close(p[0]);
	close(up[1]);
	CHECK_EQ(read(up[0], &c, 1), 1);
	close(up[0]);
	return pid;
}

static int
role_wait(int fd)
{
	char c = 'r';
	pid_t pid = fork();

	/* a child runs the same program: the file is busy until both end */
	if (pid == 0) {
		(void)!read(0, &c, 1);
		_exit(0);
	}
	CHECK_EQ(write(fd, &c, 1), 1);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return 0;
}

static int
exec_prog(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl("./prog", "prog", "true", (char *)NULL);
		_exit(errno);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
test_text(void)
{
	int fd, p[2], status;
	char *s;
	pid_t pid;

	copy_self("prog");
	CHECK_EQ(exec_prog(), 0);
	/* open for writing: not a program now */
	fd = open("prog", O_RDWR);
	CHECK(fd >= 0);
	CHECK_EQ(exec_prog(), ETXTBSY);
	/* nor when only a mapping is left that can change it */
	s = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(s != MAP_FAILED);
	close(fd);
	CHECK_EQ(exec_prog(), ETXTBSY);
	munmap(s, PAGE);
	CHECK_EQ(exec_prog(), 0);
	/* and while it runs it is not a file to be written */
	pid = start_prog(p);
	CHECK_ERRNO(open("prog", O_WRONLY), ETXTBSY);
	CHECK_ERRNO(open("prog", O_RDONLY | O_TRUNC), ETXTBSY);
	CHECK_ERRNO(truncate("prog", 0), ETXTBSY);
	CHECK_EQ(exec_prog(), 0);
	CHECK_ERRNO(open("prog", O_WRONLY), ETXTBSY);
	/* its name may go, and its mode may change */
	CHECK(chmod("prog", 0700) == 0);
	CHECK(rename("prog", "prog2") == 0 && rename("prog2", "prog") == 0);
	close(p[1]);
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	fd = open("prog", O_WRONLY);
	CHECK(fd >= 0);
	close(fd);
	/* a script is busy only while it is looked at */
	fd = open("script", O_WRONLY | O_CREAT | O_TRUNC, 0755);
	CHECK_EQ(write(fd, "#!./prog true\n", 14), 14);
	close(fd);
	CHECK(chmod("prog", 0600) == 0);
	CHECK_EQ(exec_prog(), EACCES);
	CHECK(unlink("prog") == 0 && unlink("script") == 0);
}

/* -- Races -------------------------------------------------------------------------- */

static volatile bool stop;

/* Reads whole numbers while the file grows and shrinks: they are whole. */
static void *
reader(void *arg)
{
	uint64_t buf[512];
	int fd = *(int *)arg;
	ssize_t n;

	while (!stop) {
		n = pread(fd, buf, sizeof(buf), 4096);
		CHECK(n >= 0 && n % 8 == 0);
		for (ssize_t i = 0; i < n / 8; i++)
			CHECK(buf[i] == 0 ||
			    buf[i] == UINT64_C(0x1122334455667788));
	}
	return NULL;
}

static void
test_race(void)
{
	uint64_t buf[1536];
	int fd = open("race", O_RDWR | O_CREAT | O_TRUNC, 0644);
	pthread_t t[2];

	for (size_t i = 0; i < NELEM(buf); i++)
		buf[i] = UINT64_C(0x1122334455667788);
	stop = false;
	for (int i = 0; i < 2; i++)
		CHECK(pthread_create(&t[i], NULL, reader, &fd) == 0);
	for (int i = 0; i < 1500; i++) {
		CHECK_EQ(pwrite(fd, buf, sizeof(buf), 0), sizeof(buf));
		CHECK(ftruncate(fd, (i * 40) & 0x3ff8) == 0);
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		CHECK(pthread_join(t[i], NULL) == 0);
	close(fd);
	CHECK(unlink("race") == 0);
}

/* => faults it takes to touch each page of what is mapped so, once */
static long
faults_of(int fd, int flags, size_t n)
{
	char *p = mmap(NULL, n * PAGE, RW, flags, fd, 0);
	struct rusage before, after;

	CHECK(p != MAP_FAILED);
	CHECK(getrusage(RUSAGE_SELF, &before) == 0);
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(*(volatile char *)(p + i * PAGE), 'f');
	CHECK(getrusage(RUSAGE_SELF, &after) == 0);
	CHECK(munmap(p, n * PAGE) == 0);
	return after.ru_minflt + after.ru_majflt - before.ru_minflt -
	    before.ru_majflt;
}

/* MAP_POPULATE maps at once what there is; mincore knows which pages are. */
static void
test_populate(void)
{
	enum { N = 64 };
	int fd = open("pop", O_RDWR | O_CREAT | O_TRUNC, 0644);
	unsigned char vec[N + 2];
	char page[PAGE], *p;

	memset(page, 'f', sizeof(page));
	for (size_t i = 0; i < N; i++)
		CHECK_EQ(write(fd, page, PAGE), PAGE);
	CHECK(faults_of(fd, MAP_SHARED, N) > 0);
	CHECK_EQ(faults_of(fd, MAP_SHARED | MAP_POPULATE, N), 0);
	CHECK(faults_of(fd, MAP_PRIVATE, N) > 0);
	CHECK_EQ(faults_of(fd, MAP_PRIVATE | MAP_POPULATE, N), 0);
	/* in memory, whether mapped or not; not behind the end, not a hole */
	CHECK(ftruncate(fd, (N + 1) * PAGE) == 0);
	p = mmap(NULL, (N + 2) * PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && mincore(p, (N + 2) * PAGE, vec) == 0);
	for (size_t i = 0; i < N; i++)
		CHECK_EQ(vec[i] & 1, 1);
	CHECK((vec[N] & 1) == 0 && (vec[N + 1] & 1) == 0);
	CHECK(munmap(p, (N + 2) * PAGE) == 0);
	close(fd);
	CHECK(unlink("pop") == 0);
}

int
main(int argc, char **argv)
{
	if (argc > 1 && strcmp(argv[1], "true") == 0)
		return 0;
	if (argc > 2 && strcmp(argv[1], "wait") == 0)
		return role_wait(atoi(argv[2]));
	self = argv[0];
	CHECK(mkdir("/tmp/filemem-test", 0755) == 0);
	if (on_peer()) /* whose root knows no limits */
		CHECK(mount("tmpfs", "/tmp/filemem-test", "tmpfs", 0, "") == 0);
	CHECK(chdir("/tmp/filemem-test") == 0);
	umask(022);
	test_holes();
	test_truncate_mapped();
	test_truncate_locked();
	test_short_requests();
	test_own_mapping();
	CHECK_CHILD(size_limit_child);
	test_space();
	test_text();
	test_race();
	test_populate();
	CHECK(chdir("/") == 0);
	CHECK(rmdir("/tmp/filemem-test") == 0 || on_peer());
	return 0;
}
