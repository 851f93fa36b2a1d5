/*
 * control - what an operator's command must look like, who is an operator, and that both tables of commands agree
 */
#include <string.h>

#include "master/control/control.h"
#include "master/master.h"
#include "master/posternctl/posternctl.h"
#include "t/unit/unit.h"

static bool
parse(struct control_words *w, const char *text, size_t len)
{
	/* exactly as long as the message, so that a read beyond it is seen */
	char *data = mem_array(NULL, len + 1, 1);
	memcpy(data, text, len);
	char *tight = mem_array(NULL, len > 0 ? len : 1, 1);
	memcpy(tight, data, len);
	bool ok = control_parse(w, tight, len);
	free(tight);
	free(data);
	return ok;
}

#define PARSE(w, text) parse(w, text, sizeof(text))	/* with the final NUL */

START_TEST(good)
{
	struct control_words w;
	ck_assert(PARSE(&w, "status"));
	ck_assert_uint_eq(w.count, 1);
	ck_assert(PARSE(&w, "pause\0default"));
	ck_assert_uint_eq(w.count, 2);
	ck_assert_str_eq(w.word[0], "pause");
	ck_assert_str_eq(w.word[1], "default");
	char most[2 * CONTROL_WORDS_MAX];
	for (size_t i = 0; i < sizeof(most); i++)
		most[i] = i % 2 == 0 ? 'a' : '\0';
	ck_assert(parse(&w, most, sizeof(most)));
	ck_assert_uint_eq(w.count, CONTROL_WORDS_MAX);
}
END_TEST

START_TEST(bad)
{
	struct control_words w;
	char longest[CONTROL_WORD_SIZE + 1];
	ck_assert(!parse(&w, "", 0));
	ck_assert(!parse(&w, "status", 6));		/* not ended */
	ck_assert(!parse(&w, "", 1));			/* an empty word */
	ck_assert(!PARSE(&w, "pause\0\0default"));
	ck_assert(!PARSE(&w, "pause\0default\0"));	/* an empty last word */
	char most[2 * CONTROL_WORDS_MAX + 2];
	for (size_t i = 0; i < sizeof(most); i++)
		most[i] = i % 2 == 0 ? 'a' : '\0';
	ck_assert(!parse(&w, most, sizeof(most)));		/* one too many */
	ck_assert(!PARSE(&w, "pause default"));
	ck_assert(!PARSE(&w, "pause\0def\nault"));
	ck_assert(!PARSE(&w, "pause\0d\xc3\xa4"));
	memset(longest, 'x', sizeof(longest));
	longest[CONTROL_WORD_SIZE - 1] = '\0';
	ck_assert(parse(&w, longest, CONTROL_WORD_SIZE));		/* at the limit */
	memset(longest, 'x', sizeof(longest));
	longest[CONTROL_WORD_SIZE] = '\0';
	ck_assert(!parse(&w, longest, CONTROL_WORD_SIZE + 1));	/* and beyond */
}
END_TEST

START_TEST(operators)
{
	uid_t users[] = { 1001, 1002 };
	gid_t groups[] = { 50 }, mine[] = { 7, 50 }, others[] = { 7, 51, 1001 };
	struct control_rights r = { .uid = users, .nuid = 2, .gid = groups, .ngid = 1 }, none = { 0 };
	struct control_peer by_user = { .uid = 1002, .gid = others, .ngid = 3 };
	struct control_peer by_group = { .uid = 5, .gid = mine, .ngid = 2 };
	struct control_peer stranger = { .uid = 50, .gid = others, .ngid = 3 };	/* numbers of one kind are not the other */
	struct control_peer alone = { .uid = 1001 };
	ck_assert(control_rights_has(&r, &by_user));
	ck_assert(control_rights_has(&r, &by_group));
	ck_assert(control_rights_has(&r, &alone));
	ck_assert(!control_rights_has(&r, &stranger));
	ck_assert(!control_rights_has(&none, &by_user));
}
END_TEST

START_TEST(names)
{
	char *unknown[] = { "no-such-name-here", "@no-such-group-here" }, *root[] = { "root", "@root" };
	struct config_strings list = { .text = unknown, .count = 2 }, both = { .text = root, .count = 2 };
	struct control_rights r;
	control_rights_resolve(&r, &list, "-");
	ck_assert_uint_eq(r.nuid + r.ngid, 0);
	control_rights_done(&r);
	control_rights_resolve(&r, &both, "-");
	ck_assert_uint_eq(r.nuid, 1);
	ck_assert_uint_eq(r.ngid, 1);
	control_rights_done(&r);
}
END_TEST

/* A command that ends in the service names an order the service knows; names are unique; each says what it does. */
START_TEST(tables)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *row = &command_rows[i];
		if (row->asks != NULL)
			ck_assert_msg(control_commands_known(row->asks), "%s asks for %s", row->name, row->asks);
		ck_assert_ptr_eq(command_find(row->name), row);
		ck_assert(row->meaning[0] != '\0' && row->arguments != NULL && row->run != NULL);
	}
	ck_assert(control_commands_known("health"));
	ck_assert(!control_commands_known("explode"));
}
END_TEST

/* What posternctl makes of its words, and what the service makes of that. */
static const struct selection_row {
	const char *words[6];
	const char *order;		/* behind "sessions"; NULL: misused */
	bool json, terminate, yes;
	size_t ids;
} selection_rows[] = {
	{ { NULL }, "- list", .json = false },
	{ { "default" }, "default list", .json = false },
	{ { "default", "--json" }, "default list", .json = true },
	{ { "--from", "192.0.2.0/24", "--idle", "5m" }, "- list from=192.0.2.0/24 idle=300000", .json = false },
	{ { "terminate", "12-3" }, "- terminate id=12-3", .terminate = true, .ids = 1 },
	{ { "terminate", "12-3", "12-4", "--yes" }, "- terminate id=12-3 id=12-4 yes", .terminate = true, .yes = true, .ids = 2 },
	{ { "terminate", "--all", "default" }, "default terminate all", .terminate = true },
	{ { "terminate", "default", "--user", "alice", "--yes" }, "default terminate user=alice yes", .terminate = true, .yes = true },
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
		struct buf text = BUF_INIT(4096), raw = BUF_INIT(4096);
		size_t n = 0;
		while (n < nitems_of(row->words) && row->words[n] != NULL)
			n++;
		bool fine = sessions_command_parse(&l, row->words, n);
		ck_assert_msg(fine == (row->order != NULL), "row %zu", i);
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
			ck_assert(control_parse(&w, raw.data, raw.len));
			ck_assert_msg(sessions_request_parse(&wish, &w), "row %zu", i);
			ck_assert(wish.terminate == row->terminate && wish.yes == row->yes);
			ck_assert_uint_eq(wish.ids, row->ids);
		}
		buf_done(&text);
		buf_done(&raw);
	}
}
END_TEST

/* What does not come from posternctl. */
START_TEST(bad_selections)
{
	static const char *const rows[][4] = {
		{ "-" }, { "-", "show" }, { "-", "terminate" }, { "-", "terminate", "yes" }, { "-", "terminate", "id=1" }, { "-", "terminate", "id=-1" },
		{ "-", "terminate", "id=1-" }, { "-", "terminate", "id=1-99999999999" }, { "-", "list", "from=example.com" }, { "-", "list", "from=1.2.3" },
		{ "-", "list", "idle=5m" }, { "-", "list", "idle=-1" }, { "-", "list", "user=" }, { "-", "list", "nothing" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct control_words w = { .count = 1 };
		struct sessions_wish wish;
		strcpy(w.word[0], "sessions");
		for (size_t k = 0; k < 4 && rows[i][k] != NULL; k++)
			strcpy(w.word[w.count++], rows[i][k]);
		ck_assert_msg(!sessions_request_parse(&wish, &w), "row %zu", i);
	}
}
END_TEST

/* A listener is trusted less than the master: its text is checked. */
START_TEST(pages)
{
	static const struct { const char *text; uint32_t rows; bool fine; } rows[] = {
		{ "", 0, true },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\tx y\n", 1, true },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\tx\n", 2, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\tx", 0, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\n", 1, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\tx\ty\n", 1, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\t\x1b[2J\n", 1, false },
		{ "1\tip\t2\t3\tready\t0\t-\t-\thelo\t\xc3\xa4\n", 1, false },
	};
	static struct msg_sessions_page page, out;
	size_t len;
	for (size_t i = 0; i < nitems_of(rows); i++) {
		size_t n = strlen(rows[i].text);
		page.rows = rows[i].rows;
		memcpy(page.text, rows[i].text, n);
		ck_assert_msg(msg_sessions_page_take(&out, &page, offsetof(struct msg_sessions_page, text) + n, &len) == rows[i].fine, "row %zu", i);
	}
	ck_assert(!msg_sessions_page_take(&out, &page, 3, &len));
	static struct msg_sessions_ask ask, copy;
	ck_assert(msg_sessions_ask_take(&copy, &ask, sizeof(ask)));
	ask.count = MSG_SESSIONS_SERIALS_MAX + 1;
	ck_assert(!msg_sessions_ask_take(&copy, &ask, sizeof(ask)));
	ask.count = 0;
	memset(ask.name, 'x', sizeof(ask.name));
	ck_assert(!msg_sessions_ask_take(&copy, &ask, sizeof(ask)));
}
END_TEST

/* posternctl queue and badmail: its words, and what the service makes of them. */
static const struct queue_row {
	const char *words[8];
	const char *order;		/* NULL: misused */
	bool badmail, yes, json;
	enum msg_queue_verb verb;
	uint32_t states;
} tool_rows[] = {
	{ { "list" }, "queue - list", .verb = MSG_QUEUE_LIST },
	{ { "default", "list", "--json" }, "queue default list", .json = true, .verb = MSG_QUEUE_LIST },
	{ { "list", "default" }, "queue default list", .verb = MSG_QUEUE_LIST },
	{ { "list", "list" }, "queue list list", .verb = MSG_QUEUE_LIST },
	{ { "show", "1k0t5022ayb3a3xn" }, "queue - show id=1k0t5022ayb3a3xn", .verb = MSG_QUEUE_SHOW },
	{ { "hold", "--domain", "*.example", "--older", "2d" }, "queue - hold domain=*.example older=172800", .verb = MSG_QUEUE_HOLD,
	    .states = QUEUE_FILTER_ANY & ~QUEUE_FILTER_HELD },
	{ { "release", "--all" }, "queue - release all", .verb = MSG_QUEUE_RELEASE, .states = QUEUE_FILTER_HELD },
	{ { "delete", "--held", "--yes" }, "queue - delete state=held", .yes = true, .verb = MSG_QUEUE_DELETE, .states = QUEUE_FILTER_HELD },
	{ { "bounce", "--sender", "<>", "--reason", "no way" }, "queue - bounce sender=<> reason=no+20way", .verb = MSG_QUEUE_BOUNCE },
	{ { "a", "move", "--all", "--to", "b" }, "queue a move all to=b", .verb = MSG_QUEUE_MOVE },
	{ { "list" }, "badmail - list", .badmail = true, .verb = MSG_QUEUE_BADMAIL_LIST },
	{ { "purge", "--older", "30d" }, "badmail - purge older=2592000", .badmail = true, .verb = MSG_QUEUE_BADMAIL_PURGE },
	{ { "show", "1k0t5022ayb3a3xn-2" }, "badmail - show id=1k0t5022ayb3a3xn-2", .badmail = true, .verb = MSG_QUEUE_BADMAIL_SHOW },
	{ .words = { "delete" } }, { .words = { "delete", "--yes" } }, { .words = { "show" } }, { .words = { "show", "--all" } },
	{ .words = { "move", "--all" } }, { .words = { "list", "--to", "b" } }, { .words = { "list", "--older" } }, { .words = { "list", "--older", "100ms" } },
	{ .words = { "list", "--sender", "" } }, { .words = { "list", "a", "b" } }, { .words = { "odd" } }, { .words = { NULL } },
	{ { "hold", "--all" }, .badmail = true }, { { "list", "--state", "held" }, .badmail = true },
};

START_TEST(tools)
{
	for (size_t i = 0; i < nitems_of(tool_rows); i++) {
		const struct queue_row *row = &tool_rows[i];
		struct queue_command t;
		struct msg_queue_ask ask;
		struct buf text = BUF_INIT(4096);
		const char *why;
		pid_t pid;
		size_t n = 0;
		while (n < nitems_of(row->words) && row->words[n] != NULL)
			n++;
		bool fine = queue_command_parse(&t, row->badmail, row->words, n, &why) == 0;
		ck_assert_msg(fine == (row->order != NULL), "row %zu", i);
		for (size_t k = 0; fine && k < t.words.count; k++)
			buf_printf(&text, "%s%s", k > 0 ? " " : "", t.words.word[k]);
		if (fine) {
			ck_assert_str_eq(buf_text(&text), row->order);
			ck_assert(t.yes == row->yes && t.json == row->json && t.verb == row->verb);
			ck_assert_msg(queue_request_parse(&ask, &pid, &t.words), "row %zu", i);
			ck_assert(ask.verb == row->verb && pid == 0);
			ck_assert_uint_eq(ask.pick.states, row->states);
		}
		buf_done(&text);
	}
}
END_TEST

/* What does not come from posternctl. */
START_TEST(bad_orders)
{
	static const char *const rows[][4] = {
		{ "default" }, { "default", "odd" }, { "default", "delete" }, { "default", "list", "at=1" }, { "default", "list", "at=:5" },
		{ "default", "list", "at=x:5" }, { "default", "list", "newest=x" }, { "default", "list", "reason=" }, { "default", "move", "all" },
		{ "default", "list", "sender=+" }, { "default", "list", "odd" }, { "default", "list", "to=b" },
	};
	for (size_t i = 0; i < nitems_of(rows); i++) {
		struct control_words w = { .count = 1 };
		struct msg_queue_ask ask;
		pid_t pid;
		strcpy(w.word[0], "queue");
		for (size_t k = 0; k < 4 && rows[i][k] != NULL; k++)
			strcpy(w.word[w.count++], rows[i][k]);
		ck_assert_msg(!queue_request_parse(&ask, &pid, &w), "row %zu", i);
	}
	struct control_words w = { .count = 4, .word = { "queue", "a", "list", "at=77:12" } };
	struct msg_queue_ask ask;
	pid_t pid;
	ck_assert(queue_request_parse(&ask, &pid, &w));
	ck_assert_int_eq(pid, 77);
	ck_assert_str_eq(ask.at, "12");
}
END_TEST

START_TEST(server_names)
{
	static const char *const well[] = { "a", "0", "default", "a-b", "a1-", "abcdefghijabcdefghijabcdefghij12" };
	static const char *const ill[] = { "", "-a", "A", "a.b", "../a", "a b", "abcdefghijabcdefghijabcdefghij123", "a/b", "\xc3\xa4" };
	for (size_t i = 0; i < nitems_of(well); i++)
		ck_assert_msg(server_command_name_is_good(well[i]), "%s", well[i]);
	for (size_t i = 0; i < nitems_of(ill); i++)
		ck_assert_msg(!server_command_name_is_good(ill[i]), "%s", ill[i]);
}
END_TEST

UNIT_MAIN("admin", good, bad, operators, names, tables, selections, bad_selections, pages, server_names, tools, bad_orders)
