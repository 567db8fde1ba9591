/*
 * Inodes in memory: found by number, checked when they are read, on the list
 * of dirty ones until they have been written.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/pool.h>
#include <fs/ext2/ext2_var.h>

#define NSEC 1000000000L

/* Flags that give the inode another form. */
#define FORM_FL 0x10080804 /* inline data, extents, encrypted, compressed */

/* -- On disk ------------------------------------------------------------------------ */

/* => block of the table that has it, and where in it */
static uint32_t
table_block(const struct ext2fs *fs, uint32_t ino, uint32_t *offp)
{
	uint32_t g = (ino - 1) / fs->fs_ipg, i = (ino - 1) % fs->fs_ipg;
	uint64_t off = (uint64_t)i * fs->fs_isize;

	*offp = (uint32_t)(off & (fs->fs_bsize - 1));
	return fs->fs_group[g].g_itable + (uint32_t)(off >> fs->fs_bshift);
}

/* => what the inode has behind its first 128 bytes; NULL: nothing, or damage */
static struct ext2_dextra *
extra_of(const struct ext2fs *fs, struct ext2_dinode *di)
{
	struct ext2_dextra *ex = (void *)(di + 1);

	if (fs->fs_isize < sizeof(*di) + sizeof(*ex) ||
	    le16(ex->i_extra_isize) > fs->fs_isize - sizeof(*di))
		return NULL;
	return ex;
}

/* => that word of ex, or NULL: the inode has not so much */
#define EXTRA(ex, field)                                        \
	((ex) != NULL &&                                        \
		    le16((ex)->i_extra_isize) >=                \
			offsetof(struct ext2_dextra, field) + 4 \
		? &(ex)->field                                  \
		: NULL)

/* => ns; extra: NULL, there is none */
static int64_t
get_time(le32_t sec, const le32_t *extra)
{
	int64_t s = (int32_t)le32(sec), ns = 0;

	if (extra != NULL) {
		s += (int64_t)(le32(*extra) & 3) << 32;
		ns = le32(*extra) >> 2;
	}
	/* what it cannot be is damage, nothing that would stop anybody */
	if (ns >= NSEC)
		ns = 0;
	return MIN(s, INT64_MAX / NSEC - 1) * NSEC + ns;
}

/* => without extra: the nearest that 32 bits have */
static void
put_time(int64_t ns, le32_t *sec, le32_t *extra)
{
	int64_t s = ns / NSEC - (ns % NSEC < 0), rest = ns - s * NSEC;

	if (extra == NULL) {
		*sec = tole32(MAX(MIN(s, INT32_MAX), INT32_MIN));
		return;
	}
	s = MAX(s, INT32_MIN);
	*sec = tole32((uint32_t)s);
	*extra = tole32(
	    (uint32_t)rest << 2 | (uint32_t)((s - (int32_t)s) >> 32 & 3));
}

static void
parse_times(struct ext2_inode *ip, struct ext2_dinode *di)
{
	struct ext2_dextra *ex = extra_of(ip->i_fs, di);

	ip->i_atime = get_time(di->i_atime, EXTRA(ex, i_atime_extra));
	ip->i_mtime = get_time(di->i_mtime, EXTRA(ex, i_mtime_extra));
	ip->i_ctime = get_time(di->i_ctime, EXTRA(ex, i_ctime_extra));
}

/* An inode of a kernel that did not know of extra words has room for them,
 * unless attributes took it. */
static void
make_extra(const struct ext2_inode *ip, struct ext2_dextra *ex)
{
	size_t room = ip->i_fs->fs_isize - sizeof(struct ext2_dinode);

	for (size_t i = 0; i < room; i++)
		if (((const uint8_t *)ex)[i] != 0)
			return;
	ex->i_extra_isize = tole16(sizeof(*ex));
}

static void
fill_times(const struct ext2_inode *ip, struct ext2_dinode *di)
{
	struct ext2_dextra *ex = extra_of(ip->i_fs, di);

	if (ex != NULL && le16(ex->i_extra_isize) == 0)
		make_extra(ip, ex);
	put_time(ip->i_atime, &di->i_atime, EXTRA(ex, i_atime_extra));
	put_time(ip->i_mtime, &di->i_mtime, EXTRA(ex, i_mtime_extra));
	put_time(ip->i_ctime, &di->i_ctime, EXTRA(ex, i_ctime_extra));
	if (ip->i_fresh && EXTRA(ex, i_crtime_extra) != NULL)
		put_time(ip->i_born, &ex->i_crtime, &ex->i_crtime_extra);
}

static void
parse_dinode(struct ext2_inode *ip, struct ext2_dinode *di)
{
	ip->i_mode = le16(di->i_mode);
	ip->i_uid = le16(di->i_uid) | (uid_t)le16(di->i_uid_high) << 16;
	ip->i_gid = le16(di->i_gid) | (gid_t)le16(di->i_gid_high) << 16;
	ip->i_nlink = le16(di->i_links_count);
	ip->i_size = le32(di->i_size);
	if (S_ISREG(ip->i_mode))
		ip->i_size |= (uint64_t)le32(di->i_size_high) << 32;
	parse_times(ip, di);
	ip->i_dtime = le32(di->i_dtime);
	ip->i_flags = le32(di->i_flags);
	ip->i_gen = le32(di->i_generation);
	ip->i_xattr = le32(di->i_file_acl);
	ip->i_blocks = le32(di->i_blocks);
	for (u_int i = 0; i < EXT2_NPTRS; i++)
		ip->i_block[i] = le32(di->i_block[i]);
}

static void
fill_dinode(const struct ext2_inode *ip, struct ext2_dinode *di)
{
	di->i_mode = tole16(ip->i_mode);
	di->i_uid = tole16(ip->i_uid);
	di->i_uid_high = tole16(ip->i_uid >> 16);
	di->i_gid = tole16(ip->i_gid);
	di->i_gid_high = tole16(ip->i_gid >> 16);
	di->i_links_count = tole16(ip->i_nlink);
	di->i_size = tole32(ip->i_size);
	if (S_ISREG(ip->i_mode))
		di->i_size_high = tole32(ip->i_size >> 32);
	fill_times(ip, di);
	di->i_dtime = tole32(ip->i_dtime);
	di->i_flags = tole32(ip->i_flags);
	di->i_generation = tole32(ip->i_gen);
	di->i_file_acl = tole32(ip->i_xattr);
	di->i_blocks = tole32(ip->i_blocks);
	for (u_int i = 0; i < EXT2_NPTRS; i++)
		di->i_block[i] = tole32(ip->i_block[i]);
}

/* => sizes and the form fit the type */
static int
check_inode(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	uint64_t all = (uint64_t)fs->fs_nblocks << (fs->fs_bshift - 9);
	bool known = true;

	switch (ip->i_mode & S_IFMT) {
	case S_IFREG:
		known = ip->i_size <= INT64_MAX;
		break;
	case S_IFDIR:
		known = ip->i_size > 0 &&
		    (ip->i_size & (fs->fs_bsize - 1)) == 0 &&
		    ip->i_size >> fs->fs_bshift <= fs->fs_nblocks;
		break;
	case S_IFLNK:
		known = ip->i_size > 0 && ip->i_size < fs->fs_bsize;
		break;
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		break;
	default:
		return ext2_bad(fs, "mode of inode", ip->i_ino, ip->i_mode);
	}
	if (!known)
		return ext2_bad(fs, "size of inode", ip->i_ino, ip->i_size);
	if (ip->i_nlink == 0)
		return ext2_bad(fs, "no links, inode", ip->i_ino, 0);
	if (ip->i_blocks > all)
		return ext2_bad(fs, "blocks of inode", ip->i_ino, ip->i_blocks);
	if (ip->i_flags & FORM_FL)
		return ext2_bad(fs, "flags of inode", ip->i_ino, ip->i_flags);
	if (ip->i_xattr != 0 && !ext2_blk_ok(fs, ip->i_xattr, 1))
		return ext2_bad(
		    fs, "attributes of inode", ip->i_ino, ip->i_xattr);
	return 0;
}

static int
read_inode(struct ext2_inode *ip)
{
	struct mblk *mb;
	uint32_t off, blk = table_block(ip->i_fs, ip->i_ino, &off);
	int error = mc_get(ip->i_fs->fs_mc, blk, MC_READ, &mb);

	if (error)
		return error;
	parse_dinode(ip, (void *)((char *)mb->mb_data + off));
	mc_put(mb);
	return check_inode(ip);
}

int
ext2_icopy(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	struct mblk *mb;
	uint32_t off, blk = table_block(fs, ip->i_ino, &off);
	struct ext2_dinode *di;
	int error;

	error = mc_get(fs->fs_mc, blk, MC_READ, &mb);
	if (error)
		return error;
	di = (void *)((char *)mb->mb_data + off);
	if (ip->i_fresh)
		memset(di, 0, fs->fs_isize);
	fill_dinode(ip, di);
	mc_dirty(mb, 0, CL_INODE);
	mc_put(mb);
	ip->i_fresh = false;
	ext2_frees_copied(fs, ip->i_ino);
	return 0;
}

dev_t
ext2_rdev(const struct ext2_inode *ip)
{
	uint32_t n = ip->i_block[1];

	if (ip->i_block[0] != 0) /* 8 bits each */
		return makedev(
		    (ip->i_block[0] >> 8) & 0xff, ip->i_block[0] & 0xff);
	return makedev((n >> 8) & 0xfff, (n & 0xff) | ((n >> 12) & 0xfff00));
}

void
ext2_set_rdev(struct ext2_inode *ip, dev_t rdev)
{
	if (major(rdev) < 256)
		ip->i_block[0] = (uint32_t)(major(rdev) << 8 | minor(rdev));
	else
		ip->i_block[1] = (uint32_t)(major(rdev) << 8 | minor(rdev));
}

/* -- In memory ------------------------------------------------------------------------ */

static struct ext2_inode *
alloc_inode(struct ext2fs *fs, uint32_t ino)
{
	struct ext2_inode *ip = kmem_zalloc(sizeof(*ip), PR_WAITOK);

	rw_init(&ip->i_maplock, LR_FSMAP, "ext2map");
	TAILQ_INIT(&ip->i_unwritten);
	ip->i_fs = fs;
	ip->i_ino = ino;
	ip->i_refs = 1;
	return ip;
}

/* => fs_mtx held */
static struct ext2_inode *
hash_find(struct ext2fs *fs, uint32_t ino)
{
	struct ext2_inode *ip;

	LIST_FOREACH (ip, &fs->fs_hash[ino % EXT2_HASH], i_hash)
		if (ip->i_ino == ino)
			return ip;
	return NULL;
}

static void
hash_insert(struct ext2fs *fs, struct ext2_inode *ip)
{
	LIST_INSERT_HEAD(&fs->fs_hash[ip->i_ino % EXT2_HASH], ip, i_hash);
	fs->fs_inuse++;
}

/* => fs_mtx held; nobody has it */
static void
hash_remove(struct ext2_inode *ip)
{
	LIST_REMOVE(ip, i_hash);
	ip->i_fs->fs_inuse--;
}

/* A reference goes; what nobody else has is freed. */
static void
drop_ref(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	bool last;

	mtx_enter(&fs->fs_mtx);
	KASSERT(ip->i_refs > 0);
	last = --ip->i_refs == 0;
	if (last)
		hash_remove(ip);
	mtx_leave(&fs->fs_mtx);
	if (last) {
		ext2_unwritten_free(ip);
		kmem_free(ip, sizeof(*ip));
	}
}

/* => the inode in memory, referenced, its reader done; NULL: there is none */
static struct ext2_inode *
find_loaded(struct ext2fs *fs, uint32_t ino, struct ext2_inode *new)
{
	struct ext2_inode *ip;

	mtx_enter(&fs->fs_mtx);
	ip = hash_find(fs, ino);
	if (ip == NULL && new != NULL)
		hash_insert(fs, new);
	if (ip != NULL) {
		ip->i_refs++;
		while (ip->i_loading)
			(void)msleep(
			    ip, &fs->fs_mtx, PRIBIO, "ext2ino", INFSLP);
	}
	mtx_leave(&fs->fs_mtx);
	return ip;
}

/* => ip is in the table, and the caller the one to read it */
static int
load(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	int error = read_inode(ip);

	mtx_enter(&fs->fs_mtx);
	ip->i_loading = false;
	ip->i_failed = error != 0;
	wakeup(ip);
	mtx_leave(&fs->fs_mtx);
	if (error)
		drop_ref(ip);
	return error;
}

int
ext2_iget(struct ext2fs *fs, uint32_t ino, struct ext2_inode **ipp)
{
	struct ext2_inode *ip, *new;

	if (ino != EXT2_ROOTINO &&
	    (ino < fs->fs_firstino || ino > fs->fs_ninodes))
		return ext2_bad(fs, "inode number", ino, fs->fs_ninodes);
	ip = find_loaded(fs, ino, NULL);
	if (ip == NULL) {
		new = alloc_inode(fs, ino);
		new->i_loading = true;
		ip = find_loaded(fs, ino, new);
		if (ip == NULL) {
			*ipp = new;
			return load(new);
		}
		kmem_free(new, sizeof(*new));
	}
	if (ip->i_failed || ip->i_dead) {
		drop_ref(ip);
		return EIO;
	}
	*ipp = ip;
	return 0;
}

void
ext2_iref(struct ext2_inode *ip)
{
	mtx_enter(&ip->i_fs->fs_mtx);
	ip->i_refs++;
	mtx_leave(&ip->i_fs->fs_mtx);
}

/* => fs_mtx held */
static void
set_dirty_locked(struct ext2_inode *ip, bool changed)
{
	struct ext2fs *fs = ip->i_fs;

	ip->i_modified = true;
	ip->i_changed |= changed;
	if (!ip->i_dirty) {
		ip->i_dirty = true;
		ip->i_refs++;
		TAILQ_INSERT_TAIL(&fs->fs_dirty, ip, i_dirtylink);
	}
}

static void
set_dirty(struct ext2_inode *ip, bool changed)
{
	mtx_enter(&ip->i_fs->fs_mtx);
	set_dirty_locked(ip, changed);
	mtx_leave(&ip->i_fs->fs_mtx);
}

void
ext2_idirty(struct ext2_inode *ip)
{
	set_dirty(ip, true);
}

void
ext2_idirty_times(struct ext2_inode *ip)
{
	set_dirty(ip, false);
}

void
ext2_touch(struct ext2_inode *ip, bool mtime)
{
	rw_enter_write(&ip->i_maplock);
	ip->i_ctime = (int64_t)nsecwall();
	if (mtime)
		ip->i_mtime = ip->i_ctime;
	rw_exit(&ip->i_maplock);
	ext2_idirty_times(ip);
}

void
ext2_nlink(struct ext2_inode *ip, int n)
{
	rw_enter_write(&ip->i_maplock);
	ip->i_nlink =
	    n < 0 && ip->i_nlink < (uint32_t)-n ? 0 : ip->i_nlink + (uint32_t)n;
	ip->i_ctime = (int64_t)nsecwall();
	mtx_enter(&ip->i_fs->fs_mtx);
	if (ip->i_nlink == 0)
		ip->i_zerogen = ++ip->i_fs->fs_namegen;
	mtx_leave(&ip->i_fs->fs_mtx);
	rw_exit(&ip->i_maplock);
	ext2_idirty(ip);
}

/* -- Coming and going ------------------------------------------------------------------- */

/* => the generation the slot had */
static uint32_t
old_generation(struct ext2fs *fs, uint32_t ino)
{
	uint32_t off, blk = table_block(fs, ino, &off), gen = 0;
	struct mblk *mb;

	if (mc_get(fs->fs_mc, blk, MC_READ, &mb) != 0)
		return 0;
	gen = le32(
	    ((struct ext2_dinode *)((char *)mb->mb_data + off))->i_generation);
	mc_put(mb);
	return gen;
}

int
ext2_inew(struct ext2fs *fs, uint32_t parent, mode_t mode, uid_t uid, gid_t gid,
    struct ext2_inode **ipp)
{
	struct ext2_inode *ip;
	uint32_t ino;
	int error = ext2_ialloc(fs, parent, S_ISDIR(mode), &ino);

	if (error)
		return error;
	ip = alloc_inode(fs, ino);
	ip->i_mode = mode;
	ip->i_uid = uid;
	ip->i_gid = gid;
	ip->i_fresh = true;
	ip->i_gen = old_generation(fs, ino) + 1;
	ip->i_born = (int64_t)nsecwall();
	ip->i_atime = ip->i_mtime = ip->i_ctime = ip->i_born;
	mtx_enter(&fs->fs_mtx);
	if (hash_find(fs, ino) != NULL) { /* the bitmap says it is free */
		mtx_leave(&fs->fs_mtx);
		kmem_free(ip, sizeof(*ip));
		return ext2_bad(fs, "inode in use, but free:", ino, 0);
	}
	hash_insert(fs, ip);
	mtx_leave(&fs->fs_mtx);
	*ipp = ip;
	return 0;
}

/* Its attributes have one user less. => 0; EIO: not, the block is unreadable */
static int
free_xattr(struct ext2_inode *ip, struct ext2_frees *fr)
{
	struct ext2fs *fs = ip->i_fs;
	struct ext2_xattr *xa;
	struct mblk *mb;
	uint32_t n;
	int error;

	mc_reserve(fs->fs_mc, 1);
	error = mc_get(fs->fs_mc, ip->i_xattr, MC_READ, &mb);
	if (error == 0) {
		xa = mb->mb_data;
		n = le32(xa->h_refcount);
		if (le32(xa->h_magic) != EXT2_XATTR_MAGIC || n == 0)
			(void)ext2_bad(
			    fs, "attributes of inode", ip->i_ino, ip->i_xattr);
		else if (n > 1) {
			xa->h_refcount = tole32(n - 1);
			mc_dirty(mb, 0, CL_XATTR);
		} else
			(void)ext2_frees_add(fr, ip->i_xattr);
		mc_put(mb);
	}
	mc_unreserve(fs->fs_mc, 1);
	return error;
}

/* => what the inode has besides itself waits in a batch, or in fr; FALSE: some
 *    could not be read, and is the inode's still */
static bool
free_blocks(struct ext2_inode *ip, struct ext2_frees *fr)
{
	if (S_ISREG(ip->i_mode) || S_ISDIR(ip->i_mode) ||
	    (S_ISLNK(ip->i_mode) && ext2_own_blocks(ip) != 0)) {
		(void)ext2_truncate(ip, 0);
		if (ip->i_cut)
			return false;
	}
	return ip->i_xattr == 0 || free_xattr(ip, fr) == 0;
}

/*
 * Nobody can name it, nobody uses it: its blocks go, then, when it has been
 * written as free, it.
 * => FALSE: not now
 */
static bool
free_inode(struct ext2_inode *ip)
{
	struct ext2_frees *fr = kmem_zalloc(sizeof(*fr), PR_WAITOK);

	if (!free_blocks(ip, fr)) {
		kmem_free(fr, sizeof(*fr));
		return false;
	}
	fr->fr_ino = ip->i_ino;
	fr->fr_inode = true;
	fr->fr_isdir = S_ISDIR(ip->i_mode);
	rw_enter_write(&ip->i_maplock);
	ip->i_dtime = (uint32_t)(nsecwall() / NSEC);
	ip->i_xattr = 0;
	ip->i_blocks = 0;
	ip->i_size = 0;
	memset(ip->i_block, 0, sizeof(ip->i_block));
	ext2_frees_queue(ip->i_fs, fr);
	rw_exit(&ip->i_maplock);
	ext2_idirty(ip);
	return true;
}

/* => the reference is used: who writes the dirty ones has one now and then, and
 *    whose is the last tries again */
static void
free_later(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;

	mtx_enter(&fs->fs_mtx);
	ip->i_dead = false;
	set_dirty_locked(ip, true);
	ip->i_refs--;
	mtx_leave(&fs->fs_mtx);
}

void
ext2_iput(struct ext2_inode *ip)
{
	struct ext2fs *fs = ip->i_fs;
	bool dies;

	mtx_enter(&fs->fs_mtx);
	dies = ip->i_refs == 1U + ip->i_dirty && ip->i_nlink == 0 &&
	    !ip->i_dead && !fs->fs_rdonly;
	if (dies)
		ip->i_dead = true;
	mtx_leave(&fs->fs_mtx);
	if (dies && !free_inode(ip))
		free_later(ip);
	else
		drop_ref(ip);
}

bool
ext2_unfreed(struct ext2fs *fs)
{
	struct ext2_inode *ip;
	bool yes = false;

	mtx_enter(&fs->fs_mtx);
	TAILQ_FOREACH (ip, &fs->fs_dirty, i_dirtylink)
		yes |= ip->i_nlink == 0 && ip->i_refs == 1;
	mtx_leave(&fs->fs_mtx);
	return yes;
}

void
ext2_idrop_all(struct ext2fs *fs)
{
	struct ext2_inode *ip;
	struct ext2_frees *fr;

	while ((ip = TAILQ_FIRST(&fs->fs_dirty)) != NULL) {
		TAILQ_REMOVE(&fs->fs_dirty, ip, i_dirtylink);
		ip->i_dirty = false;
		drop_ref(ip);
	}
	while ((fr = STAILQ_FIRST(&fs->fs_frees)) != NULL) {
		STAILQ_REMOVE_HEAD(&fs->fs_frees, fr_link);
		kmem_free(fr, sizeof(*fr));
	}
	KASSERT(fs->fs_inuse == 0);
}
