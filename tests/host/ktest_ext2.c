/*
 * ext2 against images that mke2fs made and a plain model, judged by e2fsck:
 * fs/ext2, kern/vfs_mcache.c.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>

#include "ext2_walk.h"
#include "test.h"

int system(const char *cmd);
char *mkdtemp(char *template);
int open(const char *path, int flags, ...);
long read(int fd, void *buf, size_t n);
long write(int fd, const void *buf, size_t n);
int close(int fd);
long readlink(const char *path, char *buf, size_t n);
int atexit(void (*fn)(void));

static struct bdev *disk; /* the one under test */
static struct ext2fs *fs; /* on it */
static char dir[] = "/tmp/ext2test-XXXXXX"; /* of this test */

/* -- Images --------------------------------------------------------------------------- */

static int __printflike(1, 2) sh(const char *fmt, ...)
{
	char cmd[2000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd);
}

static void
clean_up(void)
{
	(void)sh("rm -rf %s", dir);
}

static void
make_dir(void)
{
	CHECK(mkdtemp(dir) != NULL);
	atexit(clean_up);
}

/* => file's bytes, whole; the caller frees them */
static uint8_t *
slurp(const char *path, size_t *np)
{
	size_t room = 1 << 16, n = 0;
	uint8_t *p = malloc(room);
	int fd = open(path, O_RDONLY);
	long got;

	CHECK(fd >= 0);
	while ((got = read(fd, p + n, room - n)) > 0) {
		n += (size_t)got;
		if (n == room)
			p = realloc(p, room *= 2);
	}
	CHECK(got == 0);
	close(fd);
	*np = n;
	return p;
}

static void
spit(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	long done;

	CHECK(fd >= 0);
	for (size_t at = 0; at < n; at += (size_t)done) {
		done = write(fd, (const uint8_t *)data + at, n - at);
		CHECK(done > 0);
	}
	close(fd);
}

/* => the disk with an image made by mke2fs with these options */
static void
make_image(const char *options, const char *size)
{
	char path[100];
	uint8_t *image;
	size_t n;

	CHECK_EQ(sh("PATH=$PATH:/sbin:/usr/sbin mke2fs -q -F %s %s/img %s "
		    ">%s/log 2>&1 || { cat %s/log; false; }",
		     options, dir, size, dir, dir),
	    0);
	snprintf(path, sizeof(path), "%s/img", dir);
	image = slurp(path, &n);
	disk = env_disk(image, n);
	free(image);
}

/* => what e2fsck says of the disk, 0: clean; with -y the disk is repaired */
static int
fsck(const char *options)
{
	char path[100];
	uint8_t *image;
	int status;
	size_t n;

	snprintf(path, sizeof(path), "%s/img", dir);
	spit(path, env.image, env.size);
	status = sh("PATH=$PATH:/sbin:/usr/sbin e2fsck %s %s >%s/log 2>&1",
	    options, path, dir);
	image = slurp(path, &n);
	memcpy(env.image, image, n);
	free(image);
	return status >> 8;
}

static void
check_clean(void)
{
	int status = fsck("-fn");

	if (status != 0)
		(void)sh("cat %s/log", dir);
	CHECK_EQ(status, 0);
}

static struct ext2fs *
mount(void)
{
	struct ext2fs *m;

	CHECK_EQ(ext2_mount(disk, false, &m), 0);
	CHECK(!m->fs_rdonly);
	return m;
}

static void
done(void)
{
	env_free();
	env_check();
}

/* -- Reading what mke2fs wrote ------------------------------------------------------------- */

static void
make_tree(void)
{
	CHECK_EQ(
	    sh("mkdir %s/tree && cd %s/tree && python3 -c '\n"
	       "import os, random\n"
	       "r = random.Random(%lu)\n"
	       "for n in (0, 1, 1023, 1024, 5000, 12288, 12289, 70000,"
	       " 300000, 1500000):\n"
	       "    open(\"f%%d\" %% n, \"wb\").write(r.randbytes(n))\n"
	       "for i in range(3):\n"
	       "    os.makedirs(\"d%%d/e/f\" %% i)\n"
	       "    for k in range(150):\n"
	       "        open(\"d%%d/e/%%s%%d\" %% (i, \"name\" * (k %% 20),"
	       " k), \"wb\").write(r.randbytes(k * 7))\n"
	       "f = open(\"sparse\", \"wb\")\n"
	       "for at in (100, 20000, 1 << 20, 30 << 20, 70 << 20):\n"
	       "    f.seek(at); f.write(r.randbytes(3000))\n"
	       "f.truncate(80 << 20)\n"
	       "os.symlink(\"short\", \"s1\")\n"
	       "os.symlink(\"x\" * 59, \"s2\")\n"
	       "os.symlink(\"y\" * 60, \"s3\")\n"
	       "os.symlink(\"z\" * 900, \"s4\")\n"
	       "os.link(\"f5000\", \"d1/hard\")\n"
	       "os.mkfifo(\"fifo\")\n'",
		dir, dir, (unsigned long)test_rnd()),
	    0);
}

static u_int seen; /* files compared */

static void
compare_file(struct ext2_inode *ip, const char *path)
{
	uint8_t *want, *got;
	size_t n, m;

	want = slurp(path, &n);
	CHECK_EQ(ip->i_size, n);
	got = malloc(n + 1);
	CHECK_EQ(t_read(ip, 0, got, n + 1, &m), 0);
	CHECK_EQ(m, n);
	CHECK_EQ(memcmp(got, want, n), 0);
	free(got);
	free(want);
	seen++;
}

static void
compare_link(struct ext2_inode *ip, const char *path)
{
	char got[2000], want[2000];
	size_t n;

	CHECK_EQ(ext2_readlink(ip, got, sizeof(got), &n), 0);
	CHECK_EQ(readlink(path, want, sizeof(want)), n);
	CHECK_EQ(memcmp(got, want, n), 0);
	seen++;
}

/* A directory being compared. */
struct cmp {
	struct ext2_inode *dp;
	const char *path;
	u_int n;
};

static void compare_dir(struct ext2_inode *dp, const char *path);

static bool
compare_name(void *arg, const char *name, size_t len, uint32_t ino,
    uint8_t type, uint64_t next)
{
	struct cmp *c = arg;
	struct ext2_inode *ip;
	char path[1000];

	if (name[0] == '.' ||
	    (len == 10 && memcmp(name, "lost+found", 10) == 0))
		return true;
	c->n++;
	snprintf(path, sizeof(path), "%s/%.*s", c->path, (int)len, name);
	CHECK_EQ(ext2_iget(c->dp->i_fs, ino, &ip), 0);
	if (S_ISREG(ip->i_mode))
		compare_file(ip, path);
	else if (S_ISLNK(ip->i_mode))
		compare_link(ip, path);
	else if (S_ISDIR(ip->i_mode))
		compare_dir(ip, path);
	else
		CHECK_EQ(ip->i_mode & S_IFMT, S_IFIFO);
	ext2_iput(ip);
	return true;
}

static void
compare_dir(struct ext2_inode *dp, const char *path)
{
	struct cmp c = { dp, path, 0 };

	CHECK_EQ(ext2_dir_iterate(dp, 0, compare_name, &c), 0);
	/* as many names as the host has */
	CHECK_EQ(
	    sh("test $(ls %s | grep -vc '^lost+found$') = %u", path, c.n), 0);
}

static void
read_tree(const char *options, const char *size)
{
	struct ext2_inode *root;
	char opt[200], path[100];

	snprintf(opt, sizeof(opt), "%s -d %s/tree", options, dir);
	make_image(opt, size);
	fs = mount();
	CHECK_EQ(ext2_iget(fs, EXT2_ROOTINO, &root), 0);
	snprintf(path, sizeof(path), "%s/tree", dir);
	seen = 0;
	compare_dir(root, path);
	CHECK(seen > 450);
	ext2_iput(root);
	CHECK_EQ(ext2_unmount(fs, false), 0);
	check_clean();
	done();
}

TEST(ext2_reads_trees)
{
	make_dir();
	make_tree();
	read_tree("-t ext2 -b 1024", "12M");
	read_tree(
	    "-t ext2 -b 1024 -I 128 -O ^dir_index,^sparse_super,^resize_inode",
	    "20M");
	read_tree("-t ext2 -b 2048", "16M");
	read_tree("-t ext2 -b 4096", "16M");
	read_tree("-r 0 -b 1024", "12M");
	read_tree("-t ext2 -b 1024 -g 512 -O ^resize_inode", "12M");
}

/* -- A model ---------------------------------------------------------------------------------- */

#define MAXNODES 60
#define MAXNAMES 3 /* links of one file */
#define MAXPATHS 8 /* names a file had since the last sync */
#define MAXFILE  (3 << 20)

/* A file; node 0 is the root. */
struct node {
	mode_t mode; /* 0: free */
	u_int nlinks;
	struct {
		u_int dir; /* node */
		char name[40];
	} link[MAXNAMES];
	uint8_t *data; /* of a file; a link's target */
	size_t size;
	/* since the last sync */
	bool touched; /* contents changed */
	uint8_t *synced; /* contents then; NULL: did not exist */
	size_t nsynced;
	char *path[MAXPATHS];
	u_int npaths; /* MAXPATHS: too many */
	struct ext2_inode *open; /* unlinked, but open */
};
static struct node node[MAXNODES];
static u_int maxfile = MAXFILE;

static void
model_init(void)
{
	memset(node, 0, sizeof(node));
	node[0].mode = S_IFDIR;
	node[0].nlinks = 1;
}

static void
model_path(u_int i, u_int link, char *path, size_t size)
{
	char rest[600];

	path[0] = '\0';
	for (; i != 0; i = node[i].link[link].dir, link = 0) {
		snprintf(rest, sizeof(rest), "%s%s", path[0] ? "/" : "", path);
		snprintf(path, size, "%s%s", node[i].link[link].name, rest);
		if (node[i].link[link].dir == 0)
			break;
	}
}

static void
drop_synced(struct node *nd)
{
	for (u_int i = 0; i < MIN(nd->npaths, MAXPATHS); i++)
		free(nd->path[i]);
	nd->npaths = 0;
	free(nd->synced);
	nd->synced = NULL;
}

static void
add_path(struct node *nd, const char *path)
{
	char *copy;

	for (u_int i = 0; i < nd->npaths; i++)
		if (strcmp(nd->path[i], path) == 0)
			return;
	if (nd->npaths == MAXPATHS)
		return;
	copy = malloc(strlen(path) + 1);
	memcpy(copy, path, strlen(path) + 1);
	nd->path[nd->npaths++] = copy;
}

/* Every name every file has now is one it had. */
static void
note_paths(void)
{
	char path[600];

	for (u_int i = 1; i < MAXNODES; i++)
		for (u_int l = 0; l < node[i].nlinks; l++) {
			model_path(i, l, path, sizeof(path));
			add_path(&node[i], path);
		}
}

/* What there is now must survive. */
static void
model_synced(void)
{
	for (u_int i = 1; i < MAXNODES; i++) {
		struct node *nd = &node[i];

		drop_synced(nd);
		nd->touched = false;
		if (nd->nlinks == 0 || !S_ISREG(nd->mode))
			continue;
		nd->synced = malloc(nd->size + 1);
		nd->nsynced = nd->size;
		if (nd->size > 0)
			memcpy(nd->synced, nd->data, nd->size);
	}
	note_paths();
}

static u_int
pick_node(mode_t type)
{
	u_int start = (u_int)test_below(MAXNODES);

	for (u_int k = 0; k < MAXNODES; k++) {
		u_int i = (start + k) % MAXNODES;

		if (node[i].nlinks > 0 &&
		    (type == 0 ? i != 0 : (node[i].mode & S_IFMT) == type))
			return i;
	}
	return 0; /* the root */
}

static u_int
new_node(void)
{
	for (u_int i = 1; i < MAXNODES; i++)
		if (node[i].mode == 0)
			return i;
	return 0;
}

static u_int
find_name(u_int d, const char *name, u_int *linkp)
{
	for (u_int i = 1; i < MAXNODES; i++)
		for (u_int l = 0; l < node[i].nlinks; l++)
			if (node[i].link[l].dir == d &&
			    strcmp(node[i].link[l].name, name) == 0) {
				*linkp = l;
				return i;
			}
	return 0;
}

static bool
is_empty(u_int d)
{
	for (u_int i = 1; i < MAXNODES; i++)
		for (u_int l = 0; l < node[i].nlinks; l++)
			if (node[i].link[l].dir == d)
				return false;
	return true;
}

static bool
is_below(u_int d, u_int top)
{
	for (; d != 0; d = node[d].link[0].dir)
		if (d == top)
			return true;
	return top == 0;
}

static void
make_name(char *name)
{
	static const char pad[] = "_longer_and_longer_name";

	snprintf(name, 40, "n%u%.*s", (u_int)test_below(40),
	    (int)test_below(sizeof(pad)), pad);
}

static struct ext2_inode *
get_node(u_int i)
{
	struct ext2_inode *ip;
	char path[600];

	if (node[i].open != NULL) {
		ext2_iref(node[i].open);
		return node[i].open;
	}
	model_path(i, 0, path, sizeof(path));
	CHECK_EQ(t_lookup(fs, path, &ip), 0);
	return ip;
}

static void
add_link(u_int i, u_int d, const char *name)
{
	node[i].link[node[i].nlinks].dir = d;
	memcpy(node[i].link[node[i].nlinks++].name, name, strlen(name) + 1);
}

static void
free_node(u_int i)
{
	free(node[i].data);
	drop_synced(&node[i]);
	memset(&node[i], 0, sizeof(node[i]));
}

static void
cut_link(u_int i, u_int l)
{
	node[i].link[l] = node[i].link[--node[i].nlinks];
	if (node[i].nlinks == 0 && node[i].open == NULL)
		free_node(i);
}

static void
model_write(struct node *nd, size_t off, const uint8_t *buf, size_t n)
{
	if (off + n > nd->size) {
		nd->data = realloc(nd->data, off + n);
		if (off > nd->size)
			memset(nd->data + nd->size, 0, off - nd->size);
		nd->size = off + n;
	}
	memcpy(nd->data + off, buf, n);
	nd->touched = true;
}

/* -- Operations on both: 0, or an errno of a full disk; anything else fails --------------------- */

static int
op_create(mode_t type)
{
	u_int d = pick_node(S_IFDIR), i = new_node(), l;
	char name[40], target[200];
	struct ext2_inode *dp, *ip;
	size_t n = 1 + test_below(sizeof(target) - 2);
	int error;

	if (i == 0)
		return 0;
	make_name(name);
	memset(target, 't', n);
	target[n] = '\0';
	dp = get_node(d);
	error = ext2_create(
	    dp, name, strlen(name), type | 0644, 70000, 3, 0, target, &ip);
	ext2_iput(dp);
	if (find_name(d, name, &l) != 0) {
		CHECK_EQ(error, EEXIST);
		return 0;
	}
	if (error)
		return error;
	ext2_iput(ip);
	node[i].mode = type;
	add_link(i, d, name);
	if (S_ISLNK(type))
		model_write(&node[i], 0, (uint8_t *)target, n);
	return 0;
}

static int
op_write(void)
{
	u_int i = pick_node(S_IFREG);
	struct ext2_inode *ip;
	size_t off, n;
	uint8_t *buf;
	int error;

	if (i == 0)
		return 0;
	off = test_below(2) ? node[i].size : test_below(maxfile);
	n = 1 + test_below(test_below(3) ? 5000 : 100000);
	buf = malloc(n);
	for (size_t k = 0; k < n; k++)
		buf[k] = (uint8_t)test_rnd();
	ip = get_node(i);
	error = t_write(ip, off, buf, n);
	node[i].touched = true;
	if (error == 0)
		model_write(&node[i], off, buf, n);
	else { /* as far as it came */
		n = ip->i_size;
		node[i].data = realloc(node[i].data, n + 1);
		node[i].size = n;
		CHECK_EQ(t_read(ip, 0, node[i].data, n, &n), 0);
	}
	ext2_iput(ip);
	free(buf);
	return error;
}

static int
op_truncate(void)
{
	u_int i = pick_node(S_IFREG);
	struct node *nd = &node[i];
	struct ext2_inode *ip;
	size_t size = test_below(maxfile);

	if (i == 0)
		return 0;
	if (test_below(2))
		size = nd->size / 2;
	if (test_below(4) == 0)
		size = 0;
	ip = get_node(i);
	CHECK_EQ(t_truncate(ip, size), 0);
	ext2_iput(ip);
	nd->data = realloc(nd->data, size + 1);
	if (size > nd->size)
		memset(nd->data + nd->size, 0, size - nd->size);
	nd->size = size;
	nd->touched = true;
	return 0;
}

static int
op_link(void)
{
	u_int i = pick_node(S_IFREG), d = pick_node(S_IFDIR), l;
	struct ext2_inode *ip, *dp;
	char name[40];
	int error;

	if (i == 0 || node[i].nlinks == MAXNAMES)
		return 0;
	make_name(name);
	ip = get_node(i);
	dp = get_node(d);
	error = ext2_link(dp, name, strlen(name), ip);
	ext2_iput(dp);
	ext2_iput(ip);
	if (find_name(d, name, &l) != 0)
		CHECK_EQ(error, EEXIST);
	else if (error == 0)
		add_link(i, d, name);
	return error == EEXIST ? 0 : error;
}

static int
op_remove(void)
{
	u_int i = pick_node(0), l, d;
	struct ext2_inode *ip, *dp;
	bool keep = test_below(4) == 0;
	int error;

	if (i == 0)
		return 0;
	l = (u_int)test_below(node[i].nlinks);
	d = node[i].link[l].dir;
	ip = get_node(i);
	dp = get_node(d);
	error = ext2_remove(
	    dp, node[i].link[l].name, strlen(node[i].link[l].name), ip);
	ext2_iput(dp);
	if (S_ISDIR(node[i].mode) && !is_empty(i)) {
		CHECK_EQ(error, ENOTEMPTY);
		error = 0;
	} else if (error == 0) {
		if (S_ISREG(node[i].mode) && keep && node[i].nlinks == 1) {
			ext2_iref(ip);
			node[i].open = ip;
		}
		cut_link(i, l);
	}
	ext2_iput(ip);
	return error;
}

static void
close_all(void)
{
	for (u_int i = 1; i < MAXNODES; i++)
		if (node[i].open != NULL) {
			ext2_iput(node[i].open);
			free_node(i);
		}
}

/* => may the rename be tried? what the callers of ext2_rename() check */
static bool
rename_fits(u_int i, u_int td, u_int t)
{
	if (i == t || (S_ISDIR(node[i].mode) && is_below(td, i)))
		return false;
	return t == 0 || S_ISDIR(node[i].mode) == S_ISDIR(node[t].mode);
}

static int
op_rename(void)
{
	u_int i = pick_node(0), td = pick_node(S_IFDIR), l, tl = 0, t, fd;
	struct ext2_inode *ip, *fdp, *tdp, *tip = NULL;
	char name[40], fname[40];
	int error;

	if (i == 0)
		return 0;
	l = (u_int)test_below(node[i].nlinks);
	fd = node[i].link[l].dir;
	memcpy(fname, node[i].link[l].name, sizeof(fname));
	make_name(name);
	if (test_below(3) == 0 && (t = pick_node(node[i].mode & S_IFMT)) != 0) {
		td = node[t].link[0].dir;
		memcpy(name, node[t].link[0].name, sizeof(name));
	}
	t = find_name(td, name, &tl);
	if (!rename_fits(i, td, t))
		return 0;
	ip = get_node(i);
	fdp = get_node(fd);
	tdp = get_node(td);
	if (t != 0)
		tip = get_node(t);
	error = ext2_rename(
	    fdp, fname, strlen(fname), ip, tdp, name, strlen(name), tip);
	if (t != 0 && S_ISDIR(node[t].mode) && !is_empty(t)) {
		CHECK_EQ(error, ENOTEMPTY);
		error = 0;
	} else if (error == 0) {
		node[i].link[l].dir = td;
		memcpy(node[i].link[l].name, name, sizeof(name));
		if (t != 0)
			cut_link(t, tl);
	}
	ext2_iput(ip);
	ext2_iput(fdp);
	ext2_iput(tdp);
	if (tip != NULL)
		ext2_iput(tip);
	return error;
}

static void
put_link(u_int i, u_int l, u_int d, const char *name)
{
	node[i].link[l].dir = d;
	memmove(node[i].link[l].name, name, sizeof(node[i].link[l].name));
}

static int
op_exchange(void)
{
	u_int i = pick_node(0), t = pick_node(0), l, tl, d, td;
	struct ext2_inode *ip, *tip, *dp, *tdp;
	char name[40], tname[40];
	int error;

	if (i == 0 || t == 0 || i == t)
		return 0;
	l = (u_int)test_below(node[i].nlinks);
	tl = (u_int)test_below(node[t].nlinks);
	d = node[i].link[l].dir;
	td = node[t].link[tl].dir;
	if ((S_ISDIR(node[i].mode) && is_below(td, i)) ||
	    (S_ISDIR(node[t].mode) && is_below(d, t)))
		return 0;
	memcpy(name, node[i].link[l].name, sizeof(name));
	memcpy(tname, node[t].link[tl].name, sizeof(tname));
	ip = get_node(i);
	tip = get_node(t);
	dp = get_node(d);
	tdp = get_node(td);
	/* for a moment on disk it may have a third name */
	snprintf(node[i].link[l].name, sizeof(node[i].link[l].name),
	    ".exchange.%u.0", ip->i_ino);
	note_paths();
	memcpy(node[i].link[l].name, name, sizeof(name));
	error = ext2_exchange(
	    dp, name, strlen(name), ip, tdp, tname, strlen(tname), tip);
	if (error == 0) {
		put_link(i, l, td, tname);
		put_link(t, tl, d, name);
	}
	ext2_iput(ip);
	ext2_iput(tip);
	ext2_iput(dp);
	ext2_iput(tdp);
	return error;
}

static int
random_op(void)
{
	switch (test_below(17)) {
	case 0:
	case 1:
	case 2:
		return op_create(S_IFREG);
	case 3:
		return op_create(S_IFDIR);
	case 4:
		return op_create(S_IFLNK);
	case 5:
		return op_truncate();
	case 6:
		return op_link();
	case 7:
	case 8:
		return op_remove();
	case 9:
	case 10:
	case 11:
		return op_rename();
	case 16:
		return op_exchange();
	default:
		return op_write();
	}
}

/* -- Comparing ------------------------------------------------------------------------------------ */

static void
check_content(struct ext2_inode *ip, const uint8_t *data, size_t size)
{
	uint8_t *got;
	size_t n;

	CHECK_EQ(ip->i_size, size);
	got = malloc(size + 1);
	if (S_ISLNK(ip->i_mode))
		CHECK_EQ(ext2_readlink(ip, (char *)got, size + 1, &n), 0);
	else
		CHECK_EQ(t_read(ip, 0, got, size + 1, &n), 0);
	CHECK_EQ(n, size);
	CHECK_EQ(memcmp(got, data, size), 0);
	free(got);
}

static bool
count_name(void *arg, const char *name, size_t len, uint32_t ino, uint8_t type,
    uint64_t next)
{
	if (len > 2 || name[0] != '.')
		++*(u_int *)arg;
	return true;
}

static void
check_dir(u_int d, struct ext2_inode *dp)
{
	u_int names = d == 0 ? 1 : 0, n = 0; /* lost+found */

	for (u_int i = 1; i < MAXNODES; i++)
		for (u_int l = 0; l < node[i].nlinks; l++)
			names += node[i].link[l].dir == d;
	CHECK_EQ(ext2_dir_iterate(dp, 0, count_name, &n), 0);
	CHECK_EQ(n, names);
}

static void
check_model(void)
{
	struct ext2_inode *ip, *other;
	char path[600];

	for (u_int i = 0; i < MAXNODES; i++) {
		if (node[i].nlinks == 0 && node[i].open == NULL)
			continue;
		ip = get_node(i);
		CHECK_EQ(ip->i_mode & S_IFMT, node[i].mode);
		for (u_int l = 1; l < node[i].nlinks; l++) {
			model_path(i, l, path, sizeof(path));
			CHECK_EQ(t_lookup(fs, path, &other), 0);
			CHECK(other == ip);
			ext2_iput(other);
		}
		if (S_ISDIR(node[i].mode))
			check_dir(i, ip);
		else {
			CHECK_EQ(ip->i_nlink, node[i].nlinks);
			check_content(ip, node[i].data, node[i].size);
		}
		ext2_iput(ip);
	}
}

static void
remount(void)
{
	close_all();
	CHECK_EQ(ext2_unmount(fs, false), 0);
	check_clean();
	fs = mount();
}

static void
finish(void)
{
	close_all();
	CHECK_EQ(ext2_unmount(fs, false), 0);
	check_clean();
	for (u_int i = 1; i < MAXNODES; i++)
		if (node[i].mode != 0)
			free_node(i);
	done();
}

static void
begin(const char *options, const char *size)
{
	make_image(options, size);
	fs = mount();
	model_init();
}

static void
run_random(const char *options, const char *size, u_int ops)
{
	int error;

	begin(options, size);
	for (u_int i = 0; i < ops; i++) {
		env.now++;
		error = random_op();
		CHECK(error == 0 || error == ENOSPC);
		if (test_below(20) == 0)
			CHECK_EQ(ext2_sync(fs), 0);
		if (test_below(10) == 0)
			close_all();
		if (test_below(50) == 0)
			check_model();
		if (test_below(150) == 0)
			remount();
	}
	check_model();
	remount();
	check_model();
	finish();
}

TEST(ext2_random)
{
	make_dir();
	run_random("-t ext2 -b 1024", "16M", 600);
	run_random("-t ext2 -b 2048 -I 128", "16M", 400);
	run_random("-t ext2 -b 4096", "24M", 400);
	run_random("-r 0 -b 1024", "16M", 300);
	run_random("-t ext2 -b 1024 -g 1024 -O ^sparse_super,^resize_inode",
	    "16M", 300);
}

TEST(ext2_large_files)
{
	make_dir();
	maxfile = 90 << 20; /* all levels */
	run_random("-t ext2 -b 1024", "8M", 100);
	run_random("-t ext2 -b 4096", "8M", 30);
}

/* -- Full disks ----------------------------------------------------------------------------------- */

TEST(ext2_full)
{
	make_dir();
	maxfile = 200000;
	run_random("-t ext2 -b 1024 -m 0 -N 200", "400k", 1500);
	run_random("-t ext2 -b 1024 -m 0 -N 32", "2M", 1000);
	run_random("-t ext2 -b 4096 -m 0", "1M", 700);
}

/* -- Power cuts ------------------------------------------------------------------------------------- */

static uint8_t *base; /* the disk when the recording began */

static void
begin_cuts(void)
{
	free(base);
	base = malloc(env.size);
	memcpy(base, env.image, env.size);
	env_record();
}

/* => the disk as it may be after a cut before write number `cut' */
static void
cut_at(size_t cut)
{
	size_t safe = cut;

	env.recording = false;
	while (safe > 0 && env.log[safe - 1].off != ENV_FLUSH)
		safe--;
	memcpy(env.image, base, env.size);
	for (size_t i = 0; i < cut; i++) {
		const struct env_write *w = &env.log[i];

		if (w->off == ENV_FLUSH || (i >= safe && test_below(2)))
			continue;
		memcpy(env.image + w->off, w->data, w->len);
	}
	CHECK(fsck("-fy") < 4);
}

/* => is there a file of that name with that content? */
static bool
has_file(const char *path, const uint8_t *data, size_t size)
{
	struct ext2_inode *ip;
	bool same = false;
	uint8_t *got;
	size_t n;

	if (t_lookup(fs, path, &ip) != 0)
		return false;
	if (S_ISREG(ip->i_mode) && ip->i_size == size) {
		got = malloc(size + 1);
		CHECK_EQ(t_read(ip, 0, got, size, &n), 0);
		same = n == size && memcmp(got, data, size) == 0;
		free(got);
	}
	ext2_iput(ip);
	return same;
}

/* Paths of all there is, in the order of their depth. */
static char *tree[4 * MAXNODES];
static u_int ntree;

static bool
add_to_tree(void *arg, const char *name, size_t len, uint32_t ino, uint8_t type,
    uint64_t next)
{
	size_t size = strlen(arg) + len + 2;

	if (name[0] == '.' && len <= 2)
		return true;
	CHECK(ntree < nitems(tree));
	tree[ntree] = malloc(size);
	snprintf(tree[ntree++], size, "%s%s%.*s", (char *)arg,
	    *(char *)arg == '\0' ? "" : "/", (int)len, name);
	return true;
}

static void
find_tree(void)
{
	char root[] = "", *path = root;
	struct ext2_inode *ip;

	for (u_int i = 0; i < ntree; i++)
		free(tree[i]);
	ntree = 0;
	for (u_int next = 0; path != NULL;
	     path = next < ntree ? tree[next] : NULL, next++) {
		CHECK_EQ(t_lookup(fs, path, &ip), 0);
		if (S_ISDIR(ip->i_mode))
			CHECK_EQ(ext2_dir_iterate(ip, 0, add_to_tree, path), 0);
		ext2_iput(ip);
	}
}

static const char *
last_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/*
 * Is the file at a path that it never had as a whole?  A directory that was
 * just moved has two names; e2fsck leaves it the old one, while a file that
 * came later into it has come.
 */
static bool
has_by_last_name(const struct node *nd, const char *name)
{
	for (u_int i = 0; i < ntree; i++)
		if (strcmp(last_name(tree[i]), name) == 0 &&
		    has_file(tree[i], nd->synced, nd->nsynced))
			return true;
	return false;
}

/* Every file that was synced and not changed since is there by some name. */
static void
check_synced(size_t cut)
{
	for (u_int i = 1; i < MAXNODES; i++) {
		const struct node *nd = &node[i];
		bool found = false;

		if (nd->synced == NULL || nd->touched || nd->nlinks == 0 ||
		    nd->npaths == MAXPATHS)
			continue;
		for (u_int k = 0; k < nd->npaths && !found; k++)
			found = has_file(nd->path[k], nd->synced, nd->nsynced);
		if (!found)
			find_tree();
		for (u_int k = 0; k < nd->npaths && !found; k++)
			found = has_by_last_name(nd, last_name(nd->path[k]));
		if (!found)
			test_note("cut before write %lu: %s is lost", cut,
			    nd->path[0]);
		CHECK(found);
	}
}

static void
check_cuts(u_int n, void (*check)(size_t cut))
{
	struct ext2fs *real = fs;
	uint8_t *end = malloc(env.size);

	memcpy(end, env.image, env.size);
	for (u_int i = 0; i < n; i++) {
		size_t cut = test_below(env.nlog + 1);

		cut_at(cut);
		CHECK_EQ(ext2_mount(disk, true, &fs), 0);
		check(cut);
		CHECK_EQ(ext2_unmount(fs, false), 0);
	}
	memcpy(env.image, end, env.size);
	free(end);
	fs = real;
}

static void
fsync_some(void)
{
	u_int i = pick_node(test_below(4) ? S_IFREG : S_IFDIR);
	struct ext2_inode *ip = get_node(i);

	CHECK_EQ(ext2_fsync(ip, test_below(2) != 0), 0);
	ext2_iput(ip);
}

static void
run_cuts(const char *options, u_int rounds, u_int cuts)
{
	int error;

	begin(options, "4M");
	for (u_int r = 0; r < rounds; r++) {
		for (u_int i = 0; i < 40; i++) {
			error = random_op();
			CHECK(error == 0 || error == ENOSPC);
		}
		close_all();
		CHECK_EQ(ext2_sync(fs), 0);
		model_synced();
		begin_cuts();
		for (u_int i = 0; i < 40; i++) {
			error = random_op();
			CHECK(error == 0 || error == ENOSPC);
			note_paths();
			if (test_below(15) == 0)
				CHECK_EQ(ext2_sync(fs), 0);
			if (test_below(10) == 0)
				fsync_some();
		}
		CHECK_EQ(ext2_sync(fs), 0);
		check_cuts(cuts, check_synced);
	}
	free(base);
	base = NULL;
	finish();
}

TEST(ext2_power_cuts)
{
	make_dir();
	maxfile = 400000;
	run_cuts("-t ext2 -b 1024", 6, 25);
	run_cuts("-t ext2 -b 4096", 3, 25);
	run_cuts("-t ext2 -b 1024 -g 512 -O ^resize_inode", 3, 25);
}

/* What fsync() said is safe, is, and its way, whatever else was going on. */
static void
check_fsynced(size_t cut)
{
	char path[40];

	if (cut < env.nlog) /* all of the log was written before it returned */
		return;
	for (u_int i = 0; i < 5; i++) {
		snprintf(path, sizeof(path), "dir%u/sub/file", i);
		CHECK(has_file(path, (const uint8_t *)"contents", 8));
	}
}

static struct ext2_inode *
create(struct ext2_inode *dp, const char *name, mode_t mode)
{
	struct ext2_inode *ip;

	CHECK_EQ(
	    ext2_create(dp, name, strlen(name), mode, 0, 0, 0, NULL, &ip), 0);
	return ip;
}

/* => takes all that is free of the disk; to be removed */
static void
fill_disk(struct ext2_inode *root)
{
	static uint8_t buf[1024];
	struct ext2_inode *ip = create(root, "filler", S_IFREG | 0600);

	for (uint64_t off = 0; t_write(ip, off, buf, sizeof(buf)) == 0;)
		off += sizeof(buf);
	CHECK_EQ(ext2_sync(fs), 0);
	ext2_iput(ip);
}

static void
remove_name(struct ext2_inode *root, const char *name)
{
	struct ext2_inode *ip;

	CHECK_EQ(t_child(root, name, &ip), 0);
	CHECK_EQ(ext2_remove(root, name, strlen(name), ip), 0);
	ext2_iput(ip);
}

/*
 * What was removed is free for others when the next sync has been: a disk that
 * is full until then is not full.
 */
TEST(ext2_removed_makes_room)
{
	struct ext2_inode *root, *ip;
	char name[20];
	u_int n = 0;

	make_dir();
	begin("-t ext2 -b 1024 -N 32 -m 0", "1M");
	root = get_node(0);
	/* blocks, for a directory */
	fill_disk(root);
	CHECK_EQ(ext2_create(root, "d", 1, S_IFDIR | 0755, 0, 0, 0, NULL, &ip),
	    ENOSPC);
	remove_name(root, "filler");
	ext2_iput(create(root, "d", S_IFDIR | 0755));
	remove_name(root, "d");
	/* inodes */
	for (;; n++) {
		snprintf(name, sizeof(name), "f%u", n);
		if (ext2_create(root, name, strlen(name), S_IFREG | 0600, 0, 0,
			0, NULL, &ip) != 0)
			break;
		ext2_iput(ip);
	}
	CHECK(n > 10);
	CHECK_EQ(ext2_sync(fs), 0);
	for (u_int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		remove_name(root, name);
		snprintf(name, sizeof(name), "g%u", i);
		ext2_iput(create(root, name, S_IFREG | 0600));
	}
	for (u_int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "g%u", i);
		remove_name(root, name);
	}
	ext2_iput(root);
	finish();
}

TEST(ext2_fsync_makes_the_way_safe)
{
	struct ext2_inode *root, *dp, *sub, *ip;
	char name[40];

	make_dir();
	begin("-t ext2 -b 1024", "4M");
	root = get_node(0);
	begin_cuts();
	for (u_int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "dir%u", i);
		dp = create(root, name, S_IFDIR | 0755);
		sub = create(dp, "other", S_IFDIR | 0755);
		ip = create(sub, "file", S_IFREG | 0644);
		CHECK_EQ(t_write(ip, 0, "contents", 8), 0);
		CHECK_EQ(
		    ext2_rename(dp, "other", 5, sub, dp, "sub", 3, NULL), 0);
		CHECK_EQ(ext2_fsync(ip, test_below(2) != 0), 0);
		ext2_iput(ip);
		ext2_iput(sub);
		ext2_iput(dp);
	}
	for (u_int i = 0; i < 10; i++) {
		size_t cut = env.nlog;
		uint8_t *end = malloc(env.size);
		struct ext2fs *real = fs;

		memcpy(end, env.image, env.size);
		cut_at(cut);
		CHECK_EQ(ext2_mount(disk, true, &fs), 0);
		check_fsynced(cut);
		CHECK_EQ(ext2_unmount(fs, false), 0);
		fs = real;
		memcpy(env.image, end, env.size);
		free(end);
	}
	ext2_iput(root);
	for (u_int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "dir%u", i);
		CHECK_EQ(t_lookup(fs, name, &ip), 0);
		ext2_iput(ip);
	}
	free(base);
	base = NULL;
	finish();
}

/* A block in two files shows as one's contents with the other's size. */
static size_t
gen_size(u_int gen)
{
	return 1500 + gen * 100;
}

/* The name is there at every moment, with the old contents or the new. */
static void
check_replaced(size_t cut)
{
	static uint8_t want[3000];
	bool found = false;

	for (u_int gen = 0; gen < 12 && !found; gen++) {
		memset(want, (int)gen, sizeof(want));
		found = has_file("a/name", want, gen_size(gen));
	}
	CHECK(found);
}

/* => a/name, which is gen before, is gen after; from a directory or another */
static void
replace(u_int gen, const char *from)
{
	struct ext2_inode *a, *f, *ip, *tip;
	static uint8_t data[3000];

	CHECK_EQ(t_lookup(fs, "a", &a), 0);
	CHECK_EQ(t_lookup(fs, from, &f), 0);
	CHECK_EQ(t_lookup(fs, "a/name", &tip), 0);
	memset(data, (int)gen, sizeof(data));
	ip = create(f, "new", S_IFREG | 0644);
	CHECK_EQ(t_write(ip, 0, data, gen_size(gen)), 0);
	CHECK_EQ(ext2_rename(f, "new", 3, ip, a, "name", 4, tip), 0);
	ext2_iput(tip);
	ext2_iput(ip);
	ext2_iput(a);
	ext2_iput(f);
}

TEST(ext2_rename_replaces_at_once)
{
	static uint8_t data[3000];
	struct ext2_inode *root, *dp, *ip;

	make_dir();
	begin("-t ext2 -b 1024", "4M");
	root = get_node(0);
	ext2_iput(create(root, "b", S_IFDIR | 0755));
	dp = create(root, "a", S_IFDIR | 0755);
	ip = create(dp, "name", S_IFREG | 0644);
	CHECK_EQ(t_write(ip, 0, data, gen_size(0)), 0);
	ext2_iput(ip);
	ext2_iput(dp);
	ext2_iput(root);
	CHECK_EQ(ext2_sync(fs), 0);
	begin_cuts();
	for (u_int gen = 1; gen < 12; gen++) {
		replace(gen, gen % 2 ? "b" : "a");
		if (gen % 3 == 0)
			CHECK_EQ(ext2_sync(fs), 0);
	}
	CHECK_EQ(ext2_sync(fs), 0);
	check_cuts(80, check_replaced);
	free(base);
	base = NULL;
	finish();
}

/* A file moved back and forth is somewhere at every moment. */
static void
check_moved(size_t cut)
{
	static const char *const path[] = { "a/x", "b/x", "a/y", "c/x" };
	bool found = false;

	for (u_int i = 0; i < nitems(path); i++)
		found |= has_file(path[i], (const uint8_t *)"moves", 5);
	CHECK(found);
}

static void
move(const char *from, const char *fname, const char *to, const char *tname)
{
	struct ext2_inode *f, *t, *ip;

	CHECK_EQ(t_lookup(fs, from, &f), 0);
	CHECK_EQ(t_lookup(fs, to, &t), 0);
	CHECK_EQ(t_child(f, fname, &ip), 0);
	CHECK_EQ(ext2_rename(f, fname, strlen(fname), ip, t, tname,
		     strlen(tname), NULL),
	    0);
	ext2_iput(ip);
	ext2_iput(t);
	ext2_iput(f);
}

TEST(ext2_rename_never_loses)
{
	struct ext2_inode *root, *dp, *ip;

	make_dir();
	begin("-t ext2 -b 1024", "4M");
	root = get_node(0);
	dp = create(root, "a", S_IFDIR | 0755);
	ip = create(dp, "x", S_IFREG | 0644);
	CHECK_EQ(t_write(ip, 0, "moves", 5), 0);
	ext2_iput(ip);
	ext2_iput(dp);
	ext2_iput(create(root, "b", S_IFDIR | 0755));
	ext2_iput(create(root, "c", S_IFDIR | 0755));
	CHECK_EQ(ext2_sync(fs), 0);
	begin_cuts();
	for (u_int i = 0; i < 8; i++) {
		move("a", "x", "b", "x");
		if (test_below(2))
			CHECK_EQ(ext2_fsync(root, false), 0);
		move("b", "x", "c", "x");
		if (test_below(2))
			CHECK_EQ(ext2_sync(fs), 0);
		move("c", "x", "a", "y");
		move("a", "y", "a", "x");
	}
	ext2_iput(root);
	CHECK_EQ(ext2_sync(fs), 0);
	check_cuts(80, check_moved);
	free(base);
	base = NULL;
	finish();
}

/* -- Exchanging ---------------------------------------------------------------------------------------- */

/* What ".exchange.INO.0" leads to: a file that waits for its other name. */
static bool
third_is(const char *dname, const char *content)
{
	struct ext2_inode *dp, *ip;
	char path[80];
	bool found = false;

	CHECK_EQ(t_lookup(fs, dname, &dp), 0);
	for (uint32_t ino = 11; ino < 60 && !found; ino++) {
		snprintf(path, sizeof(path), ".exchange.%u.0", ino);
		if (t_child(dp, path, &ip) != 0)
			continue;
		ext2_iput(ip);
		snprintf(path, sizeof(path), "%s/.exchange.%u.0", dname, ino);
		found = has_file(path, (const uint8_t *)content, 5);
	}
	ext2_iput(dp);
	return found;
}

static bool
leads_to(const char *path, const char *content)
{
	return has_file(path, (const uint8_t *)content, 5);
}

/* In one directory, one block: the old state or the new one. */
static void
check_exchanged_near(size_t cut)
{
	bool old = leads_to("a/x", "first"), new = leads_to("a/x", "other");

	if (!old && !new)
		test_note("cut before write %lu", cut);
	CHECK(old != new);
	CHECK(leads_to("a/y", old ? "other" : "first"));
}

/* In two: the first name leads to the second file before the other changes. */
static void
check_exchanged_far(size_t cut)
{
	bool x_first = leads_to("a/x", "first"), x_other;
	bool y_first = leads_to("b/y", "first"), y_other;

	x_other = leads_to("a/x", "other");
	y_other = leads_to("b/y", "other");
	CHECK(x_first != x_other && y_first != y_other);
	if (x_first && y_other)
		return; /* not begun, or finished and back */
	if (x_other && y_first)
		return;
	if (x_first != x_other && y_first == x_first)
		CHECK(third_is("a", x_first ? "other" : "first"));
}

static struct ext2_inode *
make_file(const char *dname, const char *name, const char *content)
{
	struct ext2_inode *dp, *ip;

	CHECK_EQ(t_lookup(fs, dname, &dp), 0);
	ip = create(dp, name, S_IFREG | 0644);
	CHECK_EQ(t_write(ip, 0, content, strlen(content)), 0);
	ext2_iput(dp);
	return ip;
}

static void
exchange_and_cut(const char *tdir, void (*check)(size_t cut))
{
	struct ext2_inode *root, *a, *td, *ip, *tip, *swap;

	begin("-t ext2 -b 1024", "4M");
	root = get_node(0);
	ext2_iput(create(root, "b", S_IFDIR | 0755));
	a = create(root, "a", S_IFDIR | 0755);
	ip = make_file("a", "x", "first");
	tip = make_file(tdir, "y", "other");
	CHECK_EQ(t_lookup(fs, tdir, &td), 0);
	CHECK_EQ(ext2_sync(fs), 0);
	begin_cuts();
	for (u_int i = 0; i < 6; i++) {
		CHECK_EQ(ext2_exchange(a, "x", 1, ip, td, "y", 1, tip), 0);
		swap = ip;
		ip = tip;
		tip = swap;
		if (i % 2)
			CHECK_EQ(ext2_fsync(a, false), 0);
	}
	CHECK_EQ(ext2_sync(fs), 0);
	check_cuts(60, check);
	CHECK_EQ(ip->i_nlink, 1);
	CHECK_EQ(tip->i_nlink, 1);
	ext2_iput(tip);
	ext2_iput(ip);
	ext2_iput(td);
	ext2_iput(a);
	ext2_iput(root);
	free(base);
	base = NULL;
	finish();
}

TEST(ext2_exchange_never_loses)
{
	make_dir();
	exchange_and_cut("a", check_exchanged_near);
	exchange_and_cut("b", check_exchanged_far);
}

/* -- Old contents -------------------------------------------------------------------------------------- */

#define OLD     0xee /* what free blocks hold */
#define DELAYED 40

/* Blocks given to files whose data waits in memory. */
static struct {
	struct ext2_inode *ip;
	uint64_t lbn;
} delayed[DELAYED];
static u_int ndelayed;

/* => the next block of the file is given, its data comes later */
static void
write_later(struct ext2_inode *ip)
{
	uint64_t lbn = ip->i_size >> ip->i_fs->fs_bshift;

	if (ndelayed == DELAYED || ext2_bmap_alloc(ip, lbn, 1) != 0)
		return;
	rw_enter_write(&ip->i_maplock);
	ip->i_size += ip->i_fs->fs_bsize;
	rw_exit(&ip->i_maplock);
	ext2_idirty(ip);
	ext2_touch(ip, true);
	delayed[ndelayed].ip = ip;
	delayed[ndelayed++].lbn = lbn;
}

static void
fail_write(struct ext2_inode *ip, uint64_t lbn)
{
	(void)ext2_unwritten_begin(ip, lbn, 1);
	ext2_unwritten_end(ip, lbn, 1, false);
}

/*
 * => fs_flushdata: writes what waits, while somebody goes on; what fails waits
 *    for the next time
 */
static int
write_now(struct ext2_inode *ip, bool asked)
{
	static uint8_t block[4096];
	uint32_t blk, n;
	u_int left = 0;

	if (!S_ISREG(ip->i_mode))
		return 0;
	memset(block, 'd', sizeof(block));
	for (u_int i = 0; i < ndelayed; i++) {
		if (delayed[i].ip != ip || test_below(8) == 0) {
			if (delayed[i].ip == ip)
				fail_write(ip, delayed[i].lbn);
			delayed[left++] = delayed[i];
			continue;
		}
		CHECK_EQ(ext2_bmap(ip, delayed[i].lbn, 1, &blk, &n), 0);
		CHECK(blk != 0);
		CHECK_EQ(t_write_new(ip, delayed[i].lbn, blk, block), 0);
	}
	ndelayed = left;
	if (test_below(2))
		write_later(ip);
	return 0;
}

static void
check_not_old(size_t cut)
{
	static uint8_t buf[400000];
	struct ext2_inode *ip;
	char path[20];
	size_t n;

	for (u_int i = 0; i < 4; i++) {
		snprintf(path, sizeof(path), "f%u", i);
		if (t_lookup(fs, path, &ip) != 0)
			continue;
		CHECK_EQ(t_read(ip, 0, buf, sizeof(buf), &n), 0);
		ext2_iput(ip);
		for (size_t k = 0; k < n; k++)
			if (buf[k] == OLD)
				test_note("cut before write %lu: %s at %lu",
				    cut, path, k);
		CHECK(memchr(buf, OLD, n) == NULL);
	}
}

/* => every free block holds OLD */
static void
soil(void)
{
	static uint8_t buf[65536];
	struct ext2_inode *root = get_node(0), *ip;
	uint64_t off = 0;

	memset(buf, OLD, sizeof(buf));
	ip = create(root, "filler", S_IFREG | 0600);
	while (t_write(ip, off, buf, sizeof(buf)) == 0)
		off += sizeof(buf);
	CHECK_EQ(ext2_remove(root, "filler", 6, ip), 0);
	ext2_iput(ip);
	ext2_iput(root);
	CHECK_EQ(ext2_sync(fs), 0);
}

static void
run_old(const char *options)
{
	struct ext2_inode *root, *ip[4];
	char name[8];

	begin(options, "2M");
	soil();
	fs->fs_flushdata = write_now;
	ndelayed = 0;
	begin_cuts();
	root = get_node(0);
	for (u_int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		ip[i] = create(root, name, S_IFREG | 0644);
	}
	for (u_int i = 0; i < 300; i++) {
		write_later(ip[test_below(4)]);
		if (test_below(8) == 0)
			CHECK_EQ(ext2_sync(fs), 0);
		if (test_below(8) == 0)
			CHECK_EQ(
			    ext2_fsync(ip[test_below(4)], test_below(2) != 0),
			    0);
		if (test_below(8) == 0)
			CHECK_EQ(ext2_fsync(root, false), 0);
	}
	check_cuts(60, check_not_old);
	fs->fs_flushdata = NULL;
	for (u_int i = 0; i < 4; i++)
		ext2_iput(ip[i]);
	ext2_iput(root);
	free(base);
	base = NULL;
	finish();
}

TEST(ext2_old_contents_stay_hidden)
{
	make_dir();
	run_old("-t ext2 -b 1024 -N 32");
	run_old("-t ext2 -b 4096 -N 32");
}

/*
 * A file gets blocks in a block of pointers that is on disk, and loses its name
 * before it gets data: nothing leads from the name, still on disk, to them.
 */
static void
remove_unwritten(struct ext2_inode *root)
{
	struct ext2_inode *ip = create(root, "f0", S_IFREG | 0644);

	for (u_int i = 0; i < 16; i++)
		write_later(ip);
	CHECK_EQ(ext2_sync(fs), 0);
	for (u_int i = 0; i < 8; i++)
		write_later(ip);
	CHECK_EQ(ext2_remove(root, "f0", 2, ip), 0);
	CHECK_EQ(ext2_sync(fs), 0);
	ndelayed = 0;
	ext2_iput(ip);
}

TEST(ext2_old_contents_of_removed)
{
	struct ext2_inode *root;

	make_dir();
	begin("-t ext2 -b 1024 -N 32", "2M");
	soil();
	fs->fs_flushdata = write_now;
	ndelayed = 0;
	begin_cuts();
	root = get_node(0);
	for (u_int i = 0; i < 20; i++)
		remove_unwritten(root);
	check_cuts(150, check_not_old);
	fs->fs_flushdata = NULL;
	ext2_iput(root);
	free(base);
	base = NULL;
	finish();
}

/* -- Times --------------------------------------------------------------------------------------------- */

static void
set_times(struct ext2_inode *ip, int64_t a, int64_t m, int64_t c)
{
	rw_enter_write(&ip->i_maplock);
	ip->i_atime = a;
	ip->i_mtime = m;
	ip->i_ctime = c;
	rw_exit(&ip->i_maplock);
	ext2_idirty_times(ip);
}

/* => what debugfs says of the file has the text */
static bool
host_says(const char *path, const char *text)
{
	char img[100];

	snprintf(img, sizeof(img), "%s/img", dir);
	spit(img, env.image, env.size);
	return sh("PATH=$PATH:/sbin:/usr/sbin TZ=UTC debugfs -R 'stat %s' %s"
		  " 2>/dev/null | grep -q '%s'",
		   path, img, text) == 0;
}

#define SEC 1000000000L

static void
check_times(const char *path, int64_t a, int64_t m, int64_t c)
{
	struct ext2_inode *ip;

	CHECK_EQ(t_lookup(fs, path, &ip), 0);
	CHECK_EQ(ip->i_atime, a);
	CHECK_EQ(ip->i_mtime, m);
	CHECK_EQ(ip->i_ctime, c);
	ext2_iput(ip);
}

TEST(ext2_times)
{
	const int64_t a = 1234567890 * SEC + 123456789;
	const int64_t m = 4102444800 * SEC + 999999999; /* 2100 */
	const int64_t c = -86400 * SEC + 5; /* the last day of 1969 */
	struct ext2_inode *root, *ip;

	make_dir();
	CHECK_EQ(sh("mkdir %s/tree && touch %s/tree/host", dir, dir), 0);
	for (u_int small = 0; small < 2; small++) {
		char opt[100];

		snprintf(opt, sizeof(opt), "-t ext2 -b 1024 -I %u -d %s/tree",
		    small ? 128 : 256, dir);
		begin(opt, "2M");
		root = get_node(0);
		ip = create(root, "new", S_IFREG | 0644);
		set_times(ip, a, m, c);
		ext2_iput(ip);
		CHECK_EQ(t_child(root, "host", &ip), 0);
		set_times(ip, m, c, a);
		ext2_iput(ip);
		ext2_iput(root);
		CHECK_EQ(ext2_unmount(fs, false), 0);
		check_clean();
		fs = mount();
		if (small) {
			check_times(
			    "new", a - a % SEC, INT32_MAX * SEC, -86400 * SEC);
		} else {
			check_times("new", a, m, c);
			check_times("host", m, c, a);
			CHECK(host_says("new", "mtime:.*2100"));
			CHECK(host_says("new", "atime: .*:1d6f3454"));
			CHECK(host_says("new", "crtime:.*2023"));
			CHECK(host_says("host", "atime:.*2100"));
			CHECK(host_says("host", "mtime:.*1969"));
		}
		CHECK_EQ(ext2_unmount(fs, false), 0);
		check_clean();
		done();
	}
}

/* -- What fsync writes ----------------------------------------------------------------------------------- */

/* => requests of that many kinds since the last call */
static long
writes_since(void)
{
	long n = env.writes;

	env.writes = 0;
	return n;
}

TEST(ext2_fdatasync_leaves_times)
{
	struct ext2_inode *root, *ip;

	make_dir();
	begin("-t ext2 -b 1024", "4M");
	root = get_node(0);
	ip = create(root, "file", S_IFREG | 0644);
	CHECK_EQ(t_write(ip, 0, "data", 4), 0);
	CHECK_EQ(ext2_fsync(ip, true), 0); /* new: all of it */
	CHECK_EQ(ext2_sync(fs), 0);
	CHECK(host_says("file", "Size: 4"));
	for (u_int i = 0; i < 3; i++) {
		env.now++;
		(void)writes_since();
		CHECK_EQ(t_write(ip, 0, "DATA", 4), 0);
		ext2_touch(ip, true);
		CHECK_EQ(writes_since(), 1);
		CHECK_EQ(ext2_fsync(ip, true), 0);
		CHECK_EQ(writes_since(), 0); /* the time can wait ... */
		CHECK_EQ(ext2_fsync(ip, false), 0);
		CHECK_EQ(writes_since(), 1); /* ... here it must not */
	}
	/* another size is no matter of times */
	CHECK_EQ(t_write(ip, 4, "more", 4), 0);
	CHECK_EQ(ext2_fsync(ip, true), 0);
	CHECK(host_says("file", "Size: 8"));
	ext2_iput(ip);
	ext2_iput(root);
	finish();
}

/* -- Failures ----------------------------------------------------------------------------------------- */

/* Errors come back to the caller; when they are over, nothing is lost. */
static void
run_errors(bool writes_only)
{
	uint8_t *image;
	u_int failed = 0;
	long io;

	make_image("-t ext2 -b 1024", "2M");
	image = malloc(env.size);
	memcpy(image, env.image, env.size);
	for (long n = 1;; n++) {
		memcpy(env.image, image, env.size);
		fs = NULL;
		env.fail_io = n;
		env.fail_writes_only = writes_only;
		t_exercise(disk);
		io = env.fail_io;
		env.fail_io = 0;
		env_check();
		if (io > 0)
			break; /* no request was the nth */
		failed++;
		if (n % 8 == 0)
			CHECK(fsck("-fy") < 4);
	}
	CHECK(failed > 50);
	free(image);
	done();
}

TEST(ext2_io_errors)
{
	make_dir();
	run_errors(false);
	run_errors(true);
}

/* => nothing that was read before is in memory, but for what is dirty */
static void
forget_blocks(void)
{
	struct mblk *mb;

	/* the cache keeps those used last, whatever they are */
	for (u_int i = 0; i < MC_MIN; i++) {
		CHECK_EQ(mc_get(fs->fs_mc, fs->fs_group[0].g_itable + 20 + i,
			     MC_READ, &mb),
		    0);
		mc_put(mb);
	}
	(void)mc_shrink_all();
}

/* => the nth request fails, those of before are not in memory */
static void
fail_nth(long n)
{
	forget_blocks();
	env.fail_writes_only = false;
	env.fail_io = n;
}

/* => a file with holes, of one, two and three levels */
static struct ext2_inode *
create_deep(struct ext2_inode *root, const char *name)
{
	struct ext2_inode *ip = create(root, name, S_IFREG | 0644);
	static char data[40000];

	memset(data, 'x', sizeof(data));
	CHECK_EQ(t_write(ip, 0, data, sizeof(data)), 0);
	for (u_int i = 1; i < 4; i++)
		CHECK_EQ(t_write(ip, i * 23000000UL, data, sizeof(data)), 0);
	CHECK_EQ(ext2_sync(fs), 0);
	return ip;
}

/*
 * Blocks of pointers that cannot be read when a file is cut, each in turn: what
 * they lead to is not lost, and does not come back.
 */
static bool
cut_unreadable(struct ext2_inode *root, long nth, uint64_t size)
{
	struct ext2_inode *ip = create_deep(root, "file");
	static char buf[100000];
	bool failed;
	size_t n;

	fail_nth(nth);
	failed = ext2_truncate(ip, size) != 0;
	CHECK_EQ(failed, env.fail_io == 0);
	CHECK_EQ(ip->i_size, size);
	if (failed && nth % 2 == 0) { /* and once more: not on disk then */
		fail_nth(1);
		CHECK_EQ(ext2_fsync(ip, false), EIO);
	}
	env.fail_io = 0;
	if (nth % 3 != 0) {
		CHECK_EQ(ext2_fsync(ip, false), 0);
		CHECK(!ip->i_cut);
	}
	CHECK_EQ(ext2_cut_again(ip), 0);
	CHECK_EQ(t_truncate(ip, size + 90000), 0);
	CHECK_EQ(t_read(ip, size, buf, sizeof(buf), &n), 0);
	CHECK_EQ(n, 90000);
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(buf[i], 0);
	CHECK_EQ(ext2_remove(root, "file", 4, ip), 0);
	ext2_iput(ip);
	return failed;
}

TEST(ext2_cut_unreadable)
{
	static const uint64_t sizes[] = { 0, 5000, 30000, 23000000, 46010000 };
	struct ext2_inode *root;
	u_int failed = 0;

	make_dir();
	for (u_int i = 0; i < nitems(sizes); i++) {
		for (long n = 1;; n++) {
			bool more;

			begin("-t ext2 -b 1024", "4M");
			root = get_node(0);
			more = cut_unreadable(root, n, sizes[i]);
			ext2_iput(root);
			finish();
			if (!more)
				break;
			failed++;
		}
	}
	CHECK(failed > 20);
}

/*
 * The same when a file without a name goes: by the sync after it, the one of
 * the end, or not at all, and then the disk is not said to be clean.
 */
static bool
free_unreadable(long nth, int how)
{
	struct ext2_inode *root, *ip;
	bool failed;

	begin("-t ext2 -b 1024", "4M");
	root = get_node(0);
	ip = create_deep(root, "file");
	CHECK_EQ(ext2_remove(root, "file", 4, ip), 0);
	fail_nth(nth);
	ext2_iput(ip);
	failed = env.fail_io == 0;
	env.fail_io = 0;
	CHECK_EQ(ext2_unfreed(fs), true); /* or freed, not written */
	if (how == 0) {
		CHECK_EQ(ext2_sync(fs), 0);
		CHECK_EQ(ext2_sync(fs), 0);
		CHECK_EQ(ext2_unfreed(fs), false);
	}
	ext2_iput(root);
	if (how < 2 || !failed) {
		finish();
		return failed;
	}
	close_all();
	fail_nth(-1);
	CHECK_EQ(ext2_unmount(fs, true), EIO);
	env.fail_io = 0;
	CHECK_EQ(fsck("-fy"), 1);
	check_clean();
	fs = mount();
	finish();
	return failed;
}

TEST(ext2_free_unreadable)
{
	u_int failed = 0;

	make_dir();
	for (int how = 0; how < 3; how++)
		for (long n = 1; free_unreadable(n, how); n++)
			failed++;
	CHECK(failed > 15);
}

/* And bitmaps that cannot be read when all that is to become free. */
static bool
release_unreadable(long nth)
{
	struct ext2_inode *root, *ip, *dp;
	bool failed;

	begin("-t ext2 -b 1024", "4M");
	root = get_node(0);
	ip = create_deep(root, "file");
	dp = create(root, "dir", S_IFDIR | 0755);
	CHECK_EQ(ext2_sync(fs), 0);
	CHECK_EQ(ext2_remove(root, "file", 4, ip), 0);
	CHECK_EQ(ext2_remove(root, "dir", 3, dp), 0);
	ext2_iput(ip);
	ext2_iput(dp);
	fail_nth(nth);
	failed = ext2_sync(fs) != 0;
	CHECK_EQ(failed, env.fail_io == 0);
	env.fail_io = 0;
	ext2_iput(root);
	finish();
	return failed;
}

TEST(ext2_release_unreadable)
{
	long n = 1;

	make_dir();
	while (release_unreadable(n))
		n++;
	CHECK(n > 6);
}

/* A failed sync is done by the next one. */
TEST(ext2_sync_again)
{
	u_int failed = 0;

	make_dir();
	maxfile = 100000;
	begin("-t ext2 -b 1024", "4M");
	for (u_int i = 0; i < 60; i++) {
		for (u_int k = 0; k < 8; k++)
			CHECK_EQ(random_op(), 0);
		env.fail_writes_only = true;
		env.fail_io = 1 + (long)test_below(20);
		failed += ext2_sync(fs) != 0;
		env.fail_io = 0;
		if (i % 10 == 0) {
			CHECK_EQ(ext2_sync(fs), 0);
			check_model();
		}
	}
	CHECK(failed > 10);
	check_model();
	finish();
}

/* Without memory for blocks of the cache it goes on with those it has. */
TEST(ext2_no_memory)
{
	make_dir();
	maxfile = 100000;
	begin("-t ext2 -b 1024", "4M");
	env.fail_alloc = -1;
	for (u_int i = 0; i < 300; i++) {
		CHECK_EQ(random_op(), 0);
		if (i % 50 == 0)
			(void)mc_shrink_all();
	}
	check_model();
	env.fail_alloc = 0;
	CHECK_EQ(ext2_sync(fs), 0);
	CHECK(mc_shrink_all() > 0);
	CHECK_EQ(fs->fs_mc->mc_total, MC_MIN);
	check_model();
	finish();
}

/* -- Damage --------------------------------------------------------------------------------------------- */

static uint64_t
mutate(uint8_t *image, uint64_t size)
{
	static const uint32_t values[] = { 0, 1, 2, 11, 12, 0xff, 0x7fffffff,
		0x80000000, 0xffffffff, 0xffff };
	u_int n = 1 + (u_int)test_below(6);
	uint64_t at = 0;

	for (u_int i = 0; i < n; i++) {
		/* mostly where the metadata is */
		at = test_below(3) ? test_below(120 * 1024)
				   : test_below(size - 4);
		if (test_below(4) == 0)
			at = 1024 + test_below(2048);
		at &= ~3UL;
		if (test_below(2))
			image[at + test_below(4)] ^= 1U << test_below(8);
		else
			*(uint32_t *)(image + at) = test_below(4)
			    ? values[test_below(nitems(values))]
			    : (uint32_t)test_below(2000);
	}
	return at;
}

TEST(ext2_damaged_images)
{
	uint8_t *image;
	char opt[100];

	make_dir();
	CHECK_EQ(sh("mkdir -p %s/tree/d/e && cd %s/tree && seq 20000 >big &&"
		    " seq 100 >d/small && ln -s d/small link && ln big d/hard"
		    " && ln -s %0100d slow && for i in $(seq 60);"
		    " do echo $i >d/e/name$i; done",
		     dir, dir, 7),
	    0);
	snprintf(opt, sizeof(opt), "-t ext2 -b 1024 -N 128 -d %s/tree", dir);
	make_image(opt, "600k");
	image = malloc(env.size);
	memcpy(image, env.image, env.size);
	for (u_int i = 0; i < 10000; i++) {
		memcpy(env.image, image, env.size);
		(void)mutate(env.image, env.size);
		t_exercise(disk);
		env_check();
	}
	free(image);
	done();
}

/* -- The cache alone ------------------------------------------------------------------------------------- */

static struct mcache *mc;

static void
begin_cache(uint32_t max)
{
	static uint8_t image[1 << 20];

	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i >> 10);
	disk = env_disk(image, sizeof(image));
	mc = mc_create(disk, 1024, max);
}

static void
put_dirty(uint64_t blkno, uint64_t owner, uint32_t class)
{
	struct mblk *mb;

	mc_reserve(mc, 1);
	CHECK_EQ(mc_get(mc, blkno, MC_FRESH, &mb), 0);
	memset(mb->mb_data, 0xd0, 1024);
	mc_dirty(mb, owner, class);
	mc_put(mb);
	mc_unreserve(mc, 1);
}

static void
end_cache(void)
{
	mc_destroy(mc);
	done();
}

TEST(mcache_reads_once)
{
	struct mblk *mb;

	begin_cache(64);
	for (u_int i = 0; i < 50; i++) {
		CHECK_EQ(mc_get(mc, 7 + i % 5, MC_READ, &mb), 0);
		CHECK_EQ(*(uint8_t *)mb->mb_data, 7 + i % 5);
		mc_put(mb);
	}
	CHECK_EQ(env.reads, 5);
	mc_forget(mc, 7);
	CHECK_EQ(mc_get(mc, 7, MC_READ, &mb), 0);
	mc_put(mb);
	CHECK_EQ(env.reads, 6);
	/* a block there is none of */
	CHECK_EQ(mc_get(mc, 5000, MC_READ, &mb), EINVAL);
	env.fail_io = 1;
	CHECK_EQ(mc_get(mc, 8, MC_READ, &mb), 0); /* cached */
	mc_put(mb);
	CHECK_EQ(mc_get(mc, 99, MC_READ, &mb), EIO);
	CHECK_EQ(mc_get(mc, 99, MC_READ, &mb), 0);
	mc_put(mb);
	end_cache();
}

TEST(mcache_writes_in_order)
{
	uint32_t n = 0;

	begin_cache(64);
	for (u_int i = 0; i < 200; i++)
		put_dirty(i * 37 % 200, 1 + i % 2, MC_CLASS(i % 3));
	env_record();
	CHECK_EQ(mc_flush(mc, 2, MC_CLASS(1), &n), 0);
	CHECK_EQ(n, env.nlog);
	CHECK(n > 25 && n < 40);
	CHECK_EQ(mc_flush(mc, 0, MC_CLASS(0) | MC_CLASS(2), &n), 0);
	CHECK_EQ(mc_flush(mc, 0, MC_CLASS(1), &n), 0);
	CHECK_EQ(n, 200);
	CHECK_EQ(mc->mc_ndirty, 0);
	for (size_t i = 1, back = 0; i < env.nlog; i++) {
		back += env.log[i].off < env.log[i - 1].off;
		CHECK(back <= 2); /* once for each flush */
	}
	/* of two classes: only with both */
	put_dirty(300, 1, MC_CLASS(1));
	put_dirty(300, 1, MC_CLASS(2));
	n = 0;
	CHECK_EQ(mc_flush(mc, 0, MC_CLASS(2), &n), 0);
	CHECK_EQ(n, 0);
	CHECK_EQ(mc_classes(mc, 300), MC_CLASS(1) | MC_CLASS(2));
	CHECK_EQ(mc_flush(mc, 0, MC_CLASS(2) | MC_CLASS(1), &n), 0);
	CHECK_EQ(n, 1);
	end_cache();
}

TEST(mcache_keeps_what_failed)
{
	uint32_t n = 0;

	begin_cache(64);
	for (u_int i = 0; i < 100; i++)
		put_dirty(i, 1, MC_CLASS(0));
	env.fail_io = 50;
	CHECK_EQ(mc_flush(mc, 0, MC_CLASS(0), &n), EIO);
	CHECK_EQ(n, 99);
	CHECK_EQ(mc->mc_ndirty, 1);
	CHECK_EQ(env.image[49 * 1024], 49);
	CHECK_EQ(mc_flush(mc, 0, MC_CLASS(0), &n), 0);
	CHECK_EQ(n, 100);
	CHECK_EQ(env.image[49 * 1024], 0xd0);
	end_cache();
}

TEST(mcache_is_bounded)
{
	struct mblk *mb;

	begin_cache(100);
	for (u_int i = 0; i < 1000; i++) {
		CHECK_EQ(mc_get(mc, i, MC_READ, &mb), 0);
		CHECK_EQ(*(uint8_t *)mb->mb_data, (uint8_t)i);
		mc_put(mb);
		CHECK(mc->mc_total <= 100);
	}
	CHECK_EQ(mc_shrink_all(), (100 - MC_MIN) / 4);
	/* dirty ones are more than that, if they must, but then it is said */
	for (u_int i = 0; i < 300; i++)
		put_dirty(i, 1, MC_CLASS(0));
	CHECK(mc_crowded(mc));
	CHECK(mc->mc_total >= 300 + MC_MIN);
	(void)mc_shrink_all();
	CHECK_EQ(mc->mc_total, 300 + MC_MIN);
	/* no memory at all: what is clean goes round */
	env.fail_alloc = -1;
	for (u_int i = 400; i < 600; i++) {
		CHECK_EQ(mc_get(mc, i, MC_READ, &mb), 0);
		mc_put(mb);
	}
	env.fail_alloc = 0;
	CHECK_EQ(mc_flush(mc, 0, MC_CLASS(0), NULL), 0);
	(void)mc_shrink_all();
	CHECK_EQ(mc->mc_total, MC_MIN);
	end_cache();
}
