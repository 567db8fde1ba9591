/* Partition tables and swap headers: lib/diskpart.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lib/diskpart.h>
#include "test.h"

#define BLKS 2000 /* blocks of the test disk */

static uint8_t *disk;
static uint32_t bs; /* bytes of a block */
static long reads_left; /* until one fails; negative: never */
static uint64_t scratch[DISKPART_SCRATCH / 8];

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static void
put64(uint8_t *p, uint64_t v)
{
	put32(p, (uint32_t)v);
	put32(p + 4, (uint32_t)(v >> 32));
}

static int
disk_read(void *arg, uint64_t off, void *buf, size_t len)
{
	CHECK(off % bs == 0 && len == bs && off + len <= (uint64_t)BLKS * bs);
	if (reads_left >= 0 && reads_left-- == 0)
		return EIO;
	memcpy(buf, disk + off, len);
	return 0;
}

static void
new_disk(uint32_t blksize)
{
	free(disk);
	bs = blksize;
	disk = calloc(BLKS, bs);
	reads_left = -1;
}

static int
parse(struct diskparts *dp)
{
	return diskparts_read(dp, BLKS, bs, disk_read, NULL, scratch);
}

/* Bit by bit, as the standard has it. */
static uint32_t
slow_crc(const uint8_t *p, size_t n)
{
	uint32_t crc = ~0u;

	for (; n > 0; n--) {
		crc ^= *p++;
		for (int i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
	}
	return ~crc;
}

TEST(diskpart_crc)
{
	uint8_t buf[300];

	CHECK_EQ(crc32_add(0, "123456789", 9), 0xcbf43926);
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)test_rnd();
	for (size_t n = 0; n < sizeof(buf); n++) {
		size_t cut = (size_t)test_below(n + 1);

		CHECK_EQ(crc32_add(0, buf, n), slow_crc(buf, n));
		CHECK_EQ(crc32_add(crc32_add(0, buf, cut), buf + cut, n - cut),
		    slow_crc(buf, n));
	}
}

/* -- GPT ------------------------------------------------------------------- */

#define ENTRIES 128
#define FIRST   40
#define LAST    (BLKS - 41)

static uint8_t *
gpt_entry_at(uint8_t *entries, unsigned int i)
{
	return entries + 128 * i;
}

static void
gpt_seal(uint64_t at, uint64_t other, uint64_t entries)
{
	uint8_t *h = disk + at * bs;

	memcpy(h, "EFI PART", 8);
	put32(h + 8, 0x10000);
	put32(h + 12, 92);
	put64(h + 24, at);
	put64(h + 32, other);
	put64(h + 40, FIRST);
	put64(h + 48, LAST);
	put64(h + 72, entries);
	put32(h + 80, ENTRIES);
	put32(h + 84, 128);
	put32(h + 88, slow_crc(disk + entries * bs, ENTRIES * 128));
	put32(h + 16, 0);
	put32(h + 16, slow_crc(h, 92));
}

static void
gpt_part(unsigned int i, uint64_t first, uint64_t last)
{
	uint8_t *e = gpt_entry_at(disk + 2 * bs, i);

	memset(e, 0x5a, 16);
	put64(e + 32, first);
	put64(e + 40, last);
}

static uint64_t
backup_entries(void)
{
	return BLKS - 1 - (ENTRIES * 128 + bs - 1) / bs;
}

/* Checksums for what the entries say now, at both ends. */
static void
gpt_finish(void)
{
	disk[510] = 0x55;
	disk[511] = 0xaa;
	disk[446 + 4] = 0xee;
	put32(disk + 446 + 8, 1);
	put32(disk + 446 + 12, BLKS - 1);
	memcpy(disk + backup_entries() * bs, disk + 2 * bs, ENTRIES * 128);
	gpt_seal(1, BLKS - 1, 2);
	gpt_seal(BLKS - 1, 1, backup_entries());
}

static void
gpt_make(uint32_t blksize)
{
	new_disk(blksize);
	gpt_part(0, FIRST, FIRST + 99);
	gpt_part(2, 500, LAST);
	gpt_part(4, 300, 300);
	gpt_finish();
}

static void
check_gpt(const struct diskparts *dp)
{
	uint64_t k = bs / 512;

	CHECK_STR(dp->table, "GPT");
	CHECK_EQ(dp->n, 3);
	CHECK_EQ(dp->part[0].start, FIRST * k);
	CHECK_EQ(dp->part[0].size, 100 * k);
	CHECK_EQ(dp->part[1].size, 0);
	CHECK_EQ(dp->part[2].start, 500 * k);
	CHECK_EQ(dp->part[2].size, (LAST - 499) * k);
	CHECK_EQ(dp->part[4].size, k);
}

TEST(diskpart_gpt)
{
	struct diskparts dp;

	for (uint32_t size = 512; size <= 4096; size *= 2) {
		gpt_make(size);
		CHECK_EQ(parse(&dp), 0);
		CHECK_STR(dp.why, "");
		check_gpt(&dp);
	}
}

/* A flipped bit of header or entries is noticed; the backup serves. */
TEST(diskpart_gpt_damage)
{
	struct diskparts dp;

	for (int i = 0; i < 2000; i++) {
		size_t at;

		gpt_make(512);
		at = test_below(2) ? 512 + (size_t)test_below(92)
				   : 1024 + (size_t)test_below(ENTRIES * 128);
		disk[at] ^= (uint8_t)(1 << test_below(8));
		/* but for reserved bytes, which the checksum covers, too */
		CHECK_EQ(parse(&dp), 0);
		check_gpt(&dp);
		CHECK(strstr(dp.why, "backup used") != NULL);
		/* and without the backup there is nothing */
		disk[(BLKS - 1) * 512 + 20] ^= 1;
		CHECK_EQ(parse(&dp), EINVAL);
		CHECK_EQ(dp.n, 0);
		CHECK(dp.why[0] != '\0');
	}
}

static void
refused(const char *why)
{
	struct diskparts dp;

	CHECK_EQ(parse(&dp), EINVAL);
	CHECK_EQ(dp.n, 0);
	CHECK_STR(dp.why, why);
}

TEST(diskpart_gpt_refused)
{
	gpt_make(512);
	gpt_part(1, 60, 80);
	gpt_finish();
	refused("partition 2 overlaps another");
	gpt_make(512);
	gpt_part(1, FIRST - 1, FIRST);
	gpt_part(0, FIRST + 1, FIRST + 1);
	gpt_finish();
	refused("partition 2 is outside of the usable blocks");
	gpt_make(512);
	gpt_part(2, 500, LAST + 1);
	gpt_finish();
	refused("partition 3 is outside of the usable blocks");
	gpt_make(512);
	gpt_part(2, 600, 599);
	gpt_finish();
	refused("partition 3 is outside of the usable blocks");
	gpt_make(512);
	gpt_part(2, 600, UINT64_MAX);
	gpt_finish();
	refused("partition 3 is outside of the usable blocks");
}

/* Headers with a right checksum and wrong contents. */
TEST(diskpart_gpt_nonsense)
{
	static const struct {
		unsigned int off, bytes;
		uint64_t value;
		const char *why;
	} cases[] = {
		{ 8, 4, 0x20000, "GPT of an unknown revision" },
		{ 24, 8, 2, "GPT header in a wrong place" },
		{ 40, 8, LAST + 1, "GPT with ranges beyond the disk" },
		{ 40, 8, 3, "GPT entries among the partitions" },
		{ 48, 8, BLKS, "GPT with ranges beyond the disk" },
		{ 48, 8, UINT64_MAX, "GPT with ranges beyond the disk" },
		{ 72, 8, 1, "GPT with ranges beyond the disk" },
		{ 72, 8, BLKS - 1, "GPT with ranges beyond the disk" },
		{ 72, 8, UINT64_MAX, "GPT with ranges beyond the disk" },
		{ 80, 4, 1025, "GPT entries of odd size or number" },
		{ 80, 4, UINT32_MAX, "GPT entries of odd size or number" },
		{ 84, 4, 127, "GPT entries of odd size or number" },
		{ 84, 4, 0, "GPT entries of odd size or number" },
		{ 84, 4, 1024, "GPT entries of odd size or number" },
		{ 88, 4, 1, "GPT entries with a wrong checksum" },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t *h;

		gpt_make(512);
		h = disk + 512;
		if (cases[i].bytes == 8)
			put64(h + cases[i].off, cases[i].value);
		else
			put32(h + cases[i].off, (uint32_t)cases[i].value);
		put32(h + 16, 0);
		put32(h + 16, slow_crc(h, 92));
		memset(disk + (BLKS - 1) * 512, 0, 512);
		test_note("case %u", i);
		refused(cases[i].why);
	}
}

TEST(diskpart_gpt_many)
{
	struct diskparts dp;

	new_disk(512);
	for (unsigned int i = 0; i < 20; i++)
		gpt_part(i, FIRST + 10 * i, FIRST + 10 * i + 9);
	gpt_finish();
	CHECK_EQ(parse(&dp), 0);
	CHECK_EQ(dp.n, 15);
	CHECK_EQ(dp.beyond, 5);
}

/* A read error is that, wherever it comes; never a wrong answer. */
TEST(diskpart_gpt_errors)
{
	struct diskparts dp;
	long n = 0;
	int error;

	do {
		gpt_make(512);
		reads_left = n++;
		error = parse(&dp);
		if (error == 0)
			check_gpt(&dp);
		else
			CHECK_EQ(error, EIO);
	} while (reads_left < 0);
	CHECK(n > 10);
	CHECK_EQ(error, 0);
}

/* -- MBR ------------------------------------------------------------------- */

static void
mbr_part(uint64_t blk, int i, uint8_t type, uint32_t start, uint32_t size)
{
	uint8_t *e = disk + blk * bs + 446 + 16 * i;

	disk[blk * bs + 510] = 0x55;
	disk[blk * bs + 511] = 0xaa;
	e[4] = type;
	put32(e + 8, start);
	put32(e + 12, size);
}

static void
mbr_make(void)
{
	new_disk(512);
	mbr_part(0, 0, 0x83, 10, 90);
	mbr_part(0, 1, 0x05, 1000, 500);
	mbr_part(0, 3, 0x82, 100, 400);
	/* two logical ones in the extended one */
	mbr_part(1000, 0, 0x83, 5, 95);
	mbr_part(1000, 1, 0x05, 200, 100);
	mbr_part(1200, 0, 0x83, 1, 99);
}

TEST(diskpart_mbr)
{
	struct diskparts dp;

	mbr_make();
	CHECK_EQ(parse(&dp), 0);
	CHECK_STR(dp.table, "MBR");
	CHECK_EQ(dp.n, 4);
	CHECK_EQ(dp.part[0].start, 10);
	CHECK_EQ(dp.part[0].size, 90);
	CHECK_EQ(dp.part[1].size, 0);
	CHECK_EQ(dp.part[3].start, 100);
	CHECK_EQ(dp.part[4].start, 1005);
	CHECK_EQ(dp.part[4].size, 95);
	CHECK_EQ(dp.part[5].start, 1201);
}

TEST(diskpart_mbr_refused)
{
	mbr_make();
	mbr_part(0, 2, 0x83, 99, 1);
	refused("partition 3 overlaps another");
	mbr_make();
	mbr_part(0, 2, 0x83, 5, 6);
	refused("partition 3 overlaps another");
	mbr_make();
	mbr_part(0, 2, 0x83, 5, 1200);
	refused("partition 3 overlaps another");
	mbr_make();
	mbr_part(0, 2, 0x83, BLKS - 1, 2);
	refused("partition 3 is not on the disk");
	mbr_make();
	mbr_part(0, 2, 0x83, UINT32_MAX, UINT32_MAX);
	refused("partition 3 is not on the disk");
	mbr_make();
	mbr_part(0, 2, 0x0f, 600, 10);
	refused("two extended partitions");
	mbr_make();
	mbr_part(1200, 1, 0x05, 0xffff0000, 100);
	refused("MBR chain leaves the disk");
	mbr_make();
	mbr_part(1200, 0, 0x83, 1, 400);
	refused("partition 6 leaves the extended one");
	mbr_make();
	memset(disk + 1200 * 512, 0, 512);
	refused("MBR chain without a table");
	/* a chain that comes back to its beginning, or to itself */
	mbr_make();
	memset(disk + 1000 * 512 + 446, 0, 16);
	memset(disk + 1200 * 512 + 446, 0, 16);
	mbr_part(1200, 1, 0x05, 100, 100);
	mbr_part(1100, 1, 0x05, 200, 100);
	refused("MBR chain without an end");
	mbr_make();
	mbr_part(1200, 1, 0x05, 200, 100);
	refused("MBR chain leaves the disk");
}

TEST(diskpart_none)
{
	struct diskparts dp;

	new_disk(512);
	CHECK_EQ(parse(&dp), 0);
	CHECK(dp.table == NULL && dp.n == 0 && dp.why[0] == '\0');
	/* the boot sector of a file system: code where a table would be */
	for (int i = 0; i < 510; i++)
		disk[i] = 0x99;
	disk[510] = 0x55;
	disk[511] = 0xaa;
	CHECK_EQ(parse(&dp), 0);
	CHECK(dp.table == NULL && dp.n == 0);
	CHECK_EQ(diskparts_read(&dp, 0, 512, disk_read, NULL, scratch), 0);
	CHECK(dp.table == NULL);
}

/* -- Swap ------------------------------------------------------------------- */

static uint8_t page[SWAP_PAGE];

static void
swap_make(uint32_t npages, uint32_t nbad)
{
	memset(page, 0, sizeof(page));
	put32(page + 1024, 1);
	put32(page + 1028, npages - 1);
	put32(page + 1032, nbad);
	for (uint32_t i = 0; i < nbad && i < SWAP_MAXBAD; i++)
		put32(page + 1536 + 4 * i, i + 1);
	memcpy(page + 1052, "sixteen letters!", 16);
	memcpy(page + SWAP_PAGE - 10, "SWAPSPACE2", 10);
}

static void
swap_refused(int want, const char *what)
{
	static struct swap_header sh;
	const char *why;

	CHECK_EQ(swap_header_parse(&sh, page, 1000, &why), want);
	CHECK_EQ(sh.sh_npages, 0);
	CHECK_EQ(sh.sh_nbad, 0);
	CHECK_STR(why, what);
}

TEST(swap_header)
{
	static struct swap_header sh;
	const char *why;

	swap_make(1000, SWAP_MAXBAD);
	CHECK_EQ(swap_header_parse(&sh, page, 1000, &why), 0);
	CHECK_EQ(sh.sh_npages, 1000);
	CHECK_EQ(sh.sh_nbad, SWAP_MAXBAD);
	CHECK_EQ(sh.sh_bad[636], 637);
	CHECK_STR(sh.sh_label, "sixteen letters!");
	swap_make(2, 0);
	CHECK_EQ(swap_header_parse(&sh, page, 1000, &why), 0);
	CHECK_EQ(sh.sh_npages, 2);
}

TEST(swap_header_refused)
{
	swap_make(1000, 0);
	page[SWAP_PAGE - 1] = '3';
	swap_refused(ENOENT, "no swap signature");
	swap_make(1001, 0);
	swap_refused(EINVAL, "a swap area larger than its device");
	swap_make(0, 0);
	swap_refused(EINVAL, "an empty swap area");
	swap_make(1, 0);
	swap_refused(EINVAL, "an empty swap area");
	swap_make(1000, SWAP_MAXBAD + 1);
	swap_refused(EINVAL, "more bad pages than a swap header has room for");
	swap_make(1000, 2);
	put32(page + 1536, 0);
	swap_refused(EINVAL, "a bad page outside of the area");
	put32(page + 1536, 1000);
	swap_refused(EINVAL, "a bad page outside of the area");
	put32(page + 1536, 2);
	swap_refused(EINVAL, "a bad page listed twice");
	swap_make(1000, 0);
	put32(page + 1024, 0x01000000);
	swap_refused(EINVAL, "a swap area of the other byte order");
	put32(page + 1024, 2);
	swap_refused(EINVAL, "a swap area of an unknown version");
	memcpy(page + SWAP_PAGE - 10, "SWAP-SPACE", 10);
	swap_refused(EINVAL, "a swap area of the old version 0");
}
