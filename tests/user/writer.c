/*
 * Files that are written faster than the disk is, and nobody syncs: what the
 * kernel writes of its own accord, what it lets become dirty, what it keeps in
 * memory.  writer.host.py runs it.
 *
 *	writer age		names and data, which the power cut may meet
 *	writer big MIB		a file larger than memory, others need memory too
 *	writer half FILE ANON N	MiB of a mapped file and of anonymous memory
 *	writer advice		madvise and mincore on files
 */
#include "paging.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define DIR_ "/mnt"

static int
vm(int id, const int *new)
{
	const int name[] = { CTL_VM, id };
	size_t len = sizeof(int);
	int value = 0;

	CHECK(
	    bsd_sysctl(name, 2, &value, &len, new, new ? sizeof(int) : 0) == 0);
	return value;
}

static void
set_vm(int id, int value)
{
	(void)vm(id, &value);
	CHECK_EQ(vm(id, NULL), value);
}

/* => the number after a name in /proc/vmstat */
static int
vmstat(const char *name)
{
	FILE *f = fopen("/proc/vmstat", "r");
	char word[80];
	int value;

	CHECK(f != NULL);
	while (fscanf(f, "%79s %d", word, &value) == 2)
		if (strcmp(word, name) == 0) {
			fclose(f);
			return value;
		}
	CHECK(!"a name in /proc/vmstat");
	return 0;
}

static uint64_t *
map_file(const char *name, size_t size)
{
	int fd = open(name, O_RDWR | O_CREAT, 0600);
	void *p;

	CHECK(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	p = mmap(NULL, size, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && close(fd) == 0);
	return p;
}

/* Nothing is synced; the host cuts the power once this has said so. */
static void
age(void)
{
	static char text[] = "nobody asked\n";
	int fd;

	set_vm(VM_DIRTYAGE, 1);
	CHECK(mkdir("dir", 0755) == 0);
	fd = open("dir/aged", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	CHECK(rename("dir/aged", "dir/file") == 0);
	fill(map_file("mapped", 64 * PAGE), 64, 3);
	for (int i = 0; i < 100 && vm(VM_DIRTY, NULL) > 0; i++)
		sleep_ms(100);
	CHECK_EQ(vm(VM_DIRTY, NULL), 0);
	sleep_ms(2500); /* the names' turn */
	printf("safe\n");
	fflush(stdout);
	for (;;)
		pause();
}

/* Takes and gives a little memory all the time. => how often */
static void
needy(int out)
{
	unsigned n = 0;
	char *p;

	for (;; n++) {
		p = mmap(NULL, 64 * PAGE, RW, ANON, -1, 0);
		CHECK(p != MAP_FAILED);
		for (size_t i = 0; i < 64; i++)
			p[i * PAGE] = 1;
		CHECK(munmap(p, 64 * PAGE) == 0);
		CHECK_EQ(pwrite(out, &n, sizeof(n), 0), sizeof(n));
	}
}

static void
big(size_t mib)
{
	static uint64_t buf[MIB / 8];
	int fd = open("big", O_RDWR | O_CREAT, 0600), most = 0, limit, now;
	int out = open("/tmp/needy", O_RDWR | O_CREAT, 0600);
	unsigned before = 0, after = 0;
	pid_t pid;

	CHECK(fd >= 0 && out >= 0);
	pid = fork();
	if (pid == 0)
		needy(out);
	CHECK(pid > 0);
	limit = vmstat("nr_dirty_threshold");
	while (before == 0) {
		sleep_ms(10);
		(void)pread(out, &before, sizeof(before), 0);
	}
	for (size_t i = 0; i < mib; i++) {
		fill(buf, MIB / PAGE, i);
		CHECK_EQ(write(fd, buf, MIB), MIB);
		now = vm(VM_DIRTY, NULL);
		most = now > most ? now : most;
	}
	CHECK_EQ(pread(out, &after, sizeof(after), 0), sizeof(after));
	for (size_t i = 0; i < mib; i++) {
		CHECK_EQ(pread(fd, buf, MIB, (off_t)(i * MIB)), MIB);
		verify(buf, MIB / PAGE, i);
	}
	CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, NULL, 0) == pid);
	CHECK(close(fd) == 0 && close(out) == 0);
	printf("most %d limit %d needy %u\n", most, limit, after - before);
	/* a page each of those who were just making one dirty */
	CHECK(most <= limit + 8);
	CHECK(after - before > 20);
}

/* Pages of a mapped file and of no file, all over, many times. */
static void
half(size_t fmib, size_t amib, unsigned rounds)
{
	size_t fpages = fmib * MIB / PAGE, apages = amib * MIB / PAGE, at;
	uint64_t *file = map_file("half", fmib * MIB), seed = 1;
	uint64_t *anon = mmap(NULL, amib * MIB, RW, ANON, -1, 0);
	struct uvmexp u = counters(), v;
	long total, least_v = 1 << 30, least_a = 1 << 30, share_v, share_a;

	CHECK(anon != MAP_FAILED);
	fill(file, fpages, 1);
	fill(anon, apages, 2);
	for (unsigned n = 0; n < rounds; n++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		at = (size_t)(seed >> 33);
		verify_page(file, at % fpages, 1);
		fill_page(file, at % fpages, 1);
		verify_page(anon, at % apages, 2);
		fill_page(anon, at % apages, 2);
		v = counters();
		if (v.vnodepages < least_v)
			least_v = v.vnodepages;
		if (v.anonpages < least_a)
			least_a = v.anonpages;
	}
	total = v.free + v.active + v.inactive;
	share_v = total * v.vnodemin / 256;
	share_a = total * v.anonmin / 256;
	verify(file, fpages, 1);
	verify(anon, apages, 2);
	printf("vnode %ld min %ld anon %ld min %ld total %ld spared %d %d\n",
	    least_v, share_v, least_a, share_a, total,
	    v.pdrevnode - u.pdrevnode, v.pdreanon - u.pdreanon);
	/* pages that a request under way or a fault has in hand */
	CHECK(least_v >= share_v - 64);
	CHECK(least_a >= share_a - 64);
	CHECK(v.pgswapout > u.pgswapout);
	CHECK(munmap(file, fmib * MIB) == 0);
}

/* => of n pages, how many are in memory */
static int
in_memory(void *p, size_t n)
{
	unsigned char vec[256];
	int sum = 0;

	CHECK(n <= sizeof(vec) && mincore(p, n * PAGE, vec) == 0);
	for (size_t i = 0; i < n; i++)
		sum += vec[i] & 1;
	return sum;
}

/* Pages that were asked for come when they are read. */
static void
wait_for_pages(char *p, size_t n)
{
	for (int i = 0; i < 1000 && in_memory(p, n) < (int)n; i++)
		usleep(5000);
	CHECK_EQ(in_memory(p, n), n);
}

/* posix_fadvise on a file of n pages, mapped at p, none of them in memory. */
static void
file_advice(char *p, size_t n)
{
	int fd = open("advice", O_RDONLY);
	struct uvmexp u, v;
	char c;

	CHECK(
	    posix_fadvise(fd, 32 * PAGE, 32 * PAGE, POSIX_FADV_WILLNEED) == 0);
	wait_for_pages(p + 32 * PAGE, 32);
	CHECK(in_memory(p, 32) == 0 && in_memory(p + 64 * PAGE, n - 64) == 0);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	CHECK_EQ(in_memory(p, n), 0);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0);
	u = counters();
	for (size_t i = 0; i < 20; i++)
		CHECK(pread(fd, &c, 1, (off_t)(i * PAGE)) == 1);
	v = counters();
	CHECK_EQ(v.pageins - u.pageins, 20);
	CHECK_EQ(in_memory(p, n), 20);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL) == 0);
	CHECK(pread(fd, &c, 1, 128 * PAGE) == 1);
	CHECK(in_memory(p + 128 * PAGE, 32) == 32);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	close(fd);
}

static void
advice(void)
{
	size_t n = 256;
	char *p = (char *)map_file("advice", n * PAGE), *q;
	struct uvmexp u, v;
	int fd;

	fill((uint64_t *)p, n, 5);
	CHECK(madvise(p, n * PAGE, MADV_PAGEOUT) == 0);
	CHECK_EQ(in_memory(p, n), 0);
	CHECK_EQ(vm(VM_DIRTY, NULL), 0);
	file_advice(p, n);
	u = counters();
	CHECK(madvise(p + 64 * PAGE, 128 * PAGE, MADV_WILLNEED) == 0);
	wait_for_pages(p + 64 * PAGE, 128);
	v = counters();
	CHECK(in_memory(p, 64) == 0);
	CHECK(v.pageins - u.pageins <= 5);
	verify((uint64_t *)p + 64 * PAGE / 8, 0, 5);
	CHECK(madvise(p, n * PAGE, MADV_DONTNEED) == 0);
	CHECK(madvise(p, n * PAGE, MADV_SEQUENTIAL) == 0);
	verify((uint64_t *)p, n, 5);
	CHECK(munmap(p, n * PAGE) == 0);
	fd = open("advice", O_RDWR);
	p = mmap(NULL, n * PAGE, RW, MAP_SHARED | MAP_POPULATE, fd, 0);
	q = mmap(NULL, n * PAGE, RW, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	CHECK(p != MAP_FAILED && q != MAP_FAILED);
	u = counters();
	verify((uint64_t *)p, n, 5);
	verify((uint64_t *)q, n, 5);
	v = counters();
	CHECK(v.faults - u.faults < 20);
	CHECK_EQ(vm(VM_DIRTY, NULL), 0);
	q[0] ^= 1;
	CHECK(p[0] != q[0]);
	CHECK(madvise(q, n * PAGE, MADV_DONTNEED) == 0);
	CHECK(p[0] == q[0]);
	CHECK(munmap(p, n * PAGE) == 0 && munmap(q, n * PAGE) == 0);
	close(fd);
}

int
main(int argc, char **argv)
{
	CHECK(argc > 1);
	CHECK(mkdir(DIR_, 0755) == 0 || errno == EEXIST);
	CHECK(mount("/dev/vda", DIR_, "ext2", 0, NULL) == 0);
	CHECK(chdir(DIR_) == 0);
	if (strcmp(argv[1], "age") == 0)
		age();
	else if (strcmp(argv[1], "big") == 0)
		big(strtoul(argv[2], NULL, 10));
	else if (strcmp(argv[1], "half") == 0)
		half(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10),
		    (unsigned)atoi(argv[4]));
	else
		advice();
	CHECK(chdir("/") == 0 && umount(DIR_) == 0);
	return 0;
}
