/*
 * Directories: entries one after the other in each block.
 *
 * Of two blocks that a file's new name and an older one are in, the new name's
 * must be on the disk first.  A block is CL_DIRNEW or CL_DIROLD for that, never
 * both: then it would have to be written before itself, and all is written
 * beforehand (order_removal()).
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/pool.h>
#include <fs/ext2/ext2_var.h>

/* Where an entry is; belongs to the thread. */
struct slot {
	uint64_t lbn; /* [thread] block of the directory */
	uint32_t blk; /* [thread] where that is on the disk */
	uint32_t off, prev; /* [thread] in the block; prev == off: the first */
	uint32_t ino; /* [thread] */
};

static struct ext2_dirent *
entry_at(const struct mblk *mb, uint32_t off)
{
	return (void *)((char *)mb->mb_data + off);
}

static uint32_t
name_len(const struct ext2fs *fs, const struct ext2_dirent *de)
{
	/* without types it is the high byte of the length */
	return de->d_namelen |
	    (fs->fs_filetype ? 0 : (uint32_t)de->d_type << 8);
}

/* => the entry's length; 0: not an entry, whatever its name is */
static uint32_t
check_length(const struct ext2fs *fs, const void *block, uint32_t off)
{
	const struct ext2_dirent *de =
	    (const void *)((const char *)block + off);
	uint32_t len, n;

	if (fs->fs_bsize - off < EXT2_DIRHDR)
		return 0;
	len = le16(de->d_reclen);
	n = name_len(fs, de);
	if (len < EXT2_DIRHDR || len % 4 != 0 || len > fs->fs_bsize - off)
		return 0;
	if (le32(de->d_ino) == 0)
		return len;
	if (n == 0 || n > EXT2_NAMELEN || EXT2_DIRLEN(n) > len ||
	    le32(de->d_ino) > fs->fs_ninodes)
		return 0;
	return len;
}

/* => the entry's length; 0: not an entry */
static uint32_t
check_entry(const struct ext2fs *fs, const void *block, uint32_t off)
{
	const struct ext2_dirent *de =
	    (const void *)((const char *)block + off);
	uint32_t len = check_length(fs, block, off), n;

	n = len != 0 && le32(de->d_ino) != 0 ? name_len(fs, de) : 0;
	for (uint32_t i = 0; i < n; i++)
		if (de->d_name[i] == '/' || de->d_name[i] == '\0')
			return 0;
	return len;
}

static uint64_t
dir_blocks(const struct ext2_inode *dp)
{
	return dp->i_size >> dp->i_fs->fs_bshift;
}

static int
bad_entry(struct ext2_inode *dp, uint64_t lbn, uint32_t off)
{
	return ext2_bad(dp->i_fs, "entry in directory", dp->i_ino,
	    (lbn << dp->i_fs->fs_bshift) + off);
}

static int
get_block(struct ext2_inode *dp, uint64_t lbn, struct mblk **mbp)
{
	uint32_t blk, n;
	int error = ext2_bmap(dp, lbn, 1, &blk, &n);

	if (error)
		return error;
	if (blk == 0)
		return ext2_bad(dp->i_fs, "hole in directory", dp->i_ino, lbn);
	return mc_get(dp->i_fs->fs_mc, blk, MC_READ, mbp);
}

/* => held */
static void
dirty_block(struct ext2_inode *dp, struct mblk *mb)
{
	bool fresh = mb->mb_dirty && (mb->mb_class & CL_DIRFRESH);

	mc_dirty(mb, dp->i_ino, fresh ? CL_DIRFRESH : CL_DIR);
}

/* The index is not kept up: the directory is one without from now on. */
static void
changed(struct ext2_inode *dp)
{
	rw_enter_write(&dp->i_maplock);
	dp->i_flags &= ~(uint32_t)EXT2_INDEX_FL;
	rw_exit(&dp->i_maplock);
	ext2_touch(dp, true);
}

static uint8_t
type_of(mode_t mode)
{
	static const uint8_t type[16] = { [S_IFIFO >> 12] = EXT2_FT_FIFO,
		[S_IFCHR >> 12] = EXT2_FT_CHR,
		[S_IFDIR >> 12] = EXT2_FT_DIR,
		[S_IFBLK >> 12] = EXT2_FT_BLK,
		[S_IFREG >> 12] = EXT2_FT_REG,
		[S_IFLNK >> 12] = EXT2_FT_LNK,
		[S_IFSOCK >> 12] = EXT2_FT_SOCK };

	return type[(mode >> 12) & 15];
}

static void
set_target(struct ext2_dirent *de, const struct ext2_inode *ip)
{
	de->d_ino = tole32(ip->i_ino);
	if (ip->i_fs->fs_filetype)
		de->d_type = type_of(ip->i_mode);
}

static void
set_entry(struct ext2_dirent *de, uint32_t reclen, const char *name, size_t len,
    const struct ext2_inode *ip)
{
	de->d_reclen = tole16(reclen);
	de->d_namelen = (uint8_t)len;
	de->d_type = 0;
	memcpy(de->d_name, name, len);
	set_target(de, ip);
}

/* -- Finding --------------------------------------------------------------------------- */

/*
 * => mb held: the entry with the name, in *s; ENOENT; EIO
 * => what the other names hold does not matter here
 */
static int
find_in(struct ext2_inode *dp, const struct mblk *mb, const char *name,
    size_t len, struct slot *s)
{
	const struct ext2fs *fs = dp->i_fs;
	const struct ext2_dirent *de;
	uint32_t n;

	s->prev = 0;
	for (s->off = 0; s->off < fs->fs_bsize; s->off += n) {
		n = check_length(fs, mb->mb_data, s->off);
		if (n == 0)
			return bad_entry(dp, s->lbn, s->off);
		de = entry_at(mb, s->off);
		s->ino = le32(de->d_ino);
		if (s->ino != 0 && de->d_namelen == len &&
		    memcmp(de->d_name, name, len) == 0)
			return 0;
		s->prev = s->off;
	}
	return ENOENT;
}

static int
find(struct ext2_inode *dp, const char *name, size_t len, struct slot *s)
{
	struct mblk *mb;
	int error = ENOENT;

	for (s->lbn = 0; s->lbn < dir_blocks(dp); s->lbn++) {
		error = get_block(dp, s->lbn, &mb);
		if (error)
			return error;
		s->blk = (uint32_t)mb->mb_blkno;
		error = find_in(dp, mb, name, len, s);
		mc_put(mb);
		if (error != ENOENT)
			break;
	}
	return error;
}

int
ext2_dir_lookup(
    struct ext2_inode *dp, const char *name, size_t len, uint32_t *inop)
{
	struct slot s;
	int error = find(dp, name, len, &s);

	*inop = error == 0 ? s.ino : 0;
	return error;
}

/* => FALSE: emit has enough, or *errorp is set */
static bool
emit_block(struct ext2_inode *dp, uint64_t lbn, const void *data, uint64_t from,
    ext2_emit_t *emit, void *arg, int *errorp)
{
	const struct ext2fs *fs = dp->i_fs;
	const struct ext2_dirent *de;
	uint64_t pos = lbn << fs->fs_bshift;
	uint32_t n;

	for (uint32_t off = 0; off < fs->fs_bsize; off += n) {
		n = check_entry(fs, data, off);
		if (n == 0) {
			*errorp = bad_entry(dp, lbn, off);
			return false;
		}
		de = (const void *)((const char *)data + off);
		if (pos + off < from || le32(de->d_ino) == 0)
			continue;
		if (!emit(arg, de->d_name, de->d_namelen, le32(de->d_ino),
			fs->fs_filetype ? de->d_type : EXT2_FT_UNKNOWN,
			pos + off + n))
			return false;
	}
	return true;
}

int
ext2_dir_iterate(
    struct ext2_inode *dp, uint64_t from, ext2_emit_t *emit, void *arg)
{
	const struct ext2fs *fs = dp->i_fs;
	/* a copy: what emit does may take as long as it likes */
	void *copy = kmem_alloc(fs->fs_bsize, PR_WAITOK);
	struct mblk *mb;
	uint64_t lbn = from >> fs->fs_bshift;
	int error = 0;

	for (; lbn < dir_blocks(dp); lbn++) {
		error = get_block(dp, lbn, &mb);
		if (error)
			break;
		memcpy(copy, mb->mb_data, fs->fs_bsize);
		mc_put(mb);
		if (!emit_block(dp, lbn, copy, from, emit, arg, &error))
			break;
	}
	kmem_free(copy, fs->fs_bsize);
	return error;
}

static bool
only_dots(void *arg, const char *name, size_t len, uint32_t ino, uint8_t type,
    uint64_t next)
{
	bool *other = arg;

	if (len <= 2 && name[0] == '.' && (len == 1 || name[1] == '.'))
		return true;
	*other = true;
	return false;
}

int
ext2_dir_empty(struct ext2_inode *dp)
{
	bool other = false;
	int error = ext2_dir_iterate(dp, 0, only_dots, &other);

	if (error)
		return error;
	return other ? ENOTEMPTY : 0;
}

/* -- Order ------------------------------------------------------------------------------ */

/* => ip has a name in the block that is not on the disk yet */
static void
note_new_name(struct ext2_inode *ip, uint32_t blk)
{
	struct ext2fs *fs = ip->i_fs;

	ext2_idirty(ip);
	mtx_enter(&fs->fs_mtx);
	ip->i_newblk = ip->i_newgen == 0 || ip->i_newblk == blk ? blk : 0;
	ip->i_newgen = ++fs->fs_namegen;
	mtx_leave(&fs->fs_mtx);
}

/* => the classes are added to those of the block, which is dirty */
static int
add_class(struct ext2fs *fs, uint32_t blk, uint32_t class)
{
	struct mblk *mb;
	int error = mc_get(fs->fs_mc, blk, MC_READ, &mb);

	if (error)
		return error;
	if (mb->mb_dirty)
		mc_dirty(mb, mb->mb_owner, class);
	mc_put(mb);
	return 0;
}

/*
 * A name of ip is about to go from the block.  If it has a newer one in
 * another, that must be safe before.
 * => fs_synclock held
 * => 0: *classp: to be added to the block; EAGAIN: write all names first
 */
static int
order_removal(struct ext2_inode *ip, uint32_t blk, uint32_t *classp)
{
	struct ext2fs *fs = ip->i_fs;
	uint32_t new, old = mc_classes(fs->fs_mc, blk);

	*classp = 0;
	if (ip->i_newgen == 0 || (old & CL_DIRFRESH))
		return 0; /* written, or the old one is not on disk either */
	new = ip->i_newblk != 0 ? mc_classes(fs->fs_mc, ip->i_newblk) : 0;
	if (ip->i_newblk == 0 || (new &CL_DIROLD) || (old & CL_DIRNEW))
		return EAGAIN;
	if ((new &(CL_DIR | CL_DIRFRESH)) == 0)
		return EAGAIN; /* written, but maybe not all of the way to it */
	*classp = CL_DIROLD;
	return add_class(fs, ip->i_newblk, CL_DIRNEW);
}

/* => is there an order to keep? nothing is lost with the last name */
static bool
needs_order(const struct ext2_inode *victim, uint32_t blk)
{
	return victim != NULL && victim->i_newgen != 0 &&
	    victim->i_newblk != blk && victim->i_nlink > 1;
}

/* -- Changing ---------------------------------------------------------------------------- */

/* => mb held: room for the name at *offp, after what of an entry is used */
static int
find_room(struct ext2_inode *dp, const struct mblk *mb, uint64_t lbn,
    uint32_t need, uint32_t *offp)
{
	const struct ext2fs *fs = dp->i_fs;
	const struct ext2_dirent *de;
	uint32_t off, n, used;

	for (off = 0; off < fs->fs_bsize; off += n) {
		n = check_length(fs, mb->mb_data, off);
		if (n == 0)
			return bad_entry(dp, lbn, off);
		de = entry_at(mb, off);
		used = le32(de->d_ino) != 0 ? EXT2_DIRLEN(de->d_namelen) : 0;
		if (n - used >= need) {
			*offp = off;
			return 0;
		}
	}
	return ENOENT;
}

/* => mb held, room at off by find_room() */
static void
put_entry(struct mblk *mb, uint32_t off, const char *name, size_t len,
    const struct ext2_inode *ip)
{
	struct ext2_dirent *de = entry_at(mb, off);
	uint32_t reclen = le16(de->d_reclen), used;

	if (le32(de->d_ino) != 0) {
		used = EXT2_DIRLEN(de->d_namelen);
		de->d_reclen = tole16(used);
		de = entry_at(mb, off + used);
		reclen -= used;
	}
	set_entry(de, reclen, name, len, ip);
}

/* => a new block at the directory's end, held, one empty entry in it; dirty */
static int
grow(struct ext2_inode *dp, struct mblk **mbp)
{
	struct ext2fs *fs = dp->i_fs;
	uint64_t lbn = dir_blocks(dp);
	uint32_t blk, n;
	int error;

	if (dp->i_size + fs->fs_bsize > INT32_MAX)
		return EFBIG;
	error = ext2_bmap_alloc(dp, lbn, 1);
	if (error == 0)
		error = ext2_bmap(dp, lbn, 1, &blk, &n);
	if (error)
		return error;
	rw_enter_write(&dp->i_maplock);
	dp->i_size += fs->fs_bsize;
	rw_exit(&dp->i_maplock);
	ext2_idirty(dp);
	error = mc_get(fs->fs_mc, blk, MC_FRESH, mbp);
	if (error)
		return error;
	entry_at(*mbp, 0)->d_reclen = tole16(fs->fs_bsize);
	mc_dirty(*mbp, dp->i_ino, CL_DIRFRESH);
	return 0;
}

/* => a block with room, held; *offp as find_room() */
static int
get_room(
    struct ext2_inode *dp, uint32_t need, struct mblk **mbp, uint32_t *offp)
{
	uint64_t n = dir_blocks(dp), lbn;
	int error;

	*offp = 0;
	for (uint64_t i = 0; i < n; i++) {
		lbn = (dp->i_hint + i) % n;
		error = get_block(dp, lbn, mbp);
		if (error)
			return error;
		error = find_room(dp, *mbp, lbn, need, offp);
		if (error == 0) {
			dp->i_hint = (uint32_t)lbn;
			return 0;
		}
		mc_put(*mbp);
		if (error != ENOENT)
			return error;
	}
	*offp = 0; /* all of it */
	return grow(dp, mbp);
}

int
ext2_dir_add(
    struct ext2_inode *dp, const char *name, size_t len, struct ext2_inode *ip)
{
	struct mblk *mb;
	uint32_t off, blk;
	int error;

	if (len > EXT2_NAMELEN)
		return ENAMETOOLONG;
	error = get_room(dp, EXT2_DIRLEN(len), &mb, &off);
	if (error)
		return error;
	put_entry(mb, off, name, len, ip);
	dirty_block(dp, mb);
	blk = (uint32_t)mb->mb_blkno;
	mc_put(mb);
	note_new_name(ip, blk);
	changed(dp);
	return 0;
}

/* => the entry joins the one before it, or is an empty one */
static void
cut_entry(struct mblk *mb, const struct slot *s)
{
	struct ext2_dirent *de = entry_at(mb, s->off), *prev;

	if (s->prev == s->off) {
		de->d_ino = tole32(0);
		return;
	}
	prev = entry_at(mb, s->prev);
	prev->d_reclen = tole16(le16(prev->d_reclen) + le16(de->d_reclen));
}

/*
 * => s is where a name of victim is; block held and dirty, may be changed;
 *    *lockedp: fs_synclock is held, or a sync could write this block before
 *    the one with the new name
 */
static int
get_for_removal(struct ext2_inode *dp, const char *name, size_t len,
    struct ext2_inode *victim, struct slot *s, struct mblk **mbp, bool *lockedp)
{
	struct ext2fs *fs = dp->i_fs;
	uint32_t class = 0;
	int error = find(dp, name, len, s);

	*lockedp = error == 0 && needs_order(victim, s->blk);
	if (*lockedp) {
		rw_enter_write(&fs->fs_synclock);
		error = order_removal(victim, s->blk, &class);
	}
	if (error == 0)
		error = mc_get(fs->fs_mc, s->blk, MC_READ, mbp);
	if (error) {
		if (*lockedp)
			rw_exit(&fs->fs_synclock);
		return error;
	}
	dirty_block(dp, *mbp);
	if (class != 0)
		mc_dirty(*mbp, dp->i_ino, class);
	return 0;
}

/* => as get_for_removal(), which may want names written first */
static int
begin_removal(struct ext2_inode *dp, const char *name, size_t len,
    struct ext2_inode *victim, struct slot *s, struct mblk **mbp, bool *lockedp)
{
	int error;

	for (;;) {
		error = get_for_removal(dp, name, len, victim, s, mbp, lockedp);
		if (error != EAGAIN)
			return error;
		error = ext2_sync_names(dp->i_fs);
		if (error)
			return error;
	}
}

static void
end_removal(struct ext2_inode *dp, struct mblk *mb, bool locked)
{
	mc_put(mb);
	if (locked)
		rw_exit(&dp->i_fs->fs_synclock);
	changed(dp);
}

int
ext2_dir_remove(
    struct ext2_inode *dp, const char *name, size_t len, struct ext2_inode *ip)
{
	struct mblk *mb;
	struct slot s;
	bool locked;
	int error = begin_removal(dp, name, len, ip, &s, &mb, &locked);

	if (error)
		return error;
	cut_entry(mb, &s);
	end_removal(dp, mb, locked);
	dp->i_hint = (uint32_t)s.lbn;
	return 0;
}

int
ext2_dir_replace(struct ext2_inode *dp, const char *name, size_t len,
    struct ext2_inode *ip, struct ext2_inode *victim)
{
	struct mblk *mb;
	struct slot s;
	bool locked;
	int error = begin_removal(dp, name, len, victim, &s, &mb, &locked);

	if (error)
		return error;
	set_target(entry_at(mb, s.off), ip);
	end_removal(dp, mb, locked);
	if (victim != NULL)
		note_new_name(ip, s.blk);
	return 0;
}

int
ext2_dir_swap(struct ext2_inode *dp, const char *name, size_t len,
    struct ext2_inode *ip, const char *tname, size_t tlen,
    struct ext2_inode *tip)
{
	struct ext2fs *fs = dp->i_fs;
	struct slot s, ts;
	struct mblk *mb;
	int error = find(dp, name, len, &s);

	if (error == 0)
		error = find(dp, tname, tlen, &ts);
	if (error == 0 && s.blk != ts.blk)
		error = EXDEV;
	if (error == 0)
		error = mc_get(fs->fs_mc, s.blk, MC_READ, &mb);
	if (error)
		return error;
	set_target(entry_at(mb, s.off), tip);
	set_target(entry_at(mb, ts.off), ip);
	dirty_block(dp, mb);
	mc_put(mb);
	note_new_name(ip, s.blk);
	note_new_name(tip, s.blk);
	changed(dp);
	return 0;
}

int
ext2_dir_init(struct ext2_inode *dp, struct ext2_inode *parent)
{
	struct mblk *mb;
	uint32_t dot = EXT2_DIRLEN(1);
	int error = grow(dp, &mb);

	if (error)
		return error;
	set_entry(entry_at(mb, 0), dot, ".", 1, dp);
	set_entry(entry_at(mb, dot), dp->i_fs->fs_bsize - dot, "..", 2, parent);
	mc_put(mb);
	return 0;
}
