/*
 * drain_server - a virtual server that is to stop takes no mail any more, while its queue goes out
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  from the first moment on it is not to be started with the service; a reload and an upgrade start
 *           nothing that takes mail
 * Fails by: not at all
 */
#include "master/processes/processes.h"
#include "master/servers/servers.h"

bool
drain_server_is_on(const struct server *s)
{
	return (s->state == STATE_PAUSING || s->state == STATE_PAUSED) && !s->wanted;
}

void
drain_server_begin(struct server *s)
{
	struct child *c;

	roster_drain(s);
	TAILQ_FOREACH(c, &s->m->children, link)
		if (c->server == s && (c->role == ROLE_LISTENER || c->role == ROLE_PICKUP) &&
		    c->phase != CHILD_STOPPING)
			child_stop(c, master_grace(s->m));
}
