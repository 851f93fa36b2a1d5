/*
 * active_message - the phases of a loaded message, in the right order and in wrong ones; reasons are kept once
 */

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "deliver/active/active.h"
#include "t/unit/check_main.h"

START_TEST(test_phases)
{
	static const enum active_phase ways[][4] = {	/* after ACTIVE_LOADING */
		{ ACTIVE_SETTLED }, { ACTIVE_RESULT, ACTIVE_SETTLED }, { ACTIVE_MOVING, ACTIVE_SETTLED },
		{ ACTIVE_BADMAIL, ACTIVE_SETTLED }, { ACTIVE_SENDING, ACTIVE_RESULT, ACTIVE_SETTLED },
	};

	for (size_t w = 0; w < nitems_of(ways); w++) {
		struct active_message m = { .phase = ACTIVE_LOADING };

		for (size_t i = 0; m.phase != ACTIVE_SETTLED; i++)
			active_message_enter(&m, ways[w][i]);
	}
}
END_TEST

/* A message is settled once, and written down before it is forgotten. */
START_TEST(test_wrong)
{
	static const enum active_phase wrong[][2] = {
		{ ACTIVE_SENDING, ACTIVE_SETTLED }, { ACTIVE_SENDING, ACTIVE_SENDING },
		{ ACTIVE_RESULT, ACTIVE_RESULT },
		{ ACTIVE_RESULT, ACTIVE_SENDING }, { ACTIVE_SETTLED, ACTIVE_SETTLED },
		{ ACTIVE_MOVING, ACTIVE_RESULT },
	};

	for (size_t i = 0; i < nitems_of(wrong); i++) {
		pid_t child = fork();
		int status;

		if (child == 0) {
			struct active_message m = { .phase = wrong[i][0] };

			(void)!freopen("/dev/null", "w", stderr);
			active_message_enter(&m, wrong[i][1]);
			_exit(0);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_msg(!WIFEXITED(status) || WEXITSTATUS(status) != 0, "row %zu", i);
	}
}
END_TEST

START_TEST(test_reasons)
{
	struct active_message m = { .phase = ACTIVE_LOADING };
	struct active_reason *first = active_message_reason(&m, 451, "4.4.1", "mx.far.example", "no answer");

	ck_assert_ptr_eq(active_message_reason(&m, 451, "4.4.1", "mx.far.example", "no answer"), first);
	ck_assert_ptr_ne(active_message_reason(&m, 451, "4.4.1", "mx.far.example", "busy"), first);
	ck_assert_ptr_ne(active_message_reason(&m, 0, "4.4.1", "mx.far.example", "no answer"), first);
	ck_assert_str_eq(first->host, "mx.far.example");
	ck_assert_str_eq(first->text, "no answer");
	active_message_free_reasons(&m);
	ck_assert_ptr_null(m.reasons);
}
END_TEST

/* Within seconds, a few times; then each minute. */
START_TEST(test_trouble)
{
	static const uint64_t want[] = { 1000, 2000, 4000, 8000, 60000, 60000, 60000 };
	struct active_message m = { .phase = ACTIVE_LOADING };

	for (size_t i = 0; i < nitems_of(want); i++) {
		ck_assert_uint_eq(active_message_trouble(&m), want[i]);
		ck_assert(m.troubled);
		ck_assert_uint_le(m.trouble, 7); /* it is kept in three bits */
	}
}
END_TEST

UNIT_MAIN("active_message", test_phases, test_wrong, test_reasons, test_trouble)
