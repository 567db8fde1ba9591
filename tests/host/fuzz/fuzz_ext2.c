/*
 * ext2 on damaged images.  Input: changes to an image that mke2fs made, each
 * an offset and eight bytes, so that what is not changed stays an ext2.
 */

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANGE 12 /* bytes of one: where, how many, what */

struct bdev;
struct bdev *env_disk(const void *image, uint64_t size);
void env_free(void);
void env_check(void);
void t_exercise(struct bdev *bd);
void panic(const char *fmt, ...);
void
kassert_fail(const char *expr, const char *file, int line, const char *func);
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint8_t *image;
static size_t image_size;

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	abort();
}

void
kassert_fail(const char *expr, const char *file, int line, const char *func)
{
	panic("%s:%d: %s: assertion \"%s\" failed\n", file, line, func, expr);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char path[] = "/tmp/fuzzext2-XXXXXX", cmd[300];
	int fd = mkstemp(path);
	FILE *f;

	snprintf(cmd, sizeof(cmd),
	    "PATH=$PATH:/sbin:/usr/sbin mke2fs -q -F -t ext2 -b 1024 -N 64 -d "
	    "tests/host/fuzz %s 400k >&2",
	    path);
	if (fd < 0 || system(cmd) != 0)
		abort();
	f = fdopen(fd, "rb");
	fseek(f, 0, SEEK_END);
	image_size = (size_t)ftell(f);
	rewind(f);
	image = malloc(image_size);
	if (fread(image, 1, image_size, f) != image_size)
		abort();
	fclose(f);
	remove(path);
	/* what is said of the damage is too much */
	if (freopen("/dev/null", "w", stdout) == NULL)
		abort();
	return 0;
}

static void
change(uint8_t *copy, const uint8_t *data)
{
	uint32_t at;
	size_t n = 1 + (data[3] & 7);

	memcpy(&at, data, sizeof(at));
	at &= 0xffffff;
	/* mostly metadata: it is at the beginning */
	at %= at & 1 ? image_size - 8 : 80 * 1024;
	memcpy(copy + at, data + 4, n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy = malloc(image_size);

	memcpy(copy, image, image_size);
	for (; size >= CHANGE; size -= CHANGE, data += CHANGE)
		change(copy, data);
	t_exercise(env_disk(copy, image_size));
	env_free();
	env_check();
	free(copy);
	return 0;
}
