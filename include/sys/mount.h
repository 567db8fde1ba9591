/*
 * Mounted file systems.
 *
 * The table of mounts and who may be where:
 *
 *	mount_ctl_lock	(LR_MOUNTCTL) held for writing by what mounts, unmounts
 *			or changes a mount, one at a time; for reading by what
 *			goes through the table: no mount comes or goes
 *	mount_lock	(LR_MOUNT) held for a moment, for writing, when a
 *			directory gets or loses the file system that covers it;
 *			for reading by names that lead across
 *
 * A vnode keeps its mount: v_mount stays valid as long as the vnode is
 * referenced.  A mount is unmounted when it is not busy: no file system on one
 * of its directories, no name being looked up in it (mnt_walkers, counted for
 * all but the root: who goes from vnode to vnode has moments without a
 * reference on either), and no vnode referenced by anybody but the file system
 * itself, the name cache and the mount's root, which vfs_busy() tells.  All of
 * that is looked at with mount_lock held for writing, so that nobody new can
 * come.  A busy mount that is to go all the same (MNT_DETACH) is taken out of
 * the tree and ended by the kernel when it is not busy any more.
 *
 * A mount counts who changes it: mount_write_get() before anything that
 * modifies, mount_write_put() after it; a file open for writing holds one as
 * long as it is open.  A mount becomes read-only when that count is 0.
 *
 * A directory that is covered is neither removed nor replaced: system calls see
 * to that, and for what they cannot see, the file system, in its remove and
 * rename, with the directory's v_lock held: v_covered is set under that lock,
 * for writing, on a directory that has links (va_nlink) then.
 */
#ifndef _SYS_MOUNT_H_
#define _SYS_MOUNT_H_

#include <sys/lock.h>
#include <sys/queue.h>
#include <sys/vnode.h>

struct bdev;
struct mount;

#define MFSNAMELEN 16

/* mnt_flag: as mount(2) has them (MS_*). */
#define MNT_RDONLY      0x1
#define MNT_NOSUID      0x2
#define MNT_NODEV       0x4
#define MNT_NOEXEC      0x8
#define MNT_SYNCHRONOUS 0x10
#define MNT_DIRSYNC     0x80
#define MNT_NOATIME     0x400
#define MNT_NODIRATIME  0x800
#define MNT_RELATIME    0x200000
#define MNT_STRICTATIME 0x1000000
/* Those that stay with the mount, and that a remount changes. */
#define MNT_USERFLAGS                                                         \
	(MNT_RDONLY | MNT_NOSUID | MNT_NODEV | MNT_NOEXEC | MNT_SYNCHRONOUS | \
	    MNT_DIRSYNC | MNT_NOATIME | MNT_NODIRATIME)
/* What mount(2) is asked to do. */
#define MS_REMOUNT    0x20
#define MS_BIND       0x1000
#define MS_MOVE       0x2000
#define MS_SILENT     0x8000
#define MS_UNBINDABLE 0x20000
#define MS_PRIVATE    0x40000
#define MS_SLAVE      0x80000
#define MS_SHARED     0x100000
/* umount2(2) */
#define MNT_FORCE       0x1
#define MNT_DETACH      0x2
#define MNT_EXPIRE      0x4
#define UMOUNT_NOFOLLOW 0x8

/* 120 bytes, the generic layout. Fields [c]: of whoever made the copy. */
struct statfs {
	int64_t f_type;
	int64_t f_bsize;
	uint64_t f_blocks, f_bfree, f_bavail, f_files, f_ffree;
	int32_t f_fsid[2];
	int64_t f_namelen, f_frsize, f_flags, f_spare[4];
};

/*
 * A kind of file system.  mount_ctl_lock is held for writing but by vfs_statfs
 * (the mount is held by a vnode), vfs_sync,
 * vfs_dirty, vfs_drop and vfs_options (for reading).
 * Immutable.
 */
struct vfsops {
	const char *vfs_name;
	uint32_t vfs_flags; /* VFS_* */
	/*
	 * => a new mount, mnt_flag set; VFS_DISK: mnt_bdev is open, exclusively,
	 *    for writing too unless MNT_RDONLY; options: NUL-terminated
	 * => 0: mnt_root is set, one reference of the mount's; may set
	 *    MNT_RDONLY; errno: nothing is left
	 */
	int (*vfs_mount)(struct mount *mp, const char *options);
	/*
	 * Other options, or another mnt_flag & MNT_RDONLY; NULL: nothing to do.
	 * => to read-only: nobody changes it; the flags are mnt_flag's later on
	 */
	int (*vfs_remount)(
	    struct mount *mp, uint32_t flags, const char *options);
	/* => mount_lock write-held; is a vnode in use, mnt_root's one reference
	 *    apart?  exact when nobody can get in, and nobody is on his way */
	bool (*vfs_busy)(struct mount *mp);
	/* => not busy, and nobody gets in; writes what there is to write; ends
	 *    with vrele(mnt_root), and all is freed */
	void (*vfs_unmount)(struct mount *mp);
	/* => f_type, f_bsize, blocks and files; the rest is done */
	int (*vfs_statfs)(struct mount *mp, struct statfs *sf);
	/* => everything written is safe; NULL: it is as safe as it can be */
	int (*vfs_sync)(struct mount *mp);
	/* => would vfs_sync write something but data of files? NULL: never */
	bool (*vfs_dirty)(struct mount *mp);
	/*
	 * => nobody has a file open for writing, or will: can one be written
	 *    through a mapping? NULL: the question is not asked
	 */
	bool (*vfs_mapped)(struct mount *mp);
	/* => what is cached of files nobody uses goes; NULL: nothing is */
	void (*vfs_drop)(struct mount *mp);
	/* => options of its own, for /proc/mounts: ",size=4k"; NULL: none */
	void (*vfs_options)(struct mount *mp, char *buf, size_t len);
};
#define VFS_DISK    0x1 /* lies on a block device */
#define VFS_NOCOVER 0x2 /* vnodes come and go: only its root can be covered */

/*
 * Locks used to protect members of a mount:
 *	I	immutable
 *	C	mount_ctl_lock; to write, for writing
 *	m	mount_lock
 *	a	atomic operations
 */
struct mount {
	TAILQ_ENTRY(mount) mnt_link; /* [C] in order of mounting */
	const struct vfsops *mnt_op; /* [I] */
	void *mnt_data; /* [I] the file system's */
	struct vnode *mnt_root; /* [I] referenced */
	struct vnode *mnt_covered; /* [m, C] referenced; NULL: root, detached */
	struct bdev *mnt_bdev; /* [I] or NULL */
	dev_t mnt_dev; /* [I] st_dev */
	volatile uint32_t mnt_flag; /* [a; C to write] MNT_*, MNTK_* */
	volatile int mnt_writers; /* [a] who changes it; -1: read-only */
	volatile int mnt_walkers; /* [a] names being looked up in it */
	volatile u_int mnt_crossed; /* [a] times a name led into it */
	u_int mnt_expire; /* [C] that many at umount2(MNT_EXPIRE); 0: none */
	uint64_t
	    mnt_dirtied; /* [the syncer] ns: when it was seen dirty, or 0 */
	char mnt_from[64]; /* [I] what was mounted, as it was called */
};
/* mnt_flag, the kernel's own */
#define MNTK_NAMECACHE 0x80000000u /* names in it are cached (vfs_cache.c) */
#define MNTK_DETACHED  0x40000000u /* not in the tree any more */

TAILQ_HEAD(mountlist, mount);
extern struct mountlist mountlist; /* [C] the root first */
extern struct rwlock mount_ctl_lock; /* LR_MOUNTCTL */
extern struct mount *rootmount; /* [I] after boot */

/* => a file system by name, or NULL (kern/vfs_init.c has the table) */
const struct vfsops *vfs_find(const char *name);
/* => calls fn for each kind of file system */
void vfs_foreach(void (*fn)(const struct vfsops *vfs, void *arg), void *arg);

/*
 * Boot: mounts the root, or something else in the kernel's name.
 * => mount_root: first before anything else; again, before there are programs:
 *    replaces the first root, of which nothing is in use; rootvnode is set
 * => dir referenced by the caller; bd NULL unless VFS_DISK
 * => 0 or errno
 */
int mount_root(
    const char *type, struct bdev *bd, uint32_t flags, const char *options);
int mount_on(const char *type, struct bdev *bd, const char *from,
    struct vnode *dir, uint32_t flags, const char *options);
/* => boot, once: memfdmount is there, a tmpfs nobody sees: files of memfd_create */
void mount_memfd(void);
extern struct mount *memfdmount; /* [I] after boot */
/* => no program runs, or will: what lies on disks becomes read-only, clean,
 *    whoever had files open; says which could not be written */
void mount_shutdown(void);
/* => in the kernel's name; no vnode of it is the caller's; 0 or EBUSY */
int mount_remove(struct mount *mp);
/* => boot, when threads run: who ends detached mounts */
void mount_start_thread(void);
/* => it looks for work; any context */
void vfs_thread_wakeup(void);

/*
 * Someone is about to change the file system, or opens a file for that.
 * => EROFS; 0: mount_write_put() later
 */
int mount_write_get(struct mount *mp);
void mount_write_put(struct mount *mp);
static inline bool
mount_rdonly(const struct mount *mp)
{
	return (mp->mnt_flag & MNT_RDONLY) != 0;
}

/*
 * Across mounts.  *vpp is referenced, and replaced with its reference.
 * => mount_cross: *vpp is covered: becomes the root of what covers it, topmost;
 *    TRUE if it was
 * => mount_up: *vpp is the root of a mount: becomes what that covers, so that
 *    ".." of it is meant; FALSE: the root, or detached
 * => *walk (may be NULL): counted in mnt_walkers, as mount_walk() left it
 */
bool mount_cross_slow(struct vnode **vpp, struct mount **walk);
bool mount_up(struct vnode **vpp, struct mount **walk);
static inline bool
mount_cross(struct vnode **vpp, struct mount **walk)
{
	return __predict_false((*vpp)->v_covered != NULL) &&
	    mount_cross_slow(vpp, walk);
}
/*
 * A name starts, or is, at vp, referenced.
 * => *walk: what was counted before, NULL: nothing; what is counted now;
 *    mount_walk_end: nothing any more
 */
void mount_walk_slow(struct vnode *vp, struct mount **walk);
static inline void
mount_walk(struct vnode *vp, struct mount **walk)
{
	/* nobody counts in the root */
	if (__predict_false(*walk != NULL || vp->v_mount != rootmount))
		mount_walk_slow(vp, walk);
}
static inline void
mount_walk_end(struct mount **walk)
{
	if (__predict_false(*walk != NULL))
		mount_walk_slow(NULL, walk);
}
/* => no locks held; may write: what is cached of files nobody uses goes */
void mount_drop_all(void);
/* => every mount, or one; the first error */
int mount_sync_all(void);
int mount_sync(struct mount *mp);
/* => mp held by a vnode */
int mount_statfs(struct mount *mp, struct statfs *sf);
/* => "rw,nosuid,size=4k" */
void mount_options(struct mount *mp, char *buf, size_t len);

/*
 * The value of an option "name=value" in a list with commas.
 * => its length with *valuep at it (0: "name" alone or "name="); -1: not there
 */
int mount_option(const char *options, const char *name, const char **valuep);
/* => a number with k, m, g, base 8 for modes; FALSE: it is none */
bool mount_number(const char *s, int len, int base, uint64_t *out);

/* The kinds there are (fs/). */
extern const struct vfsops tmpfs_vfsops;
extern const struct vfsops procfs_vfsops;
extern const struct vfsops ext2_vfsops;

/* -- Name cache (kern/vfs_cache.c) --------------------------------------------- */

/*
 * What a name in a directory leads to, or that it leads nowhere.  An entry
 * holds references to both vnodes.  A file system that wants it sets
 * MNTK_NAMECACHE and calls, with the directory's v_lock held:
 *	cache_enter	(read or write) in its lookup: what it found, or NULL;
 *			(write) what it made
 *	cache_remove	(write) when the name is made, removed or changed,
 *			while the caller has references to the directory and to
 *			what the name led to
 * and without locks, when a directory was removed: cache_purge_dir().
 * So an entry says what the directory says, whenever its lock is free.
 *
 * => cache_lookup: TRUE: *vpp referenced, or NULL: there is no such name;
 *    nothing locked
 * => cache_purge_mount: no entry of mp is left but what is entered meanwhile
 * => cache_trim: no lock held: drops entries beyond the bound
 * => cache_shrink: any context: half of it will go soon
 */
struct namecache_stats {
	volatile u_long nc_hits, nc_neghits, nc_misses, nc_evicted; /* [a] */
};
extern struct namecache_stats namecache_stats;
/* => cache_parent: a directory and a name, NUL-terminated, that lead to vp */
void cache_init(void);
bool cache_lookup(
    struct vnode *dvp, const char *name, size_t len, struct vnode **vpp);
void
cache_enter(struct vnode *dvp, const char *name, size_t len, struct vnode *vp);
void cache_remove(struct vnode *dvp, const char *name, size_t len);
void cache_purge_dir(struct vnode *dvp);
void cache_purge_mount(struct mount *mp);
void cache_trim(void);
void cache_shrink(void);
bool
cache_parent(struct vnode *vp, char *name, size_t size, struct vnode **dvpp);
/* => entries there are now */
long cache_count(void);

#endif
