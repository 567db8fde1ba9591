#ifndef _LIB_DISKPART_H_
#define _LIB_DISKPART_H_

/*
 * Readers for what host tools write at the start of a disk: GUID partition
 * tables (UEFI 2.10, 5.3), MBR partition tables, and the signature of a swap
 * area (mkswap, version 1).  Nothing on the disk is trusted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISKPART_MAX     15 /* partitions known, by number - 1 */
#define DISKPART_WHY     80 /* bytes of an explanation */
#define DISKPART_SCRATCH 4096 /* bytes of scratch memory, the largest block */

/* Value; sizes and places in units of 512 bytes. */
struct diskpart {
	uint64_t start; /* first unit */
	uint64_t size; /* units; 0: there is no such partition */
};

/* Value. */
struct diskparts {
	const char *table; /* "GPT", "MBR"; NULL: no table */
	unsigned int n; /* partitions in part[] with a size */
	unsigned int beyond; /* more, that have too high a number */
	struct diskpart part[DISKPART_MAX];
	char why[DISKPART_WHY]; /* what is wrong, or odd; "": nothing */
};

/* => len bytes at off, both multiples of the block size; 0 or errno */
typedef int diskpart_read_t(void *arg, uint64_t off, void *buf, size_t len);

/*
 * diskparts_read: find the partitions of a disk.
 *
 * => nblks blocks of blksize bytes (512 to DISKPART_SCRATCH, a power of two);
 *    scratch: DISKPART_SCRATCH bytes, 8-byte aligned
 * => 0: dp is right; no table is no error; why[] may hold a warning (the
 *    backup of a damaged GPT is used)
 * => EINVAL: the table is malformed (checksum, range, overlap), dp has no
 *    partitions, why[] says what is wrong; or the errno of rd
 */
int diskparts_read(struct diskparts *dp, uint64_t nblks, uint32_t blksize,
    diskpart_read_t *rd, void *arg, void *scratch);

/* => CRC-32 (IEEE 802.3) of more bytes after those that gave crc; start: 0 */
uint32_t crc32_add(uint32_t crc, const void *buf, size_t len);

#define SWAP_PAGE   4096 /* unit of a swap area's header */
#define SWAP_MAXBAD 637 /* bad pages a header has room for */

/* Value. */
struct swap_header {
	uint32_t sh_npages; /* pages of the area, the header is page 0 */
	uint32_t sh_nbad; /* of them in sh_bad[] */
	uint32_t sh_bad[SWAP_MAXBAD]; /* pages not to be used, 1..npages-1 */
	char sh_label[17]; /* with its NUL */
};

/*
 * swap_header_parse: read the first SWAP_PAGE bytes of a swap area of npages.
 *
 * => 0; ENOENT: no signature; EINVAL: malformed, or not for us, *why says
 */
int swap_header_parse(struct swap_header *sh, const void *page, uint64_t npages,
    const char **why);

#endif /* _LIB_DISKPART_H_ */
