/*
 * inbound_log - sessions in the protocol log: each command with its last reply
 * and its bytes, and no secret whatever the client does
 */
#include "common/msg/msg_auth_in.h"
#include "listener/connection/connection.h"
#include "listener/smtp/smtp.h"
#include "t/unit/listener/session_fixture.h"
#include "t/unit/captured_w3clog.h"

struct scene {
	struct session_fixture w;			/* first: the operations get it */
	struct inbound_log record;
	struct message_id_scan scan;
};

static void
on_send(void *arg, const char *data, size_t len)
{
	struct scene *s = arg;

	fixture_send(arg, data, len);
	inbound_log_reply(&s->record, data, len);
}

static void
on_command(void *arg, const char *line, size_t len)
{
	struct scene *s = arg;

	inbound_log_command(&s->record, line, len);
}

static int
on_begin(void *arg, struct message_envelope *e, bool mend)
{
	struct scene *s = arg;

	s->scan = (struct message_id_scan){ .len = 0 };
	inbound_log_begin(&s->record, &s->scan);
	return fixture_begin(arg, e, mend);
}

static bool
on_add(void *arg, const char *data, size_t len)
{
	struct scene *s = arg;

	message_id_scan_add(&s->scan, data, len);
	return fixture_add(arg, data, len);
}

/* The client's bytes lie in memory that is gone when the call returns, as in conn. */
static void
say(struct scene *s, const char *text)
{
	size_t len = strlen(text);

	while (len > 0 && !s->w.closed) {
		char *copy = mem_strndup(text, len);
		size_t used = session_input(&s->w.s, copy, len);

		inbound_log_keep(&s->record);
		memset(copy, 'x', len);
		free(copy);
		ck_assert(used > 0 || s->w.s.phase == PHASE_AUTH_HELPER);
		if (used == 0)
			return;
		text += used;
		len -= used;
		if (s->w.storing) {
			s->w.storing = false;
			s->record.id = "0123456789abcdef";
			session_stored(&s->w.s, 0, "0123456789abcdef");
		}
	}
}

static void
answer(struct scene *s, enum msg_auth_in_result result)
{
	static struct msg_auth_in_answer a;

	a.result = (uint8_t)result;
	strcpy(a.user, "alice");
	session_auth_answered(&s->w.s, &a);
}

/* What is fed, in order: text of the client; or a word of the auth helper, the clock, the socket. */
#define CHALLENGED "\1"
#define ADMITTED "\2"
#define DENIED "\3"
#define IDLE "\4"
#define GONE "\5"
#define SECRET64 "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"
#define SECRET1024 SECRET64 SECRET64 SECRET64 SECRET64 SECRET64 SECRET64 SECRET64 SECRET64 \
	SECRET64 SECRET64 SECRET64 SECRET64 SECRET64 SECRET64 SECRET64 SECRET64
#define LONG_ANSWER SECRET1024 SECRET1024 SECRET1024 SECRET1024 SECRET1024 SECRET1024 SECRET1024 SECRET1024 SECRET1024 SECRET1024 SECRET1024 SECRET1024 "c2VjcmV0"

static const struct row {
	const char *const *said;
	const char *lines;		/* method, query, status, bytes to the client, bytes from it */
} rows[] = {
	{ (const char *const[]){ "EHLO c\r\n",
	    "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n",
	    "Subject: x\r\nmessage-ID:\r\n <1@x>\r\n\r\nbody\r\n", "..\r\n.\r\n", "QUIT\r\n", NULL },
	    "EHLO +c 250 0 6\nMAIL +FROM:<a@b.example> 250 0 23\nRCPT +TO:<c@example.com> 250 0 23\nDATA "
	    "+<1@x> 250 0 44\nQUIT c 240 0 4\n" },
	/* one content, two chunks; the line of the last one has its id */
	{ (const char *const[]){ "EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<c@example.com>\r\nBDAT 6\r\n",
	    "abcd\r\nBDAT 2 LAST\r\n\r\n", "NOOP\r\n", GONE, NULL },
	    "EHLO +c 250 0 6\nMAIL +FROM:<> 250 0 12\nRCPT +TO:<c@example.com> 250 0 23\nBDAT +6 250 0 "
	    "6\nBDAT +2+LAST 250 0 2\nNOOP - 250 0 4\nQUIT c 240 0 0\n" },
	/* the answer of a mechanism, at once or later, is nowhere; its length is */
	{ (const char *const[]){ "EHLO c\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", ADMITTED, "RSET\r\n", GONE,
	    NULL },
	    "EHLO +c 250 0 6\nAUTH +PLAIN 235 0 31\nRSET - 250 0 4\nQUIT c 240 0 0\n" },
	{ (const char *const[]){ "EHLO c\r\n", "AUTH LOGIN\r\n", CHALLENGED, "YWxpY2U=\r\n", CHALLENGED,
	    "c2VjcmV0\r\n", DENIED, "c2VjcmV0\r\n", "secret word\r\n", "NOOP\r\n", GONE, NULL },
	    "EHLO +c 250 0 6\nAUTH +LOGIN 535 0 10\n- - 500 0 8\n- - 500 0 11\nNOOP - 250 0 4\nQUIT c 240 0 "
	    "0\n" },
	/* refused at once: the client sends its answers all the same */
	{ (const char *const[]){ "EHLO c\r\nAUTH CRAM-MD5\r\nYWxpY2U=\r\nc2VjcmV0\r\n", GONE, NULL },
	    "EHLO +c 250 0 6\nAUTH +CRAM-MD5 504 0 13\n- - 500 0 8\n- - 500 0 8\nQUIT c 240 0 0\n" },
	/* clients that cannot spell */
	{ (const char *const[]){ "AUTH=PLAIN AGFsaWNlAHNlY3JldA==\r\nsecret\r\n", GONE, NULL },
	    "AUTH - 500 0 31\n- - 500 0 6\nQUIT - 240 0 0\n" },
	{ (const char *const[]){ " AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n", GONE, NULL },
	    "- +AUTH+PLAIN 500 0 32\nQUIT - 240 0 0\n" },
	{ (const char *const[]){ "AUTH\tPLAIN\tAGFsaWNlAHNlY3JldA==\r\n", ADMITTED, GONE, NULL },
	    "AUTH %09PLAIN 235 0 31\nQUIT - 240 0 0\n" },
	{ (const char *const[]){ "AUTH\tCRAM-MD5\r\nYWxpY2U=\r\nc2VjcmV0\r\n", GONE, NULL },
	    "AUTH %09CRAM-MD5 504 0 13\n- - 500 0 8\n- - 500 0 8\nQUIT - 240 0 0\n" },
	{ (const char *const[]){ "authPLAIN:AGFsaWNl\r\n", GONE, NULL },
	    "authPLAIN - 500 0 18\nQUIT - 240 0 0\n" },
	{ (const char *const[]){ "EHLO c\r\nAUTH AGFsaWNlAHNlY3JldA==\r\nAUTH c2VjcmV0\r\nauth "
	    "plainAGFsaWNlAHNlY3JldA==\r\nAUTHAGFsaWNl\r\nauth ntlm\r\n", GONE, NULL },
	    "EHLO +c 250 0 6\nAUTH - 504 0 25\nAUTH - 504 0 13\nauth - 504 0 30\nAUTH - 500 0 12\nauth +ntlm "
	    "504 0 9\nQUIT c 240 0 0\n" },
	/* an answer that ends in LF, or does not end */
	{ (const char *const[]){ "EHLO c\r\nAUTH LOGIN\r\n", CHALLENGED, "c2VjcmV0\nc2VjcmV0\r\n", "AUTH LOGIN\r\n",
	    CHALLENGED, LONG_ANSWER, "\r\nNOOP\r\n", GONE, NULL },
	    "EHLO +c 250 0 6\nAUTH +LOGIN 500 0 10\nAUTH +LOGIN 500 0 10\nNOOP - 250 0 4\nQUIT c 240 0 0\n" },
	/* a chunk that was refused is no content; an id in the body is none */
	{ (const char *const[]){ "EHLO c\r\nBDAT 4\r\nabcdMAIL FROM:<>\r\nRCPT "
	    "TO:<c@example.com>\r\nDATA\r\nSubject: x\r\n\r\nMessage-ID: <2@x>\r\n.\r\n", GONE, NULL },
	    "EHLO +c 250 0 6\nBDAT +4 503 0 6\nMAIL +FROM:<> 250 0 12\nRCPT +TO:<c@example.com> 250 0 "
	    "23\nDATA - 250 0 33\nQUIT c 240 0 0\n" },
	{ (const char *const[]){ "EHLO c\r\nAUTH PLAIN AGFsaWNlAHNlY3JldA==\nAGFsaWNl\r\nNOOP\r\n", GONE, NULL },
	    "EHLO +c 250 0 6\nAUTH +PLAIN 500 0 31\nNOOP - 250 0 4\nQUIT c 240 0 0\n" },
	/* in the middle of its answer the client goes, or is too slow */
	{ (const char *const[]){ "EHLO c\r\nAUTH PLAIN\r\n", CHALLENGED, GONE, NULL },
	    "EHLO +c 250 0 6\nAUTH +PLAIN 334 0 10\nQUIT c 240 0 0\n" },
	{ (const char *const[]){ "EHLO c\r\n", IDLE, NULL }, "EHLO +c 250 0 6\nTIMEOUT c 121 0 0\n" },
	{ (const char *const[]){ GONE, NULL }, "QUIT - 240 0 0\n" },
	/* bytes that are no text, and a line within a line */
	{ (const char *const[]){ "N\1OOP \"x\"\r\nEHLO a\nHELP\r\nHELP\r\nMAIL %41\r\n", GONE, NULL },
	    "N%01OOP +%22x%22 500 0 9\nEHLO +a 500 0 6\nHELP - 214 0 4\nMAIL +%2541 501 0 8\nQUIT - 240 0 "
	    "0\n" },
};

/* Without the bytes that were sent: each reply's length is the reply table's affair. */
static void
forget_sent(struct buf *lines)
{
	char *from = lines->data, *to = lines->data, *end = lines->data + lines->len;
	unsigned column = 0;

	for (; from < end; from++) {
		column = *from == '\n' ? 0 : column + (*from == ' ');
		if (column == 3 && *from != ' ') {
			if (from[-1] == ' ')
				*to++ = '0';
			continue;
		}
		*to++ = *from;
	}
	*to = '\0';
	lines->len = (size_t)(to - lines->data);
}

static void
play(const struct row *row, struct buf *lines)
{
	static const char *const fields[] = { "cs-method", "cs-uri-query", "sc-status", "sc-bytes",
	    "cs-bytes", NULL };
	struct session_ops ops = fixture_ops;
	struct captured_w3clog paper;
	struct scene s;

	ops.send = on_send;
	ops.command = on_command;
	ops.begin = on_begin;
	ops.add = on_add;
	captured_w3clog_open(&paper, fields);
	fixture_init(&s.w);
	s.w.server.authentication = CONFIG_AUTH_ANONYMOUS | CONFIG_AUTH_BASIC;
	s.w.server.basic_requires_tls = false;
	s.w.policy.address = (const struct sockaddr *)&s.w.client.sa;
	session_init(&s.w.s, &s.w.server, &ops, &s, &s.w.policy, s.w.ip);
	inbound_log_open(&s.record, paper.log, &s.w.s, -1, NULL);
	session_greet(&s.w.s);
	for (size_t i = 0; row->said[i] != NULL; i++) {
		if (row->said[i][0] >= CHALLENGED[0] && row->said[i][0] <= DENIED[0])
			answer(&s, row->said[i][0] == 1 ? AUTH_IN_CHALLENGE : row->said[i][0] == 2 ?
			    AUTH_IN_OK : AUTH_IN_FAILED);
		else if (row->said[i][0] == IDLE[0]) {
			s.record.idle = true;
			session_expire(&s.w.s);
		} else if (row->said[i][0] == GONE[0])
			session_eof(&s.w.s);
		else
			say(&s, row->said[i]);
	}
	inbound_log_close(&s.record);
	inbound_log_close(&s.record);	/* and once is enough */
	inbound_log_done(&s.record);
	fixture_done(&s.w);
	captured_w3clog_close(&paper, lines);
}

START_TEST(lines)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf out = BUF_INIT(1 << 20);

		play(&rows[i], &out);
		forget_sent(&out);
		ck_assert_str_eq(buf_text(&out), rows[i].lines);
		ck_assert_ptr_null(strstr(buf_text(&out), "AGFsaWNl"));
		ck_assert_ptr_null(strstr(buf_text(&out), "c2VjcmV0"));
		buf_done(&out);
	}
}
END_TEST

/* A command that waits for a name is run twice: its time is that from its first coming to its answer. */
START_TEST(waited)
{
	static const char *const fields[] = { "cs-method", "time-taken", NULL };
	struct session s = { .ip = "192.0.2.1" };
	struct buf out = BUF_INIT(1 << 20);
	struct captured_w3clog paper;
	struct inbound_log r;
	unsigned long long first = 0, second = 0;

	captured_w3clog_open(&paper, fields);
	inbound_log_open(&r, paper.log, &s, -1, NULL);
	inbound_log_command(&r, "RCPT TO:<x@y>", 13);
	inbound_log_keep(&r);
	r.since_ms -= 5000;
	inbound_log_command(&r, "RCPT TO:<x@y>", 13);
	inbound_log_reply(&r, "250 x\r\n", 7);
	inbound_log_command(&r, "NOOP", 4);
	inbound_log_reply(&r, "250 x\r\n", 7);
	inbound_log_close(&r);
	inbound_log_done(&r);
	captured_w3clog_close(&paper, &out);
	ck_assert_int_eq(sscanf(buf_text(&out), "RCPT %llu NOOP %llu", &first, &second), 2);
	ck_assert_msg(first >= 5000 && second < 5000, "%s", buf_text(&out));
	buf_done(&out);
}
END_TEST

/* Without a protocol log nothing is stored for it. */
START_TEST(none)
{
	struct session s = { .ip = "192.0.2.1" };
	const struct message_id_scan scan = { .len = 0 };
	struct inbound_log r;

	inbound_log_open(&r, NULL, &s, -1, NULL);
	inbound_log_command(&r, "NOOP", 4);
	inbound_log_keep(&r);
	inbound_log_begin(&r, &scan);
	inbound_log_reply(&r, "250 x\r\n", 7);
	ck_assert(r.line == NULL && r.header == NULL);
	inbound_log_close(&r);
	inbound_log_done(&r);
}
END_TEST

UNIT_MAIN("inbound_log", lines, waited, none)
