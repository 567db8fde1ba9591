/*
 * Writing in order, so that e2fsck can repair what a power cut leaves without
 * losing what was synced, and no file shows what its blocks held before.
 *
 *	1. data, or zeros in new blocks that have none yet; new blocks of
 *	   directories
 *	2. blocks of pointers, leaves first, of inodes that have names
 *	3. inodes that have names
 *	4. names: blocks of directories
 *	5. blocks of directories that lost a name to another block
 *	6. inodes without names, their blocks of pointers before
 *	7. what these inodes had is free from here on, in memory
 *	8. bitmaps, descriptors, superblock
 *
 * The device's cache is flushed before something is written that must not be
 * on the disk before what was written earlier: flush_step().
 *
 * An inode is copied to its table block with i_maplock held, after its blocks
 * of pointers have been written: whatever is copied may reach the disk.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/mutant.h>
#include <fs/ext2/ext2_var.h>

/* A block that is fresh again waits for the next time: step 1 is its. */
#define CL_NAMES (CL_DIR | CL_DIRNEW)

/* What is written, in this order: bits of fs_unsafe. */
#define ORDER_DATA       0x001U
#define ORDER_FRESH      0x002U /* blocks of directories */
#define ORDER_IND(level) (0x002U << (level))
#define ORDER_INODE      0x020U
#define ORDER_NAME       0x040U
#define ORDER_OLDNAME    0x080U
#define ORDER_NAMELESS   0x100U
#define ORDER_REST       0x200U

/* => fs_synclock held: the device's cache is flushed */
static int
make_safe(struct ext2fs *fs)
{
	int error;

	mtx_enter(&fs->fs_mtx);
	fs->fs_newdata = false;
	mtx_leave(&fs->fs_mtx);
	error = mc_sync(fs->fs_mc);
	if (error == 0)
		fs->fs_unsafe = 0;
	else
		fs->fs_unsafe |= ORDER_DATA;
	return error;
}

/* => fs_synclock held: is something of a lower order maybe not on the disk? */
static bool
unsafe(struct ext2fs *fs, uint32_t order)
{
	mtx_enter(&fs->fs_mtx);
	if (fs->fs_newdata && !MUTANT(EXT2_DATA_IN_CACHE))
		fs->fs_unsafe |= ORDER_DATA;
	mtx_leave(&fs->fs_mtx);
	return (fs->fs_unsafe & (order - 1)) != 0;
}

/* => fs_synclock held; written, what comes before is safe if there was any */
static int
flush_step(struct ext2fs *fs, uint64_t owner, uint32_t classes, uint32_t order)
{
	uint32_t n = 0;
	int error = 0;

	if (!mc_any(fs->fs_mc, owner, classes))
		return 0;
	if (unsafe(fs, order))
		error = make_safe(fs);
	if (error == 0)
		error = mc_flush(fs->fs_mc, owner, classes, &n);
	if (n > 0)
		fs->fs_unsafe |= order;
	return error;
}

/*
 * => what the inode refers to is written, but for data
 * => named: has it names?  Blocks of one without may have no data, so its last
 *    name has to be gone from the disk before anything leads to them.
 */
static int
flush_trees(struct ext2fs *fs, uint64_t owner, bool named)
{
	int error = flush_step(fs, owner, CL_DIRFRESH | CL_DIRNEW,
	    named ? ORDER_FRESH : ORDER_NAMELESS);

	for (u_int level = 1; level <= EXT2_NLEVELS && error == 0; level++)
		error = flush_step(fs, owner, CL_IND(level),
		    named ? ORDER_IND(level) : ORDER_NAMELESS);
	return error;
}

/*
 * => fs_synclock held; what it points to is written, it is in its table block
 * => named: has it names?  One that has just lost the last is not copied: its
 *    name may be on disk still, and has to go first
 * => *dataerror: not copied, as some of its blocks hold neither data nor zeros,
 *    or lie behind its end: e2fsck would make them part of it
 */
static int
copy_inode(struct ext2_inode *ip, bool named, int *dataerror)
{
	struct ext2fs *fs = ip->i_fs;
	bool skip = false;
	int error, bad = 0;

	mc_reserve(fs->fs_mc, 1);
	rw_enter_write(&ip->i_maplock);
	if (named && ip->i_nlink == 0 && !MUTANT(EXT2_NAMELESS_EARLY))
		skip = true;
	else if (named && ip->i_cut)
		bad = EIO;
	else if (named && !MUTANT(EXT2_NAMES_UNWRITTEN))
		bad = ext2_unwritten_zero(ip);
	if (skip || bad) {
		rw_exit(&ip->i_maplock);
		mc_unreserve(fs->fs_mc, 1);
		if (*dataerror == 0)
			*dataerror = bad;
		return 0;
	}
	error = flush_trees(fs, ip->i_ino, named);
	mtx_enter(&fs->fs_mtx);
	ip->i_modified = ip->i_changed = false;
	mtx_leave(&fs->fs_mtx);
	if (error == 0)
		error = ext2_icopy(ip);
	rw_exit(&ip->i_maplock);
	mc_unreserve(fs->fs_mc, 1);
	if (error)
		ext2_idirty(ip);
	return error;
}

static int
copy_named(struct ext2_inode *ip, int *dataerror)
{
	return copy_inode(ip, true, dataerror);
}

static int
copy_nameless(struct ext2_inode *ip, int *dataerror)
{
	return copy_inode(ip, false, dataerror);
}

/* -- All that are dirty ------------------------------------------------------------------- */

/* => dirty inodes now */
static uint32_t
count_dirty(struct ext2fs *fs)
{
	struct ext2_inode *ip;
	uint32_t n = 0;

	mtx_enter(&fs->fs_mtx);
	TAILQ_FOREACH (ip, &fs->fs_dirty, i_dirtylink)
		n++;
	mtx_leave(&fs->fs_mtx);
	return n;
}

/* => the next, referenced, at the end of the list now; NULL: there is none */
static struct ext2_inode *
next_dirty(struct ext2fs *fs)
{
	struct ext2_inode *ip;

	mtx_enter(&fs->fs_mtx);
	ip = TAILQ_FIRST(&fs->fs_dirty);
	if (ip != NULL) {
		TAILQ_REMOVE(&fs->fs_dirty, ip, i_dirtylink);
		TAILQ_INSERT_TAIL(&fs->fs_dirty, ip, i_dirtylink);
		ip->i_refs++;
	}
	mtx_leave(&fs->fs_mtx);
	return ip;
}

/* => is the inode one of those to be copied? gen: see name_gen() */
typedef bool want_t(const struct ext2_inode *ip, uint64_t gen);

static bool
want_all(const struct ext2_inode *ip, uint64_t gen)
{
	return ip->i_nlink > 0;
}

static bool
want_names(const struct ext2_inode *ip, uint64_t gen)
{
	return ip->i_nlink > 0 && (S_ISDIR(ip->i_mode) || ip->i_newgen != 0);
}

/* => lost its last name so long ago that this is on disk */
static bool
want_nameless(const struct ext2_inode *ip, uint64_t gen)
{
	return ip->i_nlink == 0 && ip->i_zerogen <= gen;
}

/*
 * => the file's data is on the device; nothing to do for what has none
 * => asked: who calls wants all errors of it so far, else they are kept
 */
static int
flush_data(struct ext2_inode *ip, bool asked)
{
	struct ext2fs *fs = ip->i_fs;

	return fs->fs_flushdata != NULL ? fs->fs_flushdata(ip, asked) : 0;
}

/* => the first errno of fn, for all that are dirty and wanted */
typedef int inode_fn_t(struct ext2_inode *ip, int *dataerror);

static int
each_dirty(struct ext2fs *fs, want_t *want, uint64_t gen, inode_fn_t *fn,
    int *dataerror)
{
	int error, first = 0;
	struct ext2_inode *ip;

	for (uint32_t n = count_dirty(fs); n > 0; n--) {
		ip = next_dirty(fs);
		if (ip == NULL)
			break;
		if (ip->i_modified && want(ip, gen)) {
			error = fn(ip, dataerror);
			if (first == 0)
				first = error;
		}
		ext2_iput(ip);
	}
	return first;
}

static int
write_data(struct ext2_inode *ip, int *dataerror)
{
	int error = MUTANT(EXT2_NAMES_UNWRITTEN) ? 0 : flush_data(ip, false);

	(void)ext2_cut_again(ip); /* copy_inode() sees what has come of it */
	if (*dataerror == 0)
		*dataerror = error;
	return 0;
}

/* => with names; 0 or the first errno; *dataerror: the same of data alone */
static int
copy_inodes(struct ext2fs *fs, want_t *want, uint64_t gen, int *dataerror)
{
	/* all data first: the device's cache is flushed once for it */
	(void)each_dirty(fs, want, gen, write_data, dataerror);
	return each_dirty(fs, want, gen, copy_named, dataerror);
}

/* => names up to gen are on disk: what is written and has no newer leaves */
static void
forget_clean(struct ext2fs *fs, uint64_t gen)
{
	struct ext2_inode *ip;
	bool clean;

	for (uint32_t n = count_dirty(fs); n > 0; n--) {
		ip = next_dirty(fs);
		if (ip == NULL)
			break;
		mtx_enter(&fs->fs_mtx);
		if (ip->i_newgen <= gen)
			ip->i_newgen = 0;
		clean = ip->i_dirty && !ip->i_modified && ip->i_newgen == 0;
		if (clean) {
			TAILQ_REMOVE(&fs->fs_dirty, ip, i_dirtylink);
			ip->i_dirty = false;
		}
		mtx_leave(&fs->fs_mtx);
		if (clean)
			ext2_iput(ip);
		ext2_iput(ip);
	}
}

/* => how many changes of names there were */
static uint64_t
name_gen(struct ext2fs *fs)
{
	uint64_t gen;

	mtx_enter(&fs->fs_mtx);
	gen = fs->fs_namegen;
	mtx_leave(&fs->fs_mtx);
	return gen;
}

/* Steps 1 to 5. => fs_synclock held; the last may not be safe yet */
static int
write_names(struct ext2fs *fs, want_t *want, uint64_t gen, int *dataerror)
{
	int error = copy_inodes(fs, want, gen, dataerror);

	if (error == 0)
		error = flush_step(fs, 0, CL_INODE, ORDER_INODE);
	if (error == 0 && !MUTANT(EXT2_NAMES_NEVER))
		error = flush_step(fs, 0, CL_NAMES, ORDER_NAME);
	if (error == 0 && !MUTANT(EXT2_NAMES_NEVER))
		error = flush_step(fs, 0, CL_NAMES | CL_DIROLD, ORDER_OLDNAME);
	return error;
}

/* Steps 6 to 8. => fs_synclock held */
static int
write_rest(struct ext2fs *fs, uint64_t gen, int *dataerror)
{
	int error =
	    each_dirty(fs, want_nameless, gen, copy_nameless, dataerror);

	if (error == 0)
		error = flush_step(fs, 0, CL_INODE | CL_XATTR, ORDER_NAMELESS);
	if (error == 0 && unsafe(fs, ORDER_REST))
		error = make_safe(fs);
	if (error == 0) {
		/* an inode that is free is not in memory any more */
		forget_clean(fs, gen);
		error = ext2_frees_release(fs);
	}
	if (error == 0)
		error = ext2_super_copy(fs, false);
	if (error == 0)
		error = flush_step(fs, 0, CL_BITMAP | CL_GROUP, ORDER_REST);
	/* data that is older than this is safe then, too */
	return error ? error : make_safe(fs);
}

int
ext2_sync_names(struct ext2fs *fs)
{
	uint64_t gen;
	int error, dataerror = 0;

	if (fs->fs_rdonly)
		return 0;
	rw_enter_write(&fs->fs_synclock);
	gen = name_gen(fs);
	error = write_names(fs, want_names, gen, &dataerror);
	if (error == 0)
		error = make_safe(fs);
	if (error == 0)
		forget_clean(fs, gen);
	rw_exit(&fs->fs_synclock);
	return error ? error : dataerror;
}

int
ext2_sync(struct ext2fs *fs)
{
	uint64_t gen;
	int error, dataerror = 0;

	if (fs->fs_rdonly)
		return 0;
	rw_enter_write(&fs->fs_synclock);
	gen = name_gen(fs);
	error = write_names(fs, want_all, gen, &dataerror);
	if (error == 0)
		error = write_rest(fs, gen, &dataerror);
	rw_exit(&fs->fs_synclock);
	return error ? error : dataerror;
}

bool
ext2_try_again(struct ext2fs *fs, int error)
{
	return error == ENOSPC && ext2_frees_pending(fs) && ext2_sync(fs) == 0;
}

/* => fs_synclock held: the inode alone, its name is safe */
static int
write_one(struct ext2_inode *ip, bool dataonly)
{
	bool copy = dataonly ? ip->i_changed : ip->i_modified;
	struct ext2fs *fs = ip->i_fs;
	int error, dataerror = 0;

	error = copy ? copy_named(ip, &dataerror) : 0;
	if (error == 0)
		error = flush_step(fs, 0, CL_INODE, ORDER_INODE);
	if (error == 0 && !MUTANT(EXT2_FSYNC_IN_CACHE))
		error = make_safe(fs);
	return error ? error : dataerror;
}

/* => as ext2_write_inode(); dataonly: its times need not be */
static int
write_inode(struct ext2_inode *ip, bool dataonly)
{
	struct ext2fs *fs = ip->i_fs;
	int error = flush_data(ip, true);

	if (error)
		return error;
	(void)ext2_cut_again(ip);
	rw_enter_write(&fs->fs_synclock);
	error = write_one(ip, dataonly);
	rw_exit(&fs->fs_synclock);
	return error;
}

int
ext2_write_inode(struct ext2_inode *ip)
{
	return write_inode(ip, false);
}

int
ext2_fsync(struct ext2_inode *ip, bool dataonly)
{
	struct ext2fs *fs = ip->i_fs;
	int error = 0;

	if (fs->fs_rdonly)
		return 0;
	if (ip->i_nlink == 0) /* nothing of it survives */
		return flush_data(ip, true);
	if (!S_ISDIR(ip->i_mode))
		error = write_inode(ip, dataonly);
	if (error == 0 && (S_ISDIR(ip->i_mode) || ip->i_newgen != 0) &&
	    !MUTANT(EXT2_FSYNC_NO_NAME))
		error = ext2_sync_names(fs);
	return error;
}
