/*
 * main - postern-auth, started by the master when a client wants to authenticate
 *
 * Runs in:  auth
 * Owns:     nothing
 * Promise:  the exit status of boot_main
 * Fails by: see boot
 */
#include "listener/auth/auth.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &auth_role);
}
