/*
 * pace_host - what one address has taught us: how many connections it takes, and that it wants a rest; pure
 *
 * Runs in:  deliver
 * Owns:     the reason of the last rest
 * Promise:  where a connection is refused while others work, there are as many as were let in, and one more
 *           is tried now and then. Where a 421 ends a transaction at a further recipient, the next ones have
 *           fewer. A host that asks us to slow down rests, each time for twice as long; one
 *           job at a time finds out whether that is over
 * Fails by: cannot
 */
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "common/base/mem.h"
#include "deliver/pace/pace.h"

#define START_CONNS 5		/* to a host that has judged nothing yet */
#define CAP_MAX 1000
#define GRACE_MS 10000		/* so long a host that has worked is taken to work */
#define SETTLE_MS 2000		/* a host may count a connection that has ended for so long */
#define PAUSE_MS 250U		/* after a cut; twice as long after each that follows */
#define PAUSE_MAX_MS 4000U
#define RAISE_MS 30000U		/* until one more connection is tried; twice as long when it is refused */
#define RAISE_MAX_MS 600000U
#define BAD_MS 60000		/* a host that did not let us in is tried last */
#define STEP_MAX 16
#define STREAK 3		/* refusals of MAIL in a row, with senders that differ */
#define IGNORED_TIMES 4		/* a wait that is so often as long as that of others */
#define FORGET_MS 600000
#define MOST_MS 3600000U	/* then as many recipients as there are may go in a transaction again */

/* The table in pace.h. */
static const uint8_t next_state[PACE_STATES][PACE_EVENTS] = {
	[PACE_UNKNOWN] = { [PACE_OPENED] = PACE_WORKS, [PACE_TAKEN] = PACE_WORKS, [PACE_CUT] = PACE_UNKNOWN,
	    [PACE_FAILED] = PACE_UNKNOWN, [PACE_PUSHED] = PACE_RESTS, [PACE_RESTED] = PACE_UNKNOWN,
	    [PACE_RELEASED] = PACE_UNKNOWN },
	[PACE_WORKS] = { [PACE_OPENED] = PACE_WORKS, [PACE_TAKEN] = PACE_WORKS, [PACE_CUT] = PACE_WORKS,
	    [PACE_FAILED] = PACE_UNKNOWN, [PACE_PUSHED] = PACE_RESTS, [PACE_RESTED] = PACE_WORKS,
	    [PACE_RELEASED] = PACE_WORKS },
	[PACE_RESTS] = { [PACE_OPENED] = PACE_RESTS, [PACE_TAKEN] = PACE_RESTS, [PACE_CUT] = PACE_RESTS,
	    [PACE_FAILED] = PACE_RESTS, [PACE_PUSHED] = PACE_RESTS, [PACE_RESTED] = PACE_PROBES,
	    [PACE_RELEASED] = PACE_PROBES },
	[PACE_PROBES] = { [PACE_OPENED] = PACE_PROBES, [PACE_TAKEN] = PACE_WORKS, [PACE_CUT] = PACE_PROBES,
	    [PACE_FAILED] = PACE_UNKNOWN, [PACE_PUSHED] = PACE_RESTS, [PACE_RESTED] = PACE_PROBES,
	    [PACE_RELEASED] = PACE_PROBES },
};

static void
enter_next(struct pace_host *h, enum pace_event event)
{
	h->state = (enum pace_state)next_state[h->state][event];
}

static bool
is_recent(uint64_t then, uint64_t span, uint64_t now)
{
	return then != 0 && now < then + span;
}

void
pace_host_init(struct pace_host *h, const struct net_address *to)
{
	*h = (struct pace_host){ .to = *to, .cap = START_CONNS, .raise_ms = RAISE_MS };
}

void
pace_host_done(struct pace_host *h)
{
	free(h->why);
	h->why = NULL;
}

/* --- what may be done now --- */

enum pace_state
pace_host_state(struct pace_host *h, uint64_t now)
{
	if (h->state == PACE_RESTS && now >= h->rest_until)
		enter_next(h, PACE_RESTED);
	return h->state;
}

uint64_t
pace_host_rest(struct pace_host *h, uint64_t now)
{
	return pace_host_state(h, now) == PACE_RESTS ? h->rest_until - now : 0;
}

bool
pace_host_has_room(struct pace_host *h, uint64_t now)
{
	enum pace_state state = pace_host_state(h, now);

	if (state == PACE_RESTS || now < h->next_at)
		return false;
	if (state == PACE_PROBES)
		return h->conns == 0;
	return h->conns < h->cap + (h->learnt && now >= h->raise_at ? 1 : 0);
}

bool
pace_host_takes_job(struct pace_host *h, uint64_t now)
{
	enum pace_state state = pace_host_state(h, now);

	return state != PACE_RESTS && (state != PACE_PROBES || !h->probing);
}

void
pace_host_given(struct pace_host *h)
{
	h->probing = h->state == PACE_PROBES;
}

bool
pace_host_works(const struct pace_host *h, bool self_open, uint64_t now)
{
	return self_open ? h->open > 1 || is_recent(h->taken_at, GRACE_MS, now) :
	    h->open > 0 || is_recent(h->good_at, GRACE_MS, now);
}

bool
pace_host_is_busy(const struct pace_host *h, uint64_t now)
{
	return is_recent(h->taken_at, GRACE_MS, now);
}

bool
pace_host_ignores(const struct pace_host *h, uint64_t begun, uint64_t own, uint64_t now)
{
	return h->taken_at != 0 && h->taken_at != own && h->taken_at + GRACE_MS >= begun &&
	    now - begun > IGNORED_TIMES * MAX(h->open_ms, h->judge_ms);
}

/* --- what has happened --- */

void
pace_host_begun(struct pace_host *h)
{
	h->conns++;
}

void
pace_host_opened(struct pace_host *h, uint64_t ms, uint64_t now)
{
	h->open++;
	h->open_ms = ms;
	h->good_at = now;
	h->bad_until = 0;
	enter_next(h, PACE_OPENED);
}

/* A connection has done some work: only now is it certain that it was not one too many. */
static void
prove_connection(struct pace_host *h, uint64_t now)
{
	h->cuts = 0;
	h->next_at = 0;
	if (!h->learnt || h->conns <= h->cap || h->state != PACE_WORKS)
		return;
	h->cap = h->conns;
	h->raise_ms = MAX(h->raise_ms / 2, RAISE_MS);
	h->raise_at = now + h->raise_ms;
}

void
pace_host_closed(struct pace_host *h, bool was_open, uint64_t now)
{
	h->conns--;
	if (!was_open)
		return;
	h->closed_at = now;
	if (--h->open == 0)
		h->probing = false;
}

void
pace_host_taken(struct pace_host *h, bool first, uint64_t ms, uint64_t now)
{
	bool probe = pace_host_state(h, now) == PACE_PROBES;

	h->good_at = h->taken_at = now;
	h->judge_ms = ms;
	h->streak = h->drops = 0;
	h->probing = false;
	if (first)
		prove_connection(h, now);
	enter_next(h, PACE_TAKEN);
	if (probe)
		h->raise_at = now + h->raise_ms;
	else if (h->step > 0 && h->state == PACE_WORKS)
		h->step--;
	if (!h->learnt && h->cap < CAP_MAX)
		h->cap++;
}

void
pace_host_unsaid(struct pace_host *h)
{
	h->probing = false;
}

bool
pace_host_cut(struct pace_host *h, bool self, uint64_t now)
{
	size_t others = h->conns - (self ? 1 : 0), cap = MAX(others, 1);
	bool was_learnt = h->learnt, is_trial = h->learnt && h->conns > h->cap;
	size_t before = h->cap;
	bool tolerated;

	if (now > h->next_at + SETTLE_MS)
		h->cuts = 0;
	tolerated = h->cuts == 0 && is_recent(h->closed_at, SETTLE_MS, now);
	enter_next(h, PACE_CUT);
	if (now >= h->next_at) {
		h->cuts++;
		h->next_at = now + MIN(PAUSE_MS << MIN(h->cuts - 1, STEP_MAX), PAUSE_MAX_MS);
	}
	if (tolerated)
		return false;
	if (is_trial)
		h->raise_ms = MIN(h->raise_ms * 2, RAISE_MAX_MS);
	h->learnt = true;
	h->cap = was_learnt ? MIN(h->cap, cap) : cap;
	h->raise_at = now + h->raise_ms;
	return !was_learnt || h->cap < before;
}

void
pace_host_failed(struct pace_host *h, uint64_t now)
{
	h->bad_until = now + BAD_MS;
	h->probing = false;
	pace_host_state(h, now);
	enter_next(h, PACE_FAILED);
}

void
pace_host_pushed(struct pace_host *h, const struct verdict *why, struct pace_rests rests, uint64_t now)
{
	bool rested = pace_host_state(h, now) == PACE_RESTS;

	if (h->why == NULL)
		h->why = mem_new(struct verdict);
	*h->why = *why;
	h->why->what = VERDICT_LATER;
	h->probing = false;
	h->streak = 0;
	enter_next(h, PACE_PUSHED);
	if (rested)
		return;		/* of a connection that was open before: it is counted already */
	h->rest_until = now + MIN(rests.first << h->step, MAX(rests.first, rests.longest));
	if (h->step < STEP_MAX)
		h->step++;
	h->cap = 1;
	h->learnt = true;
	h->raise_at = h->rest_until + h->raise_ms;
}

static uint32_t
hash_of(const char *text)
{
	uint32_t hash = 2166136261U;

	for (; *text != '\0'; text++)
		hash = (hash ^ (uint8_t)*text) * 16777619U;
	return hash;
}

bool
pace_host_dropped(struct pace_host *h, const char *message)
{
	uint32_t hash = hash_of(message);

	for (unsigned i = 0; i < h->drops; i++)
		if (h->dropped[i] == hash)
			return false;
	if (h->drops == PACE_DROPS)
		memmove(h->dropped, h->dropped + 1, sizeof(h->dropped) - sizeof(h->dropped[0]));
	else
		h->drops++;
	h->dropped[h->drops - 1] = hash;
	return h->drops == PACE_DROPS;
}

bool
pace_host_drops(const struct pace_host *h)
{
	return h->drops == PACE_DROPS;
}

bool
pace_host_refused(struct pace_host *h, const char *sender)
{
	uint32_t hash = hash_of(sender);

	h->mixed = h->streak > 0 && (h->mixed || hash != h->sender);
	h->sender = hash;
	return ++h->streak >= STREAK && h->mixed;
}

size_t
pace_host_most(const struct pace_host *h, uint64_t now)
{
	return now < h->most_until ? h->most : SIZE_MAX;
}

/*
 * As many as were answered, half of them when all were; when a transaction with no more than that, begun when
 * that was known, is ended as well, one alone.
 */
bool
pace_host_shorten(struct pace_host *h, size_t size, size_t heard, uint64_t begun, uint64_t now)
{
	size_t most = pace_host_most(h, now);
	bool knew = most != SIZE_MAX && begun + MOST_MS >= h->most_until;

	if (heard == 0 || size < 2)
		return false;
	if (heard == size)
		heard = size / 2;
	h->most = knew && size <= most ? 1 : MIN(most, heard);
	h->most_until = now + MOST_MS;
	return true;
}

void
pace_host_press(struct pace_host *h)
{
	if (!h->learnt)
		h->cap = MIN(h->cap * 2, CAP_MAX);
}

void
pace_host_release(struct pace_host *h, uint64_t now)
{
	enter_next(h, PACE_RELEASED);
	h->rest_until = h->next_at = h->most_until = 0;
	h->drops = 0;
	h->raise_at = MIN(h->raise_at, now);
	h->raise_ms = RAISE_MS;
}

void
pace_host_reset(struct pace_host *h)
{
	h->state = h->open > 0 ? PACE_WORKS : PACE_UNKNOWN;
	h->cap = START_CONNS;
	h->learnt = h->probing = false;
	h->raise_ms = RAISE_MS;
	h->rest_until = h->next_at = h->most_until = h->bad_until = h->raise_at = 0;
	h->step = h->cuts = h->streak = h->drops = 0;
}

bool
pace_host_is_forgotten(struct pace_host *h, uint64_t now)
{
	uint64_t last = MAX(MAX(h->rest_until, h->most_until), MAX(h->raise_at, h->bad_until));

	if (h->refs > 0 || is_recent(h->good_at, GRACE_MS, now))
		return false;
	return now > last + (h->learnt ? FORGET_MS : 0);
}
