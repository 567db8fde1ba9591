/*
 * head: the first lines, or bytes, of files.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "box.h"

/* => how much of buf belongs to the first *left lines or bytes */
static size_t
take(const char *buf, size_t n, int bytes, unsigned long *left)
{
	size_t i;

	if (bytes) {
		i = n < *left ? n : *left;
		*left -= i;
		return i;
	}
	for (i = 0; i<n && * left> 0; i++)
		*left -= buf[i] == '\n';
	return i;
}

static int
head_fd(int fd, int bytes, unsigned long left)
{
	char buf[4096];
	ssize_t n = 0;

	while (left > 0 && (n = read(fd, buf, sizeof(buf))) > 0)
		if (write_all(1, buf, take(buf, (size_t)n, bytes, &left)) != 0)
			return -1;
	return n < 0 ? -1 : 0;
}

static int
head_file(const char *path, int bytes, unsigned long count)
{
	int fd = strcmp(path, "-") == 0 ? 0 : open(path, O_RDONLY);
	int bad = fd < 0 || head_fd(fd, bytes, count) != 0;

	if (bad)
		complain("%s", path);
	if (fd > 0)
		close(fd);
	return bad;
}

int
head_main(int argc, char **argv)
{
	int opt, bytes = 0, many, status = 0, first = 1, names = 0;
	unsigned long count = 10;

	/* head -5, as it was once */
	if (argc > 1 && argv[1][0] == '-' &&
	    parse_ulong(argv[1] + 1, &count) == 0) {
		argv++;
		argc--;
	}
	while ((opt = getopt(argc, argv, "n:c:qv")) != -1) {
		if (opt == 'q' || opt == 'v') {
			names = opt;
			continue;
		}
		if ((opt != 'n' && opt != 'c') ||
		    parse_ulong(optarg, &count) != 0)
			usage();
		bytes = opt == 'c';
	}
	many = names == 'v' || (names == 0 && argc - optind > 1);
	if (optind == argc)
		argv[--optind] = "-";
	for (; optind < argc; optind++, first = 0) {
		if (many) {
			printf(
			    "%s==> %s <==\n", first ? "" : "\n", argv[optind]);
			fflush(stdout);
		}
		status |= head_file(argv[optind], bytes, count);
	}
	return status;
}
