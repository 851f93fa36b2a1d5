/*
 * config_edit - each key of the table set and unset again: the round trip is byte-identical; what is not
 * changed stays as it was written; what an INI file cannot hold is refused
 */
#include "common/edit/config_edit.h"

#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "t/unit/check_main.h"

#define TEXT_MAX (1U << 20)

static char *
text_of(const struct config_edit *e)
{
	struct buf b = BUF_INIT(TEXT_MAX);

	config_edit_text(e, &b);
	buf_add(&b, "", 1);
	return b.data;
}

/* The sample as it is installed; with `ends`, CRLF and no end of the last line. */
static char *
sample(bool server, bool ends)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	struct buf b = BUF_INIT(TEXT_MAX);

	key_print_sample(out, server);
	fclose(out);
	if (!ends)
		return text;
	for (size_t i = 0; i + 1 < len; i++)
		if (text[i] == '\n')
			buf_puts(&b, "\r\n");
		else
			buf_add(&b, &text[i], 1);
	free(text);
	return b.data;
}

static const char *
long_list(const struct key *k)
{
	static char text[4000];
	size_t at = 0;

	for (unsigned i = 0; i < 100; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s10.%u.0.%u", i > 0 ? "," : "", i * 7 % 256, i);
	return text;
}

static bool
is_list(const struct key *k)
{
	return k->kind == KEY_STRINGS || k->kind == KEY_NETS || k->kind == KEY_LISTEN ||
	    k->kind == KEY_LISTEN_TLS || k->kind == KEY_SOURCES || k->kind == KEY_TIMES;
}

/* The line behind which the sample wants it. */
static void
check_place(const char *text, const struct key *k)
{
	char before[100];
	const char *line = strstr(text, "\n"), *found = NULL;

	snprintf(before, sizeof(before), "\n%s = ", k->name);
	line = strstr(text, before);
	ck_assert_msg(line != NULL, "%s", k->name);
	while (line > text && line[-1] != '\n')
		line--;
	for (const char *mark = ";#"; *mark != '\0' && found == NULL; mark++) {
		snprintf(before, sizeof(before), "%c%s =", *mark, k->name);
		if (strncmp(line, before, strlen(before)) == 0)
			found = line;
		snprintf(before, sizeof(before), "%c %s =", *mark, k->name);
		if (strncmp(line, before, strlen(before)) == 0)
			found = line;
	}
	ck_assert_msg(found != NULL, "%s is behind: %.60s", k->name, line);
}

/* Taken back in the same file; in one that has other lines in front; not in one whose lines are others. */
static void
check_undo(const struct config_edit *e, const char *start, const char *now, bool own, const struct config_place *p)
{
	struct buf hunks = BUF_INIT(TEXT_MAX), why = BUF_INIT(1000);
	struct config_edit *back = config_edit_new(now, strlen(now), own), *none;
	char *text, *longer = mem_printf("; in front\n\n%s", now), *wanted = mem_printf("; in front\n\n%s", start);

	config_edit_undo_format(e, &hunks);
	ck_assert_msg(config_edit_undo_apply(back, buf_text(&hunks), p, 1, &why) == 0, "%s\n%s", buf_text(&why), buf_text(&hunks));
	text = text_of(back);
	ck_assert_msg(strcmp(text, start) == 0, "%s", text);
	free(text);
	config_edit_free(back);
	if (strncmp(now, "\xef\xbb\xbf", 3) != 0) {
		back = config_edit_new(longer, strlen(longer), own);
		ck_assert_msg(config_edit_undo_apply(back, buf_text(&hunks), p, 1, &why) == 0, "%s", buf_text(&why));
		text = text_of(back);
		ck_assert_msg(strcmp(text, wanted) == 0, "%s", text);
		free(text);
		config_edit_free(back);
	}
	none = config_edit_new("[general]\n", 10, own);
	ck_assert_int_eq(config_edit_undo_apply(none, buf_text(&hunks), p, 1, &why), -1);
	config_edit_free(none);
	free(longer);
	free(wanted);
	buf_done(&hunks);
	buf_done(&why);
}

static void
round_trip(const char *start, const struct key *k, const char *value, bool placed)
{
	bool named = key_section_is_named(k->section);
	struct config_place p = { k->section, named ? "a" : NULL, k->name };
	struct buf why = BUF_INIT(1000), got = BUF_INIT(TEXT_MAX), diff = BUF_INIT(TEXT_MAX);
	bool own = !key_section_is_global(k->section);
	struct config_edit *e = config_edit_new(start, strlen(start), own);
	char *text;

	if (named)
		ck_assert_int_eq(config_edit_section_add(e, k->section, "a", &why), 0);
	ck_assert_msg(config_edit_set(e, &p, value, &why) == 0, "%s %s", k->name, buf_text(&why));
	ck_assert(config_edit_get(e, &p, &got));
	if (!is_list(k))
		ck_assert_str_eq(buf_text(&got), value);
	text = text_of(e);
	if (placed && !named)
		check_place(text, k);
	check_undo(e, start, text, own, &p);
	config_edit_diff(e, &diff);
	ck_assert_msg(strchr(buf_text(&diff), '+') != NULL && strstr(buf_text(&diff), "\n-") == NULL, "%s: %s", k->name,
	    buf_text(&diff));
	config_edit_free(e);
	e = config_edit_new(text, strlen(text), own);	/* as the next command reads it */
	free(text);
	ck_assert_msg(config_edit_unset(e, &p, &why) == 1, "%s %s", k->name, buf_text(&why));
	ck_assert_int_eq(config_edit_unset(e, &p, &why), 0);
	if (named)
		/* all but a [domain] have gone with their last key */
		ck_assert_int_eq(config_edit_section_remove(e, k->section, "a", &why),
		    k->section != KEY_DOMAIN ? -1 : 0);
	text = text_of(e);
	ck_assert_msg(strcmp(text, start) == 0, "[%s] %s is not undone:\n%s", key_section_name(k->section), k->name, text);
	free(text);
	config_edit_free(e);
	buf_done(&why);
	buf_done(&got);
	buf_done(&diff);
}

/* shows 1.9d */
START_TEST(each_key)
{
	static const char *const others[] = { "", "; only a comment", "[messages]\r\nmax-recipients = 5\r\n",
	    "\xef\xbb\xbf[general]\nlisten = 127.0.0.1:25\n 127.0.0.1:26\n\n[delivery]\nretry=1h\n" };

	for (size_t i = 0; i < key_rows_count; i++) {
		const struct key *k = &key_rows[i];
		bool own = !key_section_is_global(k->section);

		for (unsigned way = 0; way < 2; way++) {
			char *text = sample(own, way == 1);

			round_trip(text, k, k->standard != NULL ? k->standard : "one", way == 0);
			if (is_list(k))
				round_trip(text, k, long_list(k), way == 0);
			free(text);
		}
		for (size_t n = 0; n < nitems_of(others); n++)
			if (strstr(others[n], k->name) == NULL)
				round_trip(others[n], k, k->standard != NULL ? k->standard : "one", false);
	}
}
END_TEST

/* value NULL: unset. `after` NULL: refused. */
static const struct { const char *before, *key, *value, *after; } rows[] = {
	/* one value: the line's form and the comment behind it stay */
	{ "[access]\ntls=off ; for now\n", "tls", "required", "[access]\ntls=required ; for now\n" },
	{ "[access]\ntls  =\toff\nmend = all\n", "tls", "required", "[access]\ntls  =\trequired\nmend = all\n" },
	{ "[access]\ntls: off\n", "tls", "required", "[access]\ntls: required\n" },
	{ "[access]\nbasic-domain = ; none\n", "basic-domain", "X", "[access]\nbasic-domain = X ; none\n" },
	{ "[access]\nbasic-domain =\n", "basic-domain", "X", "[access]\nbasic-domain = X\n" },
	{ "[access]\nbasic-domain = X\n", "basic-domain", "", "[access]\nbasic-domain =\n" },
	{ "[access]\ntls = off\n", "tls", NULL, "" },
	{ "[general]\nid = 1\n\n[access]\ntls = off\n", "tls", NULL, "[general]\nid = 1\n" },
	{ "[access]\n; a remark\ntls = off\n", "tls", NULL, "[access]\n; a remark\n" },
	{ "[access]\ntls = off\n\n[general]\nid = 1", "mend", "all", "[access]\ntls = off\nmend = all\n\n[general]\nid = 1" },
	{ "[general]\nid = 1", "tls", "off", "[general]\nid = 1\n\n[access]\ntls = off" },
	/* a sentence that goes on with a bracket, beside a heading in a comment */
	{ "[access]\n# that is\n# [host] or so\n# [::]:25 too\n;tls = off\n", "tls", "off",
	    "[access]\n# that is\n# [host] or so\n# [::]:25 too\n;tls = off\ntls = off\n" },
	{ "[access]\n;[domain a]\n;tls = off\n", "tls", "off", "[access]\ntls = off\n;[domain a]\n;tls = off\n" },
	{ "[access]\n;tls = off\n;tls = required\n\n; end\n", "tls", "off", "[access]\n;tls = off\ntls = off\n;tls = required\n\n; end\n" },
	/* lists: lines whose items stay are not touched */
	{ "[access]\nrelay-list = a.x, b.x\n", "relay-list", "a.x, b.x, c.x", "[access]\nrelay-list = a.x, b.x, c.x\n" },
	{ "[access]\nrelay-list = a.x b.x ; two\n", "relay-list", "a.x, b.x, c.x",
	    "[access]\nrelay-list = a.x b.x ; two\nrelay-list = c.x\n" },
	{ "[access]\nrelay-list = a.x ; one\nrelay-list = b.x ; two\nrelay-list = c.x ; three\n", "relay-list", "a.x,c.x,d.x",
	    "[access]\nrelay-list = a.x ; one\nrelay-list = c.x ; three\nrelay-list = d.x\n" },
	{ "[access]\nrelay-list = a.x ; one\nrelay-list = b.x ; two\n", "relay-list", "z.x,a.x,y.x,b.x",
	    "[access]\nrelay-list = z.x\nrelay-list = a.x ; one\nrelay-list = y.x\nrelay-list = b.x ; two\n" },
	{ "[access]\nrelay-list = a.x, b.x,\n    c.x, d.x\ntls = off\n", "relay-list", "c.x, d.x",
	    "[access]\nrelay-list = c.x, d.x\ntls = off\n" },
	{ "[access]\nrelay-list = a.x, b.x\n ; between\n    c.x\ntls = off\n", "relay-list", "a.x, b.x",
	    "[access]\nrelay-list = a.x, b.x\n ; between\ntls = off\n" },
	{ "[access]\nrelay-list = a.x\nrelay-list = b.x\n", "relay-list", NULL, "" },
	{ "[access]\nrelay-list = a.x\nmend = all\nrelay-list = b.x\n", "relay-list", "", "[access]\nrelay-list =\nmend = all\n" },
	{ "[access]\nrelay-list =\n", "relay-list", "a.x", "[access]\nrelay-list = a.x\n" },
	/* a line that starts with a blank goes on with the key before it */
	{ "[access]\nrelay-list = a.x\n;tls = off\n b.x\n", "tls", "off", "[access]\nrelay-list = a.x\n;tls = off\n b.x\ntls = off\n" },
	{ "[access]\r\ntls = off\r\n", "mend", "all", "[access]\r\ntls = off\r\nmend = all\r\n" },
	/* refused */
	{ "[access]\n", "basic-domain", "a ; b", NULL }, { "[access]\n", "basic-domain", "; b", NULL },
	{ "[access]\n", "basic-domain", " b", NULL }, { "[access]\n", "basic-domain", "b ", NULL },
	{ "[access]\n", "basic-domain", "a\nb", NULL }, { "[access]\n", "basic-domain", "a\tb", NULL },
	{ "[access]\n", "basic-domain", "a\xff", NULL },
	{ "[access]\n", "basic-domain",
	    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
	    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890", NULL },
	{ "[access]\n", "relay-list",
	    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
	    "1234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890", NULL },
};

START_TEST(layout)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct config_place p = { KEY_ACCESS, NULL, rows[i].key };
		struct config_edit *e = config_edit_new(rows[i].before, strlen(rows[i].before), true);
		struct buf why = BUF_INIT(1000);
		int result = rows[i].value != NULL ? config_edit_set(e, &p, rows[i].value, &why) :
		    config_edit_unset(e, &p, &why);
		char *text = text_of(e);

		if (rows[i].after == NULL)
			ck_assert_msg(result == -1 && why.len > 0, "row %zu: %s", i, text);
		else
			ck_assert_msg(result != -1 && strcmp(text, rows[i].after) == 0, "row %zu: %s\n%s", i, text, buf_text(&why));
		if (rows[i].after != NULL && *rows[i].after != '\0')
			check_undo(e, rows[i].before, text, true, &p);
		free(text);
		config_edit_free(e);
		buf_done(&why);
	}
}
END_TEST

START_TEST(sections)
{
	static const char start[] = "[general]\nid = 1\n\n; customers\n[domain  B\xc3\xbc" "cher.example ] ; books\ntype = alias\n"
	    "; its end\n\n[domain x.example]\ntype = alias\n";
	struct config_edit *e = config_edit_new(start, strlen(start), true);
	struct buf why = BUF_INIT(1000);
	char *text, *name = config_edit_section_name(KEY_DOMAIN, "B\xc3\x9c" "CHER.example");

	ck_assert_str_eq(name, "xn--bcher-kva.example");
	ck_assert_ptr_null(config_edit_section_name(KEY_DOMAIN, "a b"));
	ck_assert_ptr_null(config_edit_section_name(KEY_DOMAIN, "a]\n[domain b"));
	ck_assert_ptr_null(config_edit_section_name(KEY_OAUTH, "Big"));
	ck_assert_int_eq(config_edit_section_rename(e, KEY_DOMAIN, name, "new.example", &why), 0);
	ck_assert_int_eq(config_edit_section_add(e, KEY_DOMAIN, "y.example", &why), 0);
	text = text_of(e);
	ck_assert_str_eq(text, "[general]\nid = 1\n\n; customers\n[domain  new.example ] ; books\ntype = alias\n"
	    "; its end\n\n[domain x.example]\ntype = alias\n\n[domain y.example]\n");
	free(text);
	ck_assert_int_eq(config_edit_section_remove(e, KEY_DOMAIN, "new.example", &why), 0);
	text = text_of(e);
	ck_assert_str_eq(text, "[general]\nid = 1\n\n; customers\n; its end\n\n[domain x.example]\ntype = alias\n\n[domain y.example]\n");
	free(text);
	ck_assert_int_eq(config_edit_section_remove(e, KEY_DOMAIN, "none.example", &why), -1);
	ck_assert_int_eq(config_edit_section_add(e, KEY_DOMAIN, "X.example", &why), -1);
	ck_assert_int_eq(config_edit_section_rename(e, KEY_DOMAIN, "x.example", "y.example", &why), -1);
	ck_assert_int_eq(config_edit_section_rename(e, KEY_DOMAIN, "x.example", "y example", &why), -1);
	free(name);
	config_edit_free(e);
	buf_done(&why);
}
END_TEST

/* A [host] comes with its first key, and goes with its last one. */
START_TEST(hosts_by_themselves)
{
	static const char start[] = "[general]\nid = 1\n";
	const struct config_place rate = { KEY_REMOTE, "mx.example.com", "rate" }, most = { KEY_REMOTE, "mx.example.com", "connections" },
	    none = { KEY_DOMAIN, "x.example", "route" };
	struct config_edit *e = config_edit_new(start, strlen(start), true);
	struct buf why = BUF_INIT(1000);
	char *text;

	ck_assert_msg(config_edit_set(e, &rate, "30", &why) == 0, "%s", buf_text(&why));
	ck_assert_msg(config_edit_set(e, &most, "3", &why) == 0, "%s", buf_text(&why));
	text = text_of(e);
	ck_assert_str_eq(text, "[general]\nid = 1\n\n[host mx.example.com]\nrate = 30\nconnections = 3\n");
	free(text);
	ck_assert_int_eq(config_edit_unset(e, &rate, &why), 1);
	ck_assert_int_eq(config_edit_unset(e, &most, &why), 1);
	text = text_of(e);
	ck_assert_str_eq(text, start);
	free(text);
	ck_assert_int_eq(config_edit_set(e, &none, "a.example", &why), -1);
	config_edit_free(e);
	buf_done(&why);
}
END_TEST

/*
 * A section came (or went), and later others put keys below the place of its heading: they are not to get into
 * the section above (or into the one that comes back).
 */
static const struct { const char *now; int result; } moved[] = {
	{ "[domain y.x]\ntype = remote\nroute = a.x\n\n[domain x.x]\ntype = remote\n", 0 },
	{ "[domain y.x]\ntype = remote\nroute = a.x\n\n[domain x.x]\ntype = remote\nuser = bob\n", -1 },
	{ "[domain y.x]\ntype = remote\nroute = a.x\n\n[domain x.x]\ntype = remote\n\n\n; far\n\nuser = bob\n\n[general]\nid = 1\n", -1 },
	{ "[domain y.x]\ntype = remote\nroute = a.x\n\n[domain x.x]\ntype = remote\n\n[general]\nid = 1\n", 0 },
};

static struct config_edit *
edit_of(const char *text)
{
	return config_edit_new(text, strlen(text), true);
}

START_TEST(undo_moves_nothing)
{
	static const char start[] = "[domain y.x]\ntype = remote\nroute = a.x\n";
	const struct config_place type = { KEY_DOMAIN, "x.x", "type" }, own[] = { { KEY_DOMAIN, "y.x", "type" },
	    { KEY_DOMAIN, "y.x", "route" } };
	struct config_edit *e = edit_of(start);
	struct buf why = BUF_INIT(1000), added = BUF_INIT(1000), removed = BUF_INIT(1000);

	ck_assert_int_eq(config_edit_section_add(e, KEY_DOMAIN, "x.x", &why), 0);
	ck_assert_int_eq(config_edit_set(e, &type, "remote", &why), 0);
	config_edit_undo_format(e, &added);
	config_edit_free(e);
	for (size_t i = 0; i < nitems_of(moved); i++) {
		e = edit_of(moved[i].now);
		ck_assert_msg(config_edit_undo_apply(e, buf_text(&added), &type, 1, &why) == moved[i].result, "row %zu", i);
		config_edit_free(e);
	}
	ck_assert_ptr_nonnull(strstr(buf_text(&why), "its lines have changed since"));
	/* the section at the end of the file goes; keys come to the one before */
	e = edit_of("[general]\nid = 1\n\n[domain y.x]\ntype = remote\nroute = a.x\n");
	ck_assert_int_eq(config_edit_section_remove(e, KEY_DOMAIN, "y.x", &why), 0);
	config_edit_undo_format(e, &removed);
	config_edit_free(e);
	e = edit_of("[general]\nid = 1\nbanner = x\n");
	ck_assert_int_eq(config_edit_undo_apply(e, buf_text(&removed), own, 2, &why), -1);
	config_edit_free(e);
	e = edit_of("[general]\nid = 1\n\n[access]\ntls = off\n");
	ck_assert_msg(config_edit_undo_apply(e, buf_text(&removed), own, 2, &why) == 0, "%s", buf_text(&why));
	config_edit_free(e);
	buf_done(&why);
	buf_done(&added);
	buf_done(&removed);
}
END_TEST

UNIT_MAIN("config_edit", each_key, layout, sections, hosts_by_themselves, undo_moves_nothing)
