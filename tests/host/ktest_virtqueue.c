/*
 * Split queues against a simulated device, honest or not: nothing is lost,
 * nothing comes twice, nobody waits for a notification that never comes, and
 * whatever the device writes to the rings, memory outside of them stays alone.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <drivers/virtio/virtqueue.h>

#include "test.h"

void *malloc(size_t);
void free(void *);

#define MAXNUM    64
#define MAXSEGS   6
#define MAXCHAINS 64

/* A chain as the driver's owner sees it. */
struct chain {
	bool used; /* the device has it, as far as we know */
	u_int nread, nwrite;
	struct vq_seg seg[MAXSEGS];
	struct vring_desc table[MAXSEGS];
	uint32_t len; /* what the device said it wrote */
};

/* The queue and the device at its other end. */
struct rig {
	struct virtqueue vq;
	uint16_t num;
	size_t align, size;
	char *ring; /* exactly the memory of the rings */
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	uint16_t seen; /* device: next of the avail ring */
	bool event;
	bool kicked, interrupted; /* and not yet looked */
	uint16_t heads[MAXNUM]; /* device: chains it has taken */
	u_int nheads;
	struct chain chain[MAXCHAINS];
	u_int out; /* chains with .used */
	uint64_t done; /* chains that came back */
};

static struct rig rig;
static struct vq_slot *slots; /* exactly as many as the queue has */

static void
rig_make(uint16_t num, bool event, bool exact)
{
	struct rig *r = &rig;

	memset(r, 0, sizeof(*r));
	r->num = num;
	r->event = event;
	r->align = test_below(2) ? 4096 : 64;
	r->size = vq_ring_size(num, r->align);
	r->ring = malloc(r->size);
	slots = malloc(num * sizeof(*slots));
	r->desc = (void *)r->ring;
	r->avail = (void *)(r->ring + vq_avail_offset(num));
	r->used = (void *)(r->ring + vq_used_offset(num, r->align));
	vq_init(&r->vq, num, r->align, r->ring, slots, event, exact);
}

static void
rig_free(void)
{
	free(rig.ring);
	free(slots);
}

/* -- The driver's side --------------------------------------------------------- */

/* A chain of random shape. => FALSE: no room */
static bool
driver_add(void)
{
	struct rig *r = &rig;
	struct chain *c = &r->chain[test_below(MAXCHAINS)];
	bool indirect = test_below(2);
	u_int n;
	int error;

	if (c->used)
		return false;
	c->nread = (u_int)test_below(MAXSEGS + 1);
	c->nwrite = (u_int)test_below(MAXSEGS - c->nread + 1);
	n = c->nread + c->nwrite;
	if (n == 0)
		return false;
	for (u_int i = 0; i < n; i++)
		c->seg[i] = (struct vq_seg){ test_rnd(),
			(uint32_t)test_below(5000) + 1 };
	error = vq_add(&r->vq, c->seg, c->nread, c->nwrite, c,
	    indirect ? c->table : NULL, (uintptr_t)c->table);
	if (n > r->num) {
		CHECK_EQ(error, E2BIG);
		return false;
	}
	if (error == EAGAIN) {
		CHECK((indirect ? 1 : n) > r->vq.vq_nfree);
		return false;
	}
	if (r->vq.vq_broken != NULL) {
		CHECK_EQ(error, EIO);
		return false;
	}
	CHECK_EQ(error, 0);
	c->used = true;
	r->out++;
	return true;
}

static void
driver_kick(void)
{
	if (vq_publish(&rig.vq))
		rig.kicked = true;
}

/* => chains that came back, each one that was out */
static u_int
driver_take(void)
{
	struct chain *c;
	uint32_t len;
	u_int n = 0;

	while ((c = vq_get(&rig.vq, &len)) != NULL) {
		CHECK(c >= rig.chain && c < rig.chain + MAXCHAINS);
		CHECK(c->used);
		if (rig.vq.vq_exact)
			CHECK_EQ(len, c->len);
		c->used = false;
		rig.out--;
		rig.done++;
		n++;
	}
	return n;
}

/* All descriptors are there, once. */
static void
check_free(void)
{
	u_int n = 0, taken = 0;
	bool seen[MAXNUM] = { false };

	for (uint16_t i = rig.vq.vq_free; n < rig.vq.vq_nfree; n++) {
		CHECK(i < rig.num && !seen[i]);
		seen[i] = true;
		i = slots[i].sl_next;
	}
	for (uint16_t i = 0; i < rig.num; i++)
		if (slots[i].sl_cookie != NULL)
			taken += slots[i].sl_ndesc;
	CHECK_EQ(n + taken, rig.num);
	CHECK_EQ(rig.vq.vq_inflight, rig.out);
}

/* -- The device's side --------------------------------------------------------- */

/* What the device sees of a chain is what was added. */
static void
device_check(uint16_t head)
{
	const struct vring_desc *d = &rig.desc[head], *table = rig.desc;
	struct chain *c = slots[head].sl_cookie;
	u_int n = c->nread + c->nwrite;

	if (d->flags & VRING_DESC_INDIRECT) {
		CHECK_EQ(d->flags, VRING_DESC_INDIRECT);
		CHECK_EQ(d->len, n * sizeof(*d));
		table = (void *)(uintptr_t)d->addr;
		CHECK(table == c->table);
		d = table;
	}
	for (u_int i = 0; i < n; i++) {
		CHECK_EQ(d->addr, c->seg[i].vs_addr);
		CHECK_EQ(d->len, c->seg[i].vs_len);
		CHECK_EQ((d->flags & VRING_DESC_WRITE) != 0, i >= c->nread);
		CHECK_EQ((d->flags & VRING_DESC_NEXT) != 0, i + 1 < n);
		d = &table[d->next];
	}
}

/* Take everything that is published; notifications off meanwhile, as QEMU. */
static void
device_take(void)
{
	struct rig *r = &rig;

	r->kicked = false;
	do {
		while (r->seen != r->avail->idx) {
			uint16_t head = r->avail->ring[r->seen++ % r->num];

			CHECK(head < r->num && r->nheads < r->num);
			device_check(head);
			r->heads[r->nheads++] = head;
		}
		if (r->event)
			*(uint16_t *)&r->used->ring[r->num] = r->seen;
	} while (r->seen != r->avail->idx);
}

static void
device_put(uint32_t id, uint32_t len)
{
	struct vring_used *u = rig.used;
	uint16_t old = u->idx, event = rig.avail->ring[rig.num];

	u->ring[old % rig.num] = (struct vring_used_elem){ id, len };
	u->idx = (uint16_t)(old + 1);
	if (rig.event ? event == old
		      : (rig.avail->flags & VRING_AVAIL_NO_INTERRUPT) == 0)
		rig.interrupted = true;
}

static uint32_t
chain_room(const struct chain *c)
{
	uint32_t room = 0;

	for (u_int i = 0; i < c->nwrite; i++)
		room += c->seg[c->nread + i].vs_len;
	return room;
}

/* Finish one chain of those it has. => FALSE: none */
static bool
device_finish(void)
{
	struct rig *r = &rig;
	struct chain *c;
	uint16_t head;
	u_int i;

	if (r->nheads == 0)
		return false;
	i = (u_int)test_below(r->nheads);
	head = r->heads[i];
	r->heads[i] = r->heads[--r->nheads];
	c = slots[head].sl_cookie;
	c->len = (uint32_t)test_below((uint64_t)chain_room(c) + 1);
	device_put(head, c->len);
	return true;
}

/* -- Honest devices ------------------------------------------------------------- */

TEST(vq_layout)
{
	/* the formula of 2.7.2 for a legacy queue of 8 */
	CHECK_EQ(vq_avail_offset(8), 128);
	CHECK_EQ(vq_used_offset(8, 4096), 4096);
	CHECK_EQ(vq_ring_size(8, 4096), 4096 + 6 + 64);
	CHECK_EQ(vq_used_offset(256, 4096), 8192);
	CHECK_EQ(vq_used_offset(8, 4), 128 + 24);
	CHECK_EQ(vq_used_offset(1024, 64), 16384 + 2112);
}

/* Everything is served, in any order, over more rounds than indices have. */
static void
run_model(uint16_t num, bool event)
{
	rig_make(num, event, true);
	while (rig.done < 70000) {
		for (uint64_t n = test_below(8); n > 0; n--)
			(void)driver_add();
		driver_kick();
		device_take();
		for (uint64_t n = test_below(8); n > 0; n--)
			(void)device_finish();
		(void)driver_take();
		if (test_below(64) == 0)
			check_free();
		CHECK(rig.vq.vq_broken == NULL);
	}
	while (device_finish())
		;
	driver_kick();
	device_take();
	while (device_finish())
		;
	(void)driver_take();
	CHECK_EQ(rig.out, 0);
	check_free();
	CHECK_EQ(rig.vq.vq_nfree, num);
	rig_free();
}

TEST(vq_model)
{
	for (uint16_t num = 1; num <= MAXNUM; num *= 2)
		run_model(num, num & 21);
}

/*
 * Both sides sleep unless they were told: a device that was not kicked looks
 * at nothing, a driver that was not interrupted takes nothing.
 */
static void
sleepy_device(void)
{
	if (rig.kicked)
		device_take();
	(void)device_finish();
}

static void
sleepy_driver(void)
{
	if (!rig.interrupted)
		return;
	rig.interrupted = false;
	do {
		vq_intr_off(&rig.vq);
		(void)driver_take();
		/* now and then something happens in between */
		if (test_below(4) == 0)
			(void)device_finish();
	} while (vq_intr_on(&rig.vq));
}

/* When nothing new comes, all that is out comes back. */
static void
run_dry(void)
{
	driver_kick();
	while (rig.kicked || rig.nheads > 0 || rig.interrupted) {
		sleepy_device();
		if (test_below(2))
			sleepy_driver();
	}
	if (rig.out != 0)
		test_note("%u chains out, and both sides asleep", rig.out);
	CHECK_EQ(rig.out, 0);
}

static void
run_sleepers(bool event)
{
	rig_make(16, event, true);
	(void)vq_intr_on(&rig.vq);
	while (rig.done < 30000) {
		for (uint64_t n = test_below(30); n > 0; n--) {
			switch (test_below(4)) {
			case 0:
				(void)driver_add();
				break;
			case 1:
				driver_kick();
				break;
			case 2:
				sleepy_device();
				break;
			default:
				sleepy_driver();
			}
		}
		run_dry();
	}
	rig_free();
}

TEST(vq_nobody_sleeps_in_vain)
{
	run_sleepers(true);
	run_sleepers(false);
}

TEST(vq_event_saves)
{
	/* a device that has not come back to sleep need not be told again */
	rig_make(16, true, true);
	CHECK(!vq_publish(&rig.vq));
	while (!driver_add())
		;
	CHECK(vq_publish(&rig.vq));
	while (!driver_add())
		;
	CHECK(!vq_publish(&rig.vq));
	device_take();
	while (!driver_add())
		;
	CHECK(vq_publish(&rig.vq));
	rig_free();
}

/* -- Devices that break the rules ------------------------------------------------ */

/* Some chains are out, the device has taken them. */
static void
rig_busy(bool exact)
{
	rig_make(32, test_below(2), exact);
	while (rig.out < 4)
		(void)driver_add();
	driver_kick();
	device_take();
}

/* The queue is broken, takes nothing more, and what is out can be recalled. */
static void
check_broken(const char *why)
{
	struct chain *c;

	CHECK_EQ(driver_take(), 0);
	CHECK(rig.vq.vq_broken != NULL);
	CHECK_STR(rig.vq.vq_broken, why);
	CHECK(!driver_add());
	CHECK(!vq_intr_on(&rig.vq));
	while ((c = vq_drain(&rig.vq)) != NULL) {
		CHECK(c->used);
		c->used = false;
		rig.out--;
	}
	CHECK_EQ(rig.out, 0);
	check_free();
	rig_free();
}

TEST(vq_evil_index)
{
	for (int i = 0; i < 100; i++) {
		rig_busy(true);
		rig.used->idx =
		    (uint16_t)(5 + (i == 0 ? 0 : test_below(65531)));
		check_broken("used index beyond what was sent");
	}
}

TEST(vq_evil_id)
{
	for (int i = 0; i < 100; i++) {
		rig_busy(true);
		device_put(
		    (uint32_t)(32 + (i == 0 ? 0 : test_below(UINT32_MAX - 32))),
		    0);
		check_broken("id of no descriptor");
	}
}

TEST(vq_evil_foreign_id)
{
	uint32_t id;

	/* a descriptor that is free, or in the middle of a chain */
	for (int i = 0; i < 100; i++) {
		rig_busy(true);
		do
			id = (uint32_t)test_below(32);
		while (slots[id].sl_cookie != NULL);
		device_put(id, 0);
		check_broken("id of no request");
	}
}

TEST(vq_evil_twice)
{
	uint16_t head;

	rig_busy(true);
	head = rig.heads[0];
	CHECK(device_finish() && driver_take() == 1);
	while (rig.out > 2) {
		CHECK(device_finish());
		CHECK_EQ(driver_take(), 1);
	}
	if (slots[head].sl_cookie != NULL) {
		((struct chain *)slots[head].sl_cookie)->len = 0;
		device_put(head, 0);
		CHECK_EQ(driver_take(), 1);
	}
	device_put(head, 0);
	check_broken("id of no request");
}

TEST(vq_evil_length)
{
	struct chain *c;

	rig_busy(true);
	c = slots[rig.heads[0]].sl_cookie;
	device_put(rig.heads[0], chain_room(c) + 1);
	check_broken("more written than there was room for");
	/* a legacy device means nothing by it */
	rig_busy(false);
	device_put(rig.heads[0], UINT32_MAX);
	CHECK_EQ(driver_take(), 1);
	CHECK(rig.vq.vq_broken == NULL);
	rig_free();
}

/* What the device writes to the driver's rings is nothing to us. */
TEST(vq_evil_scribble)
{
	for (int i = 0; i < 50; i++) {
		uint16_t heads[32];
		u_int n;

		rig_busy(true);
		n = rig.nheads;
		for (u_int k = 0; k < n; k++)
			heads[k] = rig.heads[k];
		for (size_t k = 0; k < vq_used_offset(32, 4); k++)
			rig.ring[k] = (char)test_rnd();
		for (u_int k = 0; k < n; k++) {
			((struct chain *)slots[heads[k]].sl_cookie)->len = 0;
			device_put(heads[k], 0);
		}
		CHECK_EQ(driver_take(), n);
		CHECK(rig.vq.vq_broken == NULL);
		check_free();
		rig_free();
	}
}

/* Noise in all of the ring memory, at every moment. */
TEST(vq_evil_noise)
{
	struct chain *c;

	for (int i = 0; i < 2000; i++) {
		rig_make((uint16_t)(1 << test_below(7)), test_below(2), false);
		for (int k = 0; k < 40 && rig.vq.vq_broken == NULL; k++) {
			for (uint64_t n = test_below(8); n > 0; n--)
				(void)driver_add();
			(void)vq_publish(&rig.vq);
			for (uint64_t n = test_below(16); n > 0; n--)
				rig.ring[test_below(rig.size)] =
				    (char)test_below(256);
			if (test_below(2))
				rig.used->idx = (uint16_t)(rig.vq.vq_used_idx +
				    test_below(2));
			(void)driver_take();
			check_free();
			(void)vq_intr_on(&rig.vq);
			vq_intr_off(&rig.vq);
		}
		while ((c = vq_drain(&rig.vq)) != NULL) {
			CHECK(c->used);
			c->used = false;
			rig.out--;
		}
		CHECK_EQ(rig.out, 0);
		check_free();
		rig_free();
	}
}

/* After a reset it is a queue like a new one. */
TEST(vq_again)
{
	rig_busy(true);
	rig.used->idx = 999;
	CHECK_EQ(driver_take(), 0);
	CHECK(rig.vq.vq_broken != NULL);
	while (vq_drain(&rig.vq) != NULL)
		;
	rig_free();
	run_model(32, true);
}
