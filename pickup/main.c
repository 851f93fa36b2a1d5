/*
 * main - postern-pickup: takes mail from files
 *
 * Runs in:  a child of postern, one for each virtual server
 * Owns:     nothing
 * Promise:  nothing happens here
 * Fails by: boot_main's exit status
 */
#include "pickup/pickup.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &pickup_role);
}
