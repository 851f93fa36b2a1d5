/* lease - permits and messages of a shared limit: what may be used, when it is asked for, and a simulation of 1,000 nodes */
#include <stdio.h>

#include "common/process/lease.h"
#include "t/unit/check_main.h"
#include "t/unit/lease_model.h"

#define LENGTH 60000U
#define MARGIN (LENGTH / 20 + 250)

static struct lease_node node;
static struct lease lease;
static struct lease_question q;

static void
begin(bool share)
{
	node = (struct lease_node){ .length = LENGTH, .nodes = 3, .share = share };
	lease = (struct lease){ 0 };
}

static bool
ask(uint64_t used, uint64_t now)
{
	return lease_ask(&node, &lease, used, 3, now, &q);
}

static void
get(uint64_t used, uint64_t now, uint64_t granted, uint64_t target)
{
	lease_want(&lease, now);
	ck_assert(ask(used, now));
	lease_answer(&node, &lease, granted, target, 0, now + 5);
}

START_TEST(test_nothing_is_asked_without_need)
{
	begin(true);
	ck_assert(!ask(0, 1000));
	ck_assert(!lease_has_room(&node, &lease, 0, 1000));
	lease_want(&lease, 1000);
	ck_assert(ask(0, 1000));
	ck_assert_uint_eq(q.want, 1);
	ck_assert_uint_eq(q.keep, 0);
	ck_assert(!q.claim);
	ck_assert(!ask(0, 1001));	/* one question at a time */
}
END_TEST

START_TEST(test_it_ends_before_the_engine_says_so)
{
	begin(true);
	get(0, 1000, 1, 1);
	ck_assert(lease_has_room(&node, &lease, 0, 1010));
	ck_assert(!lease_has_room(&node, &lease, 1, 1010));
	ck_assert(!lease_is_over(&node, &lease, 1, 1000 + LENGTH - MARGIN - 1));
	ck_assert(lease_is_over(&node, &lease, 1, 1000 + LENGTH - MARGIN));
	/* nothing is begun for which there may be no time */
	ck_assert(lease_may_begin(&node, &lease, 1000 + LENGTH / 3));
	ck_assert(!lease_may_begin(&node, &lease, 1000 + LENGTH - MARGIN - LENGTH / 3));
}
END_TEST

START_TEST(test_renewal)
{
	begin(true);
	get(0, 1000, 1, 1);
	ck_assert(!ask(1, 1000 + LENGTH / 3 - 1));
	ck_assert(ask(1, 1000 + LENGTH / 3));
	ck_assert_uint_eq(q.keep, 1);
	lease_answer(&node, &lease, 1, 1, 0, 1100 + LENGTH / 3);
	ck_assert(!lease_is_over(&node, &lease, 1, 1000 + LENGTH));
}
END_TEST

START_TEST(test_more_than_was_wanted_is_not_taken)
{
	begin(true);
	get(0, 1000, 1000000000, 1000000000);
	ck_assert_uint_eq(lease_usable(&node, &lease, 1010), 1);
}
END_TEST

START_TEST(test_what_it_gives_up_is_not_used)
{
	begin(true);
	get(0, 1000, 1, 3);
	lease_want(&lease, 1200);
	get(1, 1200, 2, 3);
	lease_want(&lease, 1400);
	get(2, 1400, 3, 3);
	ck_assert_uint_eq(lease_usable(&node, &lease, 1500), 3);
	ck_assert(ask(1, 5000));	/* two are not needed any more */
	ck_assert_uint_eq(q.keep, 1);
	ck_assert_uint_eq(lease_usable(&node, &lease, 5001), 1);
	lease_fail(&node, &lease, true, 5100);
	ck_assert_uint_eq(lease_usable(&node, &lease, 5200), 1);
}
END_TEST

START_TEST(test_others_want_some)
{
	begin(true);
	get(0, 1000, 1, 1);
	get(1, 1200, 2, 2);
	get(2, 1400, 3, 1);	/* others want two of them */
	ck_assert(lease_has_surplus(&node, &lease, 2, 1500));
	ck_assert(!lease_has_surplus(&node, &lease, 1, 1500));
	ck_assert(!lease_has_room(&node, &lease, 2, 1500));
	ck_assert(!lease_is_over(&node, &lease, 3, 1500));
}
END_TEST

START_TEST(test_an_answer_that_came_too_late)
{
	begin(false);
	get(0, 1000, 1, 1);
	lease_want(&lease, 30000);
	ck_assert(ask(1, 30000));
	ck_assert(lease_is_over(&node, &lease, 1, 58000));
	lease_answer(&node, &lease, 1, 1, 0, 58000);
	ck_assert_uint_eq(lease_usable(&node, &lease, 58001), 0);
}
END_TEST

START_TEST(test_loss_share)
{
	begin(true);
	get(0, 1000, 1, 3);
	get(1, 1200, 2, 3);
	ck_assert(ask(2, 1200 + LENGTH / 3));
	lease_fail(&node, &lease, true, 22000);
	ck_assert_uint_eq(lease_usable(&node, &lease, 50000), 2);	/* the lease */
	ck_assert_uint_eq(lease_usable(&node, &lease, 1200 + LENGTH), 1);	/* of what it held, its share */
	ck_assert(lease_is_over(&node, &lease, 2, 1200 + LENGTH));
	ck_assert_uint_eq(lease_usable(&node, &lease, 22000 + LENGTH), 1);
	/* the engine is back: what is in use is claimed */
	ck_assert(ask(1, 90000));
	ck_assert(q.claim);
	ck_assert_uint_eq(q.keep, 1);
	lease_answer(&node, &lease, 1, 1, 0, 90010);
	ck_assert_uint_eq(lease_usable(&node, &lease, 90020), 1);
	ck_assert_uint_eq(node.lost_at, 0);
}
END_TEST

START_TEST(test_loss_share_of_one_that_held_nothing)
{
	begin(true);
	lease_want(&lease, 1000);
	ck_assert(ask(0, 1000));
	lease_fail(&node, &lease, true, 1000);
	ck_assert(!lease_has_room(&node, &lease, 0, 1000 + LENGTH - 1));
	ck_assert(lease_has_room(&node, &lease, 0, 1000 + LENGTH));
	ck_assert(!lease_has_room(&node, &lease, 1, 1000 + LENGTH));
}
END_TEST

START_TEST(test_loss_closed)
{
	begin(false);
	get(0, 1000, 1, 3);
	ck_assert(ask(1, 1000 + LENGTH / 3));
	lease_fail(&node, &lease, true, 22000);
	ck_assert(lease_is_over(&node, &lease, 1, 1000 + LENGTH));
	ck_assert_uint_eq(lease_usable(&node, &lease, 10 * LENGTH), 0);
	lease_want(&lease, 10 * LENGTH);
	ck_assert(ask(0, 10 * LENGTH));
	ck_assert(!q.claim);
}
END_TEST

START_TEST(test_share)
{
	node = (struct lease_node){ .nodes = 3 };
	ck_assert_uint_eq(lease_share(&node, 3), 1);
	ck_assert_uint_eq(lease_share(&node, 10), 3);
	ck_assert_uint_eq(lease_share(&node, 1), 1);	/* a node is never without */
	node.nodes = 0;
	ck_assert_uint_eq(lease_share(&node, 5), 5);
}
END_TEST

/* What is said of one that waits: others have the rest, or nobody knows; not when it needs nothing, nor before the first answer. */
START_TEST(test_what_is_said_of_one_that_waits)
{
	struct lease_rate r = { 0 };
	uint64_t want;

	begin(false);
	ck_assert_uint_eq(lease_used_up(&node, &lease, 0, 900), 0);
	lease_want(&lease, 1000);
	ck_assert(ask(0, 1000));
	ck_assert_uint_eq(lease_used_up(&node, &lease, 0, 1000), 0);
	lease_answer(&node, &lease, 0, 0, 4000, 1005);
	ck_assert_uint_eq(lease_used_up(&node, &lease, 0, 1005), 4000);
	lease_want(&lease, 5000);
	ck_assert_uint_eq(lease_used_up(&node, &lease, 0, 5005), 1);	/* it is asked about just now */
	ck_assert_uint_eq(lease_used_up(&node, &lease, 0, 5000 + 2000), 0);
	get(0, 8000, 1, 1);
	ck_assert_uint_eq(lease_used_up(&node, &lease, 0, 8010), 0);
	ck_assert(!lease_is_barred(&node, &lease, 8010));
	begin(false);
	lease_want(&lease, 1000);
	ck_assert(ask(0, 1000));
	lease_fail(&node, &lease, true, 1005);
	ck_assert(lease_is_barred(&node, &lease, 1005) && lease_used_up(&node, &lease, 0, 1005) == 0);
	node.share = true;	/* one lease after the loss it has its share */
	lease_want(&lease, 1005 + LENGTH);
	ck_assert(!lease_is_barred(&node, &lease, 1005 + LENGTH));

	begin(false);
	ck_assert(lease_rate_ask(&node, &r, 60, 1000, &want));
	ck_assert_uint_eq(lease_rate_used_up(&r, 1000), 0);
	lease_rate_answer(&node, &r, 0, 3000, 1005);
	ck_assert_uint_eq(lease_rate_used_up(&r, 1005), 3000);
	ck_assert_uint_eq(lease_rate_used_up(&r, 1005 + 3000 + 2000), 0);
	ck_assert(lease_rate_ask(&node, &r, 60, 5000, &want));
	lease_rate_fail(&node, &r, true, 5005);
	ck_assert(lease_rate_is_barred(&node, &r, 5005) && lease_rate_used_up(&r, 5005) == 0);
}
END_TEST

START_TEST(test_messages)
{
	struct lease_rate r = { 0 };
	uint64_t want;

	begin(true);
	ck_assert_uint_gt(lease_rate_wait(&node, &r, 1000), 0);
	ck_assert(lease_rate_ask(&node, &r, 600, 1000, &want));
	ck_assert_uint_eq(want, 10);
	lease_rate_answer(&node, &r, 2, 0, 1001);
	ck_assert_uint_eq(lease_rate_wait(&node, &r, 1001), 0);
	lease_rate_take(&r);
	lease_rate_take(&r);
	ck_assert_uint_gt(lease_rate_wait(&node, &r, 1002), 0);
	ck_assert(lease_rate_ask(&node, &r, 600, 1002, &want));
	lease_rate_answer(&node, &r, 0, 500, 1003);
	ck_assert(!lease_rate_ask(&node, &r, 600, 1400, &want));
	ck_assert(lease_rate_ask(&node, &r, 600, 1503, &want));
	lease_rate_answer(&node, &r, 5, 0, 1504);
	ck_assert_uint_gt(lease_rate_wait(&node, &r, 1503 + LEASE_RATE_MS - LEASE_RATE_MS / 20), 0);	/* too old */
	ck_assert(lease_rate_ask(&node, &r, 600, 9000, &want));
	lease_rate_fail(&node, &r, true, 9000);
	ck_assert(!lease_rate_is_alone(&node, &r, 9000 + LENGTH - 1));
	ck_assert(lease_rate_is_alone(&node, &r, 9000 + LENGTH));
	node.share = false;
	ck_assert(!lease_rate_is_alone(&node, &r, 9000 + LENGTH));
}
END_TEST

/* --- the simulation --- */

enum { NODES = 1000, STEP = 100, PATIENCE = 5000, MINUTES = 10 };

struct sim_node {
	struct lease_node common;
	struct lease lease;
	double rate;			/* of its clock */
	uint64_t offset, used, sequence, frozen_until, failed_at;
	bool rests;			/* has no mail */
	/* of the question that is under way; 0: none */
	uint64_t arrives, returns, given_up;
	struct model_ask ask;
	struct model_answer answer;
};

struct sim {
	uint64_t limit, length;
	bool share, loses, freezes;
	uint64_t down_from, down_until;	/* the engine */
	double rate;
	struct model model;
	struct sim_node node[NODES];
	uint64_t seed;
	/* results */
	uint64_t most, asked; double sum; unsigned looks;
	unsigned wrong;			/* looks at a node that may use more than the engine counts for it */
};

static uint64_t
chance(struct sim *s, uint64_t below)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return s->seed % below;
}

static uint64_t
clock_of(double rate, uint64_t offset, uint64_t t)
{
	return offset + (uint64_t)((double)t * rate);
}

static void
sim_ask(struct sim *s, struct sim_node *n, unsigned i, uint64_t t, uint64_t now)
{
	struct lease_question question;

	if (n->arrives != 0 || n->returns != 0 || n->given_up != 0 ||
	    !lease_ask(&n->common, &n->lease, n->used, s->limit, now, &question))
		return;
	s->asked++;
	n->ask = (struct model_ask){ .me = i, .sequence = ++n->sequence, .keep = question.keep, .want = question.want,
	    .limit = question.limit, .length = s->length, .claim = question.claim };
	n->given_up = t + PATIENCE;
	n->arrives = t + 1 + chance(s, 100);
	if (s->loses && chance(s, 100) < 3)
		n->arrives = t + chance(s, 2 * s->length);	/* late, perhaps after it was given up */
	if (s->loses && chance(s, 100) < 3)
		n->arrives = UINT64_MAX;	/* never */
}

static void
sim_work(struct sim *s, struct sim_node *n, uint64_t now)
{
	while (n->used > 0 && lease_is_over(&n->common, &n->lease, n->used, now))
		n->used--;		/* as shared_limits does before a connection says anything */
	if (n->used > 0 && (lease_has_surplus(&n->common, &n->lease, n->used, now) || chance(s, 40) == 0))
		n->used--;
	if (s->loses && chance(s, 300) == 0)
		n->rests = !n->rests;
	if (n->rests) {
		n->used -= n->used > 0 && chance(s, 10) == 0;
		return;
	}
	lease_want(&n->lease, now);
	if (lease_has_room(&n->common, &n->lease, n->used, now))
		n->used++;
}

static void
sim_node_step(struct sim *s, unsigned i, uint64_t t)
{
	struct sim_node *n = &s->node[i];
	uint64_t now = clock_of(n->rate, n->offset, t);

	if (t < n->frozen_until)
		return;
	if (n->returns != 0 && n->returns <= t && n->given_up != 0) {
		if (n->answer.grant < 0)
			lease_fail(&n->common, &n->lease, false, now);
		else
			lease_answer(&n->common, &n->lease, (uint64_t)n->answer.grant, n->answer.target, n->answer.wait, now);
		n->given_up = 0;
	} else if (n->given_up != 0 && (n->given_up <= t || n->failed_at != 0)) {
		lease_fail(&n->common, &n->lease, true, now);
		n->given_up = 0;
	}
	if (n->given_up == 0 && (n->returns <= t || n->returns == UINT64_MAX))
		n->returns = 0;
	n->failed_at = 0;
	if (n->arrives == UINT64_MAX && n->given_up == 0)
		n->arrives = 0;
	sim_work(s, n, now);
	sim_ask(s, n, i, t, now);
	if (s->freezes && chance(s, 3000) == 0)
		n->frozen_until = t + chance(s, 3 * s->length);
}

static void
sim_engine_step(struct sim *s, uint64_t t)
{
	bool down = t >= s->down_from && t < s->down_until;

	if (t == s->down_until) {
		memset(&s->model, 0, sizeof(s->model));		/* it has forgotten everything */
		s->model.born = clock_of(s->rate, 0, t);
	}
	for (unsigned i = 0; i < NODES; i++) {
		struct sim_node *n = &s->node[i];

		if (n->arrives == 0 || n->arrives > t)
			continue;
		n->arrives = 0;
		if (down) {
			n->failed_at = t;
			continue;
		}
		n->answer = model_hold(&s->model, clock_of(s->rate, 0, t), &n->ask);
		n->returns = t + 1 + chance(s, 100);
		if (s->loses && chance(s, 100) < 3)
			n->returns = UINT64_MAX;
	}
}

/*
 * What each node may use now the engine counts for it: from that it follows that there are never more than the
 * limit. Not where the engine has forgotten, or a node uses its share: then the sum is all that can be looked at.
 */
static void
sim_look(struct sim *s, uint64_t t)
{
	uint64_t used = 0, engine = clock_of(s->rate, 0, t);
	bool forgot = t >= s->down_from && (s->down_until == UINT64_MAX || t < s->down_until + 2 * s->length);

	for (unsigned i = 0; i < NODES; i++) {
		const struct sim_node *n = &s->node[i];
		const struct model_holder *h = &s->model.holder[i];
		uint64_t counted = h->there && h->end > engine ? h->grant : 0;

		if (t < n->frozen_until)
			continue;
		used += n->used;
		s->wrong += !forgot && n->lease.lost_at == 0 &&
		    lease_usable(&n->common, &n->lease, clock_of(n->rate, n->offset, t)) > counted;
	}
	s->most = MAX(s->most, used);
	if (t > 2 * s->length) {
		s->sum += (double)used / (double)s->limit;
		s->looks++;
	}
}

static void
sim_run(struct sim *s)
{
	s->seed = 88172645463325252U;
	s->rate = 1.02;		/* the engine's leases end early: the worst */
	for (unsigned i = 0; i < NODES; i++) {
		s->node[i].common = (struct lease_node){ .length = s->length, .nodes = NODES, .share = s->share };
		s->node[i].rate = 0.98 + (double)chance(s, 4001) / 100000;
		s->node[i].offset = 1 + chance(s, 1000000);
	}
	for (uint64_t t = STEP; t <= MINUTES * 60000U; t += STEP) {
		for (unsigned i = 0; i < NODES; i++)
			sim_node_step(s, i, t);
		sim_engine_step(s, t);
		sim_look(s, t);
	}
}

/* Never more in use at once than the limit; `part`: so much of it was used, in percent. */
static void
sim_check(struct sim *s, const char *what, unsigned part)
{
	double used;

	sim_run(s);
	used = 100 * s->sum / s->looks;
	printf("%s: limit %llu, at most %llu, %.1f %% used, %.1f questions a second\n", what, (unsigned long long)s->limit,
	    (unsigned long long)s->most, used, (double)s->asked / (MINUTES * 60));
	ck_assert_msg(s->most <= s->limit, "%s: %llu of %llu in use", what, (unsigned long long)s->most, (unsigned long long)s->limit);
	ck_assert_msg(s->wrong == 0, "%s: %u times a node could use what the engine does not count", what, s->wrong);
	ck_assert_msg(used >= part, "%s: %.1f %% of the limit used", what, used);
	free(s);
}

static struct sim *
sim_of(uint64_t limit, bool share)
{
	struct sim *s = calloc(1, sizeof(*s));

	s->limit = limit;
	s->length = 60000;
	s->share = share;
	s->down_from = s->down_until = UINT64_MAX;
	return s;
}

START_TEST(test_thousand_nodes)
{
	sim_check(sim_of(300, true), "1000 nodes", 80);
}
END_TEST

START_TEST(test_thousand_nodes_three_permits)
{
	sim_check(sim_of(3, true), "1000 nodes, 3 permits", 30);
}
END_TEST

START_TEST(test_thousand_nodes_in_trouble)
{
	struct sim *s = sim_of(2000, false);

	s->loses = s->freezes = true;
	s->down_from = 240000;
	s->down_until = 270000;
	sim_check(s, "lost and late messages, frozen nodes, an engine that restarts", 30);
}
END_TEST

START_TEST(test_thousand_nodes_without_engine)
{
	struct sim *s = sim_of(1000, true);

	s->down_from = 180000;
	s->down_until = 420000;
	sim_check(s, "the engine is gone for four minutes, shares", 60);
}
END_TEST

UNIT_MAIN("lease", test_nothing_is_asked_without_need, test_it_ends_before_the_engine_says_so, test_renewal,
    test_more_than_was_wanted_is_not_taken, test_what_it_gives_up_is_not_used, test_others_want_some,
    test_an_answer_that_came_too_late, test_loss_share, test_loss_share_of_one_that_held_nothing, test_loss_closed, test_share,
    test_what_is_said_of_one_that_waits, test_messages, test_thousand_nodes, test_thousand_nodes_three_permits, test_thousand_nodes_in_trouble,
    test_thousand_nodes_without_engine)
