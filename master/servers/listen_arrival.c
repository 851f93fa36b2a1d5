/*
 * listen_arrival - a virtual server whose address this host does not have yet starts when it has
 *
 * Runs in:  master
 * Owns:     server.arrival
 * Promise:  as with a network that comes up after the service, or an address that a cluster moves here. Until
 *           then the virtual server is stopped and its reason says why; to look leaves no line in the log
 * Fails by: nothing; an operator may start it at any time
 */
#include <stdlib.h>

#include "common/base/mem.h"
#include "common/host/config_host.h"
#include "master/servers/servers.h"

#define LOOK_MS 2000U

struct listen_arrival {
	struct server *s;
	listen_arrival_cb *event;
	struct loop_timer *timer;
};

static bool
has_addresses(const struct config_server *conf)
{
	for (size_t i = 0; i < conf->nlisten; i++)
		if (!config_host_has(&conf->listen[i].address))
			return false;
	return true;
}

static void
on_look(void *arg)
{
	struct listen_arrival *a = arg;
	struct server *s = a->s;

	if (s->state != STATE_STOPPED || !s->wanted || s->removed || s->conf == NULL || s->m->stopping)
		return;
	if (has_addresses(s->conf))
		a->event(s, EVENT_START);
	else
		loop_timer_set(a->timer, LOOK_MS);
}

void
listen_arrival_open(struct server *s, listen_arrival_cb *event)
{
	s->arrival = mem_new(struct listen_arrival);
	s->arrival->s = s;
	s->arrival->event = event;
	s->arrival->timer = loop_timer_new(s->m->loop, on_look, s->arrival);
}

void
listen_arrival_close(struct server *s)
{
	if (s->arrival == NULL)
		return;
	loop_timer_free(s->arrival->timer);
	free(s->arrival);
}

void
listen_arrival_await(struct server *s)
{
	if (!has_addresses(s->conf))
		loop_timer_set(s->arrival->timer, LOOK_MS);
}

bool
listen_arrival_is_awaited(const struct server *s)
{
	return loop_timer_is_set(s->arrival->timer);
}
