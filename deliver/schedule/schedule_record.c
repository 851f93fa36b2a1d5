/*
 * schedule_record - the states of a queued message's record, and which event leads from which to which; pure
 *
 * Runs in:  deliver, on the loop
 * Owns:     the table of states and events
 * Promise:  a record is in one place: in the heap, in one list, with its loaded message, or nowhere
 * Fails by: nothing; an event that the table lacks in a state ends the test build
 */
#include <assert.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "deliver/schedule/schedule.h"

#define GO(state) (RECORD_##state + 1)

/*
 * A row for each state, a cell for each event that can come in it. Heap and lists are the caller's. A list
 * has links in one direction only: a record in its middle cannot be taken out, so it is skipped when the list
 * comes to it.
 */
static const unsigned char next_state[][RECORD_EVENTS] = {
	[RECORD_FREE] = {
		[EVENT_ADD] = GO(LOADED),
	},
	[RECORD_NEW] = {
		[EVENT_LOAD] = GO(LOADED),
		[EVENT_COMMAND] = GO(SKIPPED),
		[EVENT_HOLD] = GO(SKIPPED),
		[EVENT_RELEASE] = GO(NEW),
	},
	[RECORD_WAITING] = {
		[EVENT_WAIT] = GO(WAITING),
		[EVENT_LOAD] = GO(LOADED),
		[EVENT_COMMAND] = GO(LOADED),
		[EVENT_HOLD] = GO(STOPPED),
		[EVENT_RELEASE] = GO(WAITING),
		[EVENT_REMOVE] = GO(FREE),
	},
	[RECORD_PARKED] = {
		[EVENT_LOAD] = GO(LOADED),
		[EVENT_COMMAND] = GO(SKIPPED),
		[EVENT_HOLD] = GO(SKIPPED),
		[EVENT_RELEASE] = GO(PARKED),
	},
	[RECORD_LOADED] = {
		[EVENT_NEW] = GO(NEW),
		[EVENT_WAIT] = GO(WAITING),
		[EVENT_PARK] = GO(PARKED),
		[EVENT_HOLD] = GO(LOADED),
		[EVENT_RELEASE] = GO(LOADED),
		[EVENT_BACK_HELD] = GO(STOPPED),
		[EVENT_REMOVE] = GO(FREE),
	},
	[RECORD_STOPPED] = {
		[EVENT_COMMAND] = GO(LOADED),
		[EVENT_HOLD] = GO(STOPPED),
		[EVENT_RELEASE] = GO(LOADED),		/* EVENT_WAIT follows */
		[EVENT_BACK_HELD] = GO(STOPPED),
		[EVENT_REMOVE] = GO(FREE),
	},
	[RECORD_SKIPPED] = {
		[EVENT_COMMAND] = GO(SKIPPED),
		[EVENT_HOLD] = GO(SKIPPED),
		[EVENT_RELEASE] = GO(PARKED),
		[EVENT_BACK] = GO(PARKED),
		[EVENT_BACK_HELD] = GO(SKIPPED),
		[EVENT_REACH] = GO(LOADED),
		[EVENT_REACH_HELD] = GO(STOPPED),
		[EVENT_GONE] = GO(GONE),
	},
	[RECORD_GONE] = {
		[EVENT_AGAIN] = GO(PARKED),
		[EVENT_REMOVE] = GO(FREE),
	},
};
static_assert(nitems_of(next_state) == RECORD_STATES, "a row for each state");
static_assert(RECORD_STATES == 8, "three bits of a record");

/* Where an event leads that has no cell; 0: the state stays. */
static const unsigned char event_state[RECORD_EVENTS] = {
	[EVENT_ADD] = GO(LOADED), [EVENT_NEW] = GO(NEW), [EVENT_WAIT] = GO(WAITING),
	[EVENT_PARK] = GO(PARKED), [EVENT_LOAD] = GO(LOADED), [EVENT_COMMAND] = GO(LOADED),
	[EVENT_REACH] = GO(LOADED), [EVENT_REACH_HELD] = GO(STOPPED),
	[EVENT_BACK] = GO(PARKED), [EVENT_BACK_HELD] = GO(STOPPED),
	[EVENT_GONE] = GO(GONE), [EVENT_AGAIN] = GO(PARKED), [EVENT_REMOVE] = GO(FREE),
};

void
schedule_record_event(struct schedule_record *r, enum schedule_event event)
{
	unsigned next = next_state[r->state][event];

	if (next == 0) {
#ifdef POSTERN_TEST
		bug("event %d of a record in state %u", (int)event, (unsigned)r->state);
#endif
		next = event_state[event];
	}
	if (next != 0)
		r->state = (next - 1) & (RECORD_STATES - 1);
}

void
schedule_record_set(struct schedule_record *r, enum schedule_flag flag, bool on)
{
	unsigned flags = on ? r->flags | (unsigned)flag : r->flags & ~(unsigned)flag;

	r->flags = flags & 0xff;
}

/* RECORD_RETRY, and how many have it: `retrying` by `local`. */
void
schedule_record_retry(struct schedule_record *r, size_t retrying[2], bool retry, bool local)
{
	if ((r->flags & RECORD_RETRY) != 0)
		retrying[r->local]--;
	retrying[local] += retry;
	r->local = local;
	schedule_record_set(r, RECORD_RETRY, retry);
}
