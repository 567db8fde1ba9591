/*
 * Files that are written faster than the disk is, and nobody syncs: what the
 * kernel writes of its own accord, what it lets become dirty, what it keeps in
 * memory.  writer.host.py runs it.
 *
 *	writer age		names and data, which the power cut may meet
 *	writer each		every write is told not to end before it is safe
 *	writer big MIB		a file larger than memory, others need memory too
 *	writer half FILE ANON N	MiB of a mapped file and of anonymous memory
 *	writer text FILE ANON	the same, beside a program that is running
 *	writer advice		madvise and mincore on files
 */
#include "paging.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>

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

/* => never: the host cuts the power */
static void
await_cut(void)
{
	printf("safe\n");
	fflush(stdout);
	for (;;)
		pause();
}

/* Each file is longer than it was, by a write that says it is to be safe. */
static void
each(void)
{
	static const struct {
		const char *name;
		int open, how;
	} way[] = { { "o_sync", O_SYNC, 0 }, { "o_dsync", O_DSYNC, 0 },
		{ "rwf_sync", 0, RWF_SYNC }, { "rwf_dsync", 0, RWF_DSYNC } };
	struct iovec iov = { (char *)"this is safe\n", 13 };
	int fd;

	set_vm(VM_DIRTYAGE, 1000);
	for (size_t i = 0; i < NELEM(way); i++) {
		fd = open(way[i].name, O_RDWR | O_CREAT, 0644);
		CHECK(fd >= 0 && fsync(fd) == 0 && close(fd) == 0);
	}
	sync();
	for (size_t i = 0; i < NELEM(way); i++) {
		fd = open(way[i].name, O_RDWR | way[i].open);
		CHECK(fd >= 0);
		CHECK_EQ(pwritev2(fd, &iov, 1, 0, way[i].how), 13);
	}
	await_cut();
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
	await_cut();
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

/* Memory that is half of a file, half of nobody. */
struct halves {
	uint64_t *file, *anon;
	size_t fpages, apages;
	uint64_t seed;
	int least_v, least_a, least_t; /* in memory while they were used */
};

static void
make_halves(struct halves *h, size_t fmib, size_t amib)
{
	h->fpages = fmib * MIB / PAGE;
	h->apages = amib * MIB / PAGE;
	h->file = map_file("half", fmib * MIB);
	h->anon = map_anon(amib * MIB);
	h->seed = 1;
	fill(h->file, h->fpages, 1);
	fill(h->anon, h->apages, 2);
}

static int
lower(int a, int b)
{
	return a < b ? a : b;
}

/* Both are used all over, many times.  => counters after it */
static struct uvmexp
use_halves(struct halves *h, unsigned times)
{
	struct uvmexp v = counters();
	size_t at;

	h->least_v = v.vnodepages;
	h->least_a = v.anonpages;
	h->least_t = v.vtextpages;
	for (unsigned n = 0; n < times; n++) {
		h->seed = h->seed * 6364136223846793005u + 1442695040888963407u;
		at = (size_t)(h->seed >> 33);
		verify_page(h->file, at % h->fpages, 1);
		fill_page(h->file, at % h->fpages, 1);
		verify_page(h->anon, at % h->apages, 2);
		fill_page(h->anon, at % h->apages, 2);
		v = counters();
		h->least_v = lower(h->least_v, v.vnodepages);
		h->least_a = lower(h->least_a, v.anonpages);
		h->least_t = lower(h->least_t, v.vtextpages);
	}
	return v;
}

static void
end_halves(struct halves *h)
{
	verify(h->file, h->fpages, 1);
	verify(h->anon, h->apages, 2);
	CHECK(munmap(h->file, h->fpages * PAGE) == 0);
}

/* => pages that a minimum protects */
static int protected(const struct uvmexp *v, int min)
{
	return (int)(((long)v->free + v->active + v->inactive) * min / 256);
}

#define IN_HAND 64 /* pages that a request under way or a fault has */

static void
half(size_t fmib, size_t amib, unsigned rounds)
{
	struct uvmexp u = counters(), v;
	struct halves h;
	int share_v, share_a;

	make_halves(&h, fmib, amib);
	v = use_halves(&h, rounds);
	share_v = protected(&v, v.vnodemin);
	share_a = protected(&v, v.anonmin);
	printf("vnode %d min %d anon %d min %d spared %d %d\n", h.least_v,
	    share_v, h.least_a, share_a, v.pdrevnode - u.pdrevnode,
	    v.pdreanon - u.pdreanon);
	CHECK(h.least_v >= share_v - IN_HAND);
	CHECK(h.least_a >= share_a - IN_HAND);
	CHECK(v.pgswapout > u.pgswapout);
	end_halves(&h);
}

#define TEXT_PAGES 1024

/* A copy of this program, with more text than it has. */
static void
make_program(const char *name)
{
	int in = open("/proc/self/exe", O_RDONLY);
	int out = open(name, O_WRONLY | O_CREAT | O_EXCL, 0755);
	static char buf[65536];
	ssize_t n;

	CHECK(in >= 0 && out >= 0);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(out, buf, (size_t)n), n);
	CHECK_EQ(n, 0);
	CHECK(close(in) == 0);
	CHECK(lseek(out, 0, SEEK_CUR) < TEXT_PAGES / 2 * (off_t)PAGE);
	CHECK(lseek(out, TEXT_PAGES / 2 * (off_t)PAGE, SEEK_SET) > 0);
	for (size_t i = 0; i < TEXT_PAGES / 2; i++) {
		fill_page((uint64_t *)(void *)buf, 0, i);
		CHECK_EQ(write(out, buf, PAGE), PAGE);
	}
	CHECK(close(out) == 0);
}

/* The program that runs: has all of its text in memory, then sleeps. */
static void
hold(const char *name)
{
	int fd = open(name, O_RDONLY);
	char *p = mmap(NULL, TEXT_PAGES * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	char c = 0;

	CHECK(fd >= 0 && p != MAP_FAILED);
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < TEXT_PAGES / 2; i++) {
			c += p[i * PAGE];
			verify_page((uint64_t *)(void *)(p +
					TEXT_PAGES / 2 * PAGE + i * PAGE),
			    0, i);
		}
		if (round == 0) {
			CHECK_EQ(write(1, "r", 1), 1);
			CHECK_EQ(read(0, &c, 1), 0);
		}
	}
}

/* => the program, which has its text in memory; *stop: it sleeps until closed */
static pid_t
start_program(char *name, int *stop)
{
	char what[] = "hold", *args[] = { name, what, name, NULL }, c;
	int in[2], out[2];
	pid_t pid;

	CHECK(pipe(in) == 0 && pipe(out) == 0);
	pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK(dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1);
		CHECK(close(in[0]) == 0 && close(in[1]) == 0);
		CHECK(close(out[0]) == 0 && close(out[1]) == 0);
		execv(name, args);
		_exit(1);
	}
	CHECK(close(in[0]) == 0 && close(out[1]) == 0);
	CHECK_EQ(read(out[0], &c, 1), 1);
	CHECK(close(out[0]) == 0);
	*stop = in[1];
	return pid;
}

/*
 * Text of a program that sleeps is what nobody uses, but vtextmin of it stays
 * whatever files and anonymous memory want; without vtextmin it goes.
 */
static void
text(size_t fmib, size_t amib)
{
	char name[] = DIR_ "/prog";
	int stop, status, share, before;
	struct uvmexp u, v;
	struct halves h;
	pid_t pid;

	make_program(name);
	set_vm(VM_VTEXTMIN, 8);
	pid = start_program(name, &stop);
	u = counters();
	before = u.vtextpages;
	share = protected(&u, u.vtextmin);
	CHECK(before >= TEXT_PAGES && before > share + IN_HAND);
	make_halves(&h, fmib, amib);
	v = use_halves(&h, 1500);
	printf("text %d least %d min %d spared %d", before, h.least_t, share,
	    v.pdrevtext - u.pdrevtext);
	CHECK(h.least_t >= share - IN_HAND);
	CHECK(h.least_t < before);
	CHECK(v.pdrevtext > u.pdrevtext);
	set_vm(VM_VTEXTMIN, 0);
	for (int i = 0; i < 8 && h.least_t >= share / 2; i++)
		(void)use_halves(&h, 1500);
	printf(" without %d\n", h.least_t);
	CHECK(h.least_t < share / 2);
	CHECK(close(stop) == 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	end_halves(&h);
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
	if (strcmp(argv[1], "hold") == 0) {
		hold(argv[2]);
		return 0;
	}
	CHECK(mkdir(DIR_, 0755) == 0 || errno == EEXIST);
	CHECK(mount("/dev/vda", DIR_, "ext2", 0, NULL) == 0);
	CHECK(chdir(DIR_) == 0);
	if (strcmp(argv[1], "age") == 0)
		age();
	else if (strcmp(argv[1], "each") == 0)
		each();
	else if (strcmp(argv[1], "big") == 0)
		big(strtoul(argv[2], NULL, 10));
	else if (strcmp(argv[1], "half") == 0)
		half(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10),
		    (unsigned)atoi(argv[4]));
	else if (strcmp(argv[1], "text") == 0)
		text(strtoul(argv[2], NULL, 10), strtoul(argv[3], NULL, 10));
	else
		advice();
	CHECK(chdir("/") == 0 && umount(DIR_) == 0);
	return 0;
}
