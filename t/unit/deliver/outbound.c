/* outbound - jobs to SMTP sinks on loopback, with a real loop: reused connections, limits, fail-over, stop */
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "deliver/outbound/outbound.h"
#include "t/unit/deliver/outbound_fixture.h"

START_TEST(test_many_jobs_few_connections)
{
	struct sink k;
	struct test_job *t[100];

	set_up();
	sink_open(&k, SINK_TAKES);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	int fd = content_file(small, SMALL);
	for (size_t i = 0; i < nitems_of(t); i++)
		t[i] = submit(&d, fd, SMALL, "ok@x.example", "bad@x.example");
	ck_assert_uint_eq(outbound_active(outbound), nitems_of(t));
	loop_run(loop);
	for (size_t i = 0; i < nitems_of(t); i++) {
		expect(t[i], 0, VERDICT_DELIVERED, "2.0.0");
		expect(t[i], 1, VERDICT_REFUSED, "5.1.1");
		ck_assert_str_eq(t[i]->verdict[0].host, "[127.0.0.1]");
		job_free(t[i]);
	}
	ck_assert_uint_eq(k.messages, nitems_of(t));
	ck_assert_uint_ge(k.connections, 5);	/* 20 messages each */
	ck_assert_uint_le(k.connections, 25);
	ck_assert_uint_eq(outbound_active(outbound), 0);
	/* the connection is kept */
	unsigned before = k.connections;
	job_free(one_job((struct sink *[]){ &k }, 1));
	ck_assert_uint_eq(k.connections, before);
	ck_assert_str_eq(buf_text(&k.last), "Subject: x\r\n\r\n..dot\r\n");
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

START_TEST(test_large_content)
{
	enum { SIZE = 3000000 };
	struct sink k;
	char *text = mem_zalloc(SIZE);

	set_up();
	sink_open(&k, SINK_PLAIN);
	for (size_t i = 0; i < SIZE; i++)
		text[i] = i % 70 == 68 ? '\r' : i % 70 == 69 ? '\n' : i % 70 == 0 && i % 3 == 0 ? '.' : 'x';
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	int fd = content_file(text, SIZE);
	struct test_job *t = submit(&d, fd, SIZE, "ok@x.example", NULL);
	loop_run(loop);
	expect(t, 0, VERDICT_DELIVERED, "2.0.0");
	/* un-stuff what came and compare; the end without CRLF got one */
	size_t at = 0;
	for (size_t i = 0; i < k.last.len; i++) {
		if (k.last.data[i] == '.' && (i == 0 || k.last.data[i - 1] == '\n'))
			i++;
		/* Three million assertions would take their time */
		if (at < SIZE && k.last.data[i] != text[at])
			ck_abort_msg("byte %zu is %d, not %d", at, k.last.data[i], text[at]);
		at++;
	}
	ck_assert_uint_ge(at, SIZE);
	ck_assert_uint_le(at, SIZE + 2);
	job_free(t);
	close(fd);
	free(text);
	sink_close(&k);
	tear_down();
}
END_TEST

/* Cuts the file when the host has said that it may come. */
static int cut_fd = -1;

static const char *
cut_at_data(struct session *s, const char *line)
{
	if (strncmp(line, "DATA", 4) != 0)
		return NULL;
	ck_assert_int_eq(ftruncate(cut_fd, 1000000), 0);
	return "354 go\r\n";
}

/* Lines that nothing has to be done about go from the file to the socket: all of them, or none is promised. */
START_TEST(test_large_plain_content)
{
	enum { LINES = 42858, SIZE = LINES * 70 };
	struct sink k;
	char *text = mem_zalloc(SIZE);

	set_up();
	sink_open(&k, SINK_PLAIN);
	for (size_t i = 0; i < SIZE; i++)
		text[i] = i % 70 == 68 ? '\r' : i % 70 == 69 ? '\n' : i % 7 == 6 ? '.' : (char)('a' + i % 19);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	int fd = content_file(text, SIZE);
	struct test_job *t = submit(&d, fd, SIZE, "ok@x.example", NULL);
	loop_run(loop);
	expect(t, 0, VERDICT_DELIVERED, "2.0.0");
	ck_assert(t->job.plain);
	ck_assert_uint_eq(k.last.len, SIZE);
	ck_assert(memcmp(k.last.data, text, SIZE) == 0);
	job_free(t);
	k.answer = cut_at_data;
	cut_fd = fd;
	t = submit(&d, fd, SIZE, "ok@x.example", NULL);
	loop_run(loop);
	expect(t, 0, VERDICT_LATER, "4.3.0");
	ck_assert_uint_eq(k.messages, 1);
	job_free(t);
	close(fd);
	free(text);
	sink_close(&k);
	tear_down();
}
END_TEST

START_TEST(test_fail_over)
{
	static const enum behaviour first[] = { SINK_BUSY, SINK_REFUSES, SINK_MAIL_LATER };
	struct sink a, b;

	for (size_t i = 0; i <= nitems_of(first); i++) {
		set_up();
		sink_open(&a, i < nitems_of(first) ? first[i] : SINK_TAKES);
		sink_open(&b, SINK_TAKES);
		if (i == nitems_of(first))
			sink_close(&a);		/* connection refused */
		struct test_job *t = one_job((struct sink *[]){ &a, &b }, 2);
		expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		ck_assert_uint_eq(b.messages, 1);
		job_free(t);
		/* health: the second is kept, the first is not asked again */
		unsigned before = a.connections;
		job_free(one_job((struct sink *[]){ &a, &b }, 2));
		ck_assert_uint_eq(a.connections, before);
		if (a.fd != -1)
			sink_close(&a);
		sink_close(&b);
		tear_down();
	}
}
END_TEST

static const struct { enum behaviour a, b; bool closed; enum verdict_what what; const char *status;
    bool glitch, down; } ends[] = {
	{ SINK_BUSY, SINK_BUSY, false, VERDICT_LATER, "4.0.0", true, true },
	{ SINK_REFUSES, SINK_REFUSES, false, VERDICT_REFUSED, "5.0.0", false, false },
	{ SINK_BUSY, SINK_REFUSES, false, VERDICT_LATER, "4.0.0", true, true },
	{ SINK_REFUSES, SINK_BUSY, false, VERDICT_LATER, "4.0.0", true, true },
	{ SINK_TAKES, SINK_TAKES, true, VERDICT_LATER, "4.4.1", true, true },
	{ SINK_MAIL_LATER, SINK_MAIL_LATER, false, VERDICT_LATER, "4.3.1", false, false },
};

START_TEST(test_no_host_left)
{
	struct sink a, b;

	for (size_t i = 0; i < nitems_of(ends); i++) {
		set_up();
		sink_open(&a, ends[i].a);
		sink_open(&b, ends[i].b);
		if (ends[i].closed) {
			sink_close(&a);
			sink_close(&b);
		}
		struct destination d = to_sinks((struct sink *[]){ &a, &b }, 2);
		ck_assert(!outbound_is_down(outbound, d.key));
		for (int again = 0; again < 2; again++) {	/* a bad host is tried last, not never */
			struct test_job *t = one_job((struct sink *[]){ &a, &b }, 2);
			expect(t, 0, ends[i].what, ends[i].status);
			ck_assert_int_eq(t->job.glitch, ends[i].glitch);
			ck_assert_int_eq(outbound_is_down(outbound, d.key), ends[i].down);
			job_free(t);
		}
		if (!ends[i].closed) {
			ck_assert_uint_ge(a.connections + a.mails, 2);
			ck_assert_uint_ge(b.connections + b.mails, 2);
			sink_close(&a);
			sink_close(&b);
		}
		tear_down();
	}
}
END_TEST

START_TEST(test_closed_kept_connection_is_no_failure)
{
	struct sink k;
	struct test_job *t;

	set_up();
	sink_open(&k, SINK_CLOSES_AT_SECOND_MAIL);
	for (int i = 0; i < 3; i++) {
		t = one_job((struct sink *[]){ &k }, 1);
		expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		job_free(t);
	}
	ck_assert_uint_eq(k.messages, 3);
	ck_assert_uint_eq(k.connections, 3);
	sink_close(&k);
	tear_down();
}
END_TEST

START_TEST(test_lost_after_the_dot_is_not_repeated_at_once)
{
	struct sink a, b;

	set_up();
	sink_open(&a, SINK_CLOSES_AFTER_DOT);
	sink_open(&b, SINK_TAKES);
	struct test_job *t = one_job((struct sink *[]){ &a, &b }, 2);
	expect(t, 0, VERDICT_LATER, "4.4.2");
	ck_assert(t->job.glitch);
	ck_assert_uint_eq(a.messages, 1);
	ck_assert_uint_eq(b.connections, 0);
	job_free(t);
	sink_close(&a);
	sink_close(&b);
	tear_down();
}
END_TEST

/* shows 2.6i */
START_TEST(test_silent_peer)
{
	struct sink a, b;

	set_up();
	server.outbound_timeout = 50;
	sink_open(&a, SINK_SILENT);
	sink_open(&b, SINK_SILENT);
	struct test_job *t = one_job((struct sink *[]){ &a, &b }, 2);
	expect(t, 0, VERDICT_LATER, "4.4.2");
	ck_assert_uint_eq(a.connections, 1);
	ck_assert_uint_eq(b.connections, 1);
	job_free(t);
	sink_close(&a);
	sink_close(&b);
	tear_down();
}
END_TEST

/* shows 2.6h */
START_TEST(test_limits)
{
	struct sink k[3];
	struct test_job *t[60];
	int fd = content_file(small, SMALL);

	for (int total = 0; total < 2; total++) {
		set_up();
		server.max_messages_per_connection = 3;
		if (total)
			server.connections = 2;
		else
			server.connections_per_domain = 2;
		for (size_t i = 0; i < 3; i++)
			sink_open(&k[i], SINK_TAKES);
		for (size_t i = 0; i < nitems_of(t); i++) {
			struct destination d = to_sinks((struct sink *[]){ &k[i % 3] }, 1);

			t[i] = submit(&d, fd, SMALL, "ok@x.example", NULL);
		}
		while (jobs_open > 0) {
			loop_run(loop);
			ck_assert_uint_le(outbound->nconn, total ? 2 : 6);
		}
		for (size_t i = 0; i < nitems_of(t); i++) {
			expect(t[i], 0, VERDICT_DELIVERED, "2.0.0");
			job_free(t[i]);
		}
		for (size_t i = 0; i < 3; i++) {
			ck_assert_uint_eq(k[i].messages, 20);
			ck_assert_uint_ge(k[i].connections, 7);
			ck_assert_uint_le(k[i].most, 3);	/* one may still wait for the reply to QUIT */
			sink_close(&k[i]);
		}
		tear_down();
	}
	close(fd);
}
END_TEST

/* Two sites that always want more cannot keep a third from its turn, however often they become due. */
START_TEST(test_places_go_round)
{
	struct sink k[3];
	struct test_job *t[200], *third;
	int fd = content_file(small, SMALL);

	set_up();
	server.max_messages_per_connection = 3;
	server.connections = 2;
	for (size_t i = 0; i < 3; i++)
		sink_open(&k[i], SINK_TAKES);
	for (size_t i = 0; i < nitems_of(t); i++) {
		struct destination d = to_sinks((struct sink *[]){ &k[i % 2] }, 1);

		t[i] = submit(&d, fd, SMALL, "ok@x.example", NULL);
	}
	jobs_open = 9;
	loop_run(loop);
	struct destination d = to_sinks((struct sink *[]){ &k[2] }, 1);
	unsigned left = (unsigned)nitems_of(t) - 9;
	for (third = submit(&d, fd, SMALL, "ok@x.example", NULL); !third->done; left -= !third->done) {
		jobs_open = 1;
		loop_run(loop);
	}
	/* Each of the two had its turn before, and some began one */
	ck_assert_uint_le(k[0].messages + k[1].messages, 9 + 5 * 3);
	jobs_open = left;
	loop_run(loop);
	ck_assert_uint_eq(k[0].messages + k[1].messages, nitems_of(t));
	job_free(third);
	for (size_t i = 0; i < nitems_of(t); i++)
		job_free(t[i]);
	for (size_t i = 0; i < 3; i++)
		sink_close(&k[i]);
	tear_down();
	close(fd);
}
END_TEST

/* shows 2.2h */
START_TEST(test_drain)
{
	struct sink k;
	struct test_job *t[40];
	int fd = content_file(small, SMALL);
	unsigned later = 0;

	set_up();
	server.connections_per_domain = 1;
	sink_open(&k, SINK_TAKES);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	for (size_t i = 0; i < nitems_of(t); i++)
		t[i] = submit(&d, fd, SMALL, "ok@x.example", NULL);
	/* Before the host has said a word it is not delivered. */
	for (size_t i = 0; i < nitems_of(t); i++)
		ck_assert_int_eq(t[i]->verdict[0].what, VERDICT_LATER);
	outbound_drain(outbound, "it stops");
	ck_assert_uint_eq(jobs_open, nitems_of(t));
	loop_run(loop);
	for (size_t i = 0; i < nitems_of(t); i++) {
		ck_assert(t[i]->done);
		if (t[i]->verdict[0].what == VERDICT_LATER) {
			expect(t[i], 0, VERDICT_LATER, "4.3.2");
			ck_assert(!t[i]->job.glitch);
			later++;
		}
		job_free(t[i]);
	}
	ck_assert_uint_eq(later + k.messages, nitems_of(t));
	ck_assert_uint_eq(outbound_active(outbound), 0);
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

/* Freed while jobs and connections are open: no callback is called, nothing leaks. */
START_TEST(test_free_in_the_middle)
{
	struct sink k;
	struct test_job *t[30];
	int fd = content_file(small, SMALL);

	set_up();
	sink_open(&k, SINK_TAKES);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	struct destination named = { .key = (char *)"dns:x.example", .domain = (char *)"x.example",
	    .by_mx = true, .port = k.port };
	for (size_t i = 0; i < nitems_of(t); i++)
		t[i] = submit(i % 2 ? &d : &named, fd, SMALL, "ok@x.example", NULL);
	jobs_open = 5;		/* stop when five are done */
	loop_run(loop);
	sink_close(&k);
	tear_down();
	for (size_t i = 0; i < nitems_of(t); i++)
		job_free(t[i]);
	close(fd);
}
END_TEST

START_TEST(test_content_that_cannot_be_read)
{
	struct sink k;

	set_up();
	sink_open(&k, SINK_TAKES);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	int fd = content_file(small, SMALL);
	struct test_job *t = submit(&d, fd, SMALL + 1, "ok@x.example", NULL);
	loop_run(loop);
	expect(t, 0, VERDICT_LATER, "4.3.0");
	ck_assert_uint_eq(k.messages, 0);
	job_free(t);
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

static struct loop_timer *until_few;
static size_t few;

static void
stop_at_few(void *arg)
{
	if (outbound->nsite <= few)
		loop_stop(loop);
	else
		loop_timer_set(until_few, 20);
}

/* Of a flush to thousands of domains only some stay in memory, those that were used last; no job is lost. */
START_TEST(test_sites_of_a_flush)
{
	enum { MANY = 2600, KEPT = 2048 };
	struct sink k;
	struct test_job **t = mem_array(NULL, MANY, sizeof(struct test_job *));
	uint64_t begin = clock_mono_ms();
	char key[40];

	set_up();
	server.connections = 50;
	sink_open(&k, SINK_TAKES);
	struct destination d = to_sinks((struct sink *[]){ &k }, 1);
	int fd = content_file(small, SMALL);
	d.key = key;
	for (size_t i = 0; i < MANY; i++) {
		snprintf(key, sizeof(key), "d%zu.example", i);
		t[i] = submit(&d, fd, SMALL, "ok@x.example", NULL);
	}
	ck_assert_uint_eq(outbound->nsite, MANY);
	loop_run(loop);
	for (size_t i = 0; i < MANY; i++) {
		expect(t[i], 0, VERDICT_DELIVERED, "2.0.0");
		job_free(t[i]);
	}
	ck_assert_uint_eq(k.messages, MANY);
	few = KEPT;
	until_few = loop_timer_new(loop, stop_at_few, NULL);
	loop_timer_set(until_few, 0);
	loop_run(loop);
	ck_assert_uint_lt(clock_mono_ms() - begin, 110000);	/* not the two minutes of a site that is not used */
	loop_timer_free(until_few);
	free(t);
	close(fd);
	sink_close(&k);
	tear_down();
}
END_TEST

UNIT_MAIN("outbound", test_sites_of_a_flush, test_many_jobs_few_connections, test_large_content, test_large_plain_content, test_fail_over, test_no_host_left,
    test_closed_kept_connection_is_no_failure, test_lost_after_the_dot_is_not_repeated_at_once,
    test_silent_peer,
    test_limits, test_places_go_round, test_drain, test_free_in_the_middle, test_content_that_cannot_be_read)
