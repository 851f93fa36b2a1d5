/*
 * host_memory - what the offers of hosts have been worth: whether TLS and their extensions work; pure
 *
 * Runs in:  deliver
 * Owns:     a bounded number of rows, one for each kind of connection that something is known of
 * Promise:  one failure is no reason for anything but another try. TLS comes back as soon as it works, and is
 *           tried again after a while whatever happens
 * Fails by: with too many hosts the row that was touched least lately is forgotten, and learnt again
 */
#include <bsd/sys/queue.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "deliver/hosts/hosts.h"

#define ROWS_MAX 4096U
#define BUCKETS 1024U

#define MINUTE 60000U
#define HOUR (60 * MINUTE)
/* A handshake that fails for want of the connection is no proof that TLS is broken: that has to last. */
#define CUTS_MIN 3U
#define CUTS_SPAN (10 * MINUTE)
#define PLAIN_FIRST (5 * MINUTE)	/* doubled, as long as TLS does not work, up to PLAIN_LAST */
#define PLAIN_LAST HOUR
#define USELESS_KEPT (24 * HOUR)	/* then the stronger mechanisms get another chance */

enum tls_state {
	TLS_UNKNOWN,
	TLS_CUT,	/* handshakes were cut, silent or put off; none failed by itself */
	TLS_BROKEN,	/* one handshake has failed by itself */
	TLS_PLAIN,	/* in clear until row.plain_until; then the next connection tries TLS */
	TLS_INSISTS,	/* refused us in clear because it wants TLS: nothing goes in clear for a while */
	TLS_STATE_COUNT
};

/* How long a state is kept after the last event in it; then the state is UNKNOWN. */
static const uint64_t kept[TLS_STATE_COUNT] = {
	[TLS_CUT] = 6 * HOUR,		/* longer than the waits between attempts */
	[TLS_BROKEN] = 15 * MINUTE,	/* longer than a slow second try */
	[TLS_PLAIN] = 12 * HOUR,
	[TLS_INSISTS] = 5 * MINUTE,
};

/*
 * State x event -> state, and what is to be done now.
 * CUTS: the CUTS_MIN-th cut or a later one, CUTS_SPAN after the first, leads to PLAIN and TO_CLEAR instead.
 * FRESH: a connection that was begun before the last event of the state changes nothing; AGAIN is done.
 * A connection that may not go in clear never leads to PLAIN: the state stays, nothing is done.
 */
enum tls_rule { ALWAYS, CUTS, FRESH };
#define TO(state, turn, rule) { TLS_##state, HOST_TLS_##turn, rule }

static const struct { enum tls_state next; enum host_tls_turn turn; enum tls_rule rule; }
    steps[TLS_STATE_COUNT][HOST_TLS_EVENT_COUNT] = {
	[TLS_UNKNOWN] = {
		[HOST_TLS_WORKED] = TO(UNKNOWN, AS_BEFORE, ALWAYS),
		[HOST_TLS_WAS_CUT] = TO(CUT, AGAIN, ALWAYS),
		[HOST_TLS_FAILED] = TO(BROKEN, AGAIN, ALWAYS),
		[HOST_CLEAR_REFUSED] = TO(UNKNOWN, AS_BEFORE, ALWAYS),
		[HOST_CLEAR_WANTS_TLS] = TO(UNKNOWN, AS_BEFORE, ALWAYS),
	},
	[TLS_CUT] = {
		[HOST_TLS_WORKED] = TO(UNKNOWN, AS_BEFORE, ALWAYS),
		[HOST_TLS_WAS_CUT] = TO(CUT, AS_BEFORE, CUTS),
		[HOST_TLS_FAILED] = TO(BROKEN, AGAIN, ALWAYS),
		[HOST_CLEAR_REFUSED] = TO(CUT, AS_BEFORE, ALWAYS),
		[HOST_CLEAR_WANTS_TLS] = TO(CUT, AS_BEFORE, ALWAYS),
	},
	[TLS_BROKEN] = {
		[HOST_TLS_WORKED] = TO(UNKNOWN, AS_BEFORE, ALWAYS),
		[HOST_TLS_WAS_CUT] = TO(BROKEN, AS_BEFORE, ALWAYS),
		[HOST_TLS_FAILED] = TO(PLAIN, TO_CLEAR, FRESH),
		[HOST_CLEAR_REFUSED] = TO(BROKEN, AS_BEFORE, ALWAYS),
		[HOST_CLEAR_WANTS_TLS] = TO(BROKEN, AS_BEFORE, ALWAYS),
	},
	[TLS_PLAIN] = {
		[HOST_TLS_WORKED] = TO(UNKNOWN, TO_TLS, ALWAYS),
		[HOST_TLS_WAS_CUT] = TO(PLAIN, TO_CLEAR, FRESH),
		[HOST_TLS_FAILED] = TO(PLAIN, TO_CLEAR, FRESH),
		[HOST_CLEAR_REFUSED] = TO(UNKNOWN, TO_TLS, ALWAYS),
		[HOST_CLEAR_WANTS_TLS] = TO(INSISTS, TO_TLS, ALWAYS),
	},
	[TLS_INSISTS] = {
		[HOST_TLS_WORKED] = TO(UNKNOWN, AS_BEFORE, ALWAYS),
		[HOST_TLS_WAS_CUT] = TO(INSISTS, AS_BEFORE, ALWAYS),
		[HOST_TLS_FAILED] = TO(INSISTS, AS_BEFORE, ALWAYS),
		[HOST_CLEAR_REFUSED] = TO(INSISTS, AS_BEFORE, ALWAYS),
		[HOST_CLEAR_WANTS_TLS] = TO(INSISTS, AS_BEFORE, ALWAYS),
	},
};

/*
 *              failed, sure  failed     for OFFER_KEPT nothing
 *   TRUSTED    LEFT_OUT      DOUBTED
 *   DOUBTED    LEFT_OUT      LEFT_OUT   TRUSTED
 *   LEFT_OUT   LEFT_OUT      LEFT_OUT   TRUSTED
 */
#define OFFERS 16U	/* bits of enum client_offer */
#define OFFER_KEPT (6 * HOUR)

enum offer_state { OFFER_TRUSTED, OFFER_DOUBTED, OFFER_LEFT_OUT };

struct host_row {
	LIST_ENTRY(host_row) link;
	TAILQ_ENTRY(host_row) age_link;
	char *key;
	enum tls_state tls;
	uint64_t since, last;	/* monotonic ms: the first and the last event of this state */
	uint64_t event;		/* the number of the last one */
	unsigned cuts;
	uint64_t plain_until, plain_wait;
	struct { enum offer_state state; uint64_t until; } offer[OFFERS];
	unsigned useless;	/* AUTH_OUT_BIT()s */
	uint64_t useless_at;	/* when that was learnt */
};

struct host_memory {
	LIST_HEAD(, host_row) table[BUCKETS];
	TAILQ_HEAD(host_ages, host_row) ages;	/* touched least lately first */
	size_t count;
	uint64_t events;
};

static unsigned
bucket_of(const char *key)
{
	uint32_t hash = 2166136261U;

	for (const char *p = key; *p != '\0'; p++)
		hash = (hash ^ (uint8_t)*p) * 16777619U;
	return hash % BUCKETS;
}

static struct host_row *
find_row(const struct host_memory *m, const char *key)
{
	struct host_row *r;

	LIST_FOREACH(r, &m->table[bucket_of(key)], link)
		if (strcmp(r->key, key) == 0)
			break;
	return r;
}

static void
forget_row(struct host_memory *m, struct host_row *r)
{
	LIST_REMOVE(r, link);
	TAILQ_REMOVE(&m->ages, r, age_link);
	m->count--;
	free(r->key);
	free(r);
}

/* The row, touched; a new one when there is none. */
static struct host_row *
touch_row(struct host_memory *m, const char *key)
{
	struct host_row *r = find_row(m, key);

	if (r != NULL)
		TAILQ_REMOVE(&m->ages, r, age_link);
	else {
		if (m->count == ROWS_MAX)
			forget_row(m, TAILQ_FIRST(&m->ages));
		r = mem_new(struct host_row);
		r->key = mem_strdup(key);
		LIST_INSERT_HEAD(&m->table[bucket_of(key)], r, link);
		m->count++;
	}
	TAILQ_INSERT_TAIL(&m->ages, r, age_link);
	return r;
}

/* --- TLS --- */

static enum tls_state
present_state(const struct host_row *r, uint64_t now)
{
	return r == NULL || now - r->last >= kept[r->tls] ? TLS_UNKNOWN : r->tls;
}

static void
enter_state(struct host_row *r, enum tls_state before, enum tls_state next, uint64_t now)
{
	if (next != before) {
		r->since = now;
		r->cuts = 0;
		r->plain_wait = 0;
	}
	r->tls = next;
	r->last = now;
	r->cuts += next == TLS_CUT;
	if (next != TLS_PLAIN)
		return;
	r->plain_wait = r->plain_wait == 0 ? PLAIN_FIRST : r->plain_wait * 2;
	if (r->plain_wait > PLAIN_LAST)
		r->plain_wait = PLAIN_LAST;
	r->plain_until = now + r->plain_wait;
}

enum host_tls_turn
host_memory_note_tls(struct host_memory *m, const char *key, enum host_tls_event event,
    const struct host_tls_try *try, uint64_t now)
{
	struct host_row *r = find_row(m, key);
	enum tls_state state = present_state(r, now), next = steps[state][event].next;
	enum host_tls_turn turn = steps[state][event].turn;
	enum tls_rule rule = steps[state][event].rule;

	m->events++;
	if (rule == FRESH && try->begun < r->event)
		return HOST_TLS_AGAIN;
	if (rule == CUTS && r->cuts + 1 >= CUTS_MIN && now - r->since >= CUTS_SPAN) {
		next = TLS_PLAIN;
		turn = HOST_TLS_TO_CLEAR;
	}
	if (next == TLS_PLAIN && try->strict) {
		next = state;
		turn = HOST_TLS_AS_BEFORE;
	}
	if (r == NULL && next == TLS_UNKNOWN)
		return turn;
	r = touch_row(m, key);
	r->event = m->events;
	enter_state(r, state, next, now);
	return turn;
}

uint64_t
host_memory_events(const struct host_memory *m)
{
	return m->events;
}

bool
host_memory_is_plain(const struct host_memory *m, const char *key, uint64_t now)
{
	const struct host_row *r = find_row(m, key);

	return present_state(r, now) == TLS_PLAIN && now < r->plain_until;
}

/* --- extensions --- */

static enum offer_state
offer_state(const struct host_row *r, unsigned i, uint64_t now)
{
	return r == NULL || now >= r->offer[i].until ? OFFER_TRUSTED : r->offer[i].state;
}

unsigned
host_memory_note_offers(struct host_memory *m, const char *key, unsigned offers, bool sure, uint64_t now)
{
	struct host_row *r = touch_row(m, key);
	unsigned news = 0;

	for (unsigned i = 0; i < OFFERS; i++) {
		enum offer_state before = offer_state(r, i, now);

		if ((offers & (1U << i)) == 0)
			continue;
		r->offer[i].state = sure || before != OFFER_TRUSTED ? OFFER_LEFT_OUT : OFFER_DOUBTED;
		r->offer[i].until = now + OFFER_KEPT;
		if (r->offer[i].state == OFFER_LEFT_OUT && before != OFFER_LEFT_OUT)
			news |= 1U << i;
	}
	return news;
}

unsigned
host_memory_without(const struct host_memory *m, const char *key, uint64_t now)
{
	const struct host_row *r = find_row(m, key);
	unsigned found = 0;

	for (unsigned i = 0; i < OFFERS; i++)
		if (offer_state(r, i, now) == OFFER_LEFT_OUT)
			found |= 1U << i;
	return found;
}

/* --- authentication --- */

void
host_memory_note_useless(struct host_memory *m, const char *key, unsigned mechanisms, uint64_t now)
{
	struct host_row *r = find_row(m, key);

	if (r == NULL && mechanisms == 0)
		return;
	r = touch_row(m, key);
	if (r->useless != mechanisms)
		r->useless_at = now;
	r->useless = mechanisms;
}

unsigned
host_memory_useless(const struct host_memory *m, const char *key, uint64_t now)
{
	const struct host_row *r = find_row(m, key);

	return r != NULL && now - r->useless_at < USELESS_KEPT ? r->useless : 0;
}

/* --- beginning and end --- */

struct host_memory *
host_memory_new(void)
{
	struct host_memory *m = mem_new(struct host_memory);

	TAILQ_INIT(&m->ages);
	return m;
}

void
host_memory_free(struct host_memory *m)
{
	while (!TAILQ_EMPTY(&m->ages))
		forget_row(m, TAILQ_FIRST(&m->ages));
	free(m);
}
