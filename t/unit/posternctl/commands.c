/*
 * commands - the table of posternctl; its words for sessions, queue and badmail, and what the service reads
 * from them
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/buf.h"
#include "common/change/change_servers.h"
#include "common/command/queue_words.h"
#include "common/config/server_name.h"
#include "master/control/control.h"
#include "master/master.h"
#include "master/posternctl/posternctl.h"
#include "master/posternctl/queues/queues.h"
#include "t/unit/check_main.h"

/*
 * A command that the service answers asks for a command that the service knows; names are unique; each row
 * has a meaning.
 */
START_TEST(tables)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];

		if (row->asks != NULL)
			ck_assert_msg(control_commands_known(row->asks), "%s asks for %s", row->name,
			    row->asks);
		ck_assert_ptr_eq(command_find(row->name), row);
		ck_assert(row->meaning[0] != '\0' && row->arguments != NULL && row->run != NULL);
	}
	ck_assert(control_commands_known("health"));
	ck_assert(!control_commands_known("explode"));
}
END_TEST

/* Both orders of name and verb are one command; what has a meaning as it stands keeps it. */
START_TEST(order_of_words)
{
	static const struct { const char *words[6], *mended; } rows[] = {
		{ { "domain", "sales", "list" }, "domain list sales" },
		{ { "domain", "list", "sales" }, "domain list sales" },
		{ { "domain", "sales", "add", "x.example" }, "domain add sales x.example" },
		{ { "domain", "list", "list" }, "domain list list" },
		{ { "tls-reports", "sales", "send" }, "tls-reports send sales" },
		{ { "tls-reports", "sales", "--json" }, "tls-reports sales --json" },
		{ { "dkim", "sales", "show", "x.example" }, "dkim show sales x.example" },
		{ { "certificate", "show", "sales" }, "certificate sales show" },
		{ { "certificate", "sales", "show" }, "certificate sales show" },
		{ { "operators", "list", "sales" }, "operators sales list" },
		{ { "operators", "list" }, "operators list" },
		{ { "operators", "add", "alice" }, "operators add alice" },
		{ { "operators", "add", "sales", "alice" }, "operators sales add alice" },
		{ { "operators", "add", "alice", "--dry-run" }, "operators add alice --dry-run" },
		{ { "sessions", "list", "sales" }, "sessions sales" },
		{ { "sessions", "sales", "list", "--json" }, "sessions sales --json" },
		{ { "sessions", "sales", "terminate", "--all" }, "sessions terminate sales --all" },
		{ { "status", "sales", "list" }, "status sales list" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *words[6];
		char text[200] = "";
		size_t n = 0;

		while (n < 6 && rows[i].words[n] != NULL) {
			words[n] = rows[i].words[n];
			n++;
		}
		n = word_order_mend(words, n);
		for (size_t k = 0; k < n; k++)
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", k > 0 ? " " : "", words[k]);
		ck_assert_str_eq(text, rows[i].mended);
	}
}
END_TEST

/* posternctl sessions: its words, the command that they become, and what the service reads from it. */
static const struct selection_row {
	const char *words[6];
	const char *order;		/* behind "sessions"; NULL: misused */
	bool json, terminate, yes;
	size_t ids;
} selection_rows[] = {
	{ { NULL }, "- list", .json = false },
	{ { "default" }, "default list", .json = false },
	{ { "default", "--json" }, "default list", .json = true },
	{ { "--from", "192.0.2.0/24", "--idle", "5m" }, "- list from=192.0.2.0/24 idle=300000",
	    .json = false },
	{ { "terminate", "12-3" }, "- terminate id=12-3", .terminate = true, .ids = 1 },
	{ { "terminate", "12-3", "12-4", "--yes" }, "- terminate id=12-3 id=12-4 yes", .terminate = true,
	    .yes = true, .ids = 2 },
	{ { "terminate", "--all", "default" }, "default terminate all", .terminate = true },
	{ { "terminate", "default", "--user", "alice", "--yes" }, "default terminate user=alice yes",
	    .terminate = true, .yes = true },
	{ { "terminate" }, NULL, .json = false },
	{ { "terminate", "default" }, NULL, .json = false },
	{ { "terminate", "--yes" }, NULL, .json = false },
	{ { "terminate", "--from" }, NULL, .json = false },
	{ { "terminate", "--idle", "soon" }, NULL, .json = false },
	{ { "--all" }, NULL, .json = false },
	{ { "--wrong" }, NULL, .json = false },
	{ { "one", "two" }, NULL, .json = false },
};

START_TEST(selections)
{
	for (size_t i = 0; i < nitems_of(selection_rows); i++) {
		const struct selection_row *row = &selection_rows[i];
		struct sessions_command l;
		struct buf text = BUF_INIT(4096), raw = BUF_INIT(4096), why = BUF_INIT(COMPLAINT_MAX);
		size_t n = 0;
		bool fine;

		while (n < nitems_of(row->words) && row->words[n] != NULL)
			n++;
		fine = sessions_command_parse(&l, row->words, n, &why);
		ck_assert_msg(fine == (row->order != NULL) && fine == (why.len == 0), "row %zu", i);
		buf_done(&why);
		buf_add(&raw, "sessions", 9);
		for (size_t k = 0; fine && k < l.count; k++) {
			buf_printf(&text, "%s%s", k > 0 ? " " : "", l.word[k]);
			buf_add(&raw, l.word[k], strlen(l.word[k]) + 1);
		}
		if (fine) {
			struct control_words w;
			struct sessions_wish wish;

			ck_assert_str_eq(buf_text(&text), row->order);
			ck_assert(l.json == row->json);
			ck_assert(control_words_parse(&w, raw.data, raw.len));
			ck_assert_msg(sessions_request_parse(&wish, &w), "row %zu", i);
			ck_assert(wish.terminate == row->terminate && wish.yes == row->yes);
			ck_assert_uint_eq(wish.ids, row->ids);
		}
		buf_done(&text);
		buf_done(&raw);
	}
}
END_TEST

/*
 * posternctl queue and badmail: its words, the command that they become, and what the service reads from it.
 */
static const struct queue_row {
	const char *words[8];
	const char *order;		/* NULL: misused */
	bool badmail, yes, json;
	enum msg_queue_verb verb;
	uint32_t states;
} queue_rows[] = {
	{ { "list" }, "queue - list", .verb = MSG_QUEUE_LIST },
	{ { "default", "list", "--json" }, "queue default list", .json = true, .verb = MSG_QUEUE_LIST },
	{ { "list", "default" }, "queue default list", .verb = MSG_QUEUE_LIST },
	{ { "list", "list" }, "queue list list", .verb = MSG_QUEUE_LIST },
	{ { "show", "1k0t5022ayb3a3xn" }, "queue - show id=1k0t5022ayb3a3xn", .verb = MSG_QUEUE_SHOW },
	{ { "hold", "--domain", "*.example", "--older", "2d" }, "queue - hold domain=*.example older=172800",
	    .verb = MSG_QUEUE_HOLD, .states = QUEUE_FILTER_ANY & ~QUEUE_FILTER_HELD },
	{ { "release", "--all" }, "queue - release all", .verb = MSG_QUEUE_RELEASE,
	    .states = QUEUE_FILTER_HELD },
	{ { "delete", "--held", "--yes" }, "queue - delete state=held", .yes = true, .verb = MSG_QUEUE_DELETE,
	    .states = QUEUE_FILTER_HELD },
	{ { "bounce", "--sender", "<>", "--reason", "no way" }, "queue - bounce sender=<> reason=no+20way",
	    .verb = MSG_QUEUE_BOUNCE },
	{ { "a", "move", "--all", "--to", "b" }, "queue a move all to=b", .verb = MSG_QUEUE_MOVE },
	{ { "a", "evacuate", "--all", "--to", "[192.0.2.1]:2525", "--wait", "5m" }, "queue a evacuate all to=[192.0.2.1]:2525",
	    .verb = MSG_QUEUE_EVACUATE },
	{ { "list" }, "badmail - list", .badmail = true, .verb = MSG_QUEUE_BADMAIL_LIST },
	{ { "purge", "--older", "30d" }, "badmail - purge older=2592000", .badmail = true,
	    .verb = MSG_QUEUE_BADMAIL_PURGE },
	{ { "show", "1k0t5022ayb3a3xn-2" }, "badmail - show id=1k0t5022ayb3a3xn-2", .badmail = true,
	    .verb = MSG_QUEUE_BADMAIL_SHOW },
	{ .words = { "delete" } }, { .words = { "delete", "--yes" } }, { .words = { "show" } },
	{ .words = { "show", "--all" } },
	{ .words = { "evacuate", "--all" } }, { .words = { "list", "--wait", "1s" } },
	{ .words = { "evacuate", "--all", "--to", "b", "--wait", "5" } },
	{ .words = { "move", "--all" } }, { .words = { "list", "--to", "b" } },
	{ .words = { "list", "--older" } }, { .words = { "list", "--older", "100ms" } },
	{ .words = { "list", "--sender", "" } }, { .words = { "list", "a", "b" } }, { .words = { "odd" } },
	{ .words = { NULL } },
	{ { "hold", "--all" }, .badmail = true }, { { "list", "--state", "held" }, .badmail = true },
};

START_TEST(queue_words)
{
	for (size_t i = 0; i < nitems_of(queue_rows); i++) {
		const struct queue_row *row = &queue_rows[i];
		struct queue_command t;
		struct msg_queue_ask ask;
		struct buf text = BUF_INIT(4096), why = BUF_INIT(COMPLAINT_MAX);
		pid_t pid;
		size_t n = 0;
		bool fine;

		while (n < nitems_of(row->words) && row->words[n] != NULL)
			n++;
		fine = queue_selection_parse(&t, row->badmail ? MSG_QUEUE_IN_BADMAIL : MSG_QUEUE_IN_QUEUE,
		    row->words, n, &why) == 0;
		ck_assert_msg(fine == (row->order != NULL) && (fine || n == 0) == (why.len == 0), "row %zu", i);
		buf_done(&why);
		for (size_t k = 0; fine && k < t.words.count; k++)
			buf_printf(&text, "%s%s", k > 0 ? " " : "", t.words.word[k]);
		if (fine) {
			ck_assert_str_eq(buf_text(&text), row->order);
			ck_assert(t.yes == row->yes && t.json == row->json && t.verb == row->verb);
			struct control_words w = { .count = t.words.count };

			for (size_t k = 0; k < w.count; k++)
				w.word[k] = t.words.word[k];
			ck_assert_msg(queue_words_parse(&ask, &pid, &w), "row %zu", i);
			ck_assert(ask.verb == row->verb && pid == 0);
			ck_assert_uint_eq(ask.pick.states, row->states);
		}
		buf_done(&text);
	}
}
END_TEST

START_TEST(server_names)
{
	static const char *const well[] = { "a", "0", "default", "a-b", "a1-",
	    "abcdefghijabcdefghijabcdefghij12" };
	static const char *const ill[] = { "", "-a", "A", "a.b", "../a", "a b",
	    "abcdefghijabcdefghijabcdefghij123", "a/b", "\xc3\xa4" };
	for (size_t i = 0; i < nitems_of(well); i++)
		ck_assert_msg(server_name_is_good(well[i]), "%s", well[i]);
	for (size_t i = 0; i < nitems_of(ill); i++)
		ck_assert_msg(!server_name_is_good(ill[i]), "%s", ill[i]);
}
END_TEST

/* What is wrong is said, with what was probably meant. */
START_TEST(complaints)
{
	static const struct { const char *words[5], *why; } rows[] = {
		{ { "queue", "list", "--older", "1" }, "--older 1: it wants a time with its unit" },
		{ { "queue", "list", "--older" }, "--older needs a value: a time" },
		{ { "queue", "hold", "--olderr", "1h" }, "there is no option --olderr; did you mean --older?" },
		{ { "queue", "lits" }, "there is no command of queue lits; did you mean list?" },
		{ { "queue", "move", "--all" }, "say where to: --to NAME" },
		{ { "queue", "evacuate", "--all" }, "say where to: --to HOST" },
		{ { "queue", "hold", "--all", "--wait", "1m" }, "--wait is for evacuate" },
		{ { "queue", "evacuate", "--wait", "5" }, "--wait 5: it wants a time with its unit" },
		{ { "queue", "show", "nosuchid" }, "nosuchid is no id of a message, and so names a virtual server; " },
		{ { "queue", "show", "default", "X" }, "X is no id of a message" },
		{ { "queue", "delete" }, "say which messages: ids, --all" },
		{ { "badmail", "list", "--held" }, "there is no option --held" },
		{ { "badmail", "list", "--jsno" }, "there is no option --jsno; did you mean --json?" },
		{ { "sessions", "--idle", "5" }, "--idle 5: it wants a time with its unit" },
		{ { "sessions", "--al" }, "there is no option --al" },
		{ { "sessions", "terminate", "--al" }, "there is no option --al; did you mean --all?" },
		{ { "sessions", "terminate", "nope" }, "nope is no id of a session, and so names a virtual server; " },
		{ { "sessions", "one", "two" }, "two: one virtual server is named already, one" },
	};

	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct buf why = BUF_INIT(COMPLAINT_MAX);
		struct sessions_command l;
		struct queue_command q;
		size_t n = 0;

		while (n < nitems_of(rows[i].words) && rows[i].words[n] != NULL)
			n++;
		if (strcmp(rows[i].words[0], "sessions") == 0)
			ck_assert(!sessions_command_parse(&l, rows[i].words + 1, n - 1, &why));
		else
			ck_assert_int_ne(queue_selection_parse(&q, msg_queue_place_find(rows[i].words[0]),
			    rows[i].words + 1, n - 1, &why), 0);
		ck_assert_msg(strncmp(buf_text(&why), rows[i].why, strlen(rows[i].why)) == 0, "%s", buf_text(&why));
		buf_done(&why);
	}
}
END_TEST

UNIT_MAIN("commands", complaints, tables, order_of_words, selections, server_names, queue_words)
