/*
 * A program with all of the C library and of the library of mathematics in it
 * (linked with --whole-archive), of which it uses little: for root.c.
 *
 *	whole X		prints the sine of X
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int
main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	printf("%.4f\n", sin(atof(argv[1])));
	return 0;
}
