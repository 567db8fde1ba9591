/* Partition tables and swap signatures; see diskpart.h. */
#include <sys/errno.h>
#include <lib/diskpart.h>
#include <lib/format.h>
#include <lib/string.h>

#define UNIT 512 /* of struct diskpart */

/* A reading in progress. */
struct reader {
	struct diskparts *dp;
	uint64_t nblks; /* blocks of the disk */
	uint32_t blksize;
	diskpart_read_t *rd;
	void *arg;
	uint8_t *buf; /* scratch */
};

static uint32_t
le32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

static uint64_t
le64(const uint8_t *p)
{
	return le32(p) | (uint64_t)le32(p + 4) << 32;
}

static int
read_block(struct reader *r, uint64_t blk)
{
	return r->rd(r->arg, blk * r->blksize, r->buf, r->blksize);
}

/* => EINVAL, and why */
static int
malformed(struct reader *r, const char *what, unsigned int number)
{
	if (number != 0)
		snprintf(r->dp->why, sizeof(r->dp->why), "partition %u %s",
		    number, what);
	else
		snprintf(r->dp->why, sizeof(r->dp->why), "%s", what);
	return EINVAL;
}

/* -- CRC-32 ---------------------------------------------------------------- */

/* Four bits at a time: a table of 64 bytes, and fast enough for one header. */
uint32_t
crc32_add(uint32_t crc, const void *buf, size_t len)
{
	static const uint32_t table[16] = { 0x00000000, 0x1db71064, 0x3b6e20c8,
		0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0,
		0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
	const uint8_t *p = buf;

	crc = ~crc;
	for (; len > 0; len--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* -- Partitions ------------------------------------------------------------ */

/*
 * Partition `number' from 1 on, in blocks.
 * => 0; EINVAL: it is not on the disk, or overlaps another one
 */
static int
add_part(struct reader *r, unsigned int number, uint64_t start, uint64_t size)
{
	uint64_t scale = r->blksize / UNIT;
	struct diskparts *dp = r->dp;
	unsigned int i;

	if (size == 0 || start == 0 || start >= r->nblks ||
	    size > r->nblks - start)
		return malformed(r, "is not on the disk", number);
	if (number > DISKPART_MAX) {
		dp->beyond++;
		return 0;
	}
	start *= scale;
	size *= scale;
	for (i = 0; i < DISKPART_MAX; i++)
		if (dp->part[i].size != 0 &&
		    start < dp->part[i].start + dp->part[i].size &&
		    dp->part[i].start < start + size)
			return malformed(r, "overlaps another", number);
	dp->part[number - 1] = (struct diskpart){ start, size };
	dp->n++;
	return 0;
}

static void
forget_parts(struct diskparts *dp)
{
	memset(dp->part, 0, sizeof(dp->part));
	dp->n = dp->beyond = 0;
}

/* -- GPT (UEFI 2.10, 5.3) -------------------------------------------------- */

#define GPT_HDRSIZE    92 /* bytes the specification defines */
#define GPT_ENTRYSIZE  128 /* least, and the unit */
#define GPT_MAXENTRIES 1024 /* more is nonsense */

/* What is used of a header. */
struct gpt {
	uint64_t first, last; /* usable blocks */
	uint64_t entries; /* block of the first entry */
	uint32_t nentries, entrysize;
	uint32_t crc; /* of the entries */
};

/* => the header in r->buf, which is block `at'; 0 or EINVAL */
static int
gpt_header(struct reader *r, uint64_t at, struct gpt *g)
{
	uint32_t size = le32(r->buf + 12), crc = le32(r->buf + 16);
	uint64_t blocks;

	if (memcmp(r->buf, "EFI PART", 8) != 0)
		return malformed(r, "no GPT header", 0);
	if (size < GPT_HDRSIZE || size > r->blksize)
		return malformed(r, "GPT header of odd size", 0);
	memset(r->buf + 16, 0, 4);
	if (crc32_add(0, r->buf, size) != crc)
		return malformed(r, "GPT header with a wrong checksum", 0);
	if (le32(r->buf + 8) != 0x10000)
		return malformed(r, "GPT of an unknown revision", 0);
	if (le64(r->buf + 24) != at)
		return malformed(r, "GPT header in a wrong place", 0);
	g->first = le64(r->buf + 40);
	g->last = le64(r->buf + 48);
	g->entries = le64(r->buf + 72);
	g->nentries = le32(r->buf + 80);
	g->entrysize = le32(r->buf + 84);
	g->crc = le32(r->buf + 88);
	if (g->nentries > GPT_MAXENTRIES || g->entrysize < GPT_ENTRYSIZE ||
	    g->entrysize > r->blksize || r->blksize % g->entrysize != 0)
		return malformed(r, "GPT entries of odd size or number", 0);
	blocks = ((uint64_t)g->nentries * g->entrysize + r->blksize - 1) /
	    r->blksize;
	if (g->first > g->last || g->last >= r->nblks || g->entries < 2 ||
	    g->entries >= r->nblks || blocks > r->nblks - g->entries)
		return malformed(r, "GPT with ranges beyond the disk", 0);
	if (g->entries <= g->last && g->entries + blocks > g->first)
		return malformed(r, "GPT entries among the partitions", 0);
	return 0;
}

static int
gpt_entry(struct reader *r, const struct gpt *g, const uint8_t *e, uint32_t i)
{
	static const uint8_t unused[16];
	uint64_t first = le64(e + 32), last = le64(e + 40);

	if (memcmp(e, unused, sizeof(unused)) == 0)
		return 0;
	if (first < g->first || last > g->last || first > last)
		return malformed(r, "is outside of the usable blocks", i + 1);
	return add_part(r, i + 1, first, last - first + 1);
}

static int
gpt_entries(struct reader *r, const struct gpt *g)
{
	uint32_t per = r->blksize / g->entrysize, crc = 0, i, n;
	int error = 0;

	for (i = 0; i < g->nentries && error == 0; i += n) {
		n = per < g->nentries - i ? per : g->nentries - i;
		error = read_block(r, g->entries + i / per);
		if (error)
			return error;
		crc = crc32_add(crc, r->buf, (size_t)n * g->entrysize);
		for (uint32_t k = 0; k < n && error == 0; k++)
			error =
			    gpt_entry(r, g, r->buf + k * g->entrysize, i + k);
	}
	if (error == 0 && crc != g->crc)
		return malformed(r, "GPT entries with a wrong checksum", 0);
	return error;
}

/* => the table whose header is in block `at'; 0 or errno, and no partitions */
static int
gpt_at(struct reader *r, uint64_t at)
{
	struct gpt g;
	int error = read_block(r, at);

	if (error == 0)
		error = gpt_header(r, at, &g);
	if (error == 0)
		error = gpt_entries(r, &g);
	if (error)
		forget_parts(r->dp);
	return error;
}

/* The backup is at the other end of the disk. */
static int
read_gpt(struct reader *r)
{
	char first[DISKPART_WHY];
	int error;

	r->dp->table = "GPT";
	if (r->nblks < 6)
		return malformed(r, "GPT on a disk too small for one", 0);
	error = gpt_at(r, 1);
	if (error == 0)
		return 0;
	if (error != EINVAL)
		snprintf(r->dp->why, sizeof(r->dp->why), "GPT not readable");
	memcpy(first, r->dp->why, sizeof(first));
	error = gpt_at(r, r->nblks - 1);
	if (error == 0)
		snprintf(
		    r->dp->why, sizeof(r->dp->why), "%s; backup used", first);
	else
		memcpy(r->dp->why, first, sizeof(first));
	return error;
}

/* -- MBR ------------------------------------------------------------------- */

#define MBR_TABLE      446 /* offset of the four entries */
#define MBR_ENTRY      16 /* bytes of one */
#define MBR_GPT        0xee /* type: the disk has a GPT */
#define MBR_MAXLOGICAL 64 /* links of a chain that are followed */

/* An entry of a table. */
struct mbr_entry {
	uint8_t status, type;
	uint32_t start, size; /* blocks, start relative to something */
};

static bool
is_extended(uint8_t type)
{
	return type == 0x05 || type == 0x0f || type == 0x85;
}

/* => r->buf's four entries; false: it does not look like a table */
static bool
mbr_entries(const struct reader *r, struct mbr_entry e[4])
{
	const uint8_t *p = r->buf + MBR_TABLE;

	if (r->buf[510] != 0x55 || r->buf[511] != 0xaa)
		return false;
	for (int i = 0; i < 4; i++, p += MBR_ENTRY) {
		e[i] =
		    (struct mbr_entry){ p[0], p[4], le32(p + 8), le32(p + 12) };
		/* boot sectors of file systems have code there */
		if ((e[i].status & 0x7f) != 0)
			return false;
	}
	return true;
}

/*
 * Logical partitions: a chain of tables in the extended one, each with one
 * partition and the place of the next table.
 */
static int
mbr_logical(struct reader *r, uint64_t base, uint64_t size)
{
	struct mbr_entry e[4];
	uint64_t at = base;
	int error;

	for (unsigned int n = 0; n < MBR_MAXLOGICAL; n++) {
		error = read_block(r, at);
		if (error)
			return error;
		if (!mbr_entries(r, e))
			return malformed(r, "MBR chain without a table", 0);
		if (e[0].type != 0 && e[0].size != 0) {
			if (e[0].start > size - (at - base) ||
			    e[0].size > size - (at - base) - e[0].start)
				return malformed(
				    r, "leaves the extended one", 5 + n);
			error = add_part(r, 5 + n, at + e[0].start, e[0].size);
			if (error)
				return error;
		}
		if (!is_extended(e[1].type) || e[1].size == 0)
			return 0;
		if (e[1].start >= size || base + e[1].start == at)
			return malformed(r, "MBR chain leaves the disk", 0);
		at = base + e[1].start;
	}
	return malformed(r, "MBR chain without an end", 0);
}

/* A disk has at most one extended partition. */
static int
mbr_primary(struct reader *r, const struct mbr_entry e[4])
{
	int extended = -1, error = 0;

	for (int i = 0; i < 4 && error == 0; i++) {
		if (e[i].type == 0 || e[i].size == 0)
			continue;
		if (!is_extended(e[i].type))
			error = add_part(r, i + 1, e[i].start, e[i].size);
		else if (extended >= 0)
			error = malformed(r, "two extended partitions", 0);
		else
			extended = i;
	}
	if (error || extended < 0)
		return error;
	if (e[extended].start == 0 || e[extended].start >= r->nblks ||
	    e[extended].size > r->nblks - e[extended].start)
		return malformed(r, "is not on the disk", extended + 1);
	return mbr_logical(r, e[extended].start, e[extended].size);
}

int
diskparts_read(struct diskparts *dp, uint64_t nblks, uint32_t blksize,
    diskpart_read_t *rd, void *arg, void *scratch)
{
	struct reader r = { dp, nblks, blksize, rd, arg, scratch };
	struct mbr_entry e[4];
	int error;

	memset(dp, 0, sizeof(*dp));
	if (nblks == 0)
		return 0;
	error = read_block(&r, 0);
	if (error || !mbr_entries(&r, e))
		return error;
	for (int i = 0; i < 4; i++)
		if (e[i].type == MBR_GPT)
			return read_gpt(&r);
	dp->table = "MBR";
	error = mbr_primary(&r, e);
	if (error)
		forget_parts(dp);
	return error;
}

/* -- Swap areas ------------------------------------------------------------ */

/* Offsets in the header page. */
#define SWAP_VERSION 1024
#define SWAP_LAST    1028
#define SWAP_NBAD    1032
#define SWAP_LABEL   1052
#define SWAP_BAD     1536
#define SWAP_MAGIC   (SWAP_PAGE - 10)

static bool
swap_bad_ok(struct swap_header *sh, const uint8_t *p, const char **why)
{
	for (uint32_t i = 0; i < sh->sh_nbad; i++) {
		uint32_t bad = le32(p + 4 * i);

		if (bad == 0 || bad >= sh->sh_npages) {
			*why = "a bad page outside of the area";
			return false;
		}
		for (uint32_t k = 0; k < i; k++)
			if (sh->sh_bad[k] == bad) {
				*why = "a bad page listed twice";
				return false;
			}
		sh->sh_bad[i] = bad;
	}
	return true;
}

int
swap_header_parse(
    struct swap_header *sh, const void *page, uint64_t npages, const char **why)
{
	const uint8_t *p = page;
	uint32_t last = le32(p + SWAP_LAST);

	memset(sh, 0, sizeof(*sh));
	*why = "no swap signature";
	if (memcmp(p + SWAP_MAGIC, "SWAP-SPACE", 10) != 0 &&
	    memcmp(p + SWAP_MAGIC, "SWAPSPACE2", 10) != 0)
		return ENOENT;
	*why = NULL;
	if (p[SWAP_MAGIC + 4] == '-')
		*why = "a swap area of the old version 0";
	else if (le32(p + SWAP_VERSION) == 0x01000000)
		*why = "a swap area of the other byte order";
	else if (le32(p + SWAP_VERSION) != 1)
		*why = "a swap area of an unknown version";
	else if (last == 0 || last == UINT32_MAX)
		*why = "an empty swap area";
	else if (last >= npages)
		*why = "a swap area larger than its device";
	else if (le32(p + SWAP_NBAD) > SWAP_MAXBAD)
		*why = "more bad pages than a swap header has room for";
	if (*why != NULL)
		return EINVAL;
	sh->sh_npages = last + 1;
	sh->sh_nbad = le32(p + SWAP_NBAD);
	memcpy(sh->sh_label, p + SWAP_LABEL, 16);
	if (swap_bad_ok(sh, p + SWAP_BAD, why))
		return 0;
	memset(sh, 0, sizeof(*sh));
	return EINVAL;
}
