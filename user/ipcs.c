/*
 * ipcs: System V shared memory there is.
 */
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "box.h"

static void
print_segment(int id, const struct shmid_ds *ds)
{
	printf("%10d 0x%08x %04o %4u %12lu %7lu %6d %6d%s\n", id,
	    (unsigned)ds->shm_perm.__key, ds->shm_perm.mode & 0777,
	    ds->shm_perm.uid, (unsigned long)ds->shm_segsz,
	    (unsigned long)ds->shm_nattch, (int)ds->shm_cpid, (int)ds->shm_lpid,
	    ds->shm_perm.mode & SHM_DEST ? " removed" : "");
}

int
ipcs_main(int argc, char **argv)
{
	struct shm_info info;
	struct shmid_ds ds;
	int last;

	if (getopt(argc, argv, "") != -1 || optind < argc)
		usage();
	last = shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info);
	if (last < 0) {
		complain("shared memory");
		return 1;
	}
	printf("%10s %-10s %-4s %4s %12s %7s %6s %6s\n", "ID", "KEY", "MODE",
	    "UID", "BYTES", "NATTCH", "CPID", "LPID");
	for (int i = 0; i <= last; i++) {
		int id = shmctl(i, SHM_STAT, &ds);

		if (id >= 0)
			print_segment(id, &ds);
	}
	printf("total: %d segments, %lu KiB, %lu KiB resident, %lu KiB "
	       "swapped\n",
	    info.used_ids, info.shm_tot * 4, info.shm_rss * 4,
	    info.shm_swp * 4);
	return 0;
}
