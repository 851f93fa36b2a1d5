/*
 * main - postern-deliver: the worker that empties the queue of one virtual server, or keeps that of one that
 * is stopped
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  none of its own
 * Fails by: the exit status of boot_main
 */
#include "deliver/deliver.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv,
	    argc > 0 && maintenance_is_meant(argv[0]) ? &maintenance_role : &deliver_role);
}
