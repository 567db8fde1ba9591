/*
 * Disks, their partitions, and finding them by name.
 *
 * A disk once registered is never forgotten: one that fails for good answers
 * every request with EIO.  Each of its parts (the whole is part 0) is a struct
 * bdev, which is what requests go to and what /dev/vda, /dev/vda1 open.
 */
#ifndef _SYS_DISK_H_
#define _SYS_DISK_H_

#include <sys/buf.h>
#include <sys/lock.h>
#include <lib/diskpart.h>

#define DISK_NAMELEN 8 /* "vda15" and its NUL */
#define DISK_MAX     16 /* disks */
#define DISK_PARTS   16 /* bdevs of one: the whole and 15 partitions */
#define DISK_MAJOR   254 /* device number: major, DISK_PARTS minors a disk */

struct disk;

/*
 * What a driver provides.  Immutable.
 */
struct disk_ops {
	/*
	 * => any context; takes the buf, checked and placed (b_rawblkno);
	 *    biodone() follows, maybe before the return
	 */
	void (*do_strategy)(struct disk *dk, struct buf *bp);
	/* => completes what the device is done with, without interrupts */
	void (*do_poll)(struct disk *dk);
	/* => gives the device up: disk_gone(), and all it has gets EIO */
	void (*do_abort)(struct disk *dk);
};

/*
 * A disk or a partition.
 * Locks used to protect members:
 *	I	immutable once registered
 *	d	dk_lock
 *	a	atomic operations
 */
struct bdev {
	struct disk *bd_disk; /* [I] */
	char bd_name[DISK_NAMELEN]; /* [I] */
	dev_t bd_dev; /* [I] */
	uint64_t bd_start; /* [d to change] in units of DEV_BSIZE */
	uint64_t bd_size; /* [d to change] the same; 0: no such partition */
	volatile uint32_t bd_opens; /* [d to change] users: partitions stay */
	volatile uint32_t
	    bd_exclusive; /* [d to change] a swap device, a file system */
	volatile uint64_t bd_reads, bd_writes; /* [a] requests done */
	volatile uint64_t bd_rbytes, bd_wbytes; /* [a] bytes transferred */
	volatile uint64_t bd_errors; /* [a] requests failed */
};

/*
 * Locks used to protect members:
 *	I	immutable once registered
 *	d	dk_lock
 *	a	atomic operations
 */
struct disk {
	struct rwlock dk_lock; /* LR_VNODE: partitions; read-modify-write */
	const struct disk_ops *dk_ops; /* [I] */
	void *dk_priv; /* [I] the driver's */
	uint32_t dk_blksize; /* [I] bytes: requests are multiples of it */
	uint32_t dk_physblksize; /* [I] bytes the medium writes at once */
	uint32_t dk_optio; /* [I] bytes best asked for at once, 0: unknown */
	uint32_t dk_flags; /* [I] DK_* */
	uint64_t dk_maxdiscard; /* [I] most bytes of one B_DISCARD */
	uint64_t dk_maxzeroes; /* [I] most bytes of one B_ZEROES */
	volatile uint32_t dk_gone; /* [a] it failed for good */
	u_int dk_unit; /* [I] index in the table */
	const char *dk_table; /* [d] "GPT", "MBR", or NULL: no partitions */
	struct bdev dk_part[DISK_PARTS]; /* see struct bdev */
};
#define DK_RDONLY  0x1
#define DK_FLUSH   0x2 /* B_FLUSH means something */
#define DK_DISCARD 0x4
#define DK_ZEROES  0x8

/*
 * A driver has a disk.
 * => dk filled in but for dk_lock, dk_unit and the parts; nblks units of
 *    DEV_BSIZE; thread context or boot; never undone
 * => 0: named, reads of partitions done, its line printed with `features' in
 *    it; ENOSPC: too many; EINVAL: block size, which is said
 */
int disk_register(struct disk *dk, uint64_t nblks, const char *features);
/* => the size changed; any context */
void disk_resize(struct disk *dk, uint64_t nblks);
/* => it failed for good; any context; requests get EIO from now on */
void disk_gone(struct disk *dk);
/* => reads the partition table again; 0; EBUSY: a partition is open; EIO */
int disk_rescan(struct disk *dk);

/* => by "vda1" or "/dev/vda1", by device number; NULL: there is none */
struct bdev *bdev_lookup(const char *name);
struct bdev *bdev_bynumber(dev_t dev);
/* => fn for each that exists; no lock held */
void bdev_foreach(void (*fn)(struct bdev *, void *), void *arg);
/*
 * Users of a device.  A partition that is open keeps its place.
 * => exclusive: for a swap device, a file system: one such user, and programs
 *    may still look
 * => 0; ENXIO: it is gone; EBUSY: it has an exclusive user; EROFS: writing to
 *    a read-only disk
 */
int bdev_open(struct bdev *bd, bool writing, bool exclusive);
void bdev_close(struct bdev *bd, bool exclusive);

/*
 * Start a request.
 * => any context; the buf is the device's until biodone(), which may come
 *    before the return; its address, size and alignment are checked here
 */
void bdev_strategy(struct bdev *bd, struct buf *bp);
/*
 * A transfer of kernel memory, done when it returns.
 * => thread context or boot; off and len are multiples of the block size;
 *    bp: the caller's, or NULL: one from the pool; 0 or errno
 */
int bdev_rw(struct bdev *bd, struct buf *bp, uint32_t flags, void *va,
    size_t len, uint64_t off);
/* => what was written is safe; 0 or errno */
int bdev_flush(struct bdev *bd);
/* => the same, of n bytes from off: B_DISCARD or B_ZEROES; EOPNOTSUPP */
int bdev_wipe(struct bdev *bd, uint32_t flags, uint64_t off, uint64_t len);
/* => the swap signature of a device; 0, or errno with *why set */
int bdev_read_swap_header(
    struct bdev *bd, struct swap_header *sh, const char **why);
/* => boot, when there is a root: nodes in /dev; and after disk_rescan() */
void disk_make_nodes(void);

#endif
