/*
 * What fs/ext2 and kern/vfs_mcache.c need of a kernel, in one thread: memory,
 * locks whose order is checked, and a disk in memory that can fail, and lose
 * what was not flushed.
 */
#ifndef _TESTS_HOST_EXT2_ENV_H_
#define _TESTS_HOST_EXT2_ENV_H_

#include <sys/param.h>
#include <sys/disk.h>

/* One write, for power cuts. */
struct env_write {
	uint64_t off; /* bytes; ENV_FLUSH: a flush */
	size_t len;
	uint8_t *data;
};
#define ENV_FLUSH UINT64_MAX

struct env {
	uint8_t *image;
	uint64_t size; /* bytes */
	struct env_write *log; /* writes since env_record(), or NULL */
	size_t nlog, logroom;
	bool recording;
	long fail_io; /* requests until one fails, 0: none; < 0: all */
	bool fail_writes_only;
	long fail_alloc; /* PR_NOWAIT allocations until one fails */
	long reads, writes, flushes;
	uint64_t now; /* what the clock shows, s */
};
extern struct env env;

/* => the disk: a copy of the image, which the environment owns */
struct bdev *env_disk(const void *image, uint64_t size);
void env_free(void);
/* => writes and flushes are logged from here on */
void env_record(void);
/* => all locks are free, all memory was given back */
void env_check(void);

/* libc's, for files that cannot include its headers. */
void *malloc(size_t n);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t n);
void free(void *p);

#endif
