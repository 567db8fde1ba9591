/*
 * The table of mounts: sys/mount.h has the rules.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/mcache.h>
#include <sys/mount.h>
#include <sys/mutant.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/syscall.h>
#include <sys/timeout.h>
#include <uvm/uvm_vnode.h>

#define MOUNT_DEVS  256 /* st_dev of file systems without a device */
#define DETACH_POLL 100000000UL /* ns between looks at detached mounts */

struct rwlock mount_ctl_lock = RWLOCK_INITIALIZER(LR_MOUNTCTL, "mount ctl");
static struct rwlock mount_lock = RWLOCK_INITIALIZER(LR_MOUNT, "mount");
struct mountlist mountlist = TAILQ_HEAD_INITIALIZER(mountlist);
struct mount *rootmount;
static int ndetached; /* [mount_ctl_lock] */
static volatile int vfs_thread_work; /* [a] also what the thread sleeps on */

/* -- Changing what is mounted ------------------------------------------------------ */

int
mount_write_get(struct mount *mp)
{
	int n;

	if (__predict_false(mp == NULL))
		return 0;
	n = atomic_load(&mp->mnt_writers);
	do
		if (n < 0)
			return EROFS;
	while (!atomic_cas(&mp->mnt_writers, &n, n + 1));
	return 0;
}

void
mount_write_put(struct mount *mp)
{
	if (mp != NULL)
		(void)atomic_sub_acq_rel(&mp->mnt_writers, 1);
}

/* -- From one mount to another ------------------------------------------------------- */

/* => mount_lock held, or mp is where the walker is counted already */
static void
walk_to(struct mount *mp, struct mount **walk)
{
	if (walk == NULL || *walk == mp)
		return;
	if (mp != NULL)
		(void)atomic_add(&mp->mnt_walkers, 1);
	if (*walk != NULL)
		(void)atomic_sub_acq_rel(&(*walk)->mnt_walkers, 1);
	*walk = mp;
}

/* The root is never unmounted: nobody counts there. */
static struct mount *
counted(const struct vnode *vp)
{
	return vp->v_mount != rootmount ? vp->v_mount : NULL;
}

void
mount_walk_slow(struct vnode *vp, struct mount **walk)
{
	struct mount *mp = vp != NULL ? counted(vp) : NULL;

	if (*walk == mp)
		return;
	if (mp == NULL) {
		walk_to(NULL, walk);
		return;
	}
	/* not while somebody looks whether the mount is busy */
	rw_enter_read(&mount_lock);
	walk_to(mp, walk);
	rw_exit(&mount_lock);
}

/* The mount has a reference of its own to what is left behind: no last one. */
static void
step_to(struct vnode **vpp, struct vnode *to)
{
	vref(to);
	vrele(*vpp);
	*vpp = to;
}

bool
mount_cross_slow(struct vnode **vpp, struct mount **walk)
{
	struct mount *mp;
	bool crossed = false;

	rw_enter_read(&mount_lock);
	while ((mp = (*vpp)->v_covered) != NULL) {
		(void)atomic_add(&mp->mnt_crossed, 1);
		step_to(vpp, mp->mnt_root);
		walk_to(counted(*vpp), walk);
		crossed = true;
	}
	rw_exit(&mount_lock);
	return crossed;
}

bool
mount_up(struct vnode **vpp, struct mount **walk)
{
	struct mount *mp = (*vpp)->v_mount;

	if (mp->mnt_root != *vpp)
		return true;
	if (mp == rootmount)
		return false;
	rw_enter_read(&mount_lock);
	while (mp->mnt_root == *vpp && mp->mnt_covered != NULL) {
		step_to(vpp, mp->mnt_covered);
		walk_to(counted(*vpp), walk);
		mp = (*vpp)->v_mount;
	}
	rw_exit(&mount_lock);
	return mp->mnt_root != *vpp;
}

/* -- Mounting ---------------------------------------------------------------------------- */

/* => mount_ctl_lock write-held; a number no other mount has, 0: all taken */
static dev_t
free_dev(void)
{
	struct mount *mp;

	for (dev_t dev = makedev(0, 1); dev < makedev(0, MOUNT_DEVS); dev++) {
		TAILQ_FOREACH (mp, &mountlist, mnt_link)
			if (mp->mnt_dev == dev)
				break;
		if (mp == NULL)
			return dev;
	}
	return 0;
}

static int
open_device(struct mount *mp, struct bdev *bd, uint32_t flags)
{
	bool writing = (flags & MNT_RDONLY) == 0;
	int error;

	if (bd == NULL)
		return ENOTBLK;
	error = bdev_open(bd, writing, true);
	if (error)
		return error == EROFS ? EACCES : error;
	mp->mnt_bdev = bd;
	mp->mnt_dev = bd->bd_dev;
	return 0;
}

/* => no vnode of it is left */
static void
mount_free(struct mount *mp)
{
	if (mp->mnt_bdev != NULL)
		bdev_close(mp->mnt_bdev, true);
	kmem_free(mp, sizeof(*mp));
}

/*
 * => mount_ctl_lock write-held; a mount with its root, on no directory yet
 */
static int
mount_make(const struct vfsops *vfs, struct bdev *bd, const char *from,
    uint32_t flags, const char *options, struct mount **mpp)
{
	struct mount *mp = kmem_zalloc(sizeof(*mp), PR_WAITOK);
	int error = 0;

	mp->mnt_op = vfs;
	mp->mnt_flag = flags & MNT_USERFLAGS;
	strlcpy(mp->mnt_from, from, sizeof(mp->mnt_from));
	if (vfs->vfs_flags & VFS_DISK)
		error = open_device(mp, bd, flags);
	else if ((mp->mnt_dev = free_dev()) == 0)
		error = EMFILE;
	if (error == 0)
		error = vfs->vfs_mount(mp, options);
	if (error) {
		mount_free(mp);
		return error;
	}
	if (mount_rdonly(mp))
		mp->mnt_writers = -1;
	*mpp = mp;
	return 0;
}

/*
 * => mount_ctl_lock write-held; dir gets covered by mp, and a reference
 * => ENOENT: it has been removed, EBUSY: it is covered
 */
static int
cover(struct vnode *dir, struct mount *mp)
{
	struct vattr va;
	int error = dir->v_op->vop_getattr(dir, &va);

	if (error)
		return error;
	rw_enter_write(&mount_lock);
	rw_enter_write(&dir->v_lock);
	if (dir->v_covered != NULL)
		error = EBUSY;
	else {
		vref(dir);
		dir->v_covered = mp;
		mp->mnt_covered = dir;
	}
	rw_exit(&dir->v_lock);
	rw_exit(&mount_lock);
	return error;
}

/* => mount_lock write-held; the reference to the directory is the caller's */
static struct vnode *
uncover(struct mount *mp)
{
	struct vnode *dir = mp->mnt_covered;

	if (dir == NULL)
		return NULL;
	rw_enter_write(&dir->v_lock);
	dir->v_covered = NULL;
	rw_exit(&dir->v_lock);
	mp->mnt_covered = NULL;
	return dir;
}

/* A directory that was removed before it was covered: nobody finds it. */
static bool
is_dead(struct vnode *dir)
{
	struct vattr va;

	return dir->v_op->vop_getattr(dir, &va) != 0 || va.va_nlink == 0;
}

/* => dir may be a mount point */
static int
check_point(const struct vnode *dir)
{
	const struct mount *mp = dir->v_mount;

	if (dir->v_type != VDIR)
		return ENOTDIR;
	if ((mp->mnt_op->vfs_flags & VFS_NOCOVER) && mp->mnt_root != dir)
		return EINVAL;
	return (mp->mnt_flag & MNTK_DETACHED) ? EINVAL : 0;
}

static void mount_end(struct mount *mp);
static int unmount(struct mount *mp, int flags);

/* => mount_ctl_lock write-held */
static int
mount_at(const struct vfsops *vfs, struct bdev *bd, const char *from,
    struct vnode *dir, uint32_t flags, const char *options)
{
	struct mount *mp;
	int error = check_point(dir);

	if (error)
		return error;
	error = mount_make(vfs, bd, from, flags, options, &mp);
	if (error)
		return error;
	error = cover(dir, mp);
	if (error == 0 && is_dead(dir)) {
		rw_enter_write(&mount_lock);
		(void)uncover(mp);
		rw_exit(&mount_lock);
		vrele(dir);
		error = ENOENT;
	}
	if (error)
		mount_end(mp);
	else
		TAILQ_INSERT_TAIL(&mountlist, mp, mnt_link);
	return error;
}

int
mount_root(
    const char *type, struct bdev *bd, uint32_t flags, const char *options)
{
	const struct vfsops *vfs = vfs_find(type);
	struct mount *mp, *old;
	int error;

	if (vfs == NULL)
		return ENODEV;
	rw_enter_write(&mount_ctl_lock);
	old = rootmount;
	error = mount_make(
	    vfs, bd, bd != NULL ? bd->bd_name : "rootfs", flags, options, &mp);
	if (error == 0) {
		TAILQ_INSERT_HEAD(&mountlist, mp, mnt_link);
		rootmount = mp;
		rootvnode = mp->mnt_root;
		if (old != NULL)
			error = unmount(old, 0);
		KASSERT(error == 0);
	}
	rw_exit(&mount_ctl_lock);
	return error;
}

struct mount *memfdmount;

void
mount_memfd(void)
{
	struct mount *mp = kmem_zalloc(sizeof(*mp), PR_WAITOK);

	/* neither a device number nor a place in the list: both are for names */
	mp->mnt_op = &tmpfs_vfsops;
	mp->mnt_flag = MNT_NOSUID | MNT_NODEV;
	strlcpy(mp->mnt_from, "memfd", sizeof(mp->mnt_from));
	if (mp->mnt_op->vfs_mount(mp, "") != 0)
		panic("memfd: no memory");
	memfdmount = mp;
}

int
mount_on(const char *type, struct bdev *bd, const char *from, struct vnode *dir,
    uint32_t flags, const char *options)
{
	const struct vfsops *vfs = vfs_find(type);
	int error;

	if (vfs == NULL)
		return ENODEV;
	rw_enter_write(&mount_ctl_lock);
	error = mount_at(vfs, bd, from, dir, flags, options);
	rw_exit(&mount_ctl_lock);
	return error;
}

/* -- Other options -------------------------------------------------------------------------- */

/* => mount_ctl_lock write-held; no one changes it from now on, or EBUSY */
static int
stop_writers(struct mount *mp)
{
	int none = 0;

	if (!atomic_cas(&mp->mnt_writers, &none, -1))
		return EBUSY;
	if (mp->mnt_op->vfs_mapped == NULL || !mp->mnt_op->vfs_mapped(mp))
		return 0;
	atomic_store_rel(&mp->mnt_writers, 0);
	return EBUSY;
}

/* => mount_ctl_lock write-held */
static int
remount(struct mount *mp, uint32_t flags, const char *options)
{
	bool was = mount_rdonly(mp), is = (flags & MNT_RDONLY) != 0;
	int error = 0;

	if (was && !is && mp->mnt_bdev != NULL &&
	    (mp->mnt_bdev->bd_disk->dk_flags & DK_RDONLY))
		return EROFS;
	if (!was && is)
		error = stop_writers(mp);
	if (error)
		return error;
	if (mp->mnt_op->vfs_remount != NULL)
		error = mp->mnt_op->vfs_remount(mp, flags, options);
	if (error == 0)
		atomic_store(&mp->mnt_flag,
		    (mp->mnt_flag & ~(uint32_t)MNT_USERFLAGS) |
			(flags & MNT_USERFLAGS));
	/* read-only no more, or not after all */
	if (is ? (error != 0 && !was) : (error == 0 && was))
		atomic_store_rel(&mp->mnt_writers, 0);
	return error;
}

/* -- Unmounting ------------------------------------------------------------------------------- */

/* => mount_ctl_lock write-held; is something mounted on a directory of mp? */
static bool
has_mounts(const struct mount *mp)
{
	const struct mount *m;

	TAILQ_FOREACH (m, &mountlist, mnt_link)
		if (m->mnt_covered != NULL && m->mnt_covered->v_mount == mp)
			return true;
	return false;
}

/* => mount_ctl_lock and mount_lock write-held */
static bool
is_busy(struct mount *mp)
{
	if (has_mounts(mp) || atomic_load(&mp->mnt_walkers) != 0)
		return true;
	cache_purge_mount(mp);
	return !MUTANT(MNT_BUSY_NEVER) && mp->mnt_op->vfs_busy(mp);
}

/* => mount_ctl_lock write-held; on no list, and nobody can get in */
static void
mount_end(struct mount *mp)
{
	cache_purge_mount(mp);
	mp->mnt_op->vfs_unmount(mp);
	mount_free(mp);
}

/* => as is_busy(); EAGAIN: marked now, as MNT_EXPIRE says */
static int
check_expire(struct mount *mp, int flags)
{
	u_int crossed = atomic_load(&mp->mnt_crossed);
	bool unused = mp->mnt_expire != 0 && crossed == mp->mnt_expire + 1;

	if ((flags & MNT_EXPIRE) == 0 || unused)
		return 0;
	mp->mnt_expire = crossed;
	return EAGAIN;
}

/* => mount_ctl_lock write-held */
static int
unmount(struct mount *mp, int flags)
{
	struct vnode *dir = NULL;
	int error;

	/* most of it before others have to wait */
	cache_purge_mount(mp);
	if (mp->mnt_op->vfs_sync != NULL)
		(void)mp->mnt_op->vfs_sync(mp);
	rw_enter_write(&mount_lock);
	error = is_busy(mp) ? EBUSY : check_expire(mp, flags);
	if (error == 0)
		dir = uncover(mp);
	rw_exit(&mount_lock);
	if (error)
		return error;
	TAILQ_REMOVE(&mountlist, mp, mnt_link);
	if (dir != NULL)
		vrele(dir);
	mount_end(mp);
	return 0;
}

int
mount_remove(struct mount *mp)
{
	int error;

	rw_enter_write(&mount_ctl_lock);
	error = unmount(mp, 0);
	rw_exit(&mount_ctl_lock);
	return error;
}

/* => mount_ctl_lock held; is m mp, or mounted somewhere below it? */
static bool
is_above(const struct mount *mp, const struct mount *m)
{
	while (m != mp && m->mnt_covered != NULL)
		m = m->mnt_covered->v_mount;
	return m == mp;
}

/*
 * Take mp, and what is mounted below it, out of the tree.
 * => mount_ctl_lock write-held
 */
static void
detach(struct mount *mp)
{
	struct mount *m;
	struct vnode *dir;

	TAILQ_FOREACH (m, &mountlist, mnt_link)
		if (is_above(mp, m))
			atomic_or(&m->mnt_flag, MNTK_DETACHED);
	TAILQ_FOREACH (m, &mountlist, mnt_link) {
		if ((m->mnt_flag & MNTK_DETACHED) == 0 ||
		    m->mnt_covered == NULL)
			continue;
		rw_enter_write(&mount_lock);
		dir = uncover(m);
		rw_exit(&mount_lock);
		vrele(dir);
		ndetached++;
	}
}

/* => mount_ctl_lock write-held; what was detached and is used no more ends */
static void
end_detached(void)
{
	struct mount *mp, *next;
	bool busy;

	for (mp = TAILQ_FIRST(&mountlist); mp != NULL; mp = next) {
		next = TAILQ_NEXT(mp, mnt_link);
		if ((mp->mnt_flag & MNTK_DETACHED) == 0)
			continue;
		rw_enter_write(&mount_lock);
		busy = is_busy(mp);
		rw_exit(&mount_lock);
		if (busy)
			continue;
		TAILQ_REMOVE(&mountlist, mp, mnt_link);
		ndetached--;
		mount_end(mp);
	}
}

/* -- The thread -------------------------------------------------------------------------------- */

static void syncer_thread(void *arg);

static void
vfs_thread(void *arg)
{
	bool wait;

	for (;;) {
		(void)atomic_swap_acq(&vfs_thread_work, 0);
		rw_enter_write(&mount_ctl_lock);
		end_detached();
		wait = ndetached == 0;
		rw_exit(&mount_ctl_lock);
		cache_trim();
		if (atomic_load(&vfs_thread_work) == 0)
			(void)tsleep(&vfs_thread_work, PWAIT, "vfs",
			    wait ? INFSLP : DETACH_POLL);
	}
}

void
mount_start_thread(void)
{
	if (kthread_create(vfs_thread, NULL, NULL, "vfs") != 0 ||
	    kthread_create(syncer_thread, NULL, NULL, "syncer") != 0)
		panic("no memory for the threads of the file systems");
}

void
vfs_thread_wakeup(void)
{
	atomic_store_rel(&vfs_thread_work, 1);
	wakeup(&vfs_thread_work);
}

/* -- All of them ---------------------------------------------------------------------------------- */

int
mount_sync(struct mount *mp)
{
	return mp->mnt_op->vfs_sync != NULL ? mp->mnt_op->vfs_sync(mp) : 0;
}

void
mount_drop_all(void)
{
	struct mount *mp;

	rw_enter_read(&mount_ctl_lock);
	TAILQ_FOREACH (mp, &mountlist, mnt_link) {
		cache_purge_mount(mp);
		if (mp->mnt_op->vfs_drop != NULL)
			mp->mnt_op->vfs_drop(mp);
	}
	rw_exit(&mount_ctl_lock);
	(void)mc_shrink_all();
}

int
mount_sync_all(void)
{
	struct mount *mp;
	int error, first = 0;

	rw_enter_read(&mount_ctl_lock);
	TAILQ_FOREACH (mp, &mountlist, mnt_link) {
		error = mount_sync(mp);
		if (first == 0)
			first = error;
	}
	rw_exit(&mount_ctl_lock);
	return first;
}

/* More than there are files: whoever has one open takes it down from this. */
#define NO_WRITERS (INT32_MAX / 2)

void
mount_shutdown(void)
{
	struct mount *mp;
	int error;

	rw_enter_write(&mount_ctl_lock);
	TAILQ_FOREACH_REVERSE (mp, &mountlist, mountlist, mnt_link) {
		if (mp->mnt_bdev == NULL || mount_rdonly(mp))
			continue;
		(void)atomic_sub_acq_rel(&mp->mnt_writers, NO_WRITERS);
		error =
		    mp->mnt_op->vfs_remount(mp, mp->mnt_flag | MNT_RDONLY, "");
		if (error == 0)
			atomic_or(&mp->mnt_flag, MNT_RDONLY);
		else
			printf("%s: not left clean, error %d: run e2fsck\n",
			    mp->mnt_from, error);
	}
	rw_exit(&mount_ctl_lock);
}

/* -- The syncer ------------------------------------------------------------------------------------ */

#define SYNC_LOOKS 6 /* at a file system until it has been dirty for long */

/* => mount_ctl_lock held; written if it has been dirty for `age' ns */
static void
sync_if_old(struct mount *mp, uint64_t age)
{
	uint64_t now = nsecuptime();

	if (mp->mnt_op->vfs_dirty == NULL || !mp->mnt_op->vfs_dirty(mp))
		mp->mnt_dirtied = 0;
	else if (mp->mnt_dirtied == 0)
		mp->mnt_dirtied = MAX(now, (uint64_t)1);
	else if (now - mp->mnt_dirtied >= age) {
		mp->mnt_dirtied = 0;
		(void)mount_sync(mp);
	}
}

/*
 * Names, inodes and bitmaps reach the disk even if nobody asks.  Data by itself
 * is the vnode pager's to write, whose thread must not wait for file systems
 * that wait for memory.  The argument is ignored.
 */
static void
syncer_thread(void *arg)
{
	struct mount *mp;
	uint64_t age;

	for (;;) {
		age = (uint64_t)atomic_load(&uvn_dirtyage) * 1000000000;
		(void)tsleep(&uvn_dirtyage, PWAIT, "syncer", age / SYNC_LOOKS);
		rw_enter_read(&mount_ctl_lock);
		TAILQ_FOREACH (mp, &mountlist, mnt_link)
			sync_if_old(mp, age);
		rw_exit(&mount_ctl_lock);
	}
}

#define ST_VALID    0x20
#define ST_RELATIME 0x1000

int
mount_statfs(struct mount *mp, struct statfs *sf)
{
	int error;

	memset(sf, 0, sizeof(*sf));
	sf->f_namelen = 255;
	sf->f_fsid[0] = (int32_t)mp->mnt_dev;
	error = mp->mnt_op->vfs_statfs(mp, sf);
	sf->f_frsize = sf->f_bsize;
	sf->f_flags = ST_VALID |
	    (mp->mnt_flag &
		(MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC |
		    MNT_SYNCHRONOUS | MNT_NOATIME | MNT_NODIRATIME)) |
	    (mp->mnt_flag & MNT_NOATIME ? 0 : ST_RELATIME);
	return error;
}

/* -- Options ------------------------------------------------------------------------------------------ */

static const struct {
	uint32_t flag;
	const char *name;
} flag_names[] = {
	{ MNT_NOSUID, "nosuid" },
	{ MNT_NODEV, "nodev" },
	{ MNT_NOEXEC, "noexec" },
	{ MNT_SYNCHRONOUS, "sync" },
	{ MNT_DIRSYNC, "dirsync" },
	{ MNT_NOATIME, "noatime" },
	{ MNT_NODIRATIME, "nodiratime" },
};

void
mount_options(struct mount *mp, char *buf, size_t len)
{
	strlcpy(buf, mount_rdonly(mp) ? "ro" : "rw", len);
	for (size_t i = 0; i < nitems(flag_names); i++)
		if (mp->mnt_flag & flag_names[i].flag) {
			strlcat(buf, ",", len);
			strlcat(buf, flag_names[i].name, len);
		}
	if ((mp->mnt_flag & MNT_NOATIME) == 0)
		strlcat(buf, ",relatime", len);
	if (mp->mnt_op->vfs_options != NULL)
		mp->mnt_op->vfs_options(
		    mp, buf + strlen(buf), len - strlen(buf));
}

int
mount_option(const char *options, const char *name, const char **valuep)
{
	size_t len = strlen(name), n;
	const char *at = options;

	for (; *at != '\0'; at += n + (at[n] == ',')) {
		for (n = 0; at[n] != '\0' && at[n] != ',';)
			n++;
		if (n < len || memcmp(at, name, len) != 0)
			continue;
		*valuep = at + n;
		if (n == len)
			return 0;
		if (at[len] != '=')
			continue;
		*valuep = at + len + 1;
		return (int)(n - len - 1);
	}
	return -1;
}

static int
unit_shift(char c)
{
	switch (c) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return -1;
	}
}

bool
mount_number(const char *s, int len, int base, uint64_t *out)
{
	uint64_t n = 0;
	int shift = 0, i = 0;

	for (; i < len && s[i] >= '0' && s[i] < '0' + base; i++)
		if (__builtin_mul_overflow(n, (uint64_t)base, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(s[i] - '0'), &n))
			return false;
	if (i > 0 && i == len - 1)
		shift = unit_shift(s[i++]);
	if (i == 0 || i != len || shift < 0 || (n << shift) >> shift != n)
		return false;
	*out = n << shift;
	return true;
}

/* -- System calls ------------------------------------------------------------------------------------------ */

/* Strings of mount(2), in the kernel. */
struct mount_args {
	char ma_from[PATH_MAX]; /* [thread] */
	char ma_type[MFSNAMELEN]; /* [thread] */
	char ma_options[PAGE_SIZE]; /* [thread] */
};

static int
string_in(uint64_t uaddr, char *buf, size_t len)
{
	int error;

	buf[0] = '\0';
	if (uaddr == 0)
		return 0;
	error = copyinstr((void *)uaddr, buf, len, NULL);
	return error == ENAMETOOLONG ? EINVAL : error;
}

/* The block device that is to be mounted. */
static int
source_bdev(struct proc *p, const char *from, struct bdev **bdp)
{
	struct nameidata nd;
	int error = namei(p, AT_FDCWD, from, UIO_SYSSPACE, NAMEI_FOLLOW, &nd);

	if (error)
		return error;
	if (nd.ni_vp->v_type != VBLK)
		error = ENOTBLK;
	else if (nd.ni_vp->v_mount->mnt_flag & MNT_NODEV)
		error = EACCES;
	else
		*bdp = bdev_bynumber(nd.ni_vp->v_rdev);
	namei_done(&nd);
	if (error == 0 && *bdp == NULL)
		error = ENXIO;
	return error;
}

/* => what is to be mounted over dir, which is referenced */
static int
mount_new(struct proc *p, struct mount_args *ma, uint64_t utype,
    struct vnode *dir, uint32_t flags)
{
	const struct vfsops *vfs;
	struct bdev *bd = NULL;
	int error = string_in(utype, ma->ma_type, sizeof(ma->ma_type));

	if (utype == 0)
		return EINVAL;
	if (error)
		return error == EINVAL ? ENODEV : error;
	vfs = vfs_find(ma->ma_type);
	if (vfs == NULL)
		return ENODEV;
	if (vfs->vfs_flags & VFS_DISK)
		error = source_bdev(p, ma->ma_from, &bd);
	if (error)
		return error;
	vref(dir);
	rw_enter_write(&mount_ctl_lock);
	/* what covers it since it was found is what the name leads to now */
	(void)mount_cross(&dir, NULL);
	error = mount_at(vfs, bd, ma->ma_from[0] != '\0' ? ma->ma_from : "none",
	    dir, flags, ma->ma_options);
	rw_exit(&mount_ctl_lock);
	vrele(dir);
	return error;
}

#define MS_OTHER \
	(MS_BIND | MS_MOVE | MS_UNBINDABLE | MS_PRIVATE | MS_SLAVE | MS_SHARED)

/* => nd names the directory; it is given up */
static int
mount_do(struct proc *p, const uint64_t a[6], struct mount_args *ma,
    struct nameidata *nd)
{
	uint32_t flags = (uint32_t)a[3];
	struct mount *mp = nd->ni_vp->v_mount;
	bool isroot = mp->mnt_root == nd->ni_vp;
	int error;

	/* every mount is private: there is one tree, for everybody */
	if ((flags & MS_OTHER) == MS_PRIVATE)
		return isroot ? 0 : EINVAL;
	if (flags & MS_OTHER)
		return EINVAL;
	if ((flags & MS_REMOUNT) == 0)
		return mount_new(p, ma, a[2], nd->ni_vp, flags);
	if (!isroot)
		return EINVAL;
	rw_enter_write(&mount_ctl_lock);
	error = remount(mp, flags, ma->ma_options);
	rw_exit(&mount_ctl_lock);
	return error;
}

int
sys_mount(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct mount_args *ma;
	struct nameidata nd;
	int error;

	ma = kmem_alloc(sizeof(*ma), PR_WAITOK);
	error = string_in(a[0], ma->ma_from, sizeof(ma->ma_from));
	if (error == 0)
		error = string_in(a[4], ma->ma_options, sizeof(ma->ma_options));
	if (error == 0)
		error = namei(p, AT_FDCWD, (void *)a[1], UIO_USERSPACE,
		    NAMEI_FOLLOW, &nd);
	if (error == 0) {
		error = mount_do(p, a, ma, &nd);
		namei_done(&nd);
	}
	kmem_free(ma, sizeof(*ma));
	return error;
}

/*
 * => mount_ctl_lock write-held; nd led to mp's root and is given up: it would
 *    keep the mount busy
 */
static int
unmount_do(struct mount *mp, struct nameidata *nd, int flags)
{
	bool gone = (mp->mnt_flag & MNTK_DETACHED) != 0;
	bool isroot = mp->mnt_root == nd->ni_vp;

	namei_done(nd);
	if (gone || !isroot)
		return EINVAL;
	if (mp == rootmount) {
		if (flags & MNT_DETACH)
			return EBUSY;
		return remount(mp, mp->mnt_flag | MNT_RDONLY, "");
	}
	if ((flags & MNT_DETACH) == 0)
		return unmount(mp, flags);
	detach(mp);
	end_detached();
	if (ndetached != 0)
		vfs_thread_wakeup();
	return 0;
}

/*
 * No file system here waits for a server, so there is nothing for MNT_FORCE to
 * end: what is busy stays busy.
 */
int
sys_umount2(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	int flags = (int)a[1], error;
	struct nameidata nd;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return EINVAL;
	if ((flags & MNT_EXPIRE) && (flags & (MNT_FORCE | MNT_DETACH)))
		return EINVAL;
	error = namei(p, AT_FDCWD, (void *)a[0], UIO_USERSPACE,
	    flags & UMOUNT_NOFOLLOW ? 0 : NAMEI_FOLLOW, &nd);
	if (error)
		return error;
	rw_enter_write(&mount_ctl_lock);
	error = unmount_do(nd.ni_vp->v_mount, &nd, flags);
	rw_exit(&mount_ctl_lock);
	return error;
}

int
sys_statfs(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct nameidata nd;
	struct statfs sf;
	int error =
	    namei(p, AT_FDCWD, (void *)a[0], UIO_USERSPACE, NAMEI_FOLLOW, &nd);

	if (error)
		return error;
	error = mount_statfs(nd.ni_vp->v_mount, &sf);
	namei_done(&nd);
	return error ? error : copyout(&sf, (void *)a[1], sizeof(sf));
}

int
sys_fstatfs(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_getpath(p, (int)a[0]);
	struct statfs sf = { .f_type = 0x50495045, /* a pipe */
		.f_bsize = PAGE_SIZE,
		.f_frsize = PAGE_SIZE,
		.f_namelen = 255 };
	int error = 0;

	if (fp == NULL)
		return EBADF;
	if (fp->f_vnode != NULL)
		error = mount_statfs(fp->f_vnode->v_mount, &sf);
	file_rele(fp);
	return error ? error : copyout(&sf, (void *)a[1], sizeof(sf));
}

int
sys_sync(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	(void)mount_sync_all();
	return 0;
}

int
sys_syncfs(struct proc *p, const uint64_t a[6], int64_t *ret)
{
	struct file *fp = fd_getfile(p, (int)a[0]);
	int error = 0;

	if (fp == NULL)
		return EBADF;
	if (fp->f_vnode != NULL)
		error = mount_sync(fp->f_vnode->v_mount);
	file_rele(fp);
	return error;
}
