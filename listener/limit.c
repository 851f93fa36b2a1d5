/*
 * limit - concurrent connections per client address, over all processes of the virtual server
 *
 * Runs in:  listener
 * Owns:     nothing: the counts are in memory that the processes share (common/process/crowd)
 * Promise:  IPv4-mapped IPv6 counts as IPv4; processes that are draining count too
 * Fails by: false from limit_take
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/listener.h"

struct limit {
	uint64_t per_client;
	struct crowd *crowd;
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

struct limit *
limit_new(uint64_t per_client, struct crowd *crowd, unsigned slot)
{
	if (per_client == CONFIG_UNLIMITED)
		return NULL;
	struct limit *t = mem_new(struct limit);
	*t = (struct limit){ .per_client = per_client, .crowd = crowd, .slot = slot };
	return t;
}

void
limit_free(struct limit *t)
{
	free(t);
}

bool
limit_take(struct limit *t, const struct sockaddr *client)
{
	uint8_t key[16];
	if (t == NULL)
		return true;
	make_key(key, client);
	return crowd_take(t->crowd, t->slot, key, t->per_client);
}

void
limit_give(struct limit *t, const struct sockaddr *client)
{
	uint8_t key[16];
	if (t == NULL)
		return;
	make_key(key, client);
	crowd_give(t->crowd, t->slot, key);
}
