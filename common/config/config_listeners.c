/*
 * config_listeners - how many listeners a virtual server has; pure
 *
 * Runs in:  master, listener
 * Owns:     nothing
 * Promise:  a number is taken as it is; auto is what fits the processors
 * Fails by: cannot
 */
#include "common/config/config_listeners.h"

#include <sys/param.h>

#include "common/config/config.h"

enum {
	/*
	 * Measured: what a message costs all processes is 3 to 6 times what it costs its listener. So one
	 * listener is not full before some four processors are, and a second one would bring switches alone.
	 */
	EACH_PROCESSORS = 4,
	MOST = 4,	/* then the one process that writes is full, and the one that delivers */
};

unsigned
config_listeners(const struct config_server *s, size_t servers, unsigned processors)
{
	size_t share = processors / EACH_PROCESSORS / MAX(servers, 1U);

	return s->processes != 0 ? s->processes : (unsigned)MAX(1U, MIN(share, MOST));
}
