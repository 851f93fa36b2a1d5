/* main - postern-deliver: the worker that empties the queue of one virtual server */
#include "deliver/deliver.h"

int
main(int argc, char **argv)
{
	return boot_main(argc, argv, &role_deliver);
}
