/* main - the listener worker: takes mail by SMTP for one virtual server */
#include "listener/listener.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &listener_role);
}
