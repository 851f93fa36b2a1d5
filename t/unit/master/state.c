/* state - every state x every event: the whole table as the manual prints it */
#include <string.h>

#include "master/master.h"
#include "master/servers/servers.h"
#include "t/unit/check_main.h"

/*
 * One letter a cell: the state that follows (g starting, s started, o stopping, x stopped, u pausing, p
 *                    paused, c continuing), capital
 * when it is the same; a already, r refused, . ignored. Columns in order of enum state_event.
 */
static const char *const rows[STATE_COUNT] = {
	/*                    start stop pause cont ready paused contd gone failed refused */
	[STATE_STARTING] =   "Gorrrs...xo",
	[STATE_STARTED] =    "aouru......",
	[STATE_STOPPING] =   "rOrra...x..",
	[STATE_STOPPED] =    "garra......",
	[STATE_PAUSING] =    "roUrU.p....",
	[STATE_PAUSED] =     "roacu......",
	[STATE_CONTINUING] = "rorCr..s.p.",
};

static char
letter(enum state from, const struct state_move *m)
{
	static const char states[] = "?gsoxupc";

	switch (m->kind) {
	case STATE_IGNORE:
		return '.';
	case STATE_ALREADY:
		return 'a';
	case STATE_REFUSE:
		return 'r';
	default:
		return (char)(m->next == from ? states[m->next] - 'a' + 'A' : states[m->next]);
	}
}

/* shows 1.3b */
START_TEST(table)
{
	for (enum state s = STATE_STARTING; s < STATE_COUNT; s++) {
		ck_assert_uint_eq(strlen(rows[s]), EVENT_COUNT);
		for (enum state_event e = 0; e < EVENT_COUNT; e++)
			ck_assert_msg(letter(s, state_move(s, e)) == rows[s][e],
			    "%s, event %d: %c, wanted %c", state_name(s), (int)e,
			    letter(s, state_move(s, e)), rows[s][e]);
	}
}
END_TEST

/* Commands are always answered, other events never; a refusal, and "already", has words. */
START_TEST(words)
{
	for (enum state s = STATE_STARTING; s < STATE_COUNT; s++)
		for (enum state_event e = 0; e < EVENT_COUNT; e++) {
			const struct state_move *m = state_move(s, e);
			bool order = e <= EVENT_DRAIN;

			ck_assert(order ? m->kind != STATE_IGNORE : m->kind == STATE_IGNORE ||
			    m->kind == STATE_GO);
			ck_assert((m->text != NULL) == (m->kind == STATE_ALREADY || m->kind == STATE_REFUSE));
			if (m->kind == STATE_REFUSE)
				ck_assert_ptr_nonnull(strstr(m->text, state_name(s)));
		}
}
END_TEST

/* What is done with the processes on the way. */
START_TEST(acts)
{
	ck_assert_int_eq(state_move(STATE_STOPPED, EVENT_START)->act, ACT_OPEN);
	ck_assert_int_eq(state_move(STATE_STARTING, EVENT_REFUSED)->act, ACT_CLOSE);
	ck_assert_int_eq(state_move(STATE_STARTED, EVENT_PAUSE)->act, ACT_PAUSE);
	ck_assert_int_eq(state_move(STATE_STARTED, EVENT_DRAIN)->act, ACT_DRAIN);
	ck_assert_int_eq(state_move(STATE_PAUSED, EVENT_DRAIN)->act, ACT_DRAIN);
	ck_assert_int_eq(state_move(STATE_PAUSING, EVENT_PAUSED)->act, ACT_SHUT);
	ck_assert_int_eq(state_move(STATE_PAUSED, EVENT_CONTINUE)->act, ACT_CONTINUE);
	for (enum state s = STATE_STARTING; s < STATE_COUNT; s++)
		if (s != STATE_STOPPED && s != STATE_STOPPING)
			ck_assert_int_eq(state_move(s, EVENT_STOP)->act, ACT_CLOSE);
	ck_assert_int_eq(state_move(STATE_STOPPING, EVENT_STOP)->act, ACT_NONE);
}
END_TEST

/* The numbers and names of the original. */
/* shows 1.3b */
START_TEST(numbers)
{
	static const char *const names[] = { "?", "starting", "started", "stopping", "stopped", "pausing",
	    "paused", "continuing", "?" };
	for (int i = 0; i <= 8; i++)
		ck_assert_str_eq(state_name((enum state)i), names[i]);
	ck_assert_str_eq(state_command_name(EVENT_CONTINUE), "continue");
	ck_assert_str_eq(state_command_name(EVENT_READY), "?");
}
END_TEST

UNIT_MAIN("state", table, words, acts, numbers)
