/*
 * A device that does anything with the rings.  Input: a byte for the shape of
 * the queue, then operations: the driver adds, publishes, takes, or the device
 * writes a byte or a used element.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../drivers/virtio/virtqueue.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);
/* What the queue calls when it finds itself wrong. */
void panic(const char *, ...) __attribute__((__noreturn__));
void kassert_fail(const char *, const char *, int, const char *)
    __attribute__((__noreturn__));

void
panic(const char *fmt, ...)
{
	fputs(fmt, stderr);
	abort();
}

void
kassert_fail(const char *what, const char *file, int line, const char *func)
{
	panic(what);
}

#define COOKIES 64

/* The input, eaten from the front; zeros behind its end. */
struct input {
	const uint8_t *p;
	size_t left;
};

static uint8_t
eat(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

static uint32_t
eat32(struct input *in)
{
	uint32_t v = 0;

	for (int i = 0; i < 4; i++)
		v = v << 8 | eat(in);
	return v;
}

static bool out[COOKIES];
static unsigned int nout;

static void
add(struct virtqueue *vq, struct input *in)
{
	struct vring_desc table[8];
	struct vq_seg segs[8];
	uint8_t shape = eat(in), cookie = eat(in) % COOKIES;
	u_int nread = shape & 3, nwrite = (shape >> 2 & 3) + (nread == 0);

	if (out[cookie])
		return;
	for (u_int i = 0; i < nread + nwrite; i++)
		segs[i] = (struct vq_seg){ eat(in), 1u << (shape & 31) };
	if (vq_add(vq, segs, nread, nwrite, &out[cookie],
		shape & 16 ? table : NULL, 0) == 0) {
		out[cookie] = true;
		nout++;
	}
}

static void
came_back(bool *cookie)
{
	if (cookie < out || cookie >= out + COOKIES || !*cookie || nout == 0)
		abort();
	*cookie = false;
	nout--;
}

static void
take(struct virtqueue *vq)
{
	bool *cookie;
	uint32_t len;

	while ((cookie = vq_get(vq, &len)) != NULL)
		came_back(cookie);
}

static void
device(char *ring, uint16_t num, size_t size, size_t align, struct input *in)
{
	struct vring_used *u = (void *)(ring + vq_used_offset(num, align));
	uint32_t at = eat32(in);

	if (at & 1) {
		ring[(at >> 1) % size] = (char)eat(in);
		return;
	}
	u->ring[u->idx % num] = (struct vring_used_elem){ eat(in), eat(in) };
	u->idx = (uint16_t)(u->idx + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { data, size };
	uint8_t shape = eat(&in);
	uint16_t num = (uint16_t)(1 << (shape & 7));
	size_t align = shape & 8 ? 4096 : 64, bytes = vq_ring_size(num, align);
	struct vq_slot *slots = calloc(num, sizeof(*slots));
	char *ring = malloc(bytes);
	struct virtqueue vq;
	bool *cookie;

	memset(out, 0, sizeof(out));
	nout = 0;
	vq_init(&vq, num, align, ring, slots, shape & 16, shape & 32);
	while (in.left > 0) {
		switch (eat(&in) & 3) {
		case 0:
			add(&vq, &in);
			break;
		case 1:
			(void)vq_publish(&vq);
			break;
		case 2:
			take(&vq);
			(void)vq_intr_on(&vq);
			vq_intr_off(&vq);
			break;
		default:
			device(ring, num, bytes, align, &in);
		}
		if (vq.vq_inflight != nout || vq.vq_nfree > num)
			abort();
	}
	while ((cookie = vq_drain(&vq)) != NULL)
		came_back(cookie);
	if (nout != 0 || vq.vq_nfree != num)
		abort();
	free(ring);
	free(slots);
	return 0;
}
