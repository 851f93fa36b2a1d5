/*
 * shared_limits - the limits of hosts that all nodes share: asks the limits helper, ends what has no lease
 *
 * Runs in:  deliver
 * Owns:     the list of gates that hold or want something
 * Promise:  work goes on with what is held, and never waits for the helper. A connection whose lease is over
 *           says nothing more: it ends, and its message is tried again, which is no attempt
 * Fails by: fewer connections and messages; see on-loss of [limits]
 */
#include <bsd/stdlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/boot/boot.h"
#include "common/helpers/limits_client.h"
#include "common/process/counters.h"
#include "deliver/outbound/outbound.h"

#define TICK_MS 200U		/* less than what a lease ends too early: LEASE margin */

struct shared_limits {
	struct outbound *o;
	struct lease_node node;
	uint64_t holder, sequence;
	struct loop_timer *tick;
	TAILQ_HEAD(, pace_share) busy;
	bool lost;			/* as the counters say */
};

/* --- the end of leases --- */

/* Which one ends first: the lower. */
static int
worth(const struct outconn *p)
{
	if (p->state == OUTCONN_IDLE || p->state == OUTCONN_QUITTING)
		return 0;
	if (p->state < OUTCONN_OPEN)
		return 1;
	return p->client.phase == CLIENT_DOT ? 3 : 2;	/* it may have been taken, and would come twice */
}

static struct outconn *
find_least(struct outbound *o, const struct pace_gate *g)
{
	struct outconn *p, *found = NULL;
	struct site *s;

	for (size_t i = 0; i < OUTBOUND_BUCKETS; i++)
		LIST_FOREACH(s, &o->table[i], table_link)
			TAILQ_FOREACH(p, &s->conns, link)
				if (p->gate == g && (found == NULL || worth(p) < worth(found)))
					found = p;
	return found;
}

static void
end_dialogue(struct outconn *p)
{
	log_event(LOG_WARN, NULL, "trouble", "what=lease-over host=%s reason=%s", log_safe(p->where),
	    log_safe("the lease of this connection has ended, and was not renewed"));
	counters_add(p->site->o->counters, COUNTER_LEASES_ENDED, 1);
	p->over_limit = p->spent = true;
	p->marked = false;
	client_end(&p->client, "its lease has ended");
}

static void
end_surplus(struct outbound *o, struct pace_gate *g)
{
	struct outconn *p;

	for (size_t n = g->conns; n > 0 && pace_gate_is_over(g, clock_mono_ms()); n--) {
		p = find_least(o, g);
		if (p == NULL)
			return;
		end_dialogue(p);
		p->on_ignored(p);
	}
}

bool
shared_limits_allow(struct outconn *p)
{
	if (p->gate == NULL || p->gate->share == NULL || p->client.phase == CLIENT_OVER ||
	    !pace_gate_is_over(p->gate, clock_mono_ms()))
		return true;
	end_dialogue(p);
	return false;
}

/* --- questions --- */

static void
take_answer(struct shared_limits *l, struct pace_gate *g)
{
	bool lost = l->node.lost_at != 0;

	if (lost != l->lost)
		counters_set(l->o->counters, COUNTER_LEASES_LOST, lost ? 1 : 0);
	l->lost = lost;
	if (g->heir != NULL)
		site_waitlist_due(g->heir);
}

static void
on_connections(void *arg, const struct msg_limits_answer *a)
{
	struct pace_share *s = arg;

	limits_client_take(a, s->node, &s->connections);
	take_answer(s->asker, s->gate);
}

static void
on_messages(void *arg, const struct msg_limits_answer *a)
{
	struct pace_share *s = arg;
	uint64_t now = clock_mono_ms();

	if (a->result == LIMITS_GRANTED)
		lease_rate_answer(s->node, &s->messages, a->granted, a->wait_ms, now);
	else
		lease_rate_fail(s->node, &s->messages, a->result == LIMITS_LOST, now);
	take_answer(s->asker, s->gate);
}

static void
send_question(struct shared_limits *l, struct pace_share *s, struct msg_limits_ask *ask,
    void (*done)(void *arg, const struct msg_limits_answer *a))
{
	ask->holder = l->holder;
	ask->sequence = ++l->sequence;
	snprintf(ask->name, sizeof(ask->name), "%s%s%s", s->gate->host, *s->gate->account != '\0' ? "|" : "",
	    s->gate->account);
	counters_add(l->o->counters, COUNTER_LEASES_ASKED, 1);
	limits_client_ask(l->o->helper[CTL_HELPER_LIMITS], ask, done, s);
}

/* It has a reference of the gate while it is in the list; questions are open only then. */
static void
link_share(struct shared_limits *l, struct pace_share *s)
{
	if (s->linked)
		return;
	s->linked = true;
	s->gate->refs++;
	TAILQ_INSERT_TAIL(&l->busy, s, link);
	if (!loop_timer_is_set(l->tick))
		loop_timer_set(l->tick, TICK_MS);
}

static void
ask_for(struct shared_limits *l, struct pace_share *s, uint64_t now)
{
	struct pace_gate *g = s->gate;
	struct lease_question q;
	struct msg_limits_ask ask = { 0 };

	if (s->of_connections && lease_ask(s->node, &s->connections, g->conns, pace_gate_most(g), now, &q)) {
		limits_client_hold(&ask, &q);
		send_question(l, s, &ask, on_connections);
	}
	ask = (struct msg_limits_ask){ .kind = LIMITS_TAKE, .limit = pace_gate_rate(g) };
	if (s->of_messages && s->wants_message &&
	    lease_rate_ask(s->node, &s->messages, ask.limit, now, &ask.want)) {
		s->wants_message = false;
		send_question(l, s, &ask, on_messages);
	}
}

void
shared_limits_look(struct outbound *o, struct pace_gate *g)
{
	if (g->share == NULL || o->draining)
		return;
	link_share(o->shared, g->share);
	ask_for(o->shared, g->share, clock_mono_ms());
}

static bool
is_idle(const struct pace_share *s, uint64_t now)
{
	return s->gate->conns == 0 && !s->connections.asking && !s->messages.asking && !s->wants_message &&
	    lease_is_idle(&s->connections, now);
}

static void
on_tick(void *arg)
{
	struct shared_limits *l = arg;
	struct pace_share *s, *next;
	uint64_t now = clock_mono_ms();

	TAILQ_FOREACH_SAFE(s, &l->busy, link, next) {
		end_surplus(l->o, s->gate);
		ask_for(l, s, now);
		if (!is_idle(s, now))
			continue;
		s->linked = false;
		TAILQ_REMOVE(&l->busy, s, link);
		pace_gate_put(s->gate, now);
	}
	if (!TAILQ_EMPTY(&l->busy))
		loop_timer_set(l->tick, TICK_MS);
}

/* --- what is said of mail that waits --- */

/* Some of its hosts have no room for that alone, and no other one has any. */
static bool
waits(const struct site *s, uint64_t now, char words[PACE_WORDS_SIZE])
{
	bool found = false;

	if (s->kind != SITE_CONNECTS || s->waiting == 0)
		return false;
	for (size_t i = 0; i < s->list.count; i++) {
		char own[PACE_WORDS_SIZE];

		if (pace_gate_shared_words(s->host[i].gate, now, own) != PACE_SHARED_FREE) {
			if (!found)
				memcpy(words, own, sizeof(own));
			found = true;
		} else if (pace_gate_rest(s->host[i].gate, now) == 0 &&
		    pace_host_rest(s->host[i].pace, now) == 0) {
			return false;
		}
	}
	return found;
}

void
shared_limits_each(const struct outbound *o, void (*call)(void *arg, const char *key, const char *why),
    void *arg)
{
	char words[PACE_WORDS_SIZE];
	const struct site *s;

	for (size_t i = 0; i < OUTBOUND_BUCKETS && o->shared != NULL; i++)
		LIST_FOREACH(s, &o->table[i], table_link)
			if (waits(s, clock_mono_ms(), words))
				call(arg, s->d.key, words);
}

struct shared_wait { const char *key; char *why; bool found; };

static void
note_wait(void *arg, const char *key, const char *why)
{
	struct shared_wait *w = arg;

	if (strcmp(key, w->key) != 0)
		return;
	snprintf(w->why, PACE_WORDS_SIZE, "%s", why);
	w->found = true;
}

bool
shared_limits_waits(const struct outbound *o, const char *key, char why[PACE_WORDS_SIZE])
{
	struct shared_wait w = { .key = key, .why = why };

	shared_limits_each(o, note_wait, &w);
	return w.found;
}

/* --- beginning and end --- */

void
shared_limits_add(struct outbound *o, struct pace_gate *g)
{
	if (o->shared != NULL)
		pace_gate_share(g, &o->shared->node, o->shared);
}

static void
need_limits(void *arg)
{
	struct outbound *o = arg;

	boot_need(o->b, CTL_HELPER_LIMITS);
}

struct shared_limits *
shared_limits_new(struct outbound *o)
{
	const struct config_limits *c = &o->b->config->service.limits;
	struct shared_limits *l;

	if (c->engine == NULL)
		return NULL;
	l = mem_new(struct shared_limits);
	l->o = o;
	l->node = (struct lease_node){ .length = c->lease, .nodes = c->nodes,
	    .share = c->on_loss == CONFIG_LOSS_SHARE };
	arc4random_buf(&l->holder, sizeof(l->holder));
	TAILQ_INIT(&l->busy);
	l->tick = loop_timer_new(o->loop, on_tick, l);
	o->helper[CTL_HELPER_LIMITS] = limits_client_new(o->loop, need_limits, o);
	counters_set(o->counters, COUNTER_LEASES_LOST, 0);
	return l;
}

void
shared_limits_free(struct shared_limits *l)
{
	if (l == NULL)
		return;
	loop_timer_free(l->tick);
	free(l);
}
