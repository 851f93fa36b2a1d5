/*
 * refusal_event - whether a refusal is an event of its own: every user of the host can be refused as fast as
 * it asks
 *
 * Runs in:  master
 * Owns:     who was in the log of late; how many were not
 * Promise:  of each user some at once, then one a second, and of all together some a second: nobody fills the
 *           log, or makes the journal leave out what others say. Those left out are counted in the next one
 * Fails by: false
 */
#include <stdio.h>

#include "common/base/clock.h"
#include "master/control/control_private.h"

#define OWN_BURST 20U
#define OWN_MS 1000U
#define ALL_BURST 200U
#define ALL_MS 50U

bool
refusal_event_may_tell(const char *author, char left_out[REFUSAL_EVENT_SIZE])
{
	static struct author_rate own = { .burst = OWN_BURST, .each_ms = OWN_MS },
	    all = { .burst = ALL_BURST, .each_ms = ALL_MS };
	static unsigned untold;
	uint64_t now = clock_mono_ms();

	if (!author_rate_take(&own, author, now) || !author_rate_take(&all, "all", now)) {
		untold++;
		return false;
	}
	left_out[0] = '\0';
	if (untold > 0)
		snprintf(left_out, REFUSAL_EVENT_SIZE, " unreported=%u", untold);
	untold = 0;
	return true;
}
