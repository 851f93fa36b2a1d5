/* note - the round trip of note lines; torn, foreign and hostile lines */

#include <string.h>

#include "deliver/result/result.h"
#include "t/unit/check_main.h"

static const struct {
	struct note_line line;
	const char *text;
} rows[] = {
	{ { NOTE_DEFERRED, 3, 1795288657, 451, "4.7.1", "mx.example.net", "4.7.1 greylisted, come back" },
	    "deferred 3 1795288657 4.7.1 451 mx.example.net 4.7.1 greylisted, come back\n" },
	{ { NOTE_QUICK, 1, 1795288657, 0, "4.4.1", "", "cannot connect" },
	    "quick 1 1795288657 4.4.1 0 - cannot connect\n" },
	{ { NOTE_FAILED, 99999, 1795288657123456, 550, "5.1.1", "[192.0.2.1]", "no" },
	    "failed 99999 1795288657123456 5.1.1 550 [192.0.2.1] no\n" },
	{ { NOTE_DELAYED, 1, 1795288657, 0, "-", "", "" }, "delayed 1 1795288657 - 0 - \n" },
};

START_TEST(test_there_and_back)
{
	struct buf all = BUF_INIT(1U << 16);
	struct note_line line;
	size_t pos = 0;

	for (size_t i = 0; i < nitems_of(rows); i++) {
		size_t at = all.len;

		note_format(&rows[i].line, &all);
		ck_assert_str_eq(buf_text(&all) + at, rows[i].text);
	}
	for (size_t i = 0; i < nitems_of(rows); i++) {
		ck_assert(note_next(all.data, all.len, &pos, &line));
		ck_assert_int_eq(line.kind, rows[i].line.kind);
		ck_assert_uint_eq(line.number, rows[i].line.number);
		ck_assert_int_eq(line.time, rows[i].line.time);
		ck_assert_int_eq(line.code, rows[i].line.code);
		ck_assert_str_eq(line.status, rows[i].line.status);
		ck_assert_str_eq(line.host, rows[i].line.host);
		ck_assert_str_eq(line.text, rows[i].line.text);
	}
	ck_assert(!note_next(all.data, all.len, &pos, &line));
	buf_done(&all);
}
END_TEST

START_TEST(test_torn_and_foreign)
{
	static const char text[] =
	    "\nfailed 7\nhuh? what\n\nfailed 2 5 5.0.0 0 - a\nfailed 3 6 5.0.0 0 - torn";
	struct note_line line;
	size_t pos = 0;

	ck_assert(note_next(text, sizeof(text) - 1, &pos, &line) && line.kind == NOTE_FAILED &&
	    line.number == 7);
	ck_assert(note_next(text, sizeof(text) - 1, &pos, &line) && line.kind == NOTE_OTHER);
	ck_assert(note_next(text, sizeof(text) - 1, &pos, &line) && line.number == 2);
	ck_assert(!note_next(text, sizeof(text) - 1, &pos, &line));
}
END_TEST

/* The text of a peer cannot make a line or a word of its own; a long line does not break the reader. */
START_TEST(test_hostile)
{
	struct note_line line = { .kind = NOTE_DEFERRED, .number = 1, .status = "4.0.0", .host = "h 7\x7f",
	    .text = "x\nfailed 0 1 5.0.0 0 - y\r\t" };
	struct buf out = BUF_INIT(1U << 16);
	size_t pos = 0;

	note_format(&line, &out);
	ck_assert_ptr_eq(strchr(out.data, '\n'), out.data + out.len - 1);
	buf_clear(&out);
	buf_puts(&out, "failed 0 1 5.0.0 0 ");
	for (int i = 0; i < 3000; i++)
		buf_puts(&out, "h");
	buf_puts(&out, " ");
	for (int i = 0; i < 3000; i++)
		buf_puts(&out, "t");
	buf_puts(&out, "\n");
	ck_assert(note_next(out.data, out.len, &pos, &line));
	ck_assert_uint_eq(strlen(line.host), sizeof(line.host) - 1);
	ck_assert_uint_eq(strlen(line.text), sizeof(line.text) - 1);
	buf_done(&out);
}
END_TEST

UNIT_MAIN("note", test_there_and_back, test_torn_and_foreign, test_hostile)
