/* pace_rate, pace_gate - messages a minute and connections of a host: never more than allowed, whatever the clock does */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

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

		pace_rate_init(&r, limits[i], MINUTE, now);
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

	pace_rate_init(&r, 30, MINUTE, now);
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

	pace_rate_init(&r, 30, MINUTE, 1000000);
	pace_rate_take(&r, 1000000);
	/* back: nothing comes, and nothing is lost for ever */
	ck_assert_uint_eq(pace_rate_wait(&r, 10), 2000);
	ck_assert_uint_eq(pace_rate_wait(&r, 1010), 1000);
	ck_assert_uint_eq(pace_rate_wait(&r, 2010), 0);
	/* ahead, as far as it goes: one bucket */
	pace_rate_take(&r, UINT64_MAX);
	ck_assert_uint_eq(pace_rate_wait(&r, UINT64_MAX), 2000);
	pace_rate_init(&r, CONFIG_UNLIMITED, MINUTE, 7);
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
	struct pace_gates *t = pace_gate_table_new(MINUTE);
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

/* shows 9a.6 */
START_TEST(learns)
{
	struct pace_rate r;
	uint64_t now = 1000000;

	pace_rate_init(&r, CONFIG_UNLIMITED, MINUTE, now);
	for (unsigned i = 0; i < 40; i++)
		ck_assert(!pace_rate_taken(&r, now += 1000));
	/* half of what it took; what the same moment says does not count again */
	ck_assert(pace_rate_slow(&r, now));
	ck_assert_uint_eq(pace_rate_limit(&r), 20);
	ck_assert(!pace_rate_slow(&r, now + 1) && !pace_rate_slow(&r, now + 9999));
	ck_assert_uint_eq(pace_rate_wait(&r, now), 3000);
	/* fast to three quarters of what was too much, then slowly; a step at a time, and only in use */
	static const struct { unsigned minutes, limit; } steps[] = { { 1, 30 }, { 4, 38 }, { 4, 46 }, { 1440, 54 } };

	for (size_t i = 0; i < nitems_of(steps); i++) {
		ck_assert(!pace_rate_taken(&r, now + MIN(steps[i].minutes, 4) * MINUTE - 1));
		ck_assert(pace_rate_taken(&r, now += steps[i].minutes * MINUTE));
		ck_assert_uint_eq(pace_rate_limit(&r), steps[i].limit);
	}
	/* it is over at four times that */
	for (unsigned i = 0; i < 100; i++)
		pace_rate_taken(&r, now += MINUTE);
	ck_assert(!pace_rate_is_limited(&r));
	/* never below one a period; what it took is not known: twice as much each time */
	for (unsigned i = 0; i < 20; i++)
		ck_assert(pace_rate_slow(&r, now += 3 * MINUTE));
	ck_assert_uint_eq(pace_rate_limit(&r), 1);
	r.ceiling = 0;
	for (unsigned i = 0; i < 3; i++)
		ck_assert(pace_rate_taken(&r, now += MINUTE));
	ck_assert_uint_eq(pace_rate_limit(&r), 8);
	/* the configured limit is the lower one */
	pace_rate_init(&r, 5, MINUTE, now);
	ck_assert_uint_eq(pace_rate_limit(&r), 5);
	pace_rate_slow(&r, now);
	ck_assert_uint_eq(pace_rate_limit(&r), 1);
	pace_rate_forget(&r, now);
	ck_assert_uint_eq(pace_rate_limit(&r), 5);
}
END_TEST

START_TEST(host_rests_as_a_whole)
{
	struct pace_gates *t = pace_gate_table_new(MINUTE);
	struct pace_gate *g = pace_gate_get(t, "mx.example:25", "", &free_rules, 0);
	struct verdict v;

	verdict_from_reply(&v, 421, "4.7.28 unusual rate", "mx.example");
	ck_assert(pace_gate_has_room(g, 0) && pace_gate_state(g, 0) == PACE_UNKNOWN);
	g->conns = 7;
	ck_assert(pace_gate_slow(g, &v, MINUTE, 1000));
	ck_assert(!pace_gate_has_room(g, 1000) && !pace_gate_takes_job(g, 1000) &&
	    pace_gate_state(g, 1000) == PACE_RESTS && pace_gate_rest(g, 1000) == MINUTE);
	/* then one connection finds out */
	g->conns = 0;
	ck_assert(pace_gate_has_room(g, 1000 + MINUTE) && pace_gate_state(g, 1000 + MINUTE) == PACE_PROBES);
	g->conns = 1;
	ck_assert(!pace_gate_has_room(g, 1000 + MINUTE) && pace_gate_takes_job(g, 1000 + MINUTE));
	ck_assert(pace_gate_taken(g, 1000 + MINUTE));
	ck_assert(pace_gate_state(g, 1000 + MINUTE) == PACE_WORKS && g->cap == 2);
	/* an operator */
	pace_gate_slow(g, &v, MINUTE, 10 * MINUTE);
	pace_gate_release(g, 10 * MINUTE);
	ck_assert(pace_gate_has_room(g, 10 * MINUTE) && !pace_rate_is_limited(&g->rate));
	g->paused = true;
	ck_assert(!pace_gate_has_room(g, 10 * MINUTE) && pace_gate_state(g, UINT64_MAX) == PACE_RESTS);
	g->conns = 0;
	pace_gate_put(g, 0);
	pace_gate_table_free(t);
}
END_TEST

static void
count_one(void *arg, struct pace_gate *g)
{
	++*(size_t *)arg;
}

/* Hosts whose names change with each look-up: those that nothing needs any more are forgotten in time. */
START_TEST(memory_is_bounded)
{
	struct pace_gates *t = pace_gate_table_new(MINUTE);
	struct pace_gate *kept = pace_gate_get(t, "kept", "", &free_rules, 0);
	struct verdict v;
	size_t count = 0;

	verdict_from_reply(&v, 421, "4.7.28 unusual rate", "mx.example");
	for (unsigned i = 0; i < 100000; i++) {
		char name[32];
		struct pace_gate *g;

		snprintf(name, sizeof(name), "mx%u.example:25", i);
		g = pace_gate_get(t, name, "", &free_rules, i);
		pace_gate_slow(g, &v, 1800000, i);
		pace_gate_put(g, i);
	}
	pace_gate_table_each(t, count_one, &count);
	ck_assert_uint_le(count, 20001);
	ck_assert_ptr_eq(pace_gate_get(t, "kept", "", &free_rules, 1), kept);
	pace_gate_put(kept, 1);
	pace_gate_put(kept, 1);
	pace_gate_table_free(t);
}
END_TEST

/* --- 1,000 hosts in virtual time, each with a limit of its own that is told by "slow down" alone --- */

#define HOSTS 1000
#define MESSAGE_MS 500U		/* one connection: two messages a second at the most */
#define HOURS 3
#define HOUR (60 * MINUTE)

enum kind { ANY_RATE, LIMITED, REFUSES, KINDS };

struct sim {
	enum kind kind;
	unsigned limit, window;		/* a minute; taken in the present one */
	uint64_t window_at;
	struct pace_gate *gate;
	struct pace_host address;
	unsigned taken[HOURS], refused[HOURS];
};

static bool
host_takes(struct sim *s, uint64_t now)
{
	if (now >= s->window_at + MINUTE) {
		s->window_at = now;
		s->window = 0;
	}
	return s->kind == ANY_RATE || (s->kind == LIMITED && ++s->window <= s->limit);
}

static void
run_host(struct sim *s)
{
	static const struct pace_rests rests = { MINUTE, 30 * MINUTE };
	uint64_t now = 1;
	struct verdict v;

	verdict_from_reply(&v, 421, "4.7.28 unusual rate", "mx.example");
	while (now < HOURS * HOUR) {
		uint64_t wait = pace_gate_wait(s->gate, now), rest = pace_host_rest(&s->address, now);

		if (wait > 0 || rest > 0) {
			now += MAX(wait, rest);
			continue;
		}
		pace_host_given(&s->address);
		pace_gate_given(s->gate, now);
		if (host_takes(s, now)) {
			s->taken[now / HOUR]++;
			pace_host_taken(&s->address, false, MESSAGE_MS, now);
			pace_gate_taken(s->gate, now);
		} else {
			s->refused[now / HOUR]++;
			pace_host_pushed(&s->address, &v, rests, now);
			pace_gate_slow(s->gate, &v, pace_host_rest(&s->address, now), now);
		}
		now += MESSAGE_MS;
	}
}

START_TEST(a_thousand_hosts)
{
	struct pace_gates *t = pace_gate_table_new(MINUTE);
	unsigned long taken = 0, possible = 0;

	for (unsigned i = 0; i < HOSTS; i++) {
		struct sim s = { .kind = i % 10 == 0 ? ANY_RATE : i % 10 == 1 ? REFUSES : LIMITED,
		    .limit = 1 + i % 100 };
		struct net_address to = { .len = 0 };
		char name[32];

		snprintf(name, sizeof(name), "mx%u.example:25", i);
		s.gate = pace_gate_get(t, name, "", &free_rules, 0);
		pace_host_init(&s.address, &to);
		run_host(&s);
		for (unsigned hour = 0; hour < HOURS; hour++) {
			if (s.kind == ANY_RATE)
				ck_assert_uint_eq(s.taken[hour] + 1 >= HOUR / MESSAGE_MS, true);
			/* one that refuses for ever is asked now and then */
			ck_assert_msg(s.kind != REFUSES || s.refused[hour] <= (hour == 0 ? 6 : 3), "%u", s.refused[hour]);
			/* a limit is found, and then touched a few times an hour */
			ck_assert_msg(s.kind != LIMITED || s.refused[hour] <= (hour == 0 ? 16 : 10), "limit %u, hour %u: %u refused",
			    s.limit, hour, s.refused[hour]);
			ck_assert_msg(s.kind != LIMITED || hour == 0 || s.taken[hour] * 3 >= s.limit * 60,
			    "limit %u, hour %u: %u taken", s.limit, hour, s.taken[hour]);
		}
		if (s.kind == LIMITED) {
			taken += s.taken[HOURS - 1];
			possible += s.limit * 60UL;
		}
		pace_host_done(&s.address);
		pace_gate_put(s.gate, 0);
	}
	/* all together */
	ck_assert_msg(taken * 100 >= possible * 60, "%lu of %lu", taken, possible);
	pace_gate_table_free(t);
}
END_TEST

UNIT_MAIN("pace_rate", limits_hold, in_even_steps, any_clock, one_gate_a_host_and_account, learns, host_rests_as_a_whole,
    memory_is_bounded, a_thousand_hosts)
