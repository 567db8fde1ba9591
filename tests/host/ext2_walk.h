/* Using an ext2 as the system calls would, for its tests. */
#ifndef _TESTS_HOST_EXT2_WALK_H_
#define _TESTS_HOST_EXT2_WALK_H_

#include <fs/ext2/ext2_var.h>

#include "ext2_env.h"

/* Data of files, past any page cache. => 0 or errno; read: *np bytes */
int
t_read(struct ext2_inode *ip, uint64_t off, void *buf, size_t len, size_t *np);
int t_write(struct ext2_inode *ip, uint64_t off, const void *buf, size_t len);
/* => a block, whole, to where it is: as the pages of a file are written */
int t_write_new(
    struct ext2_inode *ip, uint64_t lbn, uint32_t blk, const void *block);
int t_truncate(struct ext2_inode *ip, uint64_t size);
/* => path of names with '/' between, from the root; *ipp referenced */
int t_lookup(struct ext2fs *fs, const char *path, struct ext2_inode **ipp);
/* => the same by name */
int t_child(struct ext2_inode *dp, const char *name, struct ext2_inode **ipp);
/* Mount, read everything, change something, unmount, whatever the image is. */
void t_exercise(struct bdev *bd);

#endif
