/*
 * ext2 in memory.  Nothing here knows of vnodes: ext2_vnops.c is over it.
 *
 * Locks, outer before inner: what the caller has (a vnode's lock) for the
 * names of a directory; fs_synclock, held by whoever writes things in order;
 * i_maplock for everything of an inode that goes to disk; fs_alloclock for
 * bitmaps and counts; fs_mtx for the table of inodes in memory; then the
 * metadata cache's.  A block of the cache is held for a moment, one at a time,
 * and no lock is waited for with it.
 *
 * What is in memory counts; ext2_sync.c brings it to the disk in an order that
 * e2fsck can repair from without losing what was synced.
 */
#ifndef _FS_EXT2_EXT2_VAR_H_
#define _FS_EXT2_EXT2_VAR_H_

#include <sys/param.h>
#include <sys/lock.h>
#include <sys/mcache.h>
#include <sys/queue.h>
#include <fs/ext2/ext2.h>

struct bdev;
struct ext2_inode;
struct ext2fs;

/* Classes of dirty blocks (see mc_flush()). */
#define CL_IND(level) MC_CLASS((level)-1) /* 1: pointers to data, to 3 */
#define CL_DIRFRESH   MC_CLASS(3) /* of a directory, never on disk yet */
#define CL_DIR        MC_CLASS(4) /* of a directory */
#define CL_DIRNEW     MC_CLASS(5) /* has the new name of a file ... */
#define CL_DIROLD     MC_CLASS(6) /* ... that lost an older one here */
#define CL_INODE      MC_CLASS(7)
#define CL_BITMAP     MC_CLASS(8)
#define CL_GROUP      MC_CLASS(9) /* descriptors, superblock */
#define CL_XATTR      MC_CLASS(10)

/* Blocks an operation on names may dirty: see mc_reserve(). */
#define EXT2_OPBLKS   24

#define EXT2_HASH     64
#define EXT2_FREERUNS 126 /* in one batch */

/* Fields [a]: fs_alloclock. */
struct ext2_group {
	uint32_t g_bbitmap, g_ibitmap, g_itable; /* [I] blocks */
	uint32_t g_freeb, g_freei, g_dirs; /* [a] */
	bool g_dirty; /* [a] */
};

/*
 * Blocks, and maybe an inode, that are free once the inode has been written
 * without them and the device's cache was flushed.
 * Locks used to protect members:
 *	b	the maker until it is queued, then fs_alloclock
 */
struct ext2_frees {
	STAILQ_ENTRY(ext2_frees) fr_link; /* [b] */
	uint32_t fr_ino; /* [b] */
	bool fr_copied; /* [b] the inode is in its table block without them */
	bool fr_inode; /* [b] the inode itself, too */
	bool fr_isdir; /* [b] it was a directory */
	uint32_t fr_n; /* [b] */
	struct {
		uint32_t start, n; /* [b] blocks */
	} fr_run[EXT2_FREERUNS]; /* [b] */
};

/*
 * EXT2_UWBLKS blocks of a file, the first a multiple of that, some of which
 * have no data on the disk yet: see ext2_unwritten.c.
 * Locks used to protect members:
 *	I	immutable
 *	t	fs_mtx
 */
struct ext2_unwritten {
	TAILQ_ENTRY(ext2_unwritten) uw_link; /* [t] */
	uint64_t uw_first; /* [I] once it is in a list */
	uint64_t uw_todo; /* [t] those */
	uint64_t uw_busy; /* [t] those being written */
};
TAILQ_HEAD(ext2_uwlist, ext2_unwritten);
#define EXT2_UWBLKS 64UL

/*
 * An inode in memory.
 * Locks used to protect members:
 *	I	immutable
 *	t	fs_mtx
 *	m	i_maplock
 *	n	of a directory: its names, the caller's lock
 */
struct ext2_inode {
	LIST_ENTRY(ext2_inode) i_hash; /* [t] */
	TAILQ_ENTRY(ext2_inode) i_dirtylink; /* [t] */
	struct ext2fs *i_fs; /* [I] */
	uint32_t i_ino; /* [I] */
	uint32_t i_refs; /* [t] one of them while it is dirty */
	bool i_dirty; /* [t] on fs_dirty: modified, or i_newgen is set */
	bool i_modified; /* [t] since it was copied to its table block ... */
	bool i_changed; /* [t] ... and not its times alone */
	bool i_loading; /* [t] being read from the disk */
	bool i_failed; /* [t] could not be read */
	bool i_dead; /* [t] has no name and no user: to be freed */
	bool i_fresh; /* [m] its slot on disk has never been written */
	void *i_vnode; /* [t] for ext2_vnops.c */
	struct rwlock i_maplock; /* LR_FSMAP */
	uint64_t i_newgen; /* [t] got a name not on disk yet; 0: has none */
	uint64_t i_zerogen; /* [t] fs_namegen when the last name went */
	uint32_t i_newblk; /* [t] and the name's block; 0: there are several */
	mode_t i_mode; /* [m] */
	uid_t i_uid; /* [m] */
	gid_t i_gid; /* [m] */
	uint32_t i_nlink; /* [m] */
	uint64_t i_size; /* [m] bytes */
	int64_t i_atime, i_mtime, i_ctime; /* [m] ns since 1970 */
	int64_t i_born; /* [m] the same of an i_fresh one */
	uint32_t i_dtime; /* [m] */
	uint32_t i_flags, i_gen; /* [m] */
	uint32_t i_xattr; /* [m] block with attributes, or 0 */
	uint64_t i_blocks; /* [m] of 512 bytes */
	bool i_cut; /* [m] has blocks behind i_size: ext2_cut_again() */
	uint32_t i_block[EXT2_NPTRS]; /* [m]; a fast link's target */
	struct ext2_uwlist i_unwritten; /* [t] of a file */
	uint32_t i_goal; /* [m] where the next block should be, or 0 */
	uint32_t i_hint; /* [n] block of the directory to add names from */
};

/*
 * A mounted file system.
 * Locks used to protect members:
 *	I	immutable
 *	s	fs_synclock
 *	a	fs_alloclock
 *	t	fs_mtx
 */
struct ext2fs {
	struct bdev *fs_dev; /* [I] */
	struct mcache *fs_mc; /* [I] */
	bool fs_rdonly; /* [I] but for ext2_set_rdonly() */
	bool fs_mustro; /* [I] not clean, or unknown features */
	bool fs_filetype; /* [I] entries have types */
	bool fs_sparse; /* [I] not every group has a superblock */
	volatile bool fs_errors; /* [set only] damage was seen */
	volatile uint32_t fs_nbad; /* [atomic] how often */
	uint32_t fs_bsize, fs_bshift; /* [I] bytes of a block */
	uint32_t fs_ptrs; /* [I] of an indirect block */
	uint32_t fs_first, fs_nblocks; /* [I] blocks: first and end */
	uint32_t fs_bpg, fs_ipg; /* [I] of a group */
	uint32_t fs_ngroups, fs_ninodes; /* [I] */
	uint32_t fs_firstino, fs_isize; /* [I] */
	uint32_t fs_itblks; /* [I] blocks of an inode table */
	uint32_t fs_gdblks, fs_gdresv; /* [I] blocks of descriptors */
	uint32_t fs_reserved; /* [I] blocks kept for the superuser */
	uint64_t fs_maxsize; /* [I] bytes of a file */
	uint8_t fs_uuid[16]; /* [I] */
	struct rwlock fs_synclock; /* LR_FSSYNC */
	struct rwlock fs_alloclock; /* LR_FSALLOC */
	struct ext2_group *fs_group; /* [I] and see there */
	uint64_t fs_freeb, fs_freei; /* [a] sums */
	bool fs_sbdirty; /* [a] */
	STAILQ_HEAD(, ext2_frees) fs_frees; /* [a] */
	struct mutex fs_mtx; /* LR_MISC */
	LIST_HEAD(, ext2_inode) fs_hash[EXT2_HASH]; /* [t] */
	TAILQ_HEAD(ext2_inodeq, ext2_inode) fs_dirty; /* [t] */
	uint32_t fs_inuse; /* [t] inodes in memory */
	bool fs_newdata; /* [t] of new blocks was written, maybe not safe */
	uint32_t fs_unsafe; /* [s] what was written and may not be: ORDER_* */
	uint64_t fs_namegen; /* [t] names made, and last names gone, so far */
	/* [I] before the first use: brings the data of a file, any kind of */
	/* inode, to the device; asked: who calls wants all errors of it so */
	/* far, else they are kept; or NULL */
	int (*fs_flushdata)(struct ext2_inode *ip, bool asked);
};

/* -- ext2_super.c ---------------------------------------------------------------- */

/*
 * => thread context; bd open (exclusively, and for writing unless rdonly);
 *    0 and *fsp; EINVAL: not ext2, or one with features we do not know; EIO
 * => fs_rdonly is set, whatever was asked, if it may not be written
 */
int ext2_mount(struct bdev *bd, bool rdonly, struct ext2fs **fsp);
/*
 * => nobody uses an inode; 0: gone, everything written and marked clean; errno:
 *    still mounted, unless force: gone, not clean
 */
int ext2_unmount(struct ext2fs *fs, bool force);
/* => everything is written and it is clean, or it is marked not clean; EROFS */
int ext2_set_rdonly(struct ext2fs *fs, bool rdonly);
/* => descriptors and superblock are in their blocks, which are dirty */
int ext2_super_copy(struct ext2fs *fs, bool clean);
/* => has the group a copy of the superblock? */
bool ext2_group_has_super(const struct ext2fs *fs, uint32_t g);
/* => first block of the group, blocks of it */
uint32_t ext2_group_start(const struct ext2fs *fs, uint32_t g);
uint32_t ext2_group_size(const struct ext2fs *fs, uint32_t g);
/* => may [blk, blk + n) be blocks of a file? */
bool ext2_blk_ok(const struct ext2fs *fs, uint32_t blk, uint32_t n);
/* => logs damage: of what, number and value; EIO */
int ext2_bad(struct ext2fs *fs, const char *what, uint64_t no, uint64_t value);

/* -- ext2_alloc.c ------------------------------------------------------------------ */

/*
 * A run of free blocks near goal.
 * => two blocks reserved; 0: 1..want blocks from *blkp; ENOSPC; EIO
 */
int ext2_balloc(struct ext2fs *fs, uint32_t goal, uint32_t want, uint32_t *blkp,
    uint32_t *np);
/* => two blocks reserved; nothing on disk has the blocks; how many of them, from
 *    the first on, are free now: not all if a bitmap cannot be read */
uint32_t ext2_bfree(struct ext2fs *fs, uint32_t blk, uint32_t n);
/* => a block reserved; 0 and *inop; ENOSPC; EIO */
int ext2_ialloc(struct ext2fs *fs, uint32_t parent, bool isdir, uint32_t *inop);
/* => a block reserved; 0; EIO: nothing is done */
int ext2_ifree(struct ext2fs *fs, uint32_t ino, bool isdir);
/* => what waits for the inode to be written; takes fr over */
void ext2_frees_queue(struct ext2fs *fs, struct ext2_frees *fr);
/* => adds a run; FALSE: full */
bool ext2_frees_add(struct ext2_frees *fr, uint32_t blk);
/* => the inode is in its table block now */
void ext2_frees_copied(struct ext2fs *fs, uint32_t ino);
/* => those copied become free; table blocks are on the device; 0; EIO: some
 *    wait on, as a bitmap cannot be read */
int ext2_frees_release(struct ext2fs *fs);
/* => is anything to be got by syncing? */
bool ext2_frees_pending(struct ext2fs *fs);

/* -- ext2_inode.c ------------------------------------------------------------------ */

/* => referenced; 0; EIO: damaged, or no such inode */
int ext2_iget(struct ext2fs *fs, uint32_t ino, struct ext2_inode **ipp);
void ext2_iref(struct ext2_inode *ip);
/* => the last one of an inode without names frees it and its blocks; what it
 *    cannot read for that is left to the next sync */
void ext2_iput(struct ext2_inode *ip);
/* => has an inode without names and users not gone yet? */
bool ext2_unfreed(struct ext2fs *fs);
/*
 * A new inode, without a name yet (i_nlink 0).
 * => EXT2_OPBLKS reserved; 0 and *ipp referenced; ENOSPC; EIO
 */
int ext2_inew(struct ext2fs *fs, uint32_t parent, mode_t mode, uid_t uid,
    gid_t gid, struct ext2_inode **ipp);
/* => i_maplock not needed: it is to be written; times: nothing else changed */
void ext2_idirty(struct ext2_inode *ip);
void ext2_idirty_times(struct ext2_inode *ip);
/* => i_maplock held: copies it into its table block, dirty; a block reserved */
int ext2_icopy(struct ext2_inode *ip);
/* => i_maplock held: number of a device, and setting it */
dev_t ext2_rdev(const struct ext2_inode *ip);
void ext2_set_rdev(struct ext2_inode *ip, dev_t rdev);
/* => unmounting: nothing in memory is of use any more */
void ext2_idrop_all(struct ext2fs *fs);
/* => now for i_ctime and, with mtime, i_mtime; nothing else has changed */
void ext2_touch(struct ext2_inode *ip, bool mtime);
/* => i_nlink changes by n; dirty */
void ext2_nlink(struct ext2_inode *ip, int n);

/* -- ext2_bmap.c ------------------------------------------------------------------- */

/*
 * Where block lbn of the file is, and how many after it lie in a row.
 * => i_maplock not held; *blkp 0: a hole, of at least *np blocks
 */
int ext2_bmap(struct ext2_inode *ip, uint64_t lbn, uint32_t max, uint32_t *blkp,
    uint32_t *np);
/* => the same, i_maplock held */
int ext2_bmap_locked(struct ext2_inode *ip, uint64_t lbn, uint32_t max,
    uint32_t *blkp, uint32_t *np);
/*
 * Give blocks to the holes in [lbn, lbn + n).
 * => i_maplock not held; thread context, sleeps for memory; 0, EFBIG, EIO;
 *    ENOSPC: some may have got theirs; see ext2_try_again()
 * => contents of the new blocks are undefined
 */
int ext2_bmap_alloc(struct ext2_inode *ip, uint64_t lbn, uint32_t n);
/* => blocks that are data or pointers; none: a link's target is in the inode */
uint64_t ext2_own_blocks(const struct ext2_inode *ip);
/*
 * => i_size becomes size, blocks beyond are freed; 0; EIO: i_size is size, but
 *    the file is damaged, or i_cut
 */
int ext2_truncate(struct ext2_inode *ip, uint64_t size);
/*
 * => i_maplock not held: what a truncation has left behind the end is freed;
 *    0, or EIO: it is there still
 */
int ext2_cut_again(struct ext2_inode *ip);

/* -- ext2_unwritten.c ------------------------------------------------------------- */

/* => thread context, sleeps for memory: room for ext2_unwritten_add() */
struct ext2_unwritten *ext2_unwritten_alloc(void);
/* => i_maplock held for writing: blocks [lbn, lbn + n), of one EXT2_UWBLKS,
 *    are new; takes `new' over */
void ext2_unwritten_add(struct ext2_inode *ip, uint64_t lbn, uint32_t n,
    struct ext2_unwritten *new);
/* => i_maplock held for writing: blocks from nblks on are the file's no more */
void ext2_unwritten_drop(struct ext2_inode *ip, uint64_t nblks);
/* => the inode goes */
void ext2_unwritten_free(struct ext2_inode *ip);
/*
 * Data is about to be written to [lbn, lbn + n), or was.
 * => i_maplock not held; begin may wait for others; no memory is needed
 * => begin: TRUE: some are new, end must follow; done: they have their data
 * => try: never waits; FALSE: somebody writes one of them; TRUE: end must follow
 */
bool ext2_unwritten_try(struct ext2_inode *ip, uint64_t lbn, uint64_t n);
bool ext2_unwritten_begin(struct ext2_inode *ip, uint64_t lbn, uint64_t n);
void
ext2_unwritten_end(struct ext2_inode *ip, uint64_t lbn, uint64_t n, bool done);
/*
 * What is read of a block that was never written is zero.
 * => how many of [lbn, lbn + n), from the first on, have been written (*newp
 *    FALSE), or have not; nobody writes any of them
 */
uint32_t
ext2_unwritten_run(struct ext2_inode *ip, uint64_t lbn, uint32_t n, bool *newp);
/* => i_maplock held for writing: those left get zeros; 0, EIO: some did not */
int ext2_unwritten_zero(struct ext2_inode *ip);

/* -- ext2_dir.c: the caller's lock on the directory is held --------------------------- */

/* File types in entries. */
#define EXT2_FT_UNKNOWN 0
#define EXT2_FT_REG     1
#define EXT2_FT_DIR     2
#define EXT2_FT_CHR     3
#define EXT2_FT_BLK     4
#define EXT2_FT_FIFO    5
#define EXT2_FT_SOCK    6
#define EXT2_FT_LNK     7

/* => a name, which may be overwritten after the return; FALSE to stop */
typedef bool ext2_emit_t(void *arg, const char *name, size_t len, uint32_t ino,
    uint8_t type, uint64_t next);

/* => 0 and *inop; ENOENT; EIO */
int ext2_dir_lookup(
    struct ext2_inode *dp, const char *name, size_t len, uint32_t *inop);
/* => from: 0, or what was `next' of a name once; not called with a lock held */
int ext2_dir_iterate(
    struct ext2_inode *dp, uint64_t from, ext2_emit_t *emit, void *arg);
/* => the name is not there yet; its link is counted by the caller */
int ext2_dir_add(
    struct ext2_inode *dp, const char *name, size_t len, struct ext2_inode *ip);
/* => ip: what it names; counted by the caller */
int ext2_dir_remove(
    struct ext2_inode *dp, const char *name, size_t len, struct ext2_inode *ip);
/*
 * => the name, which led to victim, leads to ip from now on; victim NULL: it
 *    is "..", which is no name of ip
 */
int ext2_dir_replace(struct ext2_inode *dp, const char *name, size_t len,
    struct ext2_inode *ip, struct ext2_inode *victim);
/*
 * What two names of the directory lead to, ip and tip, changes places.
 * => 0; EXDEV: the names are in blocks of their own, nothing is done; EIO
 */
int ext2_dir_swap(struct ext2_inode *dp, const char *name, size_t len,
    struct ext2_inode *ip, const char *tname, size_t tlen,
    struct ext2_inode *tip);
/* => 0; ENOTEMPTY; EIO */
int ext2_dir_empty(struct ext2_inode *dp);
/* => new directory gets "." and ".." */
int ext2_dir_init(struct ext2_inode *dp, struct ext2_inode *parent);

/* -- ext2_link.c ------------------------------------------------------------------- */

/* => new symbolic link gets its target; ENAMETOOLONG, ENOSPC, EIO */
int ext2_symlink(struct ext2_inode *ip, const char *target, size_t len);
/* => up to size bytes of the target, *lenp of them */
int ext2_readlink(struct ext2_inode *ip, char *buf, size_t size, size_t *lenp);

/* -- ext2_ops.c: operations on names; all directories locked by the caller ------------- */

/* => target: of a symbolic link, else NULL; *ipp referenced; EEXIST */
int ext2_create(struct ext2_inode *dp, const char *name, size_t len,
    mode_t mode, uid_t uid, gid_t gid, dev_t rdev, const char *target,
    struct ext2_inode **ipp);
/* => EEXIST, EMLINK; EPERM: a directory */
int ext2_link(
    struct ext2_inode *dp, const char *name, size_t len, struct ext2_inode *ip);
/* => ip: what the name leads to, if it is a directory locked, too */
int ext2_remove(
    struct ext2_inode *dp, const char *name, size_t len, struct ext2_inode *ip);
/*
 * ip, named fname in fdp, becomes tname in tdp; tip (or NULL) is there now.
 * => not the same file; no loop, types fit: checked by the caller
 */
int ext2_rename(struct ext2_inode *fdp, const char *fname, size_t flen,
    struct ext2_inode *ip, struct ext2_inode *tdp, const char *tname,
    size_t tlen, struct ext2_inode *tip);
/*
 * ip, named fname in fdp, and tip, named tname in tdp, change places.
 * => not the same file; no loop: checked by the caller
 */
int ext2_exchange(struct ext2_inode *fdp, const char *fname, size_t flen,
    struct ext2_inode *ip, struct ext2_inode *tdp, const char *tname,
    size_t tlen, struct ext2_inode *tip);

/* -- ext2_sync.c ------------------------------------------------------------------- */

/* => everything is safe; no i_maplock held; 0 or the first errno */
int ext2_sync(struct ext2fs *fs);
/* => as ext2_sync(): error was ENOSPC, and what was freed but not written yet
 *    can be had now */
bool ext2_try_again(struct ext2fs *fs, int error);
/* => the file is safe, and the way to it; dataonly: but for its times */
int ext2_fsync(struct ext2_inode *ip, bool dataonly);
/* => the inode and all it refers to are safe, its names may not be */
int ext2_write_inode(struct ext2_inode *ip);
/* => all names are safe, with the inodes that new ones lead to */
int ext2_sync_names(struct ext2fs *fs);

#endif
