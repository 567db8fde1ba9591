/*
 * kill: send signals.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "box.h"

/*
 * Names of all signals, or of the numbers given; an exit status above 128
 * stands for the signal it tells of.
 */
static int
list_signals(int n, char **numbers)
{
	const char *name;
	unsigned long sig;

	for (int i = 0; i < n; i++) {
		if (parse_ulong(numbers[i], &sig) != 0)
			usage();
		name = signal_name((int)(sig > 128 ? sig - 128 : sig));
		if (name == NULL) {
			complainx("%s: no such signal", numbers[i]);
			return 1;
		}
		puts(name);
	}
	if (n == 0)
		for (int i = 1; i < 32; i++)
			if ((name = signal_name(i)) != NULL)
				printf("%2d %s\n", i, name);
	return 0;
}

static int
send_signal(const char *target, int sig)
{
	char *end;
	long pid;

	errno = 0;
	pid = strtol(target, &end, 10);
	if (end == target || *end != '\0' || errno != 0 || pid != (pid_t)pid) {
		complainx("%s: not a process id", target);
		return -1;
	}
	if (kill((pid_t)pid, sig) != 0) {
		complain("%s", target);
		return -1;
	}
	return 0;
}

int
kill_main(int argc, char **argv)
{
	int sig = SIGTERM, first = 1, status = 0;

	if (argc > 1 && strcmp(argv[1], "-l") == 0)
		return list_signals(argc - 2, argv + 2);
	if (argc > 2 && strcmp(argv[1], "-s") == 0) {
		sig = signal_number(argv[2]);
		first = 3;
	} else if (argc > 1 && argv[1][0] == '-' && argv[1][1] != '-') {
		sig = signal_number(argv[1] + 1);
		first = 2;
	}
	if (first < argc && strcmp(argv[first], "--") == 0)
		first++;
	if (sig < 0 && strcmp(argv[1], "-h") == 0)
		usage();
	if (sig < 0) {
		complainx(
		    "%s: no such signal (kill -l lists them)", argv[first - 1]);
		return 2;
	}
	if (first >= argc)
		usage();
	for (int i = first; i < argc; i++)
		if (send_signal(argv[i], sig) != 0)
			status = 1;
	return status;
}
