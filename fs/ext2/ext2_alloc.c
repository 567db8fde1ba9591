/*
 * Which blocks and inodes are free.
 *
 * The bitmaps in the cache say what may be given out.  What a file lost stays
 * in use in them until the file's inode has been written without it (struct
 * ext2_frees): after a crash a block must not be in two files.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <fs/ext2/ext2_var.h>

/* -- Bits ----------------------------------------------------------------------------- */

static inline bool
bit_get(const uint8_t *map, uint32_t i)
{
	return (map[i / 8] >> (i % 8)) & 1;
}

static inline void
bit_set(uint8_t *map, uint32_t i)
{
	map[i / 8] |= (uint8_t)(1U << (i % 8));
}

static inline void
bit_clear(uint8_t *map, uint32_t i)
{
	map[i / 8] &= (uint8_t) ~(1U << (i % 8));
}

/* => index of the first clear bit in [from, end), or end */
static uint32_t
find_clear(const uint8_t *map, uint32_t from, uint32_t end)
{
	for (uint32_t i = from; i < end;) {
		if (i % 8 == 0 && map[i / 8] == 0xff)
			i += 8;
		else if (bit_get(map, i))
			i++;
		else
			return i;
	}
	return end;
}

/* => index of the first of eight clear bits, a whole byte, or end */
static uint32_t
find_clear_byte(const uint8_t *map, uint32_t from, uint32_t end)
{
	for (uint32_t i = roundup2(from, 8); i + 8 <= end; i += 8)
		if (map[i / 8] == 0)
			return i;
	return end;
}

static uint32_t
clear_run(const uint8_t *map, uint32_t from, uint32_t end)
{
	uint32_t i = from;

	while (i < end && !bit_get(map, i))
		i++;
	return i - from;
}

/* -- Blocks --------------------------------------------------------------------------- */

/* => fs_alloclock held: n blocks of the group came (n > 0) or went */
static void
count_blocks(struct ext2fs *fs, struct ext2_group *gr, int64_t n)
{
	/* the counts of a damaged file system may say anything */
	gr->g_freeb = n < 0 && gr->g_freeb < -n
	    ? 0
	    : (uint32_t)((int64_t)gr->g_freeb + n);
	fs->fs_freeb = n < 0 && fs->fs_freeb < (uint64_t)-n
	    ? 0
	    : fs->fs_freeb + (uint64_t)n;
	gr->g_dirty = fs->fs_sbdirty = true;
}

/*
 * Where to begin: at the goal if it is free, else where some are in a row.
 * => index, or size: none
 */
static uint32_t
pick(const uint8_t *map, uint32_t goal, uint32_t size)
{
	uint32_t i;

	if (goal < size && !bit_get(map, goal))
		return goal;
	i = find_clear_byte(map, goal, size);
	if (i == size)
		i = find_clear_byte(map, 0, size);
	if (i == size)
		i = find_clear(map, goal, size);
	return i < size ? i : find_clear(map, 0, size);
}

/* => as ext2_balloc(), goal within the group; 0 blocks: it has none */
static int
balloc_group(struct ext2fs *fs, uint32_t g, uint32_t goal, uint32_t want,
    uint32_t *blkp, uint32_t *np)
{
	struct ext2_group *gr = &fs->fs_group[g];
	uint32_t size = ext2_group_size(fs, g), i, n;
	struct mblk *mb;
	int error;

	*np = 0;
	error = mc_get(fs->fs_mc, gr->g_bbitmap, MC_READ, &mb);
	if (error)
		return error;
	i = pick(mb->mb_data, goal, size);
	n = i < size ? clear_run(mb->mb_data, i, MIN(size, i + want)) : 0;
	if (n > 0 && !ext2_blk_ok(fs, ext2_group_start(fs, g) + i, n)) {
		mc_put(mb);
		return ext2_bad(fs, "block bitmap of group", g, i);
	}
	for (uint32_t k = i; k < i + n; k++)
		bit_set(mb->mb_data, k);
	if (n > 0)
		mc_dirty(mb, 0, CL_BITMAP);
	mc_put(mb);
	count_blocks(fs, gr, -(int64_t)n);
	if (n == 0)
		gr->g_freeb = 0; /* whatever it said */
	*blkp = ext2_group_start(fs, g) + i;
	*np = n;
	return 0;
}

int
ext2_balloc(struct ext2fs *fs, uint32_t goal, uint32_t want, uint32_t *blkp,
    uint32_t *np)
{
	uint32_t g0, g, at;
	int error = 0;

	if (goal < fs->fs_first || goal >= fs->fs_nblocks)
		goal = fs->fs_first;
	g0 = (goal - fs->fs_first) / fs->fs_bpg;
	at = (goal - fs->fs_first) % fs->fs_bpg;
	*np = 0;
	rw_enter_write(&fs->fs_alloclock);
	for (uint32_t k = 0; k < fs->fs_ngroups; k++, at = 0) {
		g = (g0 + k) % fs->fs_ngroups;
		if (fs->fs_group[g].g_freeb == 0)
			continue;
		error = balloc_group(fs, g, at, want, blkp, np);
		if (error || *np > 0)
			break;
	}
	rw_exit(&fs->fs_alloclock);
	if (error)
		return error;
	return *np > 0 ? 0 : ENOSPC;
}

/* => fs_alloclock held, the run is in one group; FALSE: no bitmap to be read */
static bool
bfree_group(struct ext2fs *fs, uint32_t g, uint32_t blk, uint32_t n)
{
	struct ext2_group *gr = &fs->fs_group[g];
	uint32_t i = blk - ext2_group_start(fs, g), freed = 0;
	struct mblk *mb;

	if (mc_get(fs->fs_mc, gr->g_bbitmap, MC_READ, &mb) != 0)
		return false;
	for (uint32_t k = i; k < i + n; k++) {
		if (!bit_get(mb->mb_data, k)) {
			(void)ext2_bad(fs, "free block, freed again,", k, g);
			continue;
		}
		bit_clear(mb->mb_data, k);
		freed++;
	}
	mc_dirty(mb, 0, CL_BITMAP);
	mc_put(mb);
	count_blocks(fs, gr, freed);
	return true;
}

uint32_t
ext2_bfree(struct ext2fs *fs, uint32_t blk, uint32_t n)
{
	uint32_t g, m, done;

	rw_enter_write(&fs->fs_alloclock);
	for (done = 0; done < n; done += m, blk += m) {
		g = (blk - fs->fs_first) / fs->fs_bpg;
		m = MIN(n - done, ext2_group_start(fs, g) + fs->fs_bpg - blk);
		if (!bfree_group(fs, g, blk, m))
			break;
	}
	rw_exit(&fs->fs_alloclock);
	return done;
}

/* -- Inodes ---------------------------------------------------------------------------- */

/* => fs_alloclock held */
static void
count_inode(struct ext2fs *fs, struct ext2_group *gr, int n, bool isdir)
{
	if (n < 0) {
		gr->g_freei -= gr->g_freei > 0;
		fs->fs_freei -= fs->fs_freei > 0;
		gr->g_dirs += isdir;
	} else {
		gr->g_freei++;
		fs->fs_freei++;
		gr->g_dirs -= isdir && gr->g_dirs > 0;
	}
	gr->g_dirty = fs->fs_sbdirty = true;
}

/* => fs_alloclock held: a group for a directory: many free inodes and blocks */
static uint32_t
dir_group(struct ext2fs *fs, uint32_t parent)
{
	uint32_t best = (parent - 1) / fs->fs_ipg, most = 0;
	uint64_t average = fs->fs_freei / fs->fs_ngroups;
	const struct ext2_group *gr;

	for (uint32_t g = 0; g < fs->fs_ngroups; g++) {
		gr = &fs->fs_group[g];
		if (gr->g_freei == 0 || gr->g_freei < average ||
		    gr->g_freeb <= most)
			continue;
		best = g;
		most = gr->g_freeb;
	}
	return best;
}

/* => *inop 0: the group has none */
static int
ialloc_group(struct ext2fs *fs, uint32_t g, bool isdir, uint32_t *inop)
{
	struct ext2_group *gr = &fs->fs_group[g];
	/* reserved ones are not free, whatever the bitmap says */
	uint32_t i = g == 0 ? fs->fs_firstino - 1 : 0;
	struct mblk *mb;
	int error = mc_get(fs->fs_mc, gr->g_ibitmap, MC_READ, &mb);

	*inop = 0;
	if (error)
		return error;
	i = find_clear(mb->mb_data, i, fs->fs_ipg);
	if (i < fs->fs_ipg) {
		bit_set(mb->mb_data, i);
		mc_dirty(mb, 0, CL_BITMAP);
		*inop = g * fs->fs_ipg + i + 1;
	}
	mc_put(mb);
	if (*inop != 0)
		count_inode(fs, gr, -1, isdir);
	else
		gr->g_freei = 0;
	return 0;
}

int
ext2_ialloc(struct ext2fs *fs, uint32_t parent, bool isdir, uint32_t *inop)
{
	uint32_t g0, g;
	int error = 0;

	*inop = 0;
	rw_enter_write(&fs->fs_alloclock);
	g0 = isdir ? dir_group(fs, parent) : (parent - 1) / fs->fs_ipg;
	for (uint32_t k = 0; k < fs->fs_ngroups && *inop == 0; k++) {
		g = (g0 + k) % fs->fs_ngroups;
		if (fs->fs_group[g].g_freei == 0)
			continue;
		error = ialloc_group(fs, g, isdir, inop);
		if (error)
			break;
	}
	rw_exit(&fs->fs_alloclock);
	if (error)
		return error;
	return *inop != 0 ? 0 : ENOSPC;
}

int
ext2_ifree(struct ext2fs *fs, uint32_t ino, bool isdir)
{
	uint32_t g = (ino - 1) / fs->fs_ipg, i = (ino - 1) % fs->fs_ipg;
	struct ext2_group *gr = &fs->fs_group[g];
	struct mblk *mb;
	bool was = false;
	int error;

	rw_enter_write(&fs->fs_alloclock);
	error = mc_get(fs->fs_mc, gr->g_ibitmap, MC_READ, &mb);
	if (error == 0) {
		was = bit_get(mb->mb_data, i);
		bit_clear(mb->mb_data, i);
		mc_dirty(mb, 0, CL_BITMAP);
		mc_put(mb);
	}
	if (was)
		count_inode(fs, gr, 1, isdir);
	else if (error == 0)
		(void)ext2_bad(fs, "inode bitmap at inode", ino, g);
	rw_exit(&fs->fs_alloclock);
	return error;
}

/* -- What is to be free later -------------------------------------------------------------- */

bool
ext2_frees_add(struct ext2_frees *fr, uint32_t blk)
{
	uint32_t i = fr->fr_n - 1;

	/* truncation comes from the end */
	if (fr->fr_n > 0 && fr->fr_run[i].start == blk + 1) {
		fr->fr_run[i].start--;
		fr->fr_run[i].n++;
		return true;
	}
	if (fr->fr_n > 0 && fr->fr_run[i].start + fr->fr_run[i].n == blk) {
		fr->fr_run[i].n++;
		return true;
	}
	if (fr->fr_n == EXT2_FREERUNS)
		return false;
	fr->fr_run[fr->fr_n].start = blk;
	fr->fr_run[fr->fr_n].n = 1;
	fr->fr_n++;
	return true;
}

void
ext2_frees_queue(struct ext2fs *fs, struct ext2_frees *fr)
{
	rw_enter_write(&fs->fs_alloclock);
	STAILQ_INSERT_TAIL(&fs->fs_frees, fr, fr_link);
	rw_exit(&fs->fs_alloclock);
}

void
ext2_frees_copied(struct ext2fs *fs, uint32_t ino)
{
	struct ext2_frees *fr;

	rw_enter_write(&fs->fs_alloclock);
	STAILQ_FOREACH (fr, &fs->fs_frees, fr_link)
		if (fr->fr_ino == ino)
			fr->fr_copied = true;
	rw_exit(&fs->fs_alloclock);
}

/* => a batch that was copied, off the list, or NULL */
static struct ext2_frees *
take_copied(struct ext2fs *fs)
{
	struct ext2_frees *fr, *found = NULL;
	STAILQ_HEAD(, ext2_frees) rest;

	STAILQ_INIT(&rest);
	rw_enter_write(&fs->fs_alloclock);
	while ((fr = STAILQ_FIRST(&fs->fs_frees)) != NULL) {
		STAILQ_REMOVE_HEAD(&fs->fs_frees, fr_link);
		if (found == NULL && fr->fr_copied)
			found = fr;
		else
			STAILQ_INSERT_TAIL(&rest, fr, fr_link);
	}
	while ((fr = STAILQ_FIRST(&rest)) != NULL) {
		STAILQ_REMOVE_HEAD(&rest, fr_link);
		STAILQ_INSERT_TAIL(&fs->fs_frees, fr, fr_link);
	}
	rw_exit(&fs->fs_alloclock);
	return found;
}

/* => no lock held: may sleep for memory; FALSE: the rest of the run waits on */
static bool
release_run(struct ext2fs *fs, uint32_t *start, uint32_t *np)
{
	uint32_t done;

	mc_reserve(fs->fs_mc, 2);
	done = ext2_bfree(fs, *start, *np);
	mc_unreserve(fs->fs_mc, 2);
	*start += done;
	*np -= done;
	return *np == 0;
}

/* => the same of a batch that is on no list */
static bool
release_batch(struct ext2fs *fs, struct ext2_frees *fr)
{
	int error = 0;
	uint32_t i;

	for (; fr->fr_n > 0; fr->fr_n--) {
		i = fr->fr_n - 1;
		if (!release_run(fs, &fr->fr_run[i].start, &fr->fr_run[i].n))
			return false;
	}
	if (fr->fr_inode) {
		mc_reserve(fs->fs_mc, 1);
		error = ext2_ifree(fs, fr->fr_ino, fr->fr_isdir);
		mc_unreserve(fs->fs_mc, 1);
	}
	return error == 0;
}

int
ext2_frees_release(struct ext2fs *fs)
{
	struct ext2_frees *fr;

	while ((fr = take_copied(fs)) != NULL) {
		if (!release_batch(fs, fr)) {
			ext2_frees_queue(fs, fr);
			return EIO;
		}
		kmem_free(fr, sizeof(*fr));
	}
	return 0;
}

bool
ext2_frees_pending(struct ext2fs *fs)
{
	bool yes;

	rw_enter_read(&fs->fs_alloclock);
	yes = !STAILQ_EMPTY(&fs->fs_frees);
	rw_exit(&fs->fs_alloclock);
	return yes;
}
