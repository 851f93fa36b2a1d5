/*
 * client_survey - against plain loops: dots and long lines of random content, whole, in pieces and byte by
 * byte; a dot at each place around the blocks
 */
#include <string.h>

#include "common/base/mem.h"
#include "common/mail/message.h"
#include "deliver/smtp/smtp.h"
#include "t/unit/check_main.h"

enum { LINE = 998, SIZE = 9000 };

static const char *
plain_dot(const char *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i++)
		if (data[i] == '\n' && data[i + 1] == '.')
			return data + i;
	return NULL;
}

/* Bytes of the longest line without its LF. */
static size_t
longest(const char *data, size_t len)
{
	size_t most = 0, line = 0;

	for (size_t i = 0; i < len; i++) {
		line = data[i] == '\n' ? 0 : line + 1;
		most = line > most ? line : most;
	}
	return most;
}

static void
look(const char *data, size_t len, size_t step)
{
	bool dots = len > 0 && (data[0] == '.' || plain_dot(data, len) != NULL);
	struct client_survey s = { 0 };
	struct client_fold f = { .emit = NULL };

	for (size_t at = 0; at < len; at += step)
		client_survey_add(&s, data + at, len - at < step ? len - at : step);
	client_fold_add(&f, data, len);
	client_fold_end(&f);
	ck_assert_int_eq(s.dots, dots);
	ck_assert_int_eq(s.may_be_long, longest(data, len) > LINE);
	ck_assert(f.added == 0 || s.may_be_long);
	ck_assert(len == 0 || s.last == data[len - 1]);
}

START_TEST(test_every_place)
{
	char text[400];

	for (size_t len = 0; len < 300; len++)
		for (size_t at = 0; at < len; at++) {
			memset(text, 'x', sizeof(text));
			text[at] = '\n';
			text[at + 1] = '.';
			/* what stands behind the end is not looked at */
			text[len] = '\n';
			text[len + 1] = '.';
			ck_assert_ptr_eq(client_survey_dot(text, len), plain_dot(text, len));
		}
}
END_TEST

START_TEST(test_line_lengths)
{
	char *text = mem_zalloc(SIZE);

	for (size_t n = LINE - 3; n < LINE + 4; n++)
		for (size_t before = 0; before < 3; before++) {
			size_t len = before;

			memset(text, '\n', before);
			memset(text + len, 'a', n);
			len += n;
			look(text, len, SIZE);
			look(text, len, 7);
			text[len++] = '\r';
			text[len++] = '\n';
			look(text, len, SIZE);
			text[len++] = 'b';
			look(text, len, SIZE);
			look(text, len, 1);
		}
	free(text);
}
END_TEST

START_TEST(test_random)
{
	static const char alphabet[] = "..x\n";
	char *text = mem_zalloc(SIZE);
	unsigned seed = 7;

	for (unsigned round = 0; round < 300; round++) {
		/* of few line ends, of many, and of dots alone */
		unsigned rare = round % 3 == 0 ? 1200 : round % 3 == 1 ? 40 : 3;

		for (size_t i = 0; i < SIZE; i++) {
			unsigned n = (seed = seed * 1664525U + 1013904223U) >> 10;

			text[i] = n % rare == 0 ? '\n' : alphabet[(n >> 7) % 3];
			if (round % 2 == 0 && text[i] == '.' && i > 0 && text[i - 1] == '\n')
				text[i] = 'x';
		}
		ck_assert_ptr_eq(client_survey_dot(text, SIZE), plain_dot(text, SIZE));
		for (size_t step = 1; step <= SIZE; step = step * 5 + 1)
			look(text, SIZE, step);
		look(text, SIZE, SIZE);
	}
	free(text);
}
END_TEST

UNIT_MAIN("client_survey", test_every_place, test_line_lengths, test_random)
