/*
 * web_throttle - how often an address may have the master asked: for sessions that are not known, for logins;
 *                pure
 *
 * Runs in:  web
 * Owns:     a table of fixed size
 * Promise:  an address asks so many times at once, and then one each so many milliseconds. Addresses of one
 *           customer of IPv6 count as one
 * Fails by: forgetting the address that asked longest ago, when the table is full
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/web/web.h"

#define ROWS 256U
#define PREFIX_BYTES 8U			/* of an IPv6 address: a /64 */

struct web_throttle_client { char client[64]; uint64_t owed, at; };	/* in ms; the latest question */
struct web_throttle {
	uint64_t most, each_ms;
	struct web_throttle_client client[ROWS];
};

/* What counts as one client: the address, or the half of it that a customer of IPv6 has. */
static void
put_key(char key[64], const char *client)
{
	struct in6_addr a;

	if (inet_pton(AF_INET6, client, &a) == 1 && !IN6_IS_ADDR_V4MAPPED(&a)) {
		memset(&a.s6_addr[PREFIX_BYTES], 0, sizeof(a.s6_addr) - PREFIX_BYTES);
		inet_ntop(AF_INET6, &a, key, 64);
	} else {
		snprintf(key, 64, "%s", client);
	}
}

struct web_throttle *
web_throttle_new(unsigned most, unsigned each_ms)
{
	struct web_throttle *t = mem_new(struct web_throttle);

	t->most = most;
	t->each_ms = each_ms;
	return t;
}

void
web_throttle_free(struct web_throttle *t)
{
	free(t);
}

static struct web_throttle_client *
find_client(struct web_throttle *t, const char *client, uint64_t now)
{
	struct web_throttle_client *oldest = &t->client[0];
	char key[64];

	put_key(key, client);
	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(t->client[i].client, key) == 0)
			return &t->client[i];
		if (t->client[i].at < oldest->at)
			oldest = &t->client[i];
	}
	*oldest = (struct web_throttle_client){ .at = now };
	memcpy(oldest->client, key, sizeof(oldest->client));
	return oldest;
}

bool
web_throttle_take(struct web_throttle *t, const char *client, uint64_t now)
{
	struct web_throttle_client *s = find_client(t, client, now);

	s->owed -= now - s->at < s->owed ? now - s->at : s->owed;
	s->at = now;
	if (s->owed > (t->most - 1) * t->each_ms)
		return false;
	s->owed += t->each_ms;
	return true;
}
