/* reap - what the death of a child means, and the restart delay that doubles */
#include <signal.h>
#include <string.h>

#include "master/master.h"
#include "master/processes/processes.h"
#include "t/unit/check_main.h"

/* shows 1.11a */
START_TEST(doubles)
{
	static const unsigned seconds[] = { 1, 2, 4, 8, 16, 32, 60, 60, 60 };
	struct restart_record r = { 0 };

	for (size_t i = 0; i < 3; i++)
		ck_assert_uint_eq(roster_delay(&r, 3, 10), 0);
	for (size_t i = 0; i < nitems_of(seconds); i++)
		ck_assert_uint_eq(roster_delay(&r, 3, 10), seconds[i] * 1000U);
	for (int i = 0; i < 100000; i++)
		ck_assert_uint_eq(roster_delay(&r, 3, 0), ROSTER_LAST_MS);
	r = (struct restart_record){ 0 };
	ck_assert_uint_eq(roster_delay(&r, 0, 10), 1000);
}
END_TEST

/* shows 1.11a */
START_TEST(forgives)
{
	struct restart_record r = { 0 };

	for (int i = 0; i < 20; i++)
		(void)roster_delay(&r, 1, 0);
	ck_assert_uint_eq(roster_delay(&r, 1, ROSTER_FORGIVE_MS - 1), ROSTER_LAST_MS);
	/* Of seven, four are left: 2, 4, 8 seconds were forgiven, and this one is the next. */
	ck_assert_uint_eq(roster_delay(&r, 1, 3 * ROSTER_FORGIVE_MS), 8 * ROSTER_FIRST_MS);
	ck_assert_uint_eq(roster_delay(&r, 1, ROSTER_WELL_MS), 0);
	ck_assert_uint_eq(roster_delay(&r, 1, 0), ROSTER_FIRST_MS);
	ck_assert_uint_eq(roster_delay(&r, 1, 0), 2 * ROSTER_FIRST_MS);
	/* One that fails now and then is started at once each time. */
	for (int i = 0; i < 100; i++)
		ck_assert_uint_le(roster_delay(&r, 1, 3 * ROSTER_FORGIVE_MS), i < 2 ? ROSTER_FIRST_MS : 0);
}
END_TEST

START_TEST(keeps_dying)
{
	struct crash_record r = { 0 };

	crash_record_add(&r, ROLE_DELIVER, "first", 1);
	crash_record_add(&r, ROLE_DELIVER, "second", 2);
	ck_assert(!crash_record_is_often(&r, 2));
	crash_record_add(&r, ROLE_LISTENER, "third", CRASH_RECORD_MS);
	ck_assert(crash_record_is_often(&r, CRASH_RECORD_MS));
	ck_assert(!crash_record_is_often(&r, CRASH_RECORD_MS + 1));
	crash_record_add(&r, ROLE_LISTENER, "fourth", CRASH_RECORD_MS + 1);
	ck_assert(crash_record_is_often(&r, CRASH_RECORD_MS + 1));
	ck_assert_int_eq(r.role, ROLE_LISTENER);
	ck_assert_str_eq(r.words, "fourth");
}
END_TEST

#define EXITED(code) ((code) << 8)	/* as waitpid(2) gives it */

START_TEST(judges)
{
	static const struct {
		int status;
		enum child_phase phase;
		const char *killed;
		bool crash;
		const char *words;
	} rows[] = {
		{ EXITED(0), CHILD_STOPPING, NULL, false, "ended" },
		{ EXITED(0), CHILD_DRAINING, NULL, false, "ended" },
		{ EXITED(0), CHILD_READY, NULL, true, "without being asked" },
		{ EXITED(0), CHILD_BORN, NULL, true, "without being asked" },
		{ EXITED(78), CHILD_BORN, NULL, true, "exit status 78" },
		{ EXITED(70), CHILD_STOPPING, NULL, true, "exit status 70" },
		{ EXITED(127), CHILD_BORN, NULL, true, "could not be executed" },
		{ SIGSEGV, CHILD_READY, NULL, true, "signal 11" },
		{ SIGKILL, CHILD_STOPPING, NULL, true, "signal 9" },
		{ SIGKILL, CHILD_STOPPING, "not ended", true, "not ended; killed" },
		{ EXITED(0), CHILD_STOPPING, "it babbled", true, "it babbled; killed" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		char words[128];
		bool crash = reap_judge(rows[i].status, rows[i].phase, rows[i].killed, NULL, words,
		    sizeof(words));

		ck_assert_msg(crash == rows[i].crash && strstr(words, rows[i].words) != NULL,
		    "row %zu: %d \"%s\"", i, crash, words);
	}
}
END_TEST

UNIT_MAIN("reap", doubles, forgives, keeps_dying, judges)
