/* vmrun: --smp 1,2,4 --timeout 60 */
/*
 * Mounts: the same directory twice, file systems on each other, names across
 * them in both directions, what is busy and what goes all the same, read-only
 * in every call that would write, limits, and names that change meanwhile.
 */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/time.h>

#define ROOT "/tmp/mnt"

static void
make(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
exists(const char *name)
{
	return access(name, F_OK) == 0;
}

static dev_t
device(const char *name)
{
	struct stat st;

	CHECK(lstat(name, &st) == 0);
	return st.st_dev;
}

static void
mount_tmpfs(const char *dir, unsigned long flags, const char *options)
{
	CHECK(mount("mine", dir, "tmpfs", flags, options) == 0);
}

static void
test_basics(void)
{
	char cwd[PATH_MAX];
	struct stat st, up;

	CHECK(mkdir("a", 0755) == 0 && mkdir("a/b", 0755) == 0);
	make("a/b/below", "1");
	mount_tmpfs("a/b", 0, NULL);
	CHECK(!exists("a/b/below"));
	CHECK(device("a/b") != device("a"));
	make("a/b/above", "2");
	CHECK(mkdir("a/b/c", 0755) == 0);
	/* down, up, and where we are */
	CHECK(chdir("a/b/c") == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(strcmp(cwd, ROOT "/a/b/c") == 0);
	CHECK(exists("../above") && exists("../../b/above"));
	CHECK(stat("../..", &up) == 0 && stat(ROOT "/a", &st) == 0);
	CHECK_EQ(up.st_ino, st.st_ino);
	CHECK_EQ(up.st_dev, st.st_dev);
	CHECK(chdir("..") == 0 && getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(strcmp(cwd, ROOT "/a/b") == 0);
	CHECK(chdir("..") == 0 && getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(strcmp(cwd, ROOT "/a") == 0);
	CHECK(chdir(ROOT) == 0);
	/* not across */
	make("f", "x");
	CHECK_ERRNO(link("f", "a/b/f"), EXDEV);
	CHECK_ERRNO(rename("f", "a/b/f"), EXDEV);
	CHECK_ERRNO(rename("a/b/above", "g"), EXDEV);
	/* nor away from under it */
	CHECK_ERRNO(rmdir("a/b"), EBUSY);
	CHECK_ERRNO(unlink("a/b"), EISDIR);
	CHECK_ERRNO(rename("a/b", "z"), EBUSY);
	CHECK(mkdir("z", 0755) == 0);
	CHECK_ERRNO(rename("z", "a/b"), EBUSY);
	/* but with what it lies in */
	CHECK(rename("a", "q") == 0 && exists("q/b/above"));
	CHECK(chdir("q/b/c") == 0 && getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(strcmp(cwd, ROOT "/q/b/c") == 0);
	CHECK(chdir(ROOT) == 0 && rename("q", "a") == 0);
	CHECK(umount("a/b") == 0);
	CHECK(exists("a/b/below") && !exists("a/b/above"));
	CHECK_ERRNO(umount("a/b"), EINVAL);
	CHECK(unlink("a/b/below") == 0 && rmdir("a/b") == 0 && rmdir("a") == 0);
	CHECK(rmdir("z") == 0 && unlink("f") == 0);
}

static void
test_errors(void)
{
	make("f", "");
	CHECK(mkdir("d", 0755) == 0);
	CHECK_ERRNO(mount("x", "d", "nosuchfs", 0, NULL), ENODEV);
	CHECK_ERRNO(mount("x", "none", "tmpfs", 0, NULL), ENOENT);
	CHECK_ERRNO(mount("x", "f", "tmpfs", 0, NULL), ENOTDIR);
	CHECK_ERRNO(mount("x", "d", "tmpfs", 0, "size=1x"), EINVAL);
	CHECK_ERRNO(mount("x", "d", "tmpfs", 0, "what=1"), EINVAL);
	CHECK_ERRNO(mount("x", "d", "tmpfs", 0, "mode=9"), EINVAL);
	CHECK_ERRNO(mount("x", "d", "tmpfs", 0, bad_pointer), EFAULT);
	CHECK_ERRNO(mount("x", bad_pointer, "tmpfs", 0, NULL), EFAULT);
	CHECK_ERRNO(mount("x", "d", bad_pointer, 0, NULL), EFAULT);
	CHECK_ERRNO(mount("d", "d", NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERRNO(mount("x", "d", NULL, MS_REMOUNT, NULL), EINVAL);
	CHECK_ERRNO(umount("d"), EINVAL);
	CHECK_ERRNO(umount("none"), ENOENT);
	CHECK_ERRNO(umount2("d", 0x100), EINVAL);
	CHECK_ERRNO(umount2("d", MNT_EXPIRE | MNT_FORCE), EINVAL);
	CHECK_ERRNO(umount2("d", MNT_EXPIRE | MNT_DETACH), EINVAL);
	CHECK(unlink("f") == 0 && rmdir("d") == 0);
}

/* File systems on each other's root, and on a directory of each other's. */
static void
test_stacks(void)
{
	struct stat st;
	char name[16];
	ino_t root;

	CHECK(mkdir("s", 0755) == 0);
	CHECK(stat(".", &st) == 0);
	root = st.st_ino;
	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "s/%d", i);
		mount_tmpfs("s", 0, NULL);
		make(name, "");
	}
	for (int i = 5; i-- > 0;) {
		for (int k = 0; k < 5; k++) {
			snprintf(name, sizeof(name), "s/%d", k);
			CHECK_EQ(exists(name), k == i);
		}
		CHECK(stat("s/..", &st) == 0);
		CHECK_EQ(st.st_ino, root);
		CHECK(umount("s") == 0);
	}
	mount_tmpfs("s", 0, NULL);
	CHECK(mkdir("s/t", 0755) == 0);
	mount_tmpfs("s/t", 0, NULL);
	CHECK_ERRNO(umount("s"), EBUSY);
	CHECK_ERRNO(umount2("s", MNT_FORCE), EBUSY);
	CHECK(umount("s/t") == 0 && umount("s") == 0 && rmdir("s") == 0);
}

static void
test_busy(void)
{
	char *p;
	int fd;

	CHECK(mkdir("d", 0755) == 0);
	mount_tmpfs("d", 0, NULL);
	fd = open("d/f", O_RDWR | O_CREAT, 0644);
	CHECK(fd >= 0 && ftruncate(fd, 4096) == 0);
	CHECK_ERRNO(umount("d"), EBUSY);
	p = mmap(NULL, 4096, RW, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = 7;
	close(fd);
	CHECK_ERRNO(umount("d"), EBUSY);
	CHECK(munmap(p, 4096) == 0);
	fd = open("d/f", O_RDWR);
	CHECK(unlink("d/f") == 0);
	CHECK_ERRNO(umount("d"), EBUSY);
	close(fd);
	CHECK(chdir("d") == 0);
	CHECK_ERRNO(umount(ROOT "/d"), EBUSY);
	CHECK(chdir("..") == 0);
	fd = open("d", O_PATH);
	CHECK_ERRNO(umount("d"), EBUSY);
	close(fd);
	/* hard links, trees, links and devices are no reason */
	make("d/one", "1");
	CHECK(link("d/one", "d/two") == 0 && symlink("one", "d/l") == 0);
	CHECK(mkdir("d/x", 0755) == 0 && mkdir("d/x/y", 0755) == 0);
	make("d/x/y/z", "z");
	CHECK(link("d/x/y/z", "d/x/zz") == 0);
	CHECK(mknod("d/null", S_IFCHR | 0666, 0x103) == 0);
	CHECK(umount("d") == 0 && rmdir("d") == 0);
}

static void
test_expire(void)
{
	CHECK(mkdir("d", 0755) == 0);
	mount_tmpfs("d", 0, NULL);
	CHECK_ERRNO(umount2("d", MNT_EXPIRE), EAGAIN);
	CHECK(access("d/.", F_OK) == 0);
	CHECK_ERRNO(umount2("d", MNT_EXPIRE), EAGAIN);
	CHECK(umount2("d", MNT_EXPIRE) == 0);
	CHECK_ERRNO(umount2("d", MNT_EXPIRE), EINVAL);
	CHECK(symlink("d", "l") == 0);
	mount_tmpfs("d", 0, NULL);
	CHECK_ERRNO(umount2("l", UMOUNT_NOFOLLOW), EINVAL);
	CHECK(umount2("l", 0) == 0);
	CHECK(unlink("l") == 0 && rmdir("d") == 0);
}

static void
test_detach(void)
{
	struct statfs sf;
	char buf[64], c;
	int fd, dir;

	CHECK(mkdir("d", 0755) == 0);
	mount_tmpfs("d", 0, NULL);
	CHECK(mkdir("d/e", 0755) == 0);
	mount_tmpfs("d/e", 0, NULL);
	make("d/e/f", "hello");
	fd = open("d/e/f", O_RDWR);
	dir = open("d/e", O_RDONLY);
	CHECK(fd >= 0 && dir >= 0);
	CHECK_ERRNO(umount("d"), EBUSY);
	CHECK(umount2("d", MNT_DETACH) == 0);
	CHECK(!exists("d/e") && rmdir("d") == 0);
	/* it lives on for those who have it */
	CHECK_EQ(read(fd, buf, sizeof(buf)), 5);
	CHECK(openat(dir, "g", O_CREAT | O_WRONLY, 0644) >= 0);
	CHECK(fstatfs(dir, &sf) == 0);
	CHECK(faccessat(dir, "../e", F_OK, 0) == -1);
	CHECK(fchdir(dir) == 0);
	CHECK(syscall(SYS_getcwd, buf, sizeof(buf)) > 0);
	CHECK(strncmp(buf, "(unreachable)", 13) == 0);
	CHECK(chdir(ROOT) == 0);
	CHECK_EQ(pread(fd, &c, 1, 4), 1);
	CHECK_EQ(c, 'o');
	close(fd);
	close(dir);
}

static void
check_writes_fail(void)
{
	struct timeval tv[2] = { { 1, 0 }, { 1, 0 } };
	int fd;

	CHECK_ERRNO(open("d/new", O_CREAT | O_WRONLY, 0644), EROFS);
	CHECK_ERRNO(open("d/f", O_WRONLY), EROFS);
	CHECK_ERRNO(open("d/f", O_RDWR), EROFS);
	CHECK_ERRNO(open("d/f", O_RDONLY | O_TRUNC), EROFS);
	CHECK_ERRNO(mkdir("d/new", 0755), EROFS);
	CHECK_ERRNO(mkdir("d/f", 0755), EEXIST);
	CHECK_ERRNO(mknod("d/new", S_IFIFO | 0644, 0), EROFS);
	CHECK_ERRNO(symlink("f", "d/new"), EROFS);
	CHECK_ERRNO(link("d/f", "d/new"), EROFS);
	CHECK_ERRNO(unlink("d/f"), EROFS);
	CHECK_ERRNO(rmdir("d/dir"), EROFS);
	CHECK_ERRNO(rename("d/f", "d/g"), EROFS);
	CHECK_ERRNO(truncate("d/f", 0), EROFS);
	CHECK_ERRNO(chmod("d/f", 0600), EROFS);
	CHECK_ERRNO(chown("d/f", 1, 1), EROFS);
	CHECK_ERRNO(utimes("d/f", tv), EROFS);
	CHECK_ERRNO(access("d/f", W_OK), EROFS);
	CHECK_ERRNO(access("d/dir", W_OK), EROFS);
	CHECK(access("d/f", R_OK) == 0);
	fd = open("d/f", O_CREAT | O_RDONLY, 0644);
	CHECK(fd >= 0);
	CHECK_ERRNO(fchmod(fd, 0600), EROFS);
	CHECK_ERRNO(fchown(fd, 1, 1), EROFS);
	CHECK_ERRNO(futimens(fd, NULL), EROFS);
	CHECK_ERRNO(ftruncate(fd, 0), EINVAL);
	close(fd);
	/* devices and pipes on it are not it */
	fd = open("d/null", O_WRONLY);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
	fd = open("d/fifo", O_RDWR);
	CHECK(fd >= 0 && write(fd, "x", 1) == 1);
	close(fd);
}

static void
test_rdonly(void)
{
	struct statvfs sv;
	struct stat before, after;
	char c;
	int fd;

	CHECK(mkdir("d", 0755) == 0);
	mount_tmpfs("d", 0, NULL);
	make("d/f", "data");
	CHECK(mkdir("d/dir", 0755) == 0 && mkfifo("d/fifo", 0644) == 0);
	CHECK(mknod("d/null", S_IFCHR | 0666, 0x103) == 0);
	fd = open("d/f", O_RDWR);
	CHECK_ERRNO(
	    mount(NULL, "d", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	CHECK(unlink("d/f") == 0);
	close(fd);
	make("d/f", "data");
	CHECK(mount(NULL, "d", NULL, MS_REMOUNT | MS_RDONLY, NULL) == 0);
	CHECK(statvfs("d", &sv) == 0 && (sv.f_flag & ST_RDONLY) != 0);
	check_writes_fail();
	CHECK(stat("d/f", &before) == 0);
	fd = open("d/f", O_RDONLY);
	CHECK(read(fd, &c, 1) == 1 && c == 'd');
	close(fd);
	CHECK(stat("d/f", &after) == 0);
	CHECK_EQ(before.st_atim.tv_nsec, after.st_atim.tv_nsec);
	CHECK(mount(NULL, "d", NULL, MS_REMOUNT, NULL) == 0);
	make("d/f", "again");
	CHECK(umount("d") == 0);
	mount_tmpfs("d", MS_RDONLY, NULL);
	CHECK_ERRNO(mkdir("d/x", 0755), EROFS);
	CHECK(umount("d") == 0 && rmdir("d") == 0);
}

static void
run_true(void)
{
	execl("d/true", "true", (char *)NULL);
	_exit(errno);
}

static void
copy_true(void)
{
	char buf[4096];
	int from = open("/bin/true", O_RDONLY);
	int to = open("d/true", O_WRONLY | O_CREAT, 0755);
	ssize_t n;

	CHECK(from >= 0 && to >= 0);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		CHECK_EQ(write(to, buf, (size_t)n), n);
	close(from);
	close(to);
}

static void
test_flags(void)
{
	int fd;

	CHECK(mkdir("d", 0755) == 0);
	mount_tmpfs("d", MS_NOEXEC | MS_NODEV | MS_NOSUID, NULL);
	copy_true();
	CHECK_EQ(WEXITSTATUS(in_child(run_true)), EACCES);
	CHECK_ERRNO(access("d/true", X_OK), EACCES);
	fd = open("d/true", O_RDONLY);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) ==
	    MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	CHECK_ERRNO(mprotect(p, 4096, PROT_READ | PROT_EXEC), EACCES);
	munmap(p, 4096);
	close(fd);
	CHECK(mknod("d/null", S_IFCHR | 0666, 0x103) == 0);
	CHECK_ERRNO(open("d/null", O_RDONLY), EACCES);
	CHECK(mount(NULL, "d", NULL, MS_REMOUNT, NULL) == 0);
	CHECK_EQ(in_child(run_true), 0);
	fd = open("d/null", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK(umount("d") == 0 && rmdir("d") == 0);
}

static void
test_size(void)
{
	char buf[4096] = "x";
	struct statfs sf, now;
	struct stat st;
	int fd, n = 0;

	CHECK(mkdir("d", 0755) == 0);
	mount_tmpfs("d", 0, "size=64k,nr_inodes=4,mode=700,uid=3,gid=4");
	CHECK(stat("d", &st) == 0);
	CHECK_EQ(st.st_mode & 07777, 0700);
	CHECK(st.st_uid == 3 && st.st_gid == 4);
	CHECK(statfs("d", &sf) == 0);
	CHECK_EQ(sf.f_type, 0x01021994);
	CHECK_EQ(sf.f_bsize, 4096);
	CHECK_EQ(sf.f_blocks, 16);
	CHECK_EQ(sf.f_bfree, 16);
	CHECK_EQ(sf.f_files, 4);
	CHECK_EQ(sf.f_ffree, 3);
	fd = open("d/f", O_RDWR | O_CREAT, 0644);
	while (write(fd, buf, sizeof(buf)) == sizeof(buf))
		n++;
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(n, 16);
	CHECK(fstatfs(fd, &now) == 0);
	CHECK_EQ(now.f_bfree, 0);
	CHECK_EQ(now.f_fsid.__val[0], sf.f_fsid.__val[0]);
	CHECK_ERRNO(mount(NULL, "d", NULL, MS_REMOUNT, "size=32k"), EINVAL);
	CHECK(mount(NULL, "d", NULL, MS_REMOUNT, "size=68k") == 0);
	CHECK_EQ(write(fd, buf, sizeof(buf)), 4096);
	CHECK_ERRNO(write(fd, buf, sizeof(buf)), ENOSPC);
	CHECK(mkdir("d/2", 0755) == 0 && mkdir("d/3", 0755) == 0);
	CHECK_ERRNO(mkdir("d/4", 0755), ENOSPC);
	CHECK(rmdir("d/2") == 0 && mkdir("d/4", 0755) == 0);
	close(fd);
	CHECK(umount("d") == 0 && rmdir("d") == 0);
}

static void
in_root(void)
{
	char cwd[64];

	CHECK(chroot("r") == 0 && chdir("/") == 0);
	CHECK(exists("/in") && !exists("/../../tmp"));
	CHECK(chdir("sub/..") == 0 && chdir("..") == 0);
	CHECK(getcwd(cwd, sizeof(cwd)) != NULL && strcmp(cwd, "/") == 0);
	CHECK(chdir("sub") == 0 && getcwd(cwd, sizeof(cwd)) != NULL);
	CHECK(strcmp(cwd, "/sub") == 0);
	CHECK(exists("/link") && exists("/m/x"));
	CHECK_ERRNO(chroot("/none"), ENOENT);
	CHECK_ERRNO(chroot("/in"), ENOTDIR);
}

static void
outside_root(void)
{
	char cwd[64];

	CHECK(chroot("r/sub") == 0);
	CHECK(syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0);
	CHECK(strncmp(cwd, "(unreachable)/", 14) == 0);
}

static void
test_chroot(void)
{
	CHECK(mkdir("r", 0755) == 0 && mkdir("r/sub", 0755) == 0);
	CHECK(mkdir("r/m", 0755) == 0);
	mount_tmpfs("r/m", 0, NULL);
	make("r/m/x", "");
	make("r/in", "");
	CHECK(symlink("/in", "r/link") == 0);
	CHECK_CHILD(in_root);
	CHECK_CHILD(outside_root);
	CHECK(umount("r/m") == 0);
	CHECK(unlink("r/link") == 0 && unlink("r/in") == 0);
	CHECK(rmdir("r/m") == 0 && rmdir("r/sub") == 0 && rmdir("r") == 0);
}

/* -- All at once ------------------------------------------------------------------- */

static void
mounter(int me)
{
	char dir[32];

	snprintf(dir, sizeof(dir), "p%d", me % 2);
	for (int i = 0; i < 150; i++) {
		if (mount("m", dir, "tmpfs", 0, NULL) != 0)
			CHECK(errno == EMFILE || errno == EINVAL);
		if (umount2(dir, i % 3 == 0 ? MNT_DETACH : 0) != 0)
			CHECK(errno == EBUSY || errno == EINVAL);
	}
}

static void
walker(int me)
{
	char cwd[PATH_MAX], name[64];
	int fd;

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "p%d/w%d", i % 2, me);
		fd = open(name, O_CREAT | O_WRONLY, 0644);
		if (fd >= 0) {
			CHECK_EQ(write(fd, "x", 1), 1);
			close(fd);
			(void)unlink(name);
		} else
			CHECK_EQ(errno, ENOENT);
		CHECK(chdir("p1") == 0);
		CHECK(chdir("..") == 0 || chdir(ROOT) == 0);
		if (syscall(SYS_getcwd, cwd, sizeof(cwd)) > 0 &&
		    strcmp(cwd, ROOT) != 0)
			CHECK(chdir(ROOT) == 0);
	}
}

static void
test_storm(void)
{
	pid_t pid[6];
	int status;

	CHECK(mkdir("p0", 0755) == 0 && mkdir("p1", 0755) == 0);
	for (int i = 0; i < 6; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			(i < 3 ? mounter : walker)(i);
			_exit(0);
		}
	}
	for (int i = 0; i < 6; i++) {
		CHECK(waitpid(pid[i], &status, 0) == pid[i]);
		CHECK_EQ(status, 0);
	}
	while (umount2("p0", MNT_DETACH) == 0 || umount2("p1", MNT_DETACH) == 0)
		continue;
	/* what was created beside a mount, in a moment without one */
	for (int i = 0; i < 12; i++) {
		char name[32];

		snprintf(name, sizeof(name), "p%d/w%d", i % 2, i / 2);
		(void)unlink(name);
	}
	CHECK(rmdir("p0") == 0 && rmdir("p1") == 0);
}

/* -- The name cache: a mount with it shows what one without it does ------------------ */

static void
renamer(int me)
{
	char a[32], b[32];

	snprintf(a, sizeof(a), "c/x%d", me);
	snprintf(b, sizeof(b), "c/y%d", me);
	for (int i = 0; i < 400; i++) {
		CHECK(rename(a, b) == 0);
		CHECK(!exists(a) && exists(b));
		CHECK(rename(b, a) == 0);
		CHECK(exists(a) && !exists(b));
		CHECK(rename("c/deep/1", "c/deep/2") == 0 || errno == ENOENT);
		CHECK(rename("c/deep/2", "c/deep/1") == 0 || errno == ENOENT);
	}
}

static void
looker(int me)
{
	struct stat st;

	(void)me;
	for (int i = 0; i < 1500; i++) {
		/* one of both is there at any moment, seldom seen as neither */
		(void)stat("c/x0", &st);
		(void)stat("c/y0", &st);
		(void)stat("c/deep/1/2/3", &st);
		(void)stat("c/none", &st);
		CHECK(stat("c/keep", &st) == 0);
		CHECK_EQ(st.st_size, 4);
	}
}

static void
test_namecache(void)
{
	pid_t pid[4];
	char name[64];
	int status;

	CHECK(mkdir("c", 0755) == 0);
	mount_tmpfs("c", 0, "namecache");
	/* what is not there is remembered, and forgotten when it comes */
	CHECK(!exists("c/n") && !exists("c/n"));
	make("c/n", "");
	CHECK(exists("c/n") && exists("c/n"));
	CHECK(unlink("c/n") == 0 && !exists("c/n"));
	CHECK(!exists("c/d") && mkdir("c/d", 0755) == 0 && exists("c/d"));
	CHECK(!exists("c/d/e") && rmdir("c/d") == 0 && !exists("c/d"));
	CHECK(mkdir("c/d", 0755) == 0 && !exists("c/d/e"));
	make("c/d/e", "");
	CHECK(exists("c/d/e") && rename("c/d", "c/f") == 0);
	CHECK(!exists("c/d/e") && exists("c/f/e"));
	make("c/g", "gg");
	CHECK(exists("c/g") && rename("c/f/e", "c/g") == 0);
	CHECK(!exists("c/f/e") && rmdir("c/f") == 0);
	make("c/h", "");
	CHECK(exists("c/h") && exists("c/g"));
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "c/g", AT_FDCWD, "c/h", 2) == 0);
	CHECK(link("c/h", "c/i") == 0 && exists("c/i"));
	/* more than it keeps */
	for (int i = 0; i < 6000; i++) {
		snprintf(name, sizeof(name), "c/many%d", i);
		CHECK(!exists(name));
	}
	make("c/keep", "keep");
	CHECK(mkdir("c/deep", 0755) == 0 && mkdir("c/deep/1", 0755) == 0 &&
	    mkdir("c/deep/1/2", 0755) == 0);
	make("c/deep/1/2/3", "");
	make("c/x0", "");
	make("c/x1", "");
	for (int i = 0; i < 4; i++) {
		pid[i] = fork();
		CHECK(pid[i] >= 0);
		if (pid[i] == 0) {
			(i < 2 ? renamer : looker)(i);
			_exit(0);
		}
	}
	for (int i = 0; i < 4; i++) {
		CHECK(waitpid(pid[i], &status, 0) == pid[i]);
		CHECK_EQ(status, 0);
	}
	CHECK(umount("c") == 0 && rmdir("c") == 0);
}

static void
run_all(void)
{
	CHECK(chdir(ROOT) == 0);
	test_basics();
	test_errors();
	test_stacks();
	test_busy();
	test_expire();
	test_detach();
	test_rdonly();
	test_flags();
	test_size();
	test_chroot();
	test_storm();
	test_namecache();
}

static void
resources(struct uvm_resources *r)
{
	const int name[] = { CTL_VM, VM_UVM_RESOURCES };
	size_t len = sizeof(*r);

	drop_caches();
	CHECK(bsd_sysctl(name, 2, r, &len, NULL, 0) == 0);
}

/* Detached mounts end a moment after their last user. */
static int
settled(const struct uvm_resources *was)
{
	struct uvm_resources now;

	for (int i = 0; i < 50; i++) {
		resources(&now);
		if (now.pool_items == was->pool_items &&
		    now.objects == was->objects)
			return 1;
		sleep_ms(100);
	}
	fprintf(stderr, "pool items %ld, were %ld; objects %ld, were %ld\n",
	    (long)now.pool_items, (long)was->pool_items, (long)now.objects,
	    (long)was->objects);
	return 0;
}

int
main(void)
{
	struct uvm_resources before;

	CHECK(mkdir(ROOT, 0755) == 0);
	CHECK_CHILD(run_all);
	sleep_ms(500);
	resources(&before);
	CHECK_CHILD(run_all);
	CHECK(settled(&before));
	CHECK(rmdir(ROOT) == 0);
	return 0;
}
