/*
 * Where the blocks of a file are: twelve pointers in the inode, then one block
 * of pointers, one of pointers to such, and one of pointers to those.
 *
 * A hole may have missing blocks of pointers above it.  They are all taken,
 * with the data's, before the first is linked, so that there is nothing to
 * undo in the tree when the disk is full.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/pool.h>
#include <fs/ext2/ext2_var.h>

/* Blocks that giving one run its place may dirty. */
#define ALLOCBLKS 12

/* Way to a block; belongs to the thread. */
struct path {
	u_int depth; /* [thread] blocks of pointers on the way */
	uint32_t slot[EXT2_NLEVELS + 1]; /* [thread] the first: in the inode */
};

/* => FALSE: no file is that large */
static bool
make_path(const struct ext2fs *fs, uint64_t lbn, struct path *p)
{
	uint64_t span = fs->fs_ptrs;

	if (lbn < EXT2_NDIRECT) {
		p->depth = 0;
		p->slot[0] = (uint32_t)lbn;
		return true;
	}
	lbn -= EXT2_NDIRECT;
	for (p->depth = 1; p->depth <= EXT2_NLEVELS; p->depth++) {
		if (lbn < span)
			break;
		lbn -= span;
		span *= fs->fs_ptrs;
	}
	if (p->depth > EXT2_NLEVELS)
		return false;
	p->slot[0] = EXT2_NDIRECT + p->depth - 1;
	for (u_int i = p->depth; i > 0; i--, lbn /= fs->fs_ptrs)
		p->slot[i] = (uint32_t)(lbn % fs->fs_ptrs);
	return true;
}

/* => pointers from the slot on: blk, and *np (at most max) alike after it */
static uint32_t
run_of(const le32_t *ptr, uint32_t left, uint32_t max, uint32_t *np)
{
	uint32_t blk = le32(ptr[0]), n = 1;

	max = MIN(max, left);
	while (n < max && le32(ptr[n]) == (blk != 0 ? blk + n : 0))
		n++;
	*np = n;
	return blk;
}

/* => the same in the inode itself */
static uint32_t
run_direct(
    const struct ext2_inode *ip, uint32_t slot, uint32_t max, uint32_t *np)
{
	uint32_t blk = ip->i_block[slot], n = 1;

	max = MIN(max, EXT2_NDIRECT - slot);
	while (n < max && ip->i_block[slot + n] == (blk != 0 ? blk + n : 0))
		n++;
	*np = n;
	return blk;
}

/* => i_maplock held: is it a block of a file? */
static int
check_ptr(struct ext2_inode *ip, uint32_t blk, uint32_t n)
{
	return ext2_blk_ok(ip->i_fs, blk, n)
	    ? 0
	    : ext2_bad(ip->i_fs, "block of inode", ip->i_ino, blk);
}

/*
 * Follow the path down.
 * => i_maplock held; *blkp: data, or 0 and *levelp blocks of pointers exist;
 *    *parentp: the last of those, *np: as ext2_bmap()
 */
static int
walk(struct ext2_inode *ip, const struct path *p, uint32_t max, uint32_t *blkp,
    uint32_t *np, u_int *levelp, uint32_t *parentp)
{
	struct ext2fs *fs = ip->i_fs;
	uint32_t blk, n = 1;
	struct mblk *mb;
	u_int i;
	int error;

	*parentp = 0;
	if (p->depth == 0) {
		blk = run_direct(ip, p->slot[0], max, &n);
	} else
		blk = ip->i_block[p->slot[0]];
	for (i = 0; i < p->depth && blk != 0; i++) {
		error = check_ptr(ip, blk, 1);
		if (error == 0)
			error = mc_get(fs->fs_mc, blk, MC_READ, &mb);
		if (error)
			return error;
		*parentp = blk;
		blk = run_of((le32_t *)mb->mb_data + p->slot[i + 1],
		    fs->fs_ptrs - p->slot[i + 1], i + 1 == p->depth ? max : 1,
		    &n);
		mc_put(mb);
	}
	if (i < p->depth) /* no leaf: a hole to where its end would be */
		n = MIN(max, fs->fs_ptrs - p->slot[p->depth]);
	*levelp = i;
	*blkp = blk;
	*np = n;
	return blk != 0 ? check_ptr(ip, blk, n) : 0;
}

int
ext2_bmap_locked(struct ext2_inode *ip, uint64_t lbn, uint32_t max,
    uint32_t *blkp, uint32_t *np)
{
	struct path p;
	uint32_t parent;
	u_int level;

	if (!make_path(ip->i_fs, lbn, &p))
		return EFBIG;
	return walk(ip, &p, max, blkp, np, &level, &parent);
}

int
ext2_bmap(struct ext2_inode *ip, uint64_t lbn, uint32_t max, uint32_t *blkp,
    uint32_t *np)
{
	int error;

	rw_enter_read(&ip->i_maplock);
	error = ext2_bmap_locked(ip, lbn, max, blkp, np);
	rw_exit(&ip->i_maplock);
	return error;
}

/* -- Giving blocks ---------------------------------------------------------------------- */

/* What one step of allocation took; belongs to the thread. */
struct taken {
	uint32_t
	    ind[EXT2_NLEVELS]; /* [thread] new blocks of pointers, top first */
	u_int ninds; /* [thread] */
	uint32_t data, n; /* [thread] run of data */
};

/* => i_maplock held: a block near which the next should be */
static uint32_t
find_goal(struct ext2_inode *ip, const struct path *p, uint32_t parent)
{
	struct ext2fs *fs = ip->i_fs;
	uint32_t goal = 0, slot = p->slot[p->depth];
	struct mblk *mb;

	if (p->depth == 0) {
		while (slot > 0 && goal == 0)
			goal = ip->i_block[--slot];
		slot = goal != 0 ? p->slot[0] - slot : 0;
	} else if (parent != 0 && slot > 0 &&
	    mc_get(fs->fs_mc, parent, MC_READ, &mb) == 0) {
		goal = le32(((le32_t *)mb->mb_data)[slot - 1]);
		mc_put(mb);
		slot = goal != 0;
	}
	if (goal == 0) {
		goal = ip->i_goal != 0 ? ip->i_goal : parent;
		slot = goal == parent;
	}
	if (goal != 0)
		return goal + slot;
	return ext2_group_start(fs, (ip->i_ino - 1) / fs->fs_ipg);
}

static void
give_run_back(struct ext2fs *fs, uint32_t blk, uint32_t n)
{
	if (ext2_bfree(fs, blk, n) != n)
		(void)ext2_bad(
		    fs, "free blocks that stay in use, from", blk, n);
}

/* => back where they came from: nothing points to them */
static void
give_back(struct ext2fs *fs, const struct taken *t)
{
	for (u_int i = 0; i < t->ninds; i++) {
		mc_forget(fs->fs_mc, t->ind[i]);
		give_run_back(fs, t->ind[i], 1);
	}
	if (t->n > 0)
		give_run_back(fs, t->data, t->n);
}

static int
take_blocks(struct ext2_inode *ip, uint32_t goal, u_int ninds, uint32_t want,
    struct taken *t)
{
	struct ext2fs *fs = ip->i_fs;
	int error = 0;
	uint32_t n;

	t->ninds = 0;
	t->n = 0;
	while (error == 0 && t->ninds < ninds) {
		error = ext2_balloc(fs, goal, 1, &t->ind[t->ninds], &n);
		if (error == 0)
			goal = t->ind[t->ninds++] + 1;
	}
	if (error == 0)
		error = ext2_balloc(fs, goal, want, &t->data, &t->n);
	if (error)
		give_back(fs, t);
	return error;
}

/* => slots [slot, slot + n) of the block of pointers lead to blk on; it is
 *    dirty; how: MC_FRESH for a new one */
static int
set_ptrs(struct ext2_inode *ip, uint32_t ind, int how, u_int level,
    uint32_t slot, uint32_t blk, uint32_t n)
{
	struct mblk *mb;
	int error = mc_get(ip->i_fs->fs_mc, ind, how, &mb);

	if (error)
		return error;
	for (uint32_t i = 0; i < n; i++)
		((le32_t *)mb->mb_data)[slot + i] = tole32(blk + i);
	mc_dirty(mb, ip->i_ino, CL_IND(level));
	mc_put(mb);
	return 0;
}

/*
 * Put new blocks into the tree, lowest first.
 * => i_maplock held for writing; have: blocks of pointers that were there
 */
static int
link_blocks(struct ext2_inode *ip, const struct path *p, u_int have,
    uint32_t parent, const struct taken *t)
{
	uint32_t blk = t->data, n = t->n;
	int error = 0;

	for (u_int i = p->depth; i > have && error == 0; i--) {
		error = set_ptrs(ip, t->ind[i - 1 - have], MC_FRESH,
		    p->depth - i + 1, p->slot[i], blk, n);
		blk = t->ind[i - 1 - have];
		n = 1;
	}
	if (error == 0 && have > 0)
		return set_ptrs(ip, parent, MC_READ, p->depth - have + 1,
		    p->slot[have], blk, n);
	for (uint32_t i = 0; i < n && error == 0; i++)
		ip->i_block[p->slot[0] + i] = blk + i;
	return error;
}

/* => i_maplock held for writing, blocks reserved; *np blocks are seen to */
static int
alloc_step(struct ext2_inode *ip, uint64_t lbn, uint32_t *np)
{
	struct ext2fs *fs = ip->i_fs;
	uint32_t blk, n, parent;
	struct taken t;
	struct path p;
	u_int have;
	int error;

	if (!make_path(fs, lbn, &p))
		return EFBIG;
	error = walk(ip, &p, *np, &blk, &n, &have, &parent);
	*np = n;
	if (error || blk != 0)
		return error;
	error =
	    take_blocks(ip, find_goal(ip, &p, parent), p.depth - have, n, &t);
	if (error)
		return error;
	error = link_blocks(ip, &p, have, parent, &t);
	if (error) {
		give_back(fs, &t);
		return error;
	}
	ip->i_goal = t.data + t.n;
	ip->i_blocks += (uint64_t)(t.ninds + t.n) << (fs->fs_bshift - 9);
	*np = t.n;
	return 0;
}

/* => as alloc_step(), takes i_maplock; a file's new blocks have no data yet */
static int
alloc_noted(struct ext2_inode *ip, uint64_t lbn, uint32_t *np)
{
	bool file = S_ISREG(ip->i_mode), more;
	struct ext2_unwritten *u = file ? ext2_unwritten_alloc() : NULL;
	uint64_t before;
	int error;

	rw_enter_write(&ip->i_maplock);
	before = ip->i_blocks;
	error = alloc_step(ip, lbn, np);
	more = ip->i_blocks != before;
	if (more && file)
		ext2_unwritten_add(ip, lbn, *np, u);
	rw_exit(&ip->i_maplock);
	if (more)
		ext2_idirty(ip);
	else if (file)
		kmem_free(u, sizeof(*u));
	return error;
}

int
ext2_bmap_alloc(struct ext2_inode *ip, uint64_t lbn, uint32_t n)
{
	struct ext2fs *fs = ip->i_fs;
	int error = 0;
	uint32_t m;

	if (lbn > fs->fs_maxsize >> fs->fs_bshift ||
	    ((lbn + n - 1) << fs->fs_bshift) >= fs->fs_maxsize)
		return EFBIG;
	for (; n > 0 && error == 0; n -= m, lbn += m) {
		m = (uint32_t)MIN(n, EXT2_UWBLKS - lbn % EXT2_UWBLKS);
		mc_reserve(fs->fs_mc, ALLOCBLKS);
		error = alloc_noted(ip, lbn, &m);
		mc_unreserve(fs->fs_mc, ALLOCBLKS);
		if (error)
			break;
	}
	return error;
}

/* -- Taking them away --------------------------------------------------------------------- */

/* A truncation; belongs to the thread. */
struct trunc {
	struct ext2_inode *ip; /* [thread] */
	struct ext2_frees *fr; /* [thread] has room, or full is set */
	uint64_t left; /* [thread] blocks the inode may have; more: damaged */
	bool full; /* [thread] enough for one step */
	bool stuck; /* [thread] and the next would get no further */
	int error; /* [thread] */
};

/*
 * A block of pointers cannot be read, or changed.  What is below it stays the
 * inode's, or nobody would ever find it again.
 */
static void
trunc_stuck(struct trunc *tr)
{
	tr->full = tr->stuck = true;
	tr->error = EIO;
}

/* => says it once */
static void
trunc_bad(struct trunc *tr, const char *what, uint32_t blk)
{
	if (tr->error == 0)
		tr->error = ext2_bad(tr->ip->i_fs, what, tr->ip->i_ino, blk);
}

/* => the block is the file's no more; FALSE: no room in this step */
static bool
release(struct trunc *tr, uint32_t blk)
{
	/* room for the blocks of pointers above it, too */
	if (tr->fr->fr_n > EXT2_FREERUNS - EXT2_NLEVELS - 1) {
		tr->full = true;
		return false;
	}
	if (tr->left == 0) {
		trunc_bad(tr, "more blocks than it has: inode", blk);
		return true; /* it may be somebody else's */
	}
	if (!ext2_blk_ok(tr->ip->i_fs, blk, 1)) {
		trunc_bad(tr, "block of inode", blk);
		return true;
	}
	tr->left--;
	(void)ext2_frees_add(tr->fr, blk);
	return true;
}

/* => clears pointers from the last down to `keep', as far as there is room;
 *    the block is dirty: even one that is to go stays if its parent is stuck */
static void
trunc_leaf(struct trunc *tr, uint32_t ind, uint32_t keep)
{
	struct ext2fs *fs = tr->ip->i_fs;
	uint32_t i = fs->fs_ptrs, blk, n = 0;
	struct mblk *mb;
	le32_t *ptr;

	if (mc_get(fs->fs_mc, ind, MC_READ, &mb) != 0) {
		trunc_stuck(tr);
		return;
	}
	ptr = mb->mb_data;
	for (; i > keep; i--) {
		blk = le32(ptr[i - 1]);
		if (blk != 0 && !release(tr, blk))
			break;
		n += blk != 0;
		ptr[i - 1] = tole32(0);
	}
	if (n > 0)
		mc_dirty(mb, tr->ip->i_ino, CL_IND(1));
	mc_put(mb);
}

/* => 0: none, or the truncation is stuck */
static uint32_t
get_ptr(struct trunc *tr, uint32_t ind, uint32_t slot)
{
	struct mblk *mb;
	uint32_t blk;

	if (mc_get(tr->ip->i_fs->fs_mc, ind, MC_READ, &mb) != 0) {
		trunc_stuck(tr);
		return 0;
	}
	blk = le32(((le32_t *)mb->mb_data)[slot]);
	mc_put(mb);
	return blk;
}

/* => the block of pointers that a slot of another leads to goes, empty */
static void
trunc_child(
    struct trunc *tr, uint32_t ind, u_int level, uint32_t slot, uint32_t blk)
{
	if (set_ptrs(tr->ip, ind, MC_READ, level, slot, 0, 1) != 0) {
		trunc_stuck(tr);
		return;
	}
	mc_forget(tr->ip->i_fs->fs_mc, blk);
	(void)release(tr, blk);
}

/*
 * Free what is below a block of pointers but for its first `keep' blocks of
 * data.  Once it is said to be damaged, no more of it is read: it could lead
 * round in circles.
 */
static void
trunc_tree(struct trunc *tr, uint32_t ind, u_int level, uint64_t keep)
{
	struct ext2fs *fs = tr->ip->i_fs;
	uint64_t span = 1, first;
	uint32_t blk;

	if (level == 1) {
		trunc_leaf(tr, ind, (uint32_t)keep);
		return;
	}
	for (u_int i = 1; i < level; i++)
		span *= fs->fs_ptrs;
	for (uint32_t i = fs->fs_ptrs; i > keep / span && !tr->full; i--) {
		first = (uint64_t)(i - 1) * span;
		blk = get_ptr(tr, ind, i - 1);
		if (blk == 0)
			continue;
		if (tr->left == 0 || !ext2_blk_ok(fs, blk, 1)) {
			trunc_bad(tr, "block of pointers of inode", blk);
			continue;
		}
		trunc_tree(tr, blk, level - 1, keep > first ? keep - first : 0);
		if (!tr->full && keep <= first)
			trunc_child(tr, ind, level, i - 1, blk);
	}
}

/* => a pointer of the inode to blocks of pointers, `base' its first block */
static void
trunc_root(struct trunc *tr, u_int level, uint64_t base, uint64_t nblks)
{
	struct ext2_inode *ip = tr->ip;
	uint32_t *ptr = &ip->i_block[EXT2_NDIRECT + level - 1];
	uint64_t keep = nblks > base ? nblks - base : 0, span = 1;

	for (u_int i = 0; i < level; i++)
		span *= ip->i_fs->fs_ptrs;
	if (*ptr == 0 || keep >= span)
		return;
	if (!ext2_blk_ok(ip->i_fs, *ptr, 1))
		trunc_bad(tr, "block of pointers of inode", *ptr);
	else {
		trunc_tree(tr, *ptr, level, keep);
		if (tr->full || keep > 0)
			return;
		mc_forget(ip->i_fs->fs_mc, *ptr);
		(void)release(tr, *ptr);
	}
	if (keep == 0)
		*ptr = 0;
}

/* => i_maplock held for writing: frees a batch, from the end */
static void
trunc_step(struct trunc *tr, uint64_t nblks)
{
	struct ext2_inode *ip = tr->ip;
	uint64_t p = ip->i_fs->fs_ptrs;
	const uint64_t base[] = { EXT2_NDIRECT, EXT2_NDIRECT + p,
		EXT2_NDIRECT + p + p * p };

	for (u_int level = EXT2_NLEVELS; level > 0 && !tr->full; level--)
		trunc_root(tr, level, base[level - 1], nblks);
	for (u_int i = EXT2_NDIRECT; i > nblks && !tr->full; i--) {
		if (ip->i_block[i - 1] == 0)
			continue;
		if (S_ISDIR(ip->i_mode))
			mc_forget(ip->i_fs->fs_mc, ip->i_block[i - 1]);
		if (release(tr, ip->i_block[i - 1]))
			ip->i_block[i - 1] = 0;
	}
}

uint64_t
ext2_own_blocks(const struct ext2_inode *ip)
{
	u_int shift = ip->i_fs->fs_bshift - 9;
	uint64_t n = ip->i_blocks >> shift;

	return ip->i_xattr != 0 && n > 0 ? n - 1 : n;
}

/* => i_maplock held for writing; what goes to tr->fr is the inode's no more */
static void
cut_step(struct trunc *tr)
{
	struct ext2_inode *ip = tr->ip;
	struct ext2fs *fs = ip->i_fs;
	uint64_t nblks = (ip->i_size + fs->fs_bsize - 1) >> fs->fs_bshift;
	uint64_t before = ext2_own_blocks(ip);

	ext2_unwritten_drop(ip, nblks);
	tr->left = before;
	trunc_step(tr, nblks);
	ip->i_blocks -= (before - tr->left) << (fs->fs_bshift - 9);
	if (tr->stuck || !tr->full)
		ip->i_cut = tr->stuck;
}

#define AGAIN UINT64_MAX

/* => as ext2_truncate(); AGAIN: to the present size, if something was left */
static int
cut(struct ext2_inode *ip, uint64_t size)
{
	struct ext2fs *fs = ip->i_fs;
	struct trunc tr = { .ip = ip };

	do {
		tr.fr = kmem_zalloc(sizeof(*tr.fr), PR_WAITOK);
		tr.fr->fr_ino = ip->i_ino;
		tr.full = false;
		mc_reserve(fs->fs_mc, ALLOCBLKS);
		rw_enter_write(&ip->i_maplock);
		if (size != AGAIN)
			ip->i_size = size;
		if (size != AGAIN || ip->i_cut)
			cut_step(&tr);
		if (tr.fr->fr_n > 0)
			ext2_frees_queue(fs, tr.fr);
		else
			kmem_free(tr.fr, sizeof(*tr.fr));
		rw_exit(&ip->i_maplock);
		mc_unreserve(fs->fs_mc, ALLOCBLKS);
		ext2_idirty(ip);
	} while (tr.full && !tr.stuck);
	return tr.error;
}

int
ext2_truncate(struct ext2_inode *ip, uint64_t size)
{
	if (size > ip->i_fs->fs_maxsize && size > ip->i_size)
		return EFBIG;
	return cut(ip, size);
}

int
ext2_cut_again(struct ext2_inode *ip)
{
	bool left;

	rw_enter_read(&ip->i_maplock);
	left = ip->i_cut;
	rw_exit(&ip->i_maplock);
	return left ? cut(ip, AGAIN) : 0;
}
