/*
 * auth_throttle - what mistakes cost: how long a refusal is delayed, and when a check waits; pure
 *
 * Runs in:  auth
 * Owns:     a table for each kind of record
 * Promise:  it is the refusal that is late, not a right password. A check waits where clients do not stay for
 *           their refusals, and where an account is guessed at from many addresses: networks from which it
 *           never logged in have one check a second together. Records are bounded; the one that failed
 *           longest ago is forgotten first. An account counts the same whether it exists or not
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
/* KNOWN: the account has logged in from that network. */
enum kind { BY_PAIR = AUTH_THROTTLE_PAIR, BY_ACCOUNT = AUTH_THROTTLE_ACCOUNT,
    BY_ADDRESS = AUTH_THROTTLE_ADDRESS, KINDS = AUTH_THROTTLE_KINDS, KNOWN = KINDS, TABLES };
enum { LOOK_AGAIN_MS = 50, TURN_LOOK_MS = 200 };
/* The owner's next address is often one of the same network: a /24 or a /48. */
enum { KNOWN_BYTES_IPV4 = 12 + 3, KNOWN_BYTES_IPV6 = 6 };

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

struct throttle_record {
	LIST_ENTRY(throttle_record) bucket;
	TAILQ_ENTRY(throttle_record) age;
	uint64_t key;
	unsigned failures;
	uint64_t since_ms;	/* from here on failures are forgiven */
	uint64_t owed_us;	/* when the refusals that were not stayed for are over, `leavers` at a time */
	/* Of an account, and guesses at it from networks that it does not know: */
	unsigned pending;	/* undecided */
	uint64_t turn_ms;	/* the next turn is not before */
	TAILQ_HEAD(, auth_throttle_guess) waiting;	/* for a turn */
	unsigned waits;
	uint64_t told_ms;	/* the last event about a refused one, and how many had none since */
	unsigned silent;
};

struct table {
	LIST_HEAD(, throttle_record) bucket[BUCKETS];
	TAILQ_HEAD(, throttle_record) age;	/* the one that failed longest ago first */
	unsigned count;
};

struct auth_throttle {
	uint64_t seed, drawn;
	uint64_t turn_ms;	/* between guesses at one account from networks it does not know */
	unsigned part;		/* auth_throttle_share */
	struct auth_throttle_count last[KINDS];
	struct table table[TABLES];
};

struct auth_throttle *
auth_throttle_new(void)
{
	struct auth_throttle *t = mem_new(struct auth_throttle);

	if (getrandom(&t->seed, sizeof(t->seed), 0) != sizeof(t->seed))
		die(71, "no random bytes");
	auth_throttle_share(t, 1, 1);
	for (unsigned k = 0; k < TABLES; k++) {
		for (size_t i = 0; i < BUCKETS; i++)
			LIST_INIT(&t->table[k].bucket[i]);
		TAILQ_INIT(&t->table[k].age);
	}
	return t;
}

static void
stop_waiting(struct auth_throttle_guess *g)
{
	if (g->account == NULL)
		return;
	TAILQ_REMOVE(&g->account->waiting, g, waiting);
	g->account->waits--;
	g->account = NULL;
}

/* Guesses that wait for it ask anew. */
static void
forget_record(struct table *table, struct throttle_record *r)
{
	while (!TAILQ_EMPTY(&r->waiting))
		stop_waiting(TAILQ_FIRST(&r->waiting));
	TAILQ_REMOVE(&table->age, r, age);
	LIST_REMOVE(r, bucket);
	table->count--;
	free(r);
}

void
auth_throttle_free(struct auth_throttle *t)
{
	struct throttle_record *r;

	for (unsigned k = 0; k < TABLES; k++)
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

static size_t
address_bytes(enum kind kind, const struct auth_throttle_who *who)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (kind != KNOWN)
		return sizeof(who->address);
	return memcmp(who->address, mapped, sizeof(mapped)) == 0 ? KNOWN_BYTES_IPV4 : KNOWN_BYTES_IPV6;
}

/* Seeded: whoever chooses names cannot choose which records meet. */
static uint64_t
key_of(const struct auth_throttle *t, enum kind kind, const struct auth_throttle_who *who)
{
	uint64_t h = mix_byte(t->seed, (uint8_t)kind);

	for (size_t i = 0; kind != BY_ACCOUNT && i < address_bytes(kind, who); i++)
		h = mix_byte(h, who->address[i]);
	for (const char *p = who->account; kind != BY_ADDRESS && *p != '\0'; p++)
		h = mix_byte(h, (uint8_t)*p);
	return h;
}

static struct throttle_record *
find_record(struct auth_throttle *t, enum kind kind, const struct auth_throttle_who *who)
{
	uint64_t key = key_of(t, kind, who);
	struct throttle_record *r;

	LIST_FOREACH(r, &t->table[kind].bucket[key % BUCKETS], bucket)
		if (r->key == key)
			break;
	return r;
}

static struct throttle_record *
make_record(struct auth_throttle *t, enum kind kind, const struct auth_throttle_who *who)
{
	struct table *table = &t->table[kind];
	struct throttle_record *r = find_record(t, kind, who);

	if (r == NULL) {
		if (table->count == (kind == KNOWN ? AUTH_THROTTLE_KNOWN_MAX : AUTH_THROTTLE_MAX))
			forget_record(table, TAILQ_FIRST(&table->age));
		r = mem_new(struct throttle_record);
		r->key = key_of(t, kind, who);
		TAILQ_INIT(&r->waiting);
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
forgive_failures(struct throttle_record *r, const struct throttle_row *row, uint64_t now_ms)
{
	uint64_t n = (now_ms - r->since_ms) / row->forgive_ms;

	r->since_ms += n * row->forgive_ms;
	r->failures = n >= r->failures ? 0 : r->failures - (unsigned)n;
	if (r->failures == 0)
		r->since_ms = now_ms;
}

static unsigned
free_of(const struct auth_throttle *t, const struct throttle_row *row)
{
	if (t->part == 0 || row->free == 0)
		return 0;
	return row->free / t->part > 0 ? row->free / t->part : 1;
}

/* The milliseconds that a failure costs after so many others. */
static uint64_t
delay_after(const struct auth_throttle *t, const struct throttle_row *row, unsigned before)
{
	unsigned free_ones = free_of(t, row), doublings = before - free_ones;

	if (before < free_ones)
		return 0;
	return AUTH_THROTTLE_FIRST_MS << (doublings < row->doublings ? doublings : row->doublings);
}

/* The milliseconds that this failure costs. Not counted beyond the longest delay, so that it ends soon. */
static uint64_t
count_failure(struct auth_throttle *t, enum kind kind, const struct auth_throttle_who *who, uint64_t now_ms)
{
	struct throttle_record *r = make_record(t, kind, who);
	struct auth_throttle_count *c = &t->last[kind];

	forgive_failures(r, &rows[kind], now_ms);
	*c = auth_throttle_row((enum auth_throttle_kind)kind);
	c->counted = true;
	c->before = r->failures;
	if (r->failures < c->most)
		r->failures++;
	return delay_after(t, &rows[kind], c->before);
}

uint64_t
auth_throttle_fail(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t now_ms)
{
	uint64_t delay, each;

	memset(t->last, 0, sizeof(t->last));
	delay = count_failure(t, BY_PAIR, who, now_ms);

	/* It fails all the time, as a device with an old password does: no new guess at account or office. */
	if (delay == AUTH_THROTTLE_LAST_MS)
		return delay;
	for (unsigned k = BY_PAIR + 1; k < KINDS; k++) {
		if (k == BY_ACCOUNT && find_record(t, KNOWN, who) != NULL)
			continue;	/* of its owner, or beside the owner */
		each = count_failure(t, (enum kind)k, who, now_ms);
		if (each > delay)
			delay = each;
	}
	return delay;
}

bool
auth_throttle_succeed(struct auth_throttle *t, const struct auth_throttle_who *who)
{
	struct throttle_record *r = find_record(t, BY_PAIR, who);

	(void)make_record(t, KNOWN, who);
	if (r == NULL || r->failures == 0)
		return false;
	r->failures /= 2; /* not 0: others at this address may guess at the same account */
	return true;
}

/* --- failures at other nodes --- */

/* With many nodes a turn comes several times while a guess waits, or the owner's would never have one. */
void
auth_throttle_share(struct auth_throttle *t, unsigned nodes, unsigned part)
{
	t->turn_ms = (uint64_t)AUTH_THROTTLE_TURN_MS * nodes;
	if (t->turn_ms > AUTH_THROTTLE_TURNS_MS / 3)
		t->turn_ms = AUTH_THROTTLE_TURNS_MS / 3;
	t->part = part;
}

struct auth_throttle_count
auth_throttle_row(enum auth_throttle_kind kind)
{
	return (struct auth_throttle_count){ .most = rows[kind].free + rows[kind].doublings,
	    .forgive_ms = rows[kind].forgive_ms };
}

const struct auth_throttle_count *
auth_throttle_last(const struct auth_throttle *t)
{
	return t->last;
}

uint64_t
auth_throttle_learn(struct auth_throttle *t, const struct auth_throttle_who *who,
    enum auth_throttle_kind kind, unsigned before, unsigned after, uint64_t now_ms)
{
	struct throttle_record *r = make_record(t, (enum kind)kind, who);
	unsigned most = auth_throttle_row(kind).most;

	forgive_failures(r, &rows[kind], now_ms);
	if (after > r->failures)
		r->failures = after < most ? after : most;
	return delay_after(t, &rows[kind], before);
}

/* --- clients that do not stay --- */

void
auth_throttle_leave(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t left_ms,
    uint64_t now_ms)
{
	for (unsigned k = 0; k < KINDS; k++) {
		struct throttle_record *r = rows[k].leavers > 0 ? find_record(t, (enum kind)k, who) : NULL;

		if (r == NULL)
			continue;
		if (r->owed_us < now_ms * 1000)
			r->owed_us = now_ms * 1000;
		r->owed_us += left_ms * 1000 / rows[k].leavers;
	}
}

static uint64_t
wait_for_leavers(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t now_ms)
{
	const uint64_t free_until_us = (now_ms + AUTH_THROTTLE_LAST_MS) * 1000;
	uint64_t wait_us = 0;

	for (unsigned k = 0; k < KINDS; k++) {
		const struct throttle_record *r = rows[k].leavers > 0 ?
		    find_record(t, (enum kind)k, who) : NULL;

		if (r != NULL && r->owed_us > free_until_us && r->owed_us - free_until_us > wait_us)
			wait_us = r->owed_us - free_until_us;
	}
	return (wait_us + 999) / 1000;
}

/* --- an account that is guessed at from many addresses --- */

static uint64_t
draw_below(struct auth_throttle *t, uint64_t n)
{
	uint64_t h = t->seed, count = ++t->drawn;

	for (unsigned i = 0; i < sizeof(count); i++)
		h = mix_byte(h, (uint8_t)(count >> i * 8));
	return h % n;
}

/* The queue is full: one of those that wait, by chance, hears it when it asks again. */
static void
refuse_one(struct auth_throttle *t, struct throttle_record *account)
{
	struct auth_throttle_guess *g = TAILQ_FIRST(&account->waiting);

	for (uint64_t n = draw_below(t, account->waits); n > 0; n--)
		g = TAILQ_NEXT(g, waiting);
	stop_waiting(g);
	g->refused = true;
}

static bool
is_waiting_at(const struct throttle_record *account, const struct auth_throttle_who *who)
{
	const struct auth_throttle_guess *g;

	TAILQ_FOREACH(g, &account->waiting, waiting)
		if (memcmp(g->address, who->address, sizeof(g->address)) == 0)
			return true;
	return false;
}

/*
 * Whoever asks first when a second is over has the turn, so that neither many that wait nor some that come
 * and go decide who is checked. An address waits once at a time.
 */
static uint64_t
take_turn(struct auth_throttle *t, const struct auth_throttle_who *who, struct throttle_record *account,
    struct auth_throttle_guess *g, uint64_t now_ms)
{
	uint64_t left_ms = account->turn_ms > now_ms ? account->turn_ms - now_ms : 0;

	if (g->account == NULL) {
		if (is_waiting_at(account, who))
			return AUTH_THROTTLE_NEVER;
		if (left_ms > 0 && account->waits == AUTH_THROTTLE_WAITING_MAX)
			refuse_one(t, account);
		if (g->until_ms == 0)
			g->until_ms = now_ms + AUTH_THROTTLE_TURNS_MS;
		memcpy(g->address, who->address, sizeof(g->address));
		g->account = account;
		TAILQ_INSERT_TAIL(&account->waiting, g, waiting);
		account->waits++;
	}
	if (left_ms > 0 && now_ms < g->until_ms)
		return (left_ms < TURN_LOOK_MS ? left_ms : TURN_LOOK_MS) + draw_below(t, TURN_LOOK_MS);
	stop_waiting(g);
	if (left_ms > 0)
		return AUTH_THROTTLE_NEVER;
	account->turn_ms = now_ms + t->turn_ms;
	g->has_turn = true;
	return 0;
}

/*
 * Guesses that are being checked count as failures until they are decided: many that come at once are no way
 * around. Where only they fill the number of free ones, they are over soon.
 */
static uint64_t
wait_for_account(struct auth_throttle *t, const struct auth_throttle_who *who, struct auth_throttle_guess *g,
    uint64_t now_ms)
{
	const struct throttle_row *row = &rows[BY_ACCOUNT];
	struct throttle_record *account;

	if (g->refused)
		return AUTH_THROTTLE_NEVER;
	if (g->has_turn || g->pending || find_record(t, KNOWN, who) != NULL)
		return 0;
	account = find_record(t, BY_ACCOUNT, who);
	if (account == NULL)
		account = make_record(t, BY_ACCOUNT, who);
	forgive_failures(account, row, now_ms);
	if (account->failures >= free_of(t, row))
		return take_turn(t, who, account, g, now_ms);
	if (account->failures + account->pending >= free_of(t, row))
		return LOOK_AGAIN_MS;
	stop_waiting(g);
	account->pending++;
	g->pending = true;
	return 0;
}

uint64_t
auth_throttle_wait(struct auth_throttle *t, const struct auth_throttle_who *who,
    struct auth_throttle_guess *g, uint64_t now_ms)
{
	uint64_t leavers_ms = wait_for_leavers(t, who, now_ms), account_ms;

	if (g == NULL)
		return leavers_ms;
	account_ms = wait_for_account(t, who, g, now_ms);
	return account_ms > leavers_ms ? account_ms : leavers_ms;
}

void
auth_throttle_decide(struct auth_throttle *t, const struct auth_throttle_who *who,
    struct auth_throttle_guess *g)
{
	struct throttle_record *account = g->pending ? find_record(t, BY_ACCOUNT, who) : NULL;

	stop_waiting(g);
	g->pending = false;
	if (account == NULL || account->pending == 0)
		return;	/* it was forgotten meanwhile */
	if (--account->pending == 0 && account->failures == 0)
		forget_record(&t->table[BY_ACCOUNT], account);
}

bool
auth_throttle_may_tell(struct auth_throttle *t, const struct auth_throttle_who *who, uint64_t now_ms,
    unsigned *unreported)
{
	struct throttle_record *account = find_record(t, BY_ACCOUNT, who);

	*unreported = 0;
	if (account == NULL)
		return true;
	if (account->told_ms > 0 && now_ms - account->told_ms < AUTH_THROTTLE_TURN_MS) {
		account->silent++;
		return false;
	}
	*unreported = account->silent;
	account->silent = 0;
	account->told_ms = now_ms;
	return true;
}
