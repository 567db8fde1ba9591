/*
 * The archive reader: archives made here and by cpio(1)'s rules, truncated
 * and damaged.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lib/cpio.h>

#include "test.h"

static uint8_t ar[65536]; /* archive being made */
static size_t len; /* bytes in it */

static void
pad(void)
{
	while (len % 4 != 0)
		ar[len++] = 0;
}

static void
put(const char *magic, const char *name, unsigned int mode, const void *data,
    size_t size, unsigned int check)
{
	len += sprintf((char *)ar + len,
	    "%s%08x%08x%08x%08x%08x%08x%08zX%08x%08x%08x%08x%08zx%08x", magic,
	    7, mode, 1, 2, 3, 0x5f000000, size, 8, 9, 10, 11, strlen(name) + 1,
	    check);
	strcpy((char *)ar + len, name);
	len += strlen(name) + 1;
	pad();
	memcpy(ar + len, data, size);
	len += size;
	pad();
}

static void
start(void)
{
	memset(ar, 0, sizeof(ar));
	len = 0;
}

static void
trailer(void)
{
	put("070701", "TRAILER!!!", 0, "", 0, 0);
}

TEST(cpio_entries)
{
	struct cpio_entry e;
	struct cpio c;
	int again;

	start();
	put("070701", ".", 040755, "", 0, 0);
	put("070701", "etc/motd", 0100644, "hello\n", 6, 0);
	put("070701", "bin/sh", 0120777, "busy", 4, 0);
	put("070701", "dev/console", 020600, "", 0, 0);
	trailer();
	cpio_init(&c, ar, len);
	CHECK_EQ(cpio_next(&c, &e), 0);
	CHECK_STR(e.name, ".");
	CHECK_EQ(e.mode, 040755);
	CHECK_EQ(e.size, 0);
	CHECK_EQ(cpio_next(&c, &e), 0);
	CHECK_STR(e.name, "etc/motd");
	CHECK_EQ(e.namelen, 8);
	CHECK_EQ(e.size, 6);
	CHECK(memcmp(e.data, "hello\n", 6) == 0);
	CHECK_EQ(e.ino, 7);
	CHECK_EQ(e.uid, 1);
	CHECK_EQ(e.gid, 2);
	CHECK_EQ(e.nlink, 3);
	CHECK_EQ(e.mtime, 0x5f000000);
	CHECK_EQ(cpio_next(&c, &e), 0);
	CHECK_EQ(e.mode, 0120777);
	CHECK(memcmp(e.data, "busy", 4) == 0);
	CHECK_EQ(cpio_next(&c, &e), 0);
	CHECK_EQ(e.rmajor, 10);
	CHECK_EQ(e.rminor, 11);
	for (again = 0; again < 3; again++)
		CHECK_EQ(cpio_next(&c, &e), ENOENT);
	CHECK(c.why == NULL);
}

TEST(cpio_several_archives)
{
	struct cpio_entry e;
	struct cpio c;

	start();
	put("070701", "one", 0100644, "1", 1, 0);
	trailer();
	len += 508;
	put("070702", "two", 0100644, "ab", 2, 'a' + 'b');
	trailer();
	len += 3;
	cpio_init(&c, ar, len);
	CHECK_EQ(cpio_next(&c, &e), 0);
	CHECK_STR(e.name, "one");
	CHECK_EQ(cpio_next(&c, &e), 0);
	CHECK_STR(e.name, "two");
	CHECK_EQ(cpio_next(&c, &e), ENOENT);
	cpio_init(&c, ar, 0);
	CHECK_EQ(cpio_next(&c, &e), ENOENT);
}

static void
refused(const char *why)
{
	struct cpio_entry e;
	uint8_t *copy = malloc(len);
	struct cpio c;

	memcpy(copy, ar, len);
	cpio_init(&c, copy, len);
	CHECK_EQ(cpio_next(&c, &e), EINVAL);
	CHECK_STR(c.why, why);
	CHECK_EQ(c.why_off, 0);
	free(copy);
}

TEST(cpio_refused)
{
	start();
	put("070707", "x", 0, "", 0, 0);
	refused("bad magic, not a newc archive");
	start();
	put("070702", "x", 0100644, "abc", 3, 1);
	refused("checksum does not match");
	start();
	put("070701", "", 0, "", 0, 0);
	refused("bad length of name");
	start();
	put("070701", "x", 0, "", 0, 0);
	ar[110] = 0;
	refused("name not terminated where its length says");
	start();
	put("070701", "x", 0, "", 0, 0);
	ar[20] = 'g';
	refused("header field is not hexadecimal");
	start();
	put("070701", "x", 0, "", 0, 0);
	memcpy(ar + 6 + 6 * 8, "FFFFFFFF", 8);
	refused("truncated contents");
	start();
	put("070701", "x", 0, "", 0, 0);
	memcpy(ar + 6 + 11 * 8, "FFFFFFFF", 8);
	refused("bad length of name");
	start();
	put("070701", "xyz", 0, "", 0, 0);
	memcpy(ar + 6 + 11 * 8, "00000100", 8);
	refused("truncated name");
}

/* Every shorter piece reads without going outside, and is refused. */
TEST(cpio_truncated)
{
	struct cpio_entry e;
	struct cpio c;
	uint8_t *copy;
	size_t n;
	int error;

	start();
	put("070701", "etc/motd", 0100644, "hello\n", 6, 0);
	put("070701", "bin/sh", 0120777, "busy", 4, 0);
	trailer();
	while (ar[len - 1] == 0) /* padding may be missing */
		len--;
	len++;
	for (n = 1; n < len; n++) {
		copy = malloc(n);
		memcpy(copy, ar, n);
		cpio_init(&c, copy, n);
		while ((error = cpio_next(&c, &e)) == 0)
			CHECK(e.data + e.size <= copy + n);
		CHECK_EQ(error, EINVAL);
		CHECK(c.why != NULL);
		free(copy);
	}
}

TEST(cpio_damaged)
{
	struct cpio_entry e;
	struct cpio c;
	uint8_t *copy;
	int i, j, n;

	start();
	put("070701", "etc/motd", 0100644, "hello\n", 6, 0);
	put("070702", "etc/sum", 0100644, "hello\n", 6, 542);
	put("070701", "bin/sh", 0120777, "busy", 4, 0);
	trailer();
	for (i = 0; i < 20000; i++) {
		copy = malloc(len);
		memcpy(copy, ar, len);
		for (j = 1 + test_below(4); j > 0; j--)
			copy[test_below(len)] = test_below(2)
			    ? "0fF1x"[test_below(5)]
			    : (int)test_rnd();
		cpio_init(&c, copy, len);
		for (n = 0; cpio_next(&c, &e) == 0; n++) {
			CHECK(e.data >= copy);
			CHECK(e.data + e.size <= copy + len);
			CHECK_EQ(strlen(e.name), e.namelen);
			CHECK(e.namelen > 0);
		}
		CHECK(n <= 4);
		free(copy);
	}
}
