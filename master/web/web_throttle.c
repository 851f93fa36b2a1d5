/*
 * web_throttle - sessions that are not known: how often an address may have the master asked for one; pure
 *
 * Runs in:  web
 * Owns:     a table of fixed size
 * Promise:  an address asks 20 times at once, and then five times a second. Addresses of one customer of IPv6
 *           count as one
 * Fails by: forgetting the address that asked longest ago, when the table is full
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/web/web.h"

#define ROWS 256U
#define STRANGER_MS 200U		/* a question to the master earned */
#define STRANGER_MOST 20U		/* at once */
#define PREFIX_BYTES 8U			/* of an IPv6 address: a /64 */

struct web_throttle_stranger { char client[64]; uint64_t owed, at; };	/* in ms; the latest question */
struct web_throttle {
	struct web_throttle_stranger stranger[ROWS];
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
web_throttle_new(void)
{
	return mem_new(struct web_throttle);
}

void
web_throttle_free(struct web_throttle *t)
{
	free(t);
}

static struct web_throttle_stranger *
find_stranger(struct web_throttle *t, const char *client, uint64_t now)
{
	struct web_throttle_stranger *oldest = &t->stranger[0];
	char key[64];

	put_key(key, client);
	for (size_t i = 0; i < ROWS; i++) {
		if (strcmp(t->stranger[i].client, key) == 0)
			return &t->stranger[i];
		if (t->stranger[i].at < oldest->at)
			oldest = &t->stranger[i];
	}
	*oldest = (struct web_throttle_stranger){ .at = now };
	memcpy(oldest->client, key, sizeof(oldest->client));
	return oldest;
}

bool
web_throttle_stranger(struct web_throttle *t, const char *client, uint64_t now)
{
	struct web_throttle_stranger *s = find_stranger(t, client, now);

	s->owed -= now - s->at < s->owed ? now - s->at : s->owed;
	s->at = now;
	if (s->owed > (STRANGER_MOST - 1) * STRANGER_MS)
		return false;
	s->owed += STRANGER_MS;
	return true;
}
