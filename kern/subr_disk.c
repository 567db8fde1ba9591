/* The table of disks: registering, partitions, finding, starting requests. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/mount.h>
#include <sys/mutant.h>
#include <sys/pool.h>
#include <sys/vnode.h>
#include <machine/cpu.h>

/* [disk_mtx to add]; entries never go */
static struct disk *disks[DISK_MAX];
static volatile u_int ndisks; /* [disk_mtx to change] */
static struct mutex disk_mtx = MUTEX_INITIALIZER(LR_MISC, "disks");

/* -- Finding --------------------------------------------------------------- */

void
bdev_foreach(void (*fn)(struct bdev *, void *), void *arg)
{
	u_int n = atomic_load_acq(&ndisks);

	for (u_int i = 0; i < n; i++)
		for (u_int k = 0; k < DISK_PARTS; k++)
			if (disks[i]->dk_part[k].bd_size != 0)
				fn(&disks[i]->dk_part[k], arg);
}

/* A search by name.  All members: [thread]. */
struct by_name {
	const char *name;
	struct bdev *found;
};

static void
match_name(struct bdev *bd, void *arg)
{
	struct by_name *b = arg;

	if (strcmp(bd->bd_name, b->name) == 0)
		b->found = bd;
}

struct bdev *
bdev_lookup(const char *name)
{
	struct by_name b = { name, NULL };

	if (strncmp(name, "/dev/", 5) == 0)
		b.name += 5;
	bdev_foreach(match_name, &b);
	return b.found;
}

struct bdev *
bdev_bynumber(dev_t dev)
{
	u_int unit = minor(dev) / DISK_PARTS, part = minor(dev) % DISK_PARTS;
	struct bdev *bd;

	if (major(dev) != DISK_MAJOR || unit >= atomic_load_acq(&ndisks))
		return NULL;
	bd = &disks[unit]->dk_part[part];
	return bd->bd_size != 0 ? bd : NULL;
}

/* -- Opening --------------------------------------------------------------- */

/* => dk_lock held: it, or what overlaps with it, has an exclusive user */
static bool
is_taken(const struct bdev *bd)
{
	const struct bdev *part = bd->bd_disk->dk_part;

	if (bd != part)
		return bd->bd_exclusive != 0 ||
		    (part->bd_exclusive != 0 && !MUTANT(DISK_WHOLE_NOT_TAKEN));
	for (u_int i = 0; i < DISK_PARTS; i++)
		if (part[i].bd_exclusive != 0)
			return true;
	return false;
}

int
bdev_open(struct bdev *bd, bool writing, bool exclusive)
{
	struct disk *dk = bd->bd_disk;
	int error = 0;

	if (atomic_load(&dk->dk_gone))
		return ENXIO;
	if (writing && (dk->dk_flags & DK_RDONLY))
		return EROFS;
	rw_enter_write(&dk->dk_lock);
	if (bd->bd_size == 0)
		error = ENXIO;
	else if (exclusive && is_taken(bd))
		error = EBUSY;
	else {
		bd->bd_opens++;
		bd->bd_exclusive += exclusive;
	}
	rw_exit(&dk->dk_lock);
	return error;
}

void
bdev_close(struct bdev *bd, bool exclusive)
{
	struct disk *dk = bd->bd_disk;

	rw_enter_write(&dk->dk_lock);
	KASSERT(bd->bd_opens > 0 && bd->bd_exclusive >= exclusive);
	bd->bd_opens--;
	bd->bd_exclusive -= exclusive;
	rw_exit(&dk->dk_lock);
}

/* -- Requests -------------------------------------------------------------- */

/* => 0, or why the device cannot be asked for that */
static int
check_request(const struct bdev *bd, const struct buf *bp)
{
	const struct disk *dk = bd->bd_disk;
	uint64_t size = bd->bd_size << DEV_BSHIFT;
	uint64_t off = (uint64_t)bp->b_blkno << DEV_BSHIFT;

	if (atomic_load(&dk->dk_gone) && !MUTANT(DISK_GONE_IS_ASKED))
		return EIO;
	if (bp->b_flags & B_FLUSH)
		return 0;
	if ((bp->b_flags & B_READ) == 0 && (dk->dk_flags & DK_RDONLY))
		return EROFS;
	if ((bp->b_flags & B_DISCARD) && (dk->dk_flags & DK_DISCARD) == 0)
		return EOPNOTSUPP;
	if ((bp->b_flags & B_ZEROES) && (dk->dk_flags & DK_ZEROES) == 0)
		return EOPNOTSUPP;
	if (((bp->b_flags & B_DISCARD) && bp->b_bcount > dk->dk_maxdiscard) ||
	    ((bp->b_flags & B_ZEROES) && bp->b_bcount > dk->dk_maxzeroes))
		return EINVAL;
	if (bp->b_blkno < 0 || (uint64_t)bp->b_blkno > bd->bd_size ||
	    (bp->b_bcount > size - off && !MUTANT(DISK_PAST_END)) ||
	    bp->b_bcount == 0)
		return EINVAL;
	return (off | bp->b_bcount) & (dk->dk_blksize - 1) ? EINVAL : 0;
}

void
bdev_strategy(struct bdev *bd, struct buf *bp)
{
	int error = check_request(bd, bp);

	KASSERT((bp->b_flags & (B_DONE | B_ERROR)) == 0);
	KASSERT((bp->b_flags & B_ASYNC) == 0 || bp->b_iodone != NULL);
	bp->b_dev = bd;
	bp->b_resid = bp->b_bcount;
	bp->b_rawblkno =
	    (MUTANT(DISK_NO_START) ? 0 : bd->bd_start) + (uint64_t)bp->b_blkno;
	bp->b_drvdone = 0;
	bp->b_drvtries = 0;
	if (error)
		biodone_error(bp, error);
	/* a cache there is none of is never dirty */
	else if ((bp->b_flags & B_FLUSH) &&
	    (bd->bd_disk->dk_flags & DK_FLUSH) == 0)
		biodone(bp);
	else
		bd->bd_disk->dk_ops->do_strategy(bd->bd_disk, bp);
}

int
bdev_rw(struct bdev *bd, struct buf *bp, uint32_t flags, void *va, size_t len,
    uint64_t off)
{
	struct buf *b = bp != NULL ? bp : buf_get(flags, 0);
	int error = 0;
	size_t n;

	for (; len > 0 && error == 0; len -= n) {
		n = MIN(len, MAXPHYS);
		buf_init(b, flags, (int64_t)(off >> DEV_BSHIFT));
		if ((off & (DEV_BSIZE - 1)) != 0 || !buf_add_kva(b, va, n)) {
			error = EINVAL;
			break;
		}
		bdev_strategy(bd, b);
		error = biowait(b);
		va = (char *)va + n;
		off += n;
	}
	if (bp == NULL)
		buf_put(b);
	return error;
}

int
bdev_flush(struct bdev *bd)
{
	struct buf *bp = buf_get(B_FLUSH, 0);
	int error;

	bdev_strategy(bd, bp);
	error = biowait(bp);
	buf_put(bp);
	return error;
}

int
bdev_wipe(struct bdev *bd, uint32_t flags, uint64_t off, uint64_t len)
{
	struct disk *dk = bd->bd_disk;
	uint64_t max = flags & B_DISCARD ? dk->dk_maxdiscard : dk->dk_maxzeroes;
	struct buf *bp = buf_get(flags, 0);
	int error = (off & (DEV_BSIZE - 1)) != 0 ? EINVAL : 0;
	uint64_t n;

	for (; len > 0 && error == 0; len -= n, off += n) {
		n = max != 0 ? MIN(len, max) : len; /* 0: refused below */
		buf_init(bp, flags, (int64_t)(off >> DEV_BSHIFT));
		bp->b_bcount = n;
		bdev_strategy(bd, bp);
		error = biowait(bp);
	}
	buf_put(bp);
	return error;
}

/* -- Partitions ------------------------------------------------------------ */

static int
part_read(void *arg, uint64_t off, void *buf, size_t len)
{
	return bdev_rw(arg, NULL, B_READ, buf, len, off);
}

/* => dk_lock held for writing or nobody knows the disk; none is open */
static void
parts_set(struct disk *dk, const struct diskparts *dp)
{
	dk->dk_table = dp->n > 0 ? dp->table : NULL;
	for (u_int i = 1; i < DISK_PARTS; i++) {
		struct bdev *bd = &dk->dk_part[i];

		bd->bd_size = 0;
		if (dp->part[i - 1].size == 0)
			continue;
		bd->bd_start = dp->part[i - 1].start;
		bd->bd_size = dp->part[i - 1].size;
	}
}

static int
parts_read(struct disk *dk)
{
	struct diskparts *dp = kmem_alloc(sizeof(*dp), PR_WAITOK);
	void *scratch = kmem_alloc(DISKPART_SCRATCH, PR_WAITOK);
	struct bdev *whole = &dk->dk_part[0];
	int error =
	    diskparts_read(dp, whole->bd_size / (dk->dk_blksize >> DEV_BSHIFT),
		dk->dk_blksize, part_read, whole, scratch);

	if (dp->why[0] != '\0')
		printf("%s: %s\n", whole->bd_name, dp->why);
	else if (error)
		printf("%s: partition table not readable, error %d\n",
		    whole->bd_name, error);
	if (dp->beyond != 0)
		printf("%s: %u partitions above number %d left out\n",
		    whole->bd_name, dp->beyond, DISKPART_MAX);
	parts_set(dk, dp);
	kmem_free(scratch, DISKPART_SCRATCH);
	kmem_free(dp, sizeof(*dp));
	return error;
}

int
disk_rescan(struct disk *dk)
{
	int error = 0;

	rw_enter_write(&dk->dk_lock);
	for (u_int i = 1; i < DISK_PARTS; i++)
		if (dk->dk_part[i].bd_opens != 0)
			error = EBUSY;
	if (error == 0)
		error = parts_read(dk);
	rw_exit(&dk->dk_lock);
	return error;
}

int
bdev_read_swap_header(struct bdev *bd, struct swap_header *sh, const char **why)
{
	void *page = kmem_alloc(SWAP_PAGE, PR_WAITOK);
	int error;

	*why = "too small for a swap area";
	if (bd->bd_size < 2 * SWAP_PAGE / DEV_BSIZE)
		error = EINVAL;
	else
		error = bdev_rw(bd, NULL, B_READ, page, SWAP_PAGE, 0);
	if (error == 0)
		error = swap_header_parse(
		    sh, page, bd->bd_size / (SWAP_PAGE / DEV_BSIZE), why);
	else if (error != EINVAL)
		*why = "not readable";
	kmem_free(page, SWAP_PAGE);
	return error;
}

/* -- Registering ----------------------------------------------------------- */

static void
bdev_init(struct disk *dk, u_int part)
{
	struct bdev *bd = &dk->dk_part[part];

	memset(bd, 0, sizeof(*bd));
	bd->bd_disk = dk;
	bd->bd_dev = makedev(DISK_MAJOR, dk->dk_unit * DISK_PARTS + part);
	if (part == 0)
		snprintf(bd->bd_name, sizeof(bd->bd_name), "vd%c",
		    'a' + dk->dk_unit);
	else
		snprintf(bd->bd_name, sizeof(bd->bd_name), "vd%c%u",
		    'a' + dk->dk_unit, part);
}

static void
print_disk(const struct disk *dk, const char *features)
{
	const struct bdev *whole = &dk->dk_part[0];

	printf("%s: %lu KiB, blocks of %u bytes, %s\n", whole->bd_name,
	    whole->bd_size / 2, dk->dk_blksize, features);
	for (u_int i = 1; i < DISK_PARTS; i++) {
		const struct bdev *bd = &dk->dk_part[i];

		if (bd->bd_size != 0)
			printf("%s: %s, %lu KiB at %lu KiB\n", bd->bd_name,
			    dk->dk_table, bd->bd_size / 2, bd->bd_start / 2);
	}
}

int
disk_register(struct disk *dk, uint64_t nblks, const char *features)
{
	uint32_t bs = dk->dk_blksize;

	if (bs < DEV_BSIZE || bs > PAGE_SIZE || (bs & (bs - 1)) != 0) {
		printf("disk: blocks of %u bytes cannot be used\n", bs);
		return EINVAL;
	}
	rw_init(&dk->dk_lock, LR_VNODE, "disk");
	mtx_enter(&disk_mtx);
	if (ndisks == DISK_MAX) {
		mtx_leave(&disk_mtx);
		printf("disk: no more than %d disks\n", DISK_MAX);
		return ENOSPC;
	}
	dk->dk_unit = ndisks;
	for (u_int i = 0; i < DISK_PARTS; i++)
		bdev_init(dk, i);
	dk->dk_part[0].bd_size = nblks;
	disks[ndisks] = dk;
	atomic_store_rel(&ndisks, ndisks + 1);
	mtx_leave(&disk_mtx);
	(void)disk_rescan(dk);
	print_disk(dk, features);
	return 0;
}

void
disk_resize(struct disk *dk, uint64_t nblks)
{
	struct bdev *whole = &dk->dk_part[0];

	if (whole->bd_size == nblks)
		return;
	printf("%s: %lu KiB now, %lu KiB before\n", whole->bd_name, nblks / 2,
	    whole->bd_size / 2);
	atomic_store(&whole->bd_size, nblks);
}

void
disk_gone(struct disk *dk)
{
	atomic_store_rel(&dk->dk_gone, 1);
}

/* -- Nodes in /dev --------------------------------------------------------- */

static void
make_node(struct bdev *bd, void *arg)
{
	const struct vattr va = { .va_mode = S_IFBLK | 0600,
		.va_rdev = bd->bd_dev };
	struct vnode *dvp = arg, *vp;
	int error = dvp->v_op->vop_create(
	    dvp, bd->bd_name, strlen(bd->bd_name), &va, NULL, &vp);

	if (error == 0)
		vrele(vp);
	else if (error != EEXIST)
		printf("/dev/%s: not made, error %d\n", bd->bd_name, error);
}

void
disk_make_nodes(void)
{
	struct vnode *dvp;

	if (rootvnode->v_op->vop_lookup(rootvnode, "dev", 3, &dvp) != 0)
		return;
	(void)mount_cross(&dvp, NULL);
	bdev_foreach(make_node, dvp);
	vrele(dvp);
}
