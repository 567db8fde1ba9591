/*
 * Virtio devices behind the MMIO transport (virtio 1.2, 4.2), legacy and
 * modern; what is common to all drivers.
 */
#ifndef _DRIVERS_VIRTIO_VIRTIO_H_
#define _DRIVERS_VIRTIO_VIRTIO_H_

#include <sys/types.h>
#include <sys/timeout.h>
#include <lib/fdt_platform.h>
#include <drivers/virtio/virtqueue.h>

struct virtio_dev;

#define VIRTIO_ID_BLOCK        2
#define VIRTIO_ID_ENTROPY      4

#define VIRTIO_F_INDIRECT_DESC (1UL << 28)
#define VIRTIO_F_EVENT_IDX     (1UL << 29)
#define VIRTIO_F_VERSION_1     (1UL << 32)

/*
 * A queue with its memory.
 * Locks used to protect members: I immutable once set up
 */
struct virtio_queue {
	struct virtqueue q_vq; /* see there; the driver serialises */
	void *q_ring; /* [I] */
	struct vq_slot *q_slots; /* [I] */
	u_int q_index; /* [I] which of the device's queues */
	uint16_t q_num; /* [I] descriptors */
};

/*
 * Immutable.  All but vr_attach may be called in interrupt context, with no
 * lock held, on several harts at once.
 */
struct virtio_driver {
	uint32_t vr_id; /* VIRTIO_ID_* */
	const char *vr_name;
	/*
	 * => boot; interrupts come after it; 0 or errno, the device stopped
	 *    and nothing kept then
	 */
	int (*vr_attach)(struct virtio_dev *vd);
	/* => chains may have been used; TRUE: there were some */
	bool (*vr_intr)(struct virtio_dev *vd);
	/* => configuration space changed; or NULL */
	void (*vr_config)(struct virtio_dev *vd);
	/* => the device asked to be reset: virtio_stop(), virtio_restart() */
	void (*vr_reset)(struct virtio_dev *vd);
	/* => it has been taken out: nothing will be used any more */
	void (*vr_gone)(struct virtio_dev *vd);
};

#define VIRTIO_MAXQUEUES 8 /* of one device that are used */

/*
 * Locks used to protect members:
 *	I	immutable after attach
 *	a	atomic operations
 *	i	interrupt handler, or the timer in its place
 */
struct virtio_dev {
	volatile char *vd_reg; /* [I] registers */
	const struct virtio_driver *vd_driver; /* [I] */
	void *vd_priv; /* [I] the driver's */
	struct fdt_dev vd_fdt; /* [I] */
	char vd_name[12]; /* [I] "virtio7" */
	bool vd_legacy; /* [I] transport version 1 */
	bool vd_polled; /* [I] no interrupt: by its driver, or a timer */
	uint64_t vd_features; /* [I] negotiated */
	u_int vd_nqueues; /* [I] set up, in vd_queue[] */
	struct virtio_queue *vd_queue[VIRTIO_MAXQUEUES]; /* [I] */
	struct timeout vd_poll; /* [i] */
	uint64_t vd_idle_since; /* [i] uptime vd_idle was last 0 */
	uint32_t vd_idle; /* [i] interrupts without work since */
	volatile uint32_t vd_gone; /* [a] taken out */
};

#define virtio_has(vd, f) (((vd)->vd_features & (f)) != 0)

/*
 * Look at every slot of the tree and attach what has a driver, those at higher
 * addresses first: QEMU fills them in that order.
 * => boot, after cpu_configure() and bio_init(); prints a line per device
 */
void virtio_attach_all(const struct fdt_dev *slots, u_int n);

/* -- For drivers --------------------------------------------------------------- */

/*
 * Reset the device and agree on features: those of `want' it has, besides the
 * rings' own.
 * => vd_features; 0, or EIO with a line printed
 */
int virtio_negotiate(struct virtio_dev *vd, uint64_t want);
/*
 * Set up a queue of at most `most' descriptors.
 * => between virtio_negotiate() and virtio_ready(); index below
 *    VIRTIO_MAXQUEUES, ascending; memory is kept for ever if it is 0
 * => 0; ENXIO: the device has no such queue; ENOMEM
 */
int virtio_queue_setup(
    struct virtio_dev *vd, struct virtio_queue *q, u_int index, uint16_t most);
/* => undoes virtio_queue_setup() of all queues; the device has been stopped */
void virtio_queues_free(struct virtio_dev *vd);
/* => it may begin */
void virtio_ready(struct virtio_dev *vd);
/* => it does not touch memory any more; false: it does not say so */
bool virtio_stop(struct virtio_dev *vd);
/*
 * After virtio_stop(): as before, with empty queues.
 * => serialised with every user of the queues; 0, or EIO: it is not as before
 */
int virtio_restart(struct virtio_dev *vd);
/*
 * Everything added is the device's from now on.
 * => queue serialised; TRUE: the device is to be told, by virtio_notify()
 */
bool virtio_publish(struct virtio_queue *q);
/*
 * Tell the device.  Under QEMU this waits until the device has taken up what it
 * is told of, and is best done without the lock of the queue.
 * => any time after virtio_publish(); once for several is enough; harmless if
 *    the device was reset meanwhile
 */
void virtio_notify(struct virtio_dev *vd, const struct virtio_queue *q);
/*
 * The device broke the rules: stop it for good, say why, call vr_gone.
 * => any context, no lock held; more calls do nothing
 */
void virtio_fail(struct virtio_dev *vd, const char *why);

/* => value of a field of the configuration space, whole also if it changes
 *    meanwhile; any context */
uint8_t virtio_config8(struct virtio_dev *vd, u_int off);
uint16_t virtio_config16(struct virtio_dev *vd, u_int off);
uint32_t virtio_config32(struct virtio_dev *vd, u_int off);
uint64_t virtio_config64(struct virtio_dev *vd, u_int off);

extern const struct virtio_driver virtio_blk_driver, virtio_rng_driver;

#endif
