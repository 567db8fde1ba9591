/* vmrun: --smp 1,4 --timeout 60 */
/*
 * The mmap family on anonymous memory: placement, holes, protection, advice,
 * residence, wiring.
 */
#include "test.h"

#include <sys/resource.h>

static unsigned char vec[4096];

static int
resident(void *p, size_t pages)
{
	int n = 0;

	CHECK(mincore(p, pages * PAGE, vec) == 0);
	for (size_t i = 0; i < pages; i++)
		n += vec[i] & 1;
	return n;
}

static void
test_fixed(void)
{
	char *p = map_anon(8 * PAGE), *q;

	memset(p, 'x', 8 * PAGE);
	q = mmap(p + 2 * PAGE, 3 * PAGE, RW, ANON | MAP_FIXED, -1, 0);
	CHECK(q == p + 2 * PAGE);
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(p[i * PAGE + 9], i >= 2 && i < 5 ? 0 : 'x');
	q = mmap(p, PAGE, RW, ANON | 0x100000 /* MAP_FIXED_NOREPLACE */, -1, 0);
	CHECK(q == MAP_FAILED && errno == EEXIST);
	CHECK_ERRNO(mmap(p + 1, PAGE, RW, ANON | MAP_FIXED, -1, 0), EINVAL);
	CHECK(munmap(p, 8 * PAGE) == 0);
}

static void
test_hint(void)
{
	char *p = map_anon(64 * PAGE), *q;

	CHECK(munmap(p, 64 * PAGE) == 0);
	q = mmap(p + 16 * PAGE, PAGE, RW, ANON, -1, 0);
	CHECK(q == p + 16 * PAGE);
	p = mmap(q, PAGE, RW, ANON, -1, 0);
	CHECK(p != MAP_FAILED && p != q);
	*p = *q = 1;
	CHECK(munmap(p, PAGE) == 0 && munmap(q, PAGE) == 0);
}

static void
test_errors(void)
{
	char *p = map_anon(4 * PAGE);

	CHECK_ERRNO(mmap(NULL, 0, RW, ANON, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	CHECK_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	CHECK_ERRNO(mmap(NULL, SIZE_MAX & -PAGE, RW, ANON, -1, 0), ENOMEM);
	CHECK_ERRNO(
	    mmap(NULL, (size_t)1 << 40, RW, ANON | MAP_NORESERVE, -1, 0),
	    ENOMEM);
	CHECK_ERRNO(mmap((void *)((uintptr_t)1 << 38), PAGE, RW,
			ANON | MAP_FIXED, -1, 0),
	    ENOMEM);
	CHECK_ERRNO(munmap(p + 1, PAGE), EINVAL);
	CHECK_ERRNO(munmap(p, 0), EINVAL);
	CHECK_ERRNO(munmap(p, (size_t)1 << 62), EINVAL);
	CHECK_ERRNO(mprotect(p + 1, PAGE, RW), EINVAL);
	CHECK_ERRNO(mprotect(p, PAGE, 0x70), EINVAL);
	CHECK(mprotect(p, 0, PROT_NONE) == 0);
	CHECK_ERRNO(madvise(p, PAGE, 9999), EINVAL);
	CHECK_ERRNO(madvise(p + 1, PAGE, MADV_NORMAL), EINVAL);
	CHECK(munmap(p, 4 * PAGE) == 0);
}

static void
test_holes(void)
{
	char *p = map_anon(6 * PAGE);

	touch(p, 6 * PAGE);
	CHECK(munmap(p + 2 * PAGE, PAGE) == 0);
	CHECK_ERRNO(mprotect(p, 6 * PAGE, PROT_READ), ENOMEM);
	CHECK_ERRNO(mlock(p, 6 * PAGE), ENOMEM);
	CHECK(munlock(p, 2 * PAGE) == 0); /* what came before the hole */
	CHECK_ERRNO(mincore(p, 6 * PAGE, vec), ENOMEM);
	CHECK_ERRNO(madvise(p, 6 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK_ERRNO(msync(p, 6 * PAGE, MS_SYNC), ENOMEM);
	/* a range with holes can be unmapped, and again */
	CHECK(munmap(p, 6 * PAGE) == 0);
	CHECK(munmap(p, 6 * PAGE) == 0);
	CHECK_ERRNO(mprotect(p, PAGE, PROT_READ), ENOMEM);
}

/* Clip into many pieces, and look whether every byte is still there. */
static void
test_clip(void)
{
	enum { N = 256 };
	char *p = map_anon(N * PAGE);
	uint64_t seed = 3;

	for (size_t i = 0; i < N; i++)
		p[i * PAGE] = (char)i;
	for (int round = 0; round < 2000; round++) {
		size_t at = random_next(&seed) % N;
		size_t len = 1 + random_next(&seed) % (N - at);
		int prot = random_next(&seed) & 1 ? PROT_READ : RW;

		CHECK(mprotect(p + at * PAGE, len * PAGE, prot) == 0);
	}
	CHECK(mprotect(p, N * PAGE, RW) == 0);
	for (size_t i = 0; i < N; i++) {
		CHECK_EQ(p[i * PAGE], (char)i);
		p[i * PAGE + 1] = 1;
	}
	for (size_t i = 0; i < N; i += 2)
		CHECK(munmap(p + i * PAGE, PAGE) == 0);
	for (size_t i = 1; i < N; i += 2)
		CHECK_EQ(p[i * PAGE], (char)i);
	CHECK(munmap(p, N * PAGE) == 0);
}

static void
test_dontneed(void)
{
	char *p = map_anon(16 * PAGE);

	memset(p, 'd', 16 * PAGE);
	CHECK_EQ(resident(p, 16), 16);
	CHECK(madvise(p + 4 * PAGE, 8 * PAGE, MADV_DONTNEED) == 0);
	CHECK_EQ(resident(p, 16), 8);
	for (size_t i = 0; i < 16; i++)
		CHECK_EQ(p[i * PAGE + 77], i >= 4 && i < 12 ? 0 : 'd');
	CHECK(madvise(p, 16 * PAGE, MADV_FREE) == 0);
	for (size_t i = 0; i < 16; i++)
		CHECK(p[i * PAGE + 77] == 0 || p[i * PAGE + 77] == 'd');
	CHECK(munmap(p, 16 * PAGE) == 0);
}

static void
discard_in_child(void)
{
	char *p = map_anon(4 * PAGE);
	int status;
	pid_t pid;

	memset(p, 'f', 4 * PAGE);
	if ((pid = fork()) == 0) {
		CHECK(madvise(p, 4 * PAGE, MADV_DONTNEED) == 0);
		CHECK_EQ(p[0], 0);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	for (size_t i = 0; i < 4; i++)
		CHECK_EQ(p[i * PAGE], 'f');
}

static void
test_mincore(void)
{
	char *p = map_anon(32 * PAGE);

	CHECK_EQ(resident(p, 32), 0);
	CHECK(madvise(p, 32 * PAGE, MADV_RANDOM) == 0);
	p[3 * PAGE] = p[31 * PAGE] = 1;
	CHECK_EQ(resident(p, 32), 2);
	CHECK((vec[3] & 1) == 1 && (vec[4] & 1) == 0);
	CHECK_ERRNO(mincore(p, 32 * PAGE, bad_pointer), EFAULT);
	CHECK_ERRNO(mincore(p + 1, PAGE, vec), EINVAL);
	CHECK(munmap(p, 32 * PAGE) == 0);
}

static void
test_mlock(void)
{
	char *p = map_anon(16 * PAGE);
	struct rlimit rl = { 4 * PAGE, 4 * PAGE };

	CHECK(mlock(p, 8 * PAGE) == 0);
	CHECK_EQ(resident(p, 8), 8);
	CHECK_EQ(resident(p + 8 * PAGE, 8), 0);
	CHECK(mlock(p, 8 * PAGE) == 0);
	CHECK(munlock(p, 4 * PAGE) == 0);
	CHECK(munlock(p, 8 * PAGE) == 0);
	CHECK(munlock(p, 8 * PAGE) == 0);
	CHECK(munmap(p, 16 * PAGE) == 0);
	CHECK(mlockall(MCL_FUTURE) == 0);
	p = map_anon(4 * PAGE);
	CHECK_EQ(resident(p, 4), 4);
	CHECK(munlockall() == 0);
	CHECK(munmap(p, 4 * PAGE) == 0);
	CHECK_ERRNO(mlockall(0), EINVAL);
	CHECK_ERRNO(mlockall(0x80), EINVAL);
	/* privileged callers may be let past the limit: only set it */
	CHECK(setrlimit(RLIMIT_MEMLOCK, &rl) == 0);
}

/* Locked memory of the parent is not locked in the child. */
static void
lock_then_fork(void)
{
	char *p = map_anon(4 * PAGE);
	int status;
	pid_t pid;

	CHECK(mlock(p, 4 * PAGE) == 0);
	p[0] = 'l';
	if ((pid = fork()) == 0) {
		CHECK_EQ(p[0], 'l');
		p[0] = 'm';
		CHECK(munmap(p, 4 * PAGE) == 0);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	CHECK_EQ(p[0], 'l');
	CHECK(munlock(p, 4 * PAGE) == 0);
}

static void
test_protection(void)
{
	static const unsigned char ret[4] = { 0x67, 0x80, 0, 0 };
	char *p = map_anon(PAGE);

	p[0] = 1;
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	CHECK_EQ(p[0], 1);
	CHECK(mprotect(p, PAGE, RW) == 0);
	p[0] = 2;
#ifdef __riscv
	memcpy(p, ret, sizeof(ret));
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) == 0);
	__builtin___clear_cache(p, p + 4);
	((void (*)(void))(uintptr_t)p)();
#else
	(void)ret;
#endif
	CHECK(munmap(p, PAGE) == 0);
}

/* New code at an old address: the fetch must see it, on every hart. */
static void
test_code(void)
{
#ifdef __riscv
	uint32_t *code = map_anon(PAGE);
	int (*fn)(void) = (int (*)(void))(uintptr_t)code;

	for (uint32_t i = 0; i < 200; i++) {
		CHECK(mprotect(code, PAGE, RW) == 0);
		code[0] = 0x00000513u | i << 20; /* li a0, i */
		code[1] = 0x00008067u; /* ret */
		CHECK(mprotect(code, PAGE, PROT_READ | PROT_EXEC) == 0);
		__builtin___clear_cache((char *)code, (char *)(code + 2));
		CHECK_EQ(fn(), i);
	}
	CHECK(munmap(code, PAGE) == 0);
#endif
}

static void
test_shared(void)
{
	char *p = mmap(NULL, 300 * PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status;
	pid_t pid;

	CHECK(p != MAP_FAILED);
	p[0] = 1;
	if ((pid = fork()) == 0) {
		CHECK_EQ(p[0], 1);
		for (size_t i = 0; i < 300; i++)
			p[i * PAGE + 1] = (char)i;
		CHECK(munmap(p + 10 * PAGE, 10 * PAGE) == 0);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0);
	for (size_t i = 0; i < 300; i++)
		CHECK_EQ(p[i * PAGE + 1], (char)i);
	CHECK(madvise(p, 300 * PAGE, MADV_DONTNEED) == 0);
	CHECK_EQ(p[299 * PAGE + 1], (char)299);
	CHECK(msync(p, 300 * PAGE, MS_SYNC) == 0);
	CHECK_ERRNO(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK(munmap(p, 300 * PAGE) == 0);
}

/* Huge and empty: costs nothing until touched. */
static void
test_sparse(void)
{
	size_t len = (size_t)16 << 30;
	char *p = mmap(NULL, len, RW, ANON | MAP_NORESERVE, -1, 0);

	CHECK(p != MAP_FAILED);
	for (size_t at = 0; at < len; at += len / 64)
		p[at] = 1;
	for (size_t at = 0; at < len; at += len / 64) {
		CHECK_EQ(p[at], 1);
		CHECK_EQ(p[at + PAGE], 0);
	}
	CHECK(munmap(p, len) == 0);
}

static void
test_bsd(void)
{
	char *p = map_anon(8 * PAGE), *q;

	memset(p, 'b', 8 * PAGE);
	/* BSD's DONTNEED keeps the data */
	CHECK(bsd_madvise(p, 8 * PAGE, BSD_MADV_DONTNEED) == 0);
	for (size_t i = 0; i < 8; i++)
		CHECK_EQ(p[i * PAGE + 5], 'b');
	CHECK(bsd_madvise(p, 8 * PAGE, BSD_MADV_SPACEAVAIL) == 0);
	CHECK_ERRNO(bsd_madvise(p, PAGE, 77), EINVAL);
	q = mquery(NULL, 4 * PAGE, RW, ANON, -1, 0);
	CHECK(q != MAP_FAILED);
	CHECK(mmap(q, 4 * PAGE, RW, ANON | MAP_FIXED, -1, 0) == q);
	CHECK_ERRNO(mquery(q, PAGE, RW, ANON | MAP_FIXED, -1, 0), ENOMEM);
	CHECK(munmap(q, 4 * PAGE) == 0);
	CHECK(mimmutable(p, 2 * PAGE) == 0);
	CHECK_ERRNO(munmap(p, PAGE), EPERM);
	CHECK_ERRNO(mprotect(p, PAGE, PROT_READ), EPERM);
	CHECK(mmap(p, PAGE, RW, ANON | MAP_FIXED, -1, 0) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	p[0] = 1;
}

int
main(void)
{
	test_fixed();
	test_hint();
	test_errors();
	test_holes();
	test_clip();
	test_dontneed();
	discard_in_child();
	test_mincore();
	test_mlock();
	lock_then_fork();
	test_protection();
	test_code();
	test_shared();
	test_sparse();
	if (!on_peer())
		test_bsd();
	return 0;
}
