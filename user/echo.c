/*
 * echo: write the arguments.
 */
#include <stdio.h>
#include <string.h>

#include "box.h"

int
echo_main(int argc, char **argv)
{
	int newline = 1, first = 1;

	if (argc > 1 && strcmp(argv[1], "-n") == 0) {
		newline = 0;
		first = 2;
	}
	for (int i = first; i < argc; i++) {
		if (i > first)
			putchar(' ');
		fputs(argv[i], stdout);
	}
	if (newline)
		putchar('\n');
	if (fflush(stdout) != 0) {
		complain("stdout");
		return 1;
	}
	return 0;
}
