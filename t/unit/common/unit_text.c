/* unit_text - lines and words of unit files of systemd; each path that is written is read as it was */
#include "common/host/unit_text.h"

#include <string.h>

#include "common/base/buf.h"
#include "t/unit/check_main.h"

static void
note_line(void *arg, const char *section, const char *key, const char *value)
{
	buf_printf(arg, "%s|%s|%s\n", section, key, value);
}

START_TEST(test_lines)
{
	static const struct { const char *text, *said; } rows[] = {
		{ "", "" },
		{ "[Service]\nA=1\n  B = 2 \t\n", "Service||\nService|A|1\nService|B|2\n" },
		{ "A=1\n[Unit]\n", "|A|1\nUnit||\n" },
		{ "A=1 \\\n# said\n; said\n  2\nB=3", "|A|1    2\n|B|3\n" },
		{ "A=1 \\", "|A|1\n" },
		{ "A=x\\\n\\\n=", "|A|x  =\n" },
		{ "#A=1\n;B=2\n\n\nno assignment\nC=\n", "|C|\n" },
		{ "[Service\nA=[x]\r\n", "|A|[x]\n" },
		{ "=\n]\n[]\nA=1", "||\n||\n|A|1\n" },
	};
	struct buf said = BUF_INIT(4096);

	for (size_t i = 0; i < nitems_of(rows); i++) {
		buf_clear(&said);
		unit_text_each(rows[i].text, note_line, &said);
		ck_assert_str_eq(buf_text(&said), rows[i].said);
	}
	buf_done(&said);
}
END_TEST

START_TEST(test_words)
{
	static const struct { const char *value, *said; int end; } rows[] = {
		{ "", "", 0 }, { "  ", "", 0 }, { "/a  -/b\t/c ", "/a,-/b,/c,", 0 },
		{ "\"/a b\" '/c \"d'", "/a b,/c \"d,", 0 }, { "/50%%", "/50%,", 0 }, { "/a\\ b \\\\", "/a b,\\,", 0 },
		{ "/a %S/b", "/a,", -1 }, { "/a \"b", "/a,", -1 }, { "/a\\", "", -1 }, { "%", "", -1 },
	};
	struct buf said = BUF_INIT(4096), word = BUF_INIT(4096);

	for (size_t i = 0; i < nitems_of(rows); i++) {
		const char *at = rows[i].value;
		int found;

		buf_clear(&said);
		while ((found = unit_text_word(&at, &word)) == 1)
			buf_printf(&said, "%s,", buf_text(&word));
		ck_assert_int_eq(found, rows[i].end);
		ck_assert_str_eq(buf_text(&said), rows[i].said);
	}
	buf_done(&said);
	buf_done(&word);
}
END_TEST

START_TEST(test_paths)
{
	static const char *const good[] = {
		"/", "/srv/mail", "/srv/a b", "/srv/\"'\\", "/50%/%%", "/a\\", "/ends ", "/a:b;#$x", "/gr\xc3\xbc\xc3\x9f",
		"/..a/b..", "/'", "/a\\nb",
	};
	static const char *const bad[] = { "", "srv", "/a/../b", "/..", "/a\nb", "/a\tb", "/\x7f", "/\xff", "/a\xc3" };
	struct buf text = BUF_INIT(4096), word = BUF_INIT(4096);

	for (size_t i = 0; i < nitems_of(good); i++) {
		const char *at;

		buf_clear(&text);
		ck_assert_int_eq(unit_text_put_path(&text, "-", good[i]), 0);
		at = buf_text(&text);
		ck_assert_int_eq(unit_text_word(&at, &word), 1);
		ck_assert_str_eq(buf_text(&word) + 1, good[i]);
		ck_assert_int_eq(unit_text_word(&at, &word), 0);
	}
	buf_clear(&text);
	for (size_t i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(unit_text_put_path(&text, "-", bad[i]) == -1 && text.len == 0, "%s", bad[i]);
	buf_done(&text);
	buf_done(&word);
}
END_TEST

UNIT_MAIN("unit_text", test_lines, test_words, test_paths)
