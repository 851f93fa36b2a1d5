/* milter - packets in any portions, replies, macros, edits of a header */
#include <string.h>

#include "listener/filter/filter.h"
#include "t/unit/check_main.h"

/* Packets byte by byte; lengths that none can have. */
START_TEST(test_packets)
{
	struct buf in = BUF_INIT(1000), all = BUF_INIT(1000);
	struct milter_packet p;
	size_t size = 0;

	milter_packet_put(&all, 'c', NULL, 0);
	milter_packet_put(&all, 'y', "550 no", 7);
	for (size_t i = 0, seen = 0; i < all.len; i++) {
		buf_add(&in, all.data + i, 1);
		if (milter_packet_next(&in, &p, &size) != 1)
			continue;
		ck_assert_int_eq(p.code, seen == 0 ? 'c' : 'y');
		ck_assert_uint_eq(p.len, seen == 0 ? 0 : 7);
		buf_drop(&in, size);
		seen++;
		ck_assert(in.len == 0 && (i == 4 || i == all.len - 1));
	}
	buf_clear(&in);
	milter_packet_put_number(&in, 0);
	ck_assert_int_eq(milter_packet_next(&in, &p, &size), -1);
	buf_clear(&in);
	milter_packet_put_number(&in, MILTER_PACKET_MAX);
	ck_assert_int_eq(milter_packet_next(&in, &p, &size), 0);
	buf_clear(&in);
	milter_packet_put_number(&in, MILTER_PACKET_MAX + 1);
	ck_assert_int_eq(milter_packet_next(&in, &p, &size), -1);
	buf_done(&in);
	buf_done(&all);
}
END_TEST

static const struct { const char *text, *want; } replies[] = {
	{ "550 5.7.1 no", "550 5.7.1 no" }, { "550-5.7.1 a\r\n550 5.7.1 b", "550 5.7.1 a\n550 5.7.1 b" },
	{ "451 a\r\n", "451 a" }, { "550 50%% off%", "550 50% off%" }, { "550", "550 " },
	{ "250 ok", "" }, { "550 a\r\n451 b", "" }, { "550x", "" }, { "550-a", "" }, { "", "" }, { "550 a\rb", "" },
	{ "550 a\n\n550 b", "" },
};

START_TEST(test_replies)
{
	char text[MSG_FILTER_WORDS_SIZE], small[10];

	for (size_t i = 0; i < nitems_of(replies); i++) {
		ck_assert_msg(milter_reply_format(text, sizeof(text), replies[i].text) == (*replies[i].want != '\0'),
		    "row %zu", i);
		ck_assert_str_eq(text, replies[i].want);
	}
	ck_assert(!milter_reply_format(small, sizeof(small), "550 too long for that"));
}
END_TEST

START_TEST(test_macros)
{
	static struct msg_filter_ask ask;
	struct filter_macros m = { 0 };
	struct buf out = BUF_INIT(1000);

	msg_filter_ask_begin(&ask, FILTER_CONNECT, FILTER_SMTP);
	ck_assert(msg_filter_ask_add(&ask, "a") && msg_filter_ask_add(&ask, "b"));
	ck_assert(msg_filter_ask_add_macro(&ask, "j", "host") && msg_filter_ask_add_macro(&ask, "{x}", "1"));
	filter_macros_take(&m, &ask);
	filter_macros_put(&out, &m, FILTER_CONNECT, NULL, 'C');
	ck_assert_mem_eq(buf_text(&out), "\0\0\0\17" "DCj\0host\0{x}\0" "1\0", out.len);
	buf_clear(&out);
	filter_macros_put(&out, &m, FILTER_MAIL, NULL, 'M');	/* none of that stage */
	ck_assert_uint_eq(out.len, 0);
	filter_macros_put(&out, &m, FILTER_MAIL, "{j},absent x", 'M');
	ck_assert_mem_eq(buf_text(&out), "\0\0\0\17" "DMj\0host\0{x}\0" "1\0", out.len);
	filter_macros_done(&m);
	buf_done(&out);
}
END_TEST

static const struct {
	char what;		/* insert, change */
	uint32_t index;
	const char *name, *value, *want;	/* NULL: refused */
} edits[] = {
	{ 'i', 0, "N", "v", "N: v\r\nA: 1\r\nB: 2\r\n\t3\r\na : 4\r\n\r\n" },
	{ 'i', 2, "N", "v", "A: 1\r\nB: 2\r\n\t3\r\nN: v\r\na : 4\r\n\r\n" },
	{ 'i', 99, "N", "v\n\nw\n x\r\n\ty\n", "A: 1\r\nB: 2\r\n\t3\r\na : 4\r\nN: v\r\n\tw\r\n x\r\n\ty\r\n\r\n" },
	{ 'c', 1, "a", "v", "a: v\r\nB: 2\r\n\t3\r\na : 4\r\n\r\n" }, { 'c', 0, "A", "", "B: 2\r\n\t3\r\na : 4\r\n\r\n" },
	{ 'c', 2, "A", "", "A: 1\r\nB: 2\r\n\t3\r\n\r\n" }, { 'c', 3, "A", "", "A: 1\r\nB: 2\r\n\t3\r\na : 4\r\n\r\n" },
	{ 'c', 3, "A", "v", "A: 1\r\nB: 2\r\n\t3\r\na : 4\r\nA: v\r\n\r\n" },
	{ 'i', 0, "", "v", NULL }, { 'i', 0, "a b", "v", NULL }, { 'i', 0, "a:", "v", NULL }, { 'i', 0, "a\x80", "v", NULL },
	{ 'i', 0, "a", "v\rw", NULL }, { 'i', 0, "N", "v\r", "N: v\r\nA: 1\r\nB: 2\r\n\t3\r\na : 4\r\n\r\n" },
};

START_TEST(test_edits)
{
	for (size_t i = 0; i < nitems_of(edits); i++) {
		char data[] = "A: 1\r\nB: 2\r\n\t3\r\na : 4\r\n\r\n";
		struct filter_header h;
		struct buf out = BUF_INIT(1000);
		const char *why;

		ck_assert_int_eq(filter_header_parse(&h, data, sizeof(data) - 1), 0);
		why = (edits[i].what == 'i' ? filter_header_insert : filter_header_change)(&h, edits[i].index, edits[i].name,
		    edits[i].value, false);
		ck_assert_msg((why == NULL) == (edits[i].want != NULL), "row %zu: %s", i, why);
		filter_header_print(&out, &h);
		if (why == NULL)
			ck_assert_str_eq(buf_text(&out), edits[i].want);
		filter_header_done(&h);
		buf_done(&out);
	}
}
END_TEST

UNIT_MAIN("milter", test_packets, test_replies, test_macros, test_edits)
