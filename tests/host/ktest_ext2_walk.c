/* See ext2_walk.h. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>

#include "ext2_walk.h"

#define MAXDEPTH 6
#define MAXNAMES 300

/* -- Data ------------------------------------------------------------------------ */

static int
disk_rw(struct ext2fs *fs, uint32_t flags, uint32_t blk, void *buf)
{
	return bdev_rw(fs->fs_dev, NULL, flags, buf, fs->fs_bsize,
	    (uint64_t)blk << fs->fs_bshift);
}

int
t_read(struct ext2_inode *ip, uint64_t off, void *buf, size_t len, size_t *np)
{
	struct ext2fs *fs = ip->i_fs;
	uint8_t *block = malloc(fs->fs_bsize);
	uint32_t blk, run, at, n;
	int error = 0;

	*np = 0;
	len = off < ip->i_size ? MIN(len, ip->i_size - off) : 0;
	while (len > 0 && error == 0) {
		at = (uint32_t)(off & (fs->fs_bsize - 1));
		n = (uint32_t)MIN(len, fs->fs_bsize - at);
		error = ext2_bmap(ip, off >> fs->fs_bshift, 1, &blk, &run);
		if (error == 0 && blk != 0)
			error = disk_rw(fs, B_READ, blk, block);
		else
			memset(block, 0, fs->fs_bsize);
		if (error)
			break;
		memcpy((uint8_t *)buf + *np, block + at, n);
		*np += n;
		off += n;
		len -= n;
	}
	free(block);
	return error;
}

/* What is behind the end becomes zeros when the end moves. */
static int
zero_tail(struct ext2_inode *ip, uint8_t *block)
{
	struct ext2fs *fs = ip->i_fs;
	uint32_t at = (uint32_t)(ip->i_size & (fs->fs_bsize - 1)), blk, run;
	int error;

	if (at == 0)
		return 0;
	error = ext2_bmap(ip, ip->i_size >> fs->fs_bshift, 1, &blk, &run);
	if (error || blk == 0)
		return error;
	error = disk_rw(fs, B_READ, blk, block);
	memset(block + at, 0, fs->fs_bsize - at);
	return error ? error : disk_rw(fs, B_WRITE, blk, block);
}

int
t_write_new(
    struct ext2_inode *ip, uint64_t lbn, uint32_t blk, const void *block)
{
	bool new = ext2_unwritten_begin(ip, lbn, 1);
	int error = disk_rw(ip->i_fs, B_WRITE, blk, (void *)(uintptr_t)block);

	if (new)
		ext2_unwritten_end(ip, lbn, 1, error == 0);
	return error;
}

static int
write_block(struct ext2_inode *ip, uint64_t off, const void *buf, uint32_t n,
    uint8_t *block)
{
	struct ext2fs *fs = ip->i_fs;
	uint64_t lbn = off >> fs->fs_bshift;
	uint32_t blk, run;
	int error = ext2_bmap(ip, lbn, 1, &blk, &run);

	if (error == 0 && blk != 0)
		error = disk_rw(fs, B_READ, blk, block);
	else
		memset(block, 0, fs->fs_bsize);
	if (error == 0 && blk == 0) {
		error = ext2_bmap_alloc(ip, lbn, 1);
		if (ext2_try_again(fs, error))
			error = ext2_bmap_alloc(ip, lbn, 1);
		if (error == 0)
			error = ext2_bmap(ip, lbn, 1, &blk, &run);
	}
	if (error)
		return error;
	memcpy(block + (off & (fs->fs_bsize - 1)), buf, n);
	return t_write_new(ip, lbn, blk, block);
}

static void
set_size(struct ext2_inode *ip, uint64_t size)
{
	rw_enter_write(&ip->i_maplock);
	ip->i_size = size;
	rw_exit(&ip->i_maplock);
	ext2_idirty(ip);
	ext2_touch(ip, true);
}

int
t_write(struct ext2_inode *ip, uint64_t off, const void *buf, size_t len)
{
	struct ext2fs *fs = ip->i_fs;
	uint8_t *block = malloc(fs->fs_bsize);
	uint64_t old = ip->i_size;
	int error = 0;
	uint32_t n;

	if (off + len > old)
		error = zero_tail(ip, block);
	for (; len > 0 && error == 0; len -= n) {
		n = (uint32_t)MIN(
		    len, fs->fs_bsize - (off & (fs->fs_bsize - 1)));
		error = write_block(ip, off, buf, n, block);
		if (error)
			break;
		buf = (const uint8_t *)buf + n;
		off += n;
		if (off > ip->i_size)
			set_size(ip, off);
	}
	free(block);
	if (error) /* no blocks behind the end */
		(void)ext2_truncate(ip, ip->i_size);
	return error;
}

int
t_truncate(struct ext2_inode *ip, uint64_t size)
{
	struct ext2fs *fs = ip->i_fs;
	uint8_t *block = malloc(fs->fs_bsize);
	int error = 0;

	if (size > ip->i_size)
		error = zero_tail(ip, block);
	free(block);
	return error ? error : ext2_truncate(ip, size);
}

/* -- Names ------------------------------------------------------------------------- */

int
t_child(struct ext2_inode *dp, const char *name, struct ext2_inode **ipp)
{
	uint32_t ino;
	int error;

	if (!S_ISDIR(dp->i_mode))
		return ENOTDIR;
	error = ext2_dir_lookup(dp, name, strlen(name), &ino);
	return error ? error : ext2_iget(dp->i_fs, ino, ipp);
}

int
t_lookup(struct ext2fs *fs, const char *path, struct ext2_inode **ipp)
{
	struct ext2_inode *ip, *next;
	char name[EXT2_NAMELEN + 1];
	int error = ext2_iget(fs, EXT2_ROOTINO, &ip);
	size_t n;

	while (error == 0 && *path != '\0') {
		for (n = 0; path[n] != '\0' && path[n] != '/'; n++)
			name[n] = path[n];
		name[n] = '\0';
		path += n + (path[n] == '/');
		error = t_child(ip, name, &next);
		ext2_iput(ip);
		ip = next;
	}
	*ipp = ip;
	return error;
}

/* -- Everything ---------------------------------------------------------------------- */

/* Names of a directory. */
struct names {
	u_int n;
	struct {
		char name[EXT2_NAMELEN + 1];
		uint32_t ino;
	} e[16];
};

static bool
collect(void *arg, const char *name, size_t len, uint32_t ino, uint8_t type,
    uint64_t next)
{
	struct names *nm = arg;

	if (nm->n == nitems(nm->e))
		return false;
	memcpy(nm->e[nm->n].name, name, len);
	nm->e[nm->n].name[len] = '\0';
	nm->e[nm->n++].ino = ino;
	return true;
}

static void
read_some(struct ext2_inode *ip)
{
	static char buf[16384];
	size_t n;

	(void)t_read(ip, 0, buf, sizeof(buf), &n);
	(void)t_read(ip, ip->i_size / 2, buf, 3000, &n);
	if (ip->i_size > 3000)
		(void)t_read(ip, ip->i_size - 3000, buf, 3000, &n);
	for (uint64_t lbn = 10; lbn < 1UL << 31; lbn *= 4) {
		uint32_t blk, run;

		(void)ext2_bmap(ip, lbn, 64, &blk, &run);
	}
}

static void
visit(struct ext2_inode *ip, u_int depth, u_int *left)
{
	struct ext2_inode *child;
	struct names *nm;
	char buf[4096];
	size_t n;

	if (S_ISLNK(ip->i_mode))
		(void)ext2_readlink(ip, buf, sizeof(buf), &n);
	if (S_ISREG(ip->i_mode))
		read_some(ip);
	if (!S_ISDIR(ip->i_mode) || depth == MAXDEPTH)
		return;
	nm = calloc(1, sizeof(*nm));
	(void)ext2_dir_iterate(ip, 0, collect, nm);
	for (u_int i = 0; i<nm->n && * left> 0; i++) {
		--*left;
		if (ext2_iget(ip->i_fs, nm->e[i].ino, &child) != 0)
			continue;
		if (child != ip)
			visit(child, depth + 1, left);
		ext2_iput(child);
	}
	free(nm);
}

/* => one name of the root after the other is cut, moved, removed */
static void
change_names(struct ext2_inode *root, struct ext2_inode *dir)
{
	struct names *nm = calloc(1, sizeof(*nm));
	struct ext2_inode *ip;

	(void)ext2_dir_iterate(root, 0, collect, nm);
	for (u_int i = 0; i < nm->n; i++) {
		const char *name = nm->e[i].name;
		size_t len = strlen(name);

		if (name[0] == '.' || t_child(root, name, &ip) != 0)
			continue;
		if (S_ISREG(ip->i_mode)) {
			(void)t_write(ip, ip->i_size + 5000, "tail", 4);
			(void)t_truncate(ip, ip->i_size / 2);
		}
		if (dir != NULL && ip != dir && ip != root && i % 3 == 0)
			(void)ext2_rename(
			    root, name, len, ip, dir, name, len, NULL);
		else if (ip != root)
			(void)ext2_remove(root, name, len, ip);
		ext2_iput(ip);
	}
	free(nm);
}

static void
change_some(struct ext2fs *fs)
{
	struct ext2_inode *root, *ip, *dir;
	static char data[20000];

	if (ext2_iget(fs, EXT2_ROOTINO, &root) != 0)
		return;
	if (ext2_create(
		root, "new file", 8, S_IFREG | 0644, 1, 2, 0, NULL, &ip) == 0) {
		(void)t_write(ip, 100, data, sizeof(data));
		(void)t_write(ip, 500000, data, 1);
		(void)ext2_link(root, "link", 4, ip);
		(void)ext2_fsync(ip, false);
		ext2_iput(ip);
	}
	if (ext2_create(
		root, "new dir", 7, S_IFDIR | 0755, 0, 0, 0, NULL, &dir) == 0) {
		change_names(root, dir);
		ext2_iput(dir);
	}
	if (ext2_sync(fs) == 0)
		change_names(root, NULL);
	ext2_iput(root);
}

void
t_exercise(struct bdev *bd)
{
	struct ext2_inode *ip;
	u_int left = MAXNAMES;
	struct ext2fs *fs;

	if (ext2_mount(bd, false, &fs) != 0)
		return;
	if (ext2_iget(fs, EXT2_ROOTINO, &ip) == 0) {
		visit(ip, 0, &left);
		ext2_iput(ip);
	}
	change_some(fs);
	if (ext2_unmount(fs, false) != 0)
		(void)ext2_unmount(fs, true);
}
