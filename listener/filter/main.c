/*
 * main - postern-filter, started by the master when mail is to be seen by filters
 *
 * Runs in:  filter
 * Owns:     nothing
 * Promise:  the exit status of boot_main
 * Fails by: see boot
 */
#include "listener/filter/filter.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &filter_role);
}
