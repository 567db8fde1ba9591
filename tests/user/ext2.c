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
#include <sys/syscall.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif
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

static int
remount_as(unsigned long flags)
{
	return mount(NULL, DIR_, NULL, MS_REMOUNT | flags, NULL);
}

/* What can be written through a mapping is not made read-only under it. */
static void
keep_mapped(void)
{
	int fd = open("mapped", O_RDWR);
	char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);

	CHECK(fd >= 0 && p != MAP_FAILED && close(fd) == 0);
	CHECK_ERRNO(remount_as(MS_RDONLY), EBUSY);
	p[0] = 'k';
	CHECK(msync(p, PAGE, MS_SYNC) == 0);
	CHECK(munmap(p, PAGE) == 0);
	/* another file's that can only be read is no obstacle */
	fd = open("host/file", O_RDONLY);
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(fd >= 0 && p != MAP_FAILED && close(fd) == 0);
	CHECK(remount_as(MS_RDONLY) == 0 && munmap(p, PAGE) == 0);
	CHECK_ERRNO(open("mapped", O_RDWR), EROFS);
	CHECK(remount_as(0) == 0);
	fd = open("mapped", O_RDWR);
	CHECK_EQ(pwrite(fd, "", 1, 0), 1);
	close(fd);
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

/* -- One file, three ways in ----------------------------------------------------- */

#define SHARED_WORDS (1UL << 16)
#define ROUNDS       30

static volatile uint64_t *
map_shared(void)
{
	int fd = open("shared", O_RDWR | O_CREAT, 0600);
	void *p;

	CHECK(fd >= 0 && ftruncate(fd, SHARED_WORDS * 8) == 0);
	p = mmap(NULL, SHARED_WORDS * 8, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && close(fd) == 0);
	return p;
}

static uint64_t
shared_word(uint64_t i, uint64_t round)
{
	return (i + 1) * 2654435761u + round;
}

/* Every third word is this one's; the others change at the same time. */
static void
by_stores(unsigned me, volatile uint64_t *p)
{
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		for (uint64_t i = me; i < SHARED_WORDS; i += 3)
			p[i] = shared_word(i, round);
		for (uint64_t i = me; i < SHARED_WORDS; i += 3)
			CHECK(p[i] == shared_word(i, round));
	}
	_exit(0);
}

static void
by_write(unsigned me, volatile uint64_t *p)
{
	int fd = open("shared", O_RDWR);
	uint64_t w, back;

	CHECK(fd >= 0);
	for (uint64_t i = me; i < SHARED_WORDS; i += 3) {
		w = shared_word(i, ROUNDS);
		CHECK_EQ(pwrite(fd, &w, 8, (off_t)i * 8), 8);
		CHECK(p[i] == w);
		CHECK_EQ(pread(fd, &back, 8, (off_t)i * 8), 8);
		CHECK(back == w);
		if (i % 4096 == me)
			CHECK(fsync(fd) == 0);
	}
	close(fd);
	_exit(0);
}

static void
check_shared(volatile uint64_t *p)
{
	int fd = open("shared", O_RDONLY);
	uint64_t word[512];

	CHECK(fd >= 0);
	for (uint64_t i = 0; i < SHARED_WORDS; i++) {
		if (i % 512 == 0)
			CHECK_EQ(read(fd, word, sizeof(word)), sizeof(word));
		CHECK(p[i] == shared_word(i, ROUNDS));
		CHECK(word[i % 512] == shared_word(i, ROUNDS));
	}
	close(fd);
}

static void
run_on(unsigned hart)
{
	unsigned long mask = 1UL << hart;

	CHECK(syscall(SYS_sched_setaffinity, 0, sizeof(mask), &mask) >= 0);
}

static void
shared(void)
{
	volatile uint64_t *p = map_shared();
	int status;

	for (unsigned i = 0; i < 3; i++)
		if (fork() == 0) {
			run_on(i);
			if (i < 2)
				by_stores(i, p);
			by_write(i, p);
		}
	for (int i = 0; i < 3; i++) {
		CHECK(wait(&status) > 0);
		CHECK_EQ(status, 0);
	}
	check_shared(p);
	CHECK(munmap((void *)(uintptr_t)p, SHARED_WORDS * 8) == 0);
	remount();
	p = map_shared();
	check_shared(p);
	CHECK(munmap((void *)(uintptr_t)p, SHARED_WORDS * 8) == 0);
}

/* -- A page that gets only some of its blocks ---------------------------------------- */

#define OLD 0xee /* what free blocks hold */

/* => the disk is full of it; its size */
static off_t
fill_with_old(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	off_t size = 0;
	ssize_t n;

	CHECK(fd >= 0);
	memset(buf, OLD, BLOCK);
	for (size_t len = BLOCK; len >= 1024; len /= 2)
		while ((n = write(fd, buf, len)) > 0)
			size += n;
	CHECK(fsync(fd) == 0);
	CHECK(close(fd) == 0);
	return size;
}

/*
 * The disk, of blocks of 1 KiB, has room for half a page: what it got and
 * nobody wrote is zero, when it is read again before a sync and after one.
 */
static void
half_page(void)
{
	off_t size;
	int fd;

	(void)fill_with_old("filler");
	CHECK(unlink("filler") == 0);
	sync();
	fd = open("sparse", O_RDWR | O_CREAT, 0600);
	CHECK(fd >= 0 && ftruncate(fd, BLOCK) == 0);
	/* blocks of pointers are there */
	CHECK_EQ(pwrite(fd, "x", 1, BLOCK - 1), 1);
	CHECK(fsync(fd) == 0);
	size = fill_with_old("filler");
	CHECK(truncate("filler", size - 2048) == 0);
	sync();
	fill(1, 4096);
	CHECK(pwrite(fd, buf, 4096, 16384) < 4096);
	for (int round = 0; round < 2; round++) {
		CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
		CHECK_EQ(pread(fd, got, BLOCK, 0), BLOCK);
		CHECK(memchr(got, OLD, 16384) == NULL);
		for (int i = 0; i < 4096; i++)
			CHECK(got[16384 + i] == 0 || got[16384 + i] == buf[i]);
		sync();
	}
	CHECK(close(fd) == 0);
}

/* Blocks of pointers are read by as many as want to read data. */
static void
readers(void)
{
	char name[40];
	int fd, status;

	for (int i = 0; i < 16; i++) {
		snprintf(name, sizeof(name), "r%d", i);
		fd = open(name, O_CREAT | O_RDWR, 0600);
		CHECK(fd >= 0);
		for (unsigned at = 0; at < 5 * BLOCK; at += BLOCK) {
			fill((unsigned)i + at, BLOCK);
			CHECK_EQ(pwrite(fd, buf, BLOCK, at), BLOCK);
		}
		CHECK(close(fd) == 0);
	}
	for (int round = 0; round < 4; round++) {
		drop_caches();
		for (int i = 0; i < 16; i++) {
			if (fork() != 0)
				continue;
			snprintf(name, sizeof(name), "r%d", i);
			fd = open(name, O_RDONLY);
			CHECK_EQ(pread(fd, got, BLOCK, 4 * BLOCK), BLOCK);
			fill((unsigned)i + 4 * BLOCK, BLOCK);
			CHECK(memcmp(got, buf, BLOCK) == 0);
			_exit(0);
		}
		for (int i = 0; i < 16; i++) {
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

/* -- A tree, until the machine stops ------------------------------------------- */

/* ext2.host.py does the same in its memory: every call of below() counts. */

static void
a_dir(char *path)
{
	static const char *const dir[] = { "d0", "d1", "d0/s", "d1/s" };

	strcpy(path, dir[below(4)]);
}

static void
a_path(char *path)
{
	unsigned where = below(7);

	path[0] = '\0';
	if (where == 0) {
		a_dir(path);
		return;
	}
	if (where < 5) {
		a_dir(path);
		strcat(path, "/");
	}
	sprintf(path + strlen(path), "n%u", below(12));
}

/* Eight characters that tell the seed, over and over. */
static void
write_seed(int fd, unsigned seed, size_t n, off_t at)
{
	char word[9];

	snprintf(word, sizeof(word), "%08x", seed);
	for (size_t i = 0; i < n; i++)
		buf[i] = (unsigned char)word[i % 8];
	CHECK_EQ(pwrite(fd, buf, n, at), n);
}

static void
tree_file(const char *path, unsigned kind)
{
	unsigned seed = below(1 << 15), n = 1 + below(12000);
	unsigned at = below(30000);
	int fd = open(path, kind < 2 ? O_RDWR | O_CREAT : O_RDWR, 0600);

	if (fd < 0)
		return;
	if (kind < 2)
		write_seed(fd, seed, n, at);
	else
		CHECK(ftruncate(fd, at) == 0);
	close(fd);
}

static void
tree_sync(const char *path, unsigned kind)
{
	int fd = open(kind == 2 ? "." : path, O_RDONLY);

	if (fd < 0)
		return;
	CHECK((kind == 0 ? fdatasync(fd) : fsync(fd)) == 0);
	close(fd);
}

static void
tree_op(void)
{
	unsigned kind = below(14);
	char a[40], b[40];

	a_path(a);
	a_path(b);
	if (kind < 4)
		tree_file(a, kind);
	else if (kind == 4)
		unlink(a);
	else if (kind < 7)
		rename(a, b);
	else if (kind == 7)
		link(a, b);
	else if (kind < 10)
		(void)syscall(
		    SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE);
	else if (kind == 10) {
		a_dir(a);
		mkdir(a, 0755);
	} else if (kind == 11)
		rmdir(a);
	else
		tree_sync(a, below(3));
}

/* Somebody else, whose blocks come and go meanwhile. */
static void
make_noise(void)
{
	int fd = open("noise", O_RDWR | O_CREAT, 0600);

	CHECK(fd >= 0);
	for (unsigned i = 0;; i++) {
		write_seed(fd, i, 1 + below(10000), below(100000));
		if (below(8) == 0)
			CHECK(ftruncate(fd, below(30000)) == 0);
		sleep_ms(1 + below(50));
	}
}

/*
 * When the mark n is on the disk all that came before it was synced, and
 * nothing that comes after it has begun.
 */
static void
tree_until_cut(unsigned seed)
{
	int fd = open("mark", O_RDWR | O_CREAT, 0600);
	char text[12];

	CHECK(fd >= 0);
	if (fork() == 0)
		make_noise();
	rnd = seed;
	for (unsigned batch = 0;; batch++) {
		snprintf(text, sizeof(text), "%08u", batch);
		CHECK_EQ(pwrite(fd, text, 8, 0), 8);
		CHECK(fsync(fd) == 0);
		for (unsigned n = 4 + below(24); n > 0; n--)
			tree_op();
		sync();
		printf("%u\n", batch);
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
		if (strcmp(argv[1], "tree") == 0)
			tree_until_cut((unsigned)atoi(argv[2]));
		if (strcmp(argv[1], "readers") == 0)
			readers();
		else if (strcmp(argv[1], "shared") == 0)
			shared();
		else if (strcmp(argv[1], "half") == 0)
			half_page();
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
	keep_mapped();
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
