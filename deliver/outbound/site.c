/*
 * site - one destination: its connections, and which of them gets which job
 *
 * Runs in:  deliver
 * Owns:     the connections; with site_queue the waiting jobs, with site_hosts the addresses
 * Promise:  a job tries each address at most once (`tried`), healthy and preferred ones first; when none is
 *           left it is done with the last failure. Connections grow with the jobs that wait, within the
 *           limits
 * Fails by: verdicts
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/mail/message.h"
#include "common/process/counters.h"
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"

#define JOBS_PER_CONNECTION 5	/* waiting jobs that justify one more connection */
#define PRESSURE_MS 1000	/* jobs still wait after that: more connections than in proportion */
#define EXTRA_MAX 63		/* connections beyond the proportion */
/* Hosts that did not take a job, or not now: the content, which may be large, is sent no more often */
#define HOSTS_MAX 5
#define UNUSED_MS 120000	/* a site is kept so long after its last use: its health is known */

/* --- connections --- */

/* Connections that are opening or at work. */
static size_t
active_conns(const struct site *s)
{
	return s->nconn - s->nidle - s->nquitting;
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
has_conn_for(struct site *s, const struct outbound_job *job)
{
	struct outconn *p;

	TAILQ_FOREACH(p, &s->conns, link) {
		size_t index = site_hosts_index(s, p);

		if (p->state == OUTCONN_QUITTING)
			continue;
		if (index == s->list.count || (job->tried & (1U << index)) == 0)
			return true;
	}
	return false;
}

static bool
needs_more(struct site *s)
{
	if (s->waiting == 0 || s->nopening >= s->waiting)
		return false;
	return active_conns(s) < wanted_conns(s) || !has_conn_for(s, s->first);
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

static void
add_conn(struct site *s, struct outconn *p)
{
	TAILQ_INSERT_TAIL(&s->conns, p, link);
	s->nconn++;
	s->nopening++;
	s->o->nconn++;
	counters_add(s->o->counters, COUNTER_OUTBOUND_TOTAL, 1);
	counters_add(s->o->counters, COUNTER_OUTBOUND_CURRENT, 1);
}

/*
 * An idle connection of another site to the same host and address: many domains have their mail at one
 * provider. Not where the host has to prove something: a proof for one domain is none for another.
 */
static struct outconn *
find_kept(const struct site *s, size_t index)
{
	const struct mx_address *a = &s->list.address[index];
	struct outconn *p;

	if (s->d.security.tls == CONFIG_OUT_TLS_VERIFY || a->tlsa != NULL || a->refused != NULL)
		return NULL;
	TAILQ_FOREACH(p, &s->o->idle, idle_link)
		if (p->site != s && p->site->d.helo == s->d.helo && p->tlsa == NULL &&
		    !outconn_memory_is_makeshift(p) &&
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

	if (p == NULL)
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
open_one(struct site *s, size_t index)
{
	struct verdict why;
	struct outconn *p = outconn_open(s, (unsigned)index, &why);
	char where[NET_TEXT_SIZE];

	if (p != NULL) {
		add_conn(s, p);
		return;
	}
	net_format(where, (const struct sockaddr *)&s->list.address[index].to.sa);
	site_hosts_failed(s, index, where, &why, true);
	site_queue_finish_tried(s);
}

/* True: one more connection is wanted, and there is no room. */
static bool
open_more(struct site *s)
{
	uint64_t now = clock_mono_ms();

	while (needs_more(s) && s->nconn < s->o->server->connections_per_domain) {
		size_t index = site_hosts_choose(s, s->first, now);

		if (index == s->list.count)
			return false;
		if (adopt_idle(s, index))
			continue;
		if (!has_room(s))
			return true;
		open_one(s, index);
	}
	return false;
}

static void
give_to_idle(struct site *s)
{
	struct outconn *p, *next;

	/* a connection that gets a job may end at once, and others with it: begin again after each */
	for (p = TAILQ_FIRST(&s->conns); p != NULL && s->waiting > 0 && s->nidle > 0; p = next) {
		struct outbound_job *job;

		next = TAILQ_NEXT(p, link);
		job = p->state == OUTCONN_IDLE ? site_take(s, p) : NULL;
		if (job == NULL)
			continue;
		outconn_start(p, job);
		next = TAILQ_FIRST(&s->conns);
	}
}

static void
refuse_all(struct site *s)
{
	struct verdict v;
	struct outconn *p, *next;

	verdict_set(&v, VERDICT_LATER, "4.3.2", "this server is stopping");
	for (struct outbound_job *job = s->first; job != NULL; job = job->next)
		job->noted = SITE_NOTHING;	/* the hosts that it has not tried might have taken it */
	site_queue_finish_all(s, &v);
	for (p = TAILQ_FIRST(&s->conns); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		if (p->state == OUTCONN_IDLE || p->state < OUTCONN_OPEN)
			outconn_quit(p);
	}
}

static void
on_pressure(void *arg)
{
	struct site *s = arg;

	if (s->waiting == 0)
		return;
	if (s->extra < EXTRA_MAX)
		s->extra = s->extra * 2 + 1;
	loop_timer_set(s->pressure, PRESSURE_MS);
	site_waitlist_due(s);
}

/* There is one connection: when it has ended, the jobs end. */
static void
work_atrn(struct site *s)
{
	void (*over)(void *) = s->over;
	struct verdict v;

	give_to_idle(s);
	if (s->nconn > 0)
		return;
	verdict_set(&v, VERDICT_LATER, "4.4.2", "the connection of the host that asked for it has ended");
	site_queue_finish_all(s, &v);
	if (s->waiting > 0 || over == NULL)
		return;
	s->over = NULL;
	over(s->over_arg);
}

bool
site_work(struct site *s)
{
	bool no_room;

	s->used_at = clock_mono_ms();
	if (s->o->draining)
		refuse_all(s);
	if (s->kind != SITE_CONNECTS)
		work_atrn(s);
	if (s->waiting == 0 || s->kind != SITE_CONNECTS || s->o->draining)
		return false;
	give_to_idle(s);
	if (s->waiting == 0)
		return false;
	if (s->generation == 0 || s->used_at >= s->expires) {
		site_hosts_renew(s);	/* makes the site due again */
		return false;
	}
	site_lockout_skip(s);
	site_queue_finish_tried(s);
	no_room = open_more(s);
	if (s->waiting > 0 && !loop_timer_is_set(s->pressure))
		loop_timer_set(s->pressure, PRESSURE_MS);
	return no_room;
}

/* --- from outconn --- */

static void
end_idle(struct site *s, struct outconn *p)
{
	if (p->state != OUTCONN_IDLE)
		return;
	p->state = OUTCONN_OPEN;
	s->nidle--;
	TAILQ_REMOVE(&s->o->idle, p, idle_link);
}

void
site_opened(struct site *s, struct outconn *p)
{
	size_t index = site_hosts_index(s, p);

	s->nopening--;
	s->reach = SITE_UP;
	if (index < s->list.count)
		s->host[index].bad_until = 0;
	site_lockout_end(s, index);
	if (s->waiting > 0)
		site_waitlist_due(s);
}

struct outbound_job *
site_take(struct site *s, struct outconn *p)
{
	size_t index = site_hosts_index(s, p);
	uint32_t bit = index < s->list.count ? 1U << index : 0;

	for (struct outbound_job **link = &s->first; *link != NULL; link = &(*link)->next)
		if (((*link)->tried & bit) == 0) {
			end_idle(s, p);
			return site_queue_pull(s, link);
		}
	return NULL;
}

void
site_idle(struct site *s, struct outconn *p)
{
	p->state = OUTCONN_IDLE;
	s->nidle++;
	s->used_at = clock_mono_ms();
	TAILQ_INSERT_TAIL(&s->o->idle, p, idle_link);
	site_waitlist_wake(s->o);
}

void
site_quitting(struct site *s, struct outconn *p)
{
	end_idle(s, p);
	p->state = OUTCONN_QUITTING;
	s->nquitting++;
	if (s->waiting > 0)
		site_waitlist_due(s);
}

static void
count_sent(struct site *s, const struct outbound_job *job)
{
	if (job->e == NULL)
		return;
	for (size_t i = 0; i < job->count; i++)
		if (job->verdict[i].what == VERDICT_DELIVERED) {
			counters_add(s->o->counters, COUNTER_MESSAGES_SENT, 1);
			counters_add(s->o->counters, COUNTER_MESSAGE_BYTES_SENT, job->e->content_size);
			return;
		}
}

/* The job is done; else another host may take it, and is counted. */
static bool
is_final(const struct site *s, struct outbound_job *job, enum client_fate fate)
{
	if (fate == CLIENT_ELSEWHERE)
		return s->kind != SITE_CONNECTS || ++job->hosts == HOSTS_MAX;
	return fate == CLIENT_FINAL;
}

/* The connection has failed, or what it was told is not final: quick tries may apply. */
static bool
has_glitch(const struct client *c)
{
	return (c->phase == CLIENT_OVER && c->glitch) || c->clear != CLIENT_CLEAR_TAKEN;
}

void
site_job_over(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate fate)
{
	size_t index = site_hosts_index(s, p);

	if (fate == CLIENT_AGAIN) {
		job->noted = SITE_HEARD;
		site_queue_push(s, job, true);
		site_waitlist_due(s);
		return;
	}
	if (is_final(s, job, fate)) {
		job->glitch = has_glitch(&p->client);
		count_sent(s, job);
		job->tls = p->facts;
		job->verified = p->verified;
		site_queue_finish(s, job);
		return;
	}
	if (fate == CLIENT_LOST)
		site_queue_note(job, &p->client.failure, true);
	else {
		job->noted = SITE_HEARD;
		job->glitch |= has_glitch(&p->client);
	}
	s->check_tried = true;
	if (fate == CLIENT_LOST && p->messages > 1 && !job->reused_failed)
		job->reused_failed = true;	/* the host had closed it: once more on a fresh one */
	else if (index < s->list.count)
		job->tried |= 1U << index;
	else
		job->rounds++;
	site_queue_push(s, job, true);
	site_waitlist_due(s);
}

/* Notes how the host failed that did not let us in. */
static void
note_failure(struct site *s, const struct outconn *p)
{
	const struct client *c = &p->client;
	size_t index = site_hosts_index(s, p);

	if (outconn_memory_failed(p) && index < s->list.count)
		return;		/* no job has tried the address: the next connection goes there */
	if (c->phase == CLIENT_OVER)
		site_hosts_failed(s, index, p->where, &c->failure, c->glitch);
	if (c->opening == CLIENT_DENIED)
		site_lockout_begin(s, index, &c->failure);
}

void
site_closed(struct site *s, struct outconn *p)
{
	end_idle(s, p);
	if (p->state < OUTCONN_OPEN) {
		s->nopening--;
		note_failure(s, p);
	}
	if (p->state == OUTCONN_QUITTING)
		s->nquitting--;
	TAILQ_REMOVE(&s->conns, p, link);
	s->nconn--;
	s->o->nconn--;
	counters_add(s->o->counters, COUNTER_OUTBOUND_CURRENT, -1);
	outconn_free(p);
	site_waitlist_due(s);
}

/* --- beginning and end --- */

void
site_add(struct site *s, struct outbound_job *job)
{
	site_queue_push(s, job, false);
	site_waitlist_due(s);
}

struct site *
site_new(struct outbound *o, const struct destination *d)
{
	struct site *s = mem_new(struct site);

	s->o = o;
	route_destination_copy(&s->d, d);
	s->last = &s->first;
	TAILQ_INIT(&s->conns);
	s->pressure = loop_timer_new(o->loop, on_pressure, s);
	s->used_at = clock_mono_ms();
	return s;
}

void
site_atrn(struct site *s, int fd, uint16_t port, void (*over)(void *arg), void *arg)
{
	s->kind = SITE_ATRN;
	s->over = over;
	s->over_arg = arg;
	add_conn(s, outconn_atrn(s, fd, port));
}

void
site_atrn_end(struct site *s)
{
	struct outconn *p = TAILQ_FIRST(&s->conns);

	s->kind = SITE_ATRN_ENDS;
	if (p != NULL && p->state == OUTCONN_IDLE)
		outconn_quit(p);
}

bool
site_is_unused(const struct site *s, uint64_t now)
{
	return s->waiting == 0 && s->nconn == 0 && s->lookup == NULL && !s->due && !s->blocked &&
	    now - s->used_at >= UNUSED_MS;
}

void
site_free(struct site *s)
{
	struct outconn *p;

	while ((p = TAILQ_FIRST(&s->conns)) != NULL) {
		TAILQ_REMOVE(&s->conns, p, link);
		outconn_free(p);
	}
	site_hosts_done(s);
	loop_timer_free(s->pressure);
	route_destination_done(&s->d);
	free(s);
}
