/*
 * server_snapshot - a configuration and its sealed copy, shared by the virtual servers that run on it
 *
 * Runs in:  master
 * Owns:     the configuration and the memfd, until the last user drops them
 * Promise:  what a child reads is what the master judged
 * Fails by: NULL and errno
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "master/servers/servers.h"

struct snapshot *
server_snapshot_new(struct config *c)
{
	int fd = config_snapshot(c);
	struct snapshot *s;

	if (fd == -1) {
		config_free(c);
		return NULL;
	}
	s = mem_new(struct snapshot);
	*s = (struct snapshot){ .config = c, .fd = fd, .users = 1 };
	return s;
}

void
server_snapshot_drop(struct snapshot *s)
{
	if (s == NULL || --s->users > 0)
		return;
	close(s->fd);
	config_free(s->config);
	free(s);
}
