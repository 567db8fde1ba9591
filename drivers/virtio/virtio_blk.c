/*
 * Virtio block devices (virtio 1.2, 5.2).
 *
 * Request headers, status bytes and descriptor tables are made when the device
 * attaches, so that a transfer needs no memory: what finds no free request
 * waits in its queue until one is done.  A buf with more pieces than the device
 * takes at once is sent in parts, one after the other.
 *
 * Each queue has its own lock; a hart uses the queue of its number.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/disk.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <machine/boot.h>
#include <machine/cpu.h>
#include <drivers/virtio/virtio.h>

#define F_SIZE_MAX     (1UL << 1)
#define F_SEG_MAX      (1UL << 2)
#define F_RO           (1UL << 5)
#define F_BLK_SIZE     (1UL << 6)
#define F_FLUSH        (1UL << 9)
#define F_TOPOLOGY     (1UL << 10)
#define F_MQ           (1UL << 12)
#define F_DISCARD      (1UL << 13)
#define F_WRITE_ZEROES (1UL << 14)

/* Configuration space. */
#define C_CAPACITY        0x00 /* 8 bytes, in sectors */
#define C_SIZE_MAX        0x08
#define C_SEG_MAX         0x0c
#define C_BLK_SIZE        0x14
#define C_PHYS_EXP        0x18 /* 1 byte: logical blocks in a physical one */
#define C_OPT_IO          0x1c /* logical blocks */
#define C_NUM_QUEUES      0x22 /* 2 bytes */
#define C_DISCARD_SECTORS 0x24
#define C_ZEROES_SECTORS  0x30

#define T_IN              0
#define T_OUT             1
#define T_FLUSH           4
#define T_DISCARD         11
#define T_WRITE_ZEROES    13

#define S_OK              0
#define S_IOERR           1
#define S_UNSUPP          2
#define S_NONE            0xff /* what we put there: the device has not */

#define QUEUE_NUM         128 /* descriptors of a queue, at most */
#define QUEUE_REQUESTS    64 /* requests of a queue, at most */
#define MAXQUEUES         4
#define MAXTRIES          3 /* resets a request outlives */

/*
 * What a device reads and writes of a request, besides the data.
 * Locks used to protect members: r the queue's lock while the request is free,
 * then the device
 */
struct vblk_dma {
	struct {
		uint32_t type; /* [r] T_* */
		uint32_t unused; /* [r] */
		uint64_t sector; /* [r] */
	} vd_hdr;
	struct {
		uint64_t sector; /* [r] */
		uint32_t count; /* [r] sectors */
		uint32_t flags; /* [r] */
	} vd_range; /* T_DISCARD, T_WRITE_ZEROES */
	volatile uint8_t vd_status; /* [r] S_* */
	uint8_t vd_unused[15]; /* [r] */
	struct vring_desc vd_table[B_MAXSEGS + 2]; /* [r] */
};
CTASSERT(offsetof(struct vblk_dma, vd_table) % 16 == 0);

/*
 * Locks used to protect members:
 *	I	immutable
 *	q	the queue's lock
 */
struct vblk_req {
	struct vblk_req *vr_next; /* [q] free list */
	struct vblk_dma *vr_dma; /* [I] */
	struct buf *vr_buf; /* [q] NULL: it is free */
	uint64_t vr_len; /* [q] bytes of vr_buf it is for */
};

TAILQ_HEAD(bufq, buf);

/*
 * Locks used to protect members:
 *	I	immutable
 *	q	vq_mtx
 */
struct vblk_queue {
	struct mutex vq_mtx; /* LR_MISC */
	struct virtio_queue vq_q; /* [q] */
	struct vblk_softc *vq_sc; /* [I] */
	struct vblk_req *vq_free; /* [q] */
	struct bufq vq_wait; /* [q] not sent yet, or not all of it */
	struct vblk_req *vq_req; /* [I] all of them */
	struct vblk_dma *vq_dma; /* [I] */
	u_int vq_nreq; /* [I] */
};

/*
 * Locks used to protect members: I immutable after attach
 */
struct vblk_softc {
	struct virtio_dev *sc_dev; /* [I] */
	struct disk sc_disk; /* see there */
	u_int sc_nqueues; /* [I] */
	u_int sc_maxsegs; /* [I] data segments of a request */
	uint32_t sc_maxsize; /* [I] bytes of one */
	bool sc_indirect; /* [I] with descriptor tables */
	struct vblk_queue sc_queue[MAXQUEUES];
};

/* -- Sending ---------------------------------------------------------------- */

/*
 * The next part of a buf as segments, cut to what the device takes, which is
 * a multiple of its block size.
 * => segments in segs; *lenp bytes
 */
static u_int
data_segs(const struct vblk_softc *sc, const struct buf *bp,
    struct vq_seg *segs, uint64_t *lenp)
{
	uint64_t skip = bp->b_drvdone, len = 0, over;
	u_int n = 0;

	for (u_int i = 0; i < bp->b_nsegs && n < sc->sc_maxsegs; i++) {
		const struct buf_seg *bs = &bp->b_seg[i];

		for (uint64_t at = MIN(skip, bs->bs_len);
		     at < bs->bs_len && n < sc->sc_maxsegs; n++) {
			segs[n].vs_addr = bs->bs_addr + at;
			segs[n].vs_len =
			    (uint32_t)MIN(bs->bs_len - at, sc->sc_maxsize);
			at += segs[n].vs_len;
			len += segs[n].vs_len;
		}
		skip -= MIN(skip, bs->bs_len);
	}
	/* the last segments may end within a block */
	for (over = len & (sc->sc_disk.dk_blksize - 1); over > 0;) {
		uint32_t cut = (uint32_t)MIN(over, segs[n - 1].vs_len);

		segs[n - 1].vs_len -= cut;
		n -= segs[n - 1].vs_len == 0;
		over -= cut;
		len -= cut;
	}
	*lenp = len;
	return n;
}

/* Header and range of a request that moves no data. */
static void
make_command(struct vblk_dma *dma, const struct buf *bp)
{
	if (bp->b_flags & B_FLUSH) {
		dma->vd_hdr.type = T_FLUSH;
		dma->vd_hdr.sector = 0;
		return;
	}
	dma->vd_hdr.type = bp->b_flags & B_DISCARD ? T_DISCARD : T_WRITE_ZEROES;
	dma->vd_hdr.sector = 0;
	dma->vd_range.sector = bp->b_rawblkno;
	dma->vd_range.count = (uint32_t)(bp->b_bcount >> DEV_BSHIFT);
	dma->vd_range.flags = 0;
}

/*
 * Fill a request in and add it to the queue.
 * => queue locked; 0; EAGAIN: no room now; EIO: the queue is broken, or the
 *    device takes no piece of it
 */
static int
send(struct vblk_queue *vq, struct vblk_req *vr, struct buf *bp)
{
	const struct vblk_softc *sc = vq->vq_sc;
	struct vblk_dma *dma = vr->vr_dma;
	paddr_t pa = DMAP_TO_PHYS(dma);
	struct vq_seg segs[B_MAXSEGS + 2];
	u_int ndata = 0, nread = 1;

	vr->vr_len = bp->b_bcount;
	dma->vd_status = S_NONE;
	segs[0] = (struct vq_seg){ pa, sizeof(dma->vd_hdr) };
	if (bp->b_flags & B_NODATA) {
		make_command(dma, bp);
		if ((bp->b_flags & B_FLUSH) == 0)
			segs[nread++] = (struct vq_seg){ pa +
				    offsetof(struct vblk_dma, vd_range),
				sizeof(dma->vd_range) };
	} else {
		ndata = data_segs(sc, bp, segs + 1, &vr->vr_len);
		if (ndata == 0)
			return EIO;
		dma->vd_hdr.type = bp->b_flags & B_READ ? T_IN : T_OUT;
		dma->vd_hdr.sector =
		    bp->b_rawblkno + (bp->b_drvdone >> DEV_BSHIFT);
		nread += bp->b_flags & B_READ ? 0 : ndata;
	}
	segs[bp->b_flags & B_READ ? 1 + ndata : nread] =
	    (struct vq_seg){ pa + offsetof(struct vblk_dma, vd_status), 1 };
	return vq_add(&vq->vq_q.q_vq, segs, nread,
	    bp->b_flags & B_READ ? ndata + 1 : 1, vr,
	    sc->sc_indirect ? dma->vd_table : NULL,
	    pa + offsetof(struct vblk_dma, vd_table));
}

static void
buf_error(struct buf *bp, int error)
{
	bp->b_error = error;
	bp->b_flags |= B_ERROR;
}

/*
 * Send what waits.
 * => queue locked; what cannot be sent is moved to done
 * => TRUE: the device is to be told, when the lock is no longer held
 */
static bool
start(struct vblk_queue *vq, struct bufq *done)
{
	struct vblk_req *vr;
	struct buf *bp;
	int error;

	while ((bp = TAILQ_FIRST(&vq->vq_wait)) != NULL &&
	    (vr = vq->vq_free) != NULL) {
		error = send(vq, vr, bp);
		if (error == EAGAIN)
			break;
		TAILQ_REMOVE(&vq->vq_wait, bp, b_link);
		if (error != 0) {
			buf_error(bp, EIO);
			TAILQ_INSERT_TAIL(done, bp, b_link);
			continue;
		}
		vq->vq_free = vr->vr_next;
		vr->vr_buf = bp;
	}
	return virtio_publish(&vq->vq_q);
}

/*
 * => no lock held: the device takes its time, and other harts add to the queue
 */
static void
tell(struct vblk_queue *vq)
{
	virtio_notify(vq->vq_sc->sc_dev, &vq->vq_q);
}

/* -- Completing ------------------------------------------------------------- */

/* => no lock held */
static void
give_back(struct bufq *done)
{
	struct buf *bp;

	while ((bp = TAILQ_FIRST(done)) != NULL) {
		TAILQ_REMOVE(done, bp, b_link);
		biodone(bp);
	}
}

static struct buf *
req_free(struct vblk_queue *vq, struct vblk_req *vr)
{
	struct buf *bp = vr->vr_buf;

	vr->vr_buf = NULL;
	vr->vr_next = vq->vq_free;
	vq->vq_free = vr;
	return bp;
}

/*
 * The device says that a request is done: is it?  With a modern device the
 * length counts all it wrote, the status byte last.
 * => queue locked; NULL, or which rule it broke
 */
static const char *
check_used(const struct vblk_queue *vq, const struct vblk_req *vr,
    uint8_t status, uint32_t len)
{
	uint64_t data =
	    vr->vr_buf->b_flags & B_READ && status == S_OK ? vr->vr_len : 0;

	if (status != S_OK && status != S_IOERR && status != S_UNSUPP)
		return "no status in a finished request";
	if (vq->vq_q.q_vq.vq_exact && len < data + 1)
		return "less written than a finished request has";
	return NULL;
}

/* => queue locked; the buf, or the rest of it, goes to done or waits again */
static void
finish(struct vblk_queue *vq, struct vblk_req *vr, uint8_t status,
    struct bufq *done)
{
	uint64_t len = vr->vr_len;
	struct buf *bp = req_free(vq, vr);

	if (status != S_OK)
		buf_error(bp, status == S_UNSUPP ? EOPNOTSUPP : EIO);
	else {
		bp->b_drvdone += len;
		bp->b_resid -= len;
		if (bp->b_resid != 0) {
			TAILQ_INSERT_HEAD(&vq->vq_wait, bp, b_link);
			return;
		}
	}
	TAILQ_INSERT_TAIL(done, bp, b_link);
}

/* => queue locked; TRUE: there was something */
static bool
harvest(struct vblk_queue *vq, struct bufq *done)
{
	struct virtqueue *q = &vq->vq_q.q_vq;
	struct vblk_req *vr;
	bool work = false;
	const char *why;
	struct buf *bp;
	uint32_t len;
	uint8_t status;

	do {
		vq_intr_off(q);
		while ((vr = vq_get(q, &len)) != NULL) {
			work = true;
			status = vr->vr_dma->vd_status; /* once */
			why = check_used(vq, vr, status, len);
			if (why == NULL) {
				finish(vq, vr, status, done);
				continue;
			}
			vq_break(q, why);
			bp = req_free(vq, vr);
			buf_error(bp, EIO);
			TAILQ_INSERT_TAIL(done, bp, b_link);
		}
	} while (vq_intr_on(q));
	return work;
}

/* => TRUE: something was done */
static bool
service(struct vblk_queue *vq)
{
	struct bufq done = TAILQ_HEAD_INITIALIZER(done);
	const char *broken;
	bool work, more = false;

	mtx_enter(&vq->vq_mtx);
	work = harvest(vq, &done);
	broken = vq->vq_q.q_vq.vq_broken;
	if (work && broken == NULL)
		more = start(vq, &done);
	mtx_leave(&vq->vq_mtx);
	if (more)
		tell(vq);
	give_back(&done);
	if (broken != NULL)
		virtio_fail(vq->vq_sc->sc_dev, broken);
	return work;
}

static bool
vblk_intr(struct virtio_dev *vd)
{
	struct vblk_softc *sc = vd->vd_priv;
	bool work = false;

	for (u_int i = 0; i < sc->sc_nqueues; i++)
		work |= service(&sc->sc_queue[i]);
	return work;
}

static void
vblk_poll(struct disk *dk)
{
	(void)vblk_intr(((struct vblk_softc *)dk->dk_priv)->sc_dev);
}

static void
vblk_abort(struct disk *dk)
{
	virtio_fail(
	    ((struct vblk_softc *)dk->dk_priv)->sc_dev, "does not answer");
}

static void
vblk_strategy(struct disk *dk, struct buf *bp)
{
	struct vblk_softc *sc = dk->dk_priv;
	struct vblk_queue *vq =
	    &sc->sc_queue[curcpu()->ci_index % sc->sc_nqueues];
	struct bufq done = TAILQ_HEAD_INITIALIZER(done);
	bool more = false;

	mtx_enter(&vq->vq_mtx);
	if (atomic_load(&sc->sc_dev->vd_gone)) {
		buf_error(bp, EIO);
		TAILQ_INSERT_TAIL(&done, bp, b_link);
	} else {
		TAILQ_INSERT_TAIL(&vq->vq_wait, bp, b_link);
		more = start(vq, &done);
	}
	mtx_leave(&vq->vq_mtx);
	if (more)
		tell(vq);
	give_back(&done);
}

/* -- Trouble ---------------------------------------------------------------- */

/*
 * Take back what the stopped device has.
 * => queue locked; the bufs wait again, before the others; those that have
 *    been through this too often go to done
 */
static void
recall(struct vblk_queue *vq, struct bufq *done)
{
	struct vblk_req *vr;
	struct buf *bp;

	while ((vr = vq_drain(&vq->vq_q.q_vq)) != NULL) {
		bp = req_free(vq, vr);
		if (++bp->b_drvtries > MAXTRIES) {
			buf_error(bp, EIO);
			TAILQ_INSERT_TAIL(done, bp, b_link);
		} else
			TAILQ_INSERT_HEAD(&vq->vq_wait, bp, b_link);
	}
}

static void
vblk_gone(struct virtio_dev *vd)
{
	struct vblk_softc *sc = vd->vd_priv;
	struct bufq done = TAILQ_HEAD_INITIALIZER(done);
	struct buf *bp;

	disk_gone(&sc->sc_disk);
	for (u_int i = 0; i < sc->sc_nqueues; i++) {
		struct vblk_queue *vq = &sc->sc_queue[i];

		mtx_enter(&vq->vq_mtx);
		recall(vq, &done);
		while ((bp = TAILQ_FIRST(&vq->vq_wait)) != NULL) {
			TAILQ_REMOVE(&vq->vq_wait, bp, b_link);
			buf_error(bp, EIO);
			TAILQ_INSERT_TAIL(&done, bp, b_link);
		}
		mtx_leave(&vq->vq_mtx);
	}
	give_back(&done);
}

/* All queues are locked, in the order of their addresses. */
static void
vblk_reset(struct virtio_dev *vd)
{
	struct vblk_softc *sc = vd->vd_priv;
	struct bufq done = TAILQ_HEAD_INITIALIZER(done);
	bool more[MAXQUEUES] = { false };
	int error = EIO;
	u_int i;

	printf(
	    "%s: the device wants a reset\n", sc->sc_disk.dk_part[0].bd_name);
	for (i = 0; i < sc->sc_nqueues; i++)
		mtx_enter(&sc->sc_queue[i].vq_mtx);
	if (virtio_stop(vd)) {
		for (i = 0; i < sc->sc_nqueues; i++)
			recall(&sc->sc_queue[i], &done);
		error = virtio_restart(vd);
	}
	for (i = 0; i < sc->sc_nqueues && error == 0; i++)
		more[i] = start(&sc->sc_queue[i], &done);
	for (i = sc->sc_nqueues; i-- > 0;)
		mtx_leave(&sc->sc_queue[i].vq_mtx);
	for (i = 0; i < sc->sc_nqueues; i++)
		if (more[i])
			tell(&sc->sc_queue[i]);
	give_back(&done);
	if (error != 0)
		virtio_fail(vd, "does not come back after a reset");
}

static void
vblk_config(struct virtio_dev *vd)
{
	struct vblk_softc *sc = vd->vd_priv;

	disk_resize(&sc->sc_disk, virtio_config64(vd, C_CAPACITY));
}

/* -- Attaching --------------------------------------------------------------- */

static void
queue_free(struct vblk_queue *vq)
{
	if (vq->vq_req != NULL)
		kmem_free(vq->vq_req, vq->vq_nreq * sizeof(*vq->vq_req));
	if (vq->vq_dma != NULL)
		kmem_free(vq->vq_dma, vq->vq_nreq * sizeof(*vq->vq_dma));
	vq->vq_req = NULL;
	vq->vq_dma = NULL;
}

/* Requests, and what of them the device sees: contiguous, a few pages. */
static int
queue_init(struct vblk_softc *sc, u_int index)
{
	struct vblk_queue *vq = &sc->sc_queue[index];
	int error;

	mtx_init(&vq->vq_mtx, LR_MISC, "vblk");
	TAILQ_INIT(&vq->vq_wait);
	vq->vq_sc = sc;
	error = virtio_queue_setup(sc->sc_dev, &vq->vq_q, index, QUEUE_NUM);
	if (error)
		return error;
	vq->vq_nreq = sc->sc_indirect
	    ? MIN(vq->vq_q.q_num, QUEUE_REQUESTS)
	    : MIN(vq->vq_q.q_num / 3 + 1, QUEUE_REQUESTS);
	vq->vq_req = kmem_zalloc(vq->vq_nreq * sizeof(*vq->vq_req), PR_WAITOK);
	vq->vq_dma = kmem_zalloc(vq->vq_nreq * sizeof(*vq->vq_dma), PR_WAITOK);
	if (!VA_IS_DMAP(vq->vq_dma))
		return ENOMEM;
	for (u_int i = 0; i < vq->vq_nreq; i++) {
		vq->vq_req[i].vr_dma = &vq->vq_dma[i];
		(void)req_free(vq, &vq->vq_req[i]);
	}
	return 0;
}

/* => what a request may be made of; false: nothing */
static bool
read_limits(struct vblk_softc *sc)
{
	struct virtio_dev *vd = sc->sc_dev;
	u_int room = sc->sc_queue[0].vq_q.q_num;
	uint32_t segs = 1, size = MAXPHYS;

	/* 5.2.5: without the feature nothing is said; one is sure to work */
	if (virtio_has(vd, F_SEG_MAX))
		segs = virtio_config32(vd, C_SEG_MAX);
	if (virtio_has(vd, F_SIZE_MAX))
		size = virtio_config32(vd, C_SIZE_MAX);
	/* header and status need descriptors, too */
	sc->sc_maxsegs = room < 3 ? 0 : MIN(MIN(segs, B_MAXSEGS), room - 2);
	sc->sc_maxsize = MIN(size, MAXPHYS) & ~(uint32_t)(DEV_BSIZE - 1);
	return (uint64_t)sc->sc_maxsegs * sc->sc_maxsize >=
	    sc->sc_disk.dk_blksize;
}

/* => bytes of a limit in sectors, whole blocks; 0 means none */
static uint64_t
limit_bytes(const struct vblk_softc *sc, u_int off)
{
	uint64_t bytes = (uint64_t)virtio_config32(sc->sc_dev, off)
	    << DEV_BSHIFT;

	/* what one request can say: 32 bits of sectors, 0: no limit said */
	if (bytes == 0)
		bytes = (uint64_t)UINT32_MAX << DEV_BSHIFT;
	return bytes & ~(uint64_t)(sc->sc_disk.dk_blksize - 1);
}

static void
read_geometry(struct vblk_softc *sc)
{
	struct virtio_dev *vd = sc->sc_dev;
	struct disk *dk = &sc->sc_disk;

	dk->dk_blksize = DEV_BSIZE;
	if (virtio_has(vd, F_BLK_SIZE))
		dk->dk_blksize = virtio_config32(vd, C_BLK_SIZE);
	dk->dk_physblksize = dk->dk_blksize;
	if (virtio_has(vd, F_TOPOLOGY)) {
		dk->dk_physblksize <<= virtio_config8(vd, C_PHYS_EXP) & 15;
		dk->dk_optio = virtio_config32(vd, C_OPT_IO) * dk->dk_blksize;
	}
	if (virtio_has(vd, F_RO))
		dk->dk_flags |= DK_RDONLY;
	if (virtio_has(vd, F_FLUSH))
		dk->dk_flags |= DK_FLUSH;
	if (virtio_has(vd, F_DISCARD)) {
		dk->dk_flags |= DK_DISCARD;
		dk->dk_maxdiscard = limit_bytes(sc, C_DISCARD_SECTORS);
	}
	if (virtio_has(vd, F_WRITE_ZEROES)) {
		dk->dk_flags |= DK_ZEROES;
		dk->dk_maxzeroes = limit_bytes(sc, C_ZEROES_SECTORS);
	}
}

static int
queues_init(struct vblk_softc *sc)
{
	struct virtio_dev *vd = sc->sc_dev;
	u_int want = 1;
	int error;

	if (virtio_has(vd, F_MQ))
		want = MAX(virtio_config16(vd, C_NUM_QUEUES), 1);
	want = MIN(MIN(want, MAXQUEUES), platform.nhart_usable);
	do
		error = queue_init(sc, sc->sc_nqueues);
	while (error == 0 && ++sc->sc_nqueues < want);
	return error;
}

static void
describe(const struct vblk_softc *sc, char *text, size_t size)
{
	const struct virtio_dev *vd = sc->sc_dev;
	uint32_t f = sc->sc_disk.dk_flags;

	snprintf(text, size, "%s %s%s%s%s%s%s, %u queue%s of %u requests",
	    vd->vd_name, vd->vd_legacy ? "legacy" : "modern",
	    f & DK_RDONLY ? ", read-only" : "", f & DK_FLUSH ? ", flush" : "",
	    f & DK_DISCARD ? ", discard" : "",
	    f & DK_ZEROES ? ", write-zeroes" : "",
	    sc->sc_indirect ? ", indirect" : "", sc->sc_nqueues,
	    sc->sc_nqueues == 1 ? "" : "s", sc->sc_queue[0].vq_nreq);
}

static const struct disk_ops vblk_disk_ops = {
	.do_strategy = vblk_strategy,
	.do_poll = vblk_poll,
	.do_abort = vblk_abort,
};

/* => as attach; the softc is the caller's to free after an error */
static int
attach(struct vblk_softc *sc)
{
	struct virtio_dev *vd = sc->sc_dev;
	char text[120];
	int error = virtio_negotiate(vd,
	    F_SIZE_MAX | F_SEG_MAX | F_RO | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY |
		F_MQ | F_DISCARD | F_WRITE_ZEROES);

	if (error)
		return error;
	sc->sc_indirect = virtio_has(vd, VIRTIO_F_INDIRECT_DESC);
	sc->sc_disk.dk_ops = &vblk_disk_ops;
	sc->sc_disk.dk_priv = sc;
	read_geometry(sc);
	error = queues_init(sc);
	if (error)
		return error;
	if (!read_limits(sc)) {
		printf(
		    "%s: requests of %u segments of %u bytes are too small\n",
		    vd->vd_name, sc->sc_maxsegs, sc->sc_maxsize);
		return EINVAL;
	}
	describe(sc, text, sizeof(text));
	virtio_ready(vd);
	return disk_register(
	    &sc->sc_disk, virtio_config64(vd, C_CAPACITY), text);
}

static int
vblk_attach(struct virtio_dev *vd)
{
	struct vblk_softc *sc = kmem_zalloc(sizeof(*sc), PR_WAITOK);
	int error;

	sc->sc_dev = vd;
	vd->vd_priv = sc;
	error = attach(sc);
	if (error == 0)
		return 0;
	(void)virtio_stop(vd);
	virtio_queues_free(vd);
	for (u_int i = 0; i < MAXQUEUES; i++)
		queue_free(&sc->sc_queue[i]);
	kmem_free(sc, sizeof(*sc));
	return error;
}

const struct virtio_driver virtio_blk_driver = {
	.vr_id = VIRTIO_ID_BLOCK,
	.vr_name = "virtio-blk",
	.vr_attach = vblk_attach,
	.vr_intr = vblk_intr,
	.vr_config = vblk_config,
	.vr_reset = vblk_reset,
	.vr_gone = vblk_gone,
};
