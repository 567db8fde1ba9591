/*
 * Operations on names.  Each keeps counts at or above the names there are
 * while it goes on, so that writing in the middle of it loses nothing.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <fs/ext2/ext2_var.h>

/* => 0: ext2_end() follows */
static int
begin(struct ext2fs *fs)
{
	int error = 0;

	if (fs->fs_rdonly)
		return EROFS;
	if (mc_crowded(fs->fs_mc))
		error = ext2_sync(fs);
	if (error)
		return error;
	mc_reserve(fs->fs_mc, EXT2_OPBLKS);
	return 0;
}

static int
end(struct ext2fs *fs, int error)
{
	mc_unreserve(fs->fs_mc, EXT2_OPBLKS);
	return error;
}

/*
 * begin() of an operation that may find no space, which has a second try.
 * => *tries 0 at first; *errorp: what the try before it ended with
 * => TRUE: end() follows; FALSE: it is over, with *errorp
 */
static bool
begin_try(struct ext2fs *fs, u_int *tries, int *errorp)
{
	if (*tries == 2 || (*tries == 1 && !ext2_try_again(fs, *errorp)))
		return false;
	(*tries)++;
	*errorp = begin(fs);
	return *errorp == 0;
}

/* => may a name be added? */
static int
may_add(struct ext2_inode *dp, const char *name, size_t len)
{
	uint32_t ino;
	int error;

	if (dp->i_nlink == 0)
		return ENOENT;
	if (len > EXT2_NAMELEN)
		return ENAMETOOLONG;
	error = ext2_dir_lookup(dp, name, len, &ino);
	if (error == ENOENT)
		return 0;
	return error ? error : EEXIST;
}

/* => a new inode gets what belongs to its type */
static int
fill_new(struct ext2_inode *dp, struct ext2_inode *ip, dev_t rdev,
    const char *target)
{
	if (S_ISDIR(ip->i_mode))
		return ext2_dir_init(ip, dp);
	if (S_ISLNK(ip->i_mode))
		return ext2_symlink(ip, target, strlen(target));
	if (!S_ISREG(ip->i_mode))
		ext2_set_rdev(ip, rdev);
	return 0;
}

static int
create_reserved(struct ext2_inode *dp, const char *name, size_t len,
    mode_t mode, uid_t uid, gid_t gid, dev_t rdev, const char *target,
    struct ext2_inode **ipp)
{
	struct ext2_inode *ip;
	int error = may_add(dp, name, len);

	if (error == 0 && S_ISDIR(mode) && dp->i_nlink >= EXT2_LINKMAX)
		error = EMLINK;
	if (error == 0)
		error = ext2_inew(dp->i_fs, dp->i_ino, mode, uid, gid, &ip);
	if (error)
		return error;
	error = fill_new(dp, ip, rdev, target);
	if (error == 0)
		error = ext2_dir_add(dp, name, len, ip);
	if (error) {
		ext2_iput(ip);
		return error;
	}
	ext2_nlink(ip, S_ISDIR(mode) ? 2 : 1);
	if (S_ISDIR(mode))
		ext2_nlink(dp, 1);
	*ipp = ip;
	return 0;
}

int
ext2_create(struct ext2_inode *dp, const char *name, size_t len, mode_t mode,
    uid_t uid, gid_t gid, dev_t rdev, const char *target,
    struct ext2_inode **ipp)
{
	struct ext2fs *fs = dp->i_fs;
	u_int tries = 0;
	int error = 0;

	while (begin_try(fs, &tries, &error))
		error = end(fs,
		    create_reserved(
			dp, name, len, mode, uid, gid, rdev, target, ipp));
	return error;
}

static int
link_reserved(
    struct ext2_inode *dp, const char *name, size_t len, struct ext2_inode *ip)
{
	int error = may_add(dp, name, len);

	if (error == 0 && S_ISDIR(ip->i_mode))
		error = EPERM;
	if (error == 0 && ip->i_nlink == 0)
		error = ENOENT;
	if (error == 0 && ip->i_nlink >= EXT2_LINKMAX)
		error = EMLINK;
	if (error)
		return error;
	ext2_nlink(ip, 1);
	error = ext2_dir_add(dp, name, len, ip);
	if (error)
		ext2_nlink(ip, -1);
	return error;
}

int
ext2_link(
    struct ext2_inode *dp, const char *name, size_t len, struct ext2_inode *ip)
{
	struct ext2fs *fs = dp->i_fs;
	u_int tries = 0;
	int error = 0;

	while (begin_try(fs, &tries, &error))
		error = end(fs, link_reserved(dp, name, len, ip));
	return error;
}

/* => a name of ip, which was in dp, is gone */
static void
uncount(struct ext2_inode *dp, struct ext2_inode *ip)
{
	if (S_ISDIR(ip->i_mode)) {
		ext2_nlink(ip, -(int)ip->i_nlink);
		ext2_nlink(dp, -1);
	} else
		ext2_nlink(ip, -1);
}

int
ext2_remove(
    struct ext2_inode *dp, const char *name, size_t len, struct ext2_inode *ip)
{
	struct ext2fs *fs = dp->i_fs;
	int error = begin(fs);

	if (error)
		return error;
	if (S_ISDIR(ip->i_mode))
		error = ext2_dir_empty(ip);
	if (error == 0)
		error = ext2_dir_remove(dp, name, len, ip);
	if (error == 0)
		uncount(dp, ip);
	return end(fs, error);
}

/* => ip has its new name, which may have been tip's; counted */
static int
rename_to(struct ext2_inode *ip, struct ext2_inode *tdp, const char *name,
    size_t len, struct ext2_inode *tip)
{
	int error;

	if (tdp->i_nlink == 0)
		return ENOENT;
	if (tip != NULL && S_ISDIR(tip->i_mode)) {
		error = ext2_dir_empty(tip);
		if (error)
			return error;
	}
	/* what replaces a file must be there when the name is */
	if (tip != NULL && ip->i_fresh) {
		error = ext2_write_inode(ip);
		if (error)
			return error;
	}
	ext2_nlink(ip, 1);
	if (tip != NULL)
		error = ext2_dir_replace(tdp, name, len, ip, tip);
	else
		error = ext2_dir_add(tdp, name, len, ip);
	if (error)
		ext2_nlink(ip, -1);
	else if (tip != NULL)
		uncount(tdp, tip);
	return error;
}

static int
rename_reserved(struct ext2_inode *fdp, const char *fname, size_t flen,
    struct ext2_inode *ip, struct ext2_inode *tdp, const char *tname,
    size_t tlen, struct ext2_inode *tip)
{
	bool moves = S_ISDIR(ip->i_mode) && fdp != tdp;
	int error;

	if (tlen > EXT2_NAMELEN)
		return ENAMETOOLONG;
	if (moves && tdp->i_nlink >= EXT2_LINKMAX)
		return EMLINK;
	error = rename_to(ip, tdp, tname, tlen, tip);
	if (error == 0 && moves) {
		ext2_nlink(tdp, 1);
		error = ext2_dir_replace(ip, "..", 2, tdp, NULL);
		if (error == 0)
			ext2_nlink(fdp, -1);
	}
	if (error == 0)
		error = ext2_dir_remove(fdp, fname, flen, ip);
	if (error == 0)
		ext2_nlink(ip, -1);
	return error;
}

int
ext2_rename(struct ext2_inode *fdp, const char *fname, size_t flen,
    struct ext2_inode *ip, struct ext2_inode *tdp, const char *tname,
    size_t tlen, struct ext2_inode *tip)
{
	struct ext2fs *fs = fdp->i_fs;
	u_int tries = 0;
	int error = 0;

	while (begin_try(fs, &tries, &error))
		error = end(fs,
		    rename_reserved(
			fdp, fname, flen, ip, tdp, tname, tlen, tip));
	return error;
}

/* -- Exchanging -------------------------------------------------------------------------- */

/* An exchange; all members belong to the thread. */
struct swap {
	struct ext2_inode *fdp, *tdp; /* [thread] directories */
	const char *fname, *tname; /* [thread] names in them */
	size_t flen, tlen; /* [thread] */
	struct ext2_inode *ip, *tip; /* [thread] what they lead to */
};

/* => a directory that has another parent now says so, and both count it */
static int
new_parent(
    struct ext2_inode *ip, struct ext2_inode *from, struct ext2_inode *to)
{
	int error;

	if (!S_ISDIR(ip->i_mode) || from == to)
		return 0;
	ext2_nlink(to, 1);
	error = ext2_dir_replace(ip, "..", 2, to, NULL);
	ext2_nlink(error ? to : from, -1);
	return error;
}

/* => the name, which led to victim, leads to ip; both counted */
static int
lead_to(struct ext2_inode *dp, const char *name, size_t len,
    struct ext2_inode *ip, struct ext2_inode *victim)
{
	int error;

	ext2_nlink(ip, 1);
	error = ext2_dir_replace(dp, name, len, ip, victim);
	ext2_nlink(error ? ip : victim, -1);
	return error;
}

/* => a third name for ip, which nobody has; its length */
static int
make_third(const struct swap *sw, char *name, size_t size, size_t *lenp)
{
	uint32_t ino;
	int error = 0;

	for (u_int i = 0; error == 0; i++) {
		*lenp = (size_t)snprintf(
		    name, size, ".exchange.%u.%u", sw->ip->i_ino, i);
		error = ext2_dir_lookup(sw->fdp, name, *lenp, &ino);
	}
	return error == ENOENT ? 0 : error;
}

/* => ip has its third name; counted */
static int
add_third(const struct swap *sw, const char *name, size_t len)
{
	int error;

	ext2_nlink(sw->ip, 1);
	error = ext2_dir_add(sw->fdp, name, len, sw->ip);
	if (error)
		ext2_nlink(sw->ip, -1);
	return error;
}

/*
 * The names are in different blocks, which no disk writes at once.  One file
 * gets a third name first, then each of the two blocks is written, in the order
 * that removals of names have (ext2_dir.c): after a cut in between there is the
 * old or the new state, or the first name leads to the second file and the
 * second name to either, with the third name still there.
 */
static int
swap_apart(const struct swap *sw)
{
	char third[40];
	size_t len;
	int error = make_third(sw, third, sizeof(third), &len), undo;

	if (error == 0 && sw->ip->i_nlink >= EXT2_LINKMAX)
		error = EMLINK;
	if (error)
		return error;
	error = add_third(sw, third, len);
	if (error)
		return error;
	error = lead_to(sw->fdp, sw->fname, sw->flen, sw->tip, sw->ip);
	if (error == 0) {
		error = lead_to(sw->tdp, sw->tname, sw->tlen, sw->ip, sw->tip);
		if (error) /* nothing but the disk can have failed */
			(void)lead_to(
			    sw->fdp, sw->fname, sw->flen, sw->ip, sw->tip);
	}
	undo = ext2_dir_remove(sw->fdp, third, len, sw->ip);
	if (undo == 0)
		ext2_nlink(sw->ip, -1);
	return error ? error : undo;
}

static int
exchange_reserved(const struct swap *sw)
{
	bool more = S_ISDIR(sw->ip->i_mode) && !S_ISDIR(sw->tip->i_mode);
	bool less = S_ISDIR(sw->tip->i_mode) && !S_ISDIR(sw->ip->i_mode);
	int error = 0;

	if (sw->fdp != sw->tdp &&
	    ((more && sw->tdp->i_nlink >= EXT2_LINKMAX) ||
		(less && sw->fdp->i_nlink >= EXT2_LINKMAX)))
		return EMLINK;
	if (sw->ip->i_fresh)
		error = ext2_write_inode(sw->ip);
	if (error == 0 && sw->tip->i_fresh)
		error = ext2_write_inode(sw->tip);
	if (error == 0)
		error = sw->fdp == sw->tdp
		    ? ext2_dir_swap(sw->fdp, sw->fname, sw->flen, sw->ip,
			  sw->tname, sw->tlen, sw->tip)
		    : EXDEV;
	if (error == EXDEV)
		error = swap_apart(sw);
	if (error == 0)
		error = new_parent(sw->ip, sw->fdp, sw->tdp);
	if (error == 0)
		error = new_parent(sw->tip, sw->tdp, sw->fdp);
	if (error == 0) {
		ext2_touch(sw->ip, false);
		ext2_touch(sw->tip, false);
	}
	return error;
}

int
ext2_exchange(struct ext2_inode *fdp, const char *fname, size_t flen,
    struct ext2_inode *ip, struct ext2_inode *tdp, const char *tname,
    size_t tlen, struct ext2_inode *tip)
{
	const struct swap sw = { fdp, tdp, fname, tname, flen, tlen, ip, tip };
	struct ext2fs *fs = fdp->i_fs;
	u_int tries = 0;
	int error = 0;

	while (begin_try(fs, &tries, &error))
		error = end(fs, exchange_reserved(&sw));
	return error;
}
