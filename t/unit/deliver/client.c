/* client - dialogues as transcripts, each run whole and byte by byte */

#include <stdio.h>
#include <string.h>

#include "common/mail/message.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

/*
 * A transcript: lines of a letter and a text.
 *   S  the host sends the line         C  we send the line (exactly this, nothing else)    B  the same
 *   without CRLF; \n is LF
 *   M  client_transaction_begin                    A  what is asked for now: wait ready done close
 *   F  client_finish: final elsewhere lost
 *   H  the handshake is over           N  it failed: REASON       X  STATUS of the failure, and of TLS
 *   K  what became of clear text: taken refused wants
 *   D  EXTENSION ... that may be the reason; sure          W  those are left out
 *   V  INDEX WHAT STATUS CODE          L  the connection is lost    T  the time is over    Q  client_quit
 *   O  client_overdue, before what we send has left
 * Content is given whenever it is asked for.
 */
struct row {
	const char *name;
	unsigned flags;			/* of the message */
	size_t rcpt;
	const char *content;
	bool helo;
	const char *transcript;
};

#define ASCII_HEADER 0x20000U	/* and its header needs no SMTPUTF8 */
/* Of the first recipient; the second has a local part, the others nothing that is not ASCII */
#define IDN_DOMAINS 0x40000U
#define IDN_LOCALS 0x80000U	/* of all */
#define TLS(mode) ((unsigned)(mode) << 24)
#define WITH_DSN 0x10000U	/* flags of rows: the message has DSN parameters */
#define SUBMITTED 0x100000U	/* and a client that has authenticated said who submitted it */
#define KNOWN 0x200000U		/* the host knows us: AUTH went well */
#define GIVEN_UP 0x400000U	/* in clear only because TLS failed */
#define FOLD 0x800000U		/* long lines are broken */

struct run {
	struct client c;
	struct message_envelope e;
	struct verdict verdict[4];
	size_t index[4];
	const struct row *row;
	bool bytewise;
	struct buf input, expect;
	const char *where;
};

static void
act(struct run *r)
{
	while (client_action(&r->c) == CLIENT_CONTENT) {
		const char *p = r->row->content;
		size_t len = strlen(p), step = r->bytewise ? 1 : len;

		for (size_t at = 0; at < len; at += step)
			client_content(&r->c, p + at, step);
		client_content_end(&r->c);
	}
}

static void
feed_input(struct run *r)
{
	size_t step = r->bytewise ? 1 : r->input.len;

	for (size_t at = 0; at < r->input.len; at += step)
		client_input(&r->c, r->input.data + at, step);
	if (r->input.len > 0) {
		act(r);
		buf_clear(&r->input);
	}
}

static void
compare(struct run *r)
{
	feed_input(r);
	ck_assert_msg(strcmp(buf_text(&r->c.out), buf_text(&r->expect)) == 0,
	    "%s: before \"%.30s\": sent \"%s\", expected \"%s\"",
	    r->row->name, r->where, buf_text(&r->c.out), buf_text(&r->expect));
	client_sent(&r->c, r->c.out.len);
	buf_clear(&r->expect);
}

static const char *const action_names[] = {
	[CLIENT_WAIT] = "wait", [CLIENT_READY] = "ready", [CLIENT_CONTENT] = "content",
	[CLIENT_DONE] = "done", [CLIENT_CLOSE] = "close", [CLIENT_HANDSHAKE] = "handshake",
};
static const char *const security_names[] = { [CLIENT_IN_CLEAR] = "clear", [CLIENT_SECURED] = "tls",
    [CLIENT_TLS_CUT] = "cut", [CLIENT_TLS_BROKEN] = "broken", [CLIENT_TLS_UNPROVEN] = "unproven" };
static const char *const clear_names[] = { [CLIENT_CLEAR_TAKEN] = "taken", [CLIENT_CLEAR_REFUSED] = "refused",
    [CLIENT_CLEAR_WANTS_TLS] = "wants" };
static const char *const fate_names[] = { [CLIENT_FINAL] = "final", [CLIENT_ELSEWHERE] = "elsewhere",
    [CLIENT_LOST] = "lost", [CLIENT_AGAIN] = "again" };

static void
check_verdict(struct run *r, const char *text)
{
	char what[20], status[20];
	unsigned index;
	int code;
	const struct verdict *v;

	ck_assert_int_eq(sscanf(text, "%u %19s %19s %d", &index, what, status, &code), 4);
	v = &r->verdict[index];
	ck_assert_msg(strcmp(verdict_name(v->what), what) == 0 && strcmp(v->status, status) == 0 &&
	    v->code == code,
	    "%s: recipient %u: %s %s %d \"%s\", expected %s", r->row->name, index, verdict_name(v->what),
	    v->status, v->code, v->text, text);
	ck_assert_str_eq(v->host, "mx.example");
}

static void
check_doubt(struct run *r, const char *text)
{
	static const struct { const char *name; unsigned offer; } names[] = {
		{ "pipelining", CLIENT_PIPELINING }, { "size", CLIENT_SIZE }, { "8bitmime", CLIENT_8BITMIME },
		{ "smtputf8", CLIENT_SMTPUTF8 }, { "chunking", CLIENT_CHUNKING }, { "dsn", CLIENT_DSN },
		{ "binarymime", CLIENT_BINARYMIME }, { "submitter", CLIENT_SUBMITTER },
		{ "several", CLIENT_SEVERAL },
	};
	char got[100] = "";

	for (size_t i = 0; i < nitems_of(names); i++)
		if (r->c.doubted & names[i].offer)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s ", names[i].name);
	snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s", r->c.doubt_is_sure ? "sure" : "");
	while (got[0] != '\0' && got[strlen(got) - 1] == ' ')
		got[strlen(got) - 1] = '\0';
	ck_assert_msg(strcmp(got, text) == 0, "%s: in doubt \"%s\", expected \"%s\"", r->row->name, got, text);
}

static void
begin_transaction(struct run *r)
{
	struct client_mail mail = { .e = &r->e, .sender = r->e.sender, .index = r->index,
	    .count = r->row->rcpt, .verdict = r->verdict,
	    .ascii_header = (r->row->flags & ASCII_HEADER) != 0, .fold = (r->row->flags & FOLD) != 0 };
	struct client_fold f = { .emit = NULL };

	client_fold_add(&f, r->row->content, strlen(r->row->content));
	mail.added = mail.fold ? f.added : 0;
	if (r->row->flags & KNOWN)
		r->c.opening = CLIENT_AUTHENTICATED;
	client_transaction_begin(&r->c, &mail);
}

static void
do_line(struct run *r, char letter, const char *text)
{
	switch (letter) {
	case 'S':
		if (r->input.len == 0)
			compare(r);
		buf_printf(&r->input, "%s\r\n", text);
		return;
	case 'B':
		feed_input(r);
		for (; *text != '\0'; text++) {
			bool lf = text[0] == '\\' && text[1] == 'n';

			buf_add(&r->expect, lf ? "\n" : text, 1);
			text += lf;
		}
		return;
	case 'C':
		feed_input(r);
		buf_printf(&r->expect, "%s\r\n", text);
		return;
	case 'O':
		feed_input(r);
		break;
	default:
		compare(r);
	}
	switch (letter) {
	case 'M':
		begin_transaction(r);
		break;
	case 'A':
		ck_assert_msg(strcmp(action_names[client_action(&r->c)], text) == 0,
		    "%s: action %s, expected %s", r->row->name, action_names[client_action(&r->c)], text);
		break;
	case 'F': {
		enum client_fate fate;

		ck_assert_msg(client_action(&r->c) == CLIENT_DONE, "%s: not done", r->row->name);
		fate = client_finish(&r->c);
		ck_assert_msg(strcmp(fate_names[fate], text) == 0, "%s: fate %s, expected %s", r->row->name,
		    fate_names[fate], text);
		break;
	}
	case 'V':
		check_verdict(r, text);
		break;
	case 'H':
		client_secured(&r->c);
		break;
	case 'N':
		client_insecure(&r->c, CLIENT_TLS_BROKEN, text);
		break;
	case 'X': {
		char got[40];

		snprintf(got, sizeof(got), "%s %s", r->c.failure.status, security_names[r->c.security]);
		ck_assert_msg(r->c.failure.what == (text[0] == '5' ? VERDICT_REFUSED : VERDICT_LATER) &&
		    strcmp(got, text) == 0,
		    "%s: failure %s \"%s\", expected %s", r->row->name, got, r->c.failure.text, text);
		break;
	}
	case 'K':
		ck_assert_msg(strcmp(clear_names[r->c.clear], text) == 0, "%s: clear text %s, expected %s",
		    r->row->name, clear_names[r->c.clear], text);
		break;
	case 'D':
		check_doubt(r, text);
		break;
	case 'W':
		r->c.without = r->c.doubted;
		r->c.phase = CLIENT_BETWEEN;	/* of another connection, just as far */
		r->c.mail_open = false;
		break;
	case 'L':
		client_lost(&r->c, text);
		break;
	case 'T':
		client_timeout(&r->c);
		break;
	case 'O':
		client_overdue(&r->c);
		buf_clear(&r->c.out);
		break;
	case 'Q':
		client_quit(&r->c);
		break;
	default:
		ck_abort_msg("%s: letter %c", r->row->name, letter);
	}
}

static void
run(const struct row *row, bool bytewise)
{
	struct run r = { .row = row, .bytewise = bytewise, .input = BUF_INIT(1U << 20),
	    .expect = BUF_INIT(1U << 20) };
	char text[1100];

	r.e.sender = mem_strdup("a@us.example");
	for (size_t i = 0; i < row->rcpt; i++) {
		snprintf(text, sizeof(text), "r%zu@x.example", i);
		message_envelope_add(&r.e, text);
		r.index[i] = i;
	}
	r.e.flags = row->flags & 0xffffU;
	for (size_t i = 0; i < row->rcpt && row->flags & (IDN_DOMAINS | IDN_LOCALS); i++) {
		bool domain = i == 0 && row->flags & IDN_DOMAINS;

		if (i > 1 && row->flags & IDN_DOMAINS)
			break;
		free(r.e.rcpt[i].address);
		r.e.rcpt[i].address = mem_strdup(domain ? "r@b\xc3\xbc" "cher.example" :
		    "\xc3\xbc@x.example");
	}
	if (row->flags & SUBMITTED)
		r.e.auth = mem_strdup("e+2Bf@us.example");
	if (row->flags & WITH_DSN) {
		r.e.ret = RET_HDRS;
		r.e.envid = mem_strdup("QQ+2B1");
		r.e.rcpt[0].notify = NOTIFY_SUCCESS | NOTIFY_DELAY;
		r.e.rcpt[0].orcpt = mem_strdup("utf-8;\xc3\xbc@x.example");
	}
	r.e.content_size = (off_t)strlen(row->content);
	client_init(&r.c, &(struct client_settings){ .fqdn = "us.example", .host = "mx.example",
	    .helo = row->helo, .tls = (enum client_tls)(row->flags >> 24),
	    .tls_given_up = (row->flags & GIVEN_UP) != 0 });
	for (const char *p = row->transcript; *p != '\0';) {
		const char *lf = strchr(p, '\n');

		ck_assert_ptr_nonnull(lf);
		snprintf(text, sizeof(text), "%.*s", (int)(lf - p - 2 > 0 ? lf - p - 2 : 0), p + 2);
		r.where = p;
		do_line(&r, p[0], text);
		p = lf + 1;
	}
	r.where = "the end";
	compare(&r);
	client_done(&r.c);
	message_envelope_done(&r.e);
	buf_done(&r.input);
	buf_done(&r.expect);
}

#define HELLO "S 220 mx.example ready\nC EHLO us.example\n"
#define PLAIN HELLO "S 250 mx.example\nA ready\n"
#define PIPES HELLO "S 250-mx.example greets you\nS 250-SIZE 1000\nS 250-8bitmime\nS 250 PIPELINING\nA " \
    "ready\n"
#define CHUNKS HELLO "S 250-mx.example\nS 250-CHUNKING\nS 250-BINARYMIME\nS 250-8BITMIME\nS 250-DSN\nS 250 " \
    "PIPELINING\nA ready\n"
#define MAIL_PIPES "C MAIL FROM:<a@us.example> SIZE=4\n"
#define RCPT0 "C RCPT TO:<r0@x.example>\n"
#define RCPT1 "C RCPT TO:<r1@x.example>\n"
#define X10 "xxxxxxxxxx"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
#define X900 X100 X100 X100 X100 X100 X100 X100 X100 X100
#define X997 X900 X10 X10 X10 X10 X10 X10 X10 X10 X10 "xxxxxxx"
#define X998 X997 "x"
#define RCPT2 "C RCPT TO:<r2@x.example>\n"

#define MAY TLS(CLIENT_TLS_MAY)
#define MUST TLS(CLIENT_TLS_MUST)
#define OFFERED HELLO "S 250-mx.example\nS 250-SIZE 3\nS 250-PIPELINING\nS 250 STARTTLS\n"
#define BEGUN OFFERED "C STARTTLS\nA wait\n"
#define SHAKING BEGUN "S 220 go ahead\nA handshake\n"

static const struct row rows[] = {
	{ "TLS offered, not wanted", 0, 1, "hi\r\n", false, OFFERED "A ready\n" },
	{ "TLS begins the dialogue anew", MAY, 1, "hi\r\n", false,
	  SHAKING "H\nC EHLO us.example\nA wait\nS 250-mx.example\nS 250-STARTTLS\nS 250 8BITMIME\nA "
	    "ready\nM\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 },
	{ "what stands behind the 220 is dropped", MUST, 1, "hi\r\n", false,
	  BEGUN "S 220 go ahead\nS 250-injected\nS 250 PIPELINING\nS 250 ok\nA handshake\nH\nC EHLO "
	    "us.example\nS 250 mx.example\nA ready\n"
	  "M\nC MAIL FROM:<a@us.example>\n" },
	{ "half a line behind the 220", MUST, 1, "hi\r\n", false,
	  BEGUN "S 220 go ahead\nS 250-inj\nA handshake\nH\nC EHLO us.example\nS 250 mx.example\nA ready\n" },
	{ "EHLO refused under TLS", MUST, 1, "hi\r\n", false,
	    SHAKING "H\nC EHLO us.example\nS 502 no\nC HELO us.example\nS 250 x\nA ready\n" },
	{ "may, not offered", MAY, 1, "hi\r\n", false, HELLO "S 250 mx.example\nA ready\n" },
	{ "may, HELO", MAY, 1, "hi\r\n", true, "S 220 x\nC HELO us.example\nS 250 x\nA ready\n" },
	{ "may, STARTTLS refused", MAY, 1, "hi\r\n", false,
	    BEGUN "S 454 4.7.0 no key\nA close\nX 4.7.4 cut\n" },
	{ "may, STARTTLS refused for ever", MAY, 1, "hi\r\n", false,
	    BEGUN "S 501 5.5.4 what\nA close\nX 4.7.4 broken\n" },
	{ "may, STARTTLS answered with 2xx", MAY, 1, "hi\r\n", false,
	    BEGUN "S 250 ok\nA close\nX 4.5.0 broken\n" },
	{ "may, busy at STARTTLS", MAY, 1, "hi\r\n", false,
	    BEGUN "S 421 4.3.2 bye\nA close\nX 4.3.2 clear\n" },
	{ "may, lost at STARTTLS", MAY, 1, "hi\r\n", false, BEGUN "L reset\nA close\nX 4.4.2 cut\n" },
	{ "may, silent at STARTTLS", MAY, 1, "hi\r\n", false, BEGUN "T\nA close\nX 4.4.2 cut\n" },
	{ "may, handshake failed", MAY, 1, "hi\r\n", false, SHAKING "N garbage\nA close\nX 4.7.5 broken\n" },
	{ "may, handshake endless", MAY, 1, "hi\r\n", false, SHAKING "T\nA close\nX 4.4.2 cut\n" },
	{ "may, lost after the handshake", MAY, 1, "hi\r\n", false,
	    SHAKING "H\nC EHLO us.example\nL reset\nA close\nX 4.4.2 cut\n" },
	{ "must, not offered", MUST, 1, "hi\r\n", false, HELLO "S 250 mx.example\nA close\nX 4.7.4 clear\n" },
	{ "must, EHLO refused", MUST, 1, "hi\r\n", false,
	    HELLO "S 502 no\nC HELO us.example\nS 250 mx.example\nA close\nX 4.7.4 clear\n" },
	{ "must, HELO", MUST, 1, "hi\r\n", true,
	    "S 220 x\nC HELO us.example\nS 250 x\nA close\nX 4.7.4 clear\n" },
	{ "must, STARTTLS refused", MUST, 1, "hi\r\n", false, BEGUN "S 454 no\nA close\nX 4.7.4 cut\n" },
	{ "must, handshake failed", MUST, 1, "hi\r\n", false, SHAKING "N expired\nA close\nX 4.7.5 broken\n" },
	{ "at once", TLS(CLIENT_TLS_AT_ONCE), 1, "hi\r\n", false,
	  "A handshake\nH\nA wait\nS 220 x\nC EHLO us.example\nS 250-x\nS 250 STARTTLS\nA ready\n" },
	{ "at once, failed", TLS(CLIENT_TLS_AT_ONCE), 1, "hi\r\n", false,
	    "A handshake\nN nonsense\nA close\nX 4.7.5 broken\n" },
	{ "STARTTLS under TLS that ends in nonsense", MAY, 1, "hi\r\n", false,
	    SHAKING "H\nC EHLO us.example\nS what\nA close\nX 4.5.0 tls\n" },
	/* In clear because TLS failed: no refusal is final, whatever it is about. */
	{ "given up, greeting", GIVEN_UP, 1, "hi\r\n", false, "S 554 5.7.1 no\nA close\nX 4.7.1 clear\nK refused\n" },
	{ "given up, MAIL wants TLS", GIVEN_UP, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nS 530 5.7.0 Must issue a STARTTLS command first\nA done\n"
	    "V 0 later 4.7.0 530\nF elsewhere\nK wants\n" },
	{ "given up, RCPT", GIVEN_UP, 2, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 250 ok\n" RCPT1
	    "S 550 5.7.10 Encryption needed\nC DATA\nS 354 go\nC hi\nC .\nS 250 ok\nA done\n"
	    "V 0 delivered 2.0.0 250\nV 1 later 4.7.10 550\nF final\nK wants\n" },
	{ "given up, DATA", GIVEN_UP, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 250 ok\nC DATA\nS 554 no\nA done\n"
	    "V 0 later 4.0.0 554\nF elsewhere\nK refused\n" },
	{ "given up, dot", GIVEN_UP, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 250 ok\nC DATA\nS 354 go\nC hi\nC .\n"
	    "S 550 5.7.1 no\nA done\nV 0 later 4.7.1 550\nF elsewhere\nK refused\n" },
	{ "given up, size", GIVEN_UP, 1, "hi\r\n", false,
	    HELLO "S 250-x\nS 250 SIZE 3\nM\nA done\nV 0 later 4.3.4 0\nF elsewhere\nK refused\n" },
	{ "given up, 8 bits", GIVEN_UP | MESSAGE_8BIT, 1, "hi\r\n", false,
	    PLAIN "M\nA done\nV 0 later 4.6.3 0\nF elsewhere\nK refused\n" },
	{ "given up, address", GIVEN_UP | IDN_LOCALS, 1, "hi\r\n", false,
	    PLAIN "M\nA done\nV 0 later 4.6.7 0\nF elsewhere\nK refused\n" },
	{ "given up, and all goes well", GIVEN_UP, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 450 no\nA done\nV 0 later 4.0.0 450\n"
	    "F elsewhere\nK taken\n" },
	/* HELO instead of EHLO was our choice as well. */
	{ "HELO, and it wants TLS", MAY, 1, "hi\r\n", false,
	    HELLO "S 502 no\nC HELO us.example\nS 250 x\nM\nC MAIL FROM:<a@us.example>\nS 530 5.7.0 no\n"
	    "A done\nV 0 later 4.7.0 530\nF elsewhere\nK wants\n" },
	{ "HELO, and it does not", MAY, 1, "hi\r\n", false,
	    HELLO "S 502 no\nC HELO us.example\nS 250 x\nM\nC MAIL FROM:<a@us.example>\nS 550 5.7.1 no\n"
	    "A done\nV 0 refused 5.7.1 550\nF final\nK taken\n" },
	{ "HELO for now, 8 bits", MESSAGE_8BIT, 1, "hi\r\n", false,
	    HELLO "S 451 no\nC HELO us.example\nS 250 x\nM\nA done\nV 0 later 4.6.3 0\nF elsewhere\n" },
	{ "HELO for good, 8 bits", MESSAGE_8BIT, 1, "hi\r\n", false,
	    HELLO "S 502 no\nC HELO us.example\nS 250 x\nM\nA done\nV 0 refused 5.6.3 0\nF elsewhere\n" },
	/* What an extension may have caused is no verdict: once more without it. */
	{ "BDAT not known", 0, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 4 LAST\nC hi\nS 500 what\nV 0 later 4.0.0 500\nF again\n"
	    "D chunking sure\nA close\nW\nM\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nC hi\nC .\nS 502 what\nV 0 refused 5.0.0 502\nF final\n" },
	{ "BDAT in the wrong place", 0, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 4 LAST\nC hi\nS 554 5.5.1 no\nF again\nD chunking sure\n" },
	{ "BDAT taken for DATA", 0, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 4 LAST\nC hi\nS 354 go\nF final\nD chunking sure\n" },
	{ "content refused, by chunk", 0, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 4 LAST\nC hi\nS 554 5.7.1 spam\nV 0 refused 5.7.1 554\nF final\nD \n" },
	{ "BDAT and binary", MESSAGE_BINARY | MESSAGE_8BIT, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example> BODY=BINARYMIME\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 4 LAST\nC hi\nS 500 what\nV 0 refused 5.0.0 500\nF final\n" },
	{ "lost at a chunk", 0, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 4 LAST\nC hi\nL gone\nV 0 later 4.4.2 0\nF final\nD chunking sure\n" },
	{ "chunk put off", 0, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 4 LAST\nC hi\nS 451 no\nF elsewhere\nD chunking\n" },
	{ "parameters of MAIL", WITH_DSN | MESSAGE_8BIT | SUBMITTED | KNOWN, 1, "hi\r\n", false,
	  HELLO "S 250-x\nS 250-SIZE\nS 250-8BITMIME\nS 250 DSN\nM\nC MAIL FROM:<a@us.example> SIZE=4 BODY=8BITMIME "
	    "RET=HDRS ENVID=QQ+2B1 AUTH=e+2Bf@us.example\nS 555 no\nF again\nD size 8bitmime dsn submitter sure\nW\n"
	    "M\nC MAIL FROM:<a@us.example>\nS 250 ok\nC RCPT TO:<r0@x.example>\nS 501 no\nV 0 refused 5.0.0 501\n"
	    "F final\n" },
	{ "a parameter of MAIL by name", WITH_DSN | MESSAGE_8BIT, 1, "hi\r\n", false,
	  HELLO "S 250-x\nS 250-SIZE\nS 250-8BITMIME\nS 250 DSN\nM\nC MAIL FROM:<a@us.example> SIZE=4 BODY=8BITMIME "
	    "RET=HDRS ENVID=QQ+2B1\nS 501 5.5.4 RET is not known, RETRY without\nF again\nD dsn sure\n" },
	{ "MAIL refused for another reason", WITH_DSN, 1, "hi\r\n", false,
	  HELLO "S 250-x\nS 250-SIZE\nS 250 DSN\nM\nC MAIL FROM:<a@us.example> SIZE=4 RET=HDRS ENVID=QQ+2B1\n"
	    "S 550 5.7.1 not you\nV 0 refused 5.7.1 550\nF final\nD \n" },
	{ "nothing to leave out", 0, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nS 501 no\nV 0 refused 5.0.0 501\nF final\nD \n" },
	{ "too large, and it is not", 0, 1, "hi\r\n", false,
	  HELLO "S 250-x\nS 250 SIZE 1000\nM\nC MAIL FROM:<a@us.example> SIZE=4\nS 552 5.3.4 much\nF again\n"
	    "D size sure\n" },
	{ "over quota", 0, 1, "hi\r\n", false,
	  HELLO "S 250-x\nS 250 SIZE 1000\nM\nC MAIL FROM:<a@us.example> SIZE=4\nS 552 5.2.2 much\nF final\nD \n" },
	{ "SIZE that is no number", 0, 1, "123456", false,
	    HELLO "S 250-x\nS 250 SIZE 5M\nM\nC MAIL FROM:<a@us.example> SIZE=6\n" },
	{ "NOTIFY", WITH_DSN, 2, "hi\r\n", false,
	  HELLO "S 250-x\nS 250 DSN\nM\nC MAIL FROM:<a@us.example> RET=HDRS ENVID=QQ+2B1\nS 250 ok\nC RCPT "
	    "TO:<r0@x.example> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\\x{FC}@x.example\nS 504 no\nV 0 later 4.0.0 504\n"
	    "V 1 later 4.0.0 504\nF again\nD dsn sure\nW\nM\nC MAIL FROM:<a@us.example>\nS 250 ok\n"
	    RCPT0 "S 250 ok\n" RCPT1 "S 501 no\nC DATA\nS 354 go\nC hi\nC .\nS 250 ok\n"
	    "V 0 delivered 2.0.0 250\nV 1 refused 5.0.0 501\nF final\n" },
	{ "unknown recipient with NOTIFY", WITH_DSN, 1, "hi\r\n", false,
	  HELLO "S 250-x\nS 250 DSN\nM\nC MAIL FROM:<a@us.example> RET=HDRS ENVID=QQ+2B1\nS 250 ok\nC RCPT "
	    "TO:<r0@x.example> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\\x{FC}@x.example\nS 550 5.1.1 no\n"
	    "V 0 refused 5.1.1 550\nF final\nD \n" },
	{ "groups", 0, 1, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 503 no\nF again\nD pipelining sure\nW\nM\n"
	    MAIL_PIPES "S 250 ok\n" RCPT0 "S 250 ok\nC DATA\nS 503 no\nV 0 refused 5.0.0 503\nF final\n" },
	{ "groups, DATA", 0, 1, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 250 ok\nS 554 5.5.1 no valid recipients\nF again\n"
	    "D pipelining sure\n" },
	{ "groups, an answer is lost", 0, 2, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nF again\nD pipelining sure\n" },
	{ "groups, silence", 0, 1, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nT\nF again\nD pipelining\n" },
	{ "groups, synchronisation", 0, 1, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 554 SMTP synchronization error\nF again\nD pipelining size sure\n" },
	{ "SMTPUTF8 that is not needed", MESSAGE_UTF8 | ASCII_HEADER, 1, "hi\r\n", false,
	  HELLO "S 250-x\nS 250 SMTPUTF8\nM\nC MAIL FROM:<a@us.example> SMTPUTF8\nS 504 no\nF again\nD smtputf8 sure\n"
	    "W\nM\nC MAIL FROM:<a@us.example>\n" },
	{ "SMTPUTF8 that is needed", MESSAGE_UTF8, 1, "hi\r\n", false,
	  HELLO "S 250-x\nS 250 SMTPUTF8\nM\nC MAIL FROM:<a@us.example> SMTPUTF8\nS 504 no\nV 0 refused 5.0.0 504\n"
	    "F final\n" },
	{ "one by one", 0, 1, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nA wait\nS 250 ok\n"
	    RCPT0 "A wait\nS 250 ok\nC DATA\nS 354 go\nC hi\nC .\nA wait\n"
	  "S 250 2.6.0 queued as 7\nA done\nV 0 delivered 2.6.0 250\nF final\nA ready\nQ\nC QUIT\nA wait\nS "
	    "221 bye\nA close\n" },
	{ "pipelined, twice", 0, 2, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nC hi\nC .\nS 250 ok\n"
	  "V 0 delivered 2.0.0 250\nV 1 delivered 2.0.0 250\nF final\nA ready\n"
	  "M\n" MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nC hi\nC .\nS 250 "
	    "ok\nF final\n" },
	{ "EHLO refused", 0, 1, "hi\r\n", false,
	  HELLO "S 502 what?\nC HELO us.example\nS 250 hello\nA ready\nM\nC MAIL FROM:<a@us.example>\n" },
	{ "EHLO busy, HELO too", 0, 1, "hi\r\n", false,
	    HELLO "S 451 not now\nC HELO us.example\nS 451 not now\nA close\n" },
#define BLOCKED HELLO "S 550-5.7.1 blocked\nS 550 5.7.1 see mx.example/why\nC HELO us.example\n"
	{ "EHLO refused, closed", 0, 1, "hi\r\n", false, BLOCKED "L reset\nA close\nX 5.7.1 clear\n" },
	{ "EHLO refused, silent", 0, 1, "hi\r\n", false, BLOCKED "T\nA close\nX 5.7.1 clear\n" },
	{ "EHLO refused, goodbye", 0, 1, "hi\r\n", false, BLOCKED "S 421 bye\nA close\nX 5.7.1 clear\n" },
	{ "EHLO refused, HELO is a bad sequence", 0, 1, "hi\r\n", false,
	    BLOCKED "S 503 what?\nA close\nX 5.7.1 clear\n" },
	{ "EHLO refused, HELO busy: what was said last counts", 0, 1, "hi\r\n", false,
	    BLOCKED "S 450 4.7.1 later\nA close\nX 4.7.1 clear\n" },
	{ "EHLO refused, HELO taken, and then lost", 0, 1, "hi\r\n", false,
	    BLOCKED "S 250 x\nA ready\nL reset\nA close\nX 4.4.2 clear\n" },
	{ "EHLO unknown, closed", 0, 1, "hi\r\n", false,
	    HELLO "S 502 5.5.2 what?\nC HELO us.example\nL reset\nA close\nX 4.5.2 clear\n" },
	{ "EHLO busy, closed", 0, 1, "hi\r\n", false,
	    HELLO "S 451 4.3.0 not now\nC HELO us.example\nL reset\nA close\nX 4.3.0 clear\n" },
	{ "EHLO under TLS refused, closed", MAY, 1, "hi\r\n", false,
	    SHAKING "H\nC EHLO us.example\nS 554 5.7.1 no\nC HELO us.example\nL reset\nA close\nX 5.7.1 tls\n" },
	{ "HELO wanted", 0, 1, "hi\r\n", true,
	    "S 220 x\nC HELO us.example\nS 250-x\nS 250 PIPELINING\nA ready\nM\nC MAIL "
	    "FROM:<a@us.example>\n" },
	{ "partly refused", 0, 2, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 550 5.1.1 no such user\nS 250 ok\nS 354 go\nC hi\nC "
	    ".\nS 250 ok\n"
	  "V 0 refused 5.1.1 550\nV 1 delivered 2.0.0 250\nF final\n" },
	{ "all refused, DATA refused", 0, 2, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 550 no\nS 450 4.2.0 grey\nA wait\nS 503 no "
	    "recipients\n"
	  "V 0 refused 5.0.0 550\nV 1 later 4.2.0 450\nF elsewhere\nA ready\n"
	  "M\nC RSET\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 reset\nS 250 ok\nS 250 ok\nS 250 ok\nS 354 go\nC hi\nC "
	    ".\nS 250 ok\nF final\n" },
	{ "all refused, yet 354", 0, 1, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 550 no\nS 354 go\nC .\nA wait\nS 250 nothing sent\nV 0 "
	    "refused 5.0.0 550\nF final\n"
	  "M\n" MAIL_PIPES RCPT0 "C DATA\n" },
	{ "all refused without PIPELINING", 0, 1, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n"
	    RCPT0 "S 550 no\nV 0 refused 5.0.0 550\nF final\nM\nC RSET\nS 250 ok\nC MAIL "
	    "FROM:<a@us.example>\n" },
	{ "MAIL refused", 0, 1, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 550 5.7.1 not you\nA wait\nS 503 no\nS 503 no\nV 0 refused 5.7.1 "
	    "550\nF final\nA ready\n" },
	{ "MAIL refused, then closed", 0, 1, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 550 5.7.1 not you\nL gone\nV 0 refused 5.7.1 550\nF final\nA "
	    "close\n" },
	{ "MAIL later", 0, 1, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 452 4.3.1 full\nV 0 later 4.3.1 452\nF elsewhere\nA "
	    "ready\n" },
	{ "MAIL later, yet 354", 0, 1, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 452 full\nS 503 no\nS 354 go\nC .\nS 554 no\nV 0 later 4.0.0 452\nF "
	    "elsewhere\nA ready\n" },
	{ "552 after an accepted one is later", 0, 2, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 250 ok\nS 552 too many\nS 354 go\nC hi\nC .\nS 250 "
	    "ok\n"
	  "V 0 delivered 2.0.0 250\nV 1 later 4.5.3 552\nF final\n" },
	{ "DATA refused", 0, 1, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 250 ok\nS 451 4.3.0 no\nV 0 later 4.3.0 451\nF "
	    "elsewhere\nM\nC RSET\n"
	  MAIL_PIPES RCPT0 "C DATA\n" },
	{ "content refused", 0, 2, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 550 5.1.1 no\nS 250 ok\nS 354 go\nC hi\nC .\nS 554 "
	    "5.7.1 spam\n"
	  "V 0 refused 5.1.1 550\nV 1 refused 5.7.1 554\nF final\nA ready\n" },
	{ "dots", 0, 1, ".\r\n..a\r\nb.\r\n.", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n"
	    RCPT0 "S 250 ok\nC DATA\nS 354 go\nC ..\nC ...a\nC b.\nC ..\nC .\n" },
	{ "long lines, dots, twice", FOLD, 1, X998 ".\r\n." X998 "\r\n", false,
	  HELLO "S 250-x\nS 250 SIZE 2010\nM\nC MAIL FROM:<a@us.example> SIZE=2008\nS 250 ok\n" RCPT0
	  "S 250 ok\nC DATA\nS 354 go\nC " X998 "\nC  .\nC .." X997 "\nC  x\nC .\nS 451 no\nF elsewhere\n"
	  "M\nC MAIL FROM:<a@us.example> SIZE=2008\nS 250 ok\n" RCPT0
	  "S 250 ok\nC DATA\nS 354 go\nC " X998 "\nC  .\nC .." X997 "\nC  x\nC .\nS 250 ok\nF final\n" },
	{ "long lines, too large when they are broken", FOLD, 1, X998 ".\r\n." X998 "\r\n", false,
	  HELLO "S 250-x\nS 250 SIZE 2007\nM\nV 0 refused 5.3.4 0\nF elsewhere\n" },
	{ "long lines by chunk", FOLD, 1, X998 "x", false,
	  HELLO "S 250-x\nS 250-CHUNKING\nS 250 PIPELINING\nM\nC MAIL FROM:<a@us.example>\n" RCPT0
	  "S 250 ok\nS 250 ok\nC BDAT 1002 LAST\nC " X998 "\nB  x\nS 250 ok\nF final\n" },
	{ "no content", 0, 1, "", false, PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n"
	    RCPT0 "S 250 ok\nC DATA\nS 354 go\nC .\n" },
	{ "8-bit offered", MESSAGE_8BIT, 1, "hi\r\n", false,
	    PIPES "M\nC MAIL FROM:<a@us.example> SIZE=4 BODY=8BITMIME\n" RCPT0 "C DATA\n" },
	{ "8-bit missing", MESSAGE_8BIT, 1, "hi\r\n", false,
	    PLAIN "M\nV 0 refused 5.6.3 0\nF elsewhere\nA ready\n" },
	{ "SMTPUTF8 missing", MESSAGE_UTF8, 1, "hi\r\n", false,
	    PIPES "M\nV 0 refused 5.6.7 0\nF elsewhere\nA ready\n" },
	{ "SMTPUTF8 offered", MESSAGE_UTF8 | MESSAGE_8BIT, 1, "hi\r\n", false,
	  HELLO "S 250-x\nS 250-8BITMIME\nS 250 SMTPUTF8\nM\nC MAIL FROM:<a@us.example> BODY=8BITMIME "
	    "SMTPUTF8\n" },
	{ "chunk", 0, 2, ".\r\n..", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 RCPT1 "S 250 ok\nS 250 ok\nS 550 5.1.1 no\nC BDAT 5 LAST\nC .\nB ..\nA wait\n"
	  "S 250 2.0.0 5 octets\nV 0 delivered 2.0.0 250\nV 1 refused 5.1.1 550\nF final\nA ready\nM\nC MAIL "
	    "FROM:<a@us.example>\n" RCPT0 RCPT1 },
	{ "chunk for nobody", 0, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "S 250 ok\nS 550 5.1.1 no\nV 0 refused 5.1.1 550\nF final\n"
	  "M\nC RSET\nC MAIL FROM:<a@us.example>\n" RCPT0 },
	{ "chunk refused", 0, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 4 LAST\nC hi\nS 452 4.3.1 full\nV 0 later 4.3.1 452\nF "
	    "elsewhere\n"
	  "M\nC RSET\nC MAIL FROM:<a@us.example>\n" RCPT0 },
	{ "empty chunk, lost", 0, 1, "", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 0 LAST\nL gone\nV 0 later 4.4.2 0\nF final\nA close\n" },
	{ "binary chunk", MESSAGE_BINARY | MESSAGE_8BIT, 1, "\n.\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example> BODY=BINARYMIME\n"
	    RCPT0 "S 250 ok\nS 250 ok\nC BDAT 3 LAST\nB \\n.\\n\nS 250 ok\nV 0 delivered 2.0.0 250\nF "
	    "final\n" },
	{ "DSN", WITH_DSN, 2, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example> RET=HDRS ENVID=QQ+2B1\n"
	  "C RCPT TO:<r0@x.example> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;\\x{FC}@x.example\n" RCPT1 },
	{ "submitter told to who knows us", SUBMITTED | KNOWN, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example> AUTH=e+2Bf@us.example\n" },
	{ "submitter not known", KNOWN, 1, "hi\r\n", false, PLAIN "M\nC MAIL FROM:<a@us.example>\n" },
	{ "submitter told to nobody else", SUBMITTED, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\n" },
	{ "DSN not offered", WITH_DSN, 1, "hi\r\n", false, PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n"
	    RCPT0 },
	{ "SMTPUTF8 declared, not needed", MESSAGE_UTF8 | ASCII_HEADER, 1, "hi\r\n", false,
	    PIPES "M\n" MAIL_PIPES RCPT0 "C DATA\n" },
	{ "SMTPUTF8 needed by the header", MESSAGE_UTF8, 1, "hi\r\n", false,
	    PIPES "M\nV 0 refused 5.6.7 0\nF elsewhere\n" },
	{ "only the domain is not ASCII", MESSAGE_UTF8 | ASCII_HEADER | IDN_DOMAINS, 1, "hi\r\n", false,
	  PIPES "M\n" MAIL_PIPES "C RCPT TO:<r@xn--bcher-kva.example>\nC DATA\n" },
	{ "a local part is not ASCII", MESSAGE_UTF8 | ASCII_HEADER | IDN_DOMAINS, 2, "hi\r\n", false,
	  PIPES "M\nV 1 refused 5.6.7 0\nF elsewhere\nA ready\nM\n" },
	/* one reply too many, on a connection that is kept: each is taken for the next command's */
	{ "overdue, the dot has not left", 0, 1, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 250 ok\nC DATA\nS 354 go\nO\n"
	  "V 0 later 4.4.2 0\nF lost\nD \nA close\n" },
	{ "overdue, nor has the end of the chunk", 0, 1, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n" RCPT0 "S 250 ok\nS 250 ok\nO\nV 0 later 4.4.2 0\nF lost\nD \n" },
	{ "replies are one behind", 0, 2, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 250 ok\n" RCPT1 "S 550 5.1.1 no\nC DATA\nS 250 ok\n"
	  "V 0 later 4.5.0 0\nV 1 later 4.5.0 0\nF lost\nA close\n" },
	{ "the same, seen at the second recipient", 0, 2, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 550 5.1.1 no\n" RCPT1 "S 354 go\n"
	  "V 0 later 4.5.0 0\nV 1 later 4.5.0 0\nF lost\nA close\n" },
	{ "no local part is ASCII", MESSAGE_UTF8 | ASCII_HEADER | IDN_LOCALS, 2, "hi\r\n", false,
	  PIPES "M\nV 0 refused 5.6.7 0\nV 1 refused 5.6.7 0\nF elsewhere\nA ready\n" },
	{ "SMTPUTF8 offered", MESSAGE_UTF8 | IDN_DOMAINS, 1, "hi\r\n", false,
	  HELLO "S 250-mx.example\nS 250 SMTPUTF8\nM\nC MAIL FROM:<a@us.example> SMTPUTF8\nS 250 ok\nC RCPT "
	    "TO:<r@b\xc3\xbc" "cher.example>\n" },
	{ "binary, no BINARYMIME", MESSAGE_BINARY | MESSAGE_8BIT, 1, "hi\r\n", false,
	  HELLO "S 250-mx.example\nS 250 CHUNKING\nM\nV 0 refused 5.6.3 0\nF elsewhere\n" },
	{ "binary", MESSAGE_BINARY, 1, "hi\r\n", false, PIPES "M\nV 0 refused 5.6.3 0\nF elsewhere\n" },
	{ "too large", 0, 1, "123456", false,
	    HELLO "S 250-x\nS 250 SIZE 5\nM\nV 0 refused 5.3.4 0\nF elsewhere\nA ready\n" },
	{ "just not too large", 0, 1, "12345", false,
	    HELLO "S 250-x\nS 250 SIZE 5\nM\nC MAIL FROM:<a@us.example> SIZE=5\n" },
	{ "SIZE without limit", 0, 1, "123456", false,
	    HELLO "S 250-x\nS 250 SIZE 0\nM\nC MAIL FROM:<a@us.example> SIZE=6\n" },
	{ "greeting later", 0, 1, "", false, "S 450 busy\nA close\n" },
	{ "greeting refused", 0, 1, "", false, "S 554 go away\nA close\n" },
	{ "greeting 421", 0, 1, "", false, "S 421 busy\nA close\n" },
	{ "greeting of two lines", 0, 1, "", false, "S 220-one\nS 220 two\nC EHLO us.example\n" },
	{ "421 to MAIL", 0, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nS 421 4.3.2 stopping\nV 0 later 4.3.2 421\nF lost\nA "
	    "close\n" },
	{ "421 to the content", 0, 1, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nC hi\nC .\nS 421 4.3.2 stopping\nV 0 "
	    "later 4.3.2 421\nF elsewhere\nA close\n" },
	{ "421 between", 0, 1, "hi\r\n", false, PIPES "S 421 idle\nA close\n" },
	{ "good bye in the same breath", 0, 1, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nC hi\nC .\nS 250 ok\nS 421 enough\nA "
	    "done\nV 0 delivered 2.0.0 250\nF final\nA close\n" },
	{ "lost at MAIL", 0, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nL reset\nV 0 later 4.4.2 0\nF lost\nA close\n" },
	{ "lost at RCPT", 0, 2, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 550 no\nL reset\nV 0 refused 5.0.0 550\nV 1 later "
	    "4.4.2 0\nF again\nD pipelining several\nW\n"
	  "M\nC MAIL FROM:<a@us.example> SIZE=4\n" },
	{ "lost at the second RCPT", 0, 2, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 250 ok\n" RCPT1 "L reset\nF again\nD several\n" },
	{ "lost at the first RCPT", 0, 2, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "L reset\nF lost\nD \n" },
	{ "refused, then 421", 0, 3, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 RCPT2 "C DATA\nS 250 ok\nS 550 5.1.1 no\nS 250 ok\nS 421 4.7.0 bye\n"
	  "V 0 refused 5.1.1 550\nV 1 later 4.7.0 421\nV 2 later 4.7.0 421\nF lost\nA close\n" },
	{ "refused and put off, then lost at DATA", 0, 3, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 RCPT2 "C DATA\nS 250 ok\nS 550 5.1.1 no\nS 450 4.2.1 grey\nS 250 ok\n"
	  "L reset\nV 0 refused 5.1.1 550\nV 1 later 4.2.1 450\nV 2 later 4.4.2 0\nF again\n"
	  "D pipelining several\nA close\n" },
	{ "refused, 421 to DATA", 0, 2, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 550 5.1.1 no\nS 250 ok\nS 421 4.3.2 bye\n"
	  "V 0 refused 5.1.1 550\nV 1 later 4.3.2 421\nF lost\nA close\n" },
	{ "refused, 451 to DATA", 0, 2, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 550 5.1.1 no\nS 250 ok\nS 451 4.3.0 no\n"
	  "V 0 refused 5.1.1 550\nV 1 later 4.3.0 451\nF elsewhere\nA ready\n" },
	{ "refused, nonsense follows", 0, 2, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 550 5.1.1 no\nS 354 go\n"
	  "V 0 later 4.5.0 0\nV 1 later 4.5.0 0\nF again\nD pipelining sure\nA close\n" },
	{ "refused, lost before the chunk", 0, 2, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n" RCPT0 RCPT1 "S 250 ok\nS 550 5.1.1 no\nL gone\n"
	  "V 0 refused 5.1.1 550\nV 1 later 4.4.2 0\nF again\nD pipelining several\nA close\n" },
	{ "refused, chunk answered 421", 0, 2, "hi\r\n", false,
	  CHUNKS "M\nC MAIL FROM:<a@us.example>\n" RCPT0 RCPT1 "S 250 ok\nS 550 5.1.1 no\nS 250 ok\n"
	  "C BDAT 4 LAST\nC hi\nS 421 4.3.2 bye\n"
	  "V 0 refused 5.1.1 550\nV 1 later 4.3.2 421\nF elsewhere\nA close\n" },
	{ "all refused but one unheard", 0, 2, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 550 5.1.1 no\n" RCPT1
	  "T\nV 0 refused 5.1.1 550\nV 1 later 4.4.2 0\nF again\nD several\nA close\n" },
	{ "too many: the others are not sent", 0, 4, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 250 ok\n" RCPT1
	  "S 452 4.5.3 one at a time\nC DATA\nS 354 go\nC hi\nC .\nS 250 ok\n"
	  "V 0 delivered 2.0.0 250\nV 1 later 4.5.3 452\nV 2 later 4.5.3 452\nV 3 later 4.5.3 452\nF final\n"
	  "A ready\n" },
	{ "too many, by chunk", 0, 4, "hi\r\n", false,
	  HELLO "S 250-x\nS 250 CHUNKING\nM\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 250 ok\n" RCPT1
	  "S 554 5.5.3 too many\nC BDAT 4 LAST\nC hi\nS 250 ok\n"
	  "V 0 delivered 2.0.0 250\nV 1 later 4.5.3 554\nV 3 later 4.5.3 554\nF final\nA ready\n" },
	{ "a full mailbox is not too many", 0, 3, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 250 ok\n" RCPT1
	  "S 452 4.2.2 full\n" RCPT2 "S 250 ok\nC DATA\n" },
	{ "too many, at the first one: each is asked", 0, 2, "hi\r\n", false,
	  PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n" RCPT0 "S 452 4.5.3 no\n" RCPT1
	  "S 452 4.5.3 no\nV 0 later 4.5.3 452\nV 1 later 4.5.3 452\nF elsewhere\nA ready\n" },
	{ "lost at DATA", 0, 1, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 250 ok\nL reset\nV 0 later 4.4.2 0\nF again\nD pipelining\n" },
	{ "lost after the dot", 0, 2, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 RCPT1 "C DATA\nS 250 ok\nS 550 5.1.1 no\nS 250 ok\nS 354 go\nC hi\nC .\nL "
	    "reset\n"
	  "V 0 refused 5.1.1 550\nV 1 later 4.4.2 0\nF final\nA close\n" },
	{ "silent after the dot", 0, 1, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nC hi\nC .\nT\nV 0 later 4.4.2 0\nF "
	    "final\nA close\n" },
	{ "silent at RCPT", 0, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n"
	    RCPT0 "T\nV 0 later 4.4.2 0\nF lost\nA close\n" },
	{ "lost at the greeting", 0, 1, "", false, "L reset\nA close\n" },
	{ "lost at EHLO", 0, 1, "", false, HELLO "L reset\nA close\n" },
	{ "lost in a reply", 0, 1, "", false, HELLO "S 250-x\nL reset\nA close\n" },
	{ "lost between", 0, 1, "", false, PIPES "L reset\nA close\n" },
	{ "no SMTP at all", 0, 1, "", false, "S SSH-2.0-OpenSSH\nA wait\nL closed\nA close\n" },
	{ "empty line", 0, 1, "", false, "S \nA wait\nL closed\nA close\n" },
	{ "one digit", 0, 1, "", false, "S 2\nA wait\nL closed\nA close\n" },
	{ "two digits", 0, 1, "", false, "S 22\nA wait\nL closed\nA close\n" },
	{ "three digits are a reply", 0, 1, "", false, "S 220\nC EHLO us.example\n" },
	{ "a digit too many", 0, 1, "", false, "S 2200 x\nA close\n" },
	{ "code out of range", 0, 1, "", false, "S 120 wait\nA close\n" },
	{ "code out of range above", 0, 1, "", false, "S 620 what\nA close\n" },
	{ "354 as a greeting", 0, 1, "", false, "S 354 go\nA close\n" },
	{ "codes of two classes", 0, 1, "", false, HELLO "S 250-x\nS 550 y\nA close\n" },
	{ "250 to DATA", 0, 1, "hi\r\n", false, PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 250 ok\nS 250 ok\nV 0 later 4.5.0 0\nF again\nD pipelining sure\nA close\n" },
	{ "354 to MAIL", 0, 1, "hi\r\n", false,
	    PLAIN "M\nC MAIL FROM:<a@us.example>\nS 354 go\nV 0 later 4.5.0 0\nF lost\nA close\n" },
	{ "354 to RCPT", 0, 1, "hi\r\n", false, PLAIN "M\nC MAIL FROM:<a@us.example>\nS 250 ok\n"
	    RCPT0 "S 354 go\nV 0 later 4.5.0 0\nF lost\n" },
	{ "354 to the dot", 0, 1, "hi\r\n", false,
	  PIPES "M\n"
	    MAIL_PIPES RCPT0 "C DATA\nS 250 ok\nS 250 ok\nS 354 go\nC hi\nC .\nS 354 more\nV 0 later 4.5.0 "
	    "0\nF final\nA close\n" },
	{ "a reply too many", 0, 1, "hi\r\n", false, PIPES "S 250 again\nA close\n" },
};

/* shows 2.7i */
START_TEST(test_transcripts)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		run(&rows[i], false);
		run(&rows[i], true);
	}
}
END_TEST

UNIT_MAIN("client", test_transcripts)
