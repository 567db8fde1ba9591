/*
 * hexdump: show files as numbers; with -C bytes and characters.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "box.h"

/* Options and the state of the dump; set by hexdump_main. */
static int opt_canonical;
static uint64_t limit = UINT64_MAX, to_skip;

static void
print_line(uint64_t at, const unsigned char *b, size_t n)
{
	printf(opt_canonical ? "%08llx " : "%07llx", (unsigned long long)at);
	for (size_t i = 0; i < (opt_canonical ? 16 : n); i++) {
		if (!opt_canonical) {
			if (i % 2 == 0)
				printf(" %02x%02x", i + 1 < n ? b[i + 1] : 0,
				    b[i]);
		} else {
			if (i < n)
				printf(" %02x", b[i]);
			else
				fputs("   ", stdout);
			if (i % 8 == 7)
				putchar(' ');
		}
	}
	if (opt_canonical) {
		fputs(" |", stdout);
		for (size_t i = 0; i < n; i++)
			putchar(b[i] >= 32 && b[i] < 127 ? b[i] : '.');
		putchar('|');
	}
	putchar('\n');
}

/*
 * The operands make one stream; a line may reach from one into the next.
 */
static size_t
fill(char ***files, FILE **f, unsigned char *b, size_t want, int *failed)
{
	size_t have = 0;

	while (have < want) {
		if (*f == NULL) {
			if (**files == NULL)
				break;
			*f = strcmp(**files, "-") == 0 ? stdin
						       : fopen(**files, "r");
			if (*f == NULL) {
				complain("%s", **files);
				*failed = 1;
			}
			(*files)++;
			continue;
		}
		have += fread(b + have, 1, want - have, *f);
		if (have < want) {
			if (ferror(*f)) {
				complain("%s", (*files)[-1]);
				*failed = 1;
			}
			fclose(*f);
			*f = NULL;
		}
	}
	return have;
}

static int
dump(char **files)
{
	unsigned char line[16], last[16];
	int failed = 0, starred = 0, have_last = 0;
	uint64_t at = 0;
	FILE *f = NULL;
	size_t n = 1;

	while (at < to_skip && n > 0) {
		size_t want = to_skip - at < 16 ? (size_t)(to_skip - at) : 16;

		n = fill(&files, &f, line, want, &failed);
		at += n;
	}
	for (;;) {
		size_t want = limit < 16 ? (size_t)limit : 16;

		n = want > 0 ? fill(&files, &f, line, want, &failed) : 0;
		if (n == 0)
			break;
		limit -= n;
		if (n == 16 && have_last && memcmp(line, last, 16) == 0) {
			if (!starred)
				puts("*");
			starred = 1;
		} else {
			print_line(at, line, n);
			starred = 0;
		}
		memcpy(last, line, 16);
		have_last = 1;
		at += n;
	}
	if (at > 0)
		printf(opt_canonical ? "%08llx\n" : "%07llx\n",
		    (unsigned long long)at);
	return failed;
}

int
hexdump_main(int argc, char **argv)
{
	static char dash[] = "-", *standard_input[] = { dash, NULL };
	int opt, failed;

	while ((opt = getopt(argc, argv, "Cn:s:")) != -1) {
		switch (opt) {
		case 'C':
			opt_canonical = 1;
			break;
		case 'n':
			limit = parse_size(optarg);
			break;
		case 's':
			to_skip = parse_size(optarg);
			break;
		default:
			usage();
		}
	}
	failed = dump(optind < argc ? argv + optind : standard_input);
	return fflush(stdout) != 0 || failed;
}
