/*
 * main - postern-pickup: takes mail from files
 *
 * Runs in:  pickup; one process for each virtual server
 * Owns:     nothing
 * Promise:  all work is in pickup.c
 * Fails by: boot_main's exit status
 */
#include "pickup/pickup.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &pickup_role);
}
