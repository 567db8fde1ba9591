/* What subr_pool.c and subr_kmem.c share. */
#ifndef _KERN_KMEM_H_
#define _KERN_KMEM_H_

#include <sys/types.h>

/*
 * Blocks of whole pages in the direct map, contiguous; aligned to their size
 * if that is a power of two.
 * => any context, never sleeps; NULL: no memory
 */
void *kmem_pages_alloc(size_t size);
void kmem_pages_free(void *p, size_t size);
/* => kmem_alloc()s in use that are not from a pool */
long kmem_inuse_large(void);

#endif
