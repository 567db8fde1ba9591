#ifndef _LIB_CPIO_H_
#define _LIB_CPIO_H_

/*
 * Reader for cpio archives in the "newc" format (magic 070701; 070702 with
 * checksums is read too, and the checksum of regular files verified).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPIO_NAMEMAX 4096 /* longest name with its NUL */

/*
 * Locks: [o] belongs to the caller.
 */
struct cpio {
	const uint8_t *base; /* [o] the archive */
	size_t size; /* [o] bytes in it */
	size_t off; /* [o] next header */
	bool ended; /* [o] the last entry was a trailer, or there is none */
	const char *why; /* [o] reason of the last failure */
	size_t why_off; /* [o] header it happened at */
};

/*
 * Locks: [o] belongs to the caller; name and data point into the archive.
 */
struct cpio_entry {
	const char *name; /* [o] NUL-terminated, as stored */
	const uint8_t *data; /* [o] contents, link target for links */
	uint64_t size; /* [o] bytes at data */
	uint32_t namelen; /* [o] without the NUL, not 0 */
	uint32_t ino; /* [o] inode number */
	uint32_t mode; /* [o] type and permission bits */
	uint32_t uid; /* [o] owner */
	uint32_t gid; /* [o] group */
	uint32_t nlink; /* [o] number of links */
	uint32_t mtime; /* [o] modification time, seconds */
	uint32_t rmajor; /* [o] major of a device node */
	uint32_t rminor; /* [o] minor of a device node */
};

/*
 * cpio_init: start reading an archive.
 *
 * => the archive stays the caller's and must outlive the entries
 */
void cpio_init(struct cpio *, const void *, size_t);

/*
 * cpio_next: the next entry.
 *
 * => 0; ENOENT at the end (the trailer entry, and no further archive after
 *    its zero padding); EINVAL with c->why and c->why_off set
 * => archives may follow each other, each with its trailer
 * => hard links: all entries of one inode but the last may have size 0; the
 *    caller ties them together by ino
 */
int cpio_next(struct cpio *, struct cpio_entry *);

#endif /* _LIB_CPIO_H_ */
