/*
 * pace_rate - messages a minute: a token bucket, and what the host's answers make of its size; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  in no minute there are more than the limit, but for the tenth of a second that the bucket holds:
 *           without that a large limit could not be used by a clock of milliseconds. "Slow down" halves what
 *           the host took in the last minute; this rises step by step while the host takes more, fast below
 *           three quarters of what was too much, slowly above, and is over at four times that. A clock that
 *           goes back stands still, one that jumps ahead fills the bucket once and raises one step
 * Fails by: cannot
 */
#include <sys/param.h>

#include "common/config/config.h"
#include "deliver/pace/pace.h"

#define MINUTE_MS 60000U
#define BUCKET_MS 100U
#define SAME_SHARE 6U		/* of the period: answers within it are one "slow down" */
#define SLOW_PERIODS 4U		/* between two steps near what was too much */
#define FREE_TIMES 4U		/* as much as what was too much: the limit is over */
#define FREE_FROM 1000U		/* the same where it is not known what was too much */

static uint64_t
limit_of(const struct pace_rate *r)
{
	return MIN(r->limit, r->learnt);
}

static uint64_t
bucket_size(const struct pace_rate *r)
{
	return MAX(limit_of(r) * BUCKET_MS, PACE_RATE_MESSAGE);
}

static void
fill(struct pace_rate *r, uint64_t now)
{
	uint64_t ms = now > r->filled_at ? now - r->filled_at : 0, size = bucket_size(r);

	r->filled_at = now;
	if (ms >= size / limit_of(r))
		r->parts = size;
	else
		r->parts = MIN(r->parts + ms * limit_of(r), size);
}

void
pace_rate_init(struct pace_rate *r, uint64_t limit, uint64_t period, uint64_t now)
{
	*r = (struct pace_rate){ .limit = limit, .learnt = CONFIG_UNLIMITED, .period = MAX(period, 1),
	    .filled_at = now, .counted_at = now };
	if (limit != CONFIG_UNLIMITED)
		r->parts = bucket_size(r);
}

bool
pace_rate_is_limited(const struct pace_rate *r)
{
	return limit_of(r) != CONFIG_UNLIMITED;
}

uint64_t
pace_rate_limit(const struct pace_rate *r)
{
	return limit_of(r);
}

uint64_t
pace_rate_wait(struct pace_rate *r, uint64_t now)
{
	if (!pace_rate_is_limited(r))
		return 0;
	fill(r, now);
	return r->parts >= PACE_RATE_MESSAGE ? 0 :
	    (PACE_RATE_MESSAGE - r->parts + limit_of(r) - 1) / limit_of(r);
}

void
pace_rate_take(struct pace_rate *r, uint64_t now)
{
	if (!pace_rate_is_limited(r))
		return;
	fill(r, now);
	r->parts -= MIN(r->parts, PACE_RATE_MESSAGE);
}

/* --- what the host takes --- */

/* The present period, and the one before it. */
static void
count_to(struct pace_rate *r, uint64_t now)
{
	uint64_t ms = now > r->counted_at ? now - r->counted_at : 0;

	if (ms < r->period)
		return;
	r->before = ms < 2 * r->period ? r->count : 0;
	r->count = 0;
	r->counted_at = now;
}

/* Messages a minute. */
static uint64_t
measured(struct pace_rate *r, uint64_t now)
{
	count_to(r, now);
	return MAX(r->before, r->count) * MINUTE_MS / r->period;
}

static uint64_t
least(const struct pace_rate *r)
{
	return MAX(MINUTE_MS / r->period, 1);
}

/* Far from what was too much. */
static bool
is_low(const struct pace_rate *r)
{
	return r->ceiling == 0 || r->learnt < r->ceiling / 4 * 3;
}

static void
raise_one_step(struct pace_rate *r)
{
	uint64_t step;

	if (r->ceiling == 0)
		step = r->learnt;
	else if (is_low(r))
		step = r->learnt / 2;
	else
		step = r->ceiling / 5;
	r->learnt += MAX(step, least(r));
	if (r->learnt >= (r->ceiling == 0 ? FREE_FROM * least(r) : FREE_TIMES * (r->ceiling + least(r)))) {
		r->learnt = CONFIG_UNLIMITED;
		r->ceiling = 0;
	}
}

bool
pace_rate_taken(struct pace_rate *r, uint64_t now)
{
	count_to(r, now);
	r->count++;
	if (r->learnt == CONFIG_UNLIMITED || now < r->changed_at + r->period * (is_low(r) ? 1 : SLOW_PERIODS))
		return false;
	r->changed_at = now;
	r->slowed = false;
	raise_one_step(r);
	return true;
}

bool
pace_rate_slow(struct pace_rate *r, uint64_t now)
{
	uint64_t took = measured(r, now), base = took;

	if (r->slowed && now < r->changed_at + r->period / SAME_SHARE)
		return false;
	if (r->learnt != CONFIG_UNLIMITED)
		base = took == 0 ? r->learnt : MIN(took, r->learnt);
	if (took > 0)
		r->ceiling = base;
	r->learnt = MAX(base / 2, least(r));
	r->changed_at = now;
	r->slowed = true;
	r->parts = 0;
	r->filled_at = now;
	r->count = r->before = 0;
	return true;
}

/* What has gathered in the bucket counts for nothing: it may have been used elsewhere. */
void
pace_rate_set(struct pace_rate *r, uint64_t limit, uint64_t now)
{
	if (r->limit == limit)
		return;
	r->limit = limit;
	r->parts = 0;
	r->filled_at = now;
}

void
pace_rate_forget(struct pace_rate *r, uint64_t now)
{
	pace_rate_init(r, r->limit, r->period, now);
}
