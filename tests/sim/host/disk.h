/* Disks of the simulated machine. */
#ifndef _TESTS_SIM_HOST_DISK_H_
#define _TESTS_SIM_HOST_DISK_H_

#include <sys/types.h>

struct bdev;

/* What goes wrong.  Value. */
struct sim_disk_faults {
	u_int df_read, df_write; /* one request in so many fails; 0: none */
	u_int df_bad, df_badend; /* pages that always fail */
	u_int df_gone; /* requests after which the disk is gone; 0: never */
};

/* => a new disk of npages, zeros; kernel thread; ends the run if it cannot */
struct bdev *sim_disk(u_int npages, const struct sim_disk_faults *faults);

#endif
