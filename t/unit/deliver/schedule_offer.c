/* schedule_offer - a message that is tried before it is in the queue, by what becomes of its file */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/spool/spool_offer.h"
#include "deliver/schedule/schedule.h"
#include "t/unit/deliver/schedule_fixture.h"
#include "t/unit/check_main.h"

static uint64_t table[] = { 1000 };
static struct config_domain domains[] = {
	{ .name = (char *)"home.example", .type = CONFIG_DOMAIN_DEFAULT, .drop_quota = CONFIG_UNLIMITED },
};
static struct config_server server = {
	.name = (char *)"default", .fqdn = (char *)"host.home.example", .port = 25, .domain = domains,
	.ndomain = nitems_of(domains),
	.default_domain = &domains[0], .retry = { table, 1 }, .delay_notify = 43200000, .expire = 172800000,
	.local_delay_notify = 43200000,
	.local_expire = 172800000, .hop_limit = 3, .max_recipients = 100, .badmail_keep = CONFIG_UNLIMITED,
	.badmail_limit = CONFIG_UNLIMITED,
};
static struct spool_draft *draft;
static enum msg_offer_what told;
static unsigned tells;

static void
on_tell(void *arg, enum msg_offer_what what, const char *words)
{
	told = what;
	tells++;
}

/* A message for a local recipient, which is nothing for the next hop. */
static void
make_draft(const char *id)
{
	struct message_envelope e = { .sender = (char *)"author@s.example" };
	static const char content[] = "Subject: s\r\n\r\nx\r\n";

	memcpy(e.id, id, sizeof(e.id));
	message_envelope_add(&e, "one@home.example");
	draft = spool_draft_new(spool, &e);
	ck_assert_ptr_nonnull(draft);
	ck_assert_int_eq(spool_draft_end(draft, content, sizeof(content) - 1), 0);
	free(e.rcpt[0].address);
	free(e.rcpt);
}

static struct schedule_offer *
offer(const char *id)
{
	return schedule_offer(schedule, id, dup(spool_draft_fd(draft)), on_tell, NULL);
}

static void
commit(void)
{
	spool_draft_commit(&draft, 1);
	ck_assert_int_eq(spool_draft_error(draft), 0);
}

static bool
is_empty(void)
{
	return schedule_index_count(schedule->index) == 0;
}

static void
expect_drops(unsigned n)
{
	char line[80];

	snprintf(line, sizeof(line), "test $(ls $H/drop | wc -l) = %u", n);
	shell(line);
}

static struct schedule_offer *
begin(void)
{
	struct schedule_offer *o;

	fixture_begin(&server);
	tells = 0;
	make_draft("1k0stx2a3b4c0001");
	o = offer("1k0stx2a3b4c0001");
	ck_assert_ptr_nonnull(o);
	ck_assert_uint_eq(tells, 1);
	ck_assert_int_eq(told, MSG_OFFER_PUT_OFF);
	ck_assert_uint_eq(schedule->loaded, 1);
	return o;
}

static void
end(unsigned drops)
{
	run_until(is_empty);
	ck_assert_uint_eq(schedule->loaded, 0);
	ck_assert_uint_eq(schedule->recipients, 0);
	expect_drops(drops);
	spool_draft_free(draft);
	fixture_end();
}

START_TEST(test_stored)
{
	struct schedule_offer *o = begin();

	commit();
	schedule_hint(schedule, "1k0stx2a3b4c0001");	/* comes before the word of its owner, or after it */
	schedule_offer_stored(o);
	end(1);
}
END_TEST

START_TEST(test_gone)
{
	schedule_offer_gone(begin());
	ck_assert(is_empty());
	end(0);
}
END_TEST

START_TEST(test_owner_ended_before_storing)
{
	schedule_offer_left(begin());
	ck_assert(is_empty());
	end(0);
}
END_TEST

START_TEST(test_owner_ended_after_storing)
{
	struct schedule_offer *o = begin();

	commit();
	schedule_offer_left(o);
	end(1);
}
END_TEST

/* Its owner failed to store it, as an earlier life of it has queued the same message: that one is delivered. */
START_TEST(test_another_has_the_id)
{
	struct schedule_offer *o = begin();
	struct spool_draft *late = draft;
	struct spool *other = temp_spool_open(), *own = spool;

	spool = other;
	make_draft("1k0stx2a3b4c0001");
	commit();
	spool_draft_free(draft);
	spool = own;
	draft = late;
	schedule_hint(schedule, "1k0stx2a3b4c0001");
	schedule_offer_gone(o);
	ck_assert(!is_empty());
	end(1);
	spool_close(other);
}
END_TEST

/* Whoever offers a message that is known, or to a process that ends, has to store it. */
START_TEST(test_not_now)
{
	struct schedule_offer *o = begin();

	ck_assert_ptr_null(offer("1k0stx2a3b4c0001"));
	schedule_offer_gone(o);
	schedule->draining = true;
	ck_assert_ptr_null(offer("1k0stx2a3b4c0001"));
	ck_assert_uint_eq(tells, 1);
	schedule->draining = false;
	end(0);
}
END_TEST

/* Not even whole. */
START_TEST(test_damaged)
{
	struct schedule_offer *o = begin();

	ck_assert_int_eq(ftruncate(spool_draft_fd(draft), 40), 0);
	schedule_offer_gone(o);
	ck_assert_ptr_null(offer("1k0stx2a3b4c0001"));
	ck_assert(is_empty());
	end(0);
}
END_TEST

UNIT_MAIN("schedule_offer", test_stored, test_gone, test_owner_ended_before_storing, test_owner_ended_after_storing,
    test_another_has_the_id, test_not_now, test_damaged)
