/*
 * compose, body - files go in, envelope and message come out: t/fixtures/pickup/NAME.eml against
 * NAME.MODE.expected, whole and split at every byte; rows for the rest
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "pickup/pickup.h"
#include "t/unit/check_main.h"

#define FIXTURES "t/fixtures/pickup"
#define MAX (64U << 20)

/* What pickup_file does with a file, without the file: the bytes come in two pieces, cut at `cut`. */
static enum judge_reason
compose(const char *raw, size_t len, enum config_dots dots, size_t cut, struct message_envelope *e,
    struct buf *out, char *detail)
{
	const struct compose_rules rules = {
		.fqdn = "mx.corp.example", .domain = "corp.example", .id = "0123456789abcdef",
		.date = "Sat, 21 Nov 2026 20:00:00 +0100", .owner = 1000,
	};
	size_t mark = body_mark(raw, len), first = cut > mark ? cut - mark : 0;
	struct body_survey survey = { 0 };
	struct body body = { 0 };
	struct compose_header h = { 0 };
	struct buf text = BUF_INIT(MAX);
	enum body_writer writer = writer_find(raw, len);
	enum judge_reason reason = JUDGE_LONG_HEADER;
	int found;

	raw += mark;
	len -= mark;
	body_survey_add(&survey, raw, first);
	body_survey_add(&survey, raw + first, len - first);
	body_survey_end(&survey);
	if (survey.nul)
		return JUDGE_NUL;
	body.unstuff = body_is_stuffed(dots, survey.dots, writer);
	body_add(&body, raw, first, &text);
	found = compose_split(buf_text(&text), text.len, false, &h);
	body_add(&body, raw + first, len - first, &text);
	body_end(&body, &text);
	if (found == 0)
		found = compose_split(buf_text(&text), text.len, true, &h);
	if (found == 1)
		reason = compose_message(&rules, buf_text(&text), &h, e, out, detail);
	if (reason == JUDGE_GOOD) {
		buf_add(out, text.data + h.body, text.len - h.body);
		if (survey.eightbit)
			e->flags |= MESSAGE_8BIT;
	}
	buf_done(&text);
	return reason;
}

/* The result in the form of an .expected file. */
static void
describe(const char *raw, size_t len, enum config_dots dots, size_t cut, struct buf *got)
{
	struct message_envelope e = { 0 };
	struct buf out = BUF_INIT(MAX);
	char detail[COMPOSE_DETAIL_SIZE] = "";
	enum judge_reason reason = compose(raw, len, dots, cut, &e, &out, detail);

	if (reason != JUDGE_GOOD) {
		buf_printf(got, "refused: %s\n", judge_words(reason));
		if (detail[0] != '\0')
			buf_printf(got, "detail: %s\n", detail);
	} else {
		buf_printf(got, "sender: <%s>\n", e.sender);
		for (size_t i = 0; i < e.nrcpt; i++)
			buf_printf(got, "receiver: <%s>\n", e.rcpt[i].address);
		buf_printf(got, "flags:%s%s\n----\n", e.flags & MESSAGE_8BIT ? " 8bit" : "",
		    e.flags & MESSAGE_UTF8 ? " utf8" : "");
		buf_add(got, out.data, out.len);
	}
	message_envelope_done(&e);
	buf_done(&out);
}

static char *
slurp(const char *path, size_t *len)
{
	FILE *in = fopen(path, "rb");
	char *data = malloc(1 << 20);

	ck_assert_msg(in != NULL, "%s", path);
	ck_assert_ptr_nonnull(data);
	*len = fread(data, 1, 1 << 20, in);
	fclose(in);
	return data;
}

static void
check_fixture(const char *name, const char *mode, const char *expected)
{
	enum config_dots dots = strcmp(mode, "auto") == 0 ? CONFIG_DOTS_AUTO : strcmp(mode, "stuffed") == 0 ?
	    CONFIG_DOTS_STUFFED : CONFIG_DOTS_PLAIN;
	char path[300];
	size_t len, want_len;
	char *raw, *want;

	snprintf(path, sizeof(path), FIXTURES "/%s.eml", name);
	raw = slurp(path, &len);
	snprintf(path, sizeof(path), FIXTURES "/%s", expected);
	want = slurp(path, &want_len);
	for (size_t cut = 0; cut <= len; cut++) {
		struct buf got = BUF_INIT(MAX);

		describe(raw, len, dots, cut, &got);
		if (got.len != want_len || memcmp(got.data, want, want_len) != 0)
			ck_abort_msg("%s cut at %zu:\n%s\ninstead of\n%.*s", expected, cut, buf_text(&got),
			    (int)want_len, want);
		buf_done(&got);
	}
	free(raw);
	free(want);
}

/* shows 3.7, 3.8, 3.9, 3.10, 3.12, 3.13, 3.15 */
START_TEST(test_fixtures)
{
	DIR *dir = opendir(FIXTURES);
	struct dirent *d;
	unsigned count = 0;

	ck_assert_ptr_nonnull(dir);
	while ((d = readdir(dir)) != NULL) {
		char name[256], mode[256];

		if (strstr(d->d_name, ".expected") == NULL || sscanf(d->d_name, "%255[^.].%255[^.].", name,
		    mode) != 2)
			continue;
		check_fixture(name, mode, d->d_name);
		count++;
	}
	closedir(dir);
	ck_assert_uint_ge(count, 25);
}
END_TEST

/* --- dots and line ends --- */

enum {	/* what auto takes a text for, by its writer: U unknown, I for IIS; a server never doubles */
	PLAIN, IIS, BOTH
};
#define EIGHT "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"
static const struct dots_row {
	const char *in;
	const char *plain;
	const char *stuffed;
	int stuffed_by;
} dots_rows[] = {
	{ "a\nb\n", "a\r\nb\r\n", "a\r\nb\r\n", PLAIN },
	{ "..a\n", "..a\r\n", ".a\r\n", IIS },
	{ ".a\n", ".a\r\n", "a\r\n", PLAIN },
	{ "..a\n.b\n", "..a\r\n.b\r\n", ".a\r\nb\r\n", PLAIN },
	{ "..\n.b\n", "..\r\n.b\r\n", ".\r\nb\r\n", PLAIN },
	{ "..\n", "..\r\n", ".\r\n", BOTH },
	{ "..", "..\r\n", ".\r\n", BOTH },
	{ "..\n..a\n....b\n", "..\r\n..a\r\n....b\r\n", ".\r\n.a\r\n...b\r\n", BOTH },
	{ "..\n.\n", "..\r\n.\r\n", ".\r\n", IIS },
	{ "..\n...\n", "..\r\n...\r\n", ".\r\n..\r\n", IIS },
	{ "..\n...\n.\na\n", "..\r\n...\r\n.\r\na\r\n", ".\r\n..\r\n", PLAIN },
	{ ".. \n", ".. \r\n", ". \r\n", PLAIN },
	{ ".. a\n..b\n..\n", ".. a\r\n..b\r\n..\r\n", ". a\r\n.b\r\n.\r\n", PLAIN },
	{ "..\n a\n", "..\r\n a\r\n", ".\r\n a\r\n", PLAIN },
	{ "..\n\n a\n", "..\r\n\r\n a\r\n", ".\r\n\r\n a\r\n", BOTH },
	{ "....\n", "....\r\n", "...\r\n", PLAIN },
	{ "../a\n", "../a\r\n", "./a\r\n", PLAIN },
	{ "../a\n..b\n", "../a\r\n..b\r\n", "./a\r\n.b\r\n", IIS },
	{ "...\n", "...\r\n", "..\r\n", PLAIN },
	{ "... a\n", "... a\r\n", ".. a\r\n", PLAIN },
	{ "... a\n..b\n", "... a\r\n..b\r\n", ".. a\r\n.b\r\n", PLAIN },
	{ "... a\n....b\n", "... a\r\n....b\r\n", ".. a\r\n...b\r\n", PLAIN },
	{ ".... a\n", ".... a\r\n", "... a\r\n", IIS },
	{ ".....\n......\n", ".....\r\n......\r\n", "....\r\n.....\r\n", PLAIN },
	{ "a\n.\n", "a\r\n.\r\n", "a\r\n", PLAIN },
	{ "a\n.", "a\r\n.\r\n", "a\r\n", PLAIN },
	{ "a\r\n..b\r\n.\r\n", "a\r\n..b\r\n.\r\n", "a\r\n.b\r\n", IIS },
	{ "a\n.\nb\n", "a\r\n.\r\nb\r\n", "a\r\n", PLAIN },
	{ "a\n.\n\n", "a\r\n.\r\n\r\n", "a\r\n", PLAIN },
	{ "...\n.\n", "...\r\n.\r\n", "..\r\n", PLAIN },
	{ ".a\n.\n", ".a\r\n.\r\n", "a\r\n", PLAIN },
	{ "a.\nb .\n", "a.\r\nb .\r\n", "a.\r\nb .\r\n", PLAIN },
	{ "a\r..b\r", "a\r\n..b\r\n", "a\r\n.b\r\n", IIS },
	{ "a\r\r\n\n\r", "a\r\n\r\n\r\n", "a\r\n\r\n\r\n", PLAIN },
	{ "a\r\rb\r\r", "a\r\n\r\nb\r\n\r\n", "a\r\n\r\nb\r\n\r\n", PLAIN },
	{ "a\r\r\n..b\r\r\n.\r\r\n", "a\r\n..b\r\n.\r\n", "a\r\n.b\r\n", IIS },
	{ "..\r\r\n a\r\r\n", "..\r\n a\r\n", ".\r\n a\r\n", PLAIN },
	{ "..\r\r a\r", "..\r\n\r\n a\r\n", ".\r\n\r\n a\r\n", BOTH },
	{ "a\r\r\r\r\r\r\r\r\nb", "a\r\nb\r\n", "a\r\nb\r\n", PLAIN },
	{ "a\r\r\r\r\r\r\r\r\r\nb", "a" EIGHT "\r\nb\r\n", "a" EIGHT "\r\nb\r\n", PLAIN },
	{ "", "", "", PLAIN },
	{ "a", "a\r\n", "a\r\n", PLAIN },
	{ "\r", "\r\n", "\r\n", PLAIN },
	{ ".", ".\r\n", "", PLAIN },
	{ "\n\n.\n", "\r\n\r\n.\r\n", "\r\n\r\n", PLAIN },
};

static void
check_dots(const struct dots_row *row, size_t cut)
{
	size_t len = strlen(row->in);
	struct body_survey s = { 0 };

	body_survey_add(&s, row->in, cut);
	body_survey_add(&s, row->in + cut, len - cut);
	body_survey_end(&s);
	ck_assert_msg(body_is_stuffed(CONFIG_DOTS_AUTO, s.dots, BODY_WRITER_UNKNOWN) == (row->stuffed_by == BOTH),
	    "auto for \"%s\"", row->in);
	ck_assert_msg(body_is_stuffed(CONFIG_DOTS_AUTO, s.dots, BODY_WRITER_FOR_IIS) == (row->stuffed_by != PLAIN),
	    "auto for \"%s\" for IIS", row->in);
	ck_assert(!body_is_stuffed(CONFIG_DOTS_AUTO, s.dots, BODY_WRITER_SERVER));
	for (int unstuff = 0; unstuff < 2; unstuff++) {
		struct body b = { .unstuff = unstuff == 1 };
		struct buf out = BUF_INIT(1000);

		body_add(&b, row->in, cut, &out);
		body_add(&b, row->in + cut, len - cut, &out);
		body_end(&b, &out);
		ck_assert_str_eq(buf_text(&out), unstuff == 1 ? row->stuffed : row->plain);
		buf_done(&out);
	}
}

/* shows 3.13 */
START_TEST(test_dots)
{
	for (size_t i = 0; i < nitems_of(dots_rows); i++)
		for (size_t cut = 0; cut <= strlen(dots_rows[i].in); cut++)
			check_dots(&dots_rows[i], cut);
}
END_TEST

/* --- the writer's marks --- */

#define NET "X-Sender: a@b\r\nX-Receiver: c@d\r\n"
#define CDO "x-sender: a@b\r\nx-receiver: c@d\r\n"
#define MARKS "MIME-Version: 1.0\r\nFrom: a@b\r\nDate: 21 Nov 2026 19:04:57 +0100\r\n"

START_TEST(test_writer)
{
	static const struct { const char *in; enum body_writer want; } rows[] = {
		{ NET MARKS "\r\n", BODY_WRITER_FOR_IIS },
		{ NET "X-App: own field first\r\n" MARKS "\r\n", BODY_WRITER_FOR_IIS },
		{ "\xEF\xBB\xBF" NET MARKS "\r\n", BODY_WRITER_FOR_IIS },
		{ "\r\n" NET MARKS "\r\n", BODY_WRITER_FOR_IIS },
		{ "From a@b Sat Nov 28 10:00:00 2026\r\n" NET MARKS "\r\n", BODY_WRITER_FOR_IIS },
		{ MARKS "\r\n", BODY_WRITER_UNKNOWN },
		{ CDO MARKS "\r\n", BODY_WRITER_UNKNOWN },
		{ NET "MIME-Version: 1.0\r\nDate: Sat, 21 Nov 2026 19:04:57 +0100\r\n\r\n", BODY_WRITER_UNKNOWN },
		{ NET "From: a@b\r\nDate: 21 Nov 2026 19:04:57 +0100\r\n\r\n", BODY_WRITER_UNKNOWN },
		{ NET "\r\n" MARKS, BODY_WRITER_UNKNOWN },
		{ CDO "X-Mailer: Microsoft CDO for Windows 2000\r\n\r\n", BODY_WRITER_FOR_IIS },
		{ CDO "thread-index: AcpR\r\nFrom: a@b\r\n\r\n", BODY_WRITER_FOR_IIS },
		{ CDO "Content-Class: urn:content-classes:message\n\n", BODY_WRITER_FOR_IIS },
		{ "X-Mailer: Microsoft CDO for Windows 2000\r\n\r\n", BODY_WRITER_UNKNOWN },
		{ "From: a@b\r\n" CDO "thread-index: AcpR\r\n\r\n", BODY_WRITER_UNKNOWN },
		{ CDO "X-Mailer: Mine\r\n\r\n", BODY_WRITER_UNKNOWN },
		{ CDO "From: a@b\r\n\r\n", BODY_WRITER_UNKNOWN },
		/* it was sent before: its marks are those of a program that wrote to another folder */
		{ CDO "thread-index: AcpR\r\nReceived: by x\r\n\r\n", BODY_WRITER_UNKNOWN },
		{ NET MARKS "Received: by x\r\n\r\n", BODY_WRITER_UNKNOWN },
		{ CDO "Received: by x\r\nthread-index: AcpR\r\n\r\n", BODY_WRITER_SERVER },
		{ "Received: by x\r\n\r\n", BODY_WRITER_UNKNOWN },
		{ "", BODY_WRITER_UNKNOWN }, { "text", BODY_WRITER_UNKNOWN }, { "..\n", BODY_WRITER_UNKNOWN },
	};

	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(writer_find(rows[i].in, strlen(rows[i].in)) == rows[i].want, "row %zu", i);
}
END_TEST

/* --- how far a file has come --- */

START_TEST(test_part)
{
	static const struct { const char *in; enum judge_part want; } rows[] = {
		{ "", JUDGE_IN_HEADER }, { "Fr", JUDGE_IN_HEADER }, { "From: a@b", JUDGE_IN_HEADER },
		{ "From: a@b\n", JUDGE_IN_HEADER }, { "From: a@b\nTo:", JUDGE_IN_HEADER },
		{ "From: a@b\nTo", JUDGE_IN_HEADER }, { "From: a@b\r\n\r", JUDGE_IN_HEADER },
		{ "x-sender: a@b\nx-receiver: c@d\n", JUDGE_IN_HEADER }, { "\n\n", JUDGE_IN_HEADER },
		{ "From a@b Sat Nov 28 10:00:00 2026\nFrom: a@b\n", JUDGE_IN_HEADER },
		{ "From: a@b\n\n", JUDGE_NO_TEXT }, { "From: a@b\r\n\r\n", JUDGE_NO_TEXT },
		{ "From: a@b\r\r\n\r\r\n", JUDGE_NO_TEXT },
		{ "From: a@b\n\nx", JUDGE_WHOLE }, { "From: a@b\r\n\r\n\r\n", JUDGE_WHOLE },
		{ "From: a@b\ntext without a header\n", JUDGE_WHOLE }, { "text\n", JUDGE_WHOLE },
		{ "From a@b Sat Nov 28 10:00:00 2026\nFrom: a@b\n\nx", JUDGE_WHOLE },
	};

	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(compose_part(rows[i].in, strlen(rows[i].in)) == rows[i].want, "\"%s\"",
		    rows[i].in);
}
END_TEST

/* --- plain and with doubled dots --- */

static void
stuff(const char *raw, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (raw[i] == '.' && (i == 0 || raw[i - 1] == '\n' || raw[i - 1] == '\r'))
			buf_add(out, ".", 1);
		buf_add(out, raw + i, 1);
	}
}

/* The result of auto for `raw` as it is and with doubled dots is that of plain for `raw`. */
static void
check_both_ways(const char *what, const char *raw, size_t len, bool kept, bool undone)
{
	struct buf want = BUF_INIT(MAX), stuffed = BUF_INIT(MAX), got = BUF_INIT(MAX);

	describe(raw, len, CONFIG_DOTS_PLAIN, 0, &want);
	describe(raw, len, CONFIG_DOTS_AUTO, 0, &got);
	ck_assert_msg(!kept || strcmp(buf_text(&want), buf_text(&got)) == 0, "%s: plain, and damaged:\n%s", what,
	    buf_text(&got));
	stuff(raw, len, &stuffed);
	buf_clear(&got);
	describe(stuffed.data, stuffed.len, CONFIG_DOTS_AUTO, 0, &got);
	ck_assert_msg(!undone || strcmp(buf_text(&want), buf_text(&got)) == 0, "%s: doubled, and left so:\n%s",
	    what, buf_text(&got));
	buf_done(&want);
	buf_done(&stuffed);
	buf_done(&got);
}

/*
 * What people write at the start of a line, below the marks of a program for IIS. TOLD: auto tells plain from
 * doubled. KEPT: it keeps the plain form, and may leave the doubled one. DOUBT: it takes the plain form for a
 * doubled one, which is likelier there.
 */
static const struct { const char *line; enum { TOLD, KEPT, DOUBT } what; } line_rows[] = {
	{ "... and so on.", TOLD }, { "...", KEPT }, { "....", KEPT }, { ".....", KEPT },
	{ ".", TOLD }, { "..", DOUBT }, { ".profile was changed", TOLD }, { ". (#5.5.0)", KEPT }, { ".. as I said", KEPT },
	{ ".... as I said", DOUBT },
	{ ".ExternalClass {", TOLD }, { "./configure", KEPT }, { "../README", KEPT }, { ".de XX", TOLD },
	{ "............", KEPT }, { ".NET", TOLD }, { ".5 percent", TOLD }, { "no dot.", TOLD },
	{ "..\r\n... and so on.", DOUBT }, { ".a\r\n..\r\n...\r\n....", KEPT },
};

START_TEST(test_lines)
{
	static const char *const heads[] = { NET MARKS "Subject: s\r\n\r\nHello,\r\n",
	    CDO "thread-index: AcpR\r\nFrom: a@b\r\n\r\n" };
	char raw[400];

	for (size_t i = 0; i < nitems_of(line_rows); i++)
		for (size_t k = 0; k < nitems_of(heads); k++) {
			snprintf(raw, sizeof(raw), "%s%s\r\nend\r\n", heads[k], line_rows[i].line);
			check_both_ways(line_rows[i].line, raw, strlen(raw), line_rows[i].what != DOUBT,
			    line_rows[i].what == TOLD);
		}
}
END_TEST

/* The same lines from writers without marks: no plain file is damaged. */
START_TEST(test_plain)
{
	static const char *const heads[] = { CDO "From: a@b\r\n\r\n", "From: a@b\r\nTo: c@d\r\n\r\n",
	    CDO "Received: by x\r\nFrom: a@b\r\n\r\n..\r\n" };
	char raw[400];

	for (size_t i = 0; i < nitems_of(line_rows); i++)
		for (size_t k = 0; k < nitems_of(heads); k++) {
			/* two dots alone are evidence by themselves, but not in a drop file */
			if (strncmp(line_rows[i].line, "..\r", 3) == 0 || strcmp(line_rows[i].line, "..") == 0)
				continue;
			snprintf(raw, sizeof(raw), "%s%s\r\nend\r\n", heads[k], line_rows[i].line);
			check_both_ways(line_rows[i].line, raw, strlen(raw), true, false);
		}
}
END_TEST

/* --- address literals of ours --- */

START_TEST(test_own_literal)
{
	static char own[] = "203.0.113.5", *owns[] = { own };
	struct config_server server = { .own_address = { owns, 1 } };
	struct config_domain domain = { .name = (char *)"corp.example" };
	const struct compose_rules rules = { .fqdn = "mx.corp.example", .domain = "corp.example",
	    .server = &server, .id = "0123456789abcdef", .date = "x" };
	static const char text[] = "x-sender: a@[203.0.113.5]\r\nx-receiver: b@[203.0.113.5]\r\n"
	    "x-receiver: c@[203.0.113.6]\r\nSubject: x\r\n\r\n";
	struct message_envelope e = { 0 };
	struct buf out = BUF_INIT(MAX);
	char detail[COMPOSE_DETAIL_SIZE];
	struct compose_header h;

	server.default_domain = &domain;
	ck_assert_int_eq(compose_split(text, sizeof(text) - 1, true, &h), 1);
	ck_assert_int_eq(compose_message(&rules, text, &h, &e, &out, detail), JUDGE_GOOD);
	ck_assert_str_eq(e.sender, "a@[203.0.113.5]");
	ck_assert_uint_eq(e.nrcpt, 2);
	ck_assert_str_eq(e.rcpt[0].address, "b@corp.example");
	ck_assert_str_eq(e.rcpt[1].address, "c@[203.0.113.6]");
	message_envelope_done(&e);
	buf_done(&out);
}
END_TEST

/* --- limits --- */

static enum judge_reason
reason_of(const struct buf *raw, size_t *recipients)
{
	struct message_envelope e = { 0 };
	struct buf out = BUF_INIT(MAX);
	char detail[COMPOSE_DETAIL_SIZE];
	enum judge_reason reason = compose(raw->data, raw->len, CONFIG_DOTS_AUTO, raw->len / 2, &e, &out,
	    detail);

	*recipients = e.nrcpt;
	message_envelope_done(&e);
	buf_done(&out);
	return reason;
}

START_TEST(test_header_limit)
{
	static const char head[] = "From: a@b\r\nTo: c@d\r\n";

	for (size_t extra = 0; extra < 2; extra++) {
		struct buf raw = BUF_INIT(MAX);
		size_t recipients, fill = PICKUP_FORM_FIELDS_MAX - (sizeof(head) - 1) - 5 + extra;

		buf_puts(&raw, head);
		buf_puts(&raw, "X: ");
		memset(buf_room(&raw, fill), 'x', fill);
		raw.len += fill;
		buf_puts(&raw, "\r\n\r\nbody\r\n");
		ck_assert_int_eq(reason_of(&raw, &recipients), extra == 0 ? JUDGE_GOOD : JUDGE_LONG_HEADER);
		buf_done(&raw);
	}
}
END_TEST

START_TEST(test_many_recipients)
{
	struct buf raw = BUF_INIT(MAX);
	size_t recipients;

	for (unsigned i = 0; i < 100000; i++)
		buf_printf(&raw, "x-receiver: user%u@corp.example\n", i);
	buf_puts(&raw, "From: a@b\n\n");
	ck_assert_int_eq(reason_of(&raw, &recipients), JUDGE_GOOD);
	ck_assert_uint_eq(recipients, 100000);
	buf_clear(&raw);
	for (unsigned i = 0; i < 100000; i++)
		buf_puts(&raw, "x-receiver: same@corp.example\n");
	buf_puts(&raw, "From: a@b\n\n");
	ck_assert_int_eq(reason_of(&raw, &recipients), JUDGE_GOOD);
	ck_assert_uint_eq(recipients, 1);
	buf_clear(&raw);
	buf_puts(&raw, "From: a@b\nTo: ");
	for (unsigned i = 0; i <= PICKUP_FORM_RECIPIENTS_MAX; i++)
		buf_puts(&raw, "a,");
	buf_puts(&raw, "\n\n");
	ck_assert_int_eq(reason_of(&raw, &recipients), JUDGE_MANY_RECIPIENTS);
	buf_done(&raw);
}
END_TEST

/* Pieces that never come to an end of the header are given up, not gathered. */
START_TEST(test_endless)
{
	static const char *const bits[] = { "x", "\r\n", "a: b\r\n", " ", "x-receiver: a@b\r\n", ":",
	    "x: y\r\n z\r\n" };

	for (size_t i = 0; i < nitems_of(bits); i++) {
		struct buf text = BUF_INIT(MAX), many = BUF_INIT(MAX);
		struct compose_header h;

		while (many.len < 65536)
			buf_puts(&many, bits[i]);
		while (text.len < PICKUP_FORM_HEADER_MAX + PICKUP_FILE_PIECE)
			buf_add(&text, many.data, many.len);
		buf_done(&many);
		ck_assert_msg(compose_split(text.data, text.len, false, &h) != 0, "\"%s\" for ever", bits[i]);
		buf_done(&text);
	}
}
END_TEST

UNIT_MAIN("compose", test_own_literal, test_fixtures, test_dots, test_writer, test_part, test_lines, test_plain, test_header_limit, test_many_recipients, test_endless)
