/*
 * auth_line - how long a line of AUTH may be, by mechanism: at the limit, one byte more; what is cut short
 */
#include <sys/param.h>

#include "common/base/base64.h"
#include "common/msg/msg_auth_in.h"
#include "listener/smtp/smtp.h"
#include "t/unit/listener/session_fixture.h"

enum { PIECE = 1400 };

static struct session_fixture w;
static struct msg_auth_in_answer answer;

static void
begin(void)
{
	fixture_init(&w);
	w.server.authentication = CONFIG_AUTH_BASIC | CONFIG_AUTH_INTEGRATED;
	w.server.basic_requires_tls = false;
	fixture_begin_session(&w);
	fixture_feed(&w, "EHLO c\r\n", 8, false);
	buf_clear(&w.out);
}

static void
feed_pieces(const struct buf *in, size_t from, size_t upto)
{
	for (size_t at = from; at < upto; at += PIECE)
		fixture_feed(&w, in->data + at, MIN(upto - at, (size_t)PIECE), false);
}

/* "BEFORE base64 CRLF" with a token of `bytes` bytes. */
static struct buf
make_line(const char *before, size_t bytes)
{
	static char text[BASE64_SIZE(AUTH_IN_TOKEN_MAX + 12)];
	static uint8_t token[AUTH_IN_TOKEN_MAX + 12];
	struct buf line = BUF_INIT(1U << 20);

	memset(token, 'x', sizeof(token));
	base64_encode(text, token, bytes);
	buf_printf(&line, "%s%s\r\n", before, text);
	return line;
}

/* How many bytes of the token the helper was given; -1: it was refused with REPLY_AUTH_LONG, which is an event. */
static long
try_line(const char *before, size_t bytes)
{
	struct buf line = make_line(before, bytes);
	const char *asked;
	long n = -1;

	buf_clear(&w.out);
	buf_clear(&w.asked);
	buf_clear(&w.facts);
	feed_pieces(&line, 0, line.len);
	ck_assert_uint_eq(w.long_lines, 0);
	asked = memchr(buf_text(&w.asked), 'x', w.asked.len);
	if (asked != NULL)
		n = (long)(buf_text(&w.asked) + w.asked.len - 1 - asked);
	else {
		ck_assert_str_eq(buf_text(&w.out), "500 5.5.6 Authentication exchange line is too long\r\n");
		ck_assert_str_eq(buf_text(&w.facts), "- 500 5.5.6 Authentication exchange line is too long\n");
	}
	buf_done(&line);
	return n;
}

static void
challenge(size_t len)
{
	answer.result = AUTH_IN_CHALLENGE;
	answer.token.len = (uint16_t)len;
	session_auth_answered(&w.s, &answer);
}

START_TEST(limits)
{
	begin();
	ck_assert_int_eq(try_line("AUTH GSSAPI ", AUTH_IN_TOKEN_MAX), AUTH_IN_TOKEN_MAX);
	challenge(0);
	ck_assert_int_eq(try_line("", AUTH_IN_TOKEN_MAX), AUTH_IN_TOKEN_MAX);
	challenge(AUTH_IN_TOKEN_MAX);	/* both ways */
	ck_assert_uint_eq(w.out.len, strlen("334 \r\n") + BASE64_SIZE(AUTH_IN_TOKEN_MAX) - 1);
	fixture_feed(&w, "*\r\n", 3, false);
	ck_assert_int_eq(try_line("AUTH GSSAPI ", AUTH_IN_TOKEN_MAX + 3), -1);
	ck_assert_int_eq(w.s.phase, PHASE_READY);
	buf_clear(&w.asked);
	fixture_feed(&w, "AUTH gssapi\r\n", 13, false);
	challenge(0);
	/* Shorter by the verb than the other kind of line: 9 bytes of a token. */
	ck_assert_int_eq(try_line("", AUTH_IN_TOKEN_MAX + 12), -1);
	ck_assert_int_eq(w.s.phase, PHASE_READY);
	fixture_done(&w);
}
END_TEST

/* Others stay at the size of RFC 4954, as does Kerberos where it is not offered. */
START_TEST(other_mechanisms)
{
	static const char *const before[] = { "AUTH SCRAM-SHA-256 ", "AUTH NTLM ", "AUTH  GSSAPI " };

	begin();
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++)
		ck_assert_int_eq(try_line(before[i], 9300), -1);
	ck_assert_int_eq(try_line("AUTH SCRAM-SHA-256 ", 9000), 9000);
	challenge(0);
	ck_assert_int_eq(try_line("", 9300), -1);
	w.server.authentication = CONFIG_AUTH_BASIC;
	ck_assert_int_eq(try_line("AUTH GSSAPI ", 9300), -1);
	fixture_done(&w);
}
END_TEST

/* Another client needs the memory: 454, the rest is no command, and the session goes on. */
START_TEST(cut_short)
{
	for (int own = 0; own <= 1; own++) {
		struct buf line = make_line(own ? "" : "AUTH GSSAPI ", AUTH_IN_TOKEN_MAX);

		begin();
		if (own) {
			fixture_feed(&w, "AUTH GSSAPI\r\n", 13, false);
			challenge(0);
		}
		feed_pieces(&line, 0, AUTH_VERB_LINE_MAX - 1);
		ck_assert_uint_eq(w.long_lines, 0);
		feed_pieces(&line, AUTH_VERB_LINE_MAX - 1, AUTH_VERB_LINE_MAX);
		ck_assert_uint_eq(w.long_lines, 1);
		buf_clear(&w.out);
		w.long_lines = 0;
		session_cut_line(&w.s);
		ck_assert_str_eq(buf_text(&w.out), "454 4.7.0 Temporary authentication failure\r\n");
		buf_clear(&w.out);
		feed_pieces(&line, AUTH_VERB_LINE_MAX, line.len);
		ck_assert_str_eq(buf_text(&w.out), "");
		fixture_feed(&w, "RSET\r\n", 6, false);
		ck_assert_msg(strncmp(buf_text(&w.out), "250", 3) == 0, "%s", buf_text(&w.out));
		fixture_done(&w);
		buf_done(&line);
	}
}
END_TEST

/* The end of the session gives the place back. */
START_TEST(ends_early)
{
	struct buf line = make_line("AUTH GSSAPI ", AUTH_IN_TOKEN_MAX);

	begin();
	feed_pieces(&line, 0, 20000);
	ck_assert_uint_eq(w.long_lines, 1);
	session_expire(&w.s);
	ck_assert_uint_eq(w.long_lines, 0);
	fixture_done(&w);
	buf_done(&line);
}
END_TEST

UNIT_MAIN("auth_line", limits, other_mechanisms, cut_short, ends_early)
