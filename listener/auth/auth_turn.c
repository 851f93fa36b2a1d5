/*
 * auth_turn - what each client address has under way: whose step is next, and who gives up a place
 *
 * Runs in:  auth
 * Owns:     a record for each address with something under way
 * Promise:  an address has at most `slots` steps with the pool and AUTH_TURN_PLACES_MAX requests open. When
 *           places are short, the address that has most gives up one: who waits for its client gives way to
 *           who works. Silent clients keep nobody out, and busy ones not the first of another address
 * Fails by: NULL
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "listener/auth/auth.h"

enum { PREFIX_BYTES = 8 };

void
auth_turn_make_key(uint8_t key[16], const char *ip)
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
bucket_of_address(const struct auth_turn_table *t, const uint8_t key[16])
{
	uint32_t h = 2166136261U ^ (uint32_t)((uintptr_t)t >> 4);

	for (size_t i = 0; i < 16; i++)
		h = (h ^ key[i]) * 16777619U;
	return (h ^ h >> 16) % AUTH_TURN_BUCKETS;
}

void
auth_turn_table_init(struct auth_turn_table *t)
{
	for (size_t i = 0; i < AUTH_TURN_BUCKETS; i++)
		LIST_INIT(&t->bucket[i]);
}

static struct auth_turn *
find_address(struct auth_turn_table *t, const uint8_t key[16])
{
	struct auth_turn *v;

	LIST_FOREACH(v, &t->bucket[bucket_of_address(t, key)], bucket)
		if (memcmp(v->key, key, sizeof(v->key)) == 0)
			break;
	return v;
}

struct auth_turn *
auth_turn_enter(struct auth_turn_table *t, const uint8_t key[16])
{
	struct auth_turn *v = find_address(t, key);

	if (v != NULL && v->users == AUTH_TURN_PLACES_MAX)
		return NULL;
	if (v == NULL) {
		v = mem_new(struct auth_turn);
		memcpy(v->key, key, sizeof(v->key));
		TAILQ_INIT(&v->waiting);
		TAILQ_INIT(&v->resting);
		LIST_INSERT_HEAD(&t->bucket[bucket_of_address(t, key)], v, bucket);
	}
	v->users++;
	return v;
}

void
auth_turn_leave(struct auth_turn *v)
{
	if (--v->users > 0)
		return;
	LIST_REMOVE(v, bucket);
	free(v);
}

/* Of that worker or (NULL) of any: who waits longest for its client, else who rests longest. */
static struct auth_request *
find_resting(const struct auth_turn *v, const struct ctl_server *of)
{
	struct auth_request *x, *first = NULL;

	TAILQ_FOREACH(x, &v->resting, in_turn) {
		if (of != NULL && x->open.server != of)
			continue;
		if (x->state == AUTH_REQUEST_IDLE)
			return x;
		if (first == NULL)
			first = x;
	}
	return first;
}

/* The last one that waits for a slot. */
static struct auth_request *
find_queued(const struct auth_turn *v, const struct ctl_server *of)
{
	struct auth_request *x;

	TAILQ_FOREACH_REVERSE(x, &v->waiting, auth_request_queue, in_turn)
		if (x->open.server == of)
			break;
	return x;
}

/* The address that has most pays, but `least` at least; of several, the one whose request is the oldest. */
static struct auth_request *
find_greedy(const struct auth_turn_table *t, const struct ctl_server *of, unsigned least,
    struct auth_request *(*find)(const struct auth_turn *v, const struct ctl_server *of))
{
	struct auth_turn *v;
	struct auth_request *x = NULL, *each;
	unsigned most = least;

	for (size_t i = 0; i < AUTH_TURN_BUCKETS; i++)
		LIST_FOREACH(v, &t->bucket[i], bucket) {
			if (v->users < most || (each = find(v, of)) == NULL)
				continue;
			if (x != NULL && v->users == most && each->since_ms >= x->since_ms)
				continue;
			x = each;
			most = v->users;
		}
	return x;
}

struct auth_request *
auth_turn_find_victim(struct auth_turn_table *t, const uint8_t key[16], const struct ctl_server *of)
{
	struct auth_turn *v = find_address(t, key);
	struct auth_request *x;

	if (v != NULL && v->users == AUTH_TURN_PLACES_MAX)
		return find_resting(v, NULL);
	x = find_greedy(t, of, 1, find_resting);
	return x != NULL ? x : find_greedy(t, of, (v != NULL ? v->users : 0) + 2, find_queued);
}
