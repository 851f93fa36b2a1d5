/*
 * schedule_clock - due times are of the wall clock: what happens when that is set back
 *
 * Runs in:  deliver, on the loop
 * Owns:     schedule.ahead_us
 * Promise:  after the clock was ahead and is set back, no mail waits longer than the table of retries allows
 * Fails by: nothing
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "deliver/schedule/schedule.h"

#define SET_BACK_US 60000000	/* less does not matter */

uint32_t
schedule_clock_now(void)
{
	return (uint32_t)(clock_wall_us() / 1000000);
}

uint32_t
schedule_clock_latest(const struct schedule *s, uint32_t now)
{
	const struct config_times *table = &s->set.server->retry;
	uint64_t longest = 60;

	for (size_t i = 0; i < table->count; i++)
		if (table->ms[i] / 1000 + 60 > longest)
			longest = table->ms[i] / 1000 + 60;
	return (uint32_t)(now + longest + longest / 10);
}

/* Compares with the monotonic clock, which cannot be set. */
void
schedule_clock_check(struct schedule *s)
{
	int64_t wall = clock_wall_us(), ahead = wall - (int64_t)clock_mono_ms() * 1000,
	    back = s->ahead_us - ahead;

	if (s->ahead_us != 0 && back > SET_BACK_US) {
		log_event(LOG_WARN, NULL, "trouble", "what=clock reason=\"it was set back by %lld s\"",
		    (long long)(back / 1000000));
		schedule_index_limit_due(s->index, schedule_clock_latest(s, schedule_clock_now()));
	}
	s->ahead_us = ahead;
}
