/*
 * ipcrm: remove System V shared memory, by number or by key.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "box.h"

/* A key as programs write it: 0x1234 or 4660; 0 is nobody's key. */
static int
id_of_key(const char *text)
{
	unsigned long key;
	char *end;

	errno = 0;
	key = strtoul(text, &end, 0);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
	    key == 0 || key > UINT32_MAX)
		usage();
	return shmget((key_t)key, 0, 0);
}

static int
id_of_number(const char *text)
{
	unsigned long id;

	if (parse_ulong(text, &id) != 0 || id > INT32_MAX)
		usage();
	return (int)id;
}

int
ipcrm_main(int argc, char **argv)
{
	int opt, id, status = 0;

	if (argc < 2)
		usage();
	while ((opt = getopt(argc, argv, "m:M:")) != -1) {
		if (opt != 'm' && opt != 'M')
			usage();
		id = opt == 'm' ? id_of_number(optarg) : id_of_key(optarg);
		if (id >= 0 && shmctl(id, IPC_RMID, NULL) == 0)
			continue;
		complain("%s", optarg);
		status = 1;
	}
	if (optind < argc)
		usage();
	return status;
}
