/* guesses - turns of those who guess at an account from many addresses, and what its owner sees of them */
#include <stdio.h>
#include <string.h>

#include "listener/auth/auth.h"
#include "t/unit/check_main.h"

static struct auth_throttle_who
who_is(const char *address, const char *account)
{
	struct auth_throttle_who who;

	auth_turn_make_key(who.address, address);
	snprintf(who.account, sizeof(who.account), "%s", account);
	return who;
}

static void
put_under_attack(struct auth_throttle *t, const char *account, uint64_t now)
{
	struct auth_throttle_who who;
	char text[40];

	for (unsigned i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", 200 + i);
		who = who_is(text, account);
		(void)auth_throttle_fail(t, &who, now);
	}
}

START_TEST(who_hangs_up_takes_no_turn)
{
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who who;
	struct auth_throttle_guess g[40] = { 0 };
	char text[40];

	put_under_attack(t, "s alice", 1000);
	for (unsigned i = 0; i < 40; i++) {
		snprintf(text, sizeof(text), "192.0.2.%u", i);
		who = who_is(text, "s alice");
		ck_assert_uint_le(auth_throttle_wait(t, &who, &g[i], 1000), AUTH_THROTTLE_TURNS_MS);
	}
	for (unsigned i = 0; i < 40; i++)
		auth_throttle_decide(t, &who, &g[i]);
	who = who_is("203.0.113.1", "s alice");
	g[0] = (struct auth_throttle_guess){ 0 };
	ck_assert_uint_le(auth_throttle_wait(t, &who, &g[0], 1000), AUTH_THROTTLE_TURN_MS);
	ck_assert_uint_eq(auth_throttle_wait(t, &who, &g[0], 1000 + AUTH_THROTTLE_TURN_MS), 0);
	auth_throttle_free(t);
}
END_TEST

/* Asks, and is decided where it may be; when to ask again. */
static uint64_t
ask_and_fail(struct auth_throttle *t, const struct auth_throttle_who *who, struct auth_throttle_guess *g,
    uint64_t now, bool *had_turn)
{
	uint64_t wait = auth_throttle_wait(t, who, g, now);

	*had_turn = wait == 0;
	if (wait == 0)
		(void)auth_throttle_fail(t, who, now);
	if (wait > 0 && wait != AUTH_THROTTLE_NEVER)
		return now + wait;
	auth_throttle_decide(t, who, g);
	*g = (struct auth_throttle_guess){ 0 };
	return now + 3000;
}

/* More addresses than may wait guess without end: the owner's, a new one, has a turn all the same. */
START_TEST(owner_among_guesses)
{
	enum { MANY = 60, OWNER = MANY };
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who who = who_is("192.0.2.1", "s alice");
	struct auth_throttle_guess g[MANY + 1] = { 0 };
	uint64_t now = 5000, due[MANY + 1] = { [OWNER] = 35000 };
	bool had_turn = false;

	put_under_attack(t, "s alice", now);
	for (unsigned tick = 0; !had_turn && tick < 50000; tick++, now += 20) {
		for (unsigned k = 0; k <= MANY; k++) {
			unsigned i = (tick * 7 + k) % (MANY + 1);

			if (due[i] > now)
				continue;
			who.address[15] = (uint8_t)i;
			who.address[14] = i == OWNER ? 3 : 2;
			due[i] = ask_and_fail(t, &who, &g[i], now, &had_turn);
			had_turn = had_turn && i == OWNER;
			if (had_turn)
				break;
		}
	}
	ck_assert(had_turn);
	auth_throttle_free(t);
}
END_TEST

/* The owner's provider gives another address of the same network. */
START_TEST(known_networks)
{
	static const struct { const char *first, *then; bool known; } rows[] = {
		{ "192.0.2.1", "192.0.2.200", true }, { "192.0.2.1", "192.0.3.1", false },
		{ "2001:db8:1:2::1", "2001:db8:1:ffff::9", true }, { "2001:db8:1::1", "2001:db8:2::1", false },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct auth_throttle *t = auth_throttle_new();
		struct auth_throttle_who who = who_is(rows[i].first, "s alice"),
		    next = who_is(rows[i].then, "s alice"), other = who_is("198.51.100.1", "s alice");
		struct auth_throttle_guess g[2] = { 0 };

		auth_throttle_succeed(t, &who);
		for (unsigned k = 0; k < 20; k++) {
			other.address[14] = (uint8_t)k;
			(void)auth_throttle_fail(t, &other, 1000);
		}
		(void)auth_throttle_wait(t, &other, &g[0], 1000);
		ck_assert_msg((auth_throttle_wait(t, &next, &g[1], 1000) == 0) == rows[i].known, "%zu", i);
		auth_throttle_free(t);
	}
}
END_TEST

/* What is refused at once is told once a second for an account. */
START_TEST(refusals_told)
{
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who alice = who_is("192.0.2.1", "s alice"), bob = who_is("192.0.2.1", "s bob");
	unsigned unreported, told = 0;

	(void)auth_throttle_fail(t, &alice, 1000);
	(void)auth_throttle_fail(t, &bob, 1000);
	for (unsigned i = 0; i < 100; i++)
		told += auth_throttle_may_tell(t, &alice, 1000 + i, &unreported);
	ck_assert_uint_eq(told, 1);
	ck_assert(auth_throttle_may_tell(t, &bob, 1100, &unreported) && unreported == 0);
	ck_assert(auth_throttle_may_tell(t, &alice, 2000, &unreported) && unreported == 99);
	auth_throttle_free(t);
}
END_TEST

/* What other nodes have counted is as if it had been counted here: for the delay, and for turns, which nodes divide. */
START_TEST(nodes_count_together)
{
	struct auth_throttle *t = auth_throttle_new();
	struct auth_throttle_who who = who_is("192.0.2.1", "s alice"), other = who_is("198.51.100.1", "s alice");
	struct auth_throttle_guess g[3] = { 0 };

	auth_throttle_share(t, 3, 1);
	ck_assert_uint_eq(auth_throttle_fail(t, &who, 1000), 500);
	ck_assert(auth_throttle_last(t)[AUTH_THROTTLE_PAIR].counted && auth_throttle_last(t)[AUTH_THROTTLE_ACCOUNT].counted);
	ck_assert_uint_eq(auth_throttle_last(t)[AUTH_THROTTLE_PAIR].before, 0);
	ck_assert_uint_eq(auth_throttle_learn(t, &who, AUTH_THROTTLE_PAIR, 3, 4, 1000), 4000);
	ck_assert_uint_eq(auth_throttle_fail(t, &who, 1000), 8000);
	ck_assert_uint_eq(auth_throttle_last(t)[AUTH_THROTTLE_PAIR].before, 4);
	/* fewer are no news, and more than the most are the most */
	ck_assert_uint_eq(auth_throttle_learn(t, &who, AUTH_THROTTLE_PAIR, 0, 1, 1000), 500);
	ck_assert_uint_eq(auth_throttle_learn(t, &who, AUTH_THROTTLE_PAIR, 1000, 1000, 1000), AUTH_THROTTLE_LAST_MS);
	ck_assert_uint_eq(auth_throttle_fail(t, &who, 1000), AUTH_THROTTLE_LAST_MS);
	ck_assert_uint_eq(auth_throttle_wait(t, &other, &g[0], 1000), 0);
	auth_throttle_decide(t, &other, &g[0]);
	(void)auth_throttle_learn(t, &who, AUTH_THROTTLE_ACCOUNT, 16, 17, 1000);
	memset(g, 0, sizeof(g));
	ck_assert_uint_eq(auth_throttle_wait(t, &other, &g[0], 1000), 0);
	auth_throttle_decide(t, &other, &g[0]);
	other = who_is("198.51.100.2", "s alice");
	ck_assert_uint_gt(auth_throttle_wait(t, &other, &g[1], 1000 + 3 * AUTH_THROTTLE_TURN_MS - 1), 0);
	ck_assert_uint_eq(auth_throttle_wait(t, &other, &g[1], 1000 + 3 * AUTH_THROTTLE_TURN_MS), 0);
	auth_throttle_decide(t, &other, &g[1]);
	auth_throttle_free(t);
}
END_TEST

/* A node that hears nothing of the others has its part of the free failures, at least one; or none. */
START_TEST(node_alone)
{
	static const struct { unsigned part, free_ones; } rows[] = { { 1, 16 }, { 3, 5 }, { 100, 1 }, { 0, 0 } };

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct auth_throttle *t = auth_throttle_new();
		struct auth_throttle_guess g = { 0 };
		struct auth_throttle_who who;
		char text[40];
		unsigned n = 0;

		auth_throttle_share(t, 3, rows[i].part);
		for (; n < 30; n++) {	/* each from an address of its own */
			snprintf(text, sizeof(text), "192.0.2.%u", n);
			who = who_is(text, "s bob");
			memset(&g, 0, sizeof(g));
			if (auth_throttle_wait(t, &who, &g, 1000) == 0 && g.has_turn)
				break;
			(void)auth_throttle_fail(t, &who, 1000);
			auth_throttle_decide(t, &who, &g);
		}
		ck_assert_msg(n == rows[i].free_ones, "%u of them: %u", rows[i].part, n);
		auth_throttle_decide(t, &who, &g);
		auth_throttle_free(t);
	}
}
END_TEST

UNIT_MAIN("guesses", who_hangs_up_takes_no_turn, owner_among_guesses, known_networks, refusals_told, nodes_count_together, node_alone)
