/*
 * main - the listener worker: takes mail by SMTP for one virtual server
 *
 * Runs in:  listener
 * Owns:     nothing
 * Promise:  one line
 * Fails by: its exit status
 */
#include "listener/listener.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &listener_role);
}
