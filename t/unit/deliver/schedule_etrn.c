/* schedule_etrn - ETRN for messages at the moment when an operator's command is at work on them */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/command/queue_filter.h"
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
	.name = (char *)"default", .fqdn = (char *)"host.home.example", .port = 25, .domain = domains,
	.ndomain = nitems_of(domains),
	.default_domain = &domains[0], .retry = { table, 1 }, .delay_notify = 43200000, .expire = 172800000,
	.local_delay_notify = 43200000,
	.local_expire = 172800000, .hop_limit = 3, .max_recipients = 100, .badmail_keep = CONFIG_UNLIMITED,
	.badmail_limit = CONFIG_UNLIMITED,
};
static uint32_t record;
static bool command_over;
static struct queue_filter everything;

static struct schedule_record *
at(void)
{
	return schedule_index_at(schedule->index, record);
}

static bool
is_in_backlog(void)
{
	return at()->state == RECORD_WAITING && (at()->flags & RECORD_BACKLOG) != 0 &&
	    at()->due > clock_wall_us() / 1000000 + 60;
}

static bool
is_parked(void)
{
	return command_over && at()->state == RECORD_PARKED;
}

static bool
is_command_over(void)
{
	return command_over;
}

/* A message that waits in the backlog of its recipients' domains */
static void
add_to_backlog(char *id, const char *first, const char *second)
{
	queue(id, "author@home.example", (const char *const []){ first, second, NULL }, "Subject: s\r\n\r\n");
	schedule_hint(schedule, id);
	record = schedule_index_find(schedule->index, id);
	schedule_go(schedule);
	run_until(is_in_backlog);
}

static void
on_command_done(void *arg, struct schedule_admin *o)
{
	command_over = true;
}

static struct schedule_admin *moving;
static struct loop_timer *later;

static void
on_refused(void *arg)
{
	loop_timer_free(later);
	schedule_admin_moved(moving, EINVAL);
}

/* The other virtual server does not take it. */
static void
begin_move(struct schedule_admin *o)
{
	moving = o;
	later = loop_timer_new(loop, on_refused, NULL);
	loop_timer_set(later, 0);
}

/* Begins a command, which cannot end before the loop runs. */
static void
begin_command(struct schedule_admin *o, enum schedule_admin_kind kind, const char *id)
{
	*o = (struct schedule_admin){ .kind = kind, .pick = &everything, .to_name = "itself", .move = begin_move,
	    .done = on_command_done };
	memcpy(o->id, id, MESSAGE_ID_SIZE);
	command_over = false;
	ck_assert_int_eq(schedule_admin_begin(schedule, o), SCHEDULE_DONE);
	ck_assert_int_eq(at()->state, RECORD_LOADED);
}

/* The hosts of the domains ask. All that can begin has begun; with a window of 0 nothing more will. */
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

/* It could not be moved: its turn comes at once, not when its report is due. */
START_TEST(test_command_fails)
{
	char id[MESSAGE_ID_SIZE];
	struct schedule_admin o;

	fixture_begin(&server);
	add_to_backlog(id, "x@one.example", NULL);
	begin_command(&o, SCHEDULE_MOVE, id);
	ask("one.example", NULL);
	ck_assert_uint_eq(at()->flags & RECORD_ETRN, RECORD_ETRN);
	run_until(is_parked);
	ck_assert_int_eq(o.result, SCHEDULE_FAILED);
	ck_assert_uint_eq(parked("one.example"), 1);
	ck_assert_uint_eq(at()->flags & RECORD_ETRN, 0);
	ck_assert_uint_eq(dest("one.example")->backlog.nmissed, 0);
	fixture_end();
}
END_TEST

/* Both of its hosts ask: the second has its turn too. */
START_TEST(test_two_ask)
{
	char id[MESSAGE_ID_SIZE];
	struct schedule_admin o;

	fixture_begin(&server);
	add_to_backlog(id, "x@one.example", "y@two.example");
	begin_command(&o, SCHEDULE_MOVE, id);
	ask("one.example", "two.example");
	run_until(is_parked);
	ck_assert_uint_eq(parked("one.example") + parked("two.example"), 1);
	ck_assert_uint_eq(dest("one.example")->backlog.nmissed + dest("two.example")->backlog.nmissed, 1);
	ck_assert_uint_eq(at()->flags & RECORD_ETRN, RECORD_ETRN);
	fixture_end();
}
END_TEST

/* It was deleted: the connection of ATRN does not wait for it. */
START_TEST(test_command_removes_it)
{
	char id[MESSAGE_ID_SIZE];
	struct schedule_admin o;
	struct schedule_dest *d;

	fixture_begin(&server);
	add_to_backlog(id, "x@one.example", NULL);
	d = dest("one.example");
	d->atrn = &d->d;
	begin_command(&o, SCHEDULE_DELETE, id);
	ask("one.example", NULL);
	ck_assert_uint_eq(d->backlog.nmissed, 1);
	run_until(is_command_over);
	ck_assert_int_eq(o.result, SCHEDULE_DONE);
	ck_assert_uint_eq(d->backlog.nmissed, 0);
	ck_assert(!schedule_dest_is_busy(d));
	d->atrn = NULL;
	fixture_end();
}
END_TEST

/*
 * An operator holds it during the command: it is stopped, and no connection waits for it. Released, it waits
 * for ETRN.
 */
START_TEST(test_held_during_command)
{
	char id[MESSAGE_ID_SIZE];
	struct schedule_admin o;
	struct schedule_dest *d;

	fixture_begin(&server);
	add_to_backlog(id, "x@one.example", NULL);
	d = dest("one.example");
	d->atrn = &d->d;
	begin_command(&o, SCHEDULE_MOVE, id);
	ask("one.example", NULL);
	ck_assert(schedule_admin_hold(schedule, id, true));
	ck_assert_uint_eq(d->backlog.nmissed, 0);
	run_until(is_command_over);
	ck_assert_int_eq(at()->state, RECORD_STOPPED);
	ck_assert(schedule_admin_hold(schedule, id, false));
	run_until(is_in_backlog);
	d->atrn = NULL;
	ck_assert_uint_eq(d->backlog.count, 1);
	fixture_end();
}
END_TEST

UNIT_MAIN("schedule_etrn", test_command_fails, test_two_ask, test_command_removes_it,
    test_held_during_command)
