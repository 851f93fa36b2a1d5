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
#include <errno.h>
#include <string.h>

#include "common/base/log.h"
#include "common/host/wanted_state.h"
#include "master/servers/servers.h"

/* For the next start of this service, too. */
static void
remember(const struct server *s)
{
	const char *folder = s->m->snapshot->config->service.state;

	if (wanted_state_write_lost(folder, s->name, s->reason) == -1)
		log_event(LOG_FAULT, NULL, "trouble", "server=%s reason=%s path=%s", s->name,
		    log_safe(strerror(errno)), log_safe(folder));
}

void
home_lost_stop(struct server *s, const char *why)
{
	if (s->state == STATE_STARTING) {	/* it never had it */
		server_reason(s, "%s", why);
		server_event(s, EVENT_REFUSED);
		return;
	}
	if (s->home_lost)			/* each of its workers says so */
		return;
	s->wanted = false;
	s->home_lost = true;
	if (s->state != STATE_STOPPING && s->state != STATE_STOPPED)
		server_event(s, EVENT_STOP);
	server_reason(s, "%s; it stays stopped until it is started", why);
	remember(s);
}

void
home_lost_recall(struct server *s)
{
	char why[WANTED_STATE_WHY_SIZE];

	s->home_lost = wanted_state_lost(s->m->snapshot->config->service.state, s->name, why);
	if (s->home_lost && s->reason == NULL)
		server_reason(s, "%s", why);
}
