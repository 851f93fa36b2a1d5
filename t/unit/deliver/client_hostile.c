/* client_hostile - servers that break the protocol: endless, early and hostile replies, random bytes */

#include <string.h>

#include "common/mail/message.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

/* All that the host says in one segment, whatever has left of our commands. */
static void
feed_at_once(struct client *c, const char *text)
{
	client_input(c, text, strlen(text));
}

/* Line by line; before each, what is to be sent leaves. */
static void
feed_text(struct client *c, const char *text)
{
	for (size_t len; *text != '\0'; text += len) {
		len = strcspn(text, "\n");
		len += text[len] == '\n';
		client_sent(c, c->out.len);
		client_input(c, text, len);
	}
}

static void
start(struct client *c)
{
	client_init(c, &(struct client_settings){ .fqdn = "us.example", .host = "mx.example" });
}

START_TEST(test_bare_lf_is_taken)
{
	struct client c;

	start(&c);
	feed_text(&c, "220 hi\n250-x\n250 PIPELINING\n");
	ck_assert_int_eq(client_action(&c), CLIENT_READY);
	ck_assert_uint_eq(c.offered, CLIENT_PIPELINING);
	client_done(&c);
}
END_TEST

/*
 * Of a host that ends its lines with CRLF a bare LF, whole or byte by byte, ends no reply: what stands behind
 * it is no answer to the next command.
 */
START_TEST(test_bare_lf_ends_no_crlf_reply)
{
	for (unsigned bytewise = 0; bytewise < 2; bytewise++) {
		static const char answer[] = "250-x\n250 fake\r\n250 8BITMIME\r\n";
		struct client c;

		start(&c);
		feed_text(&c, "220 hi\r\n");
		client_sent(&c, c.out.len);
		for (size_t at = 0, n = bytewise ? 1 : sizeof(answer) - 1; at < sizeof(answer) - 1; at += n)
			client_input(&c, answer + at, n);
		ck_assert_int_eq(client_action(&c), CLIENT_READY);
		ck_assert_uint_eq(c.offered, CLIENT_8BITMIME);
		client_done(&c);
	}
}
END_TEST

/* But when nothing follows, the host meant the end, and its mail does not wait for ever. */
START_TEST(test_bare_lf_and_silence)
{
	struct client c;

	start(&c);
	feed_text(&c, "220 hi\r\n250 hello you\n");
	ck_assert_int_eq(client_action(&c), CLIENT_WAIT);
	ck_assert_uint_lt(client_time_limit(&c), 60000);
	client_timeout(&c);
	ck_assert_int_eq(client_action(&c), CLIENT_READY);
	client_done(&c);
}
END_TEST

/* Before anything was asked, lines without a code are skipped; after that they end the connection. */
START_TEST(test_greeting_with_noise)
{
	static const char *const taken[] = {
		"220-a\r\n  you are being watched\r\n220 c\r\n", "Welcome to MegaProxy\r\n220 h\r\n",
		"\r\n220 h\r\n", "\xef\xbb\xbf" "220 h\r\n", "\xff\xfb\x01" "220 h\r\n", "220\th\r\n",
		"x\r\n220-a\r\n\r\n12:30\r\n220\r\n", "hello\n220 h\n",
	};
	static const char *const refused[] = { "220h\r\n", "999 x\r\n", "220-a\r\n554 b\r\n", "250-a\r\n421 b\r\n",
	    "SSH-2.0-x\r\n", "* OK IMAP4\r\n" };
	struct client c;

	for (size_t i = 0; i < nitems_of(taken) * 2; i++) {
		const char *text = taken[i / 2];

		start(&c);
		for (size_t at = 0, n = i % 2 ? 1 : strlen(text); at < strlen(text); at += n)
			client_input(&c, text + at, n);
		ck_assert_msg(c.phase == CLIENT_EHLO && strcmp(buf_text(&c.out), "EHLO us.example\r\n") == 0,
		    "%s: %s", text, c.failure.text);
		feed_text(&c, "250 h\r\n");
		ck_assert_int_eq(client_action(&c), CLIENT_READY);
		client_done(&c);
		start(&c);
		feed_text(&c, text);
		feed_text(&c, "250-h\r\nnoise\r\n250 8BITMIME\r\n");
		ck_assert_int_eq(client_action(&c), CLIENT_CLOSE);
		client_done(&c);
	}
	for (size_t i = 0; i < nitems_of(refused); i++) {
		start(&c);
		feed_text(&c, refused[i]);
		if (client_action(&c) == CLIENT_WAIT) {
			ck_assert_uint_le(client_time_limit(&c), 30000);
			if (i % 2)
				client_timeout(&c);
			else
				client_lost(&c, "closed by the peer");
		}
		ck_assert_str_eq(c.failure.status, "4.5.0");
		client_done(&c);
	}
}
END_TEST

START_TEST(test_failure_says_why)
{
	struct client c;

	start(&c);
	feed_text(&c, "554 5.7.1 we know you\r\n");
	ck_assert(c.opening == CLIENT_OPENING && !c.glitch);
	ck_assert_int_eq(c.failure.what, VERDICT_REFUSED);
	ck_assert_str_eq(c.failure.text, "5.7.1 we know you");
	client_done(&c);
	start(&c);
	feed_text(&c, "450 busy\r\n");
	ck_assert(c.glitch);
	ck_assert_int_eq(c.failure.what, VERDICT_LATER);
	client_done(&c);
	start(&c);
	client_unreached(&c, "mx.example [192.0.2.1]:25", "Connection refused");
	ck_assert_str_eq(c.failure.status, "4.4.1");
	ck_assert_str_eq(c.failure.text, "cannot connect to mx.example [192.0.2.1]:25: Connection refused");
	client_done(&c);
}
END_TEST

/* Endless replies of each kind end the connection within a bound, and no more than that is kept. */
START_TEST(test_endless_replies)
{
	static const char *const endless[] = { "220-more\r\n", "220", "x", "220-\r\n", "\r",
	    "220 a very long line that never ends, " };

	for (size_t i = 0; i < nitems_of(endless); i++) {
		struct client c;
		size_t given = 0;

		start(&c);
		while (client_action(&c) != CLIENT_CLOSE) {
			feed_text(&c, endless[i]);
			given += strlen(endless[i]);
			ck_assert_msg(given < 200000, "endless \"%s\" goes on", endless[i]);
		}
		ck_assert_str_eq(c.failure.status, "4.5.0");
		client_done(&c);
	}
}
END_TEST

START_TEST(test_hostile_text_is_cut_and_clean)
{
	struct client c;
	char line[3000];

	start(&c);
	memset(line, 'y', sizeof(line));
	memcpy(line, "550-a\0b\033[2J", 12);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	client_input(&c, line, sizeof(line));
	feed_text(&c, "550 end\r\n");
	ck_assert_int_eq(c.failure.what, VERDICT_REFUSED);
	ck_assert(strlen(c.failure.text) < sizeof(c.failure.text));
	for (const char *p = c.failure.text; *p != '\0'; p++)
		ck_assert((unsigned char)*p >= ' ');
	client_done(&c);
}
END_TEST

/* More recipients than a window: replies let the rest go out; every one has its verdict. */
START_TEST(test_many_recipients)
{
	enum { MANY = 1000 };
	struct client c;
	struct message_envelope e = { .sender = mem_strdup("") };
	struct verdict *v = mem_zalloc(MANY * sizeof(*v));
	size_t *index = mem_zalloc(MANY * sizeof(*index)), asked = 0, answered = 0;

	for (size_t i = 0; i < MANY; i++) {
		message_envelope_add(&e, "someone@x.example");
		index[i] = i;
	}
	start(&c);
	feed_text(&c, "220 x\r\n250-x\r\n250 PIPELINING\r\n");
	client_sent(&c, c.out.len);
	client_transaction_begin(&c, &(struct client_mail){ .e = &e, .sender = "", .index = index,
	    .count = MANY, .verdict = v });
	while (client_action(&c) == CLIENT_WAIT) {
		for (const char *p = buf_text(&c.out); (p = strchr(p, '\n')) != NULL; p++)
			asked++;
		client_sent(&c, c.out.len);
		ck_assert_uint_le(asked - answered, 100);
		answered++;
		feed_text(&c, asked == MANY + 2 && answered == asked ? "354 go\r\n" : answered % 2 ?
		    "250 ok\r\n" : "550 no\r\n");
	}
	ck_assert_int_eq(client_action(&c), CLIENT_CONTENT);
	client_content_end(&c);
	feed_text(&c, "250 taken\r\n");
	for (size_t i = 0; i < MANY; i++)
		ck_assert_int_eq(v[i].what, i % 2 == 0 ? VERDICT_REFUSED : VERDICT_DELIVERED);
	client_done(&c);
	message_envelope_done(&e);
	free(v);
	free(index);
}
END_TEST

START_TEST(test_early_reply_stops_the_content)
{
	struct client c;
	struct message_envelope e = { .sender = mem_strdup("a@b"), .content_size = 100 };
	struct verdict v, disk;
	size_t index = 0;

	message_envelope_add(&e, "someone@x.example");
	start(&c);
	feed_text(&c, "220 x\r\n250-x\r\n250 PIPELINING\r\n");
	client_transaction_begin(&c, &(struct client_mail){ .e = &e, .sender = "a@b", .index = &index,
	    .count = 1, .verdict = &v });
	feed_text(&c, "250 ok\r\n250 ok\r\n354 go\r\n");
	client_content(&c, "abc", 3);
	feed_text(&c, "552 5.3.4 too much\r\n");
	ck_assert_int_eq(client_action(&c), CLIENT_DONE);
	ck_assert_int_eq(client_finish(&c), CLIENT_FINAL);
	ck_assert_str_eq(v.status, "5.3.4");
	ck_assert_int_eq(client_action(&c), CLIENT_CLOSE);
	client_done(&c);

	start(&c);
	feed_text(&c, "220 x\r\n250-x\r\n250 PIPELINING\r\n");
	client_transaction_begin(&c, &(struct client_mail){ .e = &e, .sender = "a@b", .index = &index,
	    .count = 1, .verdict = &v });
	feed_text(&c, "250 ok\r\n250 ok\r\n354 go\r\n");
	verdict_set(&disk, VERDICT_LATER, "4.3.0", "reading failed");
	client_abandon(&c, &disk);
	ck_assert_int_eq(client_action(&c), CLIENT_DONE);
	ck_assert_int_eq(client_finish(&c), CLIENT_FINAL);
	ck_assert_str_eq(v.text, "reading failed");
	client_done(&c);
	message_envelope_done(&e);
}
END_TEST

/*
 * What is answered before it was said would go on under TLS, and move each answer to another command:
 * an attacker stands between.
 */
START_TEST(test_answers_before_starttls)
{
	static const char *const texts[] = { "220 x\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n",
	    "250-x\r\n250 STARTTLS\r\n220 go\r\n" };

	for (size_t i = 0; i < nitems_of(texts); i++) {
		struct client c;

		start(&c);
		c.set.tls = CLIENT_TLS_MUST;
		if (i == 1)
			feed_text(&c, "220 x\r\n");
		client_sent(&c, c.out.len);
		feed_at_once(&c, texts[i]);
		ck_assert_msg(client_action(&c) == CLIENT_CLOSE, "%s", texts[i]);
		ck_assert_str_eq(c.failure.status, "4.5.0");
		client_done(&c);
	}
}
END_TEST

/*
 * Replies that no command has asked for. Each row: what the host says in one segment at a time, our commands
 * leaving in between. No message may be sent, and nothing may be delivered; the failure is for later.
 */
START_TEST(test_replies_not_asked_for)
{
	static const struct { const char *say[4]; const char *status; bool ready; } rows[] = {
		{ { "220 x\r\n", "250-x\r\n250 8BITMIME\r\n250 ok\r\n" }, "4.5.0", false },
		{ { "220 x\r\n250-x\r\n250 8BITMIME\r\n250 ok\r\n" }, "4.5.0", false },
		{ { "220 x\r\n", "250-x\r\n250 8BITMIME\r\n", "250 ok\r\n" }, "4.5.0", false },
		{ { "220 x\r\n", "250-x\r\n250 8BITMIME\r\n", "354 go\r\n" }, "4.0.0", false },
		{ { "220 x\r\n", "250-x\r\n250 8BITMIME\r\n", "554 away\r\n" }, "4.5.0", false },
		{ { "220 x\r\n", "250-x\r\n250 8BITMIME\r\n", "421 idle\r\n" }, "4.0.0", false },
		{ { "220 x\r\n550 no\r\n" }, "4.5.0", false },
		{ { "220 a\r\n220 b\r\n220 c\r\n", "250-x\r\n250 8BITMIME\r\n" }, "", true },	/* banners */
		{ { "220 a\r\n", "220 b\r\n250-x\r\n250 8BITMIME\r\n" }, "", true },
		{ { "220 a\r\n", "220 b\r\n", "250-x\r\n250 8BITMIME\r\n" }, "", true },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct client c;

		start(&c);
		for (size_t k = 0; k < nitems_of(rows[i].say) && rows[i].say[k] != NULL; k++) {
			feed_at_once(&c, rows[i].say[k]);
			client_sent(&c, c.out.len);
		}
		ck_assert_msg(client_action(&c) == (rows[i].ready ? CLIENT_READY : CLIENT_CLOSE), "row %zu",
		    i);
		ck_assert_msg(rows[i].ready || c.failure.what == VERDICT_LATER, "row %zu: %d", i,
		    (int)c.failure.what);
		ck_assert_msg(strcmp(c.failure.status, rows[i].status) == 0, "row %zu: %s", i,
		    c.failure.status);
		client_done(&c);
	}
}
END_TEST

/*
 * A reply that begins before its command has left, and ends after: it is an answer to nothing. One that refuses
 * the content may come at any time.
 */
START_TEST(test_replies_that_begin_too_early)
{
	static const struct { const char *between, *mail, *sending, *dot; enum verdict_what what; } rows[] = {
		{ "", "250 ok\r\n250 ok\r\n354 go\r\n", "", "250 ok\r\n", VERDICT_DELIVERED },
		{ "2", "50 ok\r\n250 ok\r\n354 go\r\n", "", "250 ok\r\n", VERDICT_LATER },
		{ "250-", "x\r\n250 ok\r\n250 ok\r\n354 go\r\n", "", "250 ok\r\n", VERDICT_LATER },
		{ "", "250 ok\r\n250 ok\r\n354 go\r\n", "2", "50 ok\r\n", VERDICT_LATER },
		{ "", "250 ok\r\n250 ok\r\n354 go\r\n", "250-x\r\n", "250 ok\r\n", VERDICT_LATER },
		{ "", "250 ok\r\n250 ok\r\n354 go\r\n2", "", "50 ok\r\n", VERDICT_LATER },
		{ "", "250 ok\r\n250 ok\r\n354 go\r\n", "552-x\r\n", "552 no\r\n", VERDICT_REFUSED },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct client c;
		struct message_envelope e = { .sender = mem_strdup("a@b"), .content_size = 4 };
		struct verdict v;
		size_t index = 0;

		message_envelope_add(&e, "someone@x.example");
		start(&c);
		feed_text(&c, "220 x\r\n250-x\r\n250 PIPELINING\r\n");
		feed_at_once(&c, rows[i].between);
		client_transaction_begin(&c, &(struct client_mail){ .e = &e, .sender = "a@b",
		    .index = &index, .count = 1, .verdict = &v });
		feed_text(&c, rows[i].mail);
		if (client_action(&c) == CLIENT_CONTENT) {
			client_content(&c, "hi\r\n", 4);
			client_content_end(&c);
			feed_at_once(&c, rows[i].sending);
			feed_text(&c, rows[i].dot);
		}
		ck_assert_msg(client_action(&c) == CLIENT_DONE, "row %zu", i);
		(void)client_finish(&c);
		ck_assert_msg(v.what == rows[i].what, "row %zu: %s", i, v.text);
		ck_assert_int_eq(client_action(&c), v.what == VERDICT_DELIVERED ? CLIENT_READY : CLIENT_CLOSE);
		client_done(&c);
		message_envelope_done(&e);
	}
}
END_TEST

/* A host that answers EHLO with 220 and then waits: after a while that was the answer. */
START_TEST(test_220_to_ehlo)
{
	struct client c;

	start(&c);
	feed_text(&c, "220 x\r\n220 hello you\r\n");
	ck_assert_int_eq(client_action(&c), CLIENT_WAIT);
	ck_assert_uint_lt(client_time_limit(&c), 60000);
	client_timeout(&c);
	ck_assert_int_eq(client_action(&c), CLIENT_READY);
	client_done(&c);
}
END_TEST

/*
 * A host that answers everything before it is asked, with more recipients than fit into the bound of what is
 * to be sent: the connection ends, the message waits.
 */
START_TEST(test_replies_ahead_of_many_recipients)
{
	enum { MANY = 1000 };
	static char orcpt[500 + 1], ahead[5 * 3000 + 1];
	struct client c;
	struct message_envelope e = { .sender = mem_strdup("") };
	struct verdict *v = mem_zalloc(MANY * sizeof(*v));
	size_t *index = mem_zalloc(MANY * sizeof(*index));

	memset(orcpt, 'a', sizeof(orcpt) - 1);
	for (size_t i = 0; i < MANY; i++) {
		struct message_recipient *r = message_envelope_add(&e, "someone@x.example");

		r->notify = NOTIFY_SUCCESS | NOTIFY_FAILURE | NOTIFY_DELAY;
		r->orcpt = mem_strdup(orcpt);
		index[i] = i;
	}
	for (size_t i = 0; i < 3000; i++)
		memcpy(ahead + i * 5, "250\r\n", 5);
	start(&c);
	feed_text(&c, "220 x\r\n250-x\r\n250 DSN\r\n");
	client_transaction_begin(&c, &(struct client_mail){ .e = &e, .sender = "", .index = index,
	    .count = MANY, .verdict = v });
	client_sent(&c, c.out.len);
	feed_at_once(&c, ahead);
	ck_assert_int_eq(client_action(&c), CLIENT_DONE);
	ck_assert_int_eq(client_finish(&c), CLIENT_LOST);
	for (size_t i = 0; i < MANY; i++)
		ck_assert_int_eq(v[i].what, VERDICT_LATER);
	ck_assert_int_eq(client_action(&c), CLIENT_CLOSE);
	client_done(&c);
	message_envelope_done(&e);
	free(v);
	free(index);
}
END_TEST

/* What a host may say at any time: right, wrong, too early, too much. */
static const char *const sayings[] = {
	"220 hi\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250 ok\r\n", "250-x\r\n250 PIPELINING\r\n",
	"354 go\r\n", "354 go\r\n", "450 no\r\n",
	"550 5.1.1 no\r\n", "552 much\r\n", "421 bye\r\n", "250-more\r\n", "250 ok\r\n250 ok\r\n",
	"354 go\r\n250 ok\r\n", "junk\r\n", "2", "\r\n", "251 elsewhere\n", "250-x\r\n250 STARTTLS\r\n",
};

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 16;
}

/*
 * Any conversation, our bytes leaving in any portions: each transaction is done once with a verdict for each,
 * and a recipient is delivered if and only if all of the content had left before the last reply, a 2yz.
 */
START_TEST(test_random_conversations)
{
	struct message_envelope e = { .sender = mem_strdup("a@us.example"), .content_size = 4 };
	struct verdict v[3];
	size_t index[3] = { 0, 1, 2 };
	unsigned delivered = 0, transactions = 0;

	for (size_t i = 0; i < 3; i++)
		message_envelope_add(&e, "r@x.example");
	for (uint32_t seed = 1, round = 0; round < 120000; round++) {
		struct client c;
		bool dot = false, busy = false, whole = false;

		start(&c);
		c.set.tls = (enum client_tls)(next_random(&seed) % CLIENT_TLS_AT_ONCE);
		for (int steps = 0; client_action(&c) != CLIENT_CLOSE; steps++) {
			enum client_action action = client_action(&c);

			if (action == CLIENT_DONE) {
				ck_assert(busy);
				busy = false;
				client_finish(&c);
				for (size_t i = 0; i < 3; i++) {
					ck_assert_int_eq(v[i].status[0],
					    v[i].what == VERDICT_DELIVERED ? '2' :
					    v[i].what == VERDICT_LATER ? '4' : '5');
					ck_assert(v[i].what != VERDICT_ACCEPTED &&
					    (v[i].what != VERDICT_DELIVERED || (dot && whole)));
					delivered += v[i].what == VERDICT_DELIVERED;
				}
			} else if (action == CLIENT_READY && steps < 40) {
				transactions++;
				ck_assert(c.security == CLIENT_SECURED || c.set.tls != CLIENT_TLS_MUST);
				busy = true;
				dot = false;
				memset(v, 0xee, sizeof(v));
				client_transaction_begin(&c,
				    &(struct client_mail){ .e = &e, .sender = e.sender, .index = index,
				    .count = 3, .verdict = v });
			} else if (action == CLIENT_READY)
				client_quit(&c);
			else if (action == CLIENT_HANDSHAKE && next_random(&seed) % 4 != 0)
				client_secured(&c);
			else if (action == CLIENT_HANDSHAKE)
				client_insecure(&c, CLIENT_TLS_BROKEN, "no");
			else if (action == CLIENT_CONTENT && next_random(&seed) % 4 != 0) {
				client_content(&c, "hi\r\n", 4);
				client_content_end(&c);
				dot = true;
			} else if (steps > 60) {
				client_lost(&c, "enough");
			} else {
				whole = dot && c.out.len == 0;
				feed_at_once(&c, sayings[next_random(&seed) % nitems_of(sayings)]);
			}
			client_sent(&c, next_random(&seed) % 8 == 0 ? c.out.len / 2 : c.out.len);
		}
		ck_assert(!busy);
		client_done(&c);
	}
	ck_assert_uint_gt(delivered, 50);
	ck_assert_uint_gt(transactions, 5000);
	message_envelope_done(&e);
}
END_TEST

START_TEST(test_every_phase_has_a_limit)
{
	struct client c;

	start(&c);
	for (c.phase = CLIENT_GREETING; c.phase < CLIENT_OVER; c.phase++)
		ck_assert(c.phase == CLIENT_BETWEEN ? client_time_limit(&c) == 0 : client_time_limit(&c) > 0);
	client_done(&c);
}
END_TEST

UNIT_MAIN("client_hostile", test_bare_lf_is_taken, test_bare_lf_ends_no_crlf_reply,
    test_bare_lf_and_silence, test_greeting_with_noise, test_failure_says_why, test_endless_replies,
    test_hostile_text_is_cut_and_clean,
    test_many_recipients, test_early_reply_stops_the_content, test_answers_before_starttls,
    test_replies_not_asked_for, test_replies_that_begin_too_early,
    test_220_to_ehlo, test_replies_ahead_of_many_recipients, test_random_conversations,
    test_every_phase_has_a_limit)
