/*
 * Block devices, as programs see them; run by blk.host.py, which gives the
 * disks and looks at the images afterwards.
 *
 *	blk info DEV BYTES	what fstat, lseek, ioctl and the end say
 *	blk model DEV SEED	random transfers against a copy in memory
 *	blk many DEV SEED	the same from 8 threads, each in a part of its own
 *	blk race DEV SEED	memory comes and goes while the device uses it
 *	blk errors DEV		4 KiB pieces that cannot be read, or written
 *	blk readonly DEV	a disk that cannot be written to
 *	blk wipe DEV		discard and write zeroes
 *	blk topology DEV LOGICAL PHYSICAL BEST	bytes
 *	blk direct DEV		10 reads, then 10 writes, of 128 KiB each
 *	blk mark DEV TEXT	writes it at offset 5
 *	blk rescan DEV		reads the partition table again
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "test.h"

#define BLKROGET     0x125e
#define BLKRRPART    0x125f
#define BLKGETSIZE   0x1260
#define BLKSSZGET    0x1268
#define BLKIOMIN     0x1278
#define BLKIOOPT     0x1279
#define BLKPBSZGET   0x127b
#define BLKDISCARD   0x1277
#define BLKZEROOUT   0x127f
#define BLKGETSIZE64 0x80081272

#define THREADS      8
#define MAXLEN       (300 * 1024)

static const char *dev;
static uint64_t seed;

static int
open_dev(int flags)
{
	int fd = open(dev, flags);

	CHECK(fd >= 0);
	return fd;
}

static off_t
size_of(int fd)
{
	uint64_t size = 0;

	CHECK(ioctl(fd, BLKGETSIZE64, &size) == 0);
	return (off_t)size;
}

/* FNV-1a, which the host computes from the image. */
static uint64_t
hash(const unsigned char *p, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; n > 0; n--)
		h = (h ^ *p++) * UINT64_C(0x100000001b3);
	return h;
}

/* -- info -------------------------------------------------------------------- */

static void
info(const char *bytes)
{
	int fd = open_dev(O_RDWR), value = -1;
	off_t size = atoll(bytes);
	struct stat st;
	char buf[8192];
	long blocks = 0;

	CHECK(fstat(fd, &st) == 0);
	CHECK(S_ISBLK(st.st_mode));
	CHECK_EQ(st.st_rdev >> 8, 254);
	CHECK_EQ(size_of(fd), size);
	CHECK(ioctl(fd, BLKGETSIZE, &blocks) == 0);
	CHECK_EQ(blocks, size / 512);
	CHECK(ioctl(fd, BLKSSZGET, &value) == 0 && value >= 512);
	CHECK(ioctl(fd, BLKPBSZGET, &value) == 0 && value >= 512);
	CHECK(ioctl(fd, BLKROGET, &value) == 0);
	CHECK_EQ(value, 0);
	CHECK_ERRNO(ioctl(fd, 0x12ff, &value), ENOTTY);
	CHECK_ERRNO(ioctl(fd, BLKGETSIZE64, bad_pointer), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_END), size);
	CHECK_EQ(read(fd, buf, sizeof(buf)), 0);
	CHECK_ERRNO(write(fd, buf, 1), ENOSPC);
	CHECK_EQ(write(fd, buf, 0), 0);
	CHECK_EQ(lseek(fd, -700, SEEK_END), size - 700);
	CHECK_EQ(read(fd, buf, sizeof(buf)), 700);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), size);
	CHECK_EQ(pwrite(fd, buf, sizeof(buf), size - 4096), 4096);
	CHECK_EQ(pread(fd, buf, sizeof(buf), size + 4096), 0);
	CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERRNO(pread(fd, bad_pointer, 4096, 0), EFAULT);
	CHECK_ERRNO(pwrite(fd, bad_pointer, 4096, 0), EFAULT);
	CHECK_ERRNO(pwrite(fd, bad_pointer, 100, 7), EFAULT);
	CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
	CHECK_EQ(errno, ENODEV);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
	CHECK(close(fd) == 0);
	/* nodes whose device does not exist */
	CHECK(mknod("/tmp/no", S_IFBLK | 0600, 254 << 8 | 255) == 0);
	CHECK_ERRNO(open("/tmp/no", O_RDONLY), ENXIO);
	CHECK(unlink("/tmp/no") == 0);
}

/* -- model, many ---------------------------------------------------------------- */

/* Part of the disk, what is in it, and memory to transfer from and to. */
struct part {
	int fd;
	off_t from;
	size_t size;
	unsigned char *model;
	unsigned char *mem;
	uint64_t rnd;
};

/* Now sectors, now anything; now aligned, now not. */
static size_t
some(struct part *p, size_t limit)
{
	size_t n = random_next(&p->rnd) % (limit + 1);

	switch (random_next(&p->rnd) % 4) {
	case 0:
		return n;
	case 1:
		return n & ~(size_t)4095;
	default:
		return n & ~(size_t)511;
	}
}

static void
fill(struct part *p, unsigned char *mem, size_t len)
{
	for (size_t i = 0; i < len; i++)
		mem[i] = (unsigned char)random_next(&p->rnd);
}

static void
one_transfer(struct part *p)
{
	size_t off = some(p, p->size - 1), len = some(p, MAXLEN);
	unsigned char *mem = p->mem + some(p, 8192);
	int writing = random_next(&p->rnd) % 2;
	ssize_t n;

	len = len < p->size - off ? len : p->size - off;
	if (writing)
		fill(p, mem, len < 4096 ? len : 4096);
	if (random_next(&p->rnd) % 4 == 0) {
		size_t cut = len == 0 ? 0 : some(p, len);
		struct iovec iov[3] = { { mem, cut }, { NULL, 0 },
			{ mem + cut, len - cut } };

		CHECK_EQ(lseek(p->fd, p->from + (off_t)off, SEEK_SET),
		    p->from + (off_t)off);
		n = writing ? writev(p->fd, iov, 3) : readv(p->fd, iov, 3);
	} else
		n = writing ? pwrite(p->fd, mem, len, p->from + (off_t)off)
			    : pread(p->fd, mem, len, p->from + (off_t)off);
	CHECK_EQ(n, len);
	if (writing)
		memcpy(p->model + off, mem, len);
	else
		CHECK(memcmp(p->model + off, mem, len) == 0);
}

static void *
work(void *arg)
{
	struct part *p = arg;

	p->fd = open_dev(O_RDWR);
	p->mem = map_anon(MAXLEN + 3 * 8192);
	for (int i = 0; i < 60; i++)
		one_transfer(p);
	CHECK(fsync(p->fd) == 0);
	CHECK(close(p->fd) == 0);
	munmap(p->mem, MAXLEN + 3 * 8192);
	return NULL;
}

static void
model(int threads)
{
	int fd = open_dev(O_RDONLY);
	size_t size = (size_t)size_of(fd);
	unsigned char *all = map_anon(size);
	struct part parts[THREADS];
	pthread_t thread[THREADS];

	CHECK_EQ(read(fd, all, size), size);
	for (int i = 0; i < threads; i++) {
		struct part *p = &parts[i];

		/* not at a multiple of a block: they share blocks */
		p->from = (off_t)(size / threads * i + (i ? 100 * i : 0));
		p->size = i + 1 < threads
		    ? size / threads * (i + 1) + 100 * (i + 1) - p->from
		    : size - p->from;
		p->model = all + p->from;
		p->rnd = seed + (uint64_t)i;
		CHECK(pthread_create(&thread[i], NULL, work, p) == 0);
	}
	for (int i = 0; i < threads; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	/* all of it once more, by an unaligned buffer */
	CHECK_EQ(pread(fd, all + 1, 4096, 0), 4096);
	memmove(all, all + 1, 4096);
	CHECK_EQ(pread(fd, all, 8192, 0), 8192);
	CHECK(close(fd) == 0);
	printf("%016llx\n", (unsigned long long)hash(all, size));
}

/* -- race ---------------------------------------------------------------------- */

#define RACE_LEN (128 * 1024)

static unsigned char *volatile arena;
static int race_file;
static volatile int race_over;

/* The mapping under the reader's buffer changes all the time. */
static void *
spoil(void *arg)
{
	uint64_t rnd = seed + 77 + (arg != NULL);
	int status;
	pid_t pid;

	while (!race_over) {
		unsigned char *at =
		    arena + random_next(&rnd) % (RACE_LEN / PAGE) * PAGE;

		switch (random_next(&rnd) % 6) {
		case 0:
			CHECK(
			    mmap(at, PAGE, RW, ANON | MAP_FIXED, -1, 0) == at);
			break;
		case 1:
			CHECK(munmap(at, PAGE) == 0);
			break;
		case 2:
			(void)madvise(at, PAGE, MADV_DONTNEED);
			break;
		case 3:
			CHECK(mmap(at, PAGE, RW, MAP_SHARED | MAP_FIXED,
				  race_file, 0) == at);
			break;
		case 4:
			CHECK(ftruncate(race_file, 0) == 0);
			CHECK(ftruncate(race_file, PAGE) == 0);
			break;
		default:
			pid = fork();
			CHECK(pid >= 0);
			if (pid == 0) {
				(void)madvise(at, PAGE, MADV_DONTNEED);
				_exit(0);
			}
			CHECK(waitpid(pid, &status, 0) == pid && status == 0);
		}
	}
	return NULL;
}

static void
race(void)
{
	int fd = open_dev(O_RDWR);
	off_t size = size_of(fd);
	uint64_t rnd = seed;
	pthread_t thread;
	ssize_t n;

	race_file = open("/tmp/race", O_RDWR | O_CREAT | O_TRUNC, 0600);
	CHECK(race_file >= 0 && ftruncate(race_file, PAGE) == 0);
	arena = map_anon(RACE_LEN);
	CHECK(pthread_create(&thread, NULL, spoil, NULL) == 0);
	for (int i = 0; i < 300; i++) {
		off_t at = (off_t)(random_next(&rnd) %
			       (uint32_t)((size - RACE_LEN) / 512)) *
		    512;
		size_t len = (random_next(&rnd) % 16 + 1) * 8192;

		/* SIGBUS is for those who touch it; the call says EFAULT */
		n = random_next(&rnd) % 2 ? pread(fd, arena, len, at)
					  : pwrite(fd, arena, len, at);
		CHECK(n > 0 || (n == -1 && errno == EFAULT));
	}
	race_over = 1;
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(munmap(arena, RACE_LEN) == 0);
	CHECK(close(race_file) == 0 && unlink("/tmp/race") == 0);
	CHECK(close(fd) == 0);
}

/* -- errors, readonly, wipe ------------------------------------------------------ */

static void
errors(void)
{
	int fd = open_dev(O_RDWR);
	off_t size = size_of(fd);
	char *buf = map_anon(PAGE);

	for (off_t at = 0; at < size; at += (off_t)PAGE) {
		ssize_t r = pread(fd, buf, PAGE, at);

		if (r != (ssize_t)PAGE) {
			CHECK_EQ(r, -1);
			CHECK_EQ(errno, EIO);
			printf("read %lld\n", (long long)at);
		}
		if (pwrite(fd, buf, PAGE, at) != (ssize_t)PAGE) {
			CHECK_EQ(errno, EIO);
			printf("write %lld\n", (long long)at);
		}
	}
	/* through a buffer, too: part of a block cannot be read or written */
	if (pread(fd, buf, 100, 2048 * 512 + 7) != 100)
		printf("part %d\n", errno);
	if (pwrite(fd, buf, 100, 2048 * 512 + 7) != 100)
		printf("part %d\n", errno);
	if (fsync(fd) != 0)
		printf("fsync %d\n", errno);
	close(fd);
}

static void
readonly(void)
{
	int fd = open_dev(O_RDONLY), value = 0;
	char buf[PAGE];

	CHECK_ERRNO(open(dev, O_RDWR), EROFS);
	CHECK_ERRNO(open(dev, O_WRONLY), EROFS);
	CHECK(ioctl(fd, BLKROGET, &value) == 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	CHECK_ERRNO(write(fd, buf, sizeof(buf)), EBADF);
	CHECK(close(fd) == 0);
}

static void
wipe(void)
{
	uint64_t range[2] = { 65536, 131072 };
	unsigned char buf[PAGE];
	int fd = open_dev(O_RDWR), ro = open_dev(O_RDONLY);

	CHECK_ERRNO(ioctl(ro, BLKZEROOUT, range), EBADF);
	CHECK(close(ro) == 0);
	CHECK(ioctl(fd, BLKZEROOUT, range) == 0);
	for (uint64_t at = range[0]; at < range[0] + range[1]; at += PAGE) {
		CHECK_EQ(pread(fd, buf, PAGE, (off_t)at), PAGE);
		for (size_t i = 0; i < PAGE; i++)
			CHECK_EQ(buf[i], 0);
	}
	range[0] = 1 << 20;
	CHECK(ioctl(fd, BLKDISCARD, range) == 0);
	range[0] = 100;
	CHECK_ERRNO(ioctl(fd, BLKZEROOUT, range), EINVAL);
	range[0] = 1ull << 40;
	CHECK_ERRNO(ioctl(fd, BLKDISCARD, range), EINVAL);
	CHECK_ERRNO(ioctl(fd, BLKDISCARD, bad_pointer), EFAULT);
	CHECK(fsync(fd) == 0 && close(fd) == 0);
}

/* What the device says of its blocks: BYTES logical, physical, best. */
static void
topology(const char *logical, const char *physical, const char *best)
{
	int fd = open_dev(O_RDONLY), value = -1;

	CHECK(ioctl(fd, BLKSSZGET, &value) == 0);
	CHECK_EQ(value, atoi(logical));
	CHECK(ioctl(fd, BLKPBSZGET, &value) == 0);
	CHECK_EQ(value, atoi(physical));
	CHECK(ioctl(fd, BLKIOMIN, &value) == 0);
	CHECK_EQ(value, atoi(physical));
	CHECK(ioctl(fd, BLKIOOPT, &value) == 0);
	CHECK_EQ(value, atoi(best));
	CHECK(close(fd) == 0);
}

/* Part of the device, as bytes: partitions have their own place. */
static void
mark(const char *text)
{
	int fd = open_dev(O_RDWR);

	CHECK_EQ(pwrite(fd, text, strlen(text), 5), strlen(text));
	CHECK(fsync(fd) == 0);
	/* a table is not read again while something of it is open */
	CHECK_ERRNO(ioctl(fd, BLKRRPART, NULL), EBUSY);
	CHECK(close(fd) == 0);
}

static void
rescan(void)
{
	int fd = open_dev(O_RDONLY);

	CHECK(ioctl(fd, BLKRRPART, NULL) == 0);
	CHECK(close(fd) == 0);
}

/* The host counts the requests: one for each call, if nothing is copied. */
static void
direct(void)
{
	size_t len = 128 * 1024;
	int fd = open_dev(O_RDWR);
	char *mem = map_anon(len + PAGE);

	for (int i = 0; i < 10; i++)
		CHECK_EQ(pread(fd, mem + (i & 1 ? 512 : 0), len, 512 * i), len);
	for (int i = 0; i < 10; i++)
		CHECK_EQ(
		    pwrite(fd, mem + (i & 1 ? 512 : 0), len, 512 * i), len);
	CHECK(close(fd) == 0);
	puts("done");
	fflush(stdout);
	sleep_ms(3000);
}

int
main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "", *arg;

	dev = argv[2];
	arg = argc > 3 ? argv[3] : "1";
	seed = strtoull(arg, NULL, 0);
	if (strcmp(what, "info") == 0)
		info(arg);
	else if (strcmp(what, "model") == 0)
		model(1);
	else if (strcmp(what, "many") == 0)
		model(THREADS);
	else if (strcmp(what, "race") == 0)
		race();
	else if (strcmp(what, "errors") == 0)
		errors();
	else if (strcmp(what, "readonly") == 0)
		readonly();
	else if (strcmp(what, "wipe") == 0)
		wipe();
	else if (strcmp(what, "topology") == 0 && argc == 6)
		topology(argv[3], argv[4], argv[5]);
	else if (strcmp(what, "direct") == 0)
		direct();
	else if (strcmp(what, "mark") == 0)
		mark(arg);
	else if (strcmp(what, "rescan") == 0)
		rescan();
	else
		CHECK(!"usage: see the comment");
	return 0;
}
