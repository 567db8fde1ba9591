/* Symbolic links: a short target is in the inode, a longer one in a block. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <fs/ext2/ext2_var.h>

static bool
is_fast(const struct ext2_inode *ip)
{
	return ext2_own_blocks(ip) == 0;
}

int
ext2_symlink(struct ext2_inode *ip, const char *target, size_t len)
{
	struct ext2fs *fs = ip->i_fs;
	struct mblk *mb;
	uint32_t blk, n;
	int error;

	if (len == 0 || len >= fs->fs_bsize)
		return len == 0 ? ENOENT : ENAMETOOLONG;
	if (len < EXT2_FASTLINK) {
		rw_enter_write(&ip->i_maplock);
		for (size_t i = 0; i < len; i++)
			ip->i_block[i / 4] |= (uint32_t)(uint8_t)target[i]
			    << (i % 4 * 8);
		ip->i_size = len;
		rw_exit(&ip->i_maplock);
		return 0;
	}
	error = ext2_bmap_alloc(ip, 0, 1);
	if (error == 0)
		error = ext2_bmap(ip, 0, 1, &blk, &n);
	if (error == 0)
		error = mc_get(fs->fs_mc, blk, MC_FRESH, &mb);
	if (error)
		return error;
	memcpy(mb->mb_data, target, len);
	mc_dirty(mb, ip->i_ino, CL_DIRFRESH);
	mc_put(mb);
	rw_enter_write(&ip->i_maplock);
	ip->i_size = len;
	rw_exit(&ip->i_maplock);
	return 0;
}

static int
read_slow(struct ext2_inode *ip, char *buf, size_t n)
{
	struct mblk *mb;
	uint32_t blk, run;
	int error = ext2_bmap(ip, 0, 1, &blk, &run);

	if (error == 0 && blk == 0)
		error = ext2_bad(ip->i_fs, "link without block, inode",
		    ip->i_ino, ip->i_size);
	if (error == 0)
		error = mc_get(ip->i_fs->fs_mc, blk, MC_READ, &mb);
	if (error)
		return error;
	memcpy(buf, mb->mb_data, n);
	mc_put(mb);
	return 0;
}

int
ext2_readlink(struct ext2_inode *ip, char *buf, size_t size, size_t *lenp)
{
	size_t n = MIN(size, ip->i_size); /* below a block: check_inode() */

	*lenp = 0;
	if (!is_fast(ip)) {
		int error = read_slow(ip, buf, n);

		if (error)
			return error;
	} else if (ip->i_size >= EXT2_FASTLINK)
		return ext2_bad(
		    ip->i_fs, "length of link, inode", ip->i_ino, ip->i_size);
	else
		for (size_t i = 0; i < n; i++)
			buf[i] = (char)(ip->i_block[i / 4] >> (i % 4 * 8));
	/* a NUL within would make the kernel follow another name */
	if (memchr(buf, '\0', n) != NULL)
		return ext2_bad(
		    ip->i_fs, "target of link, inode", ip->i_ino, n);
	*lenp = n;
	return 0;
}
