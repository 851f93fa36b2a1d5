/*
 * main - postern-fetch, started by the master when an OAuth2 token is first needed
 *
 * Runs in:  fetch
 * Owns:     nothing
 * Promise:  the exit status of boot_main
 * Fails by: see boot
 */
#include "deliver/fetch/fetch.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &fetch_role);
}
