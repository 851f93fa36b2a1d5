/*
 * web_throttle - logins that fail make the next one from that address wait; pure
 *
 * Runs in:  web
 * Owns:     a table of fixed size
 * Promise:  the first three failures cost nothing, each further one doubles the wait, to a minute; a quarter
 *           of an hour without one forgets them. Addresses of one customer of IPv6 count as one
 * Fails by: forgetting the address that failed longest ago, when the table is full
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "master/web/web.h"

#define ROWS 256U
#define FREE_FAILURES 3U
#define WAIT_MAX_MS 60000U
#define FORGET_MS 900000U
#define PREFIX_BYTES 8U			/* of an IPv6 address: a /64 */

struct web_throttle_row {
	char client[64];
	unsigned failures;
	uint64_t at, until;		/* the latest failure; from when on the next try is taken */
};
struct web_throttle { struct web_throttle_row row[ROWS]; };

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

static struct web_throttle_row *
find_row(struct web_throttle *t, const char *client, uint64_t now, bool make)
{
	struct web_throttle_row *oldest = &t->row[0];
	char key[64];

	put_key(key, client);
	for (size_t i = 0; i < ROWS; i++) {
		struct web_throttle_row *r = &t->row[i];

		if (r->failures > 0 && now - r->at >= FORGET_MS)
			*r = (struct web_throttle_row){ 0 };
		if (r->failures > 0 && strcmp(r->client, key) == 0)
			return r;
		if (r->failures == 0 || (oldest->failures > 0 && r->at < oldest->at))
			oldest = r;
	}
	if (!make)
		return NULL;
	*oldest = (struct web_throttle_row){ 0 };
	memcpy(oldest->client, key, sizeof(oldest->client));
	return oldest;
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

uint64_t
web_throttle_wait(struct web_throttle *t, const char *client, uint64_t now)
{
	const struct web_throttle_row *r = find_row(t, client, now, false);

	return r != NULL && r->until > now ? r->until - now : 0;
}

void
web_throttle_failed(struct web_throttle *t, const char *client, uint64_t now)
{
	struct web_throttle_row *r = find_row(t, client, now, true);
	uint64_t wait = 0;

	r->at = now;
	if (++r->failures > FREE_FAILURES)
		wait = r->failures - FREE_FAILURES > 6 ? WAIT_MAX_MS :
		    1000ULL << (r->failures - FREE_FAILURES - 1);
	r->until = now + (wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS);
}

void
web_throttle_passed(struct web_throttle *t, const char *client, uint64_t now)
{
	struct web_throttle_row *r = find_row(t, client, now, false);

	if (r != NULL)
		*r = (struct web_throttle_row){ 0 };
}
