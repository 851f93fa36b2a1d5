/*
 * outbound - outbound mail: which site a job belongs to, the limits over all of them, stopping
 *
 * Runs in:  deliver
 * Owns:     the sites, the channel to the resolver helper
 * Promise:  every job is done exactly once, never from inside outbound_submit; never more connections than
 *           configured; destinations are forgotten some time after their last use
 * Fails by: verdicts of the jobs
 */
#include <bsd/stdlib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_client.h"
#include "common/ipc/dns_client.h"
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"

#define OUTBOUND_BUCKETS 1024
#define SERVED_A_TURN 64	/* of those that wait for a connection */
#define OWN_ADDRESS_MS 30000		/* the host's own addresses are read again after that */
#define SWEEP_MS 30000

static struct site_bucket *
bucket_of(const struct outbound *r, const char *key)
{
	uint32_t hash = 2166136261U;

	for (const char *p = key; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619U;
	return &r->table[hash % OUTBOUND_BUCKETS];
}

static struct site *
find_site(const struct outbound *r, const char *key)
{
	struct site *s;

	LIST_FOREACH(s, bucket_of(r, key), table_link)
		if (strcmp(s->d.key, key) == 0)
			break;
	return s;
}

static void
forget_site(struct outbound *r, struct site *s)
{
	LIST_REMOVE(s, table_link);
	if (s->due)
		TAILQ_REMOVE(&r->due, s, link);
	outbound_leave_line(r, s);
	r->nsite--;
	site_free(s);
}

/* --- work that is due --- */

void
outbound_due(struct outbound *r, struct site *s)
{
	if (s->due)
		return;
	s->due = true;
	TAILQ_INSERT_TAIL(&r->due, s, link);
	if (!loop_timer_is_set(r->soon))
		loop_timer_set(r->soon, 0);
}

/*
 * Who wants no connection any more gives up its place in the line; who asks for its addresses may want one
 * soon.
 */
static void
work(struct outbound *r, struct site *s)
{
	s->asked = false;
	site_work(s);
	if (!s->asked && s->walk == NULL)
		outbound_leave_line(r, s);
}

/* Those in line: each may have one connection, or makes an idle one give way. */
static void
serve_blocked(struct outbound *r)
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
		outbound_rests(r);
}

static void
on_soon(void *arg)
{
	struct outbound *r = arg;
	struct site *s, *last = TAILQ_LAST(&r->due, site_line);

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
	struct outbound *r = arg;
	struct site *s, *next;
	uint64_t now = clock_mono_ms();

	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		for (s = LIST_FIRST(&r->table[i]); s != NULL; s = next) {
			next = LIST_NEXT(s, table_link);
			if (site_is_unused(s, now))
				forget_site(r, s);
		}
	if (r->nsite > 0)
		loop_timer_set(r->sweep, SWEEP_MS);
}

const struct mx_settings *
outbound_mx(struct outbound *r)
{
	uint64_t now = clock_mono_ms();

	if (r->self == NULL || now - r->self_at >= OWN_ADDRESS_MS) {
		free(r->self);
		r->self = own_address_addresses(r->server, &r->mx.nself);
		r->mx.self = r->self;
		r->self_at = now;
	}
	return &r->mx;
}

/* --- the border to schedule --- */

static struct site *
add_site(struct outbound *r, const struct destination *d)
{
	struct site *s = site_new(r, d);

	LIST_INSERT_HEAD(bucket_of(r, d->key), s, table_link);
	r->nsite++;
	if (!loop_timer_is_set(r->sweep))
		loop_timer_set(r->sweep, SWEEP_MS);
	return s;
}

void
outbound_turn(struct outbound *r, const struct destination *d, int fd, uint16_t port, void (*over)(void *arg),
    void *arg)
{
	site_turn(add_site(r, d), fd, port, over, arg);
}

void
outbound_turn_end(struct outbound *r, const struct destination *d)
{
	struct site *s = find_site(r, d->key);

	if (s != NULL)
		site_turn_end(s);
}

void
outbound_submit(struct outbound *r, const struct destination *d, struct outbound_job *job)
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
		job->verdict[i] = (struct verdict){ .what = VERDICT_LATER, .status = "4.3.0",
		    .text = "nothing was heard about it" };
	r->active++;
	site_add(s, job);
}

void
outbound_enter_line(struct outbound *r, struct site *s)
{
	if (s->blocked)
		return;
	s->blocked = true;
	TAILQ_INSERT_TAIL(&r->blocked, s, line);
}

void
outbound_leave_line(struct outbound *r, struct site *s)
{
	if (!s->blocked)
		return;
	s->blocked = false;
	TAILQ_REMOVE(&r->blocked, s, line);
}

bool
outbound_grants(struct outbound *r)
{
	bool granted = r->npeer < r->server->connections && (r->granting || TAILQ_EMPTY(&r->blocked));

	r->granting &= !granted;
	return granted;
}

void
outbound_rests(struct outbound *r)
{
	if (!TAILQ_EMPTY(&r->blocked) && !loop_timer_is_set(r->soon))
		loop_timer_set(r->soon, 0);
}

size_t
outbound_active(const struct outbound *r)
{
	return r->active;
}

void
outbound_release(struct outbound *r)
{
	struct site *s;

	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		LIST_FOREACH(s, &r->table[i], table_link)
			site_lockout_release(s);
}

bool
outbound_is_down(const struct outbound *r, const char *key)
{
	const struct site *s = find_site(r, key);

	return s != NULL && s->down;
}

void
outbound_drain(struct outbound *r)
{
	struct site *s;

	r->draining = true;
	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		LIST_FOREACH(s, &r->table[i], table_link)
			outbound_due(r, s);
}

static void
need_resolver(void *arg)
{
	struct outbound *r = arg;

	boot_need(r->b, CTL_HELPER_RESOLVER);
}

void
outbound_on_channel(struct outbound *r, const struct ctl_message *m)
{
	struct ctl_channel channel;

	if (m->fd == -1)
		return;
	memcpy(&channel, m->data, sizeof(channel));
	switch (channel.helper) {
	case CTL_HELPER_RESOLVER:
		ctl_client_channel(r->lookup, m->fd);
		break;
	case CTL_HELPER_AUTH:
		ctl_client_channel(r->auth_out_client, m->fd);
		break;
	case CTL_HELPER_FETCH:
		ctl_client_channel(r->token_client, m->fd);
		break;
	default:
		close(m->fd);
	}
}

struct outbound *
outbound_new(struct boot *b)
{
	struct outbound *r = mem_new(struct outbound);

	r->b = b;
	r->server = b->server;
	r->loop = b->loop;
	r->counters = b->counters;
	r->lookup = dns_client_new(b->loop, need_resolver, r);
	r->auth_out_client = auth_out_client_new(r);
	r->token_client = token_client_new(r);
	r->mx = (struct mx_settings){ .fqdn = b->server->fqdn, .chance = arc4random_uniform };
	r->soon = loop_timer_new(b->loop, on_soon, r);
	r->sweep = loop_timer_new(b->loop, on_sweep, r);
	r->table = mem_zalloc(OUTBOUND_BUCKETS * sizeof(*r->table));
	r->piece = mem_zalloc(CLIENT_PIECE);
	LIST_INIT(&r->knocks);
	TAILQ_INIT(&r->due);
	TAILQ_INIT(&r->blocked);
	TAILQ_INIT(&r->idle);
	return r;
}

void
outbound_free(struct outbound *r)
{
	ctl_client_free(r->lookup);
	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		while (!LIST_EMPTY(&r->table[i]))
			forget_site(r, LIST_FIRST(&r->table[i]));
	ctl_client_free(r->auth_out_client);
	ctl_client_free(r->token_client);
	login_test_free_all(r);
	loop_timer_free(r->soon);
	loop_timer_free(r->sweep);
	free(r->table);
	free(r->piece);
	free(r->self);
	free(r);
}
