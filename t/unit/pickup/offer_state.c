/* offer_state - every order in which verdict, end of the time, disk and end of deliver can come: what client and deliver hear */
#include "pickup/spool_server/spool_server.h"
#include "t/unit/check_main.h"

#define SAYS (OFFER_SAY_ACCEPTED | OFFER_SAY_REFUSED | OFFER_SAY_ERROR)
#define TELLS (OFFER_TELL_STORED | OFFER_TELL_GONE)

static unsigned ends, taken_late, refused_late;

/* What has happened so far. */
struct story {
	enum offer_state state;
	bool taken, refused, put_off, gone, storing, stored, failed;
	unsigned said, told;
	bool discarded;
};

static bool
is_possible(const struct story *y, enum offer_event event)
{
	bool verdict = y->taken || y->refused || y->put_off;

	switch (event) {
	case OFFER_TAKEN:
	case OFFER_REFUSED:
	case OFFER_PUT_OFF:
		return !verdict && !y->gone;
	case OFFER_GONE:
		return !y->gone;
	case OFFER_STORE:
		return !y->storing;
	default:
		return y->storing && !y->stored && !y->failed;
	}
}

static void
happens(struct story *y, enum offer_event event)
{
	y->taken |= event == OFFER_TAKEN;
	y->refused |= event == OFFER_REFUSED;
	y->put_off |= event == OFFER_PUT_OFF;
	y->gone |= event == OFFER_GONE;
	y->storing |= event == OFFER_STORE;
	y->stored |= event == OFFER_STORED;
	y->failed |= event == OFFER_FAILED;
}

static void
check_actions(struct story *y, unsigned actions)
{
	if (actions & SAYS) {
		ck_assert_uint_eq(y->said, 0);
		y->said = actions & SAYS;
	}
	if (actions & OFFER_SAY_ACCEPTED)
		ck_assert(y->taken || y->stored);
	if (actions & OFFER_SAY_REFUSED)
		ck_assert(y->refused && !y->storing);
	if (actions & OFFER_SAY_ERROR)
		ck_assert(y->failed && !y->taken);
	if (actions & TELLS) {
		ck_assert_uint_eq(y->told, 0);
		y->told = actions & TELLS;
	}
	if (actions & OFFER_TELL_STORED)
		ck_assert(y->stored);
	if (actions & OFFER_HURRY)
		ck_assert(!y->storing && (y->put_off || y->gone));
	y->discarded |= (actions & OFFER_DISCARD) != 0;
}

static void
check_end(const struct story *y)
{
	ends++;
	taken_late += y->taken && y->storing;
	refused_late += y->refused && y->stored;
	ck_assert(y->said == OFFER_SAY_ACCEPTED || y->said == OFFER_SAY_REFUSED || y->said == OFFER_SAY_ERROR);
	ck_assert(y->told == OFFER_TELL_STORED || y->told == OFFER_TELL_GONE);
	ck_assert(y->discarded == (y->told == OFFER_TELL_GONE));
	ck_assert(y->stored == (y->told == OFFER_TELL_STORED));
	if (y->refused && y->stored)
		ck_assert_uint_eq(y->said, OFFER_SAY_ACCEPTED);
}

static void
explore(const struct story *before)
{
	for (enum offer_event event = 0; event < OFFER_EVENTS; event++) {
		struct story y = *before;

		if (!is_possible(&y, event))
			continue;
		happens(&y, event);
		check_actions(&y, offer_state_step(&y.state, event));
		if (y.state == OFFER_OVER)
			check_end(&y);
		else
			explore(&y);
	}
}

START_TEST(test_every_order)
{
	explore(&(struct story){ .state = OFFER_OPEN });
	ck_assert_uint_gt(ends, 20);
	ck_assert_uint_gt(taken_late, 0);
	ck_assert_uint_gt(refused_late, 0);
}
END_TEST

UNIT_MAIN("offer_state", test_every_order)
