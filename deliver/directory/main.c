/*
 * main - postern-directory, started by the master when a local recipient is first looked up
 *
 * Runs in:  directory
 * Owns:     nothing
 * Promise:  the exit status of boot_main
 * Fails by: see boot
 */
#include "deliver/directory/directory.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &directory_role);
}
