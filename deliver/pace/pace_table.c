/*
 * pace_table - the addresses that are known: one memory for each, shared by all its destinations; pure
 *
 * Runs in:  deliver
 * Owns:     the memories
 * Promise:  many domains at one provider have one memory. It outlives its destinations as long as it matters
 * Fails by: cannot
 */
#include <netinet/in.h>
#include <stdlib.h>

#include "common/base/mem.h"
#include "deliver/pace/pace.h"

#define BUCKETS 1024

struct pace_table {
	LIST_HEAD(, pace_host) bucket[BUCKETS];
};

static size_t
bucket_of(const struct net_address *to)
{
	const uint8_t *p = (const uint8_t *)&((const struct sockaddr_in *)&to->sa)->sin_addr;
	size_t len = sizeof(struct in_addr);
	uint32_t hash = 2166136261U ^ net_port((const struct sockaddr *)&to->sa);

	if (to->sa.ss_family == AF_INET6) {
		p = ((const struct sockaddr_in6 *)&to->sa)->sin6_addr.s6_addr;
		len = sizeof(struct in6_addr);
	}
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 16777619U;
	return hash % BUCKETS;
}

struct pace_host *
pace_table_get(struct pace_table *t, const struct net_address *to)
{
	struct pace_host *h;

	LIST_FOREACH(h, &t->bucket[bucket_of(to)], link)
		if (net_equal((const struct sockaddr *)&h->to.sa, (const struct sockaddr *)&to->sa))
			break;
	if (h == NULL) {
		h = mem_new(struct pace_host);
		pace_host_init(h, to);
		LIST_INSERT_HEAD(&t->bucket[bucket_of(to)], h, link);
	}
	h->refs++;
	return h;
}

/* It is freed by a sweep, when nothing of it matters any more. */
void
pace_table_put(struct pace_host *h)
{
	h->refs--;
}

void
pace_table_release(struct pace_table *t, uint64_t now)
{
	struct pace_host *h;

	for (size_t i = 0; i < BUCKETS; i++)
		LIST_FOREACH(h, &t->bucket[i], link)
			pace_host_release(h, now);
}

static void
free_host(struct pace_host *h)
{
	LIST_REMOVE(h, link);
	pace_host_done(h);
	free(h);
}

void
pace_table_sweep(struct pace_table *t, uint64_t now)
{
	struct pace_host *h, *next;

	for (size_t i = 0; i < BUCKETS; i++)
		for (h = LIST_FIRST(&t->bucket[i]); h != NULL; h = next) {
			next = LIST_NEXT(h, link);
			if (pace_host_is_forgotten(h, now))
				free_host(h);
		}
}

struct pace_table *
pace_table_new(void)
{
	struct pace_table *t = mem_new(struct pace_table);

	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&t->bucket[i]);
	return t;
}

void
pace_table_free(struct pace_table *t)
{
	for (size_t i = 0; i < BUCKETS; i++)
		while (!LIST_EMPTY(&t->bucket[i]))
			free_host(LIST_FIRST(&t->bucket[i]));
	free(t);
}
