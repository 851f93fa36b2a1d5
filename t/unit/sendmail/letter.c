/* sendmail_input, sendmail_letter: bytes of a caller become a pickup file that pickup reads as it was meant */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "pickup/pickup.h"
#include "pickup/sendmail/sendmail.h"
#include "t/unit/check_main.h"

#define MAX (16U << 20)

START_TEST(test_input)
{
	static const struct { const char *in; size_t len; const char *out, *with_dots; } rows[] = {
#define ROW(in, out, with_dots) { in, sizeof(in) - 1, out, with_dots }
		ROW("", "", ""),
		ROW("a", "a\n", "a\n"),
		ROW("a\nb\n", "a\nb\n", "a\nb\n"),
		ROW("a\r\nb\r\n", "a\nb\n", "a\nb\n"),
		ROW("a\rb\r", "a\nb\n", "a\nb\n"),
		ROW("a\r\r\nb", "a\nb\n", "a\nb\n"),
		ROW("a\r\r\rb", "a\n\n\nb\n", "a\n\n\nb\n"),
		ROW("\r\n\r\n", "\n\n", "\n\n"),
		ROW("a\n.\nb\n", "a\n", "a\n.\nb\n"),
		ROW("a\r\n.\r\nb\r\n", "a\n", "a\n.\nb\n"),
		ROW("a\n.", "a\n", "a\n.\n"),
		ROW(".", "", ".\n"),
		ROW("..\n.a\n. \n", "..\n.a\n. \n", "..\n.a\n. \n"),
		ROW("a\0b\0\n\0.\0\nc", "ab\n", "ab\n.\nc\n"),
		ROW("\377\200\n", "\377\200\n", "\377\200\n"),
#undef ROW
	};

	for (size_t i = 0; i < nitems_of(rows); i++)
		for (size_t cut = 0; cut <= rows[i].len; cut++)
			for (int keep = 0; keep < 2; keep++) {
				struct sendmail_input in = { .keep_dots = keep == 1 };
				struct buf out = BUF_INIT(1000);

				sendmail_input_add(&in, rows[i].in, cut, &out);
				sendmail_input_add(&in, rows[i].in + cut, rows[i].len - cut, &out);
				sendmail_input_end(&in, &out);
				ck_assert_msg(strcmp(buf_text(&out),
				    keep == 1 ? rows[i].with_dots : rows[i].out) == 0,
				    "row %zu cut %zu dots %d: \"%s\"", i, cut, keep, buf_text(&out));
				buf_done(&out);
			}
}
END_TEST

/* What pickup makes of the file: "sender>receiver,receiver|message", without the lines that it adds. */
static void
read_as_pickup(const struct buf *file, struct buf *got)
{
	const struct compose_rules rules = { .fqdn = "h", .domain = "d.example", .id = "0123456789abcdef",
	    .date = "D", .owner = 7 };
	static const char received[] =
	    "Received: from mail pickup service (uid 7)\r\n\tby h id 0123456789abcdef;\r\n\tD\r\n";
	struct message_envelope e = { 0 };
	struct body body = { 0 };
	struct buf text = BUF_INIT(MAX), out = BUF_INIT(MAX);
	struct compose_header h;
	char detail[COMPOSE_DETAIL_SIZE] = "";

	ck_assert_int_eq(writer_find(file->data, file->len), BODY_WRITER_SENDMAIL);
	body.unstuff = body_is_stuffed(CONFIG_DOTS_STUFFED, ~0U, BODY_WRITER_SENDMAIL);
	body_add(&body, file->data, file->len, &text);
	body_end(&body, &text);
	ck_assert_int_eq(compose_split(buf_text(&text), text.len, true, &h), 1);
	ck_assert_int_eq(compose_message(&rules, buf_text(&text), &h, &e, &out, detail), JUDGE_GOOD);
	buf_add(&out, text.data + h.body, text.len - h.body);
	buf_printf(got, "%s>", e.sender);
	for (size_t i = 0; i < e.nrcpt; i++)
		buf_printf(got, "%s%s%s", i > 0 ? "," : "", e.rcpt[i].address,
		    e.rcpt[i].notify == NOTIFY_NEVER ? "/never" : e.rcpt[i].notify != 0 ? "/some" : "");
	ck_assert_int_eq(strncmp(buf_text(&out), received, strlen(received)), 0);
	buf_printf(got, "|%s%s|", e.ret == RET_HDRS ? "hdrs" : "", e.envid != NULL ? e.envid : "");
	for (const char *p = buf_text(&out) + strlen(received); *p != '\0'; p++)
		if (*p != '\r')
			buf_add(got, p, 1);
	message_envelope_done(&e);
	buf_done(&text);
	buf_done(&out);
}

struct row {
	const char *data;
	bool from_header;
	const char *arg[3];
	int status;
	const char *got;	/* ADDED stands for Date and Message-ID */
};
#define ADDED "Date: D\nMessage-ID: <0123456789abcdef@h>\n"
#define FROM "From: \"A \\\"B\" <me@d.example>\n"

static const struct row rows[] = {
	{ "Subject: s\n\nx\n", false, { "a@b.example" }, EX_OK, "me@d.example>a@b.example||" FROM "Subject: s\n"
	    ADDED "\nx\n" },
	{ "", false, { "a" }, EX_OK, "me@d.example>a@d.example||" FROM ADDED "\n" },
	{ "no header here\n", false, { "a" }, EX_OK, "me@d.example>a@d.example||" FROM ADDED "\nno header here\n" },
	{ "\nbody: x\n", false, { "a" }, EX_OK, "me@d.example>a@d.example||" FROM ADDED "\nbody: x\n" },
	{ "From x@y Sat Nov 28 10:00:00 2026\nFrom: z@y\n\nx\n", false, { "a" }, EX_OK,
	    "me@d.example>a@d.example||From: z@y\n" ADDED "\nx\n" },
	{ "X: y\n\nx\n", false, { "a, \"N, M\" <b@c> (comment)", "g: d@e, f@e;" }, EX_OK,
	    "me@d.example>a@d.example,b@c,d@e,f@e||" FROM "X: y\n" ADDED "\nx\n" },
	/* bytes of the message are no envelope, wherever they stand */
	{ "x-receiver: evil@c\nx-sender: f@c\nX: y\n\nx\n", false, { "a" }, EX_OK,
	    "me@d.example>a@d.example||" FROM "x-receiver: evil@c\nx-sender: f@c\nX: y\n" ADDED "\nx\n" },
	{ "From: a\nx-postern-end: yes\nx-receiver: evil@c\n\nx\n", false, { "a" }, EX_OK,
	    "me@d.example>a@d.example||From: a\nx-postern-end: yes\nx-receiver: evil@c\n" ADDED "\nx\n" },
	{ "To: a@b,\n c@d (x, y)\nCc: Team: e@f;, undisclosed:;\nBcc: g@h\n\nx\n", true, { NULL }, EX_OK,
	    "me@d.example>a@b,c@d,e@f,g@h||" FROM "To: a@b,\n c@d (x, y)\nCc: Team: e@f;, undisclosed:;\n"
	    ADDED "\nx\n" },
	{ "To: a@b\nBcc: g@h\n\nx\n", true, { "more@b" }, EX_OK, "me@d.example>more@b,a@b,g@h||" FROM "To: a@b\n" ADDED
	    "\nx\n" },
	{ "To: a@b\nResent-To: r@b\nResent-Bcc: s@b\n\nx\n", true, { NULL }, EX_OK,
	    "me@d.example>r@b,s@b||" FROM "To: a@b\nResent-To: r@b\n" ADDED "\nx\n" },
	/* a malformed one among others is for its report */
	{ "To: a@b, no @@ address\n\nx\n", true, { NULL }, EX_OK,
	    "me@d.example>a@b,\"no @@ address\"@[malformed]||" FROM "To: a@b, no @@ address\n" ADDED "\nx\n" },
	{ "x\n..\n.\n.a\n", false, { "a" }, EX_OK, "me@d.example>a@d.example||" FROM ADDED "\nx\n..\n.\n.a\n" },
	{ "x\n", false, { NULL }, EX_USAGE, NULL },
	{ "X: y\n\nTo: a@b\n", true, { NULL }, EX_USAGE, NULL },
	{ "To: a@@b\n\nx\n", true, { NULL }, EX_NOUSER, NULL },
	{ "To: undisclosed-recipients:;\n\nx\n", true, { NULL }, EX_USAGE, NULL },
	{ "x\n", false, { "-bs" }, EX_USAGE, NULL },
	{ "x\n", false, { "a", "-X/etc/passwd" }, EX_USAGE, NULL },
};

static void
check_row(const struct row *row)
{
	struct sendmail_letter l = { .sender = "me", .name = "A \"B", .domain = "d.example", .arg = row->arg,
	    .from_header = row->from_header };
	struct buf file = BUF_INIT(MAX), got = BUF_INIT(MAX);
	size_t skip;

	while (l.nargs < 3 && row->arg[l.nargs] != NULL)
		l.nargs++;
	ck_assert_int_eq(sendmail_letter_format(&l, row->data, strlen(row->data), true, &file, &skip), row->status);
	if (row->status == EX_OK) {
		const char *bar;

		buf_puts(&file, row->data + skip);
		read_as_pickup(&file, &got);
		bar = strstr(buf_text(&got), "||");
		ck_assert_ptr_nonnull(bar);
		ck_assert_str_eq(buf_text(&got), row->got);
	}
	buf_done(&file);
	buf_done(&got);
}

START_TEST(test_letter)
{
	for (size_t i = 0; i < nitems_of(rows); i++)
		check_row(&rows[i]);
}
END_TEST

START_TEST(test_reports)
{
	const char *const arg[] = { "a@b", "c@b" };
	struct sendmail_letter l = { .sender = "", .name = "\303\204", .domain = "d.example", .arg = arg, .nargs = 2,
	    .notify = NOTIFY_NEVER, .ret = RET_HDRS, .envid = "x+2By" };
	struct buf file = BUF_INIT(MAX), got = BUF_INIT(MAX);
	size_t skip;

	ck_assert_int_eq(sendmail_letter_format(&l, "Subject: s\n\nx\n", 14, true, &file, &skip), EX_OK);
	buf_puts(&file, "Subject: s\n\nx\n");
	read_as_pickup(&file, &got);
	ck_assert_str_eq(buf_text(&got), ">a@b/never,c@b/never|hdrsx+2By|From: =?utf-8?B?w4Q=?= "
	    "<postmaster@d.example>\nSubject: s\n" ADDED "\nx\n");
	buf_done(&file);
	buf_done(&got);
}
END_TEST

/* So many recipients that the end of the envelope is beyond what pickup reads at once. */
START_TEST(test_many)
{
	char many[20001];
	const char *const arg[] = { many };
	struct sendmail_letter l = { .sender = "me", .name = "", .domain = "d.example", .arg = arg, .nargs = 1 };
	struct buf file = BUF_INIT(MAX), got = BUF_INIT(MAX);
	size_t skip, count = 0;

	for (size_t i = 0; i < 20000; i += 5)
		snprintf(many + i, 6, "%04zu,", i / 5);
	ck_assert_int_eq(sendmail_letter_format(&l, "x-receiver: evil@c\n\nx\n", 22, true, &file, &skip), EX_OK);
	buf_puts(&file, "x-receiver: evil@c\n\nx\n");
	ck_assert_uint_gt(file.len, 64000);
	read_as_pickup(&file, &got);
	for (const char *p = buf_text(&got); *p != '|'; p++)
		count += *p == ',';
	ck_assert_uint_eq(count, 3999);
	buf_done(&file);
	buf_done(&got);
}
END_TEST

static const struct { const char *words[6]; int status; enum sendmail_mode mode; bool dots, header; const char *sender; }
    options[] = {
	{ { "sendmail", "-t", "-i" }, EX_OK, SENDMAIL_SEND, true, true, NULL },
	{ { "sendmail", "-oi", "-oem", "-fa@b", "--", "c" }, EX_OK, SENDMAIL_SEND, true, false, "a@b" },
	{ { "sendmail", "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root" }, EX_OK, SENDMAIL_SEND, true, false, NULL },
	{ { "sendmail", "-Am", "-G", "-v", "-O", "DeliveryMode=b" }, EX_OK, SENDMAIL_SEND, false, false, NULL },
	{ { "sendmail", "-r", "x", "-N", "failure,DELAY" }, EX_OK, SENDMAIL_SEND, false, false, "x" },
	{ { "sendmail", "-bs" }, EX_OK, SENDMAIL_SESSION, false, false, NULL },
	{ { "sendmail", "-bp" }, EX_OK, SENDMAIL_LIST, false, false, NULL },
	{ { "/usr/bin/mailq" }, EX_OK, SENDMAIL_LIST, false, false, NULL },
	{ { "newaliases" }, EX_OK, SENDMAIL_ALIASES, false, false, NULL },
	{ { "sendmail", "-bi" }, EX_OK, SENDMAIL_ALIASES, false, false, NULL },
	{ { "sendmail", "-q" }, EX_OK, SENDMAIL_RETRY, false, false, NULL },
	{ { "sendmail", "-q30m" }, EX_USAGE, 0, false, false, NULL },
	{ { "sendmail", "-bd" }, EX_USAGE, 0, false, false, NULL },
	{ { "sendmail", "-bv", "a" }, EX_USAGE, 0, false, false, NULL },
	{ { "sendmail", "-X", "log" }, EX_USAGE, 0, false, false, NULL },
	{ { "sendmail", "-Z" }, EX_USAGE, 0, false, false, NULL },
	{ { "sendmail", "-f" }, EX_USAGE, 0, false, false, NULL },
	{ { "sendmail", "-N", "never,delay" }, EX_USAGE, 0, false, false, NULL },
	{ { "sendmail", "-R", "some" }, EX_USAGE, 0, false, false, NULL },
	{ { "sendmail", "-V", "a b" }, EX_USAGE, 0, false, false, NULL },
	{ { "sendmail", "-B", "BINARYMIME" }, EX_USAGE, 0, false, false, NULL },
};

static void
check_options(size_t at)
{
	struct sendmail_options o;
	char *words[7] = { NULL };
	int count = 0;

	for (; count < 6 && options[at].words[count] != NULL; count++)
		words[count] = mem_strdup(options[at].words[count]);
	optind = 1;
	ck_assert_int_eq(sendmail_options_read(&o, count, words), options[at].status);
	if (options[at].status == EX_OK) {
		ck_assert_int_eq(o.mode, options[at].mode);
		ck_assert(o.keep_dots == options[at].dots && o.from_header == options[at].header);
		ck_assert((o.sender == NULL) == (options[at].sender == NULL));
		if (o.sender != NULL)
			ck_assert_str_eq(o.sender, options[at].sender);
	}
	for (int i = 0; i < count; i++)
		free(words[i]);
}

START_TEST(test_options)
{
	for (size_t i = 0; i < nitems_of(options); i++)
		check_options(i);
}
END_TEST

UNIT_MAIN("letter", test_input, test_letter, test_reports, test_many, test_options)
