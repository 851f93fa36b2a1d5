/*
 * remote - outbound mail: which site a job belongs to, the limits over all of them, stopping
 *
 * Runs in:  deliver
 * Owns:     the sites, the channel to the resolver helper
 * Promise:  every job is done exactly once, never from inside remote_submit; never more connections than configured;
 *           destinations are forgotten some time after their last use
 * Fails by: verdicts of the jobs
 */
#include <bsd/stdlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "deliver/deliver.h"

#define REMOTE_BUCKETS 1024
#define SERVED_A_TURN 64	/* of those that wait for a connection */
#define SELF_MS 30000		/* the host's own addresses are read again after that */
#define SWEEP_MS 30000

static struct site_bucket *
bucket_of(const struct remote *r, const char *key)
{
	uint32_t hash = 2166136261U;

	for (const char *p = key; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619U;
	return &r->table[hash % REMOTE_BUCKETS];
}

static struct site *
find_site(const struct remote *r, const char *key)
{
	struct site *s;

	LIST_FOREACH(s, bucket_of(r, key), table_link)
		if (strcmp(s->d.key, key) == 0)
			break;
	return s;
}

static void
forget_site(struct remote *r, struct site *s)
{
	LIST_REMOVE(s, table_link);
	if (s->due)
		TAILQ_REMOVE(&r->due, s, link);
	remote_leave_line(r, s);
	r->nsite--;
	site_free(s);
}

/* --- work that is due --- */

void
remote_due(struct remote *r, struct site *s)
{
	if (s->due)
		return;
	s->due = true;
	TAILQ_INSERT_TAIL(&r->due, s, link);
	if (!loop_timer_is_set(r->soon))
		loop_timer_set(r->soon, 0);
}

/* Who wants no connection any more gives up its place in the line; who asks for its addresses may want one soon. */
static void
work(struct remote *r, struct site *s)
{
	s->asked = false;
	site_work(s);
	if (!s->asked && s->walk == NULL)
		remote_leave_line(r, s);
}

/* Those in line: each may have one connection, or makes an idle one give way. */
static void
serve_blocked(struct remote *r)
{
	struct site *s = TAILQ_FIRST(&r->blocked), *next;

	for (unsigned n = 0; s != NULL && n < SERVED_A_TURN; n++, s = next) {
		size_t peers = r->npeer;
		uint64_t ways = r->ways;
		if (r->npeer >= r->server->connections && TAILQ_EMPTY(&r->idle))
			return;
		next = TAILQ_NEXT(s, line);
		r->granting = true;
		work(r, s);
		r->granting = false;
		if (s->asked && r->npeer == peers && r->ways == ways)
			return;		/* neither a place, nor one to be made */
	}
	if (s != NULL)
		remote_rests(r);
}

static void
on_soon(void *arg)
{
	struct remote *r = arg;
	struct site *s, *last = TAILQ_LAST(&r->due, site_queue);

	/* what becomes due meanwhile waits for the next turn of the loop */
	while ((s = TAILQ_FIRST(&r->due)) != NULL) {
		bool is_last = s == last;
		TAILQ_REMOVE(&r->due, s, link);
		s->due = false;
		work(r, s);
		if (is_last)
			break;
	}
	serve_blocked(r);
	if (!TAILQ_EMPTY(&r->due) && !loop_timer_is_set(r->soon))
		loop_timer_set(r->soon, 0);
}

static void
on_sweep(void *arg)
{
	struct remote *r = arg;
	struct site *s, *next;
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < REMOTE_BUCKETS; i++)
		for (s = LIST_FIRST(&r->table[i]); s != NULL; s = next) {
			next = LIST_NEXT(s, table_link);
			if (site_is_unused(s, now))
				forget_site(r, s);
		}
	if (r->nsite > 0)
		loop_timer_set(r->sweep, SWEEP_MS);
}

const struct mx_settings *
remote_mx(struct remote *r)
{
	uint64_t now = clock_mono_ms();

	if (r->self == NULL || now - r->self_at >= SELF_MS) {
		free(r->self);
		r->self = self_addresses(r->server, &r->mx.nself);
		r->mx.self = r->self;
		r->self_at = now;
	}
	return &r->mx;
}

/* --- the border to schedule --- */

static struct site *
add_site(struct remote *r, const struct destination *d)
{
	struct site *s = site_new(r, d);

	LIST_INSERT_HEAD(bucket_of(r, d->key), s, table_link);
	r->nsite++;
	if (!loop_timer_is_set(r->sweep))
		loop_timer_set(r->sweep, SWEEP_MS);
	return s;
}

void
remote_turn(struct remote *r, const struct destination *d, int fd, uint16_t port, void (*over)(void *arg), void *arg)
{
	site_turn(add_site(r, d), fd, port, over, arg);
}

void
remote_turn_end(struct remote *r, const struct destination *d)
{
	struct site *s = find_site(r, d->key);

	if (s != NULL)
		site_turn_end(s);
}

void
remote_submit(struct remote *r, const struct destination *d, struct remote_job *job)
{
	struct site *s = find_site(r, d->key);

	if (s == NULL)
		s = add_site(r, d);
	job->tried = 0;
	job->rounds = job->noted = job->hosts = 0;
	job->reused_failed = job->glitch = false;
	job->tls = job->verified = "-";
	/* Zero would mean delivered: what nobody says a word about must come again. */
	for (size_t i = 0; i < job->count; i++)
		job->verdict[i] = (struct verdict){ .what = VERDICT_LATER, .status = "4.3.0", .text = "nothing was heard about it" };
	r->active++;
	site_add(s, job);
}

void
remote_enter_line(struct remote *r, struct site *s)
{
	if (s->blocked)
		return;
	s->blocked = true;
	TAILQ_INSERT_TAIL(&r->blocked, s, line);
}

void
remote_leave_line(struct remote *r, struct site *s)
{
	if (!s->blocked)
		return;
	s->blocked = false;
	TAILQ_REMOVE(&r->blocked, s, line);
}

bool
remote_grants(struct remote *r)
{
	bool granted = r->npeer < r->server->connections && (r->granting || TAILQ_EMPTY(&r->blocked));

	r->granting &= !granted;
	return granted;
}

void
remote_rests(struct remote *r)
{
	if (!TAILQ_EMPTY(&r->blocked) && !loop_timer_is_set(r->soon))
		loop_timer_set(r->soon, 0);
}

size_t
remote_active(const struct remote *r)
{
	return r->active;
}

void
remote_release(struct remote *r)
{
	struct site *s;

	for (size_t i = 0; i < REMOTE_BUCKETS; i++)
		LIST_FOREACH(s, &r->table[i], table_link)
			site_hold_release(s);
}

bool
remote_is_down(const struct remote *r, const char *key)
{
	const struct site *s = find_site(r, key);

	return s != NULL && s->down;
}

void
remote_drain(struct remote *r)
{
	struct site *s;

	r->draining = true;
	for (size_t i = 0; i < REMOTE_BUCKETS; i++)
		LIST_FOREACH(s, &r->table[i], table_link)
			remote_due(r, s);
}

static void
need_resolver(void *arg)
{
	struct remote *r = arg;

	boot_need(r->b, CTL_HELPER_RESOLVER);
}

void
remote_on_channel(struct remote *r, const struct ctl_message *m)
{
	struct ctl_channel channel;

	if (m->fd == -1)
		return;
	memcpy(&channel, m->data, sizeof(channel));
	switch (channel.helper) {
	case CTL_HELPER_RESOLVER:
		consult_channel(r->lookup, m->fd);
		break;
	case CTL_HELPER_AUTH:
		consult_channel(r->prover, m->fd);
		break;
	case CTL_HELPER_FETCH:
		consult_channel(r->bearing, m->fd);
		break;
	default:
		close(m->fd);
	}
}

struct remote *
remote_new(struct boot *b)
{
	struct remote *r = mem_new(struct remote);

	r->b = b;
	r->server = b->server;
	r->loop = b->loop;
	r->counters = b->counters;
	r->lookup = lookup_new(b->loop, need_resolver, r);
	r->prover = prover_new(r);
	r->bearing = bearing_new(r);
	r->mx = (struct mx_settings){ .fqdn = b->server->fqdn, .chance = arc4random_uniform };
	r->soon = loop_timer_new(b->loop, on_soon, r);
	r->sweep = loop_timer_new(b->loop, on_sweep, r);
	r->table = mem_zalloc(REMOTE_BUCKETS * sizeof(*r->table));
	r->piece = mem_zalloc(CLIENT_PIECE);
	LIST_INIT(&r->knocks);
	TAILQ_INIT(&r->due);
	TAILQ_INIT(&r->blocked);
	TAILQ_INIT(&r->idle);
	return r;
}

void
remote_free(struct remote *r)
{
	consult_free(r->lookup);
	for (size_t i = 0; i < REMOTE_BUCKETS; i++)
		while (!LIST_EMPTY(&r->table[i]))
			forget_site(r, LIST_FIRST(&r->table[i]));
	consult_free(r->prover);
	consult_free(r->bearing);
	knock_free_all(r);
	loop_timer_free(r->soon);
	loop_timer_free(r->sweep);
	free(r->table);
	free(r->piece);
	free(r->self);
	free(r);
}
