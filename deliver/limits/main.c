/*
 * main - postern-limits, started by the master when a limit that nodes share is first needed
 *
 * Runs in:  limits
 * Owns:     nothing
 * Promise:  the exit status of boot_main
 * Fails by: see boot
 */
#include "deliver/limits/limits.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &limits_role);
}
