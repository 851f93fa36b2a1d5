/*
 * result - attempts of real messages in a temporary spool: delivered,
 * failed, left by an earlier process, damaged, repeated
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "deliver/result/result.h"
#include "deliver/schedule/schedule.h"
#include "t/unit/deliver/schedule_fixture.h"
#include "t/unit/check_main.h"

static uint64_t table[] = { 1000 };
static struct config_domain domain = { .name = (char *)"home.example", .type = CONFIG_DOMAIN_DEFAULT,
    .drop_quota = CONFIG_UNLIMITED };
static struct config_server server = {
	.name = (char *)"default", .fqdn = (char *)"host.home.example", .port = 25, .domain = &domain,
	.ndomain = 1, .default_domain = &domain,
	.retry = { table, 1 }, .delay_notify = 43200000, .expire = 172800000, .local_delay_notify = 43200000,
	.local_expire = 172800000, .hop_limit = 3, .max_recipients = 100, .badmail_keep = CONFIG_UNLIMITED,
	.badmail_limit = CONFIG_UNLIMITED,
};

static bool
is_empty(void)
{
	return schedule_index_count(schedule->index) == 0;
}

/* Runs until nothing is in the queue. */
static void
run(void)
{
	run_until(is_empty);
	ck_assert_uint_eq(schedule->loaded, 0);
	shell("test -z \"$(find $H/queue -type f -not -name '*.lock')\"");
}

static void
tell(const char *id)
{
	schedule_hint(schedule, id);
	schedule_go(schedule);
}

/* As a scan finds it: nothing is known of it. */
static void
find(const char *id)
{
	struct spool_entry entry = { .due = clock_wall_us() / 1000000 };

	memcpy(entry.id, id, sizeof(entry.id));
	schedule_found(schedule, &entry);
	schedule_go(schedule);
}

static void
mark(const char *id, size_t index, char value)
{
	struct message_envelope e;
	const char *why;
	int fd;

	ck_assert_int_eq(spool_load(spool, id, &e, &fd, &why), 0);
	ck_assert_int_eq(spool_mark(fd, &e, index, value), 0);
	close(fd);
	message_envelope_done(&e);
}

#define TO(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SMALL "Received: from x\r\nSubject: s\r\n\r\nbody\r\n"

START_TEST(test_dropped)
{
	char id[MESSAGE_ID_SIZE];

	fixture_begin(&server);
	queue(id, "a@far.example", TO("b@home.example", "c@home.example"), SMALL);
	tell(id);
	run();
	shell("test $(ls $H/drop | wc -l) = 1 && grep -q 'x-receiver: c@home.example' $H/drop/*.eml");
	fixture_end();
}
END_TEST

/* The clock was a year ahead when the message was deferred, and is set back: it does not wait for a year. */
START_TEST(test_clock_set_back)
{
	uint32_t now = (uint32_t)(clock_wall_us() / 1000000), year = 366 * 86400, n[2];
	char id[2][MESSAGE_ID_SIZE];

	fixture_begin(&server);
	schedule_go(schedule);
	for (uint32_t i = 0; i < 2; i++) {
		message_id_make(id[i], clock_wall_us(), i);
		n[i] = schedule_index_add(schedule->index, id[i]);
		schedule_index_wait(schedule->index, n[i], now + year);
	}
	schedule_index_set_backlog(schedule->index, n[1], true);
	schedule_go(schedule);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_eq(schedule_index_at(schedule->index, n[i])->due, now + year);
	schedule->ahead_us += (int64_t)year * 1000000;
	schedule_go(schedule);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_le(schedule_index_at(schedule->index, n[i])->due,
		    (uint32_t)(clock_wall_us() / 1000000) + 200);
	fixture_end();
}
END_TEST

/* One is dropped, two are refused at once: one report about both, none about the first. */
START_TEST(test_partly_failed)
{
	char id[MESSAGE_ID_SIZE];

	fixture_begin(&server);
	queue(id, "author@home.example", TO("x@[999]", "b@home.example", "y@a..b"), SMALL);
	tell(id);
	run();
	shell("test $(ls $H/drop | wc -l) = 2");
	shell("test $(grep -l 'x-receiver: author@home.example' $H/drop/*.eml | wc -l) = 1");
	shell("grep -h ^Final-Recipient: $H/drop/*.eml | tr -d '\\r' | cut -d' ' -f3 | tr '\\n' ' ' | "
	    "grep -qx 'x@\\[999\\] y@a..b '");
	shell("test -z \"$(ls $H/badmail)\"");
	fixture_end();
}
END_TEST

/* shows 6.7 */
START_TEST(test_null_sender)
{
	char id[MESSAGE_ID_SIZE];

	fixture_begin(&server);
	queue(id, "", TO("x@[999]", "b@home.example"), SMALL);
	tell(id);
	run();
	shell("test $(ls $H/drop | wc -l) = 1 && test $(ls $H/badmail/*.bad | wc -l) = 1");
	shell("grep -q 'x-receiver: x@.999.' $H/badmail/*.bdp && ! grep -q b@home $H/badmail/*.bdp");
	shell("grep -q 5.1.2 $H/badmail/*.bdr");
	fixture_end();
}
END_TEST

/*
 * A sender that asked for it gets one report of success for all recipients; a report and a null sender cause
 * none.
 */
/* shows 6.5 */
START_TEST(test_success)
{
	struct message_envelope e = { .sender = mem_strdup("author@home.example"),
	    .envid = mem_strdup("Q+2B1"), .ret = RET_FULL };
	struct spool_draft *d;

	fixture_begin(&server);
	for (unsigned round = 0; round < 2; round++) {
		if (round == 0) {
			struct message_recipient *r;

			message_envelope_add(&e, "b@home.example")->notify = NOTIFY_SUCCESS;
			message_envelope_add(&e, "c@home.example");
			message_envelope_add(&e, "d@home.example")->notify = NOTIFY_FAILURE;
			r = message_envelope_add(&e, "e@home.example");
			r->notify = NOTIFY_SUCCESS | NOTIFY_DELAY;
			r->orcpt = mem_strdup("rfc822;E+2B1@there.example");
			message_envelope_add(&e, "f@[999]")->notify = NOTIFY_NEVER;
		} else {
			e.sender[0] = '\0';
		}
		d = spool_draft_new(spool, &e);
		ck_assert_int_eq(spool_draft_write(d, SMALL, strlen(SMALL)), 0);
		spool_draft_commit(&d, 1);
		ck_assert_int_eq(spool_draft_error(d), 0);
		tell(spool_draft_id(d));
		spool_draft_free(d);
		run();
	}
	message_envelope_done(&e);
	shell("test $(ls $H/drop | wc -l) = 3 && test $(ls $H/badmail/*.bad | wc -l) = 1");
	shell("grep -l 'Subject: Delivery Status Notification (Success)' $H/drop/*.eml >$H/found && test "
	    "$(wc -l <$H/found) = 1");
	shell("f=$(cat $H/found); test $(grep -c ^Final-Recipient: $f) = 2 && test $(grep -c '^Action: "
	    "delivered' $f) = 2 && "
	    "grep -q '^Original-Envelope-Id: Q+1' $f && grep -q '^Original-Recipient: rfc822; "
	    "E+1@there.example' $f && "
	    "grep -q '^Content-Type: text/rfc822-headers' $f && ! grep -q ^body $f");
	fixture_end();
}
END_TEST

/* Three Received lines are allowed, four are not; from the null sender the message goes to badmail. */
/* shows 2.6j */
START_TEST(test_hops)
{
	static const char hop[] = "Received: from a\r\n\tby b\r\n";
	char id[MESSAGE_ID_SIZE], text[512];

	fixture_begin(&server);
	for (unsigned n = 3; n <= 4; n++)
		for (unsigned null = 0; null <= 1; null++) {
			snprintf(text, sizeof(text), "%s%s%s%s\r\n\r\n%s", hop, hop, hop,
			    n == 4 ? hop : "Subject: x\r\n", hop);
			queue(id, null ? "" : "author@home.example", TO("b@home.example"), text);
			tell(id);
		}
	run();
	shell("test $(ls $H/drop | wc -l) = 3 && grep -lq 'Status: 5.4.6' $H/drop/*.eml");
	shell("test $(grep -l 'hop count' $H/badmail/*.bdr | wc -l) = 1");
	fixture_end();
}
END_TEST

/* The crash came after the mark: the report is made from the note, then the pending recipient is tried. */
START_TEST(test_owed)
{
	char id[MESSAGE_ID_SIZE], report[MESSAGE_ID_SIZE], name[200];

	fixture_begin(&server);
	queue(id, "author@home.example", TO("gone@far.example", "b@home.example"), SMALL);
	ck_assert_int_eq(spool_note_add(spool, id,
	    "failed 0 1795288657123456 5.1.1 550 mx.far.example 5.1.1 gone for good\n"
	    "failed 1 17", true), 0);
	mark(id, 0, MARK_FAILED);
	find(id);
	run();
	report_make_id(report, id, 1795288657123456, 0, DSN_FAILURE, false);
	shell("test $(ls $H/drop | wc -l) = 2 && grep -q 'gone for good' $H/drop/*.eml");
	snprintf(name, sizeof(name), "test -f $H/drop/%s-0.eml", report);
	shell(name);
	fixture_end();
}
END_TEST

/* The crash came after the report was queued: it is not queued again. */
START_TEST(test_report_is_there)
{
	char id[MESSAGE_ID_SIZE], report[MESSAGE_ID_SIZE];
	struct message_envelope e = { .sender = mem_strdup(""), .flags = MESSAGE_REPORT };
	struct spool_draft *d;

	fixture_begin(&server);
	queue(id, "author@home.example", TO("gone@far.example"), SMALL);
	ck_assert_int_eq(spool_note_add(spool, id,
	    "failed 0 1795288657123456 5.1.1 550 mx.far.example 5.1.1 gone\n", true), 0);
	mark(id, 0, MARK_FAILED);
	report_make_id(report, id, 1795288657123456, 0, DSN_FAILURE, false);
	message_envelope_add(&e, "author@home.example");
	d = spool_draft_new(spool, &e);
	spool_draft_name(d, report);
	ck_assert_int_eq(spool_draft_write(d, "Subject: first\r\n\r\n", 18), 0);
	spool_draft_commit(&d, 1);
	ck_assert_int_eq(spool_draft_error(d), 0);
	spool_draft_free(d);
	message_envelope_done(&e);
	find(id);
	run_until(is_empty);
	find(report);
	run();
	shell("test $(ls $H/drop | wc -l) = 1 && grep -q 'Subject: first' $H/drop/*.eml");
	fixture_end();
}
END_TEST

START_TEST(test_delivered_before)
{
	char id[MESSAGE_ID_SIZE];

	fixture_begin(&server);
	queue(id, "a@far.example", TO("b@home.example", "c@home.example"), SMALL);
	mark(id, 0, MARK_DELIVERED);
	find(id);
	run();
	shell("test $(ls $H/drop | wc -l) = 1 && ! grep -q 'x-receiver: b@' $H/drop/*.eml");
	queue(id, "a@far.example", TO("b@home.example", "c@home.example"), SMALL);
	mark(id, 0, MARK_DELIVERED);
	mark(id, 1, MARK_REPORTED);
	find(id);
	run();
	shell("test $(ls $H/drop | wc -l) = 1");
	fixture_end();
}
END_TEST

START_TEST(test_damaged)
{
	char id[MESSAGE_ID_SIZE], good[MESSAGE_ID_SIZE];

	fixture_begin(&server);
	queue(id, "a@far.example", TO("b@home.example"), SMALL);
	shell("for f in $H/queue/[0-9a-f]*/*; do truncate -s -5 $f; done");
	queue(good, "a@far.example", TO("b@home.example"), SMALL);
	find(id);
	find(good);
	tell("1k0stx2a3b4c5d6e");	/* a hint about nothing */
	run();
	shell("test $(ls $H/drop | wc -l) = 1 && test $(ls $H/badmail/*.bad | wc -l) = 1");
	shell("grep -q damaged $H/badmail/*.bdr && grep -q 'end record' $H/badmail/*.bdr");
	fixture_end();
}
END_TEST

/* A report and a note of more than one piece */
START_TEST(test_many_recipients)
{
	enum { N = 3000 };
	const char **to = mem_zalloc((N + 1) * sizeof(*to));
	char id[MESSAGE_ID_SIZE];

	fixture_begin(&server);
	for (size_t i = 0; i < N; i++)
		to[i] = i % 2 == 0 ? mem_printf("r%zu@home.example", i) : mem_printf("r%zu@[%zu]", i, i);
	queue(id, "author@home.example", to, SMALL);
	tell(id);
	run();
	shell("test $(ls $H/drop | wc -l) = 2 && test $(cat $H/drop/*.eml | grep -c ^Final-Recipient:) = "
	    "1500");
	for (size_t i = 0; i < N; i++)
		free((void *)(uintptr_t)to[i]);
	free(to);
	fixture_end();
}
END_TEST

UNIT_MAIN("result", test_dropped, test_clock_set_back, test_partly_failed, test_null_sender, test_success,
    test_hops, test_owed, test_report_is_there, test_delivered_before, test_damaged, test_many_recipients)
