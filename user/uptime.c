/*
 * uptime: time since boot and load.
 */
#include <stdio.h>
#include <sys/sysinfo.h>

#include "box.h"

int
uptime_main(int argc, char **argv)
{
	struct sysinfo si;
	char text[64];

	(void)argv;
	if (argc > 1)
		usage();
	if (sysinfo(&si) != 0) {
		complain("sysinfo");
		return 1;
	}
	format_uptime(text, sizeof(text), (uint64_t)si.uptime);
	printf("up %s, %u processes, load averages:", text, si.procs);
	for (int i = 0; i < 3; i++) {
		unsigned long hundredths = si.loads[i] * 100 >> SI_LOAD_SHIFT;

		printf("%s%lu.%02lu", i > 0 ? ", " : " ", hundredths / 100,
		    hundredths % 100);
	}
	putchar('\n');
	return 0;
}
