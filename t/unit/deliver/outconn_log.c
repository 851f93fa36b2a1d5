/*
 * outconn_log - sessions with remote hosts in the protocol log: verbs of a list by
 * name, all else by its length, content and secrets never
 */
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/log_watch.h"
#include "common/mail/message.h"
#include "deliver/outbound/outbound.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/captured_w3clog.h"

static const struct row {
	const char *out;		/* what waits to be sent */
	enum client_phase phase;
	bool out_is_auth;
	size_t logged;			/* bytes of it that were logged before */
	const char *lines;		/* method, query, bytes */
} rows[] = {
	{ "EHLO us.example\r\n", CLIENT_EHLO, false, 0, "EHLO us.example 4\n" },
	{ "MAIL FROM:<a@b.example> SIZE=9\r\nRCPT TO:<c@d.example>\r\nDATA\r\n", CLIENT_MAIL, false, 0,
	    "MAIL FROM:<a@b.example>+SIZE=9 4\nRCPT TO:<c@d.example> 4\nDATA - 4\n" },
	{ "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n", CLIENT_MAIL, false, 25,
	    "RCPT TO:<c@d.example> 4\n" },
	{ "RCPT TO:<c@d.example>\r\n", CLIENT_MAIL, false, 23, "" },
	{ "mail from:<>\r\nQUIT\r\n", CLIENT_MAIL, false, 0, "mail from:<> 4\nQUIT - 4\n" },
	/* of AUTH the mechanism; a line that is no command of ours is a number */
	{ "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", CLIENT_AUTH, false, 0, "AUTH PLAIN 4\n" },
	{ "AUTH LOGIN\r\n", CLIENT_AUTH, false, 0, "AUTH LOGIN 4\n" },
	{ "AGFsaWNlAHNlY3JldA==\r\n", CLIENT_AUTH, false, 0, "- - 20\n" },
	{ "AGFsaWNlAHNlY3JldA==\r\n", CLIENT_AUTH, true, 0, "- - 20\n" },
	/* the first answer may look like a command */
	{ "NOOP\r\n", CLIENT_AUTH, true, 0, "- - 4\n" },
	{ "XTOKEN secret\r\n", CLIENT_EHLO, false, 0, "- - 13\n" },
	/* content */
	{ "MAIL FROM:<not@a.command>\r\nsecret\r\n", CLIENT_SENDING, false, 0, "" },
	{ ".\r\n", CLIENT_DOT, false, 0, "" },
};

static const char *const fields[] = { "cs-method", "cs-uri-query", "sc-bytes", NULL };

START_TEST(commands)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf lines = BUF_INIT(1 << 16);
		struct captured_w3clog paper;
		struct outbound outbound = { 0 };
		struct site site = { .o = &outbound };
		struct outconn conn = { .site = &site, .ip = "192.0.2.1", .port = 25,
		    .logged = rows[i].logged };

		captured_w3clog_open(&paper, fields);
		outbound.log = paper.log;
		buf_init(&conn.client.out, 1 << 16);
		buf_puts(&conn.client.out, rows[i].out);
		conn.client.phase = rows[i].phase;
		conn.client.out_is_auth = rows[i].out_is_auth;
		outconn_log_commands(&conn);
		outconn_log_commands(&conn);	/* and once is enough */
		ck_assert_uint_eq(conn.logged, conn.client.out.len);
		captured_w3clog_close(&paper, &lines);
		ck_assert_msg(strcmp(buf_text(&lines), rows[i].lines) == 0, "row %zu: %s", i,
		    buf_text(&lines));
		buf_done(&conn.client.out);
		buf_done(&lines);
	}
}
END_TEST

START_TEST(replies)
{
	static const struct { enum client_phase phase; const char *line; } said[] = {
		{ CLIENT_EHLO, "250-mx.example greets \"us\"" }, { CLIENT_AUTH, "334 c2VjcmV0" },
		{ CLIENT_AUTH, "535 5.7.8 no" }, { CLIENT_MAIL, "334 x" },
		{ CLIENT_MAIL, "25" }, { CLIENT_MAIL, "" },
	};
	struct buf lines = BUF_INIT(1 << 16);
	struct captured_w3clog paper;
	struct outbound outbound = { 0 };
	struct site site = { .o = &outbound };
	struct outconn conn = { .site = &site, .ip = "192.0.2.1", .port = 25 };

	captured_w3clog_open(&paper, fields);
	outbound.log = paper.log;
	for (size_t i = 0; i < nitems_of(said); i++) {
		conn.client.phase = said[i].phase;
		outconn_log_reply(&conn, said[i].line, strlen(said[i].line));
	}
	captured_w3clog_close(&paper, &lines);
	ck_assert_str_eq(buf_text(&lines),
	    "- 250-mx.example+greets+%22us%22 26\n- 334 12\n- 535+5.7.8+no 12\n- 334+x 5\n- 25 2\n- - 0\n");
	buf_done(&lines);
}
END_TEST

/* Without a log nothing is looked at, but the place is kept. */
START_TEST(none)
{
	struct outbound outbound = { 0 };
	struct site site = { .o = &outbound };
	struct outconn conn = { .site = &site };

	buf_init(&conn.client.out, 100);
	buf_puts(&conn.client.out, "QUIT\r\n");
	outconn_log_commands(&conn);
	ck_assert_uint_eq(conn.logged, 6);
	buf_done(&conn.client.out);
}
END_TEST

/* Who follows the message gets the same, also without a log: no secret, no content; of another nothing. */
START_TEST(followed)
{
	static const char *const ids[] = { "1k1d803g5zfpbxm8", "1k1d803g5zfpbxm9" };
	struct outbound outbound = { 0 };
	struct site site = { .o = &outbound };
	char line[LOG_WATCH_LINE_MAX + 1] = "";
	struct buf told = BUF_INIT(1 << 16);
	int pair[2];

	log_open("postern-test", "", LOG_TO_STDERR);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(log_watch_follow(pair[0], ids[0]), 0);
	for (size_t k = 0; k < nitems_of(ids); k++) {
		struct message_envelope e = { .nrcpt = 1 };
		struct outbound_job job = { .e = &e };
		struct outconn conn = { .site = &site, .job = &job };

		memcpy(e.id, ids[k], sizeof(e.id));
		for (size_t i = 0; i < nitems_of(rows); i++) {
			buf_init(&conn.client.out, 1 << 16);
			buf_puts(&conn.client.out, rows[i].out);
			conn.client.phase = rows[i].phase;
			conn.client.out_is_auth = rows[i].out_is_auth;
			conn.logged = rows[i].logged;
			outconn_log_commands(&conn);
			buf_done(&conn.client.out);
		}
		conn.client.phase = CLIENT_AUTH;
		outconn_log_reply(&conn, "334 c2VjcmV0", 12);
	}
	while (recv(pair[1], line, sizeof(line) - 1, MSG_DONTWAIT) > 0) {
		buf_printf(&told, "%s\n", strstr(line, " event=") + 7);
		memset(line, 0, sizeof(line));
	}
	ck_assert_str_eq(buf_text(&told), "command line=\"EHLO us.example\"\n"
	    "command line=\"MAIL FROM:<a@b.example> SIZE=9\"\ncommand line=\"RCPT TO:<c@d.example>\"\n"
	    "command line=DATA\ncommand line=\"RCPT TO:<c@d.example>\"\ncommand line=\"mail from:<>\"\n"
	    "command line=QUIT\ncommand line=\"AUTH PLAIN\"\ncommand line=\"AUTH LOGIN\"\n"
	    "reply line=334\n");
	buf_done(&told);
	close(pair[1]);
	log_watch_sweep();
}
END_TEST

UNIT_MAIN("outconn_log", commands, replies, none, followed)
