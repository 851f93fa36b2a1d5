/*
 * site - one destination: its connections, and which of them gets which job
 *
 * Runs in:  deliver
 * Owns:     the connections; with site_queue the waiting jobs, with site_hosts the addresses
 * Promise:  a job meets each address at most once (`tried`), healthy and preferred ones first, and is done
 *           with the last word heard when none is left; connections grow with the jobs that wait, within the
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
#define PRESSURE_MS 1000	/* jobs still waiting after that: more connections than the proportion says */
#define EXTRA_MAX 63
/* That have said of one job that it is not for them, or not now: a large content is sent no more often */
#define HOSTS_MAX 5
#define UNUSED_MS 120000	/* remembered after the last use: for health and outbound_is_down */

/* --- connections --- */

/* Connections that are opening or at work. */
static size_t
active(const struct site *s)
{
	return s->npeer - s->nidle - s->nleaving;
}

/* In proportion to what waits; one attempt at a time until one gets through. */
static size_t
wanted(const struct site *s)
{
	if (!s->proven)
		return 1;
	return (s->waiting + JOBS_PER_CONNECTION - 1) / JOBS_PER_CONNECTION + s->extra;
}

/* Some connection will be able to take the job: it goes to an address that the job has not met. */
static bool
has_hope(struct site *s, const struct outbound_job *job)
{
	struct outconn *p;

	TAILQ_FOREACH(p, &s->peers, link) {
		size_t index = site_hosts_index(s, p);

		if (!p->leaving && (index == s->list.count || (job->tried & (1U << index)) == 0))
			return true;
	}
	return false;
}

static bool
needs_more(struct site *s)
{
	if (s->waiting == 0 || s->nopening >= s->waiting)
		return false;
	return active(s) < wanted(s) || !has_hope(s, s->first);
}

/*
 * Room for one more connection within the total limit, after those who wait for that already; an idle one
 * elsewhere gives way.
 */
static bool
has_room(struct site *s)
{
	struct outbound *r = s->r;
	struct outconn *p;

	if (outbound_grants(r)) {
		outbound_leave_line(r, s);	/* one at a time: for the next it stands behind the others */
		return true;
	}
	TAILQ_FOREACH(p, &r->idle, idle_link)
		if (!p->site->turned)
			break;
	if (p != NULL && r->npeer >= r->server->connections) {
		r->ways++;
		outconn_quit(p);
	}
	s->asked = true;
	outbound_enter_line(r, s);
	return false;
}

static void
add_peer(struct site *s, struct outconn *p)
{
	TAILQ_INSERT_TAIL(&s->peers, p, link);
	s->npeer++;
	s->nopening++;
	s->r->npeer++;
	counters_add(s->r->counters, COUNTER_OUTBOUND_TOTAL, 1);
	counters_add(s->r->counters, COUNTER_OUTBOUND_CURRENT, 1);
}

/*
 * An idle connection of another site to the same host and address: many domains have their mail at one
 *                                                                  provider. What a host has
 * proved to one domain need not do for another.
 */
static struct outconn *
find_kept(const struct site *s, size_t index)
{
	const struct mx_address *a = &s->list.address[index];
	struct outconn *p;

	if (s->d.security.tls == CONFIG_OUT_TLS_VERIFY || a->tlsa != NULL || a->refused != NULL)
		return NULL;
	TAILQ_FOREACH(p, &s->r->idle, idle_link)
		if (p->site != s && p->site->d.helo == s->d.helo && p->tlsa == NULL &&
		    strcasecmp(p->host, a->host) == 0 &&
		    route_security_is_same(&p->site->d.security, &s->d.security) &&
		    net_equal((const struct sockaddr *)&p->to.sa, (const struct sockaddr *)&a->to.sa))
			return p;
	return NULL;
}

/* Moves it here, idle as it is, and gives it the first job. False: there is none. */
static bool
adopt(struct site *s, size_t index)
{
	struct outconn *p = find_kept(s, index);

	if (p == NULL)
		return false;
	TAILQ_REMOVE(&p->site->peers, p, link);
	p->site->npeer--;
	p->site->nidle--;
	TAILQ_INSERT_TAIL(&s->peers, p, link);
	s->npeer++;
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
		add_peer(s, p);
		return;
	}
	net_format(where, (const struct sockaddr *)&s->list.address[index].to.sa);
	site_hosts_failed(s, index, where, &why, true);
	site_queue_finish_tried(s);
}

static void
open_more(struct site *s)
{
	uint64_t now = clock_mono_ms();

	while (needs_more(s) && s->npeer < s->r->server->connections_per_domain) {
		size_t index = site_hosts_choose(s, s->first, now);

		if (index == s->list.count)
			return;
		if (adopt(s, index))
			continue;
		if (!has_room(s))
			return;
		open_one(s, index);
	}
}

static void
give_to_idle(struct site *s)
{
	struct outconn *p, *next;

	/* a connection that gets a job may end at once and others with it: begin anew after each */
	for (p = TAILQ_FIRST(&s->peers); p != NULL && s->waiting > 0 && s->nidle > 0; p = next) {
		struct outbound_job *job;

		next = TAILQ_NEXT(p, link);
		job = p->idle ? site_take(s, p) : NULL;
		if (job == NULL)
			continue;
		outconn_start(p, job);
		next = TAILQ_FIRST(&s->peers);
	}
}

static void
refuse_all(struct site *s)
{
	struct verdict v;
	struct outconn *p, *next;

	verdict_set(&v, VERDICT_LATER, "4.3.2", "this server is stopping");
	for (struct outbound_job *job = s->first; job != NULL; job = job->next)
		job->noted = SITE_NOTHING;	/* the hosts it has not met might have taken it */
	site_queue_finish_all(s, &v);
	for (p = TAILQ_FIRST(&s->peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		if (p->idle || !p->opened)
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
	outbound_due(s->r, s);
}

/* There is one connection: with it, hope ends. */
static void
work_turned(struct site *s)
{
	void (*over)(void *) = s->over;
	struct verdict v;

	give_to_idle(s);
	if (s->npeer > 0)
		return;
	verdict_set(&v, VERDICT_LATER, "4.4.2", "the connection of the host that asked for it has ended");
	site_queue_finish_all(s, &v);
	if (s->waiting > 0 || over == NULL)
		return;
	s->over = NULL;
	over(s->over_arg);
}

/* Does what can be done for the waiting jobs now. */
void
site_work(struct site *s)
{
	s->touched = clock_mono_ms();
	if (s->r->draining)
		refuse_all(s);
	if (s->turned)
		work_turned(s);
	if (s->waiting == 0 || s->turned || s->r->draining)
		return;
	give_to_idle(s);
	if (s->waiting == 0)
		return;
	if (s->generation == 0 || s->touched >= s->expires) {
		site_hosts_renew(s);	/* comes back here */
		return;
	}
	site_lockout_skip(s);
	site_queue_finish_tried(s);
	open_more(s);
	if (s->waiting > 0 && !loop_timer_is_set(s->pressure))
		loop_timer_set(s->pressure, PRESSURE_MS);
}

/* --- from peer --- */

static void
wake(struct site *s, struct outconn *p)
{
	if (!p->idle)
		return;
	p->idle = false;
	s->nidle--;
	TAILQ_REMOVE(&s->r->idle, p, idle_link);
}

void
site_opened(struct site *s, struct outconn *p)
{
	size_t index = site_hosts_index(s, p);

	s->nopening--;
	s->proven = true;
	s->down = false;
	if (index < s->list.count)
		s->list.address[index].bad_until = 0;
	site_lockout_end(s, index);
	if (s->waiting > 0)
		outbound_due(s->r, s);
}

struct outbound_job *
site_take(struct site *s, struct outconn *p)
{
	size_t index = site_hosts_index(s, p);
	uint32_t bit = index < s->list.count ? 1U << index : 0;

	for (struct outbound_job **link = &s->first; *link != NULL; link = &(*link)->next)
		if (((*link)->tried & bit) == 0) {
			wake(s, p);
			return site_queue_pull(s, link);
		}
	return NULL;
}

void
site_rests(struct site *s, struct outconn *p)
{
	p->idle = true;
	s->nidle++;
	s->touched = clock_mono_ms();
	TAILQ_INSERT_TAIL(&s->r->idle, p, idle_link);
	outbound_rests(s->r);
}

void
site_leaves(struct site *s, struct outconn *p)
{
	wake(s, p);
	p->leaving = true;
	s->nleaving++;
	if (s->waiting > 0)
		outbound_due(s->r, s);
}

static void
count_sent(struct site *s, const struct outbound_job *job)
{
	if (job->e == NULL)
		return;
	for (size_t i = 0; i < job->count; i++)
		if (job->verdict[i].what == VERDICT_DELIVERED) {
			counters_add(s->r->counters, COUNTER_MESSAGES_SENT, 1);
			counters_add(s->r->counters, COUNTER_MESSAGE_BYTES_SENT, job->e->content_size);
			return;
		}
}

void
site_over(struct site *s, struct outconn *p, struct outbound_job *job, enum client_fate fate)
{
	size_t index = site_hosts_index(s, p);

	if (fate == CLIENT_FINAL || (fate == CLIENT_ELSEWHERE && (s->turned || ++job->hosts == HOSTS_MAX))) {
		job->glitch = p->client.phase == CLIENT_OVER && p->client.glitch;
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
		job->glitch |= p->client.phase == CLIENT_OVER && p->client.glitch;
	}
	s->tired = true;
	if (fate == CLIENT_LOST && p->messages > 1 && !job->reused_failed)
		job->reused_failed =
		    true;	/* the peer had closed it meanwhile: once more on a fresh connection */
	else if (index < s->list.count)
		job->tried |= 1U << index;
	else
		job->rounds++;
	site_queue_push(s, job, true);
	outbound_due(s->r, s);
}

void
site_closed(struct site *s, struct outconn *p)
{
	wake(s, p);
	if (!p->opened) {
		s->nopening--;
		if (p->client.tls_failed && p->client.set.tls == CLIENT_TLS_MAY)
			site_hosts_plain(s, site_hosts_index(s, p), p->where, &p->client.failure);
		else if (p->client.phase == CLIENT_OVER)
			site_hosts_failed(s, site_hosts_index(s, p), p->where, &p->client.failure,
			    p->client.glitch);
		if (outconn_auth_holds(p))
			site_lockout_begin(s, site_hosts_index(s, p), &p->client.failure);
	}
	if (p->leaving)
		s->nleaving--;
	TAILQ_REMOVE(&s->peers, p, link);
	s->npeer--;
	s->r->npeer--;
	counters_add(s->r->counters, COUNTER_OUTBOUND_CURRENT, -1);
	outconn_free(p);
	outbound_due(s->r, s);
}

/* --- beginning and end --- */

void
site_add(struct site *s, struct outbound_job *job)
{
	site_queue_push(s, job, false);
	outbound_due(s->r, s);
}

struct site *
site_new(struct outbound *r, const struct destination *d)
{
	struct site *s = mem_new(struct site);

	s->r = r;
	route_destination_copy(&s->d, d);
	s->last = &s->first;
	TAILQ_INIT(&s->peers);
	s->pressure = loop_timer_new(r->loop, on_pressure, s);
	s->touched = clock_mono_ms();
	return s;
}

void
site_turn(struct site *s, int fd, uint16_t port, void (*over)(void *arg), void *arg)
{
	s->turned = true;
	s->over = over;
	s->over_arg = arg;
	add_peer(s, outconn_turned(s, fd, port));
}

void
site_turn_end(struct site *s)
{
	struct outconn *p = TAILQ_FIRST(&s->peers);

	s->finished = true;
	if (p != NULL && p->idle)
		outconn_quit(p);
}

bool
site_is_unused(const struct site *s, uint64_t now)
{
	return s->waiting == 0 && s->npeer == 0 && s->walk == NULL && !s->due && !s->blocked &&
	    now - s->touched >= UNUSED_MS;
}

void
site_free(struct site *s)
{
	struct outconn *p;

	while ((p = TAILQ_FIRST(&s->peers)) != NULL) {
		TAILQ_REMOVE(&s->peers, p, link);
		outconn_free(p);
	}
	mx_walk_free(s->walk);
	mx_list_done(&s->list);
	loop_timer_free(s->pressure);
	route_destination_done(&s->d);
	free(s);
}
