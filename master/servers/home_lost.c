/*
 * home_lost - a worker has found that another service has taken the home of its virtual server
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  the virtual server stops and stays stopped, also after a restart of this service: to start it
 *           here would take the home back from there, and that is left to an operator
 * Fails by: not at all
 */
#include "master/servers/servers.h"

void
home_lost_stop(struct server *s, const char *why)
{
	server_want(s, false);
	if (s->state == STATE_STARTING)
		server_event(s, EVENT_REFUSED);
	else if (s->state != STATE_STOPPING && s->state != STATE_STOPPED)
		server_event(s, EVENT_STOP);
	server_reason(s, "%s; it stays stopped until it is started", why);
}
