/*
 * Descriptors, names and pipes: what user programs cannot see of them, and
 * what is left when memory runs out in the middle.  The harness counts pool
 * items and pages, so a path that forgets something fails its test.
 */
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/ktest.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vnode.h>

/* Somebody with a table of descriptors, who never runs. */
struct actor {
	struct proc ac_proc; /* [thread] */
	struct process *ac_process; /* [thread] */
};

static struct actor *
actor_make(void)
{
	struct actor *ac = kmem_zalloc(sizeof(*ac), PR_WAITOK);

	ac->ac_process = process_alloc(&process0);
	ac->ac_process->ps_fd = fd_create();
	ac->ac_process->ps_nthreads = 1;
	ac->ac_proc.p_p = ac->ac_process;
	return ac;
}

static void
actor_free(struct actor *ac)
{
	fd_free(ac->ac_process->ps_fd);
	process_rele(ac->ac_process);
	kmem_free(ac, sizeof(*ac));
}

/* -- Calls, as programs make them but for the copying -------------------------------- */

static int
name_of(struct proc *p, const char *path, int how, struct nameidata *nd)
{
	return namei(p, AT_FDCWD, path, UIO_SYSSPACE, how, nd);
}

static int
do_create(struct proc *p, const char *path, mode_t mode, const char *target)
{
	const struct vattr va = { .va_mode = mode };
	struct nameidata nd;
	struct vnode *vp;
	int error = name_of(p, path, NAMEI_PARENT, &nd);

	if (error)
		return error;
	error = nd.ni_vp != NULL ? EEXIST
				 : nd.ni_dvp->v_op->vop_create(nd.ni_dvp,
				       nd.ni_name, nd.ni_len, &va, target, &vp);
	if (error == 0)
		vrele(vp);
	namei_done(&nd);
	return error;
}

static int
do_remove(struct proc *p, const char *path, bool dir)
{
	struct nameidata nd;
	int error = name_of(p, path, NAMEI_PARENT, &nd);

	if (error)
		return error;
	error =
	    nd.ni_dvp->v_op->vop_remove(nd.ni_dvp, nd.ni_name, nd.ni_len, dir);
	namei_done(&nd);
	return error;
}

static int
do_rename(struct proc *p, const char *from, const char *to, int flags)
{
	struct nameidata a, b;
	int error = name_of(p, from, NAMEI_PARENT, &a);

	if (error)
		return error;
	error = name_of(p, to, NAMEI_PARENT, &b);
	if (error == 0) {
		error = a.ni_dvp->v_op->vop_rename(a.ni_dvp, a.ni_name,
		    a.ni_len, b.ni_dvp, b.ni_name, b.ni_len, flags);
		namei_done(&b);
	}
	namei_done(&a);
	return error;
}

static int
do_open(struct proc *p, const char *path, int flags, int *fdp)
{
	struct nameidata nd;
	struct file *fp;
	int error = fd_reserve(p, 0, false, fdp);

	if (error)
		return error;
	error = name_of(p, path, NAMEI_FOLLOW, &nd);
	if (error == 0) {
		vref(nd.ni_vp);
		error = vn_open(p, nd.ni_vp, flags, &fp);
		if (error)
			vrele(nd.ni_vp);
		namei_done(&nd);
	}
	if (error)
		fd_unreserve(p, *fdp);
	else
		fd_fill(p, *fdp, fp);
	return error;
}

static int
do_pipe(struct proc *p, int fd[2])
{
	struct file *r, *w;
	int error = pipe_create(&r, &w, O_NONBLOCK);

	if (error)
		return error;
	error = fd_install(p, r, 0, false, &fd[0]);
	if (error) {
		file_rele(r);
		file_rele(w);
		return error;
	}
	error = fd_install(p, w, 0, false, &fd[1]);
	if (error) {
		file_rele(w);
		fd_discard(p, fd[0]);
	}
	return error;
}

/* -- Tables ---------------------------------------------------------------------------- */

/* A descriptor that is being opened is neither free nor there. */
KTEST(file_reserve)
{
	struct actor *ac = actor_make();
	struct proc *p = &ac->ac_proc;
	uint64_t close_all[6] = { 0, ~0U, 0 };
	int fd[2], a, b, c;
	struct filedesc *copy;
	int64_t ret = 0;
	struct file *fp;

	KT_EQ(do_pipe(p, fd), 0);
	KT_EQ(fd[1], 1);
	KT_EQ(fd_reserve(p, 0, true, &a), 0);
	KT_EQ(a, 2);
	KT_CHECK(fd_getfile(p, a) == NULL);
	KT_CHECK(fd_remove(p, a) == NULL);
	KT_EQ(sys_close(p, (uint64_t[6]){ 2 }, &ret), EBADF);
	KT_EQ(sys_dup3(p, (uint64_t[6]){ 0, 2, 0 }, &ret), EBUSY);
	KT_EQ(fd_reserve(p, 0, false, &b), 0);
	KT_EQ(b, 3);
	/* a copy of the table has no use for it */
	copy = fd_copy(ac->ac_process->ps_fd);
	KT_REQUIRE(copy != NULL);
	fd_free(ac->ac_process->ps_fd);
	ac->ac_process->ps_fd = copy;
	KT_EQ(fd_reserve(p, 0, false, &c), 0);
	KT_EQ(c, 2);
	fp = fd_getfile(p, 0);
	KT_REQUIRE(fp != NULL);
	fd_fill(p, c, fp);
	KT_CHECK(fd_getfile(p, c) == fp);
	file_rele(fp);
	KT_EQ(sys_close_range(p, close_all, &ret), 0);
	KT_EQ(fd_reserve(p, 0, false, &c), 0);
	KT_EQ(c, 0);
	fd_unreserve(p, c);
	actor_free(ac);
}

/* A process that shares nothing looks its files up without counting them. */
KTEST(file_hold)
{
	struct actor *ac = actor_make();
	struct proc *p = &ac->ac_proc;
	bool counted = true;
	struct file *fp;
	int fd[2];

	KT_EQ(do_pipe(p, fd), 0);
	fp = fd_hold(p, fd[0], &counted);
	KT_REQUIRE(fp != NULL);
	KT_CHECK(!counted);
	KT_EQ(refcnt_read(&fp->f_refs), 1);
	fd_drop(fp, counted);
	(void)fd_share(ac->ac_process->ps_fd);
	fp = fd_hold(p, fd[0], &counted);
	KT_REQUIRE(fp != NULL);
	KT_CHECK(counted);
	KT_EQ(refcnt_read(&fp->f_refs), 2);
	fd_drop(fp, counted);
	fd_free(ac->ac_process->ps_fd);
	ac->ac_process->ps_nthreads = 2;
	fp = fd_hold(p, fd[0], &counted);
	KT_CHECK(fp != NULL && counted);
	fd_drop(fp, counted);
	ac->ac_process->ps_nthreads = 1;
	KT_CHECK(fd_hold(p, 2, &counted) == NULL);
	KT_CHECK(fd_hold(p, -1, &counted) == NULL);
	actor_free(ac);
}

struct table_hammer {
	struct actor *th_actor; /* [I] */
	uint64_t th_seed; /* [thread] */
	int th_ops; /* [I] tree_hammer */
};

static void
table_hammer(void *arg)
{
	struct table_hammer *th = arg;
	struct proc *p = &th->th_actor->ac_proc;
	struct filedesc *copy;
	int64_t ret = 0;
	struct file *fp;
	int fd[2];

	for (int i = 0; i < 2000; i++) {
		uint64_t r = kt_random_r(&th->th_seed);
		uint64_t n = r >> 8 & 31;

		switch (r % 6) {
		case 0:
			(void)do_pipe(p, fd);
			break;
		case 1:
			(void)sys_close(p, (uint64_t[6]){ n }, &ret);
			break;
		case 2:
			(void)sys_dup3(
			    p, (uint64_t[6]){ n, r >> 16 & 31, 0 }, &ret);
			break;
		case 3:
			(void)sys_close_range(
			    p, (uint64_t[6]){ n, n + 3, 0 }, &ret);
			break;
		case 4:
			fp = fd_getfile(p, (int)n);
			if (fp != NULL)
				file_rele(fp);
			break;
		default:
			copy = fd_copy(th->th_actor->ac_process->ps_fd);
			if (copy != NULL)
				fd_free(copy);
		}
	}
}

/* Threads on one table: nothing is lost, nothing is closed twice. */
KTEST(file_table_hammer)
{
	struct table_hammer th[4];
	struct actor *ac = actor_make();

	ac->ac_process->ps_nthreads = 4;
	for (int i = 0; i < 4; i++)
		th[i] = (struct table_hammer){ ac, kt_random(), 0 };
	kt_parallel(4, table_hammer, th, sizeof(th[0]));
	actor_free(ac);
	KT_EQ(fd_open_files(), 0);
}

/* -- Names ------------------------------------------------------------------------------- */

static void
tree_hammer(void *arg)
{
	static const char *const place[] = { "/kt/a", "/kt/b", "/kt/a/1",
		"/kt/b/1", "/kt/a/1/x", "/kt/b/1/x", "/kt/a/2", "/kt/b/2" };
	struct table_hammer *th = arg;
	struct proc *p = &th->th_actor->ac_proc;
	int fd;

	for (int i = 0; i < th->th_ops; i++) {
		uint64_t r = kt_random_r(&th->th_seed);
		const char *a = place[r >> 8 & 7], *b = place[r >> 16 & 7];

		switch (r % 8) {
		case 0:
		case 1:
			(void)do_create(p, a, S_IFDIR | 0755, NULL);
			break;
		case 2:
			(void)do_create(p, a, S_IFREG | 0644, NULL);
			break;
		case 3:
			(void)do_remove(p, a, r >> 24 & 1);
			break;
		case 4:
			(void)do_rename(p, a, b, RENAME_EXCHANGE);
			break;
		case 5:
			if (do_open(p, a, O_RDONLY, &fd) == 0)
				fd_discard(p, fd);
			break;
		default:
			(void)do_rename(p, a, b, 0);
		}
	}
}

/* The name of one entry of a directory; belongs to the thread. */
struct first_entry {
	char fe_name[256]; /* [thread] empty: there is none */
	bool fe_dir; /* [thread] */
};

static bool
emit_first(void *arg, const char *name, size_t len, ino_t ino, enum vtype type,
    off_t next)
{
	struct first_entry *fe = arg;

	if (name[0] == '.')
		return true;
	memcpy(fe->fe_name, name, len);
	fe->fe_name[len] = '\0';
	fe->fe_dir = type == VDIR;
	return false;
}

static bool
first_entry(struct vnode *dvp, struct first_entry *fe)
{
	fe->fe_name[0] = '\0';
	KT_EQ(dvp->v_op->vop_readdir(dvp, 0, emit_first, fe), 0);
	return fe->fe_name[0] != '\0';
}

/* Everything in a directory moves to the top, to be removed there. */
static void
raise_children(struct vnode *top, struct vnode *dvp)
{
	static int number; /* [one test at a time] */
	struct first_entry fe;
	char name[16];

	while (first_entry(dvp, &fe)) {
		snprintf(name, sizeof(name), "u%d", ++number);
		KT_EQ(top->v_op->vop_rename(dvp, fe.fe_name, strlen(fe.fe_name),
			  top, name, strlen(name), 0),
		    0);
	}
}

static void
remove_tree(struct proc *p, const char *path)
{
	struct first_entry fe;
	struct nameidata nd;
	struct vnode *top, *vp;
	size_t len;

	KT_EQ(name_of(p, path, 0, &nd), 0);
	top = nd.ni_vp;
	while (first_entry(top, &fe)) {
		len = strlen(fe.fe_name);
		if (fe.fe_dir) {
			KT_EQ(top->v_op->vop_lookup(top, fe.fe_name, len, &vp),
			    0);
			raise_children(top, vp);
			vrele(vp);
		}
		KT_EQ(
		    top->v_op->vop_remove(top, fe.fe_name, len, fe.fe_dir), 0);
	}
	namei_done(&nd);
}

/*
 * Directories made, moved into each other, exchanged and removed by four
 * threads: no deadlock, and a whole tree in the end.
 */
KTEST(file_tree_hammer)
{
	struct table_hammer th[4];
	struct actor *ac = actor_make();

	KT_EQ(do_create(&ac->ac_proc, "/kt", S_IFDIR | 0755, NULL), 0);
	ac->ac_process->ps_nthreads = 4;
	for (int i = 0; i < 4; i++)
		th[i] = (struct table_hammer){ ac, kt_random(), 1500 };
	kt_parallel(4, tree_hammer, th, sizeof(th[0]));
	remove_tree(&ac->ac_proc, "/kt");
	KT_EQ(do_remove(&ac->ac_proc, "/kt", true), 0);
	actor_free(ac);
}

/* => what the file system says, without the name cache, in a mount of its own */
static int
true_lookup(struct vnode *root, const char *path, struct vnode **vpp)
{
	struct vnode *dvp = root, *vp = NULL;
	const char *end;
	int error = 0;

	vref(dvp);
	while (error == 0 && *path == '/') {
		end = strchr(++path, '/');
		if (end == NULL)
			end = path + strlen(path);
		error = dvp->v_type != VDIR ? ENOTDIR
					    : dvp->v_op->vop_lookup(dvp, path,
						  (size_t)(end - path), &vp);
		vrele(dvp);
		dvp = vp;
		path = end;
	}
	*vpp = vp;
	return error;
}

/* => nothing moves: names lead where the file system says */
static void
check_cached(struct proc *p, struct vnode *root, const char *path)
{
	struct nameidata nd;
	struct vnode *vp;
	int cached = name_of(p, path, 0, &nd);
	int error = true_lookup(root, path + strlen("/kt"), &vp);

	KT_EQ(cached, error);
	if (cached == 0) {
		KT_CHECK(error == 0 && nd.ni_vp == vp);
		namei_done(&nd);
	}
	if (error == 0)
		vrele(vp);
}

/*
 * The same in a file system whose names are cached: what the cache says
 * afterwards is so, it keeps no mount busy, and nothing is left of it.
 */
KTEST(file_namecache_hammer)
{
	static const char *const path[] = { "/kt/a", "/kt/b", "/kt/a/1",
		"/kt/b/1", "/kt/a/1/x", "/kt/b/1/x", "/kt/a/2", "/kt/b/2" };
	struct table_hammer th[4];
	struct actor *ac = actor_make();
	struct proc *p = &ac->ac_proc;
	struct nameidata nd;
	struct vnode *root, *vp;
	struct mount *mp;
	long before = cache_count();

	KT_EQ(do_create(p, "/kt", S_IFDIR | 0755, NULL), 0);
	KT_EQ(name_of(p, "/kt", 0, &nd), 0);
	KT_EQ(mount_on("tmpfs", NULL, "kt", nd.ni_vp, 0, "namecache"), 0);
	mp = nd.ni_vp->v_covered;
	namei_done(&nd);
	KT_REQUIRE(mp != NULL);
	root = mp->mnt_root;
	ac->ac_process->ps_nthreads = 4;
	for (int round = 0; round < 60; round++) {
		for (int i = 0; i < 4; i++)
			th[i] = (struct table_hammer){ ac, kt_random(), 60 };
		kt_parallel(4, tree_hammer, th, sizeof(th[0]));
		for (size_t i = 0; i < nitems(path); i++)
			check_cached(p, root, path[i]);
	}
	KT_CHECK(cache_count() > before);
	KT_EQ(name_of(p, "/kt/.", 0, &nd), 0);
	KT_EQ(mount_remove(mp), EBUSY);
	/* whoever looks names up keeps it busy, and who uses a file of it */
	vp = nd.ni_vp;
	vref(vp);
	namei_done(&nd);
	KT_EQ(mount_remove(mp), EBUSY);
	vrele(vp);
	KT_EQ(mount_remove(mp), 0);
	KT_EQ(cache_count(), before);
	KT_EQ(do_remove(p, "/kt", true), 0);
	actor_free(ac);
}

/* A link's target as long as a path can be makes no buffer overflow. */
KTEST(file_long_links)
{
	struct actor *ac = actor_make();
	struct proc *p = &ac->ac_proc;
	char *target = kmem_alloc(PATH_MAX, PR_WAITOK);
	struct nameidata nd;

	KT_EQ(do_create(p, "/kt", S_IFDIR | 0755, NULL), 0);
	for (size_t len = 80; len < PATH_MAX - 1; len = len * 3 / 2) {
		memset(target, '/', len);
		target[len] = '\0';
		KT_EQ(do_create(p, "/kt/l", S_IFLNK | 0777, target), 0);
		KT_EQ(name_of(p, "/kt/l/kt/../kt/.", 0, &nd), 0);
		namei_done(&nd);
		KT_EQ(do_remove(p, "/kt/l", false), 0);
	}
	memset(target, '/', PATH_MAX - 2);
	target[PATH_MAX - 2] = '\0';
	KT_EQ(do_create(p, "/kt/l", S_IFLNK | 0777, target), 0);
	KT_EQ(name_of(p, "/kt/l", NAMEI_FOLLOW, &nd), 0);
	namei_done(&nd);
	KT_EQ(name_of(p, "/kt/l/kt", 0, &nd), ENAMETOOLONG);
	KT_EQ(do_remove(p, "/kt/l", false), 0);
	KT_EQ(do_remove(p, "/kt", true), 0);
	kmem_free(target, PATH_MAX);
	actor_free(ac);
}

/* -- Memory that is not there ------------------------------------------------------------ */

#ifdef FAULT_INJECT

static int
do_link(struct proc *p, const char *from, const char *to)
{
	struct nameidata a, b;
	int error = name_of(p, from, 0, &a);

	if (error)
		return error;
	error = name_of(p, to, NAMEI_PARENT, &b);
	if (error == 0) {
		error = b.ni_dvp->v_op->vop_link(
		    b.ni_dvp, b.ni_name, b.ni_len, a.ni_vp);
		namei_done(&b);
	}
	namei_done(&a);
	return error;
}

static ssize_t
do_io(struct proc *p, int fd, void *buf, size_t n, enum uio_rw rw)
{
	struct iovec iov = { buf, n };
	struct uio uio = { &iov, 1, 0, n, UIO_SYSSPACE, rw, p, 0 };
	struct file *fp = fd_getfile(p, fd);
	int error;

	if (fp == NULL)
		return -EBADF;
	error = rw == UIO_READ ? fp->f_ops->fo_read(fp, &uio, 0)
			       : fp->f_ops->fo_write(fp, &uio, 0);
	file_rele(fp);
	return error ? -error : (ssize_t)(n - uio.uio_resid);
}

static bool
out_of_memory(int error)
{
	return error == ENOMEM || error == ENOSPC || error == ENFILE;
}

/*
 * Let the first allocation of fn fail, then the second, and so on, until one
 * run comes through without any.
 * => fn undoes what it did, whether it succeeds or not
 */
static void
with_failures(int (*fn)(struct proc *p), struct actor *ac, int at_least)
{
	int error, n = 0;
	bool failed;

	do {
		alloc_fail_at(++n, false);
		error = fn(&ac->ac_proc);
		failed = alloc_fail_left() == 0;
		alloc_fail_at(0, false);
		/* a page that is wanted again later may have failed, too */
		KT_CHECK(error == 0 || (failed && out_of_memory(error)));
	} while (failed && n < 200);
	KT_EQ(error, 0);
	KT_RANGE(n, at_least + 1, 199); /* it did allocate that often */
	/* and with none at all */
	alloc_fail_at(1, true);
	error = fn(&ac->ac_proc);
	alloc_fail_at(0, false);
	KT_CHECK(out_of_memory(error));
}

static int
names_once(struct proc *p)
{
	static const struct {
		mode_t mode;
		const char *target;
	} kind[] = { { S_IFREG | 0644, NULL }, { S_IFDIR | 0755, NULL },
		{ S_IFLNK | 0777, "somewhere" }, { S_IFIFO | 0644, NULL } };
	int error;

	for (size_t i = 0; i < nitems(kind); i++) {
		error = do_create(p, "/kt/new", kind[i].mode, kind[i].target);
		if (error) {
			/* nothing of it is there */
			KT_EQ(do_remove(p, "/kt/new", i == 1), ENOENT);
			return error;
		}
		KT_EQ(do_remove(p, "/kt/new", i == 1), 0);
	}
	error = do_link(p, "/kt/old", "/kt/new");
	if (error)
		return error;
	error = do_rename(p, "/kt/new", "/kt/newer", 0);
	KT_EQ(do_remove(p, error ? "/kt/new" : "/kt/newer", false), 0);
	return error;
}

static int
open_once(struct proc *p)
{
	int fd, error;
	char c = 'c';

	error = do_open(p, "/kt/old", O_RDWR | O_TRUNC, &fd);
	if (error)
		return error;
	KT_EQ(do_io(p, fd, &c, 1, UIO_WRITE), 1);
	fd_discard(p, fd);
	error = do_open(p, "/kt/fifo", O_RDWR | O_NONBLOCK, &fd);
	if (error)
		return error;
	fd_discard(p, fd);
	return 0;
}

static int
pipe_once(struct proc *p)
{
	int fd[2], error = do_pipe(p, fd);
	struct file *fp;
	int64_t size;
	char c = 'p';

	if (error)
		return error;
	KT_EQ(do_io(p, fd[1], &c, 1, UIO_WRITE), 1);
	fp = fd_getfile(p, fd[1]);
	error = pipe_fcntl(fp, F_SETPIPE_SZ, 1 << 20, &size);
	KT_EQ(size, error ? 65536 : 1 << 20);
	file_rele(fp);
	KT_EQ(do_io(p, fd[0], &c, 1, UIO_READ), 1);
	fd_discard(p, fd[0]);
	fd_discard(p, fd[1]);
	return error;
}

/* Full, its end in the page it begins in: one page more is needed. */
static int
pipe_full_once(struct proc *p)
{
	int fd[2], error = do_pipe(p, fd);
	static char buf[65536];
	struct file *fp;
	int64_t size;

	if (error)
		return error;
	KT_EQ(do_io(p, fd[1], buf, 65536, UIO_WRITE), 65536);
	KT_EQ(do_io(p, fd[0], buf, 1000, UIO_READ), 1000);
	KT_EQ(do_io(p, fd[1], buf, 1000, UIO_WRITE), 1000);
	fp = fd_getfile(p, fd[1]);
	error = pipe_fcntl(fp, F_SETPIPE_SZ, 1 << 18, &size);
	file_rele(fp);
	KT_EQ(do_io(p, fd[0], buf, 65536, UIO_READ), 65536);
	fd_discard(p, fd[0]);
	fd_discard(p, fd[1]);
	return error;
}

static int
table_once(struct proc *p)
{
	struct filedesc *copy, *old = p->p_p->ps_fd;
	int64_t ret = 0;
	int fd, error;

	error = fd_reserve(p, 900, false, &fd);
	if (error) {
		/* the number was not used up */
		KT_EQ(fd_reserve(p, 0, false, &fd), 0);
		KT_EQ(fd, 0);
		fd_unreserve(p, fd);
		return error;
	}
	KT_EQ(fd, 900);
	fd_unreserve(p, fd);
	copy = fd_copy(old);
	if (copy == NULL)
		return ENOMEM;
	/* and back to a small one, for the next time */
	p->p_p->ps_fd = copy;
	fd_free(old);
	KT_EQ(sys_close_range(p, (uint64_t[6]){ 0, ~0U, 0 }, &ret), 0);
	return 0;
}

static int
unshare_once(struct proc *p)
{
	struct filedesc *shared = fd_share(p->p_p->ps_fd);
	int64_t ret = 0;
	int error;

	error = sys_close_range(p, (uint64_t[6]){ 5, 9, 2 }, &ret);
	KT_CHECK((p->p_p->ps_fd == shared) == (error != 0));
	fd_free(shared);
	return error;
}

static int
poll_once(struct proc *p)
{
	const uint64_t nowhere = 1UL << 40; /* no program's address */
	uint64_t poll[6] = { nowhere, 100, 0, 0, 8 };
	uint64_t select[6] = { 100, nowhere, 0, 0, 0, 0 };
	int64_t ret = 0;
	int error;

	/* EFAULT is as far as a thread without user memory gets */
	error = sys_ppoll(p, poll, &ret);
	if (error != EFAULT)
		return error;
	error = sys_pselect6(p, select, &ret);
	return error == EFAULT ? 0 : error;
}

KTEST(file_no_memory)
{
	static const struct {
		int (*fn)(struct proc *p);
		int allocs;
	} what[] = { { names_once, 8 }, { open_once, 3 }, { pipe_once, 4 },
		{ pipe_full_once, 5 }, { table_once, 2 }, { unshare_once, 1 },
		{ poll_once, 2 } };
	struct actor *ac = actor_make();
	struct proc *p = &ac->ac_proc;

	KT_EQ(do_create(p, "/kt", S_IFDIR | 0755, NULL), 0);
	KT_EQ(do_create(p, "/kt/old", S_IFREG | 0644, NULL), 0);
	KT_EQ(do_create(p, "/kt/fifo", S_IFIFO | 0644, NULL), 0);
	for (size_t i = 0; i < nitems(what); i++) {
		long items;

		with_failures(what[i].fn, ac, what[i].allocs);
		items = pool_inuse_all();
		with_failures(what[i].fn, ac, what[i].allocs);
		if (pool_inuse_all() != items)
			kt_fail(__FILE__, __LINE__, "call %zu leaks %ld items",
			    i, pool_inuse_all() - items);
	}
	KT_EQ(fd_open_files(), 0);
	KT_EQ(do_remove(p, "/kt/fifo", false), 0);
	KT_EQ(do_remove(p, "/kt/old", false), 0);
	KT_EQ(do_remove(p, "/kt", true), 0);
	actor_free(ac);
}

#endif
