/* Inside the part of random programs that uses files (prog_file*.c, prog_cut.c). */
#ifndef _TESTS_SIM_PROG_FILE_H_
#define _TESTS_SIM_PROG_FILE_H_

#include <sys/mount.h>
#include <sys/vnode.h>
#include <fs/ext2/ext2_var.h>
#include "prog_i.h"

#define FILES      4 /* the first objects */
#define FS_DISK    2 /* of kt_tdisk.h */
#define CUT_DISK   3 /* what a power cut leaves */
#define FILE_MAX   ptoa((uint64_t)ORC_OBJPAGES)
#define FILE_NAMES 24 /* bytes of a name */

/*
 * A file, by the number of the object that it is to programs.  It has a name,
 * or is open, or both; when it has lost both the number gets a new one.
 * Opening, closing and naming exclude each other and who needs the number to
 * stay as it is (users); what changes the size excludes all that writes.
 */
struct file_state {
	struct vnode *vp; /* [sim] open: referenced; or NULL */
	char name[FILE_NAMES]; /* [sim] no other file ever had it */
	uint32_t id; /* [sim] of the file, ascending; 0: none yet */
	bool named; /* [sim] */
	bool naming; /* [sim] that is being changed, or vp is */
	u_int users; /* [sim] operations, mappings being made */
	u_int writers; /* [sim] operations that write within the file */
	uint64_t size; /* [sim] bytes */
	u_int reports; /* [sim] who asks for errors, now; begun so far */
	u_int reports_begun; /* [sim] */
	struct uvm_vnode *un; /* [sim] told is for this one */
	u_int told; /* [sim] failed writes when errors were asked for last */
	bool untold; /* [sim] some of those may not have been told */
};
extern struct file_state prog_files[FILES];
extern struct mount *prog_mount; /* NULL: not mounted */

/* An operation on a file. All members: [thread]. */
struct file_use {
	int o;
	struct file_state *f;
	struct vnode *vp; /* referenced */
};

/* -- prog_file.c ---------------------------------------------------------------- */
/* => the file cannot become another one; FALSE: it is no file now */
bool file_get(int o, struct file_use *fu);
void file_put(struct file_use *fu);

/* -- prog_fileio.c -------------------------------------------------------------- */
void file_read(struct file_use *fu, uint64_t off, size_t len);
void file_write(struct file_use *fu, uint64_t off, size_t len, bool append);
void file_truncate(struct file_use *fu, uint64_t size);
/* => the file has that size */
void file_check_size(struct file_use *fu, uint64_t size);
/* => a byte of page arg that lies in no word; mid FALSE: its first one */
uint64_t file_byte(uint32_t page, uint32_t mid);

/* -- prog_mkfs.c ------------------------------------------------------------------ */
/* => an empty ext2 of n pages in the zeroed image; bshift 10 to 12 */
void prog_mkfs(uint8_t *image, uint32_t npages, uint32_t bshift);

/* -- prog_cut.c: what is on the disk, and what has to be ----------------------------- */

/* Words of a file that a sync has to bring to the disk. All members: [sim]. */
struct cut_sync {
	uint32_t id; /* file; 0: none */
	uint64_t since; /* orc_now when it began */
	size_t at; /* writes to the disk when it had ended */
	bool sized; /* size is known */
	uint64_t size;
	bool known[ORC_OBJPAGES][ORC_MAXWORDS];
	uint64_t val[ORC_OBJPAGES][ORC_MAXWORDS];
};

/* => from now on all writes are known; image: what the disk holds */
void cut_begin(uint8_t *image, uint32_t npages);
/* => for tdisk_faults: a request was served */
void cut_served(u_int n, const struct buf *bp, bool failed);
/* => word w of page i of the file gets this value, by a store that is done */
void cut_value(uint32_t id, int i, int w, uint64_t v);
/* => the size becomes this; begun: FALSE: it has */
void cut_size(uint32_t id, uint64_t size, bool begun);
void cut_created(uint32_t id, const char *name);
/* => its name may go from here on; gone: it has gone */
void cut_unlinked(uint32_t id, bool gone);
/* => begin: what is there now; NULL: no memory for it */
struct cut_sync *cut_sync_begin(int o);
/* => as begun; i to j: only these pages, and no size */
void cut_sync_range(struct cut_sync *cs, int i, int j);
/* => done: all of it is safe; else nothing is known */
void cut_sync_end(struct cut_sync *cs, bool done);
/* => everything that was unlinked up to now is gone for good */
void cut_sync_names(uint64_t since);
/* => the file system on the disk is what a clean end leaves */
void cut_check_clean(void);

#endif
