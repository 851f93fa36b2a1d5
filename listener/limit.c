/*
 * limit - concurrent connections per client address
 *
 * Runs in:  listener (pure)
 * Owns:     a table of the addresses that are connected now
 * Promise:  IPv4-mapped IPv6 counts as IPv4; memory is bounded by the open connections
 * Fails by: false from limit_take
 *
 * The table is each process's own: with processes = N a client may reach N times the limit, as the kernel deals
 * connections out. Dividing by N would refuse clients that are within it.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/listener.h"

enum { BUCKETS = 4096 };	/* fixed: chains stay short up to some ten thousand addresses */

struct address_use {
	struct address_use *next;
	uint8_t key[16];
	uint64_t count;
};

struct limit {
	uint64_t per_client;
	uint32_t seed;
	struct address_use *bucket[BUCKETS];
};

static void
make_key(uint8_t key[16], const struct sockaddr *sa)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (sa->sa_family == AF_INET6) {
		memcpy(key, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
		return;
	}
	memcpy(key, mapped, sizeof(mapped));
	memcpy(key + 12, &((const struct sockaddr_in *)sa)->sin_addr, 4);
}

/* The link to the entry of `key`, or to the NULL where it would stand. */
static struct address_use **
find(struct limit *t, const uint8_t key[16])
{
	uint32_t h = t->seed;
	for (size_t i = 0; i < 16; i++)
		h = (h ^ key[i]) * 16777619U;
	struct address_use **at = &t->bucket[(h ^ h >> 16) % BUCKETS];
	while (*at != NULL && memcmp((*at)->key, key, 16) != 0)
		at = &(*at)->next;
	return at;
}

struct limit *
limit_new(uint64_t per_client)
{
	if (per_client == CONFIG_UNLIMITED)
		return NULL;
	struct limit *t = mem_new(struct limit);
	t->per_client = per_client;
	t->seed = 2166136261U ^ (uint32_t)((uintptr_t)t >> 12);
	return t;
}

void
limit_free(struct limit *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		for (struct address_use *u = t->bucket[i], *next; u != NULL; u = next) {
			next = u->next;
			free(u);
		}
	}
	free(t);
}

bool
limit_take(struct limit *t, const struct sockaddr *client)
{
	uint8_t key[16];
	if (t == NULL)
		return true;
	make_key(key, client);
	struct address_use **at = find(t, key);
	if (*at == NULL) {
		if (t->per_client == 0)
			return false;
		*at = mem_new(struct address_use);
		memcpy((*at)->key, key, sizeof(key));
	}
	if ((*at)->count >= t->per_client)
		return false;
	(*at)->count++;
	return true;
}

void
limit_give(struct limit *t, const struct sockaddr *client)
{
	uint8_t key[16];
	if (t == NULL)
		return;
	make_key(key, client);
	struct address_use **at = find(t, key), *u = *at;
	if (u == NULL || --u->count > 0)
		return;
	*at = u->next;
	free(u);
}
