/*
 * client_limit - concurrent connections per client, over all processes of the virtual server
 *
 * Runs in:  listener
 * Owns:     nothing; the counts are in memory that the processes share (common/process/client_count)
 * Promise:  a client is a network of the prefixes given; an IPv4-mapped IPv6 address counts as the IPv4
 *           address; connections of draining processes count
 * Fails by: false from client_limit_take()
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/mem.h"
#include "common/process/client_count.h"
#include "listener/accept/accept.h"
#include "listener/listener.h"

struct client_limit {
	const struct ceilings *ceilings;
	unsigned v4, v6;		/* bits of a client's network */
	struct client_count *client_count;
	unsigned slot;
	struct client_shares *shares;	/* NULL: this node counts alone */
};

enum { MAPPED_BITS = 96 };

static void
make_key(const struct client_limit *t, uint8_t key[16], const struct sockaddr *sa)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	unsigned bits;

	if (sa->sa_family == AF_INET6) {
		memcpy(key, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
	} else {
		memcpy(key, mapped, sizeof(mapped));
		memcpy(key + 12, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	}
	bits = memcmp(key, mapped, sizeof(mapped)) == 0 ? MAPPED_BITS + t->v4 : t->v6;
	for (unsigned i = 0; i < 16; i++) {
		unsigned kept = bits > i * 8 ? MIN(bits - i * 8, 8U) : 0;

		key[i] &= (uint8_t)(0xff00U >> kept);
	}
}

/* 127.0.0.0/8 and ::1. */
static bool
is_loopback(const struct sockaddr *sa)
{
	const struct in6_addr *six = &((const struct sockaddr_in6 *)sa)->sin6_addr;

	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(six) || (IN6_IS_ADDR_V4MAPPED(six) && six->s6_addr[12] == 127);
	return ntohl(((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
}

static bool
is_counted(const struct client_limit *t, const struct sockaddr *client)
{
	return t != NULL && !(t->ceilings->is_derived && is_loopback(client));
}

struct client_limit *
client_limit_new(const struct ceilings *c, unsigned v4, unsigned v6, struct client_count *client_count,
    unsigned slot)
{
	struct client_limit *t;

	if (c->per_client == CONFIG_UNLIMITED)
		return NULL;
	t = mem_new(struct client_limit);
	*t = (struct client_limit){ .ceilings = c, .v4 = v4, .v6 = v6, .client_count = client_count,
	    .slot = slot };
	return t;
}

void
client_limit_share(struct client_limit *t, struct client_shares *shares)
{
	if (t != NULL)
		t->shares = shares;
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
	uint64_t most;

	if (!is_counted(t, client))
		return true;
	make_key(t, key, client);
	most = t->ceilings->per_client;
	if (t->shares != NULL)
		most = MIN(most, client_share_most(t->shares, key));
	return client_count_take(t->client_count, t->slot, key, most);
}

void
client_limit_give(struct client_limit *t, const struct sockaddr *client)
{
	uint8_t key[16];

	if (!is_counted(t, client))
		return;
	make_key(t, key, client);
	client_count_give(t->client_count, t->slot, key);
}
