/* msg_filter - questions to the filter helper and its answers: what a taken-over peer may send, and may not */
#include <stdio.h>
#include <string.h>

#include "common/msg/msg_filter.h"
#include "t/unit/check_main.h"

static struct msg_filter_ask ask, taken;
static struct msg_filter_answer answer, taken_answer;

static void
begin_ask(void)
{
	msg_filter_ask_begin(&ask, FILTER_MAIL, FILTER_SMTP);
	ck_assert(msg_filter_ask_add(&ask, "<a@b.example>"));
	ck_assert(msg_filter_ask_add(&ask, "SIZE=10\x01"));
	ck_assert(msg_filter_ask_add_macro(&ask, "i", "abc"));
	ck_assert(msg_filter_ask_add_macro(&ask, "{auth_type}", NULL));
	ck_assert(msg_filter_ask_add_macro(&ask, "{auth_authen}", ""));
}

static bool
take_ask(void)
{
	return msg_filter_ask_take(&taken, &ask, msg_filter_ask_size(&ask));
}

START_TEST(test_ask)
{
	static const char *const wanted[] = { "<a@b.example>", "SIZE=10?", "i", "abc" };
	const char *s = NULL;

	begin_ask();
	ck_assert(take_ask());
	for (size_t i = 0; i < nitems_of(wanted); i++) {
		s = msg_filter_ask_next(&taken, s);
		ck_assert_str_eq(s, wanted[i]);
	}
	ck_assert_ptr_null(msg_filter_ask_next(&taken, s));
	ck_assert(!msg_filter_ask_take(&taken, &ask, msg_filter_ask_size(&ask) - 1));
	ck_assert(!msg_filter_ask_take(&taken, &ask, 3));
	ck_assert(!msg_filter_ask_take(&taken, &ask, sizeof(ask)));
	ask.stage = FILTER_STAGES;
	ck_assert(!take_ask());
	begin_ask();
	ask.source = FILTER_SOURCES;
	ck_assert(!take_ask());
	begin_ask();
	ask.family = 5;
	ck_assert(!take_ask());
	begin_ask();
	ask.size = UINT64_MAX;
	ck_assert(!take_ask());
	begin_ask();
	ask.text[ask.len - 1] = 'x';		/* no end */
	ck_assert(!take_ask());
	begin_ask();
	ask.text[1] = '\r';
	ck_assert(!take_ask());
	begin_ask();
	ck_assert(msg_filter_ask_add(&ask, "j"));	/* without a value */
	ck_assert(!take_ask());
	msg_filter_ask_begin(&ask, FILTER_RESET, FILTER_PICKUP);
	ck_assert(!take_ask());
}
END_TEST

START_TEST(test_full)
{
	char *name = mem_zalloc(MSG_FILTER_TEXT_MAX + 1);

	begin_ask();
	memset(name, 'x', MSG_FILTER_TEXT_MAX - 3);
	uint32_t before = ask.len;
	ck_assert(!msg_filter_ask_add(&ask, name));
	ck_assert(!msg_filter_ask_add_macro(&ask, "j", name));
	ck_assert_uint_eq(ask.len, before);
	msg_filter_ask_begin(&ask, FILTER_HELO, FILTER_SMTP);
	ck_assert(msg_filter_ask_add(&ask, name));
	ck_assert(msg_filter_ask_add(&ask, ""));
	ck_assert(msg_filter_ask_add_macro(&ask, "j", NULL));
	ck_assert(!msg_filter_ask_add_macro(&ask, "j", "x"));
	ck_assert(take_ask());
	free(name);
}
END_TEST

static bool
take_answer(void)
{
	answer.text_len = (uint16_t)strlen(answer.text);
	return msg_filter_answer_take(&taken_answer, &answer, msg_filter_answer_size(&answer));
}

START_TEST(test_answer)
{
	memset(&answer, 0, sizeof(answer));
	ck_assert(take_answer());
	answer.header = (struct msg_filter_extent){ INT64_MAX - 4, 4 };
	ck_assert(take_answer());
	ck_assert(!msg_filter_extent_fits(&taken_answer.header, 1000));
	ck_assert(msg_filter_extent_fits(&taken_answer.body, 0));
	answer.header.size = 5;			/* beyond what a file can have */
	ck_assert(!take_answer());
	answer.header = (struct msg_filter_extent){ UINT64_MAX, 2 };
	ck_assert(!take_answer());
	memset(&answer, 0, sizeof(answer));
	answer.changes.size = MSG_FILTER_CHANGES_MAX + 1;
	ck_assert(!take_answer());
	answer.changes.size = 0;
	answer.verdict = FILTER_VERDICTS;
	ck_assert(!take_answer());
	answer.verdict = FILTER_GO_ON;
	answer.flags = 16;
	ck_assert(!take_answer());
	answer.flags = 0;
	memset(answer.filter, 'x', sizeof(answer.filter));
	ck_assert(!take_answer());
	memset(answer.filter, 0, sizeof(answer.filter));
	strcpy(answer.text, "line\n");		/* no reply: one line */
	ck_assert(!take_answer());
	ck_assert(!msg_filter_answer_take(&taken_answer, &answer, sizeof(answer)));
	memset(answer.text, 0, sizeof(answer.text));
	answer.text_len = 3;			/* of NUL */
	ck_assert(!msg_filter_answer_take(&taken_answer, &answer, msg_filter_answer_size(&answer)));
}
END_TEST

START_TEST(test_content)
{
	const uint64_t mib = MSG_FILTER_GROWTH_MAX;
	uint64_t most = msg_filter_content_most(1000, 10);

	ck_assert_uint_eq(most, 1000 + mib);
	ck_assert_uint_eq(msg_filter_content_most(1000, 2000), 2000 + mib);
	ck_assert_uint_eq(msg_filter_content_most(UINT64_MAX, 2000), UINT64_MAX);
	memset(&answer, 0, sizeof(answer));
	answer.header = (struct msg_filter_extent){ 0, mib };
	answer.body = (struct msg_filter_extent){ 0, 1000 };
	ck_assert(msg_filter_content_fits(&answer, mib, most));
	answer.body.size++;			/* of both together */
	ck_assert(!msg_filter_content_fits(&answer, mib, most));
	answer.body.size = 0;
	ck_assert(!msg_filter_content_fits(&answer, mib - 1, most));
	answer.changes = (struct msg_filter_extent){ mib, 1 };
	ck_assert(!msg_filter_content_fits(&answer, mib, most));
}
END_TEST

START_TEST(test_reply)
{
	static const char *const good[] = { "550 5.7.1 no", "450 ", "550 5.7.1 a\n550 5.7.1 b" };
	static const char *const bad[] = { "", "550", "250 ok", "550-a", "550 a\n", "550 a\n450 b", "55x a", "550 a\rb",
		"550 a\n\n550 b", "\n550 a", "350 a", "550 a\x7f" };

	for (size_t i = 0; i < nitems_of(good); i++)
		ck_assert_msg(msg_filter_reply_is_good(good[i]), "%s", good[i]);
	for (size_t i = 0; i < nitems_of(bad); i++)
		ck_assert_msg(!msg_filter_reply_is_good(bad[i]), "%s", bad[i]);
	memset(&answer, 0, sizeof(answer));
	answer.verdict = FILTER_REPLY;
	strcpy(answer.text, good[2]);
	ck_assert(take_answer());
	strcpy(answer.text, bad[5]);
	ck_assert(!take_answer());
}
END_TEST

UNIT_MAIN("msg_filter", test_ask, test_full, test_answer, test_content, test_reply)
