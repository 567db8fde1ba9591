/*
 * free: how memory and swap are used, in KiB.
 */
#include <stdio.h>
#include <uvm_bsd.h>

#include "box.h"

int
free_main(int argc, char **argv)
{
	struct uvmexp u;
	long kib, kernel;

	(void)argv;
	if (argc > 1)
		usage();
	get_uvmexp(&u);
	kib = u.pagesize / 1024;
	/* What is neither free nor on a queue nor wired is the kernel's. */
	kernel = (long)u.npages - u.free - u.active - u.inactive - u.wired;
	printf("%-5s%11s%11s%11s%11s%11s%11s%11s\n", "KiB", "total", "used",
	    "free", "active", "inactive", "wired", "kernel");
	printf("%-5s%11ld%11ld%11ld%11ld%11ld%11ld%11ld\n",
	    "Mem:", u.npages * kib, (u.npages - u.free) * kib, u.free * kib,
	    u.active * kib, u.inactive * kib, u.wired * kib, kernel * kib);
	printf("%-5s%11ld%11ld%11ld\n", "Swap:", u.swpages * kib,
	    u.swpginuse * kib, (u.swpages - u.swpginuse) * kib);
	return 0;
}
