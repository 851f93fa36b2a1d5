/*
 * schedule_gate - whether a portion of a message may go to a destination now
 *
 * Runs in:  deliver, on the loop
 * Owns:     nothing; outbound, and a directory's destination, remember the last try
 * Promise:  a destination whose hosts take so many messages a minute has as many at work as they can use
 *           soon. One that is down gets one portion at a time, after the first failures soon and then one
 *           a minute at most, also of mail that comes later; one whose hosts rest gets none, then one that
 *           finds out whether that is over; no destination fills the window, and a new message finds a place
 *           even when a start of many has filled it
 * Fails by: nothing
 */
#include <sys/param.h>

#include "common/base/clock.h"
#include "deliver/active/active.h"
#include "deliver/outbound/outbound.h"
#include "deliver/schedule/schedule_private.h"

#define NEW_PLACES 96			/* beside the window, for new messages: one a destination */
#define ATRN_PORTIONS 32		/* that wait for the one connection of a host that asked */
#define PROBE_MS 60000			/* between two tries of a destination that is down, at most */

void
schedule_gate_each_shared(const struct schedule *s, void (*call)(void *arg, const char *key, const char *why),
    void *arg)
{
	if (s->set.outbound != NULL)
		shared_limits_each(s->set.outbound, call, arg);
}

static bool
has_place(const struct schedule *s, const struct active_message *m, const struct schedule_dest *d)
{
	return d->active < MIN(schedule_dest_share(s->set.window, s->counted[0]), d->places) ||
	    (m->is_new && d->active == 0 && d->parked == 0 && s->counted[0] < s->set.window + NEW_PLACES);
}

static bool
is_down(const struct schedule *s, const struct schedule_dest *d)
{
	return d->directory ? expand_is_down(s->set.expand) : outbound_is_down(s->set.outbound, d->d.key);
}

static enum schedule_gate
probe_directory(struct schedule_dest *d, uint64_t between, struct verdict *why)
{
	uint64_t now = clock_mono_ms();

	*why = d->failure;
	if (d->probed != 0 && now - d->probed < between)
		return GATE_DEFER;
	d->probed = now;
	return GATE_SEND;
}

/*
 * One portion finds out whether a destination is still down; the others wait for its result. After the first
 * failures that is soon, and costs the others no attempt.
 */
static enum schedule_gate
probe_dest(const struct schedule *s, struct schedule_dest *d, uint64_t *ms, struct verdict *why)
{
	uint64_t between = s->set.server->retry.ms[0] < PROBE_MS ? s->set.server->retry.ms[0] : PROBE_MS;

	d->probing = d->active > 0;
	if (d->probing)
		return GATE_PARK;
	if (d->directory)
		return probe_directory(d, between, why);
	if (!d->probe_now && outbound_was_tried(s->set.outbound, d->d.key, between, ms, why))
		return *ms > 0 ? GATE_REST : GATE_DEFER;
	d->probe_now = false;
	return GATE_SEND;
}

enum schedule_gate
schedule_gate(const struct active_message *m, struct schedule_dest *d, uint64_t *ms, struct verdict *why)
{
	struct schedule *s = m->schedule;
	enum outbound_rest rest;

	if (s->draining)
		return GATE_PARK;
	if (d->local)
		return GATE_SEND;
	if (d->atrn != NULL)
		return d->active < ATRN_PORTIONS ? GATE_SEND : GATE_PARK;
	rest = d->directory ? OUTBOUND_FREE : outbound_rest(s->set.outbound, d->d.key, ms, why);
	if (rest == OUTBOUND_RESTS)
		return GATE_REST;
	if (rest == OUTBOUND_PAUSED) {
		verdict_set(why, VERDICT_LATER, "4.3.2", SCHEDULE_PAUSED);
		return GATE_PAUSED;
	}
	if (rest == OUTBOUND_PROBES) {
		d->probing = d->active > 0;
		return d->probing ? GATE_PARK : GATE_SEND;
	}
	if (is_down(s, d))
		return probe_dest(s, d, ms, why);
	if (!d->directory)
		d->places = outbound_places(s->set.outbound, d->d.key);
	return has_place(s, m, d) ? GATE_SEND : GATE_PARK;
}
