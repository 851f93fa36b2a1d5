/*
 * host_ends - hosts that end connections in words or without: each recipient that can be taken is taken, and a
 * host that ends all of them is left alone
 */
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "deliver/outbound/outbound.h"
#include "t/unit/deliver/outbound_fixture.h"

#define RECIPIENTS 13

/* What the host says; how many recipients of a transaction it takes before. */
static const struct row { const char *says; unsigned takes; bool pipelining; const char *at;
    unsigned connections; } rows[] = {
	{ "421 4.5.3 too many recipients\r\n", 5, true, "RCPT", 2 },
	{ "421 4.5.3 too many recipients\r\n", 5, false, "RCPT", 2 },
	{ "421 too many errors\r\n", 1, true, "RCPT", 2 },
	{ "421 4.3.2 closing\r\n", 1, false, "RCPT", 2 },
	{ "421 4.3.0 not so many\r\n", 1, true, "DATA", 3 },
	{ "421 4.3.0 not so many\r\n", 6, false, "DATA", 2 },
	{ "421 4.3.0 not so many\r\n", 1, true, ".", 3 },
	{ "", 1, true, "RCPT", 3 },
};
static const struct row *row;
static unsigned came;		/* recipients */

/* The recipients of a transaction are `message`. */
static const char *
answer(struct session *s, const char *line)
{
	if (strncmp(line, "EHLO", 4) == 0)
		return row->pipelining ? "250-sink\r\n250 PIPELINING\r\n" : "250 sink\r\n";
	if (strncmp(line, "RCPT", 4) == 0)
		return *row->at == 'R' && s->message == row->takes ? row->says : (s->message++, "250 ok\r\n");
	if (*line == *row->at && s->message > row->takes)
		return row->says;
	if (strncmp(line, "DATA", 4) == 0)
		return "354 go\r\n";
	if (*line == '.')
		came += s->message;
	s->message = 0;
	return "250 2.0.0 ok\r\n";
}

/* --- a message with many recipients --- */

struct mailing {
	struct message_envelope e;
	struct outbound_job job;
	struct verdict verdict[RECIPIENTS];
	size_t index[RECIPIENTS];
};

static void
on_mailed(void *arg, struct outbound_job *job)
{
	loop_stop(loop);
}

static struct mailing *
mail_to(struct sink *k, int fd)
{
	struct destination d = to_sinks(&k, 1);
	struct mailing *m = mem_new(struct mailing);
	char address[40];

	m->e.sender = mem_strdup("a@us.example");
	m->e.content_size = (off_t)SMALL;
	for (unsigned i = 0; i < RECIPIENTS; i++) {
		snprintf(address, sizeof(address), "r%u@x.example", i);
		message_envelope_add(&m->e, address);
		m->index[i] = i;
	}
	m->job = (struct outbound_job){ .e = &m->e, .fd = fd, .sender = m->e.sender, .index = m->index,
	    .count = RECIPIENTS, .verdict = m->verdict, .done = on_mailed, .arg = m };
	outbound_submit(outbound, &d, &m->job);
	loop_run(loop);
	return m;
}

/* All come at once, and the next message costs no connection. */
START_TEST(test_fewer_recipients)
{
	for (row = rows; row < rows + nitems_of(rows); row++) {
		struct sink k;
		int fd = content_file(small, SMALL);

		set_up();
		sink_open(&k, SINK_TAKES);
		k.answer = answer;
		came = 0;
		for (unsigned n = 1; n <= 2; n++) {
			struct mailing *m = mail_to(&k, fd);

			for (size_t i = 0; i < RECIPIENTS; i++)
				ck_assert_msg(m->verdict[i].what == VERDICT_DELIVERED, "row %td, message %u: %s",
				    row - rows, n, m->verdict[i].text);
			ck_assert_uint_eq(came, n * RECIPIENTS);
			message_envelope_done(&m->e);
			free(m);
		}
		ck_assert_uint_le(k.connections, row->connections + 1);	/* 20 messages each */
		sink_close(&k);
		tear_down();
		close(fd);
	}
}
END_TEST

/* --- where the connection ends without a word --- */

static const char *ends_at;
static bool offers_groups;

static const char *
answer_or_end(struct session *s, const char *line)
{
	if (strncmp(line, ends_at, strlen(ends_at)) == 0)
		return "";
	if (strncmp(line, "EHLO", 4) == 0)
		return offers_groups ? "250-sink\r\n250 PIPELINING\r\n" : "250 sink\r\n";
	return strncmp(line, "DATA", 4) == 0 ? "354 go\r\n" : "250 2.0.0 ok\r\n";
}

/* Wherever it ends: quick tries may apply, also where plain SMTP was tried after it. */
START_TEST(test_quick_tries)
{
	static const char *const commands[] = { "EHLO", "MAIL", "RCPT", "DATA", "." };

	for (size_t i = 0; i < nitems_of(commands) * 2; i++) {
		struct sink k;
		struct test_job *t;

		ends_at = commands[i / 2];
		offers_groups = i % 2 == 0;
		set_up();
		sink_open(&k, SINK_TAKES);
		k.answer = answer_or_end;
		t = one_job((struct sink *[]){ &k }, 1);
		expect(t, 0, VERDICT_LATER, "4.4.2");
		ck_assert_msg(t->job.glitch, "%s, PIPELINING %d", ends_at, offers_groups);
		job_free(t);
		sink_close(&k);
		tear_down();
	}
}
END_TEST

/* --- a host that says something is no host that ends connections --- */

/*
 * What it says to a first and a second recipient, to DATA, to the content; NULL as usual. `missing`: bytes
 * that the queue file lacks. `times`: the content is sent so often, for each of three messages.
 */
static const struct word { const char *rcpt, *second, *data, *dot; size_t missing; enum verdict_what what;
    unsigned times; bool down; } words[] = {
	{ NULL, NULL, NULL, "", 0, VERDICT_LATER, 1, true },
	{ NULL, NULL, NULL, "250 taken\r\n221 bye\r\n", 0, VERDICT_DELIVERED, 1, false },
	{ NULL, NULL, NULL, "250 taken\r\n250 taken\r\n", 0, VERDICT_DELIVERED, 1, false },
	{ "421 4.7.1 greylisted\r\n", NULL, NULL, NULL, 0, VERDICT_LATER, 0, false },
	{ NULL, "421 4.7.1 greylisted\r\n", NULL, NULL, 0, VERDICT_LATER, 0, false },
	{ NULL, NULL, NULL, NULL, 10, VERDICT_LATER, 0, false },
	{ "550 5.1.1 no\r\n", "550 5.1.1 no\r\n", "421 4.7.0 too many errors\r\n", NULL, 0,
	    VERDICT_REFUSED, 0, false },
	{ NULL, NULL, NULL, "451 4.7.1 greylisted\r\n421 bye\r\n", 0, VERDICT_LATER, 1, false },
	{ NULL, "421 Too many connections\r\n", NULL, NULL, 0, VERDICT_LATER, 0, false },
};
static const struct word *word;

static const char *
answer_word(struct session *s, const char *line)
{
	const char *says = *line == '.' ? word->dot : *line == 'D' ? word->data : NULL;

	if (strncmp(line, "RCPT", 4) == 0)
		says = strstr(line, "<ok") != NULL ? word->rcpt : word->second;
	if (says != NULL || *line == 'E' || *line == 'Q')
		return says;
	return *line == 'D' ? "354 go\r\n" : "250 2.0.0 ok\r\n";
}

static struct pace_host *
pace_of(const struct sink *k)
{
	struct net_address to;
	struct pace_host *h;
	const char *why;
	char text[40];

	snprintf(text, sizeof(text), "127.0.0.1:%u", k->port);
	ck_assert_int_eq(net_address_parse(&to, text, k->port, &why), 0);
	h = pace_table_get(outbound->pace, &to);
	pace_table_put(h);	/* the site has it */
	return h;
}

/* Recipients of one transaction with the host. */
static size_t
most_of(const struct sink *k)
{
	return pace_host_most(pace_of(k), clock_mono_ms());
}

START_TEST(test_words_are_no_end)
{
	for (word = words; word < words + nitems_of(words); word++) {
		int fd = content_file(small, SMALL);
		struct destination d;
		struct sink k;

		set_up();
		sink_open(&k, SINK_TAKES);
		k.answer = answer_word;
		d = to_sinks((struct sink *[]){ &k }, 1);
		for (unsigned n = 1; n <= 3; n++) {
			struct test_job *t = submit(&d, fd, SMALL + word->missing, "ok@x.example", "b@x.example");

			snprintf(t->e.id, sizeof(t->e.id), "message%u", n);
			loop_run(loop);
			ck_assert_msg(t->verdict[0].what == word->what && t->verdict[1].what == word->what,
			    "row %td: %s, %s", word - words, t->verdict[0].text, t->verdict[1].text);
			job_free(t);
		}
		ck_assert_msg(outbound_is_down(outbound, d.key) == word->down, "row %td", word - words);
		ck_assert_msg(most_of(&k) == SIZE_MAX, "row %td: %zu", word - words, most_of(&k));
		ck_assert_msg(k.messages == 3 * word->times, "row %td: %u", word - words, k.messages);
		sink_close(&k);
		tear_down();
		close(fd);
	}
}
END_TEST

/* What we do not offer to the host is not judged. */
START_TEST(test_not_offered)
{
	int fd = content_file(small, SMALL);
	struct destination d;
	struct test_job *t;
	struct sink k;

	set_up();
	sink_open(&k, SINK_TAKES);
	d = to_sinks((struct sink *[]){ &k }, 1);
	t = submit(&d, fd, 20000000, "ok@x.example", NULL);
	loop_run(loop);
	expect(t, 0, VERDICT_REFUSED, "5.3.4");
	ck_assert_uint_eq(pace_of(&k)->taken_at, 0);
	job_free(t);
	sink_close(&k);
	tear_down();
	close(fd);
}
END_TEST

/* --- several hosts that are down --- */

/* Busy, silent, not there: that is one try, and the message that follows fares as the first one did. */
START_TEST(test_one_try)
{
	struct sink k[3];
	struct destination d;
	struct test_job *t;
	struct verdict why;
	uint64_t ms;

	set_up();
	server.outbound_timeout = 1100;
	for (unsigned i = 0; i < nitems_of(k); i++)
		sink_open(&k[i], i == 0 ? SINK_BUSY : SINK_SILENT);
	close(k[2].fd);
	loop_io_free(k[2].io);
	t = one_job((struct sink *[]){ &k[0], &k[1], &k[2] }, 3);
	d = to_sinks((struct sink *[]){ &k[0], &k[1], &k[2] }, 3);
	expect(t, 0, VERDICT_LATER, "4.4.2");
	ck_assert(outbound_is_down(outbound, d.key));
	ck_assert(outbound_was_tried(outbound, d.key, 60000, &ms, &why));
	ck_assert_uint_le(ms, 2000);
	ck_assert_str_eq(why.status, "4.4.2");
	job_free(t);
	sink_close(&k[0]);
	sink_close(&k[1]);
	tear_down();
}
END_TEST

/* --- connections beyond the second get no answer to this --- */

static const char *silent_at;

static bool
counts_and_greets(struct session *s)
{
	s->accepted = s->sink->now > 2;		/* one too many */
	return !s->accepted || *silent_at != '\0';
}

static const char *
answer_two(struct session *s, const char *line)
{
	if (s->accepted && (*silent_at == '\0' || strncmp(line, silent_at, 4) == 0))
		return silence;
	return strncmp(line, "DATA", 4) == 0 ? "354 go\r\n" : NULL;
}

/* The two end after some messages; the others are given up then, and every message comes, once. */
START_TEST(test_ignored_connections)
{
	static const char *const places[] = { "", "EHLO", "MAIL" };

	for (size_t i = 0; i < nitems_of(places); i++) {
		struct sink k;
		struct test_job *t[60];
		struct destination d;
		int fd = content_file(small, SMALL);
		struct loop_timer *late;

		silent_at = places[i];
		set_up();
		outbound->patience = 300;
		late = loop_timer_new(loop, (void (*)(void *))loop_stop, loop);
		loop_timer_set(late, 30000);
		sink_open(&k, SINK_TAKES);
		k.greets = counts_and_greets;
		k.answer = answer_two;
		d = to_sinks((struct sink *[]){ &k }, 1);
		for (size_t n = 0; n < nitems_of(t); n++)
			t[n] = submit(&d, fd, SMALL, "ok@x.example", NULL);
		loop_run(loop);
		for (size_t n = 0; n < nitems_of(t); n++) {
			ck_assert_msg(t[n]->done && t[n]->verdict[0].what == VERDICT_DELIVERED,
			    "silent at \"%s\": message %zu: %s", silent_at, n, t[n]->verdict[0].text);
			job_free(t[n]);
		}
		ck_assert_uint_eq(k.messages, nitems_of(t));
		ck_assert_uint_eq(host_memory_without(outbound->memory, "x", 0), 0);
		loop_timer_free(late);
		sink_close(&k);
		tear_down();
		close(fd);
	}
}
END_TEST

/* --- replies that lack their CR --- */

static const char *
answer_bare(struct session *s, const char *line)
{
	if (strncmp(line, "EHLO", 4) == 0)
		return "250 sink\r\n";
	if (s->accepted && strncmp(line, "MAIL", 4) == 0)
		return "250 ok\n";
	return strncmp(line, "DATA", 4) == 0 ? "354 go\r\n" : NULL;
}

/* Those connections had their answer: they are not ignored, and go on. */
START_TEST(test_bare_replies)
{
	struct sink k;
	struct test_job *t[30];
	struct destination d;
	const struct outconn *p;
	int fd = content_file(small, SMALL);

	silent_at = "MAIL";
	set_up();
	outbound->patience = 300;
	sink_open(&k, SINK_TAKES);
	k.greets = counts_and_greets;
	k.answer = answer_bare;
	d = to_sinks((struct sink *[]){ &k }, 1);
	for (size_t n = 0; n < nitems_of(t); n++)
		t[n] = submit(&d, fd, SMALL, "ok@x.example", NULL);
	loop_run(loop);
	for (size_t n = 0; n < nitems_of(t); n++) {
		expect(t[n], 0, VERDICT_DELIVERED, "2.0.0");
		job_free(t[n]);
	}
	ck_assert_uint_gt(k.most, 2);
	TAILQ_FOREACH(p, &outbound->idle, idle_link)
		ck_assert(!p->ignored);
	sink_close(&k);
	tear_down();
	close(fd);
}
END_TEST

UNIT_MAIN("host_ends", test_fewer_recipients, test_quick_tries, test_words_are_no_end, test_not_offered,
    test_one_try, test_ignored_connections, test_bare_replies)
