/*
 * client_share - the connections of a client that all nodes count together: what this node may have of them
 *
 * Runs in:  listener
 * Owns:     a record for each client that has more than a few connections here, with its lease
 * Promise:  a connection never waits for another node: a part of the limit is always this node's own, and
 *           more is leased before it is needed. A session goes on when a lease ends; none is let in then
 * Fails by: this node's own part, and without the engine its share
 */
#include <bsd/stdlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/helpers/limits_client.h"
#include "common/process/client_count.h"
#include "common/process/lease.h"
#include "listener/accept/accept.h"
#include "listener/listener.h"

#define BUCKETS 1024
#define TICK_MS 200U
#define OWN_PART 2U		/* of the limit divided by the nodes: always this node's own */
#define SLICE_PART 4U		/* of what is leased: taken at a time */

struct client_share {
	LIST_ENTRY(client_share) bucket;
	struct client_shares *all;
	uint8_t key[16];
	uint64_t here;			/* connections of it in all processes, when it was last looked at */
	struct lease lease;
};

struct client_shares {
	struct listener *listener;
	struct client_count *count;
	struct lease_node node;
	uint64_t own, leased;		/* parts of the limit */
	uint64_t holder, sequence;
	struct loop_timer *tick;
	size_t records;
	LIST_HEAD(, client_share) table[BUCKETS];
};

static size_t
bucket_of(const uint8_t key[16])
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < 16; i++)
		hash = (hash ^ key[i]) * 16777619U;
	return hash % BUCKETS;
}

static struct client_share *
find_share(struct client_shares *all, const uint8_t key[16])
{
	struct client_share *s;

	LIST_FOREACH(s, &all->table[bucket_of(key)], bucket)
		if (memcmp(s->key, key, sizeof(s->key)) == 0)
			break;
	return s;
}

static struct client_share *
make_share(struct client_shares *all, const uint8_t key[16])
{
	struct client_share *s = mem_new(struct client_share);

	s->all = all;
	memcpy(s->key, key, sizeof(s->key));
	s->lease.slice = MAX(all->leased / SLICE_PART, 1);
	LIST_INSERT_HEAD(&all->table[bucket_of(key)], s, bucket);
	if (all->records++ == 0)
		loop_timer_set(all->tick, TICK_MS);
	return s;
}

static void
free_share(struct client_share *s)
{
	s->all->records--;
	LIST_REMOVE(s, bucket);
	free(s);
}

/* --- questions --- */

static void
on_share(void *arg, const struct msg_limits_answer *a)
{
	struct client_share *s = arg;

	limits_client_take(a, &s->all->node, &s->lease);
}

/* A draining process asks for nothing more: its sessions end. */
static void
ask_share(struct client_share *s, uint64_t now)
{
	struct client_shares *all = s->all;
	struct msg_limits_ask ask = { .holder = all->holder };
	struct lease_question q;
	size_t at;

	if (!lease_ask(&all->node, &s->lease, s->here > all->own ? s->here - all->own : 0, all->leased, now,
	    &q))
		return;
	ask.sequence = ++all->sequence;
	limits_client_hold(&ask, &q);
	at = (size_t)snprintf(ask.name, sizeof(ask.name), "client/");
	for (size_t i = 0; i < sizeof(s->key); i++)
		at += (size_t)snprintf(ask.name + at, sizeof(ask.name) - at, "%02x", s->key[i]);
	limits_client_ask(all->listener->helper[CTL_HELPER_LIMITS], &ask, on_share, s);
}

static void
on_share_tick(void *arg)
{
	struct client_shares *all = arg;
	uint64_t now = clock_mono_ms();
	struct client_share *s, *next;

	for (size_t i = 0; i < BUCKETS; i++)
		for (s = LIST_FIRST(&all->table[i]); s != NULL; s = next) {
			next = LIST_NEXT(s, bucket);
			s->here = client_count_of(all->count, s->key);
			ask_share(s, now);
			if (s->here == 0 && lease_is_idle(&s->lease, now))
				free_share(s);
		}
	if (all->records > 0)
		loop_timer_set(all->tick, TICK_MS);
}

uint64_t
client_share_most(struct client_shares *all, const uint8_t key[16])
{
	uint64_t now = clock_mono_ms(), here = client_count_of(all->count, key);
	struct client_share *s = find_share(all, key);

	if (all->leased == 0 || (s == NULL && here + 1 <= all->own / 2))
		return all->own;
	if (s == NULL)
		s = make_share(all, key);
	s->here = here;
	lease_want(&s->lease, now);
	ask_share(s, now);
	return all->own + lease_usable(&all->node, &s->lease, now);
}

/* --- beginning and end --- */

struct client_shares *
client_share_open(struct listener *l, const struct ceilings *c, struct client_count *count)
{
	const struct config_limits *conf = &l->boot->config->service.limits;
	struct client_shares *all;
	uint64_t own;

	if (conf->engine == NULL || c->is_derived || c->per_client == CONFIG_UNLIMITED)
		return NULL;
	all = mem_new(struct client_shares);
	own = MIN(MAX(c->per_client / (OWN_PART * conf->nodes), 1), c->per_client);
	all->listener = l;
	all->count = count;
	all->own = own;
	all->leased = c->per_client > own * conf->nodes ? c->per_client - own * conf->nodes : 0;
	/* without the engine a client is let in all the same: this limit keeps one client from the others */
	all->node = (struct lease_node){ .length = conf->lease, .nodes = conf->nodes, .share = true };
	arc4random_buf(&all->holder, sizeof(all->holder));
	all->tick = loop_timer_new(l->boot->loop, on_share_tick, all);
	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&all->table[i]);
	return all;
}

void
client_share_close(struct client_shares *all)
{
	if (all == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++)
		while (!LIST_EMPTY(&all->table[i]))
			free_share(LIST_FIRST(&all->table[i]));
	loop_timer_free(all->tick);
	free(all);
}
