/*
 * roster - who should exist: roles, posts, and filling what is missing
 *
 * Runs in:  master
 * Owns:     the posts of each virtual server
 * Promise:  a queue never has two owners: who does not overlap starts only after the old one is gone
 * Fails by: trying again later, with one event
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/process/counters.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

/* The order is the order of starting: the queue's owner first, so that hints find a reader. */
const struct roster_role roster_roles[ROLE_COUNT] = {
	[ROLE_LISTENER] = { .name = "listener", .per_server = true, .sockets = true, .overlaps = true,
	    .hint = ROSTER_HINT_WRITE },
	[ROLE_PICKUP] = { .name = "pickup", .per_server = true, .hint = ROSTER_HINT_WRITE },
	[ROLE_DELIVER] = { .name = "deliver", .per_server = true, .hint = ROSTER_HINT_READ },
	[ROLE_RESOLVER] = { .name = "resolver" },
	[ROLE_METRICS] = { .name = "metrics", .sockets = true },
	[ROLE_AUTH] = { .name = "auth" },
	[ROLE_FETCH] = { .name = "fetch" },
	[ROLE_DIRECTORY] = { .name = "directory" },
	[ROLE_MAINTENANCE] = { .name = "custodian", .program = "deliver" },
};

unsigned
roster_copies(enum role role, const struct config_server *s, enum state state)
{
	if (!roster_roles[role].per_server || state == STATE_STOPPED || state == STATE_STOPPING)
		return 0;
	return role == ROLE_LISTENER ? s->processes : 1;
}

static void
on_restart_timer(void *arg)
{
	struct post *p = arg;

	if (p->server != NULL)
		roster_fill(p->server);
	else
		helper_look(p->m);
	service_look(p->m);
}

void
roster_build(struct server *s)
{
	size_t total = 0;

	for (enum role role = 0; role < ROLE_COUNT; role++)
		total += roster_copies(role, s->conf, s->state);
	s->post = mem_array(NULL, total, sizeof(*s->post));
	s->posts = 0;
	for (enum role role = ROLE_COUNT; role-- > 0;)
		for (unsigned i = roster_copies(role, s->conf, s->state); i > 0; i--) {
			struct post *p = &s->post[s->posts++];

			*p = (struct post){ .m = s->m, .server = s, .role = role };
			p->again = loop_timer_new(s->m->loop, on_restart_timer, p);
		}
}

void
roster_clear(struct server *s)
{
	for (size_t i = 0; i < s->posts; i++) {
		if (s->post[i].child != NULL)
			s->post[i].child->post = NULL;
		loop_timer_free(s->post[i].again);
	}
	free(s->post);
	s->post = NULL;
	s->posts = 0;
}

/* One of the same role, or for the owner of the queue who kept it while the virtual server was stopped. */
static bool
stands_in_the_way(const struct post *p)
{
	const struct child *c;

	if (roster_roles[p->role].overlaps)
		return false;
	TAILQ_FOREACH(c, &p->m->children, link)
		if (c->server == p->server && (c->role == p->role ||
		    (c->role == ROLE_MAINTENANCE && p->role == ROLE_DELIVER)))
			return true;
	return false;
}

/* No slot: the sessions of the eldest reload have lasted through all the others. */
static void
make_room_for(struct server *s)
{
	struct child *c;

	TAILQ_FOREACH(c, &s->m->children, link)
		if (c->server == s && c->phase == CHILD_DRAINING) {
			child_stop(c, service_grace(s->m));
			return;
		}
}

void
roster_start(struct post *p)
{
	int error;
	uint64_t delay;

	p->child = spawn_child(p);
	if (p->child != NULL)
		return;
	error = errno;
	delay = reap_delay(&p->record, 0);
	loop_timer_set(p->again, delay);
	log_event(LOG_FAULT, NULL, "trouble", "server=%s role=%s reason=%s restart=%.1fs",
	    p->server != NULL ? p->server->name : "-", roster_roles[p->role].name,
	    log_safe(error == EAGAIN ? "no room for another process" : strerror(error)),
	    (double)delay / 1000);
	if (p->server == NULL)
		return;
	p->server->trouble = true;
	server_reason(p->server, "%s cannot be started: %s; it is tried again", roster_roles[p->role].name,
	    strerror(error));
	if (error == EAGAIN)
		make_room_for(p->server);
}

void
roster_fill(struct server *s)
{
	if (roster_copies(ROLE_DELIVER, s->conf, s->state) == 0)
		return;
	for (size_t i = 0; i < s->posts; i++) {
		struct post *p = &s->post[i];

		if (p->child == NULL && !loop_timer_is_set(p->again) && !stands_in_the_way(p))
			roster_start(p);
	}
}

uint64_t
roster_vacate(struct post *p, bool crashed, uint64_t lived_ms)
{
	uint64_t delay;

	p->child = NULL;
	if (!crashed)
		return 0;
	delay = reap_delay(&p->record, lived_ms);
	loop_timer_set(p->again, delay);
	return delay;
}

int
roster_slot(const struct server *s)
{
	bool used[COUNTERS_SLOTS] = { false };
	const struct child *c;

	TAILQ_FOREACH(c, &s->m->children, link)
		if (c->server == s)
			used[c->slot] = true;
	for (unsigned i = 0; i < COUNTERS_SLOTS; i++)
		if (!used[i])
			return (int)i;
	return -1;
}
