/* queue_outcome - the pages of a command become one event, or two; what asks again is the same command */
#include <stdio.h>
#include <string.h>

#include "common/base/buf.h"
#include "master/control/control_private.h"
#include "t/unit/check_main.h"

static struct queue_outcomes table;

/* One page; "": it is not told. */
static const char *
page(const char *said, int64_t newest, const char *at, const struct msg_queue_page *p)
{
	static char told[2048];
	struct msg_queue_ask ask = { .author = "uid=1", .newest_us = newest };
	struct buf result = BUF_INIT(2000);

	snprintf(ask.at, sizeof(ask.at), "%s", at);
	ck_assert(queue_outcome_add(&table, said, &ask, p, strlen(p->text), &result) == (result.len > 0));
	snprintf(told, sizeof(told), "%s", buf_text(&result));
	buf_done(&result);
	return told;
}

START_TEST(one_page)
{
	static const struct { struct msg_queue_page p; const char *told; } rows[] = {
		{ { .matched = 2, .done = 2 }, "result=ok matched=2 done=2 busy=0 failed=0" },
		{ { .matched = 0 }, "result=nothing matched=0 done=0 busy=0 failed=0" },
		{ { .matched = 1, .busy = 1, .text = "!x is at work just now\n" },
		    "result=nothing matched=1 done=0 busy=1 failed=0 reason=\"x is at work just now\"" },
		{ { .matched = 5, .failed = 5, .text = "a\tb\n!x and 4 more: no\n!y\n" },
		    "result=failed matched=5 done=0 busy=0 failed=5 reason=\"x and 4 more: no\"" },
		{ { .matched = 3, .done = 2, .failed = 1, .text = "!z" },
		    "result=partly matched=3 done=2 busy=0 failed=1 reason=z" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		for (int again = 0; again < 2; again++)		/* without a time each is another one */
			ck_assert_str_eq(page("same", 0, "", &rows[i].p), rows[i].told);
}
END_TEST

START_TEST(pages)
{
	const struct msg_queue_page begun = { .matched = 4, .done = 4, .next = "4" }, bad = { .matched = 2, .done = 1,
	    .failed = 1, .next = "6", .text = "!x: no\n" }, last = { .matched = 1, .busy = 1 }, empty = { 0 },
	    one = { .matched = 1, .done = 1 };

	ck_assert_str_eq(page("a", 7, "", &begun), "result=begun matched=4 done=4 busy=0 failed=0 more=yes");
	ck_assert_str_eq(page("a", 7, "4", &bad), "");
	ck_assert_str_eq(page("a", 7, "6", &last), "result=partly matched=7 done=5 busy=1 failed=1 reason=\"x: no\"");
	/* it asks again for those that were at work */
	ck_assert_str_eq(page("a", 7, "", &last), "");
	ck_assert_str_eq(page("a", 7, "", &empty), "");
	ck_assert_str_eq(page("a", 7, "", &one), "result=ok matched=1 done=6 busy=0 failed=0");
	ck_assert_str_eq(page("a with newest=8", 8, "", &empty), "result=nothing matched=0 done=0 busy=0 failed=0");
	ck_assert_str_eq(page("b", 7, "", &empty), "result=nothing matched=0 done=0 busy=0 failed=0");
}
END_TEST

/* What comes late of one that was forgotten is told of, too. */
START_TEST(forgotten)
{
	const struct msg_queue_page begun = { .matched = 1, .done = 1, .next = "1" }, one = { .matched = 1, .done = 1 };
	char name[20];

	(void)page("old", 1, "", &begun);
	for (unsigned i = 0; i < QUEUE_OUTCOMES; i++) {
		snprintf(name, sizeof(name), "new%u", i);
		(void)page(name, 1, "", &one);
	}
	ck_assert_str_eq(page("old", 1, "1", &one), "result=ok matched=1 done=1 busy=0 failed=0");
}
END_TEST

UNIT_MAIN("queue_outcome", one_page, pages, forgotten)
