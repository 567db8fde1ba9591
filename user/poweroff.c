/*
 * poweroff: write everything out and switch off.
 */
#include <sys/reboot.h>
#include <unistd.h>

#include "box.h"

int
poweroff_main(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		usage();
	sync();
	reboot(RB_POWER_OFF);
	complain("reboot");
	return 1;
}
