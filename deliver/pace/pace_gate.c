/*
 * pace_gate - what one host gets from us: connections and messages a minute, over all its addresses; pure
 *
 * Runs in:  deliver
 * Owns:     the gates, one for each host and account
 * Promise:  eighty domains behind one MX have one gate. It outlives its destinations for a while, so that a
 *           limit a minute holds when they come and go. There are never many that nothing needs, whatever
 *           names the DNS has. "Slow down" at one address is for all of the host: it rests, then one
 *           connection finds out, and connections and messages a minute rise again by steps
 * Fails by: cannot
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "deliver/pace/pace.h"

#define BUCKETS 1024
#define FORGET_MS 600000U
#define FORGET_LEARNT_MS 3600000U
#define PAUSED_MS 300000U	/* mail for a host that an operator has paused is looked at so often */
#define TABLE_MAX 20000U	/* more are kept only while they are in use */
#define SOON_PARTS 6U		/* of a minute: mail for ten seconds is at work */
#define PLACES_MIN 2U
#define SHARED_MS 1000U		/* until it is looked again what other nodes leave; an answer comes sooner */
#define SOME 100U		/* hosts of a page, and the rest of a bucket */

struct pace_gates {
	LIST_HEAD(, pace_gate) bucket[BUCKETS];
	size_t count;
	uint64_t period;
};

static size_t
bucket_of(const char *host, const char *account)
{
	uint32_t hash = 2166136261U;

	for (; *host != '\0'; host++)
		hash = (hash ^ (uint8_t)*host) * 16777619U;
	for (; *account != '\0'; account++)
		hash = (hash ^ (uint8_t)*account) * 16777619U;
	return hash % BUCKETS;
}

static void
free_gate(struct pace_gates *t, struct pace_gate *g)
{
	LIST_REMOVE(g, link);
	t->count--;
	free(g->host);
	free(g->account);
	free(g->why);
	free(g->said_text);
	free(g->share);
	free(g);
}

static bool
is_learnt(const struct pace_gate *g)
{
	return g->rate.learnt != CONFIG_UNLIMITED || g->cap != CONFIG_UNLIMITED;
}

/* `all`: those that nothing needs now, whatever they have learnt. */
static void
sweep(struct pace_gates *t, bool all, uint64_t now)
{
	struct pace_gate *g, *next;

	for (size_t i = 0; i < BUCKETS; i++)
		for (g = LIST_FIRST(&t->bucket[i]); g != NULL; g = next) {
			next = LIST_NEXT(g, link);
			if (g->refs == 0 && (all || now >= MAX(g->used_at, g->rest_until) +
			    (is_learnt(g) ? FORGET_LEARNT_MS : FORGET_MS)))
				free_gate(t, g);
		}
}

struct pace_gate *
pace_gate_get(struct pace_gates *t, const char *host, const char *account,
    const struct config_remote_rules *rules, uint64_t now)
{
	struct pace_gate *g;

	LIST_FOREACH(g, &t->bucket[bucket_of(host, account)], link)
		if (strcmp(g->host, host) == 0 && strcmp(g->account, account) == 0)
			break;
	if (g == NULL) {
		g = mem_new(struct pace_gate);
		g->host = mem_strdup(host);
		g->account = mem_strdup(account);
		g->rules = *rules;
		g->cap = CONFIG_UNLIMITED;
		pace_rate_init(&g->rate, rules->value[CONFIG_REMOTE_RATE], t->period, now);
		if (t->count >= TABLE_MAX)
			sweep(t, true, now);
		t->count++;
		LIST_INSERT_HEAD(&t->bucket[bucket_of(host, account)], g, link);
	}
	g->used_at = now;
	g->refs++;
	return g;
}

/* It is freed by a sweep. */
void
pace_gate_put(struct pace_gate *g, uint64_t now)
{
	g->used_at = now;
	g->refs--;
}

/* --- what all nodes share --- */

void
pace_gate_share(struct pace_gate *g, struct lease_node *node, void *asker)
{
	struct pace_share *s;
	bool connections = g->rules.value[CONFIG_REMOTE_CONNECTIONS] != CONFIG_UNLIMITED;
	bool messages = g->rules.value[CONFIG_REMOTE_RATE] != CONFIG_UNLIMITED;

	if (g->share != NULL || (!connections && !messages))
		return;
	s = g->share = mem_new(struct pace_share);
	s->gate = g;
	s->node = node;
	s->asker = asker;
	s->of_connections = connections;
	s->of_messages = messages;
}

uint64_t
pace_gate_most(const struct pace_gate *g)
{
	return MIN(g->rules.value[CONFIG_REMOTE_CONNECTIONS], g->cap);
}

uint64_t
pace_gate_rate(const struct pace_gate *g)
{
	return MIN(g->rules.value[CONFIG_REMOTE_RATE], g->rate.learnt);
}

bool
pace_gate_is_over(const struct pace_gate *g, uint64_t now)
{
	const struct pace_share *s = g->share;

	return s != NULL && s->of_connections && lease_is_over(s->node, &s->connections, g->conns, now);
}

bool
pace_gate_has_surplus(const struct pace_gate *g, uint64_t now)
{
	const struct pace_share *s = g->share;

	return s != NULL && s->of_connections && lease_has_surplus(s->node, &s->connections, g->conns, now);
}

static bool
has_permit(struct pace_gate *g, uint64_t now)
{
	struct pace_share *s = g->share;

	if (s == NULL || !s->of_connections)
		return true;
	lease_want(&s->connections, now);
	return lease_has_room(s->node, &s->connections, g->conns, now);
}

/* Ms that a message waits for the other nodes. */
static uint64_t
shared_wait(struct pace_gate *g, uint64_t now)
{
	struct pace_share *s = g->share;
	uint64_t wait = 0;

	if (s == NULL)
		return 0;
	if (s->of_connections && !lease_may_begin(s->node, &s->connections, now))
		wait = SHARED_MS;
	if (!s->of_messages)
		return wait;
	pace_rate_set(&g->rate, lease_rate_is_alone(s->node, &s->messages, now) ?
	    lease_share(s->node, g->rules.value[CONFIG_REMOTE_RATE]) : CONFIG_UNLIMITED, now);
	s->wants_message = true;
	return MAX(wait, lease_rate_wait(s->node, &s->messages, now));
}

/* Of connections or messages; 0: those are not the ones that are used up. */
static uint64_t
connections_used_up(const struct pace_gate *g, uint64_t now)
{
	const struct pace_share *s = g->share;

	return s != NULL && s->of_connections ? lease_used_up(s->node, &s->connections, g->conns, now) : 0;
}

static uint64_t
messages_used_up(const struct pace_gate *g, uint64_t now)
{
	const struct pace_share *s = g->share;

	return s != NULL && s->of_messages ? lease_rate_used_up(&s->messages, now) : 0;
}

enum pace_shared
pace_gate_shared(const struct pace_gate *g, uint64_t now, uint64_t *ms)
{
	const struct pace_share *s = g->share;
	uint64_t engine;

	*ms = MAX(connections_used_up(g, now), messages_used_up(g, now));
	if (*ms > 0)
		return PACE_SHARED_USED_UP;
	if (s == NULL || !((s->of_connections && lease_is_barred(s->node, &s->connections, now)) ||
	    (s->of_messages && lease_rate_is_barred(s->node, &s->messages, now))))
		return PACE_SHARED_FREE;
	engine = s->node->again_at;
	*ms = now < engine ? engine - now : 1;
	return PACE_SHARED_BARRED;
}

enum pace_shared
pace_gate_shared_words(const struct pace_gate *g, uint64_t now, char words[PACE_WORDS_SIZE])
{
	uint64_t ms;
	enum pace_shared what = pace_gate_shared(g, now, &ms);
	bool connections = connections_used_up(g, now) > 0;
	uint64_t most = connections ? pace_gate_most(g) : pace_gate_rate(g);

	words[0] = '\0';
	if (what == PACE_SHARED_USED_UP)
		snprintf(words, PACE_WORDS_SIZE, "the limit of %.200s, %llu %s%s%s for all nodes, is used up "
		    "at %sother nodes; tried again within %llu s", g->host,
		    (unsigned long long)most,
		    connections ? "connection" : "message", most == 1 ? "" : "s",
		    connections ? "" : " a minute", connections && g->conns > 0 ? "this and " : "",
		    (unsigned long long)(ms + 999) / 1000);
	else if (what == PACE_SHARED_BARRED)
		snprintf(words, PACE_WORDS_SIZE, "nodes share the limit of %.200s, and their engine does not "
		    "answer; tried again within %llu s", g->host, (unsigned long long)(ms + 999) / 1000);
	return what;
}

/* --- what may be done now --- */

bool
pace_gate_takes_job(struct pace_gate *g, uint64_t now)
{
	return pace_gate_wait(g, now) == 0;
}

bool
pace_gate_has_room(struct pace_gate *g, uint64_t now)
{
	return g->conns < pace_gate_most(g) && has_permit(g, now) && pace_gate_takes_job(g, now);
}

void
pace_gate_given(struct pace_gate *g, uint64_t now)
{
	pace_rate_take(&g->rate, now);
	if (g->share != NULL)
		lease_rate_take(&g->share->messages);
}

uint64_t
pace_gate_wait(struct pace_gate *g, uint64_t now)
{
	uint64_t rest = pace_gate_rest(g, now), others = rest == 0 ? shared_wait(g, now) : 0;

	return MAX(MAX(rest, others), pace_rate_wait(&g->rate, now));
}

size_t
pace_gate_places(const struct pace_gate *g)
{
	uint64_t rate = MIN(pace_rate_limit(&g->rate), g->rules.value[CONFIG_REMOTE_RATE]);

	return rate == CONFIG_UNLIMITED ? SIZE_MAX : MAX(rate / SOON_PARTS, PLACES_MIN);
}

/* --- what the host says --- */

bool
pace_gate_slow(struct pace_gate *g, const struct verdict *why, uint64_t rest, uint64_t now)
{
	if (g->why == NULL)
		g->why = mem_new(struct verdict);
	*g->why = *why;
	g->why->what = VERDICT_LATER;
	g->why_at = now;
	g->rest_until = MAX(g->rest_until, now + rest);
	g->probes = true;
	g->cap = 1;
	return pace_rate_slow(&g->rate, now);
}

bool
pace_gate_taken(struct pace_gate *g, uint64_t now)
{
	bool raised = pace_rate_taken(&g->rate, now);

	g->sent++;
	g->probes = false;
	if (g->cap == CONFIG_UNLIMITED || !raised)
		return raised;
	g->cap = g->rate.learnt == CONFIG_UNLIMITED ? CONFIG_UNLIMITED : g->cap + 1;
	return true;
}

void
pace_gate_said(struct pace_gate *g, enum pace_said said, const struct verdict *why)
{
	g->said = said;
	free(g->said_text);
	g->said_text = why != NULL ? mem_strdup(why->text) : NULL;
}

uint64_t
pace_gate_rest(const struct pace_gate *g, uint64_t now)
{
	uint64_t rest = now < g->rest_until ? g->rest_until - now : 0;

	return g->paused ? MAX(rest, PAUSED_MS) : rest;
}

enum pace_state
pace_gate_state(const struct pace_gate *g, uint64_t now)
{
	if (pace_gate_rest(g, now) > 0)
		return PACE_RESTS;
	return g->probes ? PACE_PROBES : g->sent > 0 ? PACE_WORKS : PACE_UNKNOWN;
}

void
pace_gate_release(struct pace_gate *g, uint64_t now)
{
	g->rest_until = 0;
	g->cap = CONFIG_UNLIMITED;
	pace_rate_forget(&g->rate, now);
}

void
pace_gate_reset(struct pace_gate *g, uint64_t now)
{
	pace_gate_release(g, now);
	g->probes = false;
	free(g->why);
	g->why = NULL;
	g->sent = 0;
	pace_gate_said(g, PACE_SAID_NOTHING, NULL);
}

/* --- the table --- */

void
pace_gate_table_each(struct pace_gates *t, void (*call)(void *arg, struct pace_gate *g), void *arg)
{
	struct pace_gate *g;

	for (size_t i = 0; i < BUCKETS; i++)
		LIST_FOREACH(g, &t->bucket[i], link)
			call(arg, g);
}

void
pace_gate_table_some(struct pace_gates *t, uint32_t *at, void (*call)(void *arg, struct pace_gate *g),
    void *arg)
{
	size_t n = 0, i = *at;
	struct pace_gate *g;

	for (; i < BUCKETS && n < SOME; i++)
		LIST_FOREACH(g, &t->bucket[i], link) {
			call(arg, g);
			n++;
		}
	*at = i < BUCKETS ? (uint32_t)i : 0;
}

void
pace_gate_table_sweep(struct pace_gates *t, uint64_t now)
{
	sweep(t, false, now);
}

struct pace_gates *
pace_gate_table_new(uint64_t period)
{
	struct pace_gates *t = mem_new(struct pace_gates);

	t->period = period;
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&t->bucket[i]);
	return t;
}

void
pace_gate_table_free(struct pace_gates *t)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (!LIST_EMPTY(&t->bucket[i]))
			free_gate(t, LIST_FIRST(&t->bucket[i]));
	free(t);
}
