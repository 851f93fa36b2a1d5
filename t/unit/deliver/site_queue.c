/* site_queue - which of several failures is reported */

#include <string.h>

#include "deliver/outbound/outbound.h"
#include "t/unit/check_main.h"

#define LATER VERDICT_LATER
#define REFUSED VERDICT_REFUSED

/* Two failures, one after the other; which of them stays. */
static const struct { enum verdict_what a; const char *a_status; enum verdict_what b; const char *b_status;
    int told; } rows[] = {
	{ LATER, "4.7.5", LATER, "4.3.1", 2 },
	/* what a host said tells more than that another was not there, in either order */
	{ LATER, "4.7.5", LATER, "4.4.1", 1 },
	{ LATER, "4.4.1", LATER, "4.7.5", 2 },
	{ LATER, "4.4.1", LATER, "4.4.1", 2 },
	{ LATER, "4.4.2", LATER, "4.4.1", 1 },
	/* refused only when all refuse */
	{ LATER, "4.7.5", REFUSED, "5.0.0", 1 },
	{ LATER, "4.4.1", REFUSED, "5.0.0", 1 },
	{ REFUSED, "5.0.0", LATER, "4.7.5", 2 },
	{ REFUSED, "5.0.0", LATER, "4.4.1", 2 },
	{ REFUSED, "5.0.0", REFUSED, "5.7.1", 2 },
};

START_TEST(test_note)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct verdict a, b;
		struct outbound_job job = { .count = 1 };
		const char *told = job.failure.text;

		verdict_set(&a, rows[i].a, rows[i].a_status, "one");
		verdict_set(&b, rows[i].b, rows[i].b_status, "two");
		site_queue_note(&job, &a, true);
		ck_assert(strcmp(told, "one") == 0 && job.glitch && job.failed);
		site_queue_note(&job, &b, false);
		ck_assert_msg(strcmp(told, rows[i].told == 1 ? "one" : "two") == 0, "row %zu: %s", i,
		    told);
		ck_assert_int_eq(job.glitch, rows[i].told == 1);
	}
}
END_TEST

UNIT_MAIN("site_queue", test_note)
