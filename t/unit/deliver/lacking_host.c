/*
 * lacking_host - one host lacks what a message needs, another one is down or says "later": nothing is returned
 */
#include <string.h>

#include "deliver/outbound/outbound.h"
#include "t/unit/deliver/outbound_fixture.h"

#define SINKS 7

static struct sink sinks[SINKS];

static const char *
lacks(struct session *s, const char *line)
{
	return strncmp(line, "EHLO", 4) == 0 ? "250-sink\r\n250-PIPELINING\r\n250 SIZE 10\r\n" : NULL;
}

static const char *
greylists(struct session *s, const char *line)
{
	return strncmp(line, "RCPT", 4) == 0 ? "450 4.7.1 Greylisted\r\n" :
	    strncmp(line, "DATA", 4) == 0 ? "503 no\r\n" : NULL;
}

static const char *
loses(struct session *s, const char *line)
{
	return strncmp(line, "RCPT", 4) == 0 ? "" : NULL;
}

static const char *
puts_off_content(struct session *s, const char *line)
{
	return line[0] == '.' ? "451 4.3.0 not now\r\n" : NULL;
}

static const char *
slows(struct session *s, const char *line)
{
	return strncmp(line, "MAIL", 4) == 0 ? "451 4.7.0 slow down\r\n" :
	    strncmp(line, "RCPT", 4) == 0 || strncmp(line, "DATA", 4) == 0 ? "503 no\r\n" : NULL;
}

/* What keeps a host from taking the message now, though it could. */
static const struct state {
	enum behaviour behaviour;
	const char *(*answer)(struct session *s, const char *line);
	bool closed;
	const char *status;		/* that the recipient gets */
} states[] = {
	{ SINK_TAKES, NULL, true, "4.4.1" }, { SINK_BUSY, NULL, false, "4.0.0" },
	{ SINK_MAIL_LATER, NULL, false, "4.3.1" }, { SINK_TAKES, greylists, false, "4.7.1" },
	{ SINK_TAKES, loses, false, "4.4.2" }, { SINK_TAKES, puts_off_content, false, "4.3.0" },
	{ SINK_TAKES, slows, false, "4.7.0" },
};

static struct test_job *
job_with(size_t n)
{
	struct sink *all[SINKS];

	for (size_t i = 0; i < n; i++)
		all[i] = &sinks[i];
	return one_job(all, n);
}

START_TEST(test_later_in_either_order)
{
	for (size_t i = 0; i < 2 * nitems_of(states); i++) {
		const struct state *state = &states[i / 2];
		size_t other = i % 2;

		set_up();
		sink_open(&sinks[other], state->behaviour);
		sinks[other].answer = state->answer;
		sink_open(&sinks[1 - other], SINK_TAKES);
		sinks[1 - other].answer = lacks;
		if (state->closed)
			sink_close(&sinks[other]);
		struct test_job *t = job_with(2);
		expect(t, 0, VERDICT_LATER, state->status);
		ck_assert_uint_gt(sinks[1 - other].connections, 0);
		job_free(t);
		tear_down();
		sink_close(&sinks[1 - other]);
		if (!state->closed)
			sink_close(&sinks[other]);
	}
}
END_TEST

/* It is refused when every host lacks something, however many there are, and taken by the one that can. */
START_TEST(test_all_lack)
{
	for (size_t takes = 0; takes < 2; takes++) {
		set_up();
		for (size_t i = 0; i < SINKS; i++) {
			sink_open(&sinks[i], SINK_TAKES);
			sinks[i].answer = takes == 1 && i == SINKS - 1 ? NULL : lacks;
		}
		struct test_job *t = job_with(SINKS);
		if (takes == 1)
			expect(t, 0, VERDICT_DELIVERED, "2.0.0");
		else
			expect(t, 0, VERDICT_REFUSED, "5.3.4");
		for (size_t i = 0; i < SINKS; i++)
			ck_assert_uint_eq(sinks[i].connections, 1);
		job_free(t);
		tear_down();
		for (size_t i = 0; i < SINKS; i++)
			sink_close(&sinks[i]);
	}
}
END_TEST

/* Five hosts put it off, and the others are not asked: what one of the five lacks says nothing of them. */
START_TEST(test_not_all_asked)
{
	set_up();
	for (size_t i = 0; i < SINKS; i++) {
		sink_open(&sinks[i], SINK_TAKES);
		sinks[i].answer = i == 0 ? lacks : greylists;
	}
	struct test_job *t = job_with(SINKS);
	expect(t, 0, VERDICT_LATER, "4.7.1");
	ck_assert_uint_eq(sinks[5].connections, 1);
	ck_assert_uint_eq(sinks[6].connections, 0);
	job_free(t);
	tear_down();
	for (size_t i = 0; i < SINKS; i++)
		sink_close(&sinks[i]);
}
END_TEST

/* The host puts off the first recipient and takes one at a time: the other one is not kept from its turn. */
static const char *
takes_one(struct session *s, const char *line)
{
	return strncmp(line, "RCPT TO:<late", 13) == 0 ? "450 4.2.1 later\r\n" : NULL;
}

START_TEST(test_small_part)
{
	struct config_remote_rules *rules;
	struct test_job *t;
	struct destination d;
	int fd;

	set_up();
	sink_open(&sinks[0], SINK_PLAIN);
	sinks[0].answer = takes_one;
	d = to_sinks((struct sink *[]){ &sinks[0] }, 1);
	fd = content_file(small, SMALL);
	job_free((t = submit(&d, fd, SMALL, "a@x.example", NULL), loop_run(loop), t));
	rules = &TAILQ_FIRST(&outbound->idle)->gate->rules;
	rules->value[CONFIG_REMOTE_RECIPIENTS] = 1;
	t = submit(&d, fd, SMALL, "late@x.example", "b@x.example");
	loop_run(loop);
	for (size_t i = 0; i < 2; i++) {
		bool late = t->index[i] == 0;

		expect(t, i, late ? VERDICT_LATER : VERDICT_DELIVERED, late ? "4.2.1" : "2.0.0");
	}
	ck_assert_uint_eq(sinks[0].connections, 1);
	job_free(t);
	close(fd);
	tear_down();
	sink_close(&sinks[0]);
}
END_TEST

UNIT_MAIN("lacking_host", test_later_in_either_order, test_all_lack, test_not_all_asked, test_small_part)
