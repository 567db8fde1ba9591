/*
 * Blocks a file got and whose data is not on the disk yet.  What they hold is
 * somebody else's, of earlier: no pointer to them may reach the disk before
 * the data, or zeros.
 *
 * A block comes here when it is given to the file, with i_maplock held, and
 * goes when its data has been written.  Who is about to copy the inode, and
 * holds i_maplock so that no more come, writes zeros to those that are left:
 * they were given since the data of the file was written for the sync, and
 * theirs follows.  While a block is being written, by either, it is busy: the
 * zeros must not overtake the data.  Who waits for that has i_maplock and no
 * block busy himself (ext2_unwritten_zero()).  So who has some busy does not
 * wait for i_maplock, nor for anybody who could: he waits for his writes first.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <fs/ext2/ext2_var.h>

/* => bits of the blocks of [lbn, lbn + n) that are u's */
static uint64_t
bits_of(const struct ext2_unwritten *u, uint64_t lbn, uint64_t n)
{
	uint64_t from = MAX(lbn, u->uw_first);
	uint64_t to = MIN(lbn + n, u->uw_first + EXT2_UWBLKS);

	if (from >= to)
		return 0;
	return ~0UL >> (EXT2_UWBLKS - (to - from)) << (from - u->uw_first);
}

/* => fs_mtx held: blocks are not busy any more, or not unwritten; what has none
 *    left goes to a list, for the caller to free */
static void
settle(struct ext2_inode *ip, struct ext2_unwritten *u, uint64_t idle,
    uint64_t done, struct ext2_uwlist *gone)
{
	u->uw_busy &= ~idle;
	u->uw_todo &= ~done;
	wakeup(&ip->i_unwritten);
	if (u->uw_todo != 0 || u->uw_busy != 0)
		return;
	TAILQ_REMOVE(&ip->i_unwritten, u, uw_link);
	TAILQ_INSERT_TAIL(gone, u, uw_link);
}

static void
free_list(struct ext2_uwlist *l)
{
	struct ext2_unwritten *u;

	while ((u = TAILQ_FIRST(l)) != NULL) {
		TAILQ_REMOVE(l, u, uw_link);
		kmem_free(u, sizeof(*u));
	}
}

/* => fs_mtx held, but not all the time */
static void
wait_busy(struct ext2_inode *ip)
{
	(void)msleep(
	    &ip->i_unwritten, &ip->i_fs->fs_mtx, PRIBIO, "ext2new", INFSLP);
}

struct ext2_unwritten *
ext2_unwritten_alloc(void)
{
	return kmem_zalloc(sizeof(struct ext2_unwritten), PR_WAITOK);
}

void
ext2_unwritten_add(
    struct ext2_inode *ip, uint64_t lbn, uint32_t n, struct ext2_unwritten *new)
{
	struct ext2fs *fs = ip->i_fs;
	struct ext2_unwritten *u;

	mtx_enter(&fs->fs_mtx);
	TAILQ_FOREACH (u, &ip->i_unwritten, uw_link)
		if (u->uw_first == rounddown2(lbn, EXT2_UWBLKS))
			break;
	if (u == NULL) {
		u = new;
		u->uw_first = rounddown2(lbn, EXT2_UWBLKS);
		TAILQ_INSERT_HEAD(&ip->i_unwritten, u, uw_link);
	}
	KASSERT(lbn + n <= u->uw_first + EXT2_UWBLKS);
	u->uw_todo |= bits_of(u, lbn, n);
	mtx_leave(&fs->fs_mtx);
	if (u != new)
		kmem_free(new, sizeof(*new));
}

void
ext2_unwritten_drop(struct ext2_inode *ip, uint64_t nblks)
{
	struct ext2fs *fs = ip->i_fs;
	struct ext2_unwritten *u, *next;
	struct ext2_uwlist gone;

	TAILQ_INIT(&gone);
	mtx_enter(&fs->fs_mtx);
	TAILQ_FOREACH_SAFE (u, &ip->i_unwritten, uw_link, next)
		settle(ip, u, 0, bits_of(u, nblks, UINT64_MAX / 2), &gone);
	mtx_leave(&fs->fs_mtx);
	free_list(&gone);
}

void
ext2_unwritten_free(struct ext2_inode *ip)
{
	free_list(&ip->i_unwritten);
}

/* => fs_mtx held: is one of [lbn, lbn + n) being written? */
static bool
any_busy(struct ext2_inode *ip, uint64_t lbn, uint64_t n)
{
	struct ext2_unwritten *u;

	TAILQ_FOREACH (u, &ip->i_unwritten, uw_link)
		if (u->uw_busy & bits_of(u, lbn, n))
			return true;
	return false;
}

/* => fs_mtx held: those of [lbn, lbn + n) that are new become busy; any? */
static bool
make_busy(struct ext2_inode *ip, uint64_t lbn, uint64_t n)
{
	struct ext2_unwritten *u;
	bool some = false;

	TAILQ_FOREACH (u, &ip->i_unwritten, uw_link) {
		u->uw_busy |= u->uw_todo & bits_of(u, lbn, n);
		some |= (u->uw_busy & bits_of(u, lbn, n)) != 0;
	}
	return some;
}

bool
ext2_unwritten_begin(struct ext2_inode *ip, uint64_t lbn, uint64_t n)
{
	struct ext2fs *fs = ip->i_fs;
	bool some;

	mtx_enter(&fs->fs_mtx);
	while (any_busy(ip, lbn, n))
		wait_busy(ip);
	some = make_busy(ip, lbn, n);
	mtx_leave(&fs->fs_mtx);
	return some;
}

bool
ext2_unwritten_try(struct ext2_inode *ip, uint64_t lbn, uint64_t n)
{
	struct ext2fs *fs = ip->i_fs;
	bool free;

	mtx_enter(&fs->fs_mtx);
	free = !any_busy(ip, lbn, n);
	if (free)
		(void)make_busy(ip, lbn, n);
	mtx_leave(&fs->fs_mtx);
	return free;
}

void
ext2_unwritten_end(struct ext2_inode *ip, uint64_t lbn, uint64_t n, bool done)
{
	struct ext2fs *fs = ip->i_fs;
	struct ext2_unwritten *u, *next;
	struct ext2_uwlist gone;
	uint64_t bits;

	TAILQ_INIT(&gone);
	mtx_enter(&fs->fs_mtx);
	fs->fs_newdata = true;
	TAILQ_FOREACH_SAFE (u, &ip->i_unwritten, uw_link, next) {
		bits = u->uw_busy & bits_of(u, lbn, n);
		if (bits != 0)
			settle(ip, u, bits, done ? bits : 0, &gone);
	}
	mtx_leave(&fs->fs_mtx);
	free_list(&gone);
}

/* => fs_mtx held */
static bool
is_new(struct ext2_inode *ip, uint64_t lbn)
{
	struct ext2_unwritten *u;

	TAILQ_FOREACH (u, &ip->i_unwritten, uw_link)
		if (u->uw_todo & bits_of(u, lbn, 1))
			return true;
	return false;
}

uint32_t
ext2_unwritten_run(struct ext2_inode *ip, uint64_t lbn, uint32_t n, bool *newp)
{
	struct ext2fs *fs = ip->i_fs;
	uint32_t i = n;

	mtx_enter(&fs->fs_mtx);
	*newp = !TAILQ_EMPTY(&ip->i_unwritten) && is_new(ip, lbn);
	if (!TAILQ_EMPTY(&ip->i_unwritten))
		for (i = 1; i < n && is_new(ip, lbn + i) == *newp; i++)
			continue;
	mtx_leave(&fs->fs_mtx);
	return i;
}

/* => one that nobody writes, busy now, in *lbnp; FALSE: there is none left */
static bool
take_one(struct ext2_inode *ip, uint64_t *lbnp)
{
	struct ext2fs *fs = ip->i_fs;
	struct ext2_unwritten *u;
	uint64_t free;

	mtx_enter(&fs->fs_mtx);
	while ((u = TAILQ_FIRST(&ip->i_unwritten)) != NULL) {
		free = u->uw_todo & ~u->uw_busy;
		if (free != 0) {
			*lbnp = u->uw_first + (u_int)__builtin_ctzl(free);
			u->uw_busy |= free & -free;
			break;
		}
		wait_busy(ip);
	}
	mtx_leave(&fs->fs_mtx);
	return u != NULL;
}

int
ext2_unwritten_zero(struct ext2_inode *ip)
{
	struct mcache *mc = ip->i_fs->fs_mc;
	struct mblk *mb;
	uint64_t lbn;
	uint32_t blk, n;
	int error = 0;

	while (error == 0 && take_one(ip, &lbn)) {
		error = ext2_bmap_locked(ip, lbn, 1, &blk, &n);
		if (error == 0 && blk != 0)
			error = mc_get(mc, blk, MC_FRESH, &mb);
		if (error == 0 && blk != 0) {
			error = mc_write(mb);
			mc_put(mb);
			mc_forget(mc, blk); /* data is the pages' */
		}
		ext2_unwritten_end(ip, lbn, 1, error == 0);
	}
	return error;
}
