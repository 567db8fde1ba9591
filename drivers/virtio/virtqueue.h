/*
 * Split virtqueues (virtio 1.2, 2.7), without a transport: memory is handed in
 * and whoever owns the queue tells the device.
 *
 * The device is not trusted.  Everything the driver needs again it keeps in
 * memory the device does not know; of the rings only the used ring, its flags
 * and the event index are ever read, and each value is checked before it is
 * used.  A queue whose device broke the rules is broken for good: it takes no
 * more chains, gives none back by vq_get(), and vq_broken says why.
 */
#ifndef _DRIVERS_VIRTIO_VIRTQUEUE_H_
#define _DRIVERS_VIRTIO_VIRTQUEUE_H_

#include <sys/types.h>

/* The rings as the device sees them, little-endian; fields [r]: both write. */
struct vring_desc {
	uint64_t addr; /* [r] device address */
	uint32_t len; /* [r] bytes */
	uint16_t flags; /* [r] VRING_DESC_* */
	uint16_t next; /* [r] index, with VRING_DESC_NEXT */
};
#define VRING_DESC_NEXT     1
#define VRING_DESC_WRITE    2 /* the device writes to it */
#define VRING_DESC_INDIRECT 4 /* addr leads to a table of descriptors */

/* fields [r] */
struct vring_avail {
	uint16_t flags;
	uint16_t idx;
	uint16_t ring[]; /* and used_event behind the last */
};
#define VRING_AVAIL_NO_INTERRUPT 1

/* fields [r] */
struct vring_used_elem {
	uint32_t id;
	uint32_t len;
};

/* fields [r] */
struct vring_used {
	uint16_t flags;
	uint16_t idx;
	struct vring_used_elem ring[]; /* and avail_event behind the last */
};
#define VRING_USED_NO_NOTIFY 1

#define VQ_MAXNUM            1024 /* most descriptors of a queue here */

/* A piece of memory for the device; the owner's until it is added. */
struct vq_seg {
	uint64_t vs_addr; /* [owner] device address */
	uint32_t vs_len; /* [owner] bytes, not 0 */
};

/*
 * What the driver knows of a descriptor.
 * Locks used to protect members: q the queue's owner serialises calls
 */
struct vq_slot {
	void *sl_cookie; /* [q] of the chain that starts here; NULL: none */
	uint32_t sl_room; /* [q] bytes the device may write to that chain */
	uint16_t sl_ndesc; /* [q] ring descriptors the chain takes */
	uint16_t sl_next; /* [q] next of the chain, or next free one */
};

/*
 * A queue.  Calls for one queue are serialised by its owner.
 * Locks used to protect members:
 *	I	immutable after vq_init()
 *	q	the owner serialises calls
 */
struct virtqueue {
	volatile struct vring_desc *vq_desc; /* [I] the table */
	volatile struct vring_avail *vq_avail; /* [I] */
	volatile struct vring_used *vq_used; /* [I] */
	struct vq_slot *vq_slot; /* [I] vq_num of them */
	uint16_t vq_num; /* [I] descriptors, a power of two */
	bool vq_event; /* [I] VIRTIO_F_EVENT_IDX was negotiated */
	bool vq_exact; /* [I] lengths in the used ring mean something */
	uint16_t vq_free; /* [q] first free descriptor, if there is one */
	uint16_t vq_nfree; /* [q] free descriptors */
	uint16_t vq_inflight; /* [q] chains the device has */
	uint16_t vq_avail_idx; /* [q] of the next chain */
	uint16_t vq_told; /* [q] what avail.idx was at the last vq_publish() */
	uint16_t vq_used_idx; /* [q] next used element to look at */
	const char *vq_broken; /* [q] NULL, or how the device broke the rules */
};

/*
 * Bytes of ring memory, and where in it the parts begin.
 * => num is a power of two, align one of at least 4
 */
size_t vq_ring_size(uint16_t num, size_t align);
size_t vq_avail_offset(uint16_t num);
size_t vq_used_offset(uint16_t num, size_t align);
/*
 * Make an empty queue, for the first time or after the device was reset.
 * => ring: vq_ring_size() bytes, 16-byte aligned, zeroed here; slots: num of
 *    them; both stay the queue's
 * => event: event indices are in use; exact: used lengths can be trusted to
 *    be meant (not so with legacy devices), and one that is too long breaks
 *    the queue
 */
void vq_init(struct virtqueue *vq, uint16_t num, size_t align, void *ring,
    struct vq_slot *slots, bool event, bool exact);
/*
 * Add a chain: nread segments the device reads, then nwrite it writes.
 * => table: NULL, or nread + nwrite descriptors at device address table_addr
 *    that are the caller's until the chain comes back (indirect descriptors)
 * => cookie: not NULL, what vq_get() will give
 * => 0; EAGAIN: no room now; E2BIG: more segments than the queue has
 *    descriptors; EIO: broken.  The device does not see it before vq_publish()
 */
int vq_add(struct virtqueue *vq, const struct vq_seg *segs, u_int nread,
    u_int nwrite, void *cookie, struct vring_desc *table, uint64_t table_addr);
/* => everything added is the device's; TRUE: it wants to be notified */
bool vq_publish(struct virtqueue *vq);
/*
 * Take the next chain the device is done with.
 * => its cookie, *lenp bytes were written; NULL: none, or the queue is broken
 */
void *vq_get(struct virtqueue *vq, uint32_t *lenp);
/* => the owner found a fault in what vq_get() gave: the queue is broken */
void vq_break(struct virtqueue *vq, const char *why);
/* => is there anything for vq_get()?  any context, unserialised; a hint */
bool vq_pending(const struct virtqueue *vq);
/* => interrupts for used chains off: advice to the device, not a promise */
void vq_intr_off(struct virtqueue *vq);
/*
 * Interrupts on, for the next chain used.
 * => TRUE: something was used meanwhile and may not interrupt: look again
 */
bool vq_intr_on(struct virtqueue *vq);
/*
 * Take back a chain the device will not answer, in no particular order.
 * => the device has been stopped; cookie, or NULL: none is left
 */
void *vq_drain(struct virtqueue *vq);

#endif
