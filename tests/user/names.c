/* vmrun: --smp 1,4 --timeout 60 */
/*
 * Names: slashes, dots, links and loops, lengths, renaming in all its forms,
 * directories that are gone, and processes that do all of it at once.
 */
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#ifndef RENAME_NOREPLACE
#define RENAME_NOREPLACE 1
#define RENAME_EXCHANGE  2
#endif

static void
make(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	CHECK(fd >= 0);
	CHECK_EQ(write(fd, name, strlen(name)), strlen(name));
	close(fd);
}

static ino_t
inode(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0 ? st.st_ino : 0;
}

static nlink_t
links(const char *name)
{
	struct stat st;

	CHECK(lstat(name, &st) == 0);
	return st.st_nlink;
}

static void
test_slashes(void)
{
	struct stat st;

	make("f");
	CHECK(mkdir("d///", 0755) == 0);
	CHECK(symlink("d", "ld") == 0);
	CHECK(symlink("f", "lf") == 0);
	CHECK_ERRNO(open("f/", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("new/", O_WRONLY | O_CREAT, 0644), EISDIR);
	CHECK_ERRNO(open("f/", O_WRONLY | O_CREAT, 0644), EISDIR);
	CHECK_ERRNO(access("new", F_OK), ENOENT);
	CHECK_ERRNO(stat("f/", &st), ENOTDIR);
	CHECK_ERRNO(stat("lf/", &st), ENOTDIR);
	CHECK_ERRNO(unlink("f/"), ENOTDIR);
	CHECK_ERRNO(unlink("none/"), ENOENT);
	CHECK_ERRNO(rename("f/", "g"), ENOTDIR);
	CHECK_ERRNO(rename("f", "g/"), ENOTDIR);
	CHECK_ERRNO(link("f", "g/"), ENOENT);
	CHECK_ERRNO(symlink("x", "g/"), ENOENT);
	CHECK(stat("d//", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(stat(".//.///d/./", &st) == 0);
	/* a slash behind a link: what it leads to is meant, unless to remove */
	CHECK(lstat("ld", &st) == 0 && S_ISLNK(st.st_mode));
	CHECK(lstat("ld/", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK_ERRNO(unlink("ld/"), ENOTDIR);
	CHECK_ERRNO(rmdir("ld/"), ENOTDIR);
	CHECK_ERRNO(rmdir("ld"), ENOTDIR);
	CHECK_ERRNO(mkdir("ld/", 0755), EEXIST);
	CHECK(rename("d/", "e/") == 0);
	CHECK_ERRNO(stat("ld/", &st), ENOENT);
	CHECK(rmdir("e/") == 0);
	CHECK(unlink("ld") == 0 && unlink("lf") == 0 && unlink("f") == 0);
}

static void
test_dots(void)
{
	CHECK(mkdir("d", 0755) == 0);
	CHECK_ERRNO(unlink("."), EISDIR);
	CHECK_ERRNO(unlink("d/.."), EISDIR);
	CHECK_ERRNO(unlink("/"), EISDIR);
	CHECK_ERRNO(rmdir("."), EINVAL);
	CHECK_ERRNO(rmdir("d/."), EINVAL);
	CHECK_ERRNO(rmdir("d/.."), ENOTEMPTY);
	CHECK_ERRNO(rmdir("/"), EBUSY);
	CHECK_ERRNO(mkdir(".", 0755), EEXIST);
	CHECK_ERRNO(mkdir("/", 0755), EEXIST);
	CHECK_ERRNO(rename("d/.", "e"), EBUSY);
	CHECK_ERRNO(rename("d", ".."), EBUSY);
	CHECK_ERRNO(rename("/", "e"), EBUSY);
	CHECK_ERRNO(open(".", O_RDWR | O_CREAT, 0644), EISDIR);
	CHECK_ERRNO(link("d", "e"), EPERM);
	CHECK(rmdir("d") == 0);
}

static void
test_symlinks(void)
{
	char name[16], target[16], buf[PATH_MAX];
	int fd;

	CHECK(symlink("b", "a") == 0 && symlink("a", "b") == 0);
	CHECK_ERRNO(open("a", O_RDONLY), ELOOP);
	CHECK_ERRNO(open("a/x", O_RDONLY), ELOOP);
	CHECK_ERRNO(open("a", O_WRONLY | O_CREAT, 0644), ELOOP);
	CHECK_ERRNO(open("a", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERRNO(open("a", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
	CHECK_ERRNO(open("a", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	CHECK_EQ(readlink("a", buf, sizeof(buf)), 1);
	CHECK_ERRNO(readlink("a", buf, 0), EINVAL);
	CHECK(unlink("a") == 0 && unlink("b") == 0);
	/* a chain of forty is followed, one link more is not */
	make("l0");
	for (int i = 1; i <= 41; i++) {
		sprintf(name, "l%d", i);
		sprintf(target, "l%d", i - 1);
		CHECK(symlink(target, name) == 0);
	}
	fd = open("l40", O_RDONLY);
	CHECK(fd >= 0);
	close(fd);
	CHECK_ERRNO(open("l41", O_RDONLY), ELOOP);
	for (int i = 0; i <= 41; i++) {
		sprintf(name, "l%d", i);
		CHECK(unlink(name) == 0);
	}
	/* creating through a link that leads nowhere creates what it names */
	CHECK(mkdir("d", 0755) == 0);
	CHECK(symlink("d/made", "a") == 0);
	CHECK_ERRNO(open("a", O_RDONLY), ENOENT);
	CHECK_ERRNO(mkdir("a", 0755), EEXIST);
	fd = open("a", O_WRONLY | O_CREAT, 0644);
	CHECK(fd >= 0);
	close(fd);
	CHECK(access("d/made", F_OK) == 0);
	CHECK_ERRNO(symlink("", "c"), ENOENT);
	/* a link itself, and the file behind it */
	CHECK(link("a", "hard") == 0);
	CHECK_EQ(inode("hard"), inode("a"));
	CHECK(linkat(AT_FDCWD, "a", AT_FDCWD, "hard2", AT_SYMLINK_FOLLOW) == 0);
	CHECK_EQ(inode("hard2"), inode("d/made"));
	CHECK_EQ(links("d/made"), 2);
	/* a descriptor for the link */
	fd = open("a", O_PATH | O_NOFOLLOW);
	CHECK(fd >= 0);
	memset(buf, 0, sizeof(buf));
	CHECK_EQ(readlinkat(fd, "", buf, sizeof(buf)), 6);
	CHECK(strcmp(buf, "d/made") == 0);
	close(fd);
	CHECK(unlink("a") == 0 && unlink("hard") == 0 && unlink("hard2") == 0);
	CHECK(unlink("d/made") == 0 && rmdir("d") == 0);
}

/* Paths up to PATH_MAX, components up to NAME_MAX, links in between. */
static void
test_lengths(void)
{
	static char path[3 * PATH_MAX], part[260];
	size_t n;
	int fd;

	memset(path, '/', sizeof(path));
	strcpy(path + PATH_MAX - 2, "."); /* PATH_MAX - 1 and the NUL */
	CHECK(access(path, F_OK) == 0);
	strcpy(path + PATH_MAX - 2, "/.");
	CHECK_ERRNO(access(path, F_OK), ENAMETOOLONG);
	memset(part, 'p', 256);
	part[256] = '\0';
	CHECK_ERRNO(mkdir(part, 0755), ENAMETOOLONG);
	CHECK_ERRNO(access(part, F_OK), ENAMETOOLONG);
	part[250] = '\0';
	/* 251 bytes a level, deeper than a path can say in one piece */
	for (int i = 0; i < 20; i++) {
		CHECK(mkdir(part, 0755) == 0);
		CHECK(chdir(part) == 0);
	}
	make("deep");
	CHECK_ERRNO(syscall(SYS_getcwd, path, sizeof(path)), ENAMETOOLONG);
	CHECK(unlink("deep") == 0);
	for (int i = 0; i < 20; i++) {
		CHECK(chdir("..") == 0);
		CHECK(rmdir(part) == 0);
	}
	/* a link's target and the rest of the path: together they count */
	memset(part, 'q', 100);
	part[100] = '\0';
	CHECK(mkdir(part, 0755) == 0);
	n = 0;
	while (n + 103 < PATH_MAX - 10)
		n += (size_t)sprintf(path + n, "%s/../", part);
	strcpy(path + n, ".");
	CHECK(symlink(path, "long") == 0);
	fd = open("long", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	close(fd);
	CHECK_EQ(inode("long/."), inode("."));
	memset(path, 'x', PATH_MAX);
	path[PATH_MAX] = '\0';
	CHECK_ERRNO(symlink(path, "longer"), ENAMETOOLONG);
	CHECK(unlink("long") == 0 && rmdir(part) == 0);
	CHECK_ERRNO(access("", F_OK), ENOENT);
	CHECK_ERRNO(access(bad_pointer, F_OK), EFAULT);
}

static long
rename2(const char *from, const char *to, unsigned flags)
{
	return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, flags);
}

static void
test_rename(void)
{
	ino_t f, d;

	make("f");
	make("g");
	f = inode("f");
	CHECK_ERRNO(rename2("f", "g", RENAME_NOREPLACE), EEXIST);
	CHECK_ERRNO(rename2("f", "f", RENAME_NOREPLACE), EEXIST);
	CHECK(rename2("f", "h", RENAME_NOREPLACE) == 0);
	CHECK_EQ(inode("h"), f);
	CHECK_ERRNO(rename2("h", "f", 0x80), EINVAL);
	CHECK_ERRNO(
	    rename2("h", "f", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
	/* two names of one file: success, and both stay */
	CHECK(link("h", "h2") == 0);
	CHECK(rename("h", "h2") == 0);
	CHECK_EQ(links("h"), 2);
	CHECK(rename("h", "h") == 0);
	CHECK(unlink("h2") == 0);
	/* the number of links of directories */
	CHECK(mkdir("a", 0755) == 0 && mkdir("b", 0755) == 0);
	CHECK(mkdir("a/s", 0755) == 0);
	d = inode("a/s");
	CHECK_EQ(links("a"), 3);
	CHECK(rename("a/s", "b/t") == 0);
	CHECK_EQ(links("a"), 2);
	CHECK_EQ(links("b"), 3);
	CHECK_EQ(inode("b/t"), d);
	CHECK_EQ(inode("b/t/.."), inode("b"));
	/* over an empty directory, a full one, an ancestor, a descendant */
	CHECK(mkdir("a/s", 0755) == 0);
	CHECK(rename("b/t", "a/s") == 0);
	CHECK_EQ(inode("a/s"), d);
	CHECK_EQ(links("b"), 2);
	CHECK_ERRNO(rename("b", "a"), ENOTEMPTY);
	CHECK_ERRNO(rename("a/s", "a"), ENOTEMPTY);
	CHECK_ERRNO(rename("a", "a/s"), EINVAL);
	CHECK_ERRNO(rename("a", "a/s/u"), EINVAL);
	CHECK_ERRNO(rename("a", "h"), ENOTDIR);
	CHECK_ERRNO(rename("h", "a"), EISDIR);
	CHECK_ERRNO(rename("h", "none/x"), ENOENT);
	CHECK_ERRNO(rename("h/x", "y"), ENOTDIR);
	/* exchange */
	CHECK_ERRNO(rename2("h", "none", RENAME_EXCHANGE), ENOENT);
	CHECK(rename2("h", "a", RENAME_EXCHANGE) == 0);
	CHECK_EQ(inode("a"), f);
	CHECK_EQ(inode("h/s"), d);
	CHECK(rename2("h/s", "a", RENAME_EXCHANGE) == 0);
	CHECK_EQ(inode("a"), d);
	CHECK_EQ(inode("h/s"), f);
	CHECK_EQ(links("h"), 2);
	CHECK_EQ(inode("a/.."), inode("."));
	CHECK_ERRNO(rename2("h", "h/s", RENAME_EXCHANGE), EINVAL);
	CHECK(unlink("h/s") == 0 && rmdir("h") == 0);
	CHECK(rmdir("a") == 0 && rmdir("b") == 0 && unlink("g") == 0);
}

static void
test_times_of_change(void)
{
	struct stat before, after;

	make("f");
	CHECK(stat("f", &before) == 0);
	sleep_ms(30);
	CHECK(link("f", "g") == 0);
	CHECK(stat("f", &after) == 0);
	CHECK(after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
	CHECK_EQ(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
	before = after;
	sleep_ms(30);
	CHECK(unlink("g") == 0);
	CHECK(stat("f", &after) == 0);
	CHECK(after.st_ctim.tv_nsec != before.st_ctim.tv_nsec);
	CHECK(unlink("f") == 0);
}

/* A directory that is gone while somebody is in it. */
static void
test_removed(void)
{
	char buf[512];
	struct stat st;
	int fd;

	CHECK(mkdir("gone", 0755) == 0);
	CHECK(chdir("gone") == 0);
	fd = open(".", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK(rmdir("../gone") == 0);
	CHECK_ERRNO((getcwd(buf, sizeof(buf)) != NULL) - 1L, ENOENT);
	CHECK_ERRNO(open("x", O_WRONLY | O_CREAT, 0644), ENOENT);
	CHECK_ERRNO(mkdir("x", 0755), ENOENT);
	CHECK_ERRNO(symlink("x", "x"), ENOENT);
	CHECK_ERRNO(link("/dev/null", "x") == -1 && errno == EXDEV
		? (errno = ENOENT, -1)
		: -1L,
	    ENOENT);
	CHECK_ERRNO(access("x", F_OK), ENOENT);
	CHECK(stat(".", &st) == 0);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, buf, sizeof(buf)), ENOENT);
	CHECK_ERRNO(rename("/tmp/names-test/gone", "x"), ENOENT);
	close(fd);
	CHECK(chdir("/tmp/names-test") == 0);
}

struct dent {
	uint64_t ino;
	int64_t off;
	unsigned short len;
	unsigned char type;
	char name[];
};

/* Reading a directory piece by piece, and from places it gave before. */
static void
test_getdents(void)
{
	char buf[512], name[20];
	int64_t offs[40];
	int fd, n = 0, seen = 0;
	struct dent *d;
	long got;

	CHECK(mkdir("d", 0755) == 0);
	for (int i = 0; i < 30; i++) {
		sprintf(name, "d/entry-number-%d", i);
		make(name);
	}
	fd = open("d", O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, buf, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, buf, 23), EINVAL);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, bad_pointer, 512), EFAULT);
	while ((got = syscall(SYS_getdents64, fd, buf, 40)) > 0) {
		d = (struct dent *)buf;
		CHECK_EQ(d->len, got);
		CHECK(n < 40);
		offs[n++] = d->off;
		seen += d->type == DT_REG;
	}
	CHECK_EQ(got, 0);
	CHECK_EQ(seen, 30);
	/* behind the tenth comes the eleventh, again */
	CHECK(lseek(fd, offs[9], SEEK_SET) == offs[9]);
	CHECK(syscall(SYS_getdents64, fd, buf, 40) > 0);
	CHECK_EQ(((struct dent *)buf)->off, offs[10]);
	close(fd);
	fd = open("d/entry-number-0", O_RDONLY);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, buf, 512), ENOTDIR);
	close(fd);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, buf, 512), EBADF);
	for (int i = 0; i < 30; i++) {
		sprintf(name, "d/entry-number-%d", i);
		CHECK(unlink(name) == 0);
	}
	CHECK(rmdir("d") == 0);
}

static void
test_flags(void)
{
	struct stat st;
	struct statx sx;
	int fd;

	make("f");
	CHECK_ERRNO(fstatat(AT_FDCWD, "f", &st, 0x8000), EINVAL);
	CHECK_ERRNO(fstatat(AT_FDCWD, "", &st, 0), ENOENT);
	CHECK(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH) == 0);
	CHECK(S_ISDIR(st.st_mode));
	CHECK_ERRNO(fstatat(99, "f", &st, 0), EBADF);
	CHECK(fstatat(99, "/tmp", &st, 0) == 0);
	fd = open("f", O_RDONLY);
	CHECK(fstatat(fd, "", &st, AT_EMPTY_PATH) == 0);
	CHECK(S_ISREG(st.st_mode));
	CHECK_ERRNO(fstatat(fd, "x", &st, 0), ENOTDIR);
	CHECK_ERRNO(fstatat(AT_FDCWD, "f", bad_pointer, 0), EFAULT);
	CHECK_ERRNO(
	    statx(AT_FDCWD, "f", 0x6000, STATX_BASIC_STATS, &sx), EINVAL);
	CHECK_ERRNO(statx(AT_FDCWD, "f", 0, 0x80000000u, &sx), EINVAL);
	CHECK(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, 0, &sx) == 0);
	CHECK_ERRNO(unlinkat(AT_FDCWD, "f", 0x1), EINVAL);
	CHECK_ERRNO(linkat(AT_FDCWD, "f", AT_FDCWD, "g", 0x1), EINVAL);
	CHECK_ERRNO(syscall(SYS_faccessat, AT_FDCWD, "f", 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x1), EINVAL);
	CHECK(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK | W_OK, AT_EACCESS) ==
	    0);
	CHECK_ERRNO(access("f", X_OK), EACCES);
	CHECK(chmod("f", 0100) == 0);
	CHECK(access("f", X_OK | R_OK) == 0);
	CHECK_ERRNO(mknod("n", S_IFDIR | 0755, 0), EPERM);
	CHECK_ERRNO(mknod("n", S_IFLNK | 0755, 0), EINVAL);
	CHECK(mknod("n", 0644, 0) == 0);
	CHECK(stat("n", &st) == 0 && S_ISREG(st.st_mode));
	CHECK_ERRNO(mknod("n", 0644, 0), EEXIST);
	/* mkdir makes no set-id bits, chown takes them away */
	CHECK(mkdir("d", 07755) == 0);
	CHECK(stat("d", &st) == 0);
	CHECK_EQ(st.st_mode & 07777, 01755);
	CHECK(chmod("f", 06711) == 0);
	CHECK(chown("f", 7, (gid_t)-1) == 0);
	CHECK(stat("f", &st) == 0);
	CHECK_EQ(st.st_mode & 07777, 0711);
	CHECK_EQ(st.st_uid, 7);
	CHECK_EQ(st.st_gid, 0);
	CHECK_ERRNO(fchownat(AT_FDCWD, "f", 0, 0, 0x1), EINVAL);
	close(fd);
	CHECK(unlink("f") == 0 && unlink("n") == 0 && rmdir("d") == 0);
}

static void
test_utimens(void)
{
	struct timespec ts[2] = { { 1000, 500 }, { -2000, 7 } };
	struct stat st;
	int fd;

	make("f");
	CHECK(utimensat(AT_FDCWD, "f", ts, 0) == 0);
	CHECK(stat("f", &st) == 0);
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK_EQ(st.st_atim.tv_nsec, 500);
	CHECK_EQ(st.st_mtim.tv_sec, -2000);
	CHECK_EQ(st.st_mtim.tv_nsec, 7);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	CHECK(utimensat(AT_FDCWD, "f", ts, 0) == 0);
	CHECK(stat("f", &st) == 0);
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK(st.st_mtim.tv_sec > 1000000);
	ts[1].tv_nsec = UTIME_OMIT;
	CHECK(utimensat(AT_FDCWD, "none", ts, 0) == 0); /* nothing to do */
	ts[1].tv_nsec = 1000000000;
	CHECK_ERRNO(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
	ts[1].tv_nsec = 0;
	CHECK_ERRNO(utimensat(AT_FDCWD, "none", ts, 0), ENOENT);
	CHECK_ERRNO(utimensat(AT_FDCWD, "f", ts, 0x1), EINVAL);
	CHECK_ERRNO(syscall(SYS_utimensat, AT_FDCWD, NULL, ts, 0), EFAULT);
	fd = open("f", O_RDONLY);
	CHECK(futimens(fd, NULL) == 0);
	CHECK_ERRNO(syscall(SYS_utimensat, fd, NULL, ts, 0x100), EINVAL);
	close(fd);
	CHECK_ERRNO(futimens(fd, NULL), EBADF);
	CHECK(unlink("f") == 0);
}

/*
 * Processes that make, move, exchange and remove directories and files among
 * each other.  Every call succeeds or fails for a good reason; the tree that is
 * left is whole, and can be removed.
 */
static void
turmoil(uint64_t seed)
{
	static const char *const place[] = { "p", "q", "p/1", "q/1", "p/2",
		"q/2", "p/1/x", "q/1/x", "p/2/x", "q/2/y" };
	const char *a, *b;

	for (int i = 0; i < 600; i++) {
		a = place[random_next(&seed) % NELEM(place)];
		b = place[random_next(&seed) % NELEM(place)];
		switch (random_next(&seed) % 8) {
		case 0:
		case 1:
			(void)mkdir(a, 0755);
			break;
		case 2:
			(void)rmdir(a);
			break;
		case 3:
			close(open(a, O_WRONLY | O_CREAT, 0644));
			break;
		case 4:
			(void)unlink(a);
			break;
		case 5:
			(void)link(a, b);
			break;
		case 6:
			(void)rename2(a, b, RENAME_EXCHANGE);
			break;
		default:
			(void)rename(a, b);
		}
		CHECK(errno != EIO && errno != EFAULT);
	}
}

static void
remove_all(const char *name)
{
	struct dirent *e;
	DIR *d;

	if (unlink(name) == 0)
		return;
	CHECK_EQ(errno, EISDIR);
	CHECK(chdir(name) == 0);
	d = opendir(".");
	CHECK(d != NULL);
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			remove_all(e->d_name);
	closedir(d);
	CHECK_EQ(links("."), 2);
	CHECK(chdir("..") == 0);
	CHECK(rmdir(name) == 0);
}

static void
test_turmoil(void)
{
	int status;

	CHECK(mkdir("t", 0755) == 0);
	CHECK(chdir("t") == 0);
	for (int k = 0; k < 4; k++)
		if (fork() == 0) {
			turmoil((uint64_t)k * 977 + 5);
			_exit(0);
		}
	for (int k = 0; k < 4; k++)
		CHECK(wait(&status) > 0 && status == 0);
	CHECK(chdir("..") == 0);
	remove_all("t");
}

int
main(void)
{
	CHECK(mkdir("/tmp/names-test", 0755) == 0);
	CHECK(chdir("/tmp/names-test") == 0);
	umask(022);
	test_slashes();
	test_dots();
	test_symlinks();
	test_lengths();
	test_rename();
	test_times_of_change();
	test_removed();
	test_getdents();
	test_flags();
	test_utimens();
	test_turmoil();
	CHECK(chdir("/") == 0);
	CHECK(rmdir("/tmp/names-test") == 0);
	return 0;
}
