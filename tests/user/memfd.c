/* vmrun: --smp 1,2 --timeout 60 */
/*
 * Files that no name leads to: those of memfd_create() and their seals, those
 * of O_TMPFILE and the name they may get.
 */
#include "test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#define DIR_ "/tmp/memfd"

static struct stat
stat_of(int fd)
{
	struct stat st;

	CHECK(fstat(fd, &st) == 0);
	return st;
}

static int
seal(int fd, int seals)
{
	return fcntl(fd, F_ADD_SEALS, seals);
}

static void
test_memfd(void)
{
	char path[64], buf[8], *p;
	int fd = memfd_create("some name", 0), two;

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_EQ(stat_of(fd).st_size, 5);
	CHECK_EQ(stat_of(fd).st_nlink, 0);
	CHECK_EQ(stat_of(fd).st_mode, S_IFREG | 0777);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK(ftruncate(fd, 2 * PAGE) == 0);
	p = mmap(NULL, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && memcmp(p, "hello", 6) == 0);
	p[PAGE] = 'p';
	CHECK_EQ(pread(fd, buf, 1, PAGE), 1);
	CHECK_EQ(buf[0], 'p');
	/* another descriptor with an offset of its own */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	two = open(path, O_RDONLY);
	CHECK(two >= 0 && read(two, buf, 5) == 5);
	CHECK(memcmp(buf, "hello", 5) == 0);
	CHECK_EQ(stat_of(two).st_ino, stat_of(fd).st_ino);
	close(two);
	/* shared with a child; the mapping outlives the descriptor */
	if (fork() == 0) {
		p[1] = 'E';
		_exit(pwrite(fd, "c", 1, 3) == 1 ? 0 : 1);
	}
	CHECK(wait(&two) > 0 && two == 0);
	CHECK(memcmp(p, "hElco", 5) == 0);
	CHECK_ERRNO(
	    linkat(AT_FDCWD, path, AT_FDCWD, DIR_ "/l", AT_SYMLINK_FOLLOW),
	    EXDEV);
	close(fd);
	CHECK_EQ(p[PAGE], 'p');
	CHECK(munmap(p, 2 * PAGE) == 0);
	/* two have nothing in common */
	fd = memfd_create("", MFD_CLOEXEC);
	two = memfd_create("", 0);
	CHECK(fd >= 0 && two >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	CHECK(stat_of(fd).st_ino != stat_of(two).st_ino);
	CHECK_EQ(stat_of(two).st_size, 0);
	close(fd);
	close(two);
}

static void
test_memfd_wrong(void)
{
	char name[256];
	int fd;

	CHECK_ERRNO(memfd_create("n", 0x100), EINVAL);
	CHECK_ERRNO(memfd_create("n", 0x18), EINVAL);
	CHECK_ERRNO(memfd_create((char *)16, 0), EFAULT);
	memset(name, 'n', sizeof(name));
	name[250] = '\0';
	CHECK_ERRNO(memfd_create(name, 0), EINVAL);
	name[249] = '\0';
	fd = memfd_create(name, 0);
	CHECK(fd >= 0);
	/* it may not be sealed, so nobody need ask */
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERRNO(seal(fd, F_SEAL_WRITE), EPERM);
	close(fd);
}

static void
test_size_seals(void)
{
	int fd = memfd_create("s", MFD_ALLOW_SEALING);

	CHECK(fd >= 0 && fcntl(fd, F_GET_SEALS) == 0);
	CHECK(ftruncate(fd, PAGE) == 0);
	CHECK(seal(fd, F_SEAL_SHRINK) == 0);
	CHECK_ERRNO(ftruncate(fd, PAGE - 1), EPERM);
	CHECK(ftruncate(fd, PAGE) == 0 && ftruncate(fd, 2 * PAGE) == 0);
	CHECK(seal(fd, F_SEAL_GROW) == 0);
	CHECK_ERRNO(ftruncate(fd, 2 * PAGE + 1), EPERM);
	CHECK_EQ(pwrite(fd, "xy", 2, 2 * PAGE - 1), 1);
	CHECK_ERRNO(pwrite(fd, "xy", 2, 2 * PAGE), EPERM);
	CHECK_ERRNO(fallocate(fd, 0, 0, 2 * PAGE + 1), EPERM);
	CHECK(fallocate(fd, 0, 0, 2 * PAGE) == 0);
	CHECK_EQ(pwrite(fd, "xy", 2, 2 * PAGE - 2), 2);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
	CHECK_ERRNO(seal(fd, 0x100), EINVAL);
	CHECK(seal(fd, F_SEAL_SEAL) == 0);
	CHECK_ERRNO(seal(fd, F_SEAL_WRITE), EPERM);
	close(fd);
}

static void
test_write_seal(void)
{
	int fd = memfd_create("s", MFD_ALLOW_SEALING), rd;
	char path[64], *p, *q;

	CHECK(ftruncate(fd, 2 * PAGE) == 0 && pwrite(fd, "data", 4, 0) == 4);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK_ERRNO(seal(fd, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK(munmap(p, PAGE) == 0);
	/* only who may write it may forbid that */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	rd = open(path, O_RDONLY);
	CHECK(rd >= 0);
	CHECK_ERRNO(seal(rd, F_SEAL_WRITE), EPERM);
	close(rd);
	q = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(q != MAP_FAILED && munmap(q, PAGE) == 0);
	CHECK(seal(fd, F_SEAL_WRITE) == 0);
	CHECK_ERRNO(pwrite(fd, "x", 1, 0), EPERM);
	CHECK_EQ(pwrite(fd, "x", 0, 0), 0);
	CHECK_ERRNO(
	    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096),
	    EPERM);
	CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED &&
	    errno == EPERM);
	/* to be read, and never more than that; a copy is one's own */
	p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && memcmp(p, "data", 4) == 0);
	CHECK_ERRNO(mprotect(p, PAGE, RW), EACCES);
	q = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0);
	CHECK(q != MAP_FAILED);
	q[0] = 'D';
	CHECK_EQ(p[0], 'd');
	CHECK(ftruncate(fd, PAGE) == 0); /* that is another seal */
	CHECK(munmap(p, PAGE) == 0 && munmap(q, PAGE) == 0);
	close(fd);
}

static void
test_other_seals(void)
{
	int fd = memfd_create("s", MFD_ALLOW_SEALING);
	char *p;

	/* what is mapped already goes on writing, nothing else does */
	CHECK(ftruncate(fd, PAGE) == 0);
	p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && seal(fd, F_SEAL_FUTURE_WRITE) == 0);
	p[0] = 'm';
	CHECK_ERRNO(pwrite(fd, "x", 1, 0), EPERM);
	CHECK(mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0) == MAP_FAILED &&
	    errno == EPERM);
	CHECK(munmap(p, PAGE) == 0);
	close(fd);
	fd = memfd_create("s", 8 /* MFD_NOEXEC_SEAL */);
	CHECK(fd >= 0 && (stat_of(fd).st_mode & 0777) == 0666);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0x20);
	CHECK_ERRNO(fchmod(fd, 0700), EPERM);
	CHECK(fchmod(fd, 0600) == 0);
	CHECK(seal(fd, F_SEAL_SEAL) == 0);
	close(fd);
	/* any file of a tmpfs could have them, and none gets them */
	fd = open(DIR_ "/f", O_CREAT | O_RDWR, 0600);
	if (stat_of(fd).st_dev != 0 && fcntl(fd, F_GET_SEALS) >= 0)
		CHECK_ERRNO(seal(fd, F_SEAL_WRITE), EPERM);
	close(fd);
	CHECK(unlink(DIR_ "/f") == 0);
	fd = open("/dev/null", O_RDWR);
	CHECK_ERRNO(fcntl(fd, F_GET_SEALS), EINVAL);
	close(fd);
}

/* One process seals while another maps: one of the two has to know. */
static void
test_seal_race(void)
{
	int st, sealed = 0;

	for (int i = 0; i < 100; i++) {
		int fd = memfd_create("r", MFD_ALLOW_SEALING);
		pid_t pid;

		CHECK(fd >= 0 && ftruncate(fd, PAGE) == 0);
		pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			char *p = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);

			if (p == MAP_FAILED)
				_exit(errno == EPERM ? 2 : 1);
			p[0] = 'w';
			_exit(0);
		}
		if (seal(fd, F_SEAL_WRITE) == 0) {
			char before, after;

			CHECK_EQ(pread(fd, &before, 1, 0), 1);
			CHECK(waitpid(pid, &st, 0) == pid && WIFEXITED(st));
			CHECK_EQ(pread(fd, &after, 1, 0), 1);
			CHECK_EQ(before, after);
			sealed += WEXITSTATUS(st) == 2;
		} else {
			CHECK_EQ(errno, EBUSY);
			CHECK(waitpid(pid, &st, 0) == pid);
		}
		CHECK(WEXITSTATUS(st) != 1);
		close(fd);
	}
	CHECK(sealed > 0);
}

static void
test_tmpfile(void)
{
	int fd, n = 0;
	char path[64], buf[4];
	struct stat st;

	CHECK_ERRNO(open(DIR_, O_TMPFILE | O_RDONLY, 0600), EINVAL);
	CHECK_ERRNO(open(DIR_, O_TMPFILE | O_RDWR | O_CREAT, 0600), EINVAL);
	CHECK_ERRNO(open(DIR_ "/no", O_TMPFILE | O_RDWR, 0600), ENOENT);
	fd = open(DIR_ "/f", O_CREAT | O_RDWR, 0600);
	close(fd);
	CHECK_ERRNO(open(DIR_ "/f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	CHECK(unlink(DIR_ "/f") == 0);
	umask(022);
	fd = open(DIR_, O_TMPFILE | O_RDWR, 0666);
	if (fd < 0) { /* ext2 has none */
		CHECK_EQ(errno, EOPNOTSUPP);
		return;
	}
	st = stat_of(fd);
	CHECK(st.st_nlink == 0 && st.st_mode == (S_IFREG | 0644));
	CHECK(rmdir(DIR_) == 0 && mkdir(DIR_, 0755) == 0); /* it is empty */
	CHECK_EQ(write(fd, "tmp", 3), 3);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, path, AT_FDCWD, DIR_ "/named",
		  AT_SYMLINK_FOLLOW) == 0);
	CHECK_EQ(stat_of(fd).st_nlink, 1);
	close(fd);
	fd = open(DIR_ "/named", O_RDONLY);
	CHECK(fd >= 0 && read(fd, buf, 4) == 3 && memcmp(buf, "tmp", 3) == 0);
	CHECK_EQ(stat_of(fd).st_ino, st.st_ino);
	/* once it has lost its names it gets none any more */
	CHECK(unlink(DIR_ "/named") == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERRNO(
	    linkat(AT_FDCWD, path, AT_FDCWD, DIR_ "/named", AT_SYMLINK_FOLLOW),
	    ENOENT);
	close(fd);
	/* with O_EXCL it never does */
	fd = open(DIR_, O_TMPFILE | O_RDWR | O_EXCL, 0600);
	CHECK(fd >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERRNO(
	    linkat(AT_FDCWD, path, AT_FDCWD, DIR_ "/named", AT_SYMLINK_FOLLOW),
	    ENOENT);
	close(fd);
	/* what it took is given back */
	for (; n < 300; n++) {
		fd = open(DIR_, O_TMPFILE | O_RDWR, 0600);
		CHECK(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
		CHECK(fallocate(fd, 0, 0, 1 << 20) == 0);
		close(fd);
	}
}

int
main(void)
{
	CHECK(mkdir(DIR_, 0755) == 0);
	test_memfd();
	test_memfd_wrong();
	test_size_seals();
	test_write_seal();
	test_other_seals();
	test_seal_race();
	test_tmpfile();
	CHECK(rmdir(DIR_) == 0);
	return 0;
}
