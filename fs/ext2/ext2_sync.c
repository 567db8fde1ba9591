/*
 * Writing in order, so that e2fsck can repair what a power cut leaves without
 * losing what was synced.  Between the steps the device's cache is flushed.
 *
 *	1. data; new blocks of directories; blocks of pointers, leaves first
 *	2. inodes that have names
 *	3. names: blocks of directories
 *	4. blocks of directories that lost a name to another block
 *	5. inodes without names
 *	6. what these inodes had is free from here on, in memory
 *	7. bitmaps, descriptors, superblock
 *
 * An inode is copied to its table block with i_maplock held, after its blocks
 * of pointers have been written: whatever is copied may reach the disk.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/mutant.h>
#include <fs/ext2/ext2_var.h>

/*
 * Times a file's data is written again since it got blocks meanwhile.  Whoever
 * gets blocks all the time has the last ones named before they are written.
 */
#define DATA_TRIES 4

/* A block that is fresh again waits for the next time: step 1 is its. */
#define CL_NAMES (CL_DIR | CL_DIRNEW)

/* => written, and if that was something, the device's cache flushed */
static int
flush_step(struct ext2fs *fs, uint64_t owner, uint32_t classes)
{
	uint32_t n = 0;
	int error = mc_flush(fs->fs_mc, owner, classes, &n);

	if (error == 0 && n > 0)
		error = mc_sync(fs->fs_mc);
	return error;
}

/* => what the inode refers to; its data has been written */
static int
flush_trees(struct ext2fs *fs, uint64_t owner)
{
	int error = flush_step(fs, owner, CL_DIRFRESH | CL_DIRNEW);

	for (u_int level = 1; level <= EXT2_NLEVELS && error == 0; level++)
		error = flush_step(fs, owner, CL_IND(level));
	return error;
}

/*
 * => fs_synclock held; its pointers are safe, it is in its table block
 * => named: has it names?  One that has just lost the last is not copied: its
 *    name may be on disk still, and has to go first
 * => EAGAIN: it has got blocks whose data may not be on disk; not if forced
 */
static int
copy_inode(struct ext2_inode *ip, bool named, bool force)
{
	struct ext2fs *fs = ip->i_fs;
	bool skip = false;
	int error = 0;

	mc_reserve(fs->fs_mc, 1);
	rw_enter_write(&ip->i_maplock);
	if (named && ip->i_nlink == 0 && !MUTANT(EXT2_NAMELESS_EARLY))
		skip = true;
	else if (named && ip->i_allocs != ip->i_flushed && !force)
		error = EAGAIN;
	if (skip || error) {
		rw_exit(&ip->i_maplock);
		mc_unreserve(fs->fs_mc, 1);
		return error;
	}
	error = flush_trees(fs, ip->i_ino);
	mtx_enter(&fs->fs_mtx);
	ip->i_modified = false;
	mtx_leave(&fs->fs_mtx);
	if (error == 0)
		error = ext2_icopy(ip);
	if (error == 0)
		ip->i_named = ip->i_allocs;
	rw_exit(&ip->i_maplock);
	mc_unreserve(fs->fs_mc, 1);
	if (error)
		ext2_idirty(ip);
	return error;
}

/* => the file's data is on the device; nothing to do for what has none */
static int
flush_data(struct ext2_inode *ip, bool asked)
{
	struct ext2fs *fs = ip->i_fs;

	return fs->fs_flushdata != NULL ? fs->fs_flushdata(ip, asked) : 0;
}

/*
 * => fs_synclock held; *dataerror: 0 or errno of the data; TRUE: some of it is
 *    in new blocks, and may be in the device's cache only
 */
static bool
write_data(struct ext2_inode *ip, bool asked, int *dataerror)
{
	uint32_t allocs = atomic_load(&ip->i_allocs);
	int error = flush_data(ip, asked);

	if (*dataerror == 0)
		*dataerror = error;
	if (error == 0)
		ip->i_flushed = allocs;
	return allocs != ip->i_named && !MUTANT(EXT2_DATA_IN_CACHE);
}

/*
 * An inode with names, whose data has been written, and once more what is in
 * blocks it got since then.  If that cannot be written, neither is the inode.
 * => fs_synclock held; 0 or errno; *dataerror: the same of data alone
 */
static int
write_file(struct ext2_inode *ip, bool asked, int *dataerror)
{
	struct ext2fs *fs = ip->i_fs;
	int error = copy_inode(ip, true, MUTANT(EXT2_NAMES_UNWRITTEN));
	int failed = 0;

	for (int i = 1; i <= DATA_TRIES && error == EAGAIN; i++) {
		error = write_data(ip, asked, &failed) ? mc_sync(fs->fs_mc) : 0;
		if (failed != 0)
			break;
		if (error == 0)
			error = copy_inode(ip, true, i == DATA_TRIES);
	}
	if (failed == 0)
		return error;
	if (*dataerror == 0)
		*dataerror = failed;
	return error == EAGAIN ? 0 : error;
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

/* => the data of those is on disk; 0 or errno; *dataerror: of data alone */
static int
write_datas(struct ext2fs *fs, want_t *want, uint64_t gen, int *dataerror)
{
	struct ext2_inode *ip;
	bool sync = false;

	if (MUTANT(EXT2_NAMES_UNWRITTEN))
		return 0;
	for (uint32_t n = count_dirty(fs); n > 0; n--) {
		ip = next_dirty(fs);
		if (ip == NULL)
			break;
		if (ip->i_modified && want(ip, gen))
			sync |= write_data(ip, false, dataerror);
		ext2_iput(ip);
	}
	return sync ? mc_sync(fs->fs_mc) : 0;
}

/* => 0 or the first errno; *dataerror: the same of data alone */
static int
copy_inodes(struct ext2fs *fs, want_t *want, uint64_t gen, int *dataerror)
{
	int error, first = 0;
	struct ext2_inode *ip;

	for (uint32_t n = count_dirty(fs); n > 0; n--) {
		ip = next_dirty(fs);
		if (ip == NULL)
			break;
		if (ip->i_modified && want(ip, gen)) {
			error = ip->i_nlink > 0
			    ? write_file(ip, false, dataerror)
			    : copy_inode(ip, false, true);
			if (first == 0)
				first = error;
		}
		ext2_iput(ip);
	}
	return first;
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

/* Steps 1 to 4. => fs_synclock held */
static int
write_names(struct ext2fs *fs, want_t *want, uint64_t gen, int *dataerror)
{
	int error = write_datas(fs, want, gen, dataerror);

	if (error == 0)
		error = flush_step(fs, 0, CL_DIRFRESH | CL_DIRNEW);
	if (error == 0)
		error = copy_inodes(fs, want, gen, dataerror);
	if (error == 0)
		error = mc_flush(fs->fs_mc, 0, CL_INODE, NULL);
	if (error == 0)
		error = mc_sync(fs->fs_mc);
	if (error == 0 && !MUTANT(EXT2_NAMES_NEVER))
		error = flush_step(fs, 0, CL_NAMES);
	if (error == 0 && !MUTANT(EXT2_NAMES_NEVER))
		error = flush_step(fs, 0, CL_NAMES | CL_DIROLD);
	return error;
}

/* Steps 5 to 7. => fs_synclock held */
static int
write_rest(struct ext2fs *fs, uint64_t gen, int *dataerror)
{
	int error = copy_inodes(fs, want_nameless, gen, dataerror);

	if (error == 0)
		error = mc_flush(fs->fs_mc, 0, CL_INODE | CL_XATTR, NULL);
	if (error == 0)
		error = mc_sync(fs->fs_mc);
	if (error == 0) {
		/* an inode that is free is not in memory any more */
		forget_clean(fs, gen);
		ext2_frees_release(fs);
		error = ext2_super_copy(fs, false);
	}
	if (error == 0)
		error = mc_flush(fs->fs_mc, 0, CL_BITMAP | CL_GROUP, NULL);
	return error ? error : mc_sync(fs->fs_mc);
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

/* => fs_synclock held: the inode alone, its name is safe */
static int
write_one(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	int error = 0, dataerror = 0;

	if (ip->i_modified && write_data(ip, true, &dataerror))
		error = mc_sync(fs->fs_mc);
	if (ip->i_modified && error == 0)
		error = write_file(ip, true, &dataerror);
	if (error == 0)
		error = mc_flush(fs->fs_mc, 0, CL_INODE, NULL);
	if (error == 0 && !MUTANT(EXT2_FSYNC_IN_CACHE))
		error = mc_sync(fs->fs_mc);
	return error ? error : dataerror;
}

int
ext2_write_inode(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	int error = flush_data(ip, true); /* most of it while others may sync */

	if (error)
		return error;
	rw_enter_write(&fs->fs_synclock);
	error = write_one(ip);
	rw_exit(&fs->fs_synclock);
	return error;
}

int
ext2_fsync(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	int error = 0;

	if (fs->fs_rdonly)
		return 0;
	if (ip->i_nlink == 0) /* nothing of it survives */
		return flush_data(ip, true);
	if (!S_ISDIR(ip->i_mode))
		error = ext2_write_inode(ip);
	if (error == 0 && (S_ISDIR(ip->i_mode) || ip->i_newgen != 0) &&
	    !MUTANT(EXT2_FSYNC_NO_NAME))
		error = ext2_sync_names(fs);
	return error;
}
