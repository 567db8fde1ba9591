/*
 * The second extended file system as it lies on a disk: little endian, in
 * blocks of 1, 2 or 4 KiB.  The superblock is at byte 1024; the group
 * descriptors begin in the block after it.  A group has a bitmap of its
 * blocks, one of its inodes, and a table of inodes.
 */
#ifndef _FS_EXT2_EXT2_H_
#define _FS_EXT2_EXT2_H_

#include <sys/types.h>

/* Fields [c]: of whoever has the block they are in. */
typedef struct {
	uint16_t le; /* [c] */
} le16_t;
typedef struct {
	uint32_t le; /* [c] */
} le32_t;

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define EXT2_SWAP16(v) (v)
#define EXT2_SWAP32(v) (v)
#else
#define EXT2_SWAP16(v) __builtin_bswap16(v)
#define EXT2_SWAP32(v) __builtin_bswap32(v)
#endif
#define le16(f)       ((uint16_t)EXT2_SWAP16((f).le))
#define le32(f)       ((uint32_t)EXT2_SWAP32((f).le))
#define tole16(v)     ((le16_t){ EXT2_SWAP16((uint16_t)(v)) })
#define tole32(v)     ((le32_t){ EXT2_SWAP32((uint32_t)(v)) })

#define EXT2_SBOFF    1024 /* byte of the superblock */
#define EXT2_SBSIZE   1024
#define EXT2_MAGIC    0xef53
#define EXT2_ROOTINO  2
#define EXT2_OLDFIRST 11 /* first inode for files, revision 0 */
#define EXT2_OLDISIZE 128 /* bytes of an inode, revision 0 */
#define EXT2_NDIRECT  12
#define EXT2_NLEVELS  3 /* of indirect blocks */
#define EXT2_NPTRS    (EXT2_NDIRECT + EXT2_NLEVELS)
#define EXT2_FASTLINK (EXT2_NPTRS * 4) /* a target shorter is in the inode */
#define EXT2_NAMELEN  255
#define EXT2_LINKMAX  32000

/* s_state */
#define EXT2_VALID_FS 1
#define EXT2_ERROR_FS 2

/* Fields [c]. */
struct ext2_super {
	le32_t s_inodes_count, s_blocks_count, s_r_blocks_count;
	le32_t s_free_blocks_count, s_free_inodes_count;
	le32_t s_first_data_block, s_log_block_size, s_log_frag_size;
	le32_t s_blocks_per_group, s_frags_per_group, s_inodes_per_group;
	le32_t s_mtime, s_wtime;
	le16_t s_mnt_count, s_max_mnt_count;
	le16_t s_magic, s_state, s_errors, s_minor_rev_level;
	le32_t s_lastcheck, s_checkinterval, s_creator_os, s_rev_level;
	le16_t s_def_resuid, s_def_resgid;
	/* from revision 1 on */
	le32_t s_first_ino;
	le16_t s_inode_size, s_block_group_nr;
	le32_t s_feature_compat, s_feature_incompat, s_feature_ro_compat;
	uint8_t s_uuid[16];
	char s_volume_name[16], s_last_mounted[64];
	le32_t s_algo_bitmap;
	uint8_t s_prealloc_blocks, s_prealloc_dir_blocks;
	le16_t s_reserved_gdt_blocks;
	uint8_t s_rest[1024 - 208];
};
CTASSERT(sizeof(struct ext2_super) == EXT2_SBSIZE);

#define EXT2_COMPAT_RESIZE_INODE 0x10
#define EXT2_INCOMPAT_FILETYPE   0x2
#define EXT2_ROCOMPAT_SPARSE     0x1
#define EXT2_ROCOMPAT_LARGE_FILE 0x2

/* Fields [c]. */
struct ext2_gdesc {
	le32_t bg_block_bitmap, bg_inode_bitmap, bg_inode_table;
	le16_t bg_free_blocks_count, bg_free_inodes_count, bg_used_dirs_count;
	le16_t bg_pad;
	uint8_t bg_reserved[12];
};
CTASSERT(sizeof(struct ext2_gdesc) == 32);

/* Fields [c]. */
struct ext2_dinode {
	le16_t i_mode, i_uid;
	le32_t i_size, i_atime, i_ctime, i_mtime, i_dtime;
	le16_t i_gid, i_links_count;
	le32_t i_blocks; /* of 512 bytes, indirect ones too */
	le32_t i_flags, i_osd1;
	le32_t i_block[EXT2_NPTRS];
	le32_t i_generation, i_file_acl, i_size_high, i_faddr;
	uint8_t i_frag, i_fsize;
	le16_t i_osd2, i_uid_high, i_gid_high;
	le32_t i_reserved;
};
CTASSERT(sizeof(struct ext2_dinode) == EXT2_OLDISIZE);

/*
 * What follows in larger inodes, as far as i_extra_isize says.  A time's extra
 * word has the nanoseconds above two bits, which carry the seconds on from
 * where 31 bits and a sign end.  Fields [c].
 */
struct ext2_dextra {
	le16_t i_extra_isize, i_checksum_hi;
	le32_t i_ctime_extra, i_mtime_extra, i_atime_extra;
	le32_t i_crtime, i_crtime_extra;
	le32_t i_version_hi, i_projid;
};
CTASSERT(sizeof(struct ext2_dextra) == 32);

/* i_flags */
#define EXT2_IMMUTABLE_FL 0x10
#define EXT2_APPEND_FL    0x20
#define EXT2_INDEX_FL     0x1000 /* directory with an index */

/* A name in a directory; the next begins rec_len bytes on.  Fields [c]. */
struct ext2_dirent {
	le32_t d_ino; /* 0: none */
	le16_t d_reclen; /* a multiple of 4, within the block */
	uint8_t d_namelen;
	uint8_t d_type; /* with EXT2_INCOMPAT_FILETYPE, else 0 */
	char d_name[];
};
#define EXT2_DIRHDR    8
#define EXT2_DIRLEN(n) (((uint32_t)(n) + EXT2_DIRHDR + 3) & ~3U)

/* Extended attributes, as far as freeing them needs.  Fields [c]. */
struct ext2_xattr {
	le32_t h_magic, h_refcount;
};
#define EXT2_XATTR_MAGIC 0xea020000

#endif
