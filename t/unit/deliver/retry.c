/*
 * retry - rows of retry times: steps of the table, quick first retries, expiry, delay reports, local and
 * remote, jitter; when a remote host asks for a later time
 */
#include "common/config/config.h"
#include "deliver/result/result.h"
#include "t/unit/check_main.h"

#define S 1000U
#define M (60 * S)
#define H (60 * M)
#define D (24 * H)

static uint64_t standard[] = { 15 * M, 30 * M, 1 * H, 4 * H };
static uint64_t fast[] = { 1 * S, 2 * S };

static const struct config_server server = {
	.retry = { standard, 4 }, .delay_notify = 12 * H, .expire = 2 * D, .local_delay_notify = 6 * H,
	.local_expire = 1 * D,
};
static const struct config_server hasty = {
	.retry = { fast, 2 }, .delay_notify = 2 * S, .expire = 5 * S, .local_delay_notify = 2 * S,
	.local_expire = CONFIG_UNLIMITED,
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
	/* what does not expire follows the table beyond its time */
	{ &server, { .age = 47 * H + 59 * M, .no_expiry = true, .jitter = 500 }, { .after = 15 * M,
	    .delayed = true } },
	{ &server, { .age = 3 * D, .attempts = 1, .no_expiry = true, .jitter = 500 }, { .after = 30 * M,
	    .delayed = true } },
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
	/*
	 * a hint: not before it, the spread after it; never above the table's longest; early only three
	 * times, and not too early
	 */
	{ &server, { .hint = 300 * S, .jitter = 0 }, { .after = 300 * S } },
	{ &server, { .hint = 300 * S, .jitter = 1000 }, { .after = 315 * S } },
	{ &server, { .hint = 300 * S, .attempts = 2, .jitter = 0 }, { .after = 300 * S } },
	{ &server, { .hint = 300 * S, .attempts = 3, .jitter = 500 }, { .after = 4 * H } },
	{ &server, { .hint = 2 * H, .jitter = 0 }, { .after = 2 * H } },
	{ &server, { .hint = 7 * D, .jitter = 1000 }, { .after = 4 * H } },
	{ &server, { .hint = 1, .jitter = 0 }, { .after = 60 * S } },
	{ &server, { .hint = 300 * S, .glitch = true, .jitter = 0 }, { .quick = true, .after = 300 * S } },
	{ &server, { .hint = 4 * H, .age = 47 * H, .attempts = 9, .jitter = 0 },
	    { .delayed = true, .after = 1 * H } },
	{ &server, { .hint = 4 * H, .age = 2 * D, .attempts = 9, .jitter = 0 },
	    { .delayed = true, .expired = true } },
	{ &hasty, { .hint = 300 * S, .jitter = 0 }, { .after = 2 * S } },
	{ &hasty, { .hint = 1, .jitter = 0 }, { .after = 1 * S } },
	/* delay and expiry: no time is above it, so that the last attempt is made then */
	{ &server, { .age = 12 * H - 1, .attempts = 9, .jitter = 500 }, { .after = 4 * H } },
	{ &server, { .age = 12 * H, .attempts = 9, .jitter = 500 }, { .delayed = true, .after = 4 * H } },
	{ &server, { .age = 47 * H, .attempts = 9, .jitter = 1000 }, { .delayed = true, .after = 1 * H } },
	{ &server, { .age = 2 * D - 1, .attempts = 9, .jitter = 500 }, { .delayed = true, .after = 1 } },
	{ &server, { .age = 2 * D, .attempts = 9, .jitter = 500 }, { .delayed = true, .expired = true } },
	{ &server, { .age = 20 * D, .attempts = 9, .jitter = 500 }, { .delayed = true, .expired = true } },
	{ &server, { .age = 6 * H, .attempts = 9, .local = true, .jitter = 500 },
	    { .delayed = true, .after = 4 * H } },
	{ &server, { .age = 23 * H, .attempts = 9, .local = true, .jitter = 500 },
	    { .delayed = true, .after = 1 * H } },
	{ &server, { .age = 1 * D, .attempts = 9, .local = true, .jitter = 500 },
	    { .delayed = true, .expired = true } },
	{ &hasty, { .age = 400 * D, .attempts = 9, .local = true, .jitter = 500 },
	    { .delayed = true, .after = 2 * S } },
};

/* shows 2.6a, 2.6b, 2.6c, 2.6d */
START_TEST(test_rows)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct retry_plan got = retry_decide(rows[i].s, &rows[i].c), want = rows[i].want;

		ck_assert_msg(got.expired == want.expired && got.quick == want.quick &&
		    got.delayed == want.delayed &&
		    got.after == want.after, "row %zu: expired %d quick %d delayed %d after %llu", i,
		    got.expired, got.quick, got.delayed, (unsigned long long)got.after);
	}
}
END_TEST

/* From arrival to the end, each attempt failing: the times of the table, and an end. */
/* shows 2.6a */
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

static const struct { const char *text; uint64_t seconds; } hints[] = {
	{ "4.7.1 Greylisted, please try again in 300 seconds", 300 },
	{ "4.2.0 <x@y.example>: Recipient address rejected: Greylisted for 300 seconds (see "
	    "http://isg.ee.ethz.ch/tools/postgrey/help/)", 300 },
	{ "4.2.0 <x@y.example>: Recipient address rejected: Greylisted, see "
	    "http://postgrey.schweikert.ch/help/y.example.html", 0 },
	{ "4.7.1 Greylisting in action, please come back in 00:04:59", 299 },
	{ "4.7.1 Greylisted, please try again in 00:05:00.", 300 },
	{ "4.3.2 retry after 5 minutes", 300 },
	{ "4.3.2 Retry-After: 600", 600 },
	{ "TRY AGAIN IN 2 HOURS", 7200 },
	{ "4.5.0 please wait 4 minutes and 30 seconds", 270 },
	{ "please wait at least 1 hour, 5 min and 1 sec before retrying", 3901 },
	{ "try again in 5m", 300 },
	{ "try again in 1h30m10s", 5410 },
	{ "Too many connections, try again after 90s; thank you", 90 },
	{ "4.7.500 Server busy. Please try again later from [192.0.2.1]. (S77719)", 0 },
	{ "4.7.0 Temporary rate limit. Try again in 60", 60 },
	{ "try again in 60 (or so)", 0 },
	{ "Please retry in 10 min. See 300 seconds", 600 },
	{ "message deferred for 15 minutes", 900 },
	{ "try again in 2 attempts", 0 },
	{ "try again in 1.5 hours", 0 },
	{ "try again later", 0 },
	{ "retry after 2026-11-22", 0 },
	{ "retry after 10:00 UTC", 0 },
	{ "come back in 00:61:00", 0 },
	{ "try again in 99999999999999999999 seconds", 0 },
	{ "try again in 9999999 days", 604800 },
	{ "try again in -5 seconds", 0 },
	{ "try again in 0 seconds", 0 },
	{ "4.4.2 timeout after 300 seconds", 0 },
	{ "connection held for 300 seconds", 0 },
	{ "you sent 20 messages in 60 seconds", 0 },
	{ "wait", 0 }, { "", 0 }, { "again in", 0 }, { "try again in 5 \xc3\xbcminutes", 0 },
};

START_TEST(test_hints)
{
	for (size_t i = 0; i < nitems_of(hints); i++)
		ck_assert_msg(retry_hint(hints[i].text) == hints[i].seconds * 1000, "\"%s\": %llu ms",
		    hints[i].text, (unsigned long long)retry_hint(hints[i].text));
}
END_TEST

UNIT_MAIN("retry", test_rows, test_a_life, test_hints)
