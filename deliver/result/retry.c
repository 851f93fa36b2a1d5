/*
 * retry - when to try again and when to give up; pure
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing
 * Promise:  three quick tries after a dropped or busy connection, then the table, its last entry for ever.
 *           No try is later than the time limit, with its spread too, so that the last attempt is made
 *           there; what does not expire follows the table alone. A time that the peer named is kept within
 *           the table's longest wait; earlier than the table only a few times
 * Fails by: nothing
 */
#include "common/config/config.h"
#include "deliver/result/result.h"

#define QUICK_TRIES 3
#define QUICK_MS 60000
#define SPREAD_PERCENT 5	/* to either side, so that messages of one minute are not all due at once */
#define SOONER_TRIES 3		/* attempts that a peer may bring before their time in the table */
#define BACKLOG_MAX_MS (30ULL * 86400000) /* what has no time limit is looked at so often */
#define SOONER_MS 60000		/* none of these attempts is earlier than this */

static uint64_t
spread_time(uint64_t ms, unsigned jitter)
{
	uint64_t width = ms / 100 * SPREAD_PERCENT;

	return ms - width + width * 2 * (jitter > 1000 ? 1000 : jitter) / 1000;
}

/* At the time that the peer named or later: the spread goes one way. */
static uint64_t
follow_hint(const struct config_server *s, const struct retry_case *c, uint64_t after)
{
	uint64_t longest = 0, least = after < SOONER_MS ? after : SOONER_MS, want = c->hint;

	for (size_t i = 0; i < s->retry.count; i++)
		if (s->retry.ms[i] > longest)
			longest = s->retry.ms[i];
	if (want < after && c->attempts >= SOONER_TRIES)
		return spread_time(after, c->jitter);
	if (want < least)
		want = least;
	want += want / 100 * SPREAD_PERCENT * (c->jitter > 1000 ? 1000 : c->jitter) / 1000;
	return want > longest ? longest : want;
}

struct retry_plan
retry_decide(const struct config_server *s, const struct retry_case *c)
{
	uint64_t expire = c->local ? s->local_expire : s->expire;
	uint64_t notify = c->local ? s->local_delay_notify : s->delay_notify;
	struct retry_plan plan = { 0 };
	size_t step = c->attempts;

	if (step >= s->retry.count)
		step = s->retry.count - 1;
	plan.after = s->retry.ms[step];
	/*
	 * A quick try never waits longer than the table's first entry: a short table means that retries are
	 * to be quick.
	 */
	if (c->glitch && c->attempts == 0 && c->quick < QUICK_TRIES) {
		plan.quick = true;
		if (plan.after > QUICK_MS)
			plan.after = QUICK_MS;
	}
	plan.after = c->hint > 0 ? follow_hint(s, c, plan.after) : spread_time(plan.after, c->jitter);
	plan.delayed = c->age >= notify;
	if (c->no_expiry)
		return plan;
	if (c->age >= expire) {
		plan.expired = true;
		plan.after = 0;
	} else if (plan.after > expire - c->age) {
		plan.after = expire - c->age;
	}
	return plan;
}

/* Not before the rest is over; not all of its mail in one moment; not beyond the time limit. */
uint64_t
retry_rest(const struct config_server *s, const struct retry_case *c, uint64_t rest)
{
	uint64_t after = rest + rest / 50 * SPREAD_PERCENT * (c->jitter > 1000 ? 1000 : c->jitter) / 1000;

	return c->age < s->expire && after > s->expire - c->age ? s->expire - c->age : after;
}

uint64_t
retry_backlog(const struct config_server *s, uint64_t age, bool local, bool reported)
{
	uint64_t expire = local ? s->local_expire : s->expire;
	uint64_t notify = local ? s->local_delay_notify : s->delay_notify;
	uint64_t until = !reported && notify > age && notify < expire ? notify : expire;

	if (until <= age)
		return 0;
	return until - age < BACKLOG_MAX_MS ? until - age : BACKLOG_MAX_MS;
}
