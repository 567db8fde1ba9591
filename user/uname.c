/*
 * uname: name of the system.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "box.h"

int
uname_main(int argc, char **argv)
{
	static const char letters[] = "snrvm";
	const char *values[5];
	unsigned wanted = 0;
	struct utsname u;
	const char *at;
	int opt;

	while ((opt = getopt(argc, argv, "asnrvm")) != -1) {
		at = strchr(letters, opt);
		if (opt == 'a')
			wanted = 31;
		else if (at != NULL)
			wanted |= 1u << (at - letters);
		else
			usage();
	}
	if (optind < argc)
		usage();
	if (uname(&u) != 0) {
		complain("uname");
		return 1;
	}
	values[0] = u.sysname;
	values[1] = u.nodename;
	values[2] = u.release;
	values[3] = u.version;
	values[4] = u.machine;
	if (wanted == 0)
		wanted = 1;
	for (int i = 0; i < 5; i++) {
		if ((wanted >> i & 1) == 0)
			continue;
		wanted &= ~(1u << i);
		printf("%s%s", values[i], wanted != 0 ? " " : "\n");
	}
	return 0;
}
