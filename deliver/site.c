/*
 * site - one destination: its waiting jobs, its addresses and their health, its connections
 *
 * Runs in:  deliver
 * Owns:     the waiting jobs till a connection has them, the address list, the connections
 * Promise:  a job meets each address at most once (`tried`), healthy and preferred ones first, and is done with the last
 *           word heard when none is left; connections grow with the jobs that wait, within the limits
 * Fails by: verdicts; what could not be reached gives at most one event per address and minute
 */
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/deliver.h"

#define JOBS_PER_CONNECTION 5	/* waiting jobs that justify one more connection */
#define PRESSURE_MS 1000	/* jobs still waiting after that: more connections than the proportion says */
#define EXTRA_MAX 63
#define BAD_MS 60000		/* an address that failed is tried last */
#define QUIET_MS 60000		/* between two events about one address */
#define LIST_MS 5000		/* a list lives at least that long, whatever its ttl */
#define ROUNDS_MAX 3
#define UNUSED_MS 120000	/* remembered after the last use: for health and remote_is_down */

/* --- jobs --- */

static void
push_job(struct site *s, struct remote_job *job, bool front)
{
	if (front) {
		job->next = s->first;
		s->first = job;
		if (s->waiting == 0)
			s->last = &job->next;
	} else {
		job->next = NULL;
		*s->last = job;
		s->last = &job->next;
	}
	s->waiting++;
}

/* Removes the job that `link` points to. */
static struct remote_job *
pull_job(struct site *s, struct remote_job **link)
{
	struct remote_job *job = *link;

	*link = job->next;
	if (s->last == &job->next)
		s->last = link;
	job->next = NULL;
	if (--s->waiting == 0)
		s->extra = 0;
	return job;
}

static void
finish(struct site *s, struct remote_job *job)
{
	s->r->active--;
	job->done(job->arg, job);
}

/* A failure that was not about this message: told for all recipients when nothing else is heard. Only what all addresses say is final. */
static void
note_failure(struct remote_job *job, const struct verdict *v, bool glitch)
{
	if (job->noted == SITE_HEARD)
		return;
	if (job->noted == SITE_FAILURE && v->what == VERDICT_REFUSED && job->verdict[0].what == VERDICT_LATER)
		return;
	job->verdict[0] = *v;
	job->glitch = glitch;
	job->noted = SITE_FAILURE;
}

static void
finish_with(struct site *s, struct remote_job *job, const struct verdict *v)
{
	if (v != NULL)
		note_failure(job, v, false);
	if (job->noted != SITE_HEARD)
		for (size_t i = 1; i < job->count; i++)
			job->verdict[i] = job->verdict[0];
	finish(s, job);
}

/* Only what waits now: `done` may bring a new job. */
static void
finish_all(struct site *s, const struct verdict *v)
{
	for (size_t n = s->waiting; n > 0 && s->first != NULL; n--)
		finish_with(s, pull_job(s, &s->first), v);
}

static uint32_t
all_tried(const struct site *s)
{
	return s->list.count >= 32 ? UINT32_MAX : (1U << s->list.count) - 1;
}

static bool
is_exhausted(const struct site *s, const struct remote_job *job)
{
	return (job->tried & all_tried(s)) == all_tried(s) || job->rounds >= ROUNDS_MAX;
}

/* Ends the jobs that have met every address. */
static void
finish_exhausted(struct site *s)
{
	struct remote_job **link = &s->first, *over = NULL, **tail = &over;

	if (!s->tired)
		return;
	s->tired = false;
	while (*link != NULL) {
		if (!is_exhausted(s, *link)) {
			link = &(*link)->next;
			continue;
		}
		*tail = pull_job(s, link);
		tail = &(*tail)->next;
	}
	while (over != NULL) {
		struct remote_job *job = over;
		over = job->next;
		s->down = !s->proven && job->noted == SITE_FAILURE;
		finish_with(s, job, NULL);
	}
}

/* --- addresses --- */

/* Which address of the present list the connection goes to; list.count when none. */
static size_t
index_of(struct site *s, struct peer *p)
{
	return p->generation == s->generation ? p->index : s->list.count;
}

/* Health is kept and connections are recognised over a renewed list. */
static void
carry_over(struct site *s, const struct mx_list *old)
{
	struct peer *p;

	for (size_t i = 0; i < s->list.count; i++)
		for (size_t j = 0; j < old->count; j++) {
			struct mx_address *a = &s->list.address[i];
			if (!net_equal((const struct sockaddr *)&a->to.sa, (const struct sockaddr *)&old->address[j].to.sa))
				continue;
			a->bad_until = old->address[j].bad_until;
			a->quiet_until = old->address[j].quiet_until;
			TAILQ_FOREACH(p, &s->peers, link)
				if (p->generation == s->generation && p->index == j) {
					p->generation = s->generation + 1;
					p->index = (unsigned)i;
				}
		}
}

static void
take_list(struct site *s, struct mx_list *list)
{
	struct mx_list old = s->list;
	uint64_t ttl = (uint64_t)list->ttl * 1000;

	s->list = *list;
	carry_over(s, &old);
	s->generation++;
	s->expires = clock_mono_ms() + (ttl < LIST_MS ? LIST_MS : ttl);
	mx_list_done(&old);
	for (struct remote_job *job = s->first; job != NULL; job = job->next)
		if (job->tried != 0) {
			job->tried = 0;
			job->rounds++;
			s->tired = true;
		}
	if (s->list.count == 0) {
		s->expires = 0;
		finish_all(s, &s->list.verdict);
	}
}

static void on_answer(void *arg, unsigned tag, const struct dns_answer *a);

/* Asks what the walk wants to know, and ends it when it knows all. */
static void
step_walk(struct site *s)
{
	struct mx_question q;
	struct mx_list list;

	while (mx_walk_ask(s->walk, &q)) {
		counters_add(s->r->counters, COUNTER_DNS_QUERIES, 1);
		lookup_ask(s->r->lookup, q.type, q.name, on_answer, s, q.tag);
	}
	if (!mx_walk_end(s->walk, &list))
		return;
	mx_walk_free(s->walk);
	s->walk = NULL;
	take_list(s, &list);
	remote_due(s->r, s);
}

static void
on_answer(void *arg, unsigned tag, const struct dns_answer *a)
{
	struct site *s = arg;

	mx_walk_answer(s->walk, tag, a);
	step_walk(s);
}

static void
renew_list(struct site *s)
{
	if (s->walk != NULL)
		return;
	s->walk = mx_walk_new(&s->d, remote_mx(s->r));
	step_walk(s);
}

/* Connections to each address, for an even spread among equals. */
static size_t
peers_at(struct site *s, size_t index)
{
	struct peer *p;
	size_t n = 0;

	TAILQ_FOREACH(p, &s->peers, link)
		n += index_of(s, p) == index;
	return n;
}

/* The best address for the job: not tried, healthy, preferred, least used. list.count when none is left. */
static size_t
choose(struct site *s, const struct remote_job *job, uint64_t now)
{
	size_t best = s->list.count, best_peers = 0;
	const struct mx_address *a, *b = NULL;

	for (size_t i = 0; i < s->list.count; i++) {
		if (job->tried & (1U << i))
			continue;
		a = &s->list.address[i];
		if (b != NULL) {
			bool a_bad = a->bad_until > now, b_bad = b->bad_until > now;
			if (a_bad != b_bad ? a_bad : a->rank > b->rank)
				continue;
			if (a_bad == b_bad && a->rank == b->rank && peers_at(s, i) >= best_peers)
				continue;
		}
		best = i;
		best_peers = peers_at(s, i);
		b = a;
	}
	return best;
}

/* --- connections --- */

/* The address did not let us in: every waiting job has met it now. */
static void
address_failed(struct site *s, size_t index, const char *where, const struct verdict *v, bool glitch)
{
	uint64_t now = clock_mono_ms();

	s->proven = false;
	counters_add(s->r->counters, v->code != 0 ? COUNTER_OUTBOUND_REFUSED : COUNTER_CONNECTION_ERRORS, 1);
	for (struct remote_job *job = s->first; job != NULL; job = job->next) {
		note_failure(job, v, glitch);
		if (index < s->list.count)
			job->tried |= 1U << index;
		else
			job->rounds++;
		s->tired = true;
	}
	if (index >= s->list.count)
		return;
	struct mx_address *a = &s->list.address[index];
	a->bad_until = now + BAD_MS;
	if (a->quiet_until > now)
		return;
	a->quiet_until = now + QUIET_MS;
	log_event(LOG_WARN, NULL, "trouble", "host=%s status=%s reason=%s", log_safe(where), v->status, log_safe(v->text));
}

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
has_hope(struct site *s, const struct remote_job *job)
{
	struct peer *p;

	TAILQ_FOREACH(p, &s->peers, link) {
		size_t index = index_of(s, p);
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

/* Room for one more connection within both limits; an idle one elsewhere gives way. */
static bool
has_room(struct site *s)
{
	struct remote *r = s->r;

	if (s->npeer >= r->server->connections_per_domain)
		return false;
	if (r->npeer < r->server->connections)
		return true;
	if (!TAILQ_EMPTY(&r->idle))
		peer_quit(TAILQ_FIRST(&r->idle));
	if (s->place == SITE_RESTS) {
		s->place = SITE_BLOCKED;
		TAILQ_INSERT_TAIL(&r->blocked, s, link);
	}
	return false;
}

static void
add_peer(struct site *s, struct peer *p)
{
	TAILQ_INSERT_TAIL(&s->peers, p, link);
	s->npeer++;
	s->nopening++;
	s->r->npeer++;
	counters_add(s->r->counters, COUNTER_OUTBOUND_TOTAL, 1);
	counters_add(s->r->counters, COUNTER_OUTBOUND_CURRENT, 1);
}

static void
open_more(struct site *s)
{
	uint64_t now = clock_mono_ms();

	while (needs_more(s) && has_room(s)) {
		struct verdict why;
		size_t index = choose(s, s->first, now);
		char where[NET_TEXT_SIZE];
		if (index == s->list.count)
			return;
		struct peer *p = peer_open(s, (unsigned)index, &why);
		if (p != NULL) {
			add_peer(s, p);
			continue;
		}
		net_format(where, (const struct sockaddr *)&s->list.address[index].to.sa);
		address_failed(s, index, where, &why, true);
		finish_exhausted(s);
	}
}

static void
give_to_idle(struct site *s)
{
	struct peer *p, *next;

	/* a connection that gets a job may end at once and others with it: begin anew after each */
	for (p = TAILQ_FIRST(&s->peers); p != NULL && s->waiting > 0 && s->nidle > 0; p = next) {
		next = TAILQ_NEXT(p, link);
		struct remote_job *job = p->idle ? site_take(s, p) : NULL;
		if (job == NULL)
			continue;
		peer_start(p, job);
		next = TAILQ_FIRST(&s->peers);
	}
}

static void
refuse_all(struct site *s)
{
	struct verdict v;
	struct peer *p, *next;

	verdict_set(&v, VERDICT_LATER, "4.3.2", "this server is stopping");
	finish_all(s, &v);
	for (p = TAILQ_FIRST(&s->peers); p != NULL; p = next) {
		next = TAILQ_NEXT(p, link);
		if (p->idle || !p->opened)
			peer_quit(p);
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
	remote_due(s->r, s);
}

/* Does what can be done for the waiting jobs now. */
void
site_work(struct site *s)
{
	s->touched = clock_mono_ms();
	if (s->r->draining) {
		refuse_all(s);
		return;
	}
	if (s->waiting == 0)
		return;
	give_to_idle(s);
	if (s->waiting == 0)
		return;
	if (s->generation == 0 || s->touched >= s->expires) {
		renew_list(s);	/* comes back here */
		return;
	}
	finish_exhausted(s);
	open_more(s);
	if (s->waiting > 0 && !loop_timer_is_set(s->pressure))
		loop_timer_set(s->pressure, PRESSURE_MS);
}

/* --- from peer --- */

static void
wake(struct site *s, struct peer *p)
{
	if (!p->idle)
		return;
	p->idle = false;
	s->nidle--;
	TAILQ_REMOVE(&s->r->idle, p, idle_link);
}

void
site_opened(struct site *s, struct peer *p)
{
	size_t index = index_of(s, p);

	s->nopening--;
	s->proven = true;
	s->down = false;
	if (index < s->list.count)
		s->list.address[index].bad_until = 0;
	if (s->waiting > 0)
		remote_due(s->r, s);
}

struct remote_job *
site_take(struct site *s, struct peer *p)
{
	size_t index = index_of(s, p);
	uint32_t bit = index < s->list.count ? 1U << index : 0;

	for (struct remote_job **link = &s->first; *link != NULL; link = &(*link)->next)
		if (((*link)->tried & bit) == 0) {
			wake(s, p);
			return pull_job(s, link);
		}
	return NULL;
}

void
site_rests(struct site *s, struct peer *p)
{
	p->idle = true;
	s->nidle++;
	s->touched = clock_mono_ms();
	TAILQ_INSERT_TAIL(&s->r->idle, p, idle_link);
}

void
site_leaves(struct site *s, struct peer *p)
{
	wake(s, p);
	p->leaving = true;
	s->nleaving++;
	if (s->waiting > 0)
		remote_due(s->r, s);
}

static void
count_sent(struct site *s, const struct remote_job *job)
{
	for (size_t i = 0; i < job->count; i++)
		if (job->verdict[i].what == VERDICT_DELIVERED) {
			counters_add(s->r->counters, COUNTER_MESSAGES_SENT, 1);
			counters_add(s->r->counters, COUNTER_MESSAGE_BYTES_SENT, job->e->content_size);
			return;
		}
}

void
site_job_over(struct site *s, struct peer *p, struct remote_job *job, enum client_fate fate)
{
	size_t index = index_of(s, p);

	if (fate == CLIENT_FINAL) {
		job->glitch = p->client.phase == CLIENT_OVER && p->client.glitch;
		count_sent(s, job);
		finish(s, job);
		return;
	}
	if (fate == CLIENT_LOST)
		note_failure(job, &p->client.failure, true);
	else
		job->noted = SITE_HEARD;
	s->tired = true;
	if (fate == CLIENT_LOST && p->messages > 1 && !job->reused_failed)
		job->reused_failed = true;	/* the peer had closed it meanwhile: once more on a fresh connection */
	else if (index < s->list.count)
		job->tried |= 1U << index;
	else
		job->rounds++;
	push_job(s, job, true);
	remote_due(s->r, s);
}

void
site_closed(struct site *s, struct peer *p)
{
	wake(s, p);
	if (!p->opened) {
		s->nopening--;
		if (p->client.phase == CLIENT_OVER)
			address_failed(s, index_of(s, p), p->where, &p->client.failure, p->client.glitch);
	}
	if (p->leaving)
		s->nleaving--;
	TAILQ_REMOVE(&s->peers, p, link);
	s->npeer--;
	s->r->npeer--;
	counters_add(s->r->counters, COUNTER_OUTBOUND_CURRENT, -1);
	peer_free(p);
	remote_due(s->r, s);
}

/* --- beginning and end --- */

void
site_add(struct site *s, struct remote_job *job)
{
	push_job(s, job, false);
	remote_due(s->r, s);
}

static void
destination_copy(struct destination *to, const struct destination *from)
{
	*to = *from;
	to->key = mem_strdup(from->key);
	to->domain = mem_strdup(from->domain);
	to->host = mem_array(NULL, from->nhost + 1, sizeof(*to->host));
	for (size_t i = 0; i < from->nhost; i++) {
		to->host[i] = from->host[i];
		to->host[i].name = mem_strdup(from->host[i].name);
	}
}

struct site *
site_new(struct remote *r, const struct destination *d)
{
	struct site *s = mem_new(struct site);

	s->r = r;
	destination_copy(&s->d, d);
	s->last = &s->first;
	TAILQ_INIT(&s->peers);
	s->pressure = loop_timer_new(r->loop, on_pressure, s);
	s->touched = clock_mono_ms();
	return s;
}

bool
site_is_unused(const struct site *s, uint64_t now)
{
	return s->waiting == 0 && s->npeer == 0 && s->walk == NULL && s->place == SITE_RESTS && now - s->touched >= UNUSED_MS;
}

void
site_free(struct site *s)
{
	struct peer *p;

	while ((p = TAILQ_FIRST(&s->peers)) != NULL) {
		TAILQ_REMOVE(&s->peers, p, link);
		peer_free(p);
	}
	mx_walk_free(s->walk);
	mx_list_done(&s->list);
	loop_timer_free(s->pressure);
	for (size_t i = 0; i < s->d.nhost; i++)
		free(s->d.host[i].name);
	free(s->d.host);
	free(s->d.domain);
	free(s->d.key);
	free(s);
}
