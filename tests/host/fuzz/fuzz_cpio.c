/*
 * The archive reader on arbitrary bytes.
 */

#include <stdlib.h>

#include <lib/cpio.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cpio_entry e;
	struct cpio c;
	uint64_t i;
	volatile uint8_t sink;

	cpio_init(&c, data, size);
	while (cpio_next(&c, &e) == 0) {
		if (e.name[e.namelen] != '\0')
			abort();
		for (i = 0; i < e.size; i++)
			sink = e.data[i];
	}
	(void)sink;
	return 0;
}
