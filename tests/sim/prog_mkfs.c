/* Random programs: an empty ext2, the same on every host. */
#include "prog_file.h"

#define MKFS_INODES 128 /* of a group */
#define LOST_FOUND  11

/* All members belong to the thread. */
struct mkfs {
	uint8_t *image; /* [thread] */
	uint32_t bsize, bshift; /* [thread] */
	uint32_t nblocks, first; /* [thread] */
	uint32_t bpg, ngroups, itblks; /* [thread] */
	uint32_t used[8]; /* [thread] blocks of each group */
};

static void *
block(struct mkfs *m, uint32_t blk)
{
	return m->image + ((size_t)blk << m->bshift);
}

static uint32_t
group_start(const struct mkfs *m, uint32_t g)
{
	return m->first + g * m->bpg;
}

static uint32_t
group_blocks(const struct mkfs *m, uint32_t g)
{
	return MIN(m->bpg, m->nblocks - group_start(m, g));
}

static void
set_bits(uint8_t *map, uint32_t from, uint32_t to)
{
	for (; from < to; from++)
		map[from / 8] |= (uint8_t)(1U << (from % 8));
}

/* Superblock, descriptors, two bitmaps, inodes: at the start of each group. */
static void
make_group(struct mkfs *m, uint32_t g)
{
	uint32_t start = group_start(m, g), n = group_blocks(m, g);
	uint32_t used = 4 + m->itblks;
	uint8_t *bmap = block(m, start + 2), *imap = block(m, start + 3);

	if (g == 0)
		used += 2; /* the two directories */
	m->used[g] = used;
	set_bits(bmap, 0, used);
	set_bits(bmap, n, 8 * m->bsize);
	if (g == 0)
		set_bits(imap, 0, LOST_FOUND);
	set_bits(imap, MKFS_INODES, 8 * m->bsize);
}

static void
fill_descs(struct mkfs *m, struct ext2_gdesc *gd)
{
	for (uint32_t g = 0; g < m->ngroups; g++) {
		gd[g].bg_block_bitmap = tole32(group_start(m, g) + 2);
		gd[g].bg_inode_bitmap = tole32(group_start(m, g) + 3);
		gd[g].bg_inode_table = tole32(group_start(m, g) + 4);
		gd[g].bg_free_blocks_count =
		    tole16(group_blocks(m, g) - m->used[g]);
		gd[g].bg_free_inodes_count =
		    tole16(MKFS_INODES - (g == 0 ? LOST_FOUND : 0));
		gd[g].bg_used_dirs_count = tole16(g == 0 ? 2 : 0);
	}
}

static void
fill_super(struct mkfs *m, struct ext2_super *sb, uint32_t g)
{
	uint32_t free = 0;

	for (uint32_t k = 0; k < m->ngroups; k++)
		free += group_blocks(m, k) - m->used[k];
	sb->s_inodes_count = tole32(m->ngroups * MKFS_INODES);
	sb->s_blocks_count = tole32(m->nblocks);
	sb->s_free_blocks_count = tole32(free);
	sb->s_free_inodes_count = tole32(m->ngroups * MKFS_INODES - LOST_FOUND);
	sb->s_first_data_block = tole32(m->first);
	sb->s_log_block_size = sb->s_log_frag_size = tole32(m->bshift - 10);
	sb->s_blocks_per_group = sb->s_frags_per_group = tole32(m->bpg);
	sb->s_inodes_per_group = tole32(MKFS_INODES);
	sb->s_wtime = sb->s_lastcheck = tole32(1700000000U);
	sb->s_max_mnt_count = tole16(0xffff);
	sb->s_magic = tole16(EXT2_MAGIC);
	sb->s_state = tole16(EXT2_VALID_FS);
	sb->s_errors = tole16(1);
	sb->s_rev_level = tole32(1);
	sb->s_first_ino = tole32(LOST_FOUND);
	sb->s_inode_size = tole16(EXT2_OLDISIZE);
	sb->s_block_group_nr = tole16(g);
	sb->s_feature_incompat = tole32(EXT2_INCOMPAT_FILETYPE);
	memset(sb->s_uuid, 0x5a, sizeof(sb->s_uuid));
}

static void
add_name(uint8_t **atp, uint32_t ino, const char *name, uint32_t reclen)
{
	struct ext2_dirent *d = (void *)*atp;

	d->d_ino = tole32(ino);
	d->d_reclen = tole16(reclen);
	d->d_namelen = (uint8_t)strlen(name);
	d->d_type = EXT2_FT_DIR;
	memcpy(d->d_name, name, strlen(name));
	*atp += reclen;
}

static void
make_dir(struct mkfs *m, uint32_t ino, uint32_t parent, uint32_t blk)
{
	struct ext2_dinode *di = (struct ext2_dinode *)block(m, m->first + 4);
	uint8_t *at = block(m, blk);
	bool isroot = ino == EXT2_ROOTINO;

	di += ino - 1;
	di->i_mode = tole16(0040755);
	di->i_size = tole32(m->bsize);
	di->i_links_count = tole16(isroot ? 3 : 2);
	di->i_blocks = tole32(m->bsize / 512);
	di->i_block[0] = tole32(blk);
	add_name(&at, ino, ".", EXT2_DIRLEN(1));
	add_name(&at, parent, "..",
	    isroot ? EXT2_DIRLEN(2) : m->bsize - EXT2_DIRLEN(1));
	if (isroot)
		add_name(&at, LOST_FOUND, "lost+found",
		    m->bsize - EXT2_DIRLEN(1) - EXT2_DIRLEN(2));
}

/* Groups are small, so that there are several. */
void
prog_mkfs(uint8_t *image, uint32_t npages, uint32_t bshift)
{
	struct mkfs m = { .image = image,
		.bsize = 1U << bshift,
		.bshift = bshift,
		.first = bshift == 10,
		.nblocks = npages << (PAGE_SHIFT - bshift) };
	uint32_t dirs, start;

	m.bpg = 1U << (21 - bshift); /* 2 MiB */
	m.itblks = MKFS_INODES * EXT2_OLDISIZE >> bshift;
	m.ngroups = (uint32_t)howmany(m.nblocks - m.first, m.bpg);
	/* a last group that has no room for its own tables is left out */
	if (m.ngroups > 1 && group_blocks(&m, m.ngroups - 1) < m.itblks + 64) {
		m.ngroups--;
		m.nblocks = group_start(&m, m.ngroups);
	}
	KASSERT(m.ngroups <= nitems(m.used));
	for (uint32_t g = 0; g < m.ngroups; g++)
		make_group(&m, g);
	dirs = m.first + 4 + m.itblks;
	make_dir(&m, EXT2_ROOTINO, EXT2_ROOTINO, dirs);
	make_dir(&m, LOST_FOUND, EXT2_ROOTINO, dirs + 1);
	for (uint32_t g = 0; g < m.ngroups; g++) {
		start = group_start(&m, g);
		fill_descs(&m, block(&m, start + 1));
		fill_super(&m,
		    (void *)(g == 0 ? image + EXT2_SBOFF
				    : (uint8_t *)block(&m, start)),
		    g);
	}
}
