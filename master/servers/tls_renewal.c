/*
 * tls_renewal - the keys of TLS tickets, which all listeners of a virtual server share
 *
 * Runs in:  master
 * Owns:     the keys, new every six hours
 * Promise:  a listener has them before its first connection; old tickets are good for one more period
 * Fails by: not at all
 */
#include <bsd/stdlib.h>
#include <bsd/string.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "master/processes/processes.h"
#include "master/servers/servers.h"

#define TLS_RENEWAL_LOOK_MS 60000U
#define TLS_RENEWAL_TICKETS_MS 21600000U	/* as long as a ticket is good: TLS_TICKET_SECONDS */

struct tls_renewal {
	struct loop_timer *timer;
	uint64_t tickets_ms;		/* when the keys were made */
	struct ctl_tickets tickets;
};

/* --- tickets --- */

bool
tls_renewal_turn(struct ctl_tickets *t, uint64_t *made_ms, uint64_t now_ms, uint64_t period_ms)
{
	bool first = *made_ms == 0;

	if (!first && now_ms - *made_ms < period_ms)
		return false;
	memcpy(t->key[1], t->key[0], CTL_TICKET_SIZE);
	arc4random_buf(t->key[first ? 1 : 0], CTL_TICKET_SIZE);
	if (first)
		arc4random_buf(t->key[0], CTL_TICKET_SIZE);
	*made_ms = now_ms;
	return true;
}

static uint64_t
ticket_period(void)
{
#ifdef POSTERN_TEST
	const char *ms = getenv("POSTERN_TICKETS");
	if (ms != NULL)
		return strtoull(ms, NULL, 10);
#endif
	return TLS_RENEWAL_TICKETS_MS;
}

static void
renew_tickets(struct server *s)
{
	struct child *c;

	if (s->conf == NULL || !config_server_has_tls(s->conf) ||
	    !tls_renewal_turn(&s->tls_renewal->tickets, &s->tls_renewal->tickets_ms, clock_mono_ms(),
	    ticket_period()))
		return;
	TAILQ_FOREACH(c, &s->children, of_server)
		if (c->role == ROLE_LISTENER)
			child_send(c, CTL_TICKETS, 0, &s->tls_renewal->tickets,
			    sizeof(s->tls_renewal->tickets), -1);
}

static void
on_ticket_timer(void *arg)
{
	struct server *s = arg;

	renew_tickets(s);
	loop_timer_set(s->tls_renewal->timer, ticket_period() < TLS_RENEWAL_LOOK_MS ? 1000 :
	    TLS_RENEWAL_LOOK_MS);
}

/* --- what others call --- */

void
tls_renewal_begin(struct server *s)
{
	struct tls_renewal *r = s->tls_renewal;

	if (r != NULL || s->conf == NULL || !config_server_has_tls(s->conf))
		return;
	r = s->tls_renewal = mem_new(struct tls_renewal);
	r->timer = loop_timer_new(s->m->loop, on_ticket_timer, s);
	(void)tls_renewal_turn(&r->tickets, &r->tickets_ms, clock_mono_ms(), 0);
	on_ticket_timer(s);
}

void
tls_renewal_greet(struct child *c)
{
	const struct tls_renewal *r = c->server->tls_renewal;

	if (r != NULL && config_server_has_tls(c->server->conf))
		child_send(c, CTL_TICKETS, 0, &r->tickets, sizeof(r->tickets), -1);
}

void
tls_renewal_forget(struct server *s)
{
	struct tls_renewal *r = s->tls_renewal;

	if (r == NULL)
		return;
	loop_timer_free(r->timer);
	explicit_bzero(&r->tickets, sizeof(r->tickets));
	free(r);
	s->tls_renewal = NULL;
}
