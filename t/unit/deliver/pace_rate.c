/* pace_rate, pace_gate - messages a minute and connections of a host: never more than allowed, whatever the clock does */
#include <stdlib.h>
#include <string.h>

#include "common/config/config.h"
#include "deliver/pace/pace.h"
#include "t/unit/check_main.h"

#define MINUTE 60000U

/* Sends as soon as it may from `now` on, so many ms; how many went. */
static unsigned
send_all(struct pace_rate *r, uint64_t *now, uint64_t ms)
{
	uint64_t end = *now + ms;
	unsigned n = 0;

	while (*now < end) {
		uint64_t wait = pace_rate_wait(r, *now);

		if (wait == 0) {
			pace_rate_take(r, *now);
			n++;
		} else {
			*now += wait;
		}
	}
	*now = end;
	return n;
}

START_TEST(limits_hold)
{
	static const uint64_t limits[] = { 1, 2, 7, 30, 59, 60, 61, 599, 600, 601, 6000, 59999, 1000000 };

	for (size_t i = 0; i < nitems_of(limits); i++) {
		struct pace_rate r;
		uint64_t now = 12345;

		pace_rate_init(&r, limits[i], now);
		for (unsigned minute = 0; minute < 5; minute++) {
			unsigned n = send_all(&r, &now, MINUTE);

			/* the bucket holds a tenth of a second */
			ck_assert_msg(n <= limits[i] + limits[i] / 600, "%llu: %u", (unsigned long long)limits[i], n);
			ck_assert_msg(n + 1 + limits[i] / 50 >= limits[i], "%llu: only %u",
			    (unsigned long long)limits[i], n);
		}
	}
}
END_TEST

START_TEST(in_even_steps)
{
	struct pace_rate r;
	uint64_t now = 5;

	pace_rate_init(&r, 30, now);
	ck_assert_uint_eq(pace_rate_wait(&r, now), 0);
	for (unsigned i = 0; i < 100; i++, now += 2000) {
		ck_assert_uint_eq(pace_rate_wait(&r, now), 0);
		pace_rate_take(&r, now);
		ck_assert_uint_eq(pace_rate_wait(&r, now), 2000);
		ck_assert_uint_eq(pace_rate_wait(&r, now + 1999), 1);
	}
}
END_TEST

START_TEST(any_clock)
{
	struct pace_rate r;

	pace_rate_init(&r, 30, 1000000);
	pace_rate_take(&r, 1000000);
	/* back: nothing comes, and nothing is lost for ever */
	ck_assert_uint_eq(pace_rate_wait(&r, 10), 2000);
	ck_assert_uint_eq(pace_rate_wait(&r, 1010), 1000);
	ck_assert_uint_eq(pace_rate_wait(&r, 2010), 0);
	/* ahead, as far as it goes: one bucket */
	pace_rate_take(&r, UINT64_MAX);
	ck_assert_uint_eq(pace_rate_wait(&r, UINT64_MAX), 2000);
	pace_rate_init(&r, CONFIG_UNLIMITED, 7);
	for (unsigned i = 0; i < 1000; i++) {
		ck_assert_uint_eq(pace_rate_wait(&r, 7), 0);
		pace_rate_take(&r, 7);
	}
}
END_TEST

static const struct config_remote_rules free_rules = { .value = { [CONFIG_REMOTE_CONNECTIONS] = CONFIG_UNLIMITED,
    [CONFIG_REMOTE_RATE] = CONFIG_UNLIMITED, [CONFIG_REMOTE_RECIPIENTS] = CONFIG_UNLIMITED } };

START_TEST(one_gate_a_host_and_account)
{
	struct pace_gates *t = pace_gate_table_new();
	struct config_remote_rules rules = free_rules;
	struct pace_gate *a, *b, *c;

	rules.value[CONFIG_REMOTE_CONNECTIONS] = 2;
	rules.value[CONFIG_REMOTE_RATE] = 60;
	a = pace_gate_get(t, "mx.example:25", "", &rules, 0);
	b = pace_gate_get(t, "mx.example:25", "", &rules, 0);
	c = pace_gate_get(t, "mx.example:25", "me@example", &rules, 0);
	ck_assert_ptr_eq(a, b);
	ck_assert_ptr_ne(a, c);
	ck_assert(pace_gate_has_room(a, 0));
	a->conns = 2;
	ck_assert(!pace_gate_has_room(a, 0) && pace_gate_takes_job(a, 0) && pace_gate_has_room(c, 0));
	a->conns = 1;
	pace_gate_given(a, 0);
	ck_assert(!pace_gate_has_room(a, 0) && !pace_gate_takes_job(a, 999) && pace_gate_takes_job(a, 1000));
	ck_assert_uint_eq(pace_gate_places(a), 10);
	/* remembered while it matters, then gone */
	pace_gate_put(a, 0);
	pace_gate_put(b, 0);
	pace_gate_table_sweep(t, 1000);
	pace_gate_given(a, 1000);
	a = pace_gate_get(t, "mx.example:25", "", &rules, 1500);
	ck_assert(!pace_gate_takes_job(a, 1500));
	pace_gate_put(a, 1500);
	pace_gate_put(c, 1500);
	pace_gate_table_sweep(t, UINT64_MAX);
	a = pace_gate_get(t, "mx.example:25", "", &free_rules, 500);
	ck_assert(pace_gate_takes_job(a, 500));
	ck_assert_uint_eq(pace_gate_places(a), SIZE_MAX);
	pace_gate_put(a, 500);
	pace_gate_table_free(t);
}
END_TEST

UNIT_MAIN("pace_rate", limits_hold, in_even_steps, any_clock, one_gate_a_host_and_account)
