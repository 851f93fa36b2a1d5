/*
 * heritage - what a virtual server has from the program before, in an upgrade: counters, hints, sockets
 *
 * Runs in:  master
 * Owns:     the descriptors until they are taken
 * Promise:  a virtual server without a heritage gets new counters and hint sockets
 * Fails by: -1 and errno
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/process/counters.h"
#include "master/servers/servers.h"

#define HINT_BYTES (1 << 20)

/* Hints are small and may be lost; a large buffer makes that rare. */
static int
open_hint_pipe(int hint[2])
{
	static const int size = HINT_BYTES;

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, hint) == -1)
		return -1;
	if (setsockopt(hint[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) == -1)
		(void)setsockopt(hint[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)); /* as far as allowed */
	return 0;
}

struct heritage *
heritage_find(const struct master *m, const char *name)
{
	struct heritage *h;

	TAILQ_FOREACH(h, &m->heritages, link)
		if (strcmp(h->name, name) == 0)
			break;
	return h;
}

static void
take_descriptor(int *to, int *from)
{
	*to = *from;
	*from = -1;
}

int
heritage_open(struct server *s)
{
	struct heritage *h = heritage_find(s->m, s->name);

	if (h == NULL || h->counters_fd == -1) {
		s->counters = counters_new(&s->counters_fd);
	} else {
		take_descriptor(&s->counters_fd, &h->counters_fd);
		s->counters = counters_map(s->counters_fd);
	}
	if (s->counters == NULL)
		return -1;
	if (h == NULL)
		return open_hint_pipe(s->hint);
	take_descriptor(&s->hint[0], &h->hint[0]);
	take_descriptor(&s->hint[1], &h->hint[1]);
	return 0;
}

void
heritage_free(struct heritage *h)
{
	const int fd[] = { h->counters_fd, h->hint[0], h->hint[1] };

	for (size_t i = 0; i < sizeof(fd) / sizeof(fd[0]); i++)
		if (fd[i] != -1)
			close(fd[i]);
	listen_close(&h->sockets);
	listen_close(&h->guard);
	free(h);
}
