/*
 * main - postern-deliver: the worker that empties the queue of one virtual server, keeps that of one that is
 * stopped, or brings it to another node
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
	return boot_main(argc, argv, deliver_roles_of(argc > 0 ? argv[0] : ""));
}
