/*
 * Heapsort: no allocation, no recursion, no bad case.
 */

#include <stdint.h>
#include <lib/sort.h>

static void
swap(uint8_t *a, uint8_t *b, size_t size)
{
	uint8_t t;

	for (; size > 0; size--, a++, b++) {
		t = *a;
		*a = *b;
		*b = t;
	}
}

/*
 * Let element i sink until no child is larger.
 */
static void
sift_down(uint8_t *base, size_t i, size_t n, size_t size,
    int (*cmp)(const void *, const void *))
{
	size_t child;

	while ((child = 2 * i + 1) < n) {
		if (child + 1 < n &&
		    cmp(base + child * size, base + (child + 1) * size) < 0)
			child++;
		if (cmp(base + i * size, base + child * size) >= 0)
			break;
		swap(base + i * size, base + child * size, size);
		i = child;
	}
}

void
ksort(void *v, size_t n, size_t size, int (*cmp)(const void *, const void *))
{
	uint8_t *base = v;
	size_t i;

	for (i = n / 2; i-- > 0;)
		sift_down(base, i, n, size, cmp);
	for (i = n; i-- > 1;) {
		swap(base, base + i * size, size);
		sift_down(base, 0, i, size, cmp);
	}
}
