/* Bufs, disks and partitions, on a disk in memory that answers as told. */
#include <sys/ktest.h>
#include <sys/atomic.h>
#include <sys/disk.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <sys/timeout.h>
#include <machine/cpu.h>

#define RAM_SIZE (256 * 1024UL)
#define RAM_BLKS (RAM_SIZE / DEV_BSIZE)

/*
 * Locks used to protect members:
 *	m	ram_mtx
 *	T	the thread of the test, while no request is under way
 */
static struct ramdisk {
	struct disk dk; /* see there */
	bool made; /* [T] registered: disks are for ever */
	bool later; /* [T] answer from a timeout */
	bool mute; /* [T] no answer */
	int64_t bad; /* [T] block that cannot be read or written; -1: none */
	TAILQ_HEAD(, buf) queue; /* [m] to be answered */
	struct timeout to; /* [m] */
	volatile uint32_t inflight, most; /* [m] requests at once */
	char mem[RAM_SIZE]; /* [T] the medium */
} ram;
static struct mutex ram_mtx = MUTEX_INITIALIZER(LR_MISC, "ramdisk");

static void
ram_copy(struct buf *bp)
{
	char *at = ram.mem + (bp->b_rawblkno << DEV_BSHIFT);

	for (u_int i = 0; i < bp->b_nsegs; i++) {
		void *seg = (void *)PHYS_TO_DMAP(bp->b_seg[i].bs_addr);
		uint32_t len = bp->b_seg[i].bs_len;

		if (bp->b_flags & B_READ)
			memcpy(seg, at, len);
		else
			memcpy(at, seg, len);
		at += len;
	}
}

static void
ram_answer(struct buf *bp)
{
	int64_t at = (int64_t)bp->b_rawblkno;
	int64_t end = at + (int64_t)(bp->b_bcount >> DEV_BSHIFT);

	if (ram.bad >= at && ram.bad < end) {
		bp->b_resid = (uint64_t)(end - ram.bad) << DEV_BSHIFT;
		biodone_error(bp, EIO);
		return;
	}
	if (bp->b_flags & B_ZEROES)
		memset(ram.mem + (at << DEV_BSHIFT), 0, bp->b_bcount);
	else if ((bp->b_flags & B_NODATA) == 0)
		ram_copy(bp);
	bp->b_resid = 0;
	biodone(bp);
}

static void
ram_drain(void *arg)
{
	struct buf *bp;

	for (;;) {
		mtx_enter(&ram_mtx);
		bp = TAILQ_FIRST(&ram.queue);
		if (bp != NULL) {
			TAILQ_REMOVE(&ram.queue, bp, b_link);
			ram.inflight--;
		}
		mtx_leave(&ram_mtx);
		if (bp == NULL)
			return;
		ram_answer(bp);
	}
}

static void
ram_tick(void *arg)
{
	if (!ram.mute)
		ram_drain(NULL);
}

static void
ram_strategy(struct disk *dk, struct buf *bp)
{
	if (!ram.later) {
		ram_answer(bp);
		return;
	}
	mtx_enter(&ram_mtx);
	TAILQ_INSERT_TAIL(&ram.queue, bp, b_link);
	ram.inflight++;
	ram.most = MAX(ram.most, ram.inflight);
	mtx_leave(&ram_mtx);
	timeout_add_nsec(&ram.to, 500000);
}

static void
ram_poll(struct disk *dk)
{
	ram_tick(NULL);
}

static void
ram_abort(struct disk *dk)
{
	disk_gone(dk);
	ram.bad = 0;
	ram_drain(NULL);
}

static const struct disk_ops ram_ops = { ram_strategy, ram_poll, ram_abort };

/* => the whole disk, empty, honest and quick */
static struct bdev *
ram_make(void)
{
	ram.later = ram.mute = false;
	ram.bad = -1;
	ram.most = 0;
	memset(ram.mem, 0, sizeof(ram.mem));
	if (!ram.made) {
		TAILQ_INIT(&ram.queue);
		timeout_set(&ram.to, ram_tick, NULL);
		ram.dk.dk_ops = &ram_ops;
		ram.dk.dk_blksize = DEV_BSIZE;
		ram.made = disk_register(&ram.dk, RAM_BLKS, "ktest") == 0;
		KT_CHECK(ram.made);
	}
	ram.dk.dk_flags = DK_FLUSH;
	ram.dk.dk_gone = 0;
	return &ram.dk.dk_part[0];
}

/* -- Building -------------------------------------------------------------- */

KTEST(bio_build)
{
	struct buf *bp = buf_get(B_READ, 7);
	u_int n;

	KT_EQ(bp->b_blkno, 7);
	KT_CHECK(buf_add_phys(bp, 0x80001000, 4096));
	KT_CHECK(buf_add_phys(bp, 0x80002000, 512));
	KT_EQ(bp->b_nsegs, 1);
	KT_EQ(bp->b_seg[0].bs_len, 4608);
	KT_CHECK(!buf_add_phys(bp, 0x80009001, 512));
	KT_CHECK(!buf_add_phys(bp, 0x80009000, 100));
	KT_CHECK(!buf_add_phys(bp, 0x80009000, 0));
	KT_EQ(bp->b_bcount, 4608);
	/* as many pages as fit, none of them next to another */
	buf_init(bp, B_WRITE, 0);
	KT_CHECK(buf_add_phys(bp, 0x90000000, 512));
	for (n = 1; buf_add_phys(bp, 0x80000000 + n * 2 * PAGE_SIZE,
		 n < B_MAXSEGS - 1 ? PAGE_SIZE : PAGE_SIZE - 512);
	     n++)
		;
	KT_EQ(n, B_MAXSEGS);
	KT_EQ(bp->b_bcount, MAXPHYS);
	/* one piece, but too long */
	buf_init(bp, B_WRITE, 0);
	KT_CHECK(!buf_add_phys(bp, 0x80000000, MAXPHYS + 512));
	KT_CHECK(buf_add_phys(bp, 0x80000000, MAXPHYS));
	KT_CHECK(!buf_add_phys(bp, 0x80000000 + MAXPHYS, 512));
	buf_put(bp);
}

KTEST(bio_build_kva)
{
	struct buf *bp = buf_get(B_READ, 0);
	vaddr_t va = uvm_km_alloc(kernel_map, 4 * PAGE_SIZE);

	KT_REQUIRE(va != 0);
	KT_CHECK(buf_add_kva(bp, (void *)(va + 512), 3 * PAGE_SIZE));
	KT_EQ(bp->b_bcount, 3 * PAGE_SIZE);
	/* memory that ends: nothing of it is added */
	KT_CHECK(!buf_add_kva(bp, (void *)0x1000, 512));
	uvm_km_free(kernel_map, va + 3 * PAGE_SIZE, PAGE_SIZE);
	buf_init(bp, B_READ, 0);
	KT_CHECK(buf_add_kva(bp, (void *)(va + 512), 512));
	KT_CHECK(!buf_add_kva(bp, (void *)(va + 1024), 3 * PAGE_SIZE));
	KT_EQ(bp->b_nsegs, 1);
	KT_EQ(bp->b_seg[0].bs_len, 512);
	KT_EQ(bp->b_bcount, 512);
	uvm_km_free(kernel_map, va, 3 * PAGE_SIZE);
	buf_put(bp);
}

/* -- Completing ------------------------------------------------------------ */

/* Locks used to protect members: a atomic */
static struct {
	volatile uint32_t calls; /* [a] */
	volatile uint32_t wrong; /* [a] */
} done;

static void
on_done(struct buf *bp)
{
	if ((bp->b_flags & B_DONE) == 0 || bp->b_private != &done)
		(void)atomic_add(&done.wrong, 1);
	buf_put(bp); /* it may be freed here */
	(void)atomic_add_acq_rel(&done.calls, 1);
}

/* => a request of one block with on_done */
static struct buf *
async_buf(int64_t blkno, void *mem)
{
	struct buf *bp = buf_get(B_READ | B_ASYNC, blkno);

	bp->b_iodone = on_done;
	bp->b_private = &done;
	KT_CHECK(buf_add_kva(bp, mem, DEV_BSIZE));
	return bp;
}

KTEST(bio_async)
{
	struct bdev *bd = ram_make();
	char *mem = kmem_alloc(PAGE_SIZE, PR_WAITOK);

	done.calls = done.wrong = 0;
	bdev_strategy(bd, async_buf(3, mem));
	KT_EQ(done.calls, 1);
	ram.later = true;
	for (int i = 0; i < 100; i++)
		bdev_strategy(bd, async_buf(i, mem));
	for (int i = 0; i < 200 && done.calls < 101; i++)
		kt_sleep_ms(5);
	KT_EQ(done.calls, 101);
	KT_EQ(done.wrong, 0);
	KT_RANGE(ram.most, 2, 100);
	/* one that is refused comes back the same way */
	bdev_strategy(bd, async_buf(RAM_BLKS, mem));
	KT_EQ(done.calls, 102);
	kmem_free(mem, PAGE_SIZE);
}

static void
done_twice(void *arg)
{
	biodone(arg);
}

KTEST(bio_twice)
{
	struct buf *bp = buf_get(B_FLUSH, 0);

	biodone(bp);
	KT_PANICS(done_twice, bp, "is done already");
	buf_put(bp);
}

/* Threads that read and write blocks of their own, and wait. */
static void
sync_worker(void *arg)
{
	u_int me = *(u_int *)arg;
	uint64_t state = kt_seed() + me, *mem;
	struct bdev *bd = &ram.dk.dk_part[0];
	struct buf *bp = buf_get(0, 0);

	mem = kmem_alloc(PAGE_SIZE, PR_WAITOK);
	for (u_int i = 0; i < 100; i++) {
		uint64_t blk = kt_random_r(&state) % 16 * 8 + me;

		mem[0] = mem[63] = blk * 1000 + i;
		KT_EQ(
		    bdev_rw(bd, bp, B_WRITE, mem, DEV_BSIZE, blk << DEV_BSHIFT),
		    0);
		memset(mem, 0xff, DEV_BSIZE);
		KT_EQ(
		    bdev_rw(bd, bp, B_READ, mem, DEV_BSIZE, blk << DEV_BSHIFT),
		    0);
		KT_EQ(mem[0], blk * 1000 + i);
		KT_EQ(mem[63], blk * 1000 + i);
	}
	kmem_free(mem, PAGE_SIZE);
	buf_put(bp);
}

KTEST(bio_wait)
{
	static u_int who[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

	(void)ram_make();
	ram.later = true;
	kt_parallel(8, sync_worker, who, sizeof(who[0]));
	KT_EQ(ram.inflight, 0);
	ram.later = false;
	kt_parallel(8, sync_worker, who, sizeof(who[0]));
}

KTEST(bio_error)
{
	struct bdev *bd = ram_make();
	char *mem = kmem_zalloc(PAGE_SIZE, PR_WAITOK);
	uint64_t errors = bd->bd_errors, bytes = bd->bd_rbytes;
	struct buf *bp = buf_get(B_READ, 8);

	ram.bad = 11;
	KT_CHECK(buf_add_kva(bp, mem, 8 * DEV_BSIZE));
	bdev_strategy(bd, bp);
	KT_EQ(biowait(bp), EIO);
	KT_CHECK(bp->b_flags & B_ERROR);
	KT_EQ(bp->b_resid, 5 * DEV_BSIZE);
	KT_EQ(bd->bd_errors - errors, 1);
	KT_EQ(bd->bd_rbytes - bytes, 3 * DEV_BSIZE);
	KT_EQ(bdev_rw(bd, NULL, B_READ, mem, DEV_BSIZE, 10 * DEV_BSIZE), 0);
	KT_EQ(bdev_rw(bd, NULL, B_WRITE, mem, DEV_BSIZE, 11 * DEV_BSIZE), EIO);
	buf_put(bp);
	kmem_free(mem, PAGE_SIZE);
}

/* Without interrupts; and a device that does not answer is given up. */
KTEST(bio_poll)
{
	struct bdev *bd = ram_make();
	char *mem = kmem_zalloc(PAGE_SIZE, PR_WAITOK);
	struct buf *bp = buf_get(B_READ, 0);

	ram.later = true;
	KT_CHECK(buf_add_kva(bp, mem, PAGE_SIZE));
	bdev_strategy(bd, bp);
	KT_EQ(biowait_poll(bp, 10000000000UL), 0);
	ram.mute = true;
	buf_init(bp, B_READ, 0);
	KT_CHECK(buf_add_kva(bp, mem, PAGE_SIZE));
	bdev_strategy(bd, bp);
	KT_EQ(biowait_poll(bp, 20000000), EIO);
	KT_EQ(bdev_open(bd, false, false), ENXIO);
	(void)ram_make();
	buf_put(bp);
	kmem_free(mem, PAGE_SIZE);
}

/* -- What is refused --------------------------------------------------------- */

static int
request(struct bdev *bd, uint32_t flags, int64_t blkno, uint64_t len, void *mem)
{
	struct buf *bp = buf_get(flags, blkno);
	int error;

	if (flags & B_NODATA)
		bp->b_bcount = len;
	else if (len != 0)
		KT_CHECK(buf_add_kva(bp, mem, len));
	bdev_strategy(bd, bp);
	error = biowait(bp);
	KT_EQ(bp->b_resid, error ? bp->b_bcount : 0);
	buf_put(bp);
	return error;
}

KTEST(bio_refused)
{
	struct bdev *bd = ram_make();
	char *mem = kmem_zalloc(PAGE_SIZE, PR_WAITOK);

	KT_EQ(request(bd, B_READ, 0, DEV_BSIZE, mem), 0);
	KT_EQ(request(bd, B_READ, RAM_BLKS - 1, DEV_BSIZE, mem), 0);
	KT_EQ(request(bd, B_READ, RAM_BLKS - 1, 2 * DEV_BSIZE, mem), EINVAL);
	KT_EQ(request(bd, B_READ, RAM_BLKS, DEV_BSIZE, mem), EINVAL);
	KT_EQ(request(bd, B_READ, -1, DEV_BSIZE, mem), EINVAL);
	KT_EQ(request(bd, B_READ, INT64_MAX, DEV_BSIZE, mem), EINVAL);
	KT_EQ(request(bd, B_READ, INT64_MIN, DEV_BSIZE, mem), EINVAL);
	KT_EQ(request(bd, B_READ, 0, 0, mem), EINVAL);
	KT_EQ(request(bd, B_FLUSH, 0, 0, NULL), 0);
	KT_EQ(request(bd, B_DISCARD, 0, DEV_BSIZE, NULL), EOPNOTSUPP);
	KT_EQ(request(bd, B_ZEROES, 0, DEV_BSIZE, NULL), EOPNOTSUPP);
	ram.dk.dk_flags |= DK_RDONLY;
	KT_EQ(request(bd, B_WRITE, 0, DEV_BSIZE, mem), EROFS);
	KT_EQ(request(bd, B_READ, 0, DEV_BSIZE, mem), 0);
	KT_EQ(bdev_open(bd, true, false), EROFS);
	ram.dk.dk_flags &= ~DK_RDONLY;
	/* whole blocks */
	ram.dk.dk_blksize = 2048;
	KT_EQ(request(bd, B_READ, 0, DEV_BSIZE, mem), EINVAL);
	KT_EQ(request(bd, B_READ, 1, 4 * DEV_BSIZE, mem), EINVAL);
	KT_EQ(request(bd, B_READ, 4, 4 * DEV_BSIZE, mem), 0);
	ram.dk.dk_blksize = DEV_BSIZE;
	KT_EQ(bdev_rw(bd, NULL, B_READ, mem, DEV_BSIZE, 100), EINVAL);
	KT_EQ(bdev_rw(bd, NULL, B_READ, mem, 100, 0), EINVAL);
	disk_gone(&ram.dk);
	KT_EQ(request(bd, B_READ, 0, DEV_BSIZE, mem), EIO);
	KT_EQ(request(bd, B_FLUSH, 0, 0, NULL), EIO);
	KT_EQ(bdev_open(bd, false, false), ENXIO);
	(void)ram_make();
	kmem_free(mem, PAGE_SIZE);
}

KTEST(bio_wipe)
{
	struct bdev *bd = ram_make();

	ram.dk.dk_flags |= DK_ZEROES | DK_DISCARD;
	ram.dk.dk_maxzeroes = 4096;
	ram.dk.dk_maxdiscard = 8192;
	memset(ram.mem, 1, sizeof(ram.mem));
	KT_EQ(bdev_wipe(bd, B_ZEROES, 1024, 10240), 0);
	KT_EQ(ram.mem[1023], 1);
	for (int i = 1024; i < 1024 + 10240; i++)
		KT_EQ(ram.mem[i], 0);
	KT_EQ(ram.mem[1024 + 10240], 1);
	KT_EQ(request(bd, B_ZEROES, 0, 8192, NULL), EINVAL);
	KT_EQ(bdev_wipe(bd, B_DISCARD, 0, RAM_SIZE), 0);
	KT_EQ(bdev_wipe(bd, B_DISCARD, 0, RAM_SIZE + 512), EINVAL);
	KT_EQ(bdev_wipe(bd, B_DISCARD, 100, 512), EINVAL);
}

/* More than one request can take, and in pieces of pages. */
KTEST(bio_large)
{
	struct bdev *bd = ram_make();
	size_t len = MAXPHYS + 3 * DEV_BSIZE;
	vaddr_t va = uvm_km_alloc(kernel_map, round_page(len + 512));
	char *mem = (char *)va + 512;
	uint64_t reads = bd->bd_reads;

	KT_REQUIRE(va != 0);
	for (size_t i = 0; i < RAM_SIZE; i++)
		ram.mem[i] = (char)(i * 31 + (i >> 9));
	KT_EQ(bdev_rw(bd, NULL, B_READ, mem, len, 5 * DEV_BSIZE), 0);
	KT_EQ(memcmp(mem, ram.mem + 5 * DEV_BSIZE, len), 0);
	KT_EQ(bd->bd_reads - reads, 2);
	memset(mem, 0x55, len);
	KT_EQ(bdev_rw(bd, NULL, B_WRITE, mem, len, 7 * DEV_BSIZE), 0);
	KT_EQ(memcmp(mem, ram.mem + 7 * DEV_BSIZE, len), 0);
	KT_CHECK(ram.mem[7 * DEV_BSIZE - 1] != 0x55);
	uvm_km_free(kernel_map, va, round_page(len + 512));
}

/* -- Partitions and users ------------------------------------------------------ */

static void
mbr_entry(int i, uint8_t type, uint32_t start, uint32_t size)
{
	char *e = ram.mem + 446 + 16 * i;

	e[4] = (char)type;
	memcpy(e + 8, &start, sizeof(start));
	memcpy(e + 12, &size, sizeof(size));
	ram.mem[510] = 0x55;
	ram.mem[511] = (char)0xaa;
}

KTEST(bio_partition)
{
	struct bdev *whole = ram_make(), *p1, *p2;
	char *mem = kmem_zalloc(PAGE_SIZE, PR_WAITOK), name[16];

	mbr_entry(0, 0x83, 10, 20);
	mbr_entry(1, 0x82, 30, RAM_BLKS - 30);
	KT_EQ(disk_rescan(&ram.dk), 0);
	snprintf(name, sizeof(name), "/dev/%s2", whole->bd_name);
	p1 = &ram.dk.dk_part[1];
	p2 = bdev_lookup(name);
	KT_REQUIRE(p2 == &ram.dk.dk_part[2]);
	KT_CHECK(bdev_bynumber(p2->bd_dev) == p2);
	KT_CHECK(bdev_lookup("nothing") == NULL);
	KT_CHECK(bdev_bynumber(ram.dk.dk_part[3].bd_dev) == NULL);
	mem[0] = 'x';
	KT_EQ(request(p1, B_WRITE, 19, DEV_BSIZE, mem), 0);
	KT_EQ(ram.mem[29 * DEV_BSIZE], 'x');
	KT_EQ(request(p1, B_WRITE, 20, DEV_BSIZE, mem), EINVAL);
	KT_EQ(request(p2, B_WRITE, 0, DEV_BSIZE, mem), 0);
	KT_EQ(ram.mem[30 * DEV_BSIZE], 'x');
	/* an open partition keeps its place */
	KT_EQ(bdev_open(p1, true, false), 0);
	KT_EQ(disk_rescan(&ram.dk), EBUSY);
	bdev_close(p1, false);
	/* a malformed table leaves none */
	mbr_entry(1, 0x82, 29, 10);
	KT_EQ(disk_rescan(&ram.dk), EINVAL);
	KT_CHECK(bdev_lookup(name) == NULL);
	KT_EQ(bdev_open(p2, false, false), ENXIO);
	KT_CHECK(bdev_lookup(whole->bd_name) == whole);
	kmem_free(mem, PAGE_SIZE);
}

/* One exclusive user of any byte; the others may look. */
KTEST(bio_exclusive)
{
	struct bdev *whole = ram_make(), *p1 = whole + 1, *p2 = whole + 2;

	mbr_entry(0, 0x83, 10, 20);
	mbr_entry(1, 0x82, 30, 20);
	KT_EQ(disk_rescan(&ram.dk), 0);
	KT_EQ(bdev_open(p1, true, true), 0);
	KT_EQ(bdev_open(p1, true, true), EBUSY);
	KT_EQ(bdev_open(whole, true, true), EBUSY);
	KT_EQ(bdev_open(p1, false, false), 0);
	KT_EQ(bdev_open(p2, true, true), 0);
	bdev_close(p1, true);
	bdev_close(p1, false);
	bdev_close(p2, true);
	KT_EQ(bdev_open(whole, true, true), 0);
	KT_EQ(bdev_open(p2, true, true), EBUSY);
	bdev_close(whole, true);
	(void)ram_make();
	KT_EQ(disk_rescan(&ram.dk), 0);
}

KTEST(bio_swap_header)
{
	struct swap_header *sh = kmem_alloc(sizeof(*sh), PR_WAITOK);
	struct bdev *bd = ram_make();
	const uint32_t words[4] = { 1, RAM_SIZE / SWAP_PAGE - 1, 1, 9 };
	const char *why;

	KT_EQ(bdev_read_swap_header(bd, sh, &why), ENOENT);
	memcpy(ram.mem + SWAP_PAGE - 10, "SWAPSPACE2", 10);
	memcpy(ram.mem + 1024, words, 12);
	memcpy(ram.mem + 1536, &words[3], 4);
	KT_EQ(bdev_read_swap_header(bd, sh, &why), 0);
	KT_EQ(sh->sh_npages, RAM_SIZE / SWAP_PAGE);
	KT_EQ(sh->sh_nbad, 1);
	KT_EQ(sh->sh_bad[0], 9);
	ram.bad = 2;
	KT_EQ(bdev_read_swap_header(bd, sh, &why), EIO);
	ram.bad = -1;
	kmem_free(sh, sizeof(*sh));
}
