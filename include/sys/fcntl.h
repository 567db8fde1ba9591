/* Open modes, file types and layouts of the riscv64 Linux convention. */
#ifndef _SYS_FCNTL_H_
#define _SYS_FCNTL_H_

#include <sys/types.h>
#include <sys/timeout.h>

#define O_RDONLY    0x0
#define O_WRONLY    0x1
#define O_RDWR      0x2
#define O_ACCMODE   0x3
#define O_CREAT     0x40
#define O_EXCL      0x80
#define O_NOCTTY    0x100
#define O_TRUNC     0x200
#define O_APPEND    0x400
#define O_NONBLOCK  0x800
#define O_DSYNC     0x1000
#define O_SYNC      0x101000 /* O_DSYNC too */
#define O_ASYNC     0x2000
#define O_DIRECT    0x4000
#define O_LARGEFILE 0x8000
#define O_DIRECTORY 0x10000
#define O_NOFOLLOW  0x20000
#define O_NOATIME   0x40000
#define O_CLOEXEC   0x80000
#define O_PATH      0x200000
#define O_TMPFILE   0x410000 /* with O_DIRECTORY */
/* What F_SETFL may change. */
#define O_SETFL             (O_APPEND | O_NONBLOCK)

#define AT_FDCWD            (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR        0x200
#define AT_EACCESS          0x200
#define AT_SYMLINK_FOLLOW   0x400
#define AT_NO_AUTOMOUNT     0x800
#define AT_EMPTY_PATH       0x1000
#define AT_STATX_FORCE_SYNC 0x2000
#define AT_STATX_DONT_SYNC  0x4000

#define RENAME_NOREPLACE    1
#define RENAME_EXCHANGE     2

#define F_DUPFD             0
#define F_GETFD             1
#define F_SETFD             2
#define F_GETFL             3
#define F_SETFL             4
#define F_GETLK             5
#define F_SETLK             6
#define F_SETLKW            7
#define F_OFD_GETLK         36
#define F_OFD_SETLK         37
#define F_OFD_SETLKW        38
#define F_GETPIPE_SZ        1032
#define F_SETPIPE_SZ        1031
#define F_DUPFD_CLOEXEC     1030
#define F_ADD_SEALS         1033
#define F_GET_SEALS         1034
#define FD_CLOEXEC          1

/* memfd_create(2), and what may be forbidden for ever of its files */
#define MFD_CLOEXEC         0x1
#define MFD_ALLOW_SEALING   0x2
#define MFD_NOEXEC_SEAL     0x8
#define MFD_EXEC            0x10
#define F_SEAL_SEAL         0x1
#define F_SEAL_SHRINK       0x2
#define F_SEAL_GROW         0x4
#define F_SEAL_WRITE        0x8
#define F_SEAL_FUTURE_WRITE 0x10
#define F_SEAL_EXEC         0x20
#define F_SEAL_ALL          0x3f
/* neither of them lets anything be written but through old mappings */
#define F_SEAL_NOWRITE (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)

/* l_type */
#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

/* fallocate(2) */
#define FALLOC_FL_KEEP_SIZE  0x1
#define FALLOC_FL_PUNCH_HOLE 0x2
#define FALLOC_FL_ZERO_RANGE 0x10

#define LOCK_SH              1
#define LOCK_EX              2
#define LOCK_NB              4
#define LOCK_UN              8

#define SEEK_SET             0
#define SEEK_CUR             1
#define SEEK_END             2
#define SEEK_DATA            3
#define SEEK_HOLE            4

#define S_IFMT               0170000
#define S_IFSOCK             0140000
#define S_IFLNK              0120000
#define S_IFREG              0100000
#define S_IFBLK              0060000
#define S_IFDIR              0040000
#define S_IFCHR              0020000
#define S_IFIFO              0010000
#define S_ISREG(m)           (((m)&S_IFMT) == S_IFREG)
#define S_ISDIR(m)           (((m)&S_IFMT) == S_IFDIR)
#define S_ISLNK(m)           (((m)&S_IFMT) == S_IFLNK)
#define S_ISCHR(m)           (((m)&S_IFMT) == S_IFCHR)
#define ALLPERMS             07777

#define R_OK                 4
#define W_OK                 2
#define X_OK                 1

#define makedev(maj, min)    (((dev_t)(maj) << 8) | (min))
#define major(dev)           ((u_int)((dev) >> 8))
#define minor(dev)           ((u_int)((dev)&0xff))

/* 128 bytes: the generic layout. Fields [c]: of whoever made the copy. */
struct stat {
	uint64_t st_dev, st_ino;
	uint32_t st_mode, st_nlink, st_uid, st_gid;
	uint64_t st_rdev, st_pad1;
	int64_t st_size;
	int32_t st_blksize, st_pad2;
	int64_t st_blocks; /* of 512 bytes */
	struct timespec st_atim, st_mtim, st_ctim;
	uint32_t st_unused[2];
};
CTASSERT(sizeof(struct stat) == 128);

/* Fields [c]: of whoever made the copy. */
struct flock {
	int16_t l_type, l_whence;
	int64_t l_start, l_len;
	int32_t l_pid, l_pad;
};
CTASSERT(sizeof(struct flock) == 32);

/* Fields [c]: of whoever made the copy. */
struct statx_timestamp {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t pad;
};

/* Fields [c]: of whoever made the copy. */
struct statx {
	uint32_t stx_mask, stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink, stx_uid, stx_gid;
	uint16_t stx_mode, stx_pad1;
	uint64_t stx_ino, stx_size, stx_blocks, stx_attributes_mask;
	struct statx_timestamp stx_atime, stx_btime, stx_ctime, stx_mtime;
	uint32_t stx_rdev_major, stx_rdev_minor, stx_dev_major, stx_dev_minor;
	uint64_t stx_mnt_id, stx_pad2[13];
};
CTASSERT(sizeof(struct statx) == 256);
#define STATX_BASIC_STATS 0x7ff
#define STATX__RESERVED   0x80000000U

/* Fields [c]: of whoever made the copy. */
struct dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	uint16_t d_reclen;
	uint8_t d_type;
	char d_name[];
};

/* posix_fadvise(); those before are MADV_NORMAL, _RANDOM and _SEQUENTIAL */
#define POSIX_FADV_WILLNEED 3
#define POSIX_FADV_DONTNEED 4
#define POSIX_FADV_NOREUSE  5

/* Fields [c]: of whoever made the copy. */
struct pollfd {
	int fd;
	short events, revents;
};
#define POLLIN     0x001
#define POLLPRI    0x002
#define POLLOUT    0x004
#define POLLERR    0x008
#define POLLHUP    0x010
#define POLLNVAL   0x020
#define POLLRDNORM 0x040
#define POLLWRNORM 0x100

#endif
