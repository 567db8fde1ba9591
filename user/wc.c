/*
 * wc: count lines, words and bytes.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "box.h"

struct counts {
	unsigned long long lines, words, bytes;
};

static int opt_lines, opt_words, opt_bytes; /* set once by wc_main */

static int
count(int fd, struct counts *c)
{
	char buf[4096];
	int in_word = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		c->bytes += (unsigned long long)n;
		for (ssize_t i = 0; i < n; i++) {
			int space = isspace((unsigned char)buf[i]) != 0;

			c->lines += buf[i] == '\n';
			c->words += !space && !in_word;
			in_word = !space;
		}
	}
	return n < 0 ? -1 : 0;
}

static void
print(const struct counts *c, const char *name)
{
	const char *sep = "";

	if (opt_lines) {
		printf("%llu", c->lines);
		sep = " ";
	}
	if (opt_words) {
		printf("%s%llu", sep, c->words);
		sep = " ";
	}
	if (opt_bytes)
		printf("%s%llu", sep, c->bytes);
	printf("%s%s\n", name != NULL ? " " : "", name != NULL ? name : "");
}

static int
wc_file(const char *path, struct counts *total)
{
	struct counts c = { 0, 0, 0 };
	int fd = strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY);
	int bad = fd < 0 || count(fd, &c) != 0;

	if (bad)
		complain("%s", path);
	if (fd > 0)
		close(fd);
	if (bad)
		return 1;
	total->lines += c.lines;
	total->words += c.words;
	total->bytes += c.bytes;
	print(&c, path);
	return 0;
}

int
wc_main(int argc, char **argv)
{
	struct counts total = { 0, 0, 0 };
	int opt, status = 0, many;

	opt_lines = opt_words = opt_bytes = 0;
	while ((opt = getopt(argc, argv, "clmw")) != -1) {
		if (opt == 'l')
			opt_lines = 1;
		else if (opt == 'w')
			opt_words = 1;
		else if (opt == 'c' || opt == 'm')
			opt_bytes = 1; /* a byte is a character */
		else
			usage();
	}
	if (opt_lines + opt_words + opt_bytes == 0)
		opt_lines = opt_words = opt_bytes = 1;
	if (optind == argc) {
		if (count(0, &total) != 0) {
			complain("stdin");
			return 1;
		}
		print(&total, NULL);
		return 0;
	}
	many = argc - optind > 1;
	for (; optind < argc; optind++)
		status |= wc_file(argv[optind], &total);
	if (many)
		print(&total, "total");
	return status;
}
