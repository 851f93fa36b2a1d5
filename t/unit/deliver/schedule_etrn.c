/* schedule_etrn - ETRN for messages at the very moment when an operator's order works on them */

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/ipc/queue_filter.h"
#include "deliver/schedule/schedule.h"
#include "t/unit/deliver/schedule_fixture.h"
#include "t/unit/check_main.h"

static uint64_t table[] = { 1000 };
static struct config_domain domains[] = {
	{ .name = (char *)"home.example", .type = CONFIG_DOMAIN_DEFAULT, .drop_quota = CONFIG_UNLIMITED },
	{ .name = (char *)"one.example", .type = CONFIG_DOMAIN_REMOTE, .hold = true },
	{ .name = (char *)"two.example", .type = CONFIG_DOMAIN_REMOTE, .hold = true },
};
static struct config_server server = {
	.name = (char *)"default", .fqdn = (char *)"host.home.example", .port = 25, .domain = domains, .ndomain = nitems_of(domains),
	.default_domain = &domains[0], .retry = { table, 1 }, .delay_notify = 43200000, .expire = 172800000, .local_delay_notify = 43200000,
	.local_expire = 172800000, .hop_limit = 3, .max_recipients = 100, .badmail_keep = CONFIG_UNLIMITED,
	.badmail_limit = CONFIG_UNLIMITED,
};
static uint32_t record;
static bool ordered;
static struct queue_filter everything;

static struct schedule_record *
at(void)
{
	return schedule_index_at(schedule->index, record);
}

static bool
is_kept(void)
{
	return at()->state == RECORD_WAITING && (at()->flags & RECORD_BACKLOG) != 0 && at()->due > clock_wall_us() / 1000000 + 60;
}

static bool
is_parked(void)
{
	return ordered && at()->state == RECORD_PARKED;
}

static bool
is_ordered(void)
{
	return ordered;
}

/* A message that is held for its recipients' domains. */
static void
hold(char *id, const char *first, const char *second)
{
	queue(id, "author@home.example", (const char *const []){ first, second, NULL }, "Subject: s\r\n\r\n");
	schedule_hint(schedule, id);
	record = schedule_index_find(schedule->index, id);
	schedule_go(schedule);
	run_until(is_kept);
}

static void
control_commands_done(void *arg, struct schedule_admin *o)
{
	ordered = true;
}

/* At work, and its end is not heard of before the loop runs. */
static void
order(struct schedule_admin *o, enum schedule_admin_kind kind, const char *id)
{
	*o = (struct schedule_admin){ .kind = kind, .pick = &everything, .to = spool, .to_name = "itself", .done = control_commands_done };
	memcpy(o->id, id, MESSAGE_ID_SIZE);
	ordered = false;
	ck_assert_int_eq(schedule_admin_begin(schedule, o), SCHEDULE_DONE);
	ck_assert_int_eq(at()->state, RECORD_LOADED);
}

/* The hosts of the domains ask, and whatever can begin has begun; nothing more will. */
static void
ask(const char *domain, const char *other)
{
	bool running = false;

	ck_assert_uint_eq(schedule_etrn(schedule, domain, &running), 1);
	if (other != NULL)
		ck_assert_uint_eq(schedule_etrn(schedule, other, &running), 1);
	schedule_go(schedule);
	schedule->set.window = 0;
}

static struct schedule_dest *
dest(const char *domain)
{
	char key[64];

	snprintf(key, sizeof(key), "hold:%s", domain);
	return schedule_dest_find(schedule->dests, key);
}

static size_t
parked(const char *domain)
{
	return dest(domain) == NULL ? 0 : dest(domain)->parked;
}

/* It could not be moved: its turn comes at once, not when it was due for its report. */
START_TEST(test_order_fails)
{
	char id[MESSAGE_ID_SIZE];
	struct schedule_admin o;

	fixture_begin(&server);
	hold(id, "x@one.example", NULL);
	order(&o, SCHEDULE_MOVE, id);
	ask("one.example", NULL);
	ck_assert_uint_eq(at()->flags & RECORD_WANTED, RECORD_WANTED);
	run_until(is_parked);
	ck_assert_int_eq(o.result, SCHEDULE_FAILED);
	ck_assert_uint_eq(parked("one.example"), 1);
	ck_assert_uint_eq(at()->flags & RECORD_WANTED, 0);
	ck_assert_uint_eq(dest("one.example")->kept.nwanted, 0);
	fixture_end();
}
END_TEST

/* Both of its hosts ask: the second is not forgotten over the first. */
START_TEST(test_two_ask)
{
	char id[MESSAGE_ID_SIZE];
	struct schedule_admin o;

	fixture_begin(&server);
	hold(id, "x@one.example", "y@two.example");
	order(&o, SCHEDULE_MOVE, id);
	ask("one.example", "two.example");
	run_until(is_parked);
	ck_assert_uint_eq(parked("one.example") + parked("two.example"), 1);
	ck_assert_uint_eq(dest("one.example")->kept.nwanted + dest("two.example")->kept.nwanted, 1);
	ck_assert_uint_eq(at()->flags & RECORD_WANTED, RECORD_WANTED);
	fixture_end();
}
END_TEST

/* It was deleted: a turned connection need not wait for it. */
START_TEST(test_order_ends_it)
{
	char id[MESSAGE_ID_SIZE];
	struct schedule_admin o;

	fixture_begin(&server);
	hold(id, "x@one.example", NULL);
	struct schedule_dest *d = dest("one.example");
	d->turn = &d->d;
	order(&o, SCHEDULE_DELETE, id);
	ask("one.example", NULL);
	ck_assert_uint_eq(d->kept.nwanted, 1);
	run_until(is_ordered);
	ck_assert_int_eq(o.result, SCHEDULE_DONE);
	ck_assert_uint_eq(d->kept.nwanted, 0);
	ck_assert(!schedule_dest_is_asked(d));
	d->turn = NULL;
	fixture_end();
}
END_TEST

/* An operator holds it meanwhile: it rests, and nobody waits for it; released it is kept until the next asking. */
START_TEST(test_held_meanwhile)
{
	char id[MESSAGE_ID_SIZE];
	struct schedule_admin o;

	fixture_begin(&server);
	hold(id, "x@one.example", NULL);
	struct schedule_dest *d = dest("one.example");
	d->turn = &d->d;
	order(&o, SCHEDULE_MOVE, id);
	ask("one.example", NULL);
	ck_assert(schedule_admin_hold(schedule, id, true));
	ck_assert_uint_eq(d->kept.nwanted, 0);
	run_until(is_ordered);
	ck_assert_int_eq(at()->state, RECORD_RESTING);
	ck_assert(schedule_admin_hold(schedule, id, false));
	run_until(is_kept);
	d->turn = NULL;
	ck_assert_uint_eq(d->kept.count, 1);
	fixture_end();
}
END_TEST

UNIT_MAIN("schedule_etrn", test_order_fails, test_two_ask, test_order_ends_it, test_held_meanwhile)
