/* vmrun: --smp 1,4 --timeout 60 */
/*
 * process_vm_readv and process_vm_writev: between processes, to oneself, to
 * one that ends; how far they come.
 */
#include "test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/uio.h>

#define N 16

static char *area; /* N pages, in parent and child at the same address */
static pid_t child;
static int to_child[2], to_parent[2];
static volatile bool cut; /* the file will not be cut again */

static void
tell(int fd)
{
	CHECK(write(fd, "x", 1) == 1);
}

static void
await(int fd)
{
	char c;

	CHECK(read(fd, &c, 1) == 1);
}

static ssize_t
get(pid_t pid, void *own, size_t len, void *there)
{
	struct iovec l = { own, len }, r = { there, len };

	return process_vm_readv(pid, &l, 1, &r, 1, 0);
}

static ssize_t
put(pid_t pid, const void *own, size_t len, void *there)
{
	struct iovec l = { (void *)(uintptr_t)own, len }, r = { there, len };

	return process_vm_writev(pid, &l, 1, &r, 1, 0);
}

/* The child waits for a byte, checks or changes, and answers. */
static void
child_main(void)
{
	for (int i = 0; i < N; i++)
		memset(area + (size_t)i * PAGE, 'a' + i, PAGE);
	CHECK(munmap(area + 8 * PAGE, PAGE) == 0);
	CHECK(mprotect(area + 12 * PAGE, PAGE, PROT_READ) == 0);
	CHECK(mprotect(area + 14 * PAGE, PAGE, PROT_NONE) == 0);
	tell(to_parent[1]);
	await(to_child[0]);
	CHECK(memcmp(area + 2 * PAGE - 3, "hello there", 11) == 0);
	CHECK(area[2 * PAGE - 4] == 'b' && area[2 * PAGE + 8] == 'c');
	CHECK(area[12 * PAGE] == 'm');
	tell(to_parent[1]);
	await(to_child[0]);
	_exit(5);
}

static void
test_other(void)
{
	char *buf = malloc(N * PAGE);

	CHECK_EQ(get(child, buf, 8 * PAGE, area), 8 * PAGE);
	for (int i = 0; i < 8; i++)
		CHECK(buf[(size_t)i * PAGE] == 'a' + i &&
		    buf[(size_t)i * PAGE + PAGE - 1] == 'a' + i);
	/* up to the hole, from behind it, nothing at it */
	CHECK_EQ(
	    get(child, buf, 5 * PAGE, area + 5 * PAGE + 10), 3 * PAGE - 10);
	CHECK_EQ(get(child, buf, 3 * PAGE, area + 9 * PAGE), 3 * PAGE);
	CHECK_ERRNO(get(child, buf, PAGE, area + 8 * PAGE), EFAULT);
	/* rights are the process's own */
	CHECK_EQ(get(child, buf, 3 * PAGE, area + 12 * PAGE), 2 * PAGE);
	CHECK_ERRNO(get(child, buf, 1, area + 14 * PAGE), EFAULT);
	CHECK_ERRNO(put(child, buf, 1, area + 12 * PAGE), EFAULT);
	CHECK_EQ(put(child, buf, 3 * PAGE, area + 11 * PAGE), PAGE);
	/* the other's copy only */
	CHECK_EQ(put(child, "hello there", 11, area + 2 * PAGE - 3), 11);
	CHECK_EQ(area[2 * PAGE], 0);
	tell(to_child[1]);
	await(to_parent[0]);
	free(buf);
}

static void
test_vectors(void)
{
	char a[10], b[20], c[5];
	struct iovec l[3] = { { a, 10 }, { b, 20 }, { c, 5 } };
	struct iovec r[4] = { { area + 3, 4 }, { area + 4 * PAGE - 6, 12 },
		{ NULL, 0 }, { area + 8 * PAGE - 15, 100 } };

	CHECK_EQ(process_vm_readv(child, l, 3, r, 2, 0), 16);
	CHECK(memcmp(a, "aaaadddddd", 10) == 0);
	CHECK(memcmp(b, "eeeeee", 6) == 0);
	/* the own ones are shorter; a hole in the last one */
	CHECK_EQ(process_vm_readv(child, l, 2, r, 4, 0), 30);
	CHECK(memcmp(b + 6, "hhhhhhhhhhhhhh", 14) == 0);
	CHECK_EQ(process_vm_readv(child, l, 3, r, 4, 0), 31);
	CHECK_EQ(c[0], 'h');
	/* own memory that is not there: as far as it goes */
	l[1].iov_base = bad_pointer;
	CHECK_EQ(process_vm_readv(child, l, 3, r, 2, 0), 10);
	l[0].iov_base = bad_pointer;
	CHECK_ERRNO(process_vm_readv(child, l, 3, r, 2, 0), EFAULT);
}

static void
test_errors(void)
{
	static struct iovec many[1025];
	struct iovec l = { area, 8 }, r = { area + PAGE, 8 };
	pid_t me = getpid();

	CHECK_ERRNO(process_vm_readv(me, &l, 1, &r, 1, 1), EINVAL);
	CHECK_ERRNO(process_vm_readv(me, many, 1025, &r, 1, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(me, &l, 1, many, 1025, 0), EINVAL);
	CHECK_ERRNO(process_vm_readv(me, bad_pointer, 1, &r, 1, 0), EFAULT);
	CHECK_ERRNO(process_vm_readv(me, &l, 1, bad_pointer, 1, 0), EFAULT);
	CHECK_ERRNO(process_vm_readv(99999, &l, 1, &r, 1, 0), ESRCH);
	CHECK_ERRNO(process_vm_writev(-1, &l, 1, &r, 1, 0), ESRCH);
	CHECK_EQ(process_vm_readv(me, &l, 0, &r, 1, 0), 0);
	CHECK_EQ(process_vm_readv(me, &l, 1, &r, 0, 0), 0);
	CHECK_EQ(process_vm_readv(me, many, 1024, many, 1024, 0), 0);
	l.iov_len = (size_t)-1;
	CHECK_ERRNO(process_vm_readv(me, &l, 1, &r, 1, 0), EINVAL);
	l.iov_len = 8;
	r.iov_len = (size_t)-1;
	CHECK_ERRNO(process_vm_readv(me, &l, 1, &r, 1, 0), EINVAL);
	r.iov_base = (void *)(uintptr_t)0xffffffff80200000;
	r.iov_len = 8;
	CHECK_ERRNO(process_vm_readv(me, &l, 1, &r, 1, 0), EFAULT);
}

static void
test_self(void)
{
	size_t len = 200 * PAGE;
	char *p = map_anon(len), *q = map_anon(len);
	int fd = open("/proc/self/exe", O_RDONLY);
	char *f, c;

	for (size_t i = 0; i < len; i++)
		p[i] = (char)(i * 7 + i / PAGE);
	CHECK_EQ(get(getpid(), q, len, p), (ssize_t)len);
	CHECK(memcmp(p, q, len) == 0);
	memset(q, 0, len);
	CHECK_EQ(put(getpid(), p + 100, len - 200, q + 50), (ssize_t)len - 200);
	CHECK(memcmp(p + 100, q + 50, len - 200) == 0);
	CHECK(q[49] == 0 && q[len - 150] == 0);
	CHECK(munmap(p, len) == 0 && munmap(q, len) == 0);
	/* beyond the end of a file */
	f = mmap(NULL, 4 << 20, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(f != MAP_FAILED);
	CHECK_EQ(get(getpid(), &c, 1, f + 1), 1);
	CHECK_EQ(c, 'E');
	CHECK_ERRNO(get(getpid(), &c, 1, f + (4 << 20) - 1), EFAULT);
	CHECK(munmap(f, 4 << 20) == 0 && close(fd) == 0);
}

/* One that is ending, or has ended: what was there, or ESRCH, or EFAULT. */
static void
test_ending(void)
{
	char *buf = malloc(N * PAGE);
	ssize_t n;
	pid_t pid;
	int status;

	for (int i = 0; i < 40; i++) {
		memset(area, i, N * PAGE);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			for (volatile int k = 0; k < i * 200; k++)
				continue;
			_exit(0);
		}
		for (int k = 0; k < 20; k++) {
			n = get(pid, buf, 8 * PAGE, area);
			CHECK(n == (ssize_t)(8 * PAGE) ||
			    (n >= 0 && n % (ssize_t)PAGE == 0) ||
			    (n == -1 && (errno == ESRCH || errno == EFAULT)));
			for (ssize_t j = 0; j < n; j++)
				CHECK_EQ(buf[j], i);
		}
		CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		CHECK_ERRNO(get(pid, buf, 1, area), ESRCH);
	}
	/* a zombie has no memory */
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0)
		_exit(0);
	CHECK(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) ==
	    0);
	CHECK_ERRNO(get(pid, buf, 1, area), ESRCH);
	CHECK(waitpid(pid, &status, 0) == pid);
	free(buf);
}

static void *
cut_and_grow(void *arg)
{
	int fd = *(int *)arg;

	for (int i = 0; i < 4000; i++)
		CHECK(ftruncate(fd, 0) == 0 &&
		    ftruncate(fd, N * (off_t)PAGE) == 0);
	cut = true;
	return NULL;
}

/* A file gets shorter while it is looked at and written: EFAULT, from there. */
static void
test_cut_meanwhile(void)
{
	char *buf = malloc(N * PAGE), *f;
	int fd = open("/tmp/procvm", O_RDWR | O_CREAT | O_TRUNC, 0600);
	pthread_t t;
	ssize_t n;

	CHECK(fd >= 0 && unlink("/tmp/procvm") == 0);
	memset(buf, 'x', N * PAGE);
	f = mmap(NULL, N * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(f != MAP_FAILED);
	CHECK(pthread_create(&t, NULL, cut_and_grow, &fd) == 0);
	for (bool read = false; !cut; read = !read) {
		n = read ? get(getpid(), buf, N * PAGE, f)
			 : put(getpid(), buf, N * PAGE, f);
		CHECK(n > 0 || (n == -1 && errno == EFAULT));
		for (ssize_t i = 0; i < n; i += 512)
			CHECK(buf[i] == 0 || buf[i] == 'x');
	}
	CHECK(pthread_join(t, NULL) == 0);
	CHECK(munmap(f, N * PAGE) == 0 && close(fd) == 0);
	free(buf);
}

int
main(void)
{
	int status;

	area = map_anon(N * PAGE);
	CHECK(pipe(to_child) == 0 && pipe(to_parent) == 0);
	child = fork();
	CHECK(child >= 0);
	if (child == 0)
		child_main();
	await(to_parent[0]);
	test_vectors();
	test_other();
	tell(to_child[1]);
	CHECK(waitpid(child, &status, 0) == child && status == 5 << 8);
	CHECK_ERRNO(get(child, &status, 4, area), ESRCH);
	test_errors();
	test_self();
	test_ending();
	test_cut_meanwhile();
	return 0;
}
