/*
 * w3clog - lines compared with literal lines of the original, hostile
 * bytes, JSON, file names at the limits of their periods, old files
 */
#include "common/w3clog/w3clog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "t/unit/check_main.h"

#define TEXT(s) { s, sizeof(s) - 1 }
#define AT INT64_C(1160370015000000)	/* 2006-10-09 05:00:15 UTC */

static struct w3clog_format
format_of(enum config_log_format format, struct config_strings fields)
{
	struct config c = { .service = { .hostname = "mee-pdc.example.com" } };
	struct config_server s = { .name = "default", .id = 1, .log_format = format, .log_fields = fields };
	struct w3clog_format f;

	w3clog_fields_init(&f, &c, &s);
	return f;
}

static const struct line_row {
	struct w3clog_fact fact;
	const char *w3c, *json;		/* behind date and time; NULL: not looked at */
} line_rows[] = {
	{ { .peer = "192.0.2.106", .user = "36A42160", .local = "192.168.1.2", .port = 25,
	    .method = TEXT("HELO"), .query = TEXT(" 36A42160"), .reply = 250, .sent = 48, .received = 13 },
	    "192.0.2.106 36A42160 SMTPSVC1 MEE-PDC 192.168.1.2 0 HELO - +36A42160 250 0 48 13 0 SMTP - - - -",
	    "\"peer\":\"192.0.2.106\",\"helo\":\"36A42160\",\"server\":\"default\",\"service\":\"SMTPSVC1\",\"computer\":\"MEE-PDC\",\"local\":\"192.168.1.2\","
	    "\"local-port\":25,\"command\":\"HELO\",\"arguments\":\"36A42160\",\"reply\":250,\"sent-bytes\":48,\"received-bytes\":13,\"ms\":0}" },
	{ { .peer = "192.0.2.106", .user = "x", .local = "192.168.1.2", .method = TEXT("MAIL"),
	    .query = TEXT(" FROM: <a@b.example>"), .reply = 250, .sent = 57, .received = 45 },
	    "192.0.2.106 x SMTPSVC1 MEE-PDC 192.168.1.2 0 MAIL - +FROM:+<a@b.example> 250 0 57 45 0 SMTP - - "
	    "- -", NULL },
	{ { .peer = "192.0.2.106", .user = "x", .local = "192.168.1.2", .method = TEXT("DATA"),
	    .message_id = "<4F5002F2.860022@web.example>",
	    .id = "0123456789abcdef", .reply = 250, .sent = 108, .received = 1399, .ms = 1922 },
	    "192.0.2.106 x SMTPSVC1 MEE-PDC 192.168.1.2 0 DATA - +<4F5002F2.860022@web.example> 250 0 108 "
	    "1399 1922 SMTP - - - -",
	    "\"command\":\"DATA\",\"message-id\":\"<4F5002F2.860022@web.example>\",\"id\":\"0123456789abcdef\",\"reply\":250,\"sent-bytes\":108," },
	{ { .peer = "192.0.2.106", .user = "x", .local = "192.168.1.2", .method = TEXT("QUIT"),
	    .query = TEXT("x"), .reply = 221, .status = 240, .session_ms = 6219, .sent = 68, .received = 4 },
	    "192.0.2.106 x SMTPSVC1 MEE-PDC 192.168.1.2 0 QUIT - x 240 6219 68 4 0 SMTP - - - -",
	    "\"reply\":221,\"session-ms\":6219," },
	{ { .peer = "192.0.2.255", .local = "192.168.1.2", .method = TEXT("xxxx"), .query = TEXT(" rr.com"),
	    .reply = 500, .sent = 32, .received = 11 },
	    "192.0.2.255 - SMTPSVC1 MEE-PDC 192.168.1.2 0 xxxx - +rr.com 500 0 32 11 0 SMTP - - - -", NULL },
	{ { .kind = W3CLOG_COMMAND, .peer = "192.0.2.34", .port = 25, .method = TEXT("MAIL"),
	    .query = TEXT("FROM:<a@example.com> SIZE=1722"), .sent = 4 },
	    "192.0.2.34 OutboundConnectionCommand SMTPSVC1 MEE-PDC - 25 MAIL - "
	    "FROM:<a@example.com>+SIZE=1722 0 0 4 0 0 SMTP - - - -",
	    "\"peer-port\":25,\"command\":\"MAIL\",\"arguments\":\"FROM:<a@example.com> "
	    "SIZE=1722\",\"sent-bytes\":4,\"ms\":0}" },
	{ { .kind = W3CLOG_RESPONSE, .peer = "192.0.2.34", .port = 25, .query = TEXT("250-mx1.example.org"),
	    .sent = 19, .ms = 16 },
	    "192.0.2.34 OutboundConnectionResponse SMTPSVC1 MEE-PDC - 25 - - 250-mx1.example.org 0 0 19 0 16 "
	    "SMTP - - - -", "\"response\":\"250-mx1.example.org\",\"response-bytes\":19,\"ms\":16}" },
	/* hostile bytes */
	{ { .user = "#a b\"\n%41\xff", .method = TEXT("#F\0x"), .query = TEXT(" \r\n\t\x7f\xc3\xa9") },
	    "- %23a+b%22%0A%2541%FF SMTPSVC1 MEE-PDC - 0 %23F%00x - +%0D%0A%09%7F%C3%A9 0 0 0 0 0 SMTP - - - "
	    "-", "\"helo\":\"#a b\\\"\\u000a%41\\ufffd\",\"server\"" },
	{ { .method = TEXT("a\\\0b"),
	    .query = TEXT(" \xc3\xa9\xc3\xed\xa0\x80\xf4\x90\x80\x80 \xe2\x82\xac") }, NULL,
	    "\"command\":\"a\\\\\\u0000b\",\"arguments\":\"\xc3\xa9\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd \xe2\x82\xac\"," },
};

/* shows 7.1d */
START_TEST(test_lines)
{
	struct w3clog_format w3c = format_of(CONFIG_LOG_W3C, (struct config_strings){ 0 });
	struct w3clog_format json = format_of(CONFIG_LOG_JSON, (struct config_strings){ 0 });

	for (size_t i = 0; i < nitems_of(line_rows); i++) {
		const struct line_row *row = &line_rows[i];
		struct w3clog_fact fact = row->fact;
		struct buf out = BUF_INIT(W3CLOG_LINE_MAX);

		fact.time_us = AT;
		w3clog_fields_line(&out, &w3c, &fact);
		ck_assert(strncmp(out.data, "2006-10-09 05:00:15 ", 20) == 0 &&
		    out.data[out.len - 1] == '\n');
		out.data[out.len - 1] = '\0';
		if (row->w3c != NULL)
			ck_assert_str_eq(out.data + 20, row->w3c);
		buf_clear(&out);
		w3clog_fields_line(&out, &json, &fact);
		ck_assert(strncmp(out.data, "{\"time\":\"2006-10-09T05:00:15.000000Z\",\"kind\":\"",
		    46) == 0);
		ck_assert(strcmp(out.data + out.len - 2, "}\n") == 0 && strchr(out.data, '\n') == out.data +
		    out.len - 1);
		ck_assert_msg(row->json == NULL || strstr(out.data, row->json) != NULL, "row %zu: %s", i,
		    out.data);
		buf_done(&out);
	}
}
END_TEST

/* The longest of everything still fits a line, in the worst escaping. */
START_TEST(test_longest)
{
	static char many[4096];

	for (int format = CONFIG_LOG_W3C; format <= CONFIG_LOG_JSON; format++) {
		struct w3clog_format f = format_of(format, (struct config_strings){ 0 });
		struct buf out = BUF_INIT(W3CLOG_LINE_MAX);
		struct w3clog_fact fact;

		memset(many, 0xff, sizeof(many) - 1);
		fact = (struct w3clog_fact){ .time_us = AT, .peer = many, .user = many, .local = many,
		    .method = { many, 4095 }, .query = { many, 4095 },
			.message_id = many, .id = many, .reply = 250, .status = 240, .session_ms = UINT64_MAX,
			.sent = UINT64_MAX };
		w3clog_fields_line(&out, &f, &fact);
		ck_assert(buf_ok(&out) && out.data[out.len - 1] == '\n');
		buf_done(&out);
	}
}
END_TEST

START_TEST(test_field_choice)
{
	char *names[] = { "time", "CS-METHOD", "cs(User-Agent)" };
	struct w3clog_format f = format_of(CONFIG_LOG_W3C, (struct config_strings){ names, 3 });
	struct w3clog_fact fact = { .time_us = AT, .method = TEXT("NOOP") };
	struct buf out = BUF_INIT(W3CLOG_LINE_MAX);

	w3clog_fields_header(&out, &f, AT);
	w3clog_fields_line(&out, &f, &fact);
	ck_assert_str_eq(out.data, "#Software: Postern "
	    POSTERN_VERSION "\n#Version: 1.0\n#Date: 2006-10-09 05:00:15\n"
	    "#Fields: time cs-method cs(User-Agent)\n05:00:15 NOOP -\n");
	buf_clear(&out);
	f = format_of(CONFIG_LOG_JSON, (struct config_strings){ names, 3 });
	w3clog_fields_header(&out, &f, AT);
	w3clog_fields_line(&out, &f, &fact);
	ck_assert_str_eq(out.data,
	    "{\"time\":\"2006-10-09T05:00:15.000000Z\",\"kind\":\"inbound\",\"command\":\"NOOP\"}\n");
	buf_done(&out);
}
END_TEST

/* shows 7.1b */
START_TEST(test_names)
{
	static const struct { enum config_log_roll roll; int64_t seconds; const char *name; } rows[] = {
		{ CONFIG_ROLL_DAILY, 1795305599, "ex261121.log" },	/* 2026-11-21 23:59:59, a Saturday */
		{ CONFIG_ROLL_DAILY, 1795305600, "ex261122.log" },
		{ CONFIG_ROLL_HOURLY, 1795305599, "ex26112123.log" },
		{ CONFIG_ROLL_HOURLY, 1795305600, "ex26112200.log" },
		{ CONFIG_ROLL_WEEKLY, 1795305599, "ex261103.log" },
		{ CONFIG_ROLL_WEEKLY, 1795305600, "ex261104.log" },
		{ CONFIG_ROLL_WEEKLY, 1796083199, "ex261105.log" },	/* 2026-11-30 23:59:59, a Monday */
		{ CONFIG_ROLL_WEEKLY, 1796083200, "ex261201.log" },
		{ CONFIG_ROLL_MONTHLY, 1796083199, "ex2611.log" },
		{ CONFIG_ROLL_MONTHLY, 1796083200, "ex2612.log" },
		{ CONFIG_ROLL_DAILY, 1798761599, "ex261231.log" },
		{ CONFIG_ROLL_DAILY, 1798761600, "ex270101.log" },
		{ CONFIG_ROLL_DAILY, 1835395200, "ex280229.log" },
	};
	char name[W3CLOG_NAME_SIZE];

	for (size_t i = 0; i < nitems_of(rows); i++) {
		w3clog_names_period(name, CONFIG_LOG_W3C, rows[i].roll, rows[i].seconds * 1000000);
		ck_assert_str_eq(name, rows[i].name);
	}
	w3clog_names_period(name, CONFIG_LOG_JSON, CONFIG_ROLL_DAILY, rows[0].seconds * 1000000);
	ck_assert_str_eq(name, "ex261121.json");
	w3clog_names_number(name, CONFIG_LOG_W3C, 12);
	ck_assert_str_eq(name, "extend12.log");
	ck_assert_uint_eq(w3clog_names_parse("extend12.log", CONFIG_LOG_W3C), 12);
	ck_assert_uint_eq(w3clog_names_parse("extend12.log", CONFIG_LOG_JSON), 0);
	ck_assert_uint_eq(w3clog_names_parse("extend012.log", CONFIG_LOG_W3C), 0);
	ck_assert_uint_eq(w3clog_names_parse("extend12.log.1", CONFIG_LOG_W3C), 0);
	ck_assert_uint_eq(w3clog_names_parse("extend99999999999.log", CONFIG_LOG_W3C), 0);
	ck_assert_uint_eq(w3clog_names_parse("ex261121.log", CONFIG_LOG_W3C), 0);
}
END_TEST

/* log-keep: only names that the log itself makes, regular files, older than that. */
START_TEST(test_trim)
{
	static const struct { const char *name; unsigned days; bool gone; } rows[] = {
		{ "ex2611.log", 91, true }, { "ex261121.log", 91, true }, { "ex26112120.json", 91, true },
		{ "extend7.log", 90, true }, { "extend12.json", 1000, true },
		{ "ex261122.log", 89, false }, { "extend8.log", 0, false },
		{ "ex261121.log.1.gz", 91, false }, { "ex26112.log", 91, false }, { "ex2611212.log", 91, false },
		{ "exercise.log", 91, false }, { "extend07.log", 91, false }, { "ex.log", 91, false },
		{ "in261121.log", 91, false }, { "notes.txt", 91, false }, { "ex261121.LOG", 91, false },
	};
	const int64_t now = INT64_C(1796083200000000), day = INT64_C(86400000000);
	char folder[] = "/tmp/postern-unit-XXXXXX", path[200];
	int error;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct timespec at[2] = { { .tv_sec = (now - rows[i].days * day) / 1000000 },
		    { .tv_sec = (now - rows[i].days * day) / 1000000 } };

		snprintf(path, sizeof(path), "%s/%s", folder, rows[i].name);
		close(open(path, O_CREAT | O_WRONLY, 0600));
		ck_assert_int_eq(utimensat(AT_FDCWD, path, at, 0), 0);
	}
	snprintf(path, sizeof(path), "%s/ex200101.log", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	ck_assert_uint_eq(w3clog_trim(folder, 90 * 86400000ULL, now, &error), 5);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(rmdir(path), 0);
	for (size_t i = 0; i < nitems_of(rows); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, rows[i].name);
		ck_assert_msg((unlink(path) == -1) == rows[i].gone, "%s", rows[i].name);
	}
	ck_assert_int_eq(rmdir(folder), 0);
	ck_assert_uint_eq(w3clog_trim(folder, 1, now, &error), 0);
	ck_assert_int_eq(error, ENOENT);
}
END_TEST

UNIT_MAIN("w3clog", test_lines, test_longest, test_field_choice, test_names, test_trim)
