/*
 * pace_host - what an address teaches: its limit of connections, rests that grow; a host made by chance that
 * allows so many connections, walked with a clock of its own
 */

#include <string.h>

#include "deliver/pace/pace.h"
#include "t/unit/check_main.h"

#define S 1000U
#define MIN (60 * S)

static const struct pace_rests rests = { MIN, 30 * MIN };
static struct pace_host h;
static struct verdict slower;
static uint64_t now;

static void
begin(void)
{
	struct net_address to = { .len = 0 };

	pace_host_done(&h);
	pace_host_init(&h, &to);
	verdict_from_reply(&slower, 421, "4.7.0 slow down", "mx.example");
	now = 1000000;
}

static void
open_one(void)
{
	ck_assert(pace_host_has_room(&h, now));
	pace_host_begun(&h);
	pace_host_opened(&h, 0, now);
}

static void
end_one(void)
{
	pace_host_closed(&h, true, now);
}

/* Opens what there is room for; the host lets in `limit` at a time. Returns how many were refused. */
static unsigned
open_all(size_t limit)
{
	size_t opening = 0, refused = 0, in = h.open;

	while (pace_host_has_room(&h, now)) {
		pace_host_begun(&h);
		opening++;
	}
	for (; opening > 0; opening--)
		if (in < limit) {
			pace_host_opened(&h, 0, now);
			pace_host_taken(&h, true, 0, now);
			in++;
		} else {
			ck_assert(pace_host_works(&h, false, now));
			pace_host_cut(&h, true, now);
			pace_host_closed(&h, false, now);
			refused++;
		}
	return (unsigned)refused;
}

START_TEST(test_limit_is_learnt)
{
	for (size_t limit = 1; limit <= 4; limit++) {
		begin();
		ck_assert_uint_eq(open_all(limit), 5 - limit);
		ck_assert_uint_eq(h.cap, limit);
		ck_assert_uint_eq(open_all(limit), 0);
		/* one more is tried after 30 s, then after 60, 120 */
		for (unsigned wait = 30; wait <= 120; wait *= 2) {
			now += wait * S - 1;
			ck_assert_uint_eq(open_all(limit), 0);
			now += 1;
			ck_assert_uint_eq(open_all(limit), 1);
			ck_assert_uint_eq(h.cap, limit);
		}
		/* the host takes more now: slowly up */
		now += 10 * MIN;
		for (size_t more = 1; more <= 5; more++, now += 2 * MIN) {
			ck_assert_uint_eq(open_all(100), 0);
			ck_assert_uint_eq(h.open, limit + more);
		}
	}
}
END_TEST

/* Connections that are let in, and refused at MAIL: the pauses grow all the same. */
START_TEST(test_refused_when_open)
{
	unsigned refused = 0;

	begin();
	open_one();
	pace_host_taken(&h, true, 0, now);
	for (uint64_t until = now + 60 * S; now < until; now += 10) {
		if (!pace_host_has_room(&h, now))
			continue;
		open_one();
		pace_host_cut(&h, true, now);
		end_one();
		refused++;
	}
	ck_assert_uint_le(refused, 4);
	ck_assert_uint_eq(h.cap, 1);
}
END_TEST

/* A host may count a connection that has ended: that is tolerated once, after a pause. */
START_TEST(test_refused_after_an_end)
{
	begin();
	open_all(2);
	now += 5 * S;
	end_one();
	ck_assert_uint_eq(open_all(1), 1);
	ck_assert_uint_eq(h.cap, 2);
	ck_assert(!pace_host_has_room(&h, now));
	now += 250;
	ck_assert_uint_eq(open_all(1), 1);
	ck_assert_uint_eq(h.cap, 1);
}
END_TEST

START_TEST(test_worked_a_moment_ago)
{
	begin();
	ck_assert(!pace_host_works(&h, false, now));
	open_one();
	ck_assert(!pace_host_works(&h, true, now));	/* it is the only one, and has judged nothing */
	pace_host_taken(&h, false, 0, now);
	ck_assert(pace_host_works(&h, true, now));
	end_one();
	for (unsigned tries = 0; pace_host_works(&h, false, now); now += 10) {
		if (!pace_host_has_room(&h, now))
			continue;
		pace_host_begun(&h);
		pace_host_cut(&h, true, now);
		pace_host_closed(&h, false, now);
		ck_assert_uint_le(++tries, 8);
	}
	pace_host_failed(&h, now);
	ck_assert_int_eq(pace_host_state(&h, now), PACE_UNKNOWN);
	ck_assert(h.bad_until > now);
}
END_TEST

START_TEST(test_rests)
{
	uint64_t want = MIN;

	begin();
	open_one();
	for (unsigned i = 0; i < 8; i++, want = want * 2 > 30 * MIN ? 30 * MIN : want * 2) {
		pace_host_pushed(&h, &slower, rests, now);
		pace_host_pushed(&h, &slower, rests, now);	/* one more that was open is no new word */
		ck_assert_uint_eq(pace_host_rest(&h, now), want);
		end_one();
		ck_assert(!pace_host_has_room(&h, now) && !pace_host_takes_job(&h, now));
		now += want;
		ck_assert_int_eq(pace_host_state(&h, now), PACE_PROBES);
		open_one();
		ck_assert(!pace_host_has_room(&h, now));
		ck_assert(pace_host_takes_job(&h, now));
		pace_host_given(&h);
		ck_assert(!pace_host_takes_job(&h, now));
	}
	pace_host_taken(&h, false, 0, now);
	ck_assert_int_eq(h.state, PACE_WORKS);
	ck_assert(pace_host_takes_job(&h, now) && !pace_host_has_room(&h, now));
	/* the next rests are shorter after each message that was taken */
	for (unsigned i = 0; i < 20; i++)
		pace_host_taken(&h, false, 0, now);
	pace_host_pushed(&h, &slower, rests, now);
	ck_assert_uint_eq(pace_host_rest(&h, now), MIN);
	pace_host_release(&h, now);
	ck_assert_int_eq(pace_host_state(&h, now), PACE_PROBES);
	pace_host_failed(&h, now);
	ck_assert_int_eq(pace_host_state(&h, now), PACE_UNKNOWN);
}
END_TEST

/* MAIL is refused to several senders in a row, and nothing is taken between. */
START_TEST(test_streak)
{
	begin();
	for (unsigned i = 0; i < 5; i++)
		ck_assert(!pace_host_refused(&h, "a@us.example"));
	ck_assert(pace_host_refused(&h, "b@us.example"));
	pace_host_taken(&h, false, 0, now);
	ck_assert(!pace_host_refused(&h, "a@us.example") && !pace_host_refused(&h, "b@us.example"));
	pace_host_taken(&h, false, 0, now);
	ck_assert(!pace_host_refused(&h, "a@us.example"));
}
END_TEST

/* Any order of events: no count goes wrong, and the host is asked within the longest rest. */
START_TEST(test_any_order)
{
	uint32_t luck = 1;

	begin();
	for (unsigned i = 0; i < 200000; i++) {
		luck = luck * 1664525U + 1013904223U;
		now += luck >> 8 & 1023;
		switch (luck >> 24 & 7) {
		case 0:
			if (pace_host_has_room(&h, now))
				pace_host_begun(&h);
			break;
		case 1:
			if (h.conns > h.open)
				pace_host_opened(&h, 0, now);
			break;
		case 2:
			if (h.open > 0)
				end_one();
			break;
		case 3:
			if (h.conns > h.open) {
				if (pace_host_works(&h, false, now))
					pace_host_cut(&h, true, now);
				else
					pace_host_failed(&h, now);
				pace_host_closed(&h, false, now);
			}
			break;
		case 4:
			if (h.open > 0 && pace_host_takes_job(&h, now)) {
				pace_host_given(&h);
				pace_host_taken(&h, false, 0, now);
			}
			break;
		case 5:
			if (h.open > 0 && (luck >> 20 & 15) == 0)
				pace_host_pushed(&h, &slower, rests, now);
			break;
		case 6:
			pace_host_press(&h);
			break;
		default:
			if ((luck >> 20 & 15) == 0)
				pace_host_release(&h, now);
		}
		ck_assert(h.open <= h.conns && h.cap >= 1 && h.cap <= 1000);
		ck_assert_uint_le(pace_host_rest(&h, now), rests.longest);
	}
	while (h.conns > 0)
		pace_host_closed(&h, h.open > 0, now);
	now += rests.longest;
	ck_assert(pace_host_has_room(&h, now));
	pace_host_done(&h);
}
END_TEST

START_TEST(test_table)
{
	struct pace_table *t = pace_table_new();
	struct net_address a, b;
	struct pace_host *one, *two;
	const char *why;

	ck_assert_int_eq(net_address_parse(&a, "192.0.2.1:25", 25, &why), 0);
	ck_assert_int_eq(net_address_parse(&b, "[2001:db8::1]:25", 25, &why), 0);
	one = pace_table_get(t, &a);
	two = pace_table_get(t, &b);
	ck_assert_ptr_ne(one, two);
	ck_assert_ptr_eq(pace_table_get(t, &a), one);
	ck_assert_uint_eq(one->refs, 2);
	now = 1000000;
	pace_host_pushed(one, &slower, rests, now);
	pace_table_put(one);
	pace_table_put(one);
	pace_table_put(two);
	pace_table_sweep(t, now);		/* what rests is kept */
	ck_assert_ptr_eq(pace_table_get(t, &a), one);
	ck_assert(pace_host_rest(one, now) > 0);
	pace_table_release(t, now);
	ck_assert(pace_host_rest(one, now) == 0);
	pace_table_put(one);
	pace_table_sweep(t, now + 60 * MIN);
	ck_assert_int_eq(pace_table_get(t, &a)->state, PACE_UNKNOWN);
	pace_table_free(t);
}
END_TEST

/* A 421 behind so many recipients: as many the next time, then one alone; for an hour. */
START_TEST(test_fewer_recipients)
{
	uint64_t begun;

	begin();
	begun = now++;
	ck_assert_uint_eq(pace_host_most(&h, now), SIZE_MAX);
	ck_assert(!pace_host_shorten(&h, 13, 0, begun, now) && !pace_host_shorten(&h, 1, 1, begun, now));
	ck_assert(pace_host_shorten(&h, 13, 5, begun, now));
	ck_assert_uint_eq(pace_host_most(&h, now), 5);
	ck_assert(pace_host_shorten(&h, 13, 5, begun, now));	/* begun before that was known */
	ck_assert_uint_eq(pace_host_most(&h, now), 5);
	ck_assert(pace_host_shorten(&h, 5, 4, begun, now));
	ck_assert_uint_eq(pace_host_most(&h, now), 4);
	begun = ++now;
	ck_assert(pace_host_shorten(&h, 4, 3, begun, now));
	ck_assert_uint_eq(pace_host_most(&h, now), 1);
	ck_assert(!pace_host_shorten(&h, 1, 1, begun, now));
	now += 60 * MIN;
	ck_assert_uint_eq(pace_host_most(&h, now), SIZE_MAX);
	ck_assert(pace_host_shorten(&h, 13, 13, now, now));	/* to DATA */
	ck_assert_uint_eq(pace_host_most(&h, now), 6);
	now++;
	ck_assert(pace_host_shorten(&h, 6, 6, now, now));
	ck_assert_uint_eq(pace_host_most(&h, now), 1);
	pace_host_release(&h, now);
	ck_assert_uint_eq(pace_host_most(&h, now), SIZE_MAX);
}
END_TEST

/* Connections end under one message after the other; the same ones may be the reason themselves. */
START_TEST(test_dropped)
{
	begin();
	for (unsigned i = 0; i < 5; i++)
		ck_assert(!pace_host_dropped(&h, "one") && !pace_host_drops(&h));
	ck_assert(pace_host_dropped(&h, "two") && pace_host_drops(&h));
	for (unsigned i = 0; i < 5; i++)
		ck_assert(!pace_host_dropped(&h, "two") && !pace_host_dropped(&h, "one"));
	ck_assert(pace_host_dropped(&h, "three") && !pace_host_dropped(&h, "two") && pace_host_drops(&h));
	pace_host_taken(&h, false, 0, now);
	ck_assert(!pace_host_drops(&h) && !pace_host_dropped(&h, "one"));
}
END_TEST

/* No answer for long, where others had theirs at once: not when all take as long, nor when none works. */
START_TEST(test_ignores)
{
	begin();
	ck_assert(!pace_host_ignores(&h, now, 0, now + 60 * S));
	open_one();
	pace_host_taken(&h, true, 100, now);
	ck_assert(!pace_host_ignores(&h, now, 0, now + 400));
	ck_assert(pace_host_ignores(&h, now, 0, now + 401) && pace_host_ignores(&h, now + 10 * S, 0, now + 20 * S));
	ck_assert(!pace_host_ignores(&h, now + 10 * S + 1, 0, now + 20 * S));
	ck_assert(!pace_host_ignores(&h, now, now, now + 60 * S));	/* the only one that was answered */
	pace_host_begun(&h);
	pace_host_opened(&h, 20 * S, now);
	ck_assert(!pace_host_ignores(&h, now, 0, now + 80 * S) && pace_host_ignores(&h, now, 0, now + 80 * S + 1));
}
END_TEST

UNIT_MAIN("pace_host", test_limit_is_learnt, test_refused_when_open, test_refused_after_an_end,
    test_worked_a_moment_ago, test_rests,
    test_streak, test_any_order, test_table, test_fewer_recipients, test_dropped,
    test_ignores)
