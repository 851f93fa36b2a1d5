/* verb - every verb in every phase; the size of an idle session */
#include "listener/smtp/smtp.h"
#include "t/unit/listener/session_fixture.h"

enum { IN_START, IN_READY, IN_MAIL, IN_RCPT, IN_COUNT };

/* 0: the connection closes without an answer. */
static const struct matrix_row {
	const char *line;
	unsigned code[IN_COUNT];
	enum session_phase then[IN_COUNT];
} matrix[] = {
	{ "HELO client", { 250, 250, 250, 250 }, { PHASE_READY, PHASE_READY, PHASE_READY, PHASE_READY } },
	{ "HELO", { 501, 501, 501, 501 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "EHLO client", { 250, 250, 250, 250 }, { PHASE_READY, PHASE_READY, PHASE_READY, PHASE_READY } },
	{ "MAIL FROM:<a@b.example>", { 503, 250, 503, 503 },
	    { PHASE_START, PHASE_MAIL, PHASE_MAIL, PHASE_RCPT } },
	{ "MAIL", { 503, 501, 503, 503 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "RCPT TO:<c@example.com>", { 503, 503, 250, 250 },
	    { PHASE_START, PHASE_READY, PHASE_RCPT, PHASE_RCPT } },
	{ "RCPT TO:<c@remote.example>", { 503, 503, 550, 550 },
	    { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "RCPT", { 503, 503, 501, 501 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "DATA", { 503, 503, 503, 354 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_DATA } },
	{ "DATA now", { 503, 503, 503, 501 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "RSET", { 250, 250, 250, 250 }, { PHASE_START, PHASE_READY, PHASE_READY, PHASE_READY } },
	{ "RSET x", { 501, 501, 501, 501 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "NOOP", { 250, 250, 250, 250 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "NOOP x y", { 250, 250, 250, 250 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "VRFY a", { 252, 252, 252, 252 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "EXPN a", { 502, 502, 502, 502 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "HELP", { 214, 214, 214, 214 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "QUIT", { 221, 221, 221, 221 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "QUIT now", { 501, 501, 501, 501 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "AUTH PLAIN AGEAYg==", { 503, 502, 502, 502 },
	    { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "STARTTLS", { 502, 502, 502, 502 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "BDAT 0", { 503, 503, 503, 250 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_CHUNKS } },
	{ "BDAT 0 LAST", { 503, 503, 503, 250 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_READY } },
	{ "BDAT", { 501, 501, 501, 501 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "BDAT x", { 501, 501, 501, 501 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "BDAT 5LAST", { 501, 501, 501, 501 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "BDAT 5 FIRST", { 501, 501, 501, 501 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "BDAT 000000000000000000001", { 501, 501, 501, 501 },
	    { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "ETRN x", { 503, 502, 503, 503 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "ATRN x", { 503, 502, 503, 503 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "TURN", { 503, 502, 503, 503 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "XEVACUATE", { 503, 502, 503, 503 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "XCLIENT ADDR=192.0.2.9", { 500, 500, 500, 500 },
	    { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "", { 500, 500, 500, 500 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ " NOOP", { 500, 500, 500, 500 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "NOOPS", { 500, 500, 500, 500 }, { PHASE_START, PHASE_READY, PHASE_MAIL, PHASE_RCPT } },
	{ "GET / HTTP/1.1", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "POST / HTTP/1.1", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "PUT / HTTP/1.1", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "HEAD / HTTP/1.1", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "OPTIONS / HTTP/1.1", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "CONNECT x:25 HTTP/1.1", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "DELETE / HTTP/1.1", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "PATCH / HTTP/1.1", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "TRACE / HTTP/1.1", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
	{ "PRI * HTTP/2.0", { 0, 0, 0, 0 }, { PHASE_OVER, PHASE_OVER, PHASE_OVER, PHASE_OVER } },
};

static void
go_to(struct session_fixture *w, unsigned phase)
{
	static const char *const way[] = { "EHLO client.example", "MAIL FROM:<a@b.example>",
	    "RCPT TO:<c@example.com>" };
	fixture_begin_session(w);
	for (unsigned i = 0; i < phase; i++)
		fixture_say(w, way[i]);
	buf_clear(&w->out);
}

/* shows 9.16 */
START_TEST(phases)
{
	for (size_t i = 0; i < nitems_of(matrix); i++) {
		for (unsigned phase = 0; phase < IN_COUNT; phase++) {
			struct session_fixture w;
			unsigned code;

			fixture_init(&w);
			w.server.helo_required = true;
			go_to(&w, phase);
			fixture_say(&w, matrix[i].line);
			code = (unsigned)strtoul(buf_text(&w.out), NULL, 10);
			ck_assert_msg(code == matrix[i].code[phase], "%s in phase %u: %u, not %u",
			    matrix[i].line, phase, code, matrix[i].code[phase]);
			ck_assert_msg(w.s.phase == matrix[i].then[phase], "%s in phase %u leads to %d",
			    matrix[i].line, phase, (int)w.s.phase);
			ck_assert((w.s.envelope != NULL) ==
			    ((w.s.phase & (PHASE_MAIL | PHASE_RCPT | PHASE_DATA | PHASE_CHUNKS)) != 0) ||
			    w.s.phase == PHASE_OVER);
			if (w.begun)
				session_eof(&w.s);
			fixture_done(&w);
		}
	}
}
END_TEST

START_TEST(every_verb_is_in_the_matrix)
{
	for (size_t v = 0; v < verb_count; v++) {
		bool found = false;

		for (size_t i = 0; i < nitems_of(matrix); i++)
			found = found || verb_find(matrix[i].line, strlen(matrix[i].line)) == &verb_rows[v];
		ck_assert_msg(found, "%s has no row here", verb_rows[v].name);
	}
}
END_TEST

START_TEST(any_case)
{
	static const char *const lines[] = { "noop", "NoOp", "NOOP   ", "noop x" };
	for (size_t i = 0; i < nitems_of(lines); i++) {
		struct session_fixture w;

		fixture_init(&w);
		fixture_begin_session(&w);
		fixture_say(&w, lines[i]);
		ck_assert_msg(strncmp(buf_text(&w.out), "250 ", 4) == 0, "%s: %s", lines[i],
		    buf_text(&w.out));
		fixture_done(&w);
	}
}
END_TEST

/* Refused content is read on, to give the answer where it belongs, but not for ever. */
static void
waste(const char *command)
{
	static const char line[] = "0123456789012345678901234567890123456789012345678901234567890\r\n";
	struct session_fixture w;
	uint64_t fed = 0;

	fixture_init(&w);
	w.server.max_message_size = 10;
	go_to(&w, IN_RCPT);
	fixture_say(&w, command);
	buf_clear(&w.out);
	while (!w.closed && fed < 2 * SESSION_CONTENT_WASTE) {
		ck_assert_uint_eq(w.out.len, 0);
		for (unsigned i = 0; i < 1000; i++)
			buf_add(&w.in, line, sizeof(line) - 1);
		fed += w.in.len;
		fixture_run(&w);
	}
	ck_assert(w.closed && w.linger);
	ck_assert_uint_gt(fed, SESSION_CONTENT_WASTE);
	ck_assert_msg(strncmp(buf_text(&w.out), "552 ", 4) == 0, "%s", buf_text(&w.out));
	fixture_done(&w);
}

START_TEST(refused_content_has_an_end)
{
	waste("DATA");
	waste("BDAT 99999999999999999999 LAST");
}
END_TEST

/*
 * An idle session is a few hundred bytes here, and a few hundred in conn.
 */
START_TEST(an_idle_session_is_small)
{
	struct session_fixture w;

	fixture_init(&w);
	fixture_begin_session(&w);
	fixture_say(&w, "EHLO client.example");
	ck_assert_uint_le(sizeof(w.s), 256);
	ck_assert_ptr_null(w.s.envelope);
	fixture_done(&w);
}
END_TEST

/* What a client calls itself takes no more than a long name does; one that was cut is still too long to be shown. */
START_TEST(a_name_without_end_is_cut)
{
	char line[1900] = "EHLO ";

	for (int eightbit = 0; eightbit < 2; eightbit++) {
		struct session_fixture w;

		memset(line + 5, eightbit ? 0x80 : 'a', sizeof(line) - 6);
		fixture_init(&w);
		fixture_begin_session(&w);
		fixture_say(&w, line);
		ck_assert_msg(strncmp(buf_text(&w.out), "250-", 4) == 0, "%s", buf_text(&w.out));
		ck_assert_uint_eq(strlen(w.s.helo), eightbit ? 1024 : 256);
		ck_assert_uint_ge(session_held(&w.s), strlen(w.s.helo));
		ck_assert(!ehlo_name_is_good(w.s.helo));
		fixture_done(&w);
	}
}
END_TEST

UNIT_MAIN("verb", phases, every_verb_is_in_the_matrix, any_case, refused_content_has_an_end,
    an_idle_session_is_small, a_name_without_end_is_cut)
