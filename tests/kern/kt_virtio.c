/*
 * Virtio disks as the machine has them: vda to read and write, vdb, vdc
 * and vdd to be lost.
 * testrun and blk.host.py attach them.
 */
#include <sys/ktest.h>
#include <sys/atomic.h>
#include <sys/cons.h>
#include <sys/disk.h>
#include <sys/pool.h>
#include <sys/proc.h>
#include <machine/bus.h>
#include <drivers/virtio/virtio.h>

#define NOTIFY   0x50 /* QueueNotify */
#define INFLIGHT 150 /* more than a queue has requests */

/* => the device of a virtio disk: its driver's data begin with it */
static struct virtio_dev *
virtio_of(struct bdev *bd)
{
	return *(struct virtio_dev **)bd->bd_disk->dk_priv;
}

/* => the disk; or NULL, and the test is skipped */
static struct bdev *
the_disk(const char *name)
{
	struct bdev *bd = bdev_lookup(name);

	if (bd == NULL)
		kt_skip("no such disk: four times vmrun --swap 8M");
	return bd;
}

/* -- Many at once -------------------------------------------------------------- */

/* Locks used to protect members: a atomic, T the thread that made it */
struct flight {
	struct bdev *bd; /* [T] */
	uint64_t first; /* [T] block of 4 KiB */
	volatile uint32_t left; /* [a] */
	volatile uint32_t errors; /* [a] */
	volatile uint32_t eio; /* [a] */
};

static void
landed(struct buf *bp)
{
	struct flight *f = bp->b_private;

	if (bp->b_flags & B_ERROR)
		(void)atomic_add(&f->errors, 1);
	if (bp->b_error == EIO)
		(void)atomic_add(&f->eio, 1);
	(void)atomic_sub_acq_rel(&f->left, 1);
}

/* => INFLIGHT requests, a page each, started at once */
static void
take_off(struct flight *f, struct buf **bps, uint64_t **pages, uint32_t flags)
{
	f->left = INFLIGHT;
	f->errors = f->eio = 0;
	for (u_int i = 0; i < INFLIGHT; i++) {
		buf_init(bps[i], flags | B_ASYNC,
		    (int64_t)((f->first + i) * (PAGE_SIZE / DEV_BSIZE)));
		bps[i]->b_iodone = landed;
		bps[i]->b_private = f;
		KT_CHECK(buf_add_kva(bps[i], pages[i], PAGE_SIZE));
		bdev_strategy(f->bd, bps[i]);
	}
}

static void
wait_landed(const struct flight *f)
{
	for (int i = 0; i < 4000 && atomic_load_acq(&f->left) != 0; i++)
		kt_sleep_ms(5);
	KT_EQ(f->left, 0);
}

static void
flight_make(struct buf **bps, uint64_t **pages)
{
	for (u_int i = 0; i < INFLIGHT; i++) {
		bps[i] = buf_get(0, 0);
		pages[i] = kmem_zalloc(PAGE_SIZE, PR_WAITOK);
	}
}

static void
flight_free(struct buf **bps, uint64_t **pages)
{
	for (u_int i = 0; i < INFLIGHT; i++) {
		buf_put(bps[i]);
		kmem_free(pages[i], PAGE_SIZE);
	}
}

/* Write numbered pages, read them back. */
static void
fly(void *arg)
{
	struct flight *f = arg;
	uint64_t **pages = kmem_alloc(INFLIGHT * sizeof(*pages), PR_WAITOK);
	struct buf **bps = kmem_alloc(INFLIGHT * sizeof(*bps), PR_WAITOK);
	uint64_t mark = kt_seed() + f->first;

	flight_make(bps, pages);
	for (u_int i = 0; i < INFLIGHT; i++)
		pages[i][0] = pages[i][511] = mark + i;
	take_off(f, bps, pages, B_WRITE);
	wait_landed(f);
	KT_EQ(f->errors, 0);
	for (u_int i = 0; i < INFLIGHT; i++)
		memset(pages[i], 0xff, PAGE_SIZE);
	take_off(f, bps, pages, B_READ);
	wait_landed(f);
	KT_EQ(f->errors, 0);
	for (u_int i = 0; i < INFLIGHT; i++) {
		KT_EQ(pages[i][0], mark + i);
		KT_EQ(pages[i][511], mark + i);
	}
	flight_free(bps, pages);
	kmem_free(bps, INFLIGHT * sizeof(*bps));
	kmem_free(pages, INFLIGHT * sizeof(*pages));
}

/* => whole requests of each thread fit on the disk behind a swap header */
static bool
fits(const struct bdev *bd, u_int threads)
{
	return (1 + threads * INFLIGHT) * (PAGE_SIZE / DEV_BSIZE) <=
	    bd->bd_size;
}

KTEST(blk_many)
{
	static struct flight f[4];
	struct bdev *bd = the_disk("vda");

	if (bd == NULL)
		return;
	KT_REQUIRE(fits(bd, nitems(f)));
	for (u_int i = 0; i < nitems(f); i++) {
		f[i].bd = bd;
		f[i].first = 1 + i * INFLIGHT;
	}
	kt_parallel(nitems(f), fly, f, sizeof(f[0]));
	KT_EQ(bdev_flush(bd), 0);
}

/* Transfers need no memory. */
KTEST(blk_no_memory)
{
	struct bdev *bd = the_disk("vda");
	struct buf *bp;
	char *mem;

	if (bd == NULL)
		return;
	bp = buf_get(0, 0);
	mem = kmem_zalloc(MAXPHYS / 2, PR_WAITOK);
	KT_CHECK(kt_balloon(0));
	for (u_int i = 0; i < 50; i++) {
		memset(mem, (int)i, MAXPHYS / 2);
		KT_EQ(bdev_rw(bd, bp, B_WRITE, mem, MAXPHYS / 2, PAGE_SIZE), 0);
		memset(mem, 0xff, MAXPHYS / 2);
		KT_EQ(bdev_rw(bd, bp, B_READ, mem, MAXPHYS / 2, PAGE_SIZE), 0);
		KT_EQ((u_char)mem[MAXPHYS / 2 - 1], i);
	}
	kt_balloon_release();
	kmem_free(mem, MAXPHYS / 2);
	buf_put(bp);
}

/* -- Devices in trouble ----------------------------------------------------------- */

/*
 * QEMU takes a descriptor that does not exist for the end of the driver, and a
 * modern device then asks for a reset; what was under way is done again.
 */
KTEST(blk_reset)
{
	static struct flight f;
	struct bdev *bd = the_disk("vda");
	volatile struct vring_avail *avail;
	struct virtio_dev *vd;

	if (bd == NULL)
		return;
	vd = virtio_of(bd);
	if (vd->vd_legacy) {
		kt_skip("a legacy device cannot ask for a reset");
		return;
	}
	KT_REQUIRE(fits(bd, 1));
	f = (struct flight){ .bd = bd, .first = 1 };
	for (int i = 0; i < 5; i++) {
		/* not an index too far: it would do old requests again */
		avail = vd->vd_queue[0]->q_vq.vq_avail;
		avail->ring[avail->idx % vd->vd_queue[0]->q_num] = UINT16_MAX;
		avail->idx++;
		bus_write32(vd->vd_reg + NOTIFY, 0);
		fly(&f);
	}
	KT_EQ(vd->vd_gone, 0);
}

/* With a disk that mkswap made, or an empty one. */
KTEST(blk_swap_header)
{
	struct bdev *bd = the_disk("vda");
	struct swap_header *sh;
	const char *why;

	if (bd == NULL)
		return;
	sh = kmem_alloc(sizeof(*sh), PR_WAITOK);
	if (boot_option("mkswap") != NULL) {
		KT_EQ(bdev_read_swap_header(bd, sh, &why), 0);
		KT_EQ(sh->sh_npages, bd->bd_size / 8);
		KT_EQ(sh->sh_nbad, 0);
		KT_EQ(strcmp(sh->sh_label, "a label"), 0);
	} else {
		KT_EQ(bdev_read_swap_header(bd, sh, &why), ENOENT);
		KT_EQ(strcmp(why, "no swap signature"), 0);
	}
	kmem_free(sh, sizeof(*sh));
}

/*
 * A device that lies is taken out while it has requests: each of them fails,
 * once, and so do those that come later.
 */
KTEST(bad_disk)
{
	static struct flight f;
	struct bdev *bd = the_disk("vdb");
	struct virtio_dev *vd;
	struct virtqueue *vq;
	uint64_t **pages;
	struct buf **bps;

	if (bd == NULL)
		return;
	vd = virtio_of(bd);
	vq = &vd->vd_queue[0]->q_vq;
	pages = kmem_alloc(INFLIGHT * sizeof(*pages), PR_WAITOK);
	bps = kmem_alloc(INFLIGHT * sizeof(*bps), PR_WAITOK);
	flight_make(bps, pages);
	f = (struct flight){ .bd = bd };
	take_off(&f, bps, pages, B_READ);
	/* the device, which keeps an index of its own, may write it again */
	for (int i = 0; i < 100000 && !atomic_load(&vd->vd_gone); i++) {
		vq->vq_used->idx += 1000;
		bd->bd_disk->dk_ops->do_poll(bd->bd_disk);
	}
	wait_landed(&f);
	KT_EQ(f.errors, f.eio);
	KT_EQ(vd->vd_gone, 1);
	KT_CHECK(vq->vq_broken != NULL);
	take_off(&f, bps, pages, B_READ);
	wait_landed(&f);
	KT_EQ(f.eio, INFLIGHT);
	KT_EQ(bdev_open(bd, false, false), ENXIO);
	KT_EQ(bdev_flush(bd), EIO);
	flight_free(bps, pages);
	kmem_free(bps, INFLIGHT * sizeof(*bps));
	kmem_free(pages, INFLIGHT * sizeof(*pages));
}

/* -- One lie after the other --------------------------------------------------------- */

/* What the device wrote for a request; fields [T]: of the test's thread. */
struct answer {
	volatile uint16_t *idx; /* [T] used index */
	volatile struct vring_used_elem *elem; /* [T] */
	volatile uint8_t *status; /* [T] */
};

static void
lie_index(struct answer *a)
{
	*a->idx += 5;
}

static void
lie_id(struct answer *a)
{
	a->elem->id = 4711;
}

static void
lie_foreign(struct answer *a)
{
	a->elem->id ^= 1;
}

static void
lie_long(struct answer *a)
{
	a->elem->len = PAGE_SIZE + 2;
}

static void
lie_short(struct answer *a)
{
	a->elem->len = PAGE_SIZE;
}

static void
lie_status(struct answer *a)
{
	*a->status = 0xff;
}

/* Immutable. */
static const struct {
	void (*tell)(struct answer *); /* [I] */
	bool modern; /* [I] only a modern device has to know better */
	const char *why; /* [I] what is said of it */
} lies[] = {
	{ lie_index, false, "used index beyond what was sent" },
	{ lie_id, false, "id of no descriptor" },
	{ lie_foreign, false, "id of no request" },
	{ lie_long, true, "more written than there was room for" },
	{ lie_short, true, "less written than a finished request has" },
	{ lie_status, false, "no status in a finished request" },
};

/* => the answer to the only request of a queue with descriptor tables */
static struct answer
find_answer(struct virtqueue *vq)
{
	uint16_t mask = vq->vq_num - 1;
	uint16_t head = vq->vq_avail->ring[(vq->vq_avail_idx - 1) & mask];
	const struct vring_desc *table =
	    (void *)PHYS_TO_DMAP(vq->vq_desc[head].addr);
	uint32_t n = vq->vq_desc[head].len / sizeof(*table);

	return (struct answer){ &vq->vq_used->idx,
		&vq->vq_used->ring[vq->vq_used_idx & mask],
		(void *)PHYS_TO_DMAP(table[n - 1].addr) };
}

static bool
no_ears(struct virtio_dev *vd)
{
	return true;
}

/* A device that was taken out is put back; without its interrupt. */
static void
revive(struct virtio_dev *vd, struct disk *dk)
{
	atomic_store(&vd->vd_gone, 0);
	KT_CHECK(virtio_stop(vd));
	KT_EQ(virtio_restart(vd), 0);
	atomic_store(&dk->dk_gone, 0);
}

/* => one request, whose answer is changed before the driver looks at it */
static void
tell_lie(struct bdev *bd, u_int i, struct buf *bp, char *mem)
{
	struct virtio_driver deaf = virtio_blk_driver;
	struct virtio_dev *vd = virtio_of(bd);
	struct virtqueue *vq = &vd->vd_queue[0]->q_vq;
	struct answer a;

	deaf.vr_intr = no_ears;
	vd->vd_driver = &deaf;
	buf_init(bp, B_READ, 0);
	KT_CHECK(buf_add_kva(bp, mem, PAGE_SIZE));
	bdev_strategy(bd, bp);
	for (int ms = 0; ms < 20000 && !vq_pending(vq); ms++)
		kt_sleep_ms(1);
	a = find_answer(vq);
	KT_EQ(*a.status, 0);
	lies[i].tell(&a);
	bd->bd_disk->dk_ops->do_poll(bd->bd_disk);
	KT_EQ(biowait_poll(bp, 1000000000), EIO);
	KT_EQ(vd->vd_gone, 1);
	KT_CHECK(
	    vq->vq_broken != NULL && strcmp(vq->vq_broken, lies[i].why) == 0);
	vd->vd_driver = &virtio_blk_driver;
}

KTEST(bad_answers)
{
	struct bdev *bd = the_disk("vdd");
	struct virtio_dev *vd;
	struct buf *bp;
	char *mem;

	if (bd == NULL)
		return;
	vd = virtio_of(bd);
	bp = buf_get(B_READ, 0);
	mem = kmem_zalloc(PAGE_SIZE, PR_WAITOK);
	for (u_int i = 0; i < nitems(lies); i++) {
		if (lies[i].modern && vd->vd_legacy)
			continue;
		tell_lie(bd, i, bp, mem);
		revive(vd, bd->bd_disk);
		buf_init(bp, B_READ, 0);
		KT_CHECK(buf_add_kva(bp, mem, PAGE_SIZE));
		bdev_strategy(bd, bp);
		KT_EQ(biowait_poll(bp, 10000000000UL), 0);
	}
	kmem_free(mem, PAGE_SIZE);
	buf_put(bp);
}

static bool
no_work(struct virtio_dev *vd)
{
	vd->vd_idle = 1000;
	vd->vd_idle_since = nsecuptime();
	return false;
}

/* The last interrupt of a storm, by a driver that finds nothing to do. */
KTEST(bad_storm)
{
	struct bdev *bd = the_disk("vdc");
	struct virtio_driver deaf = virtio_blk_driver;
	struct virtio_dev *vd;
	struct buf *bp;
	char *mem;

	if (bd == NULL)
		return;
	vd = virtio_of(bd);
	deaf.vr_intr = no_work;
	mem = kmem_zalloc(PAGE_SIZE, PR_WAITOK);
	bp = buf_get(B_READ, 0);
	KT_CHECK(buf_add_kva(bp, mem, PAGE_SIZE));
	vd->vd_driver = &deaf;
	bdev_strategy(bd, bp);
	KT_EQ(biowait(bp), EIO);
	KT_EQ(vd->vd_gone, 1);
	vd->vd_driver = &virtio_blk_driver;
	buf_put(bp);
	kmem_free(mem, PAGE_SIZE);
}

/* -- Slots with odd devices ----------------------------------------------------------- */

/*
 * A page of memory for registers: what is written reads back, nothing moves,
 * and both words of features are the same.  Offsets from virtio 1.2, 4.2.2.
 * Immutable.
 */
static const struct {
	struct {
		uint16_t reg; /* [I] */
		uint32_t value; /* [I] */
	} set[4]; /* [I] beyond those of a good device, or instead */
	const char *says; /* [I] in the log */
} slots[] = {
	{ { { 0x004, 3 } }, "version 3 of the transport is not known" },
	{ { { 0x008, 99 } }, "no driver for device id 99" },
	{ { { 0x010, 0x10000000 } }, "not of version 1" },
	{ { { 0x034, 0 } }, "virtio-blk not attached, error 6" },
	{ { { 0x034, 2 } }, "are too small" },
	{ { { 0x010, 0x41 }, { 0x114, 100 } }, "blocks of 100 bytes cannot" },
	{ { { 0x010, 0x41 }, { 0x114, 8192 } }, "blocks of 8192 bytes cannot" },
	{ { { 0x010, 0x03 }, { 0x108, 100 } }, "are too small" },
	{ { { 0x010, 0x05 }, { 0x10c, 0 } }, "are too small" },
	{ { { 0x008, 4 }, { 0x034, 0 } }, "virtio-rng not attached, error 6" },
	{ { { 0x004, 1 }, { 0x040, 5 } }, "virtio-blk not attached, error 6" },
	{ { { 0x044, 1 } }, "virtio-blk not attached, error 6" },
};

static bool
log_has(uint64_t from, const char *text)
{
	static char log[2048];
	size_t n = log_read(log, sizeof(log) - 1, &from), len = strlen(text);

	for (size_t i = 0; i + len <= n; i++)
		if (memcmp(log + i, text, len) == 0)
			return true;
	return false;
}

/* Whatever is in a slot, nothing is kept of a device that cannot be used. */
KTEST(virtio_slots)
{
	volatile uint32_t *regs = kmem_zalloc(PAGE_SIZE, PR_WAITOK);
	struct fdt_dev slot = {
		.base = DMAP_TO_PHYS(regs), .size = 0x200, .plic = FDT_NOINTC
	};
	uint64_t oldest, from, end;

	KT_REQUIRE(((vaddr_t)regs & PAGE_MASK) == 0);
	virtio_attach_all(&slot, 1); /* no magic: nobody there */
	for (u_int i = 0; i < nitems(slots); i++) {
		memset((void *)regs, 0, PAGE_SIZE);
		regs[0x000 / 4] = 0x74726976;
		regs[0x004 / 4] = 2;
		regs[0x008 / 4] = VIRTIO_ID_BLOCK;
		regs[0x010 / 4] = 1;
		regs[0x034 / 4] = 64;
		for (u_int k = 0; k < nitems(slots[i].set); k++)
			if (slots[i].set[k].reg != 0)
				regs[slots[i].set[k].reg / 4] =
				    slots[i].set[k].value;
		log_bounds(&oldest, &from);
		virtio_attach_all(&slot, 1);
		if (!log_has(from, slots[i].says))
			kt_fail(__FILE__, __LINE__, "slot %u does not say: %s",
			    i, slots[i].says);
	}
	/* an empty one is no news */
	regs[0x008 / 4] = 0;
	log_bounds(&oldest, &from);
	virtio_attach_all(&slot, 1);
	log_bounds(&oldest, &end);
	KT_EQ(end, from);
	kmem_free((void *)regs, PAGE_SIZE);
}
