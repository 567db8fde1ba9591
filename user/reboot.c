/*
 * reboot: write everything out and start again.
 */
#include <sys/reboot.h>
#include <unistd.h>

#include "box.h"

int
reboot_main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		usage();
	sync();
	reboot(RB_AUTOBOOT);
	complain("reboot");
	return 1;
}
