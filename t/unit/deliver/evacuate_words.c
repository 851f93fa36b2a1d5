/* evacuate_words - what two nodes say to each other: there and back; hostile lines, notes, times */

#include <errno.h>
#include <string.h>

#include "deliver/evacuate/evacuate.h"
#include "t/unit/check_main.h"

#define NOW_US INT64_C(1796133174000000)
#define ID "1k0t4z00000aaaaa"

START_TEST(test_put)
{
	struct evacuate_put p = { .id = ID, .due = 1796136906, .held = true, .note = 0, .size = 123456 }, q;
	struct buf out = BUF_INIT(EVACUATE_LINE_MAX);

	evacuate_words_format_put(&p, &out);
	ck_assert_str_eq(buf_text(&out), "PUT " ID " 1796136906 1 0 123456\r\n");
	ck_assert(evacuate_words_parse_put(&q, out.data, out.len - 2));
	ck_assert_str_eq(q.id, p.id);
	ck_assert(q.due == p.due && q.held && q.note == 0 && q.size == p.size);
	for (size_t len = 0; len < out.len - 7; len++)
		ck_assert_msg(!evacuate_words_parse_put(&q, out.data, len), "%zu bytes", len);
	buf_done(&out);
}
END_TEST

START_TEST(test_bad_put)
{
	static const char *const rows[] = {
		"", "PUT", "put " ID " 1 0 0 40", "PUT  " ID " 1 0 0 40", "PUT " ID "  1 0 0 40", "PUT " ID " 1 0 0 40 ",
		"PUT ../../../../x/yz 1 0 0 40", "PUT 1k0t4z00000aaaa/ 1 0 0 40", "PUT 1K0T4Z00000AAAAA 1 0 0 40",
		"PUT " ID "a 1 0 0 40", "PUT " ID " -1 0 0 40", "PUT " ID " +1 0 0 40", "PUT " ID " 1 2 0 40",
		"PUT " ID " 1 0 x 40", "PUT " ID " 1 0 0 0x10", "PUT " ID " 1 0 0 9999999999999999999", "PUT " ID " 1 0 0",
		"PUT " ID " 1 0  40", "PUT " ID "\t1 0 0 40",
	};
	struct evacuate_put p;

	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(!evacuate_words_parse_put(&p, rows[i], strlen(rows[i])), "%s", rows[i]);
}
END_TEST

START_TEST(test_bounds)
{
	struct evacuate_put p = { .id = ID, .due = NOW_US / 1000000, .size = 32 };

	ck_assert_ptr_null(evacuate_words_judge(&p, NOW_US));
	p.due = NOW_US / 1000000 + 366 * 86400;
	ck_assert_ptr_null(evacuate_words_judge(&p, NOW_US));
	p.due++;
	ck_assert_ptr_nonnull(evacuate_words_judge(&p, NOW_US));
	p.due = 253402300799;		/* the end of the year 9999 */
	ck_assert_ptr_nonnull(evacuate_words_judge(&p, NOW_US));
	p.due = 0;
	ck_assert_ptr_nonnull(evacuate_words_judge(&p, NOW_US));
	p.due = 1;
	p.size = 31;
	ck_assert_ptr_nonnull(evacuate_words_judge(&p, NOW_US));
	p.size = UINT64_MAX / 4;
	p.note = EVACUATE_NOTE_MAX;
	ck_assert_ptr_null(evacuate_words_judge(&p, NOW_US));
	p.note++;
	ck_assert_ptr_nonnull(evacuate_words_judge(&p, NOW_US));
	p.note = 0;
	message_id_make(p.id, NOW_US + INT64_C(86400000000), 7);
	ck_assert_ptr_null(evacuate_words_judge(&p, NOW_US));
	message_id_make(p.id, NOW_US + INT64_C(86400000001), 7);
	ck_assert_ptr_nonnull(evacuate_words_judge(&p, NOW_US));
}
END_TEST

START_TEST(test_answers)
{
	static const struct { int error; bool known; const char *line; int back; } rows[] = {
		{ 0, false, "250 2.0.0 " ID " taken", 0 }, { 0, true, "250 2.0.0 " ID " known", 0 },
		{ ENOSPC, false, NULL, ENOSPC }, { EDQUOT, false, NULL, EDQUOT }, { EAGAIN, false, NULL, EAGAIN },
		{ ESHUTDOWN, false, NULL, ESHUTDOWN }, { EEXIST, false, NULL, EEXIST }, { EBADMSG, false, NULL, EBADMSG },
		{ ESTALE, false, NULL, ESTALE }, { EIO, false, "451 4.3.0 " ID " it could not be written", EPROTO },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct evacuate_answer a = { .id = ID, .error = rows[i].error, .known = rows[i].known }, b;
		struct buf out = BUF_INIT(EVACUATE_LINE_MAX);

		evacuate_words_format_answer(&a, NULL, &out);
		ck_assert(evacuate_words_parse_answer(&b, out.data, out.len - 2));
		ck_assert_str_eq(b.id, ID);
		ck_assert_int_eq(b.error, rows[i].back);
		ck_assert(b.known == rows[i].known);
		ck_assert(rows[i].line == NULL || strcmp(b.said, rows[i].line) == 0);
		ck_assert((evacuate_words_error(b.error) == NULL) == (b.error == 0));
		buf_done(&out);
	}
}
END_TEST

/* No answer at all, or none that says that a message is there. */
START_TEST(test_bad_answers)
{
	static const char *const rows[] = { "", "250", "250 2.0.0", "250 2.0.0 taken", "250 2.0.0 " ID, "250 2.0.0 " ID " take",
		"250 2.0.0 " ID " takenx", "251 2.0.0 " ID " taken", "250 2.1.0 " ID " taken", "250-2.0.0 " ID " taken", "354 2.0.0 " ID " x",
		"250 2.0.0 ../../../../x/yz taken", "hello" };
	struct evacuate_answer a;

	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(!evacuate_words_parse_answer(&a, rows[i], strlen(rows[i])), "%s", rows[i]);
	ck_assert(evacuate_words_parse_answer(&a, "599 5.9.9 " ID " \033[2J", 31));
	ck_assert(a.error == EPROTO && strchr(a.said, '\033') == NULL);
}
END_TEST

START_TEST(test_note)
{
	static const char text[] = "\nhuh? what\ndeferred 3 1796133174 4.7.1 451 mx.example.net come back\n\n"
	    "failed 1 1796133174000000 5.1.1 550 - no\nheld 0 1796133174 - 0 - torn";
	struct buf out = BUF_INIT(4096);

	evacuate_words_copy_note(text, sizeof(text) - 1, &out);
	ck_assert_str_eq(buf_text(&out), "deferred 3 1796133174 4.7.1 451 mx.example.net come back\n"
	    "failed 1 1796133174000000 5.1.1 550 - no\n");
	ck_assert_ptr_null(evacuate_words_judge_note(out.data, out.len, 2, NOW_US));
	ck_assert_ptr_nonnull(evacuate_words_judge_note(out.data, out.len, 1, NOW_US));
	ck_assert_ptr_nonnull(evacuate_words_judge_note(text, sizeof(text) - 1, 2, NOW_US));
	ck_assert_ptr_nonnull(evacuate_words_judge_note(out.data, out.len, 2, NOW_US - INT64_C(90000000000)));
	ck_assert_ptr_nonnull(evacuate_words_judge_note(out.data, out.len - 1, 2, NOW_US));
	ck_assert_ptr_null(evacuate_words_judge_note("", 0, 0, NOW_US));
	buf_done(&out);
}
END_TEST

UNIT_MAIN("evacuate_words", test_put, test_bad_put, test_bounds, test_answers, test_bad_answers, test_note)
