/*
 * site_waitlist - the sites that are due for work, and those that wait for a connection of the total limit
 *
 * Runs in:  deliver
 * Owns:     nothing: the lists are links of the sites
 * Promise:  both lists are first come, first served. A site that got a connection, and wants another one,
 *           goes to the end. While a site waits, no other site gets a connection before it
 * Fails by: cannot
 */
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"

void
site_waitlist_due(struct site *s)
{
	struct outbound *o = s->o;

	if (s->due)
		return;
	s->due = true;
	TAILQ_INSERT_TAIL(&o->due, s, due_link);
	if (!o->working && !loop_timer_is_set(o->soon))
		loop_timer_now(o->soon);
}

void
site_waitlist_enter(struct site *s)
{
	if (s->blocked)
		return;
	s->blocked = true;
	TAILQ_INSERT_TAIL(&s->o->blocked, s, blocked_link);
}

void
site_waitlist_leave(struct site *s)
{
	if (!s->blocked)
		return;
	s->blocked = false;
	TAILQ_REMOVE(&s->o->blocked, s, blocked_link);
}

void
site_waitlist_remove(struct site *s)
{
	if (s->due)
		TAILQ_REMOVE(&s->o->due, s, due_link);
	s->due = false;
	site_waitlist_leave(s);
}

bool
site_waitlist_admits(struct outbound *o)
{
	bool admitted = o->nconn < o->server->connections && (o->serving || TAILQ_EMPTY(&o->blocked));

	o->serving &= !admitted;
	return admitted;
}

void
site_waitlist_wake(struct outbound *o)
{
	if (!TAILQ_EMPTY(&o->blocked) && !loop_timer_is_set(o->soon))
		loop_timer_set(o->soon, 0);
}
