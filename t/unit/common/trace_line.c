/* trace_line - parts of a line of the event log, values as they were, text of strangers that imitates a key or an id */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/trace/trace_line.h"
#include "t/unit/check_main.h"

#define ID "1k1gk3wc854e1xra"
#define HEAD "2026-11-30T18:00:00.000000Z postern-listener[7]: "

static const struct {
	const char *line, *stamp, *program;
} lines[] = {
	{ HEAD ID " event=accepted", "2026-11-30T18:00:00.000000Z", "postern-listener" },
	{ "Nov 30 18:02:52 host postern-deliver[77]: - event=service", "Nov 30 18:02:52", "postern-deliver" },
	{ "Nov 30 18:02:52 host another[77]: - event=service", NULL, NULL },
	{ "Nov 30 18:02:52 host postern-deliver: - event=service", NULL, NULL },
	/* a host of that name; text of strangers that another program has logged */
	{ "Nov 30 18:02:52 postern-1 postern-deliver[77]: - event=service", "Nov 30 18:02:52", "postern-deliver" },
	{ "2026-11-30T18:02:52+00:00 postern postern[77]: - event=service", "2026-11-30T18:02:52+00:00", "postern" },
	{ "Nov 30 18:02:52 host postfix/cleanup[7]: 1: message-id=<x postern-listener[7]: " ID " event=accepted>", NULL,
	  NULL },
	{ "Nov 30 18:02:52 host daemon: x postern-listener[7]: " ID " event=accepted", NULL, NULL },
	{ "Nov 30 18:02:52 host postern-deliver[7 7]: - event=service", NULL, NULL },
	{ "", NULL, NULL }, { " postern", NULL, NULL }, { " postern[", NULL, NULL }, { " postern[]: ", "", "postern" },
};

START_TEST(parts)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char *copy = strdup(lines[i].line);
		struct trace_line l;

		ck_assert_msg(trace_line_parse(&l, copy) == (lines[i].stamp != NULL), "%s", lines[i].line);
		if (lines[i].stamp != NULL) {
			ck_assert_str_eq(l.stamp, lines[i].stamp);
			ck_assert_str_eq(l.program, lines[i].program);
		}
		free(copy);
	}
}
END_TEST

static const struct {
	const char *rest;
	struct trace_wish wish;
	bool fits;
} wishes[] = {
	{ "event=accepted sender=a@b.example", { .sender = "A@B.example" }, true },
	{ "event=accepted sender=a@b.example", { .sender = "@b.example" }, true },
	{ "event=accepted sender=a@b.example", { .sender = "b.example" }, false },
	{ "event=accepted sender=a@b.example", { .recipient = "a@b.example" }, false },
	{ "event=accepted sender=\"\\\"a b\\\"@b.example\"", { .sender = "\"a b\"@b.example" }, true },
	{ "event=accepted sender=\"x sender=a@b.example y\"", { .sender = "a@b.example" }, false },
	{ "event=accepted sender=\"x\\\" sender=a@b.example\"", { .sender = "a@b.example" }, false },
	{ "event=accepted message-id=<1@a>", { .message_id = "1@a" }, true },
	{ "event=accepted message-id=<1@a>", { .message_id = "<1@a>" }, true },
	{ "event=accepted message-id=<1@A>", { .message_id = "<1@a>" }, false },
	{ "event=accepted message-id=<1\\x20@a>", { .message_id = "1 @a" }, true },
	{ "event=accepted", { .message_id = "" }, false },
	{ "event=accepted", { .message_id = "<" }, false },
};

START_TEST(fits)
{
	for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
		char copy[300];
		struct trace_line l;
		bool may;

		snprintf(copy, sizeof(copy), HEAD ID " %s", wishes[i].rest);
		may = trace_line_may_fit(&wishes[i].wish, copy);
		ck_assert(trace_line_parse(&l, copy));
		ck_assert_msg((trace_line_fits(&wishes[i].wish, &l) != 0) == wishes[i].fits, "%s", wishes[i].rest);
		ck_assert(may || !wishes[i].fits);
	}
}
END_TEST

/* Each line says its part, whatever else is wanted. */
START_TEST(parts_of_a_wish)
{
	const struct trace_wish wish = { "a@b.example", "@c.example", NULL };
	static const struct { const char *rest; unsigned parts; } rows[] = {
		{ "event=accepted sender=a@b.example", TRACE_SENDER },
		{ "event=dropped recipient=x@C.example", TRACE_RECIPIENT },
		{ "event=x recipient=x@c.example sender=a@b.example", TRACE_SENDER | TRACE_RECIPIENT },
		{ "event=x recipient=a@b.example message-id=<1@c.example>", 0 },
	};

	ck_assert_uint_eq(trace_line_parts(&wish), TRACE_SENDER | TRACE_RECIPIENT);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char copy[300];
		struct trace_line l;

		snprintf(copy, sizeof(copy), HEAD ID " %s", rows[i].rest);
		ck_assert(trace_line_may_fit(&wish, copy) || rows[i].parts == 0);
		ck_assert(trace_line_parse(&l, copy));
		ck_assert_uint_eq(trace_line_fits(&wish, &l), rows[i].parts);
	}
}
END_TEST

START_TEST(names)
{
	static const struct { const char *rest; bool names; } rows[] = {
		{ ID " event=x", true }, { "- event=report report=" ID, true }, { "- event=x of=" ID "y", false },
		{ "- event=x reason=\"of=" ID "\"", false }, { "- event=x " ID, false }, { "-", false },
	};
	char ids[3][MESSAGE_ID_SIZE] = { "2k1gk3wc854e1xra", ID, "0k1gk3wc854e1xra" };

	trace_line_sort_ids(ids, 3);
	ck_assert_str_eq(ids[1], ID);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char copy[300];
		struct trace_line l;

		snprintf(copy, sizeof(copy), HEAD "%s", rows[i].rest);
		ck_assert(trace_line_parse(&l, copy));
		ck_assert_msg(trace_line_names(&l, ids, 3) == rows[i].names, "%s", rows[i].rest);
	}
}
END_TEST

UNIT_MAIN("trace_line", parts, fits, parts_of_a_wish, names)
