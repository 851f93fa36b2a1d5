/*
 * lease - what one process holds of a limit that all nodes share; pure
 *
 * Runs in:  listener, deliver
 * Owns:     nothing
 * Promise:  a lease ends here before it ends in the engine: it is counted from before the question, and a
 *           part of its length is left out, by which clocks may differ. What a question gives up is not used
 *           while it is open. An answer about permits that have ended meanwhile counts for nothing
 * Fails by: fewer permits
 */
#include "common/process/lease.h"

#include <sys/param.h>

#define MARGIN_PART 20U		/* of the length: clocks may run so differently */
#define MARGIN_MS 250U		/* and until it is looked at the end of a lease */
#define RENEW_PART 3U
#define WANTED_MS 2000U		/* so long one more is wanted */
#define SPARE_MS 1000U		/* permits that are not used go back after that */
#define AGAIN_MS 1000U
#define PACE_MS 100U		/* between two questions */
#define WAIT_MAX_MS 60000U
#define RATE_PART 60U		/* of a limit a minute: a second of it */

static uint64_t
usable_ms(const struct lease_node *n)
{
	uint64_t margin = n->length / MARGIN_PART + MARGIN_MS;

	return n->length > margin ? n->length - margin : 0;
}

static bool
is_held(const struct lease *l, uint64_t now)
{
	return now < l->until;
}

uint64_t
lease_share(const struct lease_node *n, uint64_t limit)
{
	return MAX(limit / MAX(n->nodes, 1), 1);
}

uint64_t
lease_usable(const struct lease_node *n, const struct lease *l, uint64_t now)
{
	uint64_t held = is_held(l, now) ? l->granted : 0, share = lease_share(n, l->limit);

	if (!n->share || l->lost_at == 0)
		return held;
	/* what the engine gave to others before it was lost has ended, too */
	if (now >= l->lost_at + n->length)
		return MAX(held, share);
	return MAX(held, MIN(l->carried, share));
}

bool
lease_has_room(const struct lease_node *n, const struct lease *l, uint64_t used, uint64_t now)
{
	uint64_t usable = lease_usable(n, l, now);

	return used < (l->lost_at == 0 ? MIN(usable, l->target) : usable) && lease_may_begin(n, l, now);
}

bool
lease_has_surplus(const struct lease_node *n, const struct lease *l, uint64_t used, uint64_t now)
{
	return l->lost_at == 0 && is_held(l, now) && used > l->target;
}

bool
lease_is_over(const struct lease_node *n, const struct lease *l, uint64_t used, uint64_t now)
{
	return used > lease_usable(n, l, now);
}

bool
lease_may_begin(const struct lease_node *n, const struct lease *l, uint64_t now)
{
	if (is_held(l, now) && now + n->length / RENEW_PART < l->until)
		return true;
	return n->share && l->lost_at != 0 && lease_usable(n, l, now) > 0;
}

static bool
is_wanted(const struct lease *l, uint64_t now)
{
	return l->wanted_at != 0 && now < l->wanted_at + WANTED_MS;
}

bool
lease_is_idle(const struct lease *l, uint64_t now)
{
	return !l->asking && (l->granted == 0 || !is_held(l, now)) &&
	    !is_wanted(l, now);
}

/* --- what is said of one that waits --- */

uint64_t
lease_used_up(const struct lease_node *n, const struct lease *l, uint64_t used, uint64_t now)
{
	if (!l->refused || l->lost_at != 0 || !is_wanted(l, now) || lease_has_room(n, l, used, now))
		return 0;
	return now < l->again_at ? l->again_at - now : 1;
}

bool
lease_is_barred(const struct lease_node *n, const struct lease *l, uint64_t now)
{
	return l->lost_at != 0 && is_wanted(l, now) && lease_usable(n, l, now) == 0;
}

/* --- questions --- */

void
lease_want(struct lease *l, uint64_t now)
{
	l->wanted_at = now;
}

/* What it keeps: a part of what it has, so that what it gives up is known before the engine hears of it. */
static uint64_t
kept_part(const struct lease *l, uint64_t used, uint64_t want)
{
	uint64_t most = l->target < l->granted ? MIN(l->target, want) : want;

	return MIN(l->granted, MAX(used, most));
}

static bool
is_time(const struct lease_node *n, const struct lease *l, uint64_t used, uint64_t want, uint64_t now)
{
	if (l->asking || now < l->again_at || (n->lost_at != 0 && now < n->again_at))
		return false;
	if (!is_held(l, now))
		return want > 0;
	if (want > l->granted || now >= l->asked_at + n->length / RENEW_PART || l->lost_at != 0)
		return l->granted > 0 || want > 0;
	return l->granted > MAX(used, want) && now >= l->asked_at + SPARE_MS;
}

bool
lease_ask(const struct lease_node *n, struct lease *l, uint64_t used, uint64_t limit, uint64_t now,
    struct lease_question *q)
{
	uint64_t more = is_wanted(l, now) ? MAX(MAX(used / 2, l->slice), 1) : 0;
	uint64_t want = MIN(limit, used + more);

	l->limit = limit;
	if (!is_time(n, l, used, want, now))
		return false;
	l->claims = n->share && l->lost_at != 0 && used > 0;
	if (is_held(l, now))
		l->keep = kept_part(l, used, want);
	else
		l->keep = l->claims ? used : 0;
	if (l->claims)
		l->keep = MAX(l->keep, MIN(used, lease_usable(n, l, now)));
	l->want = MAX(want, l->keep);
	if (is_held(l, now))
		l->granted = MIN(l->granted, l->keep);
	l->asking = true;
	l->asked_at = now;
	l->again_at = now + PACE_MS;
	*q = (struct lease_question){ .keep = l->keep, .want = l->want, .limit = limit, .claim = l->claims };
	return true;
}

void
lease_answer(struct lease_node *n, struct lease *l, uint64_t granted, uint64_t target, uint64_t wait,
    uint64_t now)
{
	bool ended = l->keep > 0 && !l->claims && !is_held(l, now);

	l->asking = false;
	n->lost_at = 0;
	l->lost_at = l->carried = 0;
	if (ended) {
		l->granted = l->until = 0;
		return;
	}
	l->granted = MIN(granted, l->want);
	l->refused = l->granted < l->want;
	l->target = target;
	l->until = l->asked_at + usable_ms(n);
	if (l->refused)
		l->again_at = now + MAX(MIN(wait, WAIT_MAX_MS), AGAIN_MS);
}

static void
note_loss(struct lease_node *n, bool all, uint64_t now)
{
	if (!all)
		return;
	if (n->lost_at == 0)
		n->lost_at = now;
	n->again_at = now + AGAIN_MS;
}

void
lease_fail(struct lease_node *n, struct lease *l, bool all, uint64_t now)
{
	note_loss(n, all, now);
	l->asking = l->refused = false;
	l->again_at = now + AGAIN_MS;
	if (l->lost_at != 0)
		return;
	l->lost_at = all ? n->lost_at : now;
	l->carried = is_held(l, now) ? l->granted : 0;
}

/* --- messages --- */

static bool
has_some(const struct lease_rate *r, uint64_t now)
{
	return r->count > 0 && now < r->until;
}

bool
lease_rate_ask(const struct lease_node *n, struct lease_rate *r, uint64_t limit, uint64_t now, uint64_t *want)
{
	if (r->asking || now < r->again_at || has_some(r, now) || (n->lost_at != 0 && now < n->again_at))
		return false;
	r->asking = true;
	r->asked_at = now;
	r->want = *want = MAX(limit / RATE_PART, 1);
	return true;
}

void
lease_rate_answer(struct lease_node *n, struct lease_rate *r, uint64_t granted, uint64_t wait, uint64_t now)
{
	r->asking = false;
	n->lost_at = r->lost_at = 0;
	r->count = MIN(granted, r->want);
	r->refused = r->count == 0;
	r->until = r->asked_at + LEASE_RATE_MS - LEASE_RATE_MS / MARGIN_PART;
	r->again_at = now + (r->count > 0 ? 0 : wait > 0 ? MIN(wait, WAIT_MAX_MS) : PACE_MS);
}

void
lease_rate_fail(struct lease_node *n, struct lease_rate *r, bool all, uint64_t now)
{
	note_loss(n, all, now);
	r->asking = r->refused = false;
	r->again_at = now + AGAIN_MS;
	if (r->lost_at == 0)
		r->lost_at = all ? n->lost_at : now;
}

uint64_t
lease_rate_wait(const struct lease_node *n, const struct lease_rate *r, uint64_t now)
{
	if (has_some(r, now) || lease_rate_is_alone(n, r, now))
		return 0;
	return now + PACE_MS < r->again_at ? r->again_at - now : PACE_MS;
}

/* No permit tells whether more are wanted: for some time after the last answer they are. */
uint64_t
lease_rate_used_up(const struct lease_rate *r, uint64_t now)
{
	if (!r->refused || r->lost_at != 0 || now >= r->again_at + WANTED_MS)
		return 0;
	return now < r->again_at ? r->again_at - now : 1;
}

bool
lease_rate_is_barred(const struct lease_node *n, const struct lease_rate *r, uint64_t now)
{
	return r->lost_at != 0 && now < r->again_at + WANTED_MS && !has_some(r, now) &&
	    !lease_rate_is_alone(n, r, now);
}

void
lease_rate_take(struct lease_rate *r)
{
	if (r->count > 0)
		r->count--;
}

bool
lease_rate_is_alone(const struct lease_node *n, const struct lease_rate *r, uint64_t now)
{
	return n->share && r->lost_at != 0 && now >= r->lost_at + n->length && !has_some(r, now);
}
