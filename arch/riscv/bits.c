/*
 * What the compiler calls for bit operations that the base instruction set
 * lacks; the names are the compiler's.  Nothing here may use the builtin it
 * implements.
 */
#include <sys/types.h>

int __ctzdi2(uint64_t x);
int __clzdi2(uint64_t x);
int __popcountdi2(uint64_t x);

/*
 * Every six bits in a row of the sequence occur once in it, so shifting it by
 * the number wanted leaves a unique index at the top.
 */
#define DE_BRUIJN 0x03f79d71b4cb0a89UL

/* => x is not 0; zeros below its lowest one */
int
__ctzdi2(uint64_t x)
{
	static const uint8_t index[64] = { 0, 1, 48, 2, 57, 49, 28, 3, 61, 58,
		50, 42, 38, 29, 17, 4, 62, 55, 59, 36, 53, 51, 43, 22, 45, 39,
		33, 30, 24, 18, 12, 5, 63, 47, 56, 27, 60, 41, 37, 16, 54, 35,
		52, 21, 44, 32, 23, 11, 46, 26, 40, 15, 34, 20, 31, 10, 25, 14,
		19, 9, 13, 8, 7, 6 };

	return index[(x & -x) * DE_BRUIJN >> 58];
}

/* => x is not 0; zeros above its highest one */
int
__clzdi2(uint64_t x)
{
	int n = 0;

	for (int width = 32; width > 0; width /= 2) {
		if (x >> (64 - width) == 0) {
			n += width;
			x <<= width;
		}
	}
	return n;
}

/* => how many ones */
int
__popcountdi2(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555UL;
	x = (x & 0x3333333333333333UL) + (x >> 2 & 0x3333333333333333UL);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fUL;
	return (int)(x * 0x0101010101010101UL >> 56);
}
