/*
 * client_limit - concurrent connections per client address, over all processes of the virtual server
 *
 * Runs in:  listener
 * Owns:     nothing; the counts are in memory that the processes share (common/process/client_count)
 * Promise:  an IPv4-mapped IPv6 address counts as the IPv4 address; connections of draining processes count
 * Fails by: false from client_limit_take()
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "common/process/client_count.h"
#include "listener/accept/accept.h"

struct client_limit {
	uint64_t per_client;
	struct client_count *client_count;
	unsigned slot;
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

struct client_limit *
client_limit_new(uint64_t per_client, struct client_count *client_count, unsigned slot)
{
	struct client_limit *t;

	if (per_client == CONFIG_UNLIMITED)
		return NULL;
	t = mem_new(struct client_limit);
	*t = (struct client_limit){ .per_client = per_client, .client_count = client_count, .slot = slot };
	return t;
}

void
client_limit_free(struct client_limit *t)
{
	free(t);
}

bool
client_limit_take(struct client_limit *t, const struct sockaddr *client)
{
	uint8_t key[16];

	if (t == NULL)
		return true;
	make_key(key, client);
	return client_count_take(t->client_count, t->slot, key, t->per_client);
}

void
client_limit_give(struct client_limit *t, const struct sockaddr *client)
{
	uint8_t key[16];

	if (t == NULL)
		return;
	make_key(key, client);
	client_count_give(t->client_count, t->slot, key);
}
