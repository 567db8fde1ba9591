/*
 * The MMIO transport (virtio 1.2, 4.2.2 and, legacy, 4.2.4).
 *
 * A device that breaks the rules is reset and never spoken to again; one that
 * asks for a reset gets it, and its driver repeats what was under way.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/atomic.h>
#include <sys/errno.h>
#include <sys/pool.h>
#include <machine/bus.h>
#include <machine/intr.h>
#include <pmap/sv39/pmap_boot.h>
#include <drivers/virtio/virtio.h>

/* Registers. */
#define R_MAGIC             0x000
#define R_VERSION           0x004
#define R_DEVICE_ID         0x008
#define R_DEV_FEATURES      0x010
#define R_DEV_FEATURES_SEL  0x014
#define R_DRV_FEATURES      0x020
#define R_DRV_FEATURES_SEL  0x024
#define R_LEGACY_PAGE_SIZE  0x028
#define R_QUEUE_SEL         0x030
#define R_QUEUE_NUM_MAX     0x034
#define R_QUEUE_NUM         0x038
#define R_LEGACY_ALIGN      0x03c
#define R_LEGACY_PFN        0x040
#define R_QUEUE_READY       0x044
#define R_QUEUE_NOTIFY      0x050
#define R_INTERRUPT_STATUS  0x060
#define R_INTERRUPT_ACK     0x064
#define R_STATUS            0x070
#define R_QUEUE_DESC        0x080
#define R_QUEUE_DRIVER      0x090
#define R_QUEUE_DEVICE      0x0a0
#define R_CONFIG_GENERATION 0x0fc
#define R_CONFIG            0x100

#define MAGIC               0x74726976
#define WINDOW              0x200

#define STATUS_ACKNOWLEDGE  1
#define STATUS_DRIVER       2
#define STATUS_DRIVER_OK    4
#define STATUS_FEATURES_OK  8
#define STATUS_NEEDS_RESET  64
#define STATUS_FAILED       128

#define INTR_CONFIG         2

#define LEGACY_ALIGN        4096 /* of the used ring; we choose it */
#define MODERN_ALIGN        64

#define RESET_NSEC          1000000000UL /* a reset that takes longer fails */
#define POLL_NSEC           2000000UL
/* More interrupts without work than this in a second are a storm. */
#define STORM_NSEC   1000000000UL
#define STORM_LIMIT  1000
#define CONFIG_TRIES 100 /* generations that change while we read */

static inline uint32_t
reg_read(struct virtio_dev *vd, u_int r)
{
	return bus_read32(vd->vd_reg + r);
}

static inline void
reg_write(struct virtio_dev *vd, u_int r, uint32_t v)
{
	bus_write32(vd->vd_reg + r, v);
}

static void
reg_write_addr(struct virtio_dev *vd, u_int r, paddr_t pa)
{
	reg_write(vd, r, (uint32_t)pa);
	reg_write(vd, r + 4, (uint32_t)(pa >> 32));
}

static void
status_add(struct virtio_dev *vd, uint32_t bits)
{
	reg_write(vd, R_STATUS, reg_read(vd, R_STATUS) | bits);
}

/* -- Configuration space ---------------------------------------------------- */

uint8_t
virtio_config8(struct virtio_dev *vd, u_int off)
{
	return bus_read8(vd->vd_reg + R_CONFIG + off);
}

uint16_t
virtio_config16(struct virtio_dev *vd, u_int off)
{
	return bus_read16(vd->vd_reg + R_CONFIG + off);
}

uint32_t
virtio_config32(struct virtio_dev *vd, u_int off)
{
	return reg_read(vd, R_CONFIG + off);
}

/* Two reads: the generation tells whether they belong together (4.2.2.2). */
uint64_t
virtio_config64(struct virtio_dev *vd, u_int off)
{
	uint32_t gen = 0, lo = 0, hi = 0;

	for (int i = 0; i < CONFIG_TRIES; i++) {
		if (!vd->vd_legacy)
			gen = reg_read(vd, R_CONFIG_GENERATION);
		lo = virtio_config32(vd, off);
		hi = virtio_config32(vd, off + 4);
		if (vd->vd_legacy ? lo == virtio_config32(vd, off)
				  : gen == reg_read(vd, R_CONFIG_GENERATION))
			break;
	}
	return lo | (uint64_t)hi << 32;
}

/* -- Initialisation (3.1) --------------------------------------------------- */

bool
virtio_stop(struct virtio_dev *vd)
{
	uint64_t end = nsecuptime() + RESET_NSEC;

	reg_write(vd, R_STATUS, 0);
	while (reg_read(vd, R_STATUS) != 0)
		if (nsecuptime() > end)
			return false;
	return true;
}

static uint64_t
features_offered(struct virtio_dev *vd)
{
	uint64_t f;

	reg_write(vd, R_DEV_FEATURES_SEL, 0);
	f = reg_read(vd, R_DEV_FEATURES);
	if (vd->vd_legacy)
		return f;
	reg_write(vd, R_DEV_FEATURES_SEL, 1);
	return f | (uint64_t)reg_read(vd, R_DEV_FEATURES) << 32;
}

static void
features_accept(struct virtio_dev *vd)
{
	reg_write(vd, R_DRV_FEATURES_SEL, 0);
	reg_write(vd, R_DRV_FEATURES, (uint32_t)vd->vd_features);
	if (vd->vd_legacy) {
		reg_write(vd, R_LEGACY_PAGE_SIZE, PAGE_SIZE);
		return;
	}
	reg_write(vd, R_DRV_FEATURES_SEL, 1);
	reg_write(vd, R_DRV_FEATURES, (uint32_t)(vd->vd_features >> 32));
	status_add(vd, STATUS_FEATURES_OK);
}

/* => the device is stopped; NULL, or what is wrong */
static const char *
negotiate(struct virtio_dev *vd, uint64_t want)
{
	uint64_t offered;

	reg_write(vd, R_STATUS, STATUS_ACKNOWLEDGE);
	status_add(vd, STATUS_DRIVER);
	offered = features_offered(vd);
	want |= VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
	if (!vd->vd_legacy)
		want |= VIRTIO_F_VERSION_1;
	vd->vd_features = offered & want;
	if (!vd->vd_legacy && !virtio_has(vd, VIRTIO_F_VERSION_1))
		return "not of version 1";
	features_accept(vd);
	if (!vd->vd_legacy &&
	    (reg_read(vd, R_STATUS) & STATUS_FEATURES_OK) == 0)
		return "features refused";
	return NULL;
}

int
virtio_negotiate(struct virtio_dev *vd, uint64_t want)
{
	const char *why = "cannot be reset";

	if (virtio_stop(vd))
		why = negotiate(vd, want);
	if (why == NULL)
		return 0;
	printf("%s: %s\n", vd->vd_name, why);
	status_add(vd, STATUS_FAILED);
	return EIO;
}

void
virtio_ready(struct virtio_dev *vd)
{
	status_add(vd, STATUS_DRIVER_OK);
}

/* -- Queues ----------------------------------------------------------------- */

static size_t
queue_align(const struct virtio_dev *vd)
{
	return vd->vd_legacy ? LEGACY_ALIGN : MODERN_ALIGN;
}

/* => more than a page, so that it begins with one and is in the direct map */
static size_t
queue_bytes(const struct virtio_dev *vd, const struct virtio_queue *q)
{
	return MAX(vq_ring_size(q->q_num, queue_align(vd)), PAGE_SIZE);
}

/* Tell the device where a queue is; the queue becomes empty. */
static void
queue_start(struct virtio_dev *vd, struct virtio_queue *q)
{
	paddr_t pa = DMAP_TO_PHYS(q->q_ring);

	vq_init(&q->q_vq, q->q_num, queue_align(vd), q->q_ring, q->q_slots,
	    virtio_has(vd, VIRTIO_F_EVENT_IDX), !vd->vd_legacy);
	reg_write(vd, R_QUEUE_SEL, q->q_index);
	reg_write(vd, R_QUEUE_NUM, q->q_num);
	if (vd->vd_legacy) {
		reg_write(vd, R_LEGACY_ALIGN, LEGACY_ALIGN);
		reg_write(vd, R_LEGACY_PFN, (uint32_t)atop(pa));
		return;
	}
	reg_write_addr(vd, R_QUEUE_DESC, pa);
	reg_write_addr(vd, R_QUEUE_DRIVER, pa + vq_avail_offset(q->q_num));
	reg_write_addr(
	    vd, R_QUEUE_DEVICE, pa + vq_used_offset(q->q_num, MODERN_ALIGN));
	reg_write(vd, R_QUEUE_READY, 1);
}

/* => descriptors to use, 0: the device has no such queue, or it is in use */
static uint16_t
queue_num(struct virtio_dev *vd, u_int index, uint16_t most)
{
	uint32_t max, num = 1;

	reg_write(vd, R_QUEUE_SEL, index);
	if (reg_read(vd, vd->vd_legacy ? R_LEGACY_PFN : R_QUEUE_READY) != 0)
		return 0;
	max = MIN(reg_read(vd, R_QUEUE_NUM_MAX), most);
	if (max == 0)
		return 0;
	while (num * 2 <= max)
		num *= 2;
	return (uint16_t)num;
}

int
virtio_queue_setup(
    struct virtio_dev *vd, struct virtio_queue *q, u_int index, uint16_t most)
{
	KASSERT(vd->vd_nqueues < VIRTIO_MAXQUEUES && most <= VQ_MAXNUM);
	q->q_index = index;
	q->q_num = queue_num(vd, index, most);
	if (q->q_num == 0)
		return ENXIO;
	q->q_ring = kmem_alloc(queue_bytes(vd, q), PR_WAITOK);
	q->q_slots = kmem_alloc(q->q_num * sizeof(*q->q_slots), PR_WAITOK);
	vd->vd_queue[vd->vd_nqueues++] = q;
	if (!VA_IS_DMAP(q->q_ring) || ((vaddr_t)q->q_ring & PAGE_MASK) != 0)
		return ENOMEM;
	queue_start(vd, q);
	return 0;
}

void
virtio_queues_free(struct virtio_dev *vd)
{
	while (vd->vd_nqueues > 0) {
		struct virtio_queue *q = vd->vd_queue[--vd->vd_nqueues];

		kmem_free(q->q_ring, queue_bytes(vd, q));
		kmem_free(q->q_slots, q->q_num * sizeof(*q->q_slots));
	}
}

bool
virtio_publish(struct virtio_queue *q)
{
	return vq_publish(&q->q_vq);
}

void
virtio_notify(struct virtio_dev *vd, const struct virtio_queue *q)
{
	reg_write(vd, R_QUEUE_NOTIFY, q->q_index);
}

int
virtio_restart(struct virtio_dev *vd)
{
	uint64_t before = vd->vd_features;

	if (atomic_load(&vd->vd_gone) || negotiate(vd, before) != NULL ||
	    vd->vd_features != before)
		return EIO;
	for (u_int i = 0; i < vd->vd_nqueues; i++) {
		struct virtio_queue *q = vd->vd_queue[i];

		if (queue_num(vd, q->q_index, q->q_num) != q->q_num)
			return EIO;
		queue_start(vd, q);
	}
	virtio_ready(vd);
	return 0;
}

/* -- Interrupts -------------------------------------------------------------- */

void
virtio_fail(struct virtio_dev *vd, const char *why)
{
	if (atomic_swap_acq_rel(&vd->vd_gone, 1) != 0)
		return;
	printf("%s: %s at %#lx: %s; taken out\n", vd->vd_name,
	    vd->vd_driver->vr_name, (u_long)vd->vd_fdt.base, why);
	if (!vd->vd_polled)
		intr_disestablish(vd->vd_fdt.irq, vd->vd_fdt.plic);
	if (!virtio_stop(vd))
		printf("%s: does not stop\n", vd->vd_name);
	vd->vd_driver->vr_gone(vd);
}

/* => the device interrupts again and again, and has nothing to say */
static bool
is_storm(struct virtio_dev *vd, bool work)
{
	uint64_t now = nsecuptime();

	if (work || now - vd->vd_idle_since > STORM_NSEC) {
		vd->vd_idle_since = now;
		vd->vd_idle = 0;
	}
	return !work && ++vd->vd_idle > STORM_LIMIT;
}

static void
config_intr(struct virtio_dev *vd)
{
	if (reg_read(vd, R_STATUS) & STATUS_NEEDS_RESET)
		vd->vd_driver->vr_reset(vd);
	else if (vd->vd_driver->vr_config != NULL)
		vd->vd_driver->vr_config(vd);
}

static void
virtio_intr(void *arg)
{
	struct virtio_dev *vd = arg;
	uint32_t why = reg_read(vd, R_INTERRUPT_STATUS);

	if (why != 0)
		reg_write(vd, R_INTERRUPT_ACK, why);
	if (atomic_load(&vd->vd_gone))
		return;
	if (why & INTR_CONFIG)
		config_intr(vd);
	if (is_storm(vd, vd->vd_driver->vr_intr(vd)))
		virtio_fail(vd, "interrupts without end");
}

static void
virtio_poll(void *arg)
{
	struct virtio_dev *vd = arg;
	uint32_t why;

	if (atomic_load(&vd->vd_gone))
		return;
	why = reg_read(vd, R_INTERRUPT_STATUS);
	if (why != 0)
		reg_write(vd, R_INTERRUPT_ACK, why);
	if (why & INTR_CONFIG)
		config_intr(vd);
	(void)vd->vd_driver->vr_intr(vd);
	timeout_add_nsec(&vd->vd_poll, POLL_NSEC);
}

/* -- Attaching --------------------------------------------------------------- */

static const struct virtio_driver *const drivers[] = {
	&virtio_blk_driver,
	&virtio_rng_driver,
};

static const struct virtio_driver *
find_driver(uint32_t id)
{
	for (u_int i = 0; i < nitems(drivers); i++)
		if (drivers[i]->vr_id == id)
			return drivers[i];
	return NULL;
}

/* Until here the driver polled; what is pending interrupts at once. */
static void
enable_intr(struct virtio_dev *vd)
{
	if (intr_establish(vd->vd_fdt.irq, vd->vd_fdt.plic, virtio_intr, vd) ==
	    0) {
		vd->vd_polled = false;
		return;
	}
	printf("%s: no interrupt, polled\n", vd->vd_name);
	timeout_set(&vd->vd_poll, virtio_poll, vd);
	timeout_add_nsec(&vd->vd_poll, POLL_NSEC);
}

/* => the slot's device has a driver, in vd; false: leave it alone */
static bool
probe(struct virtio_dev *vd)
{
	uint32_t version, id;

	if (reg_read(vd, R_MAGIC) != MAGIC)
		return false;
	version = reg_read(vd, R_VERSION);
	id = reg_read(vd, R_DEVICE_ID);
	if (id == 0)
		return false; /* an empty slot */
	vd->vd_driver = find_driver(id);
	if (version != 1 && version != 2)
		printf("%s: version %u of the transport is not known\n",
		    vd->vd_name, version);
	else if (vd->vd_driver == NULL)
		printf("%s: no driver for device id %u\n", vd->vd_name, id);
	else {
		vd->vd_legacy = version == 1;
		return true;
	}
	return false;
}

static volatile char *
map_registers(const struct fdt_dev *fd)
{
	psize_t off = fd->base & PAGE_MASK;

	return (volatile char *)pmap_mapdev(
		   fd->base - off, round_page(off + WINDOW)) +
	    off;
}

static void
attach_slot(const struct fdt_dev *fd, u_int index)
{
	struct virtio_dev *vd;
	int error;

	if (fd->base == 0 || fd->size < WINDOW)
		return;
	vd = kmem_zalloc(sizeof(*vd), PR_WAITOK);
	vd->vd_fdt = *fd;
	vd->vd_reg = map_registers(fd);
	snprintf(vd->vd_name, sizeof(vd->vd_name), "virtio%u", index);
	vd->vd_polled = true;
	if (probe(vd)) {
		error = vd->vd_driver->vr_attach(vd);
		if (error == 0) {
			if (!atomic_load(&vd->vd_gone))
				enable_intr(vd);
			return;
		}
		printf("%s: %s not attached, error %d\n", vd->vd_name,
		    vd->vd_driver->vr_name, error);
	}
	kmem_free(vd, sizeof(*vd));
}

void
virtio_attach_all(const struct fdt_dev *slots, u_int n)
{
	while (n-- > 0)
		attach_slot(&slots[n], n);
}
