/*
 * What files on a disk cost: reading and writing them through read and write
 * and through mmap, cold and cached, and making and removing small ones.
 *
 *	filebench [-c | -i] DIR [GLOB...]
 *
 * DIR holds the files cold0 to cold2 of one size, which nobody has read since
 * boot, and has room for one more.  Each test prints
 *
 *	filebench NAME VALUE UNIT
 *
 * by the clock (KiB/s, or operations a second; of repeated tests the best), or
 * with -i and -c under QEMU's icount (shift=0), where a nanosecond is an
 * instruction:
 *
 *	-i	instructions per page or operation of what needs no disk
 *	-c	the same of what needs one, for all of the system; VALUE is the
 *		time that the machine was busy (see spinner.h)
 *
 * The same static program runs on this kernel and on Linux, on one hart.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "spinner.h"

#define PAGE    ((size_t)4096)
#define CHUNK   ((size_t)65536)
#define TICK_NS 100 /* period of the `time' CSR on QEMU virt */
#define RANDOMS 2048 /* pages that are read in random order */
#define SMALL   ((size_t)4 << 20) /* of what is done in the cache */
#define FILES   400 /* small ones */
#define SYNCED  20 /* ... each of them synced */
#define REPS    3
#define RW      (PROT_READ | PROT_WRITE)

/* How a test is measured. */
enum mode { CLOCK, INSNS, COST };

struct run {
	int arg; /* the test's variant */
	uint64_t start, ns, ops; /* ops: pages, or operations */
};

struct test {
	const char *name;
	void (*fn)(struct run *);
	int arg;
	enum { KIBS, OPS } unit;
	int disk; /* it needs the disk: not for -i; 2: only once, it is cold */
};

static const char *current = "startup";
static volatile uint64_t *spun; /* nanoseconds the spinner had; NULL: none */
static char buf[CHUNK] __attribute__((aligned(4096)));
static size_t filesize;

#define CHECK(e) ((e) ? (void)0 : failed(#e))

static void
failed(const char *what)
{
	printf("filebench %s FAILED: %s, errno %d\n", current, what, errno);
	exit(1);
}

/* -- Time -------------------------------------------------------------------- */

static uint64_t
now(void)
{
	uint64_t ticks;

	__asm__ volatile("rdtime %0" : "=r"(ticks) : : "memory");
	return ticks * TICK_NS - (spun != NULL ? *spun : 0);
}

#define BEGIN(r)  ((r)->start = now())
#define END(r, n) ((r)->ns = now() - (r)->start, (r)->ops = (n))

/* -- Files ------------------------------------------------------------------- */

static int
open_file(const char *name, int flags)
{
	int fd = open(name, flags, 0666);

	CHECK(fd >= 0);
	return fd;
}

static int
open_cold(int i, int flags)
{
	char name[16];

	snprintf(name, sizeof(name), "cold%d", i);
	return open_file(name, flags);
}

static char *
map_file(int fd, size_t len, int prot, int flags)
{
	char *p = mmap(NULL, len, prot, flags, fd, 0);

	CHECK(p != MAP_FAILED);
	return p;
}

/* The file that is in memory: its first part, all of it. => fd */
static int
open_cached(size_t len)
{
	int fd = open_cold(0, O_RDWR);

	for (size_t at = 0; at < len; at += CHUNK)
		CHECK(pread(fd, buf, CHUNK, (off_t)at) == (ssize_t)CHUNK);
	return fd;
}

/* -- Through read and write -------------------------------------------------- */

/* Front to back, cold or not. */
static void
read_all(struct run *r)
{
	int file = r->arg;
	int fd = file < 0 ? open_cached(filesize) : open_cold(file, O_RDONLY);

	CHECK(lseek(fd, 0, SEEK_SET) == 0);
	BEGIN(r);
	for (size_t at = 0; at < filesize; at += CHUNK)
		CHECK(read(fd, buf, CHUNK) == (ssize_t)CHUNK);
	END(r, filesize / PAGE);
	close(fd);
}

/* Pages here and there of a file that is not in memory. */
static void
read_random(struct run *r)
{
	int fd = open_cold(r->arg, O_RDONLY);
	uint64_t x = 88172645463325252u;

	BEGIN(r);
	for (int i = 0; i < RANDOMS; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		CHECK(pread(fd, buf, PAGE,
			  (off_t)(x % (filesize / PAGE) * PAGE)) ==
		    (ssize_t)PAGE);
	}
	END(r, RANDOMS);
	close(fd);
}

/* A new file, or one again that is on the disk, until it is safe there. */
static void
write_all(struct run *r)
{
	int fd;

	if (!r->arg)
		(void)unlink("new");
	sync();
	fd = open_file("new", O_RDWR | O_CREAT);
	BEGIN(r);
	for (size_t at = 0; at < filesize; at += CHUNK)
		CHECK(write(fd, buf, CHUNK) == (ssize_t)CHUNK);
	CHECK(fsync(fd) == 0);
	END(r, filesize / PAGE);
	close(fd);
}

/* One page of memory after the other, by a call for each. */
static void
move_pages(struct run *r)
{
	int write = r->arg, fd = open_cached(SMALL);

	if (write) /* the first store to a page is another story */
		for (size_t at = 0; at < SMALL; at += PAGE)
			CHECK(
			    pwrite(fd, buf, PAGE, (off_t)at) == (ssize_t)PAGE);
	BEGIN(r);
	for (size_t at = 0; at < SMALL; at += PAGE)
		CHECK(
		    (write ? pwrite(fd, buf, PAGE, (off_t)at)
			   : pread(fd, buf, PAGE, (off_t)at)) == (ssize_t)PAGE);
	END(r, SMALL / PAGE);
	close(fd);
}

/* The same of one byte: what is left is the way there and back. */
static void
read_byte(struct run *r)
{
	int fd = open_cached(SMALL);

	BEGIN(r);
	for (size_t at = 0; at < SMALL; at += PAGE)
		CHECK(pread(fd, buf, 1, (off_t)at) == 1);
	END(r, SMALL / PAGE);
	close(fd);
}

static void
read_chunks(struct run *r)
{
	int fd = open_cached(SMALL);

	BEGIN(r);
	for (size_t at = 0; at < SMALL; at += CHUNK)
		CHECK(pread(fd, buf, CHUNK, (off_t)at) == (ssize_t)CHUNK);
	END(r, SMALL / PAGE);
	close(fd);
}

/* -- Through mmap ------------------------------------------------------------ */

static uint64_t
sum(const char *p, size_t len)
{
	const volatile uint64_t *word = (const volatile uint64_t *)p;
	uint64_t n = 0;

	for (size_t i = 0; i < len / sizeof(*word); i += 8)
		n += word[i];
	return n;
}

/* A word of each 64 bytes, cold or not. */
static void
map_read(struct run *r)
{
	int file = r->arg;
	int fd = file < 0 ? open_cached(filesize) : open_cold(file, O_RDONLY);
	char *p;

	BEGIN(r);
	p = map_file(fd, filesize, PROT_READ, MAP_SHARED);
	(void)sum(p, filesize);
	END(r, filesize / PAGE);
	munmap(p, filesize);
	close(fd);
}

/* Every page of a file that is on the disk, until it is safe there. */
static void
map_write(struct run *r)
{
	int fd = open_cached(filesize);
	char *p;

	sync();
	BEGIN(r);
	p = map_file(fd, filesize, RW, MAP_SHARED);
	for (size_t at = 0; at < filesize; at += PAGE)
		memset(p + at, (int)r->start, PAGE);
	CHECK(msync(p, filesize, MS_SYNC) == 0);
	END(r, filesize / PAGE);
	munmap(p, filesize);
	close(fd);
}

/* A touch of each page. */
static void
touch(struct run *r, char *p, int write)
{
	volatile char *q = p;

	BEGIN(r);
	for (size_t at = 0; at < SMALL; at += PAGE) {
		if (write)
			q[at] = 1;
		else
			(void)q[at];
	}
	END(r, SMALL / PAGE);
	munmap(p, SMALL);
}

/* arg: MAP_PRIVATE or MAP_SHARED, and 0x100: stores */
static void
fault(struct run *r)
{
	int write = r->arg & 0x100, fd = open_cached(SMALL);

	if (write)
		CHECK(fsync(fd) == 0);
	touch(r, map_file(fd, SMALL, write ? RW : PROT_READ, r->arg & ~0x100),
	    write);
	close(fd);
}

/* -- Small files ------------------------------------------------------------- */

static void
name_of(char *name, int i)
{
	snprintf(name, 32, "dir/file%d", i);
}

static void
create_files(int n, int sync_each)
{
	char name[32];
	int fd;

	for (int i = 0; i < n; i++) {
		name_of(name, i);
		fd = open_file(name, O_WRONLY | O_CREAT | O_EXCL);
		CHECK(write(fd, buf, PAGE) == (ssize_t)PAGE);
		if (sync_each)
			CHECK(fsync(fd) == 0);
		close(fd);
	}
}

static void
unlink_files(int n)
{
	char name[32];

	for (int i = 0; i < n; i++) {
		name_of(name, i);
		CHECK(unlink(name) == 0);
	}
}

static void
make_files(struct run *r)
{
	int sync_each = r->arg, n = sync_each ? SYNCED : FILES;

	(void)mkdir("dir", 0777);
	sync();
	BEGIN(r);
	create_files(n, sync_each);
	END(r, (uint64_t)n);
	unlink_files(n);
}

static void
stat_files(struct run *r)
{
	char name[32];
	struct stat st;

	(void)mkdir("dir", 0777);
	create_files(FILES, 0);
	BEGIN(r);
	for (int i = 0; i < FILES; i++) {
		name_of(name, i);
		CHECK(stat(name, &st) == 0);
	}
	END(r, FILES);
	unlink_files(FILES);
}

static void
remove_files(struct run *r)
{
	(void)mkdir("dir", 0777);
	create_files(FILES, 0);
	sync();
	BEGIN(r);
	unlink_files(FILES);
	END(r, FILES);
}

/* All of it, and on the disk. */
static void
files_synced(struct run *r)
{
	(void)mkdir("dir", 0777);
	sync();
	BEGIN(r);
	create_files(FILES, 0);
	sync();
	unlink_files(FILES);
	sync();
	END(r, FILES);
}

/* -- Running them ------------------------------------------------------------ */

static const struct test tests[] = {
	{ "file_read_cold", read_all, 0, KIBS, 2 },
	{ "file_read_cached", read_all, -1, KIBS, 1 },
	{ "file_write_new", write_all, 0, KIBS, 1 },
	{ "file_write_again", write_all, 1, KIBS, 1 },
	{ "file_map_cold", map_read, 1, KIBS, 2 },
	{ "file_map_cached", map_read, -1, KIBS, 1 },
	{ "file_map_write", map_write, 0, KIBS, 1 },
	{ "file_random_cold", read_random, 2, KIBS, 2 },
	{ "file_create", make_files, 0, OPS, 1 },
	{ "file_create_fsync", make_files, 1, OPS, 1 },
	{ "file_stat", stat_files, 0, OPS, 1 },
	{ "file_unlink", remove_files, 0, OPS, 1 },
	{ "file_files_synced", files_synced, 0, OPS, 1 },
	{ "file_pread_4k", move_pages, 0, OPS, 0 },
	{ "file_pread_64k", read_chunks, 0, KIBS, 0 },
	{ "file_pread_1", read_byte, 0, OPS, 0 },
	{ "file_pwrite_4k", move_pages, 1, OPS, 0 },
	{ "file_fault_private", fault, MAP_PRIVATE, OPS, 0 },
	{ "file_fault_shared", fault, MAP_SHARED, OPS, 0 },
	{ "file_fault_store", fault, MAP_SHARED | 0x100, OPS, 0 },
	{ "file_fault_cow", fault, MAP_PRIVATE | 0x100, OPS, 0 },
};

static void
print(const struct test *t, enum mode mode, const struct run *r)
{
	double per = (double)r->ns / (double)r->ops;

	if (mode != CLOCK)
		printf("filebench %s %.2f ns/%s\n", t->name, per,
		    t->unit == KIBS ? "page" : "op");
	else if (t->unit == KIBS)
		printf("filebench %s %.0f KiB/s\n", t->name, 4e9 / per);
	else
		printf("filebench %s %.0f op/s\n", t->name, 1e9 / per);
	fflush(stdout);
}

static void
run_test(const struct test *t, enum mode mode)
{
	struct run r = { .arg = t->arg }, best = { 0 };

	current = t->name;
	for (int i = 0; i < (t->disk == 2 ? 1 : REPS); i++) {
		t->fn(&r);
		if (best.ops == 0 || r.ns < best.ns)
			best = r;
	}
	print(t, mode, &best);
}

static int
wanted(const struct test *t, enum mode mode, char **globs)
{
	if ((mode == INSNS) != (t->disk == 0))
		return 0;
	if (*globs == NULL)
		return 1;
	for (; *globs != NULL; globs++)
		if (fnmatch(*globs, t->name, 0) == 0)
			return 1;
	return 0;
}

int
main(int argc __attribute__((unused)), char **argv)
{
	enum mode mode = CLOCK;
	pid_t spinner = 0;
	struct stat st;

	argv++;
	if (*argv != NULL && strcmp(*argv, "-i") == 0)
		mode = INSNS;
	else if (*argv != NULL && strcmp(*argv, "-c") == 0)
		mode = COST;
	argv += mode != CLOCK;
	if (*argv == NULL || chdir(*argv) != 0 || stat("cold0", &st) != 0)
		return 2;
	filesize = (size_t)st.st_size;
	memset(buf, 1, sizeof(buf));
	if (mode == COST) {
		spinner = start_spinner(&spun);
		CHECK(spinner > 0);
	}
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		if (wanted(&tests[i], mode, argv + 1))
			run_test(&tests[i], mode);
	if (spinner != 0)
		stop_spinner(spinner);
	return 0;
}
