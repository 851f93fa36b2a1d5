/*
 * pace_rate - messages a minute, as a token bucket; pure
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  in no minute there are more than the limit, but for the tenth of a second that the bucket holds:
 *           without that a large limit could not be used by a clock of milliseconds. A clock that goes back
 *           stands still, one that jumps ahead fills the bucket once
 * Fails by: cannot
 */
#include <sys/param.h>

#include "common/config/config.h"
#include "deliver/pace/pace.h"

#define BUCKET_MS 100U

static uint64_t
bucket_size(const struct pace_rate *r)
{
	return MAX(r->limit * BUCKET_MS, PACE_RATE_MESSAGE);
}

static void
fill(struct pace_rate *r, uint64_t now)
{
	uint64_t ms = now > r->filled_at ? now - r->filled_at : 0, size = bucket_size(r);

	r->filled_at = now;
	if (ms >= size / r->limit)
		r->parts = size;
	else
		r->parts = MIN(r->parts + ms * r->limit, size);
}

void
pace_rate_init(struct pace_rate *r, uint64_t limit, uint64_t now)
{
	*r = (struct pace_rate){ .limit = limit, .filled_at = now };
	if (limit != CONFIG_UNLIMITED)
		r->parts = bucket_size(r);
}

uint64_t
pace_rate_wait(struct pace_rate *r, uint64_t now)
{
	if (r->limit == CONFIG_UNLIMITED)
		return 0;
	fill(r, now);
	return r->parts >= PACE_RATE_MESSAGE ? 0 :
	    (PACE_RATE_MESSAGE - r->parts + r->limit - 1) / r->limit;
}

void
pace_rate_take(struct pace_rate *r, uint64_t now)
{
	if (r->limit == CONFIG_UNLIMITED)
		return;
	fill(r, now);
	r->parts -= MIN(r->parts, PACE_RATE_MESSAGE);
}
