/*
 * header - header fields, folding and the end of the header; LF and
 * CRLF; every prefix in a buffer of its exact size
 */
#include "common/mail/header.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/mem.h"
#include "t/unit/check_main.h"

struct row {
	const char *in;
	const char *want;	/* "name=value|" a field, as they come */
	size_t end;		/* where the walk ended */
	size_t size;		/* header_size */
};

static const struct row rows[] = {
	{ "A: 1\r\nB: 2\r\n\r\nbody", "A=1|B=2|", 12, 14 },
	{ "A: 1\nB: 2\n\nbody", "A=1|B=2|", 10, 11 },
	{ "A:1\nB:\t 2 \n", "A=1|B=2 |", 11, 11 },
	{ "A: 1\r\n\tmore\r\n more\r\nB: 2\r\n\r\n", "A=1\r\n\tmore\r\n more|B=2|", 26, 28 },
	{ "A:\r\n folded\r\n\r\n", "A=\r\n folded|", 13, 15 },
	{ "A:\r\n\r\n", "A=|", 4, 6 },
	{ "A:\n\n", "A=|", 3, 4 },
	{ "A:", "A=|", 2, 2 },
	{ "A: 1", "A=1|", 4, 4 },
	{ "A \t: 1\n", "A=1|", 7, 7 },
	{ "A: 1\nnot a field\n\nx", "A=1|", 5, 18 },
	{ " A: 1\n\n", "", 0, 7 },
	{ ": 1\n\n", "", 0, 5 },
	{ "A B: 1\n\n", "", 0, 8 },
	{ "\xc3\x84: 1\n\n", "", 0, 7 },
	{ "\r\nA: 1\n", "", 0, 2 },
	{ "\nA: 1\n", "", 0, 1 },
	{ "", "", 0, 0 },
	{ "A: 1\n \nB: 2\n\n", "A=1\n |B=2|", 12, 13 },
	{ "A: 1\rX\n\r\n", "A=1\rX|", 7, 9 },
	{ "A: b: c\n", "A=b: c|", 8, 8 },
};

START_TEST(test_rows)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		const struct row *row = &rows[i];
		struct header_field f;
		char got[500] = "";
		size_t pos = 0, len = strlen(row->in), before = 0;

		while (header_next(row->in, len, &pos, &f) == 1) {
			size_t n = strlen(got);

			snprintf(got + n, sizeof(got) - n, "%.*s=%.*s|", (int)f.name_len, f.name,
			    (int)f.value_len, f.value);
			ck_assert_ptr_eq(f.start, row->in + before);
			ck_assert_uint_eq(f.size, pos - before);
			before = pos;
		}
		ck_assert_msg(strcmp(got, row->want) == 0, "row %zu: %s", i, got);
		ck_assert_uint_eq(pos, row->end);
		ck_assert_uint_eq(header_size(row->in, len), row->size);
	}
}
END_TEST

START_TEST(test_prefixes)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		for (size_t n = 0; n <= strlen(rows[i].in); n++) {
			char *copy = malloc(n + (n == 0));
			struct header_field f;
			size_t pos = 0;

			ck_assert_ptr_nonnull(copy);
			memcpy(copy, rows[i].in, n);
			while (header_next(copy, n, &pos, &f) == 1) {
				ck_assert_uint_le(pos, n);
				ck_assert(f.value >= f.start && f.value + f.value_len <= f.start + f.size);
			}
			ck_assert_uint_le(header_size(copy, n), n);
			free(copy);
		}
	}
}
END_TEST

START_TEST(test_names)
{
	static const char text[] = "Received: a\nRECEIVED: b\nReceived-SPF: c\n\nReceived: body\n";
	struct header_field f;
	size_t pos = 0;

	ck_assert_int_eq(header_next(text, sizeof(text) - 1, &pos, &f), 1);
	ck_assert(header_is(&f, "rEcEiVeD"));
	ck_assert(!header_is(&f, "Receive"));
	ck_assert(!header_is(&f, "Received-SPF"));
}
END_TEST

START_TEST(test_values)
{
	static const char text[] = "A: No\nB:no\r\n \nC: no way\nD:\nE: \t\r\n  nO\t\n\n";
	static const bool no[] = { true, true, false, false, true };
	struct header_field f;
	size_t pos = 0, n = 0;

	for (; header_next(text, sizeof(text) - 1, &pos, &f) == 1; n++)
		ck_assert_msg(header_value_is(&f, "No") == no[n], "field %zu", n);
	ck_assert_uint_eq(n, nitems_of(no));
}
END_TEST

/* Each row whole, and byte by byte: what is decided early stays so. */
START_TEST(test_opening)
{
	static const struct { const char *text; enum header_opening what; size_t skip; } openings[] = {
		{ "Subject: x\r\n", HEADER_FIELD, 0 }, { "Subject : x\r\n", HEADER_FIELD, 0 },
		{ "X:\r\n", HEADER_FIELD, 0 },
		{ "\r\ntext\r\n", HEADER_FIELD, 0 }, { "\ntext\n", HEADER_FIELD, 0 },
		{ "From: a@b\r\n", HEADER_FIELD, 0 },
		{ "toner low\r\n", HEADER_TEXT, 0 }, { "  indented\r\n", HEADER_TEXT, 0 },
		{ "\tX: y\r\n", HEADER_TEXT, 0 },
		{ ": x\r\n", HEADER_TEXT, 0 }, { "word\r\n", HEADER_TEXT, 0 }, { "word", HEADER_TEXT, 0 },
		{ "a b: c\r\n", HEADER_TEXT, 0 }, { "h\xc3\xa9: c\r\n", HEADER_TEXT, 0 },
		{ "", HEADER_TEXT, 0 },
		{ "From now on the toner is low\r\n", HEADER_TEXT, 0 },
		{ "From 2026 on\r\n", HEADER_TEXT, 0 },
		{ "From a@b Sat Nov 28 10:00:00 2026\r\nTo: c\r\n", HEADER_MBOX, 35 },
		{ "From - Sat Nov 28 10:00 2026 +0100\nTo: c\n", HEADER_MBOX, 35 },
		{ "From a@b Sat Nov 28 10:00:00 2026", HEADER_TEXT, 0 },
	};

	for (size_t i = 0; i < nitems_of(openings); i++) {
		size_t len = strlen(openings[i].text), skip;

		ck_assert_msg(header_opening(openings[i].text, len, true, &skip) == openings[i].what &&
		    skip == openings[i].skip, "row %zu", i);
		for (size_t n = 0; n <= len; n++) {
			char *copy = mem_strndup(openings[i].text, n);
			enum header_opening what = header_opening(copy, n, false, &skip);

			ck_assert_msg(what == HEADER_UNDECIDED || what == openings[i].what,
			    "row %zu, %zu bytes", i, n);
			free(copy);
		}
	}
}
END_TEST

START_TEST(test_opening_is_decided)
{
	static const char bits[] = "a :F \t";
	char text[HEADER_OPENING_MAX];
	size_t skip;

	for (size_t i = 0; bits[i] != '\0'; i++) {
		memset(text, bits[i], sizeof(text));
		memcpy(text, "From ", 5);
		ck_assert_int_ne(header_opening(text, sizeof(text), false, &skip), HEADER_UNDECIDED);
		memset(text, bits[i], sizeof(text));
		ck_assert_int_ne(header_opening(text, sizeof(text), false, &skip), HEADER_UNDECIDED);
	}
}
END_TEST

UNIT_MAIN("header", test_opening, test_opening_is_decided, test_rows, test_prefixes, test_names, test_values)
