/*
 * main - postern-resolver, started by the master when a worker needs names
 *
 * Runs in:  resolver
 * Owns:     nothing
 * Promise:  the exit status of boot_main
 * Fails by: see boot
 */
#include "deliver/resolver/resolver.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &resolver_role);
}
