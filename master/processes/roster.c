/*
 * roster - which processes should exist: the posts of each virtual server, and the start of missing children
 *
 * Runs in:  master
 * Owns:     the posts of each virtual server
 * Promise:  a queue never has two owners: a role that does not overlap starts when the old child is dead
 * Fails by: trying again later, with one event
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "common/base/machine.h"
#include "common/base/mem.h"
#include "common/config/config_listeners.h"
#include "common/process/counters.h"
#include "master/processes/processes.h"

uint64_t
roster_delay(struct restart_record *r, unsigned at_once, uint64_t lived_ms)
{
	uint64_t delay = ROSTER_FIRST_MS, forgiven = lived_ms / ROSTER_FORGIVE_MS;

	r->failures = lived_ms >= ROSTER_WELL_MS || forgiven >= r->failures ? 0 :
	    r->failures - (unsigned)forgiven;
	if (r->failures < at_once) {
		r->failures++;
		return 0;
	}
	for (unsigned i = at_once; i < r->failures && delay < ROSTER_LAST_MS; i++)
		delay *= 2;
	if (delay >= ROSTER_LAST_MS)
		return ROSTER_LAST_MS; /* not counted any more, so the number cannot overflow */
	r->failures++;
	return delay;
}

unsigned
roster_copies(enum role role, unsigned listeners, enum state state)
{
	if (!roster_roles[role].per_server || state == STATE_STOPPED || state == STATE_STOPPING)
		return 0;
	return role == ROLE_LISTENER ? listeners : 1;
}

static void
wait_before_start(struct post *p, uint64_t delay_ms)
{
	p->waits = delay_ms > 0;
	loop_timer_set(p->again, delay_ms);
}

static void
on_restart_timer(void *arg)
{
	struct post *p = arg;

	roster_fill(p->server);
	p->m->ops->changed(p->m);
}

static bool
takes_mail(enum role role)
{
	return role == ROLE_LISTENER || role == ROLE_PICKUP;
}

void
roster_drain(struct server *s)
{
	for (size_t i = 0; i < s->posts; i++) {
		struct post *p = &s->post[i];

		if (!takes_mail(p->role))
			continue;
		p->closed = true;
		if (p->child != NULL)
			p->child->post = NULL;
		p->child = NULL;
		loop_timer_stop(p->again);
	}
}

bool
roster_undrain(struct server *s)
{
	bool any = false;

	for (size_t i = 0; i < s->posts; i++) {
		any = any || s->post[i].closed;
		s->post[i].closed = false;
	}
	if (any)
		roster_fill(s);
	return any;
}

static void
add_posts(struct server *s, enum role role, unsigned listeners)
{
	for (unsigned i = roster_copies(role, listeners, s->state); i > 0; i--) {
		struct post *p = &s->post[s->posts++];

		*p = (struct post){ .m = s->m, .server = s, .role = role,
			.closed = takes_mail(role) && !s->wanted && (s->state == STATE_PAUSING ||
			s->state == STATE_PAUSED) };
		p->again = loop_timer_new(s->m->loop, on_restart_timer, p);
	}
}

void
roster_build(struct server *s)
{
	unsigned listeners = config_listeners(s->conf, s->snapshot->config->servers, machine_processors());
	bool anew = TAILQ_EMPTY(&s->children);
	size_t total = 0;

	for (enum role role = 0; role < ROLE_COUNT; role++)
		total += roster_copies(role, listeners, s->state);
	s->post = mem_array(NULL, total, sizeof(*s->post));
	s->posts = 0;
	/*
	 * From the last role to the first: the queue's owner starts first, so that hints find a reader. Where
	 * no process of before takes mail, the listener is before it: it takes longest to be ready.
	 */
	if (anew)
		add_posts(s, ROLE_LISTENER, listeners);
	for (enum role role = ROLE_COUNT; role-- > 0;)
		if (role != ROLE_LISTENER || !anew)
			add_posts(s, role, listeners);
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

/* Listeners are drained later: when their successors are ready. */
void
roster_retire(struct server *s)
{
	struct child *c;

	TAILQ_FOREACH(c, &s->children, of_server) {
		if (c->phase == CHILD_STOPPING)
			continue;
		if (!roster_roles[c->role].overlaps) {
			child_tell(c, CTL_DRAIN);	/* it is no stop of the virtual server */
			child_stop(c, master_grace(s->m));
		}
		else if (c->role == ROLE_PICKUP && c->phase != CHILD_DRAINING)
			child_drain(c);
	}
}

/* A child of the same role lives; or, for a deliver worker, the maintenance process that has the queue. */
static bool
predecessor_lives(const struct post *p)
{
	const struct child *c;

	if (roster_roles[p->role].overlaps)
		return false;
	TAILQ_FOREACH(c, &p->server->children, of_server)
		if (c->role == p->role || (c->role == ROLE_MAINTENANCE && p->role == ROLE_DELIVER))
			return true;
	return false;
}

/* No slot of the counters is free: after many reloads the oldest listener still drains. It is stopped. */
static void
make_room_for(struct server *s)
{
	struct child *c;

	TAILQ_FOREACH(c, &s->children, of_server)
		if (c->phase == CHILD_DRAINING) {
			child_stop(c, master_grace(s->m));
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
	delay = roster_delay(&p->record, 0, 0);
	wait_before_start(p, delay);
	log_event(LOG_FAULT, NULL, "trouble", "server=%s role=%s reason=%s restart=%.1fs",
	    p->server != NULL ? p->server->name : "-", roster_roles[p->role].name,
	    log_safe(error == EAGAIN ? "no room for another process" : strerror(error)),
	    (double)delay / 1000);
	if (p->server == NULL)
		return;
	p->m->child_ops->not_started(p, error);
	if (error == EAGAIN)
		make_room_for(p->server);
}

/* Whether as many processes start as may start at a time. */
static bool
many_start(const struct master *m)
{
	return m->starting >= ROSTER_AT_A_TIME;
}

void
roster_fill(struct server *s)
{
	if (roster_copies(ROLE_DELIVER, 0, s->state) == 0)
		return;
	for (size_t i = 0; i < s->posts; i++) {
		struct post *p = &s->post[i];

		if (p->closed || p->child != NULL || loop_timer_is_set(p->again) || predecessor_lives(p))
			continue;
		s->m->starts_wait = s->m->starts_wait || many_start(s->m);
		if (s->m->starts_wait)
			return;
		roster_start(p);
	}
}

void
roster_go_on(struct master *m)
{
	struct server *s;

	if (!m->starts_wait || many_start(m))
		return;
	m->starts_wait = false;
	TAILQ_FOREACH(s, &m->servers, link) {
		roster_fill(s);
		if (m->starts_wait)
			return;
	}
}

uint64_t
roster_vacate(struct post *p, bool crashed, uint64_t lived_ms)
{
	uint64_t delay;

	p->child = NULL;
	if (!crashed)
		return 0;
	delay = roster_delay(&p->record, roster_roles[p->role].at_once, lived_ms);
	wait_before_start(p, delay);
	return delay;
}
