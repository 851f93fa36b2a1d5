/* session_phase - every event in every phase: what is said, where it leads, what is waited for */
#include "listener/smtp/smtp.h"
#include "t/unit/listener/session_fixture.h"

enum event { EXPIRE, END_OF_INPUT, STOP, CUT, EVENTS };
static void (*const events[EVENTS])(struct session *s) = { session_expire, session_eof, session_stop,
    session_cut };

/* code 0: nothing is said. */
static const struct event_row {
	enum session_phase phase;
	enum session_wait wait;
	struct { unsigned code; enum session_phase then; } event[EVENTS];
} rows[] = {
	{ PHASE_START, WAIT_CLIENT, { { 421, PHASE_OVER }, { 0, PHASE_OVER }, { 421, PHASE_OVER },
	    { 421, PHASE_OVER } } },
	{ PHASE_READY, WAIT_CLIENT, { { 421, PHASE_OVER }, { 0, PHASE_OVER }, { 421, PHASE_OVER },
	    { 421, PHASE_OVER } } },
	{ PHASE_MAIL, WAIT_CLIENT, { { 421, PHASE_OVER }, { 0, PHASE_OVER }, { 421, PHASE_OVER },
	    { 421, PHASE_OVER } } },
	{ PHASE_RCPT, WAIT_CLIENT, { { 421, PHASE_OVER }, { 0, PHASE_OVER }, { 421, PHASE_OVER },
	    { 421, PHASE_OVER } } },
	{ PHASE_DATA, WAIT_CLIENT, { { 421, PHASE_OVER }, { 0, PHASE_OVER }, { 0, PHASE_DATA },
	    { 421, PHASE_OVER } } },
	{ PHASE_CHUNK, WAIT_CLIENT, { { 421, PHASE_OVER }, { 0, PHASE_OVER }, { 0, PHASE_CHUNK },
	    { 421, PHASE_OVER } } },
	{ PHASE_CHUNKS, WAIT_CLIENT, { { 421, PHASE_OVER }, { 0, PHASE_OVER }, { 0, PHASE_CHUNKS },
	    { 421, PHASE_OVER } } },
	{ PHASE_STORING, WAIT_DISK, { { 0, PHASE_STORING }, { 0, PHASE_STORING }, { 0, PHASE_STORING },
	    { 0, PHASE_STORING } } },
	{ PHASE_SECURING, WAIT_TLS, { { 0, PHASE_OVER }, { 0, PHASE_OVER }, { 0, PHASE_SECURING },
	    { 0, PHASE_OVER } } },
	{ PHASE_AUTH_LINE, WAIT_CLIENT, { { 421, PHASE_OVER }, { 0, PHASE_OVER }, { 421, PHASE_OVER },
	    { 421, PHASE_OVER } } },
	{ PHASE_AUTH_HELPER, WAIT_AUTH, { { 454, PHASE_READY }, { 0, PHASE_OVER }, { 0, PHASE_AUTH_HELPER },
	    { 421, PHASE_OVER } } },
	{ PHASE_ETRN, WAIT_ETRN, { { 458, PHASE_READY }, { 0, PHASE_OVER }, { 0, PHASE_ETRN },
	    { 421, PHASE_OVER } } },
	{ PHASE_TURNED, WAIT_END, { { 0, PHASE_OVER }, { 0, PHASE_OVER }, { 0, PHASE_TURNED },
	    { 0, PHASE_OVER } } },
	{ PHASE_OVER, WAIT_END, { { 0, PHASE_OVER }, { 0, PHASE_OVER }, { 0, PHASE_OVER },
	    { 0, PHASE_OVER } } },
};

static void
answer_auth(struct session_fixture *w, enum msg_auth_in_result result)
{
	struct msg_auth_in_answer *a = mem_new(struct msg_auth_in_answer);

	a->result = (uint8_t)result;
	strcpy(a->user, "alice");
	session_auth_answered(&w->s, a);
	free(a);
}

static void
begin(struct session_fixture *w)
{
	static char held[] = "customer.example alice";
	char text[sizeof(held)];

	fixture_init(w);
	memcpy(text, held, sizeof(held));
	fixture_add_etrn_domain(w, text);
	w->server.authentication = CONFIG_AUTH_ANONYMOUS | CONFIG_AUTH_BASIC;
	w->server.basic_requires_tls = false;
	w->server.tls = CONFIG_TLS_OPTIONAL;
	fixture_begin_session(w);
}

/* Whole commands, each ended by LF, as the client would say them; the last one may be content. */
static void
say_all(struct session_fixture *w, const char *lines)
{
	for (const char *end; (end = strchr(lines, '\n')) != NULL; lines = end + 1) {
		char *line = mem_strndup(lines, (size_t)(end - lines));

		fixture_say(w, line);
		free(line);
	}
}

static void
go_to(struct session_fixture *w, enum session_phase phase)
{
	static const char stored[] = ".\r\n";

	const char *const recipient = "EHLO c\nMAIL FROM:<a@b.example>\nRCPT TO:<c@example.com>\n";

	begin(w);
	say_all(w, phase == PHASE_START ? "" : phase == PHASE_READY ? "EHLO c\n" :
	    phase == PHASE_MAIL ? "EHLO c\nMAIL FROM:<a@b.example>\n" :
	    phase == PHASE_OVER ? "QUIT\n" : phase == PHASE_SECURING ? "EHLO c\nSTARTTLS\n" :
	    phase == PHASE_ETRN ? "EHLO c\nETRN customer.example\n" :
	    phase & (PHASE_AUTH_LINE | PHASE_AUTH_HELPER | PHASE_TURNED) ? "EHLO c\nAUTH LOGIN\n" :
	    recipient);
	if (phase & (PHASE_DATA | PHASE_STORING))
		fixture_say(w, "DATA");
	if (phase & (PHASE_CHUNK | PHASE_CHUNKS))
		fixture_say(w, phase == PHASE_CHUNK ? "BDAT 10" : "BDAT 0");
	if (phase == PHASE_STORING)
		ck_assert_uint_eq(session_input(&w->s, stored, sizeof(stored) - 1), sizeof(stored) - 1);
	if (phase == PHASE_AUTH_LINE)
		answer_auth(w, AUTH_IN_CHALLENGE);
	if (phase == PHASE_TURNED) {
		static const struct msg_etrn_answer started = { .result = MSG_ETRN_STARTED };

		answer_auth(w, AUTH_IN_OK);
		fixture_say(w, "ATRN");
		ck_assert_int_eq(w->s.wait, WAIT_ATRN);
		session_etrn_answered(&w->s, &started, "");
	}
	buf_clear(&w->out);
}

START_TEST(events_in_phases)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		const struct event_row *row = &rows[i];

		for (unsigned e = 0; e < EVENTS; e++) {
			struct session_fixture w;
			unsigned code;

			go_to(&w, row->phase);
			ck_assert_msg(w.s.phase == row->phase, "phase %d was not reached: %d",
			    (int)row->phase, (int)w.s.phase);
			ck_assert_int_eq(w.s.wait, row->wait);
			ck_assert(session_wants_input(&w.s) == (row->wait == WAIT_CLIENT));
			events[e](&w.s);
			code = w.out.len == 0 ? 0 : (unsigned)strtoul(buf_text(&w.out), NULL, 10);
			ck_assert_msg(code == row->event[e].code, "event %u in phase %d: %u", e,
			    (int)row->phase, code);
			ck_assert_msg(w.s.phase == row->event[e].then, "event %u in phase %d leads to %d", e,
			    (int)row->phase, (int)w.s.phase);
			ck_assert(w.closed == (w.s.phase == PHASE_OVER));
			fixture_done(&w);
		}
	}
}
END_TEST

/* A stop that had to wait is told with the end of what was under way. */
START_TEST(stop_after_what_is_under_way)
{
	struct session_fixture w;

	go_to(&w, PHASE_ETRN);
	session_stop(&w.s);
	session_expire(&w.s);
	ck_assert_msg(strstr(buf_text(&w.out), "458 ") != NULL && strstr(buf_text(&w.out), "421 ") != NULL,
	    "%s", buf_text(&w.out));
	ck_assert(w.closed);
	fixture_done(&w);
}
END_TEST

/* A node that may bring its queue; the deliver worker is not ready, does not answer, is ready. */
START_TEST(evacuate)
{
	static const struct msg_etrn_answer later = { .result = MSG_ETRN_LATER }, started = {
	    .result = MSG_ETRN_STARTED };
	struct session_fixture w;

	begin(&w);
	fixture_say(&w, "EHLO node");
	ck_assert_ptr_null(strstr(buf_text(&w.out), "XEVACUATE"));
	fixture_say(&w, "XEVACUATE");
	ck_assert_ptr_nonnull(strstr(buf_text(&w.out), "502 5.5.1 "));
	w.s.evacuates = true;
	buf_clear(&w.out);
	fixture_say(&w, "EHLO node");
	ck_assert_ptr_nonnull(strstr(buf_text(&w.out), "250-XEVACUATE\r\n"));
	buf_clear(&w.out);
	fixture_say(&w, "XEVACUATE now");
	ck_assert_str_eq(buf_text(&w.out), "501 5.5.4 No argument allowed\r\n");
	fixture_say(&w, "XEVACUATE");
	ck_assert_int_eq(w.s.wait, WAIT_EVACUATE);
	buf_clear(&w.out);
	session_etrn_answered(&w.s, &later, "");
	ck_assert_str_eq(buf_text(&w.out), "451 4.3.2 No messages can be brought now, try again later\r\n");
	ck_assert_int_eq(w.s.phase, PHASE_READY);
	fixture_say(&w, "XEVACUATE");
	session_expire(&w.s);
	ck_assert_int_eq(w.s.phase, PHASE_READY);
	fixture_say(&w, "XEVACUATE");
	buf_clear(&w.out);
	session_etrn_answered(&w.s, &started, "");
	ck_assert_str_eq(buf_text(&w.out), "250 2.0.0 Bring your messages\r\n");
	ck_assert_int_eq(w.s.phase, PHASE_TURNED);
	ck_assert(!session_wants_input(&w.s));
	fixture_done(&w);
}
END_TEST

UNIT_MAIN("session_phase", events_in_phases, stop_after_what_is_under_way, evacuate)
