/*
 * Partition tables and swap headers on arbitrary disks.  Input: a byte of
 * options, among them the block size, then the beginning of the disk.  One
 * option corrects a GPT's checksums first, or hardly any input would get past
 * them.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lib/diskpart.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

struct image {
	uint8_t *data;
	size_t size;
	uint64_t disk; /* bytes of the disk, zeros behind the data */
	uint32_t blksize;
};

static int
image_read(void *arg, uint64_t off, void *buf, size_t len)
{
	const struct image *im = arg;
	size_t n;

	if (len != im->blksize || off % len != 0 || off > im->disk - len)
		abort();
	memset(buf, 0, len);
	if (off >= im->size)
		return 0;
	n = im->size - off < len ? im->size - off : len;
	memcpy(buf, im->data + off, n);
	return 0;
}

static uint32_t
le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* => the header in block 1 and the entries it points to fit each other */
static void
fix_checksums(struct image *im)
{
	uint8_t *h = im->data + im->blksize;
	uint64_t at, len, room;
	uint32_t crc;

	if (im->size < 2 * im->blksize)
		return;
	at = le32(h + 72) * (uint64_t)im->blksize;
	len = (uint64_t)le32(h + 80) * le32(h + 84);
	room = at < im->size ? im->size - at : 0;
	crc = crc32_add(0, im->data + at, len < room ? len : room);
	memcpy(h + 88, &crc, sizeof(crc));
	memset(h + 16, 0, 4);
	len = le32(h + 12) < im->blksize ? le32(h + 12) : im->blksize;
	crc = crc32_add(0, h, len);
	memcpy(h + 16, &crc, sizeof(crc));
}

static void
check(const struct diskparts *dp, uint64_t units)
{
	const struct diskpart *p = dp->part, *q;
	unsigned int n = 0;

	for (int i = 0; i < DISKPART_MAX; i++, p++) {
		if (p->size == 0)
			continue;
		n++;
		if (p->start == 0 || p->start >= units ||
		    p->size > units - p->start)
			abort();
		for (q = dp->part; q < p; q++)
			if (q->size != 0 && p->start < q->start + q->size &&
			    q->start < p->start + p->size)
				abort();
	}
	if (n != dp->n || memchr(dp->why, '\0', sizeof(dp->why)) == NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t scratch[DISKPART_SCRATCH / 8];
	static uint8_t page[SWAP_PAGE];
	static struct swap_header sh;
	struct diskparts dp;
	struct image im;
	const char *why;
	int error;

	if (size == 0)
		return 0;
	im = (struct image){ malloc(size), size - 1, 0, 512u << data[0] % 4 };
	memcpy(im.data, data + 1, im.size);
	if (data[0] & 32)
		fix_checksums(&im);
	im.disk = (im.size + im.blksize - 1) / im.blksize * im.blksize +
	    (data[0] & 16 ? 1000 * im.blksize : 0);
	error = diskparts_read(
	    &dp, im.disk / im.blksize, im.blksize, image_read, &im, scratch);
	if (error != 0 && (error != EINVAL || dp.n != 0 || dp.why[0] == '\0'))
		abort();
	check(&dp, im.disk / 512);
	memset(page, 0, sizeof(page));
	memcpy(page, im.data, im.size < sizeof(page) ? im.size : sizeof(page));
	error = swap_header_parse(&sh, page, 1000, &why);
	if (error != 0 && (sh.sh_npages != 0 || sh.sh_nbad != 0))
		abort();
	for (uint32_t i = 0; i < sh.sh_nbad; i++)
		if (sh.sh_bad[i] == 0 || sh.sh_bad[i] >= sh.sh_npages ||
		    sh.sh_npages > 1000)
			abort();
	free(im.data);
	return 0;
}
