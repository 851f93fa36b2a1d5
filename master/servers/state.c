/*
 * state - the seven states of a virtual server; pure
 *
 * Runs in:  master
 * Owns:     the table: what each command and each event does in each state
 * Promise:  every command has an answer in every state; an event that has no meaning in a state is ignored
 * Fails by: not at all
 */
#include <assert.h>

#include "common/base/mem.h"
#include "master/servers/servers.h"

#define GO(to, what) { .kind = STATE_GO, .next = STATE_##to, .act = ACT_##what }
#define ALREADY(why) { .kind = STATE_ALREADY, .text = why }
#define REFUSE(why) { .kind = STATE_REFUSE, .text = why }

/* An event without a cell is ignored in that state. All commands have their cells. */
static const struct state_move state_table[][EVENT_COUNT] = {
	[STATE_STARTING] = {
		[EVENT_START] = GO(STARTING, NONE),
		[EVENT_STOP] = GO(STOPPING, CLOSE),
		[EVENT_PAUSE] = REFUSE("is starting; it cannot be paused before it has started"),
		[EVENT_CONTINUE] = REFUSE("is starting; there is nothing to continue"),
		[EVENT_DRAIN] = REFUSE("is starting; it can be drained when it has started"),
		[EVENT_READY] = GO(STARTED, NONE),
		[EVENT_FAILED] = GO(STOPPED, NONE),
		[EVENT_REFUSED] = GO(STOPPING, CLOSE),
	},
	[STATE_STARTED] = {
		[EVENT_START] = ALREADY("is already started"),
		[EVENT_STOP] = GO(STOPPING, CLOSE),
		[EVENT_PAUSE] = GO(PAUSING, PAUSE),
		[EVENT_CONTINUE] = REFUSE("is started; there is nothing to continue"),
		[EVENT_DRAIN] = GO(PAUSING, DRAIN),
	},
	[STATE_STOPPING] = {
		[EVENT_START] = REFUSE("is stopping; it can be started when it has stopped"),
		[EVENT_STOP] = GO(STOPPING, NONE),
		[EVENT_PAUSE] = REFUSE("is stopping; it cannot be paused"),
		[EVENT_CONTINUE] = REFUSE("is stopping; it cannot be continued"),
		[EVENT_DRAIN] = ALREADY("is stopping"),
		[EVENT_GONE] = GO(STOPPED, NONE),
	},
	[STATE_STOPPED] = {
		[EVENT_START] = GO(STARTING, OPEN),
		[EVENT_STOP] = ALREADY("is already stopped"),
		[EVENT_PAUSE] = REFUSE("is stopped; it cannot be paused"),
		[EVENT_CONTINUE] = REFUSE("is stopped; it cannot be continued, only started"),
		[EVENT_DRAIN] = ALREADY("is stopped"),
	},
	[STATE_PAUSING] = {
		[EVENT_START] = REFUSE("is pausing; it can be continued when it has paused"),
		[EVENT_STOP] = GO(STOPPING, CLOSE),
		[EVENT_PAUSE] = GO(PAUSING, NONE),
		[EVENT_CONTINUE] = REFUSE("is pausing; it can be continued when it has paused"),
		[EVENT_DRAIN] = GO(PAUSING, DRAIN),
		[EVENT_PAUSED] = GO(PAUSED, SHUT),
	},
	[STATE_PAUSED] = {
		[EVENT_START] = REFUSE("is paused; it can be continued"),
		[EVENT_STOP] = GO(STOPPING, CLOSE),
		[EVENT_PAUSE] = ALREADY("is already paused"),
		[EVENT_CONTINUE] = GO(CONTINUING, CONTINUE),
		[EVENT_DRAIN] = GO(PAUSING, DRAIN),
	},
	[STATE_CONTINUING] = {
		[EVENT_START] = REFUSE("is continuing"),
		[EVENT_STOP] = GO(STOPPING, CLOSE),
		[EVENT_PAUSE] = REFUSE("is continuing; it can be paused when it has started"),
		[EVENT_CONTINUE] = GO(CONTINUING, NONE),
		[EVENT_DRAIN] = REFUSE("is continuing; it can be drained when it has started"),
		[EVENT_CONTINUED] = GO(STARTED, NONE),
		[EVENT_FAILED] = GO(PAUSED, NONE),
	},
};
static_assert(nitems_of(state_table) == STATE_COUNT, "a row for each state");

static const char *const state_names[] = {
	[STATE_STARTING] = "starting", [STATE_STARTED] = "started", [STATE_STOPPING] = "stopping",
	[STATE_STOPPED] = "stopped", [STATE_PAUSING] = "pausing", [STATE_PAUSED] = "paused",
	[STATE_CONTINUING] = "continuing",
};
static_assert(nitems_of(state_names) == STATE_COUNT, "a name for each state");

static const char *const command_names[] = {
	[EVENT_START] = "start", [EVENT_STOP] = "stop", [EVENT_PAUSE] = "pause",
	[EVENT_CONTINUE] = "continue", [EVENT_DRAIN] = "drain",
};

const struct state_move *
state_move(enum state state, enum state_event event)
{
	return &state_table[state][event];
}

const char *
state_name(enum state state)
{
	return state >= STATE_STARTING && state < STATE_COUNT ? state_names[state] : "?";
}

const char *
state_command_name(enum state_event event)
{
	return (size_t)event < nitems_of(command_names) ? command_names[event] : "?";
}
