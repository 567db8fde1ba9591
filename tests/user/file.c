/* vmrun: --smp 1,4 --timeout 60 */
/*
 * Files on the root: create, read, write, seek, rename, remove, list.
 */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>

static int
create(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

static void
expect(const char *name, const char *text)
{
	char buf[256];
	int fd = open(name, O_RDONLY);
	ssize_t n;

	CHECK(fd >= 0);
	n = read(fd, buf, sizeof(buf));
	CHECK_EQ(n, strlen(text));
	CHECK(memcmp(buf, text, (size_t)n) == 0);
	close(fd);
}

static void
test_read_write(void)
{
	char buf[100];
	int fd = create("a", "hello world");

	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_EQ(lseek(fd, 6, SEEK_SET), 6);
	CHECK_EQ(read(fd, buf, 100), 5);
	CHECK(memcmp(buf, "world", 5) == 0);
	CHECK_EQ(read(fd, buf, 100), 0);
	CHECK_EQ(pread(fd, buf, 3, 2), 3);
	CHECK(memcmp(buf, "llo", 3) == 0);
	CHECK_EQ(pwrite(fd, "XY", 2, 0), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_EQ(lseek(fd, -1, SEEK_END), 10);
	CHECK_ERRNO(lseek(fd, -100, SEEK_CUR), EINVAL);
	CHECK_ERRNO(lseek(fd, 0, 77), EINVAL);
	CHECK_ERRNO(pread(fd, buf, 1, -1), EINVAL);
	/* a hole reads as zeros */
	CHECK_EQ(lseek(fd, 10000, SEEK_SET), 10000);
	CHECK_EQ(write(fd, "end", 3), 3);
	CHECK_EQ(pread(fd, buf, 100, 5000), 100);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(buf[i], 0);
	CHECK_EQ(pread(fd, buf, 100, 9999), 4);
	CHECK(memcmp(buf, "\0end", 4) == 0);
	close(fd);
	CHECK_ERRNO(write(fd, "x", 1), EBADF);
	fd = open("a", O_RDONLY);
	CHECK_ERRNO(write(fd, "x", 1), EBADF);
	close(fd);
	fd = open("a", O_WRONLY);
	CHECK_ERRNO(read(fd, buf, 1), EBADF);
	close(fd);
	CHECK(unlink("a") == 0);
}

static void
test_large(void)
{
	static unsigned char buf[70000];
	int fd = open("big", O_RDWR | O_CREAT | O_EXCL, 0600);
	struct stat st;

	CHECK(fd >= 0);
	for (int i = 0; i < 20; i++) {
		memset(buf, i, sizeof(buf));
		CHECK_EQ(write(fd, buf, sizeof(buf)), sizeof(buf));
	}
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, 20 * sizeof(buf));
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
		for (size_t k = 0; k < sizeof(buf); k += 1001)
			CHECK_EQ(buf[k], i);
	}
	close(fd);
	CHECK_EQ(open("big", O_RDWR | O_CREAT | O_EXCL, 0600), -1);
	CHECK_EQ(errno, EEXIST);
	fd = open("big", O_RDWR | O_TRUNC);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_size, 0);
	close(fd);
	CHECK(unlink("big") == 0);
}

static void
test_append(void)
{
	int fd = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644), fd2;

	CHECK(fd >= 0);
	fd2 = open("log", O_WRONLY | O_APPEND);
	CHECK_EQ(write(fd, "one ", 4), 4);
	CHECK_EQ(write(fd2, "two ", 4), 4);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(write(fd, "three", 5), 5);
	expect("log", "one two three");
	close(fd);
	close(fd2);
	CHECK(unlink("log") == 0);
}

static void
test_rename(void)
{
	close(create("x", "content x"));
	close(create("y", "content y"));
	CHECK(rename("x", "z") == 0);
	CHECK_ERRNO(access("x", F_OK), ENOENT);
	expect("z", "content x");
	CHECK(rename("z", "y") == 0);
	expect("y", "content x");
	CHECK_ERRNO(rename("none", "y"), ENOENT);
	CHECK(mkdir("d", 0755) == 0);
	CHECK(rename("y", "d/y") == 0);
	expect("d/y", "content x");
	CHECK_ERRNO(rename("d/y", "d/y/q"), ENOTDIR);
	CHECK(mkdir("d/e", 0755) == 0);
	CHECK_ERRNO(rename("d", "d/e/f"), EINVAL);
	CHECK_ERRNO(rename("d/y", "d/e"), EISDIR);
	CHECK_ERRNO(rename("d/e", "d/y"), ENOTDIR);
	CHECK(mkdir("full", 0755) == 0);
	close(create("full/file", ""));
	CHECK_ERRNO(rename("d/e", "full"), ENOTEMPTY);
	CHECK(unlink("full/file") == 0);
	CHECK(rename("d/e", "full") == 0);
	CHECK(rmdir("full") == 0);
	CHECK(unlink("d/y") == 0);
	CHECK(rmdir("d") == 0);
}

/* Open files outlive their names. */
static void
test_unlink_open(void)
{
	char buf[16];
	struct stat st;
	int fd = create("gone", "still here");

	CHECK(unlink("gone") == 0);
	CHECK_ERRNO(open("gone", O_RDONLY), ENOENT);
	CHECK(fstat(fd, &st) == 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(pread(fd, buf, 16, 0), 10);
	CHECK(memcmp(buf, "still here", 10) == 0);
	CHECK_EQ(write(fd, "!", 1), 1);
	close(fd);
}

static void
test_directories(void)
{
	char name[32], cwd[256], old[256];
	struct dirent *e;
	int seen[150] = { 0 }, dots = 0, n;
	DIR *d;

	CHECK(mkdir("dir", 0755) == 0);
	CHECK_ERRNO(mkdir("dir", 0755), EEXIST);
	CHECK_ERRNO(mkdir("nowhere/dir", 0755), ENOENT);
	for (int i = 0; i < 150; i++) {
		sprintf(name, "dir/file%d", i);
		close(create(name, name));
	}
	d = opendir("dir");
	CHECK(d != NULL);
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.') {
			dots++;
			CHECK_EQ(e->d_type, DT_DIR);
			continue;
		}
		CHECK(sscanf(e->d_name, "file%d", &n) == 1);
		CHECK(n >= 0 && n < 150);
		CHECK_EQ(seen[n], 0);
		CHECK_EQ(e->d_type, DT_REG);
		seen[n] = 1;
	}
	CHECK_EQ(dots, 2);
	for (int i = 0; i < 150; i++)
		CHECK_EQ(seen[i], 1);
	rewinddir(d);
	CHECK(readdir(d) != NULL);
	closedir(d);
	CHECK_ERRNO(rmdir("dir"), ENOTEMPTY);
	CHECK_ERRNO(unlink("dir"), EISDIR);
	CHECK_ERRNO(rmdir("dir/file0"), ENOTDIR);
	CHECK(getcwd(old, sizeof(old)) != NULL);
	CHECK(chdir("dir") == 0);
	expect("file7", "dir/file7");
	expect("../dir/./file8", "dir/file8");
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(strncmp(cwd, old, strlen(old)) == 0);
	CHECK(strcmp(cwd + strlen(cwd) - 4, "/dir") == 0);
	CHECK_ERRNO((getcwd(cwd, 2) != NULL) - 1, ERANGE);
	CHECK(chdir("..") == 0);
	CHECK_ERRNO(chdir("dir/file1"), ENOTDIR);
	CHECK_ERRNO(chdir("none"), ENOENT);
	CHECK_ERRNO(open("dir/file1/x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("dir", O_WRONLY), EISDIR);
	n = open("dir", O_RDONLY | O_DIRECTORY);
	CHECK(n >= 0);
	CHECK_ERRNO(read(n, cwd, 10), EISDIR);
	CHECK(unlinkat(n, "file0", 0) == 0);
	close(n);
	CHECK_ERRNO(open("dir/file1", O_RDONLY | O_DIRECTORY), ENOTDIR);
	for (int i = 1; i < 150; i++) {
		sprintf(name, "dir/file%d", i);
		CHECK(unlink(name) == 0);
	}
	CHECK(rmdir("dir") == 0);
	CHECK(chdir("/..") == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/") == 0);
	CHECK(chdir(old) == 0);
}

static void
test_descriptors(void)
{
	char c;
	struct stat st, st2;
	int fd = create("f", "abcdef"), fd2, fd3;

	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	fd2 = dup(fd);
	CHECK(fd2 > fd);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(read(fd2, &c, 1), 1);
	CHECK_EQ(c, 'b');
	CHECK_EQ(dup2(fd, 40), 40);
	CHECK_EQ(dup2(fd, fd), fd);
	CHECK_ERRNO(dup3(fd, fd, 0), EINVAL);
	CHECK_ERRNO(dup2(99, 41), EBADF);
	CHECK_ERRNO(dup2(fd, 1000000), EBADF);
	CHECK_EQ(dup3(fd, 41, O_CLOEXEC), 41);
	CHECK_EQ(fcntl(41, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(40, F_GETFD), 0);
	fd3 = fcntl(fd, F_DUPFD, 60);
	CHECK_EQ(fd3, 60);
	CHECK_EQ(fcntl(fd3, F_GETFL) & O_ACCMODE, O_RDWR);
	CHECK(fcntl(fd3, F_SETFL, O_APPEND) == 0);
	CHECK(fcntl(fd, F_GETFL) & O_APPEND);
	CHECK_ERRNO(fcntl(99, F_GETFD), EBADF);
	CHECK_ERRNO(fcntl(fd, 9999), EINVAL);
	CHECK(fstat(fd, &st) == 0 && stat("f", &st2) == 0);
	CHECK_EQ(st.st_ino, st2.st_ino);
	CHECK_EQ(st.st_dev, st2.st_dev);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_size, 6);
	CHECK(st.st_mtim.tv_sec > 0);
	CHECK_EQ(syscall(SYS_close_range, 40, 60, 0), 0);
	CHECK_ERRNO(fcntl(41, F_GETFD), EBADF);
	CHECK(fcntl(fd2, F_GETFD) >= 0);
	close(fd);
	close(fd2);
	CHECK_ERRNO(close(fd2), EBADF);
	CHECK_ERRNO(ioctl(fd, TIOCGWINSZ, &st), EBADF);
	CHECK(unlink("f") == 0);
}

static void
test_umask(void)
{
	struct stat st;
	mode_t old = umask(027);

	close(open("m", O_WRONLY | O_CREAT, 0777));
	CHECK(stat("m", &st) == 0);
	CHECK_EQ(st.st_mode & 0777, 0750);
	CHECK_EQ(umask(old), 027);
	CHECK(unlink("m") == 0);
	CHECK(mkdir("md", 0700) == 0);
	CHECK(stat("md", &st) == 0);
	CHECK_EQ(st.st_mode, S_IFDIR | 0700);
	CHECK(rmdir("md") == 0);
}

static void
test_names(void)
{
	char name[300];

	memset(name, 'n', 299);
	name[299] = '\0';
	CHECK_ERRNO(open(name, O_RDWR | O_CREAT, 0600), ENAMETOOLONG);
	name[255] = '\0';
	close(create(name, "long"));
	expect(name, "long");
	CHECK(unlink(name) == 0);
	CHECK_ERRNO(open("", O_RDONLY), ENOENT);
	CHECK_ERRNO(unlink("none"), ENOENT);
	CHECK_ERRNO(rmdir("/"), EBUSY);
	CHECK_ERRNO(rmdir("."), EINVAL);
	CHECK_ERRNO(access("none", R_OK), ENOENT);
	CHECK(access("/", R_OK | X_OK) == 0);
	CHECK_ERRNO(readlink("/", name, 10), EINVAL);
}

static void
test_devices(void)
{
	char buf[64];
	struct stat st;
	int fd = open("/dev/null", O_RDWR), bits = 0;

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(read(fd, buf, 1), 0);
	CHECK(fstat(fd, &st) == 0 && S_ISCHR(st.st_mode));
	CHECK_EQ(major(st.st_rdev), 1);
	CHECK_EQ(minor(st.st_rdev), 3);
	close(fd);
	fd = open("/dev/zero", O_RDWR);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		CHECK_EQ(buf[i], 0);
	close(fd);
	fd = open("/dev/full", O_RDWR);
	if (fd >= 0 || !on_peer()) {
		CHECK_ERRNO(write(fd, "x", 1), ENOSPC);
		close(fd);
	}
	fd = open("/dev/urandom", O_RDONLY);
	CHECK_EQ(read(fd, buf, sizeof(buf)), sizeof(buf));
	for (size_t i = 0; i < sizeof(buf); i++)
		bits += __builtin_popcount((unsigned char)buf[i]);
	CHECK(bits > 180 && bits < 332);
	close(fd);
	CHECK_EQ(syscall(SYS_getrandom, buf, 32, 0), 32);
	CHECK_ERRNO(syscall(SYS_getrandom, bad_pointer, 32, 0), EFAULT);
}

static void
test_statx(void)
{
	struct statx sx;
	int fd = create("sx", "12345");

	CHECK(statx(AT_FDCWD, "sx", 0, STATX_BASIC_STATS, &sx) == 0);
	CHECK_EQ(sx.stx_size, 5);
	CHECK_EQ(sx.stx_mode, S_IFREG | 0644);
	CHECK_EQ(sx.stx_nlink, 1);
	CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &sx) == 0);
	CHECK_EQ(sx.stx_size, 5);
	close(fd);
	CHECK(unlink("sx") == 0);
	CHECK_ERRNO(statx(AT_FDCWD, "sx", 0, STATX_BASIC_STATS, &sx), ENOENT);
}

/* Processes that create and remove in one directory at once. */
static void
test_together(void)
{
	char name[32];
	int status;

	CHECK(mkdir("many", 0755) == 0);
	for (int k = 0; k < 4; k++)
		if (fork() == 0) {
			for (int i = 0; i < 200; i++) {
				sprintf(name, "many/%d-%d", k, i % 7);
				close(create(name, name));
				expect(name, name);
				CHECK(unlink(name) == 0);
			}
			_exit(0);
		}
	for (int k = 0; k < 4; k++)
		CHECK(wait(&status) > 0 && status == 0);
	CHECK(rmdir("many") == 0);
}

int
main(void)
{
	CHECK(mkdir("/tmp/file-test", 0755) == 0);
	CHECK(chdir("/tmp/file-test") == 0);
	umask(022);
	test_read_write();
	test_large();
	test_append();
	test_rename();
	test_unlink_open();
	test_directories();
	test_descriptors();
	test_umask();
	test_names();
	test_devices();
	test_statx();
	test_together();
	CHECK(chdir("/") == 0);
	CHECK(rmdir("/tmp/file-test") == 0);
	return 0;
}
