/*
 * home_lost - a worker has found that another service has the home of its virtual server, or has taken it
 *
 * Runs in:  master
 * Owns:     nothing
 * Promise:  one that had the home stops and stays stopped, also after a restart of this service: to start it
 *           here would take the home back from there, and that is left to an operator. One that could not
 *           have it is stopped, and tries again with the next start of the service
 * Fails by: not at all
 */
#include "master/servers/servers.h"

void
home_lost_stop(struct server *s, const char *why)
{
	if (s->state == STATE_STARTING) {	/* it never had it */
		server_reason(s, "%s", why);
		server_event(s, EVENT_REFUSED);
		return;
	}
	server_want(s, false);
	s->home_lost = true;
	if (s->state != STATE_STOPPING && s->state != STATE_STOPPED)
		server_event(s, EVENT_STOP);
	server_reason(s, "%s; it stays stopped until it is started", why);
}
