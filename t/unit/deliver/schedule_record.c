/* schedule_record - the ways of a queued message through the states of its record, one row each; its flags */

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deliver/schedule/schedule.h"
#include "t/unit/check_main.h"

static const struct {
	const char *way;
	enum schedule_event event[8];	/* up to EVENT_ADD */
	enum schedule_state last;
} ways[] = {
	{ "delivered at once", { EVENT_NEW, EVENT_LOAD, EVENT_REMOVE }, RECORD_FREE },
	{ "deferred", { EVENT_NEW, EVENT_LOAD, EVENT_WAIT, EVENT_LOAD, EVENT_REMOVE }, RECORD_FREE },
	{ "no place at first", { EVENT_WAIT, EVENT_LOAD, EVENT_PARK, EVENT_LOAD, EVENT_REMOVE },
	    RECORD_FREE },
	{ "due earlier than it was", { EVENT_WAIT, EVENT_WAIT }, RECORD_WAITING },
	{ "held while it waits", { EVENT_WAIT, EVENT_HOLD, EVENT_HOLD, EVENT_RELEASE, EVENT_WAIT },
	    RECORD_WAITING },
	{ "held while it is loaded", { EVENT_WAIT, EVENT_LOAD, EVENT_HOLD, EVENT_BACK_HELD },
	    RECORD_STOPPED },
	{ "held in a list, until the list comes to it", { EVENT_PARK, EVENT_HOLD, EVENT_REACH_HELD },
	    RECORD_STOPPED },
	{ "held in a list and released before", { EVENT_NEW, EVENT_HOLD, EVENT_RELEASE, EVENT_LOAD },
	    RECORD_LOADED },
	{ "a command while it waits", { EVENT_WAIT, EVENT_COMMAND, EVENT_WAIT }, RECORD_WAITING },
	{ "a command in a list", { EVENT_PARK, EVENT_COMMAND, EVENT_BACK, EVENT_LOAD }, RECORD_LOADED },
	{ "a command, and the list comes to it", { EVENT_NEW, EVENT_COMMAND, EVENT_REACH, EVENT_WAIT },
	    RECORD_WAITING },
	{ "deleted in a list", { EVENT_PARK, EVENT_COMMAND, EVENT_GONE, EVENT_REMOVE }, RECORD_FREE },
	{ "deleted in a list, and moved back", { EVENT_PARK, EVENT_COMMAND, EVENT_GONE, EVENT_AGAIN,
	    EVENT_LOAD }, RECORD_LOADED },
	{ "held, and a command fails", { EVENT_WAIT, EVENT_HOLD, EVENT_COMMAND, EVENT_BACK_HELD },
	    RECORD_STOPPED },
	{ "held in a list, and deleted", { EVENT_PARK, EVENT_HOLD, EVENT_COMMAND, EVENT_GONE }, RECORD_GONE },
};

START_TEST(test_ways)
{
	for (size_t w = 0; w < nitems_of(ways); w++) {
		struct schedule_record r = { .state = RECORD_FREE };

		schedule_record_event(&r, EVENT_ADD);
		for (size_t i = 0; ways[w].event[i] != EVENT_ADD; i++)
			schedule_record_event(&r, ways[w].event[i]);
		ck_assert_msg(r.state == ways[w].last, "%s: state %u", ways[w].way, (unsigned)r.state);
	}
}
END_TEST

/* What would tear a list or load a message twice ends the process. */
START_TEST(test_wrong)
{
	static const struct { enum schedule_state state; enum schedule_event event; } wrong[] = {
		{ RECORD_FREE, EVENT_REMOVE }, { RECORD_NEW, EVENT_REMOVE }, { RECORD_PARKED, EVENT_REMOVE },
		{ RECORD_LOADED, EVENT_LOAD }, { RECORD_LOADED, EVENT_COMMAND },
		{ RECORD_PARKED, EVENT_WAIT },
		{ RECORD_SKIPPED, EVENT_LOAD }, { RECORD_STOPPED, EVENT_LOAD }, { RECORD_GONE, EVENT_LOAD },
		{ RECORD_WAITING, EVENT_PARK }, { RECORD_WAITING, EVENT_ADD },
	};

	for (size_t i = 0; i < nitems_of(wrong); i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			struct schedule_record r = { .state = wrong[i].state };

			(void)!freopen("/dev/null", "w", stderr);
			schedule_record_event(&r, wrong[i].event);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_msg(!WIFEXITED(status) || WEXITSTATUS(status) != 0, "row %zu", i);
	}
}
END_TEST

START_TEST(test_flags)
{
	struct schedule_record r = { .state = RECORD_WAITING };

	for (unsigned flag = 1; flag <= RECORD_HELD; flag *= 2)
		schedule_record_set(&r, flag, true);
	ck_assert_uint_eq(r.flags, 255);
	schedule_record_set(&r, RECORD_RETRY, false);
	schedule_record_set(&r, RECORD_RETRY, false);
	ck_assert_uint_eq(r.flags, 255 - RECORD_RETRY);
	ck_assert_uint_eq(r.state, RECORD_WAITING);
}
END_TEST

/* Each record that waits for a retry counts once, as what it was when it began to wait. */
START_TEST(test_retry)
{
	struct schedule_record a = { .state = RECORD_WAITING }, b = { .state = RECORD_WAITING };
	size_t retrying[2] = { 0, 0 };

	schedule_record_retry(&a, retrying, true, true);
	schedule_record_retry(&b, retrying, true, false);
	ck_assert(retrying[0] == 1 && retrying[1] == 1);
	schedule_record_retry(&b, retrying, true, true);
	ck_assert(retrying[0] == 0 && retrying[1] == 2 && (b.flags & RECORD_RETRY) != 0);
	schedule_record_retry(&a, retrying, false, false);
	schedule_record_retry(&a, retrying, false, true);
	schedule_record_retry(&b, retrying, false, false);
	ck_assert(retrying[0] == 0 && retrying[1] == 0 && a.flags == 0 && b.flags == 0);
}
END_TEST

UNIT_MAIN("schedule_record", test_retry, test_ways, test_wrong, test_flags)
