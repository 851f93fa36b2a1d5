/*
 * pace_gate - what one host gets from us: connections and messages a minute, over all its addresses; pure
 *
 * Runs in:  deliver
 * Owns:     the gates, one for each host and account
 * Promise:  eighty domains behind one MX have one gate. It outlives its destinations for a while, so that a
 *           limit a minute holds when they come and go
 * Fails by: cannot
 */
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/mem.h"
#include "common/config/config.h"
#include "deliver/pace/pace.h"

#define BUCKETS 1024
#define FORGET_MS 600000U
#define SOON_PARTS 6U		/* of a minute: mail for ten seconds is at work */
#define PLACES_MIN 2U

struct pace_gates {
	LIST_HEAD(, pace_gate) bucket[BUCKETS];
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
		pace_rate_init(&g->rate, rules->value[CONFIG_REMOTE_RATE], now);
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

bool
pace_gate_takes_job(struct pace_gate *g, uint64_t now)
{
	return pace_gate_wait(g, now) == 0;
}

bool
pace_gate_has_room(struct pace_gate *g, uint64_t now)
{
	return g->conns < g->rules.value[CONFIG_REMOTE_CONNECTIONS] && pace_gate_takes_job(g, now);
}

void
pace_gate_given(struct pace_gate *g, uint64_t now)
{
	pace_rate_take(&g->rate, now);
}

uint64_t
pace_gate_wait(struct pace_gate *g, uint64_t now)
{
	return pace_rate_wait(&g->rate, now);
}

size_t
pace_gate_places(const struct pace_gate *g)
{
	return g->rate.limit == CONFIG_UNLIMITED ? SIZE_MAX : MAX(g->rate.limit / SOON_PARTS, PLACES_MIN);
}

static void
free_gate(struct pace_gate *g)
{
	LIST_REMOVE(g, link);
	free(g->host);
	free(g->account);
	free(g);
}

void
pace_gate_table_sweep(struct pace_gates *t, uint64_t now)
{
	struct pace_gate *g, *next;

	for (size_t i = 0; i < BUCKETS; i++)
		for (g = LIST_FIRST(&t->bucket[i]); g != NULL; g = next) {
			next = LIST_NEXT(g, link);
			if (g->refs == 0 && now >= g->used_at + FORGET_MS)
				free_gate(g);
		}
}

struct pace_gates *
pace_gate_table_new(void)
{
	struct pace_gates *t = mem_new(struct pace_gates);

	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&t->bucket[i]);
	return t;
}

void
pace_gate_table_free(struct pace_gates *t)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (!LIST_EMPTY(&t->bucket[i]))
			free_gate(LIST_FIRST(&t->bucket[i]));
	free(t);
}
