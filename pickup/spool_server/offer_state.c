/*
 * offer_state - what becomes of a message that is offered to the next hop while its client waits, by what
 * comes first: its verdict, the end of its time, the disk; pure
 *
 * Runs in:  pickup, on any thread, with the lock of its offers
 * Owns:     the table of states and events
 * Promise:  the client is answered once. 250 is said only when the next hop has the message, or file and name
 *           are on disk; a refusal only while nothing is being stored. Deliver hears once what became of the
 *           file
 * Fails by: nothing; an event that the table lacks ends the test build
 */
#include <assert.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "pickup/spool_server/spool_server.h"

#define FORGOTTEN (OFFER_DISCARD | OFFER_TELL_GONE)
#define ROW(state, actions) { true, OFFER_##state, actions }

static const struct cell {
	bool there;
	enum offer_state next;
	unsigned actions;
} table[][OFFER_EVENTS] = {
	[OFFER_OPEN] = {
		[OFFER_TAKEN] = ROW(OVER, OFFER_SAY_ACCEPTED | FORGOTTEN),
		[OFFER_REFUSED] = ROW(OVER, OFFER_SAY_REFUSED | FORGOTTEN),
		[OFFER_PUT_OFF] = ROW(OPEN, OFFER_HURRY),
		[OFFER_GONE] = ROW(OPEN, OFFER_HURRY),
		[OFFER_STORE] = ROW(STORING, 0),
	},
	/* The hop may have taken it, and only the disk is slow: 250 at once. A refusal comes too late. */
	[OFFER_STORING] = {
		[OFFER_TAKEN] = ROW(SAID, OFFER_SAY_ACCEPTED),
		[OFFER_REFUSED] = ROW(STORING, 0),
		[OFFER_PUT_OFF] = ROW(STORING, 0),
		[OFFER_GONE] = ROW(STORING, 0),
		[OFFER_STORED] = ROW(OVER, OFFER_SAY_ACCEPTED | OFFER_TELL_STORED),
		[OFFER_FAILED] = ROW(OVER, OFFER_SAY_ERROR | FORGOTTEN),
	},
	/* Its marks say that nothing is to be sent: deliver removes it. */
	[OFFER_SAID] = {
		[OFFER_GONE] = ROW(SAID, 0),
		[OFFER_STORED] = ROW(OVER, OFFER_TELL_STORED),
		[OFFER_FAILED] = ROW(OVER, FORGOTTEN),
	},
};
static_assert(nitems_of(table) == OFFER_OVER, "a row for each state but the last");

unsigned
offer_state_step(enum offer_state *state, enum offer_event event)
{
	const struct cell *c = *state == OFFER_OVER ? NULL : &table[*state][event];

	if (c == NULL || !c->there) {
#ifdef POSTERN_TEST
		bug("event %d of an offer in state %d", (int)event, (int)*state);
#endif
		return 0;
	}
	*state = c->next;
	return c->actions;
}
