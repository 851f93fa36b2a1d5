/*
 * change_rate - a burst, then one a second; users do not wait for each other; the table is never full
 */
#include "master/control/control_private.h"
#include "t/unit/check_main.h"

static bool
take(unsigned uid, uint64_t now)
{
	char author[LOGIN_NAME_AUTHOR_SIZE];

	login_name_put_author(author, uid, "");
	return change_rate_take(author, now);
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

UNIT_MAIN("change_rate", rate)
