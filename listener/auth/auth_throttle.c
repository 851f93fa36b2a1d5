/*
 * auth_throttle - what each client address has under way, and what its mistakes cost; pure
 *
 * Runs in:  auth
 * Owns:     the table of addresses
 * Promise:  at most AUTH_THROTTLE_MAX addresses, each with at most AUTH_THROTTLE_USERS_MAX requests; the one
 *           that is idle longest is forgotten first; the first failure costs 0.5 s, each further one twice as
 *           much, up to 16 s; every minute without a failure forgives one
 * Fails by: NULL from auth_throttle_enter
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

enum { BUCKETS = 4096, PREFIX_BYTES = 8 };

struct auth_throttle_table {
	LIST_HEAD(, auth_throttle) bucket[BUCKETS];
	TAILQ_HEAD(, auth_throttle) idle;	/* nothing under way; the longest idle one first */
	unsigned count;
};

static void
make_address_key(uint8_t key[16], const char *ip)
{
	struct in_addr four;

	memset(key, 0, 16);
	if (inet_pton(AF_INET, ip, &four) == 1) {
		key[10] = key[11] = 0xff;
		memcpy(key + 12, &four, 4);
	} else if (inet_pton(AF_INET6, ip, key) == 1) {
		memset(key + PREFIX_BYTES, 0, 16 - PREFIX_BYTES);
	}
}

static size_t
bucket_of_address(const struct auth_throttle_table *t, const uint8_t key[16])
{
	uint32_t h = 2166136261U ^ (uint32_t)((uintptr_t)t >> 4);

	for (size_t i = 0; i < 16; i++)
		h = (h ^ key[i]) * 16777619U;
	return (h ^ h >> 16) % BUCKETS;
}

struct auth_throttle_table *
auth_throttle_table_new(void)
{
	struct auth_throttle_table *t = mem_new(struct auth_throttle_table);

	for (size_t i = 0; i < BUCKETS; i++)
		LIST_INIT(&t->bucket[i]);
	TAILQ_INIT(&t->idle);
	return t;
}

static void
forget_address(struct auth_throttle_table *t, struct auth_throttle *v)
{
	TAILQ_REMOVE(&t->idle, v, age);
	LIST_REMOVE(v, bucket);
	t->count--;
	free(v);
}

void
auth_throttle_table_free(struct auth_throttle_table *t)
{
	struct auth_throttle *v;

	while ((v = TAILQ_FIRST(&t->idle)) != NULL)
		forget_address(t, v);
	free(t);
}

struct auth_throttle *
auth_throttle_enter(struct auth_throttle_table *t, const char *ip)
{
	uint8_t key[16];
	struct auth_throttle *v;
	size_t at;

	make_address_key(key, ip);
	at = bucket_of_address(t, key);
	LIST_FOREACH(v, &t->bucket[at], bucket)
		if (memcmp(v->key, key, sizeof(key)) == 0)
			break;
	if (v != NULL && v->users == AUTH_THROTTLE_USERS_MAX)
		return NULL;
	if (v == NULL) {
		if (t->count == AUTH_THROTTLE_MAX && TAILQ_EMPTY(&t->idle))
			return NULL;
		if (t->count == AUTH_THROTTLE_MAX)
			forget_address(t, TAILQ_FIRST(&t->idle));
		v = mem_new(struct auth_throttle);
		memcpy(v->key, key, sizeof(key));
		TAILQ_INIT(&v->waiting);
		LIST_INSERT_HEAD(&t->bucket[at], v, bucket);
		t->count++;
	} else if (v->users == 0) {
		TAILQ_REMOVE(&t->idle, v, age);
	}
	v->users++;
	return v;
}

void
auth_throttle_leave(struct auth_throttle_table *t, struct auth_throttle *v)
{
	if (--v->users == 0)
		TAILQ_INSERT_TAIL(&t->idle, v, age);
}

uint64_t
auth_throttle_fail(struct auth_throttle *v, uint64_t now_ms)
{
	uint64_t forgiven = v->failures > 0 ? (now_ms - v->since_ms) / AUTH_THROTTLE_FORGIVE_MS : 0,
	    delay = AUTH_THROTTLE_FIRST_MS;

	v->failures = forgiven >= v->failures ? 0 : v->failures - (unsigned)forgiven;
	for (unsigned i = 0; i < v->failures && delay < AUTH_THROTTLE_LAST_MS; i++)
		delay *= 2;
	if (delay < AUTH_THROTTLE_LAST_MS)
		v->failures++; /* not beyond the longest delay: then it is forgiven within minutes */
	else
		delay = AUTH_THROTTLE_LAST_MS;
	v->since_ms = now_ms;
	return delay;
}

void
auth_throttle_succeed(struct auth_throttle *v)
{
	v->failures /= 2; /* not 0: an attacker may own one good account and guess at others */
}
