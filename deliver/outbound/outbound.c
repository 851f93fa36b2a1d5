/*
 * outbound - outbound mail: which site a job belongs to, the limits over all sites, stopping
 *
 * Runs in:  deliver
 * Owns:     the sites, the channels to the helpers for names and authentication
 * Promise:  every job is done exactly once, never from inside outbound_submit. There are never more
 *           connections than configured. A destination is forgotten some time after its last use
 * Fails by: verdicts of the jobs
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/chance.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/helpers/dns_client.h"
#include "common/ipc/ctl.h"
#include "common/ipc/ctl_client.h"
#include "common/process/loop.h"
#include "deliver/outbound/outbound.h"

#define SERVED_A_TURN 64	/* of the sites that wait for a connection */
#define SWEEP_MS 30000
#define UNUSED_MS 120000	/* a site is kept so long after its last use: its health is known */
#define SITES_MANY 2048		/* with more, those that are not in use go before their time, each second */
#define SITES_MANY_MS 1000
#define PATIENCE_MS 10000
#define AGAIN_FIRST_MS 2000U	/* between two tries of a destination that is down; then twice as long */
#define AGAIN_STEPS 10
#define AGAIN_SOON_MS 4000U	/* mail waits for such a try; else it would be put off too often */

static struct site_bucket *
bucket_of(const struct outbound *o, const char *key)
{
	uint32_t hash = 2166136261U;

	for (const char *p = key; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619U;
	return &o->table[hash % OUTBOUND_BUCKETS];
}

static struct site *
find_site(const struct outbound *o, const char *key)
{
	struct site *s;

	LIST_FOREACH(s, bucket_of(o, key), table_link)
		if (strcmp(s->d.key, key) == 0)
			break;
	return s;
}

static void
forget_site(struct outbound *o, struct site *s)
{
	LIST_REMOVE(s, table_link);
	site_waitlist_remove(s);
	o->nsite--;
	site_free(s);
}

/* --- work that is due --- */

/*
 * A site that wants no more connections gives up its place among those that wait. One that looks for its
 * addresses may want a connection soon. True: it wants one, and there is no room.
 */
static bool
work_on(struct site *s)
{
	bool wants = site_work(s);

	if (!wants && s->lookup == NULL)
		site_waitlist_leave(s);
	return wants;
}

/* The sites that wait: each may open one connection, or has an idle one closed to make room. */
static void
serve_blocked(struct outbound *o)
{
	struct site *s = TAILQ_FIRST(&o->blocked), *next;

	for (unsigned n = 0; s != NULL && n < SERVED_A_TURN; n++, s = next) {
		size_t conns = o->nconn;
		uint64_t evictions = o->evictions;
		bool wants;

		if (o->nconn >= o->server->connections && TAILQ_EMPTY(&o->idle))
			return;
		next = TAILQ_NEXT(s, blocked_link);
		o->serving = true;
		wants = work_on(s);
		o->serving = false;
		if (wants && o->nconn == conns && o->evictions == evictions)
			return;		/* there is no room, and none can be made */
	}
	if (s != NULL)
		site_waitlist_wake(o);
}

static void
on_soon(void *arg)
{
	struct outbound *o = arg;
	struct site *s, *last = TAILQ_LAST(&o->due, site_waitlist);

	/* a site that becomes due meanwhile waits for the next round of the loop */
	o->working = true;
	while ((s = TAILQ_FIRST(&o->due)) != NULL) {
		bool is_last = s == last;

		TAILQ_REMOVE(&o->due, s, due_link);
		s->due = false;
		work_on(s);
		if (is_last)
			break;
	}
	serve_blocked(o);
	o->working = false;
	if (!TAILQ_EMPTY(&o->due) && !loop_timer_is_set(o->soon))
		loop_timer_set(o->soon, 0);
}

static void
sweep_sites(struct outbound *o, uint64_t now, uint64_t unused_ms)
{
	struct site *s, *next;

	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		for (s = LIST_FIRST(&o->table[i]); s != NULL; s = next) {
			next = LIST_NEXT(s, table_link);
			if (site_is_unused(s, now, s->failures > 0 ? UNUSED_MS : unused_ms))
				forget_site(o, s);
		}
}

/* A flush to thousands of domains would keep the site of each: of those that work the last ones used stay. */
static void
on_sweep(void *arg)
{
	struct outbound *o = arg;
	uint64_t now = clock_mono_ms(), unused_ms = UNUSED_MS;

	sweep_sites(o, now, unused_ms);
	for (; o->nsite > SITES_MANY && unused_ms > 0; unused_ms /= 4)
		sweep_sites(o, now, unused_ms / 4);
	pace_table_sweep(o->pace, now);
	pace_gate_table_sweep(o->gates, now);
	if (o->nsite > 0)
		loop_timer_set(o->sweep, o->nsite > SITES_MANY ? SITES_MANY_MS : SWEEP_MS);
}

/* --- what schedule calls --- */

static struct site *
add_site(struct outbound *o, const struct destination *d)
{
	struct site *s = site_new(o, d);

	LIST_INSERT_HEAD(bucket_of(o, d->key), s, table_link);
	o->nsite++;
	if (!loop_timer_is_set(o->sweep))
		loop_timer_set(o->sweep, SWEEP_MS);
	else if (o->nsite == SITES_MANY + 1)
		loop_timer_set(o->sweep, SITES_MANY_MS);
	return s;
}

void
outbound_atrn(struct outbound *o, const struct destination *d, int fd, uint16_t port, void (*over)(void *arg),
    void *arg)
{
	site_atrn(add_site(o, d), fd, port, over, arg);
}

void
outbound_atrn_end(struct outbound *o, const struct destination *d)
{
	struct site *s = find_site(o, d->key);

	if (s != NULL)
		site_atrn_end(s);
}

void
outbound_submit(struct outbound *o, const struct destination *d, struct outbound_job *job)
{
	struct site *s = find_site(o, d->key);

	if (s == NULL)
		s = add_site(o, d);
	job->tried = job->doubt.plain = job->doubt.single = 0;
	job->rounds = job->hosts = job->form = 0;
	job->lost = job->repeats = 0;
	job->rest = 0;
	job->rested = job->glitch = job->paused = job->failed = job->answered = false;
	job->tls = job->verified = "-";
	rcpt_list_begin(&job->list, job->index, job->count, job->verdict, job->careful);
	o->active++;
	site_add(s, job);
}

size_t
outbound_active(const struct outbound *o)
{
	return o->active;
}

static void
release_gate(void *arg, struct pace_gate *g)
{
	pace_gate_release(g, clock_mono_ms());
}

void
outbound_release(struct outbound *o)
{
	struct site *s;

	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		LIST_FOREACH(s, &o->table[i], table_link) {
			s->failures = 0;
			site_lockout_release(s);
		}
	pace_table_release(o->pace, clock_mono_ms());
	pace_gate_table_each(o->gates, release_gate, NULL);
}

static void
reset_site(struct site *s)
{
	bool met = false;

	for (size_t i = 0; i < s->list.count; i++)
		if (s->host[i].gate->resetting) {
			pace_host_reset(s->host[i].pace);
			met = true;
		}
	if (!met)
		return;
	s->failures = 0;
	site_lockout_release(s);
	site_waitlist_due(s);
}

void
outbound_reset_hosts(struct outbound *o)
{
	struct site *s;

	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		LIST_FOREACH(s, &o->table[i], table_link)
			reset_site(s);
}

void
outbound_take_others(struct outbound *o, const struct ctl_message *m)
{
	struct site *s;

	free(o->others);
	o->mx.others = o->others = mem_strndup(m->data, m->len);
	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		LIST_FOREACH(s, &o->table[i], table_link)
			s->expires = 0;
}

bool
outbound_is_down(const struct outbound *o, const char *key)
{
	const struct site *s = find_site(o, key);

	return s != NULL && s->reach == SITE_DOWN;
}

bool
outbound_was_tried(const struct outbound *o, const char *key, uint64_t longest, uint64_t *ms,
    struct verdict *why)
{
	const struct site *s = find_site(o, key);
	uint64_t since, wait;

	if (s == NULL || s->failures == 0)
		return false;
	wait = AGAIN_FIRST_MS << (s->failures < AGAIN_STEPS ? s->failures - 1 : AGAIN_STEPS);
	since = clock_mono_ms() - s->failed_at;
	if (since >= (wait < longest ? wait : longest))
		return false;
	*ms = wait <= AGAIN_SOON_MS && wait < longest ? wait - since : 0;
	*why = s->failure;
	return true;
}

enum outbound_rest
outbound_rest(const struct outbound *o, const char *key, uint64_t *ms, struct verdict *why)
{
	const struct site *s = find_site(o, key);

	return s == NULL ? OUTBOUND_FREE : site_pace_state(s, ms, why);
}

size_t
outbound_places(const struct outbound *o, const char *key)
{
	const struct site *s = find_site(o, key);

	return s == NULL ? SIZE_MAX : site_pace_places(s);
}

void
outbound_drain(struct outbound *o, const char *why)
{
	struct site *s;

	o->draining = true;
	o->ending = why;
	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		LIST_FOREACH(s, &o->table[i], table_link)
			site_waitlist_due(s);
}

static void
need_resolver(void *arg)
{
	struct outbound *o = arg;

	boot_need(o->b, CTL_HELPER_RESOLVER);
}

void
outbound_on_channel(struct outbound *o, const struct ctl_message *m)
{
	struct ctl_channel channel;

	if (m->fd == -1)
		return;
	memcpy(&channel, m->data, sizeof(channel));
	if ((size_t)channel.helper < nitems_of(o->helper) && o->helper[channel.helper] != NULL)
		ctl_client_channel(o->helper[channel.helper], ctl_take_fd(m));
}

struct outbound *
outbound_new(struct boot *b)
{
	struct outbound *o = mem_new(struct outbound);

	o->b = b;
	o->server = b->server;
	o->loop = b->loop;
	o->counters = b->counters;
	o->helper[CTL_HELPER_RESOLVER] = dns_client_new(b->loop, need_resolver, o);
	o->helper[CTL_HELPER_AUTH] = auth_out_client_new(b);
	o->helper[CTL_HELPER_FETCH] = token_client_new(b);
	o->mx = (struct mx_settings){ .server = b->server, .hostname = b->config->service.hostname,
	    .chance = chance_below };
	o->soon = loop_timer_new(b->loop, on_soon, o);
	o->sweep = loop_timer_new(b->loop, on_sweep, o);
	o->table = mem_zalloc(OUTBOUND_BUCKETS * sizeof(*o->table));
	o->memory = host_memory_new();
	o->piece = mem_zalloc(CLIENT_PIECE);
	o->pace = pace_table_new();
	o->gates = pace_gate_table_new(site_pace_rests(b->server).first);
	o->patience = PATIENCE_MS;
	o->shared = shared_limits_new(o);
	o->smart = smart_watch_new(b);
	LIST_INIT(&o->login_tests);
	TAILQ_INIT(&o->due);
	TAILQ_INIT(&o->blocked);
	TAILQ_INIT(&o->idle);
	return o;
}

void
outbound_free(struct outbound *o)
{
	struct site *s;

	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		LIST_FOREACH(s, &o->table[i], table_link)
			site_cut(s);
	ctl_client_free(o->helper[CTL_HELPER_RESOLVER]);
	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		while (!LIST_EMPTY(&o->table[i]))
			forget_site(o, LIST_FIRST(&o->table[i]));
	/* after the sites: their connections close their questions */
	ctl_client_free(o->helper[CTL_HELPER_AUTH]);
	ctl_client_free(o->helper[CTL_HELPER_FETCH]);
	shared_limits_free(o->shared);
	ctl_client_free(o->helper[CTL_HELPER_LIMITS]);
	pace_table_free(o->pace);
	pace_gate_table_free(o->gates);
	smart_watch_free(o->smart);
	loop_timer_free(o->soon);
	loop_timer_free(o->sweep);
	free(o->table);
	free(o->piece);
	free(o->own_address);
	free(o->others);
	host_memory_free(o->memory);
	free(o);
}
