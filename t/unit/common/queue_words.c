/* queue_words - the last line of a page comes back as it was sent */
#include <string.h>

#include "common/base/buf.h"
#include "common/command/queue_words.h"
#include "t/unit/check_main.h"

START_TEST(trailers)
{
	static const struct queue_words_trailer rows[] = {
		{ .at = "1:", .state = MSG_QUEUE_OK },
		{ .at = "4711:1k0t5022ayb3a3xn", .sums = { 1, 2, 3, 4, 5 }, .state = MSG_QUEUE_OK },
		{ .at = "0:", .state = MSG_QUEUE_NOT_YET },
		{ .at = "2147483647:a-b", .sums = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX,
		    UINT32_MAX },
		    .state = MSG_QUEUE_LOCKED },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf text = BUF_INIT(4096);
		struct queue_words_trailer t;

		queue_words_trailer_format(&text, &rows[i]);
		ck_assert(text.data[0] == '=' && text.data[text.len - 1] == '\n');
		ck_assert_msg(queue_words_trailer_parse(&t, buf_text(&text) + 1), "row %zu", i);
		ck_assert_str_eq(t.at, rows[i].at);
		ck_assert_mem_eq(&t.sums, &rows[i].sums, sizeof(t.sums));
		ck_assert_uint_eq(t.state, rows[i].state);
		buf_done(&text);
	}
}
END_TEST

START_TEST(bad_trailers)
{
	static const char *const rows[] = { "", "1:", "1:\t1\t2\t3\t4", "1:\ta\t2\t3\t4\t5\t0" };
	struct queue_words_trailer t;

	for (size_t i = 0; i < nitems_of(rows); i++)
		ck_assert_msg(!queue_words_trailer_parse(&t, rows[i]), "row %zu", i);
	ck_assert(queue_words_trailer_parse(&t, "1:\t1\t2\t3\t4\t5"));	/* of a version without states */
	ck_assert_uint_eq(t.state, MSG_QUEUE_OK);
}
END_TEST

UNIT_MAIN("queue_words", trailers, bad_trailers)
