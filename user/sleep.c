/*
 * sleep: wait for a number of seconds, which may have a fraction.
 */
#include "box.h"

int
sleep_main(int argc, char **argv)
{
	uint64_t ns = 0;

	if (argc < 2)
		usage();
	for (int i = 1; i < argc; i++)
		ns += parse_seconds(argv[i]);
	sleep_ns(ns);
	return 0;
}
