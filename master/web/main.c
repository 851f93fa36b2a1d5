/*
 * main - postern-web: the helper that serves the manager to web browsers
 *
 * Runs in:  web
 * Owns:     nothing
 * Promise:  that of boot_main
 * Fails by: the exit status of boot_main
 */
#include "master/web/web.h"

int
main(int argc, char **argv)
{
	web_wipe_begin();
	return boot_main(argc, argv, &web_role);
}
