/*
 * shown_text - what a peer sends and a log shows: every byte and every code point, by each way into a log
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/w3clog/w3clog.h"
#include "t/unit/check_main.h"

/* Written down beside the table of utf8.c, one reason a row. */
static const struct { unsigned first, last; } dangers[] = {
	{ 0x00, 0x1f }, { 0x7f, 0x7f },		/* C0: ESC begins a command for a terminal */
	{ 0x80, 0x9f },				/* C1: 9B is CSI */
	{ 0x202a, 0x202e }, { 0x2066, 0x2069 }, { 0x200e, 0x200f }, { 0x61c, 0x61c },	/* direction */
	{ 0x2028, 0x2029 },			/* ends of lines */
	{ 0xfeff, 0xfeff }, { 0x200b, 0x200d }, { 0x2060, 0x2064 }, { 0xad, 0xad }, { 0x180e, 0x180e },
	{ 0x206a, 0x206f }, { 0xfff9, 0xfffb }, { 0xe0001, 0xe0001 }, { 0xe0020, 0xe007f },	/* unseen */
	{ 0xfe00, 0xfe0f }, { 0xe0100, 0xe01ef }, { 0x3164, 0x3164 }, { 0xffa0, 0xffa0 }, { 0x115f, 0x1160 },
	{ 0x1d173, 0x1d17a }, { 0x1bca0, 0x1bca3 },
	{ 0xd800, 0xdfff },			/* surrogates */
	{ 0xfdd0, 0xfdef }, { 0xfffe, 0xffff },	/* noncharacters, and the last two of each plane */
	{ 0x110000, 0x1fffff },
};

static bool
is_danger(unsigned point)
{
	for (size_t i = 0; i < sizeof(dangers) / sizeof(dangers[0]); i++)
		if (point >= dangers[i].first && point <= dangers[i].last)
			return true;
	return (point & 0xfffe) == 0xfffe;
}

/* Also of what is none: surrogates, beyond U+10FFFF. */
static size_t
encode(unsigned char *s, unsigned point)
{
	size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;

	for (size_t i = n; i > 1; i--, point >>= 6)
		s[i - 1] = (unsigned char)(0x80 | (point & 0x3f));
	s[0] = (unsigned char)(n == 1 ? point : (0xf00U >> n & 0xf0) | point);
	s[n] = '\0';
	return n;
}

static bool
is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

/* A line of the event log with that text in it, without log_safe(). */
static const char *
event_of(const char *text)
{
	static char got[4096];
	int saved = dup(STDERR_FILENO), pair[2];
	ssize_t n;

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_ne(dup2(pair[1], STDERR_FILENO), -1);
	log_event(LOG_FACT, text, text, "text=%s", text);
	ck_assert_int_ne(dup2(saved, STDERR_FILENO), -1);
	n = read(pair[0], got, sizeof(got) - 1);
	ck_assert_int_gt((int)n, 0);
	ck_assert_int_eq(got[n - 1], '\n');
	got[n - 1] = '\0';
	close(pair[0]);
	close(pair[1]);
	close(saved);
	return got;
}

static const char *
protocol_line_of(enum config_log_format kind, const char *text, size_t len)
{
	static char got[4096];
	struct config c = { .service = { .hostname = "a.example" } };
	struct config_server s = { .name = "default", .id = 1, .log_format = kind };
	struct w3clog_fact fact = { .peer = "192.0.2.1", .local = "192.0.2.2", .method = { text, len },
	    .query = { text, len }, .user = text, .reply = 250 };
	struct w3clog_format f;
	struct buf out = BUF_INIT(4096);

	w3clog_fields_init(&f, &c, &s);
	w3clog_fields_line(&out, &f, &fact);
	ck_assert_int_eq(out.data[out.len - 1], '\n');
	snprintf(got, sizeof(got), "%.*s", (int)out.len - 1, out.data);
	buf_done(&out);
	return got;
}

START_TEST(every_byte)
{
	for (unsigned b = 1; b < 256; b++) {
		char text[] = { 'x', (char)b, 'y', '\0' }, want[16];

		snprintf(want, sizeof(want), b == ' ' || b == '=' ? "\"x%cy\"" : b == '"' ? "\"x\\%cy\"" :
		    b == '\\' ? "x\\%cy" : b < ' ' || b > '~' ? "x\\x%02xy" : "x%cy", b);
		ck_assert_str_eq(log_safe(text), want);
		ck_assert_msg(is_ascii(event_of(text)), "%02x", b);
		ck_assert_msg(is_ascii(protocol_line_of(CONFIG_LOG_W3C, text, 3)), "%02x", b);
		ck_assert_msg(is_ascii(protocol_line_of(CONFIG_LOG_JSON, text, 3)), "%02x", b);
	}
	ck_assert_str_eq(log_safe_n("x\0y", 3), "x\\x00y");
	ck_assert(is_ascii(protocol_line_of(CONFIG_LOG_W3C, "x\0y", 3)));
	ck_assert(is_ascii(protocol_line_of(CONFIG_LOG_JSON, "x\0y", 3)));
}
END_TEST

START_TEST(every_code_point)
{
	unsigned char text[8];
	char json[UTF8_JSON_SIZE];

	for (unsigned point = 0x80; point < 0x140000; point++) {
		size_t n = encode(text, point);
		const char *safe = log_safe((const char *)text);

		bool shown = utf8_take_printable(text, n) != 0;

		/* One call of check a point costs minutes: only for what is wrong. */
		if (is_ascii(safe) == shown || (shown && (is_danger(point) || strcmp(safe, (const char *)text) != 0)))
			ck_abort_msg("U+%04X is %s", point, safe);
		if (utf8_format_json(json, text, n) != (utf8_take(text, n, NULL) > 0 ? n : 1) || is_ascii(json) == shown)
			ck_abort_msg("U+%04X is %s in JSON", point, json);
	}
	/* Letters and signs of many scripts are seen as they are. */
	ck_assert_str_eq(log_safe("ü€Жбחשعر中あ한ก😀ﷺ"), "ü€Жбחשعر中あ한ก😀ﷺ");
}
END_TEST

/* Each way into a log with the worst of each kind: overlong forms, halves, and what turns a line. */
START_TEST(each_way)
{
	static const char *const rows[] = {
		"\x9b" "31mx", "\xc2\x9b" "2J", "a\xe2\x80\xae" "b", "\xe2\x81\xa7", "\xe2\x80\xa8", "\xef\xbb\xbf",
		"\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xed\xa0\x80", "\xed\xb0\x80", "\xf4\x90\x80\x80",
		"\xef\xbf\xbe", "\xf0\x9f\xbf\xbf", "\xe2\x82", "\xf0\x9f\x98", "\xc3", "\xff", "\x1b]0;x\x07", "\xd8\x9c",
		"\xf3\xa0\x81\x81", "\xe2\x80\x8b",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_msg(is_ascii(log_safe(rows[i])), "%zu", i);
		ck_assert_msg(is_ascii(event_of(rows[i])), "%zu", i);
		ck_assert_msg(is_ascii(protocol_line_of(CONFIG_LOG_W3C, rows[i], strlen(rows[i]))), "%zu", i);
		ck_assert_msg(is_ascii(protocol_line_of(CONFIG_LOG_JSON, rows[i], strlen(rows[i]))), "%zu", i);
	}
	ck_assert_ptr_nonnull(strstr(protocol_line_of(CONFIG_LOG_JSON, "\xe2\x80\xae", 3), "\"\\u202e\""));
	ck_assert_ptr_nonnull(strstr(protocol_line_of(CONFIG_LOG_JSON, "\xf3\xa0\x81\x81", 4), "\"\\udb40\\udc41\""));
}
END_TEST

/* A line that is cut, and a value that is, end with a whole character. */
START_TEST(cut_ends)
{
	char text[6002];

	for (size_t skip = 0; skip < 3; skip++) {
		const char *got;

		for (size_t i = 0; i + 3 < sizeof(text); i += 3)
			memcpy(text + i, "\xe2\x82\xac", 4);
		memmove(text + skip, text, sizeof(text) - skip);
		memset(text, 'x', skip);
		text[sizeof(text) - 1] = '\0';
		for (got = log_safe(text); *got != '\0';) {
			size_t n = utf8_take_printable((const unsigned char *)got, strlen(got));

			ck_assert_uint_gt(n, 0);
			got += n;
		}
		text[5000 + skip] = '\0';
		for (got = event_of(text + 4000); *got != '\0';) {
			size_t n = utf8_take_printable((const unsigned char *)got, strlen(got));

			ck_assert_uint_gt(n, 0);
			got += n;
		}
	}
}
END_TEST

UNIT_MAIN("shown_text", every_byte, every_code_point, each_way, cut_ends)
