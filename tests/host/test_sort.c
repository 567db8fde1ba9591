/*
 * ksort() against qsort().
 */

#include <stdlib.h>
#include <string.h>

#include <lib/sort.h>

#include "test.h"

struct item {
	uint32_t key; /* what is compared */
	char rest[9]; /* odd size: follows its key */
};

static int
cmp(const void *a, const void *b)
{
	uint32_t x = ((const struct item *)a)->key;
	uint32_t y = ((const struct item *)b)->key;

	return (x > y) - (x < y);
}

TEST(sort_like_qsort)
{
	struct item v[200], w[200];
	int round, n, i;

	for (round = 0; round < 5000; round++) {
		n = test_below(200);
		for (i = 0; i < n; i++) {
			v[i].key = test_below(test_below(2) ? 10 : 1 << 30);
			memset(v[i].rest, v[i].key % 251, sizeof(v[i].rest));
		}
		memcpy(w, v, sizeof(w[0]) * n);
		ksort(v, n, sizeof(v[0]), cmp);
		qsort(w, n, sizeof(w[0]), cmp);
		for (i = 0; i < n; i++) {
			CHECK_EQ(v[i].key, w[i].key);
			CHECK_EQ((uint8_t)v[i].rest[8], v[i].key % 251);
		}
	}
}
