#ifndef _LIB_SORT_H_
#define _LIB_SORT_H_

#include <stddef.h>

/*
 * ksort: heapsort, in place.
 *
 * => n elements of size bytes; cmp returns <0, 0, >0
 * => not stable; O(n log n) always; allocates nothing, does not sleep
 */
void ksort(void *, size_t, size_t, int (*)(const void *, const void *));

#endif /* _LIB_SORT_H_ */
