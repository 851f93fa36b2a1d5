/*
 * refused_words - what a mail filter said of a recipient becomes one line, which is read back
 */
#include <stdlib.h>
#include <string.h>

#include "common/mail/refused_words.h"
#include "t/unit/check_main.h"

static const struct { const char *reply, *line; } rows[] = {
	{ "550 5.7.1 Not for you", "5.7.1 : spam: Not for you" },
	{ "554-5.7.8 One\n554 5.7.8 two", "5.7.8 : spam: One 5.7.8 two" },
	{ "550 no status", "5.0.0 : spam: no status" },
	{ "550", "5.7.1 : spam: refused by a mail filter" },
	{ "", "5.7.1 : spam: refused by a mail filter" },
	{ "550 4.1.1 of another class", "5.0.0 : spam: 4.1.1 of another class" },
	{ "550 5.7.1 bell \a and \x7f", "5.7.1 : spam: bell and" },
};

START_TEST(of_filter)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		char status[REFUSED_WORDS_STATUS], *line = refused_words_of_filter("spam", rows[i].reply);
		const char *words;

		ck_assert_str_eq(line, rows[i].line);
		ck_assert(refused_words_by_filter(line, status, &words));
		ck_assert_int_eq(line[strlen(status)], ' ');
		ck_assert_ptr_eq(words, line + strlen(status) + 3);
		free(line);
	}
}
END_TEST

START_TEST(of_member)
{
	static const char *const lines[] = { "5.1.1 cn=z: it has no mail address", "5.1.1 a : b: c", "5.1.1", "",
		"123456789012 : x: y" };
	char status[REFUSED_WORDS_STATUS];
	const char *words;

	for (size_t i = 0; i < nitems_of(lines); i++)
		ck_assert(!refused_words_by_filter(lines[i], status, &words));
}
END_TEST

UNIT_MAIN("refused_words", of_filter, of_member)
