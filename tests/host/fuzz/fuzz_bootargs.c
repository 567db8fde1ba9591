/*
 * The boot argument parser on arbitrary lines.
 */

#include <stdlib.h>
#include <string.h>

#include <lib/bootargs.h>

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bootargs b;
	const struct bootarg *a;
	unsigned int i = 0;
	char *line = malloc(size + 1);
	uint64_t v;
	int error;

	memcpy(line, data, size);
	line[size] = '\0';
	error = bootargs_parse(&b, line);
	free(line);
	if ((error == 0) != (b.why == NULL))
		abort();
	while ((a = bootarg_next(&b, &i)) != NULL) {
		bootarg_flag(&b, a->key);
		bootarg_u64(&b, a->key, &v);
		if (bootarg_get(&b, a->key) == NULL)
			abort();
	}
	for (i = 0; i < b.argc; i++)
		if (strlen(b.argv[i]) >= BOOTARGS_LEN)
			abort();
	if (b.argv[b.argc] != NULL)
		abort();
	return 0;
}
