/*
 * check_main - what every unit test program needs: the check library, and a main() made from a list of test
 * cases
 */
#ifndef CHECK_MAIN_H
#define CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

#include "common/base/mem.h"

/* The last line of t/unit/ROW/NAME.c: UNIT_MAIN("NAME", test_one, test_two) with START_TEST functions. */
#define UNIT_MAIN(name, ...)                                                                  \
	int main(void)                                                                        \
	{                                                                                     \
		const TTest *const tests[] = { __VA_ARGS__ };                                 \
		Suite *suite = suite_create(name);                                            \
		for (size_t i = 0; i < nitems_of(tests); i++) {                               \
			TCase *tc = tcase_create(name);                                       \
			tcase_set_timeout(tc, 200); /* s; t/run-all gives the program more */ \
			tcase_add_test(tc, tests[i]);                                         \
			suite_add_tcase(suite, tc);                                           \
		}                                                                             \
		SRunner *runner = srunner_create(suite);                                      \
		srunner_run_all(runner, CK_NORMAL);                                           \
		int failed = srunner_ntests_failed(runner);                                   \
		srunner_free(runner);                                                         \
		return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;                             \
	}

#endif
