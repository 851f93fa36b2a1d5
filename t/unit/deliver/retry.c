/* retry - a table of cases: table steps, quick tries, expiry, delay, local and remote, spread */
#include "t/unit/unit.h"

#include "deliver/deliver.h"

#define S 1000U
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)

static uint64_t standard[] = { 15 * M, 30 * M, 1 * H, 4 * H };
static uint64_t fast[] = { 1 * S, 2 * S };

static const struct config_server server = {
	.retry = { standard, 4 }, .delay_notify = 12 * H, .expire = 2 * D, .local_delay_notify = 6 * H, .local_expire = 1 * D,
};
static const struct config_server hasty = {
	.retry = { fast, 2 }, .delay_notify = 2 * S, .expire = 5 * S, .local_delay_notify = 2 * S, .local_expire = CONFIG_UNLIMITED,
};

/* jitter 500 is the middle: no spread */
static const struct {
	const struct config_server *s;
	struct retry_case c;
	struct retry_plan want;
} rows[] = {
	{ &server, { .age = 0, .attempts = 0, .jitter = 500 }, { .after = 15 * M } },
	{ &server, { .age = 15 * M, .attempts = 1, .jitter = 500 }, { .after = 30 * M } },
	{ &server, { .age = 45 * M, .attempts = 2, .jitter = 500 }, { .after = 1 * H } },
	{ &server, { .age = 105 * M, .attempts = 3, .jitter = 500 }, { .after = 4 * H } },
	{ &server, { .age = 9 * H, .attempts = 4, .jitter = 500 }, { .after = 4 * H } },
	{ &server, { .age = 9 * H, .attempts = 4000000, .jitter = 500 }, { .after = 4 * H } },
	/* the spread: five percent to either side */
	{ &server, { .jitter = 0 }, { .after = 15 * M - 45 * S } },
	{ &server, { .jitter = 1000 }, { .after = 15 * M + 45 * S } },
	{ &server, { .jitter = 99999 }, { .after = 15 * M + 45 * S } },
	/* quick tries: three, then the table from its beginning */
	{ &server, { .glitch = true, .quick = 0, .jitter = 500 }, { .quick = true, .after = 60 * S } },
	{ &server, { .glitch = true, .quick = 2, .jitter = 500 }, { .quick = true, .after = 60 * S } },
	{ &server, { .glitch = true, .quick = 3, .jitter = 500 }, { .after = 15 * M } },
	{ &server, { .glitch = true, .quick = 0, .attempts = 1, .jitter = 500 }, { .after = 30 * M } },
	{ &hasty, { .glitch = true, .quick = 0, .jitter = 500 }, { .quick = true, .after = 1 * S } },
	/* delay and expiry; never beyond it, so the last attempt is at it */
	{ &server, { .age = 12 * H - 1, .attempts = 9, .jitter = 500 }, { .after = 4 * H } },
	{ &server, { .age = 12 * H, .attempts = 9, .jitter = 500 }, { .delayed = true, .after = 4 * H } },
	{ &server, { .age = 47 * H, .attempts = 9, .jitter = 1000 }, { .delayed = true, .after = 1 * H } },
	{ &server, { .age = 2 * D - 1, .attempts = 9, .jitter = 500 }, { .delayed = true, .after = 1 } },
	{ &server, { .age = 2 * D, .attempts = 9, .jitter = 500 }, { .delayed = true, .expired = true } },
	{ &server, { .age = 20 * D, .attempts = 9, .jitter = 500 }, { .delayed = true, .expired = true } },
	{ &server, { .age = 6 * H, .attempts = 9, .local = true, .jitter = 500 }, { .delayed = true, .after = 4 * H } },
	{ &server, { .age = 23 * H, .attempts = 9, .local = true, .jitter = 500 }, { .delayed = true, .after = 1 * H } },
	{ &server, { .age = 1 * D, .attempts = 9, .local = true, .jitter = 500 }, { .delayed = true, .expired = true } },
	{ &hasty, { .age = 400 * D, .attempts = 9, .local = true, .jitter = 500 }, { .delayed = true, .after = 2 * S } },
};

START_TEST(test_rows)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct retry_plan got = retry_decide(rows[i].s, &rows[i].c), want = rows[i].want;

		ck_assert_msg(got.expired == want.expired && got.quick == want.quick && got.delayed == want.delayed &&
		    got.after == want.after, "row %zu: expired %d quick %d delayed %d after %llu", i, got.expired, got.quick,
		    got.delayed, (unsigned long long)got.after);
	}
}
END_TEST

/* From arrival to the end, each attempt failing: the times of the table, and an end. */
START_TEST(test_a_life)
{
	static const uint64_t want[] = { 0, 15 * M, 45 * M, 105 * M, 105 * M + 4 * H, 105 * M + 8 * H };
	uint64_t age = 0;
	unsigned attempts = 0;

	for (;;) {
		struct retry_case c = { .age = age, .attempts = attempts, .jitter = 500 };
		struct retry_plan plan = retry_decide(&server, &c);

		if (attempts < nitems_of(want))
			ck_assert_uint_eq(age, want[attempts]);
		if (plan.expired)
			break;
		ck_assert(plan.after > 0);
		age += plan.after;
		attempts++;
		ck_assert(attempts < 100);
	}
	ck_assert_uint_eq(age, 2 * D);
}
END_TEST

UNIT_MAIN("deliver/retry", test_rows, test_a_life)
