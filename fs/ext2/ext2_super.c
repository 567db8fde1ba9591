/* Mounting: is it ext2, is it whole, may it be written? */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <sys/fcntl.h>
#include <fs/ext2/ext2_var.h>

#define MAXGROUPS 65536
#define BAD_MAX   20 /* lines about damage of one mount */
#define SBREAD    4096 /* from the beginning: any device's block size does */
#define CACHE_MAX 1024 /* blocks of metadata */

int
ext2_bad(struct ext2fs *fs, const char *what, uint64_t no, uint64_t value)
{
	uint32_t n = atomic_add(&fs->fs_nbad, 1);

	fs->fs_errors = true;
	if (n == BAD_MAX)
		printf("ext2: %s: no more of this is shown\n",
		    fs->fs_dev->bd_name);
	if (n >= BAD_MAX)
		return EIO;
	printf("ext2: %s: damaged: %s %lu, value %lu\n", fs->fs_dev->bd_name,
	    what, (unsigned long)no, (unsigned long)value);
	return EIO;
}

/* -- Groups ------------------------------------------------------------------------ */

static bool
is_power_of(uint32_t g, uint32_t base)
{
	while (g > 1 && g % base == 0)
		g /= base;
	return g == 1;
}

bool
ext2_group_has_super(const struct ext2fs *fs, uint32_t g)
{
	return !fs->fs_sparse || g <= 1 || is_power_of(g, 3) ||
	    is_power_of(g, 5) || is_power_of(g, 7);
}

uint32_t
ext2_group_start(const struct ext2fs *fs, uint32_t g)
{
	return fs->fs_first + g * fs->fs_bpg;
}

uint32_t
ext2_group_size(const struct ext2fs *fs, uint32_t g)
{
	return MIN(fs->fs_bpg, fs->fs_nblocks - ext2_group_start(fs, g));
}

/* => blocks the superblock and descriptors take at the group's beginning */
static uint32_t
super_blks(const struct ext2fs *fs, uint32_t g)
{
	return ext2_group_has_super(fs, g) ? 1 + fs->fs_gdblks + fs->fs_gdresv
					   : 0;
}

static bool
overlaps(uint32_t a, uint32_t na, uint32_t b, uint32_t nb)
{
	return a < b + nb && b < a + na;
}

/* => [blk, blk + n), within the group, is none of its metadata */
static bool
group_free_for(const struct ext2fs *fs, uint32_t g, uint32_t blk, uint32_t n)
{
	const struct ext2_group *gr = &fs->fs_group[g];

	return !overlaps(blk, n, ext2_group_start(fs, g), super_blks(fs, g)) &&
	    !overlaps(blk, n, gr->g_bbitmap, 1) &&
	    !overlaps(blk, n, gr->g_ibitmap, 1) &&
	    !overlaps(blk, n, gr->g_itable, fs->fs_itblks);
}

bool
ext2_blk_ok(const struct ext2fs *fs, uint32_t blk, uint32_t n)
{
	uint32_t g, m;

	if (blk < fs->fs_first || blk >= fs->fs_nblocks ||
	    n > fs->fs_nblocks - blk)
		return false;
	for (; n > 0; n -= m, blk += m) {
		g = (blk - fs->fs_first) / fs->fs_bpg;
		m = MIN(n, ext2_group_start(fs, g) + fs->fs_bpg - blk);
		if (!group_free_for(fs, g, blk, m))
			return false;
	}
	return true;
}

/* => blocks of metadata lie in their group, each for itself */
static bool
group_ok(const struct ext2fs *fs, uint32_t g)
{
	const struct ext2_group *gr = &fs->fs_group[g];
	uint32_t start = ext2_group_start(fs, g), n = ext2_group_size(fs, g);
	uint32_t sup = super_blks(fs, g);
	const uint32_t at[] = { gr->g_bbitmap, gr->g_ibitmap, gr->g_itable };
	const uint32_t len[] = { 1, 1, fs->fs_itblks };

	if (n < sup + 2 + fs->fs_itblks || gr->g_freeb > n ||
	    gr->g_freei > fs->fs_ipg || gr->g_dirs > fs->fs_ipg)
		return false;
	for (int i = 0; i < 3; i++) {
		if (at[i] < start + sup || at[i] - start >= n ||
		    len[i] > n - (at[i] - start))
			return false;
		for (int k = 0; k < i; k++)
			if (overlaps(at[i], len[i], at[k], len[k]))
				return false;
	}
	return true;
}

static int
read_groups(struct ext2fs *fs)
{
	uint32_t per = fs->fs_bsize / sizeof(struct ext2_gdesc);
	struct ext2_gdesc *gd;
	struct ext2_group *gr;
	struct mblk *mb;
	int error = 0;

	for (uint32_t g = 0; g < fs->fs_ngroups; g++) {
		error =
		    mc_get(fs->fs_mc, fs->fs_first + 1 + g / per, MC_READ, &mb);
		if (error)
			return error;
		gd = (struct ext2_gdesc *)mb->mb_data + g % per;
		gr = &fs->fs_group[g];
		gr->g_bbitmap = le32(gd->bg_block_bitmap);
		gr->g_ibitmap = le32(gd->bg_inode_bitmap);
		gr->g_itable = le32(gd->bg_inode_table);
		gr->g_freeb = le16(gd->bg_free_blocks_count);
		gr->g_freei = le16(gd->bg_free_inodes_count);
		gr->g_dirs = le16(gd->bg_used_dirs_count);
		mc_put(mb);
		if (!group_ok(fs, g))
			return ext2_bad(
			    fs, "group descriptor", g, gr->g_itable);
		fs->fs_freeb += gr->g_freeb;
		fs->fs_freei += gr->g_freei;
	}
	return 0;
}

/* -- Superblock -------------------------------------------------------------------- */

static const char *const incompat_name[32] = { "compression", "filetype",
	"needs_recovery", "journal_dev", "meta_bg", NULL, "extents", "64bit",
	"mmp", "flex_bg", "ea_inode", NULL, "dirdata", "csum_seed", "largedir",
	"inline_data", "encrypt", "casefold" };
static const char *const rocompat_name[32] = { "sparse_super", "large_file",
	"btree_dir", "huge_file", "uninit_bg", "dir_nlink", "extra_isize",
	"has_snapshot", "quota", "bigalloc", "metadata_csum", "replica",
	"readonly", "project", "shared_blocks", "verity" };

/* => says which features are in the way */
static void
print_features(const struct bdev *bd, const char *why, uint32_t bits,
    const char *const *name)
{
	printf("ext2: %s: %s:", bd->bd_name, why);
	for (u_int i = 0; i < 32; i++)
		if (bits & (1U << i)) {
			if (name[i] != NULL)
				printf(" %s", name[i]);
			else
				printf(" 0x%x", 1U << i);
		}
	printf("\n");
}

static int
refuse(const struct bdev *bd, const char *why, uint64_t value)
{
	printf("ext2: %s: %s: %lu\n", bd->bd_name, why, (unsigned long)value);
	return EINVAL;
}

/* => may it be used at all; is it to be left unchanged? */
static int
check_features(struct ext2fs *fs, const struct ext2_super *sb)
{
	uint32_t incompat = le32(sb->s_feature_incompat);
	uint32_t rocompat = le32(sb->s_feature_ro_compat);

	if (le32(sb->s_rev_level) == 0)
		return 0;
	if (incompat & ~EXT2_INCOMPAT_FILETYPE) {
		print_features(fs->fs_dev, "needs features",
		    incompat & ~EXT2_INCOMPAT_FILETYPE, incompat_name);
		return EINVAL;
	}
	fs->fs_filetype = (incompat & EXT2_INCOMPAT_FILETYPE) != 0;
	fs->fs_sparse = (rocompat & EXT2_ROCOMPAT_SPARSE) != 0;
	rocompat &= ~(EXT2_ROCOMPAT_SPARSE | EXT2_ROCOMPAT_LARGE_FILE);
	fs->fs_mustro = rocompat != 0;
	if (rocompat != 0 && !fs->fs_rdonly) {
		print_features(
		    fs->fs_dev, "read-only for", rocompat, rocompat_name);
		fs->fs_rdonly = true;
	}
	return 0;
}

/* => sizes, the numbers everything else is made from */
static int
check_sizes(struct ext2fs *fs, const struct ext2_super *sb)
{
	uint32_t rev = le32(sb->s_rev_level), bits;
	const struct bdev *bd = fs->fs_dev;

	if (le16(sb->s_magic) != EXT2_MAGIC)
		return refuse(bd, "no ext2, magic", le16(sb->s_magic));
	if (rev > 1)
		return refuse(bd, "unknown revision", rev);
	if (le32(sb->s_log_block_size) > 2)
		return refuse(bd, "block size, log 2, of 1 KiB times",
		    le32(sb->s_log_block_size));
	fs->fs_bshift = 10 + le32(sb->s_log_block_size);
	fs->fs_bsize = 1U << fs->fs_bshift;
	bits = 8 * fs->fs_bsize;
	if (fs->fs_bsize < bd->bd_disk->dk_blksize)
		return refuse(
		    bd, "blocks smaller than the device's", fs->fs_bsize);
	fs->fs_isize = rev == 0 ? EXT2_OLDISIZE : le16(sb->s_inode_size);
	if (fs->fs_isize < EXT2_OLDISIZE || fs->fs_isize > fs->fs_bsize ||
	    !powerof2(fs->fs_isize))
		return refuse(bd, "inode size", fs->fs_isize);
	fs->fs_bpg = le32(sb->s_blocks_per_group);
	fs->fs_ipg = le32(sb->s_inodes_per_group);
	if (fs->fs_bpg < 8 || fs->fs_bpg > bits || fs->fs_bpg % 8 != 0)
		return refuse(bd, "blocks per group", fs->fs_bpg);
	if (fs->fs_ipg < 8 || fs->fs_ipg > bits || fs->fs_ipg % 8 != 0)
		return refuse(bd, "inodes per group", fs->fs_ipg);
	fs->fs_firstino = rev == 0 ? EXT2_OLDFIRST : le32(sb->s_first_ino);
	if (fs->fs_firstino < EXT2_OLDFIRST || fs->fs_firstino > fs->fs_ipg)
		return refuse(bd, "first inode", fs->fs_firstino);
	return 0;
}

/* => counts fit each other and the device */
static int
check_counts(struct ext2fs *fs, const struct ext2_super *sb)
{
	const struct bdev *bd = fs->fs_dev;

	fs->fs_first = le32(sb->s_first_data_block);
	fs->fs_nblocks = le32(sb->s_blocks_count);
	fs->fs_ninodes = le32(sb->s_inodes_count);
	fs->fs_reserved = le32(sb->s_r_blocks_count);
	if (fs->fs_first != (fs->fs_bsize == 1024))
		return refuse(bd, "first data block", fs->fs_first);
	if (fs->fs_nblocks <= fs->fs_first ||
	    fs->fs_nblocks > bd->bd_size >> (fs->fs_bshift - DEV_BSHIFT))
		return refuse(
		    bd, "more blocks than the device has", fs->fs_nblocks);
	fs->fs_ngroups = (uint32_t)howmany(
	    (uint64_t)fs->fs_nblocks - fs->fs_first, fs->fs_bpg);
	if (fs->fs_ngroups > MAXGROUPS)
		return refuse(bd, "too many groups", fs->fs_ngroups);
	if (fs->fs_ninodes != (uint64_t)fs->fs_ngroups * fs->fs_ipg)
		return refuse(bd, "number of inodes", fs->fs_ninodes);
	fs->fs_gdblks = (uint32_t)howmany(
	    fs->fs_ngroups * sizeof(struct ext2_gdesc), fs->fs_bsize);
	fs->fs_itblks = fs->fs_ipg * fs->fs_isize / fs->fs_bsize;
	if (fs->fs_ipg * fs->fs_isize % fs->fs_bsize != 0)
		fs->fs_itblks++;
	if (le32(sb->s_rev_level) > 0 &&
	    (le32(sb->s_feature_compat) & EXT2_COMPAT_RESIZE_INODE))
		fs->fs_gdresv = le16(sb->s_reserved_gdt_blocks);
	if (fs->fs_gdresv > fs->fs_bsize / 4)
		return refuse(bd, "reserved descriptor blocks", fs->fs_gdresv);
	return 0;
}

static void
set_derived(struct ext2fs *fs, const struct ext2_super *sb)
{
	uint64_t p = fs->fs_bsize / 4, blocks;

	fs->fs_ptrs = (uint32_t)p;
	/* i_blocks counts in 32 bits, indirect blocks included */
	blocks = MIN(EXT2_NDIRECT + p + p * p + p * p * p,
	    (UINT32_MAX >> (fs->fs_bshift - 9)) / (p + 2) * p);
	fs->fs_maxsize = blocks << fs->fs_bshift;
	if (le32(sb->s_rev_level) == 0 ||
	    (le32(sb->s_feature_ro_compat) & EXT2_ROCOMPAT_LARGE_FILE) == 0)
		fs->fs_maxsize = MIN(fs->fs_maxsize, INT32_MAX);
	memcpy(fs->fs_uuid, sb->s_uuid, sizeof(fs->fs_uuid));
}

/* => sb is the first SBREAD bytes' superblock; fs is zero but for fs_dev */
static int
parse_super(struct ext2fs *fs, const struct ext2_super *sb)
{
	int error = check_sizes(fs, sb);

	if (error == 0)
		error = check_features(fs, sb);
	if (error == 0)
		error = check_counts(fs, sb);
	if (error)
		return error;
	set_derived(fs, sb);
	if (le16(sb->s_state) == EXT2_VALID_FS)
		return 0;
	fs->fs_mustro = true;
	if (!fs->fs_rdonly) {
		printf("ext2: %s: not clean, read-only: run e2fsck\n",
		    fs->fs_dev->bd_name);
		fs->fs_rdonly = true;
	}
	return 0;
}

static int
read_super(struct ext2fs *fs)
{
	char *buf = kmem_alloc(SBREAD, PR_WAITOK);
	int error;

	if (fs->fs_dev->bd_size < SBREAD >> DEV_BSHIFT)
		error = refuse(
		    fs->fs_dev, "device too small, units", fs->fs_dev->bd_size);
	else
		error = bdev_rw(fs->fs_dev, NULL, B_READ, buf, SBREAD, 0);
	if (error == 0)
		error = parse_super(fs, (void *)(buf + EXT2_SBOFF));
	kmem_free(buf, SBREAD);
	return error;
}

/* -- Writing it -------------------------------------------------------------------- */

static void
fill_gdesc(struct ext2_gdesc *gd, const struct ext2_group *gr)
{
	gd->bg_free_blocks_count = tole16(gr->g_freeb);
	gd->bg_free_inodes_count = tole16(gr->g_freei);
	gd->bg_used_dirs_count = tole16(gr->g_dirs);
}

static int
copy_group(struct ext2fs *fs, uint32_t g)
{
	uint32_t per = fs->fs_bsize / sizeof(struct ext2_gdesc);
	struct mblk *mb;
	int error;

	error = mc_get(fs->fs_mc, fs->fs_first + 1 + g / per, MC_READ, &mb);
	if (error)
		return error;
	fill_gdesc(
	    (struct ext2_gdesc *)mb->mb_data + g % per, &fs->fs_group[g]);
	mc_dirty(mb, 0, CL_GROUP);
	mc_put(mb);
	fs->fs_group[g].g_dirty = false;
	return 0;
}

static void
fill_super(struct ext2fs *fs, struct ext2_super *sb, bool clean)
{
	uint32_t now = (uint32_t)(nsecwall() / 1000000000);

	sb->s_free_blocks_count = tole32(fs->fs_freeb);
	sb->s_free_inodes_count = tole32(fs->fs_freei);
	sb->s_wtime = tole32(now);
	sb->s_state = tole16(
	    (clean ? EXT2_VALID_FS : 0) | (fs->fs_errors ? EXT2_ERROR_FS : 0));
}

static int
copy_super(struct ext2fs *fs, bool clean)
{
	struct mblk *mb;
	int error =
	    mc_get(fs->fs_mc, EXT2_SBOFF >> fs->fs_bshift, MC_READ, &mb);

	if (error)
		return error;
	fill_super(fs,
	    (void *)((char *)mb->mb_data + (EXT2_SBOFF & (fs->fs_bsize - 1))),
	    clean);
	mc_dirty(mb, 0, CL_GROUP);
	mc_put(mb);
	fs->fs_sbdirty = false;
	return 0;
}

int
ext2_super_copy(struct ext2fs *fs, bool clean)
{
	int error = 0;

	for (uint32_t g = 0; g < fs->fs_ngroups && error == 0; g++) {
		if (!fs->fs_group[g].g_dirty)
			continue;
		mc_reserve(fs->fs_mc, 1);
		rw_enter_write(&fs->fs_alloclock);
		error = copy_group(fs, g);
		rw_exit(&fs->fs_alloclock);
		mc_unreserve(fs->fs_mc, 1);
	}
	if (error)
		return error;
	mc_reserve(fs->fs_mc, 1);
	rw_enter_write(&fs->fs_alloclock);
	error = copy_super(fs, clean);
	rw_exit(&fs->fs_alloclock);
	mc_unreserve(fs->fs_mc, 1);
	return error;
}

/* => the disk says that it is (not) clean, and this is safe */
static int
mark(struct ext2fs *fs, bool clean)
{
	int error = ext2_super_copy(fs, clean);

	if (error == 0)
		error = mc_flush(fs->fs_mc, 0, CL_GROUP, NULL);
	return error ? error : mc_sync(fs->fs_mc);
}

/* -- Mounting ---------------------------------------------------------------------- */

static void
destroy(struct ext2fs *fs)
{
	if (fs->fs_mc != NULL)
		mc_destroy(fs->fs_mc);
	if (fs->fs_group != NULL)
		kmem_free(
		    fs->fs_group, fs->fs_ngroups * sizeof(struct ext2_group));
	kmem_free(fs, sizeof(*fs));
}

static void
init_locks(struct ext2fs *fs)
{
	rw_init(&fs->fs_synclock, LR_FSSYNC, "ext2sync");
	rw_init(&fs->fs_alloclock, LR_FSALLOC, "ext2alloc");
	mtx_init(&fs->fs_mtx, LR_MISC, "ext2inodes");
	STAILQ_INIT(&fs->fs_frees);
	TAILQ_INIT(&fs->fs_dirty);
	for (u_int i = 0; i < EXT2_HASH; i++)
		LIST_INIT(&fs->fs_hash[i]);
}

static int
check_root(struct ext2fs *fs)
{
	struct ext2_inode *ip;
	int error = ext2_iget(fs, EXT2_ROOTINO, &ip);

	if (error)
		return error;
	if (!S_ISDIR(ip->i_mode))
		error = ext2_bad(fs, "root inode, mode", 2, ip->i_mode);
	ext2_iput(ip);
	return error;
}

int
ext2_mount(struct bdev *bd, bool rdonly, struct ext2fs **fsp)
{
	struct ext2fs *fs = kmem_zalloc(sizeof(*fs), PR_WAITOK);
	int error;

	fs->fs_dev = bd;
	fs->fs_rdonly = rdonly;
	init_locks(fs);
	error = read_super(fs);
	if (error == 0) {
		fs->fs_group = kmem_zalloc(
		    fs->fs_ngroups * sizeof(struct ext2_group), PR_WAITOK);
		fs->fs_mc = mc_create(bd, fs->fs_bsize, CACHE_MAX);
		error = read_groups(fs);
	}
	if (error == 0)
		error = check_root(fs);
	if (error == 0 && !fs->fs_rdonly)
		error = mark(fs, false);
	if (error) {
		destroy(fs);
		return error;
	}
	*fsp = fs;
	return 0;
}

/* => as ext2_sync(); nothing waits to be freed, or EIO */
static int
sync_all(struct ext2fs *fs)
{
	int error = ext2_sync(fs);

	/* what a sync could free late only is for another to write */
	if (error == 0 && ext2_unfreed(fs))
		error = ext2_sync(fs);
	if (error == 0 && ext2_unfreed(fs))
		error = EIO;
	return error;
}

int
ext2_set_rdonly(struct ext2fs *fs, bool rdonly)
{
	int error = 0;

	if (!rdonly && fs->fs_mustro)
		return EROFS;
	if (rdonly)
		error = sync_all(fs);
	if (error == 0)
		error = mark(fs, rdonly);
	if (error == 0)
		fs->fs_rdonly = rdonly;
	return error;
}

int
ext2_unmount(struct ext2fs *fs, bool force)
{
	int error = 0;

	if (!fs->fs_rdonly) {
		error = sync_all(fs);
		if (error == 0)
			error = mark(fs, true);
	}
	if (error && !force)
		return error;
	ext2_idrop_all(fs);
	destroy(fs);
	return error;
}
