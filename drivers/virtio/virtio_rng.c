/*
 * Virtio entropy devices (virtio 1.2, 5.4): the kernel's generator is fed at
 * boot and from time to time.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/lock.h>
#include <sys/pool.h>
#include <machine/param.h>
#include <drivers/virtio/virtio.h>

#define RNG_BYTES 64
#define RNG_NSEC  (60 * 1000000000UL) /* between two requests */

/*
 * Locks used to protect members:
 *	I	immutable after attach
 *	m	rs_mtx
 *	d	the device, while it has the request
 */
struct rng_softc {
	struct mutex rs_mtx; /* LR_MISC */
	struct virtio_dev *rs_dev; /* [I] */
	struct virtio_queue rs_queue; /* [m] */
	struct timeout rs_timeout; /* [m] */
	bool rs_told; /* [m] there has been an answer */
	uint8_t rs_buf[RNG_BYTES]; /* [d], else [m] */
};

/* => rs_mtx held; at most one request is under way */
static void
rng_ask(struct rng_softc *rs)
{
	struct vq_seg seg = { DMAP_TO_PHYS(rs->rs_buf), RNG_BYTES };

	if (vq_add(&rs->rs_queue.q_vq, &seg, 0, 1, rs, NULL, 0) == 0 &&
	    virtio_publish(&rs->rs_queue))
		virtio_notify(rs->rs_dev, &rs->rs_queue);
}

static void
rng_again(void *arg)
{
	struct rng_softc *rs = arg;

	mtx_enter(&rs->rs_mtx);
	if (!atomic_load(&rs->rs_dev->vd_gone) &&
	    rs->rs_queue.q_vq.vq_inflight == 0)
		rng_ask(rs);
	mtx_leave(&rs->rs_mtx);
}

static bool
rng_intr(struct virtio_dev *vd)
{
	struct rng_softc *rs = vd->vd_priv;
	struct virtqueue *q = &rs->rs_queue.q_vq;
	uint8_t got[RNG_BYTES];
	uint32_t len, n = 0;
	const char *broken;
	bool work = false, first;

	mtx_enter(&rs->rs_mtx);
	do {
		while (vq_get(q, &len) != NULL) {
			work = true;
			n = len;
			memcpy(got, rs->rs_buf, n);
			memset(rs->rs_buf, 0, sizeof(rs->rs_buf));
		}
	} while (vq_intr_on(q));
	broken = q->vq_broken;
	first = n > 0 && !rs->rs_told;
	rs->rs_told |= first;
	mtx_leave(&rs->rs_mtx);
	if (first)
		printf("%s: entropy, %u bytes, again every %lu s\n",
		    vd->vd_name, n, RNG_NSEC / 1000000000UL);
	if (broken != NULL)
		virtio_fail(vd, broken);
	else if (work)
		timeout_add_nsec(&rs->rs_timeout, RNG_NSEC);
	if (n > 0)
		random_add(got, n);
	memset(got, 0, sizeof(got));
	return work;
}

static void
rng_gone(struct virtio_dev *vd)
{
	struct rng_softc *rs = vd->vd_priv;

	mtx_enter(&rs->rs_mtx);
	(void)vq_drain(&rs->rs_queue.q_vq);
	mtx_leave(&rs->rs_mtx);
}

static void
rng_reset(struct virtio_dev *vd)
{
	struct rng_softc *rs = vd->vd_priv;
	int error = EIO;

	mtx_enter(&rs->rs_mtx);
	if (virtio_stop(vd)) {
		(void)vq_drain(&rs->rs_queue.q_vq);
		error = virtio_restart(vd);
	}
	if (error == 0)
		rng_ask(rs);
	mtx_leave(&rs->rs_mtx);
	if (error != 0)
		virtio_fail(vd, "does not come back after a reset");
}

static int
rng_attach(struct virtio_dev *vd)
{
	struct rng_softc *rs = kmem_zalloc(sizeof(*rs), PR_WAITOK);
	int error = virtio_negotiate(vd, 0);

	if (error == 0)
		error = virtio_queue_setup(vd, &rs->rs_queue, 0, 8);
	if (error == 0 && !VA_IS_DMAP(rs))
		error = ENOMEM;
	if (error) {
		(void)virtio_stop(vd);
		virtio_queues_free(vd);
		kmem_free(rs, sizeof(*rs));
		return error;
	}
	mtx_init(&rs->rs_mtx, LR_MISC, "virtio rng");
	timeout_set(&rs->rs_timeout, rng_again, rs);
	rs->rs_dev = vd;
	vd->vd_priv = rs;
	virtio_ready(vd);
	mtx_enter(&rs->rs_mtx);
	rng_ask(rs);
	mtx_leave(&rs->rs_mtx);
	return 0;
}

const struct virtio_driver virtio_rng_driver = {
	.vr_id = VIRTIO_ID_ENTROPY,
	.vr_name = "virtio-rng",
	.vr_attach = rng_attach,
	.vr_intr = rng_intr,
	.vr_reset = rng_reset,
	.vr_gone = rng_gone,
};
