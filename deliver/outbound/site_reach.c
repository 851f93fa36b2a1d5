/*
 * site_reach - whether the hosts of a site let us in: what its last tries have shown
 *
 * Runs in:  deliver
 * Owns:     nothing
 * Promise:  a try counts once, however many addresses and jobs it had
 * Fails by: cannot
 */
#include "common/base/clock.h"
#include "deliver/outbound/outbound.h"

#define TOGETHER_MS 1000	/* tries that fail within that are one failure */

void
site_reach_up(struct site *s)
{
	s->reach = SITE_UP;
	s->failures = 0;
	s->fails = false;
}

void
site_reach_down(struct site *s, const struct verdict *why)
{
	uint64_t now = clock_mono_ms();

	s->reach = SITE_DOWN;
	if (!s->fails)
		return;
	s->fails = false;
	if (s->failures == 0 || now - s->failed_at >= TOGETHER_MS)
		s->failures++;
	s->failed_at = now;
	s->failure = *why;
}
