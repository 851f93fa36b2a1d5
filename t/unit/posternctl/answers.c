/*
 * answers - what the service answers as JSON: every form of a row, values that are hostile, and the way back
 * from what the service escaped
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/answers/answers.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/command/msg_queue.h"
#include "common/msg/msg_sessions.h"
#include "t/unit/check_main.h"

#define ROW "1k0t5022ayb3a3xn\twaiting\t1795000000\t1795000060\t123\t"

/* Words of the command, the answer, and the document as one line. */
static const struct answer_row { const char *words[4], *text, *json; } rows[] = {
	{ { "status" },
	    "default started number=2 id=1 description=\"Default \\\"SMTP\\\" = \\\\x41 \\x1b\" "
	    "listen=127.0.0.1:25,[::1]:25 sessions=3 queue=7 listener=11,12 pickup=13 "
	    "right=operator commit=batch disk=\"ext4 so\" reason=\"cannot open /x: no\"\n"
	    "two stopped number=4 id=0 description=\"\" listen= sessions=0 queue=0\n"
	    "(service) started pid=10 resolver=14 reason=sad\n",
	    "{\"schema\": 1, \"servers\": [{\"name\": \"default\", \"state\": \"started\", \"number\": 2, \"id\": 1, "
	    "\"description\": \"Default \\\"SMTP\\\" = \\\\x41 \\u001B\", \"listen\": [\"127.0.0.1:25\", \"[::1]:25\"], "
	    "\"sessions\": 3, \"queue\": 7, \"listener\": [11, 12], \"pickup\": [13], \"deliver\": [], "
	    "\"maintenance\": [], \"leaving\": [], \"right\": \"operator\", \"commit\": \"batch\", "
	    "\"disk\": \"ext4 so\", \"reason\": \"cannot open /x: no\"}, "
	    "{\"name\": \"two\", \"state\": \"stopped\", \"number\": 4, \"id\": 0, \"description\": \"\", \"listen\": [], "
	    "\"sessions\": 0, \"queue\": 0, \"listener\": [], \"pickup\": [], \"deliver\": [], \"maintenance\": [], "
	    "\"leaving\": [], \"right\": null, \"commit\": null, \"disk\": null, \"reason\": null}], \"service\": {\"state\": \"started\", \"pid\": 10, \"right\": null, \"resolver\": 14, "
	    "\"auth\": null, \"filter\": null, \"directory\": null, \"fetch\": null, \"limits\": null, \"metrics\": null, \"web\": null, "
	    "\"reason\": \"sad\"}, \"remarks\": []}" },
	{ { "status", "none" }, "there is no virtual server none\n",
	    "{\"schema\": 1, \"servers\": [], \"service\": null, \"remarks\": [\"there is no virtual server none\"]}" },
	{ { "counters", "a" }, "queue_length 7\nstate 2\n",
	    "{\"schema\": 1, \"server\": \"a\", \"counters\": {\"queue_length\": 7, \"state\": 2}, \"servers\": [], "
	    "\"remarks\": []}" },
	{ { "counters", "-", "each" }, "queue_length 9\n@a\nqueue_length 7\nstate 2\n@b\nqueue_length 2\nodd\n",
	    "{\"schema\": 1, \"server\": null, \"counters\": {\"queue_length\": 9}, \"servers\": ["
	    "{\"server\": \"a\", \"counters\": {\"queue_length\": 7, \"state\": 2}}, "
	    "{\"server\": \"b\", \"counters\": {\"queue_length\": 2}}], \"remarks\": [\"odd\"]}" },
	{ { "counters", "a", "hour" },
	    "step\t10\ntimes\t1795000000\t1795000010\nlengths\t-\t10004\nmessages_received_total\tgrowth\t-\t5\n"
	    "queue_length\tvalue\t7\t-3\nodd\tvalue\tx\n!a remark\n",
	    "{\"schema\": 1, \"server\": \"a\", \"span\": \"hour\", \"step\": 10, \"times\": [\"2026-11-18T11:06:40Z\", "
	    "\"2026-11-18T11:06:50Z\"], \"lengths\": [null, 10.004], \"series\": [{\"counter\": \"messages_received_total\", "
	    "\"kind\": \"growth\", \"points\": [null, 5]}, {\"counter\": \"queue_length\", \"kind\": \"value\", "
	    "\"points\": [7, -3]}], \"remarks\": [\"odd\\tvalue\\tx\", \"a remark\"]}" },
	{ { "counters", "a", "day" }, "step\t300\ntimes\nlengths\nqueue_length\tvalue\n",
	    "{\"schema\": 1, \"server\": \"a\", \"span\": \"day\", \"step\": 300, \"times\": [], \"lengths\": [], "
	    "\"series\": [{\"counter\": \"queue_length\", \"kind\": \"value\", \"points\": []}], \"remarks\": []}" },
	{ { "sessions", "-", "list" },
	    "10-1\ta\t192.0.2.1\t1795000000\t1234\tready\t2\tTLSv1.3\t-\tuser\tJohn \\xc3\\xa9 \\x5c\n"
	    "10-2\ta\t192.0.2.1\t1795000000\t5\tlogin\t0\t-\tab01\thelo\t\\xff\n"
	    "10-3\ta\t192.0.2.1\t1795000000\t5000\tproxy\t0\t-\t-\t-\t-\n!it is late\n=2 sessions ended\n",
	    "{\"schema\": 1, \"sessions\": [{\"id\": \"10-1\", \"server\": \"a\", \"client\": \"192.0.2.1\", "
	    "\"user\": \"John \xc3\xa9 \\\\\", \"helo\": null, \"since\": \"2026-11-18T11:06:40Z\", \"state\": \"ready\", "
	    "\"tls\": \"TLSv1.3\", \"certificate\": null, \"idle\": 1.234, \"messages\": 2}, "
	    "{\"id\": \"10-2\", \"server\": \"a\", \"client\": \"192.0.2.1\", \"user\": null, \"helo\": \"\xef\xbf\xbd\", "
	    "\"raw\": {\"helo\": \"ff\"}, \"since\": \"2026-11-18T11:06:40Z\", \"state\": \"login\", \"tls\": null, "
	    "\"certificate\": \"ab01\", \"idle\": 0.005, \"messages\": 0}, "
	    "{\"id\": \"10-3\", \"server\": \"a\", \"client\": \"192.0.2.1\", \"user\": null, \"helo\": null, "
	    "\"since\": \"2026-11-18T11:06:40Z\", \"state\": \"proxy\", \"tls\": null, \"certificate\": null, \"idle\": 5.0, "
	    "\"messages\": 0}], \"remarks\": [\"it is late\", \"2 sessions ended\"]}" },
	{ { "queue", "a", "list" },
	    ROW "\\x22x\\x5Cy\\x22@\\xE2\\x80\\xAEz\t2\t3\tu\\x20v@w \\xFF@w x@y\t4.7.1 \\x5Cx41\n"
	    ROW "short\n!a remark\n=12:k\t7\t0\t0\t0\t0\t0\n",
	    "{\"schema\": 1, \"messages\": [{\"server\": \"a\", \"id\": \"1k0t5022ayb3a3xn\", \"state\": \"waiting\", "
	    "\"arrived\": \"2026-11-18T11:06:40Z\", \"due\": \"2026-11-18T11:07:40Z\", \"size\": 123, "
	    "\"sender\": \"\\\"x\\\\y\\\"@\\u202ez\", \"pending\": 2, \"recipients\": 3, "
	    "\"to\": [\"u v@w\", \"\xef\xbf\xbd@w\", \"x@y\"], \"raw\": {\"to\": [null, \"ff4077\", null]}, "
	    "\"reason\": \"4.7.1 \\\\x41\"}], \"remarks\": [\"" "1k0t5022ayb3a3xn\\twaiting\\t1795000000\\t1795000060\\t123"
	    "\\tshort\", \"a remark\"], \"matched\": 7, \"done\": 0, \"busy\": 0, \"failed\": 0, \"recipients\": 0, "
	    "\"page\": \"ok\", \"next\": \"12:k\"}" },
	{ { "queue", "-", "list" }, "@a\n@b\n",
	    "{\"schema\": 1, \"messages\": [], \"remarks\": [], \"servers\": [\"a\", \"b\"]}" },
	{ { "queue", "a", "count" }, "example.com\t1\t2\t0\t0\t0\t0\t4\t450 \\x01\n=12:\t7\t0\t0\t0\t0\t0\n",
	    "{\"schema\": 1, \"domains\": [{\"domain\": \"example.com\", \"messages\": 7, \"ages\": {\"15m\": 1, \"1h\": 2, "
	    "\"4h\": 0, \"12h\": 0, \"1d\": 0, \"2d\": 0, \"older\": 4}, \"reason\": \"450 \\u0001\"}], \"remarks\": [], \"matched\": 7, \"done\": 0, "
	    "\"busy\": 0, \"failed\": 0, \"recipients\": 0, \"page\": \"ok\", \"next\": null}" },
	{ { "queue", "a", "show" },
	    "id\tX\nstate\tready\narrived\t1795000000\nsender\t\\xFF@a\nrecipient\tpending\t\\xFE@b\n"
	    "recipient\tdelivered\tc@d\nnote\t1795000000\tdeferred\t4.0.0 h: no\nheader\tA: b\nheader\tC: \\xFF\n"
	    "header\tD: \xc3\xa4\nid\tY\nsize\t3\nmore-recipients\t9\n=12:\t0\t0\t0\t0\t0\t1\n",
	    "{\"schema\": 1, \"messages\": [{\"server\": \"a\", \"id\": \"X\", \"state\": \"ready\", "
	    "\"arrived\": \"2026-11-18T11:06:40Z\", \"sender\": \"\xef\xbf\xbd@a\", \"raw\": {\"sender\": \"ff4061\", "
	    "\"header\": [null, \"433a20ff\", null]}, \"recipients\": [{\"mark\": \"pending\", "
	    "\"address\": \"\xef\xbf\xbd@b\", \"raw\": {\"address\": \"fe4062\"}}, {\"mark\": \"delivered\", "
	    "\"address\": \"c@d\"}], \"notes\": [{\"time\": \"2026-11-18T11:06:40Z\", \"event\": \"deferred\", "
	    "\"text\": \"4.0.0 h: no\"}], \"header\": [\"A: b\", \"C: \xef\xbf\xbd\", \"D: \xc3\xa4\"]}, "
	    "{\"server\": \"a\", \"id\": \"Y\", \"size\": 3, \"more-recipients\": 9}], \"remarks\": [], \"matched\": 0, "
	    "\"done\": 0, \"busy\": 0, \"failed\": 0, \"recipients\": 0, \"page\": \"not-yet\", \"next\": null}" },
	{ { "badmail", "a", "list" }, "X-1\t1795000000\t5\t\t0\t\tBad \\x01\tx\n=12:\t1\t0\t0\t0\t0\t0\n",
	    "{\"schema\": 1, \"messages\": [{\"server\": \"a\", \"id\": \"X-1\", \"since\": \"2026-11-18T11:06:40Z\", "
	    "\"size\": 5, \"sender\": \"\", \"recipients\": 0, \"to\": [], \"reason\": \"Bad \\u0001\", \"details\": \"x\"}], "
	    "\"remarks\": [], \"matched\": 1, \"done\": 0, \"busy\": 0, \"failed\": 0, \"recipients\": 0, \"page\": \"ok\", "
	    "\"next\": null}" },
	{ { "queue", "a", "hold" }, "!X is at work\n=12:\t3\t2\t1\t0\t5\t0\n",
	    "{\"schema\": 1, \"action\": \"hold\", \"remarks\": [\"X is at work\"], \"matched\": 3, \"done\": 2, "
	    "\"busy\": 1, \"failed\": 0, \"recipients\": 5, \"page\": \"ok\", \"next\": null}" },
	{ { "health" }, "WARNING: a started (b: c)\n",
	    "{\"schema\": 1, \"parts\": [], \"remarks\": [], \"health\": \"warning\", \"text\": \"a started (b: c)\"}" },
	{ { "health", "-", "each" }, "OK: a stopped as ordered\na\tstopped\tOK\t\t0\t12\n(service)\tstarted\tWARNING\tx \\x5C\t-\t-\n",
	    "{\"schema\": 1, \"parts\": [{\"name\": \"a\", \"state\": \"stopped\", \"health\": \"ok\", \"reason\": null, \"sessions\": 0, "
	    "\"queue\": 12}, "
	    "{\"name\": \"(service)\", \"state\": \"started\", \"health\": \"warning\", \"reason\": \"x \\\\\", "
	    "\"sessions\": null, \"queue\": null}], "
	    "\"remarks\": [], \"health\": \"ok\", \"text\": \"a stopped as ordered\"}" },
	{ { "nodes" }, "n1\t1790000000\ta\tstarted\tOK\t1\t2\t\nn2\t1790000000\t-\t-\tCRITICAL\t-\t-\tno answer\n!odd\n",
	    "{\"schema\": 1, \"nodes\": [{\"node\": \"n1\", \"name\": \"a\", \"state\": \"started\", \"health\": \"ok\", "
	    "\"sessions\": 1, \"queue\": 2, \"asked\": \"2026-09-21T14:13:20Z\", \"reason\": null}, {\"node\": \"n2\", \"name\": null, "
	    "\"state\": null, \"health\": \"critical\", \"sessions\": null, \"queue\": null, "
	    "\"asked\": \"2026-09-21T14:13:20Z\", \"reason\": \"no answer\"}], \"remarks\": [\"odd\"]}" },
	{ { "oauth-test", "-", "p" }, "flow: client credentials\nodd\n",
	    "{\"schema\": 1, \"steps\": [{\"step\": \"flow\", \"text\": \"client credentials\"}, {\"step\": \"\", "
	    "\"text\": \"odd\"}], \"remarks\": []}" },
	{ { "start" }, "a is started\n", NULL }, { { "queue" }, "", "{\"schema\": 1, \"action\": null, \"remarks\": []}" },
	{ { NULL }, "", NULL },
};

/* What a main has set stays: a password in a later document is wiped, too. */
START_TEST(memory_is_wiped)
{
	json_malloc_t get, get_after;
	json_free_t give, give_after;

	answers_memory_begin();
	json_get_alloc_funcs(&get, &give);
	ck_assert(give != free);
	json_decref(answers_json(rows[0].words, 1, rows[0].text));
	json_get_alloc_funcs(&get_after, &give_after);
	ck_assert(get == get_after && give == give_after);
}
END_TEST

START_TEST(documents)
{
	for (size_t i = 0; i < nitems_of(rows); i++) {
		size_t n = 0;
		json_t *got;
		char *text;

		while (n < nitems_of(rows[i].words) && rows[i].words[n] != NULL)
			n++;
		got = answers_json(rows[i].words, n, rows[i].text);
		ck_assert_msg((got != NULL) == (rows[i].json != NULL), "row %zu", i);
		if (got == NULL)
			continue;
		text = answers_print_text(got);
		if (strcmp(text, rows[i].json) != 0)
			ck_abort_msg("row %zu:\n%s\n%s", i, text, rows[i].json);
		free(text);
		json_decref(got);
	}
}
END_TEST

/* What the parser read is the bytes that went in, by the text itself or by "raw". */
static void
judge_bytes(const json_t *object, const char *name, const unsigned char *bytes, size_t len)
{
	const json_t *value = json_object_get(object, name);
	const char *hex = json_string_value(json_object_get(json_object_get(object, "raw"), name));
	bool utf8 = true;

	for (size_t at = 0, n = 1; utf8 && at < len; at += n)
		utf8 = (n = utf8_take(bytes + at, len - at, NULL)) > 0;
	ck_assert((hex == NULL) == utf8);
	if (utf8) {
		ck_assert_uint_eq(json_string_length(value), len);
		ck_assert(memcmp(json_string_value(value), bytes, len) == 0);
		return;
	}
	ck_assert_uint_eq(strlen(hex), 2 * len);
	for (size_t i = 0; i < len; i++) {
		unsigned one;

		if (sscanf(hex + 2 * i, "%2x", &one) != 1 || one != bytes[i])
			ck_abort_msg("%s", hex);
	}
}

/* A worker that was taken over writes members of the document where fields belong. */
START_TEST(members_are_not_replaced)
{
	static const char *const words[] = { "queue", "a", "show" };
	char text[] = "id\tX\nstate\tready\nraw\tz\nheader\t\xff\nheader\t\xff\nrecipients\tz\nrecipient\tpending\tb@c\n"
	    "server\tother\nnotes\tz\n=1:\t1\t0\t0\t0\t0\t0\n";
	json_t *got = answers_json(words, 3, text), *message = json_array_get(json_object_get(got, "messages"), 0);

	ck_assert_ptr_nonnull(got);
	if (message != NULL) {
		ck_assert(json_is_object(json_object_get(message, "raw")));
		ck_assert(json_is_array(json_object_get(message, "recipients")));
		ck_assert_str_eq(json_string_value(json_object_get(message, "server")), "a");
	}
	json_decref(got);
}
END_TEST

/* Any bytes, through log_safe() or msg_queue_put(), into JSON, printed, and read by a parser. */
START_TEST(round_trips)
{
	static const char *const status[] = { "status" }, *const queue[] = { "queue", "a", "list" };
	static const char kinds[] = "\\\"= x41@\t\n\x01\x7f\xc3\xa4\xe2\x80\xae\xf0\x9f\x98\x80\xff\xed\xa0\x80\xc2\x85";
	unsigned seed = 7;

	for (unsigned turn = 0; turn < 4000; turn++) {
		unsigned char bytes[24];
		size_t len = turn % sizeof(bytes);
		struct buf text = BUF_INIT(4096);
		json_error_t why;
		json_t *got, *again;
		char *line;

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245U + 12345U;
			bytes[i] = (unsigned char)kinds[(seed >> 16) % (sizeof(kinds) - 1)];
		}
		if (turn % 2 == 0) {
			buf_printf(&text, "a started number=2 description=%s listen=\n",
			    log_safe_n((const char *)bytes, len));
			got = answers_json(status, 1, buf_text(&text));
		} else {
			char zero[sizeof(bytes) + 1] = "";

			memcpy(zero, bytes, len);
			buf_puts(&text, ROW);
			msg_queue_put(&text, zero, 4 * sizeof(bytes));
			buf_puts(&text, "\t0\t0\t\t\n");
			got = answers_json(queue, 3, buf_text(&text));
		}
		ck_assert_ptr_nonnull(got);
		line = answers_print_text(got);
		for (size_t i = 0; line[i] != '\0'; i++)
			if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)	/* a call of check a byte costs seconds */
				ck_abort_msg("%s", line);
		again = json_loads(line, 0, &why);
		ck_assert_msg(again != NULL, "%s: %s", why.text, line);
		judge_bytes(json_array_get(json_object_get(again, turn % 2 == 0 ? "servers" : "messages"), 0),
		    turn % 2 == 0 ? "description" : "sender", bytes, len);
		json_decref(got);
		json_decref(again);
		free(line);
		buf_done(&text);
	}
}
END_TEST

/* Whatever a text has, there is a document, and a parser reads it. */
START_TEST(garbage)
{
	static const char *const pieces[] = {
		"id", "\t", "\t\t\t\t", "\n", " ", "=", "\"", "\\", "\\x4", "\\xff", "@", "!", ":", ": ", "default started number=2", "(service) ",
		"12:k\t1\t1\t1\t1\t1\t0", "recipient\tpending\tx", "note\t1", "more-recipients\t", "\xff", "\xc3\xa4", "9999999999999999999999",
		"-1", "remarks", "raw=\"x\"", "name=x", "schema=2", "header\tx", "raw\tx", "server\tx",
	};
	unsigned seed = 1;

	for (unsigned turn = 0; turn < 3000; turn++) {
		const struct answer_row *row = &rows[turn % nitems_of(rows)];
		struct buf text = BUF_INIT(4096);
		json_error_t why;
		json_t *got, *again;
		char *line;
		size_t n = 0;

		while (n < nitems_of(row->words) && row->words[n] != NULL)
			n++;
		for (unsigned i = 0; i < turn % 29; i++) {
			seed = seed * 1103515245U + 12345U;
			buf_puts(&text, pieces[(seed >> 16) % nitems_of(pieces)]);
		}
		got = answers_json(row->words, n, buf_text(&text));
		ck_assert((got != NULL) == (row->json != NULL));
		if (got != NULL) {
			line = answers_print_text(got);
			again = json_loads(line, JSON_REJECT_DUPLICATES, &why);
			ck_assert_msg(again != NULL, "%s: %s\n%s", why.text, buf_text(&text), line);
			ck_assert_int_eq((int)json_integer_value(json_object_get(again, "schema")), ANSWERS_SCHEMA);
			json_decref(again);
			json_decref(got);
			free(line);
		}
		buf_done(&text);
	}
}
END_TEST

/* Each table has as many cells as its rows are sent with, each cell in one column, and a heading for people. */
START_TEST(tables)
{
	static const struct { const char *command, *verb; size_t cells; } known[] = {
		{ "sessions", "list", MSG_SESSIONS_COLUMNS + 1 }, { "queue", "list", 10 }, { "badmail", "list", 8 },
	};

	for (size_t i = 0; i < nitems_of(known); i++) {
		const struct answers_table *t = answers_rows_find(known[i].command, known[i].verb);
		size_t named = 0;

		ck_assert_ptr_nonnull(t);
		ck_assert_uint_eq(answers_line_cells(t), known[i].cells);
		ck_assert_uint_le(known[i].cells, ANSWERS_CELLS_MAX);
		for (size_t k = 0; k < t->columns; k++) {
			named += t->column[k].heading != NULL && t->column[k].weight == 0;
			for (size_t other = 0; other < k; other++)
				ck_assert_str_ne(t->column[k].name, t->column[other].name);
		}
		ck_assert_uint_ge(named, 2);
	}
	ck_assert_ptr_null(answers_rows_find("explode", NULL));
}
END_TEST

UNIT_MAIN("answers", garbage, tables, memory_is_wiped, documents, members_are_not_replaced, round_trips)
