/*
 * Block devices as files.
 *
 * There is no cache: what is written is on its way to the device when write(2)
 * returns, and safe after fsync(2).  Whole blocks to and from aligned memory
 * move directly between the device and the program's pages, all else through a
 * buffer.  Part of a block is written by reading the block, changing it and
 * writing it back, with everybody else who writes through files kept out.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/fcntl.h>
#include <sys/file.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <sys/vnode.h>
#include <uvm/uvm_extern.h>
#include <uvm/uvm_page.h>

#define BOUNCE (64 * 1024UL) /* bytes moved at once through a buffer */

/* ioctls of the riscv64 Linux convention */
#define BLKROGET     0x125e /* int: read-only? */
#define BLKRRPART    0x125f /* read the partition table again */
#define BLKGETSIZE   0x1260 /* long: units of 512 bytes */
#define BLKFLSBUF    0x1261
#define BLKSSZGET    0x1268 /* int: bytes of a block */
#define BLKIOMIN     0x1278 /* int: bytes best asked for, at least */
#define BLKIOOPT     0x1279 /* int: bytes best asked for; 0: unknown */
#define BLKPBSZGET   0x127b /* int: bytes the medium writes at once */
#define BLKDISCARD   0x1277 /* uint64_t[2]: from, bytes */
#define BLKZEROOUT   0x127f /* the same */
#define BLKBSZGET    0x80081270 /* int */
#define BLKGETSIZE64 0x80081272 /* uint64_t: bytes */

/* -- Directly ---------------------------------------------------------------- */

/*
 * One request over pages that are held.
 * => va is where they are in the program; *donep bytes were moved
 */
static int
direct_request(struct bdev *bd, struct uio *uio, struct vm_page **pgs,
    vaddr_t va, size_t len, size_t *donep)
{
	bool read = uio->uio_rw == UIO_READ;
	struct buf *bp = buf_get(
	    read ? B_READ : B_WRITE, (int64_t)(uio->uio_offset >> DEV_BSHIFT));
	size_t off = va & PAGE_MASK, n;
	bool fits = true;
	int error;

	for (size_t left = len; left > 0; left -= n, off = 0) {
		n = MIN(left, PAGE_SIZE - off);
		fits &= buf_add_phys(bp, VM_PAGE_TO_PHYS(*pgs++) + off, n);
	}
	KASSERT(fits && bp->b_bcount == len);
	bdev_strategy(bd, bp);
	error = biowait(bp);
	*donep = bp->b_bcount - bp->b_resid;
	buf_put(bp);
	return error;
}

/*
 * len bytes of the first vector.
 * => EAGAIN: not possible with this memory; else 0 or errno, *donep moved
 */
static int
direct(struct bdev *bd, struct uio *uio, size_t len, size_t *donep)
{
	vm_prot_t access = uio->uio_rw == UIO_READ ? PROT_WRITE : PROT_READ;
	vaddr_t va = (vaddr_t)uio->uio_iov->iov_base;
	size_t npages = atop(round_page(va + len) - trunc_page(va));
	struct proc *p = uio->uio_procp;
	struct vm_page *pgs[B_MAXSEGS];
	int error;

	KASSERT(npages <= B_MAXSEGS);
	if (uvm_vslock(p, (caddr_t)va, len, access) != 0)
		return EAGAIN;
	error = uvm_vshold(p, trunc_page(va), npages, access, pgs);
	if (error == 0) {
		error = direct_request(bd, uio, pgs, va, len, donep);
		uvm_vsrelease(pgs, npages, access);
	}
	uvm_vsunlock(p, (caddr_t)va, len);
	if (error == EAGAIN)
		return EAGAIN;
	uio_skip(uio, *donep);
	return error;
}

/* => bytes at the start of the request that could be moved directly */
static size_t
direct_len(const struct bdev *bd, const struct uio *uio, size_t left)
{
	uint32_t bs = bd->bd_disk->dk_blksize;
	size_t len = MIN(MIN(left, uio->uio_iov->iov_len), MAXPHYS);

	if (uio->uio_segflg != UIO_USERSPACE || uio->uio_procp == NULL ||
	    ((vaddr_t)uio->uio_iov->iov_base & (DEV_BSIZE - 1)) != 0 ||
	    ((uint64_t)uio->uio_offset & (bs - 1)) != 0)
		return 0;
	return len & ~(size_t)(bs - 1);
}

/* -- Through a buffer ---------------------------------------------------------- */

static int
bounce_read(
    struct bdev *bd, struct uio *uio, char *mem, size_t skip, size_t len)
{
	uint32_t bs = bd->bd_disk->dk_blksize;
	size_t whole = (skip + len + bs - 1) & ~(size_t)(bs - 1);
	int error = bdev_rw(
	    bd, NULL, B_READ, mem, whole, (uint64_t)uio->uio_offset - skip);

	return error ? error : uiomove(mem + skip, len, uio);
}

/*
 * A program's memory that cannot be read fails the call before anything is
 * written, so that the rest of a block is what it was.
 */
static int
bounce_write(
    struct bdev *bd, struct uio *uio, char *mem, size_t skip, size_t len)
{
	uint32_t bs = bd->bd_disk->dk_blksize;
	size_t whole = (skip + len + bs - 1) & ~(size_t)(bs - 1);
	uint64_t at = (uint64_t)uio->uio_offset - skip;
	struct uio before = *uio;
	struct iovec iov = *uio->uio_iov;
	bool partial = whole != len;
	int error = 0;

	if (partial)
		rw_enter_write(&bd->bd_disk->dk_lock);
	else
		rw_enter_read(&bd->bd_disk->dk_lock);
	if (partial)
		error = bdev_rw(bd, NULL, B_READ, mem, whole, at);
	if (error == 0)
		error = uiomove(mem + skip, len, uio);
	if (error == 0)
		error = bdev_rw(bd, NULL, B_WRITE, mem, whole, at);
	rw_exit(&bd->bd_disk->dk_lock);
	if (error) {
		*uio = before;
		*uio->uio_iov = iov;
	}
	return error;
}

/* => at most `left' bytes of the first vector; *memp: the buffer, made once */
static int
bounce(struct bdev *bd, struct uio *uio, size_t left, char **memp)
{
	size_t skip = (uint64_t)uio->uio_offset & (bd->bd_disk->dk_blksize - 1);
	size_t len = MIN(MIN(left, uio->uio_iov->iov_len), BOUNCE - skip);

	if (*memp == NULL)
		*memp = kmem_alloc(BOUNCE, PR_WAITOK);
	return uio->uio_rw == UIO_READ
	    ? bounce_read(bd, uio, *memp, skip, len)
	    : bounce_write(bd, uio, *memp, skip, len);
}

/* -- Reading and writing --------------------------------------------------------- */

static int
transfer(struct bdev *bd, struct uio *uio, size_t left, char **memp)
{
	size_t len, before = uio->uio_resid, done = 0;
	int error = EAGAIN;

	while (uio->uio_iov->iov_len == 0) {
		uio->uio_iov++;
		uio->uio_iovcnt--;
	}
	len = direct_len(bd, uio, left);
	if (len != 0) {
		if (uio->uio_rw == UIO_WRITE)
			rw_enter_read(&bd->bd_disk->dk_lock);
		error = direct(bd, uio, len, &done);
		if (uio->uio_rw == UIO_WRITE)
			rw_exit(&bd->bd_disk->dk_lock);
	}
	if (error == EAGAIN)
		error = bounce(bd, uio, left, memp);
	if (error == 0 && before - uio->uio_resid < left)
		error = uio_breathe(uio);
	return error;
}

/* => uio_offset set; at the end of the device: nothing, or ENOSPC */
static int
blk_io(struct bdev *bd, struct uio *uio)
{
	uint64_t size = bd->bd_size << DEV_BSHIFT, off = uio->uio_offset;
	size_t left, before;
	char *mem = NULL;
	int error = 0;

	if (off >= size)
		return uio->uio_rw == UIO_WRITE && uio->uio_resid > 0 ? ENOSPC
								      : 0;
	left = MIN(uio->uio_resid, size - off);
	while (left > 0 && error == 0) {
		before = uio->uio_resid;
		error = transfer(bd, uio, left, &mem);
		left -= before - uio->uio_resid;
	}
	if (mem != NULL)
		kmem_free(mem, BOUNCE);
	return error;
}

static int
blk_rw(struct file *fp, struct uio *uio, int flags)
{
	int error;

	if (flags & FOF_OFFSET)
		return blk_io(fp->f_data, uio);
	rw_enter_write(&fp->f_lock);
	uio->uio_offset = fp->f_offset;
	error = blk_io(fp->f_data, uio);
	fp->f_offset = uio->uio_offset;
	rw_exit(&fp->f_lock);
	return error;
}

/* -- The rest --------------------------------------------------------------------- */

static int
blk_seek(struct file *fp, off_t off, int whence, off_t *to)
{
	const struct bdev *bd = fp->f_data;
	off_t base = 0;

	if (whence == SEEK_CUR)
		base = fp->f_offset;
	else if (whence == SEEK_END)
		base = (off_t)(bd->bd_size << DEV_BSHIFT);
	else if (whence != SEEK_SET)
		return EINVAL;
	return __builtin_add_overflow(base, off, to) || *to < 0 ? EINVAL : 0;
}

static int
blk_sync(struct file *fp)
{
	return bdev_flush(fp->f_data);
}

/* => BLKDISCARD, BLKZEROOUT: a range of whole blocks */
static int
ioctl_wipe(struct file *fp, uint32_t what, uint64_t arg)
{
	const struct bdev *bd = fp->f_data;
	uint64_t range[2], size = bd->bd_size << DEV_BSHIFT;
	int error;

	if (!FWRITABLE(fp))
		return EBADF;
	error = copyin((void *)arg, range, sizeof(range));
	if (error)
		return error;
	if (range[0] > size || range[1] > size - range[0])
		return EINVAL;
	return bdev_wipe(fp->f_data, what, range[0], range[1]);
}

static int
ioctl_rescan(struct bdev *bd)
{
	int error = disk_rescan(bd->bd_disk);

	if (error == 0)
		disk_make_nodes();
	return error;
}

static int
blk_ioctl(struct file *fp, u_long cmd, uint64_t arg, struct proc *p)
{
	struct bdev *bd = fp->f_data;
	const struct disk *dk = bd->bd_disk;
	uint64_t number;
	int value;

	switch (cmd) {
	case BLKGETSIZE:
		number = bd->bd_size;
		return copyout(&number, (void *)arg, sizeof(number));
	case BLKGETSIZE64:
		number = bd->bd_size << DEV_BSHIFT;
		return copyout(&number, (void *)arg, sizeof(number));
	case BLKROGET:
		value = (dk->dk_flags & DK_RDONLY) != 0;
		break;
	case BLKSSZGET:
	case BLKBSZGET:
		value = (int)dk->dk_blksize;
		break;
	case BLKIOOPT:
		value = (int)dk->dk_optio;
		break;
	case BLKIOMIN:
	case BLKPBSZGET:
		value = (int)dk->dk_physblksize;
		break;
	case BLKFLSBUF:
		return bdev_flush(bd);
	case BLKRRPART:
		return ioctl_rescan(bd);
	case BLKDISCARD:
		return ioctl_wipe(fp, B_DISCARD, arg);
	case BLKZEROOUT:
		return ioctl_wipe(fp, B_ZEROES, arg);
	default:
		return ENOTTY;
	}
	return copyout(&value, (void *)arg, sizeof(value));
}

static void
blk_close(struct file *fp)
{
	bdev_close(fp->f_data, false);
}

static const struct fileops blk_fileops = {
	.fo_read = blk_rw,
	.fo_write = blk_rw,
	.fo_ioctl = blk_ioctl,
	.fo_poll = fo_poll_always,
	.fo_stat = vn_fo_stat,
	.fo_close = blk_close,
	.fo_sync = blk_sync,
	.fo_seek = blk_seek,
};

int
blkdev_open(dev_t rdev, int flags, const struct fileops **opsp, void **datap)
{
	struct bdev *bd = bdev_bynumber(rdev);
	int error = ENXIO;

	if (bd != NULL)
		error = bdev_open(bd, (flags & O_ACCMODE) != O_RDONLY, false);
	if (error)
		return error;
	*opsp = &blk_fileops;
	*datap = bd;
	return 0;
}
