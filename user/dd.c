/*
 * dd: copy blocks.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "box.h"

struct job {
	const char *in_name, *out_name;
	uint64_t bs, count, skip, seek;
	int in, out, keep;
	uint64_t full_in, part_in, full_out, part_out, bytes;
	char *buf;
};

static void
parse_operand(struct job *j, const char *arg)
{
	if (strncmp(arg, "if=", 3) == 0)
		j->in_name = arg + 3;
	else if (strncmp(arg, "of=", 3) == 0)
		j->out_name = arg + 3;
	else if (strncmp(arg, "bs=", 3) == 0)
		j->bs = parse_size(arg + 3);
	else if (strncmp(arg, "count=", 6) == 0)
		j->count = parse_size(arg + 6);
	else if (strncmp(arg, "skip=", 5) == 0)
		j->skip = parse_size(arg + 5);
	else if (strncmp(arg, "seek=", 5) == 0)
		j->seek = parse_size(arg + 5);
	else if (strcmp(arg, "conv=notrunc") == 0)
		j->keep = 1;
	else
		usage();
}

static int
open_files(struct job *j)
{
	int flags = O_WRONLY | O_CREAT;

	if (j->in_name != NULL && (j->in = open(j->in_name, O_RDONLY)) < 0) {
		complain("%s", j->in_name);
		return -1;
	}
	if (!j->keep && j->seek == 0)
		flags |= O_TRUNC;
	if (j->out_name != NULL &&
	    (j->out = open(j->out_name, flags, 0666)) < 0) {
		complain("%s", j->out_name);
		return -1;
	}
	return 0;
}

/*
 * Skip input by seeking where that works and by reading where it does not.
 */
static int
skip_input(struct job *j)
{
	if (j->skip == 0 ||
	    lseek(j->in, (off_t)(j->skip * j->bs), SEEK_CUR) >= 0)
		return 0;
	for (uint64_t i = 0; i < j->skip; i++)
		if (read(j->in, j->buf, j->bs) <= 0) {
			complainx("cannot skip that far");
			return -1;
		}
	return 0;
}

static int
copy_blocks(struct job *j)
{
	ssize_t n;

	for (uint64_t i = 0; i < j->count; i++) {
		while ((n = read(j->in, j->buf, j->bs)) < 0 && errno == EINTR)
			continue;
		if (n == 0)
			break;
		if (n < 0) {
			complain("%s", j->in_name ? j->in_name : "stdin");
			return -1;
		}
		*((uint64_t)n == j->bs ? &j->full_in : &j->part_in) += 1;
		if (write_all(j->out, j->buf, (size_t)n) != 0) {
			complain("%s", j->out_name ? j->out_name : "stdout");
			return -1;
		}
		*((uint64_t)n == j->bs ? &j->full_out : &j->part_out) += 1;
		j->bytes += (uint64_t)n;
	}
	return 0;
}

static void
report(const struct job *j, const struct timespec *start)
{
	struct timespec end;
	long long us;

	clock_gettime(CLOCK_MONOTONIC, &end);
	us = (end.tv_sec - start->tv_sec) * 1000000LL +
	    (end.tv_nsec - start->tv_nsec) / 1000;
	fprintf(stderr,
	    "%llu+%llu records in\n%llu+%llu records out\n"
	    "%llu bytes in %lld.%03lld s, %llu KiB/s\n",
	    (unsigned long long)j->full_in, (unsigned long long)j->part_in,
	    (unsigned long long)j->full_out, (unsigned long long)j->part_out,
	    (unsigned long long)j->bytes, us / 1000000, us / 1000 % 1000,
	    (unsigned long long)(us > 0
		    ? j->bytes * 1000000 / 1024 / (uint64_t)us
		    : 0));
}

int
dd_main(int argc, char **argv)
{
	struct job j = { .bs = 512,
		.count = UINT64_MAX,
		.in = STDIN_FILENO,
		.out = STDOUT_FILENO };
	struct timespec start;
	int rv;

	for (int i = 1; i < argc; i++)
		parse_operand(&j, argv[i]);
	if (j.bs == 0 || j.bs > INT32_MAX || j.skip > INT64_MAX / j.bs ||
	    j.seek > INT64_MAX / j.bs)
		usage();
	if (open_files(&j) != 0)
		return 1;
	j.buf = xmalloc(j.bs);
	if (skip_input(&j) != 0)
		return 1;
	if (j.seek > 0 && lseek(j.out, (off_t)(j.seek * j.bs), SEEK_SET) < 0) {
		complain("seek");
		return 1;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	rv = copy_blocks(&j);
	if (close(j.out) != 0 && rv == 0) {
		complain("%s", j.out_name ? j.out_name : "stdout");
		rv = -1;
	}
	report(&j, &start);
	free(j.buf);
	return rv != 0;
}
