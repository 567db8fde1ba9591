/*
 * A disk with ext2: what the host put there, what reading, writing, mapping and
 * renaming leave there, after mounting it again, too.  ext2.host.py runs it and
 * has e2fsck look at the disk afterwards.
 */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define DIR_  "/mnt"
#define BLOCK 65536
#define BIG   (3 * 1024 * 1024 + 777)

static unsigned char buf[BLOCK], got[BLOCK];

static void
fill(unsigned seed, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] =
		    (unsigned char)((seed = seed * 1103515245 + 12345) >> 16);
}

static void
mount_disk(void)
{
	CHECK(mount("/dev/vda", DIR_, "ext2", 0, NULL) == 0);
}

static void
remount(void)
{
	CHECK(chdir("/") == 0);
	CHECK(umount(DIR_) == 0);
	mount_disk();
	CHECK(chdir(DIR_) == 0);
}

static void
write_big(const char *name)
{
	int fd = open(name, O_RDWR | O_CREAT | O_EXCL, 0640);

	CHECK(fd >= 0);
	for (size_t at = 0, n; at < BIG; at += n) {
		n = BIG - at < BLOCK ? BIG - at : BLOCK;
		fill((unsigned)at + 1, n);
		CHECK_EQ(write(fd, buf, n), n);
	}
	CHECK(close(fd) == 0);
}

static void
check_big(const char *name)
{
	int fd = open(name, O_RDONLY);

	CHECK(fd >= 0);
	for (size_t at = 0, n; at < BIG; at += n) {
		n = BIG - at < BLOCK ? BIG - at : BLOCK;
		fill((unsigned)at + 1, n);
		CHECK_EQ(read(fd, got, n), n);
		CHECK(memcmp(got, buf, n) == 0);
	}
	CHECK_EQ(read(fd, got, 1), 0);
	close(fd);
}

/* A file with holes, written by read(2)'s side and by a mapping. */
static void
make_mapped(void)
{
	int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0644);
	char *p;

	CHECK(fd >= 0 && ftruncate(fd, 100000) == 0);
	p = mmap(NULL, 100000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[50000] = 'm';
	CHECK_EQ(pwrite(fd, "w", 1, 50001), 1);
	CHECK(p[50001] == 'w' && p[49999] == 0);
	CHECK_EQ(pread(fd, got, 3, 49999), 3);
	CHECK(memcmp(got, "\0mw", 3) == 0);
	/* behind the end, and back: zeros */
	p[99999] = 'x';
	CHECK(ftruncate(fd, 99999) == 0 && ftruncate(fd, 100500) == 0);
	CHECK_EQ(pread(fd, got, 3, 99998), 3);
	CHECK(memcmp(got, "\0\0", 3) == 0);
	CHECK(munmap(p, 100000) == 0 && close(fd) == 0);
}

static void
check_mapped(void)
{
	int fd = open("mapped", O_RDONLY);
	struct stat st;

	CHECK(fd >= 0 && fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, 100500);
	CHECK(st.st_blocks * 512 < 50000);
	CHECK_EQ(pread(fd, got, 4, 49999), 4);
	CHECK(memcmp(got, "\0mw", 4) == 0);
	close(fd);
}

static void
make_names(void)
{
	char name[80];

	CHECK(mkdir("d", 0755) == 0 && mkdir("d/e", 0700) == 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "d/e/a_rather_long_name_%d", i);
		CHECK(close(open(name, O_CREAT | O_WRONLY, 0600)) == 0);
	}
	for (int i = 0; i < 300; i += 2) {
		snprintf(name, sizeof(name), "d/e/a_rather_long_name_%d", i);
		CHECK(unlink(name) == 0);
	}
	CHECK_ERRNO(rmdir("d/e"), ENOTEMPTY);
	CHECK(symlink("../big", "d/link") == 0);
	CHECK(link("big", "d/hard") == 0);
	CHECK(rename("d/e", "moved") == 0);
	CHECK_ERRNO(rename("d", "d/below"), EINVAL);
	CHECK(mkdir("gone", 0755) == 0 && rmdir("gone") == 0);
}

static void
check_names(void)
{
	struct stat st, hard;
	char path[200];
	int n = 0;
	DIR *d = opendir("moved");

	CHECK(d != NULL);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	CHECK_EQ(n, 152);
	CHECK(stat("d/link", &st) == 0 && stat("d/hard", &hard) == 0);
	CHECK_EQ(st.st_ino, hard.st_ino);
	CHECK_EQ(st.st_nlink, 2);
	CHECK(chdir("moved") == 0 && getcwd(path, sizeof(path)) != NULL);
	CHECK(strcmp(path, DIR_ "/moved") == 0);
	CHECK(chdir("..") == 0);
	CHECK(stat(".", &st) == 0);
	CHECK_EQ(st.st_ino, 2);
}

/* No name, but in use. */
static void
unlinked(void)
{
	int fd = open("unlinked", O_RDWR | O_CREAT, 0600);
	struct statfs before, sf;
	char *p;

	sync();
	CHECK(fd >= 0 && statfs(DIR_, &before) == 0);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(write(fd, buf, BLOCK), BLOCK);
	p = mmap(NULL, BLOCK, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && unlink("unlinked") == 0);
	CHECK(fsync(fd) == 0 && close(fd) == 0);
	CHECK(memcmp(p, buf, BLOCK) == 0);
	CHECK_ERRNO(umount(DIR_), EBUSY);
	CHECK(munmap(p, BLOCK) == 0);
	sync();
	CHECK(statfs(DIR_, &sf) == 0);
	CHECK(sf.f_bfree >= before.f_bfree);
}

/* Until nothing is left, and all of it back. */
static void
fill_disk(void)
{
	struct statfs before, sf;
	ssize_t n;
	int fd;

	CHECK(statfs(DIR_, &before) == 0);
	for (int round = 0; round < 3; round++) {
		fd = open("filler", O_RDWR | O_CREAT, 0600);
		CHECK(fd >= 0);
		while ((n = write(fd, buf, BLOCK)) > 0)
			;
		CHECK(n < 0 && errno == ENOSPC);
		CHECK(close(fd) == 0 && unlink("filler") == 0);
	}
	sync();
	CHECK(statfs(DIR_, &sf) == 0);
	CHECK_EQ(sf.f_bfree, before.f_bfree);
}

/* -- Many at a time --------------------------------------------------------- */

static unsigned rnd;

static unsigned
below(unsigned n)
{
	rnd = rnd * 1103515245 + 12345;
	return (rnd >> 16) % n;
}

/* Names that all use, so that all may fail; nothing may break. */
static void
one_op(int fd)
{
	char a[40], b[40];

	snprintf(a, sizeof(a), "s%u/n%u", below(4), below(12));
	snprintf(b, sizeof(b), "s%u/n%u", below(4), below(12));
	switch (below(9)) {
	case 0:
		close(open(a, O_CREAT | O_RDWR, 0600));
		break;
	case 1:
		unlink(a);
		break;
	case 2:
	case 3:
		rename(a, b);
		break;
	case 4:
		link(a, b);
		break;
	case 5:
		if (mkdir(a, 0700) < 0)
			rmdir(a);
		break;
	case 6:
		fd = open(a, O_RDWR);
		if (fd >= 0) {
			pwrite(fd, buf, below(9000), below(200000));
			ftruncate(fd, below(100000));
			close(fd);
		}
		break;
	case 7:
		if (below(8) == 0)
			sync();
		break;
	default:
		fsync(fd);
	}
}

/* A file of this process alone: what it reads is what it wrote. */
static void
worker(int i)
{
	char name[40];
	int fd;

	rnd = (unsigned)i * 7919 + 1;
	snprintf(name, sizeof(name), "own%d", i);
	fd = open(name, O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	for (int k = 0; k < 150; k++) {
		unsigned at = below(50), seed = below(1000);

		for (int j = 0; j < 4; j++)
			one_op(fd);
		fill(seed, 3000);
		CHECK_EQ(pwrite(fd, buf, 3000, at * 3000), 3000);
		CHECK_EQ(pread(fd, got, 3000, at * 3000), 3000);
		CHECK(memcmp(got, buf, 3000) == 0);
	}
	close(fd);
	_exit(0);
}

static void
storm(void)
{
	char name[10];
	int status;

	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		CHECK(mkdir(name, 0755) == 0);
	}
	for (int i = 0; i < 6; i++)
		if (fork() == 0)
			worker(i);
	for (int i = 0; i < 6; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
}

#define COLD      12
#define COLD_SIZE (20 * BLOCK)

static void
cold_name(char *name, size_t size, int i)
{
	snprintf(name, size, "cold%d", i);
}

static void
make_cold(int i)
{
	char name[40];
	int fd;

	cold_name(name, sizeof(name), i);
	fd = open(name, O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0);
	for (int at = 0; at < COLD_SIZE; at += BLOCK) {
		fill((unsigned)(i + at), BLOCK);
		CHECK_EQ(write(fd, buf, BLOCK), BLOCK);
	}
	CHECK(close(fd) == 0);
}

/* => begins when nobody has the other end of the pipe any more */
static void
read_cold(int i, const int *all)
{
	char name[40], c;
	int fd;

	cold_name(name, sizeof(name), i);
	fd = open(name, O_RDONLY);
	CHECK(fd >= 0);
	CHECK(close(all[1]) == 0);
	CHECK_EQ(read(all[0], &c, 1), 0);
	for (int at = COLD_SIZE - BLOCK; at >= 0; at -= 5 * BLOCK) {
		fill((unsigned)(i + at), BLOCK);
		CHECK_EQ(pread(fd, got, BLOCK, at), BLOCK);
		CHECK(memcmp(got, buf, BLOCK) == 0);
	}
	_exit(0);
}

/*
 * Many read at the same time from files of which nothing is in memory, neither
 * data nor where it lies: whoever has one request needs another.
 */
static void
cold(void)
{
	int status, all[2];

	for (int i = 0; i < COLD; i++)
		make_cold(i);
	for (int round = 0; round < 4; round++) {
		remount();
		CHECK(pipe(all) == 0);
		for (int i = 0; i < COLD; i++)
			if (fork() == 0)
				read_cold(i, all);
		CHECK(close(all[0]) == 0 && close(all[1]) == 0);
		for (int i = 0; i < COLD; i++) {
			CHECK(wait(&status) > 0);
			CHECK_EQ(status, 0);
		}
	}
}

/* Says what is safe, until the machine stops. */
static void
until_cut(void)
{
	char name[40], other[40];
	int fd;

	for (int i = 0;; i++) {
		snprintf(name, sizeof(name), "cut%d", i % 40);
		snprintf(other, sizeof(other), "tmp%d", i % 3);
		fd = open(other, O_CREAT | O_TRUNC | O_RDWR, 0600);
		CHECK(fd >= 0);
		fill((unsigned)i, 20000);
		CHECK_EQ(write(fd, buf, 20000), 20000);
		CHECK(fsync(fd) == 0 && close(fd) == 0);
		CHECK(rename(other, name) == 0);
		fd = open(".", O_RDONLY);
		CHECK(fd >= 0 && fsync(fd) == 0 && close(fd) == 0);
		printf("%d\n", i);
		fflush(stdout);
	}
}

int
main(int argc, char **argv)
{
	struct stat st;

	if (argc > 1) {
		CHECK(mkdir(DIR_, 0755) == 0 || errno == EEXIST);
		mount_disk();
		CHECK(chdir(DIR_) == 0);
		if (strcmp(argv[1], "cut") == 0)
			until_cut();
		if (strcmp(argv[1], "cold") == 0)
			cold();
		else
			storm();
		CHECK(chdir("/") == 0 && umount(DIR_) == 0);
		return 0;
	}
	CHECK(mkdir(DIR_, 0755) == 0 || errno == EEXIST);
	mount_disk();
	CHECK(chdir(DIR_) == 0);
	CHECK(stat("host/file", &st) == 0);
	write_big("big");
	check_big("big");
	make_mapped();
	make_names();
	check_names();
	remount();
	check_big("big");
	check_mapped();
	check_names();
	unlinked();
	fill_disk();
	check_big("big");
	remount();
	check_names();
	CHECK(chdir("/") == 0 && umount(DIR_) == 0);
	return 0;
}
