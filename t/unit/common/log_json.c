/* log_json - a line of the event log as a JSON object: facts, escapes, names that come twice, what has no room */
#include <stdio.h>
#include <string.h>

#include "common/base/log_json.h"
#include "t/unit/check_main.h"

#define HEAD "{\"time\":\"2026-11-21T19:04:57.123456Z\",\"level\":\"warning\",\"program\":\"postern-x\""
#define TAIL ",\"pid\":7}\n"

static const char *
object_of(const char *line)
{
	static char text[LOG_JSON_MAX + 1];
	size_t len = log_json(text, "warning", INT64_C(1795287897123456), "postern-x", 7, line, strlen(line));

	ck_assert_uint_le(len, LOG_JSON_MAX);
	text[len] = '\0';
	ck_assert_ptr_eq(strchr(text, '\n'), text + len - 1);
	return text;
}

START_TEST(test_rows)
{
	static const struct { const char *line, *want; } rows[] = {
		{ "- event=x", HEAD ",\"event\":\"x\"" TAIL },
		{ "1k event=x server=a n=5", HEAD ",\"id\":\"1k\",\"event\":\"x\",\"server\":\"a\",\"n\":\"5\"" TAIL },
		{ "- event=x reason=\"a b=c \\\"q\\\" \\\\\" y=z",
		    HEAD ",\"event\":\"x\",\"reason\":\"a b=c \\\"q\\\" \\\\\",\"y\":\"z\"" TAIL },
		{ "- event=x a=\\x41\\xff\\x00\\xc3\\xbc", HEAD ",\"event\":\"x\",\"a\":\"A\\ufffd\\u0000\xc3\xbc\"" TAIL },
		{ "- event=x a=\"\" words without any", HEAD ",\"event\":\"x\",\"a\":\"\"" TAIL },
		/* cut off in the middle of a quoted value */
		{ "- event=x a=\"b c", HEAD ",\"event\":\"x\",\"a\":\"\\\"b c\"" TAIL },
		/* who died, and not who tells it */
		{ "- event=crash pid=123", HEAD ",\"event\":\"crash\",\"pid\":\"123\"}\n" },
		{ "- event=x level=fact a=1 a=2 program=y", HEAD ",\"event\":\"x\",\"a\":\"1\"" TAIL },
		{ "", HEAD TAIL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_str_eq(object_of(rows[i].line), rows[i].want);
}
END_TEST

/* Each byte that needs six: the fact has no room, and those before it are there. */
START_TEST(test_no_room)
{
	char line[2000] = "- event=x a=1 b=";
	size_t at = strlen(line);

	for (; at + 1 < sizeof(line); at++)
		line[at] = '\x01';
	ck_assert_str_eq(object_of(line), HEAD ",\"event\":\"x\",\"a\":\"1\",\"cut\":true}\n");
}
END_TEST

/* More facts than any event has. */
START_TEST(test_many)
{
	char line[2000] = "- event=x";
	size_t at = strlen(line);

	for (unsigned i = 0; i < 100; i++)
		at += (size_t)snprintf(line + at, sizeof(line) - at, " n%u=%u", i, i);
	ck_assert_ptr_nonnull(strstr(object_of(line), ",\"n50\":\"50\",\"n51\":\"51\""));
}
END_TEST

UNIT_MAIN("log_json", test_rows, test_no_room, test_many)
