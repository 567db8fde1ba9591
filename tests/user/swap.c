/* vmrun: --mem 64M --disk 256M --smp 1 --timeout 400 --alone */
/*
 * Paging to a disk: memory twice as large as the machine's, every byte
 * checked; what the calls say; pages pushed out and read back.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/swap.h>

#define DISK  "/dev/vda"
#define WHOLE ((size_t)128 << 20)

static struct uvmexp
counters(void)
{
	const int name[] = { CTL_VM, VM_UVMEXP };
	struct uvmexp u;
	size_t len = sizeof(u);

	CHECK(bsd_sysctl(name, 2, &u, &len, NULL, 0) == 0);
	return u;
}

static int
resident(void *p, size_t pages)
{
	static unsigned char vec[4096];
	int n = 0;

	CHECK(mincore(p, pages * PAGE, vec) == 0);
	for (size_t i = 0; i < pages; i++)
		n += vec[i] & 1;
	return n;
}

static void
fill(uint64_t *p, size_t bytes, uint64_t salt)
{
	for (size_t i = 0; i < bytes / 8; i++)
		p[i] = (i + salt) * UINT64_C(0x9e3779b97f4a7c15);
}

static void
verify_page(const uint64_t *p, size_t page, uint64_t salt)
{
	for (size_t i = page * 512; i < (page + 1) * 512; i++)
		CHECK_EQ(p[i], (i + salt) * UINT64_C(0x9e3779b97f4a7c15));
}

static void
verify(const uint64_t *p, size_t bytes, uint64_t salt)
{
	for (size_t i = 0; i < bytes / PAGE; i++)
		verify_page(p, i, salt);
}

/* T-uvm_swap_init-1, -2; what both kinds of calls answer. */
static void
test_calls(void)
{
	struct uvmexp u = counters(), v;
	struct swapent se[4];

	CHECK_EQ(swapctl(SWAP_NSWAP, NULL, 0), 0);
	CHECK_EQ(u.nswapdev + u.swpages + u.swpginuse + u.swpgonly, 0);
	CHECK_ERRNO(swapctl(SWAP_OFF, DISK, 0), ENXIO);
	CHECK_ERRNO(swapctl(SWAP_ON, "/dev/nothing", 0), ENOENT);
	CHECK_ERRNO(swapctl(SWAP_ON, "/dev/null", 0), EINVAL);
	CHECK_ERRNO(swapctl(SWAP_ON, "/dev", 0), EINVAL);
	CHECK_ERRNO(swapctl(99, DISK, 0), EINVAL);
	CHECK_EQ(swapctl(SWAP_ON, DISK, 3), 0);
	CHECK_ERRNO(swapctl(SWAP_ON, DISK, 3), EBUSY);
	v = counters();
	CHECK_EQ(v.nswapdev, 1);
	CHECK_EQ(v.swpages, (256 << 8) - 1);
	CHECK_EQ(v.nanon - u.nanon, v.swpages);
	CHECK_EQ(swapctl(SWAP_CTL, DISK, 7), 0);
	CHECK_ERRNO(swapctl(SWAP_CTL, "/dev/null", 7), EINVAL);
	CHECK_EQ(swapctl(SWAP_STATS, se, 4), 1);
	CHECK(strcmp(se[0].se_path, DISK) == 0);
	CHECK_EQ(se[0].se_priority, 7);
	CHECK_EQ(se[0].se_nblks, v.swpages * 8);
	CHECK_EQ(se[0].se_inuse, 0);
	CHECK_EQ(se[0].se_flags, SWF_INUSE | SWF_ENABLE);
	CHECK_ERRNO(swapctl(SWAP_STATS, se, 0), EINVAL);
	CHECK_EQ(swapctl(SWAP_OFF, DISK, 0), 0);
	CHECK_ERRNO(swapoff(DISK), EINVAL);
	CHECK_ERRNO(swapon("/dev/nothing", 0), ENOENT);
	CHECK_EQ(swapon(DISK, SWAP_FLAG_PREFER | 5), 0);
	CHECK_ERRNO(swapon(DISK, 0), EBUSY);
}

/* => one of the values below vm.swapencrypt */
static int
swapencrypt(int id)
{
	const int name[] = { CTL_VM, VM_SWAPENCRYPT, id };
	size_t len = sizeof(int);
	int value = -1;

	CHECK(bsd_sysctl(name, 3, &value, &len, NULL, 0) == 0);
	CHECK_EQ(len, sizeof(int));
	return value;
}

/* Encryption cannot be switched off; keys come and go with what they are for.
 */
static void
test_encryption(void)
{
	int name[] = { CTL_VM, VM_SWAPENCRYPT, SWPENC_ENABLE }, value = 0;
	int created = swapencrypt(SWPENC_CREATED), n;
	int deleted = swapencrypt(SWPENC_DELETED);
	char *p = map_anon(64 * PAGE);

	CHECK_EQ(swapencrypt(SWPENC_ENABLE), 1);
	CHECK_ERRNO(
	    bsd_sysctl(name, 3, NULL, NULL, &value, sizeof(value)), EPERM);
	value = 1;
	CHECK(bsd_sysctl(name, 3, NULL, NULL, &value, sizeof(value)) == 0);
	CHECK_EQ(swapencrypt(SWPENC_ENABLE), 1);
	name[2] = SWPENC_CREATED;
	CHECK_ERRNO(
	    bsd_sysctl(name, 3, NULL, NULL, &value, sizeof(value)), EPERM);
	name[2] = 99;
	CHECK_ERRNO(bsd_sysctl(name, 3, NULL, NULL, NULL, 0), EOPNOTSUPP);
	CHECK_ERRNO(bsd_sysctl(name, 2, NULL, NULL, NULL, 0), ENOTDIR);
	CHECK_EQ(created, deleted); /* no slot is in use */
	touch(p, 64 * PAGE);
	CHECK(madvise(p, 64 * PAGE, MADV_PAGEOUT) == 0);
	n = swapencrypt(SWPENC_CREATED) - created;
	CHECK(n >= 1 && n <= 64);
	CHECK_EQ(swapencrypt(SWPENC_DELETED), deleted);
	CHECK(munmap(p, 64 * PAGE) == 0);
	CHECK_EQ(swapencrypt(SWPENC_DELETED), deleted + n);
	CHECK_EQ(swapencrypt(SWPENC_CREATED), created + n);
}

/* Chosen pages go, and come back with what was in them. */
static void
test_pageout(void)
{
	uint64_t *p = map_anon(64 * PAGE);
	struct uvmexp u, v;

	fill(p, 64 * PAGE, 1);
	CHECK(madvise(p, 64 * PAGE, MADV_RANDOM) == 0);
	u = counters();
	CHECK(madvise(p, 64 * PAGE, MADV_PAGEOUT) == 0);
	CHECK_EQ(resident(p, 64), 0);
	v = counters();
	CHECK_EQ(v.pgswapout - u.pgswapout, 64);
	CHECK_EQ(v.pdpageouts - u.pdpageouts, 4);
	CHECK_EQ(v.swpgonly - u.swpgonly, 64);
	verify(p, 64 * PAGE, 1);
	CHECK_EQ(resident(p, 64), 64);
	u = counters();
	CHECK_EQ(u.nswget - v.nswget, 64);
	CHECK_EQ(u.pgswapin - v.pgswapin, 64);
	CHECK(munmap(p, 64 * PAGE) == 0);
}

static void
sequential(void)
{
	uint64_t *p = map_anon(WHOLE), seed = 1;

	fill(p, WHOLE, 42);
	verify(p, WHOLE, 42);
	for (int i = 0; i < 3000; i++)
		verify_page(p, random_next(&seed) % (WHOLE / PAGE), 42);
	CHECK(munmap(p, WHOLE) == 0);
}

/* Parent and child share what is in swap, and each goes its way. */
static void
shared(void)
{
	size_t len = WHOLE / 2;
	uint64_t *p = map_anon(len);
	int status;
	pid_t pid;

	fill(p, len, 7);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		verify(p, len, 7);
		fill(p, len / 2, 8);
		verify(p, len / 2, 8);
		_exit(0);
	}
	verify(p, len, 7);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	verify(p, len, 7);
}

/* Four at once. */
static void
together(void)
{
	int status;

	for (uint64_t i = 0; i < 4; i++)
		if (fork() == 0) {
			uint64_t *p = map_anon(WHOLE / 4), seed = i;

			fill(p, WHOLE / 4, i);
			for (int n = 0; n < 2000; n++)
				verify_page(p,
				    random_next(&seed) % (WHOLE / 4 / PAGE), i);
			verify(p, WHOLE / 4, i);
			_exit(0);
		}
	for (int i = 0; i < 4; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
}

/* Shared memory of a file, and of nobody. */
static void
objects(void)
{
	uint64_t *p =
	    mmap(NULL, WHOLE / 2, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	uint64_t *q;
	int fd = open("/tmp/swapfile", O_RDWR | O_CREAT | O_TRUNC, 0600);

	CHECK(p != MAP_FAILED && fd >= 0);
	CHECK(ftruncate(fd, (off_t)WHOLE / 2) == 0);
	q = mmap(NULL, WHOLE / 2, RW, MAP_SHARED, fd, 0);
	CHECK(q != MAP_FAILED);
	fill(p, WHOLE / 2, 1);
	fill(q, WHOLE / 2, 2);
	verify(p, WHOLE / 2, 1);
	verify(q, WHOLE / 2, 2);
	CHECK(ftruncate(fd, 100) == 0);
	for (int i = 0; i < 512; i++)
		CHECK_EQ(q[i],
		    i < 12 ? ((uint64_t)i + 2) * UINT64_C(0x9e3779b97f4a7c15)
			: i == 12
			? 14 * UINT64_C(0x9e3779b97f4a7c15) & 0xffffffff
			: 0);
	CHECK(unlink("/tmp/swapfile") == 0);
}

int
main(void)
{
	struct uvmexp u, v;

	test_calls();
	test_encryption();
	test_pageout();
	u = counters();
	CHECK_CHILD(sequential);
	v = counters();
	CHECK(v.pgswapout - u.pgswapout > (int)(WHOLE / 2 / PAGE));
	/* clusters are full when memory is written front to back */
	CHECK(
	    (v.pgswapout - u.pgswapout) / (v.pdpageouts - u.pdpageouts) >= 15);
	CHECK_CHILD(shared);
	CHECK_CHILD(together);
	CHECK_CHILD(objects);
	CHECK_EQ(swapoff(DISK), 0);
	v = counters();
	CHECK_EQ(v.swpginuse + v.swpgonly + v.swpages + v.nswapdev, 0);
	return 0;
}
