/*
 * author_rate - a burst, then one a second; users do not wait for each other; the table is never full
 */
#include <stdio.h>

#include "master/control/control_private.h"
#include "t/unit/check_main.h"

static struct author_rate table = { .burst = 20, .each_ms = 1000 };

static bool
take(unsigned uid, uint64_t now)
{
	char author[LOGIN_NAME_AUTHOR_SIZE];

	login_name_put_author(author, uid, "");
	return author_rate_take(&table, author, now);
}

START_TEST(rate)
{
	uint64_t now = 5000000;

	for (unsigned i = 0; i < 20; i++)
		ck_assert(take(7, now));
	ck_assert(!take(7, now));
	ck_assert(!take(7, now + 999));
	ck_assert(take(8, now));
	ck_assert(take(7, now + 1000));
	ck_assert(!take(7, now + 1000));
	for (unsigned uid = 1000; uid < 1100; uid++)	/* others come and go: who has used up most stays */
		ck_assert(take(uid, now + 1000));
	ck_assert(!take(7, now + 1000));
	for (unsigned i = 0; i < 20; i++)
		ck_assert(take(7, now + 3600000));
	ck_assert(!take(7, now + 3600000));
}
END_TEST

/* Each of many users is told of for itself, and all together do not fill the log; who is left out is counted. */
START_TEST(refusals)
{
	char author[LOGIN_NAME_AUTHOR_SIZE], left_out[REFUSAL_EVENT_SIZE];
	unsigned told = 0, counted = 0, n = 0;

	for (unsigned i = 0; i < 1000; i++)
		told += refusal_event_may_tell("uid=1", left_out);
	ck_assert_uint_ge(told, 20);
	ck_assert_uint_le(told, 25);	/* some time has passed */
	ck_assert(refusal_event_may_tell("uid=2", left_out));
	ck_assert_int_eq(sscanf(left_out, " unreported=%u", &counted), 1);
	ck_assert_uint_eq(counted, 1000 - told);
	ck_assert(refusal_event_may_tell("uid=2", left_out));
	ck_assert_str_eq(left_out, "");
	for (told = 0; n < 10000; n++) {
		snprintf(author, sizeof(author), "uid=%u", 1000 + n);
		told += refusal_event_may_tell(author, left_out);
	}
	ck_assert_uint_le(told, 300);
}
END_TEST

UNIT_MAIN("author_rate", rate, refusals)
