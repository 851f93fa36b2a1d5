/*
 * site_open - opens the connections that a site's waiting jobs need
 *
 * Runs in:  deliver
 * Owns:     nothing; a connection belongs to its site
 * Promise:  connections grow with the jobs that wait, within the limits that are configured and those that a
 *           host has shown. One that opens slowly is not counted: another address takes the mail meanwhile
 * Fails by: the verdict of an address that cannot be used
 */
#include <strings.h>

#include "common/base/clock.h"
#include "common/config/config.h"
#include "common/process/counters.h"
#include "deliver/outbound/outbound.h"

#define JOBS_PER_CONNECTION 5	/* waiting jobs that justify one more connection */

/* Connections that take their time to open. */
static size_t
slow_conns(const struct site *s, uint64_t now)
{
	const struct outconn *p;
	size_t n = 0;

	TAILQ_FOREACH(p, &s->conns, link)
		n += site_hosts_is_slow(p, now);
	return n;
}

/* In proportion to the waiting jobs; one at a time until one is open. */
static size_t
wanted_conns(const struct site *s)
{
	if (s->reach != SITE_UP)
		return 1;
	return (s->waiting + JOBS_PER_CONNECTION - 1) / JOBS_PER_CONNECTION + s->extra;
}

/* Some connection can take the job: it goes to an address that the job has not tried. */
static bool
has_conn_for(struct site *s, const struct outbound_job *job, uint64_t now)
{
	struct outconn *p;

	TAILQ_FOREACH(p, &s->conns, link) {
		size_t index = site_hosts_index(s, p);

		if (p->state == OUTCONN_QUITTING || p->spent || site_hosts_is_slow(p, now))
			continue;
		if (index == s->list.count || (job->tried & (1U << index)) == 0)
			return true;
	}
	return false;
}

/* What opens slowly does not count: a live address takes the mail meanwhile. */
static bool
needs_more(struct site *s, uint64_t now)
{
	size_t slow = slow_conns(s, now);

	if (s->waiting == 0 || s->nopening - slow >= s->waiting)
		return false;
	return s->nconn - s->nidle - s->nquitting - slow < wanted_conns(s) ||
	    !has_conn_for(s, s->first, now);
}

/*
 * Room for one more connection within the total limit, after the sites that wait for that already. When there
 * is none, the oldest idle connection is closed.
 */
static bool
has_room(struct site *s)
{
	struct outbound *o = s->o;
	struct outconn *p;

	if (site_waitlist_admits(o)) {
		site_waitlist_leave(s);		/* for the next connection it waits behind the others */
		return true;
	}
	TAILQ_FOREACH(p, &o->idle, idle_link)
		if (p->site->kind == SITE_CONNECTS)
			break;
	if (p != NULL && o->nconn >= o->server->connections) {
		o->evictions++;
		outconn_quit(p);
	}
	site_waitlist_enter(s);
	return false;
}

void
site_open_add(struct site *s, struct outconn *p)
{
	TAILQ_INSERT_TAIL(&s->conns, p, link);
	p->begun_at = clock_mono_ms();
	s->nconn++;
	s->nopening++;
	s->o->nconn++;
	counters_add(s->o->counters, COUNTER_OUTBOUND_TOTAL, 1);
	counters_add(s->o->counters, COUNTER_OUTBOUND_CURRENT, 1);
}

/*
 * An idle connection of another site to the same host and address: many domains have their mail at one
 * provider. Not where the host has to prove something: a proof for one domain is none for another. Not for a
 * test, which finds out whether a new one can be opened.
 */
static struct outconn *
find_kept(const struct site *s, size_t index)
{
	const struct mx_address *a = &s->list.address[index];
	struct outconn *p;

	if (s->d.security.tls == CONFIG_OUT_TLS_VERIFY || s->d.security.strict || a->tlsa != NULL ||
	    a->refused != NULL || (s->first != NULL && s->first->e == NULL))
		return NULL;
	TAILQ_FOREACH(p, &s->o->idle, idle_link)
		if (p->site != s && p->site->d.helo == s->d.helo && p->tlsa == NULL &&
		    (!a->sts || p->policy.sts) && !outconn_memory_is_makeshift(p) &&
		    strcasecmp(p->host, a->host) == 0 &&
		    route_security_is_same(&p->site->d.security, &s->d.security) &&
		    net_equal((const struct sockaddr *)&p->to.sa, (const struct sockaddr *)&a->to.sa))
			return p;
	return NULL;
}

/* Takes over such a connection, and gives it the first job. False: there is none. */
static bool
adopt_idle(struct site *s, size_t index)
{
	struct outconn *p = find_kept(s, index);

	if (p == NULL || !site_pace_gives(s, p, s->first))
		return false;
	TAILQ_REMOVE(&p->site->conns, p, link);
	p->site->nconn--;
	p->site->nidle--;
	TAILQ_INSERT_TAIL(&s->conns, p, link);
	s->nconn++;
	s->nidle++;
	p->site = s;
	p->generation = s->generation;
	p->index = (unsigned)index;
	outconn_start(p, site_take(s, p));
	return true;
}

static void
open_one(struct site *s, size_t index, uint64_t now)
{
	struct verdict why;
	struct pace_host *h = s->host[index].pace;
	struct outconn *p = outconn_open(s, (unsigned)index, &why);
	char where[NET_TEXT_SIZE];

	if (h->heir == s)
		h->heir = NULL;
	if (s->host[index].gate->heir == s)
		s->host[index].gate->heir = NULL;
	if (p == NULL && s->list.address[index].refused == NULL && pace_host_works(h, false, now)) {
		pace_host_cut(h, false, now);	/* no descriptor, no port: the others go on */
		return;
	}
	if (p != NULL) {
		p->pace = h;
		h->refs++;
		p->proves = h->bad_until != 0 || s->host[index].unfit_until != 0;
		pace_host_begun(h);
		site_gate_enter(p, s->host[index].gate);
		site_open_add(s, p);
		return;
	}
	if (s->list.address[index].refused != NULL)
		site_health_unfit(s, index, now);
	else {
		pace_host_failed(h, now);
		s->host[index].gate->probes = false;
		pace_gate_said(s->host[index].gate, PACE_SAID_UNREACHED, &why);
	}
	net_format(where, (const struct sockaddr *)&s->list.address[index].to.sa);
	site_hosts_failed(s, index, where, &why, true);
	site_queue_finish_tried(s);
}

/* Where its host has no place, an idle connection that cannot be shared ends. */
static void
make_room(const struct site *s)
{
	struct outconn *p = site_gate_idle_one(s);

	if (p != NULL)
		outconn_quit(p);
}

bool
site_open_more(struct site *s)
{
	uint64_t now = clock_mono_ms();

	while (needs_more(s, now) && s->nconn < s->o->server->connections_per_domain) {
		size_t index = site_hosts_choose(s, s->first, now);

		if (index == s->list.count) {
			make_room(s);
			return false;
		}
		if (adopt_idle(s, index))
			continue;
		if (!has_room(s))
			return true;
		open_one(s, index, now);
	}
	return false;
}
