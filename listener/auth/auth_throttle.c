/*
 * auth_throttle - what mistakes cost: how long a refusal is delayed; pure
 *
 * Runs in:  auth
 * Owns:     a table for each kind of record
 * Promise:  a right password waits for none of this: it is the refusal that is late. Only where clients do
 *           not stay for their refusals, the next check of the same kind waits until theirs would be over. At
 *           most AUTH_THROTTLE_MAX records of a kind; the one that failed longest ago is forgotten first. An
 *           account counts the same whether it exists or not
 * Fails by: never
 */
#include "listener/auth/auth.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/base/log.h"
#include "common/base/mem.h"

enum { BUCKETS = 4096 };
enum kind { BY_PAIR, BY_ACCOUNT, BY_ADDRESS, KINDS };

/*
 * Whoever guesses from one address at one account is slowed from the first failure. Guessing at one account
 * from many addresses, or at many accounts from one, has some failures free: an account has several devices,
 * and behind one address may be an office or a web mail host.
 */
static const struct throttle_row {
	unsigned free;		/* failures that delay nothing */
	unsigned doublings;	/* of AUTH_THROTTLE_FIRST_MS */
	uint64_t forgive_ms;	/* each takes one failure away */
	unsigned leavers;	/* refusals not stayed for at a time, then checks wait; 0: they never do */
} rows[] = {
	[BY_PAIR] = { 0, 5, 60000, 128 },
	[BY_ACCOUNT] = { 16, 5, 20000, 0 },	/* or an attacker elsewhere could keep the owner out */
	[BY_ADDRESS] = { 64, 4, 2000, 1024 },
};
static_assert(nitems_of(rows) == KINDS, "one row a kind");
static_assert(AUTH_THROTTLE_FIRST_MS << 5 == AUTH_THROTTLE_LAST_MS, "the longest delay of all rows");

struct record {
	LIST_ENTRY(record) bucket;
	TAILQ_ENTRY(record) age;
	uint64_t key;
	unsigned failures;
	uint64_t since_ms;	/* from here on failures are forgiven */
	uint64_t owed_us;	/* when the refusals that were not stayed for are over, `leavers` at a time */
};

struct table {
	LIST_HEAD(, record) bucket[BUCKETS];
	TAILQ_HEAD(, record) age;	/* the one that failed longest ago first */
	unsigned count;
};

struct auth_throttle {
	uint64_t seed;
	struct table table[KINDS];
};

struct auth_throttle *
auth_throttle_new(void)
{
	struct auth_throttle *t = mem_new(struct auth_throttle);

	if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
		die(71, "no random bytes");
	for (unsigned k = 0; k < KINDS; k++) {
		for (size_t i = 0; i < BUCKETS; i++)
			LIST_INIT(&t->table[k].bucket[i]);
		TAILQ_INIT(&t->table[k].age);
	}
	return t;
}

static void
forget_record(struct table *table, struct record *r)
{
	TAILQ_REMOVE(&table->age, r, age);
	LIST_REMOVE(r, bucket);
	table->count--;
	free(r);
}

void
auth_throttle_free(struct auth_throttle *t)
{
	struct record *r;

	for (unsigned k = 0; k < KINDS; k++)
		while ((r = TAILQ_FIRST(&t->table[k].age)) != NULL)
			forget_record(&t->table[k], r);
	free(t);
}

/* --- records --- */

static uint64_t
mix_byte(uint64_t h, uint8_t byte)
{
	h = (h ^ byte) * 0x9e3779b97f4a7c15ULL;
	h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9ULL;
	return h ^ h >> 32;
}

/* Seeded: whoever chooses names cannot choose which records meet. */
static uint64_t
key_of(const struct auth_throttle *t, enum kind kind, const struct auth_throttle_who *who)
{
	uint64_t h = mix_byte(t->seed, (uint8_t)kind);

	for (size_t i = 0; kind != BY_ACCOUNT && i < sizeof(who->address); i++)
		h = mix_byte(h, who->address[i]);
	for (const char *p = who->account; kind != BY_ADDRESS && *p != '\0'; p++)
		h = mix_byte(h, (uint8_t)*p);
	return h;
}

static struct record *
find_record(struct auth_throttle *t, enum kind kind, const struct auth_throttle_who *who)
{
	uint64_t key = key_of(t, kind, who);
	struct record *r;

	LIST_FOREACH(r, &t->table[kind].bucket[key % BUCKETS], bucket)
		if (r->key == key)
			break;
	return r;
}

static struct record *
make_record(struct auth_throttle *t, enum kind kind, const struct auth_throttle_who *who)
{
	struct table *table = &t->table[kind];
	struct record *r = find_record(t, kind, who);

	if (r == NULL) {
		if (table->count == AUTH_THROTTLE_MAX)
			forget_record(table, TAILQ_FIRST(&table->age));
		r = mem_new(struct record);
		r->key = key_of(t, kind, who);
		LIST_INSERT_HEAD(&table->bucket[r->key % BUCKETS], r, bucket);
		table->count++;
	} else {
		TAILQ_REMOVE(&table->age, r, age);
	}
	TAILQ_INSERT_TAIL(&table->age, r, age);
	return r;
}

/* --- what a failure costs --- */

static void
forgive_failures(struct record *r, const struct throttle_row *row, uint64_t now_ms)
{
	uint64_t n = (now_ms - r->since_ms) / row->forgive_ms;

	r->since_ms += n * row->forgive_ms;
	r->failures = n >= r->failures ? 0 : r->failures - (unsigned)n;
	if (r->failures == 0)
		r->since_ms = now_ms;
}

/* The milliseconds that this failure costs. Not counted beyond the longest delay, so that it ends soon. */
static uint64_t
count_failure(struct record *r, const struct throttle_row *row, uint64_t now_ms)
{
	unsigned n;

	forgive_failures(r, row, now_ms);
	n = r->failures;
	if (n < row->free + row->doublings)
		r->failures++;
	return n < row->free ? 0 : AUTH_THROTTLE_FIRST_MS << (n - row->free);
}

uint64_t
auth_throttle_fail(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t now_ms)
{
	uint64_t delay = count_failure(make_record(t, BY_PAIR, who), &rows[BY_PAIR], now_ms), each;

	/* It fails all the time, as a device with an old password does: no new guess at account or office. */
	if (delay == AUTH_THROTTLE_LAST_MS)
		return delay;
	for (unsigned k = BY_PAIR + 1; k < KINDS; k++) {
		each = count_failure(make_record(t, (enum kind)k, who), &rows[k], now_ms);
		if (each > delay)
			delay = each;
	}
	return delay;
}

void
auth_throttle_succeed(struct auth_throttle *t, const struct auth_throttle_who *who)
{
	struct record *r = find_record(t, BY_PAIR, who);

	if (r != NULL)
		r->failures /= 2; /* not 0: others at this address may guess at the same account */
}

/* --- clients that do not stay --- */

void
auth_throttle_leave(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t left_ms,
    uint64_t now_ms)
{
	for (unsigned k = 0; k < KINDS; k++) {
		struct record *r = rows[k].leavers > 0 ? find_record(t, (enum kind)k, who) : NULL;

		if (r == NULL)
			continue;
		if (r->owed_us < now_ms * 1000)
			r->owed_us = now_ms * 1000;
		r->owed_us += left_ms * 1000 / rows[k].leavers;
	}
}

uint64_t
auth_throttle_wait(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t now_ms)
{
	const uint64_t free_until_us = (now_ms + AUTH_THROTTLE_LAST_MS) * 1000;
	uint64_t wait_us = 0;

	for (unsigned k = 0; k < KINDS; k++) {
		const struct record *r = rows[k].leavers > 0 ? find_record(t, (enum kind)k, who) : NULL;

		if (r != NULL && r->owed_us > free_until_us && r->owed_us - free_until_us > wait_us)
			wait_us = r->owed_us - free_until_us;
	}
	return (wait_us + 999) / 1000;
}
