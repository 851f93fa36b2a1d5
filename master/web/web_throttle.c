/*
 * web_throttle - logins that fail make the next one from that address wait, and so do sessions that are not
 * known; pure
 *
 * Runs in:  web
 * Owns:     two tables of fixed size
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
#define STRANGER_MS 200U		/* a question to the master earned */
#define STRANGER_MOST 20U		/* at once */
#define PREFIX_BYTES 8U			/* of an IPv6 address: a /64 */

struct web_throttle_row {
	char client[64];
	unsigned failures;
	uint64_t at, until;		/* the latest failure; from when on the next try is taken */
};
struct web_throttle_stranger { char client[64]; uint64_t owed, at; };	/* in ms; the latest question */
struct web_throttle {
	struct web_throttle_row row[ROWS];
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
