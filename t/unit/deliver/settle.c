/* settle - rounds of real messages in a scratch home: dropped, failed, owed from an earlier life, damaged, repeated */
#include "t/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "deliver/deliver.h"

static uint64_t table[] = { 1000 };
static char home[64];
static struct config_domain domain = { .name = (char *)"home.example", .type = CONFIG_DOMAIN_DEFAULT, .drop_quota = CONFIG_UNLIMITED };
static struct config_server server = {
	.name = (char *)"default", .fqdn = (char *)"host.home.example", .port = 25, .domain = &domain, .ndomain = 1, .default_domain = &domain,
	.retry = { table, 1 }, .delay_notify = 43200000, .expire = 172800000, .local_delay_notify = 43200000,
	.local_expire = 172800000, .hop_limit = 3, .max_recipients = 100, .badmail_keep = CONFIG_UNLIMITED,
	.badmail_limit = CONFIG_UNLIMITED,
};
static struct spool *spool;
static struct loop *loop;
static struct pool *pool;
static struct intake *intake;
static struct badmail *badmail;
static struct schedule *schedule;
static struct loop_timer *look;
static unsigned looks;

/* $H is the scratch home. */
static int
shell(const char *line)
{
	setenv("H", home, 1);
	return system(line);
}

static void
settled(void *arg)
{
	(void)arg;
	if (schedule_index_count(schedule->index) == 0 || ++looks > 1000)
		loop_stop(loop);
	else
		loop_timer_set(look, 10);
}

/* Runs until nothing is in the queue. */
static void
run(void)
{
	looks = 0;
	loop_timer_set(look, 0);
	loop_run(loop);
	ck_assert_uint_eq(schedule_index_count(schedule->index), 0);
	ck_assert_uint_eq(schedule->loaded, 0);
	ck_assert_int_eq(shell("test -z \"$(find $H/queue -type f -not -name '*.lock')\""), 0);
}

static void
begin(void)
{
	static char path[4][128];
	static const char *const name[] = { "pickup", "queue", "drop", "badmail" };
	const char *where = "", *why = "";
	struct schedule_setup setup = { .server = &server, .window = 100 };

	snprintf(home, sizeof(home), "/tmp/postern-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(home));
	for (size_t i = 0; i < 4; i++)
		snprintf(path[i], sizeof(path[i]), "%s/%s", home, name[i]);
	spool = spool_open(&(struct spool_paths){ path[0], path[1], path[2], path[3] }, &where);
	ck_assert_ptr_nonnull(spool);
	setup.loop = loop = loop_new();
	setup.spool = spool;
	setup.pool = pool = pool_new(loop, 4);
	setup.intake = intake = intake_new(loop, pool, spool, -1);
	setup.badmail = badmail = badmail_new(loop, pool, spool, &server, NULL);
	schedule = schedule_new(&setup, &why);
	ck_assert_ptr_nonnull(schedule);
	look = loop_timer_new(loop, settled, NULL);
}

static void
end(void)
{
	loop_timer_free(look);
	pool_free(pool);
	schedule_free(schedule);
	badmail_free(badmail);
	intake_free(intake);
	loop_free(loop);
	spool_close(spool);
	ck_assert_int_eq(shell("rm -rf $H"), 0);
}

/* A message in the queue, unknown to the schedule; `id` is out. Recipients end with NULL. */
static void
queue(char *id, const char *sender, const char *const *recipients, const char *content)
{
	struct message_envelope e = { .sender = mem_strdup(sender) };
	struct spool_draft *d;

	for (; *recipients != NULL; recipients++)
		message_envelope_add(&e, *recipients);
	d = spool_draft_new(spool, &e);
	ck_assert_ptr_nonnull(d);
	ck_assert_int_eq(spool_draft_write(d, content, strlen(content)), 0);
	spool_draft_commit(&d, 1);
	ck_assert_int_eq(spool_draft_error(d), 0);
	memcpy(id, spool_draft_id(d), MESSAGE_ID_SIZE);
	spool_draft_free(d);
	message_envelope_done(&e);
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
	ck_assert_int_eq(spool_mark(spool, fd, &e, index, value), 0);
	close(fd);
	message_envelope_done(&e);
}

#define TO(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define SMALL "Received: from x\r\nSubject: s\r\n\r\nbody\r\n"

START_TEST(test_dropped)
{
	char id[MESSAGE_ID_SIZE];

	begin();
	queue(id, "a@far.example", TO("b@home.example", "c@home.example"), SMALL);
	tell(id);
	run();
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 1 && grep -q 'x-receiver: c@home.example' $H/drop/*.eml"), 0);
	end();
}
END_TEST

/* The clock was a year ahead when it was put off, and is set back: it does not wait for a year. */
START_TEST(test_clock_set_back)
{
	uint32_t now = (uint32_t)(clock_wall_us() / 1000000), year = 366 * 86400, n[2];
	char id[2][MESSAGE_ID_SIZE];

	begin();
	schedule_go(schedule);
	for (uint32_t i = 0; i < 2; i++) {
		message_id_make(id[i], clock_wall_us(), i);
		n[i] = schedule_index_add(schedule->index, id[i]);
		schedule_index_wait(schedule->index, n[i], now + year);
	}
	schedule_index_hold(schedule->index, n[1], true);
	schedule_go(schedule);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_eq(schedule_index_at(schedule->index, n[i])->due, now + year);
	schedule->ahead_us += (int64_t)year * 1000000;
	schedule_go(schedule);
	for (size_t i = 0; i < 2; i++)
		ck_assert_uint_le(schedule_index_at(schedule->index, n[i])->due, (uint32_t)(clock_wall_us() / 1000000) + 200);
	end();
}
END_TEST

/* One is dropped, two are refused at once: one report about both, none about the first. */
START_TEST(test_partly_failed)
{
	char id[MESSAGE_ID_SIZE];

	begin();
	queue(id, "author@home.example", TO("x@[999]", "b@home.example", "y@a..b"), SMALL);
	tell(id);
	run();
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 2"), 0);
	ck_assert_int_eq(shell("test $(grep -l 'x-receiver: author@home.example' $H/drop/*.eml | wc -l) = 1"), 0);
	ck_assert_int_eq(shell("grep -h ^Final-Recipient: $H/drop/*.eml | tr -d '\\r' | cut -d' ' -f3 | tr '\\n' ' ' | "
	    "grep -qx 'x@\\[999\\] y@a..b '"), 0);
	ck_assert_int_eq(shell("test -z \"$(ls $H/badmail)\""), 0);
	end();
}
END_TEST

START_TEST(test_null_sender)
{
	char id[MESSAGE_ID_SIZE];

	begin();
	queue(id, "", TO("x@[999]", "b@home.example"), SMALL);
	tell(id);
	run();
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 1 && test $(ls $H/badmail/*.bad | wc -l) = 1"), 0);
	ck_assert_int_eq(shell("grep -q 'x-receiver: x@.999.' $H/badmail/*.bdp && ! grep -q b@home $H/badmail/*.bdp"), 0);
	ck_assert_int_eq(shell("grep -q 5.1.2 $H/badmail/*.bdr"), 0);
	end();
}
END_TEST

/* Who asked for it is told of success, once and for all of them; nobody is told of a report, and a null sender not. */
START_TEST(test_success)
{
	struct message_envelope e = { .sender = mem_strdup("author@home.example"), .envid = mem_strdup("Q+2B1"), .ret = RET_FULL };
	struct spool_draft *d;

	begin();
	for (unsigned round = 0; round < 2; round++) {
		if (round == 0) {
			message_envelope_add(&e, "b@home.example")->notify = NOTIFY_SUCCESS;
			message_envelope_add(&e, "c@home.example");
			message_envelope_add(&e, "d@home.example")->notify = NOTIFY_FAILURE;
			struct message_recipient *r = message_envelope_add(&e, "e@home.example");
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
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 3 && test $(ls $H/badmail/*.bad | wc -l) = 1"), 0);
	ck_assert_int_eq(shell("grep -l 'Subject: Delivery Status Notification (Success)' $H/drop/*.eml >$H/found && test $(wc -l <$H/found) = 1"), 0);
	ck_assert_int_eq(shell("f=$(cat $H/found); test $(grep -c ^Final-Recipient: $f) = 2 && test $(grep -c '^Action: delivered' $f) = 2 && "
	    "grep -q '^Original-Envelope-Id: Q+1' $f && grep -q '^Original-Recipient: rfc822; E+1@there.example' $f && "
	    "grep -q '^Content-Type: text/rfc822-headers' $f && ! grep -q ^body $f"), 0);
	end();
}
END_TEST

/* Three lines are allowed, four are not; the null sender's goes to badmail. */
START_TEST(test_hops)
{
	static const char hop[] = "Received: from a\r\n\tby b\r\n";
	char id[MESSAGE_ID_SIZE], text[512];

	begin();
	for (unsigned n = 3; n <= 4; n++)
		for (unsigned null = 0; null <= 1; null++) {
			snprintf(text, sizeof(text), "%s%s%s%s\r\n\r\n%s", hop, hop, hop, n == 4 ? hop : "Subject: x\r\n", hop);
			queue(id, null ? "" : "author@home.example", TO("b@home.example"), text);
			tell(id);
		}
	run();
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 3 && grep -lq 'Status: 5.4.6' $H/drop/*.eml"), 0);
	ck_assert_int_eq(shell("test $(grep -l 'hop count' $H/badmail/*.bdr | wc -l) = 1"), 0);
	end();
}
END_TEST

/* The crash came after the mark: the report is made of the note, the pending recipient is served after it. */
START_TEST(test_owed)
{
	char id[MESSAGE_ID_SIZE], report[MESSAGE_ID_SIZE], name[200];

	begin();
	queue(id, "author@home.example", TO("gone@far.example", "b@home.example"), SMALL);
	ck_assert_int_eq(spool_note_add(spool, id, "failed 0 1795288657123456 5.1.1 550 mx.far.example 5.1.1 gone for good\n"
	    "failed 1 17", true), 0);
	mark(id, 0, MARK_FAILED);
	find(id);
	run();
	report_make_id(report, id, 1795288657123456, 0, DSN_FAILURE, false);
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 2 && grep -q 'gone for good' $H/drop/*.eml"), 0);
	snprintf(name, sizeof(name), "test -f $H/drop/%s-0.eml", report);
	ck_assert_int_eq(shell(name), 0);
	end();
}
END_TEST

/* The crash came after the report was queued: it is not queued again. */
START_TEST(test_report_is_there)
{
	char id[MESSAGE_ID_SIZE], report[MESSAGE_ID_SIZE];
	struct message_envelope e = { .sender = mem_strdup(""), .flags = MESSAGE_REPORT };
	struct spool_draft *d;

	begin();
	queue(id, "author@home.example", TO("gone@far.example"), SMALL);
	ck_assert_int_eq(spool_note_add(spool, id, "failed 0 1795288657123456 5.1.1 550 mx.far.example 5.1.1 gone\n", true), 0);
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
	looks = 0;
	loop_timer_set(look, 0);
	loop_run(loop);
	find(report);
	run();
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 1 && grep -q 'Subject: first' $H/drop/*.eml"), 0);
	end();
}
END_TEST

START_TEST(test_delivered_before)
{
	char id[MESSAGE_ID_SIZE];

	begin();
	queue(id, "a@far.example", TO("b@home.example", "c@home.example"), SMALL);
	mark(id, 0, MARK_DELIVERED);
	find(id);
	run();
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 1 && ! grep -q 'x-receiver: b@' $H/drop/*.eml"), 0);
	queue(id, "a@far.example", TO("b@home.example", "c@home.example"), SMALL);
	mark(id, 0, MARK_DELIVERED);
	mark(id, 1, MARK_REPORTED);
	find(id);
	run();
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 1"), 0);
	end();
}
END_TEST

START_TEST(test_damaged)
{
	char id[MESSAGE_ID_SIZE], good[MESSAGE_ID_SIZE];

	begin();
	queue(id, "a@far.example", TO("b@home.example"), SMALL);
	ck_assert_int_eq(shell("for f in $H/queue/[0-9a-f]*/*; do truncate -s -5 $f; done"), 0);
	queue(good, "a@far.example", TO("b@home.example"), SMALL);
	find(id);
	find(good);
	tell("1k0stx2a3b4c5d6e");	/* a hint about nothing */
	run();
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 1 && test $(ls $H/badmail/*.bad | wc -l) = 1"), 0);
	ck_assert_int_eq(shell("grep -q damaged $H/badmail/*.bdr && grep -q 'end record' $H/badmail/*.bdr"), 0);
	end();
}
END_TEST

/* More than one piece of report, and of note. */
START_TEST(test_many_recipients)
{
	enum { N = 3000 };
	const char **to = mem_zalloc((N + 1) * sizeof(*to));
	char id[MESSAGE_ID_SIZE];

	begin();
	for (size_t i = 0; i < N; i++)
		to[i] = i % 2 == 0 ? mem_printf("r%zu@home.example", i) : mem_printf("r%zu@[%zu]", i, i);
	queue(id, "author@home.example", to, SMALL);
	tell(id);
	run();
	ck_assert_int_eq(shell("test $(ls $H/drop | wc -l) = 2 && test $(cat $H/drop/*.eml | grep -c ^Final-Recipient:) = 1500"), 0);
	for (size_t i = 0; i < N; i++)
		free((void *)(uintptr_t)to[i]);
	free(to);
	end();
}
END_TEST

UNIT_MAIN("deliver/settle", test_dropped, test_clock_set_back, test_partly_failed, test_null_sender, test_success, test_hops, test_owed, test_report_is_there,
    test_delivered_before, test_damaged, test_many_recipients)
