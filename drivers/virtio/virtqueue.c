/* Split virtqueues; see virtqueue.h. */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <drivers/virtio/virtqueue.h>

CTASSERT(sizeof(struct vring_desc) == 16);
CTASSERT(sizeof(struct vring_used_elem) == 8);
CTASSERT(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

/* -- Layout (2.7) ---------------------------------------------------------- */

size_t
vq_avail_offset(uint16_t num)
{
	return sizeof(struct vring_desc) * num;
}

size_t
vq_used_offset(uint16_t num, size_t align)
{
	/* flags, idx, ring, used_event */
	size_t end = vq_avail_offset(num) + 2 * (3 + (size_t)num);

	return (end + align - 1) & ~(align - 1);
}

size_t
vq_ring_size(uint16_t num, size_t align)
{
	/* flags, idx, ring, avail_event */
	return vq_used_offset(num, align) + 2 * 3 +
	    sizeof(struct vring_used_elem) * num;
}

void
vq_init(struct virtqueue *vq, uint16_t num, size_t align, void *ring,
    struct vq_slot *slots, bool event, bool exact)
{
	char *mem = ring;

	KASSERT(num != 0 && num <= VQ_MAXNUM && (num & (num - 1)) == 0);
	KASSERT((uintptr_t)ring % sizeof(struct vring_desc) == 0);
	memset(ring, 0, vq_ring_size(num, align));
	memset(vq, 0, sizeof(*vq));
	vq->vq_desc = ring;
	vq->vq_avail = (void *)(mem + vq_avail_offset(num));
	vq->vq_used = (void *)(mem + vq_used_offset(num, align));
	vq->vq_slot = slots;
	vq->vq_num = num;
	vq->vq_event = event;
	vq->vq_exact = exact;
	vq->vq_nfree = num;
	for (uint16_t i = 0; i < num; i++)
		slots[i] = (struct vq_slot){ .sl_next = (uint16_t)(i + 1) };
}

void
vq_break(struct virtqueue *vq, const char *why)
{
	if (vq->vq_broken == NULL)
		vq->vq_broken = why;
}

/* -- Adding ---------------------------------------------------------------- */

static inline void
desc_set(volatile struct vring_desc *d, const struct vq_seg *seg,
    uint16_t flags, uint16_t next)
{
	d->addr = seg->vs_addr;
	d->len = seg->vs_len;
	d->flags = flags;
	d->next = next;
}

static inline uint16_t
seg_flags(u_int i, u_int nread, u_int n)
{
	return (i >= nread ? VRING_DESC_WRITE : 0) |
	    (i + 1 < n ? VRING_DESC_NEXT : 0);
}

/* => the chain's descriptors are the head of the free list, in its order */
static void
chain_direct(
    struct virtqueue *vq, const struct vq_seg *segs, u_int nread, u_int n)
{
	uint16_t at = vq->vq_free;

	for (u_int i = 0; i < n; i++) {
		uint16_t next = vq->vq_slot[at].sl_next;

		desc_set(&vq->vq_desc[at], &segs[i], seg_flags(i, nread, n),
		    i + 1 < n ? next : 0);
		at = next;
	}
}

static void
chain_indirect(struct virtqueue *vq, const struct vq_seg *segs, u_int nread,
    u_int n, struct vring_desc *table, uint64_t table_addr)
{
	struct vq_seg all = { table_addr, n * sizeof(*table) };

	for (u_int i = 0; i < n; i++)
		desc_set(&table[i], &segs[i], seg_flags(i, nread, n),
		    i + 1 < n ? (uint16_t)(i + 1) : 0);
	desc_set(&vq->vq_desc[vq->vq_free], &all, VRING_DESC_INDIRECT, 0);
}

/* => what the device may write; capped, as a chain may exceed 32 bits */
static uint32_t
chain_room(const struct vq_seg *segs, u_int nread, u_int n)
{
	uint64_t room = 0;

	for (u_int i = nread; i < n; i++)
		room += segs[i].vs_len;
	return (uint32_t)MIN(room, UINT32_MAX);
}

int
vq_add(struct virtqueue *vq, const struct vq_seg *segs, u_int nread,
    u_int nwrite, void *cookie, struct vring_desc *table, uint64_t table_addr)
{
	u_int n = nread + nwrite, take = table != NULL ? 1 : n;
	uint16_t head = vq->vq_free;
	struct vq_slot *slot;

	KASSERT(cookie != NULL && n > 0);
	if (vq->vq_broken != NULL)
		return EIO;
	/* 2.7.5.3.1: an indirect table is no longer than the queue, either */
	if (n > vq->vq_num)
		return E2BIG;
	if (take > vq->vq_nfree)
		return EAGAIN;
	slot = &vq->vq_slot[head];
	if (table != NULL)
		chain_indirect(vq, segs, nread, n, table, table_addr);
	else
		chain_direct(vq, segs, nread, n);
	slot->sl_cookie = cookie;
	slot->sl_room = chain_room(segs, nread, n);
	slot->sl_ndesc = (uint16_t)take;
	for (u_int i = 0; i < take; i++)
		vq->vq_free = vq->vq_slot[vq->vq_free].sl_next;
	vq->vq_nfree -= (uint16_t)take;
	vq->vq_inflight++;
	vq->vq_avail->ring[vq->vq_avail_idx++ & (vq->vq_num - 1)] = head;
	return 0;
}

/* Both event indices lie behind the ring of the other side (2.7.7, 2.7.10). */
static inline volatile uint16_t *
used_event(const struct virtqueue *vq)
{
	return &vq->vq_avail->ring[vq->vq_num];
}

static inline volatile uint16_t *
avail_event(const struct virtqueue *vq)
{
	return (volatile uint16_t *)&vq->vq_used->ring[vq->vq_num];
}

bool
vq_publish(struct virtqueue *vq)
{
	uint16_t old = vq->vq_told, new = vq->vq_avail_idx;

	if (old == new)
		return false;
	membar_release();
	vq->vq_avail->idx = new;
	vq->vq_told = new;
	/* the device looks at the index after it asked for a notification */
	membar_sync();
	if (!vq->vq_event)
		return (vq->vq_used->flags & VRING_USED_NO_NOTIFY) == 0;
	return (uint16_t)(new - *avail_event(vq) - 1) < (uint16_t)(new - old);
}

/* -- Taking ---------------------------------------------------------------- */

/* => cookie; the chain's descriptors are free */
static void *
chain_free(struct virtqueue *vq, uint16_t head)
{
	struct vq_slot *slot = &vq->vq_slot[head];
	void *cookie = slot->sl_cookie;
	uint16_t tail = head;

	for (u_int i = 1; i < slot->sl_ndesc; i++)
		tail = vq->vq_slot[tail].sl_next;
	vq->vq_slot[tail].sl_next = vq->vq_free;
	vq->vq_free = head;
	vq->vq_nfree += slot->sl_ndesc;
	vq->vq_inflight--;
	slot->sl_cookie = NULL;
	return cookie;
}

bool
vq_pending(const struct virtqueue *vq)
{
	return vq->vq_used->idx != vq->vq_used_idx;
}

void *
vq_get(struct virtqueue *vq, uint32_t *lenp)
{
	uint16_t ready = (uint16_t)(vq->vq_used->idx - vq->vq_used_idx);
	volatile struct vring_used_elem *e;
	uint32_t id, len;

	if (ready == 0 || vq->vq_broken != NULL)
		return NULL;
	if (ready > vq->vq_inflight) {
		vq_break(vq, "used index beyond what was sent");
		return NULL;
	}
	membar_acquire();
	e = &vq->vq_used->ring[vq->vq_used_idx & (vq->vq_num - 1)];
	id = e->id;
	len = e->len;
	if (id >= vq->vq_num || vq->vq_slot[id].sl_cookie == NULL) {
		vq_break(vq,
		    id >= vq->vq_num ? "id of no descriptor"
				     : "id of no request");
		return NULL;
	}
	if (len > vq->vq_slot[id].sl_room) {
		if (vq->vq_exact) {
			vq_break(vq, "more written than there was room for");
			return NULL;
		}
		len = vq->vq_slot[id].sl_room;
	}
	vq->vq_used_idx++;
	*lenp = len;
	return chain_free(vq, (uint16_t)id);
}

void
vq_intr_off(struct virtqueue *vq)
{
	/* with event indices the old event simply lies behind */
	if (!vq->vq_event)
		vq->vq_avail->flags = VRING_AVAIL_NO_INTERRUPT;
}

bool
vq_intr_on(struct virtqueue *vq)
{
	if (vq->vq_event)
		*used_event(vq) = vq->vq_used_idx;
	else
		vq->vq_avail->flags = 0;
	/* the device looks at the event after it moved the index */
	membar_sync();
	return vq->vq_broken == NULL && vq_pending(vq);
}

void *
vq_drain(struct virtqueue *vq)
{
	if (vq->vq_inflight == 0)
		return NULL;
	for (uint16_t i = 0; i < vq->vq_num; i++)
		if (vq->vq_slot[i].sl_cookie != NULL)
			return chain_free(vq, i);
	panic("virtqueue: %u chains lost", vq->vq_inflight);
}
