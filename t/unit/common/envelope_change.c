/* envelope_change - changes of an envelope that a mail filter wants: what counts, and what is none */
#include "t/unit/check_main.h"

#include <string.h>

#include "common/base/mem.h"
#include "common/mail/envelope_change.h"

/* Records as they are, each with its NUL; "a@x -> b@x c@x" what came of it, or NULL: refused. */
#define RECORDS(text) text, sizeof(text)
static const struct { const char *text; size_t len; const char *wanted; } rows[] = {
	{ "", 0, "a@x -> b@x c@x" },
	{ RECORDS("+<d@y>"), "a@x -> b@x c@x d@y" },
	{ RECORDS("+d@y NOTIFY=NEVER ORCPT=rfc822;d@y"), "a@x -> b@x c@x d@y(1)" },
	{ RECORDS("+<d>"), "a@x -> b@x c@x d@home" },			/* completed */
	{ RECORDS("+<b@x>"), "a@x -> b@x c@x" },			/* once */
	{ RECORDS("-<b@x>"), "a@x -> c@x" },
	{ RECORDS("-<nobody@x>"), "a@x -> b@x c@x" },
	{ RECORDS("-<b@x>\0-<c@x>"), "a@x ->" },
	{ RECORDS("-<b@X>"), "a@x -> c@x" },				/* a domain has no case */
	{ RECORDS("-<B@x>"), "a@x -> b@x c@x" },			/* a local part has */
	{ RECORDS("+<\xc3\xa4@y>"), NULL },				/* not without SMTPUTF8 */
	{ RECORDS("=<\xc3\xa4@y>"), NULL },
	{ RECORDS("-<b@x>\0+<b@x>"), "a@x -> c@x b@x" },		/* in order */
	{ RECORDS("=<>"), " -> b@x c@x" },
	{ RECORDS("=<n@x> AUTH=<>"), "n@x -> b@x c@x" },
	{ RECORDS("+<>"), NULL },
	{ RECORDS("+"), NULL },
	{ RECORDS(""), NULL },
	{ RECORDS("*<d@y>"), NULL },
	{ RECORDS("+<d\n@y>"), NULL },
	{ RECORDS("+<a b@y>"), NULL },
	{ "+<d@y>", 6, NULL },						/* open end */
};

static void
fill(struct message_envelope *e)
{
	*e = (struct message_envelope){ .sender = mem_strdup("a@x") };
	message_envelope_add(e, "b@x");
	message_envelope_add(e, "c@x");
}

START_TEST(test_rows)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf text = BUF_INIT(4096);
		struct message_envelope e;
		int rc;

		fill(&e);
		rc = envelope_change_apply(&e, rows[i].text, rows[i].len, "home", false);
		ck_assert_msg((rc == 0) == (rows[i].wanted != NULL), "row %zu: %d", i, rc);
		buf_printf(&text, "%s ->", e.sender);
		for (size_t k = 0; k < e.nrcpt; k++) {
			buf_printf(&text, " %s", e.rcpt[k].address);
			if (e.rcpt[k].notify != 0)
				buf_printf(&text, "(%u)", e.rcpt[k].notify);
		}
		if (rows[i].wanted != NULL)
			ck_assert_str_eq(buf_text(&text), rows[i].wanted);
		buf_done(&text);
		message_envelope_done(&e);
	}
}
END_TEST

START_TEST(test_so_many)
{
	struct buf text = BUF_INIT(1U << 20);
	struct message_envelope e;

	fill(&e);
	for (unsigned i = 0; i < ENVELOPE_CHANGES_MAX; i++) {
		buf_printf(&text, "+<r%u@y>", i);
		buf_add(&text, "", 1);
	}
	ck_assert_int_eq(envelope_change_apply(&e, text.data, text.len, "home", false), 0);
	ck_assert_uint_eq(e.nrcpt, ENVELOPE_CHANGES_MAX + 2);
	buf_add(&text, "+<one@y>", 9);
	ck_assert_int_eq(envelope_change_apply(&e, text.data, text.len, "home", false), -1);
	buf_done(&text);
	message_envelope_done(&e);
}
END_TEST

/* A message that is held keeps those that it had when none would be left. */
START_TEST(test_held)
{
	static const char none[] = "-<b@x>\0+<d@y>\0-<d@y>\0-<c@x>", one[] = "-<b@x>";
	struct message_envelope e;

	fill(&e);
	ck_assert_int_eq(envelope_change_apply(&e, one, sizeof(one), "home", true), 0);
	ck_assert_uint_eq(e.nrcpt, 1);
	message_envelope_done(&e);
	fill(&e);
	ck_assert_int_eq(envelope_change_apply(&e, none, sizeof(none), "home", true), 0);
	ck_assert_uint_eq(e.nrcpt, 2);
	ck_assert_str_eq(e.rcpt[0].address, "b@x");
	ck_assert_str_eq(e.rcpt[1].address, "c@x");
	message_envelope_done(&e);
}
END_TEST

/* What has SMTPUTF8 takes such addresses. */
START_TEST(test_utf8)
{
	static const char records[] = "-<d@Y>\0+<\xc3\xa4@y>\0=<\xc3\xb6@y>";
	struct message_envelope e;

	fill(&e);
	message_envelope_add(&e, "d@y");
	e.flags = MESSAGE_UTF8;
	ck_assert_int_eq(envelope_change_apply(&e, records, sizeof(records), "home", false), 0);
	ck_assert_uint_eq(e.nrcpt, 3);
	ck_assert_str_eq(e.rcpt[2].address, "\xc3\xa4@y");
	ck_assert_str_eq(e.sender, "\xc3\xb6@y");
	message_envelope_done(&e);
}
END_TEST

UNIT_MAIN("envelope_change", test_rows, test_so_many, test_held, test_utf8)
